#!/bin/bash
# What scripts that run in a tree, without the rest of tests/, share (icon.sh, security-context.sh and others): $base, a
# directory with a runtime directory, and $pids, all of whose processes end with the script.
slowness=${WAYFERRY_TEST_SLOWNESS:-2}
base=$(mktemp -d /tmp/wf.XXXXXX)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$base"' EXIT
mkdir -m 700 "$base/rt"
export XDG_RUNTIME_DIR=$base/rt
unset WAYLAND_DISPLAY DISPLAY

fail() {
    echo "FAILED: $*"
    tail -n 20 "$base"/*.log
    exit 1
}

within() {      # SECONDS COMMAND...
    local deadline=$((SECONDS + $1 * slowness))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

start() {       # NAME COMMAND...
    "${@:2}" >"$base/$1.log" 2>&1 &
    pids+=($!)
}

# listens: whether a compositor does; sets display, its display's name.
listens() {
    local socket
    for socket in "$base/rt"/wayland-*; do
        [ -S "$socket" ] && display=$(basename "$socket") && return 0
    done
    return 1
}

# compositor_starts COMMAND...: the compositor, with a display of any name.
compositor_starts() {
    start compositor "$@"
    within 20 listens || fail "the compositor does not start"
}

# bus_start: a session bus of the script's own.
bus_start() {
    export DBUS_SESSION_BUS_ADDRESS=unix:path=$base/bus
    start bus dbus-daemon --session --nofork --nopidfile --address="$DBUS_SESSION_BUS_ADDRESS"
    within 20 test -S "$base/bus" || fail "no D-Bus"
}

# kwin_in_sway: KWin at $display, with nothing but its screen on that of a headless sway at $screen. KWin's own
# pictures want a GPU; those of sway show every pixel of it.
kwin_in_sway() {
    printf '%s\n' 'output HEADLESS-1 mode 1280x720@60Hz' 'default_border none' >"$base/sway.conf"
    start sway env WLR_BACKENDS=headless WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1 sway -c "$base/sway.conf"
    within 20 listens || fail "sway does not start"
    screen=$display
    display=kwin
    bus_start
    start kwin kwin_wayland --wayland-display "$screen" --no-lockscreen --socket "$display"
    within 20 test -S "$base/rt/$display" || fail "KWin does not start"
}

# mutter_with_pipewire [OPTION...]: mutter, which gives pictures of its screen (mutter_shot.py) to PipeWire alone.
mutter_with_pipewire() {
    export HOME=$base
    bus_start
    start pipewire pipewire
    start wireplumber wireplumber
    within 20 test -S "$base/rt/pipewire-0" || fail "no PipeWire"
    compositor_starts mutter --headless --wayland --no-x11 --wayland-display wayland-1 "$@"
}

# ends PID: it is told to, and has.
ends() {
    kill "$1"
    within 10 not_alive "$1" || fail "process $1 ignores SIGTERM"
}

not_alive() {
    ! kill -0 "$1" 2>/dev/null
}

# bridge_start [OPTION...]: a display of the machine's own on the compositor at $display: bridge.
bridge_start() {
    start host env WAYLAND_DISPLAY="$display" "$build/host-bridge/wayferry-host" --socket "$base/gpu" --vm work "$@"
    within 10 test -S "$base/gpu" || fail "wayferry-host does not listen"
    start guest "$build/guest-proxy/wayferry-guest" --socket bridge --vhost-user "$base/gpu"
    within 10 test -S "$base/rt/bridge" || fail "wayferry-guest does not listen"
}

# x11_start DISPLAY: wayferry-x11 there, with an X client that does as x_tell says; its log is $base/x-client-DISPLAY.log.
x11_start() {
    start "x11-$1" env WAYLAND_DISPLAY="$1" "$build/guest-proxy/x11/wayferry-x11" --log-level debug
    x11=${pids[-1]}
    within 10 grep -q 'display :' "$base/x11-$1.log" || fail "wayferry-x11 has no display on $1"
    x_log=$base/x-client-$1.log
    rm -f "$base/commands"
    mkfifo "$base/commands"
    DISPLAY=$(x_display "$1") "$build/tests/clients/x11-window" <"$base/commands" >"$x_log" 2>&1 &
    pids+=($!)
    exec 7>"$base/commands"
}

x_display() {
    sed -n 's/.*x11: display //p' "$base/x11-$1.log"
}

# x_tell COMMAND...: to the X client.
x_tell() {
    printf '%s\n' "$@" >&7
}

x11_stop() {
    exec 7>&-
    kill -0 "$x11" || fail "wayferry-x11 has ended by itself"
    ends "$x11"
}
