#!/usr/bin/env python3
"""A Wayland client that says what it likes, byte by byte.

usage: raw_wayland.py SOCKET globals | versions | toplevels N | listen | crowd N | roundtrips IDLE BATCHES COUNT

globals: prints the interfaces that it is offered; versions: with their versions. toplevels: makes N windows that are never drawn, with titles as long as they
may be, says "ready", and stays. listen: has no window, and prints what its data device is told, "ready" once the compositor
has answered, and what comes afterwards. crowd: connects N times, keeps all connections, and prints how many were answered and
what the first one that was not was told. roundtrips: connects IDLE clients, which bind nothing and stay, and ten more. These ask
COUNT times for an answer, one by one, each when the one before has its answer, whenever a line comes on standard input; BATCHES
times. (Ten, as the places of things in hash tables differ.) Says "ready", and "done" behind each batch; then it stays until
standard input ends."""
import socket
import struct
import sys


def text(string):
    data = string.encode() + b"\0"
    return struct.pack("=I", len(data)) + data + b"\0" * (-len(data) % 4)


def numbers(*values):
    return struct.pack(f"={len(values)}I", *values)


class Ended(Exception):
    """The connection has, or was refused."""


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.last = 1
        self.names, self.versions = {}, {}
        self.incoming = self.events()
        self.registry, self.callback = self.new(), self.new()     # ids are used in their order
        self.say(1, 1, numbers(self.registry))
        self.sync()

    def new(self):
        self.last += 1
        return self.last

    def say(self, thing, opcode, body):
        try:
            self.socket.sendall(numbers(thing, (8 + len(body)) << 16 | opcode) + body)
        except (BrokenPipeError, ConnectionResetError):
            pass    # why is still to be read

    def events(self):
        data = b""
        while True:
            while len(data) < 8 or len(data) < struct.unpack("=4xI", data[:8])[0] >> 16:
                try:
                    more = self.socket.recv(65536)
                except ConnectionResetError:
                    more = b""
                if not more:
                    raise Ended("the connection has ended")
                data += more
            thing, word = struct.unpack("=II", data[:8])
            body = data[8:word >> 16]
            data = data[word >> 16:]
            if thing == 1 and word & 0xffff == 0:
                raise Ended(f"error: {body[12:].rstrip(bytes(1)).decode()}")
            if thing == self.registry and word & 0xffff == 0:
                size = struct.unpack("=I", body[4:8])[0]
                name = body[8:7 + size].decode()
                self.names[name] = struct.unpack("=I", body[:4])[0]
                self.versions[name] = struct.unpack("=I", body[-4:])[0]
            yield thing, word & 0xffff, body

    def sync(self):
        """What comes until the compositor has answered, and the answer's id can be used again."""
        self.say(1, 0, numbers(self.callback))
        found = []
        for event in self.incoming:
            if event == (1, 1, numbers(self.callback)):
                return found
            if event[0] != self.callback:
                found.append(event)

    def bind(self, interface):
        thing = self.new()
        self.say(self.registry, 0, numbers(self.names[interface]) + text(interface) + numbers(1, thing))
        return thing


def toplevels(client, n):
    compositor, shell = client.bind("wl_compositor"), client.bind("xdg_wm_base")
    for i in range(n):
        surface, window, toplevel = client.new(), client.new(), client.new()
        client.say(compositor, 0, numbers(surface))
        client.say(shell, 2, numbers(window, surface))
        client.say(window, 1, numbers(toplevel))
        client.say(toplevel, 2, text(f"{i} " + "x" * 200))
        if i % 100 == 99:
            client.sync()
    client.sync()
    print("ready", flush=True)
    for _ in client.incoming:
        pass


def listen(client):
    seat, manager, device = client.bind("wl_seat"), client.bind("wl_data_device_manager"), client.new()
    client.say(manager, 1, numbers(device, seat))
    for event in client.sync():
        if event[0] == device:
            print("told", *event[:2], flush=True)
    print("ready", flush=True)
    for event in client.incoming:
        if event[0] == device:
            print("told", *event[:2], flush=True)


def crowd(path, n):
    kept, why = [], "none was refused"
    for _ in range(n):
        try:
            kept.append(Client(path))
        except Ended as end:
            why = str(end)
            break
    print(f"{len(kept)} answered; {why}")


def roundtrips(path, idle, batches, count):
    clients = [Client(path) for _ in range(idle + 10)]
    print("ready", flush=True)
    for _ in range(batches):
        sys.stdin.readline()
        for i in range(count):
            clients[idle + i % 10].sync()
        print("done", flush=True)
    sys.stdin.read()


def main():
    several = {"crowd": crowd, "roundtrips": roundtrips}.get(sys.argv[2])
    if several:
        several(sys.argv[1], *map(int, sys.argv[3:]))
        return
    client = Client(sys.argv[1])
    if sys.argv[2] == "globals":
        print("\n".join(sorted(client.names)))
    elif sys.argv[2] == "versions":
        print("\n".join(f"{name} {version}" for name, version in sorted(client.versions.items())))
    elif sys.argv[2] == "toplevels":
        toplevels(client, int(sys.argv[3]))
    else:
        listen(client)


if __name__ == "__main__":
    main()
