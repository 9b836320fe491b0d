/* host-bridge/render/renderer_images.c: what a worker that the test plays is asked for, and when */
#include "host-bridge/render/renderer_images.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <linux/virtio_gpu.h>

#include "tests/unit/fake_worker.h"
#include "tests/unit/fd_count.h"

#define MIB (UINT32_C(1) << 20)
#define LOSSES 3

static struct {
	int fds;
	struct renderer *renderer;
	struct wl_event_loop *loop;
	struct renderer_images *images;
	struct image_maker *maker;
	struct fake_worker worker;
} t;

static int set_up(void **state)
{
	int sockets[2];

	memset(&t, 0, sizeof(t));
	t.fds = fd_count();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets) < 0)
		return -1;
	fake_spawner = sockets[1];
	t.renderer = renderer_create_on(sockets[0], &(struct renderer_config){0});
	t.loop = wl_event_loop_create();
	t.images = renderer_images_create(t.renderer, t.loop);
	t.maker = renderer_images_maker(t.images);
	t.worker.socket = t.worker.in_fd = -1;
	return 0;
}

static int tear_down(void **state)
{
	fake_worker_close(&t.worker);
	renderer_images_destroy(t.images);
	wl_event_loop_destroy(t.loop);
	renderer_destroy(t.renderer);
	fd_close(&fake_spawner);
	return fd_count() == t.fds ? 0 : -1;
}

struct asked {
	struct image_call call;
	unsigned n_done;
	int error;
	uint64_t size;
	uint64_t modifier;
	uint32_t map_info;
};

static void handle_done(struct image_call *call, int error, const struct image *image, int fd)
{
	struct asked *asked = container_of(call, struct asked, call);

	asked->n_done++;
	asked->error = error;
	asked->size = image ? image->size : 0;
	asked->modifier = image ? image->modifier : 0;
	asked->map_info = image ? image->map_info : 0;
	fd_close(&fd);
}

/* Has @bytes made. */
static void ask(struct asked *asked, uint32_t bytes)
{
	const struct image_request request = {.width = bytes, .height = 1, .format = DRM_FORMAT_R8};

	*asked = (struct asked){.call = {.done = handle_done}};
	assert_int_equal(t.maker->make(t.maker, &request, &asked->call), 0);
}

/* A worker is started. */
static void take_worker(void)
{
	int type;

	fake_worker_close(&t.worker);
	while ((type = fake_spawner_serve(&t.worker, 0)) == RENDERER_KILL)
		continue;
	assert_int_equal(type, RENDERER_SPAWN);
	assert_int_equal(t.worker.kind, RENDERER_KIND_GBM);
}

/* The worker is asked for so many bytes; 0: for nothing. */
static uint32_t next_bytes(void)
{
	return fake_worker_receive(&t.worker) == RENDERER_ALLOCATE
		? t.worker.in.request.allocate.width
		: 0;
}

/* The worker has made what it was asked for last. */
static void answer(void)
{
	struct renderer_answer answer = fake_answer(&t.worker, 0);
	int fd = fd_memfd("image", t.worker.in.request.allocate.width);

	answer.blob.fd_type = RENDERER_FD_SHM;
	answer.blob.map_info = VIRTIO_GPU_MAP_CACHE_CACHED;
	answer.blob.size = t.worker.in.request.allocate.width;
	fake_worker_send(&t.worker, &answer, sizeof(answer), &fd, 1);
	fd_close(&fd);
	wl_event_loop_dispatch(t.loop, 0);
}

static void lose_worker(void)
{
	fake_worker_close(&t.worker);
	wl_event_loop_dispatch(t.loop, 0);
	wl_event_loop_dispatch(t.loop, 0);
}

static void so_much_is_made_at_a_time(void **state)
{
	struct asked large, small, huge, last;
	ask(&large, 200 * MIB);
	ask(&small, 56 * MIB);
	ask(&huge, 1024 * MIB);
	ask(&last, MIB);
	take_worker();
	assert_int_equal(next_bytes(), 200 * MIB);
	answer();
	assert_int_equal(large.error, 0);
	assert_int_equal(large.size, 200 * MIB);
	assert_int_equal(next_bytes(), 56 * MIB);
	assert_int_equal(next_bytes(), 0); /* what is larger is made alone, */
	fake_worker_answer(&t.worker, -ENOMEM);
	wl_event_loop_dispatch(t.loop, 0);
	assert_int_equal(small.error, -ENOMEM);
	assert_int_equal(next_bytes(), 1024 * MIB);
	assert_int_equal(next_bytes(), 0); /* and nobody overtakes it */
	fake_worker_answer(&t.worker, -ENOMEM);
	wl_event_loop_dispatch(t.loop, 0);
	assert_int_equal(next_bytes(), MIB);
	answer();
	assert_int_equal(last.size, MIB);
	assert_int_equal(large.n_done + small.n_done + huge.n_done + last.n_done, 4);
}

