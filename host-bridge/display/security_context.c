/* The client side of security-context-v1, in a process that has little else. */
#include "host-bridge/display/security_context.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "protocol/base/unix_socket.h"
#include "protocol/base/words.h"

#define LOG_MODULE "connector"
#include "protocol/base/log.h"

#define BACKLOG 128
#define MANAGER "wp_security_context_manager_v1"
#define RECEIVES_MAX 16 /* at a time; then who asks for connections is served */

/* Objects of our connection, in the order in which they are made: an id may not leave a gap. */
enum object {
	DISPLAY = WIRE_DISPLAY_ID,
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
}

void security_context_close(struct security_context *context)
{
	forget_compositor(context);
	if (context->listener >= 0)
		unlink(context->address.sun_path);
	fd_close(&context->listener);
}

/* --- requests --- */

static void add_sync(struct wire_requests *requests, enum object callback)
{
	wire_requests_add(requests, DISPLAY, 0, "n", (union wire_arg[]){{.id = callback}});
}

static int ask_for_globals(struct security_context *context)
{
	struct wire_requests requests = {0};

	wire_requests_add(&requests, DISPLAY, 1, "n", (union wire_arg[]){{.id = REGISTRY}});
	add_sync(&requests, GLOBALS_KNOWN);
	return wire_requests_send(&requests, context->fd, NULL, 0);
}

static int give_context(struct security_context *context)
{
	enum { DESTROY, CREATE_LISTENER };
	enum { SET_ENGINE = 1, SET_APP_ID, SET_INSTANCE_ID, COMMIT };
	const struct security_context_config *config = context->config;
	struct wire_requests requests = {0};
	const union wire_arg bind[] = {
		{.u = context->manager_name}, {.s = MANAGER}, {.u = 1}, {.id = CONTEXT_MANAGER}};
	/* create_listener(id, listen_fd, close_fd): fds are no bytes. */
	const union wire_arg id[] = {{.id = CONTEXT}};
	const union wire_arg engine[] = {{.s = SECURITY_CONTEXT_ENGINE}};
	const union wire_arg app[] = {{.s = config->app_id}};
	const union wire_arg instance[] = {{.s = config->instance_id}};
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	const int handed[] = {context->listener, ends[0]};
	context->close_fd = ends[1];
	wire_requests_add(&requests, REGISTRY, 0, "usun", bind);
	wire_requests_add(&requests, CONTEXT_MANAGER, CREATE_LISTENER, "n", id);
	wire_requests_add(&requests, CONTEXT, SET_ENGINE, "s", engine);
	wire_requests_add(&requests, CONTEXT, SET_APP_ID, "s", app);
	wire_requests_add(&requests, CONTEXT, SET_INSTANCE_ID, "s", instance);
	wire_requests_add(&requests, CONTEXT, COMMIT, "", NULL);
	wire_requests_add(&requests, CONTEXT, DESTROY, "", NULL);
	wire_requests_add(&requests, CONTEXT_MANAGER, DESTROY, "", NULL);
	add_sync(&requests, CONTEXT_KNOWN);
	int error = wire_requests_send(&requests, context->fd, handed, 2);
	fd_close(&ends[0]);
	return error;
}

/* --- events --- */

/* wl_registry.global(name, interface, version) */
static int handle_global(
	struct security_context *context, const struct wire_header *header, const uint8_t *body)
{
	union wire_arg args[WIRE_MAX_ARGS];
	int error = wire_event_args(header, body, "usu", args, NULL);

	if (error == 0 && strcmp(args[1].s, MANAGER) == 0)
		context->manager_name = args[0].u;
	return error;
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
static int handle_event(void *data, const struct wire_header *header, const uint8_t *body)
{
	struct security_context *context = data;

	if (header->id == DISPLAY && header->opcode == 0)
		return -EPROTO;
	if (header->id == REGISTRY && header->opcode == 0)
		return handle_global(context, header, body);
	if (header->id == GLOBALS_KNOWN && context->state == CONTEXT_ASKED)
		return handle_globals_known(context);
	if (header->id == CONTEXT_KNOWN && context->state == CONTEXT_GIVEN)
		context->state = CONTEXT_IN_EFFECT;
	return 0;
}

void security_context_handle(struct security_context *context)
{
	int error = 0;

	for (int i = 0; i < RECEIVES_MAX && error == 0; i++)
		error = wire_events_receive(&context->events, context->fd);
	if (error == 0 || error == -EAGAIN)
		return;
	bool refused = context->state == CONTEXT_GIVEN && error == -EPROTO;
	forget_compositor(context);
	if (refused)
		context->state = CONTEXT_REFUSED;
}

/* --- connections --- */

/* Takes @fd, a new connection to the compositor. */
static void take_connection(struct security_context *context, int fd)
{
	context->fd = fd;
	context->events =
		(struct wire_events){.handle = handle_event, .data = context, .pass_over = true};
}

/* Begins to ask the compositor at @fd (taken). */
static int begin(struct security_context *context, int fd)
{
	take_connection(context, fd);
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
	take_connection(context, fd);
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
		return unix_connect(context->address.sun_path, SOCK_STREAM | SOCK_NONBLOCK);
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
