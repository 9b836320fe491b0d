#!/bin/bash
# A machine of libvirt's whose windows come by wayferry: libvirt.sh session|system NAME
#
# NAME is a machine of qemu:///session or of qemu:///system whose emulator is QEMU 11 or later; docs/virtual-machines.md
# says where that is. It gets the device (wayferry-host libvirt-xml --apply), unless it has it, wayferry-host listens for
# it, and it starts. In the system it runs as you then, who has to be allowed to use qemu:///system.
# WAYFERRY_HOST: wayferry-host, where it is not in $PATH.
set -eu
case $# in
2) connection=$1 name=$2 ;;
*) connection='' name='' ;;
esac
case $connection in
session) options=() ;;
system) options=(--system "$(id -un)") ;;
*) sed -n '2,7s/^# \?//p' "$0" >&2; exit 2 ;;
esac
host=${WAYFERRY_HOST:-wayferry-host}

said=$("$host" libvirt-xml "$name" "${options[@]}")
socket=$(sed -n 's/.*socket,id=wayferry,path=\([^ ]*\) .*/\1/p' <<<"$said")
unit=$(sed -n 's/^systemctl --user enable --now \([^ ]*\).*/\1/p' <<<"$said")

"$host" libvirt-xml "$name" "${options[@]}" --apply
[ -S "$socket" ] || systemctl --user enable --now "$unit"
exec virsh -c "qemu:///$connection" start "$name"
