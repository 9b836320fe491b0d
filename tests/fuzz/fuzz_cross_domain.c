/*
 * Cross-domain contexts between a guest that submits anything and compositors that say anything.
 * The input is a list of steps: a byte for what to do, then what it needs. The first context is
 * there from the start; from SWITCH on a byte chooses which one the steps behind it are about,
 * which is made where there is none, or ends it.
 */
#include "host-bridge/cross_domain/cross_domain_impl.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host-bridge/contexts/image_maker.h"
#include "host-bridge/virtio/guest_memory.h"
#include "host-bridge/vhost/visible_region.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/formats/cross_domain.h"
#include "tests/unit/fake_compositor.h"

#define RAM 0x100000u
#define RAM_BYTES 0x10000u
#define LONG_RING 2 /* the resource that has room for runs */
#define LONG_RING_BYTES 0x5000u
#define MAX_REQUESTS 600
#define MAX_CONTEXTS 3
#define SWITCH 0xf0 /* then bits 0 and 1: which; bit 2: it ends */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct guest_memory *memory;
static struct visible_region *region;
static struct resource_table table;
static struct device_counters counters;
static struct vm_quota quota;
static struct queue_places places = {.total = 40};
static bool queue_full;
static struct context_host host;
static struct cross_domain_kind kind;

static struct {
	struct context *context; /* NULL: there is none */
	struct compositor *compositor;
	bool awake;
} contexts[MAX_CONTEXTS];
static size_t current;
static struct context *context; /* that one */

static struct request requests[MAX_REQUESTS];
static bool completed[MAX_REQUESTS];
static size_t n_requests;

void request_complete(struct request *request, uint32_t response)
{
	size_t i = (size_t)(request - requests);
	assert(i < n_requests && !completed[i]);
	completed[i] = true;
	request->context->n_held--;
}

void context_wake(struct context *woken)
{
	for (size_t i = 0; i < MAX_CONTEXTS; i++)
		contexts[i].awake |= contexts[i].context == woken;
}

/* Every other one is, so that runs of events end early as well as in full. */
bool turn_is_over(const struct context_host *asking)
{
	static unsigned n;
	return n++ % 2 == 1;
}

void context_set_starved(struct context *starved_context, bool starved)
{
	starved_context->starved = starved;
}

/* What follows is about that context and its compositor. */
static void go_to(size_t i)
{
	contexts[current].compositor = fake_compositor;
	current = i;
	context = contexts[i].context;
	fake_compositor = contexts[i].compositor;
}

struct input {
	const uint8_t *bytes, *end;
};

static uint8_t take_u8(struct input *input)
{
	return input->bytes < input->end ? *input->bytes++ : 0;
}

static uint32_t take_u32(struct input *input)
{
	uint32_t value = 0;
	for (int i = 0; i < 4; i++)
		value |= (uint32_t)take_u8(input) << 8 * i;
	return value;
}

/* A copy on the heap, so that ASan sees a read past its end; the caller's. */
static uint8_t *take_bytes(struct input *input, size_t *size)
{
	size_t wanted = take_u8(input);
	wanted |= (size_t)take_u8(input) << 8;
	*size = min_u64(wanted, (size_t)(input->end - input->bytes));
	uint8_t *copy = malloc(*size ? *size : 1);
	memcpy(copy, input->bytes, *size);
	input->bytes += *size;
	return copy;
}

static void submit(struct input *input, bool one_command)
{
	int ring = (int)(take_u8(input) % 4) - 1;
	size_t size;
	uint8_t *bytes = take_bytes(input, &size);
	if (one_command && size >= 4) {
		bytes[2] = (uint8_t)size;
		bytes[3] = (uint8_t)(size >> 8);
	}
	if (n_requests < MAX_REQUESTS) {
		struct request *request = &requests[n_requests++];
		*request = (struct request){.context = context, .ring = ring};
		context->n_held++;
		int err = context->ops->submit(context, bytes, size, request);
		if (err != -EINPROGRESS &&
			!(err == 0 && ring >= 0 &&
				context->ops->fence(context, (uint32_t)ring, request)))
			request_complete(request, 0);
	}
	free(bytes);
}

static struct wire_handle make_handle(uint8_t handle_kind)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return (struct wire_handle){.fd = -1};
	struct wire_handle handle = wire_handle_fd(ends[1]);
	switch (handle_kind % 4) {
	case 0:
		close(ends[1]);
		handle.fd = fd_memfd_constant("file", "contents", 8);
		break;
	case 1:
		handle.kind = WIRE_WRITE_PIPE;
		break;
	case 2:
		handle.kind = WIRE_WRITE_PIPE;
		(void)!write(ends[1], "full", 4);
		break;
	default:
		break;
	}
	close(ends[0]);
	return handle;
}

static void speak(struct input *input)
{
	size_t n = take_u8(input) % 4, size;
	struct wire_handle handles[4];
	uint8_t kinds = take_u8(input);
	uint8_t *bytes = take_bytes(input, &size);
	if (fake_compositor) {
		for (size_t i = 0; i < n; i++)
			handles[i] = make_handle((uint8_t)(kinds >> 2 * i));
		fake_compositor->listener->to_guest(fake_compositor->data, bytes, size, handles, n);
		fake_compositor->listener->has_room(fake_compositor->data);
	}
	free(bytes);
}

