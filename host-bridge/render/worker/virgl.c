/* libvirglrenderer, as one worker uses it. */
#define VIRGL_RENDERER_UNSTABLE_APIS
#include "host-bridge/render/worker/library.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <virgl/virglrenderer.h>

#include "host-bridge/render/worker/server.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "renderer"
#include "protocol/base/log.h"

#define CONTEXT_ID LIBRARY_CONTEXT_ID
#define CALLBACKS_VERSION 3 /* has write_context_fence */

/* Since 1.0; whether the library was built with drivers for it only its capset tells. */
#ifdef VIRGL_RENDERER_DRM
#define DRM_FLAG VIRGL_RENDERER_DRM
#else
#define DRM_FLAG 0
#endif

struct virgl_box { /* the library's header only declares it */
	uint32_t x, y, z, w, h, d;
};

struct fence { /* created, not retired yet */
	uint32_t ring, serial;
	uint32_t id; /* the library's id for it, which wraps around */
};

static struct {
	enum renderer_kind kind;
	const char *render_node;
	void (*retired)(uint32_t serial);
	struct fence *fences; /* oldest first */
	size_t n_fences, max_fences;
	uint32_t last_fence_id;
} library;

/* The library returns errno values, negative or positive, or -1. */
static int result(int value)
{
	if (value == 0)
		return 0;
	int error = abs(value);
	return error > 1 && error < 200 ? -error : -EIO;
}

/* --- fences --- */

/* Retires all fences on @ring up to @id. */
static void retire(uint32_t ring, uint32_t id)
{
	size_t kept = 0;
	for (size_t i = 0; i < library.n_fences; i++) {
		struct fence fence = library.fences[i];
		if (fence.ring == ring && (int32_t)(id - fence.id) >= 0)
			library.retired(fence.serial);
		else
			library.fences[kept++] = fence;
	}
	library.n_fences = kept;
}

static void handle_fence(void *cookie, uint32_t id)
{
	retire(RENDERER_NO_RING, id);
}

static void handle_context_fence(void *cookie, uint32_t context, uint32_t ring, uint64_t id)
{
	retire(ring, (uint32_t)id);
}

