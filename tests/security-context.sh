#!/bin/bash
# A compositor with security contexts (run in a tree that has it, see debian13.sh and newest.sh): what it keeps from
# sandboxed programs it keeps from wayferry-host; its rules see the machine.
# usage: security-context.sh BUILD_DIRECTORY sway | labwc | kwin
. "$(dirname "$0")/tree.sh"

# bridge MODE: a window by way of wayferry-host, whose log is $base/MODE.log, with all that the compositor says.
bridge() {
    "$build/host-bridge/wayferry-host" --socket "$base/$1.gpu" --vm work --security-context "$1" --trace host \
        >"$base/$1.log" 2>&1 &
    pids+=($!)
    local host=$!
    within 10 test -S "$base/$1.gpu" || fail "wayferry-host does not listen ($1)"
    timeout $((20 * slowness)) "$build/guest-proxy/wayferry-guest" --vhost-user "$base/$1.gpu" -- \
        "$build/tests/clients/shm-client" --frames 3 >"$base/$1-guest.log" 2>&1 || fail "no window ($1)"
    kill "$host"
    wait "$host" || fail "wayferry-host fails ($1)"
}

announced() {   # MODE INTERFACE
    grep -q "wl_registry@.*global(.*\"$2\"" "$base/$1.log"
}

# ---- compositors: NAME_start, and what each keeps from sandboxed programs

wlroots_keeps="zwlr_screencopy_manager_v1 zwlr_layer_shell_v1 zwlr_data_control_manager_v1 zwp_virtual_keyboard_manager_v1
    wp_security_context_manager_v1"

sway_start() {
    keeps=$wlroots_keeps
    sway_starts
}

# Rules for this machine's windows, another's, and those of no sandbox.
labwc_start() {
    keeps=$wlroots_keeps
    labwc_starts "<labwc_config><windowRules>
  <windowRule sandboxEngine='wayferry' sandboxAppId='wayferry.work'>
    <action name='Execute' command='touch $base/ours' /></windowRule>
  <windowRule sandboxEngine='wayferry' sandboxAppId='wayferry.other'>
    <action name='Execute' command='touch $base/theirs' /></windowRule>
  <windowRule identifier='wayferry.work.shm-client'>
    <action name='Execute' command='touch $base/any' /></windowRule>
</windowRules></labwc_config>"
}

# KWin gives privileged interfaces to programs that a desktop file names for it, and to no others. Here one names
# wayferry-host: a sandboxed connection of it does not get them all the same. (What KWin offers everybody, as the
# layer shell, it offers sandboxed programs, too.)
kwin_start() {
    local privileged=(kde_lockscreen_overlay_v1 org_kde_kwin_fake_input org_kde_plasma_activation_feedback
        org_kde_plasma_window_management zkde_screencast_unstable_v1)
    keeps="wp_security_context_manager_v1 ${privileged[*]}"
    export XDG_DATA_HOME=$base/data XDG_CACHE_HOME=$base/cache
    mkdir -p "$base/data/applications"
    cat >"$base/data/applications/host.desktop" <<END
[Desktop Entry]
Type=Application
Name=wayferry-host
Exec=$build/host-bridge/wayferry-host
X-KDE-Wayland-Interfaces=$(IFS=, && echo "${privileged[*]}")
END
    kwin_headless
}

"${compositor}_start"
bridge off
[ ! -e "$base/ours" ] || fail "a rule for sandboxed windows is applied to one of none"
bridge auto
bridge require
for interface in $keeps; do
    announced off "$interface" || fail "$interface is not there without a security context either"
    announced auto "$interface" && fail "$interface is there in a security context"
    announced require "$interface" && fail "$interface is there where a security context is required"
done
announced auto wl_compositor || fail "nothing is announced at all"
grep -q 'connections are made in a security context' "$base/auto.log" || fail "it is not told"
grep -q 'connections are made in a security context' "$base/off.log" && fail "a context that was not wanted"
[ -z "$(ls "$XDG_RUNTIME_DIR/wayferry")" ] || fail "a socket is left: $(ls "$XDG_RUNTIME_DIR/wayferry")"
if [ "$compositor" = labwc ]; then
    within 5 test -e "$base/any" || fail "labwc applies no rules at all"
    within 5 test -e "$base/ours" || fail "labwc's rules do not see engine and machine"
    [ ! -e "$base/theirs" ] || fail "a rule for another machine is applied"
fi
echo passed
