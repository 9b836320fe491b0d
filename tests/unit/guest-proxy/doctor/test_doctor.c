/* guest-proxy/doctor/doctor.c, on a kernel of the test's own: each thing that can be missing, one
 * at a time */
#include "guest-proxy/doctor/doctor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/mock_virtgpu.h"

static char directory[64];
static char *report;
static int fds_before;

static int setup(void **state)
{
	fds_before = fd_count();
	strcpy(directory, "/tmp/wayferry-doctor-XXXXXX");
	assert_non_null(mkdtemp(directory));
	setenv("XDG_RUNTIME_DIR", directory, 1);
	unsetenv("WAYLAND_DISPLAY");
	mock_virtgpu_start();
	mock.capset[4] = 1 << 1; /* Wayland */
	mock.capset[5] = mock.capset[6] = mock.capset[7] = 0;
	report = NULL;
	return 0;
}

static int teardown(void **state)
{
	mock_virtgpu_stop();
	free(report);
	assert_int_equal(fd_count(), fds_before);
	return rmdir(directory);
}

static int run(const struct doctor_settings *settings)
{
	size_t size;
	FILE *out = open_memstream(&report, &size);
	int status = doctor_run(settings, out);
	fclose(out);
	return status;
}

/* The line of @noun, which starts with @word; what follows the noun. */
static const char *line_of(const char *word, const char *noun)
{
	char start[64];
	snprintf(start, sizeof(start), "%-8s %-16s ", word, noun);
	const char *line = strstr(report, start);
	if (!line)
		fail_msg("no line '%s' in\n%s", start, report);
	return line + strlen(start);
}

/* Each line that is not well has a remedy right below it, and no other has. */
static void assert_remedies(void)
{
	char *copy = strdup(report), *rest = copy, *line;
	bool ill = false;
	while ((line = strsep(&rest, "\n")) && line[0]) {
		const char *arrow = line[0] == ' ' ? strstr(line, "-> ") : NULL;
		if (ill && (!arrow || strlen(arrow) < 13))
			fail_msg("no remedy above '%s' in\n%s", line, report);
		if (!ill && line[0] == ' ')
			fail_msg("a remedy for nothing: '%s' in\n%s", line, report);
		ill = strncmp(line, "FAILED", 6) == 0 || strncmp(line, "warning", 7) == 0;
	}
	assert_false(ill);
	free(copy);
}

/* Runs the doctor, which must fail for @noun alone, because of @found, and say @remedy. */
static void expect_failure(const struct doctor_settings *settings, const char *noun,
	const char *found, const char *remedy)
{
	assert_int_equal(run(settings), 1);
	const char *line = line_of("FAILED", noun);
	const char *below = strchr(line, '\n') + 1;
	if (!memmem(line, (size_t)(below - line), found, strlen(found)))
		fail_msg("not '%s' but %s", found, line);
	if (!memmem(below, strcspn(below, "\n"), remedy, strlen(remedy)))
		fail_msg("not '%s' but %s", remedy, below);
	const char *first = strstr(report, "FAILED");
	assert_null(strstr(first + 1, "FAILED"));
	assert_non_null(strstr(report, "1 of "));
	assert_remedies();
}

static const struct doctor_settings defaults, mine = {.device = MOCK_PATH};

static void all_is_well_up_to_a_host_that_does_not_answer(void **state)
{
	expect_failure(&defaults, "compositor", "no answer", "wayferry-host doctor");
	line_of("ok", "render node");
	line_of("ok", "permissions");
	line_of("ok", "driver");
	line_of("ok", "capsets");
	line_of("ok", "host-visible region");
	line_of("ok", "device");
	line_of("ok", "context");
	assert_int_equal(mock_virtgpu_live_blobs(), 0);
}

static void no_render_node(void **state)
{
	mock.open_error = -ENOENT;
	expect_failure(&defaults, "render node", "none in /dev/dri", "modprobe virtio_gpu");
	line_of("skipped", "capset 5");
}

static void a_device_that_is_not_there(void **state)
{
	const struct doctor_settings settings = {.device = "/dev/dri/renderD199"};
	expect_failure(&settings, "render node", "renderD199", "WAYFERRY_GUEST_DEVICE");
}

static void a_node_that_may_not_be_opened(void **state)
{
	setenv("USER", "anna", 1);
	mock.open_error = -EACCES;
	/* There is no such file here, so nobody's group is known. */
	expect_failure(&defaults, "permissions", "Permission denied", "chgrp render");
}

static void a_node_that_is_broken(void **state)
{
	mock.open_error = -ENXIO;
	expect_failure(&mine, "permissions", "No such device", "dmesg");
}

static void another_driver(void **state)
{
	mock.driver = "i915";
	expect_failure(&defaults, "driver", "i915", "--device");
	mock.driver = "virtio_gpu_2";
	free(report);
	expect_failure(&mine, "driver", "virtio_gpu_2", "--device");
}

