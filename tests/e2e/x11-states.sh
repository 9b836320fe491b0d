#!/bin/bash
# What X11 windows are besides their sizes: fullscreen, maximized, minimized, urgent, not answering; wayferry-x11 on a
# compositor itself (direct), and on wayferry-guest (bridged).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/x11-lib.sh"

tests=(states:11 maximized:12)

# states_of N: the window's _NET_WM_STATE, as xprop prints it.
states_of() {
    xprop -name "$1" _NET_WM_STATE
}

has_state() {
    [[ $(states_of "$1") = *$2* ]]
}

check_states() {
    need wmctrl
    windows_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 Main' 'atoms 1 WM_PROTOCOLS WM_DELETE_WINDOW _NET_WM_PING' 'map 1'
    shows '^Main\|.*\|300x200\|'
    # The name that has Java programs draw their windows.
    [[ $(wmctrl -m) = *LG3D* ]] || fail "the window manager's name is $(wmctrl -m)"
    # Fullscreen by the client and back, with the size it had.
    wmctrl -r Main -b add,fullscreen
    shows '^Main\|.*\|1280x720\|.*fullscreen'
    told '1 configure 0,0 1280x720'
    colour_is '#c81e5a' 921600
    has_state Main FULLSCREEN || fail "the client is not told of fullscreen: $(states_of Main)"
    wmctrl -r Main -b remove,fullscreen
    shows '^Main\|.*\|300x200\|'
    colour_is '#c81e5a' 60000
    until_true 20 not has_state Main FULLSCREEN || fail "the client is not told: $(states_of Main)"
    # By the compositor and back.
    forget_told
    sway_message host '[title="Main"] fullscreen enable' >/dev/null
    told '1 configure 0,0 1280x720'
    colour_is '#c81e5a' 921600      # until then sway thinks that the window has its old size, and does not tell it
    sway_message host '[title="Main"] fullscreen disable' >/dev/null
    told '1 configure .* 300x200'
    colour_is '#c81e5a' 60000
    # What the client wanted before it was mapped.
    tell 'create 2 0 0 200 100 #1e5ac8' 'title 2 Full' 'atoms 2 _NET_WM_STATE _NET_WM_STATE_FULLSCREEN' 'map 2'
    shows '^Full\|.*fullscreen'
    colour_is '#1e5ac8' 921600
    tell 'destroy 2'
    gone '^Full'
    # Maximized and minimized are asked for; sway has neither, and nothing breaks.
    wmctrl -r Main -b add,maximized_vert,maximized_horz
    tell 'message 1 WM_CHANGE_STATE 3'
    until_true 10 sizes_itself Main 320 240 || fail "the window does not get the size that it wants: $(tree)"
    # One that does not answer pings is ended by the second close; one that answers is asked again.
    tell 'create 4 0 0 200 100 #33aacc' 'title 4 Lively' 'atoms 4 WM_PROTOCOLS WM_DELETE_WINDOW _NET_WM_PING' 'map 4'
    shows '^Lively\|'
    sway_message host '[title="Lively"] kill' >/dev/null
    told '4 message WM_DELETE_WINDOW'
    told '4 message _NET_WM_PING'
    tell 'mute 1'
    sway_message host '[title="Main"] kill' >/dev/null
    told '1 message _NET_WM_PING'
    sway_message host '[title="Main"] kill' >/dev/null
    local closed=${EPOCHREALTIME/./}
    # Attention, meanwhile.
    tell 'create 3 0 0 200 100 #5ac81e' 'title 3 Other' 'map 3'
    shows '^Other\|.*focused'
    wmctrl -r Main -b add,demands_attention
    shows '^Main\|.*urgent'
    until_true 10 is_past $((closed + 3200000))
    in_tree '^Main' || fail "a window was closed although its client did not"
    forget_told
    sway_message host '[title="Lively"] kill' >/dev/null
    told '4 message WM_DELETE_WINDOW'
    sway_message host '[title="Main"] kill' >/dev/null
    gone '^Main'
}

# weston_in_sway: a weston, which has what sway lacks, and the keyboard of the sway that it is a window of.
weston_in_sway() {
    sway_start host
    keyboard_start
    weston_start desktop "$SIZE" pixman wayland WAYLAND_DISPLAY="$(realpath "$XDG_RUNTIME_DIR/host")"
    until_true 10 in_tree '\|1280x720\|focused' || fail "weston does not fill sway: $(tree)"
}

# maximized_by COMMAND...: it makes the window that, and then what it was.
maximized_by() {
    forget_told
    "$@" add
    told '1 configure 0,0 1280x720'
    colour_is '#c81e5a' 921600
    until_true 10 has_state Main 'MAXIMIZED_VERT, _NET_WM_STATE_MAXIMIZED_HORZ' || fail "the client is not told: $(states_of Main)"
    "$@" remove
    told '1 configure .* 300x200'
    colour_is '#c81e5a' 60000
    until_true 10 not has_state Main MAXIMIZED || fail "the client is not told: $(states_of Main)"
}

by_client() {
    wmctrl -r Main -b "$1,maximized_vert,maximized_horz"
}

# Super, Shift and M are weston's keys for it.
by_user() {
    typed 'press 125' 'press 42' 'press 50' 'release 50' 'release 42' 'release 125'
}

check_maximized() {
    windows_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 Main' 'map 1'
    colour_is '#c81e5a' 60000
    maximized_by by_client
    maximized_by by_user
    # Away, and back by Super and Tab.
    tell 'message 1 WM_CHANGE_STATE 3'
    colour_is '#c81e5a' 0
    typed 'press 125' 'press 15' 'release 15' 'release 125'
    colour_is '#c81e5a' 60000
}

test_maximized() {
    need wmctrl
    SHOWN=desktop
    for HOW in $(ways); do
        local display=desktop
        weston_in_sway
        [ "$HOW" = direct ] || { bridge_start desktop; display=$BRIDGE; }
        x11_serve "$display"
        check_maximized
        x11_stop
        exec 9>&-
    done
}

# is_past MICROSECONDS: of the clock.
is_past() {
    ((${EPOCHREALTIME/./} > $1))
}

test_states() {
    each_way check_states
}

e2e_main "$@"
