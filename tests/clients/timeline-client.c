/*
 * timeline-client: a window with timelines of its own (linux-drm-syncobj), for tests in guests.
 *
 * Each frame is committed when it is red all over, and drawn afterwards, before its acquire point
 * is signalled; a buffer is drawn again when its release point is signalled. The first frame is
 * drawn when SIGUSR1 comes. The picture is that of "shm-client --seed N --frames 1".
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

#define RED 0xffff0000u
#define BUFFERS 2
#define HANG_S 60

static const char usage[] = "usage: timeline-client [--size WxH] [--seed N] [--frames N]\n";

struct timeline {
	uint32_t handle;
	struct wp_linux_drm_syncobj_timeline_v1 *object;
	uint64_t point; /* the last one that was asked for */
};

struct picture {
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
	struct picture pictures[BUFFERS];
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

static void make_picture(struct client *client, struct picture *picture)
{
	const struct window *window = &client->window;
	picture->memory =
		virtgpu_allocate(&client->context, false, window->width, window->height, 0, 0);
	struct zwp_linux_buffer_params_v1 *params =
		zwp_linux_dmabuf_v1_create_params(client->dmabuf);
	zwp_linux_buffer_params_v1_add(
		params, picture->memory.dmabuf, 0, 0, picture->memory.stride, 0, 0);
	picture->shown.buffer = zwp_linux_buffer_params_v1_create_immed(
		params, window->width, window->height, DRM_FORMAT_XRGB8888, 0);
	zwp_linux_buffer_params_v1_destroy(params);
	make_timeline(client, &picture->release);
}

static void draw(const struct client *client, const struct picture *picture, const uint32_t *seed)
{
	uint32_t *pixel = (uint32_t *)(void *)picture->memory.map;
	for (int32_t y = 0; y < client->window.height; y++) {
		for (int32_t x = 0; x < client->window.width; x++)
			*pixel++ = seed ? picture_pixel(*seed, x, y) : RED;
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

static void show(struct client *client, struct picture *picture, uint32_t seed, bool first)
{
	struct window *window = &client->window;
	bool shown;

	if (picture->release.point > 0)
		await_point(client, &picture->release);
	draw(client, picture, NULL);
	client->acquire.point++;
	picture->release.point++;
	set_point(client, &client->acquire, true);
	set_point(client, &picture->release, false);
	window_want_frame(window, &shown);
	window_commit(window, &picture->shown, 0, 0, window->width, window->height);
	if (first)
		await_signal(client);
	draw(client, picture, &seed);
	signal_point(client, &client->acquire);
	window_await(window, &shown, "waiting for a frame");
}

int main(int argc, char **argv)
{
	static const struct option names[] = {{"size", required_argument, NULL, 's'},
		{"seed", required_argument, NULL, 'e'}, {"frames", required_argument, NULL, 'f'},
		{0}};
	struct client client = {.window = {.handle_global = handle_global}};
	int32_t width = 256, height = 256;
	uint32_t seed = 1, frames = 10;
	bool good = true;
	sigset_t usr1;

	for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		if (option == 's')
			good &= window_parse_size(optarg, &width, &height);
		else if (option == 'e')
			seed = (uint32_t)strtoul(optarg, NULL, 0);
		else if (option == 'f')
			frames = (uint32_t)strtoul(optarg, NULL, 0);
		else
			good = false;
	}
	if (!good || optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	client.window.data = &client;
	window_connect(&client.window);
	window_needs(client.dmabuf, zwp_linux_dmabuf_v1_interface.name);
	window_needs(client.manager, wp_linux_drm_syncobj_manager_v1_interface.name);
	client.context =
		virtgpu_context_create(virtgpu_open_node("/dev/dri/renderD%d", 128), false, false);
	window_create(&client.window, "timeline-client", width, height);
	client.sync =
		wp_linux_drm_syncobj_manager_v1_get_surface(client.manager, client.window.surface);
	make_timeline(&client, &client.acquire);
	for (uint32_t i = 0; i < BUFFERS; i++)
		make_picture(&client, &client.pictures[i]);
	for (uint32_t i = 0; i < frames; i++)
		show(&client, &client.pictures[i % BUFFERS], seed, i == 0);
	printf("shown\n");
	fflush(stdout);
	window_run(&client.window);
	return 0;
}
