/* host-bridge/settings/settings.c: which options go together. */
#include "host-bridge/settings/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "protocol/base/bytes.h"

#define MAX_WORDS 8

static struct host_settings settings;

/* Whether the options are taken; else the status is that of a wrong command line. */
static bool takes(const char *const words[MAX_WORDS])
{
	static const struct options_command none[] = {{0}};
	char *argv[MAX_WORDS + 8] = {
		"wayferry-host", "--socket", "/nowhere", "--renderer-program", "/bin/true"};
	int argc = 5, status = 0;

	for (int i = 0; i < MAX_WORDS && words[i]; i++)
		argv[argc++] = (char *)(uintptr_t)words[i];
	bool good = host_settings_read(&settings, none, argc, argv, &status);
	assert_true(good || status == 2);
	return good;
}

#define TAKES(...) takes((const char *const[MAX_WORDS]){__VA_ARGS__})

static void buffers_of_a_gpu_need_the_gpus_name(void **state)
{
	const bool *kinds = settings.renderer.kinds;
	assert_true(TAKES("--renderer", "none"));
	assert_int_equal(settings.buffers, BUFFERS_AUTO);
	assert_false(settings.wants_renderer);
	assert_true(TAKES("--render-node", "/dev/null", "--virgl"));
	assert_false(kinds[RENDERER_KIND_GBM]); /* unless they are asked for */
	assert_true(TAKES("--render-node", "/dev/null", "--buffers", "auto"));
	assert_true(kinds[RENDERER_KIND_GBM] && settings.renderer.gbm_if_good);
	assert_true(settings.wants_renderer);
	assert_true(TAKES("--render-node", "/dev/null", "--buffers", "gbm"));
	assert_true(kinds[RENDERER_KIND_GBM] && !settings.renderer.gbm_if_good);
	assert_false(TAKES("--buffers", "gbm"));
	assert_false(TAKES("--buffers", "fast"));
}

static void other_buffers_need_no_renderer(void **state)
{
	assert_true(TAKES("--buffers", "memory"));
	assert_int_equal(settings.buffers, BUFFERS_MEMORY);
	assert_false(settings.wants_renderer);
	assert_int_equal(TAKES("--buffers", "udmabuf"), access("/dev/udmabuf", R_OK | W_OK) == 0);
	/* A GPU that nothing would use is a mistake. */
	assert_false(TAKES("--render-node", "/dev/null", "--buffers", "memory"));
	assert_true(TAKES("--render-node", "/dev/null", "--buffers", "memory", "--virgl"));
	assert_false(settings.renderer.kinds[RENDERER_KIND_GBM]);
	/* Where there is no program for it, auto is something else. */
	assert_false(TAKES("--render-node", "/dev/null", "--buffers", "auto", "--renderer-program",
		"/nowhere"));
}

static void a_gpu_is_named_in_one_of_three_ways(void **state)
{
	assert_true(TAKES("--render-node", "auto", "--virgl"));
	assert_true(TAKES("--render-node", "pci-0000:03:00.0", "--virgl"));
	assert_string_equal(settings.renderer.render_node, "pci-0000:03:00.0");
	assert_false(TAKES("--render-node", "renderD128", "--virgl"));
	/* The compositor that auto asks. */
	assert_true(TAKES("--render-node", "auto", "--virgl", "--wayland-display", "/run/w"));
	assert_string_equal(settings.renderer.display, "/run/w");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffers_of_a_gpu_need_the_gpus_name),
		cmocka_unit_test(other_buffers_need_no_renderer),
		cmocka_unit_test(a_gpu_is_named_in_one_of_three_ways),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
