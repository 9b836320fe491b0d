/* Memory that a worker passes to the device. */
#include "host-bridge/render/renderer_blob.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/virtio_gpu.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "protocol/base/bytes.h"

#ifndef DMA_BUF_MAGIC
#define DMA_BUF_MAGIC 0x444d4142
#endif
#ifndef HUGETLBFS_MAGIC
#define HUGETLBFS_MAGIC 0x958458f6
#endif

static int check_kind(int fd, bool *is_dmabuf)
{
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return -EBADF;
	*is_dmabuf = (uint32_t)fs.f_type == DMA_BUF_MAGIC;
	if (*is_dmabuf)
		return 0;
	if ((uint32_t)fs.f_type != TMPFS_MAGIC && (uint32_t)fs.f_type != HUGETLBFS_MAGIC)
		return -EBADF;
	/* A file that shrinks would kill with SIGBUS whoever has mapped it. */
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0)
		return -EPERM;
	if (!(seals & F_SEAL_SHRINK) && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		return -EPERM;
	return (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR ? 0 : -EPERM;
}

int renderer_blob_check(int fd, const struct renderer_answer *answer, uint64_t size)
{
	bool is_dmabuf;
	int error = check_kind(fd, &is_dmabuf);

	if (error < 0)
		return error;
	if (answer->blob.map_info > VIRTIO_GPU_MAP_CACHE_WC || answer->blob.size != size ||
		answer->blob.fd_offset % PAGE_BYTES != 0 ||
		is_dmabuf != (answer->blob.fd_type == RENDERER_FD_DMABUF))
		return -EINVAL;
	if (answer->blob.fd_type != RENDERER_FD_DMABUF &&
		answer->blob.fd_type != RENDERER_FD_OPAQUE &&
		answer->blob.fd_type != RENDERER_FD_SHM)
		return -EINVAL;
	off_t end = lseek(fd, 0, SEEK_END);
	if (end < 0)
		return -EBADF;
	return range_fits(answer->blob.fd_offset, size, (uint64_t)end) ? 0 : -EMSGSIZE;
}
