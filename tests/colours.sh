#!/bin/bash
# Colour management by way of wayferry (run in a tree that has the compositor, see newest.sh): what the compositor says,
# and what it makes of image descriptions and profiles, is the same direct and bridged.
# usage: colours.sh BUILD_DIRECTORY kwin | mutter | weston | sway
. "$(dirname "$0")/tree.sh"

kwin_start() {
    kwin_headless
}

mutter_start() {
    bus_start
    compositor_starts mutter --headless --wayland --no-x11 --wayland-display wayland-1 \
        --virtual-monitor 640x480
}

weston_start() {
    printf '[core]\ncolor-management=true\n' >"$base/weston.ini"
    compositor_starts weston --backend=headless --renderer=gl --config="$base/weston.ini" --socket=wayland-1 \
        --width=640 --height=480 --idle-time=0
}

sway_start() {
    sway_starts
}

# ask DISPLAY [--pipe]: what the client there says.
ask() {
    WAYLAND_DISPLAY=$1 timeout $((30 * slowness)) "$build/tests/clients/colour-client" "${@:2}" 2>>"$base/client.log" ||
        echo "the client fails: $?"
}

said() {        # PATTERN
    grep -qE "$1" <<<"$direct"
}

"${compositor}_start"
bridge_start

direct=$(ask "$display")
bridged=$(ask bridge)
echo "$direct"
[ "$bridged" = "$direct" ] || fail "bridged it is otherwise: $bridged"
case $compositor in
sway) said '^none$' || said '^shown$' || fail "neither without colour management nor with it" ;;
*)
    said '^parametric ready$' || fail "no image description by parameters"
    said '^shown$' || fail "no window with one"
    ;;
esac
if said '^features 0( |$)'; then
    said '^icc ready$' || fail "no image description by a profile"
    said '^broken failed [0-9]' || fail "what is no profile is one"
    [ "$(ask bridge --pipe)" = "error 2" ] || fail "a pipe is a profile"
fi
[ "$(ask bridge)" = "$direct" ] || fail "later it is otherwise"
echo passed
