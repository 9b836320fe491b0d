/* The guest's doctor: the kernel, its driver, and the device's node. */
#include "guest-proxy/doctor/doctor_checks.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "guest-proxy/gpu/render_nodes.h"
#include "protocol/base/fd.h"

static const char no_node[] = "there is no render node";

enum check_result check_kernel(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;
	unsigned major = 0, minor = 0;
	struct utsname name;

	uname(&name);
	if (!doctor->settings->vhost_user && strstr(name.release, "-cloud-")) {
		finding_found(finding, "Linux %s: Debian's kernels for clouds have no DRM drivers",
			name.release);
		return finding_remedy(finding, CHECK_FAILED,
			"sudo apt install linux-image-amd64, sudo apt purge 'linux-image*cloud*', "
			"and "
			"reboot");
	}
	if (doctor->settings->vhost_user || sscanf(name.release, "%u.%u", &major, &minor) != 2 ||
		major > 5 || (major == 5 && minor >= 16))
		return finding_ok(finding, "Linux %s", name.release);
	finding_found(finding, "Linux %s: its virtio_gpu has no context types", name.release);
	return finding_remedy(finding, CHECK_FAILED,
		"install a kernel of 5.16 or later (Debian 12's is 6.1), and boot it");
}

/* Takes @fd, of @path or -errno. */
static struct node node_of(const char *path, int fd)
{
	struct node node = {.fd = fd};

	snprintf(node.path, sizeof(node.path), "%s", path);
	if (node.fd >= 0)
		virtgpu_driver_name(node.fd, node.driver, sizeof(node.driver));
	return node;
}

/* The higher, the more likely it is the one that is meant. */
static int node_rank(const struct node *node)
{
	if (node->fd >= 0)
		return virtgpu_is_driver(node->driver) ? 3 : 1;
	return node->fd == -ENOENT ? 0 : 2;
}

static bool visit_node(void *data, const char *path, int fd)
{
	struct doctor *doctor = data;
	struct node node = node_of(path, fd);

	if (node_rank(&node) > node_rank(&doctor->node)) {
		fd_close(&doctor->node.fd);
		doctor->node = node;
	} else {
		fd_close(&node.fd);
	}
	return false;
}

enum check_result check_node(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;

	if (doctor->settings->vhost_user)
		return finding_skip(finding, "not needed with --vhost-user");
	if (doctor->settings->device)
		doctor->node =
			node_of(doctor->settings->device, virtgpu_open(doctor->settings->device));
	else
		render_nodes_visit(visit_node, doctor);
	if (doctor->node.fd != -ENOENT)
		return finding_ok(finding, "%s", doctor->node.path);
	if (doctor->settings->device) {
		finding_found(finding, "%s: there is no such file", doctor->settings->device);
		return finding_remedy(finding, CHECK_FAILED,
			"leave --device (and $WAYFERRY_GUEST_DEVICE) out, or see ls /dev/dri");
	}
	finding_found(finding, "none in /dev/dri");
	return finding_remedy(finding, CHECK_FAILED,
		"give the machine wayferry-host's virtio-gpu device (README: In a virtual "
		"machine); if lspci shows it, sudo modprobe virtio_gpu");
}

/* The name of the group that may open @path, or NULL. */
static const char *group_of(const char *path)
{
	struct stat status;
	const struct group *group = stat(path, &status) == 0 ? getgrgid(status.st_gid) : NULL;

	return group && (status.st_mode & 060) == 060 && status.st_gid != 0 ? group->gr_name : NULL;
}

enum check_result check_permissions(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;
	const char *user = getenv("USER"), *path = doctor->node.path, *group;

	if (doctor->settings->vhost_user || doctor->node.fd == -ENOENT)
		return finding_skip(finding, no_node);
	if (doctor->node.fd >= 0)
		return finding_ok(finding, "%s can be opened", path);
	finding_found(finding, "%s: %s", path, strerror(-doctor->node.fd));
	if (doctor->node.fd != -EACCES && doctor->node.fd != -EPERM)
		return finding_remedy(finding, CHECK_FAILED,
			"see what the kernel says about the device: sudo dmesg | grep -i virtio");
	group = group_of(path);
	if (!group)
		return finding_remedy(finding, CHECK_FAILED,
			"no group may open it: install udev, which gives it to the group render "
			"(for now: sudo chgrp render %s && sudo chmod 660 %s)",
			path, path);
	return finding_remedy(finding, CHECK_FAILED,
		"sudo usermod -aG %s %s, then end all sessions (loginctl terminate-user %s) and "
		"log in again",
		group, user ? user : "$USER", user ? user : "$USER");
}

enum check_result check_driver(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;

	if (doctor->node.fd < 0)
		return finding_skip(finding, no_node);
	if (virtgpu_is_driver(doctor->node.driver))
		return finding_ok(finding, "%s", doctor->node.driver);
	finding_found(finding, "%s: %s, and not virtio_gpu", doctor->node.path,
		doctor->node.driver[0] ? doctor->node.driver : "no DRM driver at all");
	return finding_remedy(finding, CHECK_FAILED,
		"give --device the node of the virtio-gpu device (ls -l /dev/dri/by-path), or the "
		"machine such a device");
}

/* @argument: which of virtgpu_features. */
enum check_result check_feature(void *world, struct finding *finding, int argument)
{
	const struct virtgpu_feature *feature = &virtgpu_features[argument];
	struct doctor *doctor = world;

	if (!has_driver(doctor))
		return finding_skip(finding, no_node);
	int value = virtgpu_get_param(doctor->node.fd, feature->param);
	if (value & feature->mask)
		return finding_ok(finding, "%s is %#x", feature->name, (unsigned)value);
	doctor->n_missing++;
	finding_found(finding, "%s is %#x: %s", feature->name, (unsigned)value, feature->lack);
	return finding_remedy(finding, CHECK_FAILED, "%s", feature->remedy);
}

enum check_result check_region(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;

	if (!has_driver(doctor))
		return finding_skip(finding, no_node);
	if (virtgpu_get_param(doctor->node.fd, VIRTGPU_HOST_VISIBLE))
		return finding_ok(
			finding, "HOST_VISIBLE: the device has a region for the host's memory");
	finding_found(finding, "no HOST_VISIBLE: pixels are copied once more, on the host");
	return finding_remedy(finding, CHECK_WARNING,
		"use a monitor that maps the device's memory (QEMU 11 with "
		"vhost-user-test-device-pci); some, like User-Mode Linux, cannot");
}
