/*
 * Frames of a real worker (libvirglrenderer, llvmpipe) that is held and goes on, and
 * wayferry-guest's windows that wait for them. The test plays the guest's kernel between the two:
 * what the device says is finished it signals, by a buffer's fence or by a point of a timeline.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "guest-proxy/gpu/syncobj.h"
#include "guest-proxy/sync/timeline.h"
#include "host-bridge/render/renderer.h"
#include "processes.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/gpu_commands.h"
#include "tests/unit/mock_syncobj.h"

#include "tests/unit/dmabuf_rig.h" /* its globals have short names */
#include "virgl_stream.h"

#define MANAGER "wp_linux_drm_syncobj_manager_v1"
#define WIDTH 64
#define HEIGHT 32
#define PIXELS (WIDTH * HEIGHT)
#define UNFINISHED 0xffff00ffu
#define CONTEXT 1
#define COLOURS 5 /* of which none is that of UNFINISHED */

struct window {
	uint32_t surface, sync; /* sync: 0: it has no points */
	uint32_t buffer, host_buffer;
	int dmabuf, finish; /* pipes in the place of a fence */
	uint32_t acquire, release;
	int acquire_fd, release_fd; /* -1: none */
	uint64_t point;
};

static uint32_t compositor, dmabuf_manager, manager;
static struct window drawn, pointed;
static pid_t worker;

static int set_up(void **state)
{
	const struct renderer_config config = {
		.program = getenv("WAYFERRY_RENDERER"),
		.log_level = "warn",
		.kinds = {[RENDERER_KIND_VIRGL] = true},
	};
	machine_renderer = config.program ? renderer_create(&config) : NULL;
	if (!machine_renderer)
		return -1;
	machine_create();
	assert_int_equal(gpu_create_context(CONTEXT, RENDERER_CAPSET_VIRGL2), OK);
	/* It starts with the first command. */
	assert_int_equal(gpu_await(gpu_offer_submit(CONTEXT, "", 0, FENCE_GLOBAL)), OK);
	assert_int_equal(processes_find("wayferry-virgl", &worker), 1);
	mock_syncobj_start();
	int node = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct syncobj_device *device = syncobj_device_create(&node);
	setup(state);
	gpu.syncobjs = device;
	return device ? 0 : -1;
}

static void end_window(struct window *window)
{
	fd_close(&window->dmabuf);
	fd_close(&window->finish);
	fd_close(&window->acquire_fd);
	fd_close(&window->release_fd);
}

static int tear_down(void **state)
{
	struct syncobj_device *device = gpu.syncobjs;
	int status;

	end_window(&drawn);
	end_window(&pointed);
	teardown(state);
	assert_int_equal(mock_syncobj_names(), 0);
	syncobj_device_destroy(device);
	mock_syncobj_stop();
	machine_destroy();
	renderer_destroy(machine_renderer);
	while (waitpid(-1, &status, 0) > 0)
		continue;
	return 0;
}

static uint32_t import(int timeline)
{
	uint32_t id = rig_new_id(&app.peer);
	ask_with(manager, "import_timeline", RIG_ARGS({.id = id}, {.i = 0}), timeline);
	return id;
}

/* A buffer, the host's name of which is in what it hears. */
static void give_buffer(struct window *window)
{
	window->dmabuf = make_dmabuf(false, &window->finish);
	forget_what_was_said();
	window->buffer = make_buffer(dmabuf_manager, window->dmabuf);
	const char *made = strstr(host.said, "create_immed ");
	assert_non_null(made);
	window->host_buffer = (uint32_t)atoi(made + strlen("create_immed "));
}

static void give_timelines(struct window *window)
{
	window->acquire_fd = mock_syncobj_timeline();
	window->release_fd = mock_syncobj_timeline();
	window->acquire = import(window->acquire_fd);
	window->release = import(window->release_fd);
	window->point = 0;
}

