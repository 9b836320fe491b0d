/* guest-proxy/fences/explicit_sync.c, with its points: timeline.c, release_points.c */
#include "guest-proxy/fences/explicit_sync.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-proxy/gpu/syncobj.h"
#include "guest-proxy/gpu/virtgpu_ioctl.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "tests/unit/clients_count.h"
#include "tests/unit/dmabuf_rig.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/mock_syncobj.h"

#define MANAGER "wp_linux_drm_syncobj_manager_v1"

/* What an application has, by the ids that it knows them by. */
static struct {
	uint32_t compositor, dmabuf_manager, manager, surface, sync, buffer;
	uint32_t acquire, release; /* timelines */
	int acquire_fd, release_fd;
	int dmabuf, finish;
	uint32_t host_buffer;
} it;
static int fds_at_start;

static int setup_sync(void **state)
{
	int node = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds_at_start = fd_count() - 1;
	it.acquire_fd = it.release_fd = it.dmabuf = it.finish = -1;
	mock_syncobj_start();
	struct syncobj_device *device = syncobj_device_create(&node);
	setup(state);
	gpu.syncobjs = device;
	return device ? 0 : -1;
}

static void end(void)
{
	fd_close(&it.acquire_fd);
	fd_close(&it.release_fd);
	fd_close(&it.dmabuf);
	fd_close(&it.finish);
	mock_syncobj_stop();
}

static int teardown_sync(void **state)
{
	struct syncobj_device *device = gpu.syncobjs;
	end();
	teardown(state);
	assert_int_equal(mock_syncobj_names(), 0);
	syncobj_device_destroy(device);
	assert_int_equal(fd_count(), fds_at_start);
	return 0;
}

static uint32_t import(int timeline)
{
	uint32_t id = rig_new_id(&app.peer);
	ask_with(it.manager, "import_timeline", RIG_ARGS({.id = id}, {.i = 0}), timeline);
	return id;
}

/* A surface with explicit synchronisation, a buffer that the GPU has not finished, and timelines.
 */
static void begin(void)
{
	memset(&it, 0, sizeof(it));
	it.acquire_fd = mock_syncobj_timeline();
	it.release_fd = mock_syncobj_timeline();
	it.dmabuf = make_dmabuf(false, &it.finish);
	announce(4);
	it.compositor = bind_global(COMPOSITOR_GLOBAL, "wl_compositor", 4);
	it.dmabuf_manager = bind_dmabuf(3);
	it.surface = rig_new_id(&app.peer);
	ask(it.compositor, "create_surface", RIG_ARGS({.id = it.surface}));
	it.buffer = make_buffer(it.dmabuf_manager, it.dmabuf);
	it.host_buffer = 7;
	it.manager = bind_global(OWN_SYNCOBJ_NAME, MANAGER, 1);
	it.sync = rig_new_id(&app.peer);
	ask(it.manager, "get_surface", RIG_ARGS({.id = it.sync}, {.id = it.surface}));
	it.acquire = import(it.acquire_fd);
	it.release = import(it.release_fd);
	expect(&host, ""); /* it hears nothing of all that */
	forget_what_was_said();
}

static void set(const char *which, uint32_t timeline, uint64_t value)
{
	ask(it.sync, which, RIG_ARGS({.id = timeline}, HI(value), LO(value)));
}

static void attach(uint32_t buffer)
{
	ask(it.surface, "attach", RIG_ARGS({.id = buffer}, {.i = 0}, {.i = 0}));
}

/* A commit of the buffer with these points. */
static void commit(uint64_t acquire, uint64_t release)
{
	attach(it.buffer);
	set("set_acquire_point", it.acquire, acquire);
	set("set_release_point", it.release, release);
	ask(it.surface, "commit", NULL);
}