static int library_fence(uint32_t ring, uint32_t serial)
{
	if (library.n_fences == library.max_fences) {
		size_t max = library.max_fences > 0 ? 2 * library.max_fences : 64;
		struct fence *grown = realloc(library.fences, max * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		library.fences = grown;
		library.max_fences = max;
	}
	uint32_t id = ++library.last_fence_id;
	if (library.kind == RENDERER_KIND_VIRGL) {
		ring = RENDERER_NO_RING; /* OpenGL has one timeline */
	} else if (ring == RENDERER_NO_RING) {
		library.retired(serial); /* Vulkan has only those of its rings */
		return 0;
	}
	/* Entered first: the library may retire it while it is being made. */
	library.fences[library.n_fences++] =
		(struct fence){.ring = ring, .serial = serial, .id = id};
	int error = library.kind == RENDERER_KIND_VIRGL
		? virgl_renderer_create_fence((int)id, 0)
		: virgl_renderer_context_create_fence(
			  CONTEXT_ID, VIRGL_RENDERER_FENCE_FLAG_MERGEABLE, ring, id);
	if (error == 0)
		return 0;
	if (library.n_fences > 0 && library.fences[library.n_fences - 1].serial == serial)
		library.n_fences--;
	return result(error);
}

static bool library_fences_pending(void)
{
	return library.n_fences > 0;
}

static unsigned library_poll_fds(int fds[LIBRARY_MAX_POLL_FDS])
{
	int fd = library.kind == RENDERER_KIND_VIRGL
		? virgl_renderer_get_poll_fd()
		: virgl_renderer_context_get_poll_fd(CONTEXT_ID);
	if (fd < 0)
		return 0;
	fds[0] = fd;
	return 1;
}

static void library_poll(void)
{
	if (library.kind == RENDERER_KIND_VIRGL)
		virgl_renderer_poll();
	else
		virgl_renderer_context_poll(CONTEXT_ID);
}

/* --- life --- */

static int handle_get_server_fd(void *cookie, uint32_t version)
{
	return server_start();
}

static int handle_get_drm_fd(void *cookie)
{
	return open(library.render_node, O_RDWR | O_CLOEXEC);
}

static const struct {
	int flags;
	uint32_t capsets[2];
} kinds[RENDERER_N_KINDS] = {
	[RENDERER_KIND_VIRGL] = {VIRGL_RENDERER_USE_EGL | VIRGL_RENDERER_USE_SURFACELESS |
			VIRGL_RENDERER_THREAD_SYNC | VIRGL_RENDERER_USE_EXTERNAL_BLOB,
		{RENDERER_CAPSET_VIRGL, RENDERER_CAPSET_VIRGL2}},
	[RENDERER_KIND_VENUS] = {VIRGL_RENDERER_NO_VIRGL | VIRGL_RENDERER_THREAD_SYNC |
			VIRGL_RENDERER_USE_EXTERNAL_BLOB | VIRGL_RENDERER_VENUS |
			VIRGL_RENDERER_RENDER_SERVER,
		{RENDERER_CAPSET_VENUS}},
	[RENDERER_KIND_DRM] = {VIRGL_RENDERER_NO_VIRGL | VIRGL_RENDERER_THREAD_SYNC | DRM_FLAG,
		{RENDERER_CAPSET_DRM}},
};

static int library_init(
	enum renderer_kind kind, const char *render_node, void (*retired)(uint32_t serial))
{
	static struct virgl_renderer_callbacks callbacks = {
		.version = CALLBACKS_VERSION,
		.write_fence = handle_fence,
		.write_context_fence = handle_context_fence,
		.get_server_fd = handle_get_server_fd,
	};

	if (kind == RENDERER_KIND_DRM && DRM_FLAG == 0) {
		log_err("this libvirglrenderer has no native contexts of DRM");
		return -EOPNOTSUPP;
	}
	library.kind = kind;
	library.render_node = render_node;
	library.retired = retired;
	if (render_node)
		callbacks.get_drm_fd = handle_get_drm_fd;
	return result(virgl_renderer_init(&library, kinds[kind].flags, &callbacks));
}

static int library_capset(
	uint32_t capset_id, uint32_t *max_version, uint8_t data[RENDERER_MAX_CAPSET_BYTES])
{
	uint32_t size = 0;
	bool known = false;

	/* The library also describes capsets that it was not initialised for. */
	for (size_t i = 0; i < ARRAY_LENGTH(kinds[0].capsets); i++)
		known |= capset_id != 0 && kinds[library.kind].capsets[i] == capset_id;
	if (!known)
		return -EINVAL;
	virgl_renderer_get_cap_set(capset_id, max_version, &size);
	if (size == 0 || size > RENDERER_MAX_CAPSET_BYTES)
		return -EINVAL;
	memset(data, 0, RENDERER_MAX_CAPSET_BYTES);
	virgl_renderer_fill_caps(capset_id, *max_version, data);
	return (int)size;
}

static int library_create_context(uint32_t capset_id, const char *name)
{
	return result(virgl_renderer_context_create_with_flags(
		CONTEXT_ID, capset_id, (uint32_t)strlen(name), name));
}

/* --- resources --- */

static int library_create_3d(uint32_t id, const struct renderer_request *request)
{
	struct virgl_renderer_resource_create_args args = {
		.handle = id,
		.target = request->create_3d.target,
		.format = request->create_3d.format,
		.bind = request->create_3d.bind,
		.width = request->create_3d.width,
		.height = request->create_3d.height,
		.depth = request->create_3d.depth,
		.array_size = request->create_3d.array_size,
		.last_level = request->create_3d.last_level,
		.nr_samples = request->create_3d.nr_samples,
		.flags = request->create_3d.flags,
	};
	return result(virgl_renderer_resource_create(&args, NULL, 0));
}

static int library_attach_backing(uint32_t id, struct iovec *iov, uint32_t n_iov)
{
	return result(virgl_renderer_resource_attach_iov((int)id, iov, (int)n_iov));
}

static void library_detach_backing(uint32_t id)
{
	struct iovec *iov = NULL;
	int n_iov = 0;
	virgl_renderer_resource_detach_iov((int)id, &iov, &n_iov);
}

static int library_guest_blob(uint32_t id, uint64_t size, struct iovec *iov, uint32_t n_iov)
{
	const struct virgl_renderer_resource_create_blob_args args = {
		.res_handle = id,
		.ctx_id = CONTEXT_ID,
		.blob_mem = VIRGL_RENDERER_BLOB_MEM_GUEST,
		.blob_flags = VIRGL_RENDERER_BLOB_FLAG_USE_MAPPABLE,
		.size = size,
		.iovecs = iov,
		.num_iovs = n_iov,
	};
	return result(virgl_renderer_resource_create_blob(&args));
}

/*
 * An opaque fd of lavapipe without udmabuf is a memfd with a page in front, of which the first
 * words are size and offset of what is behind it (Mesa's os_memory_fd). Vulkan on a GPU gives
 * dma-bufs, which start at 0.
 */
static uint64_t payload_offset(uint32_t fd_type, int fd)
{
	uint64_t header[2];

	if (fd_type != VIRGL_RENDERER_BLOB_FD_TYPE_OPAQUE)
		return 0;
	if (pread(fd, header, sizeof(header), 0) != sizeof(header) || header[1] > PAGE_BYTES)
		return 0;
	return header[1] % PAGE_BYTES == 0 ? header[1] : PAGE_BYTES;
}

/* Drivers that render in software may call plain memory a dma-buf. The kernel does not. */
static uint32_t real_type(uint32_t fd_type, int fd)
{
	struct stat status;
	return fd_type == RENDERER_FD_DMABUF && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)
		? RENDERER_FD_SHM
		: fd_type;
}

