/* The relay engine's incoming half: messages checked, objects resolved, hooks asked, and then
 * forwarded. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "protocol/relay/relay_private.h"

#define LOG_MODULE "relay"
#include "protocol/base/log.h"

/* Fails the relay because of what @from sent. @code is for a fault of the client's. One of the
 * compositor's becomes an implementation error: for the client we are the compositor. */
static void __attribute__((format(printf, 4, 5)))
blame(struct relay *relay, enum relay_end from, uint32_t code, const char *format, ...)
{
	va_list list;
	char why[RELAY_FAILURE_BYTES];
	va_start(list, format);
	vsnprintf(why, sizeof(why), format, list);
	va_end(list);
	if (from == RELAY_DOWN)
		relay_fail(relay, NULL, code, "%s", why);
	else
		relay_fail(relay, NULL, WL_DISPLAY_ERROR_IMPLEMENTATION, "compositor sent %s", why);
}

/* As blame, with the message's name. Returns the relay's error. */
static int __attribute__((format(printf, 4, 5))) refuse(struct relay_message *message,
	const struct message_rule *rule, uint32_t code, const char *format, ...)
{
	const struct relay_object *object = message->object;
	char why[RELAY_FAILURE_BYTES];
	va_list list;
	va_start(list, format);
	vsnprintf(why, sizeof(why), format, list);
	va_end(list);
	blame(message->relay, message->from, code, "%s@%u.%s: %s", object->interface->wl->name,
		object->id[message->from], rule->description->name, why);
	return message->relay->error;
}

/* The object that argument @i names becomes the argument. */
static int resolve_object(struct relay_message *message, const struct message_rule *rule, size_t i)
{
	uint32_t id = message->args[i].id;
	struct relay_object *object = NULL;
	if (id != 0) {
		object = objects_at(&message->relay->objects, message->from, id);
		if (!object || (message->from == RELAY_DOWN && object->destroyed))
			return refuse(message, rule, WL_DISPLAY_ERROR_INVALID_OBJECT,
				"invalid object %u for argument %zu", id, i);
		if (rule->types[i] && object->interface != rule->types[i])
			return refuse(message, rule, WL_DISPLAY_ERROR_INVALID_OBJECT,
				"object %u for argument %zu is a %s, not a %s", id, i,
				object->interface->wl->name, rule->types[i]->wl->name);
	}
	message->args[i].object = object;
	return 0;
}

/* What a new object is; for an untyped new id, what the two arguments before it say. 0 or the
 * relay's error. */
static int new_type(struct relay_message *message, const struct message_rule *rule, size_t i,
	const struct interface **interface, uint32_t *version)
{
	*interface = rule->types[i];
	*version = message->object->version;
	if (*interface)
		return 0;
	const char *name = message->args[i - 2].s;
	*version = message->args[i - 1].u;
	*interface = name ? interface_find(name) : NULL;
	if (!*interface || *version == 0 || *version > (uint32_t)(*interface)->wl->version)
		return refuse(message, rule, WL_DISPLAY_ERROR_INVALID_OBJECT,
			"invalid interface %s version %u", name ? name : "(null)", *version);
	return 0;
}

static int refuse_new_id(struct relay_message *message, const struct message_rule *rule,
	uint32_t id, size_t i, int error)
{
	switch (error) {
	case -EINVAL:
		return refuse(message, rule, WL_DISPLAY_ERROR_INVALID_METHOD,
			"new id %u for argument %zu is in the other end's range", id, i);
	case -EEXIST:
		return refuse(message, rule, WL_DISPLAY_ERROR_INVALID_METHOD,
			"new id %u for argument %zu is in use", id, i);
	case -ERANGE:
		return refuse(message, rule, WL_DISPLAY_ERROR_INVALID_METHOD,
			"new id %u for argument %zu is out of range", id, i);
	default:
		return refuse(
			message, rule, WL_DISPLAY_ERROR_NO_MEMORY, "no memory for new id %u", id);
	}
}

