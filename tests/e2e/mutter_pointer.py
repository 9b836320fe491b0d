#!/usr/bin/env python3
"""A pointer on a headless mutter, by its D-Bus interface, which goes with this process.

Reads commands from stdin until its end, as tests/clients/virtual-pointer does: "by DX DY", "button CODE STATE"."""
import sys

from gi.repository import Gio, GLib

REMOTE = "org.gnome.Mutter.RemoteDesktop"


def main():
    bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)

    def call(path, interface, method, kind="()", *arguments):
        answer = bus.call_sync(REMOTE, path, interface, method, GLib.Variant(kind, arguments), None,
                               Gio.DBusCallFlags.NONE, -1, None)
        return answer.unpack()

    session = call("/org/gnome/Mutter/RemoteDesktop", REMOTE, "CreateSession")[0]
    call(session, REMOTE + ".Session", "Start")
    for line in sys.stdin:
        command, first, second = line.split()
        if command == "button":
            call(session, REMOTE + ".Session", "NotifyPointerButton", "(ib)", int(first), second == "1")
        else:
            call(session, REMOTE + ".Session", "NotifyPointerMotionRelative", "(dd)", float(first), float(second))


main()
