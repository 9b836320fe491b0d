/*
 * dmabuf-client: a window drawn in memory of the virtio-gpu device, for tests in guests.
 *
 * The picture is that of "shm-client --seed N --frames 1", so the two can be compared. The memory
 * comes from the kernel by plain ioctls and reaches the compositor as a dma-buf.
 */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dmabuf_print.h"
#include "linux-dmabuf-client-protocol.h"
#include "linux-explicit-synchronization-client-protocol.h"
#include "picture.h"
#include "virtgpu_memory.h"
#include "window.h"
#include "wl_drm-client-protocol.h"

enum via { VIA_DMABUF, VIA_CREATE, VIA_DRM, VIA_SHM };

struct options {
	int32_t width, height;
	uint32_t seed, offset, padding; /* bytes: before the picture, behind each row */
	uint32_t storm;                 /* so many sizes, one after another */
	enum via via;
	uint32_t unfinished_s; /* seconds */
	bool dumb, host, fence, feedback, formats, foreign, follow, hold;
};

static const char usage[] =
	"usage: dmabuf-client [OPTION...]\n"
	"  --size WxH     of the buffer (default 256x256)\n"
	"  --seed N       chooses the pattern (default 1)\n"
	"  --offset N     bytes before the picture\n"
	"  --padding N    bytes behind each row\n"
	"  --via WAY      dmabuf (create_immed; the default), create, drm, or shm\n"
	"  --dumb         a dumb buffer of the primary node instead of a blob of guest memory\n"
	"  --host         a blob of the host's memory instead\n"
	"  --unfinished N commit N seconds before the drawing is finished, as the kernel sees it\n"
	"  --fence        with --unfinished: the drawing is none of the buffer's, a sync file says "
	"when\n"
	"                 it is finished; and another frame, until the buffer is released\n"
	"  --storm N      show N sizes, one after another\n"
	"  --feedback     print linux-dmabuf's default feedback\n"
	"  --follow       print the feedback of the window, which goes to the whole screen and "
	"back\n"
	"  --formats      print what version 3 of linux-dmabuf tells\n"
	"  --foreign      offer memory that is not the device's; it must be refused\n"
	"  --hold         stay mapped\n";

struct client {
	struct window window;
	struct options options;
	struct zwp_linux_dmabuf_v1 *dmabuf;
	uint32_t dmabuf_version;
	struct zwp_linux_explicit_synchronization_v1 *fences;
	struct zwp_linux_surface_synchronization_v1 *sync; /* with --fence */
	int fence;                                         /* of the next commit; -1: none */
	bool unfinished, released;
	struct wl_drm *drm;
	char node[64]; /* as wl_drm has it */
	struct virtgpu_context context;
	int primary; /* with --dumb, instead */
};

_Noreturn static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* The picture, as shm-client draws it */

static void draw(
	const struct memory *memory, uint32_t offset, uint32_t seed, int32_t width, int32_t height)
{
	for (int32_t y = 0; y < height; y++) {
		uint32_t *row =
			(uint32_t *)(void *)(memory->map + offset + (size_t)y * memory->stride);
		for (int32_t x = 0; x < width; x++)
			row[x] = picture_pixel(seed, x, y);
	}
}

/* Buffers */

struct created {
	struct wl_buffer *buffer;
	bool failed;
};

static void handle_created(
	void *data, struct zwp_linux_buffer_params_v1 *params, struct wl_buffer *buffer)
{
	((struct created *)data)->buffer = buffer;
}

static void handle_failed(void *data, struct zwp_linux_buffer_params_v1 *params)
{
	((struct created *)data)->failed = true;
}

static const struct zwp_linux_buffer_params_v1_listener params_listener = {
	.created = handle_created,
	.failed = handle_failed,
};

/* NULL: it was refused. */
static struct wl_buffer *make_buffer(
	struct client *client, int fd, uint32_t stride, int32_t width, int32_t height)
{
	const struct options *options = &client->options;
	struct created created = {0};

	if (options->via == VIA_DRM)
		return wl_drm_create_prime_buffer(client->drm, fd, width, height,
			DRM_FORMAT_XRGB8888, (int32_t)options->offset, (int32_t)stride, 0, 0, 0, 0);
	struct zwp_linux_buffer_params_v1 *params =
		zwp_linux_dmabuf_v1_create_params(client->dmabuf);
	zwp_linux_buffer_params_v1_add_listener(params, &params_listener, &created);
	zwp_linux_buffer_params_v1_add(params, fd, 0, options->offset, stride, 0, 0);
	if (options->via == VIA_CREATE)
		zwp_linux_buffer_params_v1_create(params, width, height, DRM_FORMAT_XRGB8888, 0);
	else
		created.buffer = zwp_linux_buffer_params_v1_create_immed(
			params, width, height, DRM_FORMAT_XRGB8888, 0);
	while (!created.buffer && !created.failed) {
		if (!window_dispatch(&client->window))
			window_die(&client->window, "waiting for a buffer");
	}
	zwp_linux_buffer_params_v1_destroy(params);
	return created.buffer;
}

