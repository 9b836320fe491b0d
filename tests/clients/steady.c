/* steady: preloaded into a program that draws at random, makes it draw the same picture every time.
 *
 * The generators of libc keep their first seed: what follows from rand() and random() is the same in
 * every run.
 */
#include <stdlib.h>

void srand(unsigned int seed)
{
}

void srandom(unsigned int seed)
{
}
