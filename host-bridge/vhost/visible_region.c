/* The host-visible region: one sealed memfd, who has which segment of it, and what is mapped. */
#include "host-bridge/vhost/visible_region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "protocol/base/fd.h"

#define LOG_MODULE "region"
#include "protocol/base/log.h"

#define REGION_SHMID 1 /* VIRTIO_GPU_SHM_ID_HOST_VISIBLE */
#define MIN_BYTES (UINT64_C(1) << 20)
#define MAX_SLOTS 4096
#define PIECE_BYTES (UINT64_C(4) << 20) /* that are cleared at a time: about a millisecond */
#define MAX_MAPS 256 /* of segments; the more there are, the longer QEMU takes for each */

struct slot {
	uint64_t offset, size; /* page-aligned */
};

struct map { /* of a segment in the guest; they do not overlap */
	uint64_t offset, size;
	bool own;      /* the region's memory: may stay mapped for the next slot there */
	bool used;     /* by a slot */
	uint64_t last; /* when it was last shown */
};

enum region_state {
	REGION_UNMAPPED, /* the frontend does not run, or maps nothing */
	REGION_STARTING, /* the frontend has been asked, and slots wait for its answer */
	REGION_MAPPED,
};

struct visible_region {
	uint64_t size;
	int fd;        /* -1: the last frontend has left, and the next one has not come */
	uint8_t *host; /* all of it, once wanted; else NULL */
	enum region_state state;
	struct wl_list waiting;   /* region_show::link, while the region starts */
	struct region_show start; /* of a segment, as a probe */
	bool start_retried;
	bool kept;             /* the frontend has mapped it before a reset, and keeps that */
	bool segments;         /* are mapped one by one, not all of it at once */
	uint64_t made;         /* maps so far, of it all or of segments */
	struct vhost_user *vu; /* of segments, once the driver runs */
	size_t n_maps;
	struct map maps[MAX_MAPS];
	uint64_t shows; /* so far */
	size_t n_slots;
	struct slot slots[MAX_SLOTS]; /* by offset, apart from each other */
	/* What is to be cleared before it is shown again: */
	size_t n_dirty;
	struct slot dirty[MAX_SLOTS];
	struct wl_list dirty_waiting; /* region_show::link, of slots that are not clear yet */
	void (*clear_wanted)(void *data);
	void *clear_data;
};

static int open_memory(struct visible_region *region)
{
	if (region->fd < 0)
		region->fd = fd_memfd("wayferry-region", region->size);
	if (region->fd < 0)
		log_err("%llu bytes: %s", (unsigned long long)region->size, strerror(-region->fd));
	return region->fd < 0 ? region->fd : 0;
}

static void close_memory(struct visible_region *region)
{
	if (region->host)
		munmap(region->host, region->size);
	region->host = NULL;
	fd_close(&region->fd);
}

struct visible_region *visible_region_create(uint64_t size)
{
	if (size < MIN_BYTES || (size & (size - 1)) != 0)
		return NULL;
	struct visible_region *region = calloc(1, sizeof(*region));
	if (!region)
		return NULL;
	region->size = size;
	region->fd = -1;
	wl_list_init(&region->waiting);
	wl_list_init(&region->dirty_waiting);
	if (open_memory(region) < 0) {
		free(region);
		return NULL;
	}
	return region;
}

void visible_region_destroy(struct visible_region *region)
{
	if (!region)
		return;
	close_memory(region);
	free(region);
}

uint64_t visible_region_size(const struct visible_region *region)
{
	return region->size;
}

int visible_region_fd(const struct visible_region *region)
{
	return region->fd;
}

bool visible_region_usable(const struct visible_region *region)
{
	return region->state != REGION_UNMAPPED;
}

void visible_region_set_segments(struct visible_region *region)
{
	region->segments = true;
}

uint64_t visible_region_maps_made(const struct visible_region *region)
{
	return region->made;
}

/* --- segments --- */

/* The frontend does this before anything that it is asked for later. */
static int hide(struct visible_region *region, size_t i)
{
	int error = vhost_user_shmem_unmap(
		region->vu, REGION_SHMID, region->maps[i].offset, region->maps[i].size, NULL, NULL);
	if (error == 0)
		region->maps[i] = region->maps[--region->n_maps];
	return error;
}

