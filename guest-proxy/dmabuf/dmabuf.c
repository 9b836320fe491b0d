/*
 * Buffers of linux-dmabuf. A plane's dma-buf is imported into the client's own context of the
 * device, named to the host, and released: the host holds the blob from then on. Offsets and
 * strides are the host's to check.
 */
#include "guest-proxy/dmabuf/dmabuf.h"

#include <errno.h>
#include <stdlib.h>
#include <wayland-server-protocol.h>

#include "guest-proxy/connection/connection.h"
#include "guest-proxy/sync/release_points.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/interfaces/tables/linux-dmabuf-server-protocol.h" /* generated */

#define PARAMS "zwp_linux_buffer_params_v1"

static const char not_ours[] = "not a dma-buf of this machine's virtio-gpu device";

struct params {                /* relay_object.data of a zwp_linux_buffer_params_v1 */
	struct dmabuf *dmabuf; /* NULL once it is the buffer's */
	uint32_t resources[PIXEL_FORMAT_MAX_PLANES]; /* behind dmabuf->fds */
	bool foreign; /* a plane is not of the device: no buffer can be made */
	bool failed;  /* the client has been told */
};

struct dmabuf *dmabuf_create(void)
{
	struct dmabuf *dmabuf = calloc(1, sizeof(*dmabuf));
	if (!dmabuf)
		return NULL;
	dmabuf->refs = 1;
	for (size_t i = 0; i < ARRAY_LENGTH(dmabuf->fds); i++)
		dmabuf->fds[i] = -1;
	wl_list_init(&dmabuf->releases);
	return dmabuf;
}

struct dmabuf *dmabuf_ref(struct dmabuf *dmabuf)
{
	dmabuf->refs++;
	return dmabuf;
}

void dmabuf_unref(struct dmabuf *dmabuf)
{
	if (!dmabuf || --dmabuf->refs > 0)
		return;
	release_points_finish(&dmabuf->releases);
	for (size_t i = 0; i < ARRAY_LENGTH(dmabuf->fds); i++)
		fd_close(&dmabuf->fds[i]);
	free(dmabuf);
}

static void forget_buffer(struct relay_object *object)
{
	dmabuf_unref(object->data);
	object->data = NULL;
}

void dmabuf_give(struct dmabuf *dmabuf, struct relay_object *object)
{
	object->data = dmabuf;
	object->data_destroy = forget_buffer;
}

struct dmabuf *dmabuf_of(const struct relay_object *object)
{
	return object->data_destroy == forget_buffer ? object->data : NULL;
}

/* The host's half outlives the client's while somebody waits to hear that it was released. */
enum relay_verdict dmabuf_handle_destroy(struct relay_message *message)
{
	const struct dmabuf *dmabuf = dmabuf_of(message->object);
	return wl_list_empty(&dmabuf->releases) ? RELAY_FORWARD : RELAY_SWALLOW;
}

enum relay_verdict dmabuf_handle_release(struct relay_message *message)
{
	struct dmabuf *dmabuf = dmabuf_of(message->object);

	release_points_signal(&dmabuf->releases);
	if (message->object->id[RELAY_DOWN])
		return RELAY_FORWARD;
	if (wl_list_empty(&dmabuf->releases))
		relay_send_named(message->relay, RELAY_UP, message->object, "destroy", NULL);
	return RELAY_SWALLOW;
}

struct channel_blob *dmabuf_import(struct relay *relay, int fd, bool *foreign)
{
	struct connection *connection = connection_of(relay);
	struct channel_blob *blob;

	int error = channel_blob_import(connection->channel, fd, &blob);
	if (error == 0)
		return blob;
	if (error == -EPIPE) {
		connection->lost = true;
		relay_fail(relay, NULL, WL_DISPLAY_ERROR_IMPLEMENTATION, "the host went away");
	} else if (error == -ENOMEM || error == -EMFILE || error == -ENFILE) {
		relay_fail_memory(relay, "a buffer");
	} else {
		*foreign = true;
	}
	return NULL;
}

static void destroy_params(struct relay_object *object)
{
	struct params *params = object->data;
	object->data = NULL;
	dmabuf_unref(params->dmabuf);
	free(params);
}

