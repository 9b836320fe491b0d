/*
 * A virtio-gpu device by way of its kernel, at a guest that trusts neither: the capset and the
 * parameters that ioctls tell, errors of all of them, events, fences in any order, and what stands
 * in mapped rings, against the driver with channels on it.
 *
 * The input is u8 PROMISES, then the capset's features (u32) or, with PROMISE_CAPSET, all of it
 * (u8 n, bytes), and then steps: those of the guest (guest_life.c), and with bit 7 the kernel's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest-proxy/gpu/virtgpu/gpu_virtgpu.h"
#include "guest-proxy/gpu/virtgpu_ioctl.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/formats/cross_domain.h"
#include "tests/fuzz/guest_life.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NODE "/dev/dri/renderD128"
#define MAX_FILES 8
#define MAX_BLOBS 64
#define MAX_FENCES 32
#define RESOURCE(handle) ((handle) + 1000)

enum promise { /* bits */
	PROMISE_IMPATIENT = 1 << 0,
	PROMISE_CAPSET = 1 << 1,
	PROMISE_HOST_VISIBLE = 1 << 2,
	PROMISE_OPENGL = 1 << 3,
	PROMISE_NOTHING = 1 << 4, /* it lacks what is needed */
};

enum kernel_step {
	KERNEL_EVENT,   /* u8 n, bytes: into the channel's ring, and its fence is signalled */
	KERNEL_RECEIVE, /* u8 n, then for each u8 id, u8 type, u8 pages; u8 size */
	KERNEL_EVENTS,  /* u8 n, bytes: what the file gives to be read */
	KERNEL_MEMORY,  /* u8 blob, u16 offset, u8 n, bytes */
	KERNEL_SIGNAL,  /* a fence */
	KERNEL_HOLD,    /* from now on fences are not signalled at once, or (upper half) are */
	KERNEL_FAIL,    /* u8 error, u8 after so many calls */
	KERNEL_REMOVED,
	KERNEL_HANG_UP,
};

struct file {                    /* a context */
	int fd, peer;            /* -1: closed */
	uint32_t query, channel; /* resources */
};

static struct {
	struct input input;
	struct wl_event_loop *loop;
	uint8_t promises;
	uint8_t capset[64];
	struct file files[MAX_FILES];
	int blobs[MAX_BLOBS]; /* memfds, by handle; -1 */
	int fences[MAX_FENCES];
	size_t n_fences;
	bool holds;
	int error;
	unsigned error_after;
	int watch; /* our end; -1 */
} k;

