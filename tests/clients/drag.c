/* drag: a window that can be dragged from and dropped on, and writes down what it is told of that,
 * one event a line.
 *
 *   drag BYTES [TYPE [copy|move]]
 *
 * The left button starts a drag with an icon, of BYTES bytes as application/x-wayferry-drag, or
 * TYPE, and of the text "drag". What is dropped is asked for as the former and told as a length and
 * a checksum. Copied or moved, as the other one likes, unless it says how. SIGUSR1 is the user's
 * Escape: the source of the drag goes.
 * Serials, times and ids are left out, as they differ from run to run. "mapped" is printed when the
 * window is on the screen.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pointer.h"
#include "window.h"

#define TEXT_TYPE "text/plain"
#define ICON_PX 32
#define ICON_COLOUR 0xff8800
#define ACTIONS (WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY | WL_DATA_DEVICE_MANAGER_DND_ACTION_MOVE)

struct drag {
	struct window window;
	struct pointer pointer;
	size_t size; /* of what is dragged */
	const char *type;
	uint32_t actions;
	struct wl_data_device_manager *manager;
	struct wl_data_device *device;
	struct wl_data_source *source;
	struct wl_data_offer *offer;   /* the newest one */
	struct wl_data_offer *dropped; /* the one that is over the window */
	bool has_type;
	struct wl_surface *icon;
};

static volatile sig_atomic_t escaped;

static void handle_escape(int number)
{
	escaped = 1;
}

static unsigned char content_at(size_t i)
{
	return (unsigned char)(i * 2654435761u >> 13);
}

/* ---- from here */

static void write_content(int fd, const char *type, size_t size)
{
	unsigned char bytes[4096];
	if (strcmp(type, TEXT_TYPE) == 0) {
		if (write(fd, "drag", 4) != 4)
			perror("write");
		return;
	}
	for (size_t done = 0, n; done < size; done += n) {
		n = size - done < sizeof(bytes) ? size - done : sizeof(bytes);
		for (size_t i = 0; i < n; i++)
			bytes[i] = content_at(done + i);
		if (write(fd, bytes, n) != (ssize_t)n) {
			perror("write");
			return;
		}
	}
}

static void source_target(void *data, struct wl_data_source *source, const char *type)
{
	printf("source target %s\n", type ? type : "none");
}

static void source_send(void *data, struct wl_data_source *source, const char *type, int32_t fd)
{
	struct drag *drag = data;
	printf("source send %s\n", type);
	write_content(fd, type, drag->size);
	close(fd);
}

static void source_end(struct drag *drag, struct wl_data_source *source, const char *how)
{
	printf("source %s\n", how);
	wl_data_source_destroy(source);
	wl_surface_destroy(drag->icon);
	drag->source = NULL;
}

static void source_cancelled(void *data, struct wl_data_source *source)
{
	source_end(data, source, "cancelled");
}

static void source_dropped(void *data, struct wl_data_source *source)
{
	printf("source dropped\n");
}

static void source_finished(void *data, struct wl_data_source *source)
{
	source_end(data, source, "finished");
}

static void source_action(void *data, struct wl_data_source *source, uint32_t action)
{
	printf("source action %" PRIu32 "\n", action);
}

static const struct wl_data_source_listener source_listener = {
	.target = source_target,
	.send = source_send,
	.cancelled = source_cancelled,
	.dnd_drop_performed = source_dropped,
	.dnd_finished = source_finished,
	.action = source_action,
};

