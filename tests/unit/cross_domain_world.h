/*
 * A cross-domain context between a device that a test plays (this header has what the context calls
 * of it), a guest and a compositor (fake_compositor.h). One program includes it once.
 */
#ifndef TESTS_UNIT_CROSS_DOMAIN_WORLD_H
#define TESTS_UNIT_CROSS_DOMAIN_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <linux/virtio_gpu.h>
#include <signal.h>
#include <unistd.h>

#include "host-bridge/cross_domain/cross_domain_context.h"
#include "host-bridge/resources/resources.h"
#include "host-bridge/vhost/visible_region.h"
#include "protocol/base/fd.h"
#include "protocol/formats/cross_domain.h"
#include "tests/unit/fake_compositor.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/guest_pages.h"

#define REGION_BYTES (UINT64_C(64) << 20)
#define QUERY 1
#define CHANNEL 2
#define FIRST_PIPE CROSS_DOMAIN_FIRST_READ_PIPE

static struct image_maker *world_maker; /* what the context's kind gets; NULL: none */

static struct {
	int fds;
	struct guest_pages pages;
	struct visible_region *region;
	struct resource_table table;
	struct device_counters counters;
	struct queue_places places;
	struct vm_quota quota;
	struct context_host host;
	struct cross_domain_kind kind;
	struct context *context;
	bool awake, turn_over;
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

bool turn_is_over(const struct context_host *host)
{
	return t.turn_over;
}

void context_set_starved(struct context *context, bool starved)
{
	context->starved = starved;
}

static inline void make_context(void)
{
	t.context = t.kind.base.create(&t.kind.base, 3, "test");
	assert_non_null(t.context);
	wl_list_init(&t.context->requests);
	wl_list_init(&t.context->wake_link);
}

static inline void destroy_context(void)
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

static inline void attach(struct resource *resource)
{
	assert_int_equal(
		id_map_insert(&t.context->attached, resource->id, resource_ref(resource)), 0);
}

static inline void detach(uint32_t id)
{
	struct resource *resource = id_map_remove(&t.context->attached, id);
	t.context->ops->detach(t.context, resource);
	resource_unref(resource);
}

/* A blob of @n pages of the guest's memory, from page @id on. */
static inline struct resource *make_pages(uint32_t id, uint64_t n)
{
	struct resource *resource;
	struct resource_pages *pages = malloc(sizeof(*pages));
	*pages = (struct resource_pages){.guest_address = RAM + id * 4096, .length = n * 4096};
	assert_int_equal(
		resource_create(&t.table, id, RESOURCE_BLOB_GUEST, pages->length, &resource), 0);
	assert_int_equal(resource_set_pages(resource, pages, 1), 0);
	return resource;
}

static inline struct resource *make_page(uint32_t id)
{
	return make_pages(id, 1);
}

static inline int set_up(void **state)
{
	memset(&t, 0, sizeof(t));
	signal(SIGPIPE, SIG_IGN);
	fake_compositor_absent = false;
	quota_init(&t.quota);
	t.fds = fd_count();
	t.pages = guest_pages_create();
	t.region = visible_region_create(REGION_BYTES);
	resource_table_init(&t.table, t.pages.memory, t.region);
	t.host = (struct context_host){.loop = wl_event_loop_create(),
		.max_blob_bytes = REGION_BYTES,
		.counters = &t.counters,
		.resources = &t.table,
		.places = &t.places,
		.quota = &t.quota};
	cross_domain_kind_init(&t.kind, NULL, false, true, world_maker);
	t.kind.base.host = &t.host;
	t.kind.base.start(&t.kind.base);
	make_context();
	attach(make_page(QUERY));
	attach(make_page(CHANNEL));
	return 0;
}

static inline int tear_down(void **state)
{
	destroy_context();
	t.kind.base.reset(&t.kind.base);
	resource_table_finish(&t.table);
	visible_region_destroy(t.region);
	wl_event_loop_destroy(t.host.loop);
	guest_pages_destroy(&t.pages);
	return !fake_compositor && fd_count() == t.fds && t.counters.pipes == 0 &&
			t.places.channels == 0 && t.places.others == 0 &&
			t.quota.entries[QUOTA_CONNECTIONS].use == 0 &&
			t.quota.entries[QUOTA_QUEUED_BYTES].use == 0 &&
			t.quota.entries[QUOTA_PIPES].use == 0 && t.quota.entries[QUOTA_FDS].use == 0
		? 0
		: -1;
}

/* Lets the loop run, and the context have its turns. */
static inline void turn(void)
{
	wl_event_loop_dispatch(t.host.loop, 0);
	while (t.awake) {
		t.awake = false;
		t.context->ops->service(t.context);
	}
}

static inline int submit_as(
	struct test_request *request, int ring, const void *commands, size_t size)
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
static inline int submit(const void *commands, size_t size)
{
	struct test_request request;
	int err = submit_as(&request, -1, commands, size);
	assert_int_not_equal(request.response, 0);
	return err;
}

static inline void poll_channel(struct test_request *request)
{
	const struct cross_domain_poll poll = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_POLL, .cmd_size = sizeof(poll)}};
	assert_int_equal(submit_as(request, CROSS_DOMAIN_CHANNEL_RING, &poll, sizeof(poll)), 0);
}

