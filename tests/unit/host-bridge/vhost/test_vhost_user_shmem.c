/* host-bridge/vhost/vhost_user_shmem.c */
#include "host-bridge/vhost/vhost_user.h"

#include <sys/stat.h>

#include "tests/unit/vhost_user_world.h"

/* The frontend in a thread of its own, for the times when the backend waits for it. */
static struct {
	pthread_t thread;
	uint64_t answer;
	bool table_first, silent, stop_first, reboot_first, leave_first, no_object;
	bool acknowledged;
	uint32_t requests[4];
	struct vhost_user_message map;
} peer;

static void *peer_run(void *data)
{
	struct frontend *fe = &t.fe;
	struct vhost_user_message message;

	if (peer.silent)
		return NULL;
	if (!fe_receive_from(fe->backend, &fe->backend_reader, &peer.map))
		return NULL;
	if (peer.leave_first) {
		shutdown(fe->socket, SHUT_RDWR);
		return NULL;
	}
	if (peer.table_first) {
		fe_memory_table(fe, VHOST_USER_FLAG_NEED_REPLY);
		peer.acknowledged = fe_receive_from(fe->socket, &fe->reader, &message) &&
			message.header.request == VHOST_USER_SET_MEM_TABLE &&
			message.payload.u64 == 0;
	}
	if (peer.stop_first || peer.reboot_first) {
		fe_stop(fe);
		peer.acknowledged = fe_receive_from(fe->socket, &fe->reader, &message) &&
			fe_receive_from(fe->socket, &fe->reader, &message) &&
			message.header.request == VHOST_USER_GET_VRING_BASE;
		if (peer.reboot_first)
			fe_driver_ok(fe, 0, 0);
	}
	peer.requests[0] = peer.map.header.request;
	vhost_user_message_init(&message, peer.map.header.request, sizeof(uint64_t));
	message.header.flags |= VHOST_USER_FLAG_REPLY;
	message.payload.u64 = peer.answer;
	vhost_user_send(fe->backend, &message, 1000);
	if (!peer.no_object && peer.map.header.request == VHOST_USER_BACKEND_SHMEM_MAP)
		peer.requests[1] = fe_answer(fe, 1, &message);
	return NULL;
}

static void peer_begin(void)
{
	memset(peer.requests, 0, sizeof(peer.requests));
	assert_int_equal(pthread_create(&peer.thread, NULL, peer_run, NULL), 0);
}

static void peer_end(void)
{
	pthread_join(peer.thread, NULL);
	vhost_user_message_finish(&peer.map);
}

static int set_up_peer(void **state)
{
	memset(&peer, 0, sizeof(peer));
	return set_up(state);
}

static int shmem_map(void)
{
	peer_begin();
	map_region();
	pthread_join(peer.thread, NULL);
	return device.map_result;
}

static void a_map_is_sent_with_a_barrier_behind_it(void **state)
{
	start();
	assert_int_equal(shmem_map(), 0);
	assert_int_equal(peer.requests[0], VHOST_USER_BACKEND_SHMEM_MAP);
	assert_int_equal(peer.requests[1], VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE);
	assert_int_equal(peer.map.header.flags, VHOST_USER_VERSION | VHOST_USER_FLAG_NEED_REPLY);
	assert_int_equal(peer.map.payload.shmem_map.shmid, 1);
	assert_int_equal(peer.map.payload.shmem_map.length, REGION_BYTES);
	assert_int_equal(peer.map.payload.shmem_map.flags, 1);
	assert_int_equal(peer.map.n_fds, 1);
	struct stat ours, theirs;
	fstat(t.region, &ours);
	fstat(peer.map.fds[0], &theirs);
	assert_int_equal(ours.st_ino, theirs.st_ino);
	vhost_user_message_finish(&peer.map);

	peer_begin();
	assert_int_equal(vhost_user_shmem_unmap(t.vu, 1, 0, REGION_BYTES), 0);
	peer_end();
	assert_int_equal(peer.requests[0], VHOST_USER_BACKEND_SHMEM_UNMAP);
	run_request("go on...");
}

static void without_shared_objects_there_is_no_barrier(void **state)
{
	fe_negotiate(&t.fe);
	fe_u64(&t.fe, VHOST_USER_SET_PROTOCOL_FEATURES,
		FE_PROTOCOL_FEATURES & ~FE_BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT), -1);
	fe_driver_ok(&t.fe, 0, 0);
	settle();
	peer.no_object = true;
	assert_int_equal(shmem_map(), 0);
	vhost_user_message_finish(&peer.map);
	struct vhost_user_message message;
	assert_int_equal(vhost_user_receive(t.fe.backend, &t.fe.backend_reader, &message), 0);
}

