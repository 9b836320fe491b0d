# shellcheck shell=bash
# The lab of virtual machines: what its guests are made of, and where that is kept. Sourced by the
# scripts beside it.
#
# A guest's root file system has two layers, the same for every kind of machine:
#   the tree    a clean Debian 13 with systemd and applications, made once, shared by all working
#               copies and never written to: $LAB_CACHE/tree-HASH, named after what it was made from
#   the layer   what this working copy adds: wayferry-guest as `meson install` puts it, programs for
#               tests, the agent; compiled in the tree, kept in $LAB_LAYER
# What a guest itself writes is in its memory. guest.sh tells how guests are run.
#
# Environment:
#   WAYFERRY_DEBIAN_MIRROR   default: the one that apt uses here
#   WAYFERRY_LAB_CACHE       default: wayferry/vm in the user's cache

LAB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB_ROOT=$(cd "$LAB/../.." && pwd)
export WAYFERRY_LAB_CACHE=${WAYFERRY_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/wayferry/vm}
LAB_CACHE=$WAYFERRY_LAB_CACHE           # for those whom a test gives another home, too
LAB_BUILD=$LAB_ROOT/build-tests/vm      # of this working copy
LAB_LAYER=$LAB_BUILD/layer
LAB_RELEASE=trixie
LAB_PROGRAMS=/usr/lib/wayferry-tests    # in guests: programs and files of the tests

. "$LAB_ROOT/tests/packages.sh"

lab_say() {
    echo "lab: $*" >&2
}

lab_fail() {
    lab_say "$*"
    exit 125
}

# quietly NAME COMMAND...: runs a command whose output (kept as NAME.log) only matters when it fails.
quietly() {
    local log=$LAB_CACHE/$1.log
    shift
    "$@" >"$log" 2>&1 && return 0
    tail -n 20 "$log" >&2
    lab_fail "failed: $* (log: $log)"
}

# lab_locked COMMAND...: runs a function while no other process makes things in the cache. What was
# made has its final name only when it is whole, so looking for it needs no lock.
lab_locked() {
    mkdir -p "$LAB_CACHE" || lab_fail "$LAB_CACHE cannot be made"
    (
        flock -n 9 || {
            lab_say "another process makes something; waiting"
            flock 9
        }
        lab_forget
        "$@"
    ) 9>"$LAB_CACHE/lock" || exit
}

# What is not used any more, by any working copy, goes: what was made from other lists, scripts or kernels has other
# names now, and nobody asks for the old ones.

LAB_FORGET_DAYS=14

# lab_used PATH...: they are in use, and stay in the cache.
lab_used() {
    touch -c "$@"
}

# Removes what nobody has used for some time.
lab_forget() {
    local old
    while IFS= read -r old; do
        lab_say "removing ${old##*/}, which nothing has used for $LAB_FORGET_DAYS days"
        rm -rf --one-file-system "$old"
    done < <(find "$LAB_CACHE" -mindepth 1 -maxdepth 1 -mtime +$LAB_FORGET_DAYS \
        \( -name 'tree-*' -o -name 'kernel-*' -o -name 'monitor-*' -o -name 'linux-*' -o -name 'udev-*' \))
}

# ---- Debian

lab_mirror() {
    # shellcheck disable=SC2016
    echo "${WAYFERRY_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' |
        grep -m 1 '/debian$')}"
}

# lab_apt SUITE PROGRAM ARGUMENT...: apt-get or apt-cache for the packages of a suite, with sources of its
# own: the machine's are none of our business. lab_apt SUITE apt-get update comes first.
lab_apt() {
    local apt=$LAB_CACHE/apt/$1 program=$2
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/parts"
    : >"$apt/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(lab_mirror) $1 main" >"$apt/sources.list"
    shift 2
    "$program" -q -o Dir::State="$apt" -o Dir::State::status="$apt/status" -o Dir::State::lists="$apt/lists" \
        -o Dir::Cache="$apt" -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts="$apt/parts" \
        -o Dir::Etc::preferencesparts="$apt/parts" -o APT::Sandbox::User=root "$@"
}

# lab_words LIST...: the packages of these lists (tests/packages.sh), as the newer release calls them.
lab_words() {
    local list word
    for list; do
        list=packages_$list
        for word in ${!list}; do
            echo "${word%%|*}"
        done
    done | sort -u
}

lab_hash() {
    sha256sum | cut -c 1-12
}

# lab_tree_path SETUP LIST...: where the tree is that has the packages of these lists (see
# tests/packages.sh) and in which the script SETUP ("": none) was run. With LAB_BACKPORTS=yes the
# packages are the backports', where there are such.
lab_tree_path() {
    local setup=$1
    shift
    echo "$LAB_CACHE/tree-$({ echo "$LAB_RELEASE${LAB_BACKPORTS:+-backports}" && lab_words "$@" && cat "${setup:-/dev/null}"; } | lab_hash)"
}

