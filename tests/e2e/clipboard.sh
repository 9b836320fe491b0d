#!/bin/bash
# The clipboard and the primary selection, across the bridge in both directions and between two guests,
# in sizes around those of pipes and messages, compared by checksum.
#
# On the host's side wl-copy and wl-paste use data-control; a guest has none, so there they open a
# window and need the keyboard's focus, as every guest application does.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/seat.sh"

tests=(
    guest-to-host:2 host-to-guest:3 guest-to-guest:3
    primary-guest-to-host:2 primary-host-to-guest:2 primary-guest-to-guest:2
    ten-guest-to-host:2 ten-host-to-guest:4 ten-guest-to-guest:5
    slow-reader:13
    leaving-reader-guest-to-host:5 leaving-reader-host-to-guest:5
    not-to-guest:2 not-to-host:2 apart:4 own-selection:3 types:3 limit:3 kept-selection:3 hotkeys:6 primary-hotkeys:6 gtk-primary:2
    ask:4 primary-ask:4 ask-machines:4 ask-window:4
)
full=(forgotten-readers:40)

SIZES=(0 1 4096 65536 70000 3000000 67108864)

clipboard_start() {
    need wl-copy wl-paste wtype
    sway_start host
    # The seat needs a keyboard that stays; it types nothing for an hour.
    spawn keyboard env WAYLAND_DISPLAY=host wtype -s 3600000 a
    bridge_start host
    GUEST=$BRIDGE
    HOST=host
}

# The last owner of the selection ends when it loses it, and removes its temporary file.
clipboard_end() {
    local name
    WAYLAND_DISPLAY=host wl-copy ${SELECTION:+"$SELECTION"} --clear
    for name in "${!PID[@]}"; do
        [[ $name = copy* ]] || continue
        until_true 10 not alive "${PID[$name]}" || fail "wl-copy does not learn that its selection is gone"
        stop "$name"
    done
    bridge_stop
    stop keyboard
    stop host
}

# copy DISPLAY FILE TYPE: owns the selection with this content until another one takes it.
copy() {
    # shellcheck disable=SC2016
    spawn "copy-${3##*-}" env WAYLAND_DISPLAY="$1" sh -c \
        'file=$1; shift; exec wl-copy --foreground "$@" <"$file"' sh "$2" ${SELECTION:+"$SELECTION"} --type "$3"
}

offers_type() {
    WAYLAND_DISPLAY=$1 limited 5 wl-paste ${SELECTION:+"$SELECTION"} --list-types 2>/dev/null | grep -qx "$2"
}

# paste DISPLAY FILE TYPE
paste_into() {
    WAYLAND_DISPLAY=$1 limited 60 wl-paste ${SELECTION:+"$SELECTION"} --no-newline --type "$3" >"$2"
}

# content BYTES: makes $WORK/content, the same for the same size.
content() {
    openssl enc -aes-128-ctr -K 00 -iv 00 -in /dev/zero 2>/dev/null | head -c "$1" >"$WORK/content"
}

# transfer_all FROM TO: each size is copied on one display and pasted on another.
transfer_all() {
    local bytes type
    clipboard_start
    for bytes in "${SIZES[@]}"; do
        content "$bytes"
        type=application/x-wayferry-$bytes
        copy "${!1}" "$WORK/content" "$type"
        until_true 20 offers_type "${!2}" "$type" || fail "$bytes bytes: the selection does not arrive"
        paste_into "${!2}" "$WORK/pasted" "$type" || fail "$bytes bytes: wl-paste ended with $?"
        cmp "$WORK/content" "$WORK/pasted" || fail "$bytes bytes: the contents differ"
        say "$bytes bytes: $(sha256sum <"$WORK/pasted" | cut -c 1-16)"
    done
    comes_in_runs
    clipboard_end
}

# What the host says goes to the guest in runs of events, not one by one.
comes_in_runs() {
    [ "$WAYFERRY_E2E_BRIDGE" = none ] && return
    bridge_counters bridge guest
    [ "$(bridge_counter bridge guest runs)" -gt 0 ] || fail "there is no run of events"
}

