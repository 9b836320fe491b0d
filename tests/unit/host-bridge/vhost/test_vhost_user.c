/* host-bridge/vhost/vhost_user.c, vhost_user_messages.c and protocol/formats/vhost_user.c */
#include "host-bridge/vhost/vhost_user.h"

#include "tests/unit/log_capture.h"
#include "tests/unit/vhost_user_world.h"

static void a_monitors_start_is_answered(void **state)
{
	struct frontend *fe = &t.fe;
	int ends[2];
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
	fe->backend = ends[0];

	fe_send(fe, VHOST_USER_GET_FEATURES, 0, NULL, 0, -1);
	uint64_t features = expect_u64(VHOST_USER_GET_FEATURES);
	assert_int_equal(features, 0x1f | FE_BIT(28) | FE_BIT(29) | FE_BIT(30) | FE_BIT(32));
	fe_send(fe, VHOST_USER_GET_PROTOCOL_FEATURES, 0, NULL, 0, -1);
	uint64_t protocol = expect_u64(VHOST_USER_GET_PROTOCOL_FEATURES);
	assert_int_equal(protocol & FE_PROTOCOL_FEATURES, FE_PROTOCOL_FEATURES);
	assert_int_equal(protocol & FE_BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS), 0);
	fe_u64(fe, VHOST_USER_SET_PROTOCOL_FEATURES, FE_PROTOCOL_FEATURES, -1);
	fe_send(fe, VHOST_USER_GET_QUEUE_NUM, 0, NULL, 0, -1);
	assert_int_equal(expect_u64(VHOST_USER_GET_QUEUE_NUM), 2);
	fe_send(fe, VHOST_USER_SET_BACKEND_REQ_FD, VHOST_USER_FLAG_NEED_REPLY, NULL, 0, ends[1]);
	close(ends[1]);
	assert_int_equal(expect_u64(VHOST_USER_SET_BACKEND_REQ_FD), 0);
	fe_send(fe, VHOST_USER_SET_OWNER, 0, NULL, 0, -1);
	fe_send(fe, VHOST_USER_GET_FEATURES, 0, NULL, 0, -1);
	assert_int_equal(expect_u64(VHOST_USER_GET_FEATURES), features);
	for (uint64_t i = 0; i < 2; i++) {
		fe_u64(fe, VHOST_USER_SET_VRING_CALL, i, fe->calls[i]);
		fe_send(fe, VHOST_USER_SET_VRING_ERR, VHOST_USER_FLAG_NEED_REPLY, &i, 8,
			fe->calls[i]);
		assert_int_equal(expect_u64(VHOST_USER_SET_VRING_ERR), 0);
	}
	fe_send(fe, VHOST_USER_GET_SHMEM_CONFIG, 0, NULL, 0, -1);
	struct vhost_user_message message = expect_reply(VHOST_USER_GET_SHMEM_CONFIG);
	assert_int_equal(message.header.size, 2056);
	assert_int_equal(message.payload.shmem_config.n_regions, 1);
	assert_int_equal(message.payload.shmem_config.sizes[0], 0);
	assert_int_equal(message.payload.shmem_config.sizes[1], REGION_BYTES);
	assert_int_equal(message.payload.shmem_config.sizes[2], 0);

	fe_u64(fe, VHOST_USER_SET_FEATURES, FE_FEATURES, -1);
	fe_memory_table(fe, VHOST_USER_FLAG_NEED_REPLY);
	assert_int_equal(expect_u64(VHOST_USER_SET_MEM_TABLE), 0);
	fe_queue(fe, 0, 0);
	fe_queue(fe, 1, 0);
	expect_calls("m"); /* KICK comes before ENABLE: nothing runs yet */
	assert_false(vhost_user_running(t.vu));
	fe_state(fe, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	expect_calls("S0");
	fe_state(fe, VHOST_USER_SET_VRING_ENABLE, 1, 1);
	expect_calls("1");
	assert_int_equal(t.vu->features, FE_FEATURES);
	run_request("request1");
	assert_int_equal(interrupts(0), 1);
	expect_silence();
}

