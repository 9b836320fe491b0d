/*
 * colour-client: what a compositor says of colours, and what it does with image descriptions, a
 * line each on standard output, the same whatever is in between:
 *
 *   none                       there is no wp_color_manager_v1
 *   features N...              as wp_color_manager_v1.feature has them, sorted
 *   output parametric | icc BYTES | failed CAUSE    the first output's description
 *   parametric ready | failed CAUSE                 sRGB's primaries, gamma 2.2
 *   icc ready | failed CAUSE                        an ICC profile of the same
 *   broken failed CAUSE                             bytes that are no profile
 *   shown                      a window with the first description that was ready
 *
 * usage: colour-client [--pipe]    the profile comes in a pipe that never ends, which is an error:
 *                                  "error CODE"
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "color-management-v1-client-protocol.h"
#include "window.h"

#define VERSION 1 /* which all have */
#define FEATURES_MAX 32
#define ICC_BYTES 464
#define FEATURE_ICC 0
#define FEATURE_PARAMETRIC 1
#define PRIMARIES_SRGB 1
#define TF_GAMMA22 2

static struct {
	struct window window;
	struct wp_color_manager_v1 *manager;
	struct wl_output *output;
	bool features[FEATURES_MAX], features_done;
} t;

/* --- an ICC profile (ICC.1:2022): sRGB's primaries, gamma 2.2 --- */

static uint8_t *put(uint8_t *at, uint32_t number)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(number >> (24 - 8 * i));
	return at + 4;
}

static uint8_t *put_text(uint8_t *at, const char *text)
{
	memcpy(at, text, 4);
	return at + 4;
}

/* A line of the table of tags. */
static uint8_t *put_tag(uint8_t *at, const char *name, uint32_t offset, uint32_t size)
{
	return put(put(put_text(at, name), offset), size);
}

/* XYZType, s15Fixed16 */
static void put_xyz(uint8_t *at, double x, double y, double z)
{
	at = put(put_text(at, "XYZ "), 0);
	at = put(at, (uint32_t)(x * 65536 + 0.5));
	at = put(at, (uint32_t)(y * 65536 + 0.5));
	put(at, (uint32_t)(z * 65536 + 0.5));
}

static void make_profile(uint8_t profile[ICC_BYTES])
{
	enum {
		TAGS = 9,
		XYZ = 128 + 4 + TAGS * 12,
		CURVE = XYZ + 4 * 20,
		DESC = CURVE + 16,
		TEXT = DESC + 108
	};
	static const char *const curves[] = {"rTRC", "gTRC", "bTRC"};
	uint8_t *at = profile + 128;

	memset(profile, 0, ICC_BYTES);
	put(profile, ICC_BYTES);
	put(profile + 8, 0x02100000);
	put_text(put_text(put_text(profile + 12, "mntr"), "RGB "), "XYZ ");
	put_text(profile + 36, "acsp");
	put(put(put(profile + 68, 0xf6d6), 0x10000), 0xd32d); /* D50 */
	at = put(at, TAGS);
	at = put_tag(at, "desc", DESC, 108);
	at = put_tag(at, "cprt", TEXT, ICC_BYTES - TEXT);
	at = put_tag(at, "wtpt", XYZ, 20);
	at = put_tag(at, "rXYZ", XYZ + 20, 20);
	at = put_tag(at, "gXYZ", XYZ + 40, 20);
	at = put_tag(at, "bXYZ", XYZ + 60, 20);
	for (size_t i = 0; i < 3; i++)
		at = put_tag(at, curves[i], CURVE, 14);
	put_xyz(profile + XYZ, 0.9642, 1, 0.8249);
	put_xyz(profile + XYZ + 20, 0.43607, 0.22249, 0.01392);
	put_xyz(profile + XYZ + 40, 0.38515, 0.71687, 0.09708);
	put_xyz(profile + XYZ + 60, 0.14307, 0.06061, 0.7141);
	at = put(put(put_text(profile + CURVE, "curv"), 0), 1);
	at[0] = 2; /* u8Fixed8: 2.2 */
	at[1] = 51;
	at = put(put(put_text(profile + DESC, "desc"), 0), 5);
	memcpy(at, "test", 5);
	at = put(put_text(profile + TEXT, "text"), 0);
	memcpy(at, "none", 5);
}

