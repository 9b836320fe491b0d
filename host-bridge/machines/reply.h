/* Replies of QEMU's monitor: the few things that are looked for in their JSON. */
#ifndef HOST_BRIDGE_MACHINES_REPLY_H
#define HOST_BRIDGE_MACHINES_REPLY_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a member @key, of whatever value, is anywhere in the JSON @text. */
bool reply_has(const char *text, const char *key);

/*
 * The first member @key with a string as its value, into @value; escaped characters other than \"
 * \\ and \/ become '?'. False: there is none, or it does not fit.
 */
bool reply_string(const char *text, const char *key, char *value, size_t size);

/*
 * The next object that has no other one inside, from *@at on; *@at is then behind it. Copied into
 * @object. False: there is no more.
 */
bool reply_next_object(const char **at, char *object, size_t size);

#endif
