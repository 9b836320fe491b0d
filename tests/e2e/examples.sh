#!/bin/bash
# The scripts of examples/, as far as they get without hardware for virtual machines.
. "$(dirname "$0")/../vm/guest.sh"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/virt.sh"

tests=(bubblewrap:3 nested-desktop:3)
# They take trees and machines of the lab.
full=(podman:5 nspawn:5 qemu:30 libvirt-session:60 libvirt-system:60)

EXAMPLES=$SOURCE_ROOT/examples
UNDER=()    # what a script runs under
HELLO=(foot --title=hello sh -c "printf '\033]2;hello\007'; exec sleep 600")

has_title() {
    sway_message compositor -t get_tree | grep -qF "\"name\": \"$1"
}

has_no_window() {
    sway_message compositor -t get_tree | not grep -qF '[work]'
}

shows_or_ended() {
    not alive "${PID[example]}" || has_title "$1"
}

# example SCRIPT ARGUMENT...: it shows a window of the machine "work", and ends when that is closed.
example() {
    sway_start compositor
    spawn host "$WAYFERRY_BUILD/host-bridge/wayferry-host" --socket "$XDG_RUNTIME_DIR/work.gpu" --vm work \
        --wayland-display compositor
    until_true 10 test -S "$XDG_RUNTIME_DIR/work.gpu" || fail "wayferry-host does not listen (log: $LOGS/host.log)"
    spawn example "${UNDER[@]}" env WAYFERRY_GUEST="$WAYFERRY_BUILD/guest-proxy/wayferry-guest" "$EXAMPLES/$1.sh" "$XDG_RUNTIME_DIR/work.gpu" "${@:2}"
    until_true 30 shows_or_ended "${TITLE:-[work] hello}" && alive "${PID[example]}" || fail "$1.sh: no window (log: $LOGS/example.log)"
    # Nobody else has told the application where the compositor is.
    sway_message compositor '[title="."]' kill >"$LOGS/kill.log"
    until_true 20 not alive "${PID[example]}" || fail "$1.sh stays when its application has ended (log: $LOGS/example.log)"
    unset "PID[example]"
    until_true 10 has_no_window || fail "a window stays"
    stop host
    [ "$STOP_STATUS" = 0 ] || fail "wayferry-host ended with status $STOP_STATUS (log: $LOGS/host.log)"
    sanitizers_silent
}

test_bubblewrap() {
    need bwrap foot
    example bubblewrap "${HELLO[@]}"
}

test_nested_desktop() {
    need weston
    local major options=(--backend=wayland-backend.so --use-pixman)
    major=$(weston --version | sed -n 's/^weston \([0-9]*\).*/\1/p')
    ((major < 12)) || options=(--backend=wayland --renderer=pixman)
    TITLE="[work] Weston Compositor" example nested-desktop weston "${options[@]}" --socket=inner --no-config
}

# The guests' tree: Debian 13 with applications and what wayferry-guest needs.
example_in_tree() {
    [ "$(id -u)" = 0 ] || fail "a tree of another system needs root"
    [ -e "$(guest_tree)" ] || (lab_locked lab_tree "$LAB/guest/setup.sh" guest) || fail "there is no tree"
    lab_used "$(guest_tree)"
    example "$1" "$(guest_tree)" "${HELLO[@]}"
}

# Where tests run there may be no control groups that podman's runtime understands, and limits that nobody may raise.
test_podman() {
    need podman unshare
    export PODMAN_OPTIONS
    # shellcheck disable=SC2016
    UNDER=(unshare --mount --propagation private sh -c 'mount -t cgroup2 none /sys/fs/cgroup && exec "$@"' sh)
    PODMAN_OPTIONS="--cgroups=disabled --ulimit nofile=$(ulimit -n):$(ulimit -n) --ulimit nproc=1000:1000"
    example_in_tree podman
}

# Where tests run there may be no service manager, and no /run of its own.
test_nspawn() {
    need systemd-nspawn unshare
    export NSPAWN_OPTIONS=--keep-unit
    # shellcheck disable=SC2016
    UNDER=(unshare --mount --propagation private sh -c 'mount -t tmpfs tmpfs /run && exec "$@"' sh)
    example_in_tree nspawn
}

