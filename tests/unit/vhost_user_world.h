/*
 * The vhost-user backend with a device that echoes, and a frontend that the test plays. One program
 * includes it once.
 */
#ifndef TESTS_UNIT_VHOST_USER_WORLD_H
#define TESTS_UNIT_VHOST_USER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "host-bridge/vhost/vhost_user.h"
#include "host-bridge/vhost/vhost_user_state.h"
#include "protocol/base/log.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/frontend.h"

#define REGION_BYTES UINT64_C(0x200000)

/* The device: an echo on queue 0, with a log of its callbacks. */
static struct {
	/* S started, R resumed, r reset, l left, m memory changed, 0 and 1 process, M a map's end
	 */
	char calls[256];
	uint8_t config[20];
	struct virtqueue_chain chain;
	bool map_when_started; /* the next started call maps the region */
	int map_result;
	bool hold;   /* chains are popped and held */
	bool greedy; /* asks to be called again, thrice */
	int greed;
} device;

static struct {
	int fds_before;
	struct wl_event_loop *loop;
	struct vhost_user *vu;
	struct frontend fe;
	int region;
} t;

/* Whether it serves a frontend. */
static inline bool connected(const struct vhost_user *vu)
{
	return vu->socket >= 0;
}

static inline void called(char what)
{
	size_t n = strlen(device.calls);
	if (n < sizeof(device.calls) - 1)
		device.calls[n] = what;
}

static inline void handle_mapped(void *data, int result)
{
	called('M');
	device.map_result = result;
}

static inline void map_region(void)
{
	int result =
		vhost_user_shmem_map(t.vu, 1, t.region, 0, 0, REGION_BYTES, handle_mapped, NULL);
	device.map_result = result < 0 ? result : -EINPROGRESS;
}

static inline void get_config(void *data, uint32_t offset, uint32_t size, uint8_t *out)
{
	for (uint32_t i = 0; i < size && offset + i < sizeof(device.config); i++)
		out[i] = device.config[offset + i];
}

static inline void set_config(void *data, uint32_t offset, uint32_t size, const uint8_t *bytes)
{
	if (range_fits(offset, size, sizeof(device.config)))
		memcpy(device.config + offset, bytes, size);
}

static inline void complete(const char *answer)
{
	struct virtqueue *queue = vhost_user_queue(t.vu, 0);
	virtqueue_write(
		queue, device.chain.segments + device.chain.n_out, device.chain.n_in, 0, answer, 8);
	virtqueue_push(queue, device.chain.head, 8);
	virtqueue_notify(queue);
}

static inline int process(void *data, uint32_t index)
{
	struct virtqueue *queue = vhost_user_queue(t.vu, index);
	called((char)('0' + index));
	if (device.greedy)
		return device.greed++ < 3;
	do {
		int result;
		while ((result = virtqueue_pop(queue, &device.chain)) == 1) {
			char text[8] = "";
			virtqueue_read(queue, &device.chain, 0, text, sizeof(text));
			if (!device.hold)
				complete(text);
		}
		if (result < 0)
			return result;
	} while (virtqueue_enable_kicks(queue));
	return 0;
}

static inline void started(void *data, bool resumed)
{
	called(resumed ? 'R' : 'S');
	if (device.map_when_started)
		map_region();
}

static inline void reset(void *data)
{
	called('r');
}

static inline void left(void *data)
{
	called('l');
}

static inline void memory_changed(void *data)
{
	called('m');
}

static inline int give_file(void *data, uint64_t id, uint64_t size, int fd)
{
	called('f');
	close(fd);
	return size == 0 ? -EINVAL : 0;
}

static const struct vhost_user_device vtable = {
	.features = 0x1f,
	.n_queues = 2,
	.shmem_sizes = {0, REGION_BYTES},
	.get_config = get_config,
	.set_config = set_config,
	.process = process,
	.started = started,
	.reset = reset,
	.left = left,
	.memory_changed = memory_changed,
	.give_file = give_file,
};

/* Lets the backend work off everything that has come. */
static inline void settle(void)
{
	for (int i = 0; i < 8; i++)
		wl_event_loop_dispatch(t.loop, 0);
}

static inline void connect_frontend(void)
{
	int ends[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	assert_int_equal(vhost_user_adopt(t.vu, ends[0]), 0);
	fe_init(&t.fe, ends[1]);
}

static inline int set_up(void **state)
{
	log_set_level(LOG_LEVEL_ERROR);
	memset(&device, 0, sizeof(device));
	t.fds_before = fd_count();
	t.loop = wl_event_loop_create();
	t.vu = vhost_user_create(t.loop, NULL, -1, &vtable, &device);
	assert_non_null(t.vu);
	t.region = fd_memfd("region", REGION_BYTES);
	connect_frontend();
	return 0;
}

static inline int tear_down(void **state)
{
	fe_finish(&t.fe);
	vhost_user_destroy(t.vu);
	wl_event_loop_destroy(t.loop);
	close(t.region);
	int fds = fd_count();
	if (fds != t.fds_before)
		fprintf(stderr, "%d fds before, %d after\n", t.fds_before, fds);
	return fds == t.fds_before ? 0 : -1;
}

static inline struct vhost_user_message expect_reply(uint32_t request)
{
	struct vhost_user_message message;
	settle();
	assert_int_equal(vhost_user_receive(t.fe.socket, &t.fe.reader, &message), 1);
	assert_int_equal(message.header.request, request);
	assert_int_equal(message.header.flags, VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY);
	assert_int_equal(message.n_fds, 0);
	return message;
}

static inline uint64_t expect_u64(uint32_t request)
{
	struct vhost_user_message message = expect_reply(request);
	assert_int_equal(message.header.size, 8);
	return message.payload.u64;
}

static inline uint16_t expect_base(uint32_t index)
{
	struct vhost_user_message message = expect_reply(VHOST_USER_GET_VRING_BASE);
	assert_int_equal(message.header.size, 8);
	assert_int_equal(message.payload.state.index, index);
	return (uint16_t)message.payload.state.num;
}

static inline void expect_silence(void)
{
	struct vhost_user_message message;
	settle();
	assert_int_equal(vhost_user_receive(t.fe.socket, &t.fe.reader, &message), 0);
}

static inline void expect_calls(const char *calls)
{
	settle();
	assert_string_equal(device.calls, calls);
	memset(device.calls, 0, sizeof(device.calls));
}

static inline void start(void)
{
	fe_negotiate(&t.fe);
	fe_driver_ok(&t.fe, 0, 0);
	expect_calls("mS01");
	assert_true(vhost_user_running(t.vu));
}

/* The driver's interrupts since the last time. */
static inline unsigned interrupts(int queue)
{
	uint64_t count = 0;
	return read(t.fe.calls[queue], &count, sizeof(count)) == sizeof(count) ? (unsigned)count
									       : 0;
}

static inline void run_request(const char *text)
{
	fe_offer(&t.fe, text, 8);
	fe_kick(&t.fe, 0);
	settle();
	assert_non_null(ring_driver_take(&t.fe.rings[0]));
	assert_memory_equal(t.fe.bytes + FE_BUFFERS + 0x100, text, 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