static void configuration_space_is_read_at_any_size(void **state)
{
	const struct {
		uint32_t offset, size, payload;
		uint32_t reply; /* bytes of payload */
	} cases[] = {
		{0, 16, 12 + 16, 12 + 16},
		{0, 12, 12 + 12, 12 + 12},
		{0, 12, 12, 12 + 12},
		{16, 4, 12 + 4, 12 + 4},
		{18, 256, 12 + 256, 12 + 256},
		{0, 0, 12, 12},
		{0xffffff00, 255, 12 + 255, 12 + 255},
		{0, 257, 12 + 256, 0},
		{0xffffffff, 8, 12 + 8, 0},
		{0, UINT32_MAX, 12 + 256, 0},
	};
	for (size_t i = 0; i < sizeof(device.config); i++)
		device.config[i] = (uint8_t)(i + 1);
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct vhost_user_config config = {
			.offset = cases[i].offset, .size = cases[i].size};
		memset(config.region, 0xee, sizeof(config.region));
		fe_send(&t.fe, VHOST_USER_GET_CONFIG, 0, &config, cases[i].payload, -1);
		struct vhost_user_message message = expect_reply(VHOST_USER_GET_CONFIG);
		assert_int_equal(message.header.size, cases[i].reply);
		for (uint32_t at = 0; cases[i].reply > 12 && at < cases[i].size; at++) {
			uint64_t from = (uint64_t)cases[i].offset + at;
			assert_int_equal(
				message.payload.config.region[at], from < 20 ? from + 1 : 0);
		}
	}
	struct vhost_user_config events = {.offset = 4, .size = 4, .region = {9}};
	fe_send(&t.fe, VHOST_USER_SET_CONFIG, 0, &events, 16, -1);
	expect_silence();
	assert_int_equal(device.config[4], 9);
}

static void acknowledgements_are_sent_when_negotiated_and_asked_for(void **state)
{
	uint64_t none = 0;
	fe_send(&t.fe, VHOST_USER_SET_OWNER, VHOST_USER_FLAG_NEED_REPLY, NULL, 0, -1);
	expect_silence();
	fe_negotiate(&t.fe);
	expect_silence();
	fe_send(&t.fe, VHOST_USER_SET_FEATURES, VHOST_USER_FLAG_NEED_REPLY, &none, 8, -1);
	assert_int_equal(expect_u64(VHOST_USER_SET_FEATURES), 0);
	fe_send(&t.fe, VHOST_USER_GET_FEATURES, VHOST_USER_FLAG_NEED_REPLY, NULL, 0, -1);
	expect_u64(VHOST_USER_GET_FEATURES);
	expect_silence(); /* one reply, not two */

	struct vhost_user_memory table = {.n_regions = 1, .regions = {{.size = FE_BYTES + 1}}};
	fe_send(&t.fe, VHOST_USER_SET_MEM_TABLE, VHOST_USER_FLAG_NEED_REPLY, &table, 40,
		t.fe.memory_fd);
	assert_int_equal(expect_u64(VHOST_USER_SET_MEM_TABLE), 1);
	assert_true(connected(t.vu));
}

static void the_message_that_negotiates_acknowledgements_gets_one(void **state)
{
	uint64_t features = UINT64_C(1) << VHOST_USER_PROTOCOL_F_REPLY_ACK, none = 0;
	fe_send(&t.fe, VHOST_USER_SET_PROTOCOL_FEATURES, VHOST_USER_FLAG_NEED_REPLY, &features, 8,
		-1);
	assert_int_equal(expect_u64(VHOST_USER_SET_PROTOCOL_FEATURES), 0);
	fe_send(&t.fe, VHOST_USER_SET_PROTOCOL_FEATURES, VHOST_USER_FLAG_NEED_REPLY, &none, 8, -1);
	expect_silence();
}

