/*
 * Our own requests to the frontend, on the socket that SET_BACKEND_REQ_FD passed: maps of our
 * memory in the guest.
 *
 * Nothing waits: requests queue up, the next is sent when the last one has been answered, and
 * whoever made it is called then. A frontend may take as long as it likes to answer.
 */
#ifndef HOST_BRIDGE_VHOST_BACKEND_CHANNEL_H
#define HOST_BRIDGE_VHOST_BACKEND_CHANNEL_H

#include "protocol/formats/vhost_user.h"
#include <wayland-server-core.h>

struct backend_channel;

/*
 * What came of a request: 0; -EIO: refused; -ECONNRESET: the driver was reset or the frontend left
 * before there was an answer; or why the channel broke. Called from the event loop or from
 * backend_channel_cancel and backend_channel_set_socket, and exactly once.
 */
typedef void (*backend_done_fn)(void *data, int result);

/* NULL when memory is short. */
struct backend_channel *backend_channel_create(struct wl_event_loop *loop);
/* NULL is fine. */
void backend_channel_destroy(struct backend_channel *channel);

/* Takes @socket in place of the last one (-1: none); what was asked there fails. */
void backend_channel_set_socket(struct backend_channel *channel, int socket);
bool backend_channel_is_there(const struct backend_channel *channel);
/*
 * While closed nothing is sent: QEMU crashes over a request that comes between a stop of the device
 * and its next start. It is closed at first.
 */
void backend_channel_set_open(struct backend_channel *channel, bool open);
/*
 * Fails everything that was asked. (The answer to what has been sent is still to come.) @keep: what
 * has not been sent is sent all the same, before what is asked for later; nobody hears of it.
 */
void backend_channel_cancel(struct backend_channel *channel, bool keep);

/*
 * SHMEM_MAP (@map has no padding set; @fd is borrowed), with @barrier the commit barrier behind it.
 * @done may be NULL. 0 or -errno: then @done is not called.
 */
int backend_channel_map(struct backend_channel *channel, const struct vhost_user_shmem_map *map,
	int fd, bool barrier, backend_done_fn done, void *data);
/* SHMEM_UNMAP, likewise. */
int backend_channel_unmap(struct backend_channel *channel, const struct vhost_user_shmem_map *map,
	backend_done_fn done, void *data);

#endif
