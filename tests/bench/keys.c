/*
 * How long a key press takes from the compositor to a client's event. The keyboard is a virtual
 * one, on a connection of its own to the compositor; the window with the focus is on
 * $WAYLAND_DISPLAY. Prints one line of name=value pairs for run.sh.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/clients/window.h"
#include "virtual-keyboard-unstable-v1-client-protocol.h"

#define WARMUP 100
#define KEY 30          /* A */
#define PAUSE_NS 500000 /* between two keys: who types is slower still */

struct keys {
	struct window window;
	struct wl_seat *seat; /* the compositor's */
	struct zwp_virtual_keyboard_manager_v1 *manager;
	struct zwp_virtual_keyboard_v1 *keyboard;
	bool focused;
	unsigned n_keys; /* that the window has heard of */
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "keys: %s\n", what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* The keyboard */

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct keys *keys = data;
	if (strcmp(interface, zwp_virtual_keyboard_manager_v1_interface.name) == 0)
		keys->manager = wl_registry_bind(
			registry, name, &zwp_virtual_keyboard_manager_v1_interface, 1);
	else if (strcmp(interface, wl_seat_interface.name) == 0)
		keys->seat = wl_registry_bind(registry, name, &wl_seat_interface, 1);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

/* A keymap of one key. */
static void send_keymap(struct keys *keys)
{
	static const char keymap[] =
		"xkb_keymap {\n"
		"xkb_keycodes \"one\" { minimum = 8; maximum = 255; <AC01> = 38; };\n"
		"xkb_types \"one\" { type \"ONE_LEVEL\" { modifiers = none; }; };\n"
		"xkb_compatibility \"one\" { };\n"
		"xkb_symbols \"one\" { key <AC01> { type = \"ONE_LEVEL\", [ a ] }; };\n"
		"};\n";
	int fd = memfd_create("keymap", MFD_CLOEXEC);
	if (fd < 0 || write(fd, keymap, sizeof(keymap)) != (ssize_t)sizeof(keymap))
		fail("no keymap");
	zwp_virtual_keyboard_v1_keymap(
		keys->keyboard, WL_KEYBOARD_KEYMAP_FORMAT_XKB_V1, fd, sizeof(keymap));
	close(fd);
}

static struct wl_display *make_keyboard(struct keys *keys, const char *name)
{
	struct wl_display *display = wl_display_connect(name);
	if (!display)
		fail("the compositor cannot be reached");
	wl_registry_add_listener(wl_display_get_registry(display), &registry_listener, keys);
	if (wl_display_roundtrip(display) < 0 || !keys->manager || !keys->seat)
		fail("the compositor has no virtual keyboards");
	keys->keyboard =
		zwp_virtual_keyboard_manager_v1_create_virtual_keyboard(keys->manager, keys->seat);
	send_keymap(keys);
	if (wl_display_roundtrip(display) < 0)
		fail("the compositor takes no keyboard");
	return display;
}

/* The window */

static void handle_keymap(
	void *data, struct wl_keyboard *keyboard, uint32_t format, int32_t fd, uint32_t size)
{
	close(fd);
}

static void handle_enter(void *data, struct wl_keyboard *keyboard, uint32_t serial,
	struct wl_surface *surface, struct wl_array *pressed)
{
	struct keys *keys = data;
	keys->focused = true;
}

static void handle_leave(
	void *data, struct wl_keyboard *keyboard, uint32_t serial, struct wl_surface *surface)
{
	struct keys *keys = data;
	keys->focused = false; /* as when the keyboard appears; it comes back */
}

static void handle_key(void *data, struct wl_keyboard *keyboard, uint32_t serial, uint32_t time,
	uint32_t key, uint32_t state)
{
	struct keys *keys = data;
	keys->n_keys += key == KEY;
}

static void handle_modifiers(void *data, struct wl_keyboard *keyboard, uint32_t serial,
	uint32_t depressed, uint32_t latched, uint32_t locked, uint32_t group)
{
}

static void handle_repeat(void *data, struct wl_keyboard *keyboard, int32_t rate, int32_t delay)
{
}

static const struct wl_keyboard_listener keyboard_listener = {
	.keymap = handle_keymap,
	.enter = handle_enter,
	.leave = handle_leave,
	.key = handle_key,
	.modifiers = handle_modifiers,
	.repeat_info = handle_repeat,
};

static void make_window(struct keys *keys)
{
	window_connect(&keys->window);
	if (!keys->window.seat)
		fail("there is no seat");
	wl_keyboard_add_listener(wl_seat_get_keyboard(keys->window.seat), &keyboard_listener, keys);
	window_create(&keys->window, "keys", 320, 240);
	struct window_buffer *buffer = window_next_buffer(&keys->window);
	window_commit(&keys->window, buffer, 0, 0, 320, 240);
	window_await(&keys->window, &keys->focused, "the focus");
}

/* From the request to the event, in ns. */
static uint64_t press(struct keys *keys, struct wl_display *display, bool down)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	nanosleep(&pause, NULL);
	window_await(&keys->window, &keys->focused, "the focus");
	const unsigned before = keys->n_keys;
	uint64_t start_ns = now_ns();
	zwp_virtual_keyboard_v1_key(keys->keyboard, (uint32_t)(start_ns / 1000000), KEY, down);
	if (wl_display_flush(display) < 0)
		fail("the compositor is gone");
	while (keys->n_keys == before)
		if (!window_dispatch(&keys->window))
			fail("the connection has ended");
	return now_ns() - start_ns;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct keys keys = {0};
	const long count = argc == 3 ? atol(argv[2]) : 0;
	uint64_t *samples_ns = count > 0 ? calloc((size_t)count, sizeof(*samples_ns)) : NULL;

	if (!samples_ns) {
		fputs("Usage: keys COMPOSITOR COUNT\n", stderr);
		return 2;
	}
	alarm(300);
	struct wl_display *display = make_keyboard(&keys, argv[1]);
	make_window(&keys);
	for (long i = 0; i < WARMUP; i++)
		press(&keys, display, i % 2 == 0);
	for (long i = 0; i < count; i++)
		samples_ns[i] = press(&keys, display, i % 2 == 0);
	qsort(samples_ns, (size_t)count, sizeof(*samples_ns), compare_u64);
	printf("samples=%ld median_us=%.1f p99_us=%.1f max_us=%.1f\n", count,
		(double)samples_ns[count / 2] / 1e3, (double)samples_ns[count * 99 / 100] / 1e3,
		(double)samples_ns[count - 1] / 1e3);
	free(samples_ns);
	wl_display_disconnect(display);
	window_finish(&keys.window);
	return 0;
}
