/*
 * What a guest shows on its scanouts, for a monitor that wants to see it (QEMU's own
 * vhost-user-gpu): 2D resources, textures of 3D contexts that can be exported, and cursors. Without
 * such a monitor nothing is kept.
 *
 * There is no copy of a picture here. A flush notes what has changed, and when the monitor takes
 * more, that is read from the guest's pages, as they are then, piece by piece. So what a guest
 * flushes faster than it is shown becomes one update, and answers no command later. Of a texture
 * the monitor gets the dma-buf, and then which part has changed, when it has shown the part before.
 */
#ifndef HOST_BRIDGE_CONSOLE_CONSOLE_H
#define HOST_BRIDGE_CONSOLE_CONSOLE_H

#include "host-bridge/console/console_link.h"

struct console;
struct resource;

#define CONSOLE_MAX_SCANOUTS VIRTIO_GPU_MAX_SCANOUTS
/* Of the picture that the monitor has to keep of a scanout. */
#define CONSOLE_MAX_BYTES (UINT64_C(128) << 20)

/* NULL: memory is short. */
struct console *console_create(struct wl_event_loop *loop);
/* After console_reset. NULL is fine. */
void console_destroy(struct console *console);

/* The monitor wants to see the scanouts on @socket, which is taken, also on error. 0 or -errno. */
int console_connect(struct console *console, int socket);
/* The monitor has left. */
void console_leave(struct console *console);
/* Whether the device's monitor shows scanouts, though it may not do so at the moment. */
bool console_is_there(const struct console *console);
/* How many scanouts a guest may speak of. */
uint32_t console_scanouts(const struct console *console);

/* The driver is gone: nothing is shown any more, questions end without an answer. */
void console_reset(struct console *console);

/* As console_link_ask. */
int console_ask(struct console *console, enum console_request request, uint32_t scanout,
	console_answer_fn done, void *data);

/*
 * @scanout, below console_scanouts, shows @rect (not empty, within it) of @resource, a 2D or a 3D
 * one, which is referenced as long; or nothing (NULL), as of a texture that cannot be exported,
 * with a log line. 0, or -EINVAL: that is too large.
 */
int console_set_scanout(struct console *console, uint32_t scanout, struct resource *resource,
	const struct virtio_gpu_rect *rect);
/* @rect of @resource is to be seen. */
void console_flush(struct console *console, const struct resource *resource,
	const struct virtio_gpu_rect *rect);
/* The guest gives @resource up: what shows it shows nothing. */
void console_forget(struct console *console, const struct resource *resource);

/*
 * UPDATE_CURSOR, with the 2D resource that has the cursor's shape (NULL: it is hidden), or
 * MOVE_CURSOR. A shape of another size than 64 by 64 is not taken.
 */
void console_set_cursor(struct console *console, const struct virtio_gpu_update_cursor *cursor,
	const struct resource *resource);
void console_move_cursor(struct console *console, const struct virtio_gpu_update_cursor *cursor);

#endif
