#!/usr/bin/env python3
"""Writes the seeds of fuzz_policy: those of fuzz_relay, and conversations about buffers, names and fds."""
import os

import seeds_relay as relay
from seeds_relay import DOWN, FD, SERVER, UP, down, piece, start, string, up


def pool(shm, id, size):
    return piece(DOWN | FD, shm, 0, id, size)


def buffer(pool_id, id, offset=0):
    return down(pool_id, 0, id, offset, 16, 16, 64, 1)


XRGB, NV12 = 0x34325258, 0x3231564E


def params(manager, id, *planes):
    """create_params, and an add for each (plane, offset, stride)."""
    return down(manager, 1, id) + b"".join(piece(DOWN | FD, id, 1, *plane, 0, 0) for plane in planes)


def immed(params_id, id, format=XRGB):
    return down(params_id, 3, id, 16, 16, format, 0)


# A compositor without linux-dmabuf: sync is answered, then ours is bound as 4.
OWN = (down(1, 1, 2) + up(2, 0, 1, string("wl_shm"), 1) + down(1, 0, 3) + up(3, 0, 0) + up(1, 1, 3)
       + down(2, 0, 0xFFFF0001, string("zwp_linux_dmabuf_v1"), 3, 3) + up(3, 0, 0) + up(3, 0, 1) + up(3, 0, 0x36314752))

def length(seed, policy):
    """The length says which policy the conversation is under; what is added says nothing."""
    return seed + bytes((policy - len(seed)) % 4)


# A window of 300 x 200 with a subsurface and a popup, under a policy with a border. Its configure event says 400 x 300.
WINDOW = (down(1, 1, 2)
          + b"".join(up(2, 0, 1 + i, string(name), 4)
                     for i, name in enumerate(["wl_compositor", "wl_subcompositor", "wp_viewporter", "wl_shm", "xdg_wm_base"]))
          + down(2, 0, 1, string("wl_compositor"), 4, 3) + down(2, 0, 2, string("wl_subcompositor"), 1, 4)
          + down(2, 0, 4, string("wl_shm"), 1, 5) + down(2, 0, 5, string("xdg_wm_base"), 4, 6)
          + pool(5, 7, 4096) + buffer(7, 8)
          + down(3, 0, 9) + down(6, 2, 10, 9) + down(10, 1, 11) + down(9, 6)
          + up(11, 0, 400, 300, 4, 4) + up(10, 0, 77) + down(10, 4, 77) + down(10, 3, 2, 2, 12, 12) + down(9, 1, 8, 0, 0)
          + down(9, 6))
MORE = (down(3, 0, 12) + down(4, 1, 13, 12, 9) + down(12, 1, 8, 0, 0) + down(13, 5) + down(12, 6) + down(9, 6)
        + down(6, 1, 14) + down(14, 1, 20, 20) + down(14, 2, 1, 1, 2, 2) + down(3, 0, 15) + down(6, 2, 16, 15)
        + down(16, 2, 17, 10, 14) + down(15, 6) + down(15, 1, 8, 0, 0) + down(15, 6) + down(11, 11, 0)
        + down(11, 0) + down(10, 0) + down(9, 0) + down(12, 0))

# A window with a pointer, a keyboard, a finger and a data device, and what its user does.
USER = (start("wl_compositor", "wl_seat", "xdg_wm_base", "wl_data_device_manager", version=3)
        + down(3, 0, 7) + down(5, 2, 8, 7) + down(8, 1, 9) + down(7, 6) + down(4, 0, 10) + down(4, 1, 11) + down(4, 2, 12)
        + down(6, 1, 13, 4) + down(6, 0, 14) + down(6, 0, 15)
        + up(10, 0, 100, 7, 0, 0) + up(10, 3, 101, 0, 272, 1) + up(11, 1, 102, 7, relay.words(0)) + up(11, 3, 103, 0, 30, 1)
        + up(12, 0, 104, 0, 7, 0, 0, 0) + up(12, 1, 105, 0, 0) + up(12, 4))
MENU = (down(5, 1, 16) + down(16, 1, 20, 20) + down(16, 2, 1, 1, 2, 2) + down(3, 0, 17) + down(5, 2, 18, 17)
        + down(18, 2, 19, 8, 16))

