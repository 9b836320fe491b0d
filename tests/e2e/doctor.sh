#!/bin/bash
# doctor of both programs on machines that have what it takes, and on those that lack something; and the units under
# a user manager of systemd's.
. "$(dirname "$0")/lib.sh"

tests=(host:2 host-without-compositor:5 host-monitors:11 host-libvirt:1 host-apparmor:1 setup:1 guest:2 guest-without-host:2 guest-without-compositor:2
    bare:2 render-node:3)
plain=(service:19 renderer-waits:15)   # of systemd's part, and of waiting

HOST=$WAYFERRY_BUILD/host-bridge/wayferry-host
GUEST=$WAYFERRY_BUILD/guest-proxy/wayferry-guest

# doctor STATUS [ENVIRONMENT...] COMMAND...: runs it where $WORK/bin has all programs that there are; its report must
# have a remedy below each line that is not well, and nowhere else.
doctor() {
    local expected=$1 status
    shift
    REPORT=$LOGS/report.txt
    PATH=$WORK/bin /usr/bin/timeout $((40 * SLOWNESS)) /usr/bin/env "$@" >"$REPORT" 2>"$LOGS/doctor.log" </dev/null
    status=$?
    [ "$status" = "$expected" ] || fail "$* ended with status $status instead of $expected (report: $REPORT)"
    awk '/^(FAILED|warning)/ { if (ill) exit 1; ill = 1; next }
        /^ +-> .........../ { if (!ill) exit 1; ill = 0; next }
        { if (ill) exit 1 }
        END { if (ill) exit 1 }' "$REPORT" || fail "what is wrong and what to do about it do not match (report: $REPORT)"
}

# has WORD NOUN [TEXT]: a line of the report.
has() {
    grep -qE "^$1 +$2 .*${3:-}" "$REPORT" || fail "the report has no '$1 $2 ${3:-}' (report: $REPORT)"
}

# remedy NOUN TEXT: what is to be done about it.
remedy() {
    grep -A1 -E "^(FAILED|warning) +$1 " "$REPORT" | grep -qF -e "$2" ||
        fail "the report does not say '$2' for $1 (report: $REPORT)"
}

# failures NOUN...: these failed and nothing else did.
failures() {
    local found
    found=$(sed -nE 's/^FAILED +([a-z].{15}).*/\1/p' "$REPORT" | sed 's/ *$//' | paste -sd,)
    [ "$found" = "$(IFS=,; echo "$*")" ] || fail "failed: '$found', expected: '$*' (report: $REPORT)"
}

# monitor VERSION DEVICE: a program that says of itself what QEMU does.
monitor() {
    mkdir -p "$WORK/bin"
    cat >"$WORK/bin/qemu-system-x86_64" <<END
#!/bin/sh
case \$* in
-version) echo "QEMU emulator version $1 (Debian 1:$1+ds-1)" ;;
"-device help") echo 'name "$2", bus PCI' ;;
esac
END
    chmod +x "$WORK/bin/qemu-system-x86_64"
}

test_host() {
    sway_start compositor
    doctor 0 "$HOST" doctor --wayland-display compositor --socket "$XDG_RUNTIME_DIR/x.gpu"
    has ok compositor "compositor answers, with [1-9]"
    has ok globals "guests see [1-9]"
    has ok "what it lacks" "the compositor "
    has ok "security context" "none"
    has ok "shared memory"
    has ok "socket's directory" "$XDG_RUNTIME_DIR"
    failures
    # A place where others could put a socket first.
    mkdir -m 777 "$BASE/open"
    doctor 0 WAYLAND_DISPLAY=compositor "$HOST" doctor --socket "$BASE/open/x.gpu"
    has warning "socket's directory" "others can write"
    remedy "socket's directory" --socket
    doctor 0 WAYLAND_DISPLAY=compositor "$HOST" --vm work doctor
    has warning service "wayferry-host@work.socket"
    doctor 2 "$HOST" doctor --nonsense
    doctor 2 "$HOST" doctor nonsense
}

