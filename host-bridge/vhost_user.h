/*
 * The vhost-user back end: serves one front end at a time (a monitor, User-Mode Linux, or wayferry-guest) on a
 * listening socket, and drives a device through its virtqueues. When the front end leaves the device is reset and the
 * next one may come.
 */
#ifndef HOST_BRIDGE_VHOST_USER_H
#define HOST_BRIDGE_VHOST_USER_H

#include "host-bridge/virtqueue.h"
#include <wayland-server-core.h>

struct vhost_user;

struct vhost_user_device { /* what it serves */
	uint64_t features; /* offered virtio features; VHOST_USER_F_PROTOCOL_FEATURES, VERSION_1, EVENT_IDX, INDIRECT_DESC are added */
	uint32_t n_queues;
	uint64_t shmem_sizes[2]; /* by shmid; 0: none */
	/* Device configuration space. @size bytes from @offset; beyond the end: zeroes. */
	void (*get_config)(void *data, uint32_t offset, uint32_t size, uint8_t *out);
	/* The driver wrote to it; may be ignored. */
	void (*set_config)(void *data, uint32_t offset, uint32_t size, const uint8_t *bytes);
	/* A queue was kicked or enabled: pop until empty, push, notify. Not called while the device is stopped. -EPROTO: broken, it is stopped. */
	int (*process)(void *data, uint32_t queue);
	/* The first queue was enabled (DRIVER_OK): the window may be mapped. @resumed: same driver as before, its maps and state live on. */
	void (*started)(void *data, bool resumed);
	/* The driver reset the device, or the front end left: everything the guest made goes. */
	void (*reset)(void *data);
	/* The memory table changed; pointers into guest memory are void. */
	void (*memory_changed)(void *data);
};

/*
 * Listens on @path (mode 0600; a stale socket is replaced, one that answers is an error), or serves the listening socket @fd when @path
 * is NULL (takes it). Only peers of our own uid (or root) are served. NULL with a log line. Devices' callbacks get @data.
 */
struct vhost_user *vhost_user_create(struct wl_event_loop *loop, const char *path, int fd, const struct vhost_user_device *device, void *data);
void vhost_user_destroy(struct vhost_user *vu); /* also removes the socket it made */

struct virtqueue *vhost_user_queue(struct vhost_user *vu, uint32_t index);
struct guest_memory *vhost_user_memory(struct vhost_user *vu);
/* Acknowledged virtio features. */
uint64_t vhost_user_features(const struct vhost_user *vu);
bool vhost_user_running(const struct vhost_user *vu);
bool vhost_user_connected(const struct vhost_user *vu);
/* The device is broken (a ring fault): says so, stops it until the next reset. */
void vhost_user_stop(struct vhost_user *vu, const char *why);

/*
 * SHMEM_MAP with the commit barrier behind it (VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE), serving the main socket while
 * it waits (at most 2 s). @fd is borrowed; page-aligned offsets and length. 0 or -errno; -EBUSY between stop and restart.
 */
int vhost_user_shmem_map(struct vhost_user *vu, uint8_t shmid, int fd, uint64_t fd_offset, uint64_t shm_offset, uint64_t length, bool writable);
int vhost_user_shmem_unmap(struct vhost_user *vu, uint8_t shmid, uint64_t shm_offset, uint64_t length);

#endif
