/* host-bridge/gpu: blobs of host memory, and their way into the guest */
#include "host-bridge/resources/resources.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "host-bridge/contexts/given_files.h"
#include "host-bridge/resources/quota.h"
#include "protocol/base/monotonic.h"
#include "tests/unit/device_world.h"

static void misuse_of_host_blobs_is_refused(void **state)
{
	open_channel();
	uint32_t blob_id = ask_for_image(8192);

	assert_int_equal(create_host_blob(9, 5, blob_id, 8192), BAD_CONTEXT);
	assert_int_equal(create_host_blob(0, 5, blob_id, 8192), BAD_CONTEXT);
	assert_int_equal(create_host_blob(1, 0, blob_id, 8192), BAD_RESOURCE);
	assert_int_equal(create_host_blob(1, 5, blob_id + 1, 8192), BAD_PARAMETER);
	assert_int_equal(create_host_blob(1, 5, UINT64_MAX, 8192), BAD_PARAMETER);
	assert_int_equal(create_host_blob(1, 5, blob_id, 0), BAD_PARAMETER);
	assert_int_equal(create_host_blob(1, 5, blob_id, 4096), BAD_PARAMETER);
	assert_int_equal(create_host_blob(1, 5, blob_id, UINT64_MAX), BAD_PARAMETER);
	assert_int_equal(create_host_blob(1, 5, blob_id, 8192), OK);
	assert_int_equal(create_host_blob(1, 5, blob_id, 8192), BAD_RESOURCE);
	assert_int_equal(create_host_blob(1, 6, blob_id, 8192), OK);

	assert_int_equal(unmap_blob(5), BAD_PARAMETER); /* of nothing */
	assert_int_equal(unmap_blob(99), BAD_RESOURCE);
	assert_int_equal(map_blob(99, 0), BAD_RESOURCE);
	assert_int_equal(map_blob(1, 0), BAD_PARAMETER); /* guest memory */
	assert_int_equal(map_blob(5, 100), BAD_PARAMETER);
	assert_int_equal(map_blob(5, MACHINE_REGION_BYTES - 4096), BAD_PARAMETER);
	assert_int_equal(map_blob(5, UINT64_MAX - 4095), BAD_PARAMETER);
	assert_int_equal(map_blob(5, 4096), VIRTIO_GPU_RESP_OK_MAP_INFO);
	assert_int_equal(response.map_info.map_info, VIRTIO_GPU_MAP_CACHE_CACHED);
	assert_int_equal(map_blob(5, 4096), BAD_PARAMETER); /* twice */
	assert_int_equal(map_blob(6, 8192), BAD_PARAMETER); /* over another */
	assert_int_equal(unmap_blob(5), OK);
	assert_int_equal(unmap_blob(5), BAD_PARAMETER);
	assert_int_equal(unref(5), OK);
	assert_int_equal(map_blob(6, 8192), VIRTIO_GPU_RESP_OK_MAP_INFO);
	assert_int_equal(stat_of("live host blob bytes"), 8192);
}

static void without_a_host_visible_region_no_blob_is_mapped(void **state)
{
	machine_reset();
	machine.vhost_user.no_region = true;
	machine_boot();
	open_channel();
	assert_int_equal(create_host_blob(1, 5, ask_for_image(4096), 4096), OK);
	assert_int_equal(map_blob(5, 0), UNSPEC);
}

static void host_blobs_stay_within_the_region(void **state)
{
	open_channel();
	uint32_t blob_id = ask_for_image(MACHINE_REGION_BYTES / 2);
	assert_int_equal(create_host_blob(1, 5, blob_id, MACHINE_REGION_BYTES / 2), OK);
	assert_int_equal(create_host_blob(1, 6, blob_id, MACHINE_REGION_BYTES / 2), OK);
	assert_int_equal(create_host_blob(1, 7, blob_id, MACHINE_REGION_BYTES / 2), NO_MEMORY);
}

