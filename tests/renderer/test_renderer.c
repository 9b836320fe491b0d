/*
 * The device with the real wayferry-renderer ($WAYFERRY_RENDERER), libvirglrenderer and Mesa
 * (llvmpipe and lavapipe where there is no GPU), driven through its virtqueues.
 */
#include "host-bridge/gpu/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "host-bridge/render/renderer.h"
#include "processes.h"
#include "protocol/base/log.h"
#include "tests/unit/fake_compositor.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/gpu_commands.h"
#include "tests/unit/log_capture.h"
#include "virgl_stream.h"

#define VIRGL RENDERER_CAPSET_VIRGL2
#define VENUS RENDERER_CAPSET_VENUS
#define PAGE 4096u
#define SECONDS 1000
#define START (20 * SECONDS) /* of a worker, on a busy machine */
#define WIDTH 64
#define HEIGHT 32
#define PIXELS (WIDTH * HEIGHT)

/* Many lines of one kind come in short time here; none of them is left out. */
bool __wrap_log_limit_pass(struct log_limit *limit, const char *module);
bool __wrap_log_limit_pass(struct log_limit *limit, const char *module)
{
	return true;
}

static int fds_before;

static int set_up_with(enum sandbox_mode sandbox)
{
	const struct renderer_config config = {
		.program = getenv("WAYFERRY_RENDERER"),
		.log_level = "warn",
		.sandbox = sandbox,
		.kinds = {true, true},
	};
	fds_before = fd_count();
	machine_renderer = config.program ? renderer_create(&config) : NULL;
	if (!machine_renderer)
		return -1;
	machine_create();
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(SANDBOX_ON);
}

static int set_up_unconfined(void **state)
{
	return set_up_with(SANDBOX_OFF);
}

/* The log is kept, that of the workers, too. */
static int set_up_logged(void **state)
{
	log_capture_begin();
	int result = set_up(state);
	fds_before--; /* the capture's own */
	return result;
}

static int tear_down(void **state)
{
	machine_destroy();
	renderer_destroy(machine_renderer);
	/* Nothing is left of any of them. */
	int status;
	while (waitpid(-1, &status, 0) > 0)
		continue;
	bool gone = processes_await("wayferry-render", 0, 5000) &&
		processes_await("wayferry-virgl", 0, 5000) &&
		processes_await("wayferry-venus", 0, 5000);
	return gone && fd_count() == fds_before ? 0 : -1;
}

static int tear_down_logged(void **state)
{
	log_capture_end();
	return tear_down(state);
}

/* --- OpenGL --- */

static const float orange[4] = {1.0f, 0.5f, 0.0f, 1.0f};
#define ORANGE_BGRA 0xffff8000u

static uint32_t *guest_pixels(uint32_t page)
{
	return (uint32_t *)(void *)(machine.ram + MACHINE_PAGES + page * PAGE);
}

/* A texture in @context with guest pages from @page on. */
static void make_texture(uint32_t context, uint32_t resource, uint32_t page)
{
	assert_int_equal(gpu_texture(resource, WIDTH, HEIGHT), OK);
	assert_int_equal(gpu_backing(resource, PAGES + page * PAGE, PIXELS * 4), OK);
	assert_int_equal(gpu_attach(context, resource), OK);
}

static uint16_t offer_clear(uint32_t context, uint32_t resource, const float rgba[4], int ring)
{
	struct virgl_stream stream = {.n = 0};
	virgl_clear(&stream, 100 + resource, resource, rgba);
	return gpu_offer_submit(context, stream.words, stream.n * 4, ring);
}

/* Clears the texture and reads it back: whether every pixel is right. */
static void check_clear(uint32_t context, uint32_t resource, uint32_t page)
{
	uint32_t *pixels = guest_pixels(page);
	memset(pixels, 0x11, PIXELS * 4);
	uint16_t clear = offer_clear(context, resource, orange, FENCE_NONE);
	uint16_t read = gpu_offer_transfer(context, resource, WIDTH, HEIGHT, false, FENCE_GLOBAL);
	assert_int_equal(gpu_await(read), OK);
	assert_int_equal(gpu_answer(clear), OK);
	for (uint32_t i = 0; i < PIXELS; i++)
		assert_int_equal(pixels[i], ORANGE_BGRA);
	assert_int_equal(pixels[PIXELS], 0); /* and no more than these */
}

