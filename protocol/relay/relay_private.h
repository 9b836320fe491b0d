/* What the files of the relay share; no other includes it. */
#ifndef PROTOCOL_RELAY_RELAY_PRIVATE_H
#define PROTOCOL_RELAY_RELAY_PRIVATE_H

#include <wayland-server-protocol.h>

#include "protocol/objects/globals.h"
#include "protocol/objects/objects.h"
#include "protocol/relay/relay.h"

#define RELAY_FAILURE_BYTES 512

/* All there is to know about a request or event. */
struct message_rule {
	struct wire_signature signature;
	const struct wl_message *description;
	const struct interface *const *types; /* by argument; NULL: none, or any */
	relay_hook_fn core; /* the relay's own hook, run first, on arguments as they came: ids, not
			       objects */
	relay_hook_fn hook;
	bool hook_is_for_ours; /* RELAY_UP_OURS */
	bool destructor;
	bool announces; /* wl_registry.global or .global_remove: noted when sent DOWN */
};

struct relay_hooks {
	struct message_rule *rules;
	const struct interface **types;
	uint32_t *first[2]; /* by the end the message comes from, by interface.index: its first rule
			     */
};

/* NULL if @interface has no such message. */
static inline const struct message_rule *rule_find(const struct relay_hooks *hooks,
	enum relay_end from, const struct interface *interface, uint16_t opcode)
{
	int count = from == RELAY_DOWN ? interface->wl->method_count : interface->wl->event_count;
	return opcode < count ? &hooks->rules[hooks->first[from][interface->index] + opcode] : NULL;
}

/* What came from one end and was not worked off yet. */
struct input {
	struct byte_queue bytes;
	struct wire_handles handles;
};

struct relay {
	const struct relay_hooks *hooks;
	const struct relay_ops *ops;
	void *data;
	char *name;
	bool trace;
	struct objects objects;
	struct relay_object *display;
	struct globals globals; /* that DOWN was told of */
	struct input inputs[2]; /* by enum relay_end */
	struct wl_list lanes;   /* family.link: those that wait, DOWN's */
	uint64_t n_families;    /* made so far */
	size_t waiting_bytes;   /* of messages in these */
	size_t waiting_handles; /* that came with them */
	bool stopped;           /* of DOWN nothing is taken until what waits was looked at */
	struct relay_counters counters;
	int error; /* 0 while all is well */
	char failure[RELAY_FAILURE_BYTES];
};

static inline enum relay_end relay_other_end(enum relay_end end)
{
	return end == RELAY_DOWN ? RELAY_UP : RELAY_DOWN;
}

/* Closes the handles of @args. */
void args_finish_handles(const struct wire_signature *signature, const union wire_arg *args);

/*
 * Sends a message with its ids translated; @object has an id at @to. 0 or the relay's error, and
 * the handles in @args are taken. Or -ENOENT with *@bad >= 0, the number of an argument that cannot
 * be told at @to: then nothing was sent, no handle taken, and the relay has not failed.
 */
int relay_emit(struct relay *relay, enum relay_end to, const struct relay_object *object,
	const struct message_rule *rule, uint16_t opcode, const union wire_arg *args, int *bad);

/* relay_send with the rule looked up. */
int relay_send_rule(struct relay *relay, enum relay_end to, struct relay_object *object,
	const struct message_rule *rule, uint16_t opcode, const union wire_arg *args);

/* object_remove, counted. */
void relay_remove_object(struct relay *relay, struct relay_object *object);

/*
 * A destructor has passed, a request of DOWN or an event of UP; @forwarded: the other end has got
 * it too. Ends @object as far as both ends allow (relay.h: "The life of an id").
 */
void relay_request_destructor_passed(
	struct relay *relay, struct relay_object *object, bool forwarded);
void relay_event_destructor_passed(
	struct relay *relay, struct relay_object *object, bool forwarded);

/*
 * Requests that wait while others pass (relay_lanes.c). What a hook defers waits, and behind it all
 * that has to do with the same surfaces, each in the order in which it came.
 */
struct lane_message;

enum lane_verdict {
	LANE_PASS,   /* nothing that waits has to do with it */
	LANE_TAKEN,  /* it waits now, its handles are taken */
	LANE_STOP,   /* it may be told only when nothing waits any more */
	LANE_FAILED, /* the relay has failed; the handles are the caller's */
};

/*
 * What becomes of @message, a request whose objects are resolved (those that it makes are there);
 * @body has the texts that its arguments point to, @size bytes.
 */
enum lane_verdict lanes_sort(struct relay_message *message, const struct message_rule *rule,
	const uint8_t *body, size_t size);

/* A hook has deferred @message, which lanes_sort has let pass: it waits, as the first of its kind.
 * Takes its handles. */
void lanes_begin(struct relay_message *message, const struct message_rule *rule,
	const uint8_t *body, size_t size);

/* So much waits that no more requests are to be taken. */
bool lanes_full(const struct relay *relay);

/* The first message that is due to be looked at again, or NULL. */
struct lane_message *lanes_due(struct relay *relay);
/* Fills @message with it; false: what it is about has gone. */
bool lane_message_get(struct relay *relay, struct lane_message *kept, struct relay_message *message,
	const struct message_rule **rule);
/* Its hook has deferred it, which is about @object, once more. */
void lane_message_wait(struct relay_object *object);
/* It, which lanes_due has returned last, was delivered or dropped. */
void lane_message_passed(struct relay *relay);

/* Closes what waits. */
void lanes_finish(struct relay *relay);

/* The hooks of the relay itself. */
enum relay_verdict relay_handle_bind(struct relay_message *message);
enum relay_verdict relay_handle_global(struct relay_message *message);
enum relay_verdict relay_handle_global_remove(struct relay_message *message);
enum relay_verdict relay_handle_delete_id(struct relay_message *message);
enum relay_verdict relay_handle_error(struct relay_message *message);
enum relay_verdict relay_handle_done(struct relay_message *message);

/* One line; @args have ids, not objects. @sent: to @end, else received from it. */
void relay_trace_message(struct relay *relay, enum relay_end end, bool sent,
	const struct relay_object *object, const struct message_rule *rule,
	const union wire_arg *args);

#endif
