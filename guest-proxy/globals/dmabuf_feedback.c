/*
 * linux-dmabuf's feedback, rewritten for the guest. The host's feedback names the host's devices
 * and all formats that its compositor takes; the guest has one device, and can use some of the
 * formats. So the host's events are collected until "done", and the client is sent others in their
 * place: a table of the usable formats, the guest's device, and the tranches in the same order,
 * with indices into the new table. Where the host has no feedback there is one tranche of all
 * formats.
 */
#include "guest-proxy/globals/dmabuf_feedback.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-proxy/connection/connection.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define FEEDBACK "zwp_linux_dmabuf_feedback_v1"
#define MAX_TRANCHES 64
#define UNUSED (-1)

struct tranche {
	uint32_t flags;
	struct wl_array indices; /* uint16_t, in the new table */
};

struct feedback { /* relay_object.data of a zwp_linux_dmabuf_feedback_v1 */
	struct relay_object *object;
	struct wl_list link;   /* dmabuf_manager::waiting, or empty */
	struct wl_array table; /* struct dmabuf_pair: those of the host that the guest can use */
	bool table_new;        /* and not sent yet */
	int *places;           /* of the host's pairs in ours; UNUSED: not there */
	uint32_t n_places;
	struct tranche tranches[MAX_TRANCHES]; /* tranches[n_tranches] is under way */
	uint32_t n_tranches;
};

/* False: no memory. */
static bool tranche_add(struct tranche *tranche, int place)
{
	uint16_t *index = wl_array_add(&tranche->indices, sizeof(*index));
	if (index)
		*index = (uint16_t)place;
	return index;
}

static enum relay_verdict no_memory(struct relay *relay)
{
	return relay_fail_memory(relay, "linux-dmabuf's feedback");
}

static void clear_tranches(struct feedback *feedback)
{
	for (uint32_t i = 0; i < MAX_TRANCHES; i++) {
		wl_array_release(&feedback->tranches[i].indices);
		feedback->tranches[i] = (struct tranche){0};
	}
	feedback->n_tranches = 0;
}

static void destroy_feedback(struct relay_object *object)
{
	struct feedback *feedback = object->data;
	object->data = NULL;
	wl_list_remove(&feedback->link);
	clear_tranches(feedback);
	wl_array_release(&feedback->table);
	free(feedback->places);
	free(feedback);
}

/* Sending */

static int tell(struct relay *relay, const struct feedback *feedback, const char *event,
	const union wire_arg *args)
{
	return relay_send_named(relay, RELAY_DOWN, feedback->object, event, args);
}

static int tell_table(struct relay *relay, struct feedback *feedback)
{
	size_t size = feedback->table.size;
	int fd = fd_memfd_constant("wayferry-formats", feedback->table.data, size);
	if (fd < 0) {
		no_memory(relay);
		return fd;
	}
	feedback->table_new = false;
	return tell(relay, feedback, "format_table",
		(union wire_arg[]){{.handle = wire_handle_fd(fd)}, {.u = (uint32_t)size}});
}

static bool tranche_has(const struct tranche *tranche, uint16_t index)
{
	const uint16_t *indices = tranche->indices.data;
	for (size_t i = 0; i < tranche->indices.size / sizeof(*indices); i++) {
		if (indices[i] == index)
			return true;
	}
	return false;
}

/* Tranches of different host devices can become alike for the guest's one: what an earlier tranche
 * of the same flags has is left out. */
static void drop_repeated(struct feedback *feedback, uint32_t number)
{
	struct tranche *tranche = &feedback->tranches[number];
	uint16_t *index, *left = tranche->indices.data;

	array_for_each(index, &tranche->indices)
	{
		bool repeated = false;
		for (uint32_t t = 0; t < number && !repeated; t++)
			repeated = feedback->tranches[t].flags == tranche->flags &&
				tranche_has(&feedback->tranches[t], *index);
		if (!repeated)
			*left++ = *index;
	}
	tranche->indices.size = (size_t)((char *)left - (char *)tranche->indices.data);
}

static void tell_all(struct relay *relay, struct feedback *feedback)
{
	dev_t device = connection_of(relay)->gpu->device;
	const union wire_arg device_arg[] = {{.array = {&device, sizeof(device)}}};

	if (feedback->table_new && tell_table(relay, feedback) < 0)
		return;
	tell(relay, feedback, "main_device", device_arg);
	for (uint32_t i = 0; i < feedback->n_tranches; i++) {
		const struct tranche *tranche = &feedback->tranches[i];
		drop_repeated(feedback, i);
		if (tranche->indices.size == 0)
			continue;
		tell(relay, feedback, "tranche_target_device", device_arg);
		/* Whichever device of the host it is of: from here the compositor takes it. */
		tell(relay, feedback, "tranche_flags", (union wire_arg[]){{.u = tranche->flags}});
		tell(relay, feedback, "tranche_formats",
			(union wire_arg[]){{.array = {tranche->indices.data,
						    (uint32_t)tranche->indices.size}}});
		tell(relay, feedback, "tranche_done", NULL);
	}
	tell(relay, feedback, "done", NULL);
	clear_tranches(feedback);
}

/* One tranche of all pairs of @manager. */
static void tell_own(struct relay *relay, struct dmabuf_manager *manager, struct feedback *feedback)
{
	int n = (int)(manager->pairs.size / sizeof(struct dmabuf_pair));
	bool good = wl_array_copy(&feedback->table, &manager->pairs) == 0;
	for (int i = 0; i < n && good; i++)
		good = tranche_add(&feedback->tranches[0], i);
	if (!good) {
		no_memory(relay);
		return;
	}
	feedback->n_tranches = 1;
	feedback->table_new = true;
	tell_all(relay, feedback);
}

