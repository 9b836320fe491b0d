/* Arithmetic on lengths that a peer sent, and unaligned little-endian access. */
#ifndef PROTOCOL_BASE_BYTES_H
#define PROTOCOL_BASE_BYTES_H

#include <assert.h>
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static_assert(__BYTE_ORDER == __LITTLE_ENDIAN,
	"wire structs are used in place; both ends are little-endian");

#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* The struct that holds @member at @pointer. */
#define container_of(pointer, type, member)                                                        \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Each element of a wl_array in turn; libwayland's own adds to a null pointer when it is empty. */
#define array_for_each(pos, array)                                                                 \
	for ((pos) = (array)->data;                                                                \
		(pos) && (const char *)(pos) < (const char *)(array)->data + (array)->size;        \
		(pos)++)

#define PAGE_BYTES UINT64_C(4096)

/* @value rounded up to a multiple of @unit (a power of two); wraps above 2^64 - unit. */
static inline uint64_t align_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) & ~(unit - 1);
}

/* Whether [offset, offset + length) lies in [0, size); nothing can overflow. */
static inline bool range_fits(uint64_t offset, uint64_t length, uint64_t size)
{
	return offset <= size && length <= size - offset;
}

static inline uint32_t load_u32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void store_u32(void *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

#endif
