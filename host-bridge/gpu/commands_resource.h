/* Commands about resources: 2D ones, and blobs. */
#ifndef HOST_BRIDGE_GPU_COMMANDS_RESOURCE_H
#define HOST_BRIDGE_GPU_COMMANDS_RESOURCE_H

#include "host-bridge/gpu/command.h"

bool command_backings_continue(struct device_state *state);
void command_backings_drop(struct device_state *state);
uint32_t command_resource_create_2d(struct command *command);
uint32_t command_resource_unref(struct command *command);
uint32_t command_resource_attach_backing(struct command *command);
uint32_t command_resource_detach_backing(struct command *command);
uint32_t command_resource_assign_uuid(struct command *command);
uint32_t command_resource_create_blob(struct command *command);
uint32_t command_resource_map_blob(struct command *command);
uint32_t command_resource_unmap_blob(struct command *command);
uint32_t command_transfer_to_host_2d(struct command *command);
/* Whether @r, not empty, lies in the resource; blobs have no size in pixels. */
bool command_rect_fits(const struct resource *resource, const struct virtio_gpu_rect *r);

#endif
