/*
 * Channels that listen for each other.
 *
 * Where a guest has more channels than the driver's queue has places, those without a place would
 * have to ask again and again. The channels of a group (CROSS_DOMAIN_CMD_GROUP) need not: whoever
 * of them has a POLL there is told which others should ask, by a BELL. The key of a group is the
 * guest's choice, and only a name: who says another one's hears when its channels have events.
 */
#include "host-bridge/cross_domain/cross_domain_impl.h"

#include <errno.h>
#include <stdlib.h>

struct channel_group {
	struct wl_list link; /* cross_domain_kind::groups */
	uint64_t key;
	uint32_t n_members;
	struct wl_list due; /* cross_domain_context::due_link: to be told of in a BELL */
};

static struct channel_group *find(struct cross_domain_kind *kind, uint64_t key)
{
	struct channel_group *group;
	wl_list_for_each(group, &kind->groups, link)
	{
		if (group->key == key)
			return group;
	}
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	group->key = key;
	wl_list_init(&group->due);
	wl_list_insert(&kind->groups, &group->link);
	return group;
}

int cross_domain_join_group(struct cross_domain_context *context, uint64_t key, uint32_t member)
{
	context->group = find(context->kind, key);
	if (!context->group)
		return -ENOMEM;
	context->group->n_members++;
	context->member = member;
	return 0;
}

void cross_domain_call_off(struct cross_domain_context *context)
{
	context->put_off = false;
	wl_list_remove(&context->due_link);
	wl_list_init(&context->due_link);
}

/*
 * Who has got a place last is the last to lose it. Where nobody listens, the next POLL finds it.
 * One that has failed does not listen: where its events go may be what it failed for.
 */
static void wake_listener(const struct cross_domain_context *context)
{
	struct cross_domain_context *listener;

	wl_list_for_each_reverse(listener, &context->kind->placed, placed_link)
	{
		if (listener->group == context->group && !listener->failed) {
			context_wake(&listener->base);
			return;
		}
	}
}

void cross_domain_hand_over(struct cross_domain_context *context)
{
	if (wl_list_empty(&context->told))
		return;
	wl_list_insert_list(context->group->due.prev, &context->told);
	wl_list_init(&context->told);
	wake_listener(context);
}

void cross_domain_leave_group(struct cross_domain_context *context)
{
	struct channel_group *group = context->group;

	if (!group)
		return;
	cross_domain_call_off(context);
	cross_domain_hand_over(context);
	context->group = NULL;
	if (--group->n_members > 0)
		return;
	wl_list_remove(&group->link);
	free(group);
}

bool cross_domain_has_bell(const struct cross_domain_context *context)
{
	return context->group && !context->failed && !wl_list_empty(&context->group->due);
}

void cross_domain_call(struct cross_domain_context *context)
{
	if (!context->group || !context->put_off)
		return;
	cross_domain_call_off(context);
	wl_list_insert(context->group->due.prev, &context->due_link);
	wake_listener(context);
}

size_t cross_domain_make_bell(struct cross_domain_context *context, uint8_t *to, size_t room)
{
	struct cross_domain_bell bell = {.hdr.cmd = CROSS_DOMAIN_CMD_BELL};
	const uint64_t most = min_u64(
		(room - sizeof(bell)) / sizeof(context->member), CROSS_DOMAIN_BELL_MAX_MEMBERS);
	uint8_t *at = to + sizeof(bell);

	while (cross_domain_has_bell(context) && bell.n_members < most) {
		struct cross_domain_context *due =
			wl_container_of(context->group->due.next, due, due_link);
		memcpy(at, &due->member, sizeof(due->member));
		at += sizeof(due->member);
		bell.n_members++;
		cross_domain_call_off(due);
		wl_list_insert(context->told.prev, &due->due_link);
	}
	memcpy(to, &bell, sizeof(bell));
	return bell.n_members > 0 ? (size_t)(at - to) : 0;
}
