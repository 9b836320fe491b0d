# shellcheck shell=bash
# Checks of what a running guest (session.sh) survives, and of what must not grow; for every kind of machine.

# kill -9 of wayferry-guest: its applications end; systemd has the display served again.
survives_death_of_guest_service() {
    local pid
    app before "$LAB_PROGRAMS/shm-client" --frames 1000000
    until_true $((30 * TIMES)) shows_window || fail "no window"
    pid=$(guest_service_pid)
    guest_run vm systemctl --user kill --kill-whom=main --signal=KILL "$GUEST_SERVICE"
    app_ends before
    app_works "after-death"
    [ "$(guest_service_pid)" != "$pid" ] || fail "wayferry-guest was not killed"
}

# The compositor goes and another one comes: applications end, wayferry-host and wayferry-guest do not.
survives_death_of_compositor() {
    local pid
    app orphan "$LAB_PROGRAMS/shm-client" --frames 1000000
    until_true $((30 * TIMES)) shows_window || fail "no window"
    pid=$(guest_service_pid)
    stop host KILL
    guest_wait vm orphan && fail "the application ended as if nothing had happened"
    sway_start host
    app_works "after-compositor"
    alive "${PID[vm-host]}" || fail "wayferry-host ended"
    [ "$(guest_service_pid)" = "$pid" ] || fail "wayferry-guest ended"
}

# wayferry-host goes and another one comes, and the guest gets a new device in place of the dead one: applications and
# wayferry-guest end, the next ones find the new device.
survives_new_device() {
    local pid
    app widow "$LAB_PROGRAMS/shm-client" --frames 1000000
    until_true $((30 * TIMES)) shows_window || fail "no window"
    pid=$(guest_service_pid)
    stop vm-host KILL
    until_true $((10 * TIMES)) screen_is host "$WORK/host.empty.png" || fail "a window stays after wayferry-host"
    rm "$XDG_RUNTIME_DIR/vm.gpu"    # so that the next one is waited for
    bridge_start_host host vm
    guest_replace_gpu vm || fail "the device cannot be replaced"
    guest_wait vm widow && fail "the application ended as if nothing had happened"
    until_true $((30 * TIMES)) guest_run vm sh -c 'test -w /dev/dri/renderD*' || fail "the new device does not come up"
    app_works "after-device"
    [ "$(guest_service_pid)" != "$pid" ] || fail "wayferry-guest has kept the old device"
    [ "$(guest_service_says | grep -c 'renderD[0-9]*: the device was removed')" = 1 ] ||
        fail "wayferry-guest does not say why it ended: $(guest_service_says)"
    bridge_counters vm host
    [ "$(bridge_counter vm host 'shadowed bytes')" = 0 ] || fail "the new device has no window: frames were copied"
}

# survives_reboots N: of the guest, with a window open; nothing of the old system stays on the host.
survives_reboots() {
    local i
    for ((i = 1; i <= $1; i++)); do
        app "before-$i" weston-simple-shm
        until_true $((30 * TIMES)) shows_window || fail "no window before reboot $i"
        guest_reboot vm
        until_true $((10 * TIMES)) screen_is host "$WORK/host.empty.png" || fail "the window stays after reboot $i"
        alive "${PID[vm-host]}" || fail "wayferry-host ended in reboot $i"
    done
    app_works after-reboots
    until_true $((10 * TIMES)) nothing_left || fail "something is left of the systems before"
}

# clients_at_once N: so many clients draw and stay, all at once.
clients_at_once() {
    local output
    output=$(guest_output vm crowd)
    # shellcheck disable=SC2016
    app crowd sh -c 'for i in $(seq "$1"); do "$0" --size 40x40 --frames 3 --hold --solid --seed $i & done; wait' \
        "$LAB_PROGRAMS/shm-client" "$1"
    until_true $((90 * TIMES)) crowd_is "$1" || fail "of $1 clients $(grep -cx '3 frames' "$output") have drawn"
    bridge_counters vm host
    say "$1 clients draw, $(bridge_counter vm host 'live contexts') contexts"
    app_end crowd
    until_true $((20 * TIMES)) nothing_left || fail "something is left of $1 clients"
    app_works after-crowd
}

