#!/bin/bash
# The clipboard and the primary selection of X11 applications: wayferry-x11 on sway itself (direct), and on wayferry-guest (bridged).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/x11-lib.sh"

tests=(clipboard:12 clipboard-dead-owner:10)
full=(clipboard-sizes:60 clipboard-multiple:10)

# The X client has the keyboard.
keys_start() {
    keyboard_start
    until_true 10 a_key_is_heard || fail "the X client is not told of keys (log: $LOGS/windows.log)"
}

a_key_is_heard() {
    typed 'press 45' 'release 45'
    sleep 0.1
    grep -q '^1 key-release ' "$LOGS/windows.log"
}

# A client takes a selection in answer to input, and no input serves twice.
press_a_key() {
    forget_told
    typed 'press 45' 'release 45'
    told '1 key-release .*'
}

# to_wayland FILE TYPE [OPTION]: X's clipboard has FILE; a Wayland client gets the same.
to_wayland() {
    press_a_key
    if [ "$2" = text/plain ]; then
        xclip -i -selection "${3:-clipboard}" "$1"
    else
        xclip -i -selection "${3:-clipboard}" -t "$2" "$1"
    fi
    until_true 10 pasted_equals "$@" || fail "$1 as $2 did not get from X to Wayland"
}

wayland_has() {
    WAYLAND_DISPLAY=host limited 20 wl-paste -l 2>/dev/null | grep -qx "$1"
}

pasted_equals() {
    local primary=
    [ "${3:-clipboard}" = clipboard ] || primary=--primary
    # shellcheck disable=SC2086
    WAYLAND_DISPLAY=host limited "${PASTE_SECONDS:-20}" wl-paste -n $primary -t "$2" >"$WORK/pasted" 2>/dev/null
    cmp -s "$WORK/pasted" "$1"
}

to_x() {
    local primary=
    [ "${3:-clipboard}" = clipboard ] || primary=--primary
    # shellcheck disable=SC2086
    WAYLAND_DISPLAY=host wl-copy $primary -t "$2" <"$1"
    until_true 10 x_pasted_equals "$@" || fail "$1 as $2 did not get from Wayland to X"
}

x_pasted_equals() {
    limited "${PASTE_SECONDS:-20}" xclip -o -selection "${3:-clipboard}" -t "$2" >"$WORK/pasted" 2>/dev/null
    cmp -s "$WORK/pasted" "$1"
}

# x_text_is TARGET BYTES: what an X client gets that asks for a text by that name; its property is a text, too.
x_text_is() {
    until_true 10 x_text_equals "$@" || fail "the text as $1 is not right: $(od -c "$WORK/pasted")"
}

x_text_equals() {
    printf %s "$2" >"$WORK/wanted"
    x_pasted_equals "$WORK/wanted" "$1"
}

# interrupted_paste COMMAND...: what a Wayland client pastes while that happens to the owner (COMMAND PID) is all there
# is, or nothing: a part would look like the whole.
interrupted_paste() {
    local amid='' bytes
    for bytes in 60000000 120000000 240000000; do # a fast machine is through with the first
        head -c "$bytes" /dev/urandom >"$WORK/image"
        interrupt_paste "$@"
        [ -z "$amid" ] || return 0
    done
    fail "no paste was interrupted"
}

interrupt_paste() {
    local paste
    press_a_key
    spawn owner xclip -i -quiet -selection clipboard -t image/png "$WORK/image"
    until_true 10 wayland_has image/png || fail "X's clipboard is not seen"
    WAYLAND_DISPLAY=host limited 30 wl-paste -n -t image/png >"$WORK/part" &
    paste=$!
    until_true 10 is_collected_or_there "$paste" || fail "no paste begins"
    "$@" "${PID[owner]}"
    ! alive "$paste" || amid=yes
    wait "$paste"
    [ $? != 124 ] || fail "a paste goes on without its owner"
    [ ! -s "$WORK/part" ] || cmp -s "$WORK/part" "$WORK/image" ||
        fail "a reader got $(stat -c %s "$WORK/part") of $(stat -c %s "$WORK/image") bytes"
    stop owner
}

