/*
 * Stands in for host-bridge/cross_domain/compositor.c: keeps what the guest says, and lets a test
 * say what the compositor does. One program includes it once.
 */
#ifndef TESTS_UNIT_FAKE_COMPOSITOR_H
#define TESTS_UNIT_FAKE_COMPOSITOR_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host-bridge/cross_domain/compositor.h"

struct compositor {
	const struct compositor_listener *listener;
	void *data;
	uint8_t bytes[8 << 20]; /* what the guest has said */
	size_t size;
	struct wire_handle handles[64]; /* and what came with it */
	size_t n_handles;
	bool congested;
	int fail; /* what compositor_from_guest returns */
	unsigned flushed, resumed;
	unsigned held;   /* how often compositor_continue has to come */
	uint64_t layout; /* beside rows, of all formats; 0: none */
};

static struct compositor *fake_compositor; /* the one connected last; NULL once destroyed */
static bool fake_compositor_absent;        /* nobody listens */

struct compositor *compositor_connect(struct wl_event_loop *loop, const struct policy *policy,
	const uint64_t *turn_ends_ns, const char *name, const struct compositor_listener *listener,
	void *data)
{
	if (fake_compositor_absent)
		return NULL;
	fake_compositor = calloc(1, sizeof(*fake_compositor));
	fake_compositor->listener = listener;
	fake_compositor->data = data;
	return fake_compositor;
}

static inline void fake_compositor_drop_handles(struct compositor *compositor)
{
	for (size_t i = 0; i < compositor->n_handles; i++)
		wire_handle_finish(&compositor->handles[i]);
	compositor->n_handles = 0;
}

void compositor_destroy(struct compositor *compositor)
{
	if (!compositor)
		return;
	fake_compositor_drop_handles(compositor);
	if (fake_compositor == compositor)
		fake_compositor = NULL;
	free(compositor);
}

int compositor_from_guest(struct compositor *compositor, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	if (compositor->size + size > sizeof(compositor->bytes))
		compositor->size = 0; /* of a fuzzer, which does not look */
	memcpy(compositor->bytes + compositor->size, bytes, size);
	compositor->size += size;
	for (size_t i = 0; i < n_handles; i++) {
		if (compositor->n_handles ==
			sizeof(compositor->handles) / sizeof(compositor->handles[0]))
			fake_compositor_drop_handles(compositor);
		compositor->handles[compositor->n_handles++] = handles[i];
	}
	return compositor->fail;
}

void compositor_flush(struct compositor *compositor)
{
	compositor->flushed++;
}

bool compositor_congested(const struct compositor *compositor)
{
	return compositor->congested || compositor->held > 0;
}

bool compositor_holds(const struct compositor *compositor)
{
	return compositor->held > 0;
}

void compositor_continue(struct compositor *compositor)
{
	compositor->held--;
}

void compositor_resume(struct compositor *compositor)
{
	compositor->resumed++;
}

uint32_t compositor_layouts(const struct compositor *compositor, uint32_t format, uint64_t *out)
{
	out[0] = compositor->layout;
	return compositor->layout != 0;
}

#endif
