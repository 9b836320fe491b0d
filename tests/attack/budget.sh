#!/bin/bash
# What one machine may cost the host: a hostile guest takes what it can of the compositor, while an application of
# another machine goes on. Whoever takes too much is told which limit it has reached.
. "$(dirname "$0")/../e2e/lib.sh"

tests=(mime-types:10 sources:10 rectangles:10 surfaces:10 nested:10 pools:15 shm-pools:20 connections:10 fds:5 cover:8 cover-popup:6 stopped-compositor:10 same-pages:10 keymaps:3 log-lines:4)
full=(log-lines-long:30)

FAULTS=$WAYFERRY_CLIENTS/faults
ATTACKER=$WAYFERRY_BUILD/tests/attack/attacker
MAX_GROWTH_KIB=$((100 * 1024))      # of the compositor's memory

# Two machines on one compositor: the attacker's (bridge) and the bystander's (other).
machines_start() {
    weston_start compositor
    HOST_OPTIONS='--vm hostile' bridge_start compositor bridge
    HOST_OPTIONS='--vm other' bridge_start compositor other
    before=$(rss_kib "${PID[compositor]}")
}

# attack MODE: starts it; returns when it is under way.
attack() {
    spawn attacker env WAYLAND_DISPLAY=bridge "$ATTACKER" "$1"
    until_true 20 grep -qs '^ready' "$LOGS/attacker.log" || fail "the attacker did not start (log: $LOGS/attacker.log)"
}

# The other machine's application is served while the attack runs, each round trip within a second.
bystander_goes_on() {
    WAYLAND_DISPLAY=other limited 60 "$FAULTS/rude" ping >>"$LOGS/bystander.log" 2>&1 ||
        fail "the bystander is not served (log: $LOGS/bystander.log)"
    say "bystander: $(tail -n 1 "$LOGS/bystander.log")"
}

# told_limit LIMIT: the attacker ended, because of that limit.
told_limit() {
    until_true 60 not alive "${PID[attacker]}" || fail "the attack goes on and on"
    # A client may be writing when its connection ends: then libwayland may not let it read why.
    grep -hm 1 "error 2: .*limit of $1" "$LOGS/attacker.log" "$LOGS/bridge-guest.log" ||
        fail "the attacker was not told of $1 (log: $LOGS/bridge-guest.log)"
}

# The compositor's memory has grown by no more than MAX_GROWTH_KIB, and everybody lives.
compositor_unharmed() {
    local now
    now=$(rss_kib "${PID[compositor]}")
    say "compositor: $before KiB before, $now KiB after"
    ((now - before < MAX_GROWTH_KIB)) || fail "the compositor grew by $((now - before)) KiB"
}

# use_is_zero NAME: nothing of it is left in use, once the attacker is gone.
use_is_zero() {
    bridge_counters bridge host
    [ "$(bridge_counter bridge host "use $1")" = 0 ]
}

over_limit() {
    machines_start
    attack "$1"
    bystander_goes_on
    told_limit "$2 ("
    compositor_unharmed
    until_true 10 use_is_zero "$2" || fail "$2 stay in use"
    bystander_goes_on
    bridge_stop other
    bridge_stop bridge
}

test_mime_types() {
    over_limit mime-types mime-types
}

test_sources() {
    over_limit sources text-bytes
}

test_rectangles() {
    over_limit rectangles region-rectangles
}

test_surfaces() {
    over_limit surfaces surfaces
}

test_nested() {
    over_limit nested subsurface-depth
}

# Whoever is not told has been served: wayferry-guest needs no pool of the host's for each of its client's.
test_pools() {
    machines_start
    attack pools
    bystander_goes_on
    until_true 150 not alive "${PID[attacker]}" || fail "the attack goes on and on"
    tail -n 2 "$LOGS/attacker.log"
    compositor_unharmed
    bystander_goes_on
    bridge_stop other
    bridge_stop bridge
}

# Each pool that a guest makes of its own memory is a mapping of the compositor's, which has 65,530 of them.
test_shm_pools() {
    local most
    machines_start
    HOST_OPTIONS='--vm raw' bridge_start_host compositor raw
    spawn attacker "$WAYFERRY_BUILD/tests/attack/shm-pools" "$XDG_RUNTIME_DIR/raw.gpu"
    bystander_goes_on
    until_true 150 not alive "${PID[attacker]}" || fail "the attack goes on and on"
    grep 'limit of shm-pools (16384)' "$LOGS/attacker.log" || fail "the attacker was not told (log: $LOGS/attacker.log)"
    bridge_counters raw host
    most=$(bridge_counter raw host 'peak shm-pools')
    ((most == 16384)) || fail "$most pools"
    compositor_unharmed
    bystander_goes_on
    bridge_stop other
    bridge_stop bridge
}

