/* What a 3D context asks of its worker. */
#include <stdlib.h>

#include "host-bridge/contexts/requests.h"
#include "host-bridge/render/renderer_impl.h"
#include "protocol/base/bytes.h"

struct renderer_context *renderer_of_base(struct context *base)
{
	return container_of(base, struct renderer_context, base);
}

void renderer_tell(struct renderer_context *context, const struct renderer_request *request)
{
	if (!context->lost)
		renderer_link_send(context->link, request, NULL, 0, -1, NULL);
}

void renderer_tell_about(
	struct renderer_context *context, enum renderer_request_type type, uint32_t resource_id)
{
	renderer_tell(
		context, &(struct renderer_request){.type = type, .resource_id = resource_id});
}

struct renderer_work *renderer_work_create(struct renderer_context *context,
	struct request *request,
	void (*done)(struct renderer_call *call, const struct renderer_answer *answer, int fd))
{
	struct renderer_work *work =
		context->n_works < RENDERER_MAX_WORKS ? calloc(1, sizeof(*work)) : NULL;
	if (!work)
		return NULL;
	work->context = context;
	work->request = request;
	work->call.done = done;
	wl_list_insert(context->works.prev, &work->link);
	context->n_works++;
	return work;
}

void renderer_work_destroy(struct renderer_work *work)
{
	wl_list_remove(&work->link);
	work->context->n_works--;
	free(work);
}
