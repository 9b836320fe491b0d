/* The smallest ICC profile that is one from the outside, for tests. */
#ifndef TESTS_UNIT_PROFILE_H
#define TESTS_UNIT_PROFILE_H

#include <stdint.h>
#include <string.h>

#define PROFILE_BYTES 160 /* header, one tag's line, that tag of 16 bytes */
#define PROFILE_TAG_LINE 132

static inline void profile_put(uint8_t *profile, size_t at, uint32_t number)
{
	profile[at] = (uint8_t)(number >> 24);
	profile[at + 1] = (uint8_t)(number >> 16);
	profile[at + 2] = (uint8_t)(number >> 8);
	profile[at + 3] = (uint8_t)number;
}

static inline void profile_make(uint8_t profile[PROFILE_BYTES])
{
	memset(profile, 0, PROFILE_BYTES);
	profile_put(profile, 0, PROFILE_BYTES);
	profile[8] = 4;
	memcpy(profile + 12, "mntrRGB XYZ ", 12);
	memcpy(profile + 36, "acsp", 4);
	profile_put(profile, 128, 1);
	memcpy(profile + PROFILE_TAG_LINE, "desc", 4);
	profile_put(profile, PROFILE_TAG_LINE + 4, 144);
	profile_put(profile, PROFILE_TAG_LINE + 8, 16);
	memcpy(profile + 144, "mluc", 4);
}

#endif
