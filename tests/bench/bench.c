/*
 * The client that is measured: round trips or frames on whatever $WAYLAND_DISPLAY is, and what named processes spent
 * meanwhile. Prints one line of name=value pairs for run.sh.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <wayland-client.h>

#include "tests/bench/process_usage.h"
#include "xdg-shell-client-protocol.h"

#define MAX_BUFFERS 4
#define MAX_WATCHED 4

struct buffer {
	struct wl_buffer *wl_buffer;
	uint8_t *pixels;
	bool busy;	  /* the compositor may read it */
	uint64_t drawn_at; /* the frame it was last drawn for; 0: never */
};

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
	bool full_damage;
	double seconds;
	long count, warmup;
	bool signal_watched;
	struct watched watched[MAX_WATCHED];
	size_t n_watched;

	struct wl_display *display;
	struct wl_compositor *compositor;
	struct wl_shm *shm;
	struct xdg_wm_base *wm_base;
	struct wl_surface *surface;
	struct xdg_surface *xdg_surface;
	struct xdg_toplevel *toplevel;
	bool configured;
	bool closed;
	bool frame_done;
	struct buffer buffers[MAX_BUFFERS];
	size_t n_buffers;
	uint64_t n_frames;
	uint64_t n_waits; /* times no buffer was free */
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

static void dispatch(struct bench *bench)
{
	if (wl_display_dispatch(bench->display) < 0)
		fail("the connection was lost");
	if (bench->closed)
		fail("the window was closed");
}

/* Globals and the window. */

static void handle_ping(void *data, struct xdg_wm_base *wm_base, uint32_t serial)
{
	xdg_wm_base_pong(wm_base, serial);
}

static const struct xdg_wm_base_listener wm_base_listener = {.ping = handle_ping};

static void handle_global(void *data, struct wl_registry *registry, uint32_t name, const char *interface, uint32_t version)
{
	struct bench *bench = data;

	if (strcmp(interface, wl_compositor_interface.name) == 0 && version >= 4) {
		bench->compositor = wl_registry_bind(registry, name, &wl_compositor_interface, 4);
	} else if (strcmp(interface, wl_shm_interface.name) == 0) {
		bench->shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
	} else if (strcmp(interface, xdg_wm_base_interface.name) == 0) {
		bench->wm_base = wl_registry_bind(registry, name, &xdg_wm_base_interface, 1);
		xdg_wm_base_add_listener(bench->wm_base, &wm_base_listener, bench);
	}
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static void handle_surface_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	struct bench *bench = data;

	xdg_surface_ack_configure(xdg_surface, serial);
	bench->configured = true;
}

static const struct xdg_surface_listener xdg_surface_listener = {.configure = handle_surface_configure};

static void handle_toplevel_configure(void *data, struct xdg_toplevel *toplevel, int32_t width, int32_t height, struct wl_array *states)
{
}

static void handle_toplevel_close(void *data, struct xdg_toplevel *toplevel)
{
	struct bench *bench = data;

	bench->closed = true;
}

static const struct xdg_toplevel_listener toplevel_listener = {
	.configure = handle_toplevel_configure,
	.close = handle_toplevel_close,
};

static void connect_display(struct bench *bench)
{
	struct wl_registry *registry;

	bench->display = wl_display_connect(NULL);
	if (!bench->display)
		fail("no compositor answers on $WAYLAND_DISPLAY");
	registry = wl_display_get_registry(bench->display);
	wl_registry_add_listener(registry, &registry_listener, bench);
	if (wl_display_roundtrip(bench->display) < 0)
		fail("the first round trip failed");
}

static void open_window(struct bench *bench)
{
	if (!bench->compositor || !bench->shm || !bench->wm_base)
		fail("wl_compositor 4, wl_shm or xdg_wm_base is missing");
	bench->surface = wl_compositor_create_surface(bench->compositor);
	bench->xdg_surface = xdg_wm_base_get_xdg_surface(bench->wm_base, bench->surface);
	xdg_surface_add_listener(bench->xdg_surface, &xdg_surface_listener, bench);
	bench->toplevel = xdg_surface_get_toplevel(bench->xdg_surface);
	xdg_toplevel_add_listener(bench->toplevel, &toplevel_listener, bench);
	xdg_toplevel_set_title(bench->toplevel, "bench");
	wl_surface_commit(bench->surface);
	while (!bench->configured)
		dispatch(bench);
}

/* Buffers and frames. */

static void handle_release(void *data, struct wl_buffer *wl_buffer)
{
	struct buffer *buffer = data;

	buffer->busy = false;
}

static const struct wl_buffer_listener buffer_listener = {.release = handle_release};

