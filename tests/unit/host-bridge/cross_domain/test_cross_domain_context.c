/* host-bridge/cross_domain/cross_domain_context.c and blob_ids.c, between a device and a compositor
 * that the test plays. */
#include "host-bridge/cross_domain/cross_domain_context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <drm_fourcc.h>
#include <fcntl.h>
#include <linux/virtio_gpu.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host-bridge/vhost/guest_memory.h"
#include "host-bridge/vhost/visible_region.h"
#include "protocol/base/fd.h"
#include "tests/unit/fake_compositor.h"
#include "tests/unit/fd_count.h"

#define RAM 0x100000u /* guest address */
#define RAM_BYTES 0x100000u
#define REGION_BYTES (UINT64_C(64) << 20)
#define QUERY 1
#define CHANNEL 2
#define FETCHED 40
#define FIRST_PIPE CROSS_DOMAIN_FIRST_READ_PIPE

static struct {
	int fds;
	int ram_fd;
	uint8_t *ram;
	struct guest_memory *memory;
	struct visible_region *region;
	struct resource_table table;
	struct device_counters counters;
	struct queue_places places;
	struct context_host host;
	struct context *context;
	bool awake;
} t;

/* --- the device --- */

struct test_request {
	struct request base;
	uint32_t response; /* 0: not completed */
};

void request_complete(struct request *request, uint32_t response)
{
	struct test_request *test_request = container_of(request, struct test_request, base);
	assert_int_equal(test_request->response, 0);
	test_request->response = response;
	request->context->n_held--;
}

void context_wake(struct context *context)
{
	t.awake = true;
}

void context_set_starved(struct context *context, bool starved)
{
	context->starved = starved;
}

static void make_context(void)
{
	t.context = cross_domain_context_create(&t.host, 3, "test");
	assert_non_null(t.context);
	wl_list_init(&t.context->requests);
	wl_list_init(&t.context->wake_link);
}

static void destroy_context(void)
{
	uint32_t id;
	if (!t.context)
		return;
	for (struct resource *resource; (resource = id_map_take_any(&t.context->attached, &id));)
		resource_unref(resource);
	id_map_finish(&t.context->attached);
	t.context->ops->destroy(t.context);
	t.context = NULL;
}

static void attach(struct resource *resource)
{
	assert_int_equal(
		id_map_insert(&t.context->attached, resource->id, resource_ref(resource)), 0);
}

static void detach(uint32_t id)
{
	struct resource *resource = id_map_remove(&t.context->attached, id);
	t.context->ops->detach(t.context, resource);
	resource_unref(resource);
}

static struct resource *make_page(uint32_t id)
{
	struct resource *resource;
	struct resource_pages *pages = malloc(sizeof(*pages));
	*pages = (struct resource_pages){.guest_address = RAM + id * 4096, .length = 4096};
	assert_int_equal(resource_create(&t.table, id, RESOURCE_BLOB_GUEST, 4096, &resource), 0);
	assert_int_equal(resource_set_pages(resource, pages, 1), 0);
	return resource;
}

static int set_up(void **state)
{
	memset(&t, 0, sizeof(t));
	signal(SIGPIPE, SIG_IGN);
	fake_compositor_absent = false;
	t.fds = fd_count();
	t.ram_fd = fd_memfd("guest", RAM_BYTES);
	t.ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, t.ram_fd, 0);
	t.memory = guest_memory_create();
	struct vhost_user_memory table = {.n_regions = 1,
		.regions = {{.guest_address = RAM, .user_address = RAM, .size = RAM_BYTES}}};
	int fd = fd_dup(t.ram_fd);
	assert_int_equal(guest_memory_set(t.memory, &table, &fd, 1), 0);
	t.region = visible_region_create(REGION_BYTES);
	resource_table_init(&t.table, t.memory, t.region);
	t.host = (struct context_host){.loop = wl_event_loop_create(),
		.max_blob_bytes = REGION_BYTES,
		.counters = &t.counters,
		.places = &t.places};
	make_context();
	attach(make_page(QUERY));
	attach(make_page(CHANNEL));
	return 0;
}

static int tear_down(void **state)
{
	destroy_context();
	resource_table_finish(&t.table);
	visible_region_destroy(t.region);
	guest_memory_destroy(t.memory);
	wl_event_loop_destroy(t.host.loop);
	munmap(t.ram, RAM_BYTES);
	close(t.ram_fd);
	return !fake_compositor && fd_count() == t.fds && t.counters.pipes == 0 &&
			t.places.channels == 0 && t.places.others == 0
		? 0
		: -1;
}

/* Lets the loop run, and the context have its turns. */
static void turn(void)
{
	wl_event_loop_dispatch(t.host.loop, 0);
	while (t.awake) {
		t.awake = false;
		t.context->ops->service(t.context);
	}
}

static int submit_as(struct test_request *request, int ring, const void *commands, size_t size)
{
	*request = (struct test_request){.base = {.context = t.context, .ring = ring}};
	t.context->n_held++;
	int err = t.context->ops->submit(t.context, commands, size, &request->base);
	if (err == -EINPROGRESS)
		return err;
	if (err == 0 && ring >= 0 &&
		t.context->ops->fence(t.context, (uint32_t)ring, &request->base))
		return 0;
	request_complete(&request->base, VIRTIO_GPU_RESP_OK_NODATA);
	return err;
}

/* A submission that nothing holds. */
static int submit(const void *commands, size_t size)
{
	struct test_request request;
	int err = submit_as(&request, -1, commands, size);
	assert_int_not_equal(request.response, 0);
	return err;
}

