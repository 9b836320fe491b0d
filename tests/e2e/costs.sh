#!/bin/bash
# What round trips, frames and keys cost in either process, counted: system calls, and instructions; by themselves and, of
# round trips, beside many other clients.
. "$(dirname "$0")/lib.sh"
. "$E2E_DIRECTORY/events.sh"
. "$E2E_DIRECTORY/seat.sh"

tests=(system-calls:5 calls-beside-many:10 frames:5 keys:8)
full=(neighbours:45)

ROUND_TRIPS=200
MANY=400
KEYS=12     # pressed, and released
FRAMES=200
TRIES=5     # what else happens meanwhile only adds: the least counts

# clients_start IDLE BATCHES COUNT: see raw_wayland.py; sets BATCH, a pipe to it.
clients_start() {
    mkfifo "$WORK/batches"
    spawn_reading clients "$WORK/batches" python3 "$E2E_DIRECTORY/raw_wayland.py" "$XDG_RUNTIME_DIR/$BRIDGE" roundtrips "$@"
    exec {BATCH}>"$WORK/batches"
    until_true 120 grep -qx ready "$LOGS/clients.log" || fail "no clients: $(tail -n 3 "$LOGS/clients.log")"
}

clients_stop() {
    exec {BATCH}>&-
    stop clients
    rm "$WORK/batches"
    rm "$LOGS/clients.log"
}

batches_done() {
    [ "$(grep -cx 'done' "$LOGS/clients.log")" = "$1" ]
}

# Has the clients' next batch answered.
batch() {
    local already
    already=$(grep -cx 'done' "$LOGS/clients.log")
    echo >&"$BATCH"
    until_true 120 batches_done $((already + 1)) || fail "the clients got no answers: $(tail -n 3 "$LOGS/clients.log")"
}

# per NUMBER COUNT: sets FIGURE.
per() {
    FIGURE=$(awk -v number="$1" -v n="$2" 'BEGIN { printf "%.2f", number / n }')
    [ "$FIGURE" != 0.00 ] || fail "nothing was counted"
}

# tallied SIDE COMMAND...: sets CALLS, the system calls of that process until the command has ended.
tallied() {
    local log=$LOGS/tally-$1.log
    rm -f "$log"
    spawn "tally-$1" "$WAYFERRY_CLIENTS/tally" "${PID[bridge-$1]}"
    until_true 10 grep -qsx ready "$log" || fail "wayferry-$1 cannot be traced: $(tail -n 1 "$log")"
    "${@:2}"
    stop "tally-$1" || fail "tally did not end"
    CALLS=$(tail -n 1 "$log")
}

# at_most SIDE WHAT LIMIT COUNT COMMAND...: how often that process calls for each of COUNT; the command sets CALLS.
at_most() {
    local try
    for ((try = 1; try <= TRIES; try++)); do
        "${@:5}"
        per "$CALLS" "$4"
        say "system calls of wayferry-$1 for $2: $FIGURE"
        ! no_more "$FIGURE" "$3" || return 0
    done
    fail "wayferry-$1 makes more than $3 system calls for $2"
}

# least_calls IDLE: sets FIGURES[host] and [guest], beside so many other clients.
least_calls() {
    local side try
    FIGURES=([host]=1e9 [guest]=1e9)
    clients_start "$1" $((2 * TRIES + 1)) $ROUND_TRIPS
    batch       # a new client's first ones cost more
    for side in host guest; do
        for ((try = 0; try < TRIES; try++)); do
            tallied $side batch
            per "$CALLS" $ROUND_TRIPS
            ! no_more "$FIGURE" "${FIGURES[$side]}" || FIGURES[$side]=$FIGURE
        done
    done
    clients_stop
}

# many_start: a bridge for MANY clients.
many_start() {
    printf '[limits]\nconnections = 1000\n' >"$WORK/limits.conf"
    sway_start host
    HOST_OPTIONS="--config $WORK/limits.conf $*" bridge_start host
}

# control SIDE OPTION: of the callgrind that runs it.
control() {
    limited 60 callgrind_control "$2" "${PID[bridge-$1]}" >>"$LOGS/control.log" 2>&1 || fail "callgrind_control failed ($LOGS/control.log)"
}

# instructions IDLE: sets FIGURES[host] and [guest], beside so many other clients.
instructions() {
    local side try
    FIGURES=([host]=1e9 [guest]=1e9)
    clients_start "$1" $((TRIES + 2)) $ROUND_TRIPS
    batch       # a new client's first ones cost more
    for ((try = 0; try <= TRIES; try++)); do
        batch
        for side in host guest; do
            control $side -d
            ((try > 0)) || continue     # all until then
            # shellcheck disable=SC2012     # names of ours, the newest
            per "$(sed -n 's/^totals: //p' "$(ls -t "$WORK/calls.$side".* | head -n 1)")" $ROUND_TRIPS
            ! no_more "$FIGURE" "${FIGURES[$side]}" || FIGURES[$side]=$FIGURE
        done
    done
    clients_stop
}

