/* What the log says, which is standard error. One program includes it once. */
#ifndef TESTS_UNIT_LOG_CAPTURE_H
#define TESTS_UNIT_LOG_CAPTURE_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int log_capture_stderr = -1;
static char log_capture_text[65536];

/* From here on it is kept, also what processes say that are started meanwhile. */
static inline void log_capture_begin(void)
{
	int file = memfd_create("log", MFD_CLOEXEC);
	log_capture_stderr = dup(STDERR_FILENO);
	dup2(file, STDERR_FILENO);
	close(file);
}

/* Until here; it is printed then. May be called twice. */
static inline void log_capture_end(void)
{
	if (log_capture_stderr < 0)
		return;
	ssize_t n = pread(STDERR_FILENO, log_capture_text, sizeof(log_capture_text) - 1, 0);
	log_capture_text[n > 0 ? n : 0] = 0;
	dup2(log_capture_stderr, STDERR_FILENO);
	close(log_capture_stderr);
	log_capture_stderr = -1;
	fputs(log_capture_text, stderr);
}

/* Whether @text was in what was kept last. */
static inline bool log_captured(const char *text)
{
	return strstr(log_capture_text, text) != NULL;
}

#endif
