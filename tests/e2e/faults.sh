#!/bin/bash
# Faults: who dies, misbehaves or lies loses its own connection; the others go on, or end with one clear line and a
# non-zero status. Nobody is left, nobody spins.
. "$(dirname "$0")/lib.sh"

tests=(client-killed:8 client-killed-in-a-frame:7 guest-killed:5 guest-killed-in-a-frame:7 host-killed:5
    host-killed-in-a-frame:7 compositor-killed:8 compositor-killed-in-a-frame:8
    held:9 stall:6 flood:8 flood-unread:9 hoard-objects:5 hoard-pools:4 hoard-pixels:5 truncate:2 truncate-race:3 malformed:3 malformed-guest:2
    device:3 renderer-absent:2 keyboards:4 guest-fds:4 ids-upwards:4 fds-first:2)
full=(stopped:20)
plain=(late-host:16)        # of waiting

FAULTS=$WAYFERRY_CLIENTS/faults
BLAME='[@#][0-9]*: error [0-9]'    # how libwayland says that wl_display.error came
QUIET_MS=10                 # of CPU in a second, for a process that has nothing to do

faults_begin() {
    weston_start compositor
    bridge_start compositor
    good_client
}

# ---- clients

# rude NAME MODE [DISPLAY]: starts a client; returns when it is under way.
rude() {
    spawn "$1" env WAYLAND_DISPLAY="${3:-$BRIDGE}" "$FAULTS/rude" "$2"
    until_true 20 grep -qs '^ready' "$LOGS/$1.log" || fail "rude $2 did not start (log: $LOGS/$1.log)"
}

good_client() {
    WAYLAND_DISPLAY=$BRIDGE limited 30 "$FAULTS/rude" ping >>"$LOGS/good.log" 2>&1
    local status=$?
    [ $status = 0 ] || fail "a client that behaves is not served (status $status, log: $LOGS/good.log)"
}

# client_ended NAME: it ends by itself within ten seconds; sets ENDED_STATUS.
client_ended() {
    local pid=${PID[$1]}
    until_true 10 not alive "$pid" || fail "$1 did not notice the end of its connection"
    wait "$pid" 2>/dev/null
    ENDED_STATUS=$?
    unset "PID[$1]"
}

client_lost() {
    client_ended "$1"
    [ "$ENDED_STATUS" = 1 ] || fail "$1 ended with status $ENDED_STATUS, not because its connection did (log: $LOGS/$1.log)"
}

# The client was told of a protocol error of its own.
client_blamed() {
    client_lost "$1"
    grep -q "$BLAME" "$LOGS/$1.log" || fail "$1 was not told what it did wrong (log: $LOGS/$1.log)"
}

# ---- processes

cpu_ns() {
    cat "/proc/$1"/task/*/schedstat | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# quiet NAME...: those that live need no CPU when nothing happens. Tries for five seconds: ends are worked off first.
quiet() {
    local name try
    declare -A before
    for ((try = 0; try < 5; try++)); do
        for name; do
            [ -z "${PID[$name]:-}" ] || before[$name]=$(cpu_ns "${PID[$name]}")
        done
        sleep 1
        for name; do
            [ -n "${PID[$name]:-}" ] || continue
            (($(cpu_ns "${PID[$name]}") - before[$name] < QUIET_MS * 1000000)) || continue 2
        done
        return 0
    done
    fail "one of $* uses CPU with nothing to do"
}

# went_on_or_ended NAME: it lives, or it ended by itself with one line that says why and a status that is not 0.
went_on_or_ended() {
    local pid=${PID[$1]} status lines
    if alive "$pid"; then
        say "$1 goes on"
        return 0
    fi
    wait "$pid" 2>/dev/null
    status=$?
    unset "PID[$1]"
    ((status != 0)) || fail "$1 ended with status 0"
    ((status < 128)) || fail "$1 died of signal $((status - 128))"
    lines=$(grep -c '^\[error\]' "$LOGS/$1.log")
    [ "$lines" = 1 ] || fail "$1 ended with $lines lines of error instead of one (log: $LOGS/$1.log)"
    say "$1 ended with status $status: $(grep '^\[error\]' "$LOGS/$1.log")"
}

# Starts again what ended, also what takes its time to end.
bridge_mend() {
    until_true 15 mended_and_served || fail "after the bridge was mended no client is served (log: $LOGS/good.log)"
}

mended_and_served() {
    if [ -z "${PID[bridge-host]:-}" ] || ! alive "${PID[bridge-host]}"; then
        rm -f "$XDG_RUNTIME_DIR/bridge.gpu"
        bridge_start_host compositor bridge
    fi
    if [ -z "${PID[bridge-guest]:-}" ] || ! alive "${PID[bridge-guest]}"; then
        rm -f "$XDG_RUNTIME_DIR/bridge"
        bridge_start_guest bridge
    fi
    WAYLAND_DISPLAY=$BRIDGE limited 30 "$FAULTS/rude" ping >>"$LOGS/good.log" 2>&1
}

own_kib() {
    awk '/^RssAnon:/ { print $2 }' "/proc/$1/status"
}

# own_bounded: neither process keeps more than 64 MiB of its own for what a client does.
own_bounded() {
    local side
    for side in host guest; do
        (($(own_kib "${PID[bridge-$side]}") < 64 * 1024)) ||
            [[ ${WAYFERRY_BUILD##*/} == *asan* || ${WAYFERRY_BUILD##*/} == *sanit* ]] ||
            fail "wayferry-$side keeps $(own_kib "${PID[bridge-$side]}") KiB for a client"
    done
}

