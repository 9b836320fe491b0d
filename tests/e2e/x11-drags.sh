#!/bin/bash
# Drags from and to X11 applications: wayferry-x11 on sway itself (direct), and on wayferry-guest (bridged).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/x11-lib.sh"

tests=(drags:8 drags-out:12 drags-files:10 drags-text:10 drags-move:12 drags-escape:8 drags-boundary:8 drags-icon:16 hostile:20)
full=(hostile-long:90)

# A Wayland client's drag, over an X window and back, and dropped there.
check_drags() {
    windows_start
    pointer_start
    tell 'create 1 0 0 300 200 #c81e5a' 'title 1 Target' 'words 1 XdndAware 5' 'map 1'
    shows '^Target\|'
    sway_message host '[title="Target"] move position 900 400' >/dev/null
    spawn drag env WAYLAND_DISPLAY=host "$WAYFERRY_CLIENTS/drag" 20000
    heard drag mapped
    until_true 10 move_drag 20,20 || fail "the Wayland client's window cannot be moved: $(tree)"
    point 'move 60 60'
    heard drag 'pointer enter .*'
    point 'button 272 1'
    heard drag 'drag started'
    point 'move 100 100' 'move 1000 450'
    told '1 drag enter'
    point 'move 1010 460'
    told '1 drag at .*'
    point 'move 600 700'
    told '1 drag leave'
    forget_told
    hush drag
    point 'move 1000 450'
    told '1 drag enter'
    point 'move 1020 470'
    told '1 drag at .*'
    heard drag 'source target application/.*'
    heard drag 'source action [12]'
    point 'button 272 0'
    told '1 drag drop'
    told '1 dropped 20000 bytes, 0 of them wrong'
    heard drag 'source finished'
}

test_drags() {
    each_way check_drags
}

pressed_on_source() {
    hush source target
    point 'move 60 60' 'sleep 50' 'button 272 1'
    heard source begins
    point 'move 70 70' 'move 90 90'
}

# What an X client drags: over a Wayland client (in the bridged run: the host's), over an X window, back, and away.
check_drags_out() {
    windows_start
    pointer_start
    spawn source "$WAYFERRY_CLIENTS/x11-drag" 20000
    shows '^Source\|'
    sway_message host '[title="Source"] move position 20 20' >/dev/null
    tell 'create 1 0 0 300 200 #1e5ac8' 'title 1 X' 'words 1 XdndAware 5' 'map 1'
    shows '^X\|'
    sway_message host '[title="^X$"] move position 20 450' >/dev/null
    spawn target env WAYLAND_DISPLAY=host "$WAYFERRY_CLIENTS/drag" 1
    heard target mapped
    until_true 10 move_target || fail "the Wayland client's window cannot be moved: $(tree)"
    # Onto the Wayland window, and dropped there: all of it is the same.
    pressed_on_source
    point 'move 800 300' 'move 810 310'
    heard target 'enter window .*'
    heard target 'offer type application/x-wayferry-drag'
    heard source 'accepted Copy'
    until_true 10 icon_shown || fail "the icon is not shown ($WORK/colours.png)"
    point 'sleep 50' 'button 272 0'
    heard source drops
    heard target 'received 20000 bytes, 0 of them wrong'
    heard source 'finished 1 Copy'
    colour_is '#ff8800' 0
    # Away over an X window, which is told like any target, onto the Wayland window, and back and dropped there.
    pressed_on_source
    forget_told
    point 'move 120 560' 'move 130 570'
    told '1 drag enter'
    heard source 'accepted Copy'
    point 'move 800 300'
    told '1 drag leave'
    heard target 'enter window .*'
    forget_told
    point 'move 120 560' 'move 140 580'
    heard target leave
    told '1 drag enter'
    told '1 drag at .*'
    point 'sleep 50' 'button 272 0'
    told '1 drag drop'
    told '1 dropped 20000 bytes, 0 of them wrong'
    heard source 'finished 1 Copy'
    # Where nobody wants it.
    pressed_on_source
    point 'move 480 400' 'sleep 50' 'button 272 0'
    heard source 'drops nothing'
    # Escape, and none of it is in the way of the next one, or of clicks.
    pressed_on_source
    point 'move 800 300'
    heard source 'accepted Copy'
    kill -USR1 "${PID[source]}"
    heard source escapes
    heard target leave
    point 'button 272 0'
    forget_told
    click 120 560
    told '1 button 1 at 100,110 root .*'
    told '1 release 1 at 100,110 root .*'
    pressed_on_source
    point 'move 800 300'
    heard source 'accepted Copy'
    point 'sleep 50' 'button 272 0'
    heard target 'received 20000 bytes, 0 of them wrong'
    heard source 'finished 1 Copy'
}

