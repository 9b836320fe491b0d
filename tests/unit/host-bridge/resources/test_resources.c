/* host-bridge/resources/resources.c */
#include "host-bridge/resources/resources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "host-bridge/resources/quota.h"
#include "protocol/base/fd.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/guest_pages.h"
#include "tests/unit/mapped_region.h"

#define REGION_BYTES (UINT64_C(1) << 20)

static struct {
	int fds;
	struct guest_pages pages;
	struct visible_region *region;
	struct resource_table table;
} t;

static int map_blob(struct resource *resource, uint64_t offset)
{
	return resource_map(resource, offset, NULL, NULL);
}

static int set_up(void **state)
{
	memset(&t, 0, sizeof(t));
	t.fds = fd_count();
	t.pages = guest_pages_create();
	t.region = mapped_region_create(REGION_BYTES);
	resource_table_init(&t.table, t.pages.memory, t.region);
	return 0;
}

static int tear_down(void **state)
{
	resource_table_finish(&t.table);
	visible_region_destroy(t.region);
	guest_pages_destroy(&t.pages);
	return fd_count() == t.fds ? 0 : -1;
}

static struct resource *create(uint32_t id, enum resource_kind kind, uint64_t size)
{
	struct resource *resource = NULL;
	assert_int_equal(resource_create(&t.table, id, kind, size, &resource), 0);
	return resource;
}

static int set_pages(struct resource *resource, const struct resource_pages *pages, uint32_t n)
{
	struct resource_pages *copy = malloc(n * sizeof(*pages));
	memcpy(copy, pages, n * sizeof(*pages));
	return resource_set_pages(resource, copy, n);
}

static void an_id_is_taken_once_and_is_not_0(void **state)
{
	struct resource *resource;
	create(7, RESOURCE_2D, 4096);
	assert_int_equal(resource_create(&t.table, 7, RESOURCE_2D, 4096, &resource), -EEXIST);
	assert_int_equal(resource_create(&t.table, 0, RESOURCE_2D, 4096, &resource), -EEXIST);
	resource_forget(resource_find(&t.table, 7));
	assert_null(resource_find(&t.table, 7));
	create(7, RESOURCE_BLOB_GUEST, 4096);
	assert_int_equal(t.table.count, 1);
}

static void pages_must_cover_the_size(void **state)
{
	struct resource *resource = create(1, RESOURCE_BLOB_GUEST, 8192);
	const struct resource_pages pages[] = {
		{RAM, 4096}, {RAM + 8192, 4095}, {RAM + 65536, 4096}};
	assert_int_equal(set_pages(resource, pages, 2), -EINVAL);
	assert_int_equal(t.table.pages, 0);
	assert_int_equal(set_pages(resource, pages, 3), 0);
	assert_int_equal(t.table.pages, 3);
}

static void copies_follow_scattered_pages(void **state)
{
	struct resource *resource = create(1, RESOURCE_BLOB_GUEST, 10000);
	const struct resource_pages pages[] = {
		{RAM + 40000, 100}, {RAM + 20000, 5000}, {RAM, 4900}};
	uint8_t in[10000], out[10000] = {0};

	assert_int_equal(set_pages(resource, pages, 3), 0);
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7 >> 3);
	assert_int_equal(resource_copy_in(resource, 0, in, sizeof(in)), 0);
	assert_memory_equal(t.pages.map + 40000, in, 100);
	assert_memory_equal(t.pages.map + 20000, in + 100, 5000);
	assert_memory_equal(t.pages.map, in + 5100, 4900);
	assert_int_equal(resource_copy_out(resource, 50, out, 6000), 0);
	assert_memory_equal(out, in + 50, 6000);
	assert_int_equal(resource_copy_out(resource, 5100, out, 4900), 0);
	assert_memory_equal(out, in + 5100, 4900);
}

