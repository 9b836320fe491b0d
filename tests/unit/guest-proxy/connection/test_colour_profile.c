/* guest-proxy/connection/colour_profile.c: files of clients become contents for the host. */
#include "guest-proxy/connection/colour_profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "protocol/pixels/icc_profile.h"
#include "tests/unit/dmabuf_rig.h"
#include "tests/unit/fd_count.h"

#define MANAGER "wp_color_manager_v1"
#define AT 64

static uint8_t contents[ICC_PROFILE_MAX_BYTES];
static uint8_t received[ICC_PROFILE_MAX_BYTES]; /* the last blob that went to the host */
static size_t received_bytes;
static uint32_t manager;
static int file = -1;

static void look(
	void *data, const uint8_t *bytes, size_t size, struct wire_handle *handles, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(handles[i].kind, WIRE_BLOB);
		const struct channel_blob *blob = handles[i].blob;
		received_bytes = min_u64(blob->size, sizeof(received));
		memcpy(received, blob->map, received_bytes);
	}
	deliver_to_host(data, bytes, size, handles, n);
}

static int set_up(void **state)
{
	setup(state);
	for (size_t i = 0; i < sizeof(contents); i++)
		contents[i] = (uint8_t)(i * 7 + i / 251);
	received_bytes = 0;
	fake_channel->send = look;
	file = memfd_create("profile", MFD_CLOEXEC);
	assert_int_equal(pwrite(file, contents, 5000, AT), 5000);
	announce(4);
	tell(host_registry, "global", RIG_ARGS({.u = 12}, {.s = MANAGER}, {.u = 3}));
	manager = bind_global(12, MANAGER, 3);
	expect(&host, "bind 12 " MANAGER " 3 3; ");
	return 0;
}

static int tear_down(void **state)
{
	fd_close(&file);
	return teardown(state);
}

static void once_more(void **state)
{
	tear_down(state);
	set_up(state);
}

static uint32_t new_creator(void)
{
	uint32_t id = rig_new_id(&app.peer);
	ask(manager, "create_icc_creator", RIG_ARGS({.id = id}));
	forget_what_was_said();
	return id;
}

static void set_file(uint32_t creator, int profile, uint32_t offset, uint32_t length)
{
	ask_with(
		creator, "set_icc_file", RIG_ARGS({.i = 0}, {.u = offset}, {.u = length}), profile);
}

static uint32_t create(uint32_t creator)
{
	uint32_t id = rig_new_id(&app.peer);
	ask(creator, "create", RIG_ARGS({.id = id}));
	return id;
}

static void a_file_crosses_as_its_contents(void **state)
{
	uint32_t creator = new_creator();
	set_file(creator, file, AT, 5000);
	expect(&host, "");
	create(creator);
	expect(&host, "set_icc_file blob 0 5000; create 5; ");
	assert_memory_equal(received, contents, 5000);
	expect(&app, "");
}

/* What the client says behind it waits, too, and names the image description. */
static void the_client_waits_for_the_hosts_memory(void **state)
{
	uint32_t compositor = bind_global(COMPOSITOR_GLOBAL, "wl_compositor", 4),
		 surface = rig_new_id(&app.peer), colours = rig_new_id(&app.peer);
	ask(compositor, "create_surface", RIG_ARGS({.id = surface}));
	ask(manager, "get_surface", RIG_ARGS({.id = colours}, {.id = surface}));
	uint32_t creator = new_creator();
	forget_what_was_said();
	fake_channel->memory_pending = true;
	set_file(creator, file, AT, 5000);
	uint32_t description = create(creator);
	ask(colours, "set_image_description", RIG_ARGS({.id = description}, {.u = 0}));
	expect(&host, "");
	fake_channel_memory(0);
	run();
	expect(&host, "set_icc_file blob 0 5000; create 8; set_image_description 8 0; ");
	assert_memory_equal(received, contents, 5000);
	tell(8, "failed", RIG_ARGS({.u = 1}, {.s = "no"}));
	expect(&app, "failed 1 no; ");
}

static void memory_that_the_host_refuses_is_an_error(void **state)
{
	uint32_t creator = new_creator();
	fake_channel->memory_pending = true;
	set_file(creator, file, AT, 5000);
	create(creator);
	fake_channel_memory(-ENOMEM);
	run();
	expect(&app, "error 1 2; ");
}

static void what_cannot_be_is_the_clients_error(void **state)
{
	static const struct {
		uint32_t offset, length, code;
	} cases[] = {{AT, 0, 3}, {AT, 32000001, 3}, {AT + 1, 5000, 4}, {UINT32_MAX, 1, 4},
		{0, AT + 5001, 4}};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		char text[64];
		uint32_t creator = new_creator();
		set_file(creator, file, cases[i].offset, cases[i].length);
		snprintf(text, sizeof(text), "error %u %u; ", creator, cases[i].code);
		expect(&app, text);
		expect(&host, "");
		once_more(state);
	}
}

