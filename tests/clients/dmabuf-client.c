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
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guest-proxy/gpu/virtgpu_ioctl.h" /* the kernel's layouts */
#include "linux-dmabuf-client-protocol.h"
#include "picture.h"
#include "protocol/formats/cross_domain.h"
#include "window.h"
#include "wl_drm-client-protocol.h"

#define CAPSET 5

enum via { VIA_DMABUF, VIA_CREATE, VIA_DRM, VIA_SHM };

struct options {
	int32_t width, height;
	uint32_t seed, offset, padding; /* bytes: before the picture, behind each row */
	uint32_t storm;                 /* so many sizes, one after another */
	enum via via;
	uint32_t unfinished_s; /* seconds */
	bool dumb, host, feedback, formats, foreign, hold;
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
	"  --storm N      show N sizes, one after another\n"
	"  --feedback     print linux-dmabuf's default feedback\n"
	"  --formats      print what version 3 of linux-dmabuf tells\n"
	"  --foreign      offer memory that is not the device's; it must be refused\n"
	"  --hold         stay mapped\n";

struct client {
	struct window window;
	struct options options;
	struct zwp_linux_dmabuf_v1 *dmabuf;
	uint32_t dmabuf_version;
	struct wl_drm *drm;
	char node[64]; /* as wl_drm has it */
	int render, primary;
	uint32_t ring; /* of the render node's context: its handle */
	uint8_t *ring_map;
};

struct memory {
	int node; /* the fd of the device it is of */
	uint32_t handle;
	uint8_t *map;
	size_t size;
	uint32_t stride;
	int dmabuf;
};

_Noreturn static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Memory of the device */

static int open_node(const char *format, int first)
{
	for (int i = 0; i < 8; i++) {
		char path[64];
		snprintf(path, sizeof(path), format, first + i);
		int fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	die(format);
}

static void context_init(int fd)
{
	struct virtgpu_context_set_param params[] = {
		{VIRTGPU_CONTEXT_CAPSET_ID, CAPSET},
		{VIRTGPU_CONTEXT_NUM_RINGS, 2},
	};
	struct virtgpu_context_init init = {.n_params = 2, .params = (uintptr_t)params};
	if (ioctl(fd, VIRTGPU_IOCTL_CONTEXT_INIT, &init) < 0)
		die("CONTEXT_INIT");
}

static struct virtgpu_create_blob create_blob(
	int node, uint32_t memory, uint64_t blob_id, uint64_t size)
{
	struct virtgpu_create_blob create = {
		.memory = memory,
		.flags = VIRTGPU_BLOB_MAPPABLE | VIRTGPU_BLOB_SHAREABLE,
		.blob_id = blob_id,
		.size = size,
	};
	if (ioctl(node, VIRTGPU_IOCTL_CREATE_BLOB, &create) < 0)
		die("CREATE_BLOB");
	return create;
}

static uint64_t map_offset(int node, uint32_t handle)
{
	struct virtgpu_map map = {.bo_handle = handle};
	if (ioctl(node, VIRTGPU_IOCTL_MAP, &map) < 0)
		die("MAP");
	return map.offset;
}

/* Commands of a cross-domain context; returns when the host has run them. */
static void execute(struct client *client, const void *commands, uint32_t size)
{
	struct virtgpu_execute execute = {
		.flags = VIRTGPU_EXECUTE_RING_IDX,
		.size = size,
		.commands = (uintptr_t)commands,
		.bo_handles = (uintptr_t)&client->ring,
		.n_bo_handles = 1,
	};
	struct virtgpu_wait wait = {.bo_handle = client->ring};
	if (ioctl(client->render, VIRTGPU_IOCTL_EXECUTE, &execute) < 0 ||
		ioctl(client->render, VIRTGPU_IOCTL_WAIT, &wait) < 0)
		die("EXECUTE");
}

/* Without a channel the context asks for memory only. */
static void ring_create(struct client *client)
{
	struct virtgpu_create_blob create =
		create_blob(client->render, VIRTGPU_MEMORY_GUEST, 0, 4096);
	client->ring = create.bo_handle;
	client->ring_map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, client->render,
		(off_t)map_offset(client->render, client->ring));
	if (client->ring_map == MAP_FAILED)
		die("mmap of the ring");
	const struct cross_domain_init init = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_INIT, .cmd_size = sizeof(init)},
		.query_ring = create.resource_id,
		.channel_ring = create.resource_id,
		.channel_type = client->options.unfinished_s ? CROSS_DOMAIN_CHANNEL_WAYLAND : 0,
	};
	execute(client, &init, sizeof(init));
}

