/*
 * Stands in for a libvirglrenderer that was built with a driver's native contexts
 * (tests/renderer/stand_in.h), of which it has nothing else. Its fences retire when it is asked,
 * and are said to have done so by an fd.
 */
#define VIRGL_RENDERER_UNSTABLE_APIS
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <virgl/virglrenderer.h>

#include "tests/renderer/stand_in.h"

#define CAPSET 6
#define FENCES 64

static struct virgl_renderer_callbacks *callbacks;
static void *cookie;
static int retired = -1; /* an eventfd */
static uint32_t context;
static struct fence {
	uint32_t ring;
	uint64_t id;
} fences[FENCES];
static unsigned n_fences;

/* It has to be given the GPU's node. */
EXPORT int virgl_renderer_init(void *data, int flags, struct virgl_renderer_callbacks *with)
{
	int node = with->version >= 2 && with->get_drm_fd ? with->get_drm_fd(data) : -1;

	if (!(flags & VIRGL_RENDERER_DRM) || !(flags & VIRGL_RENDERER_NO_VIRGL) || node < 0)
		return -ENODEV;
	close(node);
	cookie = data;
	callbacks = with;
	retired = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return retired < 0 ? -ENOMEM : 0;
}

EXPORT void virgl_renderer_get_cap_set(uint32_t set, uint32_t *max_ver, uint32_t *max_size)
{
	*max_ver = CAPSET_VERSION;
	*max_size = set == CAPSET ? CAPSET_BYTES : 0;
}

EXPORT void virgl_renderer_fill_caps(uint32_t set, uint32_t version, void *caps)
{
	memset(caps, 0xa5, CAPSET_BYTES);
}

EXPORT int virgl_renderer_context_create_with_flags(
	uint32_t ctx_id, uint32_t ctx_flags, uint32_t nlen, const char *name)
{
	if ((ctx_flags & VIRGL_RENDERER_CONTEXT_FLAG_CAPSET_ID_MASK) != CAPSET)
		return -EINVAL;
	context = ctx_id;
	return 0;
}

EXPORT void virgl_renderer_context_destroy(uint32_t handle)
{
}

/* Fences */

EXPORT int virgl_renderer_context_create_fence(
	uint32_t ctx_id, uint32_t flags, uint32_t ring_idx, uint64_t fence_id)
{
	const uint64_t one = 1;

	if (ctx_id != context || ring_idx >= RINGS || n_fences == FENCES)
		return -EINVAL;
	fences[n_fences++] = (struct fence){ring_idx, fence_id};
	return write(retired, &one, sizeof(one)) == sizeof(one) ? 0 : -EIO;
}

EXPORT int virgl_renderer_context_get_poll_fd(uint32_t ctx_id)
{
	return retired;
}

EXPORT void virgl_renderer_context_poll(uint32_t ctx_id)
{
	uint64_t n;

	if (read(retired, &n, sizeof(n)) < 0)
		return;
	for (unsigned i = 0; i < n_fences; i++)
		callbacks->write_context_fence(cookie, ctx_id, fences[i].ring, fences[i].id);
	n_fences = 0;
}

EXPORT int virgl_renderer_create_fence(int client_fence_id, uint32_t ctx_id)
{
	return -EINVAL;
}

EXPORT int virgl_renderer_get_poll_fd(void)
{
	return -1;
}

EXPORT void virgl_renderer_poll(void)
{
}

/* Blobs */

EXPORT int virgl_renderer_resource_create_blob(
	const struct virgl_renderer_resource_create_blob_args *args)
{
	if (args->blob_mem == VIRGL_RENDERER_BLOB_MEM_GUEST)
		return args->num_iovs == 1
			? stand_in_add(args->res_handle, -1, args->iovecs[0].iov_base,
				  args->iovecs[0].iov_len)
			: -EINVAL;
	return stand_in_create(args->res_handle, args->blob_id, args->size);
}

EXPORT int virgl_renderer_resource_export_blob(uint32_t res_id, uint32_t *fd_type, int *fd)
{
	*fd_type = VIRGL_RENDERER_BLOB_FD_TYPE_SHM;
	*fd = stand_in_export(res_id);
	return *fd < 0 ? *fd : 0;
}

EXPORT int virgl_renderer_resource_get_map_info(uint32_t res_handle, uint32_t *map_info)
{
	*map_info = VIRGL_RENDERER_MAP_CACHE_CACHED;
	return 0;
}

EXPORT int virgl_renderer_resource_import_blob(
	const struct virgl_renderer_resource_import_blob_args *args)
{
	return stand_in_add(args->res_handle, args->fd, NULL, args->size);
}

EXPORT void virgl_renderer_resource_unref(uint32_t res_handle)
{
	stand_in_unref(res_handle);
}

EXPORT void virgl_renderer_ctx_attach_resource(int ctx_id, int res_handle)
{
}

EXPORT void virgl_renderer_ctx_detach_resource(int ctx_id, int res_handle)
{
}

EXPORT int virgl_renderer_submit_cmd(void *buffer, int ctx_id, int ndw)
{
	return stand_in_submit(buffer, (uint32_t)ndw);
}

/* What native contexts do without */

EXPORT int virgl_renderer_resource_create(
	struct virgl_renderer_resource_create_args *args, struct iovec *iov, uint32_t num_iovs)
{
	return -EINVAL;
}

EXPORT int virgl_renderer_resource_attach_iov(int res_handle, struct iovec *iov, int num_iovs)
{
	return -EINVAL;
}

EXPORT void virgl_renderer_resource_detach_iov(int res_handle, struct iovec **iov, int *num_iovs)
{
}

EXPORT int virgl_renderer_transfer_write_iov(uint32_t handle, uint32_t ctx_id, int level,
	uint32_t stride, uint32_t layer_stride, struct virgl_box *box, uint64_t offset,
	struct iovec *iovec, unsigned int iovec_cnt)
{
	return -EINVAL;
}

EXPORT int virgl_renderer_transfer_read_iov(uint32_t handle, uint32_t ctx_id, uint32_t level,
	uint32_t stride, uint32_t layer_stride, struct virgl_box *box, uint64_t offset,
	struct iovec *iov, int iovec_cnt)
{
	return -EINVAL;
}

EXPORT int virgl_renderer_execute(void *execute_args, uint32_t execute_size)
{
	return -EINVAL;
}
