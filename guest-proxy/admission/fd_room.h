/*
 * Whether there are file descriptors left. What comes with a message while there are none is lost,
 * so that whoever takes some asks first, and waits.
 */
#ifndef GUEST_PROXY_ADMISSION_FD_ROOM_H
#define GUEST_PROXY_ADMISSION_FD_ROOM_H

#include <stdbool.h>
#include <stddef.h>

#define FD_ROOM_RETRY_MS 100 /* how soon to ask again */

#define FD_ROOM_MAX 512
#define FD_ROOM_CLIENT 64 /* for one more client: those that are served go on with them */

/* To be told of @fd, a new one: its number says how many are open at most. */
void fd_room_note(int fd);

/*
 * Whether @n (at most FD_ROOM_MAX) can be opened now; @fd is any open one. Costs next to nothing
 * while few are open. The log says when there are none left, and when there are again.
 */
bool fd_room(int fd, size_t n);

#endif
