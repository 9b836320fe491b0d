#!/usr/bin/python3
"""same-memory.py HOST MONITOR COMPOSITOR 0xRRGGBB PIXELS: by their process ids.

Succeeds when the compositor has mapped the very file that is wayferry-host's host-visible region and that the monitor has
mapped into the guest, and sees at least that many pixels of that colour in it: what a guest's program drew.
"""
import os
import re
import struct
import sys

NAME = "/memfd:wayferry-region (deleted)"


def window_of(pid):
    """The inode of the process's window, and a path to it."""
    directory = f"/proc/{pid}/fd"
    for fd in os.listdir(directory):
        if os.readlink(f"{directory}/{fd}") == NAME:
            return os.stat(f"{directory}/{fd}").st_ino
    sys.exit(f"process {pid} has no window")


def mappings_of(pid, inode):
    """(path, file offset, length) of the process's mappings of that file."""
    with open(f"/proc/{pid}/maps") as maps:
        for line in maps:
            found = re.match(r"(\w+)-(\w+) \S+ (\w+) \S+ (\d+)\s+" + re.escape(NAME), line)
            if found and int(found[4]) == inode:
                start, end, offset = (int(found[i], 16) for i in (1, 2, 3))
                yield f"/proc/{pid}/map_files/{start:x}-{end:x}", offset, end - start


def count(pid, inode, pixel):
    """The pixels in the parts of the file that the process has mapped; holes are skipped."""
    parts = list(mappings_of(pid, inode))
    if not parts:
        sys.exit(f"process {pid} has not mapped the window")
    found = 0
    for path, offset, length in parts:
        with open(path, "rb", buffering=0) as file:
            end = offset + length
            while offset < end:
                try:
                    start = os.lseek(file.fileno(), offset, os.SEEK_DATA)
                except OSError:
                    break
                offset = min(end, os.lseek(file.fileno(), start, os.SEEK_HOLE))
                data = os.pread(file.fileno(), max(0, offset - start), start)
                found = max(found, data.count(pixel))
    return found


host, monitor, compositor, colour, wanted = (int(word, 0) for word in sys.argv[1:])
inode = window_of(host)
pixel = struct.pack("<I", colour)
if not list(mappings_of(monitor, inode)):
    sys.exit("the monitor has not mapped the window")
seen = count(compositor, inode, pixel)
print(f"{seen} pixels")
sys.exit(0 if seen >= wanted else "the compositor's memory has not what the guest drew")
