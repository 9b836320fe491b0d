# Turns run.sh's results (one line of name=value pairs for each case, way and round) into the table.

BEGIN {
	# What is compared with direct's; else frames a second.
	compared["sync"] = compared["start"] = "median_us"
	compared["neighbour"] = "max_us"
	compared["keys"] = "p99_us"
	titles["neighbour"] = "neighbour: a window at 60 Hz beside one of 7680x4320, to be copied; the longest pause"
	titles["keys"] = "keys: from a virtual keyboard's request to the window's event; the 99th percentile"
	titles["start"] = "start: from exec to the first frame of a small program; the median"
}

function field(name,    i)
{
	for (i = 1; i <= NF; i++)
		if (index($i, name "=") == 1)
			return substr($i, length(name) + 2)
	return ""
}

# Sorts values[key, 1 .. count[key]] into sorted[].
function sort_values(key,    i, j, value)
{
	for (i = 1; i <= count[key]; i++) {
		value = values[key, i]
		for (j = i - 1; j >= 1 && sorted[j] > value; j--)
			sorted[j + 1] = sorted[j]
		sorted[j + 1] = value
	}
}

function median(key,    n)
{
	n = count[key]
	if (!n)
		return 0
	sort_values(key)
	return n % 2 ? sorted[(n + 1) / 2] : (sorted[n / 2] + sorted[n / 2 + 1]) / 2
}

function range(key, form)
{
	if (!count[key])
		return ""
	sort_values(key)
	return sprintf("[" form " .. " form "]", sorted[1], sorted[count[key]])
}

function add(case_way, name, value)
{
	values[case_way SUBSEP name, ++count[case_way SUBSEP name]] = value
}

function cpu_ms(key)
{
	return median(key SUBSEP "cpu_us") / 1000
}

{
	key = field("case") SUBSEP field("way")
	if (!(field("case") in case_seen)) {
		case_seen[field("case")] = 1
		cases[++n_cases] = field("case")
	}
	if (!(field("way") in way_seen)) {
		way_seen[field("way")] = 1
		ways[++n_ways] = field("way")
	}
	split("per_second median_us p99_us max_us host_cpu_us guest_cpu_us host_own_kb guest_own_kb host_peak_kb guest_peak_kb host_idle_kb guest_idle_kb guest_idle_shared_kb", names, " ")
	for (i in names)
		if (field(names[i]) != "")
			add(key, names[i], field(names[i]) + 0)
	if (field("host_cpu_us") != "")
		add(key, "cpu_us", field("host_cpu_us") + field("guest_cpu_us"))
	name = compared[field("case")]
	speed = field(name ? name : "per_second")
	if (field("way") == "direct")
		direct[field("case"), field("round")] = speed
	if ((field("case") SUBSEP field("round")) in direct)
		add(key, "ratio", speed / direct[field("case"), field("round")])
}

function print_idle(    key)
{
	key = "idle" SUBSEP "wayferry" SUBSEP
	printf "\nan idle client: %.1f KiB (%.1f + %.1f of their own, %.1f shared)\n",
		median(key "host_idle_kb") + median(key "guest_idle_kb") + median(key "guest_idle_shared_kb"),
		median(key "host_idle_kb"), median(key "guest_idle_kb"), median(key "guest_idle_shared_kb")
}

# Cases that are about how long something takes.
function print_times(name,    i, key)
{
	printf "\n%s\n  %-13s %8s  %24s\n", titles[name], "", "x direct", "ms med/p99/max"
	for (i = 1; i <= n_ways; i++) {
		key = name SUBSEP ways[i] SUBSEP
		if (count[key "max_us"])
			printf "  %-13s %8.2f  %8.2f/%7.2f/%7.2f\n", ways[i], median(key "ratio"),
				median(key "median_us") / 1000, median(key "p99_us") / 1000, median(key "max_us") / 1000
	}
}

function print_case(name,    i, key)
{
	if (name == "idle") {
		print_idle()
		return
	}
	if (name in titles) {
		print_times(name)
		return
	}
	sync = name == "sync"
	printf "\n%s\n", sync ? "wl_display.sync" : name ": window of " (name ~ /4k/ ? "3840x2160" : "1920x1080") ", " (name ~ /full/ ? "every pixel new" : name ~ /copied/ ? "every pixel new, to be copied" : "one row new") " in each frame"
	printf "  %-13s %9s %-20s %8s  %16s  %24s  %13s  %13s\n", "", sync ? "rt/s" : "fps", "", "x direct", sync ? "rt us med/p99" : "latency ms med/p99",
		"cpu ms (host + guest)", "own MB h/g", "peak MB h/g"
	for (i = 1; i <= n_ways; i++) {
		key = name SUBSEP ways[i]
		if (!count[key SUBSEP "per_second"])
			continue
		unit = sync ? 1 : 1000
		printf "  %-13s %9.1f %-20s %8.2f  %8.2f/%7.2f", ways[i], median(key SUBSEP "per_second"), range(key SUBSEP "per_second", "%.0f"),
			median(key SUBSEP "ratio"), median(key SUBSEP "median_us") / unit, median(key SUBSEP "p99_us") / unit
		if (count[key SUBSEP "cpu_us"])
			printf "    %7.3f (%6.3f + %6.3f)  %6.1f/%6.1f  %6.1f/%6.1f", cpu_ms(key), median(key SUBSEP "host_cpu_us") / 1000, median(key SUBSEP "guest_cpu_us") / 1000,
				median(key SUBSEP "host_own_kb") / 1024, median(key SUBSEP "guest_own_kb") / 1024,
				median(key SUBSEP "host_peak_kb") / 1024, median(key SUBSEP "guest_peak_kb") / 1024
		printf "\n"
	}
}

