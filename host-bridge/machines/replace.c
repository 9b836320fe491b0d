/*
 * `wayferry-host replace`: gives a running machine a new device in place of one that has died.
 *
 * What the device, its chardev and its port are called and where the socket is, the monitor tells.
 */
#include "host-bridge/machines/replace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>

#include "host-bridge/machines/monitor.h"
#include "host-bridge/machines/reply.h"
#include "protocol/base/fd.h"
#include "protocol/base/unix_socket.h"

#define NAME_BYTES 128
#define OBJECT_BYTES 4096
#define COMMAND_BYTES 1024 /* the monitor takes longer ones */
#define RETRY_NS 100000000
#define PATIENCE 50 /* tries, until the user is told what is waited for */

struct device {
	char id[NAME_BYTES], chardev[NAME_BYTES], bus[NAME_BYTES];
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static int complain(const struct monitor *monitor, int error, const char *what)
{
	char why[512];

	if (error == -EREMOTEIO && reply_string(monitor->reply, "desc", why, sizeof(why)))
		fprintf(stderr, "wayferry-host: %s: %s\n", what, why);
	else if (error == -EREMOTEIO)
		fprintf(stderr, "wayferry-host: %s: %s\n", what, monitor->reply);
	return error;
}

/* What goes into a command as it is. */
static bool plain(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || strchr("\"\\?", *text))
			return false;
	}
	return true;
}

/* The only device of our kind. */
static int find_device(struct monitor *monitor, struct device *device)
{
	char object[OBJECT_BYTES], type[NAME_BYTES];
	unsigned n = 0;
	int error = monitor_execute(monitor,
		"{\"execute\": \"qom-list\", \"arguments\": {\"path\": "
		"\"/machine/peripheral\"}}");
	if (error < 0)
		return complain(monitor, error, "the machine's devices");
	for (const char *at = monitor->reply; reply_next_object(&at, object, sizeof(object));) {
		if (!reply_string(object, "type", type, sizeof(type)) ||
			strcmp(type, "child<" MACHINE_DEVICE ">") != 0)
			continue;
		if (!reply_string(object, "name", device->id, sizeof(device->id)))
			return -EPROTO;
		n++;
	}
	if (n == 1 && plain(device->id))
		return 0;
	fprintf(stderr,
		"wayferry-host: the machine has %u devices of the type " MACHINE_DEVICE
		", which have ids; one is expected\n",
		n);
	return -ENODEV;
}

static int read_property(struct monitor *monitor, const struct device *device, const char *property,
	char *value, size_t size)
{
	int error = monitor_execute(monitor,
		"{\"execute\": \"qom-get\", \"arguments\": {\"path\": \"/machine/peripheral/%s\", "
		"\"property\": \"%s\"}}",
		device->id, property);

	if (error < 0)
		return complain(monitor, error, property);
	if (!reply_string(monitor->reply, "return", value, size) || !plain(value)) {
		fprintf(stderr, "wayferry-host: the device's %s is not what is expected: %s\n",
			property, monitor->reply);
		return -EPROTO;
	}
	return 0;
}

/* A chardev's "filename" is "unix:PATH", with "disconnected:" before and ",…" or " <-> …" behind.
 */
static bool take_path(const char *filename, char *path, size_t size)
{
	const char *unix_word = strstr(filename, "unix:");

	if (!unix_word)
		return false;
	const char *begin = unix_word + strlen("unix:");
	const char *arrow = strstr(begin, " <->");
	size_t length = strcspn(begin, ",");
	if (arrow && (size_t)(arrow - begin) < length)
		length = (size_t)(arrow - begin);
	if (begin[0] != '/' || length >= size)
		return false;
	memcpy(path, begin, length);
	path[length] = 0;
	return plain(path);
}

static int find_socket(struct monitor *monitor, struct device *device)
{
	char object[OBJECT_BYTES], label[NAME_BYTES], filename[OBJECT_BYTES];
	int error = monitor_execute(monitor, "{\"execute\": \"query-chardev\"}");

	if (error < 0)
		return complain(monitor, error, "the machine's sockets");
	for (const char *at = monitor->reply; reply_next_object(&at, object, sizeof(object));) {
		if (reply_string(object, "label", label, sizeof(label)) &&
			strcmp(label, device->chardev) == 0 &&
			reply_string(object, "filename", filename, sizeof(filename)) &&
			take_path(filename, device->path, sizeof(device->path)))
			return 0;
	}
	fprintf(stderr,
		"wayferry-host: %s is no socket with a path. Where libvirt starts wayferry-host "
		"the "
		"machine has to be started anew.\n",
		device->chardev);
	return -ENOENT;
}