/* Whoever cancels may ask again: what the worker has begun counts until it is done. */
static void what_nobody_waits_for_counts_while_it_is_made(void **state)
{
	struct asked first, second, third;
	ask(&first, 200 * MIB);
	ask(&second, 100 * MIB);
	ask(&third, 100 * MIB);
	take_worker();
	assert_int_equal(next_bytes(), 200 * MIB);
	t.maker->cancel(t.maker, &first.call);
	t.maker->cancel(t.maker, &second.call);
	assert_int_equal(next_bytes(), 0);
	fake_worker_answer(&t.worker, -ENOMEM);
	wl_event_loop_dispatch(t.loop, 0);
	assert_int_equal(next_bytes(), 100 * MIB);
	answer();
	assert_int_equal(first.n_done + second.n_done, 0);
	assert_int_equal(third.size, 100 * MIB);
	assert_int_equal(next_bytes(), 0);
}

/* Who asks for much leaves room between for the others. */
static void each_context_has_its_turn(void **state)
{
	static const char one, other;
	struct asked many[130] = {0}, few[2];

	for (size_t i = 0; i < ARRAY_LENGTH(many); i++) {
		const struct image_request request = {
			.width = (uint32_t)i + 1, .height = 1, .format = DRM_FORMAT_R8};
		many[i].call = (struct image_call){.done = handle_done, .asker = &one};
		assert_int_equal(
			t.maker->make(t.maker, &request, &many[i].call), i < 128 ? 0 : -EBUSY);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(few); i++) {
		const struct image_request request = {
			.width = 1001 + (uint32_t)i, .height = 1, .format = DRM_FORMAT_R8};
		few[i] = (struct asked){.call = {.done = handle_done, .asker = &other}};
		assert_int_equal(t.maker->make(t.maker, &request, &few[i].call), 0);
	}
	take_worker();
	static const uint32_t order[] = {1, 2, 3, 4, 5, 1001, 6, 1002, 7, 8};
	size_t got = 0;
	for (uint32_t bytes; got < ARRAY_LENGTH(order);) {
		while (got < ARRAY_LENGTH(order) && (bytes = next_bytes()) != 0)
			assert_int_equal(bytes, order[got++]);
		fake_worker_answer(&t.worker, -ENOMEM);
		wl_event_loop_dispatch(t.loop, 0);
	}
	assert_int_equal(few[0].n_done + few[1].n_done, 2);
}

/* Those that it was not told of are lost with a worker, too; the next one is asked for others. */
static void a_lost_worker_leaves_nothing_open(void **state)
{
	struct asked first, second;

	for (int i = 0; i < LOSSES; i++) {
		ask(&first, 200 * MIB);
		ask(&second, 200 * MIB);
		take_worker();
		assert_int_equal(next_bytes(), 200 * MIB);
		assert_int_equal(next_bytes(), 0);
		lose_worker();
		assert_int_equal(first.error, -EIO);
		assert_int_equal(second.error, -EIO);
		assert_int_equal(first.n_done + second.n_done, 2);
	}
	const struct image_request request = {.width = 1, .height = 1, .format = DRM_FORMAT_R8};
	assert_int_equal(t.maker->make(t.maker, &request, &first.call), -ENODEV);
}

/* Answers the worker's last request: a buffer of 16 pages, with one field wrong or none. */
static void answer_tiled(const struct renderer_answer *blob)
{
	struct renderer_answer answer = fake_answer(&t.worker, 0);
	int fd = fd_memfd("image", 65536);

	answer.blob = blob->blob;
	answer.blob.fd_type = RENDERER_FD_SHM;
	answer.blob.map_info = VIRTIO_GPU_MAP_CACHE_CACHED;
	answer.blob.size = 65536;
	fake_worker_send(&t.worker, &answer, sizeof(answer), &fd, 1);
	fd_close(&fd);
	wl_event_loop_dispatch(t.loop, 0);
}

