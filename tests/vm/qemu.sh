# shellcheck shell=bash
# Guests on QEMU: the definitive ones. Sourced; see guest.sh.
#
# The monitor is QEMU of Debian 13's backports, from a tree of its own, started by that tree's loader:
# so it runs here, whatever this machine's release, without being installed and without rights. The
# guests' kernels are Debian's, as they are; an initrd of our own mounts the layers (lab.sh): the tree
# as a squashfs image, this working copy's layer and the shared directory over 9p. All of it is kept in
# $LAB_CACHE, named after what it was made from.

. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"

QEMU_MEMORY=1536M       # of a guest
QEMU_GPU='{"driver": "vhost-user-test-device-pci", "id": "gpu", "bus": "gpu-port", "chardev": "gpu", "virtio-id": 16,
    "num_vqs": 2, "vq_size": 1024, "config_size": 16}'

declare -A QEMU_SUITE=([qemu-6.1]=bookworm [qemu-6.12]=trixie [qemu-newest]=$LAB_RELEASE-backports)

# Drivers that are loaded, with what they need; those that a kernel has built in are left out.
QEMU_MODULES="virtio_pci virtio_blk 9p 9pnet_virtio squashfs overlay virtio_gpu crc32c_generic udmabuf"

# ---- the monitor

qemu_monitor() {
    echo "$LAB_CACHE/monitor-$(echo "$LAB_RELEASE-backports qemu-system-x86 busybox-static" | lab_hash)"
}

# Only unpacked: nothing of it is configured or run as root.
qemu_monitor_build() {
    local new=$LAB_CACHE/monitor.new mirror
    [ -e "$(qemu_monitor)" ] && return 0
    packages_need vm || lab_fail "packages are missing"
    lab_say "fetching QEMU (once; half a minute)"
    mirror=$(lab_mirror)
    rm -rf --one-file-system "$new"
    quietly monitor mmdebstrap --variant=extract --include=qemu-system-x86,busybox-static \
        --aptopt="APT::Default-Release \"$LAB_RELEASE-backports\"" "$LAB_RELEASE" "$new" \
        "deb $mirror $LAB_RELEASE main" "deb $mirror $LAB_RELEASE-backports main"
    mv "$new" "$(qemu_monitor)"
}

# ---- kernels: a directory with vmlinuz, initrd and version

# qemu_kernel KIND: where it is. Another init or list of modules is another initrd.
qemu_kernel() {
    echo "$LAB_CACHE/kernel-$1-$(cat - "$LAB/guest/qemu-init.sh" <<<"${QEMU_SUITE[$1]} $QEMU_MODULES" | lab_hash)"
}

# The packages of a kernel: linux-image-amd64 names the newest, which Linux 7 has in pieces.
qemu_kernel_download() {
    local suite=$1 version packages
    cd "$2" || return 1
    lab_apt "$suite" apt-get update || return 1
    version=$(lab_apt "$suite" apt-cache show --no-all-versions linux-image-amd64 |
        sed -n 's/^Depends:.*linux-image-\([0-9][^ ,]*\).*/\1/p')
    [ -n "$version" ] || return 1
    packages=$(lab_apt "$suite" apt-cache pkgnames linux- |
        grep -Fx -e "linux-image-$version" -e "linux-binary-$version" -e "linux-modules-$version")
    # shellcheck disable=SC2086
    lab_apt "$suite" apt-get download $packages && echo "$version" >version
}