static void a_refused_map_is_an_error_and_no_more(void **state)
{
	start();
	peer.answer = 1;
	assert_int_equal(shmem_map(), -EIO);
	vhost_user_message_finish(&peer.map);
	peer.answer = 0;
	assert_int_equal(shmem_map(), 0);
	vhost_user_message_finish(&peer.map);
}

static void maps_are_checked_before_they_are_sent(void **state)
{
	struct vhost_user_message message;
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
				cases[i].shm_offset, cases[i].length, true),
			-EINVAL);
	assert_int_equal(vhost_user_receive(t.fe.backend, &t.fe.backend_reader, &message), 0);
}

static void the_main_socket_is_served_while_a_map_waits(void **state)
{
	fe_negotiate(&t.fe);
	settle();
	peer.table_first = true;
	device.map_when_started = true;
	peer_begin();
	fe_driver_ok(&t.fe, 0, 0);
	while (device.calls[0] == 0 || device.calls[strlen(device.calls) - 1] == 'S')
		wl_event_loop_dispatch(t.loop, 100);
	peer_end();
	assert_int_equal(device.map_result, 0);
	assert_true(peer.acknowledged);
	expect_calls("mSm01");
	run_request("go on...");
}

static void messages_during_a_map_do_not_reenter_the_device(void **state)
{
	start();
	peer.reboot_first = true;
	device.map_when_processed = true;
	peer_begin();
	fe_kick(&t.fe, 1);
	settle();
	peer_end();
	assert_true(peer.acknowledged);
	assert_int_equal(device.map_result, -ECONNRESET);
	/* The reset and the new start came after the processing of queue 1 had ended. */
	expect_calls("1mrS01");
	peer.reboot_first = false;
	run_request("rebooted");
}

static void a_stop_during_a_map_is_answered(void **state)
{
	start();
	run_request("request1");
	memset(device.calls, 0, sizeof(device.calls));
	peer.stop_first = true;
	device.map_when_processed = true;
	peer_begin();
	fe_kick(&t.fe, 1);
	settle();
	peer_end();
	assert_true(peer.acknowledged);
	assert_int_equal(
		device.map_result, 0); /* done; and should it be a reset, the reset says so */
	assert_false(vhost_user_running(t.vu));
	fe_driver_ok(&t.fe, 1, 0);
	expect_calls("1mR01");
	t.fe.rings[0].used_seen = 1;
	run_request("request2");
}

static void leaving_during_a_map_unwinds(void **state)
{
	start();
	peer.leave_first = true;
	device.map_when_processed = true;
	peer_begin();
	fe_kick(&t.fe, 0);
	settle();
	peer_end();
	assert_int_equal(device.map_result, -ECONNRESET);
	expect_calls("0rm");
	assert_false(vhost_user_connected(t.vu));
}

static void a_frontend_that_never_answers_is_asked_once(void **state)
{
	start();
	uint64_t begin_ns = vhost_user_deadline_ns(0);
	map_region();
	uint64_t waited_ms = (vhost_user_deadline_ns(0) - begin_ns) / 1000000;
	assert_int_equal(device.map_result, -ETIMEDOUT);
	assert_in_range(waited_ms, 1900, 3000);
	map_region();
	assert_int_equal(device.map_result, -ENOTSUP);
	run_request("go on...");
}

static void without_shared_memory_maps_are_not_supported(void **state)
{
	struct vhost_user_message message;
	fe_negotiate(&t.fe);
	fe_u64(&t.fe, VHOST_USER_SET_PROTOCOL_FEATURES,
		FE_PROTOCOL_FEATURES & ~FE_BIT(VHOST_USER_PROTOCOL_F_SHMEM), -1);
	device.map_when_started = true;
	fe_driver_ok(&t.fe, 0, 0);
	settle();
	assert_int_equal(device.map_result, -ENOTSUP);
	assert_int_equal(vhost_user_receive(t.fe.backend, &t.fe.backend_reader, &message), 0);
	run_request("go on...");
}

#define PEER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_peer, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(a_map_is_sent_with_a_barrier_behind_it),
		PEER_TEST(without_shared_objects_there_is_no_barrier),
		PEER_TEST(a_refused_map_is_an_error_and_no_more),
		PEER_TEST(maps_are_checked_before_they_are_sent),
		PEER_TEST(the_main_socket_is_served_while_a_map_waits),
		PEER_TEST(messages_during_a_map_do_not_reenter_the_device),
		PEER_TEST(a_stop_during_a_map_is_answered),
		PEER_TEST(leaving_during_a_map_unwinds),
		PEER_TEST(a_frontend_that_never_answers_is_asked_once),
		PEER_TEST(without_shared_memory_maps_are_not_supported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
