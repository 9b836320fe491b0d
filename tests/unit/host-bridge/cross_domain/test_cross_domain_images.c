/* host-bridge/cross_domain/cross_domain_images.c, with a maker that the test plays. */
#include "host-bridge/cross_domain/cross_domain_impl.h"

#include <drm_fourcc.h>

#include "tests/unit/cross_domain_world.h"

#define SCANOUT 1
#define LINEAR 16
#define XR24 DRM_FORMAT_XRGB8888
#define TILED UINT64_C(0x0100000000000001)

static struct {
	struct image_request asked; /* the last time */
	struct image_call *call;    /* that is open, or NULL */
	unsigned n_asked, n_cancelled;
	int error; /* what make returns */
} maker;

static int fake_make(
	struct image_maker *base, const struct image_request *request, struct image_call *call)
{
	maker.n_asked++;
	maker.asked = *request;
	if (maker.error == 0)
		maker.call = call;
	return maker.error;
}

static void fake_cancel(struct image_maker *base, struct image_call *call)
{
	assert_ptr_equal(call, maker.call);
	maker.call = NULL;
	maker.n_cancelled++;
}

static struct image_maker fake = {.make = fake_make, .cancel = fake_cancel};

static int set_up_maker(void **state)
{
	memset(&maker, 0, sizeof(maker));
	world_maker = &fake;
	if (set_up(state) < 0)
		return -1;
	return init(0);
}

static const struct image picture = {
	.strides = {512},
	.offsets = {256},
	.size = 28672,
	.modifier = DRM_FORMAT_MOD_LINEAR,
	.fd_type = 1,
	.map_info = VIRTIO_GPU_MAP_CACHE_CACHED,
};

/* The maker's answer to the open call. */
static void answer(int error, const struct image *image, int fd)
{
	struct image_call *call = maker.call;
	assert_non_null(call);
	maker.call = NULL;
	call->done(call, error, image, fd);
}

static int offer_for(uint32_t flags, struct test_request *request, uint32_t width, uint32_t height,
	uint32_t format)
{
	const struct cross_domain_get_image_requirements command =
		requirements_of(width, height, format, flags);
	memset(t.pages.map + QUERY * 4096, 0, sizeof(struct cross_domain_image_requirements));
	return submit_as(request, CROSS_DOMAIN_QUERY_RING, &command, sizeof(command));
}

static int offer(struct test_request *request, uint32_t width, uint32_t height, uint32_t format)
{
	return offer_for(LINEAR, request, width, height, format);
}

static struct cross_domain_image_requirements told(void)
{
	struct cross_domain_image_requirements requirements;
	memcpy(&requirements, t.pages.map + QUERY * 4096, sizeof(requirements));
	return requirements;
}

/* The blob_id of an image of 100 x 50 as the maker has laid it out. */
static uint32_t ask_picture(void)
{
	struct test_request request;
	assert_int_equal(offer(&request, 100, 50, XR24), -EINPROGRESS);
	answer(0, &picture, fd_memfd("image", picture.size));
	assert_int_equal(request.response, VIRTIO_GPU_RESP_OK_NODATA);
	return told().blob_id;
}

static void a_question_waits_for_the_maker(void **state)
{
	struct test_request request;
	assert_int_equal(offer(&request, 100, 50, XR24), -EINPROGRESS);
	assert_int_equal(request.response, 0);
	assert_int_equal(told().size, 0);
	assert_int_equal(maker.asked.width, 100);
	assert_int_equal(maker.asked.height, 50);
	assert_int_equal(maker.asked.format, XR24);
	assert_int_equal(maker.asked.flags, LINEAR);
	answer(0, &picture, fd_memfd("image", picture.size));
	assert_int_equal(request.response, VIRTIO_GPU_RESP_OK_NODATA);
	const struct cross_domain_image_requirements first = told();
	assert_int_equal(first.strides[0], 512);
	assert_int_equal(first.offsets[0], 256);
	assert_int_equal(first.size, picture.size);
	assert_int_equal(first.modifier, DRM_FORMAT_MOD_LINEAR);
	assert_int_equal(first.memory_idx, -1);
	assert_int_not_equal(first.blob_id, 0);
	/* It is not asked again. */
	assert_int_equal(offer(&request, 100, 50, XR24), 0);
	assert_memory_equal(&first, t.pages.map + QUERY * 4096, sizeof(first));
	assert_int_equal(maker.n_asked, 1);
}

