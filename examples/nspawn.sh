#!/bin/bash
# An application in a container of systemd-nspawn's, whose windows come by wayferry: nspawn.sh SOCKET TREE [COMMAND [ARGUMENT...]]
#
# TREE is a directory with a system, which is not written to, that has COMMAND, foot unless given, and the libraries of
# wayferry-guest (libwayland-server0, libpixman-1-0). Of the session the container has the vhost-user socket of a
# wayferry-host alone (wayferry-host --socket SOCKET --vm NAME). Needs root.
# WAYFERRY_GUEST: wayferry-guest, where it is not in $PATH. NSPAWN_OPTIONS: more of systemd-nspawn's options.
set -eu
[ $# -gt 1 ] || { sed -n '2,7s/^# \?//p' "$0" >&2; exit 2; }
socket=$1 tree=$2
shift 2
[ $# -gt 0 ] || set -- foot
guest=${WAYFERRY_GUEST:-$(command -v wayferry-guest)} || { echo "there is no wayferry-guest in \$PATH" >&2; exit 1; }

# shellcheck disable=SC2086
exec systemd-nspawn --quiet --directory="$tree" --volatile=overlay --private-network --register=no \
    --tmpfs=/run/wayferry:mode=0700 --setenv=XDG_RUNTIME_DIR=/run/wayferry --setenv=HOME=/tmp \
    --bind="$socket:/mnt/gpu" --bind-ro="$guest:/mnt/wayferry-guest" ${NSPAWN_OPTIONS:-} \
    /mnt/wayferry-guest --vhost-user /mnt/gpu -- "$@"
