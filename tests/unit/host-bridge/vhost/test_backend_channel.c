/* host-bridge/vhost/backend_channel.c, and vhost_user.c's part in maps */
#include "host-bridge/vhost/backend_channel.h"

#include <sys/stat.h>

#include "protocol/base/monotonic.h"
#include "tests/unit/log_capture.h"
#include "tests/unit/vhost_user_world.h"

/* The next request of the backend; its fds are the caller's. */
static struct vhost_user_message expect_request(uint32_t request)
{
	struct vhost_user_message message;
	settle();
	assert_int_equal(vhost_user_receive(t.fe.backend, &t.fe.backend_reader, &message), 1);
	assert_int_equal(message.header.request, request);
	assert_int_equal(message.header.flags, VHOST_USER_VERSION | VHOST_USER_FLAG_NEED_REPLY);
	return message;
}

static void expect_no_request(void)
{
	struct vhost_user_message message;
	settle();
	assert_int_equal(vhost_user_receive(t.fe.backend, &t.fe.backend_reader, &message), 0);
}

static void answer(uint32_t request, uint64_t value)
{
	struct vhost_user_message message;
	vhost_user_message_init(&message, request, sizeof(uint64_t));
	message.header.flags |= VHOST_USER_FLAG_REPLY;
	message.payload.u64 = value;
	assert_int_equal(vhost_user_send(t.fe.backend, &message, 1000), 0);
	settle();
}

/* A map and its barrier are received and answered. */
static void serve_map(uint64_t value)
{
	struct vhost_user_message map = expect_request(VHOST_USER_BACKEND_SHMEM_MAP);
	assert_int_equal(map.n_fds, 1);
	vhost_user_message_finish(&map);
	expect_request(VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE);
	answer(VHOST_USER_BACKEND_SHMEM_MAP, value);
	answer(VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE, 1);
}

static void a_map_is_sent_with_a_barrier_behind_it(void **state)
{
	start();
	map_region();
	struct vhost_user_message map = expect_request(VHOST_USER_BACKEND_SHMEM_MAP);
	assert_int_equal(map.payload.shmem_map.shmid, 1);
	assert_int_equal(map.payload.shmem_map.length, REGION_BYTES);
	assert_int_equal(map.payload.shmem_map.flags, 1);
	assert_int_equal(map.n_fds, 1);
	struct stat ours, theirs;
	fstat(t.region, &ours);
	fstat(map.fds[0], &theirs);
	assert_int_equal(ours.st_ino, theirs.st_ino);
	vhost_user_message_finish(&map);
	expect_request(VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE);
	/* Before the barrier is answered the guest may not see it. */
	answer(VHOST_USER_BACKEND_SHMEM_MAP, 0);
	assert_int_equal(device.map_result, -EINPROGRESS);
	answer(VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE, 1);
	assert_int_equal(device.map_result, 0);

	device.map_result = -EINPROGRESS;
	assert_int_equal(vhost_user_shmem_unmap(t.vu, 1, 0, REGION_BYTES, handle_mapped, NULL), 0);
	expect_request(VHOST_USER_BACKEND_SHMEM_UNMAP);
	expect_no_request();
	answer(VHOST_USER_BACKEND_SHMEM_UNMAP, 0);
	assert_int_equal(device.map_result, 0);
	expect_calls("MM");
	run_request("go on...");
}

static void without_shared_objects_there_is_no_barrier(void **state)
{
	fe_negotiate(&t.fe);
	fe_u64(&t.fe, VHOST_USER_SET_PROTOCOL_FEATURES,
		FE_PROTOCOL_FEATURES & ~FE_BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT), -1);
	fe_driver_ok(&t.fe, 0, 0);
	settle();
	map_region();
	struct vhost_user_message map = expect_request(VHOST_USER_BACKEND_SHMEM_MAP);
	vhost_user_message_finish(&map);
	expect_no_request();
	answer(VHOST_USER_BACKEND_SHMEM_MAP, 0);
	assert_int_equal(device.map_result, 0);
}

static void a_refused_map_is_an_error_and_no_more(void **state)
{
	start();
	map_region();
	serve_map(1);
	assert_int_equal(device.map_result, -EIO);
	map_region();
	serve_map(0);
	assert_int_equal(device.map_result, 0);
}

