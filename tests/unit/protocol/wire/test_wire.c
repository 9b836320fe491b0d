/* protocol/wire/wire.c */
#include "protocol/wire/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "protocol/base/bytes.h"

static int decode(
	const char *text, const void *body, size_t size, union wire_arg *args, const char **why)
{
	struct wire_signature signature;
	struct wire_handles handles = {0};
	wire_signature_parse(text, &signature);
	uint8_t *exact = malloc(size > 0 ? size : 1);
	if (size > 0)
		memcpy(exact, body, size);
	int error = wire_decode(&signature, exact, size, &handles, args, why);
	free(exact);
	return error;
}

static void a_signature_is_taken_apart(void **state)
{
	struct wire_signature signature;
	wire_signature_parse("12u?ohn", &signature);
	assert_int_equal(signature.since, 12);
	assert_int_equal(signature.n_args, 4);
	assert_int_equal(signature.n_handles, 1);
	assert_int_equal(signature.args[1].type, 'o');
	assert_true(signature.args[1].nullable);
	assert_false(signature.args[0].nullable || signature.args[2].nullable ||
		signature.args[3].nullable);
	wire_signature_parse("", &signature);
	assert_int_equal(signature.since, 1);
	assert_int_equal(signature.n_args, 0);
}

static void headers_are_checked(void **state)
{
	static const struct {
		uint32_t size;
		int error;
	} cases[] = {{0, -EPROTO}, {4, -EPROTO}, {7, -EPROTO}, {8, 0}, {9, -EPROTO}, {10, -EPROTO},
		{12, 0}, {65532, 0}, {65535, -EPROTO}};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		uint32_t words[2] = {77, cases[i].size << 16 | 5};
		struct wire_header header;
		assert_int_equal(
			wire_header_decode((const uint8_t *)words, &header), cases[i].error);
		assert_int_equal(header.id, 77);
		assert_int_equal(header.opcode, 5);
		assert_int_equal(header.size, cases[i].size);
	}
}

