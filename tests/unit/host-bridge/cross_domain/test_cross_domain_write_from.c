/* WRITE_FROM: what goes to a pipe lies in a guest blob; host-bridge/cross_domain */
#include "host-bridge/cross_domain/cross_domain_context.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "tests/unit/cross_domain_world.h"
#include "tests/unit/narrow_pipes.h"

#define BLOB 30
#define BLOB_BYTES 0x90000u
#define FIRST_PAGES 0x30000u /* of it lie behind the others in the guest's memory */
#define PIPE 2               /* the first one */

static uint8_t *first, *second; /* the blob's two pieces */
static int first_size;          /* of the pipe, when it is written to; 0: it was not yet */

ssize_t pwritev2(int fd, const struct iovec *iov, int n_iov, off_t offset, int flags)
{
	if (first_size == 0)
		first_size = fcntl(fd, F_GETPIPE_SZ);
	return syscall(SYS_pwritev2, fd, iov, n_iov, offset, 0, flags);
}

static void make_blob(void)
{
	struct resource *blob;
	struct resource_pages *pages = calloc(2, sizeof(*pages));
	pages[0] = (struct resource_pages){
		.guest_address = RAM + RAM_BYTES - FIRST_PAGES, .length = FIRST_PAGES};
	pages[1] = (struct resource_pages){
		.guest_address = RAM + 0x10000, .length = BLOB_BYTES - FIRST_PAGES};
	assert_int_equal(
		resource_create(&t.table, BLOB, RESOURCE_BLOB_GUEST, BLOB_BYTES, &blob), 0);
	assert_int_equal(resource_set_pages(blob, pages, 2), 0);
	attach(blob);
	first = t.pages.map + RAM_BYTES - FIRST_PAGES;
	second = t.pages.map + 0x10000;
}

static void fill(uint8_t seed)
{
	for (uint32_t i = 0; i < BLOB_BYTES; i++)
		*(i < FIRST_PAGES ? first + i : second + i - FIRST_PAGES) =
			(uint8_t)(i * 7 / 5 + seed);
}

/* A channel, a pipe whose reading end is returned, and a blob. */
static int begin(void)
{
	open_channel();
	int fd = give_write_pipe();
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(event.receive.identifiers[0], PIPE);
	assert_int_equal(fd_set_nonblock(fd), 0);
	make_blob();
	fill(0);
	return fd;
}

static struct cross_domain_write_from command_of(
	uint32_t pipe, uint32_t resource, uint32_t offset, uint32_t size)
{
	return (struct cross_domain_write_from){
		.hdr = {.cmd = CROSS_DOMAIN_CMD_WRITE_FROM,
			.cmd_size = sizeof(struct cross_domain_write_from)},
		.identifier = pipe,
		.resource_id = resource,
		.offset = offset,
		.size = size,
	};
}

static int write_from(struct test_request *request, uint32_t offset, uint32_t size, bool hang_up)
{
	struct cross_domain_write_from command = command_of(PIPE, BLOB, offset, size);
	command.hang_up = hang_up;
	return submit_as(request, 0, &command, sizeof(command));
}

/* Reads what there is; how many bytes. Those at @at on are what fill(@seed) has put there. */
static size_t read_all(int fd, uint32_t at, uint8_t seed)
{
	static uint8_t bytes[65536];
	size_t got = 0;
	for (ssize_t n; (n = read(fd, bytes, sizeof(bytes))) > 0; got += (size_t)n, turn())
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(
				bytes[i], (uint8_t)((at + got + (size_t)i) * 7 / 5 + seed));
	return got;
}

