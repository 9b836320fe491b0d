/*
 * libgfxstream_backend, as one worker uses it: Vulkan contexts of capset 3, whose commands and
 * answers go through blobs that guest and library share.
 *
 * It is loaded at run time, as distributions that have it are few. Its functions and structs are
 * those of its header (virtio-gpu-gfxstream-renderer.h) since it takes a list of parameters. Fences
 * retire in threads of its own: they come to the worker's thread through a pipe.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host-bridge/render/worker/library.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "renderer"
#include "protocol/base/log.h"

#define SONAME "libgfxstream_backend.so.0"
#define CONTEXT_ID LIBRARY_CONTEXT_ID

/* --- the library's header --- */

struct stream_renderer_param {
	uint64_t key, value;
};

enum {
	PARAM_USER_DATA = 1,
	PARAM_RENDERER_FLAGS = 2,
	PARAM_FENCE_CALLBACK = 3,
	PARAM_WIN0_WIDTH = 4,
	PARAM_WIN0_HEIGHT = 5,
};

enum {
	FLAG_SURFACELESS = 1 << 3,
	FLAG_VULKAN = 1 << 5,
	FLAG_EXTERNAL_BLOB = 1 << 6,
};

enum {
	FENCE_OF_CONTEXT = 1 << 1, /* it has a ring */
};

struct stream_renderer_fence {
	uint32_t flags;
	uint64_t fence_id;
	uint32_t ctx_id;
	uint8_t ring_idx;
};

struct stream_renderer_command {
	uint32_t ctx_id;
	uint32_t cmd_size;
	const uint8_t *cmd;
	uint32_t num_in_fences;
	const uint64_t *in_fence_descriptors;
};

struct stream_renderer_create_blob {
	uint32_t blob_mem, blob_flags;
	uint64_t blob_id, size;
};

enum { HANDLE_OPAQUE = 1, HANDLE_DMABUF = 2, HANDLE_SHM = 4 };

struct stream_renderer_handle {
	int64_t os_handle;
	uint32_t handle_type;
};

enum { BLOB_MEM_GUEST = 1 };

static struct {
	int (*init)(struct stream_renderer_param *params, uint64_t n);
	void (*get_cap_set)(uint32_t id, uint32_t *max_version, uint32_t *max_size);
	void (*fill_caps)(uint32_t id, uint32_t version, void *caps);
	int (*context_create)(uint32_t id, uint32_t length, const char *name, uint32_t init);
	int (*submit_cmd)(struct stream_renderer_command *command);
	int (*create_fence)(const struct stream_renderer_fence *fence);
	int (*create_blob)(uint32_t context, uint32_t resource,
		const struct stream_renderer_create_blob *blob, const struct iovec *iov, uint32_t n,
		const struct stream_renderer_handle *handle);
	int (*export_blob)(uint32_t resource, struct stream_renderer_handle *handle);
	int (*resource_map_info)(uint32_t resource, uint32_t *map_info);
	void (*resource_unref)(uint32_t resource);
	void (*ctx_attach_resource)(int context, int resource);
	void (*ctx_detach_resource)(int context, int resource);
	void (*resource_detach_iov)(int resource, struct iovec **iov, int *n);
} api;

static const struct {
	const char *name;
	void *function;
} symbols[] = {
	{"stream_renderer_init", &api.init},
	{"stream_renderer_get_cap_set", &api.get_cap_set},
	{"stream_renderer_fill_caps", &api.fill_caps},
	{"stream_renderer_context_create", &api.context_create},
	{"stream_renderer_submit_cmd", &api.submit_cmd},
	{"stream_renderer_create_fence", &api.create_fence},
	{"stream_renderer_create_blob", &api.create_blob},
	{"stream_renderer_export_blob", &api.export_blob},
	{"stream_renderer_resource_map_info", &api.resource_map_info},
	{"stream_renderer_resource_unref", &api.resource_unref},
	{"stream_renderer_ctx_attach_resource", &api.ctx_attach_resource},
	{"stream_renderer_ctx_detach_resource", &api.ctx_detach_resource},
	{"stream_renderer_resource_detach_iov", &api.resource_detach_iov},
};

