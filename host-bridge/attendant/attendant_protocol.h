/* What wayferry-host and its attendant say to each other, on a socket of packets. */
#ifndef HOST_BRIDGE_ATTENDANT_ATTENDANT_PROTOCOL_H
#define HOST_BRIDGE_ATTENDANT_ATTENDANT_PROTOCOL_H

#include <stdint.h>
#include <sys/un.h>

#define QUESTION_WORD_BYTES 32
#define QUESTION_TYPE_BYTES 128
#define QUESTION_TEXT_BYTES 384

/* What the user is asked. Printable ASCII. */
struct question {
	char direction[QUESTION_WORD_BYTES]; /* "to-host" or "to-guest" */
	char kind[QUESTION_WORD_BYTES];      /* "clipboard", "primary" or "drags" */
	char type[QUESTION_TYPE_BYTES];      /* of the contents */
	char max_bytes[QUESTION_WORD_BYTES]; /* of them; "": any number */
	char text[QUESTION_TEXT_BYTES];      /* all of it as a sentence: the program's argument */
};

struct attendant_config {
	const char *ask_program;         /* a path */
	const char *const *config_paths; /* the first one of them that is there; ends with NULL */
	const char *machine;             /* its name; NULL: it has none */
};

enum attendant_request_type {
	ATTENDANT_ASK,      /* answered when the program has ended */
	ATTENDANT_OPEN,     /* the configuration file: answered with an fd, or -errno */
	ATTENDANT_WITHDRAW, /* not answered, and what it withdraws no more either */
};

struct attendant_request {
	uint32_t type, serial;
	struct question question;
	char display[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* a path; "": unknown */
};

struct attendant_reply {
	uint32_t serial; /* of the request */
	int32_t status;  /* see attendant_answer; of ATTENDANT_OPEN which path, or -errno */
};

#endif
