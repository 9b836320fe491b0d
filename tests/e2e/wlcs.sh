#!/bin/bash
# The Wayland conformance suite (wlcs) on Mir, direct and bridged: a test that passes directly passes
# bridged, too. Mir itself does not pass all of them, and what it fails is not looked at.
#
# tests/wlcs/bridged.c puts the bridge between the tests and Mir. One pair of wayferry-guest and
# wayferry-host serves all tests of a run, some six hundred, one after another.
. "$(dirname "$0")/lib.sh"

tests=(conformance:76)

# Tests of what guests do not get: pattern (of the shell), and the interface that the policy refuses, or
# that no wayland-protocols has, so that there are no tables for it.
REFUSED=(
    '*[Ll]ayer*' zwlr_layer_shell_v1
    'ForeignToplevel*' zwlr_foreign_toplevel_manager_v1
)

# Clients of these tests set selections with serials that they made up, which Mir takes (docs/policy.md).
MADE_UP=(
    CopyCutPaste.given_sink_has_focus_when_source_makes_offer_sink_sees_offer
    CopyCutPaste.given_source_has_offered_when_sink_gets_focus_it_sees_offer
    PrimarySelection.sink_can_listen
    PrimarySelection.sink_can_request
    PrimarySelection.source_can_supply_request
    PrimarySelection.source_sees_request
)

# In these tests the second client is a part of the desktop, which uses such an interface as well, so
# it is connected directly; what it does is seen by the first one, which is bridged.
WITH_DESKTOP='TextInputV2WithInputMethod*:TextInputV3WithInputMethod*:VirtualPointerV1Test.*'
WITH_DESKTOP+=':ForeignToplevelManagerTest.detects_toplevel_from_different_client'
WITH_DESKTOP+=':ForeignToplevelManagerTest.detects_multiple_toplevels_from_multiple_clients'

RUN_SECONDS=200             # a run takes 75; wlcs does not heed SIGTERM when it hangs
REPEATS=4                   # of the tests that differ
DIFFERING_MAX=40            # more are not flakes, and not repeated

# wlcs_run NAME MODULE FILTER [VARIABLE...]: runs the tests; leaves the names of those that passed in
# $WORK/NAME.passed. Fails when wlcs itself crashed or hung.
wlcs_run() {
    local name=$1 module=$2 filter=$3 status
    shift 3
    timeout -k 5 $((RUN_SECONDS * SLOWNESS)) env "$@" "$WLCS" "$module" --gtest_filter="$filter" >"$LOGS/$name.log" 2>&1 </dev/null
    status=$?
    sed -n 's/^\[ *OK \] \([^ ]*\) (.*/\1/p' "$LOGS/$name.log" | sort -u >"$WORK/$name.passed"
    [ $status -le 1 ] || say "$name: wlcs ended with status $status (log: $LOGS/$name.log)"
    return $((status > 1))
}

# run_direct NAME FILTER
run_direct() {
    wlcs_run "$1" "$MIR" "$2"
}

# bridged_run NAME FILTER [VARIABLE...]: over the bridge NAME, which is started and must survive it.
bridged_run() {
    local name=$1 filter=$2
    shift 2
    # (Looking for security contexts is a connection that no test makes, and Mir has none.)
    HOST_OPTIONS="--security-context off ${HOST_OPTIONS:-}" bridge_start "$name.mir" "$name"
    wlcs_run "$name" "$MODULE" "$filter" WAYFERRY_WLCS_MODULE="$MIR" WAYFERRY_WLCS_SOCKET="$XDG_RUNTIME_DIR/$name.mir" \
        WAYFERRY_WLCS_DISPLAY="$XDG_RUNTIME_DIR/$BRIDGE" "$@" || return 1
    bridge_stop "$name"
}

