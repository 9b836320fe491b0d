#!/usr/bin/env python3
"""The interface table from Wayland protocol XMLs.

generate.py list CORE PROTOCOLS OWN ADDITIONS   prints the XMLs to use: CORE (wayland.xml), then those below the directory
                                      PROTOCOLS (stable before staging before unstable), then OWN (a directory); with a +
                                      in front those that the XML ADDITIONS has newer versions of interfaces for
generate.py complete OUTPUT XML ADDITIONS   writes the XML with what those add
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
    for directory in [os.path.join(protocols, s) for s in ("stable", "staging", "unstable")]:
        yield from sorted(glob.glob(os.path.join(directory, "**", "*.xml"), recursive=True))
    yield from sorted(glob.glob(os.path.join(own, "*.xml")))


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


def version_of(interface):
    return int(interface.get("version"))


def older(root, additions):
    """Pairs of interfaces, and what is there to add to them."""
    newer = {addition.get("name"): addition for addition in additions}
    for interface in root.findall("interface"):
        addition = newer.get(interface.get("name"))
        if addition is not None and version_of(interface) < version_of(addition):
            yield interface, addition


def complete(output, path, additions_path):
    tree, additions = ElementTree.parse(path), interfaces_of(additions_path)
    there = {interface.get("name") for interface in tree.getroot().findall("interface")}
    completed = set()
    for interface, addition in older(tree.getroot(), additions):
        interface.extend(message for message in addition if int(message.get("since")) > version_of(interface))
        interface.set("version", addition.get("version"))
        completed.add(interface.get("name"))
    for addition in additions:
        if addition.get("beside") in completed and addition.get("name") not in there:
            del addition.attrib["beside"]  # not Wayland's
            tree.getroot().append(addition)
    tree.write(output, encoding="utf-8")


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
        file.write('/* Generated from the protocol XMLs. */\n#include "protocol/interfaces/interfaces.h"\n\n')
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
        *directories, additions_path = arguments
        additions = interfaces_of(additions_path)
        for path in select(candidates(*directories)):
            print("+" * any(older(ElementTree.parse(path).getroot(), additions)) + path)
    elif command == "complete":
        complete(*arguments)
    else:
        write_table(arguments[0], arguments[1:])


main()
