/*
 * Policy: colour management. What a guest says of its colours are numbers, which compositors check,
 * but for an ICC profile: that one comes in a file. The compositor gets its contents, in memory
 * that nobody can change, after a look at its outside: profiles are read by libraries that are
 * not made for enemies. In place of one that cannot be, it gets one that is none, and says itself
 * that it failed, as the protocol wants it.
 *
 * Compositors keep profiles as long as an image description or a surface has them; so long they are
 * charged to the machine.
 */
#include <stdlib.h>
#include <string.h>

#include "host-bridge/policy/surfaces/hooks.h"
#include "host-bridge/policy/surfaces/policy_surface.h"
#include "host-bridge/resources/resources.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/pixels/icc_profile.h"

#define LOG_MODULE "policy"

#define CREATOR "wp_image_description_creator_icc_v1"

/* wp_image_description_creator_icc_v1.error */
#define ERROR_ALREADY_SET 1
#define ERROR_BAD_FD 2
#define ERROR_BAD_SIZE 3
#define ERROR_OUT_OF_FILE 4

struct profile { /* relay_object.data of a creator that has one, then of its image description */
	struct vm_quota *quota;
	uint64_t bytes; /* charged */
};

static void profile_destroy(struct relay_object *object)
{
	struct profile *profile = object->data;

	object->data = NULL;
	quota_release(profile->quota, QUOTA_PROFILE_BYTES, profile->bytes);
	free(profile);
}

static enum relay_verdict no_memory(struct relay *relay)
{
	return relay_fail_memory(relay, "a colour profile");
}

/* Charges @bytes for @creator. RELAY_FORWARD or RELAY_FAILED. */
static enum relay_verdict charge(struct relay *relay, struct relay_object *creator, uint32_t bytes)
{
	const struct policy_connection *connection = relay_data(relay);
	struct profile *profile = calloc(1, sizeof(*profile));

	if (!profile)
		return no_memory(relay);
	profile->quota = connection->policy->quota;
	creator->data = profile;
	creator->data_destroy = profile_destroy;
	return quota_adjust(profile->quota, QUOTA_PROFILE_BYTES, &profile->bytes, bytes)
		? RELAY_FORWARD
		: policy_refuse(relay, QUOTA_PROFILE_BYTES);
}

/*
 * The @length bytes at @offset of @memory, which the guest may be changing, as a file that nobody
 * changes. *@why: it is none that the compositor should see; NULL: it is good. -errno: no memory.
 */
static int copy_profile(
	const struct resource *memory, uint32_t offset, uint32_t length, const char **why)
{
	static const uint8_t none[ICC_PROFILE_HEADER_BYTES];
	uint8_t *bytes = NULL;

	*why = length > ICC_PROFILE_MAX_BYTES ? "too large" : NULL;
	if (!*why) {
		bytes = malloc(length);
		if (!bytes)
			return -1;
		*why = resource_copy_out(memory, offset, bytes, length) < 0
			? "in memory that cannot be read"
			: icc_profile_check(bytes, length);
	}
	int fd = fd_memfd_constant(
		"wayferry-profile", *why ? none : bytes, *why ? sizeof(none) : length);
	free(bytes);
	return fd;
}

/* Whether what a guest says of a profile can be; else the relay has failed. */
static bool check_arguments(struct relay_message *message)
{
	const struct wire_handle *handle = &message->args[0].handle;
	const uint32_t offset = message->args[1].u, length = message->args[2].u;

	if (message->object->data)
		relay_fail(message->relay, message->object, ERROR_ALREADY_SET,
			"there is a profile already");
	else if (handle->kind != WIRE_BLOB)
		relay_fail(message->relay, message->object, ERROR_BAD_FD,
			"a profile is in memory of the virtio-gpu device");
	else if (length == 0 || length > ICC_PROFILE_PROTOCOL_MAX_BYTES)
		relay_fail(message->relay, message->object, ERROR_BAD_SIZE, "a profile of %u bytes",
			length);
	else if (length <= ICC_PROFILE_MAX_BYTES &&
		!range_fits(offset, length, ((const struct resource *)handle->blob)->size))
		relay_fail(message->relay, message->object, ERROR_OUT_OF_FILE,
			"a profile of %u bytes at %u is not in its memory", length, offset);
	return !relay_failure(message->relay);
}

/* wp_image_description_creator_icc_v1.set_icc_file(icc_profile, offset, length) */
static enum relay_verdict handle_set_icc_file(struct relay_message *message)
{
	const struct policy_connection *connection = relay_data(message->relay);
	struct wire_handle *handle = &message->args[0].handle;
	uint32_t length = message->args[2].u;
	const char *why;

	if (!check_arguments(message) ||
		charge(message->relay, message->object,
			(uint32_t)min_u64(length, ICC_PROFILE_MAX_BYTES)) != RELAY_FORWARD)
		return RELAY_FAILED;
	int fd = copy_profile(handle->blob, message->args[1].u, length, &why);
	if (fd < 0)
		return no_memory(message->relay);
	if (why)
		log_limited(LOG_LEVEL_WARN, "%s: a colour profile of %u bytes is not handed on: %s",
			connection->name, length, why);
	wire_handle_finish(handle);
	*handle = wire_handle_fd(fd);
	message->args[1].u = 0;
	message->args[2].u = why ? ICC_PROFILE_HEADER_BYTES : length;
	return RELAY_FORWARD;
}

/* wp_image_description_creator_icc_v1.create(image_description) */
static enum relay_verdict handle_create(struct relay_message *message)
{
	struct relay_object *description = message->args[0].object;

	description->data = message->object->data;
	description->data_destroy = message->object->data_destroy;
	message->object->data = NULL;
	message->object->data_destroy = NULL;
	return RELAY_FORWARD;
}

/* wp_color_manager_v1.get_surface(id, surface) */
static enum relay_verdict handle_get_surface(struct relay_message *message)
{
	return surface_extend(
		       message->relay, surface_at(message->args[1].object), message->args[0].object)
		? RELAY_FORWARD
		: RELAY_FAILED;
}

/*
 * wp_color_management_surface_v1.set_image_description(image_description, render_intent). It waits
 * for a commit, and until then there is the one before: what the largest needed stays charged.
 */
static enum relay_verdict handle_set_image_description(struct relay_message *message)
{
	const struct profile *profile = message->args[0].object->data;
	struct policy_surface *surface = surface_of(message->object);

	if (surface && profile &&
		!quota_adjust(surface->quota, QUOTA_PROFILE_BYTES, &surface->charged_profile_bytes,
			max_u64(surface->charged_profile_bytes, profile->bytes)))
		return policy_refuse(message->relay, QUOTA_PROFILE_BYTES);
	return RELAY_FORWARD;
}

const struct relay_hook policy_colour_hooks[] = {
	{"wp_color_management_surface_v1", "set_image_description", handle_set_image_description,
		RELAY_DOWN},
	{"wp_color_manager_v1", "get_surface", handle_get_surface, RELAY_DOWN},
	{CREATOR, "create", handle_create, RELAY_DOWN},
	{CREATOR, "set_icc_file", handle_set_icc_file, RELAY_DOWN},
	{0},
};