static void poll_channel(struct test_request *request)
{
	const struct cross_domain_poll poll = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_POLL, .cmd_size = sizeof(poll)}};
	assert_int_equal(submit_as(request, CROSS_DOMAIN_CHANNEL_RING, &poll, sizeof(poll)), 0);
}

/* --- the guest --- */

static int init(uint32_t channel_type)
{
	const struct cross_domain_init command = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_INIT, .cmd_size = sizeof(command)},
		.query_ring = QUERY,
		.channel_ring = CHANNEL,
		.channel_type = channel_type,
	};
	return submit(&command, sizeof(command));
}

static void open_channel(void)
{
	assert_int_equal(init(CROSS_DOMAIN_CHANNEL_WAYLAND), 0);
	assert_non_null(fake_compositor);
}

struct send {
	struct cross_domain_send_receive command;
	uint8_t data[61440];
};

static int send_as(struct test_request *request, int ring, const void *data, size_t size, size_t n,
	const uint32_t *types, const uint32_t *ids)
{
	static struct send send;
	memset(&send.command, 0, sizeof(send.command));
	send.command.hdr.cmd = CROSS_DOMAIN_CMD_SEND;
	send.command.hdr.cmd_size = (uint16_t)(sizeof(send.command) + size);
	send.command.num_identifiers = (uint32_t)n;
	send.command.opaque_data_size = (uint32_t)size;
	for (size_t i = 0; i < n; i++) {
		send.command.types[i] = types[i];
		send.command.identifiers[i] = ids[i];
	}
	memcpy(send.data, data, size);
	return submit_as(request, ring, &send, sizeof(send.command) + size);
}

static int send_identifier(uint32_t type, uint32_t id)
{
	struct test_request request;
	return send_as(&request, -1, "with", 4, 1, &type, &id);
}

static int write_as(struct test_request *request, int ring, uint32_t id, const void *data,
	size_t size, bool hang_up)
{
	static struct {
		struct cross_domain_read_write command;
		uint8_t data[61440];
	} write;
	write.command = (struct cross_domain_read_write){
		.hdr = {.cmd = CROSS_DOMAIN_CMD_WRITE,
			.cmd_size = (uint16_t)(sizeof(write.command) + size)},
		.identifier = id,
		.hang_up = hang_up,
		.opaque_data_size = (uint32_t)size,
	};
	memcpy(write.data, data, size);
	return submit_as(request, ring, &write, sizeof(write.command) + size);
}

static int credit(uint32_t id, uint32_t bytes)
{
	const struct cross_domain_credit command = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_CREDIT, .cmd_size = sizeof(command)},
		.identifier = id,
		.bytes = bytes};
	return submit(&command, sizeof(command));
}

static union {
	struct cross_domain_send_receive receive;
	struct cross_domain_read_write read;
	uint8_t bytes[CROSS_DOMAIN_RING_BYTES];
} event;
static const uint8_t *event_data;

/* Polls; the command of the event that comes, 0 when none does (the poll then stays in @request).
 */
static int next_event_in(struct test_request *request)
{
	memset(t.ram + CHANNEL * 4096, 0xee, 4096);
	poll_channel(request);
	turn();
	if (request->response == 0)
		return 0;
	assert_int_equal(request->response, VIRTIO_GPU_RESP_OK_NODATA);
	memcpy(&event, t.ram + CHANNEL * 4096, sizeof(event));
	struct cross_domain_send_receive receive;
	struct cross_domain_read_write read;
	if (event.bytes[0] == CROSS_DOMAIN_CMD_RECEIVE)
		assert_int_equal(cross_domain_receive_decode(
					 event.bytes, sizeof(event), &receive, &event_data),
			0);
	else
		assert_int_equal(
			cross_domain_read_decode(event.bytes, sizeof(event), &read, &event_data),
			0);
	return event.bytes[0];
}

static int next_event(void)
{
	static struct test_request request;
	int cmd = next_event_in(&request);
	assert_int_not_equal(cmd, 0);
	return cmd;
}

static struct cross_domain_image_requirements ask(
	uint32_t width, uint32_t height, uint32_t format, uint32_t flags)
{
	const struct cross_domain_get_image_requirements command = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_GET_IMAGE_REQUIREMENTS,
			.cmd_size = sizeof(command)},
		.width = width,
		.height = height,
		.drm_format = format,
		.flags = flags,
	};
	struct cross_domain_image_requirements answer;
	memset(t.ram + QUERY * 4096, 0, sizeof(answer));
	int err = submit(&command, sizeof(command));
	memcpy(&answer, t.ram + QUERY * 4096, sizeof(answer));
	assert_int_equal(err, answer.size == 0 ? -EINVAL : 0);
	return answer;
}

static int create_blob(uint64_t blob_id, uint64_t size, struct context_blob *blob)
{
	return t.context->ops->create_blob(
		t.context, blob_id, size, VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE, blob);
}

/* --- the compositor --- */

static int to_guest(const void *bytes, size_t size, struct wire_handle *handles, size_t n)
{
	return fake_compositor->listener->to_guest(fake_compositor->data, bytes, size, handles, n);
}

static void give_file(int fd)
{
	struct wire_handle handle = wire_handle_fd(fd);
	assert_int_equal(to_guest("keymap..", 8, &handle, 1), 0);
}

/* A pipe that the guest is to write to; the end that a client of the host reads. */
static int give_write_pipe(void)
{
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	struct wire_handle handle = {.kind = WIRE_WRITE_PIPE, .fd = ends[1]};
	assert_int_equal(to_guest("send....", 8, &handle, 1), 0);
	return ends[0];
}

/* --- tests: events --- */

