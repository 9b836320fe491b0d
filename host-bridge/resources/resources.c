/* The table of resources: ids, references, and what they take. */
#include "host-bridge/resources/resources.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "host-bridge/vhost/visible_region.h"
#include "host-bridge/resources/quota.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

void resource_table_init(
	struct resource_table *table, struct guest_memory *memory, struct visible_region *region)
{
	*table = (struct resource_table){
		.memory = memory, .region = region, .next_serial = 1, .udmabuf = -1};
	wl_list_init(&table->orphans);
}

void resource_table_finish(struct resource_table *table)
{
	uint32_t id;
	for (struct resource *resource; (resource = id_map_take_any(&table->by_id, &id));) {
		resource->id = 0;
		resource_unref(resource);
	}
	id_map_finish(&table->by_id);
	/* Nobody may hold a reference that outlives the table. */
	assert(table->count == 0 && wl_list_empty(&table->orphans));
}

struct resource *resource_find(const struct resource_table *table, uint32_t id)
{
	return id_map_find(&table->by_id, id);
}

static bool on_host(enum resource_kind kind)
{
	return kind == RESOURCE_BLOB_HOST || kind == RESOURCE_3D;
}

static bool is_blob(enum resource_kind kind)
{
	return kind == RESOURCE_BLOB_HOST || kind == RESOURCE_BLOB_GUEST;
}

/* The bytes that the machine is charged for. */
static uint64_t charged_bytes(enum resource_kind kind, uint64_t size)
{
	return on_host(kind) || is_blob(kind) ? size : 0;
}

static int charge(struct resource_table *table, enum resource_kind kind, uint64_t size)
{
	if (!quota_charge(table->quota, QUOTA_RESOURCES, 1))
		return -ENOSPC;
	if (quota_charge(table->quota, QUOTA_BLOB_BYTES, charged_bytes(kind, size)))
		return 0;
	quota_release(table->quota, QUOTA_RESOURCES, 1);
	return -ENOSPC;
}

static void release(struct resource_table *table, enum resource_kind kind, uint64_t size)
{
	quota_release(table->quota, QUOTA_RESOURCES, 1);
	quota_release(table->quota, QUOTA_BLOB_BYTES, charged_bytes(kind, size));
}

struct resource_account *resource_account_create(uint64_t max_bytes)
{
	struct resource_account *account = calloc(1, sizeof(*account));
	if (account)
		*account = (struct resource_account){.refs = 1, .max_bytes = max_bytes};
	return account;
}

void resource_account_unref(struct resource_account *account)
{
	if (account && --account->refs == 0)
		free(account);
}

int resource_charge(struct resource *resource, struct resource_account *account)
{
	assert(!resource->account);
	if (!range_fits(account->bytes, resource->size, account->max_bytes))
		return -ENOSPC;
	account->bytes += resource->size;
	account->refs++;
	resource->account = account;
	return 0;
}

/* Where the bytes of a live resource are counted; NULL: nowhere. */
static uint64_t *counted_in(struct resource_table *table, enum resource_kind kind, bool given)
{
	if (given)
		return &table->given_bytes;
	if (on_host(kind))
		return &table->host_blob_bytes;
	return kind == RESOURCE_BLOB_GUEST ? &table->guest_blob_bytes : NULL;
}

int resource_charge_more(struct resource *resource, uint64_t bytes)
{
	struct resource_table *table = resource->table;
	uint64_t *counted = counted_in(table, resource->kind, resource->given);

	assert(on_host(resource->kind) && !resource->given);
	if (!range_fits(*counted, bytes, visible_region_size(table->region)) ||
		!quota_charge(table->quota, QUOTA_BLOB_BYTES, bytes))
		return -ENOSPC;
	*counted += bytes;
	resource->more_bytes += bytes;
	return 0;
}

static int create(struct resource_table *table, uint32_t id, enum resource_kind kind, uint64_t size,
	bool given, struct resource **out)
{
	if (id == 0 || resource_find(table, id))
		return -EEXIST;
	if (table->count >= RESOURCES_MAX)
		return -ENOSPC;
	if (on_host(kind) && !given &&
		!range_fits(table->host_blob_bytes, size, visible_region_size(table->region)))
		return -ENOSPC;

	struct resource *resource = calloc(1, sizeof(*resource));
	if (!resource)
		return -ENOMEM;
	int err = charge(table, kind, size);
	if (err < 0) {
		free(resource);
		return err;
	}
	*resource = (struct resource){
		.id = id,
		.refs = 1,
		.kind = kind,
		.size = size,
		.fd = -1,
		.given = given,
		.serial = table->next_serial++,
		.table = table,
	};
	wl_list_init(&resource->orphan_link);
	if (id_map_insert(&table->by_id, id, resource) < 0) {
		release(table, kind, size);
		free(resource);
		return -ENOMEM;
	}

	table->count++;
	table->blobs += is_blob(kind);
	uint64_t *bytes = counted_in(table, kind, given);
	if (bytes)
		*bytes += size;
	*out = resource;
	return 0;
}

int resource_create(struct resource_table *table, uint32_t id, enum resource_kind kind,
	uint64_t size, struct resource **out)
{
	return create(table, id, kind, size, false, out);
}

int resource_create_given(
	struct resource_table *table, uint32_t id, uint64_t size, int fd, struct resource **out)
{
	int err = create(table, id, RESOURCE_BLOB_HOST, size, true, out);
	if (err < 0) {
		fd_close(&fd);
		quota_release(table->quota, QUOTA_SHARED_FILES, 1);
		return err;
	}
	err = resource_charge_fds(*out);
	if (err < 0) {
		fd_close(&fd);
		resource_forget(*out); /* which releases what it was charged */
		return err;
	}
	(*out)->fd = fd;
	(*out)->fd_owned = true;
	return 0;
}

static void destroy(struct resource *resource)
{
	struct resource_table *table = resource->table;
	resource_release_slot(resource);
	if (resource->fd_owned)
		fd_close(&resource->fd);
	resource_release_fds(resource);
	if (resource->given)
		quota_release(table->quota, QUOTA_SHARED_FILES, 1);
	free(resource->contents);
	resource_drop_pages(resource);
	if (resource->account) {
		resource->account->bytes -= resource->size;
		resource_account_unref(resource->account);
	}

	release(table, resource->kind, resource->size);
	quota_release(table->quota, QUOTA_BLOB_BYTES, resource->more_bytes);
	table->count--;
	table->blobs -= is_blob(resource->kind);
	uint64_t *bytes = counted_in(table, resource->kind, resource->given);
	if (bytes)
		*bytes -= resource->size + resource->more_bytes;
	free(resource);
}

struct resource *resource_ref(struct resource *resource)
{
	assert(resource->refs > 0 && resource->refs < UINT32_MAX);
	resource->refs++;
	return resource;
}

void resource_unref(struct resource *resource)
{
	assert(resource->refs > 0);
	if (--resource->refs == 0)
		destroy(resource);
}

void resource_forget(struct resource *resource)
{
	id_map_remove(&resource->table->by_id, resource->id);
	resource->id = 0;
	resource->visible = false;
	if (resource->fd_owned)
		resource_release_slot(resource); /* whoever uses its memory has the fd */
	if (resource->mapped)
		wl_list_insert(&resource->table->orphans, &resource->orphan_link);
	resource_unref(resource);
}

static void unref_blob(void *blob)
{
	resource_unref(blob);
}

struct wire_handle resource_handle(struct resource *resource)
{
	return (struct wire_handle){.kind = WIRE_BLOB,
		.fd = -1,
		.blob = resource_ref(resource),
		.blob_unref = unref_blob};
}
