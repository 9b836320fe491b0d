/*
 * libvirglrenderer, as one worker uses it: initialised for one kind, with one context. The only
 * file that calls it is library.c. Results are 0 or a negative errno.
 */
#ifndef HOST_BRIDGE_RENDER_WORKER_LIBRARY_H
#define HOST_BRIDGE_RENDER_WORKER_LIBRARY_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "host-bridge/render/renderer_protocol.h"

#define LIBRARY_MAX_POLL_FDS 2

/* @render_node: a GPU's, or NULL: what Mesa finds, llvmpipe if nothing else. */
int library_init(enum renderer_kind kind, const char *render_node);

/* Writes a capset to @data. Its size, or -EINVAL (not one of this kind). */
int library_capset(
	uint32_t capset_id, uint32_t *max_version, uint8_t data[RENDERER_MAX_CAPSET_BYTES]);

int library_create_context(uint32_t capset_id, const char *name);

/* The iovecs are borrowed for as long as they are attached. */
int library_create_3d(uint32_t id, const struct renderer_request *request);
int library_attach_backing(uint32_t id, struct iovec *iov, uint32_t n_iov);
void library_detach_backing(uint32_t id);
int library_guest_blob(uint32_t id, uint64_t size, struct iovec *iov, uint32_t n_iov);

/* Creates a blob of host memory and describes it in @answer. *@fd is the caller's. */
int library_create_blob(uint32_t id, const struct renderer_request *request,
	struct renderer_answer *answer, int *fd);
/*
 * Creates a classic resource in memory that can be shared: as library_create_blob, with stride and
 * modifier. -EOPNOTSUPP: the resource exists, but cannot be shared.
 */
int library_create_shared(uint32_t id, const struct renderer_request *request,
	struct renderer_answer *answer, int *fd);
/* Whether library_create_shared works here; it is tried with a small texture. */
bool library_shares_textures(void);
/* Takes @fd, also on error. */
int library_import(uint32_t id, const struct renderer_request *request, int fd);
void library_attach(uint32_t id);
void library_detach(uint32_t id);
void library_unref(uint32_t id);

int library_transfer(uint32_t id, const struct renderer_request *request);
/* @bytes: a multiple of 4, aligned to 4. */
int library_submit(void *commands, uint32_t bytes);

/*
 * A fence behind everything so far; retired (below) is called with @serial when it is due, from
 * here or from library_poll. -EINVAL when the context has no such ring.
 */
int library_fence(uint32_t ring, uint32_t serial);
void library_set_retired(void (*retired)(uint32_t serial));
bool library_fences_pending(void);
/* fds that become readable when fences may have retired. Returns how many. */
unsigned library_poll_fds(int fds[LIBRARY_MAX_POLL_FDS]);
void library_poll(void);

#endif
