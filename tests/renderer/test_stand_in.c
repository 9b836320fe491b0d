/*
 * Contexts of gfxstream, or a GPU's native ones (DRM), with the real wayferry-renderer and a
 * stand-in for the library that renders (stand_in.h), which LD_LIBRARY_PATH leads to. NAME is the
 * kind as renderer_protocol.h calls it, IMPORTS whether such contexts take memory of others, and
 * PROCESS what their workers are called.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "host-bridge/render/renderer.h"
#include "tests/renderer/processes.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/gpu_commands.h"
#include "tests/unit/log_capture.h"

#define JOINED(a, b) a##b
#define NAMED(a, b) JOINED(a, b)
#define CAPSET NAMED(RENDERER_CAPSET_, NAME)
#define KIND NAMED(RENDERER_KIND_, NAME)
#define PAGE 4096u
#define LONG 60000 /* ms; only for what hangs */

enum { WRITE = 1, CRASH = 2, HANG = 3 }; /* stand_in.h */

static int fds_before;

static struct renderer *start(void)
{
	const struct renderer_config config = {
		.program = getenv("WAYFERRY_RENDERER"),
		.log_level = "warn",
		.render_node = KIND == RENDERER_KIND_DRM ? "/dev/null" : NULL,
		.kinds = {[KIND] = true},
	};
	return renderer_create(&config);
}

static int set_up(void **state)
{
	fds_before = fd_count();
	machine_renderer = start();
	if (!machine_renderer)
		return -1;
	machine_create();
	return 0;
}

static int tear_down(void **state)
{
	machine_destroy();
	renderer_destroy(machine_renderer);
	int status;
	while (waitpid(-1, &status, 0) > 0)
		continue;
	return fd_count() == fds_before ? 0 : -1;
}

static uint32_t submit(uint32_t context, uint32_t what, uint32_t resource, uint32_t word, int ring)
{
	const uint32_t words[] = {what, resource, word};
	return gpu_await(gpu_offer_submit(context, words, sizeof(words), ring));
}

static void its_capset_is_the_librarys(void **state)
{
	const struct renderer_capset *capset = renderer_capset(machine_renderer, CAPSET);
	assert_non_null(capset);
	assert_int_equal(renderer_n_capsets(machine_renderer), 1);
	assert_int_equal(capset->max_version, 7);
	assert_int_equal(capset->size, 40);
	assert_int_equal(capset->data[39], 0xa5);
}

static void a_blob_is_the_guests_and_the_contexts(void **state)
{
	assert_int_equal(gpu_create_context(1, CAPSET), OK);
	uint16_t create = gpu_offer_host_blob(1, 7, 1, 2 * PAGE), attach = gpu_offer_attach(1, 7);
	uint16_t map = gpu_offer_map(7, 0);
	assert_int_equal(gpu_await(map), VIRTIO_GPU_RESP_OK_MAP_INFO);
	assert_int_equal(gpu_response.map_info.map_info, VIRTIO_GPU_MAP_CACHE_CACHED);
	assert_int_equal(gpu_answer(create), OK);
	assert_int_equal(gpu_answer(attach), OK);
	/* On a ring, and on none. */
	assert_int_equal(submit(1, WRITE, 7, 0x11223344, 2), OK);
	assert_int_equal(submit(1, WRITE, 7, 0x55667788, FENCE_GLOBAL), OK);
	const struct machine_map *segment = machine_map_at(&machine.vhost_user, 0);
	uint32_t *words =
		mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, segment->fd, (off_t)segment->fd_offset);
	assert_ptr_not_equal(words, MAP_FAILED);
	assert_int_equal(words[0], 0x55667788);
	assert_int_equal(words[2 * PAGE / 4 - 1], 0x55667788);
	munmap(words, 2 * PAGE);
	assert_int_equal(gpu_destroy_context_of(1), OK);
	assert_int_equal(gpu_unmap(7), OK);
	assert_int_equal(gpu_unref(7), OK);
	assert_int_equal(gpu_stat("live host blob bytes"), 0);
}

