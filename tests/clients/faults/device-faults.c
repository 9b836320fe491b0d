/*
 * Does to wayferry-host's device what a hostile monitor or driver may do, and checks that it
 * refuses in the right way: a broken ring stops, a bad command gets the right error, a bad message
 * ends the connection. The next one works.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "tests/clients/faults/device_faults.h"
#include "tests/clients/faults/raw_context.h"

static const char *socket_path, *other_path;
static unsigned n_run, n_failed;

void report(const char *name, const char *fault)
{
	n_run++;
	n_failed += fault != NULL;
	printf("%s %s%s%s\n", fault ? "FAILED" : "ok", name, fault ? ": " : "", fault ? fault : "");
}

/* A device that runs and answers. */
bool start_working(struct raw_device *device)
{
	const struct virtio_gpu_ctrl_hdr command = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO,
		.flags = VIRTIO_GPU_FLAG_FENCE,
		.fence_id = 0x1234567890};
	const struct virtio_gpu_ctrl_hdr *answer;

	if (raw_device_connect(device, socket_path) < 0)
		return false;
	if (raw_device_start(device) == 0 &&
		raw_device_command(device, &command, sizeof(command),
			sizeof(struct virtio_gpu_resp_display_info)) ==
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO) {
		answer = raw_device_response(device, 0);
		if ((answer->flags & VIRTIO_GPU_FLAG_FENCE) && answer->fence_id == command.fence_id)
			return true;
	}
	raw_device_close(device);
	return false;
}

/* Rings. */

#define REQUEST (RAW_MEMORY_GUEST + RAW_REQUEST(0))
#define RESPONSE (RAW_MEMORY_GUEST + RAW_RESPONSE(0))
#define TABLE (RAW_MEMORY_GUEST + RAW_INDIRECT)
#define END (RAW_MEMORY_GUEST + RAW_MEMORY_BYTES)
#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT
#define ROOM 408 /* for the answer to GET_DISPLAY_INFO */

struct ring_case {
	const char *name;
	struct vring_desc descriptors[4]; /* from 0 on; the request is GET_DISPLAY_INFO */
	struct vring_desc indirect[4];    /* the table at TABLE */
	uint16_t head;
	uint16_t skip; /* the available index runs ahead by that much */
	bool twice;    /* made available twice */
	enum raw_end end;
};

