#!/bin/bash
# wayferry-ask takes the first program of its list that there is, with the question as plain text, and passes its
# answer on; without any it says so. usage: ask.sh WAYFERRY_ASK
set -u
ask=$1
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

fail() {
    echo "$*"
    exit 1
}

# asked: runs it with nothing but $directory to find programs in; its status.
asked() {
    WAYFERRY_MACHINE=box PATH=$directory /bin/sh "$ask" 'Shall it? <b>' >"$directory/said" 2>&1
}

asked
[ $? = 3 ] || fail "without a program it answers"
grep -q 'no zenity or yad' "$directory/said" || fail "it does not say what is missing"
status=10
for program in yad zenity; do
    # shellcheck disable=SC2016
    printf '#!/bin/sh\necho "%s: $*"\nexit %s\n' $program $status >"$directory/$program"
    chmod +x "$directory/$program"
    asked
    [ $? = $status ] || fail "$program's answer is not passed on"
    grep -q "^$program: .*wayferry: box.*Shall it? <b>" "$directory/said" || fail "$program is not asked: $(<"$directory/said")"
    status=$((status + 1))
done
