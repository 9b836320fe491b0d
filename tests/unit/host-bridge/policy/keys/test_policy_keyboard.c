/* host-bridge/policy/keys/policy_keyboard.c: chords that never reach a guest */
#include "host-bridge/policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <linux/input-event-codes.h>
#include <string.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"
#include "tests/unit/keymap_text.h"
#include "tests/unit/policy_world.h"

#define SHIFT 1u
#define CTRL 4u
#define LOGO 64u

static uint32_t surface_up;

static int start_with(const char *accelerators)
{
	struct policy policy = {0};

	assert_null(chords_parse(&policy.accelerators, accelerators));
	return start(policy);
}

static int copy_is_kept(void **state)
{
	return start_with("Ctrl+Shift+C");
}

static int super_is_kept(void **state)
{
	return start_with("<Super>");
}

static int clipboards_wait_for_chords(void **state)
{
	struct policy policy = {0};

	assert_null(transfer_rules_set(&policy.rules, "clipboard", "to-host", "hotkey"));
	return start(policy);
}

static int nothing_is_kept(void **state)
{
	return start_with("");
}

static struct pair keyboard_of(struct pair seat, const char *layouts)
{
	struct pair keyboard = {.down = world.next_id++};
	uint32_t bytes;
	int fd = keymap_file(layouts, &bytes);

	request("wl_seat", "get_keyboard", seat.down, ARGS({.id = keyboard.down}));
	take_up("wl_seat", "get_keyboard");
	keyboard.up = args[0].id;
	assert_int_equal(
		push(RELAY_UP, "wl_keyboard", "keymap", keyboard.up,
			ARGS({.u = WL_KEYBOARD_KEYMAP_FORMAT_XKB_V1}, {.i = 0}, {.u = bytes}),
			wire_handle_fd(fd)),
		0);
	captured_take(
		&world.sent[RELAY_DOWN], RELAY_UP, "wl_keyboard", "keymap", keyboard.down, args);
	assert_int_equal(args[2].u, bytes);
	wire_handle_finish(&args[1].handle);
	return keyboard;
}

static struct pair seat;

static struct pair prepare(const char *layouts)
{
	struct pair compositor = bind_global("wl_compositor");
	uint32_t surface = world.next_id++;

	request("wl_compositor", "create_surface", compositor.down, ARGS({.id = surface}));
	take_up("wl_compositor", "create_surface");
	surface_up = args[0].id;
	seat = bind_global("wl_seat");
	return keyboard_of(seat, layouts);
}

/* The window gets the focus while @keys (0 ends them) are held; the guest hears of @seen. */
static void enter(struct pair keyboard, const uint32_t *keys, const uint32_t *seen)
{
	uint32_t n = 0, n_seen = 0;

	while (keys[n])
		n++;
	while (seen[n_seen])
		n_seen++;
	event("wl_keyboard", "enter", keyboard.up,
		ARGS({.u = 1}, {.id = surface_up},
			{.array = {keys, (uint32_t)(n * sizeof(*keys))}}));
	captured_take(
		&world.sent[RELAY_DOWN], RELAY_UP, "wl_keyboard", "enter", keyboard.down, args);
	assert_int_equal(args[2].array.size, n_seen * sizeof(*seen));
	assert_memory_equal(args[2].array.data, seen, n_seen * sizeof(*seen));
}
#define KEYS(...) ((const uint32_t[]){__VA_ARGS__ __VA_OPT__(, ) 0})

static void leave(struct pair keyboard)
{
	event("wl_keyboard", "leave", keyboard.up, ARGS({.u = 1}, {.id = surface_up}));
	captured_take(
		&world.sent[RELAY_DOWN], RELAY_UP, "wl_keyboard", "leave", keyboard.down, args);
}

/* Modifiers are what the compositor says, always. */
static void hold(struct pair keyboard, uint32_t mask, uint32_t group)
{
	event("wl_keyboard", "modifiers", keyboard.up,
		ARGS({.u = 1}, {.u = mask}, {.u = 0}, {.u = 0}, {.u = group}));
	captured_take(
		&world.sent[RELAY_DOWN], RELAY_UP, "wl_keyboard", "modifiers", keyboard.down, args);
	assert_int_equal(args[1].u, mask);
	assert_int_equal(args[4].u, group);
}

