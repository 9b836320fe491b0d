/* channel.h without a device. */
#include "tests/unit/fake_channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "protocol/base/bytes.h"

struct channel *fake_channel;
struct fake_channel_past fake_channel_past;
bool fake_channel_refused;

struct channel *channel_create(struct gpu *gpu, const struct channel_listener *listener, void *data)
{
	if (fake_channel_refused)
		return NULL;
	struct channel *channel = calloc(1, sizeof(*channel));
	channel->listener = listener;
	channel->listener_data = data;
	channel->max_blob_bytes = SIZE_MAX;
	channel->last_read_pipe = 0x80000000;
	fake_channel = channel;
	return channel;
}

void channel_destroy(struct channel *channel)
{
	if (!channel)
		return;
	assert(channel->counters.blobs == 0);
	if (fake_channel == channel)
		fake_channel = NULL;
	fake_channel_past.written_bytes = channel->written_bytes;
	fake_channel_past.hang_ups = channel->hang_ups;
	if (channel->written)
		memcpy(fake_channel_past.written, channel->written,
			min_u64(channel->written_bytes, 64));
	free(channel->written);
	free(channel->space);
	free(channel);
}

int channel_send(struct channel *channel, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	assert(size <= sizeof(channel->sent));
	memcpy(channel->sent, bytes, size);
	channel->sent_bytes = size;
	if (n_handles > 0)
		channel->sent_handle = handles[0];
	channel->counters.sends++;
	channel->counters.bytes_out += size;
	if (channel->send && !channel->lost) {
		channel->send(channel->send_data, bytes, size, handles, n_handles);
		return 0;
	}
	for (size_t i = 0; i < n_handles; i++)
		wire_handle_finish(&handles[i]);
	return channel->lost ? -EIO : 0;
}

bool channel_has_output(const struct channel *channel)
{
	return channel->output;
}

bool channel_listens(const struct channel *channel)
{
	return !channel->deaf;
}

int channel_flush(struct channel *channel)
{
	channel->flushes++;
	if (channel->flushing)
		channel->flushing();
	return channel->lost ? -EIO : 0;
}

bool channel_ready(const struct channel *channel)
{
	return !channel->full;
}

uint64_t channel_owed_bytes(const struct channel *channel)
{
	return channel->lost ? 0 : channel->owed_bytes;
}

uint32_t channel_new_read_pipe(struct channel *channel)
{
	return ++channel->last_read_pipe;
}

int channel_write(
	struct channel *channel, uint32_t pipe_id, const void *bytes, size_t size, bool hang_up)
{
	assert(size <= FAKE_WRITES_BYTES - channel->written_bytes);
	channel->written_pipe = pipe_id;
	if (!channel->written)
		channel->written = malloc(FAKE_WRITES_BYTES);
	if (size > 0)
		memcpy(channel->written + channel->written_bytes, bytes, size);
	channel->written_bytes += size;
	channel->hang_ups += hang_up;
	channel->writes++;
	channel->writes_from_space += bytes && bytes == channel->space;
	return channel->lost ? -EIO : 0;
}

uint8_t *channel_write_space(struct channel *channel, size_t *size)
{
	*size = channel->unit;
	if (!channel->space && channel->unit > 0)
		channel->space = malloc(channel->unit);
	return channel->space;
}

void channel_write_idle(struct channel *channel)
{
	channel->idle++;
}

bool channel_reader_gone(struct channel *channel, uint32_t pipe_id)
{
	channel->readers_gone += channel->knows_reader_gone;
	return channel->knows_reader_gone;
}

void channel_read_done(struct channel *channel, uint32_t pipe_id, size_t size)
{
	channel->read_done_bytes += size;
}

void channel_pause(struct channel *channel, bool paused)
{
	channel->paused = paused;
}

