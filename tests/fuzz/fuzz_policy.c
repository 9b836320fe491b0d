/*
 * A relay under the policy, with both ends as they please (relay_talk.h). The guest's handles are
 * blobs of each kind and fds in turn.
 *
 * The length of the input says which policy it is under: the windows of some machines have borders,
 * the buffers of some are a GPU's, in what layouts the compositor lists, and one is given all that
 * a configuration can give.
 *
 * What the compositor is told about pools, buffers and planes must stay within the blobs they came
 * from.
 */
#include <assert.h>
#include <drm_fourcc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host-bridge/resources/resources.h"
#include "host-bridge/policy/buffers/policy_layouts.h"
#include "host-bridge/policy/policy.h"
#include "host-bridge/policy/transfers/policy_selections.h"
#include "host-bridge/virtio/guest_memory.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/formats/vhost_user.h"
#include "tests/fuzz/relay_talk.h"
#include "tests/unit/mapped_region.h"
#include "tests/unit/profile.h"

#define RAM UINT64_C(0x10000)
#define RAM_BYTES UINT64_C(0x10000)
#define BLOB_BYTES UINT64_C(8192)
#define SLOT UINT64_C(16384) /* where the host's blob lies in the region */
#define POOLS 256
#define KINDS 6 /* of handles */
#define POLICIES 4
#define TRUSTED 2          /* of these */
#define BORDER_BYTES 65536 /* no blob is as large: the picture that borders are made of */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct world {
	struct policy_connection connection; /* first: relay_data() */
	struct policy policies[POLICIES];
	struct vm_quota quota;
	struct relay *relay;
	struct guest_memory *memory;
	struct visible_region *region;
	struct resource_table table;
	/* a slot of the region, guest pages, an fd of its own, 2D, a dma-buf (nearly) */
	struct resource *blobs[5];
	int file;
	uint32_t n_handles;
	struct {
		int64_t start, end; /* bytes of the compositor's fd */
	} pools[POOLS];             /* by the compositor's id */
} world;

static void make_blob(size_t index, enum resource_kind kind)
{
	assert(resource_create(&world.table, (uint32_t)index + 1, kind, BLOB_BYTES,
		       &world.blobs[index]) == 0);
}

/* So low that inputs reach them. */
static void set_limits(void)
{
	static const char *const limits[][2] = {{"surfaces", "12"}, {"subsurface-depth", "3"},
		{"rectangles", "20"}, {"region-rectangles", "8"}, {"shm-pools", "6"},
		{"buffers", "10"}, {"dmabuf-fds", "4"}, {"shadow-bytes", "20000"},
		{"icon-bytes", "10000"}, {"profile-bytes", "2000"}, {"text-bytes", "1000"},
		{"mime-types", "4"}};
	quota_init(&world.quota);
	for (size_t i = 0; i < ARRAY_LENGTH(limits); i++)
		assert(!quota_set(&world.quota, limits[i][0], limits[i][1]));
}

static const uint64_t turn_ends_ns; /* long ago: one piece of work in each turn */

static void make_policies(void)
{
	static const struct border_settings borders[POLICIES] = {{0},
		{.width_px = 4, .fullscreen = BORDER_FULLSCREEN_FRAMED},
		{.width_px = 64, .fullscreen = BORDER_FULLSCREEN_ALLOW},
		{.width_px = 1, .fullscreen = BORDER_FULLSCREEN_DENY}};

	set_limits();
	for (size_t i = 0; i < POLICIES; i++) {
		struct policy *policy = &world.policies[i];
		policy->vm_name = "fuzz";
		policy->border = borders[i];
		policy->imports = i % 2;
		assert(!transfer_rules_set(&policy->rules, "primary", "to-guest", "hotkey"));
		assert(!transfer_rules_set(&policy->rules, "primary", "to-host", "hotkey"));
		policy->max_objects = 64;
		policy->quota = &world.quota;
		assert(policy_init(policy));
	}
	for (size_t i = 0; i < n_interfaces; i++) /* what cannot be had stays as it is */
		policy_set_rule(&world.policies[TRUSTED], interfaces[i].wl->name, "allow");
}

static void make_world(void)
{
	int ram = fd_memfd("guest", RAM_BYTES);
	struct vhost_user_memory table = {.n_regions = 1,
		.regions = {{.guest_address = RAM, .user_address = RAM, .size = RAM_BYTES}}};
	struct resource_pages *pages = calloc(2, sizeof(*pages));
	uint8_t profile[PROFILE_BYTES];

	log_set_level(LOG_LEVEL_ERROR);
	make_policies();
	world.memory = guest_memory_create();
	assert(pages && guest_memory_set(world.memory, &table, &ram, 1) == 0);
	world.region = mapped_region_create(1 << 20);
	resource_table_init(&world.table, world.memory, world.region);
	make_blob(0, RESOURCE_BLOB_HOST);
	assert(resource_map(world.blobs[0], SLOT, NULL, NULL) == 0);
	make_blob(1, RESOURCE_BLOB_GUEST);
	pages[0] = (struct resource_pages){RAM + 8192, 5000};
	pages[1] = (struct resource_pages){RAM, 8192};
	assert(resource_set_pages(world.blobs[1], pages, 2) == 0);
	make_blob(2, RESOURCE_BLOB_HOST);
	world.blobs[2]->fd = fd_memfd("own", BLOB_BYTES);
	world.blobs[2]->fd_owned = true;
	profile_make(profile);
	assert(pwrite(world.blobs[2]->fd, profile, sizeof(profile), 0) == sizeof(profile));
	make_blob(3, RESOURCE_2D);
	make_blob(4, RESOURCE_BLOB_HOST);
	world.blobs[4]->fd = eventfd(0, EFD_CLOEXEC); /* no regular file: that is what counts */
	world.blobs[4]->fd_owned = true;
	world.blobs[4]->fd_offset = 4096;
	world.file = fd_memfd_constant("file", "contents", 8);
	assert(world.file >= 0);
}

