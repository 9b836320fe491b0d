#!/bin/bash
# Many clients, at once and one after another: nothing of them is left behind in either process.
. "$(dirname "$0")/lib.sh"

tests=(twenty-at-once:10 shared-pools:3 beside-8k:8 beside-8k-shadow:8 crowd:20)
plain=(thousand-in-turn:45)     # of what is left behind, which the leak checker tells after twenty

CLIENT=$WAYFERRY_CLIENTS/shm-client

# holdings: prints what both processes hold: fds, clients, contexts, objects, blobs. One line.
holdings() {
    bridge_counters bridge host
    bridge_counters bridge guest
    echo "fds $(fd_count "${PID[bridge-host]}") $(fd_count "${PID[bridge-guest]}")" \
        "$(grep -hE '^(clients|blobs|blob_bytes|live[ _].*) [0-9]+$' "$WORK"/bridge-{host,guest}.counters | tr '\n' ',')"
}

# Both processes hold what they held at the start.
holdings_are() {
    HOLDINGS=$(holdings)
    [ "$HOLDINGS" = "$1" ]
}

# All of one colour, all on the screen at the same time, each as large as it wants to be.
test_twenty_at_once() {
    local before index colour
    sway_start host
    bridge_start host
    [ "$WAYFERRY_E2E_BRIDGE" = none ] || before=$(holdings)
    for index in {1..20}; do
        colour=$((0x100000 + index * 0x0a0508))
        spawn "client-$index" env WAYLAND_DISPLAY="$BRIDGE" "$CLIENT" --size 60x256 --frames 120 --hold --solid --seed $colour
    done
    for index in {1..20}; do
        until_true 40 grep -qx '120 frames' "$LOGS/client-$index.log" || fail "client $index has not drawn its frames"
    done
    until_true 20 twenty_shown || fail "the windows are not all on the screen ($LOGS/twenty.png)"
    for index in {1..20}; do
        alive "${PID[client-$index]}" || fail "client $index ended"
        stop "client-$index"
    done
    until_true 10 screen_is host "$WORK/host.empty.png" || fail "windows stay on the screen"
    if [ "$WAYFERRY_E2E_BRIDGE" != none ]; then
        until_true 10 holdings_are "$before" || fail "before: $before; after: $HOLDINGS"
        say "$HOLDINGS"
    fi
    bridge_stop
    stop host
}

twenty_shown() {
    local index colour
    shot host "$LOGS/twenty.png" || return 1
    for index in {1..20}; do
        colour=$(printf '#%06x' $((0x100000 + index * 0x0a0508)))
        [ "$(pixels_of "$LOGS/twenty.png" "$colour")" = $((60 * 256)) ] || return 1
    done
}

# counter NAME: of wayferry-guest.
counter() {
    bridge_counters bridge guest
    sed -n "s/^$1 //p" "$WORK/bridge-guest.counters"
}

# Pools that cannot shrink are the compositor's to read: nothing is copied, and nothing is left of them.
test_shared_pools() {
    local before
    sway_start host
    bridge_start host
    [ "$WAYFERRY_E2E_BRIDGE" != none ] || return 0
    before=$(holdings)
    limited 60 env WAYLAND_DISPLAY="$BRIDGE" "$CLIENT" --frames 30 >"$LOGS/client.log" 2>&1 || fail "no frames"
    [ "$(counter shared_frames)" = "$(counter frames)" ] && [ "$(counter shared_frames)" -ge 30 ] ||
        fail "$(counter shared_frames) of $(counter frames) frames were shared"
    [ "$(counter copied_bytes)" = 0 ] || fail "$(counter copied_bytes) bytes were copied"
    until_true 10 holdings_are "$before" || fail "before: $before; after: $HOLDINGS"
    bridge_stop
    stop host
}

# As many clients as there are places, and one more, which is told so. With as many connections as wayferry-host has by default
# it is that which refuses them.
test_crowd() {
    ulimit -n "$(ulimit -Hn)"
    sway_start host
    bridge_start host
    [ "$WAYFERRY_E2E_BRIDGE" != none ] || return 0
    crowd_is 300 '200 answered; error: wayferry: this machine has reached its limit of connections (200)'
    bridge_stop
    printf '[limits]\nconnections = 2000\n' >"$WORK/many.conf"
    HOST_OPTIONS="--config $WORK/many.conf" bridge_start host
    crowd_is 1000 '900 answered; error: more than 900 clients at once'
    until_true 60 has_window || fail "no window after a crowd (log: $LOGS/client.log)"
    bridge_stop
    stop host
}

# Those of a crowd that have ended may not all be gone yet.
has_window() {
    WAYLAND_DISPLAY="$BRIDGE" limited 20 "$CLIENT" --frames 3 >"$LOGS/client.log" 2>&1
}

# crowd_is NUMBER TEXT: what becomes of so many.
crowd_is() {
    local said
    said=$(limited 300 "$E2E_DIRECTORY/raw_wayland.py" "$XDG_RUNTIME_DIR/$BRIDGE" crowd "$1" 2>&1)
    [ "$said" = "$2" ] || fail "of a crowd of $1: $said"
}

