#!/bin/bash
# wayferry-host as libvirt starts it: one connection, no environment, and a machine whose name stands in a file's name.
. "$(dirname "$0")/../vm/guest.sh"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/virt.sh"
. "$(dirname "$0")/virt_tree.sh"
. "$(dirname "$0")/virt_confined.sh"

tests=(helper:4 system-file:2 xml:1 replace:2)
# A libvirtd of this machine, in a session of its own, with the lab's QEMU and kernel.
full=(session:120)
# And those of Debian 13's backports, with the lab's guest.
full+=(backports-session:300 backports-system:250)
# And where AppArmor confines machines: in a guest that plays the host.
full+=(apparmor:300)

HOST=$WAYFERRY_BUILD/host-bridge/wayferry-host

# The namespace's /run has the user's runtime directory and the journal, as a machine with systemd has them.
helper_start() {
    # shellcheck disable=SC2016
    spawn bridge-host unshare --mount --propagation private sh -euc '
        mount -t tmpfs tmpfs /run
        mkdir -p "/run/user/$(id -u)"
        ln -s "$1" "/run/user/$(id -u)/wayland-0"
        shift
        exec "$@"' sh "$XDG_RUNTIME_DIR/compositor" "$E2E_DIRECTORY/helper.py" "$XDG_RUNTIME_DIR/bridge.gpu" \
        "$WORK/3-debian.12-ua-wayferry-vhost-user-gpu.pid" "$LOGS/journal.log" "$HOST"
    until_true 10 test -S "$XDG_RUNTIME_DIR/bridge.gpu" || fail "nothing listens (log: $LOGS/bridge-host.log)"
}

has_title() {
    sway_message compositor -t get_tree | grep -qF "\"name\": \"$1\""
}

test_helper() {
    need foot unshare
    [ "$(id -u)" = 0 ] || fail "a /run of its own needs root"
    sway_start compositor
    mkdir -p "$HOME/.config/wayferry"
    echo "stats = yes" >"$HOME/.config/wayferry/debian-12.conf"
    helper_start
    bridge_start_guest bridge
    spawn foot env WAYLAND_DISPLAY=bridge foot --title=hello sleep 600
    until_true 20 has_title "[debian-12] hello" || fail "no window with the machine's name (logs: $LOGS)"
    grep -qE '^wayferry-host$' "$LOGS/journal.log" || fail "the journal does not know who writes (log: $LOGS/journal.log)"
    stop bridge-guest
    # The connection was the only one.
    until_true 10 not alive "${PID[bridge-host]}" || fail "wayferry-host stays when its frontend has left"
    stop bridge-host
    [ "$STOP_STATUS" = 0 ] || fail "wayferry-host ended with status $STOP_STATUS (log: $LOGS/journal.log)"
    grep -q '^commands [1-9]' "$LOGS/journal.log" || fail "the machine's file was not read (log: $LOGS/journal.log)"
    # What libvirt reads to find it, and what it asks then.
    python3 -c 'import json, sys; file = json.load(sys.stdin)
sys.exit(file["type"] != "gpu" or not file["binary"].endswith("/wayferry-host"))' \
        <"$WAYFERRY_BUILD/host-bridge/90-wayferry.json" || fail "the description is not what libvirt reads"
    [ "$("$HOST" --print-capabilities | python3 -c 'import json, sys; print(json.load(sys.stdin)["type"])')" = gpu ] ||
        fail "the capabilities are not what libvirt reads"
    sanitizers_silent
}

