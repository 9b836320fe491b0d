/* protocol/interfaces/interfaces.c and the generated table. */
#include "protocol/interfaces/interfaces.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "protocol/relay/relay.h"

static int find_message(const struct wl_message *messages, int count, const char *name)
{
	for (int i = 0; i < count; i++) {
		if (strcmp(messages[i].name, name) == 0)
			return i;
	}
	return -1;
}

static void the_table_is_sorted_without_repeats(void **state)
{
	assert_true(n_interfaces > 100);
	for (size_t i = 0; i < n_interfaces; i++) {
		assert_int_equal(interfaces[i].index, i);
		if (i > 0)
			assert_true(strcmp(interfaces[i - 1].wl->name, interfaces[i].wl->name) < 0);
	}
}

static void each_interface_is_found_by_name_and_by_pointer(void **state)
{
	for (size_t i = 0; i < n_interfaces; i++) {
		assert_ptr_equal(interface_find(interfaces[i].wl->name), &interfaces[i]);
		assert_ptr_equal(interface_of(interfaces[i].wl), &interfaces[i]);
	}
}

static void what_is_not_there_is_not_found(void **state)
{
	assert_null(interface_find(""));
	assert_null(interface_find("wl_surfac"));
	assert_null(interface_find("wl_surfacee"));
	assert_null(interface_find("zzz"));
	assert_null(interface_of(NULL));
	const struct wl_interface unknown = {"an_interface_of_the_future", 1, 0, NULL, 0, NULL};
	assert_null(interface_of(&unknown));
}

static void a_copy_of_an_interface_is_found_by_its_name(void **state)
{
	struct wl_interface copy = *interface_find("wl_surface")->wl;
	assert_ptr_equal(interface_of(&copy), interface_find("wl_surface"));
}

static void every_interface_that_a_message_mentions_is_in_the_table(void **state)
{
	for (size_t i = 0; i < n_interfaces; i++) {
		const struct wl_interface *wl = interfaces[i].wl;
		for (int m = 0; m < wl->method_count + wl->event_count; m++) {
			const struct wl_message *message = m < wl->method_count
				? &wl->methods[m]
				: &wl->events[m - wl->method_count];
			size_t n_args = 0;
			for (const char *s = message->signature; *s; s++)
				n_args += *s != '?' && !(*s >= '0' && *s <= '9');
			for (size_t a = 0; a < n_args; a++) {
				if (message->types[a])
					assert_ptr_equal(interface_of(message->types[a])->wl,
						message->types[a]);
			}
		}
	}
}