# transfer_ten FROM TO: ten pastes of 20 MB at once. On the host they are ten programs; in a guest,
# where only the program with the focus has the selection, one asks for it ten times.
transfer_ten() {
    local type=application/x-wayferry-ten file
    clipboard_start
    content 20000000
    copy "${!1}" "$WORK/content" "$type"
    until_true 20 offers_type "${!2}" "$type" || fail "the selection does not arrive"
    "paste_ten_$2" "$type" "$WORK"/pasted.{0,1,2,3,4,5,6,7,8,9} || fail "pasting ended with $?"
    for file in "$WORK"/pasted.{0,1,2,3,4,5,6,7,8,9}; do
        cmp "$WORK/content" "$file" || fail "the contents differ"
    done
    clipboard_end
}

paste_ten_HOST() {
    local type=$1 file pasting=() status=0
    shift
    for file; do
        paste_into host "$file" "$type" &
        pasting+=($!)
    done
    for file in "${pasting[@]}"; do
        wait "$file" || status=$?
    done
    return $status
}

paste_ten_GUEST() {
    WAYLAND_DISPLAY=$GUEST limited 60 "$WAYFERRY_CLIENTS/paste-many" "$@" >"$LOGS/pasted.log"
}

# The guest's one command is the copying one. It ends when the last bytes are on their way, long before the
# host's reader, who takes 64 KiB every 0.7 s, has them all.
test_slow_reader() {
    local type=application/x-wayferry-slow paste before
    SELECTION='' clipboard_start
    content 1000000
    bridge_start_host host single
    # shellcheck disable=SC2016
    spawn single-guest "$WAYFERRY_BUILD/guest-proxy/wayferry-guest" --socket single \
        --vhost-user "$XDG_RUNTIME_DIR/single.gpu" -- \
        sh -c 'exec wl-copy --foreground --paste-once --type "$2" <"$1"' sh "$WORK/content" "$type"
    until_true 20 offers_type host "$type" || fail "the selection does not arrive"
    before=$(written_pipes "${PID[single-host]}")
    WAYLAND_DISPLAY=host limited 60 wl-paste --no-newline --type "$type" | read_slowly >"$WORK/pasted" &
    paste=$!
    until_true 20 has_blocking_pipe "${PID[single-host]}" "$before" ||
        fail "the reader's pipe is not as its programs made it"
    wait "$paste"
    cmp "$WORK/content" "$WORK/pasted" || fail "the contents differ"
    until_true 10 not alive "${PID[single-guest]}" || fail "wayferry-guest does not end with its command"
    stop single-guest
    [ "$STOP_STATUS" = 0 ] || fail "wayferry-guest ended with status $STOP_STATUS"
    stop single-host
    SELECTION='' clipboard_end
}

# written_pipes PID: "PIPE FLAGS" of each pipe that it has the writing end of; flags are octal, the last digit 1.
written_pipes() {
    local fd pipe
    for fd in "/proc/$1/fd"/*; do
        pipe=$(readlink "$fd") || continue
        [[ $pipe = pipe:* ]] || continue
        sed -n "s/^flags:[[:space:]]*\([0-7]*1\)\$/$pipe \1/p" "/proc/$1/fdinfo/${fd##*/}" 2>/dev/null
    done
    return 0
}

# has_blocking_pipe PID BEFORE: it has one that was not among those, and has not set O_NONBLOCK (04000) for all who
# share it.
has_blocking_pipe() {
    written_pipes "$1" | grep -vxF "$2" | grep -q ' [0-7]*[0-3][0-7][0-7]1$'
}

read_slowly() {
    while dd bs=64k count=1 iflag=fullblock status=none >"$WORK/chunk" && [ -s "$WORK/chunk" ]; do
        cat "$WORK/chunk"
        sleep 0.7
    done
}

# What those who read have taken of it when they leave, in KiB: the pipes of head (64) and of wl-paste (made 256), and the buffer of
# wl-paste's cat.
READER_HOLDS=$((64 + 128 + 256))
# To the host: what is under way (512, and the piece of 256 with which it is more than that), as much anew when nobody waits
# for the reader any more, and, until wayferry-guest has heard of it, what wayferry-host carries out in a turn (256 are reached with a
# piece), perhaps in two where it has no POLL, and the piece that wayferry-guest has just read.
TO_HOST_MOST=$((READER_HOLDS + 2 * 768 + 2 * 512 + 256))
# From it: the credit of one pipe; 64 for all that is no content.
TO_GUEST_MOST=$((READER_HOLDS + 512 + 64))

