#!/bin/bash
# What wayferry-host, its connector and its renderers cannot do once they have started: tried in the
# very processes (inject makes their system calls), as root and as an ordinary user.
. "$(dirname "$0")/../e2e/lib.sh"

tests=(host:5 host-user:5 connector:5 renderers:10 renderers-user:10 renderers-again:10 without-landlock:10 without-namespaces:10
    without-ids:10 older-kernels:10 gpu-nodes:5 off:5)

TOOLS=$WAYFERRY_BUILD/tests/attack
CONFINED_OPTIONS=() BEFORE=()
SECRET='nobody else is to read this'

# ---- processes under attack

# confined_start USER [ENVIRONMENT|PROGRAM...]: a compositor and a wayferry-host of that user's (root or
# nobody), with renderers, in a directory of its own; the words stand before wayferry-host, those of BEFORE
# before it becomes that user's. Sets HOST.
confined_start() {
    local user=$1
    shift
    need setpriv
    if grep -q __asan_init "$WAYFERRY_BUILD/host-bridge/wayferry-host"; then
        say "programs with the address sanitizer are not confined"
        exit 0
    fi
    [ "$(id -u)" = 0 ] || fail "tracing processes, and becoming somebody else, needs root"
    AS=()
    [ "$user" = root ] || AS=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    PLACE=$BASE/$user
    mkdir -m 755 "$PLACE"
    cp "$WAYFERRY_BUILD"/host-bridge/wayferry-host "$WAYFERRY_BUILD"/host-bridge/render/worker/{wayferry-renderer,libwayferry-noexec.so} "$PLACE/"
    sway_start compositor
    mkdir -m 700 "$PLACE/rt" "$PLACE/home"
    echo "$SECRET" >"$PLACE/home/secret"
    # Somebody else's socket, as the session bus is one.
    python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(5)
import time; time.sleep(600)' "$PLACE/rt/bus" &
    PID[bus]=$!
    until_true 10 test -S "$PLACE/rt/bus" || fail "no socket to connect to"
    [ "$user" = root ] || chown -R 65534:65534 "$PLACE/rt" "$PLACE/home"
    spawn host env XDG_RUNTIME_DIR="$PLACE/rt" HOME="$PLACE/home" "${BEFORE[@]}" "${AS[@]}" "$@" "$PLACE/wayferry-host" --socket "$PLACE/rt/x.gpu" \
        --wayland-display "$(readlink -f "$XDG_RUNTIME_DIR/compositor")" --renderer virgl,venus "${CONFINED_OPTIONS[@]}"
    until_true 60 ready || fail "wayferry-host does not start (log: $LOGS/host.log)"
    HOST=${PID[host]}
}

# It serves: behind the sandbox.
ready() {
    alive "${PID[host]}" || fail "wayferry-host ended (log: $LOGS/host.log)"
    [ -S "$PLACE/rt/x.gpu" ] && [ "$(sed -n 's/^Seccomp:\t//p' "/proc/${PID[host]}/status")" = 2 ]
}

# context_start CAPSET NAME: a guest with a context; sets WORKER to the newest process of that name.
context_start() {
    : >"$LOGS/context-$1.log"
    spawn "context-$1" "$TOOLS/hold-context" "$PLACE/rt/x.gpu" "$1"
    until_true 60 grep -q ready "$LOGS/context-$1.log" || fail "no context (log: $LOGS/host.log)"
    until_true 30 find_worker "$2" || fail "there is no process $2"
}

find_worker() {
    WORKER=$(descendants "$HOST" "$1" | by_age | tail -n 1)
    [ -n "$WORKER" ] && [ "$(sed -n 's/^Seccomp_filters:\t//p' "/proc/$WORKER/status")" -ge 2 ]
}

# ---- attempts

# attempt PID CALL ARGUMENT...: prints what it returned.
attempt() {
    "$TOOLS/inject" "$@" 2>>"$LOGS/inject.log" || echo "not traced"
}

# refused PID CALL ARGUMENT...: it must fail. Any error is one: there is no such file, or it is forbidden.
refused() {
    local result
    result=$(attempt "$@")
    [[ $result == E* ]] || fail "$2 in process $1 ($(cat "/proc/$1/comm")): $*: $result"
}

# forbidden: as refused, by the filter of system calls.
forbidden() {
    local result
    result=$(attempt "$@")
    [ "$result" = EPERM ] || fail "$2 in process $1 ($(cat "/proc/$1/comm")): $*: $result instead of EPERM"
}

