#!/usr/bin/env python3
"""Each sentence and each block of commands of docs/virtual-machines.md and docs/libvirt.md has a line in sentences.txt, which
says what shows that it is true: tests, which exist, or what was done by hand.

usage: sentences.py SOURCE_DIRECTORY"""
import pathlib
import re
import sys

top = pathlib.Path(sys.argv[1])
TABLE = "tests/lint/sentences.txt"
PAGES = ["docs/virtual-machines.md", "docs/libvirt.md"]


def sentences(text):
    """Those of a page, in their order; of each block its first line, with a mark in front."""
    for i, part in enumerate(re.split(r"^```.*\n", text, flags=re.M)):
        if i % 2:
            yield "$ " + part.split("\n")[0].strip()
            continue
        for paragraph in re.split(r"\n(?=\s*\n|- |#)", part):
            if words := " ".join(paragraph.split()).removeprefix("- "):
                if not words.startswith("#"):
                    yield from re.split(r"(?<=[.?!])\)? (?=[A-Z`(]|wayferry-|crosvm|cloud-)", words)


def read_table():
    """{page: [(beginning of a sentence, [what shows it])]}"""
    table, page = {}, None
    for line in (top / TABLE).read_text().splitlines():
        if line.startswith("# "):
            page = table.setdefault(line[2:], [])
        elif line:
            beginning, _, shown = line.rpartition(" => ")
            named, mark, done = shown.partition("by hand: ")
            page.append((beginning, [name for name in named.split(", ") if name] + [mark + done] * bool(mark)))
    return table


def existing_tests():
    """The labels of tests/run.sh --list, without running it, and the unit tests' functions."""
    found = set()
    for script in [*top.glob("tests/e2e/*.sh"), *top.glob("tests/vm/test-*.sh")]:
        text = script.read_text()
        suite, prefix = script.stem.split("-")[0], ""
        if script.stem.startswith("test-"):
            suite, prefix = "vm", script.stem.removeprefix("test-") + "-"
        for names in re.findall(r"^(?:tests|full|plain)\+?=\(([^)]*)\)", text, re.M):
            found |= {f"{suite} {prefix}{name.split(':')[0]}" for name in names.split()}
    found |= set(re.findall(r"^test\('(lint \w+)'", (top / "tests/lint/meson.build").read_text(), re.M))
    for program in top.glob("tests/unit/**/test_*.c"):
        found |= {"unit " + name for name in re.findall(r"^static void (\w+)\(void \*\*state\)", program.read_text(), re.M)}
    return found


def problems_of(page, entries, tests):
    text = list(sentences((top / page).read_text()))
    for sentence in text:
        lines = [entry for entry in entries if sentence.startswith(entry[0])]
        if len(lines) != 1:
            yield f"{page}: {len(lines)} lines for: {sentence}"
    for beginning, shown in entries:
        if not any(sentence.startswith(beginning) for sentence in text):
            yield f"{page} has no such sentence any more: {beginning}"
        for test in shown:
            if not test.startswith("by hand: ") and test != "no promise" and test not in tests:
                yield f"{page}: there is no test {test}, for: {beginning}"
        if beginning.startswith("$ ") and shown == ["no promise"]:
            yield f"{page}: commands are a promise: {beginning}"


table, tests = read_table(), existing_tests()
problems = [problem for page in PAGES for problem in problems_of(page, table.get(page, []), tests)]
shown = [test for page in PAGES for _, tests in table.get(page, []) for test in tests]
by_hand = sum(test.startswith("by hand: ") for test in shown)
print(f"{sum(map(len, table.values()))} sentences and blocks: {len(set(shown) & tests)} tests, {by_hand} tried by hand")
print("\n".join(problems))
sys.exit(1 if problems or not shown else 0)
