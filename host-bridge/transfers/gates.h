/*
 * Gates: pipes that let contents through only once all of them have come, and only if they are no
 * more than a limit. Whoever reads behind one never takes a part for the whole: what is too much
 * does not come at all, and its writer hears that nobody reads.
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

/*
 * A gate in front of @out, the writing end of a pipe, which it takes (also on error), for
 * @max_bytes. Returns the writing end of a new pipe, the caller's, or -errno. Gates are in the list
 * @gates.
 */
int gate_open(struct wl_list *gates, struct wl_event_loop *loop, int out, uint64_t max_bytes,
	const struct gate_listener *listener, void *data);
/*
 * The contents that were to come by @fd, about to be closed, have been cut short: if it is the
 * writing end of a gate's pipe, that closes, and nothing of them arrives.
 */
void gates_cut(struct wl_list *gates, int fd);
/* Closes all of them. */
void gates_close(struct wl_list *gates);

#endif
