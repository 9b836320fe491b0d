/* What `wayferry-host doctor` says of libvirt. */
#include "host-bridge/doctor/doctor_libvirt.h"

#include <dirent.h>
#include <glob.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host-bridge/machines/apparmor.h"
#include "host-bridge/machines/reply.h"
#include "protocol/base/bytes.h"

#define VIRSH_MS 10000
#define OVERRIDE_MAJOR 8 /* libvirt has <qemu:override> since 8.2 */
#define OVERRIDE_MINOR 2
#define DESCRIPTION_BYTES (64 << 10)
#define DRIVER "libvirt_driver_qemu.so"
#define GROUP "libvirt" /* Debian's and Fedora's */
#define GROUPS_MAX 1024

/* Whether virsh is there. On a machine that is slow it may not answer each time. */
static bool has_libvirt(void)
{
	const char *place = getenv("PATH");
	char path[PATH_MAX];
	size_t length;

	for (; place; place = place[length] ? place + length + 1 : NULL) {
		length = strcspn(place, ":");
		snprintf(path, sizeof(path), "%.*s/virsh", (int)length, place);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

enum check_result check_libvirt(void *world, struct finding *finding, int argument)
{
	static char *const command[] = {"virsh", "--version", NULL};
	unsigned major = 0, minor = 0;
	char said[64];

	if (!has_libvirt())
		return finding_skip(finding, "no virsh in $PATH: machines run without libvirt");
	if (checks_capture(command, VIRSH_MS, said, sizeof(said)) != 0) {
		finding_found(finding, "virsh --version says nothing");
		return finding_remedy(finding, CHECK_WARNING, "see what virsh --version does");
	}
	said[strcspn(said, "\n")] = 0;
	sscanf(said, "%u.%u", &major, &minor);
	if (major > OVERRIDE_MAJOR || (major == OVERRIDE_MAJOR && minor >= OVERRIDE_MINOR))
		return finding_ok(finding,
			"%s; wayferry-host libvirt-xml NAME has what a machine needs", said);
	finding_found(finding, "%s has no <qemu:override>: it cannot start wayferry-host", said);
	return finding_remedy(finding, CHECK_WARNING,
		"let machines use a socket (wayferry-host libvirt-xml NAME --apply), or install "
		"libvirt "
		"8.2 or later");
}

/* Where libvirt's drivers are: as it does, or where distributions have them. */
static bool has_driver(void)
{
	static const char *const places[] = {"/usr/lib/*/libvirt/connection-driver/" DRIVER,
		"/usr/lib64/libvirt/connection-driver/" DRIVER,
		"/usr/lib/libvirt/connection-driver/" DRIVER};
	const char *directory = getenv("LIBVIRT_DRIVER_DIR");
	char path[PATH_MAX];
	bool found = false;

	if (directory && directory[0]) {
		snprintf(path, sizeof(path), "%s/" DRIVER, directory);
		return access(path, R_OK) == 0;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(places) && !found; i++) {
		glob_t match = {0};
		found = glob(places[i], 0, NULL, &match) == 0;
		globfree(&match);
	}
	return found;
}

enum check_result check_libvirt_driver(void *world, struct finding *finding, int argument)
{
	if (!has_libvirt())
		return finding_skip(finding, "there is no libvirt");
	if (has_driver())
		return finding_ok(finding, "QEMU's");
	finding_found(finding, "libvirt has no " DRIVER ": it runs no machines of QEMU's");
	return finding_remedy(finding, CHECK_WARNING,
		"sudo apt install libvirt-daemon-driver-qemu (other systems: the package that has "
		"that file)");
}

/* Whether this process is in the group of that id. */
static bool in_group(gid_t group)
{
	gid_t groups[GROUPS_MAX];
	int n = getgroups(GROUPS_MAX, groups);
	bool found = getegid() == group;

	for (int i = 0; i < n; i++)
		found |= groups[i] == group;
	return found;
}

enum check_result check_libvirt_group(void *world, struct finding *finding, int argument)
{
	const struct group *group = getgrnam(GROUP);

	if (!has_libvirt())
		return finding_skip(finding, "there is no libvirt");
	if (geteuid() == 0 || (group && in_group(group->gr_gid)))
		return finding_ok(finding, "qemu:///system and qemu:///session are yours");
	return finding_ok(finding,
		"qemu:///session is yours; qemu:///system would ask for a password (sudo usermod "
		"-aG " GROUP " $USER, where there is that group, and log in again)");
}

/* Reads a text file of up to @size - 1 bytes; without one it is empty. */
static void read_text(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t n = file ? fread(text, 1, size - 1, file) : 0;

	text[n] = 0;
	if (file)
		fclose(file);
}

/* The program of a description for GPUs. False: it is none. */
static bool read_description(const char *path, char *program, size_t size)
{
	char *text = malloc(DESCRIPTION_BYTES), type[32];
	bool good = text != NULL;

	if (good) {
		read_text(path, text, DESCRIPTION_BYTES);
		good = reply_string(text, "type", type, sizeof(type)) && strcmp(type, "gpu") == 0 &&
			reply_string(text, "binary", program, size);
	}
	free(text);
	return good;
}

struct descriptions {
	char directories[3][PATH_MAX]; /* the first one with a name wins */
	char name[NAME_MAX + 1];       /* of the first description; empty: there is none */
	char program[PATH_MAX];
};

static bool is_hidden(const struct descriptions *found, size_t directory, const char *name)
{
	char path[PATH_MAX + NAME_MAX + 2];

	for (size_t i = 0; i < directory; i++) {
		snprintf(path, sizeof(path), "%s/%s", found->directories[i], name);
		if (found->directories[i][0] && access(path, F_OK) == 0)
			return true;
	}
	return false;
}

static void look_into(struct descriptions *found, size_t directory)
{
	DIR *entries =
		found->directories[directory][0] ? opendir(found->directories[directory]) : NULL;
	char path[PATH_MAX + NAME_MAX + 2], program[PATH_MAX];
	const struct dirent *entry;

	while (entries && (entry = readdir(entries))) {
		const char *name = entry->d_name, *dot = strrchr(name, '.');
		if (!dot || strcmp(dot, ".json") != 0 || is_hidden(found, directory, name) ||
			(found->name[0] && strcmp(name, found->name) >= 0))
			continue;
		snprintf(path, sizeof(path), "%s/%s", found->directories[directory], name);
		if (!read_description(path, program, sizeof(program)))
			continue;
		snprintf(found->name, sizeof(found->name), "%s", name);
		snprintf(found->program, sizeof(found->program), "%s", program);
	}
	if (entries)
		closedir(entries);
}

static void find_descriptions(struct descriptions *found)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	*found = (struct descriptions){
		.directories = {"", "/etc/qemu/vhost-user", "/usr/share/qemu/vhost-user"}};
	if (config && config[0] == '/')
		snprintf(found->directories[0], PATH_MAX, "%s/qemu/vhost-user", config);
	else if (home && home[0] == '/')
		snprintf(found->directories[0], PATH_MAX, "%s/.config/qemu/vhost-user", home);
	for (size_t i = 0; i < ARRAY_LENGTH(found->directories); i++)
		look_into(found, i);
}

enum check_result check_libvirt_description(void *world, struct finding *finding, int argument)
{
	struct descriptions found;

	if (!has_libvirt())
		return finding_skip(finding, "there is no libvirt");
	find_descriptions(&found);
	const char *slash = strrchr(found.program, '/');
	if (slash && strcmp(slash, "/wayferry-host") == 0 && access(found.program, X_OK) == 0)
		return finding_ok(
			finding, "%s is the first description of a program for GPUs", found.name);
	if (!found.name[0])
		finding_found(finding, "no description of a program for GPUs");
	else
		finding_found(finding, "libvirt would start %.200s, for %.100s", found.program,
			found.name);
	return finding_remedy(finding, CHECK_WARNING,
		"for machines with <driver name='vhostuser'/>: mkdir -p ~/.config/qemu/vhost-user "
		"&& ln -s "
		"/usr/share/qemu/vhost-user/90-wayferry.json "
		"~/.config/qemu/vhost-user/10-wayferry.json (see docs/libvirt.md)");
}

enum check_result check_libvirt_confinement(void *world, struct finding *finding, int argument)
{
	if (!has_libvirt())
		return finding_skip(finding, "there is no libvirt");
	if (!apparmor_confines_machines())
		return finding_ok(finding, "no AppArmor confines its machines");
	if (apparmor_has_rules())
		return finding_ok(finding, "AppArmor has a rule for wayferry");
	finding_found(finding,
		"AppArmor confines machines of qemu:///system, and has no rule for wayferry");
	return finding_remedy(finding, CHECK_WARNING,
		"use qemu:///session, or write the line '" APPARMOR_SOCKET_RULE "' into %s",
		apparmor_rules_place());
}