/* Whether the guest hears of it. */
static bool key(struct pair keyboard, uint32_t code, uint32_t state)
{
	event("wl_keyboard", "key", keyboard.up,
		ARGS({.u = 1000 + code}, {.u = 2}, {.u = code}, {.u = state}));
	if (world.sent[RELAY_DOWN].size == 0)
		return false;
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_keyboard", "key", keyboard.down, args);
	assert_int_equal(args[2].u, code);
	assert_int_equal(args[3].u, state);
	return true;
}

static void a_chords_key_is_withheld_from_press_to_release(void **state)
{
	static const char *const layouts[] = {"us", "de", "fr", "us,ru", "ru"};

	for (size_t i = 0; i < ARRAY_LENGTH(layouts); i++) {
		struct pair keyboard = prepare(layouts[i]);
		enter(keyboard, KEYS(), KEYS());
		hold(keyboard, 0, i == 3);
		assert_true(key(keyboard, KEY_C, 1));
		assert_true(key(keyboard, KEY_C, 0));
		assert_true(key(keyboard, KEY_LEFTCTRL, 1));
		assert_true(key(keyboard, KEY_LEFTSHIFT, 1));
		hold(keyboard, CTRL | SHIFT, i == 3);
		assert_false(key(keyboard, KEY_C, 1));
		assert_false(key(keyboard, KEY_C, 2)); /* repeated */
		assert_false(key(keyboard, KEY_C, 0));
		assert_true(key(keyboard, KEY_V, 1));
		assert_true(key(keyboard, KEY_V, 0));
		assert_int_equal(world.policy.counters->chords_withheld, i + 1);
	}
}

static void modifiers_may_be_released_first_and_layouts_change(void **state)
{
	struct pair keyboard = prepare("us,ru");

	hold(keyboard, CTRL | SHIFT, 0);
	assert_false(key(keyboard, KEY_C, 1));
	hold(keyboard, 0, 1);
	assert_true(key(keyboard, KEY_LEFTCTRL, 0));
	assert_false(key(keyboard, KEY_C, 0));
	/* What was pressed before the modifiers is the guest's, and its release is, too. */
	assert_true(key(keyboard, KEY_C, 1));
	hold(keyboard, CTRL | SHIFT, 1);
	assert_true(key(keyboard, KEY_C, 0));
	/* A new keymap in between. */
	assert_false(key(keyboard, KEY_C, 1));
	uint32_t bytes;
	int fd = keymap_file("fr", &bytes);
	assert_int_equal(
		push(RELAY_UP, "wl_keyboard", "keymap", keyboard.up,
			ARGS({.u = WL_KEYBOARD_KEYMAP_FORMAT_XKB_V1}, {.i = 0}, {.u = bytes}),
			wire_handle_fd(fd)),
		0);
	captured_clear(&world.sent[RELAY_DOWN]);
	assert_false(key(keyboard, KEY_C, 0));
}

static void a_withheld_key_does_not_enter_with_the_focus(void **state)
{
	struct pair keyboard = prepare("us"), other = keyboard_of(seat, "us");

	hold(keyboard, CTRL | SHIFT, 0);
	assert_false(key(keyboard, KEY_C, 1));
	hold(keyboard, 0, 0);
	leave(keyboard);
	/* Another window of the machine: its keyboard has not seen the press. */
	enter(other, KEYS(KEY_C, KEY_A), KEYS(KEY_A));
	assert_false(key(other, KEY_C, 0));
	assert_true(key(other, KEY_A, 0));
	/* Once it was let go, it is a key like others. */
	leave(other);
	enter(keyboard, KEYS(KEY_C), KEYS(KEY_C));
	assert_true(key(keyboard, KEY_C, 0));
	/* A chord that is held as the focus comes. */
	leave(keyboard);
	enter(other, KEYS(KEY_LEFTCTRL, KEY_LEFTSHIFT, KEY_C), KEYS(KEY_LEFTCTRL, KEY_LEFTSHIFT));
	assert_false(key(other, KEY_C, 0));
	assert_true(key(other, KEY_LEFTCTRL, 0));
}

static void a_release_elsewhere_leaves_nothing_behind(void **state)
{
	struct pair keyboard = prepare("us");

	hold(keyboard, CTRL | SHIFT, 0);
	assert_false(key(keyboard, KEY_C, 1));
	leave(keyboard); /* and released there */
	enter(keyboard, KEYS(), KEYS());
	hold(keyboard, 0, 0);
	assert_true(key(keyboard, KEY_C, 1));
	assert_true(key(keyboard, KEY_C, 0));
}

