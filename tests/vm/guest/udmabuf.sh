#!/bin/bash
# Runs in a guest, as root, and plays the host, whose kernel has udmabuf:
#
#   udmabuf.sh shm                  a client of wl_shm behind wayferry-guest --vhost-user, on weston with pixman
#   udmabuf.sh dmabuf weston        a guest whose frames come by linux-dmabuf, on weston with OpenGL
#
# Prints what the compositor has mapped and the counters; the screen is then in /mnt/udmabuf-*.png.
set -u
programs=/usr/lib/wayferry-tests
folder=$(mktemp -d)
export XDG_RUNTIME_DIR=$folder
trap 'kill $(jobs -p)' EXIT

until_true() {
    for _ in $(seq 400); do
        "$@" && return 0
        sleep 0.2
    done
    echo "never: $*"
    cat "$folder"/*.log
    exit 1
}

weston_start() {
    printf '[core]\nidle-time=0\n[shell]\npanel-position=none\nbackground-color=0xff336699\nlocking=false\nanimation=none\nstartup-animation=none\n' \
        >"$folder/weston.ini"
    LD_PRELOAD=$programs/libsteady.so weston --backend=headless --renderer="$1" --config="$folder/weston.ini" \
        --socket=host --width=1280 --height=720 --idle-time=0 --debug >"$folder/weston.log" 2>&1 &
    compositor=$!
    until_true test -S "$folder/host"
}

# screenshot NAME
screenshot() {
    (cd "$folder" && WAYLAND_DISPLAY=host XDG_PICTURES_DIR=$folder weston-screenshooter && mv ./*.png "/mnt/udmabuf-$1.png")
}

host_start() {
    wayferry-host --print-capabilities --wayland-display host | grep udmabuf
    wayferry-host --socket "$folder/gpu" --wayland-display host --stats 2>"$folder/host.log" &
    host=$!
    until_true test -S "$folder/gpu"
}

mapped() {
    echo "mapped: $(grep -c 'dmabuf' /proc/$compositor/maps) dma-bufs, $(grep -c 'memfd:wayferry' /proc/$compositor/maps) memfds"
}

# end PID: what is started in the background, in good order.
end() {
    kill "$1"
    wait "$1"
}

shm() {
    weston_start pixman
    host_start
    wayferry-guest --vhost-user "$folder/gpu" --stats -- $programs/shm-client --size 400x300 --solid --seed 0xc81e5a --hold \
        --frames 5 >"$folder/guest.log" 2>&1 &
    local guest=$!
    until_true grep -q '^5 frames' "$folder/guest.log"
    mapped
    screenshot shm
    end $guest
}

dmabuf() {
    local client
    "$1"_start gl
    cat $folder/weston.log
    WAYLAND_DISPLAY=host $programs/shm-client --size 402x300 --seed 7 --frames 1 --hold >"$folder/client.log" 2>&1 &
    client=$!
    until_true grep -q '^1 frames' "$folder/client.log"
    screenshot direct
    end $client
    host_start
    $programs/raw-window --size 402x300 --seed 7 --hold "$folder/gpu" >"$folder/guest.log" 2>&1 &
    client=$!
    until_true grep -q '^2 frames' "$folder/guest.log"
    mapped
    screenshot dmabuf
    end $client
}

"$@"
end $host
echo "wayferry-host ended with status $?"
cat "$folder/guest.log" "$folder/host.log"
