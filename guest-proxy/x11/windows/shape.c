/* The shapes of X windows as masks. */
#include "guest-proxy/x11/windows/shape.h"

#include <stdlib.h>
#include <xcb/shape.h>
#include <xcb/xfixes.h>

#include "guest-proxy/x11/windows/surface.h"

#define LOG_MODULE "x11"
#include "protocol/base/log.h"

#define SHAPE_BIT (1u << WINDOW_SHAPE)
#define HEIGHT_MAX 16383 /* two masks in one picture, below one another */

void shape_connect(struct session *session)
{
	const xcb_query_extension_reply_t *shape =
		xcb_get_extension_data(session->x, &xcb_shape_id);
	if (shape && shape->present)
		session->shape_event = shape->first_event + XCB_SHAPE_NOTIFY;
}

void shape_manage(struct session *session)
{
	const uint32_t override = 1;
	session->shapes = xcb_generate_id(session->x);
	xcb_create_window(session->x, XCB_COPY_FROM_PARENT, session->shapes, session_root(session),
		0, 0, 1, 1, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT, XCB_COPY_FROM_PARENT,
		XCB_CW_OVERRIDE_REDIRECT, &override);
}

void shape_watch(struct session *session, xcb_window_t id)
{
	if (session->shape_event)
		xcb_shape_select_input(session->x, id, 1);
}

/* The masks */

static size_t bytes_of(int32_t width, int32_t height)
{
	return 2 * mask_stride(width) * (size_t)height;
}

/* Takes both, which may be NULL. */
static void set_masks(
	struct session *session, struct window *window, struct mask *bounds, struct mask *input)
{
	struct mask *old[] = {window->bounds, window->input};
	window->bounds = bounds && input ? bounds : NULL;
	window->input = bounds && input ? input : NULL;
	if (old[0])
		session->mask_bytes -= bytes_of(old[0]->width, old[0]->height);
	if (window->bounds)
		session->mask_bytes += bytes_of(bounds->width, bounds->height);
	if (window->surface && (old[0] || window->bounds))
		surface_reshape(window->surface);
	for (int i = 0; i < 2; i++)
		free(old[i]);
	if (!window->bounds) {
		free(bounds);
		free(input);
	}
}

void shape_forget(struct session *session, struct window *window)
{
	set_masks(session, window, NULL, NULL);
}

/* What it has now is the answer; or it has changed meanwhile. */
static void answered(struct session *session, struct window *window)
{
	window->loading &= ~SHAPE_BIT;
	if (window->stale & SHAPE_BIT)
		shape_load(session, window);
	window_loaded(session, window, WINDOW_SHAPE);
}

static void handle_picture(void *data, struct reply_subject subject, void *answer)
{
	struct session *session = data;
	const xcb_get_image_reply_t *reply = answer;
	struct window *window = window_find(session, subject.id);
	int32_t width = (int32_t)(subject.detail & 0xffff);
	int32_t height = (int32_t)(subject.detail >> 16);
	if (!window || !(window->loading & SHAPE_BIT))
		return;
	struct mask *masks[2] = {NULL, NULL};
	size_t bytes = bytes_of(width, height);
	if (reply && (size_t)xcb_get_image_data_length(reply) >= bytes) {
		const uint8_t *rows = xcb_get_image_data(reply);
		bool high_first = xcb_get_setup(session->x)->bitmap_format_bit_order ==
			XCB_IMAGE_ORDER_MSB_FIRST;
		for (int i = 0; i < 2; i++)
			masks[i] = mask_create(
				width, height, rows + (size_t)i * bytes / 2, high_first);
		log_debug("window %#x has a shape", window->id);
	}
	set_masks(session, window, masks[0], masks[1]);
	answered(session, window);
}

/* Draws what region of ours @window has, at @y of @picture. Behind it our window has that shape. */
static void draw(struct session *session, xcb_pixmap_t picture, xcb_gcontext_t gc, int32_t width,
	int32_t height, int32_t y)
{
	xcb_connection_t *x = session->x;
	xcb_xfixes_region_t region = xcb_generate_id(x);
	const xcb_rectangle_t all = {0, (int16_t)y, (uint16_t)width, (uint16_t)height};
	xcb_xfixes_create_region_from_window(x, region, session->shapes, XCB_SHAPE_SK_BOUNDING);
	xcb_xfixes_set_gc_clip_region(x, gc, region, 0, (int16_t)y);
	xcb_poly_fill_rectangle(x, picture, gc, 1, &all);
	xcb_xfixes_destroy_region(x, region);
}

