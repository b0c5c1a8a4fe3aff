"""Labels of malicious samples: not all that was removed from an index is malware.

The rules read words and syntax, not features, so that no label depends on what the extractors
can see.
"""

from __future__ import annotations

import ast
import enum
import re

from model.payloads import parse_quietly, text_of
from safe_pip.distribution import Distribution


class Label(enum.Enum):
    """What a sample is. Only MALICIOUS and, at low weight, BEACON are positives."""

    MALICIOUS = "malicious"
    BEACON = "research beacon"
    EMPTY = "empty squat"
    BENIGN = "benign"

    @property
    def is_positive(self) -> bool:
        return self in (Label.MALICIOUS, Label.BEACON)


_RESEARCH = re.compile(
    r"bug ?bounty|dependency confusion|security research|proof[ -]of[ -]concept|hackerone|"
    r"bugcrowd|oastify|oast\.|burpcollaborator|interact\.sh|interactsh|canarytokens|dnslog|"
    r"pipedream|research purpose|pentest",
    re.IGNORECASE,
)
_HARMFUL = re.compile(
    r"\b(exec|eval|fernet|b64decode|urlretrieve|powershell|popen|wallet|discord|telegram|"
    r"cookies|login data|startupinfo|\.exe|\.ssh|id_rsa|aws_secret|chmod|writefile)\b",
    re.IGNORECASE,
)
_HARMLESS_MODULES = frozenset(
    {
        "setuptools", "distutils", "os", "sys", "codecs", "pathlib", "io", "re", "typing", "math",
        "random", "string", "time", "datetime", "json", "collections", "itertools", "functools",
        "__future__", "warnings", "enum", "dataclasses", "abc", "logging", "numpy", "pandas",
        "types", "copy", "operator", "textwrap", "unittest", "pytest",
    }
)  # fmt: skip
_ACTING_CALLS = frozenset(
    {
        "exec", "eval", "compile", "__import__", "getattr", "system", "popen", "spawn", "startfile",
        "getlogin", "environ", "getenv", "remove", "chmod", "kill", "fork", "write_text",
        "write_bytes", "symlink", "rename",
    }
)  # fmt: skip
_ACTIVE_SUFFIXES = (
    ".pth", ".exe", ".dll", ".so", ".pyd", ".pyc", ".js", ".sh", ".bat", ".ps1",
)  # fmt: skip
_BINARY = (b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


def label_malicious(distribution: Distribution) -> Label:
    """The label of a sample of the malicious corpus."""
    if not _has_behaviour(distribution):
        return Label.EMPTY
    texts = [text_of(file) for file in distribution.python_files() if file.size < 200_000]
    everything = "\n".join([*texts, distribution.description, distribution.header("summary")])
    if _RESEARCH.search(everything) and not _HARMFUL.search("\n".join(texts)):
        return Label.BEACON
    return Label.MALICIOUS


def _has_behaviour(distribution: Distribution) -> bool:
    for file in distribution.files:
        if file.path.endswith((".py", ".pyw")):
            if _acts(text_of(file)):
                return True
        elif file.path.endswith(_ACTIVE_SUFFIXES) or file.head(4).startswith(_BINARY):
            return True
    return False


def _acts(source: str) -> bool:
    """Whether a file imports or calls anything that reaches beyond the interpreter."""
    tree = parse_quietly(source)
    if tree is None:
        # Python 2, or made so that it does not parse here: words have to do.
        return re.search(r"\b(exec|eval|import|system|urlopen|socket)\b", source) is not None
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                if any(name.name.partition(".")[0] not in _HARMLESS_MODULES for name in names):
                    return True
            case ast.ImportFrom(module=str(module), level=0):
                if module.partition(".")[0] not in _HARMLESS_MODULES:
                    return True
            case ast.Name(id=name) | ast.Attribute(attr=name):
                if name in _ACTING_CALLS:
                    return True
    return False
