/*
 * host-bridge/render/renderer_context.c, renderer_link.c, renderer_blob.c, waiting.c and
 * requests.c: 3D contexts through real virtqueues, with workers that the test plays. (The real
 * ones: see tests/renderer.)
 */
#include "host-bridge/gpu/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/fake_compositor.h"
#include "tests/unit/fake_worker.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/gpu_commands.h"

#define VIRGL2 RENDERER_CAPSET_VIRGL2
#define VENUS RENDERER_CAPSET_VENUS
#define PAGE 4096u

static int fds_before;

static int set_up(void **state)
{
	fds_before = fd_count();
	fake_killed = 0;
	machine_renderer = fake_renderer_create();
	machine_create();
	return 0;
}

static int tear_down(void **state)
{
	machine_destroy();
	renderer_destroy(machine_renderer);
	fd_close(&fake_spawner);
	return fd_count() == fds_before ? 0 : -1;
}

/* A context and its worker, which has been told of it. */
static struct fake_worker make_context(uint32_t id, uint32_t capset)
{
	struct fake_worker worker;
	assert_int_equal(gpu_create_context(id, capset), OK);
	int type;
	while ((type = fake_spawner_serve(&worker, 0)) == RENDERER_KILL)
		continue;
	assert_int_equal(type, RENDERER_SPAWN);
	assert_int_equal(fake_worker_receive(&worker), RENDERER_CTX_CREATE);
	assert_int_equal(worker.in.request.ctx_create.capset_id, capset);
	assert_string_equal(worker.in.request.ctx_create.name, "test");
	return worker;
}

static void destroy_context(uint32_t id, struct fake_worker *worker)
{
	assert_int_equal(gpu_destroy_context_of(id), OK);
	while (fake_worker_receive(worker) > 0)
		continue;
	fake_worker_close(worker);
}

/* Memory as a worker would hand it over. */
static void answer_blob(struct fake_worker *worker, int fd, uint32_t fd_type, uint64_t offset)
{
	struct renderer_answer answer = fake_answer(worker, 0);
	answer.blob.fd_type = fd_type;
	answer.blob.map_info = VIRTIO_GPU_MAP_CACHE_CACHED;
	answer.blob.fd_offset = offset;
	answer.blob.size = worker->in.request.create_blob.size;
	fake_worker_send(worker, &answer, sizeof(answer), &fd, fd >= 0);
}

