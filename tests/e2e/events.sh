# shellcheck shell=bash
# Input events for a client that writes down what its seat tells it (tests/clients/event-log). Sourced after lib.sh.
#
# The seat has no devices but those that are made here. Nothing is done before the client has the device, which it
# says with a line "bound"; and the client has been told all when it hears that the device is gone.

EVENTS_SECONDS=30       # until the client must have said something

# events_told LOG: what the seat said; not what the client says of itself, which comes at a time of its own.
events_told() {
    grep -v '^bound ' "$1"
}

events_count() {
    grep -cxs "$2" "$1"
}

# events_await LOG LINE COUNT: the client says the line that many times.
events_await() {
    until_true "$EVENTS_SECONDS" events_are "$@" || fail "the client does not say \"$2\" $3 times (log: $1)"
}

events_are() {
    (($(events_count "$1" "$2") >= $3))
}

# events_of_pointer LOG: a pointer comes, moves, presses, scrolls, and goes.
events_of_pointer() {
    local gone bound
    gone=$(events_count "$1" 'seat capabilities 0')
    bound=$(events_count "$1" 'bound 1')
    events_pointer_commands "$1" "$bound" |
        WAYLAND_DISPLAY=host "$WAYFERRY_CLIENTS/virtual-pointer" --size "$SIZE" >"$LOGS/pointer.log" 2>&1
    [ "${PIPESTATUS[*]}" = "0 0" ] || fail "no pointer events"
    events_await "$1" 'seat capabilities 0' $((gone + 1))
}

events_pointer_commands() {
    events_await "$1" 'bound 1' $(($2 + 1))
    cat <<'COMMANDS'
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
COMMANDS
}

# events_of_keyboard LOG: a keyboard comes, another one types, both go.
events_of_keyboard() {
    local gone bound
    gone=$(events_count "$1" 'seat capabilities 0')
    bound=$(events_count "$1" 'bound 2')
    spawn keyboard env WAYLAND_DISPLAY=host wtype -s 3600000 a
    events_await "$1" 'bound 2' $((bound + 1))
    WAYLAND_DISPLAY=host wtype 'wayferry äö€' -M ctrl -k a -m ctrl -M shift -k Left -m shift -k Return \
        >"$LOGS/wtype.log" 2>&1 || fail "no keyboard events"
    stop keyboard
    events_await "$1" 'seat capabilities 0' $((gone + 1))
}
