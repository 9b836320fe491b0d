/* The relay engine's outgoing half: ids translated and messages sent, failures, and the ends of
 * objects. */
#include "protocol/relay/relay.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/base/fd.h"
#include "protocol/relay/relay_private.h"

#define LOG_MODULE "relay"
#include "protocol/base/log.h"

static uint32_t id_for_text(const struct relay_object *object)
{
	return object->id[RELAY_DOWN] ? object->id[RELAY_DOWN] : object->id[RELAY_UP];
}

void *relay_data(const struct relay *relay)
{
	return relay->data;
}

const struct relay_counters *relay_counters(const struct relay *relay)
{
	return &relay->counters;
}

const char *relay_failure(const struct relay *relay)
{
	return relay->error ? relay->failure : NULL;
}

struct relay_object *relay_object_at(struct relay *relay, enum relay_end end, uint32_t id)
{
	return objects_at(&relay->objects, end, id);
}

struct relay_object *relay_object_create(
	struct relay *relay, const struct interface *interface, uint32_t version)
{
	struct relay_object *object = object_create(&relay->objects, interface, version);
	relay->counters.objects = relay->objects.count;
	return object;
}

/* Sending */

static size_t args_collect_handles(const struct wire_signature *signature,
	const union wire_arg *args, struct wire_handle *handles)
{
	size_t n = 0;
	for (size_t i = 0; n < signature->n_handles && i < signature->n_args; i++) {
		if (signature->args[i].type == 'h')
			handles[n++] = args[i].handle;
	}
	return n;
}

void args_finish_handles(const struct wire_signature *signature, const union wire_arg *args)
{
	struct wire_handle handles[FD_MESSAGE_MAX];
	size_t n = args_collect_handles(signature, args, handles);
	wire_handles_drop(handles, n);
}

/*
 * Copies @args to @out with the ids of their objects at @to. New objects get theirs only when
 * nothing else can fail. Returns the number of the argument that cannot be told there, or -1.
 */
static int translate_args(struct relay *relay, enum relay_end to, const struct message_rule *rule,
	const union wire_arg *args, union wire_arg *out)
{
	const struct wire_signature *signature = &rule->signature;
	for (size_t i = 0; i < signature->n_args; i++) {
		out[i] = args[i];
		if (signature->args[i].type != 'o')
			continue;
		const struct relay_object *object = args[i].object;
		/* A client knows what it destroyed until delete_id; the compositor does not know it
		 * any more. */
		bool known = object && object->id[to] && !(to == RELAY_UP && object->destroyed);
		out[i].id = known ? object->id[to] : 0;
		if (!known && !signature->args[i].nullable)
			return (int)i;
	}
	for (size_t i = 0; signature->n_new > 0 && i < signature->n_args; i++) {
		if (signature->args[i].type != 'n')
			continue;
		struct relay_object *object = args[i].object;
		if (!object || object->id[to] || object_assign_id(&relay->objects, object, to) < 0)
			return (int)i;
		out[i].id = object->id[to];
	}
	return -1;
}

/* Encodes and sends. Takes the handles in @args. 0, or the relay has failed. */
static int send_message(struct relay *relay, enum relay_end to, const struct relay_object *object,
	const struct message_rule *rule, uint16_t opcode, const union wire_arg *args)
{
	uint8_t bytes[WIRE_MAX_MESSAGE_BYTES];
	struct wire_handle handles[FD_MESSAGE_MAX];
	ssize_t size =
		wire_encode(&rule->signature, object->id[to], opcode, args, bytes, sizeof(bytes));
	if (size < 0) {
		args_finish_handles(&rule->signature, args);
		relay_fail(relay, NULL, WL_DISPLAY_ERROR_IMPLEMENTATION,
			"%s@%u.%s: message is too long", object->interface->wl->name,
			id_for_text(object), rule->description->name);
		return relay->error;
	}
	if (relay->trace)
		relay_trace_message(relay, to, true, object, rule, args);
	size_t n_handles = args_collect_handles(&rule->signature, args, handles);
	int error = relay->ops->send(relay->data, to, bytes, (size_t)size, handles, n_handles);
	if (error && !relay->error) {
		relay->error = error;
		snprintf(relay->failure, sizeof(relay->failure), "cannot send to the %s: %s",
			to == RELAY_UP ? "compositor" : "client", strerror(-error));
	}
	return error;
}

/* Notes what DOWN is being told by a wl_registry.global or .global_remove. 0 or -ENOMEM. */
static int note_global(struct relay *relay, uint16_t opcode, const union wire_arg *args)
{
	if (opcode == WL_REGISTRY_GLOBAL)
		return globals_add(&relay->globals,
			&(struct global){
				.name = args[0].u,
				.interface = interface_find(args[1].s),
				.version = args[2].u,
			});
	struct global *global = globals_find(&relay->globals, args[0].u);
	if (global)
		global->removed = true;
	return 0;
}

