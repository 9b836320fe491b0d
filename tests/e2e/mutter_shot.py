#!/usr/bin/env python3
"""A picture of mutter's screen, as a PPM, by a stream of PipeWire's of which the first frame is taken.

usage: mutter_shot.py CONNECTOR WIDTH HEIGHT FILE"""
import pathlib
import subprocess
import sys
import tempfile

from gi.repository import Gio, GLib

CAST = "org.gnome.Mutter.ScreenCast"


def call(bus, path, interface, method, arguments=None, kind=None):
    answer = bus.call_sync(CAST, path, interface, method, arguments, kind and GLib.VariantType(kind),
                           Gio.DBusCallFlags.NONE, -1, None)
    return answer.unpack()[0] if kind else None


def node_of(bus, connector):
    """The number of a stream that shows the monitor, while the bus is connected."""
    session = call(bus, "/org/gnome/Mutter/ScreenCast", CAST, "CreateSession", GLib.Variant("(a{sv})", ({},)), "(o)")
    stream = call(bus, session, CAST + ".Session", "RecordMonitor", GLib.Variant("(sa{sv})", (connector, {})), "(o)")
    loop, nodes = GLib.MainLoop(), []

    def added(*arguments):
        nodes.append(arguments[5].unpack()[0])
        loop.quit()

    bus.signal_subscribe(CAST, CAST + ".Stream", "PipeWireStreamAdded", stream, None, Gio.DBusSignalFlags.NONE, added)
    call(bus, session, CAST + ".Session", "Start")
    loop.run()
    return nodes[0]


def main():
    connector, width, height, file = sys.argv[1:]
    bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
    node = node_of(bus, connector)
    with tempfile.TemporaryDirectory() as directory:
        raw = pathlib.Path(directory, "raw")
        subprocess.run(["gst-launch-1.0", "-q", "pipewiresrc", f"path={node}", "num-buffers=1", "!", "videoconvert",
                        "!", "video/x-raw,format=RGB", "!", "filesink", f"location={raw}"], check=True)
        pixels = raw.read_bytes()
    assert len(pixels) == int(width) * int(height) * 3, len(pixels)
    pathlib.Path(file).write_bytes(f"P6\n{width} {height}\n255\n".encode() + pixels)


main()
