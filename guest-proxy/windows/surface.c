/*
 * A surface's way from the client's buffers to the host's.
 *
 * The compositor sees every request but attach of a wl_shm buffer: that one is kept until the
 * commit, which copies what changed into a host buffer, attaches that, and gives the client's
 * buffer back at once. Damage is gathered in buffer coordinates until a commit that brings a
 * buffer, so what a client reports too early is not lost.
 */
#include "guest-proxy/windows/surface.h"

#include <errno.h>
#include <stdlib.h>
#include <wayland-server-protocol.h>

#include "guest-proxy/connection/connection.h"
#include "guest-proxy/dmabuf/dmabuf.h"
#include "guest-proxy/dmabuf/dmabuf_wait.h"
#include "guest-proxy/windows/buffer.h"
#include "guest-proxy/windows/swapchain.h"
#include "protocol/base/bytes.h"

/* No buffer is larger; keeps what clients say small enough to add. */
#define COORDINATE_MAX (INT64_C(1) << 30)

enum pending {
	PENDING_NOTHING, /* no attach since the last commit */
	PENDING_BUFFER,  /* a buffer of wl_shm, kept here */
	PENDING_OTHER,   /* null, a dma-buf or a buffer of the host's, forwarded */
};

struct surface {
	struct connection *connection;
	enum pending pending;
	struct buffer *buffer; /* PENDING_BUFFER: a reference */
	struct dmabuf *dmabuf; /* PENDING_OTHER: a reference, or NULL */
	int32_t attach_x, attach_y;
	pixman_region32_t damage;         /* buffer coordinates; may lie outside of the buffer */
	pixman_region32_t surface_damage; /* surface coordinates, since the last commit */
	int32_t scale, transform;
	bool viewport; /* cropped or scaled, or may be */
	bool whole;    /* the next buffer has nothing in common with what host buffers hold */
	struct swapchain *swapchain;
};

static void destroy_surface(struct relay_object *object)
{
	struct surface *surface = object->data;
	object->data = NULL;
	swapchain_destroy(surface->swapchain);
	buffer_unref(surface->buffer);
	dmabuf_unref(surface->dmabuf);
	pixman_region32_fini(&surface->damage);
	pixman_region32_fini(&surface->surface_damage);
	free(surface);
}

/* wl_compositor.create_surface(id) */
static enum relay_verdict handle_create_surface(struct relay_message *message)
{
	struct surface *surface = calloc(1, sizeof(*surface));
	if (!surface)
		return relay_fail(message->relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
			"no memory for a surface");
	surface->connection = connection_of(message->relay);
	surface->scale = 1;
	surface->whole = true;
	pixman_region32_init(&surface->damage);
	pixman_region32_init(&surface->surface_damage);
	message->args[0].object->data = surface;
	message->args[0].object->data_destroy = destroy_surface;
	return RELAY_FORWARD;
}

/* wl_surface.destroy: here and not in destroy_surface, where nothing can be sent. */
static enum relay_verdict handle_destroy(struct relay_message *message)
{
	struct surface *surface = message->object->data;
	swapchain_destroy(surface->swapchain);
	surface->swapchain = NULL;
	return RELAY_FORWARD;
}

/* wl_surface.attach(buffer, x, y) */
static enum relay_verdict handle_attach(struct relay_message *message)
{
	struct surface *surface = message->object->data;
	struct relay_object *object = message->args[0].object;
	struct buffer *buffer = object ? buffer_of(object) : NULL;

	buffer_unref(surface->buffer);
	dmabuf_unref(surface->dmabuf);
	surface->buffer = NULL;
	surface->dmabuf = NULL;
	if (!buffer) {
		struct dmabuf *dmabuf = object ? dmabuf_of(object) : NULL;
		surface->dmabuf = dmabuf ? dmabuf_ref(dmabuf) : NULL;
		surface->pending = PENDING_OTHER;
		return RELAY_FORWARD;
	}
	surface->pending = PENDING_BUFFER;
	surface->buffer = buffer_ref(buffer);
	surface->attach_x = message->args[1].i;
	surface->attach_y = message->args[2].i;
	return RELAY_SWALLOW;
}

static int32_t clamp_coordinate(int64_t value)
{
	return (int32_t)(value < 0 ? 0 : value > COORDINATE_MAX ? COORDINATE_MAX : value);
}

static void add_damage(pixman_region32_t *region, const union wire_arg *args)
{
	int64_t x = args[0].i, y = args[1].i, width = args[2].i, height = args[3].i;
	int32_t x1 = clamp_coordinate(x), x2 = clamp_coordinate(x + width);
	int32_t y1 = clamp_coordinate(y), y2 = clamp_coordinate(y + height);
	if (x1 >= x2 || y1 >= y2)
		return;
	pixman_region32_union_rect(
		region, region, x1, y1, (unsigned)(x2 - x1), (unsigned)(y2 - y1));
	swapchain_bound_region(region);
}

/* wl_surface.damage(x, y, width, height) */
static enum relay_verdict handle_damage(struct relay_message *message)
{
	struct surface *surface = message->object->data;
	add_damage(&surface->surface_damage, message->args);
	return RELAY_FORWARD;
}

/* wl_surface.damage_buffer(x, y, width, height) */
static enum relay_verdict handle_damage_buffer(struct relay_message *message)
{
	struct surface *surface = message->object->data;
	add_damage(&surface->damage, message->args);
	return RELAY_FORWARD;
}

/* wl_surface.set_buffer_scale(scale); what is no scale is the compositor's to refuse. */
static enum relay_verdict handle_set_buffer_scale(struct relay_message *message)
{
	struct surface *surface = message->object->data;
	int32_t scale = message->args[0].i > 0 ? message->args[0].i : 1;
	surface->whole |= scale != surface->scale;
	surface->scale = scale;
	return RELAY_FORWARD;
}

