/* guest-proxy/channel/channel_blobs.c */
#include "tests/unit/channel_rig.h"

static void without_host_memory_what_it_sent_is_fetched(void **state)
{
	const uint32_t id = 40, type = CROSS_DOMAIN_ID_VIRTGPU_BLOB;
	device.host_error = -ENODEV;
	receive_event("keymap", 1, &id, &type);
	assert_int_equal(device.fetched, 40);
	/* The event waits for it, and the next one is not asked for. */
	assert_int_equal(user.receives, 0);
	size_t before = device.n_submissions;
	flush();
	assert_int_equal(device.n_submissions, before);
	answer_all();
	assert_int_equal(user.receives, 1);
	assert_int_equal(device.n_submissions, before + 1);
	assert_int_equal(user.n_handles, 1);
	struct channel_blob *blob = user.handles[0].blob;
	assert_string_equal((char *)blob->map, "fetched");
	assert_int_equal(blob->size, 5000);
	assert_int_equal(user.closed, 0);
}

static void sizes_fall_into_few_classes(void **state)
{
	struct channel_blob *blob;
	for (size_t size = 1; size < 64 << 20; size += 1 + size / 50) {
		assert_int_equal(make_blob(size, &blob), 0);
		assert_int_equal(blob->size, size);
		assert_true(
			blob->gpu->size >= size && blob->gpu->size <= size + size / 4 + PAGE_BYTES);
		channel_blob_unref(blob);
	}
	assert_in_range(device.requirements, 10, 64);
	unsigned before = device.requirements;
	assert_int_equal(make_blob(1000000, &blob), 0);
	channel_blob_unref(blob);
	assert_int_equal(device.requirements, before);
	assert_int_equal(channel_counters(user.channel)->blobs, 0);
	assert_int_equal(channel_counters(user.channel)->blob_bytes, 0);
}

static void impossible_sizes_are_no_reason_to_end(void **state)
{
	struct channel_blob *blob;
	assert_int_equal(make_blob(0, &blob), -ENOMEM);
	assert_int_equal(make_blob(SIZE_MAX, &blob), -ENOMEM);
	assert_int_equal(make_blob((size_t)INT32_MAX + 1, &blob), -ENOMEM);
	device.host_error = -ENOMEM;
	assert_int_equal(make_blob(4096, &blob), -ENOMEM);
	turn();
	assert_int_equal(user.closed, 0);
}

static void a_device_without_a_window_gets_memory_of_the_guest(void **state)
{
	struct channel_blob *blob;
	device.host_error = -EINVAL;
	assert_int_equal(make_blob(4096, &blob), 0);
	assert_int_equal(container_of(blob->gpu, struct fake_blob, base)->memory, GPU_BLOB_GUEST);
	channel_blob_unref(blob);
	unsigned before = device.requirements;
	device.host_error = 0; /* it is not asked again */
	assert_int_equal(make_blob(1 << 20, &blob), 0);
	assert_int_equal(container_of(blob->gpu, struct fake_blob, base)->memory, GPU_BLOB_GUEST);
	channel_blob_unref(blob);
	assert_int_equal(device.requirements, before);
}

static void answers_about_memory_are_not_believed_blindly(void **state)
{
	static const struct cross_domain_image_requirements bad[] = {
		{.size = 100, .blob_id = 3},
		{.size = UINT64_MAX, .blob_id = 3},
		{.size = 1 << 20, .blob_id = 3},
		{.size = 8192, .blob_id = 0},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		struct channel_blob *blob;
		device.answer = bad[i];
		assert_true(make_blob(8192, &blob) < 0);
		turn();
		assert_int_equal(user.closed, 1);
		channel_destroy(user.channel);
		device.last_resource = 0;
		user.closed = 0;
		open_channel();
	}
}

static void one_question_at_a_time_and_one_for_each_size(void **state)
{
	struct channel_blob *blobs[4];
	static const size_t sizes[] = {4096, 1 << 20, 4096, 1 << 20};
	for (size_t i = 0; i < ARRAY_LENGTH(blobs); i++) {
		assert_int_equal(channel_blob_create(user.channel, sizes[i], &blobs[i]), 0);
		assert_int_equal(blobs[i]->status, -EINPROGRESS);
	}
	assert_int_equal(device.requirements, 1);
	channel_blob_unref(blobs[0]); /* its answer is of use for another one */
	answer_all();
	assert_int_equal(device.requirements, 2);
	for (size_t i = 1; i < ARRAY_LENGTH(blobs); i++) {
		assert_int_equal(blobs[i]->status, 0);
		assert_int_equal(blobs[i]->size, sizes[i]);
		channel_blob_unref(blobs[i]);
	}
	assert_true(user.blobs > 0);
}

static void a_question_that_finds_no_room_is_asked_later(void **state)
{
	struct channel_blob *blob;
	device.submit_error = -EAGAIN;
	assert_int_equal(channel_blob_create(user.channel, 4096, &blob), 0);
	assert_int_equal(device.requirements, 0);
	device.submit_error = 0;
	device.listener->done(device.listener_data, 0);
	assert_int_equal(device.requirements, 1);
	answer_all();
	assert_int_equal(blob->status, 0);
	channel_blob_unref(blob);
}

static void a_channel_may_end_while_its_blobs_are_in_progress(void **state)
{
	const uint32_t id = 40, type = CROSS_DOMAIN_ID_VIRTGPU_BLOB;
	struct channel_blob *blob;
	assert_int_equal(channel_blob_create(user.channel, 4096, &blob), 0);
	device.host_error = -ENODEV;
	receive_event("keymap", 1, &id, &type);
	channel_destroy(user.channel);
	user.channel = NULL;
	assert_null(blob->map);
	channel_blob_unref(blob);
}

static void blobs_that_outlive_their_channel_have_no_memory(void **state)
{
	struct channel_blob *blob;
	assert_int_equal(make_blob(4096, &blob), 0);
	channel_destroy(user.channel);
	user.channel = NULL;
	assert_int_equal(device.blobs, 0);
	assert_null(blob->map);
	channel_blob_unref(blob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_host_memory_what_it_sent_is_fetched),
		TEST(sizes_fall_into_few_classes),
		TEST(impossible_sizes_are_no_reason_to_end),
		TEST(a_device_without_a_window_gets_memory_of_the_guest),
		TEST(answers_about_memory_are_not_believed_blindly),
		TEST(one_question_at_a_time_and_one_for_each_size),
		TEST(a_question_that_finds_no_room_is_asked_later),
		TEST(a_channel_may_end_while_its_blobs_are_in_progress),
		TEST(blobs_that_outlive_their_channel_have_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
