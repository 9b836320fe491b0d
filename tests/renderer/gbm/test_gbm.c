/*
 * Buffers of a GPU, with the real wayferry-renderer and a stand-in for libgbm (gbm.c), which
 * LD_LIBRARY_PATH leads to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_gpu.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "host-bridge/render/renderer_images.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/base/monotonic.h"
#include "tests/renderer/processes.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/log_capture.h"

#define LONG 60000 /* ms; only for what hangs */
#define SCANOUT 1
#define LINEAR 16
/* Layouts of gbm.c, and one that it has not. */
#define TILED UINT64_C(0x0100000000000001)
#define COMPRESSED UINT64_C(0x0100000000000004)
#define APART UINT64_C(0x0100000000000005)
#define FORGOTTEN UINT64_C(0x0100000000000006)
#define OTHER UINT64_C(0x0100000000000009)

static struct {
	int fds;
	struct renderer *renderer;
	struct wl_event_loop *loop;
	struct renderer_images *images;
	struct image_maker *maker;
} t;

static struct renderer *start(const char *node, bool if_good)
{
	const struct renderer_config config = {
		.program = getenv("WAYFERRY_RENDERER"),
		.render_node = node,
		.log_level = "warn",
		.kinds = {[RENDERER_KIND_GBM] = true},
		.gbm_if_good = if_good,
	};
	return renderer_create(&config);
}

static void reap(void)
{
	int status;
	while (waitpid(-1, &status, 0) > 0)
		continue;
}

static int set_up(void **state)
{
	t.fds = fd_count();
	t.renderer = start("/dev/zero", false); /* see gbm.c */
	if (!t.renderer)
		return -1;
	t.loop = wl_event_loop_create();
	t.images = renderer_images_create(t.renderer, t.loop);
	t.maker = renderer_images_maker(t.images);
	return 0;
}

static int tear_down(void **state)
{
	renderer_images_destroy(t.images);
	wl_event_loop_destroy(t.loop);
	renderer_destroy(t.renderer);
	reap();
	return fd_count() == t.fds ? 0 : -1;
}

struct making {
	struct image_call call;
	bool done;
	int error, fd;
	struct image image;
};

static void handle_done(struct image_call *call, int error, const struct image *image, int fd)
{
	struct making *making = container_of(call, struct making, call);
	making->done = true;
	making->error = error;
	making->fd = fd;
	if (image)
		making->image = *image;
}

static struct making make_this(const struct image_request *request)
{
	struct making making = {.call = {.done = handle_done}, .fd = -1};
	making.error = t.maker->make(t.maker, request, &making.call);
	for (int64_t end = monotonic_ms() + LONG; making.error == 0 && !making.done;) {
		assert_true(monotonic_ms() < end);
		wl_event_loop_dispatch(t.loop, 100);
	}
	return making;
}

static struct making make_for(uint32_t flags, uint32_t width, uint32_t height, uint32_t format)
{
	return make_this(&(struct image_request){
		.width = width, .height = height, .format = format, .flags = flags});
}

static struct making make(uint32_t width, uint32_t height, uint32_t format)
{
	return make_for(LINEAR, width, height, format);
}

/* What guests ask with: Sommelier (scanout and linear), others nothing, or bits of their own. */
static void whatever_a_guest_wants_it_is_linear(void **state)
{
	static const struct {
		uint32_t flags, format, stride;
	} cases[] = {
		{LINEAR | SCANOUT, DRM_FORMAT_XRGB8888, 1024},
		{LINEAR, DRM_FORMAT_XRGB8888, 768},
		{0, DRM_FORMAT_XRGB8888, 768},
		{SCANOUT, DRM_FORMAT_ARGB8888, 1024},
		{UINT32_MAX, DRM_FORMAT_XRGB8888, 1024},
		/* The GPU scans no such buffer out, and has one all the same. */
		{LINEAR | SCANOUT, DRM_FORMAT_RGB565, 768},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct making made = make_for(cases[i].flags, 130, 50, cases[i].format);
		assert_int_equal(made.error, 0);
		assert_int_equal(made.image.strides[0], cases[i].stride);
		assert_int_equal(made.image.modifier, DRM_FORMAT_MOD_LINEAR);
		close(made.fd);
	}
}

