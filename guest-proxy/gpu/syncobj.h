/*
 * Timelines of the kernel (DRM syncobjs): points that somebody signals and others wait for. They
 * belong to no driver; a device is wanted for the calls alone.
 */
#ifndef GUEST_PROXY_GPU_SYNCOBJ_H
#define GUEST_PROXY_GPU_SYNCOBJ_H

#include <stdbool.h>
#include <stdint.h>

struct syncobj_device;

/*
 * Takes *@fd, of a render node, and sets it to -1, if its device has timelines whose points can be
 * waited for in an event loop (Linux 6.6). NULL, and *@fd is as it was: it has not, or memory is
 * short.
 */
struct syncobj_device *syncobj_device_create(int *fd);
/* Ends the timelines that are left. NULL is fine. */
void syncobj_device_destroy(struct syncobj_device *device);

/* *@handle becomes a name of the timeline behind @fd (borrowed). 0; -EINVAL: it is none; -errno. */
int syncobj_import(struct syncobj_device *device, int fd, uint32_t *handle);
void syncobj_release(struct syncobj_device *device, uint32_t handle);

/*
 * An fd that becomes readable when @point of the timeline is signalled, which may have nobody yet
 * who would do that. The caller's; or -errno.
 */
int syncobj_wait(struct syncobj_device *device, uint32_t handle, uint64_t point);

/* Whether @fd (borrowed) is a sync file: a fence that is readable when it is signalled. */
bool sync_file_check(int fd);

/* Signals @point, and all that come before it. 0 or -errno. */
int syncobj_signal(struct syncobj_device *device, uint32_t handle, uint64_t point);

#endif
