/*
 * What a policy knows of its machine's own sources of clipboards and drags, those of all its
 * connections, and the marks by which it knows them again: a MIME type with a secret, by which an
 * offer of the compositor's shows that it is of a source of the machine's.
 */
#ifndef HOST_BRIDGE_TRANSFERS_TRANSFERS_H
#define HOST_BRIDGE_TRANSFERS_TRANSFERS_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-util.h>

#include "host-bridge/transfers/transfer_rules.h"

#define TRANSFERS_SECRET_BYTES 16
#define TRANSFERS_MARK_BYTES 128

struct transfers {
	struct wl_list sources;   /* source::link (policy_sources.h), the newest one first */
	uint64_t last_number;     /* of a source; from 1 */
	struct wl_list devices;   /* device::link (policy_selections.c) */
	struct wl_list gates;     /* gates.h */
	struct wl_list questions; /* passage::link (policy_gate.c): the first one is asked */
	uint32_t n_questions;
	struct wl_list proxies; /* proxy::link (policy_selections.c) */
	/* Numbers of the sources that are the machine's selections and stay with it; 0: none. */
	uint64_t current[TRANSFER_N_KINDS];
	char secret[2 * TRANSFERS_SECRET_BYTES + 1]; /* hexadecimal */
};

/* NULL when memory is short. */
struct transfers *transfers_create(void);
void transfers_destroy(struct transfers *transfers);

/* The mark of the source @number. */
void transfers_write_mark(
	const struct transfers *transfers, uint64_t number, char mark[TRANSFERS_MARK_BYTES]);
/* The number in a mark of this machine's; 0: @type is none. */
uint64_t transfers_read_mark(const struct transfers *transfers, const char *type);
/* Whether @type is such a mark, of any machine. */
bool transfers_is_mark(const char *type);

#endif