static void an_event_needs_a_poll_and_a_poll_an_event(void **state)
{
	struct test_request poll, second;
	open_channel();
	assert_int_equal(next_event_in(&poll), 0);
	assert_int_equal(to_guest("hello...", 8, NULL, 0), 0);
	turn();
	assert_int_equal(poll.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(t.ram[CHANNEL * 4096], CROSS_DOMAIN_CMD_RECEIVE);
	assert_memory_equal(t.ram + CHANNEL * 4096 + 352, "hello...", 8);
	assert_int_equal(load_u32(t.ram + CHANNEL * 4096 + 12), 8);
	assert_int_equal(t.ram[CHANNEL * 4096 + 2], 0); /* cmd_size stays 0, as with others */

	assert_false(t.context->starved);
	t.ram[CHANNEL * 4096] = 0;
	assert_int_equal(to_guest("again...", 8, NULL, 0), 0);
	turn();
	assert_int_equal(t.ram[CHANNEL * 4096], 0); /* the page is the guest's until it polls */
	assert_true(t.context->starved);
	assert_int_equal(next_event_in(&second), CROSS_DOMAIN_CMD_RECEIVE);
	assert_false(t.context->starved);
	assert_memory_equal(event_data, "again...", 8);
}

static void what_does_not_fit_into_one_event_comes_in_several(void **state)
{
	static uint8_t bytes[10000];
	open_channel();
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i ^ i >> 8);
	assert_int_equal(to_guest(bytes, sizeof(bytes), NULL, 0), 0);
	size_t got = 0;
	while (got < sizeof(bytes)) {
		assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
		assert_true(event.receive.opaque_data_size <= 3744);
		assert_memory_equal(event_data, bytes + got, event.receive.opaque_data_size);
		got += event.receive.opaque_data_size;
	}
	assert_int_equal(t.counters.receives, 3);
}

static void the_compositors_end_is_told_once(void **state)
{
	struct test_request poll;
	open_channel();
	assert_int_equal(to_guest("last....", 8, NULL, 0), 0);
	fake_compositor->listener->closed(fake_compositor->data);
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(event.receive.opaque_data_size, 8);
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(event.receive.opaque_data_size, 0);
	assert_int_equal(event.receive.num_identifiers, 0);
	assert_int_equal(next_event_in(&poll), 0);
	assert_null(fake_compositor);
	/* What it still says is heard by nobody, and is no error. */
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_VIRTGPU_BLOB, QUERY), 0);
}

static void a_missing_compositor_is_its_end(void **state)
{
	fake_compositor_absent = true;
	assert_int_equal(init(CROSS_DOMAIN_CHANNEL_WAYLAND), 0);
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(event.receive.opaque_data_size, 0);
}

/* 20 places: 18 are for channels, one more for what else is kept, one is always free. */
static void a_channel_that_finds_no_place_ends_at_once(void **state)
{
	struct test_request poll;
	t.places = (struct queue_places){.total = 20, .channels = 18};
	assert_int_equal(init(CROSS_DOMAIN_CHANNEL_WAYLAND), 0);
	assert_null(fake_compositor);
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(event.receive.opaque_data_size, 0);
	poll_channel(&poll); /* there is none for this either */
	assert_int_not_equal(poll.response, 0);
	destroy_context();
	assert_int_equal(t.places.channels, 18);
	t.places.channels = 17; /* one of them ends */
	make_context();
	attach(resource_find(&t.table, QUERY));
	attach(resource_find(&t.table, CHANNEL));
	assert_int_equal(init(CROSS_DOMAIN_CHANNEL_WAYLAND), 0);
	assert_non_null(fake_compositor);
	destroy_context();
	t.places.channels = 0;
}

static void nothing_is_kept_without_a_place(void **state)
{
	struct test_request sends[2], polls[2];
	t.places = (struct queue_places){.total = 20, .channels = 17};
	open_channel();
	fake_compositor->congested = true;
	assert_int_equal(send_as(&sends[0], 0, "held", 4, 0, NULL, NULL), -EINPROGRESS);
	assert_int_equal(send_as(&sends[1], 0, "not held", 8, 0, NULL, NULL), 0);
	poll_channel(&polls[0]);
	assert_int_equal(polls[0].response, 0);
	poll_channel(&polls[1]); /* at most one is legal */
	assert_int_not_equal(polls[1].response, 0);
	assert_int_equal(t.counters.contexts_lost, 1);
	destroy_context();
	t.places.channels -= 17;
}

static void one_page_may_be_both_rings(void **state)
{
	const struct cross_domain_init_legacy command = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_INIT, .cmd_size = sizeof(command)},
		.query_ring = CHANNEL,
		.channel_type = CROSS_DOMAIN_CHANNEL_WAYLAND,
	};
	assert_int_equal(submit(&command, sizeof(command)), 0);
	assert_int_equal(to_guest("hello...", 8, NULL, 0), 0);
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
}

static void without_a_channel_images_can_be_asked_about(void **state)
{
	struct test_request request;
	assert_int_equal(init(0), 0);
	assert_null(fake_compositor);
	assert_int_equal(ask(4096, 1, DRM_FORMAT_R8, 0).size, 4096);
	const struct cross_domain_poll poll = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_POLL, .cmd_size = sizeof(poll)}};
	assert_int_equal(
		submit_as(&request, CROSS_DOMAIN_CHANNEL_RING, &poll, sizeof(poll)), -EINVAL);
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_VIRTGPU_BLOB, QUERY), -EINVAL);
}