static void every_kind_of_argument_survives_the_way(void **state)
{
	struct wire_signature signature;
	struct wire_handles handles = {0};
	union wire_arg in[WIRE_MAX_ARGS] = {0}, out[WIRE_MAX_ARGS];
	uint8_t bytes[256];
	const char *why;
	wire_signature_parse("3iufs?sonah", &signature);
	in[0].i = -5;
	in[1].u = 4000000000u;
	in[2].f = wl_fixed_from_double(-1.5);
	in[3].s = "four";
	in[4].s = NULL;
	in[5].id = 9;
	in[6].id = WIRE_SERVER_ID_START;
	in[7].array.data = "abcde";
	in[7].array.size = 5;
	ssize_t size = wire_encode(&signature, 42, 3, in, bytes, sizeof(bytes));
	assert_int_equal(size, 8 + 12 + 4 + 8 + 4 + 8 + 4 + 8);

	struct wire_header header;
	assert_int_equal(wire_header_decode(bytes, &header), 0);
	assert_int_equal(header.id, 42);
	assert_int_equal(header.opcode, 3);
	assert_int_equal(header.size, size);
	size_t body = (size_t)size - WIRE_HEADER_BYTES;
	assert_int_equal(wire_decode(&signature, bytes + 8, body, &handles, out, &why), -EAGAIN);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(wire_handles_push(&handles, wire_handle_fd(fd)), 0);
	assert_int_equal(wire_decode(&signature, bytes + 8, body, &handles, out, &why), 0);
	assert_int_equal(out[0].i, -5);
	assert_int_equal(out[1].u, 4000000000u);
	assert_int_equal(out[2].f, wl_fixed_from_double(-1.5));
	assert_string_equal(out[3].s, "four");
	assert_null(out[4].s);
	assert_int_equal(out[5].id, 9);
	assert_int_equal(out[6].id, WIRE_SERVER_ID_START);
	assert_int_equal(out[7].array.size, 5);
	assert_memory_equal(out[7].array.data, "abcde", 5);
	assert_int_equal(out[8].handle.kind, WIRE_FD);
	assert_int_equal(out[8].handle.fd, fd);
	assert_int_equal(handles.count, 0);
	wire_handle_finish(&out[8].handle);
	assert_int_equal(out[8].handle.kind, WIRE_NONE);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void what_is_malformed_is_named(void **state)
{
	static const struct {
		const char *signature;
		size_t size;
		uint32_t words[4];
		const char *why;
	} cases[] = {
		{"u", 0, {0}, "message is too short"},
		{"uu", 4, {0}, "message is too short"},
		{"", 4, {0}, "message is longer than its arguments"},
		{"s", 4, {0}, "string must not be null"},
		{"s", 0, {0}, "message is too short"},
		{"s", 4, {1}, "string reaches past the end of the message"},
		{"s", 8, {5, 0}, "string reaches past the end of the message"},
		{"s", 8, {4, 0x41414141}, "string is not NUL-terminated"},
		{"s", 8, {3, 0x00414141},
			"string is not NUL-terminated"}, /* a NUL only in the padding */
		{"s", 8, {UINT32_MAX, 0}, "string reaches past the end of the message"},
		{"s", 8, {UINT32_MAX - 3, 0}, "string reaches past the end of the message"},
		{"s", 8, {0x80000000, 0}, "string reaches past the end of the message"},
		{"s", 12, {4, 0, 0}, "message is longer than its arguments"},
		{"a", 8, {5, 0}, "array reaches past the end of the message"},
		{"a", 8, {UINT32_MAX, 0}, "array reaches past the end of the message"},
		{"a", 8, {0xfffffffd, 0}, "array reaches past the end of the message"},
		{"o", 4, {0}, "object must not be null"},
		{"n", 4, {0}, "new id must not be null"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		union wire_arg args[WIRE_MAX_ARGS];
		const char *why = NULL;
		assert_int_equal(
			decode(cases[i].signature, cases[i].words, cases[i].size, args, &why),
			-EPROTO);
		assert_string_equal(why, cases[i].why);
	}
}

static void null_is_allowed_where_the_signature_says_so(void **state)
{
	static const uint32_t words[3] = {0, 0, 0};
	union wire_arg args[WIRE_MAX_ARGS];
	const char *why;
	assert_int_equal(decode("?s?oa", words, sizeof(words), args, &why), 0);
	assert_null(args[0].s);
	assert_int_equal(args[1].id, 0);
	assert_int_equal(args[2].array.size, 0);
}

static void a_malformed_message_takes_no_handle(void **state)
{
	struct wire_signature signature;
	struct wire_handles handles = {0};
	union wire_arg args[WIRE_MAX_ARGS];
	const char *why;
	static const uint32_t words[2] = {5, 0};
	wire_signature_parse("hs", &signature);
	wire_handles_push(&handles, wire_handle_fd(open("/dev/null", O_RDONLY | O_CLOEXEC)));
	assert_int_equal(
		wire_decode(&signature, (const uint8_t *)words, 8, &handles, args, &why), -EPROTO);
	assert_int_equal(handles.count, 1);
	wire_handles_finish(&handles);
}

static void what_does_not_fit_is_not_encoded(void **state)
{
	struct wire_signature signature;
	union wire_arg args[WIRE_MAX_ARGS] = {0};
	static char text[70000];
	static uint8_t out[80000];
	memset(text, 'x', sizeof(text) - 1);
	wire_signature_parse("s", &signature);
	args[0].s = text;
	assert_int_equal(wire_encode(&signature, 1, 0, args, out, sizeof(out)), -EMSGSIZE);
	args[0].s = text + sizeof(text) - 1 - (WIRE_MAX_MESSAGE_BYTES - 8 - 4 - 1); /* just fits */
	assert_int_equal(
		wire_encode(&signature, 1, 0, args, out, sizeof(out)), WIRE_MAX_MESSAGE_BYTES);
	args[0].s--;
	assert_int_equal(wire_encode(&signature, 1, 0, args, out, sizeof(out)), -EMSGSIZE);
	args[0].s = "abc";
	for (size_t capacity = 0; capacity < 16; capacity++)
		assert_int_equal(wire_encode(&signature, 1, 0, args, out, capacity), -EMSGSIZE);
	assert_int_equal(wire_encode(&signature, 1, 0, args, out, 16), 16);
	wire_signature_parse("a", &signature);
	args[0].array.data = text;
	args[0].array.size = UINT32_MAX;
	assert_int_equal(wire_encode(&signature, 1, 0, args, out, sizeof(out)), -EMSGSIZE);
}

static void padding_is_zero(void **state)
{
	struct wire_signature signature;
	union wire_arg args[WIRE_MAX_ARGS] = {0};
	uint8_t out[16];
	memset(out, 0xff, sizeof(out));
	wire_signature_parse("s", &signature);
	args[0].s = "";
	assert_int_equal(wire_encode(&signature, 1, 0, args, out, sizeof(out)), 16);
	assert_int_equal(load_u32(out + 12), 0);
}

static int blobs_let_go;

static void let_go(void *blob)
{
	blobs_let_go++;
}

static void the_queue_of_handles_is_bounded_and_in_order(void **state)
{
	struct wire_handles handles = {0};
	blobs_let_go = 0;
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < WIRE_HANDLES_MAX; i++)
			assert_int_equal(wire_handles_push(&handles,
						 (struct wire_handle){.kind = WIRE_BLOB,
							 .fd = -1,
							 .id = i,
							 .blob_unref = let_go}),
				0);
		struct wire_handle extra = {.kind = WIRE_READ_PIPE, .fd = -1};
		assert_int_equal(wire_handles_push(&handles, extra), -ENOBUFS);
		for (uint32_t i = 0; i < 100; i++) {
			struct wire_handle handle = wire_handles_pop(&handles);
			assert_int_equal(handle.id, i);
			wire_handle_finish(&handle);
			wire_handle_finish(&handle); /* empty by now */
		}
		wire_handles_finish(&handles);
		assert_int_equal(blobs_let_go, (round + 1) * WIRE_HANDLES_MAX);
		assert_int_equal(wire_handles_pop(&handles).kind, WIRE_NONE);
	}
}

