/*
 * The virtio-gpu device: a vhost-user backend above, contexts and resources below.
 *
 * A turn of the event loop: callbacks note that the driver has kicked (handle_process), that a
 * context has something for its guest (context_wake), or that an answer stands on the used ring. At
 * its end finish_turn, an idle callback, executes what is in the control queue, so that a POLL that
 * came without a kick counts, lets the contexts write, and interrupts the driver once for all of
 * it. So commands are executed from there only, never inside a callback of a context.
 *
 * A turn that has taken TURN_NS, or many commands, stops, and the rest goes on in the next one:
 * compositor, workers and other clients of the guest have their events served in between.
 */
#include "host-bridge/gpu/device.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#include "host-bridge/gpu/commands.h"
#include "host-bridge/contexts/given_files.h"
#include "host-bridge/virtio/udmabuf.h"
#include "host-bridge/vhost/vhost_user.h"
#include "host-bridge/vhost/visible_region.h"
#include "protocol/base/amounts.h"
#include "protocol/base/bytes.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#include "protocol/base/monotonic.h"
#define LOG_MODULE "device"
#include "protocol/base/log.h"

#define TURN_NS UINT64_C(5000000)
#define SERVE_BYTES (UINT64_C(256) << 10) /* that commands bring, before contexts write again */

struct device {
	struct device_state state;
	struct vhost_user *vhost_user;
	struct vhost_user_device description;
	struct visible_region *region;
	int udmabuf;                /* -1: there is none */
	struct wl_list awake;       /* context::wake_link */
	uint32_t n_starved;         /* contexts with an event and no POLL */
	struct queue_places places; /* of the control queue */
	struct given_files files;
	bool wants_polls;         /* the driver is told so */
	void (*left)(void *data); /* of struct device_config */
	void *left_data;
	bool told_of_console;
	bool notify[2];               /* answers were put on the queue's used ring */
	struct wl_event_source *turn; /* finish_turn, once it is due */
	int again_fd;                 /* an eventfd: what is left goes on in another turn */
	bool again_edge;              /* as of eventfd_source_add */
	struct wl_event_source *again;
	struct wl_event_source *later; /* timer: likewise, for what keeps to a rate */
	struct virtqueue_chain chain;  /* the one that is executed; 16 KiB */
};

/* --- turns --- */

static void finish_turn(void *data);

static void begin_turn(struct device *device)
{
	device->state.host.turn_ends_ns = monotonic_ns() + TURN_NS;
}

static void want_turn(void *data)
{
	struct device *device = data;
	if (!device->turn)
		device->turn = wl_event_loop_add_idle(device->state.host.loop, finish_turn, device);
}

static void handle_answered(void *data)
{
	struct device *device = data;
	device->notify[DEVICE_CONTROL_QUEUE] = true;
	want_turn(device);
}

/* What a command brings: its own bytes, or those for pipes that lie where it says. */
static uint64_t execute_command(struct device *device, enum device_queue index)
{
	const uint64_t *from_guest = &device->state.counters.bytes_from_guest, before = *from_guest;

	command_execute(&device->state, index, &device->chain);
	return max_u64(device->chain.out_bytes, *from_guest - before);
}

/*
 * Executes what is in a queue, at least one command, until the turn is over, or SERVE_BYTES have
 * come: a driver that feeds the queue as fast as it is emptied has events to hear, too; such as
 * that what it goes on to write is read by nobody. 0; 1: there may be more; -EPROTO: the ring is
 * broken.
 */
static int execute_queue(struct device *device, enum device_queue index)
{
	struct virtqueue *queue = device->state.queues[index];
	uint64_t bytes = 0;

	do {
		int popped = virtqueue_pop(queue, &device->chain);
		if (popped < 0)
			return popped;
		if (popped == 0 && !virtqueue_enable_kicks(queue))
			return 0;
		if (popped == 0)
			continue;
		device->notify[index] = true;
		bytes += execute_command(device, index);
	} while (!turn_is_over(&device->state.host) && bytes < SERVE_BYTES);
	return 1;
}

/* Lets contexts write, at least one. False: the turn is over, and others still want to. */
static bool serve_contexts(struct device *device)
{
	while (!wl_list_empty(&device->awake)) {
		struct context *context = wl_container_of(device->awake.next, context, wake_link);
		wl_list_remove(&context->wake_link);
		wl_list_init(&context->wake_link);
		context->ops->service(context);
		if (turn_is_over(&device->state.host))
			return wl_list_empty(&device->awake);
	}
	return true;
}

