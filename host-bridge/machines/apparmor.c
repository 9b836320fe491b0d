/* AppArmor, where it confines machines of qemu:///system. */
#include "host-bridge/machines/apparmor.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/bytes.h"

#define ABSTRACTION "/etc/apparmor.d/abstractions/libvirt-qemu"
#define TEXT_BYTES (64 << 10)

/* What may be included by the abstraction, the newer place first: what it says then, where rules of
 * one's own go, and where others may be. */
static const struct place {
	const char *included, *ours, *pattern;
} places[] = {
	{"<abstractions/libvirt-qemu.d>", ABSTRACTION ".d/wayferry", ABSTRACTION ".d/*"},
	{"<local/abstractions/libvirt-qemu>", "/etc/apparmor.d/local/abstractions/libvirt-qemu",
		"/etc/apparmor.d/local/abstractions/libvirt-qemu"},
};

/* Reads a text file of up to TEXT_BYTES - 1 bytes, to be freed; NULL: there is none. */
static char *read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = file ? malloc(TEXT_BYTES) : NULL;

	if (text)
		text[fread(text, 1, TEXT_BYTES - 1, file)] = 0;
	if (file)
		fclose(file);
	return text;
}

bool apparmor_confines_machines(void)
{
	char *enabled = read_text("/sys/module/apparmor/parameters/enabled");
	bool confines =
		enabled && enabled[0] == 'Y' && access("/etc/apparmor.d/libvirt", F_OK) == 0;

	free(enabled);
	return confines;
}

static bool is_included(const char *abstraction, const struct place *place)
{
	return abstraction && strstr(abstraction, place->included);
}

const char *apparmor_rules_place(void)
{
	char *abstraction = read_text(ABSTRACTION);
	const struct place *found = &places[0];

	if (!is_included(abstraction, &places[0]) && is_included(abstraction, &places[1]))
		found = &places[1];
	free(abstraction);
	return found->ours;
}

/* Whether one of the rules, not a comment among them, names what is wayferry's. */
static bool has_rule(const char *path)
{
	char *text = read_text(path), *rest = text, *line;
	bool found = false;

	while (!found && (line = strsep(&rest, "\n"))) {
		line[strcspn(line, "#")] = 0;
		found = strstr(line, "/wayferry/");
	}
	free(text);
	return found;
}

bool apparmor_has_rules(void)
{
	char *abstraction = read_text(ABSTRACTION);
	bool found = false;

	for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
		glob_t files = {0};
		if (is_included(abstraction, &places[i]))
			glob(places[i].pattern, 0, NULL, &files);
		for (size_t n = 0; n < files.gl_pathc && !found; n++)
			found = has_rule(files.gl_pathv[n]);
		globfree(&files);
	}
	free(abstraction);
	return found;
}

/* QEMU's profile is also that of what libvirt starts for its machine. */
void apparmor_print_rules(void)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[length > 0 ? length : 0] = 0;
	printf("\n# Where AppArmor confines machines, in %s:\n"
	       "  " APPARMOR_SOCKET_RULE "\n"
	       "# and for a wayferry-host that libvirt starts:\n"
	       "  %s rmix,\n"
	       "  @{HOME}/.config/wayferry/*.conf r,\n"
	       "  /etc/wayferry/*.conf r,\n"
	       "  /run/user/[0-9]*/wayland-[0-9]* rw,\n"
	       "  /run/user/[0-9]*/wayferry/ r,\n"
	       "  /run/user/[0-9]*/wayferry/{.[0-9]*,*.control,*.context} rwl,\n",
		apparmor_rules_place(), program);
}
