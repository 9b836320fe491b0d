#!/bin/bash
# A whole compositor as a guest application: weston in a window of weston, with clients of its own.
. "$(dirname "$0")/lib.sh"

tests=(terminal:7 displays:6 left-mark:4)

# nested_start direct|bridged: weston "host", and in its window weston "inner".
nested_start() {
    local display=host
    weston_start host
    if [ "$1" = bridged ]; then
        bridge_start host
        display=$BRIDGE
    fi
    weston_start inner 800x500 pixman wayland WAYLAND_DISPLAY="$display"
}

nested_end() {
    stop inner
    until_true 10 screen_is host "$WORK/host.empty.png" || fail "the inner compositor's window stays on the screen"
    [ "$1" = bridged ] && bridge_stop
    stop host
}

# A terminal in the inner compositor: the inner output's picture and the outer one's are those of the
# same inner compositor run direct.
test_terminal() {
    bridged_alone || terminal_direct
    nested_start bridged
    spawn bridged-app env WAYLAND_DISPLAY=inner weston-terminal --shell="$E2E_DIRECTORY/terminal.sh"
    if bridged_alone; then
        screen_settle inner "$LOGS/inner-bridged.png" 30 '#a80000' || fail "no window in the inner compositor"
    else
        screen_becomes inner "$LOGS/inner-direct.png" "$LOGS/inner-bridged.png" || fail "inner pictures differ"
        screen_becomes host "$LOGS/outer-direct.png" "$LOGS/outer-bridged.png" || fail "outer pictures differ"
    fi
    stop bridged-app
    until_true 10 screen_is inner "$WORK/inner.empty.png" || fail "the window stays in the inner compositor"
    nested_end bridged
}

terminal_direct() {
    nested_start direct
    spawn direct-app env WAYLAND_DISPLAY=inner weston-terminal --shell="$E2E_DIRECTORY/terminal.sh"
    screen_settle inner "$LOGS/inner-direct.png" 30 '#a80000' || fail "no window in the inner compositor"
    screen_settle host "$LOGS/outer-direct.png" 30 '#a80000' || fail "the inner compositor does not settle"
    stop direct-app
    nested_end direct
}

# A wayferry-host that looks for its compositor takes neither a desktop in the window of another machine, nor that
# machine's display.
test_displays() {
    local log=$LOGS/seeker-host.log
    weston_start host
    bridge_start host wayland-4
    weston_start wayland-3 800x500 pixman wayland WAYLAND_DISPLAY="$BRIDGE"
    spawn seeker-host "$WAYFERRY_BUILD/host-bridge/wayferry-host" --socket "$XDG_RUNTIME_DIR/seeker.gpu" --vm seeker
    until_true 20 grep -q 'no compositor at .*wayland-0, nor at a wayland-N beside it yet' "$log" || fail "it has found one: $(<"$log")"
    ln -s host "$XDG_RUNTIME_DIR/wayland-7"
    bridge_start_guest seeker
    WAYLAND_DISPLAY=seeker limited 20 "$WAYFERRY_CLIENTS/shm-client" --frames 10 >"$LOGS/client.log" 2>&1 || fail "no window"
    grep -q 'the compositor is at .*/wayland-7' "$log" || fail "it has not found the host's: $(<"$log")"
    bridge_stop seeker
    stop wayland-3
    bridge_stop wayland-4
    stop host
    ! compgen -G "$XDG_RUNTIME_DIR/wayferry/guest.*" || fail "marks are left"
}

# What a wayferry-guest that was killed leaves behind marks nobody, not even the compositor that has its process id now, and
# the next one removes it.
test_left_mark() {
    local marks=$XDG_RUNTIME_DIR/wayferry log=$LOGS/seeker-host.log mark
    weston_start host
    ln -s host "$XDG_RUNTIME_DIR/wayland-7"
    bridge_start host
    mark=$marks/guest.${PID[bridge-guest]}
    [ -S "$mark" ] || fail "wayferry-guest has no mark"
    stop bridge-guest KILL
    [ -S "$mark" ] || fail "the mark has gone with its process"
    mv "$mark" "$marks/guest.${PID[host]}"
    spawn seeker-host "$WAYFERRY_BUILD/host-bridge/wayferry-host" --socket "$XDG_RUNTIME_DIR/seeker.gpu" --vm seeker
    until_true 20 grep -q 'the compositor is at .*/wayland-7' "$log" || fail "it takes the compositor for a guest: $(<"$log")"
    stop seeker-host
    mv "$marks/guest.${PID[host]}" "$mark"
    bridge_start_guest bridge
    until_true 10 not test -e "$mark" || fail "the mark is left"
    bridge_stop
    stop host
}

e2e_main "$@"
