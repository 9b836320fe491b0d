/*
 * host-bridge/virtio/udmabuf.c and resource_export: what becomes of a blob's pages. The kernel's
 * ioctl is replaced by one that notes what it is asked for; tests/vm has the real device.
 */
#include "host-bridge/virtio/udmabuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/udmabuf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host-bridge/resources/resources.h"
#include "host-bridge/virtio/guest_memory.h"
#include "host-bridge/vhost/visible_region.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "tests/unit/fd_count.h"

#define RAM UINT64_C(0x40000000)
#define RAM_BYTES UINT64_C(0x1000000)
#define DEVICE 1000000 /* no fd at all */

static struct {
	struct guest_memory *memory;
	struct visible_region *region;
	struct resource_table table;
	struct udmabuf_create_item asked[UDMABUF_MAX_SEGMENTS];
	uint32_t n_asked;
	int answer; /* a new fd, or -errno */
	int fds;
} t;

int __wrap_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
	const struct udmabuf_create_list *list = argument;
	assert_int_equal(fd, DEVICE);
	assert_int_equal(request, UDMABUF_CREATE_LIST);
	assert_int_equal(list->flags, UDMABUF_FLAGS_CLOEXEC);
	assert_true(list->count <= UDMABUF_MAX_SEGMENTS);
	t.n_asked = list->count;
	memcpy(t.asked, list->list, list->count * sizeof(t.asked[0]));
	errno = t.answer < 0 ? -t.answer : 0;
	return t.answer < 0 ? -1 : t.answer;
}

static int set_up(void **state)
{
	memset(&t, 0, sizeof(t));
	log_set_level(LOG_LEVEL_ERROR);
	t.fds = fd_count();
	t.answer = 1234567;
	t.memory = guest_memory_create();
	guest_memory_keep_fds(t.memory);
	t.region = visible_region_create(1 << 20);
	struct vhost_user_memory table = {.n_regions = 2,
		.regions = {
			{.guest_address = RAM, .user_address = RAM, .size = RAM_BYTES / 2},
			{.guest_address = RAM + RAM_BYTES / 2,
				.user_address = RAM + RAM_BYTES / 2,
				.size = RAM_BYTES / 2,
				.mmap_offset = RAM_BYTES / 2},
		}};
	int fd = fd_memfd("guest", RAM_BYTES);
	int fds[] = {fd, fd_dup(fd)};
	assert_int_equal(guest_memory_set(t.memory, &table, fds, 2), 0);
	resource_table_init(&t.table, t.memory, t.region);
	t.table.udmabuf = DEVICE;
	return 0;
}

static int tear_down(void **state)
{
	resource_table_finish(&t.table);
	visible_region_destroy(t.region);
	guest_memory_destroy(t.memory);
	return fd_count() == t.fds ? 0 : -1;
}

static struct resource *blob(uint64_t size, const struct resource_pages *pages, uint32_t n)
{
	struct resource *resource;
	assert_int_equal(resource_create(&t.table, 1, RESOURCE_BLOB_GUEST, size, &resource), 0);
	struct resource_pages *copy = malloc(n * sizeof(*pages));
	memcpy(copy, pages, n * sizeof(*pages));
	assert_int_equal(resource_set_pages(resource, copy, n), 0);
	return resource;
}

static void scattered_pages_come_in_order_and_neighbours_as_one(void **state)
{
	const struct resource_pages pages[] = {
		{RAM + 0x8000, 0x1000}, {RAM + 0x9000, 0x2000}, {RAM, 0x1000}};
	struct resource *resource = blob(0x4000, pages, 3);
	assert_int_equal(resource_export(resource), t.answer);
	assert_int_equal(t.n_asked, 2);
	assert_int_equal(t.asked[0].offset, 0x8000);
	assert_int_equal(t.asked[0].size, 0x3000);
	assert_int_equal(t.asked[1].offset, 0);
	assert_int_equal(t.asked[1].size, 0x1000);
	assert_int_equal(t.table.exported, 1);
}

static void a_run_over_two_regions_comes_in_two_segments(void **state)
{
	const struct resource_pages pages[] = {{RAM + RAM_BYTES / 2 - 0x1000, 0x2000}};
	assert_int_equal(resource_export(blob(0x2000, pages, 1)), t.answer);
	assert_int_equal(t.n_asked, 2);
	assert_int_equal(t.asked[1].offset, RAM_BYTES / 2);
	assert_int_not_equal(t.asked[0].memfd, t.asked[1].memfd);
}

static void only_as_much_as_the_blob_has_is_exported(void **state)
{
	const struct resource_pages pages[] = {{RAM, 0x4000}, {RAM + 0x8000, 0x1000}};
	assert_int_equal(resource_export(blob(0x1234, pages, 2)), t.answer);
	assert_int_equal(t.n_asked, 1);
	assert_int_equal(t.asked[0].size, 0x2000);
}

static void what_cannot_be_exported_is_refused_before_the_kernel_is_asked(void **state)
{
	struct resource_pages many[UDMABUF_MAX_SEGMENTS + 1];
	for (uint32_t i = 0; i <= UDMABUF_MAX_SEGMENTS; i++)
		many[i] = (struct resource_pages){RAM + i * 0x2000, 0x1000};
	const struct {
		struct resource_pages pages[2];
		int result;
	} cases[] = {
		{{{RAM + 0x800, 0x2000}}, -EINVAL},
		{{{RAM, 0x800}, {RAM + 0x1000, 0x2000}}, -EINVAL},
		{{{RAM + RAM_BYTES - 0x1000, 0x2000}}, -EFAULT},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct resource *resource = blob(0x1800, cases[i].pages, 2);
		assert_int_equal(resource_export(resource), cases[i].result);
		resource_forget(resource);
	}
	assert_int_equal(
		resource_export(blob(ARRAY_LENGTH(many) * 0x1000, many, ARRAY_LENGTH(many))),
		-E2BIG);
	assert_int_equal(t.n_asked, 0);
	assert_int_equal(t.table.exported, 0);
}

static void without_the_device_nothing_is_exported(void **state)
{
	const struct resource_pages pages[] = {{RAM, 0x1000}};
	t.table.udmabuf = -1;
	assert_int_equal(resource_export(blob(0x1000, pages, 1)), -ENOTSUP);
}

static void what_the_kernel_refuses_is_passed_on(void **state)
{
	const struct resource_pages pages[] = {{RAM, 0x1000}};
	t.answer = -EINVAL;
	assert_int_equal(resource_export(blob(0x1000, pages, 1)), -EINVAL);
	assert_int_equal(t.table.exported, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(scattered_pages_come_in_order_and_neighbours_as_one),
		TEST(a_run_over_two_regions_comes_in_two_segments),
		TEST(only_as_much_as_the_blob_has_is_exported),
		TEST(what_cannot_be_exported_is_refused_before_the_kernel_is_asked),
		TEST(without_the_device_nothing_is_exported),
		TEST(what_the_kernel_refuses_is_passed_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
