/* wire_talk.c: requests as bytes, and events that come in any segments. */
#include "protocol/wire/wire_talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define LONG_BYTES 5000 /* more than there is room for */

static uint32_t heard[8];
static size_t n_heard;
static int answer; /* of the handler, to the event about object 9 */

static int handle(void *data, const struct wire_header *header, const uint8_t *body)
{
	union wire_arg args[WIRE_MAX_ARGS];

	assert_ptr_equal(data, heard);
	assert_true(n_heard + 2 <= ARRAY_LENGTH(heard));
	assert_int_equal(wire_event_args(header, body, "u", args, NULL), 0);
	heard[n_heard++] = header->id;
	heard[n_heard++] = args[0].u;
	return header->id == 9 ? answer : 0;
}

/* Three events, the middle one of @size bytes. Their bytes. */
static size_t three(uint8_t *bytes, uint32_t size)
{
	const uint32_t first[] = {7, 12u << 16, 70}, middle[] = {8, size << 16, 80},
		       last[] = {9, 12u << 16, 90};

	memset(bytes, 0, 24 + size);
	memcpy(bytes, first, sizeof(first));
	memcpy(bytes + 12, middle, sizeof(middle));
	memcpy(bytes + 12 + size, last, sizeof(last));
	return 24 + size;
}

static struct wire_events begin(bool pass_over)
{
	n_heard = 0;
	answer = 0;
	return (struct wire_events){.handle = handle, .data = heard, .pass_over = pass_over};
}

static void events_are_heard_however_the_bytes_are_cut(void **state)
{
	static const uint32_t sizes[] = {12, LONG_BYTES};
	uint8_t bytes[LONG_BYTES + 24];

	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		const size_t size = three(bytes, sizes[i]);
		for (size_t cut = 1; cut <= size; cut += cut < 40 ? 1 : 997) {
			struct wire_events events = begin(true);
			for (size_t at = 0; at < size; at += cut)
				assert_int_equal(wire_events_feed(&events, bytes + at,
							 min_u64(cut, size - at)),
					0);
			assert_int_equal(n_heard, sizes[i] == 12 ? 6 : 4);
			assert_int_equal(heard[n_heard - 1], 90);
		}
	}
}

static void what_is_too_long_is_an_error_where_nobody_passes_it_over(void **state)
{
	uint8_t bytes[LONG_BYTES + 24];
	struct wire_events events = begin(false);

	assert_int_equal(wire_events_feed(&events, bytes, three(bytes, LONG_BYTES)), -EPROTO);
	assert_int_equal(n_heard, 2);
	events = begin(true);
	assert_int_equal(wire_events_feed(&events, bytes, three(bytes, 7)), -EPROTO);
}

static void nothing_is_heard_behind_what_ends_it(void **state)
{
	static const uint32_t more[] = {9, 12u << 16, 91};
	uint8_t bytes[64];
	struct wire_events events = begin(true);
	const size_t size = three(bytes, 12);

	memcpy(bytes + size, more, sizeof(more));
	answer = 1;
	assert_int_equal(wire_events_feed(&events, bytes, size + sizeof(more)), 1);
	assert_int_equal(n_heard, 6);
	assert_int_equal(heard[5], 90);
}

static void requests_are_sent_together_and_events_received_without_fds(void **state)
{
	static const uint32_t expected[] = {2, 28u << 16 | 3, 7, 4, 0x00636261, 5, 6, 1, 8u << 16};
	const union wire_arg args[] = {{.u = 7}, {.s = "abc"}, {.u = 5}, {.id = 6}};
	struct wire_requests requests = {0};
	struct wire_events events = begin(true);
	uint8_t bytes[64];
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	wire_requests_add(&requests, 2, 3, "usun", args);
	wire_requests_add(&requests, 1, 0, "", NULL);
	assert_int_equal(wire_requests_send(&requests, ends[0], &ends[0], 1), 0);
	assert_int_equal(fd_recv_bytes(ends[1], bytes, sizeof(bytes)), sizeof(expected));
	assert_memory_equal(bytes, expected, sizeof(expected));

	assert_int_equal(wire_events_receive(&events, ends[0]), -EAGAIN);
	const struct iovec iov = {bytes, three(bytes, 12)};
	assert_int_equal(fd_send(ends[1], &iov, 1, &ends[1], 1), iov.iov_len);
	close(ends[1]);
	assert_int_equal(wire_events_receive(&events, ends[0]), 0);
	assert_int_equal(n_heard, 6);
	/* The end is seen, since the fd that came along is closed. */
	assert_int_equal(wire_events_receive(&events, ends[0]), -EPIPE);
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_heard_however_the_bytes_are_cut),
		cmocka_unit_test(what_is_too_long_is_an_error_where_nobody_passes_it_over),
		cmocka_unit_test(nothing_is_heard_behind_what_ends_it),
		cmocka_unit_test(requests_are_sent_together_and_events_received_without_fds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
