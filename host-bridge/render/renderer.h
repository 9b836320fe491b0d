/*
 * wayferry-renderer, seen from the device: what it can do, and the way to a process for each 3D
 * context. It is started before the sandbox is entered; from then on it starts the processes.
 */
#ifndef HOST_BRIDGE_RENDER_RENDERER_H
#define HOST_BRIDGE_RENDER_RENDERER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host-bridge/confine/steps.h"
#include "host-bridge/render/renderer_protocol.h"

#define RENDERER_MAX_CAPSETS 3

struct renderer;

struct renderer_capset {
	uint32_t id, max_version;
	enum renderer_kind kind;
	bool private_textures; /* what a context draws in cannot be shown or shared */
	uint32_t size;
	uint8_t data[RENDERER_MAX_CAPSET_BYTES];
};

struct renderer_config {
	const char *program;     /* wayferry-renderer's path */
	const char *render_node; /* or NULL */
	const char *log_level;   /* its name */
	enum sandbox_mode sandbox;
	bool kinds[RENDERER_N_KINDS];
};

/*
 * Starts it and asks a first process of each kind what it can do, which takes a fraction of a
 * second. NULL, with a log line, when one of them cannot be had.
 */
struct renderer *renderer_create(const struct renderer_config *config);
/* Ends all of its processes. NULL is fine. */
void renderer_destroy(struct renderer *renderer);

/* In the order in which guests are told of them. */
size_t renderer_n_capsets(const struct renderer *renderer);
const struct renderer_capset *renderer_capset_at(const struct renderer *renderer, size_t index);
/* NULL: there is none of this id. */
const struct renderer_capset *renderer_capset(const struct renderer *renderer, uint32_t id);

/*
 * Asks for a process; never waits. Our end of its socket (non-blocking; the caller's), which can be
 * written to at once, and its name to *@worker. -errno: the spawner has left, or does not keep up.
 */
int renderer_spawn(struct renderer *renderer, enum renderer_kind kind, uint32_t *worker);
/* Ends a process and what it has started, whatever it does. */
void renderer_kill(struct renderer *renderer, uint32_t worker);

/* How long a worker may be silent while something is asked of it. */
int renderer_patience_ms(const struct renderer *renderer);
void renderer_set_patience_ms(struct renderer *renderer, int ms);

/* For tests: @spawner is our end of a socket to whatever plays wayferry-renderer (taken). */
struct renderer *renderer_create_on(int spawner, const struct renderer_config *config);

/* The log's name of a kind: "virgl" or "venus". */
const char *renderer_kind_name(enum renderer_kind kind);

#endif
