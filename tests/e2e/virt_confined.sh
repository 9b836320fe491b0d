# shellcheck shell=bash
# Machines of qemu:///system that AppArmor confines, which this machine's kernel may not have: a guest with Debian's kernel and
# the tree of virt_tree.sh plays the host (tests/vm/guest/confined.sh). Its machines have no disks: that they start with their
# devices' back ends is all that is asked of them. Sourced by libvirt.sh.

# The tree as a disk, too.
confined_need() {
    export QEMU_TREE
    QEMU_TREE=$(virt_tree)
    virt_tree_make
    [ -e "$(qemu_image)" ] || (lab_locked qemu_image_build) || fail "there is no disk of the tree"
    virt_tree_guest_need
}

# confined_define NAME VIDEO ELEMENTS
confined_define() {
    cat >"$CONFINED/$1.xml" <<XML
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
<name>$1</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
<os><type arch='x86_64' machine='q35'>hvm</type></os>
<features><acpi/></features><cpu mode='maximum'><maxphysaddr mode='emulate' bits='39'/></cpu>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator><video>$2</video><memballoon model='none'/></devices>
$(sed -n "/^<seclabel/s/YOU/user/p" "$SOURCE_ROOT/docs/libvirt.md")
$(sed -n "/<qemu:$3>/,/<\/qemu:$3>/p" "$SOURCE_ROOT/docs/libvirt.md")
</domain>
XML
}

# The guest, until it has switched itself off.
confined_run() {
    local layer=$WORK/layer
    CONFINED=$WORK/confined
    mkdir -p "$CONFINED" "$WORK/vm"
    cp -a "$LAB_LAYER" "$layer"
    install -D "$LAB/guest/confined.sh" "$layer/usr/sbin/init"
    install "$E2E_DIRECTORY/helper.py" "$layer$LAB_PROGRAMS/"
    confined_define work "<model type='none'/>" commandline
    confined_define helped "<driver name='vhostuser'/><model type='virtio'/><alias name='ua-wayferry'/>" override
    spawn vm-host "$WAYFERRY_BUILD/host-bridge/wayferry-host" --socket "$XDG_RUNTIME_DIR/vm.gpu" --vm vm
    until_true 10 test -S "$XDG_RUNTIME_DIR/vm.gpu" || fail "wayferry-host does not listen (log: $LOGS/vm-host.log)"
    # The later word counts.
    (LAB_LAYER=$layer GUEST_APPEND="apparmor=1 audit=1" qemu_exec "$VIRT_TREE_KIND" "$CONFINED" "$XDG_RUNTIME_DIR/vm.gpu" "$WORK/vm") \
        >"$LOGS/vm.log" 2>&1 </dev/null &
    PID[vm]=$!
    until_true 1000 not alive "${PID[vm]}" || fail "the guest does not end (console: $LOGS/vm.log, steps: $CONFINED)"
    unset "PID[vm]"
    stop vm-host
    cp -r "$CONFINED" "$LOGS/steps"
    [ -e "$CONFINED/whole" ] || fail "the guest ended early (console: $LOGS/vm.log, steps: $LOGS/steps)"
}

# confined_says STEP TEXT: the step ended well, and said that.
confined_says() {
    [ "$(cat "$CONFINED/$1.status")" = 0 ] && { [ -z "${2:-}" ] || grep -qF -e "$2" "$CONFINED/$1"; } || fail "$1: $(cat "$CONFINED/$1") (steps: $LOGS/steps)"
}

# confined_fails STEP TEXT
confined_fails() {
    [ "$(cat "$CONFINED/$1.status")" != 0 ] && grep -qF -e "$2" "$CONFINED/$1" || fail "$1: $(cat "$CONFINED/$1") (steps: $LOGS/steps)"
}

# confined_is STEP: the process has the profile of its machine.
confined_is() {
    [[ $(cat "$CONFINED/$1") = libvirt-*-*" (enforce)" ]] || fail "$1: not confined: $(cat "$CONFINED/$1")"
}
