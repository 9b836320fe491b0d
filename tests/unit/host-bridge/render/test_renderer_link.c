/* host-bridge/render/renderer_link.c: workers that are slow, hang, end, or send what is malformed
 */
#include "host-bridge/gpu/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/render_rig.h"

static void a_slow_worker_holds_its_own_guest_back(void **state)
{
	enum { N = 60, BYTES = 200000 };
	static uint8_t bytes[BYTES];
	uint16_t heads[N];
	struct fake_worker slow = make_context(1, VIRGL2), other = make_context(2, VIRGL2);

	for (int i = 0; i < N; i++) {
		bytes[0] = (uint8_t)i;
		heads[i] = gpu_offer_submit(1, bytes, BYTES, FENCE_NONE);
	}
	uint16_t attach = gpu_offer_attach(1, 99);
	assert_int_equal(gpu_answer(attach), NO_ANSWER); /* in its turn, behind the submissions */
	uint16_t head = gpu_offer_submit(2, bytes, 8, FENCE_NONE);
	assert_int_equal(fake_worker_find(&other, RENDERER_SUBMIT), RENDERER_SUBMIT);
	fake_worker_answer(&other, 0);
	assert_int_equal(gpu_await(head), OK);

	for (int i = 0; i < N; i++) {
		int type, n = 0;
		while ((type = fake_worker_receive(&slow)) != RENDERER_SUBMIT) {
			assert_int_not_equal(type, -1);
			if (type == RENDERER_COMMANDS && n++ == 0)
				assert_int_equal(slow.in.bytes[sizeof(slow.in.request)], i);
			if (type == 0)
				machine_turn();
		}
		fake_worker_answer(&slow, 0);
		machine_turn();
	}
	for (int i = 0; i < N; i++)
		assert_int_equal(gpu_await(heads[i]), OK);
	assert_int_equal(gpu_await(attach), BAD_RESOURCE);
	destroy_context(1, &slow);
	destroy_context(2, &other);
}

static void a_dead_worker_takes_its_context_along(void **state)
{
	struct fake_worker dead = make_context(1, VENUS), other = make_context(2, VIRGL2);
	ino_t inode = make_blob(1, &dead, 7, PAGE);
	uint16_t submit = gpu_offer_submit(1, "1234", 4, 1);
	uint16_t global = gpu_offer_submit(1, "1234", 4, FENCE_GLOBAL);
	uint16_t blob = gpu_offer_host_blob(1, 8, 1, PAGE), map = gpu_offer_map(8, 0);
	uint16_t others = gpu_offer_submit(2, "1234", 4, FENCE_GLOBAL);

	while (fake_worker_receive(&dead) > 0)
		continue;
	fake_worker_close(&dead);
	assert_int_equal(gpu_await(submit), UNSPEC);
	assert_true(gpu_response.hdr.flags & VIRTIO_GPU_FLAG_FENCE);
	assert_int_equal(gpu_await(global), UNSPEC);
	assert_int_equal(gpu_await(blob), UNSPEC);
	assert_int_equal(gpu_await(map), BAD_RESOURCE);
	assert_int_equal(gpu_stat("contexts lost"), 1);
	assert_int_equal(fake_worker_find(&other, RENDERER_SUBMIT), RENDERER_SUBMIT);
	fake_worker_answer(&other, 0);
	assert_int_equal(gpu_await(others), OK);

	/* It is there and does nothing; its frames are whole. */
	assert_int_equal(gpu_answer(gpu_offer_submit(1, "1234", 4, 1)), UNSPEC);
	assert_int_equal(gpu_answer(gpu_offer_host_blob(1, 9, 1, PAGE)), UNSPEC);
	assert_int_equal(gpu_answer(gpu_offer_map(7, 0)), VIRTIO_GPU_RESP_OK_MAP_INFO);
	assert_int_equal(inode_of(machine_map_at(&machine.vhost_user, 0)->fd), inode);
	assert_int_equal(gpu_attach(2, 7), OK);
	assert_int_equal(gpu_attach(1, 7), OK);
	assert_int_equal(gpu_unmap(7), OK);
	assert_int_equal(gpu_unref(7), OK);
	assert_int_equal(gpu_destroy_context_of(1), OK);
	destroy_context(2, &other);
}

