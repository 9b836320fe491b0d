/*
 * linux-dmabuf of seat-compositor, as compositors with a GPU have it: what it says of a window
 * changes when that has the whole screen, and when it has no longer. Says of each buffer what it
 * was told of it, and does not look at what is in it.
 */
#include <drm_fourcc.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "linux-dmabuf-server-protocol.h"
#include "seat_compositor.h"

#define VERSION 4
#define TILED UINT64_C(0x0100000000000001)        /* for drawing */
#define SCREEN_TILED UINT64_C(0x0100000000000002) /* which the screen shows, too */
#define COMPRESSED UINT64_C(0x0100000000000004)
#define MAX_PLANES 4
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct pair {
	uint32_t format, pad;
	uint64_t modifier;
};

static const struct pair window_pairs[] = {
	{DRM_FORMAT_XRGB8888, 0, TILED},
	{DRM_FORMAT_XRGB8888, 0, DRM_FORMAT_MOD_LINEAR},
	{DRM_FORMAT_ARGB8888, 0, DRM_FORMAT_MOD_LINEAR},
	{DRM_FORMAT_XRGB8888, 0, DRM_FORMAT_MOD_INVALID},
	{DRM_FORMAT_XBGR8888, 0, COMPRESSED},
};
static const struct pair screen_pairs[] = {
	{DRM_FORMAT_XRGB8888, 0, SCREEN_TILED},
	{DRM_FORMAT_XRGB8888, 0, DRM_FORMAT_MOD_LINEAR},
	{DRM_FORMAT_XRGB8888, 0, TILED},
	{DRM_FORMAT_ARGB8888, 0, DRM_FORMAT_MOD_LINEAR},
};

static const struct tranche {
	unsigned minor; /* of the device */
	uint32_t flags;
	uint16_t indices[5];
	size_t n;
} window_tranches[] = {{128, 0, {0, 1, 2, 3, 4}, 5}},
  screen_tranches[] = {
	  {0, ZWP_LINUX_DMABUF_FEEDBACK_V1_TRANCHE_FLAGS_SCANOUT, {0, 1}, 2},
	  {128, 0, {2, 1, 3}, 3},
};

struct feedback {
	struct wl_list link; /* seat_compositor::feedbacks */
	struct wl_resource *resource, *surface;
};

static void tell_device(struct wl_resource *resource, unsigned minor,
	void (*send)(struct wl_resource *, struct wl_array *))
{
	dev_t device = makedev(226, minor);
	struct wl_array array = {.size = sizeof(device), .data = &device};
	send(resource, &array);
}

static void tell_table(struct wl_resource *resource, const struct pair *pairs, size_t size)
{
	int fd = memfd_create("formats", MFD_CLOEXEC);
	if (fd < 0 || write(fd, pairs, size) != (ssize_t)size)
		abort();
	zwp_linux_dmabuf_feedback_v1_send_format_table(resource, fd, (uint32_t)size);
	close(fd);
}

static void tell(struct wl_resource *resource, const struct tranche *tranches, size_t n)
{
	tell_device(resource, 128, zwp_linux_dmabuf_feedback_v1_send_main_device);
	for (size_t i = 0; i < n; i++) {
		uint16_t indices[COUNT(tranches[i].indices)];
		struct wl_array array = {
			.size = tranches[i].n * sizeof(indices[0]), .data = indices};
		memcpy(indices, tranches[i].indices, sizeof(indices));
		tell_device(resource, tranches[i].minor,
			zwp_linux_dmabuf_feedback_v1_send_tranche_target_device);
		zwp_linux_dmabuf_feedback_v1_send_tranche_flags(resource, tranches[i].flags);
		zwp_linux_dmabuf_feedback_v1_send_tranche_formats(resource, &array);
		zwp_linux_dmabuf_feedback_v1_send_tranche_done(resource);
	}
	zwp_linux_dmabuf_feedback_v1_send_done(resource);
}

static void tell_of_window(struct wl_resource *resource)
{
	tell_table(resource, window_pairs, sizeof(window_pairs));
	tell(resource, window_tranches, COUNT(window_tranches));
}

void seat_dmabuf_fullscreen(
	struct seat_compositor *compositor, struct wl_resource *surface, bool fullscreen)
{
	struct feedback *feedback;
	wl_list_for_each(feedback, &compositor->feedbacks, link)
	{
		if (feedback->surface != surface)
			continue;
		if (fullscreen) {
			tell_table(feedback->resource, screen_pairs, sizeof(screen_pairs));
			tell(feedback->resource, screen_tranches, COUNT(screen_tranches));
		} else {
			tell_of_window(feedback->resource);
		}
	}
}

static void destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct zwp_linux_dmabuf_feedback_v1_interface feedback_requests = {.destroy = destroy};

static void free_feedback(struct wl_resource *resource)
{
	struct feedback *feedback = wl_resource_get_user_data(resource);
	wl_list_remove(&feedback->link);
	free(feedback);
}

