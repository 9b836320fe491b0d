# shellcheck shell=sh
# Login shells, whose environment the user manager does not make: the display of wayferry-guest.socket.
if [ -z "${WAYLAND_DISPLAY:-}" ] && [ -S "${XDG_RUNTIME_DIR:-/nonexistent}/wayferry-0" ]; then
	export WAYLAND_DISPLAY=wayferry-0 XDG_SESSION_TYPE=wayland
	# For toolkits that would look elsewhere first; X11 remains for those that have nothing else.
	export SDL_VIDEODRIVER="${SDL_VIDEODRIVER:-wayland,x11}" QT_QPA_PLATFORM="${QT_QPA_PLATFORM:-wayland;xcb}"
	export MOZ_ENABLE_WAYLAND="${MOZ_ENABLE_WAYLAND:-1}" ELECTRON_OZONE_PLATFORM_HINT="${ELECTRON_OZONE_PLATFORM_HINT:-auto}"
fi
# And the X display of wayferry-x11.socket, or of its service, whose number the user manager knows.
if [ -z "${DISPLAY:-}" ] && [ "${WAYLAND_DISPLAY:-}" = wayferry-0 ] && command -v wayferry-x11 >/dev/null; then
	DISPLAY=$(systemctl --user show-environment 2>/dev/null | sed -n 's/^DISPLAY=//p')
	export DISPLAY
	[ -n "$DISPLAY" ] || unset DISPLAY
fi
