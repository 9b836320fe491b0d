/* What the user lets cross between a machine and the host by clipboard and drags. */
#include "host-bridge/transfers/transfer_rules.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/bytes.h"
#include "protocol/base/words.h"
#include "protocol/program/json.h"
#include "protocol/program/options.h"

static const struct {
	const char *section, *name;
} kinds[TRANSFER_N_KINDS] = {
	[TRANSFER_CLIPBOARD] = {"clipboard", "clipboard"},
	[TRANSFER_PRIMARY] = {"primary", "primary selection"},
	[TRANSFER_DRAG] = {"drags", "drag"},
};

static const char *const modes[] = {
	[TRANSFER_ALLOW] = "allow",
	[TRANSFER_ASK] = "ask",
	[TRANSFER_HOTKEY] = "hotkey",
	[TRANSFER_DENY] = "deny",
};
static const char *const ways[TRANSFER_N_WAYS] = {"to-guest", "to-host"};

/*
 * Names of files. Paths of one side mean nothing on the other, and tell of its directories.
 */
static const char *const file_lists[] = {
	"text/uri-list",
	"application/vnd.portal.files",
	"application/vnd.portal.filetransfer",
	"application/x-kde4-urilist",
	"x-special/gnome-copied-files",
	"x-special/mate-copied-files",
};

const char *transfer_kind_name(enum transfer_kind kind)
{
	return kinds[kind].name;
}

const char *transfer_kind_section(enum transfer_kind kind)
{
	return kinds[kind].section;
}

const char *transfer_way_name(enum transfer_way way)
{
	return ways[way];
}

/* TRANSFER_N_KINDS: none. */
static enum transfer_kind find_section(const char *section)
{
	enum transfer_kind kind = 0;

	while (kind < TRANSFER_N_KINDS && strcmp(kinds[kind].section, section) != 0)
		kind++;
	return kind;
}

bool transfer_rules_section(const char *section)
{
	return find_section(section) < TRANSFER_N_KINDS;
}

static const char *set_mode(enum transfer_mode *mode, enum transfer_kind kind, const char *value)
{
	size_t found = word_find(value, modes, ARRAY_LENGTH(modes));

	if (kind == TRANSFER_DRAG && found == TRANSFER_HOTKEY)
		found = ARRAY_LENGTH(modes);
	if (found == ARRAY_LENGTH(modes))
		return kind == TRANSFER_DRAG ? "may be allow, ask or deny"
					     : "may be allow, ask, hotkey or deny";
	*mode = (enum transfer_mode)found;
	return NULL;
}

/* The next pattern of a list, which begins at **@list; its length, or 0 behind the last one. */
static size_t next_pattern(const char **list)
{
	*list += strspn(*list, " \t,");
	size_t length = strcspn(*list, ",");
	while (length > 0 && strchr(" \t", (*list)[length - 1]))
		length--;
	return length;
}

static const char *set_types(const char **types, const char *value)
{
	const char *pattern = value;
	size_t length = next_pattern(&pattern);

	if (length == 0)
		return "names no type";
	for (; length > 0; pattern += length, length = next_pattern(&pattern)) {
		const char *star = memchr(pattern, '*', length);
		if (star && star != pattern + length - 1)
			return "a * may stand at the end of a type only";
		if (memchr(pattern, ' ', length) || memchr(pattern, ';', length))
			return "types have commas between them, and no parameters";
	}
	*types = value;
	return NULL;
}

static const char *set_file_lists(bool *allowed, const char *value)
{
	if (strcmp(value, "allow") != 0 && strcmp(value, "deny") != 0)
		return "may be allow or deny";
	*allowed = value[0] == 'a';
	return NULL;
}

static const char *set_max_bytes(uint64_t *max_bytes, const char *value)
{
	unsigned long long bytes;

	if (!options_parse_bytes(value, &bytes) || bytes == 0)
		return "not a number of bytes, with K, M, G or T behind it";
	*max_bytes = bytes;
	return NULL;
}

const char *transfer_rules_set(
	struct transfer_rules *rules, const char *section, const char *key, const char *value)
{
	enum transfer_kind kind = find_section(section);

	if (kind == TRANSFER_N_KINDS)
		return "there is no such section";
	struct transfer_rule *rule = &rules->kinds[kind];
	size_t way = word_find(key, ways, TRANSFER_N_WAYS);
	if (way < TRANSFER_N_WAYS)
		return set_mode(&rule->modes[way], kind, value);
	if (strcmp(key, "mime") == 0)
		return set_types(&rule->types, value);
	if (strcmp(key, "uri-list") == 0)
		return set_file_lists(&rule->file_lists, value);
	if (strcmp(key, "max-bytes") == 0)
		return set_max_bytes(&rule->max_bytes, value);
	return "there is to-guest, to-host, mime, uri-list and max-bytes";
}

