/*
 * timeline-client: a window with timelines of its own (linux-drm-syncobj), for tests in guests.
 *
 * Each frame is committed when it has one colour all over (#ff00ff), and drawn afterwards, before
 * its acquire point is signalled; a buffer is drawn again when its release point is signalled. The
 * first frame is drawn when SIGUSR1 comes. The picture is that of "shm-client --seed N --frames 1".
 *
 * With --pause so much time passes before a frame is drawn, and no signal is waited for; "frame N"
 * is printed for every tenth. With --storm each frame is of another size, with a buffer and
 * timelines of its own, which are given back when it was replaced. --implicit does without
 * timelines: frames are drawn and then committed.
 */
#include <drm_fourcc.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "linux-dmabuf-client-protocol.h"
#include "linux-drm-syncobj-client-protocol.h"
#include "picture.h"
#include "virtgpu_memory.h"
#include "window.h"

#include <drm.h>

#define UNFINISHED 0xffff00ffu
#define BUFFERS 2
#define HANG_S 60

static const char usage[] =
	"usage: timeline-client [--size WxH] [--seed N] [--frames N] [--pause MS] [--storm] "
	"[--implicit]\n";

struct options {
	int32_t width, height;
	uint32_t seed, frames, pause_ms;
	bool signal, storm, implicit;
};

struct timeline {
	uint32_t handle;
	struct wp_linux_drm_syncobj_timeline_v1 *object;
	uint64_t point; /* the last one that was asked for */
};

struct picture {
	int32_t width, height;
	struct memory memory;
	struct window_buffer shown;
	struct timeline release;
};

struct client {
	struct window window;
	struct virtgpu_context context;
	struct zwp_linux_dmabuf_v1 *dmabuf;
	struct wp_linux_drm_syncobj_manager_v1 *manager;
	struct wp_linux_drm_syncobj_surface_v1 *sync;
	struct timeline acquire;
	struct options options;
};

static void call(const struct client *client, unsigned long request, void *argument)
{
	if (ioctl(client->context.node, request, argument) < 0) {
		perror("a syncobj");
		exit(1);
	}
}

static void make_timeline(struct client *client, struct timeline *timeline)
{
	struct drm_syncobj_create create = {0};
	call(client, DRM_IOCTL_SYNCOBJ_CREATE, &create);
	struct drm_syncobj_handle share = {.handle = create.handle, .fd = -1};
	call(client, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &share);
	timeline->handle = create.handle;
	timeline->object =
		wp_linux_drm_syncobj_manager_v1_import_timeline(client->manager, share.fd);
	close(share.fd);
}

static void end_timeline(const struct client *client, struct timeline *timeline)
{
	struct drm_syncobj_destroy destroy = {.handle = timeline->handle};
	wp_linux_drm_syncobj_timeline_v1_destroy(timeline->object);
	call(client, DRM_IOCTL_SYNCOBJ_DESTROY, &destroy);
}

static void signal_point(const struct client *client, const struct timeline *timeline)
{
	struct drm_syncobj_timeline_array signal = {
		.handles = (uintptr_t)&timeline->handle,
		.points = (uintptr_t)&timeline->point,
		.count_handles = 1,
	};
	call(client, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &signal);
}

static void await_point(const struct client *client, const struct timeline *timeline)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	struct drm_syncobj_timeline_wait wait = {
		.handles = (uintptr_t)&timeline->handle,
		.points = (uintptr_t)&timeline->point,
		.timeout_nsec = (now.tv_sec + HANG_S) * INT64_C(1000000000),
		.count_handles = 1,
		.flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT,
	};
	call(client, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &wait);
}

static void handle_global(
	struct window *window, uint32_t name, const char *interface, uint32_t version)
{
	struct client *client = window->data;
	if (strcmp(interface, zwp_linux_dmabuf_v1_interface.name) == 0)
		client->dmabuf =
			wl_registry_bind(window->registry, name, &zwp_linux_dmabuf_v1_interface, 3);
	else if (strcmp(interface, wp_linux_drm_syncobj_manager_v1_interface.name) == 0)
		client->manager = wl_registry_bind(
			window->registry, name, &wp_linux_drm_syncobj_manager_v1_interface, 1);
}

static void make_picture(
	struct client *client, struct picture *picture, int32_t width, int32_t height)
{
	*picture = (struct picture){.width = width, .height = height};
	picture->memory = virtgpu_allocate(&client->context, false, width, height, 0, 0);
	struct zwp_linux_buffer_params_v1 *params =
		zwp_linux_dmabuf_v1_create_params(client->dmabuf);
	zwp_linux_buffer_params_v1_add(
		params, picture->memory.dmabuf, 0, 0, picture->memory.stride, 0, 0);
	picture->shown.buffer = zwp_linux_buffer_params_v1_create_immed(
		params, width, height, DRM_FORMAT_XRGB8888, 0);
	zwp_linux_buffer_params_v1_destroy(params);
	if (!client->options.implicit)
		make_timeline(client, &picture->release);
}

static void end_picture(struct client *client, struct picture *picture)
{
	wl_buffer_destroy(picture->shown.buffer);
	end_timeline(client, &picture->release);
	virtgpu_release(&picture->memory);
}

static void draw(const struct picture *picture, const uint32_t *seed)
{
	uint32_t *pixel = (uint32_t *)(void *)picture->memory.map;
	for (int32_t y = 0; y < picture->height; y++) {
		for (int32_t x = 0; x < picture->width; x++)
			*pixel++ = seed ? picture_pixel(*seed, x, y) : UNFINISHED;
	}
}

