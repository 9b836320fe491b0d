/*
 * Policy: where surfaces may draw. A window has the place that the compositor gave it. Subsurfaces,
 * and what of a window's own surface lies outside of its geometry, could cover other applications:
 * they stay within the window's geometry and a margin for shadows. Images of cursors and drags are
 * small, and near the pointer.
 *
 * What does not keep to that is taken off (no buffer is attached), or moved where that is enough.
 * Sizes are those of the last commits. The state of a synchronised subsurface waits for its
 * parent's commit, so it is looked at when the root of the tree is committed; that of others at
 * once. A window may have subsurfaces as large as the compositor has asked it to become: some
 * applications draw them before they draw the window.
 */
#include "host-bridge/policy/windows/policy_bounds.h"

#include "host-bridge/policy/border/border.h"
#include "host-bridge/policy/windows/pending_state.h"
#include "host-bridge/policy/windows/popup_place.h"
#include "protocol/base/bytes.h"
#include "protocol/base/log.h"

#define LOG_MODULE "policy"

#define MARGIN_MAX 65536 /* so that sums of it stay far from overflow */
#define IMAGE_MAX 256    /* of a cursor or a drag, in surface coordinates */

/* @at moved so that [@at, @at + @size) lies in [@first, @first + @room), if it can. */
static int64_t moved(int64_t at, int64_t size, int64_t first, int64_t room)
{
	if (at + size > first + room)
		at = first + room - size;
	return rectangle_max(at, first);
}

static int64_t divided(int64_t px, int32_t scale)
{
	return scale > 1 ? (px + scale - 1) / scale : px;
}

/* The size of @surface from its buffer, scale, transform and viewport. */
static void update_size(struct policy_surface *surface)
{
	const struct surface_state *state = &surface->committed;
	const struct surface_viewport none = {0},
				      *viewport = surface->viewport_object.object ? &state->viewport
										  : &none;
	bool turned = state->transform & 1; /* by 90 or 270 degrees */
	int64_t width =
		divided(turned ? surface->buffer_height : surface->buffer_width, state->scale);
	int64_t height =
		divided(turned ? surface->buffer_width : surface->buffer_height, state->scale);

	if (width > 0 && viewport->width > 0) {
		width = viewport->width;
		height = viewport->height;
	} else if (width > 0 && viewport->source_width > 0) {
		width = ((int64_t)viewport->source_width + 255) / 256;
		height = ((int64_t)viewport->source_height + 255) / 256;
	}
	surface->width = width;
	surface->height = height;
}

/* How far a window's surfaces may reach beyond its geometry: shadows, and borders to resize it by.
 */
static int64_t margin_of(const struct policy_surface *surface)
{
	return (int64_t)min_u64(
		quota_limit_of(surface->quota, QUOTA_SUBSURFACE_MARGIN), MARGIN_MAX);
}

/* Where a window with a border, and what is below it, may be in its surface's coordinates. */
static const struct rectangle framed_most = {-BORDER_WINDOW_MAX / 2, -BORDER_WINDOW_MAX / 2,
	BORDER_WINDOW_MAX + BORDER_WINDOW_MAX / 2, BORDER_WINDOW_MAX + BORDER_WINDOW_MAX / 2};

static struct policy_surface *root_of(struct policy_surface *surface)
{
	while (surface->parent)
		surface = surface->parent;
	return surface;
}

/* Where the tree of @root may draw, in its coordinates. False: it shows nothing. */
static bool bounds_of(const struct policy_surface *root, struct rectangle *bounds)
{
	*bounds = (struct rectangle){0, 0, IMAGE_MAX, IMAGE_MAX};
	if (root->image)
		return true;
	*bounds = root->geometry;
	if (bounds->width <= 0 || bounds->height <= 0)
		*bounds = (struct rectangle){0, 0, root->width, root->height};
	int64_t margin = border_framed(root) ? 0 : margin_of(root);
	bounds->width = rectangle_max(bounds->width, root->configured_width) + 2 * margin;
	bounds->height = rectangle_max(bounds->height, root->configured_height) + 2 * margin;
	bounds->x -= margin;
	bounds->y -= margin;
	if (border_framed(root))
		*bounds = rectangle_common(bounds, &framed_most);
	return root->width > 0;
}

