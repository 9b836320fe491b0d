#!/bin/bash
# A whole desktop as one window: nested-desktop.sh SOCKET [COMMAND [ARGUMENT...]]
#
# COMMAND is a compositor that can be a client of another, weston unless given, for which wayferry-guest is the desktop
# around it. In a virtual machine SOCKET is "-": there wayferry-guest has the machine's GPU device; elsewhere it is the
# vhost-user socket of a wayferry-host (wayferry-host --socket SOCKET --vm NAME).
# WAYFERRY_GUEST: wayferry-guest, where it is not in $PATH.
set -eu
[ $# -gt 0 ] || { sed -n '2,7s/^# \?//p' "$0" >&2; exit 2; }
socket=$1
shift
[ $# -gt 0 ] || set -- weston
guest=${WAYFERRY_GUEST:-$(command -v wayferry-guest)} || { echo "there is no wayferry-guest in \$PATH" >&2; exit 1; }
[ "$socket" != - ] || exec "$guest" -- "$@"
exec "$guest" --vhost-user "$socket" -- "$@"
