#!/bin/bash
# What the bridge costs in a real guest; see tests/bench/run.sh --vm. One machine per run:
#
#     [PARTS="round-trips frames programs"] [ROUNDS=N] tests/bench/vm.sh --list | KIND
#
# The compositor is the guest tree's weston 14, headless with pixman and a refresh rate of 1000 Hz. Times of
# software emulation (qemu) are no measure of a machine; its counts and ratios are.
. "$(dirname "$0")/../vm/session.sh"
. "$(dirname "$0")/programs.sh"

tests=(uml:300 qemu-6.1:900 qemu-6.12:900 qemu-newest:900)

ROUNDS=${ROUNDS:-3}
PARTS=${PARTS:-round-trips frames programs}     # what is measured
export -n ROUNDS PARTS      # what is exported, a test does not see
SECONDS_OF_FRAMES=3

test_uml() { bench_kind uml; }
test_qemu_6_1() { bench_kind qemu-6.1; }
test_qemu_6_12() { bench_kind qemu-6.12; }
test_qemu_newest() { bench_kind qemu-newest; }

bench_compositor() {
    LAB_BIND=$XDG_RUNTIME_DIR spawn host "$LAB/guest.sh" tree env XDG_RUNTIME_DIR=/mnt weston --backend=headless \
        --renderer=pixman --shell=kiosk --no-config --socket=host --width=1920 --height=1080 --idle-time=0 \
        --refresh-rate=1000000
    until_true 15 test -S "$XDG_RUNTIME_DIR/host" || fail "weston did not start (log: $LOGS/host.log)"
}

# value NAME: out of the name=value pairs on stdin.
value() {
    tr ' ' '\n' | sed -n "s/^$1=//p"
}

median() {
    sort -g | awk '{ values[NR] = $1 } END { print values[int((NR + 1) / 2)] }'
}

calculate() {
    awk "BEGIN { printf \"%.2f\", $1 }"
}

verdict() {
    [ "$(calculate "$1 <= $2")" = 1.00 ] && echo met || echo MISSED
}

# The interrupts of the control queue; where sources have no names, they are those of the busiest one.
guest_interrupts() {
    guest_run vm awk '/virtio/ {
        n = 0
        for (i = 2; $i ~ /^[0-9]+$/; i++)
            n += $i
        if (n > most)
            most = n
        if (/control/)
            control += n
    }
    END { print control ? control : most + 0 }' /proc/interrupts
}

host_cpu_us() {
    awk '{ print $1 / 1000 }' "/proc/${PID[vm-host]}/schedstat"
}

bench_kind() {
    local started=$EPOCHREALTIME booted
    KIND=$1
    [ "$KIND" = uml ] || GUEST_TIMEOUT=300
    bench_compositor
    bridge_start_host host vm
    guest_boot "$KIND" vm
    booted=$EPOCHREALTIME
    guest_run vm "$LAB_PROGRAMS/shm-client" --frames 1 || fail "no window"
    printf '%s\n' "$KIND"
    printf '  from the start to the first frame       %s s (%s s to the user'\''s session)\n' \
        "$(calculate "$EPOCHREALTIME - $started")" "$(calculate "$booted - $started")"
    if [[ $PARTS = *round-trips* ]]; then
        bench_round_trips
        bench_bursts
    fi
    if [[ $PARTS = *frames* ]]; then
        bench_frames full 'every pixel new'
        bench_frames row 'one row new'
    fi
    if [[ $PARTS = *programs* ]]; then
        bench_programs
    fi
    guest_stop vm
    stop vm-host
}

# Turns are taken, so that what else the machine does meets both.
bench_round_trips() {
    local i line fences="" syncs="" floor syncs_median
    for ((i = 0; i < ROUNDS; i++)); do
        fences+=$(guest_run vm "$LAB_PROGRAMS/fences")$'\n' || fail "no fences"
        line=$(guest_run vm "$LAB_PROGRAMS/bench" sync --count 3000 --warmup 300) || fail "no round trips"
        syncs+=$(value median_us <<<"$line")$'\n'
    done
    local submit poll raw
    submit=$(value submit <<<"$fences" | median)
    poll=$(value poll <<<"$fences" | median)
    raw=$(value sync <<<"$fences" | median)
    syncs_median=$(grep . <<<"$syncs" | median)
    floor=$(calculate "$submit + $poll")
    printf '  a fenced submission, and a POLL         %s + %s us\n' "$submit" "$poll"
    printf '  wl_display.sync by bare ioctls          %s us\n' "$raw"
    printf '  wl_display.sync of an application       %s us, %s times the submission and the POLL (target 1.5: %s)\n' \
        "$syncs_median" "$(calculate "$syncs_median / $floor")" "$(verdict "$syncs_median" "1.5 * $floor")"
}

# Leaves in COUNTS how many submissions, fences, frames and interrupts there have been.
count() {
    local name
    guest_counters
    COUNTS=()
    for name in submissions fences frames; do COUNTS+=("$(bridge_counter vm guest "$name")"); done
    COUNTS+=("$(guest_interrupts)")
}

# since N BEFORE...: what came to COUNTS after these, divided by N.
since() {
    local n=$1 before=("${@:2}") i
    for i in "${!before[@]}"; do calculate "(${COUNTS[i]} - ${before[i]}) / $n"; echo; done
}

# 100 requests at once, which the compositor answers at once, with two events each.
bench_bursts() {
    local bursts=300 before each
    count
    before=("${COUNTS[@]}")
    guest_run vm "$LAB_PROGRAMS/bench" sync --burst 100 --count $bursts --warmup 0 >/dev/null || fail "no bursts"
    count
    mapfile -t each < <(since $bursts "${before[@]}")
    printf '  a burst of 100 wl_display.sync          %s interrupts (target 2: %s), %s submissions, %s fences\n' "${each[3]}" \
        "$(verdict "${each[3]}" 2)" "${each[0]}" "${each[1]}"
}

# bench_frames full|row TEXT
bench_frames() {
    local line frames cpu guest_cpu direct before each
    guest_direct "$LAB_PROGRAMS/bench" frames --damage "$1" --seconds $SECONDS_OF_FRAMES
    wait "${PID[direct]}" || fail "no frames of the direct run"
    unset "PID[direct]"
    direct=$(value per_second <"$LOGS/direct.log" | tail -n 1)

    count
    before=("${COUNTS[@]}") cpu=$(host_cpu_us)
    line=$(guest_run vm "$LAB_PROGRAMS/bench" frames --damage "$1" --seconds $SECONDS_OF_FRAMES \
        --watch "guest:$(guest_service_pid)") || fail "no frames"
    cpu=$(calculate "$(host_cpu_us) - $cpu")
    count
    frames=$((COUNTS[2] - before[2]))
    mapfile -t each < <(since "$frames" "${before[@]}")
    guest_cpu=$(value guest_cpu_us <<<"$line")
    printf '  1080p, %-32s %s frames a second (%s direct), %s ms of wayferry-guest and %s ms of wayferry-host each\n' \
        "$2" "$(value per_second <<<"$line")" "$direct" "$(calculate "$guest_cpu / 1000")" \
        "$(calculate "$cpu / 1000 / $frames")"
    printf '  %-39s %s submissions (target 1: %s), %s fences, %s interrupts a frame\n' '' "${each[0]}" \
        "$(verdict "${each[0]}" 1.05)" "${each[1]}" "${each[3]}"
}

e2e_main "$@"
