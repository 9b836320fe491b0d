/* How many fds this process has open: fixtures compare before and after. */
#ifndef TESTS_UNIT_FD_COUNT_H
#define TESTS_UNIT_FD_COUNT_H

#include <dirent.h>

#include "protocol/streams/shared_write.h"

static inline int fd_count(void)
{
	int n = 0;
	shared_write_prepare(); /* its fds stay */
	DIR *dir = opendir("/proc/self/fd");
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

#endif