static ino_t inode_of(int fd)
{
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

/* A blob of @size bytes with memory of its own: the memory's inode. */
static ino_t make_blob(
	uint32_t context, struct fake_worker *worker, uint32_t resource, uint64_t size)
{
	uint16_t head = gpu_offer_host_blob(context, resource, 7, size);
	assert_int_equal(fake_worker_find(worker, RENDERER_CREATE_BLOB), RENDERER_CREATE_BLOB);
	assert_int_equal(worker->in.request.resource_id, resource);
	int fd = fd_memfd("blob", size);
	ino_t inode = inode_of(fd);
	answer_blob(worker, fd, RENDERER_FD_SHM, 0);
	close(fd);
	assert_int_equal(gpu_await(head, 1000), OK);
	return inode;
}

/* --- what there is --- */

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

/* --- classic resources --- */

static void a_texture_comes_to_the_worker_with_its_memory(void **state)
{
	struct fake_worker worker = make_context(1, VIRGL2);

	assert_int_equal(gpu_texture(7, 16, 8), OK);
	assert_int_equal(gpu_backing(7, PAGES + PAGE, 512), OK);
	assert_int_equal(fake_worker_receive(&worker), 0); /* it has no home yet */
	assert_int_equal(gpu_attach(1, 7), OK);

	const struct renderer_request *in = &worker.in.request;
	assert_int_equal(fake_worker_receive(&worker), RENDERER_CREATE_3D);
	assert_int_equal(in->resource_id, 7);
	assert_int_equal(in->create_3d.width, 16);
	assert_int_equal(in->create_3d.height, 8);
	assert_int_equal(in->create_3d.target, 2);
	assert_int_equal(fake_worker_receive(&worker), RENDERER_REGION);
	assert_int_equal(in->region.size, MACHINE_RAM_BYTES);
	assert_int_equal(in->region.fd_offset, 0);
	assert_int_equal(inode_of(worker.in_fd), inode_of(machine.ram_fd));
	uint32_t region = in->region.region;
	assert_int_equal(fake_worker_receive(&worker), RENDERER_BACKING);
	assert_int_equal(in->list.n, 1);
	assert_int_equal(worker.in_bytes, sizeof(*in) + sizeof(struct renderer_segment));
	struct renderer_segment segment;
	memcpy(&segment, worker.in.bytes + sizeof(*in), sizeof(segment));
	assert_int_equal(segment.region, region);
	assert_int_equal(segment.offset, MACHINE_PAGES + PAGE);
	assert_int_equal(segment.length, 512);
	assert_int_equal(fake_worker_receive(&worker), RENDERER_ATTACH_BACKING);
	assert_int_equal(in->resource_id, 7);
	assert_int_equal(fake_worker_receive(&worker), RENDERER_ATTACH);

	/* A second one finds the region there. Its memory comes later. */
	assert_int_equal(gpu_texture(8, 16, 8), OK);
	assert_int_equal(gpu_attach(1, 8), OK);
	assert_int_equal(gpu_backing(8, PAGES, 512), OK);
	assert_int_equal(fake_worker_receive(&worker), RENDERER_CREATE_3D);
	assert_int_equal(fake_worker_receive(&worker), RENDERER_ATTACH);
	assert_int_equal(fake_worker_receive(&worker), RENDERER_BACKING);
	assert_int_equal(fake_worker_receive(&worker), RENDERER_ATTACH_BACKING);
	assert_int_equal(RUN(struct virtio_gpu_resource_detach_backing,
				 HDR(RESOURCE_DETACH_BACKING), .resource_id = 8),
		OK);
	assert_int_equal(fake_worker_receive(&worker), RENDERER_DETACH_BACKING);
	assert_int_equal(gpu_unref(8), OK);
	assert_int_equal(fake_worker_receive(&worker), RENDERER_DETACH);
	assert_int_equal(fake_worker_receive(&worker), RENDERER_UNREF);
	assert_int_equal(gpu_attach(1, 8), BAD_RESOURCE); /* freed */
	assert_int_equal(fake_worker_receive(&worker), 0);
	destroy_context(1, &worker);
	assert_int_equal(gpu_unref(7), OK);
	assert_int_equal(gpu_stat("live resources"), 0);
	assert_int_equal(gpu_stat("live host blob bytes"), 0);
}

static void a_texture_stays_in_its_worker(void **state)
{
	struct fake_worker first = make_context(1, VIRGL2), second = make_context(2, VIRGL2),
			   vulkan = make_context(3, VENUS);
	gpu_texture(7, 16, 8);
	assert_int_equal(gpu_attach(3, 7), UNSPEC);
	assert_int_equal(gpu_attach(1, 7), OK);
	assert_int_equal(gpu_attach(2, 7), UNSPEC);
	assert_int_equal(fake_worker_receive(&second), 0);
	uint16_t head = gpu_offer_transfer(2, 7, 16, 8, false, FENCE_NONE);
	assert_int_equal(gpu_answer(head), BAD_PARAMETER);
	destroy_context(1, &first);
	assert_int_equal(gpu_attach(2, 7), UNSPEC); /* what was in it is gone */
	destroy_context(2, &second);
	destroy_context(3, &vulkan);
}

/* Answers CREATE_3D of a shared texture with memory. */
static void answer_texture(struct fake_worker *worker, int fd, uint32_t stride, uint64_t modifier)
{
	struct renderer_answer answer = fake_answer(worker, 0);
	answer.blob.fd_type = RENDERER_FD_SHM;
	answer.blob.size = worker->in.request.create_3d.shared_bytes;
	answer.blob.stride = stride;
	answer.blob.modifier = modifier;
	fake_worker_send(worker, &answer, sizeof(answer), &fd, 1);
}

static void a_shared_texture_is_memory_for_all(void **state)
{
	struct fake_worker one = make_context(1, VIRGL2), two = make_context(2, VIRGL2),
			   vulkan = make_context(3, VENUS);
	const struct renderer_request *in = &one.in.request;
	assert_int_equal(gpu_create_context(4, 5), OK);

	assert_int_equal(gpu_answer(gpu_offer_texture(7, 64, 32, GPU_SHARED)), OK);
	uint16_t first = gpu_offer_attach(1, 7), second = gpu_offer_attach(2, 7),
		 third = gpu_offer_attach(3, 7), fourth = gpu_offer_attach(4, 7);
	assert_int_equal(fake_worker_receive(&one), RENDERER_CREATE_3D);
	assert_int_equal(in->create_3d.shared_bytes, 64 * 32 * 4);
	assert_int_equal(gpu_answer(first), OK);
	assert_int_equal(gpu_answer(second), NO_ANSWER); /* until its memory is there */
	assert_int_equal(gpu_answer(fourth), NO_ANSWER);
	int fd = fd_memfd("texture", 64 * 32 * 4);
	answer_texture(&one, fd, 64 * 4, 0);
	assert_int_equal(gpu_await(second, 1000), OK);
	assert_int_equal(gpu_await(third, 1000), OK);
	assert_int_equal(gpu_await(fourth, 1000), OK);
	assert_int_equal(fake_worker_receive(&two), RENDERER_IMPORT);
	assert_int_equal(two.in.request.import.format, 1);
	assert_int_equal(two.in.request.import.width, 64);
	assert_int_equal(two.in.request.import.height, 32);
	assert_int_equal(two.in.request.import.stride, 256);
	assert_int_equal(inode_of(two.in_fd), inode_of(fd));
	assert_int_equal(fake_worker_receive(&two), RENDERER_ATTACH);
	assert_int_equal(fake_worker_receive(&vulkan), RENDERER_IMPORT);
	close(fd);

	/* It outlives its maker, and is given back when all have. */
	destroy_context(1, &one);
	assert_int_equal(gpu_stat("live host blob bytes"), 64 * 32 * 4);
	assert_int_equal(gpu_unref(7), OK);
	assert_int_equal(gpu_stat("live host blob bytes"), 0);
	destroy_context(2, &two);
	destroy_context(3, &vulkan);
}

static void a_texture_that_cannot_be_shared_is_its_makers(void **state)
{
	enum { REFUSED, TOO_SMALL, TOO_WIDE, NO_MEMORY_AT_ALL, DEAD, N };

	for (int what = 0; what < N; what++) {
		struct fake_worker one = make_context(1, VIRGL2), two = make_context(2, VIRGL2);
		gpu_offer_texture(7, 64, 32, GPU_SHARED);
		gpu_offer_attach(1, 7);
		uint16_t second = gpu_offer_attach(2, 7);
		assert_int_equal(fake_worker_find(&one, RENDERER_CREATE_3D), RENDERER_CREATE_3D);
		int fd = fd_memfd("texture", what == TOO_SMALL ? PAGE : 2 * PAGE);
		if (what == REFUSED)
			fake_worker_answer(&one, -EOPNOTSUPP);
		else if (what == NO_MEMORY_AT_ALL)
			fake_worker_answer(&one, 0);
		else if (what == DEAD)
			fake_worker_close(&one);
		else
			answer_texture(&one, fd, what == TOO_WIDE ? 260 : 256, 0);
		close(fd);
		assert_int_equal(gpu_await(second, 1000), UNSPEC);
		uint16_t transfer = gpu_offer_transfer(1, 7, 64, 32, false, FENCE_NONE);
		if (what != DEAD) {
			assert_int_equal(
				fake_worker_find(&one, RENDERER_TRANSFER), RENDERER_TRANSFER);
			fake_worker_answer(&one, 0);
		}
		assert_int_equal(gpu_await(transfer, 1000), what == DEAD ? UNSPEC : OK);
		destroy_context(1, &one);
		destroy_context(2, &two);
		assert_int_equal(gpu_unref(7), OK);
	}
}

static void misshapen_textures_are_refused(void **state)
{
	assert_int_equal(gpu_texture(7, 0, 8), BAD_PARAMETER);
	assert_int_equal(gpu_texture(7, 65536, 8), BAD_PARAMETER);
	assert_int_equal(gpu_texture(0, 8, 8), BAD_RESOURCE);
	assert_int_equal(gpu_texture(7, 4096, 4096), NO_MEMORY); /* 64 MiB, of 16 */
	assert_int_equal(gpu_texture(7, 8, 8), OK);
	assert_int_equal(gpu_texture(7, 8, 8), BAD_RESOURCE);
	assert_int_equal(
		RUN(struct virtio_gpu_resource_create_3d, HDR(RESOURCE_CREATE_3D), .resource_id = 8,
			.width = UINT32_MAX, .height = 1, .depth = 1, .array_size = 1),
		NO_MEMORY);
	assert_int_equal(RUN(struct virtio_gpu_resource_create_3d, HDR(RESOURCE_CREATE_3D),
				 .resource_id = 8, .target = 2, .width = 32768, .height = 32768,
				 .depth = UINT32_MAX, .array_size = 1),
		BAD_PARAMETER);
}

/* --- work --- */

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
	assert_int_equal(gpu_await(head, 1000), OK);

	head = gpu_offer_submit(1, bytes, 8, 3);
	assert_int_equal(fake_worker_find(&worker, RENDERER_SUBMIT), RENDERER_SUBMIT);
	assert_int_equal(in->fenced, 1);
	assert_int_equal(in->ring, 3);
	fake_worker_answer(&worker, -EINVAL);
	assert_int_equal(gpu_await(head, 1000), BAD_PARAMETER);
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
	assert_int_equal(gpu_await(on_ring, 1000), OK);
	assert_int_equal(gpu_answer(first), NO_ANSWER);
	assert_int_equal(gpu_answer(second), NO_ANSWER);
	assert_int_equal(gpu_answer(third), NO_ANSWER);
	assert_int_equal(fake_worker_find(&one, RENDERER_SUBMIT), RENDERER_SUBMIT);
	fake_worker_answer(&one, 0);
	assert_int_equal(gpu_await(third, 1000), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	assert_int_equal(gpu_answer(first), OK);
	assert_int_equal(gpu_answer(second), OK);
	destroy_context(1, &one);
	destroy_context(2, &two);
}

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
	assert_int_equal(gpu_await(head, 1000), OK);

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
		assert_int_equal(gpu_await(heads[i], 1000), OK);
	assert_int_equal(gpu_await(attach, 1000), BAD_RESOURCE);
	destroy_context(1, &slow);
	destroy_context(2, &other);
}

