/*
 * Preloaded into wayferry-host, and by it into its workers: a kernel that has dma-bufs where there
 * are none. It has a /dev/udmabuf, and memfds that cannot grow and can be sealed further, as the
 * stand-in for libgbm makes them and nobody else, are said to be dma-bufs. Those of udmabuf show
 * zeroes and not the guest's memory: this is for compositors that do not look.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define DMA_BUF_MAGIC 0x444d4142

#ifdef __USE_FILE_OFFSET64
#define NAME(function) #function "64"
#else
#define NAME(function) #function
#endif

/* The kernel's @function, as it were, into a pointer to it. */
static void find_next(void *pointer, const char *function)
{
	*(void **)pointer = dlsym(RTLD_NEXT, function);
}

int open(const char *path, int flags, ...)
{
	int (*next)(const char *, int, ...);
	va_list arguments;

	find_next(&next, NAME(open));
	va_start(arguments, flags);
	int mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, int) : 0;
	va_end(arguments);
	return next(strcmp(path, "/dev/udmabuf") == 0 ? "/dev/null" : path, flags, mode);
}

static int make(const struct udmabuf_create_list *list)
{
	off_t bytes = 0;

	for (unsigned i = 0; i < list->count; i++)
		bytes += (off_t)list->list[i].size;
	int fd = memfd_create("dma-buf", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, bytes) == 0)
		return fd;
	close(fd);
	return -1;
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*next)(int, unsigned long, ...);
	va_list arguments;

	find_next(&next, "ioctl");
	va_start(arguments, request);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);
	return request == UDMABUF_CREATE_LIST ? make(argument) : next(fd, request, argument);
}

static bool is_dmabuf(int fd)
{
	const int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & (F_SEAL_GROW | F_SEAL_SEAL)) == F_SEAL_GROW;
}

/* A dma-buf is of no kind of file that stat(2) knows. */
int fstat(int fd, struct stat *status)
{
	int (*next)(int, struct stat *);

	find_next(&next, NAME(fstat));
	int result = next(fd, status);

	if (result == 0 && is_dmabuf(fd))
		status->st_mode &= ~(mode_t)S_IFMT;
	return result;
}

int fstatfs(int fd, struct statfs *status)
{
	int (*next)(int, struct statfs *);

	find_next(&next, NAME(fstatfs));
	int result = next(fd, status);

	if (result == 0 && is_dmabuf(fd))
		status->f_type = DMA_BUF_MAGIC;
	return result;
}
