/*
 * libgbm, as one worker uses it: buffers of a GPU which the compositor imports. They are linear, as
 * guests write to them, or for guests that do not, of a layout that was asked for. It has no
 * contexts.
 *
 * It is loaded at run time: who builds wayferry needs nothing of it. Its functions and constants
 * are those of its header (gbm.h) since buffers have planes and modifiers.
 */
#include <dlfcn.h>
#include <drm.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_gpu.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host-bridge/render/worker/library.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "renderer"
#include "protocol/base/log.h"

#define SONAME "libgbm.so.1"

/*
 * A row of a buffer of bytes. GPUs bound the number of rows first: at 16384 of them, the least that
 * is common, such a buffer holds 128 MiB.
 */
#define BYTES_ROW UINT64_C(8192)

/* --- the library's header --- */

enum { USE_SCANOUT = 1 << 0, USE_RENDERING = 1 << 2, USE_LINEAR = 1 << 4 };

struct gbm_device;
struct gbm_bo;
union gbm_bo_handle {
	void *pointer;
	uint32_t u32;
	uint64_t u64;
};

static struct {
	struct gbm_device *(*create_device)(int fd);
	struct gbm_bo *(*bo_create)(struct gbm_device *device, uint32_t width, uint32_t height,
		uint32_t format, uint32_t flags);
	struct gbm_bo *(*bo_create_with_modifiers2)(struct gbm_device *device, uint32_t width,
		uint32_t height, uint32_t format, const uint64_t *modifiers, unsigned int count,
		uint32_t flags);
	void (*bo_destroy)(struct gbm_bo *bo);
	int (*bo_get_fd)(struct gbm_bo *bo);
	union gbm_bo_handle (*bo_get_handle)(struct gbm_bo *bo);
	union gbm_bo_handle (*bo_get_handle_for_plane)(struct gbm_bo *bo, int plane);
	int (*bo_get_plane_count)(struct gbm_bo *bo);
	uint32_t (*bo_get_stride_for_plane)(struct gbm_bo *bo, int plane);
	uint32_t (*bo_get_offset)(struct gbm_bo *bo, int plane);
	uint64_t (*bo_get_modifier)(struct gbm_bo *bo);
} gbm;

#define FUNCTION(name)                                                                             \
	{                                                                                          \
		"gbm_" #name, &gbm.name                                                            \
	}

static const struct {
	const char *name;
	void *function; /* where its address goes: a pointer to a pointer */
} functions[] = {
	FUNCTION(create_device),
	FUNCTION(bo_create),
	FUNCTION(bo_create_with_modifiers2),
	FUNCTION(bo_destroy),
	FUNCTION(bo_get_fd),
	FUNCTION(bo_get_handle),
	FUNCTION(bo_get_handle_for_plane),
	FUNCTION(bo_get_plane_count),
	FUNCTION(bo_get_stride_for_plane),
	FUNCTION(bo_get_offset),
	FUNCTION(bo_get_modifier),
};

static struct gbm_device *device;
static int device_fd = -1;

/* --- the start --- */

static int load(void)
{
	void *library = dlopen(SONAME, RTLD_NOW | RTLD_GLOBAL);

	if (!library) {
		log_err("%s: %s: install libgbm1, or choose other --buffers", SONAME, dlerror());
		return -ENOENT;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(functions); i++) {
		/* Whoever is first, as for programs that are linked with it. */
		void **function = functions[i].function;
		*function = dlsym(RTLD_DEFAULT, functions[i].name);
		if (!*function) {
			log_err("%s has no %s", SONAME, functions[i].name);
			return -ENOSYS;
		}
	}
	return 0;
}

static int init(enum renderer_kind kind, const char *render_node, void (*retired)(uint32_t serial))
{
	int error = load();
	if (error < 0)
		return error;
	device_fd = open(render_node ? render_node : "", O_RDWR | O_CLOEXEC);
	if (device_fd < 0) {
		log_err("%s: %s", render_node ? render_node : "no render node", strerror(errno));
		return -errno;
	}
	device = gbm.create_device(device_fd);
	if (device)
		return 0;
	log_err("%s: libgbm has no driver for it", render_node);
	return -ENODEV;
}