/* As many as are asked for; what they hold is said. */
static void pieces_follow_scattered_pages(void **state)
{
	struct resource *resource = create(1, RESOURCE_BLOB_GUEST, 10000), *host;
	const struct resource_pages pages[] = {
		{RAM + 40000, 100}, {RAM + 20000, 5000}, {RAM, 4900}};
	struct iovec iov[8];
	size_t size = 10;

	assert_int_equal(resource_pieces(resource, 0, &size, iov, 8), -EFAULT); /* no pages yet */
	assert_int_equal(set_pages(resource, pages, 3), 0);
	size = 9950;
	assert_int_equal(resource_pieces(resource, 50, &size, iov, 8), 3);
	assert_int_equal(size, 9950);
	assert_ptr_equal(iov[0].iov_base, guest_memory_at(t.pages.memory, RAM + 40050, 50));
	assert_int_equal(iov[0].iov_len, 50);
	assert_ptr_equal(iov[1].iov_base, guest_memory_at(t.pages.memory, RAM + 20000, 5000));
	assert_int_equal(iov[1].iov_len, 5000);
	assert_ptr_equal(iov[2].iov_base, guest_memory_at(t.pages.memory, RAM, 4900));
	assert_int_equal(iov[2].iov_len, 4900);
	assert_int_equal(resource_pieces(resource, 50, &size, iov, 2), 2);
	assert_int_equal(size, 5050);
	size = 1;
	assert_int_equal(resource_pieces(resource, 10000, &size, iov, 8), -EINVAL);
	assert_int_equal(resource_pieces(resource, UINT64_MAX, &size, iov, 8), -EINVAL);
	size = 0;
	assert_int_equal(resource_pieces(resource, 10000, &size, iov, 8), 0);
	assert_int_equal(resource_create(&t.table, 2, RESOURCE_BLOB_HOST, 4096, &host), 0);
	assert_int_equal(resource_pieces(host, 0, &size, iov, 8), -ENOTSUP);
}

static void copies_end_with_the_resource(void **state)
{
	struct resource *resource = create(1, RESOURCE_BLOB_GUEST, 4096);
	const struct resource_pages pages[] = {{RAM, 8192}};
	uint8_t bytes[16];

	assert_int_equal(resource_copy_out(resource, 0, bytes, 16), -ENODATA); /* no pages yet */
	assert_int_equal(set_pages(resource, pages, 1), 0);
	assert_int_equal(resource_copy_out(resource, 4080, bytes, 16), 0);
	assert_int_equal(resource_copy_out(resource, 4081, bytes, 16), -EINVAL);
	assert_int_equal(resource_copy_out(resource, UINT64_MAX, bytes, 16), -EINVAL);
	assert_int_equal(resource_copy_in(resource, 4097, bytes, 0), -EINVAL);
}

static void memory_that_went_away_is_an_error(void **state)
{
	struct resource *resource = create(1, RESOURCE_BLOB_GUEST, 4096);
	const struct resource_pages pages[] = {{RAM, 4096}};
	uint8_t bytes[16] = {0};

	assert_int_equal(set_pages(resource, pages, 1), 0);
	guest_memory_clear(t.pages.memory);
	size_t size = 16;
	struct iovec iov[8];
	assert_int_equal(resource_pieces(resource, 0, &size, iov, 8), -EFAULT);
	assert_int_equal(resource_copy_in(resource, 0, bytes, 16), -EFAULT);
	assert_int_equal(resource_copy_out(resource, 0, bytes, 16), -EFAULT);
}

static void a_mapped_blob_is_the_window_at_its_offset(void **state)
{
	struct resource *resource = create(1, RESOURCE_BLOB_HOST, 8192);
	uint8_t bytes[16] = "hello", out[16];

	assert_int_equal(resource_copy_in(resource, 0, bytes, 16), -ENODATA);
	assert_int_equal(map_blob(resource, 65536), 0);
	assert_true(resource->mapped);
	assert_int_equal(resource->fd, visible_region_fd(t.region));
	assert_int_equal(resource->fd_offset, 65536);
	assert_int_equal(resource_copy_in(resource, 4096, bytes, 16), 0);
	assert_int_equal(pread(visible_region_fd(t.region), out, 16, 65536 + 4096), 16);
	assert_memory_equal(out, bytes, 16);
}

