/* guest-proxy/dmabuf/dmabuf_wait.c */
#include "guest-proxy/dmabuf/dmabuf_wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/base/monotonic.h"
#include "tests/unit/clients_count.h"
#include "tests/unit/dmabuf_rig.h"

/* Frames that are not finished */

/* A surface with a buffer of @n dma-bufs attached; its id. */
static uint32_t attach_planes(const int *dmabufs, unsigned n)
{
	announce(4);
	uint32_t compositor = bind_global(COMPOSITOR_GLOBAL, "wl_compositor", 4);
	uint32_t surface = rig_new_id(&app.peer);
	ask(compositor, "create_surface", RIG_ARGS({.id = surface}));
	uint32_t params = new_params(bind_dmabuf(3)), buffer = rig_new_id(&app.peer);
	for (unsigned i = 0; i < n; i++)
		add(params, dmabufs[i], i);
	ask(params, "create_immed",
		RIG_ARGS({.id = buffer}, {.i = 16}, {.i = 16}, {.u = XR24}, {.u = 0}));
	host.n_said = 0;
	ask(surface, "attach", RIG_ARGS({.id = buffer}, {.i = 0}, {.i = 0}));
	expect(&host, "attach 7 0 0; ");
	return surface;
}

static uint32_t attach(int dmabuf)
{
	return attach_planes(&dmabuf, 1);
}

static void a_commit_waits_until_its_frame_is_finished(void **state)
{
	int finish, dmabuf = make_dmabuf(false, &finish);
	uint32_t surface = attach(dmabuf);
	ask(surface, "commit", NULL);
	ask(surface, "damage", RIG_ARGS({.i = 1}, {.i = 2}, {.i = 3}, {.i = 4}));
	ask(surface, "commit", NULL);
	expect(&host, "");
	assert_int_equal(write(finish, "", 1), 1);
	run();
	expect(&host, "commit; damage 1 2 3 4; commit; ");
	ask(surface, "commit", NULL);
	expect(&host, "commit; ");
	fd_close(&dmabuf);
	fd_close(&finish);
}

static void a_commit_that_waits_for_each_of_its_planes_is_counted_once(void **state)
{
	int finish[2], dmabufs[2];
	for (int i = 0; i < 2; i++)
		dmabufs[i] = make_dmabuf(false, &finish[i]);
	uint32_t surface = attach_planes(dmabufs, 2);
	ask(surface, "commit", NULL);
	expect_counters("\ndmabuf_waits 1\n");
	for (int i = 0; i < 2; i++) {
		expect(&host, "");
		assert_int_equal(write(finish[i], "", 1), 1);
		run();
	}
	expect(&host, "commit; ");
	expect_counters("\ndmabuf_waits 1\n");
	char byte;
	assert_int_equal(read(dmabufs[1], &byte, 1), 1); /* it is drawn into again */
	ask(surface, "attach", RIG_ARGS({.id = surface + 3}, {.i = 0}, {.i = 0}));
	ask(surface, "commit", NULL);
	expect(&host, "attach 7 0 0; ");
	expect_counters("\ndmabuf_waits 2\n");
	for (int i = 0; i < 2; i++) {
		fd_close(&dmabufs[i]);
		fd_close(&finish[i]);
	}
}

/* Its buffer must not go before the commit that shows it. */
static void a_buffer_waits_with_its_commit(void **state)
{
	int finish, dmabuf = make_dmabuf(false, &finish);
	uint32_t surface = attach(dmabuf), buffer = surface + 3;
	ask(surface, "commit", NULL);
	ask(buffer, "destroy", NULL);
	ask(1, "sync", RIG_ARGS({.id = rig_new_id(&app.peer)}));
	expect(&host, "sync 8; ");
	assert_int_equal(write(finish, "", 1), 1);
	run();
	expect(&host, "commit; destroy; ");
	expect(&app, "");
	fd_close(&dmabuf);
	fd_close(&finish);
}

