/*
 * A client's relay with the hooks for buffers and surfaces, between a test's client and a
 * compositor that looks.
 */
#ifndef TESTS_SURFACE_RIG_H
#define TESTS_SURFACE_RIG_H

#include "guest-proxy/connection/connection.h"
#include "tests/unit/fake_channel.h"
#include "tests/unit/wayland_rig.h"

/* A wl_buffer as the compositor knows it. */
struct rig_buffer {
	struct channel_blob *blob; /* a reference, as the host has one */
	int32_t offset, width, height, stride;
	uint32_t format;
	bool alive, held;  /* held: attached, not yet released */
	uint8_t *snapshot; /* its bytes when it was committed, while held */
};

struct rig_surface {
	uint32_t attached; /* pending; wl_buffer id, 0: none or null */
	bool attach_pending;
	uint32_t current;
	unsigned commits;
	uint32_t release_asked; /* the callback for the release of the last buffer; 0: none */
};

struct surface_rig {
	struct connection connection;
	struct wl_event_loop *loop;
	struct turn turn;
	unsigned held; /* how often the relay was held and went on */
	struct relay_hooks *hooks;
	struct rig_peer client, compositor;

	/* the compositor's */
	struct channel_blob *pools[RIG_OBJECTS];
	struct rig_buffer buffers[RIG_OBJECTS];
	struct rig_surface surfaces[RIG_OBJECTS];
	uint32_t buffers_made, buffers_destroyed;
	bool may_reuse; /* the test makes buffers scarce: those the compositor holds may change */
	uint32_t deletes[RIG_OBJECTS]; /* ids to be sent in delete_id when the relay is at rest */
	uint32_t n_deletes;
	/* Called at each commit with a new buffer (NULL: attached null). */
	void (*committed)(void *data, uint32_t surface, struct rig_buffer *buffer);
	void *committed_data;

	/* the client's */
	uint32_t registry, compositor_id, shm, viewporter;
	unsigned releases; /* of the client's wl_buffers */
	unsigned callbacks_done;
	uint32_t error_id, error_code;
	char error[256];
	unsigned woken;
};

/* With wl_compositor 7, wl_shm and wp_viewporter bound. */
void surface_rig_init(struct surface_rig *rig);
void surface_rig_finish(struct surface_rig *rig);

/* A client's request; asserts that it was good. */
void rig_request(
	struct surface_rig *rig, uint32_t id, const char *name, const union wire_arg *args);
/* The same for one that must fail with @code for object @error_id. */
void rig_bad_request(struct surface_rig *rig, uint32_t id, const char *name,
	const union wire_arg *args, uint32_t error_id, uint32_t code);
/* The compositor's event. */
void rig_event(struct surface_rig *rig, uint32_t id, const char *name, const union wire_arg *args);

uint32_t rig_create_surface(struct surface_rig *rig);
/* @fd is borrowed. */
uint32_t rig_create_pool(struct surface_rig *rig, int fd, int32_t size);
uint32_t rig_create_buffer(struct surface_rig *rig, uint32_t pool, int32_t offset, int32_t width,
	int32_t height, int32_t stride, uint32_t format);
/* The compositor gives a wl_buffer (its id) back. */
void rig_release(struct surface_rig *rig, uint32_t buffer);
/* The compositor's id of a client's object. */
uint32_t rig_up_id(struct surface_rig *rig, uint32_t id);
struct rig_surface *rig_surface_of(struct surface_rig *rig, uint32_t id);

#endif