is_collected_or_there() {
    not alive "$1" || find "/proc/${PID[x11]}/fd" -lname '*wayferry-x11-selection*' 2>/dev/null | grep -q .
}

# ten_at_once COMMAND...: each prints the same image.
ten_at_once() {
    local i pids=()
    for i in 1 2 3 4 5 6 7 8 9 10; do
        "$@" | cmp -s - "$WORK/image" &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i" || fail "one of ten pastes at once differs"
    done
}

# What Wayland has, in X; and what X has, in Wayland, of a size of which xclip can give away more than one at a time.
paste_ten_times() {
    ten_at_once limited 20 xclip -o -selection clipboard -t image/png
    head -c 131072 /dev/urandom >"$WORK/image"
    to_wayland "$WORK/image" image/png
    ten_at_once limited 20 env WAYLAND_DISPLAY=host wl-paste -n -t image/png
}

# ---- owners on Wayland that die while an X client takes piece after piece

# x_paste_begins SELECTION: an X client has three pieces of what a new owner has, and waits. It is more than is kept on the way
# (64 MiB), so that the owner cannot be through, whatever is fast here.
x_paste_begins() {
    local primary=
    [ "$1" = CLIPBOARD ] || primary=--primary
    # shellcheck disable=SC2016,SC2086
    spawn owner sh -c 'file=$1; shift; exec "$@" <"$file"' sh "$WORK/image" \
        env WAYLAND_DISPLAY=host wl-copy --foreground $primary -t image/png
    until_true 10 x_has "$1" image/png || fail "$1: X has no selection"
    rm -f "$WORK/go"
    mkfifo "$WORK/go"
    : >"$LOGS/paste.log"
    # shellcheck disable=SC2016
    spawn_reading paste "$WORK/go" sh -c 'exec "$@" >"$0"' "$WORK/part" "$WAYFERRY_CLIENTS/x11-paste" "$1" image/png 3
    exec 6>"$WORK/go"
    heard paste pauses
}

x_has() {
    limited 10 xclip -o -selection "$1" -t TARGETS 2>/dev/null | grep -qx "$2"
}

x_paste_goes_on() {
    echo >&6
    exec 6>&-
}

