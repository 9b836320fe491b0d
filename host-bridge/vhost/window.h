/*
 * The host-visible window (shmid 1): one sealed memfd, as large as the window. A host blob is the
 * piece of it at the offset where the guest maps it. Without 3D all of it is mapped, once. With 3D
 * memory of others lies in between: then each piece is mapped by itself, ours stay mapped when they
 * are given up (most come back), and the monitor never sees one map over another.
 */
#ifndef HOST_BRIDGE_VHOST_WINDOW_H
#define HOST_BRIDGE_VHOST_WINDOW_H

#include "host-bridge/vhost/vhost_user.h"

struct window;

/* @size: a power of two, at least 1 MiB. NULL when memory is short. */
struct window *window_create(uint64_t size);
/* Before anything is mapped: it shall take memory of others. */
void window_set_pieces(struct window *window);
void window_destroy(struct window *window);
uint64_t window_size(const struct window *window);
/* Borrowed. */
int window_fd(const struct window *window);

/*
 * Maps the window into the guest (after DRIVER_OK, unless @resumed and it is already). 0 or -errno.
 */
int window_map(struct window *window, struct vhost_user *vu, bool resumed);
/* A new boot: all slots are free, the memory is given back. */
void window_reset(struct window *window);
bool window_mapped(const struct window *window);
/* How often something was mapped into the guest, ever. */
uint64_t window_maps_made(const struct window *window);

/*
 * Reserves [offset, offset + size), page-aligned. 0, -EINVAL (alignment, beyond the end), -EBUSY
 * (overlaps a slot), -ENOSPC (too many slots).
 */
int window_reserve(struct window *window, uint64_t offset, uint64_t size);
/*
 * Maps a reserved slot into the guest: the window's own memory (@fd -1), or that of @fd (borrowed)
 * from @fd_offset on, which only a window of pieces takes. 0, -ENOTSUP, -ENOSPC (too many maps), or
 * what vhost_user_shmem_map says.
 */
int window_show(struct window *window, uint64_t offset, uint64_t size, int fd, uint64_t fd_offset);
/* Gives a reserved slot back and punches its memory out. Not a slot (any more): nothing happens. */
void window_release(struct window *window, uint64_t offset, uint64_t size);
/*
 * The host's own pointer to the slot, for the few small things the host itself writes (keymaps), or
 * NULL. Until window_destroy.
 */
void *window_at(struct window *window, uint64_t offset, uint64_t size);

#endif
