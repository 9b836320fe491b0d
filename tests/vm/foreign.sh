# shellcheck shell=bash
# Checks with a guest program that is not ours (tests/vm/raw): every habit of other guests that is known.

FOREIGN=$LAB_PROGRAMS/foreign
FOREIGN_TYPE=application/x-foreign

# foreign_cases window|no-window: whether the machine has a window for memory of the host.
foreign_cases() {
    guest_run vm "$FOREIGN" "$1" || fail "a guest that is not ours is not served"
    alive "${PID[vm-host]}" || fail "wayferry-host ended"
    foreign_clipboard "$1"
}

# Pipes in both directions, which in Wayland come with the clipboard; its owner in the guest has a window.
foreign_clipboard() {
    python3 -c 'import sys; sys.stdout.buffer.write(bytes((i * 31 + (i >> 8) * 17) & 255 for i in range(300000)))' \
        >"$WORK/pattern"
    spawn keyboard env WAYLAND_DISPLAY=host wtype -s 3600000 a
    app foreign-gives "$FOREIGN" "$1" write-pipe
    until_true $((30 * TIMES)) clipboard_offered env WAYLAND_DISPLAY=host -- $FOREIGN_TYPE || fail "no selection from the guest"
    WAYLAND_DISPLAY=host limited $((30 * TIMES)) wl-paste --no-newline --type $FOREIGN_TYPE >"$WORK/pasted" || fail "wl-paste failed"
    cmp "$WORK/pattern" "$WORK/pasted" || fail "what the guest wrote is not what arrived"
    # shellcheck disable=SC2016
    spawn copy env WAYLAND_DISPLAY=host sh -c 'exec wl-copy --foreground --type "$0" <"$1"' $FOREIGN_TYPE "$WORK/pattern"
    guest_wait vm foreign-gives || fail "the guest that gives failed: $(cat "$(guest_output vm foreign-gives stderr)")"
    guest_run vm "$FOREIGN" "$1" read-pipe || fail "the guest that takes failed"
    WAYLAND_DISPLAY=host wl-copy --clear
    stop keyboard
}

# blobs_lose_nothing MAPS: six processes make blobs of memory of the host and write to each the moment it is mapped;
# wayferry-host's own view of its window has it all. So often at least a map is a new one: some blobs come to lie where
# one of their size was.
blobs_lose_nothing() {
    local directory rounds=$(($1 / 75)) maps   # a fifth more blobs, as LIVE of blobs.c is 15
    directory=$(guest_share vm)/blobs
    bridge_counters vm host
    maps=$(bridge_counter vm host 'region maps')
    mkdir "$directory"
    chmod 777 "$directory"
    guest_spawn vm blobs "$LAB_PROGRAMS/blobs" /mnt/blobs 6 $rounds
    "$LAB/blobs.py" "${PID[vm-host]}" "$directory" $((6 * rounds)) ||
        fail "not all that the guest wrote has arrived ($(cat "$(guest_output vm blobs stderr)"))"
    guest_wait vm blobs || fail "blobs failed: $(cat "$(guest_output vm blobs stderr)")"
    bridge_counters vm host
    maps=$(($(bridge_counter vm host 'region maps') - maps))
    say "$maps maps"
    ((maps >= $1)) || fail "of the blobs too few were mapped anew"
}