static void others_do_not_wait(void **state)
{
	int finish, dmabuf = make_dmabuf(false, &finish), ends[2], first = fd;
	struct channel *first_channel = fake_channel;
	uint32_t surface = attach(dmabuf);
	ask(surface, "commit", NULL);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	clients_add(clients, ends[1]);
	fake_channel->send = deliver_to_host;
	static struct end first_app, first_host;
	first_app = app;
	first_host = host;
	rig_peer_init(&app.peer, RELAY_DOWN, hear, NULL);
	rig_peer_init(&host.peer, RELAY_UP, hear, NULL);
	fd = ends[0];
	ask(1, "get_registry", RIG_ARGS({.id = rig_new_id(&app.peer)}));
	expect(&host, "get_registry 2; ");
	fd_close(&fd);
	for (int i = 0; i < 3; i++)
		wl_event_loop_dispatch(loop, 0);
	fd = first;
	fake_channel = first_channel;
	app = first_app;
	host = first_host;
	fd_close(&dmabuf);
	fd_close(&finish);
}

static void a_client_may_go_while_its_frame_is_not_finished(void **state)
{
	int finish, dmabuf = make_dmabuf(false, &finish);
	ask(attach(dmabuf), "commit", NULL);
	fd_close(&fd);
	run();
	assert_int_equal(write(finish, "", 1), 1);
	run();
	for (int i = 0; i < 100 && clients_count(clients) > 0; i++)
		wl_event_loop_dispatch(loop, 100);
	assert_int_equal(clients_count(clients), 0);
	fd_close(&dmabuf);
	fd_close(&finish);
}

/* The compositor says that the surface is gone, which nobody has asked for: what else waits goes
 * on. */
static void nothing_waits_for_a_surface_that_has_gone(void **state)
{
	int finish, dmabuf = make_dmabuf(false, &finish);
	uint32_t surface = attach(dmabuf), manager = surface + 1;
	ask(surface, "commit", NULL);
	ask(manager, "destroy", NULL);
	expect(&host, "");
	tell(1, "delete_id", RIG_ARGS({.u = 4}));
	expect(&host, "destroy; ");
	expect(&app, "");
	fd_close(&dmabuf);
	fd_close(&finish);
}

/* What is written to standard error from now on goes to the memfd that this returns. */
static int capture_log(int *saved)
{
	int log = fd_memfd("log", 0);
	*saved = dup(STDERR_FILENO);
	assert_int_equal(dup2(log, STDERR_FILENO), STDERR_FILENO);
	return log;
}

static void a_slow_frame_is_told_of_once_and_waited_for(void **state)
{
	int saved, log = capture_log(&saved);
	int finish, dmabuf = make_dmabuf(false, &finish);
	uint32_t surface = attach(dmabuf);
	char text[1024] = {0};

	log_set_level(LOG_LEVEL_WARN);
	ask(surface, "commit", NULL);
	while (pread(log, text, 1, 0) == 0)
		wl_event_loop_dispatch(loop, 100);
	for (uint64_t end_ns = monotonic_ns() + UINT64_C(500000000); monotonic_ns() < end_ns;)
		wl_event_loop_dispatch(loop, 100);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	assert_true(pread(log, text, sizeof(text) - 1, 0) > 0);
	char *line = strchr(text, '\n');
	assert_non_null(strstr(text, "client 1, pid "));
	assert_non_null(strstr(text, "has not finished a frame within 5 s"));
	assert_string_equal(line, "\n");
	expect(&app, "");
	expect(&host, "");
	assert_int_equal(write(finish, "", 1), 1);
	run();
	expect(&app, "");
	expect(&host, "commit; ");
	fd_close(&saved);
	fd_close(&log);
	fd_close(&dmabuf);
	fd_close(&finish);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_commit_waits_until_its_frame_is_finished),
		TEST(a_commit_that_waits_for_each_of_its_planes_is_counted_once),
		TEST(a_buffer_waits_with_its_commit),
		TEST(others_do_not_wait),
		TEST(a_client_may_go_while_its_frame_is_not_finished),
		TEST(nothing_waits_for_a_surface_that_has_gone),
		TEST(a_slow_frame_is_told_of_once_and_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
