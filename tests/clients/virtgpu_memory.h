/* Memory of a virtio-gpu device, got from the kernel by plain ioctls; for clients in guests. */
#ifndef TESTS_CLIENTS_VIRTGPU_MEMORY_H
#define TESTS_CLIENTS_VIRTGPU_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A cross-domain context at a render node. */
struct virtgpu_context {
	int node;      /* -1: none */
	uint32_t ring; /* handle; 0: none */
	uint8_t *ring_map;
};

struct memory {
	int node; /* the fd of the device it is of */
	uint32_t handle;
	uint8_t *map;
	size_t size;
	uint32_t stride;
	int dmabuf;
};

/* All functions end the program with a message when the kernel refuses. */

/* Opens the first node of the name that can be opened: @format has a number in it, @first on. */
int virtgpu_open_node(const char *format, int first);

/* Makes the node's context a cross-domain one. With @ring, commands can be sent and answered; with
 * @wayland, too, it is a client of the host's compositor. Takes @node. */
struct virtgpu_context virtgpu_context_create(int node, bool ring, bool wayland);

/* Memory for rows of @width pixels and @padding bytes, after @offset bytes: a blob of the guest's
 * memory, or with @host one of the host's. */
struct memory virtgpu_allocate(const struct virtgpu_context *context, bool host, int32_t width,
	int32_t height, uint32_t offset, uint32_t padding);

/* The same as a dumb buffer of a primary node. */
struct memory virtgpu_allocate_dumb(int primary, int32_t width, int32_t height);

void virtgpu_release(struct memory *memory);

/*
 * Work begins, as the kernel sees it, and lasts until virtgpu_work_end: a POLL, whose fence is
 * signalled when the compositor says something in this context's own channel, where nobody has
 * asked it anything. The context is a client of the compositor. It is work on @memory, or (NULL) on
 * none, and *@fence (may be NULL) becomes a sync file of it.
 */
void virtgpu_work_begin(
	const struct virtgpu_context *context, const struct memory *memory, int *fence);
void virtgpu_work_end(const struct virtgpu_context *context);

#endif
