#!/usr/bin/python3
"""monitor.py SOCKET (COMMAND ARGUMENTS | EVENT DEVICE)...: talks to QEMU's monitor (QMP) behind that socket.

Gives it the commands (arguments are JSON), one after another, and waits for the events, which have names in capitals and
may have come since the first command.
"""
import json
import socket
import sys


class Monitor:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile()
        self.events = []
        self.next()  # the greeting
        self.execute("qmp_capabilities", {})

    def next(self):
        line = self.lines.readline()
        if not line:
            sys.exit("the monitor hung up")
        message = json.loads(line)
        if "event" in message:
            self.events.append((message["event"], message.get("data", {}).get("device")))
        return message

    def execute(self, command, arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            message = self.next()
            if "error" in message:
                sys.exit(f"{command}: {message['error']['desc']}")
            if "return" in message:
                return

    def wait(self, event, device):
        while (event, device) not in self.events:
            self.next()


monitor = Monitor(sys.argv[1])
for word, argument in zip(sys.argv[2::2], sys.argv[3::2]):
    if word.isupper():
        monitor.wait(word, argument)
    else:
        monitor.execute(word, json.loads(argument))
