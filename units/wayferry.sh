# shellcheck shell=sh
# Login shells, whose environment the user manager does not make: the display of wayferry-guest.socket.
if [ -z "${WAYLAND_DISPLAY:-}" ] && [ -S "${XDG_RUNTIME_DIR:-/nonexistent}/wayferry-0" ]; then
	export WAYLAND_DISPLAY=wayferry-0
fi
