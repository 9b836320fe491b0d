/* host-bridge/cross_domain/blob_ids.c, through the commands and events of a context. */
#include "host-bridge/cross_domain/blob_ids.h"

#include <drm_fourcc.h>

#include "tests/unit/cross_domain_world.h"

#define FETCHED 40

static void images_are_laid_out_in_lines(void **state)
{
	assert_int_equal(init(0), 0);
	struct cross_domain_image_requirements pool = ask(10000, 1, DRM_FORMAT_R8, 16);
	assert_int_equal(pool.blob_id, 2);
	assert_int_equal(pool.strides[0], 10048);
	assert_int_equal(pool.offsets[0], 0);
	assert_int_equal(pool.size, 12288);
	assert_int_equal(pool.modifier, DRM_FORMAT_MOD_LINEAR);
	assert_int_equal(pool.map_info, VIRTIO_GPU_MAP_CACHE_CACHED);
	assert_int_equal(pool.memory_idx, -1);
	assert_int_equal(pool.physical_device_idx, -1);

	struct cross_domain_image_requirements image = ask(100, 50, DRM_FORMAT_ARGB8888, 0);
	assert_int_equal(image.strides[0], 448);
	assert_int_equal(image.size, 24576);

	struct cross_domain_image_requirements video = ask(101, 51, DRM_FORMAT_NV12, 0);
	assert_int_equal(video.strides[0], 128);
	assert_int_equal(video.strides[1], 128);
	assert_int_equal(video.offsets[1], 128 * 51);
	assert_int_equal(video.size, align_up(128 * 51 + 128 * 26, 4096));
}

static void impossible_images_are_refused(void **state)
{
	assert_int_equal(init(0), 0);
	const uint32_t cases[][3] = {
		{0, 1, DRM_FORMAT_R8},
		{1, 0, DRM_FORMAT_R8},
		{8, 8, 0},
		{8, 8, 0x31313131},
		{UINT32_MAX, UINT32_MAX, DRM_FORMAT_ABGR16161616F},
		{1, UINT32_MAX, DRM_FORMAT_NV12},
		{REGION_BYTES + 1, 1, DRM_FORMAT_R8},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		assert_int_equal(ask(cases[i][0], cases[i][1], cases[i][2], 0).size, 0);
	assert_int_equal(ask(REGION_BYTES, 1, DRM_FORMAT_R8, 0).size, REGION_BYTES);
}

static void the_same_image_has_the_same_id_for_many_blobs(void **state)
{
	struct context_blob blob;
	assert_int_equal(init(0), 0);
	uint32_t id = ask(5000, 1, DRM_FORMAT_R8, 0).blob_id;
	assert_int_equal(ask(5000, 1, DRM_FORMAT_R8, 0).blob_id, id);
	assert_int_equal(ask(5000, 1, DRM_FORMAT_R8, 1).blob_id, id + 1);
	assert_int_equal(ask(5001, 1, DRM_FORMAT_R8, 0).blob_id, id + 2);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(create_blob(id, 8192, &blob), 0);
		assert_int_equal(blob.size, 8192);
		assert_int_equal(blob.fd, -1);
		assert_null(blob.contents);
	}
	/* A guest with larger pages rounds up to them. */
	assert_int_equal(create_blob(id, 65536, &blob), 0);
	assert_int_equal(create_blob(id, 65537, &blob), -EINVAL);
	assert_int_equal(create_blob(id, 4096, &blob), -EINVAL);
	assert_int_equal(create_blob(id, 5000, &blob), 0); /* as it was asked for */
	assert_int_equal(blob.size, 8192);
	assert_int_equal(create_blob(id | UINT64_C(1) << 32, 8192, &blob), -EINVAL);
}

static void images_that_nobody_uses_are_forgotten_first(void **state)
{
	struct context_blob blob;
	assert_int_equal(init(0), 0);
	uint32_t used = ask(1, 1, DRM_FORMAT_R8, 0).blob_id,
		 unused = ask(2, 1, DRM_FORMAT_R8, 0).blob_id;
	for (uint32_t width = 3; width < 4500; width++) {
		ask(width, 1, DRM_FORMAT_R8, 0);
		if (width % 1000 == 0)
			assert_int_equal(create_blob(used, 4096, &blob), 0);
	}
	assert_int_equal(create_blob(used, 4096, &blob), 0);
	assert_int_equal(create_blob(unused, 4096, &blob), -EINVAL);
}

static void a_file_becomes_a_blob_for_one(void **state)
{
	static char keymap[5000];
	struct context_blob blob;

	memset(keymap, 'k', sizeof(keymap));
	open_channel();
	give_file(fd_memfd_constant("keymap", keymap, sizeof(keymap)));
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(event.receive.num_identifiers, 1);
	assert_int_equal(event.receive.types[0], CROSS_DOMAIN_ID_VIRTGPU_BLOB);
	assert_int_equal(event.receive.identifiers[0], 2);
	assert_int_equal(event.receive.sizes[0], 8192);
	assert_int_equal(create_blob(2, 4096, &blob), -EINVAL);
	assert_int_equal(create_blob(2, 8192, &blob), 0);
	assert_int_equal(blob.size, 8192);
	assert_int_equal(blob.contents_size, 5000);
	assert_memory_equal(blob.contents, keymap, 5000);
	free(blob.contents);
	assert_int_equal(create_blob(2, 8192, &blob), -EINVAL);
	assert_int_equal(t.counters.copied_bytes, 5000);
}

