/* The relay's objects, and the maps from each end's ids to them. */
#include "protocol/relay/objects.h"

#include <errno.h>
#include <stdlib.h>

#include "protocol/base/bytes.h"

#define FIRST_CAPACITY 64
/* Ids that we choose are bounded by memory; this only keeps indexes within their range. */
#define MAX_ENTRIES UINT32_C(0x00ffffff)

static struct relay_object *entry_object(uintptr_t entry)
{
	return entry & 1 ? NULL : (struct relay_object *)entry;
}

static int id_table_append(struct id_table *table, struct relay_object *object)
{
	if (table->count == MAX_ENTRIES)
		return -ENOMEM;
	if (table->count == table->capacity) {
		uint32_t capacity = table->capacity > 0 ? table->capacity * 2 : FIRST_CAPACITY;
		uintptr_t *entries = realloc(table->entries, capacity * sizeof(*entries));
		if (!entries)
			return -ENOMEM;
		table->entries = entries;
		table->capacity = capacity;
	}
	table->entries[table->count++] = (uintptr_t)object;
	return 0;
}

static uint32_t id_base(uint32_t id)
{
	return id_is_high(id) ? WIRE_SERVER_ID_START : 1;
}

static bool peer_chooses(enum relay_end end, bool high)
{
	return (end == RELAY_UP) == high;
}

static struct id_table *table_of(struct objects *objects, enum relay_end end, uint32_t id)
{
	return &objects->tables[end][id_is_high(id)];
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
	wl_list_for_each_safe(object, next, list, link) free(object);
	wl_list_init(list);
}

void objects_finish(struct objects *objects)
{
	free_list(&objects->live);
	free_list(&objects->gone);
	for (size_t i = 0; i < 4; i++)
		free(objects->tables[i / 2][i % 2].entries);
	objects_init(objects, objects->limit);
}

struct relay_object *objects_at(const struct objects *objects, enum relay_end end, uint32_t id)
{
	const struct id_table *table = &objects->tables[end][id_is_high(id)];
	uint32_t index = id - id_base(id); /* id 0 wraps past every count */
	return index < table->count ? entry_object(table->entries[index]) : NULL;
}

struct relay_object *object_create(
	struct objects *objects, const struct interface *interface, uint32_t version)
{
	struct object *object = calloc(1, sizeof(*object));
	if (!object)
		return NULL;
	object->base.interface = interface;
	object->base.version = version;
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
	struct id_table *table = table_of(objects, end, id);
	uint32_t index = id - id_base(id);
	if (index > table->count || index >= objects->limit)
		return -ERANGE;
	if (index < table->count) {
		if (table->entries[index])
			return -EEXIST;
		table->entries[index] = (uintptr_t)object;
	} else {
		int error = id_table_append(table, object);
		if (error)
			return error;
	}
	object->id[end] = id;
	return 0;
}

int object_assign_id(struct objects *objects, struct relay_object *object, enum relay_end end)
{
	bool high = end == RELAY_DOWN;
	struct id_table *table = &objects->tables[end][high];
	uint32_t index = table->count;
	if (table->first_free) {
		index = table->first_free - 1;
		table->first_free = (uint32_t)(table->entries[index] >> 1);
		table->entries[index] = (uintptr_t)object;
	} else {
		int error = id_table_append(table, object);
		if (error)
			return error;
	}
	object->id[end] = index + (high ? WIRE_SERVER_ID_START : 1);
	return 0;
}

void object_drop_id(struct objects *objects, struct relay_object *object, enum relay_end end)
{
	uint32_t id = object->id[end];
	if (id == 0)
		return;
	struct id_table *table = table_of(objects, end, id);
	uint32_t index = id - id_base(id);
	if (peer_chooses(end, id_is_high(id))) {
		table->entries[index] = 0;
	} else {
		table->entries[index] = (uintptr_t)table->first_free << 1 | 1;
		table->first_free = index + 1;
	}
	object->id[end] = 0;
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
