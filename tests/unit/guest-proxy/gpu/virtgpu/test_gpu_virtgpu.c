/* guest-proxy/gpu/virtgpu, on a kernel of the test's own */
#include "guest-proxy/gpu/virtgpu/gpu_virtgpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/formats/cross_domain.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/mock_virtgpu.h"

#define ALL_PARAMS "param param param param param"

static struct wl_event_loop *loop;
static struct gpu *gpu;
static struct gpu_context *context;
static int fds_before;

/* What the context was told; a letter and a number each. */
static char told[64];
static bool destroy_in_event;
static int blob_error;

static void tell(char what, unsigned n)
{
	size_t length = strlen(told);
	assert_true(length + 3 < sizeof(told));
	told[length] = what;
	told[length + 1] = (char)('0' + n);
	told[length + 2] = '\0';
}

static void handle_event(void *data)
{
	assert_ptr_equal(data, told);
	tell('e', 1);
	if (destroy_in_event) {
		gpu->ops->context_destroy(context);
		context = NULL;
	}
}

static void handle_done(void *data, unsigned n)
{
	tell('d', n);
}

static void handle_answered(void *data)
{
	tell('a', 1);
}

static void handle_blob(void *data, struct gpu_blob *blob, int error)
{
	tell('b', error < 0);
	blob_error = error;
}

static void handle_lost(void *data, const char *why)
{
	assert_non_null(why);
	tell('l', 1);
	gpu->ops->context_destroy(context);
	context = NULL;
}

static const struct gpu_listener listener = {
	.event = handle_event,
	.done = handle_done,
	.answered = handle_answered,
	.blob = handle_blob,
	.lost = handle_lost,
};

static void dispatch(void)
{
	for (int i = 0; i < 3; i++)
		wl_event_loop_dispatch(loop, 0);
}

static int setup_device(void **state)
{
	fds_before = fd_count();
	memset(told, 0, sizeof(told));
	destroy_in_event = false;
	mock_virtgpu_start();
	loop = wl_event_loop_create();
	gpu = NULL;
	context = NULL;
	return loop ? 0 : -1;
}

static int setup(void **state)
{
	if (setup_device(state) < 0)
		return -1;
	gpu = gpu_virtgpu_open(loop, NULL);
	if (!gpu || gpu->ops->context_create(gpu, &listener, told, &context) < 0)
		return -1;
	mock_virtgpu_forget();
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(mock_virtgpu_live_blobs(), 0);
	if (context)
		gpu->ops->context_destroy(context);
	if (gpu)
		gpu->ops->destroy(gpu);
	wl_event_loop_destroy(loop);
	mock_virtgpu_stop();
	assert_int_equal(fd_count(), fds_before);
	return 0;
}

static void fail_next(unsigned long request, int error, unsigned after, unsigned n)
{
	mock.failing = request;
	mock.failing_with = error;
	mock.fail_after = after;
	mock.n_fails = n;
}

/* Creates a blob; the host answers at once. */
static int try_blob(enum gpu_blob_memory memory, uint64_t id, size_t size, struct gpu_blob **blob)
{
	int error = gpu->ops->blob_create(context, memory, id, size, blob);
	if (error != -EINPROGRESS)
		return error;
	mock_virtgpu_signal(mock.n_fences - 1);
	dispatch();
	if (blob_error < 0)
		gpu->ops->blob_destroy(*blob);
	return blob_error;
}

static struct gpu_blob *make_blob(enum gpu_blob_memory memory, uint64_t id, size_t size)
{
	struct gpu_blob *blob = NULL;
	assert_int_equal(try_blob(memory, id, size, &blob), 0);
	return blob;
}

static int submit(enum gpu_fence fence, struct gpu_blob *const *blobs, size_t n)
{
	return gpu->ops->submit(context, "command!", 8, fence, false, blobs, n);
}

/* Opening */

static void test_timelines_are_of_the_device_if_it_has_them(void **state)
{
	mock.timelines = true;
	gpu = gpu_virtgpu_open(loop, NULL);
	assert_non_null(gpu->syncobjs);
}

