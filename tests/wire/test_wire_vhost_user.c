/* The bytes of vhost-user messages, as the specification (QEMU 11's vhost-user.rst) has them. */
#include "protocol/formats/vhost_user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/fd.h"

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define U32(v) (v) & 0xff, (v) >> 8 & 0xff, (v) >> 16 & 0xff, (v) >> 24 & 0xff
#define U64(v) U32((uint32_t)(v)), U32((uint32_t)((uint64_t)(v) >> 32))

static int ends[2];

static int set_up(void **state)
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
}

static int tear_down(void **state)
{
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	return 0;
}

/* @message is sent as these bytes, and read from them. */
static void expect_bytes(
	const struct vhost_user_message *message, const uint8_t *bytes, size_t size)
{
	uint8_t sent[4096];
	struct vhost_user_reader reader;
	struct vhost_user_message read_back;

	assert_int_equal(vhost_user_send(ends[0], message, 0), 0);
	assert_int_equal(recv(ends[1], sent, sizeof(sent), 0), size);
	assert_memory_equal(sent, bytes, size);

	vhost_user_reader_init(&reader);
	assert_int_equal(send(ends[0], bytes, size, 0), size);
	assert_int_equal(vhost_user_receive(ends[1], &reader, &read_back), 1);
	assert_memory_equal(&read_back.header, &message->header, sizeof(message->header));
	assert_memory_equal(&read_back.payload, &message->payload, sizeof(message->payload));
	assert_int_equal(vhost_user_receive(ends[1], &reader, &read_back), 0);
}

static void a_request_without_payload_is_its_header(void **state)
{
	struct vhost_user_message m;
	vhost_user_message_init(&m, VHOST_USER_GET_FEATURES, 0);
	expect_bytes(&m, BYTES(U32(1), U32(1), U32(0)));
}

static void an_acknowledgement(void **state)
{
	struct vhost_user_message m;
	vhost_user_message_init(&m, VHOST_USER_SET_MEM_TABLE, 8);
	m.header.flags |= VHOST_USER_FLAG_REPLY;
	m.payload.u64 = 1;
	expect_bytes(&m, BYTES(U32(5), U32(5), U32(8), U64(1)));
}

static void a_ring_state(void **state)
{
	struct vhost_user_message m;
	vhost_user_message_init(&m, VHOST_USER_SET_VRING_ENABLE, sizeof(m.payload.state));
	m.header.flags |= VHOST_USER_FLAG_NEED_REPLY;
	m.payload.state = (struct vhost_user_vring_state){.index = 1, .num = 0x10203};
	m.payload.state = (struct vhost_user_vring_state){.index = 1, .num = 0x10203};
	expect_bytes(&m, BYTES(U32(18), U32(9), U32(8), U32(1), U32(0x10203)));
}

static void a_file(void **state)
{
	struct vhost_user_message m;
	vhost_user_message_init(&m, VHOST_USER_GIVE_FILE, sizeof(m.payload.file));
	m.header.flags |= VHOST_USER_FLAG_NEED_REPLY;
	m.payload.file = (struct vhost_user_file){.id = 0x1122334455667788, .size = 0x7fffffff};
	expect_bytes(&m,
		BYTES(U32(0x59520001), U32(9), U32(16), U64(0x1122334455667788), U64(0x7fffffff)));
}

static void ring_addresses(void **state)
{
	struct vhost_user_message m;
	vhost_user_message_init(&m, VHOST_USER_SET_VRING_ADDR, sizeof(m.payload.addr));
	m.payload.addr = (struct vhost_user_vring_addr){.index = 1,
		.flags = 0,
		.descriptors = 0x1122334455667788,
		.used = 2,
		.available = 3,
		.log = 4};
	expect_bytes(&m,
		BYTES(U32(9), U32(1), U32(40), U32(1), U32(0), U64(0x1122334455667788), U64(2),
			U64(3), U64(4)));
}

static void a_memory_table(void **state)
{
	struct vhost_user_message m;
	vhost_user_message_init(&m, VHOST_USER_SET_MEM_TABLE, 8 + 2 * 32);
	m.payload.memory = (struct vhost_user_memory){
		.n_regions = 2,
		.regions = {{0, 0xc0000000, 0x7f0000000000, 0},
			{0x100000000, 0x40000000, 0x7f00c0000000, 0xc0000000}},
	};
	expect_bytes(&m,
		BYTES(U32(5), U32(1), U32(72), U32(2), U32(0), U64(0), U64(0xc0000000),
			U64(0x7f0000000000), U64(0), U64(0x100000000), U64(0x40000000),
			U64(0x7f00c0000000), U64(0xc0000000)));
}

static void a_piece_of_configuration(void **state)
{
	struct vhost_user_message m;
	vhost_user_message_init(&m, VHOST_USER_GET_CONFIG, VHOST_USER_CONFIG_HEADER_BYTES + 4);
	m.payload.config =
		(struct vhost_user_config){.offset = 8, .size = 4, .region = {1, 2, 3, 4}};
	expect_bytes(&m, BYTES(U32(24), U32(1), U32(16), U32(8), U32(4), U32(0), 1, 2, 3, 4));
}

static void a_map_of_shared_memory(void **state)
{
	struct vhost_user_message m;
	vhost_user_message_init(&m, VHOST_USER_BACKEND_SHMEM_MAP, sizeof(m.payload.shmem_map));
	m.payload.shmem_map = (struct vhost_user_shmem_map){.shmid = 1,
		.fd_offset = 0x1000,
		.shm_offset = 0x2000,
		.length = 0x100000000,
		.flags = VHOST_USER_SHMEM_WRITABLE};
	expect_bytes(&m,
		BYTES(U32(9), U32(1), U32(40), 1, 0, 0, 0, 0, 0, 0, 0, U64(0x1000), U64(0x2000),
			U64(0x100000000), U64(1)));
}