static void a_modifier_alone_keeps_all_that_is_pressed_with_it(void **state)
{
	struct pair keyboard = prepare("de");

	assert_false(key(keyboard, KEY_LEFTMETA, 1));
	hold(keyboard, LOGO, 0);
	assert_false(key(keyboard, KEY_2, 1));
	leave(keyboard);
	enter(keyboard, KEYS(KEY_LEFTMETA, KEY_2, KEY_LEFTALT), KEYS());
	hold(keyboard, LOGO, 0);
	assert_false(key(keyboard, KEY_LEFTMETA, 0));
	hold(keyboard, 0, 0);
	assert_false(key(keyboard, KEY_2, 0));
	assert_true(key(keyboard, KEY_2, 1));
}

static void a_keyboard_without_a_keymap_has_no_chords(void **state)
{
	struct pair keyboard = prepare("us");

	hold(keyboard, CTRL | SHIFT, 0);
	assert_int_equal(
		push(RELAY_UP, "wl_keyboard", "keymap", keyboard.up,
			ARGS({.u = WL_KEYBOARD_KEYMAP_FORMAT_NO_KEYMAP}, {.i = 0}, {.u = 4}),
			wire_handle_fd(fd_memfd_constant("none", "none", 4))),
		0);
	captured_clear(&world.sent[RELAY_DOWN]);
	assert_true(key(keyboard, KEY_C, 1));
	assert_true(key(keyboard, KEY_C, 0));
	/* Codes that no keymap knows are no chords of any. */
	enter(keyboard, KEYS(100000), KEYS(100000));
	assert_true(key(keyboard, 100000, 1));
	assert_true(key(keyboard, 100000, 0));
}

static void the_chord_for_copying_acts_once(void **state)
{
	struct pair keyboard = prepare("us,ru"), second = keyboard_of(seat, "us,ru");
	struct pair manager = bind_global("wl_data_device_manager");
	uint32_t device = world.next_id++, source = world.next_id++;

	request("wl_data_device_manager", "get_data_device", manager.down,
		ARGS({.id = device}, {.id = seat.down}));
	request("wl_data_device_manager", "create_data_source", manager.down, ARGS({.id = source}));
	request("wl_data_source", "offer", source, ARGS({.s = "text/plain"}));
	request("wl_data_device", "set_selection", device, ARGS({.id = source}, {.u = 1}));
	captured_clear(&world.sent[RELAY_UP]);
	captured_clear(&world.sent[RELAY_DOWN]);
	hold(keyboard, CTRL | SHIFT, 1);
	hold(second, CTRL | SHIFT, 1);
	assert_false(key(keyboard, KEY_V, 1)); /* there is nothing to paste */
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	assert_false(key(keyboard, KEY_V, 0));
	assert_false(key(keyboard, KEY_C, 1));
	assert_false(key(second, KEY_C, 1)); /* the same press, with the same serial */
	take_up("wl_data_device_manager", "create_data_source");
	take_up("wl_data_source", "offer");
	take_up("wl_data_source", "offer");
	take_up("wl_data_device", "set_selection");
	assert_int_equal(args[1].u, 1000 + KEY_C);
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	assert_false(key(keyboard, KEY_C, 0));
	assert_false(key(second, KEY_C, 0));
}

static void without_chords_all_is_the_guests(void **state)
{
	struct pair keyboard = prepare("us");

	hold(keyboard, CTRL | SHIFT, 0);
	assert_true(key(keyboard, KEY_C, 1));
	assert_true(key(keyboard, KEY_C, 0));
	enter(keyboard, KEYS(KEY_LEFTMETA, KEY_C), KEYS(KEY_LEFTMETA, KEY_C));
}

int main(void)
{
#define TEST(test, start) cmocka_unit_test_setup_teardown(test, start, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_chords_key_is_withheld_from_press_to_release, copy_is_kept),
		TEST(modifiers_may_be_released_first_and_layouts_change, copy_is_kept),
		TEST(a_withheld_key_does_not_enter_with_the_focus, copy_is_kept),
		TEST(a_release_elsewhere_leaves_nothing_behind, copy_is_kept),
		TEST(a_modifier_alone_keeps_all_that_is_pressed_with_it, super_is_kept),
		TEST(a_keyboard_without_a_keymap_has_no_chords, copy_is_kept),
		TEST(the_chord_for_copying_acts_once, clipboards_wait_for_chords),
		TEST(without_chords_all_is_the_guests, nothing_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
