/*
 * The channels of one device listen for each other: where the host has no place in its queue for a
 * POLL of each, it tells one that has a POLL outstanding which of the others should ask
 * (CROSS_DOMAIN_CMD_BELL). They rest until then. There must be somebody who listens as long as
 * anybody rests.
 */
#ifndef GUEST_PROXY_GPU_BELL_H
#define GUEST_PROXY_GPU_BELL_H

#include "guest-proxy/gpu/turn.h"
#include "protocol/base/id_map.h"

struct bell { /* all zeroes: nobody is there */
	struct turn *turn;
	uint64_t key; /* what the host knows these channels by */
	uint32_t last_id;
	struct id_map members;  /* struct bell_member by id */
	struct wl_list resting; /* bell_member::link */
	unsigned n_listening;
	struct turn_task task; /* looks whether anybody listens */
};

struct bell_member { /* all zeroes: in none */
	struct bell *bell;
	uint32_t id;
	bool listens;        /* has a POLL outstanding, or will soon ask by itself */
	bool called;         /* since its last POLL, before it knew that it has to rest */
	struct wl_list link; /* bell::resting, or empty */
	void (*call)(void *data);
	void *data;
};

/* @call: the member, which rests no more, should ask. Borrows both. 0 or -errno: it is in none. */
int bell_join(struct bell *bell, struct turn *turn, struct bell_member *member,
	void (*call)(void *data), void *data);
/* All of these do nothing for a member of none. */
void bell_leave(struct bell_member *member);
void bell_listen(struct bell_member *member, bool listens);
/* A POLL was sent: it listens, and whoever called it before need not have. */
void bell_asked(struct bell_member *member);
/* A POLL was answered without an event. True: it rests until it is called. False: nobody else
 * listens, or it has been called already; it should ask by itself. */
bool bell_rest(struct bell_member *member);
/* It rests no more. */
void bell_stir(struct bell_member *member);

/* The host calls member @id, which may be gone. */
void bell_ring(struct bell *bell, uint32_t id);

#endif
