#!/bin/bash
# Guests of the lab, whatever machine they run on: boot them, run programs in them, stop them.
#
# Sourced by tests, after tests/e2e/lib.sh, whose spawn(), fail() and directories it uses:
#
#     guest_boot KIND NAME             a guest at the wayferry-host NAME-host; returns when it can be used
#                                      (guest_start KIND NAME, then guest_await NAME)
#     guest_run NAME [--root] COMMAND...
#     guest_spawn NAME JOB [--root] COMMAND...; guest_wait NAME JOB; guest_signal NAME JOB SIGNAL
#     guest_reboot NAME; guest_stop NAME; guest_unplug NAME
#     guest_replace_gpu NAME           where the monitor can do that
#
# KIND is uml, qemu-6.1, qemu-6.12 or qemu-newest (GUEST_KINDS). Commands run as the user "guest", in
# his session, with what its service manager has in its environment; with --root as root. A directory is
# shared: $(guest_share NAME) here is /mnt there. Executed, it is for people; see --help.
set -u

. "$(dirname "${BASH_SOURCE[0]}")/uml.sh"
[ ! -e "$LAB/qemu.sh" ] || . "$LAB/qemu.sh"
. "$LAB/host.sh"

GUEST_KINDS=(uml qemu-6.1 qemu-6.12 qemu-newest)
GUEST_TIMEOUT=${GUEST_TIMEOUT:-60}      # seconds that a command may take, unless told otherwise

declare -A GUEST_KIND=()                # name -> kind

# guest_prepare KIND: makes what is missing for this kind of guests. Slow the first time; needs root.
guest_prepare() {
    lab_build
    "${1%%-*}_prepare" "$1"
}

# Keeps the layer as it is for as long as this process runs, and what it becomes.
guest_keep_layer() {
    exec {LAYER_FD}>>"$LAB_LAYER.used"
    flock -s -n "$LAYER_FD" || lab_fail "the layer of this working copy is being made"
}

guest_share() {
    echo "$WORK/$1-share"
}

# guest_boot KIND NAME: GUEST_APPEND: more of the kernel's command line.
guest_boot() {
    guest_start "$@"
    guest_await "$2"
}

guest_start() {
    local kind=$1 name=$2 share
    share=$(guest_share "$name")
    declare -F "${kind%%-*}_exec" >/dev/null || fail "no such kind of guests: $kind"
    rm -rf "$share" "$BASE/$name.vm"
    mkdir -p "$share/jobs" "$share/asked" "$BASE/$name.vm"
    chmod 1777 "$share"
    GUEST_KIND[$name]=$kind
    spawn "$name-vm" "$LAB/guest.sh" exec "$kind" "$share" "$XDG_RUNTIME_DIR/$name.gpu" "$BASE/$name.vm"
}

# Waits for the agent. A whole system boots in the meantime; how long that took tells how slow this machine is.
guest_await() {
    local usual=25 up
    [ "${GUEST_KIND[$1]}" != uml ] || usual=5
    until_true $((10 * usual)) guest_is_up "$1" || fail "the guest does not come up (console: $LOGS/$1-vm.log)"
    up=$(cut -d . -f 1 "$(guest_share "$1")/ready")
    say "the guest has booted in $up s"
    ((up < usual * SLOWNESS)) || SLOWNESS=$((up / usual + 1))
}

guest_is_up() {
    alive "${PID[$1-vm]}" || fail "the guest ended (console: $LOGS/$1-vm.log)"
    [ -s "$(guest_share "$1")/ready" ]
}

# guest_spawn NAME JOB [--root] COMMAND...: starts it; its output is in guest_output NAME JOB. Jobs of a
# guest have different names, good for files' names.
guest_spawn() {
    local job asked
    job=$(guest_share "$1")/jobs/$2
    asked=$(guest_share "$1")/asked/$2.go
    shift 2
    mkdir "$job" || fail "there was a job ${job##*/} already"
    if [ "$1" = --root ]; then
        : >"$job/root"
        shift
    fi
    echo "exec $(printf '%q ' "$@")" >"$job/command"
    : >"$asked"
}

# The file with what a job has printed so far: guest_output NAME JOB [stderr]
guest_output() {
    echo "$(guest_share "$1")/jobs/$2/${3:-stdout}"
}

# guest_wait NAME JOB [SECONDS]: waits for its end. Return: its status.
guest_wait() {
    local status
    status=$(guest_share "$1")/jobs/$2/status
    until_true "${3:-$GUEST_TIMEOUT}" guest_job_ended "$1" "$status" || fail "job $2 of the guest does not end"
    return "$(cat "$status")"
}

guest_job_ended() {
    [ -s "$2" ] && return
    alive "${PID[$1-vm]}" || fail "the guest ended (console: $LOGS/$1-vm.log)"
    return 1
}

