/* A guest's cross-domain context on a raw device. */
#include "tests/clients/faults/raw_context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"

#define HEADER_BYTES sizeof(struct virtio_gpu_ctrl_hdr)
#define FORMAT_R8 UINT32_C(0x20203852)

/* Each context has four pages on the heap: its rings, one after the other. */
static uint32_t ring_offset(uint32_t context, unsigned ring)
{
	return RAW_HEAP + context * 4 * RAW_PAGE + ring * RAW_PAGE;
}

const uint8_t *raw_query_page(const struct raw_device *device, uint32_t context)
{
	return device->memory + ring_offset(context, 0);
}

const uint8_t *raw_channel_page(const struct raw_device *device, uint32_t context)
{
	return device->memory + ring_offset(context, 1);
}

uint32_t raw_simple(struct raw_device *device, uint32_t type, uint32_t context, uint32_t resource)
{
	const struct virtio_gpu_ctx_resource command = {
		.hdr = {.type = type, .ctx_id = context}, .resource_id = resource};

	return raw_device_command(device, &command, sizeof(command), HEADER_BYTES);
}

uint32_t raw_guest_blob(
	struct raw_device *device, uint32_t resource, uint32_t offset, uint32_t size)
{
	const struct {
		struct virtio_gpu_resource_create_blob create;
		struct virtio_gpu_mem_entry entry;
	} command = {
		.create = {.hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB},
			.resource_id = resource,
			.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
			.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
			.nr_entries = 1,
			.size = size},
		.entry = {.addr = raw_guest(offset), .length = size},
	};

	return raw_device_command(device, &command, sizeof(command), HEADER_BYTES);
}

uint32_t raw_context_create(struct raw_device *device, uint32_t context)
{
	const struct virtio_gpu_ctx_create create = {
		.hdr = {.type = VIRTIO_GPU_CMD_CTX_CREATE, .ctx_id = context},
		.nlen = 4,
		.context_init = CROSS_DOMAIN_CAPSET_ID,
		.debug_name = "test"};
	uint32_t answer = raw_device_command(device, &create, sizeof(create), HEADER_BYTES);

	for (unsigned ring = 0; ring < 2; ring++) {
		uint32_t resource = ring ? RAW_CHANNEL_RING(context) : RAW_QUERY_RING(context);

		if (answer == VIRTIO_GPU_RESP_OK_NODATA)
			answer = raw_guest_blob(
				device, resource, ring_offset(context, ring), RAW_PAGE);
		if (answer == VIRTIO_GPU_RESP_OK_NODATA)
			answer = raw_simple(
				device, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, context, resource);
	}
	return answer;
}

void raw_context_destroy(struct raw_device *device, uint32_t context)
{
	raw_simple(device, VIRTIO_GPU_CMD_CTX_DESTROY, context, 0);
	raw_simple(device, VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, RAW_QUERY_RING(context));
	raw_simple(device, VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, RAW_CHANNEL_RING(context));
}

void raw_prepare_submit(struct raw_device *device, unsigned slot, uint32_t context, bool fenced,
	const void *commands, size_t size)
{
	static uint8_t command[RAW_REQUEST_BYTES];
	const struct virtio_gpu_cmd_submit submit = {
		.hdr = {.type = VIRTIO_GPU_CMD_SUBMIT_3D,
			.ctx_id = context,
			.flags = fenced ? VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX : 0,
			.ring_idx = CROSS_DOMAIN_QUERY_RING},
		.size = (uint32_t)size};

	memcpy(command, &submit, sizeof(submit));
	memcpy(command + sizeof(submit), commands, size);
	raw_device_prepare(device, slot, command, sizeof(submit) + size, HEADER_BYTES);
}

uint32_t raw_submit(struct raw_device *device, uint32_t context, const void *commands, size_t size)
{
	raw_prepare_submit(device, 0, context, false, commands, size);
	raw_device_post(device, 0);
	return raw_device_answer(device, 0);
}

uint32_t raw_context_init(struct raw_device *device, uint32_t context)
{
	const struct cross_domain_init init = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_INIT, .cmd_size = sizeof(init)},
		.query_ring = RAW_QUERY_RING(context),
		.channel_ring = RAW_CHANNEL_RING(context),
		.channel_type = CROSS_DOMAIN_CHANNEL_WAYLAND};

	return raw_submit(device, context, &init, sizeof(init));
}

