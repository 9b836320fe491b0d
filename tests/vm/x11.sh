# shellcheck shell=bash
# X11 applications of the guest's user, on the display of wayferry-x11.socket. A file of tests sources this after
# session.sh.

X11_COLOUR=1e5ac8
X11_TITLES='import json, sys
def walk(node):
    if node.get("pid"):
        print(node["app_id"], node["name"], sep="|")
    for child in node["nodes"] + node["floating_nodes"]:
        walk(child)
walk(json.load(sys.stdin))'

x11_windows() {
    sway_message host -t get_tree | python3 -c "$X11_TITLES"
}

# x11_shows PATTERN: the host's compositor has a window whose "app id|title" matches.
x11_shows() {
    until_true "$APP_SECONDS" x11_has_window "$1" || fail "no window $1 but: $(x11_windows)"
}

x11_has_window() {
    x11_windows | grep -qE "$1"
}

x11_coloured() {
    shot host "$WORK/x11.png" && (($(pixels_of "$WORK/x11.png" "#$X11_COLOUR") > 10000))
}

x11_applications() {
    app xterm xterm -bg "#$X11_COLOUR" -T 'X11 in the guest' -e sleep 3600
    x11_shows 'XTerm\|.*X11 in the guest$'
    until_true "$APP_SECONDS" x11_coloured || fail "xterm has no picture ($WORK/x11.png)"
    app gtk4 env GDK_BACKEND=x11 GSK_RENDERER=cairo GTK_A11Y=none gtk4-demo
    x11_shows 'gtk4-demo\|.*GTK Demo$'
    app_end_window gtk4 'gtk4-demo\|'
}

# app_end_window JOB PATTERN: ends it; others' windows stay.
app_end_window() {
    guest_signal vm "$1" KILL
    until_true "$APP_SECONDS" not x11_has_window "$2" || fail "the window of $1 stays on the screen"
}

# x11_clipboard: while xterm is there, which has the keyboard. A selection is taken in answer to a key.
x11_clipboard() {
    local share
    share=$(guest_share vm)
    openssl enc -aes-128-ctr -K 00 -iv 00 -in /dev/zero 2>/dev/null | head -c 300000 >"$share/content"
    # shellcheck disable=SC2016
    spawn copy env WAYLAND_DISPLAY=host sh -c 'exec wl-copy --foreground --type application/x-here <"$0"' "$share/content"
    until_true "$APP_SECONDS" x11_pasted || fail "X clients of the guest do not get what the host's have copied"
    WAYLAND_DISPLAY=host wtype -s 100 x
    app copy-x xclip -quiet -i -selection clipboard -t application/x-there /mnt/content
    until_true "$APP_SECONDS" x11_pasted_on_host || fail "the host does not get what X clients of the guest have copied"
    guest_signal vm copy-x KILL
    stop copy
}

x11_pasted() {
    # shellcheck disable=SC2016
    guest_run vm sh -c 'timeout 20 xclip -o -selection clipboard -t application/x-here >/tmp/pasted-x && cmp /tmp/pasted-x /mnt/content' \
        >"$LOGS/paste.log" 2>&1
}

x11_pasted_on_host() {
    WAYLAND_DISPLAY=host limited 20 wl-paste --no-newline --type application/x-there >"$WORK/pasted" 2>"$LOGS/paste-host.log"
    cmp -s "$WORK/pasted" "$share/content"
}

# All of it: with the display that a user's programs find.
x11_works() {
    display_is_found DISPLAY :0
    guest_run vm wayferry-guest doctor >"$LOGS/doctor-x11.txt" 2>&1 || fail "the doctor finds something (report: $LOGS/doctor-x11.txt)"
    grep -q '^ok *X11 .*wayferry-x11.socket' "$LOGS/doctor-x11.txt" || fail "the doctor does not speak of X11 (report: $LOGS/doctor-x11.txt)"
    x11_applications
    x11_clipboard
    app_end_window xterm 'XTerm\|'
}
