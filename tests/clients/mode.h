/* Programs that do one of several things, which a word on the command line names. */
#ifndef TESTS_CLIENTS_MODE_H
#define TESTS_CLIENTS_MODE_H

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct mode {
	const char *name;
	void (*run)(void);
};

/* Does what the only argument names. The exit status: 2 where there is no such mode, else 0. */
static inline int mode_run(const struct mode *modes, size_t n_modes, int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; argc == 2 && i < n_modes; i++) {
		if (strcmp(argv[1], modes[i].name) != 0)
			continue;
		modes[i].run();
		return 0;
	}
	fprintf(stderr, "Usage: %s MODE, one of:", argv[0]);
	for (size_t i = 0; i < n_modes; i++)
		fprintf(stderr, " %s", modes[i].name);
	fputs("\n", stderr);
	return 2;
}

#endif
