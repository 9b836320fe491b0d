/* host-bridge/gpu/commands.c, commands_resource.c, through real virtqueues */
#include "host-bridge/gpu/commands.h"

#include <time.h>

#include "tests/unit/device_world.h"

/* The device's clock: each look at it takes 100 us, so that turns end after the same work on every
 * machine. */
int clock_gettime(clockid_t clock, struct timespec *out)
{
	static uint64_t now_ns;
	now_ns += 100000;
	*out = (struct timespec){(time_t)(now_ns / 1000000000), (long)(now_ns % 1000000000)};
	return 0;
}

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
	assert_int_equal(description->features, 0x1f);
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
		CROSS_DOMAIN_EXT_READ_CREDIT | CROSS_DOMAIN_EXT_WANT_POLL | CROSS_DOMAIN_EXT_FETCH |
			CROSS_DOMAIN_EXT_READER_GONE | CROSS_DOMAIN_EXT_FILES |
			CROSS_DOMAIN_EXT_POLL_SLOTS | CROSS_DOMAIN_EXT_RUNS |
			CROSS_DOMAIN_EXT_WRITE_FROM | CROSS_DOMAIN_EXT_HOST_CLOCK |
			CROSS_DOMAIN_EXT_PATIENT | CROSS_DOMAIN_EXT_BELL | CROSS_DOMAIN_EXT_PAGES);

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

