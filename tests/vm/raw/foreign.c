/*
 * foreign: guests that are not ours, against the host behind a real kernel's render node. Each case
 * is a habit of a known guest, or a mistake that must cost nobody but who made it.
 *
 * Usage: foreign window|no-window [CASE...]: whether the device has a window for memory of the
 * host. Prints "ok CASE" lines; status 1 and a message for the first that fails.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clipboard.h"
#include "wayland.h"

#define WAYLAND_CHANNEL 1
#define HOST_VISIBLE_PARAM 4
#define EVENT_MS 30000
#define HELD_MS 200 /* what does not come in this time is held */

static const char *current;
static bool has_window;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			raw_die("%s: %s", current, #condition);                                    \
	} while (0)

static void open_channel(struct wayland *wayland, uint16_t init_size)
{
	*wayland = (struct wayland){0};
	raw_context_open(&wayland->context, RAW_PAGE);
	raw_init(&wayland->context, init_size, WAYLAND_CHANNEL);
}

static void close_channel(struct wayland *wayland)
{
	raw_context_close(&wayland->context);
	free(wayland->pipe.data);
}

static void check_works(struct wayland *wayland)
{
	CHECK(wayland_sync(wayland, NULL));
	CHECK(wayland->error_code == 0);
	CHECK(wayland_bind(wayland, "wl_shm", 1) != 0);
	CHECK(wayland_sync(wayland, NULL));
	CHECK(!wayland->ended && wayland->error_code == 0);
}

/* Every size of INIT, with two rings; the short one has one ring for both. */
static void inits(void)
{
	static const uint16_t sizes[] = {16, 20, 24, 36};
	static struct wayland wayland;
	for (size_t i = 0; i < 4; i++) {
		open_channel(&wayland, sizes[i]);
		if (sizes[i] == 16)
			wayland.context.channel = wayland.context.query;
		check_works(&wayland);
		if (sizes[i] == 16)
			wayland.context.query.map = NULL; /* unmapped once */
		close_channel(&wayland);
	}
}

static void one_ring_named_twice(void)
{
	static struct wayland wayland;
	wayland = (struct wayland){0};
	raw_context_open(&wayland.context, RAW_PAGE);
	struct raw_blob second = wayland.context.channel;
	wayland.context.channel = wayland.context.query;
	raw_init(&wayland.context, 20, WAYLAND_CHANNEL);
	check_works(&wayland);
	wayland.context.channel = second;
	close_channel(&wayland);
}

/* Rings of many pages, which the kernel scatters; events lie at their start. */
static void large_rings(void)
{
	static struct wayland wayland;
	wayland = (struct wayland){0};
	raw_context_open(&wayland.context, 64 * RAW_PAGE);
	raw_init(&wayland.context, 20, WAYLAND_CHANNEL);
	check_works(&wayland);
	close_channel(&wayland);
}

static void bad_inits(void)
{
	static struct wayland wayland;
	wayland = (struct wayland){0};
	raw_context_open(&wayland.context, RAW_PAGE);
	uint32_t right = wayland.context.channel.resource;
	wayland.context.channel.resource = 0x7fffffff; /* no such resource */
	raw_init(&wayland.context, 20, WAYLAND_CHANNEL);
	wayland.context.channel.resource = right;
	raw_init(&wayland.context, 20, 0x10);            /* a channel that is not Wayland's */
	raw_init(&wayland.context, 12, WAYLAND_CHANNEL); /* too short */
	raw_init(&wayland.context, 20, WAYLAND_CHANNEL);
	raw_init(&wayland.context, 20, WAYLAND_CHANNEL); /* once more: refused */
	check_works(&wayland);
	close_channel(&wayland);
}

/* A POLL's fence is held until there is an event, and an event brings one. */
static void polls(void)
{
	static struct wayland wayland;
	open_channel(&wayland, 20);
	CHECK(!raw_event(&wayland.context, HELD_MS));
	check_works(&wayland);
	CHECK(!raw_event(&wayland.context, HELD_MS));
	close_channel(&wayland);
}