# The cursor may be on it.
icon_shown() {
    [[ $(colour_at '#ff8800') = 24x24+* ]]
}

test_drags_out() {
    each_way check_drags_out
}

# ---- an X source at 20,20, an X window at 20,450, and a Wayland client, source and target, at 600,0

# drags_start DISPLAY TYPE [Copy|Move [copy|move]]: the Wayland client is one of that display.
drags_start() {
    source_start "$2" "${3:-Copy}"
    targets_start "$1" "$2" ${4:+"$4"}
}

source_start() {
    spawn source "$WAYFERRY_CLIENTS/x11-drag" 20000 "$@"
    shows '^Source\|'
    sway_message host '[title="Source"] move position 20 20' >/dev/null
}

targets_start() {
    windows_start
    pointer_start
    tell 'create 1 0 0 300 200 #1e5ac8' 'title 1 X' 'words 1 XdndAware 5' 'map 1'
    shows '^X\|'
    sway_message host '[title="^X$"] move position 20 450' >/dev/null
    spawn target env WAYLAND_DISPLAY="$1" "$WAYFERRY_CLIENTS/drag" 20000 "${@:2}"
    heard target mapped
    until_true 10 move_target || fail "the Wayland client's window cannot be moved: $(tree)"
}

move_target() {
    move_drag 600,0
}

# A window that sway still arranges is put back where it was.
move_drag() {
    sway_message host "[title=\"^drag\$\"] move position ${1/,/ }" >/dev/null
    in_tree "^drag\|.*\|$1\|"
}

# The display that wayferry-x11 is a client of.
guest_display() {
    if [ "$HOW" = direct ]; then echo host; else echo "$BRIDGE"; fi
}

# The Wayland client's drag is over its own window.
pressed_on_target() {
    hush source target
    forget_told
    point 'move 700 200' 'sleep 50' 'button 272 1'
    heard target 'drag started'
    point 'move 720 220'
}

release() {
    point 'sleep 50' 'button 272 0'
}

# x_to_wayland ACTION, wayland_to_x ACTION NUMBER, x_to_x ACTION: what is dragged is dropped, and arrives whole.
x_to_wayland() {
    pressed_on_source
    point 'move 800 300' 'move 810 310'
    until_true 10 accepted_by_now "$1" || fail "the source was not told that it is accepted (log: $LOGS/source.log)"
    release
    heard target 'received 20000 bytes, 0 of them wrong'
    heard source "finished 1 $1"
}

# The drag may have begun after the last motion, and the compositor tells of it with the next.
accepted_by_now() {
    grep -qx "accepted $1" "$LOGS/source.log" || { point 'by 1 1' && return 1; }
}

wayland_to_x() {
    pressed_on_target
    point 'move 120 560' 'move 130 570'
    told "1 drag at .* $1"
    heard target "source action $2"
    release
    told '1 dropped 20000 bytes, 0 of them wrong'
    heard target 'source finished'
}

x_to_x() {
    pressed_on_source
    forget_told
    point 'move 120 560' 'move 130 570'
    heard source "accepted $1"
    told "1 drag at .* ${1,,}"
    release
    told '1 dropped 20000 bytes, 0 of them wrong'
    heard source "finished 1 $1"
}

# Files, within the guest: to a Wayland client of it, from it, and between X clients.
check_drags_files() {
    drags_start "$(guest_display)" text/uri-list
    x_to_wayland Copy
    wayland_to_x copy 1
    x_to_x Copy
}

test_drags_files() {
    each_way check_drags_files
}

