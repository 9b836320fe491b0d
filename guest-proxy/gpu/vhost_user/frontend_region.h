/*
 * The host-visible region on the frontend's side: address space that is reserved as a whole, in
 * which the device maps its files and takes them away again (vhost-user.rst, SHMEM_MAP and
 * SHMEM_UNMAP).
 */
#ifndef GUEST_PROXY_GPU_VHOST_USER_FRONTEND_REGION_H
#define GUEST_PROXY_GPU_VHOST_USER_FRONTEND_REGION_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-util.h>

#include "protocol/formats/vhost_user.h"

struct frontend_region {
	uint8_t *map;             /* the reservation; NULL: the device has no region */
	uint64_t size;            /* bytes; 0: likewise */
	struct wl_array mappings; /* struct mapping */
};

void frontend_region_init(struct frontend_region *region);
/* Unmaps all of it. */
void frontend_region_finish(struct frontend_region *region);

/* Reserves @size bytes, whole pages. 0; -EPROTO: no size for a region; or -errno. */
int frontend_region_reserve(struct frontend_region *region, uint64_t size);

/*
 * What the device asks for by SHMEM_MAP and SHMEM_UNMAP; fds of the message stay the caller's.
 * False: refused, or it did not work. A file must be one that cannot shrink, as reading beyond its
 * end would end the process.
 */
bool frontend_region_map(struct frontend_region *region, const struct vhost_user_message *message);
bool frontend_region_unmap(
	struct frontend_region *region, const struct vhost_user_message *message);

/* [offset, offset + size), or NULL where the device has not mapped all of it, writable and as one.
 */
void *frontend_region_at(const struct frontend_region *region, uint64_t offset, uint64_t size);

#endif