static void maps_are_checked_before_they_are_sent(void **state)
{
	start();
	const struct {
		uint8_t shmid;
		uint64_t fd_offset, shm_offset, length;
	} cases[] = {
		{0, 0, 0, 4096},
		{2, 0, 0, 4096},
		{255, 0, 0, 4096},
		{1, 0, 0, 0},
		{1, 0, 0, 4095},
		{1, 0, 1, 4096},
		{1, 1, 0, 4096},
		{1, 0, REGION_BYTES, 4096},
		{1, 0, 4096, REGION_BYTES},
		{1, 0, UINT64_MAX - 4095, 4096},
		{1, 0, 4096, UINT64_MAX - 4095},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		assert_int_equal(
			vhost_user_shmem_map(t.vu, cases[i].shmid, t.region, cases[i].fd_offset,
				cases[i].shm_offset, cases[i].length, handle_mapped, NULL),
			-EINVAL);
	expect_no_request();
	expect_calls("");
}

static void requests_go_out_one_at_a_time_and_in_order(void **state)
{
	start();
	map_region();
	assert_int_equal(vhost_user_shmem_unmap(t.vu, 1, 0, REGION_BYTES, NULL, NULL), 0);
	map_region();
	serve_map(0);
	expect_request(VHOST_USER_BACKEND_SHMEM_UNMAP);
	expect_no_request();
	answer(VHOST_USER_BACKEND_SHMEM_UNMAP, 0);
	serve_map(0);
	expect_calls("MM");
}

static void the_main_socket_is_served_while_a_map_waits(void **state)
{
	fe_negotiate(&t.fe);
	device.map_when_started = true;
	fe_driver_ok(&t.fe, 0, 0);
	settle();
	run_request("at once.");
	fe_memory_table(&t.fe, VHOST_USER_FLAG_NEED_REPLY);
	assert_int_equal(expect_u64(VHOST_USER_SET_MEM_TABLE), 0);
	serve_map(0);
	assert_int_equal(device.map_result, 0);
	run_request("go on...");
}

static void a_reboot_ends_what_was_asked_for(void **state)
{
	start();
	map_region();
	map_region();
	fe_stop(&t.fe);
	expect_base(0);
	expect_base(1);
	fe_driver_ok(&t.fe, 0, 0);
	/* Before the device is reset. */
	expect_calls("mMMrS01");
	assert_int_equal(device.map_result, -ECONNRESET);
	/* The answer to the one that was sent is not taken for that of the next. */
	map_region();
	serve_map(1);
	assert_int_equal(device.map_result, -EINPROGRESS);
	serve_map(0);
	assert_int_equal(device.map_result, 0);
	run_request("rebooted");
}

static void a_stop_during_a_map_is_answered(void **state)
{
	start();
	run_request("request1");
	memset(device.calls, 0, sizeof(device.calls));
	map_region();
	map_region();
	fe_stop(&t.fe);
	expect_base(0);
	expect_base(1);
	assert_false(vhost_user_running(t.vu));
	serve_map(0);
	assert_int_equal(device.map_result, 0);
	/* QEMU would crash over another request while it is stopped. */
	expect_no_request();
	fe_driver_ok(&t.fe, 1, 0);
	expect_calls("MmR01");
	serve_map(0);
	expect_calls("M");
	t.fe.rings[0].used_seen = 1;
	run_request("request2");
}

static void leaving_during_a_map_unwinds(void **state)
{
	start();
	map_region();
	map_region();
	shutdown(t.fe.socket, SHUT_RDWR);
	expect_calls("MMrlm");
	assert_int_equal(device.map_result, -ECONNRESET);
	assert_false(connected(t.vu));
}

static void a_frontend_that_is_slow_is_waited_for(void **state)
{
	start();
	log_set_level(LOG_LEVEL_INFO);
	log_capture_begin();
	map_region();
	map_region();
	unsigned turns = 0;
	for (int64_t end = monotonic_ms() + 2500; monotonic_ms() < end; turns++)
		wl_event_loop_dispatch(t.loop, 100);
	assert_true(turns < 100);
	run_request("go on...");
	assert_int_equal(device.map_result, -EINPROGRESS);
	serve_map(0);
	serve_map(0);
	log_capture_end();
	assert_int_equal(device.map_result, 0);
	expect_calls("0MM");
	const char *line = strstr(log_capture_text, "not answered");
	assert_non_null(line);
	assert_null(strstr(line + 1, "not answered"));
	assert_true(log_captured("answers again"));
}

static void an_answer_that_nobody_asked_for_ends_the_channel(void **state)
{
	start();
	map_region();
	map_region();
	answer(VHOST_USER_BACKEND_SHMEM_UNMAP, 0);
	expect_calls("MM");
	assert_int_equal(device.map_result, -ECONNRESET);
	map_region();
	assert_int_equal(device.map_result, -ENOTSUP);
	run_request("go on...");
}

static void a_channel_that_takes_nothing_fails_from_the_event_loop(void **state)
{
	start();
	shutdown(t.fe.backend, SHUT_RDWR);
	map_region();
	assert_int_equal(device.map_result, -EINPROGRESS);
	for (int i = 0; i < 100 && device.map_result == -EINPROGRESS; i++)
		wl_event_loop_dispatch(t.loop, 10);
	assert_int_equal(device.map_result, -ECONNRESET);
	run_request("go on...");
}

static void a_frontend_need_not_negotiate_that_fds_are_sent(void **state)
{
	fe_negotiate(&t.fe);
	fe_u64(&t.fe, VHOST_USER_SET_PROTOCOL_FEATURES,
		FE_PROTOCOL_FEATURES & ~FE_BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD), -1);
	fe_driver_ok(&t.fe, 0, 0);
	settle();
	map_region();
	serve_map(0);
	assert_int_equal(device.map_result, 0);
}