allowed() {
    local result
    result=$(attempt "$@")
    [[ $result =~ ^[0-9]+$ ]] || fail "$2 in process $1 ($(cat "/proc/$1/comm")): $*: $result"
    RESULT=$result
}

AT_FDCWD=-100
O_RDWR=2 O_APPEND=02001 O_CREAT=0101 O_PATH=010000000

# What no process of ours may do, whichever it is: a bystander is another process of the user's.
attack_others() {
    local pid=$1
    forbidden "$pid" kill "$BYSTANDER" 0
    forbidden "$pid" kill -1 9
    forbidden "$pid" ptrace 16 "$BYSTANDER" 0 0
    forbidden "$pid" process_vm_writev "$BYSTANDER" b:16 1 b:16 1 0
    forbidden "$pid" process_vm_readv "$BYSTANDER" b:16 1 b:16 1 0
    forbidden "$pid" pidfd_open "$BYSTANDER" 0
    forbidden "$pid" prlimit64 "$BYSTANDER" 7 b:16 0
    forbidden "$pid" prlimit64 0 7 b:16 0
    forbidden "$pid" execve s:/bin/true b:8 b:8
    forbidden "$pid" execveat $AT_FDCWD s:/bin/true b:8 b:8 0
    forbidden "$pid" execveat 4095 s:/bin/true b:8 b:8 0x1000
    forbidden "$pid" socket 1 1 0
    forbidden "$pid" socket 2 1 0
    forbidden "$pid" socketpair 1 2 0 b:8
    forbidden "$pid" connect 0 "u:$PLACE/rt/bus" 110
    forbidden "$pid" unlink "s:$PLACE/rt/bus"
    forbidden "$pid" unlinkat $AT_FDCWD "s:$PLACE/rt/bus" 0
    forbidden "$pid" rename "s:$PLACE/home/secret" "s:$PLACE/home/other"
    forbidden "$pid" chmod "s:$PLACE/home/secret" 0777
    forbidden "$pid" truncate "s:$PLACE/home/secret" 0
    forbidden "$pid" mkdir s:/tmp/wayferry-was-here 0777
    forbidden "$pid" mknod s:/tmp/wayferry-was-here 0100666 0
    forbidden "$pid" symlink s:/etc s:/tmp/wayferry-was-here
    forbidden "$pid" mount s:/ s:/ 0 4096 0
    forbidden "$pid" unshare 0x10000000
    forbidden "$pid" setns 0 0
    forbidden "$pid" bpf 0 b:64 64
    forbidden "$pid" io_uring_setup 4 b:120
    forbidden "$pid" fcntl 0 8 "$BYSTANDER"
    forbidden "$pid" ioctl 2 0x5412 s:x             # TIOCSTI: types into the terminal
    forbidden "$pid" ioctl 2 0x100005412 s:x        # of which the kernel sees 32 bits
    forbidden "$pid" ioctl 2 0x541c b:8             # TIOCLINUX
    [ -S "$PLACE/rt/bus" ] && [ "$(cat "$PLACE/home/secret")" = "$SECRET" ] && alive "$BYSTANDER" ||
        fail "an attempt that failed had an effect"
}

# The root directory that a process has.
root_of() {
    echo "/proc/$1/root"
}

# Files by way of the file system alone, for processes that may call open.
attack_files() {
    local pid=$1 path
    for path in "$PLACE/home/secret" /etc/passwd /etc/shadow /etc/hostname ~root/.profile "/proc/$BYSTANDER/environ" \
        "/proc/$BYSTANDER/mem" /dev/mem /dev/tty /var/lib; do
        refused "$pid" openat $AT_FDCWD "s:$path" 0
        refused "$pid" openat $AT_FDCWD "s:$path" $O_RDWR
        refused "$pid" openat $AT_FDCWD "s:$path" $O_APPEND
    done
    refused "$pid" openat $AT_FDCWD s:/proc/1/mem $O_RDWR
    refused "$pid" openat $AT_FDCWD s:/proc/sys/kernel/core_pattern $O_RDWR
    refused "$pid" openat $AT_FDCWD s:/proc/self/oom_score_adj $O_RDWR
    refused "$pid" openat $AT_FDCWD s:/tmp/wayferry-was-here $O_CREAT 0666
    refused "$pid" openat $AT_FDCWD s:/dev/shm/wayferry-was-here $O_CREAT 0666
    refused "$pid" openat $AT_FDCWD s:/usr/wayferry-was-here $O_CREAT 0666
    refused "$pid" openat $AT_FDCWD s:/usr/share/doc $O_RDWR
    refused "$pid" openat $AT_FDCWD s:/usr/share/doc/bash/copyright $O_APPEND
    for path in /tmp /dev/shm /usr; do
        [ ! -e $path/wayferry-was-here ] || fail "it made a file in $path"
    done
}

