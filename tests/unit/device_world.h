/*
 * The device between a guest's driver and a compositor that the test plays, with the commands of a
 * guest that has cross-domain contexts. One program includes it once.
 */
#ifndef TESTS_UNIT_DEVICE_WORLD_H
#define TESTS_UNIT_DEVICE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_gpu.h>

#include "protocol/base/bytes.h"
#include "protocol/formats/cross_domain.h"
#include "tests/unit/fake_compositor.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/machine.h"

#define OK VIRTIO_GPU_RESP_OK_NODATA
#define UNSPEC VIRTIO_GPU_RESP_ERR_UNSPEC
#define NO_MEMORY VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
#define BAD_SCANOUT VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
#define BAD_RESOURCE VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_CONTEXT VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID
#define BAD_PARAMETER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER

#define PAGES (MACHINE_RAM + MACHINE_PAGES) /* guest address of memory for blobs */

static int fds_before;

static inline int set_up(void **state)
{
	fds_before = fd_count();
	fake_compositor_absent = false;
	machine_create();
	return 0;
}

static inline int tear_down(void **state)
{
	machine_destroy();
	return fake_compositor == NULL && fd_count() == fds_before ? 0 : -1;
}

/* A counter of the statistics. */
static inline uint64_t stat_of(const char *name)
{
	char *text = NULL, line[64];
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	device_print_stats(machine.device, out);
	fclose(out);
	snprintf(line, sizeof(line), "\n%s ", name);
	const char *found = strstr(text, line);
	assert_non_null(found);
	uint64_t value = strtoull(found + strlen(line), NULL, 10);
	free(text);
	return value;
}

/* --- commands --- */

union response {
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtio_gpu_resp_display_info display_info;
	struct virtio_gpu_resp_capset_info capset_info;
	struct virtio_gpu_resp_resource_uuid uuid;
	struct virtio_gpu_resp_map_info map_info;
	uint8_t bytes[2048];
};
static union response response;
static uint32_t response_bytes;

static inline bool answered(uint16_t head)
{
	return machine_answered(head, &response, sizeof(response), &response_bytes);
}

/* Executes @out on the control queue; the type of its answer. */
static inline uint32_t command(const void *out, uint32_t size)
{
	uint16_t head = machine_offer(0, out, size, sizeof(response));
	assert_int_equal(machine_kick(0), 0);
	assert_true(answered(head));
	return response.hdr.type;
}

#define HDR(...) .hdr = {.type = VIRTIO_GPU_CMD_##__VA_ARGS__}
#define RUN(type, ...) command(&(type){__VA_ARGS__}, sizeof(type))

static inline uint32_t create_context(uint32_t id)
{
	return RUN(struct virtio_gpu_ctx_create, HDR(CTX_CREATE, .ctx_id = id), .nlen = 4,
		.context_init = 5, .debug_name = "test");
}

static inline uint32_t destroy_context(uint32_t id)
{
	return RUN(struct virtio_gpu_ctx_destroy, HDR(CTX_DESTROY, .ctx_id = id));
}

static inline uint32_t attach(uint32_t context, uint32_t resource)
{
	return RUN(struct virtio_gpu_ctx_resource, HDR(CTX_ATTACH_RESOURCE, .ctx_id = context),
		.resource_id = resource);
}

static inline uint32_t detach(uint32_t context, uint32_t resource)
{
	return RUN(struct virtio_gpu_ctx_resource, HDR(CTX_DETACH_RESOURCE, .ctx_id = context),
		.resource_id = resource);
}

static inline uint32_t unref(uint32_t resource)
{
	return RUN(struct virtio_gpu_resource_unref, HDR(RESOURCE_UNREF), .resource_id = resource);
}

static inline uint32_t create_2d(uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
	return RUN(struct virtio_gpu_resource_create_2d, HDR(RESOURCE_CREATE_2D), .resource_id = id,
		.format = format, .width = width, .height = height);
}

/* RESOURCE_CREATE_BLOB of guest memory: @n segments, of which @claimed are spoken of. */
static inline uint32_t create_guest_blob_of(uint32_t id, uint64_t size,
	const struct virtio_gpu_mem_entry *entries, uint32_t n, uint32_t claimed)
{
	struct {
		struct virtio_gpu_resource_create_blob command;
		struct virtio_gpu_mem_entry entries[8];
	} out = {.command = {HDR(RESOURCE_CREATE_BLOB), .resource_id = id,
			 .blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST, .nr_entries = claimed,
			 .size = size}};
	memcpy(out.entries, entries, n * sizeof(*entries));
	return command(&out, (uint32_t)(sizeof(out.command) + n * sizeof(*entries)));
}

