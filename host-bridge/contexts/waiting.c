/* Commands that cannot be executed yet. */
#include "host-bridge/contexts/waiting.h"

#include <errno.h>
#include <stdlib.h>

#include "host-bridge/contexts/context.h"
#include "host-bridge/resources/rate.h"
#include "host-bridge/resources/resources.h"
#include "protocol/base/bytes.h"
#include "protocol/base/monotonic.h"

struct waiting {
	struct wl_list link;
	struct waiting_subject subject;
	struct virtqueue_chain *chain;
};

void waiting_room_init(struct waiting_room *room, const struct resource_table *resources,
	const struct id_map *contexts)
{
	*room = (struct waiting_room){
		.resources = resources, .contexts = contexts, .rate_due_ns = UINT64_MAX};
	wl_list_init(&room->commands);
}

static void drop(struct waiting_room *room, struct waiting *waiting)
{
	wl_list_remove(&waiting->link);
	room->count--;
	room->n_rated -= waiting->subject.rate != NULL;
	free(waiting->chain);
	free(waiting);
}

void waiting_room_finish(struct waiting_room *room)
{
	struct waiting *waiting, *next;
	wl_list_for_each_safe(waiting, next, &room->commands, link)
	{
		drop(room, waiting);
	}
}

/* What the commands are about that still wait: a later one must not overtake them. */
struct blocked {
	struct id_map contexts,
		resources; /* some waiting command by its context's, resource's id */
};

static void blocked_finish(struct blocked *blocked)
{
	id_map_finish(&blocked->contexts);
	id_map_finish(&blocked->resources);
}

static bool add_id(struct id_map *map, uint32_t id, struct waiting *waiting)
{
	return id == 0 || id_map_find(map, id) || id_map_insert(map, id, waiting) == 0;
}

/* False: memory is short. */
static bool blocked_add(struct blocked *blocked, struct waiting *waiting)
{
	return add_id(&blocked->contexts, waiting->subject.context_id, waiting) &&
		add_id(&blocked->resources, waiting->subject.resource_id, waiting);
}

/* Whether @subject would overtake one of them: depends on all of them, without comparing with each.
 */
static bool overtakes(const struct waiting_room *room, const struct waiting_subject *subject,
	const struct blocked *blocked)
{
	const struct resource *resource = resource_find(room->resources, subject->resource_id);
	uint32_t position = 0;

	if (id_map_find(&blocked->contexts, subject->context_id) ||
		id_map_find(&blocked->resources, subject->resource_id))
		return true;
	if (!resource || resource->attached == 0)
		return false;
	for (const struct waiting *earlier;
		(earlier = id_map_next(&blocked->contexts, &position));) {
		const struct context *context =
			id_map_find(room->contexts, earlier->subject.context_id);
		if (context && id_map_find(&context->attached, resource->id))
			return true;
	}
	return false;
}

/* Whether @subject has to wait for something other than a command. */
static bool is_held(struct waiting_room *room, const struct waiting_subject *subject)
{
	const struct resource *resource = resource_find(room->resources, subject->resource_id);
	const struct context *context = id_map_find(room->contexts, subject->context_id);
	const uint64_t now_ns = subject->rate ? monotonic_ns() : 0;
	const uint64_t wait_ns = subject->rate ? rate_wait_ns(subject->rate, now_ns) : 0;

	if (resource && resource->pending)
		return true;
	if (wait_ns > 0) {
		room->rate_due_ns = min_u64(room->rate_due_ns, now_ns + wait_ns);
		return true;
	}
	return context && context->ops->busy && context->ops->busy(context);
}

/* Whether @subject would overtake @earlier. */
static bool depends(const struct waiting_room *room, const struct waiting_subject *subject,
	const struct waiting_subject *earlier)
{
	if (subject->context_id != 0 && subject->context_id == earlier->context_id)
		return true;
	if (subject->resource_id == 0)
		return false;
	if (subject->resource_id == earlier->resource_id)
		return true;
	/* A command of a context that has the resource may use it. */
	const struct context *context = id_map_find(room->contexts, earlier->context_id);
	return context && id_map_find(&context->attached, subject->resource_id);
}

bool waiting_needed(struct waiting_room *room, const struct waiting_subject *subject)
{
	const struct waiting *waiting;

	if (is_held(room, subject))
		return true;
	wl_list_for_each(waiting, &room->commands, link)
	{
		if (depends(room, subject, &waiting->subject))
			return true;
	}
	return false;
}

int waiting_add(struct waiting_room *room, const struct waiting_subject *subject,
	const struct virtqueue_chain *chain)
{
	/* There are no more chains than that, unless a driver offers one again unanswered. */
	if (room->count == VIRTQUEUE_MAX_SIZE)
		return -ENOSPC;
	if (subject->rate && room->n_rated == WAITING_MAX_RATED)
		return -ENOSPC;
	struct waiting *waiting = malloc(sizeof(*waiting));
	struct virtqueue_chain *copy = virtqueue_chain_copy(chain);
	if (!waiting || !copy) {
		free(waiting);
		free(copy);
		return -ENOMEM;
	}
	waiting->subject = *subject;
	waiting->chain = copy;
	wl_list_insert(room->commands.prev, &waiting->link);
	room->count++;
	room->n_rated += subject->rate != NULL;
	return 0;
}

/* Whether any of them could go on. */
static bool worth_a_retry(const struct waiting_room *room, bool contexts_woke)
{
	return contexts_woke || room->unfinished || room->n_settled != room->resources->n_settled ||
		(room->rate_due_ns != UINT64_MAX && monotonic_ns() >= room->rate_due_ns);
}

bool waiting_retry(struct waiting_room *room, bool contexts_woke,
	bool (*execute)(void *data, const struct virtqueue_chain *chain), void *data)
{
	struct waiting *waiting, *next;

	if (!worth_a_retry(room, contexts_woke))
		return true;
	room->rate_due_ns = UINT64_MAX;
	room->n_settled = room->resources->n_settled;
	room->unfinished = false;
	struct blocked blocked = {0};
	wl_list_for_each_safe(waiting, next, &room->commands, link)
	{
		if (is_held(room, &waiting->subject) ||
			overtakes(room, &waiting->subject, &blocked)) {
			room->unfinished = !blocked_add(&blocked, waiting);
		} else {
			room->unfinished = !execute(data, waiting->chain);
			drop(room, waiting);
		}
		if (room->unfinished)
			break;
	}
	blocked_finish(&blocked);
	return !room->unfinished;
}
