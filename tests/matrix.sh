#!/bin/bash
# Applications on compositors of three releases, by way of wayferry: prints the table of docs/compositors.md.
#
#     tests/matrix.sh [COMPOSITOR...] [-- APPLICATION...]       by default all; needs root, for the trees
#     tests/matrix.sh --list
#
# Compositors run here (Debian 12) or in trees of Debian 13 and of the unstable release (vm/lab.sh, newest.sh);
# applications and wayferry here. A cell is "yes" where the application's window was configured, and the compositor asked
# for another frame after the first, all over the bridge, whose ends then end as they should. Where that fails it is run
# on the compositor itself: "no", or "not directly either". WAYFERRY_BUILD, WAYFERRY_TEST_SLOWNESS: as for the tests.
. "$(dirname "$0")/e2e/lib.sh"
. "$(dirname "$0")/vm/lab.sh"
set +u +o pipefail

# name, where, what its version says it with
compositors=(
    "sway-1.7 here sway" "weston-10 here weston"
    "sway-1.10 debian13 sway" "weston-14 guest weston" "mutter-48 guest mutter"
    "sway-newest newest sway" "labwc newest labwc" "weston-newest newest weston" "kwin newest kwin_wayland"
    "mutter-newest newest mutter"
)
declare -A application=(
    [weston-simple-shm]="weston-simple-shm"
    [foot]="foot --config=/dev/null $E2E_DIRECTORY/terminal.sh"
    [gtk3]="env GDK_BACKEND=wayland gtk3-widget-factory"
    [gtk4]="env GDK_BACKEND=wayland GSK_RENDERER=cairo gtk4-widget-factory"
    [qt6]="env QT_QPA_PLATFORM=wayland QT_QUICK_BACKEND=software /usr/lib/qt6/bin/qml $E2E_DIRECTORY/window.qml"
    [sdl2]="env SDL_VIDEODRIVER=wayland /usr/libexec/installed-tests/SDL2/testdraw2"
    [mpv]="mpv --no-config --vo=wlshm --no-audio --loop=inf av://lavfi:testsrc=size=640x360:rate=30"
    [imv]="imv-wayland $SOURCE_ROOT/docs/border.png"
    [chromium]="chromium --no-sandbox --test-type --ozone-platform=wayland --user-data-dir=%HOME%/chromium
        --no-first-run --disable-gpu file://$E2E_DIRECTORY/page.html"
    [firefox]="env MOZ_ENABLE_WAYLAND=1 firefox-esr --no-remote --profile %HOME%/firefox file://$E2E_DIRECTORY/page.html"
    [x11-xterm]="%X11% xterm"
)
order=(weston-simple-shm foot gtk3 gtk4 qt6 sdl2 mpv imv chromium firefox x11-xterm)

# ---- compositors

# in_tree WHERE COMMAND...: runs it there, in place of this process; $BASE/there is /mnt.
in_tree() {
    local where=$1
    shift
    LAB_BUILD=$SOURCE_ROOT/build-tests/matrix LAB_LAYER=$SOURCE_ROOT/build-tests/matrix/layer
    LAB_BIND=$BASE/there
    mkdir -p "$LAB_BIND"
    case $where in
    here) exec "$@" ;;
    debian13) lab_enter "$(lab_tree_path "" debian13)" "$@" ;;
    guest) lab_enter "$(guest_tree)" "$@" ;;
    newest) LAB_RELEASE=sid lab_enter "$(LAB_RELEASE=sid lab_tree_path "" newest)" "$@" ;;
    esac
}

version_of() {      # WHERE PROGRAM
    (in_tree "$1" "$2" --version) 2>&1 | sed -n 's/ version//;/^[a-z]* [0-9.]*/{s/^\([a-z]* [0-9.]*\).*/\1/p;q}'
}

