/*
 * guest-proxy/windows/surface.c and swapchain.c: what the compositor sees is what the client drew,
 * and little is copied.
 */
#include "protocol/base/sigbus_guard.h"
#include "tests/unit/canvas_world.h"

static void the_compositor_sees_what_the_client_drew_and_the_client_gets_its_buffer_back(
	void **state)
{
	attach(&rig, surface, canvas.id);
	assert_int_equal(rig.releases, 0);
	assert_false(rig_surface_of(&rig, surface)->attach_pending);
	commit(&rig, surface); /* without damage: a first buffer is all new */
	assert_int_equal(rig.releases, 1);
	assert_int_equal(shown(&rig, surface)->width, 64);
	assert_int_equal(shown_pixel(&rig, surface, 3, 5), 5003);
	assert_int_equal(shown_pixel(&rig, surface, 63, 63), 63063);
	assert_int_equal(rig.connection.copied_bytes, 64 * 64 * 4);
}

static void a_changed_row_costs_a_row(void **state)
{
	show(&rig, surface, &canvas);
	rig_release(&rig, rig_surface_of(&rig, surface)->current);
	uint64_t before = rig.connection.copied_bytes;
	canvas_row(&canvas, 10)[7] = 1;
	attach(&rig, surface, canvas.id);
	damage(&rig, surface, "damage_buffer", 0, 10, 64, 1);
	commit(&rig, surface);
	assert_int_equal(rig.connection.copied_bytes - before, 64 * 4);
	assert_int_equal(shown_pixel(&rig, surface, 7, 10), 1);
	assert_int_equal(rig.buffers_made, 1);
}

static void a_commit_without_a_buffer_copies_nothing(void **state)
{
	show(&rig, surface, &canvas);
	uint64_t before = rig.connection.copied_bytes;
	damage(&rig, surface, "damage_buffer", 0, 0, 64, 64);
	commit(&rig, surface);
	commit(&rig, surface);
	assert_int_equal(rig.connection.copied_bytes, before);
	assert_int_equal(rig_surface_of(&rig, surface)->commits, 3);
}

static void damage_before_the_buffer_is_not_lost(void **state)
{
	show(&rig, surface, &canvas);
	rig_release(&rig, rig_surface_of(&rig, surface)->current);
	canvas_row(&canvas, 20)[20] = 2;
	damage(&rig, surface, "damage", 20, 20, 1, 1);
	commit(&rig, surface);
	attach(&rig, surface, canvas.id);
	commit(&rig, surface);
	assert_int_equal(shown_pixel(&rig, surface, 20, 20), 2);
}

static void surface_damage_is_scaled(void **state)
{
	rig_request(&rig, surface, "set_buffer_scale", RIG_ARGS({.i = 2}));
	show(&rig, surface, &canvas);
	rig_release(&rig, rig_surface_of(&rig, surface)->current);
	uint64_t before = rig.connection.copied_bytes;
	canvas_row(&canvas, 41)[21] = 3;
	attach(&rig, surface, canvas.id);
	damage(&rig, surface, "damage", 10, 20, 1, 1);
	commit(&rig, surface);
	assert_int_equal(shown_pixel(&rig, surface, 21, 41), 3);
	assert_int_equal(rig.connection.copied_bytes - before, 2 * 2 * 4);

	/* And not charged again to the next frame. */
	rig_release(&rig, rig_surface_of(&rig, surface)->current);
	attach(&rig, surface, canvas.id);
	commit(&rig, surface);
	assert_int_equal(rig.connection.copied_bytes - before, 2 * 2 * 4);
}

static void surface_damage_of_a_cropped_or_turned_surface_is_all_of_it(void **state)
{
	uint32_t viewport = rig_new_id(&rig.client);
	show(&rig, surface, &canvas);
	rig_request(
		&rig, rig.viewporter, "get_viewport", RIG_ARGS({.id = viewport}, {.id = surface}));
	rig_release(&rig, rig_surface_of(&rig, surface)->current);
	canvas_row(&canvas, 63)[63] = 4;
	attach(&rig, surface, canvas.id);
	damage(&rig, surface, "damage", 0, 0, 1, 1);
	commit(&rig, surface);
	assert_int_equal(shown_pixel(&rig, surface, 63, 63), 4);

	uint32_t turned = rig_create_surface(&rig);
	rig_request(&rig, turned, "set_buffer_transform", RIG_ARGS({.i = WL_OUTPUT_TRANSFORM_90}));
	show(&rig, turned, &canvas);
	rig_release(&rig, rig_surface_of(&rig, turned)->current);
	canvas_row(&canvas, 63)[63] = 5;
	attach(&rig, turned, canvas.id);
	damage(&rig, turned, "damage", 0, 0, 1, 1);
	commit(&rig, turned);
	assert_int_equal(shown_pixel(&rig, turned, 63, 63), 5);
}

