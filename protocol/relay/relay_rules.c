/* One rule for every message of every interface: its signature taken apart, its types, its hooks.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/relay/relay_private.h"

static const struct relay_hook core_hooks[] = {
	{"wl_registry", "bind", relay_handle_bind, RELAY_DOWN},
	{"wl_registry", "global", relay_handle_global, RELAY_UP},
	{"wl_registry", "global_remove", relay_handle_global_remove, RELAY_UP},
	{"wl_display", "delete_id", relay_handle_delete_id, RELAY_UP},
	{"wl_display", "error", relay_handle_error, RELAY_UP},
	{"wl_callback", "done", relay_handle_done, RELAY_UP},
	{0},
};

static int count_of(const struct interface *interface, enum relay_end from)
{
	return from == RELAY_DOWN ? interface->wl->method_count : interface->wl->event_count;
}

static const struct wl_message *messages_of(const struct interface *interface, enum relay_end from)
{
	return from == RELAY_DOWN ? interface->wl->methods : interface->wl->events;
}

/* An untyped new id comes behind the name and version of its interface. */
static void check_untyped(
	const struct wire_signature *signature, const struct interface *const *types)
{
	for (size_t i = 0; i < signature->n_args; i++) {
		if (signature->args[i].type == 'n' && !types[i])
			assert(i >= 2 && signature->args[i - 2].type == 's' &&
				signature->args[i - 1].type == 'u');
	}
}

/* Fills @rules with those of @interface's messages from @from. Returns how many types they take. */
static size_t fill_rules(struct message_rule *rules, const struct interface **types,
	const struct interface *interface, enum relay_end from)
{
	uint64_t destructors =
		from == RELAY_DOWN ? interface->destructor_requests : interface->destructor_events;
	size_t n_types = 0;
	for (int i = 0; i < count_of(interface, from); i++) {
		struct message_rule *rule = &rules[i];
		rule->description = &messages_of(interface, from)[i];
		wire_signature_parse(rule->description->signature, &rule->signature);
		rule->types = types + n_types;
		for (size_t arg = 0; arg < rule->signature.n_args; arg++)
			types[n_types++] = interface_of(rule->description->types[arg]);
		check_untyped(&rule->signature, rule->types);
		rule->destructor = destructors >> i & 1;
		rule->announces =
			from == RELAY_UP && strcmp(interface->wl->name, "wl_registry") == 0;
	}
	return n_types;
}

static void count_all(size_t *n_rules, size_t *n_types)
{
	*n_rules = *n_types = 0;
	for (size_t i = 0; i < 2 * n_interfaces; i++) {
		const struct interface *interface = &interfaces[i / 2];
		enum relay_end from = i % 2 ? RELAY_UP : RELAY_DOWN;
		int count = count_of(interface, from);
		*n_rules += (size_t)count;
		for (int opcode = 0; opcode < count; opcode++) {
			struct wire_signature signature;
			wire_signature_parse(
				messages_of(interface, from)[opcode].signature, &signature);
			*n_types += signature.n_args;
		}
	}
}

static void fill_all(struct relay_hooks *hooks)
{
	size_t n_rules = 0, n_types = 0;
	for (size_t i = 0; i < 2 * n_interfaces; i++) {
		const struct interface *interface = &interfaces[i / 2];
		enum relay_end from = i % 2 ? RELAY_UP : RELAY_DOWN;
		hooks->first[from][interface->index] = (uint32_t)n_rules;
		n_types +=
			fill_rules(hooks->rules + n_rules, hooks->types + n_types, interface, from);
		n_rules += (size_t)count_of(interface, from);
	}
}

static void add_table(struct relay_hooks *hooks, const struct relay_hook *table, bool core)
{
	for (const struct relay_hook *line = table; line->interface; line++) {
		const struct interface *interface = interface_find(line->interface);
		if (!interface)
			continue;
		enum relay_end from = line->from == RELAY_DOWN ? RELAY_DOWN : RELAY_UP;
		struct message_rule *rule = &hooks->rules[hooks->first[from][interface->index] +
			relay_opcode(interface, from, line->message)];
		relay_hook_fn *hook = core ? &rule->core : &rule->hook;
		assert(!*hook && line->function);
		*hook = line->function;
		rule->hook_is_for_ours |= line->from == RELAY_UP_OURS;
	}
}

enum relay_verdict relay_swallow(struct relay_message *message)
{
	return RELAY_SWALLOW;
}

struct relay_hooks *relay_hooks_create(const struct relay_hook *const tables[])
{
	size_t n_rules, n_types;
	count_all(&n_rules, &n_types);
	struct relay_hooks *hooks = calloc(1, sizeof(*hooks));
	if (!hooks)
		return NULL;
	hooks->rules = calloc(n_rules, sizeof(*hooks->rules));
	hooks->types = calloc(n_types, sizeof(const struct interface *));
	hooks->first[RELAY_DOWN] = calloc(n_interfaces, sizeof(uint32_t));
	hooks->first[RELAY_UP] = calloc(n_interfaces, sizeof(uint32_t));
	if (!hooks->rules || !hooks->types || !hooks->first[RELAY_DOWN] ||
		!hooks->first[RELAY_UP]) {
		relay_hooks_destroy(hooks);
		return NULL;
	}
	fill_all(hooks);
	add_table(hooks, core_hooks, true);
	for (; *tables; tables++)
		add_table(hooks, *tables, false);
	return hooks;
}

void relay_hooks_destroy(struct relay_hooks *hooks)
{
	if (!hooks)
		return;
	free(hooks->rules);
	free(hooks->types);
	free(hooks->first[RELAY_DOWN]);
	free(hooks->first[RELAY_UP]);
	free(hooks);
}
