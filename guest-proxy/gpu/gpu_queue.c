/*
 * Commands to a virtio-gpu device and their answers. Silent commands are looked at whenever there
 * is something else to do, or by a timer; those that somebody waits for with both sockets served
 * meanwhile.
 */
#include "guest-proxy/gpu/gpu_queue.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest-proxy/gpu/frontend.h"
#include "protocol/base/fd.h"
#include "protocol/formats/vhost_user.h"

#define LOG_MODULE "gpu"
#include "protocol/base/log.h"

/*
 * "Guest RAM": one sparse memfd, of which only what is used is ever touched. The control queue with
 * its slots, the rings of the cursor queue (which nobody uses), then pages for long commands, and
 * pages for blobs. The latter are given back to the system when a blob goes, so a new one is all
 * zeroes.
 */
#define RAM_GUEST_ADDRESS (UINT64_C(1) << 32)
#define RAM_BYTES (UINT64_C(1) << 30)
#define CURSOR_OFFSET ((uint64_t)VIRTQUEUE_DRIVER_BYTES)
#define DATA_OFFSET (CURSOR_OFFSET + VIRTQUEUE_DRIVER_RING_BYTES)
#define BLOBS_OFFSET (UINT64_C(64) << 20)
static_assert(DATA_OFFSET < BLOBS_OFFSET && DATA_OFFSET % PAGE_BYTES == 0, "");

#define WAIT_TIMEOUT_MS 5000
/* How long silent requests may take before they are taken for late ones: in general, and while
 * somebody waits. */
#define SETTLE_MS 100
#define SETTLE_WAITING_MS 20

#define BIT(n) (UINT64_C(1) << (n))
#define FEATURES                                                                                   \
	(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |                              \
		BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_GPU_F_VIRGL) |                           \
		BIT(VIRTIO_GPU_F_RESOURCE_BLOB) | BIT(VIRTIO_GPU_F_CONTEXT_INIT))

struct in_flight { /* by slot */
	void *owner;
	unsigned tag;
	struct gpu_answer *answer;
	struct extent data; /* pages of a long command */
	struct extent blob; /* pages that end with this command */
};

struct gpu_queue {
	struct turn *turn;
	struct turn_task turn_task;
	const struct gpu_queue_listener *listener;
	void *listener_data;
	struct wl_event_source *call_source, *socket_source, *backend_source, *timer;
	bool timer_armed;
	struct frontend *fe;
	int ram_fd, kick, call;
	uint8_t *ram;
	struct virtqueue_driver *driver;
	struct extents data_pages, blob_pages; /* page numbers of RAM */
	char failure[128];                     /* empty: alive */
	char description[160];
	struct in_flight in_flight[VIRTQUEUE_DRIVER_SIZE];
};

