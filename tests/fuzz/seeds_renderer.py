#!/usr/bin/env python3
"""Writes the seeds of fuzz_renderer: what guests do with 3D contexts, and their workers with them."""
import struct

import seeds_relay as relay

VIRGL, VENUS, CROSS_DOMAIN = 2, 4, 5
RAM = 0x42000000
KICK, TURN = b"\4", b"\5"


def command(type, *words, context=0, fence=None, data=b"", room=16):
    flags, ring = (0, 0) if fence is None else (1, 0) if fence < 0 else (3, fence)
    out = struct.pack("<IIQIB3x", type, flags, 9, context, ring) + struct.pack(f"<{len(words)}I", *words) + data
    return bytes([0, room]) + struct.pack("<H", len(out)) + out


def create(context, capset):
    return command(0x200, 4, capset, data=b"test".ljust(64, b"\0"), context=context)


def attach(context, resource):
    return command(0x202, resource, 0, context=context)


def texture(resource, bind=10, width=16, height=16):
    return command(0x204, resource, 2, 1, bind, width, height, 1, 1, 0, 0, 0, 0)


def backing(resource, size):
    return command(0x106, resource, 1, data=struct.pack("<QII", RAM, size, 0))


def transfer(context, resource, to_host, fence=-1):
    return command(0x205 if to_host else 0x206, 0, 0, 0, 16, 16, 1, 0, 0, resource, 0, 64, 0, context=context,
                   fence=fence)


def submit(context, data, fence=-1):
    return command(0x207, len(data), 0, data=data, context=context, fence=fence)


def blob(context, resource, pages):
    return command(0x10C, resource, 2, 1, 0, data=struct.pack("<QQ", 7, pages * 4096), context=context)


def map_blob(resource, offset):
    return command(0x208, resource, 0, data=struct.pack("<Q", offset))


def unref(resource):
    return command(0x102, resource, 0)


def worker(index, requests, how, *rest):
    """Step 0xe0: so many requests served, answered as answer_as_told has it."""
    return bytes([0xE0, requests << 4 | index, how, *rest])


def memory(pages, type=3, cached=1, offset=0, stride=16):
    return bytes([pages, type, cached, offset, stride])


GO = KICK + TURN
FRAME = texture(7) + backing(7, 1024) + attach(1, 7) + submit(1, b"\1\0\0\0") + transfer(1, 7, False) + GO
SEEDS = {
    "frame": create(1, VIRGL) + FRAME + worker(0, 15, 0) + GO + unref(7) + command(0x201, context=1) + GO,
    "error": create(1, VIRGL) + FRAME + worker(0, 15, 1) + GO,
    "dies": create(1, VIRGL) + create(2, VIRGL) + FRAME + bytes([0xE0, 0x10, 0]) + GO + submit(1, b"\1\0\0\0") + GO,
    "nonsense": create(1, VIRGL) + FRAME + bytes([0xE0, 0, 56]) + bytes(56) + GO,
    "shared": create(1, VIRGL) + create(2, VIRGL) + create(3, CROSS_DOMAIN) + texture(7, 1 << 20) + attach(1, 7)
    + attach(2, 7) + attach(3, 7) + GO + worker(0, 4, 2) + memory(1) + GO + command(0x201, context=1) + unref(7) + GO,
    "blob": create(1, VENUS) + create(2, VIRGL) + blob(1, 7, 4) + attach(1, 7) + map_blob(7, 0) + attach(2, 7) + GO
    + worker(0, 4, 2) + memory(4) + GO + command(0x201, context=1) + command(0x209, 7, 0) + unref(7) + GO,
    "small": create(1, VENUS) + blob(1, 7, 4) + map_blob(7, 0) + GO + worker(0, 4, 2) + memory(3) + GO,
    "order": create(1, VIRGL) + create(2, VIRGL) + submit(1, b"") + submit(2, b"") + GO + worker(1, 4, 0) + GO
    + worker(0, 4, 0) + GO,
    "reboot": create(1, VENUS) + blob(1, 7, 4) + map_blob(7, 0) + GO + b"\7\0" + create(1, VENUS) + blob(1, 7, 1) + GO,
}

if __name__ == "__main__":
    relay.write("renderer", SEEDS)
