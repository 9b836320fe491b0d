/* What this wayferry-host offers: to guests, and to those who look for back ends. */
#include "host-bridge/capabilities.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host-bridge/display/compositor_place.h"
#include "host-bridge/virtio/udmabuf.h"
#include "protocol/base/fd.h"
#include "protocol/formats/cross_domain.h"

void capabilities_print(const struct host_settings *settings, const struct renderer *renderer)
{
	char path[COMPOSITOR_PATH_BYTES];
	int fd = compositor_open_socket(settings->policy.wayland_display, path);

	printf("version %s\n", WAYFERRY_VERSION);
	printf("device virtio-gpu\n");
	printf("renderer %s\n", renderer_n_capsets(renderer) > 0 ? "libvirglrenderer" : "none");
	printf("window-bytes %llu\n", (unsigned long long)settings->region_bytes);
	int udmabuf = udmabuf_open();
	printf("udmabuf %s\n", udmabuf < 0 ? strerror(-udmabuf) : "works");
	fd_close(&udmabuf);
	printf("capset %d cross-domain, channels: wayland\n", CROSS_DOMAIN_CAPSET_ID);
	for (size_t i = 0; i < renderer_n_capsets(renderer); i++) {
		const struct renderer_capset *capset = renderer_capset_at(renderer, i);
		printf("capset %u %s, %u bytes\n", capset->id, renderer_kind_name(capset->kind),
			capset->size);
	}
	printf("compositor %s: %s\n", path[0] ? path : "no $XDG_RUNTIME_DIR",
		fd < 0 ? strerror(-fd) : "answers");
	fd_close(&fd);
	policy_print(&settings->policy);
	quota_print(settings->policy.quota, stdout);
}

void capabilities_print_backend(const struct host_settings *settings)
{
	bool renders = access(settings->renderer.program, X_OK) == 0;

	printf("{\n  \"type\": \"gpu\",\n  \"features\": [%s]\n}\n",
		renders ? "\"render-node\", \"virgl\"" : "");
}