/* The first that GPU and compositor share; else rows. What is not in rows is not to be mapped. */
static void a_layout_is_one_of_those_asked_for(void **state)
{
	static const struct {
		uint32_t flags, n;
		uint64_t modifiers[3], got;
		uint32_t strides[2], offsets[2];
	} cases[] = {
		{0, 1, {TILED}, TILED, {1024}, {0}},
		{0, 3, {OTHER, COMPRESSED, TILED}, COMPRESSED, {1024, 64}, {0, 57344}},
		{SCANOUT, 2, {COMPRESSED, TILED}, TILED, {1024}, {0}},
		/* No such buffer is scanned out: that was only a wish. */
		{SCANOUT, 1, {COMPRESSED}, COMPRESSED, {1024, 64}, {0, 57344}},
		{0, 1, {OTHER}, DRM_FORMAT_MOD_LINEAR, {768}, {0}},
		{0, 1, {APART}, DRM_FORMAT_MOD_LINEAR, {768}, {0}},
		{0, 1, {FORGOTTEN}, DRM_FORMAT_MOD_LINEAR, {768}, {0}},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct image_request request = {.width = 130,
			.height = 50,
			.format = DRM_FORMAT_XRGB8888,
			.flags = cases[i].flags,
			.n_modifiers = cases[i].n};
		memcpy(request.modifiers, cases[i].modifiers, sizeof(cases[i].modifiers));
		struct making made = make_this(&request);
		assert_int_equal(made.error, 0);
		assert_true(made.image.modifier == cases[i].got);
		assert_memory_equal(made.image.strides, cases[i].strides, sizeof(cases[i].strides));
		assert_memory_equal(made.image.offsets, cases[i].offsets, sizeof(cases[i].offsets));
		assert_int_equal(made.image.map_info != 0, cases[i].got == DRM_FORMAT_MOD_LINEAR);
		close(made.fd);
	}
}

static void a_picture_is_laid_out_as_the_library_says(void **state)
{
	assert_true(renderer_has_gbm(t.renderer));
	assert_int_equal(renderer_n_capsets(t.renderer), 0);
	assert_true(renderer_gbm_speed(t.renderer)->buffer_written > 0);
	assert_true(renderer_gbm_speed(t.renderer)->memory_written > 0);
	struct making made = make(100, 50, DRM_FORMAT_XRGB8888);
	assert_int_equal(made.error, 0);
	assert_int_equal(made.image.strides[0], 512);
	assert_int_equal(made.image.offsets[0], 0);
	assert_int_equal(made.image.size, 28672);
	assert_int_equal(made.image.modifier, DRM_FORMAT_MOD_LINEAR);
	assert_int_equal(made.image.map_info, VIRTIO_GPU_MAP_CACHE_CACHED);
	void *bytes = mmap(NULL, 28672, PROT_READ | PROT_WRITE, MAP_SHARED, made.fd, 0);
	assert_ptr_not_equal(bytes, MAP_FAILED);
	munmap(bytes, 28672);
	close(made.fd);
}

/* The library has no buffers of so many pixels in a row. */
static void bytes_are_had_although_gpus_have_none(void **state)
{
	const uint32_t sizes[] = {1, 4096, 8192, 8193, 3840 * 2160 * 4, 128 << 20};
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		struct making made = make(sizes[i], 1, DRM_FORMAT_R8);
		assert_int_equal(made.error, 0);
		assert_true(made.image.size >= sizes[i]);
		assert_true(made.image.size <= align_up(sizes[i], 8192));
		close(made.fd);
	}
	assert_int_equal(make((128 << 20) + 1, 1, DRM_FORMAT_R8).error, -EINVAL);
	assert_int_equal(make(20000, 1, DRM_FORMAT_XRGB8888).error, -EINVAL);
}

