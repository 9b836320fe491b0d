/*
 * What renderer_context.c (the context, its submissions, its blobs), renderer_resources.c (the
 * resources that its worker knows) and renderer_work.c (what it asks of the worker) share.
 */
#ifndef HOST_BRIDGE_RENDER_RENDERER_IMPL_H
#define HOST_BRIDGE_RENDER_RENDERER_IMPL_H

#include "host-bridge/contexts/context.h"
#include "host-bridge/render/renderer_link.h"
#include "protocol/base/log.h"

struct renderer_context {
	struct context base;
	enum renderer_kind kind;
	struct renderer_link *link;
	bool lost;
	struct resource_account *account;
	struct id_map known;  /* resources that the worker knows, by id */
	struct wl_list works; /* work::link */
	uint32_t n_works;
	uint32_t regions[RENDERER_MAX_REGIONS]; /* regions of guest memory that the worker has */
	uint32_t n_regions;
};

#define RENDERER_MAX_WORKS (2 * VIRTQUEUE_MAX_SIZE) /* an honest driver has fewer */

/* A request to the worker that the guest waits for. */
struct renderer_work {
	struct wl_list link;
	struct renderer_call call;
	struct renderer_context *context;
	struct request *request;   /* NULL: for a shared texture */
	struct resource *resource; /* that gets memory by it (a reference), or NULL */
	uint64_t blob_bytes;       /* the size that the guest gave for it */
};

/* In renderer_work.c */

struct renderer_context *renderer_of_base(struct context *base);

/* Sends a request without an answer, unless the worker is lost. */
void renderer_tell(struct renderer_context *context, const struct renderer_request *request);
void renderer_tell_about(
	struct renderer_context *context, enum renderer_request_type type, uint32_t resource_id);

/* NULL when memory is short, or too many are open. */
struct renderer_work *renderer_work_create(struct renderer_context *context,
	struct request *request,
	void (*done)(struct renderer_call *call, const struct renderer_answer *answer, int fd));
void renderer_work_destroy(struct renderer_work *work);

/* In renderer_resources.c: context_ops */
void renderer_backing(struct context *base, struct resource *resource);
int renderer_attach(struct context *base, struct resource *resource);
void renderer_detach(struct context *base, struct resource *resource);
void renderer_forget(struct context *base, struct resource *resource);

#endif
