/*
 * Stands in for libgbm: buffers are memfds with rows of a multiple of 256 bytes, as GPUs have them.
 * Rows of what may be scanned out are of 512 bytes, and pictures of 16 bits may not be. Its GPU is
 * /dev/zero; for other devices it has no driver. Their seals are for tests/clients/dmabufs.c. It
 * has three layouts that are not rows: TILED, and two with a second plane, which is behind the
 * first (COMPRESSED) or in other memory (APART). Of a fourth it forgets that it has made it
 * (FORGOTTEN).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define R8 UINT32_C(0x20203852)
#define RG16 UINT32_C(0x36314752)
#define SCANOUT 1u
#define LINEAR 16u
#define TILED UINT64_C(0x0100000000000001)
#define COMPRESSED UINT64_C(0x0100000000000004)
#define APART UINT64_C(0x0100000000000005)
#define FORGOTTEN UINT64_C(0x0100000000000006)
#define UNKNOWN ((UINT64_C(1) << 56) - 1)

union gbm_bo_handle {
	void *pointer;
	uint64_t u64;
};

struct gbm_device {
	int fd;
};

struct gbm_bo {
	uint32_t width, height, format, stride;
	uint64_t modifier;
	int fd;
};

EXPORT struct gbm_device *gbm_create_device(int fd);
EXPORT void gbm_device_destroy(struct gbm_device *device);
EXPORT int gbm_device_get_fd(struct gbm_device *device);
EXPORT struct gbm_bo *gbm_bo_create(struct gbm_device *device, uint32_t width, uint32_t height,
	uint32_t format, uint32_t flags);
EXPORT struct gbm_bo *gbm_bo_create_with_modifiers2(struct gbm_device *device, uint32_t width,
	uint32_t height, uint32_t format, const uint64_t *modifiers, unsigned int count,
	uint32_t flags);
EXPORT void gbm_bo_destroy(struct gbm_bo *bo);
EXPORT int gbm_bo_get_fd(struct gbm_bo *bo);
EXPORT union gbm_bo_handle gbm_bo_get_handle(struct gbm_bo *bo);
EXPORT union gbm_bo_handle gbm_bo_get_handle_for_plane(struct gbm_bo *bo, int plane);
EXPORT int gbm_bo_get_plane_count(struct gbm_bo *bo);
EXPORT uint32_t gbm_bo_get_stride_for_plane(struct gbm_bo *bo, int plane);
EXPORT uint32_t gbm_bo_get_offset(struct gbm_bo *bo, int plane);
EXPORT uint64_t gbm_bo_get_modifier(struct gbm_bo *bo);
EXPORT uint32_t gbm_bo_get_format(struct gbm_bo *bo);
EXPORT uint32_t gbm_bo_get_width(struct gbm_bo *bo);
EXPORT uint32_t gbm_bo_get_height(struct gbm_bo *bo);

struct gbm_device *gbm_create_device(int fd)
{
	struct stat status;
	struct gbm_device *device = NULL;
	if (fstat(fd, &status) == 0 && status.st_rdev == makedev(1, 5))
		device = calloc(1, sizeof(*device));
	if (device)
		device->fd = fd;
	return device;
}

void gbm_device_destroy(struct gbm_device *device)
{
	free(device);
}

int gbm_device_get_fd(struct gbm_device *device)
{
	return device->fd;
}

static struct gbm_bo *make(uint32_t width, uint32_t height, uint32_t format, uint32_t unit,
	uint64_t modifier, uint32_t bytes_behind)
{
	struct gbm_bo *bo = calloc(1, sizeof(*bo));
	if (!bo)
		return NULL;
	*bo = (struct gbm_bo){.width = width,
		.height = height,
		.format = format,
		.modifier = modifier,
		.stride = (width * 4 + unit - 1) / unit * unit};
	bo->fd = memfd_create("gbm", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (bo->fd < 0 ||
		ftruncate(bo->fd,
			((off_t)bo->stride * height + bytes_behind + 4095) / 4096 * 4096) < 0 ||
		fcntl(bo->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0) {
		gbm_bo_destroy(bo);
		return NULL;
	}
	return bo;
}

struct gbm_bo *gbm_bo_create(
	struct gbm_device *device, uint32_t width, uint32_t height, uint32_t format, uint32_t flags)
{
	/* Of plain bytes, as of large pictures, GPUs have none. */
	if (format == R8 || width > 16384 || height > 16384 || !(flags & LINEAR) ||
		(format == RG16 && flags & SCANOUT)) {
		errno = EINVAL;
		return NULL;
	}
	return make(width, height, format, flags & SCANOUT ? 512 : 256, UNKNOWN, 0);
}

/* Linear ones are asked for in the other way. What is scanned out is not compressed. */
struct gbm_bo *gbm_bo_create_with_modifiers2(struct gbm_device *device, uint32_t width,
	uint32_t height, uint32_t format, const uint64_t *modifiers, unsigned int count,
	uint32_t flags)
{
	for (unsigned int i = 0; i < count && !(flags & LINEAR); i++)
		if (modifiers[i] == TILED || modifiers[i] == APART || modifiers[i] == FORGOTTEN ||
			(modifiers[i] == COMPRESSED && !(flags & SCANOUT)))
			return make(width, (height + 7) / 8 * 8, format, 512, modifiers[i], 4096);
	errno = EINVAL;
	return NULL;
}

void gbm_bo_destroy(struct gbm_bo *bo)
{
	close(bo->fd);
	free(bo);
}

int gbm_bo_get_fd(struct gbm_bo *bo)
{
	return dup(bo->fd);
}

union gbm_bo_handle gbm_bo_get_handle(struct gbm_bo *bo)
{
	return (union gbm_bo_handle){.u64 = 1};
}

union gbm_bo_handle gbm_bo_get_handle_for_plane(struct gbm_bo *bo, int plane)
{
	return (union gbm_bo_handle){.u64 = bo->modifier == APART ? 1u + (unsigned)plane : 1u};
}

int gbm_bo_get_plane_count(struct gbm_bo *bo)
{
	return bo->modifier == COMPRESSED || bo->modifier == APART ? 2 : 1;
}

uint32_t gbm_bo_get_stride_for_plane(struct gbm_bo *bo, int plane)
{
	return plane == 0 ? bo->stride : 64;
}

uint32_t gbm_bo_get_offset(struct gbm_bo *bo, int plane)
{
	return plane == 0 ? 0 : bo->stride * bo->height;
}

uint64_t gbm_bo_get_modifier(struct gbm_bo *bo)
{
	return bo->modifier == FORGOTTEN ? UNKNOWN : bo->modifier;
}

uint32_t gbm_bo_get_format(struct gbm_bo *bo)
{
	return bo->format;
}

uint32_t gbm_bo_get_width(struct gbm_bo *bo)
{
	return bo->width;
}

uint32_t gbm_bo_get_height(struct gbm_bo *bo)
{
	return bo->height;
}
