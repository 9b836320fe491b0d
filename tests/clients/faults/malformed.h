/* The table of malformed messages: what a client may do wrong, and what it shall be told. */
#ifndef TESTS_FAULTS_MALFORMED_H
#define TESTS_FAULTS_MALFORMED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What every case finds made, on a connection of its own. Ids are dense, as libwayland demands. */
enum prepared_object {
	DISPLAY = 1,
	REGISTRY = 2,
	FREED = 3, /* was a callback that is done: free */
	COMPOSITOR = 4,
	SHM = 5,
	WM_BASE = 6,
	SURFACE = 7,
	POOL = 8,
	BUFFER = 9, /* 16 x 16, the start of the pool */
	XDG_SURFACE = 10,
	TOPLEVEL = 11,       /* of SURFACE; no buffer yet */
	OLD_COMPOSITOR = 12, /* version 1 */
	OLD_SURFACE = 13,
	DEAD = 14, /* was a region that the client destroyed: free */
	NEXT = 15, /* the next id that may be used (DEAD and FREED also may) */
};
#define POOL_BYTES (64 * 1024)
#define SERVER_ID UINT32_C(0xff000000)

enum verdict {
	/* A wl_display.error with this code on this object (0: any) that mentions the word, then
	   end of file. */
	VERDICT_ERROR,
	/* The compositor's own: code and object are the same as on a direct connection, then end of
	   file. */
	VERDICT_AS_DIRECT,
	/* Nobody is told; the connection just ends. */
	VERDICT_END,
	/* It looks odd but is allowed: the connection goes on. */
	VERDICT_FINE,
};

struct malformed_case {
	const char *name;
	const uint32_t *words; /* the bytes that are sent */
	size_t n_words;
	/* With bind: the words are not used; wl_registry.bind of the global that offers bind_of
	 * (NULL: a number nobody has). */
	bool bind;
	const char *bind_of;
	const char *bind_as; /* interface in the request; NULL: bind_of */
	int bind_version;    /* 0: one more than is offered; -1: version 0 */
	bool hidden;         /* bind_of is a global that only a direct connection shows */
	size_t pool;         /* bytes of memory sent along as fd; 0: none */
	bool finish;         /* the client then stops sending */
	enum verdict verdict;
	uint32_t object;
	uint32_t codes; /* bits: 1 << code */
	const char *mention;
};

extern const struct malformed_case malformed_cases[];
extern const size_t n_malformed_cases;

#endif
