#!/usr/bin/python3
"""blobs.py HOST DIRECTORY LISTS: looks for what guests wrote to memory of wayferry-host, whose process id is HOST.

Takes that many lists of words out of DIRECTORY (see tests/vm/raw/blobs.c), looks for each word at the start of a page of
the window, and removes the list. Says how many there were and how many not; succeeds when all were there.
"""
import os
import struct
import sys
import time

PAGE = 4096
WINDOW = "/memfd:wayferry-region (deleted)"
TIMEOUT_S = 60  # with guests that say nothing


def open_window(pid):
    directory = f"/proc/{pid}/fd"
    for fd in os.listdir(directory):
        if os.readlink(f"{directory}/{fd}") == WINDOW:
            return os.open(f"{directory}/{fd}", os.O_RDONLY)
    sys.exit(f"process {pid} has no window")


def first_words(window):
    """The first word of each page that is not a hole."""
    words = set()
    end = 0
    while True:
        try:
            start = os.lseek(window, end, os.SEEK_DATA)
        except OSError:
            return words
        end = os.lseek(window, start, os.SEEK_HOLE)
        data = os.pread(window, end - start, start)
        words.update(struct.unpack_from("<Q", data, at)[0] for at in range(0, len(data), PAGE))


def check(window, path):
    """(words, those of them that are not in the window)"""
    with open(path) as file:
        words = {int(line, 16) for line in file}
    return words, words - first_words(window)


window = open_window(sys.argv[1])
directory, lists = sys.argv[2], int(sys.argv[3])
taken, n_words, blobs, lost = 0, 0, set(), set()
deadline = time.monotonic() + TIMEOUT_S
while taken < lists:
    for name in [name for name in os.listdir(directory) if not name.startswith(".")]:
        words, missing = check(window, f"{directory}/{name}")
        os.remove(f"{directory}/{name}")
        taken += 1
        n_words += len(words)
        blobs.update(word >> 8 for word in words)
        lost |= missing
        deadline = time.monotonic() + TIMEOUT_S
    if time.monotonic() > deadline:
        sys.exit(f"only {taken} lists of {lists} came")
    time.sleep(0.002)
print(f"{len(blobs)} blobs, {n_words} words; lost: {len(lost)} words of {len({word >> 8 for word in lost})} blobs")
sys.exit(0 if not lost else "writes of the guest were lost")