static void a_map_is_refused_where_it_cannot_be(void **state)
{
	struct resource *a = create(1, RESOURCE_BLOB_HOST, 8192),
			*b = create(2, RESOURCE_BLOB_HOST, 8192);
	struct resource *guest = create(3, RESOURCE_BLOB_GUEST, 4096);

	assert_int_equal(map_blob(guest, 0), -EINVAL);
	assert_int_equal(map_blob(a, 1), -EINVAL);
	assert_int_equal(map_blob(a, REGION_BYTES), -EINVAL);
	assert_int_equal(map_blob(a, REGION_BYTES - 4096), -EINVAL);
	assert_int_equal(map_blob(a, UINT64_MAX - 4095), -EINVAL);
	assert_int_equal(map_blob(a, 4096), 0);
	assert_int_equal(map_blob(a, 4096), -EINVAL);
	assert_int_equal(map_blob(a, 65536), -EINVAL);
	assert_int_equal(map_blob(b, 0), -EBUSY);
	assert_int_equal(map_blob(b, 8192), -EBUSY);
	assert_int_equal(map_blob(b, 12288), 0);
}

static void an_unmapped_blob_keeps_its_memory_and_place(void **state)
{
	struct resource *resource = create(1, RESOURCE_BLOB_HOST, 4096);
	uint8_t bytes[4] = "abc", out[4];

	assert_int_equal(resource_unmap(resource), -EINVAL);
	assert_int_equal(map_blob(resource, 4096), 0);
	assert_int_equal(resource_copy_in(resource, 0, bytes, 4), 0);
	assert_int_equal(resource_unmap(resource), 0);
	assert_int_equal(resource_unmap(resource), -EINVAL);
	assert_true(resource->mapped);
	assert_int_equal(resource_copy_out(resource, 0, out, 4), 0);
	assert_memory_equal(bytes, out, 4);
	assert_int_equal(map_blob(resource, 8192), -EINVAL);
	assert_int_equal(map_blob(resource, 4096), 0);
}

static void what_a_freed_blob_held_is_not_seen_by_the_next(void **state)
{
	struct resource *resource = create(1, RESOURCE_BLOB_HOST, 4096);
	uint8_t out[6], zeroes[6] = {0};

	assert_int_equal(map_blob(resource, 0), 0);
	assert_int_equal(resource_copy_in(resource, 0, "secret", 6), 0);
	resource_forget(resource);
	resource = create(2, RESOURCE_BLOB_HOST, 4096);
	assert_int_equal(map_blob(resource, 0), 0);
	assert_int_equal(resource_copy_out(resource, 0, out, 6), 0);
	assert_memory_equal(out, zeroes, 6);
}

static void a_forgotten_blob_lives_on_until_its_place_is_wanted(void **state)
{
	struct resource *resource = create(1, RESOURCE_BLOB_HOST, 8192);
	struct wire_handle handle = resource_handle(resource);
	uint8_t out[6];

	assert_int_equal(map_blob(resource, 4096), 0);
	assert_int_equal(resource_copy_in(resource, 0, "picture", 6), 0);
	resource_forget(resource);
	assert_int_equal(resource->id, 0);
	assert_int_equal(t.table.count, 1);
	assert_int_equal(resource_copy_out(resource, 0, out, 6), 0);
	assert_memory_equal(out, "picture", 6);

	struct resource *next = create(2, RESOURCE_BLOB_HOST, 4096);
	assert_int_equal(map_blob(next, 8192), 0);
	assert_false(resource->mapped);
	assert_int_equal(resource_copy_out(resource, 0, out, 6), -ENODATA);
	wire_handle_finish(&handle);
	assert_int_equal(t.table.count, 1);
	assert_true(next->mapped); /* its slot was not the other's to release */
	assert_int_equal(visible_region_reserve(t.region, 8192, 4096), -EBUSY);
}

static void contents_are_there_when_the_blob_is_mapped(void **state)
{
	struct resource *resource = create(1, RESOURCE_BLOB_HOST, 4096);
	char out[8];

	resource->contents = strdup("keymap");
	resource->contents_size = 7;
	assert_int_equal(map_blob(resource, 8192), 0);
	assert_null(resource->contents);
	assert_int_equal(resource_copy_out(resource, 0, out, 8), 0);
	assert_string_equal(out, "keymap");
	struct resource *never_mapped = create(2, RESOURCE_BLOB_HOST, 4096);
	never_mapped->contents = strdup("leaks, if nobody frees it");
}

