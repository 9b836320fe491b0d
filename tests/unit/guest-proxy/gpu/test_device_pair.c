/* guest-proxy's driver and channel against the real device of host-bridge, and a compositor made of
 * bare sockets */
#include "guest-proxy/channel/channel.h"

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
	uint32_t next_id, registry, shm, seat, manager, device, offer, sources[FAKE_TAKEN];
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

static pid_t host_start(uint64_t region_bytes)
{
	int ready[2];
	char byte;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		struct policy policy = {.wayland_display = display_path};
		struct kinds kinds;
		kinds_init(&kinds, &policy, NULL);
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

static void stop(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

/* The guest */

static void handle_message(struct guest *guest, uint32_t id, uint16_t opcode, const uint8_t *body)
{
	if (id == DISPLAY) {
		/* A callback is over, and its id free, once that comes. */
		guest->done += opcode == DISPLAY_DELETE_ID && load_u32(body) >= guest->next_id;
	} else if (id == guest->registry) {
		guest->globals++;
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

static void handle_receive(void *data, const uint8_t *bytes, size_t size,
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

static void handle_pipe_data(
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

static void handle_ready(void *data)
{
	struct guest *guest = data;
	assert_true(channel_ready(guest->channel));
	guest->readies++;
}

static void handle_closed(void *data, const char *why)
{
	struct guest *guest = data;
	assert_false(guest->closed);
	guest->closed = true;
	guest->why = why;
}

static void handle_blobs(void *data)
{
}

static const struct channel_listener listener = {
	.receive = handle_receive,
	.pipe_data = handle_pipe_data,
	.blobs = handle_blobs,
	.ready = handle_ready,
	.closed = handle_closed,
};

static void handle_died(void *data)
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
static int make_blob(size_t size, struct channel_blob **blob)
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

static void guest_open(struct guest *guest)
{
	memset(guest, 0, sizeof(*guest));
	guest->next_id = DISPLAY + 1;
	guest->channel = channel_create(t.gpu, &listener, guest);
	assert_non_null(guest->channel);
}

static void guest_close(struct guest *guest)
{
	channel_destroy(guest->channel);
	wire_handles_finish(&guest->handles);
	guest->channel = NULL;
}

static void gpu_open(void)
{
	t.gpu = gpu_vhost_user_open(t.loop, device_path);
	assert_non_null(t.gpu);
	t.gpu->died = handle_died;
}

static int setup(void **state)
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

static int teardown(void **state)
{
	guest_close(&t.guest);
	if (t.gpu)
		t.gpu->ops->destroy(t.gpu);
	t.gpu = NULL;
	wl_event_loop_destroy(t.loop);
	stop(&t.host);
	stop(&t.compositor);
	return fd_count() == t.fds_before ? 0 : -1;
}

/* Requests */

static void request_with(const char *interface, const char *message, uint32_t id,
	const union wire_arg *args, struct wire_handle handle)
{
	uint8_t bytes[512];
	size_t size =
		encode_message(RELAY_DOWN, interface, message, id, args, bytes, sizeof(bytes));
	assert_int_equal(
		channel_send(t.guest.channel, bytes, size, &handle, handle.kind != WIRE_NONE), 0);
}

static void request(
	const char *interface, const char *message, uint32_t id, const union wire_arg *args)
{
	request_with(
		interface, message, id, args, (struct wire_handle){.kind = WIRE_NONE, .fd = -1});
}

static void flush(void)
{
	assert_int_equal(channel_flush(t.guest.channel), 0);
}

/* Round trip: all that was sent before has come to the compositor. */
static void sync_guest(void)
{
	unsigned due = t.guest.done + 1;
	request("wl_display", "sync", DISPLAY, ARGS({.id = t.guest.next_id}));
	flush();
	UNTIL(t.guest.done == due);
	assert_false(t.guest.closed);
}

static void bind_all(void)
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

static uint32_t make_source(unsigned i)
{
	t.guest.sources[i] = t.guest.next_id++;
	request("wl_data_device_manager", "create_data_source", t.guest.manager,
		ARGS({.id = t.guest.sources[i]}));
	return t.guest.sources[i];
}

/* @n syncs as bytes */
static uint8_t *make_syncs(uint32_t n, size_t *size)
{
	uint8_t *bytes = malloc(12 * (size_t)n);
	*size = 0;
	for (uint32_t i = 0; i < n; i++)
		*size += encode_message(RELAY_DOWN, "wl_display", "sync", DISPLAY,
			ARGS({.id = t.guest.next_id + i}), bytes + *size, 12);
	return bytes;
}

/* Tests */

static void a_round_trip_takes_one_submission_each_way(void **state)
{
	sync_guest();
	uint64_t before = channel_counters(t.guest.channel)->submissions;
	for (unsigned i = 0; i < 100; i++)
		sync_guest();
	/* A SEND and a POLL for each, and now and then nothing else. */
	assert_in_range(channel_counters(t.guest.channel)->submissions - before, 100, 210);
}

static void bytes_arrive_whatever_the_segments(void **state)
{
	static const size_t segments[] = {1, 2, 7, 12, 100, 4096, 65536, 1 << 20};
	for (size_t i = 0; i < ARRAY_LENGTH(segments); i++) {
		size_t size;
		uint32_t n = (uint32_t)min_u64(max_u64(segments[i] / 12, 3), 40000);
		uint8_t *bytes = make_syncs(n, &size);
		unsigned due = t.guest.done + n;
		for (size_t done = 0; done < size;) {
			size_t segment = min_u64(segments[i], size - done);
			assert_int_equal(
				channel_send(t.guest.channel, bytes + done, segment, NULL, 0), 0);
			flush();
			done += segment;
		}
		UNTIL(t.guest.done == due);
		free(bytes);
	}
}

static void a_megabyte_each_way_is_echoed_in_order(void **state)
{
	size_t size;
	uint8_t *bytes = make_syncs(20000, &size);
	for (unsigned round = 1; round <= 4; round++) { /* ids may be used again after each */
		for (size_t done = 0; done < size;) {
			UNTIL(channel_ready(t.guest.channel));
			size_t segment = min_u64(16000, size - done);
			assert_int_equal(
				channel_send(t.guest.channel, bytes + done, segment, NULL, 0), 0);
			flush();
			done += segment;
		}
		UNTIL(t.guest.done == round * 20000);
	}
	free(bytes);
}

static void what_a_blob_holds_is_what_the_compositor_reads(void **state)
{
	static const size_t sizes[] = {1, 4096, 5000, 1 << 20, 1920 * 1080 * 4, 3840 * 2160 * 4};
	bind_all();
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		struct channel_blob *blob;
		int32_t width = (int32_t)sizes[i];
		assert_int_equal(make_blob(sizes[i], &blob), 0);
		assert_int_equal(blob->size, sizes[i]);
		for (size_t j = 0; j < sizes[i]; j++)
			blob->map[j] = pattern(j, (uint32_t)i);
		uint32_t sum = checksum(CHECKSUM_START, blob->map, sizes[i]);
		uint32_t pool = t.guest.next_id++, buffer = t.guest.next_id++;
		request_with("wl_shm", "create_pool", t.guest.shm,
			ARGS({.id = pool}, {.i = 0}, {.i = width}), channel_blob_handle(blob));
		request("wl_shm_pool", "create_buffer", pool,
			ARGS({.id = buffer}, {.i = 0}, {.i = width}, {.i = 1}, {.i = width},
				{.u = 0x20203852}));
		sync_guest();
		assert_int_equal(fake_seen->buffers, i + 1);
		assert_int_equal(fake_seen->buffer_sum, sum);
		request("wl_buffer", "destroy", buffer, NULL);
		request("wl_shm_pool", "destroy", pool, NULL);
		channel_blob_unref(blob);
		sync_guest();
	}
	assert_int_equal(channel_counters(t.guest.channel)->blobs, 0);
}

static void memory_is_new_after_every_use(void **state)
{
	for (unsigned i = 0; i < 3000; i++) {
		struct channel_blob *blobs[3];
		for (unsigned j = 0; j < 3; j++) {
			assert_int_equal(make_blob(8192 << j, &blobs[j]), 0);
			for (size_t k = 0; k < blobs[j]->size; k += 4096)
				assert_int_equal(blobs[j]->map[k], 0);
			memset(blobs[j]->map, 0xaa, blobs[j]->size);
		}
		for (unsigned j = 0; j < 3; j++)
			channel_blob_unref(blobs[j]);
	}
	sync_guest();
}

static void a_region_that_is_full_is_no_end(void **state)
{
	struct channel_blob *blobs[64];
	unsigned n = 0;
	int error = 0;
	while (n < ARRAY_LENGTH(blobs) && (error = make_blob(16 << 20, &blobs[n])) == 0)
		n++;
	assert_int_equal(error, -ENOMEM);
	assert_true(n >= 14);
	sync_guest();
	channel_blob_unref(blobs[--n]);
	assert_int_equal(make_blob(16 << 20, &blobs[n]), 0);
	n++;
	while (n > 0)
		channel_blob_unref(blobs[--n]);
}

/* Sends @size bytes of pattern(@source) into the pipe of each source, all at once. */
static void write_to_all(unsigned n_pipes, uint64_t size)
{
	static uint8_t bytes[20000];
	for (uint64_t done = 0; done < size;) {
		size_t n = min_u64(sizeof(bytes), size - done);
		UNTIL(channel_ready(t.guest.channel));
		for (unsigned i = 0; i < n_pipes; i++) {
			for (size_t j = 0; j < n; j++)
				bytes[j] = pattern(done + j, i);
			assert_int_equal(channel_write(t.guest.channel, t.guest.write_pipes[i],
						 bytes, n, done + n == size),
				0);
			flush();
		}
		done += n;
	}
}

static uint32_t pattern_checksum(uint64_t size, uint32_t seed)
{
	uint32_t sum = CHECKSUM_START;
	for (uint64_t i = 0; i < size; i++) {
		uint8_t byte = pattern(i, seed);
		sum = checksum(sum, &byte, 1);
	}
	return sum;
}

static void open_write_pipes(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char mime[32];
		snprintf(mime, sizeof(mime), "take %u", i);
		request("wl_data_source", "offer", make_source(i), ARGS({.s = mime}));
	}
	flush();
	for (unsigned i = 0; i < n; i++)
		UNTIL(t.guest.write_pipes[i] != 0);
}

static void open_read_pipes(unsigned n, uint64_t size)
{
	t.guest.device = t.guest.next_id++;
	request("wl_data_device_manager", "get_data_device", t.guest.manager,
		ARGS({.id = t.guest.device}, {.id = t.guest.seat}));
	flush();
	UNTIL(t.guest.offer != 0);
	for (unsigned i = 0; i < n; i++) {
		char mime[32];
		uint32_t id = channel_new_read_pipe(t.guest.channel);
		snprintf(mime, sizeof(mime), "give %lu %u", (unsigned long)size, i);
		t.guest.reads[i].id = id;
		t.guest.reads[i].sum = CHECKSUM_START;
		request_with("wl_data_offer", "receive", t.guest.offer, ARGS({.s = mime}),
			(struct wire_handle){.kind = WIRE_READ_PIPE, .fd = -1, .id = id});
	}
	flush();
}

static void ten_pipes_each_way_carry_megabytes_at_once(void **state)
{
	const uint64_t size = 3000001;
	bind_all();
	open_write_pipes(PIPES);
	open_read_pipes(PIPES, size);
	write_to_all(PIPES, size);
	for (unsigned i = 0; i < PIPES; i++) {
		UNTIL(t.guest.reads[i].ended && fake_seen->taken[i].ended);
		uint32_t sum = pattern_checksum(size, i);
		assert_int_equal(t.guest.reads[i].bytes, size);
		assert_int_equal(t.guest.reads[i].sum, sum);
		assert_int_equal(fake_seen->taken[i].bytes, size);
		assert_int_equal(fake_seen->taken[i].sum, sum);
	}
	sync_guest();
}

static void a_pipe_may_end_without_a_byte(void **state)
{
	bind_all();
	open_write_pipes(1);
	open_read_pipes(1, 0);
	assert_int_equal(channel_write(t.guest.channel, t.guest.write_pipes[0], NULL, 0, true), 0);
	flush();
	UNTIL(t.guest.reads[0].ended && fake_seen->taken[0].ended);
	assert_int_equal(t.guest.reads[0].bytes, 0);
	assert_int_equal(fake_seen->taken[0].bytes, 0);
}

static void a_reader_that_takes_nothing_is_not_sent_more_than_the_region(void **state)
{
	bind_all();
	t.guest.hold_credit = true;
	open_read_pipes(1, 2000000);
	UNTIL(t.guest.reads[0].bytes >= 256 << 10);
	for (unsigned i = 0; i < 20; i++)
		sync_guest();
	assert_int_equal(t.guest.reads[0].bytes, 256 << 10);
	t.guest.hold_credit = false;
	channel_read_done(t.guest.channel, t.guest.reads[0].id, 256 << 10);
	UNTIL(t.guest.reads[0].ended);
	assert_int_equal(t.guest.reads[0].bytes, 2000000);
}

static void while_paused_the_host_keeps_what_it_has_to_say(void **state)
{
	size_t size;
	uint8_t *bytes = make_syncs(10000, &size);
	channel_pause(t.guest.channel, true);
	unsigned before = t.guest.receives;
	assert_int_equal(channel_send(t.guest.channel, bytes, size, NULL, 0), 0);
	flush();
	for (unsigned i = 0; i < 20; i++)
		wl_event_loop_dispatch(t.loop, 10);
	assert_in_range(t.guest.receives - before, 0, 1); /* the one that was asked for before */
	channel_pause(t.guest.channel, false);
	UNTIL(t.guest.done == 10000);
	free(bytes);
}

static void a_compositor_that_stops_reading_holds_the_guest_back(void **state)
{
	static uint8_t bytes[12000];
	bind_all();
	uint32_t source = make_source(0);
	request("wl_data_source", "set_actions", source, ARGS({.u = 1}));
	flush();
	/* wl_data_source.offer, over and over: nothing comes back. */
	size_t size = 0;
	while (size + 64 <= sizeof(bytes))
		size += encode_message(RELAY_DOWN, "wl_data_source", "offer", source,
			ARGS({.s = "a mime type"}), bytes + size, 64);
	size_t sent = 0;
	for (unsigned i = 0; i < 2000 && channel_ready(t.guest.channel); i++) {
		assert_int_equal(channel_send(t.guest.channel, bytes, size, NULL, 0), 0);
		flush();
		wl_event_loop_dispatch(t.loop, 5);
		sent += size;
	}
	assert_false(channel_ready(t.guest.channel));
	assert_true(sent < 4 << 20);
	/* Others are none the worse for it. */
	static struct guest other;
	guest_open(&other);
	uint8_t sync[12];
	encode_message(RELAY_DOWN, "wl_display", "sync", DISPLAY, ARGS({.id = other.next_id}), sync,
		sizeof(sync));
	for (unsigned i = 1; i <= 50; i++) {
		assert_int_equal(channel_send(other.channel, sync, sizeof(sync), NULL, 0), 0);
		assert_int_equal(channel_flush(other.channel), 0);
		UNTIL(other.done == i);
	}
	assert_false(channel_ready(t.guest.channel));
	assert_false(t.guest.closed);
	guest_close(&other);
}

static void the_compositors_end_closes_the_channel_once(void **state)
{
	sync_guest();
	stop(&t.compositor);
	UNTIL(t.guest.closed);
	assert_null(t.guest.why);
	for (unsigned i = 0; i < 10; i++)
		wl_event_loop_dispatch(t.loop, 5);
	assert_false(t.died);
	assert_int_equal(channel_send(t.guest.channel, (const uint8_t *)"", 1, NULL, 0), -EPIPE);
	/* With a new one there is a new start. */
	t.compositor = fake_compositor_start(display_path);
	guest_close(&t.guest);
	guest_open(&t.guest);
	sync_guest();
}

static void without_a_compositor_a_channel_ends_at_once(void **state)
{
	stop(&t.compositor);
	unlink(display_path);
	UNTIL(t.guest.closed);
	guest_close(&t.guest);
	guest_open(&t.guest);
	UNTIL(t.guest.closed);
	assert_null(t.guest.why);
}

static void the_hosts_end_is_told_to_the_channel_and_then_to_the_process(void **state)
{
	struct channel_blob *blob;
	assert_int_equal(make_blob(100000, &blob), 0);
	stop(&t.host);
	UNTIL(t.died);
	assert_true(t.guest.closed);
	assert_non_null(t.guest.why);
	memset(blob->map, 1, blob->size); /* its memory stays while it is held */
	assert_int_equal(channel_flush(t.guest.channel), -EPIPE);
	struct channel_blob *none;
	assert_int_equal(channel_blob_create(t.guest.channel, 4096, &none), -EPIPE);
	assert_null(channel_create(t.gpu, &listener, &t.guest));
	channel_blob_unref(blob);
}

static void a_host_that_hangs_for_a_while_ends_nothing(void **state)
{
	struct channel_blob *blob;
	sync_guest();
	kill(t.host, SIGSTOP);
	assert_int_equal(channel_blob_create(t.guest.channel, 4096, &blob), 0);
	uint64_t end_ns = vhost_user_deadline_ns(6500);
	while (vhost_user_remaining_ms(end_ns) > 0)
		wl_event_loop_dispatch(t.loop, 100);
	assert_int_equal(blob->status, -EINPROGRESS);
	assert_false(t.guest.closed);
	kill(t.host, SIGCONT);
	UNTIL(blob->status == 0);
	memset(blob->map, 1, blob->size);
	channel_blob_unref(blob);
	sync_guest();
	assert_false(t.died);
}

static void a_guest_that_is_killed_makes_way_for_the_next(void **state)
{
	guest_close(&t.guest);
	t.gpu->ops->destroy(t.gpu);
	t.gpu = NULL;
	for (unsigned i = 0; i < 3; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			gpu_open();
			guest_open(&t.guest);
			struct channel_blob *blob;
			make_blob(1 << 20, &blob);
			memset(blob->map, 1, blob->size);
			raise(SIGKILL);
		}
		waitpid(pid, NULL, 0);
	}
	gpu_open();
	guest_open(&t.guest);
	sync_guest();
}

/* From the page tables: the kernel's own counters are off by up to some hundred KiB. */
static long resident_kib(void)
{
	char line[128];
	long kib = 0;
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Rss: %ld", &kib) == 1)
			break;
	fclose(file);
	return kib;
}

static void channels_one_after_another_leave_nothing_behind(void **state)
{
	int fds = 0;
	long kib = 0;
	guest_close(&t.guest);
	for (unsigned i = 0; i < 1000; i++) {
		struct channel_blob *blob;
		guest_open(&t.guest);
		assert_int_equal(make_blob(65536, &blob), 0);
		memset(blob->map, 1, blob->size);
		channel_blob_unref(blob);
		if (i % 10 == 0 || i == 999)
			sync_guest(); /* the host has let go of all before */
		if (i == 100) {
			fds = fd_count();
			kib = resident_kib();
		}
		if (i < 999)
			guest_close(&t.guest);
	}
	assert_int_equal(fd_count(), fds);
#ifdef __SANITIZE_ADDRESS__ /* which keeps freed memory for a while */
	(void)kib;
#else
	/* A buffer or two of 64 KiB come and go; 900 clients that leave something are more. */
	assert_true(resident_kib() <= kib + 256);
#endif
	UNTIL(fake_seen->clients == 1);
}

static void hundreds_of_channels_at_once_share_the_queue(void **state)
{
	static struct guest others[50];
	for (unsigned i = 0; i < ARRAY_LENGTH(others); i++)
		guest_open(&others[i]);
	uint8_t sync[12];
	encode_message(RELAY_DOWN, "wl_display", "sync", DISPLAY, ARGS({.id = t.guest.next_id}),
		sync, sizeof(sync));
	for (unsigned round = 1; round <= 100; round++) {
		for (unsigned i = 0; i < ARRAY_LENGTH(others); i++) {
			assert_int_equal(
				channel_send(others[i].channel, sync, sizeof(sync), NULL, 0), 0);
			assert_int_equal(channel_flush(others[i].channel), 0);
		}
		for (unsigned i = 0; i < ARRAY_LENGTH(others); i++)
			UNTIL(others[i].done == round);
	}
	for (unsigned i = 0; i < ARRAY_LENGTH(others); i++)
		guest_close(&others[i]);
}

static void submissions_beyond_the_queue_wait_for_room(void **state)
{
	/* The host is stopped, so the queue fills up; nothing may be lost or overtake. */
	size_t size;
	uint8_t *bytes = make_syncs(1500, &size);
	sync_guest();
	unsigned due = t.guest.done + 1500;
	kill(t.host, SIGSTOP);
	for (size_t done = 0; done < size; done += 12) {
		assert_int_equal(channel_send(t.guest.channel, bytes + done, 12, NULL, 0), 0);
		flush();
	}
	assert_false(channel_ready(t.guest.channel));
	kill(t.host, SIGCONT);
	UNTIL(t.guest.done == due);
	UNTIL(channel_ready(t.guest.channel));
	assert_true(t.guest.readies > 0);
	free(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_round_trip_takes_one_submission_each_way),
		TEST(bytes_arrive_whatever_the_segments),
		TEST(a_megabyte_each_way_is_echoed_in_order),
		TEST(what_a_blob_holds_is_what_the_compositor_reads),
		TEST(memory_is_new_after_every_use),
		TEST(a_region_that_is_full_is_no_end),
		TEST(ten_pipes_each_way_carry_megabytes_at_once),
		TEST(a_pipe_may_end_without_a_byte),
		TEST(a_reader_that_takes_nothing_is_not_sent_more_than_the_region),
		TEST(while_paused_the_host_keeps_what_it_has_to_say),
		TEST(a_compositor_that_stops_reading_holds_the_guest_back),
		TEST(the_compositors_end_closes_the_channel_once),
		TEST(without_a_compositor_a_channel_ends_at_once),
		TEST(the_hosts_end_is_told_to_the_channel_and_then_to_the_process),
		TEST(a_host_that_hangs_for_a_while_ends_nothing),
		TEST(a_guest_that_is_killed_makes_way_for_the_next),
		TEST(channels_one_after_another_leave_nothing_behind),
		TEST(hundreds_of_channels_at_once_share_the_queue),
		TEST(submissions_beyond_the_queue_wait_for_room),
	};
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(directory))
		return 1;
	snprintf(device_path, sizeof(device_path), "%s/device", directory);
	snprintf(display_path, sizeof(display_path), "%s/display", directory);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(device_path);
	unlink(display_path);
	rmdir(directory);
	return failed;
}
