/*
 * What has changed in the contents of a wl_surface, and since when.
 *
 * A client damages what is new on the surface. A copy of the surface that was last brought up to
 * date some buffers ago lacks what changed in each buffer since then, so the damage of the latest
 * ones is remembered; a copy knows by number (damage::shown) which buffer it is of.
 */
#ifndef PROTOCOL_PIXELS_DAMAGE_H
#define PROTOCOL_PIXELS_DAMAGE_H

#include <pixman.h>
#include <stdbool.h>
#include <stdint.h>

#define DAMAGE_HISTORY 8

struct damage {
	pixman_region32_t surface; /* surface coordinates, since the last commit */
	pixman_region32_t buffer;  /* buffer coordinates, since the last buffer */
	int32_t scale, transform;
	bool viewport; /* cropped or scaled, or may be */
	bool whole;    /* the next buffer has nothing in common with the last one */
	int32_t width, height;
	uint64_t shown;                            /* how many buffers there were */
	pixman_region32_t history[DAMAGE_HISTORY]; /* of buffer n at n % DAMAGE_HISTORY */
};

void damage_init(struct damage *damage);
void damage_finish(struct damage *damage);

/* wl_surface.damage and damage_buffer, with any arguments. */
void damage_add_surface(struct damage *damage, int32_t x, int32_t y, int32_t width, int32_t height);
void damage_add_buffer(struct damage *damage, int32_t x, int32_t y, int32_t width, int32_t height);
/* wl_surface.set_buffer_scale and set_buffer_transform, with any argument. */
void damage_set_scale(struct damage *damage, int32_t scale);
void damage_set_transform(struct damage *damage, int32_t transform);

/* wl_surface.commit: the surface damage becomes buffer damage. */
void damage_commit(struct damage *damage);
/* wl_surface.commit, where it shows a buffer that nobody copies: whatever is copied next is new all
 * over. */
void damage_drop(struct damage *damage);
/* After damage_commit, where it shows a new buffer of @width x @height. */
void damage_show(struct damage *damage, int32_t width, int32_t height);

/*
 * Where the buffer that is shown differs from the one with number @shown (0: from anything), in
 * buffer coordinates inside the buffer. @out is initialised already.
 */
void damage_since(struct damage *damage, uint64_t shown, pixman_region32_t *out);

#endif
