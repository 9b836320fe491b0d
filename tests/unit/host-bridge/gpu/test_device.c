/* host-bridge/gpu/device.c, commands.c, commands_resource.c and requests.c, through real
 * virtqueues. */
#include "host-bridge/gpu/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_gpu.h>
#include <sys/stat.h>

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

static int set_up(void **state)
{
	fds_before = fd_count();
	fake_compositor_absent = false;
	machine_create();
	return 0;
}

static int tear_down(void **state)
{
	machine_destroy();
	return fake_compositor == NULL && fd_count() == fds_before ? 0 : -1;
}

/* A counter of the statistics. */
static uint64_t stat_of(const char *name)
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
	uint8_t bytes[1024];
};
static union response response;
static uint32_t response_bytes;

static bool answered(uint16_t head)
{
	machine_turn();
	const struct machine_answer *answer = &machine.answers[0][head];
	if (!answer->there)
		return false;
	response_bytes = answer->written;
	memset(&response, 0, sizeof(response));
	memcpy(&response, answer->bytes, min_u64(answer->written, sizeof(response)));
	return true;
}

/* Executes @out on the control queue; the type of its answer. */
static uint32_t command(const void *out, uint32_t size)
{
	uint16_t head = machine_offer(0, out, size, sizeof(response));
	assert_int_equal(machine_kick(0), 0);
	assert_true(answered(head));
	return response.hdr.type;
}

#define HDR(...) .hdr = {.type = VIRTIO_GPU_CMD_##__VA_ARGS__}
#define RUN(type, ...) command(&(type){__VA_ARGS__}, sizeof(type))

static uint32_t create_context(uint32_t id)
{
	return RUN(struct virtio_gpu_ctx_create, HDR(CTX_CREATE, .ctx_id = id), .nlen = 4,
		.context_init = 5, .debug_name = "test");
}

static uint32_t destroy_context(uint32_t id)
{
	return RUN(struct virtio_gpu_ctx_destroy, HDR(CTX_DESTROY, .ctx_id = id));
}

static uint32_t attach(uint32_t context, uint32_t resource)
{
	return RUN(struct virtio_gpu_ctx_resource, HDR(CTX_ATTACH_RESOURCE, .ctx_id = context),
		.resource_id = resource);
}

static uint32_t detach(uint32_t context, uint32_t resource)
{
	return RUN(struct virtio_gpu_ctx_resource, HDR(CTX_DETACH_RESOURCE, .ctx_id = context),
		.resource_id = resource);
}

static uint32_t unref(uint32_t resource)
{
	return RUN(struct virtio_gpu_resource_unref, HDR(RESOURCE_UNREF), .resource_id = resource);
}

static uint32_t create_2d(uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
	return RUN(struct virtio_gpu_resource_create_2d, HDR(RESOURCE_CREATE_2D), .resource_id = id,
		.format = format, .width = width, .height = height);
}

