#!/bin/bash
# Who of X has the keyboard, and what of keys: wayferry-x11 on sway itself (direct), and on wayferry-guest (bridged).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/x11-lib.sh"

tests=(focus:8 focus-elsewhere:8 keys:10)

keyboard() {
    WAYLAND_DISPLAY=host wtype -s 300 "$@"
}

# The second one has the focus.
two_windows() {
    windows_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 First' 'map 1'
    shows '^First\|'
    tell 'create 2 0 0 300 200 #1e5ac8' 'title 2 Second' 'map 2'
    shows '^Second\|.*\|focused'
    told '2 focus in'
}

check_focus() {
    need wtype xdotool
    two_windows
    keyboard a
    told '2 key .*'
    # It was told so before, when it was alone.
    forget_told
    sway_message host '[title="First"] focus' >/dev/null
    told '1 focus in'
    # Raising and activating itself gives a window nothing.
    forget_told
    tell 'raise 2' 'message 2 _NET_ACTIVE_WINDOW 1 0 0'
    shows '^Second\|.*\|\|urgent'
    shows '^First\|.*\|focused'
    keyboard b
    told '1 key .*'
    never_told '2 key .*'
    # Another client that takes X's focus does not keep it.
    xdotool getwindowfocus >"$WORK/before"
    xmessage -timeout 0 other &
    local other=$!
    shows '^xmessage\|.*focused'
    until_true 10 not focus_is_before || fail "a new window does not have X's focus"
    sway_message host '[title="First"] focus' >/dev/null
    until_true 10 focus_is_before || fail "a window does not get X's focus back"
    xdotool search --name '^xmessage$' windowfocus
    until_true 10 focus_is_before || fail "a client took X's focus"
    kill $other
    # A window that wants no input is told to take the focus itself.
    tell 'create 3 0 0 100 100 #5ac81e' 'title 3 Third' 'words 3 WM_HINTS 1 0' 'atoms 3 WM_PROTOCOLS WM_TAKE_FOCUS' 'map 3'
    told '3 message WM_TAKE_FOCUS'
    never_told '3 focus in'
    # X has no focus when no X window has it.
    tell 'destroy 1' 'destroy 2' 'destroy 3'
    until_true 20 no_focus || fail "X's focus is still at $(xdotool getwindowfocus)"
}

focus_is_before() {
    [ "$(xdotool getwindowfocus)" = "$(cat "$WORK/before")" ]
}

no_focus() {
    [[ $(xprop -root _NET_ACTIVE_WINDOW) = *' 0x0' ]] && ! xdotool getwindowfocus >/dev/null 2>&1
}

test_focus() {
    each_way check_focus
}

# What others than X decide: a Wayland client has the keyboard; the compositor gives a new window none, or, as this one
# does, gives it to whoever asks by a token.
check_focus_elsewhere() {
    need wtype xdotool
    windows_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 First' 'map 1'
    shows '^First\|.*\|focused'
    told '1 focus in'
    xdotool getwindowfocus >"$WORK/before"
    spawn other env WAYLAND_DISPLAY=host "$WAYFERRY_CLIENTS/drag" 1
    shows '^drag\|.*\|focused'
    until_true 20 no_focus || fail "X's focus is still at $(xdotool getwindowfocus)"
    told '1 focus out'
    forget_told
    stop other
    until_true 20 focus_is_before || fail "a window does not get X's focus back"
    tell 'create 2 0 0 300 200 #1e5ac8' 'title 2 Quiet' 'map 2' 'raise 2' 'sync 0'
    shows '^Quiet\|.*\|\|'
    told 'done sync 0'
    keyboard a
    told '1 key .*'
    never_told '2 key .*'
    forget_told
    tell 'message 2 _NET_ACTIVE_WINDOW 1 0 0'
    shows '^Quiet\|.*\|focused'
    told '2 focus in'
    keyboard b
    told '2 key .*'
    never_told '1 key .*'
}

test_focus_elsewhere() {
    X11_SWAY_CONFIG='no_focus [title="Quiet"]
focus_on_window_activation focus'
    each_way check_focus_elsewhere
}

# A key that is held while the focus moves is released in X, and is not held for whoever has the focus then.
check_keys() {
    need wtype
    two_windows
    # wtype's key codes are its own, in the order in which it needs them.
    WAYLAND_DISPLAY=host spawn holder wtype -M ctrl -P a -s 600000
    told '2 key 9 state 4'
    repeats 2 3
    forget_told
    sway_message host '[title="First"] focus' >/dev/null
    told '1 focus in'
    forget_told
    stop holder
    keyboard b
    told '1 key 9 state 0'
    told '1 key-release 9 state 0'
    repeats 1 1
    # While a menu is there, which has the pointer: pressed before it comes, released before it goes, and the reverse.
    keyboard_start
    menu_comes
    typed 'press 29' 'press 45'
    told '1 key 53 state 4'
    typed 'release 45' 'release 29'
    told '1 key-release 37 state 4'
    typed 'press 29'
    menu_goes
    typed 'press 45' 'release 45'
    told '1 key-release 53 state 4'
    menu_comes
    typed 'release 29'
    menu_goes
    forget_told
    typed 'press 45' 'release 45'
    told '1 key 53 state 0'
    told '1 key-release 53 state 0'
    exec 9>&-
}

menu_comes() {
    forget_told
    tell 'create 3 50 50 100 80 #5ac81e override' 'transient 3 1' 'map 3' 'grab 3'
    colour_is '#5ac81e' 8000
}

menu_goes() {
    tell ungrab 'destroy 3'
    colour_is '#5ac81e' 0
}

# repeats N COUNT: window N was told of a key so often, with releases between them; of one press, at most.
repeats() {
    if [ "$2" = 1 ]; then
        [ "$(grep -cE "^$1 key 9 " "$LOGS/windows.log")" = 1 ] || fail "a key repeats that nobody holds"
    else
        until_true 10 has_lines "$2" "^$1 key 9 " || fail "a key that is held does not repeat"
    fi
}

has_lines() {
    (($(grep -cE "$2" "$LOGS/windows.log") >= $1))
}

test_keys() {
    each_way check_keys
}

e2e_main "$@"
