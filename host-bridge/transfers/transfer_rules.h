/*
 * What the user lets cross between a machine and the host by clipboard, primary selection and
 * drags: for each of the three which ways are open, and which types.
 */
#ifndef HOST_BRIDGE_TRANSFERS_TRANSFER_RULES_H
#define HOST_BRIDGE_TRANSFERS_TRANSFER_RULES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum transfer_kind {
	TRANSFER_CLIPBOARD,
	TRANSFER_PRIMARY,
	TRANSFER_DRAG,
	TRANSFER_N_KINDS,
};

enum transfer_way {
	TRANSFER_TO_GUEST,
	TRANSFER_TO_HOST,
	TRANSFER_N_WAYS,
};

enum transfer_mode {
	TRANSFER_ALLOW,
	TRANSFER_ASK,    /* contents once the user has said yes to them */
	TRANSFER_HOTKEY, /* once for each time the user presses a chord; not for drags */
	TRANSFER_DENY,
};

/* Zero-initialised: all ways open, for all types but lists of files. */
struct transfer_rule {
	enum transfer_mode modes[TRANSFER_N_WAYS];
	const char *types;  /* "text/plain, image/png"; NULL: all. Borrowed */
	bool file_lists;    /* those, too */
	uint64_t max_bytes; /* of one transfer; 0: any number */
};

struct transfer_rules {
	struct transfer_rule kinds[TRANSFER_N_KINDS];
};

/* "clipboard", "primary selection" or "drag", for people. */
const char *transfer_kind_name(enum transfer_kind kind);
/* As the configuration file has them: "clipboard", "primary" or "drags"; "to-guest" or "to-host".
 */
const char *transfer_kind_section(enum transfer_kind kind);
const char *transfer_way_name(enum transfer_way way);

/* Whether @section of a configuration file has rules: "clipboard", "primary" or "drags". */
bool transfer_rules_section(const char *section);
/* Sets "@key = @value" of such a section; borrows @value. NULL, or what is wrong. */
const char *transfer_rules_set(
	struct transfer_rules *rules, const char *section, const char *key, const char *value);

/* Whether selections and drags are offered to the other side, with or without a question later. */
static inline bool transfer_mode_offers(enum transfer_mode mode)
{
	return mode == TRANSFER_ALLOW || mode == TRANSFER_ASK;
}

/* Whether the user may be asked. */
bool transfer_rules_ask(const struct transfer_rules *rules);

/* Whether a chord has any effect. */
bool transfer_rules_have_hotkey(const struct transfer_rules *rules);
/*
 * Whether what the machine sets as its selection of that kind stays with the machine: it may not
 * leave, or only by a chord, and nothing comes by itself that could take its place.
 */
bool transfer_rule_keeps_own(const struct transfer_rule *rule);

/* Denies a way to all of them. */
void transfer_rules_close(struct transfer_rules *rules, enum transfer_way way);

/*
 * Whether contents of @type (a MIME type with or without parameters, or another name of a target)
 * may cross.
 */
bool transfer_rule_passes(const struct transfer_rule *rule, const char *type);

/* Whether what the two say of @way is the same. */
bool transfer_rules_same(
	const struct transfer_rule *a, const struct transfer_rule *b, enum transfer_way way);

/* A line for each section: "clipboard: to-guest allow, to-host deny, mime *, uri-list deny,
 * max-bytes none". */
void transfer_rules_print(const struct transfer_rules *rules, FILE *out);
/* The same as a member of an object of JSON for each kind, with commas between them. */
void transfer_rules_print_json(const struct transfer_rules *rules, FILE *out);

#endif