/* --- blobs --- */

static void a_blob_is_the_workers_memory(void **state)
{
	struct fake_worker worker = make_context(1, VENUS);

	/* All at once, as guest kernels do. */
	uint16_t create = gpu_offer_host_blob(1, 7, 42, 5 * PAGE);
	uint16_t attach = gpu_offer_attach(1, 7);
	uint16_t map = gpu_offer_map(7, 16 * PAGE);
	assert_int_equal(fake_worker_receive(&worker), RENDERER_CREATE_BLOB);
	assert_int_equal(worker.in.request.create_blob.blob_id, 42);
	assert_int_equal(worker.in.request.create_blob.size, 5 * PAGE);
	assert_int_equal(worker.in.request.create_blob.blob_mem, VIRTIO_GPU_BLOB_MEM_HOST3D);
	assert_int_equal(gpu_answer(create), NO_ANSWER);
	assert_int_equal(gpu_answer(map), NO_ANSWER);

	int fd = fd_memfd("blob", 6 * PAGE);
	answer_blob(&worker, fd, RENDERER_FD_OPAQUE, PAGE);
	assert_int_equal(gpu_await(create, 1000), OK);
	assert_int_equal(gpu_await(attach, 1000), OK);
	assert_int_equal(gpu_await(map, 1000), VIRTIO_GPU_RESP_OK_MAP_INFO);
	const struct machine_map *segment = machine_map_at(&machine.vhost_user, 16 * PAGE);
	assert_non_null(segment);
	assert_int_equal(segment->length, 5 * PAGE);
	assert_int_equal(segment->fd_offset, PAGE);
	assert_int_equal(inode_of(segment->fd), inode_of(fd));
	close(fd);
	assert_int_equal(fake_worker_receive(&worker), RENDERER_ATTACH);
	assert_int_equal(gpu_stat("live host blob bytes"), 5 * PAGE);

	/* On teardown the context goes first. */
	destroy_context(1, &worker);
	assert_non_null(machine_map_at(&machine.vhost_user, 16 * PAGE));
	assert_int_equal(gpu_unmap(7), OK);
	assert_null(machine_map_at(&machine.vhost_user, 16 * PAGE));
	assert_int_equal(gpu_unref(7), OK);
	assert_int_equal(gpu_stat("live host blob bytes"), 0);
}