int relay_emit(struct relay *relay, enum relay_end to, const struct relay_object *object,
	const struct message_rule *rule, uint16_t opcode, const union wire_arg *args, int *bad)
{
	union wire_arg out[WIRE_MAX_ARGS];
	*bad = translate_args(relay, to, rule, args, out);
	if (*bad >= 0)
		return -ENOENT;
	if (rule->announces && to == RELAY_DOWN && note_global(relay, opcode, args) < 0) {
		relay_fail(relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY, "too many globals");
		return relay->error;
	}
	return send_message(relay, to, object, rule, opcode, out);
}

/* Also after a failure, so that the client learns why. */
static void send_display_event(struct relay *relay, uint16_t opcode, const union wire_arg *args)
{
	const struct message_rule *rule =
		rule_find(relay->hooks, RELAY_UP, relay->display->interface, opcode);
	int bad;
	relay_emit(relay, RELAY_DOWN, relay->display, rule, opcode, args, &bad);
}

/* What wl_display.error is about: @object where DOWN knows it. */
static struct relay_object *error_object(struct relay *relay, struct relay_object *object)
{
	return object && object->id[RELAY_DOWN] ? object : relay->display;
}

enum relay_verdict relay_fail(
	struct relay *relay, struct relay_object *object, uint32_t code, const char *format, ...)
{
	if (relay->error)
		return RELAY_FAILED;
	relay->error = -EPROTO;
	int prefix = 0;
	if (object)
		prefix = snprintf(relay->failure, sizeof(relay->failure),
			"%s@%u: ", object->interface->wl->name, id_for_text(object));
	va_list list;
	va_start(list, format);
	vsnprintf(relay->failure + prefix, sizeof(relay->failure) - (size_t)prefix, format, list);
	va_end(list);

	/* Clients print the object themselves. */
	struct relay_object *about = error_object(relay, object);
	union wire_arg args[] = {
		{.object = about},
		{.u = code},
		{.s = relay->failure + (about == object ? prefix : 0)},
	};
	send_display_event(relay, WL_DISPLAY_ERROR, args);
	return RELAY_FAILED;
}

enum relay_verdict relay_fail_memory(struct relay *relay, const char *what)
{
	return relay_fail(relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY, "no memory for %s", what);
}

/* The ends of objects */

void relay_remove_object(struct relay *relay, struct relay_object *object)
{
	object_remove(&relay->objects, object);
	relay->counters.objects = relay->objects.count;
}

/* DOWN's id of @object is free again; a low one with delete_id. */
static void detach_down(struct relay *relay, struct relay_object *object)
{
	union wire_arg args[] = {{.u = object->id[RELAY_DOWN]}};
	object_drop_id(&relay->objects, object, RELAY_DOWN);
	if (!id_is_low(args[0].u) || relay->error)
		return;
	send_display_event(relay, WL_DISPLAY_DELETE_ID, args);
}

/* The end of an object that UP does not know (any more). */
static void end_object(struct relay *relay, struct relay_object *object)
{
	object_mark_destroyed(object);
	detach_down(relay, object);
	relay_remove_object(relay, object);
}

void relay_forget(struct relay *relay, struct relay_object *object)
{
	if (object_of(object)->gone)
		return;
	if (!object->id[RELAY_UP]) {
		end_object(relay, object);
		return;
	}
	/* UP may still send events about it. */
	object_mark_destroyed(object);
	detach_down(relay, object);
}

void relay_request_destructor_passed(
	struct relay *relay, struct relay_object *object, bool forwarded)
{
	if (object_of(object)->gone)
		return;
	if (object->id[RELAY_UP] && !forwarded && !object->destroyed) {
		detach_down(relay, object); /* the hook keeps it for UP */
		return;
	}
	object_mark_destroyed(object);
	if (!object->id[RELAY_UP])
		end_object(relay, object);
	else if (id_is_high(object->id[RELAY_UP]) || id_is_high(object->id[RELAY_DOWN]))
		detach_down(relay, object); /* the two ids end independently; UP's stays until the
					       compositor ends it */
}

void relay_event_destructor_passed(struct relay *relay, struct relay_object *object, bool forwarded)
{
	if (object_of(object)->gone)
		return;
	if (id_is_high(object->id[RELAY_UP]))
		object_drop_id(&relay->objects, object, RELAY_UP);
	if (!forwarded && !object->destroyed && object->id[RELAY_DOWN]) {
		object_of(object)->outlives_up = true; /* the hook keeps it for DOWN */
		return;
	}
	object_mark_destroyed(object);
	if (!object->id[RELAY_UP])
		end_object(relay, object);
	else if (id_is_high(object->id[RELAY_DOWN]))
		detach_down(relay, object);
}

