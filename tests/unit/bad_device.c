/* A device of vhost-user that does what devices should not. */
#include "tests/unit/bad_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <linux/virtio_gpu.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "host-bridge/vhost/vhost_user.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/formats/cross_domain.h"

struct bad_device *bad_device;

static struct vhost_user *vhost_user;

static int sealed(size_t size)
{
	return fd_memfd("region", size);
}

static int read_only(int fd)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void handle_tried(void *data, int result)
{
	*(atomic_int *)data = result;
}

static void try_shmem(void)
{
	int whole = sealed(BAD_DEVICE_REGION_BYTES), loose = memfd_create("loose", MFD_CLOEXEC);
	if (ftruncate(loose, BAD_DEVICE_REGION_BYTES) < 0)
		_exit(1);
	const struct {
		int fd;
		uint64_t fd_offset, offset, length;
		uint8_t shmid;
		bool unmap;
	} tries[] = {
		{loose, 0, 0, 8192, 1, false},                       /* can be cut off under us */
		{whole, 0, BAD_DEVICE_REGION_BYTES, 4096, 1, false}, /* beyond the region */
		{whole, 0, BAD_DEVICE_REGION_BYTES - 4096, 8192, 1, false}, /* over its end */
		{whole, 0, UINT64_MAX - 4095, 8192, 1, false},              /* and round */
		{whole, BAD_DEVICE_REGION_BYTES, 0, 4096, 1, false},        /* beyond the file */
		{whole, UINT64_MAX - 4095, 0, 8192, 1, false},
		{whole, 0, 0, 4096, 2, false},            /* no such region */
		{read_only(whole), 0, 0, 4096, 1, false}, /* writable, it says */
		{-1, 0, 0, 4096, 1, true},                /* nothing is there */
		{whole, 0, 0, 8192, 1, false},            /* this is right */
		{whole, 0, 4096, 4096, 1, false},         /* taken */
		{-1, 0, 0, 4096, 1, true},                /* half of it */
		{-1, 0, 0, 8192, 1, true},                /* this is right */
	};
	for (size_t i = 0; i < ARRAY_LENGTH(tries); i++) {
		atomic_int *result = &bad_device->shmem_results[i];
		int error = tries[i].unmap
			? vhost_user_shmem_unmap(vhost_user, tries[i].shmid, tries[i].offset,
				  tries[i].length, handle_tried, result)
			: vhost_user_shmem_map(vhost_user, tries[i].shmid, tries[i].fd,
				  tries[i].fd_offset, tries[i].offset, tries[i].length,
				  handle_tried, result);
		if (error < 0)
			*result = error;
	}
}

static void handle_mapped(void *data, int result)
{
	if (result < 0)
		_exit(1);
}

static void device_started(void *data, bool resumed)
{
	if (bad_device->try_shmem)
		try_shmem();
	int fd = sealed(BAD_DEVICE_REGION_BYTES);
	if (!bad_device->no_region &&
		vhost_user_shmem_map(
			vhost_user, 1, fd, 0, 0, BAD_DEVICE_REGION_BYTES, handle_mapped, NULL) < 0)
		_exit(1);
	close(fd);
}

static void device_config(void *data, uint32_t offset, uint32_t size, uint8_t *out)
{
	const struct virtio_gpu_config config = {.num_scanouts = 1, .num_capsets = 2};
	memset(out, 0, size);
	memcpy(out, (const uint8_t *)&config + offset, min_u64(size, sizeof(config) - offset));
}

union answer {
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtio_gpu_resp_capset_info info;
	struct virtio_gpu_resp_map_info map;
	uint8_t bytes[24 + sizeof(struct cross_domain_capset)];
};

/* The right answer, and its size. */
static size_t right_answer(const uint8_t *command, union answer *answer)
{
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtio_gpu_resource_map_blob map;
	memcpy(&hdr, command, sizeof(hdr));
	*answer = (union answer){.hdr.type = VIRTIO_GPU_RESP_OK_NODATA};
	switch (hdr.type) {
	case VIRTIO_GPU_CMD_GET_CAPSET_INFO:
		answer->hdr.type = VIRTIO_GPU_RESP_OK_CAPSET_INFO;
		answer->info.capset_id =
			load_u32(command + sizeof(hdr)) && !bad_device->no_capset ? 5 : 2;
		answer->info.capset_max_size = sizeof(struct cross_domain_capset);
		return sizeof(answer->info);
	case VIRTIO_GPU_CMD_GET_CAPSET:
		answer->hdr.type = VIRTIO_GPU_RESP_OK_CAPSET;
		memset(answer->bytes + sizeof(hdr), 0x11, sizeof(struct cross_domain_capset));
		return sizeof(answer->bytes);
	case VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB:
		memcpy(&map, command, sizeof(map));
		bad_device->last_map_offset = (unsigned)map.offset;
		answer->hdr.type = VIRTIO_GPU_RESP_OK_MAP_INFO;
		return sizeof(answer->map);
	case VIRTIO_GPU_CMD_RESOURCE_UNREF:
		bad_device->unrefs++;
		break;
	}
	return sizeof(answer->hdr);
}

static void device_answer(struct virtqueue *queue, const struct virtqueue_chain *chain)
{
	uint8_t command[64] = {0};
	union answer answer;
	virtqueue_read(queue, chain, 0, command, sizeof(command));
	bad_device->commands++;
	size_t size = right_answer(command, &answer);
	uint16_t head = chain->head;
	if (load_u32(command) == bad_device->type && bad_device->times > 0) {
		bad_device->times--;
		if (bad_device->mute)
			return;
		if (bad_device->answer)
			answer.hdr.type = bad_device->answer;
		if (bad_device->answer_bytes)
			size = bad_device->answer_bytes;
		if (bad_device->wrong_head)
			head ^= 512;
	}
	size_t written = virtqueue_write(
		queue, chain->segments + chain->n_out, chain->n_in, 0, &answer, size);
	virtqueue_push(queue, head, (uint32_t)written);
}

static int device_process(void *data, uint32_t index)
{
	static struct virtqueue_chain chain;
	struct virtqueue *queue = vhost_user_queue(vhost_user, index);
	do {
		while (virtqueue_pop(queue, &chain) > 0)
			device_answer(queue, &chain);
	} while (virtqueue_enable_kicks(queue));
	virtqueue_notify(queue);
	return 0;
}

static void device_left(void *data)
{
}

static void device_reset(void *data)
{
}

static const struct vhost_user_device description = {
	.features = UINT64_C(1) << VIRTIO_GPU_F_VIRGL | UINT64_C(1) << VIRTIO_GPU_F_RESOURCE_BLOB |
		UINT64_C(1) << VIRTIO_GPU_F_CONTEXT_INIT,
	.n_queues = 2,
	.shmem_sizes = {0, BAD_DEVICE_REGION_BYTES},
	.get_config = device_config,
	.process = device_process,
	.started = device_started,
	.reset = device_reset,
	.left = device_left,
	.memory_changed = device_reset,
};

pid_t bad_device_start(const char *path)
{
	int ready[2];
	char byte;
	if (!bad_device)
		bad_device = mmap(NULL, sizeof(*bad_device), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(bad_device, MAP_FAILED);
	memset(bad_device, 0, sizeof(*bad_device));
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid_t process = fork();
	if (process == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		struct wl_event_loop *loop = wl_event_loop_create();
		vhost_user = vhost_user_create(loop, path, -1, &description, NULL);
		if (!vhost_user || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			wl_event_loop_dispatch(loop, -1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return process;
}