static void test_the_first_node_that_will_do_is_found_and_asked_once(void **state)
{
	uint8_t capset[64];
	gpu = gpu_virtgpu_open(loop, NULL);
	assert_non_null(gpu);
	assert_string_equal(gpu->ops->describe(gpu), "virtgpu " MOCK_PATH);
	assert_string_equal(mock.log, "open version " ALL_PARAMS " caps param param cap");
	assert_null(gpu->syncobjs);
	int size = gpu->ops->capset(gpu, 5, capset, sizeof(capset));
	assert_true(size >= MOCK_CAPSET_BYTES);
	assert_memory_equal(capset, mock.capset, MOCK_CAPSET_BYTES);
	for (int i = MOCK_CAPSET_BYTES; i < size; i++)
		assert_int_equal(capset[i], 0);
	assert_int_equal(gpu->ops->capset(gpu, 5, capset, 4), 4);
	assert_int_equal(gpu->ops->capset(gpu, 4, capset, sizeof(capset)), -ENOENT);
}

static void test_a_node_can_be_named(void **state)
{
	assert_null(gpu_virtgpu_open(loop, "/dev/dri/renderD128"));
	gpu = gpu_virtgpu_open(loop, MOCK_PATH);
	assert_non_null(gpu);
}

static void test_a_device_that_lacks_anything_needed_is_refused(void **state)
{
	static const int needed[] = {VIRTGPU_3D_FEATURES, VIRTGPU_CAPSET_QUERY_FIX,
		VIRTGPU_RESOURCE_BLOB, VIRTGPU_CONTEXT_INIT, VIRTGPU_SUPPORTED_CAPSETS};
	for (size_t i = 0; i < ARRAY_LENGTH(needed); i++) {
		mock_virtgpu_stop();
		mock_virtgpu_start();
		mock.params[needed[i]] = 0;
		assert_null(gpu_virtgpu_open(loop, MOCK_PATH));
		assert_null(gpu_virtgpu_open(loop, NULL));
	}
	mock.params[VIRTGPU_SUPPORTED_CAPSETS] = 1 << 4 | 1 << 6;
	assert_null(gpu_virtgpu_open(loop, NULL));
}

static void test_another_driver_is_refused(void **state)
{
	static const char *const drivers[] = {"i915", "virtio_gpu2", "virtio", ""};
	for (size_t i = 0; i < ARRAY_LENGTH(drivers); i++) {
		mock.driver = drivers[i];
		assert_null(gpu_virtgpu_open(loop, NULL));
	}
	assert_null(strstr(mock.log, "param"));
}

static void test_a_node_that_cannot_be_opened_or_asked_is_refused(void **state)
{
	mock.open_error = -EACCES;
	assert_null(gpu_virtgpu_open(loop, NULL));
	mock.open_error = 0;
	fail_next(VIRTGPU_IOCTL_GET_CAPS, -ENOMEM, 0, 1);
	assert_null(gpu_virtgpu_open(loop, NULL));
}

/* Contexts */

static void test_a_context_has_a_file_of_its_own_and_polls_ring_1(void **state)
{
	gpu = gpu_virtgpu_open(loop, NULL);
	mock_virtgpu_forget();
	assert_int_equal(gpu->ops->context_create(gpu, &listener, told, &context), 0);
	assert_string_equal(mock.log, "open init");
	const struct virtgpu_context_set_param params[] = {{1, 5}, {2, 2}, {3, 2}};
	assert_memory_equal(mock.context_params, params, sizeof(params));
}

static void test_a_context_that_cannot_be_had_leaves_nothing_behind(void **state)
{
	gpu = gpu_virtgpu_open(loop, NULL);
	fail_next(VIRTGPU_IOCTL_CONTEXT_INIT, -ENOMEM, 0, 1);
	assert_int_equal(gpu->ops->context_create(gpu, &listener, told, &context), -ENOMEM);
	mock.open_error = -EMFILE;
	assert_int_equal(gpu->ops->context_create(gpu, &listener, told, &context), -EMFILE);
	assert_null(context);
}

/* Blobs */

