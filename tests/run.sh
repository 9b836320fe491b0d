#!/usr/bin/env bash
# Everything that shows that wayferry works, on a bare Debian machine.
set -u
cd "$(dirname "$0")/.." || exit 1

usage() {
    cat <<END
Usage: tests/run.sh [OPTION...] [SUITE...]
Installs what is missing, builds, and runs the suites (default: all of them). A suite's tests each have a time limit, and a
program they need that is not there fails them. Logs and pictures are left in build-tests/logs.

  unit            each part by itself (cmocka)
  wire            golden bytes of each codec
  fuzz            the fuzzers' corpora, replayed
  sanitized       unit, wire and fuzz built with AddressSanitizer and UndefinedBehaviorSanitizer
  e2e-apps        applications on weston and sway, direct and bridged, pictures compared
  e2e-nested      a whole compositor as a guest application
  e2e-input       pointer and keyboard events, direct and bridged
  e2e-clipboard   copy and paste in both directions, 0 bytes to 64 MB
  e2e-many        twenty clients at once, a thousand one after another
  e2e-faults      kills, floods, stalls, malformed messages, a hostile device driver
  e2e-sanitized   all e2e suites but the browsers' over sanitized binaries
  e2e             the six of them that are not sanitized

Options:
  --list          names the suites and ends
  --only TEST     runs just that test of the e2e suites that have it
  --no-install    fails when something is missing
  --help
The last line counts: N passed, N failed.
END
}

SUITES=(unit wire fuzz sanitized e2e-apps e2e-nested e2e-input e2e-clipboard e2e-many e2e-faults e2e-sanitized)
E2E_SUITES=(apps nested input clipboard many faults)
PLAIN=build-tests/plain
SANITIZED=build-tests/sanitized
LOGS=$PWD/build-tests/logs

passed=0
failed=0
only=
install=yes

die() {
    printf 'tests/run.sh: %s\n' "$*" >&2
    exit 2
}

step() {
    printf '== %s\n' "$*"
}

# ---- what is needed

BUILD_PACKAGES="gcc g++ pkg-config meson ninja-build python3 libwayland-dev libwayland-bin wayland-protocols libdrm-dev
    libgbm-dev libxkbcommon-dev libpixman-1-dev libseccomp-dev libcmocka-dev"
E2E_PACKAGES="weston sway foot grim wl-clipboard wtype imagemagick xwayland x11-utils x11-apps dbus strace util-linux
    gtk-4-examples gtk-3-examples mpv imv libsdl2-tests firefox-esr chromium qt6-wayland qt6-declarative-dev-tools
    qml6-module-qtquick qml6-module-qtquick-window qml6-module-qtqml qml6-module-qtqml-workerscript fonts-dejavu-core
    adwaita-icon-theme libgl1-mesa-dri waypipe"

missing_packages() {
    local package
    for package; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
    done
}

install_missing() {
    local packages
    # shellcheck disable=SC2046,SC2086 # lists of words
    packages=$(missing_packages $BUILD_PACKAGES $([ "$1" = e2e ] && echo $E2E_PACKAGES))
    [ -n "$packages" ] || return 0
    # shellcheck disable=SC2086
    set -- $packages
    [ $install = yes ] || die "missing: $*"
    [ "$(id -u)" = 0 ] || die "missing packages; install them with: sudo apt-get install --no-install-recommends $*"
    step "installing $*"
    mkdir -p "$LOGS"
    {
        apt-get update &&
            DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
    } >"$LOGS/install.log" 2>&1 </dev/null || die "apt-get failed: $LOGS/install.log"
}

declare -A BUILT=()

