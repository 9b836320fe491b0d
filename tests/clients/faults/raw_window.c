/*
 * raw-window: a guest in one program. It drives wayferry-host's device and shows a window whose
 * frames are guest memory, handed over by linux-dmabuf: two of them, one after the other, the last
 * of which is the picture of "shm-client --size WxH --seed N --frames 1".
 *
 * Memory that does not shrink, as here, is what wayferry-host can make dma-bufs of. With --beside N
 * it may shrink, so that more frames are copied, each of them whole; the commit is answered when
 * its copy is done. Another client of the same guest sends something in the same turn as each, and
 * again and again until then. How many of these came by is printed, for the first frame beside
 * which that was more than the first one, or for frame N.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "tests/clients/faults/malformed.h"
#include "tests/clients/faults/raw_client.h"
#include "tests/clients/faults/raw_context.h"
#include "tests/clients/picture.h"

#define CONTEXT 1
#define FORMAT_XRGB8888 UINT32_C(0x34325258)
#define FRAMES 2
#define MAX_PX 8192
/* One that is there when the copy begins, and one that comes while it goes on. */
#define SERVED 2
#define FRAMES_OFFSET (RAW_HEAP + 0x100000u)
#define FRAME_RESOURCE(frame) (50 + (frame))
#define COMMIT_SLOT 3 /* what is in it has a fence; the contexts' POLLs have 1 and 2 */

enum object { DMABUF = NEXT, PARAMS, FIRST_BUFFER, CALLBACK = FIRST_BUFFER + FRAMES };

struct options {
	int32_t width, height;
	uint32_t seed, beside;
	bool hold;
	const char *socket;
};

static uint32_t configured; /* the serial of the last configure event; 0: none yet */
static bool released[FRAMES];

_Noreturn static void die(const struct raw_client *client, const char *what, int error)
{
	fprintf(stderr, "%s: %s %s\n", what, strerror(-error), client->error_message);
	exit(1);
}

/* xdg_surface.configure(serial), wl_buffer.release() */
static void handle_event(
	struct raw_client *client, uint32_t id, uint32_t opcode, const uint8_t *body, size_t size)
{
	if (id == XDG_SURFACE && opcode == 0 && size >= 4)
		configured = load_u32(body);
	else if (id >= FIRST_BUFFER && id < CALLBACK && opcode == 0)
		released[id - FIRST_BUFFER] = true;
}

static void prepare_send(struct raw_device *device, unsigned slot, uint32_t context,
	const uint32_t *words, size_t n, uint32_t resource)
{
	raw_prepare_send(device, slot, context, slot == COMMIT_SLOT, words, n, resource);
}

static void await_sent(struct raw_client *client, struct raw_device *device, unsigned slot)
{
	if (raw_device_answer(device, slot) != VIRTIO_GPU_RESP_OK_NODATA)
		die(client, "SEND", -EPIPE);
}

#define PREPARE(slot, context, resource, ...)                                                      \
	prepare_send(device, (slot), (context), (const uint32_t[]){__VA_ARGS__},                   \
		sizeof((const uint32_t[]){__VA_ARGS__}) / 4, (resource))

#define SEND(resource, ...)                                                                        \
	do {                                                                                       \
		PREPARE(0, CONTEXT, resource, __VA_ARGS__);                                        \
		raw_device_post(device, 0);                                                        \
		await_sent(client, device, 0);                                                     \
	} while (0)

static uint32_t frame_bytes(const struct options *options)
{
	return (uint32_t)align_up(
		(uint64_t)options->width * (uint64_t)options->height * 4, RAW_PAGE);
}

static uint32_t frame_offset(const struct options *options, unsigned frame)
{
	return FRAMES_OFFSET + frame * frame_bytes(options);
}

static void draw(const struct raw_device *device, unsigned frame, const struct options *options)
{
	uint32_t *pixels = (uint32_t *)(void *)(device->memory + frame_offset(options, frame));
	uint32_t seed = options->seed + (FRAMES - 1 - frame);

	for (int32_t y = 0; y < options->height; y++)
		for (int32_t x = 0; x < options->width; x++)
			*pixels++ = picture_pixel(seed, x, y);
}

/* A wl_buffer of guest memory. */
static void make_buffer(struct raw_client *client, struct raw_device *device, unsigned frame,
	const struct options *options)
{
	uint32_t width = (uint32_t)options->width, height = (uint32_t)options->height;

	if (raw_guest_blob(device, FRAME_RESOURCE(frame), frame_offset(options, frame),
		    frame_bytes(options)) != VIRTIO_GPU_RESP_OK_NODATA ||
		raw_simple(device, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, CONTEXT,
			FRAME_RESOURCE(frame)) != VIRTIO_GPU_RESP_OK_NODATA)
		die(client, "a blob", -ENOMEM);
	/* zwp_linux_dmabuf_v1.create_params; zwp_linux_buffer_params_v1.add, create_immed, destroy
	 */
	SEND(0, DMABUF, 12 << 16 | 1, PARAMS);
	SEND(FRAME_RESOURCE(frame), PARAMS, 28 << 16 | 1, 0, 0, width * 4, 0, 0);
	SEND(0, PARAMS, 28 << 16 | 3, FIRST_BUFFER + frame, width, height, FORMAT_XRGB8888, 0,
		PARAMS, 8 << 16 | 0);
	int error = raw_client_ping(client);
	if (error)
		die(client, "the buffer", error);
}