static void test_guest_blobs_are_whole_pages_that_can_be_written(void **state)
{
	struct gpu_blob *blob = make_blob(GPU_BLOB_GUEST, 0, 5000);
	const struct mock_blob *seen = &mock.blobs[0];
	assert_string_equal(mock.log, "blob map mmap");
	assert_int_equal(seen->create.memory, VIRTGPU_MEMORY_GUEST);
	assert_int_equal(seen->create.flags, VIRTGPU_BLOB_MAPPABLE);
	assert_int_equal(seen->create.size, 8192);
	assert_int_equal(seen->create.blob_id, 0);
	assert_int_equal(blob->size, 8192);
	assert_int_equal(blob->bo_handle, seen->handle);
	assert_int_equal(blob->resource_id, 1000 + seen->handle);

	char byte = 0;
	((char *)blob->map)[8191] = 'x';
	assert_int_equal(pread(seen->memory, &byte, 1, 8191), 1);
	assert_int_equal(byte, 'x');
	gpu->ops->blob_destroy(blob);
	gpu->ops->blob_destroy(NULL);
	assert_string_equal(mock.log, "blob map mmap close");
}

static void test_host_blobs_are_asked_for_by_their_id(void **state)
{
	struct gpu_blob *blob = make_blob(GPU_BLOB_HOST, 77, 4096);
	assert_int_equal(mock.blobs[0].create.memory, VIRTGPU_MEMORY_HOST3D);
	assert_int_equal(
		mock.blobs[0].create.flags, VIRTGPU_BLOB_MAPPABLE | VIRTGPU_BLOB_SHAREABLE);
	assert_int_equal(mock.blobs[0].create.blob_id, 77);
	gpu->ops->blob_destroy(blob);
}

static void test_without_a_window_there_are_no_host_blobs(void **state)
{
	struct gpu_blob *blob = NULL;
	gpu->ops->context_destroy(context);
	gpu->ops->destroy(gpu);
	mock.params[VIRTGPU_HOST_VISIBLE] = 0;
	gpu = gpu_virtgpu_open(loop, NULL);
	assert_non_null(gpu);
	assert_int_equal(gpu->ops->context_create(gpu, &listener, told, &context), 0);
	mock_virtgpu_forget();
	assert_int_equal(gpu->ops->blob_create(context, GPU_BLOB_HOST, 1, 4096, &blob), -ENODEV);
	assert_string_equal(mock.log, "");
	gpu->ops->blob_destroy(make_blob(GPU_BLOB_GUEST, 0, 4096));
}

static void test_a_blob_that_fails_half_way_is_closed(void **state)
{
	static const unsigned long steps[] = {VIRTGPU_IOCTL_CREATE_BLOB, VIRTGPU_IOCTL_MAP, 0};
	struct gpu_blob *blob = NULL;
	for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
		fail_next(steps[i], -ENOMEM, 0, 1);
		assert_int_equal(
			gpu->ops->blob_create(context, GPU_BLOB_GUEST, 0, 4096, &blob), -ENOMEM);
		assert_null(blob);
		assert_int_equal(mock.n_fails, 0);
		assert_int_equal(mock_virtgpu_live_blobs(), 0);
	}
	assert_int_equal(mock.n_closed, 2);
}

static void test_a_device_that_maps_nothing_is_told_from_one_that_is_full(void **state)
{
	struct gpu_blob *blob = NULL;
	fail_next(0, -EINVAL, 0, 1);
	assert_int_equal(try_blob(GPU_BLOB_HOST, 1, 4096, &blob), -EINVAL);
	gpu->ops->blob_destroy(make_blob(GPU_BLOB_HOST, 1, 4096));
	fail_next(0, -EINVAL, 0, 1);
	assert_int_equal(try_blob(GPU_BLOB_HOST, 1, 4096, &blob), -ENOMEM);
}

static void test_sizes_beyond_wl_shm_are_refused(void **state)
{
	struct gpu_blob *blob = NULL;
	assert_int_equal(gpu->ops->blob_create(context, GPU_BLOB_GUEST, 0, 0, &blob), -ENOMEM);
	assert_int_equal(
		gpu->ops->blob_create(context, GPU_BLOB_GUEST, 0, (size_t)INT32_MAX + 1, &blob),
		-ENOMEM);
	assert_string_equal(mock.log, "");
}

/* Imports */