/* Several commands in one submission; a message over several SENDs. */
static void chunks(void)
{
	static struct wayland wayland;
	uint32_t sync[3] = {WAYLAND_DISPLAY_ID, 12u << 16, 0};
	static struct wayland_event event;
	static const uint8_t cuts[] = {0, 1, 5, 8, 11, 12};
	struct {
		struct raw_send send;
		uint32_t message[3];
		uint32_t poll[4];
	} both = {
		.send = {.cmd = RAW_SEND, .cmd_size = sizeof(struct raw_send) + 12, .size = 12},
		.poll = {RAW_POLL | 16u << 16},
	};
	open_channel(&wayland, 20);
	sync[2] = wayland_new_id(&wayland);
	for (size_t i = 0; i + 1 < sizeof(cuts); i++)
		raw_send(&wayland.context, (uint8_t *)sync + cuts[i],
			(uint32_t)(cuts[i + 1] - cuts[i]), NULL, NULL, 0);
	CHECK(wayland_next(&wayland, &event, EVENT_MS) && event.object == sync[2]);

	/* SEND and POLL as one, as an event of the polled ring. */
	while (wayland_next(&wayland, &event, HELD_MS))
		;
	check_works(&wayland);
	close_channel(&wayland);

	open_channel(&wayland, 20);
	memcpy(both.message, sync, sizeof(sync));
	both.message[2] = wayland_new_id(&wayland);
	memset(wayland.context.channel.map, 0, 8);
	CHECK(raw_submit_event(&wayland.context, &both, sizeof(both.send) + 12 + 16) == 0);
	wayland.context.polling = true;
	CHECK(wayland_next(&wayland, &event, EVENT_MS) && event.object == both.message[2]);
	check_works(&wayland);
	close_channel(&wayland);
}

enum { SYNCS = 1000, ANSWER_BYTES = 24, PAGE_ROOM = 3744 }; /* an answer: done, and delete_id */

/* The events in which the answers to so many requests come, when they have had @us to gather. */
static unsigned pages_after(unsigned us)
{
	static struct wayland wayland;
	static uint32_t syncs[SYNCS][3];
	unsigned n_pages = 0;
	size_t bytes = 0;
	open_channel(&wayland, 20);
	check_works(&wayland);
	for (size_t i = 0; i < SYNCS; i++) {
		syncs[i][0] = WAYLAND_DISPLAY_ID;
		syncs[i][1] = 12u << 16;
		syncs[i][2] = wayland_new_id(&wayland);
	}
	raw_send(&wayland.context, syncs, sizeof(syncs), NULL, NULL, 0);
	usleep(us);
	while (bytes < SYNCS * ANSWER_BYTES) {
		struct raw_send receive;
		const uint8_t *page = raw_event(&wayland.context, EVENT_MS);
		CHECK(page && page[0] == RAW_RECEIVE);
		memcpy(&receive, page, sizeof(receive));
		bytes += receive.size;
		n_pages++;
	}
	CHECK(bytes == SYNCS * ANSWER_BYTES);
	close_channel(&wayland);
	return n_pages;
}

/* What waits on the host comes in as few events as their pages can hold. A busy compositor needs
 * longer to answer. */
static void packing(void)
{
	unsigned us = 250000;
	while (pages_after(us) > (SYNCS * ANSWER_BYTES + PAGE_ROOM - 1) / PAGE_ROOM) {
		us *= 2;
		CHECK(us < 10000000);
	}
}

