/*
 * The end of a round of the event loop. Callbacks of sources note what they saw and ask for a task;
 * tasks run once per round, behind all sources, in the order of the steps. So nothing is freed
 * below a callback of its own, and what one round brings leaves in one submission.
 */
#ifndef GUEST_PROXY_GPU_TURN_H
#define GUEST_PROXY_GPU_TURN_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

enum turn_step {
	TURN_DEVICE,  /* contexts hear what the device said */
	TURN_CHANNEL, /* channels that are over say so */
	TURN_CLIENT,  /* clients hand over what is queued, stop and resume reading, and end */
	TURN_POLL,    /* channels ask for the next event, if nothing they sent has done so */
	TURN_BELL,    /* if none of them has, one that rests does */
	TURN_STEPS,
};

/*
 * Long work of a round, such as copies, ends about here; what is left is done in the next rounds. A
 * round costs some microseconds, and whoever waits for its end, a neighbour's frame say, this much.
 */
#define TURN_WORK_NS UINT64_C(1000000)

struct turn {
	struct wl_event_loop *loop;
	struct wl_event_source *idle;
	struct wl_list next;            /* turn_task::link: run by the next round */
	int next_fd;                    /* eventfd: there are some; -1: it cannot be had */
	struct wl_event_source *wakes;  /* waits for it */
	bool wakes_edge;                /* as of eventfd_source_add */
	uint64_t work_start_ns;         /* 0: no long work was begun in this round */
	struct wl_list due[TURN_STEPS]; /* turn_task::link, in the order they were asked for */
	unsigned steps_due;             /* a bit each: others have no task there */
	bool *finished;                 /* while tasks run: set by turn_finish */
};

struct turn_task {
	struct wl_list link; /* turn::due, or empty */
	enum turn_step step;
	void (*run)(void *data);
	void *data;
};

/* Borrows @loop. */
void turn_init(struct turn *turn, struct wl_event_loop *loop);
/* Tasks may still be asked for or due; none of them runs any more. A task may call it. */
void turn_finish(struct turn *turn);

void turn_task_init(
	struct turn_task *task, enum turn_step step, void (*run)(void *data), void *data);
/* The task is not due any more. */
void turn_task_finish(struct turn_task *task);

/*
 * @task runs at the end of this round: once, however often it is asked for. From inside a task of
 * the same or a later step it runs in one more turn, before the loop waits.
 */
void turn_ask(struct turn *turn, struct turn_task *task);

/*
 * @task runs among the sources of the next round, which comes at once: what others ask for is
 * served before. Not for a task that turn_ask is called with, too.
 */
void turn_ask_next(struct turn *turn, struct turn_task *task);

/* Whether long work may go on in this round. The first to ask starts the clock. */
bool turn_has_time(struct turn *turn);

#endif