static void requests_go_through_and_interrupt(void **state)
{
	start();
	for (int i = 0; i < 200; i++) {
		char text[9];
		snprintf(text, sizeof(text), "text%04d", i);
		run_request(text);
		assert_int_equal(interrupts(0), 1);
	}
}

static void without_protocol_features_rings_run_from_the_kick_on(void **state)
{
	fe_u64(&t.fe, VHOST_USER_SET_FEATURES, FE_BIT(VIRTIO_F_VERSION_1), -1);
	fe_memory_table(&t.fe, 0);
	fe_queue(&t.fe, 0, 0);
	expect_calls("mS0");
	fe_queue(&t.fe, 1, 0);
	expect_calls("1");
	run_request("somewhat");
}

static void a_kick_before_the_ring_is_enabled_is_not_lost(void **state)
{
	fe_negotiate(&t.fe);
	fe_u64(&t.fe, VHOST_USER_SET_FEATURES, FE_FEATURES, -1);
	fe_memory_table(&t.fe, 0);
	fe_queue(&t.fe, 0, 0);
	fe_offer(&t.fe, "early...", 8);
	fe_kick(&t.fe, 0);
	settle();
	assert_null(ring_driver_take(&t.fe.rings[0]));
	fe_state(&t.fe, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	settle();
	assert_non_null(ring_driver_take(&t.fe.rings[0]));
}

static void a_disabled_ring_is_not_processed(void **state)
{
	start();
	fe_state(&t.fe, VHOST_USER_SET_VRING_ENABLE, 0, 0);
	settle();
	fe_offer(&t.fe, "disabled", 8);
	fe_kick(&t.fe, 0);
	expect_calls("");
	fe_state(&t.fe, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	expect_calls("0");
	assert_non_null(ring_driver_take(&t.fe.rings[0]));
}

/* The device has a request that it does not complete. */
static void hold_a_request(void)
{
	device.hold = true;
	fe_offer(&t.fe, "held.held", 8);
	fe_kick(&t.fe, 0);
	settle();
	memset(device.calls, 0, sizeof(device.calls));
}

static void stop_and_cont_resume_with_what_was_in_flight(void **state)
{
	start();
	run_request("request1");
	hold_a_request();
	interrupts(0);

	fe_stop(&t.fe);
	assert_int_equal(expect_base(0), 2);
	assert_int_equal(expect_base(1), 0);
	assert_false(vhost_user_running(t.vu));
	assert_int_equal(
		vhost_user_shmem_map(t.vu, 1, t.region, 0, 0, REGION_BYTES, NULL, NULL), -EBUSY);
	assert_int_equal(vhost_user_shmem_unmap(t.vu, 1, 0, REGION_BYTES, NULL, NULL), -EBUSY);
	complete("complete"); /* while the guest stands still: kept */
	assert_int_equal(t.fe.rings[0].used->idx, 1);
	assert_int_equal(interrupts(0), 0);

	fe_driver_ok(&t.fe, 2, 0);
	expect_calls("mR01");
	assert_memory_equal(t.fe.bytes + FE_BUFFERS + 0x100, "complete", 8);
	assert_int_equal(t.fe.rings[0].used->idx, 2);
	assert_int_equal(interrupts(0), 1);
	device.hold = false;
	t.fe.rings[0].used_seen = 2;
	run_request("request3");
}

static void a_reboot_resets_the_device_before_it_starts_again(void **state)
{
	start();
	run_request("request1");
	hold_a_request();
	fe_stop(&t.fe);
	expect_base(0);
	expect_base(1);
	complete("too late");
	memset(t.fe.bytes + FE_BUFFERS, 0, 0x1000);
	expect_calls("");
	device.hold = false;
	fe_driver_ok(&t.fe, 0, 0);
	expect_calls("mrS01");
	/* The new driver sees nothing of what the old one asked for. */
	assert_int_equal(t.fe.rings[0].used->idx, 0);
	assert_int_equal(t.fe.bytes[FE_BUFFERS + 0x100], 0);
	run_request("request1");
}

static void reset_device_resets_at_once(void **state)
{
	start();
	run_request("request1");
	memset(device.calls, 0, sizeof(device.calls));
	fe_send(&t.fe, VHOST_USER_RESET_DEVICE, 0, NULL, 0, -1);
	expect_calls("r");
	assert_false(vhost_user_running(t.vu));
	fe_driver_ok(&t.fe, 0, 0);
	expect_calls("mS01");
	run_request("request1");
}

static void a_broken_ring_stops_the_device_until_the_reset(void **state)
{
	uint64_t index = 0, count;
	int error = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	start();
	fe_send(&t.fe, VHOST_USER_SET_VRING_ERR, 0, &index, 8, error);
	fe_offer(&t.fe, "request1", 8);
	t.fe.rings[0].descriptors[0].addr = 1;
	fe_kick(&t.fe, 0);
	settle();
	assert_false(vhost_user_running(t.vu));
	assert_int_equal(read(error, &count, 8), 8);
	memset(device.calls, 0, sizeof(device.calls));
	fe_kick(&t.fe, 0);
	fe_kick(&t.fe, 1);
	expect_calls("");
	fe_stop(&t.fe);
	expect_base(0);
	expect_base(1);
	fe_driver_ok(&t.fe, 0, 0);
	expect_calls("mrS01");
	run_request("request1");
	close(error);
}

static void a_ring_outside_memory_stops_the_device(void **state)
{
	struct vhost_user_vring_addr addr = {.index = 0, .descriptors = 0x1000};
	fe_negotiate(&t.fe);
	fe_u64(&t.fe, VHOST_USER_SET_FEATURES, FE_FEATURES, -1);
	fe_memory_table(&t.fe, 0);
	fe_queue(&t.fe, 0, 0);
	fe_send(&t.fe, VHOST_USER_SET_VRING_ADDR, 0, &addr, sizeof(addr), -1);
	fe_state(&t.fe, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	expect_calls("mS");
	assert_false(vhost_user_running(t.vu));
	assert_true(connected(t.vu));
}

static void a_new_memory_table_in_mid_flight_changes_nothing(void **state)
{
	start();
	hold_a_request();
	fe_memory_table(&t.fe, 0);
	expect_calls("m");
	complete("complete");
	assert_non_null(ring_driver_take(&t.fe.rings[0]));
	assert_memory_equal(t.fe.bytes + FE_BUFFERS + 0x100, "complete", 8);
}

static void a_queue_that_asks_for_it_is_processed_again(void **state)
{
	start();
	device.greedy = true;
	fe_kick(&t.fe, 0);
	expect_calls("0000");
	expect_calls("");
}

static void when_the_frontend_leaves_all_is_forgotten_and_the_next_may_come(void **state)
{
	for (int i = 0; i < 3; i++) {
		start();
		run_request("request1");
		memset(device.calls, 0, sizeof(device.calls));
		fe_finish(&t.fe);
		expect_calls("rlm");
		assert_false(connected(t.vu));
		assert_false(vhost_user_running(t.vu));
		assert_int_equal(t.vu->features, 0);
		assert_null(guest_memory_at(vhost_user_memory(t.vu), FE_GUEST, 1));
		assert_false(virtqueue_usable(vhost_user_queue(t.vu, 0)));
		assert_int_equal(virtqueue_base(vhost_user_queue(t.vu, 0)), 0);
		/* All that the connection brought is closed: what is left is ours. */
		connect_frontend();
	}
}

/* From here on the frontend can cut its memory off. */
static void use_shrinkable_memory(void)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, FE_BYTES), 0);
	munmap(t.fe.bytes, FE_BYTES);
	close(t.fe.memory_fd);
	t.fe.memory_fd = fd;
	t.fe.bytes = mmap(NULL, FE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(t.fe.bytes != MAP_FAILED);
}

static void expect_end_and_a_working_successor(void)
{
	fe_finish(&t.fe);
	memset(&device, 0, sizeof(device));
	connect_frontend();
	start();
	run_request("request1");
}

static void a_frontend_that_truncates_its_rings_is_ended(void **state)
{
	use_shrinkable_memory();
	start();
	run_request("request1");
	memset(device.calls, 0, sizeof(device.calls));
	assert_int_equal(ftruncate(t.fe.memory_fd, 0), 0);
	fe_kick(&t.fe, 0);
	expect_calls("0rlm");
	assert_false(connected(t.vu));
	expect_end_and_a_working_successor();
}

static void truncated_buffers_are_noticed_outside_of_the_rings_work_too(void **state)
{
	use_shrinkable_memory();
	start();
	hold_a_request();
	assert_int_equal(ftruncate(t.fe.memory_fd, FE_BUFFERS), 0);
	complete("complete");
	assert_true(connected(t.vu));
	expect_calls("rlm");
	assert_false(connected(t.vu));
	expect_end_and_a_working_successor();
}

static void a_new_table_does_not_make_truncation_good(void **state)
{
	use_shrinkable_memory();
	start();
	hold_a_request();
	assert_int_equal(ftruncate(t.fe.memory_fd, FE_BUFFERS), 0);
	complete("complete");
	assert_int_equal(ftruncate(t.fe.memory_fd, FE_BYTES), 0);
	fe_memory_table(&t.fe, 0);
	expect_calls("rlm");
	assert_false(connected(t.vu));
	expect_end_and_a_working_successor();
}

static void leaving_in_the_middle_of_a_message_is_leaving(void **state)
{
	struct vhost_user_message message;
	for (size_t bytes = 1; bytes < 20; bytes++) {
		vhost_user_message_init(&message, VHOST_USER_SET_VRING_KICK, 8);
		struct iovec iov[2] = {{&message.header, 12}, {&message.payload, 8}};
		iov[0].iov_len = bytes < 12 ? bytes : 12;
		iov[1].iov_len = bytes < 12 ? 0 : bytes - 12;
		assert_int_equal(fd_send(t.fe.socket, iov, 2, &t.fe.kicks[0], 1), bytes);
		settle();
		assert_true(connected(t.vu));
		fe_finish(&t.fe);
		settle();
		assert_false(connected(t.vu));
		connect_frontend();
	}
}

static void a_message_in_segments_is_one_message(void **state)
{
	uint8_t bytes[] = {
		VHOST_USER_SET_VRING_CALL, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	for (size_t i = 0; i < sizeof(bytes); i++) {
		struct iovec iov = {&bytes[i], 1};
		fd_send(t.fe.socket, &iov, 1, &t.fe.calls[0], i == 0);
		settle();
	}
	assert_true(connected(t.vu));
	fe_send(&t.fe, VHOST_USER_GET_QUEUE_NUM, 0, NULL, 0, -1);
	assert_int_equal(expect_u64(VHOST_USER_GET_QUEUE_NUM), 2);
}

struct garbage {
	const char *what;
	uint32_t request, flags, size; /* of the header; flags 0: version 1 */
	uint64_t payload[8];
	int fds; /* eventfds sent along */
};

static const struct garbage garbage[] = {
	{"no request", 0, 0, 0, {0}, 0},
	{"a request that does not exist", 99, 0, 0, {0}, 0},
	{"the highest request", UINT32_MAX, 0, 0, {0}, 0},
	{"not negotiated: SET_LOG_BASE", 6, 0, 16, {0}, 0},
	{"not negotiated: GET_STATUS", VHOST_USER_GET_STATUS, 0, 0, {0}, 0},
	{"GPU_SET_SOCKET without a socket", VHOST_USER_GPU_SET_SOCKET, 0, 0, {0}, 0},
	{"version 0", VHOST_USER_GET_FEATURES, 4, 0, {0}, 0},
	{"version 2", VHOST_USER_GET_FEATURES, 2, 0, {0}, 0},
	{"a payload larger than any", VHOST_USER_GET_FEATURES, 0, 2057, {0}, 0},
	{"a payload of 4 GiB", VHOST_USER_GET_FEATURES, 0, UINT32_MAX, {0}, 0},
	{"SET_FEATURES too short", VHOST_USER_SET_FEATURES, 0, 7, {0}, 0},
	{"SET_MEM_TABLE without payload", VHOST_USER_SET_MEM_TABLE, 0, 0, {0}, 0},
	{"more regions than the payload", VHOST_USER_SET_MEM_TABLE, 0, 40, {2, 0, 4096}, 2},
	{"more regions than fds", VHOST_USER_SET_MEM_TABLE, 0, 40, {1, 0, 4096}, 0},
	{"fewer regions than fds", VHOST_USER_SET_MEM_TABLE, 0, 40, {1, 0, 4096}, 2},
	{"9 regions", VHOST_USER_SET_MEM_TABLE, 0, 64, {9}, 8},
	{"2^32 - 1 regions", VHOST_USER_SET_MEM_TABLE, 0, 64, {UINT32_MAX}, 0},
	{"NUM of queue 2", VHOST_USER_SET_VRING_NUM, 0, 8, {2 | UINT64_C(64) << 32}, 0},
	{"NUM of queue 2^32 - 1", VHOST_USER_SET_VRING_NUM, 0, 8, {UINT32_MAX | UINT64_C(64) << 32},
		0},
	{"NUM 0", VHOST_USER_SET_VRING_NUM, 0, 8, {0}, 0},
	{"NUM 63", VHOST_USER_SET_VRING_NUM, 0, 8, {UINT64_C(63) << 32}, 0},
	{"NUM 2048", VHOST_USER_SET_VRING_NUM, 0, 8, {UINT64_C(2048) << 32}, 0},
	{"NUM too short", VHOST_USER_SET_VRING_NUM, 0, 4, {0}, 0},
	{"ADDR of queue 2", VHOST_USER_SET_VRING_ADDR, 0, 40, {2}, 0},
	{"ADDR misaligned", VHOST_USER_SET_VRING_ADDR, 0, 40, {0, 1}, 0},
	{"ADDR too short", VHOST_USER_SET_VRING_ADDR, 0, 39, {0}, 0},
	{"BASE of queue 7", VHOST_USER_SET_VRING_BASE, 0, 8, {7}, 0},
	{"BASE 65536", VHOST_USER_SET_VRING_BASE, 0, 8, {UINT64_C(65536) << 32}, 0},
	{"GET_VRING_BASE of queue 2", VHOST_USER_GET_VRING_BASE, 0, 8, {2}, 0},
	{"KICK of queue 2", VHOST_USER_SET_VRING_KICK, 0, 8, {2}, 1},
	{"KICK without fd", VHOST_USER_SET_VRING_KICK, 0, 8, {0}, 0},
	{"KICK with fd and without", VHOST_USER_SET_VRING_KICK, 0, 8, {VHOST_USER_VRING_NO_FD}, 1},
	{"CALL with two fds", VHOST_USER_SET_VRING_CALL, 0, 8, {0}, 2},
	{"ERR without fd", VHOST_USER_SET_VRING_ERR, 0, 8, {1}, 0},
	{"ENABLE of queue 2", VHOST_USER_SET_VRING_ENABLE, 0, 8, {2}, 0},
	{"ENABLE 2", VHOST_USER_SET_VRING_ENABLE, 0, 8, {UINT64_C(2) << 32}, 0},
	{"BACKEND_REQ without fd", VHOST_USER_SET_BACKEND_REQ_FD, 0, 0, {0}, 0},
	{"BACKEND_REQ with two fds", VHOST_USER_SET_BACKEND_REQ_FD, 0, 0, {0}, 2},
	{"GET_CONFIG too short", VHOST_USER_GET_CONFIG, 0, 11, {0}, 0},
	{"SET_CONFIG beyond the payload", VHOST_USER_SET_CONFIG, 0, 16, {UINT64_C(5) << 32}, 0},
	{"SET_CONFIG of 4 GiB", VHOST_USER_SET_CONFIG, 0, 16, {UINT64_C(0xffffffff) << 32}, 0},
	{"9 fds", VHOST_USER_SET_OWNER, 0, 0, {0}, 9},
	{"29 fds", VHOST_USER_SET_OWNER, 0, 0, {0}, 28},
};

static void garbage_ends_the_connection_and_nothing_else(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(garbage); i++) {
		const struct garbage *g = &garbage[i];
		struct vhost_user_header header = {g->request, g->flags ? g->flags : 1, g->size};
		uint8_t payload[64];
		memcpy(payload, g->payload, sizeof(payload));
		struct iovec iov[2] = {{&header, sizeof(header)}, {payload, min_u64(g->size, 64)}};
		int fds[28];
		for (int n = 0; n < g->fds; n++)
			fds[n] = eventfd(0, EFD_CLOEXEC);
		start();
		memset(device.calls, 0, sizeof(device.calls));
		int before = fd_count();
		assert_true(fd_send(t.fe.socket, iov, 2, fds, (size_t)g->fds) > 0);
		settle();
		if (connected(t.vu))
			fail_msg("%s was accepted", g->what);
		assert_string_equal(device.calls, "rlm");
		assert_true(fd_count() < before);
		for (int n = 0; n < g->fds; n++)
			close(fds[n]);
		fe_finish(&t.fe);
		memset(device.calls, 0, sizeof(device.calls));
		connect_frontend();
	}
	start();
	run_request("still ok");
}

/* crosvm offers 32768 entries unless it is told otherwise. */
static void who_offers_longer_queues_learns_which_option_helps(void **state)
{
	log_capture_begin();
	fe_state(&t.fe, VHOST_USER_SET_VRING_NUM, 0, 32768);
	settle();
	log_capture_end();
	assert_false(connected(t.vu));
	assert_true(log_captured("crosvm's max-queue-size=1024"));
}

static void fds_that_nobody_asked_for_are_closed(void **state)
{
	int before = fd_count();
	for (int i = 0; i < 10; i++) {
		fe_u64(&t.fe, VHOST_USER_SET_FEATURES, 0, t.fe.memory_fd);
		fe_u64(&t.fe, VHOST_USER_SET_VRING_CALL, 0, t.fe.calls[0]);
		fe_u64(&t.fe, VHOST_USER_SET_VRING_ERR, 1, t.fe.calls[0]);
		fe_u64(&t.fe, VHOST_USER_SET_VRING_KICK, 1, t.fe.kicks[0]);
	}
	settle();
	assert_true(connected(t.vu));
	assert_int_equal(fd_count(),
		before + 4); /* call, err, kick; the event loop has one of its own for the last */
}

/* A system call less for each; one that is watched anew begins without those that were heard. */
static void kicks_are_heard_without_being_read(void **state)
{
	eventfd_t count;
	start();
	run_request("request1");
	t.fe.rings[0].used_seen = 1;
	run_request("request2");
	assert_int_equal(eventfd_read(t.fe.kicks[0], &count), 0);
	assert_int_equal(count, 2);
	fe_kick(&t.fe, 0);
	settle();
	fe_stop(&t.fe);
	expect_base(0);
	expect_base(1);
	assert_int_equal(eventfd_read(t.fe.kicks[0], &count), -1);
	assert_int_equal(errno, EAGAIN);
}

static void a_kick_that_ends_does_not_spin(void **state)
{
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	start();
	fe_u64(&t.fe, VHOST_USER_SET_VRING_KICK, 0, ends[0]);
	settle();
	memset(device.calls, 0, sizeof(device.calls));
	close(ends[0]);
	close(ends[1]);
	settle();
	assert_int_equal(wl_event_loop_dispatch(t.loop, 0), 0);
	expect_calls("");
	int file = fd_memfd("kick", 4096);
	fe_u64(&t.fe, VHOST_USER_SET_VRING_KICK, 0, file); /* nothing one can wait for */
	settle();
	assert_false(connected(t.vu));
	close(file);
}

static void polled_queues_are_accepted(void **state)
{
	start();
	fe_u64(&t.fe, VHOST_USER_SET_VRING_CALL, VHOST_USER_VRING_NO_FD, -1);
	fe_offer(&t.fe, "no kicks", 8);
	fe_u64(&t.fe, VHOST_USER_SET_VRING_KICK, VHOST_USER_VRING_NO_FD, -1);
	settle();
	assert_non_null(ring_driver_take(&t.fe.rings[0]));
	assert_int_equal(interrupts(0), 0);
}

static void a_frontend_that_takes_no_replies_is_dropped(void **state)
{
	for (int i = 0; i < 5000 && connected(t.vu); i++) {
		fe_send(&t.fe, VHOST_USER_GET_SHMEM_CONFIG, 0, NULL, 0, -1);
		wl_event_loop_dispatch(t.loop, 0);
	}
	assert_false(connected(t.vu));
}

static void a_file_is_taken_or_refused(void **state)
{
	struct vhost_user_file file = {.id = INT64_MAX, .size = 4096};
	fe_negotiate(&t.fe);
	fe_send(&t.fe, VHOST_USER_GIVE_FILE, VHOST_USER_FLAG_NEED_REPLY, &file, sizeof(file),
		t.fe.memory_fd);
	assert_int_equal(expect_u64(VHOST_USER_GIVE_FILE), 0);
	file.size = 0;
	fe_send(&t.fe, VHOST_USER_GIVE_FILE, VHOST_USER_FLAG_NEED_REPLY, &file, sizeof(file),
		t.fe.memory_fd);
	assert_int_equal(expect_u64(VHOST_USER_GIVE_FILE), 1);
	expect_calls("ff");
	file.id++; /* the upper half is not the frontend's */
	fe_send(&t.fe, VHOST_USER_GIVE_FILE, 0, &file, sizeof(file), t.fe.memory_fd);
	settle();
	assert_false(connected(t.vu));
	expect_end_and_a_working_successor();
	file.id = 1;
	fe_send(&t.fe, VHOST_USER_GIVE_FILE, 0, &file, sizeof(file), -1); /* no file at all */
	settle();
	assert_false(connected(t.vu));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_monitors_start_is_answered),
		TEST(configuration_space_is_read_at_any_size),
		TEST(acknowledgements_are_sent_when_negotiated_and_asked_for),
		TEST(the_message_that_negotiates_acknowledgements_gets_one),
		TEST(requests_go_through_and_interrupt),
		TEST(without_protocol_features_rings_run_from_the_kick_on),
		TEST(a_kick_before_the_ring_is_enabled_is_not_lost),
		TEST(a_disabled_ring_is_not_processed),
		TEST(stop_and_cont_resume_with_what_was_in_flight),
		TEST(a_reboot_resets_the_device_before_it_starts_again),
		TEST(reset_device_resets_at_once),
		TEST(a_broken_ring_stops_the_device_until_the_reset),
		TEST(a_ring_outside_memory_stops_the_device),
		TEST(a_new_memory_table_in_mid_flight_changes_nothing),
		TEST(a_queue_that_asks_for_it_is_processed_again),
		TEST(when_the_frontend_leaves_all_is_forgotten_and_the_next_may_come),
		TEST(a_frontend_that_truncates_its_rings_is_ended),
		TEST(truncated_buffers_are_noticed_outside_of_the_rings_work_too),
		TEST(a_new_table_does_not_make_truncation_good),
		TEST(leaving_in_the_middle_of_a_message_is_leaving),
		TEST(a_message_in_segments_is_one_message),
		TEST(garbage_ends_the_connection_and_nothing_else),
		TEST(fds_that_nobody_asked_for_are_closed),
		TEST(kicks_are_heard_without_being_read),
		TEST(who_offers_longer_queues_learns_which_option_helps),
		TEST(a_kick_that_ends_does_not_spin),
		TEST(polled_queues_are_accepted),
		TEST(a_frontend_that_takes_no_replies_is_dropped),
		TEST(a_file_is_taken_or_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
