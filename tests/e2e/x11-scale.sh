#!/bin/bash
# X11 windows, cursors and toolkits at scales of the output: wayferry-x11 on sway itself (direct), and on wayferry-guest
# (bridged).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/x11-lib.sh"

tests=(scale:25 cursors:12)
plain=(toolkits-scaled:45)        # of their sizes: wayferry-x11 does what it does in scale

# An xlogo of 300x300 X pixels in the corner.
logo_start() {
    spawn logo xlogo -geometry 300x300 -bw 0
    shows '^xlogo\|'
    sway_message host '[title="xlogo"] move position 0 0' >/dev/null
}

logo_stop() {
    stop logo
    gone '^xlogo'
}

# The picture, of that size, that all others must equal.
logo_reference() {
    logo_start
    rm -f "$WORK/logo.screen.png"
    screen_settle host "$WORK/logo.screen.png" 20 || fail "xlogo did not settle"
    logo_crop "$LOGS/logo.png"
    logo_stop
}

logo_crop() {
    convert "$WORK/logo.screen.png" -crop 300x300+0+0 +repage "$1"
}

logo_is_right() {
    shot host "$WORK/logo.screen.png" && logo_crop "$LOGS/logo-$HOW-$SCALE.png" && same "$LOGS/logo-$HOW-$SCALE.png" "$LOGS/logo.png"
}

resource() {
    xrdb -query | sed -n "s/^$1:\t//p"
}

