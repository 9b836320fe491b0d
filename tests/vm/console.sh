# shellcheck shell=bash
# QEMU's own vhost-user-gpu: the machine's console, as wayferry-host shows it to QEMU. Sourced by test-qemu.sh.

CONSOLE_CELLS=80    # of a line, each 8 by 16 pixels

# The lab's kernel and drivers, with a first process that paints the console's first line red and green by turns.
console_initrd() {
    mkdir -p "$WORK/initrd"
    cat >"$WORK/initrd/init" <<'END'
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs devtmpfs /dev
while read -r module; do /bin/busybox insmod "/lib/$module"; done </modules
printf '\033[2J' >/dev/tty1
echo painting >/dev/ttyS0
while :; do
    for colour in 41 42; do
        /bin/busybox printf "\033[H\033[${colour}m%80s\033[0m" "" >/dev/tty1
        /bin/busybox sleep 1
    done
done
END
    chmod +x "$WORK/initrd/init"
    # Of a file that is there twice the kernel takes the second.
    { cat "$(qemu_kernel "$KIND")/initrd" && (cd "$WORK/initrd" && echo init | cpio -o -H newc --quiet); } >"$WORK/console.initrd"
}

# console_qemu GPU DEVICE: a machine with this device of QEMU's at the wayferry-host behind the socket GPU, in place of this
# process.
console_qemu() {
    qemu_program -nodefaults -no-user-config -display none -accel tcg -cpu max -m 512M \
        -object memory-backend-memfd,id=memory,size=512M,share=on -machine q35,memory-backend=memory \
        -chardev socket,id=gpu,path="$1" -device "$2,chardev=gpu" \
        -kernel "$(qemu_kernel "$KIND")/vmlinuz" -initrd "$WORK/console.initrd" \
        -append "console=tty0 quiet loglevel=0 mitigations=off no_timer_check nokaslr panic=-1" \
        -serial file:"$LOGS/console.log" -qmp unix:"$WORK/qmp",server=on,wait=off
}

# console_shows COLOUR: a picture that QEMU takes has a whole line of it.
console_shows() {
    "$LAB/monitor.py" "$WORK/qmp" screendump "{\"filename\": \"$LOGS/console.png\", \"format\": \"png\"}" &&
        [ "$(pixels_of "$LOGS/console.png" "$1")" = $((CONSOLE_CELLS * 8 * 16)) ]
}

console_moves() {
    until_true $((20 * TIMES)) console_shows '#aa0000' && until_true $((20 * TIMES)) console_shows '#00aa00' ||
        fail "the console does not show what the guest paints (picture: $LOGS/console.png)"
}

test_console() {
    console_of vhost-user-gpu-pci
}

# The one that docs/libvirt.md names for a QEMU that is started by hand.
test_console_vga() {
    console_of vhost-user-vga
}

# console_of DEVICE
console_of() {
    KIND=qemu-6.12
    need cpio
    console_initrd
    spawn vm-host "$WAYFERRY_BUILD/host-bridge/wayferry-host" --socket "$WORK/vm.gpu" --vm vm
    until_true 10 test -S "$WORK/vm.gpu" || fail "wayferry-host does not listen (log: $LOGS/vm-host.log)"
    (console_qemu "$WORK/vm.gpu" "$1") >"$LOGS/qemu.log" 2>&1 </dev/null &
    PID[qemu]=$!
    until_true $((30 * TIMES)) grep -qs painting "$LOGS/console.log" || fail "the guest does not start (logs: $LOGS)"
    console_moves
    # QEMU ends its socket and passes another.
    "$LAB/monitor.py" "$WORK/qmp" stop '{}' cont '{}' || fail "the machine cannot be stopped and go on"
    console_moves
    [ "$(grep -c "the monitor shows the machine's console.*libvirt-xml prints it" "$LOGS/vm-host.log")" = 1 ] ||
        fail "wayferry-host does not say once what this is (log: $LOGS/vm-host.log)"
    kill "${PID[qemu]}"
    until_true 10 not alive "${PID[qemu]}" || fail "QEMU stays"
    unset "PID[qemu]"
    stop vm-host
    [ "$STOP_STATUS" = 0 ] || fail "wayferry-host ended with status $STOP_STATUS (log: $LOGS/vm-host.log)"
    grep -q "makes no sense" "$LOGS/vm-host.log" && fail "wayferry-host does not understand QEMU (log: $LOGS/vm-host.log)"
    sanitizers_silent
}
