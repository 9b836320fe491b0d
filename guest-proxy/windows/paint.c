/* Bringing a host buffer up to date from a client's buffer. */
#include "guest-proxy/windows/paint.h"

#include <string.h>

#include "guest-proxy/windows/stream_copy.h"
#include "protocol/base/bytes.h"

/* Copied at once: half a millisecond, and enough for stream_copy. */
#define PIECE_BYTES (UINT64_C(2) << 20)
/* Copied between two looks at the clock, which are system calls in some machines. */
#define LOOK_BYTES (PIECE_BYTES / 2)

void paint_begin(struct paint *paint, struct host_buffer *host, struct damage *damage)
{
	*paint = (struct paint){.host = host, .shown = damage->shown};
	pixman_region32_init(&paint->stale);
	damage_since(damage, host->shown, &paint->stale);
	host->shown = 0; /* of no use to anybody until the copy is complete */
}

void paint_end(struct paint *paint)
{
	if (paint->host)
		pixman_region32_fini(&paint->stale);
	paint->host = NULL;
}

/* Rows of @bytes each; one copy where nothing lies between them. */
static uint64_t copy_rows(uint8_t *to, size_t to_stride, const uint8_t *from, size_t from_stride,
	size_t bytes, size_t rows, bool full_width)
{
	if (full_width && to_stride == from_stride) {
		size_t size = (rows - 1) * to_stride + bytes;
		stream_copy(to, from, size);
		return size;
	}
	for (size_t row = 0; row < rows; row++)
		memcpy(to + row * to_stride, from + row * from_stride, bytes);
	return (uint64_t)bytes * rows;
}

/* Copies a piece of the rectangle that is next. */
static uint64_t copy_piece(struct paint *paint, const struct buffer *buffer)
{
	struct host_buffer *host = paint->host;
	const struct swapchain *swapchain = host->swapchain;
	const pixman_box32_t *box = pixman_region32_rectangles(&paint->stale, NULL) + paint->box;
	const size_t pixel = swapchain->pixel_bytes;
	size_t x = swapchain->whole_rows ? 0 : (size_t)box->x1;
	size_t width =
		swapchain->whole_rows ? (size_t)swapchain->width : (size_t)(box->x2 - box->x1);
	size_t y = (size_t)box->y1 + (size_t)paint->row, left = (size_t)box->y2 - y;
	size_t rows = min_u64(left, max_u64(PIECE_BYTES / (width * pixel), 1));

	paint->row += (int32_t)rows;
	if (rows == left) {
		paint->box++;
		paint->row = 0;
	}
	return copy_rows(host->blob->map + y * swapchain->stride_bytes + x * pixel,
		swapchain->stride_bytes,
		buffer->pool->data + buffer->offset_bytes + y * buffer->stride_bytes + x * pixel,
		buffer->stride_bytes, width * pixel, rows, width == (size_t)swapchain->width);
}

/*
 * Copies a piece of a picture with several planes. What was damaged does not matter: these are
 * frames of videos, each of which is new as a whole.
 */
static uint64_t copy_planes(struct paint *paint, const struct buffer *buffer)
{
	struct host_buffer *host = paint->host;
	const uint64_t at = paint->bytes, left = host->swapchain->bytes - at;
	const uint64_t size = min_u64(left, PIECE_BYTES);

	stream_copy(host->blob->map + at, buffer->pool->data + buffer->offset_bytes + at, size);
	paint->bytes += size;
	if (size == left)
		paint->box = pixman_region32_n_rects(&paint->stale);
	return size;
}

/* Whether there may be more than one piece to copy. */
static bool is_large(const struct paint *paint)
{
	const pixman_box32_t *all = pixman_region32_extents(&paint->stale);

	return (uint64_t)(all->y2 - all->y1) * paint->host->swapchain->stride_bytes > PIECE_BYTES;
}

/* Copies until it is time to look at the clock. Returns the number of bytes. */
static uint64_t copy_some(struct paint *paint, const struct buffer *buffer, int n_boxes)
{
	uint64_t bytes = 0;

	while (paint->box < n_boxes && bytes < LOOK_BYTES)
		bytes += paint->host->swapchain->planes ? copy_planes(paint, buffer)
							: copy_piece(paint, buffer);
	return bytes;
}

enum paint_status paint_go_on(struct paint *paint, const struct buffer *buffer)
{
	struct host_buffer *host = paint->host;
	struct turn *turn = host->connection->turn;
	const int n_boxes = pixman_region32_n_rects(&paint->stale);

	if (is_large(paint))
		turn_has_time(turn); /* starts the clock */
	do {
		host->connection->copied_bytes += copy_some(paint, buffer, n_boxes);
	} while (paint->box < n_boxes && turn_has_time(turn));
	if (pool_truncated(buffer->pool)) {
		paint_end(paint);
		return PAINT_TRUNCATED;
	}
	if (paint->box < n_boxes)
		return PAINT_MORE;
	host->shown = paint->shown;
	paint_end(paint);
	return PAINT_COMPLETE;
}
