/* The requests of a vhost-user frontend. */
#ifndef HOST_BRIDGE_VHOST_VHOST_USER_MESSAGES_H
#define HOST_BRIDGE_VHOST_VHOST_USER_MESSAGES_H

#include "host-bridge/vhost/vhost_user_state.h"

/*
 * Handles and answers one message of the frontend; its fds remain the message's, or are taken from
 * it (-1). 0; -EPROTO: the connection cannot go on (logged).
 */
int vhost_user_handle(struct vhost_user *vu, struct vhost_user_message *message);

#endif
