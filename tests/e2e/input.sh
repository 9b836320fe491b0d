#!/bin/bash
# Input: what a client is told of pointer and keyboard is the same, bridged and direct.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/events.sh"

tests=(pointer:5 keyboard:4 pointer-and-keyboard:7)

# input_log direct|bridged DEVICE...: a sway with one client that writes down its events; the devices come one
# after another. Leaves the events in $LOGS/direct.events or $LOGS/bridged.events.
input_log() {
    local display=host log=$LOGS/$1-client.log device
    sway_start host
    if [ "$1" = bridged ]; then
        bridge_start host
        display=$BRIDGE
    fi
    : >"$log"
    spawn "$1-client" env WAYLAND_DISPLAY="$display" "$WAYFERRY_CLIENTS/event-log"
    events_await "$log" mapped 1
    for device in "${@:2}"; do
        "events_of_$device" "$log"
    done
    alive "${PID[$1-client]}" || fail "the client ended (log: $log)"
    events_told "$log" >"$LOGS/$1.events"
    stop "$1-client"
    [ "$1" = bridged ] && bridge_stop
    stop host
}

# input_same DEVICE... -- PATTERN...: both logs are the same, and have a line for each pattern.
input_same() {
    local devices=() pattern
    while [ "$1" != -- ]; do
        devices+=("$1")
        shift
    done
    input_log direct "${devices[@]}"
    for pattern in "${@:2}"; do
        grep -q "^$pattern" "$LOGS/direct.events" || fail "no \"$pattern\" in the direct run"
    done
    input_log bridged "${devices[@]}"
    diff -u "$LOGS/direct.events" "$LOGS/bridged.events" || fail "the events differ"
    say "$(wc -l <"$LOGS/direct.events") events are the same"
}

test_pointer() {
    input_same pointer -- 'pointer enter window' 'pointer motion' 'pointer button 272 1' 'pointer axis ' \
        'pointer axis_source' 'pointer axis_stop' 'pointer axis_discrete' 'pointer frame'
}

test_keyboard() {
    need wtype
    input_same keyboard -- 'keyboard keymap 1' 'keyboard enter window' 'keyboard key' 'keyboard modifiers' \
        'keyboard repeat_info'
}

# A second pointer after the first one went.
test_pointer_and_keyboard() {
    need wtype
    input_same pointer keyboard pointer -- 'pointer button 272 1' 'keyboard key'
    [ "$(grep -c '^pointer enter window' "$LOGS/bridged.events")" = 2 ] || fail "the second pointer says nothing"
}

e2e_main "$@"
