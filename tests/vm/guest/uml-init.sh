#!/bin/sh
# The first process of a User-Mode Linux guest, in its tree: puts the layers together, with memory on top,
# and hands over to systemd. The kernel's command line says where the host keeps things.
PATH=/usr/sbin:/usr/bin
export PATH
mount -t proc proc /proc
# shellcheck disable=SC2013     # words are what is wanted
for word in $(cat /proc/cmdline); do
    case $word in
    lab.layer=*) layer=${word#*=} ;;
    lab.share=*) share=${word#*=} ;;
    esac
done
mount -t tmpfs tmpfs /tmp
mkdir /tmp/layer /tmp/upper /tmp/work /tmp/sysroot
mount -t hostfs -o "hostfs=$layer" layer /tmp/layer
mount -t overlay -o lowerdir=/tmp/layer:/,upperdir=/tmp/upper,workdir=/tmp/work overlay /tmp/sysroot
mount -t hostfs -o "hostfs=$share" share /tmp/sysroot/mnt
umount /mnt /proc
exec switch_root /tmp/sysroot /sbin/init
