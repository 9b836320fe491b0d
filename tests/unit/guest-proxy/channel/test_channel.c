/* guest-proxy/channel/channel.c, channel_blobs.c and command_batch.c, over a device that keeps what
 * it is given */
#include "guest-proxy/channel/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "protocol/formats/cross_domain.h"

#define MAX_SUBMISSIONS 4096
#define MAX_BLOBS 64
#define OUR_FEATURES                                                                               \
	(CROSS_DOMAIN_EXT_READ_CREDIT | CROSS_DOMAIN_EXT_WANT_POLL | CROSS_DOMAIN_EXT_FETCH)

/* The device */

struct submission {
	uint8_t *bytes;
	size_t size;
	enum gpu_fence fence;
	bool lazy;
};

struct fake_blob {
	struct gpu_blob base;
	enum gpu_blob_memory memory;
	uint64_t blob_id;
};

static struct {
	struct gpu gpu;
	struct cross_domain_capset_ext capset;
	size_t capset_bytes;
	const struct gpu_listener *listener;
	void *listener_data;
	struct submission submissions[MAX_SUBMISSIONS];
	size_t n_submissions, seen;
	uint32_t last_resource;
	unsigned blobs, contexts, requirements, host_blobs;
	int submit_error, host_error;
	uint32_t fetched;
	struct cross_domain_image_requirements answer; /* size 0: what was asked for */
	struct fake_blob *query_ring, *channel_ring;
} device;

static int fake_capset(struct gpu *gpu, uint32_t id, void *buffer, size_t size)
{
	assert_int_equal(id, CROSS_DOMAIN_CAPSET_ID);
	size_t n = min_u64(size, device.capset_bytes);
	memcpy(buffer, &device.capset, n);
	return (int)n;
}

static int fake_context_create(
	struct gpu *gpu, const struct gpu_listener *listener, void *data, struct gpu_context **out)
{
	device.listener = listener;
	device.listener_data = data;
	device.contexts++;
	*out = (struct gpu_context *)&device;
	return 0;
}

static void fake_context_destroy(struct gpu_context *context)
{
	device.contexts--;
	assert_int_equal(device.blobs, 0); /* blobs die first */
}

static int fake_blob_create(struct gpu_context *context, enum gpu_blob_memory memory,
	uint64_t blob_id, size_t size, struct gpu_blob **out)
{
	if (memory == GPU_BLOB_HOST && device.host_error)
		return device.host_error;
	struct fake_blob *blob = calloc(1, sizeof(*blob));
	blob->memory = memory;
	blob->blob_id = blob_id;
	blob->base.context = context;
	blob->base.resource_id = ++device.last_resource;
	blob->base.size = align_up(size, PAGE_BYTES);
	blob->base.map = calloc(1, blob->base.size);
	device.blobs++;
	device.host_blobs += memory == GPU_BLOB_HOST;
	if (device.last_resource == 1)
		device.query_ring = blob;
	else if (device.last_resource == 2)
		device.channel_ring = blob;
	*out = &blob->base;
	return 0;
}

static void fake_blob_destroy(struct gpu_blob *base)
{
	if (!base)
		return;
	struct fake_blob *blob = container_of(base, struct fake_blob, base);
	device.blobs--;
	device.host_blobs -= blob->memory == GPU_BLOB_HOST;
	free(blob->base.map);
	free(blob);
}

static void answer_requirements(const uint8_t *bytes)
{
	struct cross_domain_get_image_requirements request;
	memcpy(&request, bytes, sizeof(request));
	assert_int_equal(request.hdr.cmd, CROSS_DOMAIN_CMD_GET_IMAGE_REQUIREMENTS);
	assert_int_equal(request.height, 1);
	device.requirements++;
	struct cross_domain_image_requirements answer = device.answer;
	if (answer.size == 0)
		answer = (struct cross_domain_image_requirements){
			.size = request.width, .blob_id = 7};
	memcpy(device.query_ring->base.map, &answer, sizeof(answer));
}

static void answer_fetch(const uint8_t *bytes, struct gpu_blob *blob)
{
	struct cross_domain_fetch fetch;
	memcpy(&fetch, bytes, sizeof(fetch));
	assert_int_equal(fetch.hdr.cmd, CROSS_DOMAIN_CMD_FETCH);
	assert_int_equal(fetch.hdr.cmd_size, 16);
	assert_int_equal(fetch.resource_id, blob->resource_id);
	device.fetched = fetch.blob_id;
	strcpy(blob->map, "fetched");
}

