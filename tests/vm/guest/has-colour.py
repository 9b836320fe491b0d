#!/usr/bin/env python3
"""Whether a picture has pixels of a colour: has-colour.py FILE.png RRGGBB. For guests, which have no ImageMagick."""

import struct
import sys
import zlib


def read_chunks(png):
    at = 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        at += size + 12


def paeth(left, above, corner):
    distances = [abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)]
    return [left, above, corner][distances.index(min(distances))]


def rows(data, width, height, step):
    """The rows of bytes, as before the encoder's filters."""
    previous = bytearray(width * step)
    for y in range(height):
        start = y * (width * step + 1)
        kind, row = data[start], bytearray(data[start + 1 : start + 1 + width * step])
        for i in range(len(row)) if kind else ():
            left = row[i - step] if i >= step else 0
            corner = previous[i - step] if i >= step else 0
            above = previous[i]
            row[i] = (row[i] + (0, left, above, (left + above) // 2, paeth(left, above, corner))[kind]) % 256
        yield row
        previous = row


with open(sys.argv[1], "rb") as file:
    chunks = list(read_chunks(file.read()))
width, height, depth, kind = struct.unpack(">IIBB", chunks[0][1][:10])
assert depth == 8 and kind in (2, 6), "not 8 bits of RGB or RGBA"
step = 3 if kind == 2 else 4
data = zlib.decompress(b"".join(content for name, content in chunks if name == b"IDAT"))
colour = bytes.fromhex(sys.argv[2])
sys.exit(not any(row[i : i + 3] == colour for row in rows(data, width, height, step) for i in range(0, len(row), step)))
