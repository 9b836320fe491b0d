/* host-bridge/policy/windows/policy_actions.c, surfaces/policy_attention.c: what has to answer the
 * user. */
#include "host-bridge/policy/surfaces/policy_attention.h"

#include "protocol/base/bytes.h"
#include "protocol/base/monotonic.h"
#include "tests/unit/window_world.h"

/* A window of the client's, and its devices. */
static struct test_surface window;
static struct pair seat, pointer, keyboard, touch, tool;
static uint32_t tablet; /* the compositor's */

static struct pair get_device(const char *request_name)
{
	struct pair device = {.down = world.next_id++};

	request("wl_seat", request_name, seat.down, ARGS({.id = device.down}));
	device.up = up_id(device.down);
	return device;
}

/* A pen, which the compositor makes. */
static struct pair get_tool(void)
{
	clear();
	struct pair manager = bind_global("zwp_tablet_manager_v2");
	uint32_t tablets = world.next_id++;

	request("zwp_tablet_manager_v2", "get_tablet_seat", manager.down,
		ARGS({.id = tablets}, {.id = seat.down}));
	tablet = WIRE_SERVER_ID_START;
	event("zwp_tablet_seat_v2", "tablet_added", up_id(tablets), ARGS({.id = tablet}));
	event("zwp_tablet_seat_v2", "tool_added", up_id(tablets), ARGS({.id = tablet + 1}));
	return (struct pair){.up = tablet + 1};
}

static int set_up_window(void **state)
{
	set_up(state);
	bind_window_globals();
	seat = bind_global("wl_seat");
	window = create_toplevel();
	clear();
	pointer = get_device("get_pointer");
	keyboard = get_device("get_keyboard");
	touch = get_device("get_touch");
	tool = get_tool();
	clear();
	return 0;
}

static void pointer_enters(uint32_t serial, uint32_t surface)
{
	event("wl_pointer", "enter", pointer.up,
		ARGS({.u = serial}, {.id = up_id(surface)}, {.f = 0}, {.f = 0}));
}

static void pointer_leaves(uint32_t serial, uint32_t surface)
{
	event("wl_pointer", "leave", pointer.up, ARGS({.u = serial}, {.id = up_id(surface)}));
}

static void button(uint32_t serial)
{
	event("wl_pointer", "button", pointer.up,
		ARGS({.u = serial}, {.u = 0}, {.u = 272}, {.u = 1}));
}

static void keyboard_enters(uint32_t serial)
{
	event("wl_keyboard", "enter", keyboard.up,
		ARGS({.u = serial}, {.id = up_id(window.id)}, {.array = {NULL, 0}}));
}

static void keyboard_leaves(uint32_t serial)
{
	event("wl_keyboard", "leave", keyboard.up, ARGS({.u = serial}, {.id = up_id(window.id)}));
}

static void key(uint32_t serial)
{
	event("wl_keyboard", "key", keyboard.up,
		ARGS({.u = serial}, {.u = 0}, {.u = 30}, {.u = 1}));
}

/* Whether a menu of @parent with @serial gets its grab; if not, it is dismissed. */
static bool grabs_below(struct test_surface parent, uint32_t serial, struct test_surface *menu)
{
	*menu = create_popup_at(parent, 50, 60, 0, 0);
	clear();
	request("xdg_popup", "grab", menu->toplevel, ARGS({.id = seat.down}, {.u = serial}));
	bool passed = world.sent[RELAY_UP].size > 0;
	if (passed)
		take_up("xdg_popup", "grab");
	else
		captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "xdg_popup", "popup_done",
			menu->toplevel, args);
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	assert_int_equal(world.sent[RELAY_DOWN].size, 0);
	return passed;
}

static void close_menu(struct test_surface menu)
{
	request("xdg_popup", "destroy", menu.toplevel, ARGS({0}));
	request("xdg_surface", "destroy", menu.role, ARGS({0}));
	request("wl_surface", "destroy", menu.id, ARGS({0}));
}

