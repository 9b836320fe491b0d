#!/bin/bash
# What a button held or pressed sets going: drag and drop between two clients, and menus that take the input. What
# the clients are told is the same, bridged and direct.
. "$(dirname "$0")/lib.sh"

tests=(drag-guest-to-guest:9 drag-guest-to-host:9 drag-host-to-guest:9 drag-ask:5 drag-deny:4 menus:14)

DRAGGED_BYTES=3000000
ICON='#ff8800'

# ---- a pointer that is told what to do next when what it did before has had its effect

pointer_start() {
    mkfifo "$WORK/pointer.$1"
    spawn pointer sh -c 'exec env WAYLAND_DISPLAY=host "$1" --size "$2" <"$3"' sh \
        "$WAYFERRY_CLIENTS/virtual-pointer" "$SIZE" "$WORK/pointer.$1"
    exec {POINTER}>"$WORK/pointer.$1"
}

pointer_end() {
    exec {POINTER}>&-
    stop pointer
}

# pointer COMMANDS CLIENT LINE: moves it, then waits for a line in the client's log that starts so.
pointer() {
    local log=$LOGS/$RUN-$2.log from
    from=$(wc -l <"$log")
    printf '%b\n' "$1" >&"$POINTER"
    until_true 20 has_since "$log" "$from" "$3" || fail "$RUN: no \"$3\" in $log after \"$1\""
}

has_since() {
    tail -n "+$(($2 + 1))" "$1" | grep -q "^$3"
}

# client NAME DISPLAY PROGRAM ARGUMENT...: starts one and waits for its window.
client() {
    local name=$1 log=$LOGS/$RUN-$1.log
    : >"$log"
    spawn "$RUN-$name" env WAYLAND_DISPLAY="$2" "$WAYFERRY_CLIENTS/$3" "${@:4}"
    until_true 20 grep -qx mapped "$log" || fail "$RUN: the window of $name is not shown"
    screen_settle host "$WORK/$RUN-$name.png" || fail "$RUN: the windows find no place"
}

clients_end() {
    local name
    for name; do
        alive "${PID[$RUN-$name]}" || fail "$name ended (log: $LOGS/$RUN-$name.log)"
        stop "$RUN-$name"
    done
}

# What clients were told until now is of no interest: windows find their places, and the pointer is under them.
from_now_on() {
    local name
    for name; do
        cp "$LOGS/$RUN-$name.log" "$WORK/$RUN-$name.before"
    done
}

same_events() {
    local name run
    bridged_alone && return
    for name; do
        for run in direct bridged; do
            tail -n "+$(($(wc -l <"$WORK/$run-$name.before") + 1))" "$LOGS/$run-$name.log" >"$LOGS/$run-$name.events"
        done
        diff -u "$LOGS/direct-$name.events" "$LOGS/bridged-$name.events" || fail "$name is told something else"
        say "$name: $(wc -l <"$LOGS/direct-$name.events") events are the same"
    done
}

# ---- drag and drop: the left window's contents are dropped on the right one

# drag_run RUN DISPLAY DISPLAY: the displays of the left and the right one; "guest" is the bridge's.
drag_run() {
    local left=$2 right=$3
    RUN=$1
    sway_start host
    if [[ "$left $right" = *guest* ]]; then
        bridge_start host
        left=${left/guest/$BRIDGE} right=${right/guest/$BRIDGE}
    fi
    pointer_start "$RUN"
    client left "$left" drag "$DRAGGED_BYTES"
    client right "$right" drag 1
    drag_and_drop
    pointer_end
    clients_end left right
    [[ "$2 $3" = *guest* ]] && bridge_stop
    stop host
}

drag_and_drop() {
    pointer 'move 150 120' left 'pointer'
    from_now_on left right
    # Over the window itself, over the other one, back, and over the other one again; there it is dropped.
    pointer 'button 272 1' left 'drag started'
    pointer 'move 200 150' left 'motion 200'
    pointer 'move 700 200' right 'offer action 2'
    pointer 'move 800 300' right 'motion'
    picture_of_icon
    pointer 'move 300 300' left 'offer action 2'
    pointer 'move 900 400' right 'offer action 2'
    pointer 'button 272 0' left 'source finished'
    grep -qx "received $DRAGGED_BYTES bytes, 0 of them wrong" "$LOGS/$RUN-right.log" || fail "$RUN: other bytes arrive"
    # And back: nothing of the first drag is left in the way.
    pointer 'move 1000 500' right 'pointer enter window'
    pointer 'button 272 1' right 'drag started'
    pointer 'move 200 200' left 'offer action 2'
    pointer 'button 272 0' right 'source finished'
    grep -qx "received 1 bytes, 0 of them wrong" "$LOGS/$RUN-left.log" || fail "$RUN: other bytes arrive back"
}

# The icon hangs at the pointer.
picture_of_icon() {
    until_true 10 shows_icon || fail "$RUN: there is no icon at the pointer"
    cp "$WORK/icon.png" "$LOGS/$RUN-icon.png"
}

shows_icon() {
    shot host "$WORK/icon.png" && (($(pixels_of "$WORK/icon.png" "$ICON") > 800))     # and a pointer
}

