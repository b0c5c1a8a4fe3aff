"""Command lines: what a shell, PowerShell or an interpreter is told to do."""

from __future__ import annotations

import base64
import binascii
import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass

from safe_pip.extractors.late_regex import late_regex


class CommandFact(enum.Enum):
    """Something that a command line does. The values are phrases for people."""

    DESTROYS = "deletes files or switches the machine off"
    DOWNLOAD = "downloads a file"
    DOWNLOAD_AND_RUN = "downloads and runs a file"
    ENCODED = "hides a command in an encoding"
    EXFILTRATE = "sends data away"
    FROM_MEMORY = "runs a program that only memory holds"
    HIDDEN = "hides its window or detaches itself"
    INLINE_CODE = "carries a program in its command line"
    PIP_INSTALL = "installs more packages"
    PUBLISH = "publishes packages"
    REVERSE_SHELL = "gives a shell to a remote host"
    RUNS_OWN_FILE = "runs a file of the distribution"
    TALKS = "talks to the network"
    TELLS_HOST = "tells who and where this machine is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command line as far as it is understood. ``python_code`` are ``python -c`` programs."""

    facts: frozenset[CommandFact]
    python_code: tuple[str, ...] = ()


_FETCH = r"(?:curl|wget|fetch|certutil|bitsadmin|iwr|irm|invoke-webrequest|invoke-restmethod)"
_PATTERNS: tuple[tuple[CommandFact, re.Pattern[str]], ...] = (
    (
        CommandFact.DOWNLOAD_AND_RUN,
        late_regex(
            rf"\b{_FETCH}\b[^|;&\n]*\|\s*(?:sudo\s+)?(?:\S*/)?(?:ba|z|da)?sh\b"
            rf"|\b{_FETCH}\b[^|\n]*\|\s*(?:python|perl|iex|cmd|powershell|node)"
            r"|\biex\b[^\n]*(?:downloadstring|invoke-webrequest|iwr|irm|net\.webclient)"
            r"|(?:downloadstring|invoke-webrequest|iwr|irm)\b[^\n]*\|?\s*\biex\b"
            rf"|\b{_FETCH}\b[^\n]*(?:&&|;|\|\||&)\s*(?:chmod|start|start-process|sh|bash|python\S*"
            r"|cmd|powershell|\./|/tmp/|\S*\.exe)"
            r"|(?:invoke-webrequest|downloadfile|iwr)\b[^\n]*(?:start-process|invoke-item|invoke-expression)"
            r"|(?:\$\(|`)\s*(?:curl|wget)\b|(?:bash|sh)\s+<\(\s*curl"
            r"|\bmshta\b[^\n]*https?:|\bregsvr32\b[^\n]*https?:|\bmsiexec\b[^\n]*https?:"
            r"|\brundll32\b[^\n]*https?:|\bosascript\b[^\n]*curl",
            re.IGNORECASE,
        ),
    ),
    (
        CommandFact.DOWNLOAD,
        late_regex(
            r"\b(?:curl|wget)\b[^\n]*(?:https?:|ftp:|\{\}|\d+\.\d+\.\d+\.\d+)|\bcertutil\b[^\n]*-urlcache"
            r"|\bbitsadmin\b[^\n]*/transfer|downloadfile\(|downloadstring\(|invoke-webrequest"
            r"|start-bitstransfer|\b(?:iwr|irm)\s+[\"']?https?:",
            re.IGNORECASE,
        ),
    ),
    (
        CommandFact.EXFILTRATE,
        late_regex(
            r"\bcurl\b[^\n]*(?:\s-d\b|\s-F\b|--data|--form|\s-T\b|--upload-file|-X\s*POST)"
            r"|\bwget\b[^\n]*--post-(?:data|file)|\bnslookup\b[^\n]*(?:\$|`|\{\})",
        ),
    ),
    (
        CommandFact.TALKS,
        late_regex(
            r"\b(?:curl|wget|nslookup|dig|nc|ncat|ftp|tftp|scp|certutil|bitsadmin|iwr|irm)\b"
            r"|\bhost \S+\.\S|\bping\b[^\n]*(?:\$|`|\{\})|invoke-(?:webrequest|restmethod)"
            r"|\bnet\.(?:webclient|sockets)|\bstart\s+https?:",
            re.IGNORECASE,
        ),
    ),
    (
        CommandFact.TELLS_HOST,
        late_regex(
            r"(?:\$\(|`)\s*(?:hostname|whoami|id|uname|pwd|ifconfig|ip a|cat /etc/)"
            r"|\$(?:HOSTNAME|USER)\b"
            r"|%(?:COMPUTERNAME|USERNAME)%|\$env:(?:COMPUTERNAME|USERNAME)"
            r"|\b(?:whoami|hostname|uname -a)\b[^\n]*\|",
            re.IGNORECASE,
        ),
    ),
    (
        CommandFact.ENCODED,
        late_regex(
            r"powershell[^\n]*\s-e(?:nc?|ncodedcommand|c)?\s+['\"]?[A-Za-z0-9+/=]{16,}"
            r"|base64\s+(?:-d|-D|--decode)\b[^\n]*\|\s*(?:ba|z)?sh|frombase64string",
            re.IGNORECASE,
        ),
    ),
    (
        CommandFact.DESTROYS,
        re.compile(
            r"\bshutdown\b\s+(?:/[srpf]|-[hrP]\b|now\b)|\brm\s+-\w*[rf]\w*\s+(?:--\S+\s+)*(?:/|~/?|\$HOME/?)"
            r"\*?(?:\s|$)|\bformat\s+[a-z]:|\b(?:del|erase)\s+/[a-z](?:\s+/[a-z])*\s+[a-z]:"
            r"|\bmkfs\.\w+\s+/dev/|\bdd\b[^\n]*\bof=/dev/(?:sd|nvme|hd)|\bvssadmin\b[^\n]*delete"
            r"|\bwevtutil\b[^\n]*\bcl\b",
            re.IGNORECASE,
        ),
    ),
    (CommandFact.FROM_MEMORY, re.compile(r"/proc/(?:self|\{\}|\d+)/fd/|/dev/fd/\d")),
    (
        CommandFact.HIDDEN,
        late_regex(
            r"-w(?:indowstyle)?\s+(?:hidden|1)\b|\bnohup\s|\bsetsid\s|\bdisown\b|\bstart\s+/b\b"
            r"|\bpythonw(?:\.exe)?\b|>\s*/dev/null\s+2>&1\s*&\s*$",
            re.IGNORECASE,
        ),
    ),
    (
        CommandFact.PIP_INSTALL,
        late_regex(r"\b(?:pip3?|pip\.exe|uv pip|pipx|easy_install)(?:\S*)\s+(?:\S+\s+)?install\b"),
    ),
    (CommandFact.PUBLISH, late_regex(r"\btwine\s+upload\b|\bnpm\s+publish\b")),
    (
        CommandFact.REVERSE_SHELL,
        late_regex(
            r"/dev/(?:tcp|udp)/|\b(?:nc|ncat|netcat)\b[^\n]*\s-(?:e|c)\s|\bsocat\b[^\n]*exec:"
            r"|\bmkfifo\b[^\n]*\bnc\b|\bbash\s+-i\b[^\n]*>&|net\.sockets\.tcpclient",
            re.IGNORECASE,
        ),
    ),
)
_ENCODED_POWERSHELL = late_regex(
    r"(?:-e(?:nc?|ncodedcommand|c)?|frombase64string\()\s*['\"]?([A-Za-z0-9+/]{16,}={0,2})",
    re.IGNORECASE,
)
_PYTHON_CODE = late_regex(
    r"\bpython[\w.]*(?:\.exe)?['\"]?\s+(?:-[a-zA-Z]+\s+)*?-c\s+(.+)", re.DOTALL
)
_MAX_COMMAND_CHARS = 200_000
_MAX_NESTING = 4


def read_command(text: str, *, nesting: int = 0) -> Command:
    """What a command line does; encoded PowerShell is decoded and read as well."""
    text = text[:_MAX_COMMAND_CHARS]
    facts = {fact for fact, pattern in _PATTERNS if pattern.search(text)}
    code = [_unquote(match.group(1)) for match in _PYTHON_CODE.finditer(text)]
    if nesting < _MAX_NESTING:
        for inner_text in _decoded_powershell(text):
            inner = read_command(inner_text, nesting=nesting + 1)
            facts |= inner.facts
            code.extend(inner.python_code)
    if code:
        facts.add(CommandFact.INLINE_CODE)
    return Command(facts=frozenset(facts), python_code=tuple(code))


def _unquote(code: str) -> str:
    code = code.strip()
    if code[:1] in ("'", '"'):
        end = code.rfind(code[0])
        return code[1 : end if end > 0 else None].replace('\\"', '"')
    return code


def _decoded_powershell(text: str) -> Iterator[str]:
    for match in _ENCODED_POWERSHELL.finditer(text):
        try:
            data = base64.b64decode(match.group(1) + "==")
        except (binascii.Error, ValueError):
            continue
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-8"
        yield data.decode(encoding, errors="replace")
