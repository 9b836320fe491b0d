#!/bin/bash
# What scripts that run in a tree, without the rest of tests/, share (icon.sh, security-context.sh): $base, a directory with
# a runtime directory, and $pids, all of whose processes end with the script.
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
