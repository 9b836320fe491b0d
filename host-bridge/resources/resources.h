/*
 * The device's one table of resources (virtio 1.3, 5.7.6): ids of the guest, references, and what
 * they take.
 */
#ifndef HOST_BRIDGE_RESOURCES_RESOURCES_H
#define HOST_BRIDGE_RESOURCES_RESOURCES_H

#include "host-bridge/resources/resource.h"
#include "protocol/wire/wire.h"

/* @memory and @region are borrowed. */
void resource_table_init(
	struct resource_table *table, struct guest_memory *memory, struct visible_region *region);

/* Takes every id from the table; by then nobody may hold other references. It can be used again. */
void resource_table_finish(struct resource_table *table);

struct resource_account *resource_account_create(uint64_t max_bytes);
void resource_account_unref(struct resource_account *account);
/* Charges @resource's size. 0 or -ENOSPC. */
int resource_charge(struct resource *resource, struct resource_account *account);
/* The memory of @resource, on the host, is @bytes larger than its size: charges the machine for
 * them, too. 0 or -ENOSPC. */
int resource_charge_more(struct resource *resource, uint64_t bytes);

/* NULL if the guest has no resource of that id. Borrowed. */
struct resource *resource_find(const struct resource_table *table, uint32_t id);

/*
 * A new resource of @size bytes under @id, one reference, the table's. 0; -EEXIST (the id is 0 or
 * taken), -ENOSPC (quota: number, or host blob bytes), -ENOMEM.
 */
int resource_create(struct resource_table *table, uint32_t id, enum resource_kind kind,
	uint64_t size, struct resource **out);

/*
 * The same for a blob of a file of the guest's (given_files.h), which is not of the region: takes
 * @fd and its charge (QUOTA_SHARED_FILES), also on error.
 */
int resource_create_given(
	struct resource_table *table, uint32_t id, uint64_t size, int fd, struct resource **out);

/* The guest gives the id up. The resource lives on while others refer to it. */
void resource_forget(struct resource *resource);

struct resource *resource_ref(struct resource *resource);
void resource_unref(struct resource *resource);

/* A WIRE_BLOB handle with a new reference. */
struct wire_handle resource_handle(struct resource *resource);

#endif
