/*
 * Commands to a virtio-gpu device and their answers.
 *
 * The device interrupts us (by the call eventfd) for answers that somebody waits for. All others
 * are taken from the queue whenever something else is, or by a timer. The timer also notices a
 * device that does not answer: that is said in the log, and waited out.
 */
#include "guest-proxy/gpu/vhost_user/gpu_queue.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "guest-proxy/gpu/vhost_user/frontend.h"
#include "protocol/base/copied_once.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#include "protocol/base/monotonic.h"
#include "protocol/formats/vhost_user.h"

#define LOG_MODULE "gpu"
#include "protocol/base/log.h"

/* How long requests that nobody waits for may take before each of their answers interrupts: in
 * general, and at the start. */
#define SETTLE_MS 100
#define SETTLE_WAITING_MS 20
/* How long none of the answers that are due may come before the log says so. */
#define STALL_MS 5000

#define BIT(n) (UINT64_C(1) << (n))
#define FEATURES                                                                                   \
	(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |                              \
		BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_GPU_F_VIRGL) |                           \
		BIT(VIRTIO_GPU_F_RESOURCE_BLOB) | BIT(VIRTIO_GPU_F_CONTEXT_INIT))

struct in_flight { /* by slot */
	void *owner;
	unsigned tag;
	bool due; /* answered as soon as the device has seen it */
	struct gpu_answer *answer;
	struct extent data; /* pages of a long command */
	struct extent blob; /* pages that are free when this command was carried out */
};

struct gpu_queue {
	struct turn *turn;
	struct turn_task turn_task;
	const struct gpu_queue_listener *listener;
	void *listener_data;
	struct wl_event_source *call_source, *socket_source, *backend_source, *timer;
	bool timer_armed;
	unsigned n_due;        /* in_flight::due */
	uint64_t n_answers;    /* ever */
	uint64_t answers_seen; /* by the timer, when it ran last */
	int64_t stalled_ms;    /* since when no answer came; 0: they come */
	bool stall_told;
	struct wl_list waiting; /* gpu_commands_*: they found no free slot */
	struct frontend *fe;
	int kick, call;
	bool call_edge; /* as of eventfd_source_add */
	struct guest_ram ram;
	struct virtqueue_driver *driver;
	char failure[128]; /* empty: alive */
	char description[160];
	struct in_flight in_flight[VIRTQUEUE_DRIVER_SIZE];
};

static void signal_event(int fd)
{
	uint64_t one = 1;
	ssize_t written = write(fd, &one, sizeof(one));
	(void)written; /* it fails only where the count is at its limit: then the other side is
			  awake */
}

static void run_turn(void *data)
{
	struct gpu_queue *queue = data;
	queue->listener->turn(queue->listener_data); /* may destroy the queue */
}

void gpu_queue_ask_turn(struct gpu_queue *queue, bool yield)
{
	if (yield)
		signal_event(queue->call);
	else
		turn_ask(queue->turn, &queue->turn_task);
}

const char *gpu_queue_failure(const struct gpu_queue *queue)
{
	return queue->failure[0] ? queue->failure : NULL;
}

const char *gpu_queue_describe(const struct gpu_queue *queue)
{
	return queue->description;
}

struct frontend *gpu_queue_frontend(struct gpu_queue *queue)
{
	return queue->fe;
}

struct guest_ram *gpu_queue_ram(struct gpu_queue *queue)
{
	return &queue->ram;
}

void gpu_queue_fail(struct gpu_queue *queue, const char *format, ...)
{
	if (gpu_queue_failure(queue))
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(queue->failure, sizeof(queue->failure), format, args);
	va_end(args);
	log_err("%s: %s", queue->description, queue->failure);
	/* The source of the call eventfd stays: gpu_queue_ask_turn needs it. */
	event_source_remove(&queue->socket_source);
	event_source_remove(&queue->backend_source);
	queue->listener->lost(queue->listener_data, queue->failure);
	gpu_queue_ask_turn(queue, false);
}

/* Answers. */

