/* host-bridge/policy/policy_texts.c */
#include "host-bridge/policy/policy_texts.h"

#include <errno.h>
#include <string.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "tests/unit/policy_world.h"

/* --- the table --- */

static bool reached[1024]; /* by struct interface.index */

static void reach(const struct interface *interface);

static void reach_new_objects(const struct wl_message *messages, int n)
{
	for (int i = 0; i < n; i++) {
		struct wire_signature signature;
		wire_signature_parse(messages[i].signature, &signature);
		for (size_t arg = 0; arg < signature.n_args; arg++) {
			if (signature.args[arg].type == 'n')
				reach(interface_of(messages[i].types[arg]));
		}
	}
}

static void reach(const struct interface *interface)
{
	if (!interface || reached[interface->index])
		return;
	reached[interface->index] = true;
	reach_new_objects(interface->wl->methods, interface->wl->method_count);
	reach_new_objects(interface->wl->events, interface->wl->event_count);
}

static size_t lines_for(const char *interface, const char *request)
{
	size_t n = 0;
	for (const struct policy_text *text = policy_texts; text->interface; text++)
		n += strcmp(text->interface, interface) == 0 && strcmp(text->request, request) == 0;
	return n;
}

static void every_text_that_a_guest_can_send_is_in_the_table(void **state)
{
	unsigned missing = 0, found = 0;

	assert_true(n_interfaces <= ARRAY_LENGTH(reached));
	reach(interface_find("wl_display"));
	for (size_t i = 0; i < n_interfaces; i++) {
		uint32_t version = 1;
		policy_set_rule(&world.policy, interfaces[i].wl->name, "allow"); /* if it can be */
		if (policy_allow_global(&world.policy, &interfaces[i], &version))
			reach(&interfaces[i]);
	}
	for (size_t i = 0; i < n_interfaces; i++) {
		const struct wl_interface *wl = interfaces[i].wl;
		for (int j = 0; reached[i] && j < wl->method_count; j++) {
			if (!strchr(wl->methods[j].signature, 's'))
				continue;
			found++;
			if (lines_for(wl->name, wl->methods[j].name) == 1)
				continue;
			print_error("%s.%s\n", wl->name, wl->methods[j].name);
			missing++;
		}
	}
	assert_true(found > 15);
	assert_int_equal(missing, 0);
}

/* Those that pass, or that are dropped whole, may have several. */
static bool changes_the_text(const struct policy_text *text)
{
	return text->function && strcmp(text->request, "set_dbus_properties") != 0 &&
		strcmp(text->request, "set_a11y_properties") != 0;
}

static void every_line_of_the_table_names_its_text(void **state)
{
	for (const struct policy_text *text = policy_texts; text->interface; text++) {
		const struct interface *interface = interface_find(text->interface);
		struct wire_signature signature;
		size_t n = 0;
		if (!interface)
			continue;
		uint16_t opcode = relay_opcode(interface, RELAY_DOWN, text->request);
		wire_signature_parse(interface->wl->methods[opcode].signature, &signature);
		for (size_t arg = 0; arg < signature.n_args; arg++)
			n += signature.args[arg].type == 's';
		assert_in_range(n, 1, changes_the_text(text) ? 1 : 6);
	}
}

static void no_interface_is_wider_than_it_was_reviewed(void **state)
{
	for (size_t i = 0; i < n_interfaces; i++) {
		uint32_t version = UINT32_MAX;
		if (policy_allow_global(&world.policy, &interfaces[i], &version))
			assert_in_range(version, 1, 11);
	}
	uint32_t version = UINT32_MAX;
	assert_true(policy_allow_global(&world.policy, interface_find("xdg_wm_base"), &version));
	assert_int_equal(version, 7);
}

/* --- marks --- */

static uint32_t create_toplevel(void)
{
	struct pair compositor = bind_global("wl_compositor"), wm_base = bind_global("xdg_wm_base");
	uint32_t surface = world.next_id++, xdg_surface = world.next_id++,
		 toplevel = world.next_id++;

	request("wl_compositor", "create_surface", compositor.down, ARGS({.id = surface}));
	request("xdg_wm_base", "get_xdg_surface", wm_base.down,
		ARGS({.id = xdg_surface}, {.id = surface}));
	request("xdg_surface", "get_toplevel", xdg_surface, ARGS({.id = toplevel}));
	captured_clear(&world.sent[RELAY_UP]);
	return toplevel;
}

