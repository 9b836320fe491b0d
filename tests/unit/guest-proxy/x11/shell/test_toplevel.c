/* guest-proxy/x11/shell: what compositors hear of a window that sway has no protocols for */
#include "guest-proxy/x11/shell/toplevel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xcb/xcbext.h>

#include "guest-proxy/x11/shell/icon.h"
#include "guest-proxy/x11/shell/role.h"

#define WINDOW 7
#define MODAL 8
#define SIZE 2

/* X without X: its only property is the icon. */
static struct {
	uint32_t icon[2 + SIZE * SIZE]; /* the first 0: none */
	unsigned asked;
	xcb_window_t window; /* whose was asked for */
} x;

xcb_get_property_cookie_t xcb_get_property(xcb_connection_t *c, uint8_t delete, xcb_window_t window,
	xcb_atom_t property, xcb_atom_t type, uint32_t offset, uint32_t length)
{
	x.asked++;
	x.window = window;
	return (xcb_get_property_cookie_t){.sequence = 1};
}

int xcb_poll_for_reply(
	xcb_connection_t *c, unsigned int request, void **reply, xcb_generic_error_t **error)
{
	xcb_get_property_reply_t *property = calloc(1, sizeof(*property) + sizeof(x.icon));
	assert_non_null(property);
	property->format = 32;
	property->type = x.icon[0] ? XCB_ATOM_CARDINAL : XCB_NONE;
	property->value_len = x.icon[0] ? sizeof(x.icon) / 4 : 0;
	memcpy(property + 1, x.icon, sizeof(x.icon));
	*reply = property;
	*error = NULL;
	return 1;
}

/* What X is told of the window's size. */
static struct {
	uint32_t width, height;
} configured;

xcb_void_cookie_t xcb_configure_window(
	xcb_connection_t *c, xcb_window_t window, uint16_t mask, const void *values)
{
	const uint32_t *words = values;
	configured.width = words[2];
	configured.height = words[3];
	return (xcb_void_cookie_t){0};
}

xcb_void_cookie_t xcb_change_property(xcb_connection_t *c, uint8_t mode, xcb_window_t window,
	xcb_atom_t property, xcb_atom_t type, uint8_t format, uint32_t n, const void *data)
{
	return (xcb_void_cookie_t){0};
}

/* A compositor that writes down what it is asked for: the names of requests, and pixels. */
struct world {
	struct session session;
	struct surface surface;
	struct window *window;
	char log[2048];
	uint32_t pixels[SIZE * SIZE];
};

static int handle_send(void *data, enum relay_end to, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct world *world = data;
	uint32_t header[2];
	memcpy(header, bytes, sizeof(header));
	if (n_handles > 0) {
		ssize_t n = pread(handles[0].fd, world->pixels, sizeof(world->pixels), 0);
		assert_int_equal(n, sizeof(world->pixels));
		/* As libwayland maps it. */
		void *map = mmap(NULL, sizeof(world->pixels), PROT_READ | PROT_WRITE, MAP_SHARED,
			handles[0].fd, 0);
		assert_ptr_not_equal(map, MAP_FAILED);
		munmap(map, sizeof(world->pixels));
		close(handles[0].fd);
	}
	if (to != RELAY_UP)
		return 0;
	const struct relay_object *object =
		relay_object_at(world->session.relay, RELAY_UP, header[0]);
	assert_non_null(object);
	const char *name = object->interface->wl->methods[header[1] & 0xffff].name;
	size_t used = strlen(world->log);
	snprintf(world->log + used, sizeof(world->log) - used, "%s.%s ",
		object->interface->wl->name, name);
	return 0;
}

static struct relay_object *bind(struct session *session, const char *name)
{
	struct relay_object *registry = relay_object_at(session->relay, RELAY_DOWN, 2);
	struct relay_object *object = relay_object_create(session->relay, interface_find(name), 1);
	session_send(session, registry, "bind",
		(union wire_arg[]){{.u = 1}, {.s = name}, {.u = 1}, {.object = object}});
	return object;
}

static struct window *make_surface(struct world *world, struct surface *surface, xcb_window_t id)
{
	struct session *session = &world->session;
	surface->session = session;
	surface->object = session_make(session, "wl_surface", bind(session, "wl_compositor"),
		"create_surface", (union wire_arg[]){{0}}, 0);
	relay_ref_set(&surface->xdg,
		session_make(session, "xdg_surface", bind(session, "xdg_wm_base"),
			"get_xdg_surface", (union wire_arg[]){{0}, {.object = surface->object}},
			0));
	surface->window = window_create(session, id);
	surface->window->surface = surface;
	wl_list_insert(&session->surfaces, &surface->link);
	return surface->window;
}

