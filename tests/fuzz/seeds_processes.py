#!/usr/bin/env python3
"""Writes the seeds of fuzz_control, fuzz_images and fuzz_fd_room, which begin in the right way."""
import os
import sys

CONNECT, SEND, CLOSE, RECEIVE, NAME, TURN, WAIT = 0, 2, 4, 5, 6, 7, 15


def control(client, what, text=None):
    out = bytes([client << 3 | what])
    return out if text is None else out + bytes([len(text)]) + text


def asks(text, first=b"\0"):
    return first + control(0, CONNECT) + bytes([TURN]) + control(0, SEND, text) + bytes([TURN, TURN]) + \
        control(0, RECEIVE) + bytes([TURN])


def image(which, how, *rest):
    return bytes([0, which, how, *rest])


def answered(how, pages, strides, offsets=(0, 0, 0, 0)):
    return bytes([3, how, pages]) + bytes(x for pair in zip(strides, offsets) for x in pair) + bytes([7])


SEEDS = {
    "control": [
        asks(b"list\n"), asks(b"show json\n"), asks(b"show\n", b"\xff"), asks(b"show\n", b"\xf1"), asks(b"quit\n"),
        b"\0" + b"".join(control(i, CONNECT) + bytes([WAIT]) for i in range(12)) +
        b"".join(control(i, SEND, b"li") + bytes([TURN]) for i in range(12)) +
        b"".join(control(i, SEND, b"st\n") + bytes([TURN]) for i in range(12)),
        b"\0" + control(0, CONNECT) + bytes([WAIT]) + control(0, SEND, b"x" * 64) + bytes([TURN]),
        b"\0" + control(0, NAME, b"work.12.control") + control(0, NAME, b"12.control"),
    ],
    "images": [
        image(0, 3, 1, 1) + answered(2, 1, (0, 0, 0, 0)),
        image(1, 0, 4, 16) + image(2, 0, 4, 16) + answered(2, 1, (4, 0, 0, 0)) + answered(1, 0, (0, 0, 0, 0)),
        image(1, 2, 4, 32) + answered(2, 3, (4, 4, 0, 0), (0, 1, 0, 0)),
        b"".join(image(i, 3, 1, 1) for i in range(9)) + bytes([2, 0, 2, 8]) + answered(2, 1, (0, 0, 0, 0)) * 9,
        (image(5, 3, 1, 1) + bytes([3 + 3, 7, 7])) * 4,
        image(6, 0x10, 4, 16, 2, 7, 9) + bytes([3, 2 | 16, 4, 4, 0, 1, 3, 0, 0, 0, 0]) + b"\0\0\0\7" + bytes([7]),
    ],
    "fd_room": [
        bytes([0, 250, 2, 1, 1, 100, 2, 64, 2, 32]), bytes([2, 64, 0, 180, 2, 64, 0, 20, 2, 64, 1, 40, 2, 64]),
    ],
}

for name, inputs in SEEDS.items():
    directory = os.path.join(sys.argv[1], name)
    os.makedirs(directory, exist_ok=True)
    for i, data in enumerate(inputs):
        with open(os.path.join(directory, f"seed-{i}"), "wb") as file:
            file.write(data)
