/* A client's wl_shm pool that the compositor is given itself. */
#include "guest-proxy/buffers/shared_pool.h"

#include <errno.h>
#include <stdlib.h>

#include "protocol/base/fd.h"

struct shared_pool {
	struct connection *connection;
	int fd; /* -1: the host has it and needs no other, or does not take it */
	size_t size;
	bool settled, refused;
	struct channel_blob *blob; /* what the host is being given: a reference, or NULL */
	struct relay_ref object;   /* the wl_shm_pool, which only UP knows; none: not given yet */
};

static void close_fd(struct shared_pool *shared)
{
	if (shared->fd >= 0)
		shared->connection->n_shared_pools--;
	fd_close(&shared->fd);
}

/* What the host has, or is about to have, is of no use any more. */
static void withdraw(struct shared_pool *shared)
{
	struct relay_object *object = shared->object.object;
	if (shared->blob)
		channel_blob_unref(shared->blob);
	shared->blob = NULL;
	relay_ref_set(&shared->object, NULL);
	if (object && !shared->connection->ending)
		relay_send_named(shared->connection->relay, RELAY_UP, object, "destroy", NULL);
}

/* From now on its buffers are copied. */
static void refuse(struct shared_pool *shared)
{
	shared->refused = true;
	withdraw(shared);
	close_fd(shared);
}

struct shared_pool *shared_pool_create(
	struct connection *connection, struct wire_handle *handle, size_t size)
{
	if (connection->n_shared_pools >= SHARED_POOLS_MAX ||
		!fd_is_lasting_memory(handle->fd, size))
		return NULL;
	struct shared_pool *shared = calloc(1, sizeof(*shared));
	if (!shared)
		return NULL;
	shared->connection = connection;
	shared->size = size;
	shared->fd = handle->fd;
	handle->kind = WIRE_NONE;
	handle->fd = -1;
	connection->n_shared_pools++;
	return shared;
}

void shared_pool_destroy(struct shared_pool *shared)
{
	if (!shared)
		return;
	withdraw(shared);
	close_fd(shared);
	free(shared);
}

void shared_pool_resize(struct shared_pool *shared, size_t size)
{
	if (!shared || shared->refused || size == shared->size)
		return;
	/* Buffers that were shown keep the memory that they are in. */
	withdraw(shared);
	shared->size = size;
	if (!fd_is_lasting_memory(shared->fd, size))
		refuse(shared);
}

void shared_pool_settle(struct shared_pool *shared)
{
	if (!shared)
		return;
	shared->settled = true;
	if (shared->object.object)
		close_fd(shared);
}

/* The host has the memory: the compositor gets a wl_shm_pool of it. */
static enum shared_pool_verdict make_pool(
	struct shared_pool *shared, struct relay *relay, struct relay_object *shm)
{
	struct relay_object *pool = relay_object_create(relay, interface_find("wl_shm_pool"), 1);
	if (!pool)
		return SHARED_POOL_FAILED;
	int result = relay_send_named(relay, RELAY_UP, shm, "create_pool",
		(union wire_arg[]){{.object = pool}, {.handle = channel_blob_handle(shared->blob)},
			{.i = (int32_t)shared->size}});
	/* The batch that it is sent with holds the blob until the host has it. */
	channel_blob_unref(shared->blob);
	shared->blob = NULL;
	if (result < 0)
		return SHARED_POOL_FAILED;
	relay_ref_set(&shared->object, pool);
	if (shared->settled)
		close_fd(shared);
	return SHARED_POOL_SHOWN;
}

/* Goes on giving the pool to the host. */
static enum shared_pool_verdict give(
	struct shared_pool *shared, struct relay *relay, struct relay_object *shm)
{
	struct connection *connection = shared->connection;
	if (!shared->blob &&
		channel_blob_give(connection->channel, shared->fd, shared->size, &shared->blob) < 0)
		shared->blob = NULL;
	if (shared->blob && shared->blob->status == -EINPROGRESS) {
		connection->held = connection->memory_due = true;
		return SHARED_POOL_WAIT;
	}
	if (shared->blob && shared->blob->status == 0)
		return make_pool(shared, relay, shm);
	refuse(shared);
	return SHARED_POOL_COPY;
}

enum shared_pool_verdict shared_pool_show(struct shared_pool *shared, struct relay *relay,
	struct relay_object *shm, const union wire_arg *args)
{
	enum shared_pool_verdict verdict = SHARED_POOL_SHOWN;

	if (!shared || shared->refused)
		return SHARED_POOL_COPY;
	if (!shared->object.object)
		verdict = give(shared, relay, shm);
	if (verdict != SHARED_POOL_SHOWN)
		return verdict;
	/* The client's own wl_buffer gets an id at the compositor: all else is forwarded. */
	return relay_send_named(relay, RELAY_UP, shared->object.object, "create_buffer", args) < 0
		? SHARED_POOL_FAILED
		: SHARED_POOL_SHOWN;
}
