/* X's targets and Wayland's mime types. */
#include "guest-proxy/x11/transfers/mime.h"

#include <string.h>

#include "protocol/base/bytes.h"

/* X's names for texts, the best first, and what they are elsewhere. */
static const struct {
	const char *target, *mime;
} texts[] = {
	{"UTF8_STRING", "text/plain;charset=utf-8"},
	{"UTF8_STRING", "text/plain"},
	{"STRING", "text/plain;charset=utf-8"},
	{"STRING", "text/plain"},
	{"TEXT", "text/plain;charset=utf-8"},
	{"TEXT", "text/plain"},
};

bool mime_list_has(const struct mime_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->names[i], name) == 0)
			return true;
	}
	return false;
}

void mime_list_add(struct mime_list *list, const char *name, size_t length)
{
	char text[MIME_BYTES] = {0};
	if (length == 0 || length >= MIME_BYTES || list->count == MIME_MAX)
		return;
	memcpy(text, name, length);
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f)
			return;
	}
	if (!mime_list_has(list, text))
		memcpy(list->names[list->count++], text, MIME_BYTES);
}

void mime_list_add_target(struct mime_list *list, const char *name, size_t length)
{
	if (length > 0 && memchr(name, '/', length)) {
		mime_list_add(list, name, length);
		return;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		if (strlen(texts[i].target) == length && memcmp(texts[i].target, name, length) == 0)
			mime_list_add(list, texts[i].mime, strlen(texts[i].mime));
	}
}

const char *mime_for_target(const struct mime_list *list, const char *target)
{
	if (mime_list_has(list, target))
		return target;
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		if (strcmp(texts[i].target, target) == 0 && mime_list_has(list, texts[i].mime))
			return texts[i].mime;
	}
	return NULL;
}

const char *mime_target(const struct mime_list *targets, const char *name)
{
	if (mime_list_has(targets, name))
		return name;
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		if (strcmp(texts[i].mime, name) == 0 && mime_list_has(targets, texts[i].target))
			return texts[i].target;
	}
	return NULL;
}
