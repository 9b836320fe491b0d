/*
 * language-client: what a compositor makes of a part of the desktop's language, a line for each
 * thing that it says, the same whatever is in between:
 *
 *   language-client PART [ARGUMENT]
 *
 * The first line is "INTERFACE none", and the last then, or "INTERFACE VERSION"; "error CODE of
 * INTERFACE" is the last line when the compositor ends the connection. PART is one of parts[]
 * below. Lines that begin with "pointer" are where it was and is on the window.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ext-background-effect-v1-client-protocol.h"
#include "gtk-primary-selection-client-protocol.h"
#include "gtk-shell-client-protocol.h"
#include "language.h"
#include "pointer-warp-v1-client-protocol.h"
#include "pointer.h"
#include "server-decoration-client-protocol.h"
#include "text-input-unstable-v2-client-protocol.h"
#include "window.h"
#include "xdg-foreign-unstable-v2-client-protocol.h"
#include "xdg-session-management-v1-client-protocol.h"
#include "xdg-system-bell-v1-client-protocol.h"
#ifndef WL_FIXES_INTERFACE /* wayland before 1.24 */
#include "wl-fixes-client-protocol.h"
#endif

struct language_client client;

_Noreturn void lost(const char *what)
{
	const struct wl_interface *interface = NULL;
	uint32_t id;
	if (wl_display_get_error(client.window.display) != EPROTO)
		window_die(&client.window, what);
	uint32_t code = wl_display_get_protocol_error(client.window.display, &interface, &id);
	printf("error %" PRIu32 " of %s\n", code, interface ? interface->name : "(unknown)");
	exit(0);
}

void settle(void)
{
	if (wl_display_roundtrip(client.window.display) < 0)
		lost("round trip");
}

bool await(const bool *happened)
{
	for (int ms = 0; ms < PATIENCE_MS && !*happened; ms += SHORTLY_MS) {
		if (!window_rest(&client.window, SHORTLY_MS))
			lost("waiting");
	}
	return *happened;
}

void open_window(const char *title)
{
	window_create(&client.window, title, WIDTH, HEIGHT);
}

void show_window(const char *title)
{
	bool shown;
	open_window(title);
	window_want_frame(&client.window, &shown);
	window_commit(&client.window, window_next_buffer(&client.window), 0, 0, WIDTH, HEIGHT);
	window_await(&client.window, &shown, "frame");
}

/* --- wp_pointer_warp_v1: to WARP_X, WARP_Y on the window, on which someone else has put it. The
 * seat has a pointer before the client starts. --- */

#define WARP_X 30
#define WARP_Y 40
#define WARPS 25 /* at most */

static struct {
	bool clicked, warped;
} warp;

static void handle_moved(void *data, struct wl_surface *surface, wl_fixed_t x, wl_fixed_t y)
{
	int dx = wl_fixed_to_int(x) - WARP_X, dy = wl_fixed_to_int(y) - WARP_Y;
	/* Who moves it by a pixel then sees where it is, if the compositor does not say so. */
	if (dx >= -1 && dx <= 1 && dy == 0)
		warp.warped = true;
}

static void handle_button(void *data, uint32_t serial, uint32_t button, bool pressed)
{
	warp.clicked = warp.clicked || !pressed;
}

static struct pointer pointer = {.surface_name = window_name,
	.moved = handle_moved,
	.button = handle_button,
	.data = &client.window};

static void run_warp(void)
{
	window_needs(client.window.seat, "wl_seat");
	/* The seat has said so before anybody listened. */
	pointer_follow(&pointer, client.window.seat, WL_SEAT_CAPABILITY_POINTER);
	show_window("Warp");
	/* mutter wants the window to have been clicked. */
	if (!await(&warp.clicked)) {
		printf("no pointer\n");
		return;
	}
	warp.warped = false;
	printf("asked\n");
	/* mutter's windows grow when they are new, and what is put on one is elsewhere then. */
	for (int i = 0; i < WARPS && !warp.warped; i++) {
		wp_pointer_warp_v1_warp_pointer(client.global, client.window.surface,
			pointer.pointer, wl_fixed_from_int(WARP_X), wl_fixed_from_int(WARP_Y),
			pointer.enter_serial);
		if (!window_rest(&client.window, 4 * SHORTLY_MS))
			lost("warping");
	}
	printf(warp.warped ? "warped\n" : "not warped\n");
}

