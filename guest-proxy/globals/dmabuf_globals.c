/*
 * The globals of linux-dmabuf and wl_drm, and the formats that are announced for them. Clients are
 * offered the newest linux-dmabuf that this build knows: where the host's is older, feedback is
 * made here of the formats that the host announces.
 */
#include "guest-proxy/globals/dmabuf_globals.h"

#include <drm_fourcc.h>
#include <stdlib.h>
#include <string.h>

#include "guest-proxy/globals/dmabuf_feedback.h"
#include "guest-proxy/dmabuf/dmabuf_formats.h"
#include "guest-proxy/dmabuf/dmabuf_state.h"
#include "guest-proxy/dmabuf/drm.h"
#include "guest-proxy/fences/fence_sync.h"
#include "guest-proxy/sync/timeline.h"
#include "protocol/base/bytes.h"

#define DMABUF "zwp_linux_dmabuf_v1"
#define DRM "wl_drm"
#define DRM_VERSION 2
#define FENCES "zwp_linux_explicit_synchronization_v1"
#define SYNCOBJ "wp_linux_drm_syncobj_manager_v1"
#define IMMEDIATE_VERSION 2 /* create_immed, which wl_drm's buffers are made with */
/*
 * Not 6. What that has more is the choice of the device that samples a buffer, and guests have one
 * device. In its place goes the main device: compositors do not send that in version 6, and GTK
 * 4.18, which binds whatever is offered, ends without it. To send it there as well would be true of
 * the device, but not what the version says.
 */
#define DMABUF_MAX_VERSION 5
#define DMABUF_MODIFIER_VERSION 3

/* Managers */

static void manager_unref(struct dmabuf_manager *manager)
{
	if (--manager->refs > 0)
		return;
	wl_array_release(&manager->pairs);
	free(manager);
}

static void forget_manager(struct relay_object *object)
{
	manager_unref(object->data);
	object->data = NULL;
}

/* All formats of a manager that was bound are announced. */
static void handle_complete(struct relay_sync *sync, struct relay *relay)
{
	struct dmabuf_manager *manager = container_of(sync, struct dmabuf_manager, sync);

	if (relay) {
		manager->complete = true;
		dmabuf_feedback_complete(relay, manager);
	}
	manager_unref(manager);
}

/* Asks the host to say when it has announced all formats of @manager, which was just bound. 0 or
 * -errno. */
static int ask_for_end(struct relay *relay, struct dmabuf_manager *manager)
{
	int error = relay_sync_ask(relay, &manager->sync, handle_complete);

	manager->refs += relay_sync_waits(&manager->sync);
	return error;
}

static enum relay_verdict bind_manager(struct relay_message *message)
{
	struct relay *relay = message->relay;
	struct relay_object *object = message->args[3].object;
	struct dmabuf_manager *manager = calloc(1, sizeof(*manager));
	union wire_arg args[4];

	if (!manager)
		return relay_fail_memory(relay, "linux-dmabuf");
	manager->refs = 1;
	manager->host_version = (uint32_t)min_u64(object->version, dmabuf_state(relay)->version);
	wl_array_init(&manager->pairs);
	wl_list_init(&manager->waiting);
	object->data = manager;
	object->data_destroy = forget_manager;
	memcpy(args, message->args, sizeof(args));
	args[2].u = manager->host_version;
	if (relay_send_named(relay, RELAY_UP, message->object, "bind", args) < 0)
		return RELAY_FAILED;
	if (object->version >= DMABUF_FEEDBACK_VERSION &&
		manager->host_version < DMABUF_FEEDBACK_VERSION && ask_for_end(relay, manager) < 0)
		return relay_fail_memory(relay, "linux-dmabuf");
	return RELAY_SWALLOW;
}

/* wl_registry.bind(name, interface, version, id) */
static enum relay_verdict handle_bind(struct relay_message *message)
{
	/* Of those that the client was told of, as the relay has checked. */
	if (strcmp(message->args[1].s, DRM) == 0)
		return drm_bind(message);
	if (strcmp(message->args[1].s, DMABUF) == 0)
		return bind_manager(message);
	bool ours =
		strcmp(message->args[1].s, SYNCOBJ) == 0 || strcmp(message->args[1].s, FENCES) == 0;
	return ours ? RELAY_SWALLOW : RELAY_FORWARD;
}

/* The host has announced a pair to @message's object. */
static enum relay_verdict take_pair(
	struct relay_message *message, uint32_t format, uint64_t modifier, bool redundant)
{
	struct connection *connection = connection_of(message->relay);
	struct dmabuf_manager *manager = message->object->data;

