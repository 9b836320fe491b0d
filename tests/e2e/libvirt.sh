#!/bin/bash
# wayferry-host as libvirt starts it: one connection, no environment, and a machine whose name stands in a file's name.
. "$(dirname "$0")/lib.sh"

tests=(helper:4)

HOST=$WAYFERRY_BUILD/host-bridge/wayferry-host

# The namespace's /run has the user's runtime directory and the journal, as a machine with systemd has them.
helper_start() {
    # shellcheck disable=SC2016
    spawn bridge-host unshare --mount --propagation private sh -euc '
        mount -t tmpfs tmpfs /run
        mkdir -p "/run/user/$(id -u)"
        ln -s "$1" "/run/user/$(id -u)/wayland-0"
        shift
        exec "$@"' sh "$XDG_RUNTIME_DIR/compositor" "$E2E_DIRECTORY/helper.py" "$XDG_RUNTIME_DIR/bridge.gpu" \
        "$WORK/3-debian.12-ua-wayferry-vhost-user-gpu.pid" "$LOGS/journal.log" "$HOST"
    until_true 10 test -S "$XDG_RUNTIME_DIR/bridge.gpu" || fail "nothing listens (log: $LOGS/bridge-host.log)"
}

has_title() {
    sway_message compositor -t get_tree | grep -qF "\"name\": \"$1\""
}

test_helper() {
    need foot unshare
    [ "$(id -u)" = 0 ] || fail "a /run of its own needs root"
    sway_start compositor
    mkdir -p "$HOME/.config/wayferry"
    echo "stats = yes" >"$HOME/.config/wayferry/debian-12.conf"
    helper_start
    bridge_start_guest bridge
    spawn foot env WAYLAND_DISPLAY=bridge foot --title=hello sleep 600
    until_true 20 has_title "[debian-12] hello" || fail "no window with the machine's name (logs: $LOGS)"
    grep -qE '^wayferry-host$' "$LOGS/journal.log" || fail "the journal does not know who writes (log: $LOGS/journal.log)"
    stop bridge-guest
    # The connection was the only one.
    until_true 10 not alive "${PID[bridge-host]}" || fail "wayferry-host stays when its frontend has left"
    stop bridge-host
    [ "$STOP_STATUS" = 0 ] || fail "wayferry-host ended with status $STOP_STATUS (log: $LOGS/journal.log)"
    grep -q '^commands [1-9]' "$LOGS/journal.log" || fail "the machine's file was not read (log: $LOGS/journal.log)"
    # What libvirt reads to find it, and what it asks then.
    python3 -c 'import json, sys; file = json.load(sys.stdin)
sys.exit(file["type"] != "gpu" or not file["binary"].endswith("/wayferry-host"))' \
        <"$WAYFERRY_BUILD/host-bridge/90-wayferry.json" || fail "the description is not what libvirt reads"
    [ "$("$HOST" --print-capabilities | python3 -c 'import json, sys; print(json.load(sys.stdin)["type"])')" = gpu ] ||
        fail "the capabilities are not what libvirt reads"
    sanitizers_silent
}

e2e_main "$@"