static void any_context_can_attach_any_blob(void **state)
{
	struct fake_worker vulkan = make_context(1, VENUS), gl = make_context(2, VIRGL2);
	assert_int_equal(gpu_create_context(3, 5), OK);
	ino_t inode = make_blob(1, &vulkan, 7, 2 * PAGE);

	assert_int_equal(gpu_attach(1, 7), OK);
	assert_int_equal(gpu_attach(2, 7), OK);
	assert_int_equal(gpu_attach(3, 7), OK);
	assert_int_equal(fake_worker_receive(&vulkan), RENDERER_ATTACH);
	assert_int_equal(fake_worker_receive(&gl), RENDERER_IMPORT);
	assert_int_equal(gl.in.request.resource_id, 7);
	assert_int_equal(gl.in.request.import.fd_type, RENDERER_FD_SHM);
	assert_int_equal(gl.in.request.import.size, 2 * PAGE);
	assert_int_equal(inode_of(gl.in_fd), inode);
	assert_int_equal(fake_worker_receive(&gl), RENDERER_ATTACH);
	/* It is everywhere given up at once. */
	assert_int_equal(gpu_unref(7), OK);
	assert_int_equal(fake_worker_find(&gl, RENDERER_UNREF), RENDERER_UNREF);
	assert_int_equal(fake_worker_find(&vulkan, RENDERER_UNREF), RENDERER_UNREF);
	destroy_context(1, &vulkan);
	destroy_context(2, &gl);
	assert_int_equal(gpu_destroy_context_of(3), OK);
}

