#!/usr/bin/env python3
"""The interface table from Wayland protocol XMLs.

generate.py list CORE PROTOCOLS OWN   prints the XMLs to use: CORE (wayland.xml), then those below the directory
                                      PROTOCOLS (stable before staging before unstable), then OWN (a directory)
generate.py table OUTPUT XML...       writes the sorted table of interfaces with the masks of destructors

Each interface comes from one XML only: an XML that repeats an interface of an earlier one is left out as a whole,
and so is one that mentions interfaces nobody defines.
"""
import glob
import os
import sys
import xml.etree.ElementTree as ElementTree

# Destructors that an older wayland.xml does not mark as such.
UNMARKED_DESTRUCTORS = {("wl_callback", "done")}
MAX_MESSAGES = 64  # bits of a mask


def interfaces_of(path):
    return ElementTree.parse(path).getroot().findall("interface")


def candidates(core, protocols, own):
    yield core
    for directory in [os.path.join(protocols, s) for s in ("stable", "staging", "unstable")] + [own]:
        yield from sorted(glob.glob(os.path.join(directory, "**", "*.xml"), recursive=True))


def select(paths):
    chosen, defined = [], set()
    for path in paths:
        names = {interface.get("name") for interface in interfaces_of(path)}
        if names.isdisjoint(defined):
            chosen.append(path)
            defined |= names
    while True:  # one left out may have defined what another one mentions
        incomplete = [path for path in chosen if not mentioned(path) <= defined]
        if not incomplete:
            return chosen
        for path in incomplete:
            print(f"left out, mentions unknown interfaces: {path}", file=sys.stderr)
            chosen.remove(path)
            defined -= {interface.get("name") for interface in interfaces_of(path)}


def mentioned(path):
    args = (arg for interface in interfaces_of(path) for arg in interface.iter("arg"))
    return {arg.get("interface") for arg in args if arg.get("interface")}


def destructor_mask(interface, kind):
    messages = interface.findall(kind)
    if len(messages) > MAX_MESSAGES:
        sys.exit(f"{interface.get('name')}: more than {MAX_MESSAGES} {kind}s")
    return sum(
        1 << opcode
        for opcode, message in enumerate(messages)
        if message.get("type") == "destructor"
        or (interface.get("name"), message.get("name")) in UNMARKED_DESTRUCTORS
    )


def write_table(output, paths):
    found = sorted((i for path in paths for i in interfaces_of(path)), key=lambda i: i.get("name"))
    with open(output, "w", encoding="utf-8") as file:
        file.write('/* Generated from the protocol XMLs. */\n#include "protocol/relay/interfaces.h"\n\n')
        for interface in found:
            file.write(f"extern const struct wl_interface {interface.get('name')}_interface;\n")
        file.write("\nconst struct interface interfaces[] = {\n")
        for index, interface in enumerate(found):
            requests, events = (destructor_mask(interface, kind) for kind in ("request", "event"))
            file.write(
                f"\t{{&{interface.get('name')}_interface, {requests:#x}, {events:#x}, {index}}},\n"
            )
        file.write("};\n\nconst size_t n_interfaces = sizeof(interfaces) / sizeof(interfaces[0]);\n")


def main():
    command, *arguments = sys.argv[1:]
    if command == "list":
        print("\n".join(select(candidates(*arguments))))
    else:
        write_table(arguments[0], arguments[1:])


main()
