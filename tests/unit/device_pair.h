/*
 * guest-proxy's driver and channel against the real device of host-bridge, and a compositor made of
 * bare sockets. One program includes it once.
 */
#ifndef TESTS_UNIT_DEVICE_PAIR_H
#define TESTS_UNIT_DEVICE_PAIR_H

#include "guest-proxy/channel/channel.h"
#include "guest-proxy/gpu/vhost_user/gpu_vhost_user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>

#include "host-bridge/gpu/device.h"
#include "host-bridge/kinds.h"
#include "host-bridge/policy/policy.h"
#include "protocol/formats/cross_domain.h"
#include "protocol/formats/vhost_user.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/socket_compositor.h"

#define TIMEOUT_MS 20000
#define PIPES 10

#define DISPLAY 1
#define DISPLAY_DELETE_ID 1
#define DATA_SOURCE_SEND 1

struct guest {
	struct channel *channel;
	uint8_t in[1 << 16];
	size_t in_bytes;
	struct wire_handles handles;
	unsigned globals, done, last_done, readies, receives;
	/* Objects, 0: there is none. Ids have no gaps; those from next_id on are callbacks of the
	 * moment. */
	uint32_t next_id, registry, shm, seat, keyboard, manager, device, offer,
		sources[FAKE_TAKEN];
	uint32_t serial;                  /* of the last event of the keyboard */
	uint32_t write_pipes[FAKE_TAKEN]; /* by source */
	struct {
		uint32_t id, sum;
		uint64_t bytes;
		bool ended;
	} reads[PIPES];
	bool closed, hold_credit;
	const char *why;
};

static char directory[] = "/tmp/wayferry-pair-XXXXXX";
static char device_path[64], display_path[64];
static struct {
	pid_t host, compositor;
	struct wl_event_loop *loop;
	struct gpu *gpu;
	struct guest guest;
	bool died;
	int fds_before;
} t;

/* The host, in a process of its own */

