/* host-bridge/cross_domain/cross_domain_events.c: runs of events, in several pages */
#include "host-bridge/cross_domain/cross_domain_context.h"

#include "tests/unit/cross_domain_world.h"

#define RING 20 /* its resource, and its first page */
#define RING_PAGES 34u
#define SLOT_PAGES 16u
#define SLOT_BYTES (SLOT_PAGES * 4096u)

static void open_long_channel(void)
{
	attach(make_pages(RING, RING_PAGES));
	open_channel_on(RING);
	assert_int_equal(credit(0, 256 << 10), 0);
}

static int poll_run(struct test_request *request, uint32_t page, uint32_t n_pages)
{
	const struct cross_domain_poll poll = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_POLL, .cmd_size = sizeof(poll)},
		.page = page,
		.n_pages = n_pages,
	};
	return submit_as(request, CROSS_DOMAIN_CHANNEL_RING, &poll, sizeof(poll));
}

/* The events of a run at page @page, which the test reads one by one. */
struct events {
	const uint8_t *at;
	size_t left;
};

static struct events run_at(uint32_t page)
{
	struct cross_domain_run run;
	const uint8_t *at = t.pages.map + (RING + page) * 4096;
	memcpy(&run, at, sizeof(run));
	assert_int_equal(run.hdr.cmd, CROSS_DOMAIN_CMD_RUN);
	assert_int_equal(run.bytes % 8, 0);
	return (struct events){at + sizeof(run), run.bytes};
}

/* The next event's command; 0: that was all. */
static int take(struct events *events, const uint8_t **data, size_t *size)
{
	struct cross_domain_send_receive receive;
	struct cross_domain_read_write read;
	size_t length = cross_domain_event_length(events->at, events->left);
	if (events->left == 0)
		return 0;
	assert_int_not_equal(length, 0);
	int cmd = events->at[0];
	if (cross_domain_receive_decode(events->at, length, &receive, data) == 0)
		*size = receive.opaque_data_size;
	else if (cross_domain_read_decode(events->at, length, &read, data) == 0)
		*size = read.opaque_data_size;
	events->at += length;
	events->left -= length;
	return cmd;
}

