/*
 * Policy: the compositor's globals, and linux-dmabuf where it has none.
 *
 * Guests share GPU memory by linux-dmabuf, but whether the compositor can import what they share
 * depends on what a blob is made of, and only the host knows that. So the host decides, blob by
 * blob (policy_dmabuf.c), and the guest need not know: where the compositor has no
 * zwp_linux_dmabuf_v1, one of our own is offered, whose buffers become wl_shm over the same memory.
 * Its formats are those of the compositor's wl_shm.
 *
 * Whether the compositor has one is known once it has announced all its globals, that is, when it
 * answers a wl_display.sync that the guest sent after get_registry. Our own global is announced
 * before that answer is handed on, so a guest that waits for the answer misses nothing.
 */
#include <drm_fourcc.h>
#include <stdlib.h>
#include <string.h>

#include "host-bridge/policy/base/policy_rules.h"
#include "host-bridge/policy/buffers/policy_buffers.h"
#include "protocol/base/bytes.h"

/* Compositors' own names for globals start at 1. */
#define OWN_DMABUF_NAME UINT32_C(0xffff0001)
#define OWN_DMABUF_VERSION 3 /* the last one without feedback, which would name a device */
#define MODIFIER_EVENT_VERSION 3

struct offer { /* relay_object.data of a zwp_linux_dmabuf_v1 of ours */
	struct relay_object *object;
	struct wl_list link; /* policy_display::offers */
};

/* Our own linux-dmabuf */

static int offer_format(const struct offer *offer, struct relay *relay, uint32_t code)
{
	static const uint64_t modifiers[] = {DRM_FORMAT_MOD_INVALID, DRM_FORMAT_MOD_LINEAR};
	union wire_arg args[] = {{.u = code}, {.u = 0}, {.u = 0}};
	int error = 0;

	if (offer->object->version < MODIFIER_EVENT_VERSION)
		return relay_send_named(relay, RELAY_DOWN, offer->object, "format", args);
	for (size_t i = 0; i < ARRAY_LENGTH(modifiers) && error == 0; i++) {
		args[1].u = (uint32_t)(modifiers[i] >> 32);
		args[2].u = (uint32_t)modifiers[i];
		error = relay_send_named(relay, RELAY_DOWN, offer->object, "modifier", args);
	}
	return error;
}

static void destroy_offer(struct relay_object *object)
{
	struct offer *offer = object->data;
	object->data = NULL;
	wl_list_remove(&offer->link);
	free(offer);
}

/* The guest binds our own linux-dmabuf. */
static enum relay_verdict bind_own(struct relay_message *message)
{
	struct policy_display *display = policy_display(message->relay);
	struct relay_object *object = message->args[3].object;
	struct offer *offer = calloc(1, sizeof(*offer));

	if (!offer)
		return relay_fail_memory(message->relay, "an object");
	offer->object = object;
	wl_list_insert(&display->offers, &offer->link);
	object->data = offer;
	object->data_destroy = destroy_offer;
	for (uint32_t i = 0; i < display->n_shm_formats; i++)
		offer_format(offer, message->relay, display->shm_formats[i]);
	policy_display_shm(message->relay);
	return RELAY_SWALLOW;
}

/* wl_shm.format(format): those of our own wl_shm become the formats of our own linux-dmabuf. */
static enum relay_verdict handle_shm_format(struct relay_message *message)
{
	struct policy_display *display = policy_display(message->relay);
	const uint32_t code = pixel_format_from_shm(message->args[0].u);
	const struct pixel_format *format = pixel_format_find(code);
	struct offer *offer;

	if (message->object != display->shm.object) /* what cannot be checked is not offered */
		return format ? RELAY_FORWARD : RELAY_SWALLOW;
	for (uint32_t i = 0; i < display->n_shm_formats; i++) {
		if (display->shm_formats[i] == code)
			return RELAY_SWALLOW;
	}
	if (!format || format->n_planes != 1 || display->n_shm_formats == POLICY_SHM_FORMATS_MAX)
		return RELAY_SWALLOW;
	display->shm_formats[display->n_shm_formats++] = code;
	wl_list_for_each(offer, &display->offers, link) offer_format(offer, message->relay, code);
	return RELAY_SWALLOW;
}

/* Registries */