static void signal_event(int fd)
{
	uint64_t one = 1;
	ssize_t written = write(fd, &one, sizeof(one));
	(void)written; /* full: whoever shall wake up has not even read the last 2^64 - 2 */
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

static void remove_source(struct wl_event_source **source)
{
	if (*source)
		wl_event_source_remove(*source);
	*source = NULL;
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
	/* The call eventfd stays: it is how turns are asked for. */
	remove_source(&queue->socket_source);
	remove_source(&queue->backend_source);
	queue->listener->lost(queue->listener_data, queue->failure);
	gpu_queue_ask_turn(queue, false);
}

/* Pages. */

void *gpu_queue_pages_at(struct gpu_queue *queue, struct extent pages)
{
	return queue->ram + pages.start * PAGE_BYTES;
}

uint64_t gpu_queue_pages_address(const struct gpu_queue *queue, struct extent pages)
{
	return RAM_GUEST_ADDRESS + pages.start * PAGE_BYTES;
}

static int take_pages(
	struct extents *extents, uint64_t n, enum extents_order order, struct extent *pages)
{
	int error = extents_take(extents, n, order, &pages->start);
	pages->length = error < 0 ? 0 : n;
	return error;
}

int gpu_queue_take_pages(struct gpu_queue *queue, uint64_t n_pages, struct extent *pages)
{
	return take_pages(&queue->blob_pages, n_pages, EXTENTS_LOWEST, pages);
}

void gpu_queue_give_pages(struct gpu_queue *queue, struct extent pages)
{
	if (pages.length == 0)
		return;
	void *at = gpu_queue_pages_at(queue, pages);
	if (madvise(at, pages.length * PAGE_BYTES, MADV_REMOVE) < 0)
		memset(at, 0, pages.length * PAGE_BYTES);
	extents_give(&queue->blob_pages, pages.start, pages.length);
}

/* Answers. */

static void complete(struct gpu_queue *queue, unsigned slot, uint32_t written)
{
	struct in_flight request = queue->in_flight[slot];
	struct gpu_answer *answer = request.answer;
	struct virtio_gpu_ctrl_hdr header;
	const void *response = virtqueue_driver_response(queue->driver, slot);

	memcpy(&header, response, sizeof(header));
	if (answer && answer->copy)
		memcpy(answer->copy, response, min_u64(written, answer->copy_bytes));
	queue->in_flight[slot] = (struct in_flight){0};
	virtqueue_driver_release(queue->driver, slot);
	if (request.data.length > 0)
		extents_give(&queue->data_pages, request.data.start, request.data.length);
	gpu_queue_give_pages(queue, request.blob);
	if (written < sizeof(header)) {
		gpu_queue_fail(queue, "the device gave an answer of %u bytes", written);
		return;
	}
	if (answer) {
		answer->type = header.type;
		answer->written = written;
		(*answer->pending)--;
	} else if (request.owner) {
		queue->listener->answered(
			queue->listener_data, request.owner, request.tag, header.type);
	} else if (header.type != VIRTIO_GPU_RESP_OK_NODATA) {
		log_debug("%s: a command was answered with %#x", queue->description, header.type);
	}
}

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
	(void)n; /* a wake-up for nothing is harmless */
}

static int handle_call(int fd, uint32_t mask, void *data)
{
	struct gpu_queue *queue = data;
	read_call(queue);
	drain_and_arm(queue);
	gpu_queue_ask_turn(queue, false);
	return 0;
}

static int handle_timer(void *data)
{
	struct gpu_queue *queue = data;
	queue->timer_armed = false;
	drain(queue);
	virtqueue_driver_settle(queue->driver);
	drain_and_arm(queue);
	gpu_queue_ask_turn(queue, false);
	return 0;
}

/* Silent requests are looked after some time later at the latest: see virtqueue_driver_settle. */
static void watch_silent(struct gpu_queue *queue)
{
	if (queue->timer_armed)
		return;
	queue->timer_armed = true;
	wl_event_source_timer_update(queue->timer, SETTLE_MS);
}

static void serve_sockets(struct gpu_queue *queue)
{
	int error = frontend_serve(queue->fe);
	if (error == -ECONNRESET)
		gpu_queue_fail(queue, "the device is gone (wayferry-host ended or dropped us)");
	else if (error < 0)
		gpu_queue_fail(queue, "the connection broke: %s", strerror(-error));
	if (frontend_backend_socket(queue->fe) < 0)
		remove_source(&queue->backend_source);
}

static int handle_socket(int fd, uint32_t mask, void *data)
{
	serve_sockets(data);
	return 0;
}

/* Waits until *@pending is 0 or, when that is NULL, a slot is free. */
static int wait_for(struct gpu_queue *queue, const unsigned *pending)
{
	uint64_t deadline_ns = vhost_user_deadline_ns(WAIT_TIMEOUT_MS);
	if (!pending)
		virtqueue_driver_settle(queue->driver);
	for (;;) {
		drain_and_arm(queue);
		if (gpu_queue_failure(queue))
			return -EPIPE;
		if (pending ? *pending == 0 : virtqueue_driver_n_free(queue->driver) > 0)
			return 0;
		struct pollfd pollfds[] = {
			{.fd = queue->call, .events = POLLIN},
			{.fd = frontend_socket(queue->fe), .events = POLLIN},
			{.fd = frontend_backend_socket(queue->fe), .events = POLLIN},
		};
		int remaining_ms = vhost_user_remaining_ms(deadline_ns);
		int n = poll(pollfds, ARRAY_LENGTH(pollfds),
			(int)min_u64((uint64_t)remaining_ms, SETTLE_WAITING_MS));
		if (n == 0 && remaining_ms == 0)
			gpu_queue_fail(queue, "the device has not answered for %d s",
				WAIT_TIMEOUT_MS / 1000);
		else if (n == 0)
			virtqueue_driver_settle(queue->driver);
		if (n > 0 && pollfds[0].revents)
			read_call(queue);
		if (n > 0 && (pollfds[1].revents || pollfds[2].revents))
			serve_sockets(queue);
	}
}

