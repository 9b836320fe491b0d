/*
 * Stands in for libgfxstream_backend: it draws nothing, but has contexts, blobs that are shared,
 * and fences that retire in a thread of its own. A submission is words: what to do, and with what.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, CRASH = 2, HANG = 3 };

#define BLOBS 8
#define CAPSET 3
#define CAPSET_BYTES 40

struct fence {
	uint32_t flags;
	uint64_t id;
	uint32_t context;
	uint8_t ring;
};

struct param {
	uint64_t key, value;
};

struct create {
	uint32_t memory, flags;
	uint64_t blob_id, size;
};

struct handle {
	int64_t fd;
	uint32_t type;
};

struct command {
	uint32_t context, size;
	const uint32_t *words;
};

static void (*fence_callback)(void *cookie, const struct fence *fence);
static void *cookie;
static struct blob {
	uint32_t resource;
	int fd;
	uint32_t *words;
	size_t size;
} blobs[BLOBS];

#define EXPORT __attribute__((visibility("default")))

EXPORT int stream_renderer_init(struct param *params, uint64_t n);
EXPORT void stream_renderer_get_cap_set(uint32_t id, uint32_t *version, uint32_t *size);
EXPORT void stream_renderer_fill_caps(uint32_t id, uint32_t version, void *caps);
EXPORT int stream_renderer_context_create(
	uint32_t id, uint32_t length, const char *name, uint32_t init);
EXPORT int stream_renderer_submit_cmd(struct command *command);
EXPORT int stream_renderer_create_fence(const struct fence *fence);
EXPORT int stream_renderer_create_blob(uint32_t context, uint32_t resource,
	const struct create *create, const struct iovec *iov, uint32_t n,
	const struct handle *handle);
EXPORT int stream_renderer_export_blob(uint32_t resource, struct handle *handle);
EXPORT int stream_renderer_resource_map_info(uint32_t resource, uint32_t *map_info);
EXPORT void stream_renderer_resource_unref(uint32_t resource);
EXPORT void stream_renderer_ctx_attach_resource(int context, int resource);
EXPORT void stream_renderer_ctx_detach_resource(int context, int resource);
EXPORT void stream_renderer_resource_detach_iov(int resource, struct iovec **iov, int *n);

int stream_renderer_init(struct param *params, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		if (params[i].key == 1)
			cookie = (void *)(uintptr_t)params[i].value;
		if (params[i].key == 3)
			memcpy(&fence_callback, &params[i].value, sizeof(fence_callback));
	}
	return fence_callback ? 0 : -EINVAL;
}

void stream_renderer_get_cap_set(uint32_t id, uint32_t *version, uint32_t *size)
{
	*version = 7;
	*size = id == CAPSET ? CAPSET_BYTES : 0;
}

void stream_renderer_fill_caps(uint32_t id, uint32_t version, void *caps)
{
	memset(caps, 0xa5, CAPSET_BYTES);
}

int stream_renderer_context_create(uint32_t id, uint32_t length, const char *name, uint32_t init)
{
	return init == CAPSET ? 0 : -EINVAL;
}

static struct blob *find(uint32_t resource)
{
	for (int i = 0; i < BLOBS; i++) {
		if (blobs[i].resource == resource)
			return &blobs[i];
	}
	return NULL;
}

int stream_renderer_submit_cmd(struct command *command)
{
	if (command->size < 4)
		return -EINVAL;
	switch (command->words[0]) {
	case WRITE: {
		struct blob *blob = command->size == 12 ? find(command->words[1]) : NULL;
		if (!blob || !blob->resource)
			return -ENOENT;
		for (size_t i = 0; i < blob->size / 4; i++)
			blob->words[i] = command->words[2];
		return 0;
	}
	case CRASH:
		abort();
	case HANG:
		for (;;)
			pause();
	default:
		return -EINVAL;
	}
}

static void *retire(void *data)
{
	struct fence *fence = data;
	usleep(1000);
	fence_callback(cookie, fence);
	free(fence);
	return NULL;
}

int stream_renderer_create_fence(const struct fence *fence)
{
	pthread_t thread;
	struct fence *copy = malloc(sizeof(*copy));
	if (!copy || fence->ring > 3)
		return -EINVAL;
	*copy = *fence;
	if (pthread_create(&thread, NULL, retire, copy) != 0)
		return -EAGAIN;
	pthread_detach(thread);
	return 0;
}

int stream_renderer_create_blob(uint32_t context, uint32_t resource, const struct create *create,
	const struct iovec *iov, uint32_t n, const struct handle *handle)
{
	struct blob *blob = find(0);
	if (!blob)
		return -ENOMEM;
	if (create->memory == 1) { /* the guest's */
		*blob = (struct blob){resource, -1, iov[0].iov_base, iov[0].iov_len};
		return n == 1 ? 0 : -EINVAL;
	}
	if (create->blob_id == 13)
		return -EINVAL;
	int fd = memfd_create("gfxstream", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, (off_t)create->size) < 0)
		return -ENOMEM;
	void *map = mmap(NULL, create->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -ENOMEM;
	*blob = (struct blob){resource, fd, map, create->size};
	return 0;
}

int stream_renderer_export_blob(uint32_t resource, struct handle *handle)
{
	const struct blob *blob = find(resource);
	if (!blob || blob->fd < 0)
		return -ENOENT;
	*handle = (struct handle){.fd = dup(blob->fd), .type = 4};
	return 0;
}

int stream_renderer_resource_map_info(uint32_t resource, uint32_t *map_info)
{
	*map_info = 0x31; /* cached; the upper ones are rights */
	return 0;
}

void stream_renderer_resource_unref(uint32_t resource)
{
	struct blob *blob = find(resource);
	if (blob)
		blob->resource = 0;
}

void stream_renderer_ctx_attach_resource(int context, int resource)
{
}

void stream_renderer_ctx_detach_resource(int context, int resource)
{
}

void stream_renderer_resource_detach_iov(int resource, struct iovec **iov, int *n)
{
}