/* The object that argument @i makes becomes the argument. */
static int resolve_new_id(struct relay_message *message, const struct message_rule *rule, size_t i)
{
	struct relay *relay = message->relay;
	struct objects *objects = &relay->objects;
	uint32_t id = message->args[i].id, version;
	const struct interface *interface;
	message->args[i].object = NULL;
	if (id == 0)
		return 0;
	int error = new_type(message, rule, i, &interface, &version);
	if (error)
		return error;
	if (objects->count >= objects->limit)
		return refuse(message, rule, WL_DISPLAY_ERROR_NO_MEMORY, "too many objects (%u)",
			objects->limit);
	struct relay_object *old = objects_at(objects, message->from, id);
	if (old && old->destroyed && message->from == RELAY_UP && id_is_high(id))
		relay_remove_object(relay, old); /* the compositor has seen that it was destroyed */
	struct relay_object *object = object_create(objects, interface, version);
	error = object ? object_claim_id(objects, object, message->from, id) : -ENOMEM;
	relay->counters.objects = objects->count;
	if (error) {
		if (object)
			relay_remove_object(relay, object);
		return refuse_new_id(message, rule, id, i, error);
	}
	message->args[i].object = object;
	return 0;
}

static int resolve_args(struct relay_message *message, const struct message_rule *rule, char type)
{
	const struct wire_signature *signature = message->signature;
	for (size_t i = 0; i < signature->n_args; i++) {
		if (signature->args[i].type != type)
			continue;
		int error = type == 'o' ? resolve_object(message, rule, i)
					: resolve_new_id(message, rule, i);
		if (error)
			return error;
	}
	return 0;
}

static void close_handles(struct relay_message *message)
{
	args_finish_handles(message->signature, message->args);
}

/*
 * Ends an object that an event created and that the client will not hear of: sends the compositor
 * its destructor, if it has one without arguments. Events that are already on the way are dropped.
 */
static void discard_object(struct relay *relay, struct relay_object *object)
{
	const struct interface *interface = object->interface;
	for (uint16_t opcode = 0; opcode < interface->wl->method_count; opcode++) {
		const struct message_rule *rule =
			rule_find(relay->hooks, RELAY_DOWN, interface, opcode);
		if (rule->destructor && rule->signature.n_args == 0 &&
			rule->signature.since <= object->version) {
			relay_send_rule(relay, RELAY_UP, object, rule, opcode, NULL);
			return;
		}
	}
	object_mark_destroyed(object);
}

/* Drops a message whose new ids are resolved, without a hook having asked for it. */
static void drop_message(struct relay_message *message, const char *why)
{
	log_debug("%s: %s@%u.%s dropped: %s", message->relay->name,
		message->object->interface->wl->name, message->object->id[message->from],
		message->description->name, why);
	close_handles(message);
	for (size_t i = 0; message->from == RELAY_UP && i < message->signature->n_args; i++) {
		struct relay_object *object = message->args[i].object;
		if (message->signature->args[i].type == 'n' && object && !object->id[RELAY_DOWN])
			discard_object(message->relay, object);
	}
}

/* Sends a message on, or drops it. Takes its handles. Whether it was sent. */
static bool forward(struct relay_message *message, const struct message_rule *rule)
{
	struct relay *relay = message->relay;
	enum relay_end to = relay_other_end(message->from);
	if (!message->object->id[to] || (to == RELAY_UP && message->object->destroyed)) {
		drop_message(message, "the other end does not know the object");
		return false;
	}
	int bad;
	int error =
		relay_emit(relay, to, message->object, rule, message->opcode, message->args, &bad);
	if (error != -ENOENT || bad < 0)
		return error == 0;
	if (to == RELAY_DOWN) {
		drop_message(message, "the client does not know an object in it");
	} else {
		close_handles(message);
		relay_fail(relay, NULL, WL_DISPLAY_ERROR_IMPLEMENTATION,
			"%s@%u.%s: the compositor does not know argument %d",
			message->object->interface->wl->name, message->object->id[RELAY_DOWN],
			rule->description->name, bad);
	}
	return false;
}

/* The message will come again. */
static void unmake_objects(struct relay_message *message)
{
	for (size_t i = 0; i < message->signature->n_args; i++) {
		if (message->signature->args[i].type == 'n' && message->args[i].object)
			relay_remove_object(message->relay, message->args[i].object);
	}
}

/*
 * A checked message with resolved objects: hook, forwarding, the end of its object. RELAY_HOLD and
 * RELAY_DEFER: the hook wants to see it again, and nothing else has happened.
 */
