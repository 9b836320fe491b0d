/*
 * wl_drm, which Mesa used before linux-dmabuf's feedback named devices: the guest's node, formats,
 * and buffers, which are made by way of linux-dmabuf. The host does not know of it.
 */
#include "guest-proxy/dmabuf/drm.h"

#include <drm_fourcc.h>
#include <stdlib.h>
#include <wayland-server-protocol.h>

#include "guest-proxy/dmabuf/dmabuf.h"
#include "guest-proxy/dmabuf/dmabuf_state.h"
#include "protocol/base/bytes.h"
#include "protocol/interfaces/tables/wl_drm-server-protocol.h" /* generated */

#define CAPABILITIES_VERSION 2
#define MANAGER_VERSION 3 /* the last one that announces formats without being asked */

struct drm { /* relay_object.data of a wl_drm */
	struct relay_object *object;
	struct wl_list link; /* dmabuf_state::drms */
};

/* A zwp_linux_dmabuf_v1 of ours. NULL: memory is short, or the relay has failed. */
static struct relay_object *manager_of(struct relay *relay)
{
	struct dmabuf_state *state = dmabuf_state(relay);
	if (state->manager.object || !state->registry.object)
		return state->manager.object;
	uint32_t version = (uint32_t)min_u64(state->version, MANAGER_VERSION);
	const struct interface *interface = interface_find("zwp_linux_dmabuf_v1");
	struct relay_object *manager = relay_object_create(relay, interface, version);
	if (!manager)
		return NULL;
	if (relay_send_named(relay, RELAY_UP, state->registry.object, "bind",
		    (union wire_arg[]){{.u = state->name}, {.s = interface->wl->name},
			    {.u = version}, {.object = manager}}) == 0)
		relay_ref_set(&state->manager, manager);
	return state->manager.object;
}

static void destroy_drm(struct relay_object *object)
{
	struct drm *drm = object->data;
	object->data = NULL;
	wl_list_remove(&drm->link);
	free(drm);
}

enum relay_verdict drm_bind(struct relay_message *message)
{
	struct connection *connection = connection_of(message->relay);
	struct dmabuf_state *state = connection->dmabuf;
	struct relay_object *object = message->args[3].object;
	struct drm *drm = calloc(1, sizeof(*drm));

	if (!drm)
		return relay_fail_memory(message->relay, "wl_drm");
	wl_list_insert(&state->drms, &drm->link);
	drm->object = object;
	object->data = drm;
	object->data_destroy = destroy_drm;
	relay_send_named(message->relay, RELAY_DOWN, object, "device",
		(union wire_arg[]){{.s = connection->gpu->node}});
	if (object->version >= CAPABILITIES_VERSION)
		relay_send_named(message->relay, RELAY_DOWN, object, "capabilities",
			(union wire_arg[]){{.u = WL_DRM_CAPABILITY_PRIME}});
	for (uint32_t i = 0; i < state->n_formats; i++)
		relay_send_named(message->relay, RELAY_DOWN, object, "format",
			(union wire_arg[]){{.u = state->formats[i]}});
	manager_of(message->relay);
	return RELAY_SWALLOW;
}

void drm_format(struct relay *relay, uint32_t format, uint64_t modifier)
{
	struct dmabuf_state *state = dmabuf_state(relay);
	struct drm *drm;

	/* Its buffers have no modifier. */
	if (modifier != DRM_FORMAT_MOD_LINEAR && modifier != DRM_FORMAT_MOD_INVALID)
		return;
	for (uint32_t i = 0; i < state->n_formats; i++) {
		if (state->formats[i] == format)
			return;
	}
	if (state->n_formats == ARRAY_LENGTH(state->formats))
		return;
	state->formats[state->n_formats++] = format;
	wl_list_for_each(drm, &state->drms, link) relay_send_named(
		relay, RELAY_DOWN, drm->object, "format", (union wire_arg[]){{.u = format}});
}

