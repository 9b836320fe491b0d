/* Image requirements and received files of a cross-domain context. */
#include "host-bridge/cross_domain/blob_ids.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <linux/virtio_gpu.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/pixels/pixel_format.h"

#define STRIDE_ALIGNMENT 64
/* The largest page of a guest; its kernel rounds blobs up to it. */
#define GUEST_PAGE_BYTES_MAX UINT64_C(65536)

struct blob_image {
	uint32_t id;
	struct cross_domain_get_image_requirements request;
	struct cross_domain_image_requirements answer;
	bool made;     /* the memory of its blobs is made by somebody else */
	uint64_t used; /* blob_ids::clock when it was last asked for */
};

struct blob_file {
	struct wl_list link; /* blob_ids::files */
	uint32_t id;
	void *contents; /* NULL: zeroes */
	size_t contents_size;
};

void blob_ids_init(struct blob_ids *ids, uint64_t max_bytes)
{
	/* wl_shm has 31 bits for sizes. */
	*ids = (struct blob_ids){.max_bytes = min_u64(max_bytes, INT32_MAX)};
	wl_array_init(&ids->images);
	wl_list_init(&ids->files);
}

static void file_destroy(struct blob_ids *ids, struct blob_file *file)
{
	wl_list_remove(&file->link);
	ids->n_files--;
	ids->files_bytes -= file->contents_size;
	free(file->contents);
	free(file);
}

void blob_ids_finish(struct blob_ids *ids)
{
	struct blob_file *file, *next;

	wl_list_for_each_safe(file, next, &ids->files, link)
	{
		file_destroy(ids, file);
	}
	wl_array_release(&ids->images);
	wl_array_init(&ids->images);
}

/* Strides, offsets and size of a linear image. */
static int lay_out(const struct cross_domain_get_image_requirements *request, uint64_t max_bytes,
	struct cross_domain_image_requirements *out)
{
	const struct pixel_format *format = pixel_format_find(request->drm_format);
	if (!format || request->width == 0 || request->height == 0)
		return -EINVAL;

	uint64_t size = 0;
	for (unsigned i = 0; i < format->n_planes; i++) {
		uint64_t height = pixel_format_rows(format, i, request->height);
		uint64_t stride = align_up(
			pixel_format_row_bytes(format, i, request->width), STRIDE_ALIGNMENT);
		if (stride > max_bytes || height > (max_bytes - size) / stride)
			return -EINVAL;
		out->strides[i] = (uint32_t)stride;
		out->offsets[i] = (uint32_t)size;
		size += stride * height;
	}
	out->size = align_up(size, PAGE_BYTES);
	return out->size <= max_bytes ? 0 : -EINVAL;
}

static bool same_image(const struct cross_domain_get_image_requirements *a,
	const struct cross_domain_get_image_requirements *b)
{
	return a->width == b->width && a->height == b->height && a->drm_format == b->drm_format &&
		a->flags == b->flags;
}

static struct blob_image *find_image(
	const struct blob_ids *ids, const struct cross_domain_get_image_requirements *request)
{
	struct blob_image *image;
	array_for_each(image, &ids->images)
	{
		if (same_image(&image->request, request))
			return image;
	}
	return NULL;
}

/* A place for one more, at the cost of the least recent where there are too many. NULL: no memory.
 */
static struct blob_image *new_image(struct blob_ids *ids)
{
	struct blob_image *image, *oldest = ids->images.data;

	if (ids->images.size < BLOB_IDS_MAX_IMAGES * sizeof(*image))
		return wl_array_add(&ids->images, sizeof(*image));
	array_for_each(image, &ids->images)
	{
		if (image->used < oldest->used)
			oldest = image;
	}
	return oldest;
}

static int lay_out_plain(const struct blob_ids *ids,
	const struct cross_domain_get_image_requirements *request,
	struct cross_domain_image_requirements *out)
{
	*out = (struct cross_domain_image_requirements){
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.map_info = VIRTIO_GPU_MAP_CACHE_CACHED,
		.memory_idx = -1,
		.physical_device_idx = -1,
	};
	return lay_out(request, ids->max_bytes, out);
}

/* The image, laid out as @out says, gets an id. */
static int add_image(struct blob_ids *ids,
	const struct cross_domain_get_image_requirements *request, bool made, uint32_t *last_id,
	struct cross_domain_image_requirements *out)
{
	struct blob_image *image = new_image(ids);
	if (!image)
		return -ENOMEM;
	out->blob_id = ++*last_id;
	*image = (struct blob_image){.id = out->blob_id,
		.request = *request,
		.answer = *out,
		.made = made,
		.used = ++ids->clock};
	return 0;
}

int blob_ids_image(struct blob_ids *ids, const struct cross_domain_get_image_requirements *request,
	uint32_t *last_id, struct cross_domain_image_requirements *out)
{
	struct blob_image *image = find_image(ids, request);
	if (image) {
		image->used = ++ids->clock;
		*out = image->answer;
		return 0;
	}
	int err = lay_out_plain(ids, request, out);
	return err < 0 ? err : add_image(ids, request, false, last_id, out);
}