/*
 * Work on @memory that lasts as long as we like: a POLL, whose fence is signalled when the
 * compositor says something in this context's own channel, where nobody has asked it anything.
 */
static void work_begin(struct client *client, const struct memory *memory)
{
	const struct cross_domain_poll poll = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_POLL, .cmd_size = sizeof(poll)}};
	struct virtgpu_execute execute = {
		.flags = VIRTGPU_EXECUTE_RING_IDX,
		.ring_idx = CROSS_DOMAIN_CHANNEL_RING,
		.size = sizeof(poll),
		.commands = (uintptr_t)&poll,
		.bo_handles = (uintptr_t)&memory->handle,
		.n_bo_handles = 1,
	};
	if (ioctl(client->render, VIRTGPU_IOCTL_EXECUTE, &execute) < 0)
		die("POLL");
}

/* wl_display.sync(new id 2) */
static void work_end(struct client *client)
{
	static const uint32_t sync[] = {1, 12 << 16, 2};
	struct {
		struct cross_domain_send_receive send;
		uint32_t bytes[3];
	} command = {
		.send = {.hdr = {.cmd = CROSS_DOMAIN_CMD_SEND, .cmd_size = sizeof(command)},
			.opaque_data_size = sizeof(sync)},
	};
	memcpy(command.bytes, sync, sizeof(sync));
	execute(client, &command, sizeof(command));
}

static uint64_t allocate_blob(struct client *client, struct memory *memory)
{
	struct cross_domain_image_requirements answer = {0};
	uint32_t kind = VIRTGPU_MEMORY_GUEST;
	if (client->options.host) {
		const struct cross_domain_get_image_requirements request = {
			.hdr = {.cmd = CROSS_DOMAIN_CMD_GET_IMAGE_REQUIREMENTS,
				.cmd_size = sizeof(request)},
			.width = (uint32_t)memory->size,
			.height = 1,
			.drm_format = DRM_FORMAT_R8,
			.flags = 16, /* linear */
		};
		execute(client, &request, sizeof(request));
		memcpy(&answer, client->ring_map, sizeof(answer));
		kind = VIRTGPU_MEMORY_HOST3D;
	}
	memory->handle = create_blob(memory->node, kind, answer.blob_id, memory->size).bo_handle;
	return map_offset(memory->node, memory->handle);
}

static uint64_t allocate_dumb(struct memory *memory, int32_t width, int32_t height)
{
	struct drm_mode_create_dumb create = {
		.width = (uint32_t)width, .height = (uint32_t)height, .bpp = 32};
	if (ioctl(memory->node, DRM_IOCTL_MODE_CREATE_DUMB, &create) < 0)
		die("CREATE_DUMB");
	memory->handle = create.handle;
	memory->size = create.size;
	memory->stride = create.pitch;
	struct drm_mode_map_dumb map = {.handle = memory->handle};
	if (ioctl(memory->node, DRM_IOCTL_MODE_MAP_DUMB, &map) < 0)
		die("MAP_DUMB");
	return map.offset;
}

static struct memory allocate(struct client *client, int32_t width, int32_t height)
{
	const struct options *options = &client->options;
	struct memory memory = {.node = options->dumb ? client->primary : client->render};
	memory.stride = (uint32_t)width * 4 + options->padding;
	memory.size = (options->offset + (size_t)memory.stride * (size_t)height + 4095) & ~4095ul;
	uint64_t offset = options->dumb ? allocate_dumb(&memory, width, height)
					: allocate_blob(client, &memory);
	memory.map = mmap(
		NULL, memory.size, PROT_READ | PROT_WRITE, MAP_SHARED, memory.node, (off_t)offset);
	if (memory.map == MAP_FAILED)
		die("mmap");
	struct drm_prime_handle prime = {
		.handle = memory.handle, .flags = DRM_CLOEXEC | DRM_RDWR, .fd = -1};
	if (ioctl(memory.node, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime) < 0)
		die("PRIME_HANDLE_TO_FD");
	memory.dmabuf = prime.fd;
	return memory;
}