static void handle_release(void *data, struct wl_buffer *buffer)
{
	((struct window_buffer *)data)->busy = false;
}

static const struct wl_buffer_listener buffer_listener = {.release = handle_release};

static void handle_fenced_release(
	void *data, struct zwp_linux_buffer_release_v1 *release, int32_t fence)
{
	fprintf(stderr, "a release with a fence\n");
	exit(1);
}

static void handle_immediate_release(void *data, struct zwp_linux_buffer_release_v1 *release)
{
	((struct client *)data)->released = true;
	zwp_linux_buffer_release_v1_destroy(release);
}

static const struct zwp_linux_buffer_release_v1_listener release_listener = {
	.fenced_release = handle_fenced_release,
	.immediate_release = handle_immediate_release,
};

/* What the next commit waits for, and how its buffer's release is told. */
static void set_fence(struct client *client)
{
	zwp_linux_surface_synchronization_v1_set_acquire_fence(client->sync, client->fence);
	close(client->fence);
	client->fence = -1;
	zwp_linux_buffer_release_v1_add_listener(
		zwp_linux_surface_synchronization_v1_get_release(client->sync), &release_listener,
		client);
}

/* Commits @buffer and waits for the frame callback. */
static void show(struct client *client, struct window_buffer *buffer, int32_t width, int32_t height)
{
	struct window *window = &client->window;
	bool shown;
	const bool unfinished = client->unfinished;
	client->unfinished = false;
	if (client->fence >= 0)
		set_fence(client);
	window_want_frame(window, &shown);
	window_commit(window, buffer, 0, 0, width, height);
	if (unfinished) {
		wl_display_flush(window->display);
		printf("committed\n");
		fflush(stdout);
		sleep(client->options.unfinished_s);
		virtgpu_work_end(&client->context);
	}
	window_await(window, &shown, "waiting for a frame");
}

/* Shows a picture; returns what shows it. */
static struct memory show_picture(
	struct client *client, struct window_buffer *buffer, int32_t width, int32_t height)
{
	const struct options *options = &client->options;
	struct memory memory = options->dumb
		? virtgpu_allocate_dumb(client->primary, width, height)
		: virtgpu_allocate(&client->context, options->host, width, height, options->offset,
			  options->padding);
	draw(&memory, options->offset, options->seed, width, height);
	buffer->buffer = make_buffer(client, memory.dmabuf, memory.stride, width, height);
	if (!buffer->buffer) {
		fprintf(stderr, "the buffer was refused\n");
		exit(1);
	}
	wl_buffer_add_listener(buffer->buffer, &buffer_listener, buffer);
	if (client->unfinished)
		virtgpu_work_begin(&client->context, options->fence ? NULL : &memory,
			options->fence ? &client->fence : NULL);
	show(client, buffer, width, height);
	return memory;
}

/* A picture with a fence, and another one in its place: then the first is released. */
static void show_fenced(struct client *client)
{
	struct window_buffer buffers[2] = {0};

	window_needs(client->fences, zwp_linux_explicit_synchronization_v1_interface.name);
	client->sync = zwp_linux_explicit_synchronization_v1_get_synchronization(
		client->fences, client->window.surface);
	for (size_t i = 0; i < 2; i++) {
		show_picture(client, &buffers[i], client->options.width, client->options.height);
		printf("picture\n");
		fflush(stdout);
	}
	window_await(&client->window, &client->released, "waiting for the release");
	printf("released\n");
}

static void storm(struct client *client)
{
	struct window_buffer buffers[2] = {0};
	struct memory memories[2];
	for (uint32_t i = 0; i < client->options.storm; i++) {
		struct window_buffer *buffer = &buffers[i % 2];
		if (buffer->buffer) {
			wl_buffer_destroy(buffer->buffer);
			virtgpu_release(&memories[i % 2]);
		}
		memories[i % 2] = show_picture(
			client, buffer, (int32_t)(16 + i % 500), (int32_t)(16 + i / 2 % 300));
	}
	for (size_t i = 0; i < 2; i++) {
		wl_buffer_destroy(buffers[i].buffer);
		virtgpu_release(&memories[i]);
	}
}

