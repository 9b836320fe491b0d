/* Pixel formats of wl_shm, as far as copying needs to know them. */
#ifndef GUEST_PROXY_WINDOWS_SHM_FORMAT_H
#define GUEST_PROXY_WINDOWS_SHM_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How many bytes a pixel of a wl_shm format has; 0 for formats that are unknown or have several
 * planes. *@pair (may be NULL): pixels share bytes with their neighbours in the row, so only whole
 * rows can be copied.
 */
uint32_t shm_format_pixel_bytes(uint32_t format, bool *pair);

#endif
