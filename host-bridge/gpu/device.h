/*
 * The virtio-gpu device (virtio 1.3, 5.7) of one virtual machine, served on a vhost-user socket:
 * its queues, its configuration space, its contexts and its one table of resources.
 */
#ifndef HOST_BRIDGE_GPU_DEVICE_H
#define HOST_BRIDGE_GPU_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <wayland-server-core.h>

struct context_kind;
struct device;
struct vm_quota;

struct device_config {
	struct wl_event_loop *loop; /* borrowed; outlives the device */
	const char *socket_path;    /* listens there; NULL: serves socket_fd */
	int socket_fd; /* a listening socket; the device takes it (socket_path NULL), else -1 */
	bool socket_connected; /* socket_fd is a frontend's connection instead, the only one */
	/* A frontend has left; NULL: nobody wants to know. Not a place to destroy the device in. */
	void (*left)(void *data);
	void *data;
	/* The kinds of contexts that guests are told of, in this order; borrowed, the array, too.
	 */
	struct context_kind *const *kinds;
	size_t n_kinds;
	struct vm_quota *quota; /* borrowed; NULL: no limits */
	uint64_t region_bytes;  /* of the host-visible memory: a power of two, at least 1 MiB */
	bool udmabuf; /* guest blobs are shared with the compositor as dma-bufs, if that works */
};

/* NULL, with a log line, when the socket or the memory cannot be had. The process ignores SIGPIPE
 * from here on. */
struct device *device_create(const struct device_config *config);

/* Ends every context and what it held; removes the socket. NULL is fine. */
void device_destroy(struct device *device);

/* Whether a frontend is connected and its driver runs. */
bool device_running(const struct device *device);

/* The counters since the start and what is live now, one "name value" a line. */
void device_print_stats(const struct device *device, FILE *out);

#endif
