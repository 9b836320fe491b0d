/*
 * The label of a border: a text of the user's in its upper edge, so that colours are not all that
 * tells machines apart. One picture of it serves all borders of a connection; the label of a
 * narrow window shows fewer letters of it.
 */
#ifndef HOST_BRIDGE_POLICY_BORDER_BORDER_LABEL_H
#define HOST_BRIDGE_POLICY_BORDER_BORDER_LABEL_H

#include "host-bridge/policy/base/border_settings.h"
#include "host-bridge/policy/surfaces/rectangle.h"

/* Pixels of the picture for one of the border, each way: so a compositor that enlarges windows
 * twice or four times shows edges of letters as sharp as they are, and others nearly. */
#define LABEL_DETAIL 4

/* The whole label, in pixels of the border; nothing where there is none. */
int32_t border_label_width(const struct border_settings *settings);
int32_t border_label_height(const struct border_settings *settings);

/* Row @y of the picture: LABEL_DETAIL times as many pixels as it is wide, xrgb8888. */
void border_label_row(const struct border_settings *settings, int32_t y, uint32_t *row);

/* Where it is shown above @inner, with a border of @top pixels there; empty: there is no room. */
struct rectangle border_label_place(
	const struct border_settings *settings, const struct rectangle *inner, int64_t top);

#endif