static void set_up(struct world *world)
{
	static const struct relay_hook *const tables[] = {NULL};
	static const struct relay_ops ops = {.send = handle_send};
	static const uint32_t get_registry[] = {1, 12 << 16 | 1, 2};
	static struct relay_hooks *hooks;
	struct session *session = &world->session;
	if (!hooks)
		hooks = relay_hooks_create(tables);
	memset(world, 0, sizeof(*world));
	memset(&x, 0, sizeof(x));
	session->scale = SCALE_ONE;
	wl_list_init(&session->surfaces);
	wl_list_init(&session->outputs);
	windows_init(&session->windows);
	replies_init(&session->replies, session);
	session->atoms[ATOM__NET_WM_STATE_MODAL] = MODAL;
	session->relay = relay_create(hooks, &ops, world, "test", 0);
	assert_non_null(session->relay);
	relay_push(session->relay, RELAY_DOWN, (const uint8_t *)get_registry, sizeof(get_registry),
		NULL, 0);
	relay_ref_set(&session->shm, bind(session, "wl_shm"));
	relay_ref_set(&session->icons, bind(session, "xdg_toplevel_icon_manager_v1"));
	relay_ref_set(&session->dialogs, bind(session, "xdg_wm_dialog_v1"));
	world->window = make_surface(world, &world->surface, WINDOW);
	session->x = (xcb_connection_t *)&x;
	session->replies.x = session->x;
	world->log[0] = '\0';
}

static void tear_down(struct world *world)
{
	struct session *session = &world->session;
	replies_finish(&session->replies);
	relay_destroy(session->relay);
	windows_finish(&session->windows);
}

/* The compositor answers the last wl_display.sync. */
static void compositor_is_done(struct session *session)
{
	const uint32_t done[] = {session->icon_sync.callback.object->id[RELAY_UP], 12 << 16, 0};
	relay_push(session->relay, RELAY_UP, (const uint8_t *)done, sizeof(done), NULL, 0);
	assert_null(relay_failure(session->relay));
}

static void an_icon_is_shown_and_nothing_of_it_kept(void **state)
{
	struct world world;
	set_up(&world);
	x.icon[0] = x.icon[1] = SIZE;
	x.icon[2] = 0x80ff4000;
	toplevel_create(&world.surface);
	assert_int_equal(x.asked, 1);
	assert_int_equal(x.window, WINDOW);
	world.surface.shown = true;
	world.log[0] = '\0';
	replies_poll(&world.session.replies);
	assert_string_equal(world.log,
		"wl_shm.create_pool wl_shm_pool.create_buffer wl_shm_pool.destroy "
		"xdg_toplevel_icon_manager_v1.create_icon xdg_toplevel_icon_v1.add_buffer "
		"xdg_toplevel_icon_manager_v1.set_icon xdg_toplevel_icon_v1.destroy "
		"wl_buffer.destroy wl_surface.commit wl_display.sync ");
	assert_int_equal(world.pixels[0], 0x80802000);
	assert_int_equal(world.pixels[1], 0);
	tear_down(&world);
}

/* However often it changes, one is under way. */
static void icons_come_as_fast_as_the_compositor_takes_them(void **state)
{
	struct world world;
	set_up(&world);
	x.icon[0] = x.icon[1] = SIZE;
	toplevel_create(&world.surface);
	replies_poll(&world.session.replies);
	x.icon[0] = 0;
	for (int i = 0; i < 100; i++)
		icon_load(&world.surface);
	assert_int_equal(x.asked, 1);
	compositor_is_done(&world.session);
	assert_int_equal(x.asked, 2);
	world.log[0] = '\0';
	replies_poll(&world.session.replies);
	/* The window has none any more. */
	assert_string_equal(world.log, "xdg_toplevel_icon_manager_v1.set_icon wl_display.sync ");
	compositor_is_done(&world.session);
	assert_int_equal(x.asked, 2);
	tear_down(&world);
}

/* A window that changes its icon all the time does not keep others from having theirs. */
static void icons_come_in_turn(void **state)
{
	struct world world;
	struct surface second = {0};
	set_up(&world);
	struct window *window = make_surface(&world, &second, WINDOW + 1);
	toplevel_create(&second);
	assert_int_equal(x.window, WINDOW + 1);
	toplevel_create(&world.surface);
	for (int i = 0; i < 4; i++) {
		icon_load(&second);
		icon_load(&second);
		icon_load(&world.surface);
		replies_poll(&world.session.replies);
		compositor_is_done(&world.session);
		assert_int_equal(x.window, i % 2 ? WINDOW + 1 : WINDOW);
	}
	/* None has an icon: there is nothing to commit. */
	second.shown = true;
	world.log[0] = '\0';
	replies_poll(&world.session.replies);
	assert_string_equal(world.log, "wl_display.sync ");
	window->surface = NULL;
	tear_down(&world);
}

