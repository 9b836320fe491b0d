/*
 * The relay engine: Wayland between two ends that each have their own object ids.
 *
 * DOWN is the end where requests come from (a client, or the guest), UP the end where events come
 * from (the compositor, or the channel to it). Each message is checked against the tables
 * (interfaces.h), its objects resolved, and then forwarded with translated ids, unless a hook says
 * otherwise. An object may be known to both ends (the ordinary case), only DOWN (a wl_shm_pool the
 * proxy ends) or only UP (a wl_buffer the proxy made).
 *
 * The life of an id. Low ids are chosen by clients: DOWN they are free again when we send
 * delete_id, UP when delete_id comes. High ids (from WIRE_SERVER_ID_START) are chosen by servers,
 * and free when the client's destructor request has passed. An object that the client has destroyed
 * is kept, and marked so, until its ids are free at both ends. Events for it are dropped, their
 * handles closed, and the objects that they create destroyed at once; so are events with an object
 * as argument that DOWN does not know.
 *
 * A destructor that a hook swallows ends the object only for the end that it came from. After a
 * request the client gets its delete_id at once, and the hook has to destroy UP's half
 * (relay_send). After an event DOWN's half lives on, even after UP's delete_id, until the hook
 * sends it a destructor event or forgets it. A hook that sends the destructor on by itself and then
 * swallows it has forwarded it.
 */
#ifndef PROTOCOL_RELAY_RELAY_H
#define PROTOCOL_RELAY_RELAY_H

#include "protocol/objects/relay_object.h"
#include "protocol/wire/wire.h"

struct relay;

/* A decoded message on its way; what a hook sees. Arguments may be changed in place before
 * RELAY_FORWARD. */
struct relay_message {
	struct relay *relay;
	enum relay_end from;
	struct relay_object *object;
	uint16_t opcode;
	const struct wl_message *description;
	const struct wire_signature *signature;
	/*
	 * 'o' and 'n' are resolved: new objects exist already, with an id at the end the message
	 * came from only. In an event 'o' may be an object that the client has destroyed; in a
	 * request it never is.
	 */
	union wire_arg args[WIRE_MAX_ARGS];
};

enum relay_verdict {
	RELAY_FORWARD, /* send it to the other end, as @args now say */
	RELAY_SWALLOW, /* it ends here; handles the hook did not take (set kind WIRE_NONE) are
			  closed */
	RELAY_FAILED,  /* the hook called relay_fail() */
	RELAY_HOLD,    /* not yet: relay_push stops in front of it, and the hook sees it again when
			  that is called the next time. For messages without handles; what a
			  request makes is made anew then */
	RELAY_DEFER,   /* not yet, and others need not wait: the hook of this request, about a
			  surface or what was made of one, sees it again after relay_resume. What
			  has to keep its order with it waits, too (relay_lanes.c); all else passes.
			  Only where relay_ops.defers says so */
};

typedef enum relay_verdict (*relay_hook_fn)(struct relay_message *message);

/* The exceptions to "forward": one line per message, by name. End a table with {0}. */
struct relay_hook {
	const char *interface;
	const char *message; /* a request (hooks of RELAY_DOWN) or an event (hooks of RELAY_UP) */
	relay_hook_fn function;
	uint8_t from; /* RELAY_DOWN: it is a request; RELAY_UP or RELAY_UP_OURS: an event */
};

/* A hook for events about objects of our own, which DOWN does not know; those about others pass. */
#define RELAY_UP_OURS 2

/* A hook for what never passes and needs nothing else: objects that the other end does not know. */
enum relay_verdict relay_swallow(struct relay_message *message);

/*
 * A hook table made ready: names resolved against the interface tables. Interfaces this build does
 * not know are passed over (older wayland-protocols); a message name that its interface does not
 * have asserts, as does a double line. Several tables may be given (NULL-terminated list). Shared
 * by all relays of the process; never changes.
 */
struct relay_hooks;
struct relay_hooks *relay_hooks_create(const struct relay_hook *const tables[]);
void relay_hooks_destroy(struct relay_hooks *hooks);

struct relay_ops {
	/*
	 * One message for the @to end. Takes the handles (at most FD_MESSAGE_MAX), also on error.
	 * 0, or -errno: the relay then has failed and relay_push returns that.
	 */
	int (*send)(void *data, enum relay_end to, const uint8_t *bytes, size_t size,
		struct wire_handle *handles, size_t n_handles);
	/*
	 * Whether the @to end takes more. While it does not, what was pushed for it waits in the
	 * relay, until the next relay_push. NULL: always.
	 */
	bool (*ready)(void *data, enum relay_end to);
	/*
	 * Whether a global may be seen by the DOWN end; *@version is the lesser of what was offered
	 * and what the tables know, and may be lowered further (to no less than 1). NULL: all that
	 * the tables know.
	 */
	bool (*allow_global)(void *data, const struct interface *interface, uint32_t *version);
	bool defers; /* hooks return RELAY_DEFER */
};

struct relay_counters {
	uint64_t messages[2]; /* by the end they came from */
	uint64_t bytes[2];
	uint64_t objects; /* live now */
};

/*
 * @name goes before trace lines ("client 3"); copied. @max_objects bounds the DOWN end's objects
 * (0: 65536). wl_display (id 1) exists at both ends. @hooks and @ops are borrowed. NULL when memory
 * is short.
 */
