/* Stands in for libgfxstream_backend (stand_in.h): its fences retire in a thread of its own. */
#include <pthread.h>
#include <string.h>
#include <sys/uio.h>

#include "tests/renderer/stand_in.h"

#define CAPSET 3
#define GUEST_MEMORY 1

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
	*version = CAPSET_VERSION;
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

int stream_renderer_submit_cmd(struct command *command)
{
	return stand_in_submit(command->words, command->size / 4);
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
	if (!copy || fence->ring >= RINGS)
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
	if (create->memory == GUEST_MEMORY)
		return n == 1 ? stand_in_add(resource, -1, iov[0].iov_base, iov[0].iov_len)
			      : -EINVAL;
	return stand_in_create(resource, create->blob_id, create->size);
}

int stream_renderer_export_blob(uint32_t resource, struct handle *handle)
{
	int fd = stand_in_export(resource);
	if (fd < 0)
		return fd;
	*handle = (struct handle){.fd = fd, .type = 4};
	return 0;
}

int stream_renderer_resource_map_info(uint32_t resource, uint32_t *map_info)
{
	*map_info = 0x31; /* cached; the upper ones are rights */
	return 0;
}

void stream_renderer_resource_unref(uint32_t resource)
{
	stand_in_unref(resource);
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
