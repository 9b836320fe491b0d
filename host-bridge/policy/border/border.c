/*
 * Policy: the border itself. Its parts are synchronised subsurfaces: what is said about them before
 * the window's commit takes effect with it, so that border and window change in one frame. They
 * take no input, and show a picture of one colour that a viewport stretches, or a part of the
 * label's.
 *
 * A pixel of that picture is 256 of the border, or a smaller power of two. pixman, which
 * compositors draw with where they have no GPU, computes steps in 1/65536 of a pixel: other ones
 * would miss the border's ends. And what is shown is at least a pixel each way: sway 1.10 stretches
 * nothing of less than half a one.
 */
#include "host-bridge/policy/border/border.h"

#include "host-bridge/policy/border/border_label.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define PICTURE_PX 128 /* each way: enough for twice the largest window */
#define STRIDE (PICTURE_PX * (int32_t)sizeof(uint32_t))
#define OWN_VERSION 1 /* of the globals: nothing newer is needed */

static struct border_means *means_of(const struct relay *relay)
{
	struct policy_connection *connection = relay_data(relay);
	return &connection->border;
}

/* Whatever is gone is passed over: a compositor may end any object. False: the relay has failed. */
static bool say(struct border *border, const struct relay_ref *about, const char *request,
	const union wire_arg *args)
{
	return !about->object ||
		relay_send_named(border->relay, RELAY_UP, about->object, request, args) == 0;
}

/* The object that argument @i of @request about @factory makes is what @ref points to. */
static bool make(struct relay *relay, struct relay_object *factory, const char *request,
	const char *interface, struct relay_ref *ref, union wire_arg *args, size_t i)
{
	struct relay_object *object =
		relay_object_create(relay, interface_find(interface), OWN_VERSION);

	if (!object) {
		relay_fail(relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY, "no memory for a border");
		return false;
	}
	args[i].object = object;
	if (relay_send_named(relay, RELAY_UP, factory, request, args) < 0)
		return false;
	relay_ref_set(ref, object);
	return true;
}

/* --- what all borders of a connection are made with --- */

static bool bind_global(struct relay *relay, enum border_global global)
{
	struct border_means *means = means_of(relay);
	struct relay_object *registry = policy_display(relay)->registry.object;
	const char *name = border_global_name(global);

	if (means->globals[global].object)
		return true;
	if (means->names[global] == 0 || !registry) {
		relay_fail(relay, NULL, WL_DISPLAY_ERROR_IMPLEMENTATION,
			"the compositor has no %s, which the border of this machine's windows "
			"needs",
			name);
		return false;
	}
	return make(relay, registry, "bind", name, &means->globals[global],
		(union wire_arg[]){{.u = means->names[global]}, {.s = name}, {.u = OWN_VERSION},
			{.object = NULL}},
		3);
}

/* --- the memory of its pictures: one in the colour, and behind it that of the label --- */

static int32_t label_stride(const struct border_settings *settings)
{
	return border_label_width(settings) * LABEL_DETAIL * (int32_t)sizeof(uint32_t);
}

static int32_t label_rows(const struct border_settings *settings)
{
	return border_label_height(settings) * LABEL_DETAIL;
}

static int32_t pictures_bytes(const struct border_settings *settings)
{
	return PICTURE_PX * STRIDE + label_rows(settings) * label_stride(settings);
}

static bool write_row(int fd, const uint32_t *row, int32_t bytes, int32_t at)
{
	return pwrite(fd, row, (size_t)bytes, at) == bytes;
}

static bool write_pictures(int fd, const struct border_settings *settings)
{
	uint32_t row[PICTURE_PX];
	bool good = true;

	for (size_t i = 0; i < ARRAY_LENGTH(row); i++)
		row[i] = UINT32_C(0xff000000) | settings->colour;
	for (int32_t y = 0; y < PICTURE_PX && good; y++)
		good = write_row(fd, row, STRIDE, y * STRIDE);
	if (!settings->label[0] || !good)
		return good;
	const int32_t stride = label_stride(settings);
	uint32_t *label = malloc((size_t)stride);
	for (int32_t y = 0; y < label_rows(settings) && label && good; y++) {
		border_label_row(settings, y, label);
		good = write_row(fd, label, stride, PICTURE_PX * STRIDE + y * stride);
	}
	free(label);
	return label && good;
}

/* Or -errno. */
static int picture_memory(const struct border_settings *settings)
{
	int fd = fd_memfd("wayferry-border", (size_t)pictures_bytes(settings));

	if (fd >= 0 && !write_pictures(fd, settings)) {
		fd_close(&fd);
		return -EIO;
	}
	return fd;
}