# What a client says before it commits a frame makes no submission of its own while the frame is copied, unless that lasts
# very long: there are as many as runs of events, each of which takes a POLL.
goes_along() {
    local frames pauses submissions runs
    frames=$(counter frames) pauses=$(counter copy_pauses) submissions=$(counter submissions) runs=$(counter runs)
    until_true 60 frames_are $((frames + 10)) || fail "the large window is not drawn any more (log: $LOGS/large.log)"
    frames=$(($(counter frames) - frames)) pauses=$(($(counter copy_pauses) - pauses))
    submissions=$(($(counter submissions) - submissions)) runs=$(($(counter runs) - runs))
    say "$submissions submissions for $frames frames, which were copied with $pauses pauses, and $runs runs of events"
    ((submissions <= runs + frames / 4 + frames * (pauses / frames / 16) + 1)) ||
        fail "what is said before a frame does not go along with it"
}

# A window of 7680x4320 that has to be copied, and a client that asks for round trips beside it. Counted, not timed: a frame is
# copied in pieces, the rounds of others come between them, and so many more than one are served during each frame.
test_beside_8k() {
    local trips=0 first frames=0 pauses bench=$WAYFERRY_BUILD/tests/bench/bench
    weston_start host "$SIZE" pixman
    bridge_start host
    [ "$WAYFERRY_E2E_BRIDGE" != none ] || return 0
    spawn large env WAYLAND_DISPLAY="$BRIDGE" "$bench" frames --size 7680x4320 --unsealed --warmup 1 --frames 60000
    until_true 60 frames_are 3 || fail "the large window is not drawn (log: $LOGS/large.log)"
    goes_along
    first=$(counter frames) pauses=$(counter copy_pauses)
    while ((frames < 5)); do
        limited 200 env WAYLAND_DISPLAY="$BRIDGE" "$bench" sync --warmup 1 --count 300 >"$LOGS/sync.log" 2>&1 || fail "no round trips (log: $LOGS/sync.log)"
        trips=$((trips + 300)) frames=$(($(counter frames) - first))
    done
    pauses=$(($(counter copy_pauses) - pauses))
    alive "${PID[large]}" || fail "the large window is gone (log: $LOGS/large.log)"
    say "$trips round trips during $frames frames, which were copied with $pauses pauses"
    ((pauses >= frames - 1)) || fail "its frames are copied with too few pauses"
    ((trips >= 2 * frames)) || fail "a round trip takes as long as half a frame's copy or more"
    stop large
    bridge_stop
    stop host
}

# The same where wayferry-host has to copy: frames in pages of a guest, of which the compositor cannot see them.
test_beside_8k_shadow() {
    local frames served pauses log=$LOGS/large.log
    [ "$WAYFERRY_E2E_BRIDGE" != none ] || return 0
    weston_start host "$SIZE" pixman
    bridge_start_host host bridge
    limited 200 "$WAYFERRY_CLIENTS/faults/raw-window" --size 7680x4320 --beside 200 "$XDG_RUNTIME_DIR/bridge.gpu" >"$log" 2>&1 ||
        fail "the frames are not shown (log: $log)"
    bridge_counters bridge host
    pauses=$(bridge_counter bridge host 'shadow pauses')
    read -r served frames < <(sed -n 's/ requests served beside frame / /p' "$log")
    say "$served requests served beside frame $frames, and $pauses pauses of copies"
    [ "$(bridge_counter bridge host 'shadowed bytes')" -ge $((frames * 7680 * 4320 * 4)) ] || fail "not every frame was copied"
    ((pauses >= frames)) || fail "frames are copied with too few pauses"
    ((served >= 2)) || fail "nobody is served while a frame is copied"
    stop bridge-host
    stop host
}

frames_are() {
    (($(counter frames) >= $1))
}

# After the hundredth client the processes have reached their size. What AddressSanitizer keeps for itself would hide
# what grows: freed memory, up to 256 MB of it unless told otherwise, to find late uses (wayferry-host is then 8 MiB
# larger after 200 clients more, and by 0.1 MiB with these options, as the plain build); stacks of functions that have
# returned, which newer compilers keep, too; and the stacks of all allocations.
test_thousand_in_turn() {
    local before index host_kib guest_kib
    ASAN_OPTIONS+=:quarantine_size_mb=1:thread_local_quarantine_size_kb=64
    ASAN_OPTIONS+=:detect_stack_use_after_return=0:malloc_context_size=5
    sway_start host
    bridge_start host
    [ "$WAYFERRY_E2E_BRIDGE" = none ] || before=$(holdings)
    for index in {1..1000}; do
        WAYLAND_DISPLAY=$BRIDGE limited 20 "$CLIENT" --size $((100 + index % 7 * 50))x200 --frames 2 --seed "$index" \
            >"$LOGS/client.log" 2>&1 || fail "client $index ended with $? (log: $LOGS/client.log)"
        [ "$WAYFERRY_E2E_BRIDGE" = none ] && continue
        if [ "$index" = 100 ]; then
            until_true 10 holdings_are "$before" || fail "before: $before; after 100: $HOLDINGS"
            host_kib=$(rss_kib "${PID[bridge-host]}")
            guest_kib=$(rss_kib "${PID[bridge-guest]}")
        fi
    done
    if [ "$WAYFERRY_E2E_BRIDGE" != none ]; then
        until_true 10 holdings_are "$before" || fail "before: $before; after 1000: $HOLDINGS"
        say "$HOLDINGS"
        grown host "$host_kib"
        grown guest "$guest_kib"
    fi
    bridge_stop
    stop host
}

# grown SIDE KIB: fails when the process is more than 5 % larger than that.
grown() {
    local now
    now=$(rss_kib "${PID[bridge-$1]}")
    say "wayferry-$1: $2 KiB after 100 clients, $now KiB after 1000"
    ((now * 100 <= $2 * 105)) || fail "wayferry-$1 grew from $2 to $now KiB"
}

e2e_main "$@"