# Each namespace of the process is its own.
own_namespaces() {
    local pid=$1 name
    shift
    for name; do
        [ "$(readlink "/proc/$pid/ns/$name")" != "$(readlink "/proc/self/ns/$name")" ] ||
            fail "process $pid ($(cat "/proc/$pid/comm")) is in the host's $name namespace"
    done
}

# status_is PID FIELD VALUE
status_is() {
    has_status "$@" || fail "process $1 ($(cat "/proc/$1/comm")) has $(grep "^$2:" "/proc/$1/status") instead of $3"
}

has_status() {
    [ "$(sed -n "s/^$2:\t//p" "/proc/$1/status")" = "$3" ]
}

powerless() {
    local field
    status_is "$1" NoNewPrivs 1
    status_is "$1" Seccomp 2
    for field in CapInh CapPrm CapEff CapBnd CapAmb; do
        status_is "$1" $field 0000000000000000
    done
}

bystander_start() {
    "${AS[@]}" sleep 600 &
    PID[bystander]=$!
    BYSTANDER=$!
}

# ---- wayferry-host

attack_host() {
    confined_start "$1"
    bystander_start
    attack_others "$HOST"
    forbidden "$HOST" open s:/dev/null 0
    forbidden "$HOST" openat $AT_FDCWD s:/ $O_PATH
    forbidden "$HOST" stat s:/ b:256
    forbidden "$HOST" bind 0 "u:$PLACE/rt/other" 110
    forbidden "$HOST" sendto 0 s:x 1 0 "u:$PLACE/rt/bus" 110
    forbidden "$HOST" clone 17 0 0 0 0
    forbidden "$HOST" mmap 0 4096 5 0x22 -1 0       # memory to execute
    forbidden "$HOST" prctl 4 1 0 0 0               # to be traced again
    allowed "$HOST" getpid
    allowed "$HOST" memfd_create s:test 0
    powerless "$HOST"
    own_namespaces "$HOST" user mnt net ipc uts
    [ -z "$(ls -A "$(root_of "$HOST")/")" ] || fail "its root has: $(ls -A "$(root_of "$HOST")/")"
    untraceable "$HOST"
    # It works all the same, and removes its socket at the end.
    limited 20 "$WAYFERRY_BUILD/guest-proxy/wayferry-guest" doctor --vhost-user "$PLACE/rt/x.gpu" >"$LOGS/guest.txt" ||
        fail "guests have no windows (report: $LOGS/guest.txt)"
    stop host && [ "$STOP_STATUS" = 0 ] || fail "wayferry-host ended with status $STOP_STATUS"
    [ ! -e "$PLACE/rt/x.gpu" ] || fail "its socket is still there"
    [ -S "$PLACE/rt/bus" ] || fail "somebody else's socket is gone"
}

# Another process of the user's cannot look into it. (Root can.)
untraceable() {
    [ ${#AS[@]} = 0 ] && return
    "${AS[@]}" "$TOOLS/inject" "$1" getpid >"$LOGS/traced.txt" 2>&1 && fail "process $1 can be traced by its user"
    grep -q 'Operation not permitted' "$LOGS/traced.txt" || fail "inject: $(cat "$LOGS/traced.txt")"
}

test_host() { attack_host root; }
test_host_user() { attack_host nobody; }

# ---- the connector: told nothing, it connects to one address

test_connector() {
    local connector
    confined_start nobody
    bystander_start
    connector=$(descendants "$HOST" wayferry-conn)
    [ -n "$connector" ] || fail "there is no connector"
    status_is "$connector" NoNewPrivs 1
    status_is "$connector" Seccomp 2
    untraceable "$connector"
    forbidden "$connector" openat $AT_FDCWD s:/dev/null 0
    forbidden "$connector" execve s:/bin/true b:8 b:8
    forbidden "$connector" kill "$BYSTANDER" 0
    forbidden "$connector" clone 17 0 0 0 0
    forbidden "$connector" socket 2 1 0
    forbidden "$connector" bind 0 "u:$PLACE/rt/other" 110
    refused "$connector" unlink "s:$PLACE/home/secret"
    # Its own socket, that of its security context, and one connection to the compositor.
    (($(fd_count "$connector") <= 6)) || fail "it has more than its sockets: $(ls -l "/proc/$connector/fd")"
    # It ends with its process, however that ends.
    sigkill host
    until_true 20 not alive "$connector" || fail "it has outlived wayferry-host"
}

# ---- renderers

attack_renderers() {
    local user=$1 entry
    shift
    confined_start "$user" "$@"
    bystander_start
    ${ATTACK_FIRST:-:}
    for entry in 2:wayferry-virgl 4:wayferry-venus 4:virgl_render_se; do
        context_start "${entry%:*}" "${entry#*:}"
        say "${entry#*:} is process $WORKER"
        attack_others "$WORKER"
        attack_files "$WORKER"
        "$ATTACK_MORE" "$WORKER"
        stop "context-${entry%:*}"
    done
}

# With everything that the kernel has.
attack_confined_worker() {
    powerless "$1"
    own_namespaces "$1" user mnt net ipc uts pid
    # (A program that was executed in the namespace belongs to whoever made that: its user.)
    [ "$(cat "/proc/$1/comm")" = virgl_render_se ] || untraceable "$1"
    refused "$1" chdir "s:$PLACE/home"
    forbidden "$1" shmget 0 4096 01600
    allowed "$1" openat $AT_FDCWD s:/dev/null $O_RDWR
    allowed "$1" openat $AT_FDCWD s:/usr/lib 0
    allowed "$1" openat $AT_FDCWD s:/proc/cpuinfo 0
    allowed "$1" getpid
    [ "$RESULT" -lt 1000 ] || fail "process $1 knows itself as $RESULT"
    [ "$(find "$(root_of "$1")/" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | paste -sd' ')" = "$(renderer_root)" ] ||
        fail "its root has: $(ls "$(root_of "$1")/")"
    bounded "$1" 'Max processes' 8192
    bounded "$1" 'Max core file size' 0
    bounded "$1" 'Max open files' 4095
    bounded "$1" 'Max address space' 1099511627776
}

# Of the directories that renderers read, those that there are.
renderer_root() {
    local name
    for name in dev etc gnu lib lib32 lib64 libx32 nix proc run sys usr ${PLACE#/}; do
        name=${name%%/*}
        case $name in
        gnu | nix | run) [ -e "/$name/store" ] || [ -e "/$name/opengl-driver" ] || continue ;;
        lib*) [ -e "/$name" ] || continue ;;
        esac
        echo "$name"
    done | sort | paste -sd' '
}

# bounded PID LIMIT VALUE: both limits, the one that it may raise and the one that it may not.
bounded() {
    grep -qE "^$2  *$3  *$3 " "/proc/$1/limits" || fail "$2 of process $1 is not $3: $(grep "^$2" "/proc/$1/limits")"
}

test_renderers() { ATTACK_MORE=attack_confined_worker attack_renderers root; }
test_renderers_user() { ATTACK_MORE=attack_confined_worker attack_renderers nobody; }

# Those that are started later are confined as those before.
test_renderers_again() { ATTACK_FIRST=spawner_killed ATTACK_MORE=attack_confined_worker attack_renderers nobody; }

spawner_killed() {
    SPAWNER=$(spawner_of "$HOST")
    kill -KILL "$SPAWNER" || fail "nobody starts workers"
    until_true 20 spawner_is_new || fail "no other one is started (log: $LOGS/host.log)"
}

spawner_is_new() {
    local new
    new=$(spawner_of "$HOST")
    [ -n "$new" ] && [ "$new" != "$SPAWNER" ]
}

# Of a GPU's nodes (these have no driver) workers have those that render, not those that set screens.
test_gpu_nodes() {
    cat >"$WORK/devices.sh" <<'END'
mount -t tmpfs -o mode=755 tmpfs /dev && mkdir /dev/dri || exit 1
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 dri/card0:226:0 dri/renderD128:226:128 udmabuf:10:126; do
    IFS=: read -r name major minor <<<"$node"
    mknod -m 666 "/dev/$name" c "$major" "$minor" || exit 1
done
exec "$@"
END
    confined_start root unshare --mount --propagation private bash "$WORK/devices.sh"
    context_start 2 wayferry-virgl
    [ "$(ls "$(root_of "$WORKER")/dev/dri")" = renderD128 ] || fail "it has: $(ls "$(root_of "$WORKER")/dev/dri")"
    allowed "$WORKER" openat $AT_FDCWD s:/dev/dri 0
    [ "$(attempt "$WORKER" openat $AT_FDCWD s:/dev/dri/renderD128 $O_RDWR)" = ENXIO ] || fail "it cannot open a GPU"
    refused "$WORKER" openat $AT_FDCWD s:/dev/dri/card0 $O_RDWR
    refused "$WORKER" mknod s:/dev/dri/card0 0020666 0xe200
}

# ---- kernels and containers that offer less

# lacks TEXT NOUN [COMMAND...]: one step less, by this command or by BEFORE: it is said, the others hold, and
# who requires all of them gets none.
lacks() {
    local text=$1 noun=$2
    shift 2
    ATTACK_MORE=attack_nothing_more attack_renderers nobody "$@"
    set -- "${BEFORE[@]}" "${AS[@]}" "$@" env XDG_RUNTIME_DIR="$PLACE/rt"
    grep -q "^\[warn\] sandbox: no $text" "$LOGS/host.log" || fail "nobody says that there is no $text (log: $LOGS/host.log)"
    limited 20 "$@" "$PLACE/wayferry-host" --socket "$PLACE/rt/required.gpu" --sandbox require >"$LOGS/required.log" 2>&1
    [ $? = 1 ] || fail "it starts with --sandbox=require (log: $LOGS/required.log)"
    grep -q "^\[error\] sandbox: no $text" "$LOGS/required.log" || fail "it does not say why (log: $LOGS/required.log)"
    "$@" "$PLACE/wayferry-host" doctor >"$LOGS/doctor.txt" 2>&1
    grep -q "^warning  $noun  *no $text" "$LOGS/doctor.txt" || fail "the doctor does not say it (report: $LOGS/doctor.txt)"
    "$@" "$PLACE/wayferry-host" doctor --sandbox require >"$LOGS/doctor.txt" 2>&1
    grep -q "^FAILED   $noun  *no $text" "$LOGS/doctor.txt" || fail "the doctor does not say it (report: $LOGS/doctor.txt)"
}

attack_nothing_more() {
    :
}

test_without_landlock() {
    lacks Landlock Landlock "$TOOLS/deny" landlock --
}

test_without_namespaces() {
    lacks namespaces namespaces "$TOOLS/deny" unshare --
}

# User namespaces, but no ids in them: some distributions' kernels are such. (Here /proc is read-only.)
test_without_ids() {
    # shellcheck disable=SC2016
    BEFORE=(unshare --mount --propagation private sh -ec 'mount --bind /proc /proc; mount -o remount,bind,ro /proc; exec "$@"' sh)
    lacks namespaces namespaces
}

# A flag or a call that is younger than the filters is no obstacle, not even for --sandbox=require.
test_older_kernels() {
    local what
    CONFINED_OPTIONS=(--sandbox require)
    for what in seccomp-log seccomp-call; do
        confined_start nobody "$TOOLS/deny" "$what" --
        grep -q 'sandbox: no ' "$LOGS/host.log" && fail "$what: a step is missing (log: $LOGS/host.log)"
        stop host
        stop bus
        stop compositor
        rm -rf "$PLACE"
    done
    # Without filters there is no start.
    limited 20 "$TOOLS/deny" seccomp -- "$WAYFERRY_BUILD/host-bridge/wayferry-host" --socket "$BASE/none.gpu" \
        >"$LOGS/none.log" 2>&1
    [ $? = 1 ] || fail "it starts without a filter (log: $LOGS/none.log)"
    grep -q '^\[error\] sandbox: no filter of system calls' "$LOGS/none.log" || fail "it does not say why"
    "$TOOLS/deny" seccomp -- "$WAYFERRY_BUILD/host-bridge/wayferry-host" doctor >"$LOGS/doctor.txt" 2>&1
    grep -q '^FAILED   seccomp' "$LOGS/doctor.txt" || fail "the doctor does not say it (report: $LOGS/doctor.txt)"
}

# --sandbox=off and its alias; an option clears what the configuration says.
test_off() {
    local options
    sway_start compositor
    for options in --sandbox=off --no-sandbox; do
        HOST_OPTIONS=$options bridge_start_host compositor bridge
        status_is "${PID[bridge-host]}" Seccomp 0
        stop bridge-host
    done
    echo 'no-sandbox = yes' >"$WORK/off.conf"
    for options in --no-sandbox=no --sandbox=on --sandbox=require; do
        HOST_OPTIONS="--config $WORK/off.conf $options" bridge_start_host compositor bridge
        until_true 10 has_status "${PID[bridge-host]}" Seccomp 2 || fail "$options has no sandbox (log: $LOGS/bridge-host.log)"
        stop bridge-host
    done
    "$WAYFERRY_BUILD/host-bridge/wayferry-host" --sandbox sometimes >"$LOGS/wrong.log" 2>&1
    [ $? = 2 ] || fail "--sandbox sometimes is taken (log: $LOGS/wrong.log)"
}

e2e_main "$@"
