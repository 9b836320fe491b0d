/* Which GPU a compositor draws with: a few requests, on a connection of their own. */
#include "host-bridge/display/main_device.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/wire/wire.h"

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
	uint8_t input[WIRE_MAX_MESSAGE_BYTES];
	size_t input_bytes;
};

static int say(const struct question *question, uint32_t object, uint16_t opcode,
	const char *letters, const union wire_arg *args)
{
	struct wire_signature signature;
	uint8_t bytes[64];

	wire_signature_parse(letters, &signature);
	ssize_t size = wire_encode(&signature, object, opcode, args, bytes, sizeof(bytes));
	const struct iovec iov = {.iov_base = bytes, .iov_len = (size_t)size};
	ssize_t n = size < 0 ? size : fd_send(question->fd, &iov, 1, NULL, 0);
	return n < 0 ? (int)n : n == size ? 0 : -EAGAIN; /* its buffer has room for so little */
}

static int sync_with(const struct question *question, enum object callback)
{
	return say(question, DISPLAY, SYNC, "n", (union wire_arg[]){{.id = callback}});
}

static int ask_for_globals(const struct question *question)
{
	int error = say(question, DISPLAY, GET_REGISTRY, "n", (union wire_arg[]){{.id = REGISTRY}});
	return error < 0 ? error : sync_with(question, GLOBALS_KNOWN);
}

static int ask_for_feedback(const struct question *question)
{
	const union wire_arg bind[] = {
		{.u = question->name}, {.s = LINUX_DMABUF}, {.u = FEEDBACK_SINCE}, {.id = DMABUF}};
	int error = say(question, REGISTRY, BIND, "usun", bind);
	if (error == 0)
		error = say(question, DMABUF, GET_DEFAULT_FEEDBACK, "n",
			(union wire_arg[]){{.id = FEEDBACK}});
	return error < 0 ? error : sync_with(question, FEEDBACK_KNOWN);
}

static int handle_globals_known(struct question *question)
{
	question->over = question->name == 0;
	return question->over ? 0 : ask_for_feedback(question);
}

static int decode(const struct wire_header *header, const uint8_t *body, const char *letters,
	union wire_arg args[WIRE_MAX_ARGS])
{
	struct wire_signature signature;
	const char *why;

	wire_signature_parse(letters, &signature);
	return wire_decode(&signature, body, header->size - WIRE_HEADER_BYTES, NULL, args, &why);
}

/* wl_registry.global(name, interface, version) */
static int handle_global(
	struct question *question, const struct wire_header *header, const uint8_t *body)
{
	union wire_arg args[WIRE_MAX_ARGS];
	int error = decode(header, body, "usu", args);

	if (error == 0 && strcmp(args[1].s, LINUX_DMABUF) == 0 && args[2].u >= FEEDBACK_SINCE)
		question->name = args[0].u;
	return error;
}

/* zwp_linux_dmabuf_feedback_v1.main_device(device) */
static int handle_main_device(
	struct question *question, const struct wire_header *header, const uint8_t *body)
{
	union wire_arg args[WIRE_MAX_ARGS];
	int error = decode(header, body, "a", args);

	if (error < 0 || args[0].array.size != sizeof(question->device))
		return -EPROTO;
	memcpy(&question->device, args[0].array.data, sizeof(question->device));
	question->told = question->over = true;
	return 0;
}

static int handle_event(
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

static int handle_input(struct question *question)
{
	size_t at = 0;
	int error = 0;

	while (error == 0 && !question->over && question->input_bytes - at >= WIRE_HEADER_BYTES) {
		struct wire_header header;
		error = wire_header_decode(question->input + at, &header);
		if (error < 0 || header.size > question->input_bytes - at)
			break;
		error = handle_event(question, &header, question->input + at + WIRE_HEADER_BYTES);
		at += header.size;
	}
	question->input_bytes -= at;
	memmove(question->input, question->input + at, question->input_bytes);
	return error;
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

/* What comes along (a table of formats) is closed. 0 or -errno. */
static int receive(struct question *question)
{
	int error = wait_for_input(question);

	if (error < 0)
		return error;
	ssize_t n = fd_recv_bytes(question->fd, question->input + question->input_bytes,
		sizeof(question->input) - question->input_bytes);
	if (n <= 0)
		return n == 0 ? -EPIPE : n == -EAGAIN ? 0 : (int)n;
	question->input_bytes += (size_t)n;
	return handle_input(question);
}

int main_device_ask(int fd, dev_t *device, const struct main_device_wait *wait)
{
	struct question question = {.fd = fd, .wait = wait};
	int error = ask_for_globals(&question);

	while (error == 0 && !question.over)
		error = receive(&question);
	*device = question.device;
	return error < 0 ? error : question.told ? 0 : -EOPNOTSUPP;
}
