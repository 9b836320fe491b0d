/* Policy: transfers that wait for the user. */
#include "host-bridge/policy/transfers/policy_questions.h"

#include <inttypes.h>
#include <string.h>

#include "host-bridge/transfers/gates.h"
#include "host-bridge/transfers/transfers.h"

#define LOG_MODULE "policy"

#define QUESTIONS_MAX 16 /* that a machine may have */
#define STATUS_YES 0
#define STATUS_NO 1

static const char *machine_of(const struct policy *policy)
{
	return policy->vm_name ? policy->vm_name : "the machine";
}

/* What MIME types are made of; nothing that a program which shows it could take for more. */
static bool is_of_type(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c != 0 && strchr("._+-/;=:", c));
}

void policy_question_init(struct policy_question *question, const struct policy *policy,
	const struct policy_transfer *transfer)
{
	const char *type = transfer->type;

	*question = (struct policy_question){
		.policy = policy, .kind = transfer->kind, .way = transfer->way};
	for (size_t i = 0; type[i] && i < sizeof(question->type) - 1; i++)
		question->type[i] = (char)(is_of_type(type[i]) ? type[i] : '?');
	wl_list_init(&question->link);
}

static void refuse(const char *name, const struct policy_question *question, const char *why)
{
	question->policy->counters->transfers_refused[question->way]++;
	log_limited(LOG_LEVEL_INFO, "%s: %s %s (%s) refused: %s", name,
		transfer_kind_name(question->kind), transfer_way_name(question->way),
		question->type, why);
}

bool policy_question_possible(
	const struct policy_connection *connection, const struct policy_question *question)
{
	if (connection->policy->transfers->n_questions < QUESTIONS_MAX)
		return true;
	refuse(connection->name, question, "too many others wait for the user");
	return false;
}

/* --- what the user is asked --- */

static void write_question(const struct policy_question *question, struct question *asked)
{
	const struct policy *policy = question->policy;
	const char *kind = transfer_kind_name(question->kind), *name = policy->vm_name;
	uint64_t max_bytes = policy->rules.kinds[question->kind].max_bytes;

	*asked = (struct question){0};
	snprintf(
		asked->direction, sizeof(asked->direction), "%s", transfer_way_name(question->way));
	snprintf(asked->kind, sizeof(asked->kind), "%s", transfer_kind_section(question->kind));
	memcpy(asked->type, question->type, sizeof(asked->type));
	if (max_bytes > 0)
		snprintf(asked->max_bytes, sizeof(asked->max_bytes), "%" PRIu64, max_bytes);
	if (question->way == TRANSFER_TO_GUEST)
		snprintf(asked->text, sizeof(asked->text),
			"Shall the machine %s get the contents of this desktop's %s (%s), once?",
			name ? name : "without a name", kind, question->type);
	else
		snprintf(asked->text, sizeof(asked->text),
			"Shall a program of this desktop get the contents of the %s of the "
			"machine %s (%s), once?",
			kind, name ? name : "without a name", question->type);
}

static struct policy_question *first(const struct transfers *transfers)
{
	struct policy_question *question;

	return wl_list_empty(&transfers->questions)
		? NULL
		: wl_container_of(transfers->questions.next, question, link);
}

/* It waits no more. */
static void take_out(struct transfers *transfers, struct policy_question *question)
{
	wl_list_remove(&question->link);
	wl_list_init(&question->link);
	transfers->n_questions--;
}

static void close_refused(struct policy_question *question, const char *why)
{
	take_out(question->policy->transfers, question);
	refuse(machine_of(question->policy), question, why);
	gate_close(question->gate);
}

static void handle_answer(void *data, int status);

/* The next question; those that cannot be asked are refused. */
static void ask(struct transfers *transfers)
{
	struct policy_question *question;
	struct question asked;

	while ((question = first(transfers))) {
		const struct policy *policy = question->policy;
		write_question(question, &asked);
		int error = attendant_ask(policy->attendant, &asked, handle_answer, transfers);
		if (error == 0) {
			policy->counters->questions++;
			return;
		}
		policy->counters->questions_failed++;
		log_limited(LOG_LEVEL_WARN, "%s: the user cannot be asked: %s", machine_of(policy),
			strerror(-error));
		close_refused(question, "nobody was asked");
	}
}

/* --- what the user says --- */

/* A "no" is one to all that wait and are of the kind: who asks often gets it sooner. */
static void refuse_all_like(
	struct transfers *transfers, enum transfer_kind kind, enum transfer_way way)
{
	struct policy_question *question, *next;

	wl_list_for_each_safe(question, next, &transfers->questions, link)
	{
		if (question->kind == kind && question->way == way)
			close_refused(question, "the user says no");
	}
}

static void note_failure(const struct policy *policy, int status)
{
	policy->counters->questions_failed++;
	if (status < 0)
		log_limited(LOG_LEVEL_WARN, "%s: the program that asks the user did not run: %s",
			machine_of(policy), strerror(-status));
	else if (status > 128)
		log_limited(LOG_LEVEL_WARN,
			"%s: the program that asks the user was ended by signal %d",
			machine_of(policy), status - 128);
	else
		log_limited(LOG_LEVEL_WARN,
			"%s: the program that asks the user ended with status %d, which is no "
			"answer",
			machine_of(policy), status);
}

/* An attendant_answer, to the first question. */
static void handle_answer(void *data, int status)
{
	struct transfers *transfers = data;
	struct policy_question *question = first(transfers);
	const struct policy *policy = question->policy;

	if (status == STATUS_YES) {
		take_out(transfers, question);
		log_limited(LOG_LEVEL_INFO, "%s: %s %s (%s): the user says yes", machine_of(policy),
			transfer_kind_name(question->kind), transfer_way_name(question->way),
			question->type);
		gate_let_through(question->gate);
	} else if (status == STATUS_NO) {
		refuse_all_like(transfers, question->kind, question->way);
	} else {
		note_failure(policy, status);
		close_refused(question, "there was no answer");
	}
	ask(transfers);
}

/* --- the life of a question --- */

void policy_question_put(struct policy_question *question, struct gate *gate)
{
	struct transfers *transfers = question->policy->transfers;

	question->gate = gate;
	wl_list_insert(transfers->questions.prev, &question->link);
	if (transfers->n_questions++ == 0)
		ask(transfers);
}

void policy_question_end(struct policy_question *question)
{
	struct transfers *transfers = question->policy->transfers;

	if (wl_list_empty(&question->link))
		return;
	bool open = question == first(transfers);
	take_out(transfers, question);
	if (!open)
		return;
	attendant_withdraw(question->policy->attendant);
	ask(transfers);
}
