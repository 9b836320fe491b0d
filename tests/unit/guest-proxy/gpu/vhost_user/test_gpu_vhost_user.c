/* guest-proxy/gpu/vhost_user/gpu_vhost_user.c, gpu_queue.c and frontend.c, against devices that do
 * what devices should not */
#include "guest-proxy/gpu/vhost_user/gpu_vhost_user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/virtio_gpu.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host-bridge/vhost/vhost_user.h"
#include "protocol/base/fd.h"
#include "protocol/formats/cross_domain.h"
#include "tests/unit/bad_device.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/log_capture.h"

#define TIMEOUT_MS 20000

static char directory[] = "/tmp/wayferry-gpu-XXXXXX";
static char path[64];
static struct {
	pid_t device;
	struct wl_event_loop *loop;
	struct gpu *gpu;
	struct gpu_context *context;
	unsigned events, done, done_calls, answered, blobs, lost, died;
	int blob_error;
	bool in_call, destroy_on_death;
	int fds_before;
	char why[128];
} t;

static void handle_event(void *data)
{
	assert_false(t.in_call);
	t.events++;
}

static void handle_done(void *data, unsigned n)
{
	assert_false(t.in_call);
	t.done += n;
	t.done_calls++;
}

static void handle_answered(void *data)
{
	assert_false(t.in_call);
	t.answered++;
}

static void handle_blob(void *data, struct gpu_blob *blob, int error)
{
	assert_false(t.in_call);
	t.blobs++;
	t.blob_error = error;
}

static void handle_lost(void *data, const char *why)
{
	assert_false(t.in_call);
	t.lost++;
	snprintf(t.why, sizeof(t.why), "%s", why);
}

static const struct gpu_listener listener = {
	.event = handle_event,
	.done = handle_done,
	.answered = handle_answered,
	.blob = handle_blob,
	.lost = handle_lost,
};

static void handle_died(void *data)
{
	t.died++;
	if (!t.destroy_on_death)
		return;
	t.gpu->ops->context_destroy(t.context);
	t.gpu->ops->destroy(t.gpu);
	t.context = NULL;
	t.gpu = NULL;
}

