/* Scanouts and cursors of the guest, and what the monitor has been told of them. */
#include "host-bridge/console/console.h"

#include <errno.h>
#include <pixman.h>
#include <stdlib.h>

#include "host-bridge/console/pixel_layout.h"
#include "host-bridge/console/texture.h"
#include "host-bridge/resources/resources.h"
#include "protocol/base/bytes.h"
#define LOG_MODULE "console"
#include "protocol/base/log.h"

/* Guest memory that is read for one message, from its first pixel to its last. */
#define PIECE_BYTES (256u << 10)
#define MAX_RECTS 16
/*
 * Runs of guest memory are looked through from the first one on for each piece; a picture that
 * consists of more is not worth the time.
 */
#define MAX_RUNS 65536u
#define UNKNOWN UINT32_MAX /* a width: the monitor may show anything */

struct cursor {
	struct console_cursor_update now; /* pos.scanout is set */
	bool visible;
	bool shape_due, place_due; /* to be told */
};

struct scanout {
	struct resource *resource;        /* a reference; NULL: it shows nothing */
	struct virtio_gpu_rect rect;      /* of the resource */
	uint32_t told_width, told_height; /* 0: the monitor shows nothing, or a texture */
	bool told_texture;                /* it shows a texture */
	bool texture_due;                 /* which one is to be told */
	pixman_region32_t damage;         /* to be told, in pixels of the scanout */
	struct cursor cursor;
};

struct console {
	struct console_link link;
	bool there;
	uint32_t turn; /* the scanout that is looked at first */
	struct scanout scanouts[CONSOLE_MAX_SCANOUTS];
	uint8_t piece[PIECE_BYTES];
};
static_assert(PIECE_BYTES + sizeof(struct console_scanout) + sizeof(struct console_update) +
			2 * sizeof(struct console_header) <=
		CONSOLE_LINK_OUT_BYTES,
	"a scanout and its first piece go together");

static bool shows_texture(const struct scanout *scanout)
{
	return scanout->resource && scanout->resource->kind == RESOURCE_3D;
}

static uint32_t wanted_width(const struct scanout *scanout)
{
	return scanout->resource ? scanout->rect.width : 0;
}

static uint32_t wanted_height(const struct scanout *scanout)
{
	return scanout->resource ? scanout->rect.height : 0;
}

static void show_nothing(struct scanout *scanout)
{
	if (scanout->resource)
		resource_unref(scanout->resource);
	scanout->resource = NULL;
	pixman_region32_clear(&scanout->damage);
}

/* --- pixels --- */

static void add_damage(struct scanout *scanout, int x, int y, uint32_t width, uint32_t height)
{
	pixman_region32_t *damage = &scanout->damage;
	pixman_region32_union_rect(damage, damage, x, y, width, height);
	if (pixman_region32_n_rects(damage) > MAX_RECTS) {
		pixman_box32_t all = *pixman_region32_extents(damage);
		pixman_region32_reset(damage, &all);
	}
}

static void damage_all(struct scanout *scanout)
{
	pixman_region32_clear(&scanout->damage);
	if (scanout->resource)
		add_damage(scanout, 0, 0, scanout->rect.width, scanout->rect.height);
}

/* Reads the pixels of @box, which is a piece. False: they are not there. */
static bool read_piece(struct console *console, const struct scanout *scanout,
	const pixman_box32_t *box, uint32_t *out)
{
	const struct resource *resource = scanout->resource;
	const uint64_t stride = (uint64_t)resource->width * 4;
	const size_t width = (size_t)(box->x2 - box->x1), rows = (size_t)(box->y2 - box->y1);
	const uint64_t offset = (scanout->rect.y + (uint64_t)box->y1) * stride +
		(scanout->rect.x + (uint64_t)box->x1) * 4;
	const size_t span = (size_t)stride * (rows - 1) + width * 4;

	if (resource->n_pages == 0 || resource->n_pages > MAX_RUNS || span > PIECE_BYTES ||
		resource_copy_out(resource, offset, console->piece, span) < 0)
		return false;
	for (size_t row = 0; row < rows; row++)
		pixel_layout_convert(
			resource->format, console->piece + row * stride, out + row * width, width);
	return true;
}

/* The upper part of the first damaged rectangle, as far as it can be read at once. */
static pixman_box32_t first_piece(const struct scanout *scanout)
{
	int n;
	pixman_box32_t box =
		pixman_region32_rectangles((pixman_region32_t *)(uintptr_t)&scanout->damage, &n)[0];
	const uint32_t stride = scanout->resource->width * 4;
	const uint32_t row = (uint32_t)(box.x2 - box.x1) * 4;
	const uint32_t rows = (PIECE_BYTES - row) / stride + 1;

	if ((uint32_t)(box.y2 - box.y1) > rows)
		box.y2 = box.y1 + (int)rows;
	return box;
}

