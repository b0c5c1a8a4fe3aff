"""Telling parts: which characters of a line of code a find is about, for the eye.

The place of a find is its line. What stands in the line is looked up again when it is shown, by
the words in the feature's name: a call that is not found is not marked, and nothing else changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from safe_pip.escaping import escaped
from safe_pip.evidence import Evidence

MAX_LINE_CHARS = 400
MAX_SPANS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Characters of a line: from ``start`` up to, and without, ``end``; both count from 0."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedLine:
    """A line as it can be shown, with the telling parts of what is shown."""

    text: str
    spans: tuple[Span, ...]

    @property
    def parts(self) -> Iterator[tuple[str, bool]]:
        """The text in pieces, each with whether it is telling."""
        end = 0
        for span in self.spans:
            yield self.text[end : span.start], False
            yield self.text[span.start : span.end], True
            end = span.end
        yield self.text[end:], False


def marked_line(line: str, evidence: Iterable[Evidence], *, max_chars: int = 400) -> MarkedLine:
    """The line, escaped, with what the finds at its place are about."""
    spans = telling_spans(line, evidence)
    shown, moved, end = "", [], 0
    for span in spans:
        if span.end > max_chars:
            break
        shown += _escaped(line[end : span.start])
        start = len(shown)
        shown += _escaped(line[span.start : span.end])
        moved.append(Span(start=start, end=len(shown)))
        end = span.end
    rest = escaped(line[end:], max_chars=max(0, max_chars - end))
    return MarkedLine(text=shown + rest, spans=tuple(moved))


def telling_spans(line: str, evidence: Iterable[Evidence]) -> tuple[Span, ...]:
    """Disjoint, in order. None where nothing was recognised, or nothing but all of it."""
    head = line[:MAX_LINE_CHARS]
    found = sorted(
        (match.start(), match.end())
        for pattern in dict.fromkeys(_patterns(evidence))
        for match in pattern.finditer(head)
        if match.end() > match.start()
    )
    spans: list[Span] = []
    for start, end in found:
        if spans and start <= spans[-1].end:
            spans[-1] = Span(start=spans[-1].start, end=max(end, spans[-1].end))
        else:
            spans.append(Span(start=start, end=end))
    if len(spans) == 1 and head[spans[0].start : spans[0].end] == line.strip():
        return ()
    return tuple(spans[:MAX_SPANS])


def _escaped(text: str) -> str:
    return escaped(text, max_chars=len(text))


def _calls(names: str) -> re.Pattern[str]:
    """Calls of functions of these names, with the modules and objects in front of them."""
    return re.compile(rf"(?<![\w.])(?:\w{{1,40}}\.){{0,6}}(?:{names})(?=\s{{0,4}}\()")


_EXEC = _calls(r"exec|eval|compile|__import__|import_module|run_path|run_module|exec_module")
_DECODE = _calls(
    r"(?:\w{1,20}_)?[ab](?:16|32|64|85)decode|decode|fromhex|unhexlify|decompress|decrypt|loads|chr"
)
_SPAWN = _calls(
    r"Popen|system|popen|run|call|check_call|check_output|getoutput|startfile|Process|Thread|"
    r"spawn\w{0,4}|exec[lv]\w{0,2}|create_subprocess_\w{4,5}|ShellExecute\w{0,2}"
)
_NET = _calls(
    r"urlopen|urlretrieve|Request|get|post|put|request|connect|create_connection|send|sendall|"
    r"socket|Session|Client|HTTPS?Connection|gethostbyname|getaddrinfo"
)
_ENVIRONMENT = re.compile(r"(?<![\w.])(?:os\.)?(?:environb?|getenv)\b")
_SECRETS = re.compile(
    r"[~/\\\w.-]{0,60}(?:\.(?:ssh|aws|netrc|pypirc|npmrc|kube|docker|gnupg|azure|git-credentials)"
    r"|id_rsa|credentials|wallet|Login Data|Cookies|keychain)[/\\\w.-]{0,60}",
    re.IGNORECASE,
)
_HOST = re.compile(
    r"(?<![\w.])(?:platform\.\w{1,30}|(?:\w{1,30}\.)?(?:gethostname|getuser|getlogin|uname|getnode))"
)
_WRITE = _calls(r"open|write|write_text|write_bytes|writelines|copy\w{0,4}|rename|chmod|extractall")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,10}://[^\s\"'`<>()]{1,200}")
_ENCODED = re.compile(r"(?:\\x[0-9A-Fa-f]{2}){4,100}|[A-Za-z0-9+/_-]{16,400}={0,2}")
_ODD_LETTERS = re.compile(r"[^\x00-\x7f]+")
_AFTER_BLANKS = re.compile(r"(?<=\s{8})\S.{0,400}")
_COMMANDS = re.compile(
    r"(?:powershell|pwsh|curl|wget|certutil|mshta|rundll32|bitsadmin|schtasks|crontab|cmd\.exe|"
    r"cmd /c|(?:ba|z)?sh -c|\bnc\b|chmod \+x)[^\"'\n]{0,160}",
    re.IGNORECASE,
)
_PIP = re.compile(r"\bpip\w{0,2}\b[^\n]{0,20}\binstall\b")
_LOOKUPS = _calls(r"getattr|globals|locals|vars|__import__|import_module")

# By the words in the names of features.
_BY_WORD: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "exec": (_EXEC,),
    "load": (_EXEC,),
    "decode": (_DECODE,),
    "decodes": (_ENCODED, _DECODE),
    "spawn": (_SPAWN,),
    "shell": (_SPAWN, _COMMANDS),
    "thread": (_SPAWN,),
    "delay": (_calls("sleep"),),
    "net": (_NET, _URL),
    "env": (_ENVIRONMENT,),
    "secret": (_SECRETS, _ENVIRONMENT),
    "browser": (_SECRETS,),
    "host": (_HOST, _URL),
    "write": (_WRITE,),
    "file": (_WRITE,),
    "url": (_URL,),
    "probe": (_URL,),
    "imds": (_URL,),
    "encoded": (_ENCODED,),
    "fernet": (_ENCODED,),
    "entropy": (_ENCODED,),
    "longest": (_ENCODED,),
    "escapes": (_ENCODED,),
    "invisible": (_ODD_LETTERS,),
    "confusable": (_ODD_LETTERS,),
    "offscreen": (_AFTER_BLANKS,),
    "semicolon": (_AFTER_BLANKS,),
    "lolbin": (_COMMANDS,),
    "pip": (_PIP,),
    "lookup": (_LOOKUPS,),
}
_NAME_IN_DETAIL = re.compile(r"[A-Za-z_][\w-]{0,60}(?:\.[A-Za-z_][\w-]{0,60}){1,6}")


def _patterns(evidence: Iterable[Evidence]) -> Iterator[re.Pattern[str]]:
    for item in evidence:
        for word in re.split("[_-]", item.feature):
            yield from _BY_WORD.get(word, ())
        # Our own words may name a host or a function of the line.
        for named in _NAME_IN_DETAIL.findall(item.detail[:200]):
            _, _, last = named.rpartition(".")
            yield re.compile(rf"(?<![\w.-]){re.escape(named)}(?![\w-])")
            yield re.compile(rf"(?<![\w.]){re.escape(last)}(?=\()")
