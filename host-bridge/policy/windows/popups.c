/*
 * Policy: popups. They are at their windows (popup_place.c). Where there are borders a popup has
 * one of its own, and its place is relative to the window geometry of its parent, which has one,
 * too. Whose child a popup becomes is known only when it is made, so what a positioner says is kept
 * here, and told to the compositor anew then where it changes.
 */
#include <stdlib.h>
#include <string.h>

#include "host-bridge/policy/border/border.h"
#include "host-bridge/policy/windows/hooks.h"
#include "host-bridge/policy/windows/popup_place.h"

#define XDG_SURFACE_NOT_CONSTRUCTED 1 /* xdg_surface.error */

struct positioner { /* relay_object.data of an xdg_positioner */
	struct popup_place said;
	int32_t parent_size[2];
	bool has_anchor, has_parent_size;
	bool changed; /* the compositor was told something else */
};

static void positioner_destroy(struct relay_object *object)
{
	free(object->data);
	object->data = NULL;
}

/* xdg_wm_base.create_positioner(id) */
static enum relay_verdict handle_create_positioner(struct relay_message *message)
{
	struct positioner *positioner = calloc(1, sizeof(*positioner));

	if (!positioner)
		return relay_fail_memory(message->relay, "a positioner");
	message->args[0].object->data = positioner;
	message->args[0].object->data_destroy = positioner_destroy;
	return RELAY_FORWARD;
}

/* xdg_positioner.set_size(width, height) */
static enum relay_verdict handle_set_size(struct relay_message *message)
{
	struct positioner *positioner = message->object->data;
	for (size_t i = 0; i < 2; i++)
		positioner->said.size[i] = message->args[i].i;
	return RELAY_FORWARD;
}

/* xdg_positioner.set_anchor_rect(x, y, width, height) */
static enum relay_verdict handle_set_anchor_rect(struct relay_message *message)
{
	struct positioner *positioner = message->object->data;
	positioner->has_anchor = true;
	for (size_t i = 0; i < 2; i++) {
		positioner->said.anchor_at[i] = message->args[i].i;
		positioner->said.anchor_size[i] = message->args[i + 2].i;
	}
	return RELAY_FORWARD;
}

/* xdg_positioner.set_offset(x, y) */
static enum relay_verdict handle_set_offset(struct relay_message *message)
{
	struct positioner *positioner = message->object->data;
	for (size_t i = 0; i < 2; i++)
		positioner->said.offset[i] = message->args[i].i;
	return RELAY_FORWARD;
}

/* xdg_positioner.set_parent_size(width, height) */
static enum relay_verdict handle_set_parent_size(struct relay_message *message)
{
	struct positioner *positioner = message->object->data;
	positioner->has_parent_size = true;
	for (size_t i = 0; i < 2; i++)
		positioner->parent_size[i] = message->args[i].i;
	return RELAY_FORWARD;
}

/* xdg_positioner.set_anchor(anchor) */
static enum relay_verdict handle_set_anchor(struct relay_message *message)
{
	((struct positioner *)message->object->data)->said.anchor = message->args[0].u;
	return RELAY_FORWARD;
}

/* xdg_positioner.set_gravity(gravity) */
static enum relay_verdict handle_set_gravity(struct relay_message *message)
{
	((struct positioner *)message->object->data)->said.gravity = message->args[0].u;
	return RELAY_FORWARD;
}

/* xdg_positioner.set_constraint_adjustment(adjustment) */
static enum relay_verdict handle_set_adjustment(struct relay_message *message)
{
	((struct positioner *)message->object->data)->said.adjustment = message->args[0].u;
	return RELAY_FORWARD;
}

static int32_t plus(int32_t a, int32_t b)
{
	const int64_t sum = (int64_t)a + b;
	return (int32_t)rectangle_max(INT32_MIN, rectangle_min(sum, INT32_MAX));
}

/*
 * Which way a popup is moved so that what is inside of its border is where the guest wants it: its
 * border reaches over what it is anchored to. 0 where it is in the middle of that.
 */