static const struct ring_case ring_cases[] = {
	{"a request outside memory", {{0xdead0000, 24, NEXT, 1}, {RESPONSE, ROOM, WRITE, 0}},
		.end = RAW_STOPPED},
	{"an answer outside memory", {{REQUEST, 24, NEXT, 1}, {0xdead0000, ROOM, WRITE, 0}},
		.end = RAW_STOPPED},
	{"a request at address 0", {{0, 24, NEXT, 1}, {RESPONSE, ROOM, WRITE, 0}},
		.end = RAW_STOPPED},
	{"a request beyond the end of memory", {{END - 8, 24, NEXT, 1}, {RESPONSE, ROOM, WRITE, 0}},
		.end = RAW_STOPPED},
	{"an address that wraps", {{UINT64_MAX - 7, 24, NEXT, 1}, {RESPONSE, ROOM, WRITE, 0}},
		.end = RAW_STOPPED},
	{"an answer whose end wraps", {{REQUEST, 24, NEXT, 1}, {UINT64_MAX - 100, 4096, WRITE, 0}},
		.end = RAW_STOPPED},
	{"a request of 4 GiB", {{REQUEST, UINT32_MAX, NEXT, 1}, {RESPONSE, ROOM, WRITE, 0}},
		.end = RAW_STOPPED},
	{"an answer of 4 GiB", {{REQUEST, 24, NEXT, 1}, {RESPONSE, UINT32_MAX, WRITE, 0}},
		.end = RAW_STOPPED},
	{"a chain that is its own next", {{REQUEST, 24, NEXT, 0}}, .end = RAW_STOPPED},
	{"a loop of two", {{REQUEST, 12, NEXT, 1}, {REQUEST, 12, NEXT, 0}}, .end = RAW_STOPPED},
	{"a loop of writable ones",
		{{REQUEST, 24, NEXT, 1}, {RESPONSE, 8, WRITE | NEXT, 2},
			{RESPONSE, 8, WRITE | NEXT, 1}},
		.end = RAW_STOPPED},
	{"a loop of empty ones", {{REQUEST, 0, NEXT, 1}, {REQUEST, 0, NEXT, 0}},
		.end = RAW_STOPPED},
	{"a next outside the ring", {{REQUEST, 24, NEXT, 300}}, .end = RAW_STOPPED},
	{"the largest next", {{REQUEST, 24, NEXT, 0xffff}}, .end = RAW_STOPPED},
	{"a head outside the ring", {{REQUEST, 24, NEXT, 1}, {RESPONSE, ROOM, WRITE, 0}},
		.head = 999, .end = RAW_STOPPED},
	{"an index that runs ahead", {{REQUEST, 24, NEXT, 1}, {RESPONSE, ROOM, WRITE, 0}},
		.skip = 1000, .end = RAW_STOPPED},
	{"readable behind writable", {{RESPONSE, ROOM, WRITE | NEXT, 1}, {REQUEST, 24, 0, 0}},
		.end = RAW_STOPPED},
	{"an indirect table outside memory", {{0xdead0000, 32, INDIRECT, 0}}, .end = RAW_STOPPED},
	{"an indirect table that wraps", {{UINT64_MAX - 15, 32, INDIRECT, 0}}, .end = RAW_STOPPED},
	{"an indirect table of no whole entries", {{TABLE, 24, INDIRECT, 0}},
		{{REQUEST, 24, NEXT, 1}, {RESPONSE, ROOM, WRITE, 0}}, .end = RAW_STOPPED},
	{"an empty indirect table", {{TABLE, 0, INDIRECT, 0}}, .end = RAW_STOPPED},
	{"an indirect table of 4 GiB", {{TABLE, 0xfffffff0, INDIRECT, 0}}, .end = RAW_STOPPED},
	{"indirect inside indirect", {{TABLE, 32, INDIRECT, 0}}, {{TABLE, 32, INDIRECT, 0}},
		.end = RAW_STOPPED},
	{"indirect with a next", {{TABLE, 32, INDIRECT | NEXT, 1}, {RESPONSE, ROOM, WRITE, 0}},
		{{REQUEST, 24, NEXT, 1}, {RESPONSE, ROOM, WRITE, 0}}, .end = RAW_STOPPED},
	{"a loop in an indirect table", {{TABLE, 32, INDIRECT, 0}},
		{{REQUEST, 12, NEXT, 1}, {REQUEST, 12, NEXT, 0}}, .end = RAW_STOPPED},
	{"a next outside an indirect table", {{TABLE, 32, INDIRECT, 0}}, {{REQUEST, 24, NEXT, 2}},
		.end = RAW_STOPPED},
	/* Odd, but chains that can be answered or at least given back */
	{"an indirect chain", {{TABLE, 32, INDIRECT, 0}},
		{{REQUEST, 24, NEXT, 1}, {RESPONSE, ROOM, WRITE, 0}}, .end = RAW_ANSWERED},
	{"a request in pieces",
		{{REQUEST, 7, NEXT, 1}, {REQUEST + 7, 0, NEXT, 2}, {REQUEST + 7, 17, NEXT, 3},
			{RESPONSE, ROOM, WRITE, 0}},
		.end = RAW_ANSWERED},
	{"no room for an answer", {{REQUEST, 24, 0, 0}}, .end = RAW_ANSWERED},
	{"too little room for an answer", {{REQUEST, 24, NEXT, 1}, {RESPONSE, 8, WRITE, 0}},
		.end = RAW_ANSWERED},
	{"an answer without a request", {{RESPONSE, ROOM, WRITE, 0}}, .end = RAW_ANSWERED},
	{"an empty request", {{REQUEST, 0, NEXT, 1}, {RESPONSE, ROOM, WRITE, 0}},
		.end = RAW_ANSWERED},
	{"a chain made available twice", {{REQUEST, 24, NEXT, 1}, {RESPONSE, ROOM, WRITE, 0}},
		.twice = true, .end = RAW_ANSWERED},
};

