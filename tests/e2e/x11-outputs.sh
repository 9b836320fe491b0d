#!/bin/bash
# X11 windows and menus on several outputs, which come and go: wayferry-x11 on sway itself (direct), and on wayferry-guest
# (bridged).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/x11-lib.sh"

tests=(outputs:20 outputs-gone:8)

# main_at X Y: the window lies there in the layout, and X's pointer is at 100,50 of it; sets RX and RY to its place in X.
main_at() {
    local root
    sway_message host -- '[title="Main"]' move absolute position "$1" "$2" >/dev/null
    shows "^Main\\|.*\\|$1,$2\\|"
    clicked $(($1 + LEFT + 100)) $(($2 + TOP + 50)) '1 button 1 at 100,50'
    root=$(sed -n 's/^1 button 1 at 100,50 root //p' "$LOGS/windows.log" | head -1)
    RX=$((${root%,*} - 100)) RY=$((${root#*,} - 50))
}

# menu_on X Y [SLID]: a menu of the window there is where X put it, but SLID to the left (negative: right), and clicks hit what they aim at.
menu_on() {
    local x=$(($1 + LEFT + 20 - ${3:-0})) y=$(($2 + TOP + 30))
    main_at "$1" "$2"
    tell "create 9 $((RX + 20)) $((RY + 30)) 100 80 #1e5ac8 override" 'map 9'
    until_true 10 menu_lies $((x - LEFT)) $((y - TOP)) || fail "the menu is not at $((x - LEFT)),$((y - TOP))"
    [ -z "${3:-}" ] || told "9 configure $((RX + 20 - $3)),$((RY + 30)) 100x80"
    clicked $((x + 33)) $((y + 44)) '9 button 1 at 33,44'
    tell 'destroy 9'
    until_true 10 not menu_lies $((x - LEFT)) $((y - TOP)) || fail "the menu stays"
}

# menu_lies X Y: it is there, and a pixel around it is not.
menu_lies() {
    local w=102 h=82 x=$(($1 - 1)) y=$(($2 - 1))
    WAYLAND_DISPLAY=host limited 10 grim -l 1 -g "$x,$y ${w}x$h" "$WORK/colours.png" &&
        [ "$(pixels_of "$WORK/colours.png" '#1e5ac8')" = 8000 ] && [ "$(box_of "$WORK/colours.png" '#1e5ac8')" = 100x80+1+1 ]
}

# Three outputs, one at x = 1920, one at negative coordinates; the layout is -1280,-200 to 3200,1080: X's screen begins at 0,0.
check_outputs() {
    LEFT=1280 TOP=200
    windows_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 Main' 'map 1'
    shows '^Main\|'
    sway_message host output HEADLESS-1 mode 1920x1080 position 0 0 >/dev/null
    sway_message host create_output >/dev/null
    sway_message host output HEADLESS-2 mode 1280x720 position 1920 0 >/dev/null
    sway_message host create_output >/dev/null
    sway_message host -- output HEADLESS-3 mode 1280x720 position -1280 -200 >/dev/null
    until_true 10 x_screen_is 4480x1280 || fail "X's screen is $(x_screen)"
    SIZE=4480x1280 pointer_start
    menu_on 100 100
    menu_on 1920 0
    menu_on 2500 300
    menu_on -1000 -100
    menu_on -1280 -200
    # Beside the output of its window the compositor slides it onto that, and tells.
    menu_on 3090 100 10
    menu_on 1830 100 -70
    # A larger scale on one is X's for all.
    sway_message host -- output HEADLESS-3 scale 2 >/dev/null
    until_true 10 x_screen_is 8960x2560 || fail "X's screen is $(x_screen)"
}

x_screen() {
    xwininfo -root | sed -n 's/ *-geometry \([0-9x]*\).*/\1/p'
}

x_screen_is() {
    [ "$(x_screen)" = "$1" ]
}

test_outputs() {
    each_way check_outputs
}

# A compositor whose two outputs are windows of another: these can be closed, as headless ones cannot.
nested_start() {
    SWAY_CONFIG='for_window [title=".*"] floating enable' sway_start outer
    SIZE=2560x720 SWAY_ENVIRONMENT="WLR_BACKENDS=wayland WLR_WL_OUTPUTS=2 WAYLAND_DISPLAY=$(realpath "$XDG_RUNTIME_DIR/outer")" \
        X11_SWAY_CONFIG="output * bg $BACKGROUND solid_color" x11_start "$1"
}

close_output() {
    sway_message outer "[title=\"$1\"] kill" >/dev/null
}

# The output goes that shows the window, then all: neither the client nor Xwayland does.
check_outputs_gone() {
    local server
    windows_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 Main' 'map 1'
    shows '^Main\|'
    server=$(xwayland_pid)
    until_true 10 x_screen_is 2560x720 || fail "X's screen is $(x_screen)"
    sway_message host -- '[title="Main"]' move absolute position 1500 100 >/dev/null
    shows '^Main\|.*\|1500,100\|'
    close_output WL-2
    until_true 10 x_screen_is 1280x720 || fail "X's screen is $(x_screen) without the output"
    shows '^Main\|'
    close_output WL-1
    tell 'title 1 Dark' 'create 2 0 0 100 100 #1e5ac8' 'title 2 Late' 'map 2' 'sync 0'
    told 'done sync 0'
    sway_message host create_output >/dev/null
    until_true 10 x_screen_is 1280x720 || fail "X's screen is $(x_screen) after an output came"
    shows '^Late\|'
    tell 'configure 1 0 0 320 240'
    shows '^Dark\|.*\|320x240\|'
    sway_message host '[title="Dark"] move position 20 20' >/dev/null
    colour_is '#c81e5a' 76800
    alive "${PID[windows]}" && [ "$(xwayland_pid)" = "$server" ] || fail "Xwayland or its client went with an output"
}

test_outputs_gone() {
    for HOW in $(ways); do
        nested_start "$HOW"
        check_outputs_gone
        x11_stop
        stop outer
    done
}

e2e_main "$@"