static void the_renderer_says_what_it_can(void **state)
{
	static const struct {
		uint32_t id, min_bytes;
	} capsets[] = {{1, 308}, {2, 1376}, {4, 156}};
	for (uint32_t i = 0; i < ARRAY_LENGTH(capsets); i++) {
		assert_int_equal(RUN(struct virtio_gpu_get_capset_info, HDR(GET_CAPSET_INFO),
					 .capset_index = i + 1),
			VIRTIO_GPU_RESP_OK_CAPSET_INFO);
		assert_int_equal(gpu_response.capset_info.capset_id, capsets[i].id);
		assert_true(gpu_response.capset_info.capset_max_size >= capsets[i].min_bytes);
		uint32_t version = gpu_response.capset_info.capset_max_version;
		assert_int_equal(RUN(struct virtio_gpu_get_capset, HDR(GET_CAPSET),
					 .capset_id = capsets[i].id, .capset_version = version),
			VIRTIO_GPU_RESP_OK_CAPSET);
		uint32_t words = 0, max = (gpu_response_bytes - 24) / 4;
		for (uint32_t j = 0; j < max; j++)
			words += load_u32(gpu_response.bytes + 24 + j * 4) != 0;
		assert_true(words > 0);
	}
	assert_int_equal(gpu_create_context(1, 3), BAD_PARAMETER);
	assert_int_equal(gpu_create_context(1, 6), BAD_PARAMETER);
}

static void a_cleared_texture_has_the_right_pixels(void **state)
{
	assert_int_equal(gpu_create_context(1, VIRGL), OK);
	make_texture(1, 7, 0);
	check_clear(1, 7, 0);

	/* There and back. */
	uint32_t *pixels = guest_pixels(0);
	for (uint32_t i = 0; i < PIXELS; i++)
		pixels[i] = i * 2654435761u;
	uint16_t write = gpu_offer_transfer(1, 7, WIDTH, HEIGHT, true, FENCE_GLOBAL);
	assert_int_equal(gpu_await(write), OK);
	memset(pixels, 0, PIXELS * 4);
	uint16_t read = gpu_offer_transfer(1, 7, WIDTH, HEIGHT, false, FENCE_GLOBAL);
	assert_int_equal(gpu_await(read), OK);
	for (uint32_t i = 0; i < PIXELS; i++)
		assert_int_equal(pixels[i], i * 2654435761u);
	assert_int_equal(gpu_destroy_context_of(1), OK);
	assert_true(processes_await("wayferry-virgl", 0, 5 * SECONDS));
	assert_int_equal(gpu_unref(7), OK);
}

static void what_a_guest_gets_wrong_is_its_own_loss(void **state)
{
	assert_int_equal(gpu_create_context(1, VIRGL), OK);
	make_texture(1, 7, 0);
	/* Beyond the texture, and beyond its pages. */
	uint16_t head = gpu_offer_transfer(1, 7, 2 * WIDTH, HEIGHT, true, FENCE_GLOBAL);
	assert_true(gpu_await(head) >= UNSPEC);
	assert_int_equal(gpu_texture(8, WIDTH, HEIGHT), OK);
	assert_int_equal(gpu_backing(8, PAGES, 16), OK);
	assert_int_equal(gpu_attach(1, 8), OK);
	head = gpu_offer_transfer(1, 8, WIDTH, HEIGHT, false, FENCE_GLOBAL);
	assert_true(gpu_await(head) >= UNSPEC);
	/* A texture that is attached nowhere, freed, never made. */
	head = offer_clear(1, 99, orange, FENCE_GLOBAL);
	assert_int_not_equal(gpu_await(head), NO_ANSWER);
	assert_int_equal(gpu_answer(gpu_offer_transfer(1, 99, 1, 1, true, 0)), BAD_RESOURCE);
	assert_int_equal(gpu_unref(7), OK);
	assert_int_equal(gpu_attach(1, 7), BAD_RESOURCE);
	/* Nonsense, and a fence on a ring that OpenGL does not have. */
	head = gpu_offer_submit(1, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, FENCE_GLOBAL);
	assert_int_not_equal(gpu_await(head), NO_ANSWER);
	head = gpu_offer_submit(1, "12345", 5, FENCE_NONE);
	assert_int_equal(gpu_await(head), BAD_PARAMETER);
	head = gpu_offer_submit(1, "", 0, 9);
	assert_int_not_equal(gpu_await(head), NO_ANSWER);

	assert_int_equal(gpu_create_context(2, VIRGL), OK);
	make_texture(2, 9, 16);
	check_clear(2, 9, 16);
}

