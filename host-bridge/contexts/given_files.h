/*
 * Files that the frontend has given the device (VHOST_USER_GIVE_FILE), until the guest makes blobs
 * of them. They are never mapped here.
 */
#ifndef HOST_BRIDGE_CONTEXTS_GIVEN_FILES_H
#define HOST_BRIDGE_CONTEXTS_GIVEN_FILES_H

#include <stdint.h>

struct context_blob;
struct vm_quota;

#define GIVEN_FILES_MAX 64 /* that wait; the oldest has to give way to a new one */

struct given_file {
	uint64_t id, size;
	int fd;
};

struct given_files {                              /* all zeroes: there are none */
	struct given_file files[GIVEN_FILES_MAX]; /* oldest first */
	uint32_t count;
	struct vm_quota *quota; /* borrowed; NULL: no limits */
};

/*
 * Takes @fd, also on error. 0; -EINVAL: no memory that lasts (fd_is_lasting_memory), or no size of
 * a wl_shm pool; -EEXIST: the id is in use; -EDQUOT.
 */
int given_files_add(struct given_files *files, uint64_t id, uint64_t size, int fd);
/*
 * The file @id becomes @out, a blob of @size bytes, and is forgotten here; its charge
 * (QUOTA_SHARED_FILES) goes along. 0 or -EINVAL: there is none, or it has another size.
 */
int given_files_take(
	struct given_files *files, uint64_t id, uint64_t size, struct context_blob *out);
/* Closes them all. */
void given_files_clear(struct given_files *files);

#endif
