#!/bin/bash
# The units of this build under a user manager of systemd's; runs in a mount namespace of its own (see doctor.sh).
# usage: service.sh BUILD_DIRECTORY LOG_DIRECTORY BASE_DIRECTORY, with a compositor at the display "compositor"
set -u
SLOWNESS=${WAYFERRY_TEST_SLOWNESS:-2}     # as in lib.sh
build=$1 logs=$2 base=$3
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
units=$base/units
gpu=$XDG_RUNTIME_DIR/wayferry/work-1.gpu

fail() {
    systemctl --user --no-pager status 'wayferry-*'
    echo "$*"
    exit 1
}

within() {      # SECONDS COMMAND...
    local deadline=$((SECONDS + $1 * SLOWNESS))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

group=/sys/fs/cgroup/wayferry-test.$$

manager_stop() {
    systemctl --user exit
    within 10 not_alive "$manager" || kill -KILL "$manager"
    echo $$ >/sys/fs/cgroup/cgroup.procs
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
}

# X displays are files in /tmp. What lies there of ours stays to be seen.
tmp_of_our_own() {
    local directory kept=/run/kept
    mkdir -p $kept && mount --rbind /tmp $kept && mount -t tmpfs -o mode=1777 tmpfs /tmp || fail "no /tmp of our own"
    # The outer ones first: one that is there by then is there with all that it has.
    for directory in "$root" "$build" "$logs" "$base"; do
        [[ $directory = /tmp/* ]] && [ ! -e "$directory" ] || continue
        mkdir -p "$directory" && mount --rbind "$kept/${directory#/tmp/}" "$directory" || fail "no $directory in /tmp"
    done
}

not_alive() {
    ! kill -0 "$1" 2>/dev/null
}

manager_start() {
    mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount -t tmpfs tmpfs /run || fail "no namespace to play in"
    mkdir -p /run/systemd/system "$group/init" && echo $$ >"$group/init/cgroup.procs" || fail "no cgroup"
    mkdir -p "$units" "$HOME/.config/wayferry"
    tmp_of_our_own
    cp "$root"/units/*.socket "$units/"
    local unit
    for unit in "$build"/units/*.{service,socket}; do
        sed -e "s#^\(ExecStart\|ExecStartPre\)=[^ ]*/wayferry-x11#\1=$build/guest-proxy/x11/wayferry-x11#" \
            -e "s#^ExecStart=[^ ]*/wayferry-guest#ExecStart=$build/guest-proxy/wayferry-guest#" \
            -e "s#^ExecStart=[^ ]*/wayferry-host#ExecStart=$build/host-bridge/wayferry-host#" "$unit" >"$units/${unit##*/}"
    done
    # No other units of this machine than systemd's own and the bus.
    mkdir "$units/base" && cp /usr/lib/systemd/user/{*.target,*.slice,systemd-exit.service,dbus.*} "$units/base/"
    unset DBUS_SESSION_BUS_ADDRESS
    env -u WAYLAND_DISPLAY SYSTEMD_UNIT_PATH="$units:$units/base" \
        /lib/systemd/systemd --user --log-target=console >"$logs/manager.log" 2>&1 &
    manager=$!
    trap manager_stop EXIT
    within 15 systemctl --user is-active --quiet basic.target || fail "no user manager"
    systemctl --user start dbus.socket || fail "no bus"
}

show() {        # UNIT PROPERTY
    systemctl --user show -P "$2" "$1"
}

pid_is_new() {
    local now
    now=$(show wayferry-guest.service MainPID)
    [ "$now" != 0 ] && [ "$now" != "$1" ] && [ "$(show wayferry-guest.service ActiveState)" = active ]
}

client() {      # a window for a second: 124 is timeout's word for "it still ran". Not weston-simple-shm, which sway ends, directly too: a
                # frame callback that comes before its buffer was released is an error there.
    WAYLAND_DISPLAY=wayferry-0 timeout "${1:-1}" "$WAYFERRY_CLIENTS/shm-client" --frames 1000000 >>"$logs/client.log" 2>&1
    local status=$?
    [ $status = 124 ]
}

test_environment() {
    systemctl --user start wayferry-guest.socket || fail "the socket does not start"
    [ "$(stat -c %a "$XDG_RUNTIME_DIR/wayferry-0")" = 600 ] || fail "the display's socket is open to others"
    # What desktop launchers and systemd-run start has the manager's environment.
    [ "$(systemd-run --user --wait --quiet --pipe printenv WAYLAND_DISPLAY)" = wayferry-0 ] ||
        fail "systemd-run --user has no WAYLAND_DISPLAY"
    [ "$(systemd-run --user --wait --quiet --pipe sh -c 'echo "$XDG_SESSION_TYPE $QT_QPA_PLATFORM $SDL_VIDEODRIVER"')" = \
        'wayland wayland;xcb wayland,x11' ] || fail "systemd-run --user has no hints for toolkits"
    [ "$(sh -c '. "$0"; echo "$WAYLAND_DISPLAY"' "$root/units/wayferry.sh")" = wayferry-0 ] ||
        fail "login shells have no WAYLAND_DISPLAY"
}

# Applications are told at once, one after another, and the socket outlives them all.
test_unreachable_host() {
    local i
    for i in {1..30}; do
        WAYLAND_DISPLAY=wayferry-0 timeout $((10 * SLOWNESS)) weston-simple-shm >"$logs/refused.log" 2>&1
        grep -q "wayferry-guest doctor" "$logs/refused.log" || fail "application $i is not told that there is no host"
    done
    [ "$(show wayferry-guest.socket ActiveState)" = active ] || fail "the socket gave up"
    [ "$(show wayferry-guest.service NRestarts)" = 0 ] || fail "the service is restarted without need"
    within 10 guest_has_ended || fail "the guest does not end"
}

guest_has_ended() {
    [[ $(show wayferry-guest.service ActiveState) = @(failed|inactive) ]]
}

test_host_unit() {
    # All of its steps: the unit leaves room for them.
    printf 'wayland-display = compositor\nsandbox = require\n' >"$HOME/.config/wayferry/work-1.conf"
    systemctl --user start wayferry-host@work-1.socket || fail "the host's socket does not start"
    [ "$(stat -c %a "$gpu")" = 600 ] && [ "$(stat -c %a "${gpu%/*}")" = 700 ] || fail "the host's socket is open to others"
    echo "WAYFERRY_GUEST_VHOST_USER=$gpu" >"$HOME/.config/wayferry/guest.env"
    client 3 || fail "no window by way of both services"
    [[ $(show wayferry-host@work-1.service StatusText) = *work-1* ]] || fail "the host does not tell its status"
    [[ $(show wayferry-guest.service StatusText) = *wayferry-0* ]] || fail "the guest does not tell its status"
    # systemd would end all of it otherwise.
    [ "$(show wayferry-host@work-1.service OOMPolicy)" = continue ] || fail "a renderer without memory takes the device along"
    printf 'wayland-display = compositor\nsandbox = require\n[clipboard]\nto-guest = deny\n' >"$HOME/.config/wayferry/work-1.conf"
    systemctl --user reload wayferry-host@work-1.service || fail "the host does not read its file again"
    within 10 is_reloaded || fail "what the file says now is not in effect"
    client 2 || fail "no window after a reload"
}

is_reloaded() {
    "$WAYFERRY_BUILD/host-bridge/wayferry-host" show work-1 | grep -q '^clipboard: to-guest deny'
}

# A start that takes longer than systemd gives others is waited out: here it is made to.
test_slow_start() {
    local unit
    systemctl --user stop wayferry-guest.service
    mkdir -p "$HOME/.config/systemd"
    printf '[Manager]\nDefaultTimeoutStartSec=1s\n' >"$HOME/.config/systemd/user.conf"
    for unit in guest x11; do
        mkdir -p "$units/wayferry-$unit.service.d"
        printf '[Service]\nExecStartPre=/bin/sh -c "until [ -e %s/may-start ]; do sleep 0.1; done"\n' "$base" \
            >"$units/wayferry-$unit.service.d/slow.conf"
    done
    systemctl --user daemon-reexec || fail "the manager does not read its file"
    systemctl --user start --no-block wayferry-guest.service wayferry-x11.service
    within 10 are activating || fail "the services do not start"
    sleep 4     # of which systemd would take the first second
    are activating || fail "a slow start is ended"
    touch "$base/may-start"
    within 30 are active || fail "the services do not start"
    [ "$(show wayferry-guest.service NRestarts)$(show wayferry-x11.service NRestarts)" = 00 ] || fail "a slow start is begun anew"
    systemctl --user stop wayferry-x11.service
    rm -r "$HOME/.config/systemd/user.conf" "$units"/wayferry-{guest,x11}.service.d
    systemctl --user daemon-reexec
}

are() {         # STATE: of both of the guest's services
    [ "$(show wayferry-guest.service ActiveState) $(show wayferry-x11.service ActiveState)" = "$1 $1" ]
}

test_restarts() {
    local i pid
    for i in {1..8}; do
        pid=$(show wayferry-guest.service MainPID)
        [ "$pid" -gt 1 ] || fail "no process to kill"
        kill -KILL "$pid"
        within 10 pid_is_new "$pid" || fail "the guest is not restarted the ${i}th time"
    done
    client 2 || fail "no window after restarts"
    [ "$(show wayferry-guest.socket ActiveState)" = active ] || fail "the socket did not survive a crash loop"
    # Killed on the host's side, the guest's next application starts both anew.
    pid=$(show wayferry-host@work-1.service MainPID)
    kill -KILL "$pid"
    within 10 client 1 || fail "no window after the host was killed"
}

# A host that hangs is ended and started anew; one that works is not.
test_watchdog() {
    local pid
    mkdir -p "$units/wayferry-host@.service.d"
    printf '[Service]\nWatchdogSec=2s\n' >"$units/wayferry-host@.service.d/watchdog.conf"
    systemctl --user daemon-reload
    systemctl --user restart wayferry-host@work-1.service || fail "the host does not start with a watchdog"
    pid=$(show wayferry-host@work-1.service MainPID)
    client 5 || fail "no window under a watchdog"
    [ "$(show wayferry-host@work-1.service MainPID)" = "$pid" ] || fail "the watchdog ended a host that works"
    kill -STOP "$pid"
    within 20 host_is_new "$pid" || fail "the watchdog does not end a host that hangs"
    within 10 client 1 || fail "no window after the watchdog"
}

host_is_new() {
    local now
    now=$(show wayferry-host@work-1.service MainPID)
    [ "$now" != 0 ] && [ "$now" != "$1" ]
}

display_of_services() {
    systemd-run --user --wait --quiet --pipe printenv DISPLAY
}

x11_answers() {     # DISPLAY
    DISPLAY=$1 timeout $((10 * SLOWNESS)) xwininfo -root >>"$logs/x11-client.log" 2>&1
}

# A client starts the service; one that the old X server lets in while it ends is lost with it.
x11_runs_anew() {   # PID
    local now
    x11_answers :0 || return 1
    now=$(show wayferry-x11.service MainPID)
    [ "$now" != 0 ] && [ "$now" != "$1" ]
}

# On demand, and the display stays when the service is killed.
test_x11_display() {
    local pid
    systemctl --user start wayferry-x11.socket || fail "the X display's socket does not start"
    [ "$(display_of_services)" = :0 ] || fail "systemd-run --user has DISPLAY $(display_of_services)"
    [ "$(PATH=$build/guest-proxy/x11:$PATH sh -c '. "$0"; echo "$DISPLAY"' "$root/units/wayferry.sh")" = :0 ] ||
        fail "login shells have no DISPLAY"
    [ "$(stat -c %a /tmp/.X11-unix/X0)" = 600 ] || fail "the X display's socket is open to others"
    [ "$(show wayferry-x11.service ActiveState)" = inactive ] || fail "wayferry-x11 runs without a client"
    x11_answers :0 || fail "no X server comes"
    pid=$(show wayferry-x11.service MainPID)
    kill -KILL "$pid"
    within 10 x11_runs_anew "$pid" || fail "no X server after wayferry-x11 was killed"
    x11_answers :0 || fail "no X server of the new wayferry-x11"
    systemctl --user stop wayferry-x11.{socket,service}
    [ "$(show wayferry-x11.service Result)" = success ] || fail "the stop of wayferry-x11 is a failure"
    [ ! -e /tmp/.X11-unix/X0 ] && [ ! -e /tmp/.X0-lock ] || fail "something is left of the X display"
    ! systemctl --user show-environment | grep -q DISPLAY=: || fail "DISPLAY is left in the environment"
}

# The display :0 is another X server's: it stays that, and ours is the next one.
test_x11_first_free_display() {
    WAYLAND_DISPLAY=wayferry-0 "$build/guest-proxy/x11/wayferry-x11" --display 0 >"$logs/x11-other.log" 2>&1 &
    local other=$!
    within 10 test -S /tmp/.X11-unix/X0 || fail "there is no other X server"
    systemctl --user start wayferry-x11.socket && fail "the socket takes another's display"
    within 10 x11_service_is_ready || fail "the service does not come by itself"
    [ "$(display_of_services)" = :1 ] || fail "services have DISPLAY $(display_of_services), not :1"
    x11_answers :1 || fail "no X server comes at :1"
    x11_answers :0 || fail "the other's display is not its own any more"
    systemctl --user stop wayferry-x11.service
    ! systemctl --user show-environment | grep -q DISPLAY=: || fail "DISPLAY is left in the environment"
    kill $other
    wait $other
    systemctl --user reset-failed wayferry-x11.socket
}

# Where the socket is not enabled, the service alone: its display is the one that its variables name.
test_x11_service_alone() {
    echo WAYFERRY_X11_DISPLAY=5 >"$HOME/.config/wayferry/x11.env"
    systemctl --user start wayferry-x11.service || fail "the service does not start alone"
    [ "$(show wayferry-x11.socket ActiveState)" = inactive ] || fail "the service has started the socket"
    [ "$(display_of_services)" = :5 ] || fail "services have DISPLAY $(display_of_services), not :5"
    systemctl --user stop wayferry-x11.service
    rm "$HOME/.config/wayferry/x11.env"
    ! systemctl --user show-environment | grep -q DISPLAY=: || fail "DISPLAY is left in the environment"
}

x11_service_is_ready() {
    [ "$(show wayferry-x11.service ActiveState)" = active ]
}

# The machine stops: the host's service stays for the next start. The service is stopped: so is its socket's directory.
test_stops() {
    systemctl --user stop wayferry-guest.service || fail "the guest does not stop"
    [ "$(show wayferry-guest.service Result)" = success ] || fail "the guest's stop is a failure"
    [ "$(show wayferry-host@work-1.service ActiveState)" = active ] || fail "the host left with its machine"
    client 2 || fail "the socket does not start the guest again"
    systemctl --user stop wayferry-guest.socket wayferry-guest.service wayferry-host@work-1.{socket,service}
    [ "$(show wayferry-host@work-1.service Result)" = success ] || fail "the host's stop is a failure"
    [ -e "$XDG_RUNTIME_DIR/wayferry-0" ] && fail "a socket is left"
    systemctl --user show-environment | grep -qE 'WAYLAND|wayland' && fail "variables are left in the environment"
    return 0
}

# Its unit and its file name no compositor: it takes the one of the user's session, as its manager knows it.
test_session_display() {
    printf 'sandbox = require\n' >"$HOME/.config/wayferry/work-1.conf"
    systemctl --user set-environment WAYLAND_DISPLAY=compositor
    systemctl --user start wayferry-host@work-1.socket || fail "the host's socket does not start"
    WAYLAND_DISPLAY=nowhere timeout $((20 * SLOWNESS)) "$build/guest-proxy/wayferry-guest" --socket session --vhost-user "$gpu" -- \
        "$WAYFERRY_CLIENTS/shm-client" --frames 3 >"$logs/session.log" 2>&1 || fail "no window on the session's compositor"
    "$build/host-bridge/wayferry-host" list | grep -q "^work-1 .*/compositor$" || fail "the host has another compositor"
    systemctl --user unset-environment WAYLAND_DISPLAY
    systemctl --user stop wayferry-host@work-1.{socket,service}
}

manager_start
for test in environment unreachable_host host_unit slow_start restarts watchdog x11_display x11_first_free_display x11_service_alone stops session_display; do
    echo "-- $test"
    "test_$test"
done
