/* Ranges of whole units (pages) handed out of [start, start + length): what is free, sorted and
 * joined. */
#ifndef GUEST_PROXY_GPU_RINGS_EXTENTS_H
#define GUEST_PROXY_GPU_RINGS_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct extent {
	uint64_t start, length;
};

struct extents {
	struct extent *free; /* sorted by start, no two touch */
	size_t n_free, capacity;
	size_t n_used;   /* ranges handed out */
	uint64_t cursor; /* behind the range handed out last */
};

enum extents_order {
	EXTENTS_LOWEST, /* the lowest range that fits: few pages are ever touched */
	EXTENTS_NEXT, /* the next one behind the last: what was given back rests as long as possible
		       */
};

/* 0 or -ENOMEM. */
int extents_init(struct extents *extents, uint64_t start, uint64_t length);
void extents_finish(struct extents *extents);

/* A range of @length > 0 units in *@start. 0, -ENOSPC or -ENOMEM. */
int extents_take(
	struct extents *extents, uint64_t length, enum extents_order order, uint64_t *start);

/* Gives back exactly what extents_take handed out. Cannot fail. */
void extents_give(struct extents *extents, uint64_t start, uint64_t length);

#endif
