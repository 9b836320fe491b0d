#!/bin/bash
# The icon of a window, in labwc's title bar (run in a tree that has it, see newest.sh): the same direct and bridged.
# usage: icon.sh BUILD_DIRECTORY
set -u
build=$1
. "$(dirname "$0")/tree.sh"
mkdir "$base/labwc"
export WLR_BACKENDS=headless WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1

start() {       # NAME COMMAND...
    "${@:2}" >"$base/$1.log" 2>&1 &
    pids+=($!)
}

# has_icon WANTED: whether the screen has at least a hundred pixels of the icon's colour, or none.
has_icon() {
    [ "$(WAYLAND_DISPLAY=$display grim -t ppm - | python3 -c 'import sys
data = sys.stdin.buffer.read().split(b"\n", 3)[3]
print(sum(data[i:i + 3] == b"\xfe\x10\xa2" for i in range(0, len(data), 3)) > 100)')" = "$1" ]
}

# shown DISPLAY: a window with an icon there.
shown() {
    start "client-$1" env WAYLAND_DISPLAY="$1" "$build/tests/clients/shm-client" --size 400x300 --frames 3 --hold \
        --solid --seed 0x203040 --icon 0xfe10a2
    within 20 has_icon True || fail "no icon on $1"
    kill "${pids[-1]}"
    within 20 has_icon False || fail "the icon on $1 stays"
}

cat >"$base/labwc/rc.xml" <<END
<labwc_config><theme><titlebar><layout>icon:close</layout></titlebar></theme>
<windowRules><windowRule identifier="*" serverDecoration="yes" /></windowRules></labwc_config>
END
start labwc labwc -C "$base/labwc"
within 20 compgen -G "$base/rt/wayland-?" >/dev/null || fail "labwc does not start"
display=$(basename "$(compgen -G "$base/rt/wayland-?")")
shown "$display"
start host "$build/host-bridge/wayferry-host" --socket "$base/gpu" --vm work
within 10 test -S "$base/gpu" || fail "wayferry-host does not listen"
start guest "$build/guest-proxy/wayferry-guest" --socket bridge --vhost-user "$base/gpu"
within 10 test -S "$base/rt/bridge" || fail "wayferry-guest does not listen"
shown bridge
echo passed
