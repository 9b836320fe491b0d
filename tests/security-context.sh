#!/bin/bash
# A compositor with security contexts (sway 1.10; run in a tree of Debian 13, see debian13.sh): what it keeps from
# sandboxed programs it keeps from wayferry-host.
# usage: security-context.sh BUILD_DIRECTORY
set -u
build=$1
slowness=${WAYFERRY_TEST_SLOWNESS:-2}
base=$(mktemp -d /tmp/wf.XXXXXX)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$base"' EXIT
mkdir -m 700 "$base/rt"
export XDG_RUNTIME_DIR=$base/rt
unset WAYLAND_DISPLAY DISPLAY

fail() {
    echo "FAILED: $*"
    tail -n 20 "$base"/*.log
    exit 1
}

within() {      # SECONDS COMMAND...
    local deadline=$((SECONDS + $1 * slowness))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# bridge MODE: a window by way of wayferry-host, whose log is $base/MODE.log, with all that the compositor says.
bridge() {
    "$build/host-bridge/wayferry-host" --socket "$base/$1.gpu" --vm work --security-context "$1" --trace host \
        >"$base/$1.log" 2>&1 &
    pids+=($!)
    local host=$!
    within 10 test -S "$base/$1.gpu" || fail "wayferry-host does not listen ($1)"
    timeout $((20 * slowness)) "$build/guest-proxy/wayferry-guest" --vhost-user "$base/$1.gpu" -- \
        "$build/tests/clients/shm-client" --frames 3 >"$base/$1-guest.log" 2>&1 || fail "no window ($1)"
    kill "$host"
    wait "$host" || fail "wayferry-host fails ($1)"
}

announced() {   # MODE INTERFACE
    grep -q "wl_registry@.*global(.*\"$2\"" "$base/$1.log"
}

echo "output HEADLESS-1 mode 640x480@60Hz" >"$base/sway.conf"
WLR_BACKENDS=headless WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1 sway -c "$base/sway.conf" >"$base/sway.log" 2>&1 &
pids+=($!)
within 15 test -S "$XDG_RUNTIME_DIR/wayland-1" || fail "sway does not start"

bridge off
bridge auto
bridge require
for interface in zwlr_screencopy_manager_v1 zwlr_layer_shell_v1 zwlr_data_control_manager_v1 zwp_virtual_keyboard_manager_v1 \
    wp_security_context_manager_v1; do
    announced off $interface || fail "$interface is not there without a security context either"
    announced auto $interface && fail "$interface is there in a security context"
    announced require $interface && fail "$interface is there where a security context is required"
done
announced auto wl_compositor || fail "nothing is announced at all"
grep -q 'connections are made in a security context' "$base/auto.log" || fail "it is not told"
grep -q 'connections are made in a security context' "$base/off.log" && fail "a context that was not wanted"
[ -z "$(ls "$XDG_RUNTIME_DIR/wayferry")" ] || fail "a socket is left: $(ls "$XDG_RUNTIME_DIR/wayferry")"
echo passed
