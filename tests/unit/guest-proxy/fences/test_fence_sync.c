/* guest-proxy/fences/fence_sync.c */
#include "guest-proxy/fences/fence_sync.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "tests/unit/dmabuf_rig.h"

#define MANAGER "zwp_linux_explicit_synchronization_v1"

static struct {
	uint32_t manager, surface, sync, buffer;
	int dmabuf, drawn; /* the GPU has drawn it when that is written to */
	int fence, signal; /* likewise */
	uint32_t host_buffer;
} it;

/* A surface with fences, a buffer that the GPU has not finished, and a fence. */
static void begin(void)
{
	it.dmabuf = make_dmabuf(false, &it.drawn);
	it.fence = make_dmabuf(false, &it.signal);
	announce(4);
	uint32_t compositor = bind_global(COMPOSITOR_GLOBAL, "wl_compositor", 4);
	uint32_t dmabuf_manager = bind_dmabuf(3);
	it.surface = rig_new_id(&app.peer);
	ask(compositor, "create_surface", RIG_ARGS({.id = it.surface}));
	it.buffer = make_buffer(dmabuf_manager, it.dmabuf);
	it.host_buffer = 7;
	it.manager = bind_global(OWN_FENCES_NAME, MANAGER, 2);
	it.sync = rig_new_id(&app.peer);
	ask(it.manager, "get_synchronization", RIG_ARGS({.id = it.sync}, {.id = it.surface}));
	expect(&host, "");
	forget_what_was_said();
}

static void end(void)
{
	fd_close(&it.dmabuf);
	fd_close(&it.drawn);
	fd_close(&it.fence);
	fd_close(&it.signal);
}

static void attach(uint32_t buffer)
{
	ask(it.surface, "attach", RIG_ARGS({.id = buffer}, {.i = 0}, {.i = 0}));
}

static void set_fence(int fence)
{
	ask_with(it.sync, "set_acquire_fence", RIG_ARGS({.i = 0}), fence);
}

static uint32_t get_release(void)
{
	uint32_t id = rig_new_id(&app.peer);
	ask(it.sync, "get_release", RIG_ARGS({.id = id}));
	return id;
}

static void a_commit_waits_for_its_fence(void **state)
{
	begin();
	attach(it.buffer);
	set_fence(it.fence);
	ask(it.surface, "commit", NULL);
	expect(&host, "attach 7 0 0; ");
	assert_int_equal(write(it.drawn, "", 1), 1); /* not that */
	run();
	expect(&host, "");
	assert_int_equal(write(it.signal, "", 1), 1);
	run();
	expect(&host, "commit; ");
	expect(&app, "");
	end();
}

static void without_a_fence_it_waits_for_the_gpu(void **state)
{
	begin();
	attach(it.buffer);
	ask(it.surface, "commit", NULL);
	expect(&host, "attach 7 0 0; ");
	assert_int_equal(write(it.drawn, "", 1), 1);
	run();
	expect(&host, "commit; ");
	end();
}

/* The second is of a commit that is still to come. */
static void begin_with_two_releases(void)
{
	begin();
	assert_int_equal(write(it.drawn, "", 1), 1);
	for (int i = 0; i < 2; i++) {
		if (i > 0)
			ask(it.surface, "commit", NULL);
		attach(it.buffer);
		get_release();
	}
}

static void a_release_is_told_once(void **state)
{
	begin_with_two_releases();
	ask(it.surface, "commit", NULL);
	expect(&host, "attach 7 0 0; commit; attach 7 0 0; sync 8; commit; ");
	tell(it.host_buffer, "release", NULL); /* of the first */
	expect(&app, "immediate_release; release; ");
	tell(8, "done", RIG_ARGS({.u = 0}));
	ask(it.buffer, "destroy", NULL);
	expect(&host, "");
	tell(it.host_buffer, "release", NULL);
	expect(&app, "immediate_release; ");
	expect(&host, "destroy; ");
	end();
}

static void a_client_may_go_before(void **state)
{
	begin_with_two_releases();
	set_fence(it.fence);
	ask(it.surface, "commit", NULL); /* held */
	end();
}

static void what_is_wrong_is_refused(void **state)
{
	enum {
		SECOND,
		NOT_A_FENCE,
		TWO_FENCES,
		TWO_RELEASES,
		FENCE_GONE,
		RELEASE_GONE,
		OTHER,
		NO_BUFFER,
		NULL_BUFFER,
		N_CASES
	};
	static const unsigned errors[N_CASES] = {0, 0, 1, 2, 3, 3, 4, 5, 5};
	for (int i = 0; i < N_CASES; i++) {
		char text[64];
		if (i > 0)
			again(state);
		begin();
		switch (i) {
		case SECOND:
			ask(it.manager, "get_synchronization",
				RIG_ARGS({.id = rig_new_id(&app.peer)}, {.id = it.surface}));
			break;
		case NOT_A_FENCE: {
			int other = open("/dev/null", O_RDWR | O_CLOEXEC);
			set_fence(other);
			fd_close(&other);
			break;
		}
		case TWO_FENCES:
			set_fence(it.fence);
			set_fence(it.fence);
			break;
		case TWO_RELEASES:
			get_release();
			get_release();
			break;
		case FENCE_GONE:
		case RELEASE_GONE:
			ask(it.surface, "destroy", NULL);
			if (i == FENCE_GONE)
				set_fence(it.fence);
			else
				get_release();
			break;
		case OTHER:
			it.buffer = make_pixel_buffer();
			attach(it.buffer);
			get_release();
			app.n_said = 0;
			ask(it.surface, "commit", NULL);
			break;
		case NULL_BUFFER:
			attach(0);
			/* fall through */
		default:
			set_fence(it.fence);
			ask(it.surface, "commit", NULL);
		}
		snprintf(text, sizeof(text), "error %u %u; ", i == SECOND ? it.manager : it.sync,
			errors[i]);
		expect(&app, text);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_commit_waits_for_its_fence),
		TEST(without_a_fence_it_waits_for_the_gpu),
		TEST(a_release_is_told_once),
		TEST(a_client_may_go_before),
		TEST(what_is_wrong_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
