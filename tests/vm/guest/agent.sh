#!/bin/bash
# Runs in a guest of the lab, as root: does what the host asks for in the directory they share (/mnt).
#
# The host makes a directory for each job, jobs/NAME, with a shell script "command" and, when that is
# all, the file asked/NAME.go; "root" beside the command: as root, else as the user guest, in that user's session, whose
# service manager gives the environment. The answer is "stdout" and "stderr", which grow, and at the end
# "status". A file asked/NAME.kill holds a signal for all of the job's processes. /mnt/ready says that the agent runs.
#
# What is asked is in one directory, so that looking, twenty times a second, costs no more the more jobs there have been.
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
    local job=$1 signal=$2
    manager "$job" systemctl kill --signal="$signal" "job-${job##*/}.service" 2>/dev/null
}

mkfifo /run/lab-agent.pause
exec 9<>/run/lab-agent.pause
cut -d ' ' -f 1 /proc/uptime >/mnt/ready
while :; do
    for asked in /mnt/asked/*; do
        job=/mnt/jobs/${asked##*/}
        job=${job%.*}
        case $asked in
        *.go)
            rm "$asked"
            run "$job" &
            ;;
        *.kill)
            end "$job" "$(cat "$asked")"
            rm "$asked"
            ;;
        esac
    done
    read -r -t 0.05 -u 9    # nobody writes: a sleep without a process
done
