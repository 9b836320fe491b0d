/*
 * The client that is measured: round trips or frames on whatever $WAYLAND_DISPLAY is, and what
 * named processes spent meanwhile. Prints one line of name=value pairs for run.sh.
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/process_usage.h"
#include "tests/clients/window.h"

#define MAX_WATCHED 4

struct watched {
	const char *name;
	pid_t pid;
	struct process_usage before;
	struct process_usage after;
};

struct bench {
	/* options */
	const char *mode;
	int32_t width_px, height_px;
	bool full_damage, unsealed;
	double seconds;
	uint64_t period_ns; /* between the frames' starts; 0: as fast as they are shown */
	long count, warmup, frames, burst;
	bool signal_watched;
	const char *ready; /* a file that is made when the warmup is over; NULL: none */
	struct watched watched[MAX_WATCHED];
	size_t n_watched;

	struct window window;
	bool frame_done;
	uint64_t n_frames;
	uint64_t drawn_at[WINDOW_BUFFERS]; /* the frame each buffer was last drawn for; 0: never */
};

static uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static void handle_alarm(int signal_number)
{
	static const char message[] = "bench: nothing happened for too long\n";

	if (write(STDERR_FILENO, message, sizeof(message) - 1) < 0)
		_exit(3);
	_exit(1);
}

/* Sends what --burst asks for before it, which the compositor answers at once. */
static void roundtrip(struct bench *bench)
{
	for (long i = 1; i < bench->burst; i++)
		wl_callback_destroy(wl_display_sync(bench->window.display));
	if (wl_display_roundtrip(bench->window.display) < 0)
		window_die(&bench->window, "round trip");
}

/* Frames. */

static void draw_row(struct bench *bench, struct window_buffer *buffer, uint64_t frame)
{
	size_t row = frame % (uint64_t)bench->height_px;

	memset(buffer->pixels + row * (size_t)bench->width_px, (int)(frame * 37 & 0xff),
		(size_t)bench->width_px * 4);
}

/* Full damage: every pixel is new. Otherwise one row is, and the rows that this buffer missed. */
static void draw(struct bench *bench, struct window_buffer *buffer)
{
	uint64_t *drawn_at = &bench->drawn_at[buffer - bench->window.buffers];
	uint64_t frame = ++bench->n_frames;

	if (bench->full_damage || *drawn_at == 0) {
		memset(buffer->pixels, (int)(frame * 37 & 0xff),
			(size_t)bench->width_px * 4 * (size_t)bench->height_px);
	} else {
		for (uint64_t missed = *drawn_at + 1; missed <= frame; missed++)
			draw_row(bench, buffer, missed);
	}
	*drawn_at = frame;
}

static void handle_frame(void *data, struct wl_callback *callback, uint32_t time_ms)
{
	struct bench *bench = data;

	wl_callback_destroy(callback);
	bench->frame_done = true;
}

static const struct wl_callback_listener frame_listener = {.done = handle_frame};

/* Draws and shows one frame. Returns the time from the commit to its frame callback. */
static uint64_t show_frame(struct bench *bench)
{
	struct window *window = &bench->window;
	struct window_buffer *buffer = window_next_buffer(window);
	uint64_t start_ns;

	draw(bench, buffer);
	start_ns = now_ns();
	wl_callback_add_listener(wl_surface_frame(window->surface), &frame_listener, bench);
	if (bench->full_damage)
		window_commit(window, buffer, 0, 0, bench->width_px, bench->height_px);
	else
		window_commit(window, buffer, 0,
			(int32_t)(bench->n_frames % (uint64_t)bench->height_px), bench->width_px,
			1);
	bench->frame_done = false;
	while (!bench->frame_done) {
		if (!window_dispatch(window))
			window_die(window, "frame callback");
	}
	return now_ns() - start_ns;
}

/* Measuring. */

