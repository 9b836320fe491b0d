/*
 * The windows of a machine, as its user knows them: by titles and application ids with the
 * machine's mark. For people who ask (wayferry-host show); nothing is decided by it.
 */
#ifndef HOST_BRIDGE_POLICY_BASE_WINDOWS_H
#define HOST_BRIDGE_POLICY_BASE_WINDOWS_H

#include <wayland-util.h>

#define WINDOW_TITLE_BYTES 256
#define WINDOW_APP_ID_BYTES 128
#define WINDOW_CONNECTION_BYTES 48

struct policy_surface;

/* Of one surface, and so bounded by the quota of those. Texts are cut, and clean. */
struct window {
	struct wl_list link;                  /* policy::windows */
	const struct policy_surface *surface; /* lives longer */
	char title[WINDOW_TITLE_BYTES], app_id[WINDOW_APP_ID_BYTES];
	char connection[WINDOW_CONNECTION_BYTES]; /* "context 3" */
};

/* Copies @connection. NULL: no memory. */
struct window *window_create(
	struct wl_list *windows, const struct policy_surface *surface, const char *connection);
/* NULL is fine. */
void window_destroy(struct window *window);

/* Copies of @text. */
void window_set_title(struct window *window, const char *text);
void window_set_app_id(struct window *window, const char *text);

#endif
