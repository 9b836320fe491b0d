/* Buffers of a GPU, by a worker of RENDERER_KIND_GBM, for all contexts of the machine. */
#ifndef HOST_BRIDGE_RENDER_RENDERER_IMAGES_H
#define HOST_BRIDGE_RENDER_RENDERER_IMAGES_H

#include <stdio.h>
#include <wayland-server-core.h>

#include "host-bridge/contexts/image_maker.h"
#include "host-bridge/render/renderer.h"

struct renderer_images;

/* @renderer has_gbm, and is borrowed, as is @loop. NULL when memory is short. */
struct renderer_images *renderer_images_create(
	struct renderer *renderer, struct wl_event_loop *loop);
/* Contexts are gone by then. NULL is fine. */
void renderer_images_destroy(struct renderer_images *images);

struct image_maker *renderer_images_maker(struct renderer_images *images);

/* Counters, as lines "name value". */
void renderer_images_print(const struct renderer_images *images, FILE *file);

#endif
