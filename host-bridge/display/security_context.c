/* The client side of security-context-v1, in a process that has little else. */
#include "host-bridge/display/security_context.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/base/words.h"

#define LOG_MODULE "connector"
#include "protocol/base/log.h"

#define BACKLOG 128
#define MANAGER "wp_security_context_manager_v1"
#define RECEIVES_MAX 16 /* at a time; then who asks for connections is served */

/* Objects of our connection, in the order in which they are made: an id may not leave a gap. */
enum object {
	DISPLAY = 1,
	REGISTRY,
	GLOBALS_KNOWN, /* a callback of wl_display.sync, as is CONTEXT_KNOWN */
	CONTEXT_MANAGER,
	CONTEXT,
	CONTEXT_KNOWN,
};

bool security_context_mode_from_name(const char *name, enum security_context_mode *mode)
{
	static const char *const names[SECURITY_CONTEXT_N_MODES] = {"auto", "require", "off"};
	size_t found = word_find(name, names, SECURITY_CONTEXT_N_MODES);

	if (found == SECURITY_CONTEXT_N_MODES)
		return false;
	*mode = (enum security_context_mode)found;
	return true;
}

/* --- the socket --- */

static int make_listener(struct security_context *context)
{
	const char *directory = context->config->directory;
	struct sockaddr_un *address = &context->address;
	int length;

	if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		return -errno;
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	length = snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s.context", directory,
		context->config->instance_id);
	if ((size_t)length >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	context->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (context->listener < 0)
		return -errno;
	/* The name has our process id: one that is there is left of a process that is not. */
	unlink(address->sun_path);
	mode_t mask = umask(0177);
	int error = bind(context->listener, (const struct sockaddr *)address, sizeof(*address)) < 0
		? -errno
		: 0;
	umask(mask);
	if (error == 0 && listen(context->listener, BACKLOG) < 0)
		error = -errno;
	if (error < 0)
		fd_close(&context->listener);
	return error;
}

void security_context_open(
	struct security_context *context, const struct security_context_config *config)
{
	*context = (struct security_context){
		.config = config, .listener = -1, .fd = -1, .close_fd = -1};
	if (config->mode == SECURITY_CONTEXT_OFF)
		return;
	int error = make_listener(context);
	if (error < 0)
		log_warn("no security contexts of the compositor: a socket in %s: %s",
			config->directory[0] ? config->directory : "$XDG_RUNTIME_DIR/wayferry",
			strerror(-error));
}

