/*
 * Submissions that are not completed yet: the compositor is congested with their SENDs, or a pipe's
 * reader has not taken their WRITEs.
 */
#include "host-bridge/cross_domain/cross_domain_impl.h"

#include <errno.h>
#include <linux/virtio_gpu.h>
#include <stdlib.h>

#define MAX_HOLDS 64 /* reasons for which one submission waits */

/* A submission that is completed when its last hold is gone. */
struct submission {
	struct request *request; /* NULL: it was refused after all and has been answered */
	uint32_t holds;
	struct queue_places *places; /* where it counts among the others */
};

struct hold {
	struct pipe_waiter waiter; /* in a pipe's list, or in cross_domain_context::send_holds */
	struct submission *submission;
};

static void submission_free(struct submission *submission)
{
	submission->places->others--;
	free(submission);
}

static void handle_hold_done(struct pipe_waiter *waiter)
{
	struct hold *hold = container_of(waiter, struct hold, waiter);
	struct submission *submission = hold->submission;

	free(hold);
	if (--submission->holds > 0)
		return;
	if (submission->request)
		request_complete(submission->request, VIRTIO_GPU_RESP_OK_NODATA);
	submission_free(submission);
}

/* With one hold, for its execution. NULL: no memory, or no place in the queue. */
static struct submission *submission_create(struct cross_domain_context *context)
{
	struct queue_places *places = context->base.host->places;
	struct submission *submission = NULL;
	if (queue_places_left(places, true))
		submission = malloc(sizeof(*submission));
	if (!submission)
		return NULL;
	*submission = (struct submission){
		.request = context->executing,
		.holds = 1,
		.places = places,
	};
	places->others++;
	return submission;
}

struct pipe_waiter *cross_domain_hold_submission(struct cross_domain_context *context)
{
	if (!context->executing || context->base.n_held > CONTEXT_MAX_HELD ||
		(context->submission && context->submission->holds > MAX_HOLDS))
		return NULL;
	struct hold *hold = calloc(1, sizeof(*hold));
	if (hold && !context->submission)
		context->submission = submission_create(context);
	if (!hold || !context->submission) {
		free(hold);
		return NULL;
	}
	hold->waiter.done = handle_hold_done;
	hold->submission = context->submission;
	hold->submission->holds++;
	return &hold->waiter;
}

static void release_send_holds(struct cross_domain_context *context)
{
	while (!wl_list_empty(&context->send_holds)) {
		struct pipe_waiter *waiter =
			wl_container_of(context->send_holds.next, waiter, link);
		wl_list_remove(&waiter->link);
		waiter->done(waiter);
	}
}

void cross_domain_hold_for_sends(struct cross_domain_context *context)
{
	struct pipe_waiter *waiter = cross_domain_hold_submission(context);
	if (waiter)
		wl_list_insert(context->send_holds.prev, &waiter->link);
}

int cross_domain_submitted(struct cross_domain_context *context, int err)
{
	struct submission *submission = context->submission;
	context->submission = NULL;
	context->executing = NULL;
	if (!submission)
		return err;
	if (--submission->holds == 0) { /* nothing is left to wait for */
		submission_free(submission);
		return err;
	}
	if (err < 0) {
		submission->request = NULL;
		return err;
	}
	return -EINPROGRESS;
}

void cross_domain_flush_sends(struct cross_domain_context *context)
{
	if (compositor_holds(context->compositor))
		compositor_continue(context->compositor);
	compositor_flush(context->compositor);
	if (compositor_holds(context->compositor))
		context_wake(&context->base);
	if (!compositor_congested(context->compositor))
		release_send_holds(context);
}

void cross_domain_end_input(struct cross_domain_context *context)
{
	context->input_ended = true;
	release_send_holds(context);
}