/* Refused: what cannot be parsed, what is not for Wayland. The channel goes on. */
static void refused(void)
{
	static struct wayland wayland;
	open_channel(&wayland, 20);
	for (uint32_t command = 5; command <= 13; command++) {
		uint32_t words[8] = {command | 32u << 16};
		if (command != RAW_WRITE)
			raw_submit(&wayland.context, words, sizeof(words));
	}
	const uint32_t bad[][8] = {
		{RAW_POLL},                   /* of no size: must not be executed for ever */
		{RAW_POLL | 4u << 16},        /* less than its header */
		{RAW_SEND | 32u << 16, 0, 1}, /* less than its struct */
		{RAW_POLL | 0xfff0u << 16},   /* more than there is */
		{RAW_WRITE | 32u << 16, 0, 99, 0, 400}, /* more data than there are; no such pipe */
		{RAW_WRITE | 32u << 16, 0, 99, 0, 8},
		{0xffu | 32u << 16},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		raw_submit_wait(&wayland.context, bad[i], sizeof(bad[i]));
	raw_submit(&wayland.context, bad, 4); /* half a header */
	check_works(&wayland);
	/* Identifiers that cannot be: no such blob, the host's own kind, too many. The message with
	 * them is lost. */
	raw_send(&wayland.context, "", 0, (uint32_t[]){0x7fffffff}, (uint32_t[]){RAW_BLOB}, 1);
	raw_send(&wayland.context, "", 0, (uint32_t[]){5}, (uint32_t[]){RAW_WRITE_PIPE}, 1);
	raw_send(&wayland.context, "", 0, (uint32_t[]){3}, (uint32_t[]){RAW_READ_PIPE}, 1);
	struct raw_send many = {.cmd = RAW_SEND, .cmd_size = sizeof(many), .n_identifiers = 29};
	raw_submit(&wayland.context, &many, sizeof(many));
	CHECK(wayland_sync(&wayland, NULL) && wayland.error_code == 0);
	close_channel(&wayland);
}

/* A fatal mistake in Wayland: an error, then the channel's end, once; and then the POLL is held. */
static void end(void)
{
	static struct wayland wayland;
	static struct wayland_event event;
	const uint32_t nonsense[2] = {77, 8u << 16 | 99};
	open_channel(&wayland, 20);
	check_works(&wayland);
	raw_send(&wayland.context, nonsense, sizeof(nonsense), NULL, NULL, 0);
	while (wayland_next(&wayland, &event, EVENT_MS))
		;
	CHECK(wayland.error_code != 0 && wayland.error_text[0]);
	CHECK(wayland.ended);
	CHECK(!raw_event(&wayland.context, HELD_MS));
	close_channel(&wayland);
}

/* Without a channel, too. */
static void images(void)
{
	static struct raw_context context;
	uint32_t a[16], b[16], c[16];
	raw_context_open(&context, RAW_PAGE);
	raw_init(&context, 20, 0);
	CHECK(raw_ask_image(&context, 70000, 1, RAW_R8, a));
	CHECK(a[RAW_IMAGE_STRIDE] >= 70000 && a[RAW_IMAGE_OFFSET] == 0 &&
		a[RAW_IMAGE_SIZE_HIGH] == 0);
	CHECK(a[RAW_IMAGE_SIZE] >= 70000 && a[RAW_IMAGE_SIZE] % RAW_PAGE == 0);
	CHECK(a[RAW_IMAGE_MEMORY_IDX] == UINT32_MAX && a[RAW_IMAGE_DEVICE_IDX] == UINT32_MAX);
	CHECK(raw_ask_image(&context, 100, 50, RAW_XR24, b));
	CHECK(b[RAW_IMAGE_STRIDE] >= 400 && b[RAW_IMAGE_SIZE] >= b[RAW_IMAGE_STRIDE] * 50 &&
		b[RAW_IMAGE_BLOB_ID] != a[RAW_IMAGE_BLOB_ID]);
	CHECK(raw_ask_image(&context, 100, 50, RAW_XR24, c) &&
		c[RAW_IMAGE_BLOB_ID] == b[RAW_IMAGE_BLOB_ID]);
	/* Whatever GBM's flags say: rows one after the other, and no modifier but the linear one.
	 */
	const uint32_t flags[] = {0, RAW_SCANOUT, RAW_LINEAR, RAW_LINEAR | RAW_SCANOUT, UINT32_MAX};
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		CHECK(raw_ask_image_for(&context, flags[i], 100, 50, RAW_XR24, c));
		CHECK(c[RAW_IMAGE_STRIDE] >= 400 && c[RAW_IMAGE_OFFSET] == 0);
		CHECK(c[RAW_IMAGE_MODIFIER] == 0 && c[RAW_IMAGE_MODIFIER + 1] == 0);
		CHECK(c[RAW_IMAGE_SIZE] >= c[RAW_IMAGE_STRIDE] * 50 && c[RAW_IMAGE_BLOB_ID] != 0);
	}
	CHECK(!raw_ask_image(&context, 0, 50, RAW_XR24, c));
	CHECK(!raw_ask_image(&context, 100, 50, RAW_FORMAT('?', '?', '?', '?'), c));
	CHECK(!raw_ask_image(&context, UINT32_MAX, UINT32_MAX, RAW_XR24, c));
	if (has_window) {
		/* The same id, any number of times; sizes that the kernel rounded, too. */
		struct raw_blob first, second;
		CHECK(raw_blob_create(
			      context.fd, 2, b[RAW_IMAGE_BLOB_ID], b[RAW_IMAGE_SIZE], &first) == 0);
		CHECK(raw_blob_create(context.fd, 2, b[RAW_IMAGE_BLOB_ID], b[RAW_IMAGE_SIZE],
			      &second) == 0);
		memset(first.map, 1, first.size);
		memset(second.map, 2, second.size);
		for (size_t i = 0; i < first.size; i++)
			CHECK(first.map[i] == 1);
		raw_blob_close(context.fd, &first);
		raw_blob_close(context.fd, &second);
		CHECK(raw_blob_create(context.fd, 2, b[RAW_IMAGE_BLOB_ID] + 1000, b[RAW_IMAGE_SIZE],
			      &first) < 0);
	} else {
		struct raw_blob blob;
		CHECK(raw_blob_create(context.fd, 2, b[RAW_IMAGE_BLOB_ID], b[RAW_IMAGE_SIZE],
			      &blob) == -EINVAL);
	}
	raw_context_close(&context);
}

