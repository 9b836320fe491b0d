# shellcheck shell=bash
# Checks of real applications in a running guest (session.sh), the same for every kind of machine.
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/moving.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/events.sh"

# The applications that are compared: name -> how, colours that must be seen; and the command. Those that
# are "still" show the same picture each time; of those that are "moving", most is the same.
declare -A APP_HOW=(
    [simple-shm]='moves'
    [image]='still'
    [foot]='still #0000ff'
    [qt6]='still #c81e5a #f0f0e8'
    [mpv]='still #ff0000 #0000ff'
    [gtk4]='moving'
)
declare -A APP_COMMAND=(
    [simple-shm]='weston-simple-shm'
    [image]='weston-image /usr/share/weston/pattern.png'
    [foot]="foot --config=/dev/null $LAB_PROGRAMS/terminal.sh"
    [qt6]="env QT_QPA_PLATFORM=wayland QT_QUICK_BACKEND=software /usr/lib/qt6/bin/qml $LAB_PROGRAMS/window.qml"
    # mpv takes itself for hidden, and draws nothing, when three frames are not shown in time.
    [mpv]='mpv --no-config --vo=wlshm --no-audio --osc=no --keep-open=yes --framedrop=no --force-render=yes --length=1 av://lavfi:testsrc=size=640x360:rate=10'
    [gtk4]="env GDK_BACKEND=wayland GSK_RENDERER=cairo GTK_A11Y=none XDG_CONFIG_HOME=$LAB_PROGRAMS/config
        LD_PRELOAD=$LAB_PROGRAMS/libsteady.so gtk4-widget-factory"
)
# What it has printed by the time that its picture is the last one, where it moves before.
declare -A APP_SAYS=([mpv]='(Paused)')
APP_SECONDS=60      # until a picture must be there; software emulation needs longer

# apps_direct NAME...: pictures of the programs of the guest's tree, run directly. While the guest boots.
apps_direct() {
    local name how
    for name; do
        read -r how _ <<<"${APP_HOW[$name]}"
        [ "$how" = moves ] || app_direct "$name" "$how"
    done
}

