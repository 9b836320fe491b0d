/* host-bridge/policy/border/border_label.c: the label's letters, its picture and its place. */
#include "host-bridge/policy/border/border_label.h"

#include <sys/mman.h>
#include <unistd.h>

#include "host-bridge/policy/border/border.h"
#include "host-bridge/policy/border/label_font.h"
#include "tests/unit/window_world.h"

#define COLOUR 0xcc0000
#define WIDTH 10

#define RED UINT32_C(0xffcc0000)
#define WHITE UINT32_C(0xffffffff)
#define BLACK UINT32_C(0xff000000)

/* --- letters --- */

static void each_letter_is_another_one(void **state)
{
	char drawn['~' + 1][LABEL_GLYPH_WIDTH * LABEL_GLYPH_HEIGHT];
	for (char c = ' '; c <= '~'; c++) {
		for (unsigned i = 0; i < sizeof(drawn[0]); i++)
			drawn[(int)c][i] =
				label_dot(c, i % LABEL_GLYPH_WIDTH, i / LABEL_GLYPH_WIDTH);
		for (char before = ' '; before < c; before++)
			assert_memory_not_equal(
				drawn[(int)before], drawn[(int)c], sizeof(drawn[0]));
	}
}

static void nothing_is_outside_of_a_letter(void **state)
{
	assert_true(label_dot('_', 4, 6));
	assert_false(label_dot('_', 5, 6));
	assert_false(label_dot('_', 4, 7));
	assert_false(label_dot('\n', 0, 0));
	assert_false(label_dot('\x7f', 0, 0));
	assert_false(label_dot((char)0xe9, 0, 0));
}

/* --- the picture --- */

static struct border_settings labelled(const char *label, int32_t width_px, uint32_t colour)
{
	struct border_settings settings = {.width_px = width_px, .colour = colour};
	snprintf(settings.label, sizeof(settings.label), "%s", label);
	return settings;
}

/* Each of @expected is a dot of the label, as many pixels as @detail says. */
static void expect_row(
	const uint32_t *row, const char *expected, size_t detail, uint32_t ink, uint32_t paper)
{
	for (size_t i = 0; i < strlen(expected) * detail; i++)
		assert_int_equal(row[i], expected[i / detail] == '#' ? ink : paper);
}

static void the_picture_is_the_text_in_dots(void **state)
{
	static const char *const rows[LABEL_GLYPH_HEIGHT] = {
		"............",
		"............",
		".###..#.###.",
		"#...#.##....",
		"#...#.#.....",
		"#...#.#.....",
		".###..#.....",
	};
	const struct border_settings settings = labelled("or", WIDTH, COLOUR);
	uint32_t row[12 * LABEL_DETAIL];
	assert_int_equal(border_label_width(&settings), 12);
	assert_int_equal(border_label_height(&settings), LABEL_GLYPH_HEIGHT);
	for (int32_t y = 0; y < LABEL_GLYPH_HEIGHT * LABEL_DETAIL; y++) {
		border_label_row(&settings, y, row);
		expect_row(row, rows[y / LABEL_DETAIL], LABEL_DETAIL, WHITE, RED);
	}
}

static void a_wide_border_has_larger_letters(void **state)
{
	const struct border_settings settings = labelled("-", 18, 0xffee00);
	uint32_t row[12 * LABEL_DETAIL];
	assert_int_equal(border_label_width(&settings), 12);
	assert_int_equal(border_label_height(&settings), 14);
	border_label_row(&settings, 6 * LABEL_DETAIL, row);
	/* In what can be read on the colour. */
	expect_row(row, "#####.", LABEL_DETAIL * 2, BLACK, 0xffffee00);
}

/* --- the place --- */

static void expect_place(const struct border_settings *settings, int64_t width, int64_t top,
	const struct rectangle *expected)
{
	const struct rectangle inner = {20, 30, width, 100},
			       place = border_label_place(settings, &inner, top);
	assert_true(rectangle_same(&place, expected));
}

static void whole_letters_are_shown_as_far_as_there_is_room(void **state)
{
	const struct border_settings settings = labelled("work", WIDTH, COLOUR),
				     none = labelled("", WIDTH, COLOUR);
	static const struct rectangle nothing = {0}, all = {20, 21, 24, 7}, three = {20, 21, 18, 7},
				      one = {20, 21, 6, 7};
	expect_place(&settings, 200, WIDTH, &all);
	expect_place(&settings, 24, WIDTH, &all);
	expect_place(&settings, 23, WIDTH, &three);
	expect_place(&settings, 6, WIDTH, &one);
	expect_place(&settings, 5, WIDTH, &nothing);
	expect_place(&settings, 200, WIDTH + 20, &all); /* with a shadow below the border */
	expect_place(&settings, 200, WIDTH - 1, &nothing);
	expect_place(&none, 200, WIDTH, &nothing);
}

