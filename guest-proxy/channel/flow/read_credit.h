/*
 * Flow control of the pipes that the host reads from and sends to us: it may send a window ahead of
 * what their readers have taken.
 */
#ifndef GUEST_PROXY_CHANNEL_FLOW_READ_CREDIT_H
#define GUEST_PROXY_CHANNEL_FLOW_READ_CREDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-util.h>

#define READ_CREDIT_WINDOW_BYTES (512u << 10)

struct read_credit {
	struct wl_array pipes;
};

void read_credit_init(struct read_credit *credit);
void read_credit_finish(struct read_credit *credit);
/* Whether there is any pipe. */
static inline bool read_credit_any(const struct read_credit *credit)
{
	return credit->pipes.size > 0;
}
/* 0 or -ENOMEM. */
int read_credit_add(struct read_credit *credit, uint32_t id);
void read_credit_remove(struct read_credit *credit, uint32_t id);
/* The reader of pipe @id took @size bytes. Returns how many the host is to be told of now; 0: none.
 */
uint32_t read_credit_taken(struct read_credit *credit, uint32_t id, size_t size);

#endif