static uint16_t offer_map(uint32_t id, uint64_t offset)
{
	const struct virtio_gpu_resource_map_blob map = {
		HDR(RESOURCE_MAP_BLOB), .resource_id = id, .offset = offset};
	return machine_offer(0, &map, sizeof(map), sizeof(response));
}

static uint16_t offer_unref(uint32_t id)
{
	const struct virtio_gpu_resource_unref out = {HDR(RESOURCE_UNREF), .resource_id = id};
	return machine_offer(0, &out, sizeof(out), sizeof(response));
}

/* The frontend has not answered the map of the region yet. */
static void boot_slowly(void)
{
	machine_reset();
	machine.vhost_user.slow = true;
	machine_boot();
}

static void a_slow_frontend_delays_only_what_waits_for_it(void **state)
{
	boot_slowly();
	open_channel();
	assert_int_equal(create_host_blob(1, 7, ask_for_image(4096), 4096), OK);
	uint16_t map = offer_map(7, 0), end = offer_unref(7);
	assert_int_equal(machine_kick(0), 0);
	assert_false(answered(map));
	assert_false(answered(end));
	assert_int_equal(create_guest_blob(9, PAGES + 16 * 4096, 4096), OK);
	assert_int_equal(submit(1, "", 0), OK);

	machine.vhost_user.slow = false;
	machine_answer(&machine.vhost_user, 0);
	assert_true(answered(map));
	assert_int_equal(response.hdr.type, VIRTIO_GPU_RESP_OK_MAP_INFO);
	assert_int_equal(response.map_info.map_info, VIRTIO_GPU_MAP_CACHE_CACHED);
	assert_int_equal(response_bytes, sizeof(response.map_info));
	assert_true(answered(end));
	assert_int_equal(response.hdr.type, OK);
}

static uint16_t offer_attach(uint32_t context, uint32_t resource)
{
	const struct virtio_gpu_ctx_resource out = {
		HDR(CTX_ATTACH_RESOURCE, .ctx_id = context), .resource_id = resource};
	return machine_offer(0, &out, sizeof(out), sizeof(struct virtio_gpu_ctrl_hdr));
}

/* Each depends on the last one only, the first on a map that the frontend does not answer. */
static void commands_that_wait_hold_nobody_up(void **state)
{
	enum { N = 240, TURNS = 50 };
	uint16_t last = 0;
	boot_slowly();
	open_channel();
	for (uint32_t i = 0; i < N; i++) {
		assert_int_equal(create_context(100 + i), OK);
		assert_int_equal(create_guest_blob(100 + i, PAGES + 16 * 4096, 4096), OK);
	}
	assert_int_equal(create_host_blob(1, 99, ask_for_image(4096), 4096), OK);
	offer_map(99, 0);
	for (uint32_t i = 0; i < N; i++) {
		offer_attach(100 + i, 99 + i);
		last = offer_attach(100 + i, 100 + i);
		machine_kick(0);
		machine_turn();
	}
	assert_false(answered(last));
	clock_t begin = clock(); /* of this process: others may run meanwhile */
	for (int i = 0; i < TURNS; i++) {
		machine_kick(0);
		wl_event_loop_dispatch(machine.loop, 0);
	}
	assert_true(clock() - begin < TURNS * (CLOCKS_PER_SEC / 100));
	machine.vhost_user.slow = false;
	machine_answer(&machine.vhost_user, 0);
	for (int i = 0; i < 100 && !answered(last); i++)
		continue;
	assert_int_equal(response.hdr.type, OK);
}

static void a_map_that_the_frontend_refuses_is_an_error(void **state)
{
	boot_slowly();
	open_channel();
	assert_int_equal(create_host_blob(1, 7, ask_for_image(4096), 4096), OK);
	uint16_t map = offer_map(7, 0);
	assert_int_equal(machine_kick(0), 0);
	assert_false(answered(map));
	uint64_t errors = stat_of("errors");
	machine_answer(&machine.vhost_user, -EMFILE);
	assert_true(answered(map));
	assert_int_equal(response.hdr.type, UNSPEC);
	assert_int_equal(stat_of("errors"), errors + 1);
	assert_int_equal(map_blob(7, 0), UNSPEC);
}

