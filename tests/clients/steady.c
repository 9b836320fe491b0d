/* steady: preloaded into a program that draws at random, makes it draw the same picture every time.
 *
 * Seeds are ignored, so random() gives the same numbers in every run. rand() repeats itself after
 * $STEADY_PERIOD numbers, so that a program which uses that many a frame draws the same frame over and
 * over.
 */
#include <stdlib.h>

void srand(unsigned int seed)
{
}

void srandom(unsigned int seed)
{
}

int rand(void)
{
	static unsigned long period, calls;
	static unsigned int state;
	if (period == 0) {
		const char *text = getenv("STEADY_PERIOD");
		period = text ? strtoul(text, NULL, 10) : 0;
		if (period == 0)
			period = -1ul;
	}
	if (calls++ % period == 0)
		state = 1;
	state = state * 1103515245 + 12345;
	return (int)(state >> 8 & RAND_MAX >> 8);
}