screen_empty() {
    screen_becomes compositor "$WORK/compositor.empty.png" "$LOGS/left.png" 10 || fail "a window is left behind"
}

fds_now() {
    echo "$(fd_count "${PID[bridge-host]}") $(fd_count "${PID[bridge-guest]}")"
}

# The same once nothing comes or goes any more: what the start left behind is closed a moment later.
fds_settled() {
    local now last='' same=0
    while ((same < 5)); do
        now=$(fds_now)
        if [ "$now" = "$last" ]; then same=$((same + 1)); else same=0; fi
        last=$now
        sleep 0.1
    done
    echo "$now"
}

fds_are() {
    [ "$(fds_now)" = "$1" ]
}

fds_back() {
    until_true 10 fds_are "$1" || fail "file descriptors of host and guest: $1 before, $(fds_now) after"
}

# ---- deaths

client_dies() {
    local fds i
    faults_begin
    fds=$(fds_settled)
    for i in 1 2 3 4 5; do
        rude victim "$1"
        sleep "0.$((RANDOM % 3))$i"
        sigkill victim
        mv "$LOGS/victim.log" "$LOGS/victim-$i.log"
    done
    if [ "$1" = frames ]; then
        spawn half env WAYLAND_DISPLAY="$BRIDGE" "$FAULTS/rude" half-message
        until_true 10 not alive "${PID[half]}" || fail "half-message did not end"
    fi
    screen_empty
    quiet bridge-host bridge-guest
    fds_back "$fds"
    good_client
    bridge_stop
}

test_client_killed() {
    client_dies rest
}

test_client_killed_in_a_frame() {
    client_dies frames
}

# In the middle of a frame: the host is held while a client draws, so that what the guest sent is under way.
guest_dies() {
    faults_begin
    rude resting rest
    if [ "$1" = frames ]; then
        rude drawing frames
        kill -STOP "${PID[bridge-host]}"
        sleep 0.3
    fi
    sigkill bridge-guest
    [ "$1" = rest ] || kill -CONT "${PID[bridge-host]}"
    client_lost resting
    [ "$1" = rest ] || client_lost drawing
    screen_empty
    alive "${PID[bridge-host]}" || fail "wayferry-host did not survive its guest (log: $LOGS/bridge-host.log)"
    quiet bridge-host
    bridge_mend
    bridge_stop
}

test_guest_killed() {
    guest_dies rest
}

test_guest_killed_in_a_frame() {
    guest_dies frames
}

host_dies() {
    faults_begin
    rude resting rest
    [ "$1" = rest ] || rude drawing frames
    if [ "$1" = frames ]; then
        kill -STOP "${PID[bridge-host]}"
        sleep 0.3
    fi
    sigkill bridge-host
    client_lost resting
    [ "$1" = rest ] || client_lost drawing
    screen_empty
    sleep "$SLOWNESS"       # for who ends because of it
    went_on_or_ended bridge-guest
    quiet bridge-guest
    bridge_mend
    bridge_stop
}

test_host_killed() {
    host_dies rest
}

test_host_killed_in_a_frame() {
    host_dies frames
}