# What came is a beginning of it, and the X client knows that no more comes.
x_paste_ended() {
    local bytes
    heard paste end
    until_true 10 not alive "${PID[paste]}" || fail "the X client does not end"
    stop paste
    bytes=$(stat -c %s "$WORK/part")
    ((bytes > 0 && bytes < $(stat -c %s "$WORK/image"))) || fail "$bytes bytes came of an owner that died"
    cmp -n "$bytes" "$WORK/part" "$WORK/image" || fail "other bytes came"
    stop owner KILL
    rm -rf "${TMPDIR:?}"/*        # what a wl-copy that was killed has left
    to_x "$WORK/text" text/plain "${1,,}"
}

# It dies while the X client holds it up, and while the X client waits for more.
check_clipboard_dead_owner() {
    local selection
    need wl-copy xclip
    windows_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 First' 'map 1'
    shows '^First\|.*focused'
    keys_start
    printf 'grüße €' >"$WORK/text"
    head -c 80000000 /dev/urandom >"$WORK/image"
    for selection in CLIPBOARD PRIMARY; do
        x_paste_begins $selection
        kill -KILL -- "-${PID[owner]}"
        x_paste_goes_on
        x_paste_ended $selection
        x_paste_begins $selection
        kill -STOP -- "-${PID[owner]}"
        hush paste
        x_paste_goes_on
        heard paste piece
        kill -KILL -- "-${PID[owner]}"
        x_paste_ended $selection
    done
}

test_clipboard_dead_owner() {
    each_way check_clipboard_dead_owner
}

other_takes_it() {
    printf other | xclip -i -selection clipboard
}

# both_directions BYTES: leaves them in $WORK/image.
both_directions() {
    head -c "$1" /dev/urandom >"$WORK/image"
    to_wayland "$WORK/image" image/png
    to_x "$WORK/image" image/png
}

check_clipboard() {
    local size i
    need wl-copy wl-paste wtype xclip
    windows_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 First' 'map 1'
    shows '^First\|.*focused'
    keys_start
    printf 'grüße €' >"$WORK/text"
    for selection in clipboard primary; do
        to_wayland "$WORK/text" text/plain "$selection"
        to_x "$WORK/text" text/plain "$selection"
    done
    # Texts of old: STRING is Latin-1, TEXT is what the owner likes best.
    x_text_is TEXT "$(cat "$WORK/text")"
    x_text_is STRING $'gr\xfc\xdfe ?'
    press_a_key
    printf 'gr\xfc\xdfe' | xclip -i -selection clipboard -t STRING
    printf 'grüße' >"$WORK/old"
    until_true 10 pasted_equals "$WORK/old" text/plain || fail "an X client's Latin-1 did not get to Wayland"
    printf '<b>fat</b>' >"$WORK/html"
    to_wayland "$WORK/html" text/html
    to_x "$WORK/html" text/html
    for size in 0 1 131072 131073 5000000; do
        both_directions "$size"
    done
    paste_ten_times
    to_x "$WORK/image" image/png
    # Requestors that never take what they asked for hold nobody up, although wl-copy serves one after the other.
    tell 'ask 1 CLIPBOARD image/png _NEVER'
    told '1 answered'
    until_true 10 x_pasted_equals "$WORK/image" image/png || fail "a paste waits for another requestor"
    head -c 600000 /dev/urandom >"$WORK/image"
    to_x "$WORK/image" image/png
    for i in {1..70}; do
        tell "ask 1 CLIPBOARD image/png _NEVER_$i"
    done
    until_true 10 x_pasted_equals "$WORK/image" image/png || fail "a paste waits for those of others"
    # Several at once in one request: what cannot be had is named, and the rest is there.
    to_x "$WORK/text" text/plain
    tell 'askall 1 CLIPBOARD UTF8_STRING image/png TARGETS'
    told '1 answers 11 -1 [1-9][0-9]*'
    # Owners that go in the middle: by death, and by losing the selection to another.
    interrupted_paste kill -KILL
    interrupted_paste other_takes_it
    # An owner that never answers, and then has gone, holds nobody up.
    press_a_key
    tell 'own 1 CLIPBOARD'
    told 'done own 1'
    WAYLAND_DISPLAY=host limited 2 wl-paste -n -t text/plain >/dev/null 2>&1
    WAYLAND_DISPLAY=host wl-copy -t text/plain <"$WORK/text"
    told '1 disowned'       # who asks it before waits for ever
    until_true 10 x_pasted_equals "$WORK/text" text/plain || fail "a text did not get from Wayland to X after it"
    to_wayland "$WORK/text" text/plain
}

test_clipboard() {
    each_way check_clipboard
}

check_clipboard_sizes() {
    local size
    need wl-copy wl-paste xclip
    windows_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 First' 'map 1'
    shows '^First\|.*focused'
    keys_start
    for size in 65535 65536 262143 262144 262145 67108864 5000000; do
        both_directions "$size"
    done
    paste_ten_times
}

test_clipboard_sizes() {
    PASTE_SECONDS=200
    each_way check_clipboard_sizes
}

# Requests for several targets: some by INCR (4 bytes) that nobody takes to its end, some that there are none of.
check_clipboard_multiple() {
    local i
    need wl-copy xclip
    windows_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 First' 'map 1'
    shows '^First\|.*focused'
    head -c 300000 /dev/urandom >"$WORK/image"
    to_x "$WORK/image" image/png
    for i in {1..20}; do
        forget_told
        tell 'askall 1 CLIPBOARD image/png UTF8_STRING image/png TARGETS TIMESTAMP image/jpeg image/png'
        told '1 answers 4 -1 4 [1-9][0-9]* 4 -1 4'
    done
    until_true 10 x_pasted_equals "$WORK/image" image/png || fail "a paste waits for those of others"
    printf 'grüße €' >"$WORK/text"
    to_x "$WORK/text" text/plain
    forget_told
    tell "askall 1 CLIPBOARD $(printf 'UTF8_STRING %.0s' {1..14})"
    told "1 answers$(printf ' 11%.0s' {1..14})"
}

test_clipboard_multiple() {
    each_way check_clipboard_multiple
}

e2e_main "$@"