static void *pointer(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

static struct file *find_file(int fd)
{
	for (size_t i = 0; i < MAX_FILES; i++)
		if (k.files[i].peer >= 0 && k.files[i].fd == fd)
			return &k.files[i];
	return NULL;
}

static int memory_of(uint32_t handle)
{
	return handle < MAX_BLOBS ? k.blobs[handle] : -1;
}

static void put(uint32_t handle, uint64_t offset, const void *bytes, size_t size)
{
	int memory = memory_of(handle);
	/* Within the memory: a file that grows is none that the guest could have. */
	if (memory >= 0 && range_fits(offset, size, (uint64_t)lseek(memory, 0, SEEK_END)) &&
		pwrite(memory, bytes, size, (off_t)offset) < 0)
		abort();
}

/* --- the ioctls --- */

static int get_param(const struct virtgpu_getparam *get)
{
	int value = 1;

	if (get->param == VIRTGPU_HOST_VISIBLE)
		value = (k.promises & PROMISE_HOST_VISIBLE) != 0;
	else if (get->param == VIRTGPU_SUPPORTED_CAPSETS)
		value = k.promises & PROMISE_OPENGL ? 0x7e : 1 << CROSS_DOMAIN_CAPSET_ID;
	if (k.promises & PROMISE_NOTHING)
		value = 0;
	memcpy(pointer(get->value), &value, sizeof(value));
	return 0;
}

static int create_blob(struct virtgpu_create_blob *create)
{
	for (uint32_t handle = 1; handle < MAX_BLOBS; handle++) {
		if (k.blobs[handle] >= 0)
			continue;
		k.blobs[handle] = fd_memfd("blob", create->size);
		create->bo_handle = handle;
		create->resource_id = RESOURCE(handle);
		return k.blobs[handle] < 0 ? k.blobs[handle] : 0;
	}
	return -ENOMEM;
}

static int close_blob(const struct drm_gem_close *gone)
{
	if (memory_of(gone->handle) < 0)
		return -EINVAL;
	fd_close(&k.blobs[gone->handle]);
	return 0;
}

/* A command that is looked at: the first of a submission. */
static void run(struct file *file, const uint8_t *commands, size_t size)
{
	struct cross_domain_init init;
	struct cross_domain_get_image_requirements get;

	if (file && size >= sizeof(init) && commands[0] == CROSS_DOMAIN_CMD_INIT) {
		memcpy(&init, commands, sizeof(init));
		file->query = init.query_ring;
		file->channel = init.channel_ring;
	} else if (file && size >= sizeof(get) &&
		commands[0] == CROSS_DOMAIN_CMD_GET_IMAGE_REQUIREMENTS) {
		memcpy(&get, commands, sizeof(get));
		const struct cross_domain_image_requirements told = {
			.size = get.width, .blob_id = 1};
		put(file->query - RESOURCE(0), 0, &told, sizeof(told));
	}
}

static void signal_fence(size_t i)
{
	if (i >= k.n_fences)
		return;
	close(k.fences[i]);
	k.fences[i] = k.fences[--k.n_fences];
}

static int execute(int fd, struct virtgpu_execute *submission)
{
	int ends[2];

	run(find_file(fd), pointer(submission->commands), submission->size);
	if (!(submission->flags & VIRTGPU_EXECUTE_FENCE_FD_OUT))
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	submission->fence_fd = ends[0]; /* readable when the other end is closed */
	if (k.n_fences == MAX_FENCES)
		signal_fence(0);
	k.fences[k.n_fences++] = ends[1];
	if (!k.holds)
		signal_fence(k.n_fences - 1);
	return 0;
}

static bool fails(void)
{
	if (k.error == 0 || k.error_after-- > 0)
		return false;
	return true;
}

int virtgpu_ioctl(int fd, unsigned long request, void *argument)
{
	if (request != DRM_IOCTL_GEM_CLOSE && fails()) {
		int error = k.error;
		k.error = 0;
		return error;
	}
	switch (request) {
	case DRM_IOCTL_VERSION:
		strcpy(((struct drm_version *)argument)->name, "virtio_gpu");
		return 0;
	case VIRTGPU_IOCTL_GETPARAM:
		return get_param(argument);
	case VIRTGPU_IOCTL_GET_CAPS: {
		const struct virtgpu_get_caps *get = argument;
		memcpy(pointer(get->address), k.capset, min_u64(get->size, sizeof(k.capset)));
		return 0;
	}
	case VIRTGPU_IOCTL_CONTEXT_INIT:
		return 0;
	case VIRTGPU_IOCTL_CREATE_BLOB:
		return create_blob(argument);
	case VIRTGPU_IOCTL_MAP: {
		struct virtgpu_map *map = argument;
		map->offset = (uint64_t)map->bo_handle << 32;
		return 0;
	}
	case VIRTGPU_IOCTL_EXECUTE:
		return execute(fd, argument);
	case DRM_IOCTL_GEM_CLOSE:
		return close_blob(argument);
	default:
		return -ENOTTY;
	}
}

/* --- the other calls --- */

/* Of files that the guest has closed. */
static void close_peers(void)
{
	uint8_t byte;

	for (size_t i = 0; i < MAX_FILES; i++)
		if (k.files[i].peer >= 0 && recv(k.files[i].peer, &byte, 1, 0) == 0)
			fd_close(&k.files[i].peer);
}

int virtgpu_open(const char *path)
{
	int ends[2];

	close_peers();
	for (size_t i = 0; i < MAX_FILES; i++) {
		struct file *file = &k.files[i];
		if (file->peer >= 0)
			continue;
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
			return -errno;
		*file = (struct file){.fd = ends[0], .peer = ends[1]};
		return ends[0];
	}
	return -EMFILE;
}

int virtgpu_device(int fd, dev_t *device)
{
	*device = 0xe282;
	return 0;
}

int virtgpu_watch(const char *path)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	fd_close(&k.watch);
	k.watch = ends[1];
	return ends[0];
}

bool virtgpu_watch_removed(int watch, const char *path)
{
	return true;
}

void *virtgpu_mmap(int fd, uint64_t offset, size_t size)
{
	int memory = memory_of((uint32_t)(offset >> 32));
	void *map = MAP_FAILED;

	if (fails()) {
		errno = -k.error;
		k.error = 0;
		return NULL;
	}
	errno = EINVAL;
	if (memory >= 0 && (uint64_t)lseek(memory, 0, SEEK_END) >= size)
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	return map == MAP_FAILED ? NULL : map;
}

/* --- the kernel's steps --- */

static void give(const struct file *file, const void *bytes, size_t size)
{
	if (file->peer >= 0)
		send(file->peer, bytes, size, MSG_NOSIGNAL);
}

static void signal_event(const struct file *file)
{
	const struct drm_event event = {.type = VIRTGPU_EVENT_FENCE, .length = sizeof(event)};
	give(file, &event, sizeof(event));
}

