/* steady: preloaded into a program that draws or places at random, makes its picture the same every
 * time.
 *
 * random() gives the same number always: weston then puts every window at the same place, however
 * often it has asked before. rand() starts over with every frame that an SDL program shows, whose
 * picture then stands still. No time passes for a GTimer: GTK measures as many rows of a list as it
 * can in 30 ms, and makes the window as wide as what it has measured by then.
 */
#include <dlfcn.h>
#include <stdlib.h>

static unsigned int state;

void SDL_RenderPresent(void *renderer);
double g_timer_elapsed(void *timer, unsigned long *microseconds);

void srand(unsigned int seed)
{
}

void srandom(unsigned int seed)
{
}

long random(void)
{
	return 1234567;
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

double g_timer_elapsed(void *timer, unsigned long *microseconds)
{
	if (microseconds)
		*microseconds = 0;
	return 0;
}
