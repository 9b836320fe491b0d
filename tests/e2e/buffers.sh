#!/bin/bash
# Buffers that a compositor can import, and what becomes of those that it does not: with a compositor that says what
# it was told (tests/clients/seat-compositor), and stand-ins for a GPU (tests/renderer/gbm) and for dma-bufs
# (tests/clients/dmabufs.c).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/seat.sh"

tests=(layouts:3 lies:2 refused-images:3 refused-udmabuf:2 gbm-frames:3 gbm-ends:5 refused-frames:3)

# buffers_start gbm|udmabuf dmabuf|dmabuf-refused: where wayferry-host has its buffers; what seat-compositor makes of them.
buffers_start() {
    seat_start compositor 1 "$2"
    HOST_UNDER="env LD_PRELOAD=$WAYFERRY_CLIENTS/libdmabufs.so LD_LIBRARY_PATH=$WAYFERRY_BUILD/tests/renderer/gbm \
        ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0"
    HOST_OPTIONS=--stats
    [ "$1" != gbm ] || HOST_OPTIONS+=" --buffers gbm --render-node /dev/zero"
    bridge_start_host compositor bridge
}

# raw_layouts CASE...: a guest that is not ours; what it says is what standard input has.
raw_layouts() {
    cat >"$WORK/layouts.expected"
    limited 60 "$WAYFERRY_CLIENTS/faults/raw-layouts" "$XDG_RUNTIME_DIR/bridge.gpu" "$@" >"$LOGS/layouts.log" 2>&1
    diff "$WORK/layouts.expected" "$LOGS/layouts.log" >&2 || fail "the guest is told something else (log: $LOGS/layouts.log)"
}

# compositor_told: the buffers that the compositor was to import, and what it made of them, are what standard input has.
compositor_told() {
    cat >"$WORK/told.expected"
    until_true 10 told_all || {
        diff "$WORK/told.expected" "$WORK/told" >&2
        fail "the compositor is told something else (log: $LOGS/compositor.log)"
    }
}

told_all() {
    grep -vE '^(ready$|error in client communication)' "$LOGS/compositor.log" >"$WORK/told"
    cmp -s "$WORK/told.expected" "$WORK/told"
}

# counted COUNTER VALUE: of wayferry-host
counted() {
    bridge_counters bridge host
    [ "$(bridge_counter bridge host "$1")" = "$2" ] ||
        fail "\"$1\" is $(bridge_counter bridge host "$1"), and not $2 (log: $LOGS/bridge-host.log)"
}

buffers_stop() {
    alive "${PID[bridge-host]}" || fail "wayferry-host ended by itself (log: $LOGS/bridge-host.log)"
    stop bridge-host || fail "wayferry-host ignored SIGTERM"
    [ "$STOP_STATUS" = 0 ] || fail "wayferry-host ended with status $STOP_STATUS (log: $LOGS/bridge-host.log)"
    sanitizers_silent
    seat_stop compositor
}

# Whoever asks for any layout gets one that GPU and compositor share, and else rows; and the compositor gets just that.
test_layouts() {
    buffers_start gbm dmabuf
    raw_layouts tiled tiled-later planes none-shared linear unasked unknown sommelier <<'END'
tiled: 0x100000000000001 at 0 by 1024, not mapped: shown
tiled-later: 0x100000000000001 at 0 by 1024, not mapped: shown
planes: 0x100000000000004 at 0 by 1024, at 57344 by 64, not mapped: shown
none-shared: 0x0 at 0 by 768, mapped: shown
linear: 0x0 at 0 by 768, mapped: shown
unasked: 0x0 at 0 by 768, mapped: shown
unknown: 0x0 at 0 by 768, mapped: shown
sommelier: 0x0 at 0 by 1024, mapped: shown
END
    compositor_told <<'END'
dma-buf of 130x50 XR24 0x100000000000001 at 0 by 1024
mapped
dma-buf of 130x50 XR24 0x100000000000001 at 0 by 1024
mapped
dma-buf of 130x50 XB24 0x100000000000004 at 0 by 1024, 0x100000000000004 at 57344 by 64
mapped
dma-buf of 130x50 AR24 0x0 at 0 by 768
mapped
dma-buf of 130x50 XR24 0x0 at 0 by 768
mapped
dma-buf of 130x50 XR24 0x0 at 0 by 768
mapped
dma-buf of 130x50 XR24 0xffffffffffffff at 0 by 768
mapped
dma-buf of 130x50 XR24 0x0 at 0 by 1024
mapped
END
    counted 'dma-bufs handed on' 8
    buffers_stop
}

# Who says of an image what it was not told loses its connection, and hears why; the compositor hears nothing of it.
test_lies() {
    buffers_start gbm dmabuf
    raw_layouts says-rows says-unknown says-tiled tiled <<'END'
says-rows: 0x100000000000001 at 0 by 1024, not mapped: error 4, plane 0 has the modifier 0x0100000000000001, and not 0x0000000000000000
says-unknown: 0x100000000000001 at 0 by 1024, not mapped: error 4, plane 0 has the modifier 0x0100000000000001, and not 0x00ffffffffffffff
says-tiled: 0x0 at 0 by 768, mapped: error 4, plane 0 has the modifier 0x0000000000000000, and not 0x0100000000000001
tiled: 0x100000000000001 at 0 by 1024, not mapped: shown
END
    compositor_told <<'END'
dma-buf of 130x50 XR24 0x100000000000001 at 0 by 1024
mapped
END
    buffers_stop
}

