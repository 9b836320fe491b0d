#!/bin/bash
# The rules of docs/window-rules.md, as they stand there, on the compositors they are for (run in a tree that has them, see
# newest.sh): they are for the windows of the machine that they name, and for no others.
# usage: window-rules.sh BUILD_DIRECTORY sway | kwin | labwc
set -u
build=$1
compositor=$2
here=$(dirname "$0")
. "$here/tree.sh"
export WLR_BACKENDS=headless WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1

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
    start "$1-host" env WAYLAND_DISPLAY="$display" "$build/host-bridge/wayferry-host" --socket "$base/$1.gpu" --vm "$1"
    within 10 test -S "$base/$1.gpu" || fail "wayferry-host does not listen"
    start "$1-guest" "$build/guest-proxy/wayferry-guest" --socket "$1" --vhost-user "$base/$1.gpu"
    within 10 test -S "$base/rt/$1" || fail "wayferry-guest does not listen"
    window "$1-window" "$1"
}

# ---- sway: tells of its windows itself

sway_start() {
    { echo 'output HEADLESS-1 mode 1280x720@60Hz'; example sway; } >"$base/sway.conf"
    start sway sway -c "$base/sway.conf"
    within 20 listens || fail "sway does not start"
    SWAYSOCK=$(compgen -G "$base/rt/sway-ipc.*")
    export SWAYSOCK
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
    bus_start
    start kwin env QT_FORCE_STDERR_LOGGING=1 QT_LOGGING_RULES='js*=true' kwin_wayland --virtual --no-lockscreen --socket wayland-1
    display=wayland-1
    within 20 test -S "$base/rt/$display" || fail "KWin does not start"
    scripts=0
}

scripting() {   # METHOD [ARGUMENT...]
    dbus-send --session --print-reply --dest=org.kde.KWin /Scripting "org.kde.kwin.Scripting.$1" "${@:2}" >>"$base/scripting.log" 2>&1
}

# kwin_has CLASS ABOVE
kwin_has() {
    scripts=$((scripts + 1))
    echo "workspace.windowList().forEach(w => print('script $scripts:', w.resourceClass + '|' + w.keepAbove + '|'));
    print('script $scripts: end');" >"$base/windows-$scripts.js"
    scripting loadScript "string:$base/windows-$scripts.js" && scripting start || return 1
    within 20 grep -q "script $scripts: end" "$base/kwin.log" || return 1
    grep -qF "script $scripts: $1|$2|" "$base/kwin.log"
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
    mkdir "$base/labwc"
    example labwc >"$base/labwc/rc.xml"
    compositor_starts labwc -C "$base/labwc"
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
