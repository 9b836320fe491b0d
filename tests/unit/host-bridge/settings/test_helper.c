/* host-bridge/settings/helper.c */
#include "host-bridge/settings/helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACE "/run/libvirt/qemu/"

static void the_name_is_between_number_and_alias(void **state)
{
	static const struct {
		const char *path, *name;
	} cases[] = {
		{PLACE "1-work-ua-wayferry-vhost-user-gpu.pid", "work"},
		{PLACE "12-work-video0-vhost-user-gpu.pid", "work"},
		{PLACE "12-my-own-machine-video10-vhost-user-gpu.pid", "my-own-machine"},
		{PLACE "3-ua-b-ua-wayferry-vhost-user-gpu.pid", "ua-b"},
		{"3-debian 12.gui-video0-vhost-user-gpu.pid", "debian-12-gui"},
		{"3-1-video0-vhost-user-gpu.pid", "1"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[POLICY_VM_NAME_BYTES + 1];
		assert_true(helper_name_from_path(cases[i].path, name));
		assert_string_equal(name, cases[i].name);
	}
}

static void other_files_have_no_name(void **state)
{
	static const char *const paths[] = {"", "/dev/null", "-vhost-user-gpu.pid",
		"1-vhost-user-gpu.pid", "1-work-vhost-user-gpu.pid",
		"work-video0-vhost-user-gpu.pid", "1--video0-vhost-user-gpu.pid",
		"1-work-video-vhost-user-gpu.pid", "1-work-ua--vhost-user-gpu.pid",
		"1-work-video0-vhost-user-gpu.pid.x", "1-work-video0-vhost-user-gpu.pid (deleted)"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char name[POLICY_VM_NAME_BYTES + 1];
		assert_false(helper_name_from_path(paths[i], name));
	}
}

static void a_name_that_is_too_long_is_cut(void **state)
{
	char path[200], name[POLICY_VM_NAME_BYTES + 1];

	snprintf(path, sizeof(path), "1-%0100d-video0-vhost-user-gpu.pid", 7);
	assert_true(helper_name_from_path(path, name));
	assert_int_equal(strlen(name), POLICY_VM_NAME_BYTES);
}

static void the_file_is_found_among_the_open_ones(void **state)
{
	char directory[] = "/tmp/wayferry-helper-XXXXXX", path[100], name[POLICY_VM_NAME_BYTES + 1];

	assert_false(helper_machine_name(name));
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/7-work-ua-x-vhost-user-gpu.pid", directory);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(helper_machine_name(name));
	assert_string_equal(name, "work");
	close(fd);
	assert_false(helper_machine_name(name));
	unlink(path);
	rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_name_is_between_number_and_alias),
		cmocka_unit_test(other_files_have_no_name),
		cmocka_unit_test(a_name_that_is_too_long_is_cut),
		cmocka_unit_test(the_file_is_found_among_the_open_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
