/* X windows: the table of those below the root, and what their properties say. */
#include "guest-proxy/x11/windows/window.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"

#define LOG_MODULE "x11"
#include "protocol/base/log.h"

static_assert(WINDOW_SHAPE < 32, "window::loading has a bit for each");

static void read_protocols(struct hints *hints, const struct property *property)
{
	hints_read_atoms(&hints->protocols, property);
}

static void read_types(struct hints *hints, const struct property *property)
{
	hints_read_atoms(&hints->types, property);
}

static void read_states(struct hints *hints, const struct property *property)
{
	hints_read_atoms(&hints->states, property);
}

static const struct {
	enum atom atom;
	uint32_t words; /* how much of it is asked for */
	void (*read)(struct hints *hints, const struct property *property);
} properties[N_WINDOW_PROPERTIES] = {
	[WINDOW_NET_TITLE] = {ATOM__NET_WM_NAME, HINTS_TEXT_BYTES / 4, hints_read_net_title},
	[WINDOW_TITLE] = {ATOM_WM_NAME, HINTS_TEXT_BYTES / 4, NULL},
	[WINDOW_CLASS] = {ATOM_WM_CLASS, HINTS_TEXT_BYTES / 4, hints_read_class},
	[WINDOW_HINTS] = {ATOM_WM_HINTS, 9, hints_read_wm_hints},
	[WINDOW_SIZE] = {ATOM_WM_NORMAL_HINTS, 18, hints_read_size},
	[WINDOW_TRANSIENT] = {ATOM_WM_TRANSIENT_FOR, 1, hints_read_transient},
	[WINDOW_PROTOCOLS] = {ATOM_WM_PROTOCOLS, HINTS_ATOMS_MAX, read_protocols},
	[WINDOW_TYPE] = {ATOM__NET_WM_WINDOW_TYPE, HINTS_ATOMS_MAX, read_types},
	[WINDOW_STATES] = {ATOM__NET_WM_STATE, HINTS_ATOMS_MAX, read_states},
	[WINDOW_MOTIF] = {ATOM__MOTIF_WM_HINTS, 5, hints_read_motif},
	[WINDOW_FRAME] = {ATOM__GTK_FRAME_EXTENTS, 4, hints_read_frame},
};

/* The table */

void windows_init(struct windows *windows)
{
	wl_list_init(&windows->list);
	for (size_t i = 0; i < WINDOW_BUCKETS; i++)
		wl_list_init(&windows->buckets[i]);
	windows->count = 0;
}

static void remove_window(struct windows *windows, struct window *window)
{
	wl_list_remove(&window->link);
	wl_list_remove(&window->bucket);
	hints_finish(&window->hints);
	free(window->bounds);
	free(window->input);
	windows->count--;
	free(window);
}

void windows_finish(struct windows *windows)
{
	struct window *window, *next;
	wl_list_for_each_safe(window, next, &windows->list, link) remove_window(windows, window);
}

static struct wl_list *bucket_of(struct windows *windows, xcb_window_t id)
{
	return &windows->buckets[(id ^ id >> 8 ^ id >> 21) % WINDOW_BUCKETS];
}

struct window *window_find(struct session *session, xcb_window_t id)
{
	struct window *window;
	wl_list_for_each(window, bucket_of(&session->windows, id), bucket)
	{
		if (window->id == id)
			return window;
	}
	return NULL;
}

struct window *window_create(struct session *session, xcb_window_t id)
{
	struct windows *windows = &session->windows;
	struct window *window = window_find(session, id);
	if (window)
		return window;
	if (windows->count < WINDOWS_MAX)
		window = calloc(1, sizeof(*window));
	if (!window) {
		log_limited(LOG_LEVEL_WARN, "too many X windows: another one is not shown");
		return NULL;
	}
	window->id = id;
	wl_list_insert(windows->list.prev, &window->link);
	wl_list_insert(bucket_of(windows, id), &window->bucket);
	windows->count++;
	return window;
}

void window_destroy(struct session *session, struct window *window)
{
	remove_window(&session->windows, window);
}

/* Properties */

static void handle_property(void *data, struct reply_subject subject, void *reply);

/* At most one question for each property of a window is under way, whatever the client does. */
static void ask(struct session *session, struct window *window, enum window_property which)
{
	uint32_t bit = 1u << which;
	if (window->loading & bit) {
		window->stale |= bit;
		return;
	}
	window->loading |= bit;
	window->stale &= ~bit;
	xcb_get_property_cookie_t cookie =
		xcb_get_property(session->x, 0, window->id, session->atoms[properties[which].atom],
			XCB_GET_PROPERTY_TYPE_ANY, 0, properties[which].words);
	replies_expect(&session->replies, cookie.sequence, handle_property,
		(struct reply_subject){.id = window->id, .detail = which});
}