# Fails unless guests are still without what makes tests exempt.
refusals_hold() {
    local index
    "$WAYFERRY_BUILD/host-bridge/wayferry-host" capabilities >"$WORK/policy"
    for ((index = 1; index < ${#REFUSED[@]}; index += 2)); do
        grep -qE "^(deny|absent) +${REFUSED[index]}:" "$WORK/policy" || fail "guests do get ${REFUSED[index]}"
    done
}

# Reads names of tests, prints those that are not exempt.
without_refused() {
    local test index
    while read -r test; do
        for ((index = 0; index < ${#REFUSED[@]}; index += 2)); do
            # shellcheck disable=SC2053
            [[ $test = ${REFUSED[index]} ]] && continue 2
        done
        [[ " ${MADE_UP[*]} " = *" $test "* ]] && continue
        echo "$test"
    done
}

# The two ways over the bridge, which are of different tests: run_... NAME FILTER

run_bridged() {
    # Some tests have subsurfaces that reach far beyond their window, which guests' may not by default.
    printf '%s\n' '[limits]' 'subsurface-margin = 1000' >"$WORK/wlcs.conf"
    HOST_OPTIONS="--vm wlcs --config $WORK/wlcs.conf" bridged_run "$1" "$2"
}

run_desktop() {
    bridged_run "$1" "$2" WAYFERRY_WLCS_UNBRIDGED=2
}

# filter_of NAME: prints the tests that differ out of those that ran under this name, as wlcs wants them.
filter_of() {
    sed -n 's/^\[ RUN *\] //p' "$LOGS/$1.log" | grep -xFf "$WORK/differing" | paste -sd:
}

# Repeats the tests that differ, both ways: those that Mir fails by itself at times are no matter of the
# bridge. What is left passes directly more often than not, and bridged not.
repeat_differing() {
    local way filter round test direct bridged
    for way in direct bridged desktop; do
        filter=$(filter_of $way)
        for ((round = 1; round <= REPEATS && ${#filter} > 0; round++)); do
            run_$way "$way-$round" "$filter" || fail "round $round ended early"
        done
    done
    while read -r test; do
        direct=$(cat "$WORK"/direct-*.passed | grep -cxF "$test")
        bridged=$(cat "$WORK"/{bridged,desktop}-*.passed | grep -cxF "$test")
        say "$test: passed $direct of $REPEATS times directly, $bridged bridged"
        ((direct * 2 <= REPEATS || bridged * 2 > REPEATS)) || echo "$test" >>"$WORK/failing"
    done <"$WORK/differing"
}

test_conformance() {
    WLCS=$(echo /usr/lib/*/wlcs/wlcs) MIR=$(echo /usr/lib/*/mir/miral_wlcs_integration.so)
    MODULE=$WAYFERRY_CLIENTS/../wlcs/bridged.so
    [ -x "$WLCS" ] && [ -e "$MIR" ] && [ -e "$MODULE" ] ||
        fail "wlcs or mir-wlcs-integration is not installed (tests/run.sh installs them)"
    refusals_hold

    local direct=
    bridged_alone || {
        run_direct direct '*' &
        direct=$!
    }
    run_bridged bridged "*-$WITH_DESKTOP" || fail "the bridged run ended early"
    run_desktop desktop "$WITH_DESKTOP" || fail "the run with a desktop client ended early"
    cat "$WORK"/{bridged,desktop}.passed | sort -u >"$WORK/all-bridged.passed"
    if bridged_alone; then
        say "$(wc -l <"$WORK/all-bridged.passed") tests pass bridged"
        # Which ones should is the direct run's to say; guests lack what many of them want.
        (($(wc -l <"$WORK/all-bridged.passed") >= 500)) || fail "too few pass bridged: wlcs or Mir does not work here"
        return
    fi
    wait "$direct" || fail "the direct run ended early"

    comm -23 "$WORK/direct.passed" "$WORK/all-bridged.passed" | tee "$WORK/all-differing" | without_refused >"$WORK/differing"
    say "$(wc -l <"$WORK/direct.passed") tests pass directly, $(wc -l <"$WORK/all-bridged.passed") of them bridged;" \
        "$(($(wc -l <"$WORK/all-differing") - $(wc -l <"$WORK/differing"))) need what guests do not get, or may not do"
    (($(wc -l <"$WORK/direct.passed") >= 900)) || fail "too few pass directly: wlcs or Mir does not work here"
    : >"$WORK/failing"
    if (($(wc -l <"$WORK/differing") > DIFFERING_MAX)); then
        cp "$WORK/differing" "$WORK/failing"
    elif [ -s "$WORK/differing" ]; then
        repeat_differing
    fi
    [ ! -s "$WORK/failing" ] || fail "$(wc -l <"$WORK/failing") tests pass directly and fail bridged: $(head -n 5 "$WORK/failing" | paste -sd' ')"
}

e2e_main "$@"
