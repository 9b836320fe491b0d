#!/bin/bash
# Real X11 applications, each twice: wayferry-x11 on sway itself (direct), and on wayferry-guest (bridged). The pictures
# of both runs must be equal to the pixel, and a toolkit's menus be where it has put them.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/x11-lib.sh"
. "$(dirname "$0")/browsers.sh"

tests=(applications:35 toolkit:30 sdl2:5 mpv:6 qt5:5 qt6:5)
full=(java:15 chromium:15 firefox:25 wine:50)

# one_each_way TITLE COLOURS: APP's window of that title is the same, bridged and direct.
one_each_way() {
    TITLE=$1 COLOURS=$2
    X11_SWAY_CONFIG='for_window [title=".*"] move position 20 20'
    each_way check_one
}

check_one() {
    application "$TITLE" "${APP[@]}"
}

test_sdl2() {
    APP=(env SDL_VIDEODRIVER=x11 LD_PRELOAD="$WAYFERRY_CLIENTS/libsteady.so"
        /usr/libexec/installed-tests/SDL2/testdraw2)
    one_each_way '\|.*testdraw2\|' ''
}

test_mpv() {
    APP=(mpv --no-config --vo=x11 --no-audio --osc=no --keep-open=yes --pause
        av://lavfi:testsrc=size=640x360:rate=30)
    one_each_way ' - mpv\|.*mpv\|.*\|640x360\|' '#ff0000 #0000ff'
}

test_qt5() {
    APP=(env QT_QPA_PLATFORM=xcb QT_QPA_PLATFORMTHEME= /usr/bin/python3 "$E2E_DIRECTORY/widgets.py")
    one_each_way '^Widgets\|.*\|400x300\|' ''
}

test_qt6() {
    APP=(env QT_QPA_PLATFORM=xcb QT_QUICK_BACKEND=software /usr/lib/qt6/bin/qml "$E2E_DIRECTORY/window.qml")
    one_each_way '\|.*Qml Runtime\|' '#c81e5a #f0f0e8'
}

test_java() {
    APP=(java "$E2E_DIRECTORY/Swing.java")
    one_each_way '^Swing\|.*Main\|' '#c81e5a #f0f0e8'
}

test_chromium() {
    chromium_command x11
    one_each_way '\|.*[cC]hromium\|' '#c81e5a'
}

test_firefox() {
    firefox_command MOZ_ENABLE_WAYLAND=0
    PREPARE=prepare_firefox
    one_each_way '\|.*[fF]irefox.*\|' '#c81e5a'
}

# A fresh prefix takes Wine a minute, with a window of its own: it is made before, and for both.
test_wine() {
    WINE=(env WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml=" WINEPREFIX="$WORK/prefix")
    need wine
    limited 300 "${WINE[@]}" wineboot -i >"$LOGS/wineboot.log" 2>&1 || fail "Wine makes no prefix (log: $LOGS/wineboot.log)"
    limited 60 "${WINE[@]}" wineserver -w || fail "Wine's server does not end"
    APP=("${WINE[@]}" wine notepad)
    one_each_way 'Notepad\|.*notepad.exe\|' ''
}

check_applications() {
    application '^xlogo\|.*XLogo\|' xlogo -geometry 300x300
    application '^xeyes\|.*XEyes\|' xeyes -geometry 300x200
    application '^xmessage\|.*Xmessage\|' xmessage -timeout 0 'Hello from X'
    application '\|.*[gG]tk3-icon-browser\|' gtk3-icon-browser
    application '\|.*gtk4-demo\|' gtk4-demo
    QT_QUICK_BACKEND=software application '\|.*Qml Runtime\|' /usr/lib/qt6/bin/qml "$E2E_DIRECTORY/window.qml"
    application '^terminal\|.*XTerm\|' xterm -xrm '*cursorBlink: false' -T terminal -e sh -c 'echo hello; exec sleep infinity'
}

test_applications() {
    X11_SWAY_CONFIG='for_window [title=".*"] move position 20 20'
    each_way check_applications
}

# said WHAT: sets X and Y, where the toolkit says that it is, counted from the window.
said() {
    until_true 10 grep -qE "^$1 at " "$LOGS/toolkit.log" || fail "the toolkit does not show: $1 (log: $LOGS/toolkit.log)"
    IFS=, read -r X Y < <(sed -nE "s/^$1 at //p" "$LOGS/toolkit.log" | tail -1)
}

# opens X Y WHAT: a click there opens WHAT; sets X and Y.
opens() {
    hush toolkit
    click "$1" "$2"
    said "$3"
}

# Qt's drop-down list, a menu and one in it, and a tooltip, of the window at X,Y of the screen.
toolkit_at() {
    local x=$1 y=$2
    sway_message host "[title=\"Widgets\"] move position $x $y" >/dev/null
    shows "^Widgets\|.*\|$x,$y\|"
    opens $((x + 100)) $((y + 35)) entry
    click $((x + X)) $((y + Y))
    heard toolkit 'chosen 3'
    opens $((x + 100)) $((y + 95)) more
    opens $((x + X)) $((y + Y)) nested
    until_true 10 nested_is_on_screen "$x" || fail "the toolkit is not told that its menu lies elsewhere: $X,$Y"
    click $((x + X)) $((y + Y))
    heard toolkit 'triggered nested'
    opens $((x + 100)) $((y + 95)) first
    click $((x + X)) $((y + Y))
    heard toolkit 'triggered first'
    hush toolkit
    point "move $((x + 60)) $((y + 150))" 'sleep 50' "move $((x + 62)) $((y + 152))"
    said 'tip [0-9x]*'
    colour_is_at '#5ac81e' "$(sed -n 's/^tip \([0-9x]*\) .*/\1/p' "$LOGS/toolkit.log")+$((x + X))+$((y + Y))"
    point "move $((x + 150)) $((y + 250))"
    colour_is '#5ac81e' 0
}

nested_is_on_screen() {
    said nested
    (($1 + X < 1280))
}

check_toolkit() {
    pointer_start
    spawn toolkit env QT_QPA_PLATFORM=xcb QT_QPA_PLATFORMTHEME= /usr/bin/python3 "$E2E_DIRECTORY/widgets.py"
    shows '^Widgets\|.*\|400x300\|'
    toolkit_at 100 60
    # Where it was moved to, and where the menu within the menu lies beside the screen: the compositor slides it.
    toolkit_at 500 300
    toolkit_at 1090 300
}

test_toolkit() {
    each_way check_toolkit
}

e2e_main "$@"