static void a_full_stream_holds_the_compositor_back(void **state)
{
	static uint8_t bytes[65536];
	open_channel();
	struct compositor *compositor = fake_compositor;
	for (int i = 0; i < 3; i++)
		assert_int_equal(to_guest(bytes, sizeof(bytes), NULL, 0), 0);
	assert_true(compositor->listener->has_room(compositor->data));
	assert_int_equal(to_guest(bytes, sizeof(bytes), NULL, 0), 0);
	assert_false(compositor->listener->has_room(compositor->data));
	turn();
	assert_int_equal(compositor->resumed, 0);
	next_event();
	assert_int_equal(compositor->resumed, 1);
	assert_true(compositor->listener->has_room(compositor->data));
	next_event();
	assert_int_equal(compositor->resumed, 1);
	/* A compositor that does not care is cut off. */
	int err = 0;
	for (int i = 0; i < 20 && err == 0; i++)
		err = to_guest(bytes, sizeof(bytes), NULL, 0);
	assert_int_equal(err, -ENOBUFS);
}

static void a_ring_that_was_detached_is_written_no_more(void **state)
{
	struct test_request poll;
	open_channel();
	assert_int_equal(next_event_in(&poll), 0);
	detach(CHANNEL);
	assert_int_equal(to_guest("hello...", 8, NULL, 0), 0);
	turn();
	assert_int_equal(t.ram[CHANNEL * 4096], 0xee);
	assert_int_equal(poll.response, 0);
	detach(QUERY);
	assert_int_equal(t.table.count, 2);
	resource_forget(resource_find(&t.table, QUERY));
	assert_int_equal(t.table.count, 1);
}

static void a_ring_without_memory_costs_the_context(void **state)
{
	struct test_request poll;
	open_channel();
	poll_channel(&poll);
	guest_memory_clear(t.memory);
	assert_int_equal(to_guest("hello...", 8, NULL, 0), 0);
	turn();
	assert_int_not_equal(poll.response, 0);
	assert_int_equal(t.counters.contexts_lost, 1);
	assert_null(fake_compositor);
}

/* --- tests: images and files --- */

static void images_are_laid_out_in_lines(void **state)
{
	assert_int_equal(init(0), 0);
	struct cross_domain_image_requirements pool = ask(10000, 1, DRM_FORMAT_R8, 16);
	assert_int_equal(pool.blob_id, 2);
	assert_int_equal(pool.strides[0], 10048);
	assert_int_equal(pool.offsets[0], 0);
	assert_int_equal(pool.size, 12288);
	assert_int_equal(pool.modifier, DRM_FORMAT_MOD_LINEAR);
	assert_int_equal(pool.map_info, VIRTIO_GPU_MAP_CACHE_CACHED);
	assert_int_equal(pool.memory_idx, -1);
	assert_int_equal(pool.physical_device_idx, -1);

	struct cross_domain_image_requirements image = ask(100, 50, DRM_FORMAT_ARGB8888, 0);
	assert_int_equal(image.strides[0], 448);
	assert_int_equal(image.size, 24576);

	struct cross_domain_image_requirements video = ask(101, 51, DRM_FORMAT_NV12, 0);
	assert_int_equal(video.strides[0], 128);
	assert_int_equal(video.strides[1], 128);
	assert_int_equal(video.offsets[1], 128 * 51);
	assert_int_equal(video.size, align_up(128 * 51 + 128 * 26, 4096));
}

static void impossible_images_are_refused(void **state)
{
	assert_int_equal(init(0), 0);
	const uint32_t cases[][3] = {
		{0, 1, DRM_FORMAT_R8},
		{1, 0, DRM_FORMAT_R8},
		{8, 8, 0},
		{8, 8, 0x31313131},
		{UINT32_MAX, UINT32_MAX, DRM_FORMAT_ABGR16161616F},
		{1, UINT32_MAX, DRM_FORMAT_NV12},
		{REGION_BYTES + 1, 1, DRM_FORMAT_R8},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		assert_int_equal(ask(cases[i][0], cases[i][1], cases[i][2], 0).size, 0);
	assert_int_equal(ask(REGION_BYTES, 1, DRM_FORMAT_R8, 0).size, REGION_BYTES);
}

static void the_same_image_has_the_same_id_for_many_blobs(void **state)
{
	struct context_blob blob;
	assert_int_equal(init(0), 0);
	uint32_t id = ask(5000, 1, DRM_FORMAT_R8, 0).blob_id;
	assert_int_equal(ask(5000, 1, DRM_FORMAT_R8, 0).blob_id, id);
	assert_int_equal(ask(5000, 1, DRM_FORMAT_R8, 1).blob_id, id + 1);
	assert_int_equal(ask(5001, 1, DRM_FORMAT_R8, 0).blob_id, id + 2);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(create_blob(id, 8192, &blob), 0);
		assert_int_equal(blob.size, 8192);
		assert_int_equal(blob.fd, -1);
		assert_null(blob.contents);
	}
	/* A guest with larger pages rounds up to them. */
	assert_int_equal(create_blob(id, 65536, &blob), 0);
	assert_int_equal(create_blob(id, 65537, &blob), -EINVAL);
	assert_int_equal(create_blob(id, 4096, &blob), -EINVAL);
	assert_int_equal(create_blob(id, 5000, &blob), 0); /* as it was asked for */
	assert_int_equal(blob.size, 8192);
	assert_int_equal(create_blob(id | UINT64_C(1) << 32, 8192, &blob), -EINVAL);
}

static void images_that_nobody_uses_are_forgotten_first(void **state)
{
	struct context_blob blob;
	assert_int_equal(init(0), 0);
	uint32_t used = ask(1, 1, DRM_FORMAT_R8, 0).blob_id,
		 unused = ask(2, 1, DRM_FORMAT_R8, 0).blob_id;
	for (uint32_t width = 3; width < 4500; width++) {
		ask(width, 1, DRM_FORMAT_R8, 0);
		if (width % 1000 == 0)
			assert_int_equal(create_blob(used, 4096, &blob), 0);
	}
	assert_int_equal(create_blob(used, 4096, &blob), 0);
	assert_int_equal(create_blob(unused, 4096, &blob), -EINVAL);
}

