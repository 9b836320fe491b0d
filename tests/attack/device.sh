#!/bin/bash
# A hostile guest, or monitor, against the device itself.
. "$(dirname "$0")/../e2e/lib.sh"

tests=(contexts:120 next-frontend:60)

ATTACKS=$WAYFERRY_BUILD/tests/attack
FAULTS=$WAYFERRY_CLIENTS/faults
# 3D contexts of a machine: at once, and then a second (host-bridge/kinds.c).
AT_ONCE=16 PER_SECOND=4

# processes_below PID: how many there are.
processes_below() {
    local child n=0
    for child in $(pgrep -P "$1"); do
        n=$((n + 1 + $(processes_below "$child")))
    done
    echo $n
}

# A guest that asks for 300 3D contexts gets them at a rate that the host can bear, up to the limit. How many that are at a
# time shows only where processes start faster than that; so those that were held back are counted, too: all but those
# that came at once, and those that were refused, since the machine had its 64 already, while there was no hurry.
test_contexts() {
    local started seconds most now before held
    weston_start compositor
    HOST_OPTIONS='--vm hostile --renderer virgl' bridge_start_host compositor hostile
    bridge_start compositor other
    before=$(processes_below "${PID[hostile-host]}")
    started=$EPOCHSECONDS
    spawn attacker "$ATTACKS/contexts" "$XDG_RUNTIME_DIR/hostile.gpu" 2 300
    until_true 60 grep -qs '^made' "$LOGS/attacker.log" || {
        alive "${PID[attacker]}" || fail "the attack did not start (log: $LOGS/attacker.log)"
        fail "the guest is not answered"
    }
    now=$(($(processes_below "${PID[hostile-host]}") - before))
    seconds=$((EPOCHSECONDS - started + 1))
    most=$((AT_ONCE + PER_SECOND * seconds))
    say "$(cat "$LOGS/attacker.log"): $now processes after $seconds s"
    ((now > 0)) || fail "there are no contexts at all (log: $LOGS/hostile-host.log)"
    ((now <= most)) || fail "more than $most"
    bridge_counters hostile host
    held=$(bridge_counter hostile host 'contexts held back')
    say "$held of 300 were held back"
    ((held >= 300 - 64 - AT_ONCE)) || fail "only $held contexts were held back"
    WAYLAND_DISPLAY=other timeout 60 "$FAULTS/rude" ping >>"$LOGS/bystander.log" 2>&1 ||
        fail "the bystander is not served (log: $LOGS/bystander.log)"
    say "bystander: $(tail -n 1 "$LOGS/bystander.log")"
}

# A monitor that has left keeps its map of the host-visible region; it is not the next one's.
test_next_frontend() {
    weston_start compositor
    bridge_start_host compositor bridge
    timeout 40 "$ATTACKS/next-frontend" "$XDG_RUNTIME_DIR/bridge.gpu" >"$LOGS/next-frontend.log" 2>&1 ||
        fail "memory is shared with one that has left (log: $LOGS/next-frontend.log)"
    say "$(cat "$LOGS/next-frontend.log")"
}

e2e_main "$@"