/* Only drivers know how such memory is used, and that what was told of it lies within. */
static void a_layout_is_believed_within_bounds(void **state)
{
	static const struct {
		struct renderer_answer answer;
		int error;
	} cases[] = {
		{{.blob = {.modifier = 7, .strides = {512}}}, 0},
		{{.blob = {.modifier = 9,
			  .strides = {512, 64, 64, 64},
			  .offsets = {0, 4096, 8192, 65472}}},
			0},
		{{.blob = {.modifier = 8, .strides = {512}}}, -EINVAL}, /* not asked for */
		{{.blob = {.modifier = DRM_FORMAT_MOD_INVALID, .strides = {512}}}, -EINVAL},
		{{.blob = {.modifier = 7}}, -EINVAL}, /* no plane */
		{{.blob = {.modifier = 7, .strides = {512, 0, 64}}}, -EINVAL},
		{{.blob = {.modifier = 7, .strides = {512}, .offsets = {0, 4096}}}, -EINVAL},
		{{.blob = {.modifier = 7, .strides = {65537}}}, -EMSGSIZE},
		{{.blob = {.modifier = 7, .strides = {512}, .offsets = {65025}}}, -EMSGSIZE},
		{{.blob = {.modifier = 7, .strides = {512, 64}, .offsets = {0, UINT32_MAX}}},
			-EMSGSIZE},
	};
	const struct image_request request = {.width = 64,
		.height = 64,
		.format = DRM_FORMAT_XRGB8888,
		.n_modifiers = 2,
		.modifiers = {7, 9}};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct asked asked = {.call = {.done = handle_done}};
		assert_int_equal(t.maker->make(t.maker, &request, &asked.call), 0);
		if (i == 0)
			take_worker();
		assert_int_equal(next_bytes(), 64);
		assert_int_equal(t.worker.in.request.allocate.n_modifiers, 2);
		assert_int_equal(t.worker.in_bytes, sizeof(struct renderer_request) + 16);
		assert_memory_equal(
			t.worker.in.bytes + sizeof(struct renderer_request), request.modifiers, 16);
		answer_tiled(&cases[i].answer);
		assert_int_equal(asked.n_done, 1);
		assert_int_equal(asked.error, cases[i].error);
		if (asked.error == 0) {
			assert_int_equal(asked.modifier, cases[i].answer.blob.modifier);
			assert_int_equal(asked.map_info, 0);
		}
	}
}

/* renderer.c: a worker that tells of these speeds, and is ended then. */
static void *measure(void *data)
{
	const struct renderer_speed *speed = data;
	struct fake_worker worker;

	assert_int_equal(fake_spawner_serve(&worker, FAKE_HANGS_MS), RENDERER_SPAWN);
	struct pollfd pollfd = {.fd = worker.socket, .events = POLLIN};
	poll(&pollfd, 1, FAKE_HANGS_MS);
	assert_int_equal(fake_worker_receive(&worker), RENDERER_MEASURE);
	struct renderer_answer answer = fake_answer(&worker, 0);
	answer.speed.buffer_written = speed->buffer_written;
	answer.speed.memory_written = speed->memory_written;
	fake_worker_send(&worker, &answer, sizeof(answer), NULL, 0);
	assert_int_equal(fake_spawner_serve(&worker, FAKE_HANGS_MS), RENDERER_KILL);
	fake_worker_close(&worker);
	return NULL;
}

/* Such as those of GPUs that write-combine. Who names them gets them all the same. */
static void buffers_that_are_much_slower_than_memory_are_not_used(void **state)
{
	static const struct {
		struct renderer_speed speed;
		bool if_good, used;
	} cases[] = {
		{{.buffer_written = 500, .memory_written = 1000}, true, true},
		{{.buffer_written = 499, .memory_written = 1000}, true, false},
		{{.buffer_written = 499, .memory_written = 1000}, false, true},
		{{.buffer_written = 9000, .memory_written = 1000}, true, true},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		const struct renderer_config config = {.render_node = "node",
			.kinds = {[RENDERER_KIND_GBM] = true},
			.gbm_if_good = cases[i].if_good};
		struct renderer_speed speed = cases[i].speed;
		pthread_t thread;
		int sockets[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
					 0, sockets),
			0);
		fake_spawner = sockets[1];
		assert_int_equal(pthread_create(&thread, NULL, measure, &speed), 0);
		struct renderer *renderer = renderer_create_on(sockets[0], &config);
		pthread_join(thread, NULL);
		assert_int_equal(renderer_has_gbm(renderer), cases[i].used);
		renderer_destroy(renderer);
		fd_close(&fake_spawner);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(so_much_is_made_at_a_time),
		TEST(what_nobody_waits_for_counts_while_it_is_made),
		TEST(each_context_has_its_turn),
		TEST(a_lost_worker_leaves_nothing_open),
		TEST(a_layout_is_believed_within_bounds),
		cmocka_unit_test(buffers_that_are_much_slower_than_memory_are_not_used),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
