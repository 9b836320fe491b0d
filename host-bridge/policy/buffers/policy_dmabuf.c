/*
 * Policy: linux-dmabuf's buffers. A plane is a blob of the virtio-gpu device, and what becomes of a
 * buffer depends on what its blobs are made of:
 *
 *   dma-bufs, and guest pages that udmabuf can turn into one, where
 *   the compositor has linux-dmabuf: the compositor gets the dma-buf
 *   other memory of the host, or no linux-dmabuf: it gets the same memory as wl_shm
 *   other pages of the guest: it gets a shadow as wl_shm (policy_shadows.c)
 *
 * wl_shm takes linear pictures of one plane in a format that the compositor lists; for others the
 * import fails. The planes are kept here until the buffer is made. A guest says where the planes
 * lie, and the compositor cannot see a blob's bounds: they are checked here.
 */
#include <drm_fourcc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "host-bridge/policy/buffers/policy_buffers.h"
#include "host-bridge/resources/resources.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/interfaces/tables/linux-dmabuf-server-protocol.h" /* generated */

#define LOG_MODULE "policy"

#define PARAMS "zwp_linux_buffer_params_v1"
#define INVALID_DEV_T_SIZE 8 /* zwp_linux_buffer_params_v1.error, since version 6 */

struct plane {
	struct wire_handle memory; /* WIRE_BLOB, or WIRE_NONE */
	uint32_t offset, stride;
	uint64_t modifier;
};

struct params { /* relay_object.data of a zwp_linux_buffer_params_v1 */
	struct plane planes[PIXEL_FORMAT_MAX_PLANES];
	bool used;
	struct shm_buffer *pending; /* a dma-buf whose wl_buffer the compositor is to make */
};

struct picture { /* what create and create_immed say of the buffer */
	int32_t width, height;
	uint32_t code, flags;
	const struct pixel_format *format;
};

static const struct resource *plane_blob(const struct plane *plane)
{
	return plane->memory.kind == WIRE_BLOB ? plane->memory.blob : NULL;
}

/* A dma-buf is no regular file; memfds, which cannot be imported by a GPU, are. */
static bool is_dmabuf(const struct resource *blob)
{
	struct stat status;
	return resource_has_file(blob) && fstat(blob->fd, &status) == 0 && !S_ISREG(status.st_mode);
}

/* The dma-buf that @blob is, or that is made of its guest pages; the caller's. -errno: neither. */
static int dmabuf_open(const struct resource *blob)
{
	return is_dmabuf(blob) ? fd_dup(blob->fd) : resource_export(blob);
}

/* Where @blob begins in it. */
static uint64_t dmabuf_start(const struct resource *blob)
{
	return is_dmabuf(blob) ? blob->fd_offset : 0;
}

static void destroy_params(struct relay_object *object)
{
	struct params *params = object->data;

	object->data = NULL;
	for (size_t i = 0; i < ARRAY_LENGTH(params->planes); i++)
		wire_handle_finish(&params->planes[i].memory);
	shm_buffer_unref(params->pending);
	free(params);
}

/* zwp_linux_dmabuf_v1.create_params(params) */
static enum relay_verdict handle_create_params(struct relay_message *message)
{
	struct relay_object *object = message->args[0].object;
	struct params *params = calloc(1, sizeof(*params));

	if (!params)
		return relay_fail_memory(message->relay, "a buffer");
	object->data = params;
	object->data_destroy = destroy_params;
	return message->object->id[RELAY_UP] ? RELAY_FORWARD : RELAY_SWALLOW;
}

static bool is_linear(const struct plane *plane)
{
	return plane->modifier == DRM_FORMAT_MOD_LINEAR ||
		plane->modifier == DRM_FORMAT_MOD_INVALID;
}

/*
 * An image has the layout that its guest was told. Of other memory the guest's drivers may know
 * more than the host, as of pictures of a GPU of its own.
 */
static bool is_as_told(const struct plane *plane, const struct resource *blob)
{
	return !blob->is_image || plane->modifier == blob->modifier ||
		(blob->modifier == DRM_FORMAT_MOD_LINEAR && is_linear(plane));
}

/* zwp_linux_buffer_params_v1.add(fd, plane_idx, offset, stride, modifier_hi, modifier_lo) */
static enum relay_verdict handle_add(struct relay_message *message)
{
	struct params *params = message->object->data;
	struct wire_handle *handle = &message->args[0].handle;
	const uint32_t i = message->args[1].u;

