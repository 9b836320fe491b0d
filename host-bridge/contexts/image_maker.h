/*
 * Who makes pictures' memory that a GPU, and so the compositor, can read as it is: for contexts
 * that know nothing of renderers.
 */
#ifndef HOST_BRIDGE_CONTEXTS_IMAGE_MAKER_H
#define HOST_BRIDGE_CONTEXTS_IMAGE_MAKER_H

#include <drm_fourcc.h>
#include <stdbool.h>
#include <stdint.h>

#define IMAGE_MAX_PLANES 4
#define IMAGE_MAX_MODIFIERS 32

struct image_request {
	uint32_t width, height;
	uint32_t format; /* DRM's. R8 of one row are bytes, of which there may be more afterwards */
	uint32_t flags;  /* GBM's */
	/* Layouts that it may have. What has none of these, or can have none, is in rows. */
	uint32_t n_modifiers;
	uint64_t modifiers[IMAGE_MAX_MODIFIERS];
};

/* Whether it is of no layout. */
static inline bool image_is_bytes(const struct image_request *request)
{
	return request->format == DRM_FORMAT_R8 && request->height == 1;
}

/* What was made. It has been checked: its planes lie, or (not in rows) begin, in its memory. */
struct image {
	uint32_t strides[IMAGE_MAX_PLANES], offsets[IMAGE_MAX_PLANES]; /* not of bytes */
	uint64_t size;                                                 /* of whole pages */
	uint64_t modifier;
	uint64_t fd_offset;
	uint32_t fd_type;  /* RENDERER_FD_* */
	uint32_t map_info; /* VIRTIO_GPU_MAP_CACHE_*; 0: it is not in rows, and not to be mapped */
};

struct image_call {
	/*
	 * Called once, from the event loop, unless image_maker.cancel was. @error: 0, with @fd (the
	 * callee's), or -errno.
	 */
	void (*done)(struct image_call *call, int error, const struct image *image, int fd);
	/* On whose behalf: those who ask get their turns one after the other. Only compared. */
	const void *asker;
	void *making; /* the maker's */
};

struct image_maker {
	/* 0: @call is done later. -errno: it is not, as there is no GPU any more, for example. */
	int (*make)(struct image_maker *maker, const struct image_request *request,
		struct image_call *call);
	void (*cancel)(struct image_maker *maker, struct image_call *call);
};

#endif
