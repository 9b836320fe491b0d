#!/usr/bin/env python3
"""Every option of --help stands in the man page, with the same words, and in README.md's table.

usage: option-texts.py PROGRAM MAN_PAGE.scd README.md"""
import pathlib
import re
import subprocess
import sys

program, page, readme = sys.argv[1:]


def plain(text):
    """The words alone: neither scdoc's marks nor the lines' ends."""
    text = re.sub(r"\\(.)", r"\1", re.sub(r"(?<!\\)\*|(?<![\\\w])_|(?<!\\)_(?!\w)", "", text))
    return " ".join(text.split())


usage = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
options = re.findall(r"^  (--\S+.*)\n((?:        .*\n)+)", usage, re.M)
name = pathlib.Path(program).name
table = pathlib.Path(readme).read_text().split(f"| {name} | |\n")[1].split("\n\n")[0]
manual = plain(pathlib.Path(page).read_text())
wrong = []
for head, text in options:
    option = head.split()[0]
    if option in ("--help", "--version"):
        continue
    words = " ".join(re.sub(r"\s*\[\$.*\]\s*$", "", text, flags=re.S).split())
    if f"{head} {words}" not in manual:
        wrong.append(f"{page}: {head} does not stand there with the words of --help")
    if not re.search(re.escape(f"`{option}") + r"[ `]", table):
        wrong.append(f"{readme}: {option} is not in the table of {name}")
for option in re.findall(r"`(--[a-z-]+)", table):
    if not any(head.split()[0] == option for head, _ in options) and option not in ("--",):
        wrong.append(f"{readme}: {name} has no {option}")
for head in re.findall(r"^\*(--[a-z-]+)\*", pathlib.Path(page).read_text(), re.M):
    if f"  {head}" not in usage:
        wrong.append(f"{page}: {name} has no {head}")
if "doctor" not in usage or "`doctor`" not in table:
    wrong.append(f"{name}: doctor is missing")
print(f"{len(options)} options of {name}")
print("\n".join(wrong))
sys.exit(1 if wrong or len(options) < 6 else 0)
