/*
 * The front end of a vhost-user connection: what a monitor says to a device at start, and the
 * shared memory window that the device maps into it. Rings and what is in them are the driver's
 * (virtqueue_driver.h).
 */
#ifndef GUEST_PROXY_GPU_FRONT_END_H
#define GUEST_PROXY_GPU_FRONT_END_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct front_end;

struct front_end_memory { /* "guest RAM": one region */
	int fd;           /* borrowed */
	void *map;        /* of the whole fd */
	uint64_t size;
	uint64_t guest_address;
};

struct front_end_queue {
	void *descriptors, *available, *used; /* in front_end_memory.map */
	uint32_t size;
	int kick, call; /* eventfds, borrowed */
};

/*
 * Connects to the device's socket and negotiates: @features are the virtio features that it must
 * have, @optional those that are taken where it has them. Waits at most a few seconds. NULL, with a
 * log line that says what to do.
 */
struct front_end *front_end_open(const char *path, uint64_t features, uint64_t optional);
/* Closes the connection and unmaps the window. NULL is fine. */
void front_end_destroy(struct front_end *fe);

/* Device configuration: @size bytes from 0 on. 0 or -errno with a log line. */
int front_end_config(struct front_end *fe, void *out, uint32_t size);

/* Shares the memory and enables the queues: the device runs. 0 or -errno with a log line. */
int front_end_start(struct front_end *fe, const struct front_end_memory *memory,
	const struct front_end_queue *queues, uint32_t n_queues);

/* The virtio features that both have. */
uint64_t front_end_features(const struct front_end *fe);

/* The sockets, to be polled for reading: the connection, and the device's own requests (-1:
 * closed). */
int front_end_socket(const struct front_end *fe);
int front_end_backend_socket(const struct front_end *fe);

/* Answers what came on both sockets, without waiting. 0, or -errno: the connection is lost. */
int front_end_serve(struct front_end *fe);

/* The host-visible window: its size, 0 where the device has none. */
uint64_t front_end_window_size(const struct front_end *fe);
/* [offset, offset + size) of the window, or NULL where the device has not mapped all of it,
 * writable and as one. */
void *front_end_window_at(const struct front_end *fe, uint64_t offset, uint64_t size);

#endif