static enum relay_verdict deliver(struct relay_message *message, const struct message_rule *rule)
{
	struct relay *relay = message->relay;
	const bool passes =
		!rule->hook || (rule->hook_is_for_ours && message->object->id[RELAY_DOWN] != 0);
	enum relay_verdict verdict = passes ? RELAY_FORWARD : rule->hook(message);
	bool forwarded = false;
	if ((verdict == RELAY_HOLD || verdict == RELAY_DEFER) && !relay->error)
		return verdict;
	if (verdict == RELAY_FORWARD && !relay->error)
		forwarded = forward(message, rule);
	else
		close_handles(message);
	if (verdict == RELAY_FAILED && !relay->error)
		relay_fail(relay, message->object, WL_DISPLAY_ERROR_IMPLEMENTATION, "%s failed",
			rule->description->name);
	if (!rule->destructor || relay->error)
		return verdict;
	if (message->from == RELAY_DOWN)
		relay_request_destructor_passed(relay, message->object, forwarded);
	else
		relay_event_destructor_passed(relay, message->object, forwarded);
	return verdict;
}

/* As deliver, where what waits may have to do with it. False: it is to come again. */
static bool sort_and_deliver(struct relay_message *message, const struct message_rule *rule,
	const uint8_t *body, size_t size)
{
	struct relay *relay = message->relay;
	enum lane_verdict lane = LANE_PASS;
	enum relay_verdict verdict;

	if (message->from == RELAY_DOWN && relay->ops->defers)
		lane = lanes_sort(message, rule, body, size);
	if (lane == LANE_FAILED)
		close_handles(message);
	if (lane == LANE_FAILED || lane == LANE_TAKEN)
		return true;
	relay->stopped |= lane == LANE_STOP;
	verdict = lane == LANE_STOP ? RELAY_HOLD : deliver(message, rule);
	if (verdict == RELAY_DEFER && !relay->error)
		lanes_begin(message, rule, body, size);
	if (verdict != RELAY_HOLD || relay->error)
		return true;
	assert(message->signature->n_handles == 0);
	unmake_objects(message);
	return false;
}

/* Delivers what has waited for long enough. */
static void go_on(struct relay *relay)
{
	struct lane_message *kept;

	relay->stopped = false;
	while (!relay->error && (kept = lanes_due(relay))) {
		struct relay_message message;
		const struct message_rule *rule;
		enum relay_verdict verdict = RELAY_SWALLOW;
		if (lane_message_get(relay, kept, &message, &rule))
			verdict = deliver(&message, rule);
		else
			close_handles(&message);
		relay->stopped = verdict == RELAY_HOLD && !relay->error;
		if (relay->stopped)
			return;
		if (verdict == RELAY_DEFER && !relay->error)
			lane_message_wait(message.object);
		else
			lane_message_passed(relay);
	}
}

/* An event for an object that the client has destroyed, or newer than what it bound. */
static int drop_event(struct relay_message *message, const struct message_rule *rule)
{
	int error = resolve_args(message, rule, 'n');
	if (error) {
		close_handles(message);
		return error;
	}
	drop_message(message, "the client has destroyed it or bound an older version");
	if (rule->destructor)
		relay_event_destructor_passed(message->relay, message->object, false);
	return message->relay->error;
}

/* What can be refused before the arguments are looked at; *@rule is the message's. 0 or the relay's
 * error. */
static int check_header(struct relay_message *message, const struct wire_header *header,
	const struct message_rule **rule)
{
	struct relay *relay = message->relay;
	struct relay_object *object = objects_at(&relay->objects, message->from, header->id);
	bool client = message->from == RELAY_DOWN;
	if (!object || (client && object->destroyed)) {
		blame(relay, message->from, WL_DISPLAY_ERROR_INVALID_OBJECT, "%s %u",
			client ? "invalid object" : "an event for unknown object", header->id);
		return relay->error;
	}
	message->object = object;
	*rule = rule_find(relay->hooks, message->from, object->interface, header->opcode);
	if (!*rule) {
		blame(relay, message->from, WL_DISPLAY_ERROR_INVALID_METHOD,
			"invalid %s %u, object %s@%u", client ? "method" : "event", header->opcode,
			object->interface->wl->name, header->id);
		return relay->error;
	}
	if (client && (*rule)->signature.since > object->version)
		return refuse(message, *rule, WL_DISPLAY_ERROR_INVALID_METHOD,
			"invalid method %u (since %u > %u)", header->opcode,
			(*rule)->signature.since, object->version);
	return 0;
}

