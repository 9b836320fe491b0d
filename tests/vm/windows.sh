#!/bin/bash
# Windows of a real guest: its kernel's virtio_gpu driver, wayferry-guest on the render node, programs
# of its release. The pictures equal those of the same programs run directly, in the guest's tree.
#
#     tests/vm/windows.sh --list | TEST     (as root; the first run builds the guest: tests/vm/uml.sh)
. "$(dirname "$0")/../e2e/lib.sh"

UML=$SOURCE_ROOT/tests/vm/uml.sh
CALLERS_HOME=$HOME      # where the guest is kept

tests=(simple-shm:60 image:90 foot:120 typing:60 unplugged:90)

# guest_start NAME COMMAND...: runs it behind wayferry-guest in a guest at the host NAME-host.
guest_start() {
    local name=$1
    shift
    mkdir -p "$WORK/$name"
    spawn "$name-guest" env HOME="$CALLERS_HOME" WAYFERRY_UML_SHARE="$WORK/$name" "$UML" run \
        "$XDG_RUNTIME_DIR/$name.gpu" wayferry-guest --device /dev/dri/renderD128 --stats -- "$@"
}

# guest_ends NAME STATUS: waits until the guest has ended by itself, with this status; the host lives.
guest_ends() {
    until_true 20 not alive "${PID[$1-guest]}" || fail "the guest does not end"
    wait "${PID[$1-guest]}"
    [ $? = "$2" ] || fail "the guest did not end with status $2 (log: $LOGS/$1-guest.log)"
    unset "PID[$1-guest]"
    alive "${PID[$1-host]}" || fail "wayferry-host ended (log: $LOGS/$1-host.log)"
}

# direct COMMAND...: runs it in the guest's tree, on the display "host".
direct() {
    local tree socket
    tree=$(HOME=$CALLERS_HOME "$UML" tree)
    socket=$(realpath "$XDG_RUNTIME_DIR/host")
    # shellcheck disable=SC2016
    spawn direct unshare --mount sh -ec 'tree=$0 socket=$1
        shift
        mount --bind "${socket%/*}" "$tree/mnt"
        mount --rbind /dev "$tree/dev"
        mount --bind /proc "$tree/proc"
        exec chroot "$tree" env XDG_RUNTIME_DIR=/mnt HOME=/nonexistent WAYLAND_DISPLAY="${socket##*/}" "$@"' \
        "$tree" "$socket" "$@"
}

shows_window() {
    shot host "$WORK/now.png" && ! same "$WORK/now.png" "$WORK/host.empty.png"
}

moves() {
    shot host "$WORK/then.png" && ! same "$WORK/then.png" "$WORK/now.png"
}

begin() {
    HOME=$CALLERS_HOME "$UML" build || fail "there is no guest"
    compositor_start "${1:-weston}" host
    bridge_start_host host uml
}

finish() {
    until_true 10 screen_is host "$WORK/host.empty.png" || fail "the window stays on the screen"
    stop uml-host || fail "wayferry-host ignored SIGTERM"
    [ "$STOP_STATUS" = 0 ] || fail "wayferry-host ended with status $STOP_STATUS (log: $LOGS/uml-host.log)"
    sanitizers_silent
}

# A program that draws all the time, and its status.
test_simple_shm() {
    local box
    begin
    guest_start uml timeout 8 weston-simple-shm
    until_true 20 shows_window || fail "no window"
    until_true 5 moves || fail "nothing moves"
    box=$(window_box host "$WORK/now.png")
    [ "${box%%+*}" = 256x256 ] || [ "${box%%+*}" = 250x250 ] || fail "the window is $box"
    guest_ends uml 124
    finish
}

# equal weston|sway COLOUR... -- COMMAND...: the program's picture is the same, to the pixel, direct and
# from the guest. Each run has a compositor of its own, which puts its first window at the same place.
equal() {
    local compositor=$1 colours=()
    shift
    while [ "$1" != -- ]; do
        colours+=("$1")
        shift
    done
    shift
    HOME=$CALLERS_HOME "$UML" build || fail "there is no guest"
    compositor_start "$compositor" host
    direct "$@"
    screen_settle host "$LOGS/direct.png" 20 "${colours[@]}" || fail "no window of the direct run settled"
    stop direct
    stop host
    begin "$compositor"
    guest_start uml timeout 15 "$@"
    screen_becomes host "$LOGS/direct.png" "$LOGS/bridged.png" 14 || fail "bridged and direct differ"
    guest_ends uml 124
    finish
}

# A window with a title bar.
test_image() {
    equal weston -- weston-image /usr/share/weston/pattern.png
}

# A terminal.
test_foot() {
    equal sway '#0000ff' -- foot --config=/dev/null /usr/src/wayferry/tests/e2e/terminal.sh
}

# A keyboard brings a keymap, a file of the host: this guest cannot map it, so its contents are fetched.
test_typing() {
    need wtype
    begin sway
    # shellcheck disable=SC2016
    guest_start uml foot --config=/dev/null sh -c 'read -r line && echo "$line" >/mnt/typed'
    until_true 20 shows_window || fail "no window"
    WAYLAND_DISPLAY=host timeout 10 wtype -s 1000 -d 20 'Hello guest' -k Return || fail "wtype failed"
    guest_ends uml 0
    [ "$(cat "$WORK/uml/typed")" = 'Hello guest' ] || fail "typed was: $(cat "$WORK/uml/typed")"
    finish
}

# A guest whose plug is pulled: its windows go, and the next one finds everything in order.
test_unplugged() {
    local i
    begin
    for i in 1 2 3; do
        guest_start uml weston-simple-shm
        until_true 20 shows_window || fail "no window of guest $i"
        stop uml-guest || fail "the guest cannot be stopped"
        until_true 10 screen_is host "$WORK/host.empty.png" || fail "the window of guest $i stays"
        alive "${PID[uml-host]}" || fail "wayferry-host ended"
    done
    finish
}

e2e_main "$@"