/* --- buffers --- */

/*
 * A dma-buf of @bo that can be mapped for writing, the caller's, or -errno. A buffer has one
 * dma-buf as long as it has a handle, with the rights that whoever asked first wanted, and Mesa's
 * driver for devices that do not render does not want to write. So we ask first. The library is
 * asked all the same: it must know that the memory is no longer its own, to be used again.
 */
static int export(struct gbm_bo *bo)
{
	struct drm_prime_handle prime = {
		.handle = gbm.bo_get_handle(bo).u32, .flags = DRM_CLOEXEC | DRM_RDWR};

	/* Where this does not work the library may know how. */
	if (ioctl(device_fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime) < 0)
		prime.fd = -1;
	errno = 0;
	int fd = gbm.bo_get_fd(bo);
	if (fd < 0)
		fd = errno > 0 ? -errno : -EIO;
	fd_close(&prime.fd);
	return fd;
}

/* How many planes @bo has, at most @max, and all in one memory, as a blob is; or -EOPNOTSUPP. */
static int count_planes(struct gbm_bo *bo, int max)
{
	int n = gbm.bo_get_plane_count(bo);

	if (n < 1 || n > max)
		return -EOPNOTSUPP;
	for (int i = 1; i < n; i++)
		if (gbm.bo_get_handle_for_plane(bo, i).u32 != gbm.bo_get_handle(bo).u32)
			return -EOPNOTSUPP;
	return n;
}

/* Fills in what is known of the memory @fd. 0 or -errno. */
static int describe_memory(int fd, struct renderer_answer *answer)
{
	struct stat status;
	off_t bytes = lseek(fd, 0, SEEK_END);

	if (bytes <= 0)
		return -EMSGSIZE;
	bool is_file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode); /* of a stand-in */
	answer->blob.fd_type = is_file ? RENDERER_FD_SHM : RENDERER_FD_DMABUF;
	answer->blob.map_info = VIRTIO_GPU_MAP_CACHE_CACHED;
	answer->blob.size = (uint64_t)bytes / PAGE_BYTES * PAGE_BYTES;
	return 0;
}

/*
 * Describes @bo in @answer, and destroys it: the memory is the fd's, which is returned, the
 * caller's. Or -errno. @rows: it was asked for in rows, and guests write to its one plane.
 */
static int describe(struct gbm_bo *bo, bool rows, struct renderer_answer *answer)
{
	uint64_t modifier = gbm.bo_get_modifier(bo);
	int n_planes = count_planes(bo, rows ? 1 : RENDERER_MAX_PLANES);
	int fd = n_planes;

	/* What knows no modifiers was asked for rows. */
	if (modifier == DRM_FORMAT_MOD_INVALID && rows)
		modifier = DRM_FORMAT_MOD_LINEAR;
	for (int i = 0; i < n_planes; i++) {
		answer->blob.strides[i] = gbm.bo_get_stride_for_plane(bo, i);
		answer->blob.offsets[i] = gbm.bo_get_offset(bo, i);
	}
	answer->blob.modifier = modifier;
	if (n_planes > 0)
		fd = export(bo);
	gbm.bo_destroy(bo);
	int error = fd < 0 ? fd : describe_memory(fd, answer);
	if (error < 0)
		fd_close(&fd);
	return error < 0 ? error : fd;
}

/*
 * A linear buffer, for scanout where the guest wants that (Sommelier always does) and the driver
 * has such buffers of this size and format. That is only a wish: what the compositor shows it may
 * copy.
 */
static struct gbm_bo *create(uint32_t width, uint32_t height, uint32_t format, uint32_t flags)
{
	struct gbm_bo *bo = NULL;

	if (flags & USE_SCANOUT)
		bo = gbm.bo_create(device, width, height, format, USE_LINEAR | USE_SCANOUT);
	return bo ? bo : gbm.bo_create(device, width, height, format, USE_LINEAR);
}

