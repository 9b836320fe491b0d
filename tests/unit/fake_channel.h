/*
 * channel.h without a device: what was sent is remembered, what the host says is the test's to say.

 */
#ifndef TESTS_FAKE_CHANNEL_H
#define TESTS_FAKE_CHANNEL_H

#include "guest-proxy/channel/channel.h"

/* A dma-buf of the device is a pipe's reading end: it is readable when it is finished. */

#define FAKE_WRITES_BYTES (8 << 20)

struct channel {
	const struct channel_listener *listener;
	void *listener_data;
	bool full;           /* channel_ready() is false */
	uint64_t owed_bytes; /* channel_owed_bytes() */
	bool lost;           /* every call fails */
	bool paused;
	size_t max_blob_bytes; /* -ENOMEM above */
	bool memory_pending;   /* blobs are in progress until fake_channel_memory */
	bool takes_files;      /* channel_blob_give works */
	int import_error;      /* of channel_blob_import; 0: by what the fd is */
	unsigned imports;      /* live */
	uint32_t last_read_pipe;
	unsigned flushes;
	bool output;            /* channel_has_output() */
	bool deaf;              /* not channel_listens() */
	void (*flushing)(void); /* channel_flush is called; may be NULL */

	/* the last channel_send */
	uint8_t sent[65536];
	size_t sent_bytes;
	struct wire_handle sent_handle; /* the first one; a copy, not owned */
	/* Where channel_send's bytes go besides; may be NULL. Takes the handles. */
	void (*send)(void *data, const uint8_t *bytes, size_t size, struct wire_handle *handles,
		size_t n_handles);
	void *send_data;

	/* channel_write, all pipes in one */
	uint32_t written_pipe;
	uint8_t *written;
	size_t written_bytes;
	unsigned hang_ups, writes;
	/* channel_write_space: so many bytes; 0: there is none */
	size_t unit;
	uint8_t *space;
	unsigned writes_from_space, idle;
	/* channel_reader_gone */
	bool knows_reader_gone;
	unsigned readers_gone;
	bool tells_time; /* channel_ask_clock works, */
	unsigned clock_asked;
	uint32_t last_clock; /* and that was for this one */
	/* channel_read_done */
	uint64_t read_done_bytes;

	struct channel_blob *pending[8];
	size_t n_pending;
	struct channel_counters counters;
};

/* The one made last; NULL when it was destroyed. */
extern struct channel *fake_channel;
/* What the one destroyed last had got by channel_write. */
extern struct fake_channel_past {
	uint8_t written[64];
	size_t written_bytes;
	unsigned hang_ups;
} fake_channel_past;
/* Blobs in progress have @status now; listener->blobs is called. */
void fake_channel_memory(int status);
/* channel_create returns NULL. */
extern bool fake_channel_refused;

/* What channel_stride_alignment says; 0: 4. */
extern uint32_t fake_stride_alignment;

#endif