/* Those that the compositor did not accept would wait for the next one. */
static void end_waiting(const struct security_context *context)
{
	int fd;

	while ((fd = accept4(context->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		fd_close(&fd);
}

static void forget_compositor(struct security_context *context)
{
	fd_close(&context->fd);
	fd_close(&context->close_fd);
	if (context->listener >= 0)
		end_waiting(context);
	context->state = CONTEXT_NO_COMPOSITOR;
	context->manager_name = 0;
	context->input_bytes = context->skip_bytes = 0;
}

void security_context_close(struct security_context *context)
{
	forget_compositor(context);
	if (context->listener >= 0)
		unlink(context->address.sun_path);
	fd_close(&context->listener);
}

/* --- requests --- */

struct requests {
	uint8_t bytes[1024];
	size_t size;
};

static void add_u32(struct requests *requests, uint32_t value)
{
	store_u32(&requests->bytes[requests->size], value);
	requests->size += sizeof(value);
}

static void add_request(
	struct requests *requests, enum object object, uint32_t opcode, uint32_t args_bytes)
{
	add_u32(requests, object);
	add_u32(requests, (8 + args_bytes) << 16 | opcode);
}

/* Wayland's form: the length with its NUL, then as many words as that needs. */
static uint32_t string_bytes(const char *text)
{
	return (uint32_t)(4 + align_up(strlen(text) + 1, 4));
}

static void add_string(struct requests *requests, const char *text)
{
	size_t length = strlen(text) + 1;

	add_u32(requests, (uint32_t)length);
	memset(&requests->bytes[requests->size], 0, align_up(length, 4));
	memcpy(&requests->bytes[requests->size], text, length);
	requests->size += align_up(length, 4);
}

static void add_text_request(struct requests *requests, uint32_t opcode, const char *text)
{
	add_request(requests, CONTEXT, opcode, string_bytes(text));
	add_string(requests, text);
}

static void add_sync(struct requests *requests, enum object callback)
{
	add_request(requests, DISPLAY, 0, 4);
	add_u32(requests, callback);
}

/* On a connection whose buffer is empty. 0 or -errno. */
static int send_requests(int fd, const struct requests *requests, const int *fds, size_t n_fds)
{
	const struct iovec iov = {
		.iov_base = (void *)(uintptr_t)requests->bytes, .iov_len = requests->size};
	ssize_t n = fd_send(fd, &iov, 1, fds, n_fds);

	return n < 0 ? (int)n : (size_t)n == requests->size ? 0 : -EAGAIN;
}

static int ask_for_globals(struct security_context *context)
{
	struct requests requests = {0};

	add_request(&requests, DISPLAY, 1, 4);
	add_u32(&requests, REGISTRY);
	add_sync(&requests, GLOBALS_KNOWN);
	return send_requests(context->fd, &requests, NULL, 0);
}

static int give_context(struct security_context *context)
{
	enum { DESTROY, CREATE_LISTENER };
	enum { SET_ENGINE = 1, SET_APP_ID, SET_INSTANCE_ID, COMMIT };
	const struct security_context_config *config = context->config;
	struct requests requests = {0};
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	const int handed[] = {context->listener, ends[0]};
	context->close_fd = ends[1];
	add_request(&requests, REGISTRY, 0, 4 + string_bytes(MANAGER) + 8);
	add_u32(&requests, context->manager_name);
	add_string(&requests, MANAGER);
	add_u32(&requests, 1);
	add_u32(&requests, CONTEXT_MANAGER);
	add_request(&requests, CONTEXT_MANAGER, CREATE_LISTENER, 4);
	add_u32(&requests, CONTEXT);
	add_text_request(&requests, SET_ENGINE, SECURITY_CONTEXT_ENGINE);
	add_text_request(&requests, SET_APP_ID, config->app_id);
	add_text_request(&requests, SET_INSTANCE_ID, config->instance_id);
	add_request(&requests, CONTEXT, COMMIT, 0);
	add_request(&requests, CONTEXT, DESTROY, 0);
	add_request(&requests, CONTEXT_MANAGER, DESTROY, 0);
	add_sync(&requests, CONTEXT_KNOWN);
	int error = send_requests(context->fd, &requests, handed, 2);
	fd_close(&ends[0]);
	return error;
}

/* --- events --- */

/* wl_registry.global(name, interface, version) */
static void handle_global(struct security_context *context, const uint8_t *args, size_t size)
{
	const size_t length = sizeof(MANAGER);

	if (size >= 8 + length && load_u32(args + 4) == length &&
		memcmp(args + 8, MANAGER, length) == 0)
		context->manager_name = load_u32(args);
}

static int handle_globals_known(struct security_context *context)
{
	if (context->manager_name == 0) {
		context->state = CONTEXT_MISSING;
		return 0;
	}
	context->state = CONTEXT_GIVEN;
	return give_context(context);
}

/* 0, or -errno: the connection is of no use any more. */
static int handle_event(struct security_context *context, uint32_t object, uint32_t opcode,
	const uint8_t *args, size_t size)
{
	if (object == DISPLAY && opcode == 0)
		return -EPROTO;
	if (object == REGISTRY && opcode == 0)
		handle_global(context, args, size);
	else if (object == GLOBALS_KNOWN && context->state == CONTEXT_ASKED)
		return handle_globals_known(context);
	else if (object == CONTEXT_KNOWN && context->state == CONTEXT_GIVEN)
		context->state = CONTEXT_IN_EFFECT;
	return 0;
}

/* Handles the whole messages that have come; those that are longer than any of use are skipped. */
static int handle_input(struct security_context *context)
{
	size_t at = 0;
	int error = 0;

	while (error == 0 && context->input_bytes - at >= 8) {
		const uint8_t *message = &context->input[at];
		const uint32_t word = load_u32(message + 4), size = word >> 16;
		if (size < 8)
			return -EPROTO;
		if (size > context->input_bytes - at) {
			if (size <= sizeof(context->input))
				break;
			context->skip_bytes = size - (context->input_bytes - at);
			at = context->input_bytes;
			break;
		}
		error = handle_event(
			context, load_u32(message), word & 0xffff, message + 8, size - 8);
		at += size;
	}
	context->input_bytes -= at;
	memmove(context->input, &context->input[at], context->input_bytes);
	return error;
}

/* One recvmsg; nothing that has fds is for us. 0, -EAGAIN, or -errno: it is over. */
static int receive(struct security_context *context)
{
	ssize_t n = fd_recv_bytes(context->fd, &context->input[context->input_bytes],
		sizeof(context->input) - context->input_bytes);

	if (n <= 0)
		return n < 0 ? (int)n : -EPIPE;
	size_t skipped = (size_t)min_u64((uint64_t)n, context->skip_bytes);
	if (skipped > 0) /* input is empty then */
		memmove(context->input, &context->input[skipped], (size_t)n - skipped);
	context->skip_bytes -= skipped;
	context->input_bytes += (size_t)n - skipped;
	return handle_input(context);
}

void security_context_handle(struct security_context *context)
{
	int error = 0;

	for (int i = 0; i < RECEIVES_MAX && error == 0; i++)
		error = receive(context);
	if (error == 0 || error == -EAGAIN)
		return;
	bool refused = context->state == CONTEXT_GIVEN && error == -EPROTO;
	forget_compositor(context);
	if (refused)
		context->state = CONTEXT_REFUSED;
}

/* --- connections --- */

static int connect_in_context(const struct security_context *context)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 &&
		connect(fd, (const struct sockaddr *)&context->address, sizeof(context->address)) ==
			0)
		return fd;
	int error = -errno;
	fd_close(&fd);
	return error;
}

/* Begins to ask the compositor at @fd (taken). */
static int begin(struct security_context *context, int fd)
{
	context->fd = fd;
	context->state = CONTEXT_ASKED;
	if (ask_for_globals(context) < 0)
		forget_compositor(context);
	return -EAGAIN;
}

/*
 * Has a connection to the compositor that has refused us tell when it is gone: the next one may not
 * refuse. 0 or -errno.
 */
static int watch(struct security_context *context, const struct display_search *search,
	struct sockaddr_un *taken, uid_t uid, pid_t not_pid)
{
	if (context->state != CONTEXT_REFUSED || context->fd >= 0)
		return 0;
	int fd = display_search_connect(search, taken, uid, not_pid);
	if (fd < 0)
		return fd;
	context->fd = fd;
	return 0;
}

int security_context_connect(struct security_context *context, const struct display_search *search,
	struct sockaddr_un *taken, uid_t uid, pid_t not_pid)
{
	const bool required = context->config->mode == SECURITY_CONTEXT_REQUIRE;
	int fd = context->state == CONTEXT_NO_COMPOSITOR ? -1 : display_search_named(search, taken);

	if (fd >= 0) { /* the one that was found meanwhile is not the one that is meant */
		forget_compositor(context);
		if (context->listener >= 0)
			return begin(context, fd);
		fd_close(&fd);
	}
	/* What has come since tells whether the compositor is still the same. */
	if (context->fd >= 0)
		security_context_handle(context);
	if (context->state == CONTEXT_ASKED || context->state == CONTEXT_GIVEN)
		return -EAGAIN;
	if (context->state == CONTEXT_IN_EFFECT)
		return connect_in_context(context);
	if (required && (context->state == CONTEXT_MISSING || context->listener < 0))
		return -EPROTONOSUPPORT;
	fd = watch(context, search, taken, uid, not_pid);
	if (fd == 0)
		fd = display_search_connect(search, taken, uid, not_pid);
	if (fd < 0) {
		if (fd != -EAGAIN && context->fd < 0) /* the next one may not refuse */
			context->state = CONTEXT_NO_COMPOSITOR;
		return fd;
	}
	if (context->listener >= 0 && context->state == CONTEXT_NO_COMPOSITOR)
		return begin(context, fd);
	if (!required)
		return fd;
	fd_close(&fd);
	return -EPROTONOSUPPORT;
}
