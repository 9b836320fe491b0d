/* A Wayland client by hand over a cross-domain context: requests as bytes, events as they come. */
#ifndef TESTS_VM_RAW_WAYLAND_H
#define TESTS_VM_RAW_WAYLAND_H

#include "virtgpu.h"

#define WAYLAND_DISPLAY_ID 1u

struct wayland_event {
	uint32_t object;
	uint16_t opcode, n_words;
	uint32_t words[1024]; /* the arguments */
};

#define WAYLAND_MAX_GLOBALS 128

struct wayland_global {
	uint32_t name;
	char interface[64];
};

struct wayland {
	struct raw_context context;
	uint32_t last_id, registry;
	uint8_t in[65536];
	size_t in_bytes, in_at;
	uint32_t identifiers[64], types[64], sizes[64]; /* received, not taken yet */
	size_t n_identifiers;
	struct wayland_global globals[WAYLAND_MAX_GLOBALS];
	size_t n_globals;
	struct { /* events of pipes come between */
		uint32_t identifier;
		uint8_t *data;
		size_t size;
		bool ended;
	} pipe;
	bool ended;          /* the compositor hung up */
	uint32_t error_code; /* of wl_display.error */
	char error_text[256];
};

/* One request: @words are its arguments; identifiers as in SEND. */
void wayland_request(struct wayland *wayland, uint32_t object, uint16_t opcode,
	const uint32_t *words, size_t n_words, uint32_t identifier, uint32_t type);
uint32_t wayland_new_id(struct wayland *wayland);
/* The next event of whatever object, display errors included, or false: none within @ms. */
bool wayland_next(struct wayland *wayland, struct wayland_event *event, int ms);
/* Asks for the display's globals and binds the one with this name to a new id; 0: there is none. */
uint32_t wayland_bind(struct wayland *wayland, const char *interface, uint32_t version);
/* wl_display.sync, and everything before its answer handed to @handle (may be NULL). False: no
 * answer. */
bool wayland_sync(
	struct wayland *wayland, void (*handle)(struct wayland *, const struct wayland_event *));
/* Puts @text into @words as a string argument; the number of words. */
size_t wayland_string(uint32_t *words, const char *text);
/* The string argument at @words. */
const char *wayland_text(const uint32_t *words);
/* Takes the oldest received identifier of @type; dies when there is none. */
uint32_t wayland_take(struct wayland *wayland, uint32_t type, uint32_t *size);

#endif