/* Unmaps what is mapped in [offset, offset + size) and not used. -EBUSY: something is. */
static int clear_range(struct visible_region *region, uint64_t offset, uint64_t size)
{
	for (size_t i = region->n_maps; i-- > 0;) {
		const struct map *map = &region->maps[i];
		bool apart = map->offset < offset ? offset - map->offset >= map->size
						  : map->offset - offset >= size;
		if (apart)
			continue;
		int error = map->used ? -EBUSY : hide(region, i);
		if (error < 0)
			return error;
	}
	return 0;
}

/* Makes room for one more map: unmaps the unused one that was shown longest ago. */
static int make_room(struct visible_region *region)
{
	size_t oldest = MAX_MAPS;
	if (region->n_maps < MAX_MAPS)
		return 0;
	for (size_t i = 0; i < region->n_maps; i++)
		if (!region->maps[i].used &&
			(oldest == MAX_MAPS || region->maps[i].last < region->maps[oldest].last))
			oldest = i;
	return oldest == MAX_MAPS ? -ENOSPC : hide(region, oldest);
}

static struct map *find_map(struct visible_region *region, uint64_t offset, uint64_t size)
{
	for (size_t i = 0; i < region->n_maps; i++)
		if (region->maps[i].offset == offset && region->maps[i].size == size)
			return &region->maps[i];
	return NULL;
}

static void handle_shown(void *data, int result);

static int ask(struct region_show *show)
{
	struct visible_region *region = show->region;
	bool own = show->fd < 0;
	return vhost_user_shmem_map(region->vu, REGION_SHMID, own ? region->fd : show->fd,
		own ? show->offset : show->fd_offset, show->offset, show->size, handle_shown, show);
}

static void handle_shown(void *data, int result)
{
	struct region_show *show = data;
	struct visible_region *region = show->region;

	if (result == -EIO && !show->retried) {
		/* A map that was asked for just before a reset may be there still: replace it. */
		show->retried = true;
		result = vhost_user_shmem_unmap(
			region->vu, REGION_SHMID, show->offset, show->size, NULL, NULL);
		if (result == 0)
			result = ask(show);
		if (result == 0)
			return;
	}
	struct map *map = find_map(region, show->offset, show->size);
	if (result == 0)
		region->made++;
	else if (map && !(result == -ECONNRESET && vhost_user_keeps_maps(region->vu)))
		*map = region->maps[--region->n_maps];
	show->done(show, result);
}

/* As visible_region_show, of a region of segments. */
static int show_segment(struct visible_region *region, struct region_show *show)
{
	bool own = show->fd < 0;
	struct map *map = find_map(region, show->offset, show->size);
	if (map && own && map->own) {
		map->used = true;
		map->last = ++region->shows;
		return 0;
	}
	int error = clear_range(region, show->offset, show->size);
	if (error == 0)
		error = make_room(region);
	if (error == 0)
		error = ask(show);
	if (error < 0)
		return error;
	region->maps[region->n_maps++] = (struct map){.offset = show->offset,
		.size = show->size,
		.own = own,
		.used = true,
		.last = ++region->shows};
	return -EINPROGRESS;
}

/* A slot was given back. Our own memory stays mapped for the next slot there; an fd does not. */
static void mark_unused(struct visible_region *region, uint64_t offset, uint64_t size)
{
	struct map *map = find_map(region, offset, size);
	if (!map)
		return;
	map->used = false;
	if (!map->own)
		hide(region, (size_t)(map - region->maps));
}

/* --- the region --- */

static bool overlap(const struct slot *slot, uint64_t offset, uint64_t size)
{
	return slot->offset < offset ? offset - slot->offset < slot->size
				     : slot->offset - offset < size;
}

/* The first range to be cleared that overlaps [offset, offset + size), or NULL. */
static struct slot *find_dirty(struct visible_region *region, uint64_t offset, uint64_t size)
{
	for (size_t i = 0; i < region->n_dirty; i++)
		if (overlap(&region->dirty[i], offset, size))
			return &region->dirty[i];
	return NULL;
}

