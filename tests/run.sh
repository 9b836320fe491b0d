#!/bin/bash
# Builds wayferry and runs its tests; see --help. The last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/packages.sh

SUITES=(unit wire lint fuzz renderer apps nested border input dragging clipboard buffers many costs faults wlcs doctor x11 control libvirt examples packages attack debian13 newest vm-uml vm-qemu)

usage() {
    cat <<'END'
Usage: tests/run.sh [OPTION...] [full] [SUITE...]

Installs what is missing (Debian 12 or 13; as root, otherwise it says what to run), builds, and runs the
suites, by default all of them. A test that fails does not stop the others. With the word "full" the longest
variants of tests run, too: a guest rebooted five times, all of QEMU's kernels, a hundred thousand frames.

Suites:
  unit       one program for each source file under test
  wire       golden bytes of the wire formats
  lint       format of the source; what checkers of C and of shell scripts find
  fuzz       the corpora of the fuzzers, replayed
  renderer   3D contexts with libvirglrenderer, on llvmpipe and lavapipe
  apps       applications on weston and sway, direct and bridged: the pictures must be equal
  nested     a compositor as a guest application
  border     the border around a machine's windows, exact to the pixel
  input      pointer and keyboard events, direct and bridged
  dragging   drag and drop, guest and host; menus that take the input
  clipboard  clipboard and primary selection in all directions and sizes
  buffers    what compositors are told of dma-bufs, and what becomes of those that they do not import
  many       twenty clients at once, a thousand in turn: nothing may be left of them
  costs      what a round trip, a frame and a key take, counted: system calls, also beside many clients; instructions (with full)
  faults     killed and misbehaving clients, processes and devices
  wlcs       the Wayland conformance suite on Mir: what passes directly passes bridged
  doctor     what both programs say of machines that lack something; the systemd units
  x11        X11 applications by wayferry-x11, direct and bridged
  control    what wayferry-host list and show tell, and whom
  libvirt    wayferry-host as libvirt starts it
  e2e        apps to libvirt
  examples   the scripts of examples/: containers, a nested desktop, a machine (with full)
  packages   Debian packages of this working copy: built, installed, purged
  attack     a hostile guest against wayferry-host, beside one that behaves
  asan       unit to libvirt, but for lint, with AddressSanitizer and UBSan, bridged alone (with full: direct, too); asan-SUITE is one suite
  debian13   built with Debian 13's gcc and clang, without a warning; unit, wire, fuzz, renderer, and sway 1.10 and weston 14 there (needs root)
  newest     built with Debian's unstable release: unit, wire, fuzz, and sway, labwc, KWin and mutter there; by this name or with "full" (needs root)
  vm-uml     a virtual machine on User-Mode Linux: a real guest kernel and a real user's session
  vm-qemu    the same on QEMU, with Debian's own kernels: 6.1, 6.12 and the newest
  vm         all kinds of virtual machines; these need root, for making the machines

Options:
  --quick       unit, wire, lint and one application
  --list        print the tests of the suites: nothing is built or run
  --only TEST   only tests whose name contains this; may be repeated
  --jobs N      how many tests run at a time (default: one more than processors, at most 4)
  --no-install  take the packages as they are
  --help        this text

What only some tests need (another build, Debian trees, kernels) is made while others run.
Builds and logs are in build-tests/. Exit status: 0 when all passed, 1 otherwise, 2 for wrong usage.
END
}

e2e_suites=(apps nested border input dragging clipboard buffers many faults wlcs doctor x11 control libvirt)
vm_kinds=(uml qemu)
LOGS=$PWD/build-tests/logs
jobs_max=$(($(nproc) + 1))      # tests often wait: for a window, for a guest
((jobs_max > 4)) && jobs_max=4
list=no install=yes quick=no full=no only=() chosen=()

