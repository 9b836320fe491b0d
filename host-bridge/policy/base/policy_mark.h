/* What stands around a text of the guest, so that everybody sees whose it is. */
#ifndef HOST_BRIDGE_POLICY_BASE_POLICY_MARK_H
#define HOST_BRIDGE_POLICY_BASE_POLICY_MARK_H

#include <stdbool.h>

#define POLICY_MARK_BYTES 64
#define POLICY_APP_ID "wayferry.%m.%a"

/*
 * The machine's name between @before and @after goes in front of the guest's own text, so that no
 * text of the guest can stand in its place. @alone ends it when the guest's text is empty, or left
 * out altogether (@no_text).
 */
struct policy_mark {
	char before[POLICY_MARK_BYTES], after[POLICY_MARK_BYTES], alone[POLICY_MARK_BYTES];
	bool no_text;
};

/*
 * From a template: letters, digits, '.', '-' and '_', with %m for the machine's name, once, between
 * dots or ends, and behind it %a for the guest's text, at the end, or nothing of it. Names of
 * machines have no dots, so no guest can make up what another one's template gives. NULL, or what
 * is wrong.
 */
const char *policy_mark_parse(struct policy_mark *mark, const char *template);

/*
 * Whether the application ids of the machine @vm, made with @mark, could be those that another
 * machine has by default, POLICY_APP_ID.
 */
bool policy_mark_collides(const struct policy_mark *mark, const char *vm);

#endif