static void complete(struct gpu_queue *queue, unsigned slot, uint32_t written)
{
	struct in_flight request = queue->in_flight[slot];
	struct gpu_answer *answer = request.answer;
	struct virtio_gpu_ctrl_hdr header;
	const void *response = virtqueue_driver_response(queue->driver, slot);

	memcpy(&header, response, sizeof(header));
	copied_once();
	if (answer && answer->copy)
		memcpy(answer->copy, response, min_u64(written, answer->copy_bytes));
	queue->in_flight[slot] = (struct in_flight){0};
	queue->n_due -= request.due;
	queue->n_answers++;
	virtqueue_driver_release(queue->driver, slot);
	if (request.data.length > 0)
		extents_give(&queue->ram.data_pages, request.data.start, request.data.length);
	guest_ram_give(&queue->ram, request.blob);
	if (written < sizeof(header)) {
		gpu_queue_fail(queue, "the device gave an answer of %u bytes", written);
		return;
	}
	if (answer) {
		answer->type = header.type;
		answer->written = written;
		answer->pending = false;
		if (answer->answered)
			answer->answered(answer);
	} else if (request.owner) {
		queue->listener->answered(
			queue->listener_data, request.owner, request.tag, header.type);
	} else if (header.type != VIRTIO_GPU_RESP_OK_NODATA) {
		log_debug("%s: a command was answered with %#x", queue->description, header.type);
	}
}

static void send_waiting(struct gpu_queue *queue);

/* Takes the answers that are there. */
static void drain(struct gpu_queue *queue)
{
	unsigned slot;
	uint32_t written;
	int n = 0;
	while (!gpu_queue_failure(queue) &&
		(n = virtqueue_driver_take(queue->driver, &slot, &written)) > 0)
		complete(queue, slot, written);
	if (n < 0)
		gpu_queue_fail(queue, "the device broke the queue");
	send_waiting(queue);
}

static void drain_and_arm(struct gpu_queue *queue)
{
	do {
		drain(queue);
	} while (!gpu_queue_failure(queue) && virtqueue_driver_arm(queue->driver));
}

static void read_call(struct gpu_queue *queue)
{
	uint64_t count;
	ssize_t n = read(queue->call, &count, sizeof(count));
	(void)n; /* nothing to read: woken for nothing, which is harmless */
}

static int handle_call(int fd, uint32_t mask, void *data)
{
	struct gpu_queue *queue = data;
	if (!queue->call_edge)
		read_call(queue);
	drain_and_arm(queue);
	gpu_queue_ask_turn(queue, false);
	return 0;
}

static void arm_timer(struct gpu_queue *queue, int ms)
{
	if (queue->timer_armed)
		return;
	queue->timer_armed = true;
	wl_event_source_timer_update(queue->timer, ms);
}

/* Says in the log, once, that none of the answers that are due comes, and that they do again. */
static void check_stall(struct gpu_queue *queue)
{
	bool moves = queue->n_answers != queue->answers_seen;
	int64_t now_ms = monotonic_ms();

	queue->answers_seen = queue->n_answers;
	if (queue->n_due > 0 && !moves) {
		if (queue->stalled_ms == 0)
			queue->stalled_ms = now_ms;
		if (now_ms - queue->stalled_ms >= STALL_MS && !queue->stall_told) {
			log_warn("%s: the device has not answered for %d s; waiting for it",
				queue->description, STALL_MS / 1000);
			queue->stall_told = true;
		}
	} else {
		if (queue->stall_told)
			log_warn("%s: the device answers again", queue->description);
		queue->stall_told = false;
		queue->stalled_ms = 0;
	}
	if (queue->n_due > 0)
		arm_timer(queue, SETTLE_MS);
}

static int handle_timer(void *data)
{
	struct gpu_queue *queue = data;
	queue->timer_armed = false;
	if (gpu_queue_failure(queue))
		return 0;
	drain(queue);
	virtqueue_driver_settle(queue->driver);
	drain_and_arm(queue);
	gpu_queue_ask_turn(queue, false);
	check_stall(queue);
	return 0;
}

static void serve_sockets(struct gpu_queue *queue)
{
	int error = frontend_serve(queue->fe);
	if (error == -ECONNRESET)
		gpu_queue_fail(queue, "the device is gone (wayferry-host ended or dropped us)");
	else if (error < 0)
		gpu_queue_fail(queue, "the connection broke: %s", strerror(-error));
	if (frontend_backend_socket(queue->fe) < 0)
		event_source_remove(&queue->backend_source);
}