static bool grabs(uint32_t serial)
{
	struct test_surface menu;
	bool passed = grabs_below(window, serial, &menu);

	close_menu(menu);
	return passed;
}

static time_t now_s; /* time passes where a test says so */

int clock_gettime(clockid_t clock, struct timespec *out)
{
	*out = (struct timespec){now_s, 0};
	return 0;
}

/* The time in which what has gone counts still is over. */
static void time_passes(void)
{
	assert_true(world.connection.attention.until_ns > monotonic_ns());
	now_s += 6;
}

static void a_menu_grabs_in_answer_to_a_button_or_a_key(void **state)
{
	assert_false(grabs(0));
	pointer_enters(100, window.id);
	assert_false(grabs(0));
	assert_false(grabs(100)); /* nobody has done anything */
	button(101);
	assert_true(grabs(101));
	assert_false(grabs(102)); /* to come */
	pointer_leaves(103, window.id);
	assert_false(grabs(101)); /* the user is somewhere else */
	keyboard_enters(104);
	assert_true(grabs(101));
	assert_false(grabs(104));
	key(105);
	assert_true(grabs(105));
	keyboard_leaves(106);
	assert_false(grabs(105));
	assert_int_equal(world.policy.counters->without_action, 7);
}

static void a_menu_grabs_in_answer_to_a_finger_or_a_pen(void **state)
{
	const union wire_arg *down =
		ARGS({.u = 100}, {.u = 0}, {.id = up_id(window.id)}, {.i = 0}, {.f = 0}, {.f = 0});

	event("wl_touch", "down", touch.up, down);
	assert_true(grabs(100));
	time_passes();
	assert_true(grabs(100)); /* it is still there */
	event("wl_touch", "up", touch.up, ARGS({.u = 101}, {.u = 0}, {.i = 0}));
	assert_true(grabs(101));
	time_passes();
	assert_false(grabs(100));
	event("zwp_tablet_tool_v2", "proximity_in", tool.up,
		ARGS({.u = 102}, {.id = tablet}, {.id = up_id(window.id)}));
	assert_false(grabs(102));
	event("zwp_tablet_tool_v2", "down", tool.up, ARGS({.u = 103}));
	assert_true(grabs(103));
	event("zwp_tablet_tool_v2", "button", tool.up, ARGS({.u = 104}, {.u = 1}, {.u = 1}));
	assert_true(grabs(104));
	event("zwp_tablet_tool_v2", "proximity_out", tool.up, ARGS({0}));
	assert_false(grabs(104));
}

/* Nobody tells that the finger has left what is gone. */
static void a_finger_on_a_surface_that_is_gone_is_soon_forgotten(void **state)
{
	struct test_surface other = create_popup_at(window, 50, 60, 0, 0);

	event("wl_touch", "down", touch.up,
		ARGS({.u = 100}, {.u = 0}, {.id = up_id(other.id)}, {.i = 0}, {.f = 0}, {.f = 0}));
	time_passes();
	close_menu(other);
	assert_true(grabs(100));
	time_passes();
	assert_false(grabs(100));
	event("wl_touch", "cancel", touch.up, ARGS({0}));
	time_passes();
	assert_false(grabs(100));
}

static void a_menu_below_one_without_a_grab_has_none(void **state)
{
	struct test_surface menu, below;

	pointer_enters(100, window.id);
	button(101);
	assert_false(grabs_below(window, 0, &menu));
	assert_false(grabs_below(menu, 101, &below));
	close_menu(below);
	close_menu(menu);
	assert_true(grabs_below(window, 101, &menu));
	assert_true(grabs_below(menu, 101, &below));
}

/* As in a menu bar: one menu is closed, which has the pointer, and the next one opened at once. */
static void a_menu_follows_one_that_had_the_pointer(void **state)
{
	struct test_surface menu;

	pointer_enters(100, window.id);
	button(101);
	assert_true(grabs_below(window, 101, &menu));
	pointer_leaves(102, window.id);
	pointer_enters(103, menu.id);
	close_menu(menu);
	assert_true(grabs(101));
	time_passes();
	assert_false(grabs(101));
}

