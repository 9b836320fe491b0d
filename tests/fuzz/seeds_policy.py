#!/usr/bin/env python3
"""Writes the seeds of fuzz_policy: those of fuzz_relay, and conversations about buffers, names and fds."""
import os

import seeds_relay as relay
from seeds_relay import DOWN, FD, UP, down, piece, start, string, up


def pool(shm, id, size):
    return piece(DOWN | FD, shm, 0, id, size)


def buffer(pool_id, id, offset=0):
    return down(pool_id, 0, id, offset, 16, 16, 64, 1)


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
    "icon": start("wl_shm", "zwp_linux_dmabuf_v1") + down(4, 1, 5) + piece(DOWN | FD, 5, 1, 0, 0, 64, 0, 0),
})

if __name__ == "__main__":
    relay.write("policy", SEEDS)
