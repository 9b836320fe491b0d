/*
 * The service manager that started this process, if one did: the listening socket that it passed,
 * and notifications to it (see sd_listen_fds(3) and sd_notify(3)).
 */
#ifndef PROTOCOL_PROGRAM_SERVICE_H
#define PROTOCOL_PROGRAM_SERVICE_H

#include <stdbool.h>
#include <wayland-server-core.h>

struct service {
	int notify_fd; /* connected, non-blocking; -1: no notifications are wanted */
	struct wl_event_source *watchdog;
	int watchdog_ms;
};

/*
 * Connects to the manager, if it wants notifications of this process. Removes $NOTIFY_SOCKET from
 * the environment, so that the programs we start do not use it. Call this before a sandbox is
 * entered. Without a manager, and (with a log line) when it cannot be reached, service_notify does
 * nothing.
 */
void service_open(struct service *service);
void service_close(struct service *service);

/*
 * Tells the manager "NAME=VALUE" lines, formatted as by printf. A manager that is gone or does not
 * read is not waited for.
 */
void service_notify(const struct service *service, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Where the manager has a watchdog (WatchdogSec= of the unit), tells it twice in each interval that
 * @loop is running; the manager ends a process that stops telling it. Call service_close before the
 * loop is destroyed. False when memory is short.
 */
bool service_watch(struct service *service, struct wl_event_loop *loop);

/* Whether @fd is a Unix stream socket that listens. */
bool service_socket_listens(int fd);

/* Whether @fd is a Unix stream socket that has a peer. */
bool service_socket_connected(int fd);

/*
 * Where standard error is /dev/null, as daemons leave it to those whom they start, it becomes a
 * stream to systemd's journal, if there is one: lines of @identifier.
 */
void service_stderr_to_journal(const char *identifier);

/*
 * The listening socket that the manager passed; the caller owns it. -ENOENT: it passed none to this
 * process. -ENOTSOCK: it passed something else. Of several the first is used, the others are
 * closed. Removes the variables from the environment, so it can be called once.
 */
int service_listen_fd(void);

/*
 * As service_listen_fd, for programs that take several: how many are in @fds, which has room for
 * @most; more are closed. The caller owns them.
 */
int service_listen_fds(int *fds, int most);

#endif
