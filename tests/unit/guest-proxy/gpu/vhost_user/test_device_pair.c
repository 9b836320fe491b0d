/* guest-proxy and the real device: what goes through */
#include "tests/unit/device_pair.h"

static void a_round_trip_takes_one_submission_each_way(void **state)
{
	sync_guest();
	uint64_t before = channel_counters(t.guest.channel)->submissions;
	for (unsigned i = 0; i < 100; i++)
		sync_guest();
	/* A SEND and a POLL for each, and now and then nothing else. */
	assert_in_range(channel_counters(t.guest.channel)->submissions - before, 100, 210);
}

static void bytes_arrive_whatever_the_segments(void **state)
{
	static const size_t segments[] = {1, 2, 7, 12, 100, 4096, 65536, 1 << 20};
	for (size_t i = 0; i < ARRAY_LENGTH(segments); i++) {
		size_t size;
		uint32_t n = (uint32_t)min_u64(max_u64(segments[i] / 12, 3), 40000);
		uint8_t *bytes = make_syncs(n, &size);
		unsigned due = t.guest.done + n;
		for (size_t done = 0; done < size;) {
			size_t segment = min_u64(segments[i], size - done);
			assert_int_equal(
				channel_send(t.guest.channel, bytes + done, segment, NULL, 0), 0);
			flush();
			done += segment;
		}
		UNTIL(t.guest.done == due);
		free(bytes);
	}
}

static void a_megabyte_each_way_is_echoed_in_order(void **state)
{
	size_t size;
	uint8_t *bytes = make_syncs(20000, &size);
	for (unsigned round = 1; round <= 4; round++) { /* ids may be used again after each */
		for (size_t done = 0; done < size;) {
			UNTIL(channel_ready(t.guest.channel));
			size_t segment = min_u64(16000, size - done);
			assert_int_equal(
				channel_send(t.guest.channel, bytes + done, segment, NULL, 0), 0);
			flush();
			done += segment;
		}
		UNTIL(t.guest.done == round * 20000);
	}
	free(bytes);
}

static void what_a_blob_holds_is_what_the_compositor_reads(void **state)
{
	static const size_t sizes[] = {1, 4096, 5000, 1 << 20, 1920 * 1080 * 4, 3840 * 2160 * 4};
	bind_all();
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		struct channel_blob *blob;
		int32_t width = (int32_t)sizes[i];
		assert_int_equal(make_blob(sizes[i], &blob), 0);
		assert_int_equal(blob->size, sizes[i]);
		for (size_t j = 0; j < sizes[i]; j++)
			blob->map[j] = pattern(j, (uint32_t)i);
		uint32_t sum = checksum(CHECKSUM_START, blob->map, sizes[i]);
		uint32_t pool = t.guest.next_id++, buffer = t.guest.next_id++;
		request_with("wl_shm", "create_pool", t.guest.shm,
			ARGS({.id = pool}, {.i = 0}, {.i = width}), channel_blob_handle(blob));
		request("wl_shm_pool", "create_buffer", pool,
			ARGS({.id = buffer}, {.i = 0}, {.i = width}, {.i = 1}, {.i = width},
				{.u = 0x20203852}));
		sync_guest();
		assert_int_equal(fake_seen->buffers, i + 1);
		assert_int_equal(fake_seen->buffer_sum, sum);
		request("wl_buffer", "destroy", buffer, NULL);
		request("wl_shm_pool", "destroy", pool, NULL);
		channel_blob_unref(blob);
		sync_guest();
	}
	assert_int_equal(channel_counters(t.guest.channel)->blobs, 0);
}

/* A blob of @fd's first @size bytes; its status when the host has answered. */
static int give_file(int fd, size_t size, struct channel_blob **blob)
{
	assert_int_equal(channel_blob_give(t.guest.channel, fd, size, blob), 0);
	UNTIL((*blob)->status != -EINPROGRESS);
	return (*blob)->status;
}