#define UNTIL(condition)                                                                           \
	do {                                                                                       \
		uint64_t deadline_ns = vhost_user_deadline_ns(TIMEOUT_MS);                         \
		while (!(condition)) {                                                             \
			if (vhost_user_remaining_ms(deadline_ns) == 0)                             \
				fail_msg("never came: %s", #condition);                            \
			wl_event_loop_dispatch(t.loop, 10);                                        \
		}                                                                                  \
	} while (0)

static int setup(void **state)
{
	memset(&t, 0, sizeof(t));
	t.fds_before = fd_count();
	t.loop = wl_event_loop_create();
	t.device = bad_device_start(path);
	return 0;
}

static int teardown(void **state)
{
	if (t.context)
		t.gpu->ops->context_destroy(t.context);
	if (t.gpu)
		t.gpu->ops->destroy(t.gpu);
	wl_event_loop_destroy(t.loop);
	kill(t.device, SIGKILL);
	waitpid(t.device, NULL, 0);
	return fd_count() == t.fds_before ? 0 : -1;
}

static void open_gpu(void)
{
	t.gpu = gpu_vhost_user_open(t.loop, path);
	assert_non_null(t.gpu);
	t.gpu->died = handle_died;
	assert_int_equal(t.gpu->ops->context_create(t.gpu, &listener, NULL, &t.context), 0);
}

/* From now on @times commands of @type get @answer. */
static void misbehave(uint32_t type, uint32_t answer, unsigned times)
{
	bad_device->answer = answer;
	bad_device->times = times;
	bad_device->type = type;
}

static int make_blob(enum gpu_blob_memory memory, size_t size, struct gpu_blob **blob)
{
	t.in_call = true;
	int error = t.gpu->ops->blob_create(t.context, memory, 1, size, blob);
	t.in_call = false;
	if (error != -EINPROGRESS)
		return error;
	unsigned due = t.blobs + 1;
	UNTIL(t.blobs == due || t.lost);
	error = t.lost ? -EPIPE : t.blob_error;
	if (error < 0)
		t.gpu->ops->blob_destroy(*blob);
	return error;
}

static int submit(enum gpu_fence fence, size_t size)
{
	static const uint8_t commands[300000];
	t.in_call = true;
	int error = t.gpu->ops->submit(t.context, commands, size, fence, false, NULL, 0);
	t.in_call = false;
	return error;
}

static void submit_and_wait(size_t size)
{
	unsigned due = t.answered + 1;
	assert_int_equal(submit(GPU_FENCE_ANSWER, size), 0);
	UNTIL(t.answered == due);
}

static void the_device_is_found_with_its_capset(void **state)
{
	uint8_t capset[64];
	open_gpu();
	assert_int_equal(t.gpu->ops->capset(t.gpu, 5, capset, sizeof(capset)), 16);
	assert_int_equal(capset[15], 0x11);
	assert_int_equal(t.gpu->ops->capset(t.gpu, 5, capset, 4), 4);
	assert_int_equal(t.gpu->ops->capset(t.gpu, 1, capset, sizeof(capset)), -ENOENT);
	assert_non_null(strstr(t.gpu->ops->describe(t.gpu), path));
}

static void a_device_without_the_capset_is_refused(void **state)
{
	bad_device->no_capset = true;
	assert_null(gpu_vhost_user_open(t.loop, path));
}

static void a_socket_that_is_not_there_is_refused_at_once(void **state)
{
	assert_null(gpu_vhost_user_open(t.loop, "/nowhere/socket"));
	char long_path[200];
	memset(long_path, 'x', sizeof(long_path));
	long_path[199] = '\0';
	assert_null(gpu_vhost_user_open(t.loop, long_path));
}

/* However long: faults late-host shows that. */
static void a_socket_that_does_not_answer_is_waited_for(void **state)
{
	kill(t.device, SIGSTOP);
	pid_t waker = fork();
	if (waker == 0) {
		sleep(4);
		kill(t.device, SIGCONT);
		_exit(0);
	}
	log_capture_begin();
	t.gpu = gpu_vhost_user_open(t.loop, path);
	log_capture_end();
	assert_int_equal(waitpid(waker, NULL, 0), waker);
	assert_non_null(t.gpu);
	assert_non_null(strstr(log_capture_text, "has not answered for"));
}

static void blobs_have_memory_of_their_kind(void **state)
{
	struct gpu_blob *guest, *host;
	open_gpu();
	assert_int_equal(make_blob(GPU_BLOB_GUEST, 4096, &guest), 0);
	assert_int_equal(make_blob(GPU_BLOB_HOST, 5000, &host), 0);
	assert_int_equal(host->size, 8192);
	for (size_t i = 0; i < 4096; i++)
		assert_int_equal(((uint8_t *)guest->map)[i], 0);
	memset(guest->map, 1, guest->size);
	memset(host->map, 2, host->size);
	t.gpu->ops->blob_destroy(guest);
	t.gpu->ops->blob_destroy(host);
	t.gpu->ops->blob_destroy(NULL);
	UNTIL(bad_device->unrefs == 2);
	/* Guest memory that was used comes back empty. */
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(make_blob(GPU_BLOB_GUEST, 8192, &guest), 0);
		assert_int_equal(((uint8_t *)guest->map)[8191], 0);
		memset(guest->map, 1, guest->size);
		t.gpu->ops->blob_destroy(guest);
	}
	assert_int_equal(t.lost, 0);
}

static void sizes_that_cannot_be_are_refused(void **state)
{
	struct gpu_blob *blob;
	open_gpu();
	assert_int_equal(make_blob(GPU_BLOB_HOST, 0, &blob), -ENOMEM);
	assert_int_equal(make_blob(GPU_BLOB_HOST, SIZE_MAX, &blob), -ENOMEM);
	assert_int_equal(make_blob(GPU_BLOB_HOST, BAD_DEVICE_REGION_BYTES + 1, &blob), -ENOMEM);
	assert_int_equal(make_blob(GPU_BLOB_HOST, BAD_DEVICE_REGION_BYTES, &blob), 0);
	t.gpu->ops->blob_destroy(blob);
	assert_int_equal(submit(GPU_FENCE_NONE, SIZE_MAX), -EMSGSIZE);
	submit_and_wait(300000);
}

static void refused_blobs_leave_nothing(void **state)
{
	struct gpu_blob *blob;
	open_gpu();
	for (unsigned i = 0; i < 50; i++) {
		misbehave(
			VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY, 1);
		assert_int_equal(
			make_blob(GPU_BLOB_HOST, BAD_DEVICE_REGION_BYTES / 4, &blob), -ENOMEM);
		misbehave(VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
			1);
		assert_int_equal(
			make_blob(GPU_BLOB_HOST, BAD_DEVICE_REGION_BYTES / 4, &blob), -EINVAL);
	}
	assert_int_equal(make_blob(GPU_BLOB_HOST, BAD_DEVICE_REGION_BYTES, &blob), 0);
	t.gpu->ops->blob_destroy(blob);
}

