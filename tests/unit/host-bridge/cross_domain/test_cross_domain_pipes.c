/* The pipes of a cross-domain context, through its commands and events. */
#include "host-bridge/cross_domain/cross_domain_context.h"

#include <poll.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/unit/cross_domain_world.h"
#include "tests/unit/narrow_pipes.h"

static void what_the_guest_writes_comes_out_of_the_pipe(void **state)
{
	struct test_request request;
	char bytes[16] = "";
	open_channel();
	int fd = give_write_pipe();
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(event.receive.types[0], CROSS_DOMAIN_ID_WRITE_PIPE);
	uint32_t id = event.receive.identifiers[0];
	assert_int_equal(id, 2);
	assert_int_equal(write_as(&request, 0, id, "paste", 5, false), 0);
	assert_int_equal(write_as(&request, 0, id, "d", 1, true), 0);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), 6);
	assert_string_equal(bytes, "pasted");
	assert_int_equal(read(fd, bytes, sizeof(bytes)), 0);
	assert_int_equal(write_as(&request, -1, id, "x", 1, false), -EINVAL);
	assert_int_equal(write_as(&request, -1, 99, "x", 1, true), -EINVAL);
	close(fd);
}

static void a_slow_reader_holds_back_who_writes_to_it_only(void **state)
{
	static uint8_t bytes[61440];
	struct test_request first, second, other, unfenced;
	open_channel();
	int slow = give_write_pipe(), quick = give_write_pipe();
	assert_int_equal(write_as(&first, 0, 2, bytes, sizeof(bytes), false), 0);
	assert_int_equal(write_as(&first, 0, 2, bytes, sizeof(bytes), false), -EINPROGRESS);
	assert_int_equal(write_as(&second, 0, 2, bytes, 10, true), -EINPROGRESS);
	assert_int_equal(write_as(&unfenced, -1, 3, bytes, 10, false), 0);
	assert_int_equal(write_as(&other, 0, 3, bytes, 10, false), 0);
	assert_int_not_equal(other.response, 0);
	turn();
	assert_int_equal(first.response, 0);
	size_t got = 0;
	for (ssize_t n; (n = read(slow, bytes, sizeof(bytes))) != 0; turn())
		got += n > 0 ? (size_t)n : 0;
	assert_int_equal(got, 2 * sizeof(bytes) + 10);
	assert_int_equal(first.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(second.response, VIRTIO_GPU_RESP_OK_NODATA);
	close(slow);
	close(quick);
}

static void a_refused_submission_is_not_answered_again(void **state)
{
	static uint8_t bytes[61440];
	struct test_request request;
	open_channel();
	int fd = give_write_pipe();
	assert_int_equal(write_as(&request, 0, 2, bytes, sizeof(bytes), false), 0);
	assert_int_equal(write_as(&request, -1, 2, bytes, sizeof(bytes), false), 0);
	const struct {
		struct cross_domain_read_write write;
		struct cross_domain_header bad;
	} commands = {{.hdr = {.cmd = CROSS_DOMAIN_CMD_WRITE, .cmd_size = sizeof(commands.write)},
			      .identifier = 2},
		{.cmd = 99, .cmd_size = 8}};
	assert_int_equal(submit_as(&request, 0, &commands, sizeof(commands)), -EINVAL);
	assert_int_not_equal(request.response, 0);
	close(fd);
	turn();
}

static void the_stream_and_the_pipes_take_turns(void **state)
{
	static uint8_t bytes[20000];
	const uint32_t types[] = {3, 3}, ids[] = {FIRST_PIPE, FIRST_PIPE + 1};
	struct test_request request;
	open_channel();
	assert_int_equal(send_as(&request, -1, "pipes", 5, 2, types, ids), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
			write(fake_compositor->handles[i].fd, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(to_guest(bytes, sizeof(bytes), NULL, 0), 0);
	turn();
	unsigned reads[2] = {0};
	for (int i = 0; i < 8; i++) {
		assert_int_equal(next_event(),
			i % 2 == 0 ? CROSS_DOMAIN_CMD_RECEIVE : CROSS_DOMAIN_CMD_READ);
		if (i % 2 == 1)
			reads[event.read.identifier - FIRST_PIPE]++;
	}
	assert_int_equal(reads[0], 2);
	assert_int_equal(reads[1], 2);
}

/* A reader of the guest's leaves while the host's writer does: neither knows of the other. */
static void a_pipe_may_end_while_the_guest_says_that_its_reader_is_gone(void **state)
{
	struct test_request request;
	open_channel();
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_READ_PIPE, FIRST_PIPE), 0);
	int fd = fd_dup(fake_compositor->handles[0].fd);
	fake_compositor_drop_handles(fake_compositor);
	assert_int_equal(write(fd, "data", 4), 4);
	assert_int_equal(write_as(&request, -1, FIRST_PIPE, NULL, 0, true), 0);
	assert_int_equal(write(fd, "data", 4), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(write_as(&request, -1, FIRST_PIPE, NULL, 0, true), 0);
	close(fd);
}

static void end_of_file_is_a_read_of_its_own(void **state)
{
	open_channel();
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_READ_PIPE, FIRST_PIPE), 0);
	assert_int_equal(write(fake_compositor->handles[0].fd, "data", 4), 4);
	fake_compositor_drop_handles(fake_compositor);
	turn();
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_READ);
	assert_int_equal(event.read.opaque_data_size, 4);
	assert_int_equal(event.read.hang_up, 0);
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_READ);
	assert_int_equal(event.read.opaque_data_size, 0);
	assert_int_equal(event.read.hang_up, 1);
	assert_int_equal(event.read.identifier, FIRST_PIPE);
	assert_int_equal(
		send_identifier(CROSS_DOMAIN_ID_READ_PIPE, FIRST_PIPE), 0); /* free again */
}

