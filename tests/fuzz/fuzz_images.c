/*
 * Buffers of a GPU: contexts that ask for any, and answers of the process that makes them, which
 * may say anything. The input is a list of steps: a byte for what to do, then what it needs.
 */
#include "host-bridge/render/renderer_images.h"

#include <drm_fourcc.h>
#include <errno.h>

#include "protocol/base/log.h"
#include "protocol/pixels/pixel_format.h"
#include "tests/unit/fake_worker.h"

#define ASKED 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *bytes, *end;
};

struct asked {
	struct image_call call;
	struct image_request request;
	bool open; /* to be done once */
};

static struct asked asked[ASKED];
static struct renderer *renderer;
static struct wl_event_loop *loop;
static struct image_maker *maker;
static struct fake_worker worker;

static uint8_t take_u8(struct input *input)
{
	return input->bytes < input->end ? *input->bytes++ : 0;
}

static uint32_t take_u32(struct input *input)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 8 | take_u8(input);
	return value;
}

/* What is not in rows is as was asked for, and all of its planes begin in its memory. */
static void check_layout(const struct image_request *request, const struct image *image)
{
	bool asked_for = false;

	for (uint32_t i = 0; i < request->n_modifiers; i++)
		asked_for |= request->modifiers[i] == image->modifier;
	if (!asked_for || image->map_info != 0 || image->strides[0] == 0)
		abort();
	for (unsigned i = 0; i < IMAGE_MAX_PLANES; i++)
		if (image->strides[i] > 0 && image->offsets[i] >= image->size)
			abort();
}

/* What has been made can be used as its promise says, whatever the process has answered. */
static void check(const struct image_request *request, const struct image *image, int fd)
{
	const struct pixel_format *format = pixel_format_find(request->format);
	const off_t bytes = lseek(fd, 0, SEEK_END);

	if (bytes < 0 || image->size == 0 || image->fd_offset > (uint64_t)bytes ||
		image->size > (uint64_t)bytes - image->fd_offset)
		abort();
	if (image_is_bytes(request)) {
		if (image->size < request->width)
			abort();
		return;
	}
	if (image->modifier != DRM_FORMAT_MOD_LINEAR) {
		check_layout(request, image);
		return;
	}
	for (unsigned i = 0; i < format->n_planes; i++)
		if (!pixel_format_plane_fits(format, i, image->offsets[i], image->strides[i],
			    (int32_t)request->width, (int32_t)request->height, image->size))
			abort();
}

static void handle_done(struct image_call *call, int error, const struct image *image, int fd)
{
	struct asked *one = container_of(call, struct asked, call);

	if (!one->open || (error == 0) != (fd >= 0))
		abort();
	one->open = false;
	if (error == 0)
		check(&one->request, image, fd);
	fd_close(&fd);
}

static void ask(struct input *input)
{
	static const uint32_t formats[] = {DRM_FORMAT_XRGB8888, DRM_FORMAT_ARGB8888,
		DRM_FORMAT_NV12, DRM_FORMAT_R8, DRM_FORMAT_P010, DRM_FORMAT_RGB565, 0};
	const uint8_t which = take_u8(input), how = take_u8(input);
	struct asked *one = &asked[which % ASKED];

	if (one->open)
		return;
	one->request =
		(struct image_request){.width = how & 0x80 ? take_u32(input) : take_u8(input) * 16u,
			.height = how & 0x40 ? take_u32(input) : take_u8(input),
			.format = formats[(how & 7) % ARRAY_LENGTH(formats)],
			.flags = how & 0x20 ? take_u32(input) : 0};
	if (how & 0x10)
		one->request.n_modifiers = take_u8(input) % (IMAGE_MAX_MODIFIERS + 1);
	for (uint32_t i = 0; i < one->request.n_modifiers; i++)
		one->request.modifiers[i] = take_u8(input);
	one->call = (struct image_call){.done = handle_done, .asker = &asked[which % 4]};
	one->open = maker->make(maker, &one->request, &one->call) == 0;
}

