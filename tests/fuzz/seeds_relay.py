#!/usr/bin/env python3
"""Writes the seeds of fuzz_relay: conversations whose first part (registry, globals, binds) the fuzzer would hardly find."""
import os
import struct

DOWN, UP, FD = 0x00, 0x80, 0x40
GLOBALS = ["wl_compositor", "wl_shm", "wl_seat", "wl_data_device_manager", "xdg_wm_base", "wl_output",
           "wp_presentation", "zwp_linux_dmabuf_v1", "zwp_tablet_manager_v2", "wl_subcompositor", "unknown_v1"]
SERVER = 0xFF000000


def words(*values):
    return b"".join(struct.pack("<I", v & 0xFFFFFFFF) for v in values)


def string(text):
    data = text.encode() + b"\0"
    return words(len(data)) + data + b"\0" * (-len(data) % 4)


def piece(end, target, opcode, *parts):
    body = b"".join(words(p) if isinstance(p, int) else p for p in parts)
    size = 8 + len(body)
    assert size // 4 < 64
    return bytes([end | size // 4]) + words(target, size << 16 | opcode) + body


def down(*args):
    return piece(DOWN, *args)


def up(*args):
    return piece(UP, *args)


def said(end, target, opcode, *args):
    """A message in relay_talk.h's short form: a byte for each argument, from ids and strings numbered there."""
    return bytes([end | 63, target - SERVER + 224 if target >= SERVER else target, opcode, *args])


def start(*bound, version=1):
    """get_registry as 2, all globals, and binds of the interfaces in @bound as 3, 4, ..."""
    out = down(1, 1, 2)
    for name, interface in enumerate(GLOBALS):
        out += up(2, 0, name, string(interface), 3)
    for i, interface in enumerate(bound):
        out += down(2, 0, GLOBALS.index(interface), string(interface), version, 3 + i)
    return out


SEEDS = {
    "empty": b"",
    "sync": b"".join(down(1, 0, id) + up(2, 0, i) + up(1, 1, 2) for i, id in enumerate([2, 3, 3, 3])),
    "globals": start() + up(2, 1, 3) + up(2, 1, 10),
    "surface": start("wl_compositor", "wl_output") + down(3, 0, 5) + down(5, 3, 6) + down(5, 6) + up(6, 0, 1)
    + up(1, 1, 6) + up(5, 0, 4) + down(5, 0) + up(5, 1, 4) + up(1, 1, 5),
    "region": start("wl_compositor") + down(3, 1, 4) + down(4, 1, 0, 0, 5, 5) + down(4, 0) + up(1, 1, 4) + down(3, 1, 4),
    "shm": start("wl_shm") + piece(DOWN | FD, 3, 0, 4, 4096) + down(4, 0, 5, 0, 8, 8, 32, 0) + down(4, 1) + down(5, 0)
    + up(1, 1, 4),
    "toplevel": start("wl_compositor", "xdg_wm_base") + down(3, 0, 5) + down(4, 2, 6, 5) + down(6, 1, 7)
    + down(7, 2, string("title")) + up(7, 0, 100, 100, words(4, 1)) + up(6, 0, 9) + down(6, 4, 9) + down(7, 0)
    + up(1, 1, 7),
    "keyboard": start("wl_compositor", "wl_seat") + down(3, 0, 5) + down(4, 1, 6) + piece(UP | FD, 6, 0, 1, 4096)
    + up(6, 1, 1, 5, words(0)),
    "offers": start("wl_seat", "wl_data_device_manager") + down(4, 1, 5, 3) + up(5, 0, SERVER)
    + up(SERVER, 0, string("text/plain")) + up(5, 5, SERVER) + piece(DOWN | FD, SERVER, 1, string("text/plain"))
    + down(SERVER, 2) + up(5, 0, SERVER + 1) + up(5, 5, 0) + up(SERVER, 0, string("late")) + up(5, 0, SERVER),
    "dead_device": start("wl_seat", "wl_data_device_manager", version=2) + down(4, 1, 5, 3) + down(5, 2)
    + up(5, 0, SERVER) + up(SERVER, 0, string("late")) + up(5, 5, SERVER) + up(1, 1, 5),
    "params": start("zwp_linux_dmabuf_v1") + down(3, 1, 4) + piece(DOWN | FD, 4, 1, 0, 0, 64, 0, 0)
    + down(4, 2, 16, 16, 0x34325258, 0) + up(4, 0, SERVER) + down(4, 0) + up(1, 1, 4) + down(SERVER, 0),
    "feedback": start("wl_compositor", "wp_presentation") + down(3, 0, 5) + down(4, 1, 5, 6) + up(6, 2) + up(1, 1, 6),
    "error": start("wl_compositor") + up(1, 0, 3, 0, string("bad")) + up(1, 0, 99, 0, string("worse")),
    "shm_deleted": start("wl_compositor", "wl_shm") + down(3, 0, 5) + piece(DOWN | FD, 4, 0, 6, 4096)
    + down(6, 0, 7, 0, 8, 8, 32, 0) + said(UP, 1, 1, 4) + down(5, 1, 7, 0, 0) + down(5, 6),
    "states": start("wl_compositor", "wl_seat", "wl_data_device_manager") + down(3, 0, 6) + down(5, 1, 7, 4)
    + said(UP, 7, 0, 0) + said(UP, SERVER, 0, 13) + said(DOWN, SERVER, 2) + said(UP, SERVER, 0, 13) + said(UP, 7, 0, 0)
    + down(6, 0) + said(UP, 6, 0, 3) + said(UP, 1, 1, 6) + said(UP, 6, 0, 3),
    "globals_again": start() + said(UP, 2, 0, 7, 7, 4) + said(UP, 2, 0, 50, 7, 4) + said(UP, 2, 1, 7) + said(UP, 2, 1, 7)
    + said(UP, 2, 0, 51, 7, 5) + said(DOWN, 2, 0, 7, 7, 5, 0) + said(DOWN, 2, 0, 51, 7, 5, 0)
    + said(DOWN, 3, 2, 0) + said(DOWN, 4, 2, 0),
    "held": start("wl_compositor") + down(3, 0, 4) + down(4, 8, 2) + down(4, 6) + said(UP, 1, 1, 4),
    "malformed": start("wl_compositor") + down(3, 0, 0),
}

# A buffer that is committed twice with points, and destroyed before the host releases it. Ids, down: manager 5, surface 6,
# timeline 7, params 8, buffer 9, the surface's synchronisation 10; up: surface 5, params 6, buffer 7.
COMMIT = down(10, 1, 7, 0, 1) + down(10, 2, 7, 0, 2) + down(6, 1, 9, 0, 0) + down(6, 6)
GUEST_SEEDS = {
    "timelines": start("wl_compositor", "zwp_linux_dmabuf_v1", version=3)
    + down(2, 0, 0xFFFF0003, string("wp_linux_drm_syncobj_manager_v1"), 1, 5) + down(3, 0, 6)
    + piece(DOWN | FD, 5, 2, 7) + down(4, 1, 8) + piece(DOWN | FD, 8, 1, 0, 0, 64, 0, 0)
    + down(8, 3, 9, 16, 16, 0x34325258, 0) + down(5, 1, 10, 6) + COMMIT + COMMIT + down(9, 0) + up(7, 0) + up(8, 0, 0)
    + up(7, 0) + down(10, 1, 7, 0, 2),
    # The same with fences. Every second handle is a fence and a dma-buf; pools take the others.
    "fences": start("wl_compositor", "zwp_linux_dmabuf_v1", "wl_shm", version=1)
    + down(2, 0, 0xFFFF0004, string("zwp_linux_explicit_synchronization_v1"), 2, 6) + down(3, 0, 7)
    + piece(DOWN | FD, 5, 0, 8, 4096) + down(4, 1, 9) + piece(DOWN | FD, 9, 1, 0, 0, 64, 0, 0)
    + down(9, 2, 16, 16, 0x34325258, 0) + up(7, 0, SERVER) + down(6, 1, 10, 7) + down(7, 1, SERVER, 0, 0) + down(10, 2, 11)
    + piece(DOWN | FD, 5, 0, 12, 4096) + piece(DOWN | FD, 10, 1) + down(7, 6),
}


def write(corpus, seeds):
    directory = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", corpus)
    os.makedirs(directory, exist_ok=True)
    for name, seed in seeds.items():
        with open(os.path.join(directory, name), "wb") as file:
            file.write(seed)


if __name__ == "__main__":
    write("relay", SEEDS)
    write("guest_wayland", SEEDS | GUEST_SEEDS)