/* Mesa's llvmpipe takes memory of others for a texture in the releases that have this library. */
static void shared_textures_are_the_same_memory_everywhere(void **state)
{
	assert_int_equal(gpu_create_context(1, VIRGL), OK);
	assert_int_equal(gpu_create_context(2, VIRGL), OK);
	assert_int_equal(gpu_create_context(3, VENUS), OK);
	assert_int_equal(gpu_create_context(4, 5), OK);
	assert_int_equal(gpu_answer(gpu_offer_texture(7, WIDTH, HEIGHT, GPU_SHARED)), OK);
	assert_int_equal(gpu_backing(7, PAGES, PIXELS * 4), OK);
	assert_int_equal(gpu_attach(1, 7), OK);
	/* It works for its maker, whether it can be shared or not. */
	uint16_t read = gpu_offer_transfer(1, 7, WIDTH, HEIGHT, false, FENCE_GLOBAL);
	assert_int_equal(gpu_await(read), OK);
	check_clear(1, 7, 0);
	if (!SHARES_TEXTURES) {
		assert_int_equal(gpu_attach(2, 7), UNSPEC);
		return;
	}
	for (uint32_t context = 2; context <= 4; context++)
		assert_int_equal(gpu_attach(context, 7), OK);
	memset(guest_pixels(0), 0x11, PIXELS * 4);
	read = gpu_offer_transfer(2, 7, WIDTH, HEIGHT, false, FENCE_GLOBAL);
	assert_int_equal(gpu_await(read), OK);
	for (uint32_t i = 0; i < PIXELS; i++)
		assert_int_equal(guest_pixels(0)[i], ORANGE_BGRA);

	/* The other way; and it outlives its maker. */
	const float blue[4] = {0.0f, 0.0f, 1.0f, 1.0f};
	uint16_t clear = offer_clear(2, 7, blue, FENCE_GLOBAL);
	assert_int_equal(gpu_await(clear), OK);
	read = gpu_offer_transfer(1, 7, WIDTH, HEIGHT, false, FENCE_GLOBAL);
	assert_int_equal(gpu_await(read), OK);
	for (uint32_t i = 0; i < PIXELS; i++)
		assert_int_equal(guest_pixels(0)[i], 0xff0000ffu);
	assert_int_equal(gpu_destroy_context_of(1), OK);
	check_clear(2, 7, 0);
	uint16_t fence = gpu_offer_submit(3, "", 0, 0);
	assert_int_equal(gpu_await(fence), OK); /* Vulkan took it, too */
}

/* --- Vulkan --- */

static void a_vulkan_context_has_a_ring_that_is_shared(void **state)
{
	enum { RING_BYTES_ = 33 * PAGE };
	assert_int_equal(gpu_create_context(1, VENUS), OK);
	uint16_t create = gpu_offer_host_blob(1, 7, 0, RING_BYTES_);
	uint16_t attach = gpu_offer_attach(1, 7), map = gpu_offer_map(7, 16 * PAGE);
	assert_int_equal(gpu_await(map), VIRTIO_GPU_RESP_OK_MAP_INFO);
	assert_int_equal(gpu_answer(create), OK);
	assert_int_equal(gpu_answer(attach), OK);
	const struct machine_map *segment = machine_map_at(&machine.vhost_user, 16 * PAGE);
	assert_non_null(segment);
	assert_int_equal(segment->length, RING_BYTES_);
	uint8_t *bytes = mmap(NULL, segment->length, PROT_READ | PROT_WRITE, MAP_SHARED,
		segment->fd, (off_t)segment->fd_offset);
	assert_ptr_not_equal(bytes, MAP_FAILED);
	bytes[RING_BYTES_ - 1] = 1; /* it is there to its end */
	munmap(bytes, RING_BYTES_);

	uint16_t fence = gpu_offer_submit(1, "", 0, 0);
	assert_int_equal(gpu_await(fence), OK);
	fence = gpu_offer_submit(1, "", 0, FENCE_GLOBAL);
	assert_int_equal(gpu_await(fence), OK);

	/* The context goes before its blob. */
	assert_int_equal(gpu_destroy_context_of(1), OK);
	assert_true(processes_await("virgl_render_se", 0, 5 * SECONDS));
	assert_int_equal(gpu_unmap(7), OK);
	assert_int_equal(gpu_unref(7), OK);
	assert_int_equal(gpu_stat("live host blob bytes"), 0);
}