static int library_create_blob(uint32_t id, const struct renderer_request *request,
	struct renderer_answer *answer, int *fd)
{
	const struct virgl_renderer_resource_create_blob_args args = {
		.res_handle = id,
		.ctx_id = CONTEXT_ID,
		.blob_mem = request->create_blob.blob_mem,
		.blob_flags = request->create_blob.blob_flags,
		.blob_id = request->create_blob.blob_id,
		.size = request->create_blob.size,
	};
	uint32_t fd_type = 0, map_info = 0;

	int error = virgl_renderer_resource_create_blob(&args);
	if (error != 0)
		return result(error);
	*fd = -1;
	error = virgl_renderer_resource_export_blob(id, &fd_type, fd);
	if (error != 0 || *fd < 0) {
		virgl_renderer_resource_unref(id);
		return error != 0 ? result(error) : -EIO;
	}
	if (virgl_renderer_resource_get_map_info(id, &map_info) != 0)
		map_info = VIRGL_RENDERER_MAP_CACHE_NONE; /* not mappable */
	answer->blob.fd_type = real_type(fd_type, *fd);
	answer->blob.map_info = map_info;
	answer->blob.fd_offset = payload_offset(fd_type, *fd);
	answer->blob.size = request->create_blob.size;
	return 0;
}

static void library_attach(uint32_t id)
{
	virgl_renderer_ctx_attach_resource(CONTEXT_ID, (int)id);
}

static void library_detach(uint32_t id)
{
	virgl_renderer_ctx_detach_resource(CONTEXT_ID, (int)id);
}

static void library_unref(uint32_t id)
{
	virgl_renderer_resource_unref(id);
}

/* --- shared memory --- */

#define SCRATCH_ID 2 /* a second context, so that errors of ours do not break the guest's */

struct layout {
	uint32_t format, bind, width, height, stride;
	uint64_t modifier;
};

/* An imported blob has no format; this gives it one, with the command that guests' drivers use. */
static int set_type(uint32_t id, const struct layout *layout)
{
	enum { SET_TYPE = 49, WORDS = 10 };
	static bool scratch;
	uint32_t commands[1 + WORDS] = {
		SET_TYPE | WORDS << 16, id, layout->format, layout->bind, layout->width,
		layout->height, 0, /* usage */
		(uint32_t)layout->modifier, (uint32_t)(layout->modifier >> 32), layout->stride,
		0, /* offset */
	};

	if (!scratch &&
		virgl_renderer_context_create_with_flags(
			SCRATCH_ID, RENDERER_CAPSET_VIRGL2, 7, "scratch") != 0)
		return -ENOMEM;
	scratch = true;
	virgl_renderer_ctx_attach_resource(SCRATCH_ID, (int)id);
	int error = virgl_renderer_submit_cmd(commands, SCRATCH_ID, ARRAY_LENGTH(commands));
	virgl_renderer_ctx_detach_resource(SCRATCH_ID, (int)id);
	if (error != 0) { /* after an error a context executes nothing more */
		virgl_renderer_context_destroy(SCRATCH_ID);
		scratch = false;
	}
	return result(error);
}

