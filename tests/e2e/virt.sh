# shellcheck shell=bash
# libvirt itself: a libvirtd of the tests' own, with the lab's QEMU and kernel. Sourced, after vm/guest.sh and lib.sh.

VIRT_KERNEL=qemu-6.12
VIRT_URI=qemu:///session
VIRT_UNDER=()       # what enters the namespace of a libvirtd that is not the user's

virt_parts() {
    qemu_monitor_build
    qemu_kernel_build $VIRT_KERNEL
}

virt_need() {
    need libvirtd virsh unshare setpriv cpio "$@"
    [ "$(id -u)" = 0 ] || fail "a libvirtd of another user needs root"
    [ -e "$(qemu_monitor)" ] && [ -e "$(qemu_kernel $VIRT_KERNEL)" ] || (lab_locked virt_parts) ||
        fail "there is no QEMU, or no kernel for it"
    lab_used "$(qemu_monitor)" "$(qemu_kernel $VIRT_KERNEL)"
}

# Whose session it is: nobody's in particular.
virt_as_user() {
    "${VIRT_UNDER[@]}" setpriv --reuid=65534 --regid=65534 --clear-groups env -i PATH="$PATH" LANG=C.UTF-8 HOME="$VIRT/home" XDG_RUNTIME_DIR="$VIRT/rt" "$@"
}

virt() {
    virt_as_user timeout 100 virsh -q -c "$VIRT_URI" "$@" >>"$LOGS/virsh.log" 2>&1 && return
    # What QEMU said.
    cp "$VIRT"/home/.cache/libvirt/qemu/log/*.log "$LOGS/" 2>/dev/null
    fail "virsh $* fails (log: $LOGS/virsh.log)"
}

# The guest says on its serial line what device it has, and paints its console's first line red.
virt_initrd() {
    mkdir "$WORK/initrd"
    cat >"$WORK/initrd/init" <<'END'
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs devtmpfs /dev
while read -r module; do /bin/busybox insmod "/lib/$module"; done </modules
/bin/busybox dmesg | /bin/busybox grep drm >/dev/ttyS0
/bin/busybox printf "\033[2J\033[H\033[41m%80s\033[0m" "" >/dev/tty1
echo ready >/dev/ttyS0
while :; do /bin/busybox sleep 1000; done
END
    chmod +x "$WORK/initrd/init"
    { cat "$(qemu_kernel $VIRT_KERNEL)/initrd" && (cd "$WORK/initrd" && echo init | cpio -o -H newc --quiet); } >"$VIRT/initrd"
}

# What libvirt takes for QEMU, and its search for wayferry-host.
virt_programs() {
    local libraries=$VIRT/monitor/usr/lib/x86_64-linux-gnu
    cp "$WAYFERRY_BUILD/host-bridge/wayferry-host" "$(qemu_kernel $VIRT_KERNEL)/vmlinuz" "$VIRT/"
    printf '#!/bin/sh\nQEMU_MODULE_DIR=%s/qemu exec %s/ld-linux-x86-64.so.2 --library-path %s %s/bin/qemu-system-x86_64 -L %s/share/qemu -L %s/share/seabios "$@"\n' \
        "$libraries" "$libraries" "$libraries" "$VIRT/monitor/usr" "$VIRT/monitor/usr" "$VIRT/monitor/usr" >"$VIRT/qemu"
    chmod +x "$VIRT/qemu"
    sed "s|\"binary\": \".*\"|\"binary\": \"$VIRT/wayferry-host\"|" "$WAYFERRY_BUILD/host-bridge/90-wayferry.json" \
        >"$VIRT/home/.config/qemu/vhost-user/10-wayferry.json"
}

virt_directory() {
    VIRT=$BASE/virt
    mkdir -p "$VIRT/home/.config/qemu/vhost-user" "$VIRT/home/.config/libvirt" "$VIRT/rt" "$VIRT/monitor"
    # Without a virtlogd, which would stay.
    echo 'stdio_handler = "file"' >"$VIRT/home/.config/libvirt/qemu.conf"
    virt_programs
    virt_initrd
    chown -R 65534:65534 "$VIRT/home" "$VIRT/rt"
    chmod 700 "$VIRT/rt"
}

# virt_spawn SCRIPT: a libvirtd in a namespace that the shell's script completes, of which $2 is $VIRT; in it QEMU is at
# $VIRT/monitor. It would try the modules of this machine's QEMU, too, and end: they are out of its sight.
virt_spawn() {
    # shellcheck disable=SC2016
    spawn libvirtd unshare --mount --propagation private sh -euc '
        for modules in /usr/lib/*/qemu; do [ ! -d "$modules" ] || mount -t tmpfs tmpfs "$modules"; done
        mount --bind "$1" "$2/monitor"
        cd "$2/home"
        '"$1" sh "$(qemu_monitor)" "$VIRT"
}

