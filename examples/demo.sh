#!/usr/bin/env bash
# Shows wayferry at work: one application, whose window reaches a Wayland compositor by way of a
# vhost-user virtio-gpu device.
#
#     application -> wayferry-guest -> virtqueues in shared memory -> wayferry-host -> compositor
#
# No virtual machine takes part: wayferry-guest drives the device itself, and the compositor is a
# weston without a screen, of which a picture is taken.
set -u

usage() {
    cat <<END
Usage: examples/demo.sh [OPTION...] [-- COMMAND [ARGUMENT...]]

Installs what is missing (Debian 12 and 13), builds wayferry in build/, starts a compositor, the
bridge and COMMAND, takes a picture of the window, and checks it.
COMMAND is gtk4-widget-factory unless given.

Options:
  --output FILE   where the picture goes (wayferry-demo.png)
  --session       show the window in the Wayland session that is there (\$WAYLAND_DISPLAY) until
                  the application ends, and exit with its status; no picture
  --no-install    fail when a package is missing
  --help          print this

Exit status: 0; 1 when the window could not be shown, with the reason; 2 for a wrong command line.
END
}

SIZE=1920x1080                  # of the compositor's screen
BACKGROUND=0xff2f4858
WINDOW_PIXELS=5000              # what changes less of the screen is no window
SECONDS_TO_SHOW=30

root=$(cd "$(dirname "$0")/.." && pwd)
host=$root/build/host-bridge/wayferry-host
guest=$root/build/guest-proxy/wayferry-guest
# shellcheck disable=SC2034 # packages.sh takes lists by their names
packages_application="gtk-4-examples adwaita-icon-theme fonts-dejavu-core"
# shellcheck source=tests/packages.sh
. "$root/tests/packages.sh"
work=                           # sockets, logs and pictures of this run
pids=()                         # what we started, each the leader of a process group

say() {
    printf '%s\n' "$*"
}

step() {
    printf '\n==> %s\n' "$*"
}

# The last words of a run that failed; the logs stay.
die() {
    printf '\ndemo.sh: %s\n' "$*" >&2
    if [ -n "$work" ] && ! rmdir "$work" 2>/dev/null; then
        printf 'demo.sh: logs: %s\n' "$work" >&2
    fi
    work=
    exit 1
}

misuse() {
    printf "demo.sh: %s\nTry 'examples/demo.sh --help'.\n" "$*" >&2
    exit 2
}

# Whatever happens, nothing that we started outlives us. The last started goes first: nobody sees
# what it needs vanish.
clean_up() {
    local status=$? i
    trap - EXIT
    trap '' INT TERM HUP
    {
        for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
            kill -TERM -- "-${pids[i]}"
            until_true 3 group_ended "${pids[i]}"
            kill -KILL -- "-${pids[i]}"
        done
        wait
        [ -z "$work" ] || rm -rf "$work"
    } 2>/dev/null
    exit $status
}

group_ended() {
    ! kill -0 -- "-$1"
}

# start NAME COMMAND...: in the background, in a process group of its own; sets started to its id.
start() {
    local name=$1
    shift
    setsid "$@" </dev/null >"$work/$name.log" 2>&1 &
    started=$!
    pids+=("$started")
    say "    $*"
}

# until_true SECONDS COMMAND...: repeats the command until it succeeds; 1 when it never does.
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

runs() {
    kill -0 "$1" 2>/dev/null
}

# listens PID SOCKET: waits for the socket of a program that was just started.
listens() {
    until_true 15 listens_or_ended "$@" && [ -S "$2" ]
}

listens_or_ended() {
    [ -S "$2" ] || ! runs "$1"
}

# ---- packages and programs

# install_missing LIST...: of the lists in tests/packages.sh.
install_missing() {
    local missing
    missing=$(packages_missing "$@" | tr '\n' ' ')
    if [ -z "$missing" ]; then
        say "    all packages are there"
    elif [ $install = no ]; then
        die "packages are missing: $missing"
    else
        packages_need "$@" || die "cannot go on without these packages"
    fi
}

