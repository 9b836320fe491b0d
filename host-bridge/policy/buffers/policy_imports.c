/*
 * Policy: buffers of wl_shm in memory of a GPU. The compositor need not upload them if it gets them
 * as dma-bufs. Guests know nothing of it: their wl_buffers become some of linux-dmabuf.
 *
 *   OFFERED --(the first buffer of the format: create)--> TRIED --created--> WORKS
 *                                                               --failed---> FAILS
 *
 * Whether the compositor's GPU takes buffers of ours only its import shows, and a create_immed that
 * fails can end the connection. So the first of a format is tried with create, and the guest's next
 * messages wait for the answer. Where it fails, buffers of the format stay what they are. GPUs have
 * bounds for sizes, too: a buffer that is larger than all before is tried likewise, and where that
 * fails it alone stays what it is.
 */
#include "host-bridge/policy/buffers/policy_buffers.h"

#include <drm_fourcc.h>
#include <sys/stat.h>

#include "host-bridge/policy/buffers/policy_layouts.h"
#include "host-bridge/resources/resources.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/formats/cross_domain.h"

#define LOG_MODULE "policy"
#include "protocol/base/log.h"

#define DMABUF "zwp_linux_dmabuf_v1"
#define VERSION 3 /* the first with modifiers, the last without feedback */

enum { OFFERED, TRIED, WORKS, FAILS };

static struct policy_imports *imports_of(const struct relay *relay)
{
	struct policy_connection *connection = relay_data(relay);
	return &connection->imports;
}

static struct policy_import_format *find_format(struct policy_imports *imports, uint32_t code)
{
	for (uint32_t i = 0; i < imports->n_formats; i++)
		if (imports->formats[i].code == code)
			return &imports->formats[i];
	return NULL;
}

void policy_imports_begin(struct relay *relay, uint32_t name, uint32_t version)
{
	const struct policy_connection *connection = relay_data(relay);
	struct policy_imports *imports = imports_of(relay);
	struct relay_object *registry = policy_display(relay)->registry.object;

	if (!connection->policy->imports || version < VERSION || imports->dmabuf.object ||
		!registry)
		return;
	struct relay_object *dmabuf = relay_object_create(relay, interface_find(DMABUF), VERSION);
	if (dmabuf &&
		relay_send_named(relay, RELAY_UP, registry, "bind",
			(union wire_arg[]){{.u = name}, {.s = DMABUF}, {.u = VERSION},
				{.object = dmabuf}}) == 0)
		relay_ref_set(&imports->dmabuf, dmabuf);
}

/* zwp_linux_dmabuf_v1.format(format): of the modifiers' events, too. */
static enum relay_verdict handle_format(struct relay_message *message)
{
	return message->object == imports_of(message->relay)->dmabuf.object ? RELAY_SWALLOW
									    : RELAY_FORWARD;
}

/* zwp_linux_dmabuf_v1.modifier(format, modifier_hi, modifier_lo) */
static enum relay_verdict handle_modifier(struct relay_message *message)
{
	struct policy_imports *imports = imports_of(message->relay);
	const uint32_t code = message->args[0].u;
	const struct pixel_format *format = pixel_format_find(code);

	if (message->object != imports->dmabuf.object)
		return RELAY_FORWARD;
	policy_layouts_add(
		&imports->layouts, code, (uint64_t)message->args[1].u << 32 | message->args[2].u);
	static_assert(DRM_FORMAT_MOD_LINEAR == 0, "");
	if (message->args[1].u == 0 && message->args[2].u == 0 && format && format->n_planes == 1 &&
		!find_format(imports, code) && imports->n_formats < POLICY_IMPORT_FORMATS)
		imports->formats[imports->n_formats++] =
			(struct policy_import_format){.code = code, .state = OFFERED};
	return RELAY_SWALLOW;
}

static bool is_dmabuf(const struct resource *blob)
{
	struct stat status;
	return resource_has_file(blob) && fstat(blob->fd, &status) == 0 && !S_ISREG(status.st_mode);
}

/* The compositor gets the memory of @buffer and, of what it is to make, an empty description; NULL:
 * something is short. */
static struct relay_object *send_params(struct relay *relay, const struct shm_buffer *buffer)
{
	struct relay_object *params =
		relay_object_create(relay, interface_find("zwp_linux_buffer_params_v1"), VERSION);
	const struct resource *blob = buffer->pool->memory.blob;
	int fd = params ? fd_dup(blob->fd) : -1;

