/* Policy: what the compositor, or the machine itself, offers to guests. */
#ifndef HOST_BRIDGE_POLICY_TRANSFERS_POLICY_OFFERS_H
#define HOST_BRIDGE_POLICY_TRANSFERS_POLICY_OFFERS_H

#include "host-bridge/policy/transfers/policy_sources.h"

struct offer { /* relay_object.data of an offer */
	struct vm_quota *quota;
	uint64_t charged_bytes;
	struct mime_types types; /* until it is settled */
	uint64_t own;            /* number of the machine's source that this is of; 0: the host's */
	uint32_t source_actions, action;
	bool has_source_actions, has_action;
	bool settled; /* the client knows it */
	bool granted; /* by a chord, for one transfer */
	enum transfer_kind kind;
	struct relay_ref host; /* the compositor's offer that this stands for; may be none */
	uint32_t *n_made;      /* counted down when it is destroyed; NULL: the compositor made it */
};

/*
 * Has the client of @relay know @object, an offer that is the compositor's, as a @kind: its device
 * @device tells of it, and of the types that may enter.
 */
void offer_settle(struct relay *relay, struct relay_object *device, struct relay_object *object,
	enum transfer_kind kind);

/*
 * An offer that the compositor does not know of, as @kind: of @source, one of the machine's; or,
 * where that is NULL, of @host, an offer of the compositor's that the client does not know, with
 * the types that may enter; @granted: by a chord. *@n_made, borrowed, is counted up, and down when
 * it is destroyed. NULL when memory is short.
 */
struct relay_object *offer_make(struct relay *relay, struct relay_object *device,
	const struct source *source, struct relay_object *host, bool granted, uint32_t *n_made);

/* Whether the guest may have contents of @type of an offer of the host's. */
bool offer_enters(const struct policy *policy, const struct offer *offer, const char *type);

#endif
