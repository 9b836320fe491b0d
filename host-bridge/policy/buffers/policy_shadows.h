/* Copies of buffers in guest memory, made when surfaces show them. */
#ifndef HOST_BRIDGE_POLICY_POLICY_SHADOWS_H
#define HOST_BRIDGE_POLICY_POLICY_SHADOWS_H

#include "host-bridge/policy/buffers/policy_buffers.h"
#include "protocol/pixels/damage.h"

/* What a surface shows, as far as shadows depend on it. */
struct surface_shadow {
	uint64_t serial;             /* of the surface */
	struct shm_buffer *attached; /* to be shown by the next commit; a reference, or NULL */
	bool others;                 /* that shows a buffer without a shadow */
	struct damage damage;
};

void shadow_init(struct surface_shadow *shadow, struct policy_counters *counters);
void shadow_finish(struct surface_shadow *shadow);

/* The next commit shows @object, a wl_buffer, or NULL. */
void shadow_attach(struct surface_shadow *shadow, const struct relay_object *object);

/*
 * For wl_surface.commit: copies what the surface is to show, a piece of it in each turn. RELAY_HOLD
 * until all of it is there, then RELAY_FORWARD.
 */
enum relay_verdict shadow_commit(struct relay_message *message, struct surface_shadow *shadow);

/* Copies all of @object, a wl_buffer; the same way. */
enum relay_verdict shadow_copy_whole(
	struct relay_message *message, const struct relay_object *object);

#endif