static void a_device_that_is_gone_tells_of_no_focus(void **state)
{
	pointer_enters(100, window.id);
	button(101);
	request("wl_pointer", "release", pointer.down, ARGS({0}));
	assert_false(grabs(101));
	keyboard_enters(102);
	assert_true(grabs(101));
	request("wl_keyboard", "release", keyboard.down, ARGS({0}));
	assert_false(grabs(101));
}

/* As of a library that an application uses for a while. */
static void another_device_that_is_gone_takes_no_focus_along(void **state)
{
	struct pair pointer_of_library = get_device("get_pointer"),
		    keyboard_of_library = get_device("get_keyboard");

	pointer_enters(100, window.id);
	event("wl_pointer", "enter", pointer_of_library.up,
		ARGS({.u = 100}, {.id = up_id(window.id)}, {.f = 0}, {.f = 0}));
	request("wl_pointer", "release", pointer_of_library.down, ARGS({0}));
	button(101);
	assert_true(grabs(101));
	pointer_leaves(102, window.id);
	assert_false(grabs(101));
	keyboard_enters(103);
	event("wl_keyboard", "enter", keyboard_of_library.up,
		ARGS({.u = 103}, {.id = up_id(window.id)}, {.array = {NULL, 0}}));
	request("wl_keyboard", "release", keyboard_of_library.down, ARGS({0}));
	key(104);
	assert_true(grabs(104));
	keyboard_leaves(105);
	assert_false(grabs(104));
}

static void what_was_done_long_ago_is_forgotten(void **state)
{
	pointer_enters(1, window.id);
	for (uint32_t serial = 2; serial < 1000; serial++) {
		button(serial);
		button(serial); /* to another wl_pointer */
	}
	assert_false(grabs(2));
	assert_false(grabs(999 - POLICY_SERIALS));
	assert_true(grabs(1000 - POLICY_SERIALS));
	assert_true(grabs(999));
}

/* Whether @interface's @name, a request of the window's with a seat and @serial, is passed on. */
static bool moves(const char *name, uint32_t serial)
{
	clear();
	request("xdg_toplevel", name, window.toplevel,
		ARGS({.id = seat.down}, {.u = serial}, {.u = 1}, {.i = 1}));
	assert_int_equal(world.sent[RELAY_DOWN].size, 0);
	return world.sent[RELAY_UP].size > 0;
}

static void windows_are_moved_by_their_user(void **state)
{
	static const char *const names[] = {"move", "resize", "show_window_menu"};

	pointer_enters(100, window.id);
	button(101);
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		assert_false(moves(names[i], 0));
		assert_false(moves(names[i], 100));
		assert_true(moves(names[i], 101));
	}
	pointer_leaves(102, window.id);
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		assert_false(moves(names[i], 101));
}

static bool token_has(uint32_t token, uint32_t serial)
{
	clear();
	request("xdg_activation_token_v1", "set_serial", token,
		ARGS({.u = serial}, {.id = seat.down}));
	return world.sent[RELAY_UP].size > 0;
}

static void a_token_stands_for_what_the_user_did(void **state)
{
	struct pair activation = bind_global("xdg_activation_v1");
	uint32_t token = world.next_id++;

	request("xdg_activation_v1", "get_activation_token", activation.down, ARGS({.id = token}));
	keyboard_enters(100);
	assert_false(token_has(token, 0));
	assert_true(token_has(token, 100));
	keyboard_leaves(101);
	assert_false(token_has(token, 100));
}

/* --- sources --- */

static struct pair data_device;
static uint32_t manager;

static void get_data_device(void)
{
	manager = bind_global("wl_data_device_manager").down;
	data_device.down = world.next_id++;
	request("wl_data_device_manager", "get_data_device", manager,
		ARGS({.id = data_device.down}, {.id = seat.down}));
}