/* Such guests may block on a pipe of their own when a READ does not fit. */
static void a_guest_without_credit_gets_small_reads(void **state)
{
	static uint8_t bytes[3000];
	open_channel();
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_READ_PIPE, FIRST_PIPE), 0);
	assert_int_equal(
		write(fake_compositor->handles[0].fd, bytes, sizeof(bytes)), sizeof(bytes));
	turn();
	for (size_t left = sizeof(bytes); left > 0;) {
		assert_int_equal(next_event(), CROSS_DOMAIN_CMD_READ);
		assert_int_equal(event.read.opaque_data_size, min_u64(left, 1024));
		left -= event.read.opaque_data_size;
	}
}

static void credit_bounds_what_is_under_way(void **state)
{
	static uint8_t bytes[20000];
	struct test_request poll;
	open_channel();
	assert_int_equal(credit(0, 0), -EINVAL);
	assert_int_equal(credit(0, 6000), 0);
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_READ_PIPE, FIRST_PIPE), 0);
	assert_int_equal(
		write(fake_compositor->handles[0].fd, bytes, sizeof(bytes)), sizeof(bytes));
	turn();
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_READ);
	assert_int_equal(event.read.opaque_data_size, 4072);
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_READ);
	assert_int_equal(event.read.opaque_data_size, 6000 - 4072);
	assert_int_equal(next_event_in(&poll), 0);
	assert_int_equal(credit(FIRST_PIPE, 100), 0);
	turn();
	assert_int_equal(poll.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(load_u32(t.pages.map + CHANNEL * 4096 + 16), 100);
	assert_int_equal(credit(12345, 1), 0);
}

static void too_many_pipes_cost_the_context(void **state)
{
	open_channel();
	for (uint32_t i = 0; i < 256; i++)
		assert_int_equal(send_identifier(CROSS_DOMAIN_ID_READ_PIPE, FIRST_PIPE + i), 0);
	assert_non_null(fake_compositor);
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_READ_PIPE, FIRST_PIPE + 256), 0);
	assert_null(fake_compositor);
	assert_int_equal(t.counters.contexts_lost, 1);
	assert_int_equal(t.counters.pipes, 0);
}

static void a_context_may_end_in_the_middle_of_everything(void **state)
{
	static uint8_t bytes[61440];
	struct test_request polls[3], send, write_request;
	open_channel();
	for (size_t i = 0; i < 3; i++)
		poll_channel(&polls[i]);
	int fd = give_write_pipe();
	give_file(fd_memfd_constant("keymap", "k", 1));
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_READ_PIPE, FIRST_PIPE), 0);
	assert_int_equal(write_as(&write_request, 0, 2, bytes, sizeof(bytes), false), 0);
	assert_int_equal(write_as(&write_request, 0, 2, bytes, sizeof(bytes), false), -EINPROGRESS);
	fake_compositor->congested = true;
	assert_int_equal(send_as(&send, 0, "held", 4, 0, NULL, NULL), -EINPROGRESS);
	destroy_context();
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(polls[i].response, 0); /* the device's to complete */
	assert_int_equal(t.table.count, 2);
	close(fd);
}

static unsigned cuts;

void __wrap_policy_gate_cut(const struct policy *policy, int fd);

