/*
 * Guards for mappings of files that somebody else may truncate. Access to a page that the file no
 * longer has raises SIGBUS: a guarded mapping is then replaced by zeros as a whole, and marked; a
 * fault anywhere else goes to the handler that was there before. For processes of one thread.
 */
#ifndef PROTOCOL_BASE_SIGBUS_GUARD_H
#define PROTOCOL_BASE_SIGBUS_GUARD_H

#include <stdbool.h>
#include <stddef.h>

struct sigbus_guard;

/*
 * Guards the mapping of @size bytes at @address (page-aligned, borrowed, to be unmapped only after
 * sigbus_guard_destroy). Zeros that replace it get @protection (PROT_...), and the eventfd @wake_fd
 * (borrowed; -1: none) is signalled then. 0 or -errno.
 */
int sigbus_guard_create(
	void *address, size_t size, int protection, int wake_fd, struct sigbus_guard **out);
/* NULL is fine. */
void sigbus_guard_destroy(struct sigbus_guard *guard);

/* The mapping was moved or resized. */
void sigbus_guard_move(struct sigbus_guard *guard, void *address, size_t size);

/* Whether the file was found truncated and the mapping replaced by zeros. */
bool sigbus_guard_hit(const struct sigbus_guard *guard);

/*
 * Installs the handler unless it is installed, as sigbus_guard_create does. For tests, whose
 * framework has installed its own since. 0 or -errno.
 */
int sigbus_guard_install(void);

#endif