# no_more FIGURE LIMIT
no_more() {
    awk -v figure="$1" -v limit="$2" 'BEGIN { exit !(figure <= limit) }'
}

# Woken twice, hears one thing and says two: fewer would be had by waiting busily only. In between come one or two calls more,
# where a fence is due, a timer looks whether the device answers, and where the counting begins.
test_system_calls() {
    local side
    [ "$WAYFERRY_E2E_BRIDGE" != none ] || return 0
    sway_start host
    bridge_start host
    clients_start 0 $((2 * TRIES)) $ROUND_TRIPS
    for side in host guest; do
        at_most $side "a round trip" 5.1 $ROUND_TRIPS tallied $side batch
    done
    clients_stop
    bridge_stop
    stop host
}

# frames COUNT: one row is new in each, and each waits for the one before to be shown.
frames() {
    limited 60 env WAYLAND_DISPLAY="$BRIDGE" "$WAYFERRY_CLIENTS/shm-client" --row --frames "$1" >>"$LOGS/client.log" 2>&1 ||
        fail "the frames were not shown: $(tail -n 1 "$LOGS/client.log")"
}

# further_frames SIDE: sets CALLS to what FRAMES more of them cost a window.
further_frames() {
    local few
    tallied "$1" frames 20
    few=$CALLS
    tallied "$1" frames $((20 + FRAMES))
    CALLS=$((CALLS - few))
}

# A frame is heard and handed on in one piece, and so is the answer of this compositor, which shows nothing: it gives the buffer
# back and asks for the next frame at once. (Others say these one after the other: three calls more of wayferry-host, and
# two of wayferry-guest.)
test_frames() {
    local side
    [ "$WAYFERRY_E2E_BRIDGE" != none ] || return 0
    seat_start host
    bridge_start host
    for side in host guest; do
        at_most $side "a frame" 5.15 $FRAMES further_frames $side
    done
    bridge_stop
    seat_stop host
}

# Each key when the one before has come.
type_keys() {
    local i
    for ((i = 0; i < KEYS; i++)); do
        echo "press 30" >&"$KEYBOARD"
        key_comes 1
        echo "release 30" >&"$KEYBOARD"
        key_comes 0
    done
}

# key_comes STATE
key_comes() {
    local line="keyboard key 30 $1"
    events_await "$LOGS/client.log" "$line" $((${TYPED[$1]} + 1))
    TYPED[$1]=$((${TYPED[$1]} + 1))
}

# A key wakes each process once: it is read and told, and nothing else.
test_keys() {
    local -a TYPED=(0 0)
    local KEYBOARD
    [ "$WAYFERRY_E2E_BRIDGE" != none ] || return 0
    sway_start host
    bridge_start host
    : >"$LOGS/client.log"
    spawn client env WAYLAND_DISPLAY="$BRIDGE" "$WAYFERRY_CLIENTS/event-log"
    events_await "$LOGS/client.log" mapped 1
    mkfifo "$WORK/keys"
    WAYLAND_DISPLAY=host spawn_reading keyboard "$WORK/keys" "$WAYFERRY_CLIENTS/virtual-keyboard" us
    exec {KEYBOARD}>"$WORK/keys"
    events_await "$LOGS/client.log" 'bound 2' 1
    type_keys       # the keyboard's own events have come with its first ones
    at_most host "a key" 3.15 $((2 * KEYS)) tallied host type_keys
    at_most guest "a key" 2.15 $((2 * KEYS)) tallied guest type_keys
    exec {KEYBOARD}>&-
    stop keyboard
    bridge_stop
    stop client
    stop host
}

# beside_many MEASURE WHAT MOST: MEASURE, which sets FIGURES, finds of WHAT no more than MOST beside MANY clients; that is an
# expression of awk's, of "few", what there is beside ten.
beside_many() {
    local side
    local -A FIGURES=() few=()
    "$1" 10
    for side in host guest; do
        few[$side]=${FIGURES[$side]}
    done
    "$1" $MANY
    for side in host guest; do
        say "wayferry-$side: ${few[$side]} $2 for a round trip, beside $MANY clients ${FIGURES[$side]}"
        no_more "${FIGURES[$side]}" "$(awk -v few="${few[$side]}" "BEGIN { print $3 }")" ||
            fail "wayferry-$side takes more $2 for a client where there are more of them"
    done
    bridge_stop
    stop host
}

# Who says nothing costs those that speak not one call. (One or two more, in a whole batch, are those of a timer.)
test_calls_beside_many() {
    [ "$WAYFERRY_E2E_BRIDGE" != none ] || return 0
    many_start
    beside_many least_calls "system calls" "few + 0.05"
}

# Whoever speaks pays for itself alone: a second place in the queue, too, is with those that have said something last.
test_neighbours() {
    local side
    [ "$WAYFERRY_E2E_BRIDGE" != none ] || return 0
    need valgrind callgrind_control
    for side in host guest; do
        local -n under=${side^^}_UNDER
        under="valgrind -q --tool=callgrind --callgrind-out-file=$WORK/calls.$side"
    done
    many_start --sandbox=off
    beside_many instructions instructions "few * 1.1"
}

e2e_main "$@"
