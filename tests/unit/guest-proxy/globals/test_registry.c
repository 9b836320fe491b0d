/* guest-proxy/globals/registry.c */
#include "guest-proxy/globals/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static bool allows(const char *name, uint32_t *version)
{
	const struct interface *interface = interface_find(name);
	assert_non_null(interface);
	return registry_allows(NULL, interface, version);
}

static void what_names_memory_of_another_kernel_is_hidden(void **state)
{
	uint32_t version = 4;
	assert_false(allows("zwp_linux_dmabuf_v1", &version));
	version = 1;
	assert_false(allows("zwp_linux_explicit_synchronization_v1", &version));
}

static void wl_shm_stays_at_the_version_without_release(void **state)
{
	uint32_t version = 2;
	assert_true(allows("wl_shm", &version));
	assert_int_equal(version, 1);
}

static void all_else_passes_as_it_is(void **state)
{
	uint32_t version = 5;
	assert_true(allows("wl_compositor", &version));
	assert_int_equal(version, 5);
	assert_true(allows("xdg_wm_base", &version));
	assert_int_equal(version, 5);
	version = 1;
	assert_true(allows("xdg_toplevel_icon_manager_v1", &version));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_names_memory_of_another_kernel_is_hidden),
		cmocka_unit_test(wl_shm_stays_at_the_version_without_release),
		cmocka_unit_test(all_else_passes_as_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