static void a_file_of_the_guests_is_what_the_compositor_reads(void **state)
{
	static uint8_t bytes[3 << 20];
	bind_all();
	for (unsigned i = 0; i < 100; i++) {
		size_t size = i % 2 ? 5000 : sizeof(bytes);
		struct channel_blob *blob;
		int fd = fd_memfd("pool", size);
		bytes[0] = (uint8_t)i;
		assert_int_equal(pwrite(fd, bytes, size, 0), size);
		assert_int_equal(give_file(fd, size, &blob), 0);
		close(fd);
		assert_null(blob->map);
		uint32_t pool = t.guest.next_id++, buffer = t.guest.next_id++;
		request_with("wl_shm", "create_pool", t.guest.shm,
			ARGS({.id = pool}, {.i = 0}, {.i = (int32_t)size}),
			channel_blob_handle(blob));
		channel_blob_unref(blob);
		request("wl_shm_pool", "create_buffer", pool,
			ARGS({.id = buffer}, {.i = 0}, {.i = (int32_t)size}, {.i = 1},
				{.i = (int32_t)size}, {.u = 0x20203852}));
		sync_guest();
		assert_int_equal(fake_seen->buffer_sum, checksum(CHECKSUM_START, bytes, size));
		request("wl_buffer", "destroy", buffer, NULL);
		request("wl_shm_pool", "destroy", pool, NULL);
	}
	sync_guest();
}

static void a_file_that_the_host_does_not_take_is_no_end(void **state)
{
	struct channel_blob *blob;
	int fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(give_file(fd, 4096, &blob), -ENOMEM);
	channel_blob_unref(blob);
	close(fd);
	sync_guest();
	fd = fd_memfd("pool", 4096);
	assert_int_equal(give_file(fd, 4096, &blob), 0);
	channel_blob_unref(blob);
	close(fd);
	sync_guest();
}

/* More than may wait at the host. Some end before the host has answered, some with it. */
static void files_that_are_given_and_dropped_leave_nothing(void **state)
{
	int fd = fd_memfd("pool", 4096);
	for (unsigned i = 0; i < 1000; i++) {
		struct channel_blob *blobs[4];
		unsigned n = 0;
		while (n < ARRAY_LENGTH(blobs))
			assert_int_equal(
				channel_blob_give(t.guest.channel, fd, 4096, &blobs[n++]), 0);
		if (i % 2)
			sync_guest();
		while (n > 0)
			channel_blob_unref(blobs[--n]);
		sync_guest();
	}
	struct channel_blob *blob;
	assert_int_equal(give_file(fd, 4096, &blob), 0);
	close(fd);
	struct channel_blob *late;
	fd = fd_memfd("pool", 4096);
	assert_int_equal(channel_blob_give(t.guest.channel, fd, 4096, &late), 0);
	close(fd);
	guest_close(&t.guest); /* the blobs outlive it */
	assert_null(late->owner);
	channel_blob_unref(blob);
	channel_blob_unref(late);
	guest_open(&t.guest);
	sync_guest();
}

static void memory_is_new_after_every_use(void **state)
{
	for (unsigned i = 0; i < 3000; i++) {
		struct channel_blob *blobs[3];
		for (unsigned j = 0; j < 3; j++) {
			assert_int_equal(make_blob(8192 << j, &blobs[j]), 0);
			for (size_t k = 0; k < blobs[j]->size; k += 4096)
				assert_int_equal(blobs[j]->map[k], 0);
			memset(blobs[j]->map, 0xaa, blobs[j]->size);
		}
		for (unsigned j = 0; j < 3; j++)
			channel_blob_unref(blobs[j]);
	}
	sync_guest();
}

static void a_region_that_is_full_is_no_end(void **state)
{
	struct channel_blob *blobs[64];
	unsigned n = 0;
	int error = 0;
	while (n < ARRAY_LENGTH(blobs) && (error = make_blob(16 << 20, &blobs[n])) == 0)
		n++;
	assert_int_equal(error, -ENOMEM);
	assert_true(n >= 14);
	sync_guest();
	channel_blob_unref(blobs[--n]);
	assert_int_equal(make_blob(16 << 20, &blobs[n]), 0);
	n++;
	while (n > 0)
		channel_blob_unref(blobs[--n]);
}

