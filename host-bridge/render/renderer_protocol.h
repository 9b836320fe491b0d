/*
 * What wayferry-host and wayferry-renderer say to each other, over SOCK_SEQPACKET sockets.
 *
 * On the spawner's socket the host sends struct renderer_spawn, and nothing comes back. Each worker
 * has a socket of its own, made by the host before the worker is there, so that the host never
 * waits for it: requests queue up in it. A request with a serial is answered once, with that
 * serial; answers to requests with a fence come when the fence retires, so answers are not in
 * order. Requests without a serial have no answer; what fails of them the worker logs, and what
 * comes later and needs it fails. A worker that cannot go on ends: its context is lost.
 *
 * The host trusts no worker: it checks all that an answer says before it uses it.
 */
#ifndef HOST_BRIDGE_RENDER_RENDERER_PROTOCOL_H
#define HOST_BRIDGE_RENDER_RENDERER_PROTOCOL_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define RENDERER_PROTOCOL_VERSION 1
#define RENDERER_MESSAGE_BYTES (32u << 10) /* the most in one message, headers included */
#define RENDERER_NAME_BYTES 64
#define RENDERER_MAX_CAPSET_BYTES 4096
#define RENDERER_MAX_SUBMISSION_BYTES (1u << 20)
#define RENDERER_MAX_BACKING (1u << 20) /* segments of one resource */
#define RENDERER_MAX_REGIONS 64         /* of guest memory, that one worker knows */
#define RENDERER_NO_RING UINT32_MAX
#define RENDERER_MAX_PLANES 4
#define RENDERER_MAX_MODIFIERS 32

/* Capset ids (virtio 1.3, 5.7.6.8). */
#define RENDERER_CAPSET_VIRGL 1
#define RENDERER_CAPSET_VIRGL2 2
#define RENDERER_CAPSET_GFXSTREAM 3
#define RENDERER_CAPSET_VENUS 4
#define RENDERER_CAPSET_DRM 6

enum renderer_kind { /* of workers: what they initialise the library for */
	RENDERER_KIND_VIRGL,
	RENDERER_KIND_VENUS,
	RENDERER_KIND_GFXSTREAM,
	RENDERER_KIND_DRM,
	RENDERER_KIND_GBM, /* no contexts: it makes buffers for all of the machine */
	RENDERER_N_KINDS,
};

/* --- to the spawner --- */

enum {
	RENDERER_SPAWN, /* with the worker's end of its socket */
	RENDERER_KILL,  /* the worker and all its children; unknown ids are ignored */
};

struct renderer_spawn {
	uint32_t version;
	uint32_t type;
	uint32_t id; /* the host's name for the worker, never used twice */
	uint32_t kind;
};
static_assert(sizeof(struct renderer_spawn) == 16, "");

/* --- to workers --- */

enum renderer_request_type {
	RENDERER_PING = 1,
	RENDERER_GET_CAPSET, /* answer: renderer_capset and the capset's bytes */
	RENDERER_CTX_CREATE, /* once, before what follows; a worker that cannot ends */
	RENDERER_REGION,     /* an fd: a region of the guest's memory */
	RENDERER_CREATE_3D,  /* a classic resource */
	RENDERER_BACKING,    /* segments for the next ATTACH_BACKING or GUEST_BLOB, added to those
				sent before; a list of none clears them */
	RENDERER_ATTACH_BACKING,
	RENDERER_DETACH_BACKING,
	RENDERER_GUEST_BLOB,  /* a blob of the segments sent before */
	RENDERER_CREATE_BLOB, /* answer: renderer_blob and an fd */
	RENDERER_IMPORT,      /* an fd: a resource of somebody else */
	RENDERER_ATTACH,      /* to the context; DETACH likewise */
	RENDERER_DETACH,
	RENDERER_UNREF,
	RENDERER_TRANSFER, /* answered */
	RENDERER_COMMANDS, /* bytes of the next SUBMIT; adds up */
	RENDERER_SUBMIT,   /* answered */
	RENDERER_MEASURE,  /* of RENDERER_KIND_GBM, as is ALLOCATE. Answer: renderer_answer.speed */
	RENDERER_ALLOCATE, /* answer: renderer_answer.blob, with strides and offsets, and an fd */
	RENDERER_N_REQUESTS,
};