static int fake_submit(struct gpu_context *context, const void *commands, size_t size,
	enum gpu_fence fence, bool lazy, struct gpu_blob *const *blobs, size_t n_blobs)
{
	if (device.submit_error)
		return device.submit_error;
	if (fence == GPU_FENCE_WAIT) {
		if (size == sizeof(struct cross_domain_fetch))
			answer_fetch(commands, blobs[0]);
		else
			answer_requirements(commands);
		return 0;
	}
	assert_true(device.n_submissions < MAX_SUBMISSIONS);
	struct submission *s = &device.submissions[device.n_submissions++];
	*s = (struct submission){.bytes = malloc(size), .size = size, .fence = fence, .lazy = lazy};
	memcpy(s->bytes, commands, size);
	return 0;
}

static const char *fake_describe(const struct gpu *gpu)
{
	return "fake";
}

static const struct gpu_ops ops = {
	.capset = fake_capset,
	.context_create = fake_context_create,
	.context_destroy = fake_context_destroy,
	.blob_create = fake_blob_create,
	.blob_destroy = fake_blob_destroy,
	.submit = fake_submit,
	.describe = fake_describe,
};

/* The user */

static struct {
	struct wl_event_loop *loop;
	struct channel *channel;
	uint8_t bytes[8192];
	size_t n_bytes, n_pipe_bytes;
	struct wire_handle handles[28];
	size_t n_handles;
	unsigned receives, pipe_events, ready, closed;
	uint32_t pipe;
	bool hang_up, in_call, destroy_in_callback;
	const char *why;
} user;

static void maybe_destroy(void)
{
	assert_false(user.in_call);
	if (!user.destroy_in_callback)
		return;
	channel_destroy(user.channel);
	user.channel = NULL;
}

static void handle_receive(void *data, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	memcpy(user.bytes + user.n_bytes, bytes, size);
	user.n_bytes += size;
	memcpy(user.handles + user.n_handles, handles, n_handles * sizeof(*handles));
	user.n_handles += n_handles;
	user.receives++;
	maybe_destroy();
}

static void handle_pipe_data(
	void *data, uint32_t pipe_id, const void *bytes, size_t size, bool hang_up)
{
	user.pipe = pipe_id;
	user.n_pipe_bytes += size;
	user.hang_up = hang_up;
	user.pipe_events++;
	maybe_destroy();
}

static void handle_ready(void *data)
{
	user.ready++;
	maybe_destroy();
}

static void handle_closed(void *data, const char *why)
{
	user.closed++;
	user.why = why;
	maybe_destroy();
}

static const struct channel_listener listener = {
	.receive = handle_receive,
	.pipe_data = handle_pipe_data,
	.ready = handle_ready,
	.closed = handle_closed,
};

static void open_channel(void)
{
	user.channel = channel_create(&device.gpu, &listener, NULL);
}

static int setup_with(uint32_t features, size_t capset_bytes, bool lazy)
{
	memset(&device, 0, sizeof(device));
	memset(&user, 0, sizeof(user));
	device.gpu.ops = &ops;
	device.gpu.lazy = lazy;
	device.capset = (struct cross_domain_capset_ext){
		.base = {.version = 1, .supported_channels = 1u << CROSS_DOMAIN_CHANNEL_WAYLAND},
		.magic = CROSS_DOMAIN_WAYFERRY_MAGIC,
		.features = features,
	};
	device.capset_bytes = capset_bytes;
	user.loop = wl_event_loop_create();
	turn_init(&device.gpu.turn, user.loop);
	open_channel();
	assert_non_null(user.channel);
	return 0;
}

static int setup(void **state)
{
	return setup_with(OUR_FEATURES, sizeof(device.capset), true);
}

static int setup_plain(void **state)
{
	return setup_with(UINT32_MAX, sizeof(struct cross_domain_capset), true);
}

/* Our host, by way of a kernel. */
static int setup_kernel(void **state)
{
	return setup_with(OUR_FEATURES, sizeof(device.capset), false);
}

static int teardown(void **state)
{
	for (size_t i = 0; i < user.n_handles; i++)
		wire_handle_finish(&user.handles[i]);
	channel_destroy(user.channel);
	for (size_t i = 0; i < device.n_submissions; i++)
		free(device.submissions[i].bytes);
	turn_finish(&device.gpu.turn);
	wl_event_loop_destroy(user.loop);
	return device.contexts || device.blobs;
}

static void turn(void)
{
	wl_event_loop_dispatch(user.loop, 0);
}

/* The next submission that nobody has looked at. */
static struct submission *next_submission(void)
{
	assert_true(device.seen < device.n_submissions);
	return &device.submissions[device.seen++];
}

static void nothing_more(void)
{
	assert_int_equal(device.seen, device.n_submissions);
}

static void skip_start(void)
{
	device.seen = device.n_submissions;
}