/* Nobody waits for a pipe that never ends, nor reads what the client cannot read. */
static void what_is_no_file_to_read_is_the_clients_error(void **state)
{
	for (int kind = 0; kind < 4; kind++) {
		int ends[2];
		char path[64], text[64];
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
		int other = kind == 0 ? fd_dup(ends[0])
			: kind == 1   ? open("/dev/zero", O_RDONLY | O_CLOEXEC)
			: kind == 2   ? open(path, O_WRONLY | O_CLOEXEC)
				      : open("/", O_PATH | O_CLOEXEC);
		assert_true(other >= 0);
		uint32_t creator = new_creator();
		set_file(creator, other, 0, 100);
		snprintf(text, sizeof(text), "error %u 2; ", creator);
		expect(&app, text);
		fd_close(&other);
		fd_close(&ends[0]);
		fd_close(&ends[1]);
		once_more(state);
	}
}

/* In the place of fstatfs(2) and pread(2), by the names that they have with large files: files that
 * somebody serves, who does not answer. */
static uint32_t served_type;
static unsigned n_reads;

int __real_fstatfs64(int of, struct statfs *fs);
int __wrap_fstatfs64(int of, struct statfs *fs);
ssize_t __real_pread64(int of, void *to, size_t size, off_t at);
ssize_t __wrap_pread64(int of, void *to, size_t size, off_t at);

int __wrap_fstatfs64(int of, struct statfs *fs)
{
	int result = __real_fstatfs64(of, fs);
	if (served_type)
		fs->f_type = served_type;
	return result;
}

ssize_t __wrap_pread64(int of, void *to, size_t size, off_t at)
{
	n_reads++;
	return __real_pread64(of, to, size, at);
}

static void nobody_waits_for_who_serves_a_file(void **state)
{
	static const uint32_t types[] = {
		FUSE_SUPER_MAGIC, NFS_SUPER_MAGIC, CIFS_SUPER_MAGIC, V9FS_MAGIC, PROC_SUPER_MAGIC};
	for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
		char text[64];
		uint32_t creator = new_creator();
		n_reads = 0;
		served_type = types[i];
		set_file(creator, file, AT, 5000);
		served_type = 0;
		snprintf(text, sizeof(text), "error %u 2; ", creator);
		expect(&app, text);
		expect(&host, "");
		assert_int_equal(n_reads, 0);
		once_more(state);
	}
	uint32_t creator = new_creator();
	served_type = EXT4_SUPER_MAGIC;
	set_file(creator, file, AT, 5000);
	served_type = 0;
	create(creator);
	expect(&host, "set_icc_file blob 0 5000; create 5; ");
	assert_true(n_reads > 0);
}

static void a_second_file_is_an_error(void **state)
{
	char text[64];
	uint32_t creator = new_creator();
	set_file(creator, file, AT, 5000);
	set_file(creator, file, AT, 5000);
	snprintf(text, sizeof(text), "error %u 1; ", creator);
	expect(&app, text);
}

/* The host sees by the length alone that it will not take it. */
static void of_a_file_that_is_too_large_the_beginning_crosses(void **state)
{
	uint32_t creator = new_creator(), length = ICC_PROFILE_MAX_BYTES + 1;
	char text[64];
	assert_int_equal(ftruncate(file, AT + (off_t)length), 0);
	set_file(creator, file, AT, length);
	create(creator);
	snprintf(text, sizeof(text), "set_icc_file blob 0 %u; create 5; ", length);
	expect(&host, text);
	assert_in_range(received_bytes, ICC_PROFILE_HEADER_BYTES, 65536);
	assert_memory_equal(received, contents, ICC_PROFILE_HEADER_BYTES);
}

static void a_file_that_was_cut_ends_in_zeroes(void **state)
{
	static const uint8_t zeroes[1000];
	uint32_t creator = new_creator();
	set_file(creator, file, AT, 5000);
	assert_int_equal(ftruncate(file, AT + 4000), 0);
	create(creator);
	expect(&host, "set_icc_file blob 0 5000; create 5; ");
	assert_memory_equal(received, contents, 4000);
	assert_memory_equal(received + 4000, zeroes, 1000);
}

static void without_a_file_the_compositor_knows_the_error(void **state)
{
	create(new_creator());
	expect(&host, "create 5; ");
}

static void a_client_has_so_many_files_waiting(void **state)
{
	for (int i = 0; i < 100; i++) { /* those that are used do not count */
		uint32_t creator = new_creator();
		set_file(creator, file, AT, 5000);
		create(creator);
	}
	int fds = fd_count();
	for (int i = 0; i < 16; i++)
		set_file(new_creator(), file, AT, 5000);
	assert_int_equal(fd_count(), fds + 16);
	expect(&app, "");
	set_file(new_creator(), file, AT, 5000);
	expect(&app, "error 1 2; ");
}

#define COLOUR_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		COLOUR_TEST(a_file_crosses_as_its_contents),
		COLOUR_TEST(the_client_waits_for_the_hosts_memory),
		COLOUR_TEST(memory_that_the_host_refuses_is_an_error),
		COLOUR_TEST(what_cannot_be_is_the_clients_error),
		COLOUR_TEST(what_is_no_file_to_read_is_the_clients_error),
		COLOUR_TEST(nobody_waits_for_who_serves_a_file),
		COLOUR_TEST(a_second_file_is_an_error),
		COLOUR_TEST(of_a_file_that_is_too_large_the_beginning_crosses),
		COLOUR_TEST(a_file_that_was_cut_ends_in_zeroes),
		COLOUR_TEST(without_a_file_the_compositor_knows_the_error),
		COLOUR_TEST(a_client_has_so_many_files_waiting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
