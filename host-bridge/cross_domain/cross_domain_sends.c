/*
 * What waits in cross-domain contexts: SENDs for a compositor that is congested, and submissions
 * for these SENDs and for the readers of pipes.
 */
#include "host-bridge/cross_domain/cross_domain_impl.h"

#include <errno.h>
#include <linux/virtio_gpu.h>
#include <stdlib.h>

#define MAX_QUEUED_SENDS (UINT64_C(4) << 20) /* bytes, what manages them included */
#define MAX_HOLDS 64                         /* reasons for which one submission waits */

struct send {                /* a SEND that waits for the compositor */
	struct wl_list link; /* cross_domain_context::sends */
	size_t size, n_handles;
	struct wire_handle handles[CROSS_DOMAIN_MAX_IDENTIFIERS];
	uint8_t bytes[];
};

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

/* --- submissions --- */

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

/* --- SENDs --- */

static void send_destroy(struct cross_domain_context *context, struct send *send)
{
	wl_list_remove(&send->link);
	context->sends_bytes -= sizeof(*send) + send->size;
	for (size_t i = 0; i < send->n_handles; i++)
		wire_handle_finish(&send->handles[i]);
	free(send);
}

void cross_domain_queue_send(struct cross_domain_context *context, const uint8_t *bytes,
	size_t size, struct wire_handle *handles, size_t n_handles)
{
	struct send *send = NULL;
	bool room = range_fits(context->sends_bytes, sizeof(*send) + size, MAX_QUEUED_SENDS);
	if (room)
		send = malloc(sizeof(*send) + size);
	if (!send) {
		for (size_t i = 0; i < n_handles; i++)
			wire_handle_finish(&handles[i]);
		cross_domain_fail(context,
			room ? "out of memory"
			     : "the compositor does not keep up with what it sends");
		return;
	}
	*send = (struct send){.size = size, .n_handles = n_handles};
	memcpy(send->handles, handles, n_handles * sizeof(*handles));
	memcpy(send->bytes, bytes, size);
	wl_list_insert(context->sends.prev, &send->link);
	context->sends_bytes += sizeof(*send) + size;
	if (!cross_domain_update_quota(context))
		cross_domain_fail_by_quota(context, QUOTA_QUEUED_BYTES);
}

void cross_domain_flush_sends(struct cross_domain_context *context)
{
	while (!wl_list_empty(&context->sends) && !compositor_congested(context->compositor)) {
		struct send *send = wl_container_of(context->sends.next, send, link);
		int err = compositor_from_guest(context->compositor, send->bytes, send->size,
			send->handles, send->n_handles);
		send->n_handles = 0;
		send_destroy(context, send);
		if (err < 0)
			cross_domain_end_input(context);
	}
	compositor_flush(context->compositor);
	if (wl_list_empty(&context->sends) && !compositor_congested(context->compositor))
		release_send_holds(context);
}

void cross_domain_end_input(struct cross_domain_context *context)
{
	struct send *send, *next;

	context->input_ended = true;
	wl_list_for_each_safe(send, next, &context->sends, link)
	{
		send_destroy(context, send);
	}
	release_send_holds(context);
}