int gpu_queue_wait(struct gpu_queue *queue, const unsigned *pending)
{
	return wait_for(queue, pending);
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

int gpu_queue_command(struct gpu_queue *queue, const void *bytes, size_t size,
	struct gpu_answer *answer, struct extent frees)
{
	int slot = gpu_queue_failure(queue) ? -EPIPE : virtqueue_driver_acquire(queue->driver);
	if (slot == -EAGAIN) {
		publish(queue, VIRTQUEUE_KICK_NORMAL);
		slot = wait_for(queue, NULL) < 0 ? -EPIPE : virtqueue_driver_acquire(queue->driver);
	}
	if (slot < 0)
		return slot;
	memcpy(virtqueue_driver_command(queue->driver, (unsigned)slot), bytes, size);
	queue->in_flight[slot] = (struct in_flight){.answer = answer, .blob = frees};
	size_t response_bytes = sizeof(struct virtio_gpu_resp_map_info);
	if (answer)
		response_bytes = max_u64(response_bytes, answer->copy_bytes);
	virtqueue_driver_add(queue->driver, (unsigned)slot, size, 0, 0, response_bytes,
		answer ? VIRTQUEUE_AWAITED : VIRTQUEUE_PROMPT);
	if (answer)
		(*answer->pending)++;
	else
		watch_silent(queue);
	return 0;
}

bool gpu_queue_has_room(const struct gpu_queue *queue)
{
	return virtqueue_driver_n_free(queue->driver) > 2 * GPU_QUEUE_RESERVED_SLOTS;
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
	if (take_pages(&queue->data_pages, n, EXTENTS_LOWEST, pages) < 0)
		return -EAGAIN;
	memcpy(gpu_queue_pages_at(queue, *pages), submission->bytes, submission->size);
	return 0;
}

/*
 * A slot for a submission: -EAGAIN where only those are left that are reserved for other commands,
 * unless somebody waits for its answer anyway.
 */
static int acquire_for_submission(struct gpu_queue *queue, bool wait)
{
	/* Silent requests end up here: what is done already makes room, and warm slots are used
	 * again. */
	drain(queue);
	if (virtqueue_driver_n_free(queue->driver) <= GPU_QUEUE_RESERVED_SLOTS) {
		virtqueue_driver_settle(queue->driver);
		drain_and_arm(queue);
	}
	if (wait && virtqueue_driver_n_free(queue->driver) == 0 && wait_for(queue, NULL) < 0)
		return -EPIPE;
	if (gpu_queue_failure(queue))
		return -EPIPE;
	if (!wait && virtqueue_driver_n_free(queue->driver) <= GPU_QUEUE_RESERVED_SLOTS)
		return -EAGAIN;
	return virtqueue_driver_acquire(queue->driver);
}

int gpu_queue_submit(struct gpu_queue *queue, const struct gpu_submission *submission)
{
	if (gpu_queue_failure(queue))
		return -EPIPE;
	if (submission->size > (BLOBS_OFFSET - DATA_OFFSET) / 4)
		return -EMSGSIZE;
	int acquired = acquire_for_submission(queue, submission->answer);
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
		.answer = submission->answer,
		.data = pages,
	};
	size_t in_slot = sizeof(submission->command) + (pages.length > 0 ? 0 : submission->size);
	virtqueue_driver_add(queue->driver, slot, in_slot, gpu_queue_pages_address(queue, pages),
		pages.length > 0 ? submission->size : 0, sizeof(struct virtio_gpu_ctrl_hdr),
		submission->silent ? VIRTQUEUE_PROMPT : VIRTQUEUE_AWAITED);
	if (submission->answer)
		(*submission->answer->pending)++;
	if (submission->silent)
		watch_silent(queue);
	publish(queue, submission->lazy ? VIRTQUEUE_KICK_LAZY : VIRTQUEUE_KICK_NORMAL);
	return 0;
}

