/* Keyboards of a client that wants to know no more than whether it has the focus. */
#ifndef TESTS_CLIENTS_KEYBOARD_H
#define TESTS_CLIENTS_KEYBOARD_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-client.h>

struct keyboard_state {
	uint32_t n_keymaps;    /* that came */
	bool focused;          /* has been, at some time */
	uint32_t focus_serial; /* of the last time */
};

/* @state, which is zeroes at first, may be that of several keyboards, and outlives them. */
void keyboard_listen(struct wl_keyboard *keyboard, struct keyboard_state *state);

#endif
