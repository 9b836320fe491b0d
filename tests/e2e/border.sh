#!/bin/bash
# The border around a machine's windows: pictures of it, exact to the pixel, with what clients are told beside it.
. "$(dirname "$0")/lib.sh"

tests=(sway:8 fullscreen:7 weston:4 inside:7 places:5 label:8)
full=(picture:12 picture-filled:8)

BORDER='#cc0000'
WINDOW='#00aa00' POPUP='#0000ff' DIALOG='#ffff00' COVER='#ff00ff'      # of tests/clients/framed

# ---- a client that does what it is told

# framed_start WIDTH HEIGHT
framed_start() {
    mkfifo "$WORK/commands"
    : >"$LOGS/framed.log"
    # shellcheck disable=SC2016
    spawn framed sh -c 'exec env WAYLAND_DISPLAY="$1" "$2" "$3" "$4" <"$5"' sh \
        "$BRIDGE" "$WAYFERRY_CLIENTS/framed" "$1" "$2" "$WORK/commands"
    exec {COMMANDS}>"$WORK/commands"
}

framed_end() {
    alive "${PID[framed]}" || fail "the client ended (log: $LOGS/framed.log)"
    exec {COMMANDS}>&-
    stop framed
    rm "$WORK/commands"
}

tell() {
    echo "$*" >&"$COMMANDS"
}

# heard LINE: waits until the client has been told this, in its last line of that kind.
heard() {
    until_true 20 last_is "$1" || fail "the client was not told \"$1\" (log: $LOGS/framed.log)"
}

last_is() {
    [ "$(grep "^${1%% *} " "$LOGS/framed.log" | tail -n 1)" = "$1" ]
}

# ---- pictures