/* --- the guest --- */

static inline int init_on(uint32_t ring, uint32_t channel_type)
{
	const struct cross_domain_init command = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_INIT, .cmd_size = sizeof(command)},
		.query_ring = QUERY,
		.channel_ring = ring,
		.channel_type = channel_type,
	};
	return submit(&command, sizeof(command));
}

static inline int init(uint32_t channel_type)
{
	return init_on(CHANNEL, channel_type);
}

static inline void open_channel_on(uint32_t ring)
{
	assert_int_equal(init_on(ring, CROSS_DOMAIN_CHANNEL_WAYLAND), 0);
	assert_non_null(fake_compositor);
}

static inline void open_channel(void)
{
	open_channel_on(CHANNEL);
}

struct send {
	struct cross_domain_send_receive command;
	uint8_t data[61440];
};

static inline int send_as(struct test_request *request, int ring, const void *data, size_t size,
	size_t n, const uint32_t *types, const uint32_t *ids)
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

static inline int send_identifier(uint32_t type, uint32_t id)
{
	struct test_request request;
	return send_as(&request, -1, "with", 4, 1, &type, &id);
}

static inline int write_as(struct test_request *request, int ring, uint32_t id, const void *data,
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
	if (size > 0)
		memcpy(write.data, data, size);
	return submit_as(request, ring, &write, sizeof(write.command) + size);
}

static inline int credit(uint32_t id, uint32_t bytes)
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
static inline int next_event_in(struct test_request *request)
{
	memset(t.pages.map + CHANNEL * 4096, 0xee, 4096);
	poll_channel(request);
	turn();
	if (request->response == 0)
		return 0;
	assert_int_equal(request->response, VIRTIO_GPU_RESP_OK_NODATA);
	memcpy(&event, t.pages.map + CHANNEL * 4096, sizeof(event));
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

static inline int next_event(void)
{
	static struct test_request request;
	int cmd = next_event_in(&request);
	assert_int_not_equal(cmd, 0);
	return cmd;
}

static inline struct cross_domain_get_image_requirements requirements_of(
	uint32_t width, uint32_t height, uint32_t format, uint32_t flags)
{
	return (struct cross_domain_get_image_requirements){
		.hdr = {.cmd = CROSS_DOMAIN_CMD_GET_IMAGE_REQUIREMENTS,
			.cmd_size = sizeof(struct cross_domain_get_image_requirements)},
		.width = width,
		.height = height,
		.drm_format = format,
		.flags = flags,
	};
}

static inline struct cross_domain_image_requirements ask(
	uint32_t width, uint32_t height, uint32_t format, uint32_t flags)
{
	const struct cross_domain_get_image_requirements command =
		requirements_of(width, height, format, flags);
	struct cross_domain_image_requirements answer;
	memset(t.pages.map + QUERY * 4096, 0, sizeof(answer));
	int err = submit(&command, sizeof(command));
	memcpy(&answer, t.pages.map + QUERY * 4096, sizeof(answer));
	assert_int_equal(err, answer.size == 0 ? -EINVAL : 0);
	return answer;
}

static inline int create_blob(uint64_t blob_id, uint64_t size, struct context_blob *blob)
{
	return t.context->ops->create_blob(
		t.context, blob_id, size, VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE, blob);
}

/* --- the compositor --- */

static inline int to_guest(const void *bytes, size_t size, struct wire_handle *handles, size_t n)
{
	return fake_compositor->listener->to_guest(fake_compositor->data, bytes, size, handles, n);
}

static inline void give_file(int fd)
{
	struct wire_handle handle = wire_handle_fd(fd);
	assert_int_equal(to_guest("keymap..", 8, &handle, 1), 0);
}

/* A pipe that the guest is to write to; the end that a client of the host reads. */
static inline int give_write_pipe(void)
{
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	struct wire_handle handle = {.kind = WIRE_WRITE_PIPE, .fd = ends[1]};
	assert_int_equal(to_guest("send....", 8, &handle, 1), 0);
	return ends[0];
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