/* The command at *@at of @s, which must be @cmd; moves *@at behind it. */
static const void *next_command(const struct submission *s, size_t *at, uint8_t cmd)
{
	struct cross_domain_header header;
	size_t length;
	const uint8_t *bytes = s->bytes + *at;
	assert_int_equal(cross_domain_command_decode(bytes, s->size - *at, &header, &length), 0);
	assert_int_equal(header.cmd, cmd);
	*at += length;
	return bytes;
}

static struct cross_domain_send_receive send_at(
	const struct submission *s, size_t *at, const uint8_t **data)
{
	struct cross_domain_send_receive send;
	const uint8_t *bytes = next_command(s, at, CROSS_DOMAIN_CMD_SEND);
	memcpy(&send, bytes, sizeof(send));
	*data = bytes + sizeof(send);
	return send;
}

static int say(const void *bytes, size_t size)
{
	user.in_call = true;
	int error = channel_send(user.channel, bytes, size, NULL, 0);
	user.in_call = false;
	return error;
}

static int flush(void)
{
	user.in_call = true;
	int error = channel_flush(user.channel);
	user.in_call = false;
	return error;
}

/* The host puts @size bytes on the channel ring and signals. */
static void event(const void *page, size_t size)
{
	memcpy(device.channel_ring->base.map, page, size);
	device.listener->event(device.listener_data);
}

static void receive_event(
	const char *text, uint32_t n_identifiers, const uint32_t *ids, const uint32_t *types)
{
	uint8_t page[CROSS_DOMAIN_RING_BYTES] = {0};
	struct cross_domain_send_receive receive = {
		.hdr.cmd = CROSS_DOMAIN_CMD_RECEIVE,
		.num_identifiers = n_identifiers,
		.opaque_data_size = (uint32_t)strlen(text),
	};
	for (uint32_t i = 0; i < n_identifiers; i++) {
		receive.identifiers[i] = ids[i];
		receive.types[i] = types[i];
		receive.sizes[i] = 5000;
	}
	memcpy(page, &receive, sizeof(receive));
	memcpy(page + sizeof(receive), text, strlen(text));
	event(page, sizeof(page));
}

static void read_event(uint32_t pipe, uint32_t size, bool hang_up)
{
	uint8_t page[CROSS_DOMAIN_RING_BYTES] = {0};
	const struct cross_domain_read_write read = {
		.hdr.cmd = CROSS_DOMAIN_CMD_READ,
		.identifier = pipe,
		.opaque_data_size = size,
		.hang_up = hang_up,
	};
	memcpy(page, &read, sizeof(read));
	event(page, sizeof(page));
}

/* Start */

static void a_channel_starts_with_its_rings_its_window_and_a_poll(void **state)
{
	size_t at = 0;
	struct submission *s = next_submission();
	struct cross_domain_init init;
	memcpy(&init, next_command(s, &at, CROSS_DOMAIN_CMD_INIT), sizeof(init));
	assert_int_equal(init.hdr.cmd_size, 20);
	assert_int_equal(init.query_ring, 1);
	assert_int_equal(init.channel_ring, 2);
	assert_int_equal(init.channel_type, CROSS_DOMAIN_CHANNEL_WAYLAND);
	assert_int_equal(s->fence, GPU_FENCE_NONE);

	s = next_submission();
	at = 0;
	next_command(s, &at, CROSS_DOMAIN_CMD_POLL);
	assert_int_equal(s->fence, GPU_FENCE_EVENT);
	assert_true(s->lazy);

	s = next_submission();
	at = 0;
	struct cross_domain_credit credit;
	memcpy(&credit, next_command(s, &at, CROSS_DOMAIN_CMD_CREDIT), sizeof(credit));
	assert_int_equal(credit.identifier, 0);
	assert_int_equal(credit.bytes, 256 << 10);
	nothing_more();
}

static void other_hosts_get_nothing_of_ours(void **state)
{
	size_t at = 0;
	next_command(next_submission(), &at, CROSS_DOMAIN_CMD_INIT);
	struct submission *s = next_submission();
	at = 0;
	next_command(s, &at, CROSS_DOMAIN_CMD_POLL);
	assert_false(s->lazy);
	nothing_more();
	/* And no credit for what is read. */
	uint32_t id = channel_new_read_pipe(user.channel);
	struct wire_handle pipe = {.kind = WIRE_READ_PIPE, .fd = -1, .id = id};
	assert_int_equal(channel_send(user.channel, (const uint8_t *)"1234", 4, &pipe, 1), 0);
	flush();
	skip_start();
	read_event(id, 3000, false);
	channel_read_done(user.channel, id, 200000);
	at = 0;
	s = next_submission();
	next_command(s, &at, CROSS_DOMAIN_CMD_POLL);
	nothing_more();
}

