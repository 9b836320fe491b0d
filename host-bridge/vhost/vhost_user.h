/*
 * The vhost-user backend: serves one frontend at a time (a monitor, User-Mode Linux, or
 * wayferry-guest) on a listening socket, and drives a device through its virtqueues. When the front
 * end leaves the device is reset and the next one may come.
 */
#ifndef HOST_BRIDGE_VHOST_VHOST_USER_H
#define HOST_BRIDGE_VHOST_VHOST_USER_H

#include "host-bridge/vhost/virtqueue.h"
#include <wayland-server-core.h>

struct vhost_user;

struct vhost_user_device { /* what it serves */
	/*
	 * Offered virtio features. VHOST_USER_F_PROTOCOL_FEATURES, VERSION_1, EVENT_IDX and
	 * INDIRECT_DESC are added.
	 */
	uint64_t features;
	uint32_t n_queues;       /* up to VHOST_USER_MAX_QUEUES */
	uint64_t shmem_sizes[2]; /* by shmid; 0: none */
	/* Device configuration space. @size bytes from @offset; beyond the end: zeroes. */
	void (*get_config)(void *data, uint32_t offset, uint32_t size, uint8_t *out);
	/* The driver wrote to it; may be ignored. */
	void (*set_config)(void *data, uint32_t offset, uint32_t size, const uint8_t *bytes);
	/*
	 * A queue was kicked or enabled: pop until empty, push, notify. Not called while the device
	 * is stopped. 0; 1: there may be more (so that a guest that never stops adding cannot hold
	 * us: it is called again after other events); -EPROTO: broken, it is stopped.
	 */
	int (*process)(void *data, uint32_t queue);
	/*
	 * The first queue was enabled (DRIVER_OK): the region may be mapped. @resumed: same driver
	 * as before, its maps and state live on.
	 */
	void (*started)(void *data, bool resumed);
	/*
	 * The driver reset the device, or the frontend left: everything the guest made goes. May
	 * be called when there is nothing. Never from inside another callback.
	 */
	void (*reset)(void *data);
	/*
	 * The memory table changed; pointers into guest memory are void. Also from inside
	 * vhost_user_shmem_map, and so from inside other callbacks: only forget pointers in it.
	 */
	void (*memory_changed)(void *data);
};

/*
 * Listens on @path (mode 0600; a stale socket is replaced, one that answers is an error), or serves
 * the listening socket
 * @fd when @path is NULL (takes it; -1: none, see vhost_user_adopt). Only peers of our own uid (or
 * root) are served. NULL with a log line. Devices' callbacks get @data. SIGPIPE becomes ignored:
 * the eventfd of a queue may be a pipe.
 */
struct vhost_user *vhost_user_create(struct wl_event_loop *loop, const char *path, int fd,
	const struct vhost_user_device *device, void *data);
/*
 * Also removes the socket it made. The reset callback is called if a frontend is there. Not from
 * inside a callback.
 */
void vhost_user_destroy(struct vhost_user *vu);
/*
 * Serves the connected @socket, as if it had been accepted. Takes it. 0, -EBUSY (there is a front
 * end), or -errno.
 */
int vhost_user_adopt(struct vhost_user *vu, int socket);

struct virtqueue *vhost_user_queue(struct vhost_user *vu, uint32_t index);
struct guest_memory *vhost_user_memory(struct vhost_user *vu);
/* Acknowledged virtio features. */
uint64_t vhost_user_features(const struct vhost_user *vu);
/* Between started and the driver's stop, and not broken. */
bool vhost_user_running(const struct vhost_user *vu);
bool vhost_user_connected(const struct vhost_user *vu);
/* The device is broken (a ring fault): says so, stops it until the next reset. */
void vhost_user_stop(struct vhost_user *vu, const char *why);

/*
 * SHMEM_MAP with the commit barrier behind it (VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE), serving
 * the main socket while it waits (at most 2 s; a frontend that does not answer is asked no more).
 * @fd is borrowed; page-aligned offsets and length. 0 or -errno: -ENOTSUP: the frontend cannot;
 * -EBUSY: the device is not running; -EINVAL: alignment, beyond the region; -EIO: refused;
 * -ETIMEDOUT; -ECONNRESET: the frontend left or the driver reset the device meanwhile (the
 * callback follows after the caller has returned).
 */
int vhost_user_shmem_map(struct vhost_user *vu, uint8_t shmid, int fd, uint64_t fd_offset,
	uint64_t shm_offset, uint64_t length, bool writable);
int vhost_user_shmem_unmap(
	struct vhost_user *vu, uint8_t shmid, uint64_t shm_offset, uint64_t length);

#endif
