/*
 * relay_lanes.c and family.c: whatever windows that wait are asked, and in which order they go on,
 * nothing is lost, and nothing comes before what it needs.
 */
#include "tests/unit/relay_world.h"

#define SEEDS 300
#define STEPS 400
#define WINDOWS 6
#define REGIONS 4
#define IDS 4096 /* more than are used in so many steps */

struct window {
	uint32_t surface, xdg_surface, toplevel;
};

static struct world *world;
static struct window windows[WINDOWS];
static uint32_t regions[REGIONS];
static bool waits[IDS]; /* by a surface's id: its commits are deferred */
static uint32_t next_id, state;
static size_t asked;

static uint32_t below(uint32_t n)
{
	state = state * UINT32_C(1103515245) + 12345;
	return (state >> 16) % n;
}

static enum relay_verdict defer_commit(struct relay_message *message)
{
	struct relay *relay = message->relay;

	if (!waits[message->object->id[RELAY_DOWN]])
		return RELAY_FORWARD;
	if (below(3) == 0)
		relay_defer_with(relay, relay_object_at(relay, RELAY_DOWN, regions[below(REGIONS)]),
			message->object);
	return RELAY_DEFER;
}

/* May fail where the compositor has ended the object. */
#define try(...) (asked++, push_message(world, RELAY_DOWN, __VA_ARGS__))

static void make_window(struct window *window)
{
	*window = (struct window){next_id, next_id + 1, next_id + 2};
	next_id += 3;
	try(COMPOSITOR, "wl_compositor", "create_surface", "u", window->surface);
	try(WM_BASE, "xdg_wm_base", "get_xdg_surface", "uu", window->xdg_surface, window->surface);
	try(window->xdg_surface, "xdg_surface", "get_toplevel", "u", window->toplevel);
}

static void end_window(const struct window *window)
{
	try(window->toplevel, "xdg_toplevel", "destroy", "");
	try(window->xdg_surface, "xdg_surface", "destroy", "");
	try(window->surface, "wl_surface", "destroy", "");
}

static void make_region(uint32_t *region)
{
	*region = next_id++;
	try(COMPOSITOR, "wl_compositor", "create_region", "u", *region);
}

static void go_on(uint32_t surface)
{
	relay_resume(world->relay, relay_object_at(world->relay, RELAY_DOWN, surface));
	push(world, RELAY_DOWN, NULL, 0);
}

static void step(bool hostile)
{
	struct window *window = &windows[below(WINDOWS)], *other = &windows[below(WINDOWS)];
	uint32_t *region = &regions[below(REGIONS)];

	switch (below(12)) {
	case 0:
		try(window->surface, "wl_surface", "damage", "uuuu", 1, 2, 3, 4);
		break;
	case 1:
		try(window->surface, "wl_surface", "set_opaque_region", "u", *region);
		break;
	case 2:
		try(*region, "wl_region", "add", "uuuu", 1, 2, 3, 4);
		break;
	case 3:
		try(*region, "wl_region", "destroy", "");
		make_region(region);
		break;
	case 4:
		if (below(6) == 0 && window != other)
			try(window->toplevel, "xdg_toplevel", "set_parent", "u", other->toplevel);
		break;
	case 5:
		if (below(3) != 0)
			break;
		end_window(window);
		make_window(window);
		break;
	case 6:
		if (hostile && below(8) == 0)
			push_message(world, RELAY_UP, DISPLAY, "wl_display", "delete_id", "u",
				below(next_id));
		break;
	case 7:
	case 8:
		waits[window->surface] = !waits[window->surface];
		break;
	case 9:
		go_on(window->surface);
		break;
	default:
		try(window->surface, "wl_surface", "commit", "");
		break;
	}
}

static void play(uint32_t seed, bool hostile)
{
	void *set = NULL;

	set_up_with(&set, 0);
	world = set;
	on_commit = defer_commit;
	memset(waits, 0, sizeof(waits));
	state = seed;
	next_id = NEXT;
	asked = 0;
	const size_t before = world->n_sent[RELAY_UP];
	for (size_t i = 0; i < WINDOWS; i++)
		make_window(&windows[i]);
	for (size_t i = 0; i < REGIONS; i++)
		make_region(&regions[i]);
	for (size_t i = 0; i < STEPS && !relay_failure(world->relay); i++)
		step(hostile);
	assert_true(next_id <= IDS);
	if (!hostile) {
		memset(waits, 0, sizeof(waits));
		for (uint32_t id = NEXT; id < next_id; id++) {
			struct relay_object *object = relay_object_at(world->relay, RELAY_DOWN, id);
			if (object && strcmp(object->interface->wl->name, "wl_surface") == 0)
				relay_resume(world->relay, object);
		}
		push(world, RELAY_DOWN, NULL, 0);
		assert_null(relay_failure(world->relay));
		assert_int_equal(world->n_sent[RELAY_UP] - before, asked);
	}
	tear_down(&set);
}

static void nothing_is_lost(void **unused)
{
	for (uint32_t seed = 0; seed < SEEDS; seed++)
		play(seed, false);
}

/* With a compositor that ends objects by itself: what a sanitizer finds. */
static void a_hostile_compositor_does_no_harm(void **unused)
{
	for (uint32_t seed = 0; seed < SEEDS; seed++)
		play(seed, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost),
		cmocka_unit_test(a_hostile_compositor_does_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
