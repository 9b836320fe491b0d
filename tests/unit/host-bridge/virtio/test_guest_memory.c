/* host-bridge/virtio/guest_memory.c */
#include "host-bridge/virtio/guest_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "tests/unit/fd_count.h"

#define MIB UINT64_C(0x100000)

static struct guest_memory *memory;
static int fds_before;

static int set_up(void **state)
{
	log_set_level(LOG_LEVEL_ERROR);
	fds_before = fd_count();
	memory = guest_memory_create();
	return memory ? 0 : -1;
}

static int tear_down(void **state)
{
	guest_memory_destroy(memory);
	return fd_count() == fds_before ? 0 : -1;
}

static int file_of(uint64_t size)
{
	int fd = fd_memfd("test", size);
	assert_true(fd >= 0);
	return fd;
}

/* Sets one region from a file of @file_size. */
static int set_one(struct vhost_user_memory_region region, uint64_t file_size)
{
	struct vhost_user_memory table = {.n_regions = 1, .regions = {region}};
	int fds[] = {file_of(file_size)};
	int result = guest_memory_set(memory, &table, fds, 1);
	assert_int_equal(fds[0], -1);
	return result;
}

/*
 * Two regions that adjoin in the guest at 1 MiB, their files' bytes in the other order; returns the
 * file's own map.
 */
static uint8_t *set_adjoining(void)
{
	struct vhost_user_memory table = {
		.n_regions = 2,
		.regions =
			{
				{.guest_address = MIB,
					.size = MIB,
					.user_address = 0x70000000,
					.mmap_offset = 0},
				{.guest_address = 0,
					.size = MIB,
					.user_address = 0x50000000,
					.mmap_offset = MIB},
			},
	};
	int fd = file_of(2 * MIB);
	int fds[] = {fd_dup(fd), fd};
	uint8_t *map = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(map != MAP_FAILED);
	assert_int_equal(guest_memory_set(memory, &table, fds, 2), 0);
	return map;
}

static void an_address_is_found_at_its_offset_in_the_file(void **state)
{
	uint8_t *map = set_adjoining();
	map[0x123] = 0xaa;
	map[MIB + 0x456] = 0xbb;
	assert_int_equal(*(uint8_t *)guest_memory_at(memory, MIB + 0x123, 1), 0xaa);
	assert_int_equal(*(uint8_t *)guest_memory_at(memory, 0x456, 1), 0xbb);
	assert_int_equal(*(uint8_t *)guest_memory_at_user(memory, 0x70000123, 1), 0xaa);
	assert_int_equal(*(uint8_t *)guest_memory_at_user(memory, 0x50000456, 1), 0xbb);
	munmap(map, 2 * MIB);
}

