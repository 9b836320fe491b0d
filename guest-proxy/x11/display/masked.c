/* The content of a surface whose X window has a shape: copies with transparent pixels. */
#include "guest-proxy/x11/display/masked.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "guest-proxy/x11/display/buffer.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define EVERYTHING (1 << 20)    /* pixels; more than any window has */
#define STRIP_BYTES (256 << 10) /* that are copied in one go, or a row */

static const struct rows all_rows = {0, EVERYTHING};

/* Memory of ours that the compositor shows. */
struct copy {
	struct wl_list link; /* masked::copies */
	struct masked *masked;
	struct relay_ref buffer; /* known UP only */
	int fd;
	int32_t width, height;
	bool busy;         /* the compositor has it */
	struct rows stale; /* what was drawn since it was made */
};

static void add_rows(struct rows *rows, const struct rows *more)
{
	if (more->top >= more->bottom)
		return;
	if (rows->top >= rows->bottom) {
		*rows = *more;
		return;
	}
	rows->top = more->top < rows->top ? more->top : rows->top;
	rows->bottom = more->bottom > rows->bottom ? more->bottom : rows->bottom;
}

/* Copies */

static void copy_destroy(struct copy *copy)
{
	struct masked *masked = copy->masked;
	if (copy->buffer.object)
		copy->buffer.object->data = NULL;
	session_send(masked->session, copy->buffer.object, "destroy", NULL);
	relay_ref_set(&copy->buffer, NULL);
	fd_close(&copy->fd);
	wl_list_remove(&copy->link);
	masked->n_copies--;
	free(copy);
}

static bool make_buffer(struct copy *copy)
{
	struct session *session = copy->masked->session;
	int32_t stride = copy->width * 4;
	int64_t bytes = (int64_t)stride * copy->height;
	if (bytes > INT32_MAX || !session->shm.object)
		return false;
	copy->fd = fd_memfd("wayferry-x11-shaped", (size_t)bytes);
	int theirs = copy->fd >= 0 ? fd_dup(copy->fd) : -1;
	struct relay_object *pool = theirs < 0
		? NULL
		: session_make(session, "wl_shm_pool", session->shm.object, "create_pool",
			  (union wire_arg[]){
				  {0}, {.handle = wire_handle_fd(theirs)}, {.i = (int32_t)bytes}},
			  0);
	if (!pool) {
		fd_close(&theirs);
		return false;
	}
	relay_ref_set(&copy->buffer,
		session_make(session, "wl_buffer", pool, "create_buffer",
			(union wire_arg[]){{0}, {.i = 0}, {.i = copy->width}, {.i = copy->height},
				{.i = stride}, {.u = WL_SHM_FORMAT_ARGB8888}},
			0));
	session_send(session, pool, "destroy", NULL);
	if (copy->buffer.object)
		copy->buffer.object->data = copy;
	return copy->buffer.object != NULL;
}

static struct copy *copy_create(struct masked *masked, const struct buffer *from)
{
	struct copy *copy = calloc(1, sizeof(*copy));
	if (!copy)
		return NULL;
	copy->masked = masked;
	copy->fd = -1;
	copy->width = from->width;
	copy->height = from->height;
	copy->stale = all_rows;
	wl_list_insert(&masked->copies, &copy->link);
	masked->n_copies++;
	if (!make_buffer(copy)) {
		copy_destroy(copy);
		return NULL;
	}
	return copy;
}

/* One that the compositor does not have; NULL: it has as many as there may be. */
static struct copy *free_copy(struct masked *masked, const struct buffer *from)
{
	struct copy *copy, *next, *found = NULL;
	wl_list_for_each_safe(copy, next, &masked->copies, link)
	{
		bool fits = copy->width == from->width && copy->height == from->height;
		if (!copy->buffer.object || (!copy->busy && !fits))
			copy_destroy(copy);
		else if (!copy->busy)
			found = copy;
	}
	if (!found && masked->n_copies < MASKED_COPIES)
		found = copy_create(masked, from);
	return found;
}

/* So many bytes from @offset on; what is not there is transparent. */
static void read_all(int fd, uint8_t *to, size_t bytes, int64_t offset)
{
	ssize_t n = pread(fd, to, bytes, offset);
	size_t got = n > 0 ? (size_t)n : 0;
	if (got < bytes)
		memset(to + got, 0, bytes - got);
}

/*
 * Reads and writes instead of mapping: a file that is shorter than it should be does no harm. Only
 * whole rows, of which those that are not stale are left out.
 */