/* The compositor's clients write into, or close, the pipes they got. */
static void use_pipes(struct input *input)
{
	uint8_t what = take_u8(input);
	if (!fake_compositor)
		return;
	for (size_t i = 0; i < fake_compositor->n_handles; i++) {
		struct wire_handle *handle = &fake_compositor->handles[i];
		if (handle->kind == WIRE_FD && fcntl(handle->fd, F_SETFL, O_NONBLOCK) == 0)
			(void)!write(handle->fd, "some bytes for the guest", what % 24);
	}
	if (what & 0x80)
		fake_compositor_drop_handles(fake_compositor);
}

/* --- images: whoever makes them (renderer_images.c) has checked what it says of them --- */

#define MAX_CALLS 8

static struct image_call *calls[MAX_CALLS]; /* open ones, or NULL */
static struct image_request wanted[MAX_CALLS];
static size_t callers[MAX_CALLS]; /* in contexts */

static int make_image(
	struct image_maker *maker, const struct image_request *request, struct image_call *call)
{
	for (size_t i = 0; i < MAX_CALLS; i++) {
		if (calls[i])
			continue;
		calls[i] = call;
		wanted[i] = *request;
		callers[i] = current;
		return 0;
	}
	return -EBUSY;
}

static void cancel_image(struct image_maker *maker, struct image_call *call)
{
	for (size_t i = 0; i < MAX_CALLS; i++)
		if (calls[i] == call)
			calls[i] = NULL;
}

static struct image_maker maker = {.make = make_image, .cancel = cancel_image};

/* An image of so many pages, in rows or not. */
static void answer_image(uint8_t how)
{
	const size_t i = how % MAX_CALLS;
	struct image_call *call = calls[i];
	const struct image image = {
		.strides = {how & 0x10 ? 64 : 512, how & 0x20 ? 64 : 0},
		.offsets = {0, how & 0x20 ? 4096 : 0},
		.size = how & 0x40 ? 0x10000 : 0x4000,
		.modifier = how & 8 && wanted[i].n_modifiers > 0 ? wanted[i].modifiers[0] : 0,
		.fd_type = 1,
		.map_info = !(how & 8),
	};
	const size_t before = current;
	if (!call)
		return;
	calls[i] = NULL;
	go_to(callers[i]);
	if (how % 7 == 0)
		call->done(call, -ENOMEM, NULL, -1);
	else
		call->done(call, 0, &image, fd_memfd("image", image.size));
	go_to(before);
}

/* The device has made a resource for a blob whose memory somebody else makes. */
static bool make_blob(uint32_t id, uint32_t size)
{
	struct resource *resource;

	if (!context->ops->makes_blob(context, id) || size > 0x20000 ||
		n_requests == MAX_REQUESTS ||
		resource_create(&table, 100 + (uint32_t)n_requests, RESOURCE_BLOB_HOST,
			align_up(max_u64(size, 1), 4096), &resource) < 0)
		return false;
	struct request *request = &requests[n_requests++];
	*request = (struct request){.context = context, .ring = -1};
	context->n_held++;
	resource_set_pending(resource, true);
	if (context->ops->make_blob(context, resource, id, size, 0, request) < 0) {
		resource_set_pending(resource, false);
		resource_forget(resource);
		request_complete(request, 0);
	}
	return true;
}

static void create_blob(struct input *input)
{
	uint32_t id = take_u32(input), size = take_u32(input);
	struct context_blob blob;
	if (make_blob(id, size))
		return;
	if (context->ops->create_blob(context, id, size, 0, &blob) == 0)
		free(blob.contents);
}

static void attach_or_detach(struct input *input)
{
	uint32_t id = take_u8(input) % 5;
	struct resource *resource = id_map_remove(&context->attached, id);
	if (resource) {
		context->ops->detach(context, resource);
		resource_unref(resource);
	} else if ((resource = resource_find(&table, id))) {
		id_map_insert(&context->attached, id, resource_ref(resource));
	}
}

/* Who has failed does not hear of others, and who ends is told of nobody. */
static void check_groups(void)
{
	for (size_t i = 0; i < MAX_CONTEXTS; i++) {
		if (!contexts[i].context)
			continue;
		const struct cross_domain_context *member = cross_domain_from(contexts[i].context);
		assert(!member->failed || wl_list_empty(&member->told));
		assert(member->group || wl_list_empty(&member->due_link));
	}
}

/* Contexts that have woken have a turn, and those that they wake meanwhile. */
static void turn(void)
{
	const size_t before = current;

	wl_event_loop_dispatch(host.loop, 0);
	for (size_t i = 0; i < 4 * MAX_CONTEXTS; i++) {
		const size_t which = (before + i) % MAX_CONTEXTS;
		if (!contexts[which].context || !contexts[which].awake)
			continue;
		go_to(which);
		contexts[which].awake = false;
		context->ops->service(context);
	}
	go_to(before);
}