static void an_fd_of_its_own_is_read_and_closed(void **state)
{
	struct resource *resource = create(1, RESOURCE_BLOB_HOST, 4096);
	char out[4];

	resource->fd = fd_memfd_constant("own", "0123456789", 10);
	resource->fd_owned = true;
	resource->fd_offset = 2;
	assert_int_equal(resource_copy_out(resource, 1, out, 4), 0);
	assert_memory_equal(out, "3456", 4);
	assert_int_equal(resource_copy_out(resource, 8, out, 4), -ENODATA);
	assert_int_equal(resource_copy_in(resource, 0, out, 4), -EINVAL);
	assert_int_equal(map_blob(resource, 0), -EINVAL);
}

static void an_fd_of_its_own_is_charged_to_the_machine(void **state)
{
	struct vm_quota quota;
	struct resource *second;

	quota_init(&quota);
	quota_set(&quota, "fds", "3");
	t.table.quota = &quota;
	struct resource *first = create(1, RESOURCE_BLOB_HOST, 4096);
	assert_int_equal(resource_charge_fds(first), 0);
	assert_int_equal(resource_charge_fds(first), 0); /* once is enough */
	assert_int_equal(quota.entries[QUOTA_FDS].use, RESOURCE_FDS);
	second = create(2, RESOURCE_BLOB_HOST, 4096);
	assert_int_equal(resource_charge_fds(second), -ENOSPC);
	resource_forget(first);
	assert_int_equal(resource_charge_fds(second), 0);
	resource_forget(second);
	assert_int_equal(quota.entries[QUOTA_FDS].use, 0);
	t.table.quota = NULL;
}

static void host_blobs_together_are_no_larger_than_the_region(void **state)
{
	struct resource *resource;
	create(1, RESOURCE_BLOB_HOST, REGION_BYTES - 4096);
	assert_int_equal(
		resource_create(&t.table, 2, RESOURCE_BLOB_HOST, 8192, &resource), -ENOSPC);
	assert_int_equal(
		resource_create(&t.table, 2, RESOURCE_BLOB_HOST, UINT64_MAX, &resource), -ENOSPC);
	create(2, RESOURCE_BLOB_HOST, 4096);
	resource_forget(resource_find(&t.table, 1));
	create(1, RESOURCE_BLOB_HOST, REGION_BYTES - 4096);
	assert_int_equal(t.table.host_blob_bytes, REGION_BYTES);
}

static void their_number_has_a_bound(void **state)
{
	struct resource *resource;
	for (uint32_t id = 1; id <= RESOURCES_MAX; id++)
		create(id, RESOURCE_2D, 4);
	assert_int_equal(
		resource_create(&t.table, RESOURCES_MAX + 1, RESOURCE_2D, 4, &resource), -ENOSPC);
	resource_forget(resource_find(&t.table, 17));
	create(RESOURCES_MAX + 1, RESOURCE_2D, 4);
}

/* The pixels of a GPU's layout: whoever gets the fd knows what to do with it, a guest's CPU does
 * not. */
static void memory_that_is_not_to_be_mapped_is_not(void **state)
{
	struct resource *resource = create(1, RESOURCE_BLOB_HOST, 4096);

	resource_set_pending(resource, true);
	resource_settle(resource, fd_memfd("blob", 4096), 0, 1, 0);
	assert_true(resource_has_file(resource));
	assert_int_equal(map_blob(resource, 0), -EINVAL);
	assert_false(resource->mapped);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_id_is_taken_once_and_is_not_0),
		TEST(pages_must_cover_the_size),
		TEST(copies_follow_scattered_pages),
		TEST(pieces_follow_scattered_pages),
		TEST(copies_end_with_the_resource),
		TEST(memory_that_went_away_is_an_error),
		TEST(a_mapped_blob_is_the_window_at_its_offset),
		TEST(a_map_is_refused_where_it_cannot_be),
		TEST(an_unmapped_blob_keeps_its_memory_and_place),
		TEST(what_a_freed_blob_held_is_not_seen_by_the_next),
		TEST(a_forgotten_blob_lives_on_until_its_place_is_wanted),
		TEST(contents_are_there_when_the_blob_is_mapped),
		TEST(an_fd_of_its_own_is_read_and_closed),
		TEST(an_fd_of_its_own_is_charged_to_the_machine),
		TEST(host_blobs_together_are_no_larger_than_the_region),
		TEST(their_number_has_a_bound),
		TEST(memory_that_is_not_to_be_mapped_is_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
