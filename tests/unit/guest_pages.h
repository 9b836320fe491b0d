/* A guest's memory: one region of a memfd, mapped here, too. */
#ifndef TESTS_UNIT_GUEST_PAGES_H
#define TESTS_UNIT_GUEST_PAGES_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host-bridge/virtio/guest_memory.h"
#include "protocol/base/fd.h"

#define RAM 0x100000u /* guest address */
#define RAM_BYTES 0x100000u

struct guest_pages {
	int fd;
	uint8_t *map;
	struct guest_memory *memory;
};

static inline struct guest_pages guest_pages_create(void)
{
	struct guest_pages pages = {.fd = fd_memfd("guest", RAM_BYTES)};
	pages.map = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, pages.fd, 0);
	pages.memory = guest_memory_create();
	struct vhost_user_memory table = {.n_regions = 1,
		.regions = {{.guest_address = RAM, .user_address = RAM, .size = RAM_BYTES}}};
	int fd = fd_dup(pages.fd);
	assert_int_equal(guest_memory_set(pages.memory, &table, &fd, 1), 0);
	return pages;
}

static inline void guest_pages_destroy(struct guest_pages *pages)
{
	guest_memory_destroy(pages->memory);
	munmap(pages->map, RAM_BYTES);
	close(pages->fd);
}

#endif
