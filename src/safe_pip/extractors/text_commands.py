"""Text features of command lines: system programs in the roles that attacks give them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence, Location
from safe_pip.extractors.late_regex import late_regex
from safe_pip.extractors.literals import Literal, SpokenText
from safe_pip.feature import Feature, Fold, Group

FEATURES = (
    Feature(
        name="lolbin_strings",
        group=Group.TEXT,
        fold=Fold.COUNT,
        is_monotone=True,
        clip=math.log1p(8),
        reason="an attack needs the system's own programs to fetch, hide, decode and stay",
        says="carries a command line of the kind that attacks use",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Command:
    """``word`` has to be in the lower-case text before ``pattern`` is tried."""

    word: str
    pattern: re.Pattern[str]
    detail: str


def _command(word: str, pattern: str, detail: str) -> _Command:
    return _Command(word=word, pattern=late_regex(pattern), detail=detail)


# Words of a command stand in one string or in a list of strings, joined by line ends here. Gaps
# are bounded, so that a pattern is linear in the text behind each occurrence of its word. Where
# the word is common, what may not stand before it is asked for behind it, which is faster.
_GAP = r"[^\x00]{0,160}?"
_COMMANDS = (
    _command(
        "powershell",
        rf"powershell(?:\.exe)?\s{_GAP}(?:-e(?:nc|ncodedcommand|c)?\s|-w(?:indowstyle)?\s+h|"
        r"-nop|-ep\s+bypass|-executionpolicy\s+bypass|iex\b|downloadstring|invoke-)",
        "PowerShell, hidden, encoded or fetching",
    ),
    _command("start-process", r"start-process\s", "PowerShell starts a program"),
    _command("downloadstring", r"\.download(?:string|file)\s*\(", "PowerShell fetches code"),
    _command("invoke-expression", r"invoke-expression", "PowerShell runs text"),
    _command("invoke-webrequest", r"invoke-webrequest\s", "PowerShell fetches a file"),
    _command(
        "curl",
        rf"curl(?<=\bcurl)\s{_GAP}\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b",
        "curl piped to a shell",
    ),
    _command(
        "wget",
        rf"wget(?<=\bwget)\s{_GAP}\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b",
        "wget piped to a shell",
    ),
    _command(
        "curl",
        r"curl(?<=\bcurl)(?:\.exe)?\s+(?:-\w+\s+){0,4}(?:-o|--output)\s",
        "curl fetches a file",
    ),
    _command(
        "base64", r"base64\s+(?:-d|-D|--decode)\s{0,4}\|\s{0,4}\w{0,4}sh\b", "decodes into a shell"
    ),
    _command(
        "certutil",
        rf"certutil(?:\.exe)?\s{_GAP}-(?:urlcache|decode)",
        "certutil fetches or decodes",
    ),
    _command(
        "mshta", r"\bmshta(?:\.exe)?\s+(?:http|vbscript|javascript|\")", "mshta runs a script"
    ),
    _command("osascript", r"\bosascript\s+(?:-e|-l|/)", "osascript runs AppleScript"),
    _command("wscript", r"\b[wc]script(?:\.exe)?\s+(?://|\S{1,80}\.(?:vbs|js))", "the script host"),
    _command("wscript.shell", r"wscript\.shell", "the script host's shell object"),
    _command("regsvr32", r"\bregsvr32(?:\.exe)?\s+/", "regsvr32 registers a library"),
    _command("rundll32", r"\brundll32(?:\.exe)?\s+\S", "rundll32 runs a library"),
    _command("bitsadmin", r"\bbitsadmin(?:\.exe)?\s+/", "bitsadmin fetches a file"),
    _command("schtasks", r"\bschtasks(?:\.exe)?\s+/create", "schedules a task"),
    _command("crontab", r"\bcrontab\s+-\s|\|\s*crontab\b", "installs a cron job"),
    _command("launchctl", r"\blaunchctl\s+(?:load|bootstrap)\b", "loads a launch agent"),
    _command("currentversion", r"currentversion\\{1,2}run\b", "starts with Windows"),
    _command("/dev/tcp/", r"/dev/tcp/", "a shell over the network"),
    _command("bash", r"bash(?<=\bbash)\s+-i\b", "an interactive shell"),
    _command("nc", r"nc(?<=\bnc)(?:at)?\s+(?:-\w+\s+){0,4}-\w{0,3}e\s", "netcat with a shell"),
    _command("mkfifo", r"\bmkfifo\s+/tmp/", "a pipe for a reverse shell"),
    _command(
        "chmod",
        r"\bchmod\s+(?:\+x|7[0-7][0-7])\s+\S{0,80}(?:/tmp|/var/tmp|/dev/shm)",
        "makes a dropped file a program",
    ),
    _command("mppreference", r"(?:add|set)-mppreference", "switches off Windows Defender"),
    _command("attrib", r"attrib(?<=\battrib)\s+(?:\+s\s+)?\+h\b", "hides a file"),
    _command("vssadmin", r"\bvssadmin\s+delete", "deletes back-ups"),
    _command(
        "exec(",
        r"python(?<=\bpython)[0-9.]{0,4}w?(?:\.exe)?\s+-c\s+[^\n]{0,80}exec\(",
        "Python runs text",
    ),
    _command(
        "cmd",
        r"cmd(?<=\bcmd)(?:\.exe)?\s+/c\s+(?:start|curl|powershell|del|copy|\")",
        "a hidden command prompt",
    ),
)


# What is asked of units without code that could run a command: the words that say most.
_TELLING_WORDS = ("powershell", "osascript", "/dev/tcp/", "mshta", "certutil", "schtasks")


def may_hold_command(lowered: str) -> bool:
    """Whether a lower-case text names one of the programs that attacks use most."""
    return any(word in lowered for word in _TELLING_WORDS)


def observe_commands(
    path: str, spoken: SpokenText, *, is_script: bool = False
) -> Iterator[Evidence]:
    """Evidence of command lines in literals, one for each kind; docstrings only explain.

    A script in another language is made of commands: there only the telling words count.
    """
    lowered = spoken.lowered
    for command in _COMMANDS:
        if is_script and command.word not in _TELLING_WORDS:
            continue
        match = command.pattern.search(lowered) if command.word in lowered else None
        if match is not None:
            literal, line = _place_of(spoken.literals, match.start())
            yield Evidence(
                feature="lolbin_strings",
                location=Location(path=path, line=line),
                surface=literal.surface,
                excerpt=lowered[match.start() : match.start() + MAX_EXCERPT_CHARS],
                detail=command.detail,
            )


def _place_of(literals: Sequence[Literal], offset: int) -> tuple[Literal, int]:
    """The literal at an offset of the joined literals, and the line there."""
    for literal in literals:
        if offset <= len(literal.text):
            inner = 0 if literal.is_folded else literal.text.count("\n", 0, offset)
            return literal, literal.line + inner
        offset -= len(literal.text) + 1
    return literals[-1], literals[-1].line
