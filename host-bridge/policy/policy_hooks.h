/* The hook tables that make up the policy; see relay.h for what a hook may do. All end with {0}. */
#ifndef HOST_BRIDGE_POLICY_POLICY_HOOKS_H
#define HOST_BRIDGE_POLICY_POLICY_HOOKS_H

#include "host-bridge/policy/policy.h"

/* Buffers: shared memory and dma-bufs are blobs of the virtio-gpu device. */
extern const struct relay_hook policy_buffer_hooks[];

/* Surfaces and subsurfaces: their number and depth, and copies of what they show. */
extern const struct relay_hook policy_surface_hooks[];

/* Drags: their icons. In use where clipboards may leave the machine. */
extern const struct relay_hook policy_drag_hooks[];
/* The hook in it, for those who have another one for the same request. */
enum relay_verdict policy_start_drag(struct relay_message *message);

/* Input methods: for the surface with the keyboard. */
extern const struct relay_hook policy_focus_hooks[];

/* Regions: their rectangles. */
extern const struct relay_hook policy_region_hooks[];

/* The compositor's globals, and linux-dmabuf where it has none. */
extern const struct relay_hook policy_global_hooks[];

/* linux-dmabuf's buffers. */
extern const struct relay_hook policy_dmabuf_hooks[];

/* Texts: what the user sees carries the machine's name, what compositors keep is counted. */
const struct relay_hook *policy_text_hooks(void);

/* Event fds that are pipes to be written to; all others are files to be read. */
extern const struct relay_hook policy_pipe_hooks[];

/* Clipboards and drags that may not leave the machine, or not enter it. */
extern const struct relay_hook policy_clipboard_to_host_hooks[];
extern const struct relay_hook policy_clipboard_to_guest_hooks[];

/*
 * Hooks for every message with an fd that none of @tables (NULL-terminated) names: requests may
 * carry ordinary fds only, events regular files only. For relay_hooks_create; free() it afterwards.
 * NULL when memory is short.
 */
struct relay_hook *policy_fd_hooks_create(const struct relay_hook *const tables[]);

#endif
