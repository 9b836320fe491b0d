/* Replies of QEMU's monitor: the few things that are looked for in their JSON. */
#include "host-bridge/machines/reply.h"

#include <string.h>

/*
 * @at is behind a string's opening quote. Copies it into @value (NULL: nowhere) and returns where
 * it goes on behind the closing one; NULL: it does not end. *@fits is false when it was cut.
 */
static const char *read_string(const char *at, char *value, size_t size, bool *fits)
{
	size_t length = 0;

	*fits = true;
	for (; *at && *at != '"'; at++) {
		char c = *at;
		if (c == '\\') {
			c = *++at;
			if (!c)
				return NULL;
			if (!strchr("\"\\/", c))
				c = '?';
		}
		if (value && length + 1 < size)
			value[length++] = c;
		else
			*fits = false;
	}
	if (value)
		value[length] = 0;
	return *at ? at + 1 : NULL;
}

/* Behind the colon of the next member @key, from @at on; NULL: there is none. */
static const char *find_member(const char *at, const char *key)
{
	while ((at = strchr(at, '"'))) {
		char name[64];
		bool fits;
		at = read_string(at + 1, name, sizeof(name), &fits);
		if (!at)
			return NULL;
		const char *behind = at + strspn(at, " \t\r\n");
		if (*behind == ':' && fits && strcmp(name, key) == 0)
			return behind + 1;
	}
	return NULL;
}

bool reply_has(const char *text, const char *key)
{
	return find_member(text, key);
}

bool reply_string(const char *text, const char *key, char *value, size_t size)
{
	while ((text = find_member(text, key))) {
		bool fits;
		text += strspn(text, " \t\r\n");
		if (*text == '"')
			return read_string(text + 1, value, size, &fits) && fits;
	}
	return false;
}

bool reply_next_object(const char **at, char *object, size_t size)
{
	const char *begin = NULL, *p = *at;

	while (*p) {
		bool fits;
		if (*p == '"') {
			p = read_string(p + 1, NULL, 0, &fits);
			if (!p)
				return false;
			continue;
		}
		if (*p == '{')
			begin = p;
		if (*p == '}' && begin) {
			size_t length = (size_t)(++p - begin);
			*at = p;
			if (length >= size)
				return false;
			memcpy(object, begin, length);
			object[length] = 0;
			return true;
		}
		p++;
	}
	return false;
}
