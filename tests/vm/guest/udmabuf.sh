#!/bin/bash
# Runs in a guest, as root, and plays the host: its kernel has udmabuf, with which wayferry-host makes dma-bufs of
# a guest's memory. A case is a compositor, and a guest behind wayferry-host:
#
#   udmabuf.sh shm weston       a client of wayferry-guest --vhost-user; with pixman
#   udmabuf.sh dmabuf weston    a guest whose frames come by linux-dmabuf; with OpenGL
#   udmabuf.sh dmabuf mutter    the same
#   udmabuf.sh refused refusing a guest whose frames come by linux-dmabuf, with a compositor that imports none of them
#   udmabuf.sh gbm weston       a client of wayferry-guest --vhost-user, in buffers of a GPU: Mesa makes them of the
#                               memory of this machine's virtio-gpu device, which does not render; with OpenGL
#   udmabuf.sh memory weston    the same with pixman, which has no linux-dmabuf
#   udmabuf.sh gbm mutter       as with weston
#   udmabuf.sh gbm refusing     the same with a compositor that imports none of these buffers
#
# Prints what the compositor has mapped and the counters of both sides. Weston's screen is then in
# /mnt/udmabuf.png, and in /mnt/direct.png as it was when the picture came from a client of its own.
set -u
programs=/usr/lib/wayferry-tests
directory=$(mktemp -d)
export XDG_RUNTIME_DIR=$directory
trap 'kill $(jobs -p)' EXIT
for card in /dev/dri/card*; do
    [ ! -e "$card" ] || mv "$card" /dev/host-card
done
rm -rf /dev/dri     # this machine's GPU is none of the host's that is played

until_true() {
    local deadline=$((SECONDS + 600))
    while ((SECONDS < deadline)); do
        "$@" && return 0
        sleep 0.2
    done
    echo "never: $*"
    tail -n 20 "$directory"/*.log
    exit 1
}

# weston_start RENDERER: sets compositor to its process.
weston_start() {
    printf '[core]\nidle-time=0\n[shell]\npanel-position=none\nbackground-color=0xff336699\nlocking=false\nstartup-animation=none\n' \
        >"$directory/weston.ini"
    LD_PRELOAD=$programs/libsteady.so weston --backend=headless --renderer="$1" --config="$directory/weston.ini" \
        --socket=host --width=1280 --height=720 --idle-time=0 --debug >"$directory/weston.log" 2>&1 &
    compositor=$!
    until_true test -S "$directory/host"
    until_true desktop_drawn
}

# The desktop's background is a client's window: it comes some time after the compositor.
desktop_drawn() {
    screenshot "$directory/desktop" && $programs/has-colour.py "$directory/desktop" 336699
}

mutter_start() {
    dbus-run-session -- mutter --headless --wayland --no-x11 --wayland-display host --virtual-monitor 1280x720 \
        >"$directory/mutter.log" 2>&1 &
    until_true test -S "$directory/host"
    compositor=$(pgrep -x mutter)
}

# Lives until its input ends.
refusing_start() {
    mkfifo "$directory/input"
    exec 6<>"$directory/input"
    $programs/seat-compositor host 1 dmabuf-refused <&6 >"$directory/refusing.log" 2>&1 &
    compositor=$!
    until_true test -S "$directory/host"
}

screenshot() {
    (cd "$directory" && WAYLAND_DISPLAY=host XDG_PICTURES_DIR=$directory weston-screenshooter && mv ./*.png "$1")
}

# host_start [OPTION...]
host_start() {
    wayferry-host capabilities --wayland-display host | grep udmabuf
    wayferry-host --socket "$directory/gpu" --wayland-display host --stats "$@" 2>"$directory/host.log" &
    host=$!
    until_true test -S "$directory/gpu"
}

# draws TEXT PROGRAM ARGUMENT...: starts a client or guest, which then draws and says the text.
draws() {
    local text=$1
    shift
    "$@" >"$directory/client.log" 2>&1 &
    client=$!
    until_true grep -qs "^$text" "$directory/client.log"
}

end() {
    kill "$1"
    wait "$1"
}

# A pool that can be truncated: others the compositor would be given as they are.
shm_draws() {
    draws '5 frames' wayferry-guest --vhost-user "$directory/gpu" --stats -- $programs/shm-client --size 400x300 --solid \
        --seed 0xc81e5a --hold --frames 5 --unsealed
}

case_shm() {
    weston_start pixman
    host_start
    shm_draws
}

case_gbm() {
    "$1_start" gl
    host_start --render-node /dev/host-card --buffers gbm
    shm_draws
}

case_memory() {
    "$1_start" pixman
    host_start --render-node /dev/host-card --buffers gbm
    shm_draws
}

picture=(--size 402x300 --seed 7 --hold)

case_dmabuf() {
    "$1_start" gl
    if [ "$1" = weston ]; then
        draws '1 frames' env WAYLAND_DISPLAY=host $programs/shm-client "${picture[@]}" --frames 1
        screenshot /mnt/direct.png
        end "$client"
    fi
    host_start
    draws '2 frames' $programs/raw-window "${picture[@]}" "$directory/gpu"
}

case_refused() {
    "$1_start"
    host_start
    draws 'own-later: .*: failed, shown as wl_shm$' $programs/raw-layouts "$directory/gpu" own-later
}

"case_$1" "$2"
echo "mapped: $(grep -c 'dmabuf' "/proc/$compositor/maps") dma-bufs, $(grep -c 'memfd:wayferry' "/proc/$compositor/maps") memfds"
[ "$2" != weston ] || screenshot /mnt/udmabuf.png
end "$client"
end "$host"
echo "wayferry-host ended with status $?"
cat "$directory/client.log" "$directory/host.log"
[ "$2" != refusing ] || cat "$directory/refusing.log"