static void a_file_becomes_a_blob_for_one(void **state)
{
	static char keymap[5000];
	struct context_blob blob;

	memset(keymap, 'k', sizeof(keymap));
	open_channel();
	give_file(fd_memfd_constant("keymap", keymap, sizeof(keymap)));
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(event.receive.num_identifiers, 1);
	assert_int_equal(event.receive.types[0], CROSS_DOMAIN_ID_VIRTGPU_BLOB);
	assert_int_equal(event.receive.identifiers[0], 2);
	assert_int_equal(event.receive.sizes[0], 8192);
	assert_int_equal(create_blob(2, 4096, &blob), -EINVAL);
	assert_int_equal(create_blob(2, 8192, &blob), 0);
	assert_int_equal(blob.size, 8192);
	assert_int_equal(blob.contents_size, 5000);
	assert_memory_equal(blob.contents, keymap, 5000);
	free(blob.contents);
	assert_int_equal(create_blob(2, 8192, &blob), -EINVAL);
	assert_int_equal(t.counters.copied_bytes, 5000);
}

static int fetch(uint32_t blob_id, uint32_t resource_id)
{
	const struct cross_domain_fetch command = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_FETCH, .cmd_size = sizeof(command)},
		.blob_id = blob_id,
		.resource_id = resource_id,
	};
	return submit(&command, sizeof(command));
}

static void a_file_is_fetched_into_guest_memory_once(void **state)
{
	struct context_blob blob;
	open_channel();
	give_file(fd_memfd_constant("keymap", "keys", 5));
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	struct resource *page = make_page(FETCHED);
	assert_int_equal(fetch(2, FETCHED), -EINVAL); /* not attached */
	attach(page);
	assert_int_equal(fetch(3, FETCHED), -EINVAL); /* no such file */
	assert_int_equal(fetch(2, FETCHED), 0);
	assert_string_equal((char *)t.ram + FETCHED * 4096, "keys");
	assert_int_equal(fetch(2, FETCHED), -EINVAL);
	assert_int_equal(create_blob(2, 4096, &blob), -EINVAL);
}

static void a_file_that_does_not_fit_is_not_fetched(void **state)
{
	static char large[5000];
	open_channel();
	give_file(fd_memfd_constant("keymap", large, sizeof(large)));
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	attach(make_page(FETCHED));
	memset(t.ram + FETCHED * 4096, 'x', 8192);
	assert_int_equal(fetch(2, FETCHED), -EINVAL);
	assert_int_equal(t.ram[FETCHED * 4096], 'x');
	assert_int_equal(t.ram[FETCHED * 4096 + 4096], 'x');
}

static void the_files_offset_does_not_matter(void **state)
{
	struct context_blob blob;
	int fd = fd_memfd("keymap", 0);
	assert_int_equal(write(fd, "contents", 8), 8);
	open_channel();
	give_file(fd);
	next_event();
	assert_int_equal(
		create_blob(event.receive.identifiers[0], event.receive.sizes[0], &blob), 0);
	assert_memory_equal(blob.contents, "contents", 8);
	free(blob.contents);
}

static void what_is_no_file_becomes_zeroes(void **state)
{
	struct context_blob blob;
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	open_channel();
	give_file(open("/dev/null", O_RDWR | O_CLOEXEC));
	give_file(ends[0]);
	give_file(ends[1]);
	give_file(fd_memfd("empty", 0));
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(event.receive.num_identifiers, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(event.receive.sizes[i], 4096);
		assert_int_equal(create_blob(event.receive.identifiers[i], 4096, &blob), 0);
		assert_null(blob.contents);
	}
}

static void a_file_beyond_the_bound_ends_the_connection(void **state)
{
	struct wire_handle handles[2];
	open_channel();
	int large = fd_memfd("large", 0);
	assert_int_equal(ftruncate(large, (16 << 20) + 1), 0);
	handles[0] = wire_handle_fd(large);
	handles[1] = wire_handle_fd(fd_memfd("small", 10));
	assert_int_equal(to_guest("keymap..", 8, handles, 2), -EFBIG);
}

static void files_that_the_guest_never_takes_do_not_pile_up(void **state)
{
	struct context_blob blob;
	open_channel();
	for (int i = 0; i < 1100; i++)
		give_file(fd_memfd("file", 10));
	assert_int_equal(create_blob(2, 4096, &blob), -EINVAL);
	assert_int_equal(create_blob(1101, 4096, &blob), 0);
	free(blob.contents);
	int fd = fd_memfd("large", 0);
	assert_int_equal(ftruncate(fd, 16 << 20), 0);
	for (int i = 0; i < 5; i++)
		give_file(fd_dup(fd));
	close(fd);
	assert_int_equal(create_blob(1102, 16 << 20, &blob), -EINVAL);
	assert_int_equal(create_blob(1103, 16 << 20, &blob), 0);
	free(blob.contents);
}

/* --- tests: SEND --- */

static void a_blob_in_send_outlives_the_guests_handle(void **state)
{
	open_channel();
	struct resource *resource = make_page(7);
	attach(resource);
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_VIRTGPU_BLOB, 7), 0);
	detach(7);
	resource_forget(resource);
	assert_int_equal(fake_compositor->n_handles, 1);
	assert_int_equal(fake_compositor->handles[0].kind, WIRE_BLOB);
	assert_ptr_equal(fake_compositor->handles[0].blob, resource);
	assert_int_equal(resource->refs, 1);
	assert_int_equal(t.table.count, 3);
	fake_compositor_drop_handles(fake_compositor);
	assert_int_equal(t.table.count, 2);
}