static void damage_beyond_all_numbers_is_cut_to_the_buffer(void **state)
{
	static const int32_t rectangles[][4] = {
		{INT32_MIN, INT32_MIN, INT32_MAX, INT32_MAX},
		{INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX},
		{-5, -5, 0, 0},
		{0, 0, INT32_MIN, INT32_MIN},
		{63, 63, INT32_MAX, INT32_MAX},
		{-1, -1, 3, 3},
	};
	rig_request(&rig, surface, "set_buffer_scale", RIG_ARGS({.i = INT32_MAX}));
	show(&rig, surface, &canvas);
	for (size_t i = 0; i < ARRAY_LENGTH(rectangles); i++) {
		const int32_t *r = rectangles[i];
		damage(&rig, surface, "damage", r[0], r[1], r[2], r[3]);
		damage(&rig, surface, "damage_buffer", r[0], r[1], r[2], r[3]);
	}
	canvas_row(&canvas, 63)[63] = 6;
	attach(&rig, surface, canvas.id);
	commit(&rig, surface);
	assert_int_equal(shown_pixel(&rig, surface, 63, 63), 6);
}

static void a_flood_of_damage_is_bounded(void **state)
{
	show(&rig, surface, &canvas);
	for (int i = 0; i < 20000; i++)
		damage(&rig, surface, "damage_buffer", (i * 7) % 64, (i * 13) % 64, 1, 1);
	canvas_row(&canvas, 13)[7] = 7;
	attach(&rig, surface, canvas.id);
	commit(&rig, surface);
	assert_int_equal(shown_pixel(&rig, surface, 7, 13), 7);
}

/* The commit is held until all is copied; what comes behind it waits, too. */
static void a_large_copy_is_done_in_several_turns(void **state)
{
	struct canvas large;
	canvas_create(&rig, &large, 0, 4096, 4096, 4096 * 4);
	for (int32_t y = 0; y < large.height; y++)
		canvas_row(&large, y)[y] = 5000 + (uint32_t)y;
	attach(&rig, surface, large.id);
	damage(&rig, surface, "damage_buffer", 0, 0, INT32_MAX, INT32_MAX);
	rig.turn.work_start_ns = 1; /* somebody else has had all of this turn */
	assert_int_equal(rig_push(rig.connection.relay, &rig.client, surface, "commit", NULL), 0);
	assert_true(rig.connection.held);
	assert_int_equal(rig.connection.copied_bytes, 2 << 20);
	assert_int_equal(rig_surface_of(&rig, surface)->commits, 0);
	assert_int_equal(rig.releases, 0);
	commit(&rig, surface);
	assert_true(rig.held > 0);
	assert_int_equal(rig_surface_of(&rig, surface)->commits, 2);
	assert_int_equal(rig.releases, 1);
	assert_int_equal(rig.connection.copied_bytes, 64 << 20);
	for (int32_t y = 0; y < large.height; y++)
		assert_int_equal(shown_pixel(&rig, surface, y, y), 5000 + (uint32_t)y);
	canvas_destroy(&rig, &large);
}

/* Luma and chroma, where they were; a buffer of another stride is no other picture. */
static void pictures_of_several_planes_arrive_as_they_lie(void **state)
{
	uint32_t pool = rig_create_pool(&rig, canvas.fd, (int32_t)canvas.size), buffers[2];

	rig_event(&rig, rig_up_id(&rig, rig.shm), "format", RIG_ARGS({.u = WL_SHM_FORMAT_NV12}));
	for (size_t i = 0; i < canvas.size; i++)
		canvas.map[i] = (uint8_t)(i * 7 + i / 251);
	for (int i = 0; i < 2; i++) {
		int32_t stride = i ? 80 : 64;
		buffers[i] = rig_create_buffer(&rig, pool, 128, 64, 48, stride, WL_SHM_FORMAT_NV12);
		attach(&rig, surface, buffers[i]);
		damage(&rig, surface, "damage_buffer", 3, 40, 1, 1);
		commit(&rig, surface);
		assert_int_equal(shown(&rig, surface)->stride, stride);
		assert_int_equal(shown(&rig, surface)->format, WL_SHM_FORMAT_NV12);
		assert_memory_equal(
			shown(&rig, surface)->blob->map, canvas.map + 128, (size_t)stride * 72);
	}
	assert_int_equal(rig.releases, 2);
	assert_int_equal(rig.connection.copied_bytes, (64 + 80) * 72);
	commit(&rig, surface);
	assert_int_equal(rig.connection.copied_bytes, (64 + 80) * 72);
}

