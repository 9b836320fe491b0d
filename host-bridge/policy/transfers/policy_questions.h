/*
 * Policy: transfers that wait for the user. One question is open at a time, the others wait; all
 * are of transfers whose gates are shut, so that whoever waits for contents just waits. Who has the
 * contents is asked for them at once: offers of the compositor's may be good for nothing once the
 * question has the focus.
 */
#ifndef HOST_BRIDGE_POLICY_TRANSFERS_POLICY_QUESTIONS_H
#define HOST_BRIDGE_POLICY_TRANSFERS_POLICY_QUESTIONS_H

#include "host-bridge/attendant/attendant.h"
#include "host-bridge/policy/transfers/policy_transfer.h"

struct gate;

struct policy_question {
	struct wl_list link; /* transfers::questions; alone: it does not wait */
	const struct policy *policy;
	struct gate *gate;
	enum transfer_kind kind;
	enum transfer_way way;
	char type[QUESTION_TYPE_BYTES]; /* cleaned, for people */
};

/* About @transfer; @policy outlives it. */
void policy_question_init(struct policy_question *question, const struct policy *policy,
	const struct policy_transfer *transfer);

/* Whether the machine may have one more question; if not, the user is told, and it is counted. */
bool policy_question_possible(
	const struct policy_connection *connection, const struct policy_question *question);

/*
 * Has the user asked, now or once it is its turn, whether contents may come through @gate, which is
 * shut and then opens or closes. The question, borrowed, stays where it is until the gate is gone.
 */
void policy_question_put(struct policy_question *question, struct gate *gate);

/* The question's gate is gone. */
void policy_question_end(struct policy_question *question);

#endif
