/* host-bridge/settings/config.c */
#include "host-bridge/settings/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/bytes.h"

static const char *path, *vm, *window_size;
static bool stats;
static struct policy policy;
static struct vm_quota quota;
static struct config_entry *entries[32]; /* of the files of a test: values point there */
static size_t n_entries;
static char directory[64], file_path[128], captured[1024];

static const struct option_description table[] = {
	{"config", "FILE", "", .value = &path},
	{"vm", "NAME", "", .value = &vm},
	{"window-size", "BYTES", "", .value = &window_size},
	{"stats", NULL, "", .flag = &stats},
	{0},
};
static const struct options_program program = {.name = "test", .options = table};

static int set_up(void **state)
{
	strcpy(directory, "/tmp/wayferry-config.XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(file_path, sizeof(file_path), "%s/wayferry", directory);
	assert_int_equal(mkdir(file_path, 0700), 0);
	snprintf(file_path, sizeof(file_path), "%s/wayferry/box.conf", directory);
	setenv("XDG_CONFIG_HOME", directory, 1);
	path = vm = window_size = NULL;
	stats = false;
	policy = (struct policy){0};
	quota_init(&quota);
	return 0;
}

static int tear_down(void **state)
{
	while (n_entries > 0)
		config_free(entries[--n_entries]);
	unlink(file_path);
	*strrchr(file_path, '/') = 0;
	rmdir(file_path);
	return rmdir(directory);
}

static void write_file(const char *text)
{
	FILE *file = fopen(file_path, "we");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* Reads the configuration; what is said of it is in @captured. */
static bool read_config(void)
{
	struct config config = {.path = &path, .vm = &vm, .policy = &policy, .quota = &quota};
	int saved = dup(2), ends[2];

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], 2);
	close(ends[1]);
	bool good = config_read(&program, &config);
	assert_true(n_entries < ARRAY_LENGTH(entries));
	entries[n_entries++] = config.entries;
	dup2(saved, 2);
	close(saved);
	ssize_t n = read(ends[0], captured, sizeof(captured) - 1);
	close(ends[0]);
	captured[n > 0 ? n : 0] = 0;
	return good;
}

static bool allowed(const char *name, uint32_t *version)
{
	const struct interface *interface = interface_find(name);
	assert_non_null(interface);
	*version = (uint32_t)interface->wl->version;
	return policy_allow_global(&policy, interface, version);
}

static void options_and_restrictions_are_read(void **state)
{
	uint32_t version;

	path = file_path;
	write_file("# A comment\n\nwindow-size = 4G   ; another\nstats=yes\n\n[policy]\n"
		   "wl_shell = deny\nwl_seat = 5\nwl_output=99\n");
	assert_true(read_config());
	assert_string_equal(captured, "");
	assert_string_equal(window_size, "4G");
	assert_true(stats);
	assert_false(allowed("wl_shell", &version));
	assert_true(allowed("wl_seat", &version));
	assert_int_equal(version, 5);
	assert_true(allowed("wl_output", &version));
	assert_int_equal(version, interface_find("wl_output")->wl->version);
	assert_true(allowed("wl_compositor", &version));
}

static void more_is_allowed_only_by_its_name(void **state)
{
	uint32_t version = 9;

	path = file_path;
	assert_false(allowed("zwlr_layer_shell_v1", &version));
	write_file("[policy]\nzwlr_layer_shell_v1 = allow\nwl_seat = allow\n"
		   "shortcuts-inhibit = allow\n");
	assert_true(read_config());
	assert_true(allowed("zwlr_layer_shell_v1", &version));
	assert_int_equal(version, interface_find("zwlr_layer_shell_v1")->wl->version);
	assert_true(allowed("wl_seat", &version));
	assert_true(allowed("zwp_keyboard_shortcuts_inhibit_manager_v1", &version));
	assert_false(allowed("zwp_input_method_v1", &version));
	policy_warn_of_widening(&policy);
}