test_host_without_compositor() {
    doctor 1 "$HOST" doctor --wayland-display nobody
    failures compositor
    has FAILED compositor "$XDG_RUNTIME_DIR/nobody: No such file"
    remedy compositor --wayland-display
    has skipped globals
    has skipped "what it lacks"
    has skipped "security context"
    # One without input.
    weston_start weston
    doctor 0 "$HOST" doctor --wayland-display weston
    has warning globals "no wl_seat"
    # Something that listens and says nothing.
    python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); time.sleep(60)' "$XDG_RUNTIME_DIR/mute" &
    PID[mute]=$!
    until_true 10 test -S "$XDG_RUNTIME_DIR/mute"
    doctor 1 "$HOST" doctor --wayland-display mute
    has FAILED compositor "no answer"
}

test_host_monitors() {
    sway_start compositor
    local command=(WAYLAND_DISPLAY=compositor "$HOST" doctor)
    doctor 0 "${command[@]}"
    has warning monitor "no qemu"
    monitor 11.1.3 vhost-user-test-device-pci
    doctor 0 "${command[@]}"
    has ok monitor 11.1.3
    has ok "its device" vhost-user-test-device-pci
    monitor 7.2.19 vhost-user-gpu-pci
    doctor 1 "${command[@]}"
    failures monitor
    remedy monitor trixie-backports
    remedy monitor docs/virtual-machines.md
    monitor 11.0.0 vhost-user-gpu-pci
    doctor 1 "${command[@]}"
    failures "its device"
    # One that does not say what it has is not said to have nothing.
    # shellcheck disable=SC2016
    printf '#!/bin/sh\n[ "$1" = -version ] && echo "QEMU emulator version 11.1.3"\n' >"$WORK/bin/qemu-system-x86_64"
    doctor 0 "${command[@]}"
    has warning "its device" "says nothing"
    printf '#!/bin/sh\nexec /bin/sleep 60\n' >"$WORK/bin/qemu-system-x86_64"
    doctor 1 "${command[@]}"
    has FAILED monitor "does not end"
}

# A systemctl that writes down what it is told, and fails where FAKE_FAILS says so.
test_setup() {
    local config=$WORK/config/wayferry/work.conf
    mkdir -p "$WORK/bin"
    # shellcheck disable=SC2016
    printf '#!/bin/sh\necho "$*" >>"%s"\n[ -z "${FAKE_FAILS:-}" ] || { echo no manager >&2; exit 1; }\n' "$LOGS/systemctl" >"$WORK/bin/systemctl"
    chmod +x "$WORK/bin/systemctl"
    export PATH=$WORK/bin:$PATH XDG_CONFIG_HOME=$WORK/config
    "$HOST" setup work >"$LOGS/setup.txt" || fail "a machine cannot be set up"
    [ "$(stat -c %a "$config")" = 600 ] || fail "there is no configuration"
    "$HOST" --vm work capabilities >/dev/null || fail "the configuration is wrong"
    grep -qx 'wayferry-guest setup' <(sed 's/^ *//' "$LOGS/setup.txt") || fail "what the guest needs is not said"
    # Again, and back.
    "$HOST" setup work >"$LOGS/again.txt" || fail "it cannot be done again"
    "$HOST" setup work --undo >"$LOGS/undo.txt" || fail "it cannot be undone"
    [ ! -e "$config" ] || fail "the configuration stays"
    "$HOST" setup work --undo >"$LOGS/undo-again.txt" || fail "it cannot be undone twice"
    # What the user wrote stays.
    "$HOST" setup work >/dev/null
    echo "clipboard = none" >>"$config"
    "$HOST" setup work >/dev/null && "$HOST" setup work --undo >/dev/null || fail "a changed configuration is in the way"
    grep -qx "clipboard = none" "$config" || fail "a changed configuration is lost"
    "$GUEST" setup >"$LOGS/guest.txt" && "$GUEST" setup --undo >>"$LOGS/guest.txt" || fail "the guest cannot be set up"
    sort -u "$LOGS/systemctl" >"$WORK/told"
    cmp - "$WORK/told" <<END || fail "the units are others (see $LOGS/systemctl)"
--user --quiet disable --now wayferry-guest.socket
--user --quiet disable --now wayferry-host@work.socket
--user --quiet enable --now wayferry-guest.socket
--user --quiet enable --now wayferry-host@work.socket
END
    FAKE_FAILS=yes "$GUEST" setup >"$LOGS/fails.txt" 2>&1 && fail "it is not told that there is no manager"
    grep -qx "no manager" "$LOGS/fails.txt" || fail "what systemctl complains of is lost"
    FAKE_FAILS=yes "$HOST" setup other >"$LOGS/fails.txt" && fail "it is not told that there is no manager"
    grep -q 'That takes a login of this user' "$LOGS/fails.txt" || fail "it is not told what that takes"
    "$HOST" setup "../x" 2>"$LOGS/wrong.txt" && fail "any name will do"
    sanitizers_silent
}

