/* Templates of marks. */
#include "host-bridge/policy/base/policy_mark.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_BEFORE "wayferry." /* of POLICY_APP_ID */

static bool plain(const char *text, size_t length)
{
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") >=
		length;
}

const char *policy_mark_parse(struct policy_mark *mark, const char *template)
{
	const char *name = strstr(template, "%m");

	if (strlen(template) >= POLICY_MARK_BYTES)
		return "is longer than 63 characters";
	if (!name)
		return "has no %m: windows of different machines could not be told apart";
	const char *rest = name + 2, *text = strstr(rest, "%a");
	const size_t before = (size_t)(name - template);
	const size_t after = text ? (size_t)(text - rest) : strlen(rest);
	if (text && text[2])
		return "goes on behind %a";
	if (!plain(template, before) || !plain(rest, after))
		return "may have letters, digits, '.', '-' and '_' in it, one %m, and behind that "
		       "one %a";
	if ((before > 0 && template[before - 1] != '.') || (rest[0] && rest[0] != '.'))
		return "must have a dot, or nothing, on both sides of %m";
	*mark = (struct policy_mark){.no_text = !text};
	memcpy(mark->before, template, before);
	memcpy(mark->after, rest, after);
	/* Without a text, what only joined it is left out. */
	memcpy(mark->alone, rest, text ? after - 1 : after);
	return NULL;
}

bool policy_mark_collides(const struct policy_mark *mark, const char *vm)
{
	const size_t length = sizeof(DEFAULT_BEFORE) - 1;

	/* The name of the machine that an id of this form belongs to is what follows. */
	if (mark->before[0] == 0)
		return strncmp(vm, DEFAULT_BEFORE, length - 1) == 0 && vm[length - 1] == 0;
	return strncmp(mark->before, DEFAULT_BEFORE, length) == 0 && mark->before[length] != 0;
}
