/*
 * Clients that strain what they are connected to, and the ones that behave beside them. Each mode
 * says on standard output when it is under way ("ready") and what came of it.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/clients/keyboard.h"
#include "tests/clients/mode.h"
#include "tests/clients/window.h"

static struct window window;
static bool frame_done;

static uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static _Noreturn void fail(const char *what)
{
	printf("failed: %s\n", what);
	exit(2);
}

static void dispatch(void)
{
	if (!window_dispatch(&window))
		window_die(&window, "lost");
}

static void roundtrip(void)
{
	if (wl_display_roundtrip(window.display) < 0)
		window_die(&window, "lost");
}

static void handle_frame(void *data, struct wl_callback *callback, uint32_t time_ms)
{
	wl_callback_destroy(callback);
	frame_done = true;
}

static const struct wl_callback_listener frame_listener = {.done = handle_frame};

/* Attach, damage, commit; what was drawn before. Waits for the frame callback. */
static void show_buffer(struct window_buffer *buffer)
{
	wl_callback_add_listener(wl_surface_frame(window.surface), &frame_listener, NULL);
	frame_done = false;
	window_commit(&window, buffer, 0, 0, window.width, window.height);
	while (!frame_done)
		dispatch();
}

static void show_frame(void)
{
	static int shade;
	struct window_buffer *buffer = window_next_buffer(&window);

	memset(buffer->pixels, shade++ & 0xff, window.pool_bytes / WINDOW_BUFFERS);
	show_buffer(buffer);
}

static void open_window(int32_t width, int32_t height)
{
	window_connect(&window);
	window.may_shrink = true;
	window_create(&window, "rude", width, height);
	show_frame();
	puts("ready");
}

/* The modes. */

/* A window, and then nothing. */
static void run_rest(void)
{
	open_window(640, 480);
	for (;;)
		dispatch();
}

/* A window that is always in the middle of a frame. */
static void run_frames(void)
{
	open_window(640, 480);
	for (;;)
		show_frame();
}

/* A window that has another size in each frame. */
static void run_resize(void)
{
	open_window(640, 480);
	for (int i = 0;; i++) {
		struct window_buffer other = {.pixels = window.buffers[0].pixels};
		other.buffer = wl_shm_pool_create_buffer(window.pool, 0, 200 + i % 300,
			100 + i % 200, 640 * 4, WL_SHM_FORMAT_XRGB8888);
		show_buffer(&other);
		wl_buffer_destroy(other.buffer);
	}
}

/* Each of many keyboards gets its keymap, a file. */
static void run_keyboards(void)
{
	static struct keyboard_state keyboards;

	window_connect(&window);
	if (!window.seat)
		fail("no seat");
	puts("ready");
	for (int i = 0; i < 1500; i++)
		keyboard_listen(wl_seat_get_keyboard(window.seat), &keyboards);
	roundtrip();
	printf("%u keymaps\n", keyboards.n_keymaps);
}

/* Longer than a busy machine makes one take, and shorter than who misbehaves goes on. */
#define LONGEST_SECONDS 10

/* A client that behaves: many round trips, none of which may take that long. */
static void run_ping(void)
{
	uint64_t longest_ns = 0;

	window_connect(&window);
	for (int i = 0; i < 200; i++) {
		uint64_t start_ns = now_ns();

		roundtrip();
		if (now_ns() - start_ns > longest_ns)
			longest_ns = now_ns() - start_ns;
		usleep(2000);
	}
	printf("longest round trip: %.1f ms\n", (double)longest_ns / 1e6);
	if (longest_ns > LONGEST_SECONDS * UINT64_C(1000000000))
		fail("a round trip took more than ten seconds");
}

/* A client that behaves and measures: for each second the frames that were shown, and the longest
 * round trip. Until it is ended. */
