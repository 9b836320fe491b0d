/* protocol/pixels/pixel_format.c */
#include "protocol/pixels/pixel_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <drm_fourcc.h>
#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"

static void a_plane_fits_when_its_last_pixel_does(void **state)
{
	static const struct {
		uint32_t code;
		unsigned plane;
		uint64_t offset, stride;
		int32_t width, height;
		uint64_t size;
		bool fits;
	} cases[] = {
		{DRM_FORMAT_ARGB8888, 0, 0, 64, 16, 16, 1024, true},
		{DRM_FORMAT_ARGB8888, 0, 0, 64, 16, 16, 1023, false},
		{DRM_FORMAT_ARGB8888, 0, 1, 64, 16, 16, 1024, false},
		{DRM_FORMAT_ARGB8888, 0, 0, 63, 16, 16, 4096, false},
		{DRM_FORMAT_ARGB8888, 0, 0, 128, 16, 16, 128 * 15 + 64, true},
		{DRM_FORMAT_RGB565, 0, 0, 32, 16, 16, 512, true},
		{DRM_FORMAT_YUYV, 0, 0, 8, 3, 1, 8, true}, /* half a pair is a whole one */
		{DRM_FORMAT_YUYV, 0, 0, 6, 3, 1, 8, false},
		{DRM_FORMAT_NV12, 1, 256, 16, 16, 16, 384, true},
		{DRM_FORMAT_NV12, 1, 256, 16, 16, 17, 384, false},
		{DRM_FORMAT_YUV420, 2, 0, 8, 15, 15, 64, true},
		{DRM_FORMAT_ABGR16161616F, 0, UINT32_MAX, UINT32_MAX, INT32_MAX, INT32_MAX,
			UINT64_MAX, false},
		{DRM_FORMAT_R8, 0, UINT32_MAX, UINT32_MAX, INT32_MAX, INT32_MAX,
			(uint64_t)UINT32_MAX + (uint64_t)UINT32_MAX * (INT32_MAX - 1) + INT32_MAX,
			true},
		{DRM_FORMAT_R8, 0, 0, UINT64_C(1) << 33, 1, 1, UINT64_MAX, false},
		{DRM_FORMAT_NV15, 0, 0, 5, 4, 2, 10, true},
		{DRM_FORMAT_NV15, 0, 0, 5, 5, 2, 4096,
			false}, /* the fifth pixel begins five bytes */
		{DRM_FORMAT_NV15, 1, 10, 5, 4, 2, 15, true},
		{DRM_FORMAT_NV15, 1, 10, 5, 4, 2, 14, false},
		{DRM_FORMAT_P030, 1, 0, 8, 6, 3, 16, true},
		{DRM_FORMAT_P030, 1, 0, 8, 7, 3, 4096, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		const struct pixel_format *format = pixel_format_find(cases[i].code);
		assert_non_null(format);
		if (pixel_format_plane_fits(format, cases[i].plane, cases[i].offset,
			    cases[i].stride, cases[i].width, cases[i].height,
			    cases[i].size) != cases[i].fits)
			fail_msg("case %zu", i);
	}
}

/*
 * In a picture of 13 x 7 pixels: bytes of a row and rows of each plane, counted by hand from what
 * Linux' drm_fourcc.h says of the format.
 */
static void rows_are_those_of_drm_fourcc(void **state)
{
	static const struct {
		char code[5];
		struct {
			uint32_t row, rows;
		} planes[3];
	} cases[] = {
		{"NV15", {{20, 7}, {20, 4}}}, /* 13 samples in 4 fives; 7 pairs in 4 */
		{"NV20", {{20, 7}, {20, 7}}},
		{"NV30", {{20, 7}, {35, 7}}},
		{"P030", {{20, 7}, {24, 4}}}, /* 13 samples in 5 fours; 7 pairs in 3 eights */
		{"P230", {{20, 7}, {24, 7}}},
		{"P210", {{26, 7}, {28, 7}}},
		{"T430", {{20, 7}, {20, 7}, {20, 7}}},
		{"YPA4", {{20, 7}}},
		{"S010", {{26, 7}, {14, 4}, {14, 4}}},
		{"S012", {{26, 7}, {14, 4}, {14, 4}}},
		{"S016", {{26, 7}, {14, 4}, {14, 4}}},
		{"S210", {{26, 7}, {14, 7}, {14, 7}}},
		{"S212", {{26, 7}, {14, 7}, {14, 7}}},
		{"S216", {{26, 7}, {14, 7}, {14, 7}}},
		{"S410", {{26, 7}, {26, 7}, {26, 7}}},
		{"S412", {{26, 7}, {26, 7}, {26, 7}}},
		{"S416", {{26, 7}, {26, 7}, {26, 7}}},
		{"Q410", {{26, 7}, {26, 7}, {26, 7}}},
		{"Q401", {{26, 7}, {26, 7}, {26, 7}}},
		{"XRA8", {{52, 7}, {13, 7}}},
		{"XBA8", {{52, 7}, {13, 7}}},
		{"RXA8", {{52, 7}, {13, 7}}},
		{"BXA8", {{52, 7}, {13, 7}}},
		{"R8A8", {{39, 7}, {13, 7}}},
		{"B8A8", {{39, 7}, {13, 7}}},
		{"R5A8", {{26, 7}, {13, 7}}},
		{"B5A8", {{26, 7}, {13, 7}}},
		{"R  H", {{26, 7}}},
		{"GR H", {{52, 7}}},
		{"BGRH", {{78, 7}}},
		{"R  F", {{52, 7}}},
		{"GR F", {{104, 7}}},
		{"BGRF", {{156, 7}}},
		{"AB8F", {{208, 7}}},
		{"RG48", {{78, 7}}},
		{"BG48", {{78, 7}}},
		{"R10 ", {{26, 7}}},
		{"R12 ", {{26, 7}}},
		{"AVUY", {{52, 7}}},
		{"XVUY", {{52, 7}}},
		{"XY30", {{52, 7}}},
		{"GREY", {{13, 7}}},
		{"D8  ", {{13, 7}}},
		{"C1  ", {{2, 7}}},
		{"D1  ", {{2, 7}}},
		{"R1  ", {{2, 7}}},
		{"C2  ", {{4, 7}}},
		{"D2  ", {{4, 7}}},
		{"R2  ", {{4, 7}}},
		{"C4  ", {{7, 7}}},
		{"D4  ", {{7, 7}}},
		{"R4  ", {{7, 7}}},
		{"NV12", {{13, 7}, {14, 4}}},
		{"NV61", {{13, 7}, {14, 7}}},
		{"NV42", {{13, 7}, {26, 7}}},
		{"YUYV", {{28, 7}}},
		{"YU12", {{13, 7}, {7, 4}, {7, 4}}},
		{"YVU9", {{13, 7}, {4, 2}, {4, 2}}},
		{"YU11", {{13, 7}, {4, 7}, {4, 7}}},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		const char *name = cases[i].code;
		const struct pixel_format *format =
			pixel_format_find(fourcc_code(name[0], name[1], name[2], name[3]));
		if (!format)
			fail_msg("%s is not known", name);
		for (unsigned plane = 0; plane < 3; plane++) {
			const bool there = plane < format->n_planes;
			if ((there ? pixel_format_row_bytes(format, plane, 13) : 0) !=
					cases[i].planes[plane].row ||
				(there ? pixel_format_rows(format, plane, 7) : 0) !=
					cases[i].planes[plane].rows)
				fail_msg("%s, plane %u", name, plane);
		}
	}
}

static void a_format_without_bounds_has_a_reason(void **state)
{
	static const char left_out[][5] = {"YU08", "YU10", "VU30", "Y0L0", "X0L0", "Y0L2", "X0L2"};

	for (size_t i = 0; i < ARRAY_LENGTH(left_out); i++) {
		const char *name = left_out[i];
		const uint32_t code = fourcc_code(name[0], name[1], name[2], name[3]);
		assert_null(pixel_format_find(code));
		assert_string_not_equal(pixel_format_why_not(code), pixel_format_why_not(0));
	}
}

static void what_is_not_known_has_no_layout(void **state)
{
	assert_null(pixel_format_find(0));
	assert_null(pixel_format_find(DRM_FORMAT_BIG_ENDIAN | DRM_FORMAT_ARGB8888));
}

static void wl_shm_has_names_of_its_own_for_two(void **state)
{
	assert_int_equal(pixel_format_to_shm(DRM_FORMAT_ARGB8888), 0);
	assert_int_equal(pixel_format_to_shm(DRM_FORMAT_XRGB8888), 1);
	assert_int_equal(pixel_format_to_shm(DRM_FORMAT_RGB565), DRM_FORMAT_RGB565);
	assert_int_equal(pixel_format_from_shm(0), DRM_FORMAT_ARGB8888);
	assert_int_equal(pixel_format_from_shm(1), DRM_FORMAT_XRGB8888);
	assert_int_equal(pixel_format_from_shm(DRM_FORMAT_RGB565), DRM_FORMAT_RGB565);
}

static void pixels_have_bytes_where_there_is_one_plane(void **state)
{
	bool pairs = true;
	assert_int_equal(pixel_format_pixel_bytes(WL_SHM_FORMAT_ARGB8888, &pairs), 4);
	assert_false(pairs);
	assert_int_equal(pixel_format_pixel_bytes(WL_SHM_FORMAT_RGB565, NULL), 2);
	assert_int_equal(pixel_format_pixel_bytes(WL_SHM_FORMAT_YUYV, &pairs), 2);
	assert_true(pairs);
	assert_int_equal(pixel_format_pixel_bytes(WL_SHM_FORMAT_Y210, &pairs), 4);
	assert_int_equal(pixel_format_pixel_bytes(WL_SHM_FORMAT_NV12, NULL), 0);
	assert_int_equal(pixel_format_pixel_bytes(0x20202020, NULL), 0);
	/* Three pixels in four bytes, and eight in one */
	assert_int_equal(pixel_format_pixel_bytes(fourcc_code('Y', 'P', 'A', '4'), NULL), 0);
	assert_int_equal(pixel_format_pixel_bytes(fourcc_code('C', '1', ' ', ' '), NULL), 0);
	assert_int_equal(pixel_format_pixel_bytes(fourcc_code('A', 'B', '8', 'F'), NULL), 16);
}

static void a_buffer_of_wl_shm_has_its_planes_one_behind_the_other(void **state)
{
	static const struct {
		uint32_t format;
		int32_t width, height, stride;
		uint64_t bytes;
	} cases[] = {
		{WL_SHM_FORMAT_ARGB8888, 16, 10, 64, 640},
		{WL_SHM_FORMAT_ARGB8888, 16, 10, 63, 0},
		{WL_SHM_FORMAT_YUYV, 15, 2, 32, 64},
		{WL_SHM_FORMAT_YUYV, 15, 2, 31, 0},
		{WL_SHM_FORMAT_NV12, 64, 32, 64, 64 * 48},
		{WL_SHM_FORMAT_NV12, 64, 32, 80, 80 * 48},
		{WL_SHM_FORMAT_NV16, 64, 32, 64, 64 * 64},
		{WL_SHM_FORMAT_NV24, 64, 32, 64, 64 * 96},
		{WL_SHM_FORMAT_P010, 64, 32, 128, 128 * 48},
		{WL_SHM_FORMAT_P010, 64, 32, 127, 0},
		{WL_SHM_FORMAT_YUV420, 64, 32, 64, 64 * 48},
		{WL_SHM_FORMAT_YUV420, 63, 31, 63, 63 * 31 + 2 * 32 * 16},
		{WL_SHM_FORMAT_YVU422, 64, 32, 64, 64 * 64},
		{WL_SHM_FORMAT_YUV444, 64, 32, 64, 64 * 96},
		{WL_SHM_FORMAT_YUV410, 64, 32, 64, 64 * 36},
		{DRM_FORMAT_NV15, 64, 32, 80, 80 * 48},
		{DRM_FORMAT_P030, 96, 32, 128, 128 * 48},
		{DRM_FORMAT_Q410, 64, 32, 128, 128 * 96},
		{WL_SHM_FORMAT_NV12, INT32_MAX, INT32_MAX, INT32_MAX,
			(uint64_t)INT32_MAX * INT32_MAX + ((uint64_t)INT32_MAX << 30)},
		{0x12345678, 1, 1, 1, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t bytes = pixel_format_shm_bytes(
			cases[i].format, cases[i].width, cases[i].height, cases[i].stride);
		if (bytes != cases[i].bytes)
			fail_msg("case %zu: %llu", i, (unsigned long long)bytes);
	}
}

static void planes_have_rows_of_whole_samples(void **state)
{
	const struct pixel_format *format = pixel_format_find(DRM_FORMAT_NV12);
	assert_int_equal(pixel_format_row_bytes(format, 0, 15), 15);
	assert_int_equal(pixel_format_row_bytes(format, 1, 15), 16);
	assert_int_equal(pixel_format_rows(format, 0, 15), 15);
	assert_int_equal(pixel_format_rows(format, 1, 15), 8);
	assert_int_equal(pixel_format_row_bytes(format, 1, UINT32_MAX), UINT64_C(1) << 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plane_fits_when_its_last_pixel_does),
		cmocka_unit_test(rows_are_those_of_drm_fourcc),
		cmocka_unit_test(a_format_without_bounds_has_a_reason),
		cmocka_unit_test(what_is_not_known_has_no_layout),
		cmocka_unit_test(wl_shm_has_names_of_its_own_for_two),
		cmocka_unit_test(pixels_have_bytes_where_there_is_one_plane),
		cmocka_unit_test(a_buffer_of_wl_shm_has_its_planes_one_behind_the_other),
		cmocka_unit_test(planes_have_rows_of_whole_samples),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