static void a_reset_while_a_map_waits_leaves_nothing(void **state)
{
	boot_slowly();
	open_channel();
	assert_int_equal(create_host_blob(1, 7, ask_for_image(4096), 4096), OK);
	uint16_t map = offer_map(7, 0);
	assert_int_equal(machine_kick(0), 0);
	assert_false(answered(map));
	machine_reset();
	machine.vhost_user.slow = false;
	machine_boot();
	assert_false(answered(map));
	assert_int_equal(stat_of("live resources"), 0);
	open_channel();
	assert_int_equal(create_host_blob(1, 7, ask_for_image(4096), 4096), OK);
	assert_int_equal(map_blob(7, 0), VIRTIO_GPU_RESP_OK_MAP_INFO);
}

/* What one boot's guest has drawn the next one's does not see. */
static void a_reboot_clears_the_memory_of_blobs(void **state)
{
	open_channel();
	assert_int_equal(create_host_blob(1, 7, ask_for_image(4096), 4096), OK);
	assert_int_equal(map_blob(7, 0), VIRTIO_GPU_RESP_OK_MAP_INFO);
	/* The frontend keeps its map over a reset. */
	uint8_t *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
		machine_map_at(&machine.vhost_user, 0)->fd, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	memory[100] = 'x';
	machine_reset();
	machine_boot();
	open_channel();
	assert_int_equal(create_host_blob(1, 7, ask_for_image(4096), 4096), OK);
	assert_int_equal(map_blob(7, 0), VIRTIO_GPU_RESP_OK_MAP_INFO);
	assert_int_equal(memory[100], 0);
	munmap(memory, 4096);
}

static ino_t inode_of_region(void)
{
	struct stat st;
	assert_int_equal(fstat(machine_map_at(&machine.vhost_user, 0)->fd, &st), 0);
	return st.st_ino;
}

/* One that has left may still have the memory mapped that it was given. */
static void each_frontend_is_given_memory_of_its_own(void **state)
{
	ino_t first = inode_of_region();
	machine_reset();
	machine_boot();
	machine_turn();
	assert_int_equal(inode_of_region(), first); /* a reboot: the same frontend */
	machine_reset();
	machine.vhost_user.device->left(machine.vhost_user.data);
	machine_boot();
	machine_turn();
	assert_int_not_equal(inode_of_region(), first);
	open_channel();
	assert_int_equal(create_host_blob(1, 7, ask_for_image(4096), 4096), OK);
	assert_int_equal(map_blob(7, 0), VIRTIO_GPU_RESP_OK_MAP_INFO);
}

/* Clearing takes long: it is done beside everything else. */
static void a_large_blob_that_is_given_up_is_cleared_before_its_place_is_used_again(void **state)
{
	const uint32_t size = 12 << 20;
	open_channel();
	assert_int_equal(create_host_blob(1, 7, ask_for_image(size), size), OK);
	assert_int_equal(map_blob(7, 0), VIRTIO_GPU_RESP_OK_MAP_INFO);
	uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		machine_map_at(&machine.vhost_user, 0)->fd, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	memset(memory, 'x', size);
	assert_int_equal(unref(7), OK);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(create_host_blob(1, 8, ask_for_image(size), size), OK);
		uint16_t map = offer_map(8, 0), end = offer_unref(8);
		machine_kick(0);
		assert_true(answered(map));
		assert_int_equal(response.hdr.type, VIRTIO_GPU_RESP_OK_MAP_INFO);
		for (uint32_t i = 0; i < size; i += 4096)
			assert_int_equal(memory[i], 0);
		assert_true(answered(end));
	}
	munmap(memory, size);
}