static void run_measure(void)
{
	open_window(640, 480);
	for (;;) {
		uint64_t start_ns = now_ns(), longest_ns = 0;
		unsigned frames = 0;

		while (now_ns() - start_ns < 1000000000) {
			show_frame();
			frames++;
			uint64_t before_ns = now_ns();
			roundtrip();
			if (now_ns() - before_ns > longest_ns)
				longest_ns = now_ns() - before_ns;
		}
		printf("second %.1f %.1f\n", frames * 1e9 / (double)(now_ns() - start_ns),
			(double)longest_ns / 1e6);
	}
}

/* Sends @bytes as far as the server takes them within @timeout_ms. false: it took no more. */
static bool push(const uint8_t *bytes, size_t size, int timeout_ms)
{
	struct pollfd poll_fd = {.fd = wl_display_get_fd(window.display), .events = POLLOUT};
	size_t sent = 0;

	while (sent < size) {
		ssize_t n =
			send(poll_fd.fd, bytes + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN) {
			printf("lost: %s\n", strerror(errno));
			exit(1);
		}
		if (n < 0 && poll(&poll_fd, 1, timeout_ms) == 0)
			return false;
		sent += n > 0 ? (size_t)n : 0;
	}
	return true;
}

/*
 * Never reads again, and asks for answers as long as the server takes requests, up to 200 MB of
 * them. Then waits to be ended, or for half a minute.
 */
static void run_stall(void)
{
	uint32_t words[3 * 1024], id;
	uint64_t sent_bytes = 0;

	open_window(640, 480);
	roundtrip();
	id = wl_proxy_get_id(
		(struct wl_proxy *)wl_display_sync(window.display)); /* the next one; never sent */
	while (sent_bytes < 200000000) {
		for (size_t i = 0; i < sizeof(words) / 4; i += 3) {
			words[i] = 1;
			words[i + 1] = 12 << 16 | 0; /* wl_display.sync */
			words[i + 2] = id++;
		}
		if (!push((const uint8_t *)words, sizeof(words), 2000))
			break;
		sent_bytes += sizeof(words);
	}
	printf("stalled after %llu bytes\n", (unsigned long long)sent_bytes);
	sleep(30);
}

/* Requests as fast as they go, answers read. Ends after a few seconds. */
static void run_flood(void)
{
	uint64_t end_ns = now_ns() + 4000000000u, n = 0;

	open_window(640, 480);
	while (now_ns() < end_ns) {
		for (int i = 0; i < 1000; i++) {
			wl_surface_damage_buffer(window.surface, 0, 0, 1, 1);
			wl_region_destroy(wl_compositor_create_region(window.compositor));
			n += 3;
		}
		wl_surface_commit(window.surface);
		roundtrip();
	}
	printf("sent %llu requests\n", (unsigned long long)n);
}

/* Requests without answers, nothing ever read, for four seconds or until the server takes no more.
 */
static void run_flood_unread(void)
{
	uint32_t words[2 * 4096];
	uint64_t end_ns = now_ns() + 4000000000u, sent_bytes = 0;

	open_window(640, 480);
	for (size_t i = 0; i < sizeof(words) / 4; i += 2) {
		words[i] = wl_proxy_get_id((struct wl_proxy *)window.surface);
		words[i + 1] = 8 << 16 | 6; /* wl_surface.commit */
	}
	while (now_ns() < end_ns && push((const uint8_t *)words, sizeof(words), 2000))
		sent_bytes += sizeof(words);
	printf("sent %llu bytes\n", (unsigned long long)sent_bytes);
}

/* More and more objects, until somebody says no. */
static void run_hoard_objects(void)
{
	window_connect(&window);
	puts("ready");
	for (int i = 0; i < 1000000; i++) {
		wl_compositor_create_region(window.compositor);
		if (i % 1000 == 999)
			roundtrip();
	}
	fail("nobody minds a million objects");
}

/* More and more pools, each with an fd and memory. Direct compositors run out of fds here; we must
 * not. */
