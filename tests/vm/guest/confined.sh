#!/bin/bash
# The first process of a guest that plays a host whose AppArmor confines libvirt's machines: starts libvirtd with libvirt's own
# profiles, and machines by both ways, at first without rules for wayferry. /mnt has the machines' elements, work.xml and
# helped.xml; of each step there is then what was said, /mnt/STEP, and how it ended, /mnt/STEP.status.
PATH=/usr/sbin:/usr/bin
export PATH
programs=/usr/lib/wayferry-tests
runtime=/run/user/1000

step() {        # NAME COMMAND...
    "${@:2}" >"/mnt/$1" 2>&1
    echo $? >"/mnt/$1.status"
}

as_user() {
    setpriv --reuid=1000 --regid=1000 --clear-groups env -i PATH=$PATH HOME=/home/user XDG_RUNTIME_DIR=$runtime "$@"
}

wait_for() {    # COMMAND...
    until "$@"; do
        sleep 0.1
    done
}

# start NAME STEP: starts a machine.
start() {
    step "$2" virsh -q -c qemu:///system start "$1"
}

# label STEP FILE: what confines the process whose id libvirt's file has.
label() {
    # shellcheck disable=SC2016
    step "$1" sh -euc 'cat "/proc/$(cat /run/libvirt/qemu/$1)/attr/current"' sh "$2"
}

# rules NUMBER: the first of those that wayferry-host prints, in the file that it names.
rules() {
    wayferry-host libvirt-xml work --system user | sed -n '\|^# .* in /etc/apparmor.d/.*:$|,$p' >/tmp/rules
    file=$(sed -n '1s/.* in \(.*\):/\1/p' /tmp/rules)
    mkdir -p "${file%/*}"
    grep -v '^#' /tmp/rules | head -n "$1" >"$file"
}

system() {
    mount -t proc proc /proc
    mount -t sysfs sysfs /sys
    mount -t securityfs securityfs /sys/kernel/security
    mount -t tmpfs -o mode=755 tmpfs /run
    mount -t tmpfs -o mode=1777 tmpfs /tmp
    echo user:x:1000:1000::/home/user:/bin/sh >>/etc/passwd
    echo user:x:1000: >>/etc/group
    mkdir -p $runtime/wayferry /home/user/.config/wayferry
    echo "stats = yes" >/home/user/.config/wayferry/helped.conf
    chown -R 1000:1000 $runtime /home/user
    chmod 700 $runtime $runtime/wayferry
    sleep 1000000 | as_user $programs/seat-compositor wayland-0 >/mnt/compositor 2>&1 &
    as_user wayferry-host --socket $runtime/wayferry/work.gpu --vm work >/mnt/host 2>&1 &
    wait_for test -S $runtime/wayferry/work.gpu
}

libvirt() {
    step profiles apparmor_parser -r /etc/apparmor.d/usr.lib.libvirt.virt-aa-helper /etc/apparmor.d/usr.sbin.libvirtd
    printf '%s\n' 'stdio_handler = "file"' 'cgroup_controllers = []' 'namespaces = []' >/etc/libvirt/qemu.conf
    libvirtd >/mnt/libvirtd 2>&1 &
    wait_for test -S /run/libvirt/libvirt-sock
    step capabilities virsh -c qemu:///system capabilities
    step define-work virsh -q -c qemu:///system define --validate /mnt/work.xml
    step define-helped virsh -q -c qemu:///system define --validate /mnt/helped.xml
}

# A wayferry-host as libvirt starts it (tests/e2e/helper.py), confined by the profile of the machine that runs, shows a window of
# a wayferry-guest's.
window() {
    local helper gpu=$runtime/by-hand.gpu
    install -d -o 1000 -g 1000 /run/systemd
    as_user $programs/helper.py $gpu $runtime/3-helped-ua-wayferry-vhost-user-gpu.pid $runtime/journal.log \
        aa-exec -p "$(cut -d " " -f 1 /mnt/helped-label)" -- wayferry-host >/mnt/helper 2>&1 &
    helper=$!
    wait_for test -S $gpu
    step window as_user wayferry-guest --vhost-user $gpu -- $programs/shm-client --size 64x64 --frames 3
    wait $helper
    cp $runtime/journal.log /mnt/journal
}

system
libvirt
step doctor-without as_user wayferry-host doctor
step af-unix sh -c 'ls -d /sys/kernel/security/apparmor/features/network*/af_unix'
start work work-without
step work-ends virsh -q -c qemu:///system destroy work
start helped helped-without
rules 1
step doctor-with as_user wayferry-host doctor
start helped helped-with-one
start work work-with-one
label work-label work.pid
step work-end virsh -q -c qemu:///system destroy work
rules 7
start helped helped-with-all
label helped-label '*-helped-*.pid'
window
step helped-end virsh -q -c qemu:///system destroy helped
: >/mnt/whole
sync
echo o >/proc/sysrq-trigger
sleep 1000
