/* guest-proxy/dmabuf/dmabuf_wait.c */
#include "guest-proxy/dmabuf/dmabuf_wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "tests/unit/dmabuf_rig.h"

/* Frames that are not finished */

/* A surface with @dmabuf attached; its id. */
static uint32_t attach(int dmabuf)
{
	announce(4);
	uint32_t compositor = bind_global(COMPOSITOR_GLOBAL, "wl_compositor", 4);
	uint32_t surface = rig_new_id(&app.peer);
	ask(compositor, "create_surface", RIG_ARGS({.id = surface}));
	uint32_t params = new_params(bind_dmabuf(3)), buffer = rig_new_id(&app.peer);
	add(params, dmabuf, 0);
	ask(params, "create_immed",
		RIG_ARGS({.id = buffer}, {.i = 16}, {.i = 16}, {.u = XR24}, {.u = 0}));
	host.n_said = 0;
	ask(surface, "attach", RIG_ARGS({.id = buffer}, {.i = 0}, {.i = 0}));
	expect(&host, "attach 7 0 0; ");
	return surface;
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

static void a_frame_that_is_never_finished_is_the_end_of_its_client(void **state)
{
	int finish, dmabuf = make_dmabuf(false, &finish);
	ask(attach(dmabuf), "commit", NULL);
	for (int i = 0; i < 80 && !app.n_said; i++) {
		wl_event_loop_dispatch(loop, 100);
		run();
	}
	expect(&app, "error 1 3; ");
	expect(&host, "");
	fd_close(&dmabuf);
	fd_close(&finish);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_commit_waits_until_its_frame_is_finished),
		TEST(others_do_not_wait),
		TEST(a_client_may_go_while_its_frame_is_not_finished),
		TEST(a_frame_that_is_never_finished_is_the_end_of_its_client),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
