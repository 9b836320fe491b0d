# shellcheck shell=bash
# The host's clock and the guest's: what wayferry-guest says of their difference is true within the error that it says.
# A file of tests sources this after session.sh.

# clock_pongs: a process in the guest that answers for its clock.
clock_pongs() {
    guest_spawn vm pong --root python3 -c "$(cat "$LAB/clock.py")" pong /mnt/jobs/pong
}

# clock_is_true WHEN: what the doctor says lies, with its error, at the truth, as far as that can be seen from here.
clock_is_true() {
    local report=$LOGS/clock-$1.txt said least most
    guest_run vm wayferry-guest doctor >"$report" 2>&1 || fail "the doctor finds something (report: $report)"
    read -r least most < <(python3 "$LAB/clock.py" ping "$(guest_share vm)/jobs/pong" "$(guest_output vm pong)")
    said=$(sed -n 's/^ok *clock .* is \(-*[0-9]*\) ns ahead .*within \([0-9]*\) ns$/\1 \2/p' "$report")
    [ -n "$said" ] || fail "the doctor says nothing of the clock (report: $report)"
    say "$1: the host is ahead by ${said% *} ns, give or take ${said#* }; seen from here by $least to $most"
    # shellcheck disable=SC2086
    clock_overlaps $said "$least" "$most" || fail "$1: the host's clock is another (report: $report)"
}

clock_overlaps() {      # DIFFERENCE ERROR LEAST MOST
    (($1 - $2 <= $4 && $1 + $2 >= $3))
}

# clock_counts WHEN: while frames are shown whose times are told, wayferry-guest counts how wrong those may be.
clock_counts() {
    app "frames-$1" weston-presentation-shm
    until_true 30 clock_is_counted || fail "$1: nobody knows how wrong times of frames may be"
    say "$1: times of frames may be wrong by $(bridge_counter vm guest presentation_clock_error_ns) ns"
    guest_signal vm "frames-$1" KILL
}

clock_is_counted() {
    guest_counters
    [ "$(bridge_counter vm guest presentation_clock_error_ns)" -ge 0 ]
}

# clock_of_frames WHEN COMMAND...: while COMMAND has the machine stand still, frames are shown after they were drawn and before
# that is heard of, in the guest's clock. CLOCK_GAP is then how much time passed between two of them, at most, in ms.
clock_of_frames() {
    local job=times-$1
    app "$job" "$LAB_PROGRAMS/frame-times" $((2 * TIMES + 6)) 500
    until_true "$APP_SECONDS" grep -qsx drawing "$(guest_output vm "$job")" || fail "$1: no frames"
    sleep 2
    "${@:2}"
    guest_wait vm "$job" $((60 * TIMES)) || fail "$1: the client ended with $?"
    ! grep '^frame ' "$(guest_output vm "$job")" || fail "$1: times of frames are wrong"
    CLOCK_GAP=$(sed -n 's/^[0-9]* frames, the most \([0-9]*\) ms between two$/\1/p' "$(guest_output vm "$job")")
    say "$1: $(tail -n 1 "$(guest_output vm "$job")")"
    [ "${CLOCK_GAP:-0}" -gt 0 ] || fail "$1: nobody says when frames are shown"
}