drag_same() {
    bridged_alone || drag_run direct host host
    drag_run bridged "$1" "$2"
    same_events left right
    bridged_alone || same "$LOGS/direct-icon.png" "$LOGS/bridged-icon.png" || fail "the pictures with the icon differ"
}

# A drag out and one in, each with a question that is answered at once.
test_drag_ask() {
    cat >"$WORK/ask" <<END
#!/bin/sh
echo "\$WAYFERRY_DIRECTION \$WAYFERRY_KIND \$1" >>"$WORK/asked"
END
    chmod 755 "$WORK/ask"
    printf '%s\n' "ask-program = $WORK/ask" '[drags]' 'to-host = ask' 'to-guest = ask' >"$WORK/ask.conf"
    HOST_OPTIONS="--config $WORK/ask.conf --vm box" drag_run bridged guest host
    grep -q '^to-host drags .* of the drag of the machine box' "$WORK/asked" || fail "nobody is asked about what leaves"
    grep -q "^to-guest drags .* of this desktop's drag" "$WORK/asked" || fail "nobody is asked about what enters"
}

# Neither in nor out: what is dragged in the machine ends at once, of what comes from the host there are no types, and no contents.
test_drag_deny() {
    printf '%s\n' '[drags]' 'to-host = deny' 'to-guest = deny' >"$WORK/deny.conf"
    RUN=bridged
    sway_start host
    HOST_OPTIONS="--config $WORK/deny.conf" bridge_start host
    pointer_start bridged
    client left "$BRIDGE" drag 1000
    client right host drag 1000
    pointer 'move 150 120' left 'pointer'
    pointer 'button 272 1' left 'source cancelled'
    pointer 'button 272 0\nmove 1000 500' right 'pointer enter window'
    grep -q '^offer' "$LOGS/bridged-right.log" && fail "a drag leaves the machine"
    from_now_on left
    pointer 'button 272 1' right 'drag started'
    pointer 'move 200 200' right 'leave'
    pointer 'button 272 0' right 'source cancelled'
    pointer 'move 210 210' left 'pointer'
    tail -n "+$(($(wc -l <"$WORK/bridged-left.before") + 1))" "$LOGS/bridged-left.log" | grep -E '^(offer type|drop|received)' &&
        fail "a drag enters the machine"
    pointer_end
    clients_end left right
    bridge_stop
    stop host
}

test_drag_guest_to_guest() { drag_same guest guest; }
test_drag_guest_to_host() { drag_same guest host; }
test_drag_host_to_guest() { drag_same host guest; }

# ---- menus

menus_run() {
    local display=host
    RUN=$1
    # Around a floating window is nothing that belongs to it, so a click there is one outside.
    SWAY_CONFIG='for_window [app_id="menu"] floating enable' sway_start host
    if [ "$RUN" = bridged ]; then
        bridge_start host
        display=$BRIDGE
    fi
    pointer_start "$RUN"
    client menu "$display" menu
    menus_open_and_close
    pointer_end
    clients_end menu
    [ "$RUN" = bridged ] && bridge_stop
    stop host
}

menus_open_and_close() {
    # The window is in the middle: its corner is at 190,60. A menu is closed by a click outside of all windows.
    pointer 'move 300 200' menu 'pointer enter 0'
    from_now_on menu
    pointer 'button 273 1' menu 'menu 1 mapped'
    pointer 'button 273 0\nmove 1200 690' menu 'pointer leave'
    pointer 'button 272 1\nbutton 272 0' menu 'menu 1 closed'
    # So are two at once.
    pointer 'move 400 300' menu 'pointer enter 0'
    pointer 'button 273 1' menu 'menu 1 mapped'
    pointer 'button 273 0\nmove 450 350' menu 'pointer enter 1'
    pointer 'button 273 1' menu 'menu 2 mapped'
    pointer 'button 273 0\nmove 500 400' menu 'pointer enter 2'
    screen_settle host "$LOGS/$RUN-menus.png" || fail "$RUN: no picture of the menus"
    pointer 'move 1200 690' menu 'pointer leave'
    pointer 'button 272 1\nbutton 272 0' menu 'menu 1 closed'
    # One that does not fit where it was asked for; and each can be closed by a click on it.
    pointer 'move 1080 650' menu 'pointer enter 0'
    pointer 'button 273 1' menu 'menu 1 mapped'
    screen_settle host "$LOGS/$RUN-corner.png" || fail "$RUN: no picture of the menu"
    pointer 'button 273 0\nmove 1000 620' menu 'pointer enter 1'
    pointer 'button 273 1' menu 'menu 2 mapped'
    pointer 'button 273 0\nmove 1100 640' menu 'pointer enter 2'
    pointer 'button 272 1\nbutton 272 0' menu 'menu 2 closed'
    pointer 'move 950 640' menu 'pointer enter 1'
    pointer 'button 272 1\nbutton 272 0' menu 'menu 1 closed'
}

test_menus() {
    local picture
    bridged_alone || menus_run direct
    menus_run bridged
    bridged_alone && return
    same_events menu
    for picture in menus corner; do
        same "$LOGS/direct-$picture.png" "$LOGS/bridged-$picture.png" || fail "the pictures differ ($picture)"
    done
}

e2e_main "$@"
