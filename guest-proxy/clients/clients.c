/* The guest's Wayland clients: what they share, and who may be one of them. */
#include "guest-proxy/clients/clients.h"

#include <inttypes.h>
#include <stdlib.h>
#include <wayland-server-protocol.h>

#include "guest-proxy/admission/guest_marks.h"
#include "guest-proxy/admission/refusal.h"
#include "guest-proxy/buffers/buffer.h"
#include "guest-proxy/clients/client.h"
#include "guest-proxy/connection/colour_profile.h"
#include "guest-proxy/connection/transfer.h"
#include "guest-proxy/dmabuf/dmabuf.h"
#include "guest-proxy/dmabuf/drm.h"
#include "guest-proxy/fences/explicit_sync.h"
#include "guest-proxy/fences/fence_sync.h"
#include "guest-proxy/globals/dmabuf_feedback.h"
#include "guest-proxy/globals/dmabuf_globals.h"
#include "guest-proxy/sync/timeline.h"
#include "guest-proxy/windows/icon.h"
#include "guest-proxy/windows/surface.h"
#include "guest-proxy/windows/swapchain.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "client"
#include "protocol/base/log.h"

#define CLIENTS_MAX 1024

struct clients {
	struct client_shared shared;
	uint64_t served;
	struct guest_marks *marks; /* NULL: nobody looks for any */
};

const struct relay_hook *const client_hooks[] = {
	buffer_hooks,
	clock_hooks,
	colour_profile_hooks,
	dmabuf_hooks,
	dmabuf_global_hooks,
	dmabuf_feedback_hooks,
	drm_hooks,
	explicit_sync_hooks,
	fence_sync_hooks,
	icon_hooks,
	swapchain_hooks,
	surface_hooks,
	timeline_hooks,
	transfer_hooks,
	NULL,
};

struct clients *clients_create(struct wl_event_loop *loop, struct gpu *gpu)
{
	struct clients *clients = calloc(1, sizeof(*clients));
	if (!clients)
		return NULL;
	clients->shared.loop = loop;
	clients->shared.gpu = gpu;
	host_clocks_init(&clients->shared.clocks, gpu->same_clock);
	wl_list_init(&clients->shared.list);
	clients->shared.hooks = relay_hooks_create(client_hooks);
	if (!clients->shared.hooks) {
		free(clients);
		return NULL;
	}
	if (gpu->same_clock) /* and so the same processes */
		clients->marks = guest_marks_create();
	return clients;
}

void clients_destroy(struct clients *clients)
{
	if (!clients)
		return;
	while (!wl_list_empty(&clients->shared.list))
		client_destroy(client_at(clients->shared.list.next));
	guest_marks_destroy(clients->marks);
	relay_hooks_destroy(clients->shared.hooks);
	free(clients);
}

/* Each has a context of its own. */
static unsigned max_clients(const struct gpu *gpu)
{
	return gpu->max_contexts > 0 && gpu->max_contexts < CLIENTS_MAX ? gpu->max_contexts
									: CLIENTS_MAX;
}

void clients_add(struct clients *clients, int fd)
{
	const unsigned max = max_clients(clients->shared.gpu);
	char why[64] = "no connection to the host for another client";

	guest_marks_add(clients->marks, fd);
	if (clients->shared.count >= max)
		snprintf(why, sizeof(why), "more than %u clients at once", max);
	else if (client_create(&clients->shared, fd, ++clients->served))
		return;
	log_limited(LOG_LEVEL_WARN, "a client was turned away: %s", why);
	refusal_send(fd, WL_DISPLAY_ERROR_NO_MEMORY, why);
	fd_close(&fd);
}

unsigned clients_lingering(const struct clients *clients)
{
	const struct wl_list *list = &clients->shared.list;
	unsigned count = 0;

	for (struct wl_list *link = list->next; link != list; link = link->next)
		count += client_lingers(client_at(link));
	return count;
}

/* Of those that are and those that were. */
static struct counters sum_counters(const struct clients *clients)
{
	const struct wl_list *list = &clients->shared.list;
	struct counters counters = clients->shared.past;

	for (struct wl_list *link = list->next; link != list; link = link->next)
		counters_add(&counters, client_connection(client_at(link)));
	return counters;
}

enum clients_progress clients_progress(const struct clients *clients)
{
	const struct counters counters = sum_counters(clients);

	if (counters.frames > 0 || counters.dmabufs > 0)
		return CLIENTS_DRAWN;
	return clients->served > 0 ? CLIENTS_CONNECTED : CLIENTS_NONE;
}

void clients_print_counters(const struct clients *clients, FILE *file)
{
	const struct counters counters = sum_counters(clients);

	fprintf(file, "clients %u\nclients_served %" PRIu64 "\n", clients->shared.count,
		clients->served);
	counters_print(&counters, file);
	host_clocks_print(&clients->shared.clocks, file);
	fflush(file);
}
