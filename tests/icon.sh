#!/bin/bash
# The icon of a window, in the title bars of a compositor (run in a tree that has it, see newest.sh): a Wayland client's, and
# an X client's by wayferry-x11; direct and bridged.
# usage: icon.sh BUILD_DIRECTORY labwc | kwin
. "$(dirname "$0")/tree.sh"

labwc_start() {
    labwc_starts '<labwc_config><theme><titlebar><layout>icon:close</layout></titlebar></theme></labwc_config>'
}

# Breeze's title bars, with an icon on the left.
kwin_start() {
    export XDG_CONFIG_HOME=$base/config
    mkdir "$base/config"
    printf '%s\n' '[org.kde.kdecoration2]' 'library=org.kde.breeze' 'ButtonsOnLeft=M' >"$base/config/kwinrc"
    kwin_in_sway
}

# has_colour RRGGBB WANTED: whether the screen has at least a hundred pixels of the colour, or none.
has_colour() {
    [ "$(WAYLAND_DISPLAY=${screen:-$display} grim -t ppm - | python3 -c 'import sys
data, colour = sys.stdin.buffer.read().split(b"\n", 3)[3], bytes.fromhex(sys.argv[1])
print(sum(data[i:i + 3] == colour for i in range(0, len(data), 3)) > 100)' "$1")" = "$2" ]
}

# has_icon WANTED: likewise of the icon's.
has_icon() {
    has_colour fe10a2 "$1"
}

# shown DISPLAY: a window with an icon there.
shown() {
    start "client-$1" env WAYLAND_DISPLAY="$1" "$build/tests/clients/shm-client" --size 400x300 --frames 3 --hold \
        --solid --seed 0x203040 --decorated --icon 0xfe10a2
    within 20 has_icon True || fail "no icon on $1"
    kill "${pids[-1]}"
    within 20 has_icon False || fail "the icon on $1 stays"
}

# x_shown DISPLAY: an X window there has no icon, one, another, and none.
x_shown() {
    x11_start "$1"
    x_tell 'create 1 0 0 400 300 #203040' 'title 1 X' 'map 1'
    within 20 has_colour 203040 True || fail "no X window on $1"
    has_icon False || fail "an icon on $1 that nobody has given"
    x_tell 'icon 1 48 #fe10a2'
    within 20 has_icon True || fail "no icon of an X window on $1"
    x_tell 'icon 1 32 #10fe55'
    within 20 has_colour 10fe55 True || fail "the icon of an X window on $1 stays the first"
    has_icon False || fail "two icons of an X window on $1"
    x_tell 'icon 1 64 #fe10a2'
    within 20 has_icon True || fail "no third icon of an X window on $1"
    x_tell 'destroy 1'
    within 20 has_icon False || fail "the icon of an X window on $1 stays"
    x11_stop
}

"${compositor}_start"
shown "$display"
x_shown "$display"
bridge_start
shown bridge
x_shown bridge
echo passed