# leaving_reader FROM TO COUNTER MOST: of 64 MiB ten bytes are read. The writer gets EPIPE, so that no more than MOST KiB cross the
# bridge.
leaving_reader() {
    local type=application/x-wayferry-leaving before after
    clipboard_start
    content 67108864
    copy "${!1}" "$WORK/content" "$type"
    until_true 20 offers_type "${!2}" "$type" || fail "the selection does not arrive"
    bridge_counters bridge guest
    before=$(bridge_counter bridge guest "$3")
    paste_into "${!2}" /dev/stdout "$type" | head -c 10 >"$WORK/pasted"
    cmp -n 10 "$WORK/content" "$WORK/pasted" || fail "the contents differ"
    until_true 10 not has_children "${PID[copy-leaving]}" || fail "the writer goes on to write"
    bridge_counters bridge guest
    after=$(bridge_counter bridge guest "$3")
    say "$((after - before)) bytes have crossed"
    ((after - before <= $4 * 1024)) || fail "the writer was not told that its reader is gone"
    clipboard_end
}

# wl-copy writes through a child, cat.
has_children() {
    [ -n "$(<"/proc/$1/task/$1/children")" ]
}

# One way only, as a file of the machine's says.
configure_clipboard() {
    echo "clipboard = $1" >"$WORK/one-way.conf"
    HOST_OPTIONS="--config $WORK/one-way.conf"
}

# The guest may see that there is a selection: wl-paste ends once it has the focus, but finds no type.
test_not_to_guest() {
    local type=application/x-wayferry-secret
    configure_clipboard to-host
    clipboard_start
    content 4096
    copy host "$WORK/content" "$type"
    until_true 20 offers_type host "$type" || fail "the host has no selection"
    WAYLAND_DISPLAY=$GUEST limited 20 wl-paste --list-types >"$WORK/types" 2>"$WORK/says"
    (($? <= 1)) || fail "the guest does not get the focus"
    [ ! -s "$WORK/types" ] || fail "the guest sees types"
    paste_into "$GUEST" "$WORK/pasted" "$type" && fail "the guest pastes"
    [ ! -s "$WORK/pasted" ] || fail "the guest got data"
    copy "$GUEST" "$WORK/content" application/x-wayferry-other
    until_true 20 offers_type host application/x-wayferry-other || fail "the other way is closed, too"
    clipboard_end
}

# What the host has copied stays there to be pasted, in the guest, too.
test_not_to_host() {
    local type=application/x-wayferry-kept
    configure_clipboard to-guest
    clipboard_start
    content 4096
    copy host "$WORK/content" "$type"
    until_true 20 offers_type host "$type" || fail "the host has no selection"
    copy "$GUEST" "$WORK/content" application/x-wayferry-other
    until_true 20 not alive "${PID[copy-other]}" || fail "the guest's wl-copy does not learn that it is refused"
    stop copy-other
    offers_type host "$type" || fail "the guest has changed the host's selection"
    paste_into "$GUEST" "$WORK/pasted" "$type" || fail "the other way is closed, too"
    cmp "$WORK/content" "$WORK/pasted" || fail "the contents differ"
    clipboard_end
}

# configure LINE...: the machine's file.
configure() {
    printf '%s\n' "$@" >"$WORK/rules.conf"
    HOST_OPTIONS="--config $WORK/rules.conf"
}

# guest_types: what a window of the guest's sees on the clipboard.
guest_types() {
    WAYLAND_DISPLAY=$GUEST limited 20 wl-paste ${SELECTION:+"$SELECTION"} --list-types >"$WORK/types" 2>/dev/null
    (($? <= 1)) || fail "the guest does not get the focus"
}

guest_sees() {
    guest_types
    grep -qxF "$1" "$WORK/types"
}

