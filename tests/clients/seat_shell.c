/* The shell of seat-compositor: windows that are configured, and whose pictures are given back. */
#include <stdio.h>
#include <stdlib.h>

#include "seat_compositor.h"
#include "viewporter-server-protocol.h"
#include "xdg-output-server-protocol.h"
#include "xdg-shell-server-protocol.h"

#define WIDTH 1280
#define HEIGHT 720

struct surface {
	struct seat_compositor *compositor;
	struct wl_resource *resource, *xdg, *toplevel, *buffer; /* the buffer: to be committed */
	struct wl_resource *frame;
	bool configured, mapped;
};

/* What all requests do that change nothing here. */

static void ignore_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void ignore(struct wl_client *client, struct wl_resource *resource)
{
}

static void ignore_box(struct wl_client *client, struct wl_resource *resource, int32_t x, int32_t y,
	int32_t width, int32_t height)
{
}

static void ignore_pair(
	struct wl_client *client, struct wl_resource *resource, int32_t x, int32_t y)
{
}

static void ignore_number(struct wl_client *client, struct wl_resource *resource, int32_t number)
{
}

static void ignore_serial(struct wl_client *client, struct wl_resource *resource, uint32_t serial)
{
}

static void ignore_object(
	struct wl_client *client, struct wl_resource *resource, struct wl_resource *object)
{
}

static void ignore_text(struct wl_client *client, struct wl_resource *resource, const char *text)
{
}

static void ignore_seat(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *seat, uint32_t serial)
{
}

/* A new object of @resource's version. Return: NULL: the client is told that there is no memory. */
static struct wl_resource *create(struct wl_resource *resource, uint32_t id,
	const struct wl_interface *interface, const void *requests, void *data)
{
	struct wl_client *client = wl_resource_get_client(resource);
	int version = wl_resource_get_version(resource);
	struct wl_resource *made = wl_resource_create(
		client, interface, version < interface->version ? version : interface->version, id);
	if (!made)
		wl_client_post_no_memory(client);
	else
		wl_resource_set_implementation(made, requests, data, NULL);
	return made;
}

/* wl_surface */

static void surface_attach(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *buffer, int32_t x, int32_t y)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	surface->buffer = buffer;
}

static void forget_frame(struct wl_resource *frame)
{
	struct surface *surface = wl_resource_get_user_data(frame);
	if (surface && surface->frame == frame)
		surface->frame = NULL;
}

static void surface_frame(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	struct wl_resource *frame = wl_resource_create(client, &wl_callback_interface, 1, id);
	if (!frame)
		return;
	if (surface->frame)
		wl_resource_set_user_data(surface->frame, NULL);
	wl_resource_set_implementation(frame, NULL, surface, forget_frame);
	surface->frame = frame;
}

static void configure(struct surface *surface, bool fullscreen)
{
	uint32_t list[] = {XDG_TOPLEVEL_STATE_ACTIVATED, XDG_TOPLEVEL_STATE_FULLSCREEN};
	struct wl_array states = {.size = (fullscreen ? 2 : 1) * sizeof(list[0]), .data = list};
	xdg_toplevel_send_configure(
		surface->toplevel, fullscreen ? WIDTH : 0, fullscreen ? HEIGHT : 0, &states);
	xdg_surface_send_configure(
		surface->xdg, wl_display_next_serial(surface->compositor->display));
	surface->configured = true;
}

static void surface_commit(struct wl_client *client, struct wl_resource *resource)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	struct wl_resource *buffer = surface->buffer;
	surface->buffer = NULL;
	if (surface->toplevel && !surface->configured)
		configure(surface, false);
	if (buffer && surface->toplevel && !surface->mapped) {
		surface->mapped = true;
		surface->compositor->focus = resource;
		printf("mapped\n");
	}
	if (buffer)
		wl_buffer_send_release(buffer);
	if (surface->frame) {
		wl_callback_send_done(surface->frame, ++surface->compositor->time_ms);
		wl_resource_destroy(surface->frame);
	}
}

static const struct wl_surface_interface surface_requests = {
	.destroy = ignore_destroy,
	.attach = surface_attach,
	.damage = ignore_box,
	.frame = surface_frame,
	.set_opaque_region = ignore_object,
	.set_input_region = ignore_object,
	.commit = surface_commit,
	.set_buffer_transform = ignore_number,
	.set_buffer_scale = ignore_number,
	.damage_buffer = ignore_box,
};