static void a_place_in_the_region_that_is_taken_is_passed_over(void **state)
{
	struct gpu_blob *blob;
	open_gpu();
	misbehave(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER, 3);
	assert_int_equal(make_blob(GPU_BLOB_HOST, 4096, &blob), 0);
	assert_int_equal(bad_device->last_map_offset, 3 * 4096);
	memset(blob->map, 1, blob->size);
	t.gpu->ops->blob_destroy(blob);
	misbehave(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER, 1000);
	assert_int_equal(make_blob(GPU_BLOB_HOST, 4096, &blob), -EINVAL);
	bad_device->times = 0;
	assert_int_equal(make_blob(GPU_BLOB_HOST, BAD_DEVICE_REGION_BYTES, &blob), 0);
	t.gpu->ops->blob_destroy(blob);
}

static void a_region_that_was_never_mapped_is_none(void **state)
{
	struct gpu_blob *blob;
	bad_device->no_region = true;
	open_gpu();
	misbehave(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, VIRTIO_GPU_RESP_ERR_UNSPEC, 1);
	assert_int_equal(make_blob(GPU_BLOB_HOST, 4096, &blob), -ENODEV);
	assert_int_equal(t.lost, 0);
}

static void a_device_that_says_mapped_and_did_not_is_lost(void **state)
{
	struct gpu_blob *blob;
	bad_device->no_region = true;
	open_gpu();
	assert_int_equal(make_blob(GPU_BLOB_HOST, 4096, &blob), -EPIPE);
	UNTIL(t.died);
	assert_int_equal(t.lost, 1);
}

static void fences_are_told_in_number_from_the_loop(void **state)
{
	open_gpu();
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(submit(GPU_FENCE_DONE, 100), 0);
		assert_int_equal(submit(GPU_FENCE_NONE, 100), 0);
		assert_int_equal(submit(GPU_FENCE_EVENT, 100000), 0);
		assert_int_equal(submit(GPU_FENCE_ANSWER, 100), 0);
	}
	UNTIL(t.events == 10 && t.done == 10 && t.answered == 10);
	for (unsigned i = 0; i < 5; i++)
		wl_event_loop_dispatch(t.loop, 5);
	assert_int_equal(t.events, 10);
	assert_int_equal(t.done, 10);
}

static void refused_commands_lose_their_context_alone(void **state)
{
	struct gpu_context *other;
	open_gpu();
	assert_int_equal(t.gpu->ops->context_create(t.gpu, &listener, NULL, &other), 0);
	misbehave(VIRTIO_GPU_CMD_SUBMIT_3D, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER, 1);
	assert_int_equal(submit(GPU_FENCE_NONE, 100), 0);
	UNTIL(t.lost == 1);
	assert_int_equal(submit(GPU_FENCE_NONE, 100), -EPIPE);
	assert_int_equal(
		t.gpu->ops->submit(other, "command", 7, GPU_FENCE_ANSWER, false, NULL, 0), 0);
	UNTIL(t.answered == 1);
	t.gpu->ops->context_destroy(other);
	assert_int_equal(t.lost, 1);
	assert_int_equal(t.died, 0);
}

static void refused_commands_are_not_answered(void **state)
{
	open_gpu();
	misbehave(VIRTIO_GPU_CMD_SUBMIT_3D, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER, 1);
	assert_int_equal(submit(GPU_FENCE_ANSWER, 100), 0);
	assert_int_equal(t.lost, 0);
	UNTIL(t.lost == 1);
	assert_int_equal(t.answered, 0);
}

static void a_context_that_is_destroyed_hears_nothing_more(void **state)
{
	open_gpu();
	misbehave(VIRTIO_GPU_CMD_SUBMIT_3D, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER, 1);
	submit(GPU_FENCE_NONE, 100);
	submit(GPU_FENCE_EVENT, 100);
	submit(GPU_FENCE_DONE, 100);
	t.gpu->ops->context_destroy(t.context);
	t.context = NULL;
	for (unsigned i = 0; i < 30; i++)
		wl_event_loop_dispatch(t.loop, 5);
	assert_int_equal(t.lost + t.events + t.done_calls, 0);
}

