/* guest-proxy/globals/dmabuf_globals.c, dmabuf_feedback.c */
#include "guest-proxy/globals/dmabuf_globals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest-proxy/dmabuf/dmabuf_formats.h"
#include "guest-proxy/dmabuf/drm.h"
#include "tests/unit/dmabuf_rig.h"

/* Globals */

#define FENCES "global 4294901764 zwp_linux_explicit_synchronization_v1 2; "

static void the_newest_version_is_offered_whatever_the_hosts_is(void **state)
{
	char text[256];
	announce(3);
	snprintf(text, sizeof(text), "global %u wl_drm 2; " FENCES "global 7 " DMABUF " %u; ",
		OWN_DRM_NAME, dmabuf_version < 5 ? dmabuf_version : 5);
	expect(&app, text);
	bind_dmabuf(4);
	expect(&host, "bind 7 " DMABUF " 3 3; sync 4; ");
	again(state);
	announce(1); /* without create_immed wl_drm has nothing to make buffers with */
	snprintf(text, sizeof(text), FENCES "global 7 " DMABUF " %u; ", dmabuf_version);
	expect(&app, text);
}

/* What clients make of it belongs to the first one. */
static void of_two_globals_clients_see_one(void **state)
{
	char text[256];
	announce(3);
	app.said[0] = '\0';
	app.n_said = 0;
	tell(host_registry, "global", RIG_ARGS({.u = 9}, {.s = DMABUF}, {.u = 4}));
	expect(&app, "");
	uint32_t manager = bind_dmabuf(4);
	expect(&host, "bind 7 " DMABUF " 3 3; sync 4; ");
	tell(4, "done", RIG_ARGS({.u = 0}));
	ask(manager, "get_default_feedback", RIG_ARGS({.id = rig_new_id(&app.peer)}));
	assert_non_null(strstr(app.said, "done"));
	app.said[0] = '\0';
	app.n_said = 0;

	tell(host_registry, "global_remove", RIG_ARGS({.u = 7}));
	snprintf(text, sizeof(text),
		"global_remove %u; global_remove 4294901764; global_remove 7; ", OWN_DRM_NAME);
	expect(&app, text);
	tell(host_registry, "global", RIG_ARGS({.u = 9}, {.s = DMABUF}, {.u = 4}));
	snprintf(text, sizeof(text), "global %u wl_drm 2; " FENCES "global 9 " DMABUF " %u; ",
		OWN_DRM_NAME, dmabuf_version < 5 ? dmabuf_version : 5);
	expect(&app, text);
	bind_global(9, DMABUF, 4);
	expect(&host, "bind 9 " DMABUF " 4 5; ");
}

static void a_global_with_our_own_name_is_not_announced(void **state)
{
	announce(3);
	app.said[0] = '\0';
	app.n_said = 0;
	tell(host_registry, "global",
		RIG_ARGS({.u = OWN_DRM_NAME}, {.s = "wl_compositor"}, {.u = 4}));
	tell(host_registry, "global_remove", RIG_ARGS({.u = OWN_DRM_NAME}));
	expect(&app, "");
	bind_global(OWN_DRM_NAME, "wl_drm", 2);
	assert_non_null(strstr(app.said, "device " NODE));
}

static void without_a_render_node_there_are_none(void **state)
{
	gpu.node = NULL;
	announce(4);
	expect(&app, "");
}

/* Formats */

static void an_old_client_hears_of_what_the_guest_can_use(void **state)
{
	announce(4);
	bind_dmabuf(3);
	expect(&host, "bind 7 " DMABUF " 3 3; ");
	tell_pairs(3);
	expect(&app,
		"modifier 875713112 16777215 4294967295; modifier 875713089 0 0; "
		"format 875713089; ");
	again(state);
	gpu.modifiers = true;
	announce(4);
	bind_dmabuf(3);
	host.said[0] = '\0';
	tell_pairs(3);
	expect(&app,
		"modifier 875713112 16777216 2; modifier 875713112 16777215 4294967295; "
		"modifier 875713089 0 0; format 875713089; ");
}