/* Sends @size bytes of pattern(@source) into the pipe of each source, all at once. */
static void write_to_all(unsigned n_pipes, uint64_t size)
{
	static uint8_t bytes[20000];
	for (uint64_t done = 0; done < size;) {
		size_t n = min_u64(sizeof(bytes), size - done);
		UNTIL(channel_ready(t.guest.channel));
		for (unsigned i = 0; i < n_pipes; i++) {
			for (size_t j = 0; j < n; j++)
				bytes[j] = pattern(done + j, i);
			assert_int_equal(channel_write(t.guest.channel, t.guest.write_pipes[i],
						 bytes, n, done + n == size),
				0);
			flush();
		}
		done += n;
	}
}

static uint32_t pattern_checksum(uint64_t size, uint32_t seed)
{
	uint32_t sum = CHECKSUM_START;
	for (uint64_t i = 0; i < size; i++) {
		uint8_t byte = pattern(i, seed);
		sum = checksum(sum, &byte, 1);
	}
	return sum;
}

static void make_device(void)
{
	if (t.guest.device)
		return;
	t.guest.keyboard = t.guest.next_id++;
	request("wl_seat", "get_keyboard", t.guest.seat, ARGS({.id = t.guest.keyboard}));
	t.guest.device = t.guest.next_id++;
	request("wl_data_device_manager", "get_data_device", t.guest.manager,
		ARGS({.id = t.guest.device}, {.id = t.guest.seat}));
}

static void open_write_pipes(unsigned n)
{
	make_device();
	flush();
	UNTIL(t.guest.serial != 0);
	for (unsigned i = 0; i < n; i++) {
		char mime[32];
		snprintf(mime, sizeof(mime), "take %u", i);
		uint32_t source = make_source(i);
		request("wl_data_source", "offer", source, ARGS({.s = mime}));
		request("wl_data_device", "set_selection", t.guest.device,
			ARGS({.id = source}, {.u = t.guest.serial}));
	}
	flush();
	for (unsigned i = 0; i < n; i++)
		UNTIL(t.guest.write_pipes[i] != 0);
}

static void open_read_pipes(unsigned n, uint64_t size)
{
	make_device();
	flush();
	UNTIL(t.guest.offer != 0);
	for (unsigned i = 0; i < n; i++) {
		char mime[32];
		uint32_t id = channel_new_read_pipe(t.guest.channel);
		snprintf(mime, sizeof(mime), "give %lu %u", (unsigned long)size, i);
		t.guest.reads[i].id = id;
		t.guest.reads[i].sum = CHECKSUM_START;
		request_with("wl_data_offer", "receive", t.guest.offer, ARGS({.s = mime}),
			(struct wire_handle){.kind = WIRE_READ_PIPE, .fd = -1, .id = id});
	}
	flush();
}

static void ten_pipes_each_way_carry_megabytes_at_once(void **state)
{
	const uint64_t size = 3000001;
	bind_all();
	open_write_pipes(PIPES);
	open_read_pipes(PIPES, size);
	write_to_all(PIPES, size);
	for (unsigned i = 0; i < PIPES; i++) {
		UNTIL(t.guest.reads[i].ended && fake_seen->taken[i].ended);
		uint32_t sum = pattern_checksum(size, i);
		assert_int_equal(t.guest.reads[i].bytes, size);
		assert_int_equal(t.guest.reads[i].sum, sum);
		assert_int_equal(fake_seen->taken[i].bytes, size);
		assert_int_equal(fake_seen->taken[i].sum, sum);
	}
	sync_guest();
}

static void a_pipe_may_end_without_a_byte(void **state)
{
	bind_all();
	open_write_pipes(1);
	open_read_pipes(1, 0);
	assert_int_equal(channel_write(t.guest.channel, t.guest.write_pipes[0], NULL, 0, true), 0);
	flush();
	UNTIL(t.guest.reads[0].ended && fake_seen->taken[0].ended);
	assert_int_equal(t.guest.reads[0].bytes, 0);
	assert_int_equal(fake_seen->taken[0].bytes, 0);
}

