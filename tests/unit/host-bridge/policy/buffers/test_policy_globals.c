/* host-bridge/policy/buffers/policy_globals.c, with a real relay */
#include "host-bridge/policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/dmabuf_offer.h"

static void linux_dmabuf_is_offered_where_the_compositor_has_none(void **state)
{
	uint32_t name, version;
	announce(false);
	assert_string_equal(take_global(&name, &version), "wl_shm");
	assert_string_equal(take_global(&name, &version), "zwp_linux_dmabuf_v1");
	assert_int_equal(version, 3);
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_callback", "done", 0, args);
}

static void linux_dmabuf_of_the_compositor_stands_alone(void **state)
{
	uint32_t name, version;
	announce(true);
	assert_string_equal(take_global(&name, &version), "wl_shm");
	assert_string_equal(take_global(&name, &version), "zwp_linux_dmabuf_v1");
	assert_int_equal(name, DMABUF_NAME);
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_callback", "done", 0, args);
}

static void a_restricted_linux_dmabuf_is_not_ours_either(void **state)
{
	uint32_t name, version;

	assert_null(policy_set_rule(&world.policy, "zwp_linux_dmabuf_v1", "2"));
	announce(false);
	assert_string_equal(take_global(&name, &version), "wl_shm");
	assert_string_equal(take_global(&name, &version), "zwp_linux_dmabuf_v1");
	assert_int_equal(version, 2);
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_callback", "done", 0, args);
}

static void a_refused_linux_dmabuf_is_not_ours_either(void **state)
{
	uint32_t name, version;

	assert_null(policy_set_rule(&world.policy, "zwp_linux_dmabuf_v1", "deny"));
	announce(false);
	assert_string_equal(take_global(&name, &version), "wl_shm");
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_callback", "done", 0, args);
	assert_int_equal(world.sent[RELAY_DOWN].size, 0);
}

static void each_registry_is_told_when_its_globals_were(void **state)
{
	uint32_t early = world.next_id++, second, late = 0;
	request("wl_display", "sync", 1, ARGS({.id = early}));
	take_up("wl_display", "sync");
	uint32_t early_up = args[0].id;
	second = world.next_id++;
	request("wl_display", "get_registry", 1, ARGS({.id = second}));
	take_up("wl_display", "get_registry");
	late = world.next_id++;
	request("wl_display", "sync", 1, ARGS({.id = late}));
	take_up("wl_display", "sync");
	uint32_t late_up = args[0].id;
	event("wl_registry", "global", REGISTRY, ARGS({.u = SHM_NAME}, {.s = "wl_shm"}, {.u = 1}));
	captured_clear(&world.sent[RELAY_DOWN]);

	event("wl_callback", "done", early_up, ARGS({.u = 0}));
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_registry", "global", REGISTRY, args);
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_callback", "done", early, args);
	event("wl_callback", "done", late_up, ARGS({.u = 0}));
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_registry", "global", second, args);
	assert_string_equal(args[1].s, "zwp_linux_dmabuf_v1");
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_callback", "done", late, args);
	assert_int_equal(world.sent[RELAY_DOWN].size, 0);
}

static void our_linux_dmabuf_has_the_formats_of_wl_shm(void **state)
{
	static const uint32_t codes[] = {
		DRM_FORMAT_ARGB8888, DRM_FORMAT_XRGB8888, DRM_FORMAT_RGB565};
	static const uint64_t modifiers[] = {DRM_FORMAT_MOD_INVALID, DRM_FORMAT_MOD_LINEAR};
	bind_formats(false);
	for (size_t i = 0; i < ARRAY_LENGTH(codes); i++) {
		for (size_t j = 0; j < ARRAY_LENGTH(modifiers); j++) {
			captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "zwp_linux_dmabuf_v1",
				"modifier", offer.manager.down, args);
			assert_int_equal(args[0].u, codes[i]);
			assert_true(((uint64_t)args[1].u << 32 | args[2].u) == modifiers[j]);
		}
	}
	assert_int_equal(world.sent[RELAY_DOWN].size, 0); /* several planes are no wl_shm */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(linux_dmabuf_is_offered_where_the_compositor_has_none),
		TEST(linux_dmabuf_of_the_compositor_stands_alone),
		TEST(a_restricted_linux_dmabuf_is_not_ours_either),
		TEST(a_refused_linux_dmabuf_is_not_ours_either),
		TEST(each_registry_is_told_when_its_globals_were),
		TEST(our_linux_dmabuf_has_the_formats_of_wl_shm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