/* Likewise, for what takes effect without its commit: inside of the border as it is. */
static bool bounds_now(const struct policy_surface *root, struct rectangle *bounds)
{
	if (!border_framed(root))
		return bounds_of(root, bounds);
	*bounds = root->border->content;
	return !rectangle_empty(bounds);
}

/* Where @surface's parent is in the tree. */
static void parent_origin(const struct policy_surface *surface, int64_t *x, int64_t *y)
{
	*x = *y = 0;
	for (const struct policy_surface *at = surface->parent; at; at = at->parent) {
		*x += at->x;
		*y += at->y;
	}
}

static bool is_synced(const struct policy_surface *surface)
{
	for (; surface->parent; surface = surface->parent) {
		if (surface->synced)
			return true;
	}
	return false;
}

/* --- taking off and moving --- */

static bool attach_nothing(struct relay *relay, struct policy_surface *surface)
{
	surface->buffer_width = surface->buffer_height = 0;
	surface->width = surface->height = 0;
	surface->attached = false;
	return relay_send_named(relay, RELAY_UP, surface->object, "attach",
		       (union wire_arg[]){{.object = NULL}, {.i = 0}, {.i = 0}}) == 0;
}

/* The client waits for the buffer that it attached and that the compositor will not show. */
static bool release_attached(struct relay *relay, struct policy_surface *surface)
{
	struct relay_object *buffer =
		surface->attached ? relay_object_at(relay, RELAY_DOWN, surface->attached_id) : NULL;

	if (surface->attached && asked_callbacks_answer(&surface->releases, relay) < 0)
		return false;
	if (!buffer || buffer->destroyed || buffer->interface != interface_find("wl_buffer"))
		return true;
	return relay_send_named(relay, RELAY_DOWN, buffer, "release", NULL) == 0;
}

/* What @surface was told since its last commit becomes what it shows. */
static void take_state(struct policy_surface *surface)
{
	int64_t width = surface->width, height = surface->height;

	if (surface->attached) {
		surface->buffer_width = surface->attached_width;
		surface->buffer_height = surface->attached_height;
	}
	update_size(surface);
	if (surface->width != width || surface->height != height)
		root_of(surface)->tree_resized = true;
}

/* The places of what is directly below @surface take effect with its commit. */
static void take_places(struct policy_surface *surface)
{
	struct policy_surface *child;

	wl_list_for_each(child, &surface->children, siblings)
	{
		child->shown_x = child->x;
		child->shown_y = child->y;
		child->placed = true;
	}
}

bool bounds_settle_releases(struct relay *relay, struct policy_surface *surface)
{
	return asked_callbacks_forward(&surface->releases, relay, surface->object, "get_release") ==
		0;
}

/*
 * Commits @surface, which has a parent, where its guest did not, or before that has been done. What
 * the guest has said since its own commit takes no effect.
 */
static bool commit_for_guest(struct relay *relay, struct policy_surface *surface)
{
	if (surface->attached && !bounds_settle_releases(relay, surface))
		return false;
	take_state(surface);
	take_places(surface);
	surface->attached = false;
	surface->damage_spent = true;
	surface->below_changed = false;
	return pending_state_commit_without(relay, surface);
}

/* Has a change below the root take effect at the root's next commit. */
static bool commit_parents(struct relay *relay, struct policy_surface *surface)
{
	for (surface = surface->parent; surface && surface->parent; surface = surface->parent) {
		if (!commit_for_guest(relay, surface))
			return false;
	}
	return true;
}

/* Makes @child, which is to be at @wish in the tree, keep to @bounds. */
static bool bring_inside(struct relay *relay, struct policy_surface *child,
	const struct rectangle *wish, const struct rectangle *bounds)
{
	if (wish->width <= bounds->width && wish->height <= bounds->height && child->subsurface) {
		int64_t x, y;
		parent_origin(child, &x, &y);
		child->x = (int32_t)(moved(wish->x, wish->width, bounds->x, bounds->width) - x);
		child->y = (int32_t)(moved(wish->y, wish->height, bounds->y, bounds->height) - y);
		return relay_send_named(relay, RELAY_UP, child->subsurface, "set_position",
			       (union wire_arg[]){{.i = child->x}, {.i = child->y}}) == 0 &&
			commit_parents(relay, child);
	}
	return release_attached(relay, child) && attach_nothing(relay, child) &&
		pending_state_commit_without(relay, child) && commit_parents(relay, child);
}

