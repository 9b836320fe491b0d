#!/bin/bash
# Frames and shapes of X windows: wayferry-x11 on sway itself (direct), and on wayferry-guest (bridged).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/x11-lib.sh"

tests=(frames:8 shapes:25)

# frame_is TITLE FRAME: sway's word for what is around the window (csd: the client draws it, or there is none).
frame_is() {
    until_true 10 frame_equals "$@" || fail "the frame of $1 is $(frame_of "$1"), not $2"
}

frame_equals() {
    [ "$(frame_of "$1")" = "$2" ]
}

frame_of() {
    sway_message host -t get_tree | python3 -c '
import json, sys
def walk(node):
    if node["name"] == sys.argv[1] and node.get("pid"):
        print(node["border"])
    for child in node["nodes"] + node["floating_nodes"]:
        walk(child)
walk(json.load(sys.stdin))' "$1"
}

# Motif: its hints say which parts of a frame a window wants; GTK: it draws its own.
check_frames() {
    windows_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 Plain' 'map 1'
    frame_is Plain normal
    tell 'create 2 0 0 200 100 #1e5ac8' 'title 2 Bare' 'words 2 _MOTIF_WM_HINTS 2 0 0 0 0' 'map 2'
    frame_is Bare csd
    # It thinks better of it: all parts, none, all but the title, title and border, nothing said.
    tell 'words 2 _MOTIF_WM_HINTS 2 0 1 0 0'
    frame_is Bare normal
    tell 'words 2 _MOTIF_WM_HINTS 2 0 0 0 0'
    frame_is Bare csd
    tell 'words 2 _MOTIF_WM_HINTS 2 0 10 0 0'
    frame_is Bare normal
    tell 'words 2 _MOTIF_WM_HINTS 2 0 9 0 0'
    frame_is Bare csd
    tell 'words 2 _MOTIF_WM_HINTS 0 0 0 0 0'
    frame_is Bare normal
    # Others keep theirs.
    tell 'words 2 _GTK_FRAME_EXTENTS 10 10 10 10'
    frame_is Bare csd
    frame_is Plain normal
    tell 'words 1 _MOTIF_WM_HINTS 2 0 0 0 0'
    frame_is Plain csd
    tell 'words 1 _MOTIF_WM_HINTS 0 0 0 0 0'
    frame_is Plain normal
    tell 'shape 1 bounding 0 0 300 100'
    frame_is Plain csd
}

test_frames() {
    X11_SWAY_CONFIG="default_border normal
default_floating_border normal"
    each_way check_frames
}

# copied NUMBER|some: so many bytes of windows were copied so far.
copied() {
    x11_counters
    case $1 in
    some) (($(x11_counter copied_bytes) > 0)) ;;
    *) [ "$(x11_counter copied_bytes)" = "$1" ] ;;
    esac || fail "wayferry-x11 copied $(x11_counter copied_bytes) bytes, not $1"
}

# clicked_nowhere X Y: no X window is told of a click there; sway gives a place within a window to no other window. A
# click on window 2 follows, at 100,30 of it, and is heard.
clicked_nowhere() {
    forget_told
    click "$1" "$2"
    click 300 180
    told '2 button 1 at 100,30 root .*'
    [ "$(grep -c ' button 1 at ' "$LOGS/windows.log")" = 1 ] || fail "a click beside a window's shape was heard"
}

# A ring without corners above another window: where it is not, are the other's pixels, and its clicks.
check_shapes() {
    windows_start
    pointer_start
    tell 'create 1 0 0 400 300 #c81e5a' 'title 1 Below' 'map 1'
    shows '^Below\|'
    sway_message host '[title="Below"] move position 100 100' >/dev/null
    colour_is_at '#c81e5a' 400x300+100+100
    copied 0
    local ring='20 0 160 60 0 60 80 80 120 60 80 80 20 140 160 60'
    tell 'create 2 0 0 200 200 #1e5ac8' 'title 2 Ring' "shape 2 bounding $ring" 'map 2'
    shows '^Ring\|'
    sway_message host '[title="Ring"] move position 200 150' >/dev/null
    colour_is '#1e5ac8' 32000
    colour_is '#c81e5a' 88000
    copied some
    clicked 300 180 '2 button 1 at 100,30'
    clicked_nowhere 300 250
    clicked_nowhere 202 152
    # Without a shape, with it again, and larger with the window.
    tell 'shape 2 bounding'
    colour_is '#1e5ac8' 40000
    clicked 300 250 '2 button 1 at 100,100'
    tell "shape 2 bounding $ring"
    colour_is '#1e5ac8' 32000
    tell 'configure 2 0 0 300 220' "shape 2 bounding $ring 200 0 100 220"
    shows '^Ring\|.*\|300x220\|'
    colour_is '#1e5ac8' 54000
    # The pointer may be on less of it.
    tell 'shape 2 input 0 0 200 60'
    clicked 300 180 '2 button 1 at 100,30'
    clicked_nowhere 300 320
    # Menus and balloons, too.
    sway_message host '[title="Below"] focus' >/dev/null
    tell 'destroy 2'
    gone '^Ring'
    clicked 200 200 '1 button 1 at 100,100'
    local root
    root=$(sed -n 's/^1 button 1 at 100,100 root //p' "$LOGS/windows.log" | head -1)
    tell "create 3 ${root%,*} ${root#*,} 100 100 #5ac81e override" 'shape 3 bounding 0 0 100 10 0 90 100 10' 'map 3'
    colour_is '#5ac81e' 2000
    clicked 250 205 '3 button 1 at 50,5'
    clicked 250 250 '1 button 1 at 150,150'
}

# A shape of every other pixel: the picture is exact, and nobody is asked to keep so many boxes.
check_fine_shapes() {
    windows_start
    tell 'create 1 0 0 400 300 #c81e5a' 'title 1 Below' 'map 1' 'checker 1 input 400 300'
    shows '^Below\|'
    tell 'create 2 0 0 200 200 #1e5ac8' 'title 2 Fine' 'checker 2 bounding 200 200' 'map 2'
    colour_is '#1e5ac8' 20000
    tell 'checker 2 input 200 200' 'checker 2 bounding 100 200' 'sync 0'
    colour_is '#1e5ac8' 10000
    tell 'title 1 Survivor'
    shows '^Survivor\|'
}

# Shapes are of X's pixels.
check_scaled_shapes() {
    windows_start
    pointer_start
    tell 'create 1 0 0 400 300 #c81e5a' 'title 1 Below' 'map 1' 'shape 1 input 0 0 400 300'
    shows '^Below\|.*\|200x150\|'
    sway_message host '[title="Below"] move position 50 50' >/dev/null
    tell 'create 2 0 0 200 200 #1e5ac8' 'title 2 Frame' 'shape 2 bounding 0 0 200 50 0 150 200 50' 'map 2'
    shows '^Frame\|.*\|100x100\|'
    sway_message host '[title="Frame"] move position 100 75' >/dev/null
    colour_is '#1e5ac8' 20000
    clicked 300 180 '2 button 1 at 100,30'
    clicked_nowhere 300 250
}

test_shapes() {
    X11_OPTIONS="--trace x11"; each_way check_shapes
    each_way check_fine_shapes
    X11_SCALE=2
    each_way check_scaled_shapes
}

e2e_main "$@"