/* Takes @fd, also on error. */
static int import(uint32_t id, uint32_t fd_type, int fd, uint64_t size)
{
	const struct virgl_renderer_resource_import_blob_args args = {
		.res_handle = id,
		.blob_mem = VIRGL_RENDERER_BLOB_MEM_HOST3D,
		.fd_type = fd_type,
		.fd = fd,
		.size = size,
	};
	int error = virgl_renderer_resource_import_blob(&args);
	if (error != 0) /* on success it is the library's */
		fd_close(&fd);
	return result(error);
}

static int library_import(uint32_t id, const struct renderer_request *request, int fd)
{
	const struct layout layout = {
		.format = request->import.format,
		.bind = request->import.bind,
		.width = request->import.width,
		.height = request->import.height,
		.stride = request->import.stride,
		.modifier = request->import.modifier,
	};

	if (library.kind != RENDERER_KIND_VIRGL)
		return import(id, request->import.fd_type, fd, request->import.size);
	/* OpenGL imports dma-bufs only; llvmpipe also takes other memory for one. */
	int error = import(id, VIRGL_RENDERER_BLOB_FD_TYPE_DMABUF, fd, request->import.size);
	if (error < 0 || layout.format == 0)
		return error;
	error = set_type(id, &layout);
	if (error < 0)
		virgl_renderer_resource_unref(id);
	return error;
}

/* New memory: a dma-buf where there is udmabuf, else a memfd. */
static int make_memory(uint64_t size, uint32_t *fd_type)
{
	int memory = fd_memfd("wayferry-texture", size);
	if (memory < 0)
		return memory;
	*fd_type = RENDERER_FD_SHM;
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (device < 0)
		return memory;
	const struct udmabuf_create create = {
		.memfd = (uint32_t)memory, .flags = UDMABUF_FLAGS_CLOEXEC, .size = size};
	int dmabuf = ioctl(device, UDMABUF_CREATE, &create);
	fd_close(&device);
	if (dmabuf < 0)
		return memory;
	fd_close(&memory);
	*fd_type = real_type(RENDERER_FD_DMABUF, dmabuf);
	return dmabuf;
}

/* llvmpipe reads and writes blocks of 4 x 4 pixels, in vectors of up to 64 bytes. */
#define ROW_ALIGNMENT 64
#define ROWS_OF_BLOCK 4

/* A texture in memory that we allocate. */
static int create_in_memory(uint32_t id, const struct renderer_request *request,
	struct renderer_answer *answer, int *fd)
{
	const struct layout layout = {
		.format = request->create_3d.format,
		.bind = request->create_3d.bind,
		.width = request->create_3d.width,
		.height = request->create_3d.height,
		.stride = (uint32_t)align_up((uint64_t)request->create_3d.width * 4, ROW_ALIGNMENT),
		.modifier = DRM_FORMAT_MOD_LINEAR,
	};
	const uint64_t size = request->create_3d.shared_bytes;
	/* Whole blocks, so it may be more than @size, which is what others see. */
	const uint64_t needed = layout.stride * align_up(layout.height, ROWS_OF_BLOCK);

	*fd = make_memory(
		align_up(needed > size ? needed : size, PAGE_BYTES), &answer->blob.fd_type);
	if (*fd < 0)
		return *fd;
	int copy = fd_dup(*fd);
	int error = copy < 0 ? copy : import(id, VIRGL_RENDERER_BLOB_FD_TYPE_DMABUF, copy, size);
	if (error == 0) {
		error = set_type(id, &layout);
		if (error < 0)
			virgl_renderer_resource_unref(id);
	}
	if (error < 0)
		fd_close(fd);
	answer->blob.size = size;
	answer->blob.stride = layout.stride;
	answer->blob.modifier = layout.modifier;
	return error;
}

