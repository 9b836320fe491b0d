/* System calls on a virtio-gpu render node. */
#include "guest-proxy/virtgpu_ioctl.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

int virtgpu_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int virtgpu_device(int fd, dev_t *device)
{
	struct stat status;
	if (fstat(fd, &status) < 0)
		return -errno;
	*device = status.st_rdev;
	return 0;
}

int virtgpu_ioctl(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument) < 0 ? -errno : 0;
}

void *virtgpu_mmap(int fd, uint64_t offset, size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
	return map == MAP_FAILED ? NULL : map;
}