static void a_device_without_wayland_channels_is_refused(void **state)
{
	channel_destroy(user.channel);
	device.capset.base.supported_channels = 0;
	open_channel();
	assert_null(user.channel);
	device.capset.base.supported_channels = UINT32_MAX;
	device.capset_bytes = 8;
	open_channel();
	assert_null(user.channel);
	device.capset_bytes = sizeof(device.capset);
	device.submit_error = -EPIPE;
	open_channel();
	assert_null(user.channel);
}

/* Out */

static void what_is_said_in_one_turn_goes_as_one_send(void **state)
{
	const uint8_t *data;
	size_t at = 0;
	skip_start();
	say("abcd", 4);
	say("ef", 2);
	say("ghijkl", 6);
	nothing_more();
	assert_int_equal(flush(), 0);
	struct submission *s = next_submission();
	struct cross_domain_send_receive send = send_at(s, &at, &data);
	assert_int_equal(at, s->size);
	assert_int_equal(send.opaque_data_size, 12);
	assert_memory_equal(data, "abcdefghijkl", 12);
	nothing_more();
	flush(); /* and nothing for nothing */
	nothing_more();
}

static void bytes_beyond_one_command_go_on_in_the_next(void **state)
{
	static uint8_t bytes[200000];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8));
	skip_start();
	assert_int_equal(say(bytes, sizeof(bytes)), 0);
	flush();
	size_t got = 0;
	while (device.seen < device.n_submissions) {
		struct submission *s = next_submission();
		assert_true(s->size <= 256 << 10);
		for (size_t at = 0; at < s->size;) {
			const uint8_t *data;
			struct cross_domain_send_receive send = send_at(s, &at, &data);
			assert_int_equal(at % 8, 0);
			assert_memory_equal(data, bytes + got, send.opaque_data_size);
			got += send.opaque_data_size;
		}
	}
	assert_int_equal(got, sizeof(bytes));
}

static void each_read_pipe_has_a_send_with_bytes_of_its_own(void **state)
{
	const uint8_t *data;
	size_t at = 0;
	uint32_t first = channel_new_read_pipe(user.channel),
		 second = channel_new_read_pipe(user.channel);
	assert_int_equal(first, CROSS_DOMAIN_FIRST_READ_PIPE);
	assert_int_equal(second, CROSS_DOMAIN_FIRST_READ_PIPE + 1);
	struct wire_handle pipes[] = {{.kind = WIRE_READ_PIPE, .fd = -1, .id = first},
		{.kind = WIRE_READ_PIPE, .fd = -1, .id = second}};
	skip_start();
	assert_int_equal(channel_send(user.channel, (const uint8_t *)"messages", 8, pipes, 2), 0);
	flush();
	struct submission *s = next_submission();
	struct cross_domain_send_receive send = send_at(s, &at, &data);
	assert_int_equal(send.num_identifiers, 1);
	assert_int_equal(send.identifiers[0], first);
	assert_int_equal(send.types[0], CROSS_DOMAIN_ID_READ_PIPE);
	assert_int_equal(send.opaque_data_size, 1);
	assert_int_equal(data[0], 'm');
	send = send_at(s, &at, &data);
	assert_int_equal(send.identifiers[0], second);
	assert_memory_equal(data, "essages", 7);
	assert_int_equal(at, s->size);
}

static void read_pipes_out_of_turn_are_refused(void **state)
{
	channel_new_read_pipe(user.channel);
	struct wire_handle pipe = {
		.kind = WIRE_READ_PIPE, .fd = -1, .id = channel_new_read_pipe(user.channel)};
	user.in_call = true;
	assert_int_equal(channel_send(user.channel, (const uint8_t *)"1234", 4, &pipe, 1), -EPIPE);
	user.in_call = false;
	assert_int_equal(user.closed, 0);
	turn();
	assert_int_equal(user.closed, 1);
	assert_non_null(user.why);
}

static void a_blob_lives_until_its_send_is_with_the_device(void **state)
{
	struct channel_blob *blob;
	const uint8_t *data;
	size_t at = 0;
	assert_int_equal(channel_blob_create(user.channel, 100, &blob), 0);
	struct wire_handle handle = channel_blob_handle(blob);
	skip_start();
	assert_int_equal(channel_send(user.channel, (const uint8_t *)"pool", 4, &handle, 1), 0);
	channel_blob_unref(blob);
	assert_int_equal(device.host_blobs, 1);
	flush();
	assert_int_equal(device.host_blobs, 0);
	struct cross_domain_send_receive send = send_at(next_submission(), &at, &data);
	assert_int_equal(send.num_identifiers, 1);
	assert_int_equal(send.types[0], CROSS_DOMAIN_ID_VIRTGPU_BLOB);
	assert_int_equal(send.identifiers[0], 3);
}

