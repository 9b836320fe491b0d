/*
 * wayferry-renderer, as the device sees it: the capsets that it offers, and a worker process for
 * each 3D context. It is started before the sandbox is entered; it then starts the workers.
 */
#ifndef HOST_BRIDGE_RENDER_RENDERER_H
#define HOST_BRIDGE_RENDER_RENDERER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host-bridge/confine/steps.h"
#include "host-bridge/render/renderer_protocol.h"

#define RENDERER_MAX_CAPSETS 5

struct renderer;

struct renderer_capset {
	uint32_t id, max_version;
	enum renderer_kind kind;
	bool private_textures; /* textures of its contexts cannot be exported: not shown, not shared
				*/
	uint32_t size;
	uint8_t data[RENDERER_MAX_CAPSET_BYTES];
};

struct renderer_speed { /* MiB/s */
	uint32_t buffer_written, memory_written;
};

struct renderer_config {
	const char *program;                 /* wayferry-renderer's path */
	const char *render_node;             /* as render_node_find has it, or NULL */
	const char *display;                 /* for that, or NULL */
	const struct main_device_wait *wait; /* likewise; NULL: without a word */
	const char *log_level;               /* its name */
	enum sandbox_mode sandbox;
	bool kinds[RENDERER_N_KINDS];
	/* Of RENDERER_KIND_GBM: it is taken only where its buffers can be had and are not much
	 * slower than memory. Else, where they cannot be had, there is no start. */
	bool gbm_if_good;
};

/*
 * Starts it, and a first worker of each kind, which is asked for its capsets; this takes a fraction
 * of a second. NULL, with a log line, when one of them does not start.
 */
struct renderer *renderer_create(const struct renderer_config *config);
/* Ends all of its processes. NULL is fine. */
void renderer_destroy(struct renderer *renderer);

/* In the order in which guests see them. */
size_t renderer_n_capsets(const struct renderer *renderer);
const struct renderer_capset *renderer_capset_at(const struct renderer *renderer, size_t index);
/* NULL: it has no capset with this id. */
const struct renderer_capset *renderer_capset(const struct renderer *renderer, uint32_t id);

/* Whether there are workers of RENDERER_KIND_GBM. */
bool renderer_has_gbm(const struct renderer *renderer);
/* How fast a buffer of theirs is. */
const struct renderer_speed *renderer_gbm_speed(const struct renderer *renderer);

/*
 * Asks for a worker without waiting for it. Returns our end of its socket (non-blocking; the
 * caller's), to which requests can be written at once, and the worker's id in *@worker; or -errno:
 * wayferry-renderer has ended, or its socket is full.
 */
int renderer_spawn(struct renderer *renderer, enum renderer_kind kind, uint32_t *worker);
/* Kills a worker and all that it has started. */
void renderer_kill(struct renderer *renderer, uint32_t worker);

/* How long a worker may leave a ping unanswered before it is taken to hang. */
int renderer_timeout_ms(const struct renderer *renderer);
void renderer_set_timeout_ms(struct renderer *renderer, int ms);

/* For tests: @spawner (taken) is our end of a socket whose other end plays wayferry-renderer. */
struct renderer *renderer_create_on(int spawner, const struct renderer_config *config);

/* The name of a kind, for options and the log: "virgl", "venus" and so on. */
const char *renderer_kind_name(enum renderer_kind kind);

#endif