static void a_pointer_never_leaves_its_region(void **state)
{
	set_one(
		(struct vhost_user_memory_region){
			.guest_address = 0x10000, .size = MIB, .user_address = 0x20000},
		MIB);
	const struct {
		uint64_t address, length;
		bool inside;
	} cases[] = {
		{0x10000, MIB, true},
		{0x10000, MIB + 1, false},
		{0xffff, 2, false},
		{0xffff, 1, false},
		{0x10000 + MIB - 1, 1, true},
		{0x10000 + MIB - 1, 2, false},
		{0x10000 + MIB, 0, false},
		{0x10000 + MIB, 1, false},
		{0x10001, UINT64_MAX, false},
		{0x10001, UINT64_MAX - 0x10000, false},
		{UINT64_MAX, 1, false},
		{UINT64_MAX, UINT64_MAX, false},
		{0, 0x10001, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		bool found = guest_memory_at(memory, cases[i].address, cases[i].length);
		assert_int_equal(found, cases[i].inside);
		found = guest_memory_at_user(memory, cases[i].address + 0x10000, cases[i].length);
		assert_int_equal(found, cases[i].inside);
		if (cases[i].length > 0)
			assert_int_equal(
				guest_memory_covers(memory, cases[i].address, cases[i].length),
				cases[i].inside);
	}
}

static void a_run_over_adjoining_regions_comes_in_segments(void **state)
{
	uint8_t *map = set_adjoining();
	struct iovec iov[2];
	assert_null(guest_memory_at(memory, MIB - 8, 16));
	assert_true(guest_memory_covers(memory, MIB - 8, 16));
	assert_int_equal(guest_memory_iov(memory, MIB - 8, 16, iov, 2), 2);
	assert_int_equal(iov[0].iov_len, 8);
	assert_int_equal(iov[1].iov_len, 8);
	assert_ptr_equal(iov[0].iov_base, guest_memory_at(memory, MIB - 8, 8));
	assert_ptr_equal(iov[1].iov_base, guest_memory_at(memory, MIB, 8));
	assert_int_equal(guest_memory_iov(memory, MIB - 8, 16, iov, 1), -E2BIG);
	assert_int_equal(guest_memory_iov(memory, MIB - 8, MIB + 9, iov, 2), -EFAULT);
	assert_int_equal(guest_memory_iov(memory, MIB - 8, 0, iov, 0), 0);
	munmap(map, 2 * MIB);
}

static void copies_cross_regions_and_end_where_memory_ends(void **state)
{
	uint8_t *map = set_adjoining();
	char in[] = "over the border", out[sizeof(in)] = "";
	assert_int_equal(guest_memory_write(memory, MIB - 4, in, sizeof(in)), sizeof(in));
	assert_memory_equal(map + 2 * MIB - 4, "over", 4);
	assert_memory_equal(map, " the border", 11);
	assert_int_equal(guest_memory_read(memory, MIB - 4, out, sizeof(out)), sizeof(out));
	assert_string_equal(in, out);
	assert_int_equal(guest_memory_write(memory, 2 * MIB - 4, in, sizeof(in)), 4);
	assert_int_equal(guest_memory_read(memory, 2 * MIB, out, sizeof(out)), 0);
	munmap(map, 2 * MIB);
}

static void odd_regions_are_refused_and_leave_no_memory(void **state)
{
	const struct {
		struct vhost_user_memory_region region;
		int error;
	} cases[] = {
		{{.size = 0}, -EINVAL},
		{{.guest_address = UINT64_MAX - MIB + 1, .size = MIB}, -EINVAL},
		{{.guest_address = UINT64_MAX, .size = UINT64_MAX}, -EINVAL},
		{{.user_address = UINT64_MAX, .size = MIB}, -EINVAL},
		{{.size = MIB + 1}, -EFBIG},
		{{.size = MIB, .mmap_offset = 1}, -EFBIG},
		{{.size = MIB, .mmap_offset = UINT64_MAX}, -EFBIG},
		{{.size = UINT64_MAX, .mmap_offset = 0}, -EFBIG},
		{{.size = 0x1000, .mmap_offset = UINT64_MAX - 0x800}, -EFBIG},
	};
	log_set_level(LOG_LEVEL_ERROR);
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		uint64_t generation = guest_memory_generation(memory);
		assert_int_equal(set_one(cases[i].region, MIB), cases[i].error);
		assert_true(guest_memory_generation(memory) > generation);
		assert_null(guest_memory_at(memory, cases[i].region.guest_address, 1));
	}
}

static void an_unaligned_offset_in_the_file_is_honoured(void **state)
{
	assert_int_equal(
		set_one((struct vhost_user_memory_region){.size = 0x1000, .mmap_offset = 0x123},
			0x2000),
		0);
	memcpy(guest_memory_at(memory, 0, 1), "x", 1);
	memcpy(guest_memory_at(memory, 0xfff, 1), "y", 1);
	assert_null(guest_memory_at(memory, 0x1000, 1));
}

