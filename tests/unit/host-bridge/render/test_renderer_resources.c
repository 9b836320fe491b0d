/* host-bridge/render/renderer_resources.c and renderer_blob.c: textures and blobs of 3D contexts */
#include "host-bridge/gpu/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/render_rig.h"

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
	assert_int_equal(gpu_await(second), OK);
	assert_int_equal(gpu_await(third), OK);
	assert_int_equal(gpu_await(fourth), OK);
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

/* What a row of a tiled texture takes says nothing of its size. Whoever imports it is told its
 * layout. */
static void a_tiled_texture_is_shared_with_its_layout(void **state)
{
	const uint64_t tiled = UINT64_C(0x0100000000000002);
	struct fake_worker one = make_context(1, VIRGL2), two = make_context(2, VIRGL2);

	gpu_offer_texture(7, 64, 32, GPU_SHARED);
	gpu_offer_attach(1, 7);
	uint16_t second = gpu_offer_attach(2, 7);
	assert_int_equal(fake_worker_find(&one, RENDERER_CREATE_3D), RENDERER_CREATE_3D);
	int fd = fd_memfd("texture", 64 * 32 * 4);
	answer_texture(&one, fd, 4096, tiled);
	close(fd);
	assert_int_equal(gpu_await(second), OK);
	assert_int_equal(fake_worker_receive(&two), RENDERER_IMPORT);
	assert_int_equal(two.in.request.import.stride, 4096);
	assert_true(two.in.request.import.modifier == tiled);
	destroy_context(1, &one);
	destroy_context(2, &two);
	assert_int_equal(gpu_unref(7), OK);
}

static void a_texture_that_cannot_be_shared_stays_with_its_maker(void **state)
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
		assert_int_equal(gpu_await(second), UNSPEC);
		uint16_t transfer = gpu_offer_transfer(1, 7, 64, 32, false, FENCE_NONE);
		if (what != DEAD) {
			assert_int_equal(
				fake_worker_find(&one, RENDERER_TRANSFER), RENDERER_TRANSFER);
			fake_worker_answer(&one, 0);
		}
		assert_int_equal(gpu_await(transfer), what == DEAD ? UNSPEC : OK);
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
	assert_int_equal(gpu_await(create), OK);
	assert_int_equal(gpu_await(attach), OK);
	assert_int_equal(gpu_await(map), VIRTIO_GPU_RESP_OK_MAP_INFO);
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
		assert_true(gpu_await(head) >= UNSPEC);
		assert_int_equal(gpu_await(map), BAD_RESOURCE);
		if (cases[i].fd >= 0)
			close(cases[i].fd);
	}
	/* The worker says no; and the id is good for another one. */
	uint16_t head = gpu_offer_host_blob(1, 7, 1, 4 * PAGE);
	assert_int_equal(fake_worker_find(&worker, RENDERER_CREATE_BLOB), RENDERER_CREATE_BLOB);
	fake_worker_answer(&worker, -EINVAL);
	assert_int_equal(gpu_await(head), BAD_PARAMETER);
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
	assert_int_equal(gpu_await(head), OK);
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
	assert_int_equal(gpu_await(map), BAD_RESOURCE);

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

static void the_region_takes_maps_of_all_kinds(void **state)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_texture_comes_to_the_worker_with_its_memory),
		TEST(a_texture_stays_in_its_worker),
		TEST(a_shared_texture_is_memory_for_all),
		TEST(a_tiled_texture_is_shared_with_its_layout),
		TEST(a_texture_that_cannot_be_shared_stays_with_its_maker),
		TEST(misshapen_textures_are_refused),
		TEST(a_blob_is_the_workers_memory),
		TEST(any_context_can_attach_any_blob),
		TEST(memory_that_cannot_be_trusted_makes_no_blob),
		TEST(memory_that_can_shrink_is_sealed),
		TEST(blobs_count_against_their_context_and_the_machine),
		TEST(a_context_may_end_while_its_blob_is_made),
		TEST(the_region_takes_maps_of_all_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