static bool has_mode(const struct transfer_rules *rules, enum transfer_mode mode)
{
	for (enum transfer_kind kind = 0; kind < TRANSFER_N_KINDS; kind++) {
		for (enum transfer_way way = 0; way < TRANSFER_N_WAYS; way++) {
			if (rules->kinds[kind].modes[way] == mode)
				return true;
		}
	}
	return false;
}

bool transfer_rules_ask(const struct transfer_rules *rules)
{
	return has_mode(rules, TRANSFER_ASK);
}

bool transfer_rules_have_hotkey(const struct transfer_rules *rules)
{
	return has_mode(rules, TRANSFER_HOTKEY);
}

bool transfer_rule_keeps_own(const struct transfer_rule *rule)
{
	return rule->modes[TRANSFER_TO_HOST] == TRANSFER_HOTKEY ||
		(rule->modes[TRANSFER_TO_HOST] == TRANSFER_DENY &&
			!transfer_mode_offers(rule->modes[TRANSFER_TO_GUEST]));
}

void transfer_rules_close(struct transfer_rules *rules, enum transfer_way way)
{
	for (enum transfer_kind kind = 0; kind < TRANSFER_N_KINDS; kind++)
		rules->kinds[kind].modes[way] = TRANSFER_DENY;
}

/* @length is that of @type without parameters. */
static bool pattern_matches(
	const char *pattern, size_t pattern_length, const char *type, size_t length)
{
	if (pattern[pattern_length - 1] == '*')
		return length >= pattern_length - 1 &&
			strncasecmp(pattern, type, pattern_length - 1) == 0;
	return length == pattern_length && strncasecmp(pattern, type, length) == 0;
}

bool transfer_rule_passes(const struct transfer_rule *rule, const char *type)
{
	size_t length = strcspn(type, "; \t");
	const char *pattern = rule->types;

	for (size_t i = 0; i < ARRAY_LENGTH(file_lists) && !rule->file_lists; i++) {
		if (pattern_matches(file_lists[i], strlen(file_lists[i]), type, length))
			return false;
	}
	if (!pattern)
		return true;
	for (size_t n = next_pattern(&pattern); n > 0; pattern += n, n = next_pattern(&pattern)) {
		if (pattern_matches(pattern, n, type, length))
			return true;
	}
	return false;
}

bool transfer_rules_same(
	const struct transfer_rule *a, const struct transfer_rule *b, enum transfer_way way)
{
	return a->modes[way] == b->modes[way] && a->file_lists == b->file_lists &&
		strcmp(a->types ? a->types : "*", b->types ? b->types : "*") == 0;
}

void transfer_rules_print(const struct transfer_rules *rules, FILE *out)
{
	for (enum transfer_kind kind = 0; kind < TRANSFER_N_KINDS; kind++) {
		const struct transfer_rule *rule = &rules->kinds[kind];
		fprintf(out, "%s:", kinds[kind].section);
		for (enum transfer_way way = 0; way < TRANSFER_N_WAYS; way++)
			fprintf(out, " %s %s,", ways[way], modes[rule->modes[way]]);
		fprintf(out, " mime %s, uri-list %s, max-bytes ", rule->types ? rule->types : "*",
			rule->file_lists ? "allow" : "deny");
		if (rule->max_bytes > 0)
			fprintf(out, "%" PRIu64 "\n", rule->max_bytes);
		else
			fprintf(out, "none\n");
	}
}

void transfer_rules_print_json(const struct transfer_rules *rules, FILE *out)
{
	for (enum transfer_kind kind = 0; kind < TRANSFER_N_KINDS; kind++) {
		const struct transfer_rule *rule = &rules->kinds[kind];
		fprintf(out, "%s\"%s\": {", kind > 0 ? ", " : "", kinds[kind].section);
		for (enum transfer_way way = 0; way < TRANSFER_N_WAYS; way++)
			fprintf(out, "\"%s\": \"%s\", ", ways[way], modes[rule->modes[way]]);
		fputs("\"mime\": ", out);
		json_print_string(out, rule->types ? rule->types : "*");
		fprintf(out, ", \"uri-list\": \"%s\", \"max-bytes\": ",
			rule->file_lists ? "allow" : "deny");
		if (rule->max_bytes > 0)
			fprintf(out, "%" PRIu64 "}", rule->max_bytes);
		else
			fputs("null}", out);
	}
}