/* crosvm ends its machine over a map that fails, QEMU says so. */
static void what_cannot_be_mapped_is_not_asked_for_where_that_ends_the_machine(void **state)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", t.region);
	int read_only = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read_only >= 0);
	fe_negotiate(&t.fe);
	fe_u64(&t.fe, VHOST_USER_SET_PROTOCOL_FEATURES,
		FE_PROTOCOL_FEATURES & ~FE_BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD), -1);
	fe_driver_ok(&t.fe, 0, 0);
	settle();
	assert_int_equal(
		vhost_user_shmem_map(t.vu, 1, read_only, 0, 0, 4096, handle_mapped, NULL), -EACCES);
	expect_no_request();
	/* And there is no end of the channel: another map goes on. */
	map_region();
	serve_map(0);
	assert_int_equal(device.map_result, 0);

	fe_u64(&t.fe, VHOST_USER_SET_PROTOCOL_FEATURES, FE_PROTOCOL_FEATURES, -1);
	settle();
	device.map_result = -EINPROGRESS;
	assert_int_equal(
		vhost_user_shmem_map(t.vu, 1, read_only, 0, 0, 4096, handle_mapped, NULL), 0);
	serve_map(1);
	assert_int_equal(device.map_result, -EIO);
	close(read_only);
}

static void without_shared_memory_maps_are_not_supported(void **state)
{
	fe_negotiate(&t.fe);
	fe_u64(&t.fe, VHOST_USER_SET_PROTOCOL_FEATURES,
		FE_PROTOCOL_FEATURES & ~FE_BIT(VHOST_USER_PROTOCOL_F_SHMEM), -1);
	device.map_when_started = true;
	fe_driver_ok(&t.fe, 0, 0);
	settle();
	assert_int_equal(device.map_result, -ENOTSUP);
	expect_no_request();
	run_request("go on...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_map_is_sent_with_a_barrier_behind_it),
		TEST(without_shared_objects_there_is_no_barrier),
		TEST(a_refused_map_is_an_error_and_no_more),
		TEST(maps_are_checked_before_they_are_sent),
		TEST(requests_go_out_one_at_a_time_and_in_order),
		TEST(the_main_socket_is_served_while_a_map_waits),
		TEST(a_reboot_ends_what_was_asked_for),
		TEST(a_stop_during_a_map_is_answered),
		TEST(leaving_during_a_map_unwinds),
		TEST(a_frontend_that_is_slow_is_waited_for),
		TEST(an_answer_that_nobody_asked_for_ends_the_channel),
		TEST(a_channel_that_takes_nothing_fails_from_the_event_loop),
		TEST(a_frontend_need_not_negotiate_that_fds_are_sent),
		TEST(what_cannot_be_mapped_is_not_asked_for_where_that_ends_the_machine),
		TEST(without_shared_memory_maps_are_not_supported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