static int handle_socket(int fd, uint32_t mask, void *data)
{
	serve_sockets(data);
	return 0;
}

int gpu_queue_wait(struct gpu_queue *queue, const struct gpu_answer *answer)
{
	struct frontend_patience patience = {0};
	for (;;) {
		drain_and_arm(queue);
		if (gpu_queue_failure(queue))
			return -EPIPE;
		if (!answer->pending)
			return 0;
		struct pollfd pollfds[] = {
			{.fd = queue->call, .events = POLLIN},
			{.fd = frontend_socket(queue->fe), .events = POLLIN},
			{.fd = frontend_backend_socket(queue->fe), .events = POLLIN},
		};
		int quiet_ms = frontend_patience_ms(&patience);
		int n = poll(pollfds, ARRAY_LENGTH(pollfds),
			quiet_ms < SETTLE_WAITING_MS ? quiet_ms : SETTLE_WAITING_MS);
		if (n == 0)
			virtqueue_driver_settle(queue->driver);
		if (n > 0 && pollfds[0].revents)
			read_call(queue);
		if (n > 0 && (pollfds[1].revents || pollfds[2].revents))
			serve_sockets(queue);
	}
}

/* Commands. */

static void publish(struct gpu_queue *queue, enum virtqueue_kick kick)
{
	if (virtqueue_driver_publish(queue->driver, kick))
		signal_event(queue->kick);
}

void gpu_queue_publish(struct gpu_queue *queue)
{
	if (!gpu_queue_failure(queue))
		publish(queue, VIRTQUEUE_KICK_NORMAL);
}

/* Puts @command into @slot. */
static void add_command(struct gpu_queue *queue, unsigned slot, const struct gpu_command *command)
{
	struct gpu_answer *answer = command->answer;
	size_t response_bytes = sizeof(struct virtio_gpu_resp_map_info);

	memcpy(virtqueue_driver_command(queue->driver, slot), command->bytes, command->size);
	queue->in_flight[slot] = (struct in_flight){
		.owner = command->owner,
		.tag = command->tag,
		.answer = answer,
		.blob = command->frees,
		.due = true,
	};
	queue->n_due++;
	if (answer)
		response_bytes = max_u64(response_bytes, answer->copy_bytes);
	virtqueue_driver_add(queue->driver, slot, command->size, 0, 0, response_bytes,
		answer || command->owner ? VIRTQUEUE_AWAITED : VIRTQUEUE_PROMPT);
	arm_timer(queue, SETTLE_MS);
}

/* Keeps @command until there is a slot. Returns 0 or -EPIPE: no memory, so the device is lost. */
static int keep_waiting(struct gpu_queue *queue, const struct gpu_command *command)
{
	if (gpu_commands_add(&queue->waiting, command) < 0) {
		gpu_queue_fail(queue, "no memory for commands");
		return -EPIPE;
	}
	/* From now on every answer interrupts; in the next round those that are there are taken. */
	publish(queue, VIRTQUEUE_KICK_NORMAL);
	virtqueue_driver_settle(queue->driver);
	signal_event(queue->call);
	return 0;
}

static void send_waiting(struct gpu_queue *queue)
{
	const struct gpu_command *command;
	bool any = false;

	while ((command = gpu_commands_first(&queue->waiting)) && !gpu_queue_failure(queue)) {
		int slot = virtqueue_driver_acquire(queue->driver);
		if (slot < 0)
			break;
		add_command(queue, (unsigned)slot, command);
		gpu_commands_remove_first(&queue->waiting);
		any = true;
	}
	if (any)
		publish(queue, VIRTQUEUE_KICK_NORMAL);
}

int gpu_queue_command(struct gpu_queue *queue, const struct gpu_command *command)
{
	if (gpu_queue_failure(queue))
		return -EPIPE;
	if (command->answer)
		command->answer->pending = true;
	int slot =
		wl_list_empty(&queue->waiting) ? virtqueue_driver_acquire(queue->driver) : -EAGAIN;
	if (slot < 0)
		return keep_waiting(queue, command);
	add_command(queue, (unsigned)slot, command);
	return 0;
}

