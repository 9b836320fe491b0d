#!/bin/bash
# A whole compositor as a guest application: weston in a window of weston, with clients of its own.
. "$(dirname "$0")/lib.sh"

tests=(terminal:7)

# nested_start direct|bridged: weston "host", and in its window weston "inner".
nested_start() {
    local display=host
    weston_start host
    if [ "$1" = bridged ]; then
        bridge_start host
        display=$BRIDGE
    fi
    weston_start inner 800x500 pixman wayland WAYLAND_DISPLAY="$display"
}

nested_end() {
    stop inner
    until_true 10 screen_is host "$WORK/host.empty.png" || fail "the inner compositor's window stays on the screen"
    [ "$1" = bridged ] && bridge_stop
    stop host
}

# A terminal in the inner compositor: the inner output's picture and the outer one's are those of the
# same inner compositor run direct.
test_terminal() {
    nested_start direct
    spawn direct-app env WAYLAND_DISPLAY=inner weston-terminal --shell="$E2E_DIRECTORY/terminal.sh"
    screen_settle inner "$LOGS/inner-direct.png" 30 '#a80000' || fail "no window in the inner compositor"
    screen_settle host "$LOGS/outer-direct.png" 30 '#a80000' || fail "the inner compositor does not settle"
    stop direct-app
    nested_end direct

    nested_start bridged
    spawn bridged-app env WAYLAND_DISPLAY=inner weston-terminal --shell="$E2E_DIRECTORY/terminal.sh"
    screen_becomes inner "$LOGS/inner-direct.png" "$LOGS/inner-bridged.png" || fail "inner pictures differ"
    screen_becomes host "$LOGS/outer-direct.png" "$LOGS/outer-bridged.png" || fail "outer pictures differ"
    stop bridged-app
    until_true 10 screen_is inner "$WORK/inner.empty.png" || fail "the window stays in the inner compositor"
    nested_end bridged
}

e2e_main "$@"
