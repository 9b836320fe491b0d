/*
 * What guests may do: the table of interfaces they may see, with the reasons for those they may
 * not.
 */
#include "host-bridge/policy/base/policy_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"

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
#define FENCES                                                                                     \
	"carries GPU fences, which a channel to a guest cannot; guests wait until a frame is "     \
	"drawn"
#define DEVICE "names a device of the host; wayferry-guest offers one of the guest's"
#define FILES "carries files that a guest cannot pass"
#define REGISTRY "is of no use through a relay"

/*
 * The globals that guests may bind; one that is not in the table is refused, too. The refused ones
 * are here for the reasons that --print-capabilities shows. Interfaces that are no globals need no
 * line: guests reach them only through a global.
 */
static const struct rule {
	const char *interface;
	uint32_t max_version; /* the latest that was reviewed; a newer one needs a new look */
	const char *denied;   /* NULL: allowed */
} rules[] = {
	/* windows */
	{"wl_compositor", 6, NULL},
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
	{"zxdg_decoration_manager_v1", 1, NULL},
	{"zxdg_exporter_v1", 1, NULL},
	{"zxdg_exporter_v2", 1, NULL},
	{"zxdg_importer_v1", 1, NULL},
	{"zxdg_importer_v2", 1, NULL},
	{"zxdg_output_manager_v1", 3, NULL},
	{"zwp_idle_inhibit_manager_v1", 1, NULL},

	/* buffers and presentation */
	{"wl_shm", 2, NULL},
	{"zwp_linux_dmabuf_v1", 5, NULL},
	{"ext_background_effect_manager_v1", 1, NULL},
	{"wp_alpha_modifier_v1", 1, NULL},
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
	{"wl_seat", 10, NULL},
	{"wp_cursor_shape_manager_v1", 2, NULL},
	{"zwp_input_timestamps_manager_v1", 1, NULL},
	{"zwp_pointer_constraints_v1", 1, NULL},
	{"zwp_pointer_gestures_v1", 3, NULL},
	{"zwp_relative_pointer_manager_v1", 1, NULL},
	{"zwp_tablet_manager_v1", 1, NULL},
	{"zwp_tablet_manager_v2", 2, NULL},
	{"zwp_text_input_manager_v1", 1, NULL},
	{"zwp_text_input_manager_v2", 1, NULL},
	{"zwp_text_input_manager_v3", 1, NULL},

	/* clipboards, for the focused window */
	{"wl_data_device_manager", 3, NULL},
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
	{"wl_drm", 0, DEVICE},
	{"wl_fixes", 0, REGISTRY},
	{"wp_color_manager_v1", 0, FILES},
	{"wp_drm_lease_device_v1", 0, PRIVILEGE},
	{"wp_linux_drm_syncobj_manager_v1", 0, FENCES},
	{"wp_pointer_warp_v1", 0, INPUT},
	{"wp_security_context_manager_v1", 0, PRIVILEGE},
	{"xwayland_shell_v1", 0, PRIVILEGE},
	{"zwlr_data_control_manager_v1", 0, CLIPBOARD},
	{"zwlr_export_dmabuf_manager_v1", 0, CAPTURE},
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

static const struct rule *find_rule(const char *interface)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rules); i++) {
		if (strcmp(rules[i].interface, interface) == 0)
			return &rules[i];
	}
	return NULL;
}

static const struct policy_restriction *find_restriction(
	const struct policy *policy, const char *interface)
{
	for (size_t i = 0; i < policy->n_restrictions; i++) {
		if (strcmp(policy->restrictions[i].interface, interface) == 0)
			return &policy->restrictions[i];
	}
	return NULL;
}

const char *policy_restrict(struct policy *policy, const char *interface, const char *limit)
{
	const struct rule *rule = find_rule(interface);
	unsigned long version = 0;
	char *end;

	if (!rule || rule->denied)
		return "guests do not get this interface anyway (see --print-capabilities)";
	if (policy->n_restrictions == POLICY_RESTRICTIONS_MAX)
		return "too many restrictions";
	if (strcmp(limit, "deny") != 0) {
		version = limit[0] >= '1' && limit[0] <= '9' ? strtoul(limit, &end, 10) : 0;
		if (version == 0 || *end || version > INT32_MAX)
			return "may be 'deny', or the highest version";
	}
	policy->restrictions[policy->n_restrictions++] =
		(struct policy_restriction){interface, (uint32_t)version};
	return NULL;
}

bool policy_allow_global(
	const struct policy *policy, const struct interface *interface, uint32_t *version)
{
	const struct rule *rule = find_rule(interface->wl->name);
	const struct policy_restriction *restriction =
		find_restriction(policy, interface->wl->name);

	if (!rule || rule->denied || !border_knows(&policy->border, rule->interface) ||
		(restriction && restriction->max_version == 0))
		return false;
	if (restriction)
		*version = (uint32_t)min_u64(*version, restriction->max_version);
	*version = (uint32_t)min_u64(*version, rule->max_version);
	return true;
}

void policy_print_rules(const struct policy *policy)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rules); i++) {
		const struct rule *rule = &rules[i];
		const struct interface *interface = interface_find(rule->interface);
		if (rule->denied) {
			printf("deny   %s: %s\n", rule->interface, rule->denied);
		} else if (!interface) {
			printf("absent %s: this build has no tables for it\n", rule->interface);
		} else {
			uint32_t version = (uint32_t)interface->wl->version;
			if (policy_allow_global(policy, interface, &version))
				printf("allow  %s up to version %u\n", rule->interface, version);
			else
				printf("deny   %s: the configuration says so\n", rule->interface);
		}
	}
	printf("deny   all others\n");
}
