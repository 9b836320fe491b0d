#!/bin/bash
. "$(dirname "$0")/lib.sh"
tests=(weston-terminal:60 foot:60)
app_shot() { # compositor display-kind file reference cmd
    compositor_start "$1" host
    local display=host
    if [ "$2" = bridged ]; then bridge_start host; display=$BRIDGE; fi
    spawn "$2-app" env WAYLAND_DISPLAY="$display" "${APP[@]}"
    if [ "$2" = bridged ]; then
        screen_becomes host "$LOGS/direct.png" "$LOGS/bridged.png" 30 || fail "no"
    else
        screen_settle host "$LOGS/direct.png" 30 '#0000ff' || fail "no window"
    fi
    stop "$2-app"
    until_true 10 screen_is host "$WORK/host.empty.png" || fail "window does not go"
    if [ "$2" = bridged ]; then bridge_stop; fi
    stop host
}
test_weston_terminal() {
    APP=(weston-terminal --shell="$E2E_FOLDER/terminal.sh")
    app_shot weston direct;  app_shot weston bridged
}
test_foot() {
    APP=(foot -c /dev/null "$E2E_FOLDER/terminal.sh")
    app_shot sway direct;  app_shot sway bridged
}
e2e_main "$@"
