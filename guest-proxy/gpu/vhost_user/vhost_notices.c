/*
 * Answers are noted at their context when they are found, and told in the turn of the device:
 * callers are never called back from inside their own calls.
 */
#include "guest-proxy/gpu/vhost_user/vhost_notices.h"

void vhost_notices_ready(struct gpu_context *context)
{
	struct gpu_vhost_user *gpu = context->gpu;
	if (wl_list_empty(&context->ready_link))
		wl_list_insert(gpu->ready.prev, &context->ready_link);
	if (!gpu->telling)
		gpu_queue_ask_turn(gpu->queue, false);
}

static void context_fail(struct gpu_context *context, const char *why)
{
	if (context->lost)
		return;
	context->lost = why;
	vhost_notices_ready(context);
}

static void handle_lost(void *data, const char *why)
{
	struct gpu_vhost_user *gpu = data;
	struct gpu_context *context;
	wl_list_for_each(context, &gpu->contexts, link) context_fail(context, why);
}

static void handle_answered(void *data, void *owner, unsigned tag, uint32_t type)
{
	struct gpu_context *context = owner;
	if (type != VIRTIO_GPU_RESP_OK_NODATA) {
		context_fail(context,
			tag == TAG_CONTEXT ? "the host takes no more connections"
					   : "the host refused its commands");
		return;
	}
	if (tag == GPU_FENCE_EVENT)
		context->n_events++;
	else if (tag == GPU_FENCE_DONE)
		context->n_done++;
	else if (tag == GPU_FENCE_ANSWER)
		context->n_answered++;
	else
		return;
	vhost_notices_ready(context);
}

static void tell_blob(struct gpu_context *context)
{
	struct vhost_blob *blob = wl_container_of(context->blobs.next, blob, link);
	wl_list_remove(&blob->link);
	wl_list_init(&blob->link);
	context->listener->blob(context->data, &blob->base, blob->error);
}

/* Makes at most one call, as it may destroy the context; the rest waits for the next round. */
static void tell_context(struct gpu_context *context)
{
	const struct gpu_listener *listener = context->listener;
	bool blobs = !wl_list_empty(&context->blobs), answered = context->n_answered > 0,
	     starved = !wl_list_empty(&context->starved_link),
	     done = context->n_done > 0 || starved, event = context->n_events > 0;

	if (context->lost) {
		bool told = context->lost_told;
		context->lost_told = true;
		if (!told)
			listener->lost(context->data, context->lost);
		return;
	}
	if (blobs + answered + done + event > 1 || context->n_answered > 1 ||
		context->n_events > 1 || context->blobs.next != context->blobs.prev)
		vhost_notices_ready(context);
	if (blobs) {
		tell_blob(context);
	} else if (answered) {
		context->n_answered--;
		listener->answered(context->data);
	} else if (done) {
		unsigned n = context->n_done;
		context->n_done = 0;
		wl_list_remove(&context->starved_link);
		wl_list_init(&context->starved_link);
		listener->done(context->data, n);
	} else if (event) {
		context->n_events--;
		listener->event(context->data);
	}
}

static void feed_starved(struct gpu_vhost_user *gpu)
{
	struct gpu_context *context;
	if (!wl_list_empty(&gpu->starved) && gpu_queue_has_room(gpu->queue))
		wl_list_for_each(context, &gpu->starved, starved_link) vhost_notices_ready(context);
}

/* What becomes due meanwhile waits for the next round of the event loop: others have their turn. */
static void handle_turn(void *data)
{
	struct gpu_vhost_user *gpu = data;
	struct wl_list batch;

	gpu->telling = true;
	feed_starved(gpu);
	wl_list_init(&batch);
	wl_list_insert_list(&batch, &gpu->ready);
	wl_list_init(&gpu->ready);
	while (!wl_list_empty(&batch)) {
		struct gpu_context *context = wl_container_of(batch.next, context, ready_link);
		wl_list_remove(&context->ready_link);
		wl_list_init(&context->ready_link);
		tell_context(context);
	}
	gpu->telling = false;
	if (!wl_list_empty(&gpu->ready)) {
		gpu_queue_ask_turn(gpu->queue, true);
	} else if (gpu_queue_failure(gpu->queue) && !gpu->death_told) {
		gpu->death_told = true;
		if (gpu->base.died)
			gpu->base.died(gpu->base.died_data); /* may destroy the gpu */
	}
}

const struct gpu_queue_listener vhost_notices_listener = {
	.answered = handle_answered,
	.turn = handle_turn,
	.lost = handle_lost,
};