bool gfxstream_load(void)
{
	void *handle = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		log_err("%s: install gfxstream, or leave it out of --renderer", dlerror());
		return false;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(symbols); i++) {
		void **function = symbols[i].function;
		*function = dlsym(handle, symbols[i].name);
		if (!*function) {
			log_err("%s has no %s: it is of a version that is not known here", SONAME,
				symbols[i].name);
			return false;
		}
	}
	return true;
}

/* --- fences --- */

static struct {
	int pipe[2]; /* of serials that have retired; written by the library's threads */
	unsigned pending;
	void (*retired)(uint32_t serial);
} fences;

static int result(int value)
{
	if (value == 0)
		return 0;
	int error = abs(value);
	return error > 1 && error < 200 ? -error : -EIO;
}

/* In a thread of the library. */
static void handle_fence(void *cookie, const struct stream_renderer_fence *fence)
{
	uint32_t serial = (uint32_t)fence->fence_id;
	while (write(fences.pipe[1], &serial, sizeof(serial)) < 0 && errno == EINTR)
		continue;
}

static int gfxstream_fence(uint32_t ring, uint32_t serial)
{
	const bool has_ring = ring != RENDERER_NO_RING;
	const struct stream_renderer_fence fence = {
		.flags = has_ring ? FENCE_OF_CONTEXT : 0,
		.fence_id = serial,
		.ctx_id = CONTEXT_ID,
		.ring_idx = has_ring ? (uint8_t)ring : 0,
	};
	if (has_ring && ring > UINT8_MAX)
		return -EINVAL;
	int error = result(api.create_fence(&fence));
	fences.pending += error == 0;
	return error;
}

static bool gfxstream_fences_pending(void)
{
	return fences.pending > 0;
}

static unsigned gfxstream_poll_fds(int fds[LIBRARY_MAX_POLL_FDS])
{
	fds[0] = fences.pipe[0];
	return 1;
}

static void gfxstream_poll(void)
{
	uint32_t serials[64];
	ssize_t n = read(fences.pipe[0], serials, sizeof(serials));
	for (ssize_t i = 0; i < n / (ssize_t)sizeof(serials[0]); i++) {
		fences.pending -= fences.pending > 0;
		fences.retired(serials[i]);
	}
}

/* --- life --- */

