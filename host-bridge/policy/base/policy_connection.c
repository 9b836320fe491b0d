/* Policy: what every hook may need to do with the connection that its message is of. */
#include <wayland-server-protocol.h>

#include "host-bridge/policy/base/policy_connection.h"
#include "protocol/base/monotonic.h"

const struct policy *policy_ref(const struct policy *policy)
{
	((struct policy *)policy)->users++;
	return policy;
}

void policy_unref(const struct policy *policy)
{
	struct policy *used = (struct policy *)policy;

	if (--used->users > 0 || !used->followed)
		return;
	relay_hooks_destroy((struct relay_hooks *)used->hooks);
	used->hooks = NULL;
	if (used->unused)
		used->unused(used);
}

enum relay_verdict policy_refuse(struct relay *relay, enum quota_limit limit)
{
	const struct policy_connection *connection = relay_data(relay);
	char text[QUOTA_TEXT_MAX];

	return relay_fail(relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY, "%s",
		quota_explain(connection->policy->quota, limit, text));
}

bool policy_has_time(const struct policy_connection *connection)
{
	return !connection->turn_ends_ns || monotonic_ns() < *connection->turn_ends_ns;
}

enum relay_verdict policy_hold(struct relay_message *message)
{
	struct policy_connection *connection = relay_data(message->relay);

	connection->held = true;
	return RELAY_HOLD;
}