bool gpu_queue_has_room(const struct gpu_queue *queue)
{
	return wl_list_empty(&queue->waiting) &&
		virtqueue_driver_n_free(queue->driver) > 2 * GPU_QUEUE_RESERVED_SLOTS;
}

/* The commands of a submission: behind the header where they fit, else in pages of their own. 0 or
 * -EAGAIN. */
static int place_commands(struct gpu_queue *queue, unsigned slot,
	const struct gpu_submission *submission, struct extent *pages)
{
	struct virtio_gpu_cmd_submit *command = virtqueue_driver_command(queue->driver, slot);
	*command = submission->command;
	command->hdr.type = VIRTIO_GPU_CMD_SUBMIT_3D;
	command->size = (uint32_t)submission->size;
	*pages = (struct extent){0};
	if (submission->size <= VIRTQUEUE_DRIVER_COMMAND_BYTES - sizeof(*command)) {
		memcpy(command + 1, submission->bytes, submission->size);
		return 0;
	}
	uint64_t n = align_up(submission->size, PAGE_BYTES) / PAGE_BYTES;
	if (guest_ram_take(&queue->ram.data_pages, n, pages) < 0)
		return -EAGAIN;
	memcpy(guest_ram_at(&queue->ram, *pages), submission->bytes, submission->size);
	return 0;
}

/* A slot for a submission; -EAGAIN where only those are left that are reserved for commands. */
static int acquire_for_submission(struct gpu_queue *queue)
{
	/* Answers that nobody waits for are found here: slots that were in use last are used again,
	 * so that few pages are touched. */
	drain(queue);
	if (virtqueue_driver_n_free(queue->driver) <= GPU_QUEUE_RESERVED_SLOTS) {
		virtqueue_driver_settle(queue->driver);
		drain_and_arm(queue);
	}
	if (gpu_queue_failure(queue))
		return -EPIPE;
	if (!wl_list_empty(&queue->waiting) ||
		virtqueue_driver_n_free(queue->driver) <= GPU_QUEUE_RESERVED_SLOTS)
		return -EAGAIN;
	return virtqueue_driver_acquire(queue->driver);
}

int gpu_queue_submit(struct gpu_queue *queue, const struct gpu_submission *submission)
{
	if (gpu_queue_failure(queue))
		return -EPIPE;
	if (submission->size > GUEST_RAM_DATA_BYTES / 4)
		return -EMSGSIZE;
	int acquired = acquire_for_submission(queue);
	if (acquired < 0)
		return acquired;
	unsigned slot = (unsigned)acquired;
	struct extent pages;
	if (place_commands(queue, slot, submission, &pages) < 0) {
		virtqueue_driver_release(queue->driver, slot);
		virtqueue_driver_settle(queue->driver);
		drain_and_arm(queue);
		return -EAGAIN;
	}
	queue->in_flight[slot] = (struct in_flight){
		.owner = submission->owner,
		.tag = submission->tag,
		.data = pages,
		.due = !submission->held,
	};
	queue->n_due += !submission->held;
	size_t in_slot = sizeof(submission->command) + (pages.length > 0 ? 0 : submission->size);
	virtqueue_driver_add(queue->driver, slot, in_slot, guest_ram_address(pages),
		pages.length > 0 ? submission->size : 0, sizeof(struct virtio_gpu_ctrl_hdr),
		submission->silent ? VIRTQUEUE_PROMPT : VIRTQUEUE_AWAITED);
	if (!submission->held)
		arm_timer(queue, SETTLE_MS);
	publish(queue, submission->lazy ? VIRTQUEUE_KICK_LAZY : VIRTQUEUE_KICK_NORMAL);
	return 0;
}

void gpu_queue_forget(struct gpu_queue *queue, const void *owner)
{
	for (unsigned i = 0; i < VIRTQUEUE_DRIVER_SIZE; i++) {
		if (queue->in_flight[i].owner == owner)
			queue->in_flight[i].owner = NULL;
	}
	gpu_commands_forget(&queue->waiting, owner);
}

/* Start. */

static int make_ram(struct gpu_queue *queue)
{
	int error = guest_ram_create(&queue->ram);
	if (error < 0)
		return error;
	queue->driver = virtqueue_driver_create(queue->ram.map, GUEST_RAM_ADDRESS);
	return queue->driver ? 0 : -ENOMEM;
}

