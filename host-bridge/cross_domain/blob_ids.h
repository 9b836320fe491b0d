/*
 * The blob_ids that a cross-domain context gives out: memory for images the guest asked about (good
 * for any number of blobs), and files that the compositor sent (good for one).
 */
#ifndef HOST_BRIDGE_CROSS_DOMAIN_BLOB_IDS_H
#define HOST_BRIDGE_CROSS_DOMAIN_BLOB_IDS_H

#include "host-bridge/contexts/context.h"
#include "host-bridge/contexts/image_maker.h"
#include "protocol/formats/cross_domain.h"

#define BLOB_IDS_MAX_IMAGES 4096 /* then the one asked for least recently is forgotten */
/* So many files may wait for a guest to fetch them before the compositor is not read any more. */
#define BLOB_IDS_ROOM_FILES 256
#define BLOB_IDS_ROOM_FILES_BYTES (UINT64_C(16) << 20)
#define BLOB_IDS_MAX_FILE_BYTES (UINT64_C(16) << 20)

struct blob_ids {
	uint64_t max_bytes;     /* of one image */
	struct wl_array images; /* struct blob_image */
	uint64_t clock;         /* counts uses of images, to find the least recent */
	struct wl_list files;   /* blob_file::link, oldest first */
	uint32_t n_files;
	uint64_t files_bytes;
};

void blob_ids_init(struct blob_ids *ids, uint64_t max_bytes);
void blob_ids_finish(struct blob_ids *ids);

/*
 * Answers GET_IMAGE_REQUIREMENTS; a new image takes ++*@last_id. 0; -EINVAL: no size, an unknown
 * format, or larger than can be had; -ENOMEM.
 */
int blob_ids_image(struct blob_ids *ids, const struct cross_domain_get_image_requirements *request,
	uint32_t *last_id, struct cross_domain_image_requirements *out);

/* What @request asks for, in rows. */
static inline struct image_request blob_ids_wanted(
	const struct cross_domain_get_image_requirements *request)
{
	return (struct image_request){.width = request->width,
		.height = request->height,
		.format = request->drm_format,
		.flags = request->flags};
}

/* The bytes of such an image in ordinary memory; 0: there can be none, blob_ids_image refuses it.
 */
uint64_t blob_ids_plain_bytes(
	const struct blob_ids *ids, const struct cross_domain_get_image_requirements *request);
/* Whether the guest has asked about such an image before, so that blob_ids_image has the answer. */
bool blob_ids_has_image(
	const struct blob_ids *ids, const struct cross_domain_get_image_requirements *request);
/*
 * As blob_ids_image, for an image that is new and laid out as @image says: somebody else makes the
 * memory of its blobs. -EINVAL, too, where @image does not do.
 */
int blob_ids_add_made(struct blob_ids *ids,
	const struct cross_domain_get_image_requirements *request, const struct image *image,
	uint32_t *last_id, struct cross_domain_image_requirements *out);
/*
 * Whether somebody else makes the memory of @blob_id; then *@request says which image it is for, in
 * a blob of @size bytes, and *@layout (may be NULL) which modifier, strides and offsets it must
 * have.
 */
bool blob_ids_made(const struct blob_ids *ids, uint64_t blob_id, uint64_t size,
	struct image_request *request, struct cross_domain_image_requirements *layout);

/* Whether the compositor may send more files. */
static inline bool blob_ids_have_room(const struct blob_ids *ids)
{
	return ids->n_files < BLOB_IDS_ROOM_FILES && ids->files_bytes < BLOB_IDS_ROOM_FILES_BYTES;
}

/*
 * Copies the file in @fd (borrowed) for blob_id @id; *@size becomes the blob's size, *@copied the
 * file's. What has no contents (a device, a socket) becomes a blob of zeroes. 0, -EFBIG, -ENOMEM or
 * what pread says.
 */
int blob_ids_add_file(struct blob_ids *ids, uint32_t id, int fd, uint32_t *size, size_t *copied);

/* RESOURCE_CREATE_BLOB: context_ops.create_blob. @size: the blob's, as it was told or rounded up to
 * the guest's page. */
int blob_ids_create(
	struct blob_ids *ids, uint64_t blob_id, uint64_t size, struct context_blob *out);

/* Copies the file @id into @resource, guest memory, and forgets it. 0; -EINVAL: there is none, or
 * it does not fit; else what resource_copy_in says. */
int blob_ids_fetch(struct blob_ids *ids, uint32_t id, const struct resource *resource);

#endif
