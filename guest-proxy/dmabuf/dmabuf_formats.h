/* Formats with their modifiers, as linux-dmabuf lists them. */
#ifndef GUEST_PROXY_DMABUF_DMABUF_FORMATS_H
#define GUEST_PROXY_DMABUF_DMABUF_FORMATS_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <wayland-util.h>

struct gpu;

#define DMABUF_MAX_PAIRS 65536 /* an index has 16 bits */

/* As linux-dmabuf's format table has it. */
struct dmabuf_pair {
	uint32_t format, pad;
	uint64_t modifier;
};
static_assert(sizeof(struct dmabuf_pair) == 16, "");

/*
 * The place of the pair in @pairs, an array of struct dmabuf_pair, where it is added unless it is
 * there. -ENOMEM; -ENOSPC: no room for another index.
 */
int dmabuf_pairs_add(struct wl_array *pairs, uint32_t format, uint64_t modifier);

/*
 * Whether the guest can draw in @format and @modifier and show it: other layouts than rows mean
 * something only to drivers that know the host's GPU, and OpenGL shows few formats.
 */
bool dmabuf_usable(const struct gpu *gpu, uint32_t format, uint64_t modifier);

#endif