# Texts, to and from the host's client.
check_drags_text() {
    drags_start host 'text/plain;charset=utf-8'
    x_to_wayland Copy
    wayland_to_x copy 1
    x_to_x Copy
}

test_drags_text() {
    each_way check_drags_text
}

# Moved: to and from the host's client, and not where the other one can only copy.
check_drags_move() {
    drags_start host application/x-wayferry-drag Move move
    x_to_wayland Move
    wayland_to_x move 2
    x_to_x Move
    stop target
    gone '^drag\|'
    spawn target env WAYLAND_DISPLAY=host "$WAYFERRY_CLIENTS/drag" 1 application/x-wayferry-drag copy
    shows '^drag\|'
    until_true 10 move_target || fail "the Wayland client's window cannot be moved: $(tree)"
    pressed_on_source
    point 'move 800 300' 'move 810 310'
    heard target 'enter window .*'
    release
    heard source 'drops nothing'
    ! grep -q accepted "$LOGS/source.log" || fail "a move was accepted by a client that only copies"
}

test_drags_move() {
    each_way check_drags_move
}

# Escape, over each of the others; and nothing is in the way of the next drag.
check_drags_escape() {
    drags_start host application/x-wayferry-drag
    # The X client's: over an X window, and over the host's, left and come back to.
    pressed_on_source
    forget_told
    point 'move 120 560' 'move 130 570'
    heard source 'accepted Copy'
    kill -USR1 "${PID[source]}"
    heard source escapes
    told '1 drag leave'
    point 'button 272 0'
    pressed_on_source
    point 'move 800 300'
    heard source 'accepted Copy'
    point 'move 480 400'
    heard target leave
    hush target
    point 'move 800 300' 'move 810 310'
    heard target 'enter window .*'
    kill -USR1 "${PID[source]}"
    heard source escapes
    heard target leave
    point 'button 272 0'
    # The Wayland client's, over an X window.
    pressed_on_target
    point 'move 120 560' 'move 130 570'
    told '1 drag at .*'
    kill -USR1 "${PID[target]}"
    heard target 'source escaped'
    told '1 drag leave'
    point 'button 272 0'
    ! grep -q '^1 drag drop' "$LOGS/windows.log" || fail "what was given up was dropped"
    ! grep -qE '^source (send|dropped)' "$LOGS/target.log" || fail "what was given up was given"
    x_to_wayland Copy
    wayland_to_x copy 1
}

test_drags_escape() {
    each_way check_drags_escape
}

# Lists of files stay on their side: what is offered beside them crosses.
test_drags_boundary() {
    HOW=bridged
    x11_start bridged
    drags_start host text/uri-list
    pressed_on_source
    point 'move 800 300' 'move 810 310'
    heard target 'offer type text/plain.*'
    ! grep -q 'offer type text/uri-list' "$LOGS/target.log" || fail "the host is offered a list of files"
    release
    heard source 'drops nothing'
    pressed_on_target
    point 'move 120 560' 'move 130 570'
    told '1 drag at .*'
    release
    # The text "drag": the X window takes a better type where it is offered one.
    told '1 dropped 4 bytes, .*'
    heard target 'source send text/plain.*'
    ! grep -q 'source send text/uri-list' "$LOGS/target.log" || fail "the guest got a list of files"
    x11_stop
}

# icon_at X Y: it belongs there from the pointer, by what the compositor was told since the drag began. (Sway 1.7 shows
# it at the pointer, wherever it belongs.)
icon_at() {
    [ "$(icon_place)" = "$1 $2" ]
}

icon_place() {
    awk '/up  -> wl_data_device@.*start_drag/ { split($0, args, /, |[()]/); icon = args[4]; x = y = 0 }
        icon && index($0, "up  -> " icon ".attach(") { split($0, args, /, |[()]/); x += args[3]; y += args[4] }
        END { print x, y }' "$LOGS/x11.log"
}

