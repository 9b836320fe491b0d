/* System calls on a virtio-gpu render node. */
#include "guest-proxy/gpu/virtgpu_ioctl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* The directory is watched: the file itself has no event while somebody has it open. */
int virtgpu_watch(const char *path)
{
	char directory[PATH_MAX];
	size_t length = (size_t)(name_of(path) - path);
	if (length + 2 > sizeof(directory))
		return -ENAMETOOLONG;
	memcpy(directory, path, length);
	memcpy(directory + length, ".", 2);
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch >= 0 && inotify_add_watch(watch, directory, IN_DELETE | IN_MOVED_FROM) >= 0)
		return watch;
	int error = -errno;
	if (watch >= 0)
		close(watch);
	return error;
}

bool virtgpu_watch_removed(int watch, const char *path)
{
	_Alignas(struct inotify_event) char bytes[4096];
	bool removed = false;
	ssize_t n;
	while ((n = read(watch, bytes, sizeof(bytes))) > 0) {
		const struct inotify_event *event;
		for (const char *at = bytes; at < bytes + n; at += sizeof(*event) + event->len) {
			event = (const struct inotify_event *)at;
			removed |= event->mask & (IN_IGNORED | IN_Q_OVERFLOW) ||
				(event->len > 0 && strcmp(event->name, name_of(path)) == 0);
		}
	}
	return removed;
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
