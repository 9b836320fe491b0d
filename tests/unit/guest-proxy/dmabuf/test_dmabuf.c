/* guest-proxy/dmabuf/dmabuf.c */
#include "guest-proxy/dmabuf/dmabuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "tests/unit/dmabuf_rig.h"
#include "tests/unit/fd_count.h"

/* Buffers */

static void planes_cross_as_blobs_that_are_let_go(void **state)
{
	int finish, dmabuf = make_dmabuf(true, &finish);
	announce(4);
	uint32_t params = new_params(bind_dmabuf(3)), buffer = rig_new_id(&app.peer);
	expect(&host, "bind 7 " DMABUF " 3 3; create_params 4; ");
	add(params, dmabuf, 0);
	add(params, dmabuf, 1);
	assert_int_equal(fake_channel->imports, 0);
	ask(params, "create_immed",
		RIG_ARGS({.id = buffer}, {.i = 16}, {.i = 16}, {.u = XR24}, {.u = 0}));
	expect(&host,
		"add blob 0 0 64 0 0; add blob 1 256 64 0 0; create_immed 5 16 16 875713112 0; ");
	ask(params, "destroy", NULL);
	tell(5, "release", NULL); /* goes to the application when the host gives it back */
	expect(&app, "release; ");
	ask(buffer, "destroy", NULL);
	expect(&host, "destroy; destroy; ");
	fd_close(&dmabuf);
	fd_close(&finish);
}

/* The layouts of the host's GPU mean nothing here, nor how many planes one has. */
static void planes_of_a_tiled_picture_cross_as_they_are_described(void **state)
{
	int finish, dmabuf = make_dmabuf(true, &finish);
	announce(4);
	uint32_t params = new_params(bind_dmabuf(3)), buffer = rig_new_id(&app.peer);
	expect(&host, "bind 7 " DMABUF " 3 3; create_params 4; ");
	for (uint32_t plane = 0; plane < 3; plane++)
		ask_with(params, "add",
			RIG_ARGS({.i = 0}, {.u = plane}, {.u = 8192 * plane}, {.u = 512 >> plane},
				HI(TILED), LO(TILED)),
			dmabuf);
	ask(params, "create_immed",
		RIG_ARGS({.id = buffer}, {.i = 100}, {.i = 50}, {.u = XR24}, {.u = 0}));
	expect(&host,
		"add blob 0 0 512 16777216 2; add blob 1 8192 256 16777216 2; "
		"add blob 2 16384 128 16777216 2; create_immed 5 100 50 875713112 0; ");
	fd_close(&dmabuf);
	fd_close(&finish);
}

static void a_buffer_that_was_asked_for_comes_as_an_event(void **state)
{
	int finish, dmabuf = make_dmabuf(true, &finish);
	announce(4);
	uint32_t params = new_params(bind_dmabuf(3));
	add(params, dmabuf, 0);
	ask(params, "create", RIG_ARGS({.i = 16}, {.i = 16}, {.u = XR24}, {.u = 0}));
	tell(4, "created", RIG_ARGS({.id = WIRE_SERVER_ID_START}));
	expect(&app, "created 4278190080; ");
	ask(WIRE_SERVER_ID_START, "destroy", NULL);
	fd_close(&dmabuf);
	fd_close(&finish);
}

static void what_is_no_dmabuf_of_the_device_is_refused(void **state)
{
	enum { MEMFD, NULL_DEVICE, SOCKET, N_KINDS };
	for (int kind = 0; kind < 2 * N_KINDS; kind++) {
		int ends[2], other;
		char text[64];
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
		other = kind % N_KINDS == MEMFD         ? fd_memfd("other", 4096)
			: kind % N_KINDS == NULL_DEVICE ? open("/dev/null", O_RDWR | O_CLOEXEC)
							: fd_dup(ends[0]);
		int finish, dmabuf = make_dmabuf(true, &finish);
		announce(4);
		uint32_t params = new_params(bind_dmabuf(3)), buffer = rig_new_id(&app.peer);
		host.n_said = 0;
		add(params, dmabuf, 0);
		add(params, other, 1);
		expect(&host, "add blob 0 0 64 0 0; ");
		if (kind < N_KINDS) {
			ask(params, "create",
				RIG_ARGS({.i = 16}, {.i = 16}, {.u = XR24}, {.u = 0}));
			expect(&app, "failed; ");
			ask(params, "create",
				RIG_ARGS({.i = 16}, {.i = 16}, {.u = XR24}, {.u = 0}));
			snprintf(text, sizeof(text), "error %u 0; ", params);
		} else {
			ask(params, "create_immed",
				RIG_ARGS({.id = buffer}, {.i = 16}, {.i = 16}, {.u = XR24},
					{.u = 0}));
			snprintf(text, sizeof(text), "error %u 7; ", params);
		}
		expect(&app, text);
		fd_close(&ends[0]);
		fd_close(&ends[1]);
		fd_close(&other);
		fd_close(&dmabuf);
		fd_close(&finish);
		again(state);
	}
}

static void an_import_for_want_of_memory_is_an_error_of_its_own(void **state)
{
	static const struct {
		int error;
		const char *text;
	} cases[] = {{-ENOMEM, "error 1 2; "}, {-EMFILE, "error 1 2; "}, {-EPIPE, "error 1 3; "}};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		int finish, dmabuf = make_dmabuf(true, &finish);
		announce(4);
		uint32_t params = new_params(bind_dmabuf(3));
		fake_channel->import_error = cases[i].error;
		add(params, dmabuf, 0);
		expect(&app, cases[i].text);
		fd_close(&dmabuf);
		fd_close(&finish);
		again(state);
	}
}

/* Growth */

static void a_thousand_sizes_leave_nothing_behind(void **state)
{
	announce(4);
	uint32_t manager = bind_dmabuf(3);
	int fds = fd_count();
	for (int32_t size = 1; size <= 1000; size++) {
		int finish, dmabuf = make_dmabuf(true, &finish);
		uint32_t params = new_params(manager), buffer = rig_new_id(&app.peer);
		add(params, dmabuf, 0);
		ask(params, "create_immed",
			RIG_ARGS({.id = buffer}, {.i = size}, {.i = size}, {.u = XR24}, {.u = 0}));
		fd_close(&dmabuf);
		fd_close(&finish);
		ask(params, "destroy", NULL);
		ask(buffer, "destroy", NULL);
		tell(1, "delete_id", RIG_ARGS({.u = 4}));
		tell(1, "delete_id", RIG_ARGS({.u = 5}));
		host.n_said = 0;
	}
	assert_int_equal(fd_count(), fds);
	assert_int_equal(fake_channel->imports, 0);
	assert_int_equal(fake_channel->counters.blobs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(planes_cross_as_blobs_that_are_let_go),
		TEST(planes_of_a_tiled_picture_cross_as_they_are_described),
		TEST(a_buffer_that_was_asked_for_comes_as_an_event),
		TEST(what_is_no_dmabuf_of_the_device_is_refused),
		TEST(an_import_for_want_of_memory_is_an_error_of_its_own),
		TEST(a_thousand_sizes_leave_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
