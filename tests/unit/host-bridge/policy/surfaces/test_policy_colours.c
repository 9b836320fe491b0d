/* host-bridge/policy/surfaces/policy_colours.c: profiles as contents, looked at, and charged. */
#include "host-bridge/policy/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/pixels/icc_profile.h"
#include "tests/unit/policy_world.h"
#include "tests/unit/profile.h"

#define CREATOR "wp_image_description_creator_icc_v1"
#define DESCRIPTION "wp_image_description_v1"
#define MEMORY_BYTES 8192
#define PROFILE_AT 100

static struct {
	int memfd;
	struct resource memory;
	struct pair compositor, manager;
	uint8_t profile[PROFILE_BYTES];
} t;

static void write_profile(void)
{
	assert_int_equal(pwrite(t.memfd, t.profile, PROFILE_BYTES, PROFILE_AT), PROFILE_BYTES);
}

static int set_up_colours(void **state)
{
	set_up(state);
	memset(&t, 0, sizeof(t));
	t.memfd = fd_memfd("memory", MEMORY_BYTES);
	t.memory = (struct resource){
		.kind = RESOURCE_BLOB_HOST, .size = MEMORY_BYTES, .fd = t.memfd, .fd_owned = true};
	profile_make(t.profile);
	write_profile();
	t.compositor = bind_global("wl_compositor");
	t.manager = bind_global("wp_color_manager_v1");
	return 0;
}

static int tear_down_colours(void **state)
{
	relay_destroy(world.relay);
	world.relay = NULL;
	fd_close(&t.memfd);
	return tear_down(state);
}

static void again(void **state)
{
	tear_down_colours(state);
	set_up_colours(state);
}

static uint32_t new_creator(void)
{
	uint32_t id = world.next_id++;
	request("wp_color_manager_v1", "create_icc_creator", t.manager.down, ARGS({.id = id}));
	captured_clear(&world.sent[RELAY_UP]);
	return id;
}

static int set_file(uint32_t creator, struct wire_handle handle, uint32_t offset, uint32_t length)
{
	return push(RELAY_DOWN, CREATOR, "set_icc_file", creator,
		ARGS({.i = 0}, {.u = offset}, {.u = length}), handle);
}

static uint32_t create(uint32_t creator)
{
	uint32_t id = world.next_id++;
	request(CREATOR, "create", creator, ARGS({.id = id}));
	return id;
}

static uint64_t charged(void)
{
	return world.quota.entries[QUOTA_PROFILE_BYTES].use;
}

/* The compositor gets @size bytes in memory that nobody can change. */
static void expect_contents(const uint8_t *bytes, uint32_t size)
{
	uint8_t got[4096];
	struct stat status;

	take_up(CREATOR, "set_icc_file");
	int fd = args[0].handle.fd;
	assert_int_equal(args[0].handle.kind, WIRE_FD);
	assert_int_equal(args[1].u, 0);
	assert_int_equal(args[2].u, size);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_size, size);
	assert_int_equal(fcntl(fd, F_GET_SEALS) & (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW),
		F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
	assert_int_equal(pread(fd, got, sizeof(got), 0), size);
	assert_memory_equal(got, bytes, size);
	wire_handle_finish(&args[0].handle);
}

static void a_profile_crosses_as_contents(void **state)
{
	uint32_t creator = new_creator();
	assert_int_equal(set_file(creator, blob_handle(&t.memory), PROFILE_AT, PROFILE_BYTES), 0);
	expect_contents(t.profile, PROFILE_BYTES);
	assert_int_equal(world.refs, 0); /* nothing of the guest's is kept */
}

static const uint8_t none[ICC_PROFILE_HEADER_BYTES];

/* The compositor says itself that a profile is none. */
static void what_is_no_profile_fails_at_the_compositor(void **state)
{
	for (size_t at = 0; at < 144; at++) {
		static const size_t checked[] = {0, 8, 12, 36, 128, 136, 140};
		bool matters = false;
		for (size_t i = 0; i < ARRAY_LENGTH(checked); i++)
			matters |= at == checked[i];
		if (!matters)
			continue;
		profile_make(t.profile);
		t.profile[at] ^= 0xff;
		write_profile();
		assert_int_equal(
			set_file(new_creator(), blob_handle(&t.memory), PROFILE_AT, PROFILE_BYTES),
			0);
		expect_contents(none, sizeof(none));
	}
}

static void one_that_is_too_large_or_not_there_fails_likewise(void **state)
{
	assert_int_equal(
		set_file(new_creator(), blob_handle(&t.memory), 0, ICC_PROFILE_MAX_BYTES + 1), 0);
	expect_contents(none, sizeof(none));
	assert_int_equal(ftruncate(t.memfd, MEMORY_BYTES), 0);
	t.memory.fd = -1;
	t.memory.fd_owned = false; /* it has no memory yet */
	assert_int_equal(
		set_file(new_creator(), blob_handle(&t.memory), PROFILE_AT, PROFILE_BYTES), 0);
	expect_contents(none, sizeof(none));
}

static void what_cannot_be_is_the_guests_error(void **state)
{
	static const struct {
		uint32_t offset, length, code;
	} cases[] = {
		{PROFILE_AT, 0, 3},
		{PROFILE_AT, 32000001, 3},
		{PROFILE_AT, UINT32_MAX, 3},
		{MEMORY_BYTES - PROFILE_BYTES + 1, PROFILE_BYTES, 4},
		{UINT32_MAX, PROFILE_BYTES, 4},
		{0, MEMORY_BYTES + 1, 4},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		uint32_t creator = new_creator();
		assert_int_equal(
			set_file(creator, blob_handle(&t.memory), cases[i].offset, cases[i].length),
			-EPROTO);
		expect_error(creator, cases[i].code);
		again(state);
	}
}

