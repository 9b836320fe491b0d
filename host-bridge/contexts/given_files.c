/* Files that the frontend has given the device. */
#include "host-bridge/contexts/given_files.h"

#include <errno.h>
#include <string.h>

#include "host-bridge/contexts/context.h"
#include "host-bridge/resources/quota.h"
#include "protocol/base/fd.h"

/* Without closing it. */
static void forget(struct given_files *files, uint32_t index)
{
	files->count--;
	memmove(&files->files[index], &files->files[index + 1],
		(files->count - index) * sizeof(files->files[0]));
}

/* What is charged for a file while it is here; the blob that it becomes charges its own. */
static bool charge(struct given_files *files, uint64_t size)
{
	if (!quota_charge(files->quota, QUOTA_FDS, 1))
		return false;
	if (quota_charge(files->quota, QUOTA_BLOB_BYTES, size))
		return true;
	quota_release(files->quota, QUOTA_FDS, 1);
	return false;
}

static void release(struct given_files *files, uint64_t size)
{
	quota_release(files->quota, QUOTA_FDS, 1);
	quota_release(files->quota, QUOTA_BLOB_BYTES, size);
}

static void drop_oldest(struct given_files *files)
{
	fd_close(&files->files[0].fd);
	release(files, files->files[0].size);
	quota_release(files->quota, QUOTA_SHARED_FILES, 1);
	forget(files, 0);
}

static struct given_file *find(struct given_files *files, uint64_t id)
{
	for (uint32_t i = 0; i < files->count; i++) {
		if (files->files[i].id == id)
			return &files->files[i];
	}
	return NULL;
}

int given_files_add(struct given_files *files, uint64_t id, uint64_t size, int fd)
{
	int err = 0;
	if (size == 0 || size > INT32_MAX || !fd_is_lasting_memory(fd, size))
		err = -EINVAL;
	else if (find(files, id))
		err = -EEXIST;
	if (err == 0 && files->count == GIVEN_FILES_MAX)
		drop_oldest(files);
	if (err == 0 && !quota_charge(files->quota, QUOTA_SHARED_FILES, 1))
		err = -EDQUOT;
	if (err == 0 && !charge(files, size)) {
		quota_release(files->quota, QUOTA_SHARED_FILES, 1);
		err = -EDQUOT;
	}
	if (err < 0) {
		fd_close(&fd);
		return err;
	}
	files->files[files->count++] = (struct given_file){.id = id, .size = size, .fd = fd};
	return 0;
}

int given_files_take(
	struct given_files *files, uint64_t id, uint64_t size, struct context_blob *out)
{
	const struct given_file *file = find(files, id);
	if (!file || file->size != size)
		return -EINVAL;
	*out = (struct context_blob){.size = size, .fd = file->fd, .given = true};
	release(files, size);
	forget(files, (uint32_t)(file - files->files));
	return 0;
}

void given_files_clear(struct given_files *files)
{
	while (files->count > 0)
		drop_oldest(files);
}