static inline pid_t host_start(uint64_t region_bytes)
{
	int ready[2];
	char byte;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		struct policy policy = {.wayland_display = display_path};
		struct kinds kinds;
		kinds_init(&kinds, &policy, NULL, true, NULL);
		struct device_config config = {
			.loop = wl_event_loop_create(),
			.socket_path = device_path,
			.socket_fd = -1,
			.kinds = kinds.list,
			.n_kinds = kinds.n,
			.region_bytes = region_bytes,
		};
		if (!policy_init(&policy) || !device_create(&config) || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			wl_event_loop_dispatch(config.loop, -1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static inline void stop_end(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

/* The guest */

static inline void handle_message(
	struct guest *guest, uint32_t id, uint16_t opcode, const uint8_t *body)
{
	if (id == DISPLAY) {
		/* A callback is over, and its id free, once that comes. */
		guest->done += opcode == DISPLAY_DELETE_ID && load_u32(body) >= guest->next_id;
	} else if (id == guest->registry) {
		guest->globals++;
	} else if (id == guest->keyboard) {
		guest->serial = load_u32(body);
	} else if (id == guest->device) {
		guest->offer = load_u32(body);
	} else if (id >= guest->next_id && id < WIRE_SERVER_ID_START) {
		assert_int_equal(load_u32(body), ++guest->last_done);
	} else if (opcode == DATA_SOURCE_SEND) {
		for (size_t i = 0; i < FAKE_TAKEN; i++) {
			if (guest->sources[i] != id)
				continue;
			struct wire_handle handle = wire_handles_pop(&guest->handles);
			assert_int_equal(handle.kind, WIRE_WRITE_PIPE);
			assert_int_equal(handle.fd, -1);
			guest->write_pipes[i] = handle.id;
		}
	}
}

static inline void handle_receive(void *data, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct guest *guest = data;
	size_t at = 0;
	guest->receives++;
	assert_true(size <= sizeof(guest->in) - guest->in_bytes);
	memcpy(guest->in + guest->in_bytes, bytes, size);
	guest->in_bytes += size;
	for (size_t i = 0; i < n_handles; i++)
		assert_int_equal(wire_handles_push(&guest->handles, handles[i]), 0);
	while (guest->in_bytes - at >= WIRE_HEADER_BYTES) {
		struct wire_header header;
		assert_int_equal(wire_header_decode(guest->in + at, &header), 0);
		if (guest->in_bytes - at < header.size)
			break;
		handle_message(guest, header.id, header.opcode, guest->in + at + WIRE_HEADER_BYTES);
		at += header.size;
	}
	guest->in_bytes -= at;
	memmove(guest->in, guest->in + at, guest->in_bytes);
}

static inline void handle_pipe_data(
	void *data, uint32_t pipe_id, const void *bytes, size_t size, bool hang_up)
{
	struct guest *guest = data;
	for (size_t i = 0; i < PIPES; i++) {
		if (guest->reads[i].id != pipe_id)
			continue;
		assert_false(guest->reads[i].ended);
		guest->reads[i].sum = checksum(guest->reads[i].sum, bytes, size);
		guest->reads[i].bytes += size;
		guest->reads[i].ended = hang_up;
		if (!guest->hold_credit)
			channel_read_done(guest->channel, pipe_id, size);
		return;
	}
	fail_msg("data for pipe %#x, which nobody opened", pipe_id);
}

static inline void handle_ready(void *data)
{
	struct guest *guest = data;
	assert_true(channel_ready(guest->channel));
	guest->readies++;
}

static inline void handle_closed(void *data, const char *why)
{
	struct guest *guest = data;
	assert_false(guest->closed);
	guest->closed = true;
	guest->why = why;
}

static inline void handle_blobs(void *data)
{
}

static const struct channel_listener listener = {
	.receive = handle_receive,
	.pipe_data = handle_pipe_data,
	.blobs = handle_blobs,
	.ready = handle_ready,
	.closed = handle_closed,
};

static inline void handle_died(void *data)
{
	t.died = true;
}

/* Runs the loop until @condition holds; fails after TIMEOUT_MS. */
#define UNTIL(condition)                                                                           \
	do {                                                                                       \
		uint64_t deadline_ns = vhost_user_deadline_ns(TIMEOUT_MS);                         \
		while (!(condition)) {                                                             \
			if (t.guest.closed && !strstr(#condition, "closed") &&                     \
				!strstr(#condition, "died"))                                       \
				fail_msg("the channel ended before %s", #condition);               \
			if (vhost_user_remaining_ms(deadline_ns) == 0)                             \
				fail_msg("never came: %s", #condition);                            \
			wl_event_loop_dispatch(t.loop, 10);                                        \
		}                                                                                  \
	} while (0)

/* A blob that is complete, or -errno. */
static inline int make_blob(size_t size, struct channel_blob **blob)
{
	int error = channel_blob_create(t.guest.channel, size, blob);
	if (error < 0)
		return error;
	UNTIL((*blob)->status != -EINPROGRESS);
	error = (*blob)->status;
	if (error < 0)
		channel_blob_unref(*blob);
	return error;
}

static inline void guest_open(struct guest *guest)
{
	memset(guest, 0, sizeof(*guest));
	guest->next_id = DISPLAY + 1;
	guest->channel = channel_create(t.gpu, &listener, guest);
	assert_non_null(guest->channel);
}

static inline void guest_close(struct guest *guest)
{
	channel_destroy(guest->channel);
	wire_handles_finish(&guest->handles);
	guest->channel = NULL;
}

static inline void gpu_open(void)
{
	t.gpu = gpu_vhost_user_open(t.loop, device_path);
	assert_non_null(t.gpu);
	t.gpu->died = handle_died;
}

static inline int setup(void **state)
{
	t.fds_before = fd_count();
	t.died = false;
	t.compositor = fake_compositor_start(display_path);
	t.host = host_start(UINT64_C(256) << 20);
	t.loop = wl_event_loop_create();
	gpu_open();
	guest_open(&t.guest);
	return 0;
}

static inline int teardown(void **state)
{
	guest_close(&t.guest);
	if (t.gpu)
		t.gpu->ops->destroy(t.gpu);
	t.gpu = NULL;
	wl_event_loop_destroy(t.loop);
	stop_end(&t.host);
	stop_end(&t.compositor);
	return fd_count() == t.fds_before ? 0 : -1;
}

/* Requests */

static inline void request_with(const char *interface, const char *message, uint32_t id,
	const union wire_arg *args, struct wire_handle handle)
{
	uint8_t bytes[512];
	size_t size =
		encode_message(RELAY_DOWN, interface, message, id, args, bytes, sizeof(bytes));
	assert_int_equal(
		channel_send(t.guest.channel, bytes, size, &handle, handle.kind != WIRE_NONE), 0);
}

static inline void request(
	const char *interface, const char *message, uint32_t id, const union wire_arg *args)
{
	request_with(
		interface, message, id, args, (struct wire_handle){.kind = WIRE_NONE, .fd = -1});
}

static inline void flush(void)
{
	assert_int_equal(channel_flush(t.guest.channel), 0);
}

/* Round trip: all that was sent before has come to the compositor. */
static inline void sync_guest(void)
{
	unsigned due = t.guest.done + 1;
	request("wl_display", "sync", DISPLAY, ARGS({.id = t.guest.next_id}));
	flush();
	UNTIL(t.guest.done == due);
	assert_false(t.guest.closed);
}

static inline void bind_all(void)
{
	struct guest *guest = &t.guest;
	const struct {
		const char *interface;
		uint32_t version, *id;
	} globals[] = {
		{"wl_shm", 1, &guest->shm},
		{"wl_seat", 1, &guest->seat},
		{"wl_data_device_manager", 3, &guest->manager},
	};
	guest->registry = guest->next_id++;
	request("wl_display", "get_registry", DISPLAY, ARGS({.id = guest->registry}));
	flush();
	UNTIL(guest->globals == ARRAY_LENGTH(globals));
	for (uint32_t i = 0; i < ARRAY_LENGTH(globals); i++) {
		*globals[i].id = guest->next_id++;
		request("wl_registry", "bind", guest->registry,
			ARGS({.u = i + 1}, {.s = globals[i].interface}, {.u = globals[i].version},
				{.id = *globals[i].id}));
	}
	sync_guest();
}

static inline uint32_t make_source(unsigned i)
{
	t.guest.sources[i] = t.guest.next_id++;
	request("wl_data_device_manager", "create_data_source", t.guest.manager,
		ARGS({.id = t.guest.sources[i]}));
	return t.guest.sources[i];
}

/* @n syncs as bytes */
static inline uint8_t *make_syncs(uint32_t n, size_t *size)
{
	uint8_t *bytes = malloc(12 * (size_t)n);
	*size = 0;
	for (uint32_t i = 0; i < n; i++)
		*size += encode_message(RELAY_DOWN, "wl_display", "sync", DISPLAY,
			ARGS({.id = t.guest.next_id + i}), bytes + *size, 12);
	return bytes;
}

static inline int pair_main(const struct CMUnitTest *tests, size_t n_tests)
{
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(directory))
		return 1;
	snprintf(device_path, sizeof(device_path), "%s/device", directory);
	snprintf(display_path, sizeof(display_path), "%s/display", directory);
	int failed = _cmocka_run_group_tests("device pair", tests, n_tests, NULL, NULL);
	unlink(device_path);
	unlink(display_path);
	rmdir(directory);
	return failed;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
