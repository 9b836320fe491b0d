/* How large texts and cursors are to be, as X clients look it up: XSETTINGS and RESOURCE_MANAGER.
 */
#ifndef GUEST_PROXY_X11_DISPLAY_XSETTINGS_H
#define GUEST_PROXY_X11_DISPLAY_XSETTINGS_H

#include "guest-proxy/x11/base/session.h"

/* Becomes the manager of XSETTINGS. */
void xsettings_start(struct session *session);

/* The scale is another one: everybody is told. */
void xsettings_update(struct session *session);

/* XSETTINGS as bytes; returns how many, at most XSETTINGS_BYTES. */
#define XSETTINGS_BYTES 512
size_t xsettings_encode(uint32_t serial, uint32_t scale, uint32_t dpi, uint8_t *out);

/*
 * @old (@n bytes of resources, one a line) with our lines in place of those of their names. The
 * caller's to free; NULL when memory is short.
 */
char *xsettings_merge(const char *old, size_t n, uint32_t scale, uint32_t dpi);

#endif