static int import(int fd, struct gpu_blob **blob)
{
	return gpu->ops->blob_import(context, fd, blob);
}

static void test_an_import_twice_is_one_handle_that_is_closed_once(void **state)
{
	struct gpu_blob *first, *second, *other;
	int dmabuf = fd_memfd("dmabuf", MOCK_DMABUF_BYTES), copy = fd_dup(dmabuf);
	int another = fd_memfd("another", MOCK_DMABUF_BYTES);
	assert_int_equal(import(dmabuf, &first), 0);
	assert_int_equal(import(copy, &second), 0);
	assert_int_equal(import(another, &other), 0);
	assert_string_equal(mock.log, "prime info prime prime info");
	assert_ptr_equal(first, second);
	assert_int_equal(first->resource_id, 1000 + first->bo_handle);
	assert_int_equal(first->size, MOCK_DMABUF_BYTES);
	assert_null(first->map);
	assert_int_not_equal(other->resource_id, first->resource_id);
	gpu->ops->blob_destroy(first);
	assert_int_equal(mock.n_closed, 0);
	gpu->ops->blob_destroy(other);
	gpu->ops->blob_destroy(second);
	assert_int_equal(mock.n_closed, 2);
	assert_int_equal(import(dmabuf, &first), 0); /* anew */
	assert_int_equal(mock.n_imported, 3);
	gpu->ops->blob_destroy(first);
	fd_close(&dmabuf);
	fd_close(&copy);
	fd_close(&another);
}

static void test_what_is_no_dmabuf_of_the_device_is_not_imported(void **state)
{
	struct gpu_blob *blob = NULL;
	int dmabuf = fd_memfd("dmabuf", MOCK_DMABUF_BYTES), other = fd_memfd("other", 4096);
	assert_int_equal(import(other, &blob), -EINVAL);
	assert_int_equal(import(-1, &blob), -EBADF);
	fail_next(DRM_IOCTL_PRIME_FD_TO_HANDLE, -ENODEV, 0, 1);
	assert_int_equal(import(dmabuf, &blob), -ENODEV);
	fail_next(VIRTGPU_IOCTL_RESOURCE_INFO, -ENOENT, 0, 1);
	assert_int_equal(import(dmabuf, &blob), -ENOENT);
	assert_int_equal(mock.n_closed, 1);
	assert_null(blob);
	fd_close(&dmabuf);
	fd_close(&other);
}

static void test_a_thousand_imports_leave_nothing_behind(void **state)
{
	for (int i = 0; i < 1000; i++) {
		struct gpu_blob *blob;
		int dmabuf = fd_memfd("dmabuf", MOCK_DMABUF_BYTES);
		mock_virtgpu_forget();
		assert_int_equal(import(dmabuf, &blob), 0);
		gpu->ops->blob_destroy(blob);
		fd_close(&dmabuf);
	}
	assert_int_equal(mock.n_imported, 1000);
	assert_int_equal(mock.n_closed, 1000);
}

static void test_the_node_is_what_applications_draw_on(void **state)
{
	gpu = gpu_virtgpu_open(loop, NULL);
	assert_string_equal(gpu->node, MOCK_PATH);
	assert_int_equal(gpu->device, MOCK_DEVICE);
	assert_false(gpu->modifiers);
	gpu->ops->destroy(gpu);
	mock.params[VIRTGPU_SUPPORTED_CAPSETS] |= 1 << 4;
	gpu = gpu_virtgpu_open(loop, NULL);
	assert_true(gpu->modifiers);
	assert_true(gpu->opengl);
	gpu->ops->destroy(gpu);
	mock.params[VIRTGPU_SUPPORTED_CAPSETS] = 1 << 5;
	gpu = gpu_virtgpu_open(loop, NULL);
	assert_false(gpu->opengl);
	gpu->ops->destroy(gpu);
	/* What it draws cannot be shown: then it had better not draw there. */
	const struct cross_domain_capset_ext capset = {.magic = CROSS_DOMAIN_WAYFERRY_MAGIC,
		.features = CROSS_DOMAIN_EXT_PRIVATE_TEXTURES};
	memcpy(mock.capset, &capset, sizeof(capset));
	gpu = gpu_virtgpu_open(loop, NULL);
	assert_string_equal(gpu->node, MOCK_PATH);
	gpu->ops->destroy(gpu);
	mock.params[VIRTGPU_SUPPORTED_CAPSETS] |= 1 << 2;
	gpu = gpu_virtgpu_open(loop, NULL);
	assert_null(gpu->node);
}

