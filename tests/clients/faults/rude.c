/*
 * Clients that strain what they are connected to, and the ones that behave beside them. Each mode says on standard
 * output when it is under way ("ready") and what came of it.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <wayland-client.h>

#include "xdg-shell-client-protocol.h"

#define STATUS_LOST 3 /* the connection ended */
#define N_BUFFERS 3

static struct client {
	struct wl_display *display;
	struct wl_compositor *compositor;
	struct wl_shm *shm;
	struct xdg_wm_base *wm_base;
	struct wl_surface *surface;
	bool configured;
	bool frame_done;

	int32_t width_px, height_px;
	int pool_fd;
	size_t pool_bytes;
	uint8_t *pixels;
	struct wl_buffer *buffers[N_BUFFERS];
	bool busy[N_BUFFERS];
} self = {.width_px = 640, .height_px = 480};

static uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static _Noreturn void fail(const char *what)
{
	printf("failed: %s\n", what);
	exit(1);
}

/* Says why the connection ended; does not come back. */
static _Noreturn void lost(void)
{
	const struct wl_interface *interface = NULL;
	uint32_t id = 0, code;

	if (wl_display_get_error(self.display) == EPROTO) {
		code = wl_display_get_protocol_error(self.display, &interface, &id);
		printf("protocol error: %s@%u code %u\n", interface ? interface->name : "?", id, code);
	} else {
		printf("lost: %s\n", strerror(wl_display_get_error(self.display)));
	}
	exit(STATUS_LOST);
}

static void dispatch(void)
{
	if (wl_display_dispatch(self.display) < 0)
		lost();
}

static void roundtrip(void)
{
	if (wl_display_roundtrip(self.display) < 0)
		lost();
}

/* A window. */

static void handle_ping(void *data, struct xdg_wm_base *wm_base, uint32_t serial)
{
	xdg_wm_base_pong(wm_base, serial);
}
static const struct xdg_wm_base_listener wm_base_listener = {.ping = handle_ping};

static void handle_global(void *data, struct wl_registry *registry, uint32_t name, const char *interface, uint32_t version)
{
	if (strcmp(interface, wl_compositor_interface.name) == 0) {
		self.compositor = wl_registry_bind(registry, name, &wl_compositor_interface, 4);
	} else if (strcmp(interface, wl_shm_interface.name) == 0) {
		self.shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
	} else if (strcmp(interface, xdg_wm_base_interface.name) == 0) {
		self.wm_base = wl_registry_bind(registry, name, &xdg_wm_base_interface, 1);
		xdg_wm_base_add_listener(self.wm_base, &wm_base_listener, NULL);
	}
}
static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
}
static const struct wl_registry_listener registry_listener = {handle_global, handle_global_remove};

static void handle_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	xdg_surface_ack_configure(xdg_surface, serial);
	self.configured = true;
}
static const struct xdg_surface_listener xdg_surface_listener = {.configure = handle_configure};

static void handle_toplevel_configure(void *data, struct xdg_toplevel *toplevel, int32_t width, int32_t height, struct wl_array *states)
{
}
static void handle_close(void *data, struct xdg_toplevel *toplevel)
{
}
static const struct xdg_toplevel_listener toplevel_listener = {.configure = handle_toplevel_configure, .close = handle_close};

static void handle_release(void *data, struct wl_buffer *buffer)
{
	*(bool *)data = false;
}
static const struct wl_buffer_listener buffer_listener = {.release = handle_release};

static void connect_display(void)
{
	struct wl_registry *registry;

	self.display = wl_display_connect(NULL);
	if (!self.display)
		fail("cannot connect");
	registry = wl_display_get_registry(self.display);
	wl_registry_add_listener(registry, &registry_listener, NULL);
	roundtrip();
	if (!self.compositor || !self.shm || !self.wm_base)
		fail("wl_compositor, wl_shm or xdg_wm_base is missing");
}

/* All buffers are in one pool. */
static void make_buffers(void)
{
	int32_t stride = self.width_px * 4, size = stride * self.height_px;
	struct wl_shm_pool *pool;

	self.pool_bytes = (size_t)size * N_BUFFERS;
	self.pool_fd = memfd_create("rude", MFD_CLOEXEC);
	if (self.pool_fd < 0 || ftruncate(self.pool_fd, (off_t)self.pool_bytes) < 0)
		fail("no memory");
	self.pixels = mmap(NULL, self.pool_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, self.pool_fd, 0);
	if (self.pixels == MAP_FAILED)
		fail("no memory");
	pool = wl_shm_create_pool(self.shm, self.pool_fd, (int32_t)self.pool_bytes);
	for (int i = 0; i < N_BUFFERS; i++) {
		self.buffers[i] = wl_shm_pool_create_buffer(pool, i * size, self.width_px, self.height_px, stride, WL_SHM_FORMAT_XRGB8888);
		wl_buffer_add_listener(self.buffers[i], &buffer_listener, &self.busy[i]);
	}
	wl_shm_pool_destroy(pool);
}

