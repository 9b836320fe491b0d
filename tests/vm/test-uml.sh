#!/bin/bash
# A real guest kernel's virtio_gpu driver and a real user's session, on User-Mode Linux.
. "$(dirname "$0")/session.sh"

KIND=uml
tests=(windows:90)

# A program that draws all the time.
test_windows() {
    session_start weston
    app simple wayferry-guest -- weston-simple-shm
    until_true 20 shows_window || fail "no window"
    until_true 5 moves || fail "nothing moves"
    app_end simple
    session_end
}

e2e_main "$@"
