/*
 * A device of vhost-user for a driver in user space, in a process of its own. It does what is
 * right, until a test says otherwise.
 */
#ifndef TESTS_UNIT_BAD_DEVICE_H
#define TESTS_UNIT_BAD_DEVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#define BAD_DEVICE_REGION_BYTES (1u << 20)
#define BAD_DEVICE_NOT_TRIED 1
#define BAD_DEVICE_TRIES 16

/* What is wrong with the device; shared with its process. */
extern struct bad_device {
	atomic_uint type;         /* of the commands it treats like that; 0: none */
	atomic_uint answer;       /* VIRTIO_GPU_RESP_* */
	atomic_uint answer_bytes; /* how much of an answer is written; 0: all */
	atomic_uint times;        /* how often; then it behaves */
	atomic_bool mute;         /* or there is no answer at all */
	atomic_bool wrong_head;   /* or the used ring names another request */
	atomic_bool no_capset, no_region, try_shmem;
	atomic_int shmem_results[BAD_DEVICE_TRIES];
	atomic_uint commands, last_map_offset, unrefs;
} * bad_device;

/* One that does what is right, and listens at @path. Its process, the caller's to end and to wait
 * for. */
pid_t bad_device_start(const char *path);

#endif
