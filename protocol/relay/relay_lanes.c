/*
 * Requests that wait while others pass.
 *
 * Which requests have to keep their order is told by the objects that they name. A surface begins a
 * family; what is made of an object of a family, or with one as argument, belongs to it, too; and a
 * request that names objects of two families makes one of them (a subsurface and its parent, a
 * popup and its window, a dialog and its window). While a request of a family waits, so do all that
 * name an object of it.
 *
 * Other objects that waiting requests name (buffers, regions, pointers) are "awaited": what is
 * asked of these themselves waits, too, so that none is destroyed before its use; two families that
 * both wait and name one of them become one, so that it waits for both. Globals' own
 * objects are not, as all have to do with them; but a request that ends one of them waits, with
 * everything behind it, until nothing else does.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/relay/relay_private.h"

#define BYTES_MAX ((size_t)1 << 20) /* of messages that wait */
#define HANDLES_MAX 64

struct lane_arg {
	union wire_arg value;
	struct relay_ref object; /* of 'o' */
};

struct lane_message {
	struct wl_list link; /* family.messages */
	const struct message_rule *rule;
	uint16_t opcode;
	struct relay_ref object;
	size_t bytes; /* all of it */
	uint8_t *body;
	struct lane_arg args[];
};

static struct family *family_of(struct relay_object *object)
{
	return object ? family_root(&object_of(object)->family) : NULL;
}

/* The family whose waiting requests name @object, or NULL. */
static struct family *awaited_by(struct relay_object *object)
{
	struct family *family = object ? family_root(&object_of(object)->awaited) : NULL;
	return family && family->waits ? family : NULL;
}

static struct family *join(struct family *a, struct family *b)
{
	return a && b ? family_join(a, b) : a ? a : b;
}

/* Of all objects that @message names, or NULL. */
static struct family *family_of_message(const struct relay_message *message)
{
	const struct wire_signature *signature = message->signature;
	struct family *family = family_of(message->object);

	for (size_t i = 0; i < signature->n_args; i++)
		if (signature->args[i].type == 'o')
			family = join(family, family_of(message->args[i].object));
	return family;
}

/* What it has to wait behind, or NULL. */
static struct family *lane_of_message(const struct relay_message *message, struct family *family)
{
	const struct wire_signature *signature = message->signature;
	struct family *lane =
		join(family && family->waits ? family : NULL, awaited_by(message->object));

	for (size_t i = 0; i < signature->n_args; i++) {
		struct relay_object *object = message->args[i].object;
		if (signature->args[i].type == 'o' && object && object_of(object)->changed)
			lane = join(lane, awaited_by(object));
	}
	return lane;
}

/* Tells what @message makes where it belongs. False: memory is short. */
static bool place_new_objects(
	struct relay_message *message, const struct message_rule *rule, struct family *family)
{
	for (size_t i = 0; i < message->signature->n_args; i++) {
		if (message->signature->args[i].type != 'n' || !message->args[i].object)
			continue;
		struct object *object = object_of(message->args[i].object);
		bool surface = strcmp(object->base.interface->wl->name, "wl_surface") == 0;
		object->bound = !rule->types[i];
		if (!object->bound && (family || surface))
			object->family = family ? family_ref(family)
						: family_create(message->relay->n_families++);
		if (surface && !object->family)
			return false;
	}
	return true;
}

/* @lane's requests name it. Returns what @lane is part of from now on. */
static struct family *await(struct relay_object *base, struct family *lane)
{
	struct object *object = object_of(base);

	if (object->bound || object->family || family_root(&object->awaited) == lane)
		return lane;
	if (awaited_by(base))
		return family_join(lane, object->awaited);
	family_unref(object->awaited);
	object->awaited = family_ref(lane);
	object->changed = false;
	return lane;
}

/* A copy of @message at the end of @lane. False: memory is short. */
static bool keep(struct family *lane, struct relay_message *message,
	const struct message_rule *rule, const uint8_t *body, size_t size)
{
	const struct wire_signature *signature = message->signature;
	size_t bytes =
		sizeof(struct lane_message) + signature->n_args * sizeof(struct lane_arg) + size;
	struct lane_message *kept = calloc(1, bytes);

	if (!kept)
		return false;
	kept->rule = rule;
	kept->opcode = message->opcode;
	kept->bytes = bytes;
	kept->body = (uint8_t *)&kept->args[signature->n_args];
	if (size > 0)
		memcpy(kept->body, body, size);
	relay_ref_set(&kept->object, message->object);
	for (size_t i = 0; i < signature->n_args; i++) {
		struct lane_arg *arg = &kept->args[i];
		arg->value = message->args[i];
		if (signature->args[i].type == 'o')
			relay_ref_set(&arg->object, message->args[i].object);
		else if (signature->args[i].type == 's' && arg->value.s)
			arg->value.s =
				(const char *)kept->body + ((const uint8_t *)arg->value.s - body);
		else if (signature->args[i].type == 'a')
			arg->value.array.data =
				kept->body + ((const uint8_t *)arg->value.array.data - body);
	}
	wl_list_insert(lane->messages.prev, &kept->link);
	message->relay->waiting_bytes += bytes;
	message->relay->waiting_handles += signature->n_handles;
	return true;
}