int visible_region_show(struct visible_region *region, struct region_show *show, uint64_t offset,
	uint64_t size, int fd, uint64_t fd_offset)
{
	show->region = region;
	show->offset = offset;
	show->size = size;
	show->fd = fd;
	show->fd_offset = fd_offset;
	show->retried = false;
	switch (region->state) {
	case REGION_STARTING:
		wl_list_insert(region->waiting.prev, &show->link);
		return -EINPROGRESS;
	case REGION_MAPPED:
		if (fd < 0 && find_dirty(region, offset, size)) {
			wl_list_insert(region->dirty_waiting.prev, &show->link);
			return -EINPROGRESS;
		}
		if (region->segments)
			return show_segment(region, show);
		return fd < 0 ? 0 : -ENOTSUP;
	default:
		return -ENOTSUP;
	}
}

/* Goes on with @show, which has waited. */
static void show_again(struct region_show *show)
{
	wl_list_remove(&show->link);
	int error = visible_region_show(
		show->region, show, show->offset, show->size, show->fd, show->fd_offset);
	if (error != -EINPROGRESS)
		show->done(show, error);
}

static void fail_all(struct wl_list *waiting, int error)
{
	while (!wl_list_empty(waiting)) {
		struct region_show *show = wl_container_of(waiting->next, show, link);
		wl_list_remove(&show->link);
		show->done(show, error);
	}
}

/* The frontend has answered, or will not any more. */
static void finish_start(struct visible_region *region, int result)
{
	region->state = result == 0 ? REGION_MAPPED : REGION_UNMAPPED;
	if (result == -ENOTSUP)
		log_info("the frontend maps no host memory: blobs are guest memory");
	else if (result < 0 && result != -ECONNRESET)
		log_warn("not mapped: %s; blobs are guest memory", strerror(-result));
	while (result == 0 && !wl_list_empty(&region->waiting)) {
		struct region_show *show = wl_container_of(region->waiting.next, show, link);
		show_again(show);
	}
	fail_all(&region->waiting, result);
}

static void handle_all_mapped(void *data, int result);

static int map_all(struct visible_region *region)
{
	return vhost_user_shmem_map(region->vu, REGION_SHMID, region->fd, 0, 0, region->size,
		handle_all_mapped, region);
}

static void handle_all_mapped(void *data, int result)
{
	struct visible_region *region = data;

	if (result == -EIO && !region->start_retried) {
		/* As in handle_shown. */
		region->start_retried = true;
		result = vhost_user_shmem_unmap(
			region->vu, REGION_SHMID, 0, region->size, NULL, NULL);
		if (result == 0)
			result = map_all(region);
		if (result == 0)
			return;
	}
	region->made += result == 0;
	/* It has been asked for: a frontend that the driver's reset has overtaken maps it yet. */
	region->kept = result == -ECONNRESET && vhost_user_keeps_maps(region->vu);
	finish_start(region, result);
}

/* Finds out whether the frontend maps anything at all, with a map of one page. */
static void handle_probed(struct region_show *show, int result)
{
	struct visible_region *region = show->region;
	if (result == 0)
		mark_unused(region, show->offset, show->size);
	finish_start(region, result);
}

static int probe(struct visible_region *region)
{
	region->n_maps = 0;
	region->start = (struct region_show){
		.done = handle_probed, .region = region, .size = PAGE_BYTES, .fd = -1};
	int error = show_segment(region, &region->start);
	return error == -EINPROGRESS ? 0 : error;
}

void visible_region_map(struct visible_region *region, struct vhost_user *vu, bool resumed)
{
	if (resumed && region->state != REGION_UNMAPPED)
		return;
	region->vu = vu;
	region->start_retried = false;
	if (region->kept) {
		finish_start(region, 0);
		return;
	}
	int error = open_memory(region);
	if (error == 0)
		error = region->segments ? probe(region) : map_all(region);
	if (error < 0)
		finish_start(region, error);
	else
		region->state = REGION_STARTING;
}

static void punch(struct visible_region *region, uint64_t offset, uint64_t size)
{
	if (fallocate(region->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		    (off_t)size) < 0)
		log_warn("giving %llu bytes back: %s", (unsigned long long)size, strerror(errno));
}