static void run_hoard_pools(void)
{
	window_connect(&window);
	puts("ready");
	for (int i = 0; i < 20000; i++) {
		int fd = memfd_create("hoard", MFD_CLOEXEC);

		if (fd < 0 || ftruncate(fd, 4096) < 0)
			fail("no memory");
		wl_shm_create_pool(window.shm, fd, 4096);
		close(fd);
		if (i % 10 == 9)
			roundtrip();
	}
	puts("20000 pools were taken");
}

/* More and more windows' worth of pixels: buffers of 32 MiB, each on a surface of its own and never
 * taken back. */
static void run_hoard_pixels(void)
{
	open_window(4096, 2048);
	for (int i = 0; i < 2000; i++) {
		struct wl_surface *surface = wl_compositor_create_surface(window.compositor);

		wl_surface_attach(surface, window.buffers[i % WINDOW_BUFFERS].buffer, 0, 0);
		wl_surface_damage_buffer(surface, 0, 0, window.width, window.height);
		wl_surface_commit(surface);
		roundtrip();
	}
	puts("64 GB of pixels were taken");
}

/* Truncates its pool between attach and commit. */
static void run_truncate(void)
{
	open_window(640, 480);
	wl_surface_attach(window.surface, window_next_buffer(&window)->buffer, 0, 0);
	wl_surface_damage_buffer(window.surface, 0, 0, window.width, window.height);
	roundtrip();
	if (ftruncate(window.pool_fd, 0) < 0)
		fail("ftruncate");
	wl_surface_commit(window.surface);
	roundtrip();
	for (int i = 0; i < 50; i++) {
		usleep(20000);
		roundtrip();
	}
	puts("nobody minded");
}

static atomic_bool racing;

static void *race(void *data)
{
	while (racing) {
		usleep(1000 + (unsigned)rand() % 5000);
		if (ftruncate(window.pool_fd, 4096) < 0 ||
			ftruncate(window.pool_fd, (off_t)window.pool_bytes) < 0)
			break;
	}
	return NULL;
}

/* Its pool shrinks now and then for a moment while frames are shown: sooner or later in the middle
 * of a copy. */
static void run_truncate_race(void)
{
	uint64_t end_ns;
	pthread_t thread;

	open_window(1920, 1080);
	racing = true;
	srand((unsigned)getpid());
	if (pthread_create(&thread, NULL, race, NULL) != 0)
		fail("no thread");
	end_ns = now_ns() + 5000000000u;
	while (now_ns() < end_ns)
		show_buffer(window_next_buffer(&window));
	racing = false;
	puts("nobody minded");
}

/* Dies of SIGKILL with the first half of a message sent, an attach without its commit before it. */
static void run_half_message(void)
{
	open_window(640, 480);
	wl_surface_attach(window.surface, window_next_buffer(&window)->buffer, 0, 0);
	wl_display_flush(window.display);
	uint32_t half[3] = {wl_proxy_get_id((struct wl_proxy *)window.surface), 24 << 16 | 9,
		0}; /* damage_buffer */
	push((const uint8_t *)half, sizeof(half), 1000);
	kill(getpid(), SIGKILL);
}

static const struct mode modes[] = {
	{"rest", run_rest},
	{"frames", run_frames},
	{"resize", run_resize},
	{"keyboards", run_keyboards},
	{"ping", run_ping},
	{"measure", run_measure},
	{"stall", run_stall},
	{"flood", run_flood},
	{"flood-unread", run_flood_unread},
	{"hoard-objects", run_hoard_objects},
	{"hoard-pools", run_hoard_pools},
	{"hoard-pixels", run_hoard_pixels},
	{"truncate", run_truncate},
	{"truncate-race", run_truncate_race},
	{"half-message", run_half_message},
};

int main(int argc, char **argv)
{
	return mode_run(modes, sizeof(modes) / sizeof(modes[0]), argc, argv);
}
