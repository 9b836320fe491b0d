/* Where popups may be, and how large. */
#ifndef HOST_BRIDGE_POLICY_WINDOWS_POPUP_PLACE_H
#define HOST_BRIDGE_POLICY_WINDOWS_POPUP_PLACE_H

#include "host-bridge/policy/surfaces/policy_surface.h"

/* What an xdg_positioner says; [0] is across, [1] is down. */
struct popup_place {
	int32_t size[2];
	int32_t anchor_at[2], anchor_size[2]; /* in the parent's window geometry */
	int32_t offset[2];
	uint32_t anchor, gravity, adjustment; /* of xdg_positioner */
};

/*
 * Changes @place so that a popup of @parent (NULL: unknown) is at it: the popup touches the
 * parent's window geometry or the margin around it, also when the compositor flips it to the other
 * side.
 */
void popup_place_near(struct popup_place *place, const struct policy_surface *parent);

/* The surface that @popup belongs to; NULL: unknown, or gone. */
static inline const struct policy_surface *popup_parent(const struct policy_surface *popup)
{
	return popup && popup->popup_parent.object ? surface_at(popup->popup_parent.object) : NULL;
}

/* @popup was told to be at @place, by the configure event that comes with the next serial. */
void popup_told(struct policy_surface *popup, const struct rectangle *place);
/* @popup is committed: it is where it has acknowledged to be. */
void popup_committed(struct policy_surface *popup);

/* What a window leaves to its popups. */
struct popup_room {
	int64_t size[2]; /* of its window geometry */
	int64_t margin;  /* by which they may be beside it */
};

/* That of @parent as it is now; NULL: nothing is known of it. */
void popup_room_of(const struct policy_surface *parent, struct popup_room *room);

/* Whether @popup is, or may be, where no new popup of a window with this @room could be. */
bool popup_is_away(const struct policy_surface *popup, const struct popup_room *room);

/* Whether what @popup shows is larger than a popup of a window with this @room may be. */
bool popup_too_large(const struct policy_surface *popup, const struct popup_room *room);

#endif
