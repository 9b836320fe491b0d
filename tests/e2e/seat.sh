# shellcheck shell=bash
# A compositor that shows nothing, but has a touch screen and a pen (tests/clients/seat-compositor). Sourced after lib.sh.

# seat_start NAME [SCALE]: one that listens on the display NAME; commands go to it by way of seat.
seat_start() {
    rm -f "$WORK/seat"
    mkfifo "$WORK/seat"
    : >"$LOGS/$1.log"
    spawn_reading "$1" "$WORK/seat" "$WAYFERRY_CLIENTS/seat-compositor" "$@"
    exec 6>"$WORK/seat"
    until_true 10 test -S "$XDG_RUNTIME_DIR/$1" || fail "seat-compositor does not start (log: $LOGS/$1.log)"
}

# seat_shows NAME: waits for a window.
seat_shows() {
    until_true 20 grep -qx mapped "$LOGS/$1.log" || fail "the window is not shown"
}

seat() {
    printf '%s\n' "$@" >&6
}

seat_stop() {
    exec 6>&-
    stop "$1"
}

# seat_heard NAME LINE...: waits for these lines, one after the other and with nothing between them, at the end of the
# log of NAME.
seat_heard() {
    local name=$1
    shift
    printf '%s\n' "$@" >"$WORK/wanted"
    until_true 10 ends_with "$LOGS/$name.log" "$WORK/wanted" || fail "$name does not end with \"$*\" (log: $LOGS/$name.log)"
}

ends_with() {
    tail -n "$(wc -l <"$2")" "$1" | cmp -s - "$2"
}
