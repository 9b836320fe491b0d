/* Icons of X windows that are windows of the desktop. */
#include "guest-proxy/x11/shell/icon.h"

#include <stdlib.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "guest-proxy/x11/base/property.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "x11"
#include "protocol/base/log.h"

#define PROPERTY_WORDS (128 << 10) /* that are asked for; pictures behind them are not seen */

/*
 * A file with @icon's pixels as Wayland has them, premultiplied; or negative. It can be written to:
 * compositors map what they get for that, and end the connection if they cannot.
 */
static int make_file(const struct icon_picture *icon)
{
	size_t count = (size_t)icon->size * icon->size;
	uint32_t *pixels = malloc(count * sizeof(*pixels));
	size_t bytes = count * sizeof(*pixels);
	int fd = pixels ? fd_memfd("wayferry-x11-icon", bytes) : -1;
	for (size_t i = 0; pixels && i < count; i++)
		pixels[i] = icon_picture_pixel(icon, i);
	if (fd >= 0 && pwrite(fd, pixels, bytes, 0) != (ssize_t)bytes)
		fd_close(&fd);
	free(pixels);
	return fd;
}

/* Takes @fd. The buffer outlives its pool; NULL: memory is short. */
static struct relay_object *make_buffer(struct session *session, int fd, int32_t size)
{
	struct relay_object *pool = session_make(session, "wl_shm_pool", session->shm.object,
		"create_pool",
		(union wire_arg[]){{0}, {.handle = wire_handle_fd(fd)}, {.i = size * size * 4}}, 0);
	if (!pool) {
		fd_close(&fd);
		return NULL;
	}
	struct relay_object *buffer = session_make(session, "wl_buffer", pool, "create_buffer",
		(union wire_arg[]){{0}, {.i = 0}, {.i = size}, {.i = size}, {.i = size * 4},
			{.u = WL_SHM_FORMAT_ARGB8888}},
		0);
	session_send(session, pool, "destroy", NULL);
	return buffer;
}

/* @icon NULL: the window has none any more. */
static void set_icon(struct surface *surface, struct relay_object *icon)
{
	struct session *session = surface->session;
	session_send(session, session->icons.object, "set_icon",
		(union wire_arg[]){{.object = surface->toplevel.object}, {.object = icon}});
	surface->has_icon = icon != NULL;
}

static void send_picture(struct surface *surface, const struct icon_picture *picture)
{
	struct session *session = surface->session;
	int fd = make_file(picture);
	struct relay_object *buffer = fd >= 0 ? make_buffer(session, fd, picture->size) : NULL;
	if (!buffer)
		return;
	struct relay_object *icon = session_make(session, "xdg_toplevel_icon_v1",
		session->icons.object, "create_icon", (union wire_arg[]){{0}}, 0);
	if (icon) {
		session_send(session, icon, "add_buffer",
			(union wire_arg[]){{.object = buffer}, {.i = 1}});
		set_icon(surface, icon);
		/* The toplevel does not lose it by that. */
		session_send(session, icon, "destroy", NULL);
	}
	session_send(session, buffer, "destroy", NULL); /* behind the icon that has it */
	log_debug("window %#x has an icon of %d pixels", surface->window->id, picture->size);
}

static void ask_next(struct session *session);

/* The compositor has taken the last one. */
static void handle_taken(struct relay_sync *sync, struct relay *relay)
{
	struct session *session = container_of(sync, struct session, icon_sync);

	session->icon_asked = false;
	if (relay)
		ask_next(session);
}

static void handle_icon(void *data, struct reply_subject subject, void *answer)
{
	struct session *session = data;
	const struct property property = property_of(answer);
	struct window *window = window_find(session, subject.id);
	struct surface *surface = window ? window->surface : NULL;
	struct icon_picture picture;
	bool there = hints_find_icon(&picture, &property);
	if (surface && surface->toplevel.object && (there || surface->has_icon)) {
		if (there)
			send_picture(surface, &picture);
		else
			set_icon(surface, NULL);
		/* An icon is part of the surface's state. */
		if (surface->shown)
			session_send(session, surface->object, "commit", NULL);
	}
	session->icon_asked =
		relay_sync_ask(session->relay, &session->icon_sync, handle_taken) == 0;
}

/* The one whose icon is asked for next; NULL: none. */
static struct surface *first_in_turn(struct session *session)
{
	struct surface *surface, *first = NULL;
	wl_list_for_each(surface, &session->surfaces, link)
	{
		if (surface->icon_turn && surface->toplevel.object && surface->window &&
			(!first || surface->icon_turn < first->icon_turn))
			first = surface;
	}
	return first;
}

static void ask_next(struct session *session)
{
	struct surface *surface = session->icon_asked ? NULL : first_in_turn(session);
	if (!surface)
		return;
	surface->icon_turn = 0;
	session->icon_asked = true;
	xcb_get_property_cookie_t cookie = xcb_get_property(session->x, 0, surface->window->id,
		SESSION_ATOM(session, _NET_WM_ICON), XCB_ATOM_CARDINAL, 0, PROPERTY_WORDS);
	replies_expect(&session->replies, cookie.sequence, handle_icon,
		(struct reply_subject){.id = surface->window->id});
}

void icon_load(struct surface *surface)
{
	struct session *session = surface->session;
	if (!session->icons.object || !session->shm.object || !session->x)
		return;
	/* A window that changes its own again and again comes behind those that wait. */
	if (!surface->icon_turn)
		surface->icon_turn = ++session->icon_turns;
	ask_next(session);
}