/* They wait for each other, so that a guest's questions do not hold much memory. */
static void many_at_once_are_all_made(void **state)
{
	static struct making making[100];
	const struct image_request request = {
		.width = 100, .height = 50, .format = DRM_FORMAT_XRGB8888, .flags = LINEAR};
	for (size_t i = 0; i < ARRAY_LENGTH(making); i++) {
		making[i] = (struct making){.call = {.done = handle_done}, .fd = -1};
		assert_int_equal(t.maker->make(t.maker, &request, &making[i].call), 0);
	}
	t.maker->cancel(t.maker, &making[50].call); /* it may be sent, or wait */
	for (int64_t end = monotonic_ms() + LONG; !making[99].done;) {
		assert_true(monotonic_ms() < end);
		wl_event_loop_dispatch(t.loop, 100);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(making); i++) {
		assert_int_equal(making[i].done, i != 50);
		assert_int_equal(making[i].error, 0);
		fd_close(&making[i].fd);
	}
}

static pid_t worker(void)
{
	pid_t pid = 0;
	for (int64_t end = monotonic_ms() + LONG; processes_find("wayferry-gbm", &pid) != 1;)
		assert_true(monotonic_ms() < end);
	return pid;
}

/* Those that were not sent yet end with it, too. */
static void an_end_of_its_process_leaves_nobody_waiting(void **state)
{
	static struct making making[20];
	const struct image_request request = {
		.width = 100, .height = 50, .format = DRM_FORMAT_XRGB8888, .flags = LINEAR};
	unsigned n_done = 0;
	struct making first = make(100, 50, DRM_FORMAT_XRGB8888);
	fd_close(&first.fd);
	kill(worker(), SIGSTOP);
	for (size_t i = 0; i < ARRAY_LENGTH(making); i++) {
		making[i] = (struct making){.call = {.done = handle_done}, .fd = -1};
		assert_int_equal(t.maker->make(t.maker, &request, &making[i].call), 0);
	}
	kill(worker(), SIGKILL);
	for (int64_t end = monotonic_ms() + LONG; n_done < ARRAY_LENGTH(making);) {
		assert_true(monotonic_ms() < end);
		wl_event_loop_dispatch(t.loop, 100);
		n_done = 0;
		for (size_t i = 0; i < ARRAY_LENGTH(making); i++)
			n_done += making[i].done;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(making); i++)
		assert_int_equal(making[i].error, -EIO);
}

/* A worker that ends is replaced, but not for ever. */
static void an_end_of_its_process_costs_buffers_for_a_while(void **state)
{
	for (int i = 0; i < 3; i++) {
		struct making made = make(100, 50, DRM_FORMAT_XRGB8888);
		assert_int_equal(made.error, 0);
		close(made.fd);
		kill(worker(), SIGKILL);
		int64_t end = monotonic_ms() + LONG;
		while (processes_find("wayferry-gbm", NULL) != 0)
			assert_true(monotonic_ms() < end);
		/* Either it is known already, and there is a new one, or this one's is lost. */
		wl_event_loop_dispatch(t.loop, 100);
	}
	assert_int_equal(make(100, 50, DRM_FORMAT_XRGB8888).error, -ENODEV);
}

static void a_device_that_will_not_do_is_told_of(void **state)
{
	int fds = fd_count();
	log_capture_begin();
	assert_null(start("/dev/null", false)); /* it has no driver */
	struct renderer *renderer = start("/dev/null", true);
	assert_non_null(renderer);
	assert_false(renderer_has_gbm(renderer));
	renderer_destroy(renderer);
	assert_null(start("/nowhere", false));
	log_capture_end();
	assert_true(log_captured("libgbm has no driver for it"));
	assert_true(log_captured("no buffers of /dev/null"));
	assert_true(log_captured("/nowhere: No such file or directory"));
	reap();
	assert_int_equal(fd_count(), fds);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_picture_is_laid_out_as_the_library_says),
		TEST(whatever_a_guest_wants_it_is_linear),
		TEST(a_layout_is_one_of_those_asked_for),
		TEST(bytes_are_had_although_gpus_have_none),
		TEST(many_at_once_are_all_made),
		TEST(an_end_of_its_process_leaves_nobody_waiting),
		TEST(an_end_of_its_process_costs_buffers_for_a_while),
		cmocka_unit_test(a_device_that_will_not_do_is_told_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
