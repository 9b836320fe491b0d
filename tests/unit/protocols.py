#!/usr/bin/env python3
"""Every global of wayland and wayland-protocols is one that wayferry-host allows, up to the version that they have, or
refuses with a reason, or it stands in the table here of what is missing, with the reason why. What xml/ describes is what
they have, where they have it.

usage: protocols.py WAYFERRY_HOST XML_DIRECTORY DIRECTORY... (…/share/wayland-protocols and …/share/wayland; any version)"""
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as xml

MISSING = {
    "xdg_shell": "version 5 of an unstable protocol, which nothing uses any more",
}
# Made by no request of these protocols, but no globals either.
NO_GLOBALS = {"wl_display", "wp_image_description_reference_v1"}

# Requests with the serial of an event, so that a compositor knows what they answer. Those that could take something away
# from other windows pass only in answer to the user (policy_actions.c, policy_clipboard.c):
CHECKED_SERIALS = {
    "wl_data_device": {"start_drag", "set_selection"},
    "wl_shell_surface": {"move", "resize", "set_popup"},
    "gtk_primary_selection_device": {"set_selection"},
    "xdg_activation_token_v1": {"set_serial"},
    "xdg_popup": {"grab"},
    "xdg_toplevel": {"move", "resize", "show_window_menu"},
    "zwp_primary_selection_device_v1": {"set_selection"},
    "zxdg_popup_v6": {"grab"},
    "zxdg_toplevel_v6": {"move", "resize", "show_window_menu"},
}
# Whatever the interface: they concern the client's own objects alone, or the pointer's picture or place while it is over
# them, which compositors look at.
HARMLESS_SERIALS = {"accept", "ack_configure", "commit_state", "pong", "set_cursor", "set_feedback", "set_parent_configure",
                    "set_shape", "update_state", "warp_pointer"}


def protocols(directory):
    for path in sorted(pathlib.Path(directory).rglob("*.xml")):
        if path.parent.name != "additions":
            yield xml.parse(path).getroot().findall("interface")


def interfaces(directory):
    return [interface for protocol in protocols(directory) for interface in protocol]


def undecided_serials(protocol):
    for interface in protocol:
        name = interface.get("name")
        asked = {request.get("name") for request in interface.findall("request")
                 if any(arg.get("name") == "serial" for arg in request.iter("arg"))}
        for request in sorted(asked - HARMLESS_SERIALS - CHECKED_SERIALS.get(name, set())):
            yield f"{name}.{request} has a serial, and nobody has decided what becomes of it (policy_actions.c)"


def messages(interface, version):
    """What is on the wire, of the messages that there are up to a version."""
    def described(message):
        args = [(arg.get("type"), arg.get("interface"), arg.get("allow-null") == "true") for arg in message.iter("arg")]
        return message.tag, message.get("name"), message.get("type"), int(message.get("since", 1)), args

    found = [described(message) for message in interface if message.tag in ("request", "event")]
    return sorted((m for m in found if m[3] <= version), key=lambda m: m[0])


def globals_of(described):
    made = {arg.get("interface") for interface in described for arg in interface.iter("arg") if arg.get("type") == "new_id"}
    return {interface.get("name") for interface in described} - made - NO_GLOBALS


host, own, *directories = sys.argv[1:]
said = subprocess.run([host, "capabilities"], capture_output=True, text=True, check=True).stdout
decided = {words[1].rstrip(":") for words in map(str.split, said.splitlines()) if words[0] in ("allow", "deny", "absent")}
reviewed = {words[1]: int(words[5].rstrip(",")) for words in map(str.split, said.splitlines()) if words[0] == "allow"}
theirs = [interface for directory in directories for interface in interfaces(directory)]
by_name = {interface.get("name"): interface for interface in sorted(theirs, key=lambda i: int(i.get("version")))}
wrong = [f"{name}: neither allowed nor refused, nor in the table of what is missing (CONTRIBUTING: A protocol for guests)"
         for name in sorted(globals_of(theirs) - decided - MISSING.keys())]
wrong += [f"{name}: version {by_name[name].get('version')} is there, and version {version} is what guests get"
          for name, version in sorted(reviewed.items()) if name in by_name and int(by_name[name].get("version")) > version]
wrong += [f"{name} is decided: it is not missing any more" for name in sorted(MISSING.keys() & decided)]
for interface in interfaces(own):
    name = interface.get("name")
    version = min(int(other.get("version")) for other in (interface, by_name.get(name, interface)))
    if name in by_name and messages(interface, version) != messages(by_name[name], version):
        wrong.append(f"{name}: xml/ describes it otherwise")
# What is added to older versions is what the newer ones have.
for interface in (interface for path in pathlib.Path(own, "additions").glob("*.xml") for interface in xml.parse(path).getroot()):
    theirs_of_it = [other for other in theirs if other.get("name") == interface.get("name")]
    newest = max(theirs_of_it, key=lambda other: int(other.get("version")), default=None)
    if newest is None or int(newest.get("version")) < int(interface.get("version")):
        continue
    added, known = messages(interface, 99), messages(newest, int(interface.get("version")))
    if any(message not in known for message in added):
        wrong.append(f"{interface.get('name')}: xml/additions describe it otherwise")
for protocol in (protocol for directory in [own, *directories] for protocol in protocols(directory)):
    if any(interface.get("name") in reviewed for interface in protocol):
        wrong += undecided_serials(protocol)
print(f"{len(globals_of(theirs))} globals")
print("\n".join(wrong))
sys.exit(1 if wrong or len(theirs) < 50 else 0)