# guest_signal NAME JOB SIGNAL: to all processes of the job.
guest_signal() {
    local share
    share=$(guest_share "$1")
    echo "$3" >"$share/jobs/$2/signal"
    mv "$share/jobs/$2/signal" "$share/asked/$2.kill"
    until_true 60 not test -e "$share/asked/$2.kill" || fail "the guest's agent does not listen"
}

# guest_run NAME [--root] COMMAND...: runs it and waits. Its output is ours, and so is its status.
guest_run() {
    local name=$1 number job status
    shift
    number=$(find "$(guest_share "$name")/jobs" -maxdepth 1 -name 'run-*' | wc -l)
    job=run-$((number + 1))
    guest_spawn "$name" "$job" "$@"
    guest_wait "$name" "$job"
    status=$?
    cat "$(guest_output "$name" "$job" stderr)" >&2
    cat "$(guest_output "$name" "$job")"
    return $status
}

# guest_reboot NAME: from within; returns when it can be used again. Jobs are lost.
guest_reboot() {
    rm "$(guest_share "$1")/ready"
    guest_spawn "$1" "reboot-$(date +%s%N)" --root systemctl reboot
    guest_await "$1"
}

# guest_replace_gpu NAME: its device is taken away while it runs, and it gets one at the wayferry-host that runs now.
guest_replace_gpu() {
    "${GUEST_KIND[$1]%%-*}_replace_gpu" "$XDG_RUNTIME_DIR/$1.gpu" "$BASE/$1.vm"
}

# guest_stop NAME: switches it off, from within.
guest_stop() {
    guest_spawn "$1" "off-$(date +%s%N)" --root systemctl poweroff
    until_true 120 not alive "${PID[$1-vm]}" || fail "the guest does not switch itself off (console: $LOGS/$1-vm.log)"
    stop "$1-vm"
}

# guest_unplug NAME: as when a plug is pulled.
guest_unplug() {
    kill -KILL -- "-${PID[$1-vm]}"
    wait "${PID[$1-vm]}" 2>/dev/null
    unset "PID[$1-vm]"
}

# guest_direct COMMAND...: runs a program of the guests' tree here, directly on the display "host"; sets PID[direct].
guest_direct() {
    local socket
    socket=$(realpath "$XDG_RUNTIME_DIR/host")
    spawn direct "$LAB/guest.sh" direct "$socket" "$@"
}

# ---- as a program

guest_usage() {
    cat <<END
Usage: tests/vm/guest.sh prepare KIND...
       tests/vm/guest.sh run KIND SOCKET COMMAND [ARGUMENT...]
       tests/vm/guest.sh direct SOCKET COMMAND [ARGUMENT...]

Guests for tests: virtual machines with Debian 13 and this working copy's wayferry-guest, whose
virtio-gpu device is a wayferry-host. Kinds: ${GUEST_KINDS[*]}.

  prepare  makes what is missing in ${LAB_CACHE/#$HOME/\~}: kernels, trees; and compiles this working
           copy for the guests, of which none may run. Needs root.
  run      boots a guest at the wayferry-host behind SOCKET, runs COMMAND in the session of its user,
           prints its output, switches the guest off; COMMAND's exit status is ours (125: the guest
           did not get that far).
  direct   runs a program of the guest's tree here, on the compositor behind SOCKET.
END
}

# What the tests' library gives to tests.
guest_alone() {
    TEST_NAME=guest.sh
    BASE=$(mktemp -d /tmp/wf.XXXXXX)
    LOGS=$BASE WORK=$BASE XDG_RUNTIME_DIR=$BASE
    fail() {
        lab_fail "$*"
    }
    trap 'guest_unplug alone 2>/dev/null; rm -rf "$BASE"' EXIT
    trap 'exit 143' TERM INT HUP
}

guest_main() {
    local kind
    case ${1:-} in
    prepare)
        shift
        for kind in "${@:-uml}"; do
            guest_prepare "$kind"
        done
        ;;
    exec)
        guest_keep_layer
        "${2%%-*}_exec" "${@:2}"
        ;;
    run)
        (($# >= 4)) || { guest_usage >&2; exit 2; }
        guest_prepare "$2"
        guest_alone
        ln -s "$(realpath "$3")" "$BASE/alone.gpu"
        guest_boot "$2" alone
        guest_run alone "${@:4}"
        kind=$?
        guest_stop alone
        exit $kind
        ;;
    tree) lab_enter "$(guest_tree)" "${@:2}" ;;     # with LAB_BIND; for scripts
    host) host_exec "${@:2}" ;;
    direct)
        (($# >= 3)) || { guest_usage >&2; exit 2; }
        guest_keep_layer
        LAB_BIND=$(dirname "$2") lab_enter "$(guest_tree)" env XDG_RUNTIME_DIR=/mnt HOME=/nonexistent \
            WAYLAND_DISPLAY="$(basename "$2")" "${@:3}"
        ;;
    --help | -h) guest_usage ;;
    *) guest_usage >&2; exit 2 ;;
    esac
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    . "$LAB/../e2e/lib.sh"
    guest_main "$@"
fi