SEEDS = dict(relay.SEEDS)
SEEDS.update({
    "slot": start("wl_shm") + pool(3, 4, 4096) + buffer(4, 5) + down(4, 2, 8192) + buffer(4, 6, 4096) + down(4, 1)
    + down(5, 0) + down(6, 0),
    "shadow": start("wl_shm", "wl_compositor") + pool(3, 5, 4096) + pool(3, 6, 8192) + down(4, 0, 7) + buffer(6, 8)
    + buffer(6, 9, 1024) + down(7, 1, 8, 0, 0) + down(7, 6) + down(7, 1, 9, 0, 0) + down(7, 2, 0, 2, 9, 3) + down(7, 6)
    + down(7, 1, 8, 0, 0) + down(8, 0) + down(7, 6) + down(6, 1) + down(7, 0),
    "far": start("wl_shm") + pool(3, 4, 8193),
    "outside": start("wl_shm") + pool(3, 4, 4096) + buffer(4, 5, 4095),
    "shrink": start("wl_shm") + pool(3, 4, 4096) + down(4, 2, 4095),
    "names": start("wl_compositor", "xdg_wm_base") + down(3, 0, 5) + down(4, 2, 6, 5) + down(6, 1, 7)
    + down(7, 2, string("a\ntitle")) + down(7, 3, string("org.app")) + down(7, 2, string("")),
    "paste": start("wl_data_device_manager", "wl_seat") + down(3, 0, 5) + piece(UP | FD, 5, 1, string("text/plain")),
    # Handles come in turn: a slot, guest pages, an fd, 2D, a dma-buf, a file.
    "dmabufs": start("zwp_linux_dmabuf_v1", "wl_compositor", version=3) + params(3, 5, (0, 1024, 64)) + immed(5, 6)
    + params(3, 7, (0, 0, 64)) + immed(7, 8) + params(3, 9, (0, 64, 64)) + immed(9, 10) + params(3, 11, (0, 0, 64))
    + params(3, 12, (0, 4096, 64)) + immed(12, 13) + down(4, 0, 14) + down(14, 1, 8, 0, 0) + down(14, 2, 0, 0, 9, 9)
    + down(14, 6) + down(8, 0) + down(13, 0) + down(6, 0) + down(12, 0),
    "created": start("zwp_linux_dmabuf_v1", version=3) + params(3, 4, (0, 0, 64)) + down(4, 2, 16, 16, XRGB, 0)
    + down(4, 0) + params(3, 5, (0, 0, 64)) + down(5, 2, 16, 16, XRGB, 0) + down(SERVER, 0) + down(SERVER + 1, 0),
    "planes": start("zwp_linux_dmabuf_v1", version=3)
    + params(3, 4, (0, 0, 16), (1, 512, 16), (2, 0, 16), (3, 0, 16)) + immed(4, 5, NV12),
    "offer": OWN + params(3, 4, (0, 0, 64)) + immed(4, 5) + params(3, 6, (0, 0, 64)) + down(6, 2, 16, 16, XRGB, 0)
    + down(5, 0) + down(SERVER, 0) + down(3, 0),
    "menu": length(USER + MENU + down(19, 1, 4, 101) + down(17, 6) + up(10, 1, 106, 7) + up(10, 0, 107, 17, 0, 0)
                   + down(19, 0) + down(18, 0) + down(17, 0) + down(9, 5, 4, 103) + down(10, 1) + up(11, 2, 108, 7), 0),
    "menu_refused": length(USER + MENU + down(19, 1, 4, 0) + down(17, 6) + down(13, 0, 14, 7, 0, 0) + down(9, 4, 4, 1, 2, 3),
                           1),
    "dragged": length(USER + down(13, 0, 14, 7, 0, 101) + down(13, 1, 15, 102) + down(13, 1, 0, 1), 0),
    "border": length(WINDOW + MORE, 1),
    "border_allow": length(WINDOW + MORE, 2),
    "border_deny": length(WINDOW + down(11, 11, 0) + down(10, 4, 77), 3),
    # Of three kinds of memory, of which the third has a profile; one is shown, after its description has gone.
    "profile": down(1, 1, 2) + up(2, 0, 1, string("wp_color_manager_v1"), 3) + up(2, 0, 2, string("wl_compositor"), 3)
    + down(2, 0, 1, string("wp_color_manager_v1"), 3, 3) + down(2, 0, 2, string("wl_compositor"), 3, 4)
    + b"".join(down(3, 4, id) + piece(DOWN | FD, id, 1, 0, 160) for id in (5, 6, 7)) + down(7, 0, 8) + down(4, 0, 9)
    + down(3, 2, 10, 9) + down(10, 1, 8, 0) + down(8, 0) + down(9, 6) + down(10, 2) + down(5, 0, 11) + down(9, 0)
    + down(10, 0),
    "icon": start("wl_shm", "zwp_linux_dmabuf_v1") + down(4, 1, 5) + piece(DOWN | FD, 5, 1, 0, 0, 64, 0, 0),
})

if __name__ == "__main__":
    relay.write("policy", SEEDS)
