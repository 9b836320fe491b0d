#!/usr/bin/env python3
"""Writes seeds of fuzz_cross_domain: channels of a group that have no place in the queue, and what becomes of those that
another one was told of when that one ends, fails, or cannot be told."""
import struct

import seeds_relay as relay

SUBMIT, SPEAK, TURN, DISTURB, SWITCH, END = 0, 3, 4, 9, 0xF0, 4
FILL_QUEUE = bytes([DISTURB, 7])
NO_RING, CHANNEL_RING = 0, 2  # of submissions, one more than the ring's number
QUERY, RING = 1, 2            # resources; the ring has five pages
INIT, POLL, SEND, PATIENT, GROUP, PAGES = 1, 3, 4, 0x85, 0x86, 0x88
WAYLAND, BLOB = 1, 1


def command(number, *words, data=b""):
    body = struct.pack(f"<{len(words)}I", *words) + data
    return struct.pack("<BBHI", number, 0, 8 + len(body), 0) + body


def submit(*commands, ring=NO_RING):
    bytes_ = b"".join(commands)
    return struct.pack("<BBH", SUBMIT, ring, len(bytes_)) + bytes_


def go_to(which, end=0):
    return bytes([SWITCH | which | end])


def opened(which, key=7):
    group = command(GROUP, key, 0, 100 + which, 0)
    return go_to(which) + submit(command(PATIENT), group, command(INIT, QUERY, RING, WAYLAND))


def asks(which, page=0, n_pages=0):
    return go_to(which) + submit(command(POLL, page, n_pages), ring=CHANNEL_RING)


def hears(which):
    return go_to(which) + struct.pack("<BBBH", SPEAK, 0, 0, 8) + b"hello..." + bytes([TURN])


def fails(which):
    """It names memory that is not there."""
    identifiers = [77] + [0] * 27, [BLOB] + [0] * 27, [0] * 28
    return go_to(which) + submit(command(SEND, 1, 2, *sum(identifiers, []), data=b"it"))


# The last of the three has no place, and something comes for it.
PUT_OFF = opened(0) + opened(1) + opened(2) + asks(0) + asks(1) + FILL_QUEUE + asks(2)
CALLED = PUT_OFF + hears(2)

SEEDS = {
    "bell": CALLED + asks(2) + bytes([TURN]),
    "bell-two-groups": opened(0, 8) + opened(1) + opened(2) + asks(0) + asks(1) + FILL_QUEUE + asks(2) + hears(2),
    "bell-in-runs": opened(0) + opened(1) + opened(2) + asks(0, 0, 2) + asks(0, 2, 2) + asks(1, 0, 1) + FILL_QUEUE
    + asks(2) + hears(2) + asks(2, 0, 4) + bytes([TURN]),
    "bell-ends": CALLED + go_to(1, END) + bytes([TURN]) + asks(2) + bytes([TURN]),
    "bell-called-ends": CALLED + go_to(2, END) + go_to(1, END) + bytes([TURN]),
    "bell-fails": CALLED + fails(1) + bytes([TURN]) + asks(2) + bytes([TURN]),
    "bell-failed-before": PUT_OFF + fails(1) + asks(1) + hears(2),
    "bell-nobody": PUT_OFF + go_to(0, END) + go_to(1, END) + hears(2) + opened(0) + asks(0) + bytes([TURN]),
    "bell-not-written": opened(0) + opened(1) + opened(2) + asks(0) + go_to(1) + submit(command(PAGES, QUERY, 0))
    + asks(1, 5) + submit(command(PAGES, 0, 0)) + FILL_QUEUE + asks(2) + hears(2),
}

if __name__ == "__main__":
    relay.write("cross_domain", SEEDS)