static void a_hundred_handles_are_spread_over_sends_before_their_bytes(void **state)
{
	struct channel_blob *blob;
	struct wire_handle handles[100];
	assert_int_equal(channel_blob_create(user.channel, 100, &blob), 0);
	for (size_t i = 0; i < ARRAY_LENGTH(handles); i++)
		handles[i] = channel_blob_handle(blob);
	skip_start();
	assert_int_equal(
		channel_send(user.channel, (const uint8_t *)"12345678", 8, handles, 100), 0);
	channel_blob_unref(blob);
	flush();
	size_t n_handles = 0, n_bytes = 0;
	while (device.seen < device.n_submissions) {
		struct submission *s = next_submission();
		for (size_t at = 0; at < s->size;) {
			const uint8_t *data;
			struct cross_domain_send_receive send = send_at(s, &at, &data);
			n_handles += send.num_identifiers;
			n_bytes += send.opaque_data_size;
			if (n_bytes == 8)
				assert_int_equal(n_handles, 100);
		}
	}
	assert_int_equal(n_bytes, 8);
	assert_int_equal(device.host_blobs, 0);
}

static void writes_are_cut_and_only_the_last_one_hangs_up(void **state)
{
	static uint8_t bytes[150001];
	skip_start();
	assert_int_equal(channel_write(user.channel, 9, bytes, sizeof(bytes), true), 0);
	flush();
	size_t got = 0;
	while (device.seen < device.n_submissions) {
		struct submission *s = next_submission();
		for (size_t at = 0; at < s->size;) {
			struct cross_domain_read_write write;
			memcpy(&write, next_command(s, &at, CROSS_DOMAIN_CMD_WRITE), sizeof(write));
			assert_int_equal(write.identifier, 9);
			got += write.opaque_data_size;
			assert_int_equal(write.hang_up, got == sizeof(bytes));
		}
	}
	assert_int_equal(got, sizeof(bytes));
}

static void too_much_under_way_is_said_and_so_is_relief(void **state)
{
	static uint8_t bytes[16000];
	unsigned n = 0, fences = 0;
	skip_start();
	for (; n < 100 && channel_ready(user.channel); n++) {
		say(bytes, sizeof(bytes));
		flush();
		fences += next_submission()->fence == GPU_FENCE_DONE;
	}
	assert_in_range(n, 15, 17); /* 256 KiB */
	assert_in_range(fences, 3, 4);
	device.listener->done(device.listener_data, 1);
	assert_false(channel_ready(user.channel));
	assert_int_equal(user.ready, 0);
	device.listener->done(device.listener_data, fences - 1);
	assert_true(channel_ready(user.channel));
	assert_int_equal(user.ready, 1);
}

static void who_does_not_listen_is_lost_before_memory_is(void **state)
{
	static uint8_t bytes[64000];
	int error = 0;
	unsigned n = 0;
	while (error == 0 && n++ < 1000) {
		error = say(bytes, sizeof(bytes));
		if (error == 0)
			error = flush();
	}
	assert_int_equal(error, -EPIPE);
	assert_in_range(n, 60, 70); /* 4 MiB */
	turn();
	assert_int_equal(user.closed, 1);
}

static void when_the_queue_is_full_things_wait_in_order(void **state)
{
	const uint8_t *data;
	size_t at = 0;
	skip_start();
	device.submit_error = -EAGAIN;
	say("1234", 4);
	assert_int_equal(flush(), 0);
	assert_false(channel_ready(user.channel));
	say("5678", 4);
	assert_int_equal(flush(), 0);
	device.submit_error = 0;
	device.listener->done(device.listener_data, 0);
	assert_true(channel_ready(user.channel));
	assert_int_equal(user.ready, 1);
	struct cross_domain_send_receive send = send_at(next_submission(), &at, &data);
	assert_int_equal(send.opaque_data_size, 8);
	assert_memory_equal(data, "12345678", 8);
	nothing_more();
}

static void a_poll_that_found_no_room_is_made_up_for(void **state)
{
	size_t at = 0;
	skip_start();
	device.submit_error = -EAGAIN;
	receive_event("hello", 0, NULL, NULL);
	assert_int_equal(user.receives, 1);
	nothing_more();
	device.submit_error = 0;
	device.listener->done(device.listener_data, 0);
	next_command(next_submission(), &at, CROSS_DOMAIN_CMD_POLL);
	nothing_more();
}

/* In */