/*
 * When an event waits for a POLL, the driver is told to kick for the next one
 * (CROSS_DOMAIN_EXT_WANT_POLL). True: one has come without a kick meanwhile.
 */
static bool announce_wanted_polls(struct device *device)
{
	struct virtqueue *control = device->state.queues[DEVICE_CONTROL_QUEUE];
	bool wanted = device->n_starved > 0;
	if (wanted == device->wants_polls)
		return false;
	device->wants_polls = wanted;
	virtqueue_want_polls(control, wanted);
	return wanted && virtqueue_enable_kicks(control);
}

/* Clears memory that was given back. False: there is more to do in the next turn. */
static bool clear_region(struct device *device)
{
	bool cleared = false;
	while (!visible_region_clear(device->region)) {
		cleared = true;
		if (turn_is_over(&device->state.host))
			return false;
	}
	/* Commands may have waited for that. */
	return !cleared || device->state.waiting.count == 0;
}

/* Asks for another turn, for what this one has left. */
static void plan_next_turn(struct device *device, bool more)
{
	const uint64_t due_ns = device->state.waiting.rate_due_ns;
	if (more) {
		eventfd_write(device->again_fd, 1);
	} else if (device->state.waiting.count > 0 && due_ns != UINT64_MAX) {
		const uint64_t now_ns = monotonic_ns();
		wl_event_source_timer_update(device->later,
			due_ns > now_ns ? (int)((due_ns - now_ns) / 1000000) + 1 : 1);
	}
}

/* Whether one of those that have woken may have been busy before. */
static bool some_not_busy(const struct device *device)
{
	const struct context *context;
	wl_list_for_each(context, &device->awake, wake_link)
	{
		if (context->ops->busy)
			return true;
	}
	return false;
}

static void finish_turn(void *data)
{
	struct device *device = data;
	int more = 0;

	begin_turn(device);
	/* While the driver is stopped its rings must not be touched: handle_started goes on. */
	while (vhost_user_running(device->vhost_user)) {
		bool all = commands_retry(&device->state, some_not_busy(device));
		more = execute_queue(device, DEVICE_CONTROL_QUEUE);
		if (more < 0)
			vhost_user_stop(device->vhost_user, "the control queue is broken");
		if (!vhost_user_running(device->vhost_user))
			break;
		/* Commands may have ended what others have waited for. */
		if (more == 0)
			all &= commands_retry(&device->state, some_not_busy(device));
		all &= serve_contexts(device);
		all &= commands_continue(&device->state);
		all &= clear_region(device);
		more |= !all;
		if (more != 0 || !announce_wanted_polls(device))
			break;
	}
	device->turn = NULL;
	plan_next_turn(device, more > 0);

	for (size_t i = 0; i < ARRAY_LENGTH(device->notify); i++)
		if (device->notify[i])
			virtqueue_notify(device->state.queues[i]);
	memset(device->notify, 0, sizeof(device->notify));
}

static int handle_again(int fd, uint32_t mask, void *data)
{
	struct device *device = data;
	eventfd_t count;
	if (!device->again_edge)
		eventfd_read(fd, &count);
	want_turn(device);
	return 0;
}

static int handle_later(void *data)
{
	want_turn(data);
	return 0;
}

/* --- what vhost_user calls --- */

static int handle_process(void *data, uint32_t queue)
{
	struct device *device = data;
	want_turn(device);
	if (queue != DEVICE_CURSOR_QUEUE)
		return 0;
	begin_turn(device);
	return execute_queue(device, queue);
}

static void handle_get_config(void *data, uint32_t offset, uint32_t size, uint8_t *out)
{
	const struct device *device = data;
	const struct virtio_gpu_config config = {
		.num_scanouts = 1,
		.num_capsets = (uint32_t)device->state.n_kinds,
	};

	memset(out, 0, size);
	if (offset >= sizeof(config))
		return;
	memcpy(out, (const uint8_t *)&config + offset, min_u64(size, sizeof(config) - offset));
}

static void handle_set_config(void *data, uint32_t offset, uint32_t size, const uint8_t *bytes)
{
	/* events_clear is all that a driver may write, and there are no events. */
}

/* Drops everything that the guest has made, without answers. */
static void forget_guest(struct device *device)
{
	struct device_state *state = &device->state;
	uint32_t id;

	state->requests.dropping = true;
	visible_region_cancel(device->region);
	commands_drop(state);
	console_reset(state->console);
	for (struct context *context; (context = id_map_take_any(&state->contexts, &id));)
		device_end_context(state, context);
	state->requests.dropping = false;
	requests_reset(&state->requests);
	for (size_t i = 0; i < state->n_kinds; i++)
		if (state->kinds[i]->reset)
			state->kinds[i]->reset(state->kinds[i]);
	resource_table_finish(&state->resources);
	given_files_clear(&device->files);
	visible_region_reset(device->region);
	memset(device->notify, 0, sizeof(device->notify));
}