compositor_dies() {
    faults_begin
    rude resting rest
    if [ "$1" = frames ]; then
        rude drawing frames
        kill -STOP "${PID[compositor]}"
        sleep 0.3
    fi
    sigkill compositor
    client_blamed resting
    [ "$1" = rest ] || client_blamed drawing
    sleep "$SLOWNESS"       # for who ends because of it
    went_on_or_ended bridge-guest
    went_on_or_ended bridge-host
    quiet bridge-host bridge-guest
    rm -f "$XDG_RUNTIME_DIR"/compositor*
    weston_start compositor
    bridge_mend
    bridge_stop
}

test_compositor_killed() {
    compositor_dies rest
}

test_compositor_killed_in_a_frame() {
    compositor_dies frames
}

# Stopped and continued, as by a shell or a debugger: nobody takes that for an end.
test_held() {
    local name
    faults_begin
    rude drawing frames
    for name in bridge-host bridge-guest compositor drawing; do
        kill -STOP "${PID[$name]}"
        sleep 0.3
        kill -CONT "${PID[$name]}"
        good_client
    done
    alive "${PID[drawing]}" || fail "the client that drew has lost its connection (log: $LOGS/drawing.log)"
    sigkill drawing
    screen_empty
    bridge_stop
}

# As long as a swap, a suspend or a look with a debugger takes: nobody ends, and one line says what is waited for.
test_stopped() {
    local name
    faults_begin
    rude drawing frames
    rude resizing resize
    kill -STOP "${PID[bridge-host]}"
    spawn late env WAYLAND_DISPLAY="$BRIDGE" "$FAULTS/rude" frames
    sleep 8
    until_true 10 grep -q 'the device has not answered' "$LOGS/bridge-guest.log" || fail "nobody says what is waited for"
    kill -CONT "${PID[bridge-host]}"
    good_client
    until_true 10 grep -q 'the device answers again' "$LOGS/bridge-guest.log" || fail "nobody says that it goes on"
    [ "$(grep -c 'the device has not answered' "$LOGS/bridge-guest.log")" = 1 ] || fail "it is said more than once"
    until_true 10 grep -q '^ready' "$LOGS/late.log" || fail "the client that came meanwhile is not served"
    for name in drawing resizing late; do
        alive "${PID[$name]}" || fail "$name has lost its connection (log: $LOGS/$name.log)"
        sigkill "$name"
    done
    screen_empty
    bridge_stop
}

# ---- strain

# A thousand and a half files at once for one client. Directly, too, sway may give up, as its socket is full: here the
# client is told so by an error.
test_keyboards() {
    need wtype
    sway_start host
    spawn keyboard env WAYLAND_DISPLAY=host wtype -s 3600000 a
    bridge_start host
    rude keyboards keyboards
    client_ended keyboards
    grep -qE "^1500 keymaps$|$BLAME" "$LOGS/keyboards.log" || fail "no keymaps, and no reason (log: $LOGS/keyboards.log)"
    good_client
    bridge_stop
}

# Bounds that libwayland does not have are no client's end: 200,000 objects in turn, each with a new id, and 400 file
# descriptors before the messages that they belong to.
within_bounds() {
    faults_begin
    WAYLAND_DISPLAY=$BRIDGE limited 100 "$FAULTS/bounds" "$@" >"$LOGS/bounds.log" 2>&1 ||
        fail "$* is too much (log: $LOGS/bounds.log)"
    good_client
    quiet bridge-host bridge-guest
    bridge_stop
}

test_ids_upwards() {
    within_bounds ids-upwards 200000
}

test_fds_first() {
    within_bounds fds-first 400
}

test_stall() {
    local fds
    faults_begin
    fds=$(fds_settled)
    rude stalled stall
    good_client
    until_true 20 grep -qE "^(stalled|lost)|$BLAME" "$LOGS/stalled.log" || fail "the client could go on for ever"
    own_bounded
    quiet bridge-host bridge-guest
    good_client
    [ -z "${PID[stalled]:-}" ] || ! alive "${PID[stalled]}" || sigkill stalled
    screen_empty
    fds_back "$fds"
    bridge_stop
}

test_flood() {
    faults_begin
    rude flooding flood
    good_client
    own_bounded
    client_ended flooding
    [ "$ENDED_STATUS" = 0 ] || fail "many requests are no fault (log: $LOGS/flooding.log)"
    screen_empty
    quiet bridge-host bridge-guest
    bridge_stop
}

