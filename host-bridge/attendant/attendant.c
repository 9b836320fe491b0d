/* A process that keeps the rights which wayferry-host gives up: our side of it. */
#include "host-bridge/attendant/attendant.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host-bridge/attendant/attendant_process.h"
#include "host-bridge/attendant/attendant_protocol.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define LOG_MODULE "attendant"

struct attendant {
	int socket; /* -1: the process has left */
	struct wl_event_source *source;
	uint32_t last_serial;
	struct {
		uint32_t serial;
		attendant_answer *answer; /* NULL: none is open */
		void *data;
	} question;
	struct {
		uint32_t serial;
		attendant_file *opened; /* NULL: nobody waits for it */
		void *data;
	} file;
	char display[sizeof(((struct attendant_request *)0)->display)];
};

static void give_answer(struct attendant *attendant, int status)
{
	attendant_answer *answer = attendant->question.answer;

	attendant->question.answer = NULL;
	if (answer)
		answer(attendant->question.data, status);
}

static void give_file(struct attendant *attendant, int fd, int which)
{
	attendant_file *opened = attendant->file.opened;

	attendant->file.opened = NULL;
	if (opened)
		opened(attendant->file.data, fd, which > 0 ? (size_t)which : 0);
}

static void lose(struct attendant *attendant)
{
	event_source_remove(&attendant->source);
	fd_close(&attendant->socket);
}

static int handle_reply(int fd, uint32_t mask, void *data)
{
	struct attendant *attendant = data;
	struct attendant_reply reply;
	int file;
	ssize_t n = fd_recv_one(fd, &reply, sizeof(reply), &file);

	if (n == -EAGAIN)
		return 0;
	if (n != (ssize_t)sizeof(reply)) {
		log_err("the attendant has ended: nobody is asked, and no file is read any more");
		lose(attendant);
		give_answer(attendant, -EPIPE);
		give_file(attendant, -EPIPE, 0);
	} else if (attendant->question.answer && reply.serial == attendant->question.serial) {
		give_answer(attendant, reply.status);
	} else if (attendant->file.opened && reply.serial == attendant->file.serial) {
		int none = reply.status < 0 ? reply.status : -EPROTO;
		give_file(attendant, file >= 0 ? file : none, reply.status);
		file = -1;
	}
	fd_close(&file);
	return 0;
}

struct attendant *attendant_start(struct wl_event_loop *loop, const struct attendant_config *config)
{
	struct attendant *attendant = calloc(1, sizeof(*attendant));
	int sockets[2];

	if (!attendant ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets) <
			0) {
		log_err("no attendant: %s", strerror(errno));
		free(attendant);
		return NULL;
	}
	attendant->socket = sockets[0];
	pid_t pid = fork();
	if (pid == 0)
		attendant_run(sockets[1], config);
	int error = errno;
	fd_close(&sockets[1]);
	if (pid > 0)
		attendant->source = wl_event_loop_add_fd(
			loop, attendant->socket, WL_EVENT_READABLE, handle_reply, attendant);
	if (attendant->source)
		return attendant;
	log_err("no attendant: %s", strerror(error));
	attendant_finish(attendant);
	return NULL;
}

void attendant_finish(struct attendant *attendant)
{
	if (attendant)
		lose(attendant);
	free(attendant);
}

/* 0 or -errno. */
static int request(struct attendant *attendant, enum attendant_request_type type,
	const struct question *question)
{
	struct attendant_request message = {.type = type, .serial = ++attendant->last_serial};
	const struct iovec iov = {.iov_base = &message, .iov_len = sizeof(message)};

	if (question)
		message.question = *question;
	memcpy(message.display, attendant->display, sizeof(message.display));
	ssize_t n = fd_send(attendant->socket, &iov, 1, NULL, 0);
	return n < 0 ? (int)n : 0;
}

int attendant_ask(struct attendant *attendant, const struct question *question,
	attendant_answer *answer, void *data)
{
	if (!attendant || attendant->socket < 0)
		return -ESRCH;
	if (attendant->question.answer)
		return -EBUSY;
	int error = request(attendant, ATTENDANT_ASK, question);
	if (error < 0)
		return error;
	attendant->question.serial = attendant->last_serial;
	attendant->question.answer = answer;
	attendant->question.data = data;
	return 0;
}

void attendant_withdraw(struct attendant *attendant)
{
	if (!attendant || !attendant->question.answer)
		return;
	attendant->question.answer = NULL;
	if (attendant->socket >= 0)
		request(attendant, ATTENDANT_WITHDRAW, NULL);
}

int attendant_open_config(struct attendant *attendant, attendant_file *opened, void *data)
{
	if (!attendant || attendant->socket < 0)
		return -ESRCH;
	int error = request(attendant, ATTENDANT_OPEN, NULL);
	if (error < 0)
		return error;
	attendant->file.serial = attendant->last_serial;
	attendant->file.opened = opened;
	attendant->file.data = data;
	return 0;
}

void attendant_note_display(struct attendant *attendant, const char *path)
{
	if (attendant)
		snprintf(attendant->display, sizeof(attendant->display), "%s", path);
}
