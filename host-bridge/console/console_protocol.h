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
	/* Of dma-bufs; not used: 9 DMABUF_SCANOUT, 10 DMABUF_UPDATE, 12 DMABUF_SCANOUT2. */
	CONSOLE_GET_EDID = 11, /* u32: the scanout; answered with struct virtio_gpu_resp_edid */
};

#define CONSOLE_FLAG_REPLY 4u
#define CONSOLE_FEATURE_EDID 0 /* GET_EDID is answered, of scanouts that there are */

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

#endif
