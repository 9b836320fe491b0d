/*
 * What one machine may cost the host and its compositor: a table of named limits that every
 * connection and context charges. A limit is on the sum over the machine, or on each single thing
 * (the depth of one window's subsurfaces).
 */
#ifndef HOST_BRIDGE_RESOURCES_QUOTA_H
#define HOST_BRIDGE_RESOURCES_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum quota_limit {
	QUOTA_CONNECTIONS,
	QUOTA_OBJECTS,
	QUOTA_SURFACES,
	QUOTA_SUBSURFACE_DEPTH,
	QUOTA_SUBSURFACE_MARGIN,
	QUOTA_POPUP_PIXELS,
	QUOTA_RECTANGLES,
	QUOTA_REGION_RECTANGLES,
	QUOTA_SHM_POOLS,
	QUOTA_BUFFERS,
	QUOTA_DMABUF_FDS,
	QUOTA_SHADOW_BYTES,
	QUOTA_ICON_BYTES,
	QUOTA_PROFILE_BYTES,
	QUOTA_TEXT_BYTES,
	QUOTA_MIME_TYPES,
	QUOTA_QUEUED_BYTES,
	QUOTA_PIPES,
	QUOTA_CONTEXTS,
	QUOTA_3D_CONTEXTS,
	QUOTA_RESOURCES,
	QUOTA_BLOB_BYTES,
	QUOTA_KEPT_REQUESTS,
	QUOTA_SHARED_FILES,
	QUOTA_FDS, /* file descriptors of wayferry-host itself, whatever they are of */
	QUOTA_N_LIMITS,
};

#define QUOTA_TEXT_MAX 128 /* of quota_explain */

struct vm_quota {
	struct {
		uint64_t limit, use, peak;
	} entries[QUOTA_N_LIMITS];
};

/* The defaults, and nothing in use. */
void quota_init(struct vm_quota *quota);

/* Sets the limit @name to @value (a number, with K, M, G or T behind it). NULL, or what is wrong.
 */
const char *quota_set(struct vm_quota *quota, const char *name, const char *value);

/* Takes over the limits of @from, not what is in use. */
void quota_take_limits(struct vm_quota *quota, const struct vm_quota *from);

/* @limit is at most @most, whatever was set. True: that is less than it was. */
bool quota_cap(struct vm_quota *quota, enum quota_limit limit, uint64_t most);

/* The limit itself, for those that bound a single thing by it; the default where @quota is NULL. */
uint64_t quota_limit_of(const struct vm_quota *quota, enum quota_limit limit);

/*
 * Adds @n to what is in use, or to the peak only where the limit is on each single thing. False:
 * that would be over the limit, and nothing was added. In all that follows @quota may be NULL: no
 * limits.
 */
bool quota_charge(struct vm_quota *quota, enum quota_limit limit, uint64_t n);
void quota_release(struct vm_quota *quota, enum quota_limit limit, uint64_t n);

/*
 * For what grows and shrinks: charges or releases the difference between @now and *@charged, which
 * becomes @now. False: over the limit, nothing was changed.
 */
bool quota_change(struct vm_quota *quota, enum quota_limit limit, uint64_t *charged, uint64_t now);

/* The same. It is asked many times for each message, and hardly ever is there a difference. */
static inline bool quota_adjust(
	struct vm_quota *quota, enum quota_limit limit, uint64_t *charged, uint64_t now)
{
	return now == *charged || quota_change(quota, limit, charged, now);
}

/* For people: that @limit is reached, by its name and number, in @text. Returns @text. */
const char *quota_explain(
	const struct vm_quota *quota, enum quota_limit limit, char text[QUOTA_TEXT_MAX]);

const char *quota_name(enum quota_limit limit);

/* "limit NAME N", "use NAME N" and "peak NAME N", each a line, for each limit. */
void quota_print(const struct vm_quota *quota, FILE *out);

#endif