static struct buffer *add_buffer(struct bench *bench)
{
	struct buffer *buffer = &bench->buffers[bench->n_buffers++];
	int32_t stride = bench->width_px * 4;
	int32_t size = stride * bench->height_px;
	struct wl_shm_pool *pool;
	int fd = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, size) < 0)
		fail("no memory for a buffer");
	buffer->pixels = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (buffer->pixels == MAP_FAILED)
		fail("no memory for a buffer");
	pool = wl_shm_create_pool(bench->shm, fd, size);
	buffer->wl_buffer = wl_shm_pool_create_buffer(pool, 0, bench->width_px, bench->height_px, stride, WL_SHM_FORMAT_XRGB8888);
	wl_buffer_add_listener(buffer->wl_buffer, &buffer_listener, buffer);
	wl_shm_pool_destroy(pool);
	close(fd);
	return buffer;
}

static struct buffer *take_buffer(struct bench *bench)
{
	for (;;) {
		for (size_t i = 0; i < bench->n_buffers; i++) {
			if (!bench->buffers[i].busy)
				return &bench->buffers[i];
		}
		if (bench->n_buffers < MAX_BUFFERS)
			return add_buffer(bench);
		bench->n_waits++;
		dispatch(bench);
	}
}

static void draw_row(struct bench *bench, struct buffer *buffer, uint64_t frame)
{
	size_t stride = (size_t)bench->width_px * 4;

	memset(buffer->pixels + stride * (frame % (uint64_t)bench->height_px), (int)(frame * 37 & 0xff), stride);
}

/* Full damage: every pixel is new. Otherwise one row is, and the rows that this buffer missed. */
static void draw(struct bench *bench, struct buffer *buffer)
{
	uint64_t frame = ++bench->n_frames;

	if (bench->full_damage || buffer->drawn_at == 0) {
		memset(buffer->pixels, (int)(frame * 37 & 0xff), (size_t)bench->width_px * 4 * (size_t)bench->height_px);
	} else {
		for (uint64_t missed = buffer->drawn_at + 1; missed <= frame; missed++)
			draw_row(bench, buffer, missed);
	}
	buffer->drawn_at = frame;
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
	struct buffer *buffer = take_buffer(bench);
	uint64_t start_ns;
	int32_t row;

	draw(bench, buffer);
	row = (int32_t)(bench->n_frames % (uint64_t)bench->height_px);
	start_ns = now_ns();
	wl_callback_add_listener(wl_surface_frame(bench->surface), &frame_listener, bench);
	wl_surface_attach(bench->surface, buffer->wl_buffer, 0, 0);
	if (bench->full_damage)
		wl_surface_damage_buffer(bench->surface, 0, 0, bench->width_px, bench->height_px);
	else
		wl_surface_damage_buffer(bench->surface, 0, row, bench->width_px, 1);
	wl_surface_commit(bench->surface);
	buffer->busy = true;
	bench->frame_done = false;
	while (!bench->frame_done)
		dispatch(bench);
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

		if (process_usage_read(watched->pid, after ? &watched->after : &watched->before) < 0)
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
	printf("samples=%zu per_second=%.1f median_us=%.1f p99_us=%.1f min_us=%.1f max_us=%.1f", n, (double)n * 1e9 / (double)elapsed_ns,
	       (double)samples_ns[n / 2] / 1e3, (double)samples_ns[n - 1 - n / 100] / 1e3, (double)samples_ns[0] / 1e3,
	       (double)samples_ns[n - 1] / 1e3);
	for (size_t i = 0; i < bench->n_watched; i++) {
		struct watched *watched = &bench->watched[i];

		printf(" %s_cpu_us=%.2f %s_peak_kb=%ju %s_own_kb=%ju %s_shared_kb=%ju", watched->name,
		       (double)(watched->after.cpu_ns - watched->before.cpu_ns) / 1e3 / (double)n, watched->name,
		       (uintmax_t)watched->after.peak_kb, watched->name, (uintmax_t)watched->after.own_kb, watched->name,
		       (uintmax_t)watched->after.shared_kb);
	}
	printf(" buffers=%zu buffer_waits=%ju\n", bench->n_buffers, (uintmax_t)bench->n_waits);
}

static void measure_sync(struct bench *bench)
{
	uint64_t *samples_ns = calloc((size_t)bench->count, sizeof(*samples_ns));
	uint64_t start_ns;

	if (!samples_ns)
		fail("no memory");
	for (long i = 0; i < bench->warmup; i++) {
		if (wl_display_roundtrip(bench->display) < 0)
			fail("the connection was lost");
	}
	read_watched(bench, false);
	start_ns = now_ns();
	for (long i = 0; i < bench->count; i++) {
		uint64_t before_ns = now_ns();

		if (wl_display_roundtrip(bench->display) < 0)
			fail("the connection was lost");
		samples_ns[i] = now_ns() - before_ns;
	}
	uint64_t elapsed_ns = now_ns() - start_ns;
	read_watched(bench, true);
	report(bench, samples_ns, (size_t)bench->count, elapsed_ns);
	free(samples_ns);
}