static void make_window(struct window *window, bool points)
{
	*window = (struct window){.dmabuf = -1, .finish = -1, .acquire_fd = -1, .release_fd = -1};
	give_buffer(window);
	window->surface = rig_new_id(&app.peer);
	ask(compositor, "create_surface", RIG_ARGS({.id = window->surface}));
	if (!points)
		return;
	window->sync = rig_new_id(&app.peer);
	ask(manager, "get_surface", RIG_ARGS({.id = window->sync}, {.id = window->surface}));
	give_timelines(window);
}

static void begin(void)
{
	announce(4);
	compositor = bind_global(COMPOSITOR_GLOBAL, "wl_compositor", 4);
	dmabuf_manager = bind_dmabuf(3);
	manager = bind_global(OWN_SYNCOBJ_NAME, MANAGER, 1);
	make_window(&drawn, false);
	make_window(&pointed, true);
	forget_what_was_said();
}

static void commit(struct window *window)
{
	ask(window->surface, "attach", RIG_ARGS({.id = window->buffer}, {.i = 0}, {.i = 0}));
	if (window->sync) {
		window->point++;
		ask(window->sync, "set_acquire_point",
			RIG_ARGS({.id = window->acquire}, HI(window->point), LO(window->point)));
		ask(window->sync, "set_release_point",
			RIG_ARGS({.id = window->release}, HI(window->point), LO(window->point)));
	}
	ask(window->surface, "commit", NULL);
}

/* --- the GPU --- */

static uint32_t *pixels(void)
{
	return (uint32_t *)(void *)(machine.ram + MACHINE_PAGES);
}

static void make_texture(uint32_t resource, uint32_t width, uint32_t height)
{
	assert_int_equal(gpu_texture(resource, width, height), OK);
	assert_int_equal(gpu_backing(resource, PAGES, width * height * 4), OK);
	assert_int_equal(gpu_attach(CONTEXT, resource), OK);
}

/* Has the worker draw a frame of one colour; the command whose fence says that it is finished. */
static uint16_t draw(uint32_t resource, uint32_t width, uint32_t height, unsigned colour)
{
	const float rgba[4] = {
		(float)(colour & 1), (float)(colour >> 1 & 1), (float)(colour >> 2 & 1), 1.0f};
	struct virgl_stream stream = {.n = 0};

	for (uint32_t i = 0; i < width * height; i++)
		pixels()[i] = UNFINISHED;
	virgl_clear(&stream, 100 + colour, resource, rgba);
	gpu_offer_submit(CONTEXT, stream.words, stream.n * 4, FENCE_NONE);
	return gpu_offer_transfer(CONTEXT, resource, width, height, false, FENCE_GLOBAL);
}

static bool is_drawn(unsigned colour, uint32_t n)
{
	const uint32_t wanted = 0xff000000u | (colour & 1 ? 0xff0000u : 0) |
		(colour & 2 ? 0xff00u : 0) | (colour & 4 ? 0xffu : 0);

	for (uint32_t i = 0; i < n; i++)
		if (pixels()[i] != wanted)
			return false;
	return true;
}

/* The device works for @ms, or until it has an answer. */
static uint32_t work(uint16_t frame, int ms)
{
	const int64_t end = gpu_now_ms() + ms;
	uint32_t type;

	while ((type = gpu_answer(frame)) == NO_ANSWER && gpu_now_ms() < end)
		wl_event_loop_dispatch(machine.loop, 1);
	return type;
}

/* Everybody works, for @ms or until the frame is finished, which its buffer's fence then says. */
static bool go_on(uint16_t frame, int ms)
{
	if (work(frame, ms) == NO_ANSWER) {
		run();
		return false;
	}
	assert_int_equal(gpu_answer(frame), OK);
	assert_int_equal(write(drawn.finish, "", 1), 1);
	run();
	return true;
}

/* Returns when it stands still. */
static void hold_worker(void)
{
	char path[32], text[128], state = 0;

	kill(worker, SIGSTOP);
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)worker);
	for (int64_t end = gpu_now_ms() + GPU_HANGS_MS; state != 'T';) {
		assert_true(gpu_now_ms() < end);
		FILE *file = fopen(path, "r");
		assert_non_null(file);
		assert_non_null(fgets(text, sizeof(text), file));
		fclose(file);
		state = strrchr(text, ')')[2];
	}
}

/* --- cases --- */

