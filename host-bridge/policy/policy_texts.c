/*
 * Policy: what becomes of the texts in guests' requests. Those that the user sees, or that say
 * which application a window belongs to, carry the machine's name; those that compositors keep are
 * counted. Every request with a text is in the table below, so that none of a new protocol passes
 * unconsidered.
 */
#include "host-bridge/policy/policy_texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host-bridge/policy/base/clean_text.h"
#include "host-bridge/policy/base/policy_rules.h"
#include "host-bridge/policy/base/windows.h"
#include "host-bridge/policy/surfaces/policy_surface.h"
#include "host-bridge/policy/transfers/policy_sources.h"
#include "host-bridge/transfers/mime_types.h"
#include "protocol/base/bytes.h"
#include "protocol/interfaces/tables/xdg-toplevel-icon-server-protocol.h" /* generated */

/* --- marks --- */

static const struct policy_mark title_mark = {"[", "] ", "]", false};

static const struct policy_mark *app_id_mark(const struct relay_message *message)
{
	const struct policy_connection *connection = relay_data(message->relay);
	return &connection->policy->app_id;
}

/*
 * The marked text, in @connection->text: bounded and clean. That of a machine without a name is
 * only bounded.
 */
static const char *marked(
	struct policy_connection *connection, const struct policy_mark *mark, const char *text)
{
	const char *name = connection->policy->vm_name;
	char *out = connection->text;
	if (name && mark->no_text)
		text = "";
	int length = name ? snprintf(out, POLICY_TEXT_BYTES, "%s%s%s%s", mark->before, name,
				    text[0] ? mark->after : mark->alone, text)
			  : snprintf(out, POLICY_TEXT_BYTES, "%s", text);

	if (length >= POLICY_TEXT_BYTES)
		text_drop_last_character(out, POLICY_TEXT_BYTES - 1);
	if (name)
		text_clean(out);
	return out;
}

/* The text of a request: its only string. */
static const char **text_of(struct relay_message *message)
{
	size_t i = 0;
	while (message->signature->args[i].type != 's')
		i++;
	return &message->args[i].s;
}

static enum relay_verdict mark_text(struct relay_message *message, const struct policy_mark *mark)
{
	const char **text = text_of(message);
	if (*text)
		*text = marked(relay_data(message->relay), mark, *text);
	return RELAY_FORWARD;
}

static enum relay_verdict mark_title(struct relay_message *message)
{
	return mark_text(message, &title_mark);
}

static enum relay_verdict mark_app_id(struct relay_message *message)
{
	return mark_text(message, app_id_mark(message));
}

/* xdg_toplevel.set_title(title), and the like */
static enum relay_verdict title_window(struct relay_message *message)
{
	enum relay_verdict verdict = mark_title(message);
	const struct policy_surface *surface = surface_of(message->object);

	if (surface && surface->window)
		window_set_title(surface->window, *text_of(message));
	return verdict;
}

/* xdg_toplevel.set_app_id(app_id), and the like */
static enum relay_verdict name_window(struct relay_message *message)
{
	enum relay_verdict verdict = mark_app_id(message);
	const struct policy_surface *surface = surface_of(message->object);

	if (surface && surface->window)
		window_set_app_id(surface->window, *text_of(message));
	return verdict;
}

/* @request of a new window with nothing but the mark. False: the relay has failed. */
static bool send_mark(struct relay_message *message, struct relay_object *window,
	const char *request, const struct policy_mark *mark)
{
	struct policy_connection *connection = relay_data(message->relay);
	union wire_arg args[WIRE_MAX_ARGS] = {{.s = marked(connection, mark, "")}};

	return relay_send_named(message->relay, RELAY_UP, window, request, args) == 0;
}

/*
 * A new window of @surface (may be NULL). One that never names itself is marked, too: its creation
 * goes ahead, and the marks follow.
 */
static enum relay_verdict create_marked(struct relay_message *message,
	struct policy_surface *surface, const char *title_request, const char *app_id_request)
{
	struct policy_connection *connection = relay_data(message->relay);
	struct relay_object *window = message->args[0].object;

