/* Policy: what may travel where a Wayland message carries an fd. */
#include "host-bridge/policy/policy_hooks.h"

#include <stdlib.h>
#include <string.h>
#include <wayland-server-protocol.h>

#include "host-bridge/policy/base/policy_files.h"

/* The compositor sends the writing end of a pipe: the guest gets a pipe to write to. */
static enum relay_verdict handle_pipe_event(struct relay_message *message)
{
	for (size_t i = 0; i < message->signature->n_args; i++) {
		if (message->signature->args[i].type == 'h')
			message->args[i].handle.kind = WIRE_WRITE_PIPE;
	}
	return RELAY_FORWARD;
}

const struct relay_hook policy_pipe_hooks[] = {
	{"ext_data_control_source_v1", "send", handle_pipe_event, RELAY_UP},
	{"zwlr_data_control_source_v1", "send", handle_pipe_event, RELAY_UP},
	{0},
};

/*
 * The requests that take memory of the virtio-gpu device have hooks of their own; no other request
 * may carry it.
 */
static enum relay_verdict handle_fd_request(struct relay_message *message)
{
	for (size_t i = 0; i < message->signature->n_args; i++) {
		if (message->signature->args[i].type == 'h' &&
			message->args[i].handle.kind != WIRE_FD)
			return relay_fail(message->relay, NULL, WL_DISPLAY_ERROR_INVALID_METHOD,
				"%s.%s takes a file or a pipe, not memory of the virtio-gpu device",
				message->object->interface->wl->name, message->description->name);
	}
	return RELAY_FORWARD;
}

static bool is_named(const struct relay_hook *const tables[], enum relay_end from,
	const char *interface, const char *message)
{
	for (; *tables; tables++) {
		for (const struct relay_hook *hook = *tables; hook->interface; hook++) {
			if ((hook->from == RELAY_DOWN) == (from == RELAY_DOWN) &&
				strcmp(hook->interface, interface) == 0 &&
				strcmp(hook->message, message) == 0)
				return true;
		}
	}
	return false;
}

/*
 * Appends hooks of one interface's requests or events to @hooks (NULL: only counts them); returns
 * how many.
 */
static size_t add_fd_hooks(struct relay_hook *hooks, const struct relay_hook *const tables[],
	enum relay_end from, const char *interface, const struct wl_message *messages,
	int n_messages)
{
	size_t n = 0;
	for (int i = 0; i < n_messages; i++) {
		if (!strchr(messages[i].signature, 'h') ||
			is_named(tables, from, interface, messages[i].name))
			continue;
		if (hooks)
			hooks[n] = (struct relay_hook){interface, messages[i].name,
				from == RELAY_DOWN ? handle_fd_request : policy_file_event, from};
		n++;
	}
	return n;
}

struct relay_hook *policy_fd_hooks_create(const struct relay_hook *const tables[])
{
	struct relay_hook *hooks = NULL;
	size_t n;

	for (int pass = 0; pass < 2; pass++) {
		n = 0;
		for (size_t i = 0; i < n_interfaces; i++) {
			const struct wl_interface *wl = interfaces[i].wl;
			n += add_fd_hooks(hooks ? hooks + n : NULL, tables, RELAY_DOWN, wl->name,
				wl->methods, wl->method_count);
			n += add_fd_hooks(hooks ? hooks + n : NULL, tables, RELAY_UP, wl->name,
				wl->events, wl->event_count);
		}
		if (!hooks)
			hooks = calloc(n + 1, sizeof(*hooks));
		if (!hooks)
			return NULL;
	}
	return hooks;
}
