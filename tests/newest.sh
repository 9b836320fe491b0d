#!/bin/bash
# This working copy beside the newest compositors: in a tree of Debian's unstable release (vm/lab.sh), built with its
# compiler and its wayland-protocols, where no warning may be left.
#
#     tests/newest.sh prepare       makes the tree, if it is missing (five minutes, 1.6 GB); builds. Needs root
#     tests/newest.sh --list        "TEST seconds" lines: how long it usually takes
#     tests/newest.sh gcc-wire      runs the tests of that suite
#     tests/newest.sh COMPOSITOR-security-context    what sandboxed programs do not get (security-context.sh)
#     tests/newest.sh COMPOSITOR-colours             colour management, direct and bridged (colours.sh)
#     tests/newest.sh COMPOSITOR-icon               the icon of a guest's window (icon.sh)
#     tests/newest.sh COMPOSITOR-x11    what sway 1.7 does not show of X11 applications (x11-desktop.sh)
#     tests/newest.sh COMPOSITOR-language            parts of the desktop's language that few have (language.sh)
#     tests/newest.sh COMPOSITOR-rules               docs/window-rules.md (window-rules.sh)
#     tests/newest.sh COMPOSITOR-border              the border and its label, exact to the pixel (border-label.sh)
#     tests/newest.sh feedback [COMPOSITOR...]    linux-dmabuf's feedback on a screen, direct and in a guest (vm/feedback.sh)
#     tests/newest.sh enter COMMAND...    runs it in the tree; WAYFERRY_NEWEST_BIND is /mnt there
#
# The tree is in the lab's cache; the build is build-tests/newest/build/gcc.
set -u

. "$(dirname "$0")/vm/lab.sh"
LAB_RELEASE=sid
LAB_BUILD=$LAB_ROOT/build-tests/newest
LAB_LAYER=$LAB_BUILD/layer      # stays empty

tree() {
    lab_tree_path "" newest
}

# cmocka 2 deprecates what older ones have no other name for.
compile() {
    # shellcheck disable=SC2016
    (lab_enter "$(tree)" nice sh -euc 'cd /usr/src/wayferry
        [ -e "$1/build.ninja" ] || meson setup -Dwerror=true -Dc_args=-Wno-deprecated-declarations "$1"
        ninja -C "$1"' sh /var/tmp/build/gcc)
}

prepare() {
    [ "$(id -u)" = 0 ] || lab_fail "a tree of Debian's unstable release needs root, for mmdebstrap and chroot"
    [ -e "$(tree)" ] || lab_locked lab_tree "" newest
    lab_used "$(tree)"
    [ "${1:-}" = tree ] && return
    lab_say "building in build-tests/newest/build/gcc"
    lab_compiled "$LAB_BUILD/gcc" newest compile
    "$LAB/feedback.sh" prepare
}

list() {
    printf '%s\n' "gcc-unit 60" "gcc-wire 2" "gcc-fuzz 2"
    printf '%s-security-context 5\n' sway labwc kwin
    printf '%s-colours 5\n' kwin mutter weston sway
    printf '%s-icon 8\n' labwc kwin
    printf '%s-x11 8\n' sway kwin
    printf '%s-language 12\n' sway labwc kwin mutter weston
    printf '%s-rules 6\n' sway labwc kwin
    printf '%s-border 8\n' sway labwc kwin weston
    echo "mutter-border 15"
    echo "feedback 460"
}

# One test at a time: the runner has others to run beside it.
run() {
    lab_enter "$(tree)" meson test -C /var/tmp/build/gcc --no-rebuild --suite "$1" --num-processes 1 \
        --timeout-multiplier "${WAYFERRY_TEST_SLOWNESS:-2}" --print-errorlogs
}

# run_script FILE [ARGUMENT]: one of tests/, in the tree.
run_script() {
    lab_enter "$(tree)" env WAYFERRY_TEST_SLOWNESS="${WAYFERRY_TEST_SLOWNESS:-2}" \
        "/usr/src/wayferry/tests/$1" /var/tmp/build/gcc "${@:2}"
}

case ${1:-} in
prepare) prepare "${2:-}" ;;
--list) list ;;
*-security-context) run_script security-context.sh "${1%-security-context}" ;;
*-colours) run_script colours.sh "${1%-colours}" ;;
*-x11) run_script x11-desktop.sh "${1%-x11}" ;;
*-language) run_script language.sh "${1%-language}" ;;
*-rules) run_script window-rules.sh "${1%-rules}" ;;
*-icon) run_script icon.sh "${1%-icon}" ;;
*-border) run_script border-label.sh "${1%-border}" ;;
gcc-*) run "${1#gcc-}" ;;
feedback) "$LAB/feedback.sh" "${WAYFERRY_TEST_LOGS:-$LAB_BUILD/feedback-logs}" "${@:2}" ;;
enter)
    shift
    LAB_BIND=${WAYFERRY_NEWEST_BIND:-} lab_enter "$(tree)" "$@"
    ;;
*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