static void dies_of(unsigned answer_bytes, bool wrong_head)
{
	open_gpu();
	bad_device->answer_bytes = answer_bytes;
	bad_device->wrong_head = wrong_head;
	misbehave(VIRTIO_GPU_CMD_SUBMIT_3D, 0, 1);
	assert_int_equal(submit(GPU_FENCE_EVENT, 100), 0);
	t.destroy_on_death = true;
	UNTIL(t.died);
	assert_int_equal(t.lost, 1);
	assert_int_equal(t.events, 0);
	assert_true(t.why[0] != '\0');
}

static void an_answer_that_is_too_short_is_the_devices_end(void **state)
{
	dies_of(8, false);
}

static void an_answer_to_nothing_is_the_devices_end(void **state)
{
	dies_of(0, true);
}

/* A debugger, a suspended host, swap. */
static void a_device_that_does_not_answer_for_long_is_waited_for(void **state)
{
	struct gpu_blob *blob;
	open_gpu();
	kill(t.device, SIGSTOP);
	assert_int_equal(
		t.gpu->ops->blob_create(t.context, GPU_BLOB_GUEST, 1, 4096, &blob), -EINPROGRESS);
	uint64_t end_ns = vhost_user_deadline_ns(7000);
	log_capture_begin();
	while (vhost_user_remaining_ms(end_ns) > 0)
		wl_event_loop_dispatch(t.loop, 100);
	assert_int_equal(t.blobs + t.lost + t.died, 0);
	kill(t.device, SIGCONT);
	UNTIL(t.blobs == 1);
	for (int i = 0; i < 5; i++)
		wl_event_loop_dispatch(t.loop, 100);
	log_capture_end();
	const char *said = strstr(log_capture_text, "has not answered for 5 s");
	assert_non_null(said);
	assert_null(strstr(said + 1, "has not answered"));
	assert_non_null(strstr(said, "answers again"));
	assert_int_equal(t.blob_error, 0);
	assert_int_equal(t.lost, 0);
	t.gpu->ops->blob_destroy(blob);
}

static void commands_beyond_the_queue_wait_in_order(void **state)
{
	struct gpu_blob *blobs[600];
	open_gpu();
	kill(t.device, SIGSTOP);
	/* 1200 commands, and no place for so many */
	for (size_t i = 0; i < ARRAY_LENGTH(blobs); i++)
		assert_int_equal(
			t.gpu->ops->blob_create(t.context, GPU_BLOB_GUEST, 1, 4096, &blobs[i]),
			-EINPROGRESS);
	assert_int_equal(submit(GPU_FENCE_ANSWER, 100), -EAGAIN);
	kill(t.device, SIGCONT);
	UNTIL(t.blobs == ARRAY_LENGTH(blobs) && t.done_calls == 1);
	submit_and_wait(100);
	assert_int_equal(t.blob_error, 0);
	for (size_t i = 0; i < ARRAY_LENGTH(blobs); i++)
		t.gpu->ops->blob_destroy(blobs[i]);
	UNTIL(bad_device->unrefs == ARRAY_LENGTH(blobs));
}

static void blobs_may_be_destroyed_before_they_are_answered(void **state)
{
	struct gpu_blob *blobs[20];
	open_gpu();
	kill(t.device, SIGSTOP);
	for (size_t i = 0; i < ARRAY_LENGTH(blobs); i++) {
		enum gpu_blob_memory memory = i % 2 ? GPU_BLOB_HOST : GPU_BLOB_GUEST;
		assert_int_equal(t.gpu->ops->blob_create(t.context, memory, 1, 4096, &blobs[i]),
			-EINPROGRESS);
	}
	for (size_t i = 2; i < ARRAY_LENGTH(blobs); i++)
		t.gpu->ops->blob_destroy(blobs[i]);
	kill(t.device, SIGCONT);
	UNTIL(t.blobs == 2 && bad_device->unrefs == ARRAY_LENGTH(blobs) - 2);
	t.gpu->ops->blob_destroy(blobs[0]);
	t.gpu->ops->blob_destroy(blobs[1]);
	submit_and_wait(100);
	struct gpu_blob *whole; /* nothing is missing in the region */
	assert_int_equal(make_blob(GPU_BLOB_HOST, BAD_DEVICE_REGION_BYTES, &whole), 0);
	t.gpu->ops->blob_destroy(whole);
}

