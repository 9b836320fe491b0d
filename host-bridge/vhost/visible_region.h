/*
 * The host-visible region (shmid 1): one sealed memfd, as large as the region, for each frontend. A
 * host blob is the segment of it at the offset where the guest maps it.
 *
 * Without 3D all of the memfd is mapped into the guest, once. With 3D some blobs are memory of
 * other processes: then each segment is mapped by itself. Segments of the memfd stay mapped when
 * they are given up, since guests soon use the same place again; and no map is ever made over
 * another.
 */
#ifndef HOST_BRIDGE_VHOST_VISIBLE_REGION_H
#define HOST_BRIDGE_VHOST_VISIBLE_REGION_H

#include "host-bridge/vhost/vhost_user.h"

struct visible_region;

/* A slot that is being mapped into the guest; the owner embeds it. */
struct region_show {
	/* From the event loop, or while the driver is reset: 0 or -errno, as visible_region_show.
	 */
	void (*done)(struct region_show *show, int result);
	/* The region's: */
	struct wl_list link;
	struct visible_region *region;
	uint64_t offset, size, fd_offset;
	int fd;
	bool retried;
};

/* @size: a power of two, at least 1 MiB. NULL when memory is short. */
struct visible_region *visible_region_create(uint64_t size);
/* Before anything is mapped: slots of other processes' memory are to be shown, too. */
void visible_region_set_segments(struct visible_region *region);
void visible_region_destroy(struct visible_region *region);
uint64_t visible_region_size(const struct visible_region *region);
/* Borrowed, until the frontend leaves. */
int visible_region_fd(const struct visible_region *region);

/*
 * Has the region mapped into the guest (after DRIVER_OK, unless @resumed and it is already). Logs
 * what goes wrong; then visible_region_show fails.
 */
void visible_region_map(struct visible_region *region, struct vhost_user *vu, bool resumed);
/*
 * Memory of slots that were given back is cleared in pieces, since that takes long: @wanted is
 * called when there is something to clear, and visible_region_clear clears a piece, until it
 * returns true: all is clear. Without @wanted all is cleared at once.
 */
void visible_region_clear_in_pieces(
	struct visible_region *region, void (*wanted)(void *data), void *data);
bool visible_region_clear(struct visible_region *region);

/* Before a reset: fails what waits for memory to be cleared. */
void visible_region_cancel(struct visible_region *region);
/* A new boot: all slots are free, their memory is given back and reads as zeroes. */
void visible_region_reset(struct visible_region *region);
/*
 * After a reset: the frontend has left and may keep its map of the region. The next one gets
 * another memfd.
 */
void visible_region_renew(struct visible_region *region);
/* Whether it is mapped, or about to be. */
bool visible_region_usable(const struct visible_region *region);
/* How often something was mapped into the guest, ever. */
uint64_t visible_region_maps_made(const struct visible_region *region);

/*
 * Reserves [offset, offset + size), page-aligned. 0, -EINVAL (alignment, beyond the end), -EBUSY
 * (overlaps a slot), -ENOSPC (too many slots).
 */
int visible_region_reserve(struct visible_region *region, uint64_t offset, uint64_t size);
/*
 * Maps a reserved slot into the guest: the region's own memory (@fd -1), or that of @fd (borrowed)
 * from @fd_offset on, which only a region of segments takes. 0: it is there; -EINPROGRESS:
 * @show->done is called, until when the slot is not to be released; -ENOTSUP, -ENOSPC (too many
 * maps), or what vhost_user_shmem_map says.
 */
int visible_region_show(struct visible_region *region, struct region_show *show, uint64_t offset,
	uint64_t size, int fd, uint64_t fd_offset);
/*
 * Gives a reserved slot back, and its memory: whoever is shown it next sees zeroes. Not a slot (any
 * more): nothing happens.
 */
void visible_region_release(struct visible_region *region, uint64_t offset, uint64_t size);
/*
 * The host's own pointer to the slot, for the few small things the host itself writes (keymaps), or
 * NULL. Until the frontend leaves.
 */
void *visible_region_at(struct visible_region *region, uint64_t offset, uint64_t size);

#endif