/* wl_drm.authenticate(id): a render node asks for none. */
static enum relay_verdict handle_authenticate(struct relay_message *message)
{
	relay_send_named(message->relay, RELAY_DOWN, message->object, "authenticated", NULL);
	return RELAY_SWALLOW;
}

/* wl_drm.create_buffer and create_planar_buffer */
static enum relay_verdict handle_create_named(struct relay_message *message)
{
	return relay_fail(message->relay, message->object, WL_DRM_ERROR_INVALID_NAME,
		"buffers have no global names on a render node");
}

/* Makes @object, a wl_buffer, of @blob as @message (create_prime_buffer) says. 0 or -errno. */
static int make_buffer(
	struct relay_message *message, const struct pixel_format *format, struct channel_blob *blob)
{
	static const uint64_t modifier = DRM_FORMAT_MOD_INVALID;
	struct relay *relay = message->relay;
	const union wire_arg *args = message->args;
	struct relay_object *manager = manager_of(relay);
	struct relay_object *params = relay_object_create(
		relay, interface_find("zwp_linux_buffer_params_v1"), MANAGER_VERSION);

	if (!manager || !params)
		return -1;
	if (relay_send_named(relay, RELAY_UP, manager, "create_params",
		    (union wire_arg[]){{.object = params}}) < 0)
		return -1;
	for (unsigned i = 0; i < format->n_planes; i++)
		relay_send_named(relay, RELAY_UP, params, "add",
			(union wire_arg[]){{.handle = channel_blob_handle(blob)}, {.u = i},
				{.u = args[5 + 2 * i].u}, {.u = args[6 + 2 * i].u},
				{.u = (uint32_t)(modifier >> 32)}, {.u = (uint32_t)modifier}});
	relay_send_named(relay, RELAY_UP, params, "create_immed",
		(union wire_arg[]){
			{.object = args[0].object}, args[2], args[3], args[4], {.u = 0}});
	return relay_send_named(relay, RELAY_UP, params, "destroy", NULL);
}

/*
 * wl_drm.create_prime_buffer(id, name, width, height, format, offset0, stride0, offset1, stride1,
 * offset2, stride2)
 */
static enum relay_verdict handle_create_prime_buffer(struct relay_message *message)
{
	struct connection *connection = connection_of(message->relay);
	struct wire_handle *handle = &message->args[1].handle;
	const struct pixel_format *format = pixel_format_find(message->args[4].u);
	bool foreign = false;

	if (!format)
		return relay_fail(message->relay, message->object, WL_DRM_ERROR_INVALID_FORMAT,
			"format 0x%08x was not offered: %s", message->args[4].u,
			pixel_format_why_not(message->args[4].u));
	struct channel_blob *blob = dmabuf_import(message->relay, handle->fd, &foreign);
	if (foreign) {
		connection->dmabufs_refused++;
		return relay_fail(message->relay, message->object, WL_DRM_ERROR_INVALID_NAME,
			"not a dma-buf of this machine's virtio-gpu device");
	}
	struct dmabuf *dmabuf = blob ? dmabuf_create() : NULL;
	if (!dmabuf || make_buffer(message, format, blob) < 0) {
		dmabuf_unref(dmabuf);
		if (blob)
			channel_blob_unref(blob);
		return relay_fail_memory(message->relay, "a buffer");
	}
	channel_blob_unref(blob);
	dmabuf->fds[0] = handle->fd;
	handle->kind = WIRE_NONE;
	dmabuf_give(dmabuf, message->args[0].object);
	connection->dmabufs++;
	return RELAY_SWALLOW;
}

const struct relay_hook drm_hooks[] = {
	{"wl_drm", "authenticate", handle_authenticate, RELAY_DOWN},
	{"wl_drm", "create_buffer", handle_create_named, RELAY_DOWN},
	{"wl_drm", "create_planar_buffer", handle_create_named, RELAY_DOWN},
	{"wl_drm", "create_prime_buffer", handle_create_prime_buffer, RELAY_DOWN},
	{0},
};
