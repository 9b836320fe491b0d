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

# The processes of 3D contexts, the oldest first.
worker_pids() {
    local spawner
    spawner=$(pgrep -P "${PID[vm-host]}") && pgrep -P "$spawner"
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