# @most: the target is an upper bound.
function print_target(text, name, value, form, bound, most)
{
	if (!count[name SUBSEP "wayferry" SUBSEP "ratio"]) # not measured, or nothing to compare with
		return
	printf "  %-62s " form "  %s\n", text, value, (most ? value <= bound : value >= bound) ? "met" : "missed"
}

# What wayferry takes of what two processes take that only hand on what they read: about what any bridge of two has to.
function print_beside_bare(text, name, what,    bare)
{
	bare = median(name SUBSEP "bare" SUBSEP what)
	if (bare && count[name SUBSEP "wayferry" SUBSEP what])
		printf "  %-62s %6.2f\n", text, median(name SUBSEP "wayferry" SUBSEP what) / bare
}

function print_all_beside_bare()
{
	printf "\ntimes two processes that look at nothing (bare)\n"
	print_beside_bare("round trip, time", "sync", "median_us")
	print_beside_bare("the same, CPU", "sync", "cpu_us")
	print_beside_bare("1080p, every pixel new: CPU per frame", "1080p-full", "cpu_us")
	print_beside_bare("1080p, one row new: CPU per frame", "1080p-row", "cpu_us")
	print_beside_bare("4K, every pixel new: CPU per frame", "4k-full", "cpu_us")
	print_beside_bare("4K, one row new: CPU per frame", "4k-row", "cpu_us")
	print_beside_bare("key press to event: median", "keys", "median_us")
	print_beside_bare("the same, 99th percentile", "keys", "p99_us")
}

function ratio_of(name)
{
	return median(name SUBSEP "wayferry" SUBSEP "ratio")
}

function largest_own_mb(    i, key, largest)
{
	largest = 0
	for (i = 1; i <= n_cases; i++) {
		key = cases[i] SUBSEP "wayferry" SUBSEP
		sort_values(key "host_own_kb")
		if (sorted[count[key "host_own_kb"]] > largest)
			largest = sorted[count[key "host_own_kb"]]
		sort_values(key "guest_own_kb")
		if (sorted[count[key "guest_own_kb"]] > largest)
			largest = sorted[count[key "guest_own_kb"]]
	}
	return largest / 1024
}

END {
	for (c = 1; c <= n_cases; c++)
		print_case(cases[c])
	if (!("wayferry" in way_seen))
		exit
	if ("bare" in way_seen)
		print_all_beside_bare()
	printf "\ntargets\n"
	print_target("round trip: at most 3 times direct", "sync", ratio_of("sync"), "%6.2f", 3, 1)
	print_target("1080p, every pixel new: at least 0.85 of direct's frames", "1080p-full", ratio_of("1080p-full"), "%6.2f", 0.85, 0)
	print_target("1080p, every pixel copied: at least 0.85 of direct's frames", "1080p-copied", ratio_of("1080p-copied"), "%6.2f", 0.85, 0)
	print_target("1080p, every pixel copied: at most 1.5 ms CPU per frame", "1080p-copied", cpu_ms("1080p-copied" SUBSEP "wayferry"), "%6.3f", 1.5, 1)
	print_target("4K, every pixel new: at least 0.97 of direct's frames", "4k-full", ratio_of("4k-full"), "%6.2f", 0.97, 0)
	print_target("4K, every pixel new: at most 0.1 ms CPU per frame", "4k-full", cpu_ms("4k-full" SUBSEP "wayferry"), "%6.3f", 0.1, 1)
	print_target("4K, every pixel copied: at least 0.8 of direct's frames", "4k-copied", ratio_of("4k-copied"), "%6.2f", 0.8, 0)
	print_target("1080p, one row new: at most 0.1 ms CPU per frame", "1080p-row", cpu_ms("1080p-row" SUBSEP "wayferry"), "%6.3f", 0.1, 1)
	print_target("4K, one row new: at most 0.1 ms CPU per frame", "4k-row", cpu_ms("4k-row" SUBSEP "wayferry"), "%6.3f", 0.1, 1)
	print_target("60 Hz beside 8K: longest pause at most 1.2 times direct's", "neighbour", ratio_of("neighbour"), "%6.2f", 1.2, 1)
	print_target("key press to event, 99th percentile: at most 1.5 times direct", "keys", ratio_of("keys"), "%6.2f", 1.5, 1)
	print_target("exec to first frame: at most 1.5 times direct", "start", ratio_of("start"), "%6.2f", 1.5, 1)
	if (count["idle" SUBSEP "wayferry" SUBSEP "host_idle_kb"]) {
		key = "idle" SUBSEP "wayferry" SUBSEP
		idle = median(key "host_idle_kb") + median(key "guest_idle_kb") + median(key "guest_idle_shared_kb")
		printf "  %-62s %6.1f  %s\n", "an idle client: at most 64 KiB besides buffers", idle, idle <= 64 ? "met" : "missed"
	}
	print_target("either process: below 12 MB besides buffers", cases[1], largest_own_mb(), "%6.1f", 12, 1)
}