static void surface_free(struct wl_resource *resource)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	if (surface->compositor->focus == resource)
		surface->compositor->focus = NULL;
	if (surface->frame)
		wl_resource_set_user_data(surface->frame, NULL);
	if (surface->xdg)
		wl_resource_set_user_data(surface->xdg, NULL);
	if (surface->toplevel)
		wl_resource_set_user_data(surface->toplevel, NULL);
	free(surface);
}

static void compositor_create_surface(
	struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct surface *surface = calloc(1, sizeof(*surface));
	if (!surface)
		return;
	surface->compositor = wl_resource_get_user_data(resource);
	surface->resource = wl_resource_create(
		client, &wl_surface_interface, wl_resource_get_version(resource), id);
	wl_resource_set_implementation(surface->resource, &surface_requests, surface, surface_free);
}

static const struct wl_region_interface region_requests = {
	.destroy = ignore_destroy,
	.add = ignore_box,
	.subtract = ignore_box,
};

static void compositor_create_region(
	struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	create(resource, id, &wl_region_interface, &region_requests, NULL);
}

static const struct wl_compositor_interface compositor_requests = {
	.create_surface = compositor_create_surface,
	.create_region = compositor_create_region,
};

/* wl_subcompositor and wp_viewporter */

static const struct wl_subsurface_interface subsurface_requests = {
	.destroy = ignore_destroy,
	.set_position = ignore_pair,
	.place_above = ignore_object,
	.place_below = ignore_object,
	.set_sync = ignore,
	.set_desync = ignore,
};

static void get_subsurface(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *surface, struct wl_resource *parent)
{
	create(resource, id, &wl_subsurface_interface, &subsurface_requests, NULL);
}

static const struct wl_subcompositor_interface subcompositor_requests = {
	.destroy = ignore_destroy,
	.get_subsurface = get_subsurface,
};

static void viewport_set_source(struct wl_client *client, struct wl_resource *resource,
	wl_fixed_t x, wl_fixed_t y, wl_fixed_t width, wl_fixed_t height)
{
}

static const struct wp_viewport_interface viewport_requests = {
	.destroy = ignore_destroy,
	.set_source = viewport_set_source,
	.set_destination = ignore_pair,
};

static void get_viewport(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *surface)
{
	create(resource, id, &wp_viewport_interface, &viewport_requests, NULL);
}

static const struct wp_viewporter_interface viewporter_requests = {
	.destroy = ignore_destroy,
	.get_viewport = get_viewport,
};

/* xdg_shell: windows; no popups */

static void toplevel_menu(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *seat, uint32_t serial, int32_t x, int32_t y)
{
}

static void toplevel_resize(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *seat, uint32_t serial, uint32_t edges)
{
}

static void change_state(struct wl_resource *toplevel, bool fullscreen)
{
	struct surface *surface = wl_resource_get_user_data(toplevel);
	if (!surface || !surface->xdg)
		return;
	configure(surface, fullscreen);
	seat_dmabuf_fullscreen(surface->compositor, surface->resource, fullscreen);
}

static void toplevel_fullscreen(
	struct wl_client *client, struct wl_resource *resource, struct wl_resource *output)
{
	change_state(resource, true);
}

static void toplevel_no_fullscreen(struct wl_client *client, struct wl_resource *resource)
{
	change_state(resource, false);
}

static const struct xdg_toplevel_interface toplevel_requests = {
	.destroy = ignore_destroy,
	.set_parent = ignore_object,
	.set_title = ignore_text,
	.set_app_id = ignore_text,
	.show_window_menu = toplevel_menu,
	.move = ignore_seat,
	.resize = toplevel_resize,
	.set_max_size = ignore_pair,
	.set_min_size = ignore_pair,
	.set_maximized = ignore,
	.unset_maximized = ignore,
	.set_fullscreen = toplevel_fullscreen,
	.unset_fullscreen = toplevel_no_fullscreen,
	.set_minimized = ignore,
};

static void forget_toplevel(struct wl_resource *resource)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	if (surface)
		surface->toplevel = NULL;
}