	if (!dmabuf_usable(connection->gpu, format, modifier))
		return RELAY_SWALLOW;
	if (message->object == connection->dmabuf->manager.object) {
		drm_format(message->relay, format, modifier);
		return RELAY_SWALLOW;
	}
	if (message->object->version < DMABUF_FEEDBACK_VERSION)
		return RELAY_FORWARD;
	if (!redundant && manager)
		dmabuf_pairs_add(&manager->pairs, format, modifier);
	return RELAY_SWALLOW;
}

/* zwp_linux_dmabuf_v1.format(format): redundant from version 3 on, which has modifier. */
static enum relay_verdict handle_format(struct relay_message *message)
{
	const struct dmabuf_manager *manager = message->object->data;
	bool ours = message->object == dmabuf_state(message->relay)->manager.object;
	return take_pair(message, message->args[0].u, DRM_FORMAT_MOD_INVALID,
		!ours && manager && manager->host_version >= DMABUF_MODIFIER_VERSION);
}

/* zwp_linux_dmabuf_v1.modifier(format, modifier_hi, modifier_lo) */
static enum relay_verdict handle_modifier(struct relay_message *message)
{
	const union wire_arg *args = message->args;
	return take_pair(message, args[0].u, (uint64_t)args[1].u << 32 | args[2].u, false);
}

/* Globals of ours, which come and go with the host's linux-dmabuf. */
static const struct own_global {
	uint32_t name;
	const char *interface;
	uint32_t version;
} own_globals[] = {
	{OWN_DRM_NAME, DRM, DRM_VERSION},
	{OWN_SYNCOBJ_NAME, SYNCOBJ, 1},
	{OWN_FENCES_NAME, FENCES, 2},
};

static bool is_own(uint32_t name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(own_globals); i++) {
		if (own_globals[i].name == name)
			return true;
	}
	return false;
}

/* Whether clients are told of it beside a linux-dmabuf of the host of @version. */
static bool is_offered(
	const struct own_global *own, const struct connection *connection, uint32_t version)
{
	switch (own->name) {
	case OWN_DRM_NAME:
		return version >= IMMEDIATE_VERSION;
	case OWN_SYNCOBJ_NAME:
		return connection->gpu->syncobjs != NULL;
	default:
		return true;
	}
}

/* Tells @registry of our globals, or of their end. */
static void tell_own_globals(struct relay *relay, struct relay_object *registry, bool removed)
{
	for (size_t i = 0; i < ARRAY_LENGTH(own_globals); i++) {
		const struct own_global *own = &own_globals[i];
		if (is_offered(own, connection_of(relay), dmabuf_state(relay)->version))
			relay_send_named(relay, RELAY_DOWN, registry,
				removed ? "global_remove" : "global",
				(union wire_arg[]){{.u = own->name}, {.s = own->interface},
					{.u = own->version}});
	}
}

/*
 * wl_registry.global(name, interface, version). Of several linux-dmabuf globals clients see the
 * first: what is known of the host's belongs to one.
 */
static enum relay_verdict handle_global(struct relay_message *message)
{
	struct dmabuf_state *state = dmabuf_state(message->relay);
	uint32_t name = message->args[0].u;

	if (is_own(name))
		return RELAY_SWALLOW;
	if (strcmp(message->args[1].s, DMABUF) != 0)
		return RELAY_FORWARD;
	if (state->version > 0 && !state->removed && name != state->name)
		return RELAY_SWALLOW;
	state->name = name;
	state->version = message->args[2].u;
	state->removed = false;
	if (!state->registry.object)
		relay_ref_set(&state->registry, message->object);
	message->args[2].u = (uint32_t)min_u64(
		DMABUF_MAX_VERSION, (uint64_t)interface_find(DMABUF)->wl->version);
	tell_own_globals(message->relay, message->object, false);
	return RELAY_FORWARD;
}

/* wl_registry.global_remove(name) */
static enum relay_verdict handle_global_remove(struct relay_message *message)
{
	struct dmabuf_state *state = dmabuf_state(message->relay);
	uint32_t name = message->args[0].u;

	if (is_own(name))
		return RELAY_SWALLOW;
	if (name != state->name || state->version == 0)
		return RELAY_FORWARD;
	state->removed = true;
	tell_own_globals(message->relay, message->object, true);
	return RELAY_FORWARD;
}

const struct relay_hook dmabuf_global_hooks[] = {
	{"wl_registry", "global", handle_global, RELAY_UP},
	{"wl_registry", "global_remove", handle_global_remove, RELAY_UP},
	{"wl_registry", "bind", handle_bind, RELAY_DOWN},
	{DMABUF, "format", handle_format, RELAY_UP},
	{DMABUF, "modifier", handle_modifier, RELAY_UP},
	{0},
};
