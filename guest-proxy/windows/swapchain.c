/*
 * Host buffers and their age.
 *
 * A host buffer is one wl_buffer in a wl_shm pool of its own, which is one blob. It is busy from
 * its attach to the compositor's wl_buffer.release. Of the free ones the one that was used last is
 * used again, as the least has to be copied into it; with a compositor that releases at once there
 * is only one. The others are freed after a while.
 */
#include "guest-proxy/windows/swapchain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest-proxy/dmabuf/dmabuf.h"
#include "protocol/base/bytes.h"
#include "protocol/pixels/pixel_format.h"

#define BUSY_MAX 16    /* at most; then the oldest one is used again, though not released */
#define FREE_MAX 3     /* more are freed at once */
#define RETIRED_MAX 64 /* then the oldest is destroyed although the compositor may read it */

/* The client's stride where it is not wasteful, because whole frames are then a single copy. */
static uint64_t choose_stride(
	const struct connection *connection, const struct buffer *model, uint32_t pixel_bytes)
{
	uint32_t alignment = channel_stride_alignment(connection->channel);
	uint64_t tight = align_up((uint64_t)model->width * pixel_bytes, alignment);
	uint64_t theirs = model->stride_bytes;
	return theirs % alignment == 0 && theirs >= tight && theirs - tight <= tight / 8 + 256
		? theirs
		: tight;
}

struct swapchain *swapchain_create(struct connection *connection, const struct buffer *model)
{
	bool pairs = false;
	uint32_t pixel_bytes = pixel_format_pixel_bytes(model->format, &pairs);
	bool planes = pixel_bytes == 0;
	uint64_t stride =
		planes ? model->stride_bytes : choose_stride(connection, model, pixel_bytes);
	uint64_t bytes = planes ? model->bytes : stride * (uint64_t)model->height;
	if (align_up(bytes, PAGE_BYTES) > INT32_MAX)
		return NULL;
	struct swapchain *swapchain = calloc(1, sizeof(*swapchain));
	if (!swapchain)
		return NULL;
	*swapchain = (struct swapchain){
		.connection = connection,
		.width = model->width,
		.height = model->height,
		.format = model->format,
		.stride_bytes = (uint32_t)stride,
		.pixel_bytes = pixel_bytes,
		.bytes = bytes,
		.whole_rows = pairs,
		.planes = planes,
	};
	wl_list_init(&swapchain->buffers);
	wl_list_insert(&connection->swapchains, &swapchain->link);
	return swapchain;
}

bool swapchain_fits(const struct swapchain *swapchain, const struct buffer *buffer)
{
	return swapchain->width == buffer->width && swapchain->height == buffer->height &&
		swapchain->format == buffer->format &&
		(!swapchain->planes || swapchain->stride_bytes == buffer->stride_bytes);
}

/*
 * Destroys the wl_buffer at the compositor, too, unless the connection ends. The blob is dropped
 * last, so that its memory is not used again before.
 */
static void host_buffer_destroy(struct host_buffer *host)
{
	struct relay_object *object = host->object.object;
	wl_list_remove(&host->link);
	if (host->swapchain)
		host->swapchain->n_buffers--;
	else
		host->connection->n_retired--;
	if (object) {
		object->data = NULL;
		relay_ref_set(&host->object, NULL);
		if (!host->connection->ending)
			relay_send_named(
				host->connection->relay, RELAY_UP, object, "destroy", NULL);
	}
	channel_blob_unref(host->blob);
	free(host);
}

/* No surface shows it any more: destroyed, or kept until the compositor has released it. */
static void host_buffer_retire(struct host_buffer *host)
{
	struct connection *connection = host->connection;
	if (!host->busy || connection->ending) {
		host_buffer_destroy(host);
		return;
	}
	wl_list_remove(&host->link);
	host->swapchain->n_buffers--;
	host->swapchain = NULL;
	wl_list_insert(&connection->retired, &host->link);
	if (++connection->n_retired > RETIRED_MAX) {
		struct host_buffer *oldest =
			wl_container_of(connection->retired.prev, oldest, link);
		host_buffer_destroy(oldest);
	}
}

void swapchain_destroy(struct swapchain *swapchain)
{
	if (!swapchain)
		return;
	struct host_buffer *host, *next;
	wl_list_for_each_safe(host, next, &swapchain->buffers, link) host_buffer_retire(host);
	wl_list_remove(&swapchain->link);
	if (swapchain->next)
		channel_blob_unref(swapchain->next);
	free(swapchain);
}

void swapchain_finish_retired(struct connection *connection)
{
	struct host_buffer *host, *next;
	wl_list_for_each_safe(host, next, &connection->retired, link) host_buffer_destroy(host);
}

/* Frees the oldest of the free ones until @keep are left. */
static void trim(struct swapchain *swapchain, uint32_t keep)
{
	uint32_t n_free = 0;
	struct host_buffer *host, *next;
	wl_list_for_each_safe(host, next, &swapchain->buffers, link)
	{
		if (!host->busy && ++n_free > keep)
			host_buffer_destroy(host);
	}
}