	if (fd < 0) {
		if (params)
			relay_forget(relay, params);
		return NULL;
	}
	relay_send_named(relay, RELAY_UP, imports_of(relay)->dmabuf.object, "create_params",
		(union wire_arg[]){{.object = params}});
	relay_send_named(relay, RELAY_UP, params, "add",
		(union wire_arg[]){{.handle = wire_handle_fd(fd)}, {.u = 0},
			{.u = (uint32_t)blob->fd_offset + (uint32_t)buffer->offset},
			{.u = (uint32_t)buffer->stride}, {.u = 0}, {.u = 0}});
	return params;
}

/* Makes @object of @buffer, as a dma-buf. False: something is short. */
static bool make_dmabuf(struct relay *relay, struct relay_object *object, struct shm_buffer *buffer,
	uint32_t format)
{
	struct policy_connection *connection = relay_data(relay);

	if (!quota_charge(buffer->quota, QUOTA_DMABUF_FDS, 1))
		return false;
	struct relay_object *params = send_params(relay, buffer);
	if (!params) {
		quota_release(buffer->quota, QUOTA_DMABUF_FDS, 1);
		return false;
	}
	buffer->n_fds = 1;
	buffer->format = format;
	relay_send_named(relay, RELAY_UP, params, "create_immed",
		(union wire_arg[]){{.object = object}, {.i = buffer->width}, {.i = buffer->height},
			{.u = format}, {.u = 0}});
	relay_send_named(relay, RELAY_UP, params, "destroy", NULL);
	connection->policy->counters->shm_as_dmabufs++;
	return true;
}

static void make_shm(struct relay *relay, struct relay_object *pool, struct relay_object *object,
	const struct shm_buffer *buffer, uint32_t format)
{
	relay_send_named(relay, RELAY_UP, pool, "create_buffer",
		(union wire_arg[]){{.object = object}, {.i = buffer->pool->start + buffer->offset},
			{.i = buffer->width}, {.i = buffer->height}, {.i = buffer->stride},
			{.u = pixel_format_to_shm(format)}});
}

/* Has the compositor try to import @buffer; its answer decides about the format. */
static bool try_format(struct relay_message *message, struct shm_buffer *buffer, uint32_t format)
{
	struct relay *relay = message->relay;
	struct policy_imports *imports = imports_of(relay);
	struct relay_object *params = send_params(relay, buffer);

	if (!params)
		return false;
	relay_send_named(relay, RELAY_UP, params, "create",
		(union wire_arg[]){
			{.i = buffer->width}, {.i = buffer->height}, {.u = format}, {.u = 0}});
	relay_ref_set(&imports->params, params);
	relay_ref_set(&imports->pool, message->object);
	relay_ref_set(&imports->buffer, message->args[0].object);
	imports->format = format;
	imports->waiting = true;
	return true;
}

/* Whether a buffer at least as large as @buffer was imported. */
static bool was_imported(const struct policy_import_format *known, const struct shm_buffer *buffer)
{
	return known->state == WORKS && (uint32_t)buffer->width <= known->width &&
		(uint32_t)buffer->height <= known->height &&
		(uint32_t)buffer->stride <= known->stride;
}

/* What the compositor's answer about @buffer (NULL: it is gone) says of the format. */
static void learn(
	struct policy_import_format *known, const struct shm_buffer *buffer, bool imported)
{
	if (!imported) {
		if (known->state != WORKS)
			known->state = FAILS;
		return;
	}
	known->state = WORKS;
	if (!buffer)
		return;
	known->width = (uint32_t)max_u64(known->width, (uint64_t)buffer->width);
	known->height = (uint32_t)max_u64(known->height, (uint64_t)buffer->height);
	known->stride = (uint32_t)max_u64(known->stride, (uint64_t)buffer->stride);
}

bool policy_import(struct relay_message *message, struct shm_buffer *buffer, uint32_t format)
{
	struct policy_imports *imports = imports_of(message->relay);
	struct policy_import_format *known = find_format(imports, format);
	const struct resource *blob = buffer->pool->memory.blob;

	if (!imports->dmabuf.object || !known || !is_dmabuf(blob) ||
		buffer->stride % CROSS_DOMAIN_DMABUF_STRIDE != 0 ||
		buffer->offset % CROSS_DOMAIN_DMABUF_STRIDE != 0 ||
		!range_fits(blob->fd_offset, (uint64_t)buffer->offset, UINT32_MAX))
		return false;
	if (was_imported(known, buffer))
		return make_dmabuf(message->relay, message->args[0].object, buffer, format);
	if ((known->state != OFFERED && known->state != WORKS) ||
		!try_format(message, buffer, format))
		return false;
	if (known->state == OFFERED)
		known->state = TRIED;
	return true;
}

