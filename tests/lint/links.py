#!/usr/bin/env python3
"""Every link of the documentation leads to a file of the tree, and to a heading that is there.

usage: links.py SOURCE_DIRECTORY"""
import pathlib
import re
import sys

top = pathlib.Path(sys.argv[1])


def anchors(page):
    """The names that headings of a page are linked by."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


links, wrong = 0, []
for page in [*top.glob("*.md"), *top.glob("docs/*.md")]:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        links += 1
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists():
            wrong.append(f"{page.name}: {link}: there is no such file")
        elif anchor and anchor not in anchors(target):
            wrong.append(f"{page.name}: {link}: there is no such heading")
print(f"{links} links")
print("\n".join(wrong))
sys.exit(1 if wrong or links == 0 else 0)