/* What the frontend says; @seals of a memfd of @size bytes. */
static int give(uint64_t id, uint64_t says, uint64_t size, int seals)
{
	int fd = memfd_create("given", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return machine.vhost_user.device->give_file(machine.vhost_user.data, id, says, fd);
}

static void a_file_of_the_guest_becomes_a_blob_once(void **state)
{
	open_channel();
	assert_int_equal(give(77, 5000, 8192, F_SEAL_SHRINK), 0);
	assert_int_equal(give(77, 5000, 8192, F_SEAL_SHRINK), -EEXIST);
	assert_int_equal(create_host_blob(1, 7, CROSS_DOMAIN_BLOB_FILE | 77, 8192), BAD_PARAMETER);
	assert_int_equal(create_host_blob(1, 7, CROSS_DOMAIN_BLOB_FILE | 78, 5000), BAD_PARAMETER);
	assert_int_equal(create_host_blob(1, 7, CROSS_DOMAIN_BLOB_FILE | 77, 5000), OK);
	assert_int_equal(create_host_blob(1, 8, CROSS_DOMAIN_BLOB_FILE | 77, 5000), BAD_PARAMETER);
	assert_int_equal(attach(1, 7), OK);
	assert_int_equal(map_blob(7, 0), BAD_PARAMETER);
	assert_int_equal(stat_of("live host blob bytes"), 0); /* they are not of the region */
	assert_int_equal(stat_of("live shared file bytes"), 5000);
	assert_int_equal(give(77, 4096, 4096, F_SEAL_SHRINK), 0); /* the id is free again */
	assert_int_equal(unref(7), OK);
	assert_int_equal(stat_of("live shared file bytes"), 0);
}

static void files_of_the_guest_take_nothing_of_the_region(void **state)
{
	open_channel();
	assert_int_equal(give(1, INT32_MAX, UINT64_C(1) << 31, F_SEAL_SHRINK), 0);
	assert_int_equal(create_host_blob(1, 7, CROSS_DOMAIN_BLOB_FILE | 1, INT32_MAX), OK);
	assert_int_equal(
		create_host_blob(1, 8, ask_for_image(MACHINE_REGION_BYTES), MACHINE_REGION_BYTES),
		OK);
}

static void a_file_that_could_be_taken_away_is_refused(void **state)
{
	open_channel();
	assert_int_equal(give(1, 4096, 4096, 0), -EINVAL);
	assert_int_equal(give(1, 4096, 4096, F_SEAL_GROW | F_SEAL_SEAL), -EINVAL);
	assert_int_equal(give(1, 4096, 4096, F_SEAL_SHRINK | F_SEAL_WRITE), -EINVAL);
	assert_int_equal(give(1, 4096, 4096, F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE), -EINVAL);
	assert_int_equal(give(1, 4097, 4096, F_SEAL_SHRINK), -EINVAL);
	assert_int_equal(give(1, 0, 4096, F_SEAL_SHRINK), -EINVAL);
	assert_int_equal(give(1, UINT64_MAX, 4096, F_SEAL_SHRINK), -EINVAL);
	const int others[] = {
		open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600),
		open("/dev/zero", O_RDWR | O_CLOEXEC),
		eventfd(0, EFD_CLOEXEC),
		memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB),
	};
	fcntl(others[3], F_ADD_SEALS, F_SEAL_SHRINK);
	for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
		assert_int_equal(machine.vhost_user.device->give_file(
					 machine.vhost_user.data, 1, 1, others[i]),
			-EINVAL);
	int sealed = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char path[32];
	assert_int_equal(ftruncate(sealed, 4096), 0);
	assert_int_equal(fcntl(sealed, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", sealed);
	assert_int_equal(machine.vhost_user.device->give_file(machine.vhost_user.data, 1, 4096,
				 open(path, O_RDONLY | O_CLOEXEC)),
		-EINVAL);
	close(sealed);
	assert_int_equal(create_host_blob(1, 7, CROSS_DOMAIN_BLOB_FILE | 1, 4096), BAD_PARAMETER);
}

static void files_that_nobody_takes_are_bounded(void **state)
{
	open_channel();
	for (uint64_t i = 0; i < 3 * GIVEN_FILES_MAX; i++)
		assert_int_equal(give(i, 4096, 4096, F_SEAL_SHRINK), 0);
	assert_in_range(fd_count() - fds_before, GIVEN_FILES_MAX, GIVEN_FILES_MAX + 40);
	assert_int_equal(create_host_blob(1, 7, CROSS_DOMAIN_BLOB_FILE | 3, 4096), BAD_PARAMETER);
	assert_int_equal(
		create_host_blob(1, 7, CROSS_DOMAIN_BLOB_FILE | (3 * GIVEN_FILES_MAX - 1), 4096),
		OK);
	machine_reset();
	machine_boot();
	open_channel();
	assert_int_equal(
		create_host_blob(1, 7, CROSS_DOMAIN_BLOB_FILE | (3 * GIVEN_FILES_MAX - 2), 4096),
		BAD_PARAMETER);
}

static void files_count_against_the_machine_until_their_blobs_are_gone(void **state)
{
	struct given_files files = {0};
	struct context_blob blob;
	struct vm_quota quota;
	quota_init(&quota);
	quota_set(&quota, "shared-files", "2");
	files.quota = &quota;
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(given_files_add(&files, i, 4096, fd_memfd("given", 4096)),
			i < 2 ? 0 : -EDQUOT);
	assert_int_equal(given_files_take(&files, 0, 4096, &blob), 0);
	assert_true(blob.given);
	assert_int_equal(given_files_add(&files, 3, 4096, fd_memfd("given", 4096)), -EDQUOT);
	fd_close(&blob.fd);
	given_files_clear(&files);
	assert_int_equal(quota.entries[QUOTA_SHARED_FILES].use, 1); /* the blob's */
}

static void files_that_wait_are_charged_by_their_bytes(void **state)
{
	struct given_files files = {0};
	struct context_blob blob;
	struct vm_quota quota;
	quota_init(&quota);
	quota_set(&quota, "blob-bytes", "10000");
	files.quota = &quota;
	assert_int_equal(given_files_add(&files, 1, 8192, fd_memfd("given", 8192)), 0);
	assert_int_equal(given_files_add(&files, 2, 4096, fd_memfd("given", 4096)), -EDQUOT);
	assert_int_equal(given_files_take(&files, 1, 8192, &blob), 0);
	fd_close(&blob.fd);
	assert_int_equal(given_files_add(&files, 2, 4096, fd_memfd("given", 4096)), 0);
	given_files_clear(&files);
	assert_int_equal(quota.entries[QUOTA_BLOB_BYTES].use, 0);
	assert_int_equal(quota.entries[QUOTA_FDS].use, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(misuse_of_host_blobs_is_refused),
		TEST(without_a_host_visible_region_no_blob_is_mapped),
		TEST(host_blobs_stay_within_the_region),
		TEST(a_slow_frontend_delays_only_what_waits_for_it),
		TEST(commands_that_wait_hold_nobody_up),
		TEST(a_map_that_the_frontend_refuses_is_an_error),
		TEST(a_reset_while_a_map_waits_leaves_nothing),
		TEST(a_reboot_clears_the_memory_of_blobs),
		TEST(each_frontend_is_given_memory_of_its_own),
		TEST(a_large_blob_that_is_given_up_is_cleared_before_its_place_is_used_again),
		TEST(a_file_of_the_guest_becomes_a_blob_once),
		TEST(files_that_wait_are_charged_by_their_bytes),
		TEST(files_of_the_guest_take_nothing_of_the_region),
		TEST(a_file_that_could_be_taken_away_is_refused),
		TEST(files_that_nobody_takes_are_bounded),
		TEST(files_count_against_the_machine_until_their_blobs_are_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
