/*
 * Icons of a client's windows. What an icon's buffer shows does not change once it has been added,
 * so it is copied then, whole, to a host buffer of its own. As with a commit (surface.c) the client
 * waits while the host makes memory, or the copy takes more than a turn.
 */
#include "guest-proxy/windows/icon.h"

#include <errno.h>
#include <stdlib.h>
#include <wayland-server-protocol.h>

#include "guest-proxy/buffers/buffer.h"
#include "guest-proxy/windows/paint.h"
#include "guest-proxy/windows/swapchain.h"

/* One of the icon's pictures. */
struct picture {
	struct wl_list link; /* icon::pictures */
	struct swapchain *swapchain;
	struct paint paint; /* while the message is held that adds it */
	bool added;
};

/*
 * relay_object.data of an xdg_toplevel_icon_v1, from its first picture on, and of the windows that
 * have it: the compositor may look at its pictures' memory as long as they do.
 */
struct icon {
	uint32_t refs;
	struct wl_list pictures; /* picture::link, the newest first */
};

static void picture_destroy(struct picture *picture)
{
	paint_end(&picture->paint);
	swapchain_destroy(picture->swapchain);
	wl_list_remove(&picture->link);
	free(picture);
}

/* Of an icon or a window. The compositor has been told by now: the buffers may go. */
static void destroy_icon(struct relay_object *object)
{
	struct icon *icon = object->data;
	struct picture *picture, *next;

	object->data = NULL;
	if (!icon || --icon->refs > 0)
		return;
	wl_list_for_each_safe(picture, next, &icon->pictures, link) picture_destroy(picture);
	free(icon);
}

/* NULL: no memory. */
static struct icon *icon_of(struct relay_object *object)
{
	if (object->data)
		return object->data;
	struct icon *icon = calloc(1, sizeof(*icon));
	if (!icon)
		return NULL;
	icon->refs = 1;
	wl_list_init(&icon->pictures);
	object->data = icon;
	object->data_destroy = destroy_icon;
	return icon;
}

/* The picture that a held message adds, or a new one. NULL: no memory, or it is too large. */
static struct picture *picture_next(
	struct connection *connection, struct icon *icon, const struct buffer *buffer)
{
	struct picture *picture;

	if (!wl_list_empty(&icon->pictures)) {
		picture = wl_container_of(icon->pictures.next, picture, link);
		if (!picture->added)
			return picture;
	}
	picture = calloc(1, sizeof(*picture));
	if (!picture)
		return NULL;
	picture->swapchain = swapchain_create(connection, buffer);
	if (!picture->swapchain) {
		free(picture);
		return NULL;
	}
	wl_list_insert(&icon->pictures, &picture->link);
	return picture;
}

/* Begins to copy @buffer. RELAY_FORWARD: so far all is well. */
static enum relay_verdict begin(struct relay *relay, struct picture *picture, struct buffer *buffer)
{
	struct damage damage;
	int error = 0;

	if (!swapchain_ready(picture->swapchain))
		return RELAY_HOLD;
	struct host_buffer *host =
		swapchain_acquire(picture->swapchain, buffer->shm.object, &error);
	if (!host)
		return relay_fail(relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
			error == -ENOMEM ? "the host has no memory for an icon of %dx%d pixels"
					 : "the host went away when asked for an icon of %dx%d "
					   "pixels",
			buffer->width, buffer->height);
	damage_init(&damage);
	damage_show(&damage, buffer->width, buffer->height);
	paint_begin(&picture->paint, host, &damage);
	damage_finish(&damage);
	return RELAY_FORWARD;
}

/* xdg_toplevel_icon_v1.add_buffer(buffer, scale); comes again where it was held. */
static enum relay_verdict handle_add_buffer(struct relay_message *message)
{
	struct relay *relay = message->relay;
	struct connection *connection = connection_of(relay);
	struct buffer *buffer = buffer_of(message->args[0].object);
	enum relay_verdict verdict = RELAY_FORWARD;

	if (!buffer) /* of no wl_shm, which the compositor refuses */
		return RELAY_FORWARD;
	if (!buffer->shm.object)
		return relay_fail(relay, NULL, WL_DISPLAY_ERROR_IMPLEMENTATION,
			"the host has taken wl_shm away");
	struct icon *icon = icon_of(message->object);
	struct picture *picture = icon ? picture_next(connection, icon, buffer) : NULL;
	if (!picture)
		return relay_fail(relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
			"no host buffer for an icon of %dx%d pixels", buffer->width,
			buffer->height);
	if (!picture->paint.host)
		verdict = begin(relay, picture, buffer);
	if (verdict != RELAY_FORWARD)
		return verdict;
	struct host_buffer *host = picture->paint.host;
	switch (paint_go_on(&picture->paint, buffer)) {
	case PAINT_MORE:
		connection_hold_for_turn(connection);
		return RELAY_HOLD;
	case PAINT_TRUNCATED:
		return buffer_fail_truncated(relay, buffer);
	case PAINT_COMPLETE:
		break;
	}
	picture->added = true;
	return relay_send_named(relay, RELAY_UP, message->object, "add_buffer",
		       (union wire_arg[]){{.object = host->object.object}, message->args[1]}) < 0
		? RELAY_FAILED
		: RELAY_SWALLOW;
}

/* xdg_toplevel_icon_manager_v1.set_icon(toplevel, icon): the icon may be destroyed after it. */
static enum relay_verdict handle_set_icon(struct relay_message *message)
{
	struct relay_object *toplevel = message->args[0].object;
	struct icon *icon = message->args[1].object ? message->args[1].object->data : NULL;

	if (icon)
		icon->refs++;
	destroy_icon(toplevel); /* the one it had */
	toplevel->data = icon;
	toplevel->data_destroy = destroy_icon;
	return RELAY_FORWARD;
}

const struct relay_hook icon_hooks[] = {
	{"xdg_toplevel_icon_manager_v1", "set_icon", handle_set_icon, RELAY_DOWN},
	{"xdg_toplevel_icon_v1", "add_buffer", handle_add_buffer, RELAY_DOWN},
	{0},
};
