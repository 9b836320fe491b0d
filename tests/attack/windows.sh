#!/bin/bash
# An application of a machine that would be more on the screen than its window: what a real compositor shows, or hears,
# of it.
. "$(dirname "$0")/../e2e/lib.sh"

tests=(title:2 cursor:4 drag-icon:4 grab:6 text-input:4 offered:3 background:4)

ATTACK=$WAYFERRY_BUILD/tests/attack/windows
RED='#ff0000'

# attack MODE [SIZE]: starts it.
attack() {
    spawn attacker env WAYLAND_DISPLAY=bridge "$ATTACK" "$@"
}

attack_is_done() {
    until_true 20 grep -qs '^done' "$LOGS/attacker.log" || fail "the attacker has not come that far (log: $LOGS/attacker.log)"
}

attack_ends() {
    alive "${PID[attacker]}" || fail "the attacker ended (log: $LOGS/attacker.log)"
    stop attacker
    rm "$LOGS/attacker.log"
}

machine_start() {
    sway_start compositor
    HOST_OPTIONS='--vm hostile' bridge_start compositor bridge
}

# Characters that move or hide what stands around them are not in what the compositor gets, and the mark is.
test_title() {
    machine_start
    attack title
    attack_is_done
    sway_message compositor -t get_tree >"$LOGS/tree.json"
    compositor_got name '[hostile] a b c d   e f gä'
    compositor_got app_id 'wayferry.hostile.h i'
    attack_ends
    bridge_stop
}

compositor_got() {
    grep -qF "\"$1\": \"$2\"" "$LOGS/tree.json" || fail "$(grep "\"$1\": \".*hostile" "$LOGS/tree.json")"
}

# What sees the screen or other windows, injects input, reads the clipboard without the focus, lies over the desktop or changes
# it: the compositor offers all of these, and guests get none.
test_offered() {
    local name all=(zwlr_screencopy_manager_v1 zwlr_export_dmabuf_manager_v1 zwlr_foreign_toplevel_manager_v1
        zwp_virtual_keyboard_manager_v1 zwlr_virtual_pointer_manager_v1 zwp_input_method_manager_v2 zwlr_data_control_manager_v1
        zwlr_layer_shell_v1 zwlr_output_manager_v1 zwlr_gamma_control_manager_v1
        zwlr_output_power_manager_v1 zwp_keyboard_shortcuts_inhibit_manager_v1)
    machine_start
    "$E2E_DIRECTORY/raw_wayland.py" "$XDG_RUNTIME_DIR/compositor" globals >"$LOGS/direct.txt" || fail "the compositor does not answer"
    "$E2E_DIRECTORY/raw_wayland.py" "$XDG_RUNTIME_DIR/bridge" globals >"$LOGS/offered.txt" || fail "the guest is not answered"
    grep -qx xdg_wm_base "$LOGS/offered.txt" || fail "the guest is offered no windows (what it is: $LOGS/offered.txt)"
    for name in "${all[@]}"; do
        grep -qx "$name" "$LOGS/direct.txt" || fail "the compositor has no $name, so that this shows nothing"
        not grep -qx "$name" "$LOGS/offered.txt" || fail "the guest is offered $name"
    done
    bridge_stop
}

# An application without the focus hears nothing of what is copied on the host, before and while it listens; one that has the
# focus does.
test_background() {
    need wl-copy wl-paste wtype
    machine_start
    spawn keyboard env WAYLAND_DISPLAY=compositor wtype -s 3600000 a    # without one nobody has the focus
    until_true 20 has_keyboard || fail "the seat has no keyboard"
    host_copies first
    spawn listener "$E2E_DIRECTORY/raw_wayland.py" "$XDG_RUNTIME_DIR/bridge" listen
    until_true 20 grep -qx ready "$LOGS/listener.log" || fail "the listener is not answered (log: $LOGS/listener.log)"
    host_copies second
    # It opens a window, for the focus.
    [ "$(WAYLAND_DISPLAY=bridge limited 20 wl-paste --no-newline)" = second ] || fail "who has the focus cannot paste"
    host_copies third
    [ "$(WAYLAND_DISPLAY=bridge limited 20 wl-paste --no-newline)" = third ] || fail "who has the focus cannot paste again"
    alive "${PID[listener]}" || fail "the listener ended (log: $LOGS/listener.log)"
    not grep -q told "$LOGS/listener.log" || fail "who has no focus hears of the clipboard (log: $LOGS/listener.log)"
    stop listener
    stop keyboard
    bridge_stop
}

has_keyboard() {
    sway_message compositor -t get_inputs | grep -q '"type": "keyboard"'
}

host_copies() {
    WAYLAND_DISPLAY=compositor wl-copy "$1"
}

# ---- images that move with the pointer

