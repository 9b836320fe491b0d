#!/usr/bin/env python3
"""Checks which file includes which header: rooms.py [SOURCE_DIRECTORY]

A directory of the product is a room. A room may include its own headers, those of the rooms in its row of
BELOW, and what those may include; nothing else. Within a room, NAME.c with NAME.h must not need the header of
one that needs NAME.h, directly or in a circle; nor may its .c files use what they define in a circle.

docs/architecture.md names each room.
"""

import pathlib
import re
import sys

BELOW = {
    "protocol/base": [],
    "protocol/streams": ["protocol/base"],
    "protocol/program": ["protocol/base"],
    "protocol/formats": ["protocol/base"],
    "protocol/pixels": ["protocol/base"],
    "protocol/wire": ["protocol/streams"],
    "protocol/interfaces": ["protocol/base"],
    "protocol/objects": ["protocol/interfaces", "protocol/wire"],
    "protocol/relay": ["protocol/objects"],
    "guest-proxy/gpu": ["protocol/relay", "protocol/formats", "protocol/pixels"],
    "guest-proxy/gpu/virtgpu": ["guest-proxy/gpu"],
    "guest-proxy/gpu/rings": ["protocol/base"],
    "guest-proxy/gpu/vhost_user": ["guest-proxy/gpu", "guest-proxy/gpu/rings"],
    "guest-proxy/channel/flow": ["guest-proxy/gpu"],
    "guest-proxy/channel": ["guest-proxy/gpu", "guest-proxy/channel/flow"],
    "guest-proxy/connection": ["guest-proxy/channel"],
    "guest-proxy/sync": ["guest-proxy/connection"],
    "guest-proxy/dmabuf": ["guest-proxy/sync"],
    "guest-proxy/buffers": ["guest-proxy/dmabuf"],
    "guest-proxy/fences": ["guest-proxy/dmabuf"],
    "guest-proxy/globals": ["guest-proxy/fences"],
    "guest-proxy/windows": ["guest-proxy/fences", "guest-proxy/buffers"],
    "guest-proxy/admission": ["protocol/wire", "protocol/program"],
    "guest-proxy/clients": ["guest-proxy/windows", "guest-proxy/globals", "guest-proxy/admission", "protocol/program"],
    "guest-proxy/command": ["protocol/base"],
    "guest-proxy/doctor": ["guest-proxy/channel", "guest-proxy/gpu/vhost_user", "guest-proxy/gpu/virtgpu",
        "protocol/program"],
    "guest-proxy": ["guest-proxy/clients", "guest-proxy/command", "guest-proxy/doctor"],
    "guest-proxy/x11/base": ["protocol/relay", "protocol/formats", "protocol/pixels"],
    "guest-proxy/x11/display": ["guest-proxy/x11/base"],
    "guest-proxy/x11/windows": ["guest-proxy/x11/display"],
    "guest-proxy/x11/shell": ["guest-proxy/x11/windows"],
    "guest-proxy/x11/transfers": ["guest-proxy/x11/windows"],
    "guest-proxy/x11/selections": ["guest-proxy/x11/transfers"],
    "guest-proxy/x11/drags": ["guest-proxy/x11/selections"],
    "guest-proxy/x11": ["guest-proxy/x11/shell", "guest-proxy/x11/drags", "protocol/program"],
    "host-bridge/attendant": ["protocol/base"],
    "host-bridge/confine": ["protocol/base"],
    "host-bridge/control": ["protocol/program", "protocol/streams"],
    "host-bridge/display": ["host-bridge/confine", "protocol/wire"],
    "host-bridge/virtio": ["host-bridge/display", "protocol/relay", "protocol/formats", "protocol/pixels"],
    "host-bridge/vhost": ["host-bridge/virtio", "protocol/program"],
    "host-bridge/resources": ["host-bridge/vhost", "protocol/program"],
    "host-bridge/console": ["host-bridge/resources"],
    "host-bridge/contexts": ["host-bridge/resources"],
    "host-bridge/gpu": ["host-bridge/console", "host-bridge/contexts"],
    "host-bridge/keys": ["protocol/base"],
    "host-bridge/transfers": ["protocol/program", "protocol/streams"],
    "host-bridge/policy/base": ["host-bridge/resources", "host-bridge/keys", "host-bridge/transfers"],
    "host-bridge/policy/buffers": ["host-bridge/policy/base"],
    "host-bridge/policy/surfaces": ["host-bridge/policy/buffers"],
    "host-bridge/policy/border": ["host-bridge/policy/surfaces"],
    "host-bridge/policy/windows": ["host-bridge/policy/border"],
    "host-bridge/policy/transfers": ["host-bridge/policy/windows", "host-bridge/attendant"],
    "host-bridge/policy/keys": ["host-bridge/policy/transfers"],
    "host-bridge/policy": ["host-bridge/policy/keys"],
    "host-bridge/cross_domain/streams": ["host-bridge/resources"],
    "host-bridge/cross_domain": ["host-bridge/contexts", "host-bridge/policy", "host-bridge/cross_domain/streams"],
    "host-bridge/render": ["host-bridge/contexts"],
    "host-bridge/render/worker": ["host-bridge/confine", "protocol/relay"],
    "host-bridge/machines": ["protocol/program"],
    "host-bridge/settings": ["host-bridge/display", "host-bridge/policy", "host-bridge/render"],
    "host-bridge/doctor": ["host-bridge/policy", "host-bridge/render", "host-bridge/machines"],
    "host-bridge": ["host-bridge/settings", "host-bridge/doctor", "host-bridge/cross_domain", "host-bridge/gpu",
        "host-bridge/control"],
}