static void what_lies_in_memory_comes_out_of_the_pipe(void **state)
{
	struct test_request request;
	uint8_t byte;
	int fd = begin();
	/* Across both pieces, and more than a pipe takes. */
	assert_int_equal(write_from(&request, FIRST_PAGES - 70001, 300001, true), -EINPROGRESS);
	assert_int_equal(request.response, 0);
	assert_int_equal(read_all(fd, FIRST_PAGES - 70001, 0), 300001);
	assert_int_equal(request.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(read(fd, &byte, 1), 0);
	assert_int_equal(t.counters.writes, 1);
	assert_int_equal(t.counters.bytes_from_guest, 300001);
	close(fd);
}

static void a_pipe_that_is_full_is_made_larger(void **state)
{
	struct test_request request;
	int fd = begin();
	widen_pipes();
	assert_int_equal(write_from(&request, 0, 65536, false), 0);
	assert_int_equal(fcntl(fd, F_GETPIPE_SZ), 65536);
	assert_int_equal(read_all(fd, 0, 0), 65536);
	assert_int_equal(write_from(&request, 65536, 200000, true), 0);
	assert_int_equal(fcntl(fd, F_GETPIPE_SZ), WIDE_PIPE_BYTES);
	assert_int_equal(read_all(fd, 65536, 0), 200000);
	assert_int_equal(narrow_pipes(NULL), 0); /* it does not count any more */
	close(fd);
}

/* Not when it is full: a reader that is quick would empty it by halves until the end. */
static void a_pipe_is_made_larger_before_it_is_full(void **state)
{
	struct test_request request;
	int fd = begin();
	widen_pipes();
	first_size = 0;
	assert_int_equal(write_from(&request, 0, 200000, true), 0);
	assert_int_equal(first_size, WIDE_PIPE_BYTES);
	assert_int_equal(read_all(fd, 0, 0), 200000);
	assert_int_equal(narrow_pipes(NULL), 0);
	close(fd);
}

static void it_is_taken_when_the_command_is_carried_out(void **state)
{
	struct test_request first_request, second_request;
	int fd = begin();
	assert_int_equal(write_from(&first_request, 0, 100000, false), -EINPROGRESS);
	fill(1); /* the guest may do what it likes with its memory */
	assert_int_equal(write_from(&second_request, 0, 100000, false), -EINPROGRESS);
	fill(2);
	static uint8_t bytes[200000];
	size_t got = 0;
	for (ssize_t n; (n = read(fd, bytes + got, sizeof(bytes) - got)) > 0; turn())
		got += (size_t)n;
	assert_int_equal(got, 200000);
	for (uint32_t i = 0; i < got; i++)
		assert_int_equal(bytes[i], (uint8_t)(i % 100000 * 7 / 5 + (i >= 100000)));
	assert_int_equal(first_request.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(second_request.response, VIRTIO_GPU_RESP_OK_NODATA);
	close(fd);
}

static void a_hang_up_needs_no_bytes(void **state)
{
	struct test_request request;
	uint8_t byte;
	int fd = begin();
	assert_int_equal(write_from(&request, BLOB_BYTES, 0, true), 0);
	assert_int_equal(read(fd, &byte, 1), 0);
	close(fd);
}

static void what_is_not_the_guests_is_refused(void **state)
{
	static const struct {
		uint32_t pipe, resource, offset, size;
	} bad[] = {
		{99, 98, 0, 1}, /* neither is there */
		{PIPE, BLOB, BLOB_BYTES, 1}, {PIPE, BLOB, 1, BLOB_BYTES},
		{PIPE, BLOB, UINT32_MAX, 2}, {PIPE, BLOB, 2, UINT32_MAX},
		{PIPE, BLOB, UINT32_MAX, UINT32_MAX},
		{FIRST_PIPE, BLOB, 0, 1}, /* not one to write to */
		{PIPE + 1, BLOB, 0, 1},   /* no such pipe */
	};
	struct test_request request;
	int fd = begin();
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_READ_PIPE, FIRST_PIPE), 0);
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		const struct cross_domain_write_from command =
			command_of(bad[i].pipe, bad[i].resource, bad[i].offset, bad[i].size);
		assert_int_equal(submit_as(&request, 0, &command, sizeof(command)), -EINVAL);
	}
	assert_int_equal(read_all(fd, 0, 0), 0);
	assert_int_equal(t.counters.contexts_lost, 0);
	close(fd);
}

/* It may have been refused, which guests' kernels do not tell: what is written has a gap. */
static void memory_that_is_not_there_costs_the_context(void **state)
{
	struct test_request request;
	int fd = begin();
	assert_int_equal(write_from(&request, 0, 1000, false), 0);
	detach(BLOB);
	assert_int_equal(write_from(&request, 1000, 1000, true), -EINVAL);
	assert_int_equal(t.counters.contexts_lost, 1);
	assert_null(fake_compositor);
	assert_int_equal(read_all(fd, 0, 0), 1000);
	close(fd);
}

/* A host's blob is not the guest's to name, and pages need not be memory. */
static void only_memory_of_the_guest_can_be_named(void **state)
{
	struct test_request request;
	struct resource *resource;
	int fd = begin();
	assert_int_equal(resource_create(&t.table, 31, RESOURCE_BLOB_HOST, 4096, &resource), 0);
	attach(resource);
	struct resource_pages *pages = calloc(1, sizeof(*pages));
	*pages = (struct resource_pages){.guest_address = RAM + RAM_BYTES, .length = 4096};
	assert_int_equal(resource_create(&t.table, 32, RESOURCE_BLOB_GUEST, 4096, &resource), 0);
	assert_int_equal(resource_set_pages(resource, pages, 1), 0);
	attach(resource);
	struct cross_domain_write_from command = command_of(PIPE, 31, 0, 1);
	assert_int_equal(submit_as(&request, 0, &command, sizeof(command)), -EINVAL);
	command.resource_id = 32;
	assert_int_equal(submit_as(&request, 0, &command, sizeof(command)), -EFAULT);
	assert_int_equal(read_all(fd, 0, 0), 0);
	close(fd);
}

