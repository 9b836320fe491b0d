#!/bin/bash
# What wayferry-x11 costs: a film of 1280x720 at 30 frames a second, shown by mpv --vo=x11,
#   - on an Xwayland that is a single window of the compositor ("rootful"): X without wayferry-x11,
#   - by wayferry-x11 on the compositor, and on wayferry-guest.
#
#     tests/bench/x11.sh mpv          # WAYFERRY_BUILD=DIR: the programs of that build, instead of build-tests/plain
#
# Prints the CPU time per frame of Xwayland, wayferry-x11 and wayferry's two, and what wayferry-x11 has resident. The
# machine's other load slows frames down, but hardly changes what one costs; frames are those that mpv has shown.
. "$(dirname "$0")/../e2e/lib.sh"

tests=(mpv:60)
FILM=av://lavfi:testsrc2=size=1280x720:rate=30
WARM_UP=3 LENGTH=10         # seconds

# cpu_ns NAME...: of these processes, by their pids.
cpu_ns() {
    local pid sum=0 ns
    for pid; do
        read -r ns _ <"/proc/$pid/schedstat"
        sum=$((sum + ns))
    done
    echo "$sum"
}

# measure WAY DISPLAY PID...: plays the film on that X display; prints a line with a column for each process.
measure() {
    local way=$1 display=$2 pid before=() columns='' frames i=0
    shift 2
    spawn film env -u WAYLAND_DISPLAY DISPLAY="$display" mpv --no-config --vo=x11 --no-audio --geometry=1280x720 \
        --input-ipc-server="$WORK/film.ipc" "$FILM"
    sleep "$WARM_UP"
    for pid; do
        before+=("$(cpu_ns "$pid")")
    done
    frames=$(frames_shown)
    sleep "$LENGTH"
    frames=$(($(frames_shown) - frames))
    ((frames > 0)) || fail "mpv shows nothing (log: $LOGS/film.log)"
    for pid; do
        columns+=" $(awk -v ns=$(($(cpu_ns "$pid") - before[i])) -v n="$frames" 'BEGIN { printf "%.2f", ns / n / 1e6 }')"
        i=$((i + 1))
    done
    stop film
    echo "$way: $frames frames; CPU ms a frame:$columns"
}

frames_shown() {
    python3 - "$WORK/film.ipc" <<'END'
import json, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
stream = connection.makefile("rw")
def ask(name):
    print(json.dumps({"command": ["get_property", name]}), file=stream, flush=True)
    while "data" not in (answer := json.loads(stream.readline())):
        pass
    return answer["data"]
print(round(ask("time-pos") * 30) - ask("frame-drop-count"))
END
}

# by_wayferry WAY WAYLAND_DISPLAY PID...: with the columns Xwayland, wayferry-x11 and those processes.
by_wayferry() {
    local way=$1 display
    : >"$LOGS/x11.log"
    spawn x11 env WAYLAND_DISPLAY="$2" "$WAYFERRY_BUILD/guest-proxy/x11/wayferry-x11"
    shift 2
    until_true 10 grep -q 'display :' "$LOGS/x11.log" || fail "no display (log: $LOGS/x11.log)"
    display=$(sed -n 's/.*x11: display //p' "$LOGS/x11.log")
    DISPLAY=$display xprop -root >/dev/null
    measure "$way" "$display" "$(pgrep -P "${PID[x11]}" Xwayland)" "${PID[x11]}" "$@"
    echo "$way: wayferry-x11 has $(rss_kib "${PID[x11]}") KiB resident"
    stop x11
}

test_mpv() {
    need Xwayland mpv xprop sway
    sway_start host
    spawn rootful env WAYLAND_DISPLAY=host Xwayland :93 -ac
    until_true 10 test -e /tmp/.X11-unix/X93 || fail "Xwayland did not start (log: $LOGS/rootful.log)"
    measure 'rootful (Xwayland)' :93 "${PID[rootful]}"
    stop rootful
    by_wayferry 'on the compositor (Xwayland, wayferry-x11)' host
    bridge_start host
    by_wayferry 'on wayferry-guest (Xwayland, wayferry-x11, -guest, -host)' "$BRIDGE" \
        "${PID[bridge-guest]}" "${PID[bridge-host]}"
}

e2e_main "$@"
