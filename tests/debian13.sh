#!/bin/bash
# This working copy on Debian 13: built in a clean tree of that release (vm/lab.sh), with its compilers and
# its wayland-protocols, libdrm, libvirglrenderer and Mesa, where no warning may be left; and meson's tests.
#
#     tests/debian13.sh prepare     makes the tree, if it is missing; builds. Needs root
#     tests/debian13.sh --list      "COMPILER-SUITE seconds" lines: how long it usually takes
#     tests/debian13.sh gcc-unit    runs the tests of that suite, as gcc built them
#     tests/debian13.sh sway-security-context    and what that release's sway shows (security-context.sh)
#     tests/debian13.sh sway-language            parts of the desktop's language that few compositors have (language.sh)
#     tests/debian13.sh COMPOSITOR-border        the border and its label, exact to the pixel (border-label.sh)
#
# The tree is in the lab's cache; the builds are build-tests/debian13/build/COMPILER.
set -u

. "$(dirname "$0")/vm/lab.sh"
LAB_BUILD=$LAB_ROOT/build-tests/debian13
LAB_LAYER=$LAB_BUILD/layer      # stays empty

COMPILERS=(gcc clang)
TESTS=(unit:50 wire:2 fuzz:2 renderer:12)
FULL=(clang-unit clang-renderer)        # what clang makes of them it has shown without a warning, and in fuzz

tree() {
    lab_tree_path "" debian13
}

compile() {
    # shellcheck disable=SC2016
    (lab_enter "$(tree)" nice sh -euc 'cd /usr/src/wayferry
        [ -e "$1/build.ninja" ] || CC=$2 meson setup -Dwerror=true -Drenderer=enabled "$1"
        ninja -C "$1"' sh "/var/tmp/build/$1" "$1")
}

prepare() {
    local compiler
    [ "$(id -u)" = 0 ] || lab_fail "a tree of Debian 13 needs root, for mmdebstrap and chroot"
    [ -e "$(tree)" ] || lab_locked lab_tree "" debian13
    lab_used "$(tree)"
    for compiler in "${COMPILERS[@]}"; do
        lab_say "building in build-tests/debian13/build/$compiler"
        lab_compiled "$LAB_BUILD/$compiler" "debian13, $compiler" compile "$compiler"
    done
}

list() {
    local compiler test variant
    for compiler in "${COMPILERS[@]}"; do
        for test in "${TESTS[@]}"; do
            [[ " ${FULL[*]} " = *" $compiler-${test%:*} "* ]] && variant=" full" || variant=
            echo "$compiler-${test/:/ }$variant"
        done
    done
    echo "sway-security-context 3"
    printf '%s-border 5\n' sway weston
    echo "sway-language 8"
}

# One test at a time: the runner has others to run beside it.
run() {
    lab_enter "$(tree)" meson test -C "/var/tmp/build/${1%-*}" --no-rebuild --suite "${1#*-}" --num-processes 1 \
        --timeout-multiplier "${WAYFERRY_TEST_SLOWNESS:-2}" --print-errorlogs
}

# run_script FILE COMPOSITOR: one of tests/, in the tree.
run_script() {
    lab_enter "$(tree)" env WAYFERRY_TEST_SLOWNESS="${WAYFERRY_TEST_SLOWNESS:-2}" \
        "/usr/src/wayferry/tests/$1" /var/tmp/build/gcc "$2"
}

case ${1:-} in
sway-security-context) run_script security-context.sh sway ;;
sway-language) run_script language.sh sway-1.10 ;;
*-border) run_script border-label.sh "${1%-border}" ;;
prepare) prepare ;;
--list) list ;;
*-*) run "$1" ;;
*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
