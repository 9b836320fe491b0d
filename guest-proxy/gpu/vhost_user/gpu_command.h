/* A command to a virtio-gpu device, its answer, and lists of commands that wait for a place. */
#ifndef GUEST_PROXY_GPU_VHOST_USER_GPU_COMMAND_H
#define GUEST_PROXY_GPU_VHOST_USER_GPU_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-util.h>

#include "guest-proxy/gpu/rings/extents.h"
#include "guest-proxy/gpu/rings/virtqueue_driver.h"

/* What a command is answered with. Lives until then, or until the device is lost. */
struct gpu_answer {
	/* Called when it is there, also from inside gpu_queue_* calls; NULL: gpu_queue_wait. */
	void (*answered)(struct gpu_answer *answer);
	void *data; /* of whoever waits */
	bool pending;
	uint32_t type;     /* VIRTIO_GPU_RESP_* */
	uint32_t written;  /* length of the whole answer */
	void *copy;        /* where the answer goes, up to copy_bytes; NULL: not wanted */
	size_t copy_bytes; /* at most VIRTQUEUE_DRIVER_RESPONSE_BYTES */
};

struct gpu_command {
	const void *bytes; /* header and body; copied */
	size_t size;       /* at most VIRTQUEUE_DRIVER_COMMAND_BYTES */
	/* Who hears of the answer: @answer, or @owner by listener->answered; neither: nobody. */
	struct gpu_answer *answer;
	void *owner;
	unsigned tag;
	struct extent
		frees; /* blob_pages of guest_ram, given back with the answer; length 0: none */
};

/* A list of copies, oldest first: wl_list_init before, gpu_commands_clear behind. */

/* Adds a copy of @command. 0 or -ENOMEM. */
int gpu_commands_add(struct wl_list *commands, const struct gpu_command *command);
/* The oldest one; NULL: there is none. */
const struct gpu_command *gpu_commands_first(const struct wl_list *commands);
void gpu_commands_remove_first(struct wl_list *commands);
/* @owner hears of none of their answers. */
void gpu_commands_forget(struct wl_list *commands, const void *owner);
void gpu_commands_clear(struct wl_list *commands);

#endif
