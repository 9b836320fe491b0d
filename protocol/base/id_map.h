/* A hash table from ids that a peer may have chosen (never 0) to pointers. */
#ifndef PROTOCOL_BASE_ID_MAP_H
#define PROTOCOL_BASE_ID_MAP_H

#include <stddef.h>
#include <stdint.h>

/* Zero-initialised is empty. Nobody can choose ids that collide: the hash has a random
 * multiplier. */
struct id_map {
	struct id_map_entry *entries;
	uint32_t capacity; /* a power of two, or 0 */
	uint32_t count;
	uint64_t multiplier;
};

/* NULL if there is none. */
void *id_map_find(const struct id_map *map, uint32_t id);

/* @id must not be in it, nor be 0. 0 or -ENOMEM. */
int id_map_insert(struct id_map *map, uint32_t id, void *value);

/* What was there, or NULL. */
void *id_map_remove(struct id_map *map, uint32_t id);

/*
 * The next entry from *@position on (start with 0), which is advanced past it; NULL at the end. The
 * map must not change meanwhile.
 */
void *id_map_next(const struct id_map *map, uint32_t *position);

/* Removes and returns any entry; NULL when empty. For emptying a map whose values, when they are
 * destroyed, remove others. */
void *id_map_take_any(struct id_map *map, uint32_t *id);

/* Frees the table; the values are the caller's. */
void id_map_finish(struct id_map *map);

#endif
