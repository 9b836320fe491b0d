#!/usr/bin/env python3
"""Whether a picture of the screen (PPM, or PNG of 8 bits) has a border with its label around a window and its popups, exact
to the pixel. Where the window is says the first pixel of the border's colour.

usage: label_shown.py FILE BORDER_COLOUR THICKNESS TEXT [LEFT TOP WIDTH HEIGHT COLOUR]...
       label_shown.py FILE BORDER_COLOUR THICKNESS TEXT around WIDTH HEIGHT COLOUR      only of the window in that colour

Boxes are what is inside of borders, as seen from the first of them; later ones lie above. Colours are RRGGBB."""
import pathlib
import re
import struct
import sys
import zlib

FONT = pathlib.Path(__file__).parents[2] / "host-bridge/policy/border/label_font.c"
WHITE = b"\xff\xff\xff"


def read_ppm(data):
    _, size, _, pixels = data.split(b"\n", 3)
    width, height = map(int, size.split())
    return [pixels[y * width * 3:(y + 1) * width * 3] for y in range(height)]


def predict(kind, left, up, corner):
    if kind == 4:
        about = left + up - corner
        return min((abs(about - left), 0, left), (abs(about - up), 1, up), (abs(about - corner), 2, corner))[2]
    return (0, left, up, (left + up) // 2)[kind]


def read_png(data):
    width, height, depth, colours = struct.unpack(">IIBB", data[16:26])
    assert depth == 8 and colours in (2, 6), (depth, colours)
    channels = {2: 3, 6: 4}[colours]
    at, packed = 8, b""
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at:at + 8])
        packed += data[at + 8:at + 8 + size] if name == b"IDAT" else b""
        at += size + 12
    packed = zlib.decompress(packed)
    rows, before, length = [], bytes(width * channels), width * channels
    for y in range(height):
        kind = packed[y * (length + 1)]
        row = bytearray(packed[y * (length + 1) + 1:(y + 1) * (length + 1)])
        for x in range(length if kind else 0):
            left, corner = (row[x - channels], before[x - channels]) if x >= channels else (0, 0)
            row[x] = (row[x] + predict(kind, left, before[x], corner)) & 255
        before = bytes(row)
        rows.append(b"".join(before[x:x + 3] for x in range(0, length, channels)))
    return rows


def dots(text):
    """Where the label has white dots, from its left top."""
    sheet = re.findall(r'^\t\t"([#. ]+)",$', FONT.read_text(), re.M)
    for i, letter in enumerate(text):
        band, column = divmod(ord(letter) - ord(" "), 12)
        for y, row in enumerate(sheet[band * 7:band * 7 + 7]):
            for x, dot in enumerate(row[column * 6:column * 6 + 5]):
                if dot == "#":
                    yield i * 6 + x, y


def draw(boxes, border, thickness, text):
    picture = {}
    for left, top, width, height, colour in boxes:
        for y in range(-thickness, height + thickness):
            for x in range(-thickness, width + thickness):
                inside = 0 <= x < width and 0 <= y < height
                picture[left + x, top + y] = colour if inside else border
        for x, y in dots(text):
            picture[left + x, top + y + 1 - thickness] = WHITE
    return picture


def main():
    file, border, thickness, text, *rest = sys.argv[1:]
    data = pathlib.Path(file).read_bytes()
    rows = read_png(data) if data.startswith(b"\x89PNG") else read_ppm(data)
    border, thickness = bytes.fromhex(border), int(thickness)
    alone = rest[0] == "around"
    if alone:
        rest = ["0", "0", *rest[1:]]
    boxes = [(*map(int, rest[i:i + 4]), bytes.fromhex(rest[i + 4])) for i in range(0, len(rest), 5)]
    assert boxes and boxes[0][:2] == (0, 0)
    sought = boxes[0][4] if alone else border
    first = next(((x // 3, y) for y, row in enumerate(rows) for x in [find(row, sought)] if x >= 0), None)
    if not first:
        sys.exit("there is no border, or no window")
    if alone:
        first = first[0] - thickness, first[1] - thickness
    expected = draw(boxes, border, thickness, text)
    wrong, around = [], 0
    for y, row in enumerate(rows):
        for x in range(len(row) // 3):
            place = x - first[0] - thickness, y - first[1] - thickness
            pixel = row[x * 3:x * 3 + 3]
            if place in expected and pixel != expected[place]:
                wrong.append((place, pixel.hex()))
            around += place not in expected and pixel == border
    seen = sum(first[0] + thickness + x in range(len(rows[0]) // 3) and first[1] + thickness + y in range(len(rows))
               for x, y in expected)
    if seen < len(expected):
        sys.exit(f"{len(expected) - seen} pixels are outside of the screen")
    if wrong or around and not alone:
        sys.exit(f"{len(wrong)} pixels are wrong, as {wrong[:3]}; {around} of the border are elsewhere")


def find(row, colour):
    """The byte where the first pixel of the colour begins, or -1."""
    at = row.find(colour)
    while at > 0 and at % 3:
        at = row.find(colour, at + 1)
    return at


main()