static void timelines_are_offered_where_the_kernel_has_them(void **state)
{
	struct syncobj_device *device = gpu.syncobjs;
	char text[256];
	announce(4);
	snprintf(text, sizeof(text),
		"global %u wl_drm 2; global %u " MANAGER " 1; global 4294901764 "
		"zwp_linux_explicit_synchronization_v1 2; global 7 " DMABUF " %u; ",
		UINT32_C(0xffff0002), OWN_SYNCOBJ_NAME, dmabuf_version);
	expect(&app, text);
	tell(host_registry, "global_remove", RIG_ARGS({.u = DMABUF_GLOBAL}));
	snprintf(text, sizeof(text),
		"global_remove %u; global_remove %u; global_remove 4294901764; global_remove 7; ",
		UINT32_C(0xffff0002), OWN_SYNCOBJ_NAME);
	expect(&app, text);
	tell(host_registry, "global",
		RIG_ARGS({.u = OWN_SYNCOBJ_NAME}, {.s = "wl_seat"}, {.u = 4}));
	tell(host_registry, "global", RIG_ARGS({.u = 9}, {.s = MANAGER}, {.u = 1}));
	expect(&app, "");
	again(state);
	announce(4);
	assert_null(strstr(app.said, MANAGER));
	gpu.syncobjs = device;
}

static void a_commit_waits_for_its_acquire_point_and_not_for_the_gpu(void **state)
{
	begin();
	commit(UINT64_C(0x300000005), 1);
	ask(it.surface, "damage", RIG_ARGS({.i = 1}, {.i = 2}, {.i = 3}, {.i = 4}));
	expect(&host, "attach 7 0 0; ");
	mock_syncobj_signal(it.acquire_fd, UINT64_C(0x300000004));
	run();
	expect(&host, "");
	mock_syncobj_signal(it.acquire_fd, UINT64_C(0x300000005));
	run();
	expect(&host, "commit; damage 1 2 3 4; ");
	commit(UINT64_C(0x300000003), 2); /* one that is past */
	expect(&host, "attach 7 0 0; sync 8; commit; ");
	expect_counters("\nexplicit_frames 2\nexplicit_waits 1\n");
	expect(&app, "");
}

/* Only that window: others of the application go on, and the display answers it. */
static void one_window_waits_and_no_other(void **state)
{
	begin();
	uint32_t other = rig_new_id(&app.peer), callback = rig_new_id(&app.peer);
	commit(3, 1);
	ask(it.buffer, "destroy", NULL); /* not before the commit that shows it */
	ask(it.acquire, "destroy", NULL);
	ask(it.surface, "damage", RIG_ARGS({.i = 1}, {.i = 2}, {.i = 3}, {.i = 4}));
	expect(&host, "attach 7 0 0; ");
	ask(it.compositor, "create_surface", RIG_ARGS({.id = other}));
	ask(other, "commit", NULL);
	ask(1, "sync", RIG_ARGS({.id = callback}));
	expect(&host, "create_surface 8; commit; sync 9; ");
	mock_syncobj_signal(it.acquire_fd, 3);
	run();
	expect(&host, "commit; damage 1 2 3 4; ");
	tell(it.host_buffer, "release", NULL);
	expect(&host, "destroy; ");
	assert_int_equal(mock_syncobj_value(it.release_fd), 1);
	expect(&app, "");
}

/* The connection goes on with frames of two windows, whichever is finished first. */
static void two_windows_wait_each_for_its_own_point(void **state)
{
	begin();
	uint32_t buffer = make_buffer(it.dmabuf_manager, it.dmabuf);
	uint32_t other = rig_new_id(&app.peer), sync = rig_new_id(&app.peer);
	ask(it.compositor, "create_surface", RIG_ARGS({.id = other}));
	ask(it.manager, "get_surface", RIG_ARGS({.id = sync}, {.id = other}));
	forget_what_was_said();
	commit(3, 1);
	ask(other, "attach", RIG_ARGS({.id = buffer}, {.i = 1}, {.i = 1}));
	ask(sync, "set_acquire_point", RIG_ARGS({.id = it.acquire}, HI(2), LO(2)));
	ask(sync, "set_release_point", RIG_ARGS({.id = it.release}, HI(2), LO(2)));
	ask(other, "commit", NULL);
	ask(other, "damage", RIG_ARGS({.i = 5}, {.i = 6}, {.i = 7}, {.i = 8}));
	expect(&host, "attach 7 0 0; attach 9 1 1; ");
	mock_syncobj_signal(it.acquire_fd, 2);
	run();
	expect(&host, "commit; damage 5 6 7 8; ");
	mock_syncobj_signal(it.acquire_fd, 3);
	run();
	expect(&host, "commit; ");
	expect(&app, "");
}

