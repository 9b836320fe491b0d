/*
 * host-bridge/render/renderer_context.c, waiting.c and requests.c: 3D contexts through real
 * virtqueues, with workers that the test plays. (The real ones: see tests/renderer.)
 */
#include "host-bridge/gpu/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "host-bridge/contexts/waiting.h"
#include "protocol/formats/cross_domain.h"
#include "tests/unit/render_rig.h"

static void a_guest_is_told_of_the_renderers_capsets(void **state)
{
	static const uint32_t ids[] = {5, 1, 2, 4};
	struct virtio_gpu_config config;

	machine.vhost_user.device->get_config(
		machine.vhost_user.data, 0, sizeof(config), (uint8_t *)&config);
	assert_int_equal(config.num_capsets, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(RUN(struct virtio_gpu_get_capset_info, HDR(GET_CAPSET_INFO),
					 .capset_index = i),
			VIRTIO_GPU_RESP_OK_CAPSET_INFO);
		assert_int_equal(gpu_response.capset_info.capset_id, ids[i]);
	}
	assert_int_equal(gpu_response.capset_info.capset_max_size, 64);
	assert_int_equal(
		RUN(struct virtio_gpu_get_capset_info, HDR(GET_CAPSET_INFO), .capset_index = 4),
		BAD_PARAMETER);
	assert_int_equal(RUN(struct virtio_gpu_get_capset, HDR(GET_CAPSET), .capset_id = 4),
		VIRTIO_GPU_RESP_OK_CAPSET);
	assert_int_equal(gpu_response_bytes, sizeof(struct virtio_gpu_ctrl_hdr) + 64);
	assert_int_equal(gpu_response.bytes[sizeof(struct virtio_gpu_ctrl_hdr)], 4);
	assert_int_equal(
		RUN(struct virtio_gpu_get_capset, HDR(GET_CAPSET), .capset_id = 6), BAD_PARAMETER);
	assert_int_equal(RUN(struct virtio_gpu_get_capset, HDR(GET_CAPSET), .capset_id = 4,
				 .capset_version = 1),
		BAD_PARAMETER);
}

static void contexts_have_workers_of_their_kind(void **state)
{
	assert_int_equal(gpu_create_context(9, 3), BAD_PARAMETER);
	assert_int_equal(gpu_create_context(9, 6), BAD_PARAMETER);

	struct fake_worker gl = make_context(1, VIRGL2), vulkan = make_context(2, VENUS);
	assert_int_equal(gl.kind, RENDERER_KIND_VIRGL);
	assert_int_equal(vulkan.kind, RENDERER_KIND_VENUS);
	assert_int_not_equal(gl.id, vulkan.id);
	destroy_context(1, &gl);
	assert_int_equal(fake_worker_receive(&vulkan), 0); /* which goes on */
	struct fake_worker none;
	assert_int_equal(fake_spawner_serve(&none, 0), RENDERER_KILL);
	assert_int_equal(fake_killed, gl.id);
	destroy_context(2, &vulkan);
}

static void without_a_spawner_there_are_no_contexts(void **state)
{
	fd_close(&fake_spawner);
	assert_int_equal(gpu_create_context(1, VIRGL2), NO_MEMORY);
	assert_int_equal(gpu_create_context(1, 5), OK); /* but those that need none */
}

static void a_machine_has_so_many_3d_contexts(void **state)
{
	assert_null(quota_set(&machine.quota, "3d-contexts", "1"));
	struct fake_worker worker = make_context(1, VIRGL2);
	assert_int_equal(gpu_create_context(2, VIRGL2), NO_MEMORY);
	assert_int_equal(gpu_create_context(3, 5), OK); /* others go on */
	destroy_context(1, &worker);
	worker = make_context(2, VIRGL2);
	destroy_context(2, &worker);
}

static void a_3d_context_takes_fds_of_its_machine(void **state)
{
	assert_null(quota_set(&machine.quota, "fds", "30"));
	struct fake_worker worker = make_context(1, VIRGL2);
	assert_int_equal(gpu_create_context(2, VIRGL2), NO_MEMORY);
	assert_int_equal(machine.quota.entries[QUOTA_3D_CONTEXTS].use, 1);
	destroy_context(1, &worker);
	assert_int_equal(machine.quota.entries[QUOTA_FDS].use, 0);
}

