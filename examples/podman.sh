#!/bin/bash
# An application in a container of podman's, whose windows come by wayferry: podman.sh SOCKET ROOT [COMMAND [ARGUMENT...]]
#
# ROOT is an image, or the directory of a tree (which is not written to) that has COMMAND, foot unless given, and the
# libraries of wayferry-guest (libwayland-server0, libpixman-1-0). Of the session the container has the vhost-user socket
# of a wayferry-host alone (wayferry-host --socket SOCKET --vm NAME).
# WAYFERRY_GUEST: wayferry-guest, where it is not in $PATH. PODMAN_OPTIONS: more of podman run's options.
set -eu
[ $# -gt 1 ] || { sed -n '2,7s/^# \?//p' "$0" >&2; exit 2; }
socket=$1 root=$2
shift 2
[ $# -gt 0 ] || set -- foot
guest=${WAYFERRY_GUEST:-$(command -v wayferry-guest)} || { echo "there is no wayferry-guest in \$PATH" >&2; exit 1; }
image=("$root")
[ ! -d "$root" ] || image=(--rootfs "$root:O")

# The label of SELinux would keep the socket from the container.
# shellcheck disable=SC2086
exec podman run --rm --network none --security-opt label=disable --tmpfs /run:mode=0700 --env XDG_RUNTIME_DIR=/run --env HOME=/tmp \
    --volume "$socket:/tmp/gpu" --volume "$guest:/usr/local/bin/wayferry-guest:ro" ${PODMAN_OPTIONS:-} \
    "${image[@]}" /usr/local/bin/wayferry-guest --vhost-user /tmp/gpu -- "$@"