static struct wire_handle new_handle(enum relay_end from)
{
	uint32_t kind = from == RELAY_UP ? KINDS - 1 : world.n_handles++ % KINDS;
	if (kind < ARRAY_LENGTH(world.blobs))
		return resource_handle(world.blobs[kind]);
	return wire_handle_fd(fd_dup(world.file));
}

/* What is sent to the compositor about shared memory lies inside of one blob. */
static void check_request(const uint8_t *bytes, size_t size, const struct wire_handle *handle)
{
	const uint32_t *words = (const uint32_t *)(const void *)bytes;
	const struct relay_object *object = relay_object_at(world.relay, RELAY_UP, words[0]);
	const char *interface = object->interface->wl->name;
	uint32_t opcode = words[1] & 0xffff;

	if (strcmp(interface, "wl_shm") == 0 && opcode == 0) {
		int64_t end = (int32_t)words[3];
		assert(words[2] < POOLS && end > 0);
		int64_t start = end > (int64_t)SLOT ? (int64_t)SLOT : 0;
		if (end == BORDER_BYTES)
			start = 0;
		else
			assert(end - start <= (int64_t)BLOB_BYTES);
		world.pools[words[2]].start = start;
		world.pools[words[2]].end = end;
	} else if (strcmp(interface, "wl_shm_pool") == 0 && opcode == 0) {
		int64_t offset = (int32_t)words[3], height = (int32_t)words[5],
			stride = (int32_t)words[6];
		assert(offset >= world.pools[words[0]].start && height > 0 && stride > 0);
		assert(offset + height * stride <= world.pools[words[0]].end);
	} else if (strcmp(interface, "wl_shm_pool") == 0 && opcode == 2) {
		int64_t end = (int32_t)words[2];
		assert(end >= world.pools[words[0]].end);
		assert(end - world.pools[words[0]].start <= (int64_t)BLOB_BYTES);
		world.pools[words[0]].end = end;
	} else if (strcmp(interface, "zwp_linux_buffer_params_v1") == 0 && opcode == 1) {
		/* Of the dma-buf only, behind the place where its blob begins. */
		assert(words[2] < 4 && words[3] >= 4096 && words[3] - 4096 < BLOB_BYTES);
	} else if (strcmp(interface, "wp_image_description_creator_icc_v1") == 0 && opcode == 1) {
		/* Memory of its own, which has just the profile. */
		struct stat status;
		assert(fstat(handle->fd, &status) == 0 && words[2] == 0);
		assert(words[3] > 0 && status.st_size == words[3] && words[3] <= BLOB_BYTES);
	}
	/* Names of programs and objects that are not the guest's. */
	assert(strcmp(interface, "gtk_shell1") != 0 || (opcode != 1 && opcode != 3));
	assert(strcmp(interface, "gtk_surface1") != 0 || (opcode != 0 && opcode != 7));
}

static int check_sent(void *data, enum relay_end to, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	if (to == RELAY_UP)
		check_request(bytes, size, handles);
	for (size_t i = 0; i < n_handles; i++) {
		assert(handles[i].kind == WIRE_FD ||
			(to == RELAY_DOWN && handles[i].kind == WIRE_WRITE_PIPE));
		assert(handles[i].fd >= 0);
		wire_handle_finish(&handles[i]);
	}
	return 0;
}

static bool allow_global(void *data, const struct interface *interface, uint32_t *version)
{
	return policy_allow_global(world.connection.policy, interface, version);
}

static const struct relay_ops ops = {.send = check_sent, .allow_global = allow_global};

/* What the GPU would be asked for: each layout once, none of them rows. */
static void check_layouts(const struct policy_layouts *layouts)
{
	uint64_t found[POLICY_LAYOUTS];

	assert(layouts->n_formats <= POLICY_IMPORT_FORMATS);
	for (uint32_t i = 0; i < layouts->n_formats; i++) {
		uint32_t n = policy_layouts_get(layouts, layouts->formats[i].code, found);
		assert(n <= POLICY_LAYOUTS);
		for (uint32_t j = 0; j < n; j++) {
			assert(found[j] != DRM_FORMAT_MOD_LINEAR &&
				found[j] != DRM_FORMAT_MOD_INVALID);
			for (uint32_t before = 0; before < j; before++)
				assert(found[before] != found[j]);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!world.memory)
		make_world();
	const struct policy *policy = &world.policies[size % POLICIES];
	world.n_handles = 0;
	memset(world.pools, 0, sizeof(world.pools));
	world.connection = (struct policy_connection){
		.policy = policy, .name = "fuzz", .turn_ends_ns = &turn_ends_ns};
	world.relay = relay_create(policy->hooks, &ops, &world, "fuzz", policy->max_objects);
	assert(world.relay);
	relay_talk(world.relay, data, size, new_handle);
	check_layouts(&world.connection.imports.layouts);
	selections_copy(world.relay, 1);
	selections_paste(world.relay);
	for (int i = 0; world.connection.held && !relay_failure(world.relay) && i < 100; i++) {
		world.connection.held = false;
		world.connection.n_pieces = 0;
		relay_push(world.relay, RELAY_DOWN, NULL, 0, NULL, 0);
	}
	relay_destroy(world.relay);
	for (size_t i = 0; i < ARRAY_LENGTH(world.blobs); i++)
		assert(world.blobs[i]->refs == 1);
	assert(policy->counters->shadow_bytes == 0);
	for (size_t i = 0; i < QUOTA_N_LIMITS; i++)
		assert(world.quota.entries[i].use == 0);
	return 0;
}
