# shellcheck shell=bash
# A desktop and a machine of Debian 13 that get nothing of wayferry but its packages, as docs/virtual-machines.md says: its
# commands are taken out of the page. Sourced by packages.sh.

PACKAGED_PAGE=$SOURCE_ROOT/docs/virtual-machines.md
PACKAGED_SETUP=$E2E_DIRECTORY/packaged

desktop_tree() {
    LAB_BACKPORTS=yes lab_tree_path "$PACKAGED_SETUP-desktop.sh" desktop
}

machine_tree() {
    lab_tree_path "$PACKAGED_SETUP-guest.sh" machine
}

# The machine's disk, which is never written to.
machine_disk() {
    echo "$(machine_tree).disk"
}

machine_disk_build() {
    local new=$LAB_CACHE/disk.new
    [ -e "$(machine_disk)" ] && return 0
    lab_say "making the disk of a machine (once)"
    rm -f "$new"
    quietly disk nice mke2fs -q -t ext4 -d "$(machine_tree)" "$new" 4G
    mv "$new" "$(machine_disk)"
}

# What takes long to make the first time. (The time of a test has no room for that.)
packaged_prepare() {
    [ -e "$(desktop_tree)" ] || (LAB_BACKPORTS=yes lab_locked lab_tree "$PACKAGED_SETUP-desktop.sh" desktop) || fail "there is no desktop"
    [ -e "$(machine_tree)" ] || (lab_locked lab_tree "$PACKAGED_SETUP-guest.sh" machine) || fail "there is no machine"
    [ -e "$(machine_disk)" ] || (lab_locked machine_disk_build) || fail "the machine has no disk"
    lab_used "$(desktop_tree)" "$(machine_tree)" "$(machine_disk)"
}

packaged_need() {
    need unshare nsenter setpriv mke2fs
    [ "$(id -u)" = 0 ] || fail "a tree of another system needs root"
    packaged_prepare
}

# The desktop: a system that has what its tree has, no network but its own, a user manager and a compositor. What it writes goes
# with it, but in /mnt, which is this test's directory.
desktop_start() {
    local group=/sys/fs/cgroup/wayferry-test.$$
    mkdir -p "$WORK/desktop"
    # shellcheck disable=SC2016
    spawn desktop unshare --mount --net --propagation private sh -euc '
        tree=$1 work=$2 image=$3 group=$4
        layers=$work/desktop
        mount -t tmpfs -o mode=755 tmpfs "$layers"
        mkdir "$layers/upper" "$layers/work" "$layers/root"
        mount -t overlay overlay -o "lowerdir=$tree,upperdir=$layers/upper,workdir=$layers/work" "$layers/root"
        cd "$layers/root"
        mount --bind "$work" mnt
        : >mnt/machine.disk
        mount --bind "$image" mnt/machine.disk
        mount -o remount,bind,ro mnt/machine.disk
        mount --rbind /dev dev
        mount --bind /proc proc
        mount -t sysfs sysfs sys
        mount -t cgroup2 cgroup2 sys/fs/cgroup
        mount -t tmpfs -o mode=1777 tmpfs tmp
        mount -t tmpfs -o mode=755 tmpfs run
        mkdir -p run/systemd/system run/user/1000 "./$group/init"
        echo $$ >"./$group/init/cgroup.procs"
        chown -R 1000:1000 run/user/1000 "./$group"
        chmod 700 run/user/1000
        rm -f etc/apt/apt.conf.d/99mmdebstrap       # of how the tree was made
        mkdir old
        pivot_root . old
        umount -l old
        exec setpriv --reuid=1000 --regid=1000 --init-groups env -i PATH=/usr/bin:/bin HOME=/home/user USER=user LANG=C.UTF-8 \
            XDG_RUNTIME_DIR=/run/user/1000 /lib/systemd/systemd --user --log-target=console' \
        sh "$(desktop_tree)" "$WORK" "$(machine_disk)" "$group"
    until_true 20 desktop_is_up || fail "the desktop does not start (log: $LOGS/desktop.log)"
    desktop_root ip link set lo up || fail "the desktop has no network"
}

# Before it is the manager it may still be in this system's namespaces, and nsenter, too.
desktop_is_up() {
    alive "${PID[desktop]}" || fail "the desktop ended (log: $LOGS/desktop.log)"
    [[ $(readlink "/proc/${PID[desktop]}/exe") = */systemd ]] && desktop systemctl --user is-active --quiet basic.target 2>/dev/null
}

desktop_root() {
    nsenter --mount --net --root --target "${PID[desktop]}" env -i -C /mnt PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
}

# desktop COMMAND...: as the user in his session.
desktop() {
    desktop_root setpriv --reuid=1000 --regid=1000 --init-groups env -i -C /mnt PATH=/usr/bin:/bin HOME=/home/user USER=user \
        LANG=C.UTF-8 TERM=dumb XDG_RUNTIME_DIR=/run/user/1000 "$@"
}

