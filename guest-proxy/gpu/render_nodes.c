/* The DRM render nodes of this machine. */
#include "guest-proxy/gpu/render_nodes.h"

#include <errno.h>
#include <stdio.h>

#include "guest-proxy/gpu/virtgpu_ioctl.h"

#define RENDER_NODE "/dev/dri/renderD%d"
#define FIRST_RENDER_NODE 128
#define N_RENDER_NODES 64

void render_nodes_visit(bool (*visit)(void *data, const char *path, int fd), void *data)
{
	for (int i = 0; i < N_RENDER_NODES; i++) {
		char path[sizeof(RENDER_NODE) + 8];
		snprintf(path, sizeof(path), RENDER_NODE, FIRST_RENDER_NODE + i);
		int fd = virtgpu_open(path);
		if (fd != -ENOENT && visit(data, path, fd))
			return;
	}
}
