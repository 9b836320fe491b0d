#!/bin/bash
# Packages of this working copy: built, looked at, installed and purged; and the tarball of a release.
. "$(dirname "$0")/../vm/lab.sh"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/packaged.sh"

tests=(deb:70 release-undone:3)
# In clean trees of both releases; and a tarball.
full=(debian12:120 debian13:120 dist:100)
# A window of a machine's, from nothing but the packages.
full+=(window:400)

# copy DIRECTORY: the working copy as it is, without what git ignores.
copy() {
    mkdir -p "$1"
    git -C "$SOURCE_ROOT" -c safe.directory='*' ls-files -co --exclude-standard -z |
        tar -C "$SOURCE_ROOT" --null --files-from=- --ignore-failed-read -c 2>/dev/null | tar -C "$1" -x ||
        fail "the working copy cannot be copied"
}

# dpkg in a tree of its own, of which it knows no other packages.
dpkg_in() {
    dpkg --root="$1" --log=/dev/null --force-depends --force-not-root --force-bad-path "${@:2}" >>"$LOGS/dpkg.log" 2>&1
}

files_of() {
    find "$1" ! -type d ! -path "$1/var/*" -printf '/%P\n' | sort
}

test_deb() {
    need dpkg-buildpackage dh lintian scdoc git appstreamcli
    local tree=$WORK/tree package program file
    copy "$WORK/wayferry"
    (cd "$WORK/wayferry" && DEB_BUILD_OPTIONS="parallel=$(nproc) noautodbgsym" limited 300 dpkg-buildpackage -us -uc -b) \
        >"$LOGS/build.log" 2>&1 || fail "the packages are not built (log: $LOGS/build.log)"
    limited 100 lintian --allow-root --fail-on error --tag-display-limit 0 "$WORK"/*.changes >"$LOGS/lintian.log" 2>&1 ||
        fail "lintian finds errors (log: $LOGS/lintian.log)"
    mkdir -p "$tree"/var/lib/dpkg/{info,updates,triggers} && : >"$tree/var/lib/dpkg/status"
    dpkg_in "$tree" --install "$WORK"/*.deb || fail "the packages are not installed (log: $LOGS/dpkg.log)"
    for package in host guest x11 renderer; do
        [ -s "$tree/usr/share/doc/wayferry-$package/copyright" ] || fail "there is no wayferry-$package"
    done
    for program in host guest x11; do
        [ "$("$tree/usr/bin/wayferry-$program" --version)" = "$("$WAYFERRY_BUILD/host-bridge/wayferry-host" --version | sed "s/host/$program/")" ] ||
            fail "the packaged wayferry-$program does not run"
        [ -s "$tree/usr/share/man/man1/wayferry-$program.1.gz" ] || fail "wayferry-$program has no man page"
        [ -s "$tree/usr/share/bash-completion/completions/wayferry-$program" ] || fail "wayferry-$program has no completion"
    done
    limited 60 appstreamcli validate --no-net "$tree"/usr/share/metainfo/*.metainfo.xml >"$LOGS/metainfo.log" 2>&1 ||
        fail "the description for software centres is wrong (log: $LOGS/metainfo.log)"
    # What units and descriptions start is there.
    while read -r file; do
        [ -x "$tree$file" ] || fail "$file, which a unit or libvirt would start, is not there"
    done < <(grep -hoE '(ExecStart=|"binary": ")[^ "]+' "$tree"/usr/lib/systemd/user/*.service \
        "$tree"/usr/share/qemu/vhost-user/*.json | sed 's/.*["=]//')
    [ -x "$tree/usr/lib/wayferry/wayferry-renderer" ] || fail "there is no renderer"
    "$tree/usr/bin/wayferry-host" doctor --renderer virgl >"$LOGS/doctor.txt" 2>&1
    grep -q '^[a-zA-Z]* *renderer */usr/lib/wayferry/wayferry-renderer' "$LOGS/doctor.txt" ||
        fail "wayferry-host looks elsewhere for the packaged renderer (report: $LOGS/doctor.txt)"
    dpkg_in "$tree" --purge wayferry-{host,guest,x11,renderer} || fail "the packages are not purged (log: $LOGS/dpkg.log)"
    [ -z "$(files_of "$tree")" ] || fail "purged packages leave $(files_of "$tree" | head -n 3)"
}

# in_fresh TREE SCRIPT ARGUMENT...: a shell's script in a system that has what the tree has, and no network; what it
# writes goes with it, but in /mnt, which is this test's directory.
in_fresh() {
    # shellcheck disable=SC2016
    limited 400 unshare --mount --net --propagation private sh -euc '
        tree=$1 work=$2 script=$3
        shift 3
        mount -t tmpfs tmpfs "$work/layers"
        mkdir "$work/layers/upper" "$work/layers/work" "$work/layers/root"
        mount -t overlay overlay -o "lowerdir=$tree,upperdir=$work/layers/upper,workdir=$work/layers/work" "$work/layers/root"
        cd "$work/layers/root"
        mount --bind "$work" mnt
        mount --rbind /dev dev
        mount --bind /proc proc
        mount -t tmpfs tmpfs tmp
        exec chroot . env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 JOBS="$(nproc)" sh -euxc "$script" sh "$@"' \
        sh "$1" "$WORK" "${@:2}"
}