# qemu_module_files DIRECTORY MODULE...: the files of the modules and of all they need, in order of loading.
qemu_module_files() {
    local directory=$1 module file needed
    shift
    for module; do
        file=$(find "$directory" -name "${module//_/[-_]}.ko*" | head -n 1)
        [ -n "$file" ] || continue      # built in, or not known to this kernel
        needed=$(modinfo -F depends "$file")
        # shellcheck disable=SC2086
        qemu_module_files "$directory" ${needed//,/ }
        echo "$file"
    done
}

qemu_initrd() {
    local directory=$1 root=$1/root file
    mkdir -p "$root/bin" "$root/lib" || return 1
    cp "$(qemu_monitor)/usr/bin/busybox" "$root/bin/" && install "$LAB/guest/qemu-init.sh" "$root/init" || return 1
    # shellcheck disable=SC2086
    qemu_module_files "$directory/unpacked" $QEMU_MODULES | awk '!seen[$0]++' | while read -r file; do
        cp "$file" "$root/lib/" || return 1
        [ "${file##*.}" != xz ] || xz -d "$root/lib/${file##*/}" || return 1
        file=${file##*/}
        echo "${file%.xz}" >>"$root/modules"
    done
    grep -q '^virtio-gpu' "$root/modules" || { echo "the kernel has no virtio_gpu module"; return 1; }
    (cd "$root" && find . | cpio -o -H newc --quiet) >"$directory/initrd"
}

qemu_kernel_unpack() {
    local directory=$1 package
    for package in "$directory"/*.deb; do
        dpkg-deb -x "$package" "$directory/unpacked" || return 1
        rm "$package"
    done
    mv "$(find "$directory/unpacked" -name 'vmlinuz*')" "$directory/vmlinuz" && qemu_initrd "$directory" && rm -r "$directory/unpacked" "$directory/root"
}

qemu_kernel_build() {
    local kind=$1 new=$LAB_CACHE/kernel-$1.new
    [ -e "$(qemu_kernel "$kind")" ] && return 0
    lab_say "fetching the kernel of ${QEMU_SUITE[$kind]} (once)"
    rm -rf "$new"
    mkdir -p "$new"
    (quietly "$kind-download" qemu_kernel_download "${QEMU_SUITE[$kind]}" "$new") || exit
    quietly "$kind-unpack" qemu_kernel_unpack "$new"
    lab_say "$kind is Linux $(cat "$new/version")"
    mv "$new" "$(qemu_kernel "$kind")"
}

# ---- the tree as a disk

# QEMU_TREE: of a guest that has another tree than others.
qemu_image() {
    echo "${QEMU_TREE:-$(guest_tree)}.squashfs"
}

# Not compressed: a guest without hardware virtualization reads it faster.
qemu_image_build() {
    [ -e "$(qemu_image)" ] && return 0
    lab_say "making a disk of the guest's tree (once)"
    rm -f "$LAB_CACHE/image.new"
    quietly image nice mksquashfs "${QEMU_TREE:-$(guest_tree)}" "$LAB_CACHE/image.new" -noI -noD -noF -noX -no-progress -no-recovery
    mv "$LAB_CACHE/image.new" "$(qemu_image)"
}

# ---- machines

# qemu_prepare KIND: makes what such a guest needs besides lab_build, and what is missing. qemu: all kinds.
qemu_prepare() {
    local kind kinds=("$1")
    [ "$1" != qemu ] || read -ra kinds <<<"${WAYFERRY_QEMU_KINDS:-${!QEMU_SUITE[*]}}"
    for kind in "${kinds[@]}"; do
        if [ ! -e "$(qemu_monitor)" ] || [ ! -e "$(qemu_kernel "$kind")" ] || [ ! -e "$(qemu_image)" ]; then
            lab_locked qemu_make "$kind"
        fi
        lab_used "$(qemu_monitor)" "$(qemu_kernel "$kind")" "$(qemu_image)"
    done
    [ "$1" != qemu ] || host_prepare
}

qemu_make() {
    qemu_monitor_build
    qemu_kernel_build "$1"
    qemu_image_build
}

# qemu_program ARGUMENT...: QEMU, in place of this process.
qemu_program() {
    local tree libraries
    tree=$(qemu_monitor)/usr
    libraries=$tree/lib/x86_64-linux-gnu
    exec env QEMU_MODULE_DIR="$libraries/qemu" "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" \
        "$tree/bin/qemu-system-x86_64" -L "$tree/share/qemu" -L "$tree/share/seabios" "$@"
}

# qemu_machine KIND SHARE ARGUMENT...: a guest with the shared directory SHARE and what QEMU's arguments say of its devices,
# in place of this process; its console is standard output. A processor of the kind "max" has 40 bits of
# address, at whose end the firmware puts a port's window and the kernel gives nothing to new devices: hence 39. On a machine
# that is busy no tick may come for long: without no_timer_check the kernel takes that for a broken timer, and ends.
qemu_machine() {
    local kernel share=$2
    kernel=$(qemu_kernel "$1")
    shift 2
    qemu_program -nodefaults -no-user-config -display none -accel tcg,thread=multi -cpu max,phys-bits=39 -smp 2 -m $QEMU_MEMORY \
        -object memory-backend-memfd,id=memory,size=$QEMU_MEMORY,share=on -machine q35,memory-backend=memory "$@" \
        -drive if=none,id=tree,format=raw,read-only=on,file="$(qemu_image)" -device virtio-blk-pci,drive=tree \
        -virtfs local,path="$LAB_LAYER",mount_tag=layer,security_model=none,readonly=on,multidevs=remap \
        -virtfs local,path="$share",mount_tag=share,security_model=none,multidevs=remap \
        -kernel "$kernel/vmlinuz" -initrd "$kernel/initrd" \
        -append "console=ttyS0 panic=-1 quiet mitigations=off no_timer_check audit=0 apparmor=0 nokaslr ${GUEST_APPEND:-}" -serial stdio
}

# qemu_exec KIND SHARE GPU DIRECTORY: as qemu_machine, at the wayferry-host behind the socket GPU. DIRECTORY/qmp is the
# monitor's socket. The device sits behind a port, so that it can be replaced.
qemu_exec() {
    qemu_machine "$1" "$2" -device pcie-root-port,id=gpu-port,chassis=1,pref64-reserve=2G \
        -chardev socket,id=gpu,path="$3" -device "$QEMU_GPU" -qmp unix:"$4/qmp",server=on,wait=off
}

# qemu_replace_gpu GPU DIRECTORY: takes the device away from the running guest whose DIRECTORY this is, and gives
# it one at the wayferry-host behind the socket GPU.
qemu_replace_gpu() {
    local address='{"type": "unix", "data": {"path": "'$1'"}}'
    limited 120 "$LAB/monitor.py" "$2/qmp" \
        device_del '{"id": "gpu"}' DEVICE_DELETED gpu \
        chardev-remove '{"id": "gpu"}' \
        chardev-add '{"id": "gpu", "backend": {"type": "socket", "data": {"server": false, "addr": '"$address"'}}}' \
        device_add "$QEMU_GPU"
}
