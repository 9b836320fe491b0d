# shellcheck shell=bash
# What the tests of X11 applications share: wayferry-x11 on sway itself or on the bridge, an X client that does as it
# is told, what sway has, and input. Sourced after lib.sh.

# each_way FUNCTION: runs it with wayferry-x11 direct and bridged (or bridged alone: ways).
each_way() {
    local how
    for how in $(ways); do
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
    [ -z "${X11_SCALE:-}" ] || sway_message host output HEADLESS-1 scale "$X11_SCALE" >/dev/null
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
    local name pid=${PID[x11]}
    exec 7>&-
    for name in "${!PID[@]}"; do
        case $name in host | bridge-* | x11) ;; *) stop "$name" ;; esac
    done
    alive "${PID[x11]}" || fail "wayferry-x11 ended by itself (log: $LOGS/x11.log)"
    stop x11 || fail "wayferry-x11 ignored SIGTERM"
    [ "$STOP_STATUS" = 0 ] || fail "wayferry-x11 ended with status $STOP_STATUS (log: $LOGS/x11.log)"
    # Somebody else may have the display by now.
    ! grep -qsx " *$pid" "/tmp/.X${DISPLAY#:}-lock" || fail "the display's lock is left"
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

# heard NAME LINE: waits until the log of NAME has the line.
heard() {
    until_true 10 grep -qE "^$2\$" "$LOGS/$1.log" || fail "$1 was not told: $2 (log: $LOGS/$1.log)"
}

# hush NAME...: forgets what they were told so far.
hush() {
    local name
    for name; do
        : >"$LOGS/$name.log"
    done
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

# colour_is COLOUR PIXELS: waits until the screen (of SHOWN, a display) has so many pixels of it.
colour_is() {
    until_true 10 has_pixels "$@" || fail "$(pixels_of "$WORK/colours.png" "$1") pixels of $1, not $2 ($WORK/colours.png)"
}

has_pixels() {
    shot "${SHOWN:-host}" "$WORK/colours.png" && [ "$(pixels_of "$WORK/colours.png" "$1")" = "$2" ]
}

# colour_at COLOUR: prints the box of the pixels that have it, WxH+X+Y.
colour_at() {
    shot host "$WORK/colours.png"
    box_of "$WORK/colours.png" "$1"
}

# box_of FILE COLOUR: the same of a picture.
box_of() {
    convert "$1" -alpha off -fill black +opaque "$2" -fill white -opaque "$2" -bordercolor black -border 1 \
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
    # A later Xwayland asks for it before it has windows.
    ! pgrep -P "${PID[x11]}" Xwayland >/dev/null || until_true 10 grep -q 'Xwayland has a pointer' "$LOGS/x11.log" ||
        fail "Xwayland has no pointer (log: $LOGS/x11.log)"
}

point() {
    printf '%s\n' "$@" 'sleep 30' >&8
}

# A keyboard that stays: commands of virtual-keyboard by way of typed.
keyboard_start() {
    rm -f "$WORK/keys"
    mkfifo "$WORK/keys"
    WAYLAND_DISPLAY=host spawn_reading keyboard "$WORK/keys" "$WAYFERRY_CLIENTS/virtual-keyboard" us
    exec 9>"$WORK/keys"
}

typed() {
    printf '%s\n' "$@" >&9
}

click() {
    point "move $1 $2" 'sleep 100' 'button 272 1' 'sleep 50' 'button 272 0'
}

# application TITLE COMMAND...: its window is shown, and the picture is the direct run's. COLOURS are those that the
# picture must have before it is taken; PREPARE is run in an empty home.
application() {
    local title=$1 name
    shift
    name=$(application_name "$@")
    rm -rf "$HOME"
    mkdir -p "$HOME"
    "${PREPARE:-true}"
    spawn application "$@"
    shows "$title"
    if [ "$HOW" = direct ] || bridged_alone; then
        rm -f "$LOGS/$name.png"
        # shellcheck disable=SC2086     # several colours
        screen_settle host "$LOGS/$name.png" 60 ${COLOURS:-} || fail "$name did not settle"
    else
        screen_becomes host "$LOGS/$name.png" "$LOGS/$name-bridged.png" 60 || fail "$name differs from the direct run"
    fi
    stop application
    gone "$title"
}

# application_name COMMAND...: the last part of its first word that is no env and none of env's assignments.
application_name() {
    local word
    for word; do
        [ "$word" = env ] || [[ $word = *=* ]] || break
    done
    need "$word"
    echo "${word##*/}"
}

# x11_counters: leaves what SIGUSR1 makes wayferry-x11 print in $WORK/x11.counters.
x11_counters() {
    local from
    from=$(stat -c %s "$LOGS/x11.log")
    kill -USR1 "${PID[x11]}"
    until_true 20 counters_printed "$LOGS/x11.log" "$((from + 1))" "$WORK/x11.counters" || fail "wayferry-x11 prints no counters"
}

x11_counter() {
    sed -n "s/^$1 \([0-9]*\)$/\1/p" "$WORK/x11.counters"
}

# clicked X Y LINE: who was told of a click there.
clicked() {
    forget_told
    click "$1" "$2"
    told "$3 root .*"
}

# traced MESSAGE: waits for one with Xwayland, from here on in each (with X11_OPTIONS='--trace x11').
traced() {
    until_true 10 grep -qE "$1" "$LOGS/x11.log" || fail "no message $1 (log: $LOGS/x11.log)"
    : >"$LOGS/x11.log"
}

xwayland_pid() {
    pgrep -P "${PID[x11]}" Xwayland
}

# Sway passes over a size that comes while it arranges windows.
sizes_itself() {
    tell "configure 1 0 0 $2 $3"
    in_tree "^$1\|.*\|$2x$3\|"
}