/* Answers are written into memory that others have used before. */
static void an_answer_has_nothing_of_an_earlier_one(void **state)
{
	static const uint8_t zeroes[sizeof(response.display_info)];
	const size_t header = sizeof(struct virtio_gpu_ctrl_hdr);

	assert_int_equal(RUN(struct virtio_gpu_get_capset, HDR(GET_CAPSET), .capset_id = 5),
		VIRTIO_GPU_RESP_OK_CAPSET);
	assert_memory_not_equal(
		(const uint8_t *)&response + header, zeroes, response_bytes - header);
	assert_int_equal(RUN(struct virtio_gpu_ctrl_hdr, .type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO),
		VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	assert_int_equal(response_bytes, sizeof(response.display_info));
	assert_memory_equal((const uint8_t *)&response + header, zeroes, response_bytes - header);
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
		{VIRTIO_GPU_CMD_GET_EDID, sizeof(struct virtio_gpu_cmd_get_edid)},
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
	const uint32_t types[] = {0, 1, 0x10e, 0x20a, VIRTIO_GPU_CMD_RESOURCE_CREATE_3D,
		VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D,
		VIRTIO_GPU_CMD_UPDATE_CURSOR, OK, UINT32_MAX};
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

/* ATTACH_BACKING of @n runs, each @step bytes behind the last one. Its head. */
static uint16_t offer_backing(uint32_t id, uint32_t n, uint32_t length, uint32_t step)
{
	size_t size = sizeof(struct virtio_gpu_resource_attach_backing) +
		n * sizeof(struct virtio_gpu_mem_entry);
	struct virtio_gpu_resource_attach_backing *out = malloc(size);
	struct virtio_gpu_mem_entry *entries = (void *)(out + 1);
	*out = (struct virtio_gpu_resource_attach_backing){
		HDR(RESOURCE_ATTACH_BACKING), .resource_id = id, .nr_entries = n};
	for (uint32_t i = 0; i < n; i++)
		entries[i] = (struct virtio_gpu_mem_entry){
			.addr = MACHINE_RAM + i * step, .length = length};
	uint16_t head = machine_offer(0, out, (uint32_t)size, sizeof(response));
	free(out);
	assert_int_equal(machine_kick(0), 0);
	return head;
}

static void a_long_list_of_pages_delays_only_its_resource(void **state)
{
	const struct virtio_gpu_ctrl_hdr info = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	const struct virtio_gpu_resource_unref unref_it = {HDR(RESOURCE_UNREF), .resource_id = 1};

	assert_int_equal(create_2d(1, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 64, 64), OK);
	assert_int_equal(create_2d(2, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 64, 64), OK);
	uint16_t list = offer_backing(1, 950000, 8, 16);
	uint16_t next_list = offer_backing(2, 20000, 8, 16);
	uint16_t end = machine_offer(0, &unref_it, sizeof(unref_it), sizeof(response));
	uint16_t other = machine_offer(0, &info, sizeof(info), sizeof(response));
	machine_kick(0);
	const struct machine_answer *answers = machine.answers[0];
	while (!answers[other].there || !answers[end].there || !answers[next_list].there) {
		machine_collect_one(0);
		assert_true(answers[other].there || !answers[list].there);
		assert_true(answers[list].there || !answers[end].there);
		wl_event_loop_dispatch(machine.loop, 0);
	}
	assert_true(answered(list));
	assert_int_equal(response.hdr.type, OK);
	assert_true(answered(next_list));
	assert_int_equal(response.hdr.type, OK);
	assert_true(answered(end));
	assert_int_equal(response.hdr.type, OK);
	/* Nor does a reset in between leave anything. */
	assert_int_equal(create_2d(1, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 64, 64), OK);
	offer_backing(1, 950000, 8, 16);
	wl_event_loop_dispatch(machine.loop, 0);
	machine_reset();
	assert_int_equal(stat_of("live resources"), 0);
	machine_boot();
}

static void no_list_of_pages_is_longer_than_the_guests_memory(void **state)
{
	assert_int_equal(create_2d(1, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 64, 64), OK);
	assert_true(answered(offer_backing(1, 17, MACHINE_RAM_BYTES / 16, 0)));
	assert_int_equal(response.hdr.type, BAD_PARAMETER);
	assert_true(answered(offer_backing(1, 16, MACHINE_RAM_BYTES / 16, 0)));
	assert_int_equal(response.hdr.type, OK);
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

static void the_machines_quota_counts_what_its_device_has(void **state)
{
	struct vm_quota *quota = &machine.quota;
	const enum quota_limit limits[] = {
		QUOTA_CONTEXTS, QUOTA_RESOURCES, QUOTA_BLOB_BYTES, QUOTA_KEPT_REQUESTS};

	open_channel(); /* a context with two blobs of a page */
	offer_submit(1, &poll_command, sizeof(poll_command), 1, 7);
	machine_kick(0);
	machine_turn();
	const uint64_t uses[] = {1, 2, 2 * 4096, 1};
	for (size_t i = 0; i < ARRAY_LENGTH(limits); i++)
		assert_int_equal(quota->entries[limits[i]].use, uses[i]);

	for (size_t i = 0; i < ARRAY_LENGTH(limits); i++)
		quota->entries[limits[i]].limit = uses[i];
	assert_int_equal(create_context(2), NO_MEMORY);
	assert_int_equal(create_guest_blob(3, PAGES, 4096), NO_MEMORY);
	assert_int_equal(submit(1, "", 0), NO_MEMORY);
	quota->entries[QUOTA_RESOURCES].limit++;
	assert_int_equal(create_guest_blob(3, PAGES, 4096), NO_MEMORY);
	assert_int_equal(create_2d(3, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 1, 1), OK);

	machine_reset();
	for (size_t i = 0; i < ARRAY_LENGTH(limits); i++)
		assert_int_equal(quota->entries[limits[i]].use, 0);
	machine_boot();
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_probing_kernel_gets_what_it_asks),
		TEST(the_capset_is_ours_and_may_be_cut),
		TEST(an_answer_has_nothing_of_an_earlier_one),
		TEST(every_command_that_is_too_short_is_refused),
		TEST(unknown_commands_are_refused),
		TEST(an_answer_without_room_is_cut),
		TEST(bad_resources_are_refused),
		TEST(a_resource_has_a_uuid_of_its_own),
		TEST(guest_memory_that_is_not_there_makes_no_blob),
		TEST(a_long_list_of_pages_delays_only_its_resource),
		TEST(no_list_of_pages_is_longer_than_the_guests_memory),
		TEST(contexts_are_what_they_must_be),
		TEST(contexts_have_a_bound),
		TEST(the_machines_quota_counts_what_its_device_has),
		TEST(an_unref_takes_a_resource_from_its_contexts),
		TEST(a_submission_is_as_long_as_it_says),
		TEST(cross_domain_misuse_gets_its_answer),
		TEST(cursor_commands_have_their_queue),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