/* Exports the memory that the driver has allocated for a texture, where it can. */
static int export_texture(uint32_t id, uint64_t size, struct renderer_answer *answer, int *fd)
{
	struct virgl_renderer_export_query query = {
		.hdr = {.stype = VIRGL_RENDERER_STRUCTURE_TYPE_EXPORT_QUERY, .size = sizeof(query)},
		.in_resource_id = id,
		.in_export_fds = 1,
	};

	if (virgl_renderer_execute(&query, sizeof(query)) != 0 || query.out_num_fds == 0)
		return -EOPNOTSUPP;
	*fd = query.out_fds[0];
	for (uint32_t i = 1; i < query.out_num_fds && i < ARRAY_LENGTH(query.out_fds); i++)
		fd_close(&query.out_fds[i]);
	/* The protocol with guests has neither offsets nor several planes. */
	if (query.out_num_fds > 1 || query.out_offsets[0] != 0) {
		fd_close(fd);
		return -EOPNOTSUPP;
	}
	answer->blob.fd_type = RENDERER_FD_DMABUF;
	answer->blob.size = size;
	answer->blob.stride = query.out_strides[0];
	answer->blob.modifier = query.out_modifier;
	return 0;
}

static int library_create_shared(uint32_t id, const struct renderer_request *request,
	struct renderer_answer *answer, int *fd)
{
	/* A GPU renders best to memory that its driver has allocated; for llvmpipe it is the same.
	 */
	int error = library.render_node ? -EOPNOTSUPP : create_in_memory(id, request, answer, fd);
	if (error == 0)
		return 0;
	*fd = -1;
	error = library_create_3d(id, request);
	return error < 0 ? error : export_texture(id, request->create_3d.shared_bytes, answer, fd);
}

static bool library_shares_textures(void)
{
	enum { TEXTURE_2D = 2, B8G8R8A8 = 1, RENDER_TARGET = 1 << 1 };
	const uint32_t probe_id = UINT32_MAX;
	const struct renderer_request request = {
		.create_3d = {.target = TEXTURE_2D,
			.format = B8G8R8A8,
			.bind = RENDER_TARGET,
			.width = 64,
			.height = 64,
			.depth = 1,
			.array_size = 1,
			.shared_bytes = (uint64_t)64 * 64 * 4},
	};
	struct renderer_answer answer;
	int fd = -1;

	if (library.kind != RENDERER_KIND_VIRGL)
		return true;
	bool shares = library_create_shared(probe_id, &request, &answer, &fd) == 0;
	library_unref(probe_id);
	fd_close(&fd);
	return shares;
}

/* --- work --- */

static int library_transfer(uint32_t id, const struct renderer_request *request)
{
	struct virgl_box box = {
		.x = request->transfer.x,
		.y = request->transfer.y,
		.z = request->transfer.z,
		.w = request->transfer.w,
		.h = request->transfer.h,
		.d = request->transfer.d,
	};
	uint32_t level = request->transfer.level, stride = request->transfer.stride,
		 layer_stride = request->transfer.layer_stride;
	uint64_t offset = request->transfer.offset;

	/* Without iovecs the attached ones are used. */
	return result(request->transfer.to_host
			? virgl_renderer_transfer_write_iov(id, CONTEXT_ID, (int)level, stride,
				  layer_stride, &box, offset, NULL, 0)
			: virgl_renderer_transfer_read_iov(id, CONTEXT_ID, level, stride,
				  layer_stride, &box, offset, NULL, 0));
}

static int library_submit(void *commands, uint32_t bytes)
{
	return result(virgl_renderer_submit_cmd(commands, CONTEXT_ID, (int)(bytes / 4)));
}

const struct library library_virgl = {
	.name = "libvirglrenderer",
	.init = library_init,
	.capset = library_capset,
	.create_context = library_create_context,
	.create_3d = library_create_3d,
	.attach_backing = library_attach_backing,
	.detach_backing = library_detach_backing,
	.guest_blob = library_guest_blob,
	.create_blob = library_create_blob,
	.create_shared = library_create_shared,
	.shares_textures = library_shares_textures,
	.import = library_import,
	.attach = library_attach,
	.detach = library_detach,
	.unref = library_unref,
	.transfer = library_transfer,
	.submit = library_submit,
	.fence = library_fence,
	.fences_pending = library_fences_pending,
	.poll_fds = library_poll_fds,
	.poll = library_poll,
};
