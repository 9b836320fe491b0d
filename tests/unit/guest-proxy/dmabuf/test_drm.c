/* guest-proxy/dmabuf/drm.c */
#include "guest-proxy/dmabuf/drm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "tests/unit/dmabuf_rig.h"

/* wl_drm */

static uint32_t bind_drm(void)
{
	announce(4);
	uint32_t drm = bind_global(OWN_DRM_NAME, "wl_drm", 2);
	expect(&host, "bind 7 " DMABUF " 3 3; ");
	expect(&app, "device " NODE "; capabilities 1; ");
	return drm;
}

static void wl_drm_tells_of_the_guests_device(void **state)
{
	uint32_t drm = bind_drm();
	tell_pairs(3);
	expect(&app, "format 875713112; format 875713089; ");
	bind_global(OWN_DRM_NAME, "wl_drm", 1);
	expect(&app, "device " NODE "; format 875713112; format 875713089; ");
	ask(drm, "authenticate", RIG_ARGS({.u = 5}));
	expect(&app, "authenticated; ");
	expect(&host, "");
}

static void wl_drms_buffers_are_linux_dmabufs(void **state)
{
	int finish, dmabuf = make_dmabuf(false, &finish);
	uint32_t drm = bind_drm(), buffer = rig_new_id(&app.peer);
	ask_with(drm, "create_prime_buffer",
		RIG_ARGS({.id = buffer}, {.i = 0}, {.i = 16}, {.i = 16}, {.u = DRM_FORMAT_NV12},
			{.i = 0}, {.i = 16}, {.i = 256}, {.i = 32}, {.i = 1}, {.i = 2}),
		dmabuf);
	expect(&host,
		"create_params 4; add blob 0 0 16 16777215 4294967295; "
		"add blob 1 256 32 16777215 4294967295; create_immed 5 16 16 842094158 0; "
		"destroy; ");
	assert_int_equal(fake_channel->imports, 0);
	tell(1, "delete_id", RIG_ARGS({.u = 4}));
	/* It is waited for like any other. */
	uint32_t compositor = bind_global(COMPOSITOR_GLOBAL, "wl_compositor", 4);
	uint32_t surface = rig_new_id(&app.peer);
	ask(compositor, "create_surface", RIG_ARGS({.id = surface}));
	ask(surface, "attach", RIG_ARGS({.id = buffer}, {.i = 0}, {.i = 0}));
	ask(surface, "commit", NULL);
	assert_null(strstr(host.said, "commit"));
	assert_int_equal(write(finish, "", 1), 1);
	run();
	assert_non_null(strstr(host.said, "commit"));
	tell(5, "release", NULL);
	expect(&app, "release; ");
	fd_close(&dmabuf);
	fd_close(&finish);
}

static void what_wl_drm_cannot_do_is_refused(void **state)
{
	enum { NAMED, PLANAR, FOREIGN, FORMAT, N_CASES };
	static const uint32_t codes[N_CASES] = {2, 2, 2, 1};
	for (int i = 0; i < N_CASES; i++) {
		uint32_t drm = bind_drm(), buffer = rig_new_id(&app.peer);
		int finish, dmabuf = make_dmabuf(true, &finish);
		int other = fd_memfd("other", 4096);
		char text[64];
		if (i == NAMED)
			ask(drm, "create_buffer",
				RIG_ARGS({.id = buffer}, {.u = 1}, {.i = 16}, {.i = 16}, {.u = 64},
					{.u = XR24}));
		else if (i == PLANAR)
			ask(drm, "create_planar_buffer",
				RIG_ARGS({.id = buffer}, {.u = 1}, {.i = 16}, {.i = 16},
					{.u = XR24}));
		else
			ask_with(drm, "create_prime_buffer",
				RIG_ARGS({.id = buffer}, {.i = 0}, {.i = 16}, {.i = 16},
					{.u = i == FORMAT ? 1 : XR24}, {.i = 0}, {.i = 64}),
				i == FOREIGN ? other : dmabuf);
		snprintf(text, sizeof(text), "error %u %u; ", drm, codes[i]);
		expect(&app, text);
		expect(&host, "");
		fd_close(&other);
		fd_close(&dmabuf);
		fd_close(&finish);
		again(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wl_drm_tells_of_the_guests_device),
		TEST(wl_drms_buffers_are_linux_dmabufs),
		TEST(what_wl_drm_cannot_do_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
