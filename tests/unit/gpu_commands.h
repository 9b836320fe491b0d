/* Commands of a guest's driver, for tests with machine.h. One program includes it once. */
#ifndef TESTS_UNIT_GPU_COMMANDS_H
#define TESTS_UNIT_GPU_COMMANDS_H

#include <linux/virtio_gpu.h>
#include <stdio.h>
#include <time.h>

#include "protocol/base/bytes.h"
#include "tests/unit/machine.h"

#define OK VIRTIO_GPU_RESP_OK_NODATA
#define UNSPEC VIRTIO_GPU_RESP_ERR_UNSPEC
#define NO_MEMORY VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
#define BAD_RESOURCE VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_CONTEXT VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID
#define BAD_PARAMETER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
#define NO_ANSWER 0

#define PAGES (MACHINE_RAM + MACHINE_PAGES) /* guest address of memory for blobs */
#define RESPONSE_BYTES 2048

union gpu_response {
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtio_gpu_resp_capset_info capset_info;
	struct virtio_gpu_resp_map_info map_info;
	uint8_t bytes[RESPONSE_BYTES];
};
static union gpu_response gpu_response;
static uint32_t gpu_response_bytes;

/* The type of the answer to the command with this head, or NO_ANSWER. */
static inline uint32_t gpu_answer(uint16_t head)
{
	bool there =
		machine_answered(head, &gpu_response, sizeof(gpu_response), &gpu_response_bytes);
	return there ? gpu_response.hdr.type : NO_ANSWER;
}

static inline int64_t gpu_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#define GPU_HANGS_MS 60000

/* Lets the device work until the answer is there; NO_ANSWER when it hangs. */
static inline uint32_t gpu_await(uint16_t head)
{
	int64_t end = gpu_now_ms() + GPU_HANGS_MS;
	uint32_t type;
	while ((type = gpu_answer(head)) == NO_ANSWER && gpu_now_ms() < end)
		wl_event_loop_dispatch(machine.loop, 5);
	return type;
}

/* Makes a command available and kicks; its head. */
static inline uint16_t gpu_offer(const void *out, uint32_t size)
{
	uint16_t head = machine_offer(0, out, size, RESPONSE_BYTES);
	machine_kick(0);
	machine_turn();
	return head;
}

static inline uint32_t gpu_command(const void *out, uint32_t size)
{
	return gpu_answer(gpu_offer(out, size));
}

#define HDR(...) .hdr = {.type = VIRTIO_GPU_CMD_##__VA_ARGS__}
#define OFFER(type, ...) gpu_offer(&(type){__VA_ARGS__}, sizeof(type))
#define RUN(type, ...) gpu_command(&(type){__VA_ARGS__}, sizeof(type))

static inline uint32_t gpu_create_context(uint32_t id, uint32_t capset)
{
	return RUN(struct virtio_gpu_ctx_create, HDR(CTX_CREATE, .ctx_id = id), .nlen = 4,
		.context_init = capset, .debug_name = "test");
}

static inline uint32_t gpu_destroy_context_of(uint32_t id)
{
	return RUN(struct virtio_gpu_ctx_destroy, HDR(CTX_DESTROY, .ctx_id = id));
}

static inline uint16_t gpu_offer_attach(uint32_t context, uint32_t resource)
{
	return OFFER(struct virtio_gpu_ctx_resource, HDR(CTX_ATTACH_RESOURCE, .ctx_id = context),
		.resource_id = resource);
}

static inline uint32_t gpu_attach(uint32_t context, uint32_t resource)
{
	return gpu_answer(gpu_offer_attach(context, resource));
}

static inline uint32_t gpu_unref(uint32_t resource)
{
	return RUN(struct virtio_gpu_resource_unref, HDR(RESOURCE_UNREF), .resource_id = resource);
}

static inline uint16_t gpu_offer_host_blob(
	uint32_t context, uint32_t resource, uint64_t blob_id, uint64_t size)
{
	return OFFER(struct virtio_gpu_resource_create_blob,
		HDR(RESOURCE_CREATE_BLOB, .ctx_id = context), .resource_id = resource,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
		.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE, .blob_id = blob_id, .size = size);
}