static void a_refused_context_is_lost_and_no_more(void **state)
{
	struct gpu_context *other;
	open_gpu();
	submit_and_wait(100); /* the device has made the first one */
	misbehave(VIRTIO_GPU_CMD_CTX_CREATE, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY, 1);
	assert_int_equal(t.gpu->ops->context_create(t.gpu, &listener, NULL, &other), 0);
	UNTIL(t.lost == 1);
	assert_string_equal(t.why, "the host takes no more connections");
	t.gpu->ops->context_destroy(other);
	submit_and_wait(100);
	assert_int_equal(t.died, 0);
}

static void silent_commands_never_fill_the_queue(void **state)
{
	open_gpu();
	for (unsigned i = 0; i < 5000; i++) {
		int error = submit(GPU_FENCE_NONE, i % 50 ? 100 : 200000);
		if (error == -EAGAIN) {
			unsigned before = t.done_calls;
			UNTIL(t.done_calls > before);
			error = submit(GPU_FENCE_NONE, 100);
		}
		assert_int_equal(error, 0);
	}
	submit_and_wait(100);
}

static void a_full_queue_is_said_and_later_that_it_is_not(void **state)
{
	struct gpu_blob *blob;
	unsigned n = 0;
	open_gpu();
	kill(t.device, SIGSTOP);
	while (n < 2000 && submit(GPU_FENCE_NONE, 10) == 0)
		n++;
	assert_in_range(n, 900, 1024);
	assert_int_equal(submit(GPU_FENCE_NONE, 10), -EAGAIN);
	kill(t.device, SIGCONT);
	/* Other commands find room. */
	assert_int_equal(make_blob(GPU_BLOB_GUEST, 4096, &blob), 0);
	t.gpu->ops->blob_destroy(blob);
	UNTIL(t.done_calls == 1);
	assert_int_equal(t.done, 0);
	assert_int_equal(submit(GPU_FENCE_NONE, 10), 0);
}

static void requests_for_the_region_are_checked(void **state)
{
	bad_device->try_shmem = true;
	for (size_t i = 0; i < BAD_DEVICE_TRIES; i++)
		bad_device->shmem_results[i] = BAD_DEVICE_NOT_TRIED;
	open_gpu();
	static const bool right[] = {false, false, false, false, false, false, false, false, false,
		true, false, false, true};
	for (size_t i = 0; i < ARRAY_LENGTH(right); i++)
		UNTIL(bad_device->shmem_results[i] != BAD_DEVICE_NOT_TRIED);
	for (size_t i = 0; i < ARRAY_LENGTH(right); i++) {
		if (right[i])
			assert_int_equal(bad_device->shmem_results[i], 0);
		else
			assert_int_not_equal(bad_device->shmem_results[i], 0);
	}
	struct gpu_blob *blob;
	assert_int_equal(make_blob(GPU_BLOB_HOST, BAD_DEVICE_REGION_BYTES, &blob), 0);
	memset(blob->map, 1, blob->size);
	t.gpu->ops->blob_destroy(blob);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_device_is_found_with_its_capset),
		TEST(a_device_without_the_capset_is_refused),
		TEST(a_socket_that_is_not_there_is_refused_at_once),
		TEST(a_socket_that_does_not_answer_is_waited_for),
		TEST(blobs_have_memory_of_their_kind),
		TEST(sizes_that_cannot_be_are_refused),
		TEST(refused_blobs_leave_nothing),
		TEST(a_place_in_the_region_that_is_taken_is_passed_over),
		TEST(a_region_that_was_never_mapped_is_none),
		TEST(a_device_that_says_mapped_and_did_not_is_lost),
		TEST(fences_are_told_in_number_from_the_loop),
		TEST(refused_commands_lose_their_context_alone),
		TEST(refused_commands_are_not_answered),
		TEST(a_context_that_is_destroyed_hears_nothing_more),
		TEST(an_answer_that_is_too_short_is_the_devices_end),
		TEST(an_answer_to_nothing_is_the_devices_end),
		TEST(a_device_that_does_not_answer_for_long_is_waited_for),
		TEST(commands_beyond_the_queue_wait_in_order),
		TEST(blobs_may_be_destroyed_before_they_are_answered),
		TEST(a_refused_context_is_lost_and_no_more),
		TEST(silent_commands_never_fill_the_queue),
		TEST(a_full_queue_is_said_and_later_that_it_is_not),
		TEST(requests_for_the_region_are_checked),
	};
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(directory))
		return 1;
	snprintf(path, sizeof(path), "%s/device", directory);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(directory);
	return failed;
}
