/*
 * The cross-domain protocol (virtio-gpu capset 5), as existing implementations use it. Layouts and
 * codecs; no I/O.
 */
#ifndef PROTOCOL_FORMATS_CROSS_DOMAIN_H
#define PROTOCOL_FORMATS_CROSS_DOMAIN_H

#include "protocol/base/bytes.h"

#define CROSS_DOMAIN_CAPSET_ID 5
#define CROSS_DOMAIN_CHANNEL_WAYLAND 1
#define CROSS_DOMAIN_RING_BYTES 4096
#define CROSS_DOMAIN_MAX_IDENTIFIERS 28
#define CROSS_DOMAIN_FIRST_READ_PIPE UINT32_C(0x80000001)
/* A guest's POLL is fenced on this ring; everything else on ring 0. */
#define CROSS_DOMAIN_QUERY_RING 0
#define CROSS_DOMAIN_CHANNEL_RING 1

/*
 * Where supports_dmabuf is set, memory for wl_shm pools may be a GPU's. Rows that are a multiple of
 * so many bytes can be read by all GPUs: then the compositor gets such a buffer as a dma-buf.
 */
#define CROSS_DOMAIN_DMABUF_STRIDE 256

struct cross_domain_capset {
	uint32_t version;            /* 1 */
	uint32_t supported_channels; /* bit 1 << type */
	uint32_t supports_dmabuf;
	uint32_t supports_external_gpu_memory;
};
static_assert(sizeof(struct cross_domain_capset) == 16, "");

/*
 * What wayferry-host adds behind the 16 bytes; a guest looks for it only where the capset is that
 * long, and a host behaves as if it were not there until the guest uses a command of ours.
 */
#define CROSS_DOMAIN_WAYFERRY_MAGIC UINT32_C(0x59524657) /* "WFRY" */
#define CROSS_DOMAIN_EXT_READ_CREDIT (1u << 0)           /* CROSS_DOMAIN_CMD_CREDIT is understood */
/*
 * A POLL needs no kick unless CROSS_DOMAIN_USED_F_WANT_POLL is set in the flags of the control
 * queue's used ring (which mean nothing else under VIRTIO_RING_F_EVENT_IDX). The host sets the bit
 * before it holds an event back, looks at the queue once more after that (a full barrier between,
 * as before sleep), and clears it when no event is held back. The guest makes the POLL available,
 * then (a full barrier between) reads the bit. So whichever of the two acts second sees what the
 * other did.
 */
#define CROSS_DOMAIN_EXT_WANT_POLL (1u << 1)
#define CROSS_DOMAIN_USED_F_WANT_POLL 2u
#define CROSS_DOMAIN_EXT_HOST_CLOCK (1u << 2) /* CROSS_DOMAIN_CMD_CLOCK is understood */
#define CROSS_DOMAIN_EXT_FETCH (1u << 3)      /* CROSS_DOMAIN_CMD_FETCH is understood */
#define CROSS_DOMAIN_EXT_GUEST_SHARED                                                              \
	(1u << 4) /* the compositor sees guest blobs themselves: prefer them */
/*
 * OpenGL's textures cannot be shown: programs should draw in software, as they do where they find
 * neither linux-dmabuf nor wl_drm.
 */
#define CROSS_DOMAIN_EXT_PRIVATE_TEXTURES (1u << 5)
/*
 * Each side tells the other when a reader closes its pipe, so that the writer gets EPIPE. A WRITE
 * of no bytes with hang_up for a read pipe says that the guest's reader is gone: the host closes
 * the pipe. A READ of no bytes with hang_up for a write pipe, to guests that have used CREDIT, says
 * that the host's reader is gone: the guest closes its end, and ends the pipe with a WRITE as
 * usual.
 */
#define CROSS_DOMAIN_EXT_READER_GONE (1u << 6)
/*
 * Over vhost-user, without a kernel in between, the driver can give the device files of its own:
 * VHOST_USER_GIVE_FILE (vhost_user.h). A RESOURCE_CREATE_BLOB of BLOB_MEM_HOST3D whose blob_id is
 * CROSS_DOMAIN_BLOB_FILE | the file's id makes a blob of it, once.
 */
#define CROSS_DOMAIN_EXT_FILES (1u << 7)
#define CROSS_DOMAIN_BLOB_FILE (UINT64_C(1) << 63)
/*
 * The channel ring may have several pages, each of which takes one event. A POLL names the page for
 * its event, so several may be outstanding, and one can go along with each submission. Where the
 * host has no place for so many, the oldest gets an event of no command (cmd 0): for some
 * time the guest then has one outstanding.
 */