/* Everything below @parent, which is at @x, @y in the tree. */
static bool check_below(struct relay *relay, struct policy_surface *parent, int64_t x, int64_t y,
	const struct rectangle *bounds)
{
	struct policy_surface *child;

	wl_list_for_each(child, &parent->children, siblings)
	{
		struct rectangle wish = {x + child->x, y + child->y, child->width, child->height};
		if (child->width == 0)
			continue; /* what is below it shows nothing either */
		if (!rectangle_within(&wish, bounds) && !bring_inside(relay, child, &wish, bounds))
			return false;
		if (!check_below(relay, child, x + child->x, y + child->y, bounds))
			return false;
	}
	return true;
}

/*
 * The same, until it holds: to move or take off a subsurface its parents are committed, which may
 * show something that was not looked at. Each can change in that way once.
 */
static bool check_tree(
	struct relay *relay, struct policy_surface *root, const struct rectangle *bounds)
{
	do {
		root->tree_resized = false;
		if (!check_below(relay, root, 0, 0, bounds))
			return false;
	} while (root->tree_resized);
	return true;
}

/*
 * Has everything below @parent take effect with its commit. Without that the compositor may show
 * another size or place than the last one: what a subsurface's own subsurface was told waits for
 * it.
 */
static bool settle_below(struct relay *relay, struct policy_surface *parent)
{
	struct policy_surface *child;

	wl_list_for_each(child, &parent->children, siblings)
	{
		if (!settle_below(relay, child))
			return false;
		if (!child->below_changed)
			continue;
		if (!commit_for_guest(relay, child))
			return false;
		parent->below_changed = true;
	}
	return true;
}

/* --- commits --- */

/* A window whose surface is larger than its geometry and shadows: all of it is the window. */
static bool widen_geometry(struct relay *relay, struct policy_surface *window)
{
	struct rectangle *geometry = &window->geometry;

	if (!window->shell || geometry->width <= 0 || geometry->height <= 0)
		return true;
	int64_t margin = margin_of(window);
	int64_t left = geometry->x > margin ? margin : geometry->x;
	int64_t top = geometry->y > margin ? margin : geometry->y;
	int64_t right = rectangle_max(geometry->x + geometry->width, window->width - margin);
	int64_t bottom = rectangle_max(geometry->y + geometry->height, window->height - margin);
	struct rectangle wider = {left, top, right - left, bottom - top};
	if (window->width == 0 || rectangle_same(&wider, geometry))
		return true;
	*geometry = wider;
	return relay_send_named(relay, RELAY_UP, window->shell, "set_window_geometry",
		       (union wire_arg[]){{.i = (int32_t)wider.x}, {.i = (int32_t)wider.y},
			       {.i = (int32_t)wider.width}, {.i = (int32_t)wider.height}}) == 0;
}

/*
 * What is inside of a window's border: its geometry as far as it draws there, as compositors take
 * it, and more where its surface reaches further beyond than shadows do, and all subsurfaces.
 */
static struct rectangle framed_content(const struct policy_surface *window)
{
	const struct rectangle surface = {0, 0, window->width, window->height};
	const struct rectangle tree = rectangle_around(&surface, &window->border->below);
	struct rectangle content = rectangle_common(&tree, &window->geometry);
	const int64_t margin = margin_of(window);

	if (rectangle_empty(&content))
		content = tree;
	struct rectangle unshadowed =
		rectangle_of(margin, margin, surface.width - margin, surface.height - margin);
	content = rectangle_around(&content, &unshadowed);
	return rectangle_around(&content, &window->border->below);
}

/* A window, or a popup, that has a border. */
static bool commit_framed(struct relay *relay, struct policy_surface *window)
{
	struct rectangle bounds, content = {0};
	bool shown = bounds_of(window, &bounds);

	if (window->width > BORDER_WINDOW_MAX || window->height > BORDER_WINDOW_MAX) {
		log_limited(LOG_LEVEL_WARN,
			"a window of %lld x %lld is not shown: it is too large for a border",
			(long long)window->width, (long long)window->height);
		if (!release_attached(relay, window) || !attach_nothing(relay, window))
			return false;
		shown = false;
	}
	if (shown && (window->tree_changed || !rectangle_same(&bounds, &window->bounds))) {
		window->tree_changed = false;
		window->bounds = bounds;
		if (!settle_below(relay, window) || !check_tree(relay, window, &bounds))
			return false;
		window->border->below = (struct rectangle){0};
		surface_add_below(window, 0, 0, &window->border->below);
	}
	if (shown)
		content = framed_content(window);
	return border_commit(window, &content);
}