static void check_ring(const struct ring_case *test)
{
	const struct virtio_gpu_ctrl_hdr command = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	static const char *const ends[] = {"it was answered", "the ring was stopped",
		"the connection was closed", "nothing happened"};
	struct raw_device device;
	enum raw_end end;

	if (!start_working(&device)) {
		report(test->name, "before it the device did not work");
		return;
	}
	memcpy(device.memory + RAW_REQUEST(0), &command, sizeof(command));
	memcpy(raw_descriptors(&device, 0), test->descriptors, sizeof(test->descriptors));
	memcpy(device.memory + RAW_INDIRECT, test->indirect, sizeof(test->indirect));
	((struct vring_avail *)(device.memory + RAW_RING(0) + RAW_AVAILABLE))->idx += test->skip;
	raw_device_post(&device, test->head);
	if (test->twice)
		raw_device_post(&device, test->head);
	end = raw_device_wait(&device, -1, 3000);
	report(test->name,
		end != test->end          ? ends[end]
			: device.nonsense ? "the used ring names a chain that is not there"
					  : NULL);
	raw_device_close(&device);
}

/* Messages of the monitor. */

enum message_fd { FD_NONE, FD_MEMORY, FD_SMALL_MEMORY, FD_FILE };

struct message_case {
	const char *name;
	uint32_t request;
	const void *payload;
	uint32_t size;
	enum message_fd fd;
};

#define REGION(guest, bytes, user, offset)                                                         \
	{                                                                                          \
		.guest_address = (guest), .size = (bytes), .user_address = (user),                 \
		.mmap_offset = (offset)                                                            \
	}
#define TABLE_OF(count, ...)                                                                       \
	&(const struct vhost_user_memory)                                                          \
	{                                                                                          \
		.n_regions = (count), .regions = { __VA_ARGS__ }                                   \
	}
#define STATE(i, n)                                                                                \
	&(const struct vhost_user_vring_state){(i), (n)}, sizeof(struct vhost_user_vring_state)
#define ADDRESS(i, d, u, a)                                                                        \
	&(const struct vhost_user_vring_addr){                                                     \
		.index = (i), .descriptors = (d), .used = (u), .available = (a)},                  \
		sizeof(struct vhost_user_vring_addr)
#define U64(value) &(const uint64_t){(value)}, 8

