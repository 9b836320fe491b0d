/* Outputs as X sees them: in physical pixels, at the scale of the largest, beginning at 0,0. */
#include "guest-proxy/x11/display/output.h"

#include <stdlib.h>
#include <string.h>
#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"

#define LOG_MODULE "x11"
#include "protocol/base/log.h"

#define XDG_OUTPUT_DONE_DEPRECATED 3 /* from this version on wl_output.done stands for both */

static void output_destroy(struct output *output)
{
	wl_list_remove(&output->link);
	if (output->object)
		output->object->data = NULL;
	if (output->xdg)
		output->xdg->data = NULL;
	free(output);
}

void outputs_finish(struct session *session)
{
	struct output *output, *next;
	wl_list_for_each_safe(output, next, &session->outputs, link) output_destroy(output);
}

/* The layout */

/* Of one output: how many physical pixels a logical one has. */
static uint32_t output_scale(const struct output *output)
{
	bool turned = output->transform & 1;
	int64_t pixels = turned ? output->mode_height : output->mode_width;
	int64_t logical = output->logical.width;
	if (logical <= 0 || pixels <= 0)
		return SCALE_ONE *
			(uint32_t)(output->integer_scale > 0 ? output->integer_scale : 1);
	int64_t scale = (pixels * SCALE_ONE + logical / 2) / logical;
	return scale < SCALE_ONE ? SCALE_ONE : scale > SCALE_MAX ? SCALE_MAX : (uint32_t)scale;
}

/*
 * The logical size is rounded, so that a scale of 1.5 may look like 180.07 / 120; X's screen still
 * has to have every pixel of the mode.
 */
static struct box output_in_x(const struct output *output)
{
	const struct session *session = output->session;
	bool turned = output->transform & 1;
	struct box box = {
		.x = scale_to_x(session->scale, output->logical.x - session->origin_x),
		.y = scale_to_x(session->scale, output->logical.y - session->origin_y),
		.width = scale_to_x(session->scale, output->logical.width),
		.height = scale_to_x(session->scale, output->logical.height),
	};
	if (session->scale != SCALE_ONE && output_scale(output) == session->scale) {
		box.width = turned ? output->mode_height : output->mode_width;
		box.height = turned ? output->mode_width : output->mode_height;
	}
	return box;
}

static void send_done(const struct output *output)
{
	struct relay *relay = output->session->relay;
	if (output->xdg && output->xdg->version < XDG_OUTPUT_DONE_DEPRECATED)
		relay_send_named(relay, RELAY_DOWN, output->xdg, "done", NULL);
	if (output->object->version >= WL_OUTPUT_DONE_SINCE_VERSION)
		relay_send_named(relay, RELAY_DOWN, output->object, "done", NULL);
}

static void tell(struct output *output, const struct box *box)
{
	struct relay *relay = output->session->relay;
	output->told = *box;
	relay_send_named(relay, RELAY_DOWN, output->xdg, "logical_position",
		(union wire_arg[]){{.i = box->x}, {.i = box->y}});
	relay_send_named(relay, RELAY_DOWN, output->xdg, "logical_size",
		(union wire_arg[]){{.i = box->width}, {.i = box->height}});
}

/* Tells X what has changed. @now: an output whose "done" follows by itself, or NULL. */
static void tell_all(struct session *session, const struct output *now)
{
	struct output *output;
	wl_list_for_each(output, &session->outputs, link)
	{
		if (!output->xdg || output->logical.width <= 0)
			continue;
		struct box box = output_in_x(output);
		if (memcmp(&box, &output->told, sizeof(box)) == 0)
			continue;
		tell(output, &box);
		if (output != now)
			send_done(output);
		log_debug("output %u: %dx%d at %d,%d of X", output->name, box.width, box.height,
			box.x, box.y);
	}
}

static void lay_out(struct session *session, const struct output *now)
{
	const struct output *output;
	uint32_t scale = 0, before = session->scale;
	bool any = false;
	wl_list_for_each(output, &session->outputs, link)
	{
		if (output->logical.width <= 0)
			continue;
		scale = (uint32_t)max_u64(scale, output_scale(output));
		if (!any || output->logical.x < session->origin_x)
			session->origin_x = output->logical.x;
		if (!any || output->logical.y < session->origin_y)
			session->origin_y = output->logical.y;
		any = true;
	}
	if (session->settings->scale)
		scale = session->settings->scale;
	if (scale)
		session->scale = scale;
	tell_all(session, now);
	if (session->scale != before) {
		log_debug("scale %g", session->scale / (double)SCALE_ONE);
		session->listener->scale_changed(session, before);
	}
}