void __wrap_policy_gate_cut(const struct policy *policy, int fd)
{
	cuts++;
}

/* Whoever lets contents through when all have come is told that they will not. */
static void what_outlives_its_context_and_is_cut_is_told_of(void **state)
{
	static uint8_t bytes[61440];
	struct test_request request;
	open_channel();
	int fd = give_write_pipe();
	assert_int_equal(write_as(&request, 0, 2, bytes, sizeof(bytes), false), 0);
	assert_int_equal(write_as(&request, 0, 2, bytes, sizeof(bytes), true), -EINPROGRESS);
	cuts = 0;
	destroy_context();
	assert_int_equal(cuts, 0);
	t.kind.base.reset(&t.kind.base);
	assert_int_equal(cuts, 1);
	close(fd);
}

static time_t passed_s;

int clock_gettime(clockid_t clock, struct timespec *out)
{
	const int error = (int)syscall(SYS_clock_gettime, clock, out);
	out->tv_sec += passed_s;
	return error;
}

static void a_transfer_that_finds_no_pipe_hurts_nobody(void **state)
{
	char byte;
	quota_set(&t.quota, "pipes", "1");
	open_channel();
	int first = give_write_pipe(), second = give_write_pipe();
	assert_int_equal(read(second, &byte, 1), 0);
	assert_int_equal(read(first, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(t.counters.contexts_lost, 0);
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(event.receive.opaque_data_size, 8); /* of one send */
	assert_int_equal(event.receive.num_identifiers, 1);
	quota_set(&t.quota, "pipes", "2");
	close(second);
	second = give_write_pipe();
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(event.receive.num_identifiers, 1);
	close(first);
	close(second);
}

static void what_nobody_reads_makes_room_for_another_context(void **state)
{
	static uint8_t bytes[61440];
	struct test_request request;
	quota_set(&t.quota, "pipes", "1");
	open_channel();
	int unread = give_write_pipe();
	assert_int_equal(write_as(&request, 0, 2, bytes, sizeof(bytes), false), 0);
	assert_int_equal(write_as(&request, 0, 2, bytes, sizeof(bytes), true), -EINPROGRESS);
	destroy_context();
	assert_int_equal(t.quota.entries[QUOTA_PIPES].use, 1);
	make_context();
	attach(resource_find(&t.table, QUERY));
	attach(resource_find(&t.table, CHANNEL));
	passed_s = 60;
	open_channel();
	cuts = 0;
	int fd = give_write_pipe();
	assert_int_equal(cuts, 1);
	assert_int_equal(t.counters.contexts_lost, 0);
	passed_s = 0;
	close(unread);
	close(fd);
}

/* Only its guest can have it go on, so it would be told of again and again. */
static void a_writer_that_leaves_before_the_guest_reads_wakes_nobody(void **state)
{
	struct pollfd events = {.events = POLLIN};
	open_channel();
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_READ_PIPE, FIRST_PIPE), 0);
	int fd = fd_dup(fake_compositor->handles[0].fd);
	fake_compositor_drop_handles(fake_compositor);
	assert_int_equal(write(fd, "all", 3), 3);
	turn();
	close(fd);
	for (int i = 0; i < 2; i++)
		turn();
	events.fd = wl_event_loop_get_fd(t.host.loop);
	assert_int_equal(poll(&events, 1, 0), 0);
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_READ);
	assert_int_equal(event.read.opaque_data_size, 3);
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_READ);
	assert_int_equal(event.read.hang_up, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_outlives_its_context_and_is_cut_is_told_of),
		TEST(a_transfer_that_finds_no_pipe_hurts_nobody),
		TEST(what_nobody_reads_makes_room_for_another_context),
		TEST(what_the_guest_writes_comes_out_of_the_pipe),
		TEST(a_slow_reader_holds_back_who_writes_to_it_only),
		TEST(a_pipe_may_end_while_the_guest_says_that_its_reader_is_gone),
		TEST(a_refused_submission_is_not_answered_again),
		TEST(the_stream_and_the_pipes_take_turns),
		TEST(end_of_file_is_a_read_of_its_own),
		TEST(a_writer_that_leaves_before_the_guest_reads_wakes_nobody),
		TEST(a_guest_without_credit_gets_small_reads),
		TEST(credit_bounds_what_is_under_way),
		TEST(too_many_pipes_cost_the_context),
		TEST(a_context_may_end_in_the_middle_of_everything),
	};
	return cmocka_run_group_tests(tests, narrow_pipes, NULL);
}
