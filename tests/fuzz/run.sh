#!/bin/bash
# Builds the fuzzers with clang, ASan, UBSan and coverage, runs each for a while, and sums up what they found.
# Exit status 1 when one of them found something.
set -euo pipefail

source=$(realpath "$(dirname "$0")/../..")
build=$source/build-fuzz
seconds=600 only='' jobs=$(nproc) keep=no

usage()
{
	cat <<-END
	Usage: tests/fuzz/run.sh [OPTION...]
	Runs the libFuzzer entry points, each from its corpus in tests/fuzz/corpus and what earlier runs found new.
	  --seconds N   for each of them ($seconds)
	  --only LIST   of fuzzers, as relay,vhost_user (default: all)
	  --jobs N      how many at the same time (the machine's processors: $jobs)
	  --keep        add to tests/fuzz/corpus what covers more than it does
	  --build DIR   where to build (build-fuzz); work corpora and findings lie there, too
	  --help
	Findings lie in BUILD/fuzz/NAME/; BUILD/tests/fuzz/fuzz_NAME FILE repeats one.
	END
}

while [ $# -gt 0 ]; do
	case $1 in
	--seconds) seconds=$2; shift ;;
	--only) only=${2//,/ }; shift ;;
	--jobs) jobs=$2; shift ;;
	--keep) keep=yes ;;
	--build) build=$2; shift ;;
	--help) usage; exit 0 ;;
	*) echo "run.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
	esac
	shift
done

die() { echo "run.sh: $*" >&2; exit 1; }

build_fuzzers()
{
	command -v clang >/dev/null || {
		echo "installing clang ..."
		apt-get install -y --no-install-recommends clang libclang-rt-dev || die "clang is missing and apt-get cannot install it"
	} >&2
	mkdir -p "$(dirname "$build")"
	[ -f "$build/build.ninja" ] ||
		CC=clang meson setup "$build" "$source" -Dfuzz=enabled -Db_sanitize=address,undefined -Db_lundef=false \
			-Dc_args=-fno-sanitize-recover=undefined >"$build.log" 2>&1 ||
		{ tail -20 "$build.log" >&2; die "meson setup failed"; }
	mapfile -t fuzzers < <(ninja -C "$build" -t targets all | sed -n 's|^tests/fuzz/fuzz_\([^.:/]*\): .*|\1|p' | sort)
	[ -z "$only" ] || read -ra fuzzers <<<"$only"
	[ ${#fuzzers[@]} -gt 0 ] || die "there are no fuzzers"
	ninja -C "$build" "${fuzzers[@]/#/tests/fuzz/fuzz_}" >"$build.log" 2>&1 || { tail -30 "$build.log" >&2; die "the build failed"; }
}

# Runs one fuzzer; leaves its log and whatever it found in $build/fuzz/NAME.
fuzz()
{
	local name=$1 directory=$build/fuzz/$1 corpus=$source/tests/fuzz/corpus/$1

	mkdir -p "$directory/corpus"
	rm -f "$directory"/{crash,leak,timeout,oom}-*
	[ -d "$corpus" ] || corpus=
	"$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="$directory/" "$directory/corpus" ${corpus:+"$corpus"} >"$directory/log" 2>&1 || true
}

# The smallest addition to the corpus that covers what was covered.
keep_new()
{
	local corpus=$source/tests/fuzz/corpus/$1

	mkdir -p "$corpus"
	"$build/tests/fuzz/fuzz_$1" -merge=1 -timeout=10 "$corpus" "$build/fuzz/$1/corpus" >"$build/fuzz/$1/merge.log" 2>&1
}

statistic()
{
	sed -n "s/^stat::$2: *//p" "$build/fuzz/$1/log"
}

summarise()
{
	local name found status=0

	printf '%-16s %10s %9s %9s %8s  %s\n' fuzzer inputs inputs/s coverage corpus findings
	for name in "${fuzzers[@]}"; do
		found=$(cd "$build/fuzz/$name" && echo {crash,leak,timeout,oom}-*)
		if [ -n "$found" ]; then
			status=1
		elif ! grep -q '^Done ' "$build/fuzz/$name/log"; then
			found="did not run: $(tail -n 1 "$build/fuzz/$name/log")"
			status=1
		fi
		printf '%-16s %10s %9s %9s %8s  %s\n' "$name" "$(statistic "$name" number_of_executed_units)" \
			"$(statistic "$name" average_exec_per_sec)" "$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$build/fuzz/$name/log" | tail -n 1)" \
			"$(find "$build/fuzz/$name/corpus" -type f | wc -l)" "${found:-none}"
	done
	[ $status = 0 ] || echo "findings: $build/fuzz/NAME/, with the log"
	return $status
}

shopt -s nullglob
build_fuzzers
echo "fuzzing ${fuzzers[*]}: ${seconds} s each, $jobs at a time" >&2
running=0
for name in "${fuzzers[@]}"; do
	if [ $running -ge "$jobs" ]; then
		wait -n
		running=$((running - 1))
	fi
	fuzz "$name" &
	running=$((running + 1))
done
wait
if [ $keep = yes ]; then
	for name in "${fuzzers[@]}"; do
		keep_new "$name"
	done
fi
summarise
