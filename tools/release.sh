#!/bin/bash
# Makes a release of this working copy: names the version, builds the tarball and the Debian packages from it, tries both,
# and says what it did. Publishes nothing, and commits nothing: the last lines say how. When something fails, the files that
# name the version are as they were.
#
#     tools/release.sh VERSION [DIRECTORY]     what was made goes to DIRECTORY (default: build-release)
#     tools/release.sh --check VERSION         only says whether VERSION could be released
set -eu
cd "$(dirname "$0")/.."

die() {
    echo "release: $*" >&2
    exit 1
}

say() {
    echo "release: $*"
}

# What "## Unreleased" has in CHANGELOG.md.
unreleased() {
    sed -n '/^## Unreleased$/,/^## [0-9]/p' CHANGELOG.md | grep -v '^##' | sed '/./,$!d'
}

check() {
    [[ $1 =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "'$1' is no version like 1.2.3"
    [ -z "$(git status --porcelain)" ] || die "commit what is lying about first: git status"
    ! git rev-parse -q --verify "refs/tags/v$1" >/dev/null || die "there is a tag v$1"
    ! grep -q "^## $1\b" CHANGELOG.md || die "CHANGELOG.md has $1 already"
    [ -n "$(unreleased)" ] || die "CHANGELOG.md has nothing under '## Unreleased'"
    local now
    now=$(sed -n "s/^  version: '\(.*\)',$/\1/p" meson.build)
    [ "$(printf '%s\n' "$now" "$1" | sort -V | tail -n 1)" = "$1" ] || die "$1 is not later than $now"
}

VERSIONED=(CHANGELOG.md meson.build debian/changelog examples/packaging)
work='' done=no

# There was nothing that git does not have: check.
tidy_up() {
    [ -z "$work" ] || rm -rf "$work"
    [ $done = no ] || return 0
    rm -f debian/changelog.new
    git checkout -q -- "${VERSIONED[@]}"
    echo "release: this failed; ${VERSIONED[*]} are as they were" >&2
}

name_version() {
    local day
    day=$(date -u +%Y-%m-%d)
    sed -i "s/^## Unreleased$/## Unreleased\n\n## $1 ($day)/" CHANGELOG.md
    sed -i "s/^  version: '.*',$/  version: '$1',/" meson.build
    sed -i "s/^\(pkgver=\).*/\1$1/; s/^\(Version:  *\).*/\1$1/" examples/packaging/PKGBUILD \
        examples/packaging/wayferry.spec
    {
        echo "wayferry ($1) unstable; urgency=medium"
        printf '\n  * Release %s; CHANGELOG.md says what is new.\n\n' "$1"
        echo " -- $(sed -n 's/^Maintainer: //p' debian/control)  $(date -uR)"
        echo
        cat debian/changelog
    } >debian/changelog.new
    # Of versions between releases nothing is kept.
    awk '/^wayferry .*\+dev/ { skip = 1 } /^wayferry / && !/\+dev/ { skip = 0 } !skip' debian/changelog.new >debian/changelog
    rm debian/changelog.new
}

build() {
    local to=$1 version=$2
    work=$(mktemp -d)
    mkdir -p "$to"
    # meson dist takes what is committed: of a copy.
    git ls-files -z | tar --null --files-from=- -c | tar -C "$work" -x
    (cd "$work" && git init -q && git add -A && git -c user.name=release -c user.email=release@localhost commit -qm "$version" &&
        meson setup build >/dev/null && meson dist -C build --formats xztar --no-tests >/dev/null)
    cp "$work"/build/meson-dist/*.tar.xz* "$to/"
    say "made the tarball"
    mkdir "$work/tree" && tar -C "$work/tree" --strip-components=1 -xf "$to/wayferry-$version.tar.xz"
    (cd "$work/tree" && meson setup build >/dev/null && ninja -C build >/dev/null && meson test -C build --suite unit >"$to/unit.log" 2>&1) ||
        die "the tarball does not pass unit (log: $to/unit.log)"
    say "built the tarball; it passes unit"
    rm -rf "$work/tree/build"
    (cd "$work/tree" && dpkg-buildpackage -us -uc -b >"$to/packages.log" 2>&1) || die "no packages (log: $to/packages.log)"
    lintian --allow-root --fail-on error "$work"/*.changes || die "lintian finds errors"
    mv "$work"/*.deb "$work"/*.changes "$work"/*.buildinfo "$to/"
    say "built the packages; lintian finds no errors"
}

if [ "${1:-}" = --check ]; then
    check "${2:-}"
    say "$2 could be released"
    exit
fi
[ $# = 1 ] || [ $# = 2 ] || die "usage: tools/release.sh VERSION [DIRECTORY]"
check "$1"
to=$(realpath -m "${2:-build-release}")
trap tidy_up EXIT
trap 'exit 1' HUP INT TERM
name_version "$1"
build "$to" "$1"
(cd "$to" && sha256sum -- *.tar.xz *.deb >SHA256SUMS && cat SHA256SUMS)
done=yes
say "$to has all of it. CHANGELOG.md, meson.build, debian/changelog and examples/packaging now say $1; what is left:"
say "    git commit -am 'wayferry $1' && git tag -a v$1 -m 'wayferry $1'"
