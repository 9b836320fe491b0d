# shellcheck shell=bash
# Windows drawn in memory of the guest's virtio-gpu device, shared by linux-dmabuf and wl_drm. Sourced by
# the tests of a kind of guests, after session.sh.
#
# What the right picture is says shm-client, which draws the same and runs directly: on the same
# compositor, out of the guest's tree.

DMABUF_CLIENT="$LAB_PROGRAMS/dmabuf-client"
DMABUF_SEED=7
DMABUF_SIZE=402x300     # rows that are no multiple of 64 bytes

# weston14_start NAME: the weston of the guests' tree with GL (in software): a compositor with linux-dmabuf.
weston14_start() {
    weston_configure
    cp "$WORK/weston.ini" "$XDG_RUNTIME_DIR/$1.ini"
    spawn "$1" "$LAB/guest.sh" direct "$XDG_RUNTIME_DIR/$1" env -u WAYLAND_DISPLAY \
        LD_PRELOAD="$LAB_PROGRAMS/libsteady.so" weston --backend=headless --renderer=gl --refresh-rate=60000 \
        --config="/mnt/$1.ini" --socket="$1" --width="${SIZE%x*}" --height="${SIZE#*x}" --idle-time=0 --debug
    SCREEN[$1]=weston14_shot
    until_true 20 test -S "$XDG_RUNTIME_DIR/$1" || fail "weston did not start (log: $LOGS/$1.log)"
    screen_wait_empty "$1" "$SIZE"
}

