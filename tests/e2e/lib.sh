# shellcheck shell=bash
# What the end-to-end tests share: compositors, the bridge, screenshots, and how a test fails.
#
# A file of tests sources this, says what tests it has, and ends with e2e_main "$@":
#
#     . "$(dirname "$0")/lib.sh"
#     tests=(terminal:4 flower:5)           # name:seconds it usually takes
#     full=(hours:3600)                     # likewise, of the tests that only "tests/run.sh full" runs
#     plain=(numbers:60)                    # and of those that a build with sanitizers has only with "full"
#     test_terminal() { ...; }
#     e2e_main "$@"
#
# FILE --list prints "name seconds" lines ("name seconds full", "name seconds plain"); FILE NAME runs one test in this very process. The runner
# (tests/run.sh) puts each test under tests/clients/reap, which bounds it and finds leftovers.
#
# Environment:
#   WAYFERRY_BUILD       directory of the build to test (default: build-tests/plain)
#   WAYFERRY_CLIENTS     directory of the test clients (default: $WAYFERRY_BUILD/tests/clients)
#   WAYFERRY_TEST_LOGS   directory for this test's logs and pictures (default: build-tests/logs/...)
#   WAYFERRY_TEST_DIRECT "no": where a test compares direct and bridged runs, only the bridged one (see bridged_alone)
#   WAYFERRY_TEST_SLOWNESS  how many times longer than usual things may take here (default: 2)
#   WAYFERRY_E2E_BRIDGE  "wayferry", or "none": the bridged runs are direct as well, which shows that
#                        a test is deterministic and proves nothing else
set -u
shopt -s nullglob

SOURCE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
E2E_DIRECTORY=$SOURCE_ROOT/tests/e2e
WAYFERRY_BUILD=${WAYFERRY_BUILD:-$SOURCE_ROOT/build-tests/plain}
WAYFERRY_CLIENTS=${WAYFERRY_CLIENTS:-$WAYFERRY_BUILD/tests/clients}
WAYFERRY_E2E_BRIDGE=${WAYFERRY_E2E_BRIDGE:-wayferry}
SLOWNESS=${WAYFERRY_TEST_SLOWNESS:-2}       # seconds that are limits are multiplied by this
DIRECT=${WAYFERRY_TEST_DIRECT:-yes}
full=()
plain=()

BACKGROUND='#336699'        # of every compositor here
SIZE=1280x720               # of every output, unless a test says otherwise

# ---- outcome

say() {
    printf '%s: %s\n' "${TEST_NAME:-e2e}" "$*"
}

# Ends the test: everything it started is killed by the exit trap.
fail() {
    printf '%s: FAILED: %s\n' "${TEST_NAME:-e2e}" "$*" >&2
    exit 1
}

need() {
    local program
    for program; do
        command -v "$program" >/dev/null || fail "$program is not installed (tests/run.sh installs it)"
    done
}

# Whether nothing is run direct: so it is with sanitizers, which see all of it in the bridged run; that what is shown or
# told is equal is shown without them (and with "full").
bridged_alone() {
    [ "$DIRECT" = no ]
}

# How a test that compares is run, in this order.
ways() {
    bridged_alone || echo direct
    echo bridged
}

# until_true SECONDS COMMAND...: repeats the command until it succeeds. Fails when it never does: the time is for
# tests that hang, and many times as long as things usually take.
until_true() {
    local deadline=$((SECONDS + $1 * SLOWNESS))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        pause 0.1
    done
}

# pause SECONDS: a sleep without a process. Waiting is to cost what is waited for as little as possible: to start a process
# takes milliseconds on some machines, of each processor there is.
pause() {
    [ -p "$BASE/pause" ] || mkfifo "$BASE/pause"
    read -rt "$1" <>"$BASE/pause" || :       # nobody writes
}

# limited SECONDS COMMAND...: as timeout does.
limited() {
    timeout $(($1 * SLOWNESS)) "${@:2}"
}

# ---- processes

declare -A PID=()           # name -> process id (and group id: each leads a group of its own)

