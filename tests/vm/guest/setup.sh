# shellcheck shell=sh
# Makes a Debian tree a guest of the lab: run in the fresh tree, as root. The trees are named after
# this file's contents, too.

echo guest >/etc/hostname
echo 127.0.0.1 localhost guest >/etc/hosts
echo 20260101000000000000000000000001 >/etc/machine-id      # an empty one means a first boot
: >/etc/fstab

# The user whose session the applications belong to. Lingering: its service manager, and so its
# sockets, are there from the start, as after a login.
useradd --create-home --shell /bin/bash --uid 1000 guest
usermod --append --groups render,video guest
mkdir -p /var/lib/systemd/linger
: >/var/lib/systemd/linger/guest

# What a boot can do without.
systemctl set-default multi-user.target
systemctl mask getty.target getty@tty1.service systemd-binfmt.service systemd-journal-flush.service \
    systemd-random-seed.service systemd-update-utmp.service systemd-update-utmp-runlevel.service \
    systemd-machine-id-commit.service systemd-firstboot.service systemd-hwdb-update.service ldconfig.service \
    systemd-modules-load.service systemd-remount-fs.service systemd-networkd.service systemd-networkd.socket \
    systemd-network-generator.service systemd-tmpfiles-clean.timer apt-daily.timer apt-daily-upgrade.timer \
    dpkg-db-backup.timer e2scrub_all.timer fstrim.timer e2scrub_reap.service man-db.timer \
    proc-sys-fs-binfmt_misc.automount dev-hugepages.mount dev-mqueue.mount sys-kernel-config.mount \
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount \
    modprobe@configfs.service modprobe@fuse.service modprobe@drm.service modprobe@efi_pstore.service \
    kmod-static-nodes.service tmp.mount console-getty.service container-getty@.service

mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\nStorage=volatile\nForwardToConsole=no\n' >/etc/systemd/journald.conf.d/lab.conf
