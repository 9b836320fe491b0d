#!/usr/bin/env python3
"""Arguments for ImageMagick that draw a label of wayferry-host's, white, with its own letters: the sheet in
label_font.c.

usage: label.py TEXT LEFT TOP SCALE"""
import pathlib
import re
import sys

text, left, top, scale = sys.argv[1], *map(int, sys.argv[2:])
source = pathlib.Path(__file__).parents[2] / "host-bridge/policy/border/label_font.c"
rows = re.findall(r'^\t\t"([#. ]+)",$', source.read_text(), re.M)
print("-fill", "white", sep="\n")
for i, letter in enumerate(text):
    band, column = divmod(ord(letter) - ord(" "), 12)
    for y, row in enumerate(rows[band * 7:band * 7 + 7]):
        for x, dot in enumerate(row[column * 6:column * 6 + 5]):
            if dot == "#":
                x0, y0 = left + (i * 6 + x) * scale, top + y * scale
                print("-draw", f"rectangle {x0},{y0} {x0 + scale - 1},{y0 + scale - 1}", sep="\n")
