/* The service manager that started this process: the socket it passed, and what it is told. */
#include "protocol/program/service.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#include "protocol/base/unix_socket.h"

#define LOG_MODULE "service"
#include "protocol/base/log.h"

#define FIRST_FD 3
#define MESSAGE_BYTES 512
#define JOURNAL_PRIORITY 6 /* LOG_INFO of syslog(3) */

/* A datagram socket connected to @path ("@NAME": an abstract one), or -errno. */
static int connect_datagrams(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);

	if (path[0] != '/' && path[0] != '@')
		return -EAFNOSUPPORT;
	if (length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = 0;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, size) < 0) {
		int error = errno;
		fd_close(&fd);
		return -error;
	}
	return fd;
}

void service_open(struct service *service)
{
	const char *path = getenv("NOTIFY_SOCKET");

	*service = (struct service){.notify_fd = -1};
	if (!path || !path[0])
		return;
	int fd = connect_datagrams(path);
	if (fd < 0)
		log_warn("cannot reach the service manager at %s: %s", path, strerror(-fd));
	else
		service->notify_fd = fd;
	unsetenv("NOTIFY_SOCKET");
}

void service_close(struct service *service)
{
	event_source_remove(&service->watchdog);
	fd_close(&service->notify_fd);
}

void service_notify(const struct service *service, const char *format, ...)
{
	char message[MESSAGE_BYTES];
	va_list args;

	if (service->notify_fd < 0)
		return;
	va_start(args, format);
	int length = vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (length < 0)
		return;
	if ((size_t)length >= sizeof(message))
		length = sizeof(message) - 1;
	if (send(service->notify_fd, message, (size_t)length, MSG_NOSIGNAL) < 0)
		log_warn("cannot tell the service manager how we are: %s", strerror(errno));
}

/* The watchdog interval, if the manager has set one for this process; 0: it has not. */
static int watchdog_interval_ms(void)
{
	const char *pid = getenv("WATCHDOG_PID"), *text = getenv("WATCHDOG_USEC");
	long long us = text ? strtoll(text, NULL, 10) : 0;

	if (us < 2000 || us / 1000 > INT_MAX || (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	return (int)(us / 1000);
}

static int handle_watchdog(void *data)
{
	struct service *service = data;

	service_notify(service, "WATCHDOG=1");
	return wl_event_source_timer_update(service->watchdog, service->watchdog_ms);
}

bool service_watch(struct service *service, struct wl_event_loop *loop)
{
	service->watchdog_ms = watchdog_interval_ms() / 2;
	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	if (service->watchdog_ms == 0 || service->notify_fd < 0)
		return true;
	service->watchdog = wl_event_loop_add_timer(loop, handle_watchdog, service);
	return service->watchdog && handle_watchdog(service) == 0;
}

static bool is_unix_stream(int fd)
{
	int domain = 0, type = 0;
	socklen_t size = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

bool service_socket_listens(int fd)
{
	int listening = 0;
	socklen_t size = sizeof(int);

	return is_unix_stream(fd) &&
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening;
}

bool service_socket_connected(int fd)
{
	struct sockaddr_un peer;
	socklen_t size = sizeof(peer);

	return is_unix_stream(fd) && getpeername(fd, (struct sockaddr *)&peer, &size) == 0;
}

/* A stream to the journal (sd_journal_stream_fd(3)), or -errno. */
static int open_journal(const char *identifier)
{
	char header[128];
	/* Identifier, unit, priority, whether lines have prefixes, and where else they go. */
	int length = snprintf(
		header, sizeof(header), "%s\n\n%d\n0\n0\n0\n0\n", identifier, JOURNAL_PRIORITY);
	int fd = unix_connect("/run/systemd/journal/stdout", SOCK_STREAM);

	if (fd < 0)
		return fd;
	if (write(fd, header, (size_t)length) != length) {
		int error = errno;
		fd_close(&fd);
		return -error;
	}
	shutdown(fd, SHUT_RD);
	return fd;
}

void service_stderr_to_journal(const char *identifier)
{
	struct stat null, status;

	if (stat("/dev/null", &null) < 0 || fstat(STDERR_FILENO, &status) < 0 ||
		!S_ISCHR(status.st_mode) || status.st_rdev != null.st_rdev)
		return;
	int fd = open_journal(identifier);
	if (fd < 0)
		return;
	dup2(fd, STDERR_FILENO);
	close(fd);
}

/* How many fds the manager passed, if it passed them to this process. */
static int count_passed(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	long n = fds ? strtol(fds, NULL, 10) : 0;

	if (!pid || strtol(pid, NULL, 10) != (long)getpid() || n < 1 || n > INT_MAX - FIRST_FD)
		return 0;
	return (int)n;
}

int service_listen_fds(int *fds, int most)
{
	int n = count_passed();

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (n == 0)
		return -ENOENT;
	if (n > most) {
		log_warn("the service manager passed %d sockets; only %d can be used", n, most);
		close_range((unsigned)(FIRST_FD + most), (unsigned)(FIRST_FD + n - 1), 0);
		n = most;
	}
	for (int i = 0; i < n; i++) {
		fds[i] = FIRST_FD + i;
		if (!service_socket_listens(fds[i])) {
			log_err("what the service manager passed (fd %d) is no Unix socket that "
				"listens",
				fds[i]);
			return -ENOTSOCK;
		}
		fcntl(fds[i], F_SETFD, FD_CLOEXEC);
	}
	return n;
}

int service_listen_fd(void)
{
	int fd, n = service_listen_fds(&fd, 1);

	return n < 0 ? n : fd;
}