static void release(struct memory *memory)
{
	struct drm_gem_close gem_close = {.handle = memory->handle};
	munmap(memory->map, memory->size);
	close(memory->dmabuf);
	ioctl(memory->node, DRM_IOCTL_GEM_CLOSE, &gem_close);
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

static void handle_frame(void *data, struct wl_callback *callback, uint32_t time_ms)
{
	*(bool *)data = true;
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener frame_listener = {.done = handle_frame};

/* Commits @buffer and waits for the frame callback. */
static void show(struct client *client, struct window_buffer *buffer, int32_t width, int32_t height)
{
	struct window *window = &client->window;
	bool shown = false;
	wl_callback_add_listener(wl_surface_frame(window->surface), &frame_listener, &shown);
	window_commit(window, buffer, 0, 0, width, height);
	if (client->options.unfinished_s) {
		wl_display_flush(window->display);
		printf("committed\n");
		fflush(stdout);
		sleep(client->options.unfinished_s);
		work_end(client);
	}
	while (!shown) {
		if (!window_dispatch(window))
			window_die(window, "waiting for a frame");
	}
}

/* Shows a picture; returns what shows it. */
static struct memory show_picture(
	struct client *client, struct window_buffer *buffer, int32_t width, int32_t height)
{
	const struct options *options = &client->options;
	struct memory memory = allocate(client, width, height);
	draw(&memory, options->offset, options->seed, width, height);
	buffer->buffer = make_buffer(client, memory.dmabuf, memory.stride, width, height);
	if (!buffer->buffer) {
		fprintf(stderr, "the buffer was refused\n");
		exit(1);
	}
	wl_buffer_add_listener(buffer->buffer, &buffer_listener, buffer);
	if (options->unfinished_s)
		work_begin(client, &memory);
	show(client, buffer, width, height);
	return memory;
}

static void storm(struct client *client)
{
	struct window_buffer buffers[2] = {0};
	struct memory memories[2];
	for (uint32_t i = 0; i < client->options.storm; i++) {
		struct window_buffer *buffer = &buffers[i % 2];
		if (buffer->buffer) {
			wl_buffer_destroy(buffer->buffer);
			release(&memories[i % 2]);
		}
		memories[i % 2] = show_picture(
			client, buffer, (int32_t)(16 + i % 500), (int32_t)(16 + i / 2 % 300));
	}
	for (size_t i = 0; i < 2; i++) {
		wl_buffer_destroy(buffers[i].buffer);
		release(&memories[i]);
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

/* Feedback and formats, printed */

static void handle_done(void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback)
{
	printf("done\n");
	*(bool *)data = true;
}

static void print_hex(const char *name, const uint8_t *bytes, size_t size)
{
	printf("%s ", name);
	for (size_t i = 0; i < size; i++)
		printf("%02x", bytes[i]);
	printf("\n");
}

/* A line for each pair: its 16 bytes. */
static void handle_format_table(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback, int32_t fd, uint32_t size)
{
	/* As clients are told to: private, for reading. */
	uint8_t *table = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (table == MAP_FAILED)
		die("format table");
	printf("table %u, writable %d\n", size, pwrite(fd, table, 1, 0) >= 0);
	for (uint32_t i = 0; i + 16 <= size; i += 16)
		print_hex("pair", table + i, 16);
	munmap(table, size);
	close(fd);
}

static void print_device(const char *name, const struct wl_array *array)
{
	dev_t device = 0;
	memcpy(&device, array->data, array->size < sizeof(device) ? array->size : sizeof(device));
	printf("%s %u:%u\n", name, major(device), minor(device));
}

static void handle_main_device(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback, struct wl_array *device)
{
	print_device("main_device", device);
}

static void handle_tranche_done(void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback)
{
	printf("tranche_done\n");
}

static void handle_target_device(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback, struct wl_array *device)
{
	print_device("tranche_target_device", device);
}

static void handle_tranche_formats(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback, struct wl_array *indices)
{
	print_hex("tranche_formats", indices->data, indices->size);
}

static void handle_tranche_flags(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback, uint32_t flags)
{
	printf("tranche_flags %u\n", flags);
}

static const struct zwp_linux_dmabuf_feedback_v1_listener feedback_listener = {
	.done = handle_done,
	.format_table = handle_format_table,
	.main_device = handle_main_device,
	.tranche_done = handle_tranche_done,
	.tranche_target_device = handle_target_device,
	.tranche_formats = handle_tranche_formats,
	.tranche_flags = handle_tranche_flags,
};

static void print_feedback(struct client *client)
{
	bool done = false;
	printf("version %u\n", client->dmabuf_version);
	struct zwp_linux_dmabuf_feedback_v1 *feedback =
		zwp_linux_dmabuf_v1_get_default_feedback(client->dmabuf);
	zwp_linux_dmabuf_feedback_v1_add_listener(feedback, &feedback_listener, &done);
	while (!done) {
		if (!window_dispatch(&client->window))
			window_die(&client->window, "waiting for feedback");
	}
	zwp_linux_dmabuf_feedback_v1_destroy(feedback);
}

static void handle_format(void *data, struct zwp_linux_dmabuf_v1 *dmabuf, uint32_t format)
{
}

static void handle_modifier(void *data, struct zwp_linux_dmabuf_v1 *dmabuf, uint32_t format,
	uint32_t modifier_hi, uint32_t modifier_lo)
{
	const struct client *client = data;
	const struct {
		uint32_t format, pad;
		uint64_t modifier;
	} pair = {format, 0, (uint64_t)modifier_hi << 32 | modifier_lo};
	if (client->options.formats)
		print_hex("pair", (const uint8_t *)&pair, sizeof(pair));
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
		client->dmabuf_version = client->options.feedback ? version : 3;
		if (client->dmabuf_version > 4)
			client->dmabuf_version = 4;
		client->dmabuf = wl_registry_bind(window->registry, name,
			&zwp_linux_dmabuf_v1_interface, client->dmabuf_version);
		zwp_linux_dmabuf_v1_add_listener(client->dmabuf, &dmabuf_listener, client);
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
		{"host", no_argument, NULL, 'b'}, {"storm", required_argument, NULL, 'n'},
		{"feedback", no_argument, NULL, 'f'}, {"formats", no_argument, NULL, 'm'},
		{"foreign", no_argument, NULL, 'x'}, {"hold", no_argument, NULL, 'h'}, {0}};
	for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		switch (option) {
		case 's':
			if (sscanf(optarg, "%" SCNd32 "x%" SCNd32, &options->width,
				    &options->height) != 2)
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
		case 'f':
			options->feedback = true;
			break;
		case 'm':
			options->formats = true;
			break;
		case 'x':
			options->foreign = true;
			break;
		case 'h':
			options->hold = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc && options->width > 0 && options->height > 0 &&
		options->width <= 16384 && options->height <= 16384;
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
		client->primary = open_node("/dev/dri/card%d", 0);
		return;
	}
	client->render = options->via == VIA_DRM ? open(client->node, O_RDWR | O_CLOEXEC)
						 : open_node("/dev/dri/renderD%d", 128);
	if (client->render < 0)
		die(client->node);
	context_init(client->render);
	if (options->host || options->unfinished_s)
		ring_create(client);
}

int main(int argc, char **argv)
{
	struct client client = {.options = {.width = 256, .height = 256, .seed = 1}};
	struct options *options = &client.options;
	struct window_buffer buffer = {0};
	if (!options_parse(options, argc, argv)) {
		fputs(usage, stderr);
		return 2;
	}
	connect_all(&client);
	if (options->feedback)
		print_feedback(&client);
	if (options->foreign)
		offer_foreign(&client);
	if (options->feedback || options->formats || options->foreign)
		return 0;
	window_create(&client.window, "dmabuf-client", options->width, options->height);
	if (options->storm && options->via == VIA_SHM)
		storm_shm(&client);
	else if (options->storm)
		storm(&client);
	else
		show_picture(&client, &buffer, options->width, options->height);
	printf("shown\n");
	fflush(stdout);
	while (options->hold && !client.window.closed) {
		if (!window_dispatch(&client.window))
			window_die(&client.window, "holding the window");
	}
	window_finish(&client.window);
	return 0;
}