/* Each must be acknowledged with an error, or end the connection. */
static const struct message_case message_cases[] = {
	{"a request that does not exist", 99, U64(0), FD_NONE},
	{"the largest request", UINT32_MAX, U64(0), FD_NONE},
	{"features without a payload", VHOST_USER_SET_FEATURES, NULL, 0, FD_NONE},
	{"a memory table without fds", VHOST_USER_SET_MEM_TABLE, TABLE_OF(1, REGION(0, 4096, 0, 0)),
		40, FD_NONE},
	{"a memory table of 100 regions", VHOST_USER_SET_MEM_TABLE,
		TABLE_OF(100, REGION(0, 4096, 0, 0)), 40, FD_MEMORY},
	{"a memory table that is cut off", VHOST_USER_SET_MEM_TABLE,
		TABLE_OF(1, REGION(0, 4096, 0, 0)), 16, FD_MEMORY},
	{"a region whose end wraps", VHOST_USER_SET_MEM_TABLE,
		TABLE_OF(1, REGION(UINT64_MAX - 100, 4096, 0, 0)), 40, FD_MEMORY},
	{"a region whose user address wraps", VHOST_USER_SET_MEM_TABLE,
		TABLE_OF(1, REGION(0, 4096, UINT64_MAX - 100, 0)), 40, FD_MEMORY},
	{"a region of no bytes", VHOST_USER_SET_MEM_TABLE, TABLE_OF(1, REGION(0, 0, 0, 0)), 40,
		FD_MEMORY},
	{"a region of all bytes", VHOST_USER_SET_MEM_TABLE,
		TABLE_OF(1, REGION(0, UINT64_MAX, 0, 0)), 40, FD_MEMORY},
	{"a region whose offset wraps", VHOST_USER_SET_MEM_TABLE,
		TABLE_OF(1, REGION(0, 4096, 0, UINT64_MAX - 100)), 40, FD_MEMORY},
	{"a region beyond its file", VHOST_USER_SET_MEM_TABLE,
		TABLE_OF(1, REGION(0, 1 << 20, 0, 0)), 40, FD_SMALL_MEMORY},
	{"a region of an empty file", VHOST_USER_SET_MEM_TABLE, TABLE_OF(1, REGION(0, 4096, 0, 0)),
		40, FD_FILE},
	{"a queue size of 0", VHOST_USER_SET_VRING_NUM, STATE(0, 0), FD_NONE},
	{"a queue size that is no power of two", VHOST_USER_SET_VRING_NUM, STATE(0, 100), FD_NONE},
	{"a queue of 65536", VHOST_USER_SET_VRING_NUM, STATE(0, 65536), FD_NONE},
	{"a queue that is not there", VHOST_USER_SET_VRING_NUM, STATE(77, 256), FD_NONE},
	{"the largest queue", VHOST_USER_SET_VRING_ENABLE, STATE(UINT32_MAX, 1), FD_NONE},
	{"an index of 17 bits", VHOST_USER_SET_VRING_BASE, STATE(0, 0x10000), FD_NONE},
	{"misaligned descriptors", VHOST_USER_SET_VRING_ADDR, ADDRESS(0, 8, 4096, 8192), FD_NONE},
	{"a misaligned used ring", VHOST_USER_SET_VRING_ADDR, ADDRESS(0, 0, 4097, 8192), FD_NONE},
	{"rings of a queue that is not there", VHOST_USER_SET_VRING_ADDR, ADDRESS(9, 0, 4096, 8192),
		FD_NONE},
	{"a kick without its fd", VHOST_USER_SET_VRING_KICK, U64(0), FD_NONE},
	{"a kick that is a file", VHOST_USER_SET_VRING_KICK, U64(0), FD_FILE},
	{"a kick for a queue that is not there", VHOST_USER_SET_VRING_KICK, U64(9), FD_MEMORY},
	{"a configuration write that is cut off", VHOST_USER_SET_CONFIG,
		&(const uint32_t[]){0, 200, 0}, 12, FD_NONE},
	{"a backend socket without its fd", VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0, FD_NONE},
};

static int open_message_fd(enum message_fd kind)
{
	int fd = -1;

	if (kind == FD_NONE)
		return -1;
	if (kind == FD_FILE)
		return fileno(tmpfile());
	fd = memfd_create("region", MFD_CLOEXEC);
	if (fd >= 0 && ftruncate(fd, kind == FD_MEMORY ? 1 << 20 : 4096) < 0)
		perror("ftruncate");
	return fd;
}

static void check_message(const struct message_case *test)
{
	struct raw_device device;
	int fd = open_message_fd(test->fd);
	int64_t result;

	if (raw_device_connect(&device, socket_path) < 0) {
		report(test->name, "before it the device did not work");
		return;
	}
	result = raw_device_acknowledged(&device, test->request, test->payload, test->size, fd);
	report(test->name,
		result == 0                    ? "it was accepted"
			: result == -ETIMEDOUT ? "nothing happened"
			: result == -EPROTO    ? "a strange answer came"
					       : NULL);
	raw_device_close(&device);
	if (fd >= 0)
		close(fd);
}

