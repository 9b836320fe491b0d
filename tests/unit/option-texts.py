#!/usr/bin/env python3
"""Every option of --help stands in the man page, with the same words, and the other way round. What
README.md and docs/ give a program on its command line are options of it.

usage: option-texts.py PROGRAM MAN_PAGE.scd"""
import pathlib
import re
import subprocess
import sys

program, page = sys.argv[1:]


def plain(text):
    """The words alone: neither scdoc's marks nor the lines' ends."""
    text = re.sub(r"\\(.)", r"\1", re.sub(r"(?<!\\)\*|(?<![\\\w])_|(?<!\\)_(?!\w)", "", text))
    return " ".join(text.split())


usage = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
options = re.findall(r"^  (--\S+.*)\n((?:        .*\n)+)", usage, re.M)
name = pathlib.Path(program).name
manual = plain(pathlib.Path(page).read_text())
wrong = []
for head, text in options:
    option = head.split()[0]
    if option in ("--help", "--version"):
        continue
    words = " ".join(re.sub(r"\s*\[\$.*\]\s*$", "", text, flags=re.S).split())
    if f"{head} {words}" not in manual:
        wrong.append(f"{page}: {head} does not stand there with the words of --help")
for head in re.findall(r"^\*(--[a-z-]+)\*", pathlib.Path(page).read_text(), re.M):
    if f"  {head}" not in usage:
        wrong.append(f"{page}: {name} has no {head}")
if "doctor" not in usage or "doctor" not in manual:
    wrong.append(f"{name}: doctor is missing")
for text in [pathlib.Path("README.md"), *pathlib.Path("docs").glob("*.md")]:
    # On a line of the program's own: "wayferry-host --option" and "`wayferry-host ... --option`".
    for words in re.findall(rf"{name}((?: [^\n`;|&]*)?)", text.read_text()):
        for option in re.findall(r" (--[a-z][a-z-]+)", words.split(" -- ")[0]):
            if f"  {option}" not in usage:
                wrong.append(f"{text}: {name} has no {option}")
print(f"{len(options)} options of {name}")
print("\n".join(wrong))
sys.exit(1 if wrong or len(options) < 6 else 0)