/* Returns 0, -EAGAIN when handles are missing or the message is held, or the relay's error. */
static int receive(struct relay *relay, enum relay_end from, const struct wire_header *header,
	const uint8_t *body, bool last)
{
	struct relay_message message;
	const struct message_rule *rule = NULL;
	const char *why;
	message.relay = relay;
	message.from = from;
	message.opcode = header->opcode;
	int error = check_header(&message, header, &rule);
	if (error)
		return error;
	message.description = rule->description;
	message.signature = &rule->signature;
	size_t body_bytes = header->size - WIRE_HEADER_BYTES;
	error = wire_decode(message.signature, body, body_bytes, &relay->inputs[from].handles,
		message.args, &why);
	if (error == -EAGAIN && last)
		return error;
	if (error)
		return refuse(&message, rule, WL_DISPLAY_ERROR_INVALID_METHOD, "%s",
			error == -EAGAIN ? "file descriptor is missing" : why);
	relay->counters.messages[from]++;
	relay->counters.bytes[from] += header->size;
	if (relay->trace)
		relay_trace_message(relay, from, false, message.object, rule, message.args);

	if (from == RELAY_UP &&
		(message.object->destroyed || rule->signature.since > message.object->version))
		return drop_event(&message, rule);
	enum relay_verdict verdict = rule->core ? rule->core(&message) : RELAY_FORWARD;
	if (verdict == RELAY_FORWARD &&
		((rule->signature.n_objects > 0 && resolve_args(&message, rule, 'o') < 0) ||
			(rule->signature.n_new > 0 && resolve_args(&message, rule, 'n') < 0)))
		verdict = RELAY_FAILED;
	if (verdict != RELAY_FORWARD) {
		close_handles(&message);
	} else if (!sort_and_deliver(&message, rule, body, body_bytes)) {
		relay->counters.messages[from]--;
		relay->counters.bytes[from] -= header->size;
		return -EAGAIN;
	}
	return relay->error;
}

static bool is_ready(const struct relay *relay, enum relay_end to)
{
	return !relay->ops->ready || relay->ops->ready(relay->data, to);
}

/* The messages at the start of @bytes, as far as they are whole and can go on. How many bytes. */
static size_t work_off(struct relay *relay, enum relay_end from, const uint8_t *bytes, size_t size)
{
	size_t used = 0;
	relay->stopped |= from == RELAY_DOWN && lanes_full(relay);
	while (!relay->error && !(from == RELAY_DOWN && relay->stopped) &&
		size - used >= WIRE_HEADER_BYTES && is_ready(relay, relay_other_end(from))) {
		struct wire_header header;
		if (wire_header_decode(bytes + used, &header) < 0) {
			blame(relay, from, WL_DISPLAY_ERROR_INVALID_METHOD,
				"message length %u of object %u is invalid", header.size,
				header.id);
			break;
		}
		if (header.size > size - used)
			break;
		bool last = header.size == size - used;
		if (receive(relay, from, &header, bytes + used + WIRE_HEADER_BYTES, last) ==
			-EAGAIN)
			break;
		used += header.size;
		relay->stopped |= from == RELAY_DOWN && lanes_full(relay);
	}
	return used;
}

static void keep_handles(
	struct relay *relay, enum relay_end from, struct wire_handle *handles, size_t n_handles)
{
	for (size_t i = 0; i < n_handles; i++) {
		int error = relay->error;
		if (!error)
			error = wire_handles_push(&relay->inputs[from].handles, handles[i]);
		if (!error)
			continue;
		wire_handle_finish(&handles[i]);
		blame(relay, from, WL_DISPLAY_ERROR_INVALID_METHOD,
			"more than %d file descriptors before the messages they belong to",
			WIRE_HANDLES_MAX);
	}
}

static void keep_bytes(struct relay *relay, enum relay_end from, const uint8_t *bytes, size_t size)
{
	if (!relay->error && byte_queue_add(&relay->inputs[from].bytes, bytes, size) < 0)
		relay_fail(relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
			"the %s does not keep up with what it is sent",
			from == RELAY_DOWN ? "compositor" : "client");
}

int relay_push(struct relay *relay, enum relay_end from, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct byte_queue *kept = &relay->inputs[from].bytes;
	objects_reap(&relay->objects);
	if (from == RELAY_DOWN && relay->ops->defers)
		go_on(relay);
	keep_handles(relay, from, handles, n_handles);
	if (byte_queue_size(kept) == 0) {
		size_t used = work_off(relay, from, bytes, size);
		if (used < size)
			keep_bytes(relay, from, bytes + used, size - used);
	} else {
		keep_bytes(relay, from, bytes, size);
		byte_queue_take(
			kept, work_off(relay, from, byte_queue_data(kept), byte_queue_size(kept)));
	}
	return relay->error;
}

size_t relay_waiting_bytes(const struct relay *relay, enum relay_end from)
{
	return byte_queue_size(&relay->inputs[from].bytes);
}