/* --- xdg-foreign: a window that others may be dialogs of, and such a dialog --- */

static void handle_handle(void *data, struct zxdg_exported_v2 *exported, const char *handle)
{
	printf("handle %s\n", handle);
	*(bool *)data = true;
}

static const struct zxdg_exported_v2_listener exported_listener = {.handle = handle_handle};

static void run_export(void)
{
	bool told = false;
	show_window("Parent");
	zxdg_exported_v2_add_listener(
		zxdg_exporter_v2_export_toplevel(client.global, client.window.surface),
		&exported_listener, &told);
	if (await(&told))
		window_run(&client.window);
}

static void run_export_nothing(void)
{
	zxdg_exporter_v2_export_toplevel(
		client.global, wl_compositor_create_surface(client.window.compositor));
	settle();
}

static void handle_destroyed(void *data, struct zxdg_imported_v2 *imported)
{
	*(bool *)data = true;
}

static const struct zxdg_imported_v2_listener imported_listener = {.destroyed = handle_destroyed};

static void run_import(void)
{
	bool gone = false, shown;
	struct zxdg_imported_v2 *imported = zxdg_importer_v2_import_toplevel(
		client.global, client.argument ? client.argument : "");
	zxdg_imported_v2_add_listener(imported, &imported_listener, &gone);
	open_window("Dialog");
	if (!gone) {
		zxdg_imported_v2_set_parent_of(imported, client.window.surface);
		window_want_frame(&client.window, &shown);
		window_commit(
			&client.window, window_next_buffer(&client.window), 0, 0, WIDTH, HEIGHT);
		window_await(&client.window, &shown, "frame");
		printf("shown\n");
		window_await(&client.window, &gone, "waiting for the parent's end");
	}
	printf("no parent\n");
	zxdg_imported_v2_destroy(imported);
	settle();
}

/* --- ext_background_effect_manager_v1 --- */

static void handle_capabilities(
	void *data, struct ext_background_effect_manager_v1 *manager, uint32_t flags)
{
	printf("capabilities %" PRIu32 "\n", flags);
}

static const struct ext_background_effect_manager_v1_listener effects_listener = {
	.capabilities = handle_capabilities};

static void listen_effects(void)
{
	ext_background_effect_manager_v1_add_listener(client.global, &effects_listener, NULL);
}

static struct ext_background_effect_surface_v1 *blur(void)
{
	settle();
	open_window("Effects");
	return ext_background_effect_manager_v1_get_background_effect(
		client.global, client.window.surface);
}

static void run_effect(void)
{
	bool shown;
	struct ext_background_effect_surface_v1 *effect = blur();
	struct wl_region *region = wl_compositor_create_region(client.window.compositor);
	wl_region_add(region, 0, 0, WIDTH, HEIGHT);
	ext_background_effect_surface_v1_set_blur_region(effect, region);
	window_want_frame(&client.window, &shown);
	window_commit(&client.window, window_next_buffer(&client.window), 0, 0, WIDTH, HEIGHT);
	window_await(&client.window, &shown, "frame");
	ext_background_effect_surface_v1_set_blur_region(effect, NULL);
	wl_surface_commit(client.window.surface);
	ext_background_effect_surface_v1_destroy(effect);
	settle();
	printf("blurred\n");
}

static void run_effect_twice(void)
{
	blur();
	ext_background_effect_manager_v1_get_background_effect(
		client.global, client.window.surface);
	settle();
}

/* --- wl_fixes: what a registry was is free for something new --- */

static void run_fixes(void)
{
	struct wl_registry *registries[3];
	bool again = false;

	registries[0] = wl_display_get_registry(client.window.display);
	settle();
	uint32_t id = wl_proxy_get_id((struct wl_proxy *)registries[0]);
	wl_fixes_destroy_registry(client.global, registries[0]);
	wl_registry_destroy(registries[0]);
	settle(); /* whose callback has left an id, too */
	for (size_t i = 0; i < 3; i++) {
		registries[i] = wl_display_get_registry(client.window.display);
		again |= wl_proxy_get_id((struct wl_proxy *)registries[i]) == id;
	}
	settle();
	for (size_t i = 0; i < 3; i++)
		wl_registry_destroy(registries[i]);
	printf("%s\n", again ? "destroyed" : "kept");
}

/* --- zwp_text_input_manager_v2 --- */

static bool entered;