/* A damaged piece. What is not in memory is black. */
static bool put_piece(struct console *console, struct scanout *scanout)
{
	if (!pixman_region32_not_empty(&scanout->damage))
		return false;
	const pixman_box32_t box = first_piece(scanout);
	const uint32_t width = (uint32_t)(box.x2 - box.x1), height = (uint32_t)(box.y2 - box.y1);
	const struct console_update update = {
		.scanout = (uint32_t)(scanout - console->scanouts),
		.x = (uint32_t)box.x1,
		.y = (uint32_t)box.y1,
		.width = width,
		.height = height,
	};
	pixman_region32_t told;
	uint8_t *to = console_link_put(
		&console->link, CONSOLE_UPDATE, (uint32_t)sizeof(update) + width * height * 4);

	uint32_t *pixels = (uint32_t *)(void *)(to + sizeof(update));
	memcpy(to, &update, sizeof(update));
	if (!read_piece(console, scanout, &box, pixels))
		memset(pixels, 0, (size_t)width * height * 4);
	pixman_region32_init_rect(&told, box.x1, box.y1, width, height);
	pixman_region32_subtract(&scanout->damage, &scanout->damage, &told);
	pixman_region32_fini(&told);
	return true;
}

/*
 * What the scanout shows has another size. QEMU makes a picture of that size at once, and forgets
 * it if the next one comes before an update: so these go together.
 */
static bool put_scanout(struct console *console, struct scanout *scanout)
{
	const struct console_scanout out = {
		.scanout = (uint32_t)(scanout - console->scanouts),
		.width = wanted_width(scanout),
		.height = wanted_height(scanout),
	};
	if (scanout->told_width == out.width && scanout->told_height == out.height)
		return false;
	memcpy(console_link_put(&console->link, CONSOLE_SCANOUT, sizeof(out)), &out, sizeof(out));
	scanout->told_width = out.width;
	scanout->told_height = out.height;
	damage_all(scanout);
	put_piece(console, scanout);
	return true;
}

static bool put_cursor(struct console *console, struct scanout *scanout)
{
	struct cursor *cursor = &scanout->cursor;
	if (!cursor->shape_due && !cursor->place_due)
		return false;
	cursor->now.pos.scanout = (uint32_t)(scanout - console->scanouts);
	if (cursor->shape_due && cursor->visible)
		memcpy(console_link_put(&console->link, CONSOLE_CURSOR_UPDATE, sizeof(cursor->now)),
			&cursor->now, sizeof(cursor->now));
	else
		memcpy(console_link_put(&console->link,
			       cursor->visible ? CONSOLE_CURSOR_POS : CONSOLE_CURSOR_POS_HIDE,
			       sizeof(cursor->now.pos)),
			&cursor->now.pos, sizeof(cursor->now.pos));
	cursor->shape_due = cursor->place_due = false;
	return true;
}

/* --- textures --- */

static uint32_t index_of(const struct console *console, const struct scanout *scanout)
{
	return (uint32_t)(scanout - console->scanouts);
}

static void put_no_texture(struct console *console, struct scanout *scanout)
{
	const struct console_dmabuf_scanout none = {.scanout = index_of(console, scanout)};

	memcpy(console_link_put(&console->link, CONSOLE_DMABUF_SCANOUT, sizeof(none)), &none,
		sizeof(none));
	scanout->told_texture = false;
}

/* Which dma-buf it is. False: it cannot be told, and nothing was put. */
static bool put_which_texture(struct console *console, struct scanout *scanout)
{
	const struct resource *resource = scanout->resource;
	const bool modifiers = console_link_knows_modifiers(&console->link);
	const size_t modifier_bytes = modifiers ? sizeof(resource->modifier) : 0;
	struct console_dmabuf_scanout out;

	if (!texture_describe(resource, modifiers, &out) ||
		!console_link_put_fd(&console->link, resource->fd)) {
		log_limited(LOG_LEVEL_WARN,
			"texture %u is not shown: its layout cannot be told to the monitor, or "
			"there are no file descriptors",
			resource->id);
		return false;
	}
	out.scanout = index_of(console, scanout);
	out.x = scanout->rect.x;
	out.y = scanout->rect.y;
	out.width = scanout->rect.width;
	out.height = scanout->rect.height;
	uint8_t *to = console_link_put(&console->link,
		modifiers ? CONSOLE_DMABUF_SCANOUT2 : CONSOLE_DMABUF_SCANOUT,
		(uint32_t)(sizeof(out) + modifier_bytes));
	memcpy(to, &out, sizeof(out));
	memcpy(to + sizeof(out), &resource->modifier, modifier_bytes);
	return true;
}