/* Bytes that are no message. */
static void check_header(const char *name, struct vhost_user_header header)
{
	struct raw_device device;
	uint8_t byte;

	if (raw_device_connect(&device, socket_path) < 0) {
		report(name, "before it the device did not work");
		return;
	}
	ssize_t sent = write(device.socket, &header, sizeof(header));
	int result = sent < 0 ? -errno : raw_device_reply(&device, 0, &byte, sizeof(byte));
	report(name, result == -ECONNRESET ? NULL : "the connection was not closed");
	raw_device_close(&device);
}

/* The frontend's memory shrinks under the device while rings lie in it. */
static void check_truncated_memory(void)
{
	static const char name[] = "memory that is truncated";
	const struct virtio_gpu_ctrl_hdr command = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct raw_device device;

	if (!start_working(&device)) {
		report(name, "before it the device did not work");
		return;
	}
	raw_device_prepare(&device, 0, &command, sizeof(command), ROOM);
	munmap(device.memory, RAW_MEMORY_BYTES);
	device.memory = NULL;
	if (ftruncate(device.memory_fd, 0) < 0)
		perror("ftruncate");
	raw_device_kick(&device);
	usleep(200000);
	raw_device_close(&device);
	bool works = start_working(&device);
	report(name, works ? NULL : "after it the device does not work");
	if (works)
		raw_device_close(&device);
}

/* A resource of another machine is nothing here; and there it stays what it is. */
static void check_other_machine(void)
{
	static const char name[] = "a resource of another machine";
	enum { CONTEXT = 1, BLOB = 4321 };
	struct raw_device device, other;
	uint32_t here, there;

	if (raw_device_connect(&other, other_path) < 0 || raw_device_start(&other) < 0 ||
		!start_working(&device)) {
		report(name, "before it the devices did not work");
		return;
	}
	if (raw_context_create(&other, CONTEXT) != VIRTIO_GPU_RESP_OK_NODATA ||
		raw_context_create(&device, CONTEXT) != VIRTIO_GPU_RESP_OK_NODATA ||
		raw_guest_blob(&other, BLOB, RAW_HEAP + 0x200000, RAW_PAGE) !=
			VIRTIO_GPU_RESP_OK_NODATA) {
		report(name, "the devices refuse what is right");
		return;
	}
	here = raw_simple(&device, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, CONTEXT, BLOB);
	there = raw_simple(&other, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, CONTEXT, BLOB);
	report(name,
		here != VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID ? "it can be attached"
			: there != VIRTIO_GPU_RESP_OK_NODATA    ? "its own machine has lost it"
								: NULL);
	raw_device_close(&device);
	raw_device_close(&other);
}

int main(int argc, char **argv)
{
	struct raw_device device;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 3) {
		fputs("Usage: device-faults SOCKET OTHER\n"
		      "  OTHER  the socket of another machine's wayferry-host\n",
			stderr);
		return 2;
	}
	socket_path = argv[1];
	other_path = argv[2];
	for (size_t i = 0; i < ARRAY_LENGTH(ring_cases); i++)
		check_ring(&ring_cases[i]);
	for (size_t i = 0; i < ARRAY_LENGTH(message_cases); i++)
		check_message(&message_cases[i]);
	check_header("a message of version 2",
		(struct vhost_user_header){VHOST_USER_GET_FEATURES, 2, 0});
	check_header("a message of 4 GiB",
		(struct vhost_user_header){
			VHOST_USER_GET_FEATURES, VHOST_USER_VERSION, UINT32_MAX});
	if (start_working(&device)) {
		check_commands(&device);
		raw_device_close(&device);
	} else {
		report("commands", "the device does not work");
	}
	check_other_machine();
	check_truncated_memory();
	printf("%u cases, %u failed\n", n_run, n_failed);
	return n_failed > 0;
}
