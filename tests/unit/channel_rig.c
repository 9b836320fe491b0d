/* A channel over a device that keeps what it is given. */
#include "tests/unit/channel_rig.h"

struct fake_device device;
struct channel_user user;
unsigned event_slot;

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
	bool pending = device.guest_error == -EINPROGRESS;
	if (device.guest_error && device.last_resource >= 2 && !pending)
		return device.guest_error;
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
	device.last_blob = blob;
	*out = &blob->base;
	return pending ? -EINPROGRESS : 0;
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

static void answer_clock(const uint8_t *bytes)
{
	struct cross_domain_clock clock;
	memcpy(&clock, bytes, sizeof(clock));
	assert_int_equal(clock.hdr.cmd_size, sizeof(clock));
	device.time.clock_id = clock.clock_id;
	memcpy((uint8_t *)device.query_ring->base.map + CROSS_DOMAIN_CLOCK_ANSWER_OFFSET,
		&device.time, sizeof(device.time));
}

static int fake_submit(struct gpu_context *context, const void *commands, size_t size,
	enum gpu_fence fence, bool lazy, struct gpu_blob *const *blobs, size_t n_blobs)
{
	if (device.submit_error)
		return device.submit_error;
	if (fence == GPU_FENCE_ANSWER) {
		device.n_answers++;
		const uint8_t cmd = *(const uint8_t *)commands;
		if (cmd == CROSS_DOMAIN_CMD_FETCH)
			answer_fetch(commands, blobs[0]);
		else if (cmd == CROSS_DOMAIN_CMD_CLOCK)
			answer_clock(commands);
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
	user.pipe_bytes = bytes;
	user.hang_up = hang_up;
	user.pipe_events++;
	maybe_destroy();
}

static void handle_blobs(void *data)
{
	user.blobs++;
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

static void handle_clock(void *data, uint32_t clock_id, uint64_t host_ns, uint64_t asked_ns)
{
	assert_int_equal(clock_id, device.time.clock_id);
	user.times++;
	user.host_ns = host_ns;
	user.asked_ns = asked_ns;
}

static const struct channel_listener listener = {
	.clock = handle_clock,
	.receive = handle_receive,
	.pipe_data = handle_pipe_data,
	.blobs = handle_blobs,
	.ready = handle_ready,
	.closed = handle_closed,
};

void open_channel(void)
{
	user.channel = channel_create(&device.gpu, &listener, NULL);
}

static int setup_with(uint32_t features, size_t capset_bytes, bool lazy)
{
	memset(&device, 0, sizeof(device));
	memset(&user, 0, sizeof(user));
	event_slot = 0;
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

int setup(void **state)
{
	return setup_with(OUR_FEATURES, sizeof(device.capset), true);
}

int setup_plain(void **state)
{
	return setup_with(UINT32_MAX, sizeof(struct cross_domain_capset), true);
}

/* Our host, by way of a kernel. */
int setup_kernel(void **state)
{
	return setup_with(OUR_FEATURES, sizeof(device.capset), false);
}

int setup_slots(void **state)
{
	return setup_with(OUR_FEATURES | CROSS_DOMAIN_EXT_POLL_SLOTS, sizeof(device.capset), false);
}

int setup_lazy_slots(void **state)
{
	return setup_with(OUR_FEATURES | CROSS_DOMAIN_EXT_POLL_SLOTS, sizeof(device.capset), true);
}

int setup_runs(void **state)
{
	return setup_with(OUR_FEATURES | CROSS_DOMAIN_EXT_POLL_SLOTS | CROSS_DOMAIN_EXT_RUNS,
		sizeof(device.capset), false);
}

int setup_pages(void **state)
{
	return setup_with(OUR_FEATURES | CROSS_DOMAIN_EXT_POLL_SLOTS | CROSS_DOMAIN_EXT_RUNS |
			CROSS_DOMAIN_EXT_PAGES,
		sizeof(device.capset), false);
}

int setup_lazy_runs(void **state)
{
	return setup_with(OUR_FEATURES | CROSS_DOMAIN_EXT_RUNS, sizeof(device.capset), true);
}

int setup_patient(void **state)
{
	return setup_with(OUR_FEATURES | CROSS_DOMAIN_EXT_PATIENT, sizeof(device.capset), false);
}

int setup_patient_slots(void **state)
{
	return setup_with(OUR_FEATURES | CROSS_DOMAIN_EXT_PATIENT | CROSS_DOMAIN_EXT_POLL_SLOTS,
		sizeof(device.capset), false);
}

int setup_bell(void **state)
{
	return setup_with(OUR_FEATURES | CROSS_DOMAIN_EXT_PATIENT | CROSS_DOMAIN_EXT_BELL,
		sizeof(device.capset), false);
}

int setup_write_from(void **state)
{
	return setup_with(OUR_FEATURES | CROSS_DOMAIN_EXT_WRITE_FROM, sizeof(device.capset), false);
}

int teardown(void **state)
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

void turn(void)
{
	wl_event_loop_dispatch(user.loop, 0);
}

void answer_all(void)
{
	while (device.n_answers > 0 && user.channel) {
		device.n_answers--;
		device.listener->answered(device.listener_data);
	}
	turn();
}

int make_blob(size_t size, struct channel_blob **blob)
{
	int error = channel_blob_create(user.channel, size, blob);
	if (error < 0)
		return error;
	if ((*blob)->status == -EINPROGRESS)
		answer_all();
	error = (*blob)->status;
	if (error < 0)
		channel_blob_unref(*blob);
	return error;
}

/* The next submission that nobody has looked at. */
struct submission *next_submission(void)
{
	assert_true(device.seen < device.n_submissions);
	return &device.submissions[device.seen++];
}

void nothing_more(void)
{
	assert_int_equal(device.seen, device.n_submissions);
}

void skip_start(void)
{
	device.seen = device.n_submissions;
}

/* The command at *@at of @s, which must be @cmd; moves *@at behind it. */
const void *next_command(const struct submission *s, size_t *at, uint8_t cmd)
{
	struct cross_domain_header header;
	size_t length;
	const uint8_t *bytes = s->bytes + *at;
	assert_int_equal(cross_domain_command_decode(bytes, s->size - *at, &header, &length), 0);
	assert_int_equal(header.cmd, cmd);
	*at += length;
	return bytes;
}

struct cross_domain_send_receive send_at(
	const struct submission *s, size_t *at, const uint8_t **data)
{
	struct cross_domain_send_receive send;
	const uint8_t *bytes = next_command(s, at, CROSS_DOMAIN_CMD_SEND);
	memcpy(&send, bytes, sizeof(send));
	*data = bytes + sizeof(send);
	return send;
}

int say(const void *bytes, size_t size)
{
	user.in_call = true;
	int error = channel_send(user.channel, bytes, size, NULL, 0);
	user.in_call = false;
	return error;
}

int flush(void)
{
	user.in_call = true;
	int error = channel_flush(user.channel);
	user.in_call = false;
	return error;
}

/* The host puts @size bytes on the channel ring and signals. */
void event(const void *page, size_t size)
{
	memcpy((uint8_t *)device.channel_ring->base.map + event_slot * PAGE_BYTES, page, size);
	device.listener->event(device.listener_data);
	turn();
}

void receive_event(
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

void read_event(uint32_t pipe, uint32_t size, bool hang_up)
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
