/* What the files cross_domain_*.c share. */
#ifndef HOST_BRIDGE_CROSS_DOMAIN_CROSS_DOMAIN_IMPL_H
#define HOST_BRIDGE_CROSS_DOMAIN_CROSS_DOMAIN_IMPL_H

#include <wayland-server-protocol.h>

#include "host-bridge/cross_domain/blob_ids.h"
#include "host-bridge/cross_domain/compositor.h"
#include "host-bridge/cross_domain/cross_domain_context.h"
#include "host-bridge/cross_domain/streams/guest_stream.h"
#include "host-bridge/cross_domain/streams/pipes.h"
#include "host-bridge/contexts/context.h"
#include "host-bridge/resources/quota.h"
#include "protocol/base/log.h"

struct channel_group;
struct submission;

struct cross_domain_context {
	struct context base;
	struct cross_domain_kind *kind;
	bool initialised;
	uint32_t channel_type;
	struct resource *query_ring,
		*channel_ring,         /* referenced; NULL before INIT and once detached */
		*more_pages;           /* of PAGES; likewise */
	struct compositor *compositor; /* NULL: no channel, or its end was told */
	bool input_ended; /* the compositor takes nothing more; what the guest says goes nowhere */
	bool failed;      /* the guest broke a bound: its commands are taken and ignored */
	bool ended;       /* nothing comes behind the stream but one empty RECEIVE: the end */
	bool end_told;
	bool error_told;               /* the client has got a wl_display.error */
	char end_text[QUOTA_TEXT_MAX]; /* for that error, if there was none before the end;
					  "": no special reason */
	bool end_by_quota;             /* the reason is a limit of the machine */

	uint32_t last_id; /* of images, files and write pipes */
	struct blob_ids blob_ids;
	struct wl_list images; /* image_work::link */
	struct pipes pipes;

	struct guest_stream stream;
	bool stream_had_turn;   /* the last event was the stream's */
	bool compositor_paused; /* has_room said no */
	struct wl_list polls;   /* request::link, oldest first */
	uint32_t n_more_polls;  /* how many there are beyond the first */
	uint32_t poll_tag;      /* request::tag of the submission's POLL: where its event goes */
	bool patient;           /* the guest may have to ask again for events */
	bool placed;            /* and has a place in the queue */
	struct wl_list placed_link;  /* cross_domain_kind::placed */
	struct wl_list doubled_link; /* cross_domain_kind::doubled, while n_more_polls > 0 */
	bool active;                 /* something was said or heard since its last POLL */
	struct channel_group *group; /* patient channels that listen for each other; NULL: none */
	uint32_t member;             /* its name in the group */
	bool put_off;                /* its last POLL was answered without an event */
	struct wl_list due_link;     /* channel_group::due, or who has been told, or empty */
	struct wl_list told;         /* due_link: those it was told of, who have not asked yet */

	uint64_t charged_connections, charged_bytes; /* to the machine's quota */
	struct wl_list send_holds;                   /* pipe_waiter::link */
	struct request *executing;     /* the request that may be held, while its commands run */
	struct submission *submission; /* what holds it, once something does */
	uint32_t written_from;         /* bytes that its WRITE_FROMs have named so far */
};

static inline struct cross_domain_context *cross_domain_from(struct context *context)
{
	return container_of(context, struct cross_domain_context, base);
}

static inline struct device_counters *cross_domain_counters(
	const struct cross_domain_context *context)
{
	return context->base.host->counters;
}

/* Pages of the channel ring, each of which takes an event: one, of stock guests. */
static inline uint64_t cross_domain_slots(const struct cross_domain_context *context)
{
	return context->channel_ring->size / CROSS_DOMAIN_RING_BYTES;
}

/* Pages that POLLs may name behind those. */
static inline uint64_t cross_domain_more_slots(const struct cross_domain_context *context)
{
	return context->more_pages ? context->more_pages->size / CROSS_DOMAIN_RING_BYTES : 0;
}

/* The pages that a POLL names, in its request's tag. */
#define CROSS_DOMAIN_MAX_POLL_PAGE (1u << 24)

static inline uint32_t cross_domain_poll_tag(const struct cross_domain_poll *poll)
{
	return poll->page | poll->n_pages << 24;
}

static inline uint64_t cross_domain_poll_offset(uint32_t tag)
{
	return (uint64_t)(tag % CROSS_DOMAIN_MAX_POLL_PAGE) * CROSS_DOMAIN_RING_BYTES;
}

/* 0: no run, one event on one page. */
static inline uint32_t cross_domain_poll_pages(uint32_t tag)
{
	return tag / CROSS_DOMAIN_MAX_POLL_PAGE;
}

static inline struct request *cross_domain_oldest_poll(const struct cross_domain_context *context)
{
	struct request *poll;
	return wl_container_of(context->polls.next, poll, link);
}

/* In cross_domain_limits.c */

/* The guest broke a bound: its context ends, and its client hears @why as a wl_display.error. */
void cross_domain_fail(struct cross_domain_context *context, const char *why);
/* Charges the machine for what waits here for the guest. False: over a limit. */
bool cross_domain_update_quota(struct cross_domain_context *context);
/* A wl_display.error for the client, unless it has got one. */
void cross_domain_add_error(
	struct cross_domain_context *context, enum wl_display_error code, const char *text);
