/*
 * raw-layouts: a guest in one program that shows images, as the host lays them out, by
 * linux-dmabuf. Each case is a connection of its own. Says what it was told, and what became of it:
 *
 *   CASE: MODIFIER[ at OFFSET by STRIDE, ...], mapped|not mapped: shown
 *                                                                  failed, shown as wl_shm
 *                                                                  error CODE, TEXT
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"
#include "tests/clients/faults/malformed.h"
#include "tests/clients/faults/raw_client.h"
#include "tests/clients/faults/raw_context.h"

#define WIDTH 130
#define HEIGHT 50
#define XR24 UINT32_C(0x34325258)
#define AR24 UINT32_C(0x34325241)
#define XB24 UINT32_C(0x34324258)
#define ANY CROSS_DOMAIN_IMAGE_ANY_LAYOUT
#define LINEAR CROSS_DOMAIN_IMAGE_LINEAR
#define SCANOUT 1 /* GBM's */
#define TILED UINT64_C(0x0100000000000001)
#define UNKNOWN ((UINT64_C(1) << 56) - 1)
#define TRUTH UINT64_MAX /* what the guest was told */

enum object { DMABUF = NEXT, PARAMS, FIRST_FREE };

static const struct layout_case {
	const char *name;
	uint32_t format, flags;
	uint64_t says;
	bool later; /* by create, and not create_immed */
	bool own;   /* in pages of the guest's */
} cases[] = {
	{"tiled", XR24, ANY, .says = TRUTH},
	{"tiled-later", XR24, ANY, .says = TRUTH, .later = true},
	{"planes", XB24, ANY, .says = TRUTH},
	{"none-shared", AR24, ANY, .says = TRUTH},
	{"linear", XR24, ANY | LINEAR, .says = TRUTH},
	{"unasked", XR24, 0, .says = TRUTH},
	{"sommelier", XR24, LINEAR | SCANOUT, .says = TRUTH},
	{"unknown", XR24, 0, .says = UNKNOWN},
	{"rows-later", XR24, 0, .says = TRUTH, .later = true},
	{"own", XR24, .says = TRUTH, .own = true},
	{"own-later", XR24, .says = TRUTH, .own = true, .later = true},
	{"says-rows", XR24, ANY, .says = 0},
	{"says-unknown", XR24, ANY, .says = UNKNOWN},
	{"says-tiled", AR24, ANY, .says = TILED},
};

static struct {
	struct raw_device device;
	struct raw_client client;
	uint32_t context; /* of the case; ids of its resources, too */
	uint32_t next_id;
	const struct layout_case *at;
	struct cross_domain_image_requirements told;
	bool can_map;
	uint32_t configured; /* the serial of the last configure event; 0: none yet */
	uint32_t created;    /* the wl_buffer; 0: none yet */
	bool failed;
} t;

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", t.at->name, what, t.client.error_message);
	exit(1);
}

/* xdg_surface.configure(serial), zwp_linux_buffer_params_v1.created(buffer) and .failed() */
static void handle_event(
	struct raw_client *client, uint32_t id, uint32_t opcode, const uint8_t *body, size_t size)
{
	if (id == XDG_SURFACE && opcode == 0 && size >= 4)
		t.configured = load_u32(body);
	else if (id == PARAMS && opcode == 0 && size >= 4)
		t.created = load_u32(body);
	else if (id == PARAMS && opcode == 1)
		t.failed = true;
}

static void send_words(const uint32_t *words, size_t n, uint32_t resource)
{
	if (raw_send(&t.device, t.context, words, n, resource) != VIRTIO_GPU_RESP_OK_NODATA)
		die("SEND");
}