struct renderer_request {
	uint32_t type;
	uint32_t serial;      /* 0: no answer is wanted */
	uint32_t fenced;      /* 1: the answer waits for the fence */
	uint32_t ring;        /* of the fence; RENDERER_NO_RING: the context's own order */
	uint32_t resource_id; /* for those that are about one; else 0 */
	uint32_t pad;
	union {
		struct {
			uint32_t capset_id;
		} get_capset;
		struct {
			uint32_t capset_id;
			char name[RENDERER_NAME_BYTES]; /* NUL-terminated */
		} ctx_create;
		struct {
			uint32_t region, pad;
			uint64_t fd_offset, size;
		} region;
		struct {
			uint32_t target, format, bind, width, height, depth, array_size, last_level,
				nr_samples, flags;
			/*
			 * Not 0: the resource is to be shared, and the request is answered: with
			 * its memory, of so many bytes, as for a blob; or with an error, and then
			 * the resource exists all the same, for this worker alone.
			 */
			uint64_t shared_bytes;
		} create_3d;
		struct {
			uint32_t blob_mem, blob_flags;
			uint64_t blob_id, size;
		} create_blob;
		struct {
			uint64_t size;
		} guest_blob;
		struct {
			uint32_t fd_type;
			/* Of a shared classic resource, in virgl's terms; format 0: something else.
			 */
			uint32_t format;
			uint32_t bind, width, height, stride;
			uint64_t size, modifier;
		} import;
		struct {
			uint32_t to_host; /* 1, or 0: from the host */
			uint32_t x, y, z, w, h, d;
			uint32_t level, stride, layer_stride;
			uint64_t offset;
		} transfer;
		/*
		 * A buffer in one of the layouts that follow, 64 bits each, or where there are none
		 * or the GPU has it in none of them, in rows. Of R8 and one row it is bytes: the
		 * memory of any picture that has no more of them.
		 */
		struct {
			uint32_t width, height;
			uint32_t format;      /* DRM's */
			uint32_t flags;       /* GBM's */
			uint32_t n_modifiers; /* DRM's; at most RENDERER_MAX_MODIFIERS */
		} allocate;
		struct {
			uint32_t n; /* bytes, or segments, that follow this struct */
		} list;
	};
};
static_assert(offsetof(struct renderer_request, ctx_create) == 24, "");
static_assert(sizeof(struct renderer_request) == 96, "");

struct renderer_segment { /* of guest memory */
	uint32_t region;
	uint32_t length;
	uint64_t offset; /* in the region */
};
static_assert(sizeof(struct renderer_segment) == 16, "");

/* What fits into one message behind the request. */
#define RENDERER_LIST_BYTES (RENDERER_MESSAGE_BYTES - sizeof(struct renderer_request))
#define RENDERER_LIST_SEGMENTS (RENDERER_LIST_BYTES / sizeof(struct renderer_segment))

/* --- from workers --- */

enum { /* what an fd is; as the library has it */
	RENDERER_FD_DMABUF = 1,
	RENDERER_FD_OPAQUE = 2,
	RENDERER_FD_SHM = 3,
};

struct renderer_answer {
	uint32_t version;
	uint32_t serial;
	int32_t error;        /* 0, or a negative errno; then there is no more and no fd */
	uint32_t extra_bytes; /* that follow: of a capset; else 0 */
	union {
		struct {
			uint32_t max_version;
			uint32_t private_textures; /* 1: OpenGL's textures cannot be shared */
		} capset;
		struct {
			uint32_t fd_type;
			uint32_t map_info; /* VIRTIO_GPU_MAP_CACHE_* */
			uint64_t fd_offset;
			uint64_t size;
			/* Of classic resources: bytes a row, and DRM's format modifier. */
			uint64_t modifier;
			uint32_t stride, pad;
			/* Of buffers, by plane. */
			uint32_t strides[RENDERER_MAX_PLANES], offsets[RENDERER_MAX_PLANES];
		} blob;
		struct { /* MiB/s at which the processor writes to a buffer, and to a memfd */
			uint32_t buffer_written, memory_written;
		} speed;
	};
};
static_assert(sizeof(struct renderer_answer) == 88, "");

#endif