bool policy_import_answered(struct relay_message *message, struct relay_object *made)
{
	struct relay *relay = message->relay;
	const struct policy_connection *connection = relay_data(relay);
	struct policy_imports *imports = imports_of(relay);

	if (!imports->params.object || message->object != imports->params.object)
		return false;
	struct policy_import_format *known = find_format(imports, imports->format);
	struct relay_object *object = imports->buffer.object, *pool = imports->pool.object;
	learn(known, object ? object->data : NULL, made);
	log_debug("%s: the compositor %s buffers of the GPU, format 0x%08x", connection->name,
		made ? "imports" : "does not import", imports->format);
	if (made)
		relay_send_named(relay, RELAY_UP, made, "destroy", NULL);
	relay_send_named(relay, RELAY_UP, message->object, "destroy", NULL);
	if (object && pool && object->data &&
		(!made || !make_dmabuf(relay, object, object->data, imports->format)))
		make_shm(relay, pool, object, object->data, imports->format);
	relay_ref_set(&imports->params, NULL);
	relay_ref_set(&imports->pool, NULL);
	relay_ref_set(&imports->buffer, NULL);
	imports->waiting = false;
	return true;
}

/* --- where the compositor takes wl_shm only --- */

/* Makes the wl_buffer @twin of @buffer, by @pool, an object for a wl_shm_pool. */
static void send_twin(struct relay *relay, struct relay_object *shm,
	const struct shm_buffer *buffer, struct relay_object *pool, struct relay_object *twin,
	int fd)
{
	const int32_t start = buffer->pool->start + buffer->offset;

	relay_send_named(relay, RELAY_UP, shm, "create_pool",
		(union wire_arg[]){{.object = pool}, {.handle = wire_handle_fd(fd)},
			{.i = start + buffer->stride * buffer->height}});
	relay_send_named(relay, RELAY_UP, pool, "create_buffer",
		(union wire_arg[]){{.object = twin}, {.i = start}, {.i = buffer->width},
			{.i = buffer->height}, {.i = buffer->stride},
			{.u = pixel_format_to_shm(buffer->format)}});
	relay_send_named(relay, RELAY_UP, pool, "destroy", NULL);
}

/* The guest may have destroyed its pool: this takes another. NULL: something is short. */
static struct relay_object *make_twin(
	struct relay *relay, struct relay_object *shm, struct shm_buffer *buffer)
{
	const struct resource *blob = buffer->pool->memory.blob;

	if (!quota_charge(buffer->quota, QUOTA_SHM_POOLS, 1))
		return NULL;
	int fd = fd_dup(blob->fd);
	struct relay_object *pool =
		fd < 0 ? NULL : relay_object_create(relay, interface_find("wl_shm_pool"), 1);
	struct relay_object *twin =
		pool ? relay_object_create(relay, interface_find("wl_buffer"), 1) : NULL;
	if (!twin) {
		if (pool)
			relay_forget(relay, pool);
		fd_close(&fd);
		quota_release(buffer->quota, QUOTA_SHM_POOLS, 1);
		return NULL;
	}
	buffer->charged_twin = true;
	send_twin(relay, shm, buffer, pool, twin, fd);
	relay_ref_set(&buffer->twin, twin);
	return twin;
}

struct relay_object *policy_import_as_shm(struct relay *relay, struct relay_object *object)
{
	struct shm_buffer *buffer = object->data;

	if (!buffer || !buffer->pool || buffer->n_fds == 0)
		return object;
	if (buffer->twin.object)
		return buffer->twin.object;
	struct relay_object *shm = policy_display_shm(relay);
	return shm ? make_twin(relay, shm, buffer) : NULL;
}

/* wl_buffer.destroy() */
static enum relay_verdict handle_destroy_buffer(struct relay_message *message)
{
	const struct shm_buffer *buffer = message->object->data;

	if (buffer && buffer->twin.object)
		relay_send_named(message->relay, RELAY_UP, buffer->twin.object, "destroy", NULL);
	return RELAY_FORWARD;
}

const struct relay_hook policy_import_hooks[] = {
	{DMABUF, "format", handle_format, RELAY_UP},
	{DMABUF, "modifier", handle_modifier, RELAY_UP},
	{"wl_buffer", "destroy", handle_destroy_buffer, RELAY_DOWN},
	{0},
};
