/* Globals that a guest cannot use as they are: hidden, or kept at a version. */
#include "guest-proxy/globals/registry.h"

#include <string.h>

#include "guest-proxy/connection/connection.h"
#include "protocol/base/bytes.h"

static const struct limit {
	const char *interface;
	uint32_t version; /* at most; 0: hidden */
} limits[] = {
	/*
	 * Version 2 has release; host buffers are made with the client's object, so it has to stay.

	 */
	{"wl_shm", 1},
	/* Their fds name memory, fences and devices of one kernel; the host's is another. The
	 * wl_drm that clients see is ours (drm.c). */
	{"wl_drm", 0},
	{"zwp_linux_explicit_synchronization_v1", 0},
	{"wp_linux_drm_syncobj_manager_v1", 0},
	{"wp_drm_lease_device_v1", 0},
	/* It hands over a listening socket. */
	{"wp_security_context_manager_v1", 0},
};

bool registry_allows(void *data, const struct interface *interface, uint32_t *version)
{
	const struct connection *connection = data;

	/* Its buffers are dma-bufs of a render node. */
	if (strcmp(interface->wl->name, "zwp_linux_dmabuf_v1") == 0)
		return connection && connection->gpu && connection->gpu->node;
	for (size_t i = 0; i < ARRAY_LENGTH(limits); i++) {
		if (strcmp(limits[i].interface, interface->wl->name) != 0)
			continue;
		if (*version > limits[i].version)
			*version = limits[i].version;
		return *version > 0;
	}
	return true;
}