static void get_toplevel(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	surface->toplevel =
		create(resource, id, &xdg_toplevel_interface, &toplevel_requests, surface);
	if (surface->toplevel)
		wl_resource_set_destructor(surface->toplevel, forget_toplevel);
}

static void get_popup(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *parent, struct wl_resource *positioner)
{
	wl_client_post_implementation_error(client, "no popups here");
}

static const struct xdg_surface_interface xdg_surface_requests = {
	.destroy = ignore_destroy,
	.get_toplevel = get_toplevel,
	.get_popup = get_popup,
	.set_window_geometry = ignore_box,
	.ack_configure = ignore_serial,
};

static void forget_xdg_surface(struct wl_resource *resource)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	if (surface)
		surface->xdg = NULL;
}

static void get_xdg_surface(
	struct wl_client *client, struct wl_resource *resource, uint32_t id, struct wl_resource *of)
{
	struct surface *surface = wl_resource_get_user_data(of);
	surface->xdg = create(resource, id, &xdg_surface_interface, &xdg_surface_requests, surface);
	if (surface->xdg)
		wl_resource_set_destructor(surface->xdg, forget_xdg_surface);
}

static void create_positioner(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	wl_client_post_implementation_error(client, "no popups here");
}

static const struct xdg_wm_base_interface wm_base_requests = {
	.destroy = ignore_destroy,
	.create_positioner = create_positioner,
	.get_xdg_surface = get_xdg_surface,
	.pong = ignore_serial,
};

/* wl_output */

static const struct wl_output_interface output_requests = {.release = ignore_destroy};

static void tell_output(struct wl_resource *output, int32_t scale)
{
	wl_output_send_geometry(output, 0, 0, 0, 0, WL_OUTPUT_SUBPIXEL_UNKNOWN, "test", "seat",
		WL_OUTPUT_TRANSFORM_NORMAL);
	wl_output_send_mode(output, WL_OUTPUT_MODE_CURRENT | WL_OUTPUT_MODE_PREFERRED,
		WIDTH * scale, HEIGHT * scale, 60000);
	wl_output_send_scale(output, scale);
	wl_output_send_done(output);
}

static const struct zxdg_output_v1_interface xdg_output_requests = {.destroy = ignore_destroy};

static void get_xdg_output(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *output)
{
	struct wl_resource *made =
		create(resource, id, &zxdg_output_v1_interface, &xdg_output_requests, NULL);
	if (!made)
		return;
	zxdg_output_v1_send_logical_position(made, 0, 0);
	zxdg_output_v1_send_logical_size(made, WIDTH, HEIGHT);
	zxdg_output_v1_send_done(made);
}

static const struct zxdg_output_manager_v1_interface xdg_output_manager_requests = {
	.destroy = ignore_destroy,
	.get_xdg_output = get_xdg_output,
};

/* The globals */

static const struct global {
	const struct wl_interface *interface;
	const void *requests;
	int version;
} globals[] = {
	{&wl_compositor_interface, &compositor_requests, 4},
	{&wl_subcompositor_interface, &subcompositor_requests, 1},
	{&wp_viewporter_interface, &viewporter_requests, 1},
	{&xdg_wm_base_interface, &wm_base_requests, 1},
	{&wl_output_interface, &output_requests, 3},
	{&zxdg_output_manager_v1_interface, &xdg_output_manager_requests, 1},
};

#define GLOBALS (sizeof(globals) / sizeof(globals[0]))

static struct binding {
	struct seat_compositor *compositor;
	const struct global *global;
} bindings[GLOBALS];

static void bind(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	const struct binding *binding = data;
	const struct global *global = binding->global;
	struct wl_resource *resource =
		wl_resource_create(client, global->interface, (int)version, id);
	if (!resource)
		return;
	wl_resource_set_implementation(resource, global->requests, binding->compositor, NULL);
	if (global->interface == &wl_output_interface)
		tell_output(resource, binding->compositor->scale);
}

void seat_shell_create(struct seat_compositor *compositor)
{
	wl_display_init_shm(compositor->display);
	for (size_t i = 0; i < GLOBALS; i++) {
		bindings[i] = (struct binding){compositor, &globals[i]};
		wl_global_create(compositor->display, globals[i].interface, globals[i].version,
			&bindings[i], bind);
	}
}