# build FOLDER [MESON OPTION...]: once in each run.
build() {
    local folder=$1
    [ -z "${BUILT[$folder]:-}" ] || return 0
    BUILT[$folder]=yes
    local log=$LOGS/${folder##*/}.log
    shift
    step "building $folder"
    mkdir -p "$LOGS"
    {
        { [ -f "$folder/build.ninja" ] || meson setup "$folder" "$@"; } && ninja -C "$folder"
    } >"$log" 2>&1 </dev/null || {
        tail -n 30 "$log"
        die "the build failed: $log"
    }
}

build_plain() {
    build $PLAIN --buildtype=debugoptimized
}

build_sanitized() {
    build $SANITIZED --buildtype=debug -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-O1
}

# ---- outcomes

# report NAME STATUS SECONDS [LOG]
report() {
    if [ "$2" = 0 ]; then
        passed=$((passed + 1))
        printf 'ok      %-44s %4d s\n' "$1" "$3"
        return
    fi
    failed=$((failed + 1))
    printf 'FAILED  %-44s %4d s  (status %s) %s\n' "$1" "$3" "$2" "${4:-}"
    [ -z "${4:-}" ] || grep -aE 'FAILED|ERROR|error' "$4" | tail -n 12 | sed 's/^/        /'
}

# meson_suites FOLDER SUITE...: the tests that meson knows, counted one by one.
meson_suites() {
    local folder=$1 log suite result name
    shift
    for suite; do
        log=$LOGS/${folder##*/}-$suite.log
        timeout -k 10 900 meson test -C "$folder" --no-rebuild --num-processes 2 --print-errorlogs --suite "$suite" >"$log" 2>&1 </dev/null
        while read -r name result; do
            report "${folder##*/} $name" "$([ "$result" = OK ] && echo 0 || echo "$result")" 0 "$log"
        done < <(sed -nE 's/^ *[0-9]+\/[0-9]+ (.* \/ )?(.*[^ ]) +(OK|FAIL|TIMEOUT|SKIP|ERROR|UNEXPECTEDPASS|EXPECTEDFAIL) +[0-9.]+s.*/\2 \3/p' "$log" |
            awk '{ result = $NF; $NF = ""; sub(/ $/, ""); gsub(/ /, "-"); print $0, result }')
        grep -qE '^Ok: +[1-9]' "$log" || report "${folder##*/} $suite" "no test ran" 0 "$log"
    done
}

# e2e_suite NAME FOLDER [EXCLUDED...]: each test of tests/e2e/NAME.sh, in a process of its own.
e2e_suite() {
    local name=$1 folder=$2 test seconds log start status
    shift 2
    while read -r test seconds; do
        [ -z "$only" ] || [ "$test" = "$only" ] || continue
        [[ " $* " != *" $test "* ]] || continue
        log=$LOGS/${folder##*/}/$name/$test
        mkdir -p "$log"
        start=$SECONDS
        [ "$folder" = $PLAIN ] || seconds=$((seconds * 3))
        WAYFERRY_BUILD=$PWD/$folder WAYFERRY_CLIENTS=$PWD/$PLAIN/tests/clients WAYFERRY_TEST_LOGS=$log \
            $PLAIN/tests/clients/reap -t "$seconds" "tests/e2e/$name.sh" "$test" >"$log.log" 2>&1 </dev/null
        status=$?
        [ "$status" != 124 ] || echo "$test: FAILED: not done after $seconds s" >>"$log.log"
        report "${folder##*/} $name $test" "$status" $((SECONDS - start)) "$log.log"
    done < <("tests/e2e/$name.sh" --list)
}

run_suite() {
    case $1 in
    unit | wire | fuzz)
        install_missing build
        build_plain
        step "$1"
        meson_suites $PLAIN "$1"
        ;;
    sanitized)
        install_missing build
        build_sanitized
        step "$1"
        meson_suites $SANITIZED unit wire fuzz
        ;;
    e2e-sanitized)
        install_missing e2e
        build_plain
        build_sanitized
        step "$1"
        local name
        for name in "${E2E_SUITES[@]}"; do
            e2e_suite "$name" $SANITIZED chromium firefox
        done
        ;;
    e2e-*)
        install_missing e2e
        build_plain
        step "$1"
        e2e_suite "${1#e2e-}" $PLAIN
        ;;
    esac
}

wanted=()
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h) usage; exit 0 ;;
    --list) printf '%s\n' "${SUITES[@]}"; exit 0 ;;
    --only) only=${2:?--only needs the name of a test}; shift ;;
    --no-install) install=no ;;
    -*) die "unknown option $1 (see --help)" ;;
    e2e) for name in "${E2E_SUITES[@]}"; do wanted+=("e2e-$name"); done ;;
    *)
        [[ " ${SUITES[*]} " == *" $1 "* ]] || die "unknown suite $1 (see --list)"
        wanted+=("$1")
        ;;
    esac
    shift
done
[ ${#wanted[@]} -gt 0 ] || wanted=("${SUITES[@]}")

for suite in "${wanted[@]}"; do
    run_suite "$suite"
done
printf '%d passed, %d failed\n' $passed $failed
[ $failed = 0 ] && [ $passed -gt 0 ]
