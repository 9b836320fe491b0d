#!/bin/bash
# Measures wayferry against direct connections, against waypipe and against two processes that only hand on what they read
# (bare), in one run, and prints a table.
#
# How to read it
#   All figures are medians over the rounds; [least .. most] follows where it says something. Ways take turns (direct,
#   wayferry, waypipe, direct, ...), so what else the machine does meets them all; "x direct" is the median of the
#   ratios within a round. Absolute figures depend on the machine: compare ratios.
#   rt/s        wl_display.sync round trips per second; rt us: one of them, median and 99th percentile.
#   fps         frames per second of a client that draws, commits and waits for its frame callback.
#   latency ms  from commit to frame callback as the client sees it, median and 99th percentile. The compositor's timer
#               has a grain of 1 ms: a millisecond more may be a missed tick.
#   cpu ms      CPU time per frame (or round trip) of both our processes (or waypipe's and their children), then of
#               the host's and the guest's alone. The client's and the compositor's are not in it.
#   own MB      RssAnon + RssFile of host's / guest's process: what it needs besides buffers; peak MB: VmHWM, buffers included.
#   full        every pixel is new, in a pool that cannot shrink, as toolkits make theirs: the compositor is given it.
#   copied      the same in a pool that can, which wayferry copies (as it does all of them in a virtual machine).
#   neighbour   a small window at 60 Hz beside another client's of 7680x4320, which draws as fast as it can and has to be
#               copied; what counts is the longest time from a commit to its frame callback.
#   keys        from a key press on a virtual keyboard, which is directly on the compositor (here a sway), to the event of
#               a window; what counts is the 99th percentile.
#   start       from the exec of a small program to its first frame on the screen.
#   idle        what the processes take, besides buffers, for each of 150 clients that do nothing.
#   Frames are filled with one value each, so waypipe-lz4 is seen at its best: they compress to nothing.
#   The targets are printed at the end with "met" or "missed": timing never fails this program, a way that does not work does.
#
# The compositor is weston 14 or newer, headless with pixman and a refresh rate of 1000 Hz: at 60 Hz frame callbacks
# would hide every difference. Where the machine's own is older, one is unpacked into the cache (no root needed there
# when mmdebstrap can unshare; about 20 s, 600 MB).
set -euo pipefail

usage()
{
	cat <<-END
	Usage: tests/bench/run.sh [OPTION...]
	Measures wayferry, waypipe, direct connections and two processes that only hand on what they read (bare)
	in one run and prints a table.
	  --rounds N     how often each case is measured each way (3)
	  --seconds S    how long frames are shown each time (2)
	  --count N      round trips each time (20000), ten times as many as key presses, a hundred times as many as starts
	  --cases LIST   of: $all_cases
	  --ways LIST    of: $all_ways
	  --counts       also count system calls and our own counters per frame (a run of its own, under strace)
	  --build DIR    measure the programs of that build directory, as they are (default: build-bench, made if missing)
	  --vm [KIND...] instead: in virtual machines (uml), from within; needs root. The last option. With
	                 PARTS=programs in the environment only programs that draw into memory of the device
	  --clipboard [KIND...] instead: 64 MiB copied and pasted between host and virtual machine (uml); needs root.
	                 The last option
	  --3d [KIND...] instead: OpenGL and Vulkan in virtual machines (uml, which has no Vulkan; qemu-6.12), bridged and
	                 on a compositor of the guest's; needs root. The last option
	  --json FILE    also append the medians to FILE, as one line of JSON that names the commit (tests/bench/plot.py draws it)
	  --keep DIR     leave the raw results and logs there
	  --help
	END
}

source=$(realpath "$(dirname "$0")/../..")
cache=${WAYFERRY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/wayferry}
all_cases="sync 1080p-full 1080p-copied 1080p-row 4k-full 4k-copied 4k-row neighbour keys start idle"
all_ways="direct bare wayferry waypipe-lz4 waypipe-none"
rounds=3 seconds=2 count=20000 cases=$all_cases ways=$all_ways counts=no build='' keep='' json=''

