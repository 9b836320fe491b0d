#!/bin/busybox sh
# shellcheck shell=dash
# The first process of a QEMU guest, in its initrd: loads the drivers, puts the layers together, with
# memory on top, and hands over to systemd. /modules names the drivers, in order.
/bin/busybox mkdir -p /proc /dev /tree /layer /memory /sysroot
/bin/busybox --install -s /bin
PATH=/bin
export PATH
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
while read -r module; do
    insmod "/lib/$module" || echo "initrd: $module cannot be loaded"
done </modules

# A disk and the shared directories appear a moment after their drivers.
tries=0
until mount -t squashfs -o ro /dev/vda /tree 2>/dev/null &&
    mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=262144 layer /layer; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { echo "initrd: no root file system"; poweroff -f; }
    sleep 0.1
done
mount -t tmpfs tmpfs /memory
mkdir /memory/upper /memory/work
mount -t overlay -o lowerdir=/layer:/tree,upperdir=/memory/upper,workdir=/memory/work overlay /sysroot
mount -t 9p -o trans=virtio,version=9p2000.L,cache=none,msize=262144 share /sysroot/mnt
umount /proc
mount --move /dev /sysroot/dev
exec switch_root /sysroot /sbin/init