# The helper of a machine of qemu:///system, which is told of no home: what it reads then, on a line each time it ends.
system_helper_says() {
    rm -f "$LOGS/journal.log" "$XDG_RUNTIME_DIR/bridge.gpu"
    # shellcheck disable=SC2016
    limited 30 unshare --mount --propagation private sh -euc '
        mount -t tmpfs tmpfs /run
        mkdir /run/upper /run/work
        mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work /etc
        echo "root:x:0:0::$1/home-of-root:/bin/sh" >/etc/passwd
        mkdir /etc/wayferry
        echo "of-the-system = yes" >/etc/wayferry/debian-12.conf
        echo "another = yes" >/etc/wayferry/debian.conf
        shift
        unset HOME
        exec "$@"' sh "$WORK" "$E2E_DIRECTORY/helper.py" "$XDG_RUNTIME_DIR/bridge.gpu" \
        "$WORK/3-debian.12-ua-wayferry-vhost-user-gpu.pid" "$LOGS/journal.log" "$HOST" >"$LOGS/helper.log" 2>&1 &
    PID[helper]=$!
    until_true 10 test -S "$XDG_RUNTIME_DIR/bridge.gpu" || fail "nothing listens (log: $LOGS/helper.log)"
    python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])' "$XDG_RUNTIME_DIR/bridge.gpu"
    wait "${PID[helper]}"
    unset "PID[helper]"
    cat "$LOGS/journal.log"
}

test_system_file() {
    need unshare python3
    [ "$(id -u)" = 0 ] || fail "an /etc of its own needs root"
    local file=$WORK/home-of-root/.config/wayferry/debian-12.conf
    system_helper_says | grep -qF "/etc/wayferry/debian-12.conf:1: of-the-system = yes" ||
        fail "the system's file is not read (log: $LOGS/journal.log)"
    mkdir -p "${file%/*}"
    echo "of-the-user = yes" >"$file"
    system_helper_says | grep -qF "$file:1: of-the-user = yes" || fail "the user's file is not read (log: $LOGS/journal.log)"
}

# ---- sub-commands

# A virsh and a virt-xml that write down what they are told. "fails" has the second virt-xml fail.
fake_libvirt() {
    mkdir -p "$WORK/bin"
    printf '#!/bin/sh\nprintf "%%s|" "${0##*/}" "$@" >>"%s"; echo >>"%s"\n' "$LOGS/commands" "$LOGS/commands" >"$WORK/bin/virt-xml"
    cp "$WORK/bin/virt-xml" "$WORK/bin/virsh"
    # shellcheck disable=SC2016
    echo 'case "$*" in *dumpxml*) cat "$FAKE_DEFINITION" ;; *define*) cat "$4" >"$FAKE_DEFINITION.defined" ;; esac' >>"$WORK/bin/virsh"
    # shellcheck disable=SC2016
    echo 'case "$FAKE_FAILS$*" in yes*--qemu-commandline*) exit 1 ;; esac' >>"$WORK/bin/virt-xml"
    chmod +x "$WORK/bin/"*
    export PATH=$WORK/bin:$PATH FAKE_DEFINITION=$WORK/definition FAKE_FAILS=no
    echo "<domain/>" >"$FAKE_DEFINITION"
}

# elements_of FILE: the first of each kind that a machine gets, without spaces.
elements_of() {
    python3 -c 'import re, sys
text = re.sub(r"\s", "", open(sys.argv[1]).read().replace("YOU:", "root:"))
for name in "memoryBacking", "video", "seclabel", "qemu:override":
    print(re.search(f"<{name}.*?</{name}>", text).group())' "$1"
}

# printed_as_documented FILE: what is printed is what docs/libvirt.md has.
printed_as_documented() {
    local page=$SOURCE_ROOT/docs/libvirt.md
    elements_of "$page" >"$WORK/page.xml" && diff "$WORK/page.xml" <(elements_of "$1") || fail "these elements are not those of docs/libvirt.md"
    [ "$(grep -o "qemu-commandline=[^']*" "$1" | sed 's/.*line=//; s|path=[^ ]*|path=/run/user/1000/wayferry/work.gpu|')" = \
        "$(grep -o "<qemu:arg value='[^']*'" "$page" | cut -d "'" -f 2 | paste -sd ' ')" ] ||
        fail "the device is another than in docs/libvirt.md (see $1)"
    grep -qFx 'virt-xml -c qemu:///session NAME --edit --memorybacking source.type=memfd,access.mode=shared' \
        <(sed -n 's/^`\(virt-xml .*\)` adds that\..*/\1/p' "$page") || fail "docs/libvirt.md has another command for the memory"
}

