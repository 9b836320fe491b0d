/* The guest's side of the fuzzers of what lies below its channels. */
#include "tests/fuzz/guest_life.h"

#include <string.h>

#include "guest-proxy/channel/channel.h"

#define MAX_BLOBS 8

enum guest_step {
	GUEST_TURN,
	GUEST_CHANNEL, /* another one */
	GUEST_DESTROY,
	GUEST_BLOB, /* u16 size, in units of 256 bytes */
	GUEST_UNREF,
	GUEST_SEND, /* u8 size, in units of 64 bytes; upper half: with a blob, with a read pipe */
	GUEST_WRITE,
	GUEST_READ_DONE,
	GUEST_PAUSE,
};

static struct {
	struct input *input;
	struct wl_event_loop *loop;
	struct gpu *gpu;
	struct channel *channels[GUEST_LIFE_CHANNELS];
	bool impatient; /* destroys channels as soon as they say that they are closed */
	struct channel_blob *blobs[MAX_BLOBS];
	const struct channel *owners[MAX_BLOBS]; /* of the blobs */
	uint32_t read_pipe;
	unsigned seen; /* sum of bytes: what may be read is read */
} g;

void guest_life_begin(
	struct gpu *gpu, struct wl_event_loop *loop, struct input *input, bool impatient)
{
	g.gpu = gpu;
	g.loop = loop;
	g.input = input;
	g.impatient = impatient;
}

static void see(const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		g.seen += ((const uint8_t *)bytes)[i];
}

static void handle_receive(void *data, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	see(bytes, size);
	for (size_t i = 0; i < n_handles; i++) {
		struct channel_blob *blob = handles[i].kind == WIRE_BLOB ? handles[i].blob : NULL;
		if (blob && blob->size > 0) {
			see(blob->map, 1);
			see(blob->map + blob->size - 1, 1);
		}
		wire_handle_finish(&handles[i]);
	}
}

static void handle_pipe_data(
	void *data, uint32_t pipe_id, const void *bytes, size_t size, bool hang_up)
{
	see(bytes, size);
}

static void handle_blobs(void *data)
{
	for (size_t i = 0; i < MAX_BLOBS; i++) {
		if (g.blobs[i] && g.blobs[i]->map) {
			g.blobs[i]->map[0] = 1;
			g.blobs[i]->map[g.blobs[i]->size - 1] = 1;
		}
	}
}

static void handle_ready(void *data)
{
}

static void drop_blobs(const struct channel *channel)
{
	for (size_t i = 0; i < MAX_BLOBS; i++) {
		if (g.blobs[i] && g.owners[i] == channel) {
			channel_blob_unref(g.blobs[i]);
			g.blobs[i] = NULL;
		}
	}
}

static void destroy_channel(struct channel **channel)
{
	struct channel *dying = *channel;
	*channel = NULL;
	if (!dying)
		return;
	drop_blobs(dying);
	channel_destroy(dying);
}

static void handle_closed(void *data, const char *why)
{
	struct channel **channel = data;
	if (why)
		see(why, strlen(why));
	if (g.impatient)
		destroy_channel(channel);
}

static const struct channel_listener listener = {
	.receive = handle_receive,
	.pipe_data = handle_pipe_data,
	.blobs = handle_blobs,
	.ready = handle_ready,
	.closed = handle_closed,
};

static void make_blob(struct channel *channel)
{
	size_t size = input_u16(g.input) * (size_t)256;
	for (size_t i = 0; channel && i < MAX_BLOBS; i++) {
		if (g.blobs[i])
			continue;
		if (channel_blob_create(channel, size, &g.blobs[i]) < 0) {
			g.blobs[i] = NULL;
		} else {
			g.owners[i] = channel;
		}
		return;
	}
}

static void send_bytes(struct channel *channel, unsigned with)
{
	static const uint8_t bytes[255 * 64];
	struct wire_handle handles[2];
	size_t n = 0, size = input_byte(g.input) * (size_t)64;
	if (!channel)
		return;
	for (size_t i = 0; (with & 1) && i < MAX_BLOBS && n == 0; i++) {
		if (g.blobs[i] && g.owners[i] == channel)
			handles[n++] = channel_blob_handle(g.blobs[i]);
	}
	if (with & 2) {
		g.read_pipe = channel_new_read_pipe(channel);
		handles[n++] =
			(struct wire_handle){.kind = WIRE_READ_PIPE, .fd = -1, .id = g.read_pipe};
	}
	channel_send(channel, bytes, size, handles, n);
	channel_flush(channel);
}

static void write_pipe(struct channel *channel, bool hang_up)
{
	static const uint8_t bytes[255 * 64];
	uint8_t id = input_byte(g.input);
	size_t size = input_byte(g.input) * (size_t)64;
	if (channel && channel_write(channel, id, bytes, size, hang_up) == 0)
		channel_flush(channel);
}

static void read_done(struct channel *channel)
{
	size_t size = input_byte(g.input) * (size_t)1024;
	if (channel)
		channel_read_done(channel, g.read_pipe, size);
}

void guest_life_step(uint8_t step)
{
	unsigned more = step >> 4 & 7;
	struct channel **channel = &g.channels[more % GUEST_LIFE_CHANNELS];
	switch (step & 15) {
	case GUEST_CHANNEL:
		if (!*channel)
			*channel = channel_create(g.gpu, &listener, channel);
		break;
	case GUEST_DESTROY:
		destroy_channel(channel);
		break;
	case GUEST_BLOB:
		make_blob(*channel);
		break;
	case GUEST_UNREF:
		if (g.blobs[more])
			channel_blob_unref(g.blobs[more]);
		g.blobs[more] = NULL;
		break;
	case GUEST_SEND:
		send_bytes(g.channels[more >> 2], more);
		break;
	case GUEST_WRITE:
		write_pipe(g.channels[more >> 1 & 1], more & 1);
		break;
	case GUEST_READ_DONE:
		read_done(*channel);
		break;
	case GUEST_PAUSE:
		if (g.channels[more >> 1 & 1])
			channel_pause(g.channels[more >> 1 & 1], more & 1);
		break;
	default:
		for (int i = 0; i < 3; i++)
			wl_event_loop_dispatch(g.loop, 0);
	}
}

void guest_life_end(void)
{
	g.impatient = false;
	for (size_t i = 0; i < GUEST_LIFE_CHANNELS; i++)
		destroy_channel(&g.channels[i]);
}
