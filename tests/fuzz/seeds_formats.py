#!/usr/bin/env python3
"""Writes the seeds of fuzz_feedback: what a host says of linux-dmabuf's formats, and of fuzz_guest_kernel, whose kernel tells
what a device has said."""
import struct

import seeds_relay as relay

TABLE, BYTES, FORMATS, FLAGS, DONE, ALL_DONE, DEVICE, MODIFIER, FORMAT, ANSWER, ASK, REMOVE = range(12)
XRGB, ARGB, XBGR, NV12 = range(4)
LINEAR, UNKNOWN, TILED = range(3)
OPENGL, MODIFIERS = 16, 32


def step(number, *args, more=0):
    return bytes([more << 4 | number, *args])


def table(*pairs, told=0):
    return step(TABLE, len(pairs), *(byte for pair in pairs for byte in pair), told)


def formats(*indices, more=0):
    data = b"".join(struct.pack("<H", i) for i in indices)
    return step(FORMATS, len(data), more=more) + data


def tranche(*indices, flags=0):
    return step(FLAGS) + struct.pack("<I", flags) + formats(*indices) + step(DONE)


PAIRS = table((XRGB, TILED), (XRGB, LINEAR), (ARGB, LINEAR), (XRGB, UNKNOWN))
FEEDBACK = {
    "window": bytes([3]) + PAIRS + tranche(0, 1, 2, 3) + step(ALL_DONE),
    "screen": bytes([3]) + PAIRS + tranche(0, 1, flags=1) + tranche(2, 1, 3) + step(ALL_DONE) + PAIRS + tranche(3, 3) + step(ALL_DONE),
    "tiled": bytes([3 | MODIFIERS]) + PAIRS + tranche(0, 1, 2, 3) + step(ALL_DONE),
    "opengl": bytes([4 | OPENGL]) + table((NV12, LINEAR), (XBGR, LINEAR)) + tranche(0, 1) + step(ALL_DONE),
    "beyond": bytes([3]) + PAIRS + tranche(4, 65535) + tranche(1) + step(ALL_DONE),
    "no-table": bytes([3]) + tranche(0) + step(ALL_DONE),
    "short": bytes([3]) + table((XRGB, LINEAR), told=255) + tranche(0, 1) + step(ALL_DONE),
    "long": bytes([3]) + step(BYTES, 0) + b"\xff" * 4 + tranche(0) + step(ALL_DONE),
    "devices": bytes([3]) + step(DEVICE, 4, 1, 2, 3, 4, more=1) + step(DEVICE, 0) + step(ALL_DONE),
    "many": bytes([3]) + PAIRS + tranche(0, 1) * 70 + step(ALL_DONE),
    "own": bytes([2]) + step(MODIFIER, XRGB, LINEAR) + step(MODIFIER, XRGB, TILED) + step(FORMAT, ARGB) + step(ANSWER) + step(ASK)
    + step(ANSWER),
    "old": bytes([0]) + step(FORMAT, XRGB) + step(ANSWER) + step(ASK),
    "gone": bytes([3]) + PAIRS + step(REMOVE, more=1) + step(ASK) + tranche(1) + step(ALL_DONE) + step(REMOVE),
}

IMPATIENT, CAPSET, HOST_VISIBLE, VIRGL, NOTHING = (1 << i for i in range(5))
EVENT, RECEIVE, EVENTS, MEMORY, SIGNAL, HOLD, FAIL, REMOVED, HANG_UP = range(9)
TURN, CHANNEL, DESTROY = b"\0", b"\1", b"\2"
ALL = 0xFFFFFFFF


def kernel(number, *args, more=0):
    return bytes([0x80 | more << 4 | number, *args])


def start(promises=HOST_VISIBLE, features=0):
    return bytes([promises]) + struct.pack("<I", features) + CHANNEL + TURN


def receive(*identifiers, size=0):
    return kernel(RECEIVE, len(identifiers), *(byte for identifier in identifiers for byte in identifier), size)


BLOB = b"\3" + struct.pack("<H", 16)
SEND = bytes([1 << 4 | 5, 1])
KERNEL = {
    "nothing": bytes([NOTHING]),
    "no-capset": bytes([CAPSET, 0]) + CHANNEL + TURN,
    "strange": bytes([CAPSET, 64]) + b"\xff" * 64 + CHANNEL + TURN + BLOB + SEND + TURN,
    "private": start(VIRGL, 1 << 5) + TURN,
    "window": start() + BLOB + TURN + TURN + SEND + TURN + DESTROY + TURN,
    "all": start(HOST_VISIBLE | VIRGL, ALL) + BLOB + TURN + TURN + SEND + TURN,
    "guest": start(0, ALL) + BLOB + SEND + TURN + b"\4" + TURN,
    "text": start() + receive(size=2) + TURN + receive(size=200) + TURN,
    "memory": start() + receive([7, 1, 1], size=1) + TURN + TURN,
    "held": start() + kernel(HOLD) + BLOB + SEND + TURN + kernel(SIGNAL) + TURN + kernel(SIGNAL) + TURN,
    "fails": b"".join([start(), *(kernel(FAIL, error, after) + BLOB + SEND + TURN for error in range(10) for after in (0, 2))]),
    "removed": start() + BLOB + kernel(REMOVED) + TURN + TURN + CHANNEL + TURN,
    "gone": start(HOST_VISIBLE | IMPATIENT) + BLOB + kernel(HANG_UP) + TURN + TURN,
    "end": start(HOST_VISIBLE | IMPATIENT) + receive() + TURN + CHANNEL + TURN,
    "events": start() + kernel(EVENTS, 8, 0, 0, 0, 0x90, 4, 0, 0, 0) + TURN + kernel(EVENTS, 3, 1, 2, 3) + TURN,
    "scribbles": start() + kernel(MEMORY, 1, 0, 0, 8, *[255] * 8) + kernel(MEMORY, 2, 0, 0, 8, *[255] * 8) + kernel(EVENT, 0) + TURN,
}

if __name__ == "__main__":
    relay.write("feedback", FEEDBACK)
    relay.write("guest_kernel", KERNEL)
