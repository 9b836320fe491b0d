/* Policy: how much one transfer may carry. */
#include "host-bridge/policy/transfers/policy_gate.h"

#include <string.h>

#include "host-bridge/transfers/gates.h"
#include "host-bridge/transfers/transfers.h"

#define LOG_MODULE "policy"

#define GATE_FDS 3 /* the reader's, and both ends of its own pipe */

static bool handle_holds(void *data, uint64_t *charged, uint64_t bytes)
{
	const struct policy *policy = data;
	return quota_adjust(policy->quota, QUOTA_QUEUED_BYTES, charged, bytes);
}

static void handle_closed(void *data, bool too_much)
{
	const struct policy *policy = data;

	quota_release(policy->quota, QUOTA_PIPES, 1);
	quota_release(policy->quota, QUOTA_FDS, GATE_FDS);
	policy->counters->transfers_too_large += too_much;
	if (too_much)
		log_limited(LOG_LEVEL_WARN,
			"%s: a transfer has more than its max-bytes, or than the machine's limit "
			"of "
			"queued-bytes: nothing of it arrives",
			policy->vm_name ? policy->vm_name : "the machine");
}

static const struct gate_listener gate_listener = {.holds = handle_holds, .closed = handle_closed};

/* False: no more gates may be had now, which the log says. */
static bool charge(const struct policy *policy)
{
	enum quota_limit exceeded = QUOTA_PIPES;
	char text[QUOTA_TEXT_MAX];

	if (quota_charge(policy->quota, QUOTA_PIPES, 1)) {
		if (quota_charge(policy->quota, QUOTA_FDS, GATE_FDS))
			return true;
		quota_release(policy->quota, QUOTA_PIPES, 1);
		exceeded = QUOTA_FDS;
	}
	log_limited(LOG_LEVEL_WARN, "%s: a transfer is refused: %s",
		policy->vm_name ? policy->vm_name : "the machine",
		quota_explain(policy->quota, exceeded, text));
	return false;
}

bool policy_gate(struct relay *relay, enum transfer_kind kind, struct wire_handle *handle)
{
	const struct policy_connection *connection = relay_data(relay);
	const struct policy *policy = connection->policy;
	uint64_t max_bytes = policy->rules.kinds[kind].max_bytes;

	if (max_bytes == 0)
		return true;
	if (!charge(policy)) {
		wire_handle_finish(handle);
		return false;
	}
	int fd = gate_open(&policy->transfers->gates, connection->loop, handle->fd, max_bytes,
		&gate_listener, (void *)policy);
	*handle = fd < 0 ? (struct wire_handle){.kind = WIRE_NONE, .fd = -1} : wire_handle_fd(fd);
	return fd >= 0;
}

void policy_gate_cut(const struct policy *policy, int fd)
{
	if (policy)
		gates_cut(&policy->transfers->gates, fd);
}