# What host and worker say to each other is all that the worker has of the room above it.
SHARED = {("host-bridge/render/worker", "host-bridge/render/renderer_protocol.h")}

# Includes that break the rules and are to go: (file, header). One that is no longer there fails the check.
TODO = set()

# Circles within a room that are to be opened, as this script prints them. Likewise.
TODO_CIRCLES = set()

TABLE = "tests/lint/rooms.py"
PICTURE = "docs/architecture.md"
STANDS_ON = {room: set(below) for room, below in BELOW.items()}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
# What is not code; functions and tables that other files can use; names, but for those of types.
SILENT = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
DEFINES = re.compile(r"^(?!static\b|extern\b|typedef\b)\w[^;{}=]*?(\w+)(?:\([^;{}]*\)\n\{|(?:\[\w*\])? = )", re.MULTILINE)
USES = re.compile(r"(?<!struct )(?<!enum )(?<!union )\b[a-z]\w*")
PARTS = ["protocol", "guest-proxy", "host-bridge"]


def room_of(path):
    return str(pathlib.PurePosixPath(path).parent)


def noun_of(path):
    return pathlib.PurePosixPath(path).stem


def read_includes(top):
    """(file, header) for each include of a header that is in the tree, with the header as it is written."""
    for part in PARTS:
        for path in sorted((top / part).rglob("*.[ch]")):
            for header in INCLUDE.findall(path.read_text()):
                if (top / header).exists() or (path.parent / header).exists():
                    yield path.relative_to(top).as_posix(), header


def forbidden(file, header):
    room, other = room_of(file), room_of(header)
    if room not in BELOW:
        return f"{file}: {room} is not in the table of rooms ({TABLE})"
    if "/" not in header:
        return f"{file} includes {header}: write its path from the top"
    if other == room or other in reachable_from(room, STANDS_ON) or (room, header) in SHARED:
        return None
    return f"{file} includes {header}: {room} stands on {', '.join(BELOW[room]) or 'nothing'}, not on {other}"


def reachable_from(start, graph):
    found, todo = set(), [start]
    while todo:
        following = graph.get(todo.pop(), set()) - found
        found |= following
        todo += following
    return found


def included(includes):
    """What each noun needs of its room, {(room, noun): {(room, noun)}}, by its includes. A header without a .c file of
    its name is part of those that include it."""
    graph = {}
    for file, header in includes:
        noun, other = (room_of(file), noun_of(file)), (room_of(header), noun_of(header))
        if noun != other and noun[0] == other[0]:
            graph.setdefault(noun, set()).add(other)
    sources = {(room_of(file), noun_of(file)) for file, _ in includes if file.endswith(".c")}
    for shared in graph.keys() - sources:
        needs = graph.pop(shared)
        for noun, others in graph.items():
            if shared in others:
                others |= needs - {noun}
    return {noun: graph.get(noun, set()) & sources for noun in sources}


def used(top):
    """The same, by what its .c file uses of those of others."""
    code = {}
    for path in (path for part in PARTS for path in (top / part).rglob("*.c")):
        file = path.relative_to(top).as_posix()
        code[room_of(file), noun_of(file)] = SILENT.sub(" ", path.read_text())
    home = {(noun[0], name): noun for noun, text in code.items() for name in DEFINES.findall(text)}
    return {
        noun: {home[noun[0], name] for name in USES.findall(text) if (noun[0], name) in home} - {noun}
        for noun, text in code.items()
    }


def circles(graph):
    """Circles of nouns, each as "ROOM: a b c"."""
    reached = {noun: reachable_from(noun, graph) for noun in graph}
    result = set()
    for noun in graph:
        circle = sorted(other[1] for other in reached[noun] if noun in reached[other])
        if circle:
            result.add(f"{noun[0]}: {' '.join(circle)}")
    return result


def unnamed(text):
    """Rooms that @text does not name."""
    words = set(re.findall(r"[a-z0-9_]+", text))
    return [room for room in BELOW if "/" in room and pathlib.PurePosixPath(room).name not in words]


def main():
    top = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    includes = list(read_includes(top))
    assert includes, f"{top} has no sources"
    wrong = {include: fault for include in includes if (fault := forbidden(*include))}
    uses = used(top)
    assert any(uses.values()), f"{top} has no functions"
    found = circles(included(includes)) | circles(uses)
    faults = [fault for include, fault in wrong.items() if include not in TODO]
    faults += [f"{TABLE}: TODO is no longer needed: {include}" for include in sorted(TODO - wrong.keys())]
    faults += [f"circle in {circle}" for circle in sorted(found - TODO_CIRCLES)]
    faults += [f"{TABLE}: TODO_CIRCLES is no longer needed: {circle}" for circle in sorted(TODO_CIRCLES - found)]
    faults += [f"{PICTURE} does not name {room}" for room in unnamed((top / PICTURE).read_text())]
    print("\n".join(faults) or f"{len(includes)} includes keep to the rooms")
    return bool(faults)


sys.exit(main())
