#!/bin/bash
# What X11 applications hear of pointers, touch screens and pens by XInput 2: wayferry-x11 on a compositor itself
# (direct), and on wayferry-guest (bridged).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/x11-lib.sh"
. "$(dirname "$0")/seat.sh"

tests=(games:4 raw:8 touch:8 pens:8)

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

# ---- a touch screen and a pen, at scales 1 and 2: places are X's pixels

# each_seat FUNCTION: runs it four times, with X's scale in FACTOR.
each_seat() {
    for FACTOR in 1 2; do
        for HOW in $(ways); do
            local display=host
            seat_start host "$FACTOR"
            [ "$HOW" = direct ] || { bridge_start host; display=$BRIDGE; }
            x11_serve "$display"
            : >"$LOGS/xi2.log"
            spawn xi2 "$WAYFERRY_CLIENTS/x11-xi2" 300 200
            seat_shows host
            "$1"
            x11_stop
            exec 6>&-
        done
    done
}

# at X Y: that place of the compositor's in X's pixels.
at() {
    echo "$(($1 * FACTOR)) $(($2 * FACTOR))"
}

# Two fingers, each where it is; and the next touch after what the compositor takes for itself.
check_touch() {
    seat 'touch down 0 10 20' 'touch frame'
    xi2_heard "touch begin $(at 10 20)"
    seat 'touch motion 0 50 30' 'touch frame'
    xi2_heard "touch update $(at 50 30)"
    seat 'touch down 1 100 90' 'touch frame'
    xi2_heard "touch begin $(at 100 90)"
    seat 'touch motion 0 60 40' 'touch motion 1 110 80' 'touch frame'
    xi2_heard "touch update $(at 110 80)"
    seat 'touch up 0' 'touch frame'
    xi2_heard "touch end $(at 60 40)"
    seat 'touch up 1' 'touch frame'
    xi2_heard "touch end $(at 110 80)"
    seat 'touch down 0 149 99' 'touch frame' 'touch cancel'
    xi2_heard "touch end $(at 149 99)"
    seat 'touch down 3 1 1' 'touch frame'
    xi2_heard "touch begin $(at 1 1)"
}

test_touch() {
    each_seat check_touch
}

# A pen: where it is, how hard it is pressed and how it is held.
check_pens() {
    local pen='xwayland-tablet stylus'
    seat 'pen in 5 6'
    xi2_heard "motion $(at 5 6) $pen 0 0 0"
    seat 'pen motion 70 80 0.5 30'
    xi2_heard "motion $(at 70 80) $pen 32767 30 0"
    seat 'pen down'
    xi2_heard "press 1 $(at 70 80) $pen"
    seat 'pen motion 71 82 1 -30'
    xi2_heard "motion $(at 71 82) $pen 65535 -30 0"
    seat 'pen up'
    xi2_heard "release 1 $(at 71 82) $pen"
    seat 'pen out' 'pen in 20 10'
    xi2_heard "motion $(at 20 10) $pen 0 0 0"
}

test_pens() {
    each_seat check_pens
}

# What games do: the pointer cannot leave a window; or it stays, without a cursor, and the window hears of its motion.
check_games() {
    windows_start
    pointer_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 Game' 'cursor 1 shown' 'map 1'
    shows '^Game\|.*focused'
    sway_message host '[title="Game"] move position 300 200' >/dev/null
    point 'move 450 300'
    told '1 motion 150,100 root .*'
    # Confined: it stops at the edge.
    tell 'confine 1'
    traced 'zwp_confined_pointer_v1@[0-9]+\.confined\(\)'
    point 'by 20 10'
    told '1 motion 170,110 root .*'
    point 'by 500 10' 'button 272 1' 'button 272 0'
    told '1 button 1 at 299,1[12][0-9] root .*'
    tell ungrab
    traced 'zwp_confined_pointer_v1@[0-9]+\.destroy\(\)'
    point 'by 100 0'
    traced 'wl_pointer@[0-9]+\.leave'
    forget_told
    point 'move 450 300'
    told '1 motion 150,100 root .*'
    # Locked: X's pointer moves on, is where the client puts it, and nothing is clicked that lies beside the window.
    tell 'cursor 1 hidden'
    traced 'wl_pointer@[0-9]+\.set_cursor\([0-9]+, nil'
    tell 'confine 1' 'warp 1 100 100'
    traced 'zwp_locked_pointer_v1@[0-9]+\.locked\(\)'
    point 'by 7 3' 'by 7 3'
    told '1 motion 114,106 root .*'
    tell 'warp 1 100 100'
    told '1 motion 100,100 root .*'
    point 'by -5 8'
    told '1 motion 95,108 root .*'
    point 'by 900 0' 'button 272 1' 'button 272 0'
    told '1 button 1 at 299,108 root .*'
    # An ordinary pointer again, and where it was left.
    tell ungrab 'cursor 1 shown'
    traced 'zwp_locked_pointer_v1@[0-9]+\.destroy\(\)'
    point 'move 310 220' 'button 273 1' 'button 273 0'
    told '1 button 3 at 10,20 root .*'
}

test_games() {
    X11_OPTIONS='--trace x11'
    each_way check_games
}

e2e_main "$@"
