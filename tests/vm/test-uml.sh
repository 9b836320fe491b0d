#!/bin/bash
# A real guest kernel's virtio_gpu driver and a real user's session, on User-Mode Linux.
. "$(dirname "$0")/session.sh"
. "$LAB/dmabuf.sh"

KIND=uml
tests=(windows:90 dmabuf-sway:150 dmabuf-weston:150 dmabuf-weston14:150 dmabuf-storm:240)

# A program that draws all the time.
test_windows() {
    session_start weston
    app simple wayferry-guest -- weston-simple-shm
    until_true 20 shows_window || fail "no window"
    until_true 5 moves || fail "nothing moves"
    app_end simple
    session_end
}

# Frames in memory of the GPU device, on compositors without linux-dmabuf and with it.
test_dmabuf_sway() {
    session_start sway
    dmabuf_windows
    dmabuf_shm_pairs >"$LOGS/pairs"
    dmabuf_feedback "$LOGS/pairs"
    session_end
}

test_dmabuf_weston() {
    session_start weston_pixman
    dmabuf_windows
    session_end
}

weston_pixman_start() {
    weston_start "$1" "$2" pixman
}

# Guest pages are no dma-buf at the host either, so its linux-dmabuf does not see them.
test_dmabuf_weston14() {
    session_start weston14
    dmabuf_windows
    "$LAB/guest.sh" direct "$XDG_RUNTIME_DIR/host" "$DMABUF_CLIENT" --formats >"$LOGS/formats.direct" ||
        fail "the compositor has no linux-dmabuf"
    dmabuf_usable "$LOGS/formats.direct" >"$LOGS/pairs"
    dmabuf_feedback "$LOGS/pairs"
    session_end
}

# A thousand sizes in one connection, of each kind of buffers: nothing is left of them on either side.
test_dmabuf_storm() {
    local via
    session_start sway
    for via in dmabuf shm; do
        dmabuf_storm $via 20
        cp "$WORK/storm" "$WORK/storm.few"
        dmabuf_storm $via 1000
        diff "$WORK/storm.few" "$WORK/storm" >&2 || fail "a storm of sizes ($via) left something behind"
    done
    session_end
}

e2e_main "$@"