uint64_t blob_ids_plain_bytes(
	const struct blob_ids *ids, const struct cross_domain_get_image_requirements *request)
{
	struct cross_domain_image_requirements plain;
	return lay_out_plain(ids, request, &plain) == 0 ? plain.size : 0;
}

bool blob_ids_has_image(
	const struct blob_ids *ids, const struct cross_domain_get_image_requirements *request)
{
	return find_image(ids, request);
}

int blob_ids_add_made(struct blob_ids *ids,
	const struct cross_domain_get_image_requirements *request, const struct image *image,
	uint32_t *last_id, struct cross_domain_image_requirements *out)
{
	int err = lay_out_plain(ids, request, out);
	if (err < 0)
		return err;
	const struct image_request wanted = blob_ids_wanted(request);
	if (!image_is_bytes(&wanted)) {
		memcpy(out->strides, image->strides, sizeof(out->strides));
		memcpy(out->offsets, image->offsets, sizeof(out->offsets));
		out->size = image->size;
		out->modifier = image->modifier;
	}
	out->map_info = image->map_info;
	if (out->size > ids->max_bytes || image->size < out->size)
		return -EINVAL;
	return add_image(ids, request, true, last_id, out);
}

bool blob_ids_made(const struct blob_ids *ids, uint64_t blob_id, uint64_t size,
	struct image_request *request, struct cross_domain_image_requirements *layout)
{
	const struct blob_image *image;
	array_for_each(image, &ids->images)
	{
		if (!image->made || image->id != blob_id)
			continue;
		*request = blob_ids_wanted(&image->request);
		if (image->answer.modifier != DRM_FORMAT_MOD_LINEAR)
			request->modifiers[request->n_modifiers++] = image->answer.modifier;
		/* The guest may have rounded it up. */
		if (image_is_bytes(request))
			request->width =
				(uint32_t)max_u64(request->width, min_u64(size, INT32_MAX));
		if (layout)
			*layout = image->answer;
		return true;
	}
	return false;
}

/* All of a regular file; what is none has no contents. */
static int read_file(int fd, void **contents, size_t *size)
{
	*contents = NULL;
	*size = 0;
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return 0;
	if ((uint64_t)st.st_size > BLOB_IDS_MAX_FILE_BYTES)
		return -EFBIG;

	uint8_t *bytes = calloc(1, (size_t)st.st_size);
	if (!bytes)
		return -ENOMEM;
	size_t done = 0;
	while (done < (size_t)st.st_size) {
		ssize_t n = pread(fd, bytes + done, (size_t)st.st_size - done, (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int err = -errno;
			free(bytes);
			return err;
		}
		if (n == 0)
			break; /* it shrank; the rest is zeroes */
		done += (size_t)n;
	}
	*contents = bytes;
	*size = (size_t)st.st_size;
	return 0;
}

int blob_ids_add_file(struct blob_ids *ids, uint32_t id, int fd, uint32_t *size, size_t *copied)
{
	struct blob_file *file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	int err = read_file(fd, &file->contents, &file->contents_size);
	if (err < 0) {
		free(file);
		return err;
	}
	file->id = id;
	wl_list_insert(ids->files.prev, &file->link);
	ids->n_files++;
	ids->files_bytes += file->contents_size;
	*copied = file->contents_size;
	*size = (uint32_t)max_u64(align_up(file->contents_size, PAGE_BYTES), PAGE_BYTES);
	return 0;
}

/* Whether a guest that was told @told may ask for @size: as it is, or rounded up to any page size.
 */
static bool size_fits(uint64_t size, uint64_t told)
{
	return size <= align_up(told, GUEST_PAGE_BYTES_MAX) && align_up(size, PAGE_BYTES) >= told;
}

int blob_ids_create(struct blob_ids *ids, uint64_t blob_id, uint64_t size, struct context_blob *out)
{
	*out = (struct context_blob){.fd = -1, .size = align_up(size, PAGE_BYTES)};
	struct blob_file *file;
	wl_list_for_each(file, &ids->files, link)
	{
		if (file->id != blob_id)
			continue;
		if (!size_fits(
			    size, max_u64(align_up(file->contents_size, PAGE_BYTES), PAGE_BYTES)))
			return -EINVAL;
		out->contents = file->contents;
		out->contents_size = file->contents_size;
		ids->files_bytes -= file->contents_size;
		file->contents = NULL;
		file->contents_size = 0;
		file_destroy(ids, file);
		return 0;
	}
	struct blob_image *image;
	array_for_each(image, &ids->images)
	{
		if (image->id != blob_id)
			continue;
		if (!size_fits(size, image->answer.size))
			return -EINVAL;
		image->used = ++ids->clock;
		return 0;
	}
	return -EINVAL;
}

int blob_ids_fetch(struct blob_ids *ids, uint32_t id, const struct resource *resource)
{
	struct blob_file *file;
	wl_list_for_each(file, &ids->files, link)
	{
		if (file->id != id)
			continue;
		int err = 0;
		if (file->contents)
			err = resource_copy_in(resource, 0, file->contents, file->contents_size);
		if (err == 0)
			file_destroy(ids, file);
		return err;
	}
	return -EINVAL;
}