/* The guest's kernel has not told it that the host refused the blob. */
static void who_sends_memory_that_was_refused_is_told(void **state)
{
	struct test_request request;
	const uint32_t blob = CROSS_DOMAIN_ID_VIRTGPU_BLOB;
	make_page(7); /* not attached */
	struct resource *flat;
	assert_int_equal(resource_create(&t.table, 8, RESOURCE_2D, 4096, &flat), 0);
	for (uint32_t id = 6; id <= 8; id++) {
		open_channel();
		if (id == 8)
			attach(flat);
		/* Without a message nothing is missing. */
		assert_int_equal(send_as(&request, -1, "", 0, 1, &blob, &id), -ENOENT);
		assert_int_equal(t.counters.contexts_lost, id - 6);
		assert_int_equal(send_as(&request, -1, "pool", 4, 1, &blob, &id), -ENOENT);
		assert_int_equal(t.counters.contexts_lost, id - 5);
		assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
		assert_non_null(memmem(&event, sizeof(event), "refused", 7));
		destroy_context();
		make_context();
		attach(resource_find(&t.table, QUERY));
		attach(resource_find(&t.table, CHANNEL));
	}
}

static void identifiers_that_a_guest_may_not_send_are_refused(void **state)
{
	const uint32_t pipe = CROSS_DOMAIN_ID_READ_PIPE;
	open_channel();
	assert_int_equal(send_identifier(pipe, 0x80000000), -EINVAL);
	assert_int_equal(send_identifier(pipe, 2), -EINVAL);
	const uint32_t types[] = {
		0, CROSS_DOMAIN_ID_VIRTGPU_SYNC, CROSS_DOMAIN_ID_WRITE_PIPE, 5, 6, 7, UINT32_MAX};
	for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
		assert_int_equal(send_identifier(types[i], FIRST_PIPE), -EINVAL);
	assert_int_equal(send_identifier(pipe, FIRST_PIPE), 0);
	assert_int_equal(send_identifier(pipe, FIRST_PIPE), -EINVAL); /* in use */
	/* Nothing of a SEND happens when a part of it is wrong. */
	struct test_request request;
	const uint32_t two[] = {pipe, pipe}, ids[] = {FIRST_PIPE + 1, FIRST_PIPE + 1};
	assert_int_equal(send_as(&request, -1, "pipe", 4, 2, two, ids), -EINVAL);
	assert_int_equal(t.counters.pipes, 1);
	assert_int_equal(fake_compositor->size, 4);
}

static void several_read_pipes_of_any_unused_id_fit_into_a_send(void **state)
{
	struct test_request request;
	const uint32_t types[] = {3, 3, 3}, ids[] = {FIRST_PIPE, UINT32_MAX, FIRST_PIPE + 100};
	open_channel();
	assert_int_equal(send_as(&request, -1, "pipes", 5, 3, types, ids), 0);
	assert_int_equal(fake_compositor->n_handles, 3);
	for (size_t i = 0; i < 3; i++) {
		int fd = fake_compositor->handles[i].fd;
		assert_int_equal(fake_compositor->handles[i].kind, WIRE_FD);
		assert_int_equal(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_WRONLY);
		assert_int_equal(write(fd, &ids[i], 4), 4);
		turn();
		assert_int_equal(next_event(), CROSS_DOMAIN_CMD_READ);
		assert_int_equal(event.read.identifier, ids[i]);
		assert_int_equal(load_u32(event_data), ids[i]);
		assert_int_equal(event.read.hang_up, 0);
	}
}

