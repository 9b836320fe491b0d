#!/bin/bash
# What a paste costs in a real guest; see tests/bench/run.sh --clipboard. One machine per run:
#
#     tests/bench/clipboard.sh --list | KIND
#
# 64 MiB are copied on one side and pasted on the other, between a sway and a guest whose host has nothing else to do;
# beside them the same bytes go through a socket between two processes of the guest, where the reader drops them. So does the
# one of "dropped", with as many calls; "to host" and "to guest" are whole programs, wl-paste into a file. "pipe" is what there is to be
# had where a process has to write to another one's pipe what it finds in its memory: 256 KiB at a time into one that holds as much.
. "$(dirname "$0")/../vm/session.sh"
. "$(dirname "$0")/../vm/applications.sh"

tests=(uml:300 qemu-6.1:900 qemu-6.12:900 qemu-newest:900)

ROUNDS=3
BYTES=67108864

test_uml() { bench_clipboard uml; }
test_qemu_6_1() { bench_clipboard qemu-6.1; }
test_qemu_6_12() { bench_clipboard qemu-6.12; }
test_qemu_newest() { bench_clipboard qemu-newest; }

# One process sends what is in /tmp/content, the other one reads it: seconds.
# shellcheck disable=SC2034
SOCKET='
import os, socket, time
reader, writer = socket.socketpair()
content = open("/tmp/content", "rb").read()
start = time.monotonic()
if os.fork() == 0:
    reader.close()
    writer.sendall(content)
    os._exit(0)
writer.close()
while reader.recv(65536):
    pass
print(time.monotonic() - start)
'

# shellcheck disable=SC2034
PIPE='
import fcntl, os, time
reader, writer = os.pipe()
fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 262144)
content = memoryview(bytearray(262144))
start = time.monotonic()
if os.fork() == 0:
    os.close(reader)
    for i in range(256):
        done = 0
        while done < len(content):
            done += os.write(writer, content[done:])
    os._exit(0)
os.close(writer)
while os.read(reader, 65536):
    pass
print(time.monotonic() - start)
'

counts() {
    guest_counters
    echo "$(bridge_counter vm guest submissions) $(bridge_counter vm guest fences)"
}

# report WHAT SECONDS SOCKET BEFORE AFTER [PASTES]: PASTES of them were counted.
report() {
    echo "$4 $5" | awk -v what="$1" -v seconds="$2" -v socket="$3" -v n="${6:-1}" '{
        printf "  %-10s %6.2f s, %.2f of the speed of a socket in the guest; %d submissions, %d fences\n",
            what, seconds, socket / seconds, ($3 - $1) / n, ($4 - $2) / n
    }'
}

bench_clipboard() {
    local i share
    KIND=$1
    [ "$KIND" = uml ] || TIMES=10
    session_start sway
    share=$(guest_share vm)
    spawn keyboard env WAYLAND_DISPLAY=host wtype -s 3600000 a      # the seat needs a keyboard that stays
    openssl enc -aes-128-ctr -K 00 -iv 00 -in /dev/zero 2>/dev/null | head -c $BYTES >"$share/content"
    guest_run vm cp /mnt/content /tmp/content
    printf '%s, %s bytes\n' "$KIND" $BYTES
    for ((i = 0; i < ROUNDS; i++)); do
        bench_paste "$i" "$(guest_run vm python3 -c "$SOCKET")"
    done
    WAYLAND_DISPLAY=host wl-copy --clear
    stop keyboard
    guest_stop vm
    stop vm-host
}

# bench_paste ROUND SECONDS_OF_THE_SOCKET
bench_paste() {
    local before seconds start type=application/x-there-$1
    report pipe "$(guest_run vm python3 -c "$PIPE")" "$2" '0 0' '0 0'     # the host has no part in it
    # shellcheck disable=SC2016
    app "copy-there-$1" sh -c 'exec wl-copy --foreground --type "$0" </tmp/content' "$type"
    until_true "$APP_SECONDS" clipboard_offered env WAYLAND_DISPLAY=host -- "$type" || fail "no selection from the guest"
    before=$(counts) start=$EPOCHREALTIME
    WAYLAND_DISPLAY=host wl-paste --no-newline --type "$type" >"$WORK/pasted" || fail "wl-paste failed"
    seconds=$(awk "BEGIN { print $EPOCHREALTIME - $start }")
    cmp "$share/content" "$WORK/pasted" || fail "the contents differ"
    report 'to host' "$seconds" "$2" "$before" "$(counts)"

    type=application/x-here-$1
    # shellcheck disable=SC2016
    spawn "copy-here-$1" env WAYLAND_DISPLAY=host sh -c 'exec wl-copy --foreground --type "$0" <"$1"' "$type" "$share/content"
    until_true "$APP_SECONDS" clipboard_offered guest_run vm -- "$type" || fail "no selection from the host"
    before=$(counts)
    # shellcheck disable=SC2016
    seconds=$(guest_run vm sh -c 'start=$(date +%s.%N); wl-paste --no-newline --type "$0" >/tmp/pasted || exit
        echo "$start $(date +%s.%N)"; cmp /tmp/pasted /tmp/content' "$type" | awk '{ print $2 - $1 }') ||
        fail "wl-paste failed, or the contents differ"
    report 'to guest' "$seconds" "$2" "$before" "$(counts)"
    before=$(counts)
    # The second one counts: in the guest's only processor the start of the job, by its service manager, can last into the first.
    # shellcheck disable=SC2016
    seconds=$(guest_run vm sh -c '"$0" "$1" - && "$0" "$1" -' "$LAB_PROGRAMS/paste-many" "$type") || fail "paste-many failed"
    report dropped "${seconds#*$'\n'}" "$2" "$before" "$(counts)" 2
}

e2e_main "$@"
