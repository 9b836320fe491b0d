#!/bin/bash
# What two runs in one working copy must not do to each other: have the logs of one test at the same time, or make
# anew what a guest has for its root.
# usage: alone.sh SOURCE_DIRECTORY
set -u
source=$1
work=$(mktemp -d /tmp/wayferry-alone.XXXXXX)
trap 'kill "$(jobs -p)" 2>/dev/null; rm -rf "$work"' EXIT

wrong() {
    echo "$*"
    exit 1
}

# A test that says that it has begun, and goes on until somebody lets it.
cat >"$work/waits.sh" <<END
. "$source/tests/e2e/lib.sh"
e2e_begin waits
mkfifo "\$LOGS/go"
echo "\$BASE" >"\$LOGS/begun"
read -r <"\$LOGS/go"
END
export WAYFERRY_TEST_LOGS=$work/logs/waits

begin() {
    rm -f "$WAYFERRY_TEST_LOGS/begun"
    bash "$work/waits.sh" >"$work/said" 2>&1 &
    test=$!
    until [ -s "$WAYFERRY_TEST_LOGS/begun" ]; do
        kill -0 $test 2>/dev/null || wrong "the test has not begun: $(cat "$work/said")"
        sleep 0.05
    done
}

begin
first=$test
said=$(timeout 100 bash "$work/waits.sh" 2>&1) && wrong "a second run of the test passes"
[[ $said = *"another run of this test has $WAYFERRY_TEST_LOGS"* ]] || wrong "the second run says: $said"
[ -p "$WAYFERRY_TEST_LOGS/go" ] || wrong "the second run has removed what the first one has"
echo >"$WAYFERRY_TEST_LOGS/go"
wait $first || wrong "the first run fails"

# One that was killed is in nobody's way.
begin
kill -KILL $test
wait $test 2>/dev/null
rm -r "$(cat "$WAYFERRY_TEST_LOGS/begun")"
begin
echo >"$WAYFERRY_TEST_LOGS/go"
wait $test || wrong "a run behind one that was killed fails"

# guests
export WAYFERRY_LAB_CACHE=$work/cache
. "$source/tests/vm/guest.sh"
LAB_LAYER=$work/layer
compile() {
    echo compiled >>"$work/compiled"
}
lab_compiled "$LAB_LAYER" guest compile
(guest_keep_layer && exec sleep 1000) &
machine=$!
while said=$(lab_compiled "$LAB_LAYER" guest compile 2>&1); do
    kill -0 $machine || wrong "the machine has ended"
    sleep 0.05
done
[[ $said = *"a guest of this working copy runs"* ]] || wrong "it says: $said"
lines=$(wc -l <"$work/compiled")
kill $machine
wait $machine 2>/dev/null
(lab_compiled "$LAB_LAYER" guest compile) || wrong "nothing is compiled when no guest runs any more"
[ "$(wc -l <"$work/compiled")" = $((lines + 1)) ] || wrong "it was compiled for a guest that runs"