static void groups_stand_for_their_interfaces(void **state)
{
	uint32_t version;

	path = file_path;
	write_file("[policy]\ntext-input = deny\nactivation = allow\nidle-inhibit = deny\n"
		   "pointer-lock = deny\nbell = deny\nshortcuts-inhibit = deny\n"
		   "zwp_text_input_manager_v3 = allow\n");
	assert_true(read_config());
	assert_false(allowed("zwp_text_input_manager_v1", &version));
	assert_false(allowed("zwp_text_input_manager_v3", &version)); /* the stricter line counts */
	assert_false(allowed("zwp_idle_inhibit_manager_v1", &version));
	assert_false(allowed("zwp_pointer_constraints_v1", &version));
	assert_false(allowed("xdg_system_bell_v1", &version));
	assert_false(allowed("zwp_keyboard_shortcuts_inhibit_manager_v1", &version));
	assert_true(allowed("xdg_activation_v1", &version));
	assert_true(allowed("zwp_relative_pointer_manager_v1", &version));
}

static void what_crosses_has_sections(void **state)
{
	const struct transfer_rule *kinds = policy.rules.kinds;

	path = file_path;
	write_file("[clipboard]\nto-host = deny\nmime = text/*, image/png\n"
		   "[drags]\nto-guest = deny\nuri-list = allow\n");
	assert_true(read_config());
	assert_int_equal(kinds[TRANSFER_CLIPBOARD].modes[TRANSFER_TO_HOST], TRANSFER_DENY);
	assert_int_equal(kinds[TRANSFER_CLIPBOARD].modes[TRANSFER_TO_GUEST], TRANSFER_ALLOW);
	assert_int_equal(kinds[TRANSFER_DRAG].modes[TRANSFER_TO_GUEST], TRANSFER_DENY);
	assert_true(transfer_rule_passes(&kinds[TRANSFER_CLIPBOARD], "image/png"));
	assert_false(transfer_rule_passes(&kinds[TRANSFER_CLIPBOARD], "image/gif"));
	assert_true(transfer_rule_passes(&kinds[TRANSFER_DRAG], "text/uri-list"));
	write_file("[keys]\naccelerators = <Super>, Ctrl+Shift+C\n"
		   "copy = F11\npaste = F12\n");
	assert_true(read_config());
	assert_int_equal(policy.accelerators.n, 2);
	assert_int_equal(policy.copy_chord.n, 1);
	assert_int_equal(policy.paste_chord.n, 1);
	write_file("[keys]\naccelerators = Hyper+x\n");
	assert_false(read_config());
	write_file("[primary]\nto-host = sometimes\n");
	assert_false(read_config());
	assert_non_null(strstr(captured, "box.conf:2: to-host = sometimes: may be allow"));
}

static void a_machine_with_a_name_has_a_file_of_its_own(void **state)
{
	vm = "box";
	assert_true(read_config()); /* there is none */
	write_file("window-size = 2G\n");
	assert_true(read_config());
	assert_string_equal(window_size, "2G");

	window_size = NULL;
	vm = "other";
	assert_true(read_config());
	vm = "../wayferry/box"; /* no name; and refused later */
	assert_true(read_config());
	vm = NULL;
	assert_true(read_config());
	assert_null(window_size);

	unsetenv("XDG_CONFIG_HOME");
	setenv("HOME", directory, 1);
	vm = "box";
	assert_true(read_config());
	assert_null(window_size); /* not in ~/.config */
}

static void without_a_home_it_is_the_users(void **state)
{
	const struct passwd *user = getpwuid(geteuid());
	char found[PATH_MAX], expected[PATH_MAX];

	unsetenv("XDG_CONFIG_HOME");
	unsetenv("HOME");
	assert_non_null(user);
	snprintf(expected, sizeof(expected), "%s/.config/wayferry/box.conf", user->pw_dir);
	assert_true(config_default_path("box", found));
	assert_string_equal(found, expected);
	assert_false(config_default_path("../box", found));
}

