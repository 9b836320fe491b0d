/*
 * Xwayland's wl_buffers: how large they are, whatever they are made of, and for those in shared
 * memory where their pixels are.
 *
 * A window may get a shape at any time, and is copied then (masked.h); so the files of buffers are
 * kept open, as long as there are not too many: then the oldest goes that no shaped window shows.
 */
#ifndef GUEST_PROXY_X11_DISPLAY_BUFFER_H
#define GUEST_PROXY_X11_DISPLAY_BUFFER_H

#include "guest-proxy/x11/base/session.h"

#define BUFFERS_READABLE 256 /* files that are kept open, of one life of Xwayland */

struct buffer {
	struct session *session;
	struct wl_list link; /* session::readable, the newest last; of its own where fd is -1 */
	int32_t width, height;
	int32_t offset, stride; /* bytes, in the file */
	uint32_t format;        /* enum wl_shm_format */
	int fd;                 /* -1: no file, or not any more */
	bool shaped;            /* a shaped window shows it */
};

extern const struct relay_hook buffer_hooks[];

/* 0x0 for none, or where it is not known. */
void buffer_size(const struct relay_object *object, int32_t *width, int32_t *height);

/* @object's, if its pixels can be read and have 8 bits of each colour; else NULL. */
struct buffer *buffer_readable(const struct relay_object *object);

#endif