static void handle_frame(void *data, struct wl_callback *callback, uint32_t time_ms)
{
	wl_callback_destroy(callback);
	self.frame_done = true;
}
static const struct wl_callback_listener frame_listener = {.done = handle_frame};

static int free_buffer(void)
{
	for (;;) {
		for (int i = 0; i < N_BUFFERS; i++) {
			if (!self.busy[i])
				return i;
		}
		dispatch();
	}
}

/* Attach, damage, commit; what was drawn before. */
static void commit_buffer(int i)
{
	wl_callback_add_listener(wl_surface_frame(self.surface), &frame_listener, NULL);
	self.frame_done = false;
	wl_surface_attach(self.surface, self.buffers[i], 0, 0);
	wl_surface_damage_buffer(self.surface, 0, 0, self.width_px, self.height_px);
	wl_surface_commit(self.surface);
	self.busy[i] = true;
}

static void show_frame(void)
{
	static int shade;
	int i = free_buffer();

	memset(self.pixels + self.pool_bytes / N_BUFFERS * (size_t)i, shade++ & 0xff, self.pool_bytes / N_BUFFERS);
	commit_buffer(i);
	while (!self.frame_done)
		dispatch();
}

static void open_window(void)
{
	struct xdg_surface *xdg_surface;
	struct xdg_toplevel *toplevel;

	connect_display();
	self.surface = wl_compositor_create_surface(self.compositor);
	xdg_surface = xdg_wm_base_get_xdg_surface(self.wm_base, self.surface);
	xdg_surface_add_listener(xdg_surface, &xdg_surface_listener, NULL);
	toplevel = xdg_surface_get_toplevel(xdg_surface);
	xdg_toplevel_add_listener(toplevel, &toplevel_listener, NULL);
	wl_surface_commit(self.surface);
	while (!self.configured)
		dispatch();
	make_buffers();
	show_frame();
	puts("ready");
}

/* The modes. */

/* A window, and then nothing. */
static void run_rest(void)
{
	open_window();
	for (;;)
		dispatch();
}

/* A window that is always in the middle of a frame. */
static void run_frames(void)
{
	open_window();
	for (;;)
		show_frame();
}

/* A client that behaves: many round trips, none of which may take longer than a second. */
static void run_ping(void)
{
	uint64_t longest_ns = 0;

	connect_display();
	for (int i = 0; i < 200; i++) {
		uint64_t start_ns = now_ns();

		roundtrip();
		if (now_ns() - start_ns > longest_ns)
			longest_ns = now_ns() - start_ns;
		usleep(2000);
	}
	printf("longest round trip: %.1f ms\n", (double)longest_ns / 1e6);
	if (longest_ns > 1000000000)
		fail("a round trip took more than a second");
}

/* Sends @bytes as far as the server takes them within @timeout_ms. false: it took no more. */
static bool push(const uint8_t *bytes, size_t size, int timeout_ms)
{
	struct pollfd poll_fd = {.fd = wl_display_get_fd(self.display), .events = POLLOUT};
	size_t sent = 0;

	while (sent < size) {
		ssize_t n = send(poll_fd.fd, bytes + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN) {
			printf("lost: %s\n", strerror(errno));
			exit(STATUS_LOST);
		}
		if (n < 0 && poll(&poll_fd, 1, timeout_ms) == 0)
			return false;
		sent += n > 0 ? (size_t)n : 0;
	}
	return true;
}

/*
 * Never reads again, and asks for answers as long as the server takes requests, up to 200 MB of them. Then waits to
 * be ended, or for half a minute.
 */
static void run_stall(void)
{
	uint32_t words[3 * 1024], id;
	uint64_t sent_bytes = 0;

	open_window();
	roundtrip();
	id = wl_proxy_get_id((struct wl_proxy *)wl_display_sync(self.display)); /* the next one; never sent */
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

	open_window();
	while (now_ns() < end_ns) {
		for (int i = 0; i < 1000; i++) {
			wl_surface_damage_buffer(self.surface, 0, 0, 1, 1);
			wl_region_destroy(wl_compositor_create_region(self.compositor));
			n += 3;
		}
		wl_surface_commit(self.surface);
		roundtrip();
	}
	printf("sent %llu requests\n", (unsigned long long)n);
}