/* As cross_domain_fail: the machine has reached @limit. */
void cross_domain_fail_by_quota(struct cross_domain_context *context, enum quota_limit limit);
/* Keeps what the client is told when its connection ends: the machine has reached @limit. */
void cross_domain_end_by_quota(struct cross_domain_context *context, enum quota_limit limit);

/* In cross_domain_commands.c: context_ops.submit */
int cross_domain_submit(
	struct context *base, const uint8_t *bytes, size_t size, struct request *request);

/* In cross_domain_submissions.c */

/* Sends what waits for the compositor; what waited for that is completed if it is not congested. */
void cross_domain_flush_sends(struct cross_domain_context *context);
/* Nothing more goes to the compositor, and nobody waits for it. */
void cross_domain_end_input(struct cross_domain_context *context);
/* A hold on the submission that runs now; NULL when it may not wait, or has too many already. */
struct pipe_waiter *cross_domain_hold_submission(struct cross_domain_context *context);
/* The same, until the compositor is not congested any more. */
void cross_domain_hold_for_sends(struct cross_domain_context *context);
/* The commands of a submission have run, with the result @err. What context_ops.submit returns. */
int cross_domain_submitted(struct cross_domain_context *context, int err);

/* In cross_domain_images.c: images whose memory kind->maker makes */

/*
 * GET_IMAGE_REQUIREMENTS, where the maker has to be asked: true, and the submission is held until
 * its answer is in the query ring. False: it is for blob_ids_image to answer.
 */
bool cross_domain_ask_maker(struct cross_domain_context *context,
	const struct cross_domain_get_image_requirements *request);
/* context_ops.makes_blob and .make_blob. Where the maker fails, the blob gets ordinary memory, or
 * (its layout is not rows) there is none. */
bool cross_domain_makes_blob(const struct context *base, uint64_t blob_id);
int cross_domain_make_blob(struct context *base, struct resource *resource, uint64_t blob_id,
	uint64_t size, uint32_t flags, struct request *request);
/* The context ends: nothing is waited for any more. */
void cross_domain_finish_images(struct cross_domain_context *context);

/* In cross_domain_events.c */

extern const struct compositor_listener cross_domain_compositor_listener;
extern const struct pipes_listener cross_domain_pipes_listener;
/* context_ops.service and context_ops.fence */
void cross_domain_service(struct context *base);
bool cross_domain_fence(struct context *base, uint32_t ring_idx, struct request *request);

/* In cross_domain_groups.c */

/* The channel, which is in no group, becomes one of @key's. 0 or -ENOMEM. */
int cross_domain_join_group(struct cross_domain_context *context, uint64_t key, uint32_t member);
/* It is in none any more. */
void cross_domain_leave_group(struct cross_domain_context *context);
/* Whether it has read of those it was told of nobody knows: another one is told, too. */
void cross_domain_hand_over(struct cross_domain_context *context);
/* There is something for a channel without a POLL: its group is told, if it was put off. */
void cross_domain_call(struct cross_domain_context *context);
/* It has sent a POLL, so it need not be called. */
void cross_domain_call_off(struct cross_domain_context *context);
/* Whether there is a BELL for any one of its group, and it is to tell it. */
bool cross_domain_has_bell(const struct cross_domain_context *context);
/* That BELL, of @room bytes at most, at @to; its size, or 0: there is none. */
size_t cross_domain_make_bell(struct cross_domain_context *context, uint8_t *to, size_t room);

/* In cross_domain_polls.c */

/* Where the event goes of a POLL with that tag: *@offset bytes into this. NULL: it is gone. */
const struct resource *cross_domain_poll_ring(
	const struct cross_domain_context *context, uint32_t tag, uint64_t *offset);
/* Writes an event of no command there. */
void cross_domain_put_nothing(const struct cross_domain_context *context, uint32_t tag);
/* The oldest POLL, which there is, is answered: its event has been written. */
void cross_domain_complete_oldest_poll(struct cross_domain_context *context);
/* The same, with an event of no command. */
void cross_domain_refuse_oldest_poll(struct cross_domain_context *context);
/* A POLL beyond the first is kept, or @n of them are not kept any more. */
void cross_domain_add_more_poll(struct cross_domain_context *context);
void cross_domain_drop_more_polls(struct cross_domain_context *context, uint32_t n);
/* No POLL is kept any more: the channel's place is free. */
void cross_domain_leave_place(struct cross_domain_context *context);

/* In cross_domain_places.c */

/* Before a POLL is kept: whether there is a place for it; of those who are not patient always. */
bool cross_domain_take_place(struct cross_domain_context *context);
/* Whether there is a place for a channel, after somebody patient has given way if need be. */
bool cross_domain_make_place(struct cross_domain_context *context);
/*
 * Before a POLL beyond the first is kept: whether there is a place for it, after others have given
 * way if need be. All that it does is to save submissions: it is sure of one only while most of the
 * queue is free.
 */
bool cross_domain_place_for_more(struct cross_domain_context *context);

#endif
