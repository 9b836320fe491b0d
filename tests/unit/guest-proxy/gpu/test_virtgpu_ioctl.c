/* guest-proxy/gpu/virtgpu_ioctl.c, as far as it needs no device */
#include "guest-proxy/gpu/virtgpu_ioctl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[32], node[64], neighbour[64];
static int node_fd, watch;

static void make(const char *path)
{
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

/* Somebody has the node open all the time. */
static int setup(void **state)
{
	strcpy(directory, "/tmp/wayferry-node-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(node, sizeof(node), "%s/renderD128", directory);
	snprintf(neighbour, sizeof(neighbour), "%s/renderD129", directory);
	make(node);
	make(neighbour);
	node_fd = open(node, O_RDWR | O_CLOEXEC);
	watch = virtgpu_watch(node);
	assert_true(node_fd >= 0 && watch >= 0);
	return 0;
}

static int teardown(void **state)
{
	close(watch);
	close(node_fd);
	unlink(node);
	unlink(neighbour);
	rmdir(directory);
	return 0;
}

static bool has_news(void)
{
	struct pollfd pollfd = {.fd = watch, .events = POLLIN};
	return poll(&pollfd, 1, 0) > 0;
}

static void the_removal_of_an_open_node_is_seen(void **state)
{
	assert_false(has_news());
	unlink(node);
	assert_true(has_news());
	assert_true(virtgpu_watch_removed(watch, node));
	assert_false(has_news());
}

static void a_node_that_came_back_was_removed(void **state)
{
	unlink(node);
	make(node);
	assert_true(virtgpu_watch_removed(watch, node));
}

static void the_removal_of_others_is_not_its_own(void **state)
{
	unlink(neighbour);
	make(neighbour);
	assert_false(virtgpu_watch_removed(watch, node));
	assert_false(has_news());
}

/* As of devtmpfs, for the last node in it. */
static void a_directory_that_goes_takes_its_node_along(void **state)
{
	unlink(neighbour);
	unlink(node);
	rmdir(directory);
	assert_true(virtgpu_watch_removed(watch, node));
}

static void what_cannot_be_watched_is_an_error(void **state)
{
	assert_int_equal(virtgpu_watch("/nowhere/at/all"), -ENOENT);
	int here = virtgpu_watch("node");
	assert_true(here >= 0);
	close(here);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_removal_of_an_open_node_is_seen),
		TEST(a_node_that_came_back_was_removed),
		TEST(the_removal_of_others_is_not_its_own),
		TEST(a_directory_that_goes_takes_its_node_along),
		TEST(what_cannot_be_watched_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
