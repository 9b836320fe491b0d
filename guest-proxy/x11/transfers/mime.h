/* X's targets and Wayland's mime types: names of the same things. */
#ifndef GUEST_PROXY_X11_TRANSFERS_MIME_H
#define GUEST_PROXY_X11_TRANSFERS_MIME_H

#include <stdbool.h>
#include <stddef.h>

#define MIME_MAX 64    /* types of one selection; more are passed over */
#define MIME_BYTES 128 /* of one name, with its NUL */

/* Names, in the order of the owner's preference, without doubles. Zero-initialised is empty. */
struct mime_list {
	char names[MIME_MAX][MIME_BYTES];
	size_t count;
};

/* Adds a name; one that is too long, empty or there already is passed over. */
void mime_list_add(struct mime_list *list, const char *name, size_t length);
bool mime_list_has(const struct mime_list *list, const char *name);

/* Adds what the X target @name of @length bytes is to Wayland clients, if anything. */
void mime_list_add_target(struct mime_list *list, const char *name, size_t length);

/* The first name of @list that gives an X client what it calls @target; NULL: none. */
const char *mime_for_target(const struct mime_list *list, const char *target);
/* The X target that gives a Wayland client @name, of those an owner has (@targets); NULL: none. */
const char *mime_target(const struct mime_list *targets, const char *name);

#endif
