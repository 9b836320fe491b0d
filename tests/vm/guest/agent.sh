#!/bin/bash
# Runs in a guest of the lab, as root: does what the host asks for in the directory they share (/mnt).
#
# The host makes a directory for each job, jobs/NAME, with a shell script "command" and, when that is
# all, the file "go"; "root" beside it: as root, else as the user guest, in that user's session, whose
# service manager gives the environment. The answer is "stdout" and "stderr", which grow, and at the end
# "status". A file "kill" holds a signal for all of the job's processes. /mnt/ready says that the agent runs.
shopt -s nullglob

GUEST=1000

# manager JOB PROGRAM ARGUMENT...: systemctl or systemd-run with the service manager of the job.
manager() {
    local job=$1 program=$2
    shift 2
    if [ -e "$job/root" ]; then
        "$program" "$@"
        return
    fi
    setpriv --reuid=$GUEST --regid=$GUEST --init-groups --reset-env env XDG_RUNTIME_DIR=/run/user/$GUEST \
        "$program" --user "$@"
}

run() {
    local job=$1
    manager "$job" systemd-run --quiet --collect --pipe --wait --unit="job-${job##*/}" /bin/bash "$job/command" \
        >"$job/stdout" 2>"$job/stderr" </dev/null
    echo $? >"$job/status.new"
    mv "$job/status.new" "$job/status"
}

end() {
    local job=$1
    manager "$job" systemctl kill --signal="$(cat "$job/kill")" "job-${job##*/}.service" 2>/dev/null
    rm "$job/kill"
}

mkfifo /run/lab-agent.pause
exec 9<>/run/lab-agent.pause
cut -d ' ' -f 1 /proc/uptime >/mnt/ready
while :; do
    for go in /mnt/jobs/*/go; do
        rm "$go"
        run "${go%/go}" &
    done
    for kill in /mnt/jobs/*/kill; do
        end "${kill%/kill}"
    done
    read -r -t 0.05 -u 9    # nobody writes: a sleep without a process
done