static inline uint32_t create_guest_blob(uint32_t id, uint64_t address, uint32_t size)
{
	const struct virtio_gpu_mem_entry entry = {.addr = address, .length = size};
	return create_guest_blob_of(id, size, &entry, 1, 1);
}

static inline uint32_t create_host_blob(
	uint32_t context, uint32_t id, uint64_t blob_id, uint64_t size)
{
	return RUN(struct virtio_gpu_resource_create_blob,
		HDR(RESOURCE_CREATE_BLOB, .ctx_id = context), .resource_id = id,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
		.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE, .blob_id = blob_id, .size = size);
}

static inline uint32_t map_blob(uint32_t id, uint64_t offset)
{
	return RUN(struct virtio_gpu_resource_map_blob, HDR(RESOURCE_MAP_BLOB), .resource_id = id,
		.offset = offset);
}

static inline uint32_t unmap_blob(uint32_t id)
{
	return RUN(
		struct virtio_gpu_resource_unmap_blob, HDR(RESOURCE_UNMAP_BLOB), .resource_id = id);
}

/* SUBMIT_3D. @ring: of the fence, -1 for a fence of no ring, -2 for none. */
static inline uint16_t offer_submit(
	uint32_t context, const void *commands, uint32_t size, int ring, uint64_t fence_id)
{
	struct {
		struct virtio_gpu_cmd_submit command;
		uint8_t commands[4096];
	} out = {
		.command = {HDR(SUBMIT_3D, .ctx_id = context, .fence_id = fence_id), .size = size}};
	if (ring >= -1)
		out.command.hdr.flags |= VIRTIO_GPU_FLAG_FENCE;
	if (ring >= 0) {
		out.command.hdr.flags |= VIRTIO_GPU_FLAG_INFO_RING_IDX;
		out.command.hdr.ring_idx = (uint8_t)ring;
	}
	memcpy(out.commands, commands, size);
	return machine_offer(
		0, &out, (uint32_t)sizeof(out.command) + size, sizeof(struct virtio_gpu_ctrl_hdr));
}

static inline uint32_t submit(uint32_t context, const void *commands, uint32_t size)
{
	uint16_t head = offer_submit(context, commands, size, -2, 0);
	assert_int_equal(machine_kick(0), 0);
	assert_true(answered(head));
	return response.hdr.type;
}

static const struct cross_domain_init init = {
	.hdr = {.cmd = CROSS_DOMAIN_CMD_INIT, .cmd_size = sizeof(init)},
	.query_ring = 1,
	.channel_ring = 2,
	.channel_type = CROSS_DOMAIN_CHANNEL_WAYLAND,
};
static const struct cross_domain_poll poll_command = {
	.hdr = {.cmd = CROSS_DOMAIN_CMD_POLL, .cmd_size = sizeof(poll_command)}};

/* Context 1 with rings 1 and 2, and INIT done. */
static inline void open_channel(void)
{
	assert_int_equal(create_context(1), OK);
	for (uint32_t ring = 1; ring <= 2; ring++) {
		assert_int_equal(create_guest_blob(ring, PAGES + ring * 4096, 4096), OK);
		assert_int_equal(attach(1, ring), OK);
	}
	assert_int_equal(submit(1, &init, sizeof(init)), OK);
}

/* A blob of host memory that context 1 may have, of @size bytes; its blob_id. */
static inline uint32_t ask_for_image(uint32_t size)
{
	const struct cross_domain_get_image_requirements request = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_GET_IMAGE_REQUIREMENTS,
			.cmd_size = sizeof(request)},
		.width = size,
		.height = 1,
		.drm_format = 0x20203852, /* R8 */
	};
	struct cross_domain_image_requirements answer;
	assert_int_equal(submit(1, &request, sizeof(request)), OK);
	memcpy(&answer, machine.ram + MACHINE_PAGES + 4096, sizeof(answer));
	assert_int_equal(answer.size, align_up(size, PAGE_BYTES));
	return answer.blob_id;
}

/* --- tests --- */

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