# report_of CHECK KEY: of the report as JSON.
report_of() {
    python3 -c 'import json, sys
print(next(line for line in json.load(open(sys.argv[1])) if line["check"] == sys.argv[2]).get(sys.argv[3], ""))' "$REPORT" "$@"
}

test_host_libvirt() {
    local command=(WAYLAND_DISPLAY=nobody XDG_CONFIG_HOME="$WORK/config" "$HOST" doctor)
    mkdir -p "$WORK/bin" "$WORK/config/qemu/vhost-user"
    doctor 1 "${command[@]}"
    has skipped libvirt "no virsh"
    has skipped "its driver"
    has skipped "its group"
    has skipped "its start of us"
    # One that fails is there all the same.
    printf '#!/bin/sh\nexit 1\n' >"$WORK/bin/virsh"
    chmod +x "$WORK/bin/virsh"
    doctor 1 "${command[@]}"
    has warning libvirt "says nothing"
    has ok "its group"
    printf '#!/bin/sh\necho 8.1.0\n' >"$WORK/bin/virsh"
    doctor 1 "${command[@]}"
    has warning libvirt "8.1.0 has no <qemu:override>"
    printf '#!/bin/sh\necho 11.3.0\n' >"$WORK/bin/virsh"
    # The first one that is for GPUs counts; those of other kinds do not.
    echo '{"type": "fs", "binary": "/usr/bin/virtiofsd"}' >"$WORK/config/qemu/vhost-user/00-0.json"
    echo '{"type": "gpu", "binary": "/usr/lib/qemu/vhost-user-gpu"}' >"$WORK/config/qemu/vhost-user/00-2.json"
    mkdir "$WORK/drivers"
    doctor 1 LIBVIRT_DRIVER_DIR="$WORK/drivers" "${command[@]}"
    has warning "its driver" libvirt_driver_qemu.so
    remedy "its driver" libvirt-daemon-driver-qemu
    : >"$WORK/drivers/libvirt_driver_qemu.so"
    doctor 1 LIBVIRT_DRIVER_DIR="$WORK/drivers" "${command[@]}"
    has ok "its driver" QEMU
    has ok "its group" "qemu:///session"
    doctor 1 "${command[@]}"
    has ok libvirt 11.3.0
    has warning "its start of us" "vhost-user-gpu, for 00-2.json"
    remedy "its start of us" 10-wayferry.json
    echo "{\"type\": \"gpu\", \"binary\": \"$HOST\"}" >"$WORK/config/qemu/vhost-user/00-1.json"
    doctor 1 "${command[@]}"
    has ok "its start of us" 00-1.json
    # The same for programs: the words of the other report.
    REPORT=$LOGS/report.json
    env PATH="$WORK/bin" "${command[@]}" --json >"$REPORT"
    [ "$(report_of libvirt result)" = ok ] && [ "$(report_of compositor result)" = failed ] || fail "the JSON has other results"
    [[ $(report_of compositor remedy) = *--wayland-display* ]] || fail "the JSON has no remedy"
}