static int32_t outwards(uint32_t gravity, uint32_t before, uint32_t behind, int32_t width)
{
	if (before >> gravity & 1)
		return width;
	return behind >> gravity & 1 ? -width : 0;
}

/* @place of a popup, moved and enlarged by borders, its own and @parent's. */
static void add_borders(
	struct popup_place *place, int32_t width, const struct policy_surface *parent)
{
	/* xdg_positioner.gravity */
	enum { TOP = 1, BOTTOM, LEFT, RIGHT, TOP_LEFT, BOTTOM_LEFT, TOP_RIGHT, BOTTOM_RIGHT, N };
	const uint32_t gravity = place->gravity < N ? place->gravity : 0;
	int32_t origin[2];

	border_origin(parent, &origin[0], &origin[1]);
	for (size_t i = 0; i < 2; i++) {
		place->size[i] = plus(place->size[i], 2 * width);
		place->anchor_at[i] = plus(place->anchor_at[i], origin[i]);
	}
	place->offset[0] = plus(place->offset[0],
		outwards(gravity, 1 << LEFT | 1 << TOP_LEFT | 1 << BOTTOM_LEFT,
			1 << RIGHT | 1 << TOP_RIGHT | 1 << BOTTOM_RIGHT, width));
	place->offset[1] = plus(place->offset[1],
		outwards(gravity, 1 << TOP | 1 << TOP_LEFT | 1 << TOP_RIGHT,
			1 << BOTTOM | 1 << BOTTOM_LEFT | 1 << BOTTOM_RIGHT, width));
}

static bool say(struct relay *relay, struct relay_object *positioner, const char *request,
	const int32_t first[2], const int32_t second[2])
{
	union wire_arg args[] = {
		{.i = first[0]}, {.i = first[1]}, {.i = second[0]}, {.i = second[1]}};
	return relay_send_named(relay, RELAY_UP, positioner, request, args) == 0;
}

/* What @object, a positioner, says to a popup of @parent (NULL: unknown). False: failed. */
static bool tell_placed(
	struct relay *relay, struct relay_object *object, const struct policy_surface *parent)
{
	const struct policy_connection *connection = relay_data(relay);
	const int32_t width = connection->policy->border.width_px,
		      around = 2 * border_width(parent);
	struct positioner *positioner = object->data;
	struct popup_place place = positioner->said;
	const int32_t parent_size[2] = {
		plus(positioner->parent_size[0], around), plus(positioner->parent_size[1], around)};

	/* What is no size stays none, for the compositor to say so. */
	if (place.size[0] <= 0 || place.size[1] <= 0)
		return true;
	popup_place_near(&place, parent);
	if (width > 0)
		add_borders(&place, width, parent);
	if (memcmp(&place, &positioner->said, sizeof(place)) == 0 && !positioner->changed)
		return true;
	positioner->changed = true;
	return say(relay, object, "set_size", place.size, place.size) &&
		(!positioner->has_anchor ||
			say(relay, object, "set_anchor_rect", place.anchor_at,
				place.anchor_size)) &&
		say(relay, object, "set_offset", place.offset, place.offset) &&
		(!positioner->has_parent_size ||
			say(relay, object, "set_parent_size", parent_size, parent_size));
}

/* xdg_surface.get_popup(id, parent, positioner) */
static enum relay_verdict handle_get_popup(struct relay_message *message)
{
	struct policy_surface *popup = surface_of(message->object);
	const struct relay_object *parent_role = message->args[1].object;
	struct policy_surface *parent = parent_role ? surface_of(parent_role) : NULL;