	if (surface &&
		(!surface_extend(message->relay, surface, window) ||
			!surface_become_window(message->relay, surface, window)))
		return RELAY_FAILED;
	if (!connection->policy->vm_name)
		return RELAY_FORWARD;
	if (relay_send(message->relay, RELAY_UP, message->object, message->opcode, message->args) <
			0 ||
		!send_mark(message, window, title_request, &title_mark) ||
		!send_mark(message, window, app_id_request, app_id_mark(message)))
		return RELAY_FAILED;
	if (surface) {
		window_set_title(surface->window, marked(connection, &title_mark, ""));
		window_set_app_id(surface->window, marked(connection, app_id_mark(message), ""));
	}
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_get_toplevel(struct relay_message *message)
{
	return create_marked(message, surface_of(message->object), "set_title", "set_app_id");
}

static enum relay_verdict handle_get_shell_surface(struct relay_message *message)
{
	return create_marked(message, message->args[1].object->data, "set_title", "set_class");
}

/* --- what compositors keep --- */

struct kept { /* relay_object.data of what a compositor keeps texts or pictures for */
	struct vm_quota *quota;
	uint64_t text_bytes, icon_bytes;
};

static void kept_destroy(struct relay_object *object)
{
	struct kept *kept = object->data;

	object->data = NULL;
	quota_release(kept->quota, QUOTA_TEXT_BYTES, kept->text_bytes);
	quota_release(kept->quota, QUOTA_ICON_BYTES, kept->icon_bytes);
	free(kept);
}

/* What is kept for the object of @message. NULL: no memory, and the relay has failed. */
static struct kept *kept_for(struct relay_message *message)
{
	const struct policy_connection *connection = relay_data(message->relay);
	struct relay_object *object = message->object;

	if (object->data)
		return object->data;
	struct kept *kept = calloc(1, sizeof(*kept));
	if (!kept) {
		relay_fail_memory(message->relay, "a text");
		return NULL;
	}
	kept->quota = connection->policy->quota;
	object->data = kept;
	object->data_destroy = kept_destroy;
	return kept;
}

/* Bytes of the request's text; 0 where it may be null and is. */
static size_t text_length(struct relay_message *message)
{
	const char *text = *text_of(message);
	return text ? strlen(text) : 0;
}

/* What the texts for the object of @message take from now on is @bytes. */
static enum relay_verdict keep_bytes(
	struct relay_message *message, struct kept *kept, uint64_t bytes)
{
	if (!quota_adjust(kept->quota, QUOTA_TEXT_BYTES, &kept->text_bytes, bytes))
		return policy_refuse(message->relay, QUOTA_TEXT_BYTES);
	return RELAY_FORWARD;
}

/* A text that takes the place of an earlier one; what the longest one needed stays charged. */
static enum relay_verdict keep_text(struct relay_message *message)
{
	struct kept *kept = kept_for(message);

	return kept ? keep_bytes(message, kept, max_u64(kept->text_bytes, text_length(message)))
		    : RELAY_FAILED;
}

/* A source's type, beside the earlier ones. */
static enum relay_verdict keep_type(struct relay_message *message)
{
	struct kept *kept = kept_for(message);

	return kept ? keep_bytes(message, kept,
			      kept->text_bytes + text_length(message) + MIME_TYPE_BYTES)
		    : RELAY_FAILED;
}

/* The least that a picture is charged: compositors keep more of it than its pixels. */
#define ICON_MIN_BYTES 4096

/* What the protocol asks of a picture for an icon: in memory of wl_shm, and as wide as high. */
static bool fits_icon(const struct relay_object *object)
{
	const struct shm_buffer *buffer = object->data; /* NULL: a single pixel */
	return buffer && buffer->pool && buffer->width == buffer->height;
}

/* The compositor gets the picture: in wl_shm there, too. */
static enum relay_verdict add_icon(struct relay_message *message)
{
	struct relay *relay = message->relay;
	struct relay_object *buffer = message->args[0].object;
	struct relay_object *picture = policy_import_as_shm(relay, buffer);

