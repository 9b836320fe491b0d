/* The device's end of one worker's socket: requests out, answers in, and the worker's end. */
#include "host-bridge/render/renderer_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "renderer"
#include "protocol/base/log.h"

#define CONGESTED_BYTES (1u << 20)
#define MAX_QUEUED_BYTES (64u << 20) /* one resource's backing can be 16 MiB of it */
#define CONGESTED_FDS 16             /* less than CONTEXT_FDS of renderer_context.c */
#define MAX_MESSAGES_A_TURN 64
#define CHECKS_PER_TIMEOUT 5

struct queued { /* a message that waits for room in the socket */
	struct wl_list link;
	size_t size;
	int fd;
	uint8_t bytes[];
};

struct renderer_link {
	struct wl_event_loop *loop;
	struct renderer *renderer;
	const struct renderer_link_listener *listener;
	void *data;
	enum renderer_kind kind;
	uint32_t worker;
	int socket;
	struct wl_event_source *source, *check, *ending;
	bool checking;
	const char *broken; /* why nothing more is sent; `ending` is due, or has run */
	bool lost;
	struct wl_list queue; /* queued::link */
	size_t queued_bytes;
	uint32_t queued_fds;
	bool congested;
	struct wl_list calls; /* renderer_call::link, oldest first */
	uint32_t last_serial;
	struct renderer_call ping; /* serial 0: none is out */
	unsigned silent_checks;    /* since the ping, or since the worker last said something */
};

/* --- the end --- */

static void drop_queued(struct renderer_link *link, struct queued *queued)
{
	wl_list_remove(&queued->link);
	link->queued_bytes -= queued->size;
	link->queued_fds -= queued->fd >= 0;
	fd_close(&queued->fd);
	free(queued);
}

static void hang_up(struct renderer_link *link)
{
	struct queued *queued, *next;
	wl_list_for_each_safe(queued, next, &link->queue, link)
	{
		drop_queued(link, queued);
	}
	event_source_remove(&link->source);
	fd_close(&link->socket);
	renderer_kill(link->renderer, link->worker);
}

/* In the event loop, so that nobody is called back from inside renderer_link_send. */
static void handle_broken(void *data)
{
	struct renderer_link *link = data;
	struct wl_list calls;

	link->ending = NULL;
	link->lost = true;
	hang_up(link);
	wl_event_source_timer_update(link->check, 0);
	wl_list_init(&calls);
	wl_list_insert_list(&calls, &link->calls);
	wl_list_init(&link->calls);
	while (!wl_list_empty(&calls)) {
		struct renderer_call *call = wl_container_of(calls.next, call, link);
		wl_list_remove(&call->link);
		call->done(call, NULL, -1);
	}
	link->listener->lost(link->data, link->broken);
}

static void break_link(struct renderer_link *link, const char *why)
{
	if (link->broken)
		return;
	link->broken = why;
	link->ending = wl_event_loop_add_idle(link->loop, handle_broken, link);
}

/* --- out --- */

static void watch(struct renderer_link *link)
{
	uint32_t mask = WL_EVENT_READABLE;
	if (!wl_list_empty(&link->queue))
		mask |= WL_EVENT_WRITABLE;
	wl_event_source_fd_update(link->source, mask);
}

static void enqueue(struct renderer_link *link, const struct iovec iov[2], int fd)
{
	size_t size = iov[0].iov_len + iov[1].iov_len;
	struct queued *queued = NULL;
	if (size <= MAX_QUEUED_BYTES - link->queued_bytes)
		queued = malloc(sizeof(*queued) + size);
	int copy = queued && fd >= 0 ? fd_dup(fd) : -1;
	if (!queued || (fd >= 0 && copy < 0)) {
		free(queued);
		break_link(link, "too much is queued for it");
		return;
	}
	*queued = (struct queued){.size = size, .fd = copy};
	memcpy(queued->bytes, iov[0].iov_base, iov[0].iov_len);
	if (iov[1].iov_len > 0)
		memcpy(queued->bytes + iov[0].iov_len, iov[1].iov_base, iov[1].iov_len);
	wl_list_insert(link->queue.prev, &queued->link);
	link->queued_bytes += size;
	link->queued_fds += copy >= 0;
	link->congested |=
		link->queued_bytes >= CONGESTED_BYTES || link->queued_fds >= CONGESTED_FDS;
	watch(link);
}

static void transmit(struct renderer_link *link, const struct iovec iov[2], int fd)
{
	if (link->broken)
		return;
	if (wl_list_empty(&link->queue)) {
		ssize_t n = fd_send(link->socket, iov, 2, &fd, fd >= 0);
		if (n >= 0)
			return;
		if (n != -EAGAIN && n != -ENOBUFS) {
			break_link(link, "its process has ended");
			return;
		}
	}
	enqueue(link, iov, fd);
}

static void flush(struct renderer_link *link)
{
	while (!wl_list_empty(&link->queue)) {
		struct queued *queued = wl_container_of(link->queue.next, queued, link);
		const struct iovec iov = {.iov_base = queued->bytes, .iov_len = queued->size};
		ssize_t n = fd_send(link->socket, &iov, 1, &queued->fd, queued->fd >= 0);
		if (n == -EAGAIN || n == -ENOBUFS)
			break;
		if (n < 0) {
			break_link(link, "its process has ended");
			return;
		}
		drop_queued(link, queued);
	}
	watch(link);
	if (link->congested && link->queued_bytes < CONGESTED_BYTES / 2 &&
		link->queued_fds < CONGESTED_FDS / 2) {
		link->congested = false;
		link->listener->drained(link->data);
	}
}

static int check_interval_ms(const struct renderer_link *link)
{
	return renderer_timeout_ms(link->renderer) / CHECKS_PER_TIMEOUT + 1;
}

