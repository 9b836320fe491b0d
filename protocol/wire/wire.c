/* Wayland messages as bytes: checked and decoded, and encoded again. */
#include "protocol/wire/wire.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

void wire_handle_finish(struct wire_handle *handle)
{
	if (handle->kind == WIRE_FD || handle->kind == WIRE_WRITE_PIPE)
		fd_close(&handle->fd);
	else if (handle->kind == WIRE_BLOB && handle->blob_unref)
		handle->blob_unref(handle->blob);
	*handle = (struct wire_handle){.kind = WIRE_NONE, .fd = -1};
}

void wire_handles_drop(struct wire_handle *handles, size_t n)
{
	for (size_t i = 0; i < n; i++)
		wire_handle_finish(&handles[i]);
}

ssize_t wire_recv(
	int socket, void *bytes, size_t size, struct wire_handle *handles, size_t *n_handles)
{
	int fds[FD_MESSAGE_MAX];
	ssize_t n = fd_recv(socket, bytes, size, fds, n_handles);

	for (size_t i = 0; i < *n_handles; i++)
		handles[i] = wire_handle_fd(fds[i]);
	return n;
}

int wire_handles_push(struct wire_handles *handles, struct wire_handle handle)
{
	handles->queue.max_bytes = WIRE_HANDLES_MAX * sizeof(handle);
	int error = byte_queue_add(&handles->queue, &handle, sizeof(handle));
	handles->count += error == 0;
	return error;
}

struct wire_handle wire_handles_pop(struct wire_handles *handles)
{
	struct wire_handle handle = {.kind = WIRE_NONE, .fd = -1};
	if (handles->count == 0)
		return handle;
	memcpy(&handle, byte_queue_data(&handles->queue), sizeof(handle));
	byte_queue_take(&handles->queue, sizeof(handle));
	if (--handles->count == 0)
		byte_queue_clear(&handles->queue);
	return handle;
}

void wire_handles_finish(struct wire_handles *handles)
{
	while (handles->count > 0) {
		struct wire_handle handle = wire_handles_pop(handles);
		wire_handle_finish(&handle);
	}
}

void wire_signature_parse(const char *signature, struct wire_signature *out)
{
	*out = (struct wire_signature){0};
	for (; *signature >= '0' && *signature <= '9'; signature++)
		out->since = out->since * 10 + (uint32_t)(*signature - '0');
	if (out->since == 0)
		out->since = 1;
	bool nullable = false;
	for (; *signature; signature++) {
		if (*signature == '?') {
			nullable = true;
			continue;
		}
		assert(strchr("iufsonah", *signature) && out->n_args < WIRE_MAX_ARGS);
		out->args[out->n_args].type = *signature;
		out->args[out->n_args++].nullable = nullable;
		out->n_handles += *signature == 'h';
		out->n_objects += *signature == 'o';
		out->n_new += *signature == 'n';
		nullable = false;
	}
	assert(!nullable && out->n_handles <= FD_MESSAGE_MAX);
}

int wire_header_decode(const uint8_t *bytes, struct wire_header *out)
{
	uint32_t word = load_u32(bytes + 4);
	*out = (struct wire_header){
		.id = load_u32(bytes),
		.opcode = word & 0xffff,
		.size = (uint16_t)(word >> 16),
	};
	return out->size < WIRE_HEADER_BYTES || out->size % 4 != 0 ? -EPROTO : 0;
}

/* What has not been decoded yet. */
struct reader {
	const uint8_t *next;
	size_t left;
};

/* Each take_ function returns NULL, or what is wrong. */
static const char *take_u32(struct reader *reader, uint32_t *out)
{
	if (reader->left < 4)
		return "message is too short";
	*out = load_u32(reader->next);
	reader->next += 4;
	reader->left -= 4;
	return NULL;
}

/* @length bytes and their padding to 4. */
static bool take_padded(struct reader *reader, uint32_t length, const uint8_t **out)
{
	uint64_t padded = align_up(length, 4);
	if (padded > reader->left)
		return false;
	*out = reader->next;
	reader->next += padded;
	reader->left -= (size_t)padded;
	return true;
}

static const char *take_string(struct reader *reader, bool nullable, union wire_arg *arg)
{
	uint32_t length;
	const uint8_t *bytes;
	const char *why = take_u32(reader, &length);
	arg->s = NULL;
	if (why)
		return why;
	if (length == 0)
		return nullable ? NULL : "string must not be null";
	if (!take_padded(reader, length, &bytes))
		return "string reaches past the end of the message";
	if (bytes[length - 1] != 0)
		return "string is not NUL-terminated";
	arg->s = (const char *)bytes;
	return NULL;
}

