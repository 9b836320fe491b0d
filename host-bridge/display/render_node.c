/* Which GPU: what --render-node may say, and the node in /dev/dri that it means. */
#include "host-bridge/display/render_node.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host-bridge/display/compositor_place.h"
#include "host-bridge/display/main_device.h"
#include "protocol/base/fd.h"
#define LOG_MODULE "render"
#include "protocol/base/log.h"

#define AUTO "auto"
#define NODES "/dev/dri/"
#define NODE "renderD"
#define ADDRESS_BYTES 32 /* of 0000:03:00.0 */

static const char *sys = "/sys";

void render_node_set_sys(const char *path)
{
	sys = path;
}

/* pci-0000:03:00.0 or pci-0000_03_00_0, as the kernel has it. */
static bool parse_pci(const char *name, char address[ADDRESS_BYTES])
{
	unsigned domain, bus, slot, function;
	int length = 0;

	if (sscanf(name, "pci-%8x%*1[:_]%2x%*1[:_]%2x%*1[._]%1x%n", &domain, &bus, &slot, &function,
		    &length) != 4 ||
		name[length])
		return false;
	snprintf(address, ADDRESS_BYTES, "%04x:%02x:%02x.%x", domain, bus, slot, function);
	return true;
}

bool render_node_good(const char *name)
{
	char address[ADDRESS_BYTES];
	return strcmp(name, AUTO) == 0 || strchr(name, '/') || parse_pci(name, address);
}

/* The one among a device's nodes, which the directory @drm has, that renders. */
static bool find_node(const char *drm, char path[PATH_MAX])
{
	DIR *directory = opendir(drm);
	const struct dirent *entry;
	bool found = false;

	while (directory && !found && (entry = readdir(directory))) {
		found = strncmp(entry->d_name, NODE, strlen(NODE)) == 0;
		if (found)
			snprintf(path, PATH_MAX, NODES "%s", entry->d_name);
	}
	if (directory)
		closedir(directory);
	return found;
}

/* The address of a node's device: the last part of what the link says. */
static void device_address(const char *node, char address[ADDRESS_BYTES])
{
	char link[PATH_MAX], target[PATH_MAX];

	snprintf(link, sizeof(link), "%s/class/drm/%s/device", sys, node);
	ssize_t n = readlink(link, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = 0;
	const char *last = strrchr(target, '/');
	snprintf(address, ADDRESS_BYTES, "%.*s", ADDRESS_BYTES - 1, last ? last + 1 : "?");
}

/* Adds the nodes that there are to what @why says. */
static void tell_nodes(char *why, size_t why_bytes)
{
	char path[PATH_MAX], address[ADDRESS_BYTES];
	struct dirent **entries;
	size_t length = strlen(why);
	unsigned told = 0;

	snprintf(path, sizeof(path), "%s/class/drm", sys);
	int n = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		const char *node = entries[i]->d_name;
		if (strncmp(node, NODE, strlen(NODE)) == 0 && length < why_bytes) {
			device_address(node, address);
			length += (size_t)snprintf(why + length, why_bytes - length,
				"%s" NODES "%s (%s)", told++ ? ", " : "; there are: ", node,
				address);
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	if (told == 0 && length < why_bytes)
		snprintf(why + length, why_bytes - length,
			"; this machine has no render node (a GPU's driver makes them: see lspci "
			"-k)");
}

static bool find_pci(const char *address, char path[PATH_MAX], char *why, size_t why_bytes)
{
	char device[PATH_MAX], drm[PATH_MAX + 8];

	snprintf(device, sizeof(device), "%s/bus/pci/devices/%s", sys, address);
	snprintf(drm, sizeof(drm), "%s/drm", device);
	if (find_node(drm, path))
		return true;
	snprintf(why, why_bytes, "%s %s", address,
		access(device, F_OK) == 0 ? "has no render node: no driver that renders has it"
					  : "is no PCI device of this machine");
	tell_nodes(why, why_bytes);
	return false;
}

static bool ask_compositor(const char *display, const struct main_device_wait *wait, dev_t *device,
	char *why, size_t why_bytes)
{
	char socket[COMPOSITOR_PATH_BYTES];
	int fd = compositor_open_socket(display, socket);

	if (fd < 0) {
		snprintf(why, why_bytes,
			"there is no compositor at %s to ask for its GPU (%s): start it first, or "
			"name the GPU",
			socket[0] ? socket : "$XDG_RUNTIME_DIR/$WAYLAND_DISPLAY", strerror(-fd));
		return false;
	}
	log_info("asking the compositor at %s which GPU it draws with", socket);
	int error = main_device_ask(fd, device, wait);
	fd_close(&fd);
	if (error < 0)
		snprintf(why, why_bytes, "the compositor at %s %s%s: name the GPU", socket,
			error == -EOPNOTSUPP ? "names no GPU that it draws with"
					     : "does not say which GPU it draws with: ",
			error == -EOPNOTSUPP ? "" : strerror(-error));
	return error == 0;
}

static bool find_main(const char *display, const struct main_device_wait *wait, char path[PATH_MAX],
	char *why, size_t why_bytes)
{
	char drm[PATH_MAX];
	dev_t device;

	if (!ask_compositor(display, wait, &device, why, why_bytes)) {
		tell_nodes(why, why_bytes);
		return false;
	}
	snprintf(drm, sizeof(drm), "%s/dev/char/%u:%u/device/drm", sys, major(device),
		minor(device));
	if (find_node(drm, path))
		return true;
	snprintf(why, why_bytes, "the compositor's device, %u:%u, has no render node",
		major(device), minor(device));
	tell_nodes(why, why_bytes);
	return false;
}

bool render_node_find(const char *name, const char *display, const struct main_device_wait *wait,
	char path[PATH_MAX], char *why, size_t why_bytes)
{
	char address[ADDRESS_BYTES];

	if (strcmp(name, AUTO) == 0)
		return find_main(display, wait, path, why, why_bytes);
	if (parse_pci(name, address))
		return find_pci(address, path, why, why_bytes);
	if (realpath(name, path))
		return true;
	snprintf(why, why_bytes, "%s", strerror(errno));
	tell_nodes(why, why_bytes);
	return false;
}