# shows NAME [COLOUR LEFT TOP WIDTH HEIGHT]...: waits until the screen shows these rectangles, and nothing else.
shows() {
    local name=$1 drawing=()
    shift
    while (($#)); do
        drawing+=(-fill "$1" -draw "rectangle $2,$3 $(($2 + $4 - 1)),$(($3 + $5 - 1))")
        shift 5
    done
    convert "$WORK/host.empty.png" "${drawing[@]}" -alpha off "png24:$LOGS/$name.expected.png"
    screen_becomes host "$LOGS/$name.expected.png" "$LOGS/$name.png" 20 || fail "the picture is another one ($name)"
}

# ---- sway: windows that float, are tiled, or have the whole screen

floating_sway() {
    SWAY_CONFIG='for_window [app_id="framed.*"] floating enable' sway_start host
}

test_sway() {
    floating_sway
    HOST_OPTIONS="--border $BORDER" bridge_start host
    framed_start 300 200
    shows window "$BORDER" 486 256 308 208 "$WINDOW" 490 260 300 200
    tell size 400 100
    shows larger "$BORDER" 486 256 408 108 "$WINDOW" 490 260 400 100
    sway_message host '[app_id=framed] resize set 500 400, move position 100 100' >/dev/null
    heard 'configure 492 392 4'
    shows resized "$BORDER" 100 100 500 400 "$WINDOW" 104 104 492 392
    sway_message host '[app_id=framed] move position 1001 -37' >/dev/null
    shows outside "$BORDER" 1001 -37 500 400 "$WINDOW" 1005 -33 492 392
    sway_message host '[app_id=framed] move position 100 100' >/dev/null
    popups_have_borders
    guests_do_not_cover_it
    tell dialog 200 100
    shows dialog "$BORDER" 84 84 532 432 "$WINDOW" 104 104 492 392 "$BORDER" 536 306 208 108 "$DIALOG" 540 310 200 100
    tell close
    sway_message host '[app_id=framed] floating disable' >/dev/null
    heard 'configure 1272 712 4 1'
    shows tiled "$BORDER" 0 0 1280 720 "$WINDOW" 4 4 1272 712
    framed_end
    bridge_stop
}

popups_have_borders() {
    tell popup 100 50 120 80
    heard 'popup 100 50 120 80'
    local popup=("$BORDER" 100 100 500 400 "$WINDOW" 104 104 492 392
        "$BORDER" 200 150 128 88 "$POPUP" 204 154 120 80)
    shows popup "${popup[@]}"
    tell submenu 119 10 100 100
    heard 'popup 119 10 100 100'
    shows submenu "${popup[@]}" "$BORDER" 319 160 108 108 "$POPUP" 323 164 100 100
    tell close
    tell close
    shows closed "$BORDER" 100 100 500 400 "$WINDOW" 104 104 492 392
}

guests_do_not_cover_it() {
    tell cover -4 -4 500 400        # larger than the window: not shown at all
    tell cover 480 -20 100 100      # moved inside
    shows covered "$BORDER" 100 100 500 400 "$WINDOW" 104 104 492 392 "$COVER" 496 104 100 100
    tell close
    tell close
    tell shadow 20                  # what is outside of the geometry is below the border
    shows shadow "$BORDER" 84 84 532 432 "$WINDOW" 104 104 492 392
}

test_fullscreen() {
    local mode
    floating_sway
    for mode in border allow deny; do
        HOST_OPTIONS="--border $BORDER --fullscreen $mode" bridge_start host
        framed_start 300 200
        shows window "$BORDER" 486 256 308 208 "$WINDOW" 490 260 300 200
        tell fullscreen
        fullscreen_"$mode"
        framed_end
        bridge_stop
    done
}

fullscreen_border() {
    heard 'configure 1272 712 2 4'
    shows fullscreen "$BORDER" 0 0 1280 720 "$WINDOW" 4 4 1272 712
    tell unfullscreen
    shows back "$BORDER" 486 256 308 208 "$WINDOW" 490 260 300 200
}

fullscreen_allow() {
    heard 'configure 1280 720 2 4'
    shows fullscreen "$WINDOW" 0 0 1280 720
    # A client that does not answer when that ends does not get rid of its border.
    kill -STOP "${PID[framed]}"
    sway_message host '[app_id=framed] fullscreen disable' >/dev/null
    until_true 20 shows_border || fail "there is no border around a client that does not answer"
    kill -CONT "${PID[framed]}"
    shows back "$BORDER" 486 256 308 208 "$WINDOW" 490 260 300 200
}

shows_border() {
    shot host "$LOGS/stopped.png" && (($(pixels_of "$LOGS/stopped.png" "$BORDER") > 2000))
}

fullscreen_deny() {
    until_true 20 told_twice 'configure 300 200 4' || fail "the client got no answer (log: $LOGS/framed.log)"
    shows denied "$BORDER" 486 256 308 208 "$WINDOW" 490 260 300 200
    sway_message host '[app_id=framed] fullscreen enable' >/dev/null       # the user may
    shows users "$BORDER" 0 0 1280 720 "$WINDOW" 4 4 1272 712
}

told_twice() {
    (($(grep -cx "$1" "$LOGS/framed.log") >= 2))
}

test_weston() {
    weston_start host
    HOST_OPTIONS="--border $BORDER,10" bridge_start host
    framed_start 300 200
    tell maximize
    heard 'configure 1260 700 1'
    shows maximized "$BORDER" 0 0 1280 720 "$WINDOW" 10 10 1260 700
    tell popup 100 50 120 80
    heard 'popup 100 50 120 80'
    shows popup "$BORDER" 0 0 1280 720 "$WINDOW" 10 10 1260 700 "$BORDER" 100 50 140 100 "$POPUP" 110 60 120 80
    tell close
    shows closed "$BORDER" 0 0 1280 720 "$WINDOW" 10 10 1260 700
    framed_end
    bridge_stop
}

# ---- places and sizes: the guest's are those without the border, the compositor's those with it

# told FILE PATTERN: a line of that log.
told() {
    until_true 20 grep -qE "$2" "$1" || fail "no \"$2\" (log: $1)"
}

test_places() {
    local log=$LOGS/client.log
    sway_start host
    HOST_OPTIONS="--border $BORDER,10 --trace host" bridge_start host
    mkfifo "$WORK/points"
    WAYLAND_DISPLAY=host spawn_reading pointer "$WORK/points" "$WAYFERRY_CLIENTS/virtual-pointer" --size "$SIZE"
    exec {POINTER}>"$WORK/points"
    : >"$log"
    spawn client env WAYLAND_DISPLAY="$BRIDGE" "$WAYFERRY_CLIENTS/event-log"
    told "$log" '^mapped$'
    echo 'move 100 200' >&"$POINTER"
    told "$log" '^pointer (enter window|motion) 90.000 190.000$'
    # The border is nobody's: a click there reaches no guest.
    printf '%s\n' 'move 5 300' 'button 272 1' 'button 272 0' 'move 10 10' 'button 273 1' 'button 273 0' >&"$POINTER"
    told "$log" '^pointer leave window$'
    told "$log" '^pointer button 273 0$'
    grep -q '^pointer button 272' "$log" && fail "a click on the border reaches the guest"
    exec {POINTER}>&-
    stop pointer
    stop client
    framed_start 300 200
    tell limits 200 100 300 150
    told "$LOGS/bridge-host.log" 'up  -> xdg_toplevel@[0-9]+\.set_min_size\(220, 120\)'
    told "$LOGS/bridge-host.log" 'up  -> xdg_toplevel@[0-9]+\.set_max_size\(320, 170\)'
    framed_end
    bridge_stop
}

# ---- the label

# Its picture is scaled, so the compositor must show every dot of it as it is.
test_label() {
    floating_sway
    HOST_OPTIONS="--vm work --border $BORDER,10 --border-label %m" bridge_start host
    framed_start 300 200
    shows_labelled window 1 "$BORDER" 480 250 320 220 "$WINDOW" 490 260 300 200 LABEL:work 490 251
    tell popup 100 50 120 80
    heard 'popup 100 50 120 80'
    shows_labelled popup 1 "$BORDER" 480 250 320 220 "$WINDOW" 490 260 300 200 LABEL:work 490 251 \
        "$BORDER" 580 300 140 100 "$POPUP" 590 310 120 80 LABEL:work 590 301
    tell close
    tell fullscreen
    heard 'configure 1260 700 2 4'
    shows_labelled fullscreen 1 "$BORDER" 0 0 1280 720 "$WINDOW" 10 10 1260 700 LABEL:work 10 1
    tell unfullscreen
    heard 'configure 300 200 4'
    # Where pixels are small.
    sway_message host 'output HEADLESS-1 scale 2' >/dev/null
    sway_message host '[app_id=wayferry.work.framed] move position 100 50' >/dev/null
    shows_labelled scaled 2 "$BORDER" 200 100 640 440 "$WINDOW" 220 120 600 400 LABEL:work 220 102
    sway_message host 'output HEADLESS-1 scale 1' >/dev/null
    tell size 13 40
    shows_labelled narrow 1 "$BORDER" 100 50 33 60 "$WINDOW" 110 60 13 40 LABEL:wo 110 51
    framed_end
    bridge_stop
}

# shows_labelled NAME SCALE [COLOUR LEFT TOP WIDTH HEIGHT | LABEL:TEXT LEFT TOP]...: as shows; labels are what
# tests/e2e/label.py draws, in white, SCALE pixels a dot.
shows_labelled() {
    local name=$1 scale=$2 drawing=()
    shift 2
    while (($#)); do
        if [[ $1 == LABEL:* ]]; then
            mapfile -t -O "${#drawing[@]}" drawing < <("$E2E_DIRECTORY/label.py" "${1#LABEL:}" "$2" "$3" "$scale")
            shift 3
        else
            drawing+=(-fill "$1" -draw "rectangle $2,$3 $(($2 + $4 - 1)),$(($3 + $5 - 1))")
            shift 5
        fi
    done
    convert "$WORK/host.empty.png" "${drawing[@]}" -alpha off "png24:$LOGS/$name.expected.png"
    screen_becomes host "$LOGS/$name.expected.png" "$LOGS/$name.png" 20 || fail "the picture is another one ($name)"
}

# ---- what applications draw is what they draw without a border, in a window that is smaller by it

test_inside() {
    need foot
    sway_start host 1272x712
    foot_shown host direct
    stop host
    sway_start host
    HOST_OPTIONS="--border $BORDER" bridge_start host
    foot_shown "$BRIDGE" bridged
    bridge_stop
    convert "$LOGS/bridged.png" -crop 1272x712+4+4 +repage "$LOGS/inside.png"
    same "$LOGS/direct.png" "$LOGS/inside.png" || fail "the pictures inside of the border differ"
    convert "$LOGS/bridged.png" -fill black -draw 'rectangle 4,4 1275,715' "$LOGS/around.png"
    (($(pixels_of "$LOGS/around.png" "$BORDER") == 1280 * 720 - 1272 * 712)) || fail "the border is not whole"
}

foot_shown() {
    # shellcheck disable=SC2016
    spawn foot env WAYLAND_DISPLAY="$1" foot --config=/dev/null --override=cursor.blink=no \
        sh -c 'for i in 1 2 3 4 5 6 7; do printf "\033[4${i}m    "; done; exec sleep 1000'
    screen_settle host "$LOGS/$2.png" 30 || fail "$2: foot does not settle"
    stop foot
    until_true 10 screen_is host "$WORK/host.empty.png" || fail "the window stays on the screen"
}

# ---- docs/border.png: two machines, and a menu. Left in $LOGS/border.png.

test_picture() {
    need foot
    SWAY_CONFIG='default_border normal
        font sans 10
        for_window [app_id="wayferry.work.framed"] floating enable' sway_start host 800x400
    picture_machine work '#cc0000' 'This terminal runs in the machine "work".'
    picture_machine home '#1a7f37' 'This one runs in another machine, "home".'
    BRIDGE=work
    framed_start 260 110
    tell popup 180 40 150 120
    screen_settle host "$WORK/picture.png" 30 '#cc0000' "$WINDOW" "$POPUP" || fail "there is no picture"
    convert "$WORK/picture.png" -fill '#d8d8d8' -opaque "$WINDOW" -fill '#f4f4f4' -opaque "$POPUP" -strip -alpha off \
        +dither -colors 64 "png8:$LOGS/border.png"
}

# docs/border-windows.png: a maximized window of one machine, and another one's window with its menu and its dialog.
test_picture_filled() {
    weston_start host 640x360
    HOST_OPTIONS="--vm home --border #1a7f37,10 --border-label %m" bridge_start host home
    # shellcheck disable=SC2016
    spawn filled env WAYLAND_DISPLAY=home sh -c '{ echo maximize; exec sleep 1000; } | exec "$0" 300 200' "$WAYFERRY_CLIENTS/framed"
    until_true 20 grep -qx 'configure 620 340 1' "$LOGS/filled.log" || fail "the window is not maximized"
    HOST_OPTIONS="--vm work --border #cc0000,10 --border-label %m" bridge_start host work
    BRIDGE=work
    framed_start 300 160
    tell dialog 210 90
    tell popup 235 80 110 100
    screen_settle host "$WORK/picture.png" 30 '#1a7f37' '#cc0000' "$WINDOW" "$POPUP" "$DIALOG" || fail "there is no picture"
    convert "$WORK/picture.png" -fill '#d8d8d8' -opaque "$WINDOW" -fill '#f4f4f4' -opaque "$POPUP" -fill '#b8c8e8' -opaque "$DIALOG" \
        -strip -alpha off +dither -colors 64 "png8:$LOGS/border-windows.png"
}

# picture_machine NAME COLOUR TEXT: a machine, and a terminal in it.
picture_machine() {
    HOST_OPTIONS="--vm $1 --border $2,10 --border-label %m" bridge_start host "$1"
    # shellcheck disable=SC2016
    spawn "foot-$1" env WAYLAND_DISPLAY="$1" foot --config=/dev/null --title="terminal" \
        --override=cursor.blink=no --override=locked-title=yes sh -c 'printf "%s\n" "$0"; exec sleep 1000' "$3"
    screen_settle host "$WORK/$1.png" 30 "$2" || fail "the terminal of $1 is not shown"
}

e2e_main "$@"