# Nothing comes in from the host; what a window of the guest's has copied the others can paste.
test_own_selection() {
    local type=application/x-wayferry-mine
    configure '[clipboard]' 'to-guest = deny'
    clipboard_start
    content 70000
    copy "$GUEST" "$WORK/content" "$type"
    until_true 20 offers_type host "$type" || fail "it does not leave the guest"
    paste_into "$GUEST" "$WORK/pasted" "$type" || fail "the guest cannot paste its own"
    cmp "$WORK/content" "$WORK/pasted" || fail "the contents differ"
    guest_types
    not grep -q wayferry-own "$WORK/types" || fail "the guest sees the mark"
    # Once the host has copied something, it is the guest's no more.
    copy host "$WORK/content" application/x-wayferry-secret
    until_true 20 offers_type host application/x-wayferry-secret || fail "the host has no selection"
    guest_types
    [ ! -s "$WORK/types" ] || fail "the guest sees types"
    bridge_counters bridge host
    (($(bridge_counter bridge host 'selections withheld from the guest') > 0)) || fail "it is not counted"
    clipboard_end
}

# Types of the list cross, lists of files do not; within the guest all do.
test_types() {
    configure '[clipboard]' 'mime = text/*, application/x-there'
    clipboard_start
    content 4096
    copy host "$WORK/content" application/x-here
    until_true 20 offers_type host application/x-here || fail "the host has no selection"
    not guest_sees application/x-here || fail "a type that is not in the list enters"
    copy host "$WORK/content" application/x-there
    until_true 20 offers_type host application/x-there || fail "the host has no selection"
    guest_sees application/x-there || fail "a type of the list does not enter"
    copy "$GUEST" "$WORK/content" text/uri-list
    until_true 20 guest_sees text/uri-list || fail "the guest does not see its own list of files"
    paste_into "$GUEST" "$WORK/pasted" text/uri-list || fail "the guest cannot paste it"
    cmp "$WORK/content" "$WORK/pasted" || fail "the contents differ"
    not offers_type host text/uri-list || fail "a list of files leaves"
    not offers_type host application/x-there || fail "the guest has not taken the selection"
    # wl-paste asks only for what is offered; what asks all the same gets nothing, which the unit tests show.
    clipboard_end
}

# Of more than the limit nothing arrives, and its writer hears it; what is within it does.
test_limit() {
    local bytes type from to
    configure '[clipboard]' 'max-bytes = 100000'
    clipboard_start
    for bytes in 100000 100001 3000000; do
        content "$bytes"
        for from in HOST GUEST; do
            to=HOST
            [ $from = HOST ] && to=GUEST
            type=application/x-wayferry-$from-$bytes
            copy "${!from}" "$WORK/content" "$type"
            until_true 20 offers_type "${!to}" "$type" || fail "the selection does not arrive"
            paste_into "${!to}" "$WORK/pasted" "$type"
            if ((bytes <= 100000)); then
                cmp "$WORK/content" "$WORK/pasted" || fail "the contents differ"
            else
                [ ! -s "$WORK/pasted" ] || fail "$from: a part of what is too large arrives"
            fi
        done
    done
    bridge_counters bridge host
    [ "$(bridge_counter bridge host 'transfers that were too large')" = 4 ] || fail "they are not counted"
    clipboard_end
}

# Each selection has its rules, each way, and lists of files cross where they may.
test_apart() {
    local theirs=application/x-wayferry-theirs mine=application/x-wayferry-mine
    configure '[clipboard]' 'to-guest = deny' 'uri-list = allow' '[primary]' 'to-host = deny'
    clipboard_start
    content 4096
    copy host "$WORK/content" $theirs
    until_true 20 offers_type host $theirs || fail "the host has no clipboard"
    guest_types
    [ ! -s "$WORK/types" ] || fail "the guest sees the host's clipboard"
    copy "$GUEST" "$WORK/content" text/uri-list
    until_true 20 offers_type host text/uri-list || fail "a list of files does not leave, where it may"
    paste_into host "$WORK/pasted" text/uri-list && cmp "$WORK/content" "$WORK/pasted" || fail "another list of files leaves"
    SELECTION=--primary
    content 5000
    copy host "$WORK/content" text/uri-list
    until_true 20 offers_type host text/uri-list || fail "the host has no primary selection"
    until_true 20 guest_sees text/plain || fail "the guest sees nothing of it"      # of which wl-copy offers that, too
    not guest_sees text/uri-list || fail "a list of files enters"
    copy host "$WORK/content" $theirs
    until_true 20 offers_type host $theirs || fail "the host has no primary selection"
    until_true 20 guest_sees $theirs || fail "the guest does not see the host's primary selection"
    paste_into "$GUEST" "$WORK/pasted" $theirs && cmp "$WORK/content" "$WORK/pasted" || fail "the guest cannot paste it"
    copy "$GUEST" "$WORK/content" $mine
    until_true 20 not alive "${PID[copy-mine]}" || fail "the guest's wl-copy does not learn that it is refused"
    stop copy-mine
    offers_type host $theirs || fail "the guest has changed the host's primary selection"
    WAYLAND_DISPLAY=host wl-copy --clear
    clipboard_end
    SELECTION=''
}

