#!/bin/bash
# The rules of docs/window-rules.md, as they stand there, on the compositors they are for (run in a tree that has them, see
# newest.sh): they are for the windows of the machine that they name, and for no others.
# usage: window-rules.sh BUILD_DIRECTORY sway | kwin | labwc
. "$(dirname "$0")/tree.sh"

# example HEADING: the first thing in a fence below it.
example() {
    awk -v heading="## $1" '$0 == heading { below = 1 }
        below && /^```/ { if (inside) exit; inside = 1; next }
        inside' "$here/../docs/window-rules.md" | grep . || fail "docs/window-rules.md has nothing of $1"
}

# window NAME DISPLAY: whose title is that of its machine and the client's.
window() {
    start "$1" env WAYLAND_DISPLAY="$2" "$build/tests/clients/shm-client" --size 300x200 --frames 3 --hold --solid --seed 0x203040
}

# machine NAME: a window of it.
machine() {
    machine_start "$1" "$1"
    window "$1-window" "$1"
}

# ---- sway: tells of its windows itself

sway_start() {
    example sway >"$base/rules"
    sway_starts "$(<"$base/rules")"
}

# sway_has APP-ID WORKSPACE FLOATS BORDER
sway_has() {
    swaymsg -t get_tree | python3 -c '
import json, sys
def walk(node, workspace, floats):
    if node["type"] == "workspace":
        workspace = node["name"]
    if node.get("app_id") == sys.argv[1]:
        found = [workspace, str(floats), node["border"] + str(node["current_border_width"])]
        print(*sys.argv[1:], "is", *found)
        sys.exit(found != sys.argv[2:])
    for child in node["nodes"]:
        walk(child, workspace, floats)
    for child in node["floating_nodes"]:
        walk(child, workspace, True)
walk(json.load(sys.stdin), "", False)
sys.exit(1)' "$@" >>"$base/tree.log"
}

check_sway() {
    window direct "$display"
    within 20 sway_has shm-client 1 False normal2 || fail "a rule is for the host's windows, too"
    machine untrusted
    within 20 sway_has wayferry.untrusted.shm-client 1 True csd2 || fail "the untrusted machine's window does not float"
    machine work
    within 20 sway_has wayferry.work.shm-client 4 False pixel6 || fail "the rules are not for the machine's window"
}

# ---- KWin: by a script of ours

kwin_start() {
    export XDG_CONFIG_HOME=$base/config
    mkdir "$base/config"
    example 'KWin (Plasma)' >"$base/config/kwinrulesrc"
    kwin_headless
}

# kwin_has CLASS ABOVE
kwin_has() {
    kwin_window "w.resourceClass + '|' + w.keepAbove" "$1\|$2"
}

check_kwin() {
    window direct "$display"
    within 20 kwin_has shm-client false || fail "the rule is for the host's windows, too"
    machine other
    within 20 kwin_has wayferry.other.shm-client false || fail "the rule is for another machine's windows, too"
    machine work
    within 20 kwin_has wayferry.work.shm-client true || fail "the rule is not for the machine's window"
}

# ---- labwc: a window without a title bar is of one colour

labwc_start() {
    example labwc >"$base/rules"
    labwc_starts "$(<"$base/rules")"
}

# colours NUMBER: so many, at least, are on the screen, which has a window; or, with a minus, exactly so many.
colours() {
    WAYLAND_DISPLAY=$display grim -t ppm - | python3 -c '
import sys
data, number = sys.stdin.buffer.read().split(b"\n", 3)[3], int(sys.argv[1])
found = {data[i:i + 3] for i in range(0, len(data), 3)}
sys.exit(b"\x20\x30\x40" not in found or (len(found) != -number if number < 0 else len(found) < number))' "$1"
}

check_labwc() {
    window direct "$display"
    within 20 colours -2 || fail "the host's window has a title bar"
    machine other
    within 20 grep -qs '3 frames' "$base/other-window.log" || fail "another machine's window is not shown"
    within 20 colours -2 || fail "another machine's window has a title bar"
    machine work
    within 20 colours 5 || fail "the machine's window has no title bar"
}

"${compositor}_start"
"check_$compositor"
echo passed
