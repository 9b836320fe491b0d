/*
 * A surface's way from the client's buffers to the host's.
 *
 * The compositor sees every request but attach of a wl_shm buffer: that one is kept until the
 * commit, which copies what changed into a host buffer, attaches that, and gives the client's
 * buffer back at once. Where the compositor can be given the client's buffer itself
 * (shared_pool.h), it is, and gives it back. A commit is held while the copy takes more than a turn
 * (paint.h), or waits for memory of the host; nothing else of its client is looked at meanwhile.
 * While it waits for the GPU, only what belongs to the surface waits with it.
 */
#include "guest-proxy/windows/surface.h"

#include <errno.h>
#include <stdlib.h>
#include <wayland-server-protocol.h>

#include "guest-proxy/buffers/buffer.h"
#include "guest-proxy/connection/connection.h"
#include "guest-proxy/dmabuf/dmabuf.h"
#include "guest-proxy/dmabuf/dmabuf_wait.h"
#include "guest-proxy/fences/explicit_sync.h"
#include "guest-proxy/fences/fence_sync.h"
#include "guest-proxy/windows/paint.h"
#include "guest-proxy/windows/swapchain.h"
#include "protocol/pixels/damage.h"
#include "protocol/relay/asked_callbacks.h"

enum pending {
	PENDING_NOTHING, /* no attach since the last commit */
	PENDING_BUFFER,  /* a buffer of wl_shm, kept here */
	PENDING_OTHER,   /* null, a dma-buf or a buffer of the host's, forwarded */
};

struct surface {
	struct connection *connection;
	enum pending pending;
	struct buffer *buffer;      /* PENDING_BUFFER: a reference */
	struct dmabuf *dmabuf;      /* PENDING_OTHER: a reference, or NULL */
	bool attached;              /* the pending one is not null */
	struct relay_ref forwarded; /* PENDING_OTHER: the wl_buffer */
	struct dmabuf_wait wait;
	struct explicit_sync sync;
	struct fence_sync fences;
	struct asked_callbacks releases; /* of the pending buffer */
	int32_t attach_x, attach_y;
	struct damage damage;
	struct swapchain *swapchain;
	struct paint paint; /* of the commit that is held until it is complete */
};

static void destroy_surface(struct relay_object *object)
{
	struct surface *surface = object->data;
	object->data = NULL;
	dmabuf_wait_finish(&surface->wait);
	relay_ref_set(&surface->forwarded, NULL);
	paint_end(&surface->paint);
	swapchain_destroy(surface->swapchain);
	buffer_unref(surface->buffer);
	dmabuf_unref(surface->dmabuf);
	explicit_sync_finish(&surface->sync);
	fence_sync_finish(&surface->fences);
	asked_callbacks_finish(&surface->releases);
	damage_finish(&surface->damage);
	free(surface);
}

