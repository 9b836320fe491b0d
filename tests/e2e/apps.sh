#!/bin/bash
# Real applications, each run twice on a fresh compositor: connected directly, and through the bridge.
# The pictures of both runs must be equal to the pixel. Where an application moves by itself, what
# stands still in the direct run must be equal.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moving.sh"
. "$(dirname "$0")/browsers.sh"

tests=(
    weston-terminal:4 weston-flower:4 weston-subsurfaces:17 gtk4-widget-factory:43
    qt6:3 mpv:9 chromium:5
    foot:3 imv:4 sdl2:4 firefox:7 xwayland:4
    command:4 late-compositor:4 widened:4 groups:5 planes:4
)
full=(silent-command:12 planes-shared:4)
plain=(gtk3-widget-factory:35)      # of its pictures: GTK 4's asks for no less

# app_picture direct|bridged: runs APP on COMPOSITOR and leaves its picture in $LOGS/direct.png or
# $LOGS/bridged.png. The direct run waits for COLOURS; the bridged one for the direct one's picture, if there is any.
app_picture() {
    local how=$1 display=host
    app_start "$how"
    if [ "$how" = direct ] || bridged_alone; then
        screen_settle host "$LOGS/$how.png" 60 "${COLOURS[@]}" || fail "no window of the $how run settled"
    else
        screen_becomes host "$LOGS/direct.png" "$LOGS/bridged.png" 60 || fail "bridged and direct differ"
    fi
    app_end "$how"
}

# app_start direct|bridged: a fresh compositor, the bridge if it is wanted, and APP.
app_start() {
    local display=host
    compositor_start "$COMPOSITOR" host
    if [ "$1" = bridged ]; then
        bridge_start host
        display=$BRIDGE
    fi
    rm -rf "$HOME"
    mkdir "$HOME"
    "prepare_${APP_PREPARE:-nothing}"
    need "$(app_program)"
    spawn "$1-app" env WAYLAND_DISPLAY="$display" "${APP[@]}"
}

# The program that APP runs: its first word, or the one behind env and its assignments.
app_program() {
    local word
    for word in "${APP[@]}"; do
        [ "$word" = env ] || [[ $word = *=* ]] || break
    done
    echo "$word"
}

# Ends the application: its window must go from the screen, and the bridge must have survived it.
app_end() {
    stop "$1-app"
    until_true 10 screen_is host "$WORK/host.empty.png" || fail "the window stays on the screen"
    [ "$1" = bridged ] && bridge_stop
    stop host
}

prepare_nothing() {
    :
}

# app_equal COMPOSITOR COLOUR...: APP's picture is the same, bridged and direct.
app_equal() {
    COMPOSITOR=$1
    shift
    COLOURS=("$@")
    bridged_alone || app_picture direct
    app_picture bridged
}

# app_moving COMPOSITOR: the same for an APP that moves: where nothing moves in the direct run, the
# bridged run has the same pixels; and what moves there moves here.
app_moving() {
    local first
    COMPOSITOR=$1
    first=$(ways | head -n 1)
    app_start "$first"
    moving_settle "$LOGS/$first.png" || fail "no window of the $first run settled"
    if [ "$first" = direct ]; then
        app_end direct
        app_start bridged
        until_true 60 still_part_equal || fail "bridged and direct differ where nothing moves"
    fi
    until_true 20 moving_part_moves || fail "nothing moves in the bridged run"
    app_end bridged
}

test_weston_terminal() {
    APP=(weston-terminal --shell="$E2E_DIRECTORY/terminal.sh")
    app_equal weston '#a80000' '#00a8a8'
}

test_weston_flower() {
    APP=(env LD_PRELOAD="$WAYFERRY_CLIENTS/libsteady.so" weston-flower)
    app_equal weston
}

test_weston_subsurfaces() {
    APP=(weston-subsurfaces)
    app_moving weston
}

test_foot() {
    APP=(foot --config=/dev/null "$E2E_DIRECTORY/terminal.sh")
    app_equal sway '#0000ff'
}