enum relay_verdict relay_handle_delete_id(struct relay_message *message)
{
	struct relay *relay = message->relay;
	uint32_t id = message->args[0].u;
	struct relay_object *object = objects_at(&relay->objects, RELAY_UP, id);
	if (!object || !id_is_low(id) || object == relay->display) {
		log_debug("%s: delete_id for unknown id %u", relay->name, id);
		return RELAY_SWALLOW;
	}
	object_drop_id(&relay->objects, object, RELAY_UP);
	if (!object_of(object)->outlives_up || object->destroyed || !object->id[RELAY_DOWN])
		end_object(relay, object);
	return RELAY_SWALLOW;
}

enum relay_verdict relay_handle_error(struct relay_message *message)
{
	struct relay *relay = message->relay;
	struct relay_object *object = objects_at(&relay->objects, RELAY_UP, message->args[0].id);
	union wire_arg args[] = {
		{.object = error_object(relay, object)}, message->args[1], message->args[2]};
	log_limited(LOG_LEVEL_INFO, "%s: the compositor says error %u: %s", relay->name, args[1].u,
		args[2].s);
	send_display_event(relay, WL_DISPLAY_ERROR, args);
	return RELAY_SWALLOW;
}

/* Sending for hooks */

uint16_t relay_opcode(const struct interface *interface, enum relay_end from, const char *message)
{
	const struct wl_interface *wl = interface->wl;
	const struct wl_message *messages = from == RELAY_DOWN ? wl->methods : wl->events;
	int count = from == RELAY_DOWN ? wl->method_count : wl->event_count, opcode = 0;
	while (opcode < count && strcmp(messages[opcode].name, message) != 0)
		opcode++;
	assert(opcode < count);
	return (uint16_t)opcode;
}

int relay_send_rule(struct relay *relay, enum relay_end to, struct relay_object *object,
	const struct message_rule *rule, uint16_t opcode, const union wire_arg *args)
{
	int bad;
	if (relay->error || !object->id[to] || (to == RELAY_UP && object->destroyed)) {
		args_finish_handles(&rule->signature, args);
		return relay->error;
	}
	if (relay_emit(relay, to, object, rule, opcode, args, &bad) == -ENOENT && bad >= 0) {
		args_finish_handles(&rule->signature, args);
		relay_fail(relay, NULL, WL_DISPLAY_ERROR_IMPLEMENTATION,
			"%s@%u.%s: argument %d has no id there", object->interface->wl->name,
			id_for_text(object), rule->description->name, bad);
	}
	if (relay->error)
		return relay->error;
	if (rule->destructor && to == RELAY_DOWN && !object->id[RELAY_UP])
		end_object(relay, object);
	else if (rule->destructor)
		object_mark_destroyed(object);
	return 0;
}

int relay_send(struct relay *relay, enum relay_end to, struct relay_object *object, uint16_t opcode,
	const union wire_arg *args)
{
	const struct message_rule *rule =
		rule_find(relay->hooks, relay_other_end(to), object->interface, opcode);
	assert(rule);
	return relay_send_rule(relay, to, object, rule, opcode, args);
}

int relay_send_named(struct relay *relay, enum relay_end to, struct relay_object *object,
	const char *message, const union wire_arg *args)
{
	return relay_send(relay, to, object,
		relay_opcode(object->interface, relay_other_end(to), message), args);
}

/* Questions of ours to UP: wl_display.sync with callbacks that DOWN does not know */

static void end_without_answer(struct relay_object *callback)
{
	struct relay_sync *sync = callback->data;

	callback->data = NULL;
	if (sync)
		sync->done(sync, NULL);
}

int relay_sync_ask(struct relay *relay, struct relay_sync *sync, relay_sync_fn done)
{
	struct relay_object *callback =
		relay_object_create(relay, interface_find("wl_callback"), 1);

	if (!callback)
		return -ENOMEM;
	callback->data = sync;
	callback->data_destroy = end_without_answer;
	sync->done = done;
	relay_ref_set(&sync->callback, callback);
	return relay_send_named(
		relay, RELAY_UP, relay->display, "sync", (union wire_arg[]){{.object = callback}});
}

void relay_sync_forget(struct relay_sync *sync)
{
	if (sync->callback.object)
		sync->callback.object->data = NULL;
	relay_ref_set(&sync->callback, NULL);
}

enum relay_verdict relay_handle_done(struct relay_message *message)
{
	struct relay_object *callback = message->object;
	struct relay_sync *sync = callback->data;

	if (callback->data_destroy != end_without_answer)
		return RELAY_FORWARD;
	if (sync) {
		relay_sync_forget(sync);
		sync->done(sync, message->relay);
	}
	relay_event_destructor_passed(message->relay, callback, false);
	return RELAY_SWALLOW;
}