static void what_the_library_refuses_is_refused(void **state)
{
	assert_int_equal(gpu_create_context(1, CAPSET), OK);
	assert_true(gpu_await(gpu_offer_host_blob(1, 7, 13, PAGE)) >= UNSPEC);
	assert_true(submit(1, 99, 0, 0, FENCE_GLOBAL) >= UNSPEC);
	assert_true(submit(1, WRITE, 55, 0, FENCE_GLOBAL) >= UNSPEC);
	assert_int_not_equal(submit(1, WRITE, 7, 0, 60), NO_ANSWER); /* a ring that is not there */
	assert_int_equal(gpu_await(gpu_offer_host_blob(1, 7, 1, PAGE)), OK);
	assert_int_equal(submit(1, WRITE, 7, 1, FENCE_GLOBAL), OK);
}

static void a_crash_takes_one_context_along(void **state)
{
	assert_int_equal(gpu_create_context(1, CAPSET), OK);
	assert_int_equal(gpu_create_context(2, CAPSET), OK);
	assert_int_equal(gpu_await(gpu_offer_host_blob(2, 8, 1, PAGE)), OK);
	assert_int_equal(submit(1, CRASH, 0, 0, FENCE_GLOBAL), UNSPEC);
	assert_int_equal(submit(2, WRITE, 8, 1, FENCE_GLOBAL), OK);
	assert_int_equal(gpu_destroy_context_of(1), OK);
	assert_int_equal(gpu_create_context(1, CAPSET), OK);
	assert_int_equal(gpu_await(gpu_offer_host_blob(1, 7, 1, PAGE)), OK);
}

static void one_that_hangs_is_ended(void **state)
{
	renderer_set_timeout_ms(machine_renderer, 500);
	assert_int_equal(gpu_create_context(1, CAPSET), OK);
	assert_int_equal(submit(1, HANG, 0, 0, FENCE_GLOBAL), UNSPEC);
	assert_true(processes_await(PROCESS, 0, LONG));
}

/* Each with what it is answered; the context next to it works on, and so does this one. */
static void what_a_guest_gets_wrong_is_refused(void **state)
{
	const struct {
		struct virtio_gpu_resource_create_blob blob;
		uint32_t answer;
	} blobs[] = {
		{{.resource_id = 0, .blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D, .size = PAGE},
			BAD_RESOURCE},
		{{.resource_id = 7, .blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D, .size = PAGE},
			BAD_RESOURCE}, /* it is in use */
		{{.resource_id = 9, .blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D, .size = 0},
			BAD_PARAMETER},
		{{.resource_id = 9, .blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D, .size = 1ull << 40},
			NO_MEMORY},
		{{.resource_id = 9, .blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST, .size = PAGE},
			BAD_PARAMETER},
		{{.resource_id = 9, .blob_mem = 9, .size = PAGE}, BAD_PARAMETER},
		{{.resource_id = 9, .blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST, .size = PAGE},
			BAD_PARAMETER}, /* without pages */
	};

	assert_int_equal(gpu_create_context(1, CAPSET), OK);
	assert_int_equal(gpu_create_context(1, CAPSET), BAD_CONTEXT);
	assert_int_equal(gpu_create_context(2, CAPSET), OK);
	assert_int_equal(gpu_create_context(3, CAPSET + 10), BAD_PARAMETER);
	assert_int_equal(gpu_await(gpu_offer_host_blob(1, 7, 1, PAGE)), OK);
	assert_int_equal(gpu_await(gpu_offer_host_blob(2, 8, 1, PAGE)), OK);
	for (size_t i = 0; i < ARRAY_LENGTH(blobs); i++) {
		struct virtio_gpu_resource_create_blob blob = blobs[i].blob;
		blob.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB;
		blob.hdr.ctx_id = 1;
		uint32_t answer = gpu_command(&blob, sizeof(blob));
		if (answer != blobs[i].answer)
			fail_msg("blob %zu: %#x", i, answer);
	}
	/* What nobody has, or not in this way. */
	assert_int_equal(gpu_attach(1, 99), BAD_RESOURCE);
	assert_int_equal(gpu_attach(9, 7), BAD_CONTEXT);
	assert_int_equal(gpu_answer(gpu_offer_map(99, 0)), BAD_RESOURCE);
	assert_int_equal(gpu_answer(gpu_offer_map(7, 1)), BAD_PARAMETER);
	assert_int_equal(gpu_answer(gpu_offer_map(7, 1ull << 50)), BAD_PARAMETER);
	assert_int_equal(gpu_unmap(7), BAD_PARAMETER);
	assert_int_equal(gpu_answer(gpu_offer_submit(9, "1234", 4, FENCE_GLOBAL)), BAD_CONTEXT);
	assert_int_equal(gpu_await(gpu_offer_submit(1, "12345", 5, FENCE_NONE)), BAD_PARAMETER);
	assert_int_equal(gpu_answer(gpu_offer_transfer(1, 99, 1, 1, true, 0)), BAD_RESOURCE);
	assert_true(gpu_await(gpu_offer_transfer(1, 7, 1, 1, true, FENCE_GLOBAL)) >= UNSPEC);
	assert_int_equal(submit(1, WRITE, 7, 1, 1), OK);
	assert_int_equal(submit(2, WRITE, 8, 1, 1), OK);
}