test_xml() {
    fake_libvirt
    # What is printed is what a shell takes, and is what --apply does.
    "$HOST" libvirt-xml "my box" >"$WORK/printed" || fail "nothing is printed"
    sed -n 's/^virt-xml /virt-xml /p' "$WORK/printed" >"$WORK/script"
    [ "$(wc -l <"$WORK/script")" = 2 ] && sh -eu "$WORK/script" || fail "the commands are no commands (see $WORK/printed)"
    mv "$LOGS/commands" "$WORK/by-hand"
    grep -q "|my box|--edit|--qemu-commandline=-device .*path=$XDG_RUNTIME_DIR/wayferry/my-box.gpu " "$WORK/by-hand" || fail "the device has no socket"
    sed -n '/^<domain/,/^<.domain/p' "$WORK/printed" | python3 -c 'import sys, xml.dom.minidom as dom; dom.parse(sys.stdin)' ||
        fail "the elements are no XML"
    "$HOST" libvirt-xml "my box" --apply >"$LOGS/apply.txt" || fail "the commands fail"
    grep '^virt-xml' "$LOGS/commands" | cmp - "$WORK/by-hand" || fail "--apply runs other commands than are printed"
    grep -q '|qemu:///session|my box|--edit|--memorybacking|source.type=memfd,access.mode=shared|' "$WORK/by-hand" ||
        fail "the memory is not shared"
    # One that fails changes nothing.
    FAKE_FAILS=yes "$HOST" libvirt-xml "my box" --apply 2>"$LOGS/failed.txt" && fail "a failure is not told"
    cmp "$FAKE_DEFINITION" "$FAKE_DEFINITION.defined" || fail "the definition was not put back"
    # One that has it is left alone.
    echo "<domain>vhost-user-test-device-pci,id=wayferry-gpu</domain>" >"$FAKE_DEFINITION"
    : >"$LOGS/commands"
    "$HOST" libvirt-xml "my box" --apply --system root >"$LOGS/again.txt" || fail "it cannot be run again"
    grep -q '^virt-xml' "$LOGS/commands" && fail "the device would be there twice"
    grep -q 'qemu:///system' "$LOGS/commands" || fail "--system is not heeded"
    # The system's machines have a label, and AppArmor's rules; those of the session have neither.
    "$HOST" libvirt-xml "my box" --system root >"$WORK/of-the-system" || fail "nothing is printed for the system"
    grep -q '^virt-xml .*/label=root:libvirt-qemu' "$WORK/of-the-system" && grep -q '<label>root:libvirt-qemu</label>' "$WORK/of-the-system" ||
        fail "the machine would not run as the user (see $WORK/of-the-system)"
    [ "$(sed -n '\|^# .* in /etc/apparmor.d/.*:$|,$p' "$WORK/of-the-system" | grep -v '^#')" = \
        "  /run/user/[0-9]*/wayferry/*.gpu rw,
  $(realpath "$HOST") rmix,
  @{HOME}/.config/wayferry/*.conf r,
  /etc/wayferry/*.conf r,
  /run/user/[0-9]*/wayland-[0-9]* rw,
  /run/user/[0-9]*/wayferry/ r,
  /run/user/[0-9]*/wayferry/{.[0-9]*,*.control,*.context} rwl," ] || fail "AppArmor's rules are others (see $WORK/of-the-system)"
    printed_as_documented "$WORK/of-the-system"
    grep -qi 'apparmor\|libvirt-qemu' "$WORK/printed" && fail "a session's machine gets what the system's need"
    "$HOST" libvirt-xml work --system no-such-user 2>/dev/null && fail "any user will do"
    sanitizers_silent
}

# The commands that change something, in their order.
changes() {
    grep -oE '"execute": "(device|chardev)[a-z_-]*"' "$1" | cut -d '"' -f 4 | paste -sd ' '
}

test_replace() {
    local gpu=$XDG_RUNTIME_DIR/bridge.gpu
    spawn qmp "$E2E_DIRECTORY/qmp.py" "$XDG_RUNTIME_DIR/qmp" "$gpu" "$WORK/commands"
    until_true 10 test -S "$XDG_RUNTIME_DIR/qmp" || fail "no monitor (log: $LOGS/qmp.log)"
    "$HOST" replace work --qmp "$XDG_RUNTIME_DIR/qmp" 2>"$LOGS/nobody.log" && fail "a device is replaced by none"
    grep -qF "nothing listens at $gpu" "$LOGS/nobody.log" || fail "it is not said what is missing (log: $LOGS/nobody.log)"
    [ -z "$(changes "$WORK/commands")" ] || fail "the old device is taken away although there is no new one"
    spawn gpu python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); time.sleep(600)' "$gpu"
    until_true 10 test -S "$gpu"
    limited 20 "$HOST" replace work --qmp "$XDG_RUNTIME_DIR/qmp" >"$LOGS/replace.log" 2>&1 ||
        fail "the device is not replaced (log: $LOGS/replace.log)"
    [ "$(changes "$WORK/commands")" = "device_del chardev-remove chardev-remove chardev-remove chardev-add device_add" ] ||
        fail "it was not done in this order: $(changes "$WORK/commands")"
    tail -n 1 "$WORK/commands" | grep -F '"bus": "the-bus", "chardev": "the-socket"' | grep -qF '"id": "the-gpu"' ||
        fail "the new device is not where the old one was"
    # Whoever interrupts it could still have done the rest.
    grep '^{"execute"' "$LOGS/replace.log" | python3 -c 'import json, sys
for line in sys.stdin: print(json.dumps(json.loads(line), sort_keys=True))' >"$WORK/said"
    tail -n 2 "$WORK/commands" | cmp - "$WORK/said" ||
        fail "the rest is not what was said (log: $LOGS/replace.log)"
    limited 20 "$HOST" replace work --qmp "$XDG_RUNTIME_DIR/qmp" 2>"$LOGS/gone.log" && fail "a device that is not there is replaced"
    grep -q "has 0 devices" "$LOGS/gone.log" || fail "it is not said what is missing (log: $LOGS/gone.log)"
    # By way of virsh: the same, of what virsh says.
    fake_libvirt
    # shellcheck disable=SC2016
    echo 'echo "{\"error\": {\"class\": \"x\", \"desc\": \"of virsh\"}}"' >>"$WORK/bin/virsh"
    "$HOST" replace "my box" 2>"$LOGS/virsh.log" && fail "an error is not told"
    grep -q "of virsh" "$LOGS/virsh.log" || fail "the error is not told (log: $LOGS/virsh.log)"
    grep -qF '|qemu:///session|qemu-monitor-command|my box|' "$LOGS/commands" || fail "virsh is not asked"
    sanitizers_silent
}

