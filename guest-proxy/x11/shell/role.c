/*
 * The roles of X windows' surfaces.
 *
 * A configure that makes a window another size is acknowledged with the first buffer of that size,
 * or after ACK_MS: an X client may draw late or refuse.
 */
#include "guest-proxy/x11/shell/role.h"

#include "guest-proxy/x11/display/output.h"
#include "guest-proxy/x11/shell/popup.h"
#include "guest-proxy/x11/shell/toplevel.h"
#include "guest-proxy/x11/windows/focus.h"
#include "protocol/base/monotonic.h"

#define ACK_MS 150

void role_try(struct surface *surface)
{
	struct session *session = surface->session;
	struct window *window = surface->window;
	/* An icon of what is dragged gets its role from the drag. */
	if (!window || !window->known || surface->xdg.object || surface->icon ||
		!session->wm_base.object || window_is_drag_icon(session, window))
		return;
	/* Helpers of toolkits, which lie beside the screen: the compositor would dismiss them. */
	if (window->override_redirect && !outputs_show(session, &window->box))
		return;
	relay_ref_set(&surface->xdg,
		session_make(session, "xdg_surface", session->wm_base.object, "get_xdg_surface",
			(union wire_arg[]){{0}, {.object = surface->object}}, 0));
	if (!surface->xdg.object)
		return;
	surface->xdg.object->data = surface;
	if (!popup_create(surface))
		toplevel_create(surface);
	/* Without content: asks to be configured. */
	session_send(session, surface->object, "commit", NULL);
	session->counters.windows++;
}

static void destroy_object(struct session *session, struct relay_ref *ref)
{
	session_send(session, ref->object, "destroy", NULL);
	relay_ref_set(ref, NULL);
}

void role_drop(struct surface *surface)
{
	struct session *session = surface->session;
	struct surface *other;
	/* A compositor insists on this order. */
	wl_list_for_each(other, &session->surfaces, link)
	{
		if (other->parent == surface)
			role_drop(other);
	}
	surface_hide(surface);
	destroy_object(session, &surface->decoration);
	destroy_object(session, &surface->dialog);
	destroy_object(session, &surface->toplevel);
	destroy_object(session, &surface->popup);
	destroy_object(session, &surface->xdg);
	surface->parent = NULL;
	surface->ack_owed = false;
	focus_forget_activated(surface);
	if (surface->window)
		surface->window->surface = NULL;
	surface->window = NULL;
}

static void acknowledge(struct surface *surface)
{
	surface->ack_owed = false;
	session_send(surface->session, surface->xdg.object, "ack_configure",
		(union wire_arg[]){{.u = surface->ack_serial}});
}

static bool is_expected(const struct surface *surface)
{
	return surface->buffer_width == surface->expected_width &&
		surface->buffer_height == surface->expected_height;
}

void role_will_commit(struct surface *surface)
{
	if (!surface->ack_owed || !is_expected(surface))
		return;
	acknowledge(surface);
	if (!surface->shown)
		surface_show(surface);
}

static void acknowledge_now(struct surface *surface)
{
	acknowledge(surface);
	if (!surface->shown)
		surface_show(surface);
	else
		session_send(surface->session, surface->object, "commit", NULL);
}

void role_acknowledge_late(struct session *session)
{
	struct surface *surface;
	int64_t now = monotonic_ms(), next = 0;
	wl_list_for_each(surface, &session->surfaces, link)
	{
		if (!surface->ack_owed)
			continue;
		int64_t left = surface->ack_deadline_ms - now;
		if (left <= 0)
			acknowledge_now(surface);
		else if (next == 0 || left < next)
			next = left;
	}
	if (next > 0)
		wl_event_source_timer_update(session->ack_timer, (int)next);
}

void role_output_changed(struct surface *surface)
{
	struct window *window = surface->window;
	if (!window || !surface->toplevel.object)
		return;
	struct box box = window->box;
	toplevel_place(surface, &box);
	window_configure(surface->session, window, &box);
}

/* Events */

static enum relay_verdict handle_configure(struct relay_message *message)
{
	struct surface *surface = surface_of(message->object);
	if (!surface || !surface->window)
		return RELAY_SWALLOW;
	bool resized = surface->toplevel.object && toplevel_configure(surface);
	surface->ack_serial = message->args[0].u;
	if (resized && !is_expected(surface)) {
		surface->ack_owed = true;
		surface->ack_deadline_ms = monotonic_ms() + ACK_MS;
		wl_event_source_timer_update(surface->session->ack_timer, ACK_MS);
	} else {
		acknowledge_now(surface);
	}
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_ping(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	if (message->object != session->wm_base.object)
		return RELAY_FORWARD;
	session_send(session, message->object, "pong", message->args);
	return RELAY_SWALLOW;
}

const struct relay_hook role_hooks[] = {
	{"xdg_wm_base", "ping", handle_ping, RELAY_UP},
	{"xdg_surface", "configure", handle_configure, RELAY_UP},
	{0},
};
