# shellcheck shell=sh
# Login shells, whose environment the user manager does not make: the display of wayferry-guest.socket.
if [ -z "${WAYLAND_DISPLAY:-}" ] && [ -S "${XDG_RUNTIME_DIR:-/nonexistent}/wayferry-0" ]; then
	export WAYLAND_DISPLAY=wayferry-0
fi
# And the X display of wayferry-x11.service, where it is this user's.
if [ -z "${DISPLAY:-}" ] && [ "${WAYLAND_DISPLAY:-}" = wayferry-0 ] && [ -w /tmp/.X11-unix/X0 ]; then
	export DISPLAY=:0
fi