# Zombies of ours count as gone: alive() alone would see them until they are waited for.
alive() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null && [[ ${stat##*) } != Z* ]]
}

# spawn NAME COMMAND...: starts it in a group of its own; its output goes to $LOGS/NAME.log.
spawn() {
    local name=$1
    shift
    setsid "$@" >>"$LOGS/$name.log" 2>&1 </dev/null &
    PID[$name]=$!
}

# spawn_reading NAME FILE COMMAND...: as spawn, with standard input.
spawn_reading() {
    local name=$1 file=$2
    shift 2
    setsid "$@" >>"$LOGS/$name.log" 2>&1 <"$file" &
    PID[$name]=$!
}

# stop NAME [SIGNAL]: ends it and its group, by force after ten seconds; sets STOP_STATUS to its
# exit status. Return: 1 when force was needed.
stop() {
    local name=$1 signal=${2:-TERM}
    local pid=${PID[$name]:-}
    STOP_STATUS=0
    [ -n "$pid" ] || return 0
    unset "PID[$name]"
    process_end "$name" "$pid" "$signal" 2>/dev/null     # where bash tells of jobs that were killed
}

# sigkill NAME: that process alone. What it has started is left to do what it does then.
sigkill() {
    kill -KILL "${PID[$1]}"
    wait "${PID[$1]}" 2>/dev/null
    unset "PID[$1]"
}

process_end() {
    local name=$1 pid=$2 forced=0
    kill -"$3" "$pid"
    if ! until_true 10 not alive "$pid"; then
        say "$name ($pid) had to be killed"
        kill -KILL "$pid"
        forced=1
    fi
    wait "$pid"
    STOP_STATUS=$?
    ! kill -0 -- "-$pid" || pause 0.1       # for who ends with it
    kill -KILL -- "-$pid"
    return $forced
}

not() {
    ! "$@"
}

fd_count() {
    find "/proc/$1/fd" -mindepth 1 | wc -l
}

# Resident memory of a process in KiB.
rss_kib() {
    awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"
}

# ---- compositors

declare -A SCREEN=()        # Wayland display name -> how to take its picture: weston, grim, or a function

weston_major() {
    weston --version | sed -n 's/^weston \([0-9]*\).*/\1/p'
}

# Prints the options that choose a backend (headless, wayland) and a renderer (gl, pixman): they
# were renamed in weston 12.
weston_options() {
    if (($(weston_major) >= 12)); then
        echo "--backend=$1 --renderer=$2 $([ "$1" = headless ] && echo --refresh-rate=60000)"
    else
        echo "--backend=$1-backend.so --use-$2"
    fi
}

# A desktop with nothing that moves: no panel (it has a clock), no animation, no lock.
weston_configure() {
    cat >"$WORK/weston.ini" <<END
[core]
idle-time=0
[shell]
panel-position=none
background-color=0xff${BACKGROUND#\#}
animation=none
startup-animation=none
close-animation=none
locking=false
END
}

# weston_start NAME [SIZE [RENDERER [BACKEND [ENVIRONMENT...]]]]: a weston that listens on the
# display NAME. The headless one has no seat: no input, no clipboard. It places windows at random; steady
# has it choose the same place each time.
weston_start() {
    local name=$1 size=${2:-$SIZE} renderer=${3:-gl} backend=${4:-headless}
    shift $(($# < 4 ? $# : 4))
    need weston weston-screenshooter
    weston_configure
    # shellcheck disable=SC2046
    spawn "$name" env LD_PRELOAD="$WAYFERRY_CLIENTS/libsteady.so" "$@" weston \
        $(weston_options "$backend" "$renderer") --config="$WORK/weston.ini" --socket="$name" \
        --width="${size%x*}" --height="${size#*x}" --idle-time=0 --debug
    SCREEN[$name]=weston
    until_true 15 test -S "$XDG_RUNTIME_DIR/$name" || fail "weston did not start (log: $LOGS/$name.log)"
    screen_wait_empty "$name" "$size"
}

# sway_start NAME [SIZE]: a headless sway reached as the display NAME: a seat without devices, windows
# tiled without borders. Sway 1.7 refuses to run as root, so it then runs as nobody, in a directory of
# its own.
sway_start() {
    local name=$1 size=${2:-$SIZE}
    local directory=$BASE/$name as=()
    need sway swaymsg grim
    mkdir -p "$directory" && chmod 700 "$directory"
    rm -f "$directory"/*
    cat >"$BASE/$name.conf" <<END
xwayland disable
output HEADLESS-1 mode ${size}@60Hz
output HEADLESS-1 bg $BACKGROUND solid_color
default_border none
default_floating_border none
focus_follows_mouse no
mouse_warping none
seat * hide_cursor 0
${SWAY_CONFIG:-}
END
    if [ "$(id -u)" = 0 ]; then
        as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
        chown 65534:65534 "$directory"
    fi
    # shellcheck disable=SC2086     # several variables
    spawn "$name" env -u WAYLAND_DISPLAY -u DISPLAY XDG_RUNTIME_DIR="$directory" HOME="$directory" \
        WLR_BACKENDS=headless ${SWAY_ENVIRONMENT:-} \
        WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1 "${as[@]}" sway -c "$BASE/$name.conf"
    SCREEN[$name]=grim
    until_true 15 sway_listens "$name" || fail "sway did not start (log: $LOGS/$name.log)"
    screen_wait_empty "$name" "$size"
}

# Sway chooses its socket's name itself; a link gives it ours.
sway_listens() {
    local socket
    for socket in "$BASE/$1"/wayland-*; do
        if [ -S "$socket" ]; then
            ln -sf "$socket" "$XDG_RUNTIME_DIR/$1"
            return 0
        fi
    done
    return 1
}

# sway_message NAME ARGUMENT...: swaymsg to the sway that is display NAME.
sway_message() {
    local sockets=("$BASE/$1"/sway-ipc.*.sock)
    shift
    swaymsg -s "${sockets[0]}" "$@"
}

# compositor_start weston|sway NAME [SIZE]
compositor_start() {
    "$1_start" "$2" "${3:-$SIZE}"
}

# ---- pictures

# shot DISPLAY FILE.png: takes a picture of the whole output.
shot() {
    local display=$1 file=$2 directory
    if declare -F "${SCREEN[$display]}" >/dev/null; then
        "${SCREEN[$display]}" "$display" "$file"
        return
    fi
    if [ "${SCREEN[$display]}" = grim ]; then
        WAYLAND_DISPLAY=$display limited 10 grim -l 1 "$file"
        return
    fi
    directory=$(mktemp -d "$WORK/shot.XXXXXX")
    (cd "$directory" && XDG_PICTURES_DIR=$directory WAYLAND_DISPLAY=$display limited 10 weston-screenshooter) || return 1
    set -- "$directory"/*.png
    [ $# = 1 ] || return 1      # weston 14 fails with status 0
    mv "$1" "$file" && rmdir "$directory"
}

# differing A.png B.png: prints how many pixels differ ("sizes" when the pictures cannot be compared).
differing() {
    local count
    count=$(compare -metric AE "$1" "$2" null: 2>&1)
    case $? in
    0 | 1) printf '%.0f\n' "$count" ;;
    *) echo sizes ;;
    esac
}

# Files that are equal show the same, and need no reading of pictures.
same() {
    cmp -s "$1" "$2" || [ "$(differing "$1" "$2")" = 0 ]
}

# Prints how many pixels of the picture have exactly this colour: pixels_of FILE.png '#rrggbb'.
pixels_of() {
    convert "$1" -alpha off -fill black +opaque "$2" -fill white -opaque "$2" -colorspace gray \
        -format '%[fx:round(mean*w*h)]' info:
}

# screen_wait_empty DISPLAY SIZE: waits for the bare background and keeps its picture, $WORK/DISPLAY.empty.png.
screen_wait_empty() {
    local empty=$WORK/$1.empty.png
    convert -size "$2" "xc:$BACKGROUND" -alpha off "png24:$empty"
    until_true 20 screen_is "$1" "$empty" || fail "$1 does not show its background"
}

screen_is() {
    shot "$1" "$WORK/$1.now.png" && same "$WORK/$1.now.png" "$2"
}

# screen_settle DISPLAY FILE [SECONDS [COLOUR...]]: waits until the output shows something besides the
# background, and at least 100 pixels of each COLOUR, and all pictures (two or more) of 0.8 seconds, or of longer where
# things take longer, are equal; leaves the last one in FILE.
screen_settle() {
    local display=$1 file=$2 deadline=$((SECONDS + ${3:-30} * SLOWNESS)) taken='' since=''
    shift $(($# < 3 ? $# : 3))
    until [ -n "$since" ] && ((taken - since >= 800000 * SLOWNESS)); do
        ((SECONDS < deadline)) || return 1
        pause 0.3
        shot "$display" "$file.new.png" || continue
        if [ -e "$file" ] && same "$file" "$file.new.png" && screen_shows "$display" "$file" "$@"; then
            since=${since:-$taken}
        else
            since=
        fi
        taken=${EPOCHREALTIME/./}
        mv "$file.new.png" "$file"
    done
}

# screen_shows DISPLAY FILE COLOUR...: is there a window on the picture, with these colours?
screen_shows() {
    local file=$2 colour
    same "$WORK/$1.empty.png" "$file" && return 1
    shift 2
    for colour; do
        (($(pixels_of "$file" "$colour") >= 100)) || return 1
    done
}

# screen_becomes DISPLAY REFERENCE.png FILE [SECONDS]: waits until the output equals the reference, to the
# pixel; leaves the last picture in FILE and, when they differ, the difference in FILE.diff.png.
screen_becomes() {
    local display=$1 reference=$2 file=$3
    if until_true "${4:-30}" shot_is "$display" "$reference" "$file"; then
        return 0
    fi
    compare -metric AE "$reference" "$file" "$file.diff.png" 2>/dev/null
    say "$(differing "$reference" "$file") pixels of $file differ from $reference"
    return 1
}

shot_is() {
    shot "$1" "$3" && same "$2" "$3"
}

# window_box DISPLAY FILE: prints the smallest box around what is not background: WIDTHxHEIGHT+X+Y.
window_box() {
    compare -metric AE -highlight-color white -lowlight-color black -compose src \
        "$WORK/$1.empty.png" "$2" "$WORK/box.png" 2>/dev/null
    convert "$WORK/box.png" -bordercolor black -border 1 -trim -format '%wx%h+%[fx:page.x-1]+%[fx:page.y-1]' info:
}

# ---- the bridge

# descendants PID NAME: the processes of this name below it.
descendants() {
    local child
    for child in $(pgrep -P "$1"); do
        [ "$(cat "/proc/$child/comm" 2>/dev/null)" = "$2" ] && echo "$child"
        descendants "$child" "$2"
    done
}

# by_age: sorts the processes that come in, the oldest first. Their numbers do not tell: they begin again at times.
by_age() {
    local pid
    while read -r pid; do
        awk '{ pid = $1; sub(/.*\) /, ""); print $20, pid }' "/proc/$pid/stat" 2>/dev/null
    done | sort -n | cut -d ' ' -f 2
}

# spawner_of HOST: the process that starts workers for this wayferry-host, which is a child of another one of that name.
spawner_of() {
    descendants "$1" wayferry-render | sed -n 2p
}

# bridge_start DISPLAY [NAME]: puts wayferry between the display and a new one; sets BRIDGE to the
# new display's name. Its processes are PID[NAME-host] and PID[NAME-guest]. Options for
# either are taken from HOST_OPTIONS and GUEST_OPTIONS.
bridge_start() {
    local display=$1 name=${2:-bridge}
    if [ "$WAYFERRY_E2E_BRIDGE" = none ]; then
        BRIDGE=$display
        return 0
    fi
    BRIDGE=$name
    bridge_start_host "$display" "$name"
    bridge_start_guest "$name"
}

# Under a command that is in HOST_UNDER, if one is (prlimit).
bridge_start_host() {
    # shellcheck disable=SC2086
    spawn "$2-host" ${HOST_UNDER:-} "$WAYFERRY_BUILD/host-bridge/wayferry-host" --socket "$XDG_RUNTIME_DIR/$2.gpu" \
        --wayland-display "$1" ${HOST_OPTIONS:-}
    until_true 10 test -S "$XDG_RUNTIME_DIR/$2.gpu" || fail "wayferry-host does not listen (log: $LOGS/$2-host.log)"
}

# Under a command that is in GUEST_UNDER, if one is.
bridge_start_guest() {
    # shellcheck disable=SC2086
    spawn "$1-guest" ${GUEST_UNDER:-} "$WAYFERRY_BUILD/guest-proxy/wayferry-guest" --socket "$1" \
        --vhost-user "$XDG_RUNTIME_DIR/$1.gpu" ${GUEST_OPTIONS:-}
    until_true 10 test -S "$XDG_RUNTIME_DIR/$1" || fail "wayferry-guest does not listen (log: $LOGS/$1-guest.log)"
}

# bridge_stop [NAME]: ends both, and fails unless both lived until now, ended in time and left no
# sanitizer's report.
bridge_stop() {
    local name=${1:-bridge} side
    [ "$WAYFERRY_E2E_BRIDGE" = none ] && return 0
    for side in guest host; do
        alive "${PID[$name-$side]}" || fail "wayferry-$side ended by itself (log: $LOGS/$name-$side.log)"
        stop "$name-$side" || fail "wayferry-$side ignored SIGTERM"
        [ "$STOP_STATUS" = 0 ] || fail "wayferry-$side ended with status $STOP_STATUS (log: $LOGS/$name-$side.log)"
    done
    sanitizers_silent
}

# bridge_counters NAME SIDE: leaves what SIGUSR1 makes the process print, "name value" lines, in
# $WORK/NAME-SIDE.counters.
bridge_counters() {
    local log=$LOGS/$1-$2.log file=$WORK/$1-$2.counters from
    from=$(stat -c %s "$log")
    kill -USR1 "${PID[$1-$2]}"
    until_true 10 counters_printed "$log" "$((from + 1))" "$file" || fail "wayferry-$2 prints no counters"
}

counters_printed() {
    local size
    tail -c "+$2" "$1" >"$3"
    size=$(stat -c %s "$3")
    sleep 0.1
    ((size > 0)) && [ "$(stat -c %s "$1")" = $((size + $2 - 1)) ]
}

# bridge_counter NAME SIDE COUNTER: prints a counter's value, out of what bridge_counters left.
bridge_counter() {
    sed -n "s/^$3 \([0-9]*\)$/\1/p" "$WORK/$1-$2.counters"
}

sanitizers_silent() {
    local found
    found=$(grep -lE 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$LOGS"/*.log)
    [ -z "$found" ] || fail "a sanitizer reported: $found"
}

# ---- running a test

# The environment is made from nothing, so that tests find what they were given and nothing else: whatever
# is installed, set or running here.
e2e_environment() {
    local name
    for name in $(compgen -e); do
        [[ $name = WAYFERRY_@(BUILD|CLIENTS|TEST_LOGS|TEST_SLOWNESS|E2E_BRIDGE|LAB_CACHE|DEBIAN_MIRROR|UML_SOURCE) ]] || unset "$name"
    done
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin
    export XDG_RUNTIME_DIR=$BASE/rt TMPDIR=$BASE/tmp HOME=$WORK/home LANG=C.UTF-8 LC_ALL=C.UTF-8 TZ=UTC TERM=xterm
    export DBUS_SESSION_BUS_ADDRESS=disabled: DBUS_SYSTEM_BUS_ADDRESS=disabled:
    export NO_AT_BRIDGE=1 GTK_A11Y=none GSETTINGS_BACKEND=memory
    export ASAN_OPTIONS=abort_on_error=0:exitcode=86:detect_leaks=1
    export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:exitcode=86
}

# When a process began, in ticks: no other one with its number has that.
process_start() {
    local stat
    read -r stat 2>/dev/null <"/proc/$1/stat" || return
    read -ra stat <<<"${stat##*) }"
    echo "${stat[19]}"
}

# One run of a test at a time has its logs: $LOGS.run names the process. (A lock's fd would be inherited, and counted.)
e2e_alone() {
    local own owner
    own=$$:$(process_start $$)
    mkdir -p "${LOGS%/*}"
    until ln -s "$own" "$LOGS.run" 2>/dev/null; do
        owner=$(readlink "$LOGS.run") || continue
        [ "$(process_start "${owner%:*}")" != "${owner#*:}" ] || fail "another run of this test has $LOGS"
        rm -f "$LOGS.run"
    done
}

e2e_begin() {
    TEST_NAME=$1
    LOGS=${WAYFERRY_TEST_LOGS:-$SOURCE_ROOT/build-tests/logs/$(basename "$0" .sh)/$1}
    e2e_alone
    rm -rf "$LOGS"
    mkdir -p "$LOGS"
    WORK=$LOGS/work
    mkdir -p "$WORK/home"
    BASE=$(mktemp -d /tmp/wf.XXXXXX)       # short: a socket's path has 108 bytes
    chmod 755 "$BASE"
    mkdir -m 700 "$BASE/rt" "$BASE/tmp"
    e2e_environment
    trap e2e_end EXIT
    trap 'exit 143' TERM INT HUP
}

e2e_end() {
    local status=$? name
    trap - EXIT
    for name in "${!PID[@]}"; do
        stop "$name" KILL
    done
    rm -rf "$BASE"
    rm -f "$LOGS.run"
    [ $status = 0 ] && rm -rf "$WORK"
    exit $status
}

e2e_main() {
    local entry
    if [ "${1:-}" = --list ]; then
        for entry in "${tests[@]}"; do
            echo "${entry%:*} ${entry#*:}"
        done
        for entry in "${full[@]}"; do
            echo "${entry%:*} ${entry#*:} full"
        done
        for entry in "${plain[@]}"; do
            echo "${entry%:*} ${entry#*:} plain"
        done
        return
    fi
    if [ $# != 1 ] || ! declare -F "test_${1//[-.]/_}" >/dev/null; then
        echo "usage: $(basename "$0") --list | TEST" >&2
        exit 2
    fi
    e2e_begin "$1"
    need compare convert setsid timeout
    "test_${1//[-.]/_}"
    say passed
}
