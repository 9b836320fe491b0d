# shellcheck shell=sh
# Makes a Debian tree the disk of a machine that knows nothing of wayferry: run in the fresh tree, as root (packaged.sh). An
# ordinary system with an ordinary user, who can come in over the network with the key that is beside it, and use sudo.

echo machine >/etc/hostname
echo 127.0.0.1 localhost machine >/etc/hosts
echo /dev/vda / ext4 defaults 0 1 >/etc/fstab
# QEMU's network for users has these addresses. A manager of networks takes minutes where processors are emulated.
printf '%s\n' '[Service]' Type=oneshot \
    "ExecStart=/bin/sh -ec 'cd /sys/class/net; for i in e*; do ip link set \$\$i up; ip address add 10.0.2.15/24 dev \$\$i; done'" \
    '[Install]' WantedBy=multi-user.target >/etc/systemd/system/lan.service
systemctl enable lan.service ssh.service
systemctl disable systemd-networkd.service
systemctl mask apt-daily.timer apt-daily-upgrade.timer
# Nor is slow broken.
mkdir -p /etc/systemd/system.conf.d /etc/systemd/user.conf.d
printf '[Manager]\nDefaultTimeoutStartSec=infinity\nDefaultDeviceTimeoutSec=infinity\n' >/etc/systemd/system.conf.d/slow.conf
cp /etc/systemd/system.conf.d/slow.conf /etc/systemd/user.conf.d/
useradd --create-home --shell /bin/bash --uid 1000 user
echo 'user ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/user
install -d -m 700 -o user -g user /home/user/.ssh
ssh-keygen -q -t ed25519 -N '' -f /etc/machine-key
install -m 600 -o user -g user /etc/machine-key.pub /home/user/.ssh/authorized_keys
