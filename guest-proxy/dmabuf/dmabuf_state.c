/* What a connection knows of linux-dmabuf and wl_drm. */
#include "guest-proxy/dmabuf/dmabuf_state.h"

#include <stdlib.h>

struct dmabuf_state *dmabuf_state_create(void)
{
	struct dmabuf_state *state = calloc(1, sizeof(*state));
	if (state)
		wl_list_init(&state->drms);
	return state;
}

void dmabuf_state_destroy(struct dmabuf_state *state)
{
	free(state);
}
