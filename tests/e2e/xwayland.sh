#!/bin/bash
# A rootful Xwayland (an X server whose screen is one Wayland window) with two X clients that do not move.
coproc SERVER { exec Xwayland -displayfd 3 -noreset -shm 3>&1 1>&2; }
read -r -t 20 display <&"${SERVER[0]}" || exit 1
export DISPLAY=:$display
trap 'kill "$SERVER_PID"; wait "$SERVER_PID"; exit' TERM       # so that it removes its socket and lock
xlogo -geometry 300x300+20+20 -fg '#c81e5a' -bg '#f0f0e8' &
xmessage -geometry 260x120+340+40 -timeout 0 'Hello from X' &
wait "$SERVER_PID"