/* Takes @fd. */
static bool make_pool(struct relay *relay, struct relay_object *shm, int fd, int32_t bytes,
	struct relay_ref *pool)
{
	struct relay_object *object = relay_object_create(relay, interface_find("wl_shm_pool"), 1);

	if (!object) {
		fd_close(&fd);
		relay_fail(relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY, "no memory for a border");
		return false;
	}
	relay_ref_set(pool, object);
	return relay_send_named(relay, RELAY_UP, shm, "create_pool",
		       (union wire_arg[]){{.object = object}, {.handle = wire_handle_fd(fd)},
			       {.i = bytes}}) == 0;
}

static bool make_picture(struct relay *relay, struct relay_object *pool, int32_t offset,
	int32_t width, int32_t height, struct relay_ref *picture)
{
	return make(relay, pool, "create_buffer", "wl_buffer", picture,
		(union wire_arg[]){{.object = NULL}, {.i = offset}, {.i = width}, {.i = height},
			{.i = width * (int32_t)sizeof(uint32_t)}, {.u = WL_SHM_FORMAT_XRGB8888}},
		0);
}

static bool make_pictures(
	struct relay *relay, const struct border_settings *settings, struct border_means *means)
{
	struct relay_object *shm = policy_display_shm(relay);
	struct relay_ref pool = {0};
	int fd = shm ? picture_memory(settings) : -ENOENT;

	if (fd < 0) {
		relay_fail(relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY, "no memory for a border: %s",
			strerror(-fd));
		return false;
	}
	bool good = make_pool(relay, shm, fd, pictures_bytes(settings), &pool) &&
		make_picture(relay, pool.object, 0, PICTURE_PX, PICTURE_PX, &means->picture) &&
		(!settings->label[0] ||
			make_picture(relay, pool.object, PICTURE_PX * STRIDE,
				border_label_width(settings) * LABEL_DETAIL, label_rows(settings),
				&means->label)) &&
		relay_send_named(relay, RELAY_UP, pool.object, "destroy", NULL) == 0;
	relay_ref_set(&pool, NULL);
	return good;
}

static bool prepare_means(struct relay *relay, const struct border_settings *settings)
{
	struct border_means *means = means_of(relay);

	for (enum border_global i = 0; i < BORDER_N_GLOBALS; i++) {
		if (!bind_global(relay, i))
			return false;
	}
	if (!means->nothing.object &&
		!make(relay, means->globals[BORDER_COMPOSITOR].object, "create_region", "wl_region",
			&means->nothing, (union wire_arg[]){{.object = NULL}}, 0))
		return false;
	return means->picture.object || make_pictures(relay, settings, means);
}

/* --- one border --- */

/* Also at the compositor. */
static void border_destroy(struct border *border)
{
	for (size_t i = 0; i < ARRAY_LENGTH(border->parts); i++) {
		struct border_part *part = &border->parts[i];
		say(border, &part->viewport, "destroy", NULL);
		say(border, &part->subsurface, "destroy", NULL);
		say(border, &part->surface, "destroy", NULL);
		relay_ref_set(&part->viewport, NULL);
		relay_ref_set(&part->subsurface, NULL);
		relay_ref_set(&part->surface, NULL);
	}
	if (border->made)
		quota_release(border->quota, QUOTA_SURFACES, border_n_parts(border->settings));
	free(border);
}

bool border_create(struct relay *relay, struct policy_surface *surface)
{
	const struct policy_connection *connection = relay_data(relay);
	const struct border_settings *settings = &connection->policy->border;

	if (!border_wanted(settings))
		return true;
	if (surface->border) { /* an xdg_surface anew: the parts stay */
		surface->border->configured = (struct border_configured){0};
		surface->border->geometry = (struct rectangle){0};
		surface->border->off = false;
		return true;
	}
	surface->border = calloc(1, sizeof(*surface->border));
	if (!surface->border) {
		relay_fail(relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY, "no memory for a border");
		return false;
	}
	surface->border_destroy = border_destroy;
	surface->border->relay = relay;
	surface->border->quota = surface->quota;
	surface->border->settings = settings;
	return true;
}