struct relay *relay_create(const struct relay_hooks *hooks, const struct relay_ops *ops, void *data,
	const char *name, uint32_t max_objects);
/* Runs every data_destroy. Sends nothing. NULL is fine. */
void relay_destroy(struct relay *relay);

void *relay_data(const struct relay *relay);
const struct relay_counters *relay_counters(const struct relay *relay);

/* Trace lines in WAYLAND_DEBUG's form on standard error for relays created from now on. */
void relay_set_trace(bool on);

/*
 * What came from @from: bytes, which may begin and end amid a message, and handles, which it takes
 * (also on error). Works off what are whole messages; the rest waits for the next call, as does a
 * message that a hook holds, or whose handles have not come yet (unless its bytes are followed by
 * more: then they are missing), and what comes behind it. 0, or -EPROTO: the relay has failed
 * (wl_display.error was sent DOWN where it could be, relay_failure() has the text) and takes
 * nothing more; or another -errno of ops->send.
 */
int relay_push(struct relay *relay, enum relay_end from, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles);

/* The next relay_push of DOWN looks at the deferred request about @object, or about what waits with
 * it, again. Nothing if none is. */
void relay_resume(struct relay *relay, struct relay_object *object);
/* What is asked of @with has to wait, too, when a request about @object is deferred now: a request
 * that has passed names it and takes effect with that one. @with may be NULL. */
void relay_defer_with(struct relay *relay, struct relay_object *with, struct relay_object *object);
/* Nothing more of DOWN passes until a relay_push after relay_resume: too much is deferred, or what
 * has come has to do with all of it. */
bool relay_stopped(const struct relay *relay);

/* How many bytes from @from wait in the relay. */
size_t relay_waiting_bytes(const struct relay *relay, enum relay_end from);

/* NULL while all is well; else why: "wl_surface@12.attach: invalid object 7 for argument 0". */
const char *relay_failure(const struct relay *relay);

/*
 * Ends the relay: sends wl_display.error(@object, @code, text) DOWN. @object NULL (or unknown
 * DOWN): wl_display. Codes of wl_display itself: enum wl_display_error. Returns RELAY_FAILED for
 * "return relay_fail(...)" in hooks. The first failure counts.
 */
enum relay_verdict __attribute__((cold))
relay_fail(struct relay *relay, struct relay_object *object, uint32_t code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* As relay_fail, about wl_display: "no memory for @what". */
enum relay_verdict __attribute__((cold)) relay_fail_memory(struct relay *relay, const char *what);

/*
 * Sends a message of our own about @object to the @to end: a request if @to is RELAY_UP, else an
 * event. Passed over (returns 0) when that end does not know @object, or UP's half of it is
 * destroyed. @args as in struct relay_message; objects without an id at that end get one where the
 * signature says 'n', else (nullable) become null. Takes the handles in @args. A destructor sent UP
 * has its usual effect on the object, as has one sent DOWN on an object only DOWN knows. 0 or
 * -errno (the relay has failed).
 */
int relay_send(struct relay *relay, enum relay_end to, struct relay_object *object, uint16_t opcode,
	const union wire_arg *args);
/* As relay_send, by the message's name; asserts that the interface has it. */
int relay_send_named(struct relay *relay, enum relay_end to, struct relay_object *object,
	const char *message, const union wire_arg *args);

/*
 * An object of our own for a relay_send with 'n': no ids yet. NULL when memory is short. It lives
 * until its destructor has been sent and delete_id has come, or until relay_forget.
 */
struct relay_object *relay_object_create(
	struct relay *relay, const struct interface *interface, uint32_t version);

/*
 * Ends an object for DOWN, sends delete_id for a low id, and frees the object if UP does not know
 * it. The relay does this by itself after a destructor request that a hook swallowed; hooks do it
 * for objects that end otherwise (a swallowed wl_callback: send done, then forget).
 */
void relay_forget(struct relay *relay, struct relay_object *object);

/*
 * A question of ours to UP: whether all that it was sent until then has been worked off, and all
 * that it says of that has come. wl_display.sync asks it, with a callback that DOWN never hears of.
 * Part of what waits for the answer; zero-initialised nothing is asked.
 */
struct relay_sync;

/* The answer has come, or (@relay NULL) will not: the relay ends. Nothing is asked any more, and
 * @sync may be freed. */
typedef void (*relay_sync_fn)(struct relay_sync *sync, struct relay *relay);

struct relay_sync {
	struct relay_ref callback;
	relay_sync_fn done;
};

/*
 * Asks, while nothing is asked; @sync then stays where it is until @done is called, once, or
 * relay_sync_forget. 0 or -errno: memory is short, or the relay has failed.
 */
int relay_sync_ask(struct relay *relay, struct relay_sync *sync, relay_sync_fn done);

/* The answer does not matter any more: @done is not called. Fine if nothing is asked. */
void relay_sync_forget(struct relay_sync *sync);

static inline bool relay_sync_waits(const struct relay_sync *sync)
{
	return sync->callback.object != NULL;
}

/* The object with @id at @end, or NULL. */
struct relay_object *relay_object_at(struct relay *relay, enum relay_end end, uint32_t id);

/* The message number of a request or event, by name; asserts that it is there. */
uint16_t relay_opcode(const struct interface *interface, enum relay_end from, const char *message);

#endif
