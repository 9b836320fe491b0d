/* Open addressing with linear probing; a removal shifts its followers back, so there are no
 * tombstones. */
#include "protocol/base/id_map.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>

#define MIN_CAPACITY 16

struct id_map_entry {
	uint32_t id; /* 0: free */
	void *value;
};

static uint32_t slot_of(const struct id_map *map, uint32_t id)
{
	return (uint32_t)((id * map->multiplier) >> 32) & (map->capacity - 1);
}

static struct id_map_entry *entry_of(const struct id_map *map, uint32_t id)
{
	if (!map->capacity || id == 0)
		return NULL;
	for (uint32_t i = slot_of(map, id);; i = (i + 1) & (map->capacity - 1)) {
		struct id_map_entry *entry = &map->entries[i];
		if (entry->id == id)
			return entry;
		if (entry->id == 0)
			return NULL;
	}
}

void *id_map_find(const struct id_map *map, uint32_t id)
{
	const struct id_map_entry *entry = entry_of(map, id);
	return entry ? entry->value : NULL;
}

static void place(struct id_map *map, uint32_t id, void *value)
{
	uint32_t i = slot_of(map, id);
	while (map->entries[i].id != 0)
		i = (i + 1) & (map->capacity - 1);
	map->entries[i] = (struct id_map_entry){.id = id, .value = value};
}

static int resize(struct id_map *map, uint32_t capacity)
{
	struct id_map_entry *entries = calloc(capacity, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	if (!map->multiplier && getrandom(&map->multiplier, sizeof(map->multiplier), 0) < 0)
		map->multiplier = (uintptr_t)entries * UINT64_C(0x9e3779b97f4a7c15);
	map->multiplier |= 1;

	struct id_map_entry *old = map->entries;
	uint32_t old_capacity = map->capacity;
	map->entries = entries;
	map->capacity = capacity;
	for (uint32_t i = 0; i < old_capacity; i++)
		if (old[i].id != 0)
			place(map, old[i].id, old[i].value);
	free(old);
	return 0;
}

int id_map_insert(struct id_map *map, uint32_t id, void *value)
{
	assert(id != 0 && value && !entry_of(map, id));
	/* At most three quarters full. */
	if (map->count >= map->capacity / 4 * 3) {
		int err = resize(map, map->capacity ? map->capacity * 2 : MIN_CAPACITY);
		if (err < 0)
			return err;
	}
	place(map, id, value);
	map->count++;
	return 0;
}

void *id_map_remove(struct id_map *map, uint32_t id)
{
	struct id_map_entry *entry = entry_of(map, id);
	if (!entry)
		return NULL;
	void *value = entry->value;
	const uint32_t mask = map->capacity - 1;
	uint32_t hole = (uint32_t)(entry - map->entries);
	/* Entries behind the hole move into it, unless their home is behind it, too. */
	for (uint32_t i = (hole + 1) & mask; map->entries[i].id != 0; i = (i + 1) & mask) {
		uint32_t home = slot_of(map, map->entries[i].id);
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			map->entries[hole] = map->entries[i];
			hole = i;
		}
	}
	map->entries[hole] = (struct id_map_entry){0};
	map->count--;
	return value;
}

void *id_map_next(const struct id_map *map, uint32_t *position)
{
	while (*position < map->capacity) {
		const struct id_map_entry *entry = &map->entries[(*position)++];
		if (entry->id != 0)
			return entry->value;
	}
	return NULL;
}

void *id_map_take_any(struct id_map *map, uint32_t *id)
{
	for (uint32_t i = 0; map->count > 0; i++) {
		if (map->entries[i].id == 0)
			continue;
		*id = map->entries[i].id;
		return id_map_remove(map, *id);
	}
	return NULL;
}

void id_map_finish(struct id_map *map)
{
	free(map->entries);
	*map = (struct id_map){0};
}
