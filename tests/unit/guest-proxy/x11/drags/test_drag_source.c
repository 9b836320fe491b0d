/*
 * guest-proxy/x11/drags/drag_source.c: what a drag of an X client waits for before it begins. There
 * is no compositor here, so one that would begin ends.
 */
#include "guest-proxy/x11/drags/drag_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/xcbext.h>

#include "guest-proxy/x11/selections/selection.h"
#include "guest-proxy/x11/windows/surface.h"
#include "guest-proxy/x11/wm.h"
#include "tests/unit/x_event.h"

#define ROOT 0x100
#define ID_MASK 0x1fffff
#define SOURCE 0x400001
#define ICON 0x400002
#define OTHER 0x600001

/* A connection to X without X: these take the places of libxcb's. */

static struct {
	unsigned sequence, finished; /* XdndFinished that were sent */
	unsigned attributes;         /* the request for them; 0: none is under way */
	uint16_t class;              /* of any window */
} x;

static struct world {
	struct session session;
	struct surface pressed;
	struct window *icon;
} world;

unsigned int xcb_send_request(
	xcb_connection_t *c, int flags, struct iovec *vector, const xcb_protocol_request_t *request)
{
	x.sequence++;
	if (!request->ext && request->opcode == XCB_GET_WINDOW_ATTRIBUTES)
		x.attributes = x.sequence;
	return x.sequence;
}

xcb_void_cookie_t xcb_send_event(xcb_connection_t *c, uint8_t propagate, xcb_window_t destination,
	uint32_t mask, const char *bytes)
{
	xcb_client_message_event_t event;
	memcpy(&event, bytes, sizeof(event));
	x.finished += event.type == SESSION_ATOM(&world.session, XdndFinished);
	return (xcb_void_cookie_t){0};
}

int xcb_poll_for_reply(
	xcb_connection_t *c, unsigned int request, void **reply, xcb_generic_error_t **error)
{
	*error = NULL;
	*reply = NULL; /* there is no such property */
	if (request == x.attributes) {
		xcb_get_window_attributes_reply_t *attributes = calloc(1, sizeof(*attributes));
		assert_non_null(attributes);
		attributes->_class = x.class;
		*reply = attributes;
	}
	return 1;
}

const xcb_setup_t *xcb_get_setup(xcb_connection_t *c)
{
	static const xcb_setup_t setup = {.resource_id_mask = ID_MASK};
	return &setup;
}

/* A client */

/* @type to the window that is the drag's target. */
static void say(enum atom type, uint32_t from, uint32_t word)
{
	const xcb_client_message_event_t event = {
		.response_type = XCB_CLIENT_MESSAGE,
		.format = 32,
		.type = world.session.atoms[type],
		.data.data32 = {from, word},
	};
	assert_true(drag_source_message(&world.session, &event));
}

/* Whether there is no drag: then whoever drops is told that nothing came of it. */
static bool is_over(void)
{
	unsigned before = x.finished;
	say(ATOM_XdndDrop, OTHER, 0);
	return x.finished > before;
}

/* A drag from a window whose client shows another one. */
static void setup(void)
{
	static xcb_screen_t screen = {.root = ROOT};
	static const struct session_listener listener = {
		.window_known = wm_window_known, .surface_paired = wm_surface_paired};
	struct session *session = &world.session;

	memset(&x, 0, sizeof(x));
	memset(&world, 0, sizeof(world));
	session->x = (xcb_connection_t *)&x;
	session->screen = &screen;
	session->listener = &listener;
	session->managing = true;
	for (uint32_t i = 0; i < N_ATOMS; i++)
		session->atoms[i] = 1000 + i;
	wl_list_init(&session->surfaces);
	wl_list_init(&session->outgoing);
	windows_init(&session->windows);
	replies_init(&session->replies, session);
	session->replies.x = session->x;
	assert_int_equal(selections_init(session), 0);
	assert_int_equal(drag_source_init(session), 0);
	world.pressed.window = window_create(session, SOURCE);
	world.icon = window_create(session, ICON);
	world.icon->mapped = world.icon->override_redirect = true;
	session->focus.pressed = &world.pressed;
	session->focus.buttons_down = 1;
	drag_source_owner_changed(session, SOURCE);
	assert_false(is_over());
	say(ATOM_XdndEnter, SOURCE, 5u << 24);
	drag_source_named(session);
	wm_dispatch(session); /* the answer to which actions there are */
	say(ATOM_XdndPosition, SOURCE, 0);
}

