/* Keymaps as compositors make them, from the names of layouts. For tests. */
#ifndef TESTS_UNIT_KEYMAP_TEXT_H
#define TESTS_UNIT_KEYMAP_TEXT_H

#include <stdlib.h>
#include <string.h>
#include <xkbcommon/xkbcommon.h>

#include "protocol/base/fd.h"

/* A file with the keymap of @layouts ("us,ru"), as wl_keyboard.keymap has it; *@bytes: its size. */
static inline int keymap_file(const char *layouts, uint32_t *bytes)
{
	struct xkb_context *context = xkb_context_new(XKB_CONTEXT_NO_FLAGS);
	const struct xkb_rule_names names = {.rules = "evdev", .model = "pc105", .layout = layouts};
	struct xkb_keymap *keymap =
		xkb_keymap_new_from_names(context, &names, XKB_KEYMAP_COMPILE_NO_FLAGS);
	char *text = xkb_keymap_get_as_string(keymap, XKB_KEYMAP_FORMAT_TEXT_V1);

	*bytes = (uint32_t)strlen(text) + 1;
	int fd = fd_memfd_constant("keymap", text, *bytes);
	free(text);
	xkb_keymap_unref(keymap);
	xkb_context_unref(context);
	return fd;
}

#endif
