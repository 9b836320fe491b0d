/*
 * QEMU's vhost-user-gpu interface (docs/interop/vhost-user-gpu.rst): what a device says to the
 * monitor that shows its scanouts, over the socket that GPU_SET_SOCKET passed. Only the device
 * asks.
 */
#ifndef HOST_BRIDGE_CONSOLE_CONSOLE_PROTOCOL_H
#define HOST_BRIDGE_CONSOLE_CONSOLE_PROTOCOL_H

#include <assert.h>
#include <stdint.h>

enum console_request {
	CONSOLE_GET_PROTOCOL_FEATURES = 1, /* answered with a u64 */
	CONSOLE_SET_PROTOCOL_FEATURES = 2, /* u64 */
	CONSOLE_GET_DISPLAY_INFO = 3,      /* answered with struct virtio_gpu_resp_display_info */
	CONSOLE_CURSOR_POS = 4,            /* struct console_cursor_pos */
	CONSOLE_CURSOR_POS_HIDE = 5,       /* likewise */
	CONSOLE_CURSOR_UPDATE = 6,         /* struct console_cursor_update */
	CONSOLE_SCANOUT = 7,               /* struct console_scanout */
	CONSOLE_UPDATE = 8,                /* struct console_update, pixels */
	/* struct console_dmabuf_scanout with the dma-buf; without one the scanout has none. */
	CONSOLE_DMABUF_SCANOUT = 9,
	/* struct console_update, without pixels; answered, with nothing, once it is to be seen */
	CONSOLE_DMABUF_UPDATE = 10,
	CONSOLE_GET_EDID = 11, /* u32: the scanout; answered with struct virtio_gpu_resp_edid */
	CONSOLE_DMABUF_SCANOUT2 = 12, /* as DMABUF_SCANOUT, and the modifier, a u64 */
};

#define CONSOLE_FLAG_REPLY 4u
#define CONSOLE_FEATURE_EDID 0    /* GET_EDID is answered, of scanouts that there are */
#define CONSOLE_FEATURE_DMABUF2 1 /* DMABUF_SCANOUT2 is understood */

struct console_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* of the payload */
};
static_assert(sizeof(struct console_header) == 12, "");

struct console_cursor_pos {
	uint32_t scanout, x, y;
};

#define CONSOLE_CURSOR_PX 64 /* wide and high */
struct console_cursor_update {
	struct console_cursor_pos pos;
	uint32_t hot_x, hot_y;
	uint32_t pixels[CONSOLE_CURSOR_PX * CONSOLE_CURSOR_PX]; /* 0xAARRGGBB */
};
static_assert(sizeof(struct console_cursor_update) == 20 + 16384, "");

struct console_scanout {
	uint32_t scanout, width, height; /* 0, 0: it shows nothing */
};

/* Pixels follow, 0xXXRRGGBB, without gaps between rows. */
struct console_update {
	uint32_t scanout, x, y, width, height;
};
static_assert(sizeof(struct console_update) == 20, "");

/* The scanout is the rectangle of a dma-buf. */
struct console_dmabuf_scanout {
	uint32_t scanout, x, y, width, height;
	uint32_t fd_width, fd_height, fd_stride; /* of the whole dma-buf; bytes a row */
	uint32_t fd_flags;                       /* VIRTIO_GPU_RESOURCE_FLAG_Y_0_TOP */
	uint32_t fourcc;                         /* DRM's */
};
static_assert(sizeof(struct console_dmabuf_scanout) == 40, "");

#endif
