/*
 * One resource of the guest (virtio 1.3, 5.7.6): what memory stands behind it, its way into the
 * guest and out of it.
 */
#ifndef HOST_BRIDGE_RESOURCES_RESOURCE_H
#define HOST_BRIDGE_RESOURCES_RESOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "host-bridge/vhost/visible_region.h"
#include "protocol/base/id_map.h"

#define RESOURCES_MAX 65536
#define RESOURCE_FDS 2                          /* that one with an fd of its own is charged for */
#define RESOURCES_MAX_PAGES (UINT64_C(1) << 22) /* runs of guest memory, over all resources */

enum resource_kind {
	RESOURCE_2D, /* what a guest kernel makes at probe; backed by guest pages or nothing */
	RESOURCE_3D, /* a classic one of a 3D context; guest pages are where transfers end */
	RESOURCE_BLOB_GUEST, /* guest pages */
	RESOURCE_BLOB_HOST,  /* the host's memory: a slot of the region's memfd, or an fd of its own
			      */
};

struct resource_pages { /* one run of guest memory; an address, as regions come and go */
	uint64_t guest_address;
	uint32_t length;
};

struct resource_3d { /* as the guest gave them (virtio 1.3, 5.7.6.9) */
	uint32_t target, format, bind, width, height, depth, array_size, last_level, nr_samples,
		flags;
};

/* How many bytes one context's blobs take. It lives until the last of them is gone. */
struct resource_account {
	uint32_t refs; /* the context and the blobs */
	uint64_t bytes, max_bytes;
};

struct guest_memory;
struct vm_quota;
struct resource;
struct resource_table;

typedef void (*resource_mapped_fn)(struct resource *resource, void *data, int result);

struct resource {
	uint32_t id; /* 0 once the guest has given it up; it lives on while it is referenced */
	uint32_t refs;
	enum resource_kind kind;
	uint64_t size;                /* bytes, a multiple of the page for host blobs */
	struct resource_pages *pages; /* all but RESOURCE_BLOB_HOST */
	uint32_t n_pages;
	int fd; /* RESOURCE_BLOB_HOST: borrowed (the region's memfd) or owned, see fd_owned; else -1
		 */
	bool fd_owned;
	bool charged_fds;   /* resource_charge_fds */
	bool given;         /* the fd is a file of the guest's, and charged to QUOTA_SHARED_FILES */
	uint64_t fd_offset; /* where in fd the blob starts; valid once mapped where the fd is the
			       region's */
	/*
	 * A blob of the region has memory from its first MAP_BLOB on, at region offset map_offset,
	 * until it is freed (UNMAP_BLOB changes nothing), or, after the guest's unref, until the
	 * guest maps another blob over it.
	 */
	bool mapped;
	bool visible; /* the guest has it mapped now */
	uint64_t map_offset;
	struct region_show show; /* while the frontend is asked to map it */
	resource_mapped_fn map_done;
	void *map_data;
	uint32_t width, height, format; /* RESOURCE_2D */

	struct resource_3d shape; /* RESOURCE_3D */
	uint64_t home;            /* the worker that has made it; 0: none, or none yet */
	bool abandoned;           /* that worker has ended: nobody will draw in it again */
	bool pending;             /* commands about it wait; resource_set_pending */
	/* RESOURCE_BLOB_HOST and RESOURCE_3D with an fd of their own: */
	uint32_t fd_type;                 /* RENDERER_FD_*; 0: a file of ours */
	uint32_t map_info;                /* VIRTIO_GPU_MAP_CACHE_*; 0: not to be mapped */
	uint32_t stride;                  /* RESOURCE_3D: bytes a row, */
	uint64_t modifier;                /* and DRM's modifier, which images have, too: */
	bool is_image;                    /* RESOURCE_BLOB_HOST: the host has laid it out */
	struct resource_account *account; /* or NULL */
	uint64_t more_bytes;              /* resource_charge_more */

	uint32_t attached; /* contexts it is attached to */
	uint64_t serial;   /* never used twice; names it in its UUID */
	void *contents; /* of a host blob until it has memory: contents_size bytes for its start; or
			   NULL */
	size_t contents_size;
	struct resource_table *table;
	struct wl_list orphan_link; /* resource_table::orphans, or empty */
};

