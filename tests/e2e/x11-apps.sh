#!/bin/bash
# Real X11 applications, each twice: wayferry-x11 on sway itself (direct), and on wayferry-guest (bridged). The pictures
# of both runs must be equal to the pixel.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/x11-lib.sh"
. "$(dirname "$0")/browsers.sh"

tests=(sdl2:5 mpv:6 qt5:5 qt6:5)
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

e2e_main "$@"