pipes_in_use() {
    bridge_counters bridge host
    [ "$(bridge_counter bridge host 'use pipes')" = "$1" ]
}

pastes_all() {      # TYPE
    paste_into host "$WORK/pasted" "$1"
    cmp -s "$WORK/content" "$WORK/pasted"
}

# Programs of the host's that ask and never read take all that the machine has. Half a minute later the one that has waited
# longest makes room for somebody who reads; the log says both.
test_forgotten_readers() {
    local type=application/x-wayferry-forgotten i
    configure '[clipboard]' 'max-bytes = 10000000' '[limits]' 'pipes = 4'
    clipboard_start
    content 1000000
    copy "$GUEST" "$WORK/content" "$type"
    until_true 20 offers_type host "$type" || fail "the selection does not arrive"
    for i in 1 2 3; do
        # shellcheck disable=SC2016
        spawn "reader-$i" env WAYLAND_DISPLAY=host sh -c 'wl-paste --no-newline --type "$1" | sleep 3600' sh "$type"
        until_true 20 pipes_in_use $i || fail "reader $i does not wait"
    done
    ! pastes_all "$type" || fail "another one has room at once"
    until_true 60 pastes_all "$type" || fail "those who never read keep all (log: $LOGS/bridge-host.log)"
    grep -q 'a transfer is cut short: its reader has taken nothing' "$LOGS/bridge-host.log" || fail "the log does not say it"
    for i in 1 2 3; do
        stop "reader-$i"
    done
    clipboard_end
}

# Nothing crosses, either way; the machine's own windows still paste from each other.
test_kept_selection() {
    local type=application/x-wayferry-mine
    configure 'clipboard = none'
    clipboard_start
    content 70000
    copy host "$WORK/content" application/x-wayferry-secret
    until_true 20 offers_type host application/x-wayferry-secret || fail "the host has no selection"
    copy "$GUEST" "$WORK/content" "$type"
    until_true 20 guest_sees "$type" || fail "the guest does not see its own"
    not guest_sees application/x-wayferry-secret || fail "the guest sees the host's"
    paste_into "$GUEST" "$WORK/pasted" "$type" || fail "the guest cannot paste its own"
    cmp "$WORK/content" "$WORK/pasted" || fail "the contents differ"
    offers_type host application/x-wayferry-secret || fail "the guest has changed the host's selection"
    stop copy-mine
    guest_types
    [ ! -s "$WORK/types" ] || fail "the guest still sees types"
    clipboard_end
}

# gtk_primary DISPLAY: what a window there hears that is touched, selects, pastes, and selects no more.
gtk_primary() {
    : >"$LOGS/seat.log"
    spawn "gtk-$1" env WAYLAND_DISPLAY="$1" "$WAYFERRY_CLIENTS/language-client" gtk-primary
    seat_shows seat
    seat 'touch down 1 10 10' 'touch up 1'
    until_true 20 not alive "${PID[gtk-$1]}" || fail "on $1 it does not end"
    stop "gtk-$1"
    [ "$STOP_STATUS" = 0 ] || fail "on $1 it ends with $STOP_STATUS"
}