static void copy_pixels(struct copy *copy, const struct buffer *from)
{
	const struct mask *mask = copy->masked->mask;
	size_t stride = (size_t)from->stride, row_bytes = (size_t)copy->width * 4;
	int32_t at_once = stride < STRIP_BYTES ? (int32_t)(STRIP_BYTES / stride) : 1;
	int32_t bottom = (int32_t)min_u64((uint64_t)copy->stale.bottom, (uint64_t)copy->height);
	int32_t top = copy->stale.top > 0 ? copy->stale.top : 0;
	uint8_t *strip = malloc(stride * (size_t)at_once);
	if (!strip)
		return;
	for (int32_t y = top; y < bottom; y += at_once) {
		int32_t rows = bottom - y < at_once ? bottom - y : at_once;
		read_all(from->fd, strip, stride * (size_t)(rows - 1) + row_bytes,
			from->offset + (int64_t)y * from->stride);
		for (int32_t i = 0; i < rows; i++) {
			uint8_t *row = strip + (size_t)i * row_bytes;
			memmove(row, strip + (size_t)i * stride, row_bytes);
			mask_apply(mask, y + i, (uint32_t *)(void *)row, copy->width,
				from->format == WL_SHM_FORMAT_XRGB8888);
		}
		size_t bytes = row_bytes * (size_t)rows;
		if (pwrite(copy->fd, strip, bytes, (int64_t)y * (int64_t)row_bytes) ==
			(ssize_t)bytes)
			copy->masked->session->counters.copied_bytes += bytes;
	}
	free(strip);
	copy->stale = (struct rows){0};
}

/* The buffer */

static void release(struct masked *masked)
{
	struct relay_object *object = masked->current.object;
	struct buffer *buffer = buffer_readable(object);
	if (buffer)
		buffer->shaped = false;
	if (masked->held && object)
		relay_send_named(masked->session->relay, RELAY_DOWN, object, "release", NULL);
	masked->held = false;
	relay_ref_set(&masked->current, NULL);
}

static void damage_all(struct masked *masked)
{
	struct copy *copy;
	wl_list_for_each(copy, &masked->copies, link) copy->stale = all_rows;
	session_send(masked->session, masked->surface, "damage",
		(union wire_arg[]){{.i = 0}, {.i = 0}, {.i = EVERYTHING}, {.i = EVERYTHING}});
}

void masked_init(struct masked *masked, struct session *session, struct relay_object *surface)
{
	*masked = (struct masked){.session = session, .surface = surface};
	wl_list_init(&masked->copies);
}

void masked_finish(struct masked *masked)
{
	struct copy *copy, *next;
	release(masked);
	wl_list_for_each_safe(copy, next, &masked->copies, link) copy_destroy(copy);
	masked->mask = NULL;
	masked->copying = masked->fresh = masked->waits = false;
}

bool masked_attach(struct masked *masked, struct relay_object *object, int32_t x, int32_t y)
{
	struct buffer *buffer = buffer_readable(object);
	bool was = masked->copying;
	if (object != masked->current.object)
		release(masked);
	relay_ref_set(&masked->current, object);
	masked->copying = masked->held = masked->fresh = masked->mask && buffer;
	/* One that was not committed yet moves nothing, so that this one has to, too. */
	masked->x = masked->copying ? masked->x + x : 0;
	masked->y = masked->copying ? masked->y + y : 0;
	masked->waits &= masked->copying;
	if (buffer)
		buffer->shaped = masked->copying;
	if (was != masked->copying)
		damage_all(masked);
	return masked->copying;
}

void masked_damage(struct masked *masked, int32_t top, int32_t height)
{
	int64_t bottom = (int64_t)top + height;
	const struct rows rows = {
		top > 0 ? top : 0, bottom > EVERYTHING ? EVERYTHING : (int32_t)bottom};
	if (masked->mask)
		add_rows(&masked->damage, &rows);
}

bool masked_commit(struct masked *masked)
{
	struct copy *copy;
	if (!masked->fresh)
		return true;
	wl_list_for_each(copy, &masked->copies, link) add_rows(&copy->stale, &masked->damage);
	masked->damage = (struct rows){0};
	const struct buffer *from = buffer_readable(masked->current.object);
	copy = from ? free_copy(masked, from) : NULL;
	masked->waits = from && !copy;
	if (!copy)
		return !masked->waits;
	copy_pixels(copy, from);
	copy->busy = true;
	masked->fresh = false;
	session_send(masked->session, masked->surface, "attach",
		(union wire_arg[]){
			{.object = copy->buffer.object}, {.i = masked->x}, {.i = masked->y}});
	masked->x = masked->y = 0;
	return true;
}

bool masked_set(struct masked *masked, const struct mask *mask)
{
	struct relay_object *object = masked->current.object;
	struct buffer *buffer = buffer_readable(object);
	bool was = masked->copying;
	masked->mask = mask;
	if (!object || (!mask && !was))
		return false;
	masked->copying = masked->fresh = mask && buffer;
	if (buffer)
		buffer->shaped = masked->copying;
	if (was && !masked->copying) {
		/* The compositor shows it itself now, and releases it. */
		masked->held = masked->waits = false;
		session_send(masked->session, masked->surface, "attach",
			(union wire_arg[]){{.object = object}, {.i = 0}, {.i = 0}});
	}
	if (was || masked->copying)
		damage_all(masked);
	return was || masked->copying;
}

/* Events */

/* Of a copy; Xwayland's own buffers are known DOWN. */
static enum relay_verdict handle_release(struct relay_message *message)
{
	struct copy *copy = message->object->data;
	if (message->object->id[RELAY_DOWN] || !copy)
		return RELAY_FORWARD;
	struct masked *masked = copy->masked;
	copy->busy = false;
	if (masked->waits && masked_commit(masked))
		session_send(masked->session, masked->surface, "commit", NULL);
	return RELAY_SWALLOW;
}

const struct relay_hook masked_hooks[] = {
	{"wl_buffer", "release", handle_release, RELAY_UP},
	{0},
};