/* Submissions */

static void test_commands_without_a_fence_carry_nothing_else(void **state)
{
	struct gpu_blob *blob = make_blob(GPU_BLOB_GUEST, 0, 4096);
	mock_virtgpu_forget();
	assert_int_equal(submit(GPU_FENCE_NONE, &blob, 1), 0);
	assert_string_equal(mock.log, "execute");
	assert_int_equal(mock.execute.flags, 0);
	assert_int_equal(mock.execute.size, 8);
	assert_memory_equal(mock.commands, "command!", 8);
	assert_int_equal(mock.execute.n_bo_handles, 0);
	gpu->ops->blob_destroy(blob);
}

static void test_an_answer_has_a_fence_and_is_told_alone(void **state)
{
	struct gpu_blob *blob = make_blob(GPU_BLOB_GUEST, 0, 4096);
	mock_virtgpu_forget();
	assert_int_equal(submit(GPU_FENCE_ANSWER, &blob, 1), 0);
	assert_string_equal(mock.log, "execute");
	assert_int_equal(
		mock.execute.flags, VIRTGPU_EXECUTE_RING_IDX | VIRTGPU_EXECUTE_FENCE_FD_OUT);
	assert_int_equal(mock.execute.ring_idx, 0);
	assert_int_equal(mock.execute.n_bo_handles, 0);
	assert_int_equal(submit(GPU_FENCE_DONE, &blob, 1), 0);
	assert_int_equal(submit(GPU_FENCE_ANSWER, &blob, 1), 0);
	dispatch();
	assert_string_equal(told, "");
	for (unsigned i = 0; i < 3; i++)
		mock_virtgpu_signal(i);
	dispatch();
	assert_string_equal(told, "a1a1d1");
	gpu->ops->blob_destroy(blob);
}

/* mmap of host memory waits in the kernel until the host has mapped it. */
static void test_host_memory_is_mapped_when_the_host_has_answered(void **state)
{
	struct gpu_blob *blob;
	assert_int_equal(
		gpu->ops->blob_create(context, GPU_BLOB_HOST, 7, 4096, &blob), -EINPROGRESS);
	dispatch();
	assert_string_equal(mock.log, "blob execute");
	assert_int_equal(mock.execute.size, 0);
	assert_null(blob->map);
	assert_string_equal(told, "");
	mock_virtgpu_signal(0);
	dispatch();
	assert_string_equal(mock.log, "blob execute map mmap");
	assert_string_equal(told, "b0");
	assert_non_null(blob->map);
	gpu->ops->blob_destroy(blob);
}

static void test_a_blob_that_waits_for_the_host_may_be_destroyed(void **state)
{
	struct gpu_blob *blob;
	assert_int_equal(
		gpu->ops->blob_create(context, GPU_BLOB_HOST, 7, 4096, &blob), -EINPROGRESS);
	gpu->ops->blob_destroy(blob);
	mock_virtgpu_signal(0);
	dispatch();
	assert_string_equal(told, "");
	assert_string_equal(mock.log, "blob execute close");
}

static void test_calls_that_were_interrupted_are_repeated(void **state)
{
	fail_next(VIRTGPU_IOCTL_EXECUTE, -EINTR, 0, 2);
	assert_int_equal(submit(GPU_FENCE_NONE, NULL, 0), 0);
	fail_next(VIRTGPU_IOCTL_CREATE_BLOB, -EAGAIN, 0, 1);
	gpu->ops->blob_destroy(make_blob(GPU_BLOB_GUEST, 0, 1));
	assert_string_equal(mock.log, "execute execute execute blob blob map mmap close");
}

