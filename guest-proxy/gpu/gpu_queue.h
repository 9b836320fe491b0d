/*
 * Commands to a virtio-gpu device over vhost-user, and their answers: the connection, "guest RAM"
 * and the control queue. What the commands mean is gpu_vhost_user.c's business.
 */
#ifndef GUEST_PROXY_GPU_GPU_QUEUE_H
#define GUEST_PROXY_GPU_GPU_QUEUE_H

#include <linux/virtio_gpu.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-server-core.h>

#include "guest-proxy/gpu/extents.h"
#include "guest-proxy/gpu/turn.h"
#include "guest-proxy/gpu/virtqueue_driver.h"

struct gpu_queue;
struct frontend;

/* Slots that submissions leave to the commands that create and destroy. */
#define GPU_QUEUE_RESERVED_SLOTS 16

struct gpu_queue_listener {
	/* The submission of @owner with this @tag was answered with @type. Also from inside
	 * gpu_queue_* calls. */
	void (*answered)(void *data, void *owner, unsigned tag, uint32_t type);
	/* In the turn of the device (TURN_DEVICE), when it was asked for: users may be called. */
	void (*turn)(void *data);
	/* The device is lost; @why lives as long as the queue. Once; also from inside gpu_queue_*
	 * calls. */
	void (*lost)(void *data, const char *why);
};

/* Connects and starts the device. Waits a few seconds at most. Borrows @turn. NULL with a log line.
 */
struct gpu_queue *gpu_queue_open(
	struct turn *turn, const char *path, const struct gpu_queue_listener *listener, void *data);
void gpu_queue_destroy(struct gpu_queue *queue);

/* Why the device is lost, or NULL. Everything that is called then does nothing, or returns -EPIPE.
 */
const char *gpu_queue_failure(const struct gpu_queue *queue);
void __attribute__((format(printf, 2, 3)))
gpu_queue_fail(struct gpu_queue *queue, const char *format, ...);

struct frontend *gpu_queue_frontend(struct gpu_queue *queue);
/* "vhost-user PATH" */
const char *gpu_queue_describe(const struct gpu_queue *queue);

/* Asks for listener->turn: in this round of the event loop, or (@yield) in the next one. */
void gpu_queue_ask_turn(struct gpu_queue *queue, bool yield);

struct gpu_answer {        /* belongs to who waits for it */
	unsigned *pending; /* counted down when it is there */
	uint32_t type;     /* VIRTIO_GPU_RESP_* */
	uint32_t written;  /* length of the whole answer */
	void *copy;        /* where the answer goes, up to copy_bytes; NULL: not wanted */
	size_t copy_bytes; /* at most VIRTQUEUE_DRIVER_RESPONSE_BYTES */
};

/*
 * Queues a command (@bytes: header and body, at most VIRTQUEUE_DRIVER_COMMAND_BYTES); the device
 * sees it with the next gpu_queue_publish. @answer: counts up its *pending, and must live until
 * that is 0 again or the device is lost; NULL: nobody wants to know. @frees: pages of
 * gpu_queue_take_pages (length 0: none), given back with the answer. May wait for a free slot. 0 or
 * -EPIPE.
 */
int gpu_queue_command(struct gpu_queue *queue, const void *bytes, size_t size,
	struct gpu_answer *answer, struct extent frees);

struct gpu_submission {
	struct virtio_gpu_cmd_submit command; /* all but hdr.type and size */
	const void *bytes;                    /* copied */
	size_t size;
	void *owner; /* for listener->answered */
	unsigned tag;
	struct gpu_answer *answer; /* or that: then listener->answered is not called */
	bool silent;               /* answered at once; nobody waits for it */
	bool lazy;                 /* the device need not be woken for it */
};
/* SUBMIT_3D, shown to the device at once. 0, -EAGAIN: no room now, -EMSGSIZE: never, -EPIPE. */
int gpu_queue_submit(struct gpu_queue *queue, const struct gpu_submission *submission);
/* Whether gpu_queue_submit has plenty of room again. */
bool gpu_queue_has_room(const struct gpu_queue *queue);
/* Nobody is told about the submissions of @owner any more. */
void gpu_queue_forget(struct gpu_queue *queue, const void *owner);

void gpu_queue_publish(struct gpu_queue *queue);
/* Waits until *@pending is 0, a few seconds at most; then the device is lost. 0 or -EPIPE. */
int gpu_queue_wait(struct gpu_queue *queue, const unsigned *pending);

/* @n_pages of guest RAM for a blob, all zeroes. 0, -ENOSPC or -ENOMEM. */
int gpu_queue_take_pages(struct gpu_queue *queue, uint64_t n_pages, struct extent *pages);
/* For pages that the device never heard of; else gpu_queue_command's @frees. */
void gpu_queue_give_pages(struct gpu_queue *queue, struct extent pages);
void *gpu_queue_pages_at(struct gpu_queue *queue, struct extent pages);
uint64_t gpu_queue_pages_address(
	const struct gpu_queue *queue, struct extent pages); /* the device's */

#endif
