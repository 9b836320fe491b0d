/*
 * The frontend of a vhost-user connection: what a monitor says to a device at start, and the
 * shared memory region that the device maps into it. Rings and what is in them are the driver's
 * (virtqueue_driver.h).
 */
#ifndef GUEST_PROXY_GPU_VHOST_USER_FRONTEND_H
#define GUEST_PROXY_GPU_VHOST_USER_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frontend;
struct frontend_region;

struct frontend_memory { /* "guest RAM": one region */
	int fd;          /* borrowed */
	void *map;       /* of the whole fd */
	uint64_t size;
	uint64_t guest_address;
};

struct frontend_queue {
	void *descriptors, *available, *used; /* in frontend_memory.map */
	uint32_t size;
	int kick, call; /* eventfds, borrowed */
};

/*
 * Connects to the device's socket and negotiates: @features are the virtio features that it must
 * have, @optional those that are taken where it has them. Waits for its answers, and says so. NULL,
 * with a log line that says what to do.
 */
struct frontend *frontend_open(const char *path, uint64_t features, uint64_t optional);
/* Closes the connection and unmaps the region. NULL is fine. */
void frontend_destroy(struct frontend *fe);

/*
 * Waiting for the device at the start, when there is nothing else to do: however long it takes, for
 * it may be busy, or held; but not without a word. All zeroes at first.
 */
struct frontend_patience {
	uint64_t begun_ns;
	unsigned next_s; /* when the log says the next time that it is waited for */
};

/* For poll: the time until something is to be said, which is said here if it has come. */
int frontend_patience_ms(struct frontend_patience *patience);

/* Device configuration: @size bytes from 0 on. 0 or -errno with a log line. */
int frontend_config(struct frontend *fe, void *out, uint32_t size);

/* Shares the memory and enables the queues: the device runs. 0 or -errno with a log line. */
int frontend_start(struct frontend *fe, const struct frontend_memory *memory,
	const struct frontend_queue *queues, uint32_t n_queues);

/* The sockets, to be polled for reading: the connection, and the device's own requests (-1:
 * closed). */
int frontend_socket(const struct frontend *fe);
int frontend_backend_socket(const struct frontend *fe);

/* Answers what came on both sockets, without waiting. 0, or -errno: the connection is lost. */
int frontend_serve(struct frontend *fe);

/*
 * Gives the device a file (VHOST_USER_GIVE_FILE); @fd is borrowed. @listener of
 * frontend_set_file_listener is told, from within frontend_serve, whether it was taken: for one
 * file after the other. 0; -EAGAIN: as many as may be are under way; or -errno: the connection is
 * lost, which frontend_serve says, too.
 */
int frontend_give_file(struct frontend *fe, uint64_t id, uint64_t size, int fd);
void frontend_set_file_listener(
	struct frontend *fe, void (*listener)(void *data, bool taken), void *data);

/* The host-visible region. */
const struct frontend_region *frontend_region(const struct frontend *fe);

#endif
