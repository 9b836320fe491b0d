/* Leveled log lines on standard error. */
#include "protocol/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/base/monotonic.h"
#include "protocol/base/words.h"

#define LINE_BYTES 1024
#define LIMIT_INTERVAL_NS UINT64_C(10000000000)
#define LIMIT_LINES 10

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
	[LOG_LEVEL_TRACE] = "trace",
};

static enum log_level max_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	max_level = level;
}

bool log_enabled(enum log_level level)
{
	return level <= max_level;
}

bool log_level_from_name(const char *name, enum log_level *level)
{
	size_t found = word_find(name, level_names, ARRAY_LENGTH(level_names));

	if (found == ARRAY_LENGTH(level_names))
		return false;
	*level = (enum log_level)found;
	return true;
}

static void replace_control_characters(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

void log_write(enum log_level level, const char *module, const char *format, ...)
{
	if (!log_enabled(level))
		return;
	int saved_errno = errno;
	char line[LINE_BYTES];
	int head = snprintf(line, sizeof(line), "[%s] %s: ", level_names[level], module);
	va_list args;
	va_start(args, format);
	vsnprintf(line + head, sizeof(line) - 1 - (size_t)head, format, args);
	va_end(args);
	replace_control_characters(line);
	size_t length = strlen(line);
	line[length++] = '\n';
	ssize_t written = write(STDERR_FILENO, line, length);
	(void)written; /* there is no other place to report it */
	errno = saved_errno;
}

bool log_limit_pass(struct log_limit *limit, const char *module)
{
	uint64_t now_ns = monotonic_ns();
	if (now_ns - limit->interval_start_ns >= LIMIT_INTERVAL_NS) {
		if (limit->dropped > 0)
			log_write(LOG_LEVEL_WARN, module, "%u similar lines were left out",
				limit->dropped);
		*limit = (struct log_limit){.interval_start_ns = now_ns};
	}
	if (limit->lines >= LIMIT_LINES) {
		limit->dropped++;
		return false;
	}
	limit->lines++;
	return true;
}