#define CROSS_DOMAIN_EXT_POLL_SLOTS (1u << 8)
/*
 * A POLL may name several pages of such a ring: they take as many events as fit, a struct
 * cross_domain_run first and the events behind it, each at a multiple of 8.
 */
#define CROSS_DOMAIN_EXT_RUNS (1u << 9)
#define CROSS_DOMAIN_RUN_MAX_PAGES 16
#define CROSS_DOMAIN_RUN_MAX_BYTES (CROSS_DOMAIN_RUN_MAX_PAGES * CROSS_DOMAIN_RING_BYTES)
/* CROSS_DOMAIN_CMD_WRITE_FROM is understood. All of one submission name so many bytes at most. */
#define CROSS_DOMAIN_EXT_WRITE_FROM (1u << 10)
#define CROSS_DOMAIN_WRITE_FROM_MAX_BYTES (1u << 20)
/* CROSS_DOMAIN_CMD_PATIENT is understood. */
#define CROSS_DOMAIN_EXT_PATIENT (1u << 11)
/*
 * GET_IMAGE_REQUIREMENTS with this flag, and without GBM's for linear ones: the image may have any
 * layout that the GPU and the compositor of the context's channel share. What is not in rows
 * (modifier not 0) has no memory that can be mapped (map_info 0); planes are those with a stride.
 */
#define CROSS_DOMAIN_EXT_ANY_LAYOUT (1u << 12)
#define CROSS_DOMAIN_IMAGE_ANY_LAYOUT (1u << 31)
#define CROSS_DOMAIN_IMAGE_LINEAR (1u << 4) /* GBM's */
/* CROSS_DOMAIN_CMD_GROUP is understood. */
#define CROSS_DOMAIN_EXT_BELL (1u << 13)
/*
 * CROSS_DOMAIN_CMD_PAGES is understood: POLLs may name pages of one more blob, and more of them at
 * once.
 */
#define CROSS_DOMAIN_EXT_PAGES (1u << 14)
#define CROSS_DOMAIN_LONG_RUN_MAX_PAGES 65 /* what a large pipe holds, and its heads */
#define CROSS_DOMAIN_LONG_RUN_MAX_BYTES (CROSS_DOMAIN_LONG_RUN_MAX_PAGES * CROSS_DOMAIN_RING_BYTES)
struct cross_domain_capset_ext {
	struct cross_domain_capset base;
	uint32_t magic;
	uint32_t features; /* CROSS_DOMAIN_EXT_* */
};
static_assert(sizeof(struct cross_domain_capset_ext) == 24, "");

enum cross_domain_command {
	CROSS_DOMAIN_CMD_INIT = 1,
	CROSS_DOMAIN_CMD_GET_IMAGE_REQUIREMENTS = 2,
	CROSS_DOMAIN_CMD_POLL = 3,
	CROSS_DOMAIN_CMD_SEND = 4,
	CROSS_DOMAIN_CMD_RECEIVE = 5,
	CROSS_DOMAIN_CMD_READ = 6,
	CROSS_DOMAIN_CMD_WRITE = 7,
	/*
	 * Ours (EXT_READ_CREDIT), guest to host. identifier 0: from now on no read pipe of this
	 * context has more than `bytes` unacknowledged bytes under way. Else: the guest's reader
	 * took `bytes` of that pipe.
	 */
	CROSS_DOMAIN_CMD_CREDIT = 0x80,
	/*
	 * Ours (EXT_FETCH), guest to host, for guests that cannot map memory of the host: puts the
	 * contents of the received blob `blob_id` into guest memory, which was zeroes, and forgets
	 * the blob_id.
	 */
	CROSS_DOMAIN_CMD_FETCH = 0x81,
	/* Ours (EXT_RUNS), host to guest, in the channel ring. */
	CROSS_DOMAIN_CMD_RUN = 0x82,
	/*
	 * Ours (EXT_WRITE_FROM), guest to host: a WRITE whose data lie in a guest blob that is
	 * attached to the context. The host has copied them when the submission's fence on ring 0
	 * is signalled.
	 */
	CROSS_DOMAIN_CMD_WRITE_FROM = 0x83,
	/*
	 * Ours (EXT_HOST_CLOCK), guest to host: what time it is by a clock of the host's. The
	 * answer is a struct cross_domain_clock_answer in the query ring.
	 */
	CROSS_DOMAIN_CMD_CLOCK = 0x84,
	/*
	 * Ours (EXT_PATIENT), guest to host, before INIT, only a header: where the queue has no
	 * place for a POLL, it may be answered with an event of no command (cmd 0). The guest asks
	 * again when it has something to say, or some time later.
	 */
	CROSS_DOMAIN_CMD_PATIENT = 0x85,
	/*
	 * Ours (EXT_BELL), guest to host, behind PATIENT: the channels of a group listen for each
	 * other. Who has no place in the queue need not ask again: when there is something for it,
	 * a BELL tells another one of its group.
	 */
	CROSS_DOMAIN_CMD_GROUP = 0x86,
	CROSS_DOMAIN_CMD_BELL = 0x87, /* host to guest, in the channel ring */
	/*
	 * Ours (EXT_PAGES), guest to host: for POLLs, the pages of a guest blob that is attached to
	 * the context follow those of the channel ring, which has several.
	 */
	CROSS_DOMAIN_CMD_PAGES = 0x88,
};