static const char *take_array(struct reader *reader, union wire_arg *arg)
{
	uint32_t length;
	const uint8_t *bytes;
	const char *why = take_u32(reader, &length);
	if (why)
		return why;
	if (!take_padded(reader, length, &bytes))
		return "array reaches past the end of the message";
	arg->array.data = bytes;
	arg->array.size = length;
	return NULL;
}

static const char *take_arg(struct reader *reader, char type, bool nullable, union wire_arg *arg)
{
	const char *why;
	switch (type) {
	case 's':
		return take_string(reader, nullable, arg);
	case 'a':
		return take_array(reader, arg);
	case 'h':
		arg->handle = (struct wire_handle){.kind = WIRE_NONE, .fd = -1};
		return NULL;
	case 'o':
	case 'n':
		why = take_u32(reader, &arg->id);
		if (!why && arg->id == 0 && !nullable)
			return type == 'o' ? "object must not be null" : "new id must not be null";
		return why;
	default:
		return take_u32(reader, &arg->u); /* 'i', 'f': the same bits */
	}
}

int wire_decode(const struct wire_signature *signature, const uint8_t *body, size_t size,
	struct wire_handles *handles, union wire_arg args[WIRE_MAX_ARGS], const char **why)
{
	struct reader reader = {.next = body, .left = size};
	for (size_t i = 0; i < signature->n_args; i++) {
		*why = take_arg(
			&reader, signature->args[i].type, signature->args[i].nullable, &args[i]);
		if (*why)
			return -EPROTO;
	}
	if (reader.left > 0) {
		*why = "message is longer than its arguments";
		return -EPROTO;
	}
	if (signature->n_handles == 0)
		return 0;
	if (signature->n_handles > handles->count)
		return -EAGAIN;
	for (size_t i = 0; i < signature->n_args; i++) {
		if (signature->args[i].type == 'h')
			args[i].handle = wire_handles_pop(handles);
	}
	return 0;
}

/* Where the next argument goes. */
struct writer {
	uint8_t *next;
	size_t left;
};

static bool put_u32(struct writer *writer, uint32_t value)
{
	if (writer->left < 4)
		return false;
	store_u32(writer->next, value);
	writer->next += 4;
	writer->left -= 4;
	return true;
}

static bool put_bytes(struct writer *writer, const void *bytes, size_t size)
{
	if (size > WIRE_MAX_MESSAGE_BYTES || !put_u32(writer, (uint32_t)size))
		return false;
	size_t padded = (size_t)align_up(size, 4);
	if (padded > writer->left)
		return false;
	if (size > 0)
		memcpy(writer->next, bytes, size);
	memset(writer->next + size, 0, padded - size);
	writer->next += padded;
	writer->left -= padded;
	return true;
}

static bool put_arg(struct writer *writer, char type, const union wire_arg *arg)
{
	switch (type) {
	case 's':
		return put_bytes(writer, arg->s, arg->s ? strlen(arg->s) + 1 : 0);
	case 'a':
		return put_bytes(writer, arg->array.data, arg->array.size);
	case 'h':
		return true;
	case 'o':
	case 'n':
		return put_u32(writer, arg->id);
	default:
		return put_u32(writer, arg->u);
	}
}

ssize_t wire_encode(const struct wire_signature *signature, uint32_t id, uint16_t opcode,
	const union wire_arg args[WIRE_MAX_ARGS], uint8_t *out, size_t capacity)
{
	if (capacity > WIRE_MAX_MESSAGE_BYTES)
		capacity = WIRE_MAX_MESSAGE_BYTES;
	if (capacity < WIRE_HEADER_BYTES)
		return -EMSGSIZE;
	struct writer writer = {
		.next = out + WIRE_HEADER_BYTES, .left = capacity - WIRE_HEADER_BYTES};
	for (size_t i = 0; i < signature->n_args; i++) {
		if (!put_arg(&writer, signature->args[i].type, &args[i]))
			return -EMSGSIZE;
	}
	size_t size = capacity - writer.left;
	store_u32(out, id);
	store_u32(out + 4, (uint32_t)size << 16 | opcode);
	return (ssize_t)size;
}

size_t wire_encode_display_error(
	uint8_t out[WIRE_DISPLAY_ERROR_BYTES], uint32_t code, const char *text)
{
	struct wire_signature signature;
	char fitting[WIRE_DISPLAY_ERROR_BYTES - WIRE_HEADER_BYTES - 3 * sizeof(uint32_t)];
	snprintf(fitting, sizeof(fitting), "%s", text);
	const union wire_arg args[WIRE_MAX_ARGS] = {
		{.id = WIRE_DISPLAY_ID}, {.u = code}, {.s = fitting}};
	wire_signature_parse("ous", &signature); /* object, code, text */
	ssize_t size = wire_encode(
		&signature, WIRE_DISPLAY_ID, WL_DISPLAY_ERROR, args, out, WIRE_DISPLAY_ERROR_BYTES);
	assert(size > 0);
	return (size_t)size;
}
