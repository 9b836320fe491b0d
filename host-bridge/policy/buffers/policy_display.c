/*
 * Policy: what is known of a connection's display, from its globals (policy_globals.c): the
 * registry to bind by, and the compositor's wl_shm with its formats.
 */
#include <drm_fourcc.h>

#include "host-bridge/policy/buffers/policy_buffers.h"

struct policy_display *policy_display(const struct relay *relay)
{
	struct policy_connection *connection = relay_data(relay);
	struct policy_display *display = &connection->display;

	if (!display->offers.next)
		wl_list_init(&display->offers);
	return display;
}

bool policy_display_takes(const struct policy_display *display, uint32_t code)
{
	if (code == DRM_FORMAT_ARGB8888 || code == DRM_FORMAT_XRGB8888)
		return true;
	for (uint32_t i = 0; i < display->n_shm_formats; i++) {
		if (display->shm_formats[i] == code)
			return true;
	}
	return false;
}

struct relay_object *policy_display_shm(struct relay *relay)
{
	struct policy_display *display = policy_display(relay);

	if (display->shm.object || !display->has_shm || !display->registry.object)
		return display->shm.object;
	struct relay_object *shm = relay_object_create(relay, interface_find("wl_shm"), 1);
	if (!shm)
		return NULL;
	if (relay_send_named(relay, RELAY_UP, display->registry.object, "bind",
		    (union wire_arg[]){{.u = display->shm_name}, {.s = "wl_shm"}, {.u = 1},
			    {.object = shm}}) == 0)
		relay_ref_set(&display->shm, shm);
	return display->shm.object;
}
