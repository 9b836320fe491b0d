# shellcheck shell=bash
# Checks of 3D in a running guest (session.sh), the same for every kind of machine.

GL_COLOUR=2a6fc3    # what the guest's own compositor shows

# opengl_start NAME: a compositor in the guest, which draws with OpenGL. It is headless: what it shows
# is asked of it.
opengl_start() {
    local share
    share=$(guest_share vm)
    cat >"$share/weston.ini" <<END
[core]
shell=desktop
[shell]
background-color=0xff$GL_COLOUR
panel-position=none
locking=false
END
    guest_spawn vm "$1" weston --backend=headless --renderer=gl --width=320 --height=200 --debug --socket="$1" \
        --config=/mnt/weston.ini --log="/mnt/$1.log"
    until_true "$APP_SECONDS" grep -qs "GL renderer: virgl" "$share/$1.log" ||
        fail "the guest's OpenGL is not virgl ($(grep -s -m 1 'GL renderer' "$share/$1.log"))"
}

# opengl_right NAME: its picture is right, pixel for pixel.
opengl_right() {
    until_true "$APP_SECONDS" opengl_picture "$1" || fail "the picture is wrong: $LOGS/$1.png"
}

opengl_picture() {
    guest_run vm sh -c "cd \$(mktemp -d) && WAYLAND_DISPLAY=$1 weston-screenshooter >&2 && cat *.png" >"$LOGS/$1.png" &&
        [ "$(pixels_of "$LOGS/$1.png" "#$GL_COLOUR")" = 64000 ]
}

# Where the host cannot share what it draws (Debian 12), windows are drawn by the guest; elsewhere by the host. Never
# does a program die of it.
opengl_in_software() {
    app window-gl weston-simple-egl
    until_true "$APP_SECONDS" shows_window ||
        fail "weston-simple-egl: no window ($(cat "$(guest_output vm window-gl stderr)"))"
    until_true 20 moves || fail "weston-simple-egl: nothing moves"
    app_end window-gl
}

# The processes of 3D contexts, the oldest first.
worker_pids() {
    { descendants "${PID[vm-host]}" wayferry-virgl; descendants "${PID[vm-host]}" wayferry-venus; } | by_age
}

workers_are() {
    [ "$(worker_pids | wc -w)" = "$1" ]
}

# workers_rest: nobody works when nothing happens: less than 2 % of a processor, all together.
workers_rest() {
    local before after
    before=$(workers_ticks)
    sleep 3
    after=$(workers_ticks)
    ((after - before <= 3 * $(getconf CLK_TCK) / 50))
}

workers_ticks() {
    local pid sum=0
    for pid in "${PID[vm-host]}" $(worker_pids); do
        sum=$((sum + $(sed 's/.*) //' "/proc/$pid/stat" | cut -d ' ' -f 12,13 | tr ' ' +)))
    done
    echo $sum
}

# ---- windows of programs that draw with OpenGL and Vulkan, which the host renders (host.sh)

# What colours-gl and colours-vulkan show in the end: left to right, then down.
COLOURS=('#ff0000' '#00cc33' '#3366ff' '#999999')
COLOURS_SIZE=402x302
THREE_D_SECONDS=60      # until a window must be there; software emulation and software rendering

# three_d_session COMPOSITOR: as session_start, but the host's side is that of host.sh.
three_d_session() {
    local display
    compositor_start "$1" host
    display=$(realpath "$XDG_RUNTIME_DIR/host")
    spawn vm-host "$LAB/guest.sh" host "$BASE" --socket /mnt/rt/vm.gpu --wayland-display "/mnt${display#"$BASE"}" \
        --renderer virgl,venus
    until_true 30 test -S "$XDG_RUNTIME_DIR/vm.gpu" || fail "wayferry-host does not listen (log: $LOGS/vm-host.log)"
    guest_boot "$KIND" vm
}

# colours_right JOB PROGRAM RENDERER: the program's last picture is right, to the pixel; a renderer of that name drew
# it; nobody copied anything.
colours_right() {
    local job=$1 output
    output=$(guest_output vm "$job")
    app "$job" wayferry-guest --stats -- env WAYLAND_DEBUG=client "$LAB_PROGRAMS/$2"
    until_true "$THREE_D_SECONDS" grep -qsx shown "$output" || fail "$2 shows nothing ($(cat "$output" "$(guest_output vm "$job" stderr)"))"
    head -n 1 "$output" | grep -q "^$3" || fail "$2 is drawn by $(head -n 1 "$output")"
    until_true 10 colours_shown "$LOGS/$job.png" || fail "the picture of $2 is wrong: $LOGS/$job.png"
    guest_signal vm "$job" TERM
    guest_wait vm "$job"
    until_true 20 screen_is host "$WORK/host.empty.png" || fail "the window of $2 stays on the screen"
    grep -qx 'copied_bytes 0' "$(guest_output vm "$job" stderr)" || fail "wayferry-guest copied pixels of $2"
    [ "$(sed -n 's/^dmabufs //p' "$(guest_output vm "$job" stderr)")" -ge 2 ] || fail "$2 has no swapchain"
}

# waits_implicitly JOB: a driver that could have explicit synchronisation does without, as docs/3d.md says of Mesa's: OpenGL
# has no code for it, and Vulkan uses it where timeline semaphores can be exported (it binds the global in any case).
waits_implicitly() {
    local trace manager=wp_linux_drm_syncobj_manager_v1
    trace=$(guest_output vm "$1" stderr)
    grep -q "wl_registry.*global(.*\"$manager\"" "$trace" || fail "$1 is offered no points of timelines"
    ! grep -qE "$manager.*\.(get_surface|import_timeline)\(" "$trace" || fail "$1 uses points of timelines: docs/3d.md says that it does not"
    ! grep -qx 'exports timelines' "$(guest_output vm "$1")" || fail "the driver of $1 exports timelines: docs/3d.md says that it does not"
    grep -qx 'explicit_frames 0' "$trace" || fail "frames of $1 have points"
}

# The four rectangles, and around them nothing but the background.
colours_shown() {
    local box width=$((${COLOURS_SIZE%x*} / 2)) height=$((${COLOURS_SIZE#*x} / 2)) i
    shot host "$1" || return 1
    box=$(window_box host "$1")
    [ "${box%%+*}" = $COLOURS_SIZE ] || return 1
    convert "$1" -crop "$box" +repage "$WORK/window.png"
    for i in 0 1 2 3; do
        # shellcheck disable=SC2017     # rows are whole
        convert "$WORK/window.png" -crop "${width}x$height+$((i % 2 * width))+$((i / 2 * height))" +repage "$WORK/part.png"
        [ "$(pixels_of "$WORK/part.png" "${COLOURS[i]}")" = $((width * height)) ] || return 1
    done
}

# program_moves JOB COMMAND...: it has a window, in which something moves, and nobody copies.
program_moves() {
    app "$@"
    until_true "$THREE_D_SECONDS" shows_window ||
        fail "$1: no window ($(cat "$(guest_output vm "$1")" "$(guest_output vm "$1" stderr)"))"
    until_true 20 moves || fail "$1: nothing moves"
    cp "$WORK/then.png" "$LOGS/$1.png"
}

# mostly FILE COLOUR: more than half of the picture has it, as nearly as rounding allows.
mostly() {
    local share
    share=$(convert "$1" -alpha off -fuzz 0.5% -fill white -opaque "$2" -fuzz 0 -fill black +opaque white \
        -colorspace gray -format '%[fx:round(mean*100)]' info:)
    ((share > 50))
}

nothing_copied() {
    bridge_counters vm host
    guest_counters
    [ "$(bridge_counter vm host 'copied bytes')" = 0 ] && [ "$(bridge_counter vm host 'shadowed bytes')" = 0 ] ||
        fail "wayferry-host copied pixels"
    [ "$(bridge_counter vm guest copied_bytes)" = 0 ] || fail "wayferry-guest copied pixels"
    [ "$(bridge_counter vm host 'contexts lost')" = 0 ] || fail "contexts were lost (log: $LOGS/vm-host.log)"
}

three_d_windows() {
    colours_right gl colours-gl 'virgl '
    waits_implicitly gl
    colours_right vulkan colours-vulkan 'Virtio-GPU Venus '
    waits_implicitly vulkan
    program_moves egl weston-simple-egl
    mostly "$LOGS/egl.png" '#19334c' || fail "weston-simple-egl's picture is wrong: $LOGS/egl.png"
    app_end egl
    program_moves cube vkcube --wsi wayland
    mostly "$LOGS/cube.png" '#333333' || fail "vkcube's picture is wrong: $LOGS/cube.png"
    app_end cube
    nothing_copied
}

# one_memory: memory that a venus, a virgl and a cross-domain context have at once is the same for all of them, and for
# the compositor (tests/vm/raw/one-memory.c).
one_memory() {
    local output
    output=$(guest_output vm one-memory)
    app one-memory "$LAB_PROGRAMS/one-memory" /mnt/expected
    until_true "$THREE_D_SECONDS" grep -qsx shown "$output" || fail "the memory is not the same ($(cat "$(guest_output vm one-memory stderr)"))"
    convert -size 256x64 -depth 8 "bgra:$(guest_share vm)/expected" -alpha off "$LOGS/expected.png"
    until_true 10 memory_shown || fail "the compositor sees something else: $LOGS/one-memory.png"
    app_end one-memory
}

memory_shown() {
    shot host "$LOGS/one-memory.png" || return 1
    convert "$LOGS/one-memory.png" -crop "$(window_box host "$LOGS/one-memory.png")" +repage "$WORK/window.png"
    same "$WORK/window.png" "$LOGS/expected.png"
}

# ---- one worker for each application: what its end means to whom

WORKER_DRAWN_SECONDS=3      # between frames of colours-gl and colours-vulkan at rest (tests/clients/colours.h)

# worker_of JOB PROGRAM: starts the program and waits until it shows its picture; WORKER[JOB] is the new worker.
declare -A WORKER=()
worker_of() {
    local before pid
    before=" $(worker_pids | paste -s -d ' ') "
    app "$1" "$LAB_PROGRAMS/$2"
    until_true "$THREE_D_SECONDS" grep -qsx shown "$(guest_output vm "$1")" ||
        fail "$1 shows nothing ($(cat "$(guest_output vm "$1" stderr)"))"
    for pid in $(worker_pids); do
        [[ $before = *" $pid "* ]] || WORKER[$1]=$pid
    done
    [ -n "${WORKER[$1]:-}" ] || fail "$1 has no worker"
}

# lives JOB: the application has not ended.
lives() {
    [ ! -s "$(guest_share vm)/jobs/$1/status" ]
}

# workers_killed: two programs of OpenGL, two of Vulkan and three of wl_shm at once; the workers are killed, one after
# another: each takes its program along, and nobody else. The process that starts them takes all along; the next program has
# another one.
workers_killed() {
    local job other left=(gl-1 vulkan-1 gl-2 vulkan-2) shm=(shm-1 shm-2 shm-3)
    for job in "${left[@]}"; do
        worker_of "$job" "colours-${job%-*}"
    done
    for job in "${shm[@]}"; do
        app "$job" "$LAB_PROGRAMS/shm-client" --size 200x150 --seed "${job#*-}" --frames 1 --hold
    done
    workers_rest || fail "somebody works when nothing happens"
    while ((${#left[@]})); do
        job=${left[0]}
        left=("${left[@]:1}")
        kill -KILL "${WORKER[$job]}"
        until_true $((10 * WORKER_DRAWN_SECONDS)) not lives "$job" || fail "$job lives on without its worker"
        until_true 5 workers_are ${#left[@]} || fail "there are workers too many or too few"
        sleep $((2 * WORKER_DRAWN_SECONDS))
        for other in "${left[@]}" "${shm[@]}"; do
            lives "$other" || fail "$other ended with the worker of $job ($(cat "$(guest_output vm "$other" stderr)"))"
        done
    done
    workers_rest || fail "somebody works when all workers are dead"
    worker_of gl-3 colours-gl
    worker_of vulkan-3 colours-vulkan
    kill -KILL "$(spawner_of "${PID[vm-host]}")"
    for job in gl-3 vulkan-3; do
        until_true $((10 * WORKER_DRAWN_SECONDS)) not lives "$job" || fail "$job lives on without its worker"
    done
    for job in "${shm[@]}"; do
        lives "$job" || fail "$job ended with workers ($(cat "$(guest_output vm "$job" stderr)"))"
        guest_signal vm "$job" KILL
    done
    colours_right again colours-gl 'virgl '
}

# ---- a worker that stands still

UNFINISHED='#ff00ff'    # what colours-gl and timeline-client have in a frame until it is finished

# worker_held: a program draws with OpenGL, and another has timelines, and the worker of the first is held and goes on, again
# and again. No picture shows a frame that is not finished; the second goes on meanwhile, and the first afterwards.
worker_held() {
    local i
    app held-timelines wayferry-guest --stats -- "$LAB_PROGRAMS/timeline-client" --size 220x160 --seed 3 --frames 1000000 --pause 20
    until_true 20 goes_on held-timelines 1 || fail "timeline-client draws nothing ($(cat "$(guest_output vm held-timelines stderr)"))"
    app held-gl wayferry-guest --stats -- "$LAB_PROGRAMS/colours-gl" 1000000
    until_true "$THREE_D_SECONDS" goes_on held-gl 2 || fail "colours-gl draws nothing ($(cat "$(guest_output vm held-gl stderr)"))"
    workers_are 1 || fail "there are $(worker_pids | wc -w) workers of one program"
    for ((i = 0; i < 10; i++)); do
        kill -STOP "$(worker_pids)"
        sleep "0.$((i % 4))"
        nothing_unfinished
        until_true 10 goes_on held-timelines 1 || fail "who waits for no worker stands still with it"
        nothing_unfinished
        kill -CONT "$(worker_pids)"
        nothing_unfinished
        until_true 20 goes_on held-gl 1 || fail "colours-gl does not go on with its worker"
    done
    for i in held-gl held-timelines; do
        guest_signal vm $i TERM
        guest_wait vm $i
    done
    until_true 20 workers_are 0 || fail "a worker stays"
    [ "$(sed -n 's/^dmabuf_waits //p' "$(guest_output vm held-gl stderr)")" -ge 1 ] || fail "nobody waited for a frame of OpenGL"
    [ "$(sed -n 's/^explicit_waits //p' "$(guest_output vm held-timelines stderr)")" -ge 100 ] || fail "nobody waited for a point"
}

# goes_on JOB N: it has drawn N times ten frames more since this was true last.
declare -A DRAWN=()
goes_on() {
    local drawn
    drawn=$(grep -cs '^frame ' "$(guest_output vm "$1")")
    ((drawn >= ${DRAWN[$1]:-0} + $2)) || return 1
    DRAWN[$1]=$drawn
}

nothing_unfinished() {
    shot host "$LOGS/held.png" || fail "no picture"
    [ "$(pixels_of "$LOGS/held.png" "$UNFINISHED")" -lt 1000 ] || fail "a frame was shown before it was finished: $LOGS/held.png"
}
