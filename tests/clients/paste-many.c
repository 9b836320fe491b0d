/* paste-many: pastes the selection into several files, all at the same time.
 *
 * Opens a window, waits until it has the focus and with it an offer of the type, asks for the
 * contents once for each file before it reads any of them, then reads all of them as they come. (A
 * program that loses the focus loses the offer, so several programs cannot do this at once.) With
 * --keyboard before the type it has a keyboard, which the seat must have; with --primary before
 * that it is the primary selection. It prints how many seconds went by from asking to the end of
 * the last one. With "-" for a file contents are dropped; who pastes into one alone need not look
 * which of them has come.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "primary-selection-unstable-v1-client-protocol.h"
#include "protocol/base/monotonic.h"
#include "window.h"

#define FILES_MAX 64

struct paste {
	const char *type;
	bool primary;
	/* Of one of them, by @primary, are these. */
	struct wl_data_device_manager *manager;
	struct zwp_primary_selection_device_manager_v1 *primary_manager;
	void *offer;   /* the newest one */
	bool has_type; /* it has the type */
	bool selected; /* it is the selection */
};

static void forget_offer(struct paste *paste)
{
	if (paste->offer && paste->primary)
		zwp_primary_selection_offer_v1_destroy(paste->offer);
	else if (paste->offer)
		wl_data_offer_destroy(paste->offer);
}

static void note_offer(struct paste *paste, void *offer)
{
	forget_offer(paste);
	paste->offer = offer;
	paste->has_type = paste->selected = false;
}

static void note_type(struct paste *paste, const char *type)
{
	if (strcmp(type, paste->type) == 0)
		paste->has_type = true;
}

static void note_selection(struct paste *paste, const void *offer)
{
	paste->selected = offer && offer == paste->offer;
}

/* --- the clipboard --- */

static void offer_offer(void *data, struct wl_data_offer *offer, const char *type)
{
	note_type(data, type);
}

static const struct wl_data_offer_listener offer_listener = {.offer = offer_offer};

static void device_data_offer(
	void *data, struct wl_data_device *device, struct wl_data_offer *offer)
{
	note_offer(data, offer);
	wl_data_offer_add_listener(offer, &offer_listener, data);
}

static void device_selection(void *data, struct wl_data_device *device, struct wl_data_offer *offer)
{
	note_selection(data, offer);
}

static const struct wl_data_device_listener device_listener = {
	.data_offer = device_data_offer,
	.selection = device_selection,
};

/* --- the primary selection --- */

static void primary_offer_offer(
	void *data, struct zwp_primary_selection_offer_v1 *offer, const char *type)
{
	note_type(data, type);
}

static const struct zwp_primary_selection_offer_v1_listener primary_offer_listener = {
	.offer = primary_offer_offer};

static void primary_data_offer(void *data, struct zwp_primary_selection_device_v1 *device,
	struct zwp_primary_selection_offer_v1 *offer)
{
	note_offer(data, offer);
	zwp_primary_selection_offer_v1_add_listener(offer, &primary_offer_listener, data);
}

static void primary_selection(void *data, struct zwp_primary_selection_device_v1 *device,
	struct zwp_primary_selection_offer_v1 *offer)
{
	note_selection(data, offer);
}

static const struct zwp_primary_selection_device_v1_listener primary_listener = {
	.data_offer = primary_data_offer,
	.selection = primary_selection,
};

/* --- either --- */

static void follow(struct paste *paste, struct wl_seat *seat)
{
	if (paste->primary)
		zwp_primary_selection_device_v1_add_listener(
			zwp_primary_selection_device_manager_v1_get_device(
				paste->primary_manager, seat),
			&primary_listener, paste);
	else
		wl_data_device_add_listener(
			wl_data_device_manager_get_data_device(paste->manager, seat),
			&device_listener, paste);
}

static void receive(struct paste *paste, int fd)
{
	if (paste->primary)
		zwp_primary_selection_offer_v1_receive(paste->offer, paste->type, fd);
	else
		wl_data_offer_receive(paste->offer, paste->type, fd);
}

