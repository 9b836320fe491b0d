/*
 * The relay's objects, and the maps from each end's ids to them. Of each end's two ranges of ids
 * one is chosen by the peer (low ids DOWN, high ids UP) and one by us.
 */
#ifndef PROTOCOL_OBJECTS_OBJECTS_H
#define PROTOCOL_OBJECTS_OBJECTS_H

#include "protocol/base/id_map.h"
#include "protocol/objects/family.h"
#include "protocol/objects/relay_object.h"
#include "protocol/wire/wire.h"

/* What the relay keeps beside what hooks see. */
struct object {
	struct relay_object base;
	struct wl_list link; /* objects.live or objects.gone */
	struct wl_list refs; /* relay_ref.link */
	bool gone;           /* has no ids any more; its memory goes with the next objects_reap */
	bool outlives_up;    /* a hook swallowed UP's destructor event: UP's delete_id does not end
				it for DOWN */
	/* References, for relay_lanes.c; NULL: none. */
	struct family *family;  /* that it belongs to */
	struct family *awaited; /* whose waiting requests name it, as long as any wait */
	bool changed;           /* what changes it is among these */
	bool bound;             /* it is a global's own */
};

/* One range of one end. */
struct id_range {
	struct id_map objects;
	uint32_t n_used;      /* ids that were ever in use: the first of the range */
	struct wl_array free; /* uint32_t: those of ours that can be used again */
};

struct objects {
	struct id_range ranges[2][2]; /* by enum relay_end, by id_is_high */
	struct wl_list live;          /* struct object.link */
	struct wl_list gone;          /* struct object.link */
	uint32_t limit;               /* of live objects */
	uint32_t count;               /* of live objects */
};

static inline bool id_is_high(uint32_t id)
{
	return id >= WIRE_SERVER_ID_START;
}

static inline bool id_is_low(uint32_t id)
{
	return id != 0 && id < WIRE_SERVER_ID_START;
}

static inline struct object *object_of(struct relay_object *object)
{
	return (struct object *)object; /* base comes first */
}

void objects_init(struct objects *objects, uint32_t limit);
/* Frees every object; calls nothing. */
void objects_finish(struct objects *objects);

/* The object with @id at @end, or NULL. */
struct relay_object *objects_at(const struct objects *objects, enum relay_end end, uint32_t id);

/* A live object without ids; NULL when memory is short. The limit is the caller's to check. */
struct relay_object *object_create(
	struct objects *objects, const struct interface *interface, uint32_t version);

/*
 * Gives @object the @id that the peer at @end has chosen. -EINVAL: not a range it may choose in;
 * -EEXIST: in use; -ERANGE: not the next one, or past libwayland's limit; -ENOMEM.
 */
int object_claim_id(
	struct objects *objects, struct relay_object *object, enum relay_end end, uint32_t id);

/* Gives @object the next free id of ours at @end. 0 or -ENOMEM. */
int object_assign_id(struct objects *objects, struct relay_object *object, enum relay_end end);

/* Frees @object's id at @end; fine if it has none. */
void object_drop_id(struct objects *objects, struct relay_object *object, enum relay_end end);

/*
 * Ends @object for its hooks (data_destroy) and marks it destroyed; its ids stay. Fine if it is
 * already.
 */
void object_mark_destroyed(struct relay_object *object);

/* Takes @object out of every table. Its memory stays good until the next objects_reap. */
void object_remove(struct objects *objects, struct relay_object *object);

/* Frees what object_remove left. */
void objects_reap(struct objects *objects);

#endif
