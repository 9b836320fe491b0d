#!/bin/bash
# A guest at native speed: User-Mode Linux, whose virtio_gpu driver talks straight to wayferry-host's
# socket, on a Debian 13 tree. See --help.
set -u

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
VM=$ROOT/tests/vm
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/wayferry/vm
MIRROR=${WAYFERRY_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -m 1 '/debian$')}
SOURCE=${WAYFERRY_UML_SOURCE:-linux-source-7.2}     # a package; the newest 7.x when it is not there
SUITE=trixie
MEMORY=1G

# What the host needs, and what the guest has: applications, and the means to build wayferry there.
HOST_PACKAGES="build-essential flex bison bc libelf-dev libssl-dev xz-utils mmdebstrap debian-archive-keyring"
TREE_PACKAGES="weston foot wl-clipboard wayland-utils fonts-dejavu-core xkb-data
    build-essential meson ninja-build pkgconf libwayland-dev libwayland-bin wayland-protocols libdrm-dev
    libpixman-1-dev libseccomp-dev"

usage() {
    cat <<'END'
Usage: tests/vm/uml.sh build | tree
       tests/vm/uml.sh run SOCKET COMMAND [ARGUMENT...]

A guest for tests: a User-Mode Linux kernel whose virtio-gpu device is the wayferry-host behind SOCKET.

  build   makes what is missing in ~/.cache/wayferry/vm: the kernel (from the Debian package
          linux-source-7.2 of trixie-backports; about six minutes on two processors, once), a Debian 13
          tree with Wayland applications (half a minute, once), and in it wayferry-guest from this
          working copy (each time; only what changed is compiled). Needs root, for mmdebstrap and chroot.
  tree    prints where the tree is.
  run     builds, then boots and runs COMMAND as root of the guest; its output is ours and its
          exit status, too (125: the guest did not get that far). SIGTERM and SIGINT switch the guest
          off. Stop it before wayferry-host. Any number of guests may run at a time.

In the guest /dev/dri/renderD128 is the device, / is the tree, read-only, /tmp and /run are memory, and
/mnt is a folder shared with the host for this run: WAYFERRY_UML_SHARE, if set, else a temporary one.
The kernel's own messages are in /mnt/console.

This is for trusted programs only: nothing keeps root of the guest from the files of the user who
started it.

Environment:
  WAYFERRY_UML_SOURCE      another package with the source of a kernel, 7.0 or later
  WAYFERRY_UML_SHARE       see above
  WAYFERRY_DEBIAN_MIRROR   default: the one that apt uses here
END
}

fail() {
    echo "uml.sh: $*" >&2
    exit 125
}

# Runs a command whose output only matters when it fails.
quietly() {
    local log=$CACHE/$1.log
    shift
    "$@" >"$log" 2>&1 && return 0
    tail -n 20 "$log" >&2
    fail "failed: $* (log: $log)"
}

# ---- the kernel

# apt with sources of its own: the machine's are none of our business.
apt_get() {
    local apt=$CACHE/apt
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/parts"
    : >"$apt/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $MIRROR $SUITE-backports main" >"$apt/sources.list"
    apt-get -q -o Dir::State="$apt" -o Dir::State::status="$apt/status" -o Dir::State::lists="$apt/lists" \
        -o Dir::Cache="$apt" -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts="$apt/parts" \
        -o Dir::Etc::preferencesparts="$apt/parts" -o APT::Sandbox::User=root "$@"
}

kernel_download() {
    apt_get update || return 1
    cd "$CACHE/kernel.new" || return 1
    apt_get download "$SOURCE" && return 0
    # shellcheck disable=SC2016
    SOURCE=$(apt_get indextargets --format '$(FILENAME)' 'Created-By: Packages' |
        xargs cat | sed -n 's/^Package: \(linux-source-7\.[0-9]*\)$/\1/p' | sort -V | tail -n 1)
    [ -n "$SOURCE" ] && apt_get download "$SOURCE"
}

kernel_unpack() {
    cd "$CACHE/kernel.new" && dpkg-deb -x linux-source-*.deb . && rm linux-source-*.deb && mkdir linux &&
        tar -xf usr/src/linux-source-*.tar.xz -C linux --strip-components=1 && rm -r usr
}

# An option that the kernel does not know or does not take would be missed much later.
kernel_configure() {
    local option
    make -C "$CACHE/kernel.new/linux" ARCH=um KCONFIG_ALLCONFIG="$VM/uml.config" allnoconfig || return 1
    grep '^CONFIG_.*=y' "$VM/uml.config" | while read -r option; do
        grep -qx "$option" "$CACHE/kernel.new/linux/.config" || {
            echo "the kernel has no $option"
            return 1
        }
    done
}

# Make's lines are counted: this configuration takes about 1300 of them.
kernel_compile() {
    make -C "$CACHE/kernel.new/linux" ARCH=um -j"$(nproc)" linux 2>&1 | tee "$CACHE/compile.log" |
        awk '++n % 100 == 0 { printf "uml.sh: %d of 1300 files of the kernel\n", n; fflush() }' >&2
    [ "${PIPESTATUS[0]}" = 0 ] && return 0
    grep -m 20 -iE 'error|\*\*\*' "$CACHE/compile.log" >&2
    fail "the kernel does not compile (log: $CACHE/compile.log)"
}