static void texts_have_no_characters_that_move_others(void **state)
{
	static const char *const cases[][2] = {
		{"a\tb\x7f"
		 "c",
			"[box] a b c"},
		{"\xc2\x85next line", "[box]  next line"},
		{"\xc2\x9b"
		 "31m",
			"[box]  31m"},
		{"\xe2\x80\xae"
		 "evil",
			"[box]  evil"},
		{"\xe2\x80\x8f\xe2\x80\x8e\xd8\x9c", "[box]    "},
		{"\xe2\x81\xa6\xe2\x81\xa9|", "[box]   |"},
		{"1\xe2\x80\xa8"
		 "2\xe2\x80\xa9"
		 "3",
			"[box] 1 2 3"},
		{"\xc0\x8a\xff", "[box]    "},                /* overlong, invalid */
		{"\xed\xa0\x80\xed\xbf\xbf", "[box]       "}, /* surrogates */
		{"\xe2\x80", "[box]   "},                     /* cut short */
		{"\xed\x95\x9c \xf0\x9f\xa6\x86 \xc3\xa9",
			"[box] \xed\x95\x9c \xf0\x9f\xa6\x86 \xc3\xa9"},
	};
	uint32_t toplevel = create_toplevel();
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		request("xdg_toplevel", "set_title", toplevel, ARGS({.s = cases[i][0]}));
		take_up("xdg_toplevel", "set_title");
		assert_string_equal(args[0].s, cases[i][1]);
	}
	request("xdg_toplevel", "set_app_id", toplevel,
		ARGS({.s = "a\xe2\x80\xae"
			   "b"}));
	take_up("xdg_toplevel", "set_app_id");
	assert_string_equal(args[0].s, "wayferry.box.a b");
}

static void tags_and_descriptions_are_marked(void **state)
{
	uint32_t toplevel = create_toplevel();
	struct pair manager = bind_global("xdg_toplevel_tag_manager_v1");
	request("xdg_toplevel_tag_manager_v1", "set_toplevel_tag", manager.down,
		ARGS({.id = toplevel}, {.s = "main"}));
	take_up("xdg_toplevel_tag_manager_v1", "set_toplevel_tag");
	assert_string_equal(args[1].s, "wayferry.box.main");
	request("xdg_toplevel_tag_manager_v1", "set_toplevel_description", manager.down,
		ARGS({.id = toplevel}, {.s = "Main window"}));
	take_up("xdg_toplevel_tag_manager_v1", "set_toplevel_description");
	assert_string_equal(args[1].s, "[box] Main window");
}

/* --- what compositors keep --- */

static uint32_t create_source(struct pair manager)
{
	uint32_t id = world.next_id++;
	request("wl_data_device_manager", "create_data_source", manager.down, ARGS({.id = id}));
	return id;
}

static int offer(uint32_t source, const char *type)
{
	return push(RELAY_DOWN, "wl_data_source", "offer", source, ARGS({.s = type}), no_handle);
}

static void a_source_has_so_many_types(void **state)
{
	uint32_t source = create_source(bind_global("wl_data_device_manager"));
	for (int i = 0; i < 512; i++)
		assert_int_equal(offer(source, "text/plain"), 0);
	captured_clear(&world.sent[RELAY_UP]);
	assert_int_equal(offer(source, "text/plain"), -EPROTO);
	expect_error(1, 2);
	assert_string_equal(args[2].s, "this machine has reached its limit of mime-types (512)");
}