static void test_without_an_fd_for_a_fence_it_is_tried_again(void **state)
{
	fail_next(VIRTGPU_IOCTL_EXECUTE, -EMFILE, 0, 1);
	assert_int_equal(submit(GPU_FENCE_DONE, NULL, 0), -EAGAIN);
	dispatch();
	assert_string_equal(told, "");
	for (int i = 0; i < 50 && told[0] == 0; i++)
		wl_event_loop_dispatch(loop, 100);
	assert_string_equal(told, "d0");
	assert_int_equal(submit(GPU_FENCE_DONE, NULL, 0), 0);
	fail_next(VIRTGPU_IOCTL_EXECUTE, -EMFILE, 0, 1);
	struct gpu_blob *blob;
	assert_int_equal(try_blob(GPU_BLOB_HOST, 1, 4096, &blob), -ENOMEM);
}

static void test_an_error_of_the_kernel_is_the_callers(void **state)
{
	for (int fence = GPU_FENCE_NONE; fence <= GPU_FENCE_EVENT; fence++) {
		struct gpu_blob *blob = make_blob(GPU_BLOB_GUEST, 0, 4096);
		fail_next(VIRTGPU_IOCTL_EXECUTE, -ENOMEM, 0, 1);
		assert_int_equal(submit((enum gpu_fence)fence, &blob, 1), -ENOMEM);
		gpu->ops->blob_destroy(blob);
	}
	dispatch();
	assert_string_equal(told, "");
}

/* Events and fences */

static void test_events_of_ring_1_are_told_one_by_one(void **state)
{
	assert_int_equal(submit(GPU_FENCE_EVENT, NULL, 0), 0);
	assert_int_equal(mock.execute.flags, VIRTGPU_EXECUTE_RING_IDX);
	assert_int_equal(mock.execute.ring_idx, 1);
	dispatch();
	assert_string_equal(told, "");
	mock_virtgpu_event(VIRTGPU_EVENT_FENCE, 8);
	mock_virtgpu_event(3, 32); /* not ours */
	mock_virtgpu_event(VIRTGPU_EVENT_FENCE, 8);
	dispatch();
	assert_string_equal(told, "e1e1");
}

static void test_a_context_may_be_destroyed_by_its_event(void **state)
{
	destroy_in_event = true;
	mock_virtgpu_event(VIRTGPU_EVENT_FENCE, 8);
	mock_virtgpu_event(VIRTGPU_EVENT_FENCE, 8);
	dispatch();
	assert_string_equal(told, "e1");
}

static void test_a_device_that_is_gone_loses_the_context_once(void **state)
{
	close(mock.peer);
	mock.peer = -1;
	dispatch();
	assert_string_equal(told, "l1");
}

static void handle_died(void *data)
{
	assert_ptr_equal(data, told);
	tell('D', 1);
}

static void expect_death(void)
{
	gpu->died = handle_died;
	gpu->died_data = told;
	assert_string_equal(told, "");
}

static void test_a_device_that_is_removed_is_told_to_all_without_being_asked(void **state)
{
	struct gpu_context *late;
	expect_death();
	mock_virtgpu_removed(false); /* something beside it */
	dispatch();
	assert_string_equal(told, "");
	mock_virtgpu_removed(true);
	dispatch();
	assert_string_equal(told, "l1D1");
	assert_int_equal(gpu->ops->context_create(gpu, &listener, told, &late), -ENODEV);
	dispatch();
	assert_string_equal(told, "l1D1");
}

static void test_a_kernel_that_says_no_device_is_believed(void **state)
{
	struct gpu_context *another;
	expect_death();
	fail_next(VIRTGPU_IOCTL_EXECUTE, -ENODEV, 0, 1);
	assert_int_equal(submit(GPU_FENCE_NONE, NULL, 0), -ENODEV);
	assert_string_equal(told, "");
	assert_int_equal(gpu->ops->context_create(gpu, &listener, told, &another), -ENODEV);
	dispatch();
	assert_string_equal(told, "l1D1");
}

static void test_a_removal_is_noticed_when_the_node_cannot_be_watched(void **state)
{
	mock.watch_error = -EMFILE;
	gpu = gpu_virtgpu_open(loop, NULL);
	assert_non_null(gpu);
	expect_death();
	mock.open_error = -ENODEV;
	assert_int_equal(gpu->ops->context_create(gpu, &listener, told, &context), -ENODEV);
	context = NULL;
	dispatch();
	assert_string_equal(told, "D1");
}

