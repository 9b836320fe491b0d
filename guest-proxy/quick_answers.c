/* Whether the host's answers come quickly. */
#include "guest-proxy/quick_answers.h"

#include <unistd.h>

#define STREAK_NEEDED 4

void quick_answers_init(struct quick_answers *answers)
{
	*answers = (struct quick_answers){.possible = sysconf(_SC_NPROCESSORS_ONLN) > 1};
}

void quick_answers_kicked(struct quick_answers *answers, uint64_t now_ns)
{
	answers->kicked_ns = now_ns;
}

void quick_answers_answered(struct quick_answers *answers, uint64_t now_ns, bool late)
{
	if (answers->kicked_ns == 0)
		return;
	bool quick = !late && now_ns - answers->kicked_ns <= QUICK_ANSWERS_WATCH_NS;
	answers->kicked_ns = 0;
	if (!quick)
		answers->streak = 0;
	else if (answers->streak < STREAK_NEEDED)
		answers->streak++;
}

bool quick_answers_expected(const struct quick_answers *answers)
{
	return answers->possible && answers->streak == STREAK_NEEDED;
}
