/* steady: preloaded into a program that draws at random, makes it draw the same picture every time.
 *
 * Seeds are ignored, so random() gives the same numbers in every run; rand() does so in every frame
 * that an SDL program shows, whose picture then stands still.
 */
#include <dlfcn.h>
#include <stdlib.h>

static unsigned int state;

void SDL_RenderPresent(void *renderer);

void srand(unsigned int seed)
{
}

void srandom(unsigned int seed)
{
}

int rand(void)
{
	state = state * 1103515245 + 12345;
	return (int)(state >> 8);
}

void SDL_RenderPresent(void *renderer)
{
	static void (*present)(void *renderer);
	if (!present)
		*(void **)&present = dlsym(RTLD_NEXT, "SDL_RenderPresent");
	state = 1;
	present(renderer);
}
