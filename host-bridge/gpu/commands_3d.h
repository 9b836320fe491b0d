/* Commands about classic 3D resources. */
#ifndef HOST_BRIDGE_GPU_COMMANDS_3D_H
#define HOST_BRIDGE_GPU_COMMANDS_3D_H

#include "host-bridge/gpu/command.h"

uint32_t command_resource_create_3d(struct command *command);
uint32_t command_transfer_3d(struct command *command);

#endif
