/*
 * The vhost-user backend: serves one frontend at a time (a monitor, User-Mode Linux, or
 * wayferry-guest) on a listening socket, and drives a device through its virtqueues. When the
 * frontend leaves the device is reset and the next one may come.
 */
#ifndef HOST_BRIDGE_VHOST_VHOST_USER_H
#define HOST_BRIDGE_VHOST_VHOST_USER_H

#include <wayland-server-core.h>

#include "host-bridge/vhost/vhost_user_device.h"
#include "host-bridge/virtio/virtqueue.h"

struct vhost_user;

/*
 * Listens on @path (mode 0600; a stale socket is replaced, one that answers is an error), or serves
 * the listening socket @fd when @path is NULL (takes it; -1: none, see vhost_user_adopt). Only
 * peers of our own uid (or root) are served. NULL with a log line. Devices' callbacks get @data.
 * SIGPIPE becomes ignored: the eventfd of a queue may be a pipe.
 */
struct vhost_user *vhost_user_create(struct wl_event_loop *loop, const char *path, int fd,
	const struct vhost_user_device *device, void *data);
/*
 * Also removes the socket it made. The reset callback is called if a frontend is there. Not from
 * inside a callback.
 */
void vhost_user_destroy(struct vhost_user *vu);
/*
 * Serves the connected @socket, as if it had been accepted. Takes it. 0, -EBUSY (there is one
 * already), or -errno.
 */
int vhost_user_adopt(struct vhost_user *vu, int socket);

struct virtqueue *vhost_user_queue(struct vhost_user *vu, uint32_t index);
struct guest_memory *vhost_user_memory(struct vhost_user *vu);
/* Between started and the driver's stop, and not broken. */
bool vhost_user_running(const struct vhost_user *vu);
/*
 * The frontend keeps maps when the driver resets the device, where QEMU drops them; and one that
 * fails ends its machine. So does crosvm, which is known by not having BACKEND_SEND_FD.
 */
bool vhost_user_keeps_maps(const struct vhost_user *vu);
/* Stops the device until the next reset, because a ring is broken: says @why. */
void vhost_user_stop(struct vhost_user *vu, const char *why);

/*
 * SHMEM_MAP with the commit barrier behind it (VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE), writable.
 * @fd is borrowed; page-aligned offsets and length. @done is called from the event loop, once: with
 * 0; -EIO: refused; -ECONNRESET: the frontend has left, or the driver has reset the device (then
 * before the reset callback); or -errno: requests cannot be made any more. 0, or -errno, and @done
 * is not called: -ENOTSUP: the frontend cannot; -EBUSY: the device is not running; -EINVAL:
 * alignment, beyond the region; another one of mmap's, where the frontend keeps maps and @fd cannot
 * be mapped; or memory or fds are short.
 */
int vhost_user_shmem_map(struct vhost_user *vu, uint8_t shmid, int fd, uint64_t fd_offset,
	uint64_t shm_offset, uint64_t length, void (*done)(void *data, int result), void *data);
/* SHMEM_UNMAP, before whatever is asked for later. As above; @done may be NULL. */
int vhost_user_shmem_unmap(struct vhost_user *vu, uint8_t shmid, uint64_t shm_offset,
	uint64_t length, void (*done)(void *data, int result), void *data);

#endif
