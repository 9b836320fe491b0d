/* guest-proxy/gpu/syncobj.c */
#include "guest-proxy/gpu/syncobj.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "guest-proxy/gpu/virtgpu_ioctl.h"
#include "protocol/base/fd.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/mock_syncobj.h"

static int fds_before;

static int setup(void **state)
{
	fds_before = fd_count();
	mock_syncobj_start();
	return 0;
}

static int teardown(void **state)
{
	mock_syncobj_stop();
	assert_int_equal(mock_syncobj_names(), 0);
	assert_int_equal(fd_count(), fds_before);
	return 0;
}

static bool readable(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	return poll(&pollfd, 1, 0) == 1;
}

static void a_device_without_timelines_or_the_eventfd_is_left_alone(void **state)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC), same = fd;
	mock_syncobj.no_timelines = true;
	assert_null(syncobj_device_create(&fd));
	mock_syncobj = (struct mock_syncobj){.no_eventfd = true};
	assert_null(syncobj_device_create(&fd));
	assert_int_equal(fd, same);
	fd_close(&fd);
	syncobj_device_destroy(NULL);
}

static void a_point_is_waited_for_and_signalled(void **state)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC), drm = fd;
	int timeline = mock_syncobj_timeline();
	uint32_t handle;
	struct syncobj_device *device = syncobj_device_create(&fd);
	assert_non_null(device);
	assert_int_equal(fd, -1);
	assert_int_equal(syncobj_import(device, timeline, &handle), 0);
	assert_int_equal(mock_syncobj.drm, drm);
	int wait = syncobj_wait(device, handle, UINT64_C(0x100000002));
	assert_true(wait >= 0);
	assert_int_equal(syncobj_signal(device, handle, UINT64_C(0x100000001)), 0);
	assert_false(readable(wait));
	mock_syncobj_signal(timeline, UINT64_C(0x100000002));
	assert_true(readable(wait));
	fd_close(&wait);
	syncobj_release(device, handle);
	syncobj_device_destroy(device);
	fd_close(&timeline);
}

static void errors_of_the_kernel_are_handed_on(void **state)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC), other = fd_dup(fd);
	uint32_t handle;
	struct syncobj_device *device = syncobj_device_create(&fd);
	assert_int_equal(syncobj_import(device, other, &handle), -EINVAL);
	assert_int_equal(syncobj_wait(device, 5, 1), -ENOENT);
	assert_int_equal(syncobj_signal(device, 5, 1), -ENOENT);
	mock_syncobj.failing = VIRTGPU_IOCTL_SYNCOBJ_EVENTFD;
	mock_syncobj.failing_with = -ENOMEM;
	assert_int_equal(syncobj_wait(device, 5, 1), -ENOMEM);
	syncobj_device_destroy(device);
	fd_close(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_device_without_timelines_or_the_eventfd_is_left_alone),
		TEST(a_point_is_waited_for_and_signalled),
		TEST(errors_of_the_kernel_are_handed_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