qemu_parts() {
    qemu_monitor_build
    qemu_kernel_build qemu-6.12
}

# The machine finds its device: contexts, blobs, and memory that the host shares. (vm-qemu shows windows.)
test_qemu() {
    need cpio
    local root=$WORK/root kernel
    (lab_locked qemu_parts) || fail "there is no QEMU, or no kernel for it"
    kernel=$(qemu_kernel qemu-6.12)
    mkdir "$root"
    cat >"$root/init" <<'END'
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs devtmpfs /dev
while read -r module; do /bin/busybox insmod "/lib/$module"; done </modules
/bin/busybox dmesg | /bin/busybox grep drm >/dev/ttyS0
/bin/busybox poweroff -f
END
    chmod +x "$root/init"
    { cat "$kernel/initrd" && (cd "$root" && echo init | cpio -o -H newc --quiet); } >"$WORK/initrd"
    printf '#!/bin/bash\n. %q\nqemu_program "$@"\n' "$LAB/qemu.sh" >"$WORK/qemu"
    chmod +x "$WORK/qemu"
    spawn host "$WAYFERRY_BUILD/host-bridge/wayferry-host" --socket "$WORK/gpu" --vm work
    until_true 10 test -S "$WORK/gpu" || fail "wayferry-host does not listen (log: $LOGS/host.log)"
    QEMU=$WORK/qemu MEMORY=512M ACCELERATOR=tcg limited 200 "$EXAMPLES/qemu.sh" "$WORK/gpu" -nodefaults -display none -no-reboot \
        -kernel "$kernel/vmlinuz" -initrd "$WORK/initrd" -append "console=tty0 quiet loglevel=0 mitigations=off no_timer_check" \
        -serial file:"$LOGS/guest.log" >"$LOGS/qemu.log" 2>&1 || fail "the machine does not end well (logs: $LOGS)"
    grep -q '+resource_blob +host_visible' "$LOGS/guest.log" && grep -q '+context_init' "$LOGS/guest.log" &&
        grep -q 'cap set 0: id 5,' "$LOGS/guest.log" || fail "the guest's device is not whole (log: $LOGS/guest.log)"
    stop host
    [ "$STOP_STATUS" = 0 ] || fail "wayferry-host ended with status $STOP_STATUS (log: $LOGS/host.log)"
    sanitizers_silent
}

# A machine that knows nothing of wayferry gets its device, which the guest finds; the script can be run again.
libvirt_example() {
    local host=(setpriv --reuid=65534 --regid=65534 --clear-groups "$VIRT/wayferry-host") i
    local socket=$VIRT/rt/wayferry/my-box.gpu
    cp "$EXAMPLES/libvirt.sh" "$VIRT/"
    virt_define "my box" "<model type='none'/>" ""
    "${host[@]:0:4}" mkdir -m 700 "$VIRT/rt/wayferry"
    spawn host "${host[@]}" --socket "$socket" --vm my-box
    until_true 10 test -S "$socket" || fail "wayferry-host does not listen (log: $LOGS/host.log)"
    for i in first second; do
        virt_as_user WAYFERRY_HOST="$VIRT/wayferry-host" timeout 200 "$VIRT/libvirt.sh" "$1" "my box" >"$LOGS/example-$i.log" 2>&1 ||
            fail "libvirt.sh fails (log: $LOGS/example-$i.log)"
        [ $i = second ] || virt destroy "my box"
    done
    virt_ready "my box"
    virt_whole "my box"
    virt_life "my box"
    stop host
    [ "$STOP_STATUS" = 0 ] || fail "wayferry-host ended with status $STOP_STATUS (log: $LOGS/host.log)"
    stop libvirtd
    sanitizers_silent
}

test_libvirt_session() {
    virt_need virt-xml nsenter
    virt_start
    libvirt_example session
}

test_libvirt_system() {
    virt_need virt-xml nsenter
    virt_start_system
    libvirt_example system
}

e2e_main "$@"
