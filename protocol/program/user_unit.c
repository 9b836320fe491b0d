/* Units of the user's service manager, as `setup` of both programs switches them on and off. */
#include "protocol/program/user_unit.h"

#include <stdio.h>

#include "protocol/program/checks.h"

bool user_unit_enable(const char *unit, bool enabled)
{
	const char *verb = enabled ? "enable" : "disable";
	char *argv[] = {
		"systemctl", "--user", "--quiet", (char *)verb, "--now", (char *)unit, NULL};

	if (checks_command(argv) == 0) {
		printf("%s is %s\n", unit,
			enabled ? "enabled, and listens" : "disabled, and stopped");
		return true;
	}
	printf("%s is not %sd: systemctl --user %s --now %s fails.\n"
	       "That takes a login of this user's own (neither su nor sudo), and wayferry "
	       "installed, by "
	       "its package\nor meson install.\n",
		unit, verb, verb, unit);
	return false;
}