# In a tree: a compositor that listens in /mnt, as $BASE/there is called there.
start_there() {     # WHERE PROGRAM
    local command
    case $2 in
    sway) command="env WLR_BACKENDS=headless WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1 sway -c /mnt/sway.conf" ;;
    labwc) command="env WLR_BACKENDS=headless WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1 labwc" ;;
    weston)
        command="weston --backend=headless --renderer=gl --no-config --socket=wayland-1 --width=1280 --height=720
            --idle-time=0 --refresh-rate=60000"
        ;;
    kwin_wayland) command="dbus-run-session -- kwin_wayland --virtual --no-lockscreen --socket wayland-1" ;;
    mutter)
        command="dbus-run-session -- mutter --headless --wayland --no-x11 --wayland-display wayland-1
            --virtual-monitor 1280x720"
        ;;
    esac
    mkdir -p "$BASE/there" && chmod 700 "$BASE/there"
    rm -rf "${BASE:?}/there"/*
    echo "output HEADLESS-1 mode 1280x720@60Hz" >"$BASE/there/sway.conf"
    # shellcheck disable=SC2086
    setsid "$0" --there "$BASE" "$1" env -u DBUS_SESSION_BUS_ADDRESS XDG_RUNTIME_DIR=/mnt HOME=/tmp $command \
        >>"$LOGS/host.log" 2>&1 </dev/null &
    PID[host]=$!
    until_true 20 listens_there || return 1
}

listens_there() {
    local socket
    for socket in "$BASE"/there/wayland-*; do
        if [ -S "$socket" ]; then
            ln -sf "$socket" "$XDG_RUNTIME_DIR/host"
            return 0
        fi
    done
    return 1
}

compositor_run() {  # WHERE PROGRAM
    if [ "$1" = here ]; then
        compositor_start "$2" host
    else
        start_there "$@"
    fi
}

# ---- applications

prepare_home() {
    rm -rf "$HOME"
    mkdir -p "$HOME/firefox"
    cat >"$HOME/firefox/user.js" <<'END'
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("app.update.enabled", false);
END
}

# start_application DISPLAY NAME: as PID[app], which says what it says to its display.
start_application() {
    local command=${application[$2]//%HOME%/$HOME}
    prepare_home
    if [[ $command = "%X11% "* ]]; then
        # shellcheck disable=SC2086
        spawn app env WAYLAND_DISPLAY="$1" WAYLAND_DEBUG=client "$WAYFERRY_BUILD/guest-proxy/x11/wayferry-x11" -- ${command#%X11% }
    else
        # shellcheck disable=SC2086
        spawn app env WAYLAND_DISPLAY="$1" WAYLAND_DEBUG=client $command
    fi
}

# drawn FILE: whether in the messages there, as the compositor's end has them, a configured window has got the frame
# that it asked for.
drawn() {
    awk '/-> .*ack_configure\(/ { window = 1 }
        /-> wl_surface[@#].*\.frame\(/ { sub(/.*wl_callback[@#]/, ""); sub(/\).*/, ""); asked[$0] = 1; next }
        window && !/->/ && /wl_callback[@#][0-9]*\.done\(/ {
            sub(/.*wl_callback[@#]/, ""); sub(/\.done.*/, ""); if ($0 in asked) { found = 1; exit } }
        END { exit !found }' "$1"
}

# bridged NAME and direct NAME, each in a shell of its own, which ends with the outcome.
bridged() {
    trap cell_end EXIT
    HOST_OPTIONS="--trace host" bridge_start host
    start_application bridge "$1"
    until_true 20 up_drawn || exit 1
    stop app
    bridge_stop
}

up_drawn() {
    grep -a ' up ' "$LOGS/bridge-host.log" >"$WORK/up.log"
    drawn "$WORK/up.log"
}

direct() {
    trap cell_end EXIT
    start_application host "$1"
    until_true 15 drawn "$LOGS/app.log"
}

cell_end() {
    local status=$? name
    trap - EXIT
    for name in app bridge-guest bridge-host; do
        stop "$name" KILL
    done
    exit "$status"
}

# cell COMPOSITOR APPLICATION: prints what belongs there.
cell() {
    rm -f "$LOGS"/{app,bridge-host,bridge-guest}.log "$XDG_RUNTIME_DIR"/bridge*     # of ends that were killed
    if (bridged "$2") >"$LOGS/cell.log" 2>&1; then
        echo yes
        return
    fi
    mkdir -p "$LOGS/$1-$2" && mv "$LOGS"/{app,bridge-host,bridge-guest,cell}.log "$LOGS/$1-$2/"
    if (direct "$2") >/dev/null 2>&1; then echo no; else echo "not directly either"; fi
}

# row COMPOSITOR WHERE PROGRAM: a line of the table.
row() {
    local line name result
    rm -f "$LOGS/host.log" "$XDG_RUNTIME_DIR/host"
    line="| $(version_of "$2" "$3") |"
    if compositor_run "$2" "$3" >&2; then
        for name in "${chosen[@]}"; do
            result=$(cell "$1" "$name")
            echo "$1, $name: $result" >&2
            line+=" $result |"
        done
    else
        line+=" does not start |"
    fi
    stop host >&2
    echo "$line"
}

if [ "${1:-}" = --there ]; then
    BASE=$2
    shift 2
    in_tree "$@"
fi
wanted=() chosen=()
while (($#)) && [ "$1" != -- ]; do
    wanted+=("$1")
    shift
done
shift
chosen=("$@")
((${#chosen[@]})) || chosen=("${order[@]}")
if [ "${wanted[*]}" = --list ]; then
    printf '%s\n' "${compositors[@]%% *}" "" "${order[@]}"
    exit
fi
e2e_begin matrix
printf '| |'
printf ' %s |' "${chosen[@]}"
printf '\n|---|'
printf -- '---|%.0s' "${chosen[@]}"
echo
for line in "${compositors[@]}"; do
    # shellcheck disable=SC2086
    [[ ${#wanted[@]} = 0 || " ${wanted[*]} " = *" ${line%% *} "* ]] && row $line
done
exit 0
