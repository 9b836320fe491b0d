# Reads a client's trace (WAYLAND_DEBUG=1) and prints: frames a second, CPU in ms per frame of the machine, of the host's
# side and of its compositor, and the latency in ms from commit to frame callback, median and 99th percentile.
# Variables: seconds; ticks (in a second); machine, host, compositor: the CPU used, in ticks.

function time_ms(line) {
    match(line, /[0-9]+\.[0-9]+/)
    return substr(line, RSTART, RLENGTH)
}

function callback_of(line) {
    match(line, /wl_callback[@#][0-9]+/)
    return substr(line, RSTART, RLENGTH)
}

/-> wl_surface[@#][0-9]+\.frame\(/ {
    asked[callback_of($0)] = 1
}

/-> wl_surface[@#][0-9]+\.commit\(/ {
    for (callback in asked)
        committed[callback] = time_ms($0)
    delete asked
}

/wl_callback[@#][0-9]+\.done\(/ {
    callback = callback_of($0)
    if (callback in committed) {
        latency[frames++] = time_ms($0) - committed[callback]
        delete committed[callback]
    }
}

function sort_latency(    i, j, value) {
    for (i = 1; i < frames; i++) {
        value = latency[i]
        for (j = i - 1; j >= 0 && latency[j] > value; j--)
            latency[j + 1] = latency[j]
        latency[j + 1] = value
    }
}

function per_frame_ms(used) {
    return sprintf("%.2f", used * 1000 / ticks / frames)
}

END {
    if (frames == 0)
        exit 1
    sort_latency()
    print sprintf("%.1f", frames / seconds), per_frame_ms(machine), per_frame_ms(host), per_frame_ms(compositor),
        sprintf("%.2f", latency[int(frames / 2)]), sprintf("%.2f", latency[int(frames * 99 / 100)])
}