static const char *text_surface(struct wl_surface *surface)
{
	return surface == client.window.surface ? "window" : "unknown";
}

static void text_enter(
	void *data, struct zwp_text_input_v2 *input, uint32_t serial, struct wl_surface *surface)
{
	printf("enter %s\n", text_surface(surface));
	zwp_text_input_v2_enable(input, surface);
	zwp_text_input_v2_set_surrounding_text(input, "wayferry", 3, 3);
	zwp_text_input_v2_set_content_type(input, 0, 0);
	zwp_text_input_v2_set_cursor_rectangle(input, 1, 2, 3, 4);
	zwp_text_input_v2_set_preferred_language(input, "de");
	zwp_text_input_v2_update_state(input, serial, 1);
	zwp_text_input_v2_show_input_panel(input);
	entered = true;
}

static void text_leave(
	void *data, struct zwp_text_input_v2 *input, uint32_t serial, struct wl_surface *surface)
{
	printf("leave %s\n", text_surface(surface));
}

static void text_panel(void *data, struct zwp_text_input_v2 *input, uint32_t state, int32_t x,
	int32_t y, int32_t width, int32_t height)
{
	printf("panel %" PRIu32 " %dx%d+%d+%d\n", state, width, height, x, y);
}

static void text_two(
	void *data, struct zwp_text_input_v2 *input, const char *text, const char *commit)
{
	printf("preedit %s %s\n", text, commit);
}

static void text_styling(void *data, struct zwp_text_input_v2 *input, uint32_t index,
	uint32_t length, uint32_t style)
{
	printf("styling %" PRIu32 " %" PRIu32 " %" PRIu32 "\n", index, length, style);
}

static void text_cursor(void *data, struct zwp_text_input_v2 *input, int32_t index)
{
	printf("preedit cursor %d\n", index);
}

static void text_commit(void *data, struct zwp_text_input_v2 *input, const char *text)
{
	printf("commit %s\n", text);
}

static void text_pair(void *data, struct zwp_text_input_v2 *input, int32_t a, int32_t b)
{
	printf("positions %d %d\n", a, b);
}

static void text_deletion(
	void *data, struct zwp_text_input_v2 *input, uint32_t before, uint32_t after)
{
	printf("delete %" PRIu32 " %" PRIu32 "\n", before, after);
}

static void text_modifiers(void *data, struct zwp_text_input_v2 *input, struct wl_array *map)
{
	printf("modifiers %zu\n", map->size);
}

static void text_keysym(void *data, struct zwp_text_input_v2 *input, uint32_t time_ms, uint32_t sym,
	uint32_t state, uint32_t modifiers)
{
	printf("keysym %" PRIu32 " %" PRIu32 " %" PRIu32 "\n", sym, state, modifiers);
}

static void text_language(void *data, struct zwp_text_input_v2 *input, const char *language)
{
	printf("language %s\n", language);
}

static void text_direction(void *data, struct zwp_text_input_v2 *input, uint32_t direction)
{
	printf("direction %" PRIu32 "\n", direction);
}

static void text_method(
	void *data, struct zwp_text_input_v2 *input, uint32_t serial, uint32_t flags)
{
	printf("method %" PRIu32 "\n", flags);
}

static const struct zwp_text_input_v2_listener text_listener = {
	.enter = text_enter,
	.leave = text_leave,
	.input_panel_state = text_panel,
	.preedit_string = text_two,
	.preedit_styling = text_styling,
	.preedit_cursor = text_cursor,
	.commit_string = text_commit,
	.cursor_position = text_pair,
	.delete_surrounding_text = text_deletion,
	.modifiers_map = text_modifiers,
	.keysym = text_keysym,
	.language = text_language,
	.text_direction = text_direction,
	.configure_surrounding_text = text_pair,
	.input_method_changed = text_method,
};

static void run_text_input(void)
{
	window_needs(client.window.seat, "wl_seat");
	struct zwp_text_input_v2 *input =
		zwp_text_input_manager_v2_get_text_input(client.global, client.window.seat);
	zwp_text_input_v2_add_listener(input, &text_listener, NULL);
	show_window("Text");
	if (!await(&entered))
		printf("no focus\n");
	settle();
	zwp_text_input_v2_hide_input_panel(input);
	zwp_text_input_v2_disable(input, client.window.surface);
	settle();
	zwp_text_input_v2_destroy(input);
	settle();
}

/* --- gtk_primary_selection_device_manager: what the window selects it also pastes --- */