static void a_large_picture_of_several_planes_is_copied_in_several_turns(void **state)
{
	struct canvas large;
	canvas_create(&rig, &large, 0, 1024, 3072, 4096); /* memory for 4096 x 2048 of NV12 */
	rig_event(&rig, rig_up_id(&rig, rig.shm), "format", RIG_ARGS({.u = WL_SHM_FORMAT_NV12}));
	large.map[large.size - 1] = 17;
	attach(&rig, surface,
		rig_create_buffer(&rig, large.pool, 0, 4096, 2048, 4096, WL_SHM_FORMAT_NV12));
	damage(&rig, surface, "damage_buffer", 0, 0, 4096, 2048);
	rig.turn.work_start_ns = 1;
	assert_int_equal(rig_push(rig.connection.relay, &rig.client, surface, "commit", NULL), 0);
	assert_int_equal(rig.connection.copied_bytes, 2 << 20);
	commit(&rig, surface);
	assert_int_equal(rig.connection.copied_bytes, large.size);
	assert_int_equal(shown(&rig, surface)->blob->map[large.size - 1], 17);
	canvas_destroy(&rig, &large);
}

static void a_client_may_go_in_the_middle_of_a_copy(void **state)
{
	struct canvas large;
	canvas_create(&rig, &large, 0, 2048, 2048, 2048 * 4);
	attach(&rig, surface, large.id);
	rig.turn.work_start_ns = 1;
	assert_int_equal(rig_push(rig.connection.relay, &rig.client, surface, "commit", NULL), 0);
	assert_true(rig.connection.held);
	munmap(large.map, large.size);
	close(large.fd);
} /* and the fixture ends the relay */

static void a_truncated_pool_is_the_clients_error(void **state)
{
	show(&rig, surface, &canvas);
	assert_int_equal(sigbus_guard_install(), 0); /* cmocka has put its own */
	attach(&rig, surface, canvas.id);
	damage(&rig, surface, "damage_buffer", 0, 0, 64, 64);
	assert_int_equal(ftruncate(canvas.fd, 100), 0);
	rig_bad_request(&rig, surface, "commit", NULL, canvas.id, WL_SHM_ERROR_INVALID_FD);
	assert_non_null(strstr(rig.error, "smaller"));
}

static void without_the_hosts_wl_shm_a_commit_is_an_error(void **state)
{
	rig_event(&rig, 1, "delete_id", RIG_ARGS({.u = rig_up_id(&rig, rig.shm)}));
	attach(&rig, surface, canvas.id);
	damage(&rig, surface, "damage_buffer", 0, 0, 64, 64);
	rig_bad_request(&rig, surface, "commit", NULL, 1, WL_DISPLAY_ERROR_IMPLEMENTATION);
	assert_non_null(strstr(rig.error, "wl_shm"));
}

#define SIDE_MAX 48
#define CANVASES 4

struct model {
	uint32_t pixels[SIDE_MAX][SIDE_MAX];
	int32_t width, height, scale;
	struct canvas canvases[CANVASES];
	unsigned compared;
};

static int32_t pick(int32_t n)
{
	return (int32_t)(random() % n);
}

static void compare_with_model(void *data, uint32_t id, struct rig_buffer *buffer)
{
	struct model *model = data;
	if (!buffer)
		return;
	assert_int_equal(buffer->width, model->width);
	assert_int_equal(buffer->height, model->height);
	for (int32_t y = 0; y < model->height; y++)
		assert_memory_equal(buffer->blob->map + (size_t)y * (size_t)buffer->stride,
			model->pixels[y], (size_t)model->width * 4);
	model->compared++;
}

static void model_resize(struct model *model)
{
	model->scale = 1 + pick(3);
	model->width = model->scale * (1 + pick(SIDE_MAX / 3));
	model->height = model->scale * (1 + pick(SIDE_MAX / 3));
	for (int i = 0; i < CANVASES; i++) {
		if (model->canvases[i].map)
			canvas_destroy(&rig, &model->canvases[i]);
		canvas_create(&rig, &model->canvases[i], 4 * pick(100), model->width, model->height,
			model->width * 4 + 4 * pick(2) * pick(100));
	}
	rig_request(&rig, surface, "set_buffer_scale", RIG_ARGS({.i = model->scale}));
}