static int look_at_device(struct monitor *monitor, struct device *device)
{
	char bus[NAME_BYTES];
	int error = find_device(monitor, device);

	if (error == 0)
		error = read_property(
			monitor, device, "chardev", device->chardev, sizeof(device->chardev));
	if (error == 0)
		error = read_property(monitor, device, "parent_bus", bus, sizeof(bus));
	if (error < 0)
		return error;
	/* A path of objects, of which the last one is the bus. */
	const char *slash = strrchr(bus, '/');
	strcpy(device->bus, slash ? slash + 1 : bus);
	return find_socket(monitor, device);
}

/* The old device is not taken away where the new one would have nobody to connect to. */
static int check_listens(const struct device *device)
{
	int fd = unix_connect(device->path, SOCK_STREAM);

	if (fd != -ENOENT && fd != -ECONNREFUSED) {
		fd_close(&fd);
		return 0;
	}
	fprintf(stderr, "wayferry-host: nothing listens at %s: start wayferry-host there first\n",
		device->path);
	return fd;
}

static bool says(const struct monitor *monitor, const char *what)
{
	char why[512];

	return reply_string(monitor->reply, "desc", why, sizeof(why)) && strstr(why, what);
}

/* The chardev can be removed once the guest has let go of the device. */
static int unplug(struct monitor *monitor, const struct device *device)
{
	const struct timespec pause = {.tv_nsec = RETRY_NS};
	int error = monitor_execute(monitor,
		"{\"execute\": \"device_del\", \"arguments\": {\"id\": \"%s\"}}", device->id);

	if (error < 0 && !(error == -EREMOTEIO && says(monitor, "process of unplug")))
		return complain(monitor, error, "taking the device away");
	for (unsigned tries = 1;; tries++) {
		error = monitor_execute(monitor,
			"{\"execute\": \"chardev-remove\", \"arguments\": {\"id\": \"%s\"}}",
			device->chardev);
		if (error != -EREMOTEIO || !says(monitor, "busy"))
			return error < 0 ? complain(monitor, error, "closing its socket") : 0;
		if (tries == PATIENCE)
			fprintf(stderr,
				"wayferry-host: waiting for the guest to let go of the device\n");
		nanosleep(&pause, NULL);
	}
}

/* What gives the machine the new device, as commands of its monitor. */
struct commands {
	char chardev[COMMAND_BYTES], device[COMMAND_BYTES];
};

/* 0 or -E2BIG. */
static int write_commands(const struct device *device, struct commands *commands)
{
	size_t chardev = (size_t)snprintf(commands->chardev, COMMAND_BYTES,
		"{\"execute\": \"chardev-add\", \"arguments\": {\"id\": \"%s\", \"backend\": "
		"{\"type\": \"socket\", \"data\": {\"server\": false, \"addr\": {\"type\": "
		"\"unix\", \"data\": {\"path\": \"%s\"}}}}}}",
		device->chardev, device->path);
	size_t added = (size_t)snprintf(commands->device, COMMAND_BYTES,
		"{\"execute\": \"device_add\", \"arguments\": {\"driver\": \"" MACHINE_DEVICE
		"\", \"id\": \"%s\", \"bus\": \"%s\", \"chardev\": \"%s\", \"virtio-id\": 16, "
		"\"num_vqs\": 2, \"vq_size\": 1024, \"config_size\": 16}}",
		device->id, device->bus, device->chardev);

	return chardev < COMMAND_BYTES && added < COMMAND_BYTES ? 0 : -E2BIG;
}

/*
 * Once the old device is away nobody but us knows what it was called: whoever interrupts us, or
 * finds us ended, can still give the machine its device.
 */
static void say_what_is_left(const struct commands *commands)
{
	fprintf(stderr,
		"wayferry-host: should this be interrupted, these commands of QEMU's monitor do "
		"the rest:\n%s\n%s\n",
		commands->chardev, commands->device);
}

static int plug(struct monitor *monitor, const struct commands *commands)
{
	int error = monitor_execute(monitor, "%s", commands->chardev);

	if (error < 0)
		return complain(monitor, error, "the socket of wayferry-host");
	error = monitor_execute(monitor, "%s", commands->device);
	return error < 0 ? complain(monitor, error, "the new device") : 0;
}

int replace_run(const struct libvirt_machine *machine, const char *qmp_path)
{
	struct device device = {0};
	struct commands commands;
	struct monitor monitor;
	int error = monitor_open(&monitor, machine, qmp_path) ? 0 : -EIO;

	if (error == 0)
		error = look_at_device(&monitor, &device);
	if (error == 0)
		error = check_listens(&device);
	if (error == 0)
		error = write_commands(&device, &commands);
	if (error == 0) {
		say_what_is_left(&commands);
		error = unplug(&monitor, &device);
	}
	if (error == 0)
		error = plug(&monitor, &commands);
	monitor_close(&monitor);
	if (error == 0)
		printf("%s has a new device at %s\n", machine->name, device.path);
	return error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