# The kernel is named after what it was made from: another configuration is another kernel.
kernel_path() {
    echo "$CACHE/linux-$(cat "$VM/uml.config" - <<<"$SOURCE" | sha256sum | cut -c 1-12)"
}

kernel_build() {
    local kernel
    kernel=$(kernel_path)
    rm -rf "$CACHE/kernel.new"      # of a run that was cut short
    [ -x "$kernel" ] && return 0
    mkdir -p "$CACHE/kernel.new"
    echo "uml.sh: building a kernel for the guest (once; about six minutes)" >&2
    quietly download kernel_download
    quietly unpack kernel_unpack
    quietly configure kernel_configure
    kernel_compile
    strip -o "$kernel.new" "$CACHE/kernel.new/linux/linux" || fail "there is no kernel"
    mv "$kernel.new" "$kernel"
    rm -rf "$CACHE/kernel.new"
}

# ---- the tree

tree_path() {
    echo "$CACHE/tree-$(echo "$SUITE $TREE_PACKAGES" | sha256sum | cut -c 1-12)"
}

tree_build() {
    local tree
    tree=$(tree_path)
    [ -e "$tree/etc/os-release" ] && return 0
    echo "uml.sh: making a $SUITE tree for the guest (once)" >&2
    rm -rf "$tree.new"
    # shellcheck disable=SC2086
    quietly tree mmdebstrap --variant=minbase --include="$(echo $TREE_PACKAGES | tr ' ' ,)" \
        "$SUITE" "$tree.new" "$MIRROR"
    mv "$tree.new" "$tree"
}

guest_compile() {
    local tree
    tree=$(tree_path)
    rm -rf "$tree/usr/src/wayferry"
    mkdir -p "$tree/usr/src/wayferry"
    tar -C "$ROOT" -c --exclude-vcs --exclude='build*' --exclude=.cache . | tar -x -C "$tree/usr/src/wayferry" || return 1
    # shellcheck disable=SC2016
    chroot "$tree" /bin/sh -e -c '
        cd /usr/src/wayferry
        [ -e /var/tmp/build/build.ninja ] || meson setup /var/tmp/build -Dtests=false --prefix=/usr
        ninja -C /var/tmp/build guest-proxy/wayferry-guest
        install /var/tmp/build/guest-proxy/wayferry-guest /usr/bin/'
}

packages_check() {
    local package missing=
    for package in $HOST_PACKAGES; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=" $package"
    done
    [ -z "$missing" ] || fail "packages are missing: apt-get install$missing"
}

build() {
    mkdir -p "$CACHE"
    (
        flock 9
        if [ ! -x "$(kernel_path)" ] || [ ! -e "$(tree_path)/etc/os-release" ]; then
            packages_check
        fi
        kernel_build
        tree_build
        quietly guest guest_compile
        install "$VM/uml-init.sh" "$(tree_path)/usr/sbin/uml-init"
    ) 9>"$CACHE/lock" || exit 125
}

# ---- a run

run() {
    local socket=$1 share=${WAYFERRY_UML_SHARE:-} status=125 scratch
    shift
    [ -S "$socket" ] || fail "$socket is no socket"
    scratch=$(mktemp -d)
    share=${share:-$scratch/share}
    mkdir -p "$share"
    rm -f "$share"/{command,output,status,console}
    : >"$share/output"
    printf '%q ' "$@" >"$share/command"
    # The kernel's process is not ours to wait for while a trap is due: so it is in the background.
    UML_DIR=$scratch TMPDIR=/dev/shm setsid "$(kernel_path)" seccomp=on mem=$MEMORY uml_dir="$scratch/" \
        root=/dev/root rootfstype=hostfs rootflags="$(tree_path)" ro init=/usr/sbin/uml-init \
        con=null con0=null,fd:1 console=tty0 panic=-1 virtio_uml.device="$socket:16" \
        wayferry.share="$share" >"$share/console" 2>&1 </dev/null &
    UML=$!
    trap 'kill -KILL -$UML 2>/dev/null' TERM INT # as when a plug is pulled
    tail -q -f -n +1 --pid=$UML "$share/output" &
    while kill -0 $UML 2>/dev/null; do
        wait $UML
    done
    wait
    [ -s "$share/status" ] && status=$(cat "$share/status")
    [ "$status" != 125 ] || tail -n 5 "$share/console" >&2
    rm -rf "$scratch"
    exit "$status"
}

case ${1:-} in
--help | -h) usage ;;
tree) tree_path ;;
build) [ $# = 1 ] || { usage >&2; exit 2; }; build ;;
run) [ $# -ge 3 ] || { usage >&2; exit 2; }; shift; build; run "$@" ;;
*) usage >&2; exit 2 ;;
esac