/* One texture's changes are on their way at a time: the monitor answers when they are to be seen.
 */
static bool put_texture_update(struct console *console, struct scanout *scanout)
{
	if (console->link.updating || !pixman_region32_not_empty(&scanout->damage))
		return false;
	const pixman_box32_t *box = pixman_region32_extents(&scanout->damage);
	const struct console_update update = {
		.scanout = index_of(console, scanout),
		.x = (uint32_t)box->x1,
		.y = (uint32_t)box->y1,
		.width = (uint32_t)(box->x2 - box->x1),
		.height = (uint32_t)(box->y2 - box->y1),
	};

	memcpy(console_link_put(&console->link, CONSOLE_DMABUF_UPDATE, sizeof(update)), &update,
		sizeof(update));
	pixman_region32_clear(&scanout->damage);
	return true;
}

/* A texture that comes, changes, or goes. */
static bool put_texture(struct console *console, struct scanout *scanout)
{
	if (shows_texture(scanout) && scanout->texture_due) {
		scanout->texture_due = false;
		if (!put_which_texture(console, scanout)) {
			show_nothing(scanout);
			return put_texture(console, scanout);
		}
		scanout->told_texture = true;
		/* There is no picture of pixels any more. */
		if (scanout->told_width != 0)
			scanout->told_width = UNKNOWN;
		damage_all(scanout);
		return true;
	}
	if (shows_texture(scanout))
		return put_texture_update(console, scanout);
	if (!scanout->told_texture)
		return false;
	put_no_texture(console, scanout);
	return true;
}

/* What is to be told next, of one scanout after the other. */
static bool put_next(void *data)
{
	struct console *console = data;
	for (uint32_t i = 0; i < CONSOLE_MAX_SCANOUTS; i++) {
		console->turn = (console->turn + 1) % CONSOLE_MAX_SCANOUTS;
		struct scanout *scanout = &console->scanouts[console->turn];
		if (put_cursor(console, scanout) || put_texture(console, scanout))
			return true;
		if (!shows_texture(scanout) &&
			(put_scanout(console, scanout) || put_piece(console, scanout)))
			return true;
	}
	return false;
}

/* --- life --- */

struct console *console_create(struct wl_event_loop *loop)
{
	struct console *console = calloc(1, sizeof(*console));
	if (!console)
		return NULL;
	console_link_init(&console->link, loop, put_next, console);
	for (size_t i = 0; i < ARRAY_LENGTH(console->scanouts); i++)
		pixman_region32_init(&console->scanouts[i].damage);
	return console;
}

void console_destroy(struct console *console)
{
	if (!console)
		return;
	console_link_finish(&console->link);
	for (size_t i = 0; i < ARRAY_LENGTH(console->scanouts); i++)
		pixman_region32_fini(&console->scanouts[i].damage);
	free(console);
}

int console_connect(struct console *console, int socket)
{
	int error = console_link_open(&console->link, socket);
	if (error < 0)
		return error;
	console->there = true;
	for (size_t i = 0; i < ARRAY_LENGTH(console->scanouts); i++) {
		struct scanout *scanout = &console->scanouts[i];
		if ((scanout->resource && !shows_texture(scanout)) || scanout->told_width != 0)
			scanout->told_width = UNKNOWN;
		scanout->texture_due = shows_texture(scanout);
		scanout->cursor.shape_due |= scanout->cursor.visible;
	}
	return 0;
}

void console_reset(struct console *console)
{
	console_link_drop_questions(&console->link);
	for (size_t i = 0; i < ARRAY_LENGTH(console->scanouts); i++) {
		struct scanout *scanout = &console->scanouts[i];
		show_nothing(scanout);
		scanout->cursor.place_due = scanout->cursor.visible;
		scanout->cursor.visible = false;
	}
	console_link_want(&console->link);
}

void console_leave(struct console *console)
{
	console_link_close(&console->link);
	console->there = false;
	for (size_t i = 0; i < ARRAY_LENGTH(console->scanouts); i++) {
		struct scanout *scanout = &console->scanouts[i];
		scanout->told_width = scanout->told_height = 0;
		scanout->told_texture = false;
		memset(&scanout->cursor, 0, sizeof(scanout->cursor));
	}
}

