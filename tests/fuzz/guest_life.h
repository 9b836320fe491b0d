/*
 * The guest's side of the fuzzers of what lies below its channels: it opens channels over a device,
 * sends, writes and makes blobs as the input says, and reads whatever it is given.
 */
#ifndef TESTS_FUZZ_GUEST_LIFE_H
#define TESTS_FUZZ_GUEST_LIFE_H

#include "guest-proxy/gpu/gpu.h"
#include "tests/fuzz/input.h"

#define GUEST_LIFE_CHANNELS 3

/* @gpu, @loop and @input are borrowed, till guest_life_end. */
void guest_life_begin(
	struct gpu *gpu, struct wl_event_loop *loop, struct input *input, bool impatient);
/* One of guest_life.c's steps: the lower half of @step says what, bits 4 to 6 more. */
void guest_life_step(uint8_t step);
void guest_life_end(void);

#endif
