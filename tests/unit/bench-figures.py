#!/usr/bin/env python3
"""The bench's table and its pictures show the same figures: what table.awk prints of some results is what plot.py draws.

    bench-figures.py SOURCE_ROOT
"""
import pathlib
import re
import subprocess
import sys
import tempfile

BENCH = pathlib.Path(sys.argv[1]) / "tests/bench"
# Medians that lie at the edge of rounding once they were rounded before; and sums whose median is no sum of medians.
ROUNDS = [(100, 87.4996, 10, 90), (100, 87.4999, 90.0004, 12), (100, 87.5003, 11, 50.0006)]


def results():
    for number, (direct, ours, host, guest) in enumerate(ROUNDS, 1):
        common = f"median_us=1 p99_us=2 max_us=3 round={number} case=1080p-full"
        yield f"way=direct per_second={direct} {common}"
        yield (f"way=wayferry per_second={ours} host_cpu_us={host} guest_cpu_us={guest} host_own_kb=1 guest_own_kb=1 "
               f"host_peak_kb=1 guest_peak_kb=1 {common}")


def main():
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        (directory / "results.txt").write_text("\n".join(results()) + "\n", encoding="utf-8")
        table = subprocess.run(["awk", "-f", BENCH / "table.awk", directory / "results.txt"], capture_output=True, text=True,
                               check=True).stdout
        line = subprocess.run([sys.executable, BENCH / "results.py", directory / "results.txt"], capture_output=True, text=True,
                              check=True).stdout
        (directory / "results.jsonl").write_text(line, encoding="utf-8")
        subprocess.run([sys.executable, BENCH / "plot.py", directory / "results.jsonl", directory], check=True)
        drawn = re.findall(r"<text[^>]*>([0-9]+\.[0-9]+)</text>", (directory / "performance-ways.svg").read_text(encoding="utf-8"))
    row = next(line.split() for line in table.splitlines() if line.startswith("  wayferry"))
    words = re.sub(r"\[[^]]*\]", "", " ".join(row)).split()       # without the range of frames
    shown = [words[2], next(word for word in words[3:] if re.fullmatch(r"[0-9]+\.[0-9]{3}", word))]
    if shown != drawn:
        sys.exit(f"the table has {shown}, the picture {drawn}:\n{table}")


if __name__ == "__main__":
    main()
