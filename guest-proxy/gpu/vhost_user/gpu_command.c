/* Commands that wait for a place in the queue. */
#include "guest-proxy/gpu/vhost_user/gpu_command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct waiting {
	struct wl_list link;
	struct gpu_command command;
	uint8_t bytes[];
};

int gpu_commands_add(struct wl_list *commands, const struct gpu_command *command)
{
	struct waiting *waiting = malloc(sizeof(*waiting) + command->size);
	if (!waiting)
		return -ENOMEM;
	waiting->command = *command;
	waiting->command.bytes = waiting->bytes;
	memcpy(waiting->bytes, command->bytes, command->size);
	wl_list_insert(commands->prev, &waiting->link);
	return 0;
}

static struct waiting *first(const struct wl_list *commands)
{
	struct waiting *waiting;
	return wl_list_empty(commands) ? NULL : wl_container_of(commands->next, waiting, link);
}

const struct gpu_command *gpu_commands_first(const struct wl_list *commands)
{
	const struct waiting *waiting = first(commands);
	return waiting ? &waiting->command : NULL;
}

void gpu_commands_remove_first(struct wl_list *commands)
{
	struct waiting *waiting = first(commands);
	wl_list_remove(&waiting->link);
	free(waiting);
}

void gpu_commands_forget(struct wl_list *commands, const void *owner)
{
	struct waiting *waiting;
	wl_list_for_each(waiting, commands, link)
	{
		if (waiting->command.owner == owner)
			waiting->command.owner = NULL;
	}
}

void gpu_commands_clear(struct wl_list *commands)
{
	while (!wl_list_empty(commands))
		gpu_commands_remove_first(commands);
}
