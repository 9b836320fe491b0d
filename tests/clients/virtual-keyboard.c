/* virtual-keyboard: types on a keyboard of its own, on a compositor with
 * zwp_virtual_keyboard_manager_v1.
 *
 *   virtual-keyboard LAYOUTS       XKB's names: us, de, "us,ru"
 *
 * Reads commands from stdin, one a line, and stays connected until its end:
 *
 *   press CODE            linux/input-event-codes.h; modifiers follow as from a real keyboard
 *   release CODE
 *   layout N              the Nth of LAYOUTS, from 0
 *
 * Each has reached the compositor before the next command is read; "done" is printed after the
 * last.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wayland-client.h>
#include <xkbcommon/xkbcommon.h>

#include "virtual-keyboard-unstable-v1-client-protocol.h"

#define XKB_CODE 8 /* an XKB keycode is an evdev code and this */

struct keyboard {
	struct wl_display *display;
	struct wl_seat *seat;
	struct zwp_virtual_keyboard_manager_v1 *manager;
	struct zwp_virtual_keyboard_v1 *keyboard;
	struct xkb_keymap *keymap;
	struct xkb_state *state;
	xkb_layout_index_t layout;
	uint32_t time_ms; /* counts commands: no clock, so that runs are alike */
};

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct keyboard *keyboard = data;

	if (strcmp(interface, zwp_virtual_keyboard_manager_v1_interface.name) == 0)
		keyboard->manager = wl_registry_bind(
			registry, name, &zwp_virtual_keyboard_manager_v1_interface, 1);
	else if (strcmp(interface, wl_seat_interface.name) == 0)
		keyboard->seat = wl_registry_bind(registry, name, &wl_seat_interface, 1);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static bool make_keymap(struct keyboard *keyboard, const char *layouts)
{
	struct xkb_context *context = xkb_context_new(XKB_CONTEXT_NO_FLAGS);
	const struct xkb_rule_names names = {.rules = "evdev", .model = "pc105", .layout = layouts};

	keyboard->keymap = xkb_keymap_new_from_names(context, &names, XKB_KEYMAP_COMPILE_NO_FLAGS);
	if (!keyboard->keymap)
		return false;
	keyboard->state = xkb_state_new(keyboard->keymap);
	char *text = xkb_keymap_get_as_string(keyboard->keymap, XKB_KEYMAP_FORMAT_TEXT_V1);
	size_t size = strlen(text) + 1;
	int fd = memfd_create("keymap", MFD_CLOEXEC);
	if (fd < 0 || write(fd, text, size) != (ssize_t)size)
		return false;
	zwp_virtual_keyboard_v1_keymap(
		keyboard->keyboard, WL_KEYBOARD_KEYMAP_FORMAT_XKB_V1, fd, (uint32_t)size);
	close(fd);
	free(text);
	xkb_context_unref(context);
	return true;
}

static void send_modifiers(struct keyboard *keyboard)
{
	zwp_virtual_keyboard_v1_modifiers(keyboard->keyboard,
		xkb_state_serialize_mods(keyboard->state, XKB_STATE_MODS_DEPRESSED),
		xkb_state_serialize_mods(keyboard->state, XKB_STATE_MODS_LATCHED),
		xkb_state_serialize_mods(keyboard->state, XKB_STATE_MODS_LOCKED), keyboard->layout);
}

static bool command_run(struct keyboard *keyboard, const char *line)
{
	char name[16];
	unsigned number;

	if (sscanf(line, "%15s %u", name, &number) != 2)
		return false;
	if (strcmp(name, "layout") == 0) {
		keyboard->layout = number;
		send_modifiers(keyboard);
	} else {
		bool press = strcmp(name, "press") == 0;
		zwp_virtual_keyboard_v1_key(keyboard->keyboard, keyboard->time_ms++, number, press);
		if (xkb_state_update_key(keyboard->state, number + XKB_CODE,
			    press ? XKB_KEY_DOWN : XKB_KEY_UP) != 0)
			send_modifiers(keyboard);
	}
	return wl_display_roundtrip(keyboard->display) >= 0;
}

int main(int argc, char **argv)
{
	struct keyboard keyboard = {.time_ms = 1000};

	if (argc != 2) {
		fprintf(stderr, "usage: virtual-keyboard LAYOUTS <COMMANDS\n");
		return 2;
	}
	keyboard.display = wl_display_connect(NULL);
	if (!keyboard.display) {
		perror("connect");
		return 1;
	}
	struct wl_registry *registry = wl_display_get_registry(keyboard.display);
	wl_registry_add_listener(registry, &registry_listener, &keyboard);
	if (wl_display_roundtrip(keyboard.display) < 0 || !keyboard.manager || !keyboard.seat) {
		fprintf(stderr, "the compositor has no zwp_virtual_keyboard_manager_v1\n");
		return 1;
	}
	keyboard.keyboard = zwp_virtual_keyboard_manager_v1_create_virtual_keyboard(
		keyboard.manager, keyboard.seat);
	if (!make_keymap(&keyboard, argv[1]) || wl_display_roundtrip(keyboard.display) < 0) {
		fprintf(stderr, "no keyboard with the layouts %s\n", argv[1]);
		return 1;
	}
	char line[64];
	while (fgets(line, sizeof(line), stdin)) {
		if (!command_run(&keyboard, line)) {
			fprintf(stderr, "cannot do: %s", line);
			return 1;
		}
	}
	puts("done");
	xkb_state_unref(keyboard.state);
	xkb_keymap_unref(keyboard.keymap);
	wl_display_disconnect(keyboard.display);
	return 0;
}