static void no_frame_is_shown_before_a_held_worker_has_drawn_it(void **state)
{
	char byte, attach_drawn[64], attach_pointed[64];
	begin();
	make_texture(7, WIDTH, HEIGHT);
	snprintf(attach_drawn, sizeof(attach_drawn), "attach %u 0 0; ", drawn.host_buffer);
	snprintf(attach_pointed, sizeof(attach_pointed), "attach %u 0 0; ", pointed.host_buffer);
	for (unsigned i = 0; i < 40; i++) {
		const unsigned colour = i % COLOURS;
		hold_worker();
		uint16_t frame = draw(7, WIDTH, HEIGHT, colour);
		commit(&drawn);
		expect(&host, attach_drawn);
		commit(&pointed);
		expect(&host, attach_pointed);
		assert_false(go_on(frame, (int)(i % 4) * 10));
		expect(&host, "");
		/* Who waits for no worker does not stand still with it. */
		mock_syncobj_signal(pointed.acquire_fd, pointed.point);
		run();
		expect(&host, "commit; ");
		assert_false(is_drawn(colour, PIXELS));
		kill(worker, SIGCONT);
		while (!go_on(frame, 100))
			expect(&host, "");
		assert_true(is_drawn(colour, PIXELS));
		expect(&host, "commit; ");
		assert_int_equal(read(drawn.dmabuf, &byte, 1), 1);
		tell(drawn.host_buffer, "release", NULL);
		tell(pointed.host_buffer, "release", NULL);
		assert_int_equal(mock_syncobj_value(pointed.release_fd), pointed.point);
		forget_what_was_said();
	}
	assert_int_equal(gpu_unref(7), OK);
}

/* One more size of the window, with a texture, a buffer and timelines of its own, in the place of
 * the last. */
static void resize(unsigned i)
{
	const uint32_t width = 16 + i % 40, height = 8 + i % 23, resource = 10 + i;
	struct window before = pointed;

	make_texture(resource, width, height);
	give_buffer(&pointed);
	give_timelines(&pointed);
	if (i % 50 == 0)
		hold_worker();
	uint16_t frame = draw(resource, width, height, i % COLOURS);
	commit(&pointed);
	if (i % 50 == 0) {
		assert_int_equal(work(frame, 10), NO_ANSWER);
		kill(worker, SIGCONT);
	}
	forget_what_was_said();
	assert_int_equal(gpu_await(frame), OK);
	assert_true(is_drawn(i % COLOURS, width * height));
	mock_syncobj_signal(pointed.acquire_fd, pointed.point);
	run();
	expect(&host, "commit; ");
	ask(before.buffer, "destroy", NULL);
	ask(before.acquire, "destroy", NULL);
	ask(before.release, "destroy", NULL);
	tell(before.host_buffer, "release", NULL);
	assert_int_equal(mock_syncobj_value(before.release_fd), before.point);
	tell(1, "delete_id", RIG_ARGS({.u = before.host_buffer}));
	end_window(&before);
	assert_int_equal(gpu_unref(resource), OK);
}

struct holdings {
	int fds;
	unsigned timelines;
	uint64_t blobs, blob_bytes, charged;
};

static struct holdings holdings(void)
{
	return (struct holdings){
		.fds = fd_count(),
		.timelines = mock_syncobj_names(),
		.blobs = gpu_stat("live resources"),
		.blob_bytes = gpu_stat("live host blob bytes"),
		.charged = machine.quota.entries[QUOTA_BLOB_BYTES].use,
	};
}

static void a_thousand_sizes_leave_no_timeline_fence_or_blob(void **state)
{
	begin();
	commit(&pointed);
	mock_syncobj_signal(pointed.acquire_fd, pointed.point);
	run();
	for (unsigned i = 0; i < 10; i++)
		resize(i);
	const struct holdings few = holdings();
	for (unsigned i = 10; i < 1010; i++)
		resize(i);
	const struct holdings many = holdings();
	assert_memory_equal(&few, &many, sizeof(few));
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_frame_is_shown_before_a_held_worker_has_drawn_it),
		TEST(a_thousand_sizes_leave_no_timeline_fence_or_blob),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
