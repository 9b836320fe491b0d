#!/bin/bash
# Parts of the desktop's language that few compositors have (run in a tree that has the compositor, see newest.sh and
# debian13.sh): what it says of each, and does, is the same direct and bridged, and so is that it has none. Which has which
# is in the table below, and in docs/compositors.md.
# usage: language.sh BUILD_DIRECTORY sway | sway-1.10 | labwc | kwin | mutter | weston
. "$(dirname "$0")/tree.sh"

# What each has; "fixes", which it has for itself, guests do not get.
declare -A has=(
    [sway]='export import fixes decoration'
    [sway-1.10]='export import decoration'
    [labwc]='export import fixes decoration'
    [kwin]='warp export import effect fixes text-input decoration sessions'
    [mutter]='warp export import effect fixes bell gtk-shell sessions'
    [weston]=''
)
parts=(warp export import effect fixes text-input gtk-primary decoration bell gtk-shell sessions)

sway_start() {
    sway_starts 'default_border none'
}

sway-1.10_start() {
    sway_start
}

labwc_start() {
    labwc_starts '<labwc_config />'
}

kwin_start() {
    kwin_in_sway
    pointer_start "$screen"
    point 'move 640 360'
}

mutter_start() {
    bus_start
    compositor_starts mutter --headless --wayland --no-x11 --wayland-display wayland-1 --virtual-monitor 1280x720
    mkfifo "$base/points"
    python3 "$here/e2e/mutter_pointer.py" <"$base/points" >"$base/pointer.log" 2>&1 &
    pids+=($!)
    exec 8>"$base/points"
    point 'by -9999 -9999' 'by 640 360'     # the middle
    within 20 has_pointer || fail "mutter has no pointer"
}

has_pointer() {
    WAYLAND_DISPLAY=$display wayland-info | grep -q 'capabilities: .*pointer'
}

weston_start() {
    compositor_starts weston --backend=headless --renderer=pixman --socket=wayland-1 --width=640 --height=480 --idle-time=0
}

# another NAME LINE...: a display NAME of another machine, of that name, in whose configuration LINEs are.
another() {
    printf '%s\n' "${@:2}" >"$base/$1.conf"
    machine_start "$1" "$1" --config "$base/$1.conf" --trace host
}

# says DISPLAY PART [ARGUMENT]: what the client there hears.
says() {
    WAYLAND_DISPLAY=$1 timeout $((30 * slowness)) "$build/tests/clients/language-client" "${@:2}" 2>>"$base/client.log" |
        grep -v '^pointer '
    [ "${PIPESTATUS[0]}" = 0 ] || echo "the client fails"
}

# same PART WANTED...: so it is direct and bridged, and each WANTED, an expression, is a line of it. MACHINE: whose display.
same() {
    local wanted direct bridged
    direct=$(says "$display" "$1")
    bridged=$(says "${MACHINE:-bridge}" "$1")
    echo "$direct"
    [ "$bridged" = "$direct" ] || fail "$1: bridged it is otherwise: $bridged"
    for wanted in "${@:2}"; do
        grep -qxE "$wanted" <<<"$direct" || fail "$1: no line $wanted"
    done
}

# ---- the parts: check_NAME, of a compositor that has it

# The compositor puts the pointer elsewhere on the window that it is on.
check_warp() {
    local on
    for on in "$display" bridge; do
        start "warp-$on" env WAYLAND_DISPLAY="$on" "$build/tests/clients/language-client" warp
        within 20 stirred grep -qs '^pointer enter' "$base/warp-$on.log" || fail "no pointer on the window on $on"
        point 'button 272 1' 'button 272 0'
        within 20 grep -qsx asked "$base/warp-$on.log" || fail "nobody is asked to move the pointer on $on"
        within 20 stirred grep -qsx warped "$base/warp-$on.log" || fail "the pointer is not moved on $on"
        within 20 not_alive "${pids[-1]}" || fail "the client does not end on $on"
    done
}

# stirred COMMAND...: after the pointer was moved by a little, and back.
stirred() {
    point "by $stir 0"
    stir=$((-stir))
    "$@"
}
stir=1

# foreign FROM TO: a dialog on TO of a window on FROM, until that ends.
foreign() {
    local parent handle
    start "parent-$1-$2" env WAYLAND_DISPLAY="$1" "$build/tests/clients/language-client" export
    parent=${pids[-1]}
    within 20 grep -qs '^handle .' "$base/parent-$1-$2.log" || fail "no handle of a window on $1"
    handle=$(sed -n 's/^handle //p' "$base/parent-$1-$2.log")
    start "dialog-$1-$2" env WAYLAND_DISPLAY="$2" "$build/tests/clients/language-client" import "$handle"
    within 20 grep -qsx shown "$base/dialog-$1-$2.log" || fail "no dialog on $2 of a window on $1"
    within 20 "has_parent_${compositor%-*}" || fail "the dialog on $2 is none of the window on $1"
    kill "$parent"
    within 20 grep -qx 'no parent' "$base/dialog-$1-$2.log" || fail "the dialog on $2 does not hear of the end of its parent on $1"
}