static void expect_run(uint32_t page, const char *text)
{
	struct events events = run_at(page);
	const uint8_t *data;
	size_t size;
	assert_int_equal(take(&events, &data, &size), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(size, strlen(text));
	assert_memory_equal(data, text, size);
	assert_int_equal(take(&events, &data, &size), 0);
}

static void a_burst_takes_one_poll(void **state)
{
	static uint8_t bytes[30000];
	struct test_request poll;
	struct events events;
	const uint8_t *data;
	size_t size;
	open_long_channel();
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i ^ i >> 8);
	for (int i = 0; i < 100; i++)
		assert_int_equal(to_guest(bytes + (ptrdiff_t)i * 300, 300, NULL, 0), 0);
	assert_int_equal(poll_run(&poll, 0, SLOT_PAGES), 0);
	turn();
	assert_int_equal(poll.response, VIRTIO_GPU_RESP_OK_NODATA);
	events = run_at(0);
	assert_int_equal(take(&events, &data, &size), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(size, sizeof(bytes));
	assert_memory_equal(data, bytes, size);
	assert_int_equal(events.left, 0);
	assert_int_equal(t.counters.fences, 1);
}

/* What the pages held before, or get meanwhile, is the guest's own affair. */
static void runs_go_where_the_polls_say_in_their_order(void **state)
{
	struct test_request polls[2];
	open_long_channel();
	memset(t.pages.map + RING * 4096, 0xee, RING_PAGES * 4096);
	assert_int_equal(poll_run(&polls[0], SLOT_PAGES + 2, SLOT_PAGES), 0);
	assert_int_equal(poll_run(&polls[1], 1, 2), 0);
	assert_int_equal(to_guest("one.....", 8, NULL, 0), 0);
	turn();
	assert_int_equal(polls[0].response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(polls[1].response, 0);
	expect_run(SLOT_PAGES + 2, "one.....");
	assert_int_equal(to_guest("two.....", 8, NULL, 0), 0);
	turn();
	expect_run(1, "two.....");
	assert_int_equal(t.pages.map[RING * 4096], 0xee);
	/* A run of one page is one, too; and one event of the old kind may be had. */
	assert_int_equal(poll_run(&polls[0], 0, 1), 0);
	assert_int_equal(poll_run(&polls[1], 5, 0), 0);
	assert_int_equal(to_guest("three...", 8, NULL, 0), 0);
	turn();
	expect_run(0, "three...");
	assert_int_equal(to_guest("four....", 8, NULL, 0), 0);
	turn();
	assert_int_equal(t.pages.map[(RING + 5) * 4096], CROSS_DOMAIN_CMD_RECEIVE);
}

static void what_does_not_fit_waits_for_the_next_poll(void **state)
{
	static uint8_t bytes[150000];
	struct test_request poll;
	size_t got = 0, size;
	const uint8_t *data;
	open_long_channel();
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i ^ i >> 8);
	for (size_t i = 0; i < sizeof(bytes); i += 50000)
		assert_int_equal(to_guest(bytes + i, 50000, NULL, 0), 0);
	for (unsigned n = 0; got < sizeof(bytes); n++) {
		assert_true(n < 3);
		memset(t.pages.map + (RING + SLOT_PAGES) * 4096, 0xee, 4096);
		assert_int_equal(poll_run(&poll, 0, SLOT_PAGES), 0);
		turn();
		assert_int_equal(poll.response, VIRTIO_GPU_RESP_OK_NODATA);
		assert_int_equal(t.pages.map[(RING + SLOT_PAGES) * 4096], 0xee);
		for (struct events events = run_at(0); events.left > 0; got += size) {
			assert_int_equal(take(&events, &data, &size), CROSS_DOMAIN_CMD_RECEIVE);
			assert_memory_equal(data, bytes + got, size);
		}
	}
	assert_int_equal(t.quota.entries[QUOTA_QUEUED_BYTES].use, 0);
}

/* Many POLLs are no reason to let others wait. */
static void a_turn_that_is_over_has_one_run(void **state)
{
	static const uint8_t bytes[50000];
	struct test_request polls[2];
	open_long_channel();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(to_guest(bytes, sizeof(bytes), NULL, 0), 0);
		assert_int_equal(poll_run(&polls[i], (uint32_t)i * SLOT_PAGES, SLOT_PAGES), 0);
	}
	t.turn_over = true;
	t.awake = false;
	t.context->ops->service(t.context);
	assert_int_equal(polls[0].response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(polls[1].response, 0);
	assert_true(t.awake);
	t.turn_over = false;
	assert_int_equal(poll_run(&polls[0], 0, SLOT_PAGES), 0);
	assert_int_equal(to_guest(bytes, sizeof(bytes), NULL, 0), 0);
	t.awake = false;
	t.context->ops->service(t.context);
	assert_int_equal(polls[0].response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(polls[1].response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_false(t.awake);
}

/* Each WRITE_PIPE has a RECEIVE of its own in the run. */
static void identifiers_keep_their_places(void **state)
{
	struct test_request poll;
	const uint8_t *data;
	size_t size;
	open_long_channel();
	int first = give_write_pipe(), second = give_write_pipe();
	assert_int_equal(poll_run(&poll, 0, SLOT_PAGES), 0);
	turn();
	struct events events = run_at(0);
	for (uint32_t i = 0; i < 2; i++) {
		struct cross_domain_send_receive receive;
		memcpy(&receive, events.at, sizeof(receive));
		assert_int_equal(take(&events, &data, &size), CROSS_DOMAIN_CMD_RECEIVE);
		assert_int_equal(receive.num_identifiers, 1);
		assert_int_equal(receive.identifiers[0], 2 + i);
	}
	assert_int_equal(events.left, 0);
	close(first);
	close(second);
}

static int open_pipe(void)
{
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_READ_PIPE, FIRST_PIPE), 0);
	int fd = fd_dup(fake_compositor->handles[0].fd);
	fake_compositor_drop_handles(fake_compositor);
	assert_int_equal(fd_set_nonblock(fd), 0);
	return fd;
}

static void bytes_of_pipes_come_by_the_slot_and_events_are_not_behind_them(void **state)
{
	static uint8_t bytes[100000];
	struct test_request poll;
	const uint8_t *data;
	size_t size;
	open_long_channel();
	int fd = open_pipe();
	assert_int_equal(write(fd, bytes, sizeof(bytes)), 65536);
	assert_int_equal(to_guest("an event", 8, NULL, 0), 0);
	assert_int_equal(poll_run(&poll, 0, SLOT_PAGES), 0);
	turn();
	struct events events = run_at(0);
	assert_int_equal(take(&events, &data, &size), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(take(&events, &data, &size), CROSS_DOMAIN_CMD_READ);
	assert_true(size > 64000);
	assert_int_equal(take(&events, &data, &size), 0);
	close(fd);
}

static void the_end_is_the_last_event_of_a_run(void **state)
{
	struct test_request poll, after;
	const uint8_t *data;
	size_t size;
	open_long_channel();
	assert_int_equal(to_guest("last....", 8, NULL, 0), 0);
	fake_compositor->listener->closed(fake_compositor->data);
	assert_int_equal(poll_run(&poll, 0, SLOT_PAGES), 0);
	turn();
	struct events events = run_at(0);
	assert_int_equal(take(&events, &data, &size), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(size, 8);
	assert_int_equal(take(&events, &data, &size), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(load_u32(data), 1); /* the wl_display.error */
	assert_int_equal(take(&events, &data, &size), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(size, 0);
	assert_int_equal(take(&events, &data, &size), 0);
	assert_int_equal(poll_run(&after, 0, SLOT_PAGES), 0);
	turn();
	assert_int_equal(after.response, 0);
}

static void pages_that_the_ring_does_not_have_are_refused(void **state)
{
	static const struct {
		uint32_t page, n_pages;
	} wrong[] = {
		{RING_PAGES, 1},
		{RING_PAGES - 1, 2},
		{0, SLOT_PAGES + 1},
		{0, UINT32_MAX},
		{1, UINT32_MAX},
		{UINT32_MAX, 1},
		{UINT32_MAX, UINT32_MAX},
		{1u << 24, 1},
	};
	struct test_request poll;
	open_long_channel();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(poll_run(&poll, wrong[i].page, wrong[i].n_pages), -EINVAL);
	assert_int_equal(poll_run(&poll, RING_PAGES - 1, 1), 0);
	assert_int_equal(t.counters.contexts_lost, 0);
}

/* As single events are: a page that is not there costs the context. */
static void a_ring_that_has_left_the_guests_memory_costs_the_context(void **state)
{
	struct test_request poll;
	open_long_channel();
	assert_int_equal(poll_run(&poll, 0, SLOT_PAGES), 0);
	const struct vhost_user_memory none = {0};
	assert_int_equal(guest_memory_set(t.pages.memory, &none, NULL, 0), 0);
	assert_int_equal(to_guest("hello...", 8, NULL, 0), 0);
	turn();
	assert_int_equal(poll.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(t.counters.contexts_lost, 1);
}

#define MORE 60 /* a resource, and its first page */
#define MORE_PAGES 64u

static int give_pages(uint32_t resource)
{
	const struct cross_domain_pages command = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_PAGES, .cmd_size = sizeof(command)},
		.resource_id = resource,
	};
	return submit(&command, sizeof(command));
}

static void more_pages_follow_those_of_the_ring(void **state)
{
	static uint8_t bytes[200000];
	struct test_request poll;
	const uint8_t *data;
	size_t size;
	open_long_channel();
	attach(make_pages(MORE, MORE_PAGES));
	assert_int_equal(poll_run(&poll, RING_PAGES, MORE_PAGES), -EINVAL);
	assert_int_equal(give_pages(MORE), 0);
	assert_int_equal(poll_run(&poll, RING_PAGES - 1, 2), -EINVAL); /* of both */
	assert_int_equal(poll_run(&poll, RING_PAGES + 1, MORE_PAGES), -EINVAL);
	assert_int_equal(poll_run(&poll, RING_PAGES, MORE_PAGES + 1), -EINVAL);
	assert_int_equal(poll_run(&poll, RING_PAGES + MORE_PAGES, 1), -EINVAL);
	int fd = open_pipe();
	assert_int_equal(fcntl(fd, F_SETPIPE_SZ, 256 << 10), 256 << 10);
	memset(bytes, 7, sizeof(bytes));
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(poll_run(&poll, RING_PAGES, MORE_PAGES), 0);
	turn();
	struct events events = run_at(MORE - RING);
	assert_int_equal(take(&events, &data, &size), CROSS_DOMAIN_CMD_READ);
	assert_int_equal(size, sizeof(bytes));
	assert_memory_equal(data, bytes, sizeof(bytes));
	assert_int_equal(give_pages(0), 0);
	assert_int_equal(poll_run(&poll, RING_PAGES, MORE_PAGES), -EINVAL);
	close(fd);
}

static const void *pipes_went_to;
static int writer = -1; /* goes on once, when its pipe has been read */

ssize_t __real_readv(int fd, const struct iovec *iov, int n);
ssize_t __wrap_readv(int fd, const struct iovec *iov, int n);
ssize_t __wrap_readv(int fd, const struct iovec *iov, int n)
{
	ssize_t got = __real_readv(fd, iov, n);
	if (got > 0)
		pipes_went_to = iov[0].iov_base;
	if (got > 0 && writer >= 0)
		assert_int_equal(write(writer, "and more", 8), 8);
	writer = -1;
	return got;
}

/* Large contents are read to where the guest finds them, what comes behind them is copied there,
 * and nothing else is touched. */
static void long_contents_are_not_copied(void **state)
{
	static uint8_t bytes[150001];
	struct test_request poll;
	const uint8_t *data;
	size_t size;
	open_long_channel();
	attach(make_pages(MORE, MORE_PAGES));
	assert_int_equal(give_pages(MORE), 0);
	int fd = open_pipe();
	assert_int_equal(fcntl(fd, F_SETPIPE_SZ, 256 << 10), 256 << 10);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i ^ i >> 8);
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	close(fd);
	uint8_t *const at = t.pages.map + MORE * 4096;
	memset(at, 0xee, MORE_PAGES * 4096);
	assert_int_equal(to_guest("an event", 8, NULL, 0), 0);
	assert_int_equal(poll_run(&poll, RING_PAGES, MORE_PAGES), 0);
	turn();
	struct events events = run_at(MORE - RING);
	assert_int_equal(take(&events, &data, &size), CROSS_DOMAIN_CMD_RECEIVE);
	assert_memory_equal(data, "an event", 8);
	assert_int_equal(take(&events, &data, &size), CROSS_DOMAIN_CMD_READ);
	assert_int_equal(size, sizeof(bytes));
	assert_memory_equal(data, bytes, sizeof(bytes));
	assert_int_equal(take(&events, &data, &size), CROSS_DOMAIN_CMD_READ); /* the end */
	assert_int_equal(size, 0);
	assert_int_equal(take(&events, &data, &size), 0);
	assert_int_equal(events.at[0], 0xee);
	assert_true(at < (const uint8_t *)events.at);
}

static void where_contents_go_is_the_guests_memory(void **state)
{
	static uint8_t bytes[100000];
	struct test_request poll;
	open_long_channel();
	attach(make_pages(MORE, MORE_PAGES));
	assert_int_equal(give_pages(MORE), 0);
	int fd = open_pipe();
	assert_int_equal(fcntl(fd, F_SETPIPE_SZ, 256 << 10), 256 << 10);
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	/* One POLL for an ordinary run, which has a copy, and one for a long one. */
	assert_int_equal(poll_run(&poll, 0, SLOT_PAGES), 0);
	turn();
	const uint8_t *memory = guest_memory_at(t.pages.memory, RAM, RAM_BYTES);
	assert_false(pipes_went_to >= (const void *)memory &&
		pipes_went_to < (const void *)(memory + RAM_BYTES));
	assert_int_equal(poll_run(&poll, RING_PAGES, MORE_PAGES), 0);
	turn();
	assert_ptr_equal(pipes_went_to,
		memory + MORE * 4096 + sizeof(struct cross_domain_run) +
			sizeof(struct cross_domain_read_write));
	close(fd);
}

/* What the guest's reader has not taken bounds a read into the guest's memory as any other one. */
static void long_contents_keep_to_the_window(void **state)
{
	static uint8_t bytes[150000];
	struct test_request poll;
	const uint8_t *data;
	size_t size;
	open_long_channel();
	assert_int_equal(credit(0, 100000), 0);
	attach(make_pages(MORE, MORE_PAGES));
	assert_int_equal(give_pages(MORE), 0);
	int fd = open_pipe();
	assert_int_equal(fcntl(fd, F_SETPIPE_SZ, 256 << 10), 256 << 10);
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(poll_run(&poll, RING_PAGES, MORE_PAGES), 0);
	turn();
	struct events events = run_at(MORE - RING);
	assert_int_equal(take(&events, &data, &size), CROSS_DOMAIN_CMD_READ);
	assert_int_equal(size, 100000);
	assert_int_equal(take(&events, &data, &size), 0);
	close(fd);
}

/* How many READs a long run has when @first bytes are in a pipe, and its writer goes on meanwhile.
 */
static unsigned reads_of(int fd, size_t first)
{
	static uint8_t bytes[256 << 10];
	struct test_request poll;
	const uint8_t *data;
	size_t size;
	unsigned n = 0;
	assert_int_equal(write(fd, bytes, first), first);
	writer = fd;
	assert_int_equal(poll_run(&poll, RING_PAGES, MORE_PAGES), 0);
	turn();
	struct events events = run_at(MORE - RING);
	while (take(&events, &data, &size) == CROSS_DOMAIN_CMD_READ) {
		assert_int_equal(size, n == 0 ? first : 8);
		n++;
	}
	assert_int_equal(credit(FIRST_PIPE, 256 << 10), 0);
	return n;
}

static void a_few_bytes_wait_behind_a_run_that_is_full(void **state)
{
	open_long_channel();
	attach(make_pages(MORE, MORE_PAGES));
	assert_int_equal(give_pages(MORE), 0);
	int fd = open_pipe();
	assert_int_equal(fcntl(fd, F_SETPIPE_SZ, 256 << 10), 256 << 10);
	assert_int_equal(reads_of(fd, 100000), 2);
	assert_int_equal(reads_of(fd, 250000), 1);
	struct test_request poll;
	assert_int_equal(poll_run(&poll, RING_PAGES, MORE_PAGES), 0);
	turn();
	struct events events = run_at(MORE - RING);
	const uint8_t *data;
	size_t size;
	assert_int_equal(take(&events, &data, &size), CROSS_DOMAIN_CMD_READ);
	assert_int_equal(size, 8);
	close(fd);
}

/* A long run has no longer piece of the stream than others. */
static void the_stream_comes_in_pieces_as_ever(void **state)
{
	static uint8_t bytes[50000];
	struct test_request poll;
	const uint8_t *data;
	size_t size, sum = 0;
	open_long_channel();
	attach(make_pages(MORE, MORE_PAGES));
	assert_int_equal(give_pages(MORE), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(to_guest(bytes, sizeof(bytes), NULL, 0), 0);
	assert_int_equal(poll_run(&poll, RING_PAGES, MORE_PAGES), 0);
	turn();
	struct events events = run_at(MORE - RING);
	while (take(&events, &data, &size) == CROSS_DOMAIN_CMD_RECEIVE) {
		assert_true(size < SLOT_BYTES);
		sum += size;
	}
	assert_int_equal(sum, 3 * sizeof(bytes));
}

static void pages_that_are_gone_cost_the_context(void **state)
{
	struct test_request poll;
	open_long_channel();
	attach(make_pages(MORE, MORE_PAGES));
	assert_int_equal(give_pages(MORE), 0);
	assert_int_equal(poll_run(&poll, RING_PAGES, MORE_PAGES), 0);
	detach(MORE);
	assert_int_equal(to_guest("hello...", 8, NULL, 0), 0);
	turn();
	assert_int_equal(poll.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(t.counters.contexts_lost, 1);
}

static void pages_are_memory_of_the_guest_that_is_there(void **state)
{
	assert_int_equal(give_pages(CHANNEL), -EINVAL); /* before INIT */
	open_long_channel();
	struct resource *host;
	assert_int_equal(resource_create(&t.table, 9, RESOURCE_BLOB_HOST, 4096, &host), 0);
	attach(host);
	assert_int_equal(give_pages(9), -EINVAL);
	/* It may have been refused: the channel goes on without. */
	struct test_request poll;
	assert_int_equal(give_pages(MORE), -ENOENT);
	assert_int_equal(poll_run(&poll, RING_PAGES, MORE_PAGES), -EINVAL);
	assert_int_equal(poll.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(poll_run(&poll, 0, SLOT_PAGES), 0);
	assert_int_equal(t.counters.contexts_lost, 0);
}

static void a_ring_of_one_page_has_no_more(void **state)
{
	open_channel();
	attach(make_pages(MORE, MORE_PAGES));
	assert_int_equal(give_pages(MORE), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_burst_takes_one_poll),
		TEST(runs_go_where_the_polls_say_in_their_order),
		TEST(what_does_not_fit_waits_for_the_next_poll),
		TEST(a_turn_that_is_over_has_one_run),
		TEST(identifiers_keep_their_places),
		TEST(bytes_of_pipes_come_by_the_slot_and_events_are_not_behind_them),
		TEST(the_end_is_the_last_event_of_a_run),
		TEST(pages_that_the_ring_does_not_have_are_refused),
		TEST(a_ring_that_has_left_the_guests_memory_costs_the_context),
		TEST(more_pages_follow_those_of_the_ring),
		TEST(long_contents_are_not_copied),
		TEST(where_contents_go_is_the_guests_memory),
		TEST(long_contents_keep_to_the_window),
		TEST(a_few_bytes_wait_behind_a_run_that_is_full),
		TEST(the_stream_comes_in_pieces_as_ever),
		TEST(pages_that_are_gone_cost_the_context),
		TEST(pages_are_memory_of_the_guest_that_is_there),
		TEST(a_ring_of_one_page_has_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