test_qt6() {
    APP=(env QT_QPA_PLATFORM=wayland QT_QUICK_BACKEND=software /usr/lib/qt6/bin/qml "$E2E_DIRECTORY/window.qml")
    app_equal weston '#c81e5a' '#f0f0e8'
}

test_imv() {
    convert -size 640x400 gradient:'#1e78c8'-'#28b43c' -fill '#c81e5a' -draw 'circle 320,200 320,300' "$WORK/image.png"
    APP=(imv-wayland "$WORK/image.png")
    app_equal sway '#c81e5a'
}

test_mpv() {
    APP=(mpv --no-config --vo=wlshm --no-audio --osc=no --keep-open=yes --length=2
        av://lavfi:testsrc=size=640x360:rate=30)
    app_equal weston '#ff0000' '#0000ff'
}

# A picture with a plane of luma and one of chroma, as players draw: copied, and in memory that the compositor gets.
test_planes() {
    APP=("$WAYFERRY_CLIENTS/shm-client" --format NV12 --size 320x240 --hold --unsealed)
    app_equal weston
}

test_planes_shared() {
    APP=("$WAYFERRY_CLIENTS/shm-client" --format YU12 --size 320x240 --hold)
    app_equal weston
}

test_chromium() {
    chromium_command wayland
    app_equal weston '#c81e5a'
}

test_firefox() {
    APP_PREPARE=firefox
    firefox_command MOZ_ENABLE_WAYLAND=1
    app_equal sway '#c81e5a'
}

test_gtk4_widget_factory() {
    APP_PREPARE=gtk
    SIZE=1600x1000
    APP=(env GDK_BACKEND=wayland GSK_RENDERER=cairo LD_PRELOAD="$WAYFERRY_CLIENTS/libsteady.so" gtk4-widget-factory)
    app_moving weston
}

test_gtk3_widget_factory() {
    APP_PREPARE=gtk
    SIZE=1600x1000
    # GTK measures the rows of a list for 30 ms at most before it chooses the window's width.
    APP=(env GDK_BACKEND=wayland LD_PRELOAD="$WAYFERRY_CLIENTS/libsteady.so" gtk3-widget-factory)
    app_moving weston
}

prepare_gtk() {
    "$E2E_DIRECTORY/gtk-config.sh" "$HOME/.config"
}

test_sdl2() {
    APP=(env SDL_VIDEODRIVER=wayland LD_PRELOAD="$WAYFERRY_CLIENTS/libsteady.so"
        /usr/libexec/installed-tests/SDL2/testdraw2)
    app_equal sway
}

test_xwayland() {
    need Xwayland xlogo xmessage
    APP=("$E2E_DIRECTORY/xwayland.sh")
    app_equal sway '#c81e5a' '#f0f0e8'
}

# ---- the command of wayferry-guest, in the environment of somebody who has led everything elsewhere

# command_start NAME OPTION... -- COMMAND...: runs it; what it prints is in $LOGS/NAME.log.
command_start() {
    local name=$1
    shift
    # shellcheck disable=SC2086
    spawn "$name" env DISPLAY=:99 XAUTHORITY=/nonexistent WAYLAND_SOCKET=99 XDG_SESSION_TYPE=x11 SDL_VIDEODRIVER=x11 \
        GDK_BACKEND=x11 QT_QPA_PLATFORM=xcb "$WAYFERRY_BUILD/guest-proxy/wayferry-guest" --socket "$name" \
        --vhost-user "$XDG_RUNTIME_DIR/bridge.gpu" "$@"
}

command_host_start() {
    SWAY_CONFIG='for_window [app_id="^my\.work\.app-"] mark of-work' compositor_start sway host
    HOST_OPTIONS='--vm work --app-id my.%m.app-%a' bridge_start_host host bridge
}

window_is() {
    sway_message host -t get_tree >"$WORK/tree.json" && grep -q "\"app_id\": \"$1\"" "$WORK/tree.json"
}

# SDL 2, told to use X11, opens on the bridge all the same; unless the environment is kept.
test_command() {
    command_host_start
    command_start led --log-level info -- sh -c 'env; exec /usr/libexec/installed-tests/SDL2/testdraw2'
    until_true 20 window_is 'my\.work\.app-.*testdraw2' || fail "SDL's window does not come over the bridge"
    grep -q '"of-work"' "$WORK/tree.json" || fail "sway's rule does not apply to the window"
    grep -qE '^(DISPLAY|XAUTHORITY|WAYLAND_SOCKET|GDK_BACKEND)=' "$LOGS/led.log" && fail "what leads elsewhere is left"
    grep -q '^XDG_SESSION_TYPE=wayland' "$LOGS/led.log" || fail "the session is none of Wayland"
    stop led
    command_start kept --keep-environment -- sh -c 'env; /usr/libexec/installed-tests/SDL2/testdraw2; exit 9'
    wait "${PID[kept]}"
    [ $? = 9 ] || fail "the command's status is lost"
    grep -q '^DISPLAY=:99' "$LOGS/kept.log" && grep -q '^GDK_BACKEND=x11' "$LOGS/kept.log" || fail "the environment is not kept"
    grep -q '^WAYLAND_DISPLAY=kept' "$LOGS/kept.log" || fail "the display is not in a kept environment"
    stop bridge-host
    sanitizers_silent
}

# A command without a window is told of after ten seconds, and not disturbed.
test_silent_command() {
    command_host_start
    command_start silent -- sleep 3600
    until_true 20 grep -q 'sleep has not connected to this display after 10 seconds' "$LOGS/silent.log" ||
        fail "nobody says that there is no window"
    alive "${PID[silent]}" || fail "the command was disturbed"
    stop silent
    [ "$(grep -c 'has not connected' "$LOGS/silent.log")" = 1 ] || fail "it is said again"
}

# ---- a compositor that comes after wayferry-host, under a name that nobody told it

host_started() {
    spawn bridge-host "$WAYFERRY_BUILD/host-bridge/wayferry-host" --socket "$XDG_RUNTIME_DIR/bridge.gpu" "$@"
    until_true 10 test -S "$XDG_RUNTIME_DIR/bridge.gpu" || fail "wayferry-host does not listen"
    bridge_start_guest bridge
}

# window_through DISPLAY: a client of the bridge shows its window there.
window_through() {
    spawn client env WAYLAND_DISPLAY=bridge "$WAYFERRY_CLIENTS/shm-client" --size 200x200 --frames 1 --hold --solid --seed 7
    until_true 20 not screen_is "$1" "$WORK/$1.empty.png" || fail "no window on $1"
    grep -q "the compositor is at $XDG_RUNTIME_DIR/$1\$" "$LOGS/bridge-host.log" || fail "wayferry-host does not say which it took"
    stop client
}

test_late_compositor() {
    host_started
    WAYLAND_DISPLAY=bridge limited 20 "$WAYFERRY_CLIENTS/shm-client" --frames 1 && fail "a window without a compositor"
    weston_start wayland-2
    window_through wayland-2
    stop wayland-2
    weston_start wayland-4
    window_through wayland-4
    bridge_stop
    # One that was named is the only one.
    host_started --wayland-display wayland-9
    WAYLAND_DISPLAY=bridge limited 20 "$WAYFERRY_CLIENTS/shm-client" --frames 1 && fail "a window on another compositor than was named"
    bridge_stop
    # One that has no security contexts is none where one is required.
    host_started --security-context require
    WAYLAND_DISPLAY=bridge limited 20 "$WAYFERRY_CLIENTS/shm-client" --frames 1 && fail "a window without a security context"
    grep -q 'it has no security contexts' "$LOGS/bridge-host.log" || fail "wayferry-host does not say what is missing"
    bridge_stop
}

# ---- a machine that is trusted with more: a background of the desktop, by the layer shell

background() {      # STATUS: how swaybg ends; none: it stays
    spawn background env WAYLAND_DISPLAY=bridge swaybg -c '#7fa0c4'
    until_true 20 "$@" || fail "swaybg does not do what was expected: $*"
}

# Sway's own background lies above: what the compositor is told has to do.
layer_shown() {
    grep -q 'up  -> zwlr_layer_surface_v1@.*ack_configure' "$LOGS/bridge-host.log" &&
        grep -q 'up  -> wl_surface@.*commit' "$LOGS/bridge-host.log"
}

background_refused() {
    ! alive "${PID[background]}"
}

test_widened() {
    compositor_start sway host
    bridge_start host
    background background_refused
    stop background
    bridge_stop
    grep -q 'zwlr_layer_shell_v1' "$LOGS/bridge-host.log" && fail "a warning without reason"
    printf '[policy]\nzwlr_layer_shell_v1 = allow\n' >"$BASE/trusted.conf"
    HOST_OPTIONS="--config $BASE/trusted.conf --trace host" bridge_start host
    grep -q 'warn.*the configuration gives guests zwlr_layer_shell_v1, which draws outside windows' "$LOGS/bridge-host.log" ||
        fail "nobody is warned"
    background layer_shown
    stop background
    bridge_stop
}

# ---- what is taken from a machine and given to it, by groups, while it runs

# offered LINE...: once the machine's file says that, $WORK/offered has what new clients see: interfaces and versions.
offered() {
    local before
    before=$(grep -c 'the configuration was read again' "$LOGS/bridge-host.log")
    printf '%s\n' '[policy]' "$@" >"$WORK/new.conf"
    mv "$WORK/new.conf" "$WORK/groups.conf"
    kill -HUP "${PID[bridge-host]}"
    until_true 20 was_read $((before + 1)) || fail "the file is not read again ($*)"
    WAYLAND_DISPLAY=bridge limited 20 "$E2E_DIRECTORY/raw_wayland.py" "$XDG_RUNTIME_DIR/bridge" versions >"$WORK/offered"
}

was_read() {
    [ "$(grep -c 'the configuration was read again' "$LOGS/bridge-host.log")" = "$1" ]
}

# differs SIGN INTERFACE: from what a machine has by default, by this alone.
differs() {
    [ "$(diff "$WORK/default" "$WORK/offered" | sed -n "s/^\([<>] [a-z0-9_]*\) .*/\1/p")" = "$1 $2" ] ||
        fail "not $1 $2, but: $(diff "$WORK/default" "$WORK/offered")"
}

test_groups() {
    local group interface
    compositor_start sway host
    : >"$WORK/groups.conf"
    HOST_OPTIONS="--config $WORK/groups.conf" bridge_start host
    offered
    mv "$WORK/offered" "$WORK/default"
    while read -r group interface; do
        offered "$group = deny"
        differs '<' "$interface"
    done <<'END'
idle-inhibit zwp_idle_inhibit_manager_v1
pointer-lock zwp_pointer_constraints_v1
text-input zwp_text_input_manager_v3
activation xdg_activation_v1
END
    offered 'bell = deny'       # this compositor has none
    cmp "$WORK/default" "$WORK/offered" || fail "something else goes with the bell"
    grep -q 'warn.*gives guests' "$LOGS/bridge-host.log" && fail "a warning without reason"
    offered 'shortcuts-inhibit = allow'
    differs '>' zwp_keyboard_shortcuts_inhibit_manager_v1
    grep -q 'warn.*the configuration gives guests zwp_keyboard_shortcuts_inhibit_manager_v1' "$LOGS/bridge-host.log" ||
        fail "nobody is warned"
    offered 'xdg_wm_base = 1'
    grep -qx 'xdg_wm_base 1' "$WORK/offered" || fail "guests see a later version"
    offered
    cmp "$WORK/default" "$WORK/offered" || fail "the defaults do not come back"
    bridge_stop
}

e2e_main "$@"