# Its own screenshooter: it has another protocol for that than older ones.
weston14_shot() {
    local directory=$XDG_RUNTIME_DIR/shot
    rm -rf "$directory"
    mkdir "$directory"
    # shellcheck disable=SC2016
    limited 10 "$LAB/guest.sh" direct "$XDG_RUNTIME_DIR/$1" \
        sh -c 'cd /mnt/shot && XDG_PICTURES_DIR=/mnt/shot exec weston-screenshooter' || return 1
    set -- "$2" "$directory"/*.png
    [ $# = 2 ] && mv "$2" "$1"
}

# mutter_start NAME: the mutter of the guests' tree: linux-dmabuf, fifo and commit-timing, but no way to take pictures.
mutter_start() {
    spawn "$1" "$LAB/guest.sh" direct "$XDG_RUNTIME_DIR/$1" dbus-run-session -- \
        mutter --headless --wayland --no-x11 --wayland-display "$1" --virtual-monitor "$SIZE"
    until_true 20 test -S "$XDG_RUNTIME_DIR/$1" || fail "mutter did not start (log: $LOGS/$1.log)"
}

# dmabuf_reference: the picture, direct; and the compositor is as it was.
dmabuf_reference() {
    guest_direct "$LAB_PROGRAMS/shm-client" --size $DMABUF_SIZE --seed $DMABUF_SEED --frames 1 --hold
    screen_settle host "$LOGS/direct.png" 20 || fail "no window of the direct run settled"
    stop direct
    until_true 10 screen_is host "$WORK/host.empty.png" || fail "the direct window stays"
}

# dmabuf_counter NAME: of wayferry-host, now.
dmabuf_counter() {
    bridge_counters vm host
    bridge_counter vm host "$1"
}

# dmabuf_shows JOB COUNTER ARGUMENT...: the client's picture is right, and it went the way of COUNTER.
dmabuf_shows() {
    local job=$1 counter=$2 before
    shift 2
    before=$(dmabuf_counter "$counter")
    app "$job" wayferry-guest --stats -- "$DMABUF_CLIENT" --size $DMABUF_SIZE --seed $DMABUF_SEED --hold "$@"
    screen_becomes host "$LOGS/direct.png" "$LOGS/$job.png" "${DMABUF_TIMEOUT:-15}" ||
        fail "the picture of $job is wrong ($(cat "$(guest_output vm "$job" stderr)"))"
    [ "$(dmabuf_counter "$counter")" -gt "$before" ] || fail "$job did not go the way of \"$counter\""
    guest_signal vm "$job" TERM
    guest_wait vm "$job"
    until_true 20 screen_is host "$WORK/host.empty.png" || fail "the window of $job stays on the screen"
    grep -qx 'dmabufs 1' "$(guest_output vm "$job" stderr)" || fail "wayferry-guest does not count the buffer of $job"
    grep -qx 'copied_bytes 0' "$(guest_output vm "$job" stderr)" || fail "wayferry-guest copied pixels of $job"
}

# dmabuf_is_taken JOB COUNTER ARGUMENT...: the compositor shows the client's buffer, which it says with the
# frame callback, and it went the way of COUNTER.
dmabuf_is_taken() {
    local job=$1 counter=$2 before
    shift 2
    before=$(dmabuf_counter "$counter")
    app "$job" wayferry-guest --stats -- "$DMABUF_CLIENT" --size $DMABUF_SIZE --seed $DMABUF_SEED "$@"
    guest_wait vm "$job" || fail "$job was not shown ($(cat "$(guest_output vm "$job" stderr)"))"
    [ "$(dmabuf_counter "$counter")" = $((before + 1)) ] || fail "$job did not go the way of \"$counter\""
    grep -qx 'copied_bytes 0' "$(guest_output vm "$job" stderr)" || fail "wayferry-guest copied pixels of $job"
}

dmabuf_refused() {
    guest_run vm wayferry-guest -- "$DMABUF_CLIENT" --foreign | grep -qx refused || fail "foreign memory was not refused"
}

# The pairs of a dump that the guest can use: in rows, or as the driver likes.
dmabuf_usable() {
    grep -E '^pair .{16}(0000000000000000|ffffffffffffff00)$' "$1"
}

# dmabuf_direct_pairs: what the compositor tells a client of its own, as far as the guest can use it.
dmabuf_direct_pairs() {
    "$LAB/guest.sh" direct "$XDG_RUNTIME_DIR/host" "$DMABUF_CLIENT" --formats >"$LOGS/formats.direct" ||
        fail "the compositor has no linux-dmabuf"
    dmabuf_usable "$LOGS/formats.direct"
}

# dmabuf_feedback EXPECTED: what the guest's linux-dmabuf tells: a table of the pairs in the file EXPECTED, in
# order, that cannot be written to, and one tranche of them all, for the guest's device.
dmabuf_feedback() {
    local n i device indices=
    device=$(guest_run vm stat -c '%Hr:%Lr' /dev/dri/renderD128)
    n=$(grep -c . "$1")
    for ((i = 0; i < n; i++)); do
        indices+=$(printf '%02x%02x' $((i % 256)) $((i / 256)))
    done
    {
        echo "version 4"
        echo "table $((16 * n)), writable 0"
        cat "$1"
        echo "main_device $device"
        echo "tranche_target_device $device"
        echo "tranche_flags 0"
        echo "tranche_formats $indices"
        echo "tranche_done"
        echo "done"
    } >"$LOGS/feedback.expected"
    guest_run vm wayferry-guest -- "$DMABUF_CLIENT" --feedback >"$LOGS/feedback" || fail "no feedback"
    diff "$LOGS/feedback.expected" "$LOGS/feedback" >&2 || fail "the feedback is wrong"
    guest_run vm wayferry-guest -- "$DMABUF_CLIENT" --formats >"$LOGS/formats" || fail "no formats"
    diff "$1" "$LOGS/formats" >&2 || fail "the formats of version 3 are wrong"
}

# A compositor whose feedback for a window changes as the window gets the whole screen and gives it back, as those with a GPU
# have it (headless ones have no feedback at all, as they have no GPU): the guest's client hears each time what it can
# use of it, and its buffers are shown as before.
seat_dmabuf_start() {
    seat_start "$1" 1 dmabuf
}

dmabuf_feedback_changes() {
    local device job=follow
    device=$(guest_run vm stat -c '%Hr:%Lr' /dev/dri/renderD128)
    {
        for i in window screen window; do
            feedback_of_$i "$device"
            echo picture
        done
        echo shown
    } >"$LOGS/feedback.expected"
    app $job wayferry-guest --stats -- "$DMABUF_CLIENT" --follow
    guest_wait vm $job || fail "the client did not go on ($(cat "$(guest_output vm $job stderr)"))"
    diff "$LOGS/feedback.expected" "$(guest_output vm $job)" >&2 || fail "the feedback is wrong"
    grep -qx 'dmabufs 3' "$(guest_output vm $job stderr)" || fail "wayferry-guest does not count the buffers"
    grep -qx 'copied_bytes 0' "$(guest_output vm $job stderr)" || fail "wayferry-guest copied pixels"
}

# feedback_of_window DEVICE, feedback_of_screen DEVICE: what is left of tests/clients/seat_dmabuf.c's, whose tiled layouts
# mean nothing in the guest, and which is of several devices.
feedback_of_window() {
    printf '%s\n' "table 48, writable 0" "pair 58523234000000000000000000000000" "pair 41523234000000000000000000000000" \
        "pair 5852323400000000ffffffffffffff00" "main_device $1" "tranche_target_device $1" "tranche_flags 0" \
        "tranche_formats 000001000200" tranche_done "done"
}

feedback_of_screen() {
    printf '%s\n' "table 32, writable 0" "pair 58523234000000000000000000000000" "pair 41523234000000000000000000000000" \
        "main_device $1" "tranche_target_device $1" "tranche_flags 1" "tranche_formats 0000" tranche_done \
        "tranche_target_device $1" "tranche_flags 0" "tranche_formats 00000100" tranche_done "done"
}

# What a compositor without linux-dmabuf is offered with: the formats of its wl_shm, as wayland-info of the
# same machine sees them, each with any modifier and in rows.
dmabuf_shm_pairs() {
    local code
    "$LAB/guest.sh" direct "$(realpath "$XDG_RUNTIME_DIR/host")" wayland-info -i wl_shm >"$LOGS/wl_shm" ||
        fail "wayland-info failed"
    # It prints them in reverse.
    tac "$LOGS/wl_shm" | sed -n "s/^[[:space:]]*\(0x\)\?\([0-9a-f]*\) = '.*/\2/p" | while read -r code; do
        case $code in
        0) code=34325241 ;;
        1) code=34325258 ;;
        esac
        code=$(printf '%08x' "0x$code" | sed 's/\(..\)\(..\)\(..\)\(..\)/\4\3\2\1/')
        echo "pair ${code}00000000ffffffffffffff00"
        echo "pair ${code}000000000000000000000000"
    done
}

