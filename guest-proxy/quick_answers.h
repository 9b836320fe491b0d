/*
 * Whether the host's answers come so quickly that watching the ring for a moment costs less than going to sleep and
 * being woken, which takes several microseconds each way. Only a run of such answers starts it (a client that makes
 * round trips), the first slow one ends it (a client that waits for its next frame).
 */
#ifndef GUEST_PROXY_QUICK_ANSWERS_H
#define GUEST_PROXY_QUICK_ANSWERS_H

#include <stdbool.h>
#include <stdint.h>

/* The longest that is watched. */
#define QUICK_ANSWERS_WATCH_NS UINT64_C(60000)

struct quick_answers {
	bool possible;	    /* there is a processor for the host beside ours */
	unsigned streak;    /* quick answers in a row, as far as it matters */
	uint64_t kicked_ns; /* CLOCK_MONOTONIC; 0: answered */
};

void quick_answers_init(struct quick_answers *answers);

/* The host was woken at @now_ns. */
void quick_answers_kicked(struct quick_answers *answers, uint64_t now_ns);

/* Something that was waited for is there, or (@late) was watched for in vain. */
void quick_answers_answered(struct quick_answers *answers, uint64_t now_ns, bool late);

/* Whether the next answer is worth watching for. */
bool quick_answers_expected(const struct quick_answers *answers);

#endif
