/* A window that the CPU draws into. */
#include "examples/canvas.h"

#include <getopt.h>
#include <drm_fourcc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <wayland-client.h>

#include "examples/linear.h"
#include "linux-dmabuf-client-protocol.h"
#include "xdg-shell-client-protocol.h"

#define FEEDBACK_VERSION 4
#define SAMPLES 4096

struct image {
	struct wl_buffer *buffer;
	struct linear memory; /* of wl_shm: map and stride only */
	bool busy, refused;
};

struct canvas {
	struct wl_display *display;
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct wl_shm *shm;
	struct wl_seat *seat;
	struct xdg_wm_base *wm_base;
	struct zwp_linux_dmabuf_v1 *dmabuf;
	struct wl_surface *surface;
	struct xdg_surface *xdg_surface;
	struct xdg_toplevel *toplevel;
	uint32_t width, height;
	dev_t device_number;
	struct linear_device *device;
	struct image images[CANVAS_IMAGES];
	bool feedback_done, configured, closed, shown, moved;
	int32_t x, y; /* of the pointer */
	bool down;
	double shown_ms, samples[SAMPLES];
	unsigned n_samples;
	char memory[64];
};

_Noreturn static void die(const char *why)
{
	fprintf(stderr, "%s\n", why);
	exit(1);
}

