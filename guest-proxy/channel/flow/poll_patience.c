/* When a channel asks again that the host had no place for. */
#include "guest-proxy/channel/flow/poll_patience.h"

#include "protocol/base/bytes.h"

#define REST_MS 20
#define REST_MAX_MS 1000

void poll_patience_init(struct poll_patience *patience, struct wl_event_loop *loop,
	void (*rested)(void *data), void *data)
{
	*patience = (struct poll_patience){.loop = loop, .rested = rested, .data = data};
}

void poll_patience_finish(struct poll_patience *patience)
{
	if (patience->timer)
		wl_event_source_remove(patience->timer);
	patience->timer = NULL;
	bell_leave(&patience->member);
}

static void end_rest(struct poll_patience *patience)
{
	patience->resting = false;
	patience->rested(patience->data);
}

static void handle_call(void *data)
{
	end_rest(data);
}

void poll_patience_join(struct poll_patience *patience, struct bell *bell, struct turn *turn)
{
	bell_join(bell, turn, &patience->member, handle_call, patience);
}

void poll_patience_asked(struct poll_patience *patience)
{
	patience->spoke = false;
	bell_asked(&patience->member);
}

void poll_patience_answered(struct poll_patience *patience)
{
	bell_listen(&patience->member, false);
}

void poll_patience_spoke(struct poll_patience *patience, bool with_poll)
{
	if (with_poll) {
		bell_asked(&patience->member);
	} else if (patience->resting) {
		bell_listen(&patience->member, false);
		bell_stir(&patience->member);
	}
	patience->resting = false;
	patience->rest_ms = 0;
	patience->spoke = !with_poll;
}

void poll_patience_heard(struct poll_patience *patience)
{
	patience->rest_ms = 0;
}

static int handle_timer(void *data)
{
	struct poll_patience *patience = data;

	if (!patience->resting) /* it was cut short */
		return 0;
	bell_listen(&patience->member, false);
	end_rest(patience);
	return 0;
}

void poll_patience_refused(struct poll_patience *patience)
{
	if (patience->resting || patience->spoke || patience->member.called)
		return;
	patience->resting = bell_rest(&patience->member);
	if (patience->resting)
		return;
	if (!patience->timer)
		patience->timer = wl_event_loop_add_timer(patience->loop, handle_timer, patience);
	patience->rest_ms = patience->rest_ms == 0
		? REST_MS
		: (int)min_u64((uint64_t)patience->rest_ms * 2, REST_MAX_MS);
	/* Without a timer it asks at once. */
	patience->resting = patience->timer &&
		wl_event_source_timer_update(patience->timer, patience->rest_ms) == 0;
	if (patience->resting)
		bell_listen(&patience->member, true);
}
