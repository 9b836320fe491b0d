#!/bin/bash
# systemd's own opinion of our units, with the programs of this build in them: it must have none.
# usage: units.sh SOURCE_DIRECTORY BUILD_DIRECTORY
set -u
work=$(mktemp -d /tmp/wayferry-units.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir -m 700 "$work/run" "$work/units"

cp "$1"/units/*.socket "$work/units/"
for unit in "$2"/units/*.service; do
    sed -e "s#^ExecStart=[^ ]*/wayferry-guest#ExecStart=$2/guest-proxy/wayferry-guest#" \
        -e "s#^ExecStart=[^ ]*/wayferry-host#ExecStart=$2/host-bridge/wayferry-host#" \
        -e "s#^ExecStart=[^ ]*/wayferry-x11#ExecStart=$2/guest-proxy/x11/wayferry-x11#" \
        "$unit" >"$work/units/${unit##*/}"
done
said=$(XDG_RUNTIME_DIR=$work/run SYSTEMD_UNIT_PATH=$work/units: systemd-analyze verify --user --man=no \
    "$work/units/wayferry-guest.socket" "$work/units/wayferry-guest.service" \
    "$work/units/wayferry-host@work-1.socket" "$work/units/wayferry-host@work-1.service" \
    "$work"/units/wayferry-x11.servic[e] 2>&1)
status=$?
printf '%s\n' "$said"
[ "$status" = 0 ] && [ -z "$said" ] || exit 1

# A slow start is waited out: no limit, or one that wayferry-host extends.
for unit in "$work"/units/*.service; do
    case ${unit##*/} in
    wayferry-host@*) ;;
    *) grep -qx 'TimeoutStartSec=infinity' "$unit" || { echo "${unit##*/} ends a slow start"; exit 1; } ;;
    esac
done

# What bounds them, and how exposed systemd thinks that they are, of 100: 96 is a unit that says nothing, and these have
# 59 and 69 with Debian 12 (others count a little differently). (What would make
# them less needs mount namespaces of a user manager's.)
bounded() {
    local name=$1 threshold=$2 directive
    shift 2
    for directive in MemoryMax NoNewPrivileges KeyringMode SystemCallFilter RestrictAddressFamilies "$@"; do
        grep -q "^$directive=" "$work/units/$name.service" || { echo "$name has no $directive="; exit 1; }
    done
    XDG_RUNTIME_DIR=$work/run systemd-analyze security --user --offline=yes --threshold="$threshold" --no-pager \
        "$work/units/$name.service" >"$work/exposure" || { tail -n 1 "$work/exposure"; exit 1; }
}
bounded wayferry-guest 65
cp "$work/units/wayferry-host@.service" "$work/units/wayferry-host@work-1.service"
bounded wayferry-host@work-1 75 TasksMax WatchdogSec RestrictNamespaces OOMPolicy

# The login shell's snippet: only where the socket is, and never over a display that is there.
display() {
    env -u WAYLAND_DISPLAY "${@:2}" sh -euc '. "$0"; echo "${WAYLAND_DISPLAY:-none}"' \
        "$1/units/wayferry.sh"
}
expect() {
    [ "$1" = "$2" ] || { echo "expected $2, got $1"; exit 1; }
}
export XDG_RUNTIME_DIR=$work/run
expect "$(display "$1")" none
expect "$(display "$1" XDG_RUNTIME_DIR=)" none
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$work/run/wayferry-0"
expect "$(display "$1")" wayferry-0
expect "$(display "$1" WAYLAND_DISPLAY=wayland-1)" wayland-1

# The same variables in a login shell as in what the user manager starts; what is set already stays. (DISPLAY is there
# where this machine has an X server.)
hints=$(sed -n '/^ExecStartPost=/,/[^\\]$/p' "$1/units/wayferry-guest.socket" | grep -oE '\<[A-Z_0-9]+=[^- ][^ ]*' | sort)
shell=$(env -i PATH="$PATH" XDG_RUNTIME_DIR="$work/run" sh -euc '. "$0"; env' "$1/units/wayferry.sh" |
    grep -vE '^(PATH|PWD|XDG_RUNTIME_DIR|_|SHLVL|OLDPWD|DISPLAY)=' | sort)
expect "$shell" "$hints"
[ "$(grep -c . <<<"$hints")" = 6 ] || { echo "not six variables: $hints"; exit 1; }
expect "$(env QT_QPA_PLATFORM=offscreen sh -euc '. "$0"; echo "$QT_QPA_PLATFORM"' "$1/units/wayferry.sh")" offscreen
while IFS='=' read -r name _; do
    grep -A1 '^ExecStopPost=' "$1/units/wayferry-guest.socket" | grep -qw "$name" || { echo "$name is not unset"; exit 1; }
done <<<"$hints"
