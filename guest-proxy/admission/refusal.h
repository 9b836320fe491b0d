/* Ending the connection of a client so that it can read why. */
#ifndef GUEST_PROXY_ADMISSION_REFUSAL_H
#define GUEST_PROXY_ADMISSION_REFUSAL_H

#include <stdint.h>

/*
 * From here on the client's writes to @fd (borrowed) fail, and what it has written is thrown away:
 * were the socket closed with something unread in it, it would be reset, and the client would find
 * ECONNRESET instead of its error.
 */
void refusal_stop_reading(int fd);

/*
 * Sends wl_display.error(wl_display, @code, @text) to a client that is not served, as far as its
 * socket takes it, and stops reading. Borrows @fd.
 */
void refusal_send(int fd, uint32_t code, const char *text);

/*
 * Sends such an error to every client that waits at the listening socket @fd (borrowed), and closes
 * its connection: nobody will serve it. At a socket of systemd's it would wait for ever, or have
 * systemd start us again and again.
 */
void refusal_send_to_waiting(int fd, const char *text);

#endif
