#!/bin/bash
# Runs in a guest, as root, and plays the host: a compositor, wayferry-host, a client behind wayferry-guest
# --vhost-user. Prints what the compositor has mapped and the counters of wayferry-host; the screen is then
# in /mnt/udmabuf.png.
set -u
programs=/usr/lib/wayferry-tests
folder=$(mktemp -d)
export XDG_RUNTIME_DIR=$folder
trap 'kill $(jobs -p)' EXIT

until_true() {
    for _ in $(seq 200); do
        "$@" && return 0
        sleep 0.2
    done
    echo "never: $*"
    exit 1
}

printf '[core]\nidle-time=0\n[shell]\npanel-position=none\nbackground-color=0xff336699\nlocking=false\n' >"$folder/weston.ini"
weston --backend=headless --renderer=pixman --config="$folder/weston.ini" --socket=host --width=1280 --height=720 \
    --idle-time=0 --debug >"$folder/weston.log" 2>&1 &
weston=$!
until_true test -S "$folder/host"
wayferry-host --print-capabilities --wayland-display host | grep udmabuf
wayferry-host --socket "$folder/gpu" --wayland-display host --stats 2>"$folder/host.log" &
host=$!
until_true test -S "$folder/gpu"
wayferry-guest --vhost-user "$folder/gpu" --stats -- $programs/shm-client --size 400x300 --solid --seed 0xc81e5a --hold \
    --frames 5 >"$folder/guest.log" 2>&1 &
guest=$!
until_true grep -q '^5 frames' "$folder/guest.log"

echo "mapped: $(grep -c 'dmabuf' /proc/$weston/maps) dma-bufs, $(grep -c 'memfd:wayferry' /proc/$weston/maps) memfds"
cd "$folder" && WAYLAND_DISPLAY=host XDG_PICTURES_DIR=$folder weston-screenshooter && mv ./*.png /mnt/udmabuf.png
kill $guest
wait $guest
kill $host
wait $host
echo "wayferry-host ended with status $?"
cat "$folder/guest.log" "$folder/host.log"
