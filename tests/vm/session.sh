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

# session_start COMPOSITOR: the desktop "host", the wayferry-host "vm-host", the guest "vm".
session_start() {
    compositor_start "$1" host
    bridge_start_host host vm
    guest_boot "$KIND" vm
}

# Ends all three in good order.
session_end() {
    until_true 10 screen_is host "$WORK/host.empty.png" || fail "a window stays on the screen"
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
    until_true 20 screen_is host "$WORK/host.empty.png" || fail "the window of $1 stays on the screen"
}

shows_window() {
    shot host "$WORK/now.png" && ! same "$WORK/now.png" "$WORK/host.empty.png"
}

moves() {
    shot host "$WORK/then.png" && ! same "$WORK/then.png" "$WORK/now.png"
}
