#!/bin/bash
# A real guest kernel's virtio_gpu driver and a real user's session, on User-Mode Linux.
. "$(dirname "$0")/session.sh"
. "$(dirname "$0")/applications.sh"
. "$(dirname "$0")/survival.sh"
. "$(dirname "$0")/dmabuf.sh"
. "$(dirname "$0")/foreign.sh"
. "$(dirname "$0")/service.sh"
. "$(dirname "$0")/three-d.sh"
. "$(dirname "$0")/x11.sh"
. "$(dirname "$0")/clock.sh"
. "$(dirname "$0")/../e2e/seat.sh"

KIND=uml
tests=(applications:49 service:8 x11:14 clock:24 input:13 clipboard:18 survival:15 reboots:20 many:24 commits:12 foreign:12 opengl:29)

APPS=(simple-shm image foot qt6 mpv gtk4)

# Started by the user, who finds the display in his environment; wayferry-guest is started by its socket.
test_applications() {
    session_start sway apps_direct "${APPS[@]}"
    apps_equal "${APPS[@]}"
    session_end
}

test_service() {
    session_start sway
    display_is_found WAYLAND_DISPLAY wayferry-0
    doctor_finds_all_well
    doctor_finds_faults
    guest_unplug vm
}

test_x11() {
    session_start sway
    x11_works
    session_end
}

machine_stops() {
    kill -STOP -- "-${PID[vm-vm]}"
    sleep 2
    kill -CONT -- "-${PID[vm-vm]}"
}

# The guest's date is set to another, and the machine stands still for two seconds, in which the guest's clock goes on: times
# stay true. (sway 1.7 without a GPU does not say when frames are shown.)
test_clock() {
    session_start weston
    clock_pongs
    clock_is_true at-first
    clock_counts at-first
    guest_run vm --root date -s "2031-01-01 12:00" >"$LOGS/date" || fail "the guest's date cannot be set"
    clock_is_true another-date
    clock_of_frames a-stop machine_stops
    ((CLOCK_GAP >= 2000)) || fail "the guest's clock has stood still, too"
    clock_is_true after-a-stop
    clock_counts after-a-stop
    session_end
}

test_input() {
    input_direct
    session_start sway
    input_equal
    session_end
}

test_clipboard() {
    session_start sway
    clipboard_both_ways 0 1 70000 67108864
    session_end
}

test_survival() {
    session_start sway
    survives_death_of_guest_service
    survives_death_of_compositor
    session_end
}

test_reboots() {
    session_start sway
    survives_reboots "${1:-1}"
    session_end
}

test_five_reboots() { test_reboots 5; }

# In a queue of 256 places, which is what User-Mode Linux has.
test_many() {
    host_limits "connections = $((${1:-300} + 100))"
    session_start weston
    clients_at_once "${1:-300}"
    [ -z "${1:-}" ] || idle_ones_cost_nothing "$1"
    session_end
}

test_thousand_at_once() { test_many 1000; }

test_commits() {
    session_start weston
    commits_leave_nothing "${1:-10000}"
    session_end
}

test_hundred_thousand_commits() { test_commits 100000; }

# OpenGL, rendered by the host: two programs; then the first one's worker is killed.
test_opengl() {
    HOST_OPTIONS="--renderer virgl"
    session_start weston
    opengl_start first
    opengl_right first
    opengl_start second
    opengl_right second
    opengl_in_software
    workers_rest || fail "somebody works when nothing happens"
    # A weston has two contexts.
    workers_are 4 || fail "two programs draw, but there are $(worker_pids | wc -w) workers"
    kill -KILL "$(worker_pids | head -n 1)"
    opengl_right second
    app_works window
    guest_signal vm first KILL
    guest_signal vm second KILL
    until_true 20 workers_are 0 || fail "a worker stays"
    opengl_start third
    opengl_right third
    # Without the process that starts workers all of them end; then there is another one.
    kill -KILL "$(spawner_of "${PID[vm-host]}")"
    until_true 20 workers_are 0 || fail "a worker outlives the process that started it"
    app_works window-still
    guest_signal vm third KILL
    opengl_start fourth
    opengl_right fourth
    guest_signal vm fourth KILL
    session_end
}

tests+=(held-worker:35)

# The host's side of that is a newer one, whose OpenGL draws windows; see host.sh.
test_held_worker() {
    three_d_session sway
    worker_held
    session_end
}

test_foreign() {
    session_start sway
    foreign_cases no-window
    session_end
}

tests+=(dmabuf-sway:60 dmabuf-weston:22 dmabuf-weston14:24 dmabuf-mutter:15 dmabuf-feedback:12)

full+=(five-reboots:60 thousand-at-once:40 hundred-thousand-commits:70 dmabuf-storm:90)

# Frames in memory of the GPU device, on compositors without linux-dmabuf and with it.
test_dmabuf_sway() {
    session_start sway
    dmabuf_windows
    dmabuf_waits
    dmabuf_fences
    dmabuf_timelines
    timelines_storm
    dmabuf_shm_pairs >"$LOGS/pairs"
    dmabuf_feedback "$LOGS/pairs"
    session_end
}

test_dmabuf_weston() {
    session_start weston_pixman
    dmabuf_windows
    session_end
}

weston_pixman_start() {
    weston_start "$1" "$2" pixman
}

# Guest pages are no dma-buf at the host either, so its linux-dmabuf does not see them.
test_dmabuf_weston14() {
    session_start weston14
    dmabuf_windows
    dmabuf_direct_pairs >"$LOGS/pairs"
    dmabuf_feedback "$LOGS/pairs"
    session_end
}

# Mutter has protocols that the others lack: a client that paces itself by fifo is served.
test_dmabuf_mutter() {
    local shadowed='dma-bufs as shadowed wl_shm'
    session_start mutter
    dmabuf_is_taken immediately "$shadowed"
    dmabuf_is_taken later "$shadowed" --via create --offset 4160 --padding 88
    dmabuf_is_taken drm "$shadowed" --via drm
    dmabuf_refused
    dmabuf_direct_pairs >"$LOGS/pairs"
    dmabuf_feedback "$LOGS/pairs"
    app fifo env WAYLAND_DEBUG=1 vkcube --wsi wayland --c 60
    guest_wait vm fifo || fail "vkcube failed ($(guest_output vm fifo stderr))"
    [ "$(grep -c 'wp_fifo_v1.*\.set_barrier' "$(guest_output vm fifo stderr)")" = 60 ] || fail "not every frame had its barrier"
    session_end
}

test_dmabuf_feedback() {
    session_start seat_dmabuf
    dmabuf_feedback_changes
    session_end
}

# A thousand sizes in one connection, of each kind of buffers: nothing is left of them on either side.
test_dmabuf_storm() {
    local via
    session_start sway
    for via in dmabuf shm; do
        dmabuf_storm $via 20
        cp "$WORK/storm" "$WORK/storm.few"
        dmabuf_storm $via 1000 "$WORK/storm.few"
    done
    session_end
}

e2e_main "$@"