# All ways that lead to a window, as wl_shm over shadows of guest pages.
dmabuf_windows() {
    local shadowed='dma-bufs as shadowed wl_shm'
    dmabuf_reference
    dmabuf_shows immediately "$shadowed"
    dmabuf_shows later "$shadowed" --via create
    dmabuf_shows padded "$shadowed" --offset 4160 --padding 88
    dmabuf_shows drm "$shadowed" --via drm
    dmabuf_shows dumb "$shadowed" --dumb
    dmabuf_refused
    [ "$(dmabuf_counter 'dma-bufs handed on')" = 0 ] || fail "guest pages were taken for a dma-buf"
}

# dmabuf_storm VIA N [FILE]: a client shows N sizes, and stays. What there is of both sides then is as FILE says; see
# storm_leaves.
dmabuf_storm() {
    local job=storm-$1-$2
    app "$job" wayferry-guest -- "$DMABUF_CLIENT" --via "$1" --storm "$2" --hold
    until_true 90 grep -qx shown "$(guest_output vm "$job")" ||
        fail "the sizes were not all shown ($(cat "$(guest_output vm "$job" stderr)"))"
    storm_leaves "${3:-}" dmabuf_holdings
    cp "$WORK/storm" "$LOGS/$job.left"
    app_end "$job"
}

# storm_leaves FILE HOLDINGS...: what HOLDINGS prints of both sides is as FILE says. Without one ("") $WORK/storm says it, after
# some seconds, as what stands still gives up what it does not need.
storm_leaves() {
    local file=$1
    shift
    if [ -n "$file" ]; then
        until_true 60 storm_left_as "$file" "$@" || fail "a storm of sizes left something behind: $(diff "$file" "$WORK/storm")"
    else
        sleep $((3 * SLOWNESS))
        "$@" >"$WORK/storm"
    fi
}

storm_left_as() {
    "${@:2}" >"$WORK/storm"
    cmp -s "$1" "$WORK/storm"
}