# The primary selection in GTK's older words: with windows of the same machine, and with a desktop that it may not reach.
test_gtk_primary() {
    local type='text/plain;charset=utf-8'
    seat_start seat
    bridge_start seat
    gtk_primary seat
    gtk_primary "$BRIDGE"
    printf '%s\n' 'gtk_primary_selection_device_manager 1' "type $type" "send $type" 'pasted language' cancelled withdrawn |
        cmp - "$LOGS/gtk-seat.log" || fail "the compositor has another selection"
    cmp "$LOGS/gtk-seat.log" "$LOGS/gtk-$BRIDGE.log" || fail "bridged it is otherwise"
    bridge_stop
    : >"$LOGS/gtk-$BRIDGE.log"
    configure '[primary]' 'to-guest = deny' 'to-host = deny'
    HOST_OPTIONS+=' --trace host' bridge_start seat
    gtk_primary "$BRIDGE"
    grep -qx 'pasted language' "$LOGS/gtk-$BRIDGE.log" || fail "the machine's own selection is not pasted"
    not grep -q 'up  -> gtk_primary_selection_device@[0-9]*\.set_selection' "$LOGS/bridge-host.log" || fail "the desktop hears of it"
    bridge_stop
    seat_stop seat
}

# press CODE...: the keys are pressed in turn, and released again.
press() {
    { printf 'press %s\n' "$@"; printf 'release %s\n' "$@"; } >&"$KEYBOARD"
}

# hotkeys KIND: only with the chords, and once each.
hotkeys() {
    local type=application/x-wayferry-mine
    configure "[$1]" 'to-guest = hotkey' 'to-host = hotkey'
    clipboard_start
    mkfifo "$WORK/keyboard"
    spawn typing sh -c 'exec env WAYLAND_DISPLAY=host "$1" us <"$2"' sh "$WAYFERRY_CLIENTS/virtual-keyboard" "$WORK/keyboard"
    exec {KEYBOARD}>"$WORK/keyboard"
    content 70000
    copy host "$WORK/content" application/x-wayferry-secret
    until_true 20 offers_type host application/x-wayferry-secret || fail "the host has no selection"
    copy "$GUEST" "$WORK/content" "$type"
    until_true 20 guest_sees "$type" || fail "the guest does not see its own"
    offers_type host application/x-wayferry-secret || fail "the guest has changed the host's selection"

    spawn window env WAYLAND_DISPLAY="$GUEST" "$WAYFERRY_CLIENTS/paste-many" ${SELECTION:+"$SELECTION"} --keyboard no/type /dev/null
    until_true 20 pressed_and_offered "$type" || fail "the chord does not let it out"
    paste_into host "$WORK/pasted" "$type" || fail "the host cannot paste it"
    cmp "$WORK/content" "$WORK/pasted" || fail "the contents differ"
    stop window
    copy "$GUEST" "$WORK/content" application/x-wayferry-next
    until_true 20 guest_sees application/x-wayferry-next || fail "the guest does not see its next one"
    not offers_type host application/x-wayferry-next || fail "what is copied next leaves without a chord"

    copy host "$WORK/content" application/x-wayferry-theirs
    until_true 20 offers_type host application/x-wayferry-theirs || fail "the host has no selection"
    not guest_sees application/x-wayferry-theirs || fail "it enters without a chord"
    spawn pasting env WAYLAND_DISPLAY="$GUEST" "$WAYFERRY_CLIENTS/paste-many" ${SELECTION:+"$SELECTION"} --keyboard \
        application/x-wayferry-theirs "$WORK/pasted"
    until_true 20 pressed_and_pasted || fail "the chord does not let it in"
    cmp "$WORK/content" "$WORK/pasted" || fail "the contents differ"
    not guest_sees application/x-wayferry-theirs || fail "a second transfer is let in"
    exec {KEYBOARD}>&-
    stop typing
    stop copy-next
    clipboard_end
}

# linux/input-event-codes.h: Ctrl, Shift and C or V. The window may not have the focus yet.
pressed_and_offered() {
    press 29 42 46
    offers_type host "$1"
}

pressed_and_pasted() {
    press 29 42 47
    sleep 0.2
    not alive "${PID[pasting]}"
}

# asker NAME: a program that writes down what it is asked, and waits until it is told what to say.
asker() {
    mkfifo "$WORK/$1.answers"
    touch "$WORK/$1.asked"
    cat >"$WORK/$1.ask" <<END
#!/bin/sh
echo \$\$ >"$WORK/$1.pid"
echo "\$WAYFERRY_MACHINE \$WAYFERRY_DIRECTION \$WAYFERRY_KIND \$WAYFERRY_TYPE" >>"$WORK/$1.asked"
read answer <"$WORK/$1.answers"
exit \$answer
END
    chmod 755 "$WORK/$1.ask"
}