void visible_region_clear_in_pieces(
	struct visible_region *region, void (*wanted)(void *data), void *data)
{
	region->clear_wanted = wanted;
	region->clear_data = data;
}

bool visible_region_clear(struct visible_region *region)
{
	struct region_show *show, *next;
	struct slot *dirty = NULL;

	if (region->n_dirty == 0)
		return true;
	if (!wl_list_empty(&region->dirty_waiting)) {
		show = wl_container_of(region->dirty_waiting.next, show, link);
		dirty = find_dirty(region, show->offset, show->size);
	}
	if (!dirty)
		dirty = &region->dirty[region->n_dirty - 1];
	uint64_t bytes = min_u64(dirty->size, PIECE_BYTES);
	punch(region, dirty->offset, bytes);
	dirty->offset += bytes;
	dirty->size -= bytes;
	if (dirty->size > 0)
		return false;
	*dirty = region->dirty[--region->n_dirty];
	wl_list_for_each_safe(show, next, &region->dirty_waiting, link)
	{
		if (!find_dirty(region, show->offset, show->size))
			show_again(show);
	}
	return region->n_dirty == 0;
}

void visible_region_cancel(struct visible_region *region)
{
	fail_all(&region->dirty_waiting, -ECONNRESET);
}

void visible_region_reset(struct visible_region *region)
{
	region->n_dirty = 0;
	region->n_slots = 0;
	region->kept |=
		region->state == REGION_MAPPED && region->vu && vhost_user_keeps_maps(region->vu);
	if (!region->kept)
		region->n_maps = 0;
	for (size_t i = 0; i < region->n_maps; i++)
		region->maps[i].used = false;
	region->state = REGION_UNMAPPED;
	if (region->fd >= 0)
		punch(region, 0, region->size);
}

void visible_region_renew(struct visible_region *region)
{
	region->kept = false;
	region->n_maps = 0;
	close_memory(region);
}

/* Index of the first slot at or after @offset. */
static size_t slot_search(const struct visible_region *region, uint64_t offset)
{
	size_t low = 0, high = region->n_slots;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (region->slots[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int visible_region_reserve(struct visible_region *region, uint64_t offset, uint64_t size)
{
	if (size == 0 || offset % PAGE_BYTES != 0 || size % PAGE_BYTES != 0 ||
		!range_fits(offset, size, region->size))
		return -EINVAL;
	size_t at = slot_search(region, offset);
	if (at > 0 && offset - region->slots[at - 1].offset < region->slots[at - 1].size)
		return -EBUSY;
	if (at < region->n_slots && region->slots[at].offset - offset < size)
		return -EBUSY;
	if (region->n_slots == MAX_SLOTS)
		return -ENOSPC;
	memmove(&region->slots[at + 1], &region->slots[at],
		(region->n_slots - at) * sizeof(region->slots[0]));
	region->slots[at] = (struct slot){.offset = offset, .size = size};
	region->n_slots++;
	return 0;
}

void visible_region_release(struct visible_region *region, uint64_t offset, uint64_t size)
{
	size_t at = slot_search(region, offset);
	if (at == region->n_slots || region->slots[at].offset != offset ||
		region->slots[at].size != size)
		return; /* it was of an earlier boot, before visible_region_reset */
	region->n_slots--;
	memmove(&region->slots[at], &region->slots[at + 1],
		(region->n_slots - at) * sizeof(region->slots[0]));
	mark_unused(region, offset, size);
	if (!region->clear_wanted || region->n_dirty == MAX_SLOTS) {
		punch(region, offset, size);
		return;
	}
	region->dirty[region->n_dirty++] = (struct slot){.offset = offset, .size = size};
	region->clear_wanted(region->clear_data);
}

void *visible_region_at(struct visible_region *region, uint64_t offset, uint64_t size)
{
	if (!range_fits(offset, size, region->size) || region->fd < 0)
		return NULL;
	if (!region->host) {
		void *host = mmap(NULL, region->size, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_NORESERVE, region->fd, 0);
		if (host == MAP_FAILED) {
			log_err("no room for it: %s", strerror(errno));
			return NULL;
		}
		region->host = host;
	}
	return region->host + offset;
}
