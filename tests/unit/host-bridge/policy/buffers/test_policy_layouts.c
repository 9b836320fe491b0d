/* host-bridge/policy/buffers/policy_layouts.c */
#include "host-bridge/policy/buffers/policy_layouts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <drm_fourcc.h>

#include "protocol/base/bytes.h"

#define XR24 DRM_FORMAT_XRGB8888
#define AR24 DRM_FORMAT_ARGB8888

static struct policy_layouts layouts;
static uint64_t out[POLICY_LAYOUTS];

static int set_up(void **state)
{
	layouts = (struct policy_layouts){0};
	return 0;
}

static void each_format_has_its_own(void **state)
{
	policy_layouts_add(&layouts, XR24, 5);
	policy_layouts_add(&layouts, AR24, 6);
	policy_layouts_add(&layouts, XR24, 6);
	policy_layouts_add(&layouts, XR24, 5); /* of another tranche */
	assert_int_equal(policy_layouts_get(&layouts, XR24, out), 2);
	assert_int_equal(out[0], 5);
	assert_int_equal(out[1], 6);
	assert_int_equal(policy_layouts_get(&layouts, AR24, out), 1);
	assert_int_equal(out[0], 6);
	assert_int_equal(policy_layouts_get(&layouts, DRM_FORMAT_RGB565, out), 0);
}

static void rows_and_several_planes_are_not_kept(void **state)
{
	policy_layouts_add(&layouts, XR24, DRM_FORMAT_MOD_LINEAR);
	policy_layouts_add(&layouts, XR24, DRM_FORMAT_MOD_INVALID);
	policy_layouts_add(&layouts, DRM_FORMAT_NV12, 5);
	policy_layouts_add(&layouts, 0x12345678, 5);
	assert_int_equal(layouts.n_formats, 0);
	assert_int_equal(layouts.n_modifiers, 0);
}

/* A compositor may list as many as it likes. */
static void what_is_too_much_is_not_kept(void **state)
{
	static const uint32_t known[] = {XR24, AR24, DRM_FORMAT_RGB565};

	for (uint64_t modifier = 1; modifier <= 2 * POLICY_LAYOUTS; modifier++)
		policy_layouts_add(&layouts, known[modifier % 2], modifier);
	assert_int_equal(policy_layouts_get(&layouts, XR24, out), POLICY_LAYOUTS / 2);
	assert_int_equal(policy_layouts_get(&layouts, AR24, out), POLICY_LAYOUTS / 2);
	policy_layouts_add(&layouts, known[2], POLICY_LAYOUTS);
	policy_layouts_add(&layouts, known[2], 2 * POLICY_LAYOUTS);
	assert_int_equal(policy_layouts_get(&layouts, known[2], out), 1);
	assert_int_equal(out[0], POLICY_LAYOUTS);
	/* And so are formats. */
	layouts.n_formats = POLICY_IMPORT_FORMATS;
	policy_layouts_add(&layouts, DRM_FORMAT_ABGR8888, 1);
	assert_int_equal(layouts.n_formats, POLICY_IMPORT_FORMATS);
	assert_int_equal(policy_layouts_get(&layouts, DRM_FORMAT_ABGR8888, out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_format_has_its_own, set_up),
		cmocka_unit_test_setup(rows_and_several_planes_are_not_kept, set_up),
		cmocka_unit_test_setup(what_is_too_much_is_not_kept, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