void raw_prepare_send(struct raw_device *device, unsigned slot, uint32_t context, bool fenced,
	const uint32_t *words, size_t n, uint32_t resource)
{
	uint8_t command[4096];
	struct cross_domain_send_receive send = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_SEND, .cmd_size = (uint16_t)(sizeof(send) + 4 * n)},
		.num_identifiers = resource != 0,
		.opaque_data_size = (uint32_t)(4 * n),
		.identifiers = {resource},
		.types = {CROSS_DOMAIN_ID_VIRTGPU_BLOB},
	};

	memcpy(command, &send, sizeof(send));
	memcpy(command + sizeof(send), words, 4 * n);
	raw_prepare_submit(device, slot, context, fenced, command, sizeof(send) + 4 * n);
}

uint32_t raw_send(struct raw_device *device, uint32_t context, const uint32_t *words, size_t n,
	uint32_t resource)
{
	raw_prepare_send(device, 0, context, false, words, n, resource);
	raw_device_post(device, 0);
	return raw_device_answer(device, 0);
}

struct cross_domain_image_requirements raw_ask_image(struct raw_device *device, uint32_t context,
	uint32_t width, uint32_t height, uint32_t format, uint32_t flags)
{
	const struct cross_domain_get_image_requirements get = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_GET_IMAGE_REQUIREMENTS, .cmd_size = sizeof(get)},
		.width = width,
		.height = height,
		.drm_format = format,
		.flags = flags};
	struct cross_domain_image_requirements told = {0};

	memset(device->memory + ring_offset(context, 0), 0, sizeof(told));
	/* Behind its fence is the answer of a GPU, too. */
	raw_prepare_submit(device, 0, context, true, &get, sizeof(get));
	raw_device_post(device, 0);
	if (raw_device_answer(device, 0) == VIRTIO_GPU_RESP_OK_NODATA)
		memcpy(&told, raw_query_page(device, context), sizeof(told));
	return told;
}

uint32_t raw_blob_id(struct raw_device *device, uint32_t context, uint32_t size)
{
	return raw_ask_image(device, context, size, 1, FORMAT_R8, CROSS_DOMAIN_IMAGE_LINEAR)
		.blob_id;
}

uint32_t raw_host_blob(struct raw_device *device, uint32_t context, uint32_t resource,
	uint64_t blob_id, uint64_t size)
{
	const struct virtio_gpu_resource_create_blob create = {
		.hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, .ctx_id = context},
		.resource_id = resource,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
		.blob_flags =
			VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE | VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE,
		.blob_id = blob_id,
		.size = size};

	return raw_device_command(device, &create, sizeof(create), HEADER_BYTES);
}

uint32_t raw_map_blob(struct raw_device *device, uint32_t resource, uint64_t offset)
{
	const struct virtio_gpu_resource_map_blob map = {
		.hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB},
		.resource_id = resource,
		.offset = offset};

	return raw_device_command(
		device, &map, sizeof(map), sizeof(struct virtio_gpu_resp_map_info));
}

/* The slot of a context's POLL is the context's id; commands use slot 0. */
void raw_post_poll(struct raw_device *device, uint32_t context)
{
	const struct {
		struct virtio_gpu_cmd_submit submit;
		struct cross_domain_poll poll;
	} command = {
		.submit = {.hdr = {.type = VIRTIO_GPU_CMD_SUBMIT_3D,
				   .ctx_id = context,
				   .flags = VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX,
				   .ring_idx = CROSS_DOMAIN_CHANNEL_RING,
				   .fence_id = 77},
			.size = sizeof(struct cross_domain_poll)},
		.poll = {.hdr = {.cmd = CROSS_DOMAIN_CMD_POLL,
				 .cmd_size = sizeof(struct cross_domain_poll)}},
	};

	raw_device_prepare(device, context, &command, sizeof(command), HEADER_BYTES);
	raw_device_post(device, (uint16_t)(2 * context));
}

enum raw_end raw_wait_poll(struct raw_device *device, uint32_t context, int timeout_ms)
{
	return raw_device_wait(device, (int)(2 * context), timeout_ms);
}

/* The link. */

struct link_context {
	struct link base;
	struct raw_device *device;
	uint32_t context;
	uint32_t n_pools;
	bool lost; /* its context is destroyed, or the POLL was refused */
	bool end;
	uint8_t data[RAW_PAGE]; /* of the last RECEIVE, not handed out yet */
	size_t n_data;
};

