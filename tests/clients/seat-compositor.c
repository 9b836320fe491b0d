/* seat-compositor: a compositor that shows nothing, and whose seat has a touch screen and a pen,
 * which headless ones have not; nor have they linux-dmabuf with feedback, which it has with
 * "dmabuf"; nor GTK's older primary selection, which it has. With "dmabuf-refused" it imports no
 * buffer, as a GPU may.
 *
 *   seat-compositor SOCKET [SCALE [dmabuf|dmabuf-refused]]
 *
 * Reads commands from stdin, one a line, until its end; places are of the newest window, in the
 * compositor's units:
 *
 *   touch down|motion ID X Y | touch up ID | touch frame | touch cancel
 *   pen in X Y | pen motion X Y PRESSURE TILT | pen down | pen up | pen out
 *
 * Prints "ready", "mapped" for each window, and of each buffer of linux-dmabuf "dma-buf of
 * WxH FORMAT MODIFIER at OFFSET by STRIDE", the last three once for each plane, and then "refused"
 * if it does not import it.
 */
#include "seat_compositor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int handle_input(int fd, uint32_t mask, void *data)
{
	struct seat_compositor *compositor = data;
	char line[256];
	if (!fgets(line, sizeof(line), stdin)) {
		wl_display_terminate(compositor->display);
		return 0;
	}
	if (!seat_devices_run(compositor, line))
		fprintf(stderr, "no window, or no such command: %s", line);
	return 0;
}

int main(int argc, char **argv)
{
	struct seat_compositor compositor = {.display = wl_display_create()};
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	compositor.refuses = argc == 4 && strcmp(argv[3], "dmabuf-refused") == 0;
	if (argc < 2 || argc > 4 ||
		(argc == 4 && strcmp(argv[3], "dmabuf") != 0 && !compositor.refuses) ||
		wl_display_add_socket(compositor.display, argv[1]) < 0) {
		fprintf(stderr, "usage: seat-compositor SOCKET [SCALE [dmabuf|dmabuf-refused]]\n");
		return 2;
	}
	compositor.scale = argc > 2 ? atoi(argv[2]) : 1;
	wl_list_init(&compositor.feedbacks);
	if (argc > 3)
		seat_dmabuf_create(&compositor);
	seat_shell_create(&compositor);
	seat_devices_create(&compositor);
	seat_primary_create(&compositor);
	wl_event_loop_add_fd(wl_display_get_event_loop(compositor.display), 0, WL_EVENT_READABLE,
		handle_input, &compositor);
	printf("ready\n");
	wl_display_run(compositor.display);
	wl_display_destroy_clients(compositor.display);
	wl_display_destroy(compositor.display);
	return 0;
}