static void a_reader_that_takes_nothing_is_not_sent_more_than_the_region(void **state)
{
	bind_all();
	t.guest.hold_credit = true;
	open_read_pipes(1, 2000000);
	UNTIL(t.guest.reads[0].bytes >= 512 << 10);
	for (unsigned i = 0; i < 20; i++)
		sync_guest();
	assert_int_equal(t.guest.reads[0].bytes, 512 << 10);
	t.guest.hold_credit = false;
	channel_read_done(t.guest.channel, t.guest.reads[0].id, 512 << 10);
	UNTIL(t.guest.reads[0].ended);
	assert_int_equal(t.guest.reads[0].bytes, 2000000);
}

static void while_paused_the_host_keeps_what_it_has_to_say(void **state)
{
	size_t size;
	uint8_t *bytes = make_syncs(10000, &size);
	channel_pause(t.guest.channel, true);
	unsigned before = t.guest.receives;
	assert_int_equal(channel_send(t.guest.channel, bytes, size, NULL, 0), 0);
	flush();
	for (unsigned i = 0; i < 20; i++)
		wl_event_loop_dispatch(t.loop, 10);
	assert_in_range(t.guest.receives - before, 0, 1); /* the one that was asked for before */
	channel_pause(t.guest.channel, false);
	UNTIL(t.guest.done == 10000);
	free(bytes);
}

static void a_compositor_that_stops_reading_holds_the_guest_back(void **state)
{
	static uint8_t bytes[12000];
	bind_all();
	uint32_t source = make_source(0);
	request("wl_data_source", "set_actions", source, ARGS({.u = 1}));
	flush();
	/* The same, over and over: nothing comes back. */
	size_t size = 0;
	while (size + 64 <= sizeof(bytes))
		size += encode_message(RELAY_DOWN, "wl_data_source", "set_actions", source,
			ARGS({.u = 1}), bytes + size, 64);
	size_t sent = 0;
	for (unsigned i = 0; i < 2000 && channel_ready(t.guest.channel); i++) {
		assert_int_equal(channel_send(t.guest.channel, bytes, size, NULL, 0), 0);
		flush();
		wl_event_loop_dispatch(t.loop, 5);
		sent += size;
	}
	assert_false(channel_ready(t.guest.channel));
	assert_true(sent < 4 << 20);
	/* Others are none the worse for it. */
	static struct guest other;
	guest_open(&other);
	uint8_t sync[12];
	encode_message(RELAY_DOWN, "wl_display", "sync", DISPLAY, ARGS({.id = other.next_id}), sync,
		sizeof(sync));
	for (unsigned i = 1; i <= 50; i++) {
		assert_int_equal(channel_send(other.channel, sync, sizeof(sync), NULL, 0), 0);
		assert_int_equal(channel_flush(other.channel), 0);
		UNTIL(other.done == i);
	}
	assert_false(channel_ready(t.guest.channel));
	assert_false(t.guest.closed);
	guest_close(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_round_trip_takes_one_submission_each_way),
		TEST(bytes_arrive_whatever_the_segments),
		TEST(a_megabyte_each_way_is_echoed_in_order),
		TEST(what_a_blob_holds_is_what_the_compositor_reads),
		TEST(a_file_of_the_guests_is_what_the_compositor_reads),
		TEST(a_file_that_the_host_does_not_take_is_no_end),
		TEST(files_that_are_given_and_dropped_leave_nothing),
		TEST(memory_is_new_after_every_use),
		TEST(a_region_that_is_full_is_no_end),
		TEST(ten_pipes_each_way_carry_megabytes_at_once),
		TEST(a_pipe_may_end_without_a_byte),
		TEST(a_reader_that_takes_nothing_is_not_sent_more_than_the_region),
		TEST(while_paused_the_host_keeps_what_it_has_to_say),
		TEST(a_compositor_that_stops_reading_holds_the_guest_back),
	};
	return pair_main(tests, ARRAY_LENGTH(tests));
}
