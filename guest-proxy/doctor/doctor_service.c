/* The guest's doctor: where applications look for wayferry-guest. */
#include "guest-proxy/doctor/doctor_checks.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/bytes.h"

#define SOCKET_UNIT "wayferry-guest.socket"
#define X11_UNIT "wayferry-x11.socket"
#define X11_SERVICE "wayferry-x11.service" /* alone, where :0 is another's */

/* Where the display's socket goes, unless it has a path of its own. */
enum check_result check_runtime(void *world, struct finding *finding, int argument)
{
	const struct doctor *doctor = world;
	const char *socket = doctor->settings->socket;
	enum check_result result = check_runtime_directory(NULL, finding, 0);

	return result == CHECK_FAILED && socket && socket[0] == '/' ? CHECK_WARNING : result;
}

enum check_result check_unit(void *world, struct finding *finding, int argument)
{
	char state[32];

	checks_unit_state(SOCKET_UNIT, state, sizeof(state));
	if (strcmp(state, "active") == 0)
		return finding_ok(finding, "%s is active", SOCKET_UNIT);
	if (strcmp(state, "failed") == 0) {
		finding_found(finding, "%s has failed", SOCKET_UNIT);
		return finding_remedy(finding, CHECK_WARNING,
			"systemctl --user status %s says why; then systemctl --user restart it",
			SOCKET_UNIT);
	}
	finding_found(finding, "%s is %s", SOCKET_UNIT,
		state[0] ? state : "out of sight: no user manager of systemd answers");
	return finding_remedy(finding, CHECK_WARNING,
		"systemctl --user enable --now %s, or run single applications: wayferry-guest -- "
		"COMMAND",
		SOCKET_UNIT);
}

enum check_result check_variable(void *world, struct finding *finding, int argument)
{
	const char *directory = getenv("XDG_RUNTIME_DIR"), *name = getenv("WAYLAND_DISPLAY");
	bool absolute = name && name[0] == '/';
	char path[256];

	if (!name || !name[0]) {
		finding_found(finding, "$WAYLAND_DISPLAY is not set here");
		return finding_remedy(finding, CHECK_WARNING,
			"log in again once %s is active (login shells read "
			"/etc/profile.d/wayferry.sh), or export WAYLAND_DISPLAY=wayferry-0",
			SOCKET_UNIT);
	}
	snprintf(path, sizeof(path), "%s%s%s", absolute || !directory ? "" : directory,
		absolute ? "" : "/", name);
	if (access(path, F_OK) == 0)
		return finding_ok(finding, "$WAYLAND_DISPLAY is %s", name);
	finding_found(finding, "$WAYLAND_DISPLAY is %s, and nothing is there", name);
	return finding_remedy(finding, CHECK_WARNING,
		"export WAYLAND_DISPLAY=wayferry-0, or unset it in the file that sets it");
}

static bool is_in_path(const char *program)
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];
	for (size_t length; path && *path; path += length + (path[length] == ':')) {
		length = strcspn(path, ":");
		int n = snprintf(file, sizeof(file), "%.*s/%s", (int)length, path, program);
		if (n > 0 && (size_t)n < sizeof(file) && access(file, X_OK) == 0)
			return true;
	}
	return false;
}

/* X11 applications are an extra. */
enum check_result check_x11(void *world, struct finding *finding, int argument)
{
	static const char *const units[] = {X11_SERVICE, X11_UNIT};
	char state[32];

	if (!is_in_path("wayferry-x11"))
		return finding_skip(finding, "wayferry-x11 is not installed");
	if (!is_in_path("Xwayland")) {
		finding_found(finding, "there is no Xwayland");
		return finding_remedy(finding, CHECK_WARNING,
			"install it (package xwayland), for X11 applications");
	}
	for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
		checks_unit_state(units[i], state, sizeof(state));
		if (strcmp(state, "active") == 0)
			return finding_ok(finding, "%s is active", units[i]);
	}
	finding_found(finding, "%s is %s", X11_UNIT,
		state[0] ? state : "out of sight: no user manager of systemd answers");
	return finding_remedy(finding, CHECK_WARNING,
		"systemctl --user enable --now %s, or run single applications: wayferry-x11 -- "
		"COMMAND",
		X11_UNIT);
}