parse() {
    while (($#)); do
        case $1 in
        --help) usage; exit 0 ;;
        --list) list=yes ;;
        --no-install) install=no ;;
        --quick) quick=yes ;;
        --only | --jobs)
            (($# > 1)) || wrong "$1 needs a value"
            if [ "$1" = --only ]; then only+=("$2"); else jobs_max=$2; fi
            shift
            ;;
        full) full=yes ;;
        e2e) chosen+=("${e2e_suites[@]}") ;;
        asan) chosen+=(asan-{unit,wire,fuzz,renderer} "${e2e_suites[@]/#/asan-}") ;;
        vm) chosen+=("${vm_kinds[@]/#/vm-}") ;;
        asan-e2e) chosen+=("${e2e_suites[@]/#/asan-}") ;;
        asan-lint | asan-debian13 | asan-newest | asan-packages | asan-examples) wrong "${1#asan-} has no sanitizers" ;;
        *)
            [[ " ${SUITES[*]} " = *" ${1#asan-} "* ]] || wrong "no such suite or option: $1"
            chosen+=("$1")
            ;;
        esac
        shift
    done
    [ $quick = no ] || ((${#chosen[@]} == 0)) || wrong "--quick chooses the suites itself"
    [[ $jobs_max =~ ^[1-9][0-9]*$ ]] || wrong "--jobs must be a number"
}

choose_default() {
    if [ $quick = yes ]; then
        chosen=(unit wire lint apps)
    else
        parse unit wire lint fuzz renderer e2e examples packages attack asan debian13 vm
        [ $full = no ] || parse newest
    fi
}

wrong() {
    echo "tests/run.sh: $1 (see --help)" >&2
    exit 2
}

# with_log NAME WHAT COMMAND...: runs it for build-tests/NAME; its output is seen where it fails.
with_log() {
    local log=$LOGS/build-$1.log what=$2 directory=build-tests/$1
    echo "$what $directory" >&2
    "${@:3}" >"$log" 2>&1 || {
        tail -n 30 "$log"
        echo "$what $directory failed (log: $log)"
        finish 1
    }
}

# set_up NAME OPTION...: configures build-tests/NAME.
set_up() {
    local directory=build-tests/$1 again=()
    [ ! -e "$directory/build.ninja" ] || again=(--reconfigure)
    meson setup "${again[@]}" "$directory" "${@:2}"
}

set_up_and_compile() {
    set_up "$@" && ninja -C "build-tests/$1"
}

# build NAME OPTION...: builds build-tests/NAME.
build() {
    with_log "$1" building set_up_and_compile "$@"
}

# Options of build-tests/plain.
PLAIN=(--buildtype=debugoptimized -Drenderer=enabled)

# The tests, by their names; meson's are known once it has read its files, which compiles nothing.
list() {
    with_log plain configuring set_up plain "${PLAIN[@]}"
    slowness=1
    collect
    printf '%s\n' "${TESTS[@]%%$'\t'*}"
}

# ---- the tests: one line each in TESTS, "label <tab> usual seconds <tab> limit <tab> command, quoted for the shell"

TESTS=()

# How much slower than usual this machine is, as a whole number; it may have other things to do.
measure_slowness() {
    local from=${EPOCHREALTIME/./} i
    for ((i = 0; i < 200000; i++)); do
        :
    done
    slowness=$(((${EPOCHREALTIME/./} - from) / 300000 + 1))
}

# add_test LABEL SECONDS COMMAND [LIMIT]: how long it usually takes. Limits are for tests that hang, and so generous.
add_test() {
    TESTS+=("$1"$'\t'"$2"$'\t'"$((${4:-$2 * 6 + 60} * slowness))"$'\t'"$3")
}

# The build directory NAME; where nothing was built the one that has the same tests.
configured() {
    if [ $list = yes ]; then echo build-tests/plain; else echo "build-tests/$1"; fi
}

# meson's tests of a suite: collect_meson SUITE BUILD LABEL
collect_meson() {
    local label limit command
    while IFS=$'\t' read -r label limit command; do
        add_test "$label" 1 "$command" "$limit"
    done < <(meson introspect --tests "$(configured "$2")" | python3 -c '
import json, shlex, sys
suite, label = sys.argv[1:]
for test in json.load(sys.stdin):
    if suite in [name.split(":")[-1] for name in test["suite"]]:
        name = test["name"].removeprefix(suite + " ").removeprefix("corpus ")
        environment = [f"{key}={value}" for key, value in test["env"].items()]
        command = shlex.join(["env", "-C", test["workdir"] or ".", *environment, *test["cmd"]])
        print(label + " " + name, test["timeout"], command, sep="\t")
' "$1" "$3")
}

# collect_e2e FILE BUILD LABEL: the label goes in front of the test's name.
collect_e2e() {
    local name seconds variant factor=1 direct=yes
    [ "$2-$full" != asan-no ] || direct=no
    [ "$2" = asan ] && factor=2
    while read -r name seconds variant; do
        [ $full = yes ] || case $2-$variant in *-full | asan-plain) continue ;; esac
        add_test "$3$name" $((seconds * factor)) "env WAYFERRY_BUILD=$(printf %q "$PWD/build-tests/$2") \
WAYFERRY_CLIENTS=$(printf %q "$PWD/build-tests/plain/tests/clients") WAYFERRY_TEST_SLOWNESS=$((slowness + 1)) \
WAYFERRY_TEST_DIRECT=$direct WAYFERRY_TEST_LOGS=$(printf %q "$LOGS/${3// //}$name") $1 $name"
    done < <("$1" --list)
}

collect() {
    local suite kind build file
    for suite in "${chosen[@]}"; do
        kind=${suite#asan-} build=plain
        [ "$suite" = "$kind" ] || build=asan
        case $kind in
        unit | wire | lint | fuzz | renderer) collect_meson "$kind" $build "$suite" ;;
        debian13 | newest) collect_e2e "tests/$kind.sh" $build "$suite " ;;
        vm-*) collect_e2e "tests/vm/test-${kind#vm-}.sh" $build "${suite%vm-*}vm ${kind#vm-}-" ;;
        attack)
            for file in tests/attack/*.sh; do
                [ ! -x "$file" ] || collect_e2e "$file" $build "$suite $(basename "$file" .sh)-"
            done
            ;;
        x11)
            for file in tests/e2e/x11*.sh; do
                [ ! -x "$file" ] || collect_e2e "$file" $build "$suite "
            done
            ;;
        *) collect_e2e "tests/e2e/$kind.sh" $build "$suite " ;;
        esac
    done
    [ $quick = no ] || keep_only 'unit ' 'wire ' 'lint ' 'apps foot'
    ((${#only[@]})) && keep_only "${only[@]}"
    return 0
}

keep_only() {
    local all=("${TESTS[@]}") test pattern
    TESTS=()
    for test in "${all[@]}"; do
        for pattern; do
            if [[ ${test%%$'\t'*} = *"$pattern"* ]]; then
                TESTS+=("$test")
                break
            fi
        done
    done
}

# ---- what tests need beside build-tests/plain: made one after another, while tests run that do without it

NEEDS=()                    # for each test, what must have been made: names with a | behind each
MAKING=()                   # these names, in the order in which they are made
declare -A made=()          # name -> yes, no (it failed)

# needs_of LABEL: sets NEEDED.
needs_of() {
    local suite name
    read -r suite name <<<"$1"
    NEEDED=
    [[ $suite != asan-* ]] || NEEDED='asan|'
    case ${suite#asan-} in
    debian13 | newest) NEEDED+="$suite|" ;;
    vm) NEEDED+="vm-${name%%-*}|" ;;
    libvirt) [ $full = no ] || NEEDED+='vm-qemu-6.12|' ;;      # machines of libvirt's have that guest
    esac
    # What would take longer to make than a test has.
    if [[ " $PREPARED " = *" tests/e2e/${suite#asan-}.sh:test_prepare_${name//-/_} "* ]]; then
        NEEDED+="${suite#asan-} $name|"
    fi
}

needs_of_all() {
    local index name names machines=
    PREPARED=$(grep -o '^test_prepare_[a-z0-9_]*' tests/e2e/*.sh | paste -sd' ')
    for ((index = 0; index < ${#TESTS[@]}; index++)); do
        needs_of "${TESTS[index]%%$'\t'*}"
        NEEDS[index]=$NEEDED
        IFS='|' read -ra names <<<"$NEEDED"
        for name in "${names[@]}"; do
            [ -n "${made[$name]:-}" ] || MAKING+=("$name")
            made[$name]=later
        done
    done
    made=()
    # What machines run is compiled in one place for all kinds, and not while one of them has it: the first waits for all.
    for name in "${MAKING[@]}"; do
        [[ $name != vm-* ]] || machines+="$name|"
    done
    for ((index = 0; index < ${#TESTS[@]}; index++)); do
        [[ ${NEEDS[index]} != *vm-* ]] || NEEDS[index]+=$machines
    done
}

make_named() {
    case $1 in
    asan) ninja -C build-tests/asan ;;
    vm-*) tests/vm/guest.sh prepare "${1#vm-}" ;;
    *' '*) "tests/e2e/${1% *}.sh" "prepare-${1#* }" ;;
    *) "tests/$1.sh" prepare ;;
    esac
}

# make_next: begins to make the next thing, as a job of its own; it has all the environment, as what downloads needs it.
make_next() {
    local log
    ((${#MAKING[@]})) && [ -z "$making_pid" ] || return
    making=${MAKING[0]} MAKING=("${MAKING[@]:1}")
    log=$LOGS/making-${making// /-}.log
    echo "making $making, for tests that come later (log: $log)"
    build-tests/plain/tests/clients/reap -t 10800 -g 5 nice bash -c "$(declare -f make_named); make_named $(printf %q "$making")" \
        >"$log" 2>&1 </dev/null &
    making_pid=$!
    making_since=$SECONDS
}

# made_ended STATUS
made_ended() {
    making_pid=
    if [ "$1" = 0 ] || [ "$1" = 125 ]; then
        made[$making]=yes
        echo "made   $making ($((SECONDS - making_since)) s)"
        return
    fi
    made[$making]=no        # its tests count as failed
    failures+=("$making could not be made")
    echo "FAIL   $making was not made ($(meaning "$1"); log: $LOGS/making-${making// /-}.log)"
    tail -n 15 "$LOGS/making-${making// /-}.log" | sed 's/^/    | /'
}

# is_ready INDEX: what the test needs is there; sets MISSING if it never will be.
is_ready() {
    local name names
    MISSING=
    [ -n "${NEEDS[$1]}" ] || return 0
    IFS='|' read -ra names <<<"${NEEDS[$1]}"
    for name in "${names[@]}"; do
        case ${made[$name]:-} in
        yes) ;;
        no) MISSING=$name ;;
        *) return 1 ;;
        esac
    done
}

# ---- running them

passed=0 failed=0 failures=()
declare -A running=()       # pid of a reaper -> index in TESTS
declare -A started=()       # pid -> $SECONDS
declare -A lasted=()        # label -> seconds, in earlier runs
declare -A waiting=()       # index in TESTS -> anything: those that have not started
EXPECTED=()                 # seconds, for each of TESTS
LONG=40                     # tests that take longer come first, so that none is left alone at the end
long=()                     # their indices, the longest first
making_pid='' making='' making_since=0

log_of() {
    echo "$LOGS/${1// //}.log"
}

# What a test finds of this environment: where a user's things are, and how the lab of virtual machines is set up.
ENVIRONMENT=(PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb)
for name in HOME USER XDG_CACHE_HOME WAYFERRY_LAB_CACHE WAYFERRY_DEBIAN_MIRROR WAYFERRY_UML_SOURCE; do
    [ -z "${!name:-}" ] || ENVIRONMENT+=("$name=${!name}")
done

start() {
    local label seconds limit command log
    IFS=$'\t' read -r label seconds limit command <<<"${TESTS[$1]}"
    log=$(log_of "$label")
    mkdir -p "$(dirname "$log")"
    rm -f "$log"        # that of another run, which has the test now, goes on
    build-tests/plain/tests/clients/reap -t "$limit" -g 5 env -i "${ENVIRONMENT[@]}" bash -c "$command" \
        >"$log" 2>&1 </dev/null &
    running[$!]=$1
    started[$!]=$SECONDS
}

# Waits for one test to end, and tells.
reap_one() {
    local pid status label progress took
    # shellcheck disable=SC2086     # none, or one
    wait -n -p pid "${!running[@]}" $making_pid
    status=$?
    if [ "$pid" = "$making_pid" ]; then
        made_ended $status
        return
    fi
    label=${TESTS[${running[$pid]}]%%$'\t'*}
    took=$((SECONDS - started[$pid]))
    unset "running[$pid]" "started[$pid]"
    progress="[$((passed + failed + 1))/${#TESTS[@]}$(left)]"
    if [ $status = 0 ] || [ $status = 77 ]; then
        passed=$((passed + 1))
        lasted[$label]=$took
        echo "$progress $( ((status)) && echo skip || echo 'ok  ')  $label ($took s)"
        return
    fi
    failed=$((failed + 1))
    failures+=("$label")
    echo "$progress FAIL  $label ($took s; $(meaning $status); log: $(log_of "$label"))"
    tail -n 15 "$(log_of "$label")" | sed 's/^/    | /'
}

# What tests took in earlier runs, for telling how long is left.
recall() {
    local label seconds
    while IFS=$'\t' read -r label seconds; do
        lasted[$label]=$seconds
    done 2>/dev/null <build-tests/lasted
}

record() {
    local label
    for label in "${!lasted[@]}"; do
        printf '%s\t%s\n' "$label" "${lasted[$label]}"
    done | sort >build-tests/lasted
}

# What each test will take, as far as is known.
expect_all() {
    local index label seconds rest
    for ((index = 0; index < ${#TESTS[@]}; index++)); do
        IFS=$'\t' read -r label seconds rest <<<"${TESTS[index]}"
        EXPECTED[index]=${lasted[$label]:-$seconds}
        waiting[$index]=yes
    done
    mapfile -t long < <(for index in "${!EXPECTED[@]}"; do
        ((EXPECTED[index] < LONG)) || echo "${EXPECTED[index]} $index"
    done | sort -k1,1nr -k2,2n | cut -d' ' -f2)
}

# Prints how long is left: the work that is left for each job, or the longest test if that is more.
left() {
    local index pid rest sum=0 longest=0
    for index in "${!waiting[@]}"; do
        sum=$((sum + EXPECTED[index]))
        ((EXPECTED[index] <= longest)) || longest=${EXPECTED[index]}
    done
    for pid in "${!running[@]}"; do
        index=${running[$pid]}
        rest=$((EXPECTED[index] - SECONDS + started[$pid]))
        ((rest <= 0)) || sum=$((sum + rest))
        ((rest <= longest)) || longest=$rest
    done
    sum=$((sum / jobs_max))
    ((sum >= longest)) || sum=$longest
    if ((sum >= 90)); then
        echo ", $(((sum + 30) / 60)) min left"
    else
        echo ", $sum s left"
    fi
}

# Sets NEXT to the test that starts now: a long one, but for the last free job, or the next one in their order. False:
# there is none whose needs are there.
pick() {
    local index
    if ((jobs_max == 1 || $(long_running) < jobs_max - 1)); then
        for index in "${long[@]}"; do
            if [ -n "${waiting[$index]:-}" ] && is_ready "$index"; then
                NEXT=$index
                return
            fi
        done
    fi
    for ((index = 0; index < ${#TESTS[@]}; index++)); do
        if [ -n "${waiting[$index]:-}" ] && is_ready "$index"; then
            NEXT=$index
            return
        fi
    done
    return 1
}

# How many of the long ones are running.
long_running() {
    local index n=0
    for index in "${running[@]}"; do
        ((EXPECTED[index] < LONG)) || n=$((n + 1))
    done
    echo $n
}

meaning() {
    case $1 in
    124) echo "not done in its time" ;;
    125) echo "left processes behind" ;;
    *) echo "status $1" ;;
    esac
}

run_all() {
    recall
    expect_all
    needs_of_all
    echo "${#TESTS[@]} tests$(left)"
    while ((${#waiting[@]} + ${#running[@]})); do
        make_next
        if ((${#running[@]} + (${making_pid:-0} > 0) < jobs_max)) && pick; then
            unset "waiting[$NEXT]"
            if [ -n "$MISSING" ]; then
                never "$NEXT"
            else
                start "$NEXT"
            fi
        else
            reap_one
        fi
    done
    record
}

# never INDEX: a test that cannot be run.
never() {
    failed=$((failed + 1))
    failures+=("${TESTS[$1]%%$'\t'*}")
    echo "FAIL  ${TESTS[$1]%%$'\t'*} (not run: $MISSING was not made)"
}

# A reaper that is told to end takes all its descendants along.
stop_all() {
    trap '' INT TERM HUP
    # shellcheck disable=SC2086
    [ -z "${!running[*]}$making_pid" ] || kill "${!running[@]}" $making_pid 2>/dev/null
    wait
    finish 1
}

# finish FAILED_BESIDES: the closing lines, and the end.
finish() {
    failed=$((failed + $1))
    ((${#failures[@]})) && printf 'failed: %s\n' "${failures[@]}"
    echo "$passed passed, $failed failed"
    ((failed == 0 && passed > 0))
    exit
}

main() {
    parse "$@"
    ((${#chosen[@]})) || choose_default
    mkdir -p "$LOGS"
    if [ $list = yes ]; then
        list
        exit 0
    fi
    if [ $install = yes ]; then
        packages_need build test || finish 1
        [[ " ${chosen[*]}" != *" vm-"* ]] || packages_need vm || finish 1
    fi
    trap stop_all INT TERM HUP
    build plain "${PLAIN[@]}"
    if [[ " ${chosen[*]}" = *" asan-"* ]]; then
        with_log asan configuring set_up asan "${PLAIN[@]}" -Db_sanitize=address,undefined     # it is built while tests run
    fi
    measure_slowness
    collect
    [ $full = yes ] || export WAYFERRY_QEMU_KINDS=qemu-6.12      # the others' tests are not among these
    run_all
    finish 0
}

main "$@"
