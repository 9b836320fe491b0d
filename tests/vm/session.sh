# shellcheck shell=bash
# What tests in guests share, whatever machine they run on: a compositor, a wayferry-host, a guest, and
# applications that the guest's user starts. A file of tests sources this (before it lists its tests):
#
#     . "$(dirname "$0")/session.sh"
#     KIND=uml
#     tests=(foot:60)
#     test_foot() { session_start sway; ...; session_end; }
#     e2e_main "$@"
#
# The guests must have been made: tests/vm/guest.sh prepare KIND.
. "$(dirname "${BASH_SOURCE[0]}")/guest.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"

TIMES=1     # how many times as long as at native speed

# session_start COMPOSITOR [COMMAND...]: the desktop "host", the wayferry-host "vm-host", the guest "vm".
# While that boots, COMMAND runs.
session_start() {
    compositor_start "$1" host
    bridge_start_host host vm
    guest_start "$KIND" vm
    "${@:2}"
    guest_await vm
}

# host_limits LINE...: limits of the machine for the next session's wayferry-host, other than its defaults.
host_limits() {
    printf '%s\n' '[limits]' "$@" >"$WORK/limits.conf"
    HOST_OPTIONS="--config $WORK/limits.conf"
}

# Ends all three in good order. (Of some compositors no pictures can be taken.)
session_end() {
    [ -z "${SCREEN[host]:-}" ] || until_true $((10 * TIMES)) screen_is host "$WORK/host.empty.png" ||
        fail "a window stays on the screen"
    guest_stop vm
    alive "${PID[vm-host]}" || fail "wayferry-host ended (log: $LOGS/vm-host.log)"
    stop vm-host || fail "wayferry-host ignored SIGTERM"
    [ "$STOP_STATUS" = 0 ] || fail "wayferry-host ended with status $STOP_STATUS (log: $LOGS/vm-host.log)"
    sanitizers_silent
}

# app JOB COMMAND...: an application of the guest's user.
app() {
    guest_spawn vm "$@"
}

# app_end JOB: ends it, and waits until its window is gone.
app_end() {
    guest_signal vm "$1" KILL
    until_true $((20 * TIMES)) screen_is host "$WORK/host.empty.png" || fail "the window of $1 stays on the screen"
}

# app_ends JOB: waits until it has ended by itself, and its window is gone.
app_ends() {
    guest_wait vm "$1" && fail "$1 ended as if nothing had happened"
    until_true $((20 * TIMES)) screen_is host "$WORK/host.empty.png" || fail "the window of $1 stays on the screen"
}

# app_works JOB: an application can be started, draws, and ends.
app_works() {
    app "$1" weston-simple-shm
    until_true $((30 * TIMES)) shows_window || fail "$1: no window"
    until_true $((10 * TIMES)) moves || fail "$1: nothing moves"
    app_end "$1"
}

# ---- wayferry-guest, the service of the guest's user

GUEST_SERVICE=wayferry-guest.service

guest_service_pid() {
    guest_run vm systemctl --user show --property=MainPID --value $GUEST_SERVICE
}

# What it has said since the guest's boot.
guest_service_says() {
    guest_run vm --root journalctl -q -b -o cat _SYSTEMD_USER_UNIT=$GUEST_SERVICE
}

# Memory of both sides in KiB, besides what they share with the guest (the host) and the host (the guest).
OWN_KIB='/^Rss(Anon|File):/ { sum += $2 } END { print sum }'

guest_service_kib() {
    guest_run vm awk "$OWN_KIB" "/proc/$(guest_service_pid)/status"
}

host_kib() {
    awk "$OWN_KIB" "/proc/${PID[vm-host]}/status"
}

# guest_counters: leaves what SIGUSR1 makes the service print in $WORK/vm-guest.counters (see bridge_counter).
guest_counters() {
    local cursor
    cursor=$(guest_run vm --root journalctl -q -n 1 --show-cursor -o cat | sed -n 's/^-- cursor: //p')
    guest_run vm systemctl --user kill --kill-whom=main --signal=USR1 $GUEST_SERVICE || fail "no $GUEST_SERVICE"
    until_true $((10 * TIMES)) guest_counters_printed "$cursor" || fail "wayferry-guest prints no counters"
}

guest_counters_printed() {
    guest_run vm --root journalctl -q --after-cursor="$1" -o cat _SYSTEMD_USER_UNIT=$GUEST_SERVICE \
        >"$WORK/vm-guest.counters"
    grep -q '^live_objects' "$WORK/vm-guest.counters"
}

# nothing_left: both sides hold nothing of clients that are gone.
nothing_left() {
    bridge_counters vm host
    guest_counters
    [ "$(bridge_counter vm host 'live contexts')" = 0 ] && [ "$(bridge_counter vm host 'live resources')" = 0 ] &&
        [ "$(bridge_counter vm guest live_objects)" = 0 ] && [ "$(bridge_counter vm guest blobs)" = 0 ]
}

shows_window() {
    shot host "$WORK/now.png" && ! same "$WORK/now.png" "$WORK/host.empty.png"
}

moves() {
    shot host "$WORK/then.png" && ! same "$WORK/then.png" "$WORK/now.png"
}