/* Mapped memory of the host's for a pool, attached to the context. Its resource, 0 when refused. */
static uint32_t make_pool(struct link_context *self, size_t size)
{
	static uint64_t offset_bytes = 1 << 20; /* in the region; never taken back */
	uint32_t resource = 1000 * self->context + 10 + self->n_pools++;
	uint64_t blob_bytes = align_up(size, RAW_PAGE);
	uint32_t blob_id = raw_blob_id(self->device, self->context, (uint32_t)size);

	if (blob_id == 0 ||
		raw_host_blob(self->device, self->context, resource, blob_id, blob_bytes) !=
			VIRTIO_GPU_RESP_OK_NODATA ||
		raw_map_blob(self->device, resource, offset_bytes) != VIRTIO_GPU_RESP_OK_MAP_INFO ||
		raw_simple(self->device, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, self->context,
			resource) != VIRTIO_GPU_RESP_OK_NODATA)
		return 0;
	offset_bytes += blob_bytes;
	return resource;
}

static int context_send(struct link *link, const void *bytes, size_t size, size_t pool)
{
	struct link_context *self = (struct link_context *)link;
	struct cross_domain_send_receive send = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_SEND, .cmd_size = (uint16_t)(sizeof(send) + size)},
		.opaque_data_size = (uint32_t)size};
	uint8_t command[4096];

	if (self->lost)
		return -EPIPE;
	if (pool > 0) {
		send.num_identifiers = 1;
		send.types[0] = CROSS_DOMAIN_ID_VIRTGPU_BLOB;
		send.identifiers[0] = make_pool(self, pool);
		if (send.identifiers[0] == 0)
			return -ENOMEM;
	}
	memcpy(command, &send, sizeof(send));
	memcpy(command + sizeof(send), bytes, size);
	return raw_submit(self->device, self->context, command, sizeof(send) + size) ==
			VIRTIO_GPU_RESP_OK_NODATA
		? 0
		: -EPIPE;
}

/* Takes the event in the channel ring and asks for the next. */
static int take_event(struct link_context *self)
{
	struct cross_domain_send_receive event;
	const uint8_t *page = raw_channel_page(self->device, self->context);

	memcpy(&event, page, sizeof(event));
	if (event.hdr.cmd != CROSS_DOMAIN_CMD_RECEIVE ||
		event.opaque_data_size > RAW_PAGE - sizeof(event))
		return -EPROTO;
	self->n_data = event.opaque_data_size;
	memcpy(self->data, page + sizeof(event), self->n_data);
	if (self->n_data == 0 && event.num_identifiers == 0)
		self->end = true;
	else
		raw_post_poll(self->device, self->context);
	return 0;
}

static ssize_t context_receive(struct link *link, void *bytes, size_t size, int timeout_ms)
{
	struct link_context *self = (struct link_context *)link;
	int error = 0;

	while (self->n_data == 0 && !self->end && !self->lost && !error) {
		enum raw_end end = raw_wait_poll(self->device, self->context, timeout_ms);

		if (end != RAW_ANSWERED)
			return end == RAW_SILENT ? -ETIMEDOUT : -EIO;
		error = take_event(self);
	}
	if (error || self->end || self->lost)
		return error;
	size_t n = self->n_data < size ? self->n_data : size;
	memcpy(bytes, self->data, n);
	self->n_data -= n;
	memmove(self->data, self->data + n, self->n_data);
	return (ssize_t)n;
}

static void context_finish_sending(struct link *link)
{
	struct link_context *self = (struct link_context *)link;

	if (!self->lost)
		raw_context_destroy(self->device, self->context);
	self->lost = true;
}

static void context_close(struct link *link)
{
	struct link_context *self = (struct link_context *)link;

	context_finish_sending(link);
	for (uint32_t i = 0; i < self->n_pools; i++) {
		raw_simple(self->device, VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, 0,
			1000 * self->context + 10 + i);
		raw_simple(self->device, VIRTIO_GPU_CMD_RESOURCE_UNREF, 0,
			1000 * self->context + 10 + i);
	}
	free(self);
}

static const struct link_ops context_ops = {
	.send = context_send,
	.receive = context_receive,
	.finish_sending = context_finish_sending,
	.close = context_close,
};

struct link *link_open_context(struct raw_device *device, uint32_t context)
{
	struct link_context *self = calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	*self = (struct link_context){
		.base.ops = &context_ops, .device = device, .context = context};
	if (raw_context_create(device, context) != VIRTIO_GPU_RESP_OK_NODATA ||
		raw_context_init(device, context) != VIRTIO_GPU_RESP_OK_NODATA) {
		fprintf(stderr, "the device refuses context %u\n", context);
		context_close(&self->base);
		return NULL;
	}
	raw_post_poll(device, context);
	return &self->base;
}