# Its control group is nobody's then.
desktop_end() {
    desktop systemctl --user exit
    until_true 20 not alive "${PID[desktop]}" || fail "the user's manager does not end (log: $LOGS/desktop.log)"
    unset "PID[desktop]"
    # shellcheck disable=SC2016
    unshare --mount --propagation private sh -c 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && find "$1" -depth -type d -exec rmdir {} +' \
        sh /sys/fs/cgroup/wayferry-test.$$
}

# page NUMBER: the commands of that section of the page, which are its first.
page() {
    awk -v section="## $1." 'index($0, "## ") == 1 { here = index($0, section) == 1 }
        here && /^```$/ { exit }
        on { print }
        here && /^```sh$/ { on = 1 }' "$PACKAGED_PAGE"
}

desktop_sway() {
    desktop swaymsg -s "$(desktop sh -c 'echo /run/user/1000/sway-ipc.*.sock')" "$@"
}

desktop_shows() {
    desktop_sway -t get_tree | grep -qF "\"name\": \"$1\""
}

desktop_picture() {
    desktop env WAYLAND_DISPLAY=wayland-1 grim -l 1 /mnt/shot.png && mv "$WORK/shot.png" "$LOGS/$1.png"
}

# desktop_draws NAME: there is more than the background; the picture is NAME.png.
desktop_draws() {
    desktop_picture "$1" && (($(pixels_of "$LOGS/$1.png" "$BACKGROUND") < 1280 * 720 - 5000))
}

desktop_compositor() {
    printf '%s\n' 'xwayland disable' 'output HEADLESS-1 mode 1280x720@60Hz' "output HEADLESS-1 bg $BACKGROUND solid_color" \
        'default_border none' >"$WORK/sway.conf"
    spawn sway nsenter --mount --net --root --target "${PID[desktop]}" setpriv --reuid=1000 --regid=1000 --init-groups env -i \
        PATH=/usr/bin:/bin HOME=/home/user XDG_RUNTIME_DIR=/run/user/1000 WLR_BACKENDS=headless WLR_RENDERER=pixman \
        WLR_LIBINPUT_NO_DEVICES=1 sway -c /mnt/sway.conf
    until_true 20 desktop_sway -t get_version >"$LOGS/sway-version.log" 2>&1 || fail "sway does not start (log: $LOGS/sway.log)"
}

# Section 2: the host's package, doctor, setup.
packaged_host() {
    local line
    page 2 >"$LOGS/page-2.sh"
    [ "$(grep -c . "$LOGS/page-2.sh")" = 3 ] || fail "docs/virtual-machines.md has other commands for the host: $(cat "$LOGS/page-2.sh")"
    while IFS= read -r line; do
        echo "\$ $line" >>"$LOGS/host.log"
        case $line in
        sudo*) desktop_root sh -uc "${line#sudo }" ;;
        *) desktop sh -uc "$line" ;;
        esac >>"$LOGS/host.log" 2>&1 </dev/null || fail "\"$line\" fails (log: $LOGS/host.log)"
    done <"$LOGS/page-2.sh"
}

# Section 3: the machine, whose disk starts by itself but for a boot loader; with processors in software.
packaged_machine() {
    cp -L "$(machine_tree)/vmlinuz" "$(machine_tree)/initrd.img" "$WORK/"
    chmod 644 "$WORK/vmlinuz" "$WORK/initrd.img"
    page 3 >"$LOGS/page-3.sh"
    grep -q -- '-accel kvm -cpu host.*-m 4G' "$LOGS/page-3.sh" && grep -q 'file=disk.qcow2.*hostfwd=tcp:127.0.0.1:2222-:22' "$LOGS/page-3.sh" ||
        fail "docs/virtual-machines.md has another machine: $(cat "$LOGS/page-3.sh")"
    desktop_root chown user /mnt
    desktop qemu-img create -q -f qcow2 -b /mnt/machine.disk -F raw disk.qcow2 || fail "the machine has no disk"
    {
        sed -e 's/-accel kvm -cpu host/-accel tcg -cpu max,phys-bits=39/' "$LOGS/page-3.sh" | sed '$s/$/ \\/'
        echo '-display none -serial stdio -kernel vmlinuz -initrd initrd.img -append "root=/dev/vda rw console=ttyS0 mitigations=off no_timer_check quiet"'
    } >"$WORK/machine.sh"
    spawn machine nsenter --mount --net --root --target "${PID[desktop]}" setpriv --reuid=1000 --regid=1000 --init-groups env -i -C /mnt \
        PATH=/usr/bin:/bin HOME=/home/user XDG_RUNTIME_DIR=/run/user/1000 sh -eu /mnt/machine.sh
    install -m 600 -o 1000 "$(machine_tree)/etc/machine-key" "$WORK/key"
    until_true 900 machine_answers || fail "the machine cannot be reached (console: $LOGS/machine.log)"
}

