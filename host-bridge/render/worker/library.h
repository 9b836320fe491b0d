/*
 * A library that renders, as one worker uses it: initialised for one kind, with one context.
 * Results are 0 or a negative errno. Each is called in one file alone: libvirglrenderer in virgl.c,
 * libgfxstream_backend in gfxstream.c, libgbm in gbm.c.
 */
#ifndef HOST_BRIDGE_RENDER_WORKER_LIBRARY_H
#define HOST_BRIDGE_RENDER_WORKER_LIBRARY_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "host-bridge/render/renderer_protocol.h"

#define LIBRARY_MAX_POLL_FDS 2
#define LIBRARY_CONTEXT_ID 1

struct library {
	const char *name; /* for the log */

	/* @render_node: a GPU's, or NULL: what Mesa finds, llvmpipe if nothing else. @retired is
	 * called with the serial of a fence when it is due, from fence or from poll. */
	int (*init)(
		enum renderer_kind kind, const char *render_node, void (*retired)(uint32_t serial));

	/* Writes a capset to @data. Its size, or -EINVAL (not one of this kind). */
	int (*capset)(
		uint32_t capset_id, uint32_t *max_version, uint8_t data[RENDERER_MAX_CAPSET_BYTES]);

	int (*create_context)(uint32_t capset_id, const char *name);

	/* The iovecs are borrowed for as long as they are attached. */
	int (*create_3d)(uint32_t id, const struct renderer_request *request);
	int (*attach_backing)(uint32_t id, struct iovec *iov, uint32_t n_iov);
	void (*detach_backing)(uint32_t id);
	int (*guest_blob)(uint32_t id, uint64_t size, struct iovec *iov, uint32_t n_iov);

	/* Creates a blob of host memory and describes it in @answer. *@fd is the caller's. */
	int (*create_blob)(uint32_t id, const struct renderer_request *request,
		struct renderer_answer *answer, int *fd);
	/*
	 * Creates a classic resource in memory that can be shared: as create_blob, with stride and
	 * modifier. -EOPNOTSUPP: the resource exists, but cannot be shared.
	 */
	int (*create_shared)(uint32_t id, const struct renderer_request *request,
		struct renderer_answer *answer, int *fd);
	/* Whether create_shared works here; it is tried with a small texture. */
	bool (*shares_textures)(void);
	/* Takes @fd, also on error. */
	int (*import)(uint32_t id, const struct renderer_request *request, int fd);
	void (*attach)(uint32_t id);
	void (*detach)(uint32_t id);
	void (*unref)(uint32_t id);

	int (*transfer)(uint32_t id, const struct renderer_request *request);
	/* @bytes: a multiple of 4, aligned to 4. */
	int (*submit)(void *commands, uint32_t bytes);

	/* Of what makes buffers and has no contexts; else NULL. As create_blob, with strides and
	 * offsets; @modifiers follow the request. */
	int (*allocate)(const struct renderer_request *request, const uint64_t *modifiers,
		struct renderer_answer *answer, int *fd);
	/* How fast its buffers are. */
	int (*measure)(struct renderer_answer *answer);

	/* A fence behind everything so far. -EINVAL when the context has no such ring. */
	int (*fence)(uint32_t ring, uint32_t serial);
	bool (*fences_pending)(void);
	/* fds that become readable when fences may have retired. Returns how many. */
	unsigned (*poll_fds)(int fds[LIBRARY_MAX_POLL_FDS]);
	void (*poll)(void);
};

extern const struct library library_virgl;
extern const struct library library_gfxstream;
extern const struct library library_gbm; /* only what is about buffers */

/*
 * Loads libgfxstream_backend, before files are out of reach. False, with a log line: it is not
 * there, or not one that we know.
 */
bool gfxstream_load(void);

#endif
