/* Policy: the guests' sources of clipboards, primary selections and drags. */
#include "host-bridge/policy/transfers/policy_sources.h"

#include <stdlib.h>
#include <string.h>

static const struct policy *policy_of(const struct source *source)
{
	const struct policy_connection *connection = relay_data(source->relay);
	return connection->policy;
}

/* --- its life --- */

struct source *source_of(const struct relay_object *object)
{
	return object ? object->data : NULL;
}

static void destroy_source(struct relay_object *object)
{
	struct source *source = object->data;
	struct vm_quota *quota = policy_of(source)->quota;

	object->data = NULL;
	wl_list_remove(&source->link);
	quota_release(quota, QUOTA_TEXT_BYTES, source->charged_bytes);
	if (source->gone)
		source->gone(source);
	mime_types_clear(&source->types);
	free(source);
}

/* NULL: no memory, and the relay has failed. */
static struct source *source_for(struct relay_message *message)
{
	struct relay_object *object = message->object;
	const struct policy_connection *connection = relay_data(message->relay);
	struct transfers *transfers = connection->policy->transfers;

	if (object->data)
		return object->data;
	struct source *source = calloc(1, sizeof(*source));
	if (!source) {
		relay_fail_memory(message->relay, "a source");
		return NULL;
	}
	source->relay = message->relay;
	source->object = object;
	source->number = ++transfers->last_number;
	wl_list_insert(&transfers->sources, &source->link);
	object->data = source;
	object->data_destroy = destroy_source;
	return source;
}

/* *source.offer(type) */
enum relay_verdict policy_source_offer(struct relay_message *message)
{
	const char *type = message->args[0].s;
	struct source *source = source_for(message);

	if (!source)
		return RELAY_FAILED;
	const struct policy *policy = policy_of(source);
	if (transfers_is_mark(type))
		return RELAY_SWALLOW;
	if (!quota_charge(policy->quota, QUOTA_MIME_TYPES, ++source->charged_types))
		return policy_refuse(message->relay, QUOTA_MIME_TYPES);
	if (!quota_adjust(policy->quota, QUOTA_TEXT_BYTES, &source->charged_bytes,
		    source->charged_bytes + strlen(type) + MIME_TYPE_BYTES))
		return policy_refuse(message->relay, QUOTA_TEXT_BYTES);
	if (!mime_types_add(&source->types, type))
		return relay_fail_memory(message->relay, "a source");
	return source_passes(source, type) ? RELAY_FORWARD : RELAY_SWALLOW;
}

/* --- the compositor hears of it --- */

static void offer_type(struct relay *relay, struct relay_object *object, const char *type)
{
	relay_send_named(relay, RELAY_UP, object, "offer", &(union wire_arg){.s = type});
}

/* How many types may not leave; @object offers the others. */
static uint64_t offer_passing(
	struct source *source, struct relay *relay, struct relay_object *object)
{
	uint64_t withheld = 0;

	for (size_t i = 0; i < source->types.n; i++) {
		if (source_passes(source, source->types.names[i]))
			offer_type(relay, object, source->types.names[i]);
		else
			withheld++;
	}
	policy_of(source)->counters->types_withheld += withheld;
	return withheld;
}

static void offer_mark(struct source *source, struct relay *relay, struct relay_object *object)
{
	char mark[TRANSFERS_MARK_BYTES];

	transfers_write_mark(policy_of(source)->transfers, source->number, mark);
	offer_type(relay, object, mark);
}

void source_offer_types(struct source *source, struct relay *relay, struct relay_object *object)
{
	offer_passing(source, relay, object);
	offer_mark(source, relay, object);
}

bool source_keep(struct source *source, enum transfer_kind kind)
{
	if (source->published)
		return source->kind == kind;
	source->published = true;
	source->kind = kind;
	return true;
}

bool source_publish(struct source *source, enum transfer_kind kind)
{
	const struct transfer_rule *rule = &policy_of(source)->rules.kinds[kind];
	bool published = source->published;

	if (!source_keep(source, kind) || published)
		return source->kind == kind;
	/* Where all of it comes back as it is, nobody needs to know whose it is. */
	if (offer_passing(source, source->relay, source->object) > 0 ||
		rule->modes[TRANSFER_TO_GUEST] != TRANSFER_ALLOW ||
		rule->modes[TRANSFER_TO_HOST] != TRANSFER_ALLOW)
		offer_mark(source, source->relay, source->object);
	return true;
}

bool source_passes(const struct source *source, const char *type)
{
	return source && source->published && mime_types_has(&source->types, type) &&
		transfer_rule_passes(&policy_of(source)->rules.kinds[source->kind], type);
}

void source_send(struct source *source, const char *type, struct wire_handle *handle)
{
	union wire_arg args[] = {{.s = type}, {.handle = *handle}};

	args[1].handle.kind = WIRE_WRITE_PIPE;
	handle->kind = WIRE_NONE;
	relay_send_named(source->relay, RELAY_DOWN, source->object, "send", args);
}

struct source *source_by_number(const struct transfers *transfers, uint64_t number)
{
	struct source *source;

	wl_list_for_each(source, &transfers->sources, link)
	{
		if (source->number == number)
			return source;
	}
	return NULL;
}