static void points_are_of_one_commit(void **state)
{
	begin();
	mock_syncobj_signal(it.acquire_fd, 9);
	commit(1, 1);
	ask(it.surface, "commit", NULL); /* nothing is attached */
	attach(0);
	ask(it.surface, "commit", NULL);
	expect(&host, "attach 7 0 0; commit; commit; attach 0 0 0; commit; ");
	expect(&app, "");
}

static void the_release_point_is_signalled_when_the_host_releases_the_buffer(void **state)
{
	begin();
	mock_syncobj_signal(it.acquire_fd, 1);
	commit(1, 5);
	ask(it.release, "destroy", NULL); /* what was set stays */
	ask(it.sync, "destroy", NULL);
	assert_int_equal(mock_syncobj_value(it.release_fd), 0);
	tell(it.host_buffer, "release", NULL);
	assert_int_equal(mock_syncobj_value(it.release_fd), 5);
	expect(&app, "release; ");
}

static void a_buffer_that_is_destroyed_is_still_released(void **state)
{
	begin();
	mock_syncobj_signal(it.acquire_fd, 1);
	commit(1, 5);
	ask(it.buffer, "destroy", NULL);
	uint32_t other = make_buffer(it.dmabuf_manager, it.dmabuf); /* its id may be the same */
	host.n_said = 0;
	ask(it.surface, "destroy", NULL);
	expect(&host, "destroy; ");
	assert_int_equal(mock_syncobj_value(it.release_fd), 0);
	tell(it.host_buffer, "release", NULL);
	assert_int_equal(mock_syncobj_value(it.release_fd), 5);
	expect(&host, "destroy; ");
	expect(&app, "");
	ask(other, "destroy", NULL);
	expect(&host, "destroy; ");
}

static void a_release_is_not_about_a_commit_that_was_on_its_way(void **state)
{
	begin();
	mock_syncobj_signal(it.acquire_fd, 1);
	commit(1, 5);
	commit(1, 6);
	commit(1, 7);
	expect(&host,
		"attach 7 0 0; commit; attach 7 0 0; sync 8; commit; attach 7 0 0; sync 9; "
		"commit; ");
	tell(it.host_buffer, "release", NULL);
	assert_int_equal(mock_syncobj_value(it.release_fd), 5);
	tell(8, "done", RIG_ARGS({.u = 0}));
	tell(it.host_buffer, "release", NULL);
	assert_int_equal(mock_syncobj_value(it.release_fd), 6);
	tell(9, "done", RIG_ARGS({.u = 0}));
	assert_int_equal(mock_syncobj_value(it.release_fd), 6);
	tell(it.host_buffer, "release", NULL);
	assert_int_equal(mock_syncobj_value(it.release_fd), 7);
	expect(&app, "release; release; release; ");
}

static void one_release_is_enough_for_all_commits_before_it(void **state)
{
	begin();
	mock_syncobj_signal(it.acquire_fd, 1);
	commit(1, 5);
	commit(1, 6);
	tell(8, "done", RIG_ARGS({.u = 0}));
	tell(it.host_buffer, "release", NULL);
	assert_int_equal(mock_syncobj_value(it.release_fd), 6);
	commit(1, 7);
	expect(&host, "attach 7 0 0; commit; attach 7 0 0; sync 8; commit; attach 7 0 0; commit; ");
}