enum cross_domain_identifier {
	CROSS_DOMAIN_ID_VIRTGPU_BLOB = 1,
	CROSS_DOMAIN_ID_VIRTGPU_SYNC = 2,
	CROSS_DOMAIN_ID_READ_PIPE = 3,
	CROSS_DOMAIN_ID_WRITE_PIPE = 4,
};

struct cross_domain_header {
	uint8_t cmd;
	uint8_t ring_idx;  /* hosts ignore it */
	uint16_t cmd_size; /* header, struct and data */
	uint32_t pad;
};
static_assert(sizeof(struct cross_domain_header) == 8, "");

struct cross_domain_init_legacy { /* query ring = channel ring */
	struct cross_domain_header hdr;
	uint32_t query_ring;
	uint32_t channel_type;
};
static_assert(sizeof(struct cross_domain_init_legacy) == 16, "");

struct cross_domain_init { /* also the start of the 24 and 36 byte forms */
	struct cross_domain_header hdr;
	uint32_t query_ring;
	uint32_t channel_ring;
	uint32_t channel_type;
};
static_assert(sizeof(struct cross_domain_init) == 20, "");

struct cross_domain_get_image_requirements {
	struct cross_domain_header hdr;
	uint32_t width;
	uint32_t height;
	uint32_t drm_format;
	uint32_t flags; /* GBM: SCANOUT 1, LINEAR 16 */
};
static_assert(sizeof(struct cross_domain_get_image_requirements) == 24, "");

struct cross_domain_image_requirements { /* the answer, at offset 0 of the query ring */
	uint32_t strides[4];
	uint32_t offsets[4];
	uint64_t modifier;
	uint64_t size;
	uint32_t blob_id;
	uint32_t map_info;
	int32_t memory_idx;
	int32_t physical_device_idx;
};
static_assert(sizeof(struct cross_domain_image_requirements) == 64, "");

struct cross_domain_poll {
	struct cross_domain_header hdr;
	/* Of a channel ring with several pages (EXT_POLL_SLOTS); else ignored, others say 0. */
	uint32_t page;
	uint32_t n_pages; /* for a run (EXT_RUNS), from that page on; 0: one event, on that page */
};
static_assert(sizeof(struct cross_domain_poll) == 16, "");

struct cross_domain_send_receive {      /* opaque data follow */
	struct cross_domain_header hdr; /* cmd_size stays 0 in RECEIVE */
	uint32_t num_identifiers;
	uint32_t opaque_data_size;
	uint32_t identifiers[CROSS_DOMAIN_MAX_IDENTIFIERS];
	uint32_t types[CROSS_DOMAIN_MAX_IDENTIFIERS];
	uint32_t sizes[CROSS_DOMAIN_MAX_IDENTIFIERS];
};
static_assert(sizeof(struct cross_domain_send_receive) == 352, "");
#define CROSS_DOMAIN_RECEIVE_MAX_DATA                                                              \
	(CROSS_DOMAIN_RING_BYTES - sizeof(struct cross_domain_send_receive))
#define CROSS_DOMAIN_SEND_MAX_DATA ((65532 - sizeof(struct cross_domain_send_receive)))

struct cross_domain_read_write { /* opaque data follow */
	struct cross_domain_header hdr;
	uint32_t identifier;
	uint32_t hang_up;
	uint32_t opaque_data_size;
	uint32_t pad;
};
static_assert(sizeof(struct cross_domain_read_write) == 24, "");
#define CROSS_DOMAIN_READ_MAX_DATA                                                                 \
	(CROSS_DOMAIN_RING_BYTES - sizeof(struct cross_domain_read_write))
