/* AppArmor, where it confines machines of qemu:///system: wayferry's rules in what all their
 * profiles include. */
#ifndef HOST_BRIDGE_MACHINES_APPARMOR_H
#define HOST_BRIDGE_MACHINES_APPARMOR_H

#include <stdbool.h>

/* The line without which no machine reaches wayferry-host's socket. */
#define APPARMOR_SOCKET_RULE "/run/user/[0-9]*/wayferry/*.gpu rw,"

/* Whether it is enabled and libvirt has profiles for machines. */
bool apparmor_confines_machines(void);

/* The file where this libvirt looks for rules of one's own. */
const char *apparmor_rules_place(void);

/* Whether libvirt finds a rule for something of wayferry's. */
bool apparmor_has_rules(void);

/* Prints the rules for both ways, with comments. */
void apparmor_print_rules(void);

#endif
