/* A few requests and events on a Wayland connection, for those who need no relay. */
#ifndef PROTOCOL_WIRE_WIRE_TALK_H
#define PROTOCOL_WIRE_WIRE_TALK_H

#include "protocol/wire/wire.h"

/* Requests to be sent together. Zero-initialised there are none. */
struct wire_requests {
	uint8_t bytes[1024];
	size_t size;
};

/* Adds one; @signature as the scanner has it, without 'h'. Asserts that there is room. */
void wire_requests_add(struct wire_requests *requests, uint32_t object, uint16_t opcode,
	const char *signature, const union wire_arg *args);
/* To @fd, whose buffer has room for so little; the fds are borrowed. 0 or -errno. */
int wire_requests_send(const struct wire_requests *requests, int fd, const int *fds, size_t n_fds);

/* Events that come in any segments. Zero-initialised but for the first three nothing has come. */
struct wire_events {
	/* A whole one. What is not 0 ends wire_events_feed, which returns it. */
	int (*handle)(void *data, const struct wire_header *header, const uint8_t *body);
	void *data;
	bool pass_over; /* those that are longer than there is room; else they are -EPROTO */
	uint8_t bytes[4096];
	size_t n_bytes, n_passed_over; /* to be passed over before what comes next is an event */
};

/* 0; -EPROTO; or what handle() says: then what comes behind that event is not looked at. */
int wire_events_feed(struct wire_events *events, const uint8_t *bytes, size_t size);
/* As wire_events_feed, with what is there to be read, at most so much at once; fds that come along
 * are closed. -EAGAIN: nothing is there; -EPIPE: the end; or -errno. */
int wire_events_receive(struct wire_events *events, int fd);

/* The arguments of an event, by its @signature without 'h'. 0 or -EPROTO with *@why (may be NULL).
 */
int wire_event_args(const struct wire_header *header, const uint8_t *body, const char *signature,
	union wire_arg args[WIRE_MAX_ARGS], const char **why);

#endif