test_connections() {
    machines_start
    attack connections
    until_true 60 grep -q 'times$' "$LOGS/attacker.log" || fail "no end of connections (log: $LOGS/attacker.log)"
    local times lines
    times=$(sed -n 's/ times$//p' "$LOGS/attacker.log")
    ((times <= 200)) || fail "$times connections"
    grep -q 'limit of connections (200)' "$LOGS/attacker.log" || fail "the attacker was not told why (log: $LOGS/attacker.log)"
    grep -qx '0 were not told why' "$LOGS/attacker.log" || fail "some were not told why (log: $LOGS/attacker.log)"
    lines=$(cat "$LOGS"/bridge-{host,guest}.log | wc -l)
    say "$times connections, $lines lines of log"
    ((lines < 300)) || fail "$lines lines of log"
    (($(fd_count "${PID[compositor]}") < 1000)) || fail "the compositor has no file descriptors left"
    bystander_goes_on
    until_true 30 use_is_zero connections || fail "connections stay in use"
    compositor_unharmed
    bridge_stop other
    bridge_stop bridge
}

# wayferry-host may have few file descriptors: what the machine can take of them stays below that. One application has
# taken what it gets, and the others of the machine go on, and so does wayferry-host.
test_fds() {
    local most
    need wtype prlimit
    sway_start compositor
    spawn keyboard env WAYLAND_DISPLAY=compositor wtype -s 3600000 a
    HOST_UNDER='prlimit --nofile=300' HOST_OPTIONS='--vm hostile' bridge_start compositor bridge
    grep -q 'file descriptors .*the machine gets 108' "$LOGS/bridge-host.log" || fail "no warning of few file descriptors"
    before=$(rss_kib "${PID[compositor]}")
    spawn neighbour env WAYLAND_DISPLAY=bridge "$FAULTS/rude" measure
    until_true 20 grep -qs '^second' "$LOGS/neighbour.log" || fail "the neighbour does not run"
    attack pipes
    told_limit 'fds (108)'
    alive "${PID[neighbour]}" || fail "the neighbour has lost its connection (log: $LOGS/neighbour.log)"
    bridge_counters bridge host
    most=$(bridge_counter bridge host 'peak fds')
    say "$most file descriptors of 108"
    ((most > 80)) || fail "the attack did not take them"
    WAYLAND_DISPLAY=bridge limited 60 "$FAULTS/rude" ping >>"$LOGS/bystander.log" 2>&1 || fail "nobody new is served"
    compositor_unharmed
    stop neighbour
    until_true 10 use_is_zero fds || fail "file descriptors stay in use"
    bridge_stop bridge
}

# A subsurface that would cover the screen does not.
test_cover() {
    machines_start
    attack cover
    until_true 20 grep -q '^shown' "$LOGS/attacker.log" || fail "no window (log: $LOGS/attacker.log)"
    screen_settle compositor "$LOGS/covered.png" 20 '#ff0000' || fail "the window is not shown"
    local red
    red=$(pixels_of "$LOGS/covered.png" '#ff0000')
    say "$red pixels are the attacker's"
    ((red <= 200 * 150)) || fail "$red pixels are covered"
    bystander_goes_on
    bridge_stop other
    bridge_stop bridge
}

# Neither do popups: they are at their window.
test_cover_popup() {
    local box width height
    machines_start
    attack cover-popup
    until_true 20 grep -q '^shown' "$LOGS/attacker.log" || fail "no window (log: $LOGS/attacker.log)"
    screen_settle compositor "$LOGS/covered.png" 20 '#ff0000' || fail "the window is not shown"
    box=$(window_box compositor "$LOGS/covered.png")
    say "the attacker's are at $box"
    IFS=x+ read -r width height _ <<<"$box"
    ((width <= 200 + 2 * 150 && height <= 150 + 2 * 150)) || fail "popups are away from their window: $box"
    bystander_goes_on
    bridge_stop other
    bridge_stop bridge
}