static void handle_started(void *data, bool resumed)
{
	struct device *device = data;
	if (!resumed)
		forget_guest(device);
	device->wants_polls = false;
	device->places.total = virtqueue_size(device->state.queues[DEVICE_CONTROL_QUEUE]);
	visible_region_map(device->region, device->vhost_user, resumed);
	want_turn(device);
}

static void handle_reset(void *data)
{
	forget_guest(data);
}

static void handle_left(void *data)
{
	struct device *device = data;
	given_files_clear(&device->files);
	console_leave(device->state.console);
	visible_region_renew(device->region);
	if (device->left)
		device->left(device->left_data);
}

static int handle_give_file(void *data, uint64_t id, uint64_t size, int fd)
{
	struct device *device = data;
	return given_files_add(&device->files, id, size, fd);
}

/* QEMU's own vhost-user-gpu is there, by which guests get no blobs and no contexts of ours. */
static int handle_set_console(void *data, int fd)
{
	struct device *device = data;
	if (!device->told_of_console)
		log_info("the monitor shows the machine's console; the guest gets no windows by "
			 "this device: for those the machine needs the override that "
			 "docs/libvirt.md has (wayferry-host libvirt-xml prints it)");
	device->told_of_console = true;
	return console_connect(device->state.console, fd);
}

static void handle_memory_changed(void *data)
{
	/* Only guest addresses are kept here. */
}

/* --- life --- */

static int adopt_socket(struct device *device, int socket)
{
	fd_set_nonblock(socket);
	int error = vhost_user_adopt(device->vhost_user, socket);
	if (error < 0)
		log_err("the frontend whose connection was passed: %s", strerror(-error));
	return error;
}

/* What the frontend is told of the device, and what is called on its behalf. */
static struct vhost_user_device describe(
	const struct device *device, const struct device_config *config)
{
	const uint64_t features = UINT64_C(1) << VIRTIO_GPU_F_VIRGL |
		UINT64_C(1) << VIRTIO_GPU_F_EDID | UINT64_C(1) << VIRTIO_GPU_F_RESOURCE_UUID |
		UINT64_C(1) << VIRTIO_GPU_F_RESOURCE_BLOB |
		UINT64_C(1) << VIRTIO_GPU_F_CONTEXT_INIT;

	return (struct vhost_user_device){
		.features = features,
		.n_queues = ARRAY_LENGTH(device->state.queues),
		.shmem_sizes[VIRTIO_GPU_SHM_ID_HOST_VISIBLE] = config->region_bytes,
		.get_config = handle_get_config,
		.set_config = handle_set_config,
		.process = handle_process,
		.started = handle_started,
		.reset = handle_reset,
		.left = handle_left,
		.give_file = handle_give_file,
		.set_console = handle_set_console,
		.memory_changed = handle_memory_changed,
	};
}

static int open_socket(struct device *device, const struct device_config *config)
{
	const bool listens = !config->socket_path && !config->socket_connected;

	device->description = describe(device, config);
	device->vhost_user = vhost_user_create(config->loop, config->socket_path,
		listens ? config->socket_fd : -1, &device->description, device);
	if (!device->vhost_user)
		return -ENOTCONN;

	struct device_state *state = &device->state;
	for (uint32_t i = 0; i < ARRAY_LENGTH(state->queues); i++)
		state->queues[i] = vhost_user_queue(device->vhost_user, i);
	resource_table_init(
		&state->resources, vhost_user_memory(device->vhost_user), device->region);
	state->resources.udmabuf = device->udmabuf;
	requests_init(&state->requests, state->queues[DEVICE_CONTROL_QUEUE], &state->counters,
		config->quota, handle_answered, device);
	state->resources.quota = config->quota;
	state->host.memory = state->resources.memory;
	if (state->renders || device->udmabuf >= 0)
		guest_memory_keep_fds(state->resources.memory);
	if (state->renders || state->maps_files)
		visible_region_set_segments(device->region);
	visible_region_clear_in_pieces(device->region, want_turn, device);
	return config->socket_connected ? adopt_socket(device, config->socket_fd) : 0;
}

static int open_udmabuf(void)
{
	int fd = udmabuf_open();
	if (fd < 0)
		log_info("no dma-bufs of guest memory (udmabuf: %s): buffers made of it are copied",
			strerror(-fd));
	return fd;
}

