/* The host-visible window: one sealed memfd, who has which piece of it, and what is mapped. */
#include "host-bridge/vhost/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "protocol/base/fd.h"

#define LOG_MODULE "window"
#include "protocol/base/log.h"

#define WINDOW_SHMID 1 /* VIRTIO_GPU_SHM_ID_HOST_VISIBLE */
#define MIN_BYTES (UINT64_C(1) << 20)
#define MAX_SLOTS 4096
#define MAX_MAPS 256 /* of pieces; QEMU takes the longer for each the more there are */

struct slot {
	uint64_t offset, size; /* page-aligned */
};

struct map { /* of a piece in the guest; they do not overlap */
	uint64_t offset, size;
	bool own;      /* the window's memory: can be used again as it is */
	bool used;     /* by a slot */
	uint64_t last; /* when it was last shown */
};

struct window {
	uint64_t size;
	int fd;
	uint8_t *host;         /* all of it, once wanted; else NULL */
	bool mapped;           /* in the guest */
	bool pieces;           /* maps, in place of one map of it all */
	uint64_t made;         /* maps so far, of it all or of pieces */
	struct vhost_user *vu; /* of pieces, once the driver runs */
	size_t n_maps;
	struct map maps[MAX_MAPS];
	uint64_t shows; /* so far */
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

void window_set_pieces(struct window *window)
{
	window->pieces = true;
}

uint64_t window_maps_made(const struct window *window)
{
	return window->made;
}

static int map_all(struct window *window, struct vhost_user *vu)
{
	return vhost_user_shmem_map(vu, WINDOW_SHMID, window->fd, 0, 0, window->size, true);
}

/* --- pieces --- */

static int hide(struct window *window, size_t i)
{
	int error = vhost_user_shmem_unmap(
		window->vu, WINDOW_SHMID, window->maps[i].offset, window->maps[i].size);
	/* Refused: it is not there, since the driver was reset meanwhile. */
	if (error == 0 || error == -EIO)
		window->maps[i] = window->maps[--window->n_maps];
	return error == -EIO ? 0 : error;
}

/* Takes away what nobody uses any more in [offset, offset + size). */
static int clear_range(struct window *window, uint64_t offset, uint64_t size)
{
	for (size_t i = window->n_maps; i-- > 0;) {
		const struct map *map = &window->maps[i];
		bool apart = map->offset < offset ? offset - map->offset >= map->size
						  : map->offset - offset >= size;
		if (apart)
			continue;
		int error = map->used ? -EBUSY : hide(window, i);
		if (error < 0)
			return error;
	}
	return 0;
}

/* Room for one more map: that which was not used for the longest time goes. */
static int make_room(struct window *window)
{
	size_t oldest = MAX_MAPS;
	if (window->n_maps < MAX_MAPS)
		return 0;
	for (size_t i = 0; i < window->n_maps; i++)
		if (!window->maps[i].used &&
			(oldest == MAX_MAPS || window->maps[i].last < window->maps[oldest].last))
			oldest = i;
	return oldest == MAX_MAPS ? -ENOSPC : hide(window, oldest);
}

static int map_piece(
	struct window *window, uint64_t offset, uint64_t size, int fd, uint64_t fd_offset)
{
	int error = clear_range(window, offset, size);
	if (error == 0)
		error = make_room(window);
	if (error == 0)
		error = vhost_user_shmem_map(
			window->vu, WINDOW_SHMID, fd, fd_offset, offset, size, true);
	if (error == -EIO) {
		/* As in window_map. */
		error = vhost_user_shmem_unmap(window->vu, WINDOW_SHMID, offset, size);
		if (error == 0 || error == -EIO)
			error = vhost_user_shmem_map(
				window->vu, WINDOW_SHMID, fd, fd_offset, offset, size, true);
	}
	return error;
}

int window_show(struct window *window, uint64_t offset, uint64_t size, int fd, uint64_t fd_offset)
{
	bool own = fd < 0;
	if (!window->pieces)
		return own ? 0 : -ENOTSUP;
	for (size_t i = 0; i < window->n_maps; i++) {
		struct map *map = &window->maps[i];
		if (own && map->own && map->offset == offset && map->size == size) {
			map->used = true;
			map->last = ++window->shows;
			return 0;
		}
	}
	int error =
		map_piece(window, offset, size, own ? window->fd : fd, own ? offset : fd_offset);
	if (error < 0)
		return error;
	window->made++;
	window->maps[window->n_maps++] = (struct map){
		.offset = offset, .size = size, .own = own, .used = true, .last = ++window->shows};
	return 0;
}

/* A slot was given back. Memory of others goes at once, if it can. */
static void unuse(struct window *window, uint64_t offset, uint64_t size)
{
	for (size_t i = 0; i < window->n_maps; i++) {
		if (window->maps[i].offset != offset || window->maps[i].size != size)
			continue;
		window->maps[i].used = false;
		if (!window->maps[i].own)
			hide(window, i);
		return;
	}
}

/* Whether the front end maps anything at all: one page, which stays to be used or taken away. */
static int probe(struct window *window)
{
	window->n_maps = 0;
	int error = window_show(window, 0, PAGE_BYTES, -1, 0);
	if (error == 0)
		unuse(window, 0, PAGE_BYTES);
	return error;
}

int window_map(struct window *window, struct vhost_user *vu, bool resumed)
{
	if (resumed && window->mapped)
		return 0;
	window->mapped = false;
	window->vu = vu;
	int error = window->pieces ? probe(window) : map_all(window, vu);
	if (error == -EIO && !window->pieces) {
		/* A map that was on its way when the driver was reset may have survived it. */
		error = vhost_user_shmem_unmap(vu, WINDOW_SHMID, 0, window->size);
		if (error == 0 || error == -EIO)
			error = map_all(window, vu);
	}
	window->mapped = error == 0;
	window->made += window->mapped && !window->pieces;
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
	window->n_maps = 0;
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
	unuse(window, offset, size);
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
