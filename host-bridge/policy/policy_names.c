/* Policy: windows of a named machine say so in their titles and application ids. */
#include "host-bridge/policy/policy_hooks.h"

#include <stdio.h>
#include <string.h>

/*
 * A name between @before and @after goes in front of the guest's own text, so that no text of the
 * guest can stand in its place. @alone ends it when the guest's text is empty.
 */
struct mark {
	const char *before, *after, *alone;
};
static const struct mark title_mark = {"[", "] ", "]"};
static const struct mark app_id_mark = {"wayferry.", ".", ""};

/* @text was cut at @length bytes: drops the UTF-8 character there, which may be incomplete. */
static void drop_last_character(char *text, size_t length)
{
	while (length > 0 && ((unsigned char)text[length - 1] & 0xc0) == 0x80)
		length--;
	if (length > 0 && (unsigned char)text[length - 1] >= 0xc0)
		length--;
	text[length] = 0;
}

/* The marked text, in @connection->text: bounded, and without control characters. */
static const char *marked(
	struct policy_connection *connection, const struct mark *mark, const char *text)
{
	char *out = connection->text;
	int length = snprintf(out, POLICY_TEXT_BYTES, "%s%s%s%s", mark->before,
		connection->policy->vm_name, text[0] ? mark->after : mark->alone, text);

	if (length >= POLICY_TEXT_BYTES)
		drop_last_character(out, POLICY_TEXT_BYTES - 1);
	for (char *p = out; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	}
	return out;
}

static enum relay_verdict mark_argument(struct relay_message *message, const struct mark *mark)
{
	struct policy_connection *connection = relay_data(message->relay);

	if (connection->policy->vm_name)
		message->args[0].s = marked(connection, mark, message->args[0].s);
	return RELAY_FORWARD;
}

static enum relay_verdict handle_title(struct relay_message *message)
{
	return mark_argument(message, &title_mark);
}

static enum relay_verdict handle_app_id(struct relay_message *message)
{
	return mark_argument(message, &app_id_mark);
}

/* @request of a new window with nothing but the mark. False: the relay has failed. */
static bool send_mark(struct relay_message *message, struct relay_object *window,
	const char *request, const struct mark *mark)
{
	struct policy_connection *connection = relay_data(message->relay);
	union wire_arg args[WIRE_MAX_ARGS] = {{.s = marked(connection, mark, "")}};

	return relay_send_named(message->relay, RELAY_UP, window, request, args) == 0;
}

/*
 * A window that never names itself is marked, too: its creation goes ahead, and the marks follow.
 */
static enum relay_verdict create_marked(
	struct relay_message *message, const char *title_request, const char *app_id_request)
{
	struct policy_connection *connection = relay_data(message->relay);
	struct relay_object *window = message->args[0].object;

	if (!connection->policy->vm_name)
		return RELAY_FORWARD;
	if (relay_send(message->relay, RELAY_UP, message->object, message->opcode, message->args) <
			0 ||
		!send_mark(message, window, title_request, &title_mark) ||
		!send_mark(message, window, app_id_request, &app_id_mark))
		return RELAY_FAILED;
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_get_toplevel(struct relay_message *message)
{
	return create_marked(message, "set_title", "set_app_id");
}

static enum relay_verdict handle_get_shell_surface(struct relay_message *message)
{
	return create_marked(message, "set_title", "set_class");
}

const struct relay_hook policy_name_hooks[] = {
	{"wl_shell", "get_shell_surface", handle_get_shell_surface, RELAY_DOWN},
	{"wl_shell_surface", "set_title", handle_title, RELAY_DOWN},
	{"wl_shell_surface", "set_class", handle_app_id, RELAY_DOWN},
	{"xdg_surface", "get_toplevel", handle_get_toplevel, RELAY_DOWN},
	{"xdg_toplevel", "set_title", handle_title, RELAY_DOWN},
	{"xdg_toplevel", "set_app_id", handle_app_id, RELAY_DOWN},
	{"xdg_activation_token_v1", "set_app_id", handle_app_id, RELAY_DOWN},
	{"zxdg_surface_v6", "get_toplevel", handle_get_toplevel, RELAY_DOWN},
	{"zxdg_toplevel_v6", "set_title", handle_title, RELAY_DOWN},
	{"zxdg_toplevel_v6", "set_app_id", handle_app_id, RELAY_DOWN},
	{0},
};
