#!/usr/bin/python3
"""monitor.py SOCKET STEP...: talks to QEMU's monitor (QMP) behind that socket.

A step is a command of the human monitor, which must have nothing to say to it; or EVENT:DEVICE, an event to wait
for, which may have come since the first step.
"""
import json
import re
import socket
import sys


class Monitor:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile()
        self.events = []
        self.next()  # the greeting
        self.execute("qmp_capabilities")

    def next(self):
        line = self.lines.readline()
        if not line:
            sys.exit("the monitor hung up")
        message = json.loads(line)
        if "event" in message:
            self.events.append((message["event"], message.get("data", {}).get("device")))
        return message

    def execute(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            message = self.next()
            if "error" in message:
                sys.exit(f"{command}: {message['error']['desc']}")
            if "return" in message:
                return message["return"]

    def human(self, line):
        said = self.execute("human-monitor-command", **{"command-line": line}).strip()
        if said:
            sys.exit(f"{line}: {said}")

    def wait(self, event, device):
        while (event, device) not in self.events:
            self.next()


monitor = Monitor(sys.argv[1])
for step in sys.argv[2:]:
    event = re.fullmatch(r"([A-Z_]+):(\S+)", step)
    if event:
        monitor.wait(event[1], event[2])
    else:
        monitor.human(step)
