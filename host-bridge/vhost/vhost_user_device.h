/* A device, as the vhost-user backend serves it. */
#ifndef HOST_BRIDGE_VHOST_VHOST_USER_DEVICE_H
#define HOST_BRIDGE_VHOST_VHOST_USER_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

struct vhost_user_device {
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
	 * The driver reset the device, or the frontend left: drops everything that the guest has
	 * made. May be called when there is nothing. Never from inside another callback.
	 */
	void (*reset)(void *data);
	/* After the reset: the frontend has left, and may keep whatever memory it has been given.
	 */
	void (*left)(void *data);
	/*
	 * A file that the guest is to name as @id (below 2^63), for a blob of @size bytes. Takes
	 * @fd, also on error. 0 or -errno, which the frontend is told. May be NULL.
	 */
	int (*give_file)(void *data, uint64_t id, uint64_t size, int fd);
	/*
	 * GPU_SET_SOCKET: the monitor wants to see the device's scanouts, on @fd (console.h), which
	 * is taken, also on error. 0 or -errno. May be NULL.
	 */
	int (*set_console)(void *data, int fd);
	/* The memory table changed; pointers into guest memory are void. */
	void (*memory_changed)(void *data);
};

#endif