/* zwp_linux_dmabuf_v1.create_params(params) */
static enum relay_verdict handle_create_params(struct relay_message *message)
{
	struct params *params = calloc(1, sizeof(*params));
	struct dmabuf *dmabuf = dmabuf_create();

	if (!params || !dmabuf) {
		free(params);
		dmabuf_unref(dmabuf);
		return relay_fail_memory(message->relay, "a buffer");
	}
	params->dmabuf = dmabuf;
	message->args[0].object->data = params;
	message->args[0].object->data_destroy = destroy_params;
	return RELAY_FORWARD;
}

/* Keeps @fd (taken), one for each GPU buffer, to poll it for whether it is finished. */
static void keep_fd(struct params *params, int fd, uint32_t resource_id)
{
	for (size_t i = 0; params->dmabuf && i < ARRAY_LENGTH(params->resources); i++) {
		if (params->dmabuf->fds[i] >= 0 && params->resources[i] != resource_id)
			continue;
		if (params->dmabuf->fds[i] < 0) {
			params->dmabuf->fds[i] = fd;
			params->resources[i] = resource_id;
			return;
		}
		break;
	}
	fd_close(&fd);
}

/* zwp_linux_buffer_params_v1.add(fd, plane_idx, offset, stride, modifier_hi, modifier_lo) */
static enum relay_verdict handle_add(struct relay_message *message)
{
	struct params *params = message->object->data;
	struct wire_handle *handle = &message->args[0].handle;

	struct channel_blob *blob = dmabuf_import(message->relay, handle->fd, &params->foreign);
	if (!blob)
		return params->foreign ? RELAY_SWALLOW : RELAY_FAILED;
	keep_fd(params, handle->fd, blob->gpu ? blob->gpu->resource_id : 0);
	*handle = channel_blob_handle(blob);
	channel_blob_unref(blob);
	return RELAY_FORWARD;
}

/* The client asks for a buffer of memory that is not the device's. */
static enum relay_verdict refuse(struct relay_message *message, bool immediately)
{
	struct params *params = message->object->data;

	if (params->failed)
		return relay_fail(message->relay, message->object,
			ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_ALREADY_USED,
			"a buffer was made of these params before");
	params->failed = true;
	connection_of(message->relay)->dmabufs_refused++;
	if (immediately)
		return relay_fail(message->relay, message->object,
			ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INVALID_WL_BUFFER, "%s", not_ours);
	relay_send_named(message->relay, RELAY_DOWN, message->object, "failed", NULL);
	return RELAY_SWALLOW;
}

/* zwp_linux_buffer_params_v1.create(width, height, format, flags) */
static enum relay_verdict handle_create(struct relay_message *message)
{
	struct params *params = message->object->data;
	return params->foreign ? refuse(message, false) : RELAY_FORWARD;
}

static void give(struct relay_message *message, struct params *params, struct relay_object *object)
{
	if (!params->dmabuf)
		return;
	connection_of(message->relay)->dmabufs++;
	dmabuf_give(params->dmabuf, object);
	params->dmabuf = NULL;
}

/* zwp_linux_buffer_params_v1.create_immed(buffer_id, width, height, format, flags) */
static enum relay_verdict handle_create_immed(struct relay_message *message)
{
	struct params *params = message->object->data;

	if (params->foreign)
		return refuse(message, true);
	give(message, params, message->args[0].object);
	return RELAY_FORWARD;
}

/* zwp_linux_buffer_params_v1.created(buffer) */
static enum relay_verdict handle_created(struct relay_message *message)
{
	if (message->object->data)
		give(message, message->object->data, message->args[0].object);
	return RELAY_FORWARD;
}

const struct relay_hook dmabuf_hooks[] = {
	{"zwp_linux_dmabuf_v1", "create_params", handle_create_params, RELAY_DOWN},
	{PARAMS, "add", handle_add, RELAY_DOWN},
	{PARAMS, "create", handle_create, RELAY_DOWN},
	{PARAMS, "create_immed", handle_create_immed, RELAY_DOWN},
	{PARAMS, "created", handle_created, RELAY_UP},
	{0},
};