static void get_surface_feedback(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, struct wl_resource *surface)
{
	struct seat_compositor *compositor = wl_resource_get_user_data(resource);
	struct feedback *feedback = calloc(1, sizeof(*feedback));
	if (!feedback)
		abort();
	feedback->surface = surface;
	feedback->resource =
		wl_resource_create(client, &zwp_linux_dmabuf_feedback_v1_interface, VERSION, id);
	wl_resource_set_implementation(
		feedback->resource, &feedback_requests, feedback, free_feedback);
	wl_list_insert(&compositor->feedbacks, &feedback->link);
	tell_of_window(feedback->resource);
}

static void get_default_feedback(
	struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	get_surface_feedback(client, resource, id, NULL);
}

/* Buffers */

static const struct wl_buffer_interface buffer_requests = {.destroy = destroy};

static void make_buffer(struct wl_client *client, uint32_t id, struct wl_resource *params)
{
	struct wl_resource *buffer = wl_resource_create(client, &wl_buffer_interface, 1, id);
	wl_resource_set_implementation(buffer, &buffer_requests, NULL, NULL);
	if (params)
		zwp_linux_buffer_params_v1_send_created(params, buffer);
}

struct params {
	const struct seat_compositor *compositor;
	struct plane {
		uint32_t offset, stride;
		uint64_t modifier;
	} planes[MAX_PLANES];
	uint32_t n_planes;
};

static void params_add(struct wl_client *client, struct wl_resource *resource, int32_t fd,
	uint32_t plane, uint32_t offset, uint32_t stride, uint32_t modifier_hi,
	uint32_t modifier_lo)
{
	struct params *params = wl_resource_get_user_data(resource);
	close(fd);
	if (params->n_planes < MAX_PLANES && plane == params->n_planes)
		params->planes[params->n_planes++] =
			(struct plane){offset, stride, (uint64_t)modifier_hi << 32 | modifier_lo};
}

/* Says what the buffer is to be, and whether it is not. */
static bool refused(const struct params *params, int32_t width, int32_t height, uint32_t format)
{
	printf("dma-buf of %" PRId32 "x%" PRId32 " %.4s", width, height, (const char *)&format);
	for (uint32_t i = 0; i < params->n_planes; i++)
		printf("%s 0x%" PRIx64 " at %" PRIu32 " by %" PRIu32, i > 0 ? "," : "",
			params->planes[i].modifier, params->planes[i].offset,
			params->planes[i].stride);
	printf("\n");
	if (params->compositor->refuses)
		printf("refused\n");
	return params->compositor->refuses;
}

static void params_create(struct wl_client *client, struct wl_resource *resource, int32_t width,
	int32_t height, uint32_t format, uint32_t flags)
{
	if (refused(wl_resource_get_user_data(resource), width, height, format))
		zwp_linux_buffer_params_v1_send_failed(resource);
	else
		make_buffer(client, 0, resource);
}

static void params_create_immed(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	int32_t width, int32_t height, uint32_t format, uint32_t flags)
{
	if (refused(wl_resource_get_user_data(resource), width, height, format))
		wl_resource_post_error(resource, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INVALID_WL_BUFFER,
			"not imported");
	else
		make_buffer(client, id, NULL);
}

static const struct zwp_linux_buffer_params_v1_interface params_requests = {
	.destroy = destroy,
	.add = params_add,
	.create = params_create,
	.create_immed = params_create_immed,
};

static void free_params(struct wl_resource *resource)
{
	free(wl_resource_get_user_data(resource));
}

static void create_params(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct wl_resource *made =
		wl_resource_create(client, &zwp_linux_buffer_params_v1_interface, VERSION, id);
	struct params *params = calloc(1, sizeof(*params));
	if (!params)
		abort();
	params->compositor = wl_resource_get_user_data(resource);
	wl_resource_set_implementation(made, &params_requests, params, free_params);
}

/* The global */

static const struct zwp_linux_dmabuf_v1_interface dmabuf_requests = {
	.destroy = destroy,
	.create_params = create_params,
	.get_default_feedback = get_default_feedback,
	.get_surface_feedback = get_surface_feedback,
};

static void bind(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &zwp_linux_dmabuf_v1_interface, (int)version, id);
	wl_resource_set_implementation(resource, &dmabuf_requests, data, NULL);
	for (size_t i = 0; version == 3 && i < COUNT(window_pairs); i++)
		zwp_linux_dmabuf_v1_send_modifier(resource, window_pairs[i].format,
			(uint32_t)(window_pairs[i].modifier >> 32),
			(uint32_t)window_pairs[i].modifier);
}

void seat_dmabuf_create(struct seat_compositor *compositor)
{
	wl_global_create(
		compositor->display, &zwp_linux_dmabuf_v1_interface, VERSION, compositor, bind);
}
