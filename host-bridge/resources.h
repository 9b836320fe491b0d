/*
 * The device's one table of resources (virtio 1.3, 5.7.6): ids of the guest, what memory stands behind them, who may use them.
 */
#ifndef HOST_BRIDGE_RESOURCES_H
#define HOST_BRIDGE_RESOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum resource_kind {
	RESOURCE_2D,	     /* what a guest kernel makes at probe; backed by guest pages or nothing */
	RESOURCE_BLOB_GUEST, /* guest pages */
	RESOURCE_BLOB_HOST,  /* the host's memory: a slot of the window's memfd, or an fd of its own */
};

struct resource_pages { /* one run of guest memory; an address, as regions come and go */
	uint64_t guest_address;
	uint32_t length;
};

struct resource {
	uint32_t id; /* 0 once the guest has unref'd it; those who hold references go on */
	uint32_t refs;
	enum resource_kind kind;
	uint64_t size; /* bytes, a multiple of the page for blobs */
	struct resource_pages *pages; /* RESOURCE_2D, RESOURCE_BLOB_GUEST */
	uint32_t n_pages;
	int fd; /* RESOURCE_BLOB_HOST: borrowed (the window's memfd) or owned, see fd_owned; else -1 */
	bool fd_owned;
	uint64_t fd_offset; /* where in fd the blob starts; valid once mapped where the fd is the window's */
	bool mapped;	    /* at window offset map_offset */
	uint64_t map_offset;
	uint32_t width, height, format; /* RESOURCE_2D */
};

#endif