/* Changes some pixels and says so. */
static void model_draw(struct model *model)
{
	int32_t unit = pick(2) ? 1 : model->scale;
	bool in_buffer = unit == 1 && model->scale != 1 ? true : pick(2);
	int32_t x = pick(model->width / unit), y = pick(model->height / unit);
	int32_t width = 1 + pick(model->width / unit - x),
		height = 1 + pick(model->height / unit - y);
	for (int32_t row = y * unit; row < (y + height) * unit; row++) {
		for (int32_t column = x * unit; column < (x + width) * unit; column++)
			model->pixels[row][column] = (uint32_t)random();
	}
	if (in_buffer)
		damage(&rig, surface, "damage_buffer", x * unit, y * unit, width * unit,
			height * unit);
	else
		damage(&rig, surface, "damage", x, y, width, height);
}

static void model_show(struct model *model)
{
	struct canvas *chosen = &model->canvases[pick(CANVASES)];
	for (int32_t y = 0; y < model->height; y++)
		memcpy(canvas_row(chosen, y), model->pixels[y], (size_t)model->width * 4);
	attach(&rig, surface, chosen->id);
	if (pick(50) == 0) {
		rig_request(&rig, chosen->id, "destroy", NULL);
		commit(&rig, surface);
		chosen->id = rig_create_buffer(&rig, chosen->pool, chosen->offset, chosen->width,
			chosen->height, chosen->stride, XRGB);
	} else {
		commit(&rig, surface);
	}
	/* It is ours again: what is drawn there now must not be seen. */
	memset(chosen->map, pick(256), chosen->size);
}

static void release_some(uint32_t current)
{
	for (uint32_t id = 0; id < RIG_OBJECTS; id++) {
		if (rig.buffers[id].held && (id != current || pick(4) == 0) && pick(3) == 0)
			rig_release(&rig, id);
	}
}

static void random_drawing_always_arrives(void **state)
{
	static struct model model;
	srandom(20240229);
	rig.committed = compare_with_model;
	rig.committed_data = &model;
	model_resize(&model);
	for (int step = 0; step < 6000; step++) {
		if (pick(200) == 0)
			model_resize(&model);
		if (pick(300) == 0) {
			attach(&rig, surface, 0);
			commit(&rig, surface);
		}
		for (int i = pick(4); i > 0; i--)
			model_draw(&model);
		if (pick(10) == 0)
			commit(&rig, surface); /* without a buffer: drawn, but not yet shown */
		model_show(&model);
		release_some(rig_surface_of(&rig, surface)->current);
	}
	assert_int_equal(model.compared, 6000);
	assert_true(rig.connection.n_retired < 64);
	rig.committed = NULL;
	for (int i = 0; i < CANVASES; i++)
		canvas_destroy(&rig, &model.canvases[i]);
	memset(&model, 0, sizeof(model));
}

/* A GPU reads no rows of any length. */
static void rows_are_as_long_as_the_hosts_memory_needs(void **state)
{
	struct canvas narrow;
	fake_stride_alignment = 256;
	canvas_create(&rig, &narrow, 0, 50, 64, 200);
	canvas_row(&narrow, 63)[49] = 0x123456;
	show(&rig, surface, &narrow);
	fake_stride_alignment = 0;
	assert_int_equal(shown(&rig, surface)->stride, 256);
	assert_int_equal(shown_pixel(&rig, surface, 49, 63), 0x123456);
	canvas_destroy(&rig, &narrow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_compositor_sees_what_the_client_drew_and_the_client_gets_its_buffer_back),
		TEST(rows_are_as_long_as_the_hosts_memory_needs),
		TEST(a_changed_row_costs_a_row),
		TEST(a_commit_without_a_buffer_copies_nothing),
		TEST(damage_before_the_buffer_is_not_lost),
		TEST(surface_damage_is_scaled),
		TEST(surface_damage_of_a_cropped_or_turned_surface_is_all_of_it),
		TEST(damage_beyond_all_numbers_is_cut_to_the_buffer),
		TEST(a_flood_of_damage_is_bounded),
		TEST(a_large_copy_is_done_in_several_turns),
		TEST(pictures_of_several_planes_arrive_as_they_lie),
		TEST(a_large_picture_of_several_planes_is_copied_in_several_turns),
		TEST(a_client_may_go_in_the_middle_of_a_copy),
		TEST(a_truncated_pool_is_the_clients_error),
		TEST(without_the_hosts_wl_shm_a_commit_is_an_error),
		TEST(random_drawing_always_arrives),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