	if (params->used)
		return relay_fail(message->relay, message->object,
			ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_ALREADY_USED,
			"a buffer was made of these params before");
	if (i >= PIXEL_FORMAT_MAX_PLANES)
		return relay_fail(message->relay, message->object,
			ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_PLANE_IDX, "there is no plane %u", i);
	if (plane_blob(&params->planes[i]))
		return relay_fail(message->relay, message->object,
			ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_PLANE_SET, "plane %u is there already", i);
	if (handle->kind != WIRE_BLOB)
		return relay_fail(message->relay, message->object,
			ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INVALID_WL_BUFFER,
			"plane %u is no memory of the virtio-gpu device", i);
	params->planes[i] = (struct plane){
		.memory = *handle,
		.offset = message->args[2].u,
		.stride = message->args[3].u,
		.modifier = (uint64_t)message->args[4].u << 32 | message->args[5].u,
	};
	handle->kind = WIRE_NONE;
	/* A guest's OpenGL driver does not know how the host laid a shared texture out. */
	const struct resource *blob = plane_blob(&params->planes[i]);
	if (blob->kind == RESOURCE_3D && resource_has_file(blob)) {
		params->planes[i].stride = blob->stride;
		params->planes[i].modifier = blob->modifier;
	}
	if (!is_as_told(&params->planes[i], blob))
		return relay_fail(message->relay, message->object,
			ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INVALID_FORMAT,
			"plane %u has the modifier 0x%016llx, and not 0x%016llx", i,
			(unsigned long long)blob->modifier,
			(unsigned long long)params->planes[i].modifier);
	return RELAY_SWALLOW;
}

/* Planes that a modifier adds, and those of a tiled picture, have a layout we do not know. */
static bool plane_fits(
	const struct plane *plane, unsigned i, const struct picture *picture, uint64_t bytes)
{
	return is_linear(plane) && i < picture->format->n_planes
		? pixel_format_plane_fits(picture->format, i, plane->offset, plane->stride,
			  picture->width, picture->height, bytes)
		: plane->offset < bytes;
}

/* False: the client is to blame, and the relay has failed. */
static bool check_plane(struct relay_message *message, const struct params *params, unsigned i,
	const struct picture *picture)
{
	const struct plane *plane = &params->planes[i];
	const struct resource *blob = plane_blob(plane);

	if (!blob && i >= picture->format->n_planes)
		return true;
	if (!blob || (i > 0 && !plane_blob(plane - 1))) {
		relay_fail(message->relay, message->object,
			ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INCOMPLETE, "plane %u is missing",
			blob ? i - 1 : i);
		return false;
	}
	if (plane_fits(plane, i, picture, blob->size))
		return true;
	relay_fail(message->relay, message->object, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_OUT_OF_BOUNDS,
		"plane %u, %d x %d pixels at offset %u, stride %u, is not in %llu bytes", i,
		picture->width, picture->height, plane->offset, plane->stride,
		(unsigned long long)blob->size);
	return false;
}

static bool check(
	struct relay_message *message, const struct params *params, const struct picture *picture)
{
	bool good = false;

	if (params->used)
		relay_fail(message->relay, message->object,
			ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_ALREADY_USED,
			"a buffer was made of these params before");
	else if (picture->width <= 0 || picture->height <= 0)
		relay_fail(message->relay, message->object,
			ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INVALID_DIMENSIONS,
			"a buffer of %d x %d pixels", picture->width, picture->height);
	else if (!picture->format)
		relay_fail(message->relay, message->object,
			ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INVALID_FORMAT,
			"format 0x%08x was not offered: %s", picture->code,
			pixel_format_why_not(picture->code));
	else
		good = true;
	for (unsigned i = 0; good && i < PIXEL_FORMAT_MAX_PLANES; i++)
		good = check_plane(message, params, i, picture);
	return good;
}

static void close_all(int fds[PIXEL_FORMAT_MAX_PLANES])
{
	for (size_t i = 0; i < PIXEL_FORMAT_MAX_PLANES; i++)
		fd_close(&fds[i]);
}

/* Fills @fds with the planes' dma-bufs, -1 for those that are not there. False: one is none. */
static bool open_all(const struct params *params, int fds[PIXEL_FORMAT_MAX_PLANES])
{
	for (size_t i = 0; i < PIXEL_FORMAT_MAX_PLANES; i++)
		fds[i] = -1;
	for (size_t i = 0; i < PIXEL_FORMAT_MAX_PLANES; i++) {
		const struct plane *plane = &params->planes[i];
		const struct resource *blob = plane_blob(plane);
		if (!blob)
			continue;
		/* The protocol has 32 bits for where a plane starts. */
		if (range_fits(dmabuf_start(blob), plane->offset, UINT32_MAX))
			fds[i] = dmabuf_open(blob);
		if (fds[i] < 0) {
			close_all(fds);
			return false;
		}
	}
	return true;
}

