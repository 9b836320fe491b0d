/*
 * A process that keeps the rights which wayferry-host gives up: it runs the program that asks the
 * user, and opens the configuration file when that is to be read again. It is started before, with
 * the paths of both, and what it is told later are texts for the program's environment, which it
 * checks. What a guest says reaches it only as these.
 */
#ifndef HOST_BRIDGE_ATTENDANT_ATTENDANT_H
#define HOST_BRIDGE_ATTENDANT_ATTENDANT_H

#include <wayland-server-core.h>

#include "host-bridge/attendant/attendant_protocol.h"

struct attendant;

/* The exit status of the program, 128 + N where signal N ended it, or -errno: it did not run, or
 * nobody knows how it ended. */
typedef void attendant_answer(void *data, int status);

/*
 * The configuration file, open for reading and the receiver's, or -errno (-ENOENT: none of them is
 * there); and which of attendant_config::config_paths it is.
 */
typedef void attendant_file(void *data, int fd, size_t which);

/*
 * Forks the process, before the sandbox is entered and any thread is there. NULL: with a line in
 * the log. @config is needed during the call only.
 */
struct attendant *attendant_start(
	struct wl_event_loop *loop, const struct attendant_config *config);
/* What still runs of the process's is ended, without an answer. NULL is fine. */
void attendant_finish(struct attendant *attendant);

/*
 * Asks one question; @answer comes from the event loop, however long that takes, unless the
 * question is withdrawn. 0; -EBUSY: one is open; or -errno. @attendant: NULL is -ESRCH.
 */
int attendant_ask(struct attendant *attendant, const struct question *question,
	attendant_answer *answer, void *data);
/* There is no answer any more, and the program is ended. NULL is fine. */
void attendant_withdraw(struct attendant *attendant);

/*
 * Has the configuration file opened; @opened comes from the event loop. Only the last of several
 * calls is answered. 0; or -errno. @attendant: NULL is -ESRCH.
 */
int attendant_open_config(struct attendant *attendant, attendant_file *opened, void *data);

/* Where the compositor is, for the program's WAYLAND_DISPLAY. NULL is fine. */
void attendant_note_display(struct attendant *attendant, const char *path);

#endif