static void bad_vulkan_blobs_are_refused(void **state)
{
	assert_int_equal(gpu_create_context(1, VENUS), OK);
	uint16_t head = gpu_offer_host_blob(1, 7, 1234, PAGE); /* no such memory */
	assert_true(gpu_await(head) >= UNSPEC);
	assert_int_equal(RUN(struct virtio_gpu_resource_create_blob,
				 HDR(RESOURCE_CREATE_BLOB, .ctx_id = 1), .resource_id = 7,
				 .blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST, .size = PAGE),
		BAD_PARAMETER);
	assert_int_equal(
		RUN(struct virtio_gpu_resource_create_blob, HDR(RESOURCE_CREATE_BLOB, .ctx_id = 1),
			.resource_id = 7, .blob_mem = 9, .size = PAGE),
		BAD_PARAMETER);
	assert_int_equal(gpu_await(gpu_offer_host_blob(1, 7, 0, 1ull << 40)), NO_MEMORY);
	assert_int_equal(gpu_attach(1, 7), BAD_RESOURCE);
}

static void a_fence_on_a_ring_that_is_not_there_retires(void **state)
{
	assert_int_equal(gpu_create_context(1, VENUS), OK);
	assert_int_equal(gpu_create_context(2, VENUS), OK);
	uint16_t good = gpu_offer_submit(1, "", 0, 0);
	assert_int_equal(gpu_await(good), OK);
	int64_t start = gpu_now_ms();
	uint16_t fence = gpu_offer_submit(1, "", 0, 5);
	assert_int_not_equal(gpu_await(fence), NO_ANSWER);
	assert_true(gpu_now_ms() - start < 2 * SECONDS);
	good = gpu_offer_submit(2, "", 0, 0);
	assert_int_equal(gpu_await(good), OK);
}

/* --- processes --- */

static void a_killed_worker_takes_nobody_along(void **state)
{
	pid_t pid = 0;
	assert_int_equal(gpu_create_context(1, VIRGL), OK);
	make_texture(1, 7, 0);
	check_clear(1, 7, 0);
	assert_int_equal(processes_find("wayferry-virgl", &pid), 1);
	assert_int_equal(gpu_create_context(2, VIRGL), OK);
	make_texture(2, 8, 16);
	check_clear(2, 8, 16);

	kill(pid, SIGSTOP); /* so that there is work which is not done */
	uint16_t head = offer_clear(1, 7, orange, FENCE_GLOBAL);
	uint16_t other = offer_clear(2, 8, orange, FENCE_GLOBAL);
	for (int i = 0; i < 20; i++)
		wl_event_loop_dispatch(machine.loop, 5);
	assert_int_equal(gpu_answer(head), NO_ANSWER);
	int64_t start = gpu_now_ms();
	kill(pid, SIGKILL);
	assert_int_equal(gpu_await(head), UNSPEC);
	assert_int_equal(gpu_await(other), OK);
	assert_true(gpu_now_ms() - start < SECONDS);
	assert_int_equal(gpu_answer(offer_clear(1, 7, orange, FENCE_NONE)), UNSPEC);
	check_clear(2, 8, 16);
	assert_int_equal(gpu_destroy_context_of(1), OK);
	assert_int_equal(gpu_unref(7), OK);
	/* The next one has a new process. */
	assert_int_equal(gpu_create_context(1, VIRGL), OK);
	make_texture(1, 7, 0);
	check_clear(1, 7, 0);
}

