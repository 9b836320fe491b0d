/* The library's server for Vulkan, a program of its own that a worker starts. */
#include "host-bridge/render/worker/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host-bridge/render/worker/sandbox.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "renderer"
#include "protocol/base/log.h"

static void become_server(int program, char *const *environment, int socket)
	__attribute__((noreturn));
static void become_server(int program, char *const *environment, int socket)
{
	char number[16];
	char *const arguments[] = {"virgl_render_server", "--socket-fd", number, NULL};

	snprintf(number, sizeof(number), "%d", dup(socket)); /* without close-on-exec */
	syscall(SYS_execveat, program, "", arguments, environment, AT_EMPTY_PATH);
	log_err("the server for Vulkan: %s", strerror(errno));
	_exit(127);
}

int server_start(void)
{
	char *const *environment;
	int sockets[2], program = sandbox_server(&environment);

	if (program < 0) {
		log_err("there is no virgl_render_server, which Vulkan needs");
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
		log_err("no socket: %s", strerror(errno));
		return -1;
	}
	pid_t pid = fork();
	if (pid == 0)
		become_server(program, environment, sockets[1]);
	fd_close(&sockets[1]);
	if (pid < 0) {
		log_err("no process: %s", strerror(errno));
		fd_close(&sockets[0]);
	}
	return sockets[0];
}
