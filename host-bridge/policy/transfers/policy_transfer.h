/* Policy: one transfer of contents, of a clipboard, a primary selection or a drag. */
#ifndef HOST_BRIDGE_POLICY_TRANSFERS_POLICY_TRANSFER_H
#define HOST_BRIDGE_POLICY_TRANSFERS_POLICY_TRANSFER_H

#include "host-bridge/policy/base/policy_connection.h"

/* Contents that somebody asks for. */
struct policy_transfer {
	enum transfer_kind kind;
	enum transfer_way way;
	const char *type;
};

/* Which of the two selections a data device, or a device of primary selections, is for. */
enum transfer_kind policy_selection_kind(const struct relay_object *device);

/* RELAY_SWALLOW; the user is told, and it is counted. @type: what was asked for; NULL: all. */
enum relay_verdict policy_refuse_transfer(struct relay_message *message, enum transfer_kind kind,
	enum transfer_way way, const char *type);

#endif