# quietly COMMAND...: says something if it fails, which ends the run.
quietly()
{
	local output

	output=$("$@" 2>&1) || { tail -n 30 <<<"$output" >&2; echo "run.sh: $1 failed" >&2; exit 1; }
}

# Makes build-bench, unless --build has named another one.
build_programs()
{
	[ -z "$build" ] || return 0
	build=$source/build-bench
	[ -f "$build/build.ninja" ] || quietly meson setup "$build" "$source" --buildtype=release
	echo "building ..." >&2
	quietly ninja -C "$build" tests/bench/{bench,bare,keys,start} host-bridge/wayferry-host guest-proxy/wayferry-guest
}

# machines SCRIPT [KIND...]: what that script measures in these machines.
machines()
{
	local kind script=$1

	shift
	build_programs
	for kind in "${@:-uml}"; do
		"$source/tests/vm/guest.sh" prepare "$kind"
		WAYFERRY_BUILD=$build "$source/tests/bench/$script" "$kind"
	done
	exit
}

while [ $# -gt 0 ]; do
	case $1 in
	--rounds) rounds=$2; shift ;;
	--seconds) seconds=$2; shift ;;
	--count) count=$2; shift ;;
	--cases) cases=${2//,/ }; shift ;;
	--ways) ways=${2//,/ }; shift ;;
	--counts) counts=yes ;;
	--build) build=$(realpath "$2"); shift ;;
	--vm) shift; machines vm.sh "$@" ;;
	--clipboard) shift; machines clipboard.sh "$@" ;;
	--3d) shift; machines three-d.sh "$@" ;;
	--json) json=$(realpath "$2"); shift ;;
	--keep) mkdir -p "$2"; keep=$(realpath "$2"); shift ;;
	--help) usage; exit 0 ;;
	*) echo "run.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
	esac
	shift
done