void gpu_queue_forget(struct gpu_queue *queue, const void *owner)
{
	for (unsigned i = 0; i < VIRTQUEUE_DRIVER_SIZE; i++) {
		if (queue->in_flight[i].owner == owner)
			queue->in_flight[i].owner = NULL;
	}
}

/* Start. */

static int make_ram(struct gpu_queue *queue)
{
	queue->ram_fd = fd_memfd("wayferry-guest-ram", RAM_BYTES);
	if (queue->ram_fd < 0)
		return queue->ram_fd;
	void *ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
		queue->ram_fd, 0);
	if (ram == MAP_FAILED)
		return -errno;
	queue->ram = ram;
	int error = extents_init(&queue->data_pages, DATA_OFFSET / PAGE_BYTES,
		(BLOBS_OFFSET - DATA_OFFSET) / PAGE_BYTES);
	if (error == 0)
		error = extents_init(&queue->blob_pages, BLOBS_OFFSET / PAGE_BYTES,
			(RAM_BYTES - BLOBS_OFFSET) / PAGE_BYTES);
	queue->driver = virtqueue_driver_create(queue->ram, RAM_GUEST_ADDRESS);
	return error < 0 ? error : queue->driver ? 0 : -ENOMEM;
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
		.descriptors = queue->ram + offset + VIRTQUEUE_DRIVER_DESCRIPTORS,
		.available = queue->ram + offset + VIRTQUEUE_DRIVER_AVAILABLE,
		.used = queue->ram + offset + VIRTQUEUE_DRIVER_USED,
		.size = VIRTQUEUE_DRIVER_SIZE,
		.kick = kick,
		.call = queue->call,
	};
}

static int start(struct gpu_queue *queue)
{
	const struct frontend_memory memory = {
		.fd = queue->ram_fd,
		.map = queue->ram,
		.size = RAM_BYTES,
		.guest_address = RAM_GUEST_ADDRESS,
	};
	int never = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (never < 0)
		return -errno;
	const struct frontend_queue queues[] = {
		rings_at(queue, 0, queue->kick),
		rings_at(queue, CURSOR_OFFSET, never),
	};
	int error = frontend_start(queue->fe, &memory, queues, ARRAY_LENGTH(queues));
	fd_close(&never);
	return error;
}

static int add_sources(struct gpu_queue *queue)
{
	int backend = frontend_backend_socket(queue->fe);
	queue->call_source = wl_event_loop_add_fd(
		queue->turn->loop, queue->call, WL_EVENT_READABLE, handle_call, queue);
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
	queue->ram_fd = queue->kick = queue->call = -1;
	snprintf(queue->description, sizeof(queue->description), "vhost-user %s", path);
	queue->fe = frontend_open(path, FEATURES, 0);
	if (!queue->fe) /* said so */
		goto fail;
	int error = make_ram(queue);
	if (error == 0)
		error = make_events(queue);
	if (error < 0) {
		log_err("%s: %s", queue->description, strerror(-error));
		goto fail;
	}
	if (start(queue) < 0)
		goto fail;
	if ((error = add_sources(queue)) < 0) {
		log_err("%s: %s", queue->description, strerror(-error));
		goto fail;
	}
	return queue;

fail:
	gpu_queue_destroy(queue);
	return NULL;
}

void gpu_queue_destroy(struct gpu_queue *queue)
{
	if (!queue)
		return;
	remove_source(&queue->call_source);
	remove_source(&queue->socket_source);
	remove_source(&queue->backend_source);
	remove_source(&queue->timer);
	turn_task_finish(&queue->turn_task);
	frontend_destroy(queue->fe);
	virtqueue_driver_destroy(queue->driver);
	extents_finish(&queue->data_pages);
	extents_finish(&queue->blob_pages);
	if (queue->ram)
		munmap(queue->ram, RAM_BYTES);
	fd_close(&queue->ram_fd);
	fd_close(&queue->kick);
	fd_close(&queue->call);
	free(queue);
}
