# shellcheck shell=bash
# libvirt and QEMU of Debian 13's backports, in a tree of their own, with wayferry-host as built there; machines of theirs that
# have the lab's guest, whose windows a sway of this machine shows. Sourced, after virt.sh, which is told to use the tree.

VIRT_TREE_BUILD=$LAB_ROOT/build-tests/libvirt
VIRT_TREE_KIND=qemu-6.12

virt_tree() {
    LAB_BACKPORTS=yes lab_tree_path "" libvirt
}

virt_tree_compile() {
    # shellcheck disable=SC2016
    (LAB_BUILD=$VIRT_TREE_BUILD LAB_LAYER=$VIRT_TREE_BUILD/layer lab_enter "$(virt_tree)" nice sh -euc 'cd /var/tmp/build
        [ -e build.ninja ] || meson setup . /usr/src/wayferry -Dtests=false
        ninja host-bridge/wayferry-host')
}

virt_tree_make() {
    [ "$(id -u)" = 0 ] || fail "a tree of another system needs root"
    [ -e "$(virt_tree)" ] || (LAB_BACKPORTS=yes lab_locked lab_tree "" libvirt) || fail "there is no tree with libvirt"
    lab_used "$(virt_tree)"
}

# The guest is not made while others may run: run.sh has made it. From here on it stays as it is until this process ends.
virt_tree_guest_need() {
    [ -e "$LAB_LAYER/usr/bin/wayferry-guest" ] && [ -e "$(qemu_image)" ] && [ -e "$(qemu_kernel $VIRT_TREE_KIND)" ] ||
        fail "there is no guest (tests/vm/guest.sh prepare $VIRT_TREE_KIND)"
    guest_keep_layer
    lab_used "$(guest_tree)" "$(qemu_image)" "$(qemu_kernel $VIRT_TREE_KIND)"
}

# The tree, and in it this working copy's wayferry-host; and the guest.
virt_tree_need() {
    need unshare nsenter setpriv script foot
    virt_tree_make
    virt_tree_guest_need
    (lab_compiled "$VIRT_TREE_BUILD/build" libvirt virt_tree_compile) || fail "wayferry-host is not built"
}

# As virt_directory, for programs of the tree.
virt_tree_directory() {
    VIRT=$BASE/virt
    mkdir -p "$VIRT/home/.config/qemu/vhost-user" "$VIRT/home/.config/libvirt" "$VIRT/rt" "$VIRT/layer" "$WORK/layers"
    : >"$VIRT/tree.squashfs"
    echo 'stdio_handler = "file"' >"$VIRT/home/.config/libvirt/qemu.conf"
    cp "$VIRT_TREE_BUILD/build/host-bridge/wayferry-host" "$(qemu_kernel $VIRT_TREE_KIND)/vmlinuz" "$VIRT/"
    cp "$(qemu_kernel $VIRT_TREE_KIND)/initrd" "$VIRT/guest.initrd"
    ln -s /usr/bin/qemu-system-x86_64 "$VIRT/qemu"
    sed "s|\"binary\": \".*\"|\"binary\": \"$VIRT/wayferry-host\"|" "$WAYFERRY_BUILD/host-bridge/90-wayferry.json" \
        >"$VIRT/home/.config/qemu/vhost-user/10-wayferry.json"
    virt_initrd
    chown -R 65534:65534 "$VIRT/home" "$VIRT/rt"
    chmod 700 "$VIRT/rt"
    ln -s "$(realpath "$XDG_RUNTIME_DIR/host")" "$VIRT/rt/wayland-0"
}

# virt_tree_spawn SCRIPT: a libvirtd in a system that has what the tree has, and the test's directory; what it writes is gone
# with it. The shell's script completes it, of which $1 is $VIRT.
virt_tree_spawn() {
    # shellcheck disable=SC2016
    spawn libvirtd unshare --mount --propagation private sh -euc '
        tree=$1 virt=$2 base=$3 image=$4 layer=$5 layers=$6 script=$7
        mount -t tmpfs -o mode=755 tmpfs "$layers"
        mkdir "$layers/upper" "$layers/work" "$layers/root"
        mount -t overlay overlay -o "lowerdir=$tree,upperdir=$layers/upper,workdir=$layers/work" "$layers/root"
        mount --bind "$image" "$virt/tree.squashfs"
        mount -o remount,bind,ro "$virt/tree.squashfs"
        mount --bind "$layer" "$virt/layer"
        mount -o remount,bind,ro "$virt/layer"
        cd "$layers/root"
        mount --rbind /dev dev
        mount --bind /proc proc
        mount -t sysfs -o ro sysfs sys      # of its processors; without control groups
        mount -t tmpfs -o mode=1777 tmpfs tmp
        mount -t tmpfs -o mode=755 tmpfs run
        mkdir -p "./$base" run/user run/lock
        chmod 1777 run/lock
        mount --rbind "$base" "./$base"
        ln -s "$virt/rt" run/user/65534
        exec chroot . sh -euc "cd $virt/home; $script" sh "$virt"' \
        sh "$(virt_tree)" "$VIRT" "$BASE" "$(qemu_image)" "$LAB_LAYER" "$WORK/layers" "$1"
    VIRT_UNDER=(nsenter --mount --root --target "${PID[libvirtd]}" env -C "$VIRT/home")
}

virt_tree_start() {
    virt_tree_directory
    # shellcheck disable=SC2016
    virt_tree_spawn 'exec setpriv --reuid=65534 --regid=65534 --clear-groups env -i PATH="$PATH" HOME="$1/home" XDG_RUNTIME_DIR="$1/rt" libvirtd'
    # virsh would start one of its own.
    until_true 30 test -S "$VIRT/rt/libvirt/libvirt-sock" || fail "libvirtd does not start (log: $LOGS/libvirtd.log)"
}

# The one for the whole system, as virt_start_system. What libvirtd starts for its machines has no home.
virt_tree_start_system() {
    virt_tree_directory
    # shellcheck disable=SC2016
    virt_tree_spawn 'mkdir -p /etc/libvirt /usr/share/qemu/vhost-user
        cp "$1/home/.config/qemu/vhost-user/10-wayferry.json" /usr/share/qemu/vhost-user/90-wayferry.json
        printf "%s\n" "unix_sock_rw_perms = \"0777\"" "auth_unix_rw = \"none\"" >/etc/libvirt/libvirtd.conf
        printf "%s\n" "stdio_handler = \"file\"" "cgroup_controllers = []" "namespaces = []" >/etc/libvirt/qemu.conf
        exec env -i PATH=/usr/sbin:/usr/bin libvirtd'
    VIRT_URI=qemu:///system
    until_true 30 virt_answers || fail "libvirtd does not start (log: $LOGS/libvirtd.log)"
}

# ---- machines with the lab's guest

# virt_guest_define NAME VIDEO ELEMENTS: such a machine, of which the directory shared with the guest is guest_share NAME.
virt_guest_define() {
    local share=$VIRT/$1-share
    mkdir -p "$share/jobs"
    chmod 1777 "$share"
    rm -rf "$(guest_share "$1")"
    ln -s "$share" "$(guest_share "$1")"
    cat >"$VIRT/$1.xml" <<XML
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
<name>$1</name><memory unit='MiB'>1536</memory><vcpu>2</vcpu>
<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
<os><type arch='x86_64' machine='q35'>hvm</type><kernel>$VIRT/vmlinuz</kernel><initrd>$VIRT/guest.initrd</initrd>
<cmdline>console=ttyS0 panic=-1 quiet mitigations=off no_timer_check audit=0 apparmor=0 nokaslr</cmdline></os>
<features><acpi/></features><cpu mode='maximum'><maxphysaddr mode='emulate' bits='39'/></cpu>
<devices><emulator>$VIRT/qemu</emulator><video>$2</video>
<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='$VIRT/tree.squashfs'/>
<target dev='vda' bus='virtio'/><readonly/></disk>
<filesystem type='mount' accessmode='squash' multidevs='remap'><source dir='$VIRT/layer'/><target dir='layer'/><readonly/></filesystem>
<filesystem type='mount' accessmode='squash' multidevs='remap'><source dir='$share'/><target dir='share'/></filesystem>
<serial type='pty'/><console type='pty'/><memballoon model='none'/></devices>
$3
</domain>
XML
    virt define --validate "$VIRT/$1.xml"
}

# virt_guest_await NAME: its console is open, until its guest has started. (The console ends with the machine: as the guest's
# process, where guest.sh looks for one.)
virt_guest_await() {
    spawn "$1-vm" script -qfec "$(printf '%q ' "${VIRT_UNDER[@]}" setpriv --reuid=65534 --regid=65534 --clear-groups env -i \
        TERM=dumb HOME="$VIRT/home" XDG_RUNTIME_DIR="$VIRT/rt" /usr/bin/virsh -c "$VIRT_URI" console --force "$1")" /dev/null
    GUEST_KIND[$1]=$VIRT_TREE_KIND
    guest_await "$1"
}

virt_guest_start() {
    virt_guest_define "$@"
    virt start "$1"
    virt_guest_await "$1"
}

# virt_guest_reset NAME: as by its button; until its guest has started anew.
virt_guest_reset() {
    rm "$(guest_share "$1")/ready"
    virt reset "$1"
    guest_await "$1"
}

virt_guest_end() {
    virt destroy "$1"
    until_true 20 not alive "${PID[$1-vm]}" || fail "the console of $1 stays when its machine has ended (log: $LOGS/$1-vm.log)"
    stop "$1-vm"
    virt undefine "$1"
}

has_window() {
    sway_message host -t get_tree | grep -qF "\"name\": \"$1\""
}

# virt_guest_window NAME JOB: an application of its user shows a window with the machine's name.
virt_guest_window() {
    # Jobs are written by QEMU's user, too.
    (umask 0 && guest_spawn "$1" "$2" foot --title="$2" sleep 10000)
    until_true 100 has_window "[$1] $2" || fail "$1: no window of $2 (logs: $LOGS)"
}

virt_guest_no_window() {
    until_true 30 not has_window "[$1] $2" || fail "$1: the window of $2 stays"
}
