/* What the parts of language-client have in common. */
#ifndef TESTS_CLIENTS_LANGUAGE_H
#define TESTS_CLIENTS_LANGUAGE_H

#include "window.h"

#define PATIENCE_MS 5000
#define SHORTLY_MS 50
#define WIDTH 400
#define HEIGHT 300

extern struct language_client {
	struct window window;
	const struct part *part;
	const char *argument; /* of the part; NULL: none */
	void *global;         /* of the part's interface; NULL: it is not offered */
	uint32_t version;     /* that is offered */
} client;

/* The connection has ended: prints why, if it was a protocol error, and ends the program. */
_Noreturn void lost(const char *what);

/* All that was asked is done, or refused. */
void settle(void);

/* Return: whether it has happened before patience ends. */
bool await(const bool *happened);

/* Creates client.window; the second one shows it, too. */
void open_window(const char *title);
void show_window(const char *title);

/* Parts of language_trusted.c. */
void listen_gtk_shell(void);
void run_gtk_shell(void);
void run_sessions(void);

#endif
