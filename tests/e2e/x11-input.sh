#!/bin/bash
# What X11 applications hear of pointers by XInput 2: wayferry-x11 on sway itself (direct), and on wayferry-guest
# (bridged).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/x11-lib.sh"

tests=(raw:8)

# xi2_heard LINE: waits for it in the log of x11-xi2, from here on in each.
xi2_heard() {
    until_true 10 grep -qxE "$1" "$LOGS/xi2.log" || fail "XInput 2 did not tell: $1 (log: $LOGS/xi2.log)"
    : >"$LOGS/xi2.log"
}

xi2_start() {
    need "$WAYFERRY_CLIENTS/x11-xi2"
    : >"$LOGS/xi2.log"
    spawn xi2 "$WAYFERRY_CLIENTS/x11-xi2" "$@"
    shows '^XI2\|'
}

# raw_heard X Y FACTOR: a pointer that moves so far is told as that, and in X's pixels.
raw_heard() {
    point "by $1 $2"
    xi2_heard "raw $(($1 * $3)) $(($2 * $3)) unaccelerated $1 $2"
}

# Raw motion: how far the mouse moves, over any window of X, and also where the pointer stays.
check_raw() {
    windows_start
    pointer_start
    xi2_start 300 200
    sway_message host '[title="XI2"] move position 20 20' >/dev/null
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 Game' 'cursor 1 shown' 'map 1'
    shows '^Game\|.*focused'
    sway_message host '[title="Game"] move position 300 100' >/dev/null
    point 'move 100 100'
    xi2_heard 'motion .*'
    raw_heard 20 10 "$FACTOR"
    raw_heard -7 3 "$FACTOR"
    point "move $((350 * FACTOR)) $((150 * FACTOR))"
    told '1 motion .*'
    raw_heard 5 -2 "$FACTOR"
    # Locked, as games do it: on and on, and never at an edge.
    tell 'cursor 1 hidden' 'confine 1' 'warp 1 100 100'
    until_true 10 grep -q 'zwp_locked_pointer_v1@[0-9]*\.locked()' "$LOGS/x11.log" || fail "the pointer is not locked"
    for _ in 1 2 3; do
        raw_heard 900 -400 "$FACTOR"
    done
    raw_heard -3 1 "$FACTOR"
}

test_raw() {
    X11_OPTIONS='--trace x11'
    FACTOR=1
    each_way check_raw
    X11_SCALE=2 FACTOR=2
    each_way check_raw
}

e2e_main "$@"