/* --- what the compositor says --- */

static void handle_number(void *data, struct wp_color_manager_v1 *manager, uint32_t number)
{
}

static void handle_feature(void *data, struct wp_color_manager_v1 *manager, uint32_t feature)
{
	if (feature < FEATURES_MAX)
		t.features[feature] = true;
}

static void handle_done(void *data, struct wp_color_manager_v1 *manager)
{
	t.features_done = true;
}

static const struct wp_color_manager_v1_listener manager_listener = {
	.supported_intent = handle_number,
	.supported_feature = handle_feature,
	.supported_tf_named = handle_number,
	.supported_primaries_named = handle_number,
	.done = handle_done,
};

struct description {
	struct wp_image_description_v1 *object;
	bool answered, ready;
	uint32_t cause;
};

static void handle_failed(
	void *data, struct wp_image_description_v1 *object, uint32_t cause, const char *message)
{
	struct description *description = data;
	description->answered = true;
	description->cause = cause;
}

static void handle_ready(void *data, struct wp_image_description_v1 *object, uint32_t identity)
{
	struct description *description = data;
	description->answered = description->ready = true;
}

static void handle_ready2(
	void *data, struct wp_image_description_v1 *object, uint32_t high, uint32_t low)
{
	handle_ready(data, object, low);
}

static const struct wp_image_description_v1_listener description_listener = {
	.failed = handle_failed, .ready = handle_ready, .ready2 = handle_ready2};

static void await(struct description *description, struct wp_image_description_v1 *object)
{
	*description = (struct description){.object = object};
	wp_image_description_v1_add_listener(object, &description_listener, description);
	window_await(&t.window, &description->answered, "image description");
}

static void tell(const char *name, const struct description *description)
{
	if (description->ready)
		printf("%s ready\n", name);
	else
		printf("%s failed %u\n", name, description->cause);
}

/* --- image descriptions --- */

static void make_parametric(struct description *description)
{
	struct wp_image_description_creator_params_v1 *creator =
		wp_color_manager_v1_create_parametric_creator(t.manager);
	wp_image_description_creator_params_v1_set_primaries_named(creator, PRIMARIES_SRGB);
	wp_image_description_creator_params_v1_set_tf_named(creator, TF_GAMMA22);
	await(description, wp_image_description_creator_params_v1_create(creator));
	tell("parametric", description);
}

static void make_icc(struct description *description, const char *name, const uint8_t *profile)
{
	int fd = memfd_create("profile", MFD_CLOEXEC);
	if (fd < 0 || pwrite(fd, profile, ICC_BYTES, 100) != ICC_BYTES)
		window_die(&t.window, "memfd");
	struct wp_image_description_creator_icc_v1 *creator =
		wp_color_manager_v1_create_icc_creator(t.manager);
	wp_image_description_creator_icc_v1_set_icc_file(creator, fd, 100, ICC_BYTES);
	close(fd);
	await(description, wp_image_description_creator_icc_v1_create(creator));
	tell(name, description);
}

static _Noreturn void give_pipe(void)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		window_die(&t.window, "pipe");
	struct wp_image_description_creator_icc_v1 *creator =
		wp_color_manager_v1_create_icc_creator(t.manager);
	wp_image_description_creator_icc_v1_set_icc_file(creator, ends[0], 0, ICC_BYTES);
	while (window_dispatch(&t.window))
		continue;
	printf("error %u\n", wl_display_get_protocol_error(t.window.display, NULL, NULL));
	exit(0);
}

struct information {
	bool done;
	uint32_t icc_bytes; /* 0: parametric */
};

static void handle_info_done(void *data, struct wp_image_description_info_v1 *info)
{
	((struct information *)data)->done = true;
}

static void handle_icc_file(
	void *data, struct wp_image_description_info_v1 *info, int32_t fd, uint32_t size)
{
	uint8_t byte;
	((struct information *)data)->icc_bytes = pread(fd, &byte, 1, size - 1) == 1 ? size : 1;
	close(fd);
}