/* wl_surface.set_buffer_transform(transform) */
static enum relay_verdict handle_set_buffer_transform(struct relay_message *message)
{
	struct surface *surface = message->object->data;
	surface->whole |= message->args[0].i != surface->transform;
	surface->transform = message->args[0].i;
	return RELAY_FORWARD;
}

/* wp_viewporter.get_viewport(id, surface) */
static enum relay_verdict handle_get_viewport(struct relay_message *message)
{
	struct surface *surface = message->args[1].object->data;
	surface->viewport = true;
	return RELAY_FORWARD;
}

/* Surface damage of this commit becomes buffer damage. */
static void convert_damage(struct surface *surface)
{
	int n_boxes;
	const pixman_box32_t *boxes =
		pixman_region32_rectangles(&surface->surface_damage, &n_boxes);
	if (n_boxes == 0)
		return;
	if (surface->viewport || surface->transform != WL_OUTPUT_TRANSFORM_NORMAL)
		surface->whole = true;
	for (int i = 0; i < n_boxes && !surface->whole; i++) {
		int32_t x1 = clamp_coordinate((int64_t)boxes[i].x1 * surface->scale);
		int32_t x2 = clamp_coordinate((int64_t)boxes[i].x2 * surface->scale);
		int32_t y1 = clamp_coordinate((int64_t)boxes[i].y1 * surface->scale);
		int32_t y2 = clamp_coordinate((int64_t)boxes[i].y2 * surface->scale);
		if (x1 < x2 && y1 < y2)
			pixman_region32_union_rect(&surface->damage, &surface->damage, x1, y1,
				(unsigned)(x2 - x1), (unsigned)(y2 - y1));
	}
	swapchain_bound_region(&surface->damage);
	pixman_region32_clear(&surface->surface_damage);
}

/* A swapchain for @buffer, and what changed in it. False: no memory, or a buffer too large. */
static bool update_swapchain(struct surface *surface, const struct buffer *buffer)
{
	if (!surface->swapchain || !swapchain_fits(surface->swapchain, buffer)) {
		swapchain_destroy(surface->swapchain);
		surface->swapchain = swapchain_create(surface->connection, buffer);
		if (!surface->swapchain)
			return false;
		surface->whole = true;
	}
	pixman_region32_t damage;
	pixman_region32_init_rect(&damage, 0, 0, (unsigned)buffer->width, (unsigned)buffer->height);
	if (!surface->whole)
		pixman_region32_intersect(&damage, &damage, &surface->damage);
	swapchain_damage(surface->swapchain, &damage);
	pixman_region32_fini(&damage);
	pixman_region32_clear(&surface->damage);
	surface->whole = false;
	return true;
}

/* Copies the pending buffer to the host and attaches it there. */
static enum relay_verdict show_buffer(
	struct surface *surface, struct relay_message *message, struct buffer *buffer)
{
	struct relay *relay = message->relay;
	int error = 0;

	if (!update_swapchain(surface, buffer))
		return relay_fail(relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
			"no host buffers of %dx%d pixels", buffer->width, buffer->height);
	struct host_buffer *host = swapchain_acquire(surface->swapchain, buffer->shm, &error);
	if (!host)
		return relay_fail(relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
			error == -ENOMEM
				? "the host has no memory for a buffer of %dx%d pixels"
				: "the host went away when asked for a buffer of %dx%d pixels",
			buffer->width, buffer->height);
	if (!swapchain_paint(host, buffer))
		return buffer_fail_truncated(relay, buffer);
	if (relay_send_named(relay, RELAY_UP, message->object, "attach",
		    (union wire_arg[]){{.object = host->object}, {.i = surface->attach_x},
			    {.i = surface->attach_y}}) < 0)
		return RELAY_FAILED;
	host->busy = true;
	return buffer_release(relay, buffer) < 0 ? RELAY_FAILED : RELAY_FORWARD;
}

/* wl_surface.commit */
static enum relay_verdict handle_commit(struct relay_message *message)
{
	struct surface *surface = message->object->data;
	enum pending pending = surface->pending;
	struct buffer *buffer = surface->buffer;
	enum relay_verdict verdict = RELAY_FORWARD;

	if (surface->dmabuf && !dmabuf_ready(surface->connection, surface->dmabuf))
		return RELAY_HOLD;
	dmabuf_unref(surface->dmabuf);
	surface->dmabuf = NULL;
	surface->pending = PENDING_NOTHING;
	surface->buffer = NULL;
	convert_damage(surface);
	if (pending == PENDING_BUFFER) {
		verdict = show_buffer(surface, message, buffer);
	} else if (pending == PENDING_OTHER) {
		swapchain_destroy(surface->swapchain);
		surface->swapchain = NULL;
		surface->whole = true;
	}
	buffer_unref(buffer);
	return verdict;
}

const struct relay_hook surface_hooks[] = {
	{"wl_compositor", "create_surface", handle_create_surface, RELAY_DOWN},
	{"wl_surface", "destroy", handle_destroy, RELAY_DOWN},
	{"wl_surface", "attach", handle_attach, RELAY_DOWN},
	{"wl_surface", "damage", handle_damage, RELAY_DOWN},
	{"wl_surface", "damage_buffer", handle_damage_buffer, RELAY_DOWN},
	{"wl_surface", "set_buffer_scale", handle_set_buffer_scale, RELAY_DOWN},
	{"wl_surface", "set_buffer_transform", handle_set_buffer_transform, RELAY_DOWN},
	{"wl_surface", "commit", handle_commit, RELAY_DOWN},
	{"wp_viewporter", "get_viewport", handle_get_viewport, RELAY_DOWN},
	{0},
};