int channel_blob_create(struct channel *channel, size_t size, struct channel_blob **out)
{
	if (channel->lost)
		return -EIO;
	size = align_up(size, PAGE_BYTES);
	if (size > channel->max_blob_bytes)
		return -ENOMEM;
	struct channel_blob *blob = calloc(1, sizeof(*blob));
	blob->refs = 1;
	blob->owner = (struct channel_blobs *)channel; /* this fake has no other use for it */
	blob->size = size;
	if (channel->memory_pending) {
		blob->status = -EINPROGRESS;
		assert(channel->n_pending < ARRAY_LENGTH(channel->pending));
		channel->pending[channel->n_pending++] = channel_blob_ref(blob);
	}
	blob->map = malloc(size); /* exactly, so that a sanitizer sees what is written behind it */
	memset(blob->map, 0xdb, size);
	channel->counters.blobs++;
	channel->counters.blob_bytes += size;
	*out = blob;
	return 0;
}

bool channel_ask_clock(struct channel *channel, uint32_t clock_id)
{
	channel->clock_asked += channel->tells_time;
	channel->last_clock = clock_id;
	return channel->tells_time;
}

int channel_blob_give(struct channel *channel, int fd, size_t size, struct channel_blob **out)
{
	if (!channel->takes_files)
		return -ENOTSUP;
	int error = channel_blob_create(channel, size, out);
	if (error < 0)
		return error;
	/* What the compositor sees: the file itself. */
	free((*out)->map);
	(*out)->map = mmap(NULL, (*out)->size, PROT_READ, MAP_SHARED, fd, 0);
	assert((*out)->map != MAP_FAILED);
	(*out)->made = true;
	return 0;
}

void fake_channel_memory(int status)
{
	struct channel *channel = fake_channel;
	while (channel->n_pending > 0) {
		struct channel_blob *blob = channel->pending[--channel->n_pending];
		blob->status = status;
		channel_blob_unref(blob);
	}
	if (channel->listener)
		channel->listener->blobs(channel->listener_data);
}

int channel_blob_import(struct channel *channel, int fd, struct channel_blob **out)
{
	struct stat status;
	if (channel->import_error)
		return channel->import_error;
	if (fstat(fd, &status) < 0)
		return -EBADF;
	if (!S_ISFIFO(status.st_mode))
		return -EINVAL;
	struct channel_blob *blob = calloc(1, sizeof(*blob));
	blob->refs = 1;
	blob->owner = (struct channel_blobs *)channel; /* this fake has no other use for it */
	blob->size = 4096;
	blob->gpu = calloc(1, sizeof(*blob->gpu));
	blob->gpu->resource_id = (uint32_t)status.st_ino;
	channel->imports++;
	channel->counters.blobs++;
	channel->counters.blob_bytes += blob->size;
	*out = blob;
	return 0;
}

struct channel_blob *channel_blob_ref(struct channel_blob *blob)
{
	blob->refs++;
	return blob;
}

uint32_t fake_stride_alignment;

void channel_blob_unref(struct channel_blob *blob)
{
	if (!blob || --blob->refs > 0)
		return;
	struct channel *channel = (struct channel *)blob->owner;
	channel->counters.blobs--;
	channel->counters.blob_bytes -= blob->size;
	channel->imports -= !blob->map;
	if (blob->made)
		munmap(blob->map, blob->size);
	else
		free(blob->map);
	free(blob->gpu);
	free(blob);
}

static void unref(void *blob)
{
	channel_blob_unref(blob);
}

struct wire_handle channel_blob_handle(struct channel_blob *blob)
{
	return (struct wire_handle){
		.kind = WIRE_BLOB, .fd = -1, .blob = channel_blob_ref(blob), .blob_unref = unref};
}

uint32_t channel_stride_alignment(const struct channel *channel)
{
	return fake_stride_alignment ? fake_stride_alignment : 4;
}

const struct channel_counters *channel_counters(const struct channel *channel)
{
	return &channel->counters;
}
