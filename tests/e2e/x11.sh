#!/bin/bash
# X11 applications as windows: wayferry-x11 on sway itself (direct), and on wayferry-guest (bridged).
. "$(dirname "$0")/lib.sh"

tests=(windows:90 applications:120 popups:90 focus:90 life:60)

# each_way FUNCTION: runs it with wayferry-x11 direct and bridged.
each_way() {
    local how
    for how in direct bridged; do
        HOW=$how
        x11_start "$how"
        "$1"
        x11_stop
    done
}

# x11_start direct|bridged: a sway whose windows float, the bridge if it is wanted, wayferry-x11; sets DISPLAY.
x11_start() {
    local display=host
    need Xwayland xprop xwininfo swaymsg
    SWAY_CONFIG="for_window [title=\".*\"] floating enable
${X11_SWAY_CONFIG:-}" sway_start host
    if [ "$1" = bridged ]; then
        bridge_start host
        display=$BRIDGE
    fi
    x11_serve "$display"
}

x11_serve() {
    rm -f "$LOGS/x11.log"
    # shellcheck disable=SC2086
    spawn x11 env WAYLAND_DISPLAY="$1" "$WAYFERRY_BUILD/guest-proxy/x11/wayferry-x11" --log-level debug \
        ${X11_OPTIONS:-}
    until_true 10 grep -q 'display :' "$LOGS/x11.log" || fail "wayferry-x11 has no display (log: $LOGS/x11.log)"
    DISPLAY=$(sed -n 's/.*x11: display //p' "$LOGS/x11.log")
    export DISPLAY
}

x11_stop() {
    local name
    exec 7>&-
    for name in "${!PID[@]}"; do
        case $name in host | bridge-* | x11) ;; *) stop "$name" ;; esac
    done
    alive "${PID[x11]}" || fail "wayferry-x11 ended by itself (log: $LOGS/x11.log)"
    stop x11 || fail "wayferry-x11 ignored SIGTERM"
    [ "$STOP_STATUS" = 0 ] || fail "wayferry-x11 ended with status $STOP_STATUS (log: $LOGS/x11.log)"
    [ ! -e "/tmp/.X${DISPLAY#:}-lock" ] || fail "the display's lock is left"
    unset DISPLAY
    cp "$LOGS/x11.log" "$LOGS/x11-$HOW.log"
    [ "$HOW" = direct ] || bridge_stop
    sanitizers_silent
    stop host
}

# ---- tests/clients/x11-window

# windows_start [NAME]: a client that reads the commands of tell; one more with another name and fd.
windows_start() {
    rm -f "$WORK/commands"
    mkfifo "$WORK/commands"
    : >"$LOGS/windows.log"
    spawn_reading windows "$WORK/commands" "$WAYFERRY_CLIENTS/x11-window"
    exec 7>"$WORK/commands"
    told connected
}

# spawn_reading NAME FILE COMMAND...: as spawn, with standard input.
spawn_reading() {
    local name=$1 file=$2
    shift 2
    setsid "$@" >>"$LOGS/$name.log" 2>&1 <"$file" &
    PID[$name]=$!
}

tell() {
    printf '%s\n' "$@" >&7
}

# told PATTERN: waits for a line of its log that matches, from here on in each.
told() {
    until_true 10 grep -qE "^$1\$" "$LOGS/windows.log" || fail "the X client was not told: $1 (log: $LOGS/windows.log)"
}

forget_told() {
    : >"$LOGS/windows.log"
}

never_told() {
    sleep 0.5
    ! grep -qE "^$1\$" "$LOGS/windows.log" || fail "the X client was told: $1"
}

# ---- what sway has

# Prints a line for each window: title|app id|X,Y|WxH|focused|urgent|fullscreen|floating
tree() {
    sway_message host -t get_tree | python3 -c '
import json, sys
def walk(node):
    if node.get("pid"):
        box = node["rect"]
        print(node["name"], node["app_id"], "%d,%d" % (box["x"], box["y"]), "%dx%d" % (box["width"], box["height"]),
            *("focused" if node["focused"] else "", "urgent" if node["urgent"] else "",
                "fullscreen" if node["fullscreen_mode"] else "", node["type"]), sep="|")
    for child in node["nodes"] + node["floating_nodes"]:
        walk(child)
walk(json.load(sys.stdin))'
}

in_tree() {
    tree | grep -qE "$1"
}

shows() {
    until_true 10 in_tree "$1" || fail "no window $1 but: $(tree)"
}

gone() {
    until_true 10 not in_tree "$1" || fail "window $1 is still there"
}

# colour_is COLOUR PIXELS: waits until the screen has so many pixels of it.
colour_is() {
    until_true 10 has_pixels "$@" || fail "$(pixels_of "$WORK/colours.png" "$1") pixels of $1, not $2 ($WORK/colours.png)"
}

has_pixels() {
    shot host "$WORK/colours.png" && [ "$(pixels_of "$WORK/colours.png" "$1")" = "$2" ]
}