static void submissions_come_whole_and_get_the_workers_answer(void **state)
{
	static uint8_t bytes[100000], got[100000];
	struct fake_worker worker = make_context(1, VIRGL2);
	const struct renderer_request *in = &worker.in.request;
	size_t size = 0;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 >> 3);
	uint16_t head = gpu_offer_submit(1, bytes, sizeof(bytes), FENCE_NONE);
	int type;
	while ((type = fake_worker_receive(&worker)) == RENDERER_COMMANDS) {
		assert_int_equal(worker.in_bytes, sizeof(*in) + in->list.n);
		assert_true(size + in->list.n <= sizeof(got));
		memcpy(got + size, worker.in.bytes + sizeof(*in), in->list.n);
		size += in->list.n;
	}
	assert_int_equal(type, RENDERER_SUBMIT);
	assert_int_equal(size, sizeof(bytes));
	assert_memory_equal(got, bytes, size);
	assert_int_equal(in->fenced, 0);
	assert_int_equal(gpu_answer(head), NO_ANSWER);
	fake_worker_answer(&worker, 0);
	assert_int_equal(gpu_await(head), OK);

	head = gpu_offer_submit(1, bytes, 8, 3);
	assert_int_equal(fake_worker_find(&worker, RENDERER_SUBMIT), RENDERER_SUBMIT);
	assert_int_equal(in->fenced, 1);
	assert_int_equal(in->ring, 3);
	fake_worker_answer(&worker, -EINVAL);
	assert_int_equal(gpu_await(head), BAD_PARAMETER);
	assert_true(
		gpu_response.hdr.flags & VIRTIO_GPU_FLAG_FENCE); /* which retires all the same */
	assert_int_equal(gpu_response.hdr.fence_id, 77);
	assert_int_equal(gpu_offer_submit(9, bytes, 8, 0) >= 0, 1);
	destroy_context(1, &worker);
	head = gpu_offer_submit(1, bytes, 8, 0);
	assert_int_equal(gpu_answer(head), BAD_CONTEXT);
}