# apparmor_doctor ENABLED INCLUDED FILE RULES: of a machine whose kernel says this of AppArmor, whose libvirt includes this in
# machines' profiles ("-": they have none), and that has rules of its own in this file of /etc/apparmor.d.
apparmor_doctor() {
    # shellcheck disable=SC2016
    doctor 1 WAYLAND_DISPLAY=nobody /usr/bin/unshare --mount --propagation private /bin/sh -euc '
        PATH=/usr/bin:/bin
        mount -t tmpfs tmpfs /sys/module
        mkdir -p /sys/module/apparmor/parameters
        echo "$1" >/sys/module/apparmor/parameters/enabled
        mkdir /sys/module/upper /sys/module/work
        mount -t overlay overlay -o lowerdir=/etc,upperdir=/sys/module/upper,workdir=/sys/module/work /etc
        rm -rf /etc/apparmor.d
        if [ "$2" != - ]; then
            mkdir -p /etc/apparmor.d/libvirt /etc/apparmor.d/abstractions/libvirt-qemu.d /etc/apparmor.d/local/abstractions
            echo "$2" >/etc/apparmor.d/abstractions/libvirt-qemu
            echo "$4" >"/etc/apparmor.d/$3"
        fi
        PATH=$5
        exec "$6" doctor' sh "$@" "$WORK/bin" "$HOST"
}

test_host_apparmor() {
    local old="include if exists <local/abstractions/libvirt-qemu>" new="include if exists <abstractions/libvirt-qemu.d>"
    local mine=abstractions/libvirt-qemu.d/mine local=local/abstractions/libvirt-qemu rule
    need unshare
    [ "$(id -u)" = 0 ] || fail "an /etc of its own needs root"
    mkdir -p "$WORK/bin"
    doctor 1 WAYLAND_DISPLAY=nobody "$HOST" doctor
    has skipped "its confinement" "no libvirt"
    printf '#!/bin/sh\necho 11.3.0\n' >"$WORK/bin/virsh"
    chmod +x "$WORK/bin/virsh"
    apparmor_doctor N "$old $new" $local ""
    has ok "its confinement" "no AppArmor"
    apparmor_doctor Y - $local ""
    has ok "its confinement" "no AppArmor"
    apparmor_doctor Y "$old" $local "# /run/user/[0-9]*/wayferry/*.gpu rw,"
    has warning "its confinement" "no rule for wayferry"
    remedy "its confinement" "'/run/user/[0-9]*/wayferry/*.gpu rw,' into /etc/apparmor.d/local/abstractions/libvirt-qemu"
    # As it says.
    rule=$(sed -n "s/.*write the line '\(.*\)' into .*/\1/p" "$REPORT")
    apparmor_doctor Y "$old" $local "$rule"
    has ok "its confinement" "a rule for wayferry"
    # A rule where this libvirt does not look is none.
    apparmor_doctor Y "$old" $mine "$rule"
    has warning "its confinement" "no rule for wayferry"
    apparmor_doctor Y "$new" $local "$rule"
    has warning "its confinement" "no rule for wayferry"
    remedy "its confinement" "into /etc/apparmor.d/abstractions/libvirt-qemu.d/wayferry"
    apparmor_doctor Y "$new" $mine "$rule"
    has ok "its confinement" "a rule for wayferry"
}

test_guest() {
    sway_start compositor
    bridge_start_host compositor bridge
    doctor 0 "$GUEST" doctor --vhost-user "$XDG_RUNTIME_DIR/bridge.gpu"
    failures
    has skipped "render node"
    has ok device
    has ok "capset 5" "wayferry-host"
    has ok context
    has ok compositor "with [1-9][0-9]* globals"
    has ok buffers "host's memory"
    # Here both are one: what is said of the other is true within the error that is said.
    has ok clock "known within [0-9]* ns"
    grep -E '^ok +clock ' "$REPORT" | tr -dc '0-9 -' |
        awk '{ exit !($2 > 0 && $1 <= $2 && -$1 <= $2) }' || fail "the host's clock is taken for another (report: $REPORT)"
    # By way of the variable, and before a display that others use afterwards.
    doctor 0 WAYFERRY_GUEST_VHOST_USER="$XDG_RUNTIME_DIR/bridge.gpu" "$GUEST" doctor
    bridge_start_guest bridge
    doctor 1 "$GUEST" doctor --vhost-user "$XDG_RUNTIME_DIR/bridge.gpu"
    failures device
    remedy device "second wayferry-host"
    spawn window env WAYLAND_DISPLAY=bridge "$WAYFERRY_CLIENTS/shm-client" --frames 10 --hold
    until_true 20 grep -qsx '10 frames' "$LOGS/window.log" || fail "the display that was there does not serve after the doctor came"
    stop window
    bridge_stop
    doctor 2 "$GUEST" doctor -- true
    doctor 2 "$GUEST" doctor --nonsense
}

