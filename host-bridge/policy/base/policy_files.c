/* Policy: files that the compositor hands out. */
#include "host-bridge/policy/base/policy_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <wayland-server-protocol.h>

#include "protocol/base/fd.h"

#define LOG_MODULE "policy"

/* Whether the contents of @fd can be read, at once and in full. */
static bool is_readable_file(int fd)
{
	struct stat status;
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) != O_WRONLY && fstat(fd, &status) == 0 &&
		S_ISREG(status.st_mode);
}

enum relay_verdict policy_file_event(struct relay_message *message)
{
	struct policy_connection *connection = relay_data(message->relay);

	for (size_t i = 0; i < message->signature->n_args; i++) {
		if (message->signature->args[i].type != 'h' ||
			is_readable_file(message->args[i].handle.fd))
			continue;
		log_limited(LOG_LEVEL_WARN,
			"%s: the fd of %s.%s is no file to read; the guest gets an empty one",
			connection->name, message->object->interface->wl->name,
			message->description->name);
		int empty = fd_memfd_constant("wayferry-empty", "", 0);
		if (empty < 0)
			return relay_fail(message->relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
				"the host is out of file descriptors");
		wire_handle_finish(&message->args[i].handle);
		message->args[i].handle = wire_handle_fd(empty);
	}
	return RELAY_FORWARD;
}
