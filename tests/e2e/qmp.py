#!/usr/bin/env python3
"""Plays the monitor of a QEMU whose machine has a device of wayferry's, for wayferry-host replace.

usage: qmp.py SOCKET GPU_SOCKET LOG

The guest lets go of the device at the third look. Commands go to LOG, as the monitor understood them."""
import json
import socket
import sys

path, gpu, log = sys.argv[1:]
looks = 0
present = True


def answer(command, arguments):
    global looks, present
    if command == "qom-list":
        devices = [{"name": "type", "type": "string"}, {"type": "child<pcie-root-port>", "name": "the-port"}]
        if present:
            devices.append({"type": "child<vhost-user-test-device-pci>", "name": "the-gpu"})
        return devices
    if command == "qom-get":
        return {"chardev": "the-\"socket".replace('"', ""), "parent_bus": "/machine/peripheral/the-port/the-bus"}[arguments["property"]]
    if command == "query-chardev":
        return [{"frontend-open": True, "filename": "vc", "label": "compat_monitor0"},
                {"frontend-open": True, "filename": f"disconnected:unix:{gpu}", "label": "the-socket"}]
    if command == "chardev-remove":
        looks += 1
        if looks < 3:
            raise RuntimeError("Chardev 'the-socket' is busy")
        present = False
    return {}


listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
with open(log, "w", buffering=1) as commands:
    while True:
        connection, _ = listener.accept()
        lines = connection.makefile("rw")

        def say(message):
            lines.write(json.dumps(message) + "\r\n")
            lines.flush()

        say({"QMP": {"version": {"qemu": {"major": 11}}, "capabilities": []}})
        for line in lines:
            request = json.loads(line)
            print(json.dumps(request, sort_keys=True), file=commands)
            # Events come at any time, and may look like replies.
            say({"event": "RTC_CHANGE", "data": {"return": "error"}, "timestamp": {"seconds": 1, "microseconds": 2}})
            try:
                say({"return": answer(request["execute"], request.get("arguments", {}))})
            except RuntimeError as error:
                say({"error": {"class": "GenericError", "desc": str(error)}})
