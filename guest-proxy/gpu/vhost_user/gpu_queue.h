/*
 * Commands to a virtio-gpu device over vhost-user, and their answers: the connection, "guest RAM"
 * and the control queue. What the commands mean is gpu_vhost_user.c's business. Nothing waits for
 * the device once it is open: what finds no place in the queue is kept until there is one.
 */
#ifndef GUEST_PROXY_GPU_VHOST_USER_GPU_QUEUE_H
#define GUEST_PROXY_GPU_VHOST_USER_GPU_QUEUE_H

#include <linux/virtio_gpu.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-server-core.h>

#include "guest-proxy/gpu/rings/guest_ram.h"
#include "guest-proxy/gpu/turn.h"
#include "guest-proxy/gpu/vhost_user/gpu_command.h"

struct gpu_queue;
struct frontend;

/* Slots that submissions leave to the commands that create and destroy. */
#define GPU_QUEUE_RESERVED_SLOTS 16

struct gpu_queue_listener {
	/* The command or submission of @owner with this @tag was answered with @type. Also from
	 * inside gpu_queue_* calls. */
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

/* Why the device is lost, or NULL. Then nothing is answered any more, and calls do nothing or
 * return -EPIPE. */
const char *gpu_queue_failure(const struct gpu_queue *queue);
void __attribute__((format(printf, 2, 3)))
gpu_queue_fail(struct gpu_queue *queue, const char *format, ...);

struct frontend *gpu_queue_frontend(struct gpu_queue *queue);
/* Where commands, and blobs of our own memory, are. */
struct guest_ram *gpu_queue_ram(struct gpu_queue *queue);
/* "vhost-user PATH" */
const char *gpu_queue_describe(const struct gpu_queue *queue);

/* Asks for listener->turn: in this round of the event loop, or (@yield) in the next one. */
void gpu_queue_ask_turn(struct gpu_queue *queue, bool yield);

/*
 * Queues a command; the device sees it with the next gpu_queue_publish, and in order with
 * submissions. 0 or -EPIPE.
 */
int gpu_queue_command(struct gpu_queue *queue, const struct gpu_command *command);

struct gpu_submission {
	struct virtio_gpu_cmd_submit command; /* all but hdr.type and size */
	const void *bytes;                    /* copied */
	size_t size;
	void *owner; /* for listener->answered */
	unsigned tag;
	bool held;   /* it has a fence that the device may hold for long */
	bool silent; /* answered as soon as it was run, and nobody needs to be told at once */
	bool lazy;   /* the device need not be woken for it */
};
/* SUBMIT_3D, shown to the device at once. 0, -EAGAIN: no room now, -EMSGSIZE: never, -EPIPE. */
int gpu_queue_submit(struct gpu_queue *queue, const struct gpu_submission *submission);
/* Whether gpu_queue_submit has plenty of room again. */
bool gpu_queue_has_room(const struct gpu_queue *queue);
/* @owner is told of no answers any more. */
void gpu_queue_forget(struct gpu_queue *queue, const void *owner);

void gpu_queue_publish(struct gpu_queue *queue);
/*
 * Waits until @answer is there. For the start, when there is nothing else to do: however long it
 * takes, with a word in the log. 0 or -EPIPE.
 */
int gpu_queue_wait(struct gpu_queue *queue, const struct gpu_answer *answer);

#endif
