/* Which compositor: where its socket may be, and where it was found last. */
#include "host-bridge/display/compositor_place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host-bridge/display/connector.h"

#define LOG_MODULE "compositor"
#include "protocol/base/log.h"

int compositor_places(const char *display, struct display_search *places)
{
	const char *directory = getenv("XDG_RUNTIME_DIR");
	struct sockaddr_un *address = &places->first;
	int length;

	*places = (struct display_search){.first.sun_family = AF_UNIX};
	if (!display && directory && directory[0] == '/' &&
		strlen(directory) < sizeof(places->directory))
		strcpy(places->directory, directory);

	if (!display)
		display = getenv("WAYLAND_DISPLAY");
	if (!display || !display[0])
		display = "wayland-0";
	if (display[0] == '/')
		length = snprintf(address->sun_path, sizeof(address->sun_path), "%s", display);
	else if (directory && directory[0] == '/')
		length = snprintf(
			address->sun_path, sizeof(address->sun_path), "%s/%s", directory, display);
	else
		return -ENOENT;
	return (size_t)length < sizeof(address->sun_path) ? 0 : -ENAMETOOLONG;
}

int compositor_open_socket(const char *display, char path[COMPOSITOR_PATH_BYTES])
{
	static struct sockaddr_un taken; /* only of use until there is a connector */
	struct display_search places;
	int status = compositor_places(display, &places);

	if (status == 0)
		status = connector_connect(&places, &taken);
	else
		places.first.sun_path[0] = 0;
	snprintf(path, COMPOSITOR_PATH_BYTES, "%s",
		status < 0 ? places.first.sun_path : taken.sun_path);
	return status;
}

static struct {
	char path[COMPOSITOR_PATH_BYTES];
	bool in_context, refused;
} noted;

void compositor_note(const char *path)
{
	if (strcmp(noted.path, path) == 0 && noted.in_context == connector_in_context() &&
		noted.refused == connector_context_refused())
		return;
	snprintf(noted.path, sizeof(noted.path), "%s", path);
	noted.in_context = connector_in_context();
	noted.refused = connector_context_refused();
	if (noted.refused)
		log_warn("the compositor has refused a security context: connections are made "
			 "without one");
	log_info("the compositor is at %s%s", path,
		noted.in_context ? ", and connections are made in a security context" : "");
}

const char *compositor_noted(bool *in_context)
{
	*in_context = noted.in_context;
	return noted.path;
}
