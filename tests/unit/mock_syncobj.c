/* A kernel with timelines, without a kernel. */
#include "tests/unit/mock_syncobj.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/sync_file.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-proxy/gpu/virtgpu_ioctl.h"
#include "protocol/base/fd.h"

#define TIMELINE_BYTES 77 /* other memfds are no timelines */

struct mock_syncobj mock_syncobj;

void mock_syncobj_start(void)
{
	mock_syncobj = (struct mock_syncobj){0};
}

void mock_syncobj_stop(void)
{
	for (unsigned i = 0; i < MOCK_TIMELINES; i++) {
		if (mock_syncobj.waits[i].fd)
			fd_close(&mock_syncobj.waits[i].fd);
		mock_syncobj.waits[i].fd = 0;
	}
}

static ino_t timeline_of(int fd)
{
	struct stat status;
	return fstat(fd, &status) == 0 && status.st_size == TIMELINE_BYTES ? status.st_ino : 0;
}

int mock_syncobj_timeline(void)
{
	int fd = fd_memfd("timeline", TIMELINE_BYTES);
	assert_true(fd >= 0);
	return fd;
}

static uint64_t *value_of(ino_t timeline)
{
	unsigned i = 0;
	while (i < MOCK_TIMELINES && mock_syncobj.values[i].timeline &&
		mock_syncobj.values[i].timeline != timeline)
		i++;
	assert_true(i < MOCK_TIMELINES && timeline);
	mock_syncobj.values[i].timeline = timeline;
	return &mock_syncobj.values[i].value;
}

uint64_t mock_syncobj_value(int timeline)
{
	return *value_of(timeline_of(timeline));
}

static void tell_waiting(ino_t timeline)
{
	for (unsigned i = 0; i < MOCK_TIMELINES; i++) {
		if (!mock_syncobj.waits[i].fd || mock_syncobj.waits[i].timeline != timeline ||
			mock_syncobj.waits[i].point > *value_of(timeline))
			continue;
		assert_int_equal(eventfd_write(mock_syncobj.waits[i].fd, 1), 0);
		fd_close(&mock_syncobj.waits[i].fd);
		mock_syncobj.waits[i].fd = 0;
	}
}

static void signal_point(ino_t timeline, uint64_t point)
{
	uint64_t *value = value_of(timeline);
	if (point > *value)
		*value = point;
	tell_waiting(timeline);
}

void mock_syncobj_signal(int timeline, uint64_t point)
{
	signal_point(timeline_of(timeline), point);
}

unsigned mock_syncobj_names(void)
{
	unsigned n = 0;
	for (unsigned i = 0; i < MOCK_TIMELINES; i++)
		n += mock_syncobj.names[i].handle != 0;
	return n;
}

static int find_name(uint32_t handle)
{
	for (int i = 0; i < MOCK_TIMELINES; i++) {
		if (handle && mock_syncobj.names[i].handle == handle)
			return i;
	}
	return -ENOENT;
}

static int import(struct drm_syncobj_handle *argument)
{
	ino_t timeline = timeline_of(argument->fd);
	if (!timeline)
		return -EINVAL;
	for (int i = 0; i < MOCK_TIMELINES; i++) {
		if (mock_syncobj.names[i].handle)
			continue;
		mock_syncobj.names[i].handle = argument->handle = ++mock_syncobj.last_handle;
		mock_syncobj.names[i].timeline = timeline;
		return 0;
	}
	return -ENOMEM;
}

static int destroy(const struct drm_syncobj_destroy *argument)
{
	int name = find_name(argument->handle);
	assert_true(name >= 0);
	mock_syncobj.names[name].handle = 0;
	return 0;
}

static int wait_for(const struct virtgpu_syncobj_eventfd *argument)
{
	int name = find_name(argument->handle);
	if (name < 0)
		return name;
	assert_int_equal(argument->flags, 0);
	ino_t timeline = mock_syncobj.names[name].timeline;
	for (int i = 0; i < MOCK_TIMELINES; i++) {
		if (mock_syncobj.waits[i].fd)
			continue;
		mock_syncobj.waits[i].fd = fd_dup(argument->fd);
		mock_syncobj.waits[i].timeline = timeline;
		mock_syncobj.waits[i].point = argument->point;
		tell_waiting(timeline);
		return 0;
	}
	return -ENOMEM;
}

static int signal_by_name(const struct drm_syncobj_timeline_array *argument)
{
	const uint32_t *handles = (const uint32_t *)(uintptr_t)argument->handles;
	const uint64_t *points = (const uint64_t *)(uintptr_t)argument->points;
	assert_int_equal(argument->count_handles, 1);
	int name = find_name(handles[0]);
	if (name >= 0)
		signal_point(mock_syncobj.names[name].timeline, points[0]);
	return name < 0 ? name : 0;
}

static int get_cap(struct drm_get_cap *argument)
{
	assert_int_equal(argument->capability, DRM_CAP_SYNCOBJ_TIMELINE);
	argument->value = !mock_syncobj.no_timelines;
	return 0;
}

int virtgpu_ioctl(int fd, unsigned long request, void *argument)
{
	if (request == SYNC_IOC_FILE_INFO) { /* pipes are sync files */
		struct stat status;
		return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) ? 0 : -ENOTTY;
	}
	mock_syncobj.drm = fd;
	if (request == mock_syncobj.failing)
		return mock_syncobj.failing_with;
	switch (request) {
	case DRM_IOCTL_GET_CAP:
		return get_cap(argument);
	case DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE:
		return import(argument);
	case DRM_IOCTL_SYNCOBJ_DESTROY:
		return destroy(argument);
	case VIRTGPU_IOCTL_SYNCOBJ_EVENTFD:
		return mock_syncobj.no_eventfd ? -EINVAL : wait_for(argument);
	case DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL:
		return signal_by_name(argument);
	default:
		return -EINVAL;
	}
}