static inline uint16_t gpu_offer_map(uint32_t resource, uint64_t offset)
{
	return OFFER(struct virtio_gpu_resource_map_blob, HDR(RESOURCE_MAP_BLOB),
		.resource_id = resource, .offset = offset);
}

static inline uint32_t gpu_unmap(uint32_t resource)
{
	return RUN(struct virtio_gpu_resource_unmap_blob, HDR(RESOURCE_UNMAP_BLOB),
		.resource_id = resource);
}

#define GPU_SHARED (1u << 20) /* virgl's bind flag */

static inline uint16_t gpu_offer_texture(
	uint32_t resource, uint32_t width, uint32_t height, uint32_t bind)
{
	enum { TEXTURE_2D = 2, B8G8R8A8_UNORM = 1, RENDER_TARGET_AND_SAMPLER_VIEW = 2 | 8 };
	return OFFER(struct virtio_gpu_resource_create_3d, HDR(RESOURCE_CREATE_3D),
		.resource_id = resource, .target = TEXTURE_2D, .format = B8G8R8A8_UNORM,
		.bind = RENDER_TARGET_AND_SAMPLER_VIEW | bind, .width = width, .height = height,
		.depth = 1, .array_size = 1);
}

static inline uint32_t gpu_texture(uint32_t resource, uint32_t width, uint32_t height)
{
	return gpu_answer(gpu_offer_texture(resource, width, height, 0));
}

/* Guest pages at @address for a classic resource, in one run. */
static inline uint32_t gpu_backing(uint32_t resource, uint64_t address, uint32_t size)
{
	struct {
		struct virtio_gpu_resource_attach_backing command;
		struct virtio_gpu_mem_entry entry;
	} out = {{HDR(RESOURCE_ATTACH_BACKING), .resource_id = resource, .nr_entries = 1},
		{.addr = address, .length = size}};
	return gpu_command(&out, sizeof(out));
}

#define FENCE_NONE -2
#define FENCE_GLOBAL -1

static inline void gpu_set_fence(struct virtio_gpu_ctrl_hdr *hdr, int ring)
{
	if (ring == FENCE_NONE)
		return;
	hdr->flags = VIRTIO_GPU_FLAG_FENCE;
	hdr->fence_id = 77;
	if (ring >= 0) {
		hdr->flags |= VIRTIO_GPU_FLAG_INFO_RING_IDX;
		hdr->ring_idx = (uint8_t)ring;
	}
}

static inline uint16_t gpu_offer_submit(
	uint32_t context, const void *bytes, uint32_t size, int ring)
{
	struct {
		struct virtio_gpu_cmd_submit command;
		uint8_t bytes[1 << 20];
	} *out = calloc(1, sizeof(*out));
	out->command =
		(struct virtio_gpu_cmd_submit){HDR(SUBMIT_3D, .ctx_id = context), .size = size};
	gpu_set_fence(&out->command.hdr, ring);
	memcpy(out->bytes, bytes, size);
	uint16_t head = gpu_offer(out, (uint32_t)(sizeof(out->command) + size));
	free(out);
	return head;
}

static inline uint16_t gpu_offer_transfer(uint32_t context, uint32_t resource, uint32_t width,
	uint32_t height, bool to_host, int ring)
{
	struct virtio_gpu_transfer_host_3d command = {
		.hdr = {.type = to_host ? VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D
					: VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D,
			.ctx_id = context},
		.box = {.w = width, .h = height, .d = 1},
		.resource_id = resource,
	};
	gpu_set_fence(&command.hdr, ring);
	return gpu_offer(&command, sizeof(command));
}

/* A counter of the statistics. */
static inline uint64_t gpu_stat(const char *name)
{
	char *text = NULL, line[64];
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	fputc('\n', out);
	device_print_stats(machine.device, out);
	fclose(out);
	snprintf(line, sizeof(line), "\n%s ", name);
	const char *found = strstr(text, line);
	assert(found);
	uint64_t value = strtoull(found + strlen(line), NULL, 10);
	free(text);
	return value;
}

#endif