static void teardown(void)
{
	windows_finish(&world.session.windows);
	replies_finish(&world.session.replies);
	drag_source_finish(&world.session);
	selections_finish(&world.session);
}

/* One that fits into the 32 bytes of an event is sent. */
static void send(const void *event, size_t size)
{
	x_event_set(event, size);
	wm_dispatch(&world.session);
}

static void unmap_icon(void)
{
	const xcb_unmap_notify_event_t event = {.response_type = XCB_UNMAP_NOTIFY, .window = ICON};
	send(&event, sizeof(event));
	assert_false(world.icon->mapped);
}

static void icon_is_known(void)
{
	world.icon->known = true;
	atom_list_set(&world.icon->hints.types,
		SESSION_ATOM(&world.session, _NET_WM_WINDOW_TYPE_DND), true);
	wm_window_known(&world.session, world.icon);
}

static void a_window_that_is_being_read_is_waited_for_until_it_is_known(void **state)
{
	setup();
	assert_false(is_over());
	world.icon->known = true;
	wm_window_known(&world.session, world.icon);
	assert_true(is_over());
	teardown();
}

static void a_window_that_is_not_shown_any_more_is_not_waited_for(void **state)
{
	setup();
	assert_false(is_over());
	unmap_icon();
	assert_true(is_over());
	teardown();
}

static void an_icon_that_goes_before_it_has_a_surface_is_not_waited_for(void **state)
{
	setup();
	icon_is_known();
	assert_false(is_over());
	unmap_icon();
	assert_true(is_over());
	teardown();
}

/* Xwayland names the surface to the window manager before it makes it, and commits it only once
 * something is drawn. */
static void an_icon_has_its_surface_before_anything_is_drawn(void **state)
{
	struct relay_object object = {.id[RELAY_DOWN] = 26};
	struct surface surface = {.session = &world.session, .object = &object};

	setup();
	icon_is_known();
	world.icon->surface_id = 26;
	wm_dispatch(&world.session);
	assert_false(is_over());
	wl_list_insert(&world.session.surfaces, &surface.link);
	world.session.surfaces_made = true;
	wm_dispatch(&world.session);
	assert_ptr_equal(world.icon->surface, &surface);
	assert_true(is_over());
	world.icon->surface = NULL;
	teardown();
}

/* X tells of the icon's class. */
static void icon_is_created(uint16_t class)
{
	const xcb_create_notify_event_t event = {
		.response_type = XCB_CREATE_NOTIFY,
		.parent = ROOT,
		.window = ICON,
		.override_redirect = 1,
	};
	x.class = class;
	send(&event, sizeof(event));
}

static void an_icon_that_can_have_no_surface_is_not_waited_for(void **state)
{
	setup();
	icon_is_created(XCB_WINDOW_CLASS_INPUT_OUTPUT);
	icon_is_known();
	assert_false(is_over());
	icon_is_created(XCB_WINDOW_CLASS_INPUT_ONLY);
	icon_is_known();
	assert_true(is_over());
	teardown();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_that_is_being_read_is_waited_for_until_it_is_known),
		cmocka_unit_test(a_window_that_is_not_shown_any_more_is_not_waited_for),
		cmocka_unit_test(an_icon_that_goes_before_it_has_a_surface_is_not_waited_for),
		cmocka_unit_test(an_icon_has_its_surface_before_anything_is_drawn),
		cmocka_unit_test(an_icon_that_can_have_no_surface_is_not_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