build() {
    {
        { [ -f "$root/build/build.ninja" ] || meson setup "$root/build" "$root" -Dtests=false; } &&
            meson compile -C "$root/build" wayferry-host wayferry-guest
    } </dev/null >"$work/build.log" 2>&1 || {
        tail -n 20 "$work/build.log" >&2
        die "the build failed"
    }
    say "    $host"
    say "    $guest"
}

# ---- the compositor and its screen

start_weston() {
    local major options
    major=$(weston --version | sed -n 's/^weston \([0-9]*\).*/\1/p')
    if ((major >= 12)); then
        options="--backend=headless --renderer=gl"
    else
        options="--backend=headless-backend.so --use-gl"
    fi
    cat >"$work/weston.ini" <<END
[shell]
panel-position=none
background-color=$BACKGROUND
animation=none
startup-animation=none
locking=false
END
    # --debug lets weston-screenshooter take pictures
    # shellcheck disable=SC2086
    start weston weston $options --config="$work/weston.ini" --socket=screen --width="${SIZE%x*}" \
        --height="${SIZE#*x}" --idle-time=0 --debug
    listens "$started" "$work/screen" || die "weston did not start: $(tail -n 1 "$work/weston.log")"
}

# picture FILE: of the whole screen. Weston's program chooses the file's name, so it gets a directory.
picture() {
    rm -rf "$work/shot" && mkdir "$work/shot" && (
        cd "$work/shot" && XDG_PICTURES_DIR=$work/shot WAYLAND_DISPLAY=screen timeout 10 weston-screenshooter
    ) >>"$work/screenshooter.log" 2>&1 && mv "$work/shot"/*.png "$1" 2>/dev/null
}

# differing A B: prints in how many pixels two pictures differ.
differing() {
    local count
    count=$(compare -metric AE "$1" "$2" null: 2>&1)
    printf '%.0f\n' "${count%% *}" 2>/dev/null
}

# The desktop is drawn when two pictures of it are the same, and not all black.
empty_desktop_drawn() {
    picture "$work/first.png" && sleep 0.2 && picture "$work/empty.png" &&
        [ "$(differing "$work/first.png" "$work/empty.png")" = 0 ] &&
        [ "$(compare -metric AE "$work/empty.png" -size "$SIZE" xc:black null: 2>&1 | cut -d' ' -f1)" != 0 ]
}

# The window is drawn when it covers about the same area in two pictures: what is in it may move.
# There is nothing to wait for when the application has ended.
area=0
window_drawn() {
    local before=$area difference
    runs "$guest_pid" || return 0
    picture "$work/window.png" || return 1
    area=$(differing "$work/empty.png" "$work/window.png")
    difference=$((area > before ? area - before : before - area))
    ((area >= WINDOW_PIXELS && difference * 50 <= area)) && return
    sleep 0.3
    return 1
}

# ---- counters

# counter NAME SIDE: the last value that wayferry-SIDE printed; 0 when there is none.
counter() {
    local value
    value=$(sed -n "s/^$1 \([0-9]*\)$/\1/p" "$work/$2.log" | tail -n 1)
    echo "${value:-0}"
}

# Both print them when they get SIGUSR1.
print_counters() {
    kill -USR1 "$host_pid" "$guest_pid" 2>/dev/null
    until_true 5 grep -q '^live_objects ' "$work/guest.log" &&
        until_true 5 grep -q '^messages from guests ' "$work/host.log"
}

# ---- the two ways to run

start_host() {
    start host "$host" --socket "$work/gpu" --wayland-display "$1" --vm demo
    host_pid=$started
    listens "$host_pid" "$work/gpu" || die "wayferry-host did not start: $(tail -n 1 "$work/host.log")"
}

show_on_weston() {
    local status=0
    step "The host's compositor: weston, without a screen"
    export XDG_RUNTIME_DIR=$work
    export DBUS_SESSION_BUS_ADDRESS=disabled: GTK_A11Y=none NO_AT_BRIDGE=1  # nothing of the user's session
    start_weston
    until_true 15 empty_desktop_drawn || die "cannot take a picture of weston's screen"

    step "The host's side of the bridge: the virtio-gpu device of one machine"
    start_host screen

    step "The guest's side, which runs the application: $*"
    start guest "$guest" --socket applications --vhost-user "$work/gpu" -- "$@"
    guest_pid=$started

    step "Waiting for the window"
    until_true $SECONDS_TO_SHOW window_drawn
    if ! runs "$guest_pid"; then
        wait "$guest_pid" || status=$?
        tail -n 5 "$work/guest.log" >&2
        die "the application ended with status $status, before its picture was taken"
    fi
    ((area >= WINDOW_PIXELS)) ||
        die "no window after $SECONDS_TO_SHOW s: the screen differs from the empty one in $area pixels"
    print_counters || die "wayferry does not print its counters"
    (($(counter frames guest) > 0)) || die "there is a window, but no frame went through wayferry-guest"
    (($(counter 'messages from guests' host) > 0)) || die "there is a window, but it did not go through wayferry-host"
    mv "$work/window.png" "$output" || die "cannot write $output"
    say "    $area pixels of the screen are the window's"
    say "    wayferry-guest: $(counter frames guest) frames, $(counter copied_bytes guest) bytes copied"
    say "    wayferry-host: $(counter 'messages from guests' host) messages to the compositor, $(counter \
        'shadowed bytes' host) bytes copied"
    step "The picture"
    realpath "$output"
}

show_on_session() {
    local status=0
    step "The host's side of the bridge: the virtio-gpu device of one machine"
    start_host "$WAYLAND_DISPLAY"
    step "The guest's side, which runs the application until it ends: $*"
    say "    $guest --socket $work/applications --vhost-user $work/gpu -- $*"
    setsid "$guest" --socket "$work/applications" --vhost-user "$work/gpu" -- "$@" </dev/null &
    pids+=($!)
    wait $! || status=$?
    say "    the application ended with status $status"
    exit $status
}

# ---- start

output=wayferry-demo.png
session=no
install=yes
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h) usage; exit 0 ;;
    --session) session=yes ;;
    --no-install) install=no ;;
    --output) [ $# -gt 1 ] || misuse "--output needs the name of a file"; output=$2; shift ;;
    --output=*) output=${1#*=} ;;
    --) shift; break ;;
    -*) misuse "unknown option $1" ;;
    *) misuse "unknown argument $1 (a command comes after --)" ;;
    esac
    shift
done
packages="build demo"
[ $# -gt 0 ] || set -- gtk4-widget-factory
if [ $session = yes ]; then
    packages=build
    [ "$1" != gtk4-widget-factory ] || packages="build application"
    [ -n "${XDG_RUNTIME_DIR:-}" ] || die "--session: there is no session (\$XDG_RUNTIME_DIR is not set)"
    export WAYLAND_DISPLAY=${WAYLAND_DISPLAY:-wayland-0}
    case $WAYLAND_DISPLAY in /*) socket=$WAYLAND_DISPLAY ;; *) socket=$XDG_RUNTIME_DIR/$WAYLAND_DISPLAY ;; esac
    [ -S "$socket" ] || die "--session: no Wayland compositor listens on $socket"
else
    [ -w "$(dirname "$output")/" ] || die "cannot write $output"
fi

work=$(mktemp -d /tmp/wayferry-demo.XXXXXX) || exit 1
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# What would change wayferry's options; and toolkits shall draw by themselves, on Wayland: the
# bridge carries memory, not the GPU's buffers.
unset "${!WAYFERRY_HOST_@}" "${!WAYFERRY_GUEST_@}" DISPLAY WAYLAND_SOCKET
export GDK_BACKEND=wayland GSK_RENDERER=cairo QT_QPA_PLATFORM=wayland SDL_VIDEODRIVER=wayland MOZ_ENABLE_WAYLAND=1

step "Packages"
# shellcheck disable=SC2086
install_missing $packages
step "Building"
build
if [ $session = yes ]; then
    show_on_session "$@"
else
    show_on_weston "$@"
fi
