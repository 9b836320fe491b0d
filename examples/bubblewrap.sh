#!/bin/bash
# An application in a container of bubblewrap's, whose windows come by wayferry: bubblewrap.sh SOCKET [COMMAND [ARGUMENT...]]
#
# The container sees the system's programs, and of the session nothing but the vhost-user socket of a wayferry-host
# (wayferry-host --socket SOCKET --vm NAME). COMMAND is foot unless given.
# WAYFERRY_GUEST: wayferry-guest, where it is not in $PATH.
set -eu
[ $# -gt 0 ] || { sed -n '2,6s/^# \?//p' "$0" >&2; exit 2; }
socket=$1
shift
[ $# -gt 0 ] || set -- foot
guest=${WAYFERRY_GUEST:-$(command -v wayferry-guest)} || { echo "there is no wayferry-guest in \$PATH" >&2; exit 1; }

exec bwrap --unshare-all --die-with-parent --new-session --clearenv --setenv PATH /usr/bin --setenv LANG C.UTF-8 \
    --ro-bind /usr /usr --ro-bind /etc /etc --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
    --proc /proc --dev /dev --tmpfs /tmp --setenv XDG_RUNTIME_DIR /tmp --setenv HOME /tmp \
    --bind "$socket" /tmp/gpu --ro-bind "$guest" /tmp/wayferry-guest \
    /tmp/wayferry-guest --vhost-user /tmp/gpu -- "$@"
