#!/bin/bash
# What programs that draw with OpenGL and Vulkan cost as windows of the host; see tests/bench/run.sh --3d. One machine
# per run:
#
#     tests/bench/three-d.sh --list | KIND
#
# Each program runs in the guest, and the host's renderer draws for it; it is shown by the host's compositor, through
# the bridge, and in turn by a compositor of the guest itself, which draws by the same renderer. Both are the guest
# tree's weston 14, headless, at 1000 Hz. Without a GPU all of them share the processors: read the ratios.
#
# A frame is a wl_surface.commit with a frame callback, as the program's own trace tells; the latency is the time from
# that commit to the callback. CPU time is that of the machine (the programs, and the guest's compositor or
# wayferry-guest), of wayferry-host with its renderer, and of the host's compositor.
. "$(dirname "$0")/../vm/session.sh"
. "$(dirname "$0")/../vm/three-d.sh"

tests=(uml:600 qemu-6.12:1200)

ROUNDS=${ROUNDS:-3}
export -n ROUNDS     # what is exported, a test does not see
SECONDS_OF_FRAMES=8
WARM_UP=4               # seconds: drivers compile, in the first of them

declare -A PROGRAMS=([OpenGL]="weston-simple-egl" [Vulkan]="vkcube --wsi wayland")

# User-Mode Linux has no window for memory of the host, and so no Vulkan.
test_uml() { bench_kind uml OpenGL; }
test_qemu_6_12() { bench_kind qemu-6.12 OpenGL Vulkan; }

bench_kind() {
    local api way round
    KIND=$1
    shift
    host_prepare
    three_d_session bench_weston
    guest_spawn vm compositor weston --backend=headless --renderer=gl --shell=kiosk --no-config --socket=local \
        --width="${SIZE%x*}" --height="${SIZE#*x}" --idle-time=0 --refresh-rate=1000000
    until_true "$THREE_D_SECONDS" guest_run vm sh -c '[ -S $XDG_RUNTIME_DIR/local ]' || fail "the guest's weston did not start"
    printf '%s\n' "$KIND"
    for api; do
        for ((round = 0; round < ROUNDS; round++)); do
            for way in bridged local; do
                bench_program "$api" $way $round
            done
        done
        bench_table "$api"
    done
    guest_stop vm
    stop vm-host
}

bench_weston_start() {
    LAB_BIND=$XDG_RUNTIME_DIR spawn "$1" "$LAB/guest.sh" tree env XDG_RUNTIME_DIR=/mnt weston --backend=headless \
        --renderer=gl --shell=kiosk --no-config --socket="$1" --width="${SIZE%x*}" --height="${SIZE#*x}" --idle-time=0 \
        --refresh-rate=1000000
    until_true 20 test -S "$XDG_RUNTIME_DIR/$1" || fail "weston did not start (log: $LOGS/$1.log)"
}

# cpu_ticks PID...: of these processes and all their descendants that live.
cpu_ticks() {
    local pids=$* more=$*
    while more=$(pgrep -d ' ' -P "${more// /,}"); do
        pids+=" $more"
    done
    # shellcheck disable=SC2046,SC2086,SC2002   # several words; and more files than one
    cat $(printf '/proc/%s/stat ' $pids) 2>/dev/null | sed 's/.*) //' | awk '{ sum += $12 + $13 } END { print sum + 0 }'
}

cpu_now() {
    cpu=("$(cpu_ticks "${PID[vm-vm]}")" "$(cpu_ticks "${PID[vm-host]}")" "$(cpu_ticks "${PID[host]}")")
}

# bench_program API bridged|local ROUND: appends a line to $WORK/API-WAY.
bench_program() {
    local job=$1-$2-$3 display=wayferry-0 trace before after seconds cpu=() cpu_before
    [ "$2" = bridged ] || display=local
    # shellcheck disable=SC2086
    guest_spawn vm "$job" env WAYLAND_DISPLAY=$display WAYLAND_DEBUG=1 ${PROGRAMS[$1]}
    trace=$(guest_output vm "$job" stderr)
    until_true "$THREE_D_SECONDS" grep -qs '\.frame(' "$trace" || fail "$job draws nothing (output: $trace)"
    sleep $WARM_UP
    cpu_now
    before=$(stat -c %s "$trace") seconds=$EPOCHREALTIME cpu_before=("${cpu[@]}")
    sleep $SECONDS_OF_FRAMES
    cpu_now
    after=$(stat -c %s "$trace") seconds=$(awk "BEGIN { print $EPOCHREALTIME - $seconds }")
    guest_signal vm "$job" KILL
    guest_wait vm "$job"
    tail -c "+$((before + 1))" "$trace" | head -c $((after - before)) >"$LOGS/$job.trace"
    awk -f "$(dirname "$0")/three-d.awk" -v seconds="$seconds" -v ticks="$(getconf CLK_TCK)" \
        -v machine=$((cpu[0] - cpu_before[0])) -v host=$((cpu[1] - cpu_before[1])) \
        -v compositor=$((cpu[2] - cpu_before[2])) "$LOGS/$job.trace" >>"$WORK/$1-$2" || fail "$job: no frames"
}

# The median of a column of $WORK/API-WAY: column API WAY NUMBER
column() {
    awk -v n="$3" '{ print $n }' "$WORK/$1-$2" | sort -g | awk '{ values[NR] = $1 } END { print values[int((NR + 1) / 2)] }'
}

bench_table() {
    local way
    printf '  %s (%s)\n' "$1" "${PROGRAMS[$1]}"
    for way in bridged local; do
        printf '    %-8s %7s frames a second; CPU per frame: machine %s, wayferry-host and renderer %s, compositor %s ms; commit to callback %s ms (99th: %s)\n' \
            $way "$(column "$1" $way 1)" "$(column "$1" $way 2)" "$(column "$1" $way 3)" "$(column "$1" $way 4)" \
            "$(column "$1" $way 5)" "$(column "$1" $way 6)"
    done
}

e2e_main "$@"