static void an_error_without_a_relay_fits_whatever_its_text(void **state)
{
	uint8_t bytes[WIRE_DISPLAY_ERROR_BYTES];
	char text[1000];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	assert_int_equal(wire_encode_display_error(bytes, 2, "no device"), 32);
	const uint32_t *words = (const uint32_t *)(const void *)bytes;
	assert_int_equal(words[0], WIRE_DISPLAY_ID);
	assert_int_equal(words[1], 32u << 16);
	assert_int_equal(words[2], WIRE_DISPLAY_ID);
	assert_int_equal(words[3], 2);
	assert_int_equal(words[4], 10);
	assert_string_equal((const char *)&words[5], "no device");
	assert_int_equal(wire_encode_display_error(bytes, 2, text), sizeof(bytes));
	assert_int_equal(strlen((const char *)&words[5]), sizeof(bytes) - 21);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signature_is_taken_apart),
		cmocka_unit_test(headers_are_checked),
		cmocka_unit_test(every_kind_of_argument_survives_the_way),
		cmocka_unit_test(what_is_malformed_is_named),
		cmocka_unit_test(null_is_allowed_where_the_signature_says_so),
		cmocka_unit_test(a_malformed_message_takes_no_handle),
		cmocka_unit_test(what_does_not_fit_is_not_encoded),
		cmocka_unit_test(padding_is_zero),
		cmocka_unit_test(the_queue_of_handles_is_bounded_and_in_order),
		cmocka_unit_test(an_error_without_a_relay_fits_whatever_its_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
