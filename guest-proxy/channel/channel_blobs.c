/*
 * Memory of a cross-domain context that the host's compositor sees, too.
 *
 *   wanted --(a class of sizes that is not known)--> the host is asked what such memory is
 *          --> a blob of the device --(what the host sent, copied)--> FETCH --> complete
 */
#include "guest-proxy/channel/channel_blobs.h"

#include <errno.h>
#include <stdlib.h>

#include "protocol/base/copied_once.h"
#include "protocol/formats/cross_domain.h"

#define LOG_MODULE "channel"
#include "protocol/base/log.h"

/* Plain bytes: DRM_FORMAT_R8, one row of them, GBM_BO_USE_LINEAR. */
#define FORMAT_R8 UINT32_C(0x20203852)
#define USE_LINEAR 16

/* What the host was asked, and will answer with the fence of the submission. */
struct question {
	struct wl_list link;       /* channel_blobs::questions */
	struct channel_blob *blob; /* to be fetched; NULL: about a class, or the blob is gone */
	bool about_class;
	void (*other)(void *data); /* somebody else's question; NULL: it is about memory */
	void *data;
};

void channel_blobs_init(struct channel_blobs *blobs)
{
	*blobs = (struct channel_blobs){0};
	wl_list_init(&blobs->live);
	wl_list_init(&blobs->questions);
}

/* Frees the memory behind @blob; those who hold references keep the struct. */
static void blob_release_memory(struct channel_blob *blob)
{
	struct channel_blobs *blobs = blob->owner;
	struct question *question;
	if (!blobs)
		return;
	if (blob->status == 0) {
		blobs->counters->blobs--;
		blobs->counters->blob_bytes -= blob->gpu->size;
	}
	wl_list_for_each(question, &blobs->questions, link)
	{
		if (question->blob == blob)
			question->blob = NULL;
	}
	if (blob->gpu)
		blobs->gpu->ops->blob_destroy(blob->gpu);
	wl_list_remove(&blob->link);
	blob->owner = NULL;
	blob->gpu = NULL;
	blob->map = NULL;
}

void channel_blobs_finish(struct channel_blobs *blobs)
{
	struct channel_blob *blob, *next_blob;
	struct question *question, *next;
	wl_list_for_each_safe(blob, next_blob, &blobs->live, link) blob_release_memory(blob);
	wl_list_for_each_safe(question, next, &blobs->questions, link) free(question);
	wl_list_init(&blobs->questions);
}

static struct channel_blob *blob_alloc(struct channel_blobs *blobs, size_t size)
{
	struct channel_blob *blob = calloc(1, sizeof(*blob));
	if (!blob)
		return NULL;
	blob->refs = 1;
	blob->status = -EINPROGRESS;
	blob->owner = blobs;
	blob->size = size;
	wl_list_insert(blobs->live.prev, &blob->link);
	return blob;
}

/* The end of being in progress. */
static void blob_done(struct channel_blob *blob, int status)
{
	struct channel_blobs *blobs = blob->owner;
	blob->status = status;
	blob->wants_class = blob->wants_fetch = false;
	if (status == 0) {
		blob->map = blob->gpu->map;
		blobs->counters->blobs++;
		blobs->counters->blob_bytes += blob->gpu->size;
	}
	if (blob != blobs->starting)
		blobs->done(blobs->data, blob);
}

int channel_blobs_import(struct channel_blobs *blobs, int fd, struct channel_blob **out)
{
	const struct gpu_ops *ops = blobs->gpu->ops;
	if (!ops->blob_import)
		return -ENODEV;
	struct channel_blob *blob = blob_alloc(blobs, 0);
	if (!blob)
		return -ENOMEM;
	int error = ops->blob_import(blobs->context, fd, &blob->gpu);
	if (error < 0) {
		channel_blob_unref(blob);
		return error;
	}
	blob->size = blob->gpu->size;
	blobs->starting = blob;
	blob_done(blob, 0);
	blobs->starting = NULL;
	*out = blob;
	return 0;
}

int channel_blobs_give(struct channel_blobs *blobs, int fd, size_t size, struct channel_blob **out)
{
	const struct gpu_ops *ops = blobs->gpu->ops;
	if (!ops->blob_give || !(blobs->features & CROSS_DOMAIN_EXT_FILES))
		return -ENOTSUP;
	struct channel_blob *blob = blob_alloc(blobs, size);
	if (!blob)
		return -ENOMEM;
	blob->memory = GPU_BLOB_FILE;
	int error = ops->blob_give(blobs->context, fd, size, &blob->gpu);
	if (error < 0 && error != -EINPROGRESS) {
		blob->gpu = NULL;
		channel_blob_unref(blob);
		return error;
	}
	*out = blob;
	return 0;
}

/* Submits @command, which is @what. 0 or -errno; -EAGAIN: not now. */
static int ask(struct channel_blobs *blobs, const void *command, size_t size,
	const struct question *what, struct gpu_blob *gpu_blob)
{
	struct question *question = calloc(1, sizeof(*question));
	if (!question)
		return -ENOMEM;
	*question = *what;
	int error = blobs->gpu->ops->submit(
		blobs->context, command, size, GPU_FENCE_ANSWER, false, &gpu_blob, 1);
	if (error < 0) {
		free(question);
		return error;
	}
	wl_list_insert(blobs->questions.prev, &question->link);
	blobs->counters->submissions++;
	return 0;
}

