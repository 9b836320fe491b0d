/* A list of MIME types. */
#include "host-bridge/transfers/mime_types.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 8

static bool grow(struct mime_types *types)
{
	size_t capacity = types->capacity > 0 ? 2 * types->capacity : FIRST_CAPACITY;
	char **names = reallocarray(types->names, capacity, sizeof(*names));

	if (!names)
		return false;
	types->names = names;
	types->capacity = capacity;
	return true;
}

bool mime_types_add(struct mime_types *types, const char *name)
{
	if (types->n == types->capacity && !grow(types))
		return false;
	types->names[types->n] = strdup(name);
	if (!types->names[types->n])
		return false;
	types->n++;
	types->bytes += strlen(name) + MIME_TYPE_BYTES;
	return true;
}

bool mime_types_has(const struct mime_types *types, const char *name)
{
	for (size_t i = 0; i < types->n; i++) {
		if (strcmp(types->names[i], name) == 0)
			return true;
	}
	return false;
}

void mime_types_clear(struct mime_types *types)
{
	for (size_t i = 0; i < types->n; i++)
		free(types->names[i]);
	free(types->names);
	*types = (struct mime_types){0};
}
