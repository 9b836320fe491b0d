# shellcheck shell=bash
# Sourced by vm.sh: programs that draw into memory of the device (docs/zero-copy.md), beside themselves with wl_shm; and
# one whose frames wait for points of timelines, beside itself with frames that are finished when they are committed.
# (Mesa's OpenGL has no such points, so it is a program of the tests.)

# A frame is a stroke, a picture of the video, or a picture of 64x48; the latency is the time from its commit to its frame
# callback (of the last two, from one frame to the next).
declare -A PROGRAMS=(
    [ink]="ink --size 1920x1080 --strokes 400"
    [video]="video --size 1920x1080 --frames 200"
    [points]="timeline-client --size 64x48 --frames 1000 --pause 0"
)
declare -A PEERS=([ink]=--shm [video]=--shm [points]=--implicit)

# Turns are taken, as with round trips.
bench_programs() {
    local names=(ink video points) name round
    [ "$KIND" != qemu-6.1 ] || names=(ink video)    # its kernel cannot wait for points by an eventfd
    SERVICE=$(guest_service_pid)
    for ((round = 0; round < ROUNDS; round++)); do
        for name in "${names[@]}"; do
            # shellcheck disable=SC2086     # several words
            bench_program "$name" $round ${PROGRAMS[$name]}
            # shellcheck disable=SC2086
            bench_program "$name-peer" $round ${PROGRAMS[$name]} ${PEERS[$name]}
        done
    done
    for name in "${names[@]}"; do
        bench_programs_line "$name" "$name"
        bench_programs_line "$name-peer" "$name ${PEERS[$name]}"
    done
}

# bench_program NAME ROUND PROGRAM ARGUMENT...: adds a line to $WORK/NAME.figures: ms of latency, of wayferry-guest's CPU and
# of wayferry-host's a frame. What the program says of its memory is $WORK/NAME.memory; bytes that both copied of all its
# frames, which are the same in each round, $WORK/NAME.copied.
bench_program() {
    local name=$1 round=$2 job=$1-$2 frames output cpu=() before=() copied=0 after
    shift 2
    frames=$(sed -n 's/.*--\(strokes\|frames\) \([0-9]*\).*/\2/p' <<<"$*")
    output=$(guest_output vm "$job")
    ((round > 0)) || copied=$(bench_copied) || fail "nobody says what was copied"
    bench_cpu
    before=("${cpu[@]}")
    guest_spawn vm "$job" "$LAB_PROGRAMS/$1" "${@:2}"
    until_true "$GUEST_TIMEOUT" grep -qsx shown "$output" || fail "$* shows nothing ($(cat "$(guest_output vm "$job" stderr)"))"
    bench_cpu
    [ "$1" != timeline-client ] || guest_signal vm "$job" TERM
    guest_wait vm "$job"
    if ((round == 0)); then
        after=$(bench_copied) || fail "nobody says what was copied"
        echo $((after - copied)) >"$WORK/$name.copied"
    fi
    sed -n 's/: .*ms each$//p' "$output" >"$WORK/$name.memory"
    echo "$(sed -n 's/^\(.*, \)\?\([0-9.]*\) ms each$/\2/p' "$output")" \
        "$(awk "BEGIN { print (${cpu[0]} - ${before[0]}) / 1000 / $frames, (${cpu[1]} - ${before[1]}) / 1000 / $frames }")" \
        >>"$WORK/$name.figures"
    echo "$frames" >"$WORK/$name.frames"
}

# CPU of wayferry-guest (in steps of 10 ms) and of wayferry-host, in us.
bench_cpu() {
    cpu=("$(guest_run vm sed 's/.*) //' "/proc/$SERVICE/stat" | awk '{ print ($12 + $13) * 10000 }')" "$(host_cpu_us)")
    [ -n "${cpu[0]}" ] || fail "wayferry-guest is gone"
}

bench_copied() {
    guest_counters
    bridge_counters vm host
    echo $(($(bridge_counter vm guest copied_bytes) + $(bridge_counter vm host 'copied bytes') + $(bridge_counter vm host 'shadowed bytes')))
}

bench_programs_line() {
    local i figures=()
    for i in 1 2 3; do
        figures+=("$(cut -d ' ' -f $i "$WORK/$1.figures" | median)")
    done
    # shellcheck disable=SC2059     # three figures
    printf "  %-20s %-30s %s ms; %.2f ms of wayferry-guest and %.2f ms of wayferry-host each, %s MB copied\n" "$2" \
        "$(cat "$WORK/$1.memory")" "${figures[@]}" "$(calculate "$(cat "$WORK/$1.copied") / 1e6 / $(cat "$WORK/$1.frames")")"
}