bool console_is_there(const struct console *console)
{
	return console->there;
}

uint32_t console_scanouts(const struct console *console)
{
	return console->there ? CONSOLE_MAX_SCANOUTS : 1;
}

int console_ask(struct console *console, enum console_request request, uint32_t scanout,
	console_answer_fn done, void *data)
{
	if (!console->there)
		return -ENOTCONN;
	return console_link_ask(&console->link, request, scanout, done, data);
}

/* --- what the guest says --- */

int console_set_scanout(struct console *console, uint32_t index, struct resource *resource,
	const struct virtio_gpu_rect *rect)
{
	struct scanout *scanout = &console->scanouts[index];

	if (!console->there)
		return 0;
	if (resource && (uint64_t)rect->width * rect->height * 4 > CONSOLE_MAX_BYTES)
		return -EINVAL;
	if (resource && resource->kind == RESOURCE_3D && !texture_can_be_shown(resource)) {
		log_limited(LOG_LEVEL_WARN,
			"texture %u is not shown: the renderer cannot export it (it has no GPU, or "
			"it is no picture)",
			resource->id);
		resource = NULL;
	}
	if (resource)
		resource_ref(resource);
	show_nothing(scanout);
	scanout->resource = resource;
	scanout->texture_due = shows_texture(scanout);
	if (resource)
		scanout->rect = *rect;
	damage_all(scanout);
	console_link_want(&console->link);
	return 0;
}

void console_flush(struct console *console, const struct resource *resource,
	const struct virtio_gpu_rect *rect)
{
	for (size_t i = 0; i < ARRAY_LENGTH(console->scanouts); i++) {
		struct scanout *scanout = &console->scanouts[i];
		const struct virtio_gpu_rect *shown = &scanout->rect;
		if (scanout->resource != resource)
			continue;
		/* All are within the resource, which is at most 16384 pixels wide and high. */
		int left = (int)max_u64(rect->x, shown->x), top = (int)max_u64(rect->y, shown->y);
		int right = (int)min_u64(rect->x + rect->width, shown->x + shown->width);
		int bottom = (int)min_u64(rect->y + rect->height, shown->y + shown->height);
		if (left >= right || top >= bottom)
			continue;
		add_damage(scanout, left - (int)shown->x, top - (int)shown->y,
			(uint32_t)(right - left), (uint32_t)(bottom - top));
		console_link_want(&console->link);
	}
}

void console_forget(struct console *console, const struct resource *resource)
{
	for (size_t i = 0; i < ARRAY_LENGTH(console->scanouts); i++) {
		if (console->scanouts[i].resource != resource)
			continue;
		show_nothing(&console->scanouts[i]);
		console_link_want(&console->link);
	}
}

static void place_cursor(struct cursor *cursor, const struct virtio_gpu_update_cursor *in)
{
	cursor->now.pos.x = in->pos.x;
	cursor->now.pos.y = in->pos.y;
	cursor->place_due = true;
}

/* Whether @resource has a shape, which is taken. */
static bool take_shape(
	struct console *console, struct cursor *cursor, const struct resource *resource)
{
	const size_t bytes = sizeof(cursor->now.pixels);
	if (resource->kind != RESOURCE_2D || resource->width != CONSOLE_CURSOR_PX ||
		resource->height != CONSOLE_CURSOR_PX || resource->n_pages == 0 ||
		resource->n_pages > MAX_RUNS ||
		resource_copy_out(resource, 0, console->piece, bytes) < 0)
		return false;
	pixel_layout_convert(
		resource->format, console->piece, cursor->now.pixels, bytes / sizeof(uint32_t));
	return true;
}

void console_set_cursor(struct console *console, const struct virtio_gpu_update_cursor *in,
	const struct resource *resource)
{
	struct cursor *cursor = &console->scanouts[in->pos.scanout_id].cursor;
	if (!console->there)
		return;
	place_cursor(cursor, in);
	cursor->visible = resource != NULL;
	if (resource && take_shape(console, cursor, resource)) {
		cursor->now.hot_x = in->hot_x;
		cursor->now.hot_y = in->hot_y;
		cursor->shape_due = true;
	}
	console_link_want(&console->link);
}

void console_move_cursor(struct console *console, const struct virtio_gpu_update_cursor *in)
{
	if (!console->there)
		return;
	place_cursor(&console->scanouts[in->pos.scanout_id].cursor, in);
	console_link_want(&console->link);
}