static int fetch(uint32_t blob_id, uint32_t resource_id)
{
	const struct cross_domain_fetch command = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_FETCH, .cmd_size = sizeof(command)},
		.blob_id = blob_id,
		.resource_id = resource_id,
	};
	return submit(&command, sizeof(command));
}

static void a_file_is_fetched_into_guest_memory_once(void **state)
{
	struct context_blob blob;
	open_channel();
	give_file(fd_memfd_constant("keymap", "keys", 5));
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	struct resource *page = make_page(FETCHED);
	assert_int_equal(fetch(2, FETCHED), -EINVAL); /* not attached */
	attach(page);
	assert_int_equal(fetch(3, FETCHED), -EINVAL); /* no such file */
	assert_int_equal(fetch(2, FETCHED), 0);
	assert_string_equal((char *)t.pages.map + FETCHED * 4096, "keys");
	assert_int_equal(fetch(2, FETCHED), -EINVAL);
	assert_int_equal(create_blob(2, 4096, &blob), -EINVAL);
}

static void a_file_that_does_not_fit_is_not_fetched(void **state)
{
	static char large[5000];
	open_channel();
	give_file(fd_memfd_constant("keymap", large, sizeof(large)));
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	attach(make_page(FETCHED));
	memset(t.pages.map + FETCHED * 4096, 'x', 8192);
	assert_int_equal(fetch(2, FETCHED), -EINVAL);
	assert_int_equal(t.pages.map[FETCHED * 4096], 'x');
	assert_int_equal(t.pages.map[FETCHED * 4096 + 4096], 'x');
}

static void the_files_offset_does_not_matter(void **state)
{
	struct context_blob blob;
	int fd = fd_memfd("keymap", 0);
	assert_int_equal(write(fd, "contents", 8), 8);
	open_channel();
	give_file(fd);
	next_event();
	assert_int_equal(
		create_blob(event.receive.identifiers[0], event.receive.sizes[0], &blob), 0);
	assert_memory_equal(blob.contents, "contents", 8);
	free(blob.contents);
}

static void what_is_no_file_becomes_zeroes(void **state)
{
	struct context_blob blob;
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	open_channel();
	give_file(open("/dev/null", O_RDWR | O_CLOEXEC));
	give_file(ends[0]);
	give_file(ends[1]);
	give_file(fd_memfd("empty", 0));
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(event.receive.num_identifiers, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(event.receive.sizes[i], 4096);
		assert_int_equal(create_blob(event.receive.identifiers[i], 4096, &blob), 0);
		assert_null(blob.contents);
	}
}

static void a_file_beyond_the_bound_ends_the_connection(void **state)
{
	struct wire_handle handles[2];
	open_channel();
	int large = fd_memfd("large", 0);
	assert_int_equal(ftruncate(large, (16 << 20) + 1), 0);
	handles[0] = wire_handle_fd(large);
	handles[1] = wire_handle_fd(fd_memfd("small", 10));
	assert_int_equal(to_guest("keymap..", 8, handles, 2), -EFBIG);
}

/* They do not pile up, and none is lost: the compositor waits. */
static void a_compositor_sends_no_more_files_than_the_guest_takes(void **state)
{
	static struct test_request poll;
	struct compositor *compositor;
	struct context_blob blob;
	uint32_t files = 0;
	open_channel();
	compositor = fake_compositor;
	while (compositor->listener->has_room(compositor->data) && ++files < 1000)
		give_file(fd_memfd("file", 10));
	assert_int_equal(files, 256);
	while (next_event_in(&poll) != 0)
		;
	assert_int_equal(compositor->resumed, 0);
	assert_int_equal(create_blob(2, 4096, &blob), 0);
	free(blob.contents);
	turn();
	assert_int_equal(compositor->resumed, 1);
	assert_true(compositor->listener->has_room(compositor->data));
	assert_int_equal(create_blob(257, 4096, &blob), 0);
	free(blob.contents);
}

static void large_files_that_the_guest_does_not_take_hold_the_compositor_back(void **state)
{
	struct context_blob blob;
	open_channel();
	int fd = fd_memfd("large", 0);
	assert_int_equal(ftruncate(fd, 16 << 20), 0);
	give_file(fd);
	assert_false(fake_compositor->listener->has_room(fake_compositor->data));
	assert_int_equal(t.quota.entries[QUOTA_QUEUED_BYTES].use >> 20, 16);
	assert_int_equal(create_blob(2, 16 << 20, &blob), 0);
	free(blob.contents);
	turn();
	assert_true(fake_compositor->listener->has_room(fake_compositor->data));
	assert_int_equal(t.quota.entries[QUOTA_QUEUED_BYTES].use >> 20, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(images_are_laid_out_in_lines),
		TEST(impossible_images_are_refused),
		TEST(the_same_image_has_the_same_id_for_many_blobs),
		TEST(images_that_nobody_uses_are_forgotten_first),
		TEST(a_file_becomes_a_blob_for_one),
		TEST(a_file_is_fetched_into_guest_memory_once),
		TEST(a_file_that_does_not_fit_is_not_fetched),
		TEST(the_files_offset_does_not_matter),
		TEST(what_is_no_file_becomes_zeroes),
		TEST(a_file_beyond_the_bound_ends_the_connection),
		TEST(a_compositor_sends_no_more_files_than_the_guest_takes),
		TEST(large_files_that_the_guest_does_not_take_hold_the_compositor_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
