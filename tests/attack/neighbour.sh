#!/bin/bash
# What an application of one machine notices while another machine attacks: each attack in turn, beside a client that
# draws at the screen's pace (60 Hz) and asks for round trips. Prints a table. How fast it is depends on what else
# this computer does, so that only memory and the neighbour's end are failures; "missed" is for whoever reads.
. "$(dirname "$0")/../e2e/lib.sh"

tests=()
full=(attacks:200)

FAULTS=$WAYFERRY_CLIENTS/faults
ATTACKER=$WAYFERRY_BUILD/tests/attack/attacker
MAX_GROWTH_KIB=$((100 * 1024))
LEAST_FRAMES=30
MOST_MS=50
SECONDS_EACH=10             # at most, of an attack that does not end by itself

CLIENT_ATTACKS=(mime-types sources rectangles surfaces nested pools connections pipes cover cover-popup)
HOARDS=(hoard-objects hoard-pools hoard-pixels)
CLIENT_STRAINS=(flood flood-unread stall "${HOARDS[@]}")

# summary FROM: "lowest and mean frames per second, longest round trip" of what was measured behind line FROM.
summary() {
    sed -n "$(($1 + 1)),\$s/^second //p" "$LOGS/neighbour.log" | awk '
        NR == 1 || $1 < low { low = $1 }
        $2 > long { long = $2 }
        { sum += $1 }
        END { printf "%.1f %.1f %.1f", low, NR ? sum / NR : 0, long }'
}

measured_since() {
    local seconds
    seconds=$(grep -cs '^second' "$LOGS/neighbour.log")
    ((${seconds:-0} >= $1))
}

# beside NAME COMMAND...: measures while the command runs, for three seconds at least.
beside() {
    local name=$1 lines seconds peak=0 low mean long deadline verdict=met
    shift
    lines=$(wc -l <"$LOGS/neighbour.log")
    seconds=$(grep -c '^second' "$LOGS/neighbour.log")
    spawn attack "$@"
    deadline=$((SECONDS + SECONDS_EACH))
    while ((SECONDS < deadline)) && { alive "${PID[attack]}" || ! measured_since $((seconds + 3)); }; do
        sleep 0.2
        ((peak >= $(rss_kib "${PID[compositor]}"))) || peak=$(rss_kib "${PID[compositor]}")
    done
    stop attack KILL
    alive "${PID[neighbour]}" || fail "the neighbour's application ended during $name (log: $LOGS/neighbour.log)"
    read -r low mean long < <(summary "$lines")
    rows=$((rows + 1))
    if awk -v low="$low" -v long="$long" "BEGIN { exit !(low >= $LEAST_FRAMES && long <= $MOST_MS) }"; then
        met=$((met + 1))
    else
        verdict=missed
    fi
    printf '%-16s %6s %6s %9s %9d  %s\n' "$name" "$low" "$mean" "$long" $((peak - before)) $verdict
    ((peak - before < MAX_GROWTH_KIB)) || fail "the compositor grew by $((peak - before)) KiB during $name"
}

# kept_at_most KIB: no more than so much was not given back. (Some is: what the heap has lies in pieces.)
kept_at_most() {
    (($(rss_kib "${PID[compositor]}") - before <= $1))
}

test_attacks() {
    local name before kept rows=0 met=0
    need wtype
    sway_start compositor
    spawn keyboard env WAYLAND_DISPLAY=compositor wtype -s 3600000 a    # pipes needs the focus
    HOST_OPTIONS='--vm hostile' bridge_start compositor bridge
    HOST_OPTIONS='--vm other' bridge_start compositor other
    HOST_OPTIONS='--vm raw --renderer virgl' bridge_start_host compositor raw
    spawn neighbour env WAYLAND_DISPLAY=other "$FAULTS/rude" measure
    until_true 20 measured_since 2 || fail "the neighbour's application does not run (log: $LOGS/neighbour.log)"
    before=$(rss_kib "${PID[compositor]}")
    printf '%-16s %6s %6s %9s %9s\n' attack lowest mean 'longest' memory '' fps fps 'trip ms' KiB
    beside nothing sleep 5
    for name in "${CLIENT_ATTACKS[@]}"; do
        beside "$name" env WAYLAND_DISPLAY=bridge "$ATTACKER" "$name"
    done
    for name in "${CLIENT_STRAINS[@]}"; do
        beside "$name" env WAYLAND_DISPLAY=bridge "$FAULTS/rude" "$name"
    done
    beside shm-pools "$WAYFERRY_BUILD/tests/attack/shm-pools" "$XDG_RUNTIME_DIR/raw.gpu"
    beside same-pages "$WAYFERRY_BUILD/tests/attack/same-pages" "$XDG_RUNTIME_DIR/raw.gpu"
    beside contexts "$WAYFERRY_BUILD/tests/attack/contexts" "$XDG_RUNTIME_DIR/raw.gpu" 2 300
    until_true 10 kept_at_most $((MAX_GROWTH_KIB / 4)) || fail "the compositor keeps $(($(rss_kib "${PID[compositor]}") - before)) KiB"
    kept=$(($(rss_kib "${PID[compositor]}") - before))
    for name in "${HOARDS[@]}"; do
        beside "$name" env WAYLAND_DISPLAY=bridge "$FAULTS/rude" "$name"
    done
    until_true 10 kept_at_most $((kept + MAX_GROWTH_KIB / 20)) || fail "the compositor keeps more each time"
    say "$met of $rows rows have $LEAST_FRAMES frames a second and round trips of $MOST_MS ms at most"
    say "the compositor: $before KiB before, $(rss_kib "${PID[compositor]}") KiB after"
    stop neighbour
    bridge_stop other
    bridge_stop bridge
}

e2e_main "$@"
