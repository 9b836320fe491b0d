/*
 * What the channel needs of a virtio-gpu device, whoever drives it: a kernel by way of its render
 * node (gpu_virtgpu) or our own driver in user space (gpu_vhost_user). Contexts, blobs, submissions
 * and fences; what the cross-domain commands in submissions mean is not known here.
 */
#ifndef GUEST_PROXY_GPU_GPU_H
#define GUEST_PROXY_GPU_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <wayland-server-core.h> /* wl_event_loop */

#include "guest-proxy/gpu/bell.h"
#include "guest-proxy/gpu/turn.h"

struct gpu;
struct gpu_context;
struct syncobj_device;

enum gpu_blob_memory {
	GPU_BLOB_GUEST, /* the guest's own pages (VIRTGPU_BLOB_MEM_GUEST) */
	GPU_BLOB_HOST,  /* the host's, mapped into the guest (VIRTGPU_BLOB_MEM_HOST3D) */
	GPU_BLOB_FILE,  /* a file of this side's that the host was given (blob_give) */
};

struct gpu_blob {
	struct gpu_context *context;
	uint32_t resource_id; /* what commands call it */
	uint32_t bo_handle;   /* the kernel's name; 0 with gpu_vhost_user */
	void *map;            /* read and write; NULL: imported, or not complete yet */
	size_t size;          /* a multiple of the page */
};

enum gpu_fence {
	GPU_FENCE_NONE,   /* nobody is told */
	GPU_FENCE_ANSWER, /* ring 0; listener->answered when the host has run the commands */
	GPU_FENCE_DONE,   /* ring 0; listener->done when the host has carried them out, which may be
			     long after */
	GPU_FENCE_EVENT,  /* ring 1; listener->event when the host signals it (a POLL) */
};

struct gpu_listener {
	/* A GPU_FENCE_EVENT was signalled. */
	void (*event)(void *data);
	/* @n more GPU_FENCE_DONE submissions were carried out, in order. n = 0: there is room again
	 * after an -EAGAIN. */
	void (*done)(void *data, unsigned n);
	/* One more GPU_FENCE_ANSWER submission was run, in order. */
	void (*answered)(void *data);
	/*
	 * A blob that blob_create returned unfinished is complete (@error 0), or is not to be had
	 * (-errno as blob_create's): destroy it.
	 */
	void (*blob)(void *data, struct gpu_blob *blob, int error);
	/* The device went away or refused the context; nothing works any more. Destroy the context.
	 * Never called from inside a call of ours. */
	void (*lost)(void *data, const char *why);
};

struct gpu_ops {
	void (*destroy)(struct gpu *gpu);
	/* Fills @buffer with capset @id (up to @size bytes). Its length, or -errno. */
	int (*capset)(struct gpu *gpu, uint32_t id, void *buffer, size_t size);
	/* A context of capset 5 with two rings, ring 1 polled. 0 or -errno; listener->lost tells
	 * if the host refuses it. */
	int (*context_create)(struct gpu *gpu, const struct gpu_listener *listener, void *data,
		struct gpu_context **out);
	void (*context_destroy)(struct gpu_context *context);
	/*
	 * A blob of at least @size bytes (rounded up to the page), mapped, attached to the context.
	 * @blob_id: of the host (image requirements or a received identifier), for GPU_BLOB_HOST.
	 * 0: it is complete; -EINPROGRESS: it can be named in commands and destroyed, and
	 * listener->blob tells how it ends; else -errno: there is none. -EINVAL or -ENODEV: the
	 * device has no such memory. -ENOMEM: it has, but not now.
	 */
	int (*blob_create)(struct gpu_context *context, enum gpu_blob_memory memory,
		uint64_t blob_id, size_t size, struct gpu_blob **out);
	/*
	 * The blob behind @fd (borrowed), a dma-buf of this device, attached to the context; not
	 * mapped. Imported once more it is the same one: each import wants its blob_destroy. 0 or
	 * -errno: -EPIPE and -ENOMEM as they say, all others: @fd is no dma-buf of this device.
	 * NULL where there are none.
	 */
	int (*blob_import)(struct gpu_context *context, int fd, struct gpu_blob **out);
	/*
	 * A blob of the first @size bytes of the memory behind @fd (borrowed;
	 * fd_is_lasting_memory), not mapped, for hosts with CROSS_DOMAIN_EXT_FILES. As blob_create,
	 * but that all errors are -EPIPE or -ENOMEM: the host does not take it. NULL where files
	 * cannot be given.
	 */
	int (*blob_give)(struct gpu_context *context, int fd, size_t size, struct gpu_blob **out);
	/* Unmaps and frees; what the host still does with it goes on. NULL is fine. To be called
	 * before the context is destroyed. */
	void (*blob_destroy)(struct gpu_blob *blob);
	/*
	 * Hands @size bytes of commands to the host, in order; copied. @blobs: those that the
	 * commands name. @lazy: the host need not be woken for it (see CROSS_DOMAIN_EXT_WANT_POLL).
	 * 0 or -errno; -EAGAIN: the queue is full and nothing was taken;
	 * when there is room listener->done is called, with n = 0 if no fence was signalled.
	 */
	int (*submit)(struct gpu_context *context, const void *commands, size_t size,
		enum gpu_fence fence, bool lazy, struct gpu_blob *const *blobs, size_t n_blobs);
	/* The name of the implementation and where it is, for log lines: "vhost-user /run/…". */
	const char *(*describe)(const struct gpu *gpu);
};

struct gpu {
	const struct gpu_ops *ops;
	struct turn turn;      /* of the loop that it was opened with */
	bool lazy;             /* submissions can be lazy; else that is ignored */
	unsigned max_contexts; /* at once; 0: there is no bound here */
	bool same_clock;       /* the host and we run on one kernel, whose clocks both read */
	/* The render node that applications share buffers of; NULL: there is none. */
	const char *node;
	dev_t device;   /* its number */
	bool modifiers; /* its contexts may draw in the layouts of the host's GPU */
	bool opengl;    /* its contexts may be OpenGL's (virgl) */
	struct syncobj_device *syncobjs; /* its timelines; NULL: the kernel has none */
	struct bell bell;                /* of its channels */
	/* Of channel_blobs.c, which learns it with the first blob. */
	bool has_memory;             /* the next one is known */
	enum gpu_blob_memory memory; /* what blobs for the compositor are made of here */
	/*
	 * The owner's; may be NULL. Called once when the device is gone and every context has had
	 * its lost(), never from inside a call of ours. The log says why.
	 */
	void (*died)(void *data);
	void *died_data;
};

#endif
