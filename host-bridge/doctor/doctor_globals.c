/* What `wayferry-host doctor` says of interfaces that a compositor lacks. */
#include "host-bridge/doctor/doctor_globals.h"

#include <string.h>

#include "protocol/base/bytes.h"

/* Those that every application needs are doctor.c's. One is enough of several with the same use. */
static const struct {
	const char *name, *other, *use;
} wanted[] = {
	{"wl_data_device_manager", NULL, "clipboard, drags"},
	{"zwp_primary_selection_device_manager_v1", NULL, "middle-click paste"},
	{"zwp_linux_dmabuf_v1", NULL, "pictures of GPUs"},
	{"wp_viewporter", NULL, "videos, scaling"},
	{"wp_fractional_scale_manager_v1", NULL, "sharp windows at scales like 1.5"},
	{"zxdg_decoration_manager_v1", "org_kde_kwin_server_decoration_manager", "its title bars"},
	{"xdg_activation_v1", NULL, "windows that come to the front"},
	{"zwp_text_input_manager_v3", "zwp_text_input_manager_v2", "input methods"},
	{"zwp_pointer_constraints_v1", NULL, "games that hold the pointer"},
	{"zwp_relative_pointer_manager_v1", NULL, "games that follow the mouse"},
	{"wp_cursor_shape_manager_v1", NULL, "its own cursors"},
	{"wp_presentation", NULL, "video in time"},
	{"zwp_idle_inhibit_manager_v1", NULL, "no lock during a film"},
};
static_assert(ARRAY_LENGTH(wanted) <= 32, "bits of doctor_globals::found");

void doctor_globals_note(struct doctor_globals *globals, const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++)
		if (strcmp(wanted[i].name, name) == 0 ||
			(wanted[i].other && strcmp(wanted[i].other, name) == 0))
			globals->found |= UINT32_C(1) << i;
}

enum check_result doctor_globals_tell(const struct doctor_globals *globals, struct finding *finding)
{
	char missing[sizeof(finding->found) - 64] = "";
	size_t length = 0;
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++) {
		if (globals->found & UINT32_C(1) << i)
			continue;
		n++;
		length += (size_t)snprintf(missing + length, sizeof(missing) - length, "%s%s",
			length > 0 ? "; " : "", wanted[i].use);
		if (length >= sizeof(missing))
			break;
	}
	if (n == 0)
		return finding_ok(finding, "the compositor has all that guests' windows use");
	return finding_ok(finding, "the compositor lacks what is for: %s", missing);
}