static void fences_without_a_ring_retire_in_order_over_all_contexts(void **state)
{
	struct fake_worker one = make_context(1, VIRGL2), two = make_context(2, VIRGL2);

	uint16_t first = gpu_offer_submit(1, "1234", 4, FENCE_GLOBAL);
	uint16_t second = gpu_offer_submit(2, "1234", 4, FENCE_GLOBAL);
	uint16_t on_ring = gpu_offer_submit(2, "1234", 4, 1);
	struct virtio_gpu_ctrl_hdr fenced = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	gpu_set_fence(&fenced, FENCE_GLOBAL);
	uint16_t third = gpu_offer(&fenced, sizeof(fenced));

	for (int i = 0; i < 2; i++) {
		assert_int_equal(fake_worker_find(&two, RENDERER_SUBMIT), RENDERER_SUBMIT);
		fake_worker_answer(&two, 0);
	}
	assert_int_equal(gpu_await(on_ring), OK);
	assert_int_equal(gpu_answer(first), NO_ANSWER);
	assert_int_equal(gpu_answer(second), NO_ANSWER);
	assert_int_equal(gpu_answer(third), NO_ANSWER);
	assert_int_equal(fake_worker_find(&one, RENDERER_SUBMIT), RENDERER_SUBMIT);
	fake_worker_answer(&one, 0);
	assert_int_equal(gpu_await(third), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	assert_int_equal(gpu_answer(first), OK);
	assert_int_equal(gpu_answer(second), OK);
	destroy_context(1, &one);
	destroy_context(2, &two);
}

static void a_driver_that_offers_chains_twice_fills_nothing_up(void **state)
{
	struct fake_worker worker = make_context(1, VENUS);
	uint16_t create = gpu_offer_host_blob(1, 7, 1, PAGE);
	uint16_t head = gpu_offer_map(7, 0);
	/* The same chain again and again, none of them answered yet. */
	for (int i = 0; i < 3000; i++) {
		ring_driver_offer(&machine.rings[0], head);
		if (i % 500 != 499)
			continue;
		machine_kick(0);
		wl_event_loop_dispatch(machine.loop, 0);
	}
	machine.answers[0][head].there = false;
	for (int i = 0; i < 20; i++) {
		wl_event_loop_dispatch(machine.loop, 0);
		while (ring_driver_take(&machine.rings[0]))
			continue;
	}
	assert_true(gpu_stat("errors") > 1000); /* refused */
	assert_false(machine.vhost_user.broken);
	assert_false(machine.answers[0][create].there);
	machine_reset();
	machine_boot();
	fake_worker_close(&worker);
}

/* The driver's queue is everybody's in the guest: one application cannot fill it with contexts. */
static void not_many_contexts_wait_for_their_turn(void **state)
{
	uint16_t heads[200];
	unsigned refused = 0, made = 0;
	for (unsigned i = 0; i < ARRAY_LENGTH(heads); i++)
		heads[i] = OFFER(struct virtio_gpu_ctx_create, HDR(CTX_CREATE, .ctx_id = i + 1),
			.nlen = 4, .context_init = VENUS, .debug_name = "test");
	for (unsigned i = 0; i < ARRAY_LENGTH(heads); i++) {
		uint32_t type = gpu_answer(heads[i]);
		made += type == OK;
		refused += type == NO_MEMORY;
	}
	assert_true(made >= machine.kinds.rate.at_once);
	assert_true(made + refused >= ARRAY_LENGTH(heads) - WAITING_MAX_RATED);
	assert_true(refused < ARRAY_LENGTH(heads) - WAITING_MAX_RATED);
}

static void processes_start_at_a_rate_that_a_machine_can_bear(void **state)
{
	struct fake_worker workers[20];
	unsigned n = 0;
	for (; n < machine.kinds.rate.at_once; n++)
		workers[n] = make_context(n + 1, n % 2 ? VENUS : VIRGL2);
	/* The next one waits, and so does what it is asked for. */
	int64_t begin = gpu_now_ms();
	uint16_t late = OFFER(struct virtio_gpu_ctx_create, HDR(CTX_CREATE, .ctx_id = 50),
		.nlen = 4, .context_init = VENUS, .debug_name = "late");
	uint16_t submit = gpu_offer_submit(50, "1234", 4, 1);
	assert_int_equal(fake_spawner_serve(&workers[n], 0), -1);
	assert_int_equal(gpu_answer(late), NO_ANSWER);
	assert_int_equal(gpu_create_context(60, CROSS_DOMAIN_CAPSET_ID), OK);
	assert_int_equal(gpu_await(late), OK);
	assert_true(gpu_now_ms() - begin >= 100);
	assert_int_equal(fake_spawner_serve(&workers[n], FAKE_HANGS_MS), RENDERER_SPAWN);
	assert_int_equal(fake_worker_find(&workers[n], RENDERER_SUBMIT), RENDERER_SUBMIT);
	fake_worker_answer(&workers[n], 0);
	assert_int_equal(gpu_await(submit), OK);
	assert_int_equal(gpu_destroy_context_of(50), OK);
	fake_worker_close(&workers[n]);
	while (n-- > 0)
		destroy_context(n + 1, &workers[n]);
	assert_int_equal(gpu_destroy_context_of(60), OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_is_told_of_the_renderers_capsets),
		TEST(contexts_have_workers_of_their_kind),
		TEST(without_a_spawner_there_are_no_contexts),
		TEST(a_machine_has_so_many_3d_contexts),
		TEST(a_3d_context_takes_fds_of_its_machine),
		TEST(submissions_come_whole_and_get_the_workers_answer),
		TEST(fences_without_a_ring_retire_in_order_over_all_contexts),
		TEST(a_driver_that_offers_chains_twice_fills_nothing_up),
		TEST(processes_start_at_a_rate_that_a_machine_can_bear),
		TEST(not_many_contexts_wait_for_their_turn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
