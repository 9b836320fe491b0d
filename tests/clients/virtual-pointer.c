/* virtual-pointer: moves a pointer of its own on a compositor with zwlr_virtual_pointer_manager_v1.
 *
 * Reads commands from stdin, one a line, and stays connected until its end:
 *
 *   move X Y              to this place of the output, in pixels of --size
 *   by DX DY              from here
 *   button CODE STATE     linux/input-event-codes.h; 1 pressed, 0 released
 *   axis AXIS VALUE       0 vertical, 1 horizontal; from a finger
 *   stop AXIS             the finger is lifted
 *   wheel AXIS STEPS      15 units a step
 *   sleep MILLISECONDS
 *
 * Each is a frame of its own, and has reached the compositor before the next command is read;
 * "done" is printed after the last one.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wayland-client.h>

#include "wlr-virtual-pointer-unstable-v1-client-protocol.h"

#define WHEEL_STEP 15

struct pointer {
	struct wl_display *display;
	struct zwlr_virtual_pointer_manager_v1 *manager;
	struct zwlr_virtual_pointer_v1 *pointer;
	unsigned width, height; /* pixels of the output */
	uint32_t time_ms;       /* counts commands: no clock, so that runs are alike */
};

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct pointer *pointer = data;
	if (strcmp(interface, zwlr_virtual_pointer_manager_v1_interface.name) == 0)
		pointer->manager = wl_registry_bind(
			registry, name, &zwlr_virtual_pointer_manager_v1_interface, 1);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static void command_move(struct pointer *pointer, double x, double y)
{
	zwlr_virtual_pointer_v1_motion_absolute(pointer->pointer, pointer->time_ms, (uint32_t)x,
		(uint32_t)y, pointer->width, pointer->height);
}

static void command_by(struct pointer *pointer, double dx, double dy)
{
	zwlr_virtual_pointer_v1_motion(pointer->pointer, pointer->time_ms, wl_fixed_from_double(dx),
		wl_fixed_from_double(dy));
}

static void command_button(struct pointer *pointer, double code, double state)
{
	zwlr_virtual_pointer_v1_button(
		pointer->pointer, pointer->time_ms, (uint32_t)code, (uint32_t)state);
}

static void command_axis(struct pointer *pointer, double axis, double value)
{
	zwlr_virtual_pointer_v1_axis_source(pointer->pointer, WL_POINTER_AXIS_SOURCE_FINGER);
	zwlr_virtual_pointer_v1_axis(
		pointer->pointer, pointer->time_ms, (uint32_t)axis, wl_fixed_from_double(value));
}

static void command_stop(struct pointer *pointer, double axis, double unused)
{
	zwlr_virtual_pointer_v1_axis_source(pointer->pointer, WL_POINTER_AXIS_SOURCE_FINGER);
	zwlr_virtual_pointer_v1_axis_stop(pointer->pointer, pointer->time_ms, (uint32_t)axis);
}

static void command_wheel(struct pointer *pointer, double axis, double steps)
{
	zwlr_virtual_pointer_v1_axis_source(pointer->pointer, WL_POINTER_AXIS_SOURCE_WHEEL);
	zwlr_virtual_pointer_v1_axis_discrete(pointer->pointer, pointer->time_ms, (uint32_t)axis,
		wl_fixed_from_double(steps * WHEEL_STEP), (int32_t)steps);
}

static const struct {
	const char *name;
	int arguments;
	void (*run)(struct pointer *pointer, double first, double second);
} commands[] = {
	{"move", 2, command_move},
	{"by", 2, command_by},
	{"button", 2, command_button},
	{"axis", 2, command_axis},
	{"stop", 1, command_stop},
	{"wheel", 2, command_wheel},
};

static bool command_run(struct pointer *pointer, const char *line)
{
	char name[16];
	double first = 0, second = 0;
	int arguments = sscanf(line, "%15s %lf %lf", name, &first, &second) - 1;
	if (arguments == 1 && strcmp(name, "sleep") == 0) {
		long ms = (long)first;
		nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
		return true;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) != 0 || commands[i].arguments != arguments)
			continue;
		commands[i].run(pointer, first, second);
		zwlr_virtual_pointer_v1_frame(pointer->pointer);
		pointer->time_ms++;
		return wl_display_roundtrip(pointer->display) >= 0;
	}
	return false;
}

int main(int argc, char **argv)
{
	struct pointer pointer = {.width = 1280, .height = 720, .time_ms = 1000};
	if (argc == 3 && strcmp(argv[1], "--size") == 0) {
		if (sscanf(argv[2], "%ux%u", &pointer.width, &pointer.height) != 2)
			return 2;
	} else if (argc != 1) {
		fprintf(stderr, "usage: virtual-pointer [--size WxH] <COMMANDS\n");
		return 2;
	}

	pointer.display = wl_display_connect(NULL);
	if (!pointer.display) {
		perror("connect");
		return 1;
	}
	struct wl_registry *registry = wl_display_get_registry(pointer.display);
	wl_registry_add_listener(registry, &registry_listener, &pointer);
	if (wl_display_roundtrip(pointer.display) < 0 || !pointer.manager) {
		fprintf(stderr, "the compositor has no zwlr_virtual_pointer_manager_v1\n");
		return 1;
	}
	pointer.pointer =
		zwlr_virtual_pointer_manager_v1_create_virtual_pointer(pointer.manager, NULL);
	/* The device is there before the first command, so that a "sleep" lets clients bind it. */
	if (wl_display_roundtrip(pointer.display) < 0)
		return 1;

	char line[128];
	while (fgets(line, sizeof(line), stdin)) {
		if (!command_run(&pointer, line)) {
			fprintf(stderr, "cannot do: %s", line);
			return 1;
		}
	}
	puts("done");
	wl_display_disconnect(pointer.display);
	return 0;
}
