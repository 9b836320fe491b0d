#!/usr/bin/env python3
"""Writes the seeds of fuzz_guest_device: a guest's life with a device that is honest, up to a point."""
import struct

import seeds_relay as relay

RECEIVE, READ, RUN, BELL = 5, 6, 0x82, 0x87
BLOB, WRITE_PIPE = 1, 4
NOW = 0x80  # the device's step, though the guest does not wait


def honest(n):
    """Answers to n things."""
    out = b""
    while n > 0:
        out += bytes([(min(n, 8) - 1) << 4])
        n -= 8
    return out


def used(which, length, type, data=b"", how=0):
    return bytes([how << 4 | 2, which]) + struct.pack("<IBB", length, type, len(data)) + data


def memory(place, offset, data):
    return bytes([4, place]) + struct.pack("<HB", offset, len(data)) + data


def request(request, shmid, fd, window, length, flags=1, fds=1):
    return bytes([5, request, shmid, fd & 255, window & 255, length & 255, flags, fds])


def now(steps):
    """A device's step in place of one of the guest's."""
    return bytes([steps[0] | NOW]) + steps[1:]


def event(data, channel=0):
    return now(bytes([channel << 4 | 7, len(data)]) + data)


def receive(*identifiers, size=0, channel=0):
    return now(bytes([channel << 4 | 8, len(identifiers)]) + b"".join(map(bytes, identifiers)) + bytes([size]))


def read(pipe, data, hang_up=0, told=None):
    return event(struct.pack("<BBHIIIII", READ, 0, 0, 0, pipe, hang_up, len(data) if told is None else told, 0) + data)


def run(*events, told=None):
    """Events in one slot, of a host that has runs (RUNS among its features)."""
    events = b"".join(e + bytes(-len(e) % 8) for e in events)
    return event(struct.pack("<BBHIII", RUN, 0, 0, 0, len(events) if told is None else told, 0) + events)


def read_of(pipe, data, hang_up=0):
    return struct.pack("<BBHIIIII", READ, 0, 0, 0, pipe, hang_up, len(data), 0) + data


TURN = b"\0"
CHANNEL, DESTROY = b"\1", b"\2"
HANG_UP = b"\x8a"
GO = now(honest(8)) + TURN