static void where_there_is_opengl_only_what_it_shares_is_offered(void **state)
{
	static const uint32_t formats[] = {DRM_FORMAT_XRGB2101010, DRM_FORMAT_ABGR2101010,
		DRM_FORMAT_RGB565, DRM_FORMAT_XBGR8888};
	gpu.opengl = true;
	announce(4);
	bind_dmabuf(3);
	expect(&host, "bind 7 " DMABUF " 3 3; ");
	for (size_t i = 0; i < ARRAY_LENGTH(formats); i++)
		tell(3, "modifier", RIG_ARGS({.u = formats[i]}, {.u = 0}, {.u = 0}));
	expect(&app, "modifier 875709016 0 0; ");
}

/* The table that was told last has these bytes, and nobody can change them. */
static void expect_table(const struct dmabuf_pair *pairs, size_t n)
{
	struct dmabuf_pair got[16];
	assert_int_equal(table.kind, WIRE_FD);
	assert_int_equal(pread(table.fd, got, sizeof(got), 0), n * sizeof(*pairs));
	assert_memory_equal(got, pairs, n * sizeof(*pairs));
	int seals = fcntl(table.fd, F_GET_SEALS);
	assert_int_equal(seals & (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW),
		F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
	assert_true(pwrite(table.fd, "x", 1, 0) < 0);
}

static const struct dmabuf_pair own_pairs[] = {
	{.format = XR24, .modifier = DRM_FORMAT_MOD_INVALID},
	{.format = AR24, .modifier = DRM_FORMAT_MOD_LINEAR},
};
#define OWN_FEEDBACK                                                                               \
	"format_table fd 32; main_device 3412000000000000; "                                       \
	"tranche_target_device 3412000000000000; tranche_flags 0; tranche_formats 00000100; "      \
	"tranche_done; done; "

static void feedback_is_made_of_formats_where_the_host_has_none(void **state)
{
	announce(3);
	uint32_t manager = bind_dmabuf(4), early = rig_new_id(&app.peer), late;
	expect(&host, "bind 7 " DMABUF " 3 3; sync 4; ");
	ask(manager, "get_default_feedback", RIG_ARGS({.id = early}));
	tell_pairs(3);
	expect(&app, "");
	tell(4, "done", RIG_ARGS({.u = 0}));
	expect(&app, OWN_FEEDBACK);
	expect_table(own_pairs, 2);
	late = rig_new_id(&app.peer);
	ask(manager, "get_default_feedback", RIG_ARGS({.id = late}));
	expect(&app, OWN_FEEDBACK);
	expect_table(own_pairs, 2);
	ask(early, "destroy", NULL);
	ask(late, "destroy", NULL);
	ask(manager, "destroy", NULL);
	expect(&host, "destroy; ");
}

static void feedback_outlives_who_was_asked_for_it(void **state)
{
	announce(3);
	uint32_t manager = bind_dmabuf(4), feedback = rig_new_id(&app.peer);
	ask(manager, "get_default_feedback", RIG_ARGS({.id = feedback}));
	ask(manager, "destroy", NULL);
	tell(4, "done", RIG_ARGS({.u = 0}));
	expect(&app, "format_table fd 0; main_device 3412000000000000; done; ");
}

static void tell_tranche(uint32_t id, uint32_t flags, const uint16_t *indices, uint32_t n)
{
	uint64_t device = 0xe200;
	tell(id, "tranche_target_device", RIG_ARGS({.array = {&device, 8}}));
	tell(id, "tranche_flags", RIG_ARGS({.u = flags}));
	tell(id, "tranche_formats", RIG_ARGS({.array = {indices, 2 * n}}));
	tell(id, "tranche_done", NULL);
}

/* A table of the host, with @n pairs. */
static void tell_table(uint32_t id, const struct dmabuf_pair *pairs, size_t n)
{
	struct channel_blob *blob;
	const size_t size = n * sizeof(*pairs);
	assert_int_equal(channel_blob_create(fake_channel, size, &blob), 0);
	memcpy(blob->map, pairs, size);
	tell_with(id, "format_table", RIG_ARGS({.i = 0}, {.u = (uint32_t)size}), blob);
}

static void feedback_of_the_host_is_told_anew(void **state)
{
	static const struct dmabuf_pair theirs[] = {
		{.format = XR24, .modifier = TILED},
		{.format = XR24, .modifier = DRM_FORMAT_MOD_LINEAR},
		{.format = 0x20202020, .modifier = DRM_FORMAT_MOD_LINEAR},
		{.format = AR24, .modifier = DRM_FORMAT_MOD_INVALID},
		{.format = DRM_FORMAT_NV12, .modifier = DRM_FORMAT_MOD_LINEAR},
	};
	static const struct dmabuf_pair left[] = {
		{.format = XR24, .modifier = DRM_FORMAT_MOD_LINEAR},
		{.format = AR24, .modifier = DRM_FORMAT_MOD_INVALID},
		{.format = DRM_FORMAT_NV12, .modifier = DRM_FORMAT_MOD_LINEAR},
	};
	uint64_t device = 0xe200;
	announce(4);
	uint32_t manager = bind_dmabuf(4), feedback = rig_new_id(&app.peer);
	expect(&host, "bind 7 " DMABUF " 4 3; ");
	ask(manager, "get_default_feedback", RIG_ARGS({.id = feedback}));
	expect(&host, "get_default_feedback 4; ");
	tell_table(4, theirs, ARRAY_LENGTH(theirs));
	tell(4, "main_device", RIG_ARGS({.array = {&device, 8}}));
	tell_tranche(4, 1, (const uint16_t[]){0, 1}, 2);       /* for scan-out */
	tell_tranche(4, 0, (const uint16_t[]){0, 2}, 2);       /* nothing for the guest */
	tell_tranche(4, 0, (const uint16_t[]){3, 4, 999}, 3);  /* one too far */
	tell_tranche(4, 0, (const uint16_t[]){4, 1, 3, 0}, 4); /* of another device, once more */
	expect(&app, "");
	tell(4, "done", NULL);
	expect(&app,
		"format_table fd 48; main_device 3412000000000000; "
		"tranche_target_device 3412000000000000; tranche_flags 1; tranche_formats 0000; "
		"tranche_done; "
		"tranche_target_device 3412000000000000; tranche_flags 0; "
		"tranche_formats 01000200; tranche_done; "
		"tranche_target_device 3412000000000000; tranche_flags 0; tranche_formats 0000; "
		"tranche_done; done; ");
	expect_table(left, 3);

	/* Something else is better now; the table is the same. */
	tell_tranche(4, 0, (const uint16_t[]){4}, 1);
	tell(4, "done", NULL);
	expect(&app,
		"main_device 3412000000000000; tranche_target_device 3412000000000000; "
		"tranche_flags 0; tranche_formats 0200; tranche_done; done; ");
}

/* Feedback with one tranche of both @pairs passes as it is. */
static void pass_table_of_two(const struct dmabuf_pair pairs[2])
{
	tell_table(4, pairs, 2);
	tell_tranche(4, 0, (const uint16_t[]){0, 1}, 2);
	tell(4, "done", NULL);
	expect(&app,
		"format_table fd 32; main_device 3412000000000000; "
		"tranche_target_device 3412000000000000; tranche_flags 0; "
		"tranche_formats 00000100; tranche_done; done; ");
	expect_table(pairs, 2);
}

/* A window goes to the whole screen and back, as compositors tell it: each time with a table. */
static void a_guest_that_draws_by_the_hosts_gpu_is_told_of_layouts_as_they_change(void **state)
{
	static const struct dmabuf_pair screen[] = {
		{.format = XR24, .modifier = TILED + 1}, /* which the screen takes */
		{.format = XR24, .modifier = DRM_FORMAT_MOD_LINEAR},
		{.format = 0x20202020, .modifier = TILED},
		{.format = XR24, .modifier = TILED},
	};
	static const struct dmabuf_pair left[] = {
		{.format = XR24, .modifier = TILED + 1},
		{.format = XR24, .modifier = DRM_FORMAT_MOD_LINEAR},
		{.format = XR24, .modifier = TILED},
	};
	gpu.modifiers = true;
	announce(4);
	uint32_t manager = bind_dmabuf(4), feedback = rig_new_id(&app.peer);
	ask(manager, "get_default_feedback", RIG_ARGS({.id = feedback}));
	pass_table_of_two(left + 1);

	tell_table(4, screen, ARRAY_LENGTH(screen));
	tell_tranche(4, 1, (const uint16_t[]){0, 2}, 2);
	tell_tranche(4, 0, (const uint16_t[]){1, 2, 3}, 3);
	tell(4, "done", NULL);
	expect(&app,
		"format_table fd 48; main_device 3412000000000000; "
		"tranche_target_device 3412000000000000; tranche_flags 1; tranche_formats 0000; "
		"tranche_done; "
		"tranche_target_device 3412000000000000; tranche_flags 0; "
		"tranche_formats 01000200; tranche_done; done; ");
	expect_table(left, ARRAY_LENGTH(left));

	pass_table_of_two(left + 1);
}

/* Clients look up what an index says: none may be beyond the table that they have. */
static void what_was_told_of_another_table_is_forgotten(void **state)
{
	announce(4);
	uint32_t manager = bind_dmabuf(4), feedback = rig_new_id(&app.peer);
	ask(manager, "get_default_feedback", RIG_ARGS({.id = feedback}));
	tell_table(4, own_pairs, 2);
	tell_tranche(4, 0, (const uint16_t[]){0, 1}, 2);
	tell(4, "tranche_formats", RIG_ARGS({.array = {(const uint16_t[]){1}, 2}}));
	tell_table(4, own_pairs, 1);
	tell_tranche(4, 1, (const uint16_t[]){0, 1}, 2);
	tell(4, "done", NULL);
	expect(&app,
		"format_table fd 16; main_device 3412000000000000; "
		"tranche_target_device 3412000000000000; tranche_flags 1; tranche_formats 0000; "
		"tranche_done; done; ");
}

static void a_table_that_is_no_file_of_pairs_is_an_empty_one(void **state)
{
	announce(4);
	uint32_t manager = bind_dmabuf(4), feedback = rig_new_id(&app.peer);
	ask(manager, "get_default_feedback", RIG_ARGS({.id = feedback}));
	struct channel_blob *blob;
	assert_int_equal(channel_blob_create(fake_channel, 16, &blob), 0);
	memset(blob->map, 0, blob->size);
	tell_with(4, "format_table", RIG_ARGS({.i = 0}, {.u = UINT32_MAX}), blob);
	tell_tranche(4, 0, (const uint16_t[]){0, 65535}, 2);
	tell(4, "done", NULL);
	expect(&app, "format_table fd 0; main_device 3412000000000000; done; ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_newest_version_is_offered_whatever_the_hosts_is),
		TEST(of_two_globals_clients_see_one),
		TEST(a_global_with_our_own_name_is_not_announced),
		TEST(without_a_render_node_there_are_none),
		TEST(an_old_client_hears_of_what_the_guest_can_use),
		TEST(where_there_is_opengl_only_what_it_shares_is_offered),
		TEST(feedback_is_made_of_formats_where_the_host_has_none),
		TEST(feedback_outlives_who_was_asked_for_it),
		TEST(feedback_of_the_host_is_told_anew),
		TEST(a_guest_that_draws_by_the_hosts_gpu_is_told_of_layouts_as_they_change),
		TEST(what_was_told_of_another_table_is_forgotten),
		TEST(a_table_that_is_no_file_of_pairs_is_an_empty_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