#define TYPE "text/plain;charset=utf-8"
#define CONTENT "language"

static struct {
	struct gtk_primary_selection_offer *offer;
	bool selected, withdrawn, cancelled;
} primary;

static void offer_type(void *data, struct gtk_primary_selection_offer *offer, const char *type)
{
	printf("type %s\n", type);
}

static const struct gtk_primary_selection_offer_listener offer_listener = {.offer = offer_type};

static void device_offer(void *data, struct gtk_primary_selection_device *device,
	struct gtk_primary_selection_offer *offer)
{
	gtk_primary_selection_offer_add_listener(offer, &offer_listener, NULL);
}

static void device_selection(void *data, struct gtk_primary_selection_device *device,
	struct gtk_primary_selection_offer *offer)
{
	primary.offer = offer;
	if (offer)
		primary.selected = true;
	else
		primary.withdrawn = true;
}

static const struct gtk_primary_selection_device_listener device_listener = {
	.data_offer = device_offer, .selection = device_selection};

static void source_send(
	void *data, struct gtk_primary_selection_source *source, const char *type, int32_t fd)
{
	printf("send %s\n", type);
	if (write(fd, CONTENT, sizeof(CONTENT) - 1) < 0)
		window_die(&client.window, "write");
	close(fd);
}

static void source_cancelled(void *data, struct gtk_primary_selection_source *source)
{
	printf("cancelled\n");
	primary.cancelled = true;
}

static const struct gtk_primary_selection_source_listener source_listener = {
	.send = source_send, .cancelled = source_cancelled};

/* Only who was touched may select. */

static struct {
	bool down;
	uint32_t serial;
} touched;

static void touch_down(void *data, struct wl_touch *touch, uint32_t serial, uint32_t time_ms,
	struct wl_surface *surface, int32_t id, wl_fixed_t x, wl_fixed_t y)
{
	touched.down = true;
	touched.serial = serial;
}

static void touch_up(
	void *data, struct wl_touch *touch, uint32_t serial, uint32_t time_ms, int32_t id)
{
}

static void touch_motion(void *data, struct wl_touch *touch, uint32_t time_ms, int32_t id,
	wl_fixed_t x, wl_fixed_t y)
{
}

static void touch_ignore(void *data, struct wl_touch *touch)
{
}

static const struct wl_touch_listener touch_listener = {
	.down = touch_down,
	.up = touch_up,
	.motion = touch_motion,
	.frame = touch_ignore,
	.cancel = touch_ignore,
};

/* What is in the pipe, once it has come. */
static void read_content(int fd)
{
	char content[64];
	for (int ms = 0; ms < PATIENCE_MS; ms += SHORTLY_MS) {
		ssize_t bytes = read(fd, content, sizeof(content) - 1);
		if (bytes > 0) {
			printf("pasted %.*s\n", (int)bytes, content);
			return;
		}
		if (!window_rest(&client.window, SHORTLY_MS))
			lost("pasting");
	}
	printf("nothing to paste\n");
}

static void run_gtk_primary(void)
{
	int ends[2];
	window_needs(client.window.seat, "wl_seat");
	struct gtk_primary_selection_device *device =
		gtk_primary_selection_device_manager_get_device(client.global, client.window.seat);
	gtk_primary_selection_device_add_listener(device, &device_listener, NULL);
	wl_touch_add_listener(wl_seat_get_touch(client.window.seat), &touch_listener, NULL);
	show_window("Selection");
	if (!await(&touched.down)) {
		printf("nobody touches it\n");
		return;
	}
	struct gtk_primary_selection_source *source =
		gtk_primary_selection_device_manager_create_source(client.global);
	gtk_primary_selection_source_add_listener(source, &source_listener, NULL);
	gtk_primary_selection_source_offer(source, TYPE);
	gtk_primary_selection_device_set_selection(device, source, touched.serial);
	if (!await(&primary.selected) || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		printf("no selection\n");
		return;
	}
	gtk_primary_selection_offer_receive(primary.offer, TYPE, ends[1]);
	close(ends[1]);
	read_content(ends[0]);
	primary.withdrawn = false;
	gtk_primary_selection_device_set_selection(device, NULL, touched.serial);
	printf(await(&primary.withdrawn) ? "withdrawn\n" : "not withdrawn\n");
	await(&primary.cancelled);
	gtk_primary_selection_source_destroy(source);
	settle();
}