int channel_blobs_ask(struct channel_blobs *blobs, const void *command, size_t size,
	void (*answered)(void *data), void *data)
{
	const struct question question = {.other = answered, .data = data};
	return ask(blobs, command, size, &question, blobs->query_ring);
}

/* Has the host copy what it calls host_id into @blob, memory of the guest. */
static void fetch(struct channel_blob *blob)
{
	const struct cross_domain_fetch command = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_FETCH, .cmd_size = sizeof(command)},
		.blob_id = blob->host_id,
		.resource_id = blob->gpu->resource_id,
	};
	int error = ask(blob->owner, &command, sizeof(command), &(struct question){.blob = blob},
		blob->gpu);
	blob->wants_fetch = error == -EAGAIN;
	if (error < 0 && error != -EAGAIN)
		blob_done(blob, error);
}

/* @size rounded up to one of a few sizes; at most a quarter is wasted. */
static uint64_t class_size(size_t size)
{
	uint64_t pages = align_up(size, PAGE_BYTES) / PAGE_BYTES, step = 1;
	while (pages / step >= 8)
		step *= 2;
	return align_up(pages, step) * PAGE_BYTES;
}

static const struct channel_blobs_class *find_class(
	const struct channel_blobs *blobs, uint64_t size)
{
	for (unsigned i = 0; i < blobs->n_classes; i++) {
		if (blobs->classes[i].size == size)
			return &blobs->classes[i];
	}
	return NULL;
}

static void learn_memory(struct gpu *gpu, enum gpu_blob_memory memory, const char *text)
{
	if (gpu->has_memory)
		return;
	gpu->has_memory = true;
	gpu->memory = memory;
	log_info("%s: buffers are made of %s", gpu->ops->describe(gpu), text);
}

static void blob_begin(struct channel_blob *blob);

/* The device has made @blob's memory, or (@error) has not. */
static void handle_memory(struct channel_blob *blob, int error)
{
	struct channel_blobs *blobs = blob->owner;
	bool no_such_memory =
		blob->memory == GPU_BLOB_HOST && (error == -EINVAL || error == -ENODEV);

	if (error < 0 && blob->gpu) {
		blobs->gpu->ops->blob_destroy(blob->gpu);
		blob->gpu = NULL;
	}
	if (no_such_memory && blob->received && (blobs->features & CROSS_DOMAIN_EXT_FETCH)) {
		blob->wants_fetch = true;
		blob_begin(blob);
	} else if (no_such_memory && !blob->received && !blobs->gpu->has_memory) {
		learn_memory(
			blobs->gpu, GPU_BLOB_GUEST, "this side's memory, which the host copies");
		blob_begin(blob);
	} else if (error == 0 && blob->wants_fetch) {
		blob->made = true;
		fetch(blob);
	} else {
		if (error == 0 && blob->memory == GPU_BLOB_HOST && !blob->received)
			learn_memory(blobs->gpu, GPU_BLOB_HOST, "the host's memory, mapped here");
		blob_done(blob, error);
	}
}

static void create(struct channel_blob *blob, enum gpu_blob_memory memory, uint32_t host_id)
{
	struct channel_blobs *blobs = blob->owner;
	blob->memory = memory;
	int error = blobs->gpu->ops->blob_create(
		blobs->context, memory, host_id, blob->rounded_size, &blob->gpu);
	if (error == -EINPROGRESS)
		return;
	if (error < 0)
		blob->gpu = NULL;
	handle_memory(blob, error);
}

/* Asks about the class of the first blob that waits for one; one at a time: the ring is one page.
 */
static void ask_class(struct channel_blobs *blobs)
{
	struct gpu_blob *ring = blobs->query_ring;
	struct channel_blob *blob, *first = NULL;
	wl_list_for_each(blob, &blobs->live, link)
	{
		if (!first && blob->wants_class)
			first = blob;
	}
	if (!first || blobs->asked_size > 0 || !ring->map)
		return;
	const struct cross_domain_get_image_requirements request = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_GET_IMAGE_REQUIREMENTS,
			.cmd_size = sizeof(request)},
		.width = (uint32_t)first->rounded_size,
		.height = 1,
		.drm_format = FORMAT_R8,
		.flags = USE_LINEAR,
	};
	memset(ring->map, 0, sizeof(struct cross_domain_image_requirements));
	int error = ask(
		blobs, &request, sizeof(request), &(struct question){.about_class = true}, ring);
	if (error == 0)
		blobs->asked_size = first->rounded_size;
	else if (error != -EAGAIN)
		blob_done(first, error);
}

