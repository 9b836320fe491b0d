#!/bin/sh
# The first process of a User-Mode Linux guest, in the tree of the machine that it runs in: runs the client at wayferry-guest.
# The kernel's command line says where what it hears goes.
PATH=/usr/sbin:/usr/bin
export PATH HOME=/tmp XDG_RUNTIME_DIR=/run/user
mount -t proc proc /proc
# shellcheck disable=SC2013     # words are what is wanted
for word in $(cat /proc/cmdline); do
    case $word in
    lab.out=*) out=${word#*=} ;;
    esac
done
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=700 tmpfs /run && mkdir -m 700 /run/user
mount -t tmpfs tmpfs /tmp
mount -t hostfs -o "hostfs=$out" out /mnt
programs=${0%/*}
"$programs/wayferry-guest" -- "$programs/feedback-client" >/mnt/bridged 2>/mnt/stderr
echo $? >/mnt/status
exec sleep infinity