static void a_worker_that_hangs_is_ended(void **state)
{
	pid_t pid = 0;
	renderer_set_timeout_ms(machine_renderer, 2 * SECONDS);
	assert_int_equal(gpu_create_context(1, VENUS), OK);
	uint16_t head = gpu_offer_host_blob(1, 7, 0, PAGE);
	assert_int_equal(gpu_await(head), OK);
	assert_int_equal(processes_find("wayferry-venus", &pid), 1);
	kill(pid, SIGSTOP);
	int64_t start = gpu_now_ms();
	head = gpu_offer_host_blob(1, 8, 0, PAGE);
	assert_int_equal(gpu_await(head), UNSPEC);
	assert_true(gpu_now_ms() - start < 6 * SECONDS);
	assert_true(processes_await("wayferry-venus", 0, 5 * SECONDS));
	assert_true(processes_await("virgl_render_se", 0, 5 * SECONDS));
	/* What it made before is whole. */
	assert_int_equal(gpu_answer(gpu_offer_map(7, 0)), VIRTIO_GPU_RESP_OK_MAP_INFO);
	assert_int_equal(gpu_unmap(7), OK);
}

/* The process that starts workers, another one than @former: when it is there. */
static pid_t await_spawner(pid_t former)
{
	pid_t pid = former;
	for (int64_t end = gpu_now_ms() + START; gpu_now_ms() < end; usleep(10000))
		if (processes_search("wayferry-render", "wayferry-render", false, &pid) == 1 &&
			pid != former)
			return pid;
	fail_msg("nobody starts workers");
	return 0;
}

static void draw_something(uint32_t context, uint32_t resource)
{
	assert_int_equal(gpu_create_context(context, VIRGL), OK);
	make_texture(context, resource, 0);
	check_clear(context, resource, 0);
}

static void end_something(uint32_t context, uint32_t resource)
{
	assert_int_equal(gpu_destroy_context_of(context), OK);
	assert_int_equal(gpu_unref(resource), OK);
}

static void a_dead_spawner_takes_its_contexts_along_and_new_ones_work(void **state)
{
	pid_t spawner = 0;
	for (unsigned i = 0; i < 3; i++) {
		draw_something(1, 7);
		spawner = await_spawner(spawner);
		kill(spawner, SIGKILL);
		assert_true(processes_await("wayferry-virgl", 0, 5 * SECONDS));
		uint16_t head = offer_clear(1, 7, orange, FENCE_GLOBAL);
		assert_int_equal(gpu_await(head), UNSPEC);
		draw_something(2, 8);
		assert_int_equal(gpu_answer(offer_clear(1, 7, orange, FENCE_NONE)), UNSPEC);
		assert_int_equal(gpu_create_context(3, 5), OK);
		end_something(1, 7);
		end_something(2, 8);
		assert_int_equal(gpu_destroy_context_of(3), OK);
		assert_true(processes_await("wayferry-virgl", 0, 5 * SECONDS));
	}
	/* And when it has nothing to do. */
	for (unsigned i = 0; i < 3; i++) {
		spawner = await_spawner(spawner);
		kill(spawner, SIGKILL);
	}
	draw_something(1, 7); /* also before there is another one */
	assert_int_equal(processes_find("wayferry-render", NULL), 2);
	assert_int_equal(processes_search("wayferry-render", NULL, true, NULL), 0);
	assert_int_equal(processes_search("wayferry-virgl", NULL, true, NULL), 0);
}

static void a_spawner_that_always_dies_is_given_up(void **state)
{
	pid_t spawner = 0;
	/* The first has served, to be asked what it can. */
	for (unsigned i = 0; i < 1 + 5; i++) {
		spawner = await_spawner(spawner);
		kill(spawner, SIGKILL);
	}
	assert_true(processes_await("wayferry-render", 0, 5 * SECONDS));
	assert_int_equal(gpu_create_context(2, VIRGL), NO_MEMORY);
	assert_int_equal(gpu_create_context(2, 5), OK);
	log_capture_end();
	assert_true(log_captured("there is no 3D until wayferry-host is restarted"));
}

static unsigned long long ticks_of(pid_t pid)
{
	struct process process;
	assert_true(process_read(pid, &process));
	return process.ticks;
}