static void destructors_are_marked(void **state)
{
	static const struct {
		const char *interface, *message;
		bool is_event, destructor;
	} cases[] = {
		{"wl_callback", "done", true, true},
		{"wl_surface", "destroy", false, true},
		{"wl_surface", "attach", false, false},
		{"wl_keyboard", "release", false, true},
		{"wl_seat", "get_pointer", false, false},
		{"wl_display", "delete_id", true, false},
		{"xdg_toplevel", "destroy", false, true},
		{"xdg_toplevel", "close", true, false},
		{"wp_presentation_feedback", "presented", true, true},
		{"wp_presentation_feedback", "discarded", true, true},
		{"wp_presentation_feedback", "sync_output", true, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct interface *interface = interface_find(cases[i].interface);
		assert_non_null(interface);
		const struct wl_interface *wl = interface->wl;
		int opcode = cases[i].is_event
			? find_message(wl->events, wl->event_count, cases[i].message)
			: find_message(wl->methods, wl->method_count, cases[i].message);
		assert_true(opcode >= 0);
		uint64_t mask = cases[i].is_event ? interface->destructor_events
						  : interface->destructor_requests;
		assert_int_equal(mask >> opcode & 1, cases[i].destructor);
	}
}

static void protocols_of_every_stage_are_there(void **state)
{
	static const char *const names[] = {"wl_compositor", "xdg_wm_base", "wp_viewporter",
		"xdg_activation_v1", "wp_fractional_scale_manager_v1", "zwp_linux_dmabuf_v1",
		"zwp_primary_selection_device_manager_v1", "zwp_tablet_manager_v2",
		"zxdg_decoration_manager_v1"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_non_null(interface_find(names[i]));
	/* The stable one, not that of xdg-shell-unstable-v5. */
	assert_true(interface_find("xdg_surface")->wl->version >= 2);
}

/*
 * What xml/ describes for builds with older wayland-protocols is what newer ones have: requests in
 * order, with their signatures. (None of them has events.)
 */
static void what_we_describe_ourselves_is_what_wayland_protocols_have(void **state)
{
	static const struct {
		const char *interface;
		const char *requests[4][2]; /* name and signature */
	} cases[] = {
		{"wp_alpha_modifier_v1", {{"destroy", ""}, {"get_surface", "no"}}},
		{"wp_alpha_modifier_surface_v1", {{"destroy", ""}, {"set_multiplier", "u"}}},
		{"wp_commit_timing_manager_v1", {{"destroy", ""}, {"get_timer", "no"}}},
		{"wp_commit_timer_v1", {{"set_timestamp", "uuu"}, {"destroy", ""}}},
		{"wp_cursor_shape_manager_v1",
			{{"destroy", ""}, {"get_pointer", "no"}, {"get_tablet_tool_v2", "no"}}},
		{"wp_cursor_shape_device_v1", {{"destroy", ""}, {"set_shape", "uu"}}},
		{"wp_fifo_manager_v1", {{"destroy", ""}, {"get_fifo", "no"}}},
		{"wp_fifo_v1", {{"set_barrier", ""}, {"wait_barrier", ""}, {"destroy", ""}}},
		{"wp_linux_drm_syncobj_manager_v1",
			{{"destroy", ""}, {"get_surface", "no"}, {"import_timeline", "nh"}}},
		{"wp_linux_drm_syncobj_timeline_v1", {{"destroy", ""}}},
		{"wp_linux_drm_syncobj_surface_v1",
			{{"destroy", ""}, {"set_acquire_point", "ouu"},
				{"set_release_point", "ouu"}}},
		{"xdg_wm_dialog_v1", {{"destroy", ""}, {"get_xdg_dialog", "no"}}},
		{"xdg_dialog_v1", {{"destroy", ""}, {"set_modal", ""}, {"unset_modal", ""}}},
		{"xdg_system_bell_v1", {{"destroy", ""}, {"ring", "?o"}}},
		{"xdg_toplevel_drag_manager_v1",
			{{"destroy", ""}, {"get_xdg_toplevel_drag", "no"}}},
		{"xdg_toplevel_drag_v1", {{"destroy", ""}, {"attach", "oii"}}},
		{"xdg_toplevel_tag_manager_v1",
			{{"destroy", ""}, {"set_toplevel_tag", "os"},
				{"set_toplevel_description", "os"}}},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct interface *interface = interface_find(cases[i].interface);
		assert_non_null(interface);
		const struct wl_interface *wl = interface->wl;
		assert_int_equal(wl->event_count, 0);
		for (int m = 0; m < wl->method_count; m++) {
			assert_true(m < 4);
			assert_string_equal(wl->methods[m].name, cases[i].requests[m][0]);
			assert_string_equal(wl->methods[m].signature, cases[i].requests[m][1]);
			assert_int_equal(interface->destructor_requests >> m & 1,
				strcmp(wl->methods[m].name, "destroy") == 0);
		}
		assert_true(wl->method_count == 4 || !cases[i].requests[wl->method_count][0]);
	}
}

static void compare_messages(const struct wl_message *ours, const struct wl_message *theirs, int n)
{
	for (int m = 0; m < n; m++) {
		assert_string_equal(ours[m].name, theirs[m].name);
		assert_string_equal(ours[m].signature, theirs[m].signature);
	}
}

/* Which is in no wayland-protocols to be compared with. */
static void gtks_primary_selection_differs_in_names_only(void **state)
{
	static const char *const names[][2] = {
		{"gtk_primary_selection_device_manager", "zwp_primary_selection_device_manager_v1"},
		{"gtk_primary_selection_device", "zwp_primary_selection_device_v1"},
		{"gtk_primary_selection_offer", "zwp_primary_selection_offer_v1"},
		{"gtk_primary_selection_source", "zwp_primary_selection_source_v1"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct interface *ours = interface_find(names[i][0]),
				       *theirs = interface_find(names[i][1]);
		assert_int_equal(ours->wl->method_count, theirs->wl->method_count);
		assert_int_equal(ours->wl->event_count, theirs->wl->event_count);
		assert_int_equal(ours->destructor_requests, theirs->destructor_requests);
		compare_messages(ours->wl->methods, theirs->wl->methods, ours->wl->method_count);
		compare_messages(ours->wl->events, theirs->wl->events, ours->wl->event_count);
	}
}

/* Whatever wayland and wayland-protocols the build has. */
static void versions_that_were_reviewed_are_there(void **state)
{
	static const struct {
		const char *interface;
		int version;
	} cases[] = {{"wl_compositor", 7}, {"wl_surface", 7}, {"wl_region", 7}, {"wl_seat", 11},
		{"wl_pointer", 11}, {"wl_shm", 3}, {"wl_data_device_manager", 4},
		{"xdg_wm_base", 7}, {"xdg_toplevel", 7}, {"wp_presentation", 2},
		{"zwp_linux_dmabuf_v1", 6}, {"zwp_tablet_manager_v2", 2},
		{"zwp_tablet_pad_dial_v2", 2}, {"zwp_text_input_v3", 2},
		{"zxdg_decoration_manager_v1", 2}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_true(interface_find(cases[i].interface)->wl->version >= cases[i].version);
	/* In their order: numbers of messages are what they have on the wire. */
	assert_int_equal(
		relay_opcode(interface_find("wl_surface"), RELAY_UP, "preferred_buffer_scale"), 2);
	assert_int_equal(
		relay_opcode(interface_find("wl_surface"), RELAY_UP, "preferred_buffer_transform"),
		3);
	assert_int_equal(relay_opcode(interface_find("wl_surface"), RELAY_DOWN, "get_release"), 11);
	assert_int_equal(
		relay_opcode(interface_find("wl_pointer"), RELAY_UP, "axis_relative_direction"),
		10);
	assert_int_equal(relay_opcode(interface_find("wl_pointer"), RELAY_UP, "warp"), 11);
	assert_int_equal(relay_opcode(interface_find("zwp_linux_buffer_params_v1"), RELAY_DOWN,
				 "set_sampling_device"),
		4);
	assert_int_equal(
		relay_opcode(interface_find("zwp_text_input_v3"), RELAY_DOWN, "show_input_panel"),
		9);
	assert_int_equal(
		relay_opcode(interface_find("zwp_text_input_v3"), RELAY_UP, "preedit_hint"), 8);
	assert_int_equal(
		relay_opcode(interface_find("zwp_tablet_pad_group_v2"), RELAY_UP, "dial"), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_sorted_without_repeats),
		cmocka_unit_test(each_interface_is_found_by_name_and_by_pointer),
		cmocka_unit_test(what_is_not_there_is_not_found),
		cmocka_unit_test(a_copy_of_an_interface_is_found_by_its_name),
		cmocka_unit_test(every_interface_that_a_message_mentions_is_in_the_table),
		cmocka_unit_test(destructors_are_marked),
		cmocka_unit_test(protocols_of_every_stage_are_there),
		cmocka_unit_test(versions_that_were_reviewed_are_there),
		cmocka_unit_test(gtks_primary_selection_differs_in_names_only),
		cmocka_unit_test(what_we_describe_ourselves_is_what_wayland_protocols_have),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