static void points_of_one_buffer_have_a_bound(void **state)
{
	begin();
	mock_syncobj_signal(it.acquire_fd, 1);
	for (uint64_t i = 0; i < 1025; i++) {
		assert_null(strstr(app.said, "error"));
		forget_what_was_said();
		commit(1, 5 + i);
	}
	assert_non_null(strstr(app.said, "error 1 2; "));
}

static void leave(void)
{
	fd_close(&fd);
	for (int i = 0; i < 100 && clients_count(clients) > 0; i++)
		wl_event_loop_dispatch(loop, 100);
	assert_int_equal(clients_count(clients), 0);
}

static void a_client_that_goes_leaves_all_points_signalled(void **state)
{
	begin();
	mock_syncobj_signal(it.acquire_fd, 1);
	commit(1, 5);
	commit(1, 6); /* its callback is not done */
	leave();
	assert_int_equal(mock_syncobj_value(it.release_fd), 6);
}

static void a_client_may_go_while_its_commit_is_held(void **state)
{
	begin();
	commit(1, 5);
	leave();
	assert_int_equal(mock_syncobj_value(it.release_fd), 5);
}

static void expect_error(uint32_t id, unsigned code)
{
	char text[64];
	snprintf(text, sizeof(text), "error %u %u; ", id, code);
	expect(&app, text);
}

/* Another client, of the same device. */
static void begin_again(void **state)
{
	struct syncobj_device *device = gpu.syncobjs;
	end();
	again(state);
	gpu.syncobjs = device;
	begin();
}

static void what_is_no_timeline_is_refused(void **state)
{
	begin();
	int other = open("/dev/null", O_RDWR | O_CLOEXEC);
	import(other);
	expect_error(it.manager, 1);
	fd_close(&other);
	begin_again(state);
	mock_syncobj.failing = DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE;
	mock_syncobj.failing_with = -ENOMEM;
	import(it.acquire_fd);
	expect_error(1, 2);
}

static void a_surface_has_one_such_object(void **state)
{
	begin();
	ask(it.sync, "destroy", NULL);
	uint32_t second = rig_new_id(&app.peer);
	ask(it.manager, "get_surface", RIG_ARGS({.id = second}, {.id = it.surface}));
	expect(&app, "");
	ask(it.manager, "get_surface", RIG_ARGS({.id = rig_new_id(&app.peer)}, {.id = it.surface}));
	expect_error(it.manager, 0);
}

static void points_without_a_surface_are_refused(void **state)
{
	static const char *const requests[] = {"set_acquire_point", "set_release_point"};
	for (int i = 0; i < 2; i++) {
		if (i == 0)
			begin();
		else
			begin_again(state);
		ask(it.surface, "destroy", NULL);
		ask(it.manager, "destroy", NULL);
		set(requests[i], it.acquire, 1);
		expect_error(it.sync, 1);
	}
}

static void commits_whose_points_are_wrong_are_refused(void **state)
{
	enum { NONE, ATTACH = 1, ACQUIRE = 2, RELEASE = 4, SAME = 8, OTHER = 16, NULLED = 32 };
	static const struct {
		int what;
		unsigned acquire, release, error;
	} cases[] = {
		{ACQUIRE, 1, 1, 3},
		{RELEASE, 1, 1, 3},
		{NULLED | ACQUIRE | RELEASE, 1, 1, 3},
		{ATTACH, 1, 1, 4},
		{ATTACH | RELEASE, 1, 1, 4},
		{ATTACH | ACQUIRE, 1, 1, 5},
		{ATTACH | ACQUIRE | RELEASE | SAME, 2, 2, 6},
		{ATTACH | ACQUIRE | RELEASE | SAME, 3, 2, 6},
		{ATTACH | ACQUIRE | RELEASE | OTHER, 1, 1, 2},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		int what = cases[i].what;
		if (i == 0)
			begin();
		else
			begin_again(state);
		if (what & OTHER) /* a buffer of another kind of the host's */
			it.buffer = make_pixel_buffer();
		mock_syncobj_signal(it.acquire_fd, 9);
		if (what & (ATTACH | NULLED))
			attach(what & NULLED ? 0 : it.buffer);
		if (what & ACQUIRE)
			set("set_acquire_point", it.acquire, cases[i].acquire);
		if (what & RELEASE)
			set("set_release_point", what & SAME ? it.acquire : it.release,
				cases[i].release);
		forget_what_was_said();
		ask(it.surface, "commit", NULL);
		expect_error(it.sync, cases[i].error);
		expect(&host, "");
	}
}