/* The compositor gets the dma-bufs @fds, which are taken. Why not, or NULL. */
static const char *hand_on(struct relay_message *message, struct params *params,
	const struct picture *picture, int fds[PIXEL_FORMAT_MAX_PLANES])
{
	struct policy_connection *connection = relay_data(message->relay);
	static char text[QUOTA_TEXT_MAX];
	struct vm_quota *quota = connection->policy->quota;
	uint32_t n_fds = 0;
	while (n_fds < PIXEL_FORMAT_MAX_PLANES && fds[n_fds] >= 0)
		n_fds++;
	if (!quota_charge(quota, QUOTA_DMABUF_FDS, n_fds))
		return close_all(fds), quota_explain(quota, QUOTA_DMABUF_FDS, text);
	struct shm_buffer *buffer =
		shm_buffer_create(quota, NULL, 0, 0, picture->width, picture->height, false);
	if (!buffer) {
		quota_release(quota, QUOTA_DMABUF_FDS, n_fds);
		return close_all(fds), quota_explain(quota, QUOTA_BUFFERS, text);
	}
	buffer->n_fds = n_fds;
	params->pending = buffer;
	for (unsigned i = 0; i < PIXEL_FORMAT_MAX_PLANES && fds[i] >= 0; i++) {
		struct plane *plane = &params->planes[i];
		relay_send_named(message->relay, RELAY_UP, message->object, "add",
			(union wire_arg[]){{.handle = wire_handle_fd(fds[i])}, {.u = i},
				{.u = plane->offset + (uint32_t)dmabuf_start(plane_blob(plane))},
				{.u = plane->stride}, {.u = (uint32_t)(plane->modifier >> 32)},
				{.u = (uint32_t)plane->modifier}});
		buffer->planes[i] = plane->memory;
		plane->memory.kind = WIRE_NONE;
	}
	connection->policy->counters->dmabufs_handed_on++;
	return NULL;
}

/* Why wl_shm cannot have a picture that ends at @end, or NULL. */
static const char *why_no_shm(struct relay *relay, const struct params *params,
	const struct picture *picture, uint64_t end)
{
	if (picture->format->n_planes != 1 || plane_blob(&params->planes[1]))
		return "the memory is no dma-buf, and wl_shm has one plane";
	if (!is_linear(&params->planes[0]))
		return "the memory is no dma-buf, and wl_shm is linear";
	if (picture->flags != 0)
		return "the memory is no dma-buf, and wl_shm has no flags";
	if (end > INT32_MAX)
		return "the memory is no dma-buf, and wl_shm ends at 2 GiB";
	if (!policy_display_shm(relay) ||
		!policy_display_takes(policy_display(relay), picture->code))
		return "the memory is no dma-buf, and the compositor has no such format as wl_shm";
	return NULL;
}

/* The compositor gets the memory as wl_shm: makes @object of it there. Why not, or NULL. */
static const char *make_shm(struct relay_message *message, struct params *params,
	const struct picture *picture, struct relay_object *object)
{
	struct relay *relay = message->relay;
	struct policy_connection *connection = relay_data(relay);
	struct policy_counters *counters = connection->policy->counters;
	struct plane *plane = &params->planes[0];
	const uint64_t size = plane->offset + (uint64_t)plane->stride * (uint64_t)picture->height;
	const char *why = why_no_shm(relay, params, picture, size);
	struct shm_pool *pool;
	int fd = -1;

	if (why)
		return why;
	if (shm_pool_create(connection->policy, &plane->memory, (int32_t)size, &pool, &fd, &why) <
		0)
		return why ? why : "no memory for a buffer";
	const bool shadowed = pool->shadow;
	struct shm_buffer *buffer =
		shm_buffer_create(pool->quota, pool, (int32_t)plane->offset, (int32_t)plane->stride,
			picture->width, picture->height, picture->format->planes[0].x == 1);
	struct relay_object *pool_object =
		relay_object_create(relay, interface_find("wl_shm_pool"), 1);
	if (!buffer || !pool_object) {
		shm_pool_unref(pool);
		shm_buffer_unref(buffer);
		fd_close(&fd);
		return "no memory for a buffer";
	}
	shm_buffer_give(buffer, object);
	relay_send_named(relay, RELAY_UP, policy_display_shm(relay), "create_pool",
		(union wire_arg[]){{.object = pool_object}, {.handle = wire_handle_fd(fd)},
			{.i = pool->start + (int32_t)size}});
	relay_send_named(relay, RELAY_UP, pool_object, "create_buffer",
		(union wire_arg[]){{.object = object}, {.i = pool->start + (int32_t)plane->offset},
			{.i = picture->width}, {.i = picture->height},
			{.i = (int32_t)plane->stride}, {.u = pixel_format_to_shm(picture->code)}});
	relay_send_named(relay, RELAY_UP, pool_object, "destroy", NULL);
	shm_pool_unref(pool);
	counters->dmabufs_as_shm += !shadowed;
	counters->dmabufs_shadowed += shadowed;
	return NULL;
}

