/* 3D contexts for tests: the device of machine.h, with workers that the test plays. */
#ifndef TESTS_UNIT_RENDER_RIG_H
#define TESTS_UNIT_RENDER_RIG_H

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

static inline int set_up(void **state)
{
	fds_before = fd_count();
	fake_killed = 0;
	machine_renderer = fake_renderer_create();
	machine_create();
	return 0;
}

static inline int tear_down(void **state)
{
	machine_destroy();
	renderer_destroy(machine_renderer);
	fd_close(&fake_spawner);
	return fd_count() == fds_before ? 0 : -1;
}

/* A context and its worker, which has been told of it. */
static inline struct fake_worker make_context(uint32_t id, uint32_t capset)
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

static inline void destroy_context(uint32_t id, struct fake_worker *worker)
{
	assert_int_equal(gpu_destroy_context_of(id), OK);
	while (fake_worker_receive(worker) > 0)
		continue;
	fake_worker_close(worker);
}

/* Memory as a worker would hand it over. */
static inline void answer_blob(
	struct fake_worker *worker, int fd, uint32_t fd_type, uint64_t offset)
{
	struct renderer_answer answer = fake_answer(worker, 0);
	answer.blob.fd_type = fd_type;
	answer.blob.map_info = VIRTIO_GPU_MAP_CACHE_CACHED;
	answer.blob.fd_offset = offset;
	answer.blob.size = worker->in.request.create_blob.size;
	fake_worker_send(worker, &answer, sizeof(answer), &fd, fd >= 0);
}

static inline ino_t inode_of(int fd)
{
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

/* A blob of @size bytes with memory of its own: the memory's inode. */
static inline ino_t make_blob(
	uint32_t context, struct fake_worker *worker, uint32_t resource, uint64_t size)
{
	uint16_t head = gpu_offer_host_blob(context, resource, 7, size);
	assert_int_equal(fake_worker_find(worker, RENDERER_CREATE_BLOB), RENDERER_CREATE_BLOB);
	assert_int_equal(worker->in.request.resource_id, resource);
	int fd = fd_memfd("blob", size);
	ino_t inode = inode_of(fd);
	answer_blob(worker, fd, RENDERER_FD_SHM, 0);
	close(fd);
	assert_int_equal(gpu_await(head), OK);
	return inode;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
