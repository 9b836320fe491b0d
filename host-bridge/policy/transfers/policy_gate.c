/* Policy: how much one transfer may carry, and whether the user lets it through. */
#include "host-bridge/policy/transfers/policy_gate.h"

#include <stdlib.h>

#include "host-bridge/transfers/gates.h"
#include "host-bridge/transfers/transfers.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "policy"

#define GATE_FDS 3 /* the reader's, and both ends of its own pipe */

struct passage { /* one transfer with a gate */
	const struct policy *policy;
	struct policy_question question;
};

static const char *machine_of(const struct policy *policy)
{
	return policy->vm_name ? policy->vm_name : "the machine";
}

bool policy_gate_make_room(const struct policy *policy)
{
	if (!policy || !gates_drop_stalest(&policy->transfers->gates))
		return false;
	log_limited(LOG_LEVEL_WARN,
		"%s: a transfer is cut short: its reader has taken nothing for a while, and others "
		"need the room",
		machine_of(policy));
	return true;
}

static bool handle_holds(void *data, uint64_t *charged, uint64_t bytes)
{
	const struct policy *policy = ((const struct passage *)data)->policy;

	while (!quota_adjust(policy->quota, QUOTA_QUEUED_BYTES, charged, bytes)) {
		if (!policy_gate_make_room(policy))
			return false;
	}
	return true;
}

static void handle_closed(void *data, bool too_much)
{
	struct passage *passage = data;
	const struct policy *policy = passage->policy;

	quota_release(policy->quota, QUOTA_PIPES, 1);
	quota_release(policy->quota, QUOTA_FDS, GATE_FDS);
	policy->counters->transfers_too_large += too_much;
	if (too_much)
		log_limited(LOG_LEVEL_WARN,
			"%s: a transfer has more than its max-bytes, or than the machine's limit "
			"of queued-bytes: nothing more of it arrives",
			machine_of(policy));
	policy_question_end(&passage->question);
	policy_unref(policy);
	free(passage);
}

static const struct gate_listener gate_listener = {.holds = handle_holds, .closed = handle_closed};

/* False: so much more may not be had now, which the log says. */
static bool charge_one(const struct policy *policy, enum quota_limit limit, uint64_t n)
{
	char text[QUOTA_TEXT_MAX];

	while (!quota_charge(policy->quota, limit, n)) {
		if (policy_gate_make_room(policy))
			continue;
		log_limited(LOG_LEVEL_WARN, "%s: a transfer is refused: %s", machine_of(policy),
			quota_explain(policy->quota, limit, text));
		return false;
	}
	return true;
}

/* False: no more gates may be had now. */
static bool charge(const struct policy *policy)
{
	if (!charge_one(policy, QUOTA_PIPES, 1))
		return false;
	if (charge_one(policy, QUOTA_FDS, GATE_FDS))
		return true;
	quota_release(policy->quota, QUOTA_PIPES, 1);
	return false;
}

/* Takes @fd. The gate's end for who writes, or -1. */
static int open_gate(const struct policy_connection *connection,
	const struct policy_transfer *transfer, int fd, const struct gate_terms *terms)
{
	const struct policy *policy = connection->policy;
	struct passage *passage = calloc(1, sizeof(*passage));
	int in;

	if (passage)
		policy_question_init(&passage->question, policy, transfer);
	if (!passage ||
		(terms->shut && !policy_question_possible(connection, &passage->question)) ||
		!charge(policy)) {
		free(passage);
		fd_close(&fd);
		return -1;
	}
	passage->policy = policy_ref(policy);
	struct gate *gate = gate_open(&policy->transfers->gates, connection->loop, fd, terms,
		&gate_listener, passage, &in);
	if (gate && terms->shut)
		policy_question_put(&passage->question, gate);
	return in;
}

bool policy_gate(
	struct relay *relay, const struct policy_transfer *transfer, struct wire_handle *handle)
{
	const struct policy_connection *connection = relay_data(relay);
	const struct transfer_rule *rule = &connection->policy->rules.kinds[transfer->kind];
	const struct gate_terms terms = {
		.max_bytes = rule->max_bytes,
		.shut = rule->modes[transfer->way] == TRANSFER_ASK,
	};

	if (terms.max_bytes == 0 && !terms.shut)
		return true;
	int fd = open_gate(connection, transfer, handle->fd, &terms);
	*handle = fd < 0 ? (struct wire_handle){.kind = WIRE_NONE, .fd = -1} : wire_handle_fd(fd);
	return fd >= 0;
}

void policy_gate_cut(const struct policy *policy, int fd)
{
	if (policy)
		gates_cut(&policy->transfers->gates, fd);
}
