#!/bin/bash
# What scripts that run in a tree, without the rest of tests/, share (icon.sh, security-context.sh and others, with arguments
# BUILD_DIRECTORY COMPOSITOR): $base, a directory with a runtime directory, and $pids, all of whose processes end with the script.
set -u
build=$1
compositor=$2
here=$(dirname "$0")
slowness=${WAYFERRY_TEST_SLOWNESS:-2}
base=$(mktemp -d /tmp/wf.XXXXXX)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$base"' EXIT
mkdir -m 700 "$base/rt"
export XDG_RUNTIME_DIR=$base/rt
export WLR_BACKENDS=headless WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1
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

# sway_starts LINE...: sway, with these lines in its configuration; swaymsg finds it.
sway_starts() {
    printf '%s\n' 'output HEADLESS-1 mode 1280x720@60Hz' "$@" >"$base/sway.conf"
    compositor_starts sway -c "$base/sway.conf"
    within 20 has_sway_socket || fail "sway has no socket for swaymsg"
}

has_sway_socket() {
    SWAYSOCK=$(compgen -G "$base/rt/sway-ipc.*") && export SWAYSOCK
}

# labwc_starts XML: labwc, with this configuration.
labwc_starts() {
    mkdir "$base/labwc"
    echo "$1" >"$base/labwc/rc.xml"
    compositor_starts labwc -C "$base/labwc"
}

# kwin_starts OPTION...: KWin at $display; its log has what its scripts print.
kwin_starts() {
    bus_start
    start kwin env QT_FORCE_STDERR_LOGGING=1 QT_LOGGING_RULES='js*=true' kwin_wayland --no-lockscreen --socket "$display" "$@"
    within 20 test -S "$base/rt/$display" || fail "KWin does not start"
}

kwin_headless() {
    display=wayland-1
    kwin_starts --virtual
}

# kwin_in_sway: KWin at $display, with nothing but its screen on that of a headless sway at $screen. KWin's own
# pictures want a GPU; those of sway show every pixel of it.
kwin_in_sway() {
    sway_starts 'default_border none'
    screen=$display
    display=kwin
    kwin_starts --wayland-display "$screen"
}

# kwin_window EXPRESSION PATTERN: of one of KWin's windows, w, the JavaScript gives a text that is the pattern (of grep -E).
kwin_window() {
    scripts=$((scripts + 1))
    echo "workspace.windowList().forEach(w => print('script $scripts:', $1));
    print('script $scripts: end');" >"$base/windows-$scripts.js"
    scripting loadScript "string:$base/windows-$scripts.js" && scripting start || return 1
    within 20 grep -q "script $scripts: end" "$base/kwin.log" || return 1
    grep -qE "script $scripts: ($2)\$" "$base/kwin.log"
}
scripts=0

scripting() {   # METHOD [ARGUMENT...]
    dbus-send --session --print-reply --dest=org.kde.KWin /Scripting "org.kde.kwin.Scripting.$1" "${@:2}" \
        >>"$base/scripting.log" 2>&1
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

# machine_start NAME DISPLAY [OPTION...]: a machine of that name on the compositor at $display, with a display of its own.
machine_start() {
    start "$1-host" env WAYLAND_DISPLAY="$display" "$build/host-bridge/wayferry-host" --socket "$base/$1.gpu" --vm "$1" "${@:3}"
    within 10 test -S "$base/$1.gpu" || fail "wayferry-host does not listen ($1)"
    start "$1-guest" "$build/guest-proxy/wayferry-guest" --socket "$2" --vhost-user "$base/$1.gpu"
    within 10 test -S "$base/rt/$2" || fail "wayferry-guest does not listen ($1)"
}

# bridge_start [OPTION...]: the machine work, whose display is bridge.
bridge_start() {
    machine_start work bridge "$@"
}

# pointer_start DISPLAY: a virtual pointer there, on a screen of 1280x720, that does as point says.
pointer_start() {
    mkfifo "$base/points"
    WAYLAND_DISPLAY=$1 "$build/tests/clients/virtual-pointer" --size 1280x720 <"$base/points" >"$base/pointer.log" 2>&1 &
    pids+=($!)
    exec 8>"$base/points"
}

# point COMMAND...: to the pointer.
point() {
    printf '%s\n' "$@" >&8
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