static double now_ms(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void dispatch(struct canvas *canvas)
{
	if (wl_display_dispatch(canvas->display) < 0)
		die("the compositor has ended the connection");
}

static void dispatch_until(struct canvas *canvas, const bool *happened)
{
	while (!*happened)
		dispatch(canvas);
}

/* Which device the compositor takes buffers of (linux-dmabuf's default feedback). */

static void handle_done(void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback)
{
	((struct canvas *)data)->feedback_done = true;
}

static void handle_table(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback, int32_t fd, uint32_t size)
{
	close(fd);
}

static void handle_main_device(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback, struct wl_array *device)
{
	struct canvas *canvas = data;
	if (device->size == sizeof(canvas->device_number))
		memcpy(&canvas->device_number, device->data, device->size);
}

static void ignore(void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback)
{
}

static void ignore_array(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback, struct wl_array *array)
{
}

static void ignore_flags(void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback, uint32_t flags)
{
}

static const struct zwp_linux_dmabuf_feedback_v1_listener feedback_listener = {
	.done = handle_done,
	.format_table = handle_table,
	.main_device = handle_main_device,
	.tranche_done = ignore,
	.tranche_target_device = ignore_array,
	.tranche_formats = ignore_array,
	.tranche_flags = ignore_flags,
};

static void open_device(struct canvas *canvas)
{
	if (!canvas->dmabuf)
		return;
	struct zwp_linux_dmabuf_feedback_v1 *feedback =
		zwp_linux_dmabuf_v1_get_default_feedback(canvas->dmabuf);
	zwp_linux_dmabuf_feedback_v1_add_listener(feedback, &feedback_listener, canvas);
	dispatch_until(canvas, &canvas->feedback_done);
	zwp_linux_dmabuf_feedback_v1_destroy(feedback);
	canvas->device = linear_open(canvas->device_number);
}

/* Images */

static void handle_release(void *data, struct wl_buffer *buffer)
{
	((struct image *)data)->busy = false;
}

static const struct wl_buffer_listener buffer_listener = {.release = handle_release};

static void handle_created(
	void *data, struct zwp_linux_buffer_params_v1 *params, struct wl_buffer *buffer)
{
	((struct image *)data)->buffer = buffer;
}

static void handle_failed(void *data, struct zwp_linux_buffer_params_v1 *params)
{
	((struct image *)data)->refused = true;
}

static const struct zwp_linux_buffer_params_v1_listener params_listener = {
	.created = handle_created,
	.failed = handle_failed,
};

/* False: there is no such memory, or the compositor does not take it. */
static bool make_linear(struct canvas *canvas, struct image *image)
{
	if (!canvas->device ||
		!linear_allocate(canvas->device, canvas->width, canvas->height, DRM_FORMAT_XRGB8888,
			&image->memory))
		return false;
	struct zwp_linux_buffer_params_v1 *params =
		zwp_linux_dmabuf_v1_create_params(canvas->dmabuf);
	zwp_linux_buffer_params_v1_add_listener(params, &params_listener, image);
	zwp_linux_buffer_params_v1_add(
		params, image->memory.dmabuf, 0, 0, image->memory.stride, 0, 0);
	zwp_linux_buffer_params_v1_create(
		params, (int32_t)canvas->width, (int32_t)canvas->height, DRM_FORMAT_XRGB8888, 0);
	while (!image->buffer && !image->refused)
		dispatch(canvas);
	zwp_linux_buffer_params_v1_destroy(params);
	if (image->refused)
		linear_free(canvas->device, &image->memory);
	return image->buffer;
}

static void make_shm(struct canvas *canvas, struct image *image)
{
	uint32_t stride = canvas->width * 4;
	size_t bytes = (size_t)stride * canvas->height;
	int fd = memfd_create("canvas", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
		die("no memory for an image");
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		die("no memory for an image");
	struct wl_shm_pool *pool = wl_shm_create_pool(canvas->shm, fd, (int32_t)bytes);
	image->buffer = wl_shm_pool_create_buffer(pool, 0, (int32_t)canvas->width,
		(int32_t)canvas->height, (int32_t)stride, WL_SHM_FORMAT_XRGB8888);
	wl_shm_pool_destroy(pool);
	close(fd);
	image->memory = (struct linear){.map = map, .bytes = bytes, .stride = stride};
}

static void make_images(struct canvas *canvas)
{
	bool linear = true;
	for (unsigned i = 0; i < CANVAS_IMAGES; i++) {
		struct image *image = &canvas->images[i];
		linear = linear && make_linear(canvas, image);
		if (!linear)
			make_shm(canvas, image);
		wl_buffer_add_listener(image->buffer, &buffer_listener, image);
	}
	snprintf(canvas->memory, sizeof(canvas->memory), "%s%s", linear ? "linear memory, " : "",
		linear ? linear_owner(canvas->device) : "wl_shm");
}

/* The window */

static void handle_ping(void *data, struct xdg_wm_base *wm_base, uint32_t serial)
{
	xdg_wm_base_pong(wm_base, serial);
}

static const struct xdg_wm_base_listener wm_base_listener = {.ping = handle_ping};

static void handle_configure(void *data, struct xdg_surface *surface, uint32_t serial)
{
	((struct canvas *)data)->configured = true;
	xdg_surface_ack_configure(surface, serial);
}

static const struct xdg_surface_listener surface_listener = {.configure = handle_configure};

/* The window keeps its size. */
static void handle_toplevel_configure(void *data, struct xdg_toplevel *toplevel, int32_t width,
	int32_t height, struct wl_array *states)
{
}

static void handle_close(void *data, struct xdg_toplevel *toplevel)
{
	((struct canvas *)data)->closed = true;
}

static const struct xdg_toplevel_listener toplevel_listener = {
	.configure = handle_toplevel_configure,
	.close = handle_close,
};

/* The pointer */

static void handle_enter(void *data, struct wl_pointer *pointer, uint32_t serial,
	struct wl_surface *surface, wl_fixed_t x, wl_fixed_t y)
{
}

static void handle_leave(
	void *data, struct wl_pointer *pointer, uint32_t serial, struct wl_surface *surface)
{
	((struct canvas *)data)->down = false;
}

static void handle_motion(
	void *data, struct wl_pointer *pointer, uint32_t time, wl_fixed_t x, wl_fixed_t y)
{
	struct canvas *canvas = data;
	canvas->x = wl_fixed_to_int(x);
	canvas->y = wl_fixed_to_int(y);
	canvas->moved = true;
}

static void handle_button(void *data, struct wl_pointer *pointer, uint32_t serial, uint32_t time,
	uint32_t button, uint32_t state)
{
	struct canvas *canvas = data;
	canvas->down = state == WL_POINTER_BUTTON_STATE_PRESSED;
	canvas->moved = true;
}

static void handle_axis(
	void *data, struct wl_pointer *pointer, uint32_t time, uint32_t axis, wl_fixed_t value)
{
}

static const struct wl_pointer_listener pointer_listener = {
	.enter = handle_enter,
	.leave = handle_leave,
	.motion = handle_motion,
	.button = handle_button,
	.axis = handle_axis,
};

static void handle_capabilities(void *data, struct wl_seat *seat, uint32_t capabilities)
{
	if (capabilities & WL_SEAT_CAPABILITY_POINTER)
		wl_pointer_add_listener(wl_seat_get_pointer(seat), &pointer_listener, data);
}

static const struct wl_seat_listener seat_listener = {.capabilities = handle_capabilities};

/* Opening */

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct canvas *canvas = data;
	const struct {
		const struct wl_interface *interface;
		uint32_t version;
		void **object;
	} wanted[] = {
		{&wl_compositor_interface, 4, (void **)&canvas->compositor},
		{&wl_shm_interface, 1, (void **)&canvas->shm},
		{&wl_seat_interface, 1, (void **)&canvas->seat},
		{&xdg_wm_base_interface, 1, (void **)&canvas->wm_base},
		{&zwp_linux_dmabuf_v1_interface, FEEDBACK_VERSION, (void **)&canvas->dmabuf},
	};
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (strcmp(interface, wanted[i].interface->name) == 0 &&
			version >= wanted[i].version && !*wanted[i].object)
			*wanted[i].object = wl_registry_bind(
				registry, name, wanted[i].interface, wanted[i].version);
	}
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

struct canvas *canvas_open(const char *title, uint32_t width, uint32_t height, bool shm)
{
	struct canvas *canvas = calloc(1, sizeof(*canvas));
	if (!canvas)
		die("no memory");
	canvas->width = width;
	canvas->height = height;
	canvas->display = wl_display_connect(NULL);
	if (!canvas->display)
		die("no compositor at $WAYLAND_DISPLAY");
	canvas->registry = wl_display_get_registry(canvas->display);
	wl_registry_add_listener(canvas->registry, &registry_listener, canvas);
	if (wl_display_roundtrip(canvas->display) < 0 || !canvas->compositor || !canvas->shm ||
		!canvas->wm_base)
		die("the compositor has no windows");
	xdg_wm_base_add_listener(canvas->wm_base, &wm_base_listener, canvas);
	if (canvas->seat)
		wl_seat_add_listener(canvas->seat, &seat_listener, canvas);
	if (!shm)
		open_device(canvas);
	make_images(canvas);
	canvas->surface = wl_compositor_create_surface(canvas->compositor);
	canvas->xdg_surface = xdg_wm_base_get_xdg_surface(canvas->wm_base, canvas->surface);
	xdg_surface_add_listener(canvas->xdg_surface, &surface_listener, canvas);
	canvas->toplevel = xdg_surface_get_toplevel(canvas->xdg_surface);
	xdg_toplevel_add_listener(canvas->toplevel, &toplevel_listener, canvas);
	xdg_toplevel_set_title(canvas->toplevel, title);
	wl_surface_commit(canvas->surface);
	dispatch_until(canvas, &canvas->configured);
	return canvas;
}

void canvas_close(struct canvas *canvas)
{
	wl_display_roundtrip(canvas->display);
	wl_display_disconnect(canvas->display);
	for (unsigned i = 0; i < CANVAS_IMAGES; i++) {
		struct linear *memory = &canvas->images[i].memory;
		if (memory->handle)
			linear_free(canvas->device, memory);
		else
			munmap(memory->map, memory->bytes);
	}
	linear_close(canvas->device);
	free(canvas);
}

const char *canvas_memory(const struct canvas *canvas)
{
	return canvas->memory;
}

/* Showing */

struct image_view canvas_image(struct canvas *canvas, unsigned i)
{
	const struct linear *memory = &canvas->images[i].memory;
	return (struct image_view){(uint32_t *)(void *)memory->map, memory->stride / 4};
}

unsigned canvas_free_image(struct canvas *canvas)
{
	for (;;) {
		for (unsigned i = 0; i < CANVAS_IMAGES; i++) {
			if (!canvas->images[i].busy)
				return i;
		}
		dispatch(canvas);
	}
}

static void handle_frame(void *data, struct wl_callback *callback, uint32_t time)
{
	((struct canvas *)data)->shown = true;
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener frame_listener = {.done = handle_frame};

void canvas_show(
	struct canvas *canvas, unsigned i, int32_t x, int32_t y, int32_t width, int32_t height)
{
	canvas->shown = false;
	canvas->shown_ms = now_ms();
	wl_callback_add_listener(wl_surface_frame(canvas->surface), &frame_listener, canvas);
	wl_surface_attach(canvas->surface, canvas->images[i].buffer, 0, 0);
	wl_surface_damage_buffer(canvas->surface, x, y, width, height);
	wl_surface_commit(canvas->surface);
	canvas->images[i].busy = true;
}

void canvas_await(struct canvas *canvas)
{
	dispatch_until(canvas, &canvas->shown);
	if (canvas->n_samples < SAMPLES)
		canvas->samples[canvas->n_samples++] = now_ms() - canvas->shown_ms;
}

bool canvas_pointer(struct canvas *canvas, int32_t *x, int32_t *y, bool *down)
{
	wl_display_flush(canvas->display);
	for (canvas->moved = false; !canvas->moved && !canvas->closed;)
		dispatch(canvas);
	*x = canvas->x;
	*y = canvas->y;
	*down = canvas->down;
	return !canvas->closed;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return (left > right) - (left < right);
}

double canvas_latency_ms(const struct canvas *canvas)
{
	double sorted[SAMPLES];
	memcpy(sorted, canvas->samples, sizeof(sorted));
	qsort(sorted, canvas->n_samples, sizeof(sorted[0]), compare);
	return canvas->n_samples > 0 ? sorted[canvas->n_samples / 2] : 0;
}

void canvas_options_read(
	int argc, char **argv, const char *count, const char *usage, struct canvas_options *options)
{
	const struct option names[] = {{"size", required_argument, NULL, 's'},
		{count, required_argument, NULL, 'n'}, {"hold", no_argument, NULL, 'h'},
		{"shm", no_argument, NULL, 'm'}, {0}};
	bool good = true;

	for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		if (option == 's')
			good &= sscanf(optarg, "%ux%u", &options->width, &options->height) == 2 &&
				options->width > 0 && options->height > 0 &&
				options->width <= 4096 && options->height <= 4096;
		else if (option == 'n')
			options->count = (uint32_t)strtoul(optarg, NULL, 0);
		else if (option == 'h')
			options->hold = true;
		else if (option == 'm')
			options->shm = true;
		else
			good = false;
	}
	if (good && optind == argc)
		return;
	fputs(usage, stderr);
	exit(2);
}
