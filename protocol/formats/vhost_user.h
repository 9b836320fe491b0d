/*
 * vhost-user messages: layouts, and whole messages with their fds over a stream socket. Both sides
 * use it: the device (host-bridge) and the user-space driver (guest-proxy), which is a frontend.
 */
#ifndef PROTOCOL_FORMATS_VHOST_USER_H
#define PROTOCOL_FORMATS_VHOST_USER_H

#include "protocol/base/bytes.h"

#define VHOST_USER_MAX_FDS 8
#define VHOST_USER_VERSION 1u
#define VHOST_USER_VERSION_MASK 3u
#define VHOST_USER_FLAG_REPLY (1u << 2)
#define VHOST_USER_FLAG_NEED_REPLY (1u << 3)
#define VHOST_USER_MAX_QUEUES 2
/* The u64 of SET_VRING_KICK, CALL and ERR. */
#define VHOST_USER_VRING_INDEX_MASK UINT64_C(0xff)
#define VHOST_USER_VRING_NO_FD (UINT64_C(1) << 8)

/*
 * Requests of the frontend. Those not listed are unknown to us. Ids and bits: vhost-user.rst of
 * QEMU 11.
 */
enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_GPU_SET_SOCKET = 33,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_SET_STATUS = 39,
	VHOST_USER_GET_STATUS = 40,
	VHOST_USER_GET_SHMEM_CONFIG = 44,
	/* wayferry's, for frontends that see CROSS_DOMAIN_EXT_FILES: see struct vhost_user_file. */
	VHOST_USER_GIVE_FILE = 0x59520001,
};

/* Requests of the backend, on the socket that SET_BACKEND_REQ_FD passed. */
enum vhost_user_backend_request {
	VHOST_USER_BACKEND_CONFIG_CHANGE = 2,
	VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE = 7,
	VHOST_USER_BACKEND_SHMEM_MAP = 9,
	VHOST_USER_BACKEND_SHMEM_UNMAP = 10,
};

#define VHOST_USER_F_PROTOCOL_FEATURES 30 /* a virtio feature bit: the others may be negotiated */
#define VHOST_USER_PROTOCOL_F_MQ 0
#define VHOST_USER_PROTOCOL_F_REPLY_ACK 3
#define VHOST_USER_PROTOCOL_F_BACKEND_REQ 5
#define VHOST_USER_PROTOCOL_F_CONFIG 9
#define VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD 10
#define VHOST_USER_PROTOCOL_F_RESET_DEVICE 13
#define VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS 15
#define VHOST_USER_PROTOCOL_F_STATUS 16
#define VHOST_USER_PROTOCOL_F_SHARED_OBJECT 18
#define VHOST_USER_PROTOCOL_F_SHMEM 22 /* 20 in early patches; 20 and 21 went to others */

struct vhost_user_header {
	uint32_t request;
	uint32_t flags; /* version in bits 0 and 1, VHOST_USER_FLAG_* */
	uint32_t size;  /* of the payload */
};
static_assert(sizeof(struct vhost_user_header) == 12, "");

struct vhost_user_vring_state {
	uint32_t index;
	uint32_t num;
};

struct vhost_user_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t descriptors; /* addresses of the frontend's own address space */
	uint64_t used;
	uint64_t available;
	uint64_t log;
};
static_assert(sizeof(struct vhost_user_vring_addr) == 40, "");

struct vhost_user_memory_region {
	uint64_t guest_address;
	uint64_t size;
	uint64_t user_address; /* of the frontend */
	uint64_t mmap_offset;
};
#define VHOST_USER_MAX_REGIONS 8
struct vhost_user_memory {
	uint32_t n_regions;
	uint32_t padding;
	struct vhost_user_memory_region regions[VHOST_USER_MAX_REGIONS];
};
static_assert(sizeof(struct vhost_user_memory) == 8 + 32 * VHOST_USER_MAX_REGIONS, "");

struct vhost_user_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t region[256];
};
#define VHOST_USER_CONFIG_HEADER_BYTES 12 /* a payload ends with the bytes asked for */
static_assert(sizeof(struct vhost_user_config) == VHOST_USER_CONFIG_HEADER_BYTES + 256, "");

struct vhost_user_shmem_config {
	uint32_t n_regions; /* how many sizes are not 0 */
	uint32_t padding;
	uint64_t sizes[256]; /* by shmid */
};
static_assert(sizeof(struct vhost_user_shmem_config) == 2056, "");

struct vhost_user_shmem_map {
	uint8_t shmid;
	uint8_t padding[7];
	uint64_t fd_offset;
	uint64_t shm_offset;
	uint64_t length;
	uint64_t flags; /* VHOST_USER_SHMEM_* */
};
#define VHOST_USER_SHMEM_WRITABLE UINT64_C(1)
static_assert(sizeof(struct vhost_user_shmem_map) == 40, "");

/*
 * VHOST_USER_GIVE_FILE, with one fd: memory that cannot shrink (fd_is_lasting_memory), of which the
 * first @size bytes are to be made a blob. Acknowledged with 0, or not 0: it is not taken.
 */
struct vhost_user_file {
	uint64_t id; /* the frontend's choice, below 2^63; of no file that waits for its blob */
	uint64_t size;
};
static_assert(sizeof(struct vhost_user_file) == 16, "");

union vhost_user_payload {
	uint64_t u64;
	struct vhost_user_vring_state state;
	struct vhost_user_vring_addr addr;
	struct vhost_user_memory memory;
	struct vhost_user_config config;
	struct vhost_user_shmem_config shmem_config;
	struct vhost_user_shmem_map shmem_map;
	struct vhost_user_file file;
	uint8_t uuid[16];
	uint8_t bytes[2056];
};

struct vhost_user_message {
	struct vhost_user_header header;
	union vhost_user_payload payload;
	int fds[VHOST_USER_MAX_FDS]; /* owned by the message; -1 where taken or not used */
	size_t n_fds;
};

/*
 * An empty message for @request with @size bytes of payload to be filled in, all zeroes, without
 * fds.
 */
void vhost_user_message_init(struct vhost_user_message *message, uint32_t request, uint32_t size);
/* Closes the fds that are still in @message. */
void vhost_user_message_finish(struct vhost_user_message *message);

/* The part of the next message that has come so far; one per socket. */
struct vhost_user_reader {
	struct vhost_user_message message;
	size_t received; /* bytes of header and payload */
};
void vhost_user_reader_init(struct vhost_user_reader *reader);
void vhost_user_reader_finish(struct vhost_user_reader *reader);

/*
 * Takes from @socket what is there, without blocking. 1: @out is one whole message, its fds are the
 * caller's (finish it); 0: not yet; -ECONNRESET at end of file; -EPROTO for another version, a
 * payload larger than the union or more than VHOST_USER_MAX_FDS fds; or -errno. After an error the
 * stream cannot be used any more. Never reads into the following message.
 */
int vhost_user_receive(
	int socket, struct vhost_user_reader *reader, struct vhost_user_message *out);

/*
 * Sends @message whole; the version is set in its flags, the fds are borrowed. 0 or -errno;
 * -ETIMEDOUT when the peer does not take it within @timeout_ms (0: does not take it at once); the
 * stream may then end within a message and cannot be used any more.
 */
int vhost_user_send(int socket, const struct vhost_user_message *message, int timeout_ms);

/*
 * Milliseconds from now until @deadline_ns (CLOCK_MONOTONIC), rounded up; 0 once it is over. For
 * poll.
 */
int vhost_user_remaining_ms(uint64_t deadline_ns);
uint64_t vhost_user_deadline_ns(int timeout_ms);

#endif