/* A blob of either kind as a wl_shm pool; its handle is closed as soon as the SEND was taken. */
static void pools(void)
{
	static struct wayland wayland;
	for (uint32_t memory = 1; memory <= (has_window ? 2u : 1u); memory++) {
		uint32_t answer[16] = {0}, shm;
		struct raw_blob blob;
		open_channel(&wayland, 20);
		CHECK(raw_ask_image(&wayland.context, 256 * 256 * 4, 1, RAW_R8, answer));
		shm = wayland_bind(&wayland, "wl_shm", 1);
		CHECK(raw_blob_create(wayland.context.fd, memory,
			      memory == 2 ? answer[RAW_IMAGE_BLOB_ID] : 0, answer[RAW_IMAGE_SIZE],
			      &blob) == 0);
		memset(blob.map, 0x5a, blob.size);
		uint32_t pool = wayland_new_id(&wayland), buffer;
		wayland_request(&wayland, shm, 0, (uint32_t[]){pool, 256 * 256 * 4}, 2,
			blob.resource, RAW_BLOB);
		raw_blob_close(wayland.context.fd, &blob);
		buffer = wayland_new_id(&wayland);
		wayland_request(
			&wayland, pool, 0, (uint32_t[]){buffer, 0, 256, 256, 1024, 1}, 6, 0, 0);
		CHECK(wayland_sync(&wayland, NULL) && wayland.error_code == 0);
		/* Beyond the pool: the compositor's error comes back. */
		buffer = wayland_new_id(&wayland);
		wayland_request(
			&wayland, pool, 0, (uint32_t[]){buffer, 4096, 256, 256, 1024, 1}, 6, 0, 0);
		CHECK(!wayland_sync(&wayland, NULL) && wayland.error_code != 0);
		close_channel(&wayland);
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{"inits", inits},
	{"one-ring-named-twice", one_ring_named_twice},
	{"large-rings", large_rings},
	{"bad-inits", bad_inits},
	{"polls", polls},
	{"chunks", chunks},
	{"packing", packing},
	{"refused", refused},
	{"end", end},
	{"images", images},
	{"pools", pools},
	{"write-pipe", clipboard_give},
	{"read-pipe", clipboard_take},
};

static bool chosen(const char *name, int argc, char **argv)
{
	for (int i = 2; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc == 2 && strcmp(name, "write-pipe") != 0 && strcmp(name, "read-pipe") != 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2 || (strcmp(argv[1], "window") != 0 && strcmp(argv[1], "no-window") != 0)) {
		fputs("Usage: foreign window|no-window [CASE...]\n", stderr);
		return 2;
	}
	has_window = strcmp(argv[1], "window") == 0;
	int fd = raw_open();
	current = "window";
	CHECK(raw_param(fd, HOST_VISIBLE_PARAM) == has_window);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (!chosen(cases[i].name, argc, argv))
			continue;
		current = cases[i].name;
		cases[i].run();
		printf("ok %s\n", current);
	}
	return 0;
}