/* The compositor has it. */
static void handle_started(void *data, struct wl_callback *callback, uint32_t serial)
{
	printf("drag started\n");
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener started_listener = {.done = handle_started};

static void start(struct drag *drag, uint32_t serial)
{
	drag->source = wl_data_device_manager_create_data_source(drag->manager);
	wl_data_source_add_listener(drag->source, &source_listener, drag);
	wl_data_source_offer(drag->source, drag->type);
	wl_data_source_offer(drag->source, TEXT_TYPE);
	wl_data_source_set_actions(drag->source, drag->actions);
	drag->icon = wl_compositor_create_surface(drag->window.compositor);
	wl_data_device_start_drag(
		drag->device, drag->source, drag->window.surface, drag->icon, serial);

	/* A corner of a buffer that the window does not use. */
	uint32_t *pixels = drag->window.buffers[1].pixels;
	struct wl_buffer *corner = wl_shm_pool_create_buffer(drag->window.pool,
		(int32_t)((pixels - drag->window.pool_pixels) * (ptrdiff_t)sizeof(*pixels)),
		ICON_PX, ICON_PX, drag->window.width * (int32_t)sizeof(*pixels),
		WL_SHM_FORMAT_XRGB8888);
	for (int32_t i = 0; i < ICON_PX * drag->window.width; i++)
		pixels[i] = ICON_COLOUR;
	wl_surface_attach(drag->icon, corner, 0, 0);
	wl_surface_damage(drag->icon, 0, 0, ICON_PX, ICON_PX);
	wl_surface_commit(drag->icon);
	wl_buffer_destroy(corner);
	wl_callback_add_listener(wl_display_sync(drag->window.display), &started_listener, NULL);
}

static void handle_button(void *data, uint32_t serial, uint32_t button, bool pressed)
{
	struct window *window = data;
	struct drag *drag = window->data;
	if (button == POINTER_LEFT && pressed && !drag->source)
		start(drag, serial);
}

/* ---- to here */

static void offer_offer(void *data, struct wl_data_offer *offer, const char *type)
{
	struct drag *drag = data;
	printf("offer type %s\n", type);
	drag->has_type |= strcmp(type, drag->type) == 0;
}

static void offer_source_actions(void *data, struct wl_data_offer *offer, uint32_t actions)
{
	printf("offer source_actions %" PRIu32 "\n", actions);
}

static void offer_action(void *data, struct wl_data_offer *offer, uint32_t action)
{
	printf("offer action %" PRIu32 "\n", action);
}

static const struct wl_data_offer_listener offer_listener = {
	.offer = offer_offer,
	.source_actions = offer_source_actions,
	.action = offer_action,
};

static void device_data_offer(
	void *data, struct wl_data_device *device, struct wl_data_offer *offer)
{
	struct drag *drag = data;
	printf("offer\n");
	drag->offer = offer;
	drag->has_type = false;
	wl_data_offer_add_listener(offer, &offer_listener, drag);
}

static void device_enter(void *data, struct wl_data_device *device, uint32_t serial,
	struct wl_surface *surface, wl_fixed_t x, wl_fixed_t y, struct wl_data_offer *offer)
{
	struct drag *drag = data;
	printf("enter %s %.3f %.3f %s\n", window_name(&drag->window, surface),
		wl_fixed_to_double(x), wl_fixed_to_double(y),
		!offer                         ? "without an offer"
			: offer == drag->offer ? "with the offer"
					       : "with another offer");
	drag->dropped = offer;
	if (!offer)
		return;
	wl_data_offer_accept(offer, serial, drag->has_type ? drag->type : NULL);
	wl_data_offer_set_actions(offer, drag->actions,
		drag->actions == ACTIONS ? WL_DATA_DEVICE_MANAGER_DND_ACTION_MOVE : drag->actions);
}

static void device_leave(void *data, struct wl_data_device *device)
{
	struct drag *drag = data;
	printf("leave\n");
	if (drag->dropped)
		wl_data_offer_destroy(drag->dropped);
	drag->dropped = NULL;
}

static void device_motion(
	void *data, struct wl_data_device *device, uint32_t time_ms, wl_fixed_t x, wl_fixed_t y)
{
	printf("motion %.3f %.3f\n", wl_fixed_to_double(x), wl_fixed_to_double(y));
}

/* What it drags itself it has to send meanwhile (no more than a pipe holds). */
static ssize_t read_some(struct drag *drag, int fd, unsigned char *bytes, size_t size)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	for (;;) {
		ssize_t n = read(fd, bytes, size);
		if (n >= 0 || errno != EAGAIN)
			return n;
		if (!drag->source)
			poll(&readable, 1, -1);
		else if (!window_rest(&drag->window, 10))
			return -1;
	}
}

static void read_content(struct drag *drag, int fd)
{
	unsigned char bytes[65536];
	size_t size = 0, wrong = 0;
	ssize_t n;
	while ((n = read_some(drag, fd, bytes, sizeof(bytes))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			wrong += bytes[i] != content_at(size + (size_t)i);
		size += (size_t)n;
	}
	printf("received %zu bytes, %zu of them wrong\n", size, wrong);
}

static void device_drop(void *data, struct wl_data_device *device)
{
	struct drag *drag = data;
	struct wl_data_offer *offer = drag->dropped;
	int ends[2];
	printf("drop\n");
	if (!offer || pipe(ends) < 0)
		return;
	drag->dropped = NULL;
	wl_data_offer_receive(offer, drag->type, ends[1]);
	wl_display_flush(drag->window.display);
	close(ends[1]);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	read_content(drag, ends[0]);
	close(ends[0]);
	wl_data_offer_finish(offer);
	wl_data_offer_destroy(offer);
}

static void device_selection(void *data, struct wl_data_device *device, struct wl_data_offer *offer)
{
	if (offer)
		wl_data_offer_destroy(offer);
}

static const struct wl_data_device_listener device_listener = {
	.data_offer = device_data_offer,
	.enter = device_enter,
	.leave = device_leave,
	.motion = device_motion,
	.drop = device_drop,
	.selection = device_selection,
};

/* ---- */

static void handle_global(
	struct window *window, uint32_t name, const char *interface, uint32_t version)
{
	struct drag *drag = window->data;
	if (strcmp(interface, wl_data_device_manager_interface.name) == 0 && version >= 3)
		drag->manager = wl_registry_bind(
			window->registry, name, &wl_data_device_manager_interface, 3);
}

static void run(struct drag *drag)
{
	struct window *window = &drag->window;
	while (!window->closed && window_rest(window, 50)) {
		if (escaped && drag->source)
			source_end(drag, drag->source, "escaped");
		escaped = 0;
	}
	window_finish(window);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	struct drag drag = {.window = {.handle_global = handle_global},
		.type = "application/x-wayferry-drag",
		.actions = ACTIONS};
	struct window *window = &drag.window;
	window->data = &drag;
	if (argc < 2 || argc > 4) {
		fprintf(stderr, "usage: drag BYTES [TYPE [copy|move]]\n");
		return 2;
	}
	drag.size = strtoul(argv[1], NULL, 10);
	if (argc > 2)
		drag.type = argv[2];
	if (argc > 3)
		drag.actions = strcmp(argv[3], "move") == 0
			? WL_DATA_DEVICE_MANAGER_DND_ACTION_MOVE
			: WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY;
	signal(SIGUSR1, handle_escape);
	window_connect(window);
	window_needs(window->seat, "seat");
	window_needs(drag.manager, "drag and drop");
	drag.pointer = (struct pointer){
		.surface_name = window_name, .button = handle_button, .data = window};
	pointer_listen(&drag.pointer, window->seat);
	drag.device = wl_data_device_manager_get_data_device(drag.manager, window->seat);
	wl_data_device_add_listener(drag.device, &device_listener, &drag);
	window_create(window, "drag", 640, 720);
	window_show(window);
	run(&drag);
	return 0;
}
