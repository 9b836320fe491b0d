/* The socket to the monitor that shows the machine's scanouts. */
#include "host-bridge/console/console_link.h"

#include <errno.h>
#include <stdlib.h>

#include "protocol/base/bytes.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#define LOG_MODULE "console"
#include "protocol/base/log.h"

/* How many are sent or read before other events get their turn. */
#define MESSAGES_AT_ONCE 4
#define FEATURE(name) (UINT64_C(1) << CONSOLE_FEATURE_##name)
#define KNOWN_FEATURES (FEATURE(EDID) | FEATURE(DMABUF2))

struct question {
	struct wl_list link; /* console_link::questions */
	enum console_request request;
	uint32_t scanout;
	console_answer_fn done;
	void *data;
};

void console_link_init(
	struct console_link *link, struct wl_event_loop *loop, bool (*next)(void *data), void *data)
{
	link->loop = loop;
	link->next = next;
	link->data = data;
	link->socket = link->out_fd = -1;
	wl_list_init(&link->questions);
}

void console_link_close(struct console_link *link)
{
	event_source_remove(&link->source);
	fd_close(&link->socket);
	fd_close(&link->out_fd);
	link->state = LINK_NEW;
	link->features = 0;
	link->received = 0;
	link->asked = link->orphaned = link->updating = false;
	link->out_size = link->out_sent = 0;
}

void console_link_finish(struct console_link *link)
{
	console_link_close(link);
	console_link_drop_questions(link);
}

/* --- questions --- */

static void answer_first(struct console_link *link, const union console_payload *answer)
{
	struct question *question = wl_container_of(link->questions.next, question, link);
	wl_list_remove(&question->link);
	link->asked = false;
	question->done(question->data, answer);
	free(question);
}

void console_link_drop_questions(struct console_link *link)
{
	/* An answer that is on its way is not the next one's. */
	const bool asked = link->asked;
	while (!wl_list_empty(&link->questions))
		answer_first(link, NULL);
	link->asked = link->orphaned = asked;
}

int console_link_ask(struct console_link *link, enum console_request request, uint32_t scanout,
	console_answer_fn done, void *data)
{
	if (link->lost)
		return -ENOTCONN;
	struct question *question = malloc(sizeof(*question));
	if (!question)
		return -ENOMEM;
	*question = (struct question){
		.request = request, .scanout = scanout, .done = done, .data = data};
	wl_list_insert(link->questions.prev, &question->link);
	console_link_want(link);
	return 0;
}

/*
 * QEMU says nothing of the EDID of a scanout that it does not have. So each such question has one
 * behind it that is always answered, and ends with that.
 */
static bool put_question(struct console_link *link)
{
	if (link->asked || wl_list_empty(&link->questions))
		return false;
	const struct question *question = wl_container_of(link->questions.next, question, link);
	link->asked = true;
	link->edid_there = false;
	if (question->request == CONSOLE_GET_EDID && link->features & FEATURE(EDID))
		store_u32(console_link_put(link, CONSOLE_GET_EDID, sizeof(uint32_t)),
			question->scanout);
	console_link_put(link, CONSOLE_GET_DISPLAY_INFO, 0);
	return true;
}

static void handle_display_info(struct console_link *link)
{
	if (link->orphaned) {
		link->asked = link->orphaned = false;
		return;
	}
	const struct question *question = wl_container_of(link->questions.next, question, link);
	if (question->request == CONSOLE_GET_DISPLAY_INFO) {
		answer_first(link, &link->payload);
		return;
	}
	const union console_payload edid = {.edid = link->edid};
	answer_first(link, link->edid_there ? &edid : NULL);
}

/* --- what comes --- */

/* False: it makes no sense here. */
static bool handle_message(struct console_link *link)
{
	const struct console_header *in = &link->in;

	if (!(in->flags & CONSOLE_FLAG_REPLY))
		return false;
	switch (in->request) {
	case CONSOLE_GET_PROTOCOL_FEATURES:
		if (link->state != LINK_GREETED || in->size != sizeof(link->payload.u64))
			return false;
		link->features = link->payload.u64 & KNOWN_FEATURES;
		link->state = LINK_MET;
		return true;
	case CONSOLE_GET_DISPLAY_INFO:
		if (!link->asked || in->size != sizeof(link->payload.info))
			return false;
		handle_display_info(link);
		return true;
	case CONSOLE_GET_EDID:
		if (!link->asked || in->size != sizeof(link->payload.edid))
			return false;
		link->edid = link->payload.edid;
		link->edid_there = true;
		return true;
	case CONSOLE_DMABUF_UPDATE:
		if (!link->updating || in->size != 0)
			return false;
		link->updating = false;
		return true;
	default:
		return false;
	}
}