#define SEND(resource, ...)                                                                        \
	send_words((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4,   \
		(resource))

static uint32_t resource(void)
{
	return 1000 * t.context + 500;
}

/* Memory that is laid out as the host says, or as the guest likes. */
static void make_memory(void)
{
	bool made;

	if (t.at->own) {
		t.told = (struct cross_domain_image_requirements){
			.strides = {WIDTH * 4}, .size = align_up(WIDTH * 4 * HEIGHT, RAW_PAGE)};
		made = raw_guest_blob(&t.device, resource(), RAW_HEAP + 0x200000,
			       (uint32_t)t.told.size) == VIRTIO_GPU_RESP_OK_NODATA;
	} else {
		t.told = raw_ask_image(
			&t.device, t.context, WIDTH, HEIGHT, t.at->format, t.at->flags);
		made = t.told.blob_id != 0 &&
			raw_host_blob(&t.device, t.context, resource(), t.told.blob_id,
				t.told.size) == VIRTIO_GPU_RESP_OK_NODATA;
	}
	if (!made ||
		raw_simple(&t.device, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, t.context, resource()) !=
			VIRTIO_GPU_RESP_OK_NODATA)
		die("no memory");
	t.can_map = t.at->own ||
		raw_map_blob(&t.device, resource(), (64 + t.context) << 20) ==
			VIRTIO_GPU_RESP_OK_MAP_INFO;
}

static void say_memory(void)
{
	printf("%s: 0x%" PRIx64, t.at->name, t.told.modifier);
	for (int i = 0; i < 4 && t.told.strides[i] > 0; i++)
		printf("%s at %" PRIu32 " by %" PRIu32, i > 0 ? "," : "", t.told.offsets[i],
			t.told.strides[i]);
	printf(", %s: ", t.can_map ? "mapped" : "not mapped");
}

static void bind_dmabuf(void)
{
	const struct raw_global *global = raw_client_global(&t.client, "zwp_linux_dmabuf_v1");

	if (!global ||
		raw_client_bind(&t.client, global->name, "zwp_linux_dmabuf_v1", 3, DMABUF) < 0 ||
		raw_client_ping(&t.client) < 0)
		die("no linux-dmabuf");
}

/* A wl_buffer of it: its id, 0 if the host or the compositor does not make it, with an error or
 * not. */
static uint32_t make_buffer(void)
{
	const uint64_t modifier = t.at->says == TRUTH ? t.told.modifier : t.at->says;

	const uint32_t made = t.at->later ? 0 : t.next_id++;

	/* zwp_linux_dmabuf_v1.create_params; zwp_linux_buffer_params_v1.add, create, create_immed
	 */
	SEND(0, DMABUF, 12 << 16 | 1, PARAMS);
	for (uint32_t i = 0; i < 4 && t.told.strides[i] > 0; i++)
		SEND(resource(), PARAMS, 28 << 16 | 1, i, t.told.offsets[i], t.told.strides[i],
			(uint32_t)(modifier >> 32), (uint32_t)modifier);
	if (t.at->later)
		SEND(0, PARAMS, 24 << 16 | 2, WIDTH, HEIGHT, t.at->format, 0);
	else
		SEND(0, PARAMS, 28 << 16 | 3, made, WIDTH, HEIGHT, t.at->format, 0);
	if (raw_client_ping(&t.client) < 0)
		return 0;
	return t.at->later ? t.created : made;
}

/* The same memory, by wl_shm.create_pool and wl_shm_pool.create_buffer. */
static uint32_t make_shm(void)
{
	const uint32_t pool = t.next_id++, buffer = t.next_id++;

	SEND(resource(), SHM, 16 << 16 | 0, pool, (uint32_t)t.told.size);
	SEND(0, pool, 32 << 16 | 0, buffer, 0, WIDTH, HEIGHT, t.told.strides[0], 1 /* xrgb8888 */);
	return buffer;
}

/* Whether the compositor has shown it. */
static bool show(uint32_t buffer)
{
	const uint32_t frame = t.next_id++;

	/* wl_surface.commit; then xdg_surface.ack_configure */
	SEND(0, SURFACE, 8 << 16 | 6);
	while (t.configured == 0)
		if (raw_client_ping(&t.client) < 0)
			return false;
	SEND(0, XDG_SURFACE, 12 << 16 | 4, t.configured);
	/* wl_surface.attach, damage, frame, commit */
	SEND(0, SURFACE, 20 << 16 | 1, buffer, 0, 0, SURFACE, 24 << 16 | 2, 0, 0, INT32_MAX,
		INT32_MAX, SURFACE, 12 << 16 | 3, frame, SURFACE, 8 << 16 | 6);
	return raw_client_await(&t.client, frame) == 0;
}

static void run(void)
{
	struct link *link = link_open_context(&t.device, t.context);

	t.configured = t.created = 0;
	t.next_id = FIRST_FREE;
	t.failed = false;
	if (!link || raw_client_prepare(&t.client, link) < 0)
		die("no connection");
	t.client.handle_event = handle_event;
	bind_dmabuf();
	make_memory();
	say_memory();
	uint32_t buffer = make_buffer();
	if (t.failed)
		buffer = make_shm();
	bool shown = buffer != 0 && show(buffer);
	if (shown)
		printf("%s\n", t.failed ? "failed, shown as wl_shm" : "shown");
	else if (t.client.failed)
		printf("error %" PRIu32 ", %s\n", t.client.error_code, t.client.error_message);
	else
		die("nothing became of it");
	raw_client_finish(&t.client);
}

static const struct layout_case *find_case(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		if (strcmp(cases[i].name, name) == 0)
			return &cases[i];
	return NULL;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 3) {
		fputs("Usage: raw-layouts SOCKET CASE...\n"
		      "  SOCKET  wayferry-host's\n",
			stderr);
		return 2;
	}
	if (raw_device_connect(&t.device, argv[1]) < 0)
		return 1;
	t.device.sealed = true;
	if (raw_device_start(&t.device) < 0)
		return 1;
	for (int i = 2; i < argc; i++) {
		t.at = find_case(argv[i]);
		if (!t.at) {
			fprintf(stderr, "no such case: %s\n", argv[i]);
			return 2;
		}
		t.context = (uint32_t)i - 1;
		run();
	}
	raw_device_close(&t.device);
	return 0;
}