/* The other end of a fence is whatever the library calls it. */
static void fences_of_rings_retire_in_any_number(void **state)
{
	enum { N = 200 };
	uint16_t heads[N];
	assert_int_equal(gpu_create_context(1, CAPSET), OK);
	assert_int_equal(gpu_await(gpu_offer_host_blob(1, 7, 1, PAGE)), OK);
	for (uint32_t i = 0; i < N; i++) {
		const uint32_t words[] = {WRITE, 7, i};
		heads[i] = gpu_offer_submit(1, words, sizeof(words), (int)(i % 4));
		assert_int_equal(gpu_await(heads[i]), OK);
	}
}

static void memory_of_another_context_is_the_same_or_refused(void **state)
{
	assert_int_equal(gpu_create_context(1, CAPSET), OK);
	assert_int_equal(gpu_create_context(2, CAPSET), OK);
	assert_int_equal(gpu_await(gpu_offer_host_blob(1, 7, 1, PAGE)), OK);
	assert_int_equal(submit(1, WRITE, 7, 0x11223344, 1), OK);
	uint16_t attach = gpu_offer_attach(2, 7);
	if (!IMPORTS) {
		assert_int_not_equal(gpu_await(attach), NO_ANSWER);
		assert_true(submit(2, WRITE, 7, 1, 1) >= UNSPEC);
		return;
	}
	assert_int_equal(gpu_await(attach), OK);
	assert_int_equal(submit(2, WRITE, 7, 0x55667788, 1), OK);
	assert_int_equal(gpu_await(gpu_offer_map(7, 0)), VIRTIO_GPU_RESP_OK_MAP_INFO);
	const struct machine_map *segment = machine_map_at(&machine.vhost_user, 0);
	uint32_t *words =
		mmap(NULL, PAGE, PROT_READ, MAP_SHARED, segment->fd, (off_t)segment->fd_offset);
	assert_ptr_not_equal(words, MAP_FAILED);
	assert_int_equal(words[0], 0x55667788);
	munmap(words, PAGE);
}

#if !IMPORTS
/* Without the library, and with one that is another. */
static void a_library_that_is_absent_is_told_of(void **state)
{
	const char *path = getenv("LD_LIBRARY_PATH");
	char *kept = strdup(path ? path : "");
	log_capture_begin();
	unsetenv("LD_LIBRARY_PATH");
	assert_null(start());
	log_capture_end();
	assert_true(log_captured("libgfxstream_backend.so.0"));
	assert_true(log_captured("install gfxstream, or leave it out of --renderer"));
	assert_true(log_captured("gfxstream does not start"));
	setenv("LD_LIBRARY_PATH", kept, 1);
	free(kept);
	int status;
	while (waitpid(-1, &status, 0) > 0)
		continue;
}
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(its_capset_is_the_librarys),
		TEST(a_blob_is_the_guests_and_the_contexts),
		TEST(what_the_library_refuses_is_refused),
		TEST(what_a_guest_gets_wrong_is_refused),
		TEST(fences_of_rings_retire_in_any_number),
		TEST(memory_of_another_context_is_the_same_or_refused),
		TEST(a_crash_takes_one_context_along),
		TEST(one_that_hangs_is_ended),
#if !IMPORTS
		cmocka_unit_test(a_library_that_is_absent_is_told_of),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