# was_asked NAME N: N questions so far.
was_asked() {
    [ "$(wc -l <"$WORK/$1.asked")" = "$2" ]
}

# pasting NAME DISPLAY TYPE: pastes in the background, to $WORK/NAME.pasted.
pasting() {
    # shellcheck disable=SC2016
    spawn "$1" env WAYLAND_DISPLAY="$2" sh -c 'file=$1; shift; exec wl-paste "$@" >"$file"' sh "$WORK/$1.pasted" \
        ${SELECTION:+"$SELECTION"} --no-newline --type "$3"
}

# pasted_nothing NAME: it has ended without contents.
pasted_nothing() {
    until_true 20 not alive "${PID[$1]}" || fail "$1: whoever pastes still waits"
    stop "$1"
    [ ! -s "$WORK/$1.pasted" ] || fail "$1: contents arrive"
}

pasted_all() {
    until_true 20 not alive "${PID[$1]}" || fail "$1: whoever pastes still waits"
    stop "$1"
    cmp "$WORK/content" "$WORK/$1.pasted" || fail "$1: the contents differ"
}

# ask KIND: a yes, a no, a program that is killed, and what needs no question.
ask() {
    local type=application/x-wayferry-theirs mine=application/x-wayferry-mine
    asker box
    configure "ask-program = $WORK/box.ask" "[$1]" 'to-guest = ask' 'to-host = ask'
    HOST_OPTIONS+=" --vm box"
    clipboard_start
    content 300000
    copy host "$WORK/content" "$type"
    until_true 20 offers_type host "$type" || fail "the host has no selection"
    pasting yes "$GUEST" "$type"
    until_true 20 was_asked box 1 || fail "nobody is asked"
    # While the question is open, others are served.
    guest_sees "$type" || fail "another window of the guest's does not see the selection"
    alive "${PID[yes]}" || fail "whoever pastes does not wait"
    [ ! -s "$WORK/yes.pasted" ] || fail "contents arrive before there is an answer"
    echo 0 >"$WORK/box.answers"
    pasted_all yes
    pasting no "$GUEST" "$type"
    until_true 20 was_asked box 2 || fail "the second transfer is not asked about"
    echo 1 >"$WORK/box.answers"
    pasted_nothing no
    pasting killed "$GUEST" "$type"
    until_true 20 was_asked box 3 || fail "the third transfer is not asked about"
    kill -KILL "$(<"$WORK/box.pid")"
    pasted_nothing killed
    copy "$GUEST" "$WORK/content" "$mine"
    until_true 20 offers_type host "$mine" || fail "the host is not told what the guest has copied"
    paste_into "$GUEST" "$WORK/pasted" "$mine" || fail "the guest cannot paste its own"
    cmp "$WORK/content" "$WORK/pasted" || fail "the contents differ"
    was_asked box 3 || fail "the user is asked about the machine's own"
    pasting out host "$mine"
    until_true 20 was_asked box 4 || fail "nobody is asked about the way out"
    echo 0 >"$WORK/box.answers"
    pasted_all out
    printf 'box %s\n' "to-guest $1 $type" "to-guest $1 $type" "to-guest $1 $type" "to-host $1 $mine" | cmp - "$WORK/box.asked" || fail "the questions differ"
    bridge_counters bridge host
    [ "$(bridge_counter bridge host 'questions to the user')" = 4 ] || fail "questions are not counted"
    [ "$(bridge_counter bridge host 'questions to the user without an answer')" = 1 ] || fail "failures are not counted"
    [ "$(bridge_counter bridge host 'transfers to the guest refused')" = 2 ] || fail "refusals are not counted"
    grep -q "to-guest ($type) refused: the user says no" "$LOGS/bridge-host.log" || fail "the log has no refusal"
    grep -q "was ended by signal 9" "$LOGS/bridge-host.log" || fail "the log does not say what became of the program"
    clipboard_end
}

# question_shown: it has the focus.
question_shown() {
    sway_message host -t get_tree | python3 -c 'import json, sys
def find(node):
    return node.get("app_id") == "yad" and node["focused"] or any(find(n) for n in node["nodes"] + node["floating_nodes"])
sys.exit(not find(json.load(sys.stdin)))'
}