/* All of it is copied in one go, so a submission must not name more and more. */
static void a_submission_names_so_much_and_no_more(void **state)
{
	struct test_request request;
	int fd = begin();
	const uint32_t rest = CROSS_DOMAIN_WRITE_FROM_MAX_BYTES - BLOB_BYTES;
	struct cross_domain_write_from commands[3] = {command_of(PIPE, BLOB, 0, BLOB_BYTES),
		command_of(PIPE, BLOB, 0, rest), command_of(PIPE, BLOB, 0, 1)};
	assert_int_equal(submit_as(&request, -1, commands, sizeof(commands)), -EINVAL);
	assert_int_equal(t.counters.bytes_from_guest, CROSS_DOMAIN_WRITE_FROM_MAX_BYTES);
	/* The next one is another one. */
	assert_int_equal(submit_as(&request, -1, commands, 2 * sizeof(commands[0])), 0);
	static uint8_t bytes[65536];
	size_t got = 0;
	for (ssize_t n; (n = read(fd, bytes, sizeof(bytes))) > 0; turn())
		got += (size_t)n;
	assert_int_equal(got, 2 * CROSS_DOMAIN_WRITE_FROM_MAX_BYTES);
	close(fd);
}

/* What does not fit closes the pipe at any of its pieces; the guest is through with it either way.
 */
static void a_pipe_that_overflows_ends_when_it_is_hung_up(void **state)
{
	static struct test_request held[PIPES_MAX_QUEUED / BLOB_BYTES];
	struct test_request last, none;
	int fd = begin();
	for (size_t i = 0; i < ARRAY_LENGTH(held); i++)
		assert_int_equal(write_from(&held[i], 0, BLOB_BYTES, false), -EINPROGRESS);
	assert_int_equal(write_from(&last, 0, BLOB_BYTES, true), 0);
	for (size_t i = 0; i < ARRAY_LENGTH(held); i++)
		assert_int_equal(held[i].response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(write_from(&none, 0, 1, false), -EINVAL);
	assert_int_equal(t.counters.contexts_lost, 0);
	close(fd);
}

static atomic_bool over;

/* A guest that changes its memory all the time. */
static void *scribble(void *data)
{
	for (uint32_t n = 0; !atomic_load(&over); n++) {
		memset(first, (int)(n & 0xff), FIRST_PAGES);
		memset(second, (int)(n >> 8 & 0xff), BLOB_BYTES - FIRST_PAGES);
	}
	return NULL;
}

static void contents_that_change_meanwhile_are_only_bytes(void **state)
{
	struct test_request request;
	pthread_t guest;
	int fd = begin();
	atomic_store(&over, false);
	assert_int_equal(pthread_create(&guest, NULL, scribble, NULL), 0);
	static uint8_t bytes[65536];
	for (int i = 0; i < 100; i++) {
		size_t got = 0;
		int err = write_from(&request, (uint32_t)i * 1001, 200000 + (uint32_t)i, false);
		assert_true(err == 0 || err == -EINPROGRESS);
		for (ssize_t n; (n = read(fd, bytes, sizeof(bytes))) > 0; turn())
			got += (size_t)n;
		assert_int_equal(got, 200000 + i);
	}
	atomic_store(&over, true);
	pthread_join(guest, NULL);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_lies_in_memory_comes_out_of_the_pipe),
		TEST(a_pipe_that_is_full_is_made_larger),
		TEST(a_pipe_is_made_larger_before_it_is_full),
		TEST(it_is_taken_when_the_command_is_carried_out),
		TEST(a_hang_up_needs_no_bytes),
		TEST(what_is_not_the_guests_is_refused),
		TEST(memory_that_is_not_there_costs_the_context),
		TEST(only_memory_of_the_guest_can_be_named),
		TEST(a_submission_names_so_much_and_no_more),
		TEST(a_pipe_that_overflows_ends_when_it_is_hung_up),
		TEST(contents_that_change_meanwhile_are_only_bytes),
	};
	return cmocka_run_group_tests(tests, narrow_pipes, NULL);
}