static void an_icon_of_a_window_that_went_is_nobodys(void **state)
{
	struct world world;
	set_up(&world);
	x.icon[0] = x.icon[1] = SIZE;
	toplevel_create(&world.surface);
	world.window->surface = NULL;
	world.log[0] = '\0';
	replies_poll(&world.session.replies);
	assert_string_equal(world.log, "wl_display.sync ");
	tear_down(&world);
}

static void a_modal_dialog_is_one_while_it_says_so(void **state)
{
	struct world world;
	set_up(&world);
	atom_list_set(&world.window->hints.states, MODAL, true);
	toplevel_create(&world.surface);
	assert_non_null(
		strstr(world.log, "xdg_wm_dialog_v1.get_xdg_dialog xdg_dialog_v1.set_modal "));
	world.log[0] = '\0';
	atom_list_set(&world.window->hints.states, MODAL, false);
	toplevel_hint_changed(&world.surface, WINDOW_STATES);
	assert_string_equal(world.log, "xdg_dialog_v1.unset_modal ");
	tear_down(&world);

	set_up(&world);
	toplevel_create(&world.surface);
	assert_null(strstr(world.log, "xdg_dialog"));
	tear_down(&world);
}

static void assert_configured(struct world *world, uint32_t states, int32_t width, int32_t height,
	uint32_t x_width, uint32_t x_height)
{
	world->surface.pending =
		(struct configure){.width = width, .height = height, .states = states};
	toplevel_configure(&world->surface);
	assert_int_equal(configured.width, x_width);
	assert_int_equal(configured.height, x_height);
}

/* A terminal has whole characters while the user resizes it, at any scale; what the compositor
 * insists on counts. */
static void sizes_are_whole_steps_while_the_user_resizes(void **state)
{
	struct world world;
	set_up(&world);
	world.window->box = (struct box){0, 0, 84, 44};
	world.window->hints.size = (struct size_hints){.min_width = 14,
		.min_height = 24,
		.base_width = 4,
		.base_height = 4,
		.width_step = 10,
		.height_step = 20};
	toplevel_create(&world.surface);
	assert_configured(&world, STATE_RESIZING, 99, 99, 94, 84);
	assert_configured(&world, STATE_RESIZING, 5, 5, 14, 24);
	assert_configured(&world, 0, 99, 99, 99, 99);
	assert_configured(&world, STATE_RESIZING | STATE_TILED, 97, 97, 97, 97);
	assert_configured(&world, STATE_MAXIMIZED, 640, 479, 640, 479);
	world.session.scale = 2 * SCALE_ONE;
	assert_configured(&world, STATE_RESIZING, 99, 99, 194, 184);
	tear_down(&world);
}

static void forget(struct world *world, const struct relay_ref *ref)
{
	assert_non_null(ref->object);
	const uint32_t delete_id[] = {1, 12 << 16 | 1, ref->object->id[RELAY_UP]};
	relay_push(world->session.relay, RELAY_UP, (const uint8_t *)delete_id, sizeof(delete_id),
		NULL, 0);
	assert_null(ref->object);
}

/* A compositor may say that it has forgotten an object that nobody has destroyed. */
static void objects_that_the_compositor_forgets_are_not_used(void **state)
{
	struct world world;
	set_up(&world);
	toplevel_create(&world.surface);
	forget(&world, &world.surface.toplevel);
	world.log[0] = '\0';
	atom_list_set(&world.window->hints.states, MODAL, true);
	toplevel_hint_changed(&world.surface, WINDOW_SIZE);
	toplevel_hint_changed(&world.surface, WINDOW_STATES);
	icon_load(&world.surface);
	assert_string_equal(world.log, "");
	tear_down(&world);
}

static void globals_that_the_compositor_forgets_are_not_used(void **state)
{
	struct world world;
	set_up(&world);
	toplevel_create(&world.surface);
	forget(&world, &world.session.shm);
	forget(&world, &world.session.icons);
	forget(&world, &world.session.dialogs);
	x.icon[0] = x.icon[1] = SIZE;
	atom_list_set(&world.window->hints.states, MODAL, true);
	world.log[0] = '\0';
	toplevel_hint_changed(&world.surface, WINDOW_STATES);
	replies_poll(&world.session.replies); /* an icon was asked for */
	icon_load(&world.surface);
	assert_string_equal(world.log, "wl_display.sync ");
	tear_down(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_icon_is_shown_and_nothing_of_it_kept),
		cmocka_unit_test(icons_come_as_fast_as_the_compositor_takes_them),
		cmocka_unit_test(icons_come_in_turn),
		cmocka_unit_test(an_icon_of_a_window_that_went_is_nobodys),
		cmocka_unit_test(a_modal_dialog_is_one_while_it_says_so),
		cmocka_unit_test(sizes_are_whole_steps_while_the_user_resizes),
		cmocka_unit_test(objects_that_the_compositor_forgets_are_not_used),
		cmocka_unit_test(globals_that_the_compositor_forgets_are_not_used),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