static bool add(struct family *lane, struct relay_message *message, const struct message_rule *rule,
	const uint8_t *body, size_t size)
{
	const struct wire_signature *signature = message->signature;

	if (!keep(lane, message, rule, body, size)) {
		relay_fail_memory(message->relay, "a request that has to wait");
		return false;
	}
	if (awaited_by(message->object) && !rule->destructor)
		object_of(message->object)->changed = true;
	lane = await(message->object, lane);
	for (size_t i = 0; i < signature->n_args; i++)
		if (signature->args[i].type == 'o' && message->args[i].object)
			lane = await(message->args[i].object, lane);
	return true;
}

enum lane_verdict lanes_sort(struct relay_message *message, const struct message_rule *rule,
	const uint8_t *body, size_t size)
{
	struct relay *relay = message->relay;
	struct family *family = family_of_message(message), *lane = NULL;

	if (!wl_list_empty(&relay->lanes))
		lane = lane_of_message(message, family);
	if (lane)
		family = join(lane, family_of_message(message));
	if (message->signature->n_new > 0 && !place_new_objects(message, rule, family)) {
		relay_fail_memory(relay, "a surface");
		return LANE_FAILED;
	}
	if (lane)
		return add(family, message, rule, body, size) ? LANE_TAKEN : LANE_FAILED;
	bool shared = rule->destructor && object_of(message->object)->bound;
	return shared && !wl_list_empty(&relay->lanes) && message->signature->n_handles == 0
		? LANE_STOP
		: LANE_PASS;
}

void lanes_begin(struct relay_message *message, const struct message_rule *rule,
	const uint8_t *body, size_t size)
{
	struct family *lane = family_of(message->object);

	assert(lane);
	if (!lane->waits) { /* else relay_defer_with has just made it part of what waits */
		lane->waits = true;
		lane->due = false;
		wl_list_insert(message->relay->lanes.prev, &family_ref(lane)->link);
	}
	if (!add(lane, message, rule, body, size))
		args_finish_handles(message->signature, message->args);
}

void relay_defer_with(struct relay *relay, struct relay_object *with, struct relay_object *object)
{
	struct family *family = family_of(object);

	if (family && with)
		await(with, family);
}

void relay_resume(struct relay *relay, struct relay_object *object)
{
	struct family *family = family_of(object);

	if (family && family->waits)
		family->due = true;
}

bool relay_stopped(const struct relay *relay)
{
	return relay->stopped;
}

bool lanes_full(const struct relay *relay)
{
	return relay->waiting_bytes > BYTES_MAX || relay->waiting_handles > HANDLES_MAX;
}

static struct family *due_lane(const struct relay *relay)
{
	struct family *lane;

	wl_list_for_each(lane, &relay->lanes, link)
	{
		if (lane->due)
			return lane;
	}
	return NULL;
}

static struct lane_message *first_of(const struct family *lane)
{
	struct lane_message *kept;
	return wl_container_of(lane->messages.next, kept, link);
}

struct lane_message *lanes_due(struct relay *relay)
{
	const struct family *lane = due_lane(relay);
	return lane ? first_of(lane) : NULL;
}

bool lane_message_get(struct relay *relay, struct lane_message *kept, struct relay_message *message,
	const struct message_rule **rule)
{
	const struct wire_signature *signature = &kept->rule->signature;
	bool good = kept->object.object;

	*rule = kept->rule;
	*message = (struct relay_message){
		.relay = relay,
		.from = RELAY_DOWN,
		.object = kept->object.object,
		.opcode = kept->opcode,
		.description = kept->rule->description,
		.signature = signature,
	};
	for (size_t i = 0; i < signature->n_args; i++) {
		message->args[i] = kept->args[i].value;
		if (signature->args[i].type != 'o')
			continue;
		good &= !kept->args[i].value.object || kept->args[i].object.object;
		message->args[i].object = kept->args[i].object.object;
	}
	return good;
}

void lane_message_wait(struct relay_object *object)
{
	family_of(object)->due = false; /* the hook may have made it part of another one */
}

static void free_message(struct relay *relay, struct lane_message *kept)
{
	relay->waiting_bytes -= kept->bytes;
	relay->waiting_handles -= kept->rule->signature.n_handles;
	for (size_t i = 0; i < kept->rule->signature.n_args; i++)
		relay_ref_set(&kept->args[i].object, NULL);
	relay_ref_set(&kept->object, NULL);
	wl_list_remove(&kept->link);
	free(kept);
}

static void end_lane(struct family *lane)
{
	lane->waits = lane->due = false;
	wl_list_remove(&lane->link);
	family_unref(lane);
}

void lane_message_passed(struct relay *relay)
{
	struct family *lane = due_lane(relay);

	free_message(relay, first_of(lane));
	if (wl_list_empty(&lane->messages))
		end_lane(lane);
}

void lanes_finish(struct relay *relay)
{
	struct family *lane, *next_lane;
	struct lane_message *kept, *next;

	wl_list_for_each_safe(lane, next_lane, &relay->lanes, link)
	{
		wl_list_for_each_safe(kept, next, &lane->messages, link)
		{
			for (size_t i = 0; i < kept->rule->signature.n_args; i++)
				if (kept->rule->signature.args[i].type == 'h')
					wire_handle_finish(&kept->args[i].value.handle);
			free_message(relay, kept);
		}
		end_lane(lane);
	}
}
