#!/bin/bash
# Guests on QEMU: Debian's own kernels and their virtio_gpu drivers, wayferry-host's memory mapped into
# them. One boot for each kernel shows all that applications need; what may go wrong on the way is
# tried on one of them.
. "$(dirname "$0")/session.sh"
. "$(dirname "$0")/applications.sh"
. "$(dirname "$0")/survival.sh"
. "$(dirname "$0")/dmabuf.sh"
. "$(dirname "$0")/foreign.sh"
. "$(dirname "$0")/service.sh"
. "$(dirname "$0")/three-d.sh"
. "$(dirname "$0")/console.sh"
. "$(dirname "$0")/x11.sh"

tests=(windows-6-12:338 udmabuf:142)
# UML has many, foreign, x11 and 64 MB through the clipboard for every run.
full=(windows-6-1:170 windows-newest:267 two-reboots:229 many:200 foreign:83 x11:140 console:30 console-vga:30 clipboard:140)

TIMES=5         # times as long as natively, at least: processors in software, shared with other tests
APP_SECONDS=$((APP_SECONDS * TIMES))
COLOUR=0xc81e5a

APPS=(simple-shm foot qt6 mpv gtk4)

test_windows_6_1() { windows qemu-6.1 0 70000 3145728; }
test_windows_6_12() { windows qemu-6.12 1 70000 3145728; }
test_windows_newest() { windows qemu-newest 0 70000 3145728; }

# windows KIND BYTES...: the applications of the guest's user, as test-uml.sh has them; and that nothing is copied.
windows() {
    KIND=$1
    input_direct
    session_start sway apps_direct "${APPS[@]}"
    apps_equal "${APPS[@]}"
    same_memory
    input_equal
    clipboard_both_ways "${@:2}"
    bridge_counters vm host
    [ "$(bridge_counter vm host 'shadowed bytes')" = 0 ] || fail "wayferry-host copied pixels"
    until_true $((5 * TIMES)) nothing_left || fail "something is left of clients that are gone"
    session_end
}

# In software emulation it takes a while.
test_clipboard() {
    KIND=qemu-6.12
    session_start sway
    clipboard_both_ways 67108864
    session_end
}

# ---- no copies: the compositor reads the memory that the guest wrote to

same_memory() {
    app solid wayferry-guest -- "$LAB_PROGRAMS/shm-client" --size 400x300 --solid --seed $COLOUR --hold
    until_true "$APP_SECONDS" shows_window || fail "no window"
    "$LAB/same-memory.py" "${PID[vm-host]}" "${PID[vm-vm]}" "${PID[host]}" $COLOUR 120000 || fail "the memory is not shared"
    app_end solid
}

# ---- udmabuf: a guest plays the host, as its kernel has what this machine's may lack

test_udmabuf() {
    KIND=qemu-6.12
    session_start sway
    udmabuf_case shm weston
    udmabuf_says 'mapped: [1-9][0-9]* dma-bufs, 0 memfds'
    [ "$(pixels_of "$(guest_share vm)/udmabuf.png" "#${COLOUR#0x}")" = 120000 ] ||
        fail "the picture is not what the client drew"
    udmabuf_case dmabuf weston
    udmabuf_says 'dma-bufs handed on 2'
    same "$(guest_share vm)/direct.png" "$(guest_share vm)/udmabuf.png" || fail "the picture is not what the guest drew"
    udmabuf_case dmabuf mutter
    udmabuf_says 'dma-bufs handed on 2'
    udmabuf_case refused refusing
    udmabuf_says refused
    session_end
}

# ---- buffers of a GPU: the same guest has one that does not render

full+=(gbm:150)

test_gbm() {
    KIND=qemu-6.12
    session_start sway
    host_case gbm weston
    udmabuf_says 'wl_shm as dma-bufs [1-9][0-9]*'
    udmabuf_says 'gbm buffers made [1-9][0-9]*'
    gbm_picture
    host_case memory weston
    udmabuf_says 'wl_shm as dma-bufs 0'
    gbm_picture
    host_case gbm mutter
    udmabuf_says 'wl_shm as dma-bufs [1-9][0-9]*'
    udmabuf_says 'gbm buffers made [1-9][0-9]*'
    host_case gbm refusing
    udmabuf_says refused
    udmabuf_says 'gbm buffers made [1-9][0-9]*'
    udmabuf_says 'wl_shm as dma-bufs 0'
    session_end
}

gbm_picture() {
    [ "$(pixels_of "$(guest_share vm)/udmabuf.png" "#${COLOUR#0x}")" = 120000 ] ||
        fail "the picture is not what the client drew"
}

# host_case FRAMES COMPOSITOR: see udmabuf.sh
host_case() {
    UDMABUF_LOG=$LOGS/udmabuf-$1-$2.log
    guest_run vm --root "$LAB_PROGRAMS/udmabuf.sh" "$@" >"$UDMABUF_LOG" || fail "it failed (log: $UDMABUF_LOG)"
    udmabuf_says 'shadowed bytes 0'
    udmabuf_says 'errors 0'
    udmabuf_says 'wayferry-host ended with status 0'
}

udmabuf_case() {
    host_case "$@"
    udmabuf_says 'udmabuf works'
    udmabuf_says 'guest blobs shared as dma-bufs [1-9][0-9]*'
}

udmabuf_says() {
    grep -qx "$1" "$UDMABUF_LOG" || fail "no \"$1\" (log: $UDMABUF_LOG)"
}

# ---- frames in memory of the GPU device, here that of the host

tests+=(dmabuf:117)

test_dmabuf() {
    KIND=qemu-6.12
    DMABUF_TIMEOUT=$((15 * TIMES))
    session_start sway
    dmabuf_host_windows
    zero_copy ink ink --size 300x200 --strokes 8
    zero_copy video video --size 320x180 --frames 8
    session_end
}

# ---- OpenGL and Vulkan, rendered by a newer host

tests+=(three-d:236)

test_three_d() {
    KIND=qemu-6.12
    three_d_session sway
    three_d_windows
    one_memory
    workers_killed
    session_end
}

# ---- what may go wrong, on one of the kernels

tests+=(survival:129 reboots:120)

test_survival() {
    KIND=qemu-6.12
    session_start sway
    survives_death_of_guest_service
    survives_death_of_compositor
    survives_new_device
    session_end
}

# In software emulation they take their time. test-uml.sh has more.
test_reboots() {
    KIND=qemu-6.12
    session_start sway
    survives_reboots "${1:-1}"
    session_end
}

test_two_reboots() { test_reboots 2; }

test_many() {
    KIND=qemu-6.12
    host_limits "connections = 1100"
    session_start weston
    commits_leave_nothing 10000
    clients_at_once 1000
    session_end
}

test_x11() {
    KIND=qemu-6.12
    session_start sway
    x11_works
    session_end
}

# With 3D the window is mapped piece by piece, and so each blob anew.
test_foreign() {
    KIND=qemu-6.12
    HOST_OPTIONS="--renderer virgl"
    session_start sway
    foreign_cases window
    blobs_lose_nothing 9000
    session_end
}

e2e_main "$@"
