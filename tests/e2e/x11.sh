#!/bin/bash
# X11 applications as windows: wayferry-x11 on sway itself (direct), and on wayferry-guest (bridged).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/x11-lib.sh"

tests=(windows:8 dialogs:6 sizes:8 popups:8 life:15 many:10 command:8)
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
