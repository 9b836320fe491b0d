/* Leveled log lines on standard error. */
#ifndef PROTOCOL_BASE_LOG_H
#define PROTOCOL_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_TRACE,
};

/* Lines above @level are dropped. The default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

/* "error", "warn", "info", "debug" or "trace"; false if @name is none of them. */
bool log_level_from_name(const char *name, enum log_level *level);

/*
 * One line "module: text" (with a level mark), written with a single write().
 * Control characters in the text are replaced, so that what a guest says cannot
 * forge lines. Keeps errno. Use the macros below; each .c file that logs defines
 * LOG_MODULE before it includes this header. Cold: the compiler keeps what leads to
 * a line away from what runs for each frame.
 */
void log_write(enum log_level level, const char *module, const char *format, ...)
	__attribute__((format(printf, 3, 4), cold));

#define log_err(...) log_write(LOG_LEVEL_ERROR, LOG_MODULE, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, LOG_MODULE, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, LOG_MODULE, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, LOG_MODULE, __VA_ARGS__)

/*
 * For lines that a guest or client can cause: each place in the source that has one writes at most
 * 10 of them in 10 s, however many contexts and clients there are.
 */
#define log_limited(level, ...)                                                                    \
	do {                                                                                       \
		static struct log_limit log_limit_here;                                            \
		if (log_limit_pass(&log_limit_here, LOG_MODULE))                                   \
			log_write((level), LOG_MODULE, __VA_ARGS__);                               \
	} while (0)

/* Counts for log_limited; whether the next line may be written. */
struct log_limit {
	uint64_t interval_start_ns;
	uint32_t lines;
	uint32_t dropped;
};
bool __attribute__((cold)) log_limit_pass(struct log_limit *limit, const char *module);

#endif