static void a_congested_compositor_holds_back_who_waits(void **state)
{
	struct test_request first, second, poll, unfenced;
	open_channel();
	fake_compositor->congested = true;
	assert_int_equal(send_as(&first, 0, "one ", 4, 0, NULL, NULL), -EINPROGRESS);
	assert_int_equal(send_as(&unfenced, -1, "two ", 4, 0, NULL, NULL), 0);
	assert_int_equal(send_as(&second, 0, "three", 5, 0, NULL, NULL), -EINPROGRESS);
	assert_int_equal(send_as(&poll, 1, "!", 1, 0, NULL, NULL), 0);
	turn();
	assert_int_equal(fake_compositor->size, 0);
	assert_int_equal(first.response, 0);
	/* A query is answered all the same. */
	assert_int_equal(ask(10, 10, DRM_FORMAT_R8, 0).size, 4096);

	fake_compositor->congested = false;
	fake_compositor->listener->drained(fake_compositor->data);
	assert_int_equal(fake_compositor->size, 0); /* not inside the compositor's callback */
	turn();
	assert_int_equal(fake_compositor->size, 14);
	assert_memory_equal(fake_compositor->bytes, "one two three!", 14);
	assert_int_equal(first.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(second.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(poll.response, 0);
}

/* The text of the wl_display.error in the last event. */
static const char *display_error(void)
{
	assert_int_equal(load_u32(event_data), 1);
	assert_int_equal(load_u32(event_data + 4) & 0xffff, 0);
	assert_int_equal(load_u32(event_data + 4) >> 16, event.receive.opaque_data_size);
	assert_int_equal(load_u32(event_data + 8), 1);
	assert_int_equal(load_u32(event_data + 12), 3);
	assert_int_equal(strlen((const char *)event_data + 20) + 1, load_u32(event_data + 16));
	return (const char *)event_data + 20;
}

static void a_guest_that_does_not_wait_is_lost_and_told(void **state)
{
	static uint8_t bytes[60000];
	struct test_request request, poll;
	open_channel();
	fake_compositor->congested = true;
	int sends = 0;
	while (fake_compositor && sends < 100) {
		assert_int_equal(send_as(&request, -1, bytes, sizeof(bytes), 0, NULL, NULL), 0);
		sends++;
	}
	assert_in_range(sends, 60, 70);
	assert_int_equal(t.counters.contexts_lost, 1);
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_string_equal(
		display_error(), "wayferry: the compositor does not keep up with what it sends");
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(event.receive.opaque_data_size, 0);
	/* It is heard no more, but not taken at its word either: no fence for an event that is
	 * none. */
	assert_int_equal(send_as(&poll, 1, bytes, 10, 0, NULL, NULL), 0);
	turn();
	assert_int_equal(poll.response, 0);
}

static void a_client_that_was_ended_is_heard_no_more(void **state)
{
	const uint32_t type = CROSS_DOMAIN_ID_READ_PIPE, id = FIRST_PIPE;
	struct test_request request;
	open_channel();
	fake_compositor->fail = -EPROTO;
	assert_int_equal(send_as(&request, -1, "bad", 3, 0, NULL, NULL), 0);
	assert_int_equal(send_as(&request, -1, "more", 4, 1, &type, &id), 0);
	assert_int_equal(fake_compositor->size, 3);
	/* Its pipe has nobody at the other end. */
	turn();
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_READ);
	assert_int_equal(event.read.hang_up, 1);
}

static void held_sends_end_with_the_compositor(void **state)
{
	struct test_request request;
	open_channel();
	fake_compositor->congested = true;
	attach(make_page(7));
	const uint32_t type = CROSS_DOMAIN_ID_VIRTGPU_BLOB, id = 7;
	assert_int_equal(send_as(&request, 0, "blob", 4, 1, &type, &id), -EINPROGRESS);
	fake_compositor->listener->closed(fake_compositor->data);
	turn();
	assert_int_equal(request.response, VIRTIO_GPU_RESP_OK_NODATA);
	detach(7);
	resource_forget(resource_find(&t.table, 7));
	assert_int_equal(t.table.count, 2);
}

/* --- tests: pipes --- */

static void what_the_guest_writes_comes_out_of_the_pipe(void **state)
{
	struct test_request request;
	char bytes[16] = "";
	open_channel();
	int fd = give_write_pipe();
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(event.receive.types[0], CROSS_DOMAIN_ID_WRITE_PIPE);
	uint32_t id = event.receive.identifiers[0];
	assert_int_equal(id, 2);
	assert_int_equal(write_as(&request, 0, id, "paste", 5, false), 0);
	assert_int_equal(write_as(&request, 0, id, "d", 1, true), 0);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), 6);
	assert_string_equal(bytes, "pasted");
	assert_int_equal(read(fd, bytes, sizeof(bytes)), 0);
	assert_int_equal(write_as(&request, -1, id, "x", 1, false), -EINVAL);
	assert_int_equal(write_as(&request, -1, 99, "x", 1, true), -EINVAL);
	close(fd);
}

static void a_slow_reader_holds_back_who_writes_to_it_only(void **state)
{
	static uint8_t bytes[61440];
	struct test_request first, second, other, unfenced;
	open_channel();
	int slow = give_write_pipe(), quick = give_write_pipe();
	assert_int_equal(write_as(&first, 0, 2, bytes, sizeof(bytes), false), 0);
	assert_int_equal(write_as(&first, 0, 2, bytes, sizeof(bytes), false), -EINPROGRESS);
	assert_int_equal(write_as(&second, 0, 2, bytes, 10, true), -EINPROGRESS);
	assert_int_equal(write_as(&unfenced, -1, 3, bytes, 10, false), 0);
	assert_int_equal(write_as(&other, 0, 3, bytes, 10, false), 0);
	assert_int_not_equal(other.response, 0);
	turn();
	assert_int_equal(first.response, 0);
	size_t got = 0;
	for (ssize_t n; (n = read(slow, bytes, sizeof(bytes))) != 0; turn())
		got += n > 0 ? (size_t)n : 0;
	assert_int_equal(got, 2 * sizeof(bytes) + 10);
	assert_int_equal(first.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(second.response, VIRTIO_GPU_RESP_OK_NODATA);
	close(slow);
	close(quick);
}

static void a_refused_submission_is_not_answered_again(void **state)
{
	static uint8_t bytes[61440];
	struct test_request request;
	open_channel();
	int fd = give_write_pipe();
	assert_int_equal(write_as(&request, 0, 2, bytes, sizeof(bytes), false), 0);
	assert_int_equal(write_as(&request, -1, 2, bytes, sizeof(bytes), false), 0);
	const struct {
		struct cross_domain_read_write write;
		struct cross_domain_header bad;
	} commands = {{.hdr = {.cmd = CROSS_DOMAIN_CMD_WRITE, .cmd_size = sizeof(commands.write)},
			      .identifier = 2},
		{.cmd = 99, .cmd_size = 8}};
	assert_int_equal(submit_as(&request, 0, &commands, sizeof(commands)), -EINVAL);
	assert_int_not_equal(request.response, 0);
	close(fd);
	turn();
}

static void the_stream_and_the_pipes_take_turns(void **state)
{
	static uint8_t bytes[20000];
	const uint32_t types[] = {3, 3}, ids[] = {FIRST_PIPE, FIRST_PIPE + 1};
	struct test_request request;
	open_channel();
	assert_int_equal(send_as(&request, -1, "pipes", 5, 2, types, ids), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
			write(fake_compositor->handles[i].fd, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(to_guest(bytes, sizeof(bytes), NULL, 0), 0);
	turn();
	unsigned reads[2] = {0};
	for (int i = 0; i < 8; i++) {
		assert_int_equal(next_event(),
			i % 2 == 0 ? CROSS_DOMAIN_CMD_RECEIVE : CROSS_DOMAIN_CMD_READ);
		if (i % 2 == 1)
			reads[event.read.identifier - FIRST_PIPE]++;
	}
	assert_int_equal(reads[0], 2);
	assert_int_equal(reads[1], 2);
}

static void end_of_file_is_a_read_of_its_own(void **state)
{
	open_channel();
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_READ_PIPE, FIRST_PIPE), 0);
	assert_int_equal(write(fake_compositor->handles[0].fd, "data", 4), 4);
	fake_compositor_drop_handles(fake_compositor);
	turn();
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_READ);
	assert_int_equal(event.read.opaque_data_size, 4);
	assert_int_equal(event.read.hang_up, 0);
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_READ);
	assert_int_equal(event.read.opaque_data_size, 0);
	assert_int_equal(event.read.hang_up, 1);
	assert_int_equal(event.read.identifier, FIRST_PIPE);
	assert_int_equal(
		send_identifier(CROSS_DOMAIN_ID_READ_PIPE, FIRST_PIPE), 0); /* free again */
}