/* Other channels take all of the queue, or leave it. */
static void fill_queue(bool full)
{
	places.others += full == queue_full ? 0 : full ? places.total : -places.total;
	queue_full = full;
}

static void disturb(uint8_t how)
{
	if (how & 0x80)
		answer_image(how);
	else if (how % 8 == 7)
		fill_queue(!queue_full);
	else if (fake_compositor && how % 4 == 0)
		fake_compositor->listener->closed(fake_compositor->data);
	else if (fake_compositor && how & 0x40)
		fake_compositor->layout = how;
	else if (fake_compositor)
		fake_compositor->fail = -EPROTO;
}

static void make_context(void)
{
	context = kind.base.create(&kind.base, 1 + (uint32_t)current, "fuzz");
	contexts[current].context = context;
	for (uint32_t id = 1; id <= 4; id++)
		if (id != 3)
			id_map_insert(
				&context->attached, id, resource_ref(resource_find(&table, id)));
}

static void end_context(void)
{
	uint32_t id;
	for (struct resource *resource; (resource = id_map_take_any(&context->attached, &id));) {
		context->ops->detach(context, resource);
		resource_unref(resource);
	}
	id_map_finish(&context->attached);
	context->ops->destroy(context);
	assert(!fake_compositor);
	contexts[current].context = context = NULL;
	contexts[current].awake = false;
}

static void switch_context(uint8_t how)
{
	go_to(how % 4 % MAX_CONTEXTS);
	if (how & 4 && context)
		end_context();
	if (!context)
		make_context();
}

static void step(struct input *input)
{
	uint8_t what = take_u8(input);
	if (what >= SWITCH) {
		switch_context(what);
		return;
	}
	switch (what % 10) {
	case 0:
		submit(input, false);
		break;
	case 1:
	case 2:
		submit(input, true);
		break;
	case 3:
		speak(input);
		break;
	case 4:
		turn();
		break;
	case 5:
		if (fake_compositor) {
			fake_compositor->congested = !fake_compositor->congested;
			fake_compositor->listener->drained(fake_compositor->data);
		}
		break;
	case 6:
		use_pipes(input);
		break;
	case 7:
		create_blob(input);
		break;
	case 8:
		attach_or_detach(input);
		break;
	case 9:
		disturb(take_u8(input));
		break;
	}
}

static void set_up_process(void)
{
	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_LEVEL_ERROR);
	memory = guest_memory_create();
	struct vhost_user_memory regions = {.n_regions = 1,
		.regions = {{.guest_address = RAM, .user_address = RAM, .size = RAM_BYTES}}};
	int fd = fd_memfd("guest", RAM_BYTES);
	if (guest_memory_set(memory, &regions, &fd, 1) < 0)
		abort();
	region = visible_region_create(1 << 20);
	host = (struct context_host){
		.loop = wl_event_loop_create(),
		.max_blob_bytes = 1 << 20,
		.counters = &counters,
		.resources = &table,
		.places = &places,
		.quota = &quota,
	};
	quota_init(&quota);
	quota_set(&quota, "pipes", "10");
	quota_set(&quota, "queued-bytes", "100000");
	cross_domain_kind_init(&kind, NULL, false, true, &maker);
	kind.base.host = &host;
	kind.base.start(&kind.base);
}

/* The pages that all contexts share. */
static void make_resources(void)
{
	for (uint32_t id = 1; id <= 4; id++) {
		struct resource *resource;
		struct resource_pages *pages = malloc(sizeof(*pages));
		const uint32_t bytes = id == LONG_RING ? LONG_RING_BYTES : 4096;
		*pages = (struct resource_pages){.guest_address = RAM + id * 4096, .length = bytes};
		resource_create(
			&table, id, id < 4 ? RESOURCE_BLOB_GUEST : RESOURCE_2D, bytes, &resource);
		resource_set_pages(resource, pages, 1);
	}
}

/* Nothing is left of them. */
static void check_end(void)
{
	assert(counters.pipes == 0 && places.channels == 0 && places.others == 0);
	assert(wl_list_empty(&kind.placed) && wl_list_empty(&kind.doubled));
	assert(wl_list_empty(&kind.groups) && kind.n_doubled == 0);
	for (size_t i = 0; i < MAX_CALLS; i++)
		assert(!calls[i]);
	for (size_t i = 0; i < QUOTA_N_LIMITS; i++)
		assert(quota.entries[i].use == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	if (!memory)
		set_up_process();
	resource_table_init(&table, memory, region);
	n_requests = 0;
	memset(completed, 0, sizeof(completed));
	make_resources();
	go_to(0);
	make_context();

	while (input.bytes < input.end) {
		step(&input);
		check_groups();
	}

	for (size_t i = 0; i < MAX_CONTEXTS; i++) {
		go_to(i);
		if (context)
			end_context();
		check_groups();
	}
	wl_event_loop_dispatch(host.loop, 0);
	kind.base.reset(&kind.base);
	fill_queue(false);
	check_end();
	resource_table_finish(&table);
	return 0;
}