/* --- org_kde_kwin_server_decoration_manager --- */

static void handle_default_mode(
	void *data, struct org_kde_kwin_server_decoration_manager *manager, uint32_t mode)
{
	printf("default mode %" PRIu32 "\n", mode);
}

static void handle_mode(
	void *data, struct org_kde_kwin_server_decoration *decoration, uint32_t mode)
{
	printf("mode %" PRIu32 "\n", mode);
}

static const struct org_kde_kwin_server_decoration_manager_listener decorations_listener = {
	.default_mode = handle_default_mode};
static const struct org_kde_kwin_server_decoration_listener decoration_listener = {
	.mode = handle_mode};

static void listen_decorations(void)
{
	org_kde_kwin_server_decoration_manager_add_listener(
		client.global, &decorations_listener, NULL);
}

static void run_decoration(void)
{
	settle();
	open_window("Decoration");
	struct org_kde_kwin_server_decoration *decoration =
		org_kde_kwin_server_decoration_manager_create(client.global, client.window.surface);
	org_kde_kwin_server_decoration_add_listener(decoration, &decoration_listener, NULL);
	settle();
	for (uint32_t mode = 0; mode < 3; mode++) {
		printf("request %" PRIu32 "\n", mode);
		org_kde_kwin_server_decoration_request_mode(decoration, mode);
		settle();
	}
	org_kde_kwin_server_decoration_release(decoration);
	settle();
}

/* --- xdg_system_bell_v1 --- */

static void run_bell(void)
{
	show_window("Bell");
	xdg_system_bell_v1_ring(client.global, client.window.surface);
	xdg_system_bell_v1_ring(client.global, NULL);
	settle();
	printf("rung\n");
}

/* --- the parts --- */

static const struct part {
	const char *name;
	const struct wl_interface *interface;
	void (*run)(void);
	void (*listen)(void); /* to the global; NULL: it says nothing */
} parts[] = {
	{"warp", &wp_pointer_warp_v1_interface, run_warp, NULL},
	/* says "handle HANDLE", and stays until it is killed */
	{"export", &zxdg_exporter_v2_interface, run_export, NULL},
	{"export-nothing", &zxdg_exporter_v2_interface, run_export_nothing, NULL},
	/* of HANDLE, if there is one; "shown", and when it is gone "no parent" */
	{"import", &zxdg_importer_v2_interface, run_import, NULL},
	{"effect", &ext_background_effect_manager_v1_interface, run_effect, listen_effects},
	{"effect-twice", &ext_background_effect_manager_v1_interface, run_effect_twice,
		listen_effects},
	{"fixes", &wl_fixes_interface, run_fixes, NULL},
	{"text-input", &zwp_text_input_manager_v2_interface, run_text_input, NULL},
	{"gtk-primary", &gtk_primary_selection_device_manager_interface, run_gtk_primary, NULL},
	{"decoration", &org_kde_kwin_server_decoration_manager_interface, run_decoration,
		listen_decorations},
	{"bell", &xdg_system_bell_v1_interface, run_bell, NULL},
	{"gtk-shell", &gtk_shell1_interface, run_gtk_shell, listen_gtk_shell},
	{"sessions", &xdg_session_manager_v1_interface, run_sessions, NULL},
};

static const struct part *find_part(const char *name)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcmp(parts[i].name, name) == 0)
			return &parts[i];
	}
	return NULL;
}

static void handle_global(
	struct window *window, uint32_t name, const char *interface, uint32_t version)
{
	if (strcmp(interface, client.part->interface->name) != 0)
		return;
	client.version = version;
	client.global = wl_registry_bind(window->registry, name, client.part->interface, 1);
	if (client.part->listen)
		client.part->listen();
}

int main(int argc, char **argv)
{
	client.part = argc > 1 && argc < 4 ? find_part(argv[1]) : NULL;
	if (!client.part) {
		fprintf(stderr, "usage: language-client PART [ARGUMENT]\n");
		return 2;
	}
	client.argument = argc > 2 ? argv[2] : NULL;
	setvbuf(stdout, NULL, _IOLBF, 0);
	client.window.handle_global = handle_global;
	window_connect(&client.window);
	if (client.global) {
		printf("%s %" PRIu32 "\n", client.part->interface->name, client.version);
		client.part->run();
	} else {
		printf("%s none\n", client.part->interface->name);
	}
	window_finish(&client.window);
	return 0;
}