/*
 * @popup is shown no more, once it is committed: the compositor would leave it where it is. The
 * application is told.
 */
static bool dismiss(struct relay *relay, struct policy_surface *popup)
{
	const struct rectangle nothing = {0};

	log_limited(LOG_LEVEL_WARN, "a popup is dismissed: its window has become smaller");
	popup->popup_dismissed = true;
	return release_attached(relay, popup) && attach_nothing(relay, popup) &&
		(!border_framed(popup) || border_commit(popup, &nothing)) &&
		(!popup->popup_role.object ||
			relay_send_named(relay, RELAY_DOWN, popup->popup_role.object, "popup_done",
				NULL) == 0);
}

/* Has @popup show nothing where it cannot be, or has no business to be so large. */
static bool commit_popup(struct relay *relay, struct policy_surface *popup)
{
	const struct policy_surface *parent = popup_parent(popup);
	struct popup_room room;

	popup_committed(popup);
	if (popup->popup_dismissed)
		return release_attached(relay, popup) && attach_nothing(relay, popup);
	if (popup->width == 0)
		return true;
	popup_room_of(parent, &room);
	/* Its window may have become smaller before there was anything to be seen of it here. */
	if (parent && parent->width > 0 && popup_is_away(popup, &room))
		return dismiss(relay, popup);
	if (!popup_too_large(popup, &room))
		return true;
	log_limited(LOG_LEVEL_WARN, "a popup of %lld x %lld is not shown: it is too large",
		(long long)popup->width, (long long)popup->height);
	return release_attached(relay, popup) && attach_nothing(relay, popup);
}

static bool commit_root(struct relay *relay, struct policy_surface *root)
{
	struct rectangle bounds;

	if (root->image && (root->width > IMAGE_MAX || root->height > IMAGE_MAX))
		return release_attached(relay, root) && attach_nothing(relay, root);
	if (root->popup && !commit_popup(relay, root))
		return false;
	if (root->popup_dismissed)
		return true;
	if (border_framed(root))
		return commit_framed(relay, root);
	if (!widen_geometry(relay, root))
		return false;
	if (!bounds_of(root, &bounds) ||
		(!root->tree_changed && rectangle_same(&bounds, &root->bounds)))
		return true;
	root->tree_changed = false;
	root->bounds = bounds;
	return settle_below(relay, root) && check_tree(relay, root, &bounds);
}

/*
 * Whether @surface and what is below it are outside of @bounds where the compositor has them until
 * their parents' next commits, which may never come: places wait for those, sizes may not.
 */
static bool is_outside_yet(const struct policy_surface *surface, const struct rectangle *bounds)
{
	struct rectangle place = {0, 0, surface->width, surface->height};
	bool moves = false;

	for (const struct policy_surface *at = surface; at->parent; at = at->parent) {
		if (!at->placed)
			return false; /* the compositor does not show it before */
		moves |= at->x != at->shown_x || at->y != at->shown_y;
		place.x += at->shown_x;
		place.y += at->shown_y;
	}
	if (!moves || surface->width == 0)
		return false;
	surface_add_below(surface, place.x, place.y, &place);
	return !rectangle_within(&place, bounds);
}

/* A subsurface whose state takes effect at once. */
static bool commit_subsurface(struct relay *relay, struct policy_surface *surface)
{
	struct rectangle bounds, place = {0, 0, surface->width, surface->height};

	if (!bounds_now(root_of(surface), &bounds) || surface->width == 0)
		return true; /* looked at when the root shows something */
	parent_origin(surface, &place.x, &place.y);
	place.x += surface->x;
	place.y += surface->y;
	if (!rectangle_within(&place, &bounds))
		return release_attached(relay, surface) && attach_nothing(relay, surface);
	if (border_framed(root_of(surface)) && !settle_below(relay, surface))
		return false;
	root_of(surface)->tree_resized = false;
	if (!check_below(relay, surface, place.x, place.y, &bounds) ||
		(root_of(surface)->tree_resized && !check_tree(relay, root_of(surface), &bounds)))
		return false;
	return !is_outside_yet(surface, &bounds) ||
		(release_attached(relay, surface) && attach_nothing(relay, surface));
}

