#!/usr/bin/env python3
"""Completion of a program's command line, made from its own --help.

usage: completions.py bash|zsh|fish PROGRAM"""
import pathlib
import re
import subprocess
import sys

# What an option's value may be. Words: these, with commas where it is a list.
WORDS = {
    "--log-level": "error warn info debug trace",
    "--trace": "guest host x11",
    "--clipboard": "both to-host to-guest none",
    "--fullscreen": "border allow deny",
    "--renderer": "none virgl venus gfxstream drm",
    "--sandbox": "on require off",
    "--security-context": "auto require off",
}
FILES = {"FILE", "PATH"}
# Commands whose argument is a machine that is served: the names of control sockets begin with its name.
MACHINES = {"show"}
SOCKETS = "${XDG_RUNTIME_DIR:-/nonexistent}/wayferry"
NAMES = f"ls \"{SOCKETS}\" 2>/dev/null | sed -n 's/^\\([A-Za-z0-9_-]*\\)\\.[0-9]*\\.control$/\\1/p'"


def read_help(program):
    """([(option, value or "", text)], [(command, text)])"""
    said = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    entries = re.findall(r"^  ([a-z-]\S*)(?: (\S+))?\n((?:        .*\n)+)", said, re.M)
    entries = [(name, value, " ".join(re.sub(r"\[\$.*\]", "", text, flags=re.S).split())) for name, value, text in entries]
    # A first sentence says enough.
    entries = [(name, value, re.split(r"[.:;](?: |$)| \(", text)[0]) for name, value, text in entries]
    return ([entry for entry in entries if entry[0].startswith("--")],
            [(name, text) for name, _, text in entries if not name.startswith("--")])


def bash(name, options, commands):
    function = "_" + name.replace("-", "_")
    words = " ".join([option for option, _, _ in options] + [command for command, _ in commands])
    cases = [f"    {option}) COMPREPLY=($(compgen -W '{WORDS[option]}' -- \"$word\")); return ;;"
             for option, _, _ in options if option in WORDS]
    files = "|".join(option for option, value, _ in options if value in FILES)
    others = "|".join(option for option, value, _ in options if value and value not in FILES and option not in WORDS)
    cases += [f"    {files}) COMPREPLY=($(compgen -f -- \"$word\")); return ;;"] if files else []
    cases += [f"    {others}) return ;;"] if others else []
    machines = "|".join(command for command, _ in commands if command in MACHINES)
    cases += [f"    {machines}) COMPREPLY=($(compgen -W \"$({NAMES})\" -- \"$word\")); return ;;"] if machines else []
    return "\n".join([
        f"# bash completion for {name}",
        f"{function}() {{",
        "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}",
        "    if [ \"$word\" = = ]; then",
        "        word=",
        "    elif [ \"$before\" = = ]; then",
        "        before=${COMP_WORDS[COMP_CWORD-2]}",
        "    fi",
        # Behind it stands a command, of others.
        "    [[ \" ${COMP_WORDS[*]:0:COMP_CWORD} \" != *\" -- \"* ]] || return",
        "    case $before in",
        *cases,
        "    esac",
        f"    COMPREPLY=($(compgen -W '{words}' -- \"$word\"))",
        "}",
        f"complete -o bashdefault -o default -F {function} {name}",
        ""])


def zsh_quoted(text):
    return re.sub(r"([\[\]:\\])", r"\\\1", text).replace("'", "'\\''")


def zsh(name, options, commands):
    lines = [f"#compdef {name}", "_arguments \\"]
    for option, value, text in options:
        action = f":{value}:({WORDS[option]})" if option in WORDS else f":{value}:_files" if value in FILES else f":{value}: " if value else ""
        lines.append(f"    '{option}{'=' if value else ''}[{zsh_quoted(text)}]{action}' \\")
    if commands:
        words = " ".join(f"{command}\\:\"{zsh_quoted(zsh_quoted(text))}\"" for command, text in commands)
        lines.append(f"    '1:command:(({words}))' \\")
    if MACHINES & {command for command, _ in commands}:
        lines.insert(1, f"_{name.replace('-', '_')}_machine() {{ "
                        f"[[ $words[2] == ({'|'.join(sorted(MACHINES))}) ]] && compadd -- $({NAMES}) }}")
        lines.append(f"    '2:machine:_{name.replace('-', '_')}_machine' \\")
    lines.append("    '*:: :_normal'")
    return "\n".join(lines) + "\n"


def fish_quoted(text):
    return text.replace("\\", "\\\\").replace("'", "\\'")


def fish(name, options, commands):
    lines = []
    for option, value, text in options:
        more = f" -x -a '{WORDS[option]}'" if option in WORDS else " -r -F" if value in FILES else " -x" if value else ""
        lines.append(f"complete -c {name} -l {option[2:]}{more} -d '{fish_quoted(text)}'")
    for command, text in commands:
        lines.append(f"complete -c {name} -n __fish_use_subcommand -f -a {command} -d '{fish_quoted(text)}'")
    for command in sorted(MACHINES & {command for command, _ in commands}):
        names = NAMES.replace(SOCKETS, "$XDG_RUNTIME_DIR/wayferry")
        lines.append(f"complete -c {name} -n '__fish_seen_subcommand_from {command}' -x -a '({fish_quoted(names)})'")
    return "\n".join(lines) + "\n"


shell, program = sys.argv[1:]
print({"bash": bash, "zsh": zsh, "fish": fish}[shell](pathlib.Path(program).name, *read_help(program)), end="")
