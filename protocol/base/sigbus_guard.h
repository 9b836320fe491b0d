/*
 * Guards for mappings of files that somebody else may truncate. What is no longer in the file
 * raises SIGBUS when it is touched: a guarded mapping then becomes zeros, all of it, and says so; a
 * fault anywhere else goes where it went before. For processes of one thread.
 */
#ifndef PROTOCOL_BASE_SIGBUS_GUARD_H
#define PROTOCOL_BASE_SIGBUS_GUARD_H

#include <stdbool.h>
#include <stddef.h>

struct sigbus_guard;

/*
 * Guards the mapping of @size bytes at @address (page-aligned, borrowed, unmapped after the guard
 * is gone only), in whose place come zeros with @protection (PROT_...). The eventfd @wake_fd
 * (borrowed; -1: none) is written to then. 0 or -errno.
 */
int sigbus_guard_create(
	void *address, size_t size, int protection, int wake_fd, struct sigbus_guard **out);
/* NULL is fine. */
void sigbus_guard_destroy(struct sigbus_guard *guard);

/* The mapping was moved or resized. */
void sigbus_guard_move(struct sigbus_guard *guard, void *address, size_t size);

/* Whether the file was seen truncated: the mapping is zeros, not the file's, from then on. */
bool sigbus_guard_hit(const struct sigbus_guard *guard);

/*
 * Puts the handler in place unless it is there, as sigbus_guard_create does. For those whose
 * framework has put its own there since. 0 or -errno.
 */
int sigbus_guard_install(void);

#endif
