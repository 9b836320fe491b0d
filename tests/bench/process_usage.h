/* What running processes cost: CPU time and memory of a process and everything it started, from
 * /proc. */
#ifndef TESTS_BENCH_PROCESS_USAGE_H
#define TESTS_BENCH_PROCESS_USAGE_H

#include <stdint.h>
#include <sys/types.h>

struct process_usage {
	uint64_t cpu_ns;    /* on a CPU since the start, all threads that still live */
	uint64_t peak_kb;   /* VmHWM: buffers included */
	uint64_t own_kb;    /* RssAnon + RssFile: everything besides buffers */
	uint64_t shared_kb; /* RssShmem: buffers and rings */
};

/* Adds up @root and its descendants, but not the caller and the caller's. 0, or -ESRCH when @root
 * is gone. */
int process_usage_read(pid_t root, struct process_usage *out);

#endif
