#!/usr/bin/env python3
"""Static analysis of the product: analysis.py SOURCE_DIRECTORY BUILD_DIRECTORY

gcc follows the paths through each function (-fanalyzer), clang-tidy looks for slips (.clang-tidy). What has been
analysed and has not changed since is not analysed again: BUILD_DIRECTORY/analysed has a hash of it.
Each release finds other things; those of Debian 12 have been gone through. Exit status 77: these are others.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

PARTS = ["protocol", "guest-proxy", "host-bridge"]

ANALYZER = [
    "-O0", "-fanalyzer", "-Werror",
    # It does not follow wl_list and arrays of pointers: what is linked into one seems lost.
    "-Wno-analyzer-malloc-leak",
    # It does not know what is never NULL because of a table, a check in another file, or an errno that is not 0.
    "-Wno-analyzer-null-dereference", "-Wno-analyzer-null-argument",
]  # fmt: skip


def product_files(source, build):
    """{file: its compile command} for each file of the product; the flags are those of the build."""
    commands = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(os.path.normpath(os.path.join(entry["directory"], entry["file"])))
        if path.is_relative_to(source) and path.relative_to(source).parts[0] in PARTS:
            words = shlex.split(entry["command"])
            keep = [word for word in words if word.startswith(("-I", "-D", "-W", "-std", "-isystem"))]
            commands[path] = keep
    return commands


def run(*command, cwd):
    result = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return result.returncode, result.stdout


def analyse(path, flags, build, rules):
    gcc = ["gcc", *flags]
    status, text = run(*gcc, "-E", path, cwd=build)
    if status:
        return text
    stamp = build / "analysed" / hashlib.sha256((text + rules).encode()).hexdigest()
    if stamp.exists():
        return ""
    for command in ([*gcc, *ANALYZER, "-c", path, "-o", "/dev/null"], ["clang-tidy", "--quiet", path, "--", *flags]):
        status, text = run(*command, cwd=build)
        if status:
            return text
    stamp.touch()
    return ""


def reviewed():
    """Whether the programs are of the releases whose findings have been gone through."""
    versions = {"gcc": "12.", "clang-tidy": "14."}
    for program, version in versions.items():
        text = subprocess.run([program, "--version"], stdout=subprocess.PIPE, check=True, text=True).stdout
        if not re.search(r"(version|\)) " + re.escape(version), text):
            print(f"not checked: this is {text.splitlines()[0]}, not {version}x")
            return False
    return True


def main():
    if not reviewed():
        return 77
    source, build = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    rules = (source / ".clang-tidy").read_text() + pathlib.Path(__file__).read_text()
    (build / "analysed").mkdir(exist_ok=True)
    files = product_files(source, build)
    assert files, f"{build} compiles nothing of {source}"
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda item: analyse(*item, build, rules), files.items())
        faults = [text for text in found if text]
    print("\n".join(faults) or f"{len(files)} files: nothing found")
    return 1 if faults else 0


sys.exit(main())