/* Whether a new source is taken with @serial; if not, it is told that it was replaced. */
static bool takes(bool drag, uint32_t serial)
{
	uint32_t source = world.next_id++;

	request("wl_data_device_manager", "create_data_source", manager, ARGS({.id = source}));
	clear();
	if (drag)
		request("wl_data_device", "start_drag", data_device.down,
			ARGS({.id = source}, {.id = window.id}, {.id = 0}, {.u = serial}));
	else
		request("wl_data_device", "set_selection", data_device.down,
			ARGS({.id = source}, {.u = serial}));
	bool passed = world.sent[RELAY_UP].size > 0;
	if (!passed)
		captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_data_source", "cancelled",
			source, args);
	assert_int_equal(world.sent[RELAY_DOWN].size, 0);
	return passed;
}

static void drags_are_the_users(void **state)
{
	get_data_device();
	assert_false(takes(true, 0));
	pointer_enters(100, window.id);
	assert_false(takes(true, 100));
	button(101);
	assert_true(takes(true, 101));
	pointer_leaves(102, window.id);
	assert_false(takes(true, 101));
}

/* Programs that copy from a command line have the focus for a moment, and no button or key. */
static void a_selection_comes_with_a_serial_that_was_given(void **state)
{
	get_data_device();
	assert_false(takes(false, 0));
	keyboard_enters(100);
	keyboard_leaves(101);
	assert_true(takes(false, 100));
	assert_false(takes(false, 102));
	event("wl_keyboard", "modifiers", keyboard.up,
		ARGS({.u = 102}, {.u = 0}, {.u = 0}, {.u = 0}, {.u = 0}));
	assert_true(takes(false, 102));
	clear();
	request("wl_data_device", "set_selection", data_device.down, ARGS({.id = 0}, {.u = 7}));
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	request("wl_data_device", "set_selection", data_device.down, ARGS({.id = 0}, {.u = 102}));
	take_up("wl_data_device", "set_selection");
}

/* --- text input 3 --- */

static uint32_t text_input;

static bool is_enabled(void)
{
	clear();
	request("zwp_text_input_v3", "enable", text_input, ARGS({0}));
	return world.sent[RELAY_UP].size > 0;
}

static void text_is_asked_for_where_the_compositor_has_it_come(void **state)
{
	struct pair inputs = bind_global("zwp_text_input_manager_v3");
	struct test_surface other = create_popup_at(window, 50, 60, 0, 0);

	text_input = world.next_id++;
	request("zwp_text_input_manager_v3", "get_text_input", inputs.down,
		ARGS({.id = text_input}, {.id = seat.down}));
	assert_false(is_enabled());
	event("zwp_text_input_v3", "enter", up_id(text_input), ARGS({.id = up_id(window.id)}));
	assert_true(is_enabled());
	event("zwp_text_input_v3", "leave", up_id(text_input), ARGS({.id = up_id(window.id)}));
	assert_false(is_enabled());
	keyboard_enters(1);
	assert_true(is_enabled());
	keyboard_leaves(2);
	event("zwp_text_input_v3", "enter", up_id(text_input), ARGS({.id = up_id(other.id)}));
	close_menu(other);
	assert_false(is_enabled());
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_window, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_menu_grabs_in_answer_to_a_button_or_a_key),
		TEST(a_menu_grabs_in_answer_to_a_finger_or_a_pen),
		TEST(a_finger_on_a_surface_that_is_gone_is_soon_forgotten),
		TEST(a_menu_below_one_without_a_grab_has_none),
		TEST(a_menu_follows_one_that_had_the_pointer),
		TEST(a_device_that_is_gone_tells_of_no_focus),
		TEST(another_device_that_is_gone_takes_no_focus_along),
		TEST(what_was_done_long_ago_is_forgotten),
		TEST(windows_are_moved_by_their_user),
		TEST(a_token_stands_for_what_the_user_did),
		TEST(drags_are_the_users),
		TEST(a_selection_comes_with_a_serial_that_was_given),
		TEST(text_is_asked_for_where_the_compositor_has_it_come),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