static void add_call(struct renderer_link *link, struct renderer_call *call)
{
	if (++link->last_serial == 0)
		link->last_serial = 1;
	call->serial = link->last_serial;
	wl_list_insert(link->calls.prev, &call->link);
	if (!link->checking) {
		link->checking = true;
		wl_event_source_timer_update(link->check, check_interval_ms(link));
	}
}

void renderer_link_send(struct renderer_link *link, const struct renderer_request *request,
	const void *extra, size_t extra_bytes, int fd, struct renderer_call *call)
{
	struct renderer_request copy = *request;
	const struct iovec iov[2] = {
		{.iov_base = &copy, .iov_len = sizeof(copy)},
		{.iov_base = (void *)(uintptr_t)extra, .iov_len = extra_bytes},
	};

	assert(extra_bytes <= RENDERER_LIST_BYTES && !link->lost);
	if (call)
		add_call(link, call);
	copy.serial = call ? call->serial : 0;
	transmit(link, iov, fd);
}

bool renderer_link_congested(const struct renderer_link *link)
{
	return link->congested && !link->broken;
}

/* --- in --- */

/* The call that @answer is for, taken off the list of open ones; NULL: the answer is malformed. */
static struct renderer_call *match(
	struct renderer_link *link, const struct renderer_answer *answer, size_t size, size_t n_fds)
{
	if (size != sizeof(*answer) || answer->version != RENDERER_PROTOCOL_VERSION ||
		answer->serial == 0 || answer->error > 0 || answer->extra_bytes != 0 || n_fds > 1 ||
		(answer->error < 0 && n_fds > 0))
		return NULL;
	struct renderer_call *call;
	wl_list_for_each(call, &link->calls, link)
	{
		if (call->serial == answer->serial) {
			wl_list_remove(&call->link);
			return call;
		}
	}
	return NULL;
}

/* False: no more answers are there. */
static bool receive_one(struct renderer_link *link)
{
	struct {
		struct renderer_answer answer;
		uint8_t surplus; /* so that an answer that is too long is noticed */
	} message;
	int fds[FD_MESSAGE_MAX];
	size_t n_fds;
	ssize_t n = fd_recv(link->socket, &message, sizeof(message), fds, &n_fds);

	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		break_link(link,
			n == 0 || n == -ECONNRESET ? "its process has ended"
						   : "its socket is broken");
		return false;
	}
	struct renderer_call *call = match(link, &message.answer, (size_t)n, n_fds);
	if (!call) {
		while (n_fds > 0)
			fd_close(&fds[--n_fds]);
		break_link(link, "its process sent a malformed answer");
		return false;
	}
	link->silent_checks = 0;
	call->done(call, &message.answer, n_fds == 1 ? fds[0] : -1);
	return true;
}

static int handle_socket(int fd, uint32_t mask, void *data)
{
	struct renderer_link *link = data;

	if (mask & WL_EVENT_WRITABLE && !link->broken)
		flush(link);
	for (unsigned i = 0; i < MAX_MESSAGES_A_TURN && !link->broken; i++)
		if (!receive_one(link))
			break;
	return 0;
}

static void handle_pong(struct renderer_call *call, const struct renderer_answer *answer, int fd)
{
	fd_close(&fd);
	call->serial = 0;
}

/*
 * While requests wait for an answer, the worker is pinged: does it still answer? What counts is how
 * often it did not, not for how long: a process that was stopped itself, and its workers with it,
 * knows nothing of them.
 */
static int handle_check(void *data)
{
	struct renderer_link *link = data;

	link->checking = false;
	handle_socket(link->socket, WL_EVENT_READABLE, link);
	if (link->broken || wl_list_empty(&link->calls))
		return 0;
	if (link->ping.serial == 0) {
		const struct renderer_request ping = {.type = RENDERER_PING};
		link->ping.done = handle_pong;
		link->silent_checks = 0;
		renderer_link_send(link, &ping, NULL, 0, -1, &link->ping);
	} else if (++link->silent_checks >= CHECKS_PER_TIMEOUT) {
		break_link(link, "its process hangs");
		return 0;
	}
	link->checking = true;
	wl_event_source_timer_update(link->check, check_interval_ms(link));
	return 0;
}

/* --- life --- */

struct renderer_link *renderer_link_create(struct wl_event_loop *loop, struct renderer *renderer,
	enum renderer_kind kind, const struct renderer_link_listener *listener, void *data)
{
	struct renderer_link *link = calloc(1, sizeof(*link));
	if (!link)
		return NULL;
	*link = (struct renderer_link){.loop = loop,
		.renderer = renderer,
		.listener = listener,
		.data = data,
		.kind = kind};
	wl_list_init(&link->queue);
	wl_list_init(&link->calls);
	link->socket = renderer_spawn(renderer, kind, &link->worker);
	if (link->socket < 0)
		log_limited(LOG_LEVEL_ERROR, "no process for a %s context: %s",
			renderer_kind_name(kind), strerror(-link->socket));
	else
		link->source = wl_event_loop_add_fd(
			loop, link->socket, WL_EVENT_READABLE, handle_socket, link);
	link->check = wl_event_loop_add_timer(loop, handle_check, link);
	if (link->source && link->check)
		return link;
	renderer_link_destroy(link);
	return NULL;
}

void renderer_link_destroy(struct renderer_link *link)
{
	if (!link)
		return;
	if (!link->lost && link->socket >= 0)
		hang_up(link);
	event_source_remove(&link->ending);
	event_source_remove(&link->check);
	free(link);
}

uint32_t renderer_link_worker(const struct renderer_link *link)
{
	return link->worker;
}
