/* A window with the keyboard's focus, made by hand, that gives and takes the clipboard. */
#include "clipboard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wayland.h"

#define SIDE 64u
#define POOL_BYTES (SIDE * SIDE * 4)
#define TIMEOUT_MS 30000
#define FIRST_READ_PIPE 0x80000001u

static struct {
	struct wayland wayland;
	uint32_t shm, compositor, wm_base, seat, device_manager, surface, xdg_surface, keyboard,
		device;
	uint32_t buffer, serial, offer, n_offers;
	bool entered, offered;
} c;

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 31 + (i >> 8) * 17);
}

static void request(uint32_t object, uint16_t opcode, const uint32_t *words, size_t n)
{
	wayland_request(&c.wayland, object, opcode, words, n, 0, 0);
}

static void show(void)
{
	request(c.surface, 1, (uint32_t[]){c.buffer, 0, 0}, 3); /* attach */
	request(c.surface, 2, (uint32_t[]){0, 0, SIDE, SIDE}, 4);
	request(c.surface, 6, NULL, 0); /* commit */
}

static void handle(struct wayland *wayland, const struct wayland_event *event)
{
	if (event->object == c.wm_base && event->opcode == 0) {
		request(c.wm_base, 3, event->words, 1); /* pong */
	} else if (event->object == c.xdg_surface && event->opcode == 0) {
		request(c.xdg_surface, 4, event->words, 1); /* ack_configure */
		show();
	} else if (event->object == c.keyboard && event->opcode == 0) {
		/* The keymap: a blob_id that is good once. */
		uint32_t size, id = wayland_take(wayland, RAW_BLOB, &size);
		if (id == 0 || size < event->words[1])
			raw_die("a keymap of %u bytes in a blob of %u", event->words[1], size);
		if (raw_param(wayland->context.fd, 4) != 0) {
			struct raw_blob blob;
			if (raw_blob_create(wayland->context.fd, 2, id, size, &blob) < 0)
				raw_die("the keymap's blob cannot be had");
			if (memcmp(blob.map, "xkb_keymap", 10) != 0)
				raw_die("the blob is no keymap");
			raw_blob_close(wayland->context.fd, &blob);
		}
	} else if (event->object == c.keyboard && event->opcode == 1) {
		c.serial = event->words[0]; /* enter */
		c.entered = true;
	} else if (event->object == c.device && event->opcode == 0) {
		c.offer = event->words[0]; /* data_offer */
		c.offered = false;
	} else if (c.offer != 0 && event->object == c.offer && event->opcode == 0) {
		c.offered |= strcmp(wayland_text(event->words), CLIPBOARD_TYPE) == 0;
	}
}

static void turn(void)
{
	static struct wayland_event event;
	if (!wayland_next(&c.wayland, &event, TIMEOUT_MS))
		return; /* a READ, or nothing */
	if (c.wayland.error_code != 0)
		raw_die("the compositor says: %s", c.wayland.error_text);
	handle(&c.wayland, &event);
}

static void open_window(void)
{
	struct raw_blob blob;
	memset(&c, 0, sizeof(c));
	raw_context_open(&c.wayland.context, RAW_PAGE);
	raw_init(&c.wayland.context, 20, 1);
	c.shm = wayland_bind(&c.wayland, "wl_shm", 1);
	c.compositor = wayland_bind(&c.wayland, "wl_compositor", 4);
	c.wm_base = wayland_bind(&c.wayland, "xdg_wm_base", 1);
	c.device_manager = wayland_bind(&c.wayland, "wl_data_device_manager", 3);
	c.seat = wayland_bind(&c.wayland, "wl_seat", 5);
	if (!c.shm || !c.compositor || !c.wm_base || !c.device_manager || !c.seat)
		raw_die("globals are missing");

	if (raw_blob_create(c.wayland.context.fd, 1, 0, POOL_BYTES, &blob) < 0)
		raw_die("no memory for a window");
	memset(blob.map, 0x77, POOL_BYTES);
	uint32_t pool = wayland_new_id(&c.wayland);
	wayland_request(
		&c.wayland, c.shm, 0, (uint32_t[]){pool, POOL_BYTES}, 2, blob.resource, RAW_BLOB);
	c.buffer = wayland_new_id(&c.wayland);
	request(pool, 0, (uint32_t[]){c.buffer, 0, SIDE, SIDE, SIDE * 4, 1}, 6);
	c.keyboard = wayland_new_id(&c.wayland);
	request(c.seat, 1, &c.keyboard, 1);
	c.device = wayland_new_id(&c.wayland);
	request(c.device_manager, 1, (uint32_t[]){c.device, c.seat}, 2);
	c.surface = wayland_new_id(&c.wayland);
	request(c.compositor, 0, &c.surface, 1);
	c.xdg_surface = wayland_new_id(&c.wayland);
	request(c.wm_base, 2, (uint32_t[]){c.xdg_surface, c.surface}, 2);
	request(c.xdg_surface, 1, (uint32_t[]){wayland_new_id(&c.wayland)}, 1); /* get_toplevel */
	request(c.surface, 6, NULL, 0);
	while (!c.entered)
		turn();
	puts("entered");
}

static void write_pattern(uint32_t pipe)
{
	static uint8_t bytes[50000];
	for (size_t at = 0; at < CLIPBOARD_BYTES; at += sizeof(bytes)) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = pattern(at + i);
		raw_write(&c.wayland.context, pipe, bytes, sizeof(bytes),
			at + sizeof(bytes) == CLIPBOARD_BYTES);
	}
}

/* wl_data_source.send, with which a WRITE_PIPE comes, until wl_data_source.cancelled. */
static void serve_source(uint32_t source)
{
	static struct wayland_event event;
	bool asked = false;
	while (wayland_next(&c.wayland, &event, TIMEOUT_MS)) {
		handle(&c.wayland, &event);
		if (event.object != source)
			continue;
		if (event.opcode == 1)
			write_pattern(wayland_take(&c.wayland, RAW_WRITE_PIPE, NULL));
		if (event.opcode == 2 && asked)
			return;
		asked |= event.opcode == 1;
	}
	raw_die(asked ? "nobody else took the selection" : "nobody asked for the selection");
}

void clipboard_give(void)
{
	uint32_t words[16];
	open_window();
	uint32_t source = wayland_new_id(&c.wayland);
	request(c.device_manager, 0, &source, 1);
	request(source, 0, words, wayland_string(words, CLIPBOARD_TYPE));
	request(c.device, 1, (uint32_t[]){source, c.serial}, 2); /* set_selection */
	serve_source(source);
	raw_context_close(&c.wayland.context);
}

/* The id of a READ_PIPE is the guest's to guess: the first of their sequence. */
void clipboard_take(void)
{
	uint32_t words[16];
	open_window();
	while (!c.offered)
		turn();
	size_t n = wayland_string(words, CLIPBOARD_TYPE);
	c.wayland.pipe.identifier = FIRST_READ_PIPE;
	wayland_request(&c.wayland, c.offer, 1, words, n, FIRST_READ_PIPE, RAW_READ_PIPE);
	while (!c.wayland.pipe.ended)
		turn();
	if (c.wayland.pipe.size != CLIPBOARD_BYTES)
		raw_die("%zu bytes were pasted", c.wayland.pipe.size);
	for (size_t i = 0; i < CLIPBOARD_BYTES; i++)
		if (c.wayland.pipe.data[i] != pattern(i))
			raw_die("byte %zu is wrong", i);
	free(c.wayland.pipe.data);
	raw_context_close(&c.wayland.context);
}