static void memory_that_cannot_be_trusted_makes_no_blob(void **state)
{
	struct fake_worker worker = make_context(1, VENUS);
	int pipes[2];
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	int unsealable = memfd_create("unsealable", MFD_CLOEXEC); /* without ALLOW_SEALING */
	assert_int_equal(ftruncate(unsealable, 4 * PAGE), 0);
	char path[64];
	int good = fd_memfd("good", 4 * PAGE);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", good);
	const struct {
		int fd;
		uint32_t fd_type;
		uint64_t offset;
	} cases[] = {
		{fd_memfd("small", 3 * PAGE), RENDERER_FD_SHM, 0},
		{fd_memfd("small", 4 * PAGE), RENDERER_FD_SHM, PAGE},
		{fd_memfd("good", 4 * PAGE), RENDERER_FD_SHM, 100},
		{fd_memfd("good", 8 * PAGE), RENDERER_FD_SHM, UINT64_MAX - PAGE + 1},
		{fd_memfd("good", 4 * PAGE), RENDERER_FD_DMABUF, 0},
		{fd_memfd("good", 4 * PAGE), 9, 0},
		{unsealable, RENDERER_FD_SHM, 0},
		{pipes[0], RENDERER_FD_SHM, 0},
		{pipes[1], RENDERER_FD_DMABUF, 0},
		{open("/dev/zero", O_RDWR | O_CLOEXEC), RENDERER_FD_SHM, 0},
		{open(path, O_RDONLY | O_CLOEXEC), RENDERER_FD_SHM, 0},
		{-1, RENDERER_FD_SHM, 0},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		uint16_t head = gpu_offer_host_blob(1, 7, 1, 4 * PAGE);
		uint16_t map = gpu_offer_map(7, 0);
		assert_int_equal(
			fake_worker_find(&worker, RENDERER_CREATE_BLOB), RENDERER_CREATE_BLOB);
		answer_blob(&worker, cases[i].fd, cases[i].fd_type, cases[i].offset);
		assert_true(gpu_await(head, 1000) >= UNSPEC);
		assert_int_equal(gpu_await(map, 1000), BAD_RESOURCE);
		if (cases[i].fd >= 0)
			close(cases[i].fd);
	}
	/* The worker says no; and the id is good for another one. */
	uint16_t head = gpu_offer_host_blob(1, 7, 1, 4 * PAGE);
	assert_int_equal(fake_worker_find(&worker, RENDERER_CREATE_BLOB), RENDERER_CREATE_BLOB);
	fake_worker_answer(&worker, -EINVAL);
	assert_int_equal(gpu_await(head, 1000), BAD_PARAMETER);
	make_blob(1, &worker, 7, PAGE);
	close(good);
	destroy_context(1, &worker);
}

