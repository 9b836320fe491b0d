#include "keyboard.h"

#include <unistd.h>

static void handle_keymap(
	void *data, struct wl_keyboard *keyboard, uint32_t format, int32_t fd, uint32_t size)
{
	struct keyboard_state *state = data;

	close(fd);
	state->n_keymaps++;
}

static void handle_enter(void *data, struct wl_keyboard *keyboard, uint32_t serial,
	struct wl_surface *surface, struct wl_array *keys)
{
	struct keyboard_state *state = data;

	state->focused = true;
	state->focus_serial = serial;
}

static void handle_leave(
	void *data, struct wl_keyboard *keyboard, uint32_t serial, struct wl_surface *surface)
{
}

static void handle_key(void *data, struct wl_keyboard *keyboard, uint32_t serial, uint32_t time,
	uint32_t key, uint32_t state)
{
}

static void handle_modifiers(void *data, struct wl_keyboard *keyboard, uint32_t serial,
	uint32_t depressed, uint32_t latched, uint32_t locked, uint32_t group)
{
}

static void handle_repeat_info(
	void *data, struct wl_keyboard *keyboard, int32_t rate, int32_t delay)
{
}

void keyboard_listen(struct wl_keyboard *keyboard, struct keyboard_state *state)
{
	static const struct wl_keyboard_listener listener = {.keymap = handle_keymap,
		.enter = handle_enter,
		.leave = handle_leave,
		.key = handle_key,
		.modifiers = handle_modifiers,
		.repeat_info = handle_repeat_info};

	wl_keyboard_add_listener(keyboard, &listener, state);
}