/* Requests without answers, nothing ever read, for four seconds or until the server takes no more. */
static void run_flood_unread(void)
{
	uint32_t words[2 * 4096];
	uint64_t end_ns = now_ns() + 4000000000u, sent_bytes = 0;

	open_window();
	for (size_t i = 0; i < sizeof(words) / 4; i += 2) {
		words[i] = wl_proxy_get_id((struct wl_proxy *)self.surface);
		words[i + 1] = 8 << 16 | 6; /* wl_surface.commit */
	}
	while (now_ns() < end_ns && push((const uint8_t *)words, sizeof(words), 2000))
		sent_bytes += sizeof(words);
	printf("sent %llu bytes\n", (unsigned long long)sent_bytes);
}

/* More and more objects, until somebody says no. */
static void run_hoard_objects(void)
{
	connect_display();
	puts("ready");
	for (int i = 0; i < 1000000; i++) {
		wl_compositor_create_region(self.compositor);
		if (i % 1000 == 999)
			roundtrip();
	}
	fail("nobody minds a million objects");
}

/* More and more pools, each with an fd and memory. Direct compositors run out of fds here; we must not. */
static void run_hoard_pools(void)
{
	connect_display();
	puts("ready");
	for (int i = 0; i < 20000; i++) {
		int fd = memfd_create("hoard", MFD_CLOEXEC);

		if (fd < 0 || ftruncate(fd, 4096) < 0)
			fail("no memory");
		wl_shm_create_pool(self.shm, fd, 4096);
		close(fd);
		if (i % 10 == 9)
			roundtrip();
	}
	puts("20000 pools were taken");
}

/* More and more windows' worth of pixels: buffers of 32 MiB, each on a surface of its own and never taken back. */
static void run_hoard_pixels(void)
{
	self.width_px = 4096;
	self.height_px = 2048;
	connect_display();
	make_buffers();
	puts("ready");
	for (int i = 0; i < 2000; i++) {
		struct wl_surface *surface = wl_compositor_create_surface(self.compositor);

		wl_surface_attach(surface, self.buffers[i % N_BUFFERS], 0, 0);
		wl_surface_damage_buffer(surface, 0, 0, self.width_px, self.height_px);
		wl_surface_commit(surface);
		roundtrip();
	}
	puts("64 GB of pixels were taken");
}

/* Truncates its pool between attach and commit. */
static void run_truncate(void)
{
	int i;

	open_window();
	i = free_buffer();
	wl_callback_add_listener(wl_surface_frame(self.surface), &frame_listener, NULL);
	wl_surface_attach(self.surface, self.buffers[i], 0, 0);
	wl_surface_damage_buffer(self.surface, 0, 0, self.width_px, self.height_px);
	roundtrip();
	if (ftruncate(self.pool_fd, 0) < 0)
		fail("ftruncate");
	wl_surface_commit(self.surface);
	roundtrip();
	for (i = 0; i < 50; i++) {
		usleep(20000);
		roundtrip();
	}
	puts("nobody minded");
}

static atomic_bool racing;

static void *race(void *data)
{
	while (racing) {
		if (ftruncate(self.pool_fd, 4096) < 0 || ftruncate(self.pool_fd, (off_t)self.pool_bytes) < 0)
			break;
	}
	return NULL;
}

/* Its pool shrinks and grows all the time while frames are shown: sooner or later in the middle of a copy. */
static void run_truncate_race(void)
{
	uint64_t end_ns;
	pthread_t thread;

	self.width_px = 1920;
	self.height_px = 1080;
	open_window();
	racing = true;
	if (pthread_create(&thread, NULL, race, NULL) != 0)
		fail("no thread");
	end_ns = now_ns() + 5000000000u;
	while (now_ns() < end_ns) {
		commit_buffer(free_buffer());
		while (!self.frame_done)
			dispatch();
	}
	racing = false;
	puts("nobody minded");
}

/* Dies of SIGKILL with the first half of a message sent, an attach without its commit before it. */
static void run_half_message(void)
{
	int i;

	open_window();
	i = free_buffer();
	wl_surface_attach(self.surface, self.buffers[i], 0, 0);
	wl_display_flush(self.display);
	uint32_t half[3] = {wl_proxy_get_id((struct wl_proxy *)self.surface), 24 << 16 | 9, 0}; /* damage_buffer */
	push((const uint8_t *)half, sizeof(half), 1000);
	kill(getpid(), SIGKILL);
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{"rest", run_rest},
	{"frames", run_frames},
	{"ping", run_ping},
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
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; argc == 2 && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[1], modes[i].name) != 0)
			continue;
		modes[i].run();
		return 0;
	}
	fputs("Usage: rude MODE, one of:", stderr);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		fprintf(stderr, " %s", modes[i].name);
	fputs("\n", stderr);
	return 2;
}