static int compare_u64(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

/* With --signal: the watched processes print their counters, before and after the measured part. */
static void read_watched(struct bench *bench, bool after)
{
	for (size_t i = 0; i < bench->n_watched; i++) {
		struct watched *watched = &bench->watched[i];

		if (process_usage_read(watched->pid, after ? &watched->after : &watched->before) <
			0)
			fail("a watched process is gone");
		if (bench->signal_watched)
			kill(watched->pid, SIGUSR1);
	}
	if (bench->signal_watched)
		usleep(50000);
}

/* Sorts @samples_ns. */
static void report(struct bench *bench, uint64_t *samples_ns, size_t n, uint64_t elapsed_ns)
{
	qsort(samples_ns, n, sizeof(*samples_ns), compare_u64);
	printf("samples=%zu per_second=%.1f median_us=%.1f p99_us=%.1f min_us=%.1f max_us=%.1f", n,
		(double)n * 1e9 / (double)elapsed_ns, (double)samples_ns[n / 2] / 1e3,
		(double)samples_ns[n - 1 - n / 100] / 1e3, (double)samples_ns[0] / 1e3,
		(double)samples_ns[n - 1] / 1e3);
	for (size_t i = 0; i < bench->n_watched; i++) {
		struct watched *watched = &bench->watched[i];

		printf(" %s_cpu_us=%.2f %s_peak_kb=%ju %s_own_kb=%ju %s_shared_kb=%ju",
			watched->name,
			(double)(watched->after.cpu_ns - watched->before.cpu_ns) / 1e3 / (double)n,
			watched->name, (uintmax_t)watched->after.peak_kb, watched->name,
			(uintmax_t)watched->after.own_kb, watched->name,
			(uintmax_t)watched->after.shared_kb);
	}
	puts("");
}

static void measure_sync(struct bench *bench)
{
	uint64_t *samples_ns = calloc((size_t)bench->count, sizeof(*samples_ns));
	uint64_t start_ns;

	if (!samples_ns)
		fail("no memory");
	for (long i = 0; i < bench->warmup; i++)
		roundtrip(bench);
	read_watched(bench, false);
	start_ns = now_ns();
	for (long i = 0; i < bench->count; i++) {
		uint64_t before_ns = now_ns();

		roundtrip(bench);
		samples_ns[i] = now_ns() - before_ns;
	}
	uint64_t elapsed_ns = now_ns() - start_ns;
	read_watched(bench, true);
	report(bench, samples_ns, (size_t)bench->count, elapsed_ns);
	free(samples_ns);
}

/* Sleeps until the next frame is due. Those whose time passed meanwhile are left out, as a film
 * player does. */
static void wait_for_turn(const struct bench *bench, uint64_t start_ns)
{
	uint64_t late_ns, due_ns;
	struct timespec due;

	if (bench->period_ns == 0)
		return;
	late_ns = (now_ns() - start_ns) % bench->period_ns;
	due_ns = now_ns() + bench->period_ns - late_ns;
	due = (struct timespec){
		.tv_sec = (time_t)(due_ns / 1000000000), .tv_nsec = (long)(due_ns % 1000000000)};
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

static void measure_frames(struct bench *bench)
{
	size_t capacity = 1 << 16, n = 0;
	uint64_t *samples_ns = calloc(capacity, sizeof(*samples_ns));
	uint64_t start_ns, end_ns;

	if (!samples_ns)
		fail("no memory");
	bench->window.may_shrink = bench->unsealed;
	window_create(&bench->window, "bench", bench->width_px, bench->height_px);
	for (long i = 0; i < bench->warmup; i++)
		show_frame(bench);
	if (bench->ready)
		close(creat(bench->ready, 0600));
	read_watched(bench, false);
	start_ns = now_ns();
	end_ns = start_ns + (uint64_t)(bench->seconds * 1e9);
	do {
		wait_for_turn(bench, start_ns);
		samples_ns[n++] = show_frame(bench);
	} while ((bench->frames > 0 ? n < (size_t)bench->frames : now_ns() < end_ns) &&
		n < capacity);
	uint64_t elapsed_ns = now_ns() - start_ns;
	read_watched(bench, true);
	report(bench, samples_ns, n, elapsed_ns);
	free(samples_ns);
}

/* Memory of the watched processes for each of the clients that do nothing. */
static void measure_idle(struct bench *bench)
{
	struct wl_display **displays = calloc((size_t)bench->count, sizeof(struct wl_display *));

	if (!displays)
		fail("no memory");
	roundtrip(bench);
	read_watched(bench, false);
	for (long i = 0; i < bench->count; i++) {
		displays[i] = wl_display_connect(NULL);
		if (!displays[i] || wl_display_get_registry(displays[i]) == NULL ||
			wl_display_roundtrip(displays[i]) < 0)
			fail("a client cannot connect");
	}
	read_watched(bench, true);
	printf("samples=%ld", bench->count);
	for (size_t i = 0; i < bench->n_watched; i++) {
		const struct watched *watched = &bench->watched[i];
		printf(" %s_idle_kb=%.1f %s_idle_shared_kb=%.1f", watched->name,
			((double)watched->after.own_kb - (double)watched->before.own_kb) /
				(double)bench->count,
			watched->name,
			((double)watched->after.shared_kb - (double)watched->before.shared_kb) /
				(double)bench->count);
	}
	puts("");
	for (long i = 0; i < bench->count; i++)
		wl_display_disconnect(displays[i]);
	free(displays);
}

static const char usage[] = "Usage: bench sync|frames|idle [OPTION...]\n"
			    "Measures round trips (sync), frames, or memory for clients that do "
			    "nothing (idle) on $WAYLAND_DISPLAY and prints one line of "
			    "name=value pairs.\n"
			    "  --count N          round trips to measure (20000), or clients\n"
			    "  --warmup N         round trips (1000) or frames (20) before that\n"
			    "  --burst N          that many wl_display.sync for each (1)\n"
			    "  --size WxH         of the window, in pixels (1920x1080)\n"
			    "  --damage full|row  every pixel is new, or one row (full)\n"
			    "  --unsealed         its pool could be truncated, and has to be "
			    "copied\n"
			    "  --seconds S        how long to show frames (3)\n"
			    "  --frames N         show so many instead (at most 65536)\n"
			    "  --rate HZ          frames a second (as many as are shown)\n"
			    "  --ready FILE       make it when frames are shown\n"
			    "  --watch NAME:PID   report CPU time per sample and memory of that "
			    "process and its children\n"
			    "  --signal           send SIGUSR1 to the watched processes before and "
			    "after the measured part\n";

static void add_watched(struct bench *bench, char *argument)
{
	char *colon = strchr(argument, ':');

	if (!colon || bench->n_watched == MAX_WATCHED || atoi(colon + 1) <= 0) {
		fputs(usage, stderr);
		exit(2);
	}
	*colon = 0;
	bench->watched[bench->n_watched++] =
		(struct watched){.name = argument, .pid = atoi(colon + 1)};
}

static void parse_options(struct bench *bench, int argc, char **argv)
{
	static const struct option options[] = {
		{"count", required_argument, NULL, 'c'},
		{"warmup", required_argument, NULL, 'w'},
		{"burst", required_argument, NULL, 'b'},
		{"size", required_argument, NULL, 's'},
		{"damage", required_argument, NULL, 'd'},
		{"seconds", required_argument, NULL, 't'},
		{"frames", required_argument, NULL, 'f'},
		{"rate", required_argument, NULL, 'r'},
		{"ready", required_argument, NULL, 'e'},
		{"watch", required_argument, NULL, 'p'},
		{"signal", no_argument, NULL, 'u'},
		{"unsealed", no_argument, NULL, 'n'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	bool valid = true;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			bench->count = atol(optarg);
			break;
		case 'b':
			bench->burst = atol(optarg);
			break;
		case 'w':
			bench->warmup = atol(optarg);
			break;
		case 's':
			valid &= sscanf(optarg, "%dx%d", &bench->width_px, &bench->height_px) == 2;
			break;
		case 'd':
			bench->full_damage = strcmp(optarg, "full") == 0;
			valid &= bench->full_damage || strcmp(optarg, "row") == 0;
			break;
		case 't':
			bench->seconds = atof(optarg);
			break;
		case 'f':
			bench->frames = atol(optarg);
			valid &= bench->frames > 0;
			break;
		case 'r':
			valid &= atol(optarg) > 0;
			bench->period_ns = valid ? 1000000000 / (uint64_t)atol(optarg) : 0;
			break;
		case 'e':
			bench->ready = optarg;
			break;
		case 'p':
			add_watched(bench, optarg);
			break;
		case 'u':
			bench->signal_watched = true;
			break;
		case 'n':
			bench->unsealed = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			valid = false;
		}
	}
	if (optind + 1 == argc)
		bench->mode = argv[optind];
	else
		valid = false;
	if (!valid || bench->count < 1 || bench->width_px < 1 || bench->height_px < 1 ||
		bench->width_px > 16384 || bench->height_px > 16384) {
		fputs(usage, stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	/* static: so that what it holds at the end is no leak. */
	static struct bench bench = {
		.width_px = 1920,
		.height_px = 1080,
		.full_damage = true,
		.seconds = 3,
		.count = 20000,
		.warmup = -1,
	};

	parse_options(&bench, argc, argv);
	signal(SIGALRM, handle_alarm);
	alarm(300 + (unsigned)bench.seconds);
	window_connect(&bench.window);
	if (strcmp(bench.mode, "sync") == 0) {
		bench.warmup = bench.warmup < 0 ? 1000 : bench.warmup;
		measure_sync(&bench);
	} else if (strcmp(bench.mode, "frames") == 0) {
		bench.warmup = bench.warmup < 0 ? 20 : bench.warmup;
		measure_frames(&bench);
	} else if (strcmp(bench.mode, "idle") == 0) {
		measure_idle(&bench);
	} else {
		fputs(usage, stderr);
		return 2;
	}
	window_finish(&bench.window);
	return 0;
}