static void types_of_all_sources_are_charged_until_they_end(void **state)
{
	static char type[1000];
	struct pair manager = bind_global("wl_data_device_manager");
	uint32_t first = create_source(manager), second = create_source(manager);

	memset(type, 'x', sizeof(type) - 1);
	quota_set(&world.quota, "text-bytes", "3000");
	assert_int_equal(offer(first, type), 0);
	assert_int_equal(offer(second, type), 0);
	request("wl_data_source", "destroy", first, ARGS({0}));
	assert_int_equal(offer(second, type), 0);
	captured_clear(&world.sent[RELAY_UP]);
	assert_int_equal(offer(second, type), -EPROTO);
	expect_error(1, 2);
	assert_non_null(strstr(args[2].s, "limit of text-bytes (3000)"));
}

/* --- icons --- */

static struct resource pixels = {.kind = RESOURCE_BLOB_HOST, .fd_owned = true, .size = 1 << 20};

static int set_up_icons(void **state)
{
	set_up_named(state);
	pixels.fd = fd_memfd("pixels", pixels.size);
	return 0;
}

static int tear_down_icons(void **state)
{
	relay_destroy(world.relay);
	world.relay = NULL;
	fd_close(&pixels.fd);
	return tear_down(state);
}

static uint32_t create_icon(struct pair manager)
{
	uint32_t icon = world.next_id++;
	request("xdg_toplevel_icon_manager_v1", "create_icon", manager.down, ARGS({.id = icon}));
	captured_clear(&world.sent[RELAY_UP]);
	return icon;
}

static uint32_t create_picture(int32_t width, int32_t height)
{
	struct pair shm = bind_global("wl_shm");
	uint32_t pool = world.next_id++, buffer = world.next_id++;

	assert_int_equal(
		push(RELAY_DOWN, "wl_shm", "create_pool", shm.down,
			ARGS({.id = pool}, {.i = 0}, {.i = 1 << 20}), blob_handle(&pixels)),
		0);
	request("wl_shm_pool", "create_buffer", pool,
		ARGS({.id = buffer}, {.i = 0}, {.i = width}, {.i = height}, {.i = width * 4},
			{.u = 1}));
	captured_clear(&world.sent[RELAY_UP]);
	return buffer;
}

static int add_picture(uint32_t icon, uint32_t buffer)
{
	return push(RELAY_DOWN, "xdg_toplevel_icon_v1", "add_buffer", icon,
		ARGS({.id = buffer}, {.i = 1}), no_handle);
}

static void an_icon_keeps_its_pictures_and_loses_its_name(void **state)
{
	uint32_t toplevel = create_toplevel();
	struct pair manager = bind_global("xdg_toplevel_icon_manager_v1");
	uint32_t icon = create_icon(manager), picture = create_picture(48, 48);

	request("xdg_toplevel_icon_v1", "set_name", icon, ARGS({.s = "firefox"}));
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	assert_int_equal(add_picture(icon, picture), 0);
	take_up("xdg_toplevel_icon_v1", "add_buffer");
	request("xdg_toplevel_icon_manager_v1", "set_icon", manager.down,
		ARGS({.id = toplevel}, {.id = icon}));
	take_up("xdg_toplevel_icon_manager_v1", "set_icon");
	assert_int_equal(world.quota.entries[QUOTA_ICON_BYTES].use, 2 * 48 * 48 * 4);
	request("xdg_toplevel_icon_v1", "destroy", icon, ARGS({0}));
	assert_int_equal(world.quota.entries[QUOTA_ICON_BYTES].use, 48 * 48 * 4);
}

static void pictures_of_icons_are_charged_however_small(void **state)
{
	uint32_t icon = create_icon(bind_global("xdg_toplevel_icon_manager_v1"));
	uint32_t picture = create_picture(1, 1);

	quota_set(&world.quota, "icon-bytes", "10000");
	assert_int_equal(add_picture(icon, picture), 0);
	assert_int_equal(add_picture(icon, picture), 0);
	captured_clear(&world.sent[RELAY_UP]);
	assert_int_equal(add_picture(icon, picture), -EPROTO);
	expect_error(1, 2);
	assert_non_null(strstr(args[2].s, "limit of icon-bytes (10000)"));
}

static void pictures_of_icons_are_square(void **state)
{
	uint32_t icon = create_icon(bind_global("xdg_toplevel_icon_manager_v1"));
	assert_int_equal(add_picture(icon, create_picture(48, 47)), -EPROTO);
	expect_error(icon, 1); /* invalid_buffer */
}