/* wl_display.get_registry(registry) */
static enum relay_verdict handle_get_registry(struct relay_message *message)
{
	struct policy_display *display = policy_display(message->relay);
	struct relay_object *registry = message->args[0].object;

	if (!display->registry.object)
		relay_ref_set(&display->registry, registry);
	display->n_registries++;
	if (display->n_unsettled < POLICY_UNSETTLED_MAX) {
		relay_ref_set(&display->unsettled[display->n_unsettled].object, registry);
		display->unsettled[display->n_unsettled++].serial = display->n_registries;
	}
	return RELAY_FORWARD;
}

/* wl_display.sync(callback): the answer comes after the globals of all registries so far. */
static enum relay_verdict handle_sync(struct relay_message *message)
{
	struct policy_display *display = policy_display(message->relay);

	if (display->n_unsettled > 0)
		message->args[0].object->data = (void *)display->n_registries;
	return RELAY_FORWARD;
}

static int announce_own(struct relay *relay, struct relay_object *registry)
{
	const struct policy_connection *connection = relay_data(relay);
	const struct interface *interface = interface_find("zwp_linux_dmabuf_v1");
	if (!interface)
		return 0;
	uint32_t version = (uint32_t)min_u64((uint64_t)interface->wl->version, OWN_DMABUF_VERSION);
	if (!policy_allow_global(connection->policy, interface, &version))
		return 0;
	return relay_send_named(relay, RELAY_DOWN, registry, "global",
		(union wire_arg[]){
			{.u = OWN_DMABUF_NAME}, {.s = interface->wl->name}, {.u = version}});
}

/* wl_callback.done(data) */
static enum relay_verdict handle_done(struct relay_message *message)
{
	struct policy_display *display = policy_display(message->relay);
	uintptr_t serial = (uintptr_t)message->object->data;
	uint32_t left = 0;

	message->object->data = NULL;
	if (serial == 0)
		return RELAY_FORWARD;
	for (uint32_t i = 0; i < display->n_unsettled; i++) {
		struct relay_object *registry = display->unsettled[i].object.object;
		relay_ref_set(&display->unsettled[i].object, NULL);
		if (display->unsettled[i].serial > serial) {
			relay_ref_set(&display->unsettled[left].object, registry);
			display->unsettled[left++].serial = display->unsettled[i].serial;
		} else if (registry && display->has_shm && !display->has_dmabuf) {
			announce_own(message->relay, registry);
		}
	}
	display->n_unsettled = left;
	return RELAY_FORWARD;
}

/* wl_registry.global(name, interface, version): of those that guests may see */
static enum relay_verdict handle_global(struct relay_message *message)
{
	struct policy_display *display = policy_display(message->relay);
	const char *interface = message->args[1].s;

	if (message->args[0].u == OWN_DMABUF_NAME) /* the name would be ambiguous */
		return RELAY_SWALLOW;
	struct policy_connection *connection = relay_data(message->relay);
	border_note_global(&connection->border, message->args[0].u, interface);
	if (strcmp(interface, "wl_shm") == 0) {
		display->has_shm = true;
		display->shm_name = message->args[0].u;
	} else if (strcmp(interface, "zwp_linux_dmabuf_v1") == 0) {
		display->has_dmabuf = true;
		display->dmabuf_name = message->args[0].u;
		policy_imports_begin(message->relay, message->args[0].u, message->args[2].u);
	}
	return RELAY_FORWARD;
}

/* wl_registry.bind(name, interface, version, id) */
static enum relay_verdict handle_bind(struct relay_message *message)
{
	struct policy_display *display = policy_display(message->relay);

	if (message->args[0].u == OWN_DMABUF_NAME)
		return bind_own(message);
	/* Some of its buffers may have to become wl_shm: have the formats ready by then. */
	if (display->has_dmabuf && message->args[0].u == display->dmabuf_name)
		policy_display_shm(message->relay);
	return RELAY_FORWARD;
}

const struct relay_hook policy_global_hooks[] = {
	{"wl_display", "get_registry", handle_get_registry, RELAY_DOWN},
	{"wl_display", "sync", handle_sync, RELAY_DOWN},
	{"wl_callback", "done", handle_done, RELAY_UP},
	{"wl_registry", "global", handle_global, RELAY_UP},
	{"wl_registry", "bind", handle_bind, RELAY_DOWN},
	{"wl_shm", "format", handle_shm_format, RELAY_UP},
	{0},
};
