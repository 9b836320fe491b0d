/* The seat of seat-compositor: a touch screen, and a tablet with one pen. */
#include <stdio.h>
#include <string.h>

#include "seat_compositor.h"
#include "tablet-server-protocol.h"

#define SEAT_VERSION 5
#define PEN_SERIAL 0x5e
#define PRESSURE_MAX 65535

static void destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void forget(struct wl_resource *resource)
{
	wl_list_remove(wl_resource_get_link(resource));
}

/* A new object that is in one of the lists, and leaves it when it goes. */
static struct wl_resource *create_listed(struct wl_client *client,
	const struct wl_interface *interface, int version, uint32_t id, const void *requests,
	struct wl_list *list)
{
	struct wl_resource *resource = wl_resource_create(client, interface, version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return NULL;
	}
	wl_resource_set_implementation(resource, requests, NULL, forget);
	wl_list_insert(list, wl_resource_get_link(resource));
	return resource;
}

/* wl_seat */

static const struct wl_touch_interface touch_requests = {.release = destroy};

static void get_touch(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct seat_compositor *compositor = wl_resource_get_user_data(resource);
	create_listed(client, &wl_touch_interface, wl_resource_get_version(resource), id,
		&touch_requests, &compositor->touches);
}

static void get_none(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	wl_client_post_implementation_error(client, "the seat has no such device");
}

static const struct wl_seat_interface seat_requests = {
	.get_pointer = get_none,
	.get_keyboard = get_none,
	.get_touch = get_touch,
	.release = destroy,
};

static void bind_seat(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *seat = wl_resource_create(client, &wl_seat_interface, (int)version, id);
	if (!seat)
		return;
	wl_resource_set_implementation(seat, &seat_requests, data, NULL);
	wl_seat_send_capabilities(seat, WL_SEAT_CAPABILITY_TOUCH);
	if (version >= WL_SEAT_NAME_SINCE_VERSION)
		wl_seat_send_name(seat, "seat0");
}

/* zwp_tablet_manager_v2 */

static void tool_set_cursor(struct wl_client *client, struct wl_resource *resource, uint32_t serial,
	struct wl_resource *surface, int32_t x, int32_t y)
{
}

static const struct zwp_tablet_tool_v2_interface tool_requests = {
	.set_cursor = tool_set_cursor,
	.destroy = destroy,
};
static const struct zwp_tablet_v2_interface tablet_requests = {.destroy = destroy};
static const struct zwp_tablet_seat_v2_interface tablet_seat_requests = {.destroy = destroy};

static void announce(struct seat_compositor *compositor, struct wl_resource *seat)
{
	struct wl_client *client = wl_resource_get_client(seat);
	struct wl_resource *tablet = create_listed(
		client, &zwp_tablet_v2_interface, 1, 0, &tablet_requests, &compositor->tablets);
	struct wl_resource *pen = create_listed(
		client, &zwp_tablet_tool_v2_interface, 1, 0, &tool_requests, &compositor->pens);
	if (!tablet || !pen)
		return;
	zwp_tablet_seat_v2_send_tablet_added(seat, tablet);
	zwp_tablet_v2_send_name(tablet, "test tablet");
	zwp_tablet_v2_send_done(tablet);
	zwp_tablet_seat_v2_send_tool_added(seat, pen);
	zwp_tablet_tool_v2_send_type(pen, ZWP_TABLET_TOOL_V2_TYPE_PEN);
	zwp_tablet_tool_v2_send_hardware_serial(pen, 0, PEN_SERIAL);
	zwp_tablet_tool_v2_send_capability(pen, ZWP_TABLET_TOOL_V2_CAPABILITY_PRESSURE);
	zwp_tablet_tool_v2_send_capability(pen, ZWP_TABLET_TOOL_V2_CAPABILITY_TILT);
	zwp_tablet_tool_v2_send_done(pen);
}

static void get_tablet_seat(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *seat)
{
	struct wl_resource *tablet_seat =
		wl_resource_create(client, &zwp_tablet_seat_v2_interface, 1, id);
	if (!tablet_seat)
		return;
	wl_resource_set_implementation(tablet_seat, &tablet_seat_requests, NULL, NULL);
	announce(wl_resource_get_user_data(resource), tablet_seat);
}