/* A buffer in one of the layouts that follow the request; NULL: the GPU has none. */
static struct gbm_bo *create_tiled(
	const struct renderer_request *request, const uint64_t *modifiers)
{
	const uint32_t width = request->allocate.width, height = request->allocate.height,
		       format = request->allocate.format, n = request->allocate.n_modifiers;
	struct gbm_bo *bo = NULL;

	if (n == 0)
		return NULL;
	if (request->allocate.flags & USE_SCANOUT)
		bo = gbm.bo_create_with_modifiers2(
			device, width, height, format, modifiers, n, USE_RENDERING | USE_SCANOUT);
	return bo ? bo
		  : gbm.bo_create_with_modifiers2(
			    device, width, height, format, modifiers, n, USE_RENDERING);
}

static int allocate_rows(const struct renderer_request *request, struct renderer_answer *answer)
{
	uint32_t width = request->allocate.width, height = request->allocate.height,
		 format = request->allocate.format;

	if (format == DRM_FORMAT_R8 && height == 1) {
		height = (uint32_t)(align_up(width, BYTES_ROW) / BYTES_ROW);
		width = BYTES_ROW / 4;
		format = DRM_FORMAT_XRGB8888;
	}
	struct gbm_bo *bo = create(width, height, format, request->allocate.flags);
	if (!bo)
		return errno > 0 ? -errno : -EIO;
	return describe(bo, true, answer);
}

static int allocate(const struct renderer_request *request, const uint64_t *modifiers,
	struct renderer_answer *answer, int *fd)
{
	const struct renderer_answer empty = *answer;
	struct gbm_bo *bo = create_tiled(request, modifiers);

	*fd = bo ? describe(bo, false, answer) : -1;
	for (uint32_t i = 0; *fd >= 0 && i < request->allocate.n_modifiers; i++)
		if (modifiers[i] == answer->blob.modifier)
			return 0;
	fd_close(fd);
	*answer = empty;
	*fd = allocate_rows(request, answer);
	return *fd < 0 ? *fd : 0;
}

/* --- how fast they are --- */

enum { MEASURE_BYTES = 4 << 20, MEASURE_ROUNDS = 3 };

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint32_t mib_per_s(uint64_t ns)
{
	return (uint32_t)min_u64(
		(MEASURE_BYTES >> 20) * UINT64_C(1000000000) / (ns + 1), UINT32_MAX);
}

/* The best of a few rounds, since others want the processor, too. 0 or -errno. */
static int measure_fd(int fd, uint32_t *written)
{
	uint64_t best = UINT64_MAX - 1;

	void *bytes = mmap(NULL, MEASURE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	for (int i = 0; i < MEASURE_ROUNDS; i++) {
		uint64_t start = now_ns();
		memset(bytes, i, MEASURE_BYTES);
		best = min_u64(best, now_ns() - start);
	}
	munmap(bytes, MEASURE_BYTES);
	*written = mib_per_s(best);
	return 0;
}

static int measure(struct renderer_answer *answer)
{
	const struct renderer_request request = {
		.allocate = {.width = MEASURE_BYTES, .height = 1, .format = DRM_FORMAT_R8}};
	struct renderer_answer buffer = {0};
	int fd = -1;

	int error = allocate(&request, NULL, &buffer, &fd);
	if (error == 0 && buffer.blob.size < MEASURE_BYTES)
		error = -EMSGSIZE;
	if (error == 0)
		error = measure_fd(fd, &answer->speed.buffer_written);
	fd_close(&fd);
	if (error < 0)
		return error;
	fd = fd_memfd("measure", MEASURE_BYTES);
	if (fd < 0)
		return fd;
	error = measure_fd(fd, &answer->speed.memory_written);
	fd_close(&fd);
	return error;
}

static bool fences_pending(void)
{
	return false;
}

const struct library library_gbm = {
	.name = "gbm",
	.init = init,
	.allocate = allocate,
	.measure = measure,
	.fences_pending = fences_pending,
};
