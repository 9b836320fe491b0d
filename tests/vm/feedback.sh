#!/bin/bash
# What real compositors' linux-dmabuf tells of a screen with a graphics card: as clients hear it directly, and in a guest.
#
#     tests/vm/feedback.sh prepare              makes what is missing
#     tests/vm/feedback.sh DIRECTORY [COMPOSITOR...]      results and logs are in DIRECTORY
#
# Without hardware it takes a machine in a machine: QEMU gives the outer one a screen (a virtio-gpu device that renders
# nothing) with the compositors of Debian's unstable release on it, drawing in software; guest/feedback.sh runs them there, and
# a machine of User-Mode Linux at a wayferry-host, one boot for each. Sourced by nobody; tests/newest.sh runs it.
set -u
. "$(dirname "$0")/qemu.sh"
. "$LAB/uml.sh"

LAB_RELEASE=sid
LAB_BUILD=$LAB_ROOT/build-tests/newest
QEMU_TREE=$(lab_tree_path "" newest)
QEMU_MEMORY=2G
LAB_LAYER=$LAB_BUILD/feedback
LAB_RELEASE=trixie      # of the monitor, and of the kernels

KIND=qemu-6.12          # which other guests have, too
COMPOSITORS=(labwc kwin sway mutter)       # and weston, when it is named

# What gives a session a screen: without it the cards have no seat. Of the version that the tree's systemd has.
udev() {
    echo "$LAB_CACHE/udev-$(sed -n '/^Package: systemd$/,/^$/s/^Version: //p' "$QEMU_TREE/var/lib/dpkg/status")"
}

udev_fetch() {
    local new=$LAB_CACHE/udev.new udev
    udev=$(udev)
    rm -rf "$new" && mkdir "$new" && cd "$new" || return 1
    lab_apt sid apt-get update -o Acquire::Check-Valid-Until=false && lab_apt sid apt-get download "udev=${udev##*/udev-}" || return 1
    dpkg-deb -x udev_*.deb . && rm udev_*.deb && mv "$new" "$udev"
}

make_missing() {
    [ -e "$(udev)" ] || (quietly udev udev_fetch) || return 1
    [ -x "$(uml_kernel)" ] || uml_kernel_build
    qemu_make $KIND
}

prepare() {
    [ -e "$(udev)" ] && [ -x "$(uml_kernel)" ] && [ -e "$(qemu_monitor)" ] && [ -e "$(qemu_kernel $KIND)" ] && [ -e "$(qemu_image)" ] ||
        lab_locked make_missing
    lab_used "$(udev)" "$(uml_kernel)" "$(qemu_monitor)" "$(qemu_kernel $KIND)" "$(qemu_image)"
}

# What this working copy adds to the tree.
layer_make() {
    local gcc=$LAB_BUILD/build/gcc programs=$LAB_LAYER$LAB_PROGRAMS units=$LAB_LAYER/etc/systemd/system unit
    rm -rf "$LAB_LAYER"
    mkdir -p "$programs" "$units"
    cp -a "$(udev)/." "$LAB_LAYER/"
    install -t "$programs" "$gcc/host-bridge/wayferry-host" "$gcc/guest-proxy/wayferry-guest" "$gcc/tests/clients/feedback-client" \
        "$LAB/guest/feedback.sh" "$LAB/guest/feedback-machine.sh" || return 1
    install "$(uml_kernel)" "$programs/linux"
    echo 20260101000000000000000000000002 >"$LAB_LAYER/etc/machine-id"
    install -m 644 "$LAB/guest/feedback.service" "$units/"
    for unit in systemd-hwdb-update ldconfig systemd-firstboot systemd-random-seed systemd-journal-flush systemd-update-utmp \
        systemd-machine-id-commit; do
        ln -s /dev/null "$units/$unit.service"
    done
    slow_make "$LAB_LAYER/etc"
}

# slow_make ETC: nothing in the machine takes slow for broken.
slow_make() {
    local manager=$1/systemd/system.conf.d service=$1/systemd/system/service.d
    mkdir -p "$manager" "$service" "$1/udev"
    printf '%s\n' '[Manager]' DefaultTimeoutStartSec=infinity DefaultTimeoutStopSec=10min DefaultDeviceTimeoutSec=infinity \
        {Manager,Default}Environment=SYSTEMD_BUS_TIMEOUT=1h >"$manager/slow.conf"
    printf '%s\n' '[Service]' WatchdogSec=0 TimeoutStartSec=infinity >"$service/slow.conf"
    echo event_timeout=3600 >"$1/udev/udev.conf"
}

# machine DIRECTORY COMPOSITOR...: boots it; it ends when the compositors were all tried.
machine() {
    local directory=$1
    shift
    printf '%s\n' "$@" >"$directory/compositors"
    (GUEST_APPEND="systemd.unit=feedback.service" qemu_machine $KIND "$directory" \
        -device virtio-vga,max_outputs=1,xres=640,yres=480) >"$directory/console.log" 2>&1
}

main() {
    local directory compositor failed=0
    directory=$(realpath "$1")
    shift
    (($#)) || set -- "${COMPOSITORS[@]}"
    mkdir -p "$directory"
    rm -f "$directory"/*.direct "$directory"/*.bridged "$directory"/feedback.log    # of an earlier run
    layer_make || lab_fail "the layer cannot be made: tests/newest.sh prepare"
    machine "$directory" "$@"
    for compositor; do
        "$LAB/feedback_seen.py" "$directory" "$compositor" || failed=1
    done
    exit $failed
}

if [ "$1" = prepare ]; then
    prepare
else
    main "$@"
fi