static int make_events(struct gpu_queue *queue)
{
	queue->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	queue->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return queue->kick < 0 || queue->call < 0 ? -errno : 0;
}

static struct frontend_queue rings_at(const struct gpu_queue *queue, uint64_t offset, int kick)
{
	return (struct frontend_queue){
		.descriptors = queue->ram.map + offset + VIRTQUEUE_DRIVER_DESCRIPTORS,
		.available = queue->ram.map + offset + VIRTQUEUE_DRIVER_AVAILABLE,
		.used = queue->ram.map + offset + VIRTQUEUE_DRIVER_USED,
		.size = VIRTQUEUE_DRIVER_SIZE,
		.kick = kick,
		.call = queue->call,
	};
}

static int start(struct gpu_queue *queue)
{
	const struct frontend_memory memory = {
		.fd = queue->ram.fd,
		.map = queue->ram.map,
		.size = GUEST_RAM_BYTES,
		.guest_address = GUEST_RAM_ADDRESS,
	};
	int never = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (never < 0)
		return -errno;
	const struct frontend_queue queues[] = {
		rings_at(queue, 0, queue->kick),
		rings_at(queue, GUEST_RAM_CURSOR_OFFSET, never),
	};
	int error = frontend_start(queue->fe, &memory, queues, ARRAY_LENGTH(queues));
	fd_close(&never);
	return error;
}

static int add_sources(struct gpu_queue *queue)
{
	int backend = frontend_backend_socket(queue->fe);
	queue->call_source = eventfd_source_add(
		queue->turn->loop, queue->call, handle_call, queue, &queue->call_edge);
	queue->socket_source = wl_event_loop_add_fd(queue->turn->loop, frontend_socket(queue->fe),
		WL_EVENT_READABLE, handle_socket, queue);
	if (backend >= 0)
		queue->backend_source = wl_event_loop_add_fd(
			queue->turn->loop, backend, WL_EVENT_READABLE, handle_socket, queue);
	queue->timer = wl_event_loop_add_timer(queue->turn->loop, handle_timer, queue);
	bool all = queue->call_source && queue->socket_source && queue->timer &&
		(backend < 0 || queue->backend_source);
	return all ? 0 : -ENOMEM;
}

/* False when it does not work, which was said then. */
static bool set_up(struct gpu_queue *queue, const char *path)
{
	queue->fe = frontend_open(path, FEATURES, 0);
	if (!queue->fe) /* said so */
		return false;
	int error = make_ram(queue);
	if (error == 0)
		error = make_events(queue);
	if (error == 0 && start(queue) < 0) /* said so */
		return false;
	if (error == 0)
		error = add_sources(queue);
	if (error < 0)
		log_err("%s: %s", queue->description, strerror(-error));
	return error == 0;
}

struct gpu_queue *gpu_queue_open(
	struct turn *turn, const char *path, const struct gpu_queue_listener *listener, void *data)
{
	struct gpu_queue *queue = calloc(1, sizeof(*queue));
	if (!queue)
		return NULL;
	queue->turn = turn;
	turn_task_init(&queue->turn_task, TURN_DEVICE, run_turn, queue);
	queue->listener = listener;
	queue->listener_data = data;
	queue->ram.fd = queue->kick = queue->call = -1;
	wl_list_init(&queue->waiting);
	snprintf(queue->description, sizeof(queue->description), "vhost-user %s", path);
	if (set_up(queue, path))
		return queue;
	gpu_queue_destroy(queue);
	return NULL;
}

void gpu_queue_destroy(struct gpu_queue *queue)
{
	if (!queue)
		return;
	event_source_remove(&queue->call_source);
	event_source_remove(&queue->socket_source);
	event_source_remove(&queue->backend_source);
	event_source_remove(&queue->timer);
	turn_task_finish(&queue->turn_task);
	gpu_commands_clear(&queue->waiting);
	frontend_destroy(queue->fe);
	virtqueue_driver_destroy(queue->driver);
	guest_ram_finish(&queue->ram);
	fd_close(&queue->kick);
	fd_close(&queue->call);
	free(queue);
}
