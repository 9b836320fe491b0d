/* Which GPU a compositor draws with: a few requests, on a connection of their own. */
#include "host-bridge/display/main_device.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <wayland-server-protocol.h>

#include "protocol/wire/wire_talk.h"

#define LINUX_DMABUF "zwp_linux_dmabuf_v1"
#define FEEDBACK_SINCE 4
#define GET_DEFAULT_FEEDBACK 2 /* opcodes of requests */
#define BIND 0
#define GET_REGISTRY 1
#define SYNC 0
#define MAIN_DEVICE 2 /* of an event */

/* Objects of our connection, in the order in which they are made. */
enum object {
	DISPLAY = WIRE_DISPLAY_ID,
	REGISTRY,
	GLOBALS_KNOWN, /* a callback */
	DMABUF,
	FEEDBACK,
	FEEDBACK_KNOWN, /* a callback */
};

struct question {
	int fd;
	const struct main_device_wait *wait; /* NULL: for ever, in silence */
	unsigned silent_s;
	uint32_t name; /* of the global; 0: none of use */
	dev_t device;
	bool told; /* @device is known */
	bool over; /* there is no more to come */
	struct wire_events events;
};

static void add_sync(struct wire_requests *requests, enum object callback)
{
	wire_requests_add(requests, DISPLAY, SYNC, "n", (union wire_arg[]){{.id = callback}});
}

static int ask_for_globals(const struct question *question)
{
	struct wire_requests requests = {0};

	wire_requests_add(
		&requests, DISPLAY, GET_REGISTRY, "n", (union wire_arg[]){{.id = REGISTRY}});
	add_sync(&requests, GLOBALS_KNOWN);
	return wire_requests_send(&requests, question->fd, NULL, 0);
}

static int ask_for_feedback(const struct question *question)
{
	const union wire_arg bind[] = {
		{.u = question->name}, {.s = LINUX_DMABUF}, {.u = FEEDBACK_SINCE}, {.id = DMABUF}};
	struct wire_requests requests = {0};

	wire_requests_add(&requests, REGISTRY, BIND, "usun", bind);
	wire_requests_add(
		&requests, DMABUF, GET_DEFAULT_FEEDBACK, "n", (union wire_arg[]){{.id = FEEDBACK}});
	add_sync(&requests, FEEDBACK_KNOWN);
	return wire_requests_send(&requests, question->fd, NULL, 0);
}

static int handle_globals_known(struct question *question)
{
	question->over = question->name == 0;
	return question->over ? 0 : ask_for_feedback(question);
}

/* wl_registry.global(name, interface, version) */
static int handle_global(
	struct question *question, const struct wire_header *header, const uint8_t *body)
{
	union wire_arg args[WIRE_MAX_ARGS];
	int error = wire_event_args(header, body, "usu", args, NULL);

	if (error == 0 && strcmp(args[1].s, LINUX_DMABUF) == 0 && args[2].u >= FEEDBACK_SINCE)
		question->name = args[0].u;
	return error;
}

/* zwp_linux_dmabuf_feedback_v1.main_device(device) */
static int handle_main_device(
	struct question *question, const struct wire_header *header, const uint8_t *body)
{
	union wire_arg args[WIRE_MAX_ARGS];
	int error = wire_event_args(header, body, "a", args, NULL);

	if (error < 0 || args[0].array.size != sizeof(question->device))
		return -EPROTO;
	memcpy(&question->device, args[0].array.data, sizeof(question->device));
	question->told = question->over = true;
	return 0;
}

static int handle_known_event(
	struct question *question, const struct wire_header *header, const uint8_t *body)
{
	if (header->id == DISPLAY && header->opcode == WL_DISPLAY_ERROR)
		return -EPROTO;
	if (header->id == REGISTRY && header->opcode == WL_REGISTRY_GLOBAL)
		return handle_global(question, header, body);
	if (header->id == GLOBALS_KNOWN)
		return handle_globals_known(question);
	if (header->id == FEEDBACK && header->opcode == MAIN_DEVICE)
		return handle_main_device(question, header, body);
	question->over |= header->id == FEEDBACK_KNOWN;
	return 0;
}

static int handle_event(void *data, const struct wire_header *header, const uint8_t *body)
{
	struct question *question = data;
	int error = handle_known_event(question, header, body);

	return error < 0 ? error : question->over;
}

/* Until something comes. 0 or -errno. */
static int wait_for_input(struct question *question)
{
	const struct main_device_wait *wait = question->wait;
	struct pollfd events = {.fd = question->fd, .events = POLLIN};
	int n;

	while ((n = poll(&events, 1, wait ? MAIN_DEVICE_LOOK_S * 1000 : -1)) <= 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		question->silent_s += n == 0 ? MAIN_DEVICE_LOOK_S : 0;
		if (n == 0 && !wait->still(wait->data, question->silent_s))
			return -ETIMEDOUT;
	}
	question->silent_s = 0;
	return 0;
}

int main_device_ask(int fd, dev_t *device, const struct main_device_wait *wait)
{
	struct question question = {
		.fd = fd, .wait = wait, .events = {.handle = handle_event, .pass_over = true}};
	question.events.data = &question;
	int error = ask_for_globals(&question);

	while (error >= 0 && !question.over) {
		error = wait_for_input(&question);
		if (error == 0)
			error = wire_events_receive(&question.events, fd);
		if (error == -EAGAIN)
			error = 0;
	}
	*device = question.device;
	return error < 0 ? error : question.told ? 0 : -EOPNOTSUPP;
}