static void an_event_is_read_and_the_next_one_asked_for(void **state)
{
	size_t at = 0;
	skip_start();
	receive_event("hello", 0, NULL, NULL);
	assert_int_equal(user.receives, 1);
	assert_memory_equal(user.bytes, "hello", 5);
	struct submission *s = next_submission();
	next_command(s, &at, CROSS_DOMAIN_CMD_POLL);
	assert_true(s->lazy);
	nothing_more();
}

static void where_a_poll_costs_a_kick_it_goes_along(void **state)
{
	const uint8_t *data;
	size_t at = 0;
	skip_start();
	say("answer", 6);
	receive_event("question", 0, NULL, NULL);
	struct submission *s = next_submission();
	send_at(s, &at, &data);
	next_command(s, &at, CROSS_DOMAIN_CMD_POLL);
	assert_int_equal(s->fence, GPU_FENCE_EVENT);
	assert_false(s->lazy);
	assert_int_equal(at, s->size);
	nothing_more();
}

static void by_way_of_a_kernel_a_poll_goes_along_too(void **state)
{
	where_a_poll_costs_a_kick_it_goes_along(state);
}

static void while_paused_no_event_is_asked_for(void **state)
{
	size_t at = 0;
	skip_start();
	channel_pause(user.channel, true);
	receive_event("one", 0, NULL, NULL);
	flush();
	nothing_more();
	channel_pause(user.channel, false);
	next_command(next_submission(), &at, CROSS_DOMAIN_CMD_POLL);
	channel_pause(user.channel, false); /* one is enough */
	nothing_more();
}

static void identifiers_become_handles(void **state)
{
	const uint32_t ids[] = {12, 13};
	const uint32_t types[] = {CROSS_DOMAIN_ID_VIRTGPU_BLOB, CROSS_DOMAIN_ID_WRITE_PIPE};
	receive_event("keymap and pipe", 2, ids, types);
	assert_int_equal(user.n_handles, 2);
	assert_int_equal(user.handles[0].kind, WIRE_BLOB);
	struct channel_blob *blob = user.handles[0].blob;
	assert_int_equal(blob->size, 5000);
	assert_int_equal(container_of(blob->gpu, struct fake_blob, base)->blob_id, 12);
	assert_int_equal(user.handles[1].kind, WIRE_WRITE_PIPE);
	assert_int_equal(user.handles[1].id, 13);
	assert_int_equal(user.handles[1].fd, -1);
}

static void an_empty_event_is_the_end(void **state)
{
	receive_event("", 0, NULL, NULL);
	turn();
	assert_int_equal(user.closed, 1);
	assert_null(user.why);
	device.listener->lost(device.listener_data, "and the device");
	turn();
	assert_int_equal(user.closed, 1);
	assert_int_equal(say("1234", 4), -EPIPE);
	assert_int_equal(flush(), -EPIPE);
}

static void loss_of_the_device_is_told_with_the_reason(void **state)
{
	device.submit_error = -EPIPE;
	say("1234", 4);
	assert_int_equal(flush(), -EPIPE);
	assert_int_equal(user.closed, 0);
	device.listener->lost(device.listener_data, "gone");
	assert_int_equal(user.closed, 1);
	turn();
	assert_int_equal(user.closed, 1);
}

static void closes_over(const void *page, size_t size)
{
	event(page, size);
	turn();
	assert_int_equal(user.closed, 1);
	assert_non_null(user.why);
	assert_int_equal(user.receives + user.pipe_events, 0);
	channel_destroy(user.channel);
	device.last_resource = 0;
	user.closed = 0;
	open_channel();
}

static void events_that_make_no_sense_end_the_channel(void **state)
{
	static uint8_t page[CROSS_DOMAIN_RING_BYTES];
	struct cross_domain_send_receive receive = {.hdr.cmd = CROSS_DOMAIN_CMD_RECEIVE};
	struct cross_domain_read_write read = {.hdr.cmd = CROSS_DOMAIN_CMD_READ};

	closes_over(page, sizeof(page)); /* nothing was written */
	page[0] = CROSS_DOMAIN_CMD_SEND;
	closes_over(page, sizeof(page));
	receive.opaque_data_size = CROSS_DOMAIN_RECEIVE_MAX_DATA + 1;
	closes_over(&receive, sizeof(receive));
	receive.opaque_data_size = UINT32_MAX;
	closes_over(&receive, sizeof(receive));
	receive.opaque_data_size = 4;
	receive.num_identifiers = CROSS_DOMAIN_MAX_IDENTIFIERS + 1;
	closes_over(&receive, sizeof(receive));
	receive.num_identifiers = 1;
	receive.types[0] = CROSS_DOMAIN_ID_VIRTGPU_SYNC;
	closes_over(&receive, sizeof(receive));
	read.opaque_data_size = CROSS_DOMAIN_READ_MAX_DATA + 1;
	closes_over(&read, sizeof(read));
	device.host_error = -EIO; /* a blob that cannot be had, behind a pipe */
	receive.num_identifiers = 2;
	receive.types[0] = CROSS_DOMAIN_ID_WRITE_PIPE;
	receive.types[1] = CROSS_DOMAIN_ID_VIRTGPU_BLOB;
	closes_over(&receive, sizeof(receive));
}

