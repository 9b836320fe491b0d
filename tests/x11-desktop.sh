#!/bin/bash
# What of X11 applications sway 1.7 does not show, on compositors that do (run in a tree that has them, see newest.sh), direct
# and bridged. On sway: clicks through the hole of a window arrive at the one below, and the icon of what is dragged is beside
# the pointer. On KWin: a modal dialog is one, of its parent, while it says so.
# usage: x11-desktop.sh BUILD_DIRECTORY sway | kwin
. "$(dirname "$0")/tree.sh"

# heard FILE PATTERN: a line of the log is, or will be, that.
heard() {
    within 20 grep -qE "^$2\$" "$1" || fail "no line $2 in $1"
}

# ---- sway

sway_start() {
    sway_starts 'for_window [title=".*"] floating enable, border none'
    pointer_start "$display"
}

# moved TITLE X,Y: sway has the window there.
moved() {
    within 20 swaymsg -q "[title=\"$1\"] move position ${2%,*} ${2#*,}" || fail "sway has no window $1"
    within 20 lies_at "$1" "$2" || fail "$1 is at $(place_of "$1"), not at $2"
}

lies_at() {
    [ "$(place_of "$1")" = "$2" ]
}

place_of() {    # TITLE
    swaymsg -t get_tree | python3 -c '
import json, sys
def walk(node):
    if (node["name"] or "").endswith(sys.argv[1]) and node.get("pid"):
        print("%d,%d" % (node["rect"]["x"], node["rect"]["y"]))
    for child in node["nodes"] + node["floating_nodes"]:
        walk(child)
walk(json.load(sys.stdin))' "$1"
}

# box_is RRGGBB BOX: where the screen has that colour, WxH+X+Y.
box_is() {
    [ "$(WAYLAND_DISPLAY=$display grim -t ppm - | python3 -c '
import sys
magic, size, _, data = sys.stdin.buffer.read().split(b"\n", 3)
width, colour = int(size.split()[0]), bytes.fromhex(sys.argv[1])
at = [divmod(i // 3, width) for i in range(0, len(data), 3) if data[i:i + 3] == colour]
rows, columns = sorted(y for y, x in at), sorted(x for y, x in at)
print("%dx%d+%d+%d" % (columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1, columns[0], rows[0]) if at else "nowhere")' \
        "$1")" = "$2" ]
}

# click X Y HEARD: the X client hears of it.
click() {
    point "move $1 $2" 'sleep 100' 'button 272 1' 'sleep 50' 'button 272 0'
    heard "$x_log" "$3 root .*"
}

check_sway() {      # DISPLAY
    x11_start "$1"
    # A ring without corners, 20 pixels wide, over another window.
    x_tell 'create 1 0 0 400 300 #c81e5a' 'title 1 Below' 'map 1'
    moved Below 100,100
    x_tell 'create 2 0 0 200 200 #1e5ac8' 'title 2 Ring' \
        'shape 2 bounding 20 0 160 60 0 60 80 80 120 60 80 80 20 140 160 60' 'map 2'
    moved Ring 200,150
    within 20 box_is 1e5ac8 200x200+200+150 || fail "the ring is not shown on $1"
    click 300 180 '2 button 1 at 100,30'
    click 300 250 '1 button 1 at 200,150'
    swaymsg -q '[title="Ring"] focus'
    click 300 330 '2 button 1 at 100,180'
    click 202 152 '1 button 1 at 102,52'
    x_tell 'destroy 2' 'destroy 1'
    # An icon that its client has 16 pixels beside the pointer.
    start "drag-$1" env DISPLAY="$(x_display "$1")" "$build/tests/clients/x11-drag" 20000
    local drag=${pids[-1]}
    moved Source 20,20
    point 'move 60 60' 'sleep 50' 'button 272 1'
    heard "$base/drag-$1.log" begins
    point 'move 200 200' 'move 600 400'
    within 20 box_is ff8800 24x24+616+416 || fail "the icon of a drag is not beside the pointer on $1"
    point 'move 900 500'
    within 20 box_is ff8800 24x24+916+516 || fail "the icon does not go with the pointer on $1"
    point 'button 272 0'
    heard "$base/drag-$1.log" 'drops nothing'
    within 20 box_is ff8800 nowhere || fail "the icon stays on $1"
    ends "$drag"
    x11_stop
}

# ---- KWin

kwin_start() {
    kwin_headless
}

# kwin_has CAPTION|MODAL|PARENT: a window with that caption, whether it is modal, and its parent's caption.
kwin_has() {
    within 20 kwin_window "w.caption + '|' + w.modal + '|' + (w.transientFor ? w.transientFor.caption : '')" \
        "${1//|/\\|}" || fail "KWin has no window $1"
}

check_kwin() {      # DISPLAY
    local mark=
    [ "$1" = "$display" ] || mark='\[work\] '
    x11_start "$1"
    x_tell 'create 1 0 0 400 300 #203040' 'title 1 Parent' 'map 1'
    kwin_has "${mark}Parent|false|"
    x_tell 'create 2 0 0 200 100 #c81e5a' 'title 2 Dialog' 'transient 2 1' \
        'atoms 2 _NET_WM_STATE _NET_WM_STATE_MODAL' 'map 2'
    kwin_has "${mark}Dialog|true|${mark}Parent"
    # It thinks better of it, twice.
    x_tell 'message 2 _NET_WM_STATE 0 _NET_WM_STATE_MODAL'
    kwin_has "${mark}Dialog|false|${mark}Parent"
    x_tell 'message 2 _NET_WM_STATE 1 _NET_WM_STATE_MODAL'
    kwin_has "${mark}Dialog|true|${mark}Parent"
    x_tell 'destroy 2' 'destroy 1'
    x11_stop
}

"${compositor}_start"
"check_$compositor" "$display"
bridge_start
"check_$compositor" bridge
echo passed
