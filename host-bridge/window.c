/* The host-visible window: one sealed memfd, mapped once, and who has which piece of it. */
#include "host-bridge/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "protocol/fd.h"

#define LOG_MODULE "window"
#include "protocol/log.h"

#define WINDOW_SHMID 1 /* VIRTIO_GPU_SHM_ID_HOST_VISIBLE */
#define MIN_BYTES (UINT64_C(1) << 20)
#define MAX_SLOTS 4096

struct slot {
	uint64_t offset, size; /* page-aligned */
};

struct window {
	uint64_t size;
	int fd;
	uint8_t *host; /* all of it, once wanted; else NULL */
	bool mapped;   /* in the guest */
	size_t n_slots;
	struct slot slots[MAX_SLOTS]; /* by offset, apart from each other */
};

struct window *window_create(uint64_t size)
{
	if (size < MIN_BYTES || (size & (size - 1)) != 0)
		return NULL;
	struct window *window = calloc(1, sizeof(*window));
	if (!window)
		return NULL;
	window->size = size;
	window->fd = fd_memfd("wayferry-window", size);
	if (window->fd < 0) {
		log_err("%llu bytes: %s", (unsigned long long)size, strerror(-window->fd));
		free(window);
		return NULL;
	}
	return window;
}

void window_destroy(struct window *window)
{
	if (!window)
		return;
	if (window->host)
		munmap(window->host, window->size);
	fd_close(&window->fd);
	free(window);
}

uint64_t window_size(const struct window *window)
{
	return window->size;
}

int window_fd(const struct window *window)
{
	return window->fd;
}

bool window_mapped(const struct window *window)
{
	return window->mapped;
}

static int map_all(struct window *window, struct vhost_user *vu)
{
	return vhost_user_shmem_map(vu, WINDOW_SHMID, window->fd, 0, 0, window->size, true);
}

int window_map(struct window *window, struct vhost_user *vu, bool resumed)
{
	if (resumed && window->mapped)
		return 0;
	window->mapped = false;
	int error = map_all(window, vu);
	if (error == -EIO) {
		/* A map that was on its way when the driver was reset may have survived it. */
		error = vhost_user_shmem_unmap(vu, WINDOW_SHMID, 0, window->size);
		if (error == 0 || error == -EIO)
			error = map_all(window, vu);
	}
	window->mapped = error == 0;
	if (error == -ENOTSUP)
		log_info("the front end maps no host memory: blobs are guest memory");
	else if (error < 0)
		log_warn("not mapped: %s; blobs are guest memory", strerror(-error));
	return error;
}

static void punch(struct window *window, uint64_t offset, uint64_t size)
{
	if (fallocate(window->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		    (off_t)size) < 0)
		log_warn("giving %llu bytes back: %s", (unsigned long long)size, strerror(errno));
}

void window_reset(struct window *window)
{
	window->n_slots = 0;
	window->mapped = false;
	punch(window, 0, window->size);
}

/* Index of the first slot at or after @offset. */
static size_t slot_search(const struct window *window, uint64_t offset)
{
	size_t low = 0, high = window->n_slots;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (window->slots[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int window_reserve(struct window *window, uint64_t offset, uint64_t size)
{
	if (size == 0 || offset % PAGE_BYTES != 0 || size % PAGE_BYTES != 0 ||
		!range_fits(offset, size, window->size))
		return -EINVAL;
	size_t at = slot_search(window, offset);
	if (at > 0 && offset - window->slots[at - 1].offset < window->slots[at - 1].size)
		return -EBUSY;
	if (at < window->n_slots && window->slots[at].offset - offset < size)
		return -EBUSY;
	if (window->n_slots == MAX_SLOTS)
		return -ENOSPC;
	memmove(&window->slots[at + 1], &window->slots[at],
		(window->n_slots - at) * sizeof(window->slots[0]));
	window->slots[at] = (struct slot){.offset = offset, .size = size};
	window->n_slots++;
	return 0;
}

void window_release(struct window *window, uint64_t offset, uint64_t size)
{
	size_t at = slot_search(window, offset);
	if (at == window->n_slots || window->slots[at].offset != offset ||
		window->slots[at].size != size)
		return; /* of an earlier boot: window_reset has freed it */
	window->n_slots--;
	memmove(&window->slots[at], &window->slots[at + 1],
		(window->n_slots - at) * sizeof(window->slots[0]));
	punch(window, offset, size);
}

void *window_at(struct window *window, uint64_t offset, uint64_t size)
{
	if (!range_fits(offset, size, window->size))
		return NULL;
	if (!window->host) {
		void *host = mmap(NULL, window->size, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_NORESERVE, window->fd, 0);
		if (host == MAP_FAILED) {
			log_err("no room for it: %s", strerror(errno));
			return NULL;
		}
		window->host = host;
	}
	return window->host + offset;
}