# ---- libvirt itself

virt_red() {
    virt screenshot "$1" "$VIRT/rt/$1.picture" && [ "$(pixels_of "$VIRT/rt/$1.picture" '#aa0000')" = 10240 ]
}

# virt_elements NAME: the first such of QEMU's own elements in docs/libvirt.md.
virt_elements() {
    sed -n "/<qemu:$1>/,/<\/qemu:$1>/p" "$SOURCE_ROOT/docs/libvirt.md" | sed "s|path=[^']*|path=$VIRT/rt/work.gpu|"
}

test_session() {
    virt_need
    virt_start
    # QEMU's own device: a console.
    virt_machine plain "<driver name='vhostuser'/><model type='virtio'/>" ""
    until_true 30 virt_red plain || fail "the console is not seen (picture: $VIRT/rt/plain.picture)"
    grep -q -- '-blob.*-host_visible\|-resource_blob' "$VIRT/rt/plain.serial" || fail "QEMU's own device has blobs: docs/libvirt.md says it has not"
    virt_life plain
    # With the override: wayferry's, beside an ordinary one; it goes with its wayferry-host.
    virt_machine helped "<model type='vga'/></video><video><driver name='vhostuser'/><model type='virtio'/><alias name='ua-wayferry'/>" \
        "$(virt_elements override)"
    virt_whole helped
    virt_not_saved helped
    virt_as_user timeout 100 "$VIRT/wayferry-host" replace helped >"$LOGS/not-replaced.log" 2>&1 && fail "a device without a socket is replaced"
    grep -q 'has to be started anew' "$LOGS/not-replaced.log" || fail "it is not said what helps (log: $LOGS/not-replaced.log)"
    virt_life helped
    # A socket, by the command line; and another device, when wayferry-host has ended.
    spawn first setpriv --reuid=65534 --regid=65534 --clear-groups "$VIRT/wayferry-host" --socket "$VIRT/rt/work.gpu" --vm work
    until_true 10 test -S "$VIRT/rt/work.gpu" || fail "wayferry-host does not listen (log: $LOGS/first.log)"
    virt_machine work "<model type='none'/>" "$(virt_elements commandline)"
    virt_whole work
    virt_not_saved work
    stop first
    spawn second setpriv --reuid=65534 --regid=65534 --clear-groups "$VIRT/wayferry-host" --socket "$VIRT/rt/work.gpu" --vm work
    until_true 10 test -S "$VIRT/rt/work.gpu" || fail "wayferry-host does not listen (log: $LOGS/second.log)"
    virt_as_user timeout 200 "$VIRT/wayferry-host" replace work >"$LOGS/replace.log" 2>&1 ||
        fail "the device is not replaced (log: $LOGS/replace.log)"
    until_true 100 grep -q 'the driver starts' "$LOGS/second.log" || fail "the guest does not find the new device (log: $LOGS/second.log)"
    virt_life work
    stop second
    stop libvirtd
    sanitizers_silent
}