test_flood_unread() {
    faults_begin
    rude flooding flood-unread
    good_client
    own_bounded
    client_ended flooding
    screen_empty
    quiet bridge-host bridge-guest
    good_client
    bridge_stop
}

# hoarding MODE: a client takes without end; it alone is told to stop.
hoarding() {
    local fds
    faults_begin
    fds=$(fds_settled)
    rude hoarding "$1"
    good_client
    until_true 60 not alive "${PID[hoarding]}" || fail "the client could go on for ever"
    client_ended hoarding
    say "$(tail -n 1 "$LOGS/hoarding.log")"
    good_client
    quiet bridge-host bridge-guest
    fds_back "$fds"
    bridge_stop
}

test_hoard_objects() {
    hoarding hoard-objects
    grep -q "$BLAME" "$LOGS/hoarding.log" || fail "the client was not told to stop"
}

# Taking them all is fine, as long as nobody else suffers.
test_hoard_pools() {
    hoarding hoard-pools
    grep -qE "$BLAME|20000 pools" "$LOGS/hoarding.log" || fail "the client was neither served nor told to stop"
}

test_hoard_pixels() {
    hoarding hoard-pixels
    grep -q "$BLAME" "$LOGS/hoarding.log" || fail "the client was not told to stop"
}

test_truncate() {
    faults_begin
    rude truncating truncate
    client_blamed truncating
    grep -qE '^wl_[a-z_]*[@#][0-9]*: error 2:' "$LOGS/truncating.log" || fail "not wl_shm.error.invalid_fd (log: $LOGS/truncating.log)"
    screen_empty
    good_client
    bridge_stop
}

# Ten clients, as it takes luck to hit a copy.
test_truncate_race() {
    local i
    faults_begin
    for i in 0 1 2 3 4 5 6 7 8 9; do
        rude "truncating-$i" truncate-race
        client_ended "truncating-$i"
        [ "$ENDED_STATUS" = 0 ] || grep -q "$BLAME" "$LOGS/truncating-$i.log" || fail "the client was not told what it did wrong"
    done
    grep -q "$BLAME" "$LOGS"/truncating-*.log || fail "nobody minded"
    screen_empty
    good_client
    bridge_stop
}

# wayferry-guest has few file descriptors: clients wait until others have ended, none is told to end, and whoever is
# served goes on, also one that hands over memory again and again.
test_guest_fds() {
    local i
    need prlimit
    weston_start compositor
    GUEST_UNDER='prlimit --nofile=110' bridge_start compositor
    rude resizing resize
    for ((i = 0; i < CROWD; i++)); do
        spawn "crowd-$i" env WAYLAND_DISPLAY="$BRIDGE" "$FAULTS/rude" rest
    done
    until_true 20 grep -q 'no file descriptors are left' "$LOGS/bridge-guest.log" || fail "they do not run out"
    ! crowd_was_served || fail "all are served"
    until_true 40 crowd_was_served || fail "some are never served"
    alive "${PID[resizing]}" || fail "the client that was served has lost its connection (log: $LOGS/resizing.log)"
    ! grep -hE "$BLAME" "$LOGS"/crowd-*.log "$LOGS/resizing.log" || fail "clients are told to end"
    (($(grep -c 'no file descriptors are left' "$LOGS/bridge-guest.log") < 10)) || fail "the log is full of it"
    sigkill resizing
    good_client
    bridge_stop
}

CROWD=30

# Those of the crowd that are served make room for the rest. True: all were.
crowd_was_served() {
    local i left=0
    for ((i = 0; i < CROWD; i++)); do
        [ -n "${PID[crowd-$i]:-}" ] || continue
        if grep -q '^ready' "$LOGS/crowd-$i.log"; then
            sigkill "crowd-$i"
        else
            left=1
        fi
    done
    return $left
}

# ---- malformed messages

test_malformed() {
    faults_begin
    limited 500 "$FAULTS/malformed" --reference compositor "$BRIDGE" >"$LOGS/malformed.log" 2>&1 ||
        fail "$(grep -m 3 '^FAILED' "$LOGS/malformed.log") (log: $LOGS/malformed.log)"
    tail -n 1 "$LOGS/malformed.log"
    quiet bridge-host bridge-guest
    bridge_stop
}