static void set_point(struct client *client, const struct timeline *timeline, bool acquire)
{
	uint32_t high = (uint32_t)(timeline->point >> 32), low = (uint32_t)timeline->point;
	if (acquire)
		wp_linux_drm_syncobj_surface_v1_set_acquire_point(
			client->sync, timeline->object, high, low);
	else
		wp_linux_drm_syncobj_surface_v1_set_release_point(
			client->sync, timeline->object, high, low);
}

/* Waits for SIGUSR1, which is blocked. */
static void await_signal(struct client *client)
{
	sigset_t usr1;
	int number;
	wl_display_flush(client->window.display);
	printf("committed\n");
	fflush(stdout);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigwait(&usr1, &number);
}

static void rest(uint32_t ms)
{
	const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	nanosleep(&time, NULL);
}

/* The picture, with its points; it is finished once they are set. */
static void commit(struct client *client, struct picture *picture)
{
	if (!client->options.implicit) {
		client->acquire.point++;
		picture->release.point++;
		set_point(client, &client->acquire, true);
		set_point(client, &picture->release, false);
	}
	window_commit(&client->window, &picture->shown, 0, 0, picture->width, picture->height);
}

static void show(struct client *client, struct picture *picture, bool first)
{
	const struct options *options = &client->options;
	struct window *window = &client->window;
	bool shown;

	if (picture->release.point > 0)
		await_point(client, &picture->release);
	draw(picture, options->implicit ? &options->seed : NULL);
	window_want_frame(window, &shown);
	commit(client, picture);
	if (options->implicit) {
		window_await(window, &shown, "waiting for a frame");
		return;
	}
	if (first && options->signal)
		await_signal(client);
	wl_display_flush(window->display);
	rest(options->pause_ms);
	draw(picture, &options->seed);
	signal_point(client, &client->acquire);
	window_await(window, &shown, "waiting for a frame");
}

static void show_frames(struct client *client)
{
	const struct options *options = &client->options;
	struct picture pictures[BUFFERS];
	struct timespec start, end;

	for (uint32_t i = 0; i < BUFFERS; i++)
		make_picture(client, &pictures[i], options->width, options->height);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (uint32_t i = 0; i < options->frames; i++) {
		show(client, &pictures[i % BUFFERS], i == 0);
		if (i % 10 == 0) {
			printf("frame %u\n", i);
			fflush(stdout);
		}
		if (i == 0) /* the first one waits for a signal */
			clock_gettime(CLOCK_MONOTONIC, &start);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%.3f ms each\n",
		((double)(end.tv_sec - start.tv_sec) * 1e3 +
			(double)(end.tv_nsec - start.tv_nsec) / 1e6) /
			(options->frames > 1 ? options->frames - 1 : 1));
}

/* Each size takes the place of the one before, whose release point comes then. */
static void show_sizes(struct client *client)
{
	const struct options *options = &client->options;
	struct picture pictures[BUFFERS];

	for (uint32_t i = 0; i < options->frames; i++) {
		struct picture *picture = &pictures[i % BUFFERS];
		struct picture *before = &pictures[(i + 1) % BUFFERS];
		make_picture(client, picture, options->width + (int32_t)(i % 7) * 8,
			options->height + (int32_t)(i % 5) * 8);
		make_timeline(client, &client->acquire);
		show(client, picture, i == 0);
		end_timeline(client, &client->acquire);
		if (i == 0)
			continue;
		await_point(client, &before->release);
		end_picture(client, before);
	}
}

static bool read_options(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {{"size", required_argument, NULL, 's'},
		{"seed", required_argument, NULL, 'e'}, {"frames", required_argument, NULL, 'f'},
		{"pause", required_argument, NULL, 'p'}, {"storm", no_argument, NULL, 't'},
		{"implicit", no_argument, NULL, 'i'}, {0}};
	bool good = true;

	for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		if (option == 's')
			good &= window_parse_size(optarg, &options->width, &options->height);
		else if (option == 'e')
			options->seed = (uint32_t)strtoul(optarg, NULL, 0);
		else if (option == 'f')
			options->frames = (uint32_t)strtoul(optarg, NULL, 0);
		else if (option == 'p')
			options->pause_ms = (uint32_t)strtoul(optarg, NULL, 0);
		else if (option == 't')
			options->storm = true;
		else if (option == 'i')
			options->implicit = true;
		else
			good = false;
		options->signal &= option != 'p' && option != 't';
	}
	return good && optind == argc && !(options->storm && options->implicit);
}

static void connect_client(struct client *client)
{
	const struct options *options = &client->options;

	client->window.data = client;
	window_connect(&client->window);
	window_needs(client->dmabuf, zwp_linux_dmabuf_v1_interface.name);
	client->context =
		virtgpu_context_create(virtgpu_open_node("/dev/dri/renderD%d", 128), false, false);
	window_create(&client->window, "timeline-client", options->width, options->height);
	if (options->implicit)
		return;
	window_needs(client->manager, wp_linux_drm_syncobj_manager_v1_interface.name);
	client->sync = wp_linux_drm_syncobj_manager_v1_get_surface(
		client->manager, client->window.surface);
	if (!options->storm)
		make_timeline(client, &client->acquire);
}

int main(int argc, char **argv)
{
	struct client client = {
		.window = {.handle_global = handle_global},
		.options = {.width = 256, .height = 256, .seed = 1, .frames = 10, .signal = true},
	};
	sigset_t usr1;

	if (!read_options(&client.options, argc, argv)) {
		fputs(usage, stderr);
		return 2;
	}
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	connect_client(&client);
	if (client.options.storm)
		show_sizes(&client);
	else
		show_frames(&client);
	printf("shown\n");
	fflush(stdout);
	window_run(&client.window);
	return 0;
}
