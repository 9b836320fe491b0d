/* Leading the toolkits of a command to our display. */
#include "guest-proxy/command/environment.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"

/*
 * What toolkits look at besides WAYLAND_DISPLAY. units/wayferry-guest.socket and units/wayferry.sh
 * have the same variables for a whole session; there X11 remains as the second choice, since
 * wayferry-x11 may have a display.
 */
static const struct hint {
	const char *name;
	const char *value;  /* NULL: unset */
	const char *prefix; /* a value that begins so leads to us already, and stays; NULL: none */
} hints[] = {
	/* SDL 2 opens on X11 before it looks for Wayland, and so do X11's own programs. */
	{"DISPLAY", NULL, NULL}, {"XAUTHORITY", NULL, NULL},
	/* Chromium, Electron and Qt believe it. */
	{"XDG_SESSION_TYPE", "wayland", NULL},
	{"SDL_VIDEODRIVER", "wayland", "wayland"}, /* SDL 2, and 3 where it has no other */
	{"SDL_VIDEO_DRIVER", NULL, "wayland"},     /* SDL 3, which finds Wayland by itself */
	{"QT_QPA_PLATFORM", "wayland", "wayland"}, /* Qt 5 on some desktops */
	{"GDK_BACKEND", NULL, "wayland"},          /* GTK finds Wayland by itself */
	{"CLUTTER_BACKEND", NULL, "wayland"},      /* likewise */
	{"MOZ_ENABLE_WAYLAND", "1", NULL},         /* Firefox before 121 */
	{"ELECTRON_OZONE_PLATFORM_HINT", "wayland", "wayland"}, /* Electron before 38 */
};

static void apply(const struct hint *hint)
{
	const char *now = getenv(hint->name);

	if (now && hint->prefix && strncmp(now, hint->prefix, strlen(hint->prefix)) == 0)
		return;
	if (hint->value)
		setenv(hint->name, hint->value, 1);
	else
		unsetenv(hint->name);
}

void environment_set(enum environment_lead lead, const char *display)
{
	setenv("WAYLAND_DISPLAY", display, 1);
	unsetenv("WAYLAND_SOCKET");
	if (lead == ENVIRONMENT_X11) {
		unsetenv("DISPLAY");
		unsetenv("XAUTHORITY");
	}
	for (size_t i = 0; i < ARRAY_LENGTH(hints) && lead == ENVIRONMENT_WAYLAND; i++)
		apply(&hints[i]);
}