static void start_kinds(struct device_state *state, const struct device_config *config)
{
	state->kinds = config->kinds;
	state->n_kinds = config->n_kinds;
	for (size_t i = 0; i < state->n_kinds; i++) {
		struct context_kind *kind = state->kinds[i];
		state->renders |= kind->renders;
		state->maps_files |= kind->maps_files;
		kind->host = &state->host;
		if (kind->start)
			kind->start(kind);
	}
}

/* A version 4 UUID (RFC 9562, 5.4). */
static void make_uuid(uint8_t uuid[16])
{
	if (getrandom(uuid, 16, 0) < 0)
		log_warn("no random numbers: %s", strerror(errno));
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

/* False: no memory for one of them. */
static bool open_parts(struct device *device, const struct device_config *config)
{
	struct device_state *state = &device->state;

	state->submission = malloc(DEVICE_MAX_SUBMISSION_BYTES);
	state->console = console_create(config->loop);
	device->region = visible_region_create(config->region_bytes);
	device->again_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	device->again = eventfd_source_add(
		config->loop, device->again_fd, handle_again, device, &device->again_edge);
	device->later = wl_event_loop_add_timer(config->loop, handle_later, device);
	return state->submission && state->console && device->region && device->again &&
		device->later;
}

struct device *device_create(const struct device_config *config)
{
	struct device *device = calloc(1, sizeof(*device));
	if (!device)
		return NULL;
	wl_list_init(&device->awake);
	device->left = config->left;
	device->left_data = config->data;
	device->udmabuf = config->udmabuf ? open_udmabuf() : -1;
	struct device_state *state = &device->state;
	wl_list_init(&state->backings);
	waiting_room_init(&state->waiting, &state->resources, &state->contexts);
	state->host = (struct context_host){
		.loop = config->loop,
		.max_blob_bytes = config->region_bytes,
		.resources = &state->resources,
		.counters = &state->counters,
		.places = &device->places,
		.files = &device->files,
		.quota = config->quota,
		.awake = &device->awake,
		.n_starved = &device->n_starved,
		.want_turn = want_turn,
		.data = device,
	};
	device->files.quota = config->quota;
	start_kinds(state, config);
	make_uuid(state->uuid);

	/* A pipe whose reader has left must not end the process. */
	signal(SIGPIPE, SIG_IGN);
	if (!open_parts(device, config))
		log_err("no memory for a region of %" PRIu64 " bytes", config->region_bytes);
	else if (open_socket(device, config) == 0)
		return device;
	device_destroy(device);
	return NULL;
}

void device_destroy(struct device *device)
{
	if (!device)
		return;
	vhost_user_destroy(device->vhost_user); /* resets it, if a frontend is there */
	event_source_remove(&device->turn);
	event_source_remove(&device->again);
	event_source_remove(&device->later);
	fd_close(&device->again_fd);
	visible_region_destroy(device->region);
	console_destroy(device->state.console);
	fd_close(&device->udmabuf);
	id_map_finish(&device->state.contexts);
	free(device->state.submission);
	free(device);
}

bool device_running(const struct device *device)
{
	return vhost_user_running(device->vhost_user);
}

void device_print_stats(const struct device *device, FILE *out)
{
	const struct device_state *state = &device->state;
	const struct device_counters *counters = &state->counters;
	const struct amount lines[] = {
		{"commands", counters->commands},
		{"errors", counters->errors},
		{"submissions", counters->submissions},
		{"sends", counters->sends},
		{"receives", counters->receives},
		{"pipe reads", counters->reads},
		{"pipe writes", counters->writes},
		{"ring fences", counters->fences},
		{"bytes from the guest", counters->bytes_from_guest},
		{"bytes to the guest", counters->bytes_to_guest},
		{"copied bytes", counters->copied_bytes},
		{"contexts lost", counters->contexts_lost},
		{"contexts held back", counters->contexts_held_back},
		{"live contexts", counters->contexts},
		{"live pipes", counters->pipes},
		{"live resources", state->resources.count},
		{"live blobs", state->resources.blobs},
		{"live guest blob bytes", state->resources.guest_blob_bytes},
		{"live host blob bytes", state->resources.host_blob_bytes},
		{"live shared file bytes", state->resources.given_bytes},
		{"region maps", visible_region_maps_made(device->region)},
		{"guest blobs shared as dma-bufs", state->resources.exported},
	};
	amounts_print(lines, ARRAY_LENGTH(lines), out);
}