# What debian/control says is enough to build them; what the packages say they need is enough to install them, and they
# run: programs, the renderer that wayferry-host looks for, units as systemd reads them. Purged, nothing is left.
# shellcheck disable=SC2016
BUILD_THERE='cd /mnt/wayferry
DEB_BUILD_OPTIONS="parallel=$JOBS noautodbgsym" dpkg-buildpackage -us -uc -b
lintian --allow-root --fail-on error --tag-display-limit 0 ../*.changes'
# shellcheck disable=SC2016
USE_THERE='files() { find / -xdev ! -type d ! -path "/var/*" ! -path "/mnt/*" | sort; }
files >/tmp/before
dpkg --install /mnt/*.deb
for program in host guest x11; do
    wayferry-$program --version
done
wayferry-host capabilities >/dev/null
[ "$(wayferry-host --print-capabilities | grep -c gpu)" = 1 ]
wayferry-host doctor --renderer virgl >/mnt/doctor.txt || :
grep -q "renderer */usr/lib/wayferry/wayferry-renderer" /mnt/doctor.txt
! ldd /usr/bin/wayferry-* /usr/lib/wayferry/* | grep "not found"
cp /usr/lib/systemd/user/wayferry-host@.socket /tmp/wayferry-host@work.socket
XDG_RUNTIME_DIR=/tmp systemd-analyze --user --man=no verify /tmp/wayferry-host@work.socket /usr/lib/systemd/user/wayferry-guest.socket
dpkg --audit >/mnt/audit
[ ! -s /mnt/audit ]
dpkg --purge wayferry-host wayferry-guest wayferry-x11 wayferry-renderer
files >/tmp/after
diff /tmp/before /tmp/after'

deb_tree() {
    lab_tree_path "" deb
}

# deb_prepare RELEASE: its clean tree.
deb_prepare() {
    LAB_RELEASE=$1
    [ "$(id -u)" = 0 ] || fail "a tree of another system needs root"
    [ -e "$(deb_tree)" ] || (lab_locked lab_tree "" deb) || fail "there is no tree"
    lab_used "$(deb_tree)"
}

# For tests/run.sh, which makes the trees before the tests begin.
test_prepare_debian12() {
    deb_prepare bookworm
}

test_prepare_debian13() {
    deb_prepare trixie
}

test_prepare_window() {
    need mke2fs
    deb_prepare trixie
    packaged_prepare
}

# built_in NAME: the packages, in $WORK, built in a clean tree of that release of Debian.
built_in() {
    deb_prepare "$1"
    mkdir "$WORK/layers"
    copy "$WORK/wayferry"
    in_fresh "$(deb_tree)" "$BUILD_THERE" >"$LOGS/build.log" 2>&1 || fail "the packages are not built (log: $LOGS/build.log)"
}

in_release() {
    built_in "$1"
    in_fresh "$(deb_tree)" "$USE_THERE" >"$LOGS/use.log" 2>&1 ||
        fail "the packages are not installed, do not run, or leave something (log: $LOGS/use.log)"
}

test_debian12() {
    in_release bookworm
}

test_debian13() {
    in_release trixie
}

test_window() {
    packaged_need
    built_in trixie
    desktop_start
    desktop_compositor
    packaged_host
    packaged_machine
    packaged_guest
    packaged_logins
    packaged_end
}

# A release that fails, or is broken off, half-way leaves the versions as they were.
test_release_undone() {
    need git
    local tree=$WORK/wayferry
    copy "$tree"
    (cd "$tree" && git init -q && git add -A && git -c user.name=test -c user.email=test@localhost commit -qm test) >"$LOGS/git.log" 2>&1 ||
        fail "there is no copy to make a release of (log: $LOGS/git.log)"
    mkdir "$WORK/bin"
    printf '#!/bin/sh\nexit 1\n' >"$WORK/bin/meson"
    chmod +x "$WORK/bin/meson"
    (cd "$tree" && PATH=$WORK/bin:$PATH tools/release.sh 99.0.0 "$WORK/out") >"$LOGS/release.log" 2>&1 && fail "what cannot be built is released"
    grep -q 'are as they were' "$LOGS/release.log" || fail "it is not said what became of the versions (log: $LOGS/release.log)"
    is_unchanged "$tree"
    printf '#!/bin/sh\ncp CHANGELOG.md "%s"\nsleep 1000\n' "$WORK/named" >"$WORK/bin/meson"
    spawn release env -C "$tree" PATH="$WORK/bin:$PATH" tools/release.sh 99.0.0 "$WORK/out"
    until_true 60 grep -qs '^## 99.0.0 ' "$WORK/named" || fail "the version was not named (log: $LOGS/release.log)"
    kill -TERM -- "-${PID[release]}"
    until_true 20 not alive "${PID[release]}" || fail "the release goes on"
    is_unchanged "$tree"
}

is_unchanged() {
    [ -z "$(git -C "$1" status --porcelain)" ] || fail "what is left of a release that failed: $(git -C "$1" status --porcelain)"
}

test_dist() {
    need meson ninja git
    local tree=$WORK/dist
    copy "$WORK/wayferry"
    (cd "$WORK/wayferry" && git init -q && git add -A && git -c user.name=test -c user.email=test@localhost commit -qm test &&
        meson setup build && meson dist -C build --no-tests --formats gztar) >"$LOGS/dist.log" 2>&1 ||
        fail "there is no tarball (log: $LOGS/dist.log)"
    mkdir "$tree" && tar -C "$tree" --strip-components=1 -xf "$WORK"/wayferry/build/meson-dist/*.tar.gz
    # Without a network, and without a repository around it.
    # shellcheck disable=SC2016
    unshare --map-root-user --net sh -euc 'cd "$1" && meson setup build && ninja -C build && meson test -C build --suite unit' \
        sh "$tree" >"$LOGS/unit.log" 2>&1 || fail "the tarball does not pass unit (log: $LOGS/unit.log)"
}

e2e_main "$@"
