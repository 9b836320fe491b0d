/*
 * host-bridge/display/render_node.c and main_device.c: which GPU is meant, in a made-up tree of
 * /sys, with a compositor of libwayland's in a process of its own.
 */
#include "host-bridge/display/render_node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wayland-server-core.h>

#include "protocol/base/bytes.h"
#include "protocol/interfaces/interfaces.h"
#include "tests/unit/fd_count.h"

static char directory[64], display[96], path[PATH_MAX], why[1024];
static pid_t compositor;
static int fds;

static void make_directories(const char *below)
{
	char made[256];
	int start = snprintf(made, sizeof(made), "%s", directory);

	snprintf(made + start, sizeof(made) - (size_t)start, "%s/", below);
	for (char *slash = made + start + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = 0;
		mkdir(made, 0700);
	}
}

static void make_link(const char *below, const char *target)
{
	char made[256];
	snprintf(made, sizeof(made), "%s%s", directory, below);
	assert_int_equal(symlink(target, made), 0);
}

/* Two GPUs that render, and a device that does not. */
static int set_up(void **state)
{
	fds = fd_count();
	strcpy(directory, "/tmp/wayferry-sys-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(display, sizeof(display), "%s/wayland-3", directory);
	make_directories("/bus/pci/devices/0000:03:00.0/drm/card0");
	make_directories("/bus/pci/devices/0000:03:00.0/drm/renderD129");
	make_directories("/bus/pci/devices/0001:e3:1f.7/drm/renderD128");
	make_directories("/bus/pci/devices/0000:00:02.0/drm/card1");
	make_directories("/class/drm/renderD128");
	make_directories("/class/drm/renderD129");
	make_directories("/class/drm/card0");
	make_link("/class/drm/renderD128/device", "../../../bus/pci/devices/0001:e3:1f.7");
	make_link("/class/drm/renderD129/device", "../../../bus/pci/devices/0000:03:00.0");
	make_directories("/dev/char/226:0");
	make_directories("/dev/char/226:1");
	make_link("/dev/char/226:0/device", "../../../bus/pci/devices/0000:03:00.0");
	make_link("/dev/char/226:1/device", "../../../bus/pci/devices/0000:00:02.0");
	render_node_set_sys(directory);
	compositor = 0;
	return 0;
}

static int remove_one(const char *name, const struct stat *status, int type, struct FTW *ftw)
{
	return remove(name);
}

static int tear_down(void **state)
{
	if (compositor > 0) {
		kill(compositor, SIGKILL);
		waitpid(compositor, NULL, 0);
	}
	assert_int_equal(fd_count(), fds);
	return nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* --- the compositor --- */

static dev_t main_device;

/* A wl_dispatcher_func_t of zwp_linux_dmabuf_v1. */
static int handle_request(const void *data, void *target, uint32_t opcode,
	const struct wl_message *message, union wl_argument *args)
{
	struct wl_resource *resource = target;
	struct wl_array device = {.size = sizeof(main_device), .data = &main_device};

	if (strcmp(message->name, "get_default_feedback") != 0)
		return 0;
	const struct wl_interface *feedback = interface_find("zwp_linux_dmabuf_feedback_v1")->wl;
	struct wl_resource *made = wl_resource_create(wl_resource_get_client(resource), feedback,
		wl_resource_get_version(resource), args[0].n);
	wl_resource_post_event(made, 2, &device); /* main_device */
	wl_resource_post_event(made, 0);          /* done */
	return 0;
}

static void bind(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	const struct wl_interface *interface = interface_find("zwp_linux_dmabuf_v1")->wl;
	struct wl_resource *resource = wl_resource_create(client, interface, (int)version, id);
	wl_resource_set_dispatcher(resource, handle_request, NULL, NULL, NULL);
}

/* One whose linux-dmabuf has this version (0: none), and which draws with @device. */
static void start_compositor(int version, dev_t device)
{
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	compositor = fork();
	assert_true(compositor >= 0);
	if (compositor == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		struct wl_display *server = wl_display_create();
		const struct interface *interface = interface_find("zwp_linux_dmabuf_v1");
		main_device = device;
		wl_display_init_shm(server);
		if (version > 0)
			wl_global_create(server, interface->wl, version, NULL, bind);
		if (wl_display_add_socket(server, display) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		wl_display_run(server);
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
}

/* --- cases --- */

static bool find(const char *name)
{
	strcpy(path, "");
	strcpy(why, "");
	return render_node_find(name, display, NULL, path, why, sizeof(why));
}

static void a_gpu_has_three_kinds_of_names(void **state)
{
	static const char *const good[] = {"/dev/dri/renderD128", "dri/card0", "auto",
		"pci-0000:03:00.0", "pci-0000_03_00_0", "pci-10000:e1:1f.7"};
	static const char *const bad[] = {"", "renderD128", "Auto", "0000:03:00.0", "pci-",
		"pci-0000", "pci-0000:03:00", "pci-0000:03:00.0-render", "pci-0000:03:00.0 ",
		"pci-0000:03:00.g", "pci-0000:03-00.0", "pci:0000:03:00.0", "1002:6600"};

	for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
		assert_true(render_node_good(good[i]));
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		assert_false(render_node_good(bad[i]));
}

static void a_pci_address_means_the_node_that_renders(void **state)
{
	assert_true(find("pci-0000:03:00.0"));
	assert_string_equal(path, "/dev/dri/renderD129");
	assert_true(find("pci-0000_03_00_0"));
	assert_string_equal(path, "/dev/dri/renderD129");
	assert_true(find("pci-0001:E3:1f.7"));
	assert_string_equal(path, "/dev/dri/renderD128");
}

static void who_names_another_is_told_what_there_is(void **state)
{
	assert_false(find("pci-0000:04:00.0"));
	assert_string_equal(why,
		"0000:04:00.0 is no PCI device of this machine; there are: /dev/dri/renderD128 "
		"(0001:e3:1f.7), /dev/dri/renderD129 (0000:03:00.0)");
	assert_false(find("pci-0000:00:02.0"));
	assert_non_null(strstr(why, "0000:00:02.0 has no render node"));
	assert_non_null(strstr(why, "; there are: /dev/dri/renderD128"));
	assert_false(find("/nowhere/renderD128"));
	assert_string_equal(why,
		"No such file or directory; there are: /dev/dri/renderD128 (0001:e3:1f.7), "
		"/dev/dri/renderD129 (0000:03:00.0)");
	render_node_set_sys("/nowhere");
	assert_false(find("pci-0000:03:00.0"));
	assert_non_null(strstr(why, "; this machine has no render node"));
}

static void a_path_is_taken_without_links(void **state)
{
	char link[128];

	make_link("/by-path", "/dev/null");
	snprintf(link, sizeof(link), "%s/by-path", directory);
	assert_true(find(link));
	assert_string_equal(path, "/dev/null");
}

static void auto_is_what_the_compositor_draws_with(void **state)
{
	start_compositor(4, makedev(226, 0));
	assert_true(find("auto")); /* its other node */
	assert_string_equal(path, "/dev/dri/renderD129");
}

static void a_compositor_may_draw_with_what_does_not_render(void **state)
{
	start_compositor(5, makedev(226, 1));
	assert_false(find("auto"));
	assert_non_null(strstr(why, "the compositor's device, 226:1, has no render node; there"));
}

static void a_compositor_may_draw_without_a_gpu(void **state)
{
	start_compositor(0, 0);
	assert_false(find("auto"));
	assert_non_null(strstr(why, "names no GPU that it draws with: name the GPU; there are"));
}

static void an_older_compositor_does_not_say(void **state)
{
	start_compositor(3, makedev(226, 0));
	assert_false(find("auto"));
	assert_non_null(strstr(why, "names no GPU that it draws with"));
}

static void without_a_compositor_there_is_no_auto(void **state)
{
	assert_false(find("auto"));
	assert_non_null(strstr(why, "there is no compositor at "));
	assert_non_null(strstr(why, "start it first, or name the GPU; there are"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_gpu_has_three_kinds_of_names),
		TEST(a_pci_address_means_the_node_that_renders),
		TEST(who_names_another_is_told_what_there_is),
		TEST(a_path_is_taken_without_links),
		TEST(auto_is_what_the_compositor_draws_with),
		TEST(a_compositor_may_draw_with_what_does_not_render),
		TEST(a_compositor_may_draw_without_a_gpu),
		TEST(an_older_compositor_does_not_say),
		TEST(without_a_compositor_there_is_no_auto),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
