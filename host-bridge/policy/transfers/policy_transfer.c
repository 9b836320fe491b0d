/* Policy: what a transfer is of, and transfers that the configuration refuses. */
#include "host-bridge/policy/transfers/policy_transfer.h"

#include <string.h>

#define LOG_MODULE "policy"

enum transfer_kind policy_selection_kind(const struct relay_object *device)
{
	return strcmp(device->interface->wl->name, "wl_data_device") == 0 ? TRANSFER_CLIPBOARD
									  : TRANSFER_PRIMARY;
}

enum relay_verdict policy_refuse_transfer(struct relay_message *message, enum transfer_kind kind,
	enum transfer_way way, const char *type)
{
	const struct policy_connection *connection = relay_data(message->relay);

	connection->policy->counters->transfers_refused[way]++;
	log_limited(LOG_LEVEL_INFO, "%s: %s to the %s refused by the configuration (%.80s)",
		connection->name, transfer_kind_name(kind),
		way == TRANSFER_TO_GUEST ? "guest" : "host", type ? type : "all of it");
	return RELAY_SWALLOW;
}