/* A debugger, a service that is frozen: its workers stood still as well, and could not answer. */
static void a_host_that_was_stopped_ends_no_worker(void **state)
{
	struct fake_worker worker;
	renderer_set_timeout_ms(machine_renderer, 300);
	worker = make_context(1, VIRGL2);
	uint16_t head = gpu_offer_submit(1, "1234", 4, FENCE_GLOBAL);
	assert_int_equal(fake_worker_find(&worker, RENDERER_SUBMIT), RENDERER_SUBMIT);
	struct renderer_answer late = fake_answer(&worker, 0);
	while (fake_worker_receive(&worker) != RENDERER_PING)
		wl_event_loop_dispatch(machine.loop, 10);
	usleep(700000);
	wl_event_loop_dispatch(machine.loop, 0);
	fake_worker_answer(&worker, 0);
	fake_worker_send(&worker, &late, sizeof(late), NULL, 0);
	assert_int_equal(gpu_await(head), OK);
	assert_int_equal(gpu_stat("contexts lost"), 0);
	destroy_context(1, &worker);
}

static void a_worker_that_hangs_is_ended(void **state)
{
	struct fake_worker hung, other;
	renderer_set_timeout_ms(machine_renderer, 300);
	hung = make_context(1, VIRGL2);
	other = make_context(2, VIRGL2);

	int64_t start = gpu_now_ms();
	uint16_t head = gpu_offer_submit(1, "1234", 4, FENCE_GLOBAL);
	assert_int_equal(gpu_await(head), UNSPEC);
	assert_true(gpu_now_ms() - start >= 300);
	struct fake_worker none;
	assert_int_equal(fake_spawner_serve(&none, FAKE_HANGS_MS), RENDERER_KILL);
	assert_int_equal(fake_killed, hung.id);

	/* One that is silent because nothing is asked of it, and one whose fence takes its time,
	 * are not. */
	head = gpu_offer_submit(2, "1234", 4, 1);
	assert_int_equal(fake_worker_find(&other, RENDERER_SUBMIT), RENDERER_SUBMIT);
	struct renderer_answer late = fake_answer(&other, 0);
	unsigned pings = 0;
	for (start = gpu_now_ms(); gpu_now_ms() - start < 1000;) {
		wl_event_loop_dispatch(machine.loop, 10);
		if (fake_worker_receive(&other) == RENDERER_PING) {
			fake_worker_answer(&other, 0);
			pings++;
		}
	}
	assert_true(pings > 0);
	fake_worker_send(&other, &late, sizeof(late), NULL, 0);
	assert_int_equal(gpu_await(head), OK);
	assert_int_equal(gpu_stat("contexts lost"), 1);
	fake_worker_close(&hung);
	assert_int_equal(gpu_destroy_context_of(1), OK);
	destroy_context(2, &other);
}

static void a_worker_that_sends_malformed_answers_is_ended(void **state)
{
	enum {
		WRONG_SERIAL,
		NO_SERIAL,
		TWICE,
		SHORT,
		LONG,
		VERSION,
		POSITIVE,
		EXTRA,
		FDS,
		ERROR_FD,
		N
	};

	for (int what = 0; what < N; what++) {
		struct fake_worker worker = make_context(1, VIRGL2);
		uint16_t head = gpu_offer_submit(1, "1234", 4, 1);
		assert_int_equal(fake_worker_find(&worker, RENDERER_SUBMIT), RENDERER_SUBMIT);
		uint16_t second = gpu_offer_submit(1, "1234", 4, 1);
		struct {
			struct renderer_answer answer;
			uint8_t more[60000];
		} message = {.answer = fake_answer(&worker, what == ERROR_FD ? -EIO : 0)};
		size_t size = sizeof(message.answer);
		int fds[2] = {0, 1};
		message.answer.serial += what == WRONG_SERIAL ? 1000 : 0;
		message.answer.serial = what == NO_SERIAL ? 0 : message.answer.serial;
		message.answer.version += what == VERSION;
		message.answer.error = what == POSITIVE ? 5 : message.answer.error;
		message.answer.extra_bytes = what == EXTRA;
		size -= what == SHORT;
		size += what == LONG ? sizeof(message.more) : 0;
		fake_worker_send(&worker, &message, size, fds, what == FDS ? 2 : what == ERROR_FD);
		if (what == TWICE)
			fake_worker_send(&worker, &message, size, NULL, 0);
		assert_int_equal(gpu_await(second), UNSPEC);
		assert_int_equal(gpu_await(head), what == TWICE ? OK : UNSPEC);
		assert_int_equal(gpu_stat("contexts lost"), (unsigned)what + 1);
		fake_worker_close(&worker);
		assert_int_equal(gpu_destroy_context_of(1), OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_slow_worker_holds_its_own_guest_back),
		TEST(a_dead_worker_takes_its_context_along),
		TEST(a_host_that_was_stopped_ends_no_worker),
		TEST(a_worker_that_hangs_is_ended),
		TEST(a_worker_that_sends_malformed_answers_is_ended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
