#!/bin/bash
# Input: what a client is told of pointer and keyboard is the same, bridged and direct.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/events.sh"
. "$(dirname "$0")/seat.sh"

tests=(pointer:5 keyboard:4 pointer-and-keyboard:7 chords:5 touch-and-pen:3)

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
    bridged_alone || input_log direct "${devices[@]}"
    input_log bridged "${devices[@]}"
    for pattern in "${@:2}"; do
        grep -q "^$pattern" "$LOGS/bridged.events" || fail "no \"$pattern\" in the bridged run"
    done
    bridged_alone && return
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

# ---- chords that never reach a guest

CTRL=29 SHIFT=42 SUPER=125 A=30 C=46        # linux/input-event-codes.h

# type_on LAYOUTS COMMAND...: a keyboard with these layouts comes, types, and goes. "+29" presses, "-29" releases,
# "=1" is the second layout.
type_on() {
    local layouts=$1 log=$LOGS/client.log gone bound
    gone=$(events_count "$log" 'seat capabilities 0')
    bound=$(events_count "$log" 'bound 2')
    {
        events_await "$log" 'bound 2' $((bound + 1))
        printf '%s\n' "${@:2}" | sed 's/^+/press /; s/^-/release /; s/^=/layout /'
    } | WAYLAND_DISPLAY=host "$WAYFERRY_CLIENTS/virtual-keyboard" "$layouts" >"$LOGS/keyboard.log" 2>&1
    [ "${PIPESTATUS[*]}" = "0 0" ] || fail "no keyboard events (log: $LOGS/keyboard.log)"
    events_await "$log" 'seat capabilities 0' $((gone + 1))
}

# typed LAYOUTS COMMAND... -- KEY...: what the guest hears of it; "+29" for a press.
typed() {
    local commands=() from
    from=$(($(wc -l <"$LOGS/client.log") + 1))
    while [ "$1" != -- ]; do
        commands+=("$1")
        shift
    done
    type_on "${commands[@]}"
    [ "$(tail -n "+$from" "$LOGS/client.log" | sed -n 's/^keyboard key \([0-9]*\) 1$/+\1/p; s/^keyboard key \([0-9]*\) 0$/-\1/p' |
        paste -sd ' ')" = "${*:2}" ] || fail "${commands[*]}: the guest hears something else"
    tail -n "+$from" "$LOGS/client.log" | grep '^keyboard modifiers' | tail -n 1 | grep -q '^keyboard modifiers 0 0 0' ||
        fail "${commands[*]}: a modifier is left"
}

test_chords() {
    local layouts
    printf '%s\n' '[keys]' 'accelerators = Ctrl+Shift+C, Ctrl+Shift+Z, Ctrl+Shift+A, <Super>' >"$WORK/keys.conf"
    sway_start host
    HOST_OPTIONS="--config $WORK/keys.conf" bridge_start host
    : >"$LOGS/client.log"
    spawn client env WAYLAND_DISPLAY="$BRIDGE" "$WAYFERRY_CLIENTS/event-log"
    events_await "$LOGS/client.log" mapped 1
    for layouts in us de fr us,ru ru; do
        # The chord; with its modifiers released first; one that is none; the key alone.
        typed $layouts +$CTRL +$SHIFT +$C -$C -$SHIFT -$CTRL +$CTRL +$SHIFT +$C -$CTRL -$SHIFT -$C \
            +$CTRL +$C -$C -$CTRL +$C +$CTRL -$C -$CTRL -- +$CTRL +$SHIFT -$SHIFT -$CTRL +$CTRL +$SHIFT -$CTRL -$SHIFT \
            +$CTRL +$C -$C -$CTRL +$C +$CTRL -$C -$CTRL
    done
    # The layout changes while the chord is held.
    typed us,ru +$CTRL +$SHIFT +$C =1 -$C -$SHIFT -$CTRL +$CTRL +$SHIFT +$C =0 -$CTRL -$C -$SHIFT +$A -$A \
        -- +$CTRL +$SHIFT -$SHIFT -$CTRL +$CTRL +$SHIFT -$CTRL -$SHIFT +$A -$A
    # On the next layout the key is another one: y and z, a and q.
    typed de,us +$CTRL +$SHIFT +21 =1 -21 -$SHIFT -$CTRL +21 -21 -- +$CTRL +$SHIFT -$SHIFT -$CTRL +21 -21
    typed fr,ru +$CTRL +$SHIFT +16 =1 -16 -$CTRL -$SHIFT +16 -16 -- +$CTRL +$SHIFT -$CTRL -$SHIFT +16 -16
    # A modifier alone, and with a key that is released later.
    typed de +$SUPER -$SUPER +$SUPER +$A -$SUPER -$A +$A -$A -- +$A -$A
    bridge_counters bridge host
    [ "$(bridge_counter bridge host 'chords withheld from the guest')" = 17 ] || fail "they are not counted"
    stop client
    bridge_stop
    stop host
}

# A touch screen and a pen: two fingers, a touch that the compositor takes for itself, a pen that comes, presses, leans and
# goes.
seat_log() {
    local display=host
    : >"$LOGS/touch.log"
    seat_start host
    [ "$1" = direct ] || { bridge_start host; display=$BRIDGE; }
    spawn touch env WAYLAND_DISPLAY="$display" "$WAYFERRY_CLIENTS/touch-log"
    seat_shows host
    seat 'touch down 0 10 20' 'touch down 1 30.5 40' 'touch frame' 'touch motion 0 11.25 21' 'touch motion 1 29 41' \
        'touch frame' 'touch up 1' 'touch frame' 'touch motion 0 299 199' 'touch frame' 'touch up 0' 'touch frame' \
        'touch down 5 1 1' 'touch frame' 'touch cancel' \
        'pen in 5 6' 'pen motion 7.5 8 0.5 30' 'pen down' 'pen motion 8 9 1 -30.5' 'pen up' 'pen motion 9 9 0 0' 'pen out' \
        'touch down 2 3 4' 'touch up 2' 'touch frame' 'pen in 299 199' 'pen out'
    seat_heard touch 'touch down window 2 3 4' 'touch up 2' 'touch frame' 'pen in window' 'pen motion 299 199' 'pen frame' \
        'pen out' 'pen frame'
    cp "$LOGS/touch.log" "$LOGS/$1.events"
    stop touch
    [ "$1" = direct ] || bridge_stop
    seat_stop host
}

test_touch_and_pen() {
    bridged_alone || seat_log direct
    seat_log bridged
    bridged_alone || diff -u "$LOGS/direct.events" "$LOGS/bridged.events" || fail "the client is told something else"
    [ "$(wc -l <"$LOGS/bridged.events")" = 48 ] || fail "$(wc -l <"$LOGS/bridged.events") events"
}

e2e_main "$@"
