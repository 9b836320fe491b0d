/* guest-proxy and the real device: many in turn and at once, and how either ends or stands still */
#include "tests/unit/device_pair.h"

static void the_compositors_end_closes_the_channel_once(void **state)
{
	sync_guest();
	stop_end(&t.compositor);
	UNTIL(t.guest.closed);
	assert_null(t.guest.why);
	for (unsigned i = 0; i < 10; i++)
		wl_event_loop_dispatch(t.loop, 5);
	assert_false(t.died);
	assert_int_equal(channel_send(t.guest.channel, (const uint8_t *)"", 1, NULL, 0), -EPIPE);
	/* With a new one there is a new start. */
	t.compositor = fake_compositor_start(display_path);
	guest_close(&t.guest);
	guest_open(&t.guest);
	sync_guest();
}

static void without_a_compositor_a_channel_ends_at_once(void **state)
{
	stop_end(&t.compositor);
	unlink(display_path);
	UNTIL(t.guest.closed);
	guest_close(&t.guest);
	guest_open(&t.guest);
	UNTIL(t.guest.closed);
	assert_null(t.guest.why);
}

static void the_hosts_end_is_told_to_the_channel_and_then_to_the_process(void **state)
{
	struct channel_blob *blob;
	assert_int_equal(make_blob(100000, &blob), 0);
	stop_end(&t.host);
	UNTIL(t.died);
	assert_true(t.guest.closed);
	assert_non_null(t.guest.why);
	memset(blob->map, 1, blob->size); /* its memory stays while it is held */
	assert_int_equal(channel_flush(t.guest.channel), -EPIPE);
	struct channel_blob *none;
	assert_int_equal(channel_blob_create(t.guest.channel, 4096, &none), -EPIPE);
	assert_null(channel_create(t.gpu, &listener, &t.guest));
	channel_blob_unref(blob);
}

static void a_host_that_hangs_for_a_while_ends_nothing(void **state)
{
	struct channel_blob *blob;
	sync_guest();
	kill(t.host, SIGSTOP);
	assert_int_equal(channel_blob_create(t.guest.channel, 4096, &blob), 0);
	uint64_t end_ns = vhost_user_deadline_ns(6500);
	while (vhost_user_remaining_ms(end_ns) > 0)
		wl_event_loop_dispatch(t.loop, 100);
	assert_int_equal(blob->status, -EINPROGRESS);
	assert_false(t.guest.closed);
	kill(t.host, SIGCONT);
	UNTIL(blob->status == 0);
	memset(blob->map, 1, blob->size);
	channel_blob_unref(blob);
	sync_guest();
	assert_false(t.died);
}

static void a_guest_that_is_killed_makes_way_for_the_next(void **state)
{
	guest_close(&t.guest);
	t.gpu->ops->destroy(t.gpu);
	t.gpu = NULL;
	for (unsigned i = 0; i < 3; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			gpu_open();
			guest_open(&t.guest);
			struct channel_blob *blob;
			make_blob(1 << 20, &blob);
			memset(blob->map, 1, blob->size);
			raise(SIGKILL);
		}
		waitpid(pid, NULL, 0);
	}
	gpu_open();
	guest_open(&t.guest);
	sync_guest();
}

/* From the page tables: the kernel's own counters are off by up to some hundred KiB. */
static long resident_kib(void)
{
	char line[128];
	long kib = 0;
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Rss: %ld", &kib) == 1)
			break;
	fclose(file);
	return kib;
}

static void channels_one_after_another_leave_nothing_behind(void **state)
{
	int fds = 0;
	long kib = 0;
	guest_close(&t.guest);
	for (unsigned i = 0; i < 1000; i++) {
		struct channel_blob *blob;
		guest_open(&t.guest);
		assert_int_equal(make_blob(65536, &blob), 0);
		memset(blob->map, 1, blob->size);
		channel_blob_unref(blob);
		if (i % 10 == 0 || i == 999)
			sync_guest(); /* the host has let go of all before */
		if (i == 100) {
			fds = fd_count();
			kib = resident_kib();
		}
		if (i < 999)
			guest_close(&t.guest);
	}
	assert_int_equal(fd_count(), fds);
#ifdef __SANITIZE_ADDRESS__ /* which keeps freed memory for a while */
	(void)kib;
#else
	/* A buffer or two of 64 KiB come and go; 900 clients that leave something are more. */
	assert_true(resident_kib() <= kib + 256);
#endif
	UNTIL(fake_seen->clients == 1);
}

static void hundreds_of_channels_at_once_share_the_queue(void **state)
{
	static struct guest others[50];
	for (unsigned i = 0; i < ARRAY_LENGTH(others); i++)
		guest_open(&others[i]);
	uint8_t sync[12];
	encode_message(RELAY_DOWN, "wl_display", "sync", DISPLAY, ARGS({.id = t.guest.next_id}),
		sync, sizeof(sync));
	for (unsigned round = 1; round <= 100; round++) {
		for (unsigned i = 0; i < ARRAY_LENGTH(others); i++) {
			assert_int_equal(
				channel_send(others[i].channel, sync, sizeof(sync), NULL, 0), 0);
			assert_int_equal(channel_flush(others[i].channel), 0);
		}
		for (unsigned i = 0; i < ARRAY_LENGTH(others); i++)
			UNTIL(others[i].done == round);
	}
	for (unsigned i = 0; i < ARRAY_LENGTH(others); i++)
		guest_close(&others[i]);
}

static void submissions_beyond_the_queue_wait_for_room(void **state)
{
	/* The host is stopped, so the queue fills up; nothing may be lost or overtake. */
	size_t size;
	uint8_t *bytes = make_syncs(1500, &size);
	sync_guest();
	unsigned due = t.guest.done + 1500;
	kill(t.host, SIGSTOP);
	for (size_t done = 0; done < size; done += 12) {
		assert_int_equal(channel_send(t.guest.channel, bytes + done, 12, NULL, 0), 0);
		flush();
	}
	assert_false(channel_ready(t.guest.channel));
	kill(t.host, SIGCONT);
	UNTIL(t.guest.done == due);
	UNTIL(channel_ready(t.guest.channel));
	assert_true(t.guest.readies > 0);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_compositors_end_closes_the_channel_once),
		TEST(without_a_compositor_a_channel_ends_at_once),
		TEST(the_hosts_end_is_told_to_the_channel_and_then_to_the_process),
		TEST(a_host_that_hangs_for_a_while_ends_nothing),
		TEST(a_guest_that_is_killed_makes_way_for_the_next),
		TEST(channels_one_after_another_leave_nothing_behind),
		TEST(hundreds_of_channels_at_once_share_the_queue),
		TEST(submissions_beyond_the_queue_wait_for_room),
	};
	return pair_main(tests, ARRAY_LENGTH(tests));
}