static void without_host_memory_what_it_sent_is_fetched(void **state)
{
	const uint32_t id = 40, type = CROSS_DOMAIN_ID_VIRTGPU_BLOB;
	device.host_error = -ENODEV;
	receive_event("keymap", 1, &id, &type);
	assert_int_equal(device.fetched, 40);
	assert_int_equal(user.n_handles, 1);
	struct channel_blob *blob = user.handles[0].blob;
	assert_string_equal((char *)blob->map, "fetched");
	assert_int_equal(blob->size, 5000);
	assert_int_equal(user.closed, 0);
}

static void a_fence_without_a_new_event_is_not_the_last_one_again(void **state)
{
	receive_event("hello", 0, NULL, NULL);
	device.listener->event(device.listener_data);
	assert_int_equal(user.receives, 1);
	turn();
	assert_int_equal(user.closed, 1);
}

static void the_channel_may_be_destroyed_in_any_callback(void **state)
{
	user.destroy_in_callback = true;
	receive_event("hello", 0, NULL, NULL);
	assert_null(user.channel);
	device.last_resource = 0;
	open_channel();
	read_event(1, 10, false);
	assert_null(user.channel);
	device.last_resource = 0;
	open_channel();
	receive_event("", 0, NULL, NULL);
	turn();
	assert_null(user.channel);
	device.last_resource = 0;
	open_channel();
	device.listener->lost(device.listener_data, "gone");
	assert_null(user.channel);
	device.last_resource = 0;
	open_channel();
	device.submit_error = -EAGAIN;
	say("1234", 4);
	flush();
	device.submit_error = 0;
	device.listener->done(device.listener_data, 0);
	assert_null(user.channel);
}

static void a_channel_that_is_destroyed_before_it_could_tell_tells_nothing(void **state)
{
	receive_event("", 0, NULL, NULL);
	channel_destroy(user.channel);
	user.channel = NULL;
	turn();
	assert_int_equal(user.closed, 0);
}

/* Pipes */

static void credit_is_given_for_every_64_kib_until_the_pipe_ends(void **state)
{
	uint32_t id = channel_new_read_pipe(user.channel);
	struct wire_handle pipe = {.kind = WIRE_READ_PIPE, .fd = -1, .id = id};
	struct cross_domain_credit credit;
	size_t at = 0;
	assert_int_equal(channel_send(user.channel, (const uint8_t *)"1234", 4, &pipe, 1), 0);
	flush();
	skip_start();
	channel_read_done(user.channel, id, 65535);
	nothing_more();
	channel_read_done(user.channel, id, 1001);
	memcpy(&credit, next_command(next_submission(), &at, CROSS_DOMAIN_CMD_CREDIT),
		sizeof(credit));
	assert_int_equal(credit.identifier, id);
	assert_int_equal(credit.bytes, 66536);
	channel_read_done(user.channel, id + 1, 1 << 20); /* no such pipe */
	read_event(id, 0, true);
	assert_true(user.hang_up);
	skip_start();
	channel_read_done(user.channel, id, 1 << 20);
	nothing_more();
}

/* Memory */

static void sizes_fall_into_few_classes(void **state)
{
	struct channel_blob *blob;
	for (size_t size = 1; size < 64 << 20; size += 1 + size / 50) {
		assert_int_equal(channel_blob_create(user.channel, size, &blob), 0);
		assert_int_equal(blob->size, size);
		assert_true(
			blob->gpu->size >= size && blob->gpu->size <= size + size / 4 + PAGE_BYTES);
		channel_blob_unref(blob);
	}
	assert_in_range(device.requirements, 10, 64);
	unsigned before = device.requirements;
	assert_int_equal(channel_blob_create(user.channel, 1000000, &blob), 0);
	channel_blob_unref(blob);
	assert_int_equal(device.requirements, before);
	assert_int_equal(channel_counters(user.channel)->blobs, 0);
	assert_int_equal(channel_counters(user.channel)->blob_bytes, 0);
}