static bool make_part(struct border *border, struct border_part *part, struct relay_object *window)
{
	struct border_means *means = means_of(border->relay);
	struct relay_ref *globals = means->globals;

	return make(border->relay, globals[BORDER_COMPOSITOR].object, "create_surface",
		       "wl_surface", &part->surface, (union wire_arg[]){{.object = NULL}}, 0) &&
		make(border->relay, globals[BORDER_SUBCOMPOSITOR].object, "get_subsurface",
			"wl_subsurface", &part->subsurface,
			(union wire_arg[]){{.object = NULL}, {.object = part->surface.object},
				{.object = window}},
			0) &&
		make(border->relay, globals[BORDER_VIEWPORTER].object, "get_viewport",
			"wp_viewport", &part->viewport,
			(union wire_arg[]){{.object = NULL}, {.object = part->surface.object}},
			0) &&
		say(border, &part->surface, "set_input_region",
			(union wire_arg[]){{.object = means->nothing.object}});
}

static bool make_parts(struct border *border, struct relay_object *window)
{
	if (border->made)
		return true;
	if (!prepare_means(border->relay, border->settings))
		return false;
	const size_t n = border_n_parts(border->settings);
	if (!quota_charge(border->quota, QUOTA_SURFACES, n)) {
		policy_refuse(border->relay, QUOTA_SURFACES);
		return false;
	}
	border->made = true;
	for (size_t i = 0; i < n; i++) {
		if (!make_part(border, &border->parts[i], window))
			return false;
	}
	return true;
}

/* How much of the picture's pixel one of a part is that has @size of them in a row. */
static wl_fixed_t picture_step(int32_t size)
{
	const wl_fixed_t pixel = wl_fixed_from_int(1);
	wl_fixed_t step = 1;

	while (step < pixel && size * step < pixel)
		step *= 2;
	return step;
}

/* Whether @part covers @place already, or is ready to do so. */
static bool part_is_at(const struct border_part *part, const struct rectangle *place, bool shown)
{
	return rectangle_same(place, &part->place) &&
		part->shown == (shown && !rectangle_empty(place));
}

/* Has @part cover @place, or be ready to do so, when the window is committed. */
static bool move_part(
	struct border *border, struct border_part *part, const struct rectangle *place, bool shown)
{
	const int32_t width = (int32_t)place->width, height = (int32_t)place->height;
	const struct border_means *means = means_of(border->relay);
	const bool label = part == &border->parts[BORDER_LABEL];
	const union wire_arg attached[] = {
		{.object = label ? means->label.object : means->picture.object}, {.i = 0},
		{.i = 0}};
	const union wire_arg position[] = {{.i = (int32_t)place->x}, {.i = (int32_t)place->y}};
	const wl_fixed_t first = label ? 0 : wl_fixed_from_int(1),
			 detail = wl_fixed_from_int(LABEL_DETAIL);
	const union wire_arg source[] = {{.f = first}, {.f = first},
		{.f = width * (label ? detail : picture_step(width))},
		{.f = height * (label ? detail : picture_step(height))}};
	const union wire_arg size[] = {{.i = width}, {.i = height}};
	const union wire_arg all[] = {{.i = 0}, {.i = 0}, {.i = width}, {.i = height}};

	shown = shown && !rectangle_empty(place);
	if ((shown || part->shown) &&
		!say(border, &part->surface, "attach",
			shown ? attached
			      : (union wire_arg[]){{.object = NULL}, {.i = 0}, {.i = 0}}))
		return false;
	part->place = *place;
	part->shown = shown;
	return (rectangle_empty(place) ||
		       (say(border, &part->subsurface, "set_position", position) &&
			       say(border, &part->viewport, "set_source", source) &&
			       say(border, &part->viewport, "set_destination", size) &&
			       say(border, &part->surface, "damage", all))) &&
		say(border, &part->surface, "commit", NULL);
}

/*
 * The parts fill @outer but for @inner: top, right, bottom, left, each with the corner where it
 * begins. Longer ones would be cut by sway 1.7, which takes a window's offset from the width of all
 * it has. When one changes all are drawn anew: weston 16, which may have moved the window, does not
 * draw again what has no new contents.
 */
static bool move_parts(struct border *border, const struct rectangle *inner,
	const struct rectangle *outer, bool shown)
{
	const int64_t left = outer->x, top = outer->y, right = outer->x + outer->width,
		      bottom = outer->y + outer->height, inner_right = inner->x + inner->width,
		      inner_bottom = inner->y + inner->height;
	const struct rectangle places[BORDER_N_PARTS] = {
		rectangle_of(left, top, inner_right, inner->y),
		rectangle_of(inner_right, top, right, inner_bottom),
		rectangle_of(inner->x, inner_bottom, right, bottom),
		rectangle_of(left, inner->y, inner->x, bottom),
		border_label_place(border->settings, inner, inner->y - top),
	};

	const size_t n = border_n_parts(border->settings);
	size_t n_at = 0;

	while (n_at < n && part_is_at(&border->parts[n_at], &places[n_at], shown))
		n_at++;
	for (size_t i = 0; n_at < n && i < n; i++) {
		if (!move_part(border, &border->parts[i], &places[i], shown))
			return false;
	}
	return true;
}