static void measure_frames(struct bench *bench)
{
	size_t capacity = 1 << 16, n = 0;
	uint64_t *samples_ns = calloc(capacity, sizeof(*samples_ns));
	uint64_t start_ns, end_ns;

	if (!samples_ns)
		fail("no memory");
	open_window(bench);
	for (long i = 0; i < bench->warmup; i++)
		show_frame(bench);
	read_watched(bench, false);
	bench->n_waits = 0;
	start_ns = now_ns();
	end_ns = start_ns + (uint64_t)(bench->seconds * 1e9);
	do {
		samples_ns[n++] = show_frame(bench);
	} while (now_ns() < end_ns && n < capacity);
	uint64_t elapsed_ns = now_ns() - start_ns;
	read_watched(bench, true);
	report(bench, samples_ns, n, elapsed_ns);
	free(samples_ns);
}

static const char usage[] =
	"Usage: bench sync|frames [OPTION...]\n"
	"Measures round trips (sync) or frames on $WAYLAND_DISPLAY and prints one line of name=value pairs.\n"
	"  --count N          round trips to measure (20000)\n"
	"  --warmup N         round trips (1000) or frames (20) before that\n"
	"  --size WxH         of the window, in pixels (1920x1080)\n"
	"  --damage full|row  every pixel is new, or one row (full)\n"
	"  --seconds S        how long to show frames (3)\n"
	"  --watch NAME:PID   report CPU time per sample and memory of that process and its children\n"
	"  --signal           send SIGUSR1 to the watched processes before and after the measured part\n";

static void add_watched(struct bench *bench, char *argument)
{
	char *colon = strchr(argument, ':');

	if (!colon || bench->n_watched == MAX_WATCHED || atoi(colon + 1) <= 0) {
		fputs(usage, stderr);
		exit(2);
	}
	*colon = 0;
	bench->watched[bench->n_watched++] = (struct watched){.name = argument, .pid = atoi(colon + 1)};
}

static void parse_options(struct bench *bench, int argc, char **argv)
{
	static const struct option options[] = {
		{"count", required_argument, NULL, 'c'},   {"warmup", required_argument, NULL, 'w'},
		{"size", required_argument, NULL, 's'},	   {"damage", required_argument, NULL, 'd'},
		{"seconds", required_argument, NULL, 't'}, {"watch", required_argument, NULL, 'p'},
		{"signal", no_argument, NULL, 'u'},	   {"help", no_argument, NULL, 'h'},
		{0},
	};
	bool valid = true;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c': bench->count = atol(optarg); break;
		case 'w': bench->warmup = atol(optarg); break;
		case 's': valid &= sscanf(optarg, "%dx%d", &bench->width_px, &bench->height_px) == 2; break;
		case 'd':
			bench->full_damage = strcmp(optarg, "full") == 0;
			valid &= bench->full_damage || strcmp(optarg, "row") == 0;
			break;
		case 't': bench->seconds = atof(optarg); break;
		case 'p': add_watched(bench, optarg); break;
		case 'u': bench->signal_watched = true; break;
		case 'h': fputs(usage, stdout); exit(0);
		default: valid = false;
		}
	}
	if (optind + 1 == argc)
		bench->mode = argv[optind];
	else
		valid = false;
	if (!valid || bench->count < 1 || bench->width_px < 1 || bench->height_px < 1 || bench->width_px > 16384 || bench->height_px > 16384) {
		fputs(usage, stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct bench bench = {
		.width_px = 1920, .height_px = 1080, .full_damage = true, .seconds = 3, .count = 20000, .warmup = -1,
	};

	parse_options(&bench, argc, argv);
	signal(SIGALRM, handle_alarm);
	alarm(60 + (unsigned)bench.seconds);
	connect_display(&bench);
	if (strcmp(bench.mode, "sync") == 0) {
		bench.warmup = bench.warmup < 0 ? 1000 : bench.warmup;
		measure_sync(&bench);
	} else if (strcmp(bench.mode, "frames") == 0) {
		bench.warmup = bench.warmup < 0 ? 20 : bench.warmup;
		measure_frames(&bench);
	} else {
		fputs(usage, stderr);
		return 2;
	}
	wl_display_disconnect(bench.display);
	return 0;
}