bool swapchain_trim_idle(struct connection *connection)
{
	bool more = false;
	struct swapchain *swapchain;
	wl_list_for_each(swapchain, &connection->swapchains, link)
	{
		if (swapchain->n_buffers <= 1)
			continue;
		if (swapchain->uses == swapchain->uses_seen) {
			/* With a compositor that reads the last frame for as long as it shows it,
			 * two are needed for the next frame: that one, and a free one. */
			trim(swapchain, 1);
		} else {
			more = true;
		}
		swapchain->uses_seen = swapchain->uses;
	}
	return more;
}

/* A wl_buffer at the compositor in @blob. NULL: memory is short or the relay has failed. */
static struct relay_object *make_object(
	struct swapchain *swapchain, struct relay_object *shm, struct channel_blob *blob)
{
	struct relay *relay = swapchain->connection->relay;
	struct relay_object *pool = relay_object_create(relay, interface_find("wl_shm_pool"), 1);
	if (!pool)
		return NULL;
	if (relay_send_named(relay, RELAY_UP, shm, "create_pool",
		    (union wire_arg[]){{.object = pool}, {.handle = channel_blob_handle(blob)},
			    {.i = (int32_t)blob->size}}) < 0)
		return NULL;
	struct relay_object *object = relay_object_create(relay, interface_find("wl_buffer"), 1);
	if (!object)
		return NULL;
	if (relay_send_named(relay, RELAY_UP, pool, "create_buffer",
		    (union wire_arg[]){{.object = object}, {.i = 0}, {.i = swapchain->width},
			    {.i = swapchain->height}, {.i = (int32_t)swapchain->stride_bytes},
			    {.u = swapchain->format}}) < 0 ||
		relay_send_named(relay, RELAY_UP, pool, "destroy", NULL) < 0)
		return NULL;
	return object;
}

bool swapchain_ready(struct swapchain *swapchain)
{
	struct connection *connection = swapchain->connection;
	struct host_buffer *host;
	wl_list_for_each(host, &swapchain->buffers, link)
	{
		if (!host->busy)
			return true;
	}
	if (swapchain->n_buffers >= BUSY_MAX)
		return true;
	if (!swapchain->next && swapchain->next_error == 0)
		swapchain->next_error = channel_blob_create(
			connection->channel, (size_t)swapchain->bytes, &swapchain->next);
	if (!swapchain->next || swapchain->next->status != -EINPROGRESS)
		return true;
	connection->held = connection->memory_due = true;
	return false;
}

static struct host_buffer *host_buffer_create(
	struct swapchain *swapchain, struct relay_object *shm, int *error)
{
	struct connection *connection = swapchain->connection;
	struct host_buffer *host = calloc(1, sizeof(*host));
	if (!host) {
		*error = -ENOMEM;
		return NULL;
	}
	host->blob = swapchain->next;
	*error = host->blob ? host->blob->status : swapchain->next_error;
	swapchain->next = NULL;
	swapchain->next_error = 0;
	if (*error < 0) {
		if (host->blob)
			channel_blob_unref(host->blob);
		connection->lost = *error != -ENOMEM;
		free(host);
		return NULL;
	}
	struct relay_object *object = make_object(swapchain, shm, host->blob);
	if (!object) {
		*error = -ENOMEM;
		channel_blob_unref(host->blob);
		free(host);
		return NULL;
	}
	object->data = host;
	relay_ref_set(&host->object, object);
	host->connection = connection;
	host->swapchain = swapchain;
	wl_list_insert(&swapchain->buffers, &host->link);
	swapchain->n_buffers++;
	return host;
}

struct host_buffer *swapchain_acquire(
	struct swapchain *swapchain, struct relay_object *shm, int *error)
{
	struct host_buffer *host, *found = NULL;
	swapchain->uses++;
	wl_list_for_each(host, &swapchain->buffers, link)
	{
		if (!host->busy) {
			found = host;
			break;
		}
	}
	if (!found && swapchain->n_buffers < BUSY_MAX)
		found = host_buffer_create(swapchain, shm, error);
	if (!found && !wl_list_empty(&swapchain->buffers) && !swapchain->connection->lost)
		found = wl_container_of(swapchain->buffers.prev, found, link);
	if (!found)
		return NULL;
	wl_list_remove(&found->link);
	wl_list_insert(&swapchain->buffers, &found->link);
	return found;
}

/* wl_buffer.release, which for a host buffer is not passed on to the client. */
static enum relay_verdict handle_release(struct relay_message *message)
{
	if (dmabuf_of(message->object))
		return dmabuf_handle_release(message);
	if (message->object->id[RELAY_DOWN] != 0)
		return RELAY_FORWARD;
	struct host_buffer *host = message->object->data;
	if (!host)
		return RELAY_SWALLOW;
	host->busy = false;
	if (host->swapchain)
		trim(host->swapchain, FREE_MAX);
	else
		host_buffer_destroy(host);
	return RELAY_SWALLOW;
}

const struct relay_hook swapchain_hooks[] = {
	{"wl_buffer", "release", handle_release, RELAY_UP},
	{0},
};