/* --- what the compositor gets --- */

static int set_up_label(void **state)
{
	start((struct policy){.border = labelled("ok", WIDTH, COLOUR)});
	bind_window_globals();
	return 0;
}

static void expect_words(const union wire_arg *got, const int32_t *expected, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(got[i].i, expected[i]);
}

/* Takes this request, about any object, and what was said before it; that has no handles. */
static void skip_to(const char *interface, const char *name)
{
	struct captured *up = &world.sent[RELAY_UP];
	for (;;) {
		struct wire_header header;
		assert_int_equal(wire_header_decode(up->bytes, &header), 0);
		const struct wl_interface *wl =
			relay_object_at(world.relay, RELAY_UP, header.id)->interface->wl;
		const char *request = wl->methods[header.opcode].name;
		bool found = strcmp(wl->name, interface) == 0 && strcmp(request, name) == 0;
		captured_take(up, RELAY_DOWN, wl->name, request, header.id, args);
		if (found)
			return;
	}
}

static void commit_window(struct test_surface window, int32_t width)
{
	attach(window, width, 100);
	clear();
	request("wl_surface", "commit", window.id, ARGS({0}));
}

static void a_window_gets_it_as_its_topmost_surface(void **state)
{
	struct test_surface window = create_toplevel();
	commit_window(window, 200);
	assert_int_equal(world.quota.entries[QUOTA_SURFACES].use, 1 + BORDER_N_PARTS);
	skip_to("wl_shm", "create_pool");
	const int32_t offset = 128 * 128 * 4, stride = 12 * LABEL_DETAIL * 4,
		      size = offset + stride * 7 * LABEL_DETAIL;
	assert_int_equal(args[2].i, size);
	uint8_t *pixels = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, args[1].handle.fd, 0);
	close(args[1].handle.fd);
	assert_ptr_not_equal(pixels, MAP_FAILED);
	expect_row((const uint32_t *)pixels, ".", 128, 0, RED);
	expect_row((const uint32_t *)(pixels + offset + stride * 2 * LABEL_DETAIL), ".###..#..#..",
		LABEL_DETAIL, WHITE, RED);
	munmap(pixels, (size_t)size);
	skip_to("wl_shm_pool", "create_buffer");
	skip_to("wl_shm_pool", "create_buffer");
	expect_words(args + 1,
		(const int32_t[]){offset, 12 * LABEL_DETAIL, 7 * LABEL_DETAIL, stride}, 4);
	const uint32_t picture = args[0].id;
	for (size_t i = 0; i < BORDER_N_PARTS; i++)
		skip_to("wl_surface", "attach");
	assert_int_equal(args[0].id, picture);
	skip_to("wl_subsurface", "set_position");
	expect_words(args, (const int32_t[]){0, -9}, 2);
	skip_to("wp_viewport", "set_source");
	expect_words(args, (const int32_t[]){0, 0, 48 * 256, 28 * 256}, 4);
	skip_to("wp_viewport", "set_destination");
	expect_words(args, (const int32_t[]){12, 7}, 2);
	/* A narrow window has less of it, from the left. */
	commit_window(window, 11);
	for (size_t i = 0; i < BORDER_N_PARTS; i++) /* all, also the left edge, which stays */
		skip_to("wp_viewport", "set_source");
	expect_words(args, (const int32_t[]){0, 0, 24 * 256, 28 * 256}, 4);
	/* And a narrower one none: the label's surface shows nothing. */
	commit_window(window, 5);
	for (size_t i = 0; i < 1 + BORDER_N_PARTS; i++)
		skip_to("wl_surface", "attach");
	assert_int_equal(args[0].id, 0);
	/* A window that comes later has the same picture. */
	commit_window(create_toplevel(), 200);
	for (size_t i = 0; i < 1 + BORDER_N_PARTS; i++)
		skip_to("wl_surface", "attach");
	assert_int_equal(args[0].id, picture);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_letter_is_another_one),
		TEST(nothing_is_outside_of_a_letter),
		TEST(the_picture_is_the_text_in_dots),
		TEST(a_wide_border_has_larger_letters),
		TEST(whole_letters_are_shown_as_far_as_there_is_room),
		cmocka_unit_test_setup_teardown(
			a_window_gets_it_as_its_topmost_surface, set_up_label, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
