/*
 * A stand-in for /dev/udmabuf, preloaded into wayferry-renderer where the kernel has none: the
 * "dma-buf" that it makes of a memfd is that memfd, opened anew. llvmpipe and lavapipe map both
 * alike; whoever asks the kernel what it is sees plain memory.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

static int open_as(const char *function, const char *path, int flags, int mode)
{
	int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, function);
	return next(strcmp(path, "/dev/udmabuf") == 0 ? "/dev/null" : path, flags, mode);
}

#define OPEN(name)                                                                                 \
	int name(const char *path, int flags, ...)                                                 \
	{                                                                                          \
		va_list arguments;                                                                 \
		va_start(arguments, flags);                                                        \
		int mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, int) : 0;           \
		va_end(arguments);                                                                 \
		return open_as(#name, path, flags, mode);                                          \
	}

OPEN(open)
OPEN(open64)

static int make(const struct udmabuf_create *create)
{
	char path[32];

	if (create->offset != 0) {
		errno = ENOTSUP;
		return -1;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%u", create->memfd);
	return open(path, O_RDWR | O_CLOEXEC);
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*next)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
	va_list arguments;

	va_start(arguments, request);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);
	return request == UDMABUF_CREATE ? make(argument) : next(fd, request, argument);
}
