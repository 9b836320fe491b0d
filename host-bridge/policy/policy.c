/* A policy from its parts: the tables of hooks, the defaults, what it counts. */
#include "host-bridge/policy/policy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host-bridge/policy/buffers/hooks.h"
#include "host-bridge/policy/policy_hooks.h"
#include "host-bridge/policy/surfaces/hooks.h"
#include "protocol/base/bytes.h"

#define MAX_OBJECTS 65536
#define CONNECT_TIMEOUT_MS 10000

bool policy_init(struct policy *policy)
{
	static const struct relay_hook none[] = {{0}};
	const struct relay_hook *tables[] = {policy_buffer_hooks, policy_surface_hooks,
		policy_region_hooks, policy_focus_hooks, policy_global_hooks, policy_dmabuf_hooks,
		policy_text_hooks(), policy_pipe_hooks,
		policy->refuse_clipboard_to_host ? policy_clipboard_to_host_hooks
						 : policy_drag_hooks,
		policy->refuse_clipboard_to_guest ? policy_clipboard_to_guest_hooks : none, NULL,
		NULL};
	struct relay_hook *fd_hooks = policy_fd_hooks_create(tables);

	if (!fd_hooks)
		return false;
	tables[ARRAY_LENGTH(tables) - 2] = fd_hooks;
	policy->hooks = relay_hooks_create(tables);
	free(fd_hooks);
	policy->counters = calloc(1, sizeof(*policy->counters));
	if (policy->max_objects == 0)
		policy->max_objects = MAX_OBJECTS;
	if (policy->connect_timeout_ms == 0)
		policy->connect_timeout_ms = CONNECT_TIMEOUT_MS;
	if (policy->hooks && policy->counters)
		return true;
	policy_finish(policy);
	return false;
}

void policy_finish(struct policy *policy)
{
	relay_hooks_destroy((struct relay_hooks *)policy->hooks);
	policy->hooks = NULL;
	free(policy->counters);
	policy->counters = NULL;
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
	printf("clipboard to host: %s\n", policy->refuse_clipboard_to_host ? "no" : "yes");
	printf("clipboard to guest: %s\n", policy->refuse_clipboard_to_guest ? "no" : "yes");
}

void policy_print_counters(const struct policy *policy, FILE *out)
{
	const struct policy_counters *counters = policy->counters;
	const struct {
		const char *name;
		uint64_t value;
	} lines[] = {
		{"connections", counters->connections},
		{"messages from guests", counters->messages[RELAY_DOWN]},
		{"messages from the compositor", counters->messages[RELAY_UP]},
		{"message bytes from guests", counters->bytes[RELAY_DOWN]},
		{"message bytes from the compositor", counters->bytes[RELAY_UP]},
		{"live objects", counters->objects},
		{"live shadow bytes", counters->shadow_bytes},
		{"shadowed bytes", counters->copied_bytes},
		{"dma-bufs handed on", counters->dmabufs_handed_on},
		{"dma-bufs as wl_shm", counters->dmabufs_as_shm},
		{"dma-bufs as shadowed wl_shm", counters->dmabufs_shadowed},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(lines); i++)
		fprintf(out, "%s %" PRIu64 "\n", lines[i].name, lines[i].value);
}