bool outputs_show(const struct session *session, const struct box *box)
{
	const struct output *output;
	bool any = false;
	wl_list_for_each(output, &session->outputs, link)
	{
		const struct box *told = &output->told;
		any |= told->width > 0;
		if ((int64_t)box->x + box->width > told->x && box->x < told->x + told->width &&
			(int64_t)box->y + box->height > told->y && box->y < told->y + told->height)
			return true;
	}
	return !any;
}

/* Objects */

struct output *output_of(struct relay_object *object)
{
	return object ? object->data : NULL;
}

static void handle_output_gone(struct relay_object *object)
{
	struct output *output = object->data;
	if (output)
		output_destroy(output);
}

static void handle_xdg_gone(struct relay_object *object)
{
	struct output *output = object->data;
	if (output)
		output->xdg = NULL;
}

void output_bound(struct session *session, struct relay_object *object, uint32_t name)
{
	struct output *output = calloc(1, sizeof(*output));
	if (!output)
		return;
	output->session = session;
	output->name = name;
	output->object = object;
	object->data = output;
	object->data_destroy = handle_output_gone;
	wl_list_insert(session->outputs.prev, &output->link);
}

void output_removed(struct session *session, uint32_t name)
{
	struct output *output, *next;
	wl_list_for_each_safe(output, next, &session->outputs, link)
	{
		if (output->name != name)
			continue;
		output_destroy(output);
		lay_out(session, NULL);
	}
}

static enum relay_verdict handle_get_xdg_output(struct relay_message *message)
{
	struct output *output = output_of(message->args[1].object);
	struct relay_object *xdg = message->args[0].object;
	if (output && !output->xdg) {
		output->xdg = xdg;
		xdg->data = output;
		xdg->data_destroy = handle_xdg_gone;
	}
	return RELAY_FORWARD;
}

/* Events */

static enum relay_verdict handle_geometry(struct relay_message *message)
{
	struct output *output = output_of(message->object);
	if (output)
		output->transform = message->args[7].i;
	return RELAY_FORWARD;
}

static enum relay_verdict handle_mode(struct relay_message *message)
{
	struct output *output = output_of(message->object);
	if (output && message->args[0].u & WL_OUTPUT_MODE_CURRENT) {
		output->mode_width = message->args[1].i;
		output->mode_height = message->args[2].i;
	}
	return RELAY_FORWARD;
}

static enum relay_verdict handle_scale(struct relay_message *message)
{
	struct output *output = output_of(message->object);
	if (output)
		output->integer_scale = message->args[0].i;
	return RELAY_FORWARD;
}

static enum relay_verdict handle_done(struct relay_message *message)
{
	struct output *output = output_of(message->object);
	if (output)
		lay_out(output->session, output);
	return RELAY_FORWARD;
}

static enum relay_verdict handle_xdg_done(struct relay_message *message)
{
	struct output *output = message->object->data;
	if (output)
		lay_out(output->session, output);
	return RELAY_FORWARD;
}

static enum relay_verdict handle_logical_position(struct relay_message *message)
{
	struct output *output = message->object->data;
	if (!output)
		return RELAY_FORWARD;
	output->logical.x = message->args[0].i;
	output->logical.y = message->args[1].i;
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_logical_size(struct relay_message *message)
{
	struct output *output = message->object->data;
	if (!output)
		return RELAY_FORWARD;
	output->logical.width = message->args[0].i;
	output->logical.height = message->args[1].i;
	return RELAY_SWALLOW;
}

const struct relay_hook output_hooks[] = {
	{"zxdg_output_manager_v1", "get_xdg_output", handle_get_xdg_output, RELAY_DOWN},
	{"wl_output", "geometry", handle_geometry, RELAY_UP},
	{"wl_output", "mode", handle_mode, RELAY_UP},
	{"wl_output", "scale", handle_scale, RELAY_UP},
	{"wl_output", "done", handle_done, RELAY_UP},
	{"zxdg_output_v1", "done", handle_xdg_done, RELAY_UP},
	{"zxdg_output_v1", "logical_position", handle_logical_position, RELAY_UP},
	{"zxdg_output_v1", "logical_size", handle_logical_size, RELAY_UP},
	{0},
};
