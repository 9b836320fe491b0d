/*
 * What guests may do: the table of interfaces they may see, with the reasons for those they may
 * not.
 */
#include "host-bridge/policy/base/policy_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"

#define LOG_MODULE "policy"
#include "protocol/base/log.h"

/* Why an interface is not for guests. */
#define CAPTURE "reads the screen or other clients' windows"
#define INPUT "injects input"
#define CLIPBOARD "reads the clipboard without focus"
#define LOCK "locks the session"
#define OUTSIDE "draws outside windows"
#define DESKTOP "controls the desktop or other clients' windows"
#define ACTIVITY "watches what the user does"
#define SHORTCUTS                                                                                  \
	"takes the user's shortcuts away, and with them the way out of a full-screen window"
#define PRIVILEGE "is for the desktop's own privileged clients"
#define FENCES "carries GPU fences, which a channel to a guest cannot"
#define DEVICE "names a device of the host; wayferry-guest offers one of the guest's"
#define FRAMES "reads the screen into memory of the GPU, which cannot go to a guest"
#define REGISTRY "is of no use through a relay"
#define FOCUS "takes the focus"
#define KEPT "has the desktop keep what guests name after they have ended, without a bound"

/*
 * The globals that guests may bind; one that is not in the table is refused, too. The refused ones
 * are here for the reasons that wayferry-host capabilities shows. Interfaces that are no globals
 * need no line: guests reach them only through a global.
 */
