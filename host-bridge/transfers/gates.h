/*
 * Gates: pipes that let contents through only once all of them have come, and only if they are no
 * more than a limit; or only once somebody has opened them. Whoever reads behind one with a limit
 * never takes a part for the whole: what is too much does not come at all, and its writer hears
 * that nobody reads.
 */
#ifndef HOST_BRIDGE_TRANSFERS_GATES_H
#define HOST_BRIDGE_TRANSFERS_GATES_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

/* What a gate tells its owner; @data is gate_open's. */
struct gate_listener {
	/* The contents now take @bytes of memory; false: they may not, and the gate closes. */
	bool (*holds)(void *data, uint64_t *charged, uint64_t bytes);
	/* It is gone, or could not be made. @too_much: because of the limit, or of holds(). */
	void (*closed)(void *data, bool too_much);
};

struct gate_terms {
	uint64_t max_bytes; /* 0: any number, and they come as they are written */
	bool shut;          /* nothing comes until gate_let_through; some of it is read before */
};

struct gate;

/*
 * A gate in front of @out, the writing end of a pipe, which it takes (also on error). *@in becomes
 * the writing end of a new pipe, the caller's. Gates are in the list @gates, and gone when the
 * listener hears of it. NULL: it cannot be made, which the listener has heard, and *@in is -1.
 */
struct gate *gate_open(struct wl_list *gates, struct wl_event_loop *loop, int out,
	const struct gate_terms *terms, const struct gate_listener *listener, void *data, int *in);
/* Ends that a gate is shut. It may be gone then. */
void gate_let_through(struct gate *gate);
/* Nothing more comes through. */
void gate_close(struct gate *gate);
/*
 * The contents that were to come by @fd, about to be closed, have been cut short: if it is the
 * writing end of a gate's pipe, that closes, and nothing of them arrives.
 */
void gates_cut(struct wl_list *gates, int fd);
/* Closes the one whose reader has taken nothing for the longest time, at least half a minute.
 * False: each reads, or there is nothing for it yet. */
bool gates_drop_stalest(struct wl_list *gates);
/* Closes all of them. */
void gates_close(struct wl_list *gates);

#endif
