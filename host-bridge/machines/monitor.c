/* QEMU's monitor (QMP): at its own socket, or by way of virsh. */
#include "host-bridge/machines/monitor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host-bridge/machines/reply.h"
#include "protocol/base/fd.h"
#include "protocol/base/unix_socket.h"

#define COMMAND_BYTES 4096

/* The next line that is no event. False: the monitor has ended. */
static bool read_reply(struct monitor *monitor)
{
	do {
		if (!fgets(monitor->reply, MONITOR_REPLY_BYTES, monitor->stream))
			return false;
	} while (!strchr(monitor->reply, '\n') || reply_has(monitor->reply, "event"));
	return true;
}

bool monitor_open(struct monitor *monitor, const struct libvirt_machine *machine, const char *path)
{
	*monitor = (struct monitor){.machine = machine, .reply = malloc(MONITOR_REPLY_BYTES)};
	if (!monitor->reply || !path)
		return monitor->reply;
	int fd = unix_connect(path, SOCK_STREAM);
	monitor->stream = fd < 0 ? NULL : fdopen(fd, "r+");
	if (!monitor->stream) {
		fprintf(stderr, "wayferry-host: the monitor at %s: %s\n", path,
			strerror(fd < 0 ? -fd : errno));
		fd_close(&fd);
		return false;
	}
	/* The greeting comes first. */
	return read_reply(monitor) &&
		monitor_execute(monitor, "{\"execute\": \"qmp_capabilities\"}") == 0;
}

void monitor_close(struct monitor *monitor)
{
	if (monitor->stream)
		fclose(monitor->stream);
	free(monitor->reply);
}

static int ask_virsh(struct monitor *monitor, const char *command)
{
	const char *const words[] = {"virsh", "-q", "-c", libvirt_uri(monitor->machine),
		"qemu-monitor-command", monitor->machine->name, command, NULL};

	return libvirt_run(words, monitor->reply, MONITOR_REPLY_BYTES) == 0 ? 0 : -EIO;
}

static int ask_socket(struct monitor *monitor, const char *command)
{
	/* The stream is read and written in turn; a socket has no position that could be lost. */
	int fd = fileno(monitor->stream);
	size_t length = strlen(command);

	if (send(fd, command, length, MSG_NOSIGNAL) == (ssize_t)length &&
		send(fd, "\n", 1, MSG_NOSIGNAL) == 1 && read_reply(monitor))
		return 0;
	fprintf(stderr, "wayferry-host: the monitor has hung up\n");
	return -ECONNRESET;
}

int monitor_execute(struct monitor *monitor, const char *format, ...)
{
	char command[COMMAND_BYTES];
	va_list args;

	va_start(args, format);
	int length = vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof(command))
		return -E2BIG;
	int error = monitor->stream ? ask_socket(monitor, command) : ask_virsh(monitor, command);
	if (error == 0 && reply_has(monitor->reply, "error"))
		error = -EREMOTEIO;
	return error;
}
