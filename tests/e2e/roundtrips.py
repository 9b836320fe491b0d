#!/usr/bin/env python3
"""Clients that count: roundtrips.py IDLE BATCHES COUNT

Connects IDLE clients to $WAYLAND_DISPLAY, which bind nothing and stay, and ten more. These ask COUNT times for an
answer (wl_display.sync), one by one, each when the one before has its answer, whenever a line comes on standard
input; BATCHES times. (Ten, as the places of things in hash tables differ.) Prints "ready", and "done" behind each
batch; then it stays until standard input ends."""
import os
import socket
import struct
import sys

DISPLAY, REGISTRY, CALLBACK = 1, 2, 3
idle, batches, count = map(int, sys.argv[1:])
path = os.path.join(os.environ["XDG_RUNTIME_DIR"], os.environ["WAYLAND_DISPLAY"])


def request(opcode, new_id):
    return struct.pack("<III", DISPLAY, 12 << 16 | opcode, new_id)


def synchronise(client):
    """The callback's done and the display's delete_id come together, or one after the other."""
    client.sendall(request(0, CALLBACK))
    heard = b""
    while struct.pack("<III", DISPLAY, 12 << 16 | 1, CALLBACK) not in heard:
        data = client.recv(65536)
        if not data:
            sys.exit("the connection was closed")
        heard += data


def connect():
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    client.sendall(request(1, REGISTRY))
    synchronise(client)
    return client


clients = [connect() for _ in range(idle + 10)]
print("ready", flush=True)
for _ in range(batches):
    sys.stdin.readline()
    for i in range(count):
        synchronise(clients[idle + i % 10])
    print("done", flush=True)
sys.stdin.read()