static void the_barrier(void **state)
{
	struct vhost_user_message m;
	vhost_user_message_init(&m, VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE, 16);
	for (uint8_t i = 0; i < 16; i++)
		m.payload.uuid[i] = i;
	expect_bytes(&m,
		BYTES(U32(7), U32(1), U32(16), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
			15));
}

static void shared_memory_regions_are_listed_in_2056_bytes(void **state)
{
	uint8_t bytes[12 + 2056] = {
		U32(44), U32(5), U32(2056), U32(1), U32(0), U64(0), U64(0x10000000)};
	struct vhost_user_message m;
	vhost_user_message_init(&m, VHOST_USER_GET_SHMEM_CONFIG, sizeof(m.payload.shmem_config));
	m.header.flags |= VHOST_USER_FLAG_REPLY;
	m.payload.shmem_config.n_regions = 1;
	m.payload.shmem_config.sizes[1] = 0x10000000;
	expect_bytes(&m, bytes, sizeof(bytes));
}

static void bits_are_those_of_the_specification(void **state)
{
	assert_int_equal(VHOST_USER_F_PROTOCOL_FEATURES, 30);
	assert_int_equal(VHOST_USER_PROTOCOL_F_MQ, 0);
	assert_int_equal(VHOST_USER_PROTOCOL_F_REPLY_ACK, 3);
	assert_int_equal(VHOST_USER_PROTOCOL_F_BACKEND_REQ, 5);
	assert_int_equal(VHOST_USER_PROTOCOL_F_CONFIG, 9);
	assert_int_equal(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD, 10);
	assert_int_equal(VHOST_USER_PROTOCOL_F_RESET_DEVICE, 13);
	assert_int_equal(VHOST_USER_PROTOCOL_F_SHARED_OBJECT, 18);
	assert_int_equal(VHOST_USER_PROTOCOL_F_SHMEM, 22);
}

static void fds_travel_with_their_message_and_not_the_next(void **state)
{
	struct vhost_user_message m, first, second;
	struct vhost_user_reader reader;
	struct stat sent, received;
	int file = fd_memfd("sent", 4096);

	vhost_user_reader_init(&reader);
	vhost_user_message_init(&m, VHOST_USER_SET_OWNER, 0);
	assert_int_equal(vhost_user_send(ends[0], &m, 0), 0);
	vhost_user_message_init(&m, VHOST_USER_SET_MEM_TABLE, 8);
	for (m.n_fds = 0; m.n_fds < VHOST_USER_MAX_FDS; m.n_fds++)
		m.fds[m.n_fds] = file;
	assert_int_equal(vhost_user_send(ends[0], &m, 0), 0);

	assert_int_equal(vhost_user_receive(ends[1], &reader, &first), 1);
	assert_int_equal(first.n_fds, 0);
	assert_int_equal(vhost_user_receive(ends[1], &reader, &second), 1);
	assert_int_equal(second.n_fds, VHOST_USER_MAX_FDS);
	fstat(file, &sent);
	for (size_t i = 0; i < VHOST_USER_MAX_FDS; i++) {
		assert_int_equal(fstat(second.fds[i], &received), 0);
		assert_int_equal(received.st_ino, sent.st_ino);
	}
	int last = second.fds[7];
	vhost_user_message_finish(&second);
	assert_int_equal(fcntl(last, F_GETFD), -1);
	close(file);
}

static void the_end_and_errors_are_told_apart(void **state)
{
	struct vhost_user_reader reader;
	struct vhost_user_message m;
	vhost_user_reader_init(&reader);
	assert_int_equal(vhost_user_receive(ends[1], &reader, &m), 0);
	close(ends[0]);
	ends[0] = -1;
	assert_int_equal(vhost_user_receive(ends[1], &reader, &m), -ECONNRESET);
	vhost_user_message_init(&m, VHOST_USER_SET_OWNER, 0);
	assert_int_equal(vhost_user_send(ends[1], &m, 0), -EPIPE);
	m.header.size = sizeof(m.payload) + 1;
	assert_int_equal(vhost_user_send(ends[1], &m, 0), -EINVAL);
}

static void a_peer_that_takes_nothing_is_a_timeout(void **state)
{
	struct vhost_user_message m;
	int result = 0;
	vhost_user_message_init(&m, VHOST_USER_GET_SHMEM_CONFIG, 2056);
	for (int i = 0; i < 10000 && result == 0; i++)
		result = vhost_user_send(ends[0], &m, 0);
	assert_int_equal(result, -ETIMEDOUT);
	uint64_t begin_ns = vhost_user_deadline_ns(0);
	assert_int_equal(vhost_user_send(ends[0], &m, 50), -ETIMEDOUT);
	assert_in_range(vhost_user_deadline_ns(0) - begin_ns, 50000000, 2000000000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_without_payload_is_its_header),
		TEST(an_acknowledgement),
		TEST(a_ring_state),
		TEST(a_file),
		TEST(ring_addresses),
		TEST(a_memory_table),
		TEST(a_piece_of_configuration),
		TEST(a_map_of_shared_memory),
		TEST(the_barrier),
		TEST(shared_memory_regions_are_listed_in_2056_bytes),
		TEST(bits_are_those_of_the_specification),
		TEST(fds_travel_with_their_message_and_not_the_next),
		TEST(the_end_and_errors_are_told_apart),
		TEST(a_peer_that_takes_nothing_is_a_timeout),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