/* The popups of @window stay at it, and of a size for it, when it becomes smaller. */
static bool check_popups(struct relay *relay, const struct policy_surface *window)
{
	struct policy_surface *popup;
	struct popup_room room;

	if (window->width == 0 || wl_list_empty(&window->popups))
		return true;
	popup_room_of(window, &room);
	wl_list_for_each(popup, &window->popups, popup_siblings)
	{
		if (popup->width > 0 && popup->popup_role.object && !popup->popup_dismissed &&
			(popup_is_away(popup, &room) || popup_too_large(popup, &room)) &&
			(!dismiss(relay, popup) || !pending_state_commit_without(relay, popup)))
			return false;
	}
	return true;
}

bool bounds_commit(struct relay *relay, struct policy_surface *surface)
{
	const bool was_shown = surface->width > 0;
	bool good = true;

	pending_state_committed(surface);
	take_state(surface);
	surface->below_changed = false;
	if (was_shown && surface->width == 0)
		border_unmap(surface);
	if (!surface->parent) {
		good = commit_root(relay, surface) && check_popups(relay, surface);
	} else {
		root_of(surface)->tree_changed = true;
		surface->parent->below_changed = true;
		if (!is_synced(surface))
			good = commit_subsurface(relay, surface) &&
				check_popups(relay, root_of(surface));
	}
	take_places(surface);
	surface->attached = false;
	return good;
}

bool bounds_desync(struct relay *relay, struct policy_surface *surface)
{
	const bool shown = surface->width > 0;

	if (is_synced(surface) || !shown)
		return true;
	/* To move it inside would be too late: its new place waits for its parent's commit. */
	return settle_below(relay, surface) && commit_subsurface(relay, surface) &&
		((surface->width > 0 && !surface->below_changed) ||
			commit_for_guest(relay, surface));
}

bool bounds_leave(struct relay *relay, struct policy_surface *surface)
{
	struct policy_surface *root = root_of(surface);

	if (root == surface)
		return true;
	surface_leave(surface);
	return check_popups(relay, root);
}

bool bounds_image(struct policy_surface *surface)
{
	surface->image = true;
	surface->tree_changed = true;
	return surface->width <= IMAGE_MAX && surface->height <= IMAGE_MAX &&
		wl_list_empty(&surface->children);
}

int32_t bounds_hotspot(int32_t coordinate)
{
	return (int32_t)moved(coordinate, 0, 0, IMAGE_MAX);
}

void bounds_offset(struct policy_surface *surface, int32_t *x, int32_t *y)
{
	/* A window does not move its border off the screen, nor a popup itself from its window. */
	if (border_framed(surface) || surface->popup) {
		*x = *y = 0;
		return;
	}
	if (surface->shell)
		return; /* moves a window where the compositor lets it */
	int64_t new_x =
		moved((int64_t)surface->offset_x + *x, 0, -IMAGE_MAX, 2 * (int64_t)IMAGE_MAX);
	int64_t new_y =
		moved((int64_t)surface->offset_y + *y, 0, -IMAGE_MAX, 2 * (int64_t)IMAGE_MAX);
	*x = surface->parent ? 0 : (int32_t)(new_x - surface->offset_x);
	*y = surface->parent ? 0 : (int32_t)(new_y - surface->offset_y);
	surface->offset_x += *x;
	surface->offset_y += *y;
}

void bounds_move(struct policy_surface *surface, int32_t *x, int32_t *y)
{
	struct policy_surface *root = root_of(surface);
	struct rectangle bounds;
	int64_t origin_x, origin_y;

	root->tree_changed = true;
	surface->parent->below_changed = true;
	if (bounds_of(root, &bounds)) {
		parent_origin(surface, &origin_x, &origin_y);
		*x = (int32_t)(moved(origin_x + *x, surface->width, bounds.x, bounds.width) -
			origin_x);
		*y = (int32_t)(moved(origin_y + *y, surface->height, bounds.y, bounds.height) -
			origin_y);
	}
	surface->x = *x;
	surface->y = *y;
}