app_direct() {
    local name=$1 how=$2
    mkdir -p "$LOGS/$name"
    # shellcheck disable=SC2086
    guest_direct ${APP_COMMAND[$name]}
    [ -z "${APP_SAYS[$name]:-}" ] || until_true "$APP_SECONDS" grep -qsF "${APP_SAYS[$name]}" "$LOGS/direct.log" ||
        fail "$name: the direct run does not come to its end"
    if [ "$how" = moving ]; then
        rm -f "$LOGS/moving.png"
        moving_settle "$LOGS/$name/direct.png" || fail "$name: no window of the direct run settled"
        mv "$LOGS/moving.png" "$LOGS/$name/"
    else
        # shellcheck disable=SC2086
        screen_settle host "$LOGS/$name/direct.png" 60 ${APP_HOW[$name]#"$how"} ||
            fail "$name: no window of the direct run settled"
    fi
    stop direct
    until_true 30 screen_is host "$WORK/host.empty.png" || fail "$name: the window of the direct run stays"
}

# apps_equal NAME...: the guest's user starts them, one after another; the pictures equal those that apps_direct took.
apps_equal() {
    local name started
    for name; do
        started=$EPOCHREALTIME
        app_equal_"${APP_HOW[$name]%% *}" "$name"
        app_end "$name"
        say "$name: equal ($(seconds_since "$started") s)"
    done
}

app_equal_moves() {
    # shellcheck disable=SC2086
    app "$1" ${APP_COMMAND[$1]}
    until_true "$APP_SECONDS" shows_window || fail "$1: no window"
    until_true "$APP_SECONDS" moves || fail "$1: nothing moves"
}

app_equal_still() {
    # shellcheck disable=SC2086
    app "$1" ${APP_COMMAND[$1]}
    screen_becomes host "$LOGS/$1/direct.png" "$LOGS/$1/bridged.png" "$APP_SECONDS" ||
        fail "$1: bridged and direct differ"
}

# still_part_equal and moving_part_moves look for their pictures in $LOGS.
app_equal_moving() {
    cp "$LOGS/$1"/{direct,moving}.png "$LOGS/"
    # shellcheck disable=SC2086
    app "$1" ${APP_COMMAND[$1]}
    until_true "$APP_SECONDS" still_part_equal || fail "$1: bridged and direct differ where nothing moves"
    until_true "$APP_SECONDS" moving_part_moves || fail "$1: nothing moves in the guest"
}

# ---- input

# input_direct: what a client of the guest's tree is told of pointer and keyboard, directly: $LOGS/direct.events.
# Before session_start: the pointer must never have moved.
input_direct() {
    sway_start host
    guest_direct "$LAB_PROGRAMS/event-log"
    input_drive "$LOGS/direct.log"
    events_told "$LOGS/direct.log" >"$LOGS/direct.events"
    rm "$LOGS/direct.log"
    grep -q '^pointer button 272 1' "$LOGS/direct.events" && grep -q '^keyboard key' "$LOGS/direct.events" ||
        fail "there are no events in the direct run"
    stop direct
    stop host
}

# input_equal: the same client in the guest is told the same.
input_equal() {
    app event-log "$LAB_PROGRAMS/event-log"
    input_drive "$(guest_output vm event-log)"
    events_told "$(guest_output vm event-log)" >"$LOGS/bridged.events"
    diff -u "$LOGS/direct.events" "$LOGS/bridged.events" || fail "the events differ"
    app_end event-log
    say "$(wc -l <"$LOGS/direct.events") events are the same"
}

input_drive() {
    EVENTS_SECONDS=$APP_SECONDS
    events_await "$1" mapped 1
    events_of_pointer "$1"
    events_of_keyboard "$1"
}

# ---- the clipboard, whose programs in the guest open a window to have the focus

# clipboard_both_ways BYTES...: contents of these sizes, copied here and pasted there, and the other way.
clipboard_both_ways() {
    local bytes share
    share=$(guest_share vm)
    spawn keyboard env WAYLAND_DISPLAY=host wtype -s 3600000 a      # the seat needs a keyboard that stays
    for bytes; do
        openssl enc -aes-128-ctr -K 00 -iv 00 -in /dev/zero 2>/dev/null | head -c "$bytes" >"$share/content"
        clipboard_to_host "$bytes" "application/x-there-$bytes"
        clipboard_to_guest "$bytes" "application/x-here-$bytes"
    done
    WAYLAND_DISPLAY=host wl-copy --clear
    stop keyboard
}

clipboard_to_host() {
    local started=$EPOCHREALTIME
    # shellcheck disable=SC2016
    app "copy-$1" sh -c 'exec wl-copy --foreground --type "$0" </mnt/content' "$2"
    until_true "$APP_SECONDS" clipboard_offered env WAYLAND_DISPLAY=host -- "$2" ||
        fail "$1 bytes: the guest's selection does not arrive"
    WAYLAND_DISPLAY=host limited $((2 * APP_SECONDS)) wl-paste --no-newline --type "$2" >"$WORK/pasted" || fail "$1 bytes: wl-paste failed"
    cmp "$share/content" "$WORK/pasted" || fail "$1 bytes to the host: the contents differ"
    say "$1 bytes to the host: $(seconds_since "$started") s"
}

clipboard_to_guest() {
    local started=$EPOCHREALTIME
    # shellcheck disable=SC2016
    spawn "copy-$1" env WAYLAND_DISPLAY=host sh -c 'exec wl-copy --foreground --type "$0" <"$1"' "$2" "$share/content"
    until_true "$APP_SECONDS" clipboard_offered guest_run vm -- "$2" || fail "$1 bytes: the host's selection does not arrive"
    # shellcheck disable=SC2016
    GUEST_TIMEOUT=$((2 * APP_SECONDS)) guest_run vm sh -c 'wl-paste --no-newline --type "$0" >/tmp/pasted && cmp /tmp/pasted /mnt/content' "$2" ||
        fail "$1 bytes to the guest: the contents differ, or wl-paste failed"
    say "$1 bytes to the guest: $(seconds_since "$started") s"
}

# clipboard_offered COMMAND PREFIX... -- TYPE
clipboard_offered() {
    local prefix=()
    while [ "$1" != -- ]; do
        prefix+=("$1")
        shift
    done
    "${prefix[@]}" timeout $((20 * SLOWNESS)) wl-paste --list-types 2>/dev/null | grep -qx "$2"
}

seconds_since() {
    awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }'
}
