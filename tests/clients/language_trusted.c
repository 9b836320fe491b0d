/* Parts of language-client: what guests get where the configuration says so. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gtk-shell-client-protocol.h"
#include "language.h"
#include "xdg-session-management-v1-client-protocol.h"

/* --- gtk_shell1 --- */

static void handle_capabilities(void *data, struct gtk_shell1 *shell, uint32_t capabilities)
{
	printf("capabilities %" PRIu32 "\n", capabilities);
}

static void print_array(const char *what, const struct wl_array *array)
{
	const uint32_t *number;
	printf("%s", what);
	wl_array_for_each(number, array) printf(" %" PRIu32, *number);
	printf("\n");
}

static void handle_states(void *data, struct gtk_surface1 *surface, struct wl_array *states)
{
	print_array("states", states);
}

static void handle_edges(void *data, struct gtk_surface1 *surface, struct wl_array *edges)
{
	print_array("edges", edges);
}

static const struct gtk_shell1_listener shell_listener = {.capabilities = handle_capabilities};
static const struct gtk_surface1_listener gtk_surface_listener = {
	.configure = handle_states, .configure_edges = handle_edges};

void listen_gtk_shell(void)
{
	gtk_shell1_add_listener(client.global, &shell_listener, NULL);
}

/* What GTK says of a window, that of a file manager. */
void run_gtk_shell(void)
{
	settle();
	show_window("Modal");
	struct gtk_surface1 *surface =
		gtk_shell1_get_gtk_surface(client.global, client.window.surface);
	gtk_surface1_add_listener(surface, &gtk_surface_listener, NULL);
	gtk_surface1_set_dbus_properties(surface, "org.gnome.Nautilus", "/menu", NULL,
		"/org/gnome/Nautilus/window/1", "/org/gnome/Nautilus", ":1.7");
	gtk_surface1_set_modal(surface);
	gtk_surface1_unset_modal(surface);
	gtk_shell1_set_startup_id(client.global, "gnome-shell-7_TIME8");
	settle();
	printf("told\n");
}

/* --- xdg_session_manager_v1: a window is kept, and given back to the next client's of its name ---
 */

static struct {
	char *id;
	bool created, restored, window_restored;
} session;

static void handle_created(void *data, struct xdg_session_v1 *object, const char *id)
{
	free(session.id);
	session.id = strdup(id);
	session.created = true;
}

static void handle_restored(void *data, struct xdg_session_v1 *object)
{
	session.restored = true;
}

static void handle_replaced(void *data, struct xdg_session_v1 *object)
{
	printf("replaced\n");
}

static const struct xdg_session_v1_listener session_listener = {
	.created = handle_created, .restored = handle_restored, .replaced = handle_replaced};

static void handle_window_restored(void *data, struct xdg_toplevel_session_v1 *object)
{
	session.window_restored = true;
}

static const struct xdg_toplevel_session_v1_listener window_listener = {
	.restored = handle_window_restored};

/* @reason: 1 launch, 2 recover, 3 session restore */
static struct xdg_session_v1 *get_session(uint32_t reason, const char *id)
{
	struct xdg_session_v1 *object =
		xdg_session_manager_v1_get_session(client.global, reason, id);
	xdg_session_v1_add_listener(object, &session_listener, NULL);
	return object;
}

/* A window that has not said anything yet: this is when it can be restored. */
static void restore_window(struct xdg_session_v1 *object)
{
	struct wl_surface *surface = wl_compositor_create_surface(client.window.compositor);
	struct xdg_surface *xdg_surface =
		xdg_wm_base_get_xdg_surface(client.window.wm_base, surface);
	struct xdg_toplevel *toplevel = xdg_surface_get_toplevel(xdg_surface);
	struct xdg_toplevel_session_v1 *window =
		xdg_session_v1_restore_toplevel(object, toplevel, "main");

	xdg_toplevel_session_v1_add_listener(window, &window_listener, NULL);
	wl_surface_commit(surface);
	printf(await(&session.window_restored) ? "window restored\n" : "window not restored\n");
	xdg_toplevel_session_v1_destroy(window);
	xdg_toplevel_destroy(toplevel);
	xdg_surface_destroy(xdg_surface);
	wl_surface_destroy(surface);
}

/* A new session with a window in it, which the end of the client leaves to the compositor. */
static void keep_window(void)
{
	struct xdg_session_v1 *object = get_session(1, NULL);

	if (!await(&session.created)) {
		printf("not created\n");
		return;
	}
	printf("session %s\n", session.id);
	free(session.id);
	show_window("Kept");
	xdg_session_v1_add_toplevel(object, client.window.toplevel, "main");
	settle();
	xdg_toplevel_set_maximized(client.window.toplevel);
	settle();
}

/* Without an argument a window is kept, and with the name of its session it is given back. */
void run_sessions(void)
{
	if (!client.argument) {
		keep_window();
		return;
	}
	struct xdg_session_v1 *object = get_session(3, client.argument);
	printf(await(&session.restored) ? "restored\n" : "not restored\n");
	restore_window(object);
	xdg_session_v1_remove(object);
	settle();
	printf("removed\n");
}