static void nobody_spins(void **state)
{
	pid_t gl = 0, vulkan = 0, server = 0;
	assert_int_equal(gpu_create_context(1, VIRGL), OK);
	make_texture(1, 7, 0);
	check_clear(1, 7, 0);
	assert_int_equal(gpu_create_context(2, VENUS), OK);
	assert_int_equal(gpu_await(gpu_offer_submit(2, "", 0, 0)), OK);
	assert_int_equal(processes_find("wayferry-virgl", &gl), 1);
	assert_int_equal(processes_find("wayferry-venus", &vulkan), 1);
	assert_true(processes_find("virgl_render_se", &server) > 0);
	unsigned long long before =
		ticks_of(gl) + ticks_of(vulkan) + ticks_of(server) + ticks_of(getpid());
	for (int64_t end = gpu_now_ms() + 2 * SECONDS; gpu_now_ms() < end;)
		wl_event_loop_dispatch(machine.loop, (int)(end - gpu_now_ms()));
	unsigned long long used =
		ticks_of(gl) + ticks_of(vulkan) + ticks_of(server) + ticks_of(getpid()) - before;
	assert_true(used <= 4); /* of 200, each 10 ms: 2 % */
}

static unsigned status_of(pid_t pid, const char *name)
{
	char path[64], line[256];
	unsigned value = 999;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
			value = (unsigned)strtoul(line + strlen(name) + 1, NULL, 10);
	fclose(file);
	return value;
}

static void workers_are_confined_and_the_device_has_no_mesa(void **state)
{
	pid_t pid = 0;
	char line[512];
	draw_something(1, 7);
	assert_int_equal(processes_find("wayferry-virgl", &pid), 1);
	assert_int_equal(status_of(pid, "NoNewPrivs"), 1);
	assert_int_equal(status_of(pid, "Seccomp"), 2);

	FILE *maps = fopen("/proc/self/maps", "re");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		assert_null(strstr(line, "virglrenderer"));
		assert_null(strstr(line, "LLVM"));
		assert_null(strstr(line, "EGL"));
	}
	fclose(maps);
}

/* --- bad input --- */

/* What each thing that a guest may get wrong leads to in the log. */
static const char *const complaints[] = {
	"CTX_CREATE (0x200) of context 4 refused: 0x1205",           /* the capset */
	"RESOURCE_CREATE_BLOB (0x10c) of context 1 refused: 0x1205", /* its size, its kind */
	"RESOURCE_CREATE_BLOB (0x10c) of context 1 refused: 0x1201", /* larger than all memory */
	"CREATE_BLOB of resource 7: ",                               /* no such memory */
	"CTX_ATTACH_RESOURCE (0x202) of context 2 refused: 0x1203",  /* it is freed */
	"RESOURCE_UNMAP_BLOB (0x209) of context 0 refused: 0x1205",  /* it is not mapped */
	"RESOURCE_UNMAP_BLOB (0x209) of context 0 refused: 0x1203",  /* it is freed */
	"SUBMIT_3D (0x207) of context 1 refused: 0x1204",            /* it is destroyed */
	"virgl context 3 (test) is lost: ",
	"ring_idx 5", /* says the library, for which that is the context's end */
};