static const struct zwp_tablet_manager_v2_interface manager_requests = {
	.get_tablet_seat = get_tablet_seat,
	.destroy = destroy,
};

static void bind_manager(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *manager =
		wl_resource_create(client, &zwp_tablet_manager_v2_interface, 1, id);
	if (manager)
		wl_resource_set_implementation(manager, &manager_requests, data, NULL);
}

void seat_devices_create(struct seat_compositor *compositor)
{
	wl_list_init(&compositor->touches);
	wl_list_init(&compositor->pens);
	wl_list_init(&compositor->tablets);
	wl_global_create(
		compositor->display, &wl_seat_interface, SEAT_VERSION, compositor, bind_seat);
	wl_global_create(
		compositor->display, &zwp_tablet_manager_v2_interface, 1, compositor, bind_manager);
}

/* What the devices do */

static uint32_t serial(struct seat_compositor *compositor)
{
	return wl_display_next_serial(compositor->display);
}

static void touch(struct seat_compositor *compositor, struct wl_resource *to, const char *what,
	int id, double x, double y)
{
	wl_fixed_t place[] = {wl_fixed_from_double(x), wl_fixed_from_double(y)};
	if (strcmp(what, "down") == 0)
		wl_touch_send_down(to, serial(compositor), compositor->time_ms, compositor->focus,
			id, place[0], place[1]);
	else if (strcmp(what, "motion") == 0)
		wl_touch_send_motion(to, compositor->time_ms, id, place[0], place[1]);
	else if (strcmp(what, "up") == 0)
		wl_touch_send_up(to, serial(compositor), compositor->time_ms, id);
	else if (strcmp(what, "frame") == 0)
		wl_touch_send_frame(to);
	else if (strcmp(what, "cancel") == 0)
		wl_touch_send_cancel(to);
}

static struct wl_resource *tablet_of(
	struct seat_compositor *compositor, const struct wl_client *client)
{
	struct wl_resource *tablet;
	wl_resource_for_each(tablet, &compositor->tablets)
	{
		if (wl_resource_get_client(tablet) == client)
			return tablet;
	}
	return NULL;
}

static void pen(struct seat_compositor *compositor, struct wl_resource *to, const char *what,
	const double values[4])
{
	struct wl_resource *tablet = tablet_of(compositor, wl_resource_get_client(to));
	if (strcmp(what, "in") == 0 && tablet)
		zwp_tablet_tool_v2_send_proximity_in(
			to, serial(compositor), tablet, compositor->focus);
	if (strcmp(what, "in") == 0 || strcmp(what, "motion") == 0)
		zwp_tablet_tool_v2_send_motion(
			to, wl_fixed_from_double(values[0]), wl_fixed_from_double(values[1]));
	if (strcmp(what, "motion") == 0) {
		zwp_tablet_tool_v2_send_pressure(to, (uint32_t)(values[2] * PRESSURE_MAX));
		zwp_tablet_tool_v2_send_tilt(to, wl_fixed_from_double(values[3]), 0);
	}
	if (strcmp(what, "down") == 0)
		zwp_tablet_tool_v2_send_down(to, serial(compositor));
	if (strcmp(what, "up") == 0)
		zwp_tablet_tool_v2_send_up(to);
	if (strcmp(what, "out") == 0)
		zwp_tablet_tool_v2_send_proximity_out(to);
	zwp_tablet_tool_v2_send_frame(to, compositor->time_ms);
}

bool seat_devices_run(struct seat_compositor *compositor, const char *line)
{
	char device[8] = "", what[8] = "";
	double values[4] = {0};
	int used = 0;
	struct wl_resource *to;
	if (!compositor->focus || sscanf(line, "%7s %7s %n", device, what, &used) < 2)
		return false;
	sscanf(line + used, "%lf %lf %lf %lf", &values[0], &values[1], &values[2], &values[3]);
	bool touches = strcmp(device, "touch") == 0;
	if (!touches && strcmp(device, "pen") != 0)
		return false;
	struct wl_client *client = wl_resource_get_client(compositor->focus);
	compositor->time_ms++;
	wl_resource_for_each(to, touches ? &compositor->touches : &compositor->pens)
	{
		if (wl_resource_get_client(to) != client)
			continue;
		if (touches)
			touch(compositor, to, what, (int)values[0], values[1], values[2]);
		else
			pen(compositor, to, what, values);
	}
	return true;
}