	if (!picture)
		return relay_fail_memory(relay, "an icon's picture");
	if (picture == buffer)
		return shadow_copy_whole(message, buffer);
	return relay_send_named(relay, RELAY_UP, message->object, "add_buffer",
		       (union wire_arg[]){{.object = picture}, message->args[1]}) < 0
		? RELAY_FAILED
		: RELAY_SWALLOW;
}

/* xdg_toplevel_icon_v1.add_buffer(buffer, scale): read at once, as a whole, and kept */
static enum relay_verdict handle_add_icon(struct relay_message *message)
{
	const struct policy_connection *connection = relay_data(message->relay);
	struct kept *kept = kept_for(message);

	if (!kept)
		return RELAY_FAILED;
	if (!fits_icon(message->args[0].object))
		return relay_fail(message->relay, message->object,
			XDG_TOPLEVEL_ICON_V1_ERROR_INVALID_BUFFER,
			"an icon's picture has to be in a square buffer of wl_shm");
	if (!connection->copy.active && /* else it was charged before it was held */
		!quota_adjust(kept->quota, QUOTA_ICON_BYTES, &kept->icon_bytes,
			kept->icon_bytes +
				max_u64(buffer_bytes(message->args[0].object), ICON_MIN_BYTES)))
		return policy_refuse(message->relay, QUOTA_ICON_BYTES);
	return add_icon(message);
}

/* xdg_toplevel_icon_manager_v1.set_icon(toplevel, icon): kept for the window, whatever follows */
static enum relay_verdict handle_set_icon(struct relay_message *message)
{
	struct policy_surface *surface = surface_of(message->args[0].object);
	const struct kept *kept = message->args[1].object ? message->args[1].object->data : NULL;

	if (surface &&
		!quota_adjust(surface->quota, QUOTA_ICON_BYTES, &surface->charged_icon_bytes,
			kept ? kept->icon_bytes : 0))
		return policy_refuse(message->relay, QUOTA_ICON_BYTES);
	return RELAY_FORWARD;
}

/* A name in the host's icon theme: with it a window could look like any application of the host. */
static enum relay_verdict drop_icon_name(struct relay_message *message)
{
	const struct policy_connection *connection = relay_data(message->relay);
	return connection->policy->vm_name ? RELAY_SWALLOW : RELAY_FORWARD;
}

/* --- GTK's shell, where it is allowed --- */

/* Objects of the host's D-Bus, and programs that the host's desktop has started: no guest has any.
 */
static enum relay_verdict drop_request(struct relay_message *message)
{
	(void)message;
	return RELAY_SWALLOW;
}

/* gtk_surface1.request_focus(startup_id): as without one, which tells the user at most */
static enum relay_verdict drop_startup_id(struct relay_message *message)
{
	*text_of(message) = NULL;
	return RELAY_FORWARD;
}

/* gtk_shell1.system_bell(surface): the bell that has an interface of its own, and is refused by
 * that */
static enum relay_verdict ring(struct relay_message *message)
{
	const struct policy_connection *connection = relay_data(message->relay);
	const struct interface *bell = interface_find("xdg_system_bell_v1");

