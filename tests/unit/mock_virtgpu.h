/*
 * A kernel with a virtio-gpu device, in the place of guest-proxy/gpu/virtgpu_ioctl.c. It keeps a
 * list of what was asked of it, has real memory for blobs and real fds for events and fences, and
 * fails as it is told.
 */
#ifndef TESTS_UNIT_MOCK_VIRTGPU_H
#define TESTS_UNIT_MOCK_VIRTGPU_H

#include "guest-proxy/gpu/virtgpu_ioctl.h"

#define MOCK_PATH "/dev/dri/renderD130" /* the only node there is, and it is not the first */
#define MOCK_CAPSET_BYTES 24            /* as long as that of wayferry-host */
#define MOCK_BLOBS 32
#define MOCK_FENCES 16
#define MOCK_PARAMS 16
#define MOCK_DEVICE 0xe282 /* its number */
/* A dma-buf of the device is a memfd whose size is this; others are none. */
#define MOCK_DMABUF_BYTES 12288

struct mock_blob {
	uint32_t handle; /* 0: free */
	int drm;         /* the file it was made in */
	int memory;      /* a memfd */
	struct virtgpu_create_blob create;
	ino_t imported; /* of the file it was imported from; 0: it was made */
};

struct mock_virtgpu {
	/* The device. Tests change it after mock_virtgpu_start. */
	int params[MOCK_PARAMS]; /* 0: GETPARAM fails */
	const char *driver;
	uint8_t capset[MOCK_CAPSET_BYTES];
	bool timelines; /* syncobjs, and the eventfd for them */
	int open_error; /* of MOCK_PATH */
	int watch_error;
	unsigned long failing;        /* an ioctl; 0: mmap; ULONG_MAX: none */
	int failing_with;             /* -errno */
	unsigned fail_after, n_fails; /* good calls before, bad calls then */

	/* What was seen. */
	char log[1024]; /* a word for each call since mock_virtgpu_forget */
	struct virtgpu_context_set_param context_params[4];
	struct virtgpu_execute execute; /* the last one */
	uint8_t commands[1024];         /* of it */
	uint32_t execute_handles[4];
	struct mock_blob blobs[MOCK_BLOBS];
	uint32_t last_handle;
	unsigned n_imported;         /* new handles only */
	int watch_end;               /* of the watch that was made last: the kernel's; -1: none */
	int drm, peer;               /* of the file that was opened last; peer: the kernel's end */
	int fences[MOCK_FENCES];     /* the kernel's ends, oldest first */
	unsigned n_fences, n_closed; /* closed: blobs */
};

extern struct mock_virtgpu mock;

void mock_virtgpu_start(void); /* a device that has all */
void mock_virtgpu_stop(void);  /* closes what is the kernel's */
void mock_virtgpu_forget(void);
unsigned mock_virtgpu_live_blobs(void);
/* Events for the file opened last. */
void mock_virtgpu_event(uint32_t type, uint32_t length);
/* Something was removed from the node's directory; @node: the node itself. */
void mock_virtgpu_removed(bool node);
/* Signals fence @i of those handed out. */
void mock_virtgpu_signal(unsigned i);

#endif