struct resource_table {
	struct guest_memory *memory;
	struct visible_region *region;
	struct vm_quota *quota; /* NULL: no limits but those below */
	struct id_map by_id;
	struct wl_list
		orphans; /* resource::orphan_link: unref'd by the guest, still referenced, mapped */
	uint32_t count;  /* live, orphans included; at most RESOURCES_MAX */
	uint32_t blobs;
	uint64_t guest_blob_bytes;
	uint64_t host_blob_bytes; /* RESOURCE_3D, too; at most the region's size */
	uint64_t given_bytes;     /* of files of the guest's */
	uint64_t pages;           /* at most RESOURCES_MAX_PAGES */
	uint32_t n_pending;       /* of resource::pending */
	uint64_t n_settled;       /* counts how often one was pending no more */
	uint64_t next_serial;
	int udmabuf;       /* udmabuf_open's, borrowed, or negative: there is none */
	uint64_t exported; /* dma-bufs ever made of guest blobs */
};

/* Whether its memory is a file that others can be given. */
static inline bool resource_has_file(const struct resource *resource)
{
	return resource->fd_owned && resource->fd >= 0;
}

/*
 * While something about it is under way (a worker makes it, the frontend maps it) commands about it
 * wait.
 */
void resource_set_pending(struct resource *resource, bool pending);
/*
 * @resource is to have an fd of its own: charges the machine for it, and for the copy of it that is
 * under way to the frontend or a worker now and then. 0 or -ENOSPC, with a log line.
 */
int resource_charge_fds(struct resource *resource);
/* It has none after all. */
void resource_release_fds(struct resource *resource);
/* A pending resource gets its memory, and is pending no more; takes @fd. */
void resource_settle(
	struct resource *resource, int fd, uint64_t fd_offset, uint32_t fd_type, uint32_t map_info);

/* Whether guest blobs can be exported (resource_export), so that their contents need no copy. */
bool resource_table_exports(const struct resource_table *table);

/*
 * Gives @resource its guest memory: takes @pages (allocated with malloc), also on error. 0, -EINVAL
 * when they cover less than its size, -ENOSPC (quota).
 */
int resource_set_pages(struct resource *resource, struct resource_pages *pages, uint32_t n_pages);
/* Takes its guest memory from it. */
void resource_drop_pages(struct resource *resource);

/*
 * MAP_BLOB: memory of the region at @offset, which then has the blob's contents; or the blob's own
 * fd, mapped there. 0; -EINPROGRESS: it is pending until the frontend has answered, when @done gets
 * 0 or -errno; -EINVAL (no blob that can be mapped, mapped already, elsewhere than before,
 * misaligned or outside), -EBUSY (another blob is there), -ENOSPC, -ENOTSUP (the frontend maps
 * nothing), or what the frontend refused.
 */
int resource_map(struct resource *resource, uint64_t offset, resource_mapped_fn done, void *data);
/* 0 or -EINVAL: it is not mapped. */
int resource_unmap(struct resource *resource);

/*
 * A dma-buf of the guest's own pages that @resource, a guest blob, is made of: whoever has it sees
 * what the guest writes, with no copy. The fd, the caller's; it outlives the resource. -ENOTSUP: no
 * udmabuf, or memory that could shrink; or what guest_memory_files and udmabuf_create say: then it
 * has to be copied.
 */
int resource_export(const struct resource *resource);

/*
 * Copies [offset, offset + size) of the resource's memory to @dst, whatever it is made of: guest
 * pages, a slot, an fd. 0, -EINVAL (beyond its size), -EFAULT (the guest's memory is not there),
 * -ENODATA (it has no memory yet).
 */
int resource_copy_out(const struct resource *resource, uint64_t offset, void *dst, size_t size);
/* The other way. For guest pages and slots of the region only (else -EINVAL). */
int resource_copy_in(
	const struct resource *resource, uint64_t offset, const void *src, size_t size);
/*
 * Where in memory [offset, offset + *size) of the resource's guest pages is: the first @max pieces,
 * and *@size becomes what these hold. They are good until the guest's memory or the resource
 * changes, and the guest may write there at any time. Number of pieces, -EINVAL (beyond its size),
 * -EFAULT (the guest's memory is not there), -ENOTSUP (it is made of something else). @max is
 * VHOST_USER_MAX_REGIONS at least.
 */
int resource_pieces(const struct resource *resource, uint64_t offset, size_t *size,
	struct iovec *iov, size_t max);
/* Gives its slot of the region back, if it has one. */
void resource_release_slot(struct resource *resource);

#endif