/* RESOURCE_CREATE_BLOB of guest memory: @n segments, of which @claimed are spoken of. */
static uint32_t create_guest_blob_of(uint32_t id, uint64_t size,
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

static uint32_t create_guest_blob(uint32_t id, uint64_t address, uint32_t size)
{
	const struct virtio_gpu_mem_entry entry = {.addr = address, .length = size};
	return create_guest_blob_of(id, size, &entry, 1, 1);
}

static uint32_t create_host_blob(uint32_t context, uint32_t id, uint64_t blob_id, uint64_t size)
{
	return RUN(struct virtio_gpu_resource_create_blob,
		HDR(RESOURCE_CREATE_BLOB, .ctx_id = context), .resource_id = id,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
		.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE, .blob_id = blob_id, .size = size);
}

static uint32_t map_blob(uint32_t id, uint64_t offset)
{
	return RUN(struct virtio_gpu_resource_map_blob, HDR(RESOURCE_MAP_BLOB), .resource_id = id,
		.offset = offset);
}

static uint32_t unmap_blob(uint32_t id)
{
	return RUN(
		struct virtio_gpu_resource_unmap_blob, HDR(RESOURCE_UNMAP_BLOB), .resource_id = id);
}

/* SUBMIT_3D. @ring: of the fence, -1 for a fence of no ring, -2 for none. */
static uint16_t offer_submit(
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

static uint32_t submit(uint32_t context, const void *commands, uint32_t size)
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
static void open_channel(void)
{
	assert_int_equal(create_context(1), OK);
	for (uint32_t ring = 1; ring <= 2; ring++) {
		assert_int_equal(create_guest_blob(ring, PAGES + ring * 4096, 4096), OK);
		assert_int_equal(attach(1, ring), OK);
	}
	assert_int_equal(submit(1, &init, sizeof(init)), OK);
}

/* A blob of host memory that context 1 may have, of @size bytes; its blob_id. */
static uint32_t ask_for_image(uint32_t size)
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

static void a_probing_kernel_gets_what_it_asks(void **state)
{
	const struct vhost_user_device *description = machine.vhost_user.device;
	struct virtio_gpu_config config;

	description->get_config(machine.vhost_user.data, 0, sizeof(config), (uint8_t *)&config);
	assert_int_equal(config.num_scanouts, 1);
	assert_int_equal(config.num_capsets, 1);
	uint8_t past[8];
	description->get_config(machine.vhost_user.data, 12, sizeof(past), past);
	assert_int_equal(load_u32(past), 1);
	assert_int_equal(load_u32(past + 4), 0);
	description->get_config(machine.vhost_user.data, UINT32_MAX, sizeof(past), past);
	assert_int_equal(load_u32(past), 0);
	assert_int_equal(description->features, 1 << 0 | 1 << 2 | 1 << 3 | 1 << 4);
	assert_int_equal(description->shmem_sizes[1], MACHINE_REGION_BYTES);
	assert_int_equal(machine.vhost_user.maps, 1);

	assert_int_equal(RUN(struct virtio_gpu_ctrl_hdr, .type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO),
		VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	assert_int_equal(response_bytes, sizeof(response.display_info));
	for (size_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
		assert_int_equal(response.display_info.pmodes[i].enabled, 0);

	/* What a kernel without a display does for its console. */
	assert_int_equal(create_2d(1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64), OK);
	struct {
		struct virtio_gpu_resource_attach_backing command;
		struct virtio_gpu_mem_entry entries[2];
	} backing = {{HDR(RESOURCE_ATTACH_BACKING), .resource_id = 1, .nr_entries = 2},
		{{.addr = PAGES, .length = 8192}, {.addr = PAGES + 65536, .length = 8192}}};
	assert_int_equal(command(&backing, sizeof(backing)), OK);
	const struct virtio_gpu_rect r = {.width = 64, .height = 64};
	assert_int_equal(RUN(struct virtio_gpu_transfer_to_host_2d, HDR(TRANSFER_TO_HOST_2D),
				 .r = r, .resource_id = 1),
		OK);
	assert_int_equal(
		RUN(struct virtio_gpu_set_scanout, HDR(SET_SCANOUT), .r = r, .resource_id = 1), OK);
	assert_int_equal(RUN(struct virtio_gpu_resource_flush, HDR(RESOURCE_FLUSH), .r = r,
				 .resource_id = 1),
		OK);
	assert_int_equal(
		RUN(struct virtio_gpu_set_scanout, HDR(SET_SCANOUT), .resource_id = 0), OK);
	assert_int_equal(RUN(struct virtio_gpu_resource_detach_backing,
				 HDR(RESOURCE_DETACH_BACKING), .resource_id = 1),
		OK);
	assert_int_equal(unref(1), OK);
}

static void the_capset_is_ours_and_may_be_cut(void **state)
{
	assert_int_equal(
		RUN(struct virtio_gpu_get_capset_info, HDR(GET_CAPSET_INFO), .capset_index = 0),
		VIRTIO_GPU_RESP_OK_CAPSET_INFO);
	assert_int_equal(response.capset_info.capset_id, 5);
	assert_int_equal(response.capset_info.capset_max_version, 0);
	assert_int_equal(response.capset_info.capset_max_size, 24);
	assert_int_equal(
		RUN(struct virtio_gpu_get_capset_info, HDR(GET_CAPSET_INFO), .capset_index = 1),
		BAD_PARAMETER);

	assert_int_equal(RUN(struct virtio_gpu_get_capset, HDR(GET_CAPSET), .capset_id = 5),
		VIRTIO_GPU_RESP_OK_CAPSET);
	assert_int_equal(response_bytes, 24 + 24);
	struct cross_domain_capset_ext capset;
	memcpy(&capset, response.bytes + 24, sizeof(capset));
	assert_int_equal(capset.base.version, 1);
	assert_int_equal(capset.base.supported_channels, 2);
	assert_int_equal(capset.magic, CROSS_DOMAIN_WAYFERRY_MAGIC);
	assert_int_equal(capset.features,
		CROSS_DOMAIN_EXT_READ_CREDIT | CROSS_DOMAIN_EXT_WANT_POLL | CROSS_DOMAIN_EXT_FETCH);

	const struct virtio_gpu_get_capset get = {HDR(GET_CAPSET), .capset_id = 5};
	uint16_t head = machine_offer(0, &get, sizeof(get), 24 + 16);
	machine_kick(0);
	assert_true(answered(head));
	assert_int_equal(response_bytes, 24 + 16);
	assert_int_equal(
		RUN(struct virtio_gpu_get_capset, HDR(GET_CAPSET), .capset_id = 4), BAD_PARAMETER);
	assert_int_equal(RUN(struct virtio_gpu_get_capset, HDR(GET_CAPSET), .capset_id = 5,
				 .capset_version = 1),
		BAD_PARAMETER);
}

static void every_command_that_is_too_short_is_refused(void **state)
{
	const struct {
		uint32_t type;
		uint32_t least;
	} commands[] = {
		{VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, sizeof(struct virtio_gpu_resource_create_2d)},
		{VIRTIO_GPU_CMD_RESOURCE_UNREF, sizeof(struct virtio_gpu_resource_unref)},
		{VIRTIO_GPU_CMD_SET_SCANOUT, sizeof(struct virtio_gpu_set_scanout)},
		{VIRTIO_GPU_CMD_RESOURCE_FLUSH, sizeof(struct virtio_gpu_resource_flush)},
		{VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, sizeof(struct virtio_gpu_transfer_to_host_2d)},
		{VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
			sizeof(struct virtio_gpu_resource_attach_backing)},
		{VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING,
			sizeof(struct virtio_gpu_resource_detach_backing)},
		{VIRTIO_GPU_CMD_GET_CAPSET_INFO, sizeof(struct virtio_gpu_get_capset_info)},
		{VIRTIO_GPU_CMD_GET_CAPSET, sizeof(struct virtio_gpu_get_capset)},
		{VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID,
			sizeof(struct virtio_gpu_resource_assign_uuid)},
		{VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
			sizeof(struct virtio_gpu_resource_create_blob)},
		{VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, sizeof(struct virtio_gpu_set_scanout_blob)},
		{VIRTIO_GPU_CMD_CTX_CREATE, sizeof(struct virtio_gpu_ctx_create)},
		{VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, sizeof(struct virtio_gpu_ctx_resource)},
		{VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, sizeof(struct virtio_gpu_ctx_resource)},
		{VIRTIO_GPU_CMD_SUBMIT_3D, sizeof(struct virtio_gpu_cmd_submit)},
		{VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, sizeof(struct virtio_gpu_resource_map_blob)},
		{VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, sizeof(struct virtio_gpu_resource_unmap_blob)},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(commands); i++) {
		uint8_t bytes[256] = {0};
		store_u32(bytes, commands[i].type);
		assert_int_equal(command(bytes, commands[i].least - 1), BAD_PARAMETER);
		assert_int_equal(command(bytes, 24), BAD_PARAMETER);
	}
}

static void unknown_commands_are_refused(void **state)
{
	const uint32_t types[] = {0, 1, 0x10e, 0x20a, VIRTIO_GPU_CMD_GET_EDID,
		VIRTIO_GPU_CMD_RESOURCE_CREATE_3D, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D,
		VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D, VIRTIO_GPU_CMD_UPDATE_CURSOR, OK, UINT32_MAX};
	for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
		uint8_t bytes[128] = {0};
		store_u32(bytes, types[i]);
		assert_int_equal(command(bytes, sizeof(bytes)), UNSPEC);
	}
	const uint8_t half_a_header[12] = {0};
	assert_int_equal(command(half_a_header, sizeof(half_a_header)), UNSPEC);
	assert_int_equal(stat_of("errors"), ARRAY_LENGTH(types) + 1);
}

static void an_answer_without_room_is_cut(void **state)
{
	const struct virtio_gpu_ctrl_hdr get = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	const uint32_t sizes[] = {0, 1, 8, 23};
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		uint16_t head = machine_offer(0, &get, sizeof(get), sizes[i]);
		assert_int_equal(machine_kick(0), 0);
		assert_true(answered(head));
		assert_int_equal(response_bytes, sizes[i]);
	}
}

static void bad_resources_are_refused(void **state)
{
	const struct virtio_gpu_rect r = {.width = 8, .height = 8},
				     large = {.x = 1, .width = 8, .height = 8},
				     wraps = {.x = UINT32_MAX, .width = 2, .height = 1},
				     empty = {0};
	const uint32_t format = VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM;

	assert_int_equal(create_2d(0, format, 8, 8), BAD_RESOURCE);
	assert_int_equal(create_2d(1, 99, 8, 8), BAD_PARAMETER);
	assert_int_equal(create_2d(1, format, 0, 8), BAD_PARAMETER);
	assert_int_equal(create_2d(1, format, 8, 16385), BAD_PARAMETER);
	assert_int_equal(create_2d(1, format, UINT32_MAX, UINT32_MAX), BAD_PARAMETER);
	assert_int_equal(create_2d(1, format, 8, 8), OK);
	assert_int_equal(create_2d(1, format, 8, 8), BAD_RESOURCE);
	assert_int_equal(unref(2), BAD_RESOURCE);
	assert_int_equal(unref(0), BAD_RESOURCE);

	assert_int_equal(RUN(struct virtio_gpu_set_scanout, HDR(SET_SCANOUT), .r = r,
				 .scanout_id = 1, .resource_id = 1),
		BAD_SCANOUT);
	assert_int_equal(
		RUN(struct virtio_gpu_set_scanout, HDR(SET_SCANOUT), .r = r, .resource_id = 2),
		BAD_RESOURCE);
	assert_int_equal(
		RUN(struct virtio_gpu_set_scanout, HDR(SET_SCANOUT), .r = large, .resource_id = 1),
		BAD_PARAMETER);
	assert_int_equal(RUN(struct virtio_gpu_set_scanout_blob, HDR(SET_SCANOUT_BLOB), .r = r,
				 .resource_id = 1),
		BAD_PARAMETER);
	assert_int_equal(RUN(struct virtio_gpu_resource_flush, HDR(RESOURCE_FLUSH), .r = wraps,
				 .resource_id = 1),
		BAD_PARAMETER);
	assert_int_equal(RUN(struct virtio_gpu_resource_flush, HDR(RESOURCE_FLUSH), .r = empty,
				 .resource_id = 1),
		BAD_PARAMETER);
	assert_int_equal(RUN(struct virtio_gpu_resource_flush, HDR(RESOURCE_FLUSH), .r = r,
				 .resource_id = 9),
		BAD_RESOURCE);
	/* It has no backing. */
	assert_int_equal(RUN(struct virtio_gpu_transfer_to_host_2d, HDR(TRANSFER_TO_HOST_2D),
				 .r = r, .resource_id = 1),
		BAD_PARAMETER);
	assert_int_equal(RUN(struct virtio_gpu_resource_detach_backing,
				 HDR(RESOURCE_DETACH_BACKING), .resource_id = 1),
		BAD_PARAMETER);
	assert_int_equal(RUN(struct virtio_gpu_resource_detach_backing,
				 HDR(RESOURCE_DETACH_BACKING), .resource_id = 9),
		BAD_RESOURCE);
	assert_int_equal(RUN(struct virtio_gpu_resource_assign_uuid, HDR(RESOURCE_ASSIGN_UUID),
				 .resource_id = 9),
		BAD_RESOURCE);
}

static void a_resource_has_a_uuid_of_its_own(void **state)
{
	uint8_t uuids[3][16];
	for (uint32_t id = 1; id <= 2; id++)
		assert_int_equal(create_2d(id, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 8, 8), OK);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(RUN(struct virtio_gpu_resource_assign_uuid,
					 HDR(RESOURCE_ASSIGN_UUID), .resource_id = i % 2 + 1),
			VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
		memcpy(uuids[i], response.uuid.uuid, 16);
		assert_int_equal(uuids[i][6] >> 4, 4);
		assert_int_equal(uuids[i][8] >> 6, 2);
	}
	assert_memory_not_equal(uuids[0], uuids[1], 16);
	assert_memory_equal(uuids[0], uuids[2], 16);
}

static void guest_memory_that_is_not_there_makes_no_blob(void **state)
{
	const struct virtio_gpu_mem_entry good = {.addr = PAGES, .length = 4096},
					  empty = {.addr = PAGES},
					  below = {.addr = MACHINE_RAM - 1, .length = 4096},
					  across = {.addr = MACHINE_RAM + MACHINE_RAM_BYTES - 4095,
						  .length = 4096},
					  wraps = {.addr = UINT64_MAX - 4095, .length = 8192};
	struct virtio_gpu_mem_entry two[] = {good, good};

	assert_int_equal(create_guest_blob_of(1, 4096, &empty, 1, 1), BAD_PARAMETER);
	assert_int_equal(create_guest_blob_of(1, 4096, &below, 1, 1), BAD_PARAMETER);
	assert_int_equal(create_guest_blob_of(1, 4096, &across, 1, 1), BAD_PARAMETER);
	assert_int_equal(create_guest_blob_of(1, 4096, &wraps, 1, 1), BAD_PARAMETER);
	assert_int_equal(create_guest_blob_of(1, 4096, &good, 1, 0), BAD_PARAMETER);
	assert_int_equal(create_guest_blob_of(1, 4096, &good, 1, 2), BAD_PARAMETER);
	assert_int_equal(create_guest_blob_of(1, 4096, &good, 1, UINT32_MAX), BAD_PARAMETER);
	assert_int_equal(create_guest_blob_of(1, 4097, &good, 1, 1), BAD_PARAMETER);
	assert_int_equal(create_guest_blob_of(1, UINT64_MAX, &good, 1, 1), BAD_PARAMETER);
	assert_int_equal(create_guest_blob_of(1, 0, &good, 1, 1), BAD_PARAMETER);
	assert_int_equal(create_guest_blob_of(0, 4096, &good, 1, 1), BAD_RESOURCE);
	assert_int_equal(create_guest_blob_of(1, 8192, two, 2, 2), OK);
	assert_int_equal(create_guest_blob_of(1, 4096, &good, 1, 1), BAD_RESOURCE);
	assert_int_equal(RUN(struct virtio_gpu_resource_create_blob, HDR(RESOURCE_CREATE_BLOB),
				 .resource_id = 2, .blob_mem = 0, .size = 4096),
		BAD_PARAMETER);
	assert_int_equal(RUN(struct virtio_gpu_resource_create_blob, HDR(RESOURCE_CREATE_BLOB),
				 .resource_id = 2, .blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST,
				 .size = 4096),
		BAD_PARAMETER);
	assert_int_equal(stat_of("live resources"), 1);
}

static void contexts_are_what_they_must_be(void **state)
{
	assert_int_equal(create_context(0), BAD_CONTEXT);
	assert_int_equal(create_context(1), OK);
	assert_int_equal(create_context(1), BAD_CONTEXT);
	assert_int_equal(
		RUN(struct virtio_gpu_ctx_create, HDR(CTX_CREATE, .ctx_id = 2), .context_init = 0),
		BAD_PARAMETER);
	assert_int_equal(
		RUN(struct virtio_gpu_ctx_create, HDR(CTX_CREATE, .ctx_id = 2), .context_init = 2),
		BAD_PARAMETER);
	assert_int_equal(RUN(struct virtio_gpu_ctx_create, HDR(CTX_CREATE, .ctx_id = 2),
				 .context_init = 5, .nlen = 65),
		BAD_PARAMETER);
	assert_int_equal(RUN(struct virtio_gpu_ctx_create, HDR(CTX_CREATE, .ctx_id = 2),
				 .context_init = 0x105),
		OK);
	assert_int_equal(destroy_context(3), BAD_CONTEXT);
	assert_int_equal(destroy_context(2), OK);
	assert_int_equal(destroy_context(2), BAD_CONTEXT);

	assert_int_equal(attach(1, 7), BAD_RESOURCE);
	assert_int_equal(create_guest_blob(7, PAGES, 4096), OK);
	assert_int_equal(attach(2, 7), BAD_CONTEXT);
	assert_int_equal(detach(2, 7), BAD_CONTEXT);
	assert_int_equal(detach(1, 7), BAD_RESOURCE);
	assert_int_equal(attach(1, 7), OK);
	assert_int_equal(attach(1, 7), OK);
	assert_int_equal(detach(1, 7), OK);
	assert_int_equal(detach(1, 7), BAD_RESOURCE);
	assert_int_equal(submit(2, "", 0), BAD_CONTEXT);
	assert_int_equal(submit(0, "", 0), BAD_CONTEXT);
}

static void contexts_have_a_bound(void **state)
{
	for (uint32_t id = 1; id <= 2048; id++)
		assert_int_equal(create_context(id), OK);
	assert_int_equal(create_context(2049), NO_MEMORY);
	assert_int_equal(destroy_context(77), OK);
	assert_int_equal(create_context(2049), OK);
}

static void an_unref_takes_a_resource_from_its_contexts(void **state)
{
	assert_int_equal(create_context(1), OK);
	assert_int_equal(create_context(2), OK);
	assert_int_equal(create_guest_blob(7, PAGES, 4096), OK);
	assert_int_equal(attach(1, 7), OK);
	assert_int_equal(attach(2, 7), OK);
	assert_int_equal(unref(7), OK);
	assert_int_equal(stat_of("live resources"), 0);
	assert_int_equal(detach(1, 7), BAD_RESOURCE);
	assert_int_equal(create_guest_blob(7, PAGES, 4096), OK);
	assert_int_equal(detach(2, 7), BAD_RESOURCE);
}

static void a_submission_is_as_long_as_it_says(void **state)
{
	open_channel();
	struct {
		struct virtio_gpu_cmd_submit command;
		struct cross_domain_poll poll;
	} out = {{HDR(SUBMIT_3D, .ctx_id = 1), .size = sizeof(out.poll)}, poll_command};
	assert_int_equal(command(&out, sizeof(out)), OK);
	out.command.size = 15; /* its last command is cut */
	assert_int_equal(command(&out, sizeof(out)), BAD_PARAMETER);
	out.command.size = 17;
	assert_int_equal(command(&out, sizeof(out)), BAD_PARAMETER);
	out.command.size = UINT32_MAX;
	assert_int_equal(command(&out, sizeof(out)), BAD_PARAMETER);
	out.command.size = 0;
	assert_int_equal(command(&out, sizeof(out)), OK);
	assert_int_equal(command(&out.command, sizeof(out.command)), OK);

	static uint8_t large[sizeof(struct virtio_gpu_cmd_submit) + (1 << 20) + 8];
	memcpy(large, &out.command, sizeof(out.command));
	store_u32(large + offsetof(struct virtio_gpu_cmd_submit, size), (1 << 20) + 8);
	assert_int_equal(command(large, sizeof(large)), BAD_PARAMETER);
}

static void cross_domain_misuse_gets_its_answer(void **state)
{
	const struct cross_domain_header unknown = {.cmd = 13, .cmd_size = 8},
					 zero = {.cmd = 3, .cmd_size = 0};
	struct cross_domain_init bad = init;

	assert_int_equal(create_context(1), OK);
	assert_int_equal(
		submit(1, &init, sizeof(init)), BAD_RESOURCE); /* rings that are not attached */
	assert_int_equal(create_guest_blob(1, PAGES + 4096, 4096), OK);
	assert_int_equal(create_guest_blob(2, PAGES + 8192, 4096), OK);
	assert_int_equal(create_guest_blob(3, PAGES + 8192, 4095), OK);
	assert_int_equal(submit(1, &init, sizeof(init)), BAD_RESOURCE);
	for (uint32_t id = 1; id <= 3; id++)
		assert_int_equal(attach(1, id), OK);
	assert_int_equal(
		submit(1, &poll_command, sizeof(poll_command)), BAD_PARAMETER); /* before INIT */
	bad.channel_ring = 99;
	assert_int_equal(submit(1, &bad, sizeof(bad)), BAD_RESOURCE);
	bad.channel_ring = 3; /* smaller than a page */
	assert_int_equal(submit(1, &bad, sizeof(bad)), BAD_PARAMETER);
	bad = init;
	bad.channel_type = 2;
	assert_int_equal(submit(1, &bad, sizeof(bad)), BAD_PARAMETER);
	assert_null(fake_compositor);
	assert_int_equal(submit(1, &init, sizeof(init)), OK);
	assert_non_null(fake_compositor);
	assert_int_equal(submit(1, &init, sizeof(init)), BAD_PARAMETER); /* twice */
	assert_int_equal(submit(1, &unknown, sizeof(unknown)), BAD_PARAMETER);
	assert_int_equal(submit(1, &zero, sizeof(zero)), BAD_PARAMETER);
}

static void misuse_of_host_blobs_is_refused(void **state)
{
	open_channel();
	uint32_t blob_id = ask_for_image(8192);

	assert_int_equal(create_host_blob(9, 5, blob_id, 8192), BAD_CONTEXT);
	assert_int_equal(create_host_blob(0, 5, blob_id, 8192), BAD_CONTEXT);
	assert_int_equal(create_host_blob(1, 0, blob_id, 8192), BAD_RESOURCE);
	assert_int_equal(create_host_blob(1, 5, blob_id + 1, 8192), BAD_PARAMETER);
	assert_int_equal(create_host_blob(1, 5, UINT64_MAX, 8192), BAD_PARAMETER);
	assert_int_equal(create_host_blob(1, 5, blob_id, 0), BAD_PARAMETER);
	assert_int_equal(create_host_blob(1, 5, blob_id, 4096), BAD_PARAMETER);
	assert_int_equal(create_host_blob(1, 5, blob_id, UINT64_MAX), BAD_PARAMETER);
	assert_int_equal(create_host_blob(1, 5, blob_id, 8192), OK);
	assert_int_equal(create_host_blob(1, 5, blob_id, 8192), BAD_RESOURCE);
	assert_int_equal(create_host_blob(1, 6, blob_id, 8192), OK);

	assert_int_equal(unmap_blob(5), BAD_PARAMETER); /* of nothing */
	assert_int_equal(unmap_blob(99), BAD_RESOURCE);
	assert_int_equal(map_blob(99, 0), BAD_RESOURCE);
	assert_int_equal(map_blob(1, 0), BAD_PARAMETER); /* guest memory */
	assert_int_equal(map_blob(5, 100), BAD_PARAMETER);
	assert_int_equal(map_blob(5, MACHINE_REGION_BYTES - 4096), BAD_PARAMETER);
	assert_int_equal(map_blob(5, UINT64_MAX - 4095), BAD_PARAMETER);
	assert_int_equal(map_blob(5, 4096), VIRTIO_GPU_RESP_OK_MAP_INFO);
	assert_int_equal(response.map_info.map_info, VIRTIO_GPU_MAP_CACHE_CACHED);
	assert_int_equal(map_blob(5, 4096), BAD_PARAMETER); /* twice */
	assert_int_equal(map_blob(6, 8192), BAD_PARAMETER); /* over another */
	assert_int_equal(unmap_blob(5), OK);
	assert_int_equal(unmap_blob(5), BAD_PARAMETER);
	assert_int_equal(unref(5), OK);
	assert_int_equal(map_blob(6, 8192), VIRTIO_GPU_RESP_OK_MAP_INFO);
	assert_int_equal(stat_of("live host blob bytes"), 8192);
}

static void without_a_window_no_blob_is_mapped(void **state)
{
	machine_reset();
	machine.vhost_user.no_region = true;
	machine_boot();
	open_channel();
	assert_int_equal(create_host_blob(1, 5, ask_for_image(4096), 4096), OK);
	assert_int_equal(map_blob(5, 0), UNSPEC);
}

static void host_blobs_stay_within_the_region(void **state)
{
	open_channel();
	uint32_t blob_id = ask_for_image(MACHINE_REGION_BYTES / 2);
	assert_int_equal(create_host_blob(1, 5, blob_id, MACHINE_REGION_BYTES / 2), OK);
	assert_int_equal(create_host_blob(1, 6, blob_id, MACHINE_REGION_BYTES / 2), OK);
	assert_int_equal(create_host_blob(1, 7, blob_id, MACHINE_REGION_BYTES / 2), NO_MEMORY);
}

static void fences_are_echoed_also_with_errors(void **state)
{
	const struct virtio_gpu_ctrl_hdr hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_UNREF,
		.flags = VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX | 1u << 31,
		.fence_id = UINT64_C(0x123456789a),
		.ctx_id = 7,
		.ring_idx = 3};
	struct virtio_gpu_resource_unref out = {.hdr = hdr, .resource_id = 1};

	assert_int_equal(command(&out, sizeof(out)), BAD_RESOURCE);
	assert_int_equal(response.hdr.flags, VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX);
	assert_int_equal(response.hdr.fence_id, hdr.fence_id);
	assert_int_equal(response.hdr.ctx_id, 7);
	assert_int_equal(response.hdr.ring_idx, 3);
	out.hdr.flags = VIRTIO_GPU_FLAG_FENCE;
	assert_int_equal(command(&out, sizeof(out)), BAD_RESOURCE);
	assert_int_equal(response.hdr.flags, VIRTIO_GPU_FLAG_FENCE);
	assert_int_equal(response.hdr.ring_idx, 0);
	out.hdr.flags = 0;
	assert_int_equal(command(&out, sizeof(out)), BAD_RESOURCE);
	assert_int_equal(response.hdr.flags, 0);
	assert_int_equal(response.hdr.fence_id, 0);
	out.hdr.flags = VIRTIO_GPU_FLAG_INFO_RING_IDX;
	out.hdr.ring_idx = 64;
	assert_int_equal(command(&out, sizeof(out)), BAD_PARAMETER);
}

static void a_poll_waits_for_its_event_on_its_ring(void **state)
{
	open_channel();
	uint16_t poll = offer_submit(1, &poll_command, sizeof(poll_command), 1, 77);
	machine_kick(0);
	assert_false(answered(poll));

	/* Fences elsewhere do not wait. */
	const int rings[] = {-2, -1, 0, 2, 63};
	for (size_t i = 0; i < ARRAY_LENGTH(rings); i++) {
		uint16_t head = offer_submit(1, &poll_command, sizeof(poll_command), rings[i], 5);
		machine_kick(0);
		assert_true(answered(head));
		assert_int_equal(response.hdr.type, OK);
	}
	fake_compositor->listener->to_guest(
		fake_compositor->data, (const uint8_t *)"wayland!", 8, NULL, 0);
	assert_true(answered(poll));
	assert_int_equal(response.hdr.type, OK);
	assert_int_equal(response.hdr.fence_id, 77);
	assert_int_equal(response.hdr.ring_idx, 1);
	assert_int_equal(machine.ram[MACHINE_PAGES + 8192], CROSS_DOMAIN_CMD_RECEIVE);
	assert_memory_equal(machine.ram + MACHINE_PAGES + 8192 + 352, "wayland!", 8);
}

static void a_poll_without_a_kick_is_found_when_it_is_needed(void **state)
{
	open_channel();
	uint16_t poll = offer_submit(1, &poll_command, sizeof(poll_command), 1, 77);
	assert_false(answered(poll));
	fake_compositor->listener->to_guest(
		fake_compositor->data, (const uint8_t *)"wayland!", 8, NULL, 0);
	assert_true(answered(poll));
}

static void a_kick_is_asked_for_while_an_event_waits(void **state)
{
	open_channel();
	machine_turn();
	const uint16_t *flags = &machine.rings[0].used->flags;
	assert_int_equal(*flags & CROSS_DOMAIN_USED_F_WANT_POLL, 0);
	fake_compositor->listener->to_guest(
		fake_compositor->data, (const uint8_t *)"wayland!", 8, NULL, 0);
	machine_turn();
	assert_int_equal(*flags & CROSS_DOMAIN_USED_F_WANT_POLL, CROSS_DOMAIN_USED_F_WANT_POLL);
	uint16_t poll = offer_submit(1, &poll_command, sizeof(poll_command), 1, 77);
	machine_kick(0);
	assert_true(answered(poll));
	assert_int_equal(*flags & CROSS_DOMAIN_USED_F_WANT_POLL, 0);
	/* A context that ends while it waits takes the wish with it. */
	fake_compositor->listener->to_guest(
		fake_compositor->data, (const uint8_t *)"wayland!", 8, NULL, 0);
	machine_turn();
	assert_int_not_equal(*flags & CROSS_DOMAIN_USED_F_WANT_POLL, 0);
	assert_int_equal(destroy_context(1), OK);
	machine_turn();
	assert_int_equal(*flags & CROSS_DOMAIN_USED_F_WANT_POLL, 0);
}

static void many_answers_make_one_interrupt(void **state)
{
	open_channel();
	machine_turn();
	machine_interrupts(0);
	*ring_driver_used_event(&machine.rings[0]) = machine.rings[0].used->idx;
	uint16_t poll = offer_submit(1, &poll_command, sizeof(poll_command), 1, 1);
	for (int i = 0; i < 20; i++)
		offer_submit(1, &poll_command, sizeof(poll_command), 0, 2);
	fake_compositor->listener->to_guest(
		fake_compositor->data, (const uint8_t *)"wayland!", 8, NULL, 0);
	machine_kick(0);
	assert_true(answered(poll));
	assert_int_equal(machine_interrupts(0), 1);
}

static void a_dying_context_answers_what_it_held(void **state)
{
	open_channel();
	uint16_t polls[3];
	for (size_t i = 0; i < 3; i++)
		polls[i] = offer_submit(1, &poll_command, sizeof(poll_command), 1, i);
	assert_int_equal(destroy_context(1), OK);
	for (size_t i = 0; i < 3; i++)
		assert_true(answered(polls[i]));
	assert_null(fake_compositor);
	assert_int_equal(stat_of("live contexts"), 0);
}

static void a_context_with_too_many_polls_is_lost(void **state)
{
	uint16_t polls[300];
	open_channel();
	for (size_t i = 0; i < ARRAY_LENGTH(polls); i++)
		polls[i] = offer_submit(1, &poll_command, sizeof(poll_command), 1, i);
	machine_kick(0);
	assert_true(answered(polls[256]));
	assert_int_equal(stat_of("contexts lost"), 1);
	assert_true(answered(polls[0]));
	assert_null(fake_compositor);
	/* The others go on. */
	assert_int_equal(create_context(2), OK);
	assert_int_equal(destroy_context(1), OK);
	for (size_t i = 0; i < ARRAY_LENGTH(polls); i++)
		assert_true(answered(polls[i]));
}

static void a_reset_leaves_nothing(void **state)
{
	open_channel();
	assert_int_equal(create_host_blob(1, 5, ask_for_image(4096), 4096), OK);
	assert_int_equal(map_blob(5, 0), VIRTIO_GPU_RESP_OK_MAP_INFO);
	assert_int_equal(attach(1, 5), OK);
	uint16_t poll = offer_submit(1, &poll_command, sizeof(poll_command), 1, 77);
	machine_kick(0);
	machine_reset();
	machine_turn();
	assert_false(machine.answers[0][poll].there);
	assert_null(fake_compositor);
	assert_int_equal(stat_of("live contexts"), 0);
	assert_int_equal(stat_of("live resources"), 0);
	assert_int_equal(stat_of("live host blob bytes"), 0);
	machine_boot();
	open_channel();
	assert_int_equal(create_host_blob(1, 5, ask_for_image(4096), 4096), OK);
	assert_int_equal(map_blob(5, 0), VIRTIO_GPU_RESP_OK_MAP_INFO);
}

/*
 * Context 1 writes 6000 bytes and their end to a pipe that takes 4096 of them, and ends. What the
 * other end is.
 */
static int leave_a_full_pipe(void)
{
	int ends[2];
	struct {
		struct cross_domain_read_write write;
		uint8_t bytes[3000];
	} out = {.write = {.hdr = {.cmd = CROSS_DOMAIN_CMD_WRITE, .cmd_size = sizeof(out)},
			 .identifier = 2,
			 .opaque_data_size = sizeof(out.bytes)}};
	open_channel();
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
	struct wire_handle handle = {.kind = WIRE_WRITE_PIPE, .fd = ends[1]};
	assert_int_equal(fake_compositor->listener->to_guest(
				 fake_compositor->data, (const uint8_t *)"send....", 8, &handle, 1),
		0);
	for (uint32_t end = 0; end < 2; end++) {
		out.write.hang_up = end;
		assert_int_equal(submit(1, &out, sizeof(out)), OK);
	}
	assert_int_equal(destroy_context(1), OK);
	assert_null(fake_compositor);
	return ends[0];
}

/* The bytes up to the end of file. */
static size_t read_all(int fd)
{
	static uint8_t bytes[8192];
	size_t got = 0;
	for (ssize_t n; (n = read(fd, bytes, sizeof(bytes))) != 0; machine_turn()) {
		assert_true(n > 0 || errno == EAGAIN);
		got += n > 0 ? (size_t)n : 0;
	}
	return got;
}

static void what_a_guest_has_written_outlives_its_context(void **state)
{
	int fd = leave_a_full_pipe();
	assert_int_equal(stat_of("live contexts"), 0);
	assert_int_equal(stat_of("live pipes"), 1);
	assert_int_equal(read_all(fd), 6000);
	assert_int_equal(stat_of("live pipes"), 0);
	close(fd);
}

static void what_a_guest_has_written_does_not_outlive_the_reset(void **state)
{
	int fd = leave_a_full_pipe();
	machine_reset();
	assert_int_equal(stat_of("live pipes"), 0);
	assert_in_range(read_all(fd), 1, 4096);
	close(fd);
}

static void a_start_without_a_reset_is_one(void **state)
{
	open_channel();
	machine_boot();
	assert_int_equal(stat_of("live contexts"), 0);
	open_channel();
}

static void while_the_driver_is_stopped_nothing_is_written(void **state)
{
	open_channel();
	uint16_t poll = offer_submit(1, &poll_command, sizeof(poll_command), 1, 77);
	machine_kick(0);
	machine.vhost_user.running = false;
	virtqueue_pause(machine.vhost_user.queues[0]);
	machine.ram[MACHINE_PAGES + 8192] = 0;
	fake_compositor->listener->to_guest(
		fake_compositor->data, (const uint8_t *)"wayland!", 8, NULL, 0);
	assert_false(answered(poll));
	assert_int_equal(machine.ram[MACHINE_PAGES + 8192], 0);

	virtqueue_resume(machine.vhost_user.queues[0], true);
	machine.vhost_user.running = true;
	machine.vhost_user.device->started(machine.vhost_user.data, true);
	assert_true(answered(poll));
	assert_int_equal(machine.ram[MACHINE_PAGES + 8192], CROSS_DOMAIN_CMD_RECEIVE);
}

static void a_broken_ring_stops_the_device_until_a_reset(void **state)
{
	open_channel();
	/* A descriptor outside memory, found by a look from the event loop. */
	struct ring_driver *ring = &machine.rings[0];
	ring_driver_describe(ring, 1000, 0, 4096, 0, 0);
	ring_driver_offer(ring, 1000);
	assert_int_equal(machine_kick(0), -EPROTO);
	fake_compositor->listener->to_guest(
		fake_compositor->data, (const uint8_t *)"wayland!", 8, NULL, 0);
	machine_turn();
	assert_non_null(machine.vhost_user.broken);
	machine_reset();
	machine_boot();
	open_channel();
}

static void cursor_commands_have_their_queue(void **state)
{
	const struct virtio_gpu_update_cursor good = {HDR(MOVE_CURSOR)},
					      bad = {HDR(MOVE_CURSOR), .pos.scanout_id = 1},
					      no_resource = {HDR(UPDATE_CURSOR), .resource_id = 7};
	const struct {
		const struct virtio_gpu_update_cursor *command;
		uint32_t answer;
	} cases[] = {{&good, OK}, {&bad, BAD_SCANOUT}, {&no_resource, BAD_RESOURCE}};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		uint16_t head = machine_offer(
			1, cases[i].command, sizeof(good), sizeof(struct virtio_gpu_ctrl_hdr));
		assert_int_equal(machine_kick(1), 0);
		machine_turn();
		assert_true(machine.answers[1][head].there);
		assert_int_equal(load_u32(machine.answers[1][head].bytes), cases[i].answer);
	}
	/* Linux gives no room for an answer there. */
	uint16_t head = machine_offer(1, &good, sizeof(good), 0);
	machine_kick(1);
	machine_turn();
	assert_true(machine.answers[1][head].there);
	const struct virtio_gpu_ctrl_hdr control = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	head = machine_offer(1, &control, sizeof(control), sizeof(control));
	machine_kick(1);
	machine_turn();
	assert_int_equal(load_u32(machine.answers[1][head].bytes), UNSPEC);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_probing_kernel_gets_what_it_asks),
		TEST(the_capset_is_ours_and_may_be_cut),
		TEST(every_command_that_is_too_short_is_refused),
		TEST(unknown_commands_are_refused),
		TEST(an_answer_without_room_is_cut),
		TEST(bad_resources_are_refused),
		TEST(a_resource_has_a_uuid_of_its_own),
		TEST(guest_memory_that_is_not_there_makes_no_blob),
		TEST(contexts_are_what_they_must_be),
		TEST(contexts_have_a_bound),
		TEST(an_unref_takes_a_resource_from_its_contexts),
		TEST(a_submission_is_as_long_as_it_says),
		TEST(cross_domain_misuse_gets_its_answer),
		TEST(misuse_of_host_blobs_is_refused),
		TEST(without_a_window_no_blob_is_mapped),
		TEST(host_blobs_stay_within_the_region),
		TEST(fences_are_echoed_also_with_errors),
		TEST(a_poll_waits_for_its_event_on_its_ring),
		TEST(a_poll_without_a_kick_is_found_when_it_is_needed),
		TEST(a_kick_is_asked_for_while_an_event_waits),
		TEST(many_answers_make_one_interrupt),
		TEST(a_dying_context_answers_what_it_held),
		TEST(a_context_with_too_many_polls_is_lost),
		TEST(a_reset_leaves_nothing),
		TEST(what_a_guest_has_written_outlives_its_context),
		TEST(what_a_guest_has_written_does_not_outlive_the_reset),
		TEST(a_start_without_a_reset_is_one),
		TEST(while_the_driver_is_stopped_nothing_is_written),
		TEST(a_broken_ring_stops_the_device_until_a_reset),
		TEST(cursor_commands_have_their_queue),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