static int gfxstream_init(
	enum renderer_kind kind, const char *render_node, void (*retired)(uint32_t serial))
{
	struct stream_renderer_param params[] = {
		{PARAM_USER_DATA, (uintptr_t)&fences},
		{PARAM_RENDERER_FLAGS, FLAG_SURFACELESS | FLAG_VULKAN | FLAG_EXTERNAL_BLOB},
		{PARAM_FENCE_CALLBACK, (uintptr_t)handle_fence},
		{PARAM_WIN0_WIDTH, 64}, /* of a window that nobody sees */
		{PARAM_WIN0_HEIGHT, 64},
	};
	if (!api.init)
		return -ENOSYS;
	if (pipe2(fences.pipe, O_CLOEXEC) < 0)
		return -errno;
	if (fcntl(fences.pipe[0], F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	fences.retired = retired;
	return result(api.init(params, ARRAY_LENGTH(params)));
}

static int gfxstream_capset(
	uint32_t capset_id, uint32_t *max_version, uint8_t data[RENDERER_MAX_CAPSET_BYTES])
{
	uint32_t size = 0;

	if (capset_id != RENDERER_CAPSET_GFXSTREAM)
		return -EINVAL;
	api.get_cap_set(capset_id, max_version, &size);
	if (size == 0 || size > RENDERER_MAX_CAPSET_BYTES)
		return -EINVAL;
	memset(data, 0, RENDERER_MAX_CAPSET_BYTES);
	api.fill_caps(capset_id, *max_version, data);
	return (int)size;
}

static int gfxstream_create_context(uint32_t capset_id, const char *name)
{
	return result(api.context_create(CONTEXT_ID, (uint32_t)strlen(name), name, capset_id));
}

/* --- resources --- */

/* Classic resources are for OpenGL and have no place here: the host sends none. */
static int no_classic(uint32_t id, const struct renderer_request *request)
{
	return -EOPNOTSUPP;
}

static int no_backing(uint32_t id, struct iovec *iov, uint32_t n_iov)
{
	return -EOPNOTSUPP;
}

static int no_shared(uint32_t id, const struct renderer_request *request,
	struct renderer_answer *answer, int *fd)
{
	return -EOPNOTSUPP;
}

static bool gfxstream_shares_textures(void)
{
	return true; /* it makes none */
}

static void gfxstream_detach_backing(uint32_t id)
{
	struct iovec *iov = NULL;
	int n = 0;
	api.resource_detach_iov((int)id, &iov, &n);
}

static int gfxstream_guest_blob(uint32_t id, uint64_t size, struct iovec *iov, uint32_t n_iov)
{
	const struct stream_renderer_create_blob blob = {.blob_mem = BLOB_MEM_GUEST, .size = size};
	return result(api.create_blob(CONTEXT_ID, id, &blob, iov, n_iov, NULL));
}

static uint32_t fd_type_of(uint32_t handle_type)
{
	switch (handle_type) {
	case HANDLE_DMABUF:
		return RENDERER_FD_DMABUF;
	case HANDLE_SHM:
		return RENDERER_FD_SHM;
	default:
		return RENDERER_FD_OPAQUE;
	}
}

static int gfxstream_create_blob(uint32_t id, const struct renderer_request *request,
	struct renderer_answer *answer, int *fd)
{
	const struct stream_renderer_create_blob blob = {
		.blob_mem = request->create_blob.blob_mem,
		.blob_flags = request->create_blob.blob_flags,
		.blob_id = request->create_blob.blob_id,
		.size = request->create_blob.size,
	};
	struct stream_renderer_handle handle = {.os_handle = -1};
	uint32_t map_info = 0;

	int error = api.create_blob(CONTEXT_ID, id, &blob, NULL, 0, NULL);
	if (error != 0)
		return result(error);
	error = api.export_blob(id, &handle);
	if (error != 0 || handle.os_handle < 0 || handle.os_handle > INT32_MAX) {
		api.resource_unref(id);
		return error != 0 ? result(error) : -EIO;
	}
	*fd = (int)handle.os_handle;
	if (api.resource_map_info(id, &map_info) != 0)
		map_info = 0;
	answer->blob.fd_type = fd_type_of(handle.handle_type);
	answer->blob.map_info = map_info & 0xf; /* above are rights */
	answer->blob.size = request->create_blob.size;
	return 0;
}

/* The library takes no memory of others. */
static int gfxstream_import(uint32_t id, const struct renderer_request *request, int fd)
{
	fd_close(&fd);
	return -EOPNOTSUPP;
}

static void gfxstream_attach(uint32_t id)
{
	api.ctx_attach_resource(CONTEXT_ID, (int)id);
}

static void gfxstream_detach(uint32_t id)
{
	api.ctx_detach_resource(CONTEXT_ID, (int)id);
}

static void gfxstream_unref(uint32_t id)
{
	api.resource_unref(id);
}

/* --- work --- */

static int gfxstream_submit(void *commands, uint32_t bytes)
{
	struct stream_renderer_command command = {
		.ctx_id = CONTEXT_ID, .cmd_size = bytes, .cmd = commands};
	return result(api.submit_cmd(&command));
}

const struct library library_gfxstream = {
	.name = SONAME,
	.init = gfxstream_init,
	.capset = gfxstream_capset,
	.create_context = gfxstream_create_context,
	.create_3d = no_classic,
	.attach_backing = no_backing,
	.detach_backing = gfxstream_detach_backing,
	.guest_blob = gfxstream_guest_blob,
	.create_blob = gfxstream_create_blob,
	.create_shared = no_shared,
	.shares_textures = gfxstream_shares_textures,
	.import = gfxstream_import,
	.attach = gfxstream_attach,
	.detach = gfxstream_detach,
	.unref = gfxstream_unref,
	.transfer = no_classic,
	.submit = gfxstream_submit,
	.fence = gfxstream_fence,
	.fences_pending = gfxstream_fences_pending,
	.poll_fds = gfxstream_poll_fds,
	.poll = gfxstream_poll,
};
