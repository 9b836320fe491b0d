/* A kernel with a virtio-gpu device, without a kernel. */
#include "tests/unit/mock_virtgpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/fd.h"

struct mock_virtgpu mock;

static void *pointer(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

static void note(const char *word)
{
	size_t length = strlen(mock.log);
	assert_true(length + strlen(word) + 2 < sizeof(mock.log));
	snprintf(mock.log + length, sizeof(mock.log) - length, "%s%s", length ? " " : "", word);
}

void mock_virtgpu_start(void)
{
	mock = (struct mock_virtgpu){
		.driver = "virtio_gpu", .failing = ULONG_MAX, .peer = -1, .watch_end = -1};
	for (int i = VIRTGPU_3D_FEATURES; i <= VIRTGPU_CONTEXT_INIT; i++)
		mock.params[i] = 1;
	mock.params[VIRTGPU_SUPPORTED_CAPSETS] = 1 << 5 | 1 << 2;
	for (size_t i = 0; i < sizeof(mock.capset); i++)
		mock.capset[i] = (uint8_t)(i + 1);
}

void mock_virtgpu_stop(void)
{
	fd_close(&mock.peer);
	fd_close(&mock.watch_end);
	for (size_t i = 0; i < MOCK_BLOBS; i++) {
		if (mock.blobs[i].handle)
			fd_close(&mock.blobs[i].memory);
	}
	for (size_t i = 0; i < mock.n_fences; i++)
		fd_close(&mock.fences[i]);
}

void mock_virtgpu_forget(void)
{
	mock.log[0] = '\0';
}

unsigned mock_virtgpu_live_blobs(void)
{
	unsigned n = 0;
	for (size_t i = 0; i < MOCK_BLOBS; i++)
		n += mock.blobs[i].handle != 0;
	return n;
}

void mock_virtgpu_event(uint32_t type, uint32_t length)
{
	struct {
		struct drm_event event;
		uint8_t body[64];
	} bytes = {.event = {.type = type, .length = length}};
	assert_int_equal(send(mock.peer, &bytes, length, 0), length);
}

void mock_virtgpu_removed(bool node)
{
	assert_int_equal(write(mock.watch_end, node ? "n" : "o", 1), 1);
}

void mock_virtgpu_signal(unsigned i)
{
	assert_true(i < mock.n_fences);
	assert_int_equal(write(mock.fences[i], "", 1), 1);
}

/* Whether @request (0: mmap) is to fail now. */
static bool fails(unsigned long request)
{
	if (request != mock.failing || mock.n_fails == 0)
		return false;
	if (mock.fail_after > 0) {
		mock.fail_after--;
		return false;
	}
	mock.n_fails--;
	return true;
}

static struct mock_blob *find_blob(int drm, uint32_t handle)
{
	for (size_t i = 0; i < MOCK_BLOBS; i++) {
		if (handle && mock.blobs[i].handle == handle && mock.blobs[i].drm == drm)
			return &mock.blobs[i];
	}
	return NULL;
}

/* The ioctls */

static int handle_version(int fd, void *argument)
{
	struct drm_version *version = argument;
	size_t length = strlen(mock.driver);
	memcpy(version->name, mock.driver, length < version->name_len ? length : version->name_len);
	version->name_len = length;
	return 0;
}

static int handle_getparam(int fd, void *argument)
{
	const struct virtgpu_getparam *getparam = argument;
	if (getparam->param >= MOCK_PARAMS || mock.params[getparam->param] == 0)
		return -EINVAL;
	memcpy(pointer(getparam->value), &mock.params[getparam->param], sizeof(int));
	return 0;
}

static int handle_get_caps(int fd, void *argument)
{
	const struct virtgpu_get_caps *get_caps = argument;
	assert_int_equal(get_caps->id, 5);
	assert_int_equal(get_caps->version, 0);
	memcpy(pointer(get_caps->address), mock.capset,
		get_caps->size < sizeof(mock.capset) ? get_caps->size : sizeof(mock.capset));
	return 0;
}

static int handle_context_init(int fd, void *argument)
{
	const struct virtgpu_context_init *init = argument;
	assert_true(init->n_params <= 4);
	memcpy(mock.context_params, pointer(init->params),
		init->n_params * sizeof(mock.context_params[0]));
	return 0;
}

static int handle_create_blob(int fd, void *argument)
{
	struct virtgpu_create_blob *create = argument;
	for (size_t i = 0; i < MOCK_BLOBS; i++) {
		struct mock_blob *blob = &mock.blobs[i];
		if (blob->handle)
			continue;
		*blob = (struct mock_blob){.handle = ++mock.last_handle, .drm = fd};
		blob->memory = fd_memfd("mock blob", create->size);
		assert_true(blob->memory >= 0);
		create->bo_handle = blob->handle;
		create->resource_id = 1000 + blob->handle;
		blob->create = *create;
		return 0;
	}
	return -ENOMEM;
}

static int handle_map(int fd, void *argument)
{
	struct virtgpu_map *map = argument;
	if (!find_blob(fd, map->bo_handle))
		return -ENOENT;
	map->offset = (uint64_t)map->bo_handle << 32;
	return 0;
}

static int handle_execute(int fd, void *argument)
{
	struct virtgpu_execute *execute = argument;
	mock.execute = *execute;
	assert_true(execute->size <= sizeof(mock.commands) && execute->n_bo_handles <= 4);
	memcpy(mock.commands, pointer(execute->commands), execute->size);
	if (execute->n_bo_handles)
		memcpy(mock.execute_handles, pointer(execute->bo_handles),
			execute->n_bo_handles * sizeof(uint32_t));
	for (size_t i = 0; i < execute->n_bo_handles; i++) {
		if (!find_blob(fd, mock.execute_handles[i]))
			return -ENOENT;
	}
	if (execute->flags & VIRTGPU_EXECUTE_FENCE_FD_OUT) {
		int ends[2];
		assert_true(mock.n_fences < MOCK_FENCES && pipe2(ends, O_CLOEXEC) == 0);
		execute->fence_fd = ends[0];
		mock.fences[mock.n_fences++] = ends[1];
	}
	return 0;
}

static int handle_prime(int fd, void *argument)
{
	struct drm_prime_handle *prime = argument;
	struct stat status;
	if (fstat(prime->fd, &status) < 0)
		return -EBADF;
	if (status.st_size != MOCK_DMABUF_BYTES)
		return -EINVAL;
	for (size_t i = 0; i < MOCK_BLOBS; i++) {
		if (mock.blobs[i].handle && mock.blobs[i].imported == status.st_ino &&
			mock.blobs[i].drm == fd) {
			prime->handle = mock.blobs[i].handle;
			return 0;
		}
	}
	for (size_t i = 0; i < MOCK_BLOBS; i++) {
		if (mock.blobs[i].handle)
			continue;
		mock.blobs[i] = (struct mock_blob){.handle = ++mock.last_handle,
			.drm = fd,
			.memory = -1,
			.imported = status.st_ino};
		prime->handle = mock.last_handle;
		mock.n_imported++;
		return 0;
	}
	return -ENOMEM;
}

static int handle_resource_info(int fd, void *argument)
{
	struct virtgpu_resource_info *info = argument;
	if (!find_blob(fd, info->bo_handle))
		return -ENOENT;
	info->resource_id = 1000 + info->bo_handle;
	info->size = MOCK_DMABUF_BYTES;
	return 0;
}

static int handle_gem_close(int fd, void *argument)
{
	const struct drm_gem_close *gem_close = argument;
	struct mock_blob *blob = find_blob(fd, gem_close->handle);
	if (!blob)
		return -EINVAL;
	fd_close(&blob->memory);
	blob->handle = 0;
	mock.n_closed++;
	return 0;
}

static int handle_get_cap(int fd, void *argument)
{
	struct drm_get_cap *cap = argument;
	cap->value = cap->capability == DRM_CAP_SYNCOBJ_TIMELINE && mock.timelines;
	return 0;
}

static int handle_eventfd(int fd, void *argument)
{
	return -ENOENT;
}

int virtgpu_open(const char *path)
{
	int ends[2];
	if (strcmp(path, MOCK_PATH) != 0)
		return -ENOENT;
	if (mock.open_error)
		return mock.open_error;
	note("open");
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	fd_close(&mock.peer);
	mock.drm = ends[0];
	mock.peer = ends[1];
	return ends[0];
}

int virtgpu_device(int fd, dev_t *device)
{
	*device = MOCK_DEVICE;
	return 0;
}

int virtgpu_watch(const char *path)
{
	int ends[2];
	if (mock.watch_error)
		return mock.watch_error;
	assert_string_equal(path, MOCK_PATH);
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	fd_close(&mock.watch_end);
	mock.watch_end = ends[1];
	return ends[0];
}

bool virtgpu_watch_removed(int watch, const char *path)
{
	char events[16];
	ssize_t n = read(watch, events, sizeof(events));
	assert_string_equal(path, MOCK_PATH);
	assert_true(n > 0);
	return memchr(events, 'n', (size_t)n) != NULL;
}

int virtgpu_ioctl(int fd, unsigned long request, void *argument)
{
	static const struct {
		unsigned long request;
		const char *word;
		int (*handle)(int fd, void *argument);
	} table[] = {
		{DRM_IOCTL_VERSION, "version", handle_version},
		{DRM_IOCTL_GET_CAP, "cap", handle_get_cap},
		{VIRTGPU_IOCTL_SYNCOBJ_EVENTFD, "eventfd", handle_eventfd},
		{DRM_IOCTL_GEM_CLOSE, "close", handle_gem_close},
		{DRM_IOCTL_PRIME_FD_TO_HANDLE, "prime", handle_prime},
		{VIRTGPU_IOCTL_RESOURCE_INFO, "info", handle_resource_info},
		{VIRTGPU_IOCTL_MAP, "map", handle_map},
		{VIRTGPU_IOCTL_EXECUTE, "execute", handle_execute},
		{VIRTGPU_IOCTL_GETPARAM, "param", handle_getparam},
		{VIRTGPU_IOCTL_GET_CAPS, "caps", handle_get_caps},
		{VIRTGPU_IOCTL_CREATE_BLOB, "blob", handle_create_blob},
		{VIRTGPU_IOCTL_CONTEXT_INIT, "init", handle_context_init},
	};
	assert_int_equal(fd, mock.drm);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].request != request)
			continue;
		note(table[i].word);
		return fails(request) ? mock.failing_with : table[i].handle(fd, argument);
	}
	fail_msg("an ioctl that no kernel knows: %#lx", request);
	return -ENOTTY;
}

void *virtgpu_mmap(int fd, uint64_t offset, size_t size)
{
	struct mock_blob *blob = find_blob(fd, (uint32_t)(offset >> 32));
	note("mmap");
	if (fails(0)) {
		errno = -mock.failing_with;
		return NULL;
	}
	assert_non_null(blob);
	assert_int_equal(size, blob->create.size);
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, blob->memory, 0);
	return map == MAP_FAILED ? NULL : map;
}
