#!/usr/bin/env python3
"""Every option of --help stands in the man page, with the same words, in the same order, and the other way round. What
README.md and docs/ give a program on its command line are options of it. Where there is a page for the
configuration file, it has every option and every limit, and its example is one that the program takes.

usage: option-texts.py PROGRAM MAN_PAGE.scd [CONFIGURATION_PAGE.scd]"""
import pathlib
import re
import subprocess
import sys
import tempfile

program, page, *configuration = sys.argv[1:]


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
    if not words.endswith("."):
        wrong.append(f"{name} --help: {head} does not end with a full stop")
in_page = re.findall(r"^\*(--[a-z0-9-]+)\*(?: _.*)?$", pathlib.Path(page).read_text(), re.M)
in_help = [head.split()[0] for head, text in options if head not in ("--help", "--version")]
if in_page != in_help:
    wrong.append(f"{page}: its options are not in the order of --help: {' '.join(in_help)}")
for head in re.findall(r"^\*(--[a-z-]+)\*", pathlib.Path(page).read_text(), re.M):
    if f"  {head}" not in usage:
        wrong.append(f"{page}: {name} has no {head}")
commands = re.search(r"^Commands:\n((?:  .*\n)+)", usage, re.M)
for head in re.findall(r"^  (\S.*)", commands[1] if commands else "", re.M):
    if f"{name} {head}" not in manual:
        wrong.append(f"{page}: '{name} {head}' does not stand there")
if name != "wayferry-x11" and f"{name} doctor" not in manual:
    wrong.append(f"{name}: doctor is missing")
for text in [pathlib.Path("README.md"), *pathlib.Path("docs").glob("*.md")]:
    # On a line of the program's own: "wayferry-host --option" and "`wayferry-host ... --option`".
    for words in re.findall(rf"{name}((?: [^\n`;|&]*)?)", text.read_text()):
        for option in re.findall(r" (--[a-z][a-z-]+)", words.split(" -- ")[0]):
            if f"  {option}" not in usage:
                wrong.append(f"{text}: {name} has no {option}")
def check_configuration(page):
    text = pathlib.Path(page).read_text()
    options_text = text.split("# OPTIONS")[1].split("\n# ")[0]
    keys = set(re.findall(r"^\*([a-z-]+)\* = ", options_text, re.M))
    named = {head.split()[0][2:] for head, text in options if not text.strip().startswith("Of ")} - {"config", "help", "version"}
    for key in keys ^ named:
        wrong.append(f"{page}: {key} is only in one of it and --help")
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as example:
        example.write(text.split("```")[1])
        example.flush()
        run = subprocess.run([program, "--vm", "work", "--config", example.name, "--renderer", "none", "capabilities"],
                             capture_output=True, text=True)
    if run.returncode != 0:
        wrong.append(f"{page}: its example is refused: {run.stderr}")
    section = text.split("# SECTIONS [clipboard]")[1].split("\n# ")[0]
    rules = re.search("^clipboard: (.*)$", run.stdout, re.M)[1]
    for key in set(re.findall(r"^\*([a-z-]+)\* = ", section, re.M)) ^ set(re.findall(r"(?:^|, )([a-z-]+) ", rules)):
        wrong.append(f"{page}: {key} of [clipboard] is only in one of it and capabilities")
    section = text.split("# SECTION [limits]")[1].split("\n# ")[0]
    for limit in set(re.findall(r"^\*([a-z0-9-]+)\*$", section, re.M)) ^ set(re.findall(r"^limit (\S+)", run.stdout, re.M)):
        wrong.append(f"{page}: {limit} is only in one of it and capabilities")


for page in configuration:
    check_configuration(page)
print(f"{len(options)} options of {name}")
print("\n".join(wrong))
sys.exit(1 if wrong or len(options) < 6 else 0)