/* The same with wl_shm. It ends with some of one size, so that what is shown at last is always the
 * same. */
static void storm_shm(struct client *client)
{
	for (uint32_t i = 0; i < client->options.storm + 4; i++) {
		bool last = i >= client->options.storm;
		int32_t width = last ? 16 : (int32_t)(16 + i % 500);
		int32_t height = last ? 16 : (int32_t)(16 + i / 2 % 300);
		size_t bytes = (size_t)width * (size_t)height * 4;
		int fd = memfd_create("storm", MFD_CLOEXEC);
		if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
			die("memfd");
		struct wl_shm_pool *pool =
			wl_shm_create_pool(client->window.shm, fd, (int32_t)bytes);
		struct window_buffer buffer = {.buffer = wl_shm_pool_create_buffer(pool, 0, width,
						       height, width * 4, WL_SHM_FORMAT_XRGB8888)};
		wl_buffer_add_listener(buffer.buffer, &buffer_listener, &buffer);
		show(client, &buffer, width, height);
		wl_buffer_destroy(buffer.buffer);
		wl_shm_pool_destroy(pool);
		close(fd);
	}
}

/*
 * The window's feedback as it comes: at first, and when the window has the whole screen, and when
 * it has no longer. A buffer is shown each time; in the end the last one is.
 */
static void follow(struct client *client)
{
	struct window *window = &client->window;
	struct window_buffer buffers[3] = {0};
	struct dmabuf_heard heard;
	struct zwp_linux_dmabuf_feedback_v1 *feedback =
		dmabuf_print_surface_feedback(window, client->dmabuf, &heard);

	for (int i = 0; i < 3; i++) {
		if (i == 1)
			xdg_toplevel_set_fullscreen(window->toplevel, NULL);
		else if (i == 2)
			xdg_toplevel_unset_fullscreen(window->toplevel);
		window_await(window, &heard.done, "waiting for feedback");
		heard.done = false;
		show_picture(client, &buffers[i], client->options.width, client->options.height);
		printf("picture\n");
		fflush(stdout);
	}
	zwp_linux_dmabuf_feedback_v1_destroy(feedback);
}

/* What is not the device's: refused, and the connection goes on. */
static void offer_foreign(struct client *client)
{
	int fd = memfd_create("foreign", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 65536) < 0)
		die("memfd");
	client->options.via = VIA_CREATE;
	if (make_buffer(client, fd, 256, 64, 64)) {
		fprintf(stderr, "foreign memory was taken\n");
		exit(1);
	}
	if (wl_display_roundtrip(client->window.display) < 0)
		window_die(&client->window, "after the refusal");
	printf("refused\n");
	close(fd);
}

/* What the compositor has */

static void handle_format(void *data, struct zwp_linux_dmabuf_v1 *dmabuf, uint32_t format)
{
}

static void handle_modifier(void *data, struct zwp_linux_dmabuf_v1 *dmabuf, uint32_t format,
	uint32_t modifier_hi, uint32_t modifier_lo)
{
	const struct client *client = data;
	if (client->options.formats)
		dmabuf_print_pair(format, (uint64_t)modifier_hi << 32 | modifier_lo);
}

static const struct zwp_linux_dmabuf_v1_listener dmabuf_listener = {
	.format = handle_format,
	.modifier = handle_modifier,
};

static void handle_drm_device(void *data, struct wl_drm *drm, const char *name)
{
	struct client *client = data;
	snprintf(client->node, sizeof(client->node), "%s", name);
}

static void handle_drm_format(void *data, struct wl_drm *drm, uint32_t format)
{
}

static void handle_drm_authenticated(void *data, struct wl_drm *drm)
{
}

static void handle_drm_capabilities(void *data, struct wl_drm *drm, uint32_t value)
{
}

static const struct wl_drm_listener drm_listener = {
	.device = handle_drm_device,
	.format = handle_drm_format,
	.authenticated = handle_drm_authenticated,
	.capabilities = handle_drm_capabilities,
};

static void handle_global(
	struct window *window, uint32_t name, const char *interface, uint32_t version)
{
	struct client *client = window->data;
	if (strcmp(interface, zwp_linux_dmabuf_v1_interface.name) == 0 && !client->dmabuf) {
		client->dmabuf_version =
			client->options.feedback || client->options.follow ? version : 3;
		if (client->dmabuf_version > 4)
			client->dmabuf_version = 4;
		client->dmabuf = wl_registry_bind(window->registry, name,
			&zwp_linux_dmabuf_v1_interface, client->dmabuf_version);
		zwp_linux_dmabuf_v1_add_listener(client->dmabuf, &dmabuf_listener, client);
	} else if (strcmp(interface, zwp_linux_explicit_synchronization_v1_interface.name) == 0) {
		client->fences = wl_registry_bind(window->registry, name,
			&zwp_linux_explicit_synchronization_v1_interface, 2);
	} else if (strcmp(interface, wl_drm_interface.name) == 0) {
		client->drm = wl_registry_bind(window->registry, name, &wl_drm_interface, 2);
		wl_drm_add_listener(client->drm, &drm_listener, client);
	}
}