/* 1: a whole message is there; 0: not yet; or -errno. */
static int receive(struct console_link *link)
{
	const size_t header = sizeof(link->in);
	for (;;) {
		const bool in_header = link->received < header;
		size_t whole = in_header ? header : header + link->in.size;
		if (link->received == whole && !in_header)
			return 1;
		uint8_t *to = in_header ? (uint8_t *)&link->in + link->received
					: link->payload.bytes + (link->received - header);
		ssize_t n = fd_recv_bytes(link->socket, to, whole - link->received);
		if (n == -EAGAIN)
			return 0;
		if (n <= 0)
			return n < 0 ? (int)n : -ECONNRESET;
		link->received += (size_t)n;
		if (link->received == header && link->in.size > sizeof(link->payload))
			return -EPROTO;
	}
}

static void lose(struct console_link *link)
{
	log_limited(LOG_LEVEL_ERROR,
		"what the monitor says of its displays makes no sense (request %u, %u bytes): "
		"there "
		"is no console until the machine goes on anew",
		link->in.request, link->in.size);
	console_link_close(link);
	link->lost = true;
	console_link_drop_questions(link);
}

static void read_messages(struct console_link *link)
{
	for (int i = 0; i < MESSAGES_AT_ONCE && link->socket >= 0; i++) {
		int result = receive(link);
		if (result == 0)
			return;
		if (result > 0) {
			link->received = 0;
			if (!handle_message(link))
				lose(link);
		} else if (result == -EPROTO) {
			lose(link);
		} else {
			log_debug("the console has ended: %s", strerror(-result));
			console_link_close(link);
		}
	}
}

/* --- what goes --- */

void *console_link_put(struct console_link *link, uint32_t request, uint32_t size)
{
	const struct console_header header = {.request = request, .size = size};
	assert(size <= sizeof(link->out) - sizeof(header) &&
		link->out_size <= sizeof(link->out) - sizeof(header) - size);
	uint8_t *at = link->out + link->out_size;
	memcpy(at, &header, sizeof(header));
	link->out_size += sizeof(header) + size;
	link->updating |= request == CONSOLE_DMABUF_UPDATE;
	return at + sizeof(header);
}

bool console_link_knows_modifiers(const struct console_link *link)
{
	return link->features & FEATURE(DMABUF2);
}

bool console_link_put_fd(struct console_link *link, int fd)
{
	assert(link->out_fd < 0 && link->out_size == 0);
	link->out_fd = fd_dup(fd);
	return link->out_fd >= 0;
}

/* The next message, or several that belong together. False: there is nothing to say. */
static bool compose(struct console_link *link)
{
	switch (link->state) {
	case LINK_NEW:
		console_link_put(link, CONSOLE_GET_PROTOCOL_FEATURES, 0);
		link->state = LINK_GREETED;
		return true;
	case LINK_GREETED:
		return false;
	case LINK_MET:
		memcpy(console_link_put(
			       link, CONSOLE_SET_PROTOCOL_FEATURES, sizeof(link->features)),
			&link->features, sizeof(link->features));
		link->state = LINK_READY;
		return true;
	default:
		return put_question(link) || link->next(link->data);
	}
}

/* Whether there is more to be sent. */
static bool write_messages(struct console_link *link)
{
	for (int i = 0; i < MESSAGES_AT_ONCE; i++) {
		if (link->out_sent == link->out_size) {
			link->out_sent = link->out_size = 0;
			if (!compose(link))
				return false;
		}
		const struct iovec iov = {.iov_base = link->out + link->out_sent,
			.iov_len = link->out_size - link->out_sent};
		ssize_t n =
			fd_send(link->socket, &iov, 1, &link->out_fd, link->out_fd >= 0 ? 1 : 0);
		if (n < 0) {
			if (n != -EAGAIN)
				console_link_close(link);
			return n == -EAGAIN;
		}
		fd_close(&link->out_fd);
		link->out_sent += (size_t)n;
	}
	return true;
}

static void wait_for(struct console_link *link, bool write)
{
	if (link->source)
		wl_event_source_fd_update(
			link->source, WL_EVENT_READABLE | (write ? WL_EVENT_WRITABLE : 0));
}

static int handle_socket(int fd, uint32_t mask, void *data)
{
	struct console_link *link = data;
	bool more = false;

	read_messages(link);
	if (link->socket >= 0)
		more = write_messages(link);
	wait_for(link, more);
	return 0;
}

void console_link_want(struct console_link *link)
{
	wait_for(link, true);
}

int console_link_open(struct console_link *link, int socket)
{
	console_link_close(link);
	link->lost = false;
	link->source = wl_event_loop_add_fd(
		link->loop, socket, WL_EVENT_READABLE | WL_EVENT_WRITABLE, handle_socket, link);
	if (!link->source) {
		fd_close(&socket);
		return -EINVAL;
	}
	link->socket = socket;
	return 0;
}