# ---- libvirt and QEMU of Debian 13's backports, with windows

# For tests/run.sh, which makes the trees before the tests begin, and wayferry-host there.
test_prepare_session() {
    virt_need
}

test_prepare_backports_session() {
    virt_tree_need
}

test_prepare_backports_system() {
    virt_tree_need
}

test_prepare_apparmor() {
    confined_need
}

# The seclabel of docs/libvirt.md, for the system's libvirt.
virt_seclabel() {
    [ "$VIRT_URI" = qemu:///session ] || sed -n "/^<seclabel/s/YOU/nobody/p" "$SOURCE_ROOT/docs/libvirt.md"
}

# The two ways with windows; and what can be done with a machine meanwhile.
backports_helper() {
    virt_guest_start helped "<model type='vga'/></video><video><driver name='vhostuser'/><model type='virtio'/><alias name='ua-wayferry'/>" \
        "$(virt_seclabel)$(virt_elements override)"
    virt_guest_window helped first
    virt suspend helped
    virt resume helped
    has_window "[helped] first" || fail "the window is gone when the machine goes on"
    virt_guest_window helped second
    # Beside it, the console is the machine's.
    (umask 0 && guest_run helped --root sh -c 'echo from within >/dev/ttyS0') || fail "the guest has no serial line"
    until_true 20 grep -q 'from within' "$LOGS/helped-vm.log" || fail "virsh console does not show it (log: $LOGS/helped-vm.log)"
    virt_guest_reset helped
    virt_guest_no_window helped first
    virt_guest_window helped third
    virt_not_saved helped
    virt_guest_end helped
    virt_guest_no_window helped third
}

backports_host() {
    spawn "$1" "${VIRT_UNDER[@]}" setpriv --reuid=65534 --regid=65534 --clear-groups env -i XDG_RUNTIME_DIR="$VIRT/rt" \
        "$VIRT/wayferry-host" --socket "$VIRT/rt/work.gpu" --vm work
    until_true 10 test -S "$VIRT/rt/work.gpu" || fail "wayferry-host does not listen (log: $LOGS/$1.log)"
}

backports_commandline() {
    backports_host first
    virt_guest_start work "<model type='none'/>" "$(virt_seclabel)$(virt_elements commandline)"
    virt_guest_window work first
    virt suspend work
    virt resume work
    virt_guest_window work second
    # wayferry-host ends, and another takes its place.
    stop first
    virt_guest_no_window work first
    backports_host second
    virt_as_user timeout 200 "$VIRT/wayferry-host" replace work "$@" >"$LOGS/replace.log" 2>&1 ||
        fail "the device is not replaced (log: $LOGS/replace.log)"
    virt_guest_window work third
    virt_guest_reset work
    virt_guest_window work fourth
    virt_guest_end work
    virt_guest_no_window work fourth
    stop second
    [ "$STOP_STATUS" = 0 ] || fail "wayferry-host ended with status $STOP_STATUS (log: $LOGS/second.log)"
}

backports_console() {
    virt_machine plain "<driver name='vhostuser'/><model type='virtio'/>" "$(virt_seclabel)"
    until_true 30 virt_red plain || fail "the console is not seen (picture: $VIRT/rt/plain.picture)"
    virt_life plain
}

# not_started NAME LABEL TEXT: a machine with this label does not start, and TEXT is said.
not_started() {
    virt_define "$1" "<model type='none'/>" "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>$2$(virt_elements commandline)"
    virt_as_user timeout 100 virsh -q -c "$VIRT_URI" start "$1" >"$LOGS/$1-start.log" 2>&1 && fail "$1 starts"
    grep -q "$3" "$LOGS/$1-start.log" || fail "it is not for that reason that $1 does not start (log: $LOGS/$1-start.log)"
    virt undefine "$1"
}

# Without the label of docs/libvirt.md QEMU may not open the socket; with another group it cannot read libvirt's key.
backports_labels() {
    backports_host labels
    not_started no-label "" "work.gpu.*Permission denied"
    not_started no-group "$(virt_seclabel | sed 's/:libvirt-qemu/:nogroup/')" "master-key.*Permission denied"
    stop labels
}

backports_end() {
    stop libvirtd
    sanitizers_silent
}

test_backports_session() {
    virt_tree_need
    sway_start host
    "$LAB/guest.sh" prepare $VIRT_TREE_KIND >"$LOGS/prepare.log" 2>&1 && fail "what a guest uses is made anew"
    grep -q 'has its layer in use' "$LOGS/prepare.log" || fail "it is not said who uses it (log: $LOGS/prepare.log)"
    virt_tree_start
    virt version
    backports_console
    backports_helper
    backports_commandline
    backports_end
}

test_backports_system() {
    virt_tree_need
    sway_start host
    virt_tree_start_system
    virt version
    backports_labels
    backports_console
    backports_helper
    backports_commandline --system nobody
    backports_end
}

# ---- AppArmor

test_apparmor() {
    confined_need
    confined_run
    confined_says profiles
    confined_says capabilities "<model>apparmor</model>"
    confined_says define-work
    confined_says define-helped
    # Without rules libvirt cannot start wayferry-host, and the doctor says what is missing. Sockets are kept from a machine by
    # kernels alone whose AppArmor knows them.
    grep -q "has no rule for wayferry" "$CONFINED/doctor-without" || fail "the doctor does not say it (steps: $LOGS/steps)"
    if [ "$(cat "$CONFINED/af-unix.status")" = 0 ]; then
        confined_fails work-without "Permission denied"
    else
        confined_says work-without
    fi
    confined_fails helped-without "Failed to write msg"
    # The first rule is for the socket alone.
    grep -q "AppArmor has a rule for wayferry" "$CONFINED/doctor-with" || fail "the doctor finds no rule (steps: $LOGS/steps)"
    confined_fails helped-with-one "Failed to write msg"
    confined_says work-with-one
    confined_is work-label
    # With the others libvirt starts wayferry-host, which its machine's profile confines. As confined, it shows a window, has
    # read its machine's file, and says what it goes without.
    confined_says helped-with-all
    confined_is helped-label
    confined_says window "3 frames"
    grep -q '^mapped' "$CONFINED/compositor" || fail "there was no window (steps: $LOGS/steps)"
    grep -q '^commands [1-9]' "$CONFINED/journal" || fail "the machine's file was not read (steps: $LOGS/steps)"
    [ "$(grep 'Permission denied' "$CONFINED/journal" | grep -oE 'udmabuf|no namespaces|no private root' | paste -sd ,)" = \
        "udmabuf,no namespaces,no private root" ] || fail "it goes without something else (steps: $LOGS/steps)"
    [ "$(grep -c 'Permission denied' "$CONFINED/journal")" = 3 ] || fail "it goes without more (steps: $LOGS/steps)"
    confined_says helped-end
    sanitizers_silent
}

e2e_main "$@"