static void overlapping_regions_are_refused(void **state)
{
	const uint64_t second[] = {0x10000, 0x10fff, 0xf001, 0x10800};
	for (size_t i = 0; i < ARRAY_LENGTH(second); i++) {
		struct vhost_user_memory table = {
			.n_regions = 2,
			.regions = {{.guest_address = 0x10000, .size = 0x1000},
				{.guest_address = second[i], .size = 0x1000}},
		};
		int fds[] = {file_of(0x1000), file_of(0x1000)};
		assert_int_equal(guest_memory_set(memory, &table, fds, 2), -EEXIST);
		assert_null(guest_memory_at(memory, 0x10000, 1));
	}
}

static void the_number_of_regions_must_be_that_of_the_fds(void **state)
{
	struct vhost_user_memory table = {.n_regions = 2, .regions = {{.size = 0x1000}}};
	int fds[] = {file_of(0x1000)};
	assert_int_equal(guest_memory_set(memory, &table, fds, 1), -EINVAL);
	table.n_regions = UINT32_MAX;
	assert_int_equal(guest_memory_set(memory, &table, fds, 0), -EINVAL);
}

static void what_is_not_a_file_of_memory_is_refused(void **state)
{
	struct vhost_user_memory table = {.n_regions = 1, .regions = {{.size = 0x1000}}};
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	assert_true(guest_memory_set(memory, &table, &ends[0], 1) < 0);
	close(ends[1]);
	int none = -1;
	assert_int_equal(guest_memory_set(memory, &table, &none, 1), -EBADF);
}

static void a_new_table_replaces_the_old_one(void **state)
{
	uint8_t *map = set_adjoining();
	munmap(map, 2 * MIB);
	uint64_t generation = guest_memory_generation(memory);
	assert_non_null(guest_memory_at(memory, MIB, 1)); /* the hint points to the second region */
	assert_int_equal(set_one((struct vhost_user_memory_region){.size = 0x1000}, 0x1000), 0);
	assert_true(guest_memory_generation(memory) > generation);
	assert_null(guest_memory_at(memory, MIB, 1));
	guest_memory_clear(memory);
	assert_null(guest_memory_at(memory, 0, 1));
	assert_null(guest_memory_at_user(memory, 0, 1));
}

/* Regions 0 and 1 of 64 KiB, each with a file of its own that may shrink: @kept. */
static void set_shrinkable(int kept[2])
{
	struct vhost_user_memory table = {
		.n_regions = 2,
		.regions = {{.guest_address = 0, .size = 0x10000},
			{.guest_address = 0x10000, .user_address = 0x10000, .size = 0x10000}},
	};
	int fds[2];
	for (int i = 0; i < 2; i++) {
		kept[i] = memfd_create("guest", MFD_CLOEXEC);
		assert_int_equal(ftruncate(kept[i], 0x10000), 0);
		fds[i] = fd_dup(kept[i]);
	}
	assert_int_equal(guest_memory_set(memory, &table, fds, 2), 0);
}

static void a_truncated_region_is_zeros_and_told_and_the_others_stay(void **state)
{
	int fds[2], wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint8_t bytes[8];
	uint64_t count = 0;
	guest_memory_watch(memory, wake_fd);
	set_shrinkable(fds);
	assert_int_equal(guest_memory_write(memory, 0x8000, "region 0", 8), 8);
	assert_int_equal(guest_memory_write(memory, 0x18000, "region 1", 8), 8);
	assert_int_equal(ftruncate(fds[0], 0x1000), 0);
	assert_false(guest_memory_truncated(memory));
	assert_int_equal(guest_memory_read(memory, 0x18000, bytes, 8), 8);
	assert_memory_equal(bytes, "region 1", 8);
	assert_false(guest_memory_truncated(memory));
	assert_true(read(wake_fd, &count, sizeof(count)) < 0);

	assert_int_equal(guest_memory_read(memory, 0x8000, bytes, 8), 8);
	assert_memory_equal(bytes, "\0\0\0\0\0\0\0\0", 8);
	assert_true(guest_memory_truncated(memory));
	assert_int_equal(read(wake_fd, &count, sizeof(count)), 8);
	assert_int_equal(guest_memory_write(memory, 0x8000, "anything", 8), 8);
	assert_int_equal(guest_memory_read(memory, 0x18000, bytes, 8), 8);
	assert_memory_equal(bytes, "region 1", 8);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	close(wake_fd);
}