static void receive(const struct file *file)
{
	struct cross_domain_send_receive receive = {.hdr.cmd = CROSS_DOMAIN_CMD_RECEIVE};

	receive.num_identifiers = input_byte(&k.input) % (CROSS_DOMAIN_MAX_IDENTIFIERS + 1);
	for (uint32_t i = 0; i < receive.num_identifiers; i++) {
		receive.identifiers[i] = input_byte(&k.input);
		receive.types[i] = input_byte(&k.input);
		receive.sizes[i] = input_byte(&k.input) * (uint32_t)PAGE_BYTES;
	}
	receive.opaque_data_size = input_byte(&k.input) * 16u;
	put(file->channel - RESOURCE(0), 0, &receive, sizeof(receive));
	signal_event(file);
}

static void fail_soon(void)
{
	static const int errors[] = {
		0, -ENOMEM, -EINVAL, -ENODEV, -EMFILE, -EINTR, -EIO, -ENOSPC, -EFAULT, -EACCES};
	k.error = errors[input_byte(&k.input) % ARRAY_LENGTH(errors)];
	k.error_after = input_byte(&k.input);
}

static void kernel_step(uint8_t step)
{
	const unsigned more = step >> 4 & 7;
	struct file *file = &k.files[more];
	uint8_t bytes[255];

	switch (step & 15) {
	case KERNEL_EVENT:
		put(file->channel - RESOURCE(0), 0, bytes,
			input_bytes(&k.input, bytes, input_byte(&k.input)));
		signal_event(file);
		break;
	case KERNEL_RECEIVE:
		receive(file);
		break;
	case KERNEL_EVENTS:
		give(file, bytes, input_bytes(&k.input, bytes, input_byte(&k.input)));
		break;
	case KERNEL_MEMORY: {
		uint32_t handle = input_byte(&k.input);
		uint64_t offset = input_u16(&k.input);
		put(handle, offset, bytes, input_bytes(&k.input, bytes, input_byte(&k.input)));
		break;
	}
	case KERNEL_SIGNAL:
		signal_fence(more);
		break;
	case KERNEL_HOLD:
		k.holds = more == 0;
		break;
	case KERNEL_FAIL:
		fail_soon();
		break;
	case KERNEL_REMOVED:
		fd_close(&k.watch);
		break;
	case KERNEL_HANG_UP:
		fd_close(&file->peer);
		break;
	}
}

/* --- --- */

static int lowest_fd(void)
{
	/* The lowest free fd tells of a leak, and costs two system calls. */
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(fd);
	return fd;
}

static void begin(const uint8_t *data, size_t size)
{
	const struct cross_domain_capset base = {1, 1u << CROSS_DOMAIN_CHANNEL_WAYLAND, 0, 0};

	memset(&k, 0, sizeof(k));
	k.input = (struct input){data, size};
	k.watch = -1;
	for (size_t i = 0; i < MAX_FILES; i++)
		k.files[i] = (struct file){-1, -1, 0, 0};
	for (size_t i = 0; i < MAX_BLOBS; i++)
		k.blobs[i] = -1;
	k.promises = input_byte(&k.input);
	if (k.promises & PROMISE_CAPSET) {
		input_bytes(&k.input, k.capset, min_u64(input_byte(&k.input), sizeof(k.capset)));
	} else {
		const struct cross_domain_capset_ext capset = {
			base, CROSS_DOMAIN_WAYFERRY_MAGIC, input_u32(&k.input)};
		memcpy(k.capset, &capset, sizeof(capset));
	}
	k.loop = wl_event_loop_create();
}

static void finish(void)
{
	wl_event_loop_destroy(k.loop);
	while (k.n_fences > 0)
		signal_fence(0);
	for (size_t i = 0; i < MAX_FILES; i++)
		fd_close(&k.files[i].peer);
	for (size_t i = 0; i < MAX_BLOBS; i++)
		if (k.blobs[i] >= 0)
			abort(); /* what the guest makes it closes */
	fd_close(&k.watch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	log_set_level(LOG_LEVEL_ERROR);
	const int fds_before = lowest_fd();
	begin(data, size);
	struct gpu *gpu = gpu_virtgpu_open(k.loop, NODE);
	guest_life_begin(gpu, k.loop, &k.input, k.promises & PROMISE_IMPATIENT);
	while (gpu && k.input.size > 0) {
		uint8_t step = input_byte(&k.input);
		if (step & 0x80)
			kernel_step(step);
		else
			guest_life_step(step);
	}
	for (int i = 0; gpu && i < 3; i++)
		wl_event_loop_dispatch(k.loop, 0);
	guest_life_end();
	if (gpu)
		gpu->ops->destroy(gpu);
	finish();
	if (lowest_fd() != fds_before)
		abort();
	return 0;
}