static const struct rule {
	const char *interface;
	uint32_t max_version; /* the latest that was reviewed; a newer one needs a new look */
	const char *denied;   /* NULL: allowed */
} rules[] = {
	/* windows */
	{"org_kde_kwin_server_decoration_manager", 1, NULL},
	{"wl_compositor", 7, NULL},
	{"wl_subcompositor", 1, NULL},
	{"wl_output", 4, NULL},
	{"wl_shell", 1, NULL},
	{"xdg_wm_base", 7, NULL},
	{"zxdg_shell_v6", 1, NULL},
	{"xdg_activation_v1", 1, NULL},
	{"xdg_system_bell_v1", 1, NULL},
	{"xdg_toplevel_drag_manager_v1", 1, NULL},
	{"xdg_toplevel_icon_manager_v1", 1, NULL},
	{"xdg_toplevel_tag_manager_v1", 1, NULL},
	{"xdg_wm_dialog_v1", 1, NULL},
	{"zxdg_decoration_manager_v1", 2, NULL},
	{"zxdg_exporter_v1", 1, NULL},
	{"zxdg_exporter_v2", 1, NULL},
	{"zxdg_importer_v1", 1, NULL},
	{"zxdg_importer_v2", 1, NULL},
	{"zxdg_output_manager_v1", 3, NULL},
	{"zwp_idle_inhibit_manager_v1", 1, NULL},

	/* buffers and presentation */
	{"wl_shm", 3, NULL},
	{"zwp_linux_dmabuf_v1", 6, NULL},
	{"ext_background_effect_manager_v1", 1, NULL},
	{"wp_alpha_modifier_v1", 1, NULL},
	{"wp_color_manager_v1", 3, NULL},
	{"wp_color_representation_manager_v1", 1, NULL},
	{"wp_commit_timing_manager_v1", 1, NULL},
	{"wp_content_type_manager_v1", 1, NULL},
	{"wp_fifo_manager_v1", 1, NULL},
	{"wp_fractional_scale_manager_v1", 1, NULL},
	{"wp_presentation", 2, NULL},
	{"wp_single_pixel_buffer_manager_v1", 1, NULL},
	{"wp_tearing_control_manager_v1", 1, NULL},
	{"wp_viewporter", 1, NULL},

	/* input of focused windows */
	{"wl_seat", 11, NULL},
	{"wp_cursor_shape_manager_v1", 2, NULL},
	{"wp_pointer_warp_v1", 1, NULL}, /* on the surface that the pointer is on */
	{"zwp_input_timestamps_manager_v1", 1, NULL},
	{"zwp_pointer_constraints_v1", 1, NULL},
	{"zwp_pointer_gestures_v1", 3, NULL},
	{"zwp_relative_pointer_manager_v1", 1, NULL},
	{"zwp_tablet_manager_v1", 1, NULL},
	{"zwp_tablet_manager_v2", 2, NULL},
	{"zwp_text_input_manager_v1", 1, NULL},
	{"zwp_text_input_manager_v2", 1, NULL},
	{"zwp_text_input_manager_v3", 2, NULL},

	/* clipboards, for the focused window */
	{"wl_data_device_manager", 4, NULL},
	{"gtk_primary_selection_device_manager", 1, NULL},
	{"zwp_primary_selection_device_manager_v1", 1, NULL},

	/* not for guests */
	{"ext_data_control_manager_v1", 0, CLIPBOARD},
	{"ext_foreign_toplevel_image_capture_source_manager_v1", 0, CAPTURE},
	{"ext_foreign_toplevel_list_v1", 0, ACTIVITY},
	{"ext_idle_notifier_v1", 0, ACTIVITY},
	{"ext_image_copy_capture_manager_v1", 0, CAPTURE},
	{"ext_output_image_capture_source_manager_v1", 0, CAPTURE},
	{"ext_session_lock_manager_v1", 0, LOCK},
	{"ext_transient_seat_manager_v1", 0, INPUT},
	{"ext_workspace_manager_v1", 0, DESKTOP},
	{"gtk_shell1", 0, FOCUS},
	{"wl_drm", 0, DEVICE},
	{"wl_fixes", 0, REGISTRY},
	{"wp_drm_lease_device_v1", 0, PRIVILEGE},
	{"wp_linux_drm_syncobj_manager_v1", 0, FENCES},
	{"wp_security_context_manager_v1", 0, PRIVILEGE},
	{"xdg_session_manager_v1", 0, KEPT},
	{"xwayland_shell_v1", 0, PRIVILEGE},
	{"zwlr_data_control_manager_v1", 0, CLIPBOARD},
	{"zwlr_export_dmabuf_manager_v1", 0, FRAMES},
	{"zwlr_foreign_toplevel_manager_v1", 0, DESKTOP},
	{"zwlr_gamma_control_manager_v1", 0, DESKTOP},
	{"zwlr_input_inhibit_manager_v1", 0, LOCK},
	{"zwlr_layer_shell_v1", 0, OUTSIDE},
	{"zwlr_output_manager_v1", 0, DESKTOP},
	{"zwlr_output_power_manager_v1", 0, DESKTOP},
	{"zwlr_screencopy_manager_v1", 0, CAPTURE},
	{"zwlr_virtual_pointer_manager_v1", 0, INPUT},
	{"zwp_fullscreen_shell_v1", 0, OUTSIDE},
	{"zwp_input_method_manager_v2", 0, INPUT},
	{"zwp_input_method_v1", 0, INPUT},
	{"zwp_input_panel_v1", 0, OUTSIDE},
	{"zwp_keyboard_shortcuts_inhibit_manager_v1", 0, SHORTCUTS},
	{"zwp_linux_explicit_synchronization_v1", 0, FENCES},
	{"zwp_virtual_keyboard_manager_v1", 0, INPUT},
	{"zwp_xwayland_keyboard_grab_manager_v1", 0, SHORTCUTS},
};

/* What a configuration may name together. */
static const struct group {
	const char *name, *interfaces[3];
} groups[] = {
	{"activation", {"xdg_activation_v1"}},
	{"bell", {"xdg_system_bell_v1"}},
	{"idle-inhibit", {"zwp_idle_inhibit_manager_v1"}},
	{"pointer-lock", {"zwp_pointer_constraints_v1"}},
	{"shortcuts-inhibit", {"zwp_keyboard_shortcuts_inhibit_manager_v1"}},
	{"text-input",
		{"zwp_text_input_manager_v1", "zwp_text_input_manager_v2",
			"zwp_text_input_manager_v3"}},
};

static const struct rule *find_rule(const char *interface)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rules); i++) {
		if (strcmp(rules[i].interface, interface) == 0)
			return &rules[i];
	}
	return NULL;
}

static const char *add_restriction(
	struct policy *policy, const char *interface, uint32_t max_version, bool widens)
{
	if (policy->n_restrictions == POLICY_RESTRICTIONS_MAX)
		return "too many lines";
	policy->restrictions[policy->n_restrictions++] =
		(struct policy_restriction){interface, max_version, widens};
	return NULL;
}

