/* The outside of ICC profiles. */
#include "protocol/pixels/icc_profile.h"

#include <string.h>

#include "protocol/base/bytes.h"

/* Places in the header (ICC.1:2022, table 17), and in the table behind it. */
#define AT_SIZE 0
#define AT_VERSION 8
#define AT_CLASS 12
#define AT_SIGNATURE 36
#define TAG_BYTES 12 /* signature, offset, size */
#define TAG_MIN_BYTES 8
#define TAGS_MAX 100 /* real ones have up to thirty */

static uint32_t number_at(const uint8_t *profile, size_t at)
{
	return (uint32_t)profile[at] << 24 | (uint32_t)profile[at + 1] << 16 |
		(uint32_t)profile[at + 2] << 8 | profile[at + 3];
}

static const char *check_tags(const uint8_t *profile, uint32_t size)
{
	uint32_t n = number_at(profile, ICC_PROFILE_HEADER_BYTES);
	const uint32_t table = ICC_PROFILE_HEADER_BYTES + 4;

	if (n == 0 || n > TAGS_MAX || !range_fits(table, (uint64_t)n * TAG_BYTES, size))
		return "an impossible number of tags";
	for (uint32_t i = 0; i < n; i++) {
		uint32_t offset = number_at(profile, table + i * TAG_BYTES + 4);
		uint32_t bytes = number_at(profile, table + i * TAG_BYTES + 8);
		if (bytes < TAG_MIN_BYTES || offset < table + n * TAG_BYTES ||
			!range_fits(offset, bytes, size))
			return "a tag outside of the profile";
	}
	return NULL;
}

const char *icc_profile_check(const uint8_t *profile, size_t size)
{
	if (size < ICC_PROFILE_HEADER_BYTES + 4)
		return "too short";
	uint32_t own_size = number_at(profile, AT_SIZE);
	if (memcmp(profile + AT_SIGNATURE, "acsp", 4) != 0)
		return "no ICC profile";
	if (own_size < ICC_PROFILE_HEADER_BYTES + 4 || own_size > size)
		return "a size that is not its own";
	if (profile[AT_VERSION] != 2 && profile[AT_VERSION] != 4)
		return "neither of version 2 nor 4";
	if (memcmp(profile + AT_CLASS, "mntr", 4) != 0 &&
		memcmp(profile + AT_CLASS, "spac", 4) != 0)
		return "neither of a display nor of a colour space";
	return check_tags(profile, own_size);
}
