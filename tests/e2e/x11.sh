#!/bin/bash
# X11 applications as windows: wayferry-x11 on sway itself (direct), and on wayferry-guest (bridged).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/x11-lib.sh"

tests=(windows:8 dialogs:6 sizes:8 applications:35 popups:8 toolkit:30 focus:8 focus-elsewhere:8 keys:10 life:15
    scale:25 toolkits-scaled:60 cursors:12 states:11 maximized:12 outputs:20 outputs-gone:8 many:10 games:4 command:8)
full=(many-maps:25)

check_windows() {
    local mark='' id=''
    [ "$HOW" = direct ] || mark='\[work\] ' id='wayferry\.work\.'
    windows_start
    tell 'create 1 100 80 300 200 #c81e5a' 'title 1 First' 'class 1 instance' 'atoms 1 WM_PROTOCOLS WM_DELETE_WINDOW' 'map 1'
    shows "^${mark}First\|${id}instance\|.*\|300x200\|focused\|"
    colour_is '#c81e5a' 60000
    tell 'title 1 Zweiter ä€'
    shows "^${mark}Zweiter ä€\|"
    tell 'configure 1 100 80 320 240'
    shows '\|320x240\|'
    colour_is '#c81e5a' 76800
    sway_message host '[title="Zweiter"] resize set 500 300' >/dev/null
    told '1 configure .* 500x300'
    colour_is '#c81e5a' 150000
    tell 'create 2 0 0 200 100 #1e5ac8' 'title 2 Dialog' 'transient 2 1' 'words 2 WM_NORMAL_HINTS 48 0 0 0 0 200 100 200 100' 'map 2'
    shows "^${mark}Dialog\|.*\|200x100\|"
    sway_message host '[title="Zweiter"] kill' >/dev/null
    told '1 message WM_DELETE_WINDOW'
    shows "^${mark}Zweiter"
    tell 'destroy 1'
    gone "^${mark}Zweiter"
    sway_message host '[title="Dialog"] kill' >/dev/null
    gone "^${mark}Dialog"
    until_true 10 not alive "${PID[windows]}" || fail "a client without WM_DELETE_WINDOW was not ended"
}

test_windows() {
    HOST_OPTIONS='--vm work'
    each_way check_windows
}

# A dialog is above the window it belongs to where that fills the screen, and another window is not.
check_dialogs() {
    windows_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 Main' 'map 1'
    shows '^Main\|'
    sway_message host '[title="Main"] fullscreen enable' >/dev/null
    colour_is '#c81e5a' 921600
    tell 'create 2 0 0 300 150 #5ac81e' 'title 2 Stranger' 'map 2'
    shows '^Stranger\|'
    tell 'create 3 0 0 200 100 #1e5ac8' 'title 3 Dialog' 'transient 3 1' 'map 3'
    colour_is '#1e5ac8' 20000
    colour_is '#5ac81e' 0
    # It belongs to another one from now on.
    tell 'transient 3 2'
    colour_is '#1e5ac8' 0
}

test_dialogs() {
    each_way check_dialogs
}

# The user's hand at a corner, by the client's wish: the size keeps to what the client has said of it.
check_sizes() {
    local x y
    windows_start
    pointer_start
    tell 'create 1 0 0 320 250 #c81e5a' 'title 1 Sized' 'words 1 WM_NORMAL_HINTS 368 0 0 0 0 200 150 410 350 30 20 0 0 0 0 20 10' 'map 1'
    shows '^Sized\|.*\|320x250\|'
    grep -q 'xdg_toplevel@[0-9]*\.set_min_size(200, 150)' "$LOGS/x11.log" || fail "the compositor is told no smallest size"
    grep -q 'xdg_toplevel@[0-9]*\.set_max_size(410, 350)' "$LOGS/x11.log" || fail "the compositor is told no largest size"
    sway_message host '[title="Sized"] move position 300 200' >/dev/null
    point 'move 610 440' 'button 272 1'
    told '1 button 1 at 310,240 root .*'
    IFS=, read -r x y < <(sed -n 's/^1 button 1 at 310,240 root //p' "$LOGS/windows.log")
    tell "message 1 _NET_WM_MOVERESIZE $x $y 4 1 1"
    traced 'xdg_toplevel@[0-9]+\.resize\('
    resized_by 47 33 350x270
    resized_by -20 -30 320x250
    resized_by 500 300 410x350
    resized_by -900 -500 200x150
    point 'button 272 0' 'by 300 200'
    until_true 10 sizes_itself Sized 350 290 || fail "the window does not get the size that it wants: $(tree)"
}