# The icon is where the client has it beside the pointer, also if it draws and moves it when the drag is under way.
check_drags_icon() {
    source_start application/x-wayferry-drag Copy ${LATE:+"$LATE"}
    targets_start host application/x-wayferry-drag
    pressed_on_source
    point 'move 800 300' 'move 810 310'
    until_true 10 accepted_by_now Copy || fail "the source was not told that it is accepted (log: $LOGS/source.log)"
    until_true 10 icon_shown || fail "the icon is not shown ($WORK/colours.png)"
    until_true 10 icon_at 16 16 || fail "the icon is at $(icon_place) of the pointer"
    # X windows are told where the pointer is by us, which moves it in X; that is no place of the icon's.
    forget_told
    point 'move 120 560' 'move 130 570'
    told '1 drag at .*'
    point 'move 800 300' 'move 840 340'
    until_true 10 accepted_by_now Copy || fail "the source was not told that it is accepted (log: $LOGS/source.log)"
    until_true 10 icon_at 16 16 || fail "the icon is at $(icon_place) of the pointer"
    release
    heard target 'received 20000 bytes, 0 of them wrong'
    heard source 'finished 1 Copy'
}

test_drags_icon() {
    X11_OPTIONS='--trace x11'
    each_way check_drags_icon
    LATE=late each_way check_drags_icon
}

# ---- an X client that does anything, while the user presses, drags and releases on it and on others

# hostile_storm SEED: until it has done all that.
hostile_storm() {
    : >"$LOGS/hostile.log"
    spawn hostile "$WAYFERRY_CLIENTS/x11-hostile" "$1" "${DEEDS:-4000}"
    shows '^Hostile\|'
    sway_message host '[title="Hostile"] move position 20 20' >/dev/null
    kill -USR1 "${PID[hostile]}"
    until grep -q '^done' "$LOGS/hostile.log"; do
        alive "${PID[x11]}" || fail "wayferry-x11 ended (log: $LOGS/x11.log)"
        alive "${PID[hostile]}" || grep -q '^done' "$LOGS/hostile.log" || fail "the hostile client ended (log: $LOGS/hostile.log)"
        point 'move 60 60' 'button 272 1' 'move 80 90' 'move 800 300' 'move 820 320' 'move 120 560' 'button 272 0' \
            'move 640 360' 'button 272 1' 'move 800 310' 'move 100 550' 'move 820 300' 'button 272 0'
        sleep 0.4
    done
    [ "$(cat "$LOGS/hostile.log")" = "mapped
done ${DEEDS:-4000}" ] || fail "the hostile client did not come to its end (log: $LOGS/hostile.log)"
    stop hostile
}

# x11_is_small: nothing is left of it but the windows that others have, and no request waits.
x11_is_small() {
    x11_counters
    (($(x11_counter windows_now) <= 5 && $(x11_counter replies_awaited) == 0))
}

x11_ticks() {
    awk '{ print $14 + $15 }' "/proc/${PID[x11]}/stat"
}

# x11_rests: less than a tenth of a processor in a second.
x11_rests() {
    local before
    before=$(x11_ticks)
    sleep 1
    (($(x11_ticks) - before < 10))
}

check_hostile() {
    local seed server
    targets_start host application/x-wayferry-drag
    server=$(pgrep -P "${PID[x11]}" Xwayland)
    for seed in ${SEEDS:-1 2}; do
        hostile_storm "$seed"
    done
    gone '^Hostile'
    until_true 20 x11_is_small || fail "something is left of the hostile client: $(cat "$WORK/x11.counters")"
    until_true 10 x11_rests || fail "wayferry-x11 does not rest"
    [[ $WAYFERRY_BUILD = */asan ]] || (($(rss_kib "${PID[x11]}") < 16384)) ||
        fail "wayferry-x11 takes $(rss_kib "${PID[x11]}") KiB"
    [ "$(pgrep -P "${PID[x11]}" Xwayland)" = "$server" ] || fail "Xwayland ended"
    # A pointer that does nothing late, and a drag like any other.
    stop pointer
    pointer_start
    source_start application/x-wayferry-drag
    x_to_wayland Copy
}

test_hostile() {
    each_way check_hostile
}

test_hostile_long() {
    DEEDS=40000 SEEDS='3 4 5' test_hostile
}

e2e_main "$@"