static void handle_global(
	struct window *window, uint32_t name, const char *interface, uint32_t version)
{
	struct paste *paste = window->data;
	if (strcmp(interface, wl_data_device_manager_interface.name) == 0)
		paste->manager = wl_registry_bind(
			window->registry, name, &wl_data_device_manager_interface, 1);
	else if (strcmp(interface, zwp_primary_selection_device_manager_v1_interface.name) == 0)
		paste->primary_manager = wl_registry_bind(window->registry, name,
			&zwp_primary_selection_device_manager_v1_interface, 1);
}

/* Moves what is there from the pipe to the file; -1: to nowhere. Return: false at the end. */
static bool move_some(int from, int to)
{
	char bytes[65536];
	ssize_t length = read(from, bytes, sizeof(bytes));
	if (length < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (length < 0 || (length > 0 && to >= 0 && write(to, bytes, length) != length)) {
		perror("copy");
		exit(1);
	}
	return length > 0;
}

static void read_all(struct pollfd *pipes, const int *files, nfds_t count)
{
	for (nfds_t open = count; open > 0;) {
		if (count == 1) {
			pipes[0].revents = POLLIN;
		} else if (poll(pipes, count, -1) < 0 && errno != EINTR) {
			perror("poll");
			exit(1);
		}
		for (nfds_t i = 0; i < count; i++) {
			if (pipes[i].fd < 0 || !pipes[i].revents ||
				move_some(pipes[i].fd, files[i]))
				continue;
			close(pipes[i].fd);
			if (files[i] >= 0)
				close(files[i]);
			pipes[i].fd = -1;
			open--;
		}
	}
}

int main(int argc, char **argv)
{
	bool primary = argc > 1 && strcmp(argv[1], "--primary") == 0;
	argc -= primary;
	argv += primary;
	bool keyboard = argc > 1 && strcmp(argv[1], "--keyboard") == 0;
	argc -= keyboard;
	argv += keyboard;
	struct paste paste = {.type = argv[1], .primary = primary};
	struct window window = {.handle_global = handle_global, .data = &paste};
	nfds_t count = argc - 2;
	if (argc < 3 || count > FILES_MAX) {
		fprintf(stderr, "usage: paste-many [--primary] [--keyboard] TYPE FILE...\n");
		return 2;
	}
	window_connect(&window);
	if (!window.seat || !(primary ? (void *)paste.primary_manager : (void *)paste.manager)) {
		fprintf(stderr, "the compositor has no seat or no such selection\n");
		return 1;
	}
	follow(&paste, window.seat);
	if (keyboard)
		wl_seat_get_keyboard(window.seat);
	window_create(&window, "paste-many", 64, 64);
	struct window_buffer *buffer = window_next_buffer(&window);
	window_commit(&window, buffer, 0, 0, window.width, window.height);
	while (!paste.selected || !paste.has_type) {
		if (!window_dispatch(&window))
			window_die(&window, "waiting for the selection");
	}

	struct pollfd pipes[FILES_MAX];
	int files[FILES_MAX];
	const uint64_t asked_ns = monotonic_ns();
	for (nfds_t i = 0; i < count; i++) {
		int ends[2];
		const bool drops = strcmp(argv[2 + i], "-") == 0;
		files[i] = drops
			? -1
			: open(argv[2 + i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if ((files[i] < 0 && !drops) || pipe2(ends, O_CLOEXEC) < 0) {
			perror(argv[2 + i]);
			return 1;
		}
		receive(&paste, ends[1]);
		close(ends[1]);
		pipes[i] = (struct pollfd){.fd = ends[0], .events = POLLIN};
	}
	if (wl_display_roundtrip(window.display) < 0)
		window_die(&window, "asking for the contents");
	read_all(pipes, files, count);
	printf("%.4f\n", (double)(monotonic_ns() - asked_ns) / 1e9);
	/* With a keyboard chords may have brought more offers meanwhile. */
	if (wl_display_roundtrip(window.display) < 0)
		window_die(&window, "leaving");
	forget_offer(&paste);
	window_finish(&window);
	return 0;
}