/* Command line */

static bool parse_via(const char *name, enum via *via)
{
	static const char *const names[] = {"dmabuf", "create", "drm", "shm"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0) {
			*via = (enum via)i;
			return true;
		}
	}
	return false;
}

static bool options_parse(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {{"size", required_argument, NULL, 's'},
		{"seed", required_argument, NULL, 'e'}, {"offset", required_argument, NULL, 'o'},
		{"padding", required_argument, NULL, 'p'}, {"via", required_argument, NULL, 'v'},
		{"unfinished", required_argument, NULL, 'u'}, {"dumb", no_argument, NULL, 'd'},
		{"host", no_argument, NULL, 'b'}, {"fence", no_argument, NULL, 'c'},
		{"storm", required_argument, NULL, 'n'}, {"feedback", no_argument, NULL, 'f'},
		{"formats", no_argument, NULL, 'm'}, {"foreign", no_argument, NULL, 'x'},
		{"follow", no_argument, NULL, 'w'}, {"hold", no_argument, NULL, 'h'}, {0}};
	for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		switch (option) {
		case 's':
			if (!window_parse_size(optarg, &options->width, &options->height))
				return false;
			break;
		case 'e':
			options->seed = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'o':
			options->offset = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'p':
			options->padding = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'v':
			if (!parse_via(optarg, &options->via))
				return false;
			break;
		case 'n':
			options->storm = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'd':
			options->dumb = true;
			break;
		case 'u':
			options->unfinished_s = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'b':
			options->host = true;
			break;
		case 'c':
			options->fence = true;
			break;
		case 'f':
			options->feedback = true;
			break;
		case 'm':
			options->formats = true;
			break;
		case 'x':
			options->foreign = true;
			break;
		case 'w':
			options->follow = true;
			break;
		case 'h':
			options->hold = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc && (!options->fence || options->unfinished_s);
}

static void connect_all(struct client *client)
{
	const struct options *options = &client->options;
	client->window.data = client;
	client->window.handle_global = handle_global;
	window_connect(&client->window);
	wl_display_roundtrip(client->window.display); /* formats, wl_drm's device */
	if (!client->dmabuf || (options->via == VIA_DRM && !client->drm)) {
		fprintf(stderr, "linux-dmabuf or wl_drm is missing\n");
		exit(1);
	}
	if (options->feedback || options->formats || options->foreign || options->via == VIA_SHM)
		return;
	if (options->dumb) {
		client->primary = virtgpu_open_node("/dev/dri/card%d", 0);
		return;
	}
	int render = options->via == VIA_DRM ? open(client->node, O_RDWR | O_CLOEXEC)
					     : virtgpu_open_node("/dev/dri/renderD%d", 128);
	if (render < 0)
		die(client->node);
	client->context = virtgpu_context_create(
		render, options->host || options->unfinished_s, options->unfinished_s);
}

int main(int argc, char **argv)
{
	struct client client = {
		.options = {.width = 256, .height = 256, .seed = 1},
		.fence = -1,
	};
	struct options *options = &client.options;
	struct window_buffer buffer = {0};
	if (!options_parse(options, argc, argv)) {
		fputs(usage, stderr);
		return 2;
	}
	client.unfinished = options->unfinished_s > 0;
	connect_all(&client);
	if (options->feedback) {
		printf("version %u\n", client.dmabuf_version);
		dmabuf_print_feedback(&client.window, client.dmabuf);
	}
	if (options->foreign)
		offer_foreign(&client);
	if (options->feedback || options->formats || options->foreign)
		return 0;
	window_create(&client.window, "dmabuf-client", options->width, options->height);
	if (options->follow)
		follow(&client);
	else if (options->storm && options->via == VIA_SHM)
		storm_shm(&client);
	else if (options->storm)
		storm(&client);
	else if (options->fence)
		show_fenced(&client);
	else
		show_picture(&client, &buffer, options->width, options->height);
	printf("shown\n");
	fflush(stdout);
	if (options->hold)
		window_run(&client.window);
	else
		window_finish(&client.window);
	return 0;
}