check_at_scale() {
    windows_start
    pointer_start
    [ "$(resource Xft.dpi)" = "$DPI" ] || fail "Xft.dpi is $(resource Xft.dpi) at scale $SCALE, not $DPI"
    logo_start
    until_true 20 logo_is_right || fail "xlogo at scale $SCALE is not the one of scale 1"
    logo_stop
    tell 'create 1 0 0 480 360 #c81e5a' 'title 1 Main' 'map 1'
    shows "^Main\|.*\|$LOGICAL\|"
    sway_message host '[title="Main"] move position 60 30' >/dev/null
    colour_is_at '#c81e5a' "480x360+$CORNER"
    # The pointer is at pixels of the mode; a menu is where X put it.
    click $((${CORNER%+*} + 120)) $((${CORNER#*+} + 180))
    told '1 button 1 at 120,180 root .*'
    local root x y
    root=$(sed -n 's/^1 button 1 at 120,180 root //p' "$LOGS/windows.log" | head -1)
    x=$((${root%,*} - 120)) y=$((${root#*,} - 180))
    tell "create 2 $((x + 60)) $((y + 120)) 120 90 #1e5ac8 override" 'map 2'
    colour_is_at '#1e5ac8' "120x90+$((${CORNER%+*} + 60))+$((${CORNER#*+} + 120))"
    click $((${CORNER%+*} + 90)) $((${CORNER#*+} + 150))
    told '2 button 1 at 30,30 root .*'
    tell 'destroy 2'
}

check_scale_1() {
    SCALE=1 DPI=96 LOGICAL=480x360 CORNER=60+30
    [ "$HOW" = "$(ways | head -n 1)" ] && logo_reference
    check_at_scale
}

check_scale_2() {
    SCALE=2 DPI=192 LOGICAL=240x180 CORNER=120+60
    check_at_scale
    # It changes while windows are there: the same logical size, in other pixels.
    sway_message host output HEADLESS-1 scale 1 >/dev/null
    told '1 configure .* 240x180'
    shows '^Main\|.*\|240x180\|'
    until_true 20 resource_is Xft.dpi 96 || fail "Xft.dpi is still $(resource Xft.dpi)"
    sway_message host output HEADLESS-1 scale 2 >/dev/null
    told '1 configure .* 480x360'
    colour_is '#c81e5a' 172800
}

resource_is() {
    [ "$(resource "$1")" = "$2" ]
}

check_scale_1_5() {
    SCALE=1.5 DPI=144 LOGICAL=320x240 CORNER=90+45
    check_at_scale
}

# Of X's pixels, as many as the desktop has units: the compositor enlarges.
check_scale_unscaled() {
    windows_start
    tell 'create 1 0 0 240 180 #c81e5a' 'title 1 Main' 'map 1'
    shows '^Main\|.*\|240x180\|'
    [ "$(resource Xft.dpi)" = 96 ] || fail "Xft.dpi is $(resource Xft.dpi)"
    colour_is '#c81e5a' 172800
}

test_scale() {
    each_way check_scale_1
    X11_SCALE=2
    each_way check_scale_2
    X11_OPTIONS='--scale 1'
    each_way check_scale_unscaled
    X11_OPTIONS=
    # Of a size that 1.5 divides: grim would blur the picture of another.
    X11_SCALE=1.5 SIZE=1200x720
    each_way check_scale_1_5
}

# ---- what toolkits make of the scale

# size_of TITLE COMMAND...: prints the size of the window that the command opens, WxH, in the desktop's units.
size_of() {
    local title=$1
    shift
    spawn sized "$@"
    shows "$title"
    until_true 30 size_stays "$title" || fail "window $title has no size that lasts: $(tree)"
    echo "$SIZE_SEEN"
    stop sized
    gone "$title"
}

# Toolkits may resize a window that they have just shown.
size_stays() {
    SIZE_SEEN=$(tree | grep -E "$1" | cut -d'|' -f4)
    sleep 1
    [ -n "$SIZE_SEEN" ] && [ "$SIZE_SEEN" = "$(tree | grep -E "$1" | cut -d'|' -f4)" ]
}

# They are as large as with scale 1, whose sizes are kept: GTK's and Qt's windows exactly, and xterm's, which has cells of
# whole pixels, to a tenth.
check_toolkits() {
    local name size
    declare -A now=(
        [gtk3]=$(size_of '\|.*[gG]tk3-icon-browser\|' gtk3-icon-browser)
        [gtk4]=$(size_of '\|.*gtk4-demo\|' gtk4-demo)
        [qt6]=$(size_of '\|.*Qml Runtime\|' env QT_QUICK_BACKEND=software /usr/lib/qt6/bin/qml "$E2E_DIRECTORY/window.qml")
        [xterm]=$(size_of '^terminal\|' xterm -T terminal -fa 'DejaVu Sans Mono' -fs 11 -e sleep infinity)
    )
    for name in "${!now[@]}"; do
        size=${now[$name]}
        [ -n "$size" ] || fail "$name has no size"
        if [ -z "${UNSCALED[$name]:-}" ]; then
            UNSCALED[$name]=$size
        elif [ "$name" = xterm ]; then
            nearly "${size%x*}" "${UNSCALED[xterm]%x*}" && nearly "${size#*x}" "${UNSCALED[xterm]#*x}" ||
                fail "xterm is $size at scale $X11_SCALE, ${UNSCALED[xterm]} without"
        else
            [ "$size" = "${UNSCALED[$name]}" ] || fail "$name is $size at scale $X11_SCALE, ${UNSCALED[$name]} without"
        fi
    done
}

# nearly A B: they differ by less than a tenth.
nearly() {
    (($1 * 10 > $2 * 9 && $1 * 10 < $2 * 11))
}

test_toolkits_scaled() {
    declare -A UNSCALED=()
    # Room for the same windows at both.
    SIZE=3840x2160
    X11_SCALE=1 HOW=direct
    x11_start direct
    check_toolkits
    x11_stop
    X11_SCALE=2
    each_way check_toolkits
}

# cursor_is_at COLOUR BOX: it is seen there.
cursor_is_at() {
    until_true 30 cursor_lies "$@" || fail "the cursor $1 is not at $2 ($WORK/cursor.png)"
}

cursor_lies() {
    cursor_shot && [ "$(box_of "$WORK/cursor.png" "$1" 2>/dev/null)" = "$2" ]
}

no_cursor() {
    local colour
    cursor_shot || return
    for colour; do
        [ "$(pixels_of "$WORK/cursor.png" "$colour")" = 0 ] || return
    done
}

cursor_shot() {
    WAYLAND_DISPLAY=host limited 10 grim -c -l 1 "$WORK/cursor.png"
}

# Cursors of X are as large as X has them, also those that change.
check_cursors() {
    local colour
    windows_start
    pointer_start
    tell 'create 1 0 0 480 360 #c81e5a' 'title 1 Main' 'cursor 1 #1e5ac8' 'map 1'
    shows '^Main\|'
    sway_message host '[title="Main"] move position 0 0' >/dev/null
    point 'move 200 100'
    cursor_is_at '#1e5ac8' 24x24+200+100
    point 'move 300 200'
    cursor_is_at '#1e5ac8' 24x24+300+200
    tell 'cursor 1 #5ac81e #ff8800'
    for colour in '#5ac81e' '#ff8800' '#5ac81e'; do
        cursor_is_at "$colour" 24x24+300+200
    done
    tell 'cursor 1 hidden'
    until_true 10 no_cursor '#5ac81e' '#ff8800' || fail "the cursor is not hidden ($WORK/cursor.png)"
}

test_cursors() {
    each_way check_cursors
    X11_SCALE=2
    each_way check_cursors
}

e2e_main "$@"
