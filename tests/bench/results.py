#!/usr/bin/env python3
"""Turns run.sh's results into one line of JSON: medians by case and way, ratios to direct, and what was measured.

    tests/bench/results.py RESULTS.txt >>tests/bench/results.jsonl

{"commit": ..., "date": ..., "processors": N, "cases": {CASE: {WAY: {NAME: median, "ratio": x, "spread": [least, most]}}}}
"cpu_us" is the median of both processes' sums. Nothing is rounded here: who shows a figure does that, once, as table.awk.
A ratio is the median of those within a round: frames a second, for "sync" and "start" the median time, for "keys"
the 99th percentile, for "neighbour" the longest pause. The spread is that of the ratios.
"""
import collections
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys

KEPT = ["per_second", "median_us", "p99_us", "max_us"] + [
    f"{side}_{what}" for side in ("host", "guest") for what in ("cpu_us", "own_kb", "idle_kb", "idle_shared_kb")]
COMPARED = {"sync": "median_us", "start": "median_us", "keys": "p99_us", "neighbour": "max_us"}   # others: per_second


def read(path):
    """Lines of name=value pairs, each with a case, a way and a round."""
    for line in path.read_text().splitlines():
        yield dict(pair.split("=", 1) for pair in line.split())


def medians(lines):
    """{name: median} of everything measured in these lines."""
    values = collections.defaultdict(list)
    for line in lines:
        for name, value in line.items():
            if name in KEPT:
                values[name].append(float(value))
        if "host_cpu_us" in line:
            values["cpu_us"].append(float(line["host_cpu_us"]) + float(line["guest_cpu_us"]))
    return {name: statistics.median(found) for name, found in values.items()}


def ratios(case, lines, direct):
    """How each round compares with the direct connection of the same round."""
    name = COMPARED.get(case, "per_second")
    return [float(line[name]) / float(direct[line["round"]][name]) for line in lines
            if line["round"] in direct and name in line]


def summary(lines):
    grouped = collections.defaultdict(lambda: collections.defaultdict(list))
    for line in lines:
        grouped[line["case"]][line["way"]].append(line)
    cases = {}
    for case, ways in grouped.items():
        direct = {line["round"]: line for line in ways.get("direct", [])}
        cases[case] = {}
        for way, found in ways.items():
            cases[case][way] = medians(found)
            compared = ratios(case, found, direct)
            if compared:
                cases[case][way]["ratio"] = statistics.median(compared)
                cases[case][way]["spread"] = [min(compared), max(compared)]
    return cases


def commit():
    source = pathlib.Path(__file__).parent
    try:
        name = subprocess.run(["git", "-C", source, "describe", "--always", "--dirty", "--abbrev=10"],
                              capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:       # no git
        name = ""
    return name or "unknown"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(json.dumps({
        "commit": commit(),
        "date": datetime.date.today().isoformat(),
        "processors": len(os.sched_getaffinity(0)),
        "cases": summary(read(pathlib.Path(sys.argv[1]))),
    }))


if __name__ == "__main__":
    main()
