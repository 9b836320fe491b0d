/* What guests may do: a table of interfaces with versions and limits, the machine's name, and the marks it leaves. */
#ifndef HOST_BRIDGE_POLICY_H
#define HOST_BRIDGE_POLICY_H

#include "protocol/relay.h"

struct policy {
	const char *wayland_display; /* NULL: $WAYLAND_DISPLAY, else wayland-0 */
	const char *vm_name;	     /* NULL: titles and app-ids stay as they are */
	uint32_t max_objects;	     /* per connection */
	const struct relay_hooks *hooks; /* set by policy_init */
};

/* Fills in the defaults and prepares the hooks; false when memory is short. */
bool policy_init(struct policy *policy);
void policy_finish(struct policy *policy);

/* Whether and up to which version a guest may see a global; the relay's allow_global. */
bool policy_allow_global(const struct policy *policy, const struct interface *interface, uint32_t *version);

/* Prints the table, one line an interface, for --print-capabilities and --help. */
void policy_print(const struct policy *policy);

#endif
