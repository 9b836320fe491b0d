/*
 * Wayland messages as bytes: one walker over the scanner's signatures that checks and decodes,
 * and its inverse. Object ids are plain numbers here; what they stand for is relay.h's business.
 */
#ifndef PROTOCOL_WIRE_WIRE_H
#define PROTOCOL_WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <wayland-util.h>

#include "protocol/streams/byte_queue.h"

#define WIRE_HEADER_BYTES 8
#define WIRE_DISPLAY_ID 1
#define WIRE_MAX_ARGS 20                          /* libwayland's limit */
#define WIRE_MAX_MESSAGE_BYTES 65532              /* 16-bit length, a multiple of 4 */
#define WIRE_SERVER_ID_START UINT32_C(0xff000000) /* ids from here on are allocated by servers */

/* What travels beside a message where Wayland says fd. */
enum wire_handle_kind {
	WIRE_NONE,       /* empty, or moved away */
	WIRE_FD,         /* an ordinary fd, owned */
	WIRE_BLOB,       /* memory of the virtio-gpu device: a counted reference */
	WIRE_READ_PIPE,  /* to the host: the guest wants to read what the host writes; the channel's
			    pipe id */
	WIRE_WRITE_PIPE, /* to the guest: an owned fd that the guest is to write to */
};

struct wire_handle {
	enum wire_handle_kind kind;
	int fd;      /* WIRE_FD, WIRE_WRITE_PIPE; else -1 */
	uint32_t id; /* WIRE_READ_PIPE */
	void *blob;  /* WIRE_BLOB: struct resource on the host, struct channel_blob in the guest */
	void (*blob_unref)(void *blob);
};

static inline struct wire_handle wire_handle_fd(int fd)
{
	return (struct wire_handle){.kind = WIRE_FD, .fd = fd};
}

/* Closes or unrefs what @handle owns and empties it. */
void wire_handle_finish(struct wire_handle *handle);
/* All @n of them. */
void wire_handles_drop(struct wire_handle *handles, size_t n);

/* As fd_recv, with the fds as handles (FD_MESSAGE_MAX of them at most). */
ssize_t wire_recv(
	int socket, void *bytes, size_t size, struct wire_handle *handles, size_t *n_handles);

/*
 * A bounded queue of handles. Zero-initialised is empty, and what is empty needs no finish. The
 * bound is libwayland's for fds that come before their messages: a client whose socket was full for
 * a while sends up to 28 of them with each byte.
 */
#define WIRE_HANDLES_MAX 1024
struct wire_handles {
	struct byte_queue queue; /* of struct wire_handle */
	uint32_t count;
};
/* Takes @handle; -ENOBUFS when full, -ENOMEM (then the handle stays the caller's). */
int wire_handles_push(struct wire_handles *handles, struct wire_handle handle);
/* The first one, now the caller's; kind WIRE_NONE when empty. */
struct wire_handle wire_handles_pop(struct wire_handles *handles);
void wire_handles_finish(struct wire_handles *handles);

struct relay_object;

/* One argument; which member counts is the signature's letter. */
union wire_arg {
	int32_t i;                   /* 'i' */
	uint32_t u;                  /* 'u' */
	wl_fixed_t f;                /* 'f' */
	const char *s;               /* 's': NUL-terminated, in the message; NULL where nullable */
	uint32_t id;                 /* 'o', 'n' in raw messages */
	struct relay_object *object; /* 'o', 'n' once resolved (relay.h); NULL where nullable */
	struct {
		const void *data;
		uint32_t size;
	} array;                   /* 'a' */
	struct wire_handle handle; /* 'h': owned by the message */
};

/* A signature, taken apart: one entry per argument. */
struct wire_signature {
	uint32_t since; /* version that brought the message */
	uint8_t n_args;
	uint8_t n_handles, n_objects, n_new; /* of types h, o and n */
	struct {
		char type; /* one of "iufsonah" */
		bool nullable;
	} args[WIRE_MAX_ARGS];
};

/* @signature comes from the scanner, never from a peer; asserts that it is well formed. */
void wire_signature_parse(const char *signature, struct wire_signature *out);

struct wire_header {
	uint32_t id;
	uint16_t opcode;
	uint16_t size; /* of the whole message, header included */
};

/* @bytes: at least WIRE_HEADER_BYTES. -EPROTO if the size is below 8 or no multiple of 4. */
int wire_header_decode(const uint8_t *bytes, struct wire_header *out);

/*
 * Decodes the body of a message (its @size bytes behind the header; size is a multiple of 4) by
 * @signature into @args. Handles are popped from @handles; strings and arrays point into @body.
 * Returns 0, or -EPROTO with *@why (a constant text: "string is not NUL-terminated", ...) and no
 * handle consumed. -EAGAIN if too few handles are there, none consumed.
 */
int wire_decode(const struct wire_signature *signature, const uint8_t *body, size_t size,
	struct wire_handles *handles, union wire_arg args[WIRE_MAX_ARGS], const char **why);

/*
 * The inverse: header and body into @out (@capacity bytes). 'o' and 'n' arguments come from
 * @args[].id; handles are not touched. Returns the message's size, or -EMSGSIZE if it is over
 * capacity or WIRE_MAX_MESSAGE_BYTES.
 */
ssize_t wire_encode(const struct wire_signature *signature, uint32_t id, uint16_t opcode,
	const union wire_arg args[WIRE_MAX_ARGS], uint8_t *out, size_t capacity);

/*
 * wl_display.error about the display itself, for a client that no relay serves; @text is cut to
 * what fits. Returns the message's size.
 */
#define WIRE_DISPLAY_ERROR_BYTES 512
size_t wire_encode_display_error(
	uint8_t out[WIRE_DISPLAY_ERROR_BYTES], uint32_t code, const char *text);

#endif