void dmabuf_feedback_complete(struct relay *relay, struct dmabuf_manager *manager)
{
	struct feedback *feedback, *next;
	wl_list_for_each_safe(feedback, next, &manager->waiting, link)
	{
		wl_list_remove(&feedback->link);
		wl_list_init(&feedback->link);
		tell_own(relay, manager, feedback);
	}
}

/* zwp_linux_dmabuf_v1.get_default_feedback(id) and get_surface_feedback(id, surface) */
static enum relay_verdict handle_get_feedback(struct relay_message *message)
{
	struct dmabuf_manager *manager = message->object->data;
	struct relay_object *object = message->args[0].object;
	struct feedback *feedback = calloc(1, sizeof(*feedback));

	if (!feedback)
		return no_memory(message->relay);
	feedback->object = object;
	wl_list_init(&feedback->link);
	wl_array_init(&feedback->table);
	object->data = feedback;
	object->data_destroy = destroy_feedback;
	if (manager->host_version >= DMABUF_FEEDBACK_VERSION)
		return RELAY_FORWARD;
	if (manager->complete)
		tell_own(message->relay, manager, feedback);
	else
		wl_list_insert(manager->waiting.prev, &feedback->link);
	return RELAY_SWALLOW;
}

/* Collecting the host's events */

/* Makes the new table of the host's @n pairs, and the map of indices. False: no memory. */
static bool take_table(struct feedback *feedback, const struct gpu *gpu,
	const struct dmabuf_pair *pairs, uint32_t n)
{
	int *places = calloc(n + 1, sizeof(*places));
	if (!places)
		return false;
	clear_tranches(feedback); /* those under way have indices in the old one */
	free(feedback->places);
	feedback->places = places;
	feedback->n_places = n;
	feedback->table_new = true;
	feedback->table.size = 0;
	for (uint32_t i = 0; i < n; i++) {
		bool usable = dmabuf_usable(gpu, pairs[i].format, pairs[i].modifier);
		places[i] = usable
			? dmabuf_pairs_add(&feedback->table, pairs[i].format, pairs[i].modifier)
			: UNUSED;
		if (places[i] == -ENOMEM)
			return false;
	}
	return true;
}

/* format_table(fd, size) */
static enum relay_verdict handle_format_table(struct relay_message *message)
{
	struct feedback *feedback = message->object->data;
	uint32_t n = (uint32_t)min_u64(
		message->args[1].u / sizeof(struct dmabuf_pair), DMABUF_MAX_PAIRS);
	struct dmabuf_pair *pairs = calloc(n + 1, sizeof(*pairs));

	if (!pairs)
		return no_memory(message->relay);
	ssize_t got = pread(message->args[0].handle.fd, pairs, n * sizeof(*pairs), 0);
	n = got > 0 ? (uint32_t)((size_t)got / sizeof(*pairs)) : 0;
	bool good = take_table(feedback, connection_of(message->relay)->gpu, pairs, n);
	free(pairs);
	return good ? RELAY_SWALLOW : no_memory(message->relay);
}

static struct tranche *current(struct feedback *feedback)
{
	return feedback->n_tranches < MAX_TRANCHES ? &feedback->tranches[feedback->n_tranches]
						   : NULL;
}

/* tranche_flags(flags) */
static enum relay_verdict handle_tranche_flags(struct relay_message *message)
{
	struct tranche *tranche = current(message->object->data);
	if (tranche)
		tranche->flags = message->args[0].u;
	return RELAY_SWALLOW;
}

/* tranche_formats(indices) */
static enum relay_verdict handle_tranche_formats(struct relay_message *message)
{
	struct feedback *feedback = message->object->data;
	struct tranche *tranche = current(feedback);
	const uint8_t *bytes = message->args[0].array.data;

	for (uint32_t at = 0; tranche && message->args[0].array.size - at >= 2; at += 2) {
		uint16_t index;
		memcpy(&index, bytes + at, sizeof(index));
		int place = index < feedback->n_places ? feedback->places[index] : UNUSED;
		if (place >= 0 && !tranche_add(tranche, place))
			return no_memory(message->relay);
	}
	return RELAY_SWALLOW;
}

/* tranche_done() */
static enum relay_verdict handle_tranche_done(struct relay_message *message)
{
	struct feedback *feedback = message->object->data;
	feedback->n_tranches += feedback->n_tranches < MAX_TRANCHES;
	return RELAY_SWALLOW;
}

/* done() */
static enum relay_verdict handle_done(struct relay_message *message)
{
	tell_all(message->relay, message->object->data);
	return RELAY_SWALLOW;
}

const struct relay_hook dmabuf_feedback_hooks[] = {
	{"zwp_linux_dmabuf_v1", "get_default_feedback", handle_get_feedback, RELAY_DOWN},
	{"zwp_linux_dmabuf_v1", "get_surface_feedback", handle_get_feedback, RELAY_DOWN},
	{FEEDBACK, "format_table", handle_format_table, RELAY_UP},
	/* Devices of the host. */
	{FEEDBACK, "main_device", relay_swallow, RELAY_UP},
	{FEEDBACK, "tranche_target_device", relay_swallow, RELAY_UP},
	{FEEDBACK, "tranche_flags", handle_tranche_flags, RELAY_UP},
	{FEEDBACK, "tranche_formats", handle_tranche_formats, RELAY_UP},
	{FEEDBACK, "tranche_done", handle_tranche_done, RELAY_UP},
	{FEEDBACK, "done", handle_done, RELAY_UP},
	{0},
};
