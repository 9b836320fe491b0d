#include "pointer.h"

#include <inttypes.h>
#include <stdio.h>

static void move(struct pointer *pointer, wl_fixed_t x, wl_fixed_t y)
{
	if (pointer->moved)
		pointer->moved(pointer->data, pointer->surface, x, y);
}

static void pointer_enter(void *data, struct wl_pointer *wl_pointer, uint32_t serial,
	struct wl_surface *surface, wl_fixed_t x, wl_fixed_t y)
{
	struct pointer *pointer = data;
	pointer->surface = surface;
	pointer->enter_serial = serial;
	printf("pointer enter %s %.3f %.3f\n", pointer->surface_name(pointer->data, surface),
		wl_fixed_to_double(x), wl_fixed_to_double(y));
	move(pointer, x, y);
}

static void pointer_leave(
	void *data, struct wl_pointer *wl_pointer, uint32_t serial, struct wl_surface *surface)
{
	struct pointer *pointer = data;
	pointer->surface = NULL;
	printf("pointer leave %s\n", pointer->surface_name(pointer->data, surface));
}

static void pointer_motion(
	void *data, struct wl_pointer *wl_pointer, uint32_t time_ms, wl_fixed_t x, wl_fixed_t y)
{
	printf("pointer motion %.3f %.3f\n", wl_fixed_to_double(x), wl_fixed_to_double(y));
	move(data, x, y);
}

static void pointer_button(void *data, struct wl_pointer *wl_pointer, uint32_t serial,
	uint32_t time_ms, uint32_t button, uint32_t state)
{
	struct pointer *pointer = data;
	printf("pointer button %" PRIu32 " %" PRIu32 "\n", button, state);
	if (pointer->button)
		pointer->button(
			pointer->data, serial, button, state == WL_POINTER_BUTTON_STATE_PRESSED);
}

static void pointer_axis(void *data, struct wl_pointer *wl_pointer, uint32_t time_ms, uint32_t axis,
	wl_fixed_t value)
{
	printf("pointer axis %" PRIu32 " %.3f\n", axis, wl_fixed_to_double(value));
}

static void pointer_frame(void *data, struct wl_pointer *wl_pointer)
{
	printf("pointer frame\n");
}

static void pointer_axis_source(void *data, struct wl_pointer *wl_pointer, uint32_t source)
{
	printf("pointer axis_source %" PRIu32 "\n", source);
}

static void pointer_axis_stop(
	void *data, struct wl_pointer *wl_pointer, uint32_t time_ms, uint32_t axis)
{
	printf("pointer axis_stop %" PRIu32 "\n", axis);
}

static void pointer_axis_discrete(
	void *data, struct wl_pointer *wl_pointer, uint32_t axis, int32_t discrete)
{
	printf("pointer axis_discrete %" PRIu32 " %" PRId32 "\n", axis, discrete);
}

static const struct wl_pointer_listener pointer_listener = {
	.enter = pointer_enter,
	.leave = pointer_leave,
	.motion = pointer_motion,
	.button = pointer_button,
	.axis = pointer_axis,
	.frame = pointer_frame,
	.axis_source = pointer_axis_source,
	.axis_stop = pointer_axis_stop,
	.axis_discrete = pointer_axis_discrete,
};

void pointer_follow(struct pointer *pointer, struct wl_seat *seat, uint32_t capabilities)
{
	bool has_pointer = capabilities & WL_SEAT_CAPABILITY_POINTER;
	if (has_pointer && !pointer->pointer) {
		pointer->pointer = wl_seat_get_pointer(seat);
		wl_pointer_add_listener(pointer->pointer, &pointer_listener, pointer);
	} else if (!has_pointer && pointer->pointer) {
		wl_pointer_release(pointer->pointer);
		pointer->pointer = NULL;
	}
}

static void seat_capabilities(void *data, struct wl_seat *seat, uint32_t capabilities)
{
	pointer_follow(data, seat, capabilities);
}

static void seat_name(void *data, struct wl_seat *seat, const char *name)
{
}

static const struct wl_seat_listener seat_listener = {
	.capabilities = seat_capabilities,
	.name = seat_name,
};

void pointer_listen(struct pointer *pointer, struct wl_seat *seat)
{
	wl_seat_add_listener(seat, &seat_listener, pointer);
}