# A compositor that is stopped, and clients that go on asking: wayferry-host keeps what is bounded.
test_stopped_compositor() {
    local i kept
    machines_start
    bridge_stop other
    for i in 1 2 3 4 5 6 7 8; do
        spawn "flood-$i" env WAYLAND_DISPLAY=bridge "$FAULTS/rude" flood-unread
    done
    until_true 20 grep -qs ready "$LOGS/flood-8.log" || fail "the clients did not start"
    kill -STOP "${PID[compositor]}"
    sleep 6
    kept=$(rss_kib "${PID[bridge-host]}")
    kill -CONT "${PID[compositor]}"
    say "wayferry-host: $kept KiB while the compositor was stopped"
    [[ ${WAYFERRY_BUILD##*/} == *asan* ]] || ((kept < 200 * 1024)) || fail "wayferry-host keeps $kept KiB"
    bridge_counters bridge host
    say "queued at most: $(bridge_counter bridge host 'peak queued-bytes') bytes"
    (($(bridge_counter bridge host 'peak queued-bytes') <= $(bridge_counter bridge host 'limit queued-bytes'))) ||
        fail "more was queued than the limit"
}

# Much to copy in one submission holds up only its own client: another one of the same machine goes on.
test_same_pages() {
    weston_start compositor
    bridge_start_host compositor bridge
    limited 100 "$WAYFERRY_BUILD/tests/attack/same-pages" "$XDG_RUNTIME_DIR/bridge.gpu" >"$LOGS/same-pages.log" 2>&1 ||
        fail "the other client is held up (log: $LOGS/same-pages.log)"
    say "$(tr '\n' ';' <"$LOGS/same-pages.log")"
}

# host_with_limit NAME VALUE: wayferry-host for one that drives the device by itself.
host_with_limit() {
    printf '%s\n' '[limits]' "$1 = $2" >"$WORK/limits.conf"
    HOST_OPTIONS="--vm hostile --config $WORK/limits.conf" bridge_start_host compositor bridge
}

# Keymaps that a guest does not take are kept for it, up to the limit of what may be queued.
test_keymaps() {
    local queued most
    need wtype
    sway_start compositor
    spawn keyboard env WAYLAND_DISPLAY=compositor wtype -s 3600000 a
    host_with_limit queued-bytes 16M
    before=$(rss_kib "${PID[bridge-host]}")
    spawn attacker "$WAYFERRY_BUILD/tests/attack/keymaps" "$XDG_RUNTIME_DIR/bridge.gpu" 16
    until_true 60 grep -qs 'have asked' "$LOGS/attacker.log" || fail "the attack has not come that far (log: $LOGS/attacker.log)"
    bridge_counters bridge host
    queued=$(bridge_counter bridge host 'peak queued-bytes')
    most=$(awk '/^VmHWM:/ { print $2 }' "/proc/${PID[bridge-host]}/status")
    say "$(tail -n 1 "$LOGS/attacker.log"): $queued bytes are kept; wayferry-host: $before KiB before, then at most $most KiB"
    ((most - before < 40 * 1024)) || fail "wayferry-host has grown by $((most - before)) KiB"
    ((queued > 1 << 20)) || fail "the attack has had no keymaps"
    ((queued <= 16 << 20)) || fail "more than the limit is kept"
    stop attacker
    until_true 10 use_is_zero queued-bytes || fail "queued-bytes stay in use"
}

# log_stays_short CONNECTIONS SECONDS: what a guest is refused, again and again, is a few lines of the log, however
# often. So many connections are refused, and then for so long what makes no sense.
log_stays_short() {
    local lines
    weston_start compositor
    host_with_limit connections 0
    limited 200 "$WAYFERRY_BUILD/tests/attack/noise" "$XDG_RUNTIME_DIR/bridge.gpu" "$@" >"$LOGS/noise.log" 2>&1 ||
        fail "the device does not answer (log: $LOGS/noise.log)"
    grep -qx "$1 refused" "$LOGS/noise.log" || fail "connections are not refused (log: $LOGS/noise.log)"
    lines=$(wc -l <"$LOGS/bridge-host.log")
    say "$(tr '\n' ';' <"$LOGS/noise.log") $lines lines of log"
    ((lines < 300)) || fail "$lines lines of log"
}

test_log_lines() {
    log_stays_short 2000 1
}

test_log_lines_long() {
    log_stays_short 10000 10
}

e2e_main "$@"