static void handle_property(void *data, struct reply_subject subject, void *answer)
{
	struct session *session = data;
	struct window *window = window_find(session, subject.id);
	const struct property property = property_of(answer);
	enum window_property which = subject.detail;
	if (!window || !(window->loading & 1u << which))
		return;
	window->loading &= ~(1u << which);
	if (properties[which].read)
		properties[which].read(&window->hints, &property);
	else
		hints_read_title(&window->hints, &property,
			property.type == SESSION_ATOM(session, UTF8_STRING));
	if (window->stale & 1u << which)
		ask(session, window, which);
	window_loaded(session, window, which);
}

void window_loaded(struct session *session, struct window *window, enum window_property which)
{
	if (window->known) {
		session->listener->hint_changed(session, window, which);
	} else if (window->loading == 0) {
		window->known = true;
		session->listener->window_known(session, window);
	}
}

void window_load(struct session *session, struct window *window)
{
	window->known = false;
	for (int i = 0; i < N_WINDOW_PROPERTIES; i++)
		ask(session, window, i);
}

void window_property_changed(struct session *session, struct window *window, xcb_atom_t atom)
{
	for (int i = 0; i < N_WINDOW_PROPERTIES; i++) {
		/* What is not mapped is read when it is. */
		if (session->atoms[properties[i].atom] == atom &&
			(window->known || window->loading))
			ask(session, window, i);
	}
}

bool window_same_client(const struct session *session, xcb_window_t window, xcb_window_t other)
{
	uint32_t mask = ~xcb_get_setup(session->x)->resource_id_mask;
	return (window & mask) == (other & mask);
}

bool window_speaks(const struct session *session, const struct window *window, enum atom protocol)
{
	return atom_list_has(&window->hints.protocols, session->atoms[protocol]);
}

bool window_is_drag_icon(const struct session *session, const struct window *window)
{
	return atom_list_has(&window->hints.types, SESSION_ATOM(session, _NET_WM_WINDOW_TYPE_DND));
}

static void handle_attributes(void *data, struct reply_subject subject, void *answer)
{
	struct window *window = window_find(data, subject.id);
	const xcb_get_window_attributes_reply_t *reply = answer;
	if (window && reply)
		window->input_only = reply->_class == XCB_WINDOW_CLASS_INPUT_ONLY;
}

void window_ask_class(struct session *session, const struct window *window)
{
	replies_expect(&session->replies,
		xcb_get_window_attributes(session->x, window->id).sequence, handle_attributes,
		(struct reply_subject){.id = window->id});
}

/* Requests */

void window_configure(struct session *session, struct window *window, const struct box *box)
{
	uint32_t values[] = {
		(uint32_t)box->x, (uint32_t)box->y, (uint32_t)box->width, (uint32_t)box->height};
	if (!session->x || memcmp(box, &window->box, sizeof(*box)) == 0)
		return;
	window->box = *box;
	xcb_configure_window(session->x, window->id,
		XCB_CONFIG_WINDOW_X | XCB_CONFIG_WINDOW_Y | XCB_CONFIG_WINDOW_WIDTH |
			XCB_CONFIG_WINDOW_HEIGHT,
		values);
}

void window_refresh(const struct session *session, const struct window *window)
{
	const uint32_t values[] = {XCB_SUBWINDOW_MODE_INCLUDE_INFERIORS, 0};
	xcb_gcontext_t gc = xcb_generate_id(session->x);
	/* A pixel that is copied to where it is counts as drawn. */
	xcb_create_gc(session->x, gc, window->id, XCB_GC_SUBWINDOW_MODE | XCB_GC_GRAPHICS_EXPOSURES,
		values);
	xcb_copy_area(session->x, window->id, window->id, gc, 0, 0, 0, 0, 1, 1);
	xcb_free_gc(session->x, gc);
}

void window_raise(struct session *session, struct window *window)
{
	const uint32_t above = XCB_STACK_MODE_ABOVE;
	xcb_configure_window(session->x, window->id, XCB_CONFIG_WINDOW_STACK_MODE, &above);
}

void window_send_protocol(struct session *session, struct window *window, enum atom protocol,
	uint32_t time, uint32_t detail)
{
	const xcb_client_message_event_t event = {
		.response_type = XCB_CLIENT_MESSAGE,
		.format = 32,
		.window = window->id,
		.type = SESSION_ATOM(session, WM_PROTOCOLS),
		.data.data32 = {session->atoms[protocol], time, detail},
	};
	xcb_send_event(session->x, 0, window->id, XCB_EVENT_MASK_NO_EVENT, (const char *)&event);
}
