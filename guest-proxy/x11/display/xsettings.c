/*
 * How large texts and cursors are to be, as X clients look it up.
 *
 * GTK enlarges by whole numbers (Gdk/WindowScalingFactor), and its texts besides by what is left
 * (Gdk/UnscaledDPI); everybody else takes Xft's DPI for all of it.
 */
#include "guest-proxy/x11/display/xsettings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"

#define DPI 96
#define CURSOR_PX 24
#define RESOURCES_BYTES 65536 /* of those that others wrote */
#define OWN_BYTES 64
#define TYPE_INTEGER 0

static const char *const own_resources[] = {"Xft.dpi:", "Xcursor.size:"};

static uint32_t scaled(uint32_t value, uint32_t scale)
{
	return (uint32_t)(((uint64_t)value * scale + SCALE_ONE / 2) / SCALE_ONE);
}

static uint8_t *put_u32(uint8_t *out, uint32_t value)
{
	store_u32(out, value);
	return out + 4;
}

static uint8_t *put_integer(uint8_t *out, const char *name, uint32_t value, uint32_t serial)
{
	size_t length = strlen(name), padded = align_up(length, 4);
	out[0] = TYPE_INTEGER;
	out[1] = 0;
	out[2] = (uint8_t)length;
	out[3] = 0;
	memset(out + 4, 0, padded);
	memcpy(out + 4, name, length);
	out = put_u32(out + 4 + padded, serial);
	return put_u32(out, value);
}

size_t xsettings_encode(uint32_t serial, uint32_t scale, uint32_t dpi, uint8_t *out)
{
	uint32_t whole = scale / SCALE_ONE, units = scaled(1024 * dpi, scale);
	const struct {
		const char *name;
		uint32_t value;
	} settings[] = {
		{"Gdk/UnscaledDPI", units / whole},
		{"Gdk/WindowScalingFactor", whole},
		{"Gtk/CursorThemeSize", scaled(CURSOR_PX, scale)},
		{"Xft/DPI", units},
	};
	uint8_t *at = out;
	at = put_u32(at, 0); /* little-endian */
	at = put_u32(at, serial);
	at = put_u32(at, ARRAY_LENGTH(settings));
	for (size_t i = 0; i < ARRAY_LENGTH(settings); i++)
		at = put_integer(at, settings[i].name, settings[i].value, serial);
	return (size_t)(at - out);
}

static bool is_own(const char *line, size_t length)
{
	for (size_t i = 0; i < ARRAY_LENGTH(own_resources); i++) {
		size_t name = strlen(own_resources[i]);
		if (length >= name && memcmp(line, own_resources[i], name) == 0)
			return true;
	}
	return false;
}

char *xsettings_merge(const char *old, size_t n, uint32_t scale, uint32_t dpi)
{
	char *text = malloc(n + 1 + OWN_BYTES);
	size_t used = 0;
	n = old ? strnlen(old, n) : 0;
	for (size_t from = 0; text && from < n;) {
		const char *line = old + from;
		const char *end = memchr(line, '\n', n - from);
		size_t length = end ? (size_t)(end - line) : n - from;
		if (length > 0 && !is_own(line, length)) {
			memcpy(text + used, line, length);
			used += length;
			text[used++] = '\n';
		}
		from += length + 1;
	}
	if (text)
		snprintf(text + used, OWN_BYTES, "%s\t%u\n%s\t%u\n", own_resources[0],
			scaled(dpi, scale), own_resources[1], scaled(CURSOR_PX, scale));
	return text;
}

static uint32_t dpi_of(const struct session *session)
{
	return session->settings->dpi ? session->settings->dpi : DPI;
}

/* @old: what others wrote; NULL: nothing. */
static void write_resources(struct session *session, const xcb_get_property_reply_t *old)
{
	bool text = old && old->format == 8;
	if (!session->x)
		return;
	char *merged = xsettings_merge(text ? xcb_get_property_value(old) : NULL,
		text ? (size_t)xcb_get_property_value_length(old) : 0, session->scale,
		dpi_of(session));
	if (merged)
		xcb_change_property(session->x, XCB_PROP_MODE_REPLACE, session_root(session),
			SESSION_ATOM(session, RESOURCE_MANAGER), XCB_ATOM_STRING, 8,
			(uint32_t)strlen(merged), merged);
	free(merged);
}

static void handle_resources(void *data, struct reply_subject subject, void *answer)
{
	write_resources(data, answer);
}

static void write_settings(struct session *session)
{
	static uint32_t serial;
	uint8_t bytes[XSETTINGS_BYTES];
	xcb_atom_t atom = SESSION_ATOM(session, _XSETTINGS_SETTINGS);
	size_t size = xsettings_encode(++serial, session->scale, dpi_of(session), bytes);
	xcb_change_property(session->x, XCB_PROP_MODE_REPLACE, session->check, atom, atom, 8,
		(uint32_t)size, bytes);
}

void xsettings_update(struct session *session)
{
	write_settings(session);
	replies_expect(&session->replies,
		xcb_get_property(session->x, 0, session_root(session),
			SESSION_ATOM(session, RESOURCE_MANAGER), XCB_GET_PROPERTY_TYPE_ANY, 0,
			RESOURCES_BYTES / 4)
			.sequence,
		handle_resources, (struct reply_subject){0});
}

void xsettings_start(struct session *session)
{
	xcb_window_t root = session_root(session);
	const xcb_client_message_event_t event = {
		.response_type = XCB_CLIENT_MESSAGE,
		.format = 32,
		.window = root,
		.type = SESSION_ATOM(session, MANAGER),
		.data.data32 = {XCB_CURRENT_TIME, SESSION_ATOM(session, _XSETTINGS_S0),
			session->check},
	};
	write_settings(session);
	write_resources(session, NULL); /* the server is new */
	xcb_set_selection_owner(
		session->x, session->check, SESSION_ATOM(session, _XSETTINGS_S0), XCB_CURRENT_TIME);
	xcb_send_event(session->x, 0, root, XCB_EVENT_MASK_STRUCTURE_NOTIFY, (const char *)&event);
}