static void what_was_set_goes_with_the_object(void **state)
{
	begin();
	set("set_acquire_point", it.acquire, 1);
	ask(it.sync, "destroy", NULL);
	assert_int_equal(write(it.finish, "", 1), 1);
	attach(it.buffer);
	ask(it.surface, "commit", NULL);
	expect(&app, "");
	expect(&host, "attach 7 0 0; commit; ");
}

static void a_point_that_cannot_be_waited_for_ends_the_client(void **state)
{
	begin();
	mock_syncobj.failing = VIRTGPU_IOCTL_SYNCOBJ_EVENTFD;
	mock_syncobj.failing_with = -ENODEV;
	commit(1, 5);
	expect_error(1, 3);
	begin_again(state);
	mock_syncobj.failing_with = -ENOMEM;
	commit(1, 5);
	expect_error(1, 2);
}

static void a_point_that_cannot_be_signalled_ends_nobody(void **state)
{
	begin();
	mock_syncobj_signal(it.acquire_fd, 1);
	commit(1, 5);
	mock_syncobj.failing = DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL;
	mock_syncobj.failing_with = -ENODEV;
	tell(it.host_buffer, "release", NULL);
	expect(&app, "release; ");
}

/* Many frames and buffers leave nothing: the end of the test counts. */
static void a_thousand_buffers_leave_nothing(void **state)
{
	begin();
	mock_syncobj_signal(it.acquire_fd, 1);
	for (unsigned i = 0; i < 1000; i++) {
		commit(1, i + 1);
		ask(it.buffer, "destroy", NULL);
		it.buffer = make_buffer(it.dmabuf_manager, it.dmabuf);
		tell(it.host_buffer, "release", NULL);
		assert_int_equal(mock_syncobj_value(it.release_fd), i + 1);
		tell(1, "delete_id", RIG_ARGS({.u = it.host_buffer}));
		const char *made = strstr(host.said, "create_immed ");
		assert_non_null(made);
		it.host_buffer = (uint32_t)atoi(made + strlen("create_immed "));
		forget_what_was_said();
	}
	assert_int_equal(mock_syncobj_names(), 2);
	expect_counters("\nlive_timelines 2\n");
	ask(it.acquire, "destroy", NULL);
	expect_counters("\nlive_timelines 1\n");
	leave();
	expect_counters("\nlive_timelines 0\n");
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_sync, teardown_sync)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(timelines_are_offered_where_the_kernel_has_them),
		TEST(a_commit_waits_for_its_acquire_point_and_not_for_the_gpu),
		TEST(one_window_waits_and_no_other),
		TEST(two_windows_wait_each_for_its_own_point),
		TEST(points_are_of_one_commit),
		TEST(the_release_point_is_signalled_when_the_host_releases_the_buffer),
		TEST(a_buffer_that_is_destroyed_is_still_released),
		TEST(a_release_is_not_about_a_commit_that_was_on_its_way),
		TEST(points_of_one_buffer_have_a_bound),
		TEST(one_release_is_enough_for_all_commits_before_it),
		TEST(a_client_that_goes_leaves_all_points_signalled),
		TEST(a_client_may_go_while_its_commit_is_held),
		TEST(what_is_no_timeline_is_refused),
		TEST(a_surface_has_one_such_object),
		TEST(points_without_a_surface_are_refused),
		TEST(commits_whose_points_are_wrong_are_refused),
		TEST(what_was_set_goes_with_the_object),
		TEST(a_point_that_cannot_be_waited_for_ends_the_client),
		TEST(a_point_that_cannot_be_signalled_ends_nobody),
		TEST(a_thousand_buffers_leave_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
