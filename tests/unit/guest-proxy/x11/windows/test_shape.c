/* guest-proxy/x11/windows/shape.c: how much memory shapes take, by an X server of our own */
#include "guest-proxy/x11/windows/shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/shape.h>
#include <xcb/xcbext.h>

#define SIDE 4096 /* a quarter of all that masks may take, and the most that a window may have */
#define QUARTER (2 * SIDE * (SIDE / 8))
#define WINDOWS 5
#define GET_IMAGE 73

static_assert(4 * QUARTER == SHAPE_MASK_BYTES, "four of these and no more");

/* The server: all windows have a shape, which is all of them. */
static struct {
	unsigned sequence;
	uint8_t opcodes[256]; /* of requests that are answered, by sequence */
	unsigned pictures;    /* that were asked for */
	uint32_t picture_bytes;
} x;

unsigned int xcb_send_request(
	xcb_connection_t *c, int flags, struct iovec *vector, const xcb_protocol_request_t *request)
{
	x.sequence++;
	x.opcodes[x.sequence % 256] = request->ext ? 0 : request->opcode;
	x.pictures += !request->ext && request->opcode == GET_IMAGE;
	return x.sequence;
}

uint32_t xcb_generate_id(xcb_connection_t *c)
{
	return 1;
}

const xcb_setup_t *xcb_get_setup(xcb_connection_t *c)
{
	static const xcb_setup_t setup;
	return &setup;
}

int xcb_poll_for_reply(
	xcb_connection_t *c, unsigned int request, void **reply, xcb_generic_error_t **error)
{
	*error = NULL;
	if (x.opcodes[request % 256] == GET_IMAGE) {
		xcb_get_image_reply_t *picture = calloc(1, sizeof(*picture) + x.picture_bytes);
		assert_non_null(picture);
		memset(picture + 1, 0xff, x.picture_bytes);
		picture->length = x.picture_bytes / 4;
		*reply = picture;
	} else {
		xcb_shape_query_extents_reply_t *extents = calloc(1, sizeof(*extents));
		assert_non_null(extents);
		extents->bounding_shaped = 1;
		*reply = extents;
	}
	return 1;
}

/* The windows */

static void handle_known(struct session *session, struct window *window)
{
}

static void handle_hint(struct session *session, struct window *window, unsigned property)
{
}

static void set_up(struct session *session, struct window *windows[WINDOWS])
{
	static const struct session_listener listener = {
		.window_known = handle_known, .hint_changed = handle_hint};
	memset(&x, 0, sizeof(x));
	*session = (struct session){
		.x = (xcb_connection_t *)&x, .shape_event = 64, .listener = &listener};
	replies_init(&session->replies, session);
	windows_init(&session->windows);
	for (uint32_t i = 0; i < WINDOWS; i++) {
		windows[i] = window_create(session, i + 1);
		assert_non_null(windows[i]);
		windows[i]->box = (struct box){0, 0, SIDE, SIDE};
	}
}

static void tear_down(struct session *session)
{
	struct window *window;
	wl_list_for_each(window, &session->windows.list, link) shape_forget(session, window);
	assert_int_equal(session->mask_bytes, 0);
	windows_finish(&session->windows);
	replies_finish(&session->replies);
}

/* Whether it is shown by its shape. */
static bool load(struct session *session, struct window *window)
{
	x.picture_bytes =
		(uint32_t)(2 * mask_stride(window->box.width)) * (uint32_t)window->box.height;
	shape_load(session, window);
	while (replies_poll(&session->replies) > 0)
		continue;
	assert_int_equal(window->loading, 0);
	assert_true(session->mask_bytes <= SHAPE_MASK_BYTES);
	return window->bounds && window->input;
}

static void all_masks_together_are_bounded(void **state)
{
	struct session session;
	struct window *windows[WINDOWS];
	set_up(&session, windows);
	for (int i = 0; i < 4; i++)
		assert_true(load(&session, windows[i]));
	assert_int_equal(session.mask_bytes, SHAPE_MASK_BYTES);
	/* One more is not even asked for; what a window has does not count when it gets another. */
	unsigned pictures = x.pictures;
	assert_false(load(&session, windows[4]));
	assert_int_equal(x.pictures, pictures);
	assert_true(load(&session, windows[3]));
	/* There is room when another goes, or gets smaller by as much. */
	windows[0]->box.height = SIDE / 2;
	assert_true(load(&session, windows[0]));
	assert_int_equal(session.mask_bytes, SHAPE_MASK_BYTES - QUARTER / 2);
	assert_false(load(&session, windows[4]));
	shape_forget(&session, windows[0]);
	assert_true(load(&session, windows[4]));
	tear_down(&session);
}

static void one_mask_is_bounded(void **state)
{
	static const struct box boxes[] = {{0, 0, SIDE, SIDE + 1}, {0, 0, 1, 16384},
		{0, 0, UINT16_MAX + 1, 1}, {0, 0, 0, 1}, {0, 0, 1, -1}};
	struct session session;
	struct window *windows[WINDOWS];
	set_up(&session, windows);
	for (size_t i = 0; i < sizeof(boxes) / sizeof(boxes[0]); i++) {
		windows[0]->box = boxes[i];
		shape_load(&session, windows[0]);
		while (replies_poll(&session.replies) > 0)
			continue;
		assert_null(windows[0]->bounds);
	}
	assert_int_equal(x.pictures, 0);
	windows[0]->box = (struct box){0, 0, 1, 16383};
	assert_true(load(&session, windows[0]));
	tear_down(&session);
}

static void a_picture_that_is_too_short_is_no_shape(void **state)
{
	struct session session;
	struct window *windows[WINDOWS];
	set_up(&session, windows);
	assert_true(load(&session, windows[0]));
	shape_load(&session, windows[0]);
	x.picture_bytes = QUARTER - 4;
	while (replies_poll(&session.replies) > 0)
		continue;
	assert_null(windows[0]->bounds);
	assert_int_equal(session.mask_bytes, 0);
	tear_down(&session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_masks_together_are_bounded),
		cmocka_unit_test(one_mask_is_bounded),
		cmocka_unit_test(a_picture_that_is_too_short_is_no_shape),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