dmabuf_holdings() {
    local name
    bridge_counters vm host
    for name in 'live blobs' 'live shadow bytes' 'live objects'; do
        echo "host $name $(bridge_counter vm host "$name")"
    done
    echo "host fds $(fd_count "${PID[vm-host]}")"
    # shellcheck disable=SC2016
    guest_run vm sh -c 'pid=$(pgrep -x wayferry-guest -n); echo "guest fds $(ls /proc/$pid/fd | wc -l)"'
}

# The host's memory, mapped into the guest: the compositor reads what the guest writes.
dmabuf_host_windows() {
    dmabuf_reference
    dmabuf_shows host 'dma-bufs as wl_shm' --host
    dmabuf_shows host-padded 'dma-bufs as wl_shm' --host --offset 4160 --padding 88 --via create
    dmabuf_shows host-drm 'dma-bufs as wl_shm' --host --via drm
    [ "$(dmabuf_counter 'shadowed bytes')" = 0 ] || fail "wayferry-host copied pixels"
}

# A frame that is committed before it is finished is not shown, and then it is; the kernel's own fences say so.
dmabuf_waits() {
    app unfinished wayferry-guest --stats -- "$DMABUF_CLIENT" --size $DMABUF_SIZE --seed $DMABUF_SEED --unfinished $((3 * SLOWNESS)) --hold
    until_true 20 grep -qx committed "$(guest_output vm unfinished)" ||
        fail "nothing was committed ($(cat "$(guest_output vm unfinished stderr)"))"
    sleep 1.5
    shows_window && fail "a frame was shown before it was finished"
    screen_becomes host "$LOGS/direct.png" "$LOGS/unfinished.png" 15 || fail "the finished frame is not shown"
    guest_signal vm unfinished TERM
    guest_wait vm unfinished
    until_true 20 screen_is host "$WORK/host.empty.png" || fail "the window stays on the screen"
    grep -qx 'dmabuf_waits 1' "$(guest_output vm unfinished stderr)" || fail "wayferry-guest did not wait"
}

# The same by a sync file, which says of work that has nothing to do with the buffer when it is finished; and the application
# hears that the buffer is released.
dmabuf_fences() {
    local output stderr
    output=$(guest_output vm fence) stderr=$(guest_output vm fence stderr)
    app fence wayferry-guest --stats -- "$DMABUF_CLIENT" --size $DMABUF_SIZE --seed $DMABUF_SEED \
        --unfinished $((3 * SLOWNESS)) --fence --hold
    until_true 20 grep -qx committed "$output" || fail "nothing was committed ($(cat "$stderr"))"
    sleep 1.5
    shows_window && fail "a frame was shown before its fence"
    screen_becomes host "$LOGS/direct.png" "$LOGS/fence.png" 15 || fail "the finished frame is not shown"
    until_true 20 grep -qx released "$output" || fail "the buffer was not released ($(cat "$stderr"))"
    guest_signal vm fence TERM
    guest_wait vm fence
    until_true 20 screen_is host "$WORK/host.empty.png" || fail "the window stays on the screen"
    grep -qx 'explicit_frames 1' "$stderr" || fail "the frame had no fence"
    grep -qx 'explicit_waits 1' "$stderr" || fail "wayferry-guest did not wait"
}

# Points of timelines: the first frame has one colour until its acquire point is signalled, which takes as long as it takes; no
# picture may show it. Buffers are drawn again when the host has released them.
dmabuf_timelines() {
    local output
    output=$(guest_output vm timelines)
    app timelines wayferry-guest --stats -- "$LAB_PROGRAMS/timeline-client" --size $DMABUF_SIZE --seed $DMABUF_SEED --frames 20
    until_true 20 grep -qsx committed "$output" || fail "nothing was committed ($(cat "$(guest_output vm timelines stderr)"))"
    sleep 0.5
    shows_window && fail "a frame was shown before its acquire point"
    guest_run vm pkill -USR1 -x timeline-client
    until_true 20 grep -qx shown "$output" || fail "no release point was signalled ($(cat "$(guest_output vm timelines stderr)"))"
    screen_becomes host "$LOGS/direct.png" "$LOGS/timelines.png" 15 || fail "the frame is not shown as it was drawn"
    guest_signal vm timelines TERM
    guest_wait vm timelines
    until_true 20 screen_is host "$WORK/host.empty.png" || fail "the window stays on the screen"
    grep -qx 'explicit_frames 20' "$(guest_output vm timelines stderr)" || fail "not every frame had its points"
    [ "$(sed -n 's/^explicit_waits //p' "$(guest_output vm timelines stderr)")" -ge 1 ] || fail "wayferry-guest did not wait"
}