# sway has dialogs float, whatever its windows do.
has_parent_sway() {
    swaymsg -t get_tree | python3 -c 'import json, sys
def floats(node):
    return any((n["name"] or "").endswith("Dialog") for n in node["floating_nodes"]) or any(map(floats, node["nodes"]))
sys.exit(not floats(json.load(sys.stdin)))'
}

has_parent_kwin() {
    kwin_window "w.caption + '|' + (w.transientFor ? w.transientFor.caption : '')" \
        '(\[work\] )?Dialog\|(\[work\] )?Parent'
}

# Nothing outside tells of it.
has_parent_labwc() {
    true
}

has_parent_mutter() {
    true
}

# What is no window cannot be a parent; KWin does not say so.
check_export() {
    local wanted=('error 0 of zxdg_exporter_v2')
    [ "$compositor" != kwin ] || wanted=()
    same export-nothing "${wanted[@]}"
}

# A window of the host's, as its portals', may be a dialog of a guest's.
check_import() {
    same import 'no parent'
    foreign "$display" "$display"
    foreign bridge bridge
    foreign bridge "$display"
}

check_effect() {
    same effect 'capabilities [01]' blurred
    same effect-twice 'error 0 of ext_background_effect_manager_v1'
}

# What guests do not get (docs/policy.md).
check_fixes() {
    local direct bridged
    direct=$(says "$display" fixes)
    bridged=$(says bridge fixes)
    echo "$direct"
    grep -qx destroyed <<<"$direct" || fail "no registry is destroyed"
    [ "$bridged" = 'wl_fixes none' ] || fail "guests have it: $bridged"
}

check_text-input() {
    same text-input 'enter window'
}

check_gtk-primary() {
    same gtk-primary 'type text/plain;charset=utf-8' 'pasted language'
}

check_decoration() {
    same decoration 'default mode [0-2]' 'mode [0-2]'
}

# The bell reaches the compositor; where it may not, the machine has none.
check_bell() {
    same bell rung
    [ "$(grep -c 'up  -> xdg_system_bell_v1@[0-9]*\.ring(' "$base/work-host.log")" = 2 ] || fail "the compositor is not asked to ring"
    another silent '[policy]' 'bell = deny'
    [ "$(says silent bell)" = 'xdg_system_bell_v1 none' ] || fail "a bell that is denied is offered"
    grep -q 'up wl_registry@.*global(.*"xdg_system_bell_v1"' "$base/silent-host.log" || fail "the compositor did not offer it to wayferry-host"
}

# guarded INTERFACE PART: guests do not have it; one that is trusted has.
guarded() {
    local bridged
    bridged=$(says bridge "$2")
    [ "$bridged" = "$1 none" ] || fail "each guest has $1: $bridged"
    [ -S "$base/rt/trusted" ] || another trusted '[policy]' 'gtk_shell1 = allow' 'xdg_session_manager_v1 = allow'
    grep -q "the configuration gives guests $1" "$base/trusted-host.log" || fail "no warning of $1"
}

# GTK says what is of windows; what names the host's programs and D-Bus stays.
check_gtk-shell() {
    guarded gtk_shell1 gtk-shell
    MACHINE=trusted same gtk-shell 'capabilities [0-9]+' 'states.*' told
    grep -q 'up  -> gtk_surface1@[0-9]*\.set_modal(' "$base/trusted-host.log" || fail "the compositor does not hear what is modal"
    grep -q '\.set_dbus_properties(' "$base/trusted-guest.log" "$base/trusted-host.log" || fail "the client names nothing"
    ! grep -E 'up  -> gtk_s[a-z]*1@[0-9]*\.set_(dbus|startup|a11y)' "$base/trusted-host.log" || fail "the compositor hears names"
}

# A window is kept when its client has ended, and the next client gets it back.
check_sessions() {
    local on session
    guarded xdg_session_manager_v1 sessions
    for on in "$display" trusted; do
        session=$(says "$on" sessions | sed -n 's/^session //p')
        [ "$session" ] || fail "no session on $on"
        [ "$(says "$on" sessions "$session" | tail -n +2)" = $'restored\nwindow restored\nremoved' ] ||
            fail "the window is not given back on $on"
    done
}

"${compositor}_start"
bridge_start --trace host
for part in "${parts[@]}"; do
    [[ " ${has[$compositor]} " = *" $part "* ]] && continue
    [[ "$(says "$display" "$part")" =~ ^[a-z0-9_]+\ none$ ]] || fail "$compositor has $part, of which the table does not know"
    same "$part"
done
for part in ${has[$compositor]}; do
    "check_$part"
done
echo passed
