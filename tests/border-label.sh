#!/bin/bash
# The border and its label on a compositor of another release, exact to the pixel (run in a tree that has it, see newest.sh):
# around a window, its popup, its dialog, and where it fills the screen.
# usage: border-label.sh BUILD_DIRECTORY sway | labwc | kwin | mutter | weston
. "$(dirname "$0")/tree.sh"

sway_start() {
    sway_starts 'default_border none' 'default_floating_border none' 'for_window [app_id=".*"] floating enable'
}

labwc_start() {
    labwc_starts '<labwc_config />'
}

kwin_start() {
    kwin_in_sway
}

mutter_start() {
    mutter_with_pipewire --virtual-monitor 1280x720
}

weston_start() {
    printf '[shell]\npanel-position=none\nlocking=false\nstartup-animation=none\nbackground-color=0xff203040\n' >"$base/weston.ini"
    compositor_starts weston --backend=headless --renderer=gl --config="$base/weston.ini" --socket=wayland-1 --width=640 \
        --height=480 --idle-time=0 --refresh-rate=60000 --debug
}

# shot: the screen, as $base/shot.ppm or, of weston's own screenshooter, $base/shot.png.
shot() {
    rm -rf "$base"/shot*
    case $compositor in
    weston)
        mkdir "$base/shots"
        (cd "$base/shots" && XDG_PICTURES_DIR=$base/shots WAYLAND_DISPLAY=$display weston-screenshooter) >"$base/shot.log" 2>&1
        mv "$base"/shots/*.png "$base/shot.png"
        ;;
    mutter) "$here/e2e/mutter_shot.py" Meta-0 1280 720 "$base/shot.ppm" >"$base/shot.log" 2>&1 ;;
    *) WAYLAND_DISPLAY=${screen:-$display} grim -t ppm "$base/shot.ppm" ;;
    esac
}

# shows WHAT...: what label_shown.py finds on the screen.
shows() {
    shot 2>/dev/null && "$here/e2e/label_shown.py" "$base"/shot.p?? cc0000 10 work "$@" >"$base/shown.log" 2>&1
}

"${compositor}_start"
bridge_start --border '#cc0000,10' --border-label %m
mkfifo "$base/commands"
WAYLAND_DISPLAY=bridge "$build/tests/clients/framed" 300 200 <"$base/commands" >"$base/framed.log" 2>&1 &
pids+=($!)
exec 7>"$base/commands"
within 20 shows 0 0 300 200 00aa00 || fail "the window has another picture: $(cat "$base/shown.log")"
echo 'popup 100 50 120 80' >&7
within 20 shows 0 0 300 200 00aa00 100 50 120 80 0000ff || fail "the popup has another picture: $(cat "$base/shown.log")"
printf '%s\n' close 'dialog 200 110' >&7
within 20 shows around 200 110 ffff00 || fail "the dialog has another picture: $(cat "$base/shown.log")"

# fills: the window has been told to take the whole width, without the border; sets height.
fills() {
    height=$(sed -n "s/^configure $(($1 - 20)) \([0-9]*\).*/\1/p" "$base/framed.log" | tail -n 1)
    [ -n "$height" ]
}

echo close >&7
width=1280
case $compositor in
weston) width=640 ;;
sway) swaymsg -q '[app_id=".*framed"] floating disable' || fail "sway does not obey" ;;
esac
echo maximize >&7
within 20 fills $width || fail "the window is told another size: $(cat "$base/framed.log")"
within 20 shows around $((width - 20)) "$height" 00aa00 || fail "the large window has another picture: $(cat "$base/shown.log")"
echo passed
