/* A client's ICC profiles, from their files to the host. */
#include "guest-proxy/connection/colour_profile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "guest-proxy/connection/connection.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/pixels/icc_profile.h"

#define CREATOR "wp_image_description_creator_icc_v1"
#define FILES_MAX 16 /* of one client, that wait for their image descriptions */

/* Of file systems that linux/magic.h has not, or not yet. */
#define BCACHEFS_MAGIC UINT32_C(0xca451a4e)
#define NTFS3_MAGIC UINT32_C(0x7366746e)
#define ZFS_MAGIC UINT32_C(0x2fc12fc1)

/* wp_image_description_creator_icc_v1.error */
#define ERROR_ALREADY_SET 1
#define ERROR_BAD_FD 2
#define ERROR_BAD_SIZE 3
#define ERROR_OUT_OF_FILE 4

struct profile { /* relay_object.data of a creator that has a file */
	struct connection *connection;
	int fd;
	uint32_t offset, length;
	struct channel_blob *blob; /* a reference, once it is asked for */
};

static void profile_destroy(struct relay_object *object)
{
	struct profile *profile = object->data;

	object->data = NULL;
	profile->connection->n_profiles--;
	channel_blob_unref(profile->blob);
	fd_close(&profile->fd);
	free(profile);
}

static enum relay_verdict no_memory(struct relay *relay)
{
	return relay_fail_memory(relay, "a colour profile");
}

/*
 * Whether reading @fd takes no longer than memory and disks do. What a program or another machine
 * serves (FUSE, the network) may answer never, and there is no reading that gives up.
 */
static bool is_of_this_machine(int fd)
{
	static const uint32_t types[] = {TMPFS_MAGIC, RAMFS_MAGIC, EXT4_SUPER_MAGIC,
		XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC,
		SQUASHFS_MAGIC, EROFS_SUPER_MAGIC_V1, ISOFS_SUPER_MAGIC, UDF_SUPER_MAGIC,
		MSDOS_SUPER_MAGIC, EXFAT_SUPER_MAGIC, NTFS3_MAGIC, NILFS_SUPER_MAGIC,
		HUGETLBFS_MAGIC, BCACHEFS_MAGIC, ZFS_MAGIC};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
		if ((uint32_t)fs.f_type == types[i])
			return true;
	}
	return false;
}

/* Whether what a client says of its file can be; else the relay has failed. */
static bool check_arguments(struct relay_message *message)
{
	const uint32_t offset = message->args[1].u, length = message->args[2].u;
	const int fd = message->args[0].handle.fd, flags = fcntl(fd, F_GETFL);
	struct stat status;

	if (message->object->data)
		relay_fail(message->relay, message->object, ERROR_ALREADY_SET,
			"there is a profile already");
	else if (length == 0 || length > ICC_PROFILE_PROTOCOL_MAX_BYTES)
		relay_fail(message->relay, message->object, ERROR_BAD_SIZE, "a profile of %u bytes",
			length);
	else if (flags < 0 || (flags & (O_ACCMODE | O_PATH)) == O_WRONLY || (flags & O_PATH) ||
		fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		relay_fail(message->relay, message->object, ERROR_BAD_FD,
			"a profile that is no file to read");
	else if (!is_of_this_machine(fd))
		relay_fail(message->relay, message->object, ERROR_BAD_FD,
			"a profile in a file that FUSE or the network serves: give a copy of it, "
			"in memory (memfd_create)");
	else if (!range_fits(offset, length, (uint64_t)status.st_size))
		relay_fail(message->relay, message->object, ERROR_OUT_OF_FILE,
			"a profile of %u bytes at %u of a file of %lld", length, offset,
			(long long)status.st_size);
	return !relay_failure(message->relay);
}

/* wp_image_description_creator_icc_v1.set_icc_file(icc_profile, offset, length) */
static enum relay_verdict handle_set_icc_file(struct relay_message *message)
{
	struct connection *connection = connection_of(message->relay);

	if (!check_arguments(message))
		return RELAY_FAILED;
	struct profile *profile =
		connection->n_profiles < FILES_MAX ? calloc(1, sizeof(*profile)) : NULL;
	if (!profile)
		return no_memory(message->relay);
	*profile = (struct profile){
		.connection = connection,
		.fd = message->args[0].handle.fd,
		.offset = message->args[1].u,
		.length = message->args[2].u,
	};
	message->args[0].handle.kind = WIRE_NONE;
	connection->n_profiles++;
	message->object->data = profile;
	message->object->data_destroy = profile_destroy;
	return RELAY_SWALLOW;
}

/* Of one that the host does not take, as it is too large, it gets the beginning. */
static uint32_t bytes_to_send(const struct profile *profile)
{
	return profile->length <= ICC_PROFILE_MAX_BYTES ? profile->length
							: ICC_PROFILE_HEADER_BYTES;
}

/* The rest of a file that has become shorter since is zeroes. */
static void read_file(const struct profile *profile, uint8_t *bytes)
{
	size_t size = bytes_to_send(profile), got = 0;

	while (got < size) {
		ssize_t n = pread(
			profile->fd, bytes + got, size - got, (off_t)profile->offset + (off_t)got);
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	memset(bytes + got, 0, size - got);
}

/* RELAY_FORWARD: there is memory of the host. */
static enum relay_verdict get_memory(struct relay *relay, struct profile *profile)
{
	struct connection *connection = profile->connection;

	if (!profile->blob &&
		channel_blob_create(connection->channel, bytes_to_send(profile), &profile->blob) <
			0)
		return no_memory(relay);
	if (profile->blob->status == -EINPROGRESS) {
		connection->held = connection->memory_due = true;
		return RELAY_HOLD;
	}
	return profile->blob->status < 0 ? no_memory(relay) : RELAY_FORWARD;
}

/* wp_image_description_creator_icc_v1.create(image_description); comes again where it was held. */
static enum relay_verdict handle_create(struct relay_message *message)
{
	struct profile *profile = message->object->data;

	if (!profile)
		return RELAY_FORWARD; /* an error, which the compositor knows */
	enum relay_verdict verdict = get_memory(message->relay, profile);
	if (verdict != RELAY_FORWARD)
		return verdict;
	read_file(profile, profile->blob->map);
	return relay_send_named(message->relay, RELAY_UP, message->object, "set_icc_file",
		       (union wire_arg[]){{.handle = channel_blob_handle(profile->blob)}, {.u = 0},
			       {.u = profile->length}}) < 0
		? RELAY_FAILED
		: RELAY_FORWARD;
}

const struct relay_hook colour_profile_hooks[] = {
	{CREATOR, "create", handle_create, RELAY_DOWN},
	{CREATOR, "set_icc_file", handle_set_icc_file, RELAY_DOWN},
	{0},
};
