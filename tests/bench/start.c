/*
 * How long a program takes from its exec to its first frame on the screen: this one itself, started
 * again and again on $WAYLAND_DISPLAY. Prints one line of name=value pairs for run.sh.
 *
 *     start COUNT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/clients/window.h"

#define WARMUP 3

static uint64_t now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* The program that is started: prints when its first frame was shown. */
static int show_one_frame(void)
{
	struct window window = {0};
	bool shown = false;

	window_connect(&window);
	window_create(&window, "start", 640, 480);
	struct window_buffer *buffer = window_next_buffer(&window);
	memset(buffer->pixels, 0x80, 640 * 480 * 4);
	window_want_frame(&window, &shown);
	window_commit(&window, buffer, 0, 0, 640, 480);
	window_await(&window, &shown, "the first frame");
	uint64_t at_ns = now_ns();
	if (write(STDOUT_FILENO, &at_ns, sizeof(at_ns)) != (ssize_t)sizeof(at_ns))
		return 1;
	window_finish(&window);
	return 0;
}

/* From fork to the frame, in ns; 0: it failed. */
static uint64_t start_one(void)
{
	int ends[2], status = 1;
	uint64_t at_ns = 0, start_ns = now_ns();

	if (pipe(ends) < 0)
		return 0;
	pid_t pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execl("/proc/self/exe", "start", "one", (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	ssize_t n = pid < 0 ? -1 : read(ends[0], &at_ns, sizeof(at_ns));
	close(ends[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	return n == (ssize_t)sizeof(at_ns) && status == 0 ? at_ns - start_ns : 0;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "one") == 0)
		return show_one_frame();
	const long count = argc == 2 ? atol(argv[1]) : 0;
	uint64_t *samples_ns = count > 0 ? calloc((size_t)count, sizeof(*samples_ns)) : NULL;
	if (!samples_ns) {
		fputs("Usage: start COUNT\n", stderr);
		return 2;
	}
	alarm(300);
	for (long i = -WARMUP; i < count; i++) {
		uint64_t sample_ns = start_one();
		if (sample_ns == 0) {
			fputs("start: a program has failed\n", stderr);
			return 1;
		}
		if (i >= 0)
			samples_ns[i] = sample_ns;
	}
	qsort(samples_ns, (size_t)count, sizeof(*samples_ns), compare_u64);
	printf("samples=%ld median_us=%.1f p99_us=%.1f max_us=%.1f\n", count,
		(double)samples_ns[count / 2] / 1e3, (double)samples_ns[count * 99 / 100] / 1e3,
		(double)samples_ns[count - 1] / 1e3);
	free(samples_ns);
	return 0;
}
