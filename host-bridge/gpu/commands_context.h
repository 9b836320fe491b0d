/* Commands about capsets and contexts. */
#ifndef HOST_BRIDGE_GPU_COMMANDS_CONTEXT_H
#define HOST_BRIDGE_GPU_COMMANDS_CONTEXT_H

#include "host-bridge/gpu/command.h"

uint32_t command_get_capset_info(struct command *command);
uint32_t command_get_capset(struct command *command);
uint32_t command_ctx_create(struct command *command);
uint32_t command_ctx_destroy(struct command *command);
uint32_t command_ctx_attach_resource(struct command *command);
uint32_t command_ctx_detach_resource(struct command *command);
uint32_t command_submit_3d(struct command *command);

#endif
