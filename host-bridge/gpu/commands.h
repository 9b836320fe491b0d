/* The commands of the virtio-gpu queues (virtio 1.3, 5.7.6). */
#ifndef HOST_BRIDGE_GPU_COMMANDS_H
#define HOST_BRIDGE_GPU_COMMANDS_H

#include <linux/virtio_gpu.h>

#include "host-bridge/gpu/device_state.h"

/* Takes the command in @chain off @queue, executes it, and puts the answer on the used ring, unless
 * it comes later. */
void command_execute(
	struct device_state *state, enum device_queue queue, const struct virtqueue_chain *chain);

/* Executes what had to wait and need not any more (see waiting_retry). False: the turn is over and
 * there may be more.
 */
bool commands_retry(struct device_state *state, bool contexts_woke);
/* Goes on with commands that take more than a turn. False: there is more to do in the next one. */
bool commands_continue(struct device_state *state);
/* Before a reset: forgets them all. */
void commands_drop(struct device_state *state);

#endif
