/* host-bridge/vhost/visible_region.c */
#include "host-bridge/vhost/visible_region.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "protocol/base/log.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/frontend.h"

#define MIB UINT64_C(0x100000)
#define REGION_BYTES (64 * MIB)
#define PAGE PAGE_BYTES

static struct {
	int fds_before;
	struct visible_region *region;
	struct wl_event_loop *loop;
	struct vhost_user *vu;
	struct frontend fe;
	bool resumed;
} t;

static uint64_t bytes_in_use(void)
{
	struct stat st;
	assert_int_equal(fstat(visible_region_fd(t.region), &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static int set_up(void **state)
{
	memset(&t, 0, sizeof(t));
	log_set_level(LOG_LEVEL_ERROR);
	t.fds_before = fd_count();
	t.region = visible_region_create(REGION_BYTES);
	return t.region ? 0 : -1;
}

static int tear_down(void **state)
{
	visible_region_destroy(t.region);
	return fd_count() == t.fds_before ? 0 : -1;
}

static void sizes_are_powers_of_two(void **state)
{
	const uint64_t bad[] = {0, 1, PAGE, MIB - 1, MIB + PAGE, 3 * MIB, UINT64_MAX};
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		assert_null(visible_region_create(bad[i]));
	struct visible_region *large = visible_region_create(UINT64_C(8) << 30);
	assert_non_null(large);
	assert_int_equal(visible_region_size(large), UINT64_C(8) << 30);
	visible_region_destroy(large);
	visible_region_destroy(NULL);
}

static void nobody_can_shrink_or_grow_it(void **state)
{
	int seals = fcntl(visible_region_fd(t.region), F_GET_SEALS);
	assert_int_equal(seals, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	assert_int_equal(ftruncate(visible_region_fd(t.region), 0), -1);
	assert_int_equal(bytes_in_use(), 0);
}

static void slots_keep_apart(void **state)
{
	assert_int_equal(visible_region_reserve(t.region, 4 * PAGE, 4 * PAGE), 0);
	const struct {
		uint64_t offset, size;
		int result;
	} cases[] = {
		{4 * PAGE, 4 * PAGE, -EBUSY},
		{3 * PAGE, 2 * PAGE, -EBUSY},
		{7 * PAGE, PAGE, -EBUSY},
		{5 * PAGE, PAGE, -EBUSY},
		{0, REGION_BYTES, -EBUSY},
		{0, 5 * PAGE, -EBUSY},
		{1, PAGE, -EINVAL},
		{0, PAGE + 1, -EINVAL},
		{0, 0, -EINVAL},
		{REGION_BYTES, PAGE, -EINVAL},
		{REGION_BYTES - PAGE, 2 * PAGE, -EINVAL},
		{UINT64_MAX - PAGE + 1, PAGE, -EINVAL},
		{PAGE, UINT64_MAX - PAGE + 1, -EINVAL},
		{3 * PAGE, PAGE, 0},
		{8 * PAGE, PAGE, 0},
		{0, 3 * PAGE, 0},
		{REGION_BYTES - PAGE, PAGE, 0},
		{9 * PAGE, REGION_BYTES - 10 * PAGE, 0},
		{8 * PAGE, PAGE, -EBUSY},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		assert_int_equal(visible_region_reserve(t.region, cases[i].offset, cases[i].size),
			cases[i].result);
}

static void only_a_slot_can_be_released(void **state)
{
	assert_int_equal(visible_region_reserve(t.region, 4 * PAGE, 4 * PAGE), 0);
	visible_region_release(t.region, 4 * PAGE, PAGE);
	visible_region_release(t.region, 5 * PAGE, 3 * PAGE);
	visible_region_release(t.region, 0, 4 * PAGE);
	visible_region_release(t.region, REGION_BYTES, PAGE);
	assert_int_equal(visible_region_reserve(t.region, 4 * PAGE, PAGE), -EBUSY);
	visible_region_release(t.region, 4 * PAGE, 4 * PAGE);
	visible_region_release(t.region, 4 * PAGE, 4 * PAGE);
	assert_int_equal(visible_region_reserve(t.region, 4 * PAGE, PAGE), 0);
}

static void a_released_slot_gives_its_memory_back_and_reads_as_zeroes(void **state)
{
	for (uint64_t i = 0; i < 3; i++) {
		assert_int_equal(visible_region_reserve(t.region, i * MIB, MIB), 0);
		memset(visible_region_at(t.region, i * MIB, MIB), 0xaa, MIB);
	}
	assert_int_equal(bytes_in_use(), 3 * MIB);
	visible_region_release(t.region, MIB, MIB);
	assert_int_equal(bytes_in_use(), 2 * MIB);
	assert_int_equal(*(uint8_t *)visible_region_at(t.region, MIB, 1), 0);
	assert_int_equal(*(uint8_t *)visible_region_at(t.region, MIB - 1, 1), 0xaa);
	assert_int_equal(*(uint8_t *)visible_region_at(t.region, 2 * MIB, 1), 0xaa);
	visible_region_reset(t.region);
	assert_int_equal(bytes_in_use(), 0);
	assert_int_equal(visible_region_reserve(t.region, 0, REGION_BYTES), 0);
}

static void a_pointer_never_leaves_the_region(void **state)
{
	assert_non_null(visible_region_at(t.region, 0, REGION_BYTES));
	assert_non_null(visible_region_at(t.region, REGION_BYTES - 1, 1));
	assert_null(visible_region_at(t.region, REGION_BYTES, 1));
	assert_null(visible_region_at(t.region, 1, REGION_BYTES));
	assert_null(visible_region_at(t.region, UINT64_MAX, 2));
	assert_null(visible_region_at(t.region, 1, UINT64_MAX));
}

static void the_number_of_slots_is_bounded(void **state)
{
	for (uint64_t i = 0; i < 4096; i++) /* in an order that is not theirs */
		assert_int_equal(visible_region_reserve(t.region, (i * 5 % 4096) * PAGE, PAGE), 0);
	assert_int_equal(visible_region_reserve(t.region, 4096 * PAGE, PAGE), -ENOSPC);
	for (uint64_t i = 0; i < 4096; i++)
		assert_int_equal(visible_region_reserve(t.region, i * PAGE, PAGE), -EBUSY);
	visible_region_release(t.region, 77 * PAGE, PAGE);
	assert_int_equal(visible_region_reserve(t.region, 4096 * PAGE, PAGE), 0);
}

static void random_slots_agree_with_a_map_of_pages(void **state)
{
	enum { pages = 256 };
	uint8_t taken[pages] = {0}; /* size of the slot that begins there; 255: inside of one */
	srand(7);
	for (int step = 0; step < 20000; step++) {
		unsigned at = (unsigned)rand() % pages, n = 1 + (unsigned)rand() % 8;
		if (rand() % 2 && taken[at] > 0 && taken[at] < 255) {
			n = taken[at];
			visible_region_release(t.region, at * PAGE, n * PAGE);
			memset(taken + at, 0, n);
			continue;
		}
		bool is_free = at + n <= pages;
		for (unsigned i = at; i < at + n && i < pages; i++)
			is_free &= taken[i] == 0;
		if (at + n > pages)
			continue;
		assert_int_equal(visible_region_reserve(t.region, at * PAGE, n * PAGE),
			is_free ? 0 : -EBUSY);
		if (is_free) {
			memset(taken + at, 255, n);
			taken[at] = (uint8_t)n;
		}
	}
}

/* With a device and a frontend. */

static void ignore_config(void *data, uint32_t offset, uint32_t size, uint8_t *out)
{
}

static void ignore_config_written(void *data, uint32_t offset, uint32_t size, const uint8_t *bytes)
{
}

static int process(void *data, uint32_t queue)
{
	return 0;
}

static void started(void *data, bool resumed)
{
	t.resumed = resumed;
	visible_region_map(t.region, t.vu, resumed);
}

static void reset(void *data)
{
	visible_region_reset(t.region);
}

static void left(void *data)
{
	visible_region_renew(t.region);
}

static void ignore(void *data)
{
}

static const struct vhost_user_device device = {
	.n_queues = 2,
	.shmem_sizes = {0, REGION_BYTES},
	.get_config = ignore_config,
	.set_config = ignore_config_written,
	.process = process,
	.started = started,
	.reset = reset,
	.left = left,
	.memory_changed = ignore,
};

static int set_up_device(void **state)
{
	int ends[2];
	if (set_up(state) < 0 ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return -1;
	t.loop = wl_event_loop_create();
	t.vu = vhost_user_create(t.loop, NULL, -1, &device, NULL);
	assert_int_equal(vhost_user_adopt(t.vu, ends[0]), 0);
	fe_init(&t.fe, ends[1]);
	return 0;
}

static int tear_down_device(void **state)
{
	fe_finish(&t.fe);
	vhost_user_destroy(t.vu);
	wl_event_loop_destroy(t.loop);
	return tear_down(state);
}

static void settle(void)
{
	for (int i = 0; i < 8; i++)
		wl_event_loop_dispatch(t.loop, 0);
}

static uint32_t requests[8]; /* that the frontend has got */
static uint64_t mapped_bytes;

/* The frontend answers @n requests, one after the other. */
static void answer_all(const uint64_t *answers, size_t n)
{
	memset(requests, 0, sizeof(requests));
	for (size_t i = 0; i < n; i++) {
		struct vhost_user_message message;
		settle();
		requests[i] = fe_answer(&t.fe, answers[i], &message);
		if (requests[i] == VHOST_USER_BACKEND_SHMEM_MAP)
			mapped_bytes = message.payload.shmem_map.length;
		vhost_user_message_finish(&message);
	}
	settle();
}

static void driver_ok_with_answers(uint16_t base, const uint64_t *answers, size_t n)
{
	fe_driver_ok(&t.fe, base, 0);
	answer_all(answers, n);
}

static void end_guest(void)
{
	struct vhost_user_message message;
	fe_stop(&t.fe);
	settle();
	for (int i = 0; i < 2; i++)
		assert_int_equal(vhost_user_receive(t.fe.socket, &t.fe.reader, &message), 1);
}

static void it_is_mapped_once_per_boot(void **state)
{
	const uint64_t ok[] = {0, 1};
	fe_negotiate(&t.fe);
	settle();
	for (int boot = 0; boot < 3; boot++) {
		driver_ok_with_answers(0, ok, 2);
		assert_false(t.resumed);
		assert_true(visible_region_usable(t.region));
		assert_int_equal(requests[0], VHOST_USER_BACKEND_SHMEM_MAP);
		assert_int_equal(mapped_bytes, REGION_BYTES);
		/* Nothing is left of the boot before. */
		assert_int_equal(bytes_in_use(), 0);
		assert_int_equal(visible_region_reserve(t.region, 0, MIB), 0);
		*(uint8_t *)visible_region_at(t.region, 0, 1) = 1;

		/* A pause is not a boot. */
		virtqueue_set_base(vhost_user_queue(t.vu, 0), 7);
		end_guest();
		driver_ok_with_answers(7, NULL, 0);
		assert_true(t.resumed);
		assert_true(visible_region_usable(t.region));
		assert_int_equal(visible_region_reserve(t.region, 0, MIB), -EBUSY);
		assert_int_equal(visible_region_maps_made(t.region), boot + 1);
		end_guest();
	}
}

static void handle_shown(struct region_show *show, int result);

/* As crosvm negotiates: it maps before it answers, and a map that fails ends its machine. */
static void negotiate_as_crosvm(void)
{
	fe_negotiate(&t.fe);
	fe_u64(&t.fe, VHOST_USER_SET_PROTOCOL_FEATURES,
		FE_PROTOCOL_FEATURES &
			~(FE_BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) |
				FE_BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT)),
		-1);
	settle();
}

static void a_frontend_that_keeps_maps_is_asked_once(void **state)
{
	const uint64_t ok[] = {0};
	negotiate_as_crosvm();
	for (int boot = 0; boot < 3; boot++) {
		driver_ok_with_answers(0, ok, boot == 0);
		assert_false(t.resumed);
		assert_true(visible_region_usable(t.region));
		assert_int_equal(visible_region_maps_made(t.region), 1);
		assert_int_equal(bytes_in_use(), 0);
		assert_int_equal(visible_region_reserve(t.region, 0, MIB), 0);
		*(uint8_t *)visible_region_at(t.region, 0, 1) = 1;
		end_guest();
	}
	/* And no request waits for an answer. */
	assert_int_equal(poll(&(struct pollfd){.fd = t.fe.backend, .events = POLLIN}, 1, 0), 0);
}

static void a_map_that_a_reset_overtakes_is_kept_where_maps_are(void **state)
{
	struct vhost_user_message message;
	negotiate_as_crosvm();
	fe_driver_ok(&t.fe, 0, 0);
	settle();
	end_guest();
	driver_ok_with_answers(0, NULL, 0);
	assert_int_equal(fe_answer(&t.fe, 0, &message), VHOST_USER_BACKEND_SHMEM_MAP);
	vhost_user_message_finish(&message);
	settle();
	assert_true(visible_region_usable(t.region));
	assert_int_equal(poll(&(struct pollfd){.fd = t.fe.backend, .events = POLLIN}, 1, 0), 0);
}

static void segments_stay_where_maps_are_kept(void **state)
{
	struct region_show show = {.done = handle_shown};
	const uint64_t ok[] = {0};
	visible_region_set_segments(t.region);
	negotiate_as_crosvm();
	driver_ok_with_answers(0, ok, 1); /* the probe */
	assert_int_equal(visible_region_reserve(t.region, MIB, MIB), 0);
	assert_int_equal(visible_region_show(t.region, &show, MIB, MIB, -1, 0), -EINPROGRESS);
	answer_all(ok, 1);
	end_guest();
	driver_ok_with_answers(0, NULL, 0);
	/* The same place is there already, another that overlaps it is unmapped first. */
	assert_int_equal(visible_region_reserve(t.region, MIB, MIB), 0);
	assert_int_equal(visible_region_show(t.region, &show, MIB, MIB, -1, 0), 0);
	visible_region_release(t.region, MIB, MIB);
	assert_int_equal(visible_region_reserve(t.region, MIB + PAGE, PAGE), 0);
	assert_int_equal(
		visible_region_show(t.region, &show, MIB + PAGE, PAGE, -1, 0), -EINPROGRESS);
	const uint64_t both[] = {0, 0};
	answer_all(both, 2);
	assert_int_equal(requests[0], VHOST_USER_BACKEND_SHMEM_UNMAP);
	assert_int_equal(requests[1], VHOST_USER_BACKEND_SHMEM_MAP);
}

static void what_a_reset_finds_unsent_is_done_all_the_same_where_maps_are_kept(void **state)
{
	struct region_show shows[3] = {
		{.done = handle_shown}, {.done = handle_shown}, {.done = handle_shown}};
	const uint64_t ok[] = {0, 0, 0, 0};
	visible_region_set_segments(t.region);
	negotiate_as_crosvm();
	driver_ok_with_answers(0, ok, 1); /* the probe */
	/* The first map is sent; the second, an unmap of the probe, and the third map wait. */
	const uint64_t offsets[] = {MIB, 2 * MIB, 0}, sizes[] = {MIB, 2 * MIB, 4 * PAGE};
	for (int i = 0; i < 3; i++) {
		assert_int_equal(visible_region_reserve(t.region, offsets[i], sizes[i]), 0);
		assert_int_equal(
			visible_region_show(t.region, &shows[i], offsets[i], sizes[i], -1, 0),
			-EINPROGRESS);
	}
	end_guest();
	driver_ok_with_answers(0, ok, 4);
	const uint32_t expected[] = {VHOST_USER_BACKEND_SHMEM_MAP, VHOST_USER_BACKEND_SHMEM_MAP,
		VHOST_USER_BACKEND_SHMEM_UNMAP, VHOST_USER_BACKEND_SHMEM_MAP};
	assert_memory_equal(requests, expected, sizeof(expected));
	assert_int_equal(mapped_bytes, 4 * PAGE);
	/* All of that is there. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(visible_region_reserve(t.region, offsets[i], sizes[i]), 0);
		assert_int_equal(
			visible_region_show(t.region, &shows[i], offsets[i], sizes[i], -1, 0), 0);
	}
	settle();
	assert_int_equal(poll(&(struct pollfd){.fd = t.fe.backend, .events = POLLIN}, 1, 0), 0);
}

static void a_map_that_is_there_already_is_replaced(void **state)
{
	const uint64_t refused_once[] = {1, 1, 0, 0, 1}; /* MAP, REMOVE, UNMAP, MAP, REMOVE */
	fe_negotiate(&t.fe);
	settle();
	driver_ok_with_answers(0, refused_once, 5);
	assert_int_equal(requests[2], VHOST_USER_BACKEND_SHMEM_UNMAP);
	assert_int_equal(requests[3], VHOST_USER_BACKEND_SHMEM_MAP);
	assert_true(visible_region_usable(t.region));
}

static void a_frontend_that_refuses_leaves_a_device_without_region(void **state)
{
	const uint64_t refused[] = {1, 1, 1, 1, 1};
	fe_negotiate(&t.fe);
	settle();
	driver_ok_with_answers(0, refused, 5);
	assert_false(visible_region_usable(t.region));
	assert_int_equal(visible_region_maps_made(t.region), 0);
	assert_true(vhost_user_running(t.vu));
}

static void a_frontend_without_shared_memory_has_no_region(void **state)
{
	fe_driver_ok(&t.fe, 0, 0);
	settle();
	assert_false(visible_region_usable(t.region));
	assert_true(vhost_user_running(t.vu));
}

static int shown; /* what came of the last show; 1: nothing yet */

static void handle_shown(struct region_show *show, int result)
{
	shown = result;
}

static void a_slot_waits_until_the_region_is_mapped(void **state)
{
	const uint64_t ok[] = {0, 1};
	struct region_show show = {.done = handle_shown};
	fe_negotiate(&t.fe);
	fe_driver_ok(&t.fe, 0, 0);
	settle();
	assert_int_equal(visible_region_reserve(t.region, 0, MIB), 0);
	shown = 1;
	assert_int_equal(visible_region_show(t.region, &show, 0, MIB, -1, 0), -EINPROGRESS);
	settle();
	assert_int_equal(shown, 1);
	answer_all(ok, 2);
	assert_int_equal(shown, 0);
	assert_int_equal(visible_region_show(t.region, &show, MIB, MIB, -1, 0), 0);
}

static void handle_wanted(void *data)
{
	++*(unsigned *)data;
}

static void a_slot_is_shown_when_its_memory_is_clear(void **state)
{
	const uint64_t ok[] = {0, 1};
	struct region_show show = {.done = handle_shown}, other = {.done = handle_shown};
	unsigned wanted = 0;
	fe_negotiate(&t.fe);
	driver_ok_with_answers(0, ok, 2);
	visible_region_clear_in_pieces(t.region, handle_wanted, &wanted);
	assert_true(visible_region_clear(t.region));
	assert_int_equal(visible_region_reserve(t.region, 0, 16 * MIB), 0);
	memset(visible_region_at(t.region, 0, 16 * MIB), 0xaa, 16 * MIB);
	visible_region_release(t.region, 0, 16 * MIB);
	assert_int_equal(wanted, 1);

	/* The place can be taken at once, but not be shown. */
	assert_int_equal(visible_region_reserve(t.region, 15 * MIB, 2 * MIB), 0);
	shown = 1;
	assert_int_equal(
		visible_region_show(t.region, &show, 15 * MIB, 2 * MIB, -1, 0), -EINPROGRESS);
	assert_int_equal(visible_region_show(t.region, &other, 16 * MIB, MIB, -1, 0), 0);
	int pieces = 1;
	for (; !visible_region_clear(t.region); pieces++) {
		assert_int_equal(shown, 1);
		assert_true(bytes_in_use() > 0);
	}
	assert_true(pieces > 2);
	assert_int_equal(shown, 0);
	assert_int_equal(bytes_in_use(), 0);

	/* One that waits when the driver is reset fails. */
	*(uint8_t *)visible_region_at(t.region, 15 * MIB, 1) = 1;
	visible_region_release(t.region, 15 * MIB, 2 * MIB);
	shown = 1;
	assert_int_equal(visible_region_show(t.region, &show, 15 * MIB, MIB, -1, 0), -EINPROGRESS);
	visible_region_cancel(t.region);
	assert_int_equal(shown, -ECONNRESET);
	visible_region_reset(t.region);
	assert_int_equal(bytes_in_use(), 0);
	assert_true(visible_region_clear(t.region));
}

static void a_slot_that_waits_fails_with_the_region(void **state)
{
	struct region_show show = {.done = handle_shown};
	fe_negotiate(&t.fe);
	fe_driver_ok(&t.fe, 0, 0);
	settle();
	shown = 1;
	assert_int_equal(visible_region_show(t.region, &show, 0, MIB, -1, 0), -EINPROGRESS);
	fd_close(&t.fe.socket);
	settle();
	assert_int_equal(shown, -ECONNRESET);
	assert_false(visible_region_usable(t.region));
}

/* What a frontend has been given it may keep: it is not what the next one gets. */
static void each_frontend_has_memory_of_its_own(void **state)
{
	struct vhost_user_message message;
	struct stat first, second;
	const uint64_t ok[] = {0, 1};
	int ends[2];

	fe_negotiate(&t.fe);
	fe_driver_ok(&t.fe, 0, 0);
	settle();
	assert_int_equal(fe_answer(&t.fe, 0, &message), VHOST_USER_BACKEND_SHMEM_MAP);
	uint8_t *kept =
		mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, message.fds[0], 0);
	assert_ptr_not_equal(kept, MAP_FAILED);
	fstat(message.fds[0], &first);
	vhost_user_message_finish(&message);
	answer_all(ok + 1, 1);
	fe_finish(&t.fe);
	settle();

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	fe_init(&t.fe, ends[1]);
	assert_int_equal(vhost_user_adopt(t.vu, ends[0]), 0);
	fe_negotiate(&t.fe);
	driver_ok_with_answers(0, ok, 2);
	assert_true(visible_region_usable(t.region));
	fstat(visible_region_fd(t.region), &second);
	assert_int_not_equal(first.st_ino, second.st_ino);
	uint8_t *ours = visible_region_at(t.region, 0, 1);
	kept[0] = 1;
	assert_int_equal(ours[0], 0);
	ours[1] = 1;
	assert_int_equal(kept[1], 0);
	munmap(kept, REGION_BYTES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define DEVICE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_device, tear_down_device)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sizes_are_powers_of_two),
		TEST(nobody_can_shrink_or_grow_it),
		TEST(slots_keep_apart),
		TEST(only_a_slot_can_be_released),
		TEST(a_released_slot_gives_its_memory_back_and_reads_as_zeroes),
		TEST(a_pointer_never_leaves_the_region),
		TEST(the_number_of_slots_is_bounded),
		TEST(random_slots_agree_with_a_map_of_pages),
		DEVICE_TEST(it_is_mapped_once_per_boot),
		DEVICE_TEST(a_frontend_that_keeps_maps_is_asked_once),
		DEVICE_TEST(a_map_that_a_reset_overtakes_is_kept_where_maps_are),
		DEVICE_TEST(segments_stay_where_maps_are_kept),
		DEVICE_TEST(what_a_reset_finds_unsent_is_done_all_the_same_where_maps_are_kept),
		DEVICE_TEST(a_map_that_is_there_already_is_replaced),
		DEVICE_TEST(a_frontend_that_refuses_leaves_a_device_without_region),
		DEVICE_TEST(a_frontend_without_shared_memory_has_no_region),
		DEVICE_TEST(a_slot_waits_until_the_region_is_mapped),
		DEVICE_TEST(a_slot_is_shown_when_its_memory_is_clear),
		DEVICE_TEST(a_slot_that_waits_fails_with_the_region),
		DEVICE_TEST(each_frontend_has_memory_of_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