# The same from a guest that relays everything: the host's own checks.
test_malformed_guest() {
    weston_start compositor
    bridge_start_host compositor bridge
    limited 500 "$FAULTS/malformed" --reference compositor --device "$XDG_RUNTIME_DIR/bridge.gpu" >"$LOGS/malformed.log" 2>&1 ||
        fail "$(grep -m 3 '^FAILED' "$LOGS/malformed.log") (log: $LOGS/malformed.log)"
    tail -n 1 "$LOGS/malformed.log"
    quiet bridge-host
    device_still_works
}

# ---- the device

test_device() {
    weston_start compositor
    bridge_start_host compositor bridge
    bridge_start_host compositor other      # another machine's
    limited 200 "$FAULTS/device-faults" "$XDG_RUNTIME_DIR/bridge.gpu" "$XDG_RUNTIME_DIR/other.gpu" >"$LOGS/device.log" 2>&1 ||
        fail "$(grep -m 3 '^FAILED' "$LOGS/device.log") (log: $LOGS/device.log)"
    tail -n 1 "$LOGS/device.log"
    quiet bridge-host
    stop other-host || fail "the other wayferry-host ignored SIGTERM"
    device_still_works
}

# 3D was asked for and cannot be: wayferry-host does not start without, and says why in a line of its own.
test_renderer_absent() {
    local program=$WAYFERRY_BUILD/host-bridge/render/worker/wayferry-renderer
    weston_start compositor
    renderer_is_missed "/nowhere/wayferry-renderer: No such file" /nowhere/wayferry-renderer
    mkdir "$WORK/libraries"
    echo none >"$WORK/libraries/libvirglrenderer.so.1"
    renderer_is_missed "virgl does not start: its process has ended" "$program" LD_LIBRARY_PATH="$WORK/libraries"
    grep -q 'error while loading shared libraries: .*libvirglrenderer' "$LOGS/absent.log" ||
        fail "the loader says nothing (log: $LOGS/absent.log)"
    bridge_start compositor
    good_client
    bridge_stop
}

# renderer_is_missed TEXT PROGRAM [ENVIRONMENT...]
renderer_is_missed() {
    local text=$1 program=$2
    shift 2
    limited 20 env "$@" "$WAYFERRY_BUILD/host-bridge/wayferry-host" --socket "$XDG_RUNTIME_DIR/absent.gpu" \
        --wayland-display compositor --renderer virgl --renderer-program "$program" >"$LOGS/absent.log" 2>&1
    [ $? = 1 ] || fail "wayferry-host did not fail (log: $LOGS/absent.log)"
    [ "$(grep -c '^\[error\]' "$LOGS/absent.log")" = 1 ] && grep -q "^\[error\] renderer: .*$text" "$LOGS/absent.log" ||
        fail "wayferry-host does not say \"$text\" (log: $LOGS/absent.log)"
    [ ! -e "$XDG_RUNTIME_DIR/absent.gpu" ] || fail "a socket is left behind"
}

# A host that is held while a guest starts is waited for, with a word; a signal ends that.
test_late_host() {
    local log=$LOGS/bridge-guest.log
    weston_start compositor
    bridge_start_host compositor bridge
    kill -STOP "${PID[bridge-host]}"
    spawn impatient "$WAYFERRY_BUILD/guest-proxy/wayferry-guest" --socket impatient --vhost-user "$XDG_RUNTIME_DIR/bridge.gpu"
    until_true 20 grep -q 'the device has not answered for 3 s; waiting' "$LOGS/impatient.log" || fail "the first one does not say that it waits"
    stop impatient || fail "a signal does not end the wait"
    spawn bridge-guest "$WAYFERRY_BUILD/guest-proxy/wayferry-guest" --socket bridge --vhost-user "$XDG_RUNTIME_DIR/bridge.gpu"
    until_true 20 grep -q 'the device has not answered for 3 s; waiting' "$log" || fail "nobody says what is waited for (log: $log)"
    sleep 9     # 12 s in all
    alive "${PID[bridge-guest]}" || fail "wayferry-guest has given up (log: $log)"
    kill -CONT "${PID[bridge-host]}"
    until_true 20 test -S "$XDG_RUNTIME_DIR/bridge" || fail "there is no display (log: $log)"
    [ "$(grep -c 'has not answered' "$log")" = 1 ] || fail "it is said more than once in a minute"
    BRIDGE=bridge
    good_client
    bridge_stop
}

device_still_works() {
    BRIDGE=bridge
    bridge_start_guest bridge
    good_client
    bridge_stop
}

e2e_main "$@"