	if (!popup)
		return RELAY_FORWARD;
	for (const struct policy_surface *at = parent; at; at = popup_parent(at)) {
		if (at == popup)
			return relay_fail(message->relay, message->object,
				XDG_SURFACE_NOT_CONSTRUCTED, "a popup that belongs to itself");
	}
	if (!surface_extend(message->relay, popup, message->args[0].object))
		return RELAY_FAILED;
	popup->popup = true;
	popup->popup_dismissed = popup->popup_grab_refused = false;
	popup->popup_places = (struct surface_places){0};
	relay_ref_set(&popup->popup_role, message->args[0].object);
	relay_ref_set(&popup->popup_parent, parent ? parent->object : NULL);
	wl_list_remove(&popup->popup_siblings);
	wl_list_init(&popup->popup_siblings);
	if (parent)
		wl_list_insert(&parent->popups, &popup->popup_siblings);
	return tell_placed(message->relay, message->args[2].object, parent) ? RELAY_FORWARD
									    : RELAY_FAILED;
}

/* xdg_popup.reposition(positioner, token) */
static enum relay_verdict handle_reposition(struct relay_message *message)
{
	const struct policy_surface *parent = popup_parent(surface_of(message->object));

	return tell_placed(message->relay, message->args[0].object, parent) ? RELAY_FORWARD
									    : RELAY_FAILED;
}

/* What a popup is told of its place, without borders. */
static void take_borders(const struct policy_surface *popup, union wire_arg *args)
{
	int32_t x, y, parent_x, parent_y;

	border_origin(popup, &x, &y);
	border_origin(popup_parent(popup), &parent_x, &parent_y);
	args[0].i = plus(args[0].i, x - parent_x);
	args[1].i = plus(args[1].i, y - parent_y);
	for (size_t i = 2; i < 4; i++) {
		const int32_t without = plus(args[i].i, -2 * border_width(popup));
		args[i].i = without > 0 ? without : 1;
	}
}

/* xdg_popup.configure(x, y, width, height) */
static enum relay_verdict handle_configure(struct relay_message *message)
{
	struct policy_surface *popup = surface_of(message->object);
	union wire_arg *args = message->args;

	if (popup && border_framed(popup))
		take_borders(popup, args);
	if (popup)
		popup_told(popup, &(struct rectangle){args[0].i, args[1].i, args[2].i, args[3].i});
	return RELAY_FORWARD;
}

/* xdg_surface.configure(serial) */
static enum relay_verdict handle_configured(struct relay_message *message)
{
	struct policy_surface *surface = surface_of(message->object);

	if (surface && surface->popup_places.told && !surface->popup_places.numbered) {
		surface->popup_places.serial = message->args[0].u;
		surface->popup_places.numbered = true;
	}
	return border_configured(message);
}

/* xdg_surface.ack_configure(serial) */
static enum relay_verdict handle_ack_configure(struct relay_message *message)
{
	struct policy_surface *surface = surface_of(message->object);

	if (surface && surface->popup_places.numbered &&
		surface->popup_places.serial == message->args[0].u)
		surface->popup_places.acknowledged = true;
	return border_acknowledged(message);
}

const struct relay_hook popup_hooks[] = {
	{"xdg_popup", "configure", handle_configure, RELAY_UP},
	{"xdg_popup", "reposition", handle_reposition, RELAY_DOWN},
	{"xdg_positioner", "set_anchor", handle_set_anchor, RELAY_DOWN},
	{"xdg_positioner", "set_constraint_adjustment", handle_set_adjustment, RELAY_DOWN},
	{"xdg_positioner", "set_anchor_rect", handle_set_anchor_rect, RELAY_DOWN},
	{"xdg_positioner", "set_gravity", handle_set_gravity, RELAY_DOWN},
	{"xdg_positioner", "set_offset", handle_set_offset, RELAY_DOWN},
	{"xdg_positioner", "set_parent_size", handle_set_parent_size, RELAY_DOWN},
	{"xdg_positioner", "set_size", handle_set_size, RELAY_DOWN},
	{"xdg_surface", "ack_configure", handle_ack_configure, RELAY_DOWN},
	{"xdg_surface", "configure", handle_configured, RELAY_UP},
	{"xdg_surface", "get_popup", handle_get_popup, RELAY_DOWN},
	{"xdg_wm_base", "create_positioner", handle_create_positioner, RELAY_DOWN},
	{0},
};
