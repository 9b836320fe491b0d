/* frame-times: draws frames for a while, and looks at when the compositor says that they were
 * shown.
 *
 *   frame-times SECONDS [SLACK_MS]
 *
 * Prints "drawing", and a line for each frame that was shown before it was committed (by more than
 * SLACK_MS, 5 by default) or after the client heard of it: "frame N: BEFORE ns before it was
 * committed" or "frame N: AFTER ns after now". At last "N frames, the most GAP ms between two": a
 * machine that stands still makes a gap, by whatever clock goes on.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "presentation-time-client-protocol.h"
#include "window.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define FRAMES_MAX 100000

static struct {
	struct window window;
	struct wp_presentation *presentation;
	clockid_t clock;
	int64_t slack_ns;
	int64_t committed_ns[FRAMES_MAX];
	int64_t last_ns, gap_ns; /* shown */
	size_t n_committed, n_shown;
} t;

static int64_t now_ns(void)
{
	struct timespec time;
	clock_gettime(t.clock, &time);
	return time.tv_sec * NS_PER_S + time.tv_nsec;
}

static void handle_clock_id(void *data, struct wp_presentation *presentation, uint32_t clock)
{
	t.clock = (clockid_t)clock;
}

static const struct wp_presentation_listener presentation_listener = {.clock_id = handle_clock_id};

static void handle_sync_output(
	void *data, struct wp_presentation_feedback *feedback, struct wl_output *output)
{
}

static void handle_presented(void *data, struct wp_presentation_feedback *feedback, uint32_t s_hi,
	uint32_t s_lo, uint32_t ns, uint32_t refresh, uint32_t count_hi, uint32_t count_lo,
	uint32_t flags)
{
	size_t frame = (size_t)((int64_t *)data - t.committed_ns);
	int64_t shown_ns = (int64_t)((uint64_t)s_hi << 32 | s_lo) * NS_PER_S + ns;
	int64_t before_ns = t.committed_ns[frame] - shown_ns, after_ns = shown_ns - now_ns();

	if (before_ns > t.slack_ns)
		printf("frame %zu: %" PRId64 " ns before it was committed\n", frame, before_ns);
	if (after_ns > 0)
		printf("frame %zu: %" PRId64 " ns after now\n", frame, after_ns);
	if (t.n_shown++ > 0 && shown_ns - t.last_ns > t.gap_ns)
		t.gap_ns = shown_ns - t.last_ns;
	t.last_ns = shown_ns;
	wp_presentation_feedback_destroy(feedback);
}

static void handle_discarded(void *data, struct wp_presentation_feedback *feedback)
{
	wp_presentation_feedback_destroy(feedback);
}

static const struct wp_presentation_feedback_listener feedback_listener = {
	.sync_output = handle_sync_output,
	.presented = handle_presented,
	.discarded = handle_discarded,
};

static void draw(void)
{
	bool shown;
	struct window_buffer *buffer = window_next_buffer(&t.window);
	int64_t *committed_ns = &t.committed_ns[t.n_committed++];

	memset(buffer->pixels, (int)(t.n_committed & 0xff),
		(size_t)t.window.width * t.window.height * sizeof(uint32_t));
	window_want_frame(&t.window, &shown);
	wp_presentation_feedback_add_listener(
		wp_presentation_feedback(t.presentation, t.window.surface), &feedback_listener,
		committed_ns);
	*committed_ns = now_ns();
	window_commit(&t.window, buffer, 0, 0, t.window.width, t.window.height);
	window_await(&t.window, &shown, "frame");
}

static void handle_global(
	struct window *window, uint32_t name, const char *interface, uint32_t version)
{
	if (strcmp(interface, wp_presentation_interface.name) != 0)
		return;
	t.presentation = wl_registry_bind(window->registry, name, &wp_presentation_interface, 1);
	wp_presentation_add_listener(t.presentation, &presentation_listener, NULL);
}

int main(int argc, char **argv)
{
	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: frame-times SECONDS [SLACK_MS]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	t.slack_ns = (argc > 2 ? atoi(argv[2]) : 5) * NS_PER_MS;
	t.clock = CLOCK_MONOTONIC;
	t.window.handle_global = handle_global;
	window_connect(&t.window);
	window_needs(t.presentation, "wp_presentation");
	window_create(&t.window, "frame-times", 64, 64);
	printf("drawing\n");
	for (int64_t end_ns = now_ns() + atoi(argv[1]) * NS_PER_S;
		now_ns() < end_ns && t.n_committed < FRAMES_MAX;)
		draw();
	wl_display_roundtrip(t.window.display);
	printf("%zu frames, the most %" PRId64 " ms between two\n", t.n_shown,
		t.gap_ns / NS_PER_MS);
	return 0;
}
