/*
 * Which processes are guests, for a wayferry-host on the same kernel that looks for a compositor:
 * this one, and its clients. A desktop that shows its windows by way of us has a display of its
 * own, which must not be taken for the host's. A mark is a socket
 * $XDG_RUNTIME_DIR/wayferry/guest.PID, all of them names of one that nobody talks on: it takes
 * connections as long as this process lives, so that what a killed one leaves behind marks nobody,
 * whoever has that process id then.
 */
#ifndef GUEST_PROXY_ADMISSION_GUEST_MARKS_H
#define GUEST_PROXY_ADMISSION_GUEST_MARKS_H

struct guest_marks;

/* With a mark for this process; removes those of processes that are gone. NULL: there is no such
 * directory, or no memory; then nothing is marked. */
struct guest_marks *guest_marks_create(void);
/* Removes the marks. NULL is fine. */
void guest_marks_destroy(struct guest_marks *marks);

/* The process at the other end of @client, a socket, is a guest for the rest of its life. NULL is
 * fine. */
void guest_marks_add(struct guest_marks *marks, int client);

#endif
