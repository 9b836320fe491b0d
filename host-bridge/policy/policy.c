/* A policy from its parts: the tables of hooks, the defaults, what it counts. */
#include "host-bridge/policy/policy.h"

#include <stdlib.h>
#include <string.h>

#include "host-bridge/policy/border/border.h"
#include "host-bridge/policy/buffers/hooks.h"
#include "host-bridge/policy/keys/hooks.h"
#include "host-bridge/policy/policy_hooks.h"
#include "host-bridge/policy/surfaces/hooks.h"
#include "host-bridge/policy/windows/hooks.h"
#include "host-bridge/policy/transfers/hooks.h"
#include "host-bridge/transfers/transfers.h"
#include "protocol/base/amounts.h"
#include "protocol/base/bytes.h"

#define MAX_OBJECTS 65536
#define CONNECT_TOLD_MS 10000

/* Qubes' users know these two. */
static void set_default_chords(struct policy *policy)
{
	if (!transfer_rules_have_hotkey(&policy->rules)) {
		policy->copy_chord.n = policy->paste_chord.n = 0;
		return;
	}
	if (policy->copy_chord.n == 0)
		chords_parse(&policy->copy_chord, "Ctrl+Shift+C");
	if (policy->paste_chord.n == 0)
		chords_parse(&policy->paste_chord, "Ctrl+Shift+V");
}

/* NULL when memory is short. */
static struct relay_hooks *make_hooks(const struct policy *policy)
{
	static const struct relay_hook none[] = {{0}};
	const struct relay_hook *tables[] = {policy_buffer_hooks, policy_surface_hooks,
		policy_region_hooks, policy_colour_hooks, policy_focus_hooks,
		policy_attention_hooks, policy_global_hooks, policy_dmabuf_hooks,
		policy_import_hooks, policy_text_hooks(), policy_pipe_hooks, policy_keyboard_hooks,
		policy_clipboard_hooks, policy_offer_hooks, policy_selection_hooks,
		border_wanted(&policy->border) ? border_hooks : none, popup_hooks,
		policy_action_hooks, NULL, NULL};
	struct relay_hook *fd_hooks = policy_fd_hooks_create(tables);

	if (!fd_hooks)
		return NULL;
	tables[ARRAY_LENGTH(tables) - 2] = fd_hooks;
	struct relay_hooks *hooks = relay_hooks_create(tables);
	free(fd_hooks);
	return hooks;
}

/* What is the policy's own; false when memory is short. */
static bool complete(struct policy *policy)
{
	policy->hooks = make_hooks(policy);
	if (!policy->app_id.before[0] && !policy->app_id.after[0] && !policy->app_id.no_text)
		policy_mark_parse(&policy->app_id, POLICY_APP_ID);
	set_default_chords(policy);
	if (policy->max_objects == 0)
		policy->max_objects = MAX_OBJECTS;
	if (policy->connect_told_ms == 0)
		policy->connect_told_ms = CONNECT_TOLD_MS;
	return policy->hooks;
}

bool policy_init(struct policy *policy)
{
	policy->counters = calloc(1, sizeof(*policy->counters));
	policy->transfers = transfers_create();
	policy->keyboards = policy_keyboards_create();
	policy->windows = malloc(sizeof(*policy->windows));
	if (policy->windows)
		wl_list_init(policy->windows);
	if (complete(policy) && policy->counters && policy->transfers && policy->keyboards &&
		policy->windows)
		return true;
	policy_finish(policy);
	return false;
}

bool policy_follow(struct policy *policy, struct policy *before)
{
	policy->wayland_display = before->wayland_display;
	policy->vm_name = before->vm_name;
	policy->quota = before->quota;
	policy->imports = before->imports;
	policy->counters = before->counters;
	policy->keyboards = before->keyboards;
	policy->attendant = before->attendant;
	policy->transfers = before->transfers;
	policy->windows = before->windows;
	if (!complete(policy))
		return false;
	policy_ref(before);
	before->followed = true;
	policy_unref(before);
	return true;
}

void policy_finish(struct policy *policy)
{
	transfers_destroy(policy->transfers);
	policy->transfers = NULL;
	relay_hooks_destroy((struct relay_hooks *)policy->hooks);
	policy->hooks = NULL;
	free(policy->counters);
	policy->counters = NULL;
	policy_keyboards_destroy(policy->keyboards);
	policy->keyboards = NULL;
	free(policy->windows);
	policy->windows = NULL;
	if (policy->unused)
		policy->unused(policy);
}

bool policy_vm_name_good(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length <= POLICY_VM_NAME_BYTES &&
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
		length;
}

void policy_print(const struct policy *policy)
{
	policy_print_rules(policy);
	border_print(&policy->border, stdout);
	transfer_rules_print(&policy->rules, stdout);
}

void policy_print_counters(const struct policy *policy, FILE *out)
{
	const struct policy_counters *counters = policy->counters;
	const struct amount lines[] = {
		{"connections", counters->connections},
		{"messages from guests", counters->messages[RELAY_DOWN]},
		{"messages from the compositor", counters->messages[RELAY_UP]},
		{"message bytes from guests", counters->bytes[RELAY_DOWN]},
		{"message bytes from the compositor", counters->bytes[RELAY_UP]},
		{"live objects", counters->objects},
		{"live shadow bytes", counters->shadow_bytes},
		{"shadowed bytes", counters->copied_bytes},
		{"shadow pauses", counters->copy_pauses},
		{"dma-bufs handed on", counters->dmabufs_handed_on},
		{"dma-bufs as wl_shm", counters->dmabufs_as_shm},
		{"wl_shm as dma-bufs", counters->shm_as_dmabufs},
		{"dma-bufs as shadowed wl_shm", counters->dmabufs_shadowed},
		{"transfers to the host refused", counters->transfers_refused[TRANSFER_TO_HOST]},
		{"transfers to the guest refused", counters->transfers_refused[TRANSFER_TO_GUEST]},
		{"questions to the user", counters->questions},
		{"questions to the user without an answer", counters->questions_failed},
		{"transfers that were too large", counters->transfers_too_large},
		{"selections withheld from the guest", counters->offers_withheld},
		{"selections withheld from the host", counters->sources_kept},
		{"types of clipboards and drags withheld", counters->types_withheld},
		{"chords withheld from the guest", counters->chords_withheld},
		{"requests without the user's action", counters->without_action},
	};
	amounts_print(lines, ARRAY_LENGTH(lines), out);
}