/* wl_compositor.create_surface(id) */
static enum relay_verdict handle_create_surface(struct relay_message *message)
{
	struct surface *surface = calloc(1, sizeof(*surface));
	if (!surface)
		return relay_fail_memory(message->relay, "a surface");
	surface->connection = connection_of(message->relay);
	dmabuf_wait_init(&surface->wait, surface->connection, message->args[0].object);
	damage_init(&surface->damage);
	explicit_sync_init(&surface->sync);
	fence_sync_init(&surface->fences);
	asked_callbacks_init(&surface->releases);
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
	surface->attached = object;
	relay_ref_set(&surface->forwarded, buffer ? NULL : object);
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

/* wl_surface.get_release(callback): of the client's buffer, of which the compositor may get a copy
 */
static enum relay_verdict handle_get_release(struct relay_message *message)
{
	struct surface *surface = message->object->data;
	return asked_callbacks_add(&surface->releases, message);
}

/* wl_surface.damage(x, y, width, height) */
static enum relay_verdict handle_damage(struct relay_message *message)
{
	struct surface *surface = message->object->data;
	const union wire_arg *args = message->args;
	damage_add_surface(&surface->damage, args[0].i, args[1].i, args[2].i, args[3].i);
	return RELAY_FORWARD;
}

/* wl_surface.damage_buffer(x, y, width, height) */
static enum relay_verdict handle_damage_buffer(struct relay_message *message)
{
	struct surface *surface = message->object->data;
	const union wire_arg *args = message->args;
	damage_add_buffer(&surface->damage, args[0].i, args[1].i, args[2].i, args[3].i);
	return RELAY_FORWARD;
}

/* wl_surface.set_buffer_scale(scale) */
static enum relay_verdict handle_set_buffer_scale(struct relay_message *message)
{
	struct surface *surface = message->object->data;
	damage_set_scale(&surface->damage, message->args[0].i);
	return RELAY_FORWARD;
}

/* wl_surface.set_buffer_transform(transform) */
static enum relay_verdict handle_set_buffer_transform(struct relay_message *message)
{
	struct surface *surface = message->object->data;
	damage_set_transform(&surface->damage, message->args[0].i);
	return RELAY_FORWARD;
}

/* wp_viewporter.get_viewport(id, surface) */
static enum relay_verdict handle_get_viewport(struct relay_message *message)
{
	struct surface *surface = message->args[1].object->data;
	surface->damage.viewport = true;
	return RELAY_FORWARD;
}

/* wp_linux_drm_syncobj_manager_v1.get_surface(id, surface) */
static enum relay_verdict handle_get_sync(struct relay_message *message)
{
	struct surface *surface = message->args[1].object->data;
	return explicit_sync_begin(&surface->sync, message);
}

/* zwp_linux_explicit_synchronization_v1.get_synchronization(id, surface) */
static enum relay_verdict handle_get_fences(struct relay_message *message)
{
	struct surface *surface = message->args[1].object->data;
	return fence_sync_begin(&surface->fences, message);
}

/* A swapchain for buffers like @buffer. False: no memory, or a buffer too large. */
static bool update_swapchain(struct surface *surface, const struct buffer *buffer)
{
	if (surface->swapchain && swapchain_fits(surface->swapchain, buffer))
		return true;
	swapchain_destroy(surface->swapchain);
	surface->swapchain = swapchain_create(surface->connection, buffer);
	return surface->swapchain;
}

/* Begins to copy the pending buffer into a host buffer. RELAY_FORWARD: so far all is well. */
static enum relay_verdict begin_buffer(struct surface *surface, struct relay *relay)
{
	struct buffer *buffer = surface->buffer;
	int error = 0;

	if (!buffer->shm.object)
		return relay_fail(relay, NULL, WL_DISPLAY_ERROR_IMPLEMENTATION,
			"the host has taken wl_shm away");
	if (!update_swapchain(surface, buffer))
		return relay_fail(relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
			"no host buffers of %dx%d pixels", buffer->width, buffer->height);
	if (!swapchain_ready(surface->swapchain))
		return RELAY_HOLD;
	damage_commit(&surface->damage);
	damage_show(&surface->damage, buffer->width, buffer->height);
	surface->connection->frames++;
	struct host_buffer *host =
		swapchain_acquire(surface->swapchain, buffer->shm.object, &error);
	if (!host)
		return relay_fail(relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
			error == -ENOMEM
				? "the host has no memory for a buffer of %dx%d pixels"
				: "the host went away when asked for a buffer of %dx%d pixels",
			buffer->width, buffer->height);
	paint_begin(&surface->paint, host, &surface->damage);
	return RELAY_FORWARD;
}

static int attach_up(
	struct surface *surface, struct relay_message *message, struct relay_object *buffer)
{
	return relay_send_named(message->relay, RELAY_UP, message->object, "attach",
		(union wire_arg[]){
			{.object = buffer}, {.i = surface->attach_x}, {.i = surface->attach_y}});
}

/* Attaches the host buffer when it is complete, and gives the client's buffer back. */
static enum relay_verdict show_buffer(struct surface *surface, struct relay_message *message)
{
	struct relay *relay = message->relay;
	struct host_buffer *host = surface->paint.host;
	struct buffer *buffer = surface->buffer;

	switch (paint_go_on(&surface->paint, buffer)) {
	case PAINT_MORE:
		surface->connection->copy_pauses++;
		connection_hold_for_turn(surface->connection);
		return RELAY_HOLD;
	case PAINT_TRUNCATED:
		return buffer_fail_truncated(relay, buffer);
	case PAINT_COMPLETE:
		break;
	}
	if (attach_up(surface, message, host->object.object) < 0)
		return RELAY_FAILED;
	host->busy = true;
	return buffer_release(relay, buffer) < 0 ? RELAY_FAILED : RELAY_FORWARD;
}

/* Whether the host may read what is pending. RELAY_DEFER: not yet. */
static enum relay_verdict check_finished(struct surface *surface)
{
	struct dmabuf_wait *wait = &surface->wait;
	bool buffer = surface->pending != PENDING_NOTHING && surface->attached;

