/* Commands about scanouts and cursors. */
#ifndef HOST_BRIDGE_GPU_COMMANDS_CONSOLE_H
#define HOST_BRIDGE_GPU_COMMANDS_CONSOLE_H

#include "host-bridge/gpu/command.h"

uint32_t command_get_display_info(struct command *command);
uint32_t command_get_edid(struct command *command);
uint32_t command_set_scanout(struct command *command);
uint32_t command_set_scanout_blob(struct command *command);
uint32_t command_resource_flush(struct command *command);
uint32_t command_cursor(struct command *command);

#endif
