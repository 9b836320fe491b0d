/* What the commands of a guest work on: kinds of contexts, contexts, and what is attached to them.
 */
#include "host-bridge/gpu/device_state.h"

#include <errno.h>

#include "host-bridge/resources/quota.h"
#define LOG_MODULE "device"
#include "protocol/base/log.h"

struct context_kind *device_find_kind(const struct device_state *state, uint32_t capset_id)
{
	for (size_t i = 0; i < state->n_kinds; i++)
		if (state->kinds[i]->capset_id == capset_id)
			return state->kinds[i];
	return NULL;
}

struct context_kind *device_kind_of_init(const struct device_state *state, uint32_t context_init)
{
	uint32_t capset_id = context_init & VIRTIO_GPU_CONTEXT_INIT_CAPSET_ID_MASK;
	return device_find_kind(state, capset_id ? capset_id : VIRTIO_GPU_CAPSET_VIRGL2);
}

int device_add_context(struct device_state *state, struct context *context)
{
	wl_list_init(&context->requests);
	wl_list_init(&context->wake_link);
	if (!quota_charge(state->host.quota, QUOTA_CONTEXTS, 1)) {
		context->ops->destroy(context);
		return -ENOSPC;
	}
	if (id_map_insert(&state->contexts, context->id, context) < 0) {
		quota_release(state->host.quota, QUOTA_CONTEXTS, 1);
		context->ops->destroy(context);
		return -ENOMEM;
	}
	state->counters.contexts++;
	log_debug("%s is there", context->name);
	return 0;
}

static void detach(struct context *context, struct resource *resource)
{
	if (context->ops->detach)
		context->ops->detach(context, resource);
	resource->attached--;
	resource_unref(resource);
}

int device_attach(struct context *context, struct resource *resource)
{
	if (id_map_find(&context->attached, resource->id))
		return 0;
	int err = context->ops->attach ? context->ops->attach(context, resource) : 0;
	if (err == 0)
		err = id_map_insert(&context->attached, resource->id, resource);
	if (err < 0)
		return err;
	resource_ref(resource);
	resource->attached++;
	return 0;
}

bool device_detach(struct context *context, uint32_t resource_id)
{
	struct resource *resource = id_map_remove(&context->attached, resource_id);
	if (resource)
		detach(context, resource);
	return resource;
}

void device_end_context(struct device_state *state, struct context *context)
{
	uint32_t id;
	for (struct resource *resource; (resource = id_map_take_any(&context->attached, &id));)
		detach(context, resource);
	id_map_finish(&context->attached);
	id_map_remove(&state->contexts, context->id);
	quota_release(state->host.quota, QUOTA_CONTEXTS, 1);
	state->counters.contexts--;
	log_debug("%s ends", context->name);

	/* On its way out it may complete requests and want to be woken. What it has not completed
	 * is completed after it. */
	struct wl_list held;
	wl_list_init(&held);
	wl_list_insert_list(&held, &context->requests);
	wl_list_init(&context->requests);
	wl_list_remove(&context->wake_link);
	context_set_starved(context, false);
	context->dying = true;
	context->ops->destroy(context);
	requests_finish(&held);
}

void device_forget_resource(struct device_state *state, struct resource *resource)
{
	uint32_t position = 0;
	if (resource->attached == 0 && !state->renders)
		return;
	for (struct context *context; (context = id_map_next(&state->contexts, &position));) {
		if (id_map_remove(&context->attached, resource->id))
			detach(context, resource);
		if (context->ops->forget)
			context->ops->forget(context, resource);
	}
}