# The pointer is in the middle of the screen, where sway puts a window that is smaller; commands to it come from fd 8.
pointer_start() {
    mkfifo "$WORK/points"
    # shellcheck disable=SC2016
    spawn pointer env WAYLAND_DISPLAY=compositor sh -c 'exec "$1" --size "$2" <"$3"' sh \
        "$WAYFERRY_CLIENTS/virtual-pointer" "$SIZE" "$WORK/points"
    exec 8>"$WORK/points"
    echo 'move 600 340' >&8
}

# red_pixels [OPTION]: how much of the screen is red; with -c, of it and the cursor.
red_pixels() {
    WAYLAND_DISPLAY=compositor limited 10 grim "$@" -l 1 "$LOGS/image.png" && pixels_of "$LOGS/image.png" "$RED"
}

red_is() {
    [ "$(red_pixels "${@:2}")" = "$1" ]
}

# image_is_shown [OPTION]: all of it.
image_is_shown() {
    until_true 10 red_is $((256 * 256)) "$@" || fail "$(red_pixels "$@") pixels are the image's (picture: $LOGS/image.png)"
}

image_is_not_shown() {
    local red
    red=$(red_pixels "$@")
    [ "$red" = 0 ] || fail "$red pixels are covered (picture: $LOGS/image.png)"
}

# What was shown is gone with its application.
image_goes() {
    until_true 10 red_is 0 "$@" || fail "the image stays (picture: $LOGS/image.png)"
}

# As large as an image may be, and larger.
test_cursor() {
    machine_start
    pointer_start
    attack cursor 256
    attack_is_done
    image_is_shown -c
    attack_ends
    image_goes -c
    attack cursor 257
    attack_is_done
    image_is_not_shown -c
    attack_ends
    bridge_stop
}

# drag SIZE: with a button held until the image has been looked at.
drag() {
    attack drag "$1"
    until_true 20 grep -qs '^entered' "$LOGS/attacker.log" || fail "no window below the pointer (log: $LOGS/attacker.log)"
    echo 'button 272 1' >&8
    attack_is_done
}

dropped() {
    echo 'button 272 0' >&8
    attack_ends
}

test_drag_icon() {
    machine_start
    pointer_start
    drag 256
    image_is_shown
    dropped
    image_goes
    drag 257
    image_is_not_shown
    dropped
    bridge_stop
}

# ---- menus

# A menu takes the pointer from all windows, so it does only in answer to what its user does: not while the user is in
# another machine's window, neither with a serial that was made up nor with one that was given before.
test_grab() {
    local log=$LOGS/bystander.log
    machine_start
    HOST_OPTIONS='--vm other' bridge_start compositor other
    pointer_start
    spawn bystander env WAYLAND_DISPLAY=other "$WAYFERRY_CLIENTS/event-log"
    until_true 20 grep -qsx mapped "$log" || fail "the bystander has no window (log: $log)"
    attack grab 64
    screen_settle compositor "$LOGS/windows.png" || fail "the windows find no place"
    # The new window is on the right.
    echo 'move 900 300' >&8
    until_true 20 grep -qs '^entered' "$LOGS/attacker.log" || fail "no window below the pointer (log: $LOGS/attacker.log)"
    click
    until_true 20 grep -qs '^pressed' "$LOGS/attacker.log" || fail "the attacker was not clicked on"
    echo 'move 300 300' >&8
    until_true 20 grep -qs '^pointer enter' "$log" || fail "the bystander is not below the pointer (log: $log)"
    attack_is_done
    grep -qx 'dismissed 1 1' "$LOGS/attacker.log" || fail "a menu has the input (log: $LOGS/attacker.log)"
    click
    until_true 10 grep -q '^pointer button 272 1' "$log" || fail "the bystander is not clicked on (log: $log)"
    attack_ends
    stop bystander
    bridge_stop
}

click() {
    printf 'button 272 1\nbutton 272 0\n' >&8
}

# ---- input

# heard REQUEST: how often the compositor heard it, of text inputs.
heard() {
    grep -cE "zwp_text_input_v1[@#][0-9]+\.$1\(" "$LOGS/compositor.log"
}

# A text input is active for the surface that has the keyboard alone, and asks for a panel only then.
test_text_input() {
    local request
    need wtype
    sway_start host
    spawn keyboard env WAYLAND_DISPLAY=host wtype -s 3600000 a
    weston_start compositor 800x500 pixman wayland WAYLAND_DISPLAY=host WAYLAND_DEBUG=server
    HOST_OPTIONS='--vm hostile' bridge_start compositor bridge
    attack text-input
    attack_is_done
    for request in activate show_input_panel; do
        [ "$(heard $request)" = 1 ] || fail "the compositor heard $(heard $request) times of $request, not once"
    done
    attack_ends
    bridge_stop
}

e2e_main "$@"