# lab_tree SETUP LIST...: makes that tree, if it is missing. Use with lab_locked.
lab_tree() {
    local tree setup=$1 mirror options=() sources=()
    tree=$(lab_tree_path "$@")
    shift
    [ -e "$tree" ] && return 0
    mirror=$(lab_mirror)
    # A mirror may be behind: its list of the unstable release is then older than a week, and would be refused.
    [ "$LAB_RELEASE" != sid ] || options=(--aptopt='Acquire::Check-Valid-Until "false"')
    if [ -n "${LAB_BACKPORTS:-}" ]; then
        options=(--aptopt="APT::Default-Release \"$LAB_RELEASE-backports\"")
        sources=("deb $mirror $LAB_RELEASE main" "deb $mirror $LAB_RELEASE-backports main")
    else
        sources=("$mirror")
    fi
    packages_need vm || lab_fail "packages are missing"
    lab_say "making a $LAB_RELEASE tree (once; about two minutes)"
    rm -rf --one-file-system "$LAB_CACHE/tree.new"      # of a run that was cut short
    quietly tree nice unshare --mount mmdebstrap --variant=minbase "${options[@]}" \
        --include="$(lab_words "$@" | paste -s -d ,)" "$LAB_RELEASE" "$LAB_CACHE/tree.new" "${sources[@]}"
    # shellcheck disable=SC2016
    quietly setup chroot "$LAB_CACHE/tree.new" /bin/sh -ec "mkdir -p /usr/src/wayferry /var/tmp/build /var/tmp/layer \
        $LAB_PROGRAMS; $(cat "${setup:-/dev/null}")"
    mv "$LAB_CACHE/tree.new" "$tree"
}

# lab_enter TREE COMMAND...: runs it in the tree, as root, in a mount namespace of its own; in place of
# this process. /usr/src/wayferry is this working copy (read-only), /var/tmp/build its directory
# build-tests/vm/build, /var/tmp/layer its layer, $LAB_PROGRAMS those of the layer, and, when
# LAB_BIND is set, /mnt is that directory. /tmp is empty. The tree itself is not to be written to.
lab_enter() {
    local tree=$1
    shift
    mkdir -p "$LAB_BUILD/build" "$LAB_LAYER$LAB_PROGRAMS"
    # shellcheck disable=SC2016
    exec unshare --mount sh -ec '
        tree=$1 root=$2 build=$3 programs=$4 bind=$5
        shift 5
        mount --bind "$root" "$tree/usr/src/wayferry"
        mount -o remount,bind,ro "$tree/usr/src/wayferry"
        mount --bind "$build/build" "$tree/var/tmp/build"
        mount --bind "$build/layer" "$tree/var/tmp/layer"
        mount --bind "$build/layer$programs" "$tree$programs"
        mount --rbind /dev "$tree/dev"
        mount --bind /proc "$tree/proc"
        mount -t tmpfs tmpfs "$tree/tmp"
        [ -z "$bind" ] || mount --bind "$bind" "$tree/mnt"
        exec chroot "$tree" "$@"' sh "$tree" "$LAB_ROOT" "$LAB_BUILD" "$LAB_PROGRAMS" "${LAB_BIND:-}" "$@"
}

# ---- guests

guest_tree() {
    lab_tree_path "$LAB/guest/setup.sh" guest
}

layer_compile() {
    rm -rf "$LAB_LAYER"
    mkdir -p "$LAB_BUILD/build" "$LAB_LAYER"
    (lab_enter "$(guest_tree)" /bin/sh -e /usr/src/wayferry/tests/vm/guest/compile.sh)
}

# lab_compiled DIRECTORY TREE COMMAND...: compiles something of this working copy in a tree, of which TREE is the name;
# one process at a time, and not while guests hold DIRECTORY.used. DIRECTORY is where it ends up; DIRECTORY.log is what
# compilers say.
lab_compiled() {
    local directory=$1 tree=$2
    shift 2
    mkdir -p "${directory%/*}"
    (
        flock 9
        flock -n 8 || lab_fail "a guest of this working copy runs, and has its ${directory##*/} in use: it has to end first"
        "$@" >"$directory.log" 2>&1 8>&- || {
            tail -n 20 "$directory.log" >&2
            lab_fail "wayferry does not compile in the tree \"$tree\" (log: $directory.log)"
        }
    ) 9>"$directory.lock" 8>>"$directory.used" || exit
}

# lab_build: makes what all guests need and what is missing: the tree, and the layer each time (only
# what changed is compiled). Fails while a guest of this working copy runs.
lab_build() {
    [ "$(id -u)" = 0 ] || lab_fail "making guests needs root, for mmdebstrap and chroot"
    [ -e "$(guest_tree)" ] || lab_locked lab_tree "$LAB/guest/setup.sh" guest
    lab_used "$(guest_tree)"
    lab_compiled "$LAB_LAYER" guest layer_compile
}