	if (explicit_sync_on(&surface->sync))
		return explicit_sync_commit(&surface->sync, wait, buffer, surface->dmabuf);
	if (fence_sync_on(&surface->fences))
		return fence_sync_commit(&surface->fences, wait, buffer, surface->dmabuf);
	if (!surface->dmabuf || dmabuf_ready(wait, surface->dmabuf))
		return RELAY_FORWARD;
	return relay_failure(surface->connection->relay) ? RELAY_FAILED : RELAY_DEFER;
}

/*
 * Attaches the pending buffer itself, which is the compositor's to release: it is PENDING_OTHER
 * then. Else it is to be copied.
 */
static enum relay_verdict share_buffer(struct surface *surface, struct relay_message *message)
{
	struct buffer *buffer = surface->buffer;

	switch (buffer_share(message->relay, buffer)) {
	case SHARED_POOL_COPY:
		return RELAY_FORWARD;
	case SHARED_POOL_WAIT:
		return RELAY_HOLD;
	case SHARED_POOL_FAILED:
		return RELAY_FAILED;
	case SHARED_POOL_SHOWN:
		break;
	}
	if (attach_up(surface, message, buffer->object.object) < 0)
		return RELAY_FAILED;
	surface->connection->frames++;
	surface->connection->shared_frames++;
	surface->pending = PENDING_OTHER;
	return RELAY_FORWARD;
}

/*
 * Whoever reads the client's buffer says when it is done with it; where there is none, the
 * compositor knows the error. False: the relay has failed.
 */
static bool settle_releases(struct surface *surface, struct relay_message *message)
{
	bool copied = surface->pending == PENDING_BUFFER;

	return (copied ? asked_callbacks_answer(&surface->releases, message->relay)
		       : asked_callbacks_forward(&surface->releases, message->relay,
				 message->object, "get_release")) == 0;
}

/* wl_surface.commit; comes again where it was held or deferred. */
static enum relay_verdict handle_commit(struct relay_message *message)
{
	struct surface *surface = message->object->data;
	enum relay_verdict verdict = check_finished(surface);

	if (verdict == RELAY_DEFER) /* the host has the attach already */
		relay_defer_with(message->relay, surface->forwarded.object, message->object);
	if (verdict != RELAY_FORWARD)
		return verdict;
	if (surface->pending == PENDING_BUFFER && !surface->paint.host)
		verdict = share_buffer(surface, message);
	if (verdict == RELAY_HOLD)
		return RELAY_HOLD;
	if (surface->pending == PENDING_BUFFER && verdict == RELAY_FORWARD) {
		if (!surface->paint.host)
			verdict = begin_buffer(surface, message->relay);
		if (verdict == RELAY_FORWARD)
			verdict = show_buffer(surface, message);
		if (verdict == RELAY_HOLD)
			return RELAY_HOLD;
	} else if (surface->pending == PENDING_OTHER) {
		damage_drop(&surface->damage);
	} else {
		damage_commit(&surface->damage);
	}
	if (verdict == RELAY_FORWARD && !settle_releases(surface, message))
		return RELAY_FAILED;
	if (surface->pending == PENDING_OTHER) {
		swapchain_destroy(surface->swapchain);
		surface->swapchain = NULL;
	}
	dmabuf_unref(surface->dmabuf);
	buffer_unref(surface->buffer);
	relay_ref_set(&surface->forwarded, NULL);
	surface->dmabuf = NULL;
	surface->buffer = NULL;
	surface->pending = PENDING_NOTHING;
	surface->connection->committed = true;
	return verdict;
}

const struct relay_hook surface_hooks[] = {
	{"wl_compositor", "create_surface", handle_create_surface, RELAY_DOWN},
	{"wl_surface", "destroy", handle_destroy, RELAY_DOWN},
	{"wl_surface", "attach", handle_attach, RELAY_DOWN},
	{"wl_surface", "get_release", handle_get_release, RELAY_DOWN},
	{"wl_surface", "damage", handle_damage, RELAY_DOWN},
	{"wl_surface", "damage_buffer", handle_damage_buffer, RELAY_DOWN},
	{"wl_surface", "set_buffer_scale", handle_set_buffer_scale, RELAY_DOWN},
	{"wl_surface", "set_buffer_transform", handle_set_buffer_transform, RELAY_DOWN},
	{"wl_surface", "commit", handle_commit, RELAY_DOWN},
	{"wp_linux_drm_syncobj_manager_v1", "get_surface", handle_get_sync, RELAY_DOWN},
	{"wp_viewporter", "get_viewport", handle_get_viewport, RELAY_DOWN},
	{"zwp_linux_explicit_synchronization_v1", "get_synchronization", handle_get_fences,
		RELAY_DOWN},
	{0},
};
