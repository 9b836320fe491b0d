/*
 * Policy: what a window and the compositor tell each other about sizes, with a border between them.
 * The guest knows nothing of the border: what it is told is smaller, what it asks for becomes
 * larger.
 *
 * Where guests may not ask for the full screen they get what the protocol promises: a configure
 * event, which repeats the last one. The compositor must not hear twice that it was acknowledged.
 */
#include "host-bridge/policy/border/border.h"

#include <string.h>

#include "protocol/base/bytes.h"

#define STATE_FULLSCREEN 2 /* xdg_toplevel.state */

static void shrink(int32_t *size, int32_t by)
{
	if (*size > 0) /* 0: the window chooses */
		*size = *size > 2 * by ? *size - 2 * by : 1;
}

static void grow(int32_t *size, int32_t by)
{
	if (*size > 0) /* 0: no limit */
		*size = (int32_t)rectangle_min(*size + 2 * (int64_t)by, INT32_MAX);
}

static bool has_state(const struct border_configured *configured, uint32_t state)
{
	for (uint32_t i = 0; i < configured->n_states; i++) {
		if (configured->states[i] == state)
			return true;
	}
	return false;
}

bool border_configure(struct relay_message *message)
{
	struct policy_surface *window = surface_of(message->object);
	union wire_arg *args = message->args;

	if (!window || !window->border)
		return true;
	struct border *border = window->border;
	struct border_configured *configured = &border->configured;
	configured->n_states = (uint32_t)min_u64(
		args[2].array.size / sizeof(uint32_t), ARRAY_LENGTH(configured->states));
	memcpy(configured->states, args[2].array.data, configured->n_states * sizeof(uint32_t));
	configured->next_off = border->settings->fullscreen == BORDER_FULLSCREEN_ALLOW &&
		has_state(configured, STATE_FULLSCREEN);
	const int32_t width = configured->next_off ? 0 : border->settings->width_px;
	shrink(&args[0].i, width);
	shrink(&args[1].i, width);
	configured->width = args[0].i;
	configured->height = args[1].i;
	if (configured->next_off)
		return true;
	border->off = configured->off = false;
	return border_return(border);
}

void border_unmap(struct policy_surface *window)
{
	if (window->border) {
		window->border->configured.told = false;
		window->geometry = (struct rectangle){0};
	}
}

/* xdg_toplevel.configure_bounds(width, height) */
static enum relay_verdict handle_configure_bounds(struct relay_message *message)
{
	const int32_t width = border_width(surface_of(message->object));

	shrink(&message->args[0].i, width);
	shrink(&message->args[1].i, width);
	return RELAY_FORWARD;
}

/* xdg_toplevel.set_min_size(width, height) and set_max_size */
static enum relay_verdict handle_set_limit(struct relay_message *message)
{
	const struct policy_surface *window = surface_of(message->object);
	const int32_t width = window && window->border ? window->border->settings->width_px : 0;

	grow(&message->args[0].i, width);
	grow(&message->args[1].i, width);
	return RELAY_FORWARD;
}

enum relay_verdict border_configured(struct relay_message *message)
{
	struct policy_surface *window = surface_of(message->object);

	if (window && window->border) {
		struct border_configured *configured = &window->border->configured;
		configured->serial = message->args[0].u;
		configured->told = true;
		if (configured->next_off && !configured->off)
			configured->off_since = configured->serial;
		configured->off = configured->next_off;
	}
	return RELAY_FORWARD;
}

enum relay_verdict border_acknowledged(struct relay_message *message)
{
	struct policy_surface *window = surface_of(message->object);
	const uint32_t serial = message->args[0].u;

	if (!window || !window->border)
		return RELAY_FORWARD;
	struct border_configured *configured = &window->border->configured;
	if (configured->repeated && configured->has_acked && configured->acked == serial)
		return RELAY_SWALLOW;
	configured->acked = serial;
	configured->has_acked = true;
	/* Until then it is where it was, and others are beside it. */
	if (configured->off && (int32_t)(serial - configured->off_since) >= 0)
		window->border->off = true;
	return RELAY_FORWARD;
}

/* Tells the guest again what @toplevel is to be. */
static enum relay_verdict repeat_configure(
	struct relay *relay, struct policy_surface *window, struct relay_object *toplevel)
{
	struct border_configured *configured = &window->border->configured;
	const union wire_arg args[] = {{.i = configured->width}, {.i = configured->height},
		{.array = {configured->states, configured->n_states * sizeof(uint32_t)}}};

	configured->repeated = true;
	if (relay_send_named(relay, RELAY_DOWN, toplevel, "configure", args) < 0 ||
		relay_send_named(relay, RELAY_DOWN, window->shell, "configure",
			(union wire_arg[]){{.u = configured->serial}}) < 0)
		return RELAY_FAILED;
	return RELAY_SWALLOW;
}

/* xdg_toplevel.set_fullscreen(output) */
static enum relay_verdict handle_set_fullscreen(struct relay_message *message)
{
	struct policy_surface *window = surface_of(message->object);

	if (!window || !window->border || !window->shell ||
		window->border->settings->fullscreen != BORDER_FULLSCREEN_DENY)
		return RELAY_FORWARD;
	if (!window->border->configured.told)
		return RELAY_SWALLOW; /* the first configure event is still to come */
	return repeat_configure(message->relay, window, message->object);
}

const struct relay_hook border_hooks[] = {
	{"xdg_toplevel", "configure_bounds", handle_configure_bounds, RELAY_UP},
	{"xdg_toplevel", "set_fullscreen", handle_set_fullscreen, RELAY_DOWN},
	{"xdg_toplevel", "set_max_size", handle_set_limit, RELAY_DOWN},
	{"xdg_toplevel", "set_min_size", handle_set_limit, RELAY_DOWN},
	{0},
};