test_guest_without_host() {
    doctor 1 "$GUEST" doctor --vhost-user "$XDG_RUNTIME_DIR/nobody.gpu"
    failures device
    remedy device "start wayferry-host"
    doctor 1 "$GUEST" doctor --device /dev/null
    failures driver
    doctor 1 "$GUEST" doctor --device "$BASE/nothing"
    failures "render node"
    if [ "$(id -u)" = 0 ]; then
        # As somebody else: a node of a group that is not theirs.
        touch "$BASE/node" && chgrp video "$BASE/node" && chmod 660 "$BASE/node"
        chmod 711 "$BASE"
        mkdir -m 700 "$BASE/nobody" && chown nobody "$BASE/nobody"
        cp "$GUEST" "$BASE/wayferry-guest"      # the build may be out of their reach
        doctor 1 USER=nobody XDG_RUNTIME_DIR="$BASE/nobody" /usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups \
            "$BASE/wayferry-guest" doctor --device "$BASE/node"
        failures permissions
        remedy permissions "sudo usermod -aG video nobody"
    fi
}

test_guest_without_compositor() {
    bridge_start_host nobody bridge
    doctor 1 "$GUEST" doctor --vhost-user "$XDG_RUNTIME_DIR/bridge.gpu"
    failures compositor
    remedy compositor "wayferry-host doctor"
    has skipped buffers
    sway_start compositor
    stop bridge-host
    bridge_start_host compositor bridge
    doctor 0 "$GUEST" doctor --vhost-user "$XDG_RUNTIME_DIR/bridge.gpu"
}

# Nothing at all in the environment, nothing in the file system but programs.
test_bare() {
    # wayferry-host looks in /run/user by itself, so that has to be bare, too.
    # shellcheck disable=SC2016
    local program command without_run='/bin/mount -t tmpfs tmpfs /run && exec "$0" doctor'
    for program in "$GUEST" "$HOST"; do
        command=("$program" doctor)
        [ "$program" = "$GUEST" ] || command=(/usr/bin/unshare --map-root-user --mount /bin/sh -c "$without_run" "$program")
        doctor 1 -i "${command[@]}"
        has FAILED "runtime directory" "not set"
        remedy "runtime directory" libpam-systemd
    done
    has FAILED compositor
    doctor 1 -i XDG_RUNTIME_DIR="$BASE/none" PATH=/nonexistent "$HOST" doctor
    has FAILED "runtime directory" "No such file"
    has warning monitor
}

# ---- the units, under a manager of their own

test_service() {
    need systemctl unshare xwininfo Xwayland
    [ "$(id -u)" = 0 ] || fail "a user manager of its own needs root (cgroups)"
    sway_start compositor
    ASAN_OPTIONS+=:detect_leaks=0       # which takes ptrace; the units forbid it
    # Abstract names of X displays belong to the network.
    unshare --mount --net --propagation private "$E2E_DIRECTORY/service.sh" "$WAYFERRY_BUILD" "$LOGS" "$BASE" \
        >"$LOGS/service.log" 2>&1 || fail "$(tail -n 1 "$LOGS/service.log") (log: $LOGS/service.log)"
}