TRIPS=200           # in a batch; of four, the first one of which is not counted

# calls_beside N: sets FIGURE, the system calls of wayferry-host for a round trip of one of ten clients beside N idle ones.
# What else happens meanwhile only adds: the least of three counts.
calls_beside() {
    local batch calls share
    share=$(guest_share vm)
    FIGURE=1e9
    cp "$LAB/../e2e/raw_wayland.py" "$share/"
    # shellcheck disable=SC2016
    app "trips-$1" sh -c 'ulimit -n 4096; for batch in 1 2 3 4; do
            until [ -e "/mnt/trips-$1-$batch" ]; do sleep 0.1; done
            echo
        done | python3 /mnt/raw_wayland.py "$XDG_RUNTIME_DIR/$WAYLAND_DISPLAY" roundtrips "$1" 4 "$2"' trips "$1" $TRIPS
    until_true $((90 * TIMES)) trips_say "$1" ready 1 || fail "$1 clients do not connect"
    for batch in 1 2 3 4; do
        spawn tally "$WAYFERRY_CLIENTS/tally" "${PID[vm-host]}"
        until_true 10 grep -qsx ready "$LOGS/tally.log" || fail "wayferry-host cannot be traced"
        touch "$share/trips-$1-$batch"
        until_true $((60 * TIMES)) trips_say "$1" 'done' $batch || fail "no answers beside $1 clients"
        stop tally || fail "tally did not end"
        calls=$(tail -n 1 "$LOGS/tally.log")
        rm "$LOGS/tally.log"
        ((batch == 1)) ||
            FIGURE=$(awk -v calls="$calls" -v n=$TRIPS -v least="$FIGURE" 'BEGIN { printf "%.2f", calls / n < least ? calls / n : least }')
    done
    guest_wait vm "trips-$1" || fail "the clients failed"
    until_true $((20 * TIMES)) nothing_left || fail "something is left of $1 idle clients"
}

# trips_say N TEXT COUNT
trips_say() {
    local n
    n=$(grep -scx "$2" "$(guest_output vm "trips-$1")")
    ((${n:-0} >= $3))
}

# idle_ones_cost_nothing N: those that have no place in the queue are not asked, and do not ask.
idle_ones_cost_nothing() {
    local few
    calls_beside 10
    few=$FIGURE
    calls_beside "$1"
    say "system calls of wayferry-host for a round trip: $few beside 10 idle clients, $FIGURE beside $1"
    # What a machine's kernel and its timers do meanwhile is in both.
    awk -v few="$few" -v many="$FIGURE" 'BEGIN { exit !(many <= few + 0.5) }' ||
        fail "wayferry-host makes more system calls for a client where there are more of them"
}

# crowd_is N: so many have drawn.
crowd_is() {
    [ -e "$output" ] && [ "$(grep -cx '3 frames' "$output")" = "$1" ]
}

# commits_leave_nothing N: a client that commits N frames. Neither side is larger at the end than after a tenth.
commits_leave_nothing() {
    local host_before guest_before frames
    commit_frames tenth $(($1 / 10))
    host_before=$(host_kib)
    guest_before=$(guest_service_kib)
    commit_frames rest $(($1 - $1 / 10))
    until_true $((10 * TIMES)) nothing_left || fail "something is left of the client"
    frames=$(bridge_counter vm guest frames)
    [ "$frames" = "$1" ] || fail "wayferry-guest saw $frames frames of $1"
    not_grown wayferry-host "$host_before" "$(host_kib)"
    not_grown wayferry-guest "$guest_before" "$(guest_service_kib)"
}

commit_frames() {
    local started=$EPOCHREALTIME
    app "$1" "$LAB_PROGRAMS/shm-client" --size 64x64 --frames "$2" --unpaced --row
    guest_wait vm "$1" $((600 * TIMES)) || fail "the client failed"
    say "$2 commits: $(seconds_since "$started") s"
}

# not_grown NAME BEFORE AFTER: KiB; a tenth more is what the allocators may keep.
not_grown() {
    say "$1: $2 KiB, then $3 KiB"
    (($3 * 10 <= $2 * 11)) || fail "$1 grew from $2 to $3 KiB"
}
