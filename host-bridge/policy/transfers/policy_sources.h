/*
 * Policy: the guests' sources of clipboards, primary selections and drags.
 *
 * A source's types stay here until it becomes a selection or is dragged; then the compositor is
 * told of those that may leave. What may not leave, or may not come back, is still the machine's
 * own: such a source carries a mark, one more type with a secret in it, and an offer of the
 * compositor's that has the mark is served by the source itself (policy_offers.c).
 */
#ifndef HOST_BRIDGE_POLICY_TRANSFERS_POLICY_SOURCES_H
#define HOST_BRIDGE_POLICY_TRANSFERS_POLICY_SOURCES_H

#include <wayland-util.h>

#include "host-bridge/policy/base/policy_connection.h"
#include "host-bridge/transfers/mime_types.h"
#include "host-bridge/transfers/transfers.h"

/* relay_object.data of a guest's source that has types. */
struct source {
	struct wl_list link; /* transfers::sources */
	struct relay *relay;
	struct relay_object *object;
	uint64_t number;
	struct mime_types types;
	uint64_t charged_types, charged_bytes;
	bool published; /* the compositor has heard of its types, as far as they may leave */
	enum transfer_kind kind;             /* as what */
	void (*gone)(struct source *source); /* called once it is destroyed; may be NULL */
};

/* What becomes of a request "offer" of any kind of source (policy_texts.c). */
enum relay_verdict policy_source_offer(struct relay_message *message);

/* NULL: it has no types. @object: NULL, or of a guest's source. */
struct source *source_of(const struct relay_object *object);

/*
 * Tells the compositor of what may leave as a @kind, once. False: the source is something else
 * already.
 */
bool source_publish(struct source *source, enum transfer_kind kind);

/*
 * The source becomes a @kind of selection that stays with the machine: the compositor hears
 * nothing. False: it is something else already.
 */
bool source_keep(struct source *source, enum transfer_kind kind);

/* Has @object, at the compositor, offer what may leave, and the mark of @source. */
void source_offer_types(struct source *source, struct relay *relay, struct relay_object *object);

/* Whether the host may have contents of @type; @source may be NULL. */
bool source_passes(const struct source *source, const char *type);

/* Has the guest write contents of @type to the pipe @handle, which is taken. */
void source_send(struct source *source, const char *type, struct wire_handle *handle);

/* The live source with that number; NULL: there is none. */
struct source *source_by_number(const struct transfers *transfers, uint64_t number);

#endif
