/* Messages in the form of WAYLAND_DEBUG, on standard error. */
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "protocol/relay/relay_private.h"

#define LINE_BYTES 1024

struct line {
	char text[LINE_BYTES];
	size_t length;
};

static void __attribute__((format(printf, 2, 3)))
line_add(struct line *line, const char *format, ...)
{
	size_t room = sizeof(line->text) - line->length;
	va_list args;
	va_start(args, format);
	int n = vsnprintf(line->text + line->length, room, format, args);
	va_end(args);
	if (n > 0)
		line->length += (size_t)n < room ? (size_t)n : room - 1;
}

static void add_object(
	struct line *line, const struct relay *relay, enum relay_end end, uint32_t id)
{
	const struct relay_object *object = objects_at(&relay->objects, end, id);
	if (id == 0)
		line_add(line, "nil");
	else
		line_add(line, "%s@%u", object ? object->interface->wl->name : "[unknown]", id);
}

static void add_arg(struct line *line, const struct relay *relay, enum relay_end end,
	const struct message_rule *rule, const union wire_arg *args, size_t i)
{
	switch (rule->signature.args[i].type) {
	case 'i':
		line_add(line, "%d", args[i].i);
		break;
	case 'u':
		line_add(line, "%u", args[i].u);
		break;
	case 'f':
		line_add(line, "%f", wl_fixed_to_double(args[i].f));
		break;
	case 's':
		line_add(line, args[i].s ? "\"%s\"" : "nil", args[i].s);
		break;
	case 'o':
		add_object(line, relay, end, args[i].id);
		break;
	case 'n':
		line_add(line, "new id %s@%u",
			rule->types[i]          ? rule->types[i]->wl->name
				: args[i - 2].s ? args[i - 2].s
						: "[unknown]",
			args[i].id);
		break;
	case 'a':
		line_add(line, "array[%u]", args[i].array.size);
		break;
	case 'h':
		line_add(line, "fd");
		break;
	}
}

void relay_trace_message(struct relay *relay, enum relay_end end, bool sent,
	const struct relay_object *object, const struct message_rule *rule,
	const union wire_arg *args)
{
	struct line line = {.length = 0};
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	/* The clock of WAYLAND_DEBUG, so that the lines of several programs can be sorted together.
	 */
	uint32_t us = (uint32_t)((uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	line_add(&line, "[%7u.%03u] %s %s %s%s@%u.%s(", us / 1000, us % 1000, relay->name,
		end == RELAY_DOWN ? "down" : "up", sent ? " -> " : "", object->interface->wl->name,
		object->id[end], rule->description->name);
	for (size_t i = 0; i < rule->signature.n_args; i++) {
		line_add(&line, i > 0 ? ", " : "");
		add_arg(&line, relay, end, rule, args, i);
	}
	line_add(&line, ")");
	for (size_t i = 0; i < line.length; i++) {
		if ((unsigned char)line.text[i] < 0x20 || line.text[i] == 0x7f)
			line.text[i] = '?'; /* a client's strings cannot forge lines */
	}
	line.text[line.length++] = '\n'; /* in place of the NUL */
	ssize_t written = write(STDERR_FILENO, line.text, line.length);
	(void)written;
}