static void impossible_sizes_are_no_reason_to_end(void **state)
{
	struct channel_blob *blob;
	assert_int_equal(channel_blob_create(user.channel, 0, &blob), -ENOMEM);
	assert_int_equal(channel_blob_create(user.channel, SIZE_MAX, &blob), -ENOMEM);
	assert_int_equal(channel_blob_create(user.channel, (size_t)INT32_MAX + 1, &blob), -ENOMEM);
	device.host_error = -ENOMEM;
	assert_int_equal(channel_blob_create(user.channel, 4096, &blob), -ENOMEM);
	turn();
	assert_int_equal(user.closed, 0);
}

static void a_device_without_a_window_gets_memory_of_the_guest(void **state)
{
	struct channel_blob *blob;
	device.host_error = -EINVAL;
	assert_int_equal(channel_blob_create(user.channel, 4096, &blob), 0);
	assert_int_equal(container_of(blob->gpu, struct fake_blob, base)->memory, GPU_BLOB_GUEST);
	channel_blob_unref(blob);
	unsigned before = device.requirements;
	device.host_error = 0; /* it is not asked again */
	assert_int_equal(channel_blob_create(user.channel, 1 << 20, &blob), 0);
	assert_int_equal(container_of(blob->gpu, struct fake_blob, base)->memory, GPU_BLOB_GUEST);
	channel_blob_unref(blob);
	assert_int_equal(device.requirements, before);
}

static void answers_about_memory_are_not_believed_blindly(void **state)
{
	static const struct cross_domain_image_requirements bad[] = {
		{.size = 100, .blob_id = 3},
		{.size = UINT64_MAX, .blob_id = 3},
		{.size = 1 << 20, .blob_id = 3},
		{.size = 8192, .blob_id = 0},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		struct channel_blob *blob;
		device.answer = bad[i];
		assert_int_equal(channel_blob_create(user.channel, 8192, &blob), -EPIPE);
		turn();
		assert_int_equal(user.closed, 1);
		channel_destroy(user.channel);
		device.last_resource = 0;
		user.closed = 0;
		open_channel();
	}
}

static void blobs_that_outlive_their_channel_have_no_memory(void **state)
{
	struct channel_blob *blob;
	assert_int_equal(channel_blob_create(user.channel, 4096, &blob), 0);
	channel_destroy(user.channel);
	user.channel = NULL;
	assert_int_equal(device.blobs, 0);
	assert_null(blob->map);
	channel_blob_unref(blob);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_PLAIN(name) cmocka_unit_test_setup_teardown(name, setup_plain, teardown)
#define TEST_KERNEL(name) cmocka_unit_test_setup_teardown(name, setup_kernel, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_channel_starts_with_its_rings_its_window_and_a_poll),
		TEST_PLAIN(other_hosts_get_nothing_of_ours),
		TEST(a_device_without_wayland_channels_is_refused),
		TEST(what_is_said_in_one_turn_goes_as_one_send),
		TEST(bytes_beyond_one_command_go_on_in_the_next),
		TEST(each_read_pipe_has_a_send_with_bytes_of_its_own),
		TEST(read_pipes_out_of_turn_are_refused),
		TEST(a_blob_lives_until_its_send_is_with_the_device),
		TEST(a_hundred_handles_are_spread_over_sends_before_their_bytes),
		TEST(writes_are_cut_and_only_the_last_one_hangs_up),
		TEST(too_much_under_way_is_said_and_so_is_relief),
		TEST(who_does_not_listen_is_lost_before_memory_is),
		TEST(when_the_queue_is_full_things_wait_in_order),
		TEST(a_poll_that_found_no_room_is_made_up_for),
		TEST(an_event_is_read_and_the_next_one_asked_for),
		TEST(without_host_memory_what_it_sent_is_fetched),
		TEST_PLAIN(where_a_poll_costs_a_kick_it_goes_along),
		TEST_KERNEL(by_way_of_a_kernel_a_poll_goes_along_too),
		TEST(while_paused_no_event_is_asked_for),
		TEST(identifiers_become_handles),
		TEST(an_empty_event_is_the_end),
		TEST(loss_of_the_device_is_told_with_the_reason),
		TEST(events_that_make_no_sense_end_the_channel),
		TEST(a_fence_without_a_new_event_is_not_the_last_one_again),
		TEST(the_channel_may_be_destroyed_in_any_callback),
		TEST(a_channel_that_is_destroyed_before_it_could_tell_tells_nothing),
		TEST(credit_is_given_for_every_64_kib_until_the_pipe_ends),
		TEST(sizes_fall_into_few_classes),
		TEST(impossible_sizes_are_no_reason_to_end),
		TEST(a_device_without_a_window_gets_memory_of_the_guest),
		TEST(answers_about_memory_are_not_believed_blindly),
		TEST(blobs_that_outlive_their_channel_have_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
