#!/usr/bin/env python3
"""Compares what a client heard of a compositor's linux-dmabuf directly with what one in a guest heard, which is the same but for
its devices, what its drivers cannot use, and formats whose planes wayferry-host cannot bound. Of a compositor without feedback
(version 3) a guest hears feedback all the same: one tranche, of what the compositor has.

usage: feedback_seen.py DIRECTORY COMPOSITOR     COMPOSITOR.direct and COMPOSITOR.bridged are there (guest/feedback.sh)"""
import pathlib
import struct
import sys

# Those of protocol/pixels/pixel_format.c that have a reason in place of planes.
LEFT_OUT = {b"YU08", b"YU10", b"VU30", b"Y0L0", b"X0L0", b"Y0L2", b"X0L2"}
LINEAR, INVALID = 0, 0x00FFFFFFFFFFFFFF
SCANOUT = 1
FEEDBACK = 4    # since this version
PHASES = ["default", "window", "screen", "window"]
# The version, and of each feedback that a window gets, as it changes, whether it names what the screen can show. labwc and
# sway, which draw nothing else then, take none of it back when the window is one again. When wlroots tells it is a matter of the
# frames that were shown, of which a slow machine has others: hence what came, and not when.
EXPECTED = {
    "kwin": (5, [False]),
    "labwc": (4, [False, True]),
    "mutter": (3, [False]),
    "sway": (5, [False, True]),
    "weston": (3, [False]),
}


def name_of(pair):
    code, _, modifier = struct.unpack("<4sIQ", pair)
    return code, modifier


class Heard:
    """phases: [name, [feedback]], a feedback being [(flags, [(code, modifier)])]; what comes again unchanged counts once."""

    def __init__(self, path):
        self.version, self.phases, table, tranches, flags, indices = 0, [["default", []]], [], [], 0, []
        last = None
        for line in path.read_text().splitlines():
            word, _, rest = line.partition(" ")
            if word == "version":
                self.version = int(rest)
            elif word == "table":
                table = []
            elif word == "pair":
                table.append(name_of(bytes.fromhex(rest)))
            elif word == "tranche_flags":
                flags = int(rest)
            elif word == "tranche_formats":
                data = bytes.fromhex(rest)
                indices = struct.unpack(f"<{len(data) // 2}H", data)
            elif word == "tranche_done":
                tranches.append((flags, [table[i] for i in indices]))
                flags, indices = 0, []
            elif word == "done":
                if tranches != last:
                    self.phases[-1][1].append(tranches)
                last, tranches = tranches, []
            elif word in ("window", "screen"):
                last = last if len(self.phases) > 1 else None       # that was not the window's
                self.phases.append([word, []])
        self.table = table
        if self.version and self.version < FEEDBACK:
            self.phases = [[name, feedback] for name, feedback in zip(PHASES, ([[(0, table)]], [[(0, table)]], [], []))]

    def usable(self):
        """As a guest hears it."""
        for phase in self.phases:
            phase[1] = [usable_tranches(tranches) for tranches in phase[1]]
        self.table = [pair for pair in self.table if is_usable(pair)]
        return self

    def default(self):
        return self.phases[0][1]

    def window(self):
        return [tranches for _, heard in self.phases[1:] for tranches in heard]

    def scanout(self):
        return [any(flags & SCANOUT for flags, _ in tranches) for tranches in self.window()]


def is_usable(pair):
    return pair[0] not in LEFT_OUT and pair[1] in (LINEAR, INVALID)


def usable_tranches(tranches):
    seen, result = set(), []
    for flags, pairs in tranches:
        pairs = [pair for pair in pairs if is_usable(pair) and (flags, pair) not in seen]
        seen |= {(flags, pair) for pair in pairs}
        if pairs:
            result.append((flags, pairs))
    return result


def differences(direct, bridged):
    if bridged.version < FEEDBACK:
        yield f"the guest has version {bridged.version}"
    for way, heard in ("direct", direct), ("bridged", bridged):
        if [name for name, _ in heard.phases] != PHASES:
            yield f"the {way} client did not get to its end"
    if direct.default() != bridged.default():
        yield f"by default, direct {direct.default()}\nbridged {bridged.default()}"
    if direct.window() != bridged.window():
        yield f"for the window, direct {direct.window()}\nbridged {bridged.window()}"


def problems_of(compositor, direct, bridged):
    if compositor not in EXPECTED:
        yield "it is not known what it is expected to say"
        return
    version, names_screen = EXPECTED[compositor]
    if direct.version != version:
        yield f"the compositor has version {direct.version}"
    yield from differences(direct, bridged)
    if direct.scanout() != names_screen:
        yield f"whether the window's feedback names what the screen can show: {direct.scanout()}"


def main():
    directory, compositor = pathlib.Path(sys.argv[1]), sys.argv[2]
    paths = [directory / f"{compositor}.{way}" for way in ("direct", "bridged")]
    if missing := [path.name for path in paths if not path.exists() or not path.stat().st_size]:
        sys.exit(f"{compositor}: no {', '.join(missing)}")
    raw, direct, bridged = Heard(paths[0]), Heard(paths[0]).usable(), Heard(paths[1])
    codes = sorted({code.decode() for code, _ in raw.table} - {code.decode() for code, _ in direct.table})
    print(f"{compositor}: {len(raw.table)} pairs, {len(direct.table)} of them for the guest (without {', '.join(codes) or 'any'}); "
          f"the window's feedback, whether it names what the screen can show: {direct.scanout()}")
    if found := list(problems_of(compositor, direct, bridged)):
        sys.exit(f"{compositor}: " + "\n".join(found))


main()
