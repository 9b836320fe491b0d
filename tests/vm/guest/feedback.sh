#!/bin/bash
# Runs in a machine with a screen, as root (tests/vm/feedback.sh). Of each compositor in /mnt/compositors: /mnt/NAME.direct is what
# a client hears of its linux-dmabuf, and /mnt/NAME.bridged what one in a guest hears. Logs are beside them.
set -u
programs=/usr/lib/wayferry-tests
base=/run/feedback

say() {
    echo "$(cut -d ' ' -f 1 /proc/uptime): $*"
}

within() {      # SECONDS COMMAND...
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.5
    done
}

# session NAME COMMAND...: as a user at the first console, who logs in for it: what gets a compositor the screen.
session() {
    local name=$1
    shift
    systemd-run --quiet --collect --unit="$name" --uid=guest --property=PAMName=login --property=TTYPath=/dev/tty1 \
        --property=StandardInput=tty-force --property=TTYReset=yes --property=TTYVHangup=yes \
        --property=StandardOutput="append:/mnt/$name.log" --property=StandardError=inherit \
        --setenv=XDG_SESSION_TYPE=wayland --setenv=WLR_LIBINPUT_NO_DEVICES=1 --setenv=HOME=/home/guest -- "$@"
}

declare -A command=(
    [sway]="sway -d -c $base/sway.conf"
    [labwc]="labwc -V -C $base/labwc"
    [weston]="weston --backend=drm --renderer=gl --continue-without-input --idle-time=0 --socket=wayland-1"
    [kwin]="kwin_wayland --drm --no-lockscreen --socket wayland-1"
    [mutter]="mutter --wayland --no-x11 --wayland-display wayland-1"
)

listens() {
    local socket
    for socket in /run/user/1000/wayland-*; do
        [ -S "$socket" ] && display=$socket && return 0
    done
    return 1
}

# It has its screen.
shows() {
    local globals name
    listens && globals=$(WAYLAND_DISPLAY=$display timeout 60 wayland-info 2>&1) || return 1
    for name in wl_output xdg_wm_base zwp_linux_dmabuf_v1; do
        [[ $globals = *"'$name'"* ]] || return 1
    done
}

ended() {
    case $(systemctl is-active "$1") in
    inactive | failed) return 0 ;;
    esac
    return 1
}

shows_or_ended() {
    shows || ended "$1"
}

# started NAME: the compositor has its screen. On a slow machine it may be tired of waiting for its seat or its GPU, and is
# started again.
started() {
    local name=$1 attempt
    for attempt in 1 2 3 4 5; do
        say "$name starts"
        # shellcheck disable=SC2086
        session "$name" ${command[$name]}
        within 900 shows_or_ended "$name"
        shows && return
        say "$name shows nothing, in attempt $attempt: $(systemctl is-active "$name")"
        stopped "$name"
    done
    return 1
}

stopped() {
    systemctl stop "$1"
    rm -f /run/user/1000/wayland-*
}

# bridged NAME: a guest of User-Mode Linux at a wayferry-host, which runs the client and ends.
bridged() {
    local directory=$base/$1 host machine
    mkdir -p "$directory/out" "$directory/rt"
    XDG_RUNTIME_DIR=$directory/rt $programs/wayferry-host --socket "$directory/gpu" --wayland-display "$display" --stats \
        >"/mnt/$1-host.log" 2>&1 &
    host=$!
    within 60 test -S "$directory/gpu" || { say "wayferry-host does not listen"; return; }
    TMPDIR=/dev/shm $programs/linux seccomp=on mem=256M uml_dir="$directory/" umid=uml root=/dev/root rootfstype=hostfs rootflags=/ \
        ro con=null con0=null,fd:1 console=tty0 panic=-1 virtio_uml.device="$directory/gpu:16" lab.out="$directory/out" \
        init=$programs/feedback-machine.sh >"/mnt/$1-machine.log" 2>&1 </dev/null &
    machine=$!
    within 3600 test -s "$directory/out/status" || say "the guest of $1 is not done"
    kill -KILL "$machine"
    kill "$host"
    wait "$machine" "$host" 2>/dev/null
    cp "$directory/out/bridged" "/mnt/$1.bridged"
    cp "$directory/out/stderr" "/mnt/$1-guest.log"
}

try() {
    local name=$1
    if started "$name"; then
        say "$name shows something at $display"
        WAYLAND_DISPLAY=$display timeout 3600 $programs/feedback-client >"/mnt/$name.direct" 2>"/mnt/$name-direct.log"
        say "$name, direct: $?"
        bridged "$name"
    fi
    stopped "$name"
    say "$name has ended"
}

useradd --create-home --uid 1000 guest
mkdir -p $base/labwc
printf '%s\n' 'default_border none' 'output * bg #000000 solid_color' >$base/sway.conf
udevadm settle --timeout=3600
# The user's manager, which else comes and goes with each session: sessions wait for it, and not for long.
loginctl enable-linger guest
systemctl start user@1000.service
say "$(ls /dev/dri)"
loginctl seat-status seat0 2>&1 | head -n 8
while read -r name; do
    try "$name"
done </mnt/compositors
journalctl --no-pager -b >/mnt/journal.log
