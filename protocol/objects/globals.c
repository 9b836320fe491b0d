/* The globals that the client was told of. */
#include "protocol/objects/globals.h"

#include <errno.h>

#include "protocol/base/bytes.h"

/* Removed globals are kept for binds that are under way; beyond so many globals their places are
 * taken by new ones. */
#define KEPT_GLOBALS 256
#define MAX_GLOBALS 65536

static size_t count(const struct globals *globals)
{
	return globals->array.size / sizeof(struct global);
}

struct global *globals_find(const struct globals *globals, uint32_t name)
{
	struct global *global;
	array_for_each(global, &globals->array)
	{
		if (global->name == name)
			return global;
	}
	return NULL;
}

static struct global *find_removed(const struct globals *globals)
{
	struct global *global;
	array_for_each(global, &globals->array)
	{
		if (global->removed)
			return global;
	}
	return NULL;
}

int globals_add(struct globals *globals, const struct global *global)
{
	struct global *place = globals_find(globals, global->name);
	if (!place && count(globals) >= KEPT_GLOBALS)
		place = find_removed(globals);
	if (!place && count(globals) < MAX_GLOBALS)
		place = wl_array_add(&globals->array, sizeof(*place));
	if (!place)
		return -ENOMEM;
	*place = *global;
	return 0;
}

void globals_finish(struct globals *globals)
{
	wl_array_release(&globals->array);
	*globals = (struct globals){0};
}
