/* Answers to the commands of the control queue, at once or later: see struct request in context.h.
 */
#ifndef HOST_BRIDGE_CONTEXTS_REQUESTS_H
#define HOST_BRIDGE_CONTEXTS_REQUESTS_H

#include <linux/virtio_gpu.h>

#include "host-bridge/contexts/context.h"
#include "host-bridge/virtio/virtqueue.h"

/*
 * Fences without a ring are one timeline over all contexts (guest kernels signal all earlier ones
 * with each). So a command with such a fence is not answered before those that came before it.
 */
struct requests_place {      /* of a command in the timeline, by its chain's head */
	struct wl_list link; /* requests::timeline */
	bool taken, done;
	uint32_t written;
};

struct requests {
	struct virtqueue *queue;
	struct device_counters *counters;
	struct vm_quota *quota;
	struct wl_list timeline; /* requests_place::link, oldest first */
	struct requests_place places[VIRTQUEUE_MAX_SIZE];
	bool dropping; /* the driver is gone: nobody waits for an answer */
	void (*answered)(
		void *data); /* something was put on the used ring: a virtqueue_notify is due */
	void *data;
};

/* @queue, @counters and @quota (NULL: no limit) are borrowed. */
void requests_init(struct requests *requests, struct virtqueue *queue,
	struct device_counters *counters, struct vm_quota *quota, void (*answered)(void *data),
	void *data);

/* For the next driver: empties the timeline. */
void requests_reset(struct requests *requests);

/* @command has come in the chain @head: gives it its place in the timeline, if it has a fence. */
void requests_arrived(
	struct requests *requests, const struct virtio_gpu_ctrl_hdr *command, uint16_t head);

/* The answer to the chain @head is written: puts it on the used ring when its turn comes. */
void requests_push(struct requests *requests, uint16_t head, uint32_t written);

/* The answer that says -errno @err best; 0 is OK_NODATA. */
uint32_t command_response(int err);

/*
 * The header of the answer to @command (virtio 1.3, 5.7.6.7): @type, and the fence if the command
 * has one.
 */
struct virtio_gpu_ctrl_hdr response_header(
	const struct virtio_gpu_ctrl_hdr *command, uint32_t type);

#define REQUEST_MAX_ANSWER_BYTES sizeof(struct virtio_gpu_resp_edid)

/*
 * A request that @context, or the device itself (NULL), may keep, for the command in @chain. NULL
 * when memory is short, or too many are kept.
 */
struct request *request_create(struct requests *requests, const struct virtqueue_chain *chain,
	const struct virtio_gpu_ctrl_hdr *command, struct context *context);

/*
 * As request_complete, with an answer of @size bytes, at most REQUEST_MAX_ANSWER_BYTES; its
 * header, @answer, is filled in here.
 */
void request_complete_with(struct request *request, uint32_t response,
	struct virtio_gpu_ctrl_hdr *answer, size_t size);

/* Completes what a context has kept that is gone. @held is its context::requests, moved. */
void requests_finish(struct wl_list *held);

#endif