virt_start() {
    virt_directory
    # shellcheck disable=SC2016
    virt_spawn 'exec setpriv --reuid=65534 --regid=65534 --clear-groups env -i PATH="$PATH" HOME="$2/home" XDG_RUNTIME_DIR="$2/rt" libvirtd'
    until_true 30 test -S "$VIRT/rt/libvirt/libvirt-sock" || fail "libvirtd does not start (log: $LOGS/libvirtd.log)"
}

# The one for the whole system: with directories of its own, as where nothing was installed before, and open to that user.
# That there are no control groups it has to be told; of this machine's QEMU it need not know.
virt_start_system() {
    virt_directory
    # shellcheck disable=SC2016
    virt_spawn 'for directory in /run /etc/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt; do
            mkdir -p "$directory" && mount -t tmpfs -o mode=755 tmpfs "$directory"
        done
        mkdir -p /run/user/65534
        install -d -m 750 -o libvirt-qemu -g libvirt-qemu /var/lib/libvirt/qemu
        mount --bind "$2/rt" /run/user/65534
        printf "%s\n" "unix_sock_rw_perms = \"0777\"" "auth_unix_rw = \"none\"" >/etc/libvirt/libvirtd.conf
        printf "%s\n" "stdio_handler = \"file\"" "cgroup_controllers = []" "namespaces = []" >/etc/libvirt/qemu.conf
        exec env -i PATH=/usr/sbin libvirtd'
    VIRT_URI=qemu:///system
    VIRT_UNDER=(nsenter --mount --target "${PID[libvirtd]}" --wd="$VIRT/home" env)
    until_true 30 virt_answers || fail "libvirtd does not start (log: $LOGS/libvirtd.log)"
}

virt_answers() {
    virt_as_user timeout 100 virsh -q -c "$VIRT_URI" list >"$LOGS/answers.log" 2>&1
}

# virt_define NAME VIDEO ELEMENTS: a machine that has these elements.
virt_define() {
    cat >"$VIRT/$1.xml" <<END
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
<name>$1</name><memory unit='MiB'>512</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type><kernel>$VIRT/vmlinuz</kernel><initrd>$VIRT/initrd</initrd>
<cmdline>console=tty0 quiet loglevel=0 mitigations=off no_timer_check</cmdline></os>
<features><acpi/></features><cpu mode='maximum'><maxphysaddr mode='emulate' bits='39'/></cpu>
<devices><emulator>$VIRT/qemu</emulator><video>$2</video>
<serial type='file'><source path='$VIRT/rt/$1.serial'/></serial><memballoon model='none'/></devices>
$3
</domain>
END
    virt define --validate "$VIRT/$1.xml"
}

# virt_ready NAME: its guest has started.
virt_ready() {
    until_true 150 grep -qs ready "$VIRT/rt/$1.serial" || fail "the guest of $1 does not start (logs: $LOGS)"
}

# virt_machine NAME VIDEO ELEMENTS: defines one whose memory can be shared and starts it, until its guest is ready.
virt_machine() {
    virt_define "$1" "$2" "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>$3"
    virt start "$1"
    virt_ready "$1"
}

# What can be done with a machine by libvirt; then it ends.
virt_life() {
    virt suspend "$1"
    virt resume "$1"
    virt reset "$1"
    virt destroy "$1"
    virt undefine "$1"
}

# The guest's device has contexts, and memory of the host's.
virt_whole() {
    grep -q '+resource_blob +host_visible' "$VIRT/rt/$1.serial" && grep -q '+context_init' "$VIRT/rt/$1.serial" ||
        fail "the device of $1 is not whole: $(cat "$VIRT/rt/$1.serial")"
}

# Its memory is shared with wayferry-host: libvirt says that it cannot be saved.
virt_not_saved() {
    virt_as_user timeout 100 virsh -q -c "$VIRT_URI" save "$1" "$VIRT/rt/saved" >"$LOGS/saved.log" 2>&1 && fail "$1 was saved"
    grep -q 'cannot migrate domain' "$LOGS/saved.log" || fail "it is not said why $1 cannot be saved (log: $LOGS/saved.log)"
}