# resized_by DX DY SIZE: what the hand's motion makes of it.
resized_by() {
    forget_told
    point "by $1 $2"
    told "1 configure .* $3"
    shows "^Sized\|.*\|$3\|"
}

test_sizes() {
    X11_OPTIONS='--trace x11'
    each_way check_sizes
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

# A window at 300,200, and a menu 50,60 inside it, at the right place; what is clicked there hears it.
check_popups() {
    windows_start
    pointer_start
    tell 'create 1 10 10 400 300 #c81e5a' 'title 1 Main' 'map 1'
    shows '^Main\|'
    sway_message host '[title="Main"] move position 300 200' >/dev/null
    click 500 350
    told '1 button 1 at 200,150 root .*'
    local root
    root=$(sed -n 's/^1 button 1 at 200,150 root //p' "$LOGS/windows.log" | head -1)
    local x=$((${root%,*} - 200)) y=$((${root#*,} - 150))
    tell "create 2 $((x + 50)) $((y + 60)) 120 200 #1e5ac8 override" 'map 2'
    colour_is_at '#1e5ac8' 120x200+350+260
    click 400 300
    told '2 button 1 at 50,40 root .*'
    # What lies beside the screen is a popup only once it is on it.
    tell 'create 5 -99 -99 20 20 #aa33cc override' 'map 5'
    told '5 map'
    tell "configure 5 $((x + 10)) $((y + 10)) 20 20"
    colour_is_at '#aa33cc' 20x20+310+210
    [ "$(grep -c 'popup of .*, 20x20$' "$LOGS/x11.log")" = 1 ] || fail "it was a popup beside the screen"
    tell 'destroy 5'
    colour_is '#aa33cc' 0
    # A submenu, beyond the window's edge.
    tell "create 3 $((x + 170)) $((y + 100)) 260 50 #5ac81e override" 'map 3'
    colour_is_at '#5ac81e' 260x50+470+300
    click 725 325
    told '3 button 1 at 255,25 root .*'
    tell 'destroy 3' 'destroy 2'
    colour_is '#1e5ac8' 0
    # After the window was moved, a menu at the screen's right edge is slid, and X told.
    sway_message host '[title="Main"] move position 860 300' >/dev/null
    forget_told
    click 1200 500
    told '1 button 1 at 340,200 root .*'
    root=$(sed -n 's/^1 button 1 at 340,200 root //p' "$LOGS/windows.log" | head -1)
    x=$((${root%,*} - 340)) y=$((${root#*,} - 200))
    tell "create 4 $((x + 300)) $((y + 50)) 200 100 #1e5ac8 override" 'map 4'
    colour_is_at '#1e5ac8' 200x100+1080+350
    told '4 configure .* 200x100'
    click 1270 440
    told '4 button 1 at 190,90 root .*'
    tell 'unmap 4'
    colour_is '#1e5ac8' 0
}

test_popups() {
    each_way check_popups
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

# traced MESSAGE: waits for one with Xwayland, from here on in each (with X11_OPTIONS='--trace x11').
traced() {
    until_true 10 grep -qE "$1" "$LOGS/x11.log" || fail "no message $1 (log: $LOGS/x11.log)"
    : >"$LOGS/x11.log"
}

# What games do: the pointer cannot leave a window; or it stays, without a cursor, and the window hears of its motion.
check_games() {
    windows_start
    pointer_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 Game' 'cursor 1 shown' 'map 1'
    shows '^Game\|.*focused'
    sway_message host '[title="Game"] move position 300 200' >/dev/null
    point 'move 450 300'
    told '1 motion 150,100 root .*'
    # Confined: it stops at the edge.
    tell 'confine 1'
    traced 'zwp_confined_pointer_v1@[0-9]+\.confined\(\)'
    point 'by 20 10'
    told '1 motion 170,110 root .*'
    point 'by 500 10' 'button 272 1' 'button 272 0'
    told '1 button 1 at 299,1[12][0-9] root .*'
    tell ungrab
    traced 'zwp_confined_pointer_v1@[0-9]+\.destroy\(\)'
    point 'by 100 0'
    traced 'wl_pointer@[0-9]+\.leave'
    forget_told
    point 'move 450 300'
    told '1 motion 150,100 root .*'
    # Locked: X's pointer moves on, is where the client puts it, and nothing is clicked that lies beside the window.
    tell 'cursor 1 hidden'
    traced 'wl_pointer@[0-9]+\.set_cursor\([0-9]+, nil'
    tell 'confine 1' 'warp 1 100 100'
    traced 'zwp_locked_pointer_v1@[0-9]+\.locked\(\)'
    point 'by 7 3' 'by 7 3'
    told '1 motion 114,106 root .*'
    tell 'warp 1 100 100'
    told '1 motion 100,100 root .*'
    point 'by -5 8'
    told '1 motion 95,108 root .*'
    point 'by 900 0' 'button 272 1' 'button 272 0'
    told '1 button 1 at 299,108 root .*'
    # An ordinary pointer again, and where it was left.
    tell ungrab 'cursor 1 shown'
    traced 'zwp_locked_pointer_v1@[0-9]+\.destroy\(\)'
    point 'move 310 220' 'button 273 1' 'button 273 0'
    told '1 button 3 at 10,20 root .*'
}

test_games() {
    X11_OPTIONS='--trace x11'
    each_way check_games
}

keyboard() {
    WAYLAND_DISPLAY=host wtype -s 300 "$@"
}

check_focus() {
    need wtype xdotool
    windows_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 First' 'map 1'
    shows '^First\|'
    tell 'create 2 0 0 300 200 #1e5ac8' 'title 2 Second' 'map 2'
    shows '^Second\|.*\|focused'
    told '2 focus in'
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
    windows_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 First' 'map 1'
    shows '^First\|'
    tell 'create 2 0 0 300 200 #1e5ac8' 'title 2 Second' 'map 2'
    shows '^Second\|.*\|focused'
    told '2 focus in'
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

xwayland_pid() {
    pgrep -P "${PID[x11]}" Xwayland
}

check_life() {
    local pid
    [ -z "$(xwayland_pid)" ] || fail "Xwayland runs without a client"
    windows_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 First' 'map 1'
    shows '^First\|'
    pid=$(xwayland_pid)
    kill -KILL "$pid"
    gone '^First'
    windows_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 Again' 'map 1'
    shows '^Again\|'
    [ "$(xwayland_pid)" != "$pid" ] || fail "no fresh Xwayland"
    stop windows
    until_true 10 not xwayland_pid >/dev/null || fail "Xwayland stays without clients"
}

test_life() {
    each_way check_life
}

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
    [ "$HOW" != direct ] || logo_reference
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
    X11_SCALE=1
    each_way check_toolkits
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

# states_of N: the window's _NET_WM_STATE, as xprop prints it.
states_of() {
    xprop -name "$1" _NET_WM_STATE
}

has_state() {
    [[ $(states_of "$1") = *$2* ]]
}

# Sway passes over a size that comes while it arranges windows.
sizes_itself() {
    tell "configure 1 0 0 $2 $3"
    in_tree "^$1\|.*\|$2x$3\|"
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
    for HOW in direct bridged; do
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
    for HOW in direct bridged; do
        nested_start "$HOW"
        check_outputs_gone
        x11_stop
        stop outer
    done
}

check_many() {
    local i before after
    windows_start
    # A hundred windows.
    for ((i = 1; i <= 100; i++)); do
        tell "create $i 0 0 200 100 #c81e5a" "title $i Window $i" "map $i"
    done
    shows '^Window 100\|'
    until_true 20 hundred_windows || fail "$(tree | wc -l) windows are shown, not 100"
    for ((i = 2; i <= 100; i++)); do
        tell "destroy $i"
    done
    gone '^Window 100\|'
    # Maps and unmaps leave nothing behind.
    for ((i = 1; i <= ${MAPS:-200}; i++)); do
        tell 'unmap 1' 'sync 0' 'map 1'
        ((i % 50 != 20)) || {
            tell "title 1 Round $i"
            shows "^Round $i\|"
            before=${before:-$(rss_kib "${PID[x11]}")}
        }
    done
    tell 'title 1 Last'
    shows '^Last\|'
    until_true 10 counters_small || fail "windows or answers are left: $(cat "$WORK/x11.counters")"
    after=$(rss_kib "${PID[x11]}")
    ((after < 6144 || WAYFERRY_SANITIZED)) || fail "wayferry-x11 takes $after KiB"
    ((after - before < 512 || WAYFERRY_SANITIZED)) || fail "wayferry-x11 grew from $before to $after KiB"
    ! grep -E 'memfd|shared|dri|dmabuf' "/proc/${PID[x11]}/maps" || fail "wayferry-x11 maps memory of windows"
    # Floods: properties of any size, titles, messages, requests for everything.
    tell 'flood 1 20000' 'bytes 1 _NET_WM_NAME 200000' 'bytes 1 WM_NORMAL_HINTS 1000' 'bytes 1 _NET_WM_STATE 70000' \
        'bytes 1 WM_PROTOCOLS 70000' 'words 1 _GTK_FRAME_EXTENTS -1 -1 -1 -1' 'words 1 _MOTIF_WM_HINTS 2 0 0' \
        'words 1 WM_TRANSIENT_FOR @1' 'words 1 WM_NORMAL_HINTS 4294967295 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1' \
        'words 1 _GTK_FRAME_EXTENTS 0 0 0 0' 'words 1 WM_NORMAL_HINTS 0 0'
    for i in WL_SURFACE_ID WL_SURFACE_SERIAL _NET_WM_STATE WM_CHANGE_STATE _NET_WM_MOVERESIZE _NET_ACTIVE_WINDOW \
        _NET_REQUEST_FRAME_EXTENTS WM_PROTOCOLS; do
        tell "message 2 $i -1 -1 -1 -1 -1" "message 1 $i 1 2 3 4 5"
    done
    # Dialogs of each other, and a menu of one that is not there yet.
    tell 'create 2 0 0 50 50 #1e5ac8' 'create 3 0 0 50 50 #1e5ac8' 'transient 2 3' 'transient 3 2' 'map 2' 'map 3' \
        'transient 2 3' 'create 4 0 0 50 50 #5ac81e override' 'transient 4 5' 'map 4' 'destroy 4' 'destroy 3' 'destroy 2'
    tell 'unmap 1' 'map 1' 'title 1 Survivor'
    shows '^Survivor\|'
    until_true 10 counters_small || fail "windows or answers are left: $(cat "$WORK/x11.counters")"
}

hundred_windows() {
    [ "$(tree | wc -l)" = 100 ]
}

counters_small() {
    x11_counters
    (($(x11_counter windows_now) <= 3 && $(x11_counter replies_awaited) == 0))
}

test_many() {
    WAYFERRY_SANITIZED=0
    [[ $WAYFERRY_BUILD = */asan ]] && WAYFERRY_SANITIZED=1
    each_way check_many
}

# A thousand of them.
test_many_maps() {
    MAPS=1000 test_many
}

# One X11 application, without a display of anybody's: wayferry-guest runs wayferry-x11, and that the application.
test_command() {
    sway_start host
    bridge_start_host host bridge
    spawn command env PATH="$WAYFERRY_BUILD/guest-proxy/x11:$PATH" "$WAYFERRY_BUILD/guest-proxy/wayferry-guest" \
        --vhost-user "$XDG_RUNTIME_DIR/bridge.gpu" --x11 -- sh -c 'xlogo; exit 7'
    shows '^xlogo\|.*XLogo\|'
    sway_message host '[title="xlogo"] kill' >/dev/null
    until_true 10 not alive "${PID[command]}" || fail "the command line does not end with its command"
    stop command
    [ "$STOP_STATUS" = 7 ] || fail "it ended with status $STOP_STATUS, not with the command's"
}

e2e_main "$@"
