/* The windows of a machine, as its user knows them. */
#include "host-bridge/policy/base/windows.h"

#include <stdlib.h>

#include "host-bridge/policy/base/clean_text.h"

struct window *window_create(
	struct wl_list *windows, const struct policy_surface *surface, const char *connection)
{
	struct window *window = calloc(1, sizeof(*window));

	if (!window)
		return NULL;
	window->surface = surface;
	text_copy_clean(window->connection, sizeof(window->connection), connection);
	wl_list_insert(windows->prev, &window->link); /* the newest last */
	return window;
}

void window_destroy(struct window *window)
{
	if (!window)
		return;
	wl_list_remove(&window->link);
	free(window);
}

void window_set_title(struct window *window, const char *text)
{
	text_copy_clean(window->title, sizeof(window->title), text);
}

void window_set_app_id(struct window *window, const char *text)
{
	text_copy_clean(window->app_id, sizeof(window->app_id), text);
}
