/* The relay's objects, and the maps from each end's ids to them. */
#include "protocol/objects/objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"

/* As libwayland has it. A client need not use the ids of destroyed objects again: it may take a new
 * one for each object, up to here. */
#define MAX_IDS UINT32_C(0x00f00000)

static uint32_t id_base(uint32_t id)
{
	return id_is_high(id) ? WIRE_SERVER_ID_START : 1;
}

static bool peer_chooses(enum relay_end end, bool high)
{
	return (end == RELAY_UP) == high;
}

static struct id_range *range_of(struct objects *objects, enum relay_end end, uint32_t id)
{
	return &objects->ranges[end][id_is_high(id)];
}

void objects_init(struct objects *objects, uint32_t limit)
{
	*objects = (struct objects){.limit = limit};
	wl_list_init(&objects->live);
	wl_list_init(&objects->gone);
}

static void free_list(struct wl_list *list)
{
	struct object *object, *next;
	wl_list_for_each_safe(object, next, list, link)
	{
		family_unref(object->family);
		family_unref(object->awaited);
		free(object);
	}
	wl_list_init(list);
}

void objects_finish(struct objects *objects)
{
	free_list(&objects->live);
	free_list(&objects->gone);
	for (size_t i = 0; i < 4; i++) {
		id_map_finish(&objects->ranges[i / 2][i % 2].objects);
		wl_array_release(&objects->ranges[i / 2][i % 2].free);
	}
	objects_init(objects, objects->limit);
}

struct relay_object *objects_at(const struct objects *objects, enum relay_end end, uint32_t id)
{
	return id_map_find(&objects->ranges[end][id_is_high(id)].objects, id);
}

struct relay_object *object_create(
	struct objects *objects, const struct interface *interface, uint32_t version)
{
	struct object *object = malloc(sizeof(*object));
	if (!object)
		return NULL;
	*object = (struct object){.base = {.interface = interface, .version = version}};
	wl_list_init(&object->refs);
	wl_list_insert(&objects->live, &object->link);
	objects->count++;
	return &object->base;
}

int object_claim_id(
	struct objects *objects, struct relay_object *object, enum relay_end end, uint32_t id)
{
	if (id == 0 || !peer_chooses(end, id_is_high(id)))
		return -EINVAL;
	struct id_range *range = range_of(objects, end, id);
	uint32_t index = id - id_base(id);
	if (index > range->n_used || index >= MAX_IDS)
		return -ERANGE;
	if (id_map_find(&range->objects, id))
		return -EEXIST;
	int error = id_map_insert(&range->objects, id, object);
	if (error)
		return error;
	range->n_used += index == range->n_used;
	object->id[end] = id;
	return 0;
}

int object_assign_id(struct objects *objects, struct relay_object *object, enum relay_end end)
{
	uint32_t id = end == RELAY_DOWN ? WIRE_SERVER_ID_START : 1;
	struct id_range *range = range_of(objects, end, id);
	bool again = range->free.size > 0;
	if (again)
		memcpy(&id, (char *)range->free.data + range->free.size - sizeof(id), sizeof(id));
	else if (range->n_used < MAX_IDS)
		id += range->n_used;
	else
		return -ENOMEM;
	int error = id_map_insert(&range->objects, id, object);
	if (error)
		return error;
	if (again)
		range->free.size -= sizeof(id);
	else
		range->n_used++;
	object->id[end] = id;
	return 0;
}

void object_drop_id(struct objects *objects, struct relay_object *object, enum relay_end end)
{
	uint32_t id = object->id[end];
	if (id == 0)
		return;
	struct id_range *range = range_of(objects, end, id);
	id_map_remove(&range->objects, id);
	object->id[end] = 0;
	if (peer_chooses(end, id_is_high(id)))
		return;
	uint32_t *free_id = wl_array_add(&range->free, sizeof(*free_id));
	if (free_id) /* else it is not used again */
		*free_id = id;
}

void relay_ref_set(struct relay_ref *ref, struct relay_object *object)
{
	if (ref->object)
		wl_list_remove(&ref->link);
	ref->object = object && !object->destroyed ? object : NULL;
	if (ref->object)
		wl_list_insert(&object_of(object)->refs, &ref->link);
}

void object_mark_destroyed(struct relay_object *object)
{
	void (*data_destroy)(struct relay_object *) = object->data_destroy;
	struct relay_ref *ref, *next;
	wl_list_for_each_safe(ref, next, &object_of(object)->refs, link) relay_ref_set(ref, NULL);
	object->destroyed = true;
	object->data_destroy = NULL;
	if (data_destroy)
		data_destroy(object);
	object->data = NULL;
}

void object_remove(struct objects *objects, struct relay_object *object)
{
	struct object *private = object_of(object);
	if (private->gone)
		return;
	object_drop_id(objects, object, RELAY_DOWN);
	object_drop_id(objects, object, RELAY_UP);
	private->gone = true;
	wl_list_remove(&private->link);
	wl_list_insert(&objects->gone, &private->link);
	objects->count--;
}

void objects_reap(struct objects *objects)
{
	if (!wl_list_empty(&objects->gone))
		free_list(&objects->gone);
}