static void prepare_commit(struct raw_device *device, unsigned slot, unsigned frame)
{
	/* wl_surface.attach, damage, frame, commit */
	PREPARE(slot, CONTEXT, 0, SURFACE, 20 << 16 | 1, FIRST_BUFFER + frame, 0, 0, SURFACE,
		24 << 16 | 2, 0, 0, INT32_MAX, INT32_MAX, SURFACE, 12 << 16 | 3, CALLBACK, SURFACE,
		8 << 16 | 6);
}

static void show(struct raw_client *client, struct raw_device *device, unsigned frame,
	const struct options *options)
{
	draw(device, frame, options);
	prepare_commit(device, 0, frame);
	raw_device_post(device, 0);
	await_sent(client, device, 0);
	int error = raw_client_await(client, CALLBACK);
	if (error)
		die(client, "a frame", error);
}

static void map_window(struct raw_client *client, struct raw_device *device)
{
	const struct raw_global *global = raw_client_global(client, "zwp_linux_dmabuf_v1");
	int error = global ? raw_client_bind(client, global->name, "zwp_linux_dmabuf_v1", 3, DMABUF)
			   : -ENOENT;

	if (error)
		die(client, "zwp_linux_dmabuf_v1", error);
	SEND(0, SURFACE, 8 << 16 | 6);
	while (!error && configured == 0)
		error = raw_client_ping(client);
	if (error)
		die(client, "configure", error);
	SEND(0, XDG_SURFACE, 12 << 16 | 4, configured);
}

static bool came_before(const struct raw_device *device, unsigned slot, unsigned other)
{
	return !device->done[2 * other] ||
		(int16_t)(device->used_at[2 * slot] - device->used_at[2 * other]) < 0;
}

/* How many requests of the other client are taken before the frame's commit is done with. */
static unsigned served_beside(struct raw_client *client, struct raw_device *device, unsigned frame)
{
	unsigned served = 0;

	prepare_commit(device, COMMIT_SLOT, frame);
	raw_device_offer(device, 2 * COMMIT_SLOT);
	do {
		/* wl_surface.set_buffer_scale: nothing answers it */
		PREPARE(0, CONTEXT + 1, 0, SURFACE, 12 << 16 | 8, 1);
		raw_device_post(device, 0);
		await_sent(client, device, 0);
		served += came_before(device, 0, COMMIT_SLOT);
	} while (!device->done[2 * COMMIT_SLOT]);
	await_sent(client, device, COMMIT_SLOT);
	int error = raw_client_await(client, CALLBACK);
	if (error)
		die(client, "a frame beside others", error);
	return served;
}

/* Shows frames until others were served beside one. */
static void show_beside(
	struct raw_client *client, struct raw_device *device, const struct options *options)
{
	unsigned served = 0;
	uint32_t n = 0;

	while (n < options->beside && served < SERVED)
		served = served_beside(client, device, n++ % FRAMES);
	printf("%u requests served beside frame %" PRIu32 "\n", served, n);
}

static bool parse(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {{"size", required_argument, NULL, 's'},
		{"seed", required_argument, NULL, 'e'}, {"hold", no_argument, NULL, 'h'},
		{"beside", required_argument, NULL, 'b'}, {0}};

	for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		if (option == 's' &&
			sscanf(optarg, "%" SCNd32 "x%" SCNd32, &options->width, &options->height) !=
				2)
			return false;
		if (option == 'e')
			options->seed = (uint32_t)strtoul(optarg, NULL, 0);
		if (option == 'b')
			options->beside = (uint32_t)strtoul(optarg, NULL, 0);
		options->hold |= option == 'h';
		if (option == '?')
			return false;
	}
	options->socket = argv[optind];
	return optind + 1 == argc && options->width > 0 && options->height > 0 &&
		options->width <= MAX_PX && options->height <= MAX_PX;
}

int main(int argc, char **argv)
{
	struct options options = {.width = 256, .height = 256, .seed = 1};
	static struct raw_client window, other, *client = &window;
	struct raw_device driver, *device = &driver;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!parse(&options, argc, argv)) {
		fputs("Usage: raw-window [--size WxH] [--seed N] [--hold] [--beside N] SOCKET\n"
		      "  SOCKET  wayferry-host's\n",
			stderr);
		return 2;
	}
	int error = raw_device_connect(device, options.socket);
	device->sealed = options.beside == 0;
	device->memory_bytes = frame_offset(&options, FRAMES);
	struct link *link =
		error || raw_device_start(device) ? NULL : link_open_context(device, CONTEXT);
	if (!link || raw_client_prepare(client, link) < 0)
		return 1;
	client->handle_event = handle_event;
	map_window(client, device);
	for (unsigned frame = 0; frame < FRAMES; frame++)
		make_buffer(client, device, frame, &options);
	for (unsigned frame = 0; frame < FRAMES; frame++)
		show(client, device, frame, &options);
	/* The one that is not shown any more comes back. */
	for (error = 0; !error && !released[0];)
		error = raw_client_ping(client);
	if (error)
		die(client, "a release", error);
	printf("%d frames\n", FRAMES);
	if (options.beside > 0) {
		link = link_open_context(device, CONTEXT + 1);
		if (!link || raw_client_prepare(&other, link) < 0)
			return 1;
		show_beside(client, device, &options);
		error = raw_client_ping(&other);
		raw_client_finish(&other);
	}
	while (!error && options.hold) {
		usleep(200000);
		error = raw_client_ping(client);
	}
	raw_client_finish(client);
	raw_device_close(device);
	return error != 0;
}
