#!/usr/bin/env python3
"""A hook for coding agents: refuses shell commands that would install without an inspection.

It reads one JSON object from standard input, as agents with "PreToolUse" hooks write it, with the
command under tool_input.command, and answers with a refusal that tells what to run instead, or with
nothing. It never asks. What it cannot read it refuses (exit code 2).

It keeps a well-meaning agent on the path; it is no wall: what a command hides in a script, it does
not see.
"""

from __future__ import annotations

import json
import re
import shlex
import sys

PIP = re.compile(r"pip[0-9.]*")
PYTHON = re.compile(r"(?:python|pypy|py)[0-9.]*(?:\.exe)?")
SHELLS = {"sh", "bash", "dash", "zsh", "eval"}
WRAPPERS = {"sudo", "env", "exec", "command", "time", "nohup", "nice", "xargs", "timeout"}
FETCHING = {"install", "download", "wheel", "lock"}
OTHERS = {"uv": {"add", "sync", "install", "run"}, "pdm": {"add", "install"}}
OTHERS |= {"poetry": {"add", "install"}, "pipx": {"install", "run"}, "easy_install": {""}}
# Where the words of a command cannot be told apart.
ANYWHERE = re.compile(r"(?<![\w-])pip[0-9.]*[\"']?\s[^|;&\n]*\b(?:install|download|wheel)\b")
INSTEAD = (
    "Run `safe-pip --unattended --report safe-pip.json install ...` with pip's own arguments "
    "instead: it inspects every artifact before any code of it can run. Exit code 40 means "
    "blocked; safe-pip.json then says what was found. Do not work around a block: tell the user."
)


def is_unguarded(command: str) -> bool:
    """Whether a part of the command would fetch packages past the inspection."""
    try:
        lexer = shlex.shlex(command.replace("\n", " ; "), posix=True, punctuation_chars=True)
        words = list(lexer)
    except ValueError:
        return bool(ANYWHERE.search(command))
    if re.search(r"\$\(|`|<\(", command) and ANYWHERE.search(command):
        return True
    parts: list[list[str]] = [[]]
    for word in words:
        if set(word) <= set("();<>|&"):
            parts.append([])
        else:
            parts[-1].append(word)
    return any(_is_unguarded_part(part) for part in parts)


def _is_unguarded_part(words: list[str]) -> bool:
    while words and (re.match(r"[A-Za-z_]\w*=", words[0]) or _name(words[0]) in WRAPPERS):
        is_wrapper = "=" not in words[0]
        words = words[1:]
        while is_wrapper and words and re.match(r"-|[0-9.]+[smh]?$", words[0]):
            words = words[1:]
    if not words:
        return False
    name, rest = _name(words[0]), words[1:]
    if name in SHELLS:
        return any(is_unguarded(word) for word in rest if " " in word) or (
            name == "eval" and is_unguarded(" ".join(rest))
        )
    if PYTHON.fullmatch(name) and "-m" in rest[:-1]:
        name, rest = rest[rest.index("-m") + 1], rest[rest.index("-m") + 2 :]
    if PIP.fullmatch(name):
        return not FETCHING.isdisjoint(rest)
    return name in OTHERS and (name == "easy_install" or not OTHERS[name].isdisjoint(rest))


def _name(word: str) -> str:
    return word.replace("\\", "/").rpartition("/")[2]


def main() -> int:
    try:
        document = json.load(sys.stdin)
        command = document["tool_input"].get("command", "")
        is_refused = is_unguarded(command)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        print(f"safe-pip hook: cannot read what to judge: {error!r}", file=sys.stderr)
        return 2
    if is_refused:
        answer = {
            "hookEventName": "PreToolUse",
            "permissionDecision": "deny",
            "permissionDecisionReason": INSTEAD,
        }
        print(json.dumps({"hookSpecificOutput": answer}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