#define CROSS_DOMAIN_WRITE_MAX_DATA (65532 - sizeof(struct cross_domain_read_write))

struct cross_domain_credit {
	struct cross_domain_header hdr;
	uint32_t identifier;
	uint32_t bytes;
};
static_assert(sizeof(struct cross_domain_credit) == 16, "");

struct cross_domain_fetch {
	struct cross_domain_header hdr;
	uint32_t blob_id;
	uint32_t resource_id; /* a guest blob attached to this context, at least as large as was
				 told */
};
static_assert(sizeof(struct cross_domain_fetch) == 16, "");

struct cross_domain_write_from {
	struct cross_domain_header hdr;
	uint32_t identifier;
	uint32_t hang_up; /* as in WRITE */
	uint32_t resource_id;
	uint32_t offset, size; /* bytes */
	uint32_t pad;
};
static_assert(sizeof(struct cross_domain_write_from) == 32, "");

struct cross_domain_clock {
	struct cross_domain_header hdr;
	uint32_t clock_id; /* as of Linux's clock_gettime */
	uint32_t pad;
};
static_assert(sizeof(struct cross_domain_clock) == 16, "");

#define CROSS_DOMAIN_CLOCK_ANSWER_OFFSET 128 /* in the query ring, behind image requirements */
struct cross_domain_clock_answer {
	uint64_t ns;       /* 0: the host has no such clock, or does not tell */
	uint32_t clock_id; /* that was asked for */
	uint32_t pad;
};
static_assert(sizeof(struct cross_domain_clock_answer) == 16, "");

struct cross_domain_run {               /* events follow */
	struct cross_domain_header hdr; /* cmd_size stays 0 */
	uint32_t bytes;                 /* of the events, with what pads each to a multiple of 8 */
	uint32_t pad;
};
static_assert(sizeof(struct cross_domain_run) == 16, "");

struct cross_domain_group {
	struct cross_domain_header hdr;
	uint64_t key;    /* not 0: known to the group alone */
	uint32_t member; /* what BELLs call this channel */
	uint32_t pad;
};
static_assert(sizeof(struct cross_domain_group) == 24, "");

struct cross_domain_pages {
	struct cross_domain_header hdr;
	uint32_t resource_id; /* instead of the one before; 0: none any more */
	uint32_t pad;
};
static_assert(sizeof(struct cross_domain_pages) == 16, "");

struct cross_domain_bell {              /* u32 members follow: these channels should ask */
	struct cross_domain_header hdr; /* cmd_size stays 0 */
	uint32_t n_members;
	uint32_t pad;
};
static_assert(sizeof(struct cross_domain_bell) == 16, "");
#define CROSS_DOMAIN_BELL_MAX_MEMBERS 256

/*
 * The command at the start of [bytes, bytes + size): its header, and its whole length in *@length.
 * 0, or -EINVAL when the header does not fit, cmd_size is below what that command needs (unknown
 * commands: below the header) or beyond the end. Data lengths inside SEND and WRITE are checked
 * against cmd_size too, num_identifiers against 28.
 */
int cross_domain_command_decode(
	const uint8_t *bytes, size_t size, struct cross_domain_header *header, size_t *length);

/* INIT in any of its sizes (16, 20, 24, 36): the rings and the channel's type. 0 or -EINVAL. */
int cross_domain_init_decode(const uint8_t *bytes, size_t length, struct cross_domain_init *out);

/*
 * What a guest finds in a ring page (@size bytes readable) after a POLL fence: RECEIVE, READ or
 * BELL, lengths checked against @size.
 * *@data points behind the struct, into @page. 0 or -EPROTO.
 */
int cross_domain_receive_decode(const uint8_t *page, size_t size,
	struct cross_domain_send_receive *out, const uint8_t **data);
int cross_domain_read_decode(const uint8_t *page, size_t size, struct cross_domain_read_write *out,
	const uint8_t **data);
int cross_domain_bell_decode(
	const uint8_t *page, size_t size, struct cross_domain_bell *out, const uint8_t **members);
/*
 * Of the event at the start of a run's rest, which has been copied: the bytes that it occupies, up
 * to the next one (0: it is none of these, or goes beyond @size); and how many identifiers come
 * with it, none unless it is a RECEIVE.
 */
size_t cross_domain_event_length(const uint8_t *bytes, size_t size);
uint32_t cross_domain_event_identifiers(const uint8_t *bytes, size_t size);

#endif