# A compositor that does not import what it was asked to create: the guest hears it, and shows the same memory as wl_shm, which
# is tried as a dma-buf once more, as it is a GPU's.
test_refused_images() {
    buffers_start gbm dmabuf-refused
    raw_layouts rows-later unasked rows-later <<'END'
rows-later: 0x0 at 0 by 768, mapped: failed, shown as wl_shm
unasked: 0x0 at 0 by 768, mapped: error 7, not imported
rows-later: 0x0 at 0 by 768, mapped: failed, shown as wl_shm
END
    compositor_told <<'END'
dma-buf of 130x50 XR24 0x0 at 0 by 768
refused
dma-buf of 130x50 XR24 0x0 at 0 by 768
refused
mapped
dma-buf of 130x50 XR24 0x0 at 0 by 768
refused
dma-buf of 130x50 XR24 0x0 at 0 by 768
refused
dma-buf of 130x50 XR24 0x0 at 0 by 768
refused
mapped
END
    counted 'wl_shm as dma-bufs' 0
    buffers_stop
}

# The same of the guest's own pages, of which udmabuf makes dma-bufs. As wl_shm the compositor is not asked to import them.
test_refused_udmabuf() {
    buffers_start udmabuf dmabuf-refused
    raw_layouts own-later own-later <<'END'
own-later: 0x0 at 0 by 520, mapped: failed, shown as wl_shm
own-later: 0x0 at 0 by 520, mapped: failed, shown as wl_shm
END
    compositor_told <<'END'
dma-buf of 130x50 XR24 0x0 at 0 by 520
refused
mapped
dma-buf of 130x50 XR24 0x0 at 0 by 520
refused
mapped
END
    counted 'guest blobs shared as dma-bufs' 4
    counted 'shadowed bytes' 0
    buffers_stop
}

# An application of wayferry-guest's that draws by wl_shm, in buffers of a GPU.
frames_drawn() {
    bridge_start_guest bridge
    WAYLAND_DISPLAY=bridge limited 30 "$WAYFERRY_CLIENTS/shm-client" --size 256x200 --frames 20 --unsealed >"$LOGS/client.log" 2>&1 ||
        fail "the application ended (log: $LOGS/client.log)"
    grep -qx '20 frames' "$LOGS/client.log" || fail "the application did not draw (log: $LOGS/client.log)"
    stop bridge-guest
}

test_gbm_frames() {
    buffers_start gbm dmabuf
    frames_drawn
    sort -u "$LOGS/compositor.log" >"$WORK/told"
    diff - "$WORK/told" >&2 <<'END' || fail "the compositor is told something else"
dma-buf of 256x200 XR24 0x0 at 0 by 1024
mapped
ready
END
    buffers_stop
}

# drawn_anew SIZE: by an application of its own.
drawn_anew() {
    WAYLAND_DISPLAY=bridge limited 30 "$WAYFERRY_CLIENTS/shm-client" --size "$1" --frames 20 --unsealed >"$LOGS/client.log" 2>&1 ||
        fail "the application with $1 ended (log: $LOGS/client.log)"
}

# gbm_worker: sets worker to the process that makes the buffers.
gbm_worker() {
    worker=$(descendants "${PID[bridge-host]}" wayferry-gbm)
    [ -n "$worker" ]
}

# A GPU that is unplugged: the process that makes its buffers ends whenever it is started. Windows stay, and from the third time
# on new ones are in memory, as wl_shm.
test_gbm_ends() {
    local i worker
    buffers_start gbm dmabuf
    bridge_start_guest bridge
    spawn held env WAYLAND_DISPLAY=bridge "$WAYFERRY_CLIENTS/shm-client" --size 248x200 --frames 5 --hold --unsealed
    until_true 20 grep -qs '^5 frames' "$LOGS/held.log" || fail "the application did not draw (log: $LOGS/held.log)"
    for i in 1 2 3; do
        until_true 10 gbm_worker || fail "no process makes buffers"
        kill -KILL "$worker"
        until_true 10 not alive "$worker" || fail "the process that makes buffers stays"
        drawn_anew "$((248 + 8 * i))x200"
    done
    alive "${PID[held]}" || fail "the window has ended with the GPU (log: $LOGS/held.log)"
    grep -q 'from now on they are made of memory' "$LOGS/bridge-host.log" || fail "wayferry-host does not say that the GPU is gone"
    [ "$(grep -cx mapped "$LOGS/compositor.log")" = 4 ] || fail "not every window was mapped"
    grep '^dma-buf' "$LOGS/compositor.log" | sort -u | diff - /dev/fd/3 3<<'END' >&2 || fail "the compositor is told something else"
dma-buf of 248x200 XR24 0x0 at 0 by 1024
dma-buf of 256x200 XR24 0x0 at 0 by 1024
dma-buf of 264x200 XR24 0x0 at 0 by 1280
END
    stop held
    stop bridge-guest
    buffers_stop
}

# Refused once, and not tried again for that format; the application knows nothing of it.
test_refused_frames() {
    buffers_start gbm dmabuf-refused
    frames_drawn
    compositor_told <<'END'
dma-buf of 256x200 XR24 0x0 at 0 by 1024
refused
mapped
END
    counted 'wl_shm as dma-bufs' 0
    buffers_stop
}

e2e_main "$@"