# A GPU that is not there ends wayferry-host, with what it was asked for and what there is.
test_render_node() {
    local name what status
    while IFS='|' read -r name what; do
        limited 40 "$WAYFERRY_BUILD/host-bridge/wayferry-host" --socket "$XDG_RUNTIME_DIR/x.gpu" --renderer virgl --render-node "$name" \
            --wayland-display nobody >"$LOGS/node.log" 2>&1
        status=$?
        [ $status = 1 ] || fail "with $name it ends with status $status (log: $LOGS/node.log)"
        grep -qE -e "^\[error\] renderer: --render-node $name: $what" "$LOGS/node.log" || fail "it is not said what is wrong with $name (log: $LOGS/node.log)"
        [ ! -e "$XDG_RUNTIME_DIR/x.gpu" ] || fail "a socket is left behind"
    done <<'END'
/dev/dri/nothing|No such file or directory; (there are: /dev/dri/render|this machine has no render node)
pci-0000:7f:1f.7|0000:7f:1f.7 is no PCI device of this machine; (there are: /dev/dri/render|this machine has no render node)
auto|there is no compositor at .*/nobody to ask for its GPU \(No such file or directory\): start it first, or name the GPU
END
    limited 40 "$WAYFERRY_BUILD/host-bridge/wayferry-host" --socket "$XDG_RUNTIME_DIR/x.gpu" --renderer virgl --render-node card0 >"$LOGS/node.log" 2>&1
    [ $? = 2 ] || fail "a name of no form is no wrong command line (log: $LOGS/node.log)"
}

# silent SOCKET NOTIFICATIONS SPEAK: a compositor that accepts and says nothing until the file SPEAK is there; then it has no
# globals. Who is told what by systemd's way of it comes to NOTIFICATIONS.
silent() {
    exec python3 -c 'import os, select, socket, struct, sys
path, told, speak = sys.argv[1:]
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(path + ".notify")
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
clients = []
with open(told, "wb", buffering=0) as file:
    while True:
        for ready in select.select([manager, listener], [], [], 0.1)[0]:
            if ready is manager:
                file.write(manager.recv(4096) + b"\n")
            else:
                clients.append(ready.accept()[0])
        if os.path.exists(speak):
            for client in clients:
                client.send(struct.pack("=IHHI", 3, 0, 12, 0))      # wl_callback.done of what follows wl_registry
            clients.clear()' "$@"
}

# The compositor is to say which GPU it draws with, and is silent: that is said, to systemd, too, and ends nothing; the
# answer counts however late it comes.
test_renderer_waits() {
    local options=(--renderer virgl --render-node auto --wayland-display silent) log=$LOGS/waiting.log
    silent "$XDG_RUNTIME_DIR/silent" "$LOGS/told.txt" "$WORK/speak" >"$LOGS/silent.log" 2>&1 &
    PID[silent]=$!
    until_true 20 test -S "$XDG_RUNTIME_DIR/silent" || fail "no silent compositor (log: $LOGS/silent.log)"
    spawn waiting env NOTIFY_SOCKET="$XDG_RUNTIME_DIR/silent.notify" "$WAYFERRY_BUILD/host-bridge/wayferry-host" \
        --socket "$XDG_RUNTIME_DIR/waiting.gpu" "${options[@]}"
    until_true 60 grep -q 'the compositor has not said for 5 s which GPU it draws with' "$log" || fail "nobody says what is waited for (log: $log)"
    until_true 60 grep -q '^EXTEND_TIMEOUT_USEC=20000000' "$LOGS/told.txt" || fail "systemd is not asked to wait"
    grep -q '^STATUS=Waiting for the compositor to say which GPU' "$LOGS/told.txt" || fail "systemd does not hear what is waited for"
    alive "${PID[waiting]}" || fail "wayferry-host has given up (log: $log)"
    # The doctor does not wait as long, and says it.
    limited 40 "$WAYFERRY_BUILD/host-bridge/wayferry-host" doctor "${options[@]}" >"$LOGS/report.txt" 2>"$LOGS/doctor.log" &&
        fail "the doctor finds nothing wrong"
    grep -q -e '--render-node auto: the compositor at .*/silent does not say which GPU it draws with' "$LOGS/doctor.log" ||
        fail "the doctor does not say that the compositor is silent (log: $LOGS/doctor.log)"
    alive "${PID[waiting]}" || fail "wayferry-host has given up (log: $log)"
    : >"$WORK/speak"
    until_true 20 grep -q 'the compositor at .*/silent names no GPU that it draws with' "$log" || fail "the late answer does not count (log: $log)"
    until_true 20 not alive "${PID[waiting]}" || fail "wayferry-host goes on without its GPU"
    stop waiting
    [ "$STOP_STATUS" = 1 ] || fail "wayferry-host ends with status $STOP_STATUS"
    stop silent
    sanitizers_silent
}

e2e_main "$@"
