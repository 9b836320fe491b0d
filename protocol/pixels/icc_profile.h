/*
 * Colour profiles of the International Color Consortium (ICC.1:2022), as far as one is looked at
 * before somebody else reads it: its header and its table of tags.
 */
#ifndef PROTOCOL_PIXELS_ICC_PROFILE_H
#define PROTOCOL_PIXELS_ICC_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#define ICC_PROFILE_HEADER_BYTES 128
/* What crosses at most. Profiles of displays have some kilobytes, those with tables rarely more
 * than one or two megabytes. */
#define ICC_PROFILE_MAX_BYTES (UINT32_C(4) << 20)
/* What the color-management protocol allows. */
#define ICC_PROFILE_PROTOCOL_MAX_BYTES UINT32_C(32000000)

/*
 * NULL if the @size bytes at @profile are what color-management-v1 takes: version 2 or 4, of a
 * display or a colour space (ICC.1 7.2), and its tags lie within it (7.3). Else why not, for
 * people. What is in the tags is not looked at, nor how many colours there are.
 */
const char *icc_profile_check(const uint8_t *profile, size_t size);

#endif