say() { printf '%s\n' "$*" >&2; }
die() { say "run.sh: $*"; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/wayferry-bench.XXXXXX")
sway=$(mktemp -d "${TMPDIR:-/tmp}/wayferry-bench-sway.XXXXXX")
mkdir -m 700 "$work/rt"
export XDG_RUNTIME_DIR=$work/rt
unset WAYLAND_DISPLAY WAYLAND_SOCKET DISPLAY
pids=()

stop_all()
{
	local pid

	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	for pid in "${pids[@]}"; do
		wait "$pid" 2>/dev/null || true
	done
	pids=()
}

finish()
{
	stop_all
	if [ -n "$keep" ]; then
		cp "$work"/*.log "$work"/*.txt "$keep"/ 2>/dev/null || true
	fi
	rm -rf "$work" "$sway"
}
trap finish EXIT
trap 'exit 130' INT TERM

# What is needed and missing.

need()
{
	command -v "$1" >/dev/null && return
	say "installing $2 ..."
	apt-get install -y --no-install-recommends "$2" >"$work/apt.log" 2>&1 || die "$2 is missing and apt-get cannot install it"
}

weston_is_new()
{
	local version
	version=$("$@" --version 2>/dev/null | awk '{ print int($2) }') || return 1
	[ "${version:-0}" -ge 14 ]
}

# Runs the unpacked weston with its own libraries: no chroot, so every path means the same inside and outside.
tree_weston()
{
	local lib
	lib=$(echo "$cache"/weston-tree/usr/lib/*-linux-gnu*)
	export WESTON_MODULE_MAP="headless-backend.so=$lib/libweston-14/headless-backend.so;kiosk-shell.so=$lib/weston/kiosk-shell.so;desktop-shell.so=$lib/weston/desktop-shell.so"
	exec "$(echo "$lib"/ld-linux*)" --library-path "$lib:$lib/weston:$lib/libweston-14" "$cache/weston-tree/usr/bin/weston" "$@"
}

find_weston()
{
	if weston_is_new weston; then
		weston=weston
		return
	fi
	weston=tree_weston
	if ! (weston_is_new tree_weston); then
		need mmdebstrap mmdebstrap
		say "this machine's weston is too old: unpacking Debian 13's into $cache/weston-tree (20 s) ..."
		rm -rf "$cache/weston-tree" "$cache/weston-tree.new"
		mkdir -p "$cache"
		mmdebstrap --quiet --variant=extract --include=weston trixie "$cache/weston-tree.new" >"$work/mmdebstrap.log" 2>&1 ||
			{ cat "$work/mmdebstrap.log" >&2; die "mmdebstrap failed"; }
		mv "$cache/weston-tree.new" "$cache/weston-tree"
		(weston_is_new tree_weston) || die "the unpacked weston does not run"
	fi
}

find_programs()
{
	build_programs
	bench=$build/tests/bench/bench
	[ -x "$bench" ] || die "$bench is missing"
	[[ $cases != *keys* ]] || need sway sway
	[[ $ways != *wayferry* ]] || [ -x "$build/guest-proxy/wayferry-guest" ] || die "$build has no wayferry-guest"
	[[ $ways != *waypipe* ]] || need waypipe waypipe
	[ $counts = no ] || need strace strace
}

# Starting the compositor and the ways to it. Each leaves display_WAY and the options that watch its processes.

wait_for_socket()
{
	local i

	for ((i = 0; i < 100; i++)); do
		[ -S "$1" ] && return
		sleep 0.1
	done
	die "$2 did not open its socket: $(tail -5 "$work/$2.log")"
}

start()
{
	local log=$1
	shift
	"$@" >>"$work/$log.log" 2>&1 &
	pid=$!
	pids+=("$pid")
}

declare -A display watch

# The kiosk's shell shows one window only; the desktop's waits for a program that draws panels, but need not get one.
write_configuration()
{
	# shellcheck disable=SC2016     # of that script
	printf '#!/bin/sh\nexec tail --pid=$PPID -f /dev/null\n' >"$work/panels"
	chmod +x "$work/panels"
	printf '[shell]\nclient=%s\n' "$work/panels" >"$work/weston.ini"
}

# Headless, without devices. Some versions refuse to run as root; it chooses its socket's name itself.
start_sway()
{
	local as=() i

	rm -rf "${sway:?}"/*
	printf 'xwayland disable\ndefault_border none\n' >"$sway/config"
	if [ "$(id -u)" = 0 ]; then
		as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
		chown 65534:65534 "$sway"
	fi
	start sway env XDG_RUNTIME_DIR="$sway" HOME="$sway" WLR_BACKENDS=headless WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1 \
		"${as[@]}" sway -c "$sway/config"
	for ((i = 0; i < 100; i++)); do
		compgen -G "$sway/wayland-?" >/dev/null && break
		sleep 0.1
	done
	ln -s "$sway/wayland-"? "$XDG_RUNTIME_DIR/compositor"
}

start_ways()
{
	local way compositor

	rm -rf "${XDG_RUNTIME_DIR:?}"/*
	compositor=weston
	if [ "$shell" = sway ]; then
		compositor=sway
		start_sway
	else
		start weston $weston --backend=headless --renderer=pixman "--shell=$shell" "--config=$work/weston.ini" --socket=compositor \
			--width="$1" --height="$2" --idle-time=0 --refresh-rate=1000000
	fi
	wait_for_socket "$XDG_RUNTIME_DIR/compositor" "$compositor"
	for way in $ways; do
		display[$way]=$way
		case $way in
		direct)
			display[$way]=compositor watch[$way]=
			;;
		wayferry)
			display[$way]=bridge
			start wayferry-host "$build/host-bridge/wayferry-host" --socket "$XDG_RUNTIME_DIR/gpu" --wayland-display compositor --stats
			watch[$way]="--watch host:$pid"
			wait_for_socket "$XDG_RUNTIME_DIR/gpu" wayferry-host
			start wayferry-guest "$build/guest-proxy/wayferry-guest" --vhost-user "$XDG_RUNTIME_DIR/gpu" --socket bridge --stats
			watch[$way]+=" --watch guest:$pid"
			wait_for_socket "$XDG_RUNTIME_DIR/bridge" wayferry-guest
			;;
		bare)
			start bare-host "$build/tests/bench/bare" "$XDG_RUNTIME_DIR/bare-host" "$XDG_RUNTIME_DIR/compositor"
			watch[$way]="--watch host:$pid"
			wait_for_socket "$XDG_RUNTIME_DIR/bare-host" bare-host
			start bare-guest "$build/tests/bench/bare" "$XDG_RUNTIME_DIR/bare" "$XDG_RUNTIME_DIR/bare-host"
			watch[$way]+=" --watch guest:$pid"
			wait_for_socket "$XDG_RUNTIME_DIR/bare" bare-guest
			;;
		waypipe-*)
			start "$way" env WAYLAND_DISPLAY=compositor waypipe --compress "${way#waypipe-}" --socket "$XDG_RUNTIME_DIR/$way.pipe" client
			watch[$way]="--watch host:$pid"
			wait_for_socket "$XDG_RUNTIME_DIR/$way.pipe" "$way"
			start "$way" waypipe --compress "${way#waypipe-}" --socket "$XDG_RUNTIME_DIR/$way.pipe" --display "$way" server -- sleep 100000
			watch[$way]+=" --watch guest:$pid"
			wait_for_socket "$XDG_RUNTIME_DIR/$way" "$way"
			;;
		*) die "unknown way $way" ;;
		esac
	done
}

# Sets arguments (of program), and the compositor's width, height and shell.
describe_case()
{
	width=1920 height=1080 shell=kiosk program=$bench
	case $1 in
	sync) arguments="sync --count $count"; return ;;
	keys) shell=sway program=$build/tests/bench/keys arguments="compositor $((count / 10 + 1))"; return ;;
	start) program=$build/tests/bench/start arguments=$((count / 100 + 1)); return ;;
	idle) arguments="idle --count 150"; return ;;
	1080p-*) ;;
	neighbour) shell=desktop arguments="frames --size 640x480 --rate 60 --warmup 2 --seconds $seconds"; return ;;
	4k-*) width=3840 height=2160 ;;
	*) die "unknown case $1" ;;
	esac
	case $1 in
	*-copied) arguments="--damage full --unsealed" ;;
	*) arguments="--damage ${1#*-}" ;;
	esac
	arguments="frames --size ${width}x$height $arguments --seconds $seconds"
}

# A client that draws 8K as fast as it can, until it is stopped. The window that is measured has to come later, above it.
start_neighbour()
{
	local waited

	rm -f "$work/ready"
	WAYLAND_DISPLAY=${display[$1]} "$bench" frames --size 7680x4320 --unsealed --warmup 1 --seconds 1000 --ready "$work/ready" \
		>>"$work/neighbour.log" 2>&1 &
	neighbour=$!
	for ((waited = 0; waited < 600; waited++)); do
		[ ! -e "$work/ready" ] || return 0
		sleep 0.1
	done
	die "the neighbour shows nothing: $(tail -n 5 "$work/neighbour.log")"
}

stop_neighbour()
{
	kill "$neighbour" || die "the neighbour ended: $(tail -n 5 "$work/neighbour.log")"
	wait "$neighbour" || true
}

# Programs other than bench do not watch the processes.
watch_options()
{
	case $1 in keys | start) ;; *) echo "${watch[$2]}" ;; esac
}

measure()
{
	local round way line neighbour

	for case in $cases; do
		describe_case "$case"
		start_ways $width $height
		for ((round = 1; round <= rounds; round++)); do
			for way in $ways; do
				# Later rounds would find memory that was freed.
				[ "$case" != idle ] || [ "$way$round" = wayferry1 ] || continue
				# It copies every pixel of the neighbour's through a socket: a frame takes minutes.
				[[ $case$way != neighbourwaypipe* ]] || continue
				say "$case, round $round of $rounds, $way ..."
				[ "$case" != neighbour ] || start_neighbour "$way"
				# shellcheck disable=SC2046,SC2086     # several words each
				line=$(WAYLAND_DISPLAY=${display[$way]} timeout -k 5 400 "$program" $arguments $(watch_options "$case" "$way")) ||
					die "$case failed with $way: $(tail -n 5 "$work"/*"${way%%-*}"*.log 2>/dev/null)"
				[ "$case" != neighbour ] || stop_neighbour
				echo "case=$case way=$way round=$round $line" >>"$work/results.txt"
			done
		done
		stop_all
	done
}

# Runs of their own, because strace slows everything down: system calls per frame or round trip, and our counters.
count_calls()
{
	local way who traced samples

	printf '\nper frame or round trip (system calls under strace: fewer wake-ups are shared than at full speed)\n'
	for case in $cases; do
		case $case in idle | neighbour | keys | start) continue ;; esac
		describe_case "$case"
		start_ways $width $height
		for way in $ways; do
			[ "$way" != direct ] || continue
			traced=()
			for who in host guest; do
				pid=$(sed -n "s/.*$who:\([0-9]*\).*/\1/p" <<<"${watch[$way]}")
				strace -f -c -S calls -U calls,name -o "$work/calls-$case-$way-$who.txt" -p "$pid" 2>/dev/null &
				traced+=($!)
			done
			sleep 0.3
			samples=$(count_samples "$way" --warmup 0)
			kill -INT "${traced[@]}"
			wait "${traced[@]}" || true
			for who in host guest; do
				awk -v samples="$samples" -v title="$case $way $who" '
					$1 ~ /^[0-9]+$/ && $2 != "total" { total += $1; if (++n <= 6) list = list sprintf("  %s %.1f", $2, $1 / samples) }
					END { printf "  %-30s %6.1f system calls:%s\n", title, total / samples, list }' "$work/calls-$case-$way-$who.txt"
			done
			[ "$way" = wayferry ] || continue
			# shellcheck disable=SC2086     # one or more words
			samples=$(count_samples "$way" ${watch[$way]} --signal)
			for who in host guest; do
				# The last two times that the counters were printed: before and after the measured part
				awk -v samples="$samples" -v title="$case $way $who" '
					/^[a-z_ ]+ [0-9]+$/ { value = $NF; sub(/ [0-9]+$/, ""); if (!($0 in last)) names[++n] = $0; before[$0] = last[$0]; last[$0] = value }
					END {
						for (i = 1; i <= n; i++)
							if (last[names[i]] - before[names[i]] >= samples / 100)
								list = list sprintf("  %s %.2f", names[i], (last[names[i]] - before[names[i]]) / samples)
						printf "  %-30s counters:%s\n", title, list
					}' "$work/wayferry-$who.log"
			done
		done
		stop_all
	done
}

# One run of the case; prints how many frames or round trips it had.
count_samples()
{
	local way=$1
	shift
	# shellcheck disable=SC2086     # several words
	WAYLAND_DISPLAY=${display[$way]} timeout -k 5 400 "$bench" $arguments "$@" | sed 's/samples=\([0-9]*\).*/\1/' ||
		die "$case failed with $way while calls were counted"
}

find_weston
find_programs
write_configuration
measure
awk -f "$source/tests/bench/table.awk" "$work/results.txt"
[ -z "$json" ] || python3 "$source/tests/bench/results.py" "$work/results.txt" >>"$json"
[ $counts = no ] || count_calls