static void credit_bounds_what_is_under_way(void **state)
{
	static uint8_t bytes[20000];
	struct test_request poll;
	open_channel();
	assert_int_equal(credit(0, 0), -EINVAL);
	assert_int_equal(credit(0, 6000), 0);
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_READ_PIPE, FIRST_PIPE), 0);
	assert_int_equal(
		write(fake_compositor->handles[0].fd, bytes, sizeof(bytes)), sizeof(bytes));
	turn();
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_READ);
	assert_int_equal(event.read.opaque_data_size, 4072);
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_READ);
	assert_int_equal(event.read.opaque_data_size, 6000 - 4072);
	assert_int_equal(next_event_in(&poll), 0);
	assert_int_equal(credit(FIRST_PIPE, 100), 0);
	turn();
	assert_int_equal(poll.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(load_u32(t.ram + CHANNEL * 4096 + 16), 100);
	assert_int_equal(credit(12345, 1), 0);
}

static void too_many_pipes_cost_the_context(void **state)
{
	open_channel();
	for (uint32_t i = 0; i < 256; i++)
		assert_int_equal(send_identifier(CROSS_DOMAIN_ID_READ_PIPE, FIRST_PIPE + i), 0);
	assert_non_null(fake_compositor);
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_READ_PIPE, FIRST_PIPE + 256), 0);
	assert_null(fake_compositor);
	assert_int_equal(t.counters.contexts_lost, 1);
	assert_int_equal(t.counters.pipes, 0);
}

static void a_context_may_end_in_the_middle_of_everything(void **state)
{
	static uint8_t bytes[61440];
	struct test_request polls[3], send, write_request;
	open_channel();
	for (size_t i = 0; i < 3; i++)
		poll_channel(&polls[i]);
	int fd = give_write_pipe();
	give_file(fd_memfd_constant("keymap", "k", 1));
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_READ_PIPE, FIRST_PIPE), 0);
	assert_int_equal(write_as(&write_request, 0, 2, bytes, sizeof(bytes), false), 0);
	assert_int_equal(write_as(&write_request, 0, 2, bytes, sizeof(bytes), false), -EINPROGRESS);
	fake_compositor->congested = true;
	assert_int_equal(send_as(&send, 0, "held", 4, 0, NULL, NULL), -EINPROGRESS);
	destroy_context();
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(polls[i].response, 0); /* the device's to complete */
	assert_int_equal(t.table.count, 2);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_event_needs_a_poll_and_a_poll_an_event),
		TEST(what_does_not_fit_into_one_event_comes_in_several),
		TEST(the_compositors_end_is_told_once),
		TEST(a_missing_compositor_is_its_end),
		TEST(a_channel_that_finds_no_place_ends_at_once),
		TEST(nothing_is_kept_without_a_place),
		TEST(one_page_may_be_both_rings),
		TEST(without_a_channel_images_can_be_asked_about),
		TEST(a_full_stream_holds_the_compositor_back),
		TEST(a_ring_that_was_detached_is_written_no_more),
		TEST(a_ring_without_memory_costs_the_context),
		TEST(images_are_laid_out_in_lines),
		TEST(impossible_images_are_refused),
		TEST(the_same_image_has_the_same_id_for_many_blobs),
		TEST(images_that_nobody_uses_are_forgotten_first),
		TEST(a_file_becomes_a_blob_for_one),
		TEST(a_file_is_fetched_into_guest_memory_once),
		TEST(a_file_that_does_not_fit_is_not_fetched),
		TEST(the_files_offset_does_not_matter),
		TEST(what_is_no_file_becomes_zeroes),
		TEST(a_file_beyond_the_bound_ends_the_connection),
		TEST(files_that_the_guest_never_takes_do_not_pile_up),
		TEST(a_blob_in_send_outlives_the_guests_handle),
		TEST(who_sends_memory_that_was_refused_is_told),
		TEST(identifiers_that_a_guest_may_not_send_are_refused),
		TEST(several_read_pipes_of_any_unused_id_fit_into_a_send),
		TEST(a_congested_compositor_holds_back_who_waits),
		TEST(a_guest_that_does_not_wait_is_lost_and_told),
		TEST(a_client_that_was_ended_is_heard_no_more),
		TEST(held_sends_end_with_the_compositor),
		TEST(what_the_guest_writes_comes_out_of_the_pipe),
		TEST(a_slow_reader_holds_back_who_writes_to_it_only),
		TEST(a_refused_submission_is_not_answered_again),
		TEST(the_stream_and_the_pipes_take_turns),
		TEST(end_of_file_is_a_read_of_its_own),
		TEST(credit_bounds_what_is_under_way),
		TEST(too_many_pipes_cost_the_context),
		TEST(a_context_may_end_in_the_middle_of_everything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