/* The first or the next step of @blob. */
static void blob_begin(struct channel_blob *blob)
{
	struct channel_blobs *blobs = blob->owner;
	bool host = !blobs->gpu->has_memory || blobs->gpu->memory == GPU_BLOB_HOST;

	if (blob->wants_fetch) {
		create(blob, GPU_BLOB_GUEST, 0);
	} else if (blob->received) {
		create(blob, GPU_BLOB_HOST, blob->host_id);
	} else if (!host) {
		create(blob, GPU_BLOB_GUEST, 0);
	} else {
		const struct channel_blobs_class *class = find_class(blobs, blob->rounded_size);
		blob->wants_class = !class;
		if (class)
			create(blob, GPU_BLOB_HOST, class->blob_id);
		else
			ask_class(blobs);
	}
}

/* What the query ring says about the class that the host was asked about. 0 or -EPROTO. */
static int learn_class(struct channel_blobs *blobs, uint64_t size)
{
	struct cross_domain_image_requirements answer;
	memcpy(&answer, blobs->query_ring->map, sizeof(answer));
	copied_once();
	if (answer.blob_id == 0 || answer.size < size || answer.size > 2 * size)
		return -EPROTO;
	if (blobs->n_classes == CHANNEL_BLOBS_CLASSES) /* of a table that holds all there are */
		return -EPROTO;
	blobs->classes[blobs->n_classes++] =
		(struct channel_blobs_class){.size = size, .blob_id = answer.blob_id};
	return 0;
}

static void handle_class_answer(struct channel_blobs *blobs)
{
	uint64_t size = blobs->asked_size;
	blobs->asked_size = 0;
	int error = learn_class(blobs, size);
	for (;;) {
		struct channel_blob *blob, *found = NULL;
		wl_list_for_each(blob, &blobs->live, link)
		{
			if (!found && blob->wants_class && blob->rounded_size == size)
				found = blob;
		}
		if (!found)
			break;
		/* Either may change the list. */
		found->wants_class = false;
		if (error < 0)
			blob_done(found, error);
		else
			blob_begin(found);
	}
	ask_class(blobs);
}

void channel_blobs_answered(struct channel_blobs *blobs)
{
	if (wl_list_empty(&blobs->questions))
		return;
	struct question *question = wl_container_of(blobs->questions.next, question, link);
	const struct question what = *question;

	wl_list_remove(&question->link);
	free(question);
	if (what.other)
		what.other(what.data);
	else if (what.about_class)
		handle_class_answer(blobs);
	else if (what.blob)
		blob_done(what.blob, 0);
}

void channel_blobs_gpu_blob(struct channel_blobs *blobs, struct gpu_blob *gpu_blob, int error)
{
	struct channel_blob *blob, *found = NULL;
	wl_list_for_each(blob, &blobs->live, link)
	{
		if (blob->gpu == gpu_blob)
			found = blob;
	}
	if (found)
		handle_memory(found, error);
}

void channel_blobs_retry(struct channel_blobs *blobs)
{
	struct channel_blob *blob, *next;
	wl_list_for_each_safe(blob, next, &blobs->live, link)
	{
		if (blob->wants_fetch && blob->made)
			fetch(blob);
	}
	ask_class(blobs);
}

/* Begins @blob; 0, or it is freed with an error that was known at once. */
static int blob_start(struct channel_blob *blob, struct channel_blob **out)
{
	struct channel_blobs *blobs = blob->owner;
	blobs->starting = blob;
	blob_begin(blob);
	blobs->starting = NULL;
	int status = blob->status;
	if (status < 0 && status != -EINPROGRESS) {
		channel_blob_unref(blob);
		return status;
	}
	*out = blob;
	return 0;
}

int channel_blobs_create(struct channel_blobs *blobs, size_t size, struct channel_blob **out)
{
	if (size == 0 || size > INT32_MAX)
		return -ENOMEM;
	if (blobs->features & CROSS_DOMAIN_EXT_GUEST_SHARED)
		learn_memory(
			blobs->gpu, GPU_BLOB_GUEST, "this side's memory, which the host shares");
	struct channel_blob *blob = blob_alloc(blobs, size);
	if (!blob)
		return -ENOMEM;
	blob->rounded_size = class_size(size);
	return blob_start(blob, out);
}

int channel_blobs_receive(
	struct channel_blobs *blobs, uint32_t blob_id, size_t size, struct channel_blob **out)
{
	struct channel_blob *blob = blob_alloc(blobs, size);
	if (!blob)
		return -ENOMEM;
	blob->received = true;
	blob->host_id = blob_id;
	blob->rounded_size = size;
	return blob_start(blob, out);
}

struct channel_blob *channel_blob_ref(struct channel_blob *blob)
{
	blob->refs++;
	return blob;
}

void channel_blob_unref(struct channel_blob *blob)
{
	if (--blob->refs > 0)
		return;
	blob_release_memory(blob);
	free(blob);
}

static void handle_unref(void *blob)
{
	channel_blob_unref(blob);
}

struct wire_handle channel_blob_handle(struct channel_blob *blob)
{
	return (struct wire_handle){
		.kind = WIRE_BLOB,
		.fd = -1,
		.blob = channel_blob_ref(blob),
		.blob_unref = handle_unref,
	};
}
