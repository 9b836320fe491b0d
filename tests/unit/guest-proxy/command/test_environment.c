/* guest-proxy/command/environment.c */
#include "guest-proxy/command/environment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

/* A session on X11, in which somebody has led every toolkit there. */
static int set_up(void **state)
{
	static const char *const session[][2] = {
		{"WAYLAND_DISPLAY", "wayland-0"},
		{"WAYLAND_SOCKET", "5"},
		{"DISPLAY", ":0"},
		{"XAUTHORITY", "/tmp/authority"},
		{"XDG_SESSION_TYPE", "x11"},
		{"SDL_VIDEODRIVER", "x11"},
		{"SDL_VIDEO_DRIVER", "x11,wayland"},
		{"QT_QPA_PLATFORM", "xcb"},
		{"GDK_BACKEND", "x11"},
		{"CLUTTER_BACKEND", "x11"},
		{"MOZ_ENABLE_WAYLAND", "0"},
		{"ELECTRON_OZONE_PLATFORM_HINT", "x11"},
	};
	for (size_t i = 0; i < sizeof(session) / sizeof(session[0]); i++)
		setenv(session[i][0], session[i][1], 1);
	return 0;
}

static void expect(const char *name, const char *value)
{
	if (value)
		assert_string_equal(getenv(name), value);
	else
		assert_null(getenv(name));
}

static void every_toolkit_is_led_to_our_display(void **state)
{
	environment_set(ENVIRONMENT_WAYLAND, "wayferry-7");
	expect("WAYLAND_DISPLAY", "wayferry-7");
	expect("WAYLAND_SOCKET", NULL);
	expect("DISPLAY", NULL);
	expect("XAUTHORITY", NULL);
	expect("XDG_SESSION_TYPE", "wayland");
	expect("SDL_VIDEODRIVER", "wayland");
	expect("SDL_VIDEO_DRIVER", NULL);
	expect("QT_QPA_PLATFORM", "wayland");
	expect("GDK_BACKEND", NULL);
	expect("CLUTTER_BACKEND", NULL);
	expect("MOZ_ENABLE_WAYLAND", "1");
	expect("ELECTRON_OZONE_PLATFORM_HINT", "wayland");
}

static void what_leads_there_already_stays(void **state)
{
	setenv("QT_QPA_PLATFORM", "wayland-egl", 1);
	setenv("GDK_BACKEND", "wayland,x11", 1);
	environment_set(ENVIRONMENT_WAYLAND, "wayferry-7");
	expect("QT_QPA_PLATFORM", "wayland-egl");
	expect("GDK_BACKEND", "wayland,x11");
}

static void x11_has_no_display_but_the_one_to_come(void **state)
{
	environment_set(ENVIRONMENT_X11, "wayferry-7");
	expect("WAYLAND_DISPLAY", "wayferry-7");
	expect("WAYLAND_SOCKET", NULL);
	expect("DISPLAY", NULL);
	expect("XAUTHORITY", NULL);
	expect("GDK_BACKEND", "x11");
	expect("SDL_VIDEODRIVER", "x11");
}

static void an_environment_can_be_kept(void **state)
{
	environment_set(ENVIRONMENT_KEEP, "wayferry-7");
	expect("WAYLAND_DISPLAY", "wayferry-7");
	expect("WAYLAND_SOCKET", NULL);
	expect("DISPLAY", ":0");
	expect("XDG_SESSION_TYPE", "x11");
	expect("QT_QPA_PLATFORM", "xcb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_toolkit_is_led_to_our_display, set_up),
		cmocka_unit_test_setup(what_leads_there_already_stays, set_up),
		cmocka_unit_test_setup(x11_has_no_display_but_the_one_to_come, set_up),
		cmocka_unit_test_setup(an_environment_can_be_kept, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
