/* Ranges of whole units (pages) handed out of a larger one. */
#include "guest-proxy/gpu/rings/extents.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Between two free ranges lies at least one that is in use, so there are at most n_used + 1 free
 * ones. Room for them is made when a range is taken; giving one back then needs no memory.
 */
static int make_room(struct extents *extents)
{
	size_t needed = extents->n_used + 2;
	if (needed <= extents->capacity)
		return 0;
	size_t capacity = extents->capacity ? extents->capacity * 2 : 16;
	struct extent *grown = reallocarray(extents->free, capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	extents->free = grown;
	extents->capacity = capacity;
	return 0;
}

int extents_init(struct extents *extents, uint64_t start, uint64_t length)
{
	*extents = (struct extents){.cursor = start};
	int error = make_room(extents);
	if (error < 0)
		return error;
	if (length > 0)
		extents->free[extents->n_free++] = (struct extent){start, length};
	return 0;
}

void extents_finish(struct extents *extents)
{
	free(extents->free);
	*extents = (struct extents){0};
}

/* The index of the first free range that ends behind @position. */
static size_t first_behind(const struct extents *extents, uint64_t position)
{
	size_t low = 0, high = extents->n_free;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct extent *e = &extents->free[middle];
		if (e->start + e->length <= position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void insert_at(struct extents *extents, size_t index, struct extent extent)
{
	assert(extents->n_free < extents->capacity);
	struct extent *at = extents->free + index;
	memmove(at + 1, at, (extents->n_free - index) * sizeof(*at));
	*at = extent;
	extents->n_free++;
}

static void remove_at(struct extents *extents, size_t index)
{
	struct extent *at = extents->free + index;
	extents->n_free--;
	memmove(at, at + 1, (extents->n_free - index) * sizeof(*at));
}

/* Takes [from, from + length) out of free range @index, in which it lies. */
static void cut(struct extents *extents, size_t index, uint64_t from, uint64_t length)
{
	struct extent *e = &extents->free[index];
	struct extent rest = {from + length, e->start + e->length - (from + length)};

	e->length = from - e->start;
	if (e->length == 0 && rest.length == 0)
		remove_at(extents, index);
	else if (e->length == 0)
		*e = rest;
	else if (rest.length > 0)
		insert_at(extents, index + 1, rest);
	extents->n_used++;
	extents->cursor = from + length;
}

int extents_take(
	struct extents *extents, uint64_t length, enum extents_order order, uint64_t *start)
{
	int error = make_room(extents);
	if (error < 0)
		return error;
	size_t first = order == EXTENTS_NEXT ? first_behind(extents, extents->cursor) : 0;
	/* Once more round than there are ranges: the first one may fit only below the cursor. */
	for (size_t i = 0; i <= extents->n_free && extents->n_free > 0; i++) {
		size_t index = (first + i) % extents->n_free;
		const struct extent *e = &extents->free[index];
		uint64_t from = e->start, end = e->start + e->length;
		if (order == EXTENTS_NEXT && i == 0 && extents->cursor > from &&
			extents->cursor < end)
			from = extents->cursor;
		if (length > end - from)
			continue;
		cut(extents, index, from, length);
		*start = from;
		return 0;
	}
	return -ENOSPC;
}

void extents_give(struct extents *extents, uint64_t start, uint64_t length)
{
	assert(extents->n_used > 0 && length > 0);
	size_t index = first_behind(extents, start);
	struct extent *next = index < extents->n_free ? &extents->free[index] : NULL;
	struct extent *previous = index > 0 ? &extents->free[index - 1] : NULL;
	assert(!next || (next->start > start && next->start - start >= length));

	bool joins_previous = previous && previous->start + previous->length == start;
	bool joins_next = next && start + length == next->start;
	if (joins_previous && joins_next) {
		previous->length += length + next->length;
		remove_at(extents, index);
	} else if (joins_previous) {
		previous->length += length;
	} else if (joins_next) {
		next->start = start;
		next->length += length;
	} else {
		insert_at(extents, index, (struct extent){start, length});
	}
	extents->n_used--;
}