static void memory_that_can_shrink_is_sealed(void **state)
{
	struct fake_worker worker = make_context(1, VENUS);
	int fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, 4 * PAGE), 0);
	uint16_t head = gpu_offer_host_blob(1, 7, 1, 4 * PAGE);
	fake_worker_find(&worker, RENDERER_CREATE_BLOB);
	answer_blob(&worker, fd, RENDERER_FD_SHM, 0);
	assert_int_equal(gpu_await(head, 1000), OK);
	assert_int_equal(ftruncate(fd, PAGE), -1);
	close(fd);
	destroy_context(1, &worker);
}

static void blobs_count_against_their_context_and_the_machine(void **state)
{
	struct fake_worker one = make_context(1, VENUS), two = make_context(2, VENUS);
	uint64_t quarter = MACHINE_REGION_BYTES / 4;

	for (uint32_t i = 1; i <= 3; i++)
		make_blob(1, &one, i, quarter);
	assert_int_equal(gpu_answer(gpu_offer_host_blob(1, 4, 1, PAGE)), NO_MEMORY);
	make_blob(2, &two, 4, quarter);
	assert_int_equal(gpu_answer(gpu_offer_host_blob(2, 5, 1, PAGE)), NO_MEMORY);
	assert_int_equal(gpu_unref(1), OK);
	make_blob(1, &one, 5, quarter);
	assert_int_equal(gpu_answer(gpu_offer_host_blob(1, 9, 1, 0)), BAD_PARAMETER);
	assert_int_equal(gpu_answer(gpu_offer_host_blob(1, 9, 1, UINT64_MAX)), BAD_PARAMETER);
	destroy_context(1, &one);
	destroy_context(2, &two);
}

static void a_context_may_end_while_its_blob_is_made(void **state)
{
	struct fake_worker worker = make_context(1, VENUS);
	uint16_t create = gpu_offer_host_blob(1, 7, 1, PAGE), map = gpu_offer_map(7, 0);
	destroy_context(1, &worker);
	assert_int_equal(gpu_answer(create), UNSPEC);
	assert_int_equal(gpu_await(map, 1000), BAD_RESOURCE);

	worker = make_context(1, VENUS);
	gpu_offer_host_blob(1, 7, 1, PAGE);
	gpu_offer_map(7, 0);
	gpu_offer_submit(1, "1234", 4, FENCE_GLOBAL);
	machine_reset();
	machine_boot();
	assert_int_equal(gpu_stat("live resources"), 0);
	fake_worker_close(&worker);
	worker = make_context(1, VENUS);
	make_blob(1, &worker, 7, PAGE);
	/* Nothing of the old boot is in the way of fences. */
	struct virtio_gpu_ctrl_hdr fenced = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	gpu_set_fence(&fenced, FENCE_GLOBAL);
	assert_int_equal(
		gpu_answer(gpu_offer(&fenced, sizeof(fenced))), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	destroy_context(1, &worker);
}

static void the_window_takes_maps_of_all_kinds(void **state)
{
	struct vhost_user *vu = &machine.vhost_user;
	struct fake_worker worker = make_context(1, VENUS);
	unsigned maps;

	make_blob(1, &worker, 7, 4 * PAGE);
	make_blob(1, &worker, 8, PAGE);
	assert_int_equal(gpu_answer(gpu_offer_map(7, 0)), VIRTIO_GPU_RESP_OK_MAP_INFO);
	assert_int_equal(gpu_answer(gpu_offer_map(8, 2 * PAGE)), BAD_PARAMETER); /* occupied */
	assert_int_equal(gpu_answer(gpu_offer_map(8, 100)), BAD_PARAMETER);
	assert_int_equal(gpu_answer(gpu_offer_map(8, MACHINE_REGION_BYTES)), BAD_PARAMETER);
	assert_int_equal(gpu_answer(gpu_offer_map(7, 0)), BAD_PARAMETER); /* twice */
	assert_int_equal(gpu_unmap(7), OK);
	assert_int_equal(gpu_unmap(7), BAD_PARAMETER);
	assert_int_equal(gpu_answer(gpu_offer_map(8, 2 * PAGE)), VIRTIO_GPU_RESP_OK_MAP_INFO);
	assert_int_equal(gpu_unref(8), OK); /* without an unmap */
	assert_null(machine_map_at(vu, 2 * PAGE));
	maps = vu->n_segments;
	/* A restart of the monitor keeps them; a new boot forgets them. */
	assert_int_equal(gpu_answer(gpu_offer_map(7, 0)), VIRTIO_GPU_RESP_OK_MAP_INFO);
	assert_int_equal(vu->n_segments, maps + 1);
	vu->device->started(vu->data, true);
	assert_int_equal(vu->n_segments, maps + 1);
	destroy_context(1, &worker);
}

/* --- the end of workers --- */

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
	assert_int_equal(gpu_await(submit, 1000), UNSPEC);
	assert_true(gpu_response.hdr.flags & VIRTIO_GPU_FLAG_FENCE);
	assert_int_equal(gpu_await(global, 1000), UNSPEC);
	assert_int_equal(gpu_await(blob, 1000), UNSPEC);
	assert_int_equal(gpu_await(map, 1000), BAD_RESOURCE);
	assert_int_equal(gpu_stat("contexts lost"), 1);
	assert_int_equal(fake_worker_find(&other, RENDERER_SUBMIT), RENDERER_SUBMIT);
	fake_worker_answer(&other, 0);
	assert_int_equal(gpu_await(others, 1000), OK);

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

static void a_worker_that_hangs_is_ended(void **state)
{
	struct fake_worker hung, other;
	renderer_set_patience_ms(machine_renderer, 300);
	hung = make_context(1, VIRGL2);
	other = make_context(2, VIRGL2);

	int64_t start = gpu_now_ms();
	uint16_t head = gpu_offer_submit(1, "1234", 4, FENCE_GLOBAL);
	assert_int_equal(gpu_await(head, 3000), UNSPEC);
	assert_true(gpu_now_ms() - start >= 300);
	struct fake_worker none;
	assert_int_equal(fake_spawner_serve(&none, 100), RENDERER_KILL);
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
	assert_int_equal(gpu_await(head, 1000), OK);
	assert_int_equal(gpu_stat("contexts lost"), 1);
	fake_worker_close(&hung);
	assert_int_equal(gpu_destroy_context_of(1), OK);
	destroy_context(2, &other);
}

static void a_worker_that_speaks_nonsense_is_ended(void **state)
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
		assert_int_equal(gpu_await(second, 1000), UNSPEC);
		assert_int_equal(gpu_await(head, 1000), what == TWICE ? OK : UNSPEC);
		assert_int_equal(gpu_stat("contexts lost"), (unsigned)what + 1);
		fake_worker_close(&worker);
		assert_int_equal(gpu_destroy_context_of(1), OK);
	}
}