def blob(size):
    return b"\3" + struct.pack("<H", size // 256)


def send(size, blob=0, pipe=0):
    return bytes([(blob | pipe << 1) << 4 | 5, size // 64])


def write(pipe, size, hang_up=0):
    return bytes([hang_up << 4 | 6, pipe, size // 64])


def start(features=0, patient=0, places=0):
    """Up to the commands: what the frontend asks, the two capsets."""
    return bytes([patient | places << 1]) + honest(10) + honest(1) + bytes([features])


def answers(*steps):
    """Steps of the device while the guest goes on, which then hears of them."""
    out = b""
    for step in steps:
        out += b"".join(now(step[i:i + 1]) for i in range(len(step))) if step[0] & 15 == 0 else now(step)
    return out + TURN + TURN


def channel(features=0, patient=0, places=0):
    """A context, its rings (each is created and attached), INIT and what comes with it."""
    return start(features, patient, places) + CHANNEL + GO + GO


def bell(*members, channel=0, told=None):
    """Of a host that has a place for some POLLs only (channel(places=1))."""
    return event(struct.pack("<BBHIII", BELL, 0, 0, 0, len(members) if told is None else told, 0)
        + struct.pack(f"<{len(members)}I", *members), channel)


def put_off(channel=0):
    return event(bytes(8), channel)


ALL = 0x1F
RUNS = 4
SEEDS = {
    "nothing": b"",
    "start": start(),
    "channel": channel() + DESTROY + GO,
    "window": channel() + blob(4096) + answers(honest(1)) + answers(honest(3)) + send(64, blob=1) + GO + DESTROY + GO,
    "shared": channel(ALL) + blob(4096) + answers(honest(2)) + send(64, blob=1) + GO,
    "refused": channel() + blob(4096) + answers(honest(1)) + answers(used(0, 24, 6), honest(2)) + GO,
    "elsewhere": channel() + blob(4096) + answers(honest(1)) + answers(honest(2), used(0, 24, 6)) + answers(honest(4)) + GO,
    "unmapped": channel() + blob(4096) + now(request(10, 1, 0, 0, 0)) + now(request(10, 1, 0, 0, -1)) + answers(honest(1)) + answers(honest(3)) + GO,
    "text": channel() + receive(size=2) + TURN + receive(size=200) + TURN,
    "memory": channel() + receive([7, BLOB, 1], size=1) + TURN + answers(honest(3)) + GO,
    "fetch": channel(8) + receive([7, BLOB, 1], size=1) + TURN + answers(used(0, 24, 6), honest(2)) + answers(honest(4)) + GO,
    "pipe": channel(ALL) + send(64, pipe=1) + GO + read(0x80000001, b"some bytes") + TURN
    + read(0x80000001, b"", hang_up=1) + TURN,
    "long": channel() + read(0x80000001, b"", told=0xFFFFFFFF) + TURN,
    "ferry": channel() + receive([9, WRITE_PIPE, 0]) + TURN + write(9, 8192) + GO + write(9, 64, hang_up=1) + GO,
    "run": channel(ALL) + send(64, pipe=1) + GO + run(read_of(0x80000001, b"some bytes"), read_of(0x80000001, b"more"))
    + TURN + run(read_of(0x80000001, b"", hang_up=1), read_of(0x80000001, b"late")) + TURN,
    "run-on": channel(RUNS) + run(read_of(1, b"12345678"), told=0xFFFFFFFF) + TURN,
    "run-short": channel(RUNS) + run(read_of(1, b"12345678"), told=28) + TURN,
    "run-in-run": channel(RUNS) + run(struct.pack("<BBHIII", RUN, 0, 0, 0, 8, 0)) + TURN,
    "end": channel() + receive() + TURN,
    "events": channel() + event(bytes([99])) + TURN,
    "unknown": channel() + receive([1, 77, 1]) + TURN,
    "impatient": channel(patient=1) + receive() + TURN + CHANNEL + GO + GO,
    "index": channel() + now(b"\3\xff\x7f") + TURN,
    "short": channel() + send(64) + now(used(0, 4, 0)) + TURN,
    "twice": channel() + now(used(0, 24, 0, how=1)) + now(used(0, 24, 0, how=1)) + TURN,
    "unref": channel() + blob(4096) + answers(honest(1)) + b"\4" + answers(honest(8)) + TURN,
    "both": channel() + blob(4096) + blob(65536) + answers(honest(1)) + answers(honest(4)) + answers(honest(8)) + GO,
    "wild": channel() + now(used(0, 24, 0, how=2)) + TURN,
    "dies": channel() + blob(4096) + answers(honest(1)) + b"\x8a" + TURN,
    "gone": channel() + HANG_UP + TURN + TURN,
    "requests": channel() + now(request(9, 1, 0, 0, 1)) + now(request(9, 1, -1, 0, 16)) + now(request(9, 0, 0, 0, 16))
    + now(request(9, 1, 0, 0, 16, fds=0)) + now(request(7, 0, 0, 0, 0)) + TURN,
    "bell": channel(places=1) + CHANNEL + GO + GO + put_off(1) + TURN + bell(2) + TURN + GO + bell(1, 2, 3) + TURN
    + put_off(0) + TURN + GO + put_off(1) + TURN + DESTROY + GO,
    "bell-long": channel(places=1) + bell(1, told=0xFFFFFFFF) + TURN,
    "bell-alone": channel() + bell(1) + TURN,
    "scribbles": channel() + now(memory(0, 0, b"\xff" * 64)) + now(memory(1, 0, b"\xff" * 64))
    + now(memory(3, 0, b"\xff" * 128)) + blob(4096) + answers(honest(1)) + answers(honest(3)) + GO,
}

if __name__ == "__main__":
    relay.write("guest_device", SEEDS)