	return policy_allow_global(connection->policy, bell, &(uint32_t){1}) ? RELAY_FORWARD
									     : RELAY_SWALLOW;
}

/* --- the table: of what guests get, and of what a configuration can give them --- */

const struct policy_text policy_texts[] = {
	{"ext_data_control_offer_v1", "receive", NULL}, /* a type that was offered */
	{"ext_data_control_source_v1", "offer", keep_type},
	{"ext_workspace_group_handle_v1", "create_workspace", mark_title},
	{"gtk_primary_selection_offer", "receive", NULL}, /* a type that was offered */
	{"gtk_primary_selection_source", "offer", policy_source_offer},
	{"gtk_shell1", "notify_launch", drop_request},
	{"gtk_shell1", "set_startup_id", drop_request},
	{"gtk_surface1", "request_focus", drop_startup_id},
	{"gtk_surface1", "set_a11y_properties", drop_request},
	{"gtk_surface1", "set_dbus_properties", drop_request},
	{"wl_data_offer", "accept", NULL}, /* a type that was offered */
	{"wl_data_offer", "receive", NULL},
	{"wl_data_source", "offer", policy_source_offer},
	{"wl_registry", "bind", NULL}, /* the relay compares it with what was announced */
	{"wl_shell_surface", "set_class", name_window},
	{"wl_shell_surface", "set_title", title_window},
	{"wp_security_context_v1", "set_app_id", mark_app_id},
	{"wp_security_context_v1", "set_instance_id", keep_text},
	{"wp_security_context_v1", "set_sandbox_engine", keep_text},
	{"xdg_activation_token_v1", "set_app_id", mark_app_id},
	{"xdg_activation_v1", "activate", NULL}, /* a token that the compositor made */
	{"xdg_session_manager_v1", "get_session", keep_text},
	{"xdg_session_v1", "add_toplevel", keep_text},
	{"xdg_session_v1", "remove_toplevel", NULL}, /* nothing is kept */
	{"xdg_session_v1", "restore_toplevel", keep_text},
	{"xdg_toplevel", "set_app_id", name_window},
	{"xdg_toplevel", "set_title", title_window},
	{"xdg_toplevel_icon_v1", "set_name", drop_icon_name},
	{"xdg_toplevel_session_v1", "rename", keep_text},
	{"xdg_toplevel_tag_manager_v1", "set_toplevel_description", mark_title},
	{"xdg_toplevel_tag_manager_v1", "set_toplevel_tag", mark_app_id},
	/* what the user of an input method writes, where that is allowed: passed on, and not kept
	 */
	{"zwp_input_method_context_v1", "commit_string", NULL},
	{"zwp_input_method_context_v1", "language", NULL},
	{"zwp_input_method_context_v1", "preedit_string", NULL},
	{"zwp_primary_selection_offer_v1", "receive", NULL}, /* a type that was offered */
	{"zwp_primary_selection_source_v1", "offer", policy_source_offer},
	{"zwp_tablet_pad_ring_v2", "set_feedback", mark_title},
	{"zwp_tablet_pad_strip_v2", "set_feedback", mark_title},
	{"zwp_tablet_pad_dial_v2", "set_feedback", mark_title},
	{"zwp_tablet_pad_v2", "set_feedback", mark_title},
	{"zwp_text_input_v1", "set_preferred_language", keep_text},
	{"zwp_text_input_v1", "set_surrounding_text", keep_text}, /* for the input method */
	{"zwp_text_input_v2", "set_preferred_language", keep_text},
	{"zwp_text_input_v2", "set_surrounding_text", keep_text},
	{"zwp_text_input_v3", "set_surrounding_text", keep_text},
	{"zwlr_layer_shell_v1", "get_layer_surface", mark_app_id},
	{"zxdg_importer_v1", "import", NULL}, /* a handle that the compositor made */
	{"zxdg_importer_v2", "import_toplevel", NULL},
	{"zxdg_toplevel_v6", "set_app_id", name_window},
	{"zxdg_toplevel_v6", "set_title", title_window},
	{0},
};

static const struct relay_hook other_hooks[] = {
	{"gtk_shell1", "system_bell", ring, RELAY_DOWN},
	{"wl_shell", "get_shell_surface", handle_get_shell_surface, RELAY_DOWN},
	{"xdg_surface", "get_toplevel", handle_get_toplevel, RELAY_DOWN},
	{"xdg_toplevel_icon_manager_v1", "set_icon", handle_set_icon, RELAY_DOWN},
	{"xdg_toplevel_icon_v1", "add_buffer", handle_add_icon, RELAY_DOWN},
	{"zxdg_surface_v6", "get_toplevel", handle_get_toplevel, RELAY_DOWN},
};

const struct relay_hook *policy_text_hooks(void)
{
	static struct relay_hook hooks[ARRAY_LENGTH(policy_texts) + ARRAY_LENGTH(other_hooks)];
	size_t n = 0;

	for (const struct policy_text *text = policy_texts; text->interface; text++) {
		if (text->function)
			hooks[n++] = (struct relay_hook){
				text->interface, text->request, text->function, RELAY_DOWN};
	}
	memcpy(&hooks[n], other_hooks, sizeof(other_hooks)); /* {0} follows */
	return hooks;
}