SSH=(-i /mnt/key -o ConnectTimeout=100 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR)

machine() {
    desktop ssh "${SSH[@]}" -p 2222 user@127.0.0.1 "$@"
}

machine_answers() {
    alive "${PID[machine]}" || fail "the machine ended (log: $LOGS/machine.log)"
    machine true 2>/dev/null </dev/null
}

# Section 4: the guest's package, and a window; then for every login.
packaged_guest() {
    local line
    page 4 >"$LOGS/page-4.sh"
    [ "$(tail -n 1 "$LOGS/page-4.sh" | sed 's/ *#.*//')" = "wayferry-guest -- foot" ] ||
        fail "docs/virtual-machines.md has another application: $(cat "$LOGS/page-4.sh")"
    desktop sh -c 'scp "$@" /mnt/wayferry-guest_*.deb user@127.0.0.1:' sh "${SSH[@]}" -P 2222 || fail "the package is not copied"
    while IFS= read -r line; do
        echo "\$ $line" >>"$LOGS/guest.log"
        machine "$line" >>"$LOGS/guest.log" 2>&1 </dev/null || [[ $line = *terminate-user* ]] || fail "\"$line\" fails (log: $LOGS/guest.log)"
        [[ $line != *terminate-user* ]] || until_true 300 machine_answers || fail "nobody can log in again"
    done < <(head -n -1 "$LOGS/page-4.sh")
    spawn first nsenter --mount --net --root --target "${PID[desktop]}" setpriv --reuid=1000 --regid=1000 --init-groups env -i \
        PATH=/usr/bin:/bin HOME=/home/user ssh "${SSH[@]}" -p 2222 user@127.0.0.1 "$(tail -n 1 "$LOGS/page-4.sh")"
    until_true 300 desktop_shows '[work] foot' || fail "no window (logs: $LOGS)"
    until_true 300 desktop_draws first || fail "the window shows nothing (picture: $LOGS/first.png)"
    desktop_sway '[title="."]' kill >"$LOGS/kill.log"
    until_true 200 not alive "${PID[first]}" || fail "wayferry-guest does not end with its application"
    unset "PID[first]"
}

# What the page says of logins after wayferry-guest setup; and the demo's window.
packaged_logins() {
    machine wayferry-guest setup >"$LOGS/setup.log" 2>&1 || fail "wayferry-guest setup fails (log: $LOGS/setup.log)"
    # shellcheck disable=SC2016
    machine 'sudo loginctl terminate-user $USER' >>"$LOGS/setup.log" 2>&1
    until_true 300 machine_answers || fail "nobody can log in again"
    # shellcheck disable=SC2016
    [ "$(machine 'bash -lc '\''echo $WAYLAND_DISPLAY $XDG_SESSION_TYPE'\')" = 'wayferry-0 wayland' ] || fail "a login shell has no display"
    # Logins come and go here; this one is that of a machine that nobody logs in to.
    # shellcheck disable=SC2016
    machine 'sudo loginctl enable-linger $USER' || fail "the user's manager does not stay"
    machine systemd-run --user --quiet foot || fail "the user's manager starts nothing"
    until_true 300 desktop_shows '[work] foot' || fail "no window of what the user's manager starts (logs: $LOGS)"
    desktop_sway '[title="."]' kill >>"$LOGS/kill.log"
    until_true 200 not desktop_shows '[work] foot' || fail "a window stays"
    spawn demo nsenter --mount --net --root --target "${PID[desktop]}" setpriv --reuid=1000 --regid=1000 --init-groups env -i \
        PATH=/usr/bin:/bin HOME=/home/user ssh "${SSH[@]}" -p 2222 user@127.0.0.1 'GSK_RENDERER=cairo bash -lc gtk4-widget-factory'
    until_true 600 desktop_shows '[work] GTK Widget Factory' || fail "no window of the demo (logs: $LOGS)"
    until_true 300 desktop_draws demo || fail "the demo's window shows nothing (picture: $LOGS/demo.png)"
}

packaged_end() {
    machine sudo systemctl poweroff
    until_true 600 not alive "${PID[machine]}" || fail "the machine does not end (console: $LOGS/machine.log)"
    unset "PID[machine]"
    # The page: wayferry-host stays and serves the next start.
    desktop systemctl --user is-active --quiet wayferry-host@work.socket wayferry-host@work.service || fail "wayferry-host does not stay"
    desktop wayferry-host setup work --undo >>"$LOGS/host.log" 2>&1 || fail "setup is not undone (log: $LOGS/host.log)"
    desktop systemctl --user is-active --quiet wayferry-host@work.socket && fail "setup is not undone (log: $LOGS/host.log)"
    stop sway
    desktop_end
}