static void truncation_is_remembered_until_all_memory_is_gone(void **state)
{
	int fds[2];
	set_shrinkable(fds);
	assert_int_equal(ftruncate(fds[1], 0), 0);
	assert_int_equal(guest_memory_write(memory, 0x10000, "x", 1), 1);
	assert_true(guest_memory_truncated(memory));
	assert_int_equal(set_one((struct vhost_user_memory_region){.size = 0x1000}, 0x1000), 0);
	assert_true(guest_memory_truncated(memory));
	guest_memory_clear(memory);
	assert_false(guest_memory_truncated(memory));
	for (int i = 0; i < 2; i++)
		close(fds[i]);
}

static void the_files_behind_memory_are_known_where_they_cannot_shrink(void **state)
{
	guest_memory_keep_fds(memory);
	uint8_t *map = set_adjoining();
	struct udmabuf_segment segments[2];
	assert_int_equal(guest_memory_files(memory, MIB - 0x2000, 0x3000, segments, 2), 2);
	assert_int_equal(segments[0].offset, 2 * MIB - 0x2000);
	assert_int_equal(segments[0].size, 0x2000);
	assert_int_equal(segments[1].offset, 0);
	assert_int_equal(segments[1].size, 0x1000);
	map[segments[0].offset] = 0xcc;
	uint8_t byte;
	assert_int_equal(pread(segments[0].fd, &byte, 1, (off_t)segments[0].offset), 1);
	assert_int_equal(byte, 0xcc);
	assert_true(guest_memory_sealed(memory));

	assert_int_equal(guest_memory_files(memory, MIB - 0x2000, 0x3000, segments, 1), -E2BIG);
	assert_int_equal(guest_memory_files(memory, MIB, 0x1001, segments, 2), -EINVAL);
	assert_int_equal(guest_memory_files(memory, MIB + 1, 0x1000, segments, 2), -EINVAL);
	assert_int_equal(guest_memory_files(memory, 2 * MIB, 0x1000, segments, 2), -EFAULT);
	assert_int_equal(
		guest_memory_files(memory, 2 * MIB - 0x1000, 0x2000, segments, 2), -EFAULT);
	munmap(map, 2 * MIB);
}

static void memory_that_can_shrink_is_not_sealed(void **state)
{
	struct udmabuf_segment segment;
	int fds[2];
	guest_memory_keep_fds(memory);
	assert_false(guest_memory_sealed(memory));
	set_shrinkable(fds);
	assert_false(guest_memory_sealed(memory));
	assert_int_equal(guest_memory_files(memory, 0x10000, 0x1000, &segment, 1), -ENOTSUP);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_address_is_found_at_its_offset_in_the_file),
		TEST(a_pointer_never_leaves_its_region),
		TEST(a_run_over_adjoining_regions_comes_in_segments),
		TEST(copies_cross_regions_and_end_where_memory_ends),
		TEST(odd_regions_are_refused_and_leave_no_memory),
		TEST(an_unaligned_offset_in_the_file_is_honoured),
		TEST(overlapping_regions_are_refused),
		TEST(the_number_of_regions_must_be_that_of_the_fds),
		TEST(what_is_not_a_file_of_memory_is_refused),
		TEST(a_new_table_replaces_the_old_one),
		TEST(a_truncated_region_is_zeros_and_told_and_the_others_stay),
		TEST(truncation_is_remembered_until_all_memory_is_gone),
		TEST(the_files_behind_memory_are_known_where_they_cannot_shrink),
		TEST(memory_that_can_shrink_is_not_sealed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
