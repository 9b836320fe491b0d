/* A Wayland client that writes its own bytes, for what a library would refuse to send. */
#ifndef TESTS_FAULTS_RAW_CLIENT_H
#define TESTS_FAULTS_RAW_CLIENT_H

#include <stdint.h>

#include "tests/clients/faults/link.h"

#define RAW_MAX_GLOBALS 128
#define RAW_CLIENT_TIMEOUT_MS 60000 /* for what hangs */

struct raw_global {
	uint32_t name;
	uint32_t version;
	char interface[64];
};

struct raw_client {
	struct link *link;
	struct raw_global globals[RAW_MAX_GLOBALS];
	size_t n_globals;
	uint8_t input[65536]; /* received, not yet taken apart */
	size_t n_input;
	bool end;           /* of file */
	uint32_t last_done; /* the id of the last wl_callback.done or delete_id */
	/* All other events; set after raw_client_prepare. NULL: nobody wants them. */
	void (*handle_event)(struct raw_client *client, uint32_t id, uint32_t opcode,
		const uint8_t *body, size_t size);
	/* The wl_display.error that came. */
	bool failed;
	uint32_t error_object, error_code;
	char error_message[4096];
};

/* Takes the link, makes the objects of enum prepared_object. 0 or -errno with a message on standard
 * error. */
int raw_client_prepare(struct raw_client *client, struct link *link);
void raw_client_finish(struct raw_client *client);

/* NULL if there is none. */
const struct raw_global *raw_client_global(const struct raw_client *client, const char *interface);

/* wl_registry.bind. 0 or -errno. */
int raw_client_bind(struct raw_client *client, uint32_t name, const char *interface,
	uint32_t version, uint32_t id);

/* Waits until the callback @id is done and gone. 0; -EPROTO after wl_display.error; -EPIPE at the
 * end; -ETIMEDOUT. */
int raw_client_await(struct raw_client *client, uint32_t id);

/* wl_display.sync with the id FREED, and waits until it is free again, as raw_client_await. */
int raw_client_ping(struct raw_client *client);

/* Reads what has come, without waiting; last_done says whether something is. 0 or -errno. */
int raw_client_look(struct raw_client *client);

/* Reads until the end of file. 0, or -ETIMEDOUT when it does not come. */
int raw_client_drain(struct raw_client *client);

#endif