static void test_work_done_is_told_in_order_and_at_once(void **state)
{
	for (int i = 0; i < 4; i++)
		assert_int_equal(submit(GPU_FENCE_DONE, NULL, 0), 0);
	assert_int_equal(
		mock.execute.flags, VIRTGPU_EXECUTE_RING_IDX | VIRTGPU_EXECUTE_FENCE_FD_OUT);
	assert_int_equal(mock.execute.ring_idx, 0);
	dispatch();
	assert_string_equal(told, "");
	mock_virtgpu_signal(1); /* behind another one */
	dispatch();
	assert_string_equal(told, "");
	mock_virtgpu_signal(0);
	dispatch();
	assert_string_equal(told, "d2");
	mock_virtgpu_signal(2);
	dispatch();
	assert_string_equal(told, "d2d1");
}

static void test_a_context_ends_with_all_it_waits_for(void **state)
{
	assert_int_equal(submit(GPU_FENCE_DONE, NULL, 0), 0);
	assert_int_equal(submit(GPU_FENCE_DONE, NULL, 0), 0);
	assert_int_equal(submit(GPU_FENCE_EVENT, NULL, 0), 0);
	mock_virtgpu_event(VIRTGPU_EVENT_FENCE, 8);
	mock_virtgpu_signal(0);
	gpu->ops->context_destroy(context);
	context = NULL;
	dispatch();
	assert_string_equal(told, "");
}

#define OPENING(name) cmocka_unit_test_setup_teardown(name, setup_device, teardown)
#define RUNNING(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPENING(test_the_first_node_that_will_do_is_found_and_asked_once),
		OPENING(test_timelines_are_of_the_device_if_it_has_them),
		OPENING(test_a_node_can_be_named),
		OPENING(test_a_device_that_lacks_anything_needed_is_refused),
		OPENING(test_another_driver_is_refused),
		OPENING(test_a_node_that_cannot_be_opened_or_asked_is_refused),
		OPENING(test_a_context_has_a_file_of_its_own_and_polls_ring_1),
		OPENING(test_a_context_that_cannot_be_had_leaves_nothing_behind),
		RUNNING(test_guest_blobs_are_whole_pages_that_can_be_written),
		RUNNING(test_host_blobs_are_asked_for_by_their_id),
		RUNNING(test_without_a_window_there_are_no_host_blobs),
		RUNNING(test_a_blob_that_fails_half_way_is_closed),
		RUNNING(test_a_device_that_maps_nothing_is_told_from_one_that_is_full),
		RUNNING(test_sizes_beyond_wl_shm_are_refused),
		OPENING(test_the_node_is_what_applications_draw_on),
		RUNNING(test_an_import_twice_is_one_handle_that_is_closed_once),
		RUNNING(test_what_is_no_dmabuf_of_the_device_is_not_imported),
		RUNNING(test_a_thousand_imports_leave_nothing_behind),
		RUNNING(test_commands_without_a_fence_carry_nothing_else),
		RUNNING(test_an_answer_has_a_fence_and_is_told_alone),
		RUNNING(test_host_memory_is_mapped_when_the_host_has_answered),
		RUNNING(test_a_blob_that_waits_for_the_host_may_be_destroyed),
		RUNNING(test_calls_that_were_interrupted_are_repeated),
		RUNNING(test_without_an_fd_for_a_fence_it_is_tried_again),
		RUNNING(test_an_error_of_the_kernel_is_the_callers),
		RUNNING(test_events_of_ring_1_are_told_one_by_one),
		RUNNING(test_a_context_may_be_destroyed_by_its_event),
		RUNNING(test_a_device_that_is_gone_loses_the_context_once),
		RUNNING(test_a_device_that_is_removed_is_told_to_all_without_being_asked),
		RUNNING(test_a_kernel_that_says_no_device_is_believed),
		OPENING(test_a_removal_is_noticed_when_the_node_cannot_be_watched),
		RUNNING(test_work_done_is_told_in_order_and_at_once),
		RUNNING(test_a_context_ends_with_all_it_waits_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
