/*
 * A surface, and a buffer that its client has drawn. One program includes it once.
 */
#ifndef TESTS_UNIT_CANVAS_WORLD_H
#define TESTS_UNIT_CANVAS_WORLD_H

#include "tests/unit/surface_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define XRGB WL_SHM_FORMAT_XRGB8888

/* A buffer of the client's, with its pixels mapped. */
struct canvas {
	uint32_t pool, id;
	int fd;
	uint8_t *map; /* of the file */
	size_t size;
	int32_t offset, width, height, stride;
};

static inline void canvas_create(struct surface_rig *rig, struct canvas *canvas, int32_t offset,
	int32_t width, int32_t height, int32_t stride)
{
	*canvas = (struct canvas){
		.offset = offset, .width = width, .height = height, .stride = stride};
	canvas->size = (size_t)offset + (size_t)stride * (size_t)height;
	canvas->fd = memfd_create("canvas", MFD_CLOEXEC);
	assert_true(canvas->fd >= 0);
	assert_int_equal(ftruncate(canvas->fd, (off_t)canvas->size), 0);
	canvas->map = mmap(NULL, canvas->size, PROT_READ | PROT_WRITE, MAP_SHARED, canvas->fd, 0);
	assert_true(canvas->map != MAP_FAILED);
	canvas->pool = rig_create_pool(rig, canvas->fd, (int32_t)canvas->size);
	canvas->id = rig_create_buffer(rig, canvas->pool, offset, width, height, stride, XRGB);
}

static inline void canvas_destroy(struct surface_rig *rig, struct canvas *canvas)
{
	if (!relay_failure(rig->connection.relay)) {
		rig_request(rig, canvas->pool, "destroy", NULL);
		rig_request(rig, canvas->id, "destroy", NULL);
	}
	munmap(canvas->map, canvas->size);
	close(canvas->fd);
	*canvas = (struct canvas){.fd = -1};
}

static inline uint32_t *canvas_row(const struct canvas *canvas, int32_t y)
{
	return (uint32_t *)(void *)(canvas->map + canvas->offset +
		(size_t)y * (size_t)canvas->stride);
}

static inline void attach(struct surface_rig *rig, uint32_t surface, uint32_t buffer)
{
	rig_request(rig, surface, "attach", RIG_ARGS({.id = buffer}, {.i = 0}, {.i = 0}));
}

static inline void damage(struct surface_rig *rig, uint32_t surface, const char *request, int32_t x,
	int32_t y, int32_t width, int32_t height)
{
	rig_request(
		rig, surface, request, RIG_ARGS({.i = x}, {.i = y}, {.i = width}, {.i = height}));
}

static inline void commit(struct surface_rig *rig, uint32_t surface)
{
	rig_request(rig, surface, "commit", NULL);
}

/* Attach, damage of everything, commit. */
static inline void show(struct surface_rig *rig, uint32_t surface, const struct canvas *canvas)
{
	attach(rig, surface, canvas->id);
	damage(rig, surface, "damage_buffer", 0, 0, INT32_MAX, INT32_MAX);
	commit(rig, surface);
}

static inline const struct rig_buffer *shown(struct surface_rig *rig, uint32_t surface)
{
	uint32_t current = rig_surface_of(rig, surface)->current;
	return current ? &rig->buffers[current] : NULL;
}

static inline uint32_t shown_pixel(struct surface_rig *rig, uint32_t surface, int32_t x, int32_t y)
{
	const struct rig_buffer *buffer = shown(rig, surface);
	assert_non_null(buffer);
	return load_u32(buffer->blob->map + buffer->offset + (size_t)y * (size_t)buffer->stride +
		(size_t)x * 4);
}

/* Fixture */

static struct surface_rig rig;
static struct canvas canvas;
static uint32_t surface;

static inline int setup(void **state)
{
	surface_rig_init(&rig);
	surface = rig_create_surface(&rig);
	canvas_create(&rig, &canvas, 0, 64, 64, 256);
	for (int32_t y = 0; y < 64; y++) {
		for (int32_t x = 0; x < 64; x++)
			canvas_row(&canvas, y)[x] = (uint32_t)(y * 1000 + x);
	}
	return 0;
}

static inline int teardown(void **state)
{
	canvas_destroy(&rig, &canvas);
	surface_rig_finish(&rig);
	return 0;
}

/* What a client does when its channel says that blobs are there. */
static inline int resume(void)
{
	assert_true(rig.connection.held && rig.connection.memory_due);
	rig.connection.held = rig.connection.memory_due = false;
	return relay_push(rig.connection.relay, RELAY_DOWN, NULL, 0, NULL, 0);
}

/* Random drawing, compared with a model in full after each commit. */

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