static void tell_why(struct relay_message *message, const char *why)
{
	struct policy_connection *connection = relay_data(message->relay);
	log_limited(LOG_LEVEL_WARN, "%s: a buffer of linux-dmabuf cannot be shown: %s",
		connection->name, why);
}

/* What create and create_immed begin with. False: the relay has failed. */
static bool begin(
	struct relay_message *message, const union wire_arg *args, struct picture *picture)
{
	struct params *params = message->object->data;

	*picture = (struct picture){
		.width = args[0].i,
		.height = args[1].i,
		.code = args[2].u,
		.flags = args[3].u,
		.format = pixel_format_find(args[2].u),
	};
	bool good = check(message, params, picture);
	params->used = true;
	return good;
}

/* zwp_linux_buffer_params_v1.create(width, height, format, flags) */
static enum relay_verdict handle_create(struct relay_message *message)
{
	struct relay *relay = message->relay;
	struct params *params = message->object->data;
	int fds[PIXEL_FORMAT_MAX_PLANES];
	struct picture picture;
	const char *why;

	if (!begin(message, message->args, &picture))
		return RELAY_FAILED;
	if (message->object->id[RELAY_UP] && open_all(params, fds)) {
		why = hand_on(message, params, &picture, fds);
		if (!why)
			return RELAY_FORWARD; /* the buffer comes with "created" */
	} else {
		struct relay_object *object =
			relay_object_create(relay, interface_find("wl_buffer"), 1);
		if (!object)
			return relay_fail_memory(relay, "a buffer");
		why = make_shm(message, params, &picture, object);
		if (!why) {
			relay_send_named(relay, RELAY_DOWN, message->object, "created",
				(union wire_arg[]){{.object = object}});
			return RELAY_SWALLOW;
		}
		relay_forget(relay, object);
	}
	tell_why(message, why);
	relay_send_named(relay, RELAY_DOWN, message->object, "failed", NULL);
	return RELAY_SWALLOW;
}

/* zwp_linux_buffer_params_v1.create_immed(buffer_id, width, height, format, flags) */
static enum relay_verdict handle_create_immed(struct relay_message *message)
{
	struct params *params = message->object->data;
	struct relay_object *object = message->args[0].object;
	int fds[PIXEL_FORMAT_MAX_PLANES];
	struct picture picture;

	if (!begin(message, message->args + 1, &picture))
		return RELAY_FAILED;
	bool as_dmabuf = message->object->id[RELAY_UP] && open_all(params, fds);
	const char *why = as_dmabuf ? hand_on(message, params, &picture, fds)
				    : make_shm(message, params, &picture, object);
	if (why)
		return relay_fail(message->relay, message->object,
			ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INVALID_WL_BUFFER, "%s", why);
	if (!as_dmabuf)
		return RELAY_SWALLOW;
	shm_buffer_give(params->pending, object);
	params->pending = NULL;
	return RELAY_FORWARD;
}

/* zwp_linux_buffer_params_v1.created(buffer) */
static enum relay_verdict handle_created(struct relay_message *message)
{
	struct params *params = message->object->data;

	if (policy_import_answered(message, message->args[0].object))
		return RELAY_SWALLOW;
	if (params && params->pending)
		shm_buffer_give(params->pending, message->args[0].object);
	if (params)
		params->pending = NULL;
	return RELAY_FORWARD;
}

/* zwp_linux_buffer_params_v1.failed() */
static enum relay_verdict handle_failed(struct relay_message *message)
{
	struct params *params = message->object->data;

	if (policy_import_answered(message, NULL))
		return RELAY_SWALLOW;
	if (params) {
		shm_buffer_unref(params->pending);
		params->pending = NULL;
	}
	return RELAY_FORWARD;
}

/* zwp_linux_buffer_params_v1.set_sampling_device(device): guests know none of the host's */
static enum relay_verdict handle_set_sampling_device(struct relay_message *message)
{
	if (message->args[0].array.size != sizeof(dev_t))
		return relay_fail(message->relay, message->object, INVALID_DEV_T_SIZE,
			"a device of %u bytes", message->args[0].array.size);
	return RELAY_SWALLOW;
}

const struct relay_hook policy_dmabuf_hooks[] = {
	{"zwp_linux_dmabuf_v1", "create_params", handle_create_params, RELAY_DOWN},
	{PARAMS, "add", handle_add, RELAY_DOWN},
	{PARAMS, "create", handle_create, RELAY_DOWN},
	{PARAMS, "create_immed", handle_create_immed, RELAY_DOWN},
	{PARAMS, "set_sampling_device", handle_set_sampling_device, RELAY_DOWN},
	{PARAMS, "created", handle_created, RELAY_UP},
	{PARAMS, "failed", handle_failed, RELAY_UP},
	{0},
};