static void ignore_eight(void *data, struct wp_image_description_info_v1 *info, int32_t a,
	int32_t b, int32_t c, int32_t d, int32_t e, int32_t f, int32_t g, int32_t h)
{
}

static void ignore_one(void *data, struct wp_image_description_info_v1 *info, uint32_t a)
{
}

static void ignore_two(
	void *data, struct wp_image_description_info_v1 *info, uint32_t a, uint32_t b)
{
}

static void ignore_three(
	void *data, struct wp_image_description_info_v1 *info, uint32_t a, uint32_t b, uint32_t c)
{
}

static const struct wp_image_description_info_v1_listener info_listener = {
	.done = handle_info_done,
	.icc_file = handle_icc_file,
	.primaries = ignore_eight,
	.primaries_named = ignore_one,
	.tf_power = ignore_one,
	.tf_named = ignore_one,
	.luminances = ignore_three,
	.target_primaries = ignore_eight,
	.target_luminance = ignore_two,
	.target_max_cll = ignore_one,
	.target_max_fall = ignore_one,
};

static void tell_output(void)
{
	struct description description;
	struct information information = {0};
	struct wp_color_management_output_v1 *output =
		wp_color_manager_v1_get_output(t.manager, t.output);

	await(&description, wp_color_management_output_v1_get_image_description(output));
	if (!description.ready) {
		tell("output", &description);
		return;
	}
	wp_image_description_info_v1_add_listener(
		wp_image_description_v1_get_information(description.object), &info_listener,
		&information);
	window_await(&t.window, &information.done, "information");
	if (information.icc_bytes)
		printf("output icc %u\n", information.icc_bytes);
	else
		printf("output parametric\n");
	wp_image_description_v1_destroy(description.object);
}

/* A window whose pixels are as @description has them, which goes before they are shown. */
static void show(const struct description *description)
{
	bool shown;

	window_create(&t.window, "colours", 64, 64);
	struct wp_color_management_surface_v1 *surface =
		wp_color_manager_v1_get_surface(t.manager, t.window.surface);
	wp_color_management_surface_v1_set_image_description(surface, description->object, 0);
	wp_image_description_v1_destroy(description->object);
	window_want_frame(&t.window, &shown);
	window_commit(&t.window, window_next_buffer(&t.window), 0, 0, 64, 64);
	window_await(&t.window, &shown, "frame");
	printf("shown\n");
	wp_color_management_surface_v1_destroy(surface);
}

static void handle_global(
	struct window *window, uint32_t name, const char *interface, uint32_t version)
{
	if (strcmp(interface, wp_color_manager_v1_interface.name) == 0)
		t.manager = wl_registry_bind(
			window->registry, name, &wp_color_manager_v1_interface, VERSION);
	else if (strcmp(interface, wl_output_interface.name) == 0 && !t.output)
		t.output = wl_registry_bind(window->registry, name, &wl_output_interface, 1);
}

int main(int argc, char **argv)
{
	struct description descriptions[3] = {0};
	uint8_t profile[ICC_BYTES], broken[ICC_BYTES] = {0};

	t.window.handle_global = handle_global;
	window_connect(&t.window);
	if (!t.manager) {
		printf("none\n");
		window_finish(&t.window);
		return 0;
	}
	window_needs(t.output, "wl_output");
	wp_color_manager_v1_add_listener(t.manager, &manager_listener, NULL);
	window_await(&t.window, &t.features_done, "features");
	if (argc > 1 && strcmp(argv[1], "--pipe") == 0)
		give_pipe();
	printf("features");
	for (int i = 0; i < FEATURES_MAX; i++) {
		if (t.features[i])
			printf(" %d", i);
	}
	printf("\n");
	tell_output();
	if (t.features[FEATURE_PARAMETRIC])
		make_parametric(&descriptions[0]);
	if (t.features[FEATURE_ICC]) {
		make_profile(profile);
		make_icc(&descriptions[1], "icc", profile);
		make_icc(&descriptions[2], "broken", broken);
	}
	for (size_t i = 0; i < 2; i++) {
		if (descriptions[i].ready) {
			show(&descriptions[i]);
			break;
		}
	}
	window_finish(&t.window);
	return 0;
}