/* What the table refuses for a reason that a user can overrule. */
static const char *widen(struct policy *policy, const struct rule *rule)
{
	static const char *const technical[] = {FENCES, DEVICE, FRAMES, REGISTRY};

	for (size_t i = 0; i < ARRAY_LENGTH(technical); i++) {
		if (strcmp(rule->denied, technical[i]) == 0)
			return "cannot be allowed: it would not work (see wayferry-host "
			       "capabilities)";
	}
	if (!interface_find(rule->interface))
		return "cannot be allowed: this build has no tables for it";
	return add_restriction(policy, rule->interface, INT32_MAX, true);
}

static const char *set_rule(struct policy *policy, const struct rule *rule, const char *limit)
{
	unsigned long version = 0;
	char *end;

	if (strcmp(limit, "allow") == 0)
		return rule->denied ? widen(policy, rule) : NULL;
	if (rule->denied)
		return "guests do not get this interface unless it says 'allow' (see wayferry-host "
		       "capabilities)";
	if (strcmp(limit, "deny") != 0) {
		version = limit[0] >= '1' && limit[0] <= '9' ? strtoul(limit, &end, 10) : 0;
		if (version == 0 || *end || version > INT32_MAX)
			return "may be 'allow', 'deny', or the highest version";
	}
	return add_restriction(policy, rule->interface, (uint32_t)version, false);
}

static const char *set_group(struct policy *policy, const struct group *group, const char *limit)
{
	const char *why = NULL;

	if (strcmp(limit, "allow") != 0 && strcmp(limit, "deny") != 0)
		return "may be 'allow' or 'deny'";
	for (size_t i = 0; i < ARRAY_LENGTH(group->interfaces) && group->interfaces[i] && !why;
		i++) {
		const struct rule *rule = find_rule(group->interfaces[i]);
		if (!rule->denied || strcmp(limit, "allow") == 0)
			why = set_rule(policy, rule, limit);
	}
	return why;
}

const char *policy_set_rule(struct policy *policy, const char *name, const char *limit)
{
	const struct rule *rule = find_rule(name);

	if (rule)
		return set_rule(policy, rule, limit);
	for (size_t i = 0; i < ARRAY_LENGTH(groups); i++) {
		if (strcmp(groups[i].name, name) == 0)
			return set_group(policy, &groups[i], limit);
	}
	return "there is no such interface or group (see wayferry-host capabilities)";
}

void policy_warn_of_widening(const struct policy *policy)
{
	for (size_t i = 0; i < policy->n_restrictions; i++) {
		const struct policy_restriction *line = &policy->restrictions[i];
		if (line->widens)
			log_warn("the configuration gives guests %s, which %s", line->interface,
				find_rule(line->interface)->denied);
	}
}

/* The strictest of what the configuration says, of which an interface and its group may be two. */
static bool restrict_version(
	const struct policy *policy, const struct rule *rule, uint32_t *version)
{
	bool widened = false;

	for (size_t i = 0; i < policy->n_restrictions; i++) {
		const struct policy_restriction *line = &policy->restrictions[i];
		if (strcmp(line->interface, rule->interface) != 0)
			continue;
		widened |= line->widens;
		*version = (uint32_t)min_u64(*version, line->max_version);
	}
	if (!rule->denied)
		*version = (uint32_t)min_u64(*version, rule->max_version);
	return *version > 0 && (!rule->denied || widened);
}

bool policy_allow_global(
	const struct policy *policy, const struct interface *interface, uint32_t *version)
{
	const struct rule *rule = find_rule(interface->wl->name);

	return rule && border_knows(&policy->border, rule->interface) &&
		restrict_version(policy, rule, version);
}

static void print_rule(const struct policy *policy, const struct rule *rule)
{
	const struct interface *interface = interface_find(rule->interface);
	uint32_t version = interface ? (uint32_t)interface->wl->version : 0;
	bool allowed = interface && policy_allow_global(policy, interface, &version);

	if (allowed && rule->denied)
		printf("allow  %s up to version %u, by the configuration, although it %s\n",
			rule->interface, version, rule->denied);
	else if (allowed)
		printf("allow  %s up to version %u\n", rule->interface, version);
	else if (rule->denied)
		printf("deny   %s: %s\n", rule->interface, rule->denied);
	else if (!interface)
		printf("absent %s: this build has no tables for it\n", rule->interface);
	else
		printf("deny   %s: the configuration says so\n", rule->interface);
}

void policy_print_rules(const struct policy *policy)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rules); i++)
		print_rule(policy, &rules[i]);
	printf("deny   all others\n");
}