static void each_feature_that_can_be_missing(void **state)
{
	static const struct {
		enum virtgpu_param param;
		int value;
		const char *noun, *found, *remedy;
	} cases[] = {
		{VIRTGPU_3D_FEATURES, 0, "contexts", "3D_FEATURES is 0", "wayferry-host's device"},
		{VIRTGPU_CAPSET_QUERY_FIX, 0, "capset query", "CAPSET_QUERY_FIX is 0", "Linux"},
		{VIRTGPU_RESOURCE_BLOB, 0, "blobs", "RESOURCE_BLOB is 0", "monitor"},
		{VIRTGPU_CONTEXT_INIT, 0, "context types", "CONTEXT_INIT is 0", "monitor"},
		{VIRTGPU_SUPPORTED_CAPSETS, 1 << 2, "capsets", "SUPPORTED_CAPSETS is 0x4",
			"monitor"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		int found = mock.params[cases[i].param];
		mock.params[cases[i].param] = cases[i].value;
		expect_failure(&defaults, cases[i].noun, cases[i].found, cases[i].remedy);
		line_of("skipped", "device");
		mock.params[cases[i].param] = found;
		free(report);
		report = NULL;
	}
}

static void no_window_is_only_slower(void **state)
{
	mock.params[VIRTGPU_HOST_VISIBLE] = 0;
	mock.capset[4] = 0; /* so that it ends here */
	run(&defaults);
	line_of("warning", "host-visible region");
	assert_remedies();
}

static void a_capset_without_wayland(void **state)
{
	mock.capset[4] = 1 << 2;
	assert_int_equal(run(&defaults), 1);
	assert_non_null(strstr(line_of("FAILED", "capset 5"), "channels 0x4"));
	assert_remedies();
}

static void a_capset_that_cannot_be_had(void **state)
{
	mock.failing = VIRTGPU_IOCTL_GET_CAPS;
	mock.failing_with = -EIO;
	mock.n_fails = 1;
	expect_failure(&defaults, "device", "capset", "wayferry-host");
}

static void a_context_that_is_refused(void **state)
{
	mock.failing = VIRTGPU_IOCTL_CONTEXT_INIT;
	mock.failing_with = -EINVAL;
	mock.n_fails = 1;
	expect_failure(&defaults, "context", "Invalid argument", "journalctl");
	line_of("skipped", "compositor");
}

static void memory_that_is_refused(void **state)
{
	mock.failing = VIRTGPU_IOCTL_CREATE_BLOB;
	mock.failing_with = -ENOMEM;
	mock.n_fails = 1;
	expect_failure(&defaults, "context", "no memory for it", "share=on");
	assert_int_equal(mock_virtgpu_live_blobs(), 0);
}

static void memory_that_cannot_be_mapped(void **state)
{
	mock.failing = 0;
	mock.failing_with = -ENODEV;
	mock.n_fails = 1;
	expect_failure(&defaults, "context", "No such device", "share=on");
	assert_int_equal(mock_virtgpu_live_blobs(), 0);
}

static void a_runtime_directory_that_will_not_do(void **state)
{
	mock.open_error = -ENOENT;
	chmod(directory, 0777);
	assert_int_equal(run(&defaults), 1);
	assert_non_null(strstr(line_of("FAILED", "runtime directory"), "others can write"));
	assert_remedies();
	chmod(directory, 0700);
	unsetenv("XDG_RUNTIME_DIR");
	free(report);
	run(&defaults);
	assert_non_null(strstr(line_of("FAILED", "runtime directory"), "not set"));
	const struct doctor_settings settings = {.socket = "/run/elsewhere"};
	free(report);
	run(&settings);
	line_of("warning", "runtime directory");
}

static void nobody_behind_the_vhost_user_socket(void **state)
{
	const struct doctor_settings settings = {.vhost_user = "/nonexistent/gpu"};
	expect_failure(&settings, "device", "/nonexistent/gpu", "start wayferry-host");
	line_of("skipped", "render node");
}

static void a_display_variable_that_leads_nowhere(void **state)
{
	mock.open_error = -ENOENT;
	setenv("WAYLAND_DISPLAY", "wayland-7", 1);
	run(&defaults);
	assert_non_null(strstr(line_of("warning", "variable"), "wayland-7"));
	assert_remedies();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_is_well_up_to_a_host_that_does_not_answer),
		TEST(no_render_node),
		TEST(a_device_that_is_not_there),
		TEST(a_node_that_may_not_be_opened),
		TEST(a_node_that_is_broken),
		TEST(another_driver),
		TEST(each_feature_that_can_be_missing),
		TEST(no_window_is_only_slower),
		TEST(a_capset_without_wayland),
		TEST(a_capset_that_cannot_be_had),
		TEST(a_context_that_is_refused),
		TEST(memory_that_is_refused),
		TEST(memory_that_cannot_be_mapped),
		TEST(a_runtime_directory_that_will_not_do),
		TEST(nobody_behind_the_vhost_user_socket),
		TEST(a_display_variable_that_leads_nowhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