static void bad_input_is_told_to_the_guest_and_in_the_log(void **state)
{
	pid_t doomed = 0;
	assert_int_equal(gpu_create_context(3, VIRGL), OK);
	assert_int_equal(gpu_await(gpu_offer_submit(3, "", 0, FENCE_GLOBAL)), OK);
	assert_int_equal(processes_find("wayferry-virgl", &doomed), 1);
	assert_int_equal(gpu_create_context(1, VENUS), OK);
	assert_int_equal(gpu_create_context(2, VIRGL), OK);
	make_texture(2, 9, 0);

	assert_int_equal(gpu_create_context(4, 6), BAD_PARAMETER);
	struct virtio_gpu_resource_create_blob blob = {HDR(RESOURCE_CREATE_BLOB, .ctx_id = 1),
		.resource_id = 7, .blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D, .size = 0};
	assert_int_equal(gpu_command(&blob, sizeof(blob)), BAD_PARAMETER);
	blob.size = 1ull << 40;
	assert_int_equal(gpu_command(&blob, sizeof(blob)), NO_MEMORY);
	blob.size = PAGE;
	blob.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST;
	assert_int_equal(gpu_command(&blob, sizeof(blob)), BAD_PARAMETER);
	assert_true(gpu_await(gpu_offer_host_blob(1, 7, 1234, PAGE)) >= UNSPEC);

	assert_int_equal(gpu_texture(8, WIDTH, HEIGHT), OK);
	assert_int_equal(gpu_unref(8), OK);
	assert_int_equal(gpu_attach(2, 8), BAD_RESOURCE);

	assert_int_equal(gpu_destroy_context_of(1), OK);
	assert_int_equal(gpu_create_context(1, VENUS), OK);
	assert_int_equal(gpu_await(gpu_offer_host_blob(1, 7, 0, PAGE)), OK);
	assert_int_equal(gpu_answer(gpu_offer_map(7, 0)), VIRTIO_GPU_RESP_OK_MAP_INFO);
	assert_int_equal(gpu_destroy_context_of(1), OK);
	assert_int_equal(gpu_unmap(7), OK);
	assert_int_equal(gpu_unmap(7), BAD_PARAMETER);
	assert_int_equal(gpu_unref(7), OK);
	assert_int_equal(gpu_unmap(7), BAD_RESOURCE);

	assert_int_equal(gpu_answer(gpu_offer_submit(1, "1234", 4, FENCE_GLOBAL)), BAD_CONTEXT);
	kill(doomed, SIGKILL);
	assert_int_equal(gpu_await(gpu_offer_submit(3, "1234", 4, FENCE_GLOBAL)), UNSPEC);
	assert_int_equal(gpu_create_context(5, VENUS), OK);
	assert_int_not_equal(gpu_await(gpu_offer_submit(5, "", 0, 5)), NO_ANSWER);
	assert_true(gpu_await(gpu_offer_submit(5, "12345678", 8, 0)) >= UNSPEC);

	check_clear(2, 9, 0); /* nobody else has noticed */
	log_capture_end();
	for (size_t i = 0; i < ARRAY_LENGTH(complaints); i++)
		if (!log_captured(complaints[i]))
			fail_msg("the log does not say: %s", complaints[i]);
}

/* --- without it --- */

static void a_renderer_that_is_absent_is_an_error(void **state)
{
	struct renderer_config config = {.log_level = "warn", .kinds = {true}};
	log_capture_begin();
	config.program = "/nowhere/wayferry-renderer";
	assert_null(renderer_create(&config));
	config.program = "/bin/false"; /* something that ends */
	assert_null(renderer_create(&config));
	log_capture_end();
	assert_true(log_captured("/nowhere/wayferry-renderer: No such file or directory"));
	assert_true(log_captured("virgl does not start: its process has ended"));
	int status;
	while (waitpid(-1, &status, 0) > 0)
		continue;
}

/* The library may lack them, or the drivers for them; and /dev/null is no GPU in any case. */
static void native_contexts_that_cannot_be_had_are_an_error(void **state)
{
	const struct renderer_config config = {.program = getenv("WAYFERRY_RENDERER"),
		.log_level = "warn",
		.render_node = "/dev/null",
		.kinds = {[RENDERER_KIND_DRM] = true}};
	log_capture_begin();
	assert_null(renderer_create(&config));
	log_capture_end();
	assert_true(log_captured("drm does not start"));
	int status;
	while (waitpid(-1, &status, 0) > 0)
		continue;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_renderer_says_what_it_can),
		TEST(a_cleared_texture_has_the_right_pixels),
		TEST(what_a_guest_gets_wrong_is_its_own_loss),
		TEST(shared_textures_are_the_same_memory_everywhere),
		TEST(a_vulkan_context_has_a_ring_that_is_shared),
		TEST(bad_vulkan_blobs_are_refused),
		TEST(a_fence_on_a_ring_that_is_not_there_retires),
		TEST(a_killed_worker_takes_nobody_along),
		TEST(a_worker_that_hangs_is_ended),
		TEST(a_dead_spawner_takes_its_contexts_along_and_new_ones_work),
		cmocka_unit_test_setup_teardown(
			a_dead_spawner_takes_its_contexts_along_and_new_ones_work,
			set_up_unconfined, tear_down),
		cmocka_unit_test_setup_teardown(
			a_spawner_that_always_dies_is_given_up, set_up_logged, tear_down_logged),
		TEST(nobody_spins),
		cmocka_unit_test_setup_teardown(bad_input_is_told_to_the_guest_and_in_the_log,
			set_up_logged, tear_down_logged),
		TEST(workers_are_confined_and_the_device_has_no_mesa),
		cmocka_unit_test(a_renderer_that_is_absent_is_an_error),
		cmocka_unit_test(native_contexts_that_cannot_be_had_are_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