# timelines_storm: a thousand sizes, each with a buffer and timelines of its own, leave as much as twenty do, whose last one
# is the same: no timeline, fence (each is a file descriptor in wayferry-guest) or blob.
timelines_storm() {
    timelines_sizes 20
    mv "$WORK/storm" "$WORK/storm.few"
    timelines_sizes 1000 "$WORK/storm.few"
}

# timelines_sizes N [FILE]: as dmabuf_storm.
timelines_sizes() {
    local job=sizes-$1
    app "$job" wayferry-guest --stats -- "$LAB_PROGRAMS/timeline-client" --size 64x48 --frames "$1" --storm
    until_true 90 grep -qx shown "$(guest_output vm "$job")" ||
        fail "the sizes were not all shown ($(cat "$(guest_output vm "$job" stderr)"))"
    storm_leaves "${2:-}" timelines_holdings "$job"
    guest_signal vm "$job" TERM
    guest_wait vm "$job"
    until_true 20 screen_is host "$WORK/host.empty.png" || fail "the window of $job stays on the screen"
    grep -qx "explicit_frames $1" "$(guest_output vm "$job" stderr)" || fail "not every frame had its points"
}

# timelines_holdings JOB: what there is of both sides.
timelines_holdings() {
    local stderr before
    stderr=$(guest_output vm "$1" stderr)
    before=$(grep -c '^live_timelines' "$stderr")
    dmabuf_holdings
    guest_run vm pkill -USR1 -n -x wayferry-guest
    until_true 10 timelines_counted "$stderr" "$before" || fail "no counters of wayferry-guest"
    sed -n 's/^live_timelines/guest &/p' "$stderr" | tail -n 1
}

timelines_counted() {
    [ "$(grep -c '^live_timelines' "$1")" -gt "$2" ]
}

# zero_copy JOB COMMAND...: a program of examples/ shows the same picture in linear memory as it does directly, where it
# falls back to wl_shm; nobody copied anything.
zero_copy() {
    local job=$1 output
    shift
    output=$(guest_output vm "$job")
    rm -f "$LOGS/direct.log"
    guest_direct "$LAB_PROGRAMS/$1" "${@:2}" --hold
    until_true 20 grep -qsx shown "$LOGS/direct.log" || fail "$1 shows nothing directly (log: $LOGS/direct.log)"
    grep -q '^wl_shm: ' "$LOGS/direct.log" || fail "$1 does not fall back to wl_shm (log: $LOGS/direct.log)"
    screen_settle host "$LOGS/$job.direct.png" 20 || fail "the window of $1 does not settle"
    stop direct
    until_true 10 screen_is host "$WORK/host.empty.png" || fail "the direct window of $1 stays"
    app "$job" wayferry-guest --stats -- "$LAB_PROGRAMS/$1" "${@:2}" --hold
    until_true "$APP_SECONDS" grep -qsx shown "$output" || fail "$1 shows nothing ($(cat "$output" "$(guest_output vm "$job" stderr)"))"
    grep -q "^linear memory, the host's: " "$output" || fail "$1 has no memory of the host's ($(head -n 1 "$output"))"
    screen_becomes host "$LOGS/$job.direct.png" "$LOGS/$job.png" 15 || fail "the picture of $1 is wrong: $LOGS/$job.png"
    guest_signal vm "$job" TERM
    guest_wait vm "$job"
    until_true 20 screen_is host "$WORK/host.empty.png" || fail "the window of $1 stays on the screen"
    grep -qx 'copied_bytes 0' "$(guest_output vm "$job" stderr)" || fail "wayferry-guest copied pixels of $1"
    [ "$(dmabuf_counter 'shadowed bytes')" = 0 ] || fail "wayferry-host copied pixels of $1"
}