static void a_driver_that_offers_chains_twice_fills_nothing_up(void **state)
{
	struct fake_worker worker = make_context(1, VENUS);
	uint16_t create = gpu_offer_host_blob(1, 7, 1, PAGE);
	uint16_t head = gpu_offer_map(7, 0);
	/* The same chain again and again, none of them answered yet. */
	for (int i = 0; i < 3000; i++) {
		ring_driver_offer(&machine.rings[0], head);
		if (i % 500 == 499)
			machine_kick(0);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_is_told_of_the_renderers_capsets),
		TEST(contexts_have_workers_of_their_kind),
		TEST(without_a_spawner_there_are_no_contexts),
		TEST(a_texture_comes_to_the_worker_with_its_memory),
		TEST(a_texture_stays_in_its_worker),
		TEST(a_shared_texture_is_memory_for_all),
		TEST(a_texture_that_cannot_be_shared_is_its_makers),
		TEST(misshapen_textures_are_refused),
		TEST(submissions_come_whole_and_get_the_workers_answer),
		TEST(fences_without_a_ring_retire_in_order_over_all_contexts),
		TEST(a_slow_worker_holds_its_own_guest_back),
		TEST(a_blob_is_the_workers_memory),
		TEST(any_context_can_attach_any_blob),
		TEST(memory_that_cannot_be_trusted_makes_no_blob),
		TEST(memory_that_can_shrink_is_sealed),
		TEST(blobs_count_against_their_context_and_the_machine),
		TEST(a_context_may_end_while_its_blob_is_made),
		TEST(the_window_takes_maps_of_all_kinds),
		TEST(a_dead_worker_takes_its_context_along),
		TEST(a_worker_that_hangs_is_ended),
		TEST(a_worker_that_speaks_nonsense_is_ended),
		TEST(a_driver_that_offers_chains_twice_fills_nothing_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