static void a_file_that_was_named_must_be_there(void **state)
{
	path = file_path;
	assert_false(read_config());
	assert_non_null(strstr(captured, "box.conf: No such file or directory\n"));
	path = directory;
	assert_false(read_config());
	assert_non_null(strstr(captured, "Is a directory"));
	/* One that was not named, but cannot be read, is an error, too. */
	path = NULL;
	vm = "box";
	assert_int_equal(mkdir(file_path, 0700), 0);
	assert_false(read_config());
	assert_non_null(strstr(captured, "Is a directory"));
	assert_int_equal(rmdir(file_path), 0);
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text, *complaint;
	} cases[] = {
		{"\nwindow = 4G\n", ":2: window = 4G: there is no such option"},
		{"config = other\n", ":1: config = other: a file cannot"},
		{"stats = maybe\n", ":1: stats = maybe: may only be"},
		{"window-size =\n", ":1: window-size = : the value is missing"},
		{"window-size = 4G\n\nwindow-size = 4G\n", ":3: window-size is set already"},
		{"window-size = 4G\n  stats = yes\n", ":2: window-size is set already"},
		{"stats = yes\nnonsense\nwindow = 4G\n", ":2: neither 'NAME = VALUE' nor"},
		{"window = 4G\nnonsense\n", ":1: window = 4G: there is no such option"},
		{"[policy\n", ":1: neither"},
		{"[options]\nstats = yes\n", ":2: stats = yes: there is no such section"},
		{"[policy]\nwl_shell = no\n", ":2: wl_shell = no: may be 'allow', 'deny', or"},
		{"[policy]\nwl_shell = 0\n", ":2: wl_shell = 0: may be"},
		{"[policy]\nwl_seat = 5x\n", ":2: wl_seat = 5x: may be"},
		{"[policy]\nwl_seat = -1\n", ":2: wl_seat = -1: may be"},
		{"[policy]\nwl_seat = 99999999999999999999\n", ": may be"},
		{"[policy]\nwl_seats = deny\n", ":2: wl_seats = deny: there is no such interface"},
		{"[policy]\nwl_seats = allow\n", ":2: wl_seats = allow: there is no such"},
		{"[policy]\nzwlr_screencopy_manager_v1 = allow\n", ": this build has no tables"},
		{"[policy]\nwl_drm = allow\n", ": cannot be allowed: it would not work"},
		{"[policy]\nzwlr_export_dmabuf_manager_v1 = allow\n",
			": cannot be allowed: it would not work"},
		{"[policy]\nbell = 1\n", ":2: bell = 1: may be 'allow' or 'deny'"},
		{"[policy]\nzwlr_layer_shell_v1 = 4\n", ": guests do not get this"},
		{"[policy]\nwl_seat = 5\nwl_seat = 6\n", ":3: wl_seat is set already"},
	};
	path = file_path;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		write_file(cases[i].text);
		policy = (struct policy){0};
		if (read_config() || !strstr(captured, cases[i].complaint))
			fail_msg("%s: %s", cases[i].text, captured);
		assert_int_equal(strncmp(captured, "test: /tmp/", 11), 0);
	}
}

static void lines_that_are_too_long_are_not_cut(void **state)
{
	char text[4096];

	path = file_path;
	int n = snprintf(text, sizeof(text), "stats = yes\nwindow-size = ");
	memset(text + n, '1', 3000);
	strcpy(text + n + 3000, "\n");
	write_file(text);
	assert_false(read_config());
	assert_non_null(strstr(captured, ":2: the line has more than "));
	/* The last line need not end. */
	write_file("window-size = 8G");
	assert_true(read_config());
	assert_string_equal(window_size, "8G");
}

static void restrictions_are_bounded(void **state)
{
	for (size_t i = 0; i < POLICY_RESTRICTIONS_MAX; i++)
		assert_null(policy_set_rule(&policy, "wl_seat", "deny"));
	assert_non_null(policy_set_rule(&policy, "wl_seat", "deny"));
}

static void limits_of_the_machine_are_read(void **state)
{
	write_file("vm = box\n[limits]\nconnections = 12\ntext-bytes = 3M\n");
	vm = "box";
	assert_true(read_config());
	assert_int_equal(quota.entries[QUOTA_CONNECTIONS].limit, 12);
	assert_int_equal(quota.entries[QUOTA_TEXT_BYTES].limit, 3 << 20);
	write_file("[limits]\nconections = 12\n");
	assert_false(read_config());
	assert_non_null(strstr(captured, ":2: conections = 12: there is no such limit"));
	write_file("[limits]\nconnections = few\n");
	assert_false(read_config());
	assert_non_null(strstr(captured, "not a number"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(options_and_restrictions_are_read),
		TEST(more_is_allowed_only_by_its_name),
		TEST(groups_stand_for_their_interfaces),
		TEST(what_crosses_has_sections),
		TEST(limits_of_the_machine_are_read),
		TEST(a_machine_with_a_name_has_a_file_of_its_own),
		TEST(without_a_home_it_is_the_users),
		TEST(a_file_that_was_named_must_be_there),
		TEST(what_is_wrong_is_told_with_its_line),
		TEST(lines_that_are_too_long_are_not_cut),
		TEST(restrictions_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