static void pictures_of_icons_are_in_memory(void **state)
{
	uint32_t icon = create_icon(bind_global("xdg_toplevel_icon_manager_v1"));
	struct pair factory = bind_global("wp_single_pixel_buffer_manager_v1");
	uint32_t pixel = world.next_id++;

	request("wp_single_pixel_buffer_manager_v1", "create_u32_rgba_buffer", factory.down,
		ARGS({.id = pixel}, {.u = 0}, {.u = 0}, {.u = 0}, {.u = 0}));
	captured_clear(&world.sent[RELAY_UP]);
	assert_int_equal(add_picture(icon, pixel), -EPROTO);
	expect_error(icon, 1);
}

/* --- GTK's shell --- */

/* What gtk_shell1 makes of a new surface, both allowed. */
static uint32_t create_gtk_surface(struct pair *shell)
{
	struct pair compositor = bind_global("wl_compositor");

	assert_null(policy_set_rule(&world.policy, "gtk_shell1", "allow"));
	*shell = bind_global("gtk_shell1");
	uint32_t surface = world.next_id++, gtk_surface = world.next_id++;
	request("wl_compositor", "create_surface", compositor.down, ARGS({.id = surface}));
	request("gtk_shell1", "get_gtk_surface", shell->down,
		ARGS({.id = gtk_surface}, {.id = surface}));
	captured_clear(&world.sent[RELAY_UP]);
	return gtk_surface;
}

static void gtk_names_nothing_of_the_host(void **state)
{
	struct pair shell;
	uint32_t surface = create_gtk_surface(&shell);

	request("gtk_surface1", "set_dbus_properties", surface,
		ARGS({.s = "org.gnome.Nautilus"}, {.s = "/menu"}, {.s = NULL}, {.s = "/window/1"},
			{.s = "/org/gnome"}, {.s = ":1.7"}));
	request("gtk_surface1", "set_a11y_properties", surface,
		ARGS({.s = ":1.7"}, {.s = "/a11y"}));
	request("gtk_shell1", "set_startup_id", shell.down, ARGS({.s = "gnome-shell-7_TIME8"}));
	request("gtk_shell1", "notify_launch", shell.down, ARGS({.s = "gnome-shell-7_TIME8"}));
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	request("gtk_surface1", "request_focus", surface, ARGS({.s = "gnome-shell-7_TIME8"}));
	take_up("gtk_surface1", "request_focus");
	assert_null(args[0].s);
	request("gtk_surface1", "set_modal", surface, ARGS({0}));
	take_up("gtk_surface1", "set_modal");
}

static void gtk_rings_where_there_is_a_bell(void **state)
{
	struct pair shell;
	uint32_t surface = create_gtk_surface(&shell);

	request("gtk_shell1", "system_bell", shell.down, ARGS({.id = surface}));
	take_up("gtk_shell1", "system_bell");
	assert_null(policy_set_rule(&world.policy, "bell", "deny"));
	request("gtk_shell1", "system_bell", shell.down, ARGS({.id = surface}));
	assert_int_equal(world.sent[RELAY_UP].size, 0);
}

#define ICON_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_icons, tear_down_icons)
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_named, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_text_that_a_guest_can_send_is_in_the_table),
		TEST(every_line_of_the_table_names_its_text),
		TEST(no_interface_is_wider_than_it_was_reviewed),
		TEST(texts_have_no_characters_that_move_others),
		TEST(tags_and_descriptions_are_marked),
		TEST(a_source_has_so_many_types),
		TEST(types_of_all_sources_are_charged_until_they_end),
		ICON_TEST(an_icon_keeps_its_pictures_and_loses_its_name),
		ICON_TEST(pictures_of_icons_are_charged_however_small),
		ICON_TEST(pictures_of_icons_are_square),
		ICON_TEST(pictures_of_icons_are_in_memory),
		TEST(gtk_names_nothing_of_the_host),
		TEST(gtk_rings_where_there_is_a_bell),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
