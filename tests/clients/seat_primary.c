/* The primary selection of seat-compositor, in GTK's older words, which no compositor has any more:
 * whoever sets it, and whoever asks, has it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gtk-primary-selection-server-protocol.h"
#include "seat_compositor.h"

#define TYPES_MAX 8

struct source {
	struct seat_compositor *compositor;
	char *types[TYPES_MAX];
	size_t n_types;
};

static void destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

/* --- what others paste --- */

static void offer_receive(
	struct wl_client *client, struct wl_resource *resource, const char *type, int32_t fd)
{
	const struct seat_compositor *compositor = wl_resource_get_user_data(resource);
	if (compositor->primary)
		gtk_primary_selection_source_send_send(compositor->primary, type, fd);
	close(fd);
}

static const struct gtk_primary_selection_offer_interface offer_requests = {
	.receive = offer_receive, .destroy = destroy};

/* What is selected, to one who may paste it. */
static void tell(struct seat_compositor *compositor, struct wl_resource *device)
{
	if (!compositor->primary) {
		gtk_primary_selection_device_send_selection(device, NULL);
		return;
	}
	const struct source *source = wl_resource_get_user_data(compositor->primary);
	struct wl_resource *offer = wl_resource_create(
		wl_resource_get_client(device), &gtk_primary_selection_offer_interface, 1, 0);
	if (!offer)
		return;
	wl_resource_set_implementation(offer, &offer_requests, compositor, NULL);
	gtk_primary_selection_device_send_data_offer(device, offer);
	for (size_t i = 0; i < source->n_types; i++)
		gtk_primary_selection_offer_send_offer(offer, source->types[i]);
	gtk_primary_selection_device_send_selection(device, offer);
}

static void select_source(struct seat_compositor *compositor, struct wl_resource *source)
{
	struct wl_resource *device;
	compositor->primary = source;
	wl_resource_for_each(device, &compositor->primary_devices) tell(compositor, device);
}

/* --- what is selected --- */

static void source_offer(struct wl_client *client, struct wl_resource *resource, const char *type)
{
	struct source *source = wl_resource_get_user_data(resource);
	if (source->n_types < TYPES_MAX)
		source->types[source->n_types++] = strdup(type);
}

static const struct gtk_primary_selection_source_interface source_requests = {
	.offer = source_offer, .destroy = destroy};

static void source_free(struct wl_resource *resource)
{
	struct source *source = wl_resource_get_user_data(resource);
	if (source->compositor->primary == resource)
		select_source(source->compositor, NULL);
	for (size_t i = 0; i < source->n_types; i++)
		free(source->types[i]);
	free(source);
}

static void create_source(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct source *source = calloc(1, sizeof(*source));
	struct wl_resource *made =
		wl_resource_create(client, &gtk_primary_selection_source_interface, 1, id);
	if (!source || !made)
		abort();
	source->compositor = wl_resource_get_user_data(resource);
	wl_resource_set_implementation(made, &source_requests, source, source_free);
}

static void set_selection(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *source, uint32_t serial)
{
	struct seat_compositor *compositor = wl_resource_get_user_data(resource);
	if (compositor->primary && compositor->primary != source)
		gtk_primary_selection_source_send_cancelled(compositor->primary);
	select_source(compositor, source);
}

static const struct gtk_primary_selection_device_interface device_requests = {
	.set_selection = set_selection, .destroy = destroy};

static void forget_device(struct wl_resource *resource)
{
	wl_list_remove(wl_resource_get_link(resource));
}

static void get_device(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *seat)
{
	struct seat_compositor *compositor = wl_resource_get_user_data(resource);
	struct wl_resource *device =
		wl_resource_create(client, &gtk_primary_selection_device_interface, 1, id);
	if (!device)
		return;
	wl_resource_set_implementation(device, &device_requests, compositor, forget_device);
	wl_list_insert(&compositor->primary_devices, wl_resource_get_link(device));
	if (compositor->primary)
		tell(compositor, device);
}

static const struct gtk_primary_selection_device_manager_interface manager_requests = {
	.create_source = create_source, .get_device = get_device, .destroy = destroy};

static void bind(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *manager =
		wl_resource_create(client, &gtk_primary_selection_device_manager_interface, 1, id);
	if (manager)
		wl_resource_set_implementation(manager, &manager_requests, data, NULL);
}

void seat_primary_create(struct seat_compositor *compositor)
{
	wl_list_init(&compositor->primary_devices);
	wl_global_create(compositor->display, &gtk_primary_selection_device_manager_interface, 1,
		compositor, bind);
}
