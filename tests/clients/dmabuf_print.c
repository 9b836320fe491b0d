#include "dmabuf_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void handle_done(void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback)
{
	struct dmabuf_heard *heard = data;

	printf("done\n");
	heard->done = true;
	heard->names_screen = heard->flags & ZWP_LINUX_DMABUF_FEEDBACK_V1_TRANCHE_FLAGS_SCANOUT;
	heard->flags = 0;
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
	if (table == MAP_FAILED) {
		perror("format table");
		exit(1);
	}
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
	struct dmabuf_heard *heard = data;

	printf("tranche_flags %u\n", flags);
	heard->flags |= flags;
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

void dmabuf_print_feedback(struct window *window, struct zwp_linux_dmabuf_v1 *dmabuf)
{
	struct dmabuf_heard heard = {0};
	struct zwp_linux_dmabuf_feedback_v1 *feedback =
		zwp_linux_dmabuf_v1_get_default_feedback(dmabuf);
	zwp_linux_dmabuf_feedback_v1_add_listener(feedback, &feedback_listener, &heard);
	window_await(window, &heard.done, "waiting for feedback");
	zwp_linux_dmabuf_feedback_v1_destroy(feedback);
}

struct zwp_linux_dmabuf_feedback_v1 *dmabuf_print_surface_feedback(
	struct window *window, struct zwp_linux_dmabuf_v1 *dmabuf, struct dmabuf_heard *heard)
{
	struct zwp_linux_dmabuf_feedback_v1 *feedback =
		zwp_linux_dmabuf_v1_get_surface_feedback(dmabuf, window->surface);
	*heard = (struct dmabuf_heard){0};
	zwp_linux_dmabuf_feedback_v1_add_listener(feedback, &feedback_listener, heard);
	return feedback;
}

void dmabuf_print_pair(uint32_t format, uint64_t modifier)
{
	const struct {
		uint32_t format, pad;
		uint64_t modifier;
	} pair = {format, 0, modifier};
	print_hex("pair", (const uint8_t *)&pair, sizeof(pair));
}