static void ask_picture(struct session *session, struct window *window)
{
	xcb_connection_t *x = session->x;
	xcb_window_t ours = session->shapes;
	int32_t width = window->box.width, height = window->box.height;
	xcb_pixmap_t picture = xcb_generate_id(x);
	xcb_gcontext_t gc = xcb_generate_id(x);
	const xcb_rectangle_t all = {0, 0, (uint16_t)width, (uint16_t)(2 * height)};
	xcb_create_pixmap(x, 1, picture, ours, (uint16_t)width, (uint16_t)(2 * height));
	xcb_create_gc(x, gc, picture, XCB_GC_FOREGROUND, (uint32_t[]){0});
	xcb_poly_fill_rectangle(x, picture, gc, 1, &all);
	xcb_change_gc(x, gc, XCB_GC_FOREGROUND, (uint32_t[]){1});
	xcb_shape_combine(x, XCB_SHAPE_SO_SET, XCB_SHAPE_SK_BOUNDING, XCB_SHAPE_SK_BOUNDING, ours,
		0, 0, window->id);
	draw(session, picture, gc, width, height, 0);
	xcb_shape_combine(x, XCB_SHAPE_SO_INTERSECT, XCB_SHAPE_SK_BOUNDING, XCB_SHAPE_SK_INPUT,
		ours, 0, 0, window->id);
	draw(session, picture, gc, width, height, height);
	xcb_get_image_cookie_t cookie = xcb_get_image(x, XCB_IMAGE_FORMAT_Z_PIXMAP, picture, 0, 0,
		(uint16_t)width, (uint16_t)(2 * height), 1);
	xcb_free_gc(x, gc);
	xcb_free_pixmap(x, picture);
	replies_expect(&session->replies, cookie.sequence, handle_picture,
		(struct reply_subject){
			.id = window->id, .detail = (uint32_t)width | (uint32_t)height << 16});
}

static bool has_room(const struct session *session, const struct window *window)
{
	int64_t width = window->box.width, height = window->box.height;
	if (width <= 0 || height <= 0 || width > UINT16_MAX || height > HEIGHT_MAX ||
		width * height > SHAPE_PIXELS)
		return false;
	size_t had = window->bounds ? bytes_of(window->bounds->width, window->bounds->height) : 0;
	size_t bytes = bytes_of((int32_t)width, (int32_t)height);
	return session->mask_bytes - had + bytes <= SHAPE_MASK_BYTES;
}

static void handle_extents(void *data, struct reply_subject subject, void *answer)
{
	struct session *session = data;
	const xcb_shape_query_extents_reply_t *reply = answer;
	struct window *window = window_find(session, subject.id);
	if (!window || !(window->loading & SHAPE_BIT))
		return;
	bool shaped = reply && reply->bounding_shaped;
	if (shaped && has_room(session, window)) {
		ask_picture(session, window);
		return;
	}
	if (shaped)
		log_limited(LOG_LEVEL_WARN, "too large: an X window is shown without its shape");
	set_masks(session, window, NULL, NULL);
	answered(session, window);
}

void shape_load(struct session *session, struct window *window)
{
	if (!session->shape_event)
		return;
	if (window->loading & SHAPE_BIT) {
		window->stale |= SHAPE_BIT;
		return;
	}
	window->loading |= SHAPE_BIT;
	window->stale &= ~SHAPE_BIT;
	replies_expect(&session->replies, xcb_shape_query_extents(session->x, window->id).sequence,
		handle_extents, (struct reply_subject){.id = window->id});
}

void shape_changed(struct session *session, const xcb_generic_event_t *any)
{
	const xcb_shape_notify_event_t *event = (const void *)any;
	struct window *window = window_find(session, event->affected_window);
	/* What is not mapped is asked about when it is. */
	if (!window || (!window->known && !window->loading))
		return;
	/* Xwayland tells the compositor of input shapes by itself where that is the only one. */
	if (event->shape_kind == XCB_SHAPE_SK_BOUNDING ||
		(event->shape_kind == XCB_SHAPE_SK_INPUT && window->bounds))
		shape_load(session, window);
}

void shape_resized(struct session *session, struct window *window, int32_t width, int32_t height)
{
	if (window->bounds && (width > window->bounds->width || height > window->bounds->height))
		shape_load(session, window);
}