/* Whether the parts wait for the window's commit. */
static bool set_synced(struct border *border, bool synced)
{
	for (size_t i = 0; i < ARRAY_LENGTH(border->parts); i++) {
		if (!say(border, &border->parts[i].subsurface, synced ? "set_sync" : "set_desync",
			    NULL))
			return false;
	}
	return true;
}

/*
 * The window has the whole screen, without a border. The parts are put along its edges, inside,
 * where they can be shown at any time.
 */
static bool hide(struct border *border)
{
	const struct rectangle *content = &border->content;
	const int64_t x = rectangle_min(border->settings->width_px, content->width / 2),
		      y = rectangle_min(border->settings->width_px, content->height / 2);
	const struct rectangle inner = {
		content->x + x, content->y + y, content->width - 2 * x, content->height - 2 * y};

	if (!move_parts(border, &inner, content, false))
		return false;
	if (border->hidden)
		return true;
	border->hidden = true;
	return set_synced(border, false);
}

bool border_return(struct border *border)
{
	if (!border->hidden)
		return true;
	for (size_t i = 0; i < border_n_parts(border->settings); i++) {
		const struct rectangle place = border->parts[i].place;
		if (!part_is_at(&border->parts[i], &place, true) &&
			!move_part(border, &border->parts[i], &place, true))
			return false;
	}
	return true;
}

static bool set_geometry(struct border *border, struct relay_object *shell, struct rectangle to)
{
	if (rectangle_same(&to, &border->geometry))
		return true;
	border->geometry = to;
	return relay_send_named(border->relay, RELAY_UP, shell, "set_window_geometry",
		       (union wire_arg[]){{.i = (int32_t)to.x}, {.i = (int32_t)to.y},
			       {.i = (int32_t)to.width}, {.i = (int32_t)to.height}}) == 0;
}

bool border_commit(struct policy_surface *window, const struct rectangle *content)
{
	struct border *border = window->border;
	const struct rectangle surface = {0, 0, window->width, window->height};
	const int32_t width = border_width(window);
	bool was_shown = !rectangle_empty(&border->content);

	border->content = *content;
	if (rectangle_empty(content)) {
		/* At the compositor who is taken off the screen begins anew. */
		if (was_shown)
			border->geometry = (struct rectangle){0};
		return true;
	}
	if (!window->shell)
		return true;
	if (!make_parts(border, window->object))
		return false;
	struct rectangle framed = rectangle_grown(content, width);
	if (border->off)
		return hide(border) && set_geometry(border, window->shell, framed);
	if (border->hidden && !set_synced(border, true))
		return false;
	border->hidden = false;
	struct rectangle covered = rectangle_around(&framed, &surface);
	return move_parts(border, content, &covered, true) &&
		set_geometry(border, window->shell, framed);
}

bool border_stack(struct policy_surface *window, struct relay_object *subsurface)
{
	struct border *border = window->border;

	/* Whatever the guest puts above another one of its own stays below, too. */
	if (!border || !border->made || !border->parts[0].surface.object)
		return true;
	return relay_send_named(border->relay, RELAY_UP, subsurface, "place_below",
		       (union wire_arg[]){{.object = border->parts[0].surface.object}}) == 0;
}

int32_t border_width(const struct policy_surface *surface)
{
	const struct border *border = surface ? surface->border : NULL;
	return border && !border->off ? border->settings->width_px : 0;
}

/* What a guest says of its geometry before it draws may be anything. */
static int32_t near(int64_t distance)
{
	return (int32_t)rectangle_max(
		-BORDER_WINDOW_MAX, rectangle_min(distance, BORDER_WINDOW_MAX));
}

void border_origin(const struct policy_surface *surface, int32_t *x, int32_t *y)
{
	const struct border *border = surface ? surface->border : NULL;

	*x = *y = border_width(surface);
	if (!border || rectangle_empty(&border->geometry) || rectangle_empty(&surface->geometry))
		return;
	*x = near(surface->geometry.x - border->geometry.x);
	*y = near(surface->geometry.y - border->geometry.y);
}
