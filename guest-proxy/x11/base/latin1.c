/* Texts of X clients that know nothing else: their STRING is Latin-1, Wayland's texts are UTF-8. */
#include "guest-proxy/x11/base/latin1.h"

#define ASCII_MAX 0x7f
#define LATIN1_MAX 0xff
#define LACKING '?'

size_t latin1_from_utf8(struct latin1_reader *reader, uint8_t *bytes, size_t n)
{
	size_t used = 0;
	for (size_t i = 0; i < n; i++) {
		uint8_t byte = bytes[i];
		if (byte <= ASCII_MAX) {
			reader->missing = 0;
			bytes[used++] = byte;
		} else if (byte >= 0xc0) { /* the first of two, three or four */
			reader->missing = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
			reader->code = byte & (0x3fu >> reader->missing);
		} else if (reader->missing > 0) {
			reader->code = reader->code << 6 | (byte & 0x3f);
			if (--reader->missing == 0 && reader->code > ASCII_MAX)
				bytes[used++] = reader->code <= LATIN1_MAX ? (uint8_t)reader->code
									   : LACKING;
		}
	}
	return used;
}

size_t latin1_to_utf8(const uint8_t *bytes, size_t n, uint8_t *out)
{
	size_t used = 0;
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] > ASCII_MAX)
			out[used++] = (uint8_t)(0xc0 | bytes[i] >> 6);
		out[used++] = bytes[i] > ASCII_MAX ? (uint8_t)(0x80 | (bytes[i] & 0x3f)) : bytes[i];
	}
	return used;
}
