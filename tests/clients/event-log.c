/* event-log: a window that writes down what its seat tells it, one event a line.
 *
 * Serials, times and object ids differ from run to run and are left out; everything else is
 * written, the contents of the keymap as a checksum. "mapped" is printed when the window is on the
 * screen; "bound" and the seat's capabilities when the compositor has heard what we want of them:
 * whoever moves a device then knows that the client hears of it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pointer.h"
#include "window.h"

/* FNV-1a */
static uint32_t checksum(const unsigned char *bytes, size_t length)
{
	uint32_t sum = 2166136261u;
	for (size_t i = 0; i < length; i++)
		sum = (sum ^ bytes[i]) * 16777619u;
	return sum;
}

static void keyboard_keymap(
	void *data, struct wl_keyboard *keyboard, uint32_t format, int32_t fd, uint32_t size_bytes)
{
	struct stat st;
	void *keymap = mmap(NULL, size_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	if (keymap == MAP_FAILED || fstat(fd, &st) < 0 || (uint64_t)st.st_size < size_bytes) {
		printf("keyboard keymap %" PRIu32 " %" PRIu32 " cannot be read\n", format,
			size_bytes);
	} else {
		printf("keyboard keymap %" PRIu32 " %" PRIu32 " %08" PRIx32 "\n", format,
			size_bytes, checksum(keymap, size_bytes));
		munmap(keymap, size_bytes);
	}
	close(fd);
}

static void keyboard_enter(void *data, struct wl_keyboard *keyboard, uint32_t serial,
	struct wl_surface *surface, struct wl_array *keys)
{
	printf("keyboard enter %s", window_name(data, surface));
	const uint32_t *key;
	wl_array_for_each(key, keys) printf(" %" PRIu32, *key);
	printf("\n");
}

static void keyboard_leave(
	void *data, struct wl_keyboard *keyboard, uint32_t serial, struct wl_surface *surface)
{
	printf("keyboard leave %s\n", window_name(data, surface));
}

static void keyboard_key(void *data, struct wl_keyboard *keyboard, uint32_t serial,
	uint32_t time_ms, uint32_t key, uint32_t state)
{
	printf("keyboard key %" PRIu32 " %" PRIu32 "\n", key, state);
}

static void keyboard_modifiers(void *data, struct wl_keyboard *keyboard, uint32_t serial,
	uint32_t depressed, uint32_t latched, uint32_t locked, uint32_t group)
{
	printf("keyboard modifiers %" PRIx32 " %" PRIx32 " %" PRIx32 " %" PRIu32 "\n", depressed,
		latched, locked, group);
}

static void keyboard_repeat_info(
	void *data, struct wl_keyboard *keyboard, int32_t rate_hz, int32_t delay_ms)
{
	printf("keyboard repeat_info %" PRId32 " %" PRId32 "\n", rate_hz, delay_ms);
}

static const struct wl_keyboard_listener keyboard_listener = {
	.keymap = keyboard_keymap,
	.enter = keyboard_enter,
	.leave = keyboard_leave,
	.key = keyboard_key,
	.modifiers = keyboard_modifiers,
	.repeat_info = keyboard_repeat_info,
};

struct devices {
	struct pointer pointer;
	struct wl_keyboard *keyboard;
};

static void handle_bound(void *data, struct wl_callback *callback, uint32_t unused)
{
	printf("bound %" PRIuPTR "\n", (uintptr_t)data);
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener bound_listener = {.done = handle_bound};

static void seat_capabilities(void *data, struct wl_seat *seat, uint32_t capabilities)
{
	struct window *window = data;
	struct devices *devices = window->data;
	printf("seat capabilities %" PRIu32 "\n", capabilities);
	pointer_follow(&devices->pointer, seat, capabilities);
	bool has_keyboard = capabilities & WL_SEAT_CAPABILITY_KEYBOARD;
	if (has_keyboard && !devices->keyboard) {
		devices->keyboard = wl_seat_get_keyboard(seat);
		wl_keyboard_add_listener(devices->keyboard, &keyboard_listener, window);
	} else if (!has_keyboard && devices->keyboard) {
		wl_keyboard_release(devices->keyboard);
		devices->keyboard = NULL;
	}
	if (capabilities != 0)
		wl_callback_add_listener(wl_display_sync(window->display), &bound_listener,
			(void *)(uintptr_t)capabilities);
}

static void seat_name(void *data, struct wl_seat *seat, const char *name)
{
	printf("seat name %s\n", name);
}

static const struct wl_seat_listener seat_listener = {
	.capabilities = seat_capabilities,
	.name = seat_name,
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	struct window window = {0};
	struct devices devices = {
		.pointer = {.surface_name = window_name, .data = &window},
	};
	window.data = &devices;
	window_connect(&window);
	window_needs(window.seat, "seat");
	wl_seat_add_listener(window.seat, &seat_listener, &window);
	window_create(&window, "event-log", 1280, 720);
	window_show(&window);
	window_run(&window);
	return 0;
}
