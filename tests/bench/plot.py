#!/usr/bin/env python3
"""Draws the figures of docs/performance.md from lines that run.sh --json wrote.

    tests/bench/plot.py [RESULTS.jsonl [DIRECTORY]]      (tests/bench/results.jsonl, docs)

performance-ways.svg: the last line; frames (round trips, pauses) as ratios to the direct connection, and CPU a frame.
performance-trend.svg: wayferry's ratios over all lines, by commit, where there are several.
"""
import html
import json
import math
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
# What more of means better, and what more of means worse
FRAMES = {
    "1080p-full": "1080p, every pixel new", "1080p-copied": "1080p, copied", "1080p-row": "1080p, one row",
    "4k-full": "4K, every pixel new", "4k-copied": "4K, copied", "4k-row": "4K, one row",
}
TIMES = {"sync": "round trip", "neighbour": "longest pause beside 8K"}
COLOURS = {"wayferry": "#2563a8", "bare": "#9db8d6", "waypipe-lz4": "#c7772e", "waypipe-none": "#8a8f98"}
TREND_COLOURS = ["#2563a8", "#c7772e", "#3b8f5a", "#8b5fb0", "#b03a48", "#5c6670", "#c9a227", "#3aa0a8"]
LONGEST = 10        # longer bars are cut off
LABEL, BAR, HEIGHT, GAP = 190, 250, 13, 12      # of a panel of bars, in pixels


class Picture:
    def __init__(self, width, height):
        self.width, self.height, self.parts = width, height, []

    def text(self, x, y, words, anchor="start", size=12, colour="#222"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
                          f'fill="{colour}">{html.escape(words)}</text>')

    def box(self, x, y, width, height, colour):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>')

    def line(self, points, colour="#999", width=1.0, dash=""):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"'
                          + (f' stroke-dasharray="{dash}"' if dash else "") + "/>")

    def write(self, path):
        path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
                        f'width="{self.width}" height="{self.height}" font-family="sans-serif">\n'
                        f'<rect width="100%" height="100%" fill="white"/>\n'
                        + "\n".join(self.parts) + "\n</svg>\n", encoding="utf-8")


def bars(picture, left, title, rows, marks, digits):
    """A panel: a row for each (label, [(way, value)]); marks are values with a dashed line of their own. Values have as many
    digits behind the point as in table.awk."""
    most = min(LONGEST, max(value for _, found in rows for _, value in found))
    scale = BAR / most
    picture.text(left, 24, title, size=13)
    y = 40
    for label, found in rows:
        picture.text(left + LABEL - 8, y + HEIGHT * len(found) / 2 + 4, label, "end", 11)
        for way, value in found:
            width = min(value, most) * scale
            picture.box(left + LABEL, y, width, HEIGHT - 2, COLOURS[way])
            picture.text(left + LABEL + width + 4, y + HEIGHT - 4, f"{value:.{digits}f}" if value <= most else f"{value:.0f}, cut off",
                         size=10, colour="#555")
            y += HEIGHT
        y += GAP
    for mark in marks:
        picture.line([(left + LABEL + mark * scale, 32), (left + LABEL + mark * scale, y - GAP)], dash="3,3")
    return y


def rows_of(cases, names, value):
    """[(label, [(way, value)])] of the cases that have it."""
    rows = [(label, [(way, value(cases[case][way])) for way in COLOURS if value(cases.get(case, {}).get(way, {})) is not None])
            for case, label in names.items()]
    return [row for row in rows if row[1]]


def cpu_ms(figures):
    if "cpu_us" in figures:
        return figures["cpu_us"] / 1000
    if "host_cpu_us" not in figures:
        return None
    return (figures["host_cpu_us"] + figures["guest_cpu_us"]) / 1000    # of older lines


def draw_ways(result, path):
    cases = result["cases"]
    panels = [
        ("frames a second, of direct's (more is better)", rows_of(cases, FRAMES, lambda f: f.get("ratio")), [1], 2),
        ("CPU of both processes, ms a frame (less is better)", rows_of(cases, FRAMES, cpu_ms), [], 3),
        ("time, of direct's (less is better)", rows_of(cases, TIMES, lambda f: f.get("ratio")), [1], 2),
    ]
    panels = [panel for panel in panels if panel[1]]
    tallest = max(sum(len(found) * HEIGHT + GAP for _, found in rows) for _, rows, _, _ in panels)
    picture = Picture(len(panels) * (LABEL + BAR + 60), tallest + 90)
    for index, (title, rows, marks, digits) in enumerate(panels):
        bars(picture, 10 + index * (LABEL + BAR + 60), title, rows, marks, digits)
    x = 20
    for way, colour in COLOURS.items():
        picture.box(x, tallest + 62, 12, 12, colour)
        picture.text(x + 18, tallest + 72, way)
        x += 120
    picture.text(picture.width - 10, tallest + 72, f"{result['commit']}, {result['date']}, {result['processors']} processors",
                 "end", 11, "#555")
    picture.write(path)


def draw_trend(results, path):
    """Each case's ratio (log scale) over the results; on the right the last value and its name."""
    names = {**FRAMES, **TIMES}
    lines = {case: [(i, result["cases"][case]["wayferry"]["ratio"]) for i, result in enumerate(results)
                    if "ratio" in result["cases"].get(case, {}).get("wayferry", {})] for case in names}
    lines = {case: points for case, points in lines.items() if points}
    values = [value for points in lines.values() for _, value in points] + [1]
    low, high = math.log(min(values)) - 0.1, math.log(max(values)) + 0.1
    picture = Picture(760, 420)
    step = 460 / max(1, len(results) - 1)

    def place(index, value):
        return 60 + index * step, 380 - (math.log(value) - low) / (high - low) * 330

    picture.text(20, 24, "wayferry, relative to the direct connection of the same run", size=13)
    for tick in (0.25, 0.5, 1, 2, 4, 8):
        if low <= math.log(tick) <= high:
            y = place(0, tick)[1]
            picture.line([(60, y), (520, y)], "#ccc", dash="" if tick == 1 else "3,3")
            picture.text(52, y + 4, f"{tick:g}", "end", 11)
    for index, result in enumerate(results):
        picture.text(place(index, 1)[0], 400 + 12 * (index % 2), result["commit"], "middle", 9, "#555")
    taken = []
    for colour, (case, points) in zip(TREND_COLOURS, sorted(lines.items(), key=lambda item: -item[1][-1][1])):
        places = [place(*point) for point in points]
        picture.line(places, colour, 2)
        for x, y in places:
            picture.box(x - 2, y - 2, 4, 4, colour)
        y = max([places[-1][1] + 4] + [other + 14 for other in taken])
        taken = [y]
        picture.text(534, y, f"{points[-1][1]:.2f}  {names[case]}", size=11, colour=colour)
    picture.write(path)


def main():
    if len(sys.argv) > 3 or "--help" in sys.argv:
        sys.exit(__doc__)
    source = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "results.jsonl"
    directory = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else HERE.parent.parent / "docs"
    results = [json.loads(line) for line in source.read_text().splitlines()]
    draw_ways(results[-1], directory / "performance-ways.svg")
    if len(results) > 1:
        draw_trend(results, directory / "performance-trend.svg")


if __name__ == "__main__":
    main()
