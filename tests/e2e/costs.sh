#!/bin/bash
# What a round trip costs in either process, counted: system calls, and instructions; by itself and beside many other clients.
. "$(dirname "$0")/lib.sh"

tests=(system-calls:5 calls-beside-many:10)
full=(neighbours:45)

ROUND_TRIPS=40
MANY=400
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

# per_round_trip NUMBER: sets FIGURE.
per_round_trip() {
    FIGURE=$(awk -v number="$1" -v n=$ROUND_TRIPS 'BEGIN { printf "%.2f", number / n }')
    [ "$FIGURE" != 0.0 ] || fail "nothing was counted"
}

# system_calls SIDE: sets FIGURE, of what that process does meanwhile.
system_calls() {
    local log=$LOGS/tally-$1.log
    rm -f "$log"
    spawn "tally-$1" "$WAYFERRY_CLIENTS/tally" "${PID[bridge-$1]}"
    until_true 10 grep -qsx ready "$log" || fail "wayferry-$1 cannot be traced: $(tail -n 1 "$log")"
    batch
    stop "tally-$1" || fail "tally did not end"
    per_round_trip "$(tail -n 1 "$log")"
}

# least_calls IDLE: sets FIGURES[host] and [guest], beside so many other clients.
least_calls() {
    local side try
    FIGURES=([host]=1e9 [guest]=1e9)
    clients_start "$1" $((2 * TRIES + 1)) $ROUND_TRIPS
    batch       # a new client's first ones cost more
    for side in host guest; do
        for ((try = 0; try < TRIES; try++)); do
            system_calls $side
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
            per_round_trip "$(sed -n 's/^totals: //p' "$(ls -t "$WORK/calls.$side".* | head -n 1)")"
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
    local side try
    [ "$WAYFERRY_E2E_BRIDGE" != none ] || return 0
    sway_start host
    bridge_start host
    clients_start 0 $((2 * TRIES)) $ROUND_TRIPS
    for side in host guest; do
        for ((try = 1; try <= TRIES; try++)); do
            system_calls $side
            say "system calls of wayferry-$side for a round trip: $FIGURE"
            no_more "$FIGURE" 5.5 && break
        done
        ((try <= TRIES)) || fail "wayferry-$side makes more than 5.5 system calls for a round trip"
    done
    clients_stop
    bridge_stop
    stop host
}

# Who says nothing costs those that speak not one call.
test_calls_beside_many() {
    local side
    local -A FIGURES=() few=()
    [ "$WAYFERRY_E2E_BRIDGE" != none ] || return 0
    many_start
    least_calls 10
    for side in host guest; do
        few[$side]=${FIGURES[$side]}
    done
    least_calls $MANY
    for side in host guest; do
        say "wayferry-$side: ${few[$side]} system calls for a round trip, beside $MANY clients ${FIGURES[$side]}"
        # One or two more, in a whole batch, are those of a timer.
        no_more "${FIGURES[$side]}" "$(awk -v few="${few[$side]}" 'BEGIN { print few + 0.05 }')" ||
            fail "wayferry-$side makes more system calls for a client where there are more of them"
    done
    bridge_stop
    stop host
}

# Whoever speaks pays for itself alone: a second place in the queue, too, is with those that have said something last.
test_neighbours() {
    local side
    local -A FIGURES=() few=()
    [ "$WAYFERRY_E2E_BRIDGE" != none ] || return 0
    need valgrind callgrind_control
    for side in host guest; do
        local -n under=${side^^}_UNDER
        under="valgrind -q --tool=callgrind --callgrind-out-file=$WORK/calls.$side"
    done
    many_start --sandbox=off
    instructions 10
    for side in host guest; do
        few[$side]=${FIGURES[$side]}
    done
    instructions $MANY
    for side in host guest; do
        say "wayferry-$side: ${few[$side]} instructions for a round trip, beside $MANY clients ${FIGURES[$side]}"
        no_more "${FIGURES[$side]}" "$(awk -v few="${few[$side]}" 'BEGIN { print few * 1.1 }')" ||
            fail "wayferry-$side does more for a client where there are more of them"
    done
    bridge_stop
    stop host
}

e2e_main "$@"