# The window that asks where no program is named: who goes on typing has said no, a Yes has to be gone to. The
# window that pastes loses the focus, and with it its offer.
test_ask_window() {
    local type=application/x-wayferry-theirs
    need yad
    # Whatever else is installed here.
    mkdir "$WORK/programs"
    ln -s "$(command -v yad)" "$WORK/programs/"
    configure '[clipboard]' 'to-guest = ask'
    HOST_UNDER="env PATH=$WORK/programs" HOST_OPTIONS+=" --vm box" SWAY_CONFIG='for_window [app_id="yad"] floating enable' clipboard_start
    mkfifo "$WORK/keyboard"
    spawn typing sh -c 'exec env WAYLAND_DISPLAY=host "$1" us <"$2"' sh "$WAYFERRY_CLIENTS/virtual-keyboard" "$WORK/keyboard"
    exec {KEYBOARD}>"$WORK/keyboard"
    content 70000
    copy host "$WORK/content" "$type"
    until_true 20 offers_type host "$type" || fail "the host has no selection"
    pasting no "$GUEST" "$type"
    until_true 30 question_shown || fail "there is no question on the screen"
    shot host "$LOGS/question.png"
    press 28    # Return; linux/input-event-codes.h
    pasted_nothing no
    grep -q 'refused: the user says no' "$LOGS/bridge-host.log" || fail "it was not the user who refused it"
    pasting yes "$GUEST" "$type"
    until_true 30 question_shown || fail "there is no second question on the screen"
    press 15
    press 28    # Tab
    pasted_all yes
    exec {KEYBOARD}>&-
    stop typing
    clipboard_end
}

# Each machine has its own questions, and an answer is to that machine's.
test_ask_machines() {
    local type=application/x-wayferry-theirs name
    clipboard_start
    for name in one two; do
        asker $name
        configure "ask-program = $WORK/$name.ask" '[clipboard]' 'to-guest = ask'
        mv "$WORK/rules.conf" "$WORK/$name.conf"
        HOST_OPTIONS="--config $WORK/$name.conf --vm $name" bridge_start host $name
    done
    content 70000
    copy host "$WORK/content" "$type"
    until_true 20 offers_type host "$type" || fail "the host has no selection"
    for name in one two; do
        pasting $name-paste $name "$type"
        until_true 20 was_asked $name 1 || fail "$name: nobody is asked"
    done
    echo 0 >"$WORK/two.answers"
    pasted_all two-paste
    alive "${PID[one-paste]}" || fail "the other machine's does not wait"
    [ ! -s "$WORK/one-paste.pasted" ] || fail "the answer was taken for another machine's"
    # A machine that stops takes its question along.
    name=$(<"$WORK/one.pid")
    bridge_stop one
    until_true 20 not alive "$name" || fail "the question of a machine that has stopped stays"
    bridge_stop two
    clipboard_end
}

SELECTION=''
test_ask() { ask clipboard; }
test_primary_ask() { SELECTION=--primary ask primary; }
test_hotkeys() { hotkeys clipboard; }
test_primary_hotkeys() { SELECTION=--primary hotkeys primary; }
test_leaving_reader_guest_to_host() { leaving_reader GUEST HOST channel_bytes_out $TO_HOST_MOST; }
test_leaving_reader_host_to_guest() { leaving_reader HOST GUEST channel_bytes_in $TO_GUEST_MOST; }
test_guest_to_host() { transfer_all GUEST HOST; }
test_host_to_guest() { transfer_all HOST GUEST; }
test_guest_to_guest() { transfer_all GUEST GUEST; }
test_primary_guest_to_host() { SELECTION=--primary transfer_all GUEST HOST; }
test_primary_host_to_guest() { SELECTION=--primary transfer_all HOST GUEST; }
test_primary_guest_to_guest() { SELECTION=--primary transfer_all GUEST GUEST; }
test_ten_guest_to_host() { transfer_ten GUEST HOST; }
test_ten_host_to_guest() { transfer_ten HOST GUEST; }
test_ten_guest_to_guest() { transfer_ten GUEST GUEST; }

e2e_main "$@"
