/*
 * Windows with a border around them, and what the compositor has heard of it. One program includes
 * it once.
 */
#ifndef TESTS_UNIT_BORDER_WORLD_H
#define TESTS_UNIT_BORDER_WORLD_H

#include "host-bridge/policy/border/border.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/window_world.h"

#define WIDTH 4
#define IMPLEMENTATION 3 /* wl_display.error */

/* What the compositor has heard. */
static struct {
	unsigned n_places, n_surfaces, n_commits, n_destroyed, n_below, n_attached, n_taken_off;
	struct rectangle places[16], geometry; /* of parts that moved */
	struct rectangle sources[16];          /* what they show of their picture, in 1/256 pixel */
	char last[64];                         /* "interface.request" */
	uint32_t last_id;
} heard;

static inline void start_with(struct border_settings border)
{
	start((struct policy){.border = border});
	bind_window_globals();
}

static inline int set_up_border(void **state)
{
	start_with((struct border_settings){.width_px = WIDTH, .colour = 0xcc0000});
	return 0;
}

static inline int set_up_allow(void **state)
{
	start_with(
		(struct border_settings){.width_px = WIDTH, .fullscreen = BORDER_FULLSCREEN_ALLOW});
	return 0;
}

static inline int set_up_deny(void **state)
{
	start_with((struct border_settings){.fullscreen = BORDER_FULLSCREEN_DENY});
	return 0;
}

static inline bool is(const struct relay_object *object, uint16_t opcode, const char *interface,
	const char *request)
{
	return strcmp(object->interface->wl->name, interface) == 0 &&
		strcmp(object->interface->wl->methods[opcode].name, request) == 0;
}

static inline void note(const struct relay_object *object, uint16_t opcode, const int32_t *words)
{
	struct rectangle *place = &heard.places[heard.n_places % 16];

	snprintf(heard.last, sizeof(heard.last), "%s.%s", object->interface->wl->name,
		object->interface->wl->methods[opcode].name);
	heard.n_surfaces += is(object, opcode, "wl_compositor", "create_surface");
	heard.n_commits += is(object, opcode, "wl_surface", "commit");
	heard.n_below += is(object, opcode, "wl_subsurface", "place_below");
	heard.n_destroyed += strcmp(object->interface->wl->methods[opcode].name, "destroy") == 0;
	if (is(object, opcode, "wl_surface", "attach")) {
		heard.n_attached += words[0] != 0;
		heard.n_taken_off += words[0] == 0;
	} else if (is(object, opcode, "wl_subsurface", "set_position")) {
		place->x = words[0];
		place->y = words[1];
	} else if (is(object, opcode, "wp_viewport", "set_source")) {
		heard.sources[heard.n_places % 16] =
			(struct rectangle){words[0], words[1], words[2], words[3]};
	} else if (is(object, opcode, "wp_viewport", "set_destination")) {
		place->width = words[0];
		place->height = words[1];
		heard.n_places++;
	} else if (is(object, opcode, "xdg_surface", "set_window_geometry")) {
		heard.geometry = (struct rectangle){words[0], words[1], words[2], words[3]};
	}
}

/* Takes all that was sent to the compositor. */
static inline void listen(void)
{
	struct captured *up = &world.sent[RELAY_UP];
	struct wire_header header;

	memset(&heard, 0, sizeof(heard));
	for (size_t at = 0; at < up->size; at += header.size) {
		int32_t words[8] = {0};
		assert_int_equal(wire_header_decode(up->bytes + at, &header), 0);
		size_t body = header.size - WIRE_HEADER_BYTES;
		memcpy(words, up->bytes + at + WIRE_HEADER_BYTES,
			body < sizeof(words) ? body : sizeof(words));
		const struct relay_object *object =
			relay_object_at(world.relay, RELAY_UP, header.id);
		assert_non_null(object);
		note(object, header.opcode, words);
		heard.last_id = header.id;
	}
	captured_clear(up);
}

static inline void commit(struct test_surface surface)
{
	clear();
	request("wl_surface", "commit", surface.id, ARGS({0}));
	listen();
}

static inline void show(struct test_surface surface, int32_t width, int32_t height)
{
	attach(surface, width, height);
	commit(surface);
}

static inline struct test_surface create_subsurface(struct test_surface parent)
{
	struct test_surface surface = attach_subsurface(parent);
	listen();
	return surface;
}

static inline void set_geometry(
	struct test_surface window, int32_t x, int32_t y, int32_t width, int32_t height)
{
	request("xdg_surface", "set_window_geometry", window.role,
		ARGS({.i = x}, {.i = y}, {.i = width}, {.i = height}));
}

static inline void expect_rectangle(
	const struct rectangle *rectangle, int64_t x, int64_t y, int64_t width, int64_t height)
{
	assert_int_equal(rectangle->x, x);
	assert_int_equal(rectangle->y, y);
	assert_int_equal(rectangle->width, width);
	assert_int_equal(rectangle->height, height);
}

/* A part of @size pixels shows @shown/256 of its picture: at least one, and of powers of two, which
 * compositors without a GPU stretch to the end. */
static inline void expect_stretched(int64_t shown, int64_t size)
{
	const int64_t step = shown / size;

	assert_true(shown >= 256 && shown <= 126 * 256);
	assert_int_equal(shown % size, 0);
	assert_true(step <= 256 && (step & (step - 1)) == 0);
}

/* The parts lie between @inner and @outer, and the compositor has the geometry. */
static inline void expect_border(const struct rectangle *inner, const struct rectangle *outer)
{
	const int64_t left = inner->x - outer->x, top = inner->y - outer->y,
		      right = outer->width - left - inner->width,
		      bottom = outer->height - top - inner->height;

	assert_int_equal(heard.n_places, 4);
	for (size_t i = 0; i < 4; i++) {
		expect_stretched(heard.sources[i].width, heard.places[i].width);
		expect_stretched(heard.sources[i].height, heard.places[i].height);
	}
	const int64_t inner_right = inner->x + inner->width,
		      inner_bottom = inner->y + inner->height;
	expect_rectangle(&heard.places[0], outer->x, outer->y, left + inner->width, top);
	expect_rectangle(&heard.places[1], inner_right, outer->y, right, top + inner->height);
	expect_rectangle(&heard.places[2], inner->x, inner_bottom, inner->width + right, bottom);
	expect_rectangle(&heard.places[3], outer->x, inner->y, left, inner->height + bottom);
	expect_rectangle(&heard.geometry, inner->x - WIDTH, inner->y - WIDTH,
		inner->width + 2 * WIDTH, inner->height + 2 * WIDTH);
}

static inline void expect_around(int64_t x, int64_t y, int64_t width, int64_t height)
{
	const struct rectangle inner = {x, y, width, height},
			       outer = rectangle_grown(&inner, WIDTH);
	expect_border(&inner, &outer);
}

/* The next event that the guest gets is this one; its arguments are in args. */
static inline void expect_told(const char *interface, const char *message, uint32_t id)
{
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, interface, message, id, args);
}

#define TEST(name, set_up) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