/* Nobody reads from what a guest can hold back, nor gets the file itself. */
static void pipes_and_files_are_no_profiles(void **state)
{
	for (int kind = 0; kind < 2; kind++) {
		int ends[2];
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		uint32_t creator = new_creator();
		assert_int_equal(set_file(creator, wire_handle_fd(fd_dup(kind ? ends[0] : t.memfd)),
					 PROFILE_AT, PROFILE_BYTES),
			-EPROTO);
		expect_error(creator, 2);
		fd_close(&ends[0]);
		fd_close(&ends[1]);
		again(state);
	}
}

static void a_second_profile_is_an_error(void **state)
{
	uint32_t creator = new_creator();
	set_file(creator, blob_handle(&t.memory), PROFILE_AT, PROFILE_BYTES);
	captured_clear(&world.sent[RELAY_UP]);
	assert_int_equal(
		set_file(creator, blob_handle(&t.memory), PROFILE_AT, PROFILE_BYTES), -EPROTO);
	expect_error(creator, 1);
}

static uint32_t describe(void)
{
	uint32_t creator = new_creator();
	assert_int_equal(set_file(creator, blob_handle(&t.memory), PROFILE_AT, PROFILE_BYTES), 0);
	uint32_t description = create(creator);
	captured_clear(&world.sent[RELAY_UP]);
	return description;
}

static void a_profile_is_charged_as_long_as_somebody_has_it(void **state)
{
	uint32_t description = describe(), surface = world.next_id++, colours = world.next_id++;
	assert_int_equal(charged(), PROFILE_BYTES);
	request("wl_compositor", "create_surface", t.compositor.down, ARGS({.id = surface}));
	request("wp_color_manager_v1", "get_surface", t.manager.down,
		ARGS({.id = colours}, {.id = surface}));
	request("wp_color_management_surface_v1", "set_image_description", colours,
		ARGS({.id = description}, {.u = 0}));
	assert_int_equal(charged(), 2 * PROFILE_BYTES);
	request(DESCRIPTION, "destroy", description, ARGS({0}));
	assert_int_equal(charged(), PROFILE_BYTES);
	request("wp_color_management_surface_v1", "unset_image_description", colours, ARGS({0}));
	assert_int_equal(charged(), PROFILE_BYTES); /* it waits for a commit */
	request("wl_surface", "destroy", surface, ARGS({0}));
	assert_int_equal(charged(), 0);
	/* One that never becomes a description goes with its creator, at the latest. */
	set_file(new_creator(), blob_handle(&t.memory), PROFILE_AT, PROFILE_BYTES);
	assert_int_equal(charged(), PROFILE_BYTES);
}

static void a_machine_has_so_many_bytes_of_profiles(void **state)
{
	quota_set(&world.quota, "profile-bytes", "400");
	describe();
	describe();
	assert_int_equal(set_file(new_creator(), blob_handle(&t.memory), PROFILE_AT, PROFILE_BYTES),
		-EPROTO);
	expect_error(1, WL_DISPLAY_ERROR_NO_MEMORY);
	assert_non_null(strstr(args[2].s, "limit of profile-bytes (400)"));
}

/* The compositor's own profile: what is in the file, as a copy (which the context makes). */
static void profiles_of_outputs_cross_as_files_only(void **state)
{
	static const bool is_file[] = {true, false};
	for (size_t i = 0; i < ARRAY_LENGTH(is_file); i++) {
		struct pair output = bind_global("wl_output");
		uint32_t colours = world.next_id++, description = world.next_id++,
			 information = world.next_id++;
		int ends[2];
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		request("wp_color_manager_v1", "get_output", t.manager.down,
			ARGS({.id = colours}, {.id = output.down}));
		request("wp_color_management_output_v1", "get_image_description", colours,
			ARGS({.id = description}));
		captured_clear(&world.sent[RELAY_UP]);
		request(DESCRIPTION, "get_information", description, ARGS({.id = information}));
		take_up(DESCRIPTION, "get_information");
		assert_int_equal(push(RELAY_UP, "wp_image_description_info_v1", "icc_file",
					 args[0].id, ARGS({.i = 0}, {.u = PROFILE_BYTES}),
					 wire_handle_fd(fd_dup(is_file[i] ? t.memfd : ends[0]))),
			0);
		captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wp_image_description_info_v1",
			"icc_file", information, args);
		struct stat status;
		assert_int_equal(fstat(args[0].handle.fd, &status), 0);
		assert_int_equal(status.st_size, is_file[i] ? MEMORY_BYTES : 0);
		assert_true(S_ISREG(status.st_mode));
		wire_handle_finish(&args[0].handle);
		fd_close(&ends[0]);
		fd_close(&ends[1]);
		again(state);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_colours, tear_down_colours)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_profile_crosses_as_contents),
		TEST(what_is_no_profile_fails_at_the_compositor),
		TEST(one_that_is_too_large_or_not_there_fails_likewise),
		TEST(what_cannot_be_is_the_guests_error),
		TEST(pipes_and_files_are_no_profiles),
		TEST(a_second_profile_is_an_error),
		TEST(a_profile_is_charged_as_long_as_somebody_has_it),
		TEST(a_machine_has_so_many_bytes_of_profiles),
		TEST(profiles_of_outputs_cross_as_files_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
