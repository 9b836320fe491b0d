/* Requests that are kept, and the order in which answers are put on the used ring. */
#include "host-bridge/contexts/requests.h"

#include <errno.h>
#include <stdlib.h>

#include "host-bridge/resources/quota.h"
#include "protocol/base/bytes.h"

struct kept_request {
	struct request base;
	struct wl_list kept_link; /* context::requests */
	struct requests *requests;
	struct virtio_gpu_ctrl_hdr command;
	uint16_t head;
	uint32_t n_in;
	struct virtqueue_segment in[]; /* as far as an answer reaches */
};

void requests_init(struct requests *requests, struct virtqueue *queue,
	struct device_counters *counters, struct vm_quota *quota, void (*answered)(void *data),
	void *data)
{
	memset(requests, 0, sizeof(*requests));
	requests->queue = queue;
	requests->counters = counters;
	requests->quota = quota;
	requests->answered = answered;
	requests->data = data;
	wl_list_init(&requests->timeline);
}

void requests_reset(struct requests *requests)
{
	memset(requests->places, 0, sizeof(requests->places));
	wl_list_init(&requests->timeline);
}

void requests_arrived(
	struct requests *requests, const struct virtio_gpu_ctrl_hdr *command, uint16_t head)
{
	if (!(command->flags & VIRTIO_GPU_FLAG_FENCE) ||
		command->flags & VIRTIO_GPU_FLAG_INFO_RING_IDX || head >= VIRTQUEUE_MAX_SIZE)
		return;
	struct requests_place *place = &requests->places[head];
	/* A driver that offers a chain again before its answer breaks only its own order. */
	if (place->taken)
		return;
	*place = (struct requests_place){.taken = true};
	wl_list_insert(requests->timeline.prev, &place->link);
}

void requests_push(struct requests *requests, uint16_t head, uint32_t written)
{
	struct requests_place *place = head < VIRTQUEUE_MAX_SIZE ? &requests->places[head] : NULL;
	if (!place || !place->taken || place->done) {
		virtqueue_push(requests->queue, head, written);
		return;
	}
	place->done = true;
	place->written = written;
	while (!wl_list_empty(&requests->timeline)) {
		struct requests_place *first =
			wl_container_of(requests->timeline.next, first, link);
		if (!first->done)
			break;
		wl_list_remove(&first->link);
		first->taken = false;
		virtqueue_push(
			requests->queue, (uint16_t)(first - requests->places), first->written);
	}
}

uint32_t command_response(int err)
{
	switch (err) {
	case 0:
		return VIRTIO_GPU_RESP_OK_NODATA;
	case -ENOENT:
	case -EEXIST:
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	case -EINVAL:
	case -EBUSY:
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	case -ENOMEM:
	case -ENOSPC:
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	default:
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	}
}

struct virtio_gpu_ctrl_hdr response_header(const struct virtio_gpu_ctrl_hdr *command, uint32_t type)
{
	struct virtio_gpu_ctrl_hdr header = {.type = type};
	if (!(command->flags & VIRTIO_GPU_FLAG_FENCE))
		return header;
	header.flags = command->flags & (VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX);
	header.fence_id = command->fence_id;
	header.ctx_id = command->ctx_id;
	if (command->flags & VIRTIO_GPU_FLAG_INFO_RING_IDX)
		header.ring_idx = command->ring_idx;
	return header;
}

struct request *request_create(struct requests *requests, const struct virtqueue_chain *chain,
	const struct virtio_gpu_ctrl_hdr *command, struct context *context)
{
	const struct virtqueue_segment *in = chain->segments + chain->n_out;
	uint32_t n_in = 0;
	for (uint64_t bytes = 0; n_in < chain->n_in && bytes < REQUEST_MAX_ANSWER_BYTES; n_in++)
		bytes += in[n_in].length;

	if (!quota_charge(requests->quota, QUOTA_KEPT_REQUESTS, 1))
		return NULL;
	struct kept_request *kept = malloc(sizeof(*kept) + n_in * sizeof(*in));
	if (!kept) {
		quota_release(requests->quota, QUOTA_KEPT_REQUESTS, 1);
		return NULL;
	}
	*kept = (struct kept_request){
		.base = {.context = context,
			.ring = -1,
			.fenced = command->flags & VIRTIO_GPU_FLAG_FENCE},
		.requests = requests,
		.command = *command,
		.head = chain->head,
		.n_in = n_in,
	};
	if (command->flags & VIRTIO_GPU_FLAG_FENCE &&
		command->flags & VIRTIO_GPU_FLAG_INFO_RING_IDX)
		kept->base.ring = command->ring_idx;
	memcpy(kept->in, in, n_in * sizeof(*in));
	wl_list_init(&kept->kept_link);
	if (context) {
		wl_list_insert(context->requests.prev, &kept->kept_link);
		context->n_held++;
	}
	return &kept->base;
}

void request_complete_with(
	struct request *request, uint32_t response, struct virtio_gpu_ctrl_hdr *answer, size_t size)
{
	struct kept_request *kept = container_of(request, struct kept_request, base);
	struct requests *requests = kept->requests;

	wl_list_remove(&kept->kept_link);
	quota_release(requests->quota, QUOTA_KEPT_REQUESTS, 1);
	if (request->context)
		request->context->n_held--;
	if (!requests->dropping) {
		requests->counters->errors += response >= VIRTIO_GPU_RESP_ERR_UNSPEC;
		*answer = response_header(&kept->command, response);
		size_t written =
			virtqueue_write(requests->queue, kept->in, kept->n_in, 0, answer, size);
		requests_push(requests, kept->head, (uint32_t)written);
		requests->answered(requests->data);
	}
	free(kept);
}

void request_complete(struct request *request, uint32_t response)
{
	struct virtio_gpu_ctrl_hdr answer;
	request_complete_with(request, response, &answer, sizeof(answer));
}

void requests_finish(struct wl_list *held)
{
	while (!wl_list_empty(held)) {
		struct kept_request *kept = wl_container_of(held->next, kept, kept_link);
		kept->base.context = NULL;
		request_complete(&kept->base, VIRTIO_GPU_RESP_OK_NODATA);
	}
}