static void cancel(struct asked *one)
{
	if (!one->open)
		return;
	one->open = false;
	maker->cancel(maker, &one->call);
}

/* An answer to the last request that was read; right, but for what the input says. */
static void answer(struct input *input)
{
	const uint8_t how = take_u8(input);
	struct renderer_answer message = fake_answer(&worker, how & 1 ? -ENOMEM : 0);
	const uint32_t pages = take_u8(input);
	int fd = -1;

	if (how & 2)
		fd = fd_memfd("image", pages * UINT64_C(4096));
	message.blob.fd_type = RENDERER_FD_SHM;
	message.blob.map_info = 1;
	message.blob.size = pages * UINT64_C(4096);
	for (size_t i = 0; i < IMAGE_MAX_PLANES; i++) {
		message.blob.strides[i] = take_u8(input) * 64u;
		message.blob.offsets[i] = take_u8(input) * 4096u;
	}
	if (how & 4)
		message.blob.size = take_u32(input);
	if (how & 8)
		message.blob.fd_offset = take_u8(input) * 1024u;
	if (how & 16)
		message.blob.modifier = take_u32(input);
	if (how & 32)
		message.blob.map_info = take_u8(input);
	if (how & 64)
		message.blob.fd_type = take_u8(input);
	if (how & 128)
		message.serial += take_u8(input);
	const struct iovec iov = {.iov_base = &message, .iov_len = sizeof(message)};
	fd_send(worker.socket, &iov, 1, &fd, fd >= 0);
	fd_close(&fd);
}

/* Bytes that are no answer. */
static void answer_nonsense(struct input *input)
{
	uint8_t bytes[255];
	const uint8_t length = take_u8(input);
	struct iovec iov = {bytes, min_u64(length, (size_t)(input->end - input->bytes))};

	memcpy(bytes, input->bytes, iov.iov_len);
	input->bytes += iov.iov_len;
	fd_send(worker.socket, &iov, 1, NULL, 0);
}

static void meet_worker(void)
{
	struct fake_worker met;

	for (int type; (type = fake_spawner_serve(&met, 0)) >= 0;) {
		if (type != RENDERER_SPAWN)
			continue;
		fake_worker_close(&worker);
		worker = met;
	}
}

static void step(struct input *input)
{
	const uint8_t what = take_u8(input);

	meet_worker();
	switch (what % 8) {
	case 0:
	case 1:
		ask(input);
		break;
	case 2:
		cancel(&asked[take_u8(input) % ASKED]);
		break;
	case 3:
	case 4:
		if (worker.socket >= 0 && fake_worker_receive(&worker) > 0)
			answer(input);
		break;
	case 5:
		if (worker.socket >= 0)
			answer_nonsense(input);
		break;
	case 6:
		fake_worker_close(&worker);
		break;
	default:
		wl_event_loop_dispatch(loop, 0);
		break;
	}
}

static void prepare(void)
{
	int sockets[2];

	log_set_level(LOG_LEVEL_ERROR);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets) < 0)
		abort();
	fake_spawner = sockets[1];
	renderer = renderer_create_on(sockets[0], &(struct renderer_config){0});
	loop = wl_event_loop_create();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};

	if (!renderer)
		prepare();
	struct renderer_images *images = renderer_images_create(renderer, loop);
	maker = renderer_images_maker(images);
	memset(asked, 0, sizeof(asked));
	worker = (struct fake_worker){.socket = -1, .in_fd = -1};
	while (input.bytes < input.end)
		step(&input);
	wl_event_loop_dispatch(loop, 0);
	/* Contexts are gone before. */
	for (size_t i = 0; i < ASKED; i++)
		cancel(&asked[i]);
	renderer_images_destroy(images);
	meet_worker();
	fake_worker_close(&worker);
	wl_event_loop_dispatch(loop, 0);
	return 0;
}
