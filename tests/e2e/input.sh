#!/bin/bash
# Input: what a client is told of pointer and keyboard is the same, bridged and direct.
. "$(dirname "$0")/lib.sh"

tests=(pointer:5 keyboard:4 pointer-and-keyboard:7)

# input_log direct|bridged DRIVER: a sway with one client that writes down its events; DRIVER makes the
# events. Leaves them in $LOGS/direct.events or $LOGS/bridged.events.
input_log() {
    local display=host log=$LOGS/$1-client.log
    sway_start host
    if [ "$1" = bridged ]; then
        bridge_start host
        display=$BRIDGE
    fi
    : >"$log"
    spawn "$1-client" env WAYLAND_DISPLAY="$display" "$WAYFERRY_CLIENTS/event-log"
    until_true 15 grep -qx mapped "$log" || fail "the client's window is not shown"
    "$2" || fail "the events could not be made"
    until_true 20 log_rests "$log"
    alive "${PID[$1-client]}" || fail "the client ended (log: $log)"
    cp "$log" "$LOGS/$1.events"
    stop "$1-client"
    [ "$1" = bridged ] && bridge_stop
    stop host
}

# Has nothing been added for a second?
log_rests() {
    local size
    size=$(stat -c %s "$1")
    sleep 1
    [ "$(stat -c %s "$1")" = "$size" ]
}

# input_same DRIVER PATTERN...: both logs are the same, and have a line for each pattern.
input_same() {
    local driver=$1 pattern
    shift
    input_log direct "$driver"
    for pattern; do
        grep -q "^$pattern" "$LOGS/direct.events" || fail "no \"$pattern\" in the direct run"
    done
    input_log bridged "$driver"
    diff -u "$LOGS/direct.events" "$LOGS/bridged.events" || fail "the events differ"
    say "$(wc -l <"$LOGS/direct.events") events are the same"
}

move_pointer() {
    WAYLAND_DISPLAY=host "$WAYFERRY_CLIENTS/virtual-pointer" --size "$SIZE" <<'END' >"$LOGS/pointer.log" 2>&1
sleep 500
move 100 100
move 640 360
by 10.5 -3.25
by -0.5 0
button 272 1
move 700 400
button 272 0
button 273 1
button 273 0
axis 0 7.5
axis 1 -3
stop 0
stop 1
wheel 0 1
wheel 0 -2
wheel 1 1
move 1279 719
sleep 300
END
}

type_keys() {
    WAYLAND_DISPLAY=host wtype -s 300 'wayferry äö€' -M ctrl -k a -m ctrl -M shift -k Left -m shift -s 100 -k Return >"$LOGS/wtype.log" 2>&1
}

test_pointer() {
    input_same move_pointer 'pointer enter window' 'pointer motion' 'pointer button 272 1' 'pointer axis ' \
        'pointer axis_source' 'pointer axis_stop' 'pointer axis_discrete' 'pointer frame'
}

test_keyboard() {
    need wtype
    input_same type_keys 'keyboard keymap 1' 'keyboard enter window' 'keyboard key' 'keyboard modifiers' \
        'keyboard repeat_info'
}

# Dragging with a key held, and a second pointer after the first one went.
both() {
    move_pointer && type_keys && move_pointer
}

test_pointer_and_keyboard() {
    need wtype
    input_same both 'pointer button 272 1' 'keyboard key'
}

e2e_main "$@"