static void what_cannot_be_made_is_memory(void **state)
{
	struct test_request request;
	struct context_blob blob;
	/* It says so later; at once; makes less than is needed, or more than a guest may have. */
	assert_int_equal(offer(&request, 100, 50, XR24), -EINPROGRESS);
	answer(-EINVAL, NULL, -1);
	assert_int_equal(request.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(told().strides[0], 448);
	assert_false(cross_domain_makes_blob(t.context, told().blob_id));
	assert_int_equal(create_blob(told().blob_id, 24576, &blob), 0);
	maker.error = -ENODEV;
	assert_int_equal(offer(&request, 100, 51, XR24), 0);
	assert_int_equal(told().strides[0], 448);
	maker.error = 0;
	struct image small = picture;
	small.size = 4096;
	assert_int_equal(offer(&request, 10000, 1, DRM_FORMAT_R8), -EINPROGRESS);
	answer(0, &small, fd_memfd("image", small.size));
	assert_false(cross_domain_makes_blob(t.context, told().blob_id));
	assert_int_equal(told().size, 12288);
	struct image large = picture;
	large.size = REGION_BYTES + 4096;
	assert_int_equal(offer(&request, 100, 53, XR24), -EINPROGRESS);
	answer(0, &large, fd_memfd("image", 4096));
	assert_int_equal(told().strides[0], 448);
}

/* Nor is the maker bothered with what is impossible, or with questions that cannot wait. */
static void only_what_can_wait_is_asked(void **state)
{
	assert_int_equal(ask(0, 1, XR24, LINEAR).size, 0);
	assert_int_equal(ask(100, 50, XR24, LINEAR).strides[0], 448); /* without a fence */
	assert_int_equal(maker.n_asked, 0);
}

/* What is made to see its layout is charged while it is there. */
static void a_question_is_charged(void **state)
{
	const uint64_t before = t.quota.entries[QUOTA_BLOB_BYTES].use;
	struct test_request request, other;

	assert_int_equal(offer(&request, 100, 50, XR24), -EINPROGRESS);
	assert_int_equal(t.quota.entries[QUOTA_BLOB_BYTES].use, before + 24576);
	answer(0, &picture, fd_memfd("image", picture.size));
	assert_int_equal(t.quota.entries[QUOTA_BLOB_BYTES].use, before);
	/* Where the machine may have no more, the maker is not asked. */
	t.quota.entries[QUOTA_BLOB_BYTES].limit = before + 24576;
	assert_int_equal(offer(&request, 100, 51, XR24), -EINPROGRESS);
	assert_int_equal(offer(&other, 100, 52, XR24), 0);
	assert_int_equal(told().strides[0], 448);
	assert_int_equal(maker.n_asked, 2);
	destroy_context();
	assert_int_equal(t.quota.entries[QUOTA_BLOB_BYTES].use, before);
}

static struct resource *make_blob(
	struct test_request *request, uint32_t id, uint32_t blob_id, uint64_t size)
{
	struct resource *resource;
	assert_true(cross_domain_makes_blob(t.context, blob_id));
	assert_int_equal(
		resource_create(&t.table, id, RESOURCE_BLOB_HOST, align_up(size, 4096), &resource),
		0);
	resource_set_pending(resource, true);
	*request = (struct test_request){.base = {.context = t.context, .ring = -1}};
	t.context->n_held++;
	assert_int_equal(
		cross_domain_make_blob(t.context, resource, blob_id, size, 0, &request->base), 0);
	return resource;
}

static void each_blob_is_made_anew(void **state)
{
	struct test_request request;
	uint32_t blob_id = ask_picture();
	for (uint32_t id = 10; id < 12; id++) {
		struct resource *resource = make_blob(&request, id, blob_id, picture.size);
		assert_int_equal(request.response, 0);
		assert_int_equal(maker.asked.width, 100);
		int fd = fd_memfd("image", picture.size);
		answer(0, &picture, fd);
		assert_int_equal(request.response, VIRTIO_GPU_RESP_OK_NODATA);
		assert_false(resource->pending);
		assert_int_equal(resource->fd, fd);
		assert_true(resource->fd_owned);
		assert_int_equal(resource->map_info, VIRTIO_GPU_MAP_CACHE_CACHED);
		assert_true(resource->is_image);
		resource_forget(resource);
	}
}

/* Sommelier asks for scanout, too, and gets the layout of that, for the question as for each blob.
 */
static void what_a_guest_asks_for_is_what_is_made(void **state)
{
	struct test_request request;
	const uint32_t plain = ask_picture();
	struct image scanout = picture;
	scanout.strides[0] = 1024;
	scanout.size = 53248;
	assert_int_equal(offer_for(LINEAR | SCANOUT, &request, 100, 50, XR24), -EINPROGRESS);
	assert_int_equal(maker.asked.flags, LINEAR | SCANOUT);
	answer(0, &scanout, fd_memfd("image", scanout.size));
	const struct cross_domain_image_requirements answered = told();
	assert_int_not_equal(answered.blob_id, plain);
	assert_int_equal(answered.strides[0], 1024);
	assert_int_equal(answered.size, scanout.size);
	assert_int_equal(answered.modifier, DRM_FORMAT_MOD_LINEAR);
	assert_int_equal(answered.map_info, VIRTIO_GPU_MAP_CACHE_CACHED);
	struct resource *resource = make_blob(&request, 10, answered.blob_id, scanout.size);
	assert_int_equal(maker.asked.flags, LINEAR | SCANOUT);
	answer(0, &scanout, fd_memfd("image", scanout.size));
	assert_true(resource->fd_owned);
	resource_forget(resource);
}

/* A guest's kernel may round a blob up to its own page. */
static void bytes_are_as_many_as_the_blob_has(void **state)
{
	struct test_request request;
	struct image bytes = picture;
	bytes.size = 12288;
	assert_int_equal(offer(&request, 10000, 1, DRM_FORMAT_R8), -EINPROGRESS);
	answer(0, &bytes, fd_memfd("image", bytes.size));
	assert_int_equal(told().size, 12288);
	assert_int_equal(told().strides[0], 10048);
	struct resource *resource = make_blob(&request, 10, told().blob_id, 65536);
	assert_int_equal(maker.asked.width, 65536);
	bytes.size = 65536;
	answer(0, &bytes, fd_memfd("image", bytes.size));
	assert_true(resource->fd_owned);
	assert_false(resource->is_image);
	resource_forget(resource);
}

/* A few bytes can be a large piece of a GPU's memory. */
static void a_blob_is_charged_for_all_of_its_memory(void **state)
{
	const uint64_t use = t.quota.entries[QUOTA_BLOB_BYTES].use;
	struct test_request request;
	struct image bytes = picture;

	t.table.quota = &t.quota;
	bytes.size = 65536;
	assert_int_equal(offer(&request, 100, 1, DRM_FORMAT_R8), -EINPROGRESS);
	answer(0, &bytes, fd_memfd("image", bytes.size));
	assert_int_equal(told().size, 4096);
	struct resource *resource = make_blob(&request, 10, told().blob_id, 4096);
	answer(0, &bytes, fd_memfd("image", bytes.size));
	assert_true(resource->fd_owned);
	assert_int_equal(t.table.host_blob_bytes, 65536);
	assert_int_equal(t.quota.entries[QUOTA_BLOB_BYTES].use, use + 65536);
	/* Beyond what the machine may have it is ordinary memory. */
	bytes.size = REGION_BYTES;
	struct resource *other = make_blob(&request, 11, told().blob_id, 4096);
	answer(0, &bytes, fd_memfd("image", bytes.size));
	assert_int_equal(request.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_false(other->fd_owned);
	resource_forget(resource);
	resource_forget(other);
	assert_int_equal(t.table.host_blob_bytes, 0);
	assert_int_equal(t.quota.entries[QUOTA_BLOB_BYTES].use, use);
	t.table.quota = NULL; /* what is left was not charged */
}

static void a_blob_that_cannot_be_made_is_memory(void **state)
{
	uint32_t blob_id = ask_picture();
	struct image other = picture, short_one = picture;
	other.strides[0] = 576;
	short_one.size = 4096;
	const struct {
		int error;
		const struct image *image;
	} cases[] = {{-ENOMEM, NULL}, {0, &other}, {0, &short_one}};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct test_request request;
		struct resource *resource = make_blob(&request, 10, blob_id, picture.size);
		answer(cases[i].error, cases[i].image,
			cases[i].image ? fd_memfd("image", 4096) : -1);
		assert_int_equal(request.response, VIRTIO_GPU_RESP_OK_NODATA);
		assert_false(resource->pending);
		assert_false(resource->fd_owned);
		resource_forget(resource);
	}
	struct test_request request;
	maker.error = -ENODEV;
	struct resource *resource = make_blob(&request, 10, blob_id, picture.size);
	assert_int_equal(request.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_false(resource->fd_owned);
	resource_forget(resource);
}

/* A file descriptor is charged only for as long as there may be one, and none is no end. */
static void a_blob_without_a_descriptor_is_memory(void **state)
{
	uint64_t *use = &t.quota.entries[QUOTA_FDS].use, before = *use;
	uint32_t blob_id = ask_picture();
	struct test_request request;

	t.table.quota = &t.quota;
	struct resource *resource = make_blob(&request, 10, blob_id, picture.size);
	assert_int_equal(*use, before + RESOURCE_FDS);
	answer(-ENOMEM, NULL, -1);
	assert_int_equal(*use, before);
	resource_forget(resource);
	t.quota.entries[QUOTA_FDS].limit = before;
	resource = make_blob(&request, 10, blob_id, picture.size);
	assert_null(maker.call);
	assert_int_equal(request.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_false(resource->fd_owned);
	resource_forget(resource);
	t.table.quota = NULL; /* what is left was not charged */
}

static void a_context_that_ends_waits_for_nothing(void **state)
{
	struct test_request question, request;
	uint32_t blob_id = ask_picture();
	assert_int_equal(offer(&question, 200, 50, XR24), -EINPROGRESS);
	destroy_context();
	assert_int_equal(maker.n_cancelled, 1);
	assert_int_equal(question.response, VIRTIO_GPU_RESP_OK_NODATA);
	make_context();
	attach(resource_find(&t.table, QUERY));
	attach(resource_find(&t.table, CHANNEL));
	assert_int_equal(init(0), 0);
	assert_false(cross_domain_makes_blob(t.context, blob_id)); /* it was of the other context */
	blob_id = ask_picture();
	struct resource *resource = make_blob(&request, 10, blob_id, picture.size);
	destroy_context();
	assert_int_equal(maker.n_cancelled, 2);
	assert_int_equal(request.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_false(resource->pending);
	resource_forget(resource);
}

static int set_up_channel(void **state)
{
	memset(&maker, 0, sizeof(maker));
	world_maker = &fake;
	if (set_up(state) < 0)
		return -1;
	int error = init(CROSS_DOMAIN_CHANNEL_WAYLAND);
	fake_compositor->layout = TILED;
	return error;
}

static const struct image tiled = {
	.strides = {1024, 64},
	.offsets = {0, 57344},
	.size = 61440,
	.modifier = TILED,
	.fd_type = 1,
};

/* What it may have is the compositor's to say, of contexts that have one. */
static void only_who_asks_for_it_gets_any_layout(void **state)
{
	static const struct {
		uint32_t flags, height, n_modifiers;
		uint32_t format;
	} cases[] = {
		{CROSS_DOMAIN_IMAGE_ANY_LAYOUT, 50, 1, XR24},
		{CROSS_DOMAIN_IMAGE_ANY_LAYOUT | SCANOUT, 50, 1, XR24},
		{CROSS_DOMAIN_IMAGE_ANY_LAYOUT | LINEAR, 50, 0, XR24},
		{UINT32_MAX, 50, 0, XR24},
		{CROSS_DOMAIN_IMAGE_ANY_LAYOUT, 1, 0, DRM_FORMAT_R8},
		{LINEAR | SCANOUT, 50, 0, XR24},
		{SCANOUT, 50, 0, XR24},
		{0, 50, 0, XR24},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct test_request request;
		assert_int_equal(
			offer_for(cases[i].flags, &request, 100, cases[i].height, cases[i].format),
			-EINPROGRESS);
		assert_int_equal(maker.asked.n_modifiers, cases[i].n_modifiers);
		assert_true(cases[i].n_modifiers == 0 || maker.asked.modifiers[0] == TILED);
		answer(-ENOMEM, NULL, -1);
	}
	fake_compositor->layout = 0;
	struct test_request request;
	assert_int_equal(
		offer_for(CROSS_DOMAIN_IMAGE_ANY_LAYOUT, &request, 101, 50, XR24), -EINPROGRESS);
	assert_int_equal(maker.asked.n_modifiers, 0);
	answer(-ENOMEM, NULL, -1);
}

static void without_a_channel_there_are_rows(void **state)
{
	struct test_request request;
	assert_int_equal(
		offer_for(CROSS_DOMAIN_IMAGE_ANY_LAYOUT, &request, 100, 50, XR24), -EINPROGRESS);
	assert_int_equal(maker.asked.n_modifiers, 0);
	answer(0, &picture, fd_memfd("image", picture.size));
	assert_int_equal(told().modifier, DRM_FORMAT_MOD_LINEAR);
}

static uint32_t ask_tiled(void)
{
	struct test_request request;
	assert_int_equal(
		offer_for(CROSS_DOMAIN_IMAGE_ANY_LAYOUT, &request, 100, 50, XR24), -EINPROGRESS);
	answer(0, &tiled, fd_memfd("image", tiled.size));
	assert_int_equal(request.response, VIRTIO_GPU_RESP_OK_NODATA);
	return told().blob_id;
}

static void nobody_maps_what_is_not_in_rows(void **state)
{
	struct test_request request;
	const uint32_t blob_id = ask_tiled();
	const struct cross_domain_image_requirements answered = told();

	assert_true(answered.modifier == TILED);
	assert_memory_equal(answered.strides, tiled.strides, sizeof(tiled.strides));
	assert_memory_equal(answered.offsets, tiled.offsets, sizeof(tiled.offsets));
	assert_int_equal(answered.size, tiled.size);
	assert_int_equal(answered.map_info, 0);
	/* It is made in the layout that the guest was told, whatever else there is by now. */
	fake_compositor->layout = TILED + 1;
	struct resource *resource = make_blob(&request, 10, blob_id, tiled.size);
	assert_int_equal(maker.asked.n_modifiers, 1);
	assert_true(maker.asked.modifiers[0] == TILED);
	answer(0, &tiled, fd_memfd("image", tiled.size));
	assert_int_equal(request.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_true(resource->fd_owned);
	assert_int_equal(resource->map_info, 0); /* see test_resources.c */
	assert_true(resource->is_image && resource->modifier == TILED);
	resource_forget(resource);
}

/* No other memory is laid out like that. */
static void what_is_not_in_rows_is_made_or_refused(void **state)
{
	const uint32_t blob_id = ask_tiled();
	struct image other = tiled, moved = tiled;
	other.modifier = DRM_FORMAT_MOD_LINEAR;
	moved.offsets[1] = 4096;
	const struct {
		int error;
		const struct image *image;
	} cases[] = {{-ENOMEM, NULL}, {0, &other}, {0, &moved}};
	struct test_request request;

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		make_blob(&request, 10, blob_id, tiled.size);
		answer(cases[i].error, cases[i].image,
			cases[i].image ? fd_memfd("image", 61440) : -1);
		assert_int_equal(request.response, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
		assert_null(resource_find(&t.table, 10));
	}
	maker.error = -ENODEV;
	make_blob(&request, 10, blob_id, tiled.size);
	assert_int_equal(request.response, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
	maker.error = 0;
	/* The guest gives it up; its context ends. */
	struct resource *resource = make_blob(&request, 10, blob_id, tiled.size);
	resource_forget(resource);
	answer(-ENOMEM, NULL, -1);
	assert_int_equal(request.response, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
	make_blob(&request, 10, blob_id, tiled.size);
	destroy_context();
	assert_int_equal(request.response, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
	assert_null(resource_find(&t.table, 10));
}

/* The query ring is gone when the answer comes. */
static void an_answer_needs_its_ring(void **state)
{
	struct test_request request;
	assert_int_equal(offer(&request, 100, 50, XR24), -EINPROGRESS);
	detach(QUERY);
	answer(0, &picture, fd_memfd("image", picture.size));
	assert_int_equal(request.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(told().size, 0);
}

static void the_capset_says_that_there_are_dmabufs(void **state)
{
	struct cross_domain_capset_ext capset;
	t.kind.base.fill_capset(&t.kind.base, (uint8_t *)&capset);
	assert_int_equal(capset.base.supports_dmabuf, 1);
	assert_true(capset.features & CROSS_DOMAIN_EXT_ANY_LAYOUT);
	cross_domain_kind_init(&t.kind, NULL, false, true, NULL);
	t.kind.base.host = &t.host;
	t.kind.base.start(&t.kind.base);
	t.kind.base.fill_capset(&t.kind.base, (uint8_t *)&capset);
	assert_int_equal(capset.base.supports_dmabuf, 0);
	assert_false(capset.features & CROSS_DOMAIN_EXT_ANY_LAYOUT);
	t.kind.maker = &fake;
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_maker, tear_down)
#define TEST_CHANNEL(name) cmocka_unit_test_setup_teardown(name, set_up_channel, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_question_waits_for_the_maker),
		TEST(what_cannot_be_made_is_memory),
		TEST(only_what_can_wait_is_asked),
		TEST(a_question_is_charged),
		TEST(each_blob_is_made_anew),
		TEST(what_a_guest_asks_for_is_what_is_made),
		TEST(bytes_are_as_many_as_the_blob_has),
		TEST(a_blob_is_charged_for_all_of_its_memory),
		TEST(a_blob_that_cannot_be_made_is_memory),
		TEST(a_blob_without_a_descriptor_is_memory),
		TEST(a_context_that_ends_waits_for_nothing),
		TEST_CHANNEL(only_who_asks_for_it_gets_any_layout),
		TEST(without_a_channel_there_are_rows),
		TEST_CHANNEL(nobody_maps_what_is_not_in_rows),
		TEST_CHANNEL(what_is_not_in_rows_is_made_or_refused),
		TEST(an_answer_needs_its_ring),
		TEST(the_capset_says_that_there_are_dmabufs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