# colour_at COLOUR: prints the box of the pixels that have it, WxH+X+Y.
colour_at() {
    shot host "$WORK/colours.png"
    convert "$WORK/colours.png" -alpha off -fill black +opaque "$1" -fill white -opaque "$1" -bordercolor black -border 1 \
        -trim -format '%wx%h+%[fx:page.x-1]+%[fx:page.y-1]' info:
}

colour_is_at() {
    until_true 10 colour_at_equals "$1" "$2" || fail "$1 is at $(colour_at "$1"), not at $2"
}

colour_at_equals() {
    [ "$(colour_at "$1")" = "$2" ]
}

# A pointer and a keyboard that stay: commands of virtual-pointer by way of point.
pointer_start() {
    rm -f "$WORK/points"
    mkfifo "$WORK/points"
    WAYLAND_DISPLAY=host spawn_reading pointer "$WORK/points" "$WAYFERRY_CLIENTS/virtual-pointer" --size "$SIZE"
    exec 8>"$WORK/points"
    sleep 0.3
}

point() {
    printf '%s\n' "$@" 'sleep 30' >&8
}

click() {
    point "move $1 $2" 'sleep 100' 'button 272 1' 'sleep 50' 'button 272 0'
}

# ---- the tests

check_windows() {
    windows_start
    tell 'create 1 100 80 300 200 #c81e5a' 'title 1 First' 'class 1 instance' 'atoms 1 WM_PROTOCOLS WM_DELETE_WINDOW' 'map 1'
    shows '^First\|.*instance\|.*\|300x200\|focused\|'
    colour_is '#c81e5a' 60000
    tell 'title 1 Zweiter ä€'
    shows '^Zweiter ä€\|'
    tell 'configure 1 100 80 320 240'
    shows '\|320x240\|'
    colour_is '#c81e5a' 76800
    sway_message host '[title="Zweiter"] resize set 500 300' >/dev/null
    told '1 configure .* 500x300'
    colour_is '#c81e5a' 150000
    tell 'create 2 0 0 200 100 #1e5ac8' 'title 2 Dialog' 'transient 2 1' 'words 2 WM_NORMAL_HINTS 48 0 0 0 0 200 100 200 100' 'map 2'
    shows '^Dialog\|.*\|200x100\|'
    sway_message host '[title="Zweiter"] kill' >/dev/null
    told '1 message WM_DELETE_WINDOW'
    shows '^Zweiter'
    tell 'destroy 1'
    gone '^Zweiter'
    sway_message host '[title="Dialog"] kill' >/dev/null
    gone '^Dialog'
    until_true 10 not alive "${PID[windows]}" || fail "a client without WM_DELETE_WINDOW was not ended"
}

test_windows() {
    each_way check_windows
}

# application TITLE COMMAND...: its window is shown, and the picture is the direct run's.
application() {
    local title=$1
    shift
    need "$1"
    rm -rf "$HOME"
    mkdir -p "$HOME"
    spawn application "$@"
    shows "$title"
    sleep 1
    sway_message host "[title=\".*\"] move position 20 20" >/dev/null
    if [ "$HOW" = direct ]; then
        rm -f "$LOGS/$1.png"
        screen_settle host "$LOGS/$1.png" 20 || fail "$1 did not settle"
    else
        screen_becomes host "$LOGS/$1.png" "$LOGS/$1-bridged.png" 20 || fail "$1 differs from the direct run"
    fi
    stop application
    gone "$title"
}

check_applications() {
    application '^xlogo\|.*XLogo\|' xlogo -geometry 300x300
    application '^xmessage\|.*Xmessage\|' xmessage -timeout 0 'Hello from X'
    application '\|.*[gG]tk3-icon-browser\|' gtk3-icon-browser
    application '^terminal\|.*XTerm\|' xterm -xrm '*cursorBlink: false' -T terminal -e sh -c 'echo hello; exec sleep 60'
}

test_applications() {
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
    sway_message host '[title="First"] focus' >/dev/null
    told '2 focus out'
    told '1 focus in'
    # Raising, mapping again and activating itself gives a window nothing.
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
    shows '^xmessage\|'
    sway_message host '[title="First"] focus' >/dev/null
    sleep 0.3
    xdotool search --name '^xmessage$' windowfocus
    sleep 0.5
    [ "$(xdotool getwindowfocus)" = "$(cat "$WORK/before")" ] || fail "a client took X's focus"
    kill $other
    # A window that wants no input is told to take the focus itself.
    tell 'create 3 0 0 100 100 #5ac81e' 'title 3 Third' 'words 3 WM_HINTS 1 0' 'atoms 3 WM_PROTOCOLS WM_TAKE_FOCUS' 'map 3'
    told '3 message WM_TAKE_FOCUS'
    never_told '3 focus in'
    # X has no focus when no X window has it.
    tell 'destroy 1' 'destroy 2' 'destroy 3'
    until_true 5 no_focus || fail "X's focus is still at $(xdotool getwindowfocus)"
}

no_focus() {
    [[ $(xprop -root _NET_ACTIVE_WINDOW) = *' 0x0' ]] && ! xdotool getwindowfocus >/dev/null 2>&1
}

test_focus() {
    each_way check_focus
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

e2e_main "$@"
